"""Decide what an association needs to know of its peer and of us before it is opened."""

from collections.abc import Callable
from dataclasses import dataclass

from dcmtools.config import Peer
from dcmtools.net.identity import Identity

DEFAULT_TIMEOUT = 30.0
"""Seconds."""
DEFAULT_MAX_PDU = 131072
"""Bytes."""
SMALLEST_PDU, LARGEST_PDU = 4096, 1 << 20
"""Bytes: from where on peers work, and a limit for what a peer may have us keep in memory."""


def untold(line: str) -> None:
    """Leave what happens on an association untold."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a peer, and as whom.

    Parameters
    ----------
    peer : Peer
        Where it listens, what it is called and whether it speaks TLS.
    calling_aet : str
        Our own AE title, 1 to 16 characters (PS3.8 9.3.2).
    connect_timeout : float
        The seconds that TCP, and then TLS, may take; above 0.
    acse_timeout : float
        The seconds to wait for each answer to an A-ASSOCIATE-RQ or an A-RELEASE-RQ; above 0.
    dimse_timeout : float or None
        The seconds to wait without any response to a DIMSE request; above 0. None for no limit as
        long as the connection lives.
    max_pdu : int
        The most bytes of a P-DATA-TF PDU's variable field that we are ready to receive (PS3.8
        D.1), `SMALLEST_PDU` to `LARGEST_PDU`.
    identity : Identity or None
        Who we say we are (PS3.7 D.3.3.7); None to say nothing.
    trace : callable
        Is told, a line at a time, what happens on the association; never a value of a data set.
    """

    peer: Peer
    calling_aet: str = "DCMTOOLS"
    connect_timeout: float = DEFAULT_TIMEOUT
    acse_timeout: float = DEFAULT_TIMEOUT
    dimse_timeout: float | None = DEFAULT_TIMEOUT
    max_pdu: int = DEFAULT_MAX_PDU
    identity: Identity | None = None
    trace: Callable[[str], None] = untold

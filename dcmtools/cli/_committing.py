"""Have a peer confirm for a command that it keeps what it has got, and listen for that."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from dcmtools.cli._sent import Account
from dcmtools.errors import DcmtoolsError
from dcmtools.net.access import Access
from dcmtools.net.admission import Rules
from dcmtools.net.commitment import STORAGE_COMMITMENT, CommitmentReports, commit
from dcmtools.net.scp import Receiver
from dcmtools.output.talk import Talk


@dataclass(frozen=True, slots=True)
class Waiting:
    """How to wait for reports.

    Parameters
    ----------
    seconds : float
        How long.
    port : int or None
        Where to listen for those that come on an association of their own; None not to.
    """

    seconds: float
    port: int | None


class Committing:
    """Storage commitment for one run; use it in a ``with`` block.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    waiting : Waiting
        How to wait for its report.
    talk : Talk
        Where messages go.

    Raises
    ------
    ConnectionFailedError
        The port cannot be listened on.
    ConfigError
        Our certificate is of no use.
    """

    def __init__(self, access: Access, waiting: Waiting, talk: Talk) -> None:
        self._access = access
        self._waiting = waiting
        self._talk = talk
        self._reports: CommitmentReports | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Listen, where that is wanted: before anything is sent that nobody could report on."""
        if self._waiting.port is not None:
            self._reports = CommitmentReports()
            rules = Rules(self._access.calling_aet, stores=False, services=(STORAGE_COMMITMENT,))
            receiver = Receiver(
                None,
                rules,
                self._waiting.port,
                services={STORAGE_COMMITMENT: self._reports},
                trace=self._access.trace,
            )
            self._stack.enter_context(receiver)
            aet, peer = self._access.calling_aet, self._access.peer.label
            self._talk.summary(
                f"listening as {aet} on port {receiver.port}; {peer} must map {aet} to this address"
            )
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Stop listening."""
        self._stack.close()

    def commit(self, account: Account) -> None:
        """Ask for what has arrived; what the peer says is told and counted."""
        if not account.arrived:
            return
        instances = [(sop_class, uid) for uid, (sop_class, _) in account.arrived.items()]
        seconds = self._waiting.seconds
        try:
            answer = commit(self._access, instances, wait=seconds, receiver=self._reports)
        except DcmtoolsError as error:
            account.trouble(type(error)(error.what, f"storage commitment: {error.why}", error.hint))
        else:
            account.commitment(answer)

"""Receive objects that others send: Verification and Storage as SCP (PS3.4 Annexes A and B).

Each connection is served in a thread of its own, by `dcmtools.net.serving`.
"""

from collections.abc import Callable, Mapping
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Self

from dcmtools.net.access import untold
from dcmtools.net.admission import Rules
from dcmtools.net.fault_injection import Faults
from dcmtools.net.happenings import Happening
from dcmtools.net.listener import Listener, Visitor
from dcmtools.net.negotiation import load_codecs
from dcmtools.net.serving import Responder, Serving, Setting
from dcmtools.net.storage import Storage

if TYPE_CHECKING:
    import ssl


class Receiver:
    """Listens on a port and stores what comes, in threads of its own; use it in a ``with`` block.

    Parameters
    ----------
    storage : Storage or None
        Where objects go; None where the rules take none.
    rules : Rules
        What is taken from whom.
    port : int
        The port to listen on; 0 for any that is free.
    host : str
        The address to listen on; "" for all.
    told : callable
        Is told what happens; one thing at a time, in the thread that it happens in.
    tls : ssl.SSLContext, optional
        What connections are secured with.
    idle : float
        The seconds that an association may do nothing.
    services : dict of str to Responder
        What answers requests of other SOP classes.
    faults : Faults, optional
        What is done wrong on request.
    trace : callable
        Is told, a line at a time, how things are done.

    Raises
    ------
    ConnectionFailedError
        The port cannot be listened on.
    """

    def __init__(  # noqa: PLR0913 - a receiver has that many sides
        self,
        storage: Storage | None,
        rules: Rules,
        port: int,
        *,
        host: str = "",
        told: Callable[[Happening], None] = lambda _: None,
        tls: "ssl.SSLContext | None" = None,
        idle: float = 300.0,
        services: Mapping[str, Responder] | None = None,
        faults: Faults | None = None,
        trace: Callable[[str], None] = untold,
    ) -> None:
        self._told = told
        self._telling = Lock()
        self._numbers = count(1)
        self.rules = rules
        self._setting = Setting(
            storage,
            rules,
            self._tell,
            lambda visitor: self.listener.admit(visitor, rules.most),
            tls,
            idle,
            services or {},
            faults or Faults(),
            trace,
        )
        load_codecs()  # now, and not while the first peer waits
        self.listener = Listener(port, self._serve, host=host)
        self.port = self.listener.port

    def __enter__(self) -> Self:
        """Begin to listen."""
        self.listener.__enter__()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Stop listening and end the associations that are still there."""
        self.listener.__exit__(kind, error, trace)

    def _tell(self, happening: Happening) -> None:
        with self._telling:
            self._told(happening)

    def _serve(self, visitor: Visitor) -> None:
        Serving(self._setting, visitor, next(self._numbers)).serve()

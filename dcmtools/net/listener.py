"""Listen for connections and serve each in a thread of its own; end them all in good order.

Whatever one peer does, the others do not wait for it: nobody is served in the thread that accepts,
connections that ask for nothing give way to others, and there is an end to each.
"""

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread
from time import monotonic
from types import ModuleType
from typing import Self

from dcmtools.errors import ConnectionFailedError, reason

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None

_BACKLOG = 1024
_MOST_IDLE = 400  # connections that have no association, of which the last place is kept free
_GRACE = 0.25  # seconds in which nobody else needs the place of one that asks for nothing
_DESCRIPTORS = 8192  # where the system has no limit for them
_OTHERS = 16  # descriptors for what is neither a connection nor an object
_PAUSE = 0.1  # seconds until there may be a descriptor or a thread to be had again
_LAST_MOMENT = 5.0  # seconds for threads to end whose connections are gone


class Visitor:
    """A connection that has been accepted.

    Parameters
    ----------
    sock : socket
        The connection.
    host : str
        The address of the peer.

    Attributes
    ----------
    admitted : bool
        Whether it has an association, or is about to have one.
    last : float
        When something came of it or went to it, by the monotonic clock.
    """

    __slots__ = ("_gone", "admitted", "host", "last", "sock")

    def __init__(self, sock: socket.socket, host: str) -> None:
        self.sock = sock
        self.host = host
        self.admitted = False
        self.last = monotonic()
        self._gone = False

    def replace(self, sock: socket.socket) -> None:
        """Have another socket in the place of the one that it was made from, as TLS does."""
        self.sock = sock
        if self._gone:  # between the two: nothing was there to shut
            self.shut()

    @property
    def is_shut(self) -> bool:
        """Whether it was ended here, and not by the peer."""
        return self._gone

    def shut(self) -> None:
        """Wake up whoever waits on the connection, in whatever thread."""
        self._gone = True
        with suppress(OSError):
            # An SSLSocket's own would take TLS off, and have the rest read as it is.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class Listener:
    """A port that is listened on; use it in a ``with`` block.

    Parameters
    ----------
    port : int
        The port; 0 for any that is free.
    serve : callable
        Serves a visitor, in a thread of its own, to the end of its connection.
    host : str
        The address to listen on; "" for all.

    Raises
    ------
    ConnectionFailedError
        The port cannot be listened on.

    Attributes
    ----------
    port : int
        The port.
    room : int
        The associations that there are descriptors for: for the connection and a file of each.
    """

    def __init__(self, port: int, serve: Callable[[Visitor], None], *, host: str = "") -> None:
        self._serve = serve
        self._changed = Condition()
        self._visitors: dict[Visitor, Thread] = {}  # the oldest first
        self._closing = False
        self._last = monotonic()
        limit = _descriptor_limit()
        self._most_idle = min(_MOST_IDLE, limit // 4)
        self.room = max((limit - _OTHERS - self._most_idle) // 2, 1)
        try:
            self._socket = _listening(host, port)
        except (OSError, ValueError, OverflowError) as error:
            raise _not_listening(host, port, error) from error
        self.port: int = self._socket.getsockname()[1]
        self._thread = Thread(target=self._listen, name="listener", daemon=True)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Stop listening and end the connections that are still there."""
        self.refuse()
        with self._changed:
            visitors = dict(self._visitors)
        for visitor in visitors:
            visitor.shut()
        deadline = monotonic() + _LAST_MOMENT
        with self._changed:
            self._changed.wait_for(lambda: not self._visitors, deadline - monotonic())
        for thread in visitors.values():
            with suppress(RuntimeError):  # one that could not be started
                thread.join(max(deadline - monotonic(), 0))

    def refuse(self) -> None:
        """Take no more connections; those that there are go on."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes up accept(), as closing does not
        self._socket.close()
        if self._thread.is_alive():
            self._thread.join()

    def admit(self, visitor: Visitor, most: int) -> bool:
        """Let a visitor have an association, unless others have as many as can be.

        Parameters
        ----------
        visitor : Visitor
            The visitor.
        most : int
            The associations there may be at once.
        """
        with self._changed:  # those who come at the same time must not keep each other out
            others = sum(each.admitted for each in self._visitors if each is not visitor)
            visitor.admitted = others < min(most, self.room)
            self._changed.notify_all()
            return visitor.admitted

    def count_admitted(self) -> int:
        """Count the associations that there are."""
        with self._changed:
            return sum(each.admitted for each in self._visitors)

    def quiet(self) -> float:
        """Tell for how many seconds there has been no connection; 0 while there is one."""
        with self._changed:
            return 0.0 if self._visitors else monotonic() - self._last

    def wait_idle(self, seconds: float, limit: float) -> bool:
        """Wait until no connection is open and none has been for a while.

        Parameters
        ----------
        seconds : float
            How long it must have been quiet.
        limit : float
            The seconds to wait at most.

        Returns
        -------
        bool
            Whether it is quiet.
        """
        deadline = monotonic() + limit
        with self._changed:
            while True:
                now = monotonic()
                quiet = now - self._last
                if not self._visitors and quiet >= seconds:
                    return True
                if now >= deadline:
                    return False
                self._changed.wait(min(deadline - now, max(seconds - quiet, 0.01)))

    def drain(self, patience: float, limit: float) -> None:
        """Take no more connections, and let those that there are come to their end.

        Parameters
        ----------
        patience : float
            The seconds after which one on which nothing happens is cut off.
        limit : float
            The seconds after which all are.
        """
        self.refuse()
        deadline = monotonic() + limit
        with self._changed:
            while self._visitors and (now := monotonic()) < deadline:
                due = deadline
                for visitor in self._visitors:
                    if not visitor.admitted or now - visitor.last >= patience:
                        visitor.shut()
                    else:
                        due = min(due, visitor.last + patience)
                self._changed.wait(max(due - now, _PAUSE))

    def _listen(self) -> None:
        while self._make_way():
            try:
                sock, address = self._socket.accept()
            except OSError:  # closed, or out of descriptors
                with self._changed:
                    if not self._closing:
                        self._shed(0.0)
                self._pause()
                continue
            visitor = Visitor(sock, str(address[0]).removeprefix("::ffff:"))  # IPv4 on IPv6
            thread = Thread(target=self._visited, args=(visitor,), name="association", daemon=True)
            with self._changed:
                if self._closing:
                    sock.close()
                    return
                self._visitors[visitor] = thread
            try:
                thread.start()
            except RuntimeError:  # there are as many as the system allows
                sock.close()
                self._gone(visitor)
                self._pause()

    def _visited(self, visitor: Visitor) -> None:
        try:
            self._serve(visitor)
        finally:
            self._gone(visitor)

    def _make_way(self) -> bool:
        """Wait until there is room for one more; tell whether it is wanted."""
        with self._changed:
            while not self._closing:
                if sum(not each.admitted for each in self._visitors) < self._most_idle:
                    return True
                self._shed(_GRACE)
                self._changed.wait(_PAUSE)
        return False

    def _shed(self, grace: float) -> None:
        """Close the connection that has been without an association for longest, and too long."""
        for visitor in self._visitors:
            if not visitor.admitted:
                if monotonic() - visitor.last >= grace:
                    visitor.shut()
                break

    def _pause(self) -> None:
        with self._changed:
            if not self._closing:
                self._changed.wait(_PAUSE)

    def _gone(self, visitor: Visitor) -> None:
        with self._changed:
            self._visitors.pop(visitor, None)
            self._last = monotonic()
            self._changed.notify_all()


def _listening(host: str, port: int) -> socket.socket:
    """Listen; for IPv4 and, where the machine has it, IPv6, unless an address is given."""
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _descriptor_limit() -> int:
    """Tell how many files and connections this process may have at once."""
    if resource is None:
        return _DESCRIPTORS
    limit: int = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _DESCRIPTORS if limit == resource.RLIM_INFINITY else limit


def _not_listening(host: str, port: int, error: Exception) -> ConnectionFailedError:
    hints = {
        errno.EADDRINUSE: "Another program listens there; 0 takes any port that is free.",
        errno.EACCES: "Ports below 1024 are for the administrator.",
        errno.EADDRNOTAVAIL: "It is no address of this machine.",
    }
    why = str(error)
    if isinstance(error, (OSError, ValueError)):
        why = reason(error).partition(" (")[0]  # the address has been told
    hint = hints.get(getattr(error, "errno", 0), "")
    where = f"{host} port {port}" if host else f"port {port}"
    return ConnectionFailedError(where, f"cannot listen: {why}", hint)

"""Carry PDUs over a TCP or TLS connection, for both roles: bounded in time and in size.

No peer is trusted: a PDU longer than it may be is refused at its header, before anything is
allocated for it, and every wait has a limit. TCP_NODELAY and TCP_QUICKACK are set, or Nagle's
algorithm at one end and delayed acknowledgements at the other cost 40 ms a message.
"""

import errno
import selectors
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from functools import partial
from struct import Struct
from threading import Lock
from time import monotonic
from typing import NamedTuple, TypeVar

_HEADER = Struct(">BxI")
_MID_PDU = 60.0  # seconds that a PDU may take once it has begun
_LAST_WORD = 0.5  # seconds to look for what a peer said before it closed
_KEEP_ALIVE = {
    "TCP_KEEPIDLE": 30,  # seconds
    "TCP_KEEPALIVE": 30,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 6,
    "TCP_USER_TIMEOUT": 90_000,  # milliseconds: the same when something is still to be sent
}
_UNREACHABLE = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN)
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # select() knows 1024
_T = TypeVar("_T")
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
_MORE = getattr(socket, "MSG_MORE", 0)
_FOREIGN = {
    b"HTTP": "HTTP",
    b"GET ": "HTTP",
    b"POST": "HTTP",
    b"SSH-": "SSH",
    b"220 ": "SMTP or FTP",
    b"\x15\x03": "TLS",
    b"\x16\x03": "TLS",
}
"""Protocols that are met on a port that was taken for DICOM, by their first bytes."""


class PduType(IntEnum):
    """The types of PDUs (PS3.8 section 9.3.1)."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7

    def __str__(self) -> str:
        """Give the name that the standard has for it: ``A-ASSOCIATE-RQ``."""
        return "P-DATA-TF" if self is PduType.P_DATA else f"A-{self.name.replace('_', '-')}"


_ASSOCIATE, _FIXED = (68, 1 << 19), (4, 1 << 10)
_LENGTHS = {
    PduType.ASSOCIATE_RQ: _ASSOCIATE,
    PduType.ASSOCIATE_AC: _ASSOCIATE,
    PduType.ASSOCIATE_RJ: _FIXED,
    PduType.RELEASE_RQ: _FIXED,
    PduType.RELEASE_RP: _FIXED,
    PduType.ABORT: _FIXED,
}
"""The bytes after the header, at least and at most; of P-DATA-TF the maximum is negotiated.

Those of an association with everything there is, proposed in 128 contexts, are some 300 KB. The
fixed ones have 4, and a peer may send more.
"""


class Pdu(NamedTuple):
    """A PDU as it was received; the view is valid until the next one is asked for."""

    type: PduType
    content: memoryview
    """All of it, with its header of 6 bytes."""


RELEASE_RQ = bytes((PduType.RELEASE_RQ, 0, 0, 0, 0, 4, 0, 0, 0, 0))
RELEASE_RP = bytes((PduType.RELEASE_RP, 0, 0, 0, 0, 4, 0, 0, 0, 0))


def abort_pdu(source: int = 0, reason: int = 0) -> bytes:
    """Encode an A-ABORT PDU; the source is 0 for the user, 2 for the provider (PS3.8 9.3.8)."""
    return bytes((PduType.ABORT, 0, 0, 0, 0, 4, 0, 0, source, reason))


class WireError(Exception):
    """Something that ends a connection; what it means depends on what was going on."""


class ClosedError(WireError):
    """The peer closed or reset the connection."""


class SilentError(WireError):
    """Nothing came, or nothing could be sent, for as long as may be waited."""


class ProtocolError(WireError):
    """The peer sent what the standard does not allow; the message says what."""


class _OverdueError(OSError):
    """The socket is not ready in time."""


class Connection:
    """A connected socket that gives and takes PDUs. It takes the socket over.

    One thread receives, any thread may send. The socket itself never blocks, for threads share it
    and each waits for its own time; and only one of them is in OpenSSL at a time.

    Parameters
    ----------
    sock : socket.socket
        The socket, with TLS on it where there is TLS.
    max_pdu : int
        The bytes of the longest P-DATA-TF PDU that the peer may send.
    """

    def __init__(self, sock: socket.socket, max_pdu: int) -> None:
        self._sock = sock
        self._max_pdu = max_pdu
        self._buffer = bytearray(max(max_pdu, 1 << 16) + _HEADER.size)
        self._start = self._end = 0
        self._using, self._sending = Lock(), Lock()
        self._cut = False  # whether a PDU of ours has been begun and not been ended
        tls = sys.modules.get("ssl") if hasattr(sock, "pending") else None
        self._wants_read = (tls.SSLWantReadError,) if tls else ()
        self._wants_write = (tls.SSLWantWriteError,) if tls else ()
        tune(sock)
        sock.settimeout(0)

    def send(
        self,
        data: bytes | memoryview,
        timeout: float | None,
        *,
        long: bool = False,
        more: bool = False,
    ) -> None:
        """Send whole PDUs.

        Parameters
        ----------
        data : bytes or memoryview
            The PDUs.
        timeout : float or None
            Seconds within which they must all be taken; None for no limit.
        long : bool
            Whether they are so long that a slow line may need more time; then some of them must be
            taken within the time-out, again and again.
        more : bool
            Whether others follow at once, so that the system may send them together.

        Raises
        ------
        ClosedError
            The peer has closed the connection, or what was to be sent before was cut off.
        SilentError
            The peer takes nothing, or not enough.
        """
        deadline = None if timeout is None else monotonic() + timeout
        rest = memoryview(data)
        flags = (_MORE,) if more and not self._wants_read else ()
        try:
            with self._turn_to_send(timeout):
                if self._cut:
                    raise ClosedError("takes nothing any more: a PDU to it was cut off")
                self._cut = True
                while rest:
                    step = partial(self._sock.send, rest, *flags)
                    rest = rest[self._attempt(step, _WRITE, deadline) :]
                    if long and timeout is not None:
                        deadline = monotonic() + timeout
                self._cut = False
        except _OverdueError as error:
            raise SilentError(f"takes nothing for {timeout:g} s") from error
        except OSError as error:
            raise ClosedError(_why_closed(error)) from self._said_before(error)

    @contextmanager
    def _turn_to_send(self, timeout: float | None) -> Iterator[None]:
        """Wait until no other thread sends: a C-CANCEL or an A-ABORT may come from another one."""
        if not self._sending.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            raise _OverdueError
        try:
            yield
        finally:
            self._sending.release()

    def _said_before(self, error: OSError) -> OSError:
        """Look for what a peer has said by TLS before it closed."""
        if not self._wants_read:
            return error
        from dcmtools.net.tls import last_word  # noqa: PLC0415 - ssl is loaded for it

        with self._using, suppress(OSError):
            self._sock.settimeout(_LAST_WORD)
            error = last_word(self._sock, error)
            self._sock.settimeout(0)
        return error

    def receive(self, timeout: float | None) -> Pdu:
        """Wait for a PDU and give it.

        Parameters
        ----------
        timeout : float or None
            Seconds within which all of it must come; None for no limit until it begins. Once begun
            it must be there within a minute.

        Raises
        ------
        ClosedError
            The peer has closed the connection.
        SilentError
            It did not come in time.
        ProtocolError
            What came is no PDU, or one that is too long or too short.
        """
        deadline = None if timeout is None else monotonic() + timeout
        try:
            self._have(1, deadline)
        except _OverdueError as error:
            raise SilentError(f"sent nothing for {timeout:g} s") from error
        latest = monotonic() + _MID_PDU
        try:
            return self._pdu(latest if deadline is None else min(latest, deadline))
        except _OverdueError as error:
            seconds = _MID_PDU if timeout is None else min(timeout, _MID_PDU)
            raise SilentError(f"sent half a PDU in {seconds:g} s") from error

    def has_news(self, timeout: float) -> bool:
        """Wait until a PDU begins to come, and tell whether one does within so many seconds.

        Raises
        ------
        ClosedError
            The peer has closed the connection.
        """
        try:
            self._have(1, monotonic() + timeout)
        except _OverdueError:
            return False
        return True

    def _pdu(self, deadline: float) -> Pdu:
        """Receive the PDU that has begun."""
        self._have(_HEADER.size, deadline)
        number, length = _HEADER.unpack_from(self._buffer, self._start)
        try:
            kind = PduType(number)
        except ValueError:
            raise ProtocolError(self._foreign()) from None
        least, most = _LENGTHS.get(kind, (0, self._max_pdu))
        if not least <= length <= most:
            why = f"of {length} bytes ({kind}) where {least} to {most} are allowed"
            raise ProtocolError(f"sent a PDU {why}")
        total = _HEADER.size + length
        self._have(total, deadline)
        content = memoryview(self._buffer)[self._start : self._start + total]
        self._start += total
        return Pdu(kind, content)

    def _have(self, count: int, deadline: float | None) -> None:
        """Have `count` bytes in the buffer."""
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start + count > len(self._buffer):
            self._make_room(len(self._buffer))
        while self._end - self._start < count:
            if self._end == len(self._buffer):  # by as much as has come, whatever is announced
                self._make_room(min(2 * len(self._buffer), count))
            room = memoryview(self._buffer)[self._end :]
            half = " after half a PDU" if self._end > self._start else ""
            try:
                got = self._attempt(partial(self._sock.recv_into, room), _READ, deadline)
            except _OverdueError:
                raise
            except OSError as error:
                raise ClosedError(_why_closed(error) + half) from error
            if not got:
                raise ClosedError(f"closed the connection{half}")
            self._end += got

    def _make_room(self, size: int) -> None:
        rest = self._buffer[self._start : self._end]
        self._buffer = bytearray(size)  # a new one: views of the old one may still be looked at
        self._buffer[: len(rest)] = rest
        self._start, self._end = 0, len(rest)

    def _attempt(self, step: Callable[[], _T], event: int, deadline: float | None) -> _T:
        """Take a step on the socket, once it is ready for it.

        Raises
        ------
        _OverdueError
            It is not ready by the deadline.
        OSError
            The step fails.
        """
        while True:
            try:
                with self._using:
                    return step()
            except BlockingIOError:
                wanted = event
            except self._wants_read:
                wanted = _READ
            except self._wants_write:
                wanted = _WRITE
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                raise _OverdueError
            self._wait(wanted, left)

    def _wait(self, event: int, seconds: float | None) -> None:
        if event == _READ and _QUICKACK is not None:
            # Not sticky: the kernel goes back to delayed acknowledgements by itself.
            self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        with _Selector() as selector, suppress(ValueError):  # closed: the next step will tell
            selector.register(self._sock, event)
            selector.select(seconds)

    def _foreign(self) -> str:
        """Say what came in the place of a PDU."""
        head = bytes(self._buffer[self._start : self._start + 4])
        for start, protocol in _FOREIGN.items():
            if head.startswith(start):
                return f"answered in {protocol}, not in DICOM"
        return f"sent what is no PDU (it starts with {head.hex(' ')})"

    def shut(self) -> None:
        """Wake up whoever waits on the connection, in whatever thread; it is not to be used on."""
        with suppress(OSError):
            # An SSLSocket's own would take TLS off, and have the rest read as it is.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._take_leave()
            self._sock.close()

    def drain(self, seconds: float) -> None:
        """Wait for the peer to close, which it does after a last PDU of ours; then close.

        Closing at once would reset the connection where the peer still sends, and what we said
        last could be lost with it.
        """
        deadline = monotonic() + seconds
        with suppress(OSError):
            self._take_leave()
            socket.socket.shutdown(self._sock, socket.SHUT_WR)
            drop = partial(socket.socket.recv, self._sock, 1 << 16)
            while monotonic() < deadline and self._attempt(drop, _READ, deadline):
                pass
        self.close()

    def _take_leave(self) -> None:
        """Tell a peer that speaks TLS that nothing was cut off at the end."""
        if self._wants_read:
            with self._using, suppress(OSError, ValueError):  # it need not answer, nor be there
                self._sock.unwrap()  # type: ignore[attr-defined] # of SSLSocket


def tune(sock: socket.socket) -> None:
    """Set the options of a socket that both roles want."""
    with suppress(OSError):  # not TCP, or closed by the peer already: using it will tell
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            if hasattr(socket, name) and (name != "TCP_KEEPALIVE" or sys.platform == "darwin"):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _why_closed(error: OSError) -> str:
    if isinstance(error, ConnectionResetError):
        return "reset the connection"
    if error.errno in _UNREACHABLE:
        return "can no longer be reached"
    if told := getattr(error, "reason", None):  # by OpenSSL: it can make nothing of what comes
        return f"broke TLS off ({told.replace('_', ' ').lower()})"
    return "closed the connection"

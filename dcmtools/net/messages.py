"""Exchange DIMSE messages in P-DATA-TF PDUs (PS3.7 6.3, PS3.8 Annex E), for both roles.

Commands and data sets come in fragments of any size, several in a PDU or one byte each. A data set
is handed on piece by piece as it comes, so that an object of any size takes no memory.
"""

from collections.abc import Callable
from contextlib import suppress
from struct import Struct
from time import monotonic
from typing import NamedTuple

from dcmtools.net.access import DEFAULT_MAX_PDU
from dcmtools.net.command import Command, decode_command, encode_command
from dcmtools.net.connection import (
    RELEASE_RP,
    Connection,
    Pdu,
    PduType,
    ProtocolError,
    SilentError,
    WireError,
)
from dcmtools.net.transfer import Body, Packer

_COMMAND, _LAST = 1, 2  # bits of the message control header (PS3.8 E.2)
_PDV = Struct(">IBB")
_BARE = 2  # the length of a presentation data value without content
_PDU_OF_ONE = Struct(">BxIIBB")
_MAX_COMMAND = 1 << 18  # bytes
_MAX_IDENTIFIER = 1 << 26  # bytes of a data set that is kept in memory
_MOST_EMPTY = 16  # fragments without content, one after the other
_SEND_TIMEOUT = 60.0  # seconds in which a peer must take a message
_MID_MESSAGE = 60.0  # seconds that a message in memory may take where there is no other limit
_LAST_WORD = 5.0  # seconds in which a peer must take the answer to its release


class ReleasedError(WireError):
    """The peer has asked for the release of the association, and has it."""


class AbortedError(WireError):
    """The peer has aborted the association.

    Parameters
    ----------
    source, reason : int
        As in the A-ABORT PDU (PS3.8 Table 9-26).
    """

    def __init__(self, source: int, reason: int) -> None:
        super().__init__(source, reason)
        self.source = source
        self.reason = reason


class Message(NamedTuple):
    """A command and the data set that came with it, b"" where there is none."""

    context_id: int
    command: Command
    data: bytes


class Messages:
    """The messages of an association.

    Parameters
    ----------
    connection : Connection
        What carries them.
    max_pdu : int
        The bytes of the longest P-DATA-TF PDU that the peer takes; 0 where it does not say.

    Raises
    ------
    ProtocolError
        The peer takes PDUs that are too short for anything.

    Attributes
    ----------
    is_amid_object : bool
        Whether a data set was begun and not sent to its end.
    """

    def __init__(self, connection: Connection, max_pdu: int) -> None:
        self._connection = connection
        self._fragment = min(max_pdu or DEFAULT_MAX_PDU, DEFAULT_MAX_PDU) - _PDV.size
        if self._fragment < 2:  # noqa: PLR2004 - fragments have even lengths
            raise ProtocolError(f"takes PDUs of {max_pdu} bytes, which hold nothing")
        self._fragment -= self._fragment % 2
        self.is_amid_object = False
        self._packer: Packer | None = None
        self._content = memoryview(b"")  # what is left of the PDU under way
        self._empty = 0

    def send(self, context_id: int, command: Command, data: bytes | None = None) -> None:
        """Send a command and, where there is one, its data set.

        Raises
        ------
        WireError
            The connection is of no use any more.
        """
        self._connection.send(self._pdus(context_id, command, data), _SEND_TIMEOUT)

    def _pdus(self, context_id: int, command: Command, data: bytes | None = None) -> bytes:
        pieces: list[bytes | memoryview] = []
        for content, kind in ((encode_command(command), _COMMAND), (data, 0)):
            if content is None:
                continue
            view, size = memoryview(content), self._fragment
            for at in range(0, len(view) or 1, size):
                part = view[at : at + size]
                last = _LAST * (at + size >= len(view))
                head = (PduType.P_DATA, len(part) + 6, len(part) + 2, context_id, kind | last)
                pieces += _PDU_OF_ONE.pack(*head), part
        return b"".join(pieces)

    def send_object(self, context_id: int, command: Command, body: Body, name: str) -> None:
        """Send a command and a data set of any size.

        Parameters
        ----------
        context_id : int
            The presentation context.
        command : Command
            The command, which says that a data set follows.
        body : Body
            The data set.
        name : str
            What to call it in errors.

        Raises
        ------
        WireError
            The connection is of no use any more.
        InputError
            The data set cannot be read to its end. Where some of it was sent already, which
            `is_amid_object` tells, the association is of no use any more.
        """
        if self._packer is None:
            self._packer = Packer(self._fragment)
        chunks = self._packer.pack(context_id, body, name)
        first = next(chunks)  # where it cannot be read at all nothing is sent
        self.is_amid_object = True
        self._connection.send(self._pdus(context_id, command), _SEND_TIMEOUT, more=True)
        self._connection.send(first, _SEND_TIMEOUT, long=True)
        for chunk in chunks:
            self._connection.send(chunk, _SEND_TIMEOUT, long=True)
        self.is_amid_object = False

    def has_news(self, timeout: float) -> bool:
        """Wait until something comes, and tell whether it does within so many seconds."""
        return bool(self._content) or self._connection.has_news(timeout)

    def receive(self, timeout: float | None) -> Message:
        """Wait for a message and give it whole; see `receive_command` for what it raises."""
        context_id, command = self.receive_command(timeout)
        data = self.receive_identifier(context_id, timeout) if command.has_data else b""
        return Message(context_id, command, data)

    def receive_identifier(self, context_id: int, timeout: float | None) -> bytes:
        """Receive the data set that belongs to a command into memory; see `receive_data`."""
        data = bytearray()
        watch = _Watch(timeout)

        def keep(part: memoryview) -> None:
            if len(data) + len(part) > _MAX_IDENTIFIER:
                raise ProtocolError("sent an identifier of more than 64 MiB")
            data.extend(part)
            watch.look()

        self.receive_data(context_id, keep, timeout)
        return bytes(data)

    def receive_command(self, timeout: float | None) -> tuple[int, Command]:
        """Wait for a command.

        Parameters
        ----------
        timeout : float or None
            Seconds until it must begin to come; None for no limit.

        Returns
        -------
        tuple of int and Command
            The presentation context ID, and the command; where the command says that a data set
            follows, `receive_data` must be next.

        Raises
        ------
        ReleasedError, AbortedError
            The peer ends the association.
        WireError
            The connection is of no use any more.
        """
        whole = bytearray()
        context_id, control, part = self._next_fragment(timeout)
        watch = _Watch(timeout)
        while True:
            if not control & _COMMAND:
                raise ProtocolError("sent a data set without a command")
            whole += part
            if len(whole) > _MAX_COMMAND:
                raise ProtocolError("sent a command set without an end")
            if control & _LAST:
                return context_id, decode_command(whole)
            watch.look()
            context, control, part = self._next_fragment(timeout)
            if context != context_id:
                raise ProtocolError("sent a command in two presentation contexts")

    def receive_data(
        self, context_id: int, write: Callable[[memoryview], object], timeout: float | None
    ) -> None:
        """Receive the data set that belongs to a command.

        Parameters
        ----------
        context_id : int
            The presentation context of the command.
        write : callable
            Gets each fragment; the view is valid only while it runs.
        timeout : float or None
            Seconds until each fragment must begin to come.
        """
        while True:
            context, control, part = self._next_fragment(timeout)
            if control & _COMMAND or context != context_id:
                raise ProtocolError("sent another message amid a data set")
            write(part)
            if control & _LAST:
                return

    def _next_fragment(self, timeout: float | None) -> tuple[int, int, memoryview]:
        """Give the next presentation data value: its context, control header and content."""
        if not self._content:
            pdu = self._connection.receive(timeout)
            if pdu.type is not PduType.P_DATA:
                self._end(pdu)
            self._content = pdu.content[6:]
            if not self._content:
                raise ProtocolError("sent a P-DATA-TF PDU without content")
        content = self._content
        if len(content) < _PDV.size:
            raise ProtocolError("sent a P-DATA-TF PDU that is cut")
        length, context, control = _PDV.unpack_from(content)
        if not _BARE <= length <= len(content) - 4:
            raise ProtocolError(f"sent a presentation data value of {length} bytes, which is wrong")
        self._content = content[4 + length :]
        self._empty = self._empty + 1 if length == _BARE and not control & _LAST else 0
        if self._empty > _MOST_EMPTY:
            raise ProtocolError("sent one fragment without content after the other")
        return context, control, content[_PDV.size : 4 + length]

    def _end(self, pdu: Pdu) -> None:
        """Turn a PDU that ends the association, or has no place here, into an exception."""
        if pdu.type is PduType.ABORT:
            raise AbortedError(*pdu.content[8:10])
        if pdu.type is PduType.RELEASE_RQ:
            with suppress(WireError):  # it may not wait for the answer
                self._connection.send(RELEASE_RP, _LAST_WORD)
            raise ReleasedError
        raise ProtocolError(f"sent an {pdu.type} PDU amid the association")


class _Watch:
    """Looks to it that what has begun comes to an end, however little of it comes at a time."""

    def __init__(self, timeout: float | None) -> None:
        self._limit = _MID_MESSAGE if timeout is None else timeout
        self._latest = monotonic() + self._limit

    def look(self) -> None:
        """Raise `SilentError` where it is late."""
        if monotonic() > self._latest:
            raise SilentError(f"sent half a message in {self._limit:g} s")

"""Lay data sets out in P-DATA-TF PDUs and send them, whatever their size, in constant memory.

The buffer has the headers of its PDUs in place, and the file is read straight into the gaps between
them: so an object costs two or three system calls and no copy in Python. `tests/bench/transfer.py`
shows what that is worth.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from io import RawIOBase
from struct import Struct
from typing import Protocol

from dcmtools.errors import InputError, reason
from dcmtools.net.connection import PduType

_HEADER = Struct(">BxIIBB")
_LAST = 2  # of the message control header: the last fragment of a data set (PS3.8 E.2)
_CHUNK = 1 << 20  # bytes that are read and sent at a time
_MOST_SLOTS = 1000  # buffers that the system fills at a time: IOV_MAX is 1024
_preadv = getattr(os, "preadv", None)  # Windows has none


class Body(Protocol):
    """The bytes of a data set."""

    @property
    def size(self) -> int:
        """How many there are."""

    def fill(self, slots: Sequence[memoryview], offset: int) -> int:
        """Read from `offset` into buffers, one after the other; fewer bytes only at the end.

        Raises
        ------
        OSError
            They cannot be read.
        """


class FileBody:
    """A part of an open file.

    Parameters
    ----------
    descriptor : int
        The file.
    start, size : int
        The part, in bytes.
    """

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        self._descriptor = descriptor
        self._start = start
        self.size = size

    def fill(self, slots: Sequence[memoryview], offset: int) -> int:
        """Read from `offset` into buffers; see `Body`."""
        at = self._start + offset
        if _preadv is None:
            os.lseek(self._descriptor, at, os.SEEK_SET)
            with open(self._descriptor, "rb", buffering=0, closefd=False) as file:
                return _filled(file, slots)
        total, rest = 0, slots
        while rest:
            done: int = _preadv(self._descriptor, rest, at + total)
            if not done:
                break
            total += done
            rest = _behind(rest, done)
        return total


class StreamBody:
    """What a stream gives from its start to its end.

    Parameters
    ----------
    stream : RawIOBase
        The stream.
    size : int
        Its bytes.
    """

    def __init__(self, stream: RawIOBase, size: int) -> None:
        self._stream = stream
        self.size = size

    def fill(self, slots: Sequence[memoryview], offset: int) -> int:
        """Read from `offset` into buffers; see `Body`."""
        self._stream.seek(offset)
        return _filled(self._stream, slots)


class PaddedBody:
    """A data set of an odd length, and a zero byte behind it (PS3.8 E.1: fragments are even).

    Parameters
    ----------
    body : Body
        The data set.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self.size = body.size + 1

    def fill(self, slots: Sequence[memoryview], offset: int) -> int:
        """Read from `offset` into buffers; see `Body`."""
        if offset + sum(map(len, slots)) < self.size:
            return self._body.fill(slots, offset)
        *before, last = slots
        last[-1] = 0
        own = [*before, last[:-1]] if len(last) > 1 else before
        wanted = self._body.size - offset
        done = self._body.fill(own, offset) if wanted else 0
        return done + (done == wanted)


class WatchedBody:
    """A data set of which somebody is told how far it has been read.

    Parameters
    ----------
    body : Body
        The data set.
    told : callable
        Is told of each number of bytes.
    """

    def __init__(self, body: Body, told: Callable[[int], None]) -> None:
        self._body = body
        self._told = told
        self.size = body.size

    def fill(self, slots: Sequence[memoryview], offset: int) -> int:
        """Read from `offset` into buffers; see `Body`."""
        done = self._body.fill(slots, offset)
        self._told(done)
        return done


def _filled(stream: RawIOBase, slots: Sequence[memoryview]) -> int:
    """Read into buffers, one after the other, as far as the stream goes."""
    total = 0
    for slot in slots:
        rest = slot
        while rest:
            count = stream.readinto(rest)
            if not count:
                return total
            total += count
            rest = rest[count:]
    return total


def _behind(slots: Sequence[memoryview], count: int) -> list[memoryview]:
    """Give what is left of buffers whose first `count` bytes are filled."""
    rest = []
    for slot in slots:
        if count < len(slot):
            rest.append(slot[count:])
        count = max(count - len(slot), 0)
    return rest


class Packer:
    """A buffer in which data sets are laid out in PDUs, one chunk after the other.

    Parameters
    ----------
    fragment : int
        The bytes of a data set that go into a PDU.
    """

    def __init__(self, fragment: int) -> None:
        self._fragment = fragment
        self._stride = fragment + _HEADER.size
        count = min(max(_CHUNK // self._stride, 1), _MOST_SLOTS)
        self._buffer = memoryview(bytearray(count * self._stride))
        starts = range(0, len(self._buffer), self._stride)
        self._slots = [self._buffer[at + _HEADER.size : at + self._stride] for at in starts]
        self._context_id = 0

    def pack(self, context_id: int, body: Body, name: str) -> Iterator[memoryview]:
        """Give the PDUs of a data set, a chunk at a time, each valid until the next is asked for.

        Parameters
        ----------
        context_id : int
            The presentation context.
        body : Body
            The data set.
        name : str
            What to call it in errors.

        Raises
        ------
        InputError
            It cannot be read, or it ends early.
        """
        self._address(context_id)
        room = self._fragment * len(self._slots)
        for at in range(0, body.size or 1, room):
            size = min(room, body.size - at)
            full, rest = divmod(size, self._fragment)
            slots = self._slots[:full]
            if rest:
                slots.append(self._slots[full][:rest])
            try:
                got = body.fill(slots, at) if size else 0
            except OSError as error:
                raise InputError(name, reason(error)) from error
            if got < size:
                raise InputError(name, "has become shorter while it was being sent")
            if at + size < body.size:
                yield self._buffer
                continue
            last = max(len(slots) - 1, 0)
            length = rest or (self._fragment if size else 0)
            end = last * self._stride + _HEADER.size + length
            self._put_header(last, length, _LAST)
            yield self._buffer[:end]
            self._put_header(last, self._fragment, 0)

    def _address(self, context_id: int) -> None:
        """Put the headers of full PDUs into the buffer."""
        if context_id != self._context_id:
            self._context_id = context_id
            for number in range(len(self._slots)):
                self._put_header(number, self._fragment, 0)

    def _put_header(self, number: int, length: int, control: int) -> None:
        at = number * self._stride
        head = (PduType.P_DATA, length + 6, length + 2, self._context_id, control)
        _HEADER.pack_into(self._buffer, at, *head)

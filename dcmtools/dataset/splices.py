"""Present a data set with some of its bytes replaced, as a stream that is never whole in memory.

What is not replaced is read from the file when it is asked for, and is bit for bit what is there.
"""

import io
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dcmtools.dataset.source import FileSource, Source
from dcmtools.errors import InputError

_BLOCK = 1 << 18
"""Bytes that are read at a time; with more, the caches of a processor are too small."""
_SHORT = 1 << 20
"""Bytes that are read at once all the same: what is short has a cost for each time."""
_LONG = 1 << 23
"""Bytes that the system may copy faster than they are read and written."""


class Splice(NamedTuple):
    """Bytes that take the place of others; none of either are an insertion or a removal."""

    offset: int
    """Where, in bytes from the start of the source."""
    length: int
    """The bytes of the source that go."""
    new: bytes


class Stretch(NamedTuple):
    """Bytes of a file that follow each other."""

    descriptor: int
    """The open file."""
    offset: int
    """Where they begin in it, in bytes."""
    length: int
    """How many there are."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an object is.

    Parameters
    ----------
    transfer_syntax : str
        The UID of the transfer syntax of the data set, "" where that has none.
    sop_class, sop_instance : str
        The values of SOP Class UID (0008,0016) and SOP Instance UID (0008,0018), "" where there
        is none.
    """

    transfer_syntax: str
    sop_class: str
    sop_instance: str


class Edited(io.RawIOBase):
    """A data set, without preamble and file meta group, in which bytes are replaced.

    Parameters
    ----------
    source : Source
        The bytes of the file; they have to stay open.
    name : str
        What to call the file in errors.
    extent : range
        Where the data set is in the source.
    splices : iterable of Splice
        What is replaced, no byte twice. Insertions at one offset follow each other as they are
        given, before what replaces something there.
    identity : Identity
        What the object is with the replacements.

    Attributes
    ----------
    size : int
        The bytes of the stream.
    transfer_syntax, sop_class, sop_instance : str
        As in `Identity`.
    is_changed : bool
        Whether anything is replaced at all.
    """

    def __init__(
        self,
        source: Source,
        name: str,
        extent: range,
        splices: Iterable[Splice],
        identity: Identity,
    ) -> None:
        super().__init__()
        self._source = source
        self._name = name
        self.transfer_syntax = identity.transfer_syntax
        self.sop_class = identity.sop_class
        self.sop_instance = identity.sop_instance
        self._starts: list[int] = []
        self._pieces: list[bytes | int] = []  # bytes, or an offset in the source
        self.size = 0
        self.is_changed = False
        at = extent.start
        for offset, length, new in sorted(splices, key=lambda one: (one.offset, one.length > 0)):
            self._add(at, offset - at)
            self._add(new, len(new))
            self.is_changed = True
            at = offset + length
        self._add(at, extent.stop - at)
        self._at = 0

    def _add(self, piece: bytes | int, length: int) -> None:
        if length:
            self._starts.append(self.size)
            self._pieces.append(piece)
            self.size += length

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read from any place."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to an offset, in bytes from the start, the position or the end, and tell it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(  # type: ignore[override] # Python 3.11 has no name for all buffers
        self, buffer: bytearray | memoryview
    ) -> int:
        """Read into a buffer until it is full or the data set ends; give the bytes read.

        Raises
        ------
        InputError
            The file cannot be read, or has become shorter.
        """
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._at < self.size:
            data = self._some(len(view) - done)
            view[done : done + len(data)] = data
            done += len(data)
            self._at += len(data)
        return done

    def pieces(self, long: int = _LONG) -> Iterator[bytes | Stretch]:
        """Give all bytes in order, the long stretches of a file only by where they are.

        Parameters
        ----------
        long : int
            The bytes from which a stretch of a file is not read; what is no file, as an inflated
            data set, is.

        Raises
        ------
        InputError
            The file cannot be read, or has become shorter.
        """
        source = self._source
        ends = [*self._starts[1:], self.size]
        for start, end, piece in zip(self._starts, ends, self._pieces, strict=False):
            length = end - start
            if isinstance(piece, bytes):
                yield piece
            elif isinstance(source, FileSource) and length >= long:
                yield Stretch(source.descriptor, piece, length)
            else:
                yield from self.stretch(piece, length)

    def stretch(self, offset: int, length: int) -> Iterator[bytes]:
        """Read bytes of the source in order, a block at a time.

        Raises
        ------
        InputError
            The file cannot be read, or has become shorter.
        """
        block = _BLOCK if length > _SHORT else max(length, 1)
        for at in range(offset, offset + length, block):
            wanted = min(block, offset + length - at)
            data = self._source.read(at, wanted)
            if len(data) < wanted:
                raise InputError(self._name, "has become shorter")
            yield data

    def _some(self, count: int) -> bytes | memoryview:
        """Give bytes at the position, `count` at most, from one piece."""
        index = bisect_right(self._starts, self._at) - 1
        piece, skip = self._pieces[index], self._at - self._starts[index]
        if isinstance(piece, bytes):
            return memoryview(piece)[skip : skip + count]
        end = self._starts[index + 1] if index + 1 < len(self._starts) else self.size
        data = self._source.read(piece + skip, min(count, end - self._at))
        if not data:
            raise InputError(self._name, "has become shorter")
        return data

"""Give random access to the bytes of an input, whatever it is, without reading it whole.

A regular file is read in windows at the offset that is asked for; standard input and pipes are
put into an unnamed temporary file first; a deflated data set is inflated into memory, up to a
limit.
"""

import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import IO, Protocol

from dcmtools.errors import InputError, NotDicomError, reason

STDIN = Path("-")
DEFAULT_MAX_INFLATED = 1 << 30
"""The bytes that a deflated data set may inflate to unless the user says otherwise."""

WINDOW = 1 << 16
"""Bytes that are read at a time."""

_CHUNK = 1 << 20


class Source(Protocol):
    """Bytes that can be read at any offset."""

    size: int

    def read(self, offset: int, count: int) -> bytes:
        """Read `count` bytes at `offset`; fewer only where the input ends."""

    def window(self, offset: int, count: int) -> tuple[int, bytes]:
        """Give a block that holds `count` bytes at `offset`, and where the block starts."""


class FileSource:
    """The bytes of a file, a pipe or standard input.

    Parameters
    ----------
    path : Path
        The file; ``-`` is standard input.
    sniff : callable
        Tells by its first bytes whether a pipe, which may never end, is worth reading.

    Raises
    ------
    InputError
        The file is missing, is a folder or cannot be read.
    NotDicomError
        The pipe is not worth reading.

    Attributes
    ----------
    status : os.stat_result
        What the operating system says of the bytes, from when they were opened.
    is_regular : bool
        Whether the path leads to these bytes, so that others can read them there.
    """

    def __init__(self, path: Path, sniff: Callable[[bytes], bool]) -> None:
        self._spool: IO[bytes] | None = None
        self._path = path
        self._block = 0, b""
        try:
            self._fd = os.dup(0) if path == STDIN else os.open(path, os.O_RDONLY | OPEN_FLAGS)
            status = os.fstat(self._fd)
            if stat.S_ISDIR(status.st_mode):
                os.close(self._fd)
                raise InputError(str(path), "is a folder")
            if not stat.S_ISREG(status.st_mode):
                self._fd = self._spooled(self._fd, sniff)
                status = os.fstat(self._fd)
        except (OSError, ValueError) as error:  # a ValueError is about NUL in the name
            raise InputError(str(path), reason(error)) from error
        self.status = status
        self.size = status.st_size
        self.is_regular = self._spool is None and path != STDIN

    def _spooled(self, pipe: int, sniff: Callable[[bytes], bool]) -> int:
        import tempfile  # noqa: PLC0415 - only a pipe needs it

        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        with os.fdopen(pipe, "rb", buffering=0) as stream:
            sniffed = False
            while chunk := stream.read(_CHUNK):
                self._spool.write(chunk)
                if not sniffed and self._spool.tell() >= _CHUNK:
                    self._spool.seek(0)
                    sniffed = sniff(self._spool.read())
                    if not sniffed:
                        self._spool.close()
                        raise NotDicomError(str(self._path), "is not a DICOM file")
        self._spool.flush()
        return self._spool.fileno()

    @property
    def descriptor(self) -> int:
        """The open file, for what the operating system can do with it by itself."""
        return self._fd

    def read(self, offset: int, count: int) -> bytes:
        """Read `count` bytes at `offset`; fewer only where the file ends."""
        base, block = self._block
        if base <= offset and min(offset + count, self.size) <= base + len(block):
            return block[offset - base : offset - base + count]
        try:
            data = pread(self._fd, count, offset)
            while len(data) < count and (
                more := pread(self._fd, count - len(data), offset + len(data))
            ):
                data += more
        except OSError as error:
            raise InputError(str(self._path), reason(error)) from error
        return data

    def window(self, offset: int, count: int) -> tuple[int, bytes]:
        """Give a block that holds `count` bytes at `offset`, and where the block starts."""
        base, block = self._block
        if offset < base or base + len(block) < min(offset + count, self.size):
            self._block = offset, self.read(offset, max(count, WINDOW))
        return self._block

    def close(self) -> None:
        """Close the file."""
        if self._spool is not None:
            self._spool.close()
        else:
            os.close(self._fd)


class BytesSource:
    """Bytes that are in memory already."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, count: int) -> bytes:
        """Copy `count` bytes at `offset`; fewer only where the data ends."""
        return bytes(self._data[offset : offset + count])

    def window(self, offset: int, count: int) -> tuple[int, bytes]:
        """Give a block that holds `count` bytes at `offset`, and where the block starts."""
        return offset, self.read(offset, max(count, WINDOW))


class Inflated(BytesSource):
    """A deflated data set, inflated (PS3.5 A.5).

    Parameters
    ----------
    source : Source
        The file that holds the deflated stream.
    start : int
        The offset of the stream.
    name : str
        What to call the file in errors.
    limit : int
        The most bytes that it may inflate to.

    Raises
    ------
    InputError
        The stream is longer than the limit.
    zlib.error
        There is no deflated stream at all.

    Attributes
    ----------
    flaw : str
        What is wrong with the stream, "" when it is whole. What could be inflated is there.
    is_raw : bool
        Whether it has no wrapper of zlib or gzip.
    end : int
        The offset behind the stream in `source`.
    checksum : bytes
        What some writers append to the stream, as gzip does: CRC-32 and size, 8 bytes.
    """

    def __init__(self, source: Source, start: int, name: str, limit: int) -> None:
        data = bytearray()
        self.flaw = ""
        bits = window_bits(source.read(start, 2))
        self.is_raw = bits < 0
        stream = zlib.decompressobj(bits)
        offset = start
        while not stream.eof and not self.flaw:
            chunk = stream.unconsumed_tail or source.read(offset, _CHUNK)
            if not stream.unconsumed_tail:
                offset += len(chunk)
            try:
                more = stream.decompress(chunk, _CHUNK)
                data += more
            except zlib.error as error:
                if not data:
                    raise
                self.flaw = f"the deflated data set is damaged ({error})"
            if not chunk and not more and not stream.eof:
                self.flaw = "the deflated data set is cut"
            if len(data) > limit:
                why = f"the data set inflates to more than {limit} bytes"
                raise InputError(name, why, "Raise the limit with DCMTOOLS_MAX_INFLATED=BYTES.")
        self.end = offset - len(stream.unused_data)
        self.checksum = pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF) if data else b""
        super().__init__(data)


def window_bits(head: bytes) -> int:
    """Tell a raw stream, which the standard asks for, from one in a zlib or gzip wrapper."""
    if head == b"\x1f\x8b":
        return zlib.MAX_WBITS | 16
    zlib_header = len(head) > 1 and head[0] & 0x0F == zlib.DEFLATED and head[0] >> 4 <= 7  # noqa: PLR2004
    if zlib_header and int.from_bytes(head) % 31 == 0:
        return zlib.MAX_WBITS
    return -zlib.MAX_WBITS


def _seek_and_read(fd: int, count: int, offset: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, count)


pread = getattr(os, "pread", _seek_and_read)  # Windows has none
OPEN_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

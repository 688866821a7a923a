"""Decide which fragments are those of a frame, and write frames as fragments with their tables.

What is read may have a table that leads nowhere, several fragments a frame, or neither. What is
written has one fragment a frame, and a Basic Offset Table, or where that cannot say how far a
frame is from the first, an Extended Offset Table (PS3.5 A.4, PS3.3 C.7.6.3.1.8).
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from struct import pack, unpack
from typing import BinaryIO, NamedTuple

from dcmtools.dataset.elements import ITEM

EXTENDED_OFFSET_TABLE = 0x7FE00001
EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00002
OFFSET_TABLES = (EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS)
TOTAL_LENGTH = 0x7FE00003
"""Encapsulated Pixel Data Value Total Length."""

ITEM_HEADER = 8
LARGEST_OFFSET = (1 << 32) - 1
"""Of a frame, in a Basic Offset Table."""

LONGEST_FRAGMENT = (1 << 32) - 2
"""Bytes (PS3.5 7.5)."""

_ITEM_TAG = pack("<HH", 0xFFFE, 0xE000)
_END = pack("<HHI", 0xFFFE, 0xE0DD, 0)
_STARTS = (b"\xff\xd8", b"\xff\x4f")  # of a JPEG and of a JPEG 2000 image
_AHEAD = 1 << 12  # bytes that are read at once, where fragments may be short


class Place(NamedTuple):
    """Where a fragment is."""

    offset: int
    """Of its first byte."""
    length: int


def fragments_at(content: BinaryIO, start: int) -> list[Place]:
    """List the fragments of encapsulated pixel data, the Basic Offset Table first.

    Parameters
    ----------
    content : file
        The file; it has been walked to its end without damage.
    start : int
        Where the value of the pixel data begins.
    """
    found: list[Place] = []
    at, block, base = start, b"", 0
    while True:
        if not base <= at <= base + len(block) - ITEM_HEADER:
            content.seek(at)
            base, block = at, content.read(ITEM_HEADER if len(found) < 2 else _AHEAD)  # noqa: PLR2004
        header = block[at - base : at - base + ITEM_HEADER]
        if header[:4] != _ITEM_TAG or len(header) < ITEM_HEADER:
            return found
        (length,) = unpack("<I", header[4:])
        found.append(Place(at + ITEM_HEADER, length))
        at += ITEM_HEADER + length


def frames_of(
    fragments: list[Place], frames: int, offsets: bytes, read: Callable[[Place], bytes]
) -> list[list[Place]]:
    """Decide which fragments are those of each frame.

    Parameters
    ----------
    fragments : list of Place
        The fragments; the first is the Basic Offset Table.
    frames : int
        How many frames there are, as the attributes say.
    offsets : bytes
        The Extended Offset Table, none where there is none.
    read : callable
        Reads the beginning of a fragment.

    Returns
    -------
    list of list of Place
        The frames that there are; where tables are wrong, as many as were asked for, if the
        fragments themselves tell which. It is empty where nothing does.
    """
    if not fragments:
        return []
    table, *rest = fragments
    for raw, form in ((offsets, "Q"), (read(table), "I")):
        starts = _starts(raw, form, rest)
        if starts:
            return [rest[one:two] for one, two in pairwise([*starts, len(rest)])]
    if frames == 1 or len(rest) == 1:
        return [rest]
    if len(rest) <= frames:
        return [[place] for place in rest]
    starts = [number for number, place in enumerate(rest) if read(place)[:2] in _STARTS]
    if len(starts) != frames or starts[0]:
        return []
    return [rest[one:two] for one, two in pairwise([*starts, len(rest)])]


def _starts(raw: bytes, form: str, places: list[Place]) -> list[int]:
    """Read an offset table; give the number of the first fragment of each frame, or nothing."""
    width = {"Q": 8, "I": 4}[form]
    if not raw or not places or len(raw) % width:
        return []
    offsets = unpack(f"<{len(raw) // width}{form}", raw)
    first = places[0].offset
    numbers = {place.offset - first: number for number, place in enumerate(places)}
    starts = [numbers.get(offset, -1) for offset in offsets]
    holds = starts[0] == 0 and -1 not in starts and all(one < two for one, two in pairwise(starts))
    return starts if holds else []


class NoRoomError(Exception):
    """A frame that is too long, or too far away, for what says where it is."""


class FragmentWriter:
    """Writes a fragment for each frame, and afterwards the tables of where they are.

    Parameters
    ----------
    out : file
        Where to write; it has to be able to seek.
    frames : int
        How many there are.
    basic : bool
        Whether there is a Basic Offset Table.

    Attributes
    ----------
    size : int
        The bytes of all frames that were written.
    """

    def __init__(self, out: BinaryIO, frames: int, *, basic: bool) -> None:
        self._out = out
        self._frames = frames
        self._basic = basic
        self._places: dict[int, int] = {}  # of values that are not known yet, by tag
        self._offsets: list[int] = []
        self._lengths: list[int] = []

    @property
    def size(self) -> int:
        """The bytes of all frames that were written."""
        return sum(self._lengths)

    def value_size(self, tag: int) -> int:
        """Give the bytes of a table, or of another value that is about all fragments."""
        return 8 if tag == TOTAL_LENGTH else self._frames * 8

    def reserve(self, tag: int, place: int) -> None:
        """Take note of where a value is to be, of which only the length is known yet."""
        self._places[tag] = place

    def written(self, frames: Iterator[bytes]) -> Iterator[bytes]:
        """Give what follows the header of the pixel data, as it is to be written.

        Raises
        ------
        NoRoomError
            A frame is longer than a fragment can be.
        """
        size = self._frames * 4 if self._basic else 0
        self._places[ITEM] = self._out.tell() + ITEM_HEADER
        yield _ITEM_TAG + pack("<I", size) + bytes(size)
        at = 0
        for frame in frames:
            if len(frame) > LONGEST_FRAGMENT:
                raise NoRoomError
            yield _ITEM_TAG + pack("<I", len(frame))
            yield frame
            self._offsets.append(at)
            self._lengths.append(len(frame))
            at += len(frame) + ITEM_HEADER
        yield _END

    def fill_tables(self) -> None:
        """Write the values that are known now.

        Raises
        ------
        NoRoomError
            A frame is further from the first than a Basic Offset Table can say.
        """
        if self._basic and self._offsets[-1] > LARGEST_OFFSET:
            raise NoRoomError
        values = {
            EXTENDED_OFFSET_TABLE: partial(pack, f"<{self._frames}Q", *self._offsets),
            EXTENDED_OFFSET_TABLE_LENGTHS: partial(pack, f"<{self._frames}Q", *self._lengths),
            TOTAL_LENGTH: partial(pack, "<Q", self.size),
            ITEM: partial(pack, f"<{self._frames}I", *self._offsets) if self._basic else bytes,
        }
        end = self._out.tell()
        for tag, place in self._places.items():
            self._out.seek(place)
            self._out.write(values[tag]())
        self._out.seek(end)

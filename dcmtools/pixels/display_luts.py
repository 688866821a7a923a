"""Read look-up tables: modality and VOI LUTs, and the palettes of PALETTE COLOR images.

Tables are in the file as words or as bytes, and those of palettes may be in segments (PS3.3
C.11.1.1, C.11.2.1.1, C.7.6.3.1.5, C.7.6.3.1.6 and C.7.9.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcmtools.pixels.image_attributes import Attributes

Numbers = np.ndarray[Any, np.dtype[Any]]

_DESCRIPTOR, _DATA = 0x00283002, 0x00283006
_RED_DESCRIPTOR, _RED_DATA, _RED_SEGMENTS = 0x00281101, 0x00281201, 0x00281221
_COLOURS = 3
_MOST_ENTRIES = 1 << 16
_DISCRETE, _LINEAR, _INDIRECT = range(3)
_BYTE, _WORD = 8, 16


@dataclass(frozen=True, slots=True)
class Table:
    """A look-up table.

    Parameters
    ----------
    first : int
        The value that the first entry is for. What is less has the same entry, and what is
        greater than the last one's has the last.
    entries : numpy.ndarray
        The entries, one row, or three columns for the colours of a palette.
    bits : int
        How many bits an entry has.
    """

    first: int
    entries: Numbers
    bits: int

    def look_up(self, values: Numbers) -> Numbers:
        """Give the entries for values, which are rounded where they are not whole."""
        whole = values if values.dtype.kind in "iu" else np.rint(values)
        places = np.clip(whole.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return np.asarray(self.entries[places])


def read_table(described: Attributes, sequence: int, *, signed: bool) -> Table | None:
    """Read the first item of Modality LUT Sequence (0028,3000) or VOI LUT Sequence (0028,3010).

    Parameters
    ----------
    described : Attributes
        The data set or functional group.
    sequence : int
        The tag of the sequence.
    signed : bool
        Whether the values that it is for may be below 0.

    Returns
    -------
    Table or None
        None where there is no such item, or one in which nothing is filled in.

    Raises
    ------
    ValueError
        It is no table that could be used.
    """
    item = described.first(sequence)
    if item is None or _DESCRIPTOR not in item:
        return None
    count, first, bits = _descriptor(item, _DESCRIPTOR, signed=signed)
    entries = _entries(item, _DATA, count)
    # Some say 8 bits and have more, or name the length of a word.
    needed = int(entries.max()).bit_length()
    return Table(first, entries, max(bits, needed, 1))


def read_palette(image: Attributes, *, signed: bool) -> Table:
    """Read the palette of a PALETTE COLOR image.

    Parameters
    ----------
    image : Attributes
        The data set.
    signed : bool
        Whether the values of pixels are signed.

    Raises
    ------
    ValueError
        There is no palette, or none that can be used.
    """
    columns = []
    first = bits = 0
    for colour in range(_COLOURS):
        count, first, bits = _descriptor(image, _RED_DESCRIPTOR + colour, signed=signed)
        tag, segments = _RED_DATA + colour, _RED_SEGMENTS + colour
        if tag in image:
            column = _entries(image, tag, count)
        elif segments in image:
            column = _expanded(image, segments, bits, count)
        else:
            column = np.empty(0)
        if len(column) < count:
            raise ValueError("its palette is cut")
        columns.append(column)
    if len({len(column) for column in columns}) > 1:
        raise ValueError("the colours of its palette differ in their number")
    entries = np.stack(columns, axis=1)
    return Table(first, entries, max(bits, int(entries.max()).bit_length()))


def _descriptor(item: Attributes, tag: int, *, signed: bool) -> tuple[int, int, int]:
    """Give the number of entries, the value of the first one, and their bits."""
    given = [int(value) for value in item.numbers(tag)]
    if len(given) != 3:  # noqa: PLR2004 - three numbers
        raise ValueError("a look-up table is not described")
    count, first, bits = given
    count &= 0xFFFF
    first &= 0xFFFF
    if (signed or item.elements[tag].vr == "SS") and first > 0x7FFF:  # noqa: PLR2004 - a sign
        first -= _MOST_ENTRIES
    if not 0 < bits <= _WORD:
        raise ValueError(f"a look-up table has entries of {bits} bits")
    return count or _MOST_ENTRIES, first, bits


def _entries(item: Attributes, tag: int, count: int) -> Numbers:
    """Read a table of words, or where there are too few bytes for that, of bytes."""
    raw = item.raw(tag)
    if len(raw) >= 2 * count:
        return _words(item, tag, raw)[:count]
    if len(raw) < count:
        raise ValueError("a look-up table is cut")
    return _bytes(item, tag, raw)[:count]


def _words(item: Attributes, tag: int, raw: bytes) -> Numbers:
    order = ">" if tag in item.elements and item.is_big_endian(tag) else "<"
    return np.frombuffer(raw[: len(raw) & ~1], f"{order}u2").astype(np.uint16)


def _bytes(item: Attributes, tag: int, raw: bytes) -> Numbers:
    """Read bytes; two of them make a word, which has the order of words."""
    if item.is_big_endian(tag) and item.elements[tag].vr != "OB":
        raw = _words(item, tag, raw).astype("<u2").tobytes()
    return np.frombuffer(raw, np.uint8).astype(np.uint16)


# Segments


def _expanded(item: Attributes, tag: int, bits: int, count: int) -> Numbers:
    """Expand a segmented table (PS3.3 C.7.9.2)."""
    raw = item.raw(tag)
    cells = (_bytes if bits <= _BYTE else _words)(item, tag, raw).tolist()
    width = 1 if bits <= _BYTE else 2
    made: list[int] = []
    for kind, values in _segments(cells, 0, len(cells)):
        if kind == _INDIRECT:
            copies, *offset = values
            start = sum(part << (_BYTE * width * place) for place, part in enumerate(offset))
            for inner, more in _segments(cells, start // width, copies):
                if inner == _INDIRECT:
                    raise ValueError("a segment of its palette refers to one that refers")
                _add(made, inner, more)
        else:
            _add(made, kind, values)
        if len(made) > count:
            raise ValueError("its palette has too many colours")
    return np.array(made, np.uint16)


def _segments(cells: list[int], at: int, most: int) -> Iterator[tuple[int, list[int]]]:
    """Take the segments from one on, at most so many: the kind, and what follows its length.

    The length is the first of what is given where there are no data of that length.
    """
    while at + 1 < len(cells) and most > 0:
        kind, length = cells[at : at + 2]
        extent = {_DISCRETE: length, _LINEAR: 1, _INDIRECT: 2}.get(kind, -1)
        values = cells[at + 2 : at + 2 + extent]
        if extent < 0 or len(values) < extent:
            if not any(cells[at:]):  # padding
                return
            raise ValueError("a segment of its palette is not valid")
        yield kind, values if kind == _DISCRETE else [length, *values]
        at += 2 + extent
        most -= 1


def _add(made: list[int], kind: int, values: list[int]) -> None:
    """Add a discrete or a linear segment."""
    if len(made) + len(values) > _MOST_ENTRIES:
        raise ValueError("its palette has too many colours")
    if kind == _DISCRETE:
        made += values
        return
    length, end = values
    if not made:
        raise ValueError("its palette begins with a line that begins nowhere")
    line = np.linspace(made[-1], end, length + 1)[1:]
    made += np.rint(line).astype(int).tolist()

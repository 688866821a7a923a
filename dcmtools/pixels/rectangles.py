"""Turn rectangles of an image into runs of cells of its pixel data, and write black over those.

Nothing is decoded and nothing but the standard library is needed: what is not under a run goes by
unseen. A frame is never in memory as a whole, whatever its size.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dcmtools.errors import InputError
from dcmtools.pixels.encoding import byteswapped

Rectangle = tuple[int, int, int | None, int | None]
"""Column, row, width and height in pixels, from the top left, which is 0, 0; None: to the edge."""

_PAIR = 2
_BYTE = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """How the cells of pixel data follow each other (PS3.5 8.1, PS3.3 C.7.6.3.1.3).

    Parameters
    ----------
    rows, columns, frames : int
        The size of the image.
    black : tuple of bytes
        The cell of each sample of a black pixel, in the order of bytes of the pixel data; b"" or
        a byte that is not 0 where a cell is a single bit.
    planar : bool
        Whether each frame has all cells of one sample before those of the next.
    subsampled : bool
        Whether two pixels of a row share their last two samples: ``Y Y CB CR``.
    bits : bool
        Whether a cell is a single bit; frames follow each other without a gap then.
    """

    rows: int
    columns: int
    frames: int
    black: tuple[bytes, ...]
    planar: bool = False
    subsampled: bool = False
    bits: bool = False

    @property
    def frame_size(self) -> int:
        """The bytes of a frame; the bits, where a cell is one."""
        pixels = self.rows * self.columns
        if self.bits:
            return pixels
        cells = _PAIR if self.subsampled else len(self.black)
        return pixels * cells * len(self.black[0])

    @property
    def size(self) -> int:
        """The bytes of all frames."""
        total = self.frame_size * self.frames
        return -(-total // _BYTE) if self.bits else total


class Run(NamedTuple):
    """What is written over a part of a frame."""

    start: int
    """In bytes from the start of the frame, or in bits."""
    length: int
    fill: bytes
    """The bytes; where a cell is a bit, a byte of eight."""


def spans(
    rectangles: Iterable[Rectangle], rows: int, columns: int, name: str
) -> dict[int, list[tuple[int, int]]]:
    """Find what rectangles cover of an image.

    Parameters
    ----------
    rectangles : iterable of Rectangle
        The rectangles; what is outside of the image is cut off.
    rows, columns : int
        The size of the image.
    name : str
        What to call the file in errors.

    Returns
    -------
    dict
        For each row that is touched, in order, the columns: the first, and the one behind the
        last. They are sorted and do not touch each other.

    Raises
    ------
    InputError
        A rectangle is wholly outside of the image, so it was made for another one.
    """
    found: dict[int, list[tuple[int, int]]] = {}
    for x, y, width, height in rectangles:
        if x >= columns or y >= rows:
            size = f"{columns} columns and {rows} rows"
            raise InputError(name, f"the region at {x},{y} is outside of the image, of {size}")
        right = columns if width is None else min(x + width, columns)
        bottom = rows if height is None else min(y + height, rows)
        for row in range(y, bottom):
            found.setdefault(row, []).append((x, right))
    return {row: _merged(found[row]) for row in sorted(found)}


def _merged(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(parts):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def widened(covered: dict[int, list[tuple[int, int]]]) -> dict[int, list[tuple[int, int]]]:
    """Widen spans to whole pairs of columns, which share their colour."""
    return {
        row: _merged([(start - start % _PAIR, stop + stop % _PAIR) for start, stop in parts])
        for row, parts in covered.items()
    }


def runs(layout: Layout, covered: dict[int, list[tuple[int, int]]]) -> list[Run]:
    """Give what is written over each frame, in order.

    Parameters
    ----------
    layout : Layout
        How the pixel data are laid out.
    covered : dict
        What `spans` has found; widened, where two pixels share their colour.
    """
    fills: dict[tuple[int, int], bytes] = {}
    found: list[Run] = []
    groups = _cell_groups(layout)
    plane = layout.rows * layout.columns * (1 if layout.bits else len(groups[0]))
    for index, group in enumerate(groups):
        for row, parts in covered.items():
            for start, stop in parts:
                first = row * layout.columns + start
                if layout.bits:
                    found.append(Run(first, stop - start, group))
                    continue
                count = stop - start
                if layout.subsampled:  # a pair has four cells
                    first, count = first // _PAIR, count // _PAIR
                fill = fills.setdefault((index, count), group * count)
                found.append(Run(index * plane + first * len(group), len(fill), fill))
    return found


def _cell_groups(layout: Layout) -> list[bytes]:
    """Give what is repeated along a row, for each plane."""
    if layout.bits:
        return [b"\xff" if any(layout.black[0]) else b"\0"]
    if layout.subsampled:
        luma, blue, red = layout.black
        return [luma + luma + blue + red]
    return list(layout.black) if layout.planar else [b"".join(layout.black)]


def blackened(
    chunks: Iterable[bytes], layout: Layout, each: list[Run], *, swapped: bool = False
) -> Iterator[bytes]:
    """Write black over the frames of pixel data.

    Parameters
    ----------
    chunks : iterable of bytes
        The pixel data in pieces, which have an even size if bytes are swapped.
    layout : Layout
        How they are laid out.
    each : list of Run
        What is written over each frame, in order.
    swapped : bool
        Whether two bytes each have changed places, as in big endian words that hold two cells.

    Yields
    ------
    bytes
        As many pieces of the same sizes.
    """
    scale = _BYTE if layout.bits else 1
    size = layout.frame_size
    put = _put_bits if layout.bits else _put_bytes
    waiting = (
        run._replace(start=run.start + frame * size)
        for frame in range(layout.frames)
        for run in each
    )
    run = next(waiting, None)
    at = 0
    for chunk in chunks:
        end = at + len(chunk) * scale
        if run is None or run.start >= end:
            at = end
            yield chunk
            continue
        data = bytearray(byteswapped(chunk, 2) if swapped else chunk)
        while run is not None and run.start < end:
            put(data, at, run)
            if run.start + run.length > end:  # the rest of it is in the next piece
                break
            run = next(waiting, None)
        at = end
        yield byteswapped(bytes(data), 2) if swapped else bytes(data)


def _put_bytes(data: bytearray, at: int, run: Run) -> None:
    start = max(run.start, at)
    stop = min(run.start + run.length, at + len(data))
    data[start - at : stop - at] = run.fill[start - run.start : stop - run.start]


def _put_bits(data: bytearray, at: int, run: Run) -> None:
    """Set or clear bits, of which the lowest of a byte comes first (PS3.5 8.1.1)."""
    start = max(run.start, at) - at
    stop = min(run.start + run.length, at + len(data) * _BYTE) - at
    fill = run.fill[0]
    first, last = start // _BYTE, (stop - 1) // _BYTE
    for index in {first, last}:
        low = max(start - index * _BYTE, 0)
        high = min(stop - index * _BYTE, _BYTE)
        mask = (1 << high) - (1 << low)
        data[index] = (data[index] & ~mask) | (fill & mask)
    if last - first > 1:
        data[first + 1 : last] = run.fill * (last - first - 1)

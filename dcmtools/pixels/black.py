"""Decide which stored values are displayed as black (PS3.3 C.7.6.3.1.2), and how they are stored.

Windows, look-up tables and presentation states may show anything as black. What is taken is what
the Photometric Interpretation calls it: the end of the range of values, whatever the image has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import unpack

_MONOCHROME = ("", "MONOCHROME1", "MONOCHROME2")
_PALETTE = "PALETTE COLOR"
_ZERO = ("RGB", "HSV", "ARGB")
_PARTIAL = ("YBR_PARTIAL_422", "YBR_PARTIAL_420")
_SAMPLES = {
    **dict.fromkeys((*_MONOCHROME, _PALETTE), 1),
    **dict.fromkeys(("RGB", "HSV", "YBR_FULL", "YBR_FULL_422", *_PARTIAL), 3),
    **dict.fromkeys(("ARGB", "CMYK"), 4),
}
_DARKEST_LUMA = 16  # of 8 bits, in the retired partial range (PS3.3-2017b C.7.6.3.1.2)
_BYTE = 8
_MOST_ENTRIES = 1 << 16


@dataclass(frozen=True, slots=True)
class Cells:
    """How a stored value lies in its cell (PS3.5 8.1.1).

    Parameters
    ----------
    allocated, stored, high : int
        Bits Allocated, Bits Stored and High Bit.
    signed : bool
        Whether Pixel Representation is 1.
    overlaid : bool
        Whether bits that hold no value may hold an overlay, so that a sign must not reach them.
    """

    allocated: int
    stored: int
    high: int
    signed: bool = False
    overlaid: bool = False

    def cell(self, value: int) -> int:
        """Give the content of a cell that holds a value and nothing else."""
        low = self.high + 1 - self.stored
        if not (0 < self.stored <= self.allocated and 0 <= low <= self.allocated - self.stored):
            return value & ((1 << self.allocated) - 1)  # they contradict each other
        bits = self.stored if self.overlaid else self.allocated - low
        return (value & ((1 << bits) - 1)) << low

    @property
    def depth(self) -> int:
        """The bits of a value."""
        return min(self.stored, self.allocated) if self.stored > 0 else self.allocated


def samples_of(photometric: str) -> int:
    """Give the samples of a pixel (PS3.3 C.7.6.3.1.1), 0 where its colours are not known."""
    return _SAMPLES.get(photometric, 0)


def black(photometric: str, cells: Cells, darkest: int = 0) -> tuple[int, ...]:
    """Give the cells of a black pixel.

    Parameters
    ----------
    photometric : str
        The Photometric Interpretation; "", as in images before DICOM, is MONOCHROME2.
    cells : Cells
        How values are stored.
    darkest : int
        The value that stands for the darkest colour of a palette.
    """
    depth = cells.depth
    largest = (1 << (depth - cells.signed)) - 1
    middle = 1 << (depth - 1)
    values: tuple[int, ...] = (0,) * (samples_of(photometric) or 1)
    if photometric == "MONOCHROME1":
        values = (largest,)
    elif photometric == _PALETTE:
        values = (darkest,)
    elif photometric in _MONOCHROME:
        values = (-middle if cells.signed else 0,)
    elif photometric == "CMYK":
        values = (largest,) * 4
    elif photometric in _PARTIAL:
        values = (_DARKEST_LUMA << max(depth - _BYTE, 0), middle, middle)
    elif photometric not in _ZERO:
        values = (0, middle, middle)
    return tuple(cells.cell(value) for value in values)


def darkest(descriptor: bytes, tables: Mapping[str, bytes], order: str, *, signed: bool) -> int:
    """Find the value that stands for the darkest colour of a palette (PS3.3 C.7.6.3.1.5).

    Parameters
    ----------
    descriptor : bytes
        The Red Palette Color Lookup Table Descriptor: entries, first value, bits.
    tables : mapping
        Look-up table data by colour: "red", "green" and "blue".
    order : str
        The order of bytes: ``<`` or ``>``.
    signed : bool
        Whether pixels are.

    Returns
    -------
    int
        The value; the first that has a colour where the palette cannot be read, as a segmented
        one is not.
    """
    if len(descriptor) < 6:  # noqa: PLR2004 - three numbers of two bytes
        return 0
    entries, first, _ = unpack(f"{order}H{'h' if signed else 'H'}H", descriptor[:6])
    entries = entries or _MOST_ENTRIES
    colours = [_entries(tables.get(name, b""), entries, order) for name in ("red", "green", "blue")]
    sums = [sum(entry) for entry in zip(*colours, strict=False)]
    return int(first + (sums.index(min(sums)) if sums else 0))


def _entries(raw: bytes, entries: int, order: str) -> tuple[int, ...]:
    """Read a table of words, or of two bytes a word, which have the order of words."""
    if len(raw) >= entries * 2:
        return unpack(f"{order}{entries}H", raw[: entries * 2])
    if len(raw) < entries:
        return ()
    if order == ">" and not len(raw) % 2:
        raw = b"".join(raw[at : at + 2][::-1] for at in range(0, len(raw), 2))
    return tuple(raw[:entries])

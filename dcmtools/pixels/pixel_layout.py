"""Decide from its attributes what the pixel data of an image are, and refuse what only they claim.

Nothing is allocated by a number in a header before that number has been held against the bytes
that are there and against a limit.
"""

from dataclasses import dataclass, replace

from dcmtools.dataset.elements import UNDEFINED
from dcmtools.errors import InputError
from dcmtools.escape import escape
from dcmtools.pixels.image_attributes import PIXEL_DATA_TAGS, Attributes, ImageFile

_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
_ROWS, _COLUMNS = 0x00280010, 0x00280011
_ALLOCATED, _STORED, _HIGH, _SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
SUBSAMPLED = ("YBR_FULL_422", "YBR_PARTIAL_422")
_COLOURS = ("RGB", "YBR_FULL", *SUBSAMPLED, "YBR_ICT", "YBR_RCT")
_ALLOCATIONS = (1, 8, 16, 32, 64)
_DEEPEST_COLOUR = 16


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """What the pixel data of an image are (PS3.3 C.7.6.3).

    Parameters
    ----------
    rows, columns, frames, samples : int
        How many; samples are those of a pixel.
    allocated, stored, high : int
        Bits Allocated, Bits Stored and High Bit.
    signed, floating : bool
        Whether values may be below 0, and whether they are floating-point numbers.
    photometric : str
        Photometric Interpretation.
    planar : bool
        Whether native colours come plane by plane.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    floating: bool
    photometric: str
    planar: bool

    @property
    def is_subsampled(self) -> bool:
        """Tell whether two native pixels share their colour."""
        return self.photometric in SUBSAMPLED

    @property
    def cells(self) -> int:
        """The samples of a native frame."""
        return self.rows * self.columns * (2 if self.is_subsampled else self.samples)

    @property
    def frame_bytes(self) -> int:
        """The bytes of a frame that is decoded."""
        return self.rows * self.columns * self.samples * max(self.allocated // 8, 1)

    @property
    def packed_bytes(self) -> int:
        """The bytes of a frame before it is compressed, single bits packed."""
        return -(-self.rows * self.columns * self.samples * self.allocated // 8)


def layout_of(image: ImageFile, most_bytes: int) -> PixelLayout:
    """Read what the pixel data of an image are.

    Parameters
    ----------
    image : ImageFile
        The image.
    most_bytes : int
        The most bytes that a frame may have.

    Raises
    ------
    InputError
        The attributes contradict each other, or the pixel data, or ask for too much.
    """
    layout = _described(image)
    if layout.frame_bytes > most_bytes:
        why = f"a frame would take {layout.frame_bytes} bytes, and the limit is {most_bytes}"
        raise InputError(image.name, why, "--max-frame-bytes sets the limit.")
    if image.pixels.length == UNDEFINED:
        fragments = len(image.fragments) - 1
        if layout.frames > fragments:
            why = f"Number of Frames is {layout.frames}, and there are {fragments} fragments"
            raise refusal(image.name, why)
        return layout
    return _checked_native(image, layout)


def _described(image: ImageFile) -> PixelLayout:
    given = image.attributes
    floating = PIXEL_DATA_TAGS[image.pixels.tag]
    allocated = floating or given.integer(_ALLOCATED, 0)
    stored = allocated if floating else given.integer(_STORED, allocated)
    photometric = given.text(_PHOTOMETRIC).upper() or "MONOCHROME2"
    layout = PixelLayout(
        rows=given.integer(_ROWS, 0),
        columns=given.integer(_COLUMNS, 0),
        frames=_frames(given),
        samples=given.integer(_SAMPLES, 1),
        allocated=allocated,
        stored=stored,
        high=stored - 1 if floating else given.integer(_HIGH, stored - 1),
        signed=given.integer(_SIGNED, 0) == 1 or bool(floating),
        floating=bool(floating),
        photometric=photometric,
        planar=given.integer(_PLANAR, 0) == 1,
    )
    for what, value in (
        ("Rows", layout.rows),
        ("Columns", layout.columns),
        ("Number of Frames", layout.frames),
    ):
        if value < 1:
            raise refusal(image.name, f"{what} is {value or 'not given'}")
    _check_samples(image.name, layout)
    return layout


def _frames(given: Attributes) -> int:
    """Give the number of frames; 1 where there is none, as the pixel data will show or not."""
    return given.integer(_FRAMES, 1) or 1


def _check_samples(name: str, layout: PixelLayout) -> None:
    """See that the samples of a pixel are what its colours ask for, and bits are where they can."""
    shown = escape(layout.photometric)
    samples = 3 if layout.photometric in _COLOURS else 1
    if layout.photometric not in (*MONOCHROME, PALETTE, *_COLOURS):
        raise refusal(name, f"Photometric Interpretation {shown} is not supported")
    if layout.samples != samples:
        raise refusal(name, f"Photometric Interpretation is {shown}, with {layout.samples} samples")
    if layout.allocated not in _ALLOCATIONS:
        raise refusal(name, f"Bits Allocated is {layout.allocated or 'not given'}")
    low = layout.high + 1 - layout.stored
    if (
        not 0 < layout.stored <= layout.allocated
        or not 0 <= low <= layout.allocated - layout.stored
    ):
        bits = f"{layout.allocated} allocated, {layout.stored} stored, high bit {layout.high}"
        raise refusal(name, f"its bits contradict each other: {bits}")
    if samples > 1 and (layout.floating or not 1 < layout.allocated <= _DEEPEST_COLOUR):
        raise refusal(name, f"{shown} with {layout.allocated} bits allocated is not supported")


def _checked_native(image: ImageFile, layout: PixelLayout) -> PixelLayout:
    """See that native pixel data are as long as their attributes ask for."""
    length = image.pixels.length
    wanted = _native_bytes(layout)
    whole = layout.rows * layout.columns * layout.samples * layout.frames * layout.allocated // 8
    if layout.is_subsampled and length >= whole:  # some say that they are, and are not
        partial = layout.photometric == "YBR_PARTIAL_422"
        layout = replace(layout, photometric="YBR_PARTIAL" if partial else "YBR_FULL")
        wanted = whole
    elif layout.is_subsampled and (layout.columns % 2 or layout.planar):
        raise refusal(image.name, f"{layout.photometric} needs pairs of pixels")
    if length < wanted:
        raise refusal(image.name, f"there are {length} bytes, and its attributes ask for {wanted}")
    return layout


def _native_bytes(layout: PixelLayout) -> int:
    return -(-layout.cells * layout.frames * layout.allocated // 8)


def refusal(name: str, why: str) -> InputError:
    """Say why pixel data cannot be used."""
    return InputError(name, f"its pixel data cannot be used: {why}")

"""Read the stored values of frames, one frame at a time, native or decoded.

Each frame is found by its own fragments, so that any of them can be
had without those before it, and one frame is all that is in memory.
"""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from dcmtools.dataset.elements import UNDEFINED
from dcmtools.errors import InputError
from dcmtools.pixels.codec import Codec
from dcmtools.pixels.decoding import RLE_LOSSLESS, failure, limit_memory
from dcmtools.pixels.fragments import OFFSET_TABLES, Place, frames_of
from dcmtools.pixels.image_attributes import ImageFile
from dcmtools.pixels.pixel_layout import PixelLayout, refusal

Numbers = np.ndarray[Any, np.dtype[Any]]

_NATIVE = ("", *(f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".2", ".1.99")))
_RLE_RATIO = 64  # two bytes stand for up to 128 (PS3.5 G.3.1)
_BYTE = 8
_BYTES_A_SAMPLE = 48  # what codecs and numpy take at most while they work on one
_SLACK = 1 << 30


class StoredFrame(NamedTuple):
    """The values of a frame as they are stored.

    Parameters
    ----------
    values : numpy.ndarray
        Rows and columns, and three samples where there are colours.
    photometric : str
        What they are now: decoders undo the transformations of JPEG 2000.
    cells : numpy.ndarray or None
        What values were taken from, with the bits that hold none of them; None where a codec has
        no such bits.
    """

    values: Numbers
    photometric: str
    cells: Numbers | None = None


class FrameReader:
    """Reads frames of an image.

    Parameters
    ----------
    image : ImageFile
        The image.
    layout : PixelLayout
        What its pixel data are.

    Raises
    ------
    InputError
        Nothing can decode its transfer syntax.
    """

    def __init__(self, image: ImageFile, layout: PixelLayout) -> None:
        self._image = image
        self._layout = layout
        self._syntax = image.file.header.transfer_syntax
        self._compressed = image.pixels.length == UNDEFINED
        if self._compressed == (self._syntax in _NATIVE):
            raise refusal(image.name, "they are not encapsulated as they must be")
        if self._compressed:
            self._codec = Codec(self._syntax, image.name)
        limit_memory(_SLACK + layout.frame_bytes * _BYTES_A_SAMPLE)

    def read(self, frame: int) -> StoredFrame:
        """Read one frame.

        Parameters
        ----------
        frame : int
            Its number, from 0.

        Raises
        ------
        InputError
            It cannot be decoded, or is not there.
        """
        if self._compressed:
            return self._decoded(frame)
        cells = self._native(frame)
        values = cells if self._layout.floating else self._values(cells)
        return StoredFrame(_full_colour(values, self._layout), self._layout.photometric, cells)

    # Native pixel data

    def _native(self, frame: int) -> Numbers:
        """Read the cells of a frame of native pixel data (PS3.5 8.1.1)."""
        layout, pixels = self._layout, self._image.pixels
        bits = layout.cells * layout.allocated
        first, last = frame * bits, (frame + 1) * bits
        start, stop = first // _BYTE, -(-last // _BYTE)
        big = pixels.level.encoding.big_endian
        swapped = big and pixels.vr == "OW" and layout.allocated <= _BYTE
        begin, end = (start & ~1, stop + stop % 2) if swapped else (start, stop)
        end = min(end, pixels.length)
        raw = self._image.file.header.source.read(pixels.value_offset + begin, end - begin)
        if len(raw) < end - begin:
            raise InputError(self._image.name, "has become shorter")
        if swapped:
            raw = np.frombuffer(raw[: len(raw) & ~1], ">u2").astype("<u2").tobytes()
        raw = raw[start - begin : stop - begin]
        if layout.allocated == 1:
            single = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
            cells = single[first - start * _BYTE :][: layout.cells]
        else:
            kind = "f" if layout.floating else "u"
            dtype = f"{'>' if big else '<'}{kind}{layout.allocated // _BYTE}"
            cells = np.frombuffer(raw, dtype)
            cells = cells.astype(cells.dtype.newbyteorder("="), copy=False)
        return _shaped(cells, layout)

    def _values(self, cells: Numbers) -> Numbers:
        """Take the values out of cells that may have other bits too, and give them their sign."""
        layout = self._layout
        if layout.allocated == 1:
            return cells
        above, below = layout.allocated - layout.high - 1, layout.allocated - layout.stored
        kind = f"{'i' if layout.signed else 'u'}{cells.itemsize}"
        if not below:
            return cells.view(kind)
        return np.asarray((cells << above).view(kind) >> below)

    # Encapsulated pixel data

    @cached_property
    def _places(self) -> list[list[Place]]:
        """Find which fragments are those of each frame."""
        image, wanted = self._image, self._layout.frames
        fragments = [Place(*fragment) for fragment in image.fragments]
        extended = all(tag in image.attributes for tag in OFFSET_TABLES)
        offsets = image.attributes.raw(OFFSET_TABLES[0]) if extended else b""
        read = image.file.header.source.read
        found = frames_of(fragments, wanted, offsets, lambda place: read(*place))
        if len(found) != wanted:
            why = f"which of {len(fragments) - 1} fragments are those of a frame is not told"
            raise refusal(image.name, why)
        return found

    def _codestream(self, frame: int) -> bytes:
        read = self._image.file.header.source.read
        return b"".join(read(offset, length) for offset, length in self._places[frame])

    def _decoded(self, frame: int) -> StoredFrame:
        code, layout = self._codestream(frame), self._layout
        if self._syntax == RLE_LOSSLESS and layout.packed_bytes > len(code) * _RLE_RATIO:
            why = f"{len(code)} bytes cannot be {layout.packed_bytes} bytes of pixels"
            raise failure(self._image.name, self._syntax, why)
        if layout.allocated == 1:
            return StoredFrame(self._single_bits(code), layout.photometric)
        values, photometric = self._codec.decode(code, self._options())
        if self._syntax == RLE_LOSSLESS:
            cells = values.view(f"u{values.itemsize}")
            return StoredFrame(self._values(cells), photometric, cells)
        unused = values.itemsize * _BYTE - layout.stored
        if unused > 0 and layout.signed:
            values = (values << unused).view(f"i{values.itemsize}") >> unused
        return StoredFrame(values, photometric)

    def _single_bits(self, code: bytes) -> Numbers:
        """Decode bytes of eight pixels each, which RLE makes of single bits."""
        layout = self._layout
        size = {"rows": 1, "columns": layout.packed_bytes, "bits_allocated": 8, "bits_stored": 8}
        packed, _ = self._codec.decode(code, self._options() | size)
        bits = np.unpackbits(packed.reshape(-1), bitorder="little")
        return bits[: layout.rows * layout.columns].reshape(layout.rows, layout.columns)

    def _options(self) -> dict[str, Any]:
        layout = self._layout
        return {
            "rows": layout.rows,
            "columns": layout.columns,
            "samples_per_pixel": layout.samples,
            "bits_allocated": layout.allocated,
            "bits_stored": layout.stored,
            "photometric_interpretation": layout.photometric,
            "pixel_representation": int(layout.signed),
        }


def _shaped(cells: Numbers, layout: PixelLayout) -> Numbers:
    if layout.is_subsampled:
        return cells.reshape(layout.rows, layout.columns // 2, 4)
    if layout.samples == 1:
        return cells.reshape(layout.rows, layout.columns)
    if layout.planar:
        return cells.reshape(layout.samples, layout.rows, layout.columns).transpose(1, 2, 0)
    return cells.reshape(layout.rows, layout.columns, layout.samples)


def _full_colour(values: Numbers, layout: PixelLayout) -> Numbers:
    """Give every pixel the colour that it shares: Y Y Cb Cr (PS3.3 C.7.6.3.1.2)."""
    if not layout.is_subsampled:
        return values
    pixels = np.empty((layout.rows, layout.columns, 3), values.dtype)
    pixels[:, 0::2] = values[:, :, [0, 2, 3]]
    pixels[:, 1::2] = values[:, :, [1, 2, 3]]
    return pixels

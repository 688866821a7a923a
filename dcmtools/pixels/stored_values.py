"""Read the stored values of frames, one frame at a time, native or decoded.

pydicom and its plugins decode. Each frame is found by its own fragments, so that any of them can be
had without those before it, and one frame is all that is in memory.
"""

import re
from collections.abc import Callable
from functools import cached_property
from io import BytesIO
from itertools import pairwise
from struct import pack, unpack
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from dcmtools.dataset.elements import UNDEFINED
from dcmtools.errors import InputError
from dcmtools.escape import escape
from dcmtools.pixels.decoding import RLE_LOSSLESS, decoder_of, limit_memory, syntax_name
from dcmtools.pixels.image_attributes import ImageFile
from dcmtools.pixels.pixel_layout import PixelLayout, refusal

Numbers = np.ndarray[Any, np.dtype[Any]]

_JPEG_OF_PILLOW = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_NATIVE = ("", *(f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".2", ".1.99")))
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
_STARTS = (b"\xff\xd8", b"\xff\x4f")  # of a JPEG and a JPEG 2000 image
_RLE_RATIO = 64  # two bytes stand for up to 128 (PS3.5 G.3.1)
_BYTE = 8
_ITEM, _END = pack("<HH", 0xFFFE, 0xE000), pack("<HHI", 0xFFFE, 0xE0DD, 0)
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
            self._decoder = decoder_of(self._syntax, image.name)
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
    def _places(self) -> list[list[tuple[int, int]]]:
        """Find which fragments are those of each frame (PS3.5 A.4)."""
        frames = self._layout.frames
        fragments = self._image.fragments[1:]
        if frames == 1:
            return [fragments]
        if len(fragments) == frames:
            return [[fragment] for fragment in fragments]
        starts = self._table() or self._beginnings()
        if len(starts) != frames or starts[0]:
            why = f"which of {len(fragments)} fragments are those of a frame is not told"
            raise refusal(self._image.name, why)
        return [fragments[one:two] for one, two in pairwise([*starts, len(fragments)])]

    def _table(self) -> list[int]:
        """Read an offset table; give the number of the first fragment of each frame."""
        image = self._image
        fragments = image.fragments[1:]
        if _OFFSETS in image.attributes and _LENGTHS in image.attributes:
            raw, form = image.attributes.raw(_OFFSETS), "Q"
        else:
            offset, length = image.fragments[0]
            raw, form = image.file.header.source.read(offset, length), "I"
        width = 8 if form == "Q" else 4
        offsets = unpack(f"<{len(raw) // width}{form}", raw[: len(raw) // width * width])
        origin = fragments[0][0]
        numbers = {value - origin: number for number, (value, _) in enumerate(fragments)}
        starts = [numbers.get(offset, -1) for offset in offsets]
        valid = -1 not in starts and all(one < two for one, two in pairwise(starts))
        return starts if valid else []

    def _beginnings(self) -> list[int]:
        """Tell by what is in them which fragments begin a frame."""
        source = self._image.file.header.source
        return [
            number
            for number, (offset, _) in enumerate(self._image.fragments[1:])
            if source.read(offset, 2) in _STARTS
        ]

    def _codestream(self, frame: int) -> bytes:
        read = self._image.file.header.source.read
        return b"".join(read(offset, length) for offset, length in self._places[frame])

    def _decoded(self, frame: int) -> StoredFrame:
        code, layout = self._codestream(frame), self._layout
        if self._syntax == RLE_LOSSLESS and layout.packed_bytes > len(code) * _RLE_RATIO:
            why = f"{len(code)} bytes cannot be {layout.packed_bytes} bytes of pixels"
            raise self._failure(why)
        coloured = layout.samples > 1
        if self._syntax in _JPEG_OF_PILLOW and coloured and layout.allocated == _BYTE:
            return StoredFrame(self._caught(_jpeg, code, layout), layout.photometric)
        if layout.allocated == 1:
            return StoredFrame(self._caught(self._single_bits, code), layout.photometric)
        values, photometric = self._caught(self._by_pydicom, code)
        if self._syntax == RLE_LOSSLESS:
            cells = values.view(f"u{values.itemsize}")
            return StoredFrame(self._values(cells), photometric, cells)
        unused = values.itemsize * _BYTE - layout.stored
        if unused > 0 and layout.signed:
            values = (values << unused).view(f"i{values.itemsize}") >> unused
        return StoredFrame(values, photometric)

    def _single_bits(self, code: bytes) -> Numbers:
        """Have pydicom decode bytes of eight pixels each, which RLE makes of single bits."""
        layout = self._layout
        size = {"rows": 1, "columns": layout.packed_bytes, "bits_allocated": 8, "bits_stored": 8}
        packed, _ = self._by_pydicom(code, **size)
        bits = np.unpackbits(packed.reshape(-1), bitorder="little")
        return bits[: layout.rows * layout.columns].reshape(layout.rows, layout.columns)

    def _by_pydicom(self, code: bytes, **size: int) -> tuple[Numbers, str]:
        """Have pydicom decode a frame; how samples follow each other is told by the codec alone."""
        layout = self._layout
        options: dict[str, Any] = {
            "rows": layout.rows,
            "columns": layout.columns,
            "number_of_frames": 1,
            "samples_per_pixel": layout.samples,
            "bits_allocated": layout.allocated,
            "bits_stored": layout.stored,
            "photometric_interpretation": layout.photometric,
            "pixel_representation": int(layout.signed),
            "planar_configuration": 0,
            "correct_unused_bits": False,
            **size,
        }
        code += b"\0" * (len(code) % 2)
        content = BytesIO(_ITEM + bytes(4) + _ITEM + pack("<I", len(code)) + code + _END)
        values, described = next(self._decoder.iter_array(content, raw=True, **options))
        return values, str(described["photometric_interpretation"])

    def _caught(self, decode: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - codecs
        """Decode, and say in a line what a codec says when it cannot."""
        usual = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = self._layout.rows * self._layout.columns
        try:
            return decode(*arguments)
        except (MemoryError, InputError):
            raise
        except Exception as error:  # plugins raise what they like
            lines = [line.strip() for line in str(error).splitlines()]
            # pydicom names each plugin, the best one first; some are named, but have said nothing.
            said = next((line for line in lines if line and not line.endswith(":")), "")
            said = said or "the decoder gave up, as it does without the memory that it wants"
            raise self._failure(escape(said)) from error
        finally:
            Image.MAX_IMAGE_PIXELS = usual

    def _failure(self, why: str) -> InputError:
        what = f"{syntax_name(self._syntax)} cannot be decompressed"
        other = re.search(r"pylibjpeg-\w+", " ".join(self._decoder.missing_dependencies))
        hint = f"pip install {other[0]} adds another decoder." if other else ""
        return InputError(self._image.name, f"{what}: {why}", hint)


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


def _jpeg(code: bytes, layout: PixelLayout) -> Numbers:
    """Decode a JPEG image of three components as they are; the attributes say what they are.

    Pillow turns them into RGB where an Adobe marker, which DICOM does not know, says YCbCr, and
    pydicom does not tell.
    """
    with Image.open(BytesIO(code), formats=("JPEG",)) as picture:
        if picture.size != (layout.columns, layout.rows):
            raise ValueError(f"it is {picture.size[0]} pixels wide and {picture.size[1]} high")
        if picture.mode != "RGB":
            raise ValueError(f"it has {len(picture.getbands())} components")
        if picture.info.get("adobe_transform") != 0:
            picture.draft("YCbCr", picture.size)
        return np.asarray(picture)

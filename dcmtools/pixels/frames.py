"""Decompress encapsulated pixel data, frame by frame, and say what describes the result.

What is decided here is that nothing is lost on the way: samples stay as the codec gives them, and
only lossy JPEG, where it is the custom, is turned from YBR into RGB.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from dcmtools.escape import escape
from dcmtools.pixels import jpeg
from dcmtools.pixels.codec import Codec
from dcmtools.pixels.decoding import (
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    Image,
    failure,
    limit_memory,
    refuse_impossible,
)
from dcmtools.pixels.encoding import Frames, Given
from dcmtools.pixels.fragments import Place, fragments_at, frames_of

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]

_SUBSAMPLED = "YBR_FULL_422"
_COLOURS = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", _SUBSAMPLED)
_MOST = (1 << 32) - 2  # bytes that a value can have (PS3.5 7.1)
_BYTES_A_SAMPLE = 32  # what codecs and numpy take at most while they work on one
_SLACK = 1 << 30
_BYTE = 8


@dataclass(frozen=True, slots=True)
class Decoded:
    """What is to be written in place of encapsulated pixel data.

    Parameters
    ----------
    frames : Frames
        The pixel data; each frame is decoded when it is taken.
    elements : dict
        What describes them, where that has changed, by the element of the file.
    colour : str
        What became of the colours, in words, "" for nothing.
    """

    frames: Frames
    elements: dict[int, tuple[Given, ...]]
    colour: str


def decode(image: Image, syntax: str, path: str, content: BinaryIO) -> Decoded:
    """Decode the first frame, to know what describes the result, and the others when asked.

    Parameters
    ----------
    image : Image
        The image.
    syntax : str
        The UID of the transfer syntax.
    path : str
        What to call the file in errors.
    content : file
        The file, to be read by this only.

    Raises
    ------
    InputError
        It cannot be decoded; the frames may raise it too.
    """
    length = refuse_impossible(image, syntax, path, most=_MOST)
    decoder = FrameDecoder(image, syntax, path, content)
    options, after = image.options, decoder.photometric
    before = options["photometric_interpretation"]
    bits, count = options["bits_allocated"], options["number_of_frames"]
    described = []
    planar_is_missing = options["samples_per_pixel"] > 1 and "planar_configuration" not in options
    if after != before or planar_is_missing:
        described.append(photometric_given(after))
    if planar_is_missing:
        described.append(Given(PLANAR_CONFIGURATION, "US", b"\0\0"))
    place = image.attributes[PHOTOMETRIC_INTERPRETATION].offset
    frames = (native(decoder.frame(number), options) for number in range(count))
    return Decoded(
        Frames("OB" if bits <= _BYTE else "OW", length, frames),
        {place: tuple(described)} if described else {},
        f"{escape(before)} to {after}" if after != before else "",
    )


def native(frame: "Numbers", options: dict[str, Any]) -> bytes:
    """Give the bytes of a frame as native pixel data have them (PS3.3 C.7.6.3.1.3)."""
    if options.get("planar_configuration") == 1 and frame.ndim > 2:  # noqa: PLR2004 - colours
        frame = frame.transpose(2, 0, 1)
    return frame.tobytes()


class FrameDecoder:
    """Decodes the frames of an image, in any order.

    Parameters
    ----------
    image : Image
        The image.
    syntax : str
        The UID of its transfer syntax.
    path : str
        What to call the file in errors.
    content : file
        The file, to be read by this only.

    Raises
    ------
    InputError
        It cannot be decoded, or has not as many frames as it says.

    Attributes
    ----------
    photometric : str
        The Photometric Interpretation of the frames that are given.
    """

    def __init__(self, image: Image, syntax: str, path: str, content: BinaryIO) -> None:
        self._codec = Codec(syntax, path)
        refuse_impossible(image, syntax, path)
        limit_memory(_SLACK + image.frame_size * _BYTES_A_SAMPLE + image.size)
        self._image, self._syntax, self._path, self._content = image, syntax, path, content
        self._options = dict(image.options)
        offsets = self._options.pop("extended_offsets", b"")
        wanted = image.options["number_of_frames"]
        fragments = fragments_at(content, image.pixels.value_offset)
        self._frames = frames_of(fragments, wanted, offsets, self._read)
        self._check_count(wanted)
        self._first: tuple[Numbers, str] | None = self._decoded(0)
        first, self._colour = self._first
        self.photometric = _colour_after(self._colour, syntax)
        turned = self.photometric == "RGB" != self._colour
        if self._colour not in _COLOURS or (turned and first.itemsize > 1):
            raise failure(path, syntax, f"it is {escape(self._colour)}")

    def _check_count(self, wanted: int) -> None:
        found = len(self._frames)
        if not found:
            why = "nothing tells which fragments are those of a frame"
            raise failure(self._path, self._syntax, why)
        if found != wanted:
            said = f"more than {wanted}" if found > wanted else str(found)
            why = f"Number of Frames is {wanted} and {said} were found"
            raise failure(self._path, self._syntax, why)

    def frame(self, number: int) -> "Numbers":
        """Decode a frame.

        Parameters
        ----------
        number : int
            Its number, from 0.

        Returns
        -------
        numpy.ndarray
            Rows and columns, and samples where there are several, in little endian.

        Raises
        ------
        InputError
            It cannot be decoded, or differs from the first one in its kind.
        """
        first, self._first = self._first if number == 0 else None, None
        pixels, colour = first or self._decoded(number)
        options = self._image.options
        if colour != self._colour:
            raise failure(self._path, self._syntax, "its frames differ in their colours")
        width = options["bits_allocated"] // _BYTE
        if pixels.itemsize > width:
            why = f"samples have more than {options['bits_allocated']} bits"
            raise failure(self._path, self._syntax, why)
        if self.photometric == "RGB" != colour:
            from pydicom.pixels.processing import convert_color_space  # noqa: PLC0415 - slow

            pixels = convert_color_space(pixels, "YBR_FULL", "RGB")
        kind = "i" if options["pixel_representation"] else "u"
        return pixels.astype(f"<{kind}{width}", copy=False)

    def _read(self, place: Place) -> bytes:
        self._content.seek(place.offset)
        return self._content.read(place.length)

    def _decoded(self, number: int) -> "tuple[Numbers, str]":
        """Have a frame decoded; give it with its colours."""
        return self._codec.decode(b"".join(map(self._read, self._frames[number])), self._options)


def _colour_after(colour: str, syntax: str) -> str:
    """Decide the colours of the result by those that the decoder has given.

    It has undone the transformations of JPEG 2000, and given every pixel its own three samples.
    """
    if syntax in jpeg.SYNTAXES and colour in ("YBR_FULL", _SUBSAMPLED):
        return "RGB"
    return "YBR_FULL" if colour == _SUBSAMPLED else colour


def photometric_given(value: str) -> Given:
    """Make the element that names colours."""
    return Given(PHOTOMETRIC_INTERPRETATION, "CS", value.encode() + b" " * (len(value) % 2))

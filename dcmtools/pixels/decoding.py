"""Decompress encapsulated pixel data, frame by frame, and say what describes the result.

pydicom and its plugins decode. What is decided here is what they must not be asked (images that a
header only claims to be there), and that nothing is lost on the way: samples stay as the codec
gives them, and only lossy JPEG, where it is the custom, is turned from YBR into RGB.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import Element
from dcmtools.errors import InputError
from dcmtools.escape import escape
from dcmtools.pixels.encoding import Frames, Given

if TYPE_CHECKING:
    import numpy as np
    from pydicom.pixels.decoders.base import Decoder

SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
PLANAR_CONFIGURATION = 0x00280006
NUMBER_OF_FRAMES = 0x00280008
BITS_ALLOCATED = 0x00280100
EXTENDED_OFFSET_TABLE = 0x7FE00001
EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00002
NUMBERS = {
    SAMPLES_PER_PIXEL: "samples_per_pixel",
    PLANAR_CONFIGURATION: "planar_configuration",
    0x00280010: "rows",
    0x00280011: "columns",
    BITS_ALLOCATED: "bits_allocated",
    0x00280101: "bits_stored",
    0x00280103: "pixel_representation",
}
"""The numbers that describe pixel data (PS3.3 C.7.6.3), by what pydicom calls them."""

RLE_LOSSLESS = "1.2.840.10008.1.2.5"
_LOSSY_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
LOSSY = (*_LOSSY_JPEG, "1.2.840.10008.1.2.4.81")
"""Transfer syntaxes in which nothing is without a loss; others may be used without one."""

_SUBSAMPLED = "YBR_FULL_422"
_COLOURS = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", _SUBSAMPLED)
_MOST = (1 << 32) - 2  # bytes that a value can have (PS3.5 7.1)
_RLE_RATIO = 64  # two bytes stand for up to 128 (PS3.5 G.3.1)
_BYTE = 8
_BYTES_A_SAMPLE = 32  # what codecs and numpy take at most while they work on one
_SLACK = 1 << 30


@dataclass(slots=True)
class Image:
    """Encapsulated pixel data and what describes them in the same data set.

    Parameters
    ----------
    pixels : Element
        The pixel data.
    attributes : dict
        What describes them, by tag: the elements.
    options : dict
        The same as pydicom's decoders want it.
    fragments : int
        How many there are, the Basic Offset Table left out.
    size : int
        Their bytes.
    """

    pixels: Element
    attributes: dict[int, Element]
    options: dict[str, Any] = field(default_factory=dict)
    fragments: int = 0
    size: int = 0

    @property
    def frame_size(self) -> int:
        """The samples of a frame."""
        options = self.options
        size: int = options["rows"] * options["columns"] * options["samples_per_pixel"]
        return size


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


def syntax_name(uid: str) -> str:
    """Name a transfer syntax as PS3.6 does."""
    from pydicom.uid import UID  # noqa: PLC0415 - slow, and an object may need none of it

    return escape(UID(uid).name)


def decoder_of(uid: str, path: str) -> "Decoder":
    """Find what can decode a transfer syntax.

    Raises
    ------
    InputError
        Nothing can, or what can is not installed.
    """
    from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415 - slow, and not always needed

    what = syntax_name(uid)
    try:
        decoder = get_decoder(uid)
    except NotImplementedError as error:
        why = f"{what} cannot be decompressed: there is no decoder for it"
        raise InputError(path, why) from error
    if not decoder.is_available:
        package = re.search(r"pylibjpeg-\w+", " ".join(decoder.missing_dependencies))
        hint = f"pip install {package[0]} adds one." if package else ""
        why = f"{what} cannot be decompressed: no decoder is installed"
        raise InputError(path, why, hint)
    return decoder


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
    decoder = decoder_of(syntax, path)
    _refuse_impossible(image, syntax, path)
    limit_memory(_SLACK + image.frame_size * _BYTES_A_SAMPLE + image.size)
    options = image.options
    frames = _decoded(image, decoder, path, content)
    first, colour = next(frames)
    before = options["photometric_interpretation"]
    after = _colour_after(colour, syntax)
    if colour not in _COLOURS or (after != colour and after == "RGB" and first.itemsize > 1):
        raise _failure(path, syntax, f"it is {escape(colour)}")
    checked = _checked(chain([(first, colour)], frames), image, syntax, path, colour)
    bits = options["bits_allocated"]
    length = image.frame_size * options["number_of_frames"] * (bits // _BYTE)
    described = []
    planar_is_missing = options["samples_per_pixel"] > 1 and "planar_configuration" not in options
    if after != before or planar_is_missing:
        described.append(_photometric(after))
    if planar_is_missing:
        described.append(Given(PLANAR_CONFIGURATION, "US", b"\0\0"))
    place = image.attributes[PHOTOMETRIC_INTERPRETATION].offset
    return Decoded(
        Frames("OB" if bits <= _BYTE else "OW", length, checked),
        {place: tuple(described)} if described else {},
        f"{escape(before)} to {after}" if after != before else "",
    )


def _colour_after(colour: str, syntax: str) -> str:
    """Decide the colours of the result by those that the decoder has given.

    It has undone the transformations of JPEG 2000, and given every pixel its own three samples.
    """
    if syntax in _LOSSY_JPEG and colour in ("YBR_FULL", _SUBSAMPLED):
        return "RGB"
    return "YBR_FULL" if colour == _SUBSAMPLED else colour


def _photometric(value: str) -> Given:
    return Given(PHOTOMETRIC_INTERPRETATION, "CS", value.encode() + b" " * (len(value) % 2))


def _refuse_impossible(image: Image, syntax: str, path: str) -> None:
    """Refuse what only a header claims, before anything is allocated for it."""
    options = image.options
    for tag in (PHOTOMETRIC_INTERPRETATION, *NUMBERS):
        if tag != PLANAR_CONFIGURATION and not (
            tag in image.attributes and image.attributes[tag].length
        ):
            raise _failure(path, syntax, f"{describe(tag)} is not given")
    frames, bits = options["number_of_frames"], options["bits_allocated"]
    if bits % _BYTE or not bits:
        raise _failure(path, syntax, f"Bits Allocated is {bits}")
    if frames > image.fragments:
        why = f"Number of Frames is {frames} and there are {image.fragments} fragments"
        raise _failure(path, syntax, why)
    length = image.frame_size * frames * (bits // _BYTE)
    if length > _MOST:
        why = f"it would take {length / 1e9:.1f} GB, and Pixel Data can have 4.3"
        raise _failure(path, syntax, why)
    if syntax == RLE_LOSSLESS and length > image.size * _RLE_RATIO:
        raise _failure(path, syntax, f"{image.size} bytes cannot be {length} bytes of pixels")


def limit_memory(more: int | None) -> None:
    """Have what wants much more than it needs fail, where the system can do that.

    What a codec allocates depends on what the compressed image says of itself.

    Parameters
    ----------
    more : int or None
        The bytes that may be allocated from now on; None for no limit.
    """
    try:
        import resource  # noqa: PLC0415 - Windows has none

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = hard
        if more is not None:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            most = pages * resource.getpagesize() + more
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    except (ImportError, OSError, ValueError):
        return


def _decoded(
    image: Image, decoder: "Decoder", path: str, content: BinaryIO
) -> "Iterator[tuple[np.ndarray[Any, Any], str]]":
    """Have pydicom decode frames, each as rows, columns and samples, with its colours."""
    content.seek(image.pixels.value_offset)
    # Bits that are not used stay as they are: they may hold an overlay.
    options = {"planar_configuration": 0, **image.options, "correct_unused_bits": False}
    try:
        for frame, described in decoder.iter_array(content, raw=True, **options):
            yield frame, str(described["photometric_interpretation"])
    except MemoryError:
        raise
    except Exception as error:  # plugins raise what they like
        said = str(error).strip().split("\n")[-1].strip()
        if not said or said.endswith(":"):  # the plugin is named, but has said nothing
            said = "the decoder gave up, as it does without the memory that it wants"
        raise _failure(path, decoder.UID, escape(said)) from error


def _checked(
    frames: "Iterator[tuple[np.ndarray[Any, Any], str]]",
    image: Image,
    syntax: str,
    path: str,
    colour: str,
) -> Iterator[bytes]:
    """Give the frames as they are written, as many as there must be, all of one kind."""
    import numpy as np  # noqa: PLC0415 - slow, and not always needed
    from pydicom.pixels.processing import convert_color_space  # noqa: PLC0415 - the same

    options = image.options
    kind = "i" if options["pixel_representation"] else "u"
    dtype = np.dtype(f"<{kind}{options['bits_allocated'] // _BYTE}")
    wanted = count = options["number_of_frames"]
    for frame, own_colour in frames:
        if own_colour != colour:
            raise _failure(path, syntax, "its frames differ in their colours")
        if frame.itemsize > dtype.itemsize:
            why = f"samples have more than {options['bits_allocated']} bits"
            raise _failure(path, syntax, why)
        if not count:
            break
        count -= 1
        pixels = frame
        if _colour_after(colour, syntax) == "RGB" != colour:
            pixels = convert_color_space(pixels, "YBR_FULL", "RGB")
        if options.get("planar_configuration") == 1 and frame.ndim > 2:  # noqa: PLR2004 - colours
            pixels = pixels.transpose(2, 0, 1)
        yield pixels.astype(dtype, copy=False).tobytes()
    else:
        if not count:
            return
    found = f"more than {wanted}" if not count else str(wanted - count)
    raise _failure(path, syntax, f"Number of Frames is {wanted} and {found} were found")


def _failure(path: str, syntax: str, why: str) -> InputError:
    return InputError(path, f"{syntax_name(syntax)} cannot be decompressed: {why}")

"""Decide what can be decompressed: what decodes it, and what nothing must be asked to decode.

Images that a header only claims to be there are refused before anything is allocated for them.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import Element
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.escape import escape
from dcmtools.pixels.black import samples_of
from dcmtools.pixels.fragments import OFFSET_TABLES

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import Decoder

SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
PLANAR_CONFIGURATION = 0x00280006
NUMBER_OF_FRAMES = 0x00280008
BITS_ALLOCATED = 0x00280100
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
_OPENJPEG = "pylibjpeg-openjpeg"
_PACKAGES = {
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{end}" for end in (50, 51, 57, 70)), "dcmtools[jpeg]"),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{end}" for end in (80, 81)), "dcmtools[jpegls]"),
}
"""What has decoders that may not be installed; all others are in one that must be."""

_RLE_RATIO = 64  # two bytes stand for up to 128 (PS3.5 G.3.1)
_BYTE = 8
_SAMPLES = (1, 3, 4)


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

    @property
    def native_size(self) -> int:
        """The bytes of all frames, as native pixel data."""
        count: int = self.options["number_of_frames"]
        width: int = self.options["bits_allocated"] // _BYTE
        return self.frame_size * count * width


def options_of(file: DicomFile, attributes: dict[int, Element]) -> dict[str, Any]:
    """Give what describes an image as pydicom's decoders take it.

    Parameters
    ----------
    file : DicomFile
        The file.
    attributes : dict
        The elements that describe the image, by tag.
    """
    options: dict[str, Any] = {"number_of_frames": 1}
    for tag, element in attributes.items():
        value = element.value or b""
        order = "big" if element.level.encoding.big_endian else "little"
        if tag in NUMBERS and len(value) > 1:
            options[NUMBERS[tag]] = int.from_bytes(value[:2], order)  # type: ignore[arg-type] # a literal
        elif tag == PHOTOMETRIC_INTERPRETATION:
            options["photometric_interpretation"] = value.decode("latin-1").strip(" \0")
        elif tag == NUMBER_OF_FRAMES:
            with suppress(ValueError):  # it stays 1, which the pixel data will confirm or not
                options["number_of_frames"] = int(value.strip(b" \0")) or 1
    if all(tag in attributes for tag in OFFSET_TABLES):
        options["extended_offsets"] = file.value(attributes[OFFSET_TABLES[0]])
    return options


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
        raise missing_decoder(uid, path)
    return decoder


def missing_decoder(uid: str, path: str, which: str = "") -> InputError:
    """Say that a decoder is not installed, and how it can be.

    Parameters
    ----------
    uid : str
        The UID of the transfer syntax.
    path : str
        What to call the file.
    which : str
        Which images of it need that decoder, in words; "" for all.
    """
    package = _PACKAGES.get(uid, _OPENJPEG)
    why = f"{syntax_name(uid)} {which}cannot be decompressed: no decoder is installed"
    return InputError(path, why, f"pip install '{package}' adds one.")


def refuse_impossible(image: Image, syntax: str, path: str, *, most: int = 0) -> int:
    """Refuse what only a header claims, before anything is allocated for it.

    Parameters
    ----------
    image : Image
        The image.
    syntax : str
        The UID of its transfer syntax.
    path : str
        What to call the file in errors.
    most : int
        The most bytes of native pixel data; 0 for no limit.

    Returns
    -------
    int
        The bytes of the image as native pixel data.

    Raises
    ------
    InputError
        What describes the image is missing, or contradicts the fragments that are there.
    """
    options = image.options
    for tag in (PHOTOMETRIC_INTERPRETATION, *NUMBERS):
        if tag != PLANAR_CONFIGURATION and not (
            tag in image.attributes and image.attributes[tag].length
        ):
            raise failure(path, syntax, f"{describe(tag)} is not given")
    frames: int = options["number_of_frames"]
    bits: int = options["bits_allocated"]
    colours, samples = options["photometric_interpretation"], options["samples_per_pixel"]
    if samples_of(colours) not in (samples, 0) or samples not in _SAMPLES:
        raise failure(path, syntax, f"it is {escape(colours)} with {samples} samples per pixel")
    if bits % _BYTE or not bits:
        raise failure(path, syntax, f"Bits Allocated is {bits}")
    if frames > image.fragments:
        why = f"Number of Frames is {frames} and there are {image.fragments} fragments"
        raise failure(path, syntax, why)
    if not image.frame_size:
        raise failure(path, syntax, "it has no pixels")
    length = image.native_size
    if most and length > most:
        why = f"it would take {length / 1e9:.1f} GB, and Pixel Data can have {most / 1e9:.1f}"
        raise failure(path, syntax, why)
    if syntax == RLE_LOSSLESS and length > image.size * _RLE_RATIO:
        raise failure(path, syntax, f"{image.size} bytes cannot be {length} bytes of pixels")
    return length


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


def failure(path: str, syntax: str, why: str) -> InputError:
    """Say why pixel data cannot be decompressed."""
    return InputError(path, f"{syntax_name(syntax)} cannot be decompressed: {why}")

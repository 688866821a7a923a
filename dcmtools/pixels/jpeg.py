"""Decode JPEG images of 8 bits as they are: what their samples mean is for attributes to say.

Pillow decodes. It turns samples into RGB where a marker that DICOM does not know says that they are
YCbCr, and pydicom, which has it decode too, does not tell when that has happened.
"""

from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.ImageFile import ImageFile

SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
"""JPEG Baseline, and JPEG Extended, which has 12 bits too."""

ALL = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81))
"""All kinds of JPEG and JPEG-LS, whose images end alike."""

_END = b"\xff\xd9"
_PADDING = b"\0\xff "
_MODES = {1: "L", 3: "RGB"}
_SEQUENTIAL = b"\xc0\xc1"  # SOF0 and SOF1 (ISO/IEC 10918-1 Table B.1)
_START_OF_SCAN = 0xDA
_WHOLE_SCAN = b"\0\x3f\0"


def check_end(code: bytes) -> None:
    """See that an image is there to its end, which some decoders do not mind.

    Parameters
    ----------
    code : bytes
        The image, of any of the kinds in `ALL`.

    Raises
    ------
    ValueError
        It is cut.
    """
    if not code.rstrip(_PADDING).endswith(_END):
        raise ValueError("the image is cut: there is no marker for its end")


def mended(code: bytes) -> bytes:
    """Give an image whose scan has the only parameters that it can have (ISO/IEC 10918-1 B.2.3).

    Sequential images have no others; some encoders write zeros, which some decoders refuse.

    Parameters
    ----------
    code : bytes
        The image.
    """
    at, sequential = 2, False  # behind the start of the image
    while code[at : at + 1] == b"\xff" and at + 4 < len(code):
        marker, length = code[at + 1], int.from_bytes(code[at + 2 : at + 4])
        sequential |= marker in _SEQUENTIAL
        if marker == _START_OF_SCAN:
            place = at + 2 + length - len(_WHOLE_SCAN)
            if sequential and code[place : at + 2 + length] == bytes(len(_WHOLE_SCAN)):
                return code[:place] + _WHOLE_SCAN + code[at + 2 + length :]
            break
        at += 2 + length
    return code


def components(code: bytes, shape: tuple[int, int, int]) -> "np.ndarray[Any, Any]":
    """Decode an image of one or three components.

    Parameters
    ----------
    code : bytes
        The image.
    shape : tuple of int
        What it must have: rows, columns and samples per pixel.

    Returns
    -------
    numpy.ndarray
        Rows and columns of bytes, and samples where there are three; as many of each as there are
        pixels, also where fewer were stored.

    Raises
    ------
    ValueError, OSError
        It is none, or not of this size.
    """
    import numpy as np  # noqa: PLC0415 - slow, and not always needed
    from PIL import Image  # noqa: PLC0415 - the same

    rows, columns, samples = shape
    usual = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = rows * columns  # twice as many are refused
    try:
        picture = Image.open(BytesIO(code), formats=("JPEG",))
    finally:
        Image.MAX_IMAGE_PIXELS = usual
    with picture:
        if picture.size != (columns, rows):
            raise ValueError(f"it is {picture.size[0]} pixels wide and {picture.size[1]} high")
        if picture.mode != _MODES.get(samples):
            raise ValueError(f"it has {len(picture.getbands())} components")
        if samples > 1 and not _is_taken_for_rgb(picture):
            picture.draft("YCbCr", picture.size)  # then they stay as they are
        return np.asarray(picture)


def _is_taken_for_rgb(picture: "ImageFile") -> bool:
    """Tell whether the decoder takes samples for RGB, as libjpeg does, and leaves them alone."""
    if "jfif" in picture.info:
        return False
    if "adobe" in picture.info:
        return picture.info.get("adobe_transform") == 0
    numbers = [component[0] for component in getattr(picture, "layer", ())]
    return numbers == list(b"RGB")

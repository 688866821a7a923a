"""Read overlays and draw them: graphics in white on an image (PS3.3 C.9.2).

They have data of their own, or, as was allowed before 2004, use bits of the pixel data that hold
no values.
"""

from typing import Any, NamedTuple

import numpy as np

from dcmtools.pixels.image_attributes import Attributes

Numbers = np.ndarray[Any, np.dtype[Any]]

_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _FRAME_ORIGIN = 0x10, 0x11, 0x15, 0x50, 0x51
_BIT_POSITION, _DATA = 0x102, 0x3000


class Overlay(NamedTuple):
    """Where an overlay lies on a frame, and which of its pixels are set."""

    row: int
    column: int
    bits: Numbers


def overlays(image: Attributes, frame: int, cells: Numbers | None) -> list[Overlay]:
    """Read the overlays of a frame.

    Parameters
    ----------
    image : Attributes
        The data set.
    frame : int
        The number of the frame, from 0.
    cells : numpy.ndarray or None
        The cells of its pixels, where there are some.

    Returns
    -------
    list of Overlay
        Rows and columns count from 0; what is outside of the image is still there.

    Raises
    ------
    ValueError
        The data of one are cut.
    """
    found = []
    for group in _GROUPS:
        base = group << 16
        if base | _DATA in image:
            overlay = _read(image, base, frame)
            if overlay:
                found.append(overlay)
        elif base | _BIT_POSITION in image and cells is not None and cells.dtype.kind == "u":
            position = image.integer(base | _BIT_POSITION, 0)
            if 0 < position < cells.itemsize * 8 and cells.ndim == 2:  # noqa: PLR2004 - grey
                found.append(Overlay(0, 0, (cells >> position & 1).astype(bool)))
    return found


def _read(image: Attributes, base: int, frame: int) -> Overlay | None:
    """Read the data of one group; None where they are not about the frame."""
    rows, columns = image.integer(base | _ROWS, 0), image.integer(base | _COLUMNS, 0)
    origin = [int(value) for value in image.numbers(base | _ORIGIN)] or [1, 1]
    frames = image.integer(base | _FRAMES, 1)
    number = frame - (image.integer(base | _FRAME_ORIGIN, 1) - 1)
    if _FRAMES | base not in image:  # one overlay lies on all frames
        number = 0
    if rows < 1 or columns < 1 or not 0 <= number < frames:
        return None
    raw = image.raw(base | _DATA)
    element = image.elements[base | _DATA]
    if image.is_big_endian(base | _DATA) and element.vr != "OB":
        raw = np.frombuffer(raw[: len(raw) & ~1], ">u2").astype("<u2").tobytes()
    size = rows * columns
    start = number * size
    if len(raw) * 8 < start + size:
        raise ValueError("the data of an overlay are cut")
    part = np.frombuffer(raw[start // 8 : -(-(start + size) // 8)], np.uint8)
    bits = np.unpackbits(part, bitorder="little")[start % 8 :][:size].reshape(rows, columns)
    row, column = origin[0] - 1, origin[min(1, len(origin) - 1)] - 1
    return Overlay(row, column, bits.astype(bool))


def draw(picture: Numbers, overlay: Overlay, white: int) -> None:
    """Draw an overlay on a picture.

    Parameters
    ----------
    picture : numpy.ndarray
        Rows and columns, or those and three samples; it is changed.
    overlay : Overlay
        The overlay.
    white : int
        The value of a pixel that is set.
    """
    rows, columns = picture.shape[:2]
    top, left = max(overlay.row, 0), max(overlay.column, 0)
    bits = overlay.bits[top - overlay.row :, left - overlay.column :]
    bits = bits[: max(rows - top, 0), : max(columns - left, 0)]
    picture[top : top + bits.shape[0], left : left + bits.shape[1]][bits] = white

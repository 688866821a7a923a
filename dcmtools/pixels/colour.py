"""Turn stored colours into red, green and blue, as they are shown (PS3.3 C.7.6.3.1.2)."""

from typing import Any

import numpy as np
from pydicom.pixels.processing import convert_color_space

from dcmtools.pixels.display_luts import Table

Numbers = np.ndarray[Any, np.dtype[Any]]

_BYTE = 8
_BRIGHTEST = 255


def to_rgb(values: Numbers, photometric: str, stored: int) -> Numbers:
    """Give samples as RGB with 8 bits.

    Parameters
    ----------
    values : numpy.ndarray
        Rows, columns and three samples.
    photometric : str
        What they are: RGB or one of the YBR.
    stored : int
        How many bits they have.

    Raises
    ------
    ValueError
        It is another one.
    """
    samples = _eight_bits(values, stored)
    if photometric == "RGB":
        return samples
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        return np.asarray(convert_color_space(samples, "YBR_FULL", "RGB"))
    if photometric in ("YBR_PARTIAL", "YBR_PARTIAL_422"):
        return _from_partial(samples)
    raise ValueError(f"its colours are {photometric}")


def _eight_bits(values: Numbers, stored: int) -> Numbers:
    if stored == _BYTE:
        return values.astype(np.uint8, copy=False)
    if stored > _BYTE:
        return (values >> (stored - _BYTE)).astype(np.uint8)
    most = (1 << stored) - 1
    return ((values.astype(np.uint32) * _BRIGHTEST + most // 2) // most).astype(np.uint8)


def _from_partial(samples: Numbers) -> Numbers:
    """Undo the retired transformation to the range of video (PS3.3-2017b C.7.6.3.1.2)."""
    luma = (samples[..., 0].astype(np.float32) - 16) * (255 / 219)
    blue, red = ((samples[..., at].astype(np.float32) - 128) * (255 / 224) for at in (1, 2))
    rgb = np.stack(
        [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], -1
    )
    return np.asarray(np.clip(np.rint(rgb), 0, _BRIGHTEST), np.uint8)


def from_palette(values: Numbers, palette: Table) -> Numbers:
    """Give the colours that values stand for as RGB with 8 bits.

    Parameters
    ----------
    values : numpy.ndarray
        Rows and columns.
    palette : Table
        The palette.
    """
    eight = Table(palette.first, _eight_bits(palette.entries, palette.bits), _BYTE)
    return eight.look_up(values)

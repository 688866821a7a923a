"""Sum up the pixels of an image: least, greatest and mean value, and a hash of all of them."""

import hashlib
from typing import Any

import numpy as np

from dcmtools.pixels.image_attributes import ImageFile
from dcmtools.pixels.pixel_layout import layout_of
from dcmtools.pixels.stored_values import FrameReader


def summed_up(image: ImageFile, most_bytes: int) -> dict[str, Any]:
    """Go over all frames of an image, one at a time.

    Parameters
    ----------
    image : ImageFile
        The image.
    most_bytes : int
        The most bytes that a frame may take.

    Returns
    -------
    dict
        The fields of `dcmtools.pixels.artist.PixelSummary`.
    """
    layout = layout_of(image, most_bytes)
    reader = FrameReader(image, layout)
    digest = hashlib.sha256()
    lowest, highest, total, count = np.inf, -np.inf, 0.0, 0
    photometric = layout.photometric
    for frame in range(layout.frames):
        stored = reader.read(frame)
        values, photometric = stored.values, stored.photometric
        lowest, highest = min(lowest, values.min()), max(highest, values.max())
        total, count = total + float(values.sum(dtype=np.float64)), count + values.size
        little = values.dtype.newbyteorder("<")
        digest.update(values.astype(little, copy=False).tobytes())
    kind = float if layout.floating else int
    return {
        "rows": layout.rows,
        "columns": layout.columns,
        "frames": layout.frames,
        "samples": layout.samples,
        "photometric_interpretation": photometric,
        "minimum": kind(lowest),
        "maximum": kind(highest),
        "mean": total / count,
        "sha256": digest.hexdigest(),
    }

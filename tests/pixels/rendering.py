"""Render frames for tests, in this process, and make the images for it."""

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from dcmtools.dataset.read import DicomFile
from dcmtools.pixels.image_attributes import read_image
from dcmtools.pixels.rendering import Picture, Renderer
from dcmtools.pixels.view import View
from tests.factories import make_ct

Numbers = np.ndarray[Any, np.dtype[Any]]


def make_image(path: Path, cells: Numbers, **overrides: Any) -> Path:  # noqa: ANN401
    """Write an image with these cells: rows and columns, or frames before them, or samples after.

    Whatever else describes them is as plain as can be, and may be overridden.
    """
    colours = overrides.get("SamplesPerPixel", 1) > 1
    rows, columns = cells.shape[-3:-1] if colours else cells.shape[-2:]
    bits = cells.itemsize * 8
    attributes: dict[str, Any] = {
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": bits,
        "BitsStored": bits,
        "PixelRepresentation": int(cells.dtype.kind == "i"),
        "PixelData": cells.tobytes() + b"\0" * (cells.nbytes % 2),
    }
    if cells.ndim > (3 if colours else 2):
        attributes["NumberOfFrames"] = cells.shape[0]
    attributes |= overrides
    attributes.setdefault("HighBit", attributes["BitsStored"] - 1)
    return make_ct(path, **attributes)


def picture_of(path: Path, frame: int = 0, **view: Any) -> Picture:  # noqa: ANN401
    """Make a picture of a frame."""
    with DicomFile(path) as file:
        return Renderer(read_image(file), View(**view)).picture(frame)


def shown(path: Path, frame: int = 0, **view: Any) -> Numbers:  # noqa: ANN401
    """Give the pixels of a picture of a frame."""
    return picture_of(path, frame, **view).pixels


def values_of(path: Path, frame: int = 0) -> Numbers:
    """Give the values of a frame after the modality LUT."""
    with DicomFile(path) as file:
        return Renderer(read_image(file), View()).values(frame)


def lut_item(first: int, entries: list[int], bits: int, vr: str = "US") -> Dataset:
    """Make an item of a sequence of look-up tables."""
    item = Dataset()
    item.add_new("LUTDescriptor", vr, [len(entries), first, bits])
    item.add_new("LUTData", "OW", np.array(entries, "<u2").tobytes())
    return item

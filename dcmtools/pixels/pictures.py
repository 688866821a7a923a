"""Write pictures: fit them, encode them, and put whole files into place or none."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dcmtools.dataset.incoming import incoming, sweep
from dcmtools.dataset.inplace import take_name
from dcmtools.dataset.placing import TakenError, Tree, make_folder
from dcmtools.errors import OutputError, reason
from dcmtools.pixels.kinds import Kind
from dcmtools.pixels.rendering import Picture

Numbers = np.ndarray[Any, np.dtype[Any]]

_MM_AN_INCH = 25.4
_MOST_DPI = 65535  # what a JPEG file can say
_QUALITY = 95  # of 100
_PNG_LEVEL = 6


def fitted(picture: Picture, box: tuple[int, int] | None) -> Numbers:
    """Give the pixels of a picture, in a size that fits into a box where there is one.

    Parameters
    ----------
    picture : Picture
        The picture.
    box : tuple of int and int, or None
        Width and height in pixels. A picture that is made to fit has square pixels: it is as high
        and as wide as what it shows.
    """
    if box is None:
        return picture.pixels
    rows, columns = picture.pixels.shape[:2]
    scale = min(box[0] / columns, box[1] / (rows * picture.aspect))
    size = max(round(columns * scale), 1), max(round(rows * picture.aspect * scale), 1)
    if size == (columns, rows):
        return picture.pixels
    pixels = picture.pixels
    deep = pixels.dtype == np.uint16
    image = Image.fromarray(pixels.astype(np.float32) if deep else np.ascontiguousarray(pixels))
    resized = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
    if deep:
        resized = np.clip(np.rint(resized), 0, np.iinfo(np.uint16).max)
    return resized.astype(pixels.dtype, copy=False)


def encoded(pixels: Numbers, kind: Kind, spacing: tuple[float, float] | None = None) -> bytes:
    """Encode a picture.

    Parameters
    ----------
    pixels : numpy.ndarray
        Rows and columns, or those and RGB, of 8 bits, or of 16 where it is grey and no JPEG.
    kind : Kind
        PNG, JPEG or TIFF.
    spacing : tuple of float and float, or None
        Between rows and between columns, in mm, for the resolution that the file tells.
    """
    out = BytesIO()
    options: dict[str, Any] = {}
    if spacing is not None:
        dpi = _MM_AN_INCH / spacing[1], _MM_AN_INCH / spacing[0]
        if 1 <= min(dpi) <= max(dpi) <= _MOST_DPI:
            options["dpi"] = dpi
    if kind is Kind.JPEG:
        options["quality"] = _QUALITY
    elif kind is Kind.PNG:
        options["compress_level"] = _PNG_LEVEL
    elif kind is Kind.TIFF:
        options["compression"] = "tiff_deflate"
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, kind.name, **options)
    return out.getvalue()


def array_head(shape: tuple[int, ...], dtype: Any) -> bytes:  # noqa: ANN401 - what numpy takes
    """Encode what stands before the numbers in a file of NumPy, version 1.0 of its format."""
    out = BytesIO()
    described = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(out, described)
    return out.getvalue()


class Place:
    """Where pictures go.

    Parameters
    ----------
    root : Path or None
        A folder that none may leave by a link.
    overwrite : bool
        Whether files that are there may be replaced.
    durable : bool
        Whether to wait until a file is on stable storage.
    """

    def __init__(self, root: Path | None, *, overwrite: bool, durable: bool) -> None:
        self._root = root
        self._overwrite = overwrite
        self._durable = durable

    def save(self, target: Path, pieces: Iterable[bytes]) -> None:
        """Write a file from pieces that are made while they are written.

        Raises
        ------
        OutputError
            It cannot be written, or is there already.
        InputError
            What the making of a piece raises; then there is no file.
        """
        try:
            self._enter(target.parent)
            self._check(target)
            with incoming(target.parent) as new:
                for piece in pieces:
                    new.write(piece)
                new.sync() if self._durable else new.flush()
                if self._overwrite:
                    new.rename(target)
                elif not take_name(new, target):
                    raise _taken(target)
        except OSError as error:
            raise OutputError(str(target), reason(error)) from error

    def _enter(self, folder: Path) -> None:
        if self._root is None:
            make_folder(folder)
        else:
            _tree(self._root, self._durable).enter(folder)
        _sweep_once(folder)

    def _check(self, target: Path) -> None:
        """See that nothing is there that must stay, before any work is done for it."""
        with suppress(FileNotFoundError):
            there = target.stat()
            if not stat.S_ISREG(there.st_mode):
                what = "a folder" if stat.S_ISDIR(there.st_mode) else "not a regular file"
                raise OutputError(str(target), f"is {what}")
        if not self._overwrite and os.path.lexists(target):
            raise _taken(target)


def _taken(target: Path) -> TakenError:
    return TakenError(str(target), "is there already", "Give --overwrite to replace it.")


_sweep_once = lru_cache(maxsize=1 << 12)(sweep)


@lru_cache(maxsize=16)
def _tree(root: Path, durable: bool) -> Tree:  # noqa: FBT001 - a key of the cache
    make_folder(root)
    return Tree(root, durable=durable)

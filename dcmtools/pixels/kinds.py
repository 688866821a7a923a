"""Name the kinds of files that pictures are written to, and tell them by the names of files."""

from enum import StrEnum
from pathlib import Path

from dcmtools.errors import UsageError


class Kind(StrEnum):
    """A kind of file that holds a picture, or the values of one."""

    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"
    NPY = "npy"
    """An array of NumPy: values after the modality LUT, not windowed unless a window is given."""

    @property
    def suffix(self) -> str:
        """What the names of such files end with."""
        return {Kind.JPEG: ".jpg", Kind.TIFF: ".tif"}.get(self, f".{self}")


_SUFFIXES = {
    ".png": Kind.PNG,
    ".jpg": Kind.JPEG,
    ".jpeg": Kind.JPEG,
    ".tif": Kind.TIFF,
    ".tiff": Kind.TIFF,
    ".npy": Kind.NPY,
}
_DICOM = (".dcm", ".dicom", ".ima")


def kind_of(name: str) -> Kind:
    """Tell the kind of a file by its name.

    Raises
    ------
    UsageError
        The name does not tell.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in _SUFFIXES:
        why = "does not say by its name what to write"
        raise UsageError(name, why, f"End it with {', '.join(_SUFFIXES)}, or give -f.")
    return _SUFFIXES[suffix]


def picture_name(name: str, kind: Kind) -> str:
    """Give the name of the picture of a file: ``1.dcm`` becomes ``1.png``, others get a suffix."""
    stem, dot, suffix = name.rpartition(".")
    return (stem if stem and f"{dot}{suffix}".lower() in _DICOM else name) + kind.suffix


def frame_name(name: str, frame: int, frames: int) -> str:
    """Give the name of the picture of one of many frames: ``1.png`` becomes ``1-007.png``.

    Parameters
    ----------
    name : str
        The name that it would have alone.
    frame : int
        The number of the frame, from 1.
    frames : int
        How many the image has, so that names are sorted as frames are.
    """
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-{frame:0{len(str(frames))}}{dot}{suffix}"

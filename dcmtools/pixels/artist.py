"""Have pictures made of images by child processes; see dcmtools/pixels/worker.py.

Nothing here imports numpy: what a picture takes to be made is in the processes alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copyfileobj
from sys import stdin
from tempfile import NamedTemporaryFile
from typing import Any

from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED, STDIN
from dcmtools.errors import InputError, OutputError
from dcmtools.pixels.frame_choice import FIRST, FrameChoice
from dcmtools.pixels.kinds import Kind
from dcmtools.pixels.view import DEFAULT_MAX_FRAME_BYTES, View
from dcmtools.pixels.worker import Workers


@dataclass(frozen=True, slots=True)
class Drawn:
    """What became of the frames of a file.

    Parameters
    ----------
    frames : list of int
        The frames that were drawn, from 1.
    of : int
        How many there are.
    size : tuple of int and int
        Columns and rows of the image.
    pictures : list of tuple of int and int
        Width and height of pictures that were given as RGB.
    window : str
        What decided the brightness of the first frame, in words; "" for colours.
    order : tuple
        What to sort images by: Series Number, Series Instance UID, Instance Number.
    shallow : bool
        Whether 16 bits were wanted, and are not what colours have.
    path : Path
        What was given to this process, where that was asked for: RGB, row by row, three bytes a
        pixel, or a file. It is gone when the `Artist` ends.
    """

    frames: list[int]
    of: int
    size: tuple[int, int]
    pictures: list[tuple[int, int]]
    window: str
    order: tuple[int, str, int]
    shallow: bool
    path: Path


@dataclass(frozen=True, slots=True)
class PixelSummary:
    """What the pixels of an image are.

    Parameters
    ----------
    rows, columns, frames, samples : int
        How many; samples are those of a pixel.
    photometric_interpretation : str
        What the samples are once they are decoded.
    minimum, maximum, mean : float
        Of all samples of all frames as they are stored, before any look-up table.
    sha256 : str
        The hash of them, frame by frame, samples of a pixel together, little endian.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    photometric_interpretation: str
    minimum: float
    maximum: float
    mean: float
    sha256: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where pictures are written.

    Parameters
    ----------
    path : Path
        The file; with a root and several frames, each has its number in the name.
    root : Path or None
        A folder that none may leave by a link.
    overwrite : bool
        Whether files that are there may be replaced.
    durable : bool
        Whether to wait until files are on stable storage.
    """

    path: Path
    root: Path | None = None
    overwrite: bool = False
    durable: bool = True


class NoPictureError(InputError):
    """A DICOM file that has no pixel data."""


class Artist(Workers):
    """Makes pictures of images; to be used in a ``with`` block.

    Several threads may share it. Nothing is started before the first image.

    Parameters
    ----------
    folder : Path, optional
        Where to make the private folder for what is given to this process.
    max_inflated : int
        The most bytes that a deflated data set may inflate to.
    """

    def __init__(
        self, folder: Path | None = None, max_inflated: int = DEFAULT_MAX_INFLATED
    ) -> None:
        super().__init__(folder)
        self._max_inflated = max_inflated

    def end(self) -> None:
        """End the processes, whatever they are doing; what is asked of them fails."""
        self.__exit__(None, None, None)

    def write(
        self, path: Path, view: View, target: Target, kind: Kind, frames: FrameChoice = FIRST
    ) -> Drawn:
        """Write pictures of an image to files.

        Raises
        ------
        InputError
            There is none, or it cannot be decoded or shown so, or has no such frame.
        OutputError
            A picture cannot be written, or is there already.
        """
        files = _told(target) | {"where": "files", "kind": kind}
        drawn = self._drawn(path, view, frames, files)
        drawn.path.unlink(missing_ok=True)
        return drawn

    def encode(self, path: Path, view: View, kind: Kind, frames: FrameChoice = FIRST) -> Drawn:
        """Give the bytes of a file with a picture; several frames only as an array of NumPy."""
        return self._drawn(path, view, frames, {"where": "bytes", "kind": kind})

    def rgb(self, path: Path, view: View, frames: FrameChoice = FIRST, most: int = 0) -> Drawn:
        """Give pictures as RGB, one after the other, of at most so many frames; 0 for all."""
        return self._drawn(path, view, frames, {"where": "rgb", "kind": Kind.PNG, "most": most})

    def sheet(
        self,
        tiles: Sequence[Drawn],
        tile: tuple[int, int],
        target: Target | None,
        kind: Kind | None,
        box: tuple[int, int] | None = None,
    ) -> tuple[Path, tuple[int, int]]:
        """Put pictures that `rgb` has made on one sheet.

        Parameters
        ----------
        tiles : sequence of Drawn
            The pictures, in the order in which they are to be.
        tile : tuple of int and int
            Width and height of the place for each.
        target : Target or None
            The file to write; None to give it to this process.
        kind : Kind or None
            What file it is; None for RGB.
        box : tuple of int and int, or None
            Width and height that the sheet is made to fit in.

        Returns
        -------
        tuple of Path and tuple
            What was given to this process, and the width and height of the sheet.
        """
        task: dict[str, Any] = {
            "do": "sheet",
            "where": "files" if target else "bytes" if kind else "rgb",
            "kind": kind or Kind.PNG,
            "tile": tile,
            "across": 0,
            "box": box,
            "tiles": [{"path": str(one.path), "pictures": one.pictures} for one in tiles],
        }
        if target is not None:
            task |= _told(target)
        path, told = self._told(target.path if target else Path("sheet"), task)
        return path, tuple(told["size"])

    def summary(self, path: Path, max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES) -> PixelSummary:
        """Sum up the pixels of an image.

        Raises
        ------
        InputError
            There is none, or it cannot be decoded.
        """
        task = {
            "do": "summary",
            "max_frame_bytes": max_frame_bytes,
            "max_inflated": self._max_inflated,
        }
        result, told = self._told(path, task)
        result.unlink(missing_ok=True)
        return PixelSummary(**told)

    def _drawn(self, path: Path, view: View, frames: FrameChoice, more: dict[str, Any]) -> Drawn:
        task = {
            "do": "draw",
            "view": asdict(view),
            "frames": frames.ranges,
            "max_inflated": self._max_inflated,
            "most": 0,
            **more,
        }
        with _file(path) as file:
            try:
                result, told = self._told(file, task)
            except InputError as error:
                raise type(error)(str(path), error.why, error.hint) from error
        told["size"], told["order"] = tuple(told["size"]), tuple(told["order"])
        return Drawn(**told, path=result)

    def _told(self, path: Path, task: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
        result, answer = self._ask(path, {"path": "", "result": "", "task": task})
        told: dict[str, Any] = answer["told"]
        if "not_written" in told:
            raise OutputError(*told["not_written"])
        if "no_image" in told:
            raise NoPictureError(str(path), told["no_image"])
        return result, told


def pixel_summary(path: str | Path, max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES) -> PixelSummary:
    """Sum up the pixels of one file, in a process that ends with it; see `Artist.summary`."""
    with Artist() as artist:
        return artist.summary(Path(path), max_frame_bytes)


def _told(target: Target) -> dict[str, Any]:
    return {
        "target": str(target.path),
        "root": str(target.root) if target.root else "",
        "overwrite": target.overwrite,
        "durable": target.durable,
    }


@contextmanager
def _file(path: Path) -> Iterator[Path]:
    """Give a file that another process can open; what is no DICOM file does not come so far."""
    if path != STDIN:
        with DicomFile(path, glance=True):
            pass
        yield path
        return
    with NamedTemporaryFile(prefix="dcmtools-") as copy:
        copyfileobj(stdin.buffer, copy)
        copy.flush()
        with DicomFile(Path(copy.name), glance=True):
            pass
        yield Path(copy.name)

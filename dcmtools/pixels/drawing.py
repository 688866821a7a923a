"""Answer in a child process what is asked about pictures: draw frames, lay out a sheet, sum up.

What is not a picture that goes to a file is written to the result that the parent reads.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError, OutputError
from dcmtools.pixels.decoding import limit_memory
from dcmtools.pixels.frame_choice import FrameChoice, spread
from dcmtools.pixels.image_attributes import (
    INSTANCE_NUMBER,
    SERIES_INSTANCE_UID,
    SERIES_NUMBER,
    ImageFile,
    NoImageError,
    read_image,
)
from dcmtools.pixels.kinds import Kind, frame_name
from dcmtools.pixels.pictures import Place, array_head, encoded, fitted
from dcmtools.pixels.pixel_layout import layout_of
from dcmtools.pixels.rendering import Picture, Renderer
from dcmtools.pixels.summary import summed_up
from dcmtools.pixels.view import view_of

Told = dict[str, Any]
"""What goes between the processes; it can be written as JSON."""


def draw(path: Path, task: Told, out: BinaryIO) -> Told:
    """Do a task.

    Parameters
    ----------
    path : Path
        The file.
    task : dict
        What `Artist` in dcmtools/pixels/artist.py has put together.
    out : file
        What gets the bytes that are for the parent.

    Raises
    ------
    InputError
        It cannot be done.
    """
    try:
        limit_memory(None)
        if task["do"] == "sheet":
            return _sheet(task, out)
        with DicomFile(path, max_inflated=task["max_inflated"]) as file:
            image = read_image(file)
            if task["do"] == "summary":
                return summed_up(image, task["max_frame_bytes"])
            return _Drawing(image, task, out).done()
    except NoImageError as error:
        return {"no_image": error.why}
    except OutputError as error:
        return {"not_written": [error.what, error.why, error.hint]}
    finally:
        limit_memory(None)


class _Drawing:
    """Pictures of the frames of one file."""

    def __init__(self, image: ImageFile, task: Told, out: BinaryIO) -> None:
        self._image = image
        self._task = task
        self._out = out
        self._view = view_of(task["view"])
        ranges = tuple((first, last) for first, last in task["frames"])
        self._count = layout_of(image, self._view.max_frame_bytes).frames
        self._frames = spread(FrameChoice(ranges).of(self._count, image.name), task["most"])
        self._renderer = Renderer(image, self._view)
        self._windows: list[str] = []

    def done(self) -> Told:
        where = self._task["where"]
        if where == "files":
            sizes = self._write_files()
        elif self._task["kind"] == Kind.NPY:
            sizes = [[0, 0] for _ in self._frames]
            self._out.writelines(self._array())
        else:
            sizes = [self._put(frame) for frame in self._frames]
        given = self._image.attributes
        layout = self._renderer.layout
        return {
            "frames": self._frames,
            "of": self._count,
            "size": [layout.columns, layout.rows],
            "pictures": sizes,
            "window": self._windows[0] if self._windows else "",
            "order": [
                given.integer(SERIES_NUMBER, 0),
                given.text(SERIES_INSTANCE_UID),
                given.integer(INSTANCE_NUMBER, 0),
            ],
            "shallow": self._view.deep and layout.samples > 1,
        }

    def _picture(self, frame: int) -> Picture:
        picture = self._renderer.picture(frame - 1)
        self._windows.append(picture.window)
        return picture

    def _encoded(self, frame: int) -> Iterator[bytes]:
        picture = self._picture(frame)
        pixels = fitted(picture, self._view.box)
        spacing = picture.spacing if self._view.box is None else None
        yield encoded(pixels, Kind(self._task["kind"]), spacing)

    def _put(self, frame: int) -> list[int]:
        """Write a picture for the parent: a file, or RGB pixel by pixel."""
        if self._task["where"] == "bytes":
            self._out.writelines(self._encoded(frame))
            return [0, 0]
        pixels = fitted(self._picture(frame), self._view.box)
        if pixels.ndim == 2:  # noqa: PLR2004 - grey
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        self._out.write(pixels.tobytes())
        return [pixels.shape[1], pixels.shape[0]]

    def _write_files(self) -> list[list[int]]:
        task = self._task
        root = Path(task["root"]) if task["root"] else None
        place = Place(root, overwrite=task["overwrite"], durable=task["durable"])
        target = Path(task["target"])
        if task["kind"] == Kind.NPY:
            place.save(target, self._array())
        elif len(self._frames) == 1 and (not root or self._count == 1):
            place.save(target, self._encoded(self._frames[0]))
        elif root is None:
            why = f"one file cannot hold {len(self._frames)} frames"
            hint = "Name a folder with -o, a frame with --frame, or a .npy file."
            raise OutputError(str(target), why, hint)
        else:
            for frame in self._frames:
                name = frame_name(target.name, frame, self._count)
                place.save(target.with_name(name), self._encoded(frame))
        return []

    def _array(self) -> Iterator[bytes]:
        """Give an array of NumPy: one frame, or frames one after the other."""
        shown = self._view.window != ""
        head = None
        for frame in self._frames:
            values = self._picture(frame).pixels if shown else self._renderer.values(frame - 1)
            values = np.ascontiguousarray(values)
            if head is None:
                head = values.shape, values.dtype
                frames = () if len(self._frames) == 1 else (len(self._frames),)
                yield array_head((*frames, *values.shape), values.dtype)
            elif head != (values.shape, values.dtype):
                why = "its frames are rescaled in ways that one array cannot hold"
                raise InputError(self._image.name, why, "Export them one by one with --frame.")
            yield values.tobytes()


# Sheets


def _sheet(task: Told, out: BinaryIO) -> Told:
    """Lay tiles out in rows, as they come, on black."""
    width, height = task["tile"]
    tiles = [tile for tile in task["tiles"] if tile["pictures"]]
    count = sum(len(tile["pictures"]) for tile in tiles)
    across = min(task["across"] or math.ceil(math.sqrt(count)), count)
    sheet = np.zeros((height * math.ceil(count / across), width * across, 3), np.uint8)
    at = 0
    for tile in tiles:
        with Path(tile["path"]).open("rb") as file:
            for wide, high in tile["pictures"]:
                one = np.frombuffer(file.read(wide * high * 3), np.uint8)
                top = at // across * height + (height - high) // 2
                left = at % across * width + (width - wide) // 2
                sheet[top : top + high, left : left + wide] = one.reshape(high, wide, 3)
                at += 1
    grey = sheet[..., 0]
    plain = bool((grey == sheet[..., 1]).all() and (grey == sheet[..., 2]).all())
    pixels = fitted(Picture(grey if plain else sheet, 1.0, None, ""), task["box"])
    size = [pixels.shape[1], pixels.shape[0]]
    if task["where"] == "rgb":
        out.write((np.repeat(pixels[..., None], 3, 2) if plain else pixels).tobytes())
    elif task["where"] == "bytes":
        out.write(encoded(pixels, Kind(task["kind"])))
    else:
        place = Place(None, overwrite=task["overwrite"], durable=task["durable"])
        place.save(Path(task["target"]), [encoded(pixels, Kind(task["kind"]))])
    return {"pictures": [size], "tiles": count, "size": size}

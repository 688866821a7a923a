"""Decide what the options of ``image`` mean, where pictures go, and how they are shown."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dcmtools.cli._pictures import FileWork, ImageBatch, PixelWork
from dcmtools.dataset.files import Operand
from dcmtools.dataset.incoming import sweep
from dcmtools.dataset.outputs import Planned, plan_outputs
from dcmtools.dataset.rewrite import sync_folders
from dcmtools.errors import ExitCode, OutputError, UsageError
from dcmtools.escape import escape
from dcmtools.output.emit import Output, is_terminal
from dcmtools.output.terminal import Way, room, way_of_terminal
from dcmtools.output.terminal_picture import half_blocks, iterm2, kitty, sixels
from dcmtools.pixels.artist import Drawn, Target
from dcmtools.pixels.frame_choice import ALL, FIRST, FrameChoice, spread
from dcmtools.pixels.kinds import Kind, kind_of, picture_name
from dcmtools.pixels.view import View

_STDOUT = "-"
_TILE = (160, 160)  # pixels
_LARGEST_TILE = 1024
_MOST_TILES = 400


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of pictures, however they are shown.

    Parameters
    ----------
    view : View
        How an image is to be shown.
    frames : FrameChoice or None
        Which frames; None for what suits the output.
    output : str or None
        A file, a folder or ``-``; None for the terminal.
    kind : Kind or None
        The kind of file; None for what its name says.
    sheet : bool
        Whether there is to be one picture of all.
    way : Way or None
        How a terminal shows it; None for what it says.
    overwrite, durable : bool
        Whether files may be replaced, and whether to wait for stable storage.
    """

    view: View
    frames: FrameChoice | None
    output: str | None
    kind: Kind | None
    sheet: bool
    way: Way | None
    overwrite: bool
    durable: bool


def export(
    wish: Wish, items: Sequence[Operand], names: Sequence[str], batch: "ImageBatch"
) -> ExitCode:
    """Do what is wanted, and give the exit code.

    Raises
    ------
    UsageError
        What is wanted does not go together.
    InputError, OutputError
        A sheet cannot be made or written.
    """
    if wish.output is None and not is_terminal():
        hint = "Name a file or a folder; -o - writes one picture to a pipe."
        raise UsageError("-o OUT", "is missing, and there is no terminal to draw in", hint)
    shown = wish.output is None
    several = len(items) > 1 or any(item.folder is not None for item in items)
    sheet = wish.sheet or (shown and (several or not (wish.frames or FIRST).is_one))
    kind = _kind(wish, sheet=sheet, several=several)
    batch.tally.verb = "drawn" if shown else "exported"
    with batch.artist:
        if sheet:
            return _sheet(wish, kind, items, batch)
        if shown:
            return _shown(wish, items, batch)
        if wish.output == _STDOUT:
            return _piped(wish, kind, items, batch)
        return _files(wish, kind, items, names, batch)


def _kind(wish: Wish, *, sheet: bool, several: bool) -> Kind:
    """Decide what kind of file is written, and refuse what it cannot hold."""
    name = wish.output or ""
    if name == _STDOUT:
        kind = wish.kind or Kind.PNG
        if is_terminal():
            hint = "Leave -o away to draw it there."
            raise UsageError("-o -", "writes a file, which is not for a terminal", hint)
        if several and not sheet:
            raise UsageError("-o -", "takes one file", "--sheet makes one picture of many.")
    elif not name:
        if wish.kind or wish.view.deep:
            raise UsageError("-f" if wish.kind else "--16bit", "goes with -o")
        kind = Kind.PNG
    elif sheet:
        if _is_folder(name):
            raise UsageError(name, "is a folder", "--sheet makes one picture; name a file.")
        kind = wish.kind or kind_of(name)
    elif several and not _is_folder(name) and os.path.splitext(name)[1].lower() in _ENDS:  # noqa: PTH122 - text
        hint = f"--sheet makes one picture of many; -o {name}/ is a folder."
        raise UsageError(name, "is one file, and there may be many pictures", hint)
    elif several or _is_folder(name):
        kind = wish.kind or Kind.PNG
    else:
        kind = wish.kind or kind_of(name)
    _check(wish, kind, sheet=sheet)
    return kind


_ENDS = {kind.suffix for kind in Kind} | {".jpeg", ".tiff"}


def _check(wish: Wish, kind: Kind, *, sheet: bool) -> None:
    if sheet and wish.view.box and max(wish.view.box) > _LARGEST_TILE:
        raise UsageError("--size", f"is {_LARGEST_TILE} at most for each picture of a sheet")
    if wish.view.deep and (kind is Kind.JPEG or sheet):
        what = "--sheet" if sheet else "JPEG"
        raise UsageError("--16bit", f"does not go with {what}, which has 8 bits")
    if kind is Kind.NPY and (sheet or wish.view.box or wish.view.overlays):
        what = "--sheet" if sheet else "--size" if wish.view.box else "--overlays"
        raise UsageError(what, "does not go with an array of NumPy")
    if kind is Kind.NPY and wish.view.deep and not wish.view.window:
        raise UsageError("--16bit", "goes with --window in an array of NumPy")


def _is_folder(name: str) -> bool:
    return name.endswith(("/", os.sep)) or os.path.isdir(name)  # noqa: PTH112 - it is text


def _files(
    wish: Wish, kind: Kind, items: Sequence[Operand], names: Sequence[str], batch: ImageBatch
) -> ExitCode:
    plan = _plan(items, names, wish.output or "", kind)
    to_folder = any(item.root is not None for item in plan)
    frames = wish.frames or (ALL if to_folder or kind is Kind.NPY else FIRST)
    work = FileWork(batch.artist, wish.view, kind, frames)
    work.overwrite, work.durable, work.chosen = wish.overwrite, wish.durable, bool(wish.frames)
    targets = [item.target for item in plan if item.target is not None]
    try:
        batch.work(plan, work)
    except KeyboardInterrupt:
        batch.artist.end()
        for folder in {target.parent for target in targets}:
            sweep(folder)
        raise
    if wish.durable:
        sync_folders(targets)
    return batch.finish(summary=batch.many)


def _plan(items: Sequence[Operand], names: Sequence[str], output: str, kind: Kind) -> list[Planned]:
    """Decide where pictures go: as outputs do, and by names that tell what they are."""
    try:
        plan = plan_outputs(items, names, output)
    except UsageError as error:
        raise UsageError(error.what, error.why, "Name another folder.") from error
    seen: dict[Path, Path] = {}
    for number, planned in enumerate(plan):
        if planned.target is None or planned.root is None:
            continue
        target = planned.target.with_name(picture_name(planned.target.name, kind))
        other = seen.setdefault(target, planned.path)
        plan[number] = planned._replace(target=target)
        if other != planned.path:
            taken = OutputError(str(planned.path), f"its picture {target} is that of {other}")
            plan[number] = planned._replace(target=None, error=taken)
    return plan


def _piped(wish: Wish, kind: Kind, items: Sequence[Operand], batch: ImageBatch) -> ExitCode:
    """Write the bytes of one picture to stdout."""
    frames = wish.frames or (ALL if kind is Kind.NPY else FIRST)
    if kind is not Kind.NPY and not frames.is_one:
        raise UsageError("-o -", "takes one frame", "--sheet makes one picture of many.")
    work = PixelWork(batch.artist, wish.view, kind, frames)
    work.way = Way.KITTY
    batch.work(items, work)
    with Output() as out:
        for drawn in work.drawn:
            out.write_bytes(drawn.path.read_bytes())
    return batch.finish(summary=batch.many)


def _shown(wish: Wish, items: Sequence[Operand], batch: ImageBatch) -> ExitCode:
    """Draw one picture in the terminal, and say under it what it shows."""
    way = wish.way or way_of_terminal(os.environ)
    view = replace(wish.view, box=_box(wish.view.box, way))
    work = PixelWork(batch.artist, view, Kind.PNG, wish.frames or FIRST)
    work.way = way
    batch.work(items, work)
    with Output() as out:
        for drawn in work.drawn:
            size = drawn.pictures[0]
            for piece in _drawn(drawn.path.read_bytes(), size[0], way, color=batch.color):
                out.write(piece)
            columns, rows = drawn.size
            parts = [f"{columns} x {rows}", f"frame {drawn.frames[0]} of {drawn.of}"]
            parts += [drawn.window] if drawn.window else []
            out.write(f"{escape(str(items[0].path))}: {', '.join(parts)}\n")
    return batch.finish(summary=batch.many)


def _box(given: tuple[int, int] | None, way: Way) -> tuple[int, int]:
    """Give the size of a picture in the terminal: what was asked for, but no more than it has."""
    width, height = room(way)
    return (min(given[0], width), min(given[1], height)) if given else (width, height)


def _drawn(data: bytes, width: int, way: Way, *, color: bool) -> Iterator[str]:
    """Give what shows a picture in a terminal."""
    if way is Way.KITTY:
        yield kitty(data)
    elif way is Way.ITERM2:
        yield iterm2(data)
    elif way is Way.SIXEL:
        yield sixels(data, width)
    else:
        yield from half_blocks(data, width, color=color)


def _sheet(wish: Wish, kind: Kind, items: Sequence[Operand], batch: ImageBatch) -> ExitCode:
    """Make one picture of all, and write or draw it."""
    tile = wish.view.box or _TILE
    alone = len(items) == 1
    frames = wish.frames or (ALL if alone else FIRST)
    chosen = spread(items, _MOST_TILES)
    work = PixelWork(batch.artist, replace(wish.view, box=tile), Kind.PNG, frames)
    work.most = max(_MOST_TILES // max(len(chosen), 1), 1)
    batch.work(chosen, work)
    tiles = sorted(work.drawn, key=lambda drawn: drawn.order)
    pictures = sum(len(drawn.pictures) for drawn in tiles)
    wanted = sum(len(frames.of(drawn.of, "")) for drawn in tiles) + len(items) - len(chosen)
    if tiles:
        _put_sheet(wish, kind, tiles, tile, batch)
        if pictures < wanted:
            batch.talk.warning(f"the sheet shows {pictures} of {wanted} pictures, evenly chosen")
    return batch.finish(summary=batch.many)


def _put_sheet(
    wish: Wish, kind: Kind, tiles: Sequence[Drawn], tile: tuple[int, int], batch: ImageBatch
) -> None:
    if wish.output not in (None, _STDOUT):
        target = Target(Path(wish.output or ""), None, wish.overwrite, wish.durable)
        batch.artist.sheet(tiles, tile, target, kind)
        if wish.durable:
            sync_folders([target.path])
        return
    way, box = Way.KITTY, None
    if wish.output is None:
        way = wish.way or way_of_terminal(os.environ)
        box = room(way)
    asked = kind if way in (Way.KITTY, Way.ITERM2) else None
    path, size = batch.artist.sheet(tiles, tile, None, asked, box)
    data = path.read_bytes()
    with Output() as out:
        if wish.output == _STDOUT:
            out.write_bytes(data)
            return
        for piece in _drawn(data, size[0], way, color=batch.color):
            out.write(piece)
        pictures = sum(len(drawn.pictures) for drawn in tiles)
        windows = sorted({drawn.window for drawn in tiles if drawn.window})
        shown = f", {windows[0]}" if len(windows) == 1 else ", a window for each" * bool(windows)
        out.write(f"{pictures} pictures{shown}\n")

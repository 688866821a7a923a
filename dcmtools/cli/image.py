"""The command ``image``: make pictures of images, in files or in the terminal."""

import os
from typing import Annotated

import typer

from dcmtools import config
from dcmtools.cli._batch import is_batch, operands
from dcmtools.cli._imaging import Wish, export
from dcmtools.cli._options import (
    FailFast,
    FilesFrom,
    Jobs,
    Null,
    Recurse,
    Report,
    Settings,
    check_distinct,
)
from dcmtools.cli._pictures import ImageBatch
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED
from dcmtools.output.terminal import Way
from dcmtools.pixels.artist import Artist
from dcmtools.pixels.frame_choice import parse_frames
from dcmtools.pixels.kinds import Kind
from dcmtools.pixels.view import DEFAULT_MAX_FRAME_BYTES, View, read_box, read_window

EXAMPLES = (
    ("Write an image as PNG, with the window that it has.", "dcmtools image ct.dcm -o ct.png"),
    (
        "Choose a window: centre and width.",
        "dcmtools image ct.dcm --window 40,400 -o soft.png",
    ),
    ("Write all images of a folder, each frame a file.", "dcmtools image study -o pictures"),
    ("See a series at a glance.", "dcmtools image study --sheet -o sheet.png"),
    (
        "Write JPEG files that fit into 256 x 256 pixels.",
        "dcmtools image study -f jpeg --size 256 -o small",
    ),
    (
        "Show all values that are there, with 16 bits of grey.",
        "dcmtools image ct.dcm --window auto --16bit -o ct.tif",
    ),
    ("Take the values to NumPy, in the units of the modality.", "dcmtools image ct.dcm -o ct.npy"),
    (
        "Give one frame to another program.",
        "dcmtools image ct.dcm --frame 1 -o - | base64 > ct.txt",
    ),
)


def image(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Files and folders; - is stdin.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Write to a file or folder, or - for stdout; else draw in the terminal.",
        ),
    ] = None,
    format: Annotated[  # noqa: A002 - the name of the option
        Kind | None,
        typer.Option(
            "-f", "--format", help="What to write; else what OUT says, or png.", show_default=False
        ),
    ] = None,
    frame: Annotated[
        str | None,
        typer.Option("--frame", "+F", metavar="N", help="Frames: 3, 1-10, 5-, 1,5,9 or all."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option("--window", metavar="[auto|file|C,W]", help="What is shown as black, white."),
    ] = None,
    deep: Annotated[bool, typer.Option("--16bit", help="Write grey with 16 bits.")] = False,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="N|WxH", help="Fit pictures into this many pixels."),
    ] = None,
    overlays: Annotated[
        bool, typer.Option("--overlays", help="Draw the overlays of the image on it.")
    ] = False,
    sheet: Annotated[
        bool, typer.Option("--sheet", help="Make one picture of all; --size is that of each.")
    ] = False,
    draw: Annotated[
        Way | None,
        typer.Option("--draw", help="How the terminal shows it.", show_default=False),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace pictures that are there already.")
    ] = False,
    fsync: Annotated[
        bool, typer.Option("--fsync/--no-fsync", help="Wait until files are on stable storage.")
    ] = True,
    max_frame_bytes: Annotated[
        int,
        typer.Option(
            "--max-frame-bytes", metavar="BYTES", min=1, help="Refuse frames that take more."
        ),
    ] = DEFAULT_MAX_FRAME_BYTES,
    files_from: FilesFrom = None,
    null: Null = False,
    recurse: Recurse = True,
    jobs: Jobs = 0,
    report: Report = None,
    fail_fast: FailFast = False,
) -> None:
    """Make pictures of images: PNG, JPEG, TIFF, NumPy, or in the terminal.

    Without --window, an image is shown with the window or VOI LUT that it has, else from its least
    to its greatest value, padding left out. Into a folder all frames are written, NAME-1.png and
    so on; into a file the first, and into .npy an array of all: values after the modality LUT, or
    what --window shows. --size makes pixels square. On a terminal, several images or frames are
    drawn as one sheet.
    """
    settings = context.ensure_object(Settings)
    check_distinct(report=report, log_file=settings.log_file)
    view = View(read_window(window), deep, overlays, read_box(size), max_frame_bytes)
    frames = None if frame is None else parse_frames(frame)
    wish = Wish(view, frames, output, format, sheet, draw, overwrite, fsync)
    items = operands(paths or (), files_from, null=null, recurse=recurse)
    many = is_batch(paths or (), items, files_from)
    inflated = config.load(os.environ).max_inflated or DEFAULT_MAX_INFLATED
    artist = Artist(max_inflated=inflated)
    batch = ImageBatch(settings, report, artist, jobs=jobs, fail_fast=fail_fast, many=many)
    raise typer.Exit(export(wish, items, paths or (), batch))

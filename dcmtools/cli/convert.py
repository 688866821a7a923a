"""The command ``convert``: write files in another transfer syntax, and change nothing else."""

import os
from typing import Annotated

import typer

from dcmtools import config
from dcmtools.cli._batch import Batch, is_batch, operands
from dcmtools.cli._converting import convert_all, describe, read_wanted
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
from dcmtools.dataset.outputs import plan_outputs
from dcmtools.dataset.rewrite import Destination
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED
from dcmtools.errors import UsageError

EXAMPLES = (
    (
        "Compress an image without a loss, and make sure that it is the same.",
        "dcmtools convert ct.dcm -o small.dcm --to j2k-lossless --verify",
    ),
    (
        "Decompress what is compressed in a folder, with two processes.",
        "dcmtools convert study -o plain --decompress -j 2",
    ),
    (
        "Compress a folder in RLE; in another run, go on where that has stopped.",
        "dcmtools convert study -o rle --to rle --resume",
    ),
    (
        "Compress with a loss: ten times smaller, as a new object.",
        "dcmtools convert ct.dcm -o lossy.dcm --to j2k --ratio 10",
    ),
    (
        "Write implicit VR for a program that reads nothing else.",
        "dcmtools convert ct.dcm -o implicit.dcm --to implicit",
    ),
    (
        "Keep an account of every file.",
        "dcmtools convert study -o deflated --to deflated --report done.ndjson",
    ),
)


def convert(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Files and folders; - is stdin."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="OUT", help="The file or folder to write to."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="TS",
            help="implicit, explicit, big, deflated, rle, j2k, j2k-lossless, jpegls or a UID.",
        ),
    ] = None,
    decompress: Annotated[
        bool,
        typer.Option("--decompress", help="Write explicit VR where pixel data are compressed."),
    ] = False,
    ratio: Annotated[
        float | None,
        typer.Option("--ratio", metavar="N", min=1, help="How many times smaller j2k is to be."),
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option("--quality", metavar="DB", min=1, help="The PSNR of j2k, instead of a ratio."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Decode every frame of the result and compare it.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that are there already.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave out what is there already, and whole.")
    ] = False,
    fsync: Annotated[
        bool, typer.Option("--fsync/--no-fsync", help="Wait until files are on stable storage.")
    ] = True,
    files_from: FilesFrom = None,
    null: Null = False,
    recurse: Recurse = True,
    jobs: Jobs = 0,
    report: Report = None,
    fail_fast: FailFast = False,
) -> None:
    """Write files in another transfer syntax; only the encoding changes.

    Every value stays byte for byte as it is: texts, private elements, invalid values. What
    describes the pixel data follows them. Lossy JPEG 2000, which makes pixel data 10 times smaller
    where nothing else is said, makes a new object: with a SOP Instance UID of its own, always the
    same for the same object and loss, and attributes that tell of the loss. What is in the
    transfer syntax already is copied, so that nothing is lost twice; what has no pixel data is
    written in explicit VR where it would be compressed. Preamble and file meta group are ours. The
    frames of a large image are shared by several processes. Big endian is retired and is written
    for old programs alone.
    """
    settings = context.ensure_object(Settings)
    check_distinct(report=report, log_file=settings.log_file)
    wanted = read_wanted(to, ratio, quality, decompress=decompress, verify=verify)
    if output is None:
        raise UsageError("--output", "is missing", "Name a file or a folder with -o.")
    items = operands(paths or (), files_from, null=null, recurse=recurse)
    plan = plan_outputs(items, paths or (), output)
    where = Destination(output, overwrite=overwrite, durable=fsync)
    batch = Batch("convert", "converted", settings, report, describe)
    convert_all(
        plan,
        wanted,
        where,
        batch,
        resume=resume,
        jobs=jobs,
        fail_fast=fail_fast,
        max_inflated=config.load(os.environ).max_inflated or DEFAULT_MAX_INFLATED,
    )
    raise typer.Exit(batch.finish(summary=is_batch(paths or (), items, files_from)))

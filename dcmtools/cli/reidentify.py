"""The command ``reidentify``: put the original identity back, where a map of it was kept."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dcmtools import config
from dcmtools.batch import Item, Outcome, Status
from dcmtools.cli._batch import WAITING, Batch, is_batch, operands
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
from dcmtools.dataset.meta_group import follow, meta_bytes, read_meta
from dcmtools.dataset.outputs import Planned, plan_outputs
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.rewrite import rewrite, sync_folders
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED
from dcmtools.dataset.tree import read_tree
from dcmtools.deid.mapping import Mapping
from dcmtools.deid.reidentify import reidentified
from dcmtools.output.emit import Output

EXAMPLES = (
    (
        "De-identify a folder and keep a map, then go back.",
        """dcmtools anonymize study -o shared --map study-map.ndjson
dcmtools reidentify shared --map study-map.ndjson -o restored""",
    ),
)


@dataclass(frozen=True, slots=True)
class _ReidentifyWork:
    """Put the identity back into one file: the work of a batch."""

    mapping: Mapping
    overwrite: bool
    durable: bool
    max_inflated: int

    def __call__(self, item: Item) -> Iterator[str | Outcome]:
        """Write the file, then give the outcome."""
        if not isinstance(item, Planned):
            raise TypeError(item)
        with DicomFile(item.path, max_inflated=self.max_inflated) as file:
            tree, meta = read_tree(file), read_meta(file)
            restored = reidentified(tree, self.mapping)
            follow(meta, tree)
            rewrite(
                file,
                meta_bytes(file, meta),
                tree.edited(),
                item.target,
                deflated=file.header.deflated,
                overwrite=self.overwrite,
                durable=self.durable,
                root=item.root,
            )
        left = [
            f"{name} is not put back: the character set cannot hold it" for name in restored.left
        ]
        warnings = (*map(str, file.problems), *left)
        detail = f"{restored.count} elements put back"
        yield Outcome(item.path, Status.DONE, warnings=warnings, detail=detail)


def reidentify(
    context: typer.Context,
    map_file: Annotated[
        Path, typer.Option("--map", metavar="FILE", help="The map that anonymize has written.")
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT", help="Where to write: a file or folder.")
    ],
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Files and folders.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that are there already.")
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
    """Put the original identity back, where a map of it was kept.

    The map of a run of anonymize knows the patients, the UIDs and the dates. What was emptied or
    removed without being in the map is lost and stays so. A file that the map does not know is an
    error and is not written.
    """
    settings = context.ensure_object(Settings)
    check_distinct(map=map_file, report=report, log_file=settings.log_file)
    names = paths or ()
    items = operands(names, files_from, null=null, recurse=recurse)
    plan = plan_outputs(items, names, output)
    most = config.load(os.environ).max_inflated or DEFAULT_MAX_INFLATED
    work = _ReidentifyWork(Mapping.load(map_file), overwrite, fsync, most)
    batch = Batch("reidentify", "reidentified", settings, report)
    with Output() as out:
        threads = WAITING if fsync else 1
        for piece in batch.run(plan, work, jobs=jobs, threads=threads, fail_fast=fail_fast):
            out.write(piece) if piece else out.flush()
    if fsync:
        sync_folders(item.target for item in plan if item.target is not None)
    raise typer.Exit(batch.finish(summary=is_batch(names, items, files_from)))

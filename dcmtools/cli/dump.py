"""The command ``dump``: show what DICOM files hold."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from dcmtools import config
from dcmtools.batch import Item, Outcome, Status
from dcmtools.cli._batch import Batch, is_batch, json_array, operands
from dcmtools.cli._options import (
    FailFast,
    FilesFrom,
    Jobs,
    Null,
    Recurse,
    Report,
    Settings,
    Simple,
    charset_named,
)
from dcmtools.dataset.bulk import DEFAULT_BULK_SIZE, Bulk
from dcmtools.dataset.charset import is_known
from dcmtools.dataset.dump import TABLES, Dump, DumpOptions, Format, table_head
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED
from dcmtools.errors import ExitCode, UsageError
from dcmtools.escape import escape
from dcmtools.output.emit import Output, is_terminal, terminal_width

EXAMPLES = (
    ("Show all of a file.", "dcmtools dump ct.dcm"),
    ("Show two attributes of each file.", "dcmtools dump study -P PatientID -P Modality"),
    (
        "Write a table of identifiers, a row a file.",
        "dcmtools dump study -f csv -P PatientID -P StudyInstanceUID -P SOPInstanceUID",
    ),
    ("Put one value into a shell variable.", "id=$(dcmtools dump ct.dcm --value -P PatientID)"),
    (
        "Look into a sequence, at its first item.",
        "dcmtools dump ct.dcm -P 'OtherPatientIDsSequence[0].PatientID'",
    ),
    ("Show the private elements of one group.", "dcmtools dump ct.dcm -P '(0009,xxxx)'"),
    ("Give JSON to another program.", "dcmtools dump ct.dcm -f json --simple"),
    ("Stream a folder as NDJSON.", "dcmtools dump study -f ndjson > study.ndjson"),
    ("Read from a pipe.", "cat ct.dcm | dcmtools dump - -P PatientName"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _DumpWork:
    """Dump one file: the work of a batch."""

    options: DumpOptions
    color: bool = False
    columns: int = 0

    def __call__(self, item: Item) -> Iterator[str | Outcome]:
        """Give the text of the dump, then the outcome."""
        dump = Dump(item.path, self.options, item.named)
        yield from self._tree(dump) if self.options.format is Format.TREE else dump
        damage = tuple(str(problem) for problem in dump.problems if problem.damage)
        warnings = [str(problem) for problem in dump.problems if not problem.damage] + dump.notes
        status = Status.DAMAGED if damage else Status.DONE
        detail = f"{dump.encoding}, transfer syntax {dump.transfer_syntax or 'not given'}"
        yield Outcome(item.path, status, damage, tuple(warnings), hits=dump.hits, detail=detail)

    def _tree(self, dump: Dump) -> Iterator[str]:
        from dcmtools.output.tree import draw, heading  # noqa: PLC0415 - a pipe needs no rich

        rows = draw(dump.rows(), self.columns, color=self.color)
        first = next(rows, "")
        if self.options.filename and first:
            yield heading(escape(str(dump.path)), color=self.color)
        yield first
        yield from rows


def _framed(pieces: Iterable[str], options: DumpOptions, *, many: bool) -> Iterator[str]:
    """Put around the files what the format wants around them."""
    if options.format in (Format.CSV, Format.TSV):
        yield table_head(options)
    if options.format is Format.JSON and many:
        yield from json_array(pieces)
        return
    for piece in pieces:
        yield piece + "\n" if piece and options.format is Format.JSON else piece


def _check(options: DumpOptions, *, count: int) -> DumpOptions:
    """Refuse what does not go together."""
    if options.format in TABLES and not options.paths:
        raise UsageError(f"-f {options.format}", "needs at least one -P TAGPATH")
    if options.format is Format.XML and count > 1:
        raise UsageError("-f xml", "takes one file", "Use -f ndjson for many.")
    if options.simple and options.format not in (Format.JSON, Format.NDJSON):
        raise UsageError("--simple", "goes with -f json or ndjson")
    if not is_known(options.charset.encode("ascii", "replace")):
        why = f"'{options.charset}' is not a Specific Character Set"
        hint = "ISO_IR 192 (UTF-8), ISO_IR 100 (Latin-1) and GB18030 are."
        raise UsageError("--assume-charset", why, hint)
    return options


def dump(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Files and folders; - is stdin.")
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "-P", "--path", "+P", metavar="TAGPATH", help="Show only this element; repeatable."
        ),
    ] = None,
    format: Annotated[  # noqa: A002 - the name of the option
        Format | None,
        typer.Option(
            "-f",
            "--format",
            help="How to show it; tree on a terminal, else text.",
            show_default=False,
        ),
    ] = None,
    value: Annotated[
        bool, typer.Option("--value", help="Print bare values, one a line: -f value.")
    ] = False,
    simple: Simple = False,
    bulk: Annotated[
        Bulk | None,
        typer.Option("--bulk", help="What becomes of long binary values; uri in JSON, else omit."),
    ] = None,
    bulk_size: Annotated[
        int, typer.Option("--bulk-size", metavar="BYTES", min=0, help="What counts as long.")
    ] = DEFAULT_BULK_SIZE,
    private: Annotated[
        bool, typer.Option("--private/--no-private", help="Show private elements.")
    ] = True,
    meta: Annotated[
        bool | None,
        typer.Option(
            "--meta/--no-meta",
            help="Show the file meta group; by default in text and tree.",
            show_default=False,
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth", metavar="N", min=0, help="Show items deeper than N sequences empty."
        ),
    ] = None,
    width: Annotated[
        int, typer.Option("--width", metavar="N", min=0, help="Cut values in text; 0 for never.")
    ] = 0,
    no_filename: Annotated[
        bool, typer.Option("-H", "--no-filename", help="Do not print the names of files.")
    ] = False,
    uid_names: Annotated[
        bool,
        typer.Option("--uid-names/--no-uid-names", " /-Un", help="Show well-known UIDs by name."),
    ] = True,
    assume_charset: Annotated[
        str,
        typer.Option(
            "--assume-charset", metavar="CS", help="The character set of files that name none."
        ),
    ] = "",
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="Exit with 10 when nothing is selected.")
    ] = False,
    files_from: FilesFrom = None,
    null: Null = False,
    recurse: Recurse = True,
    jobs: Jobs = 0,
    report: Report = None,
    fail_fast: FailFast = False,
) -> None:
    """Show what DICOM files hold, as text, tree, JSON, tables or XML.

    -P names an element by keyword, (gggg,eeee) or (gggg,"CREATOR",ee); x stands for any digit and
    * for any element, and Sequence[0].Element looks into an item. A single name is shown wherever
    it occurs; csv, tsv and --value take the element of the data set itself, and look into
    sequences only where it has none; several hits in a cell are joined by |. Of a damaged file,
    what can be read is shown. Folders are walked; links to folders are not followed.
    """
    settings = context.ensure_object(Settings)
    items = operands(paths or (), files_from, null=null, recurse=recurse)
    many = is_batch(paths or (), items, files_from)
    shape = _shape(format, value=value, simple=simple)
    options = _check(
        DumpOptions(
            format=shape,
            paths=tuple(TagPath.parse(text, wildcards=True) for text in select or ()),
            simple=simple,
            bulk=bulk,
            bulk_size=bulk_size,
            private=private,
            meta=meta,
            depth=depth,
            width=width,
            filename=not no_filename and _shows_names(shape, many=many),
            uid_names=uid_names,
            charset=charset_named(assume_charset),
            max_inflated=config.load(os.environ).max_inflated or DEFAULT_MAX_INFLATED,
        ),
        count=len(items),
    )
    batch = Batch("dump", "read", settings, report)
    work = _DumpWork(options, settings.stdout_color, terminal_width())
    with Output() as output:
        pieces = batch.run(items, work, jobs=jobs, fail_fast=fail_fast)
        for piece in _framed(pieces, options, many=many):
            output.write(piece) if piece else output.flush()
    code = batch.finish(summary=many)
    empty = code is ExitCode.OK and fail_empty and select and not batch.tally.hits
    raise typer.Exit(ExitCode.EMPTY if empty else code)


def _shape(asked: Format | None, *, value: bool, simple: bool) -> Format:
    """Choose the format."""
    if value and asked not in (None, Format.VALUE):
        raise UsageError("--value", f"does not go with -f {asked}")
    if value:
        return Format.VALUE
    if asked is None and simple:
        return Format.JSON
    return asked or (Format.TREE if is_terminal() else Format.TEXT)


def _shows_names(shape: Format, *, many: bool) -> bool:
    """Tell whether a format names the files."""
    if shape is Format.VALUE:
        return False
    return many or shape in (Format.NDJSON, Format.CSV, Format.TSV)

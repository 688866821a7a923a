"""The command ``find``: ask a peer what it has."""

from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import typer

from dcmtools.cli._network import PeerArgument
from dcmtools.cli._options import Settings, Simple
from dcmtools.cli._query import FindCommand
from dcmtools.cli._search import Search
from dcmtools.dataset.answers import Answer, AnswerFormat, answer_columns, render
from dcmtools.errors import UsageError
from dcmtools.output.emit import Output, is_terminal, terminal_width

COMMAND = FindCommand

EXAMPLES = (
    ("List the studies of a patient.", "dcmtools find PACS@pacs.example.org:104 --patient-id 4711"),
    ("Find by name; an umlaut is an umlaut.", "dcmtools find pacs --patient-name 'Müller*'"),
    (
        "List the CT studies of the last week as CSV.",
        "dcmtools find pacs --date -7d --modality CT -f csv",
    ),
    ("List the series of a study.", "dcmtools find pacs -L series --study 1.2.3"),
    (
        "Ask for keys of your own, and nothing else.",
        "dcmtools find pacs --only -k StudyInstanceUID -k AccessionNumber=A1",
    ),
    (
        "Show today's worklist of a modality.",
        "dcmtools find ris -W --sps-date today --modality MR",
    ),
    (
        "Give the studies to another command.",
        "dcmtools find pacs --date today -f ndjson | dcmtools get pacs --study - -od today",
    ),
    ("Ask once for each row of a table.", "dcmtools find pacs --each patients.csv -f csv"),
)


def find(
    context: typer.Context,
    peer: PeerArgument,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="DICOM files whose elements are keys."),
    ] = None,
    format: Annotated[  # noqa: A002 - the name of the option
        AnswerFormat | None,
        typer.Option(
            "-f",
            "--format",
            help="How to print matches; table on a terminal, else tsv.",
            show_default=False,
        ),
    ] = None,
    simple: Simple = False,
    only: Annotated[
        bool, typer.Option("--only", help="Ask for the keys given and for no others.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="Stop each query after N matches."),
    ] = None,
    each: Annotated[
        str | None,
        typer.Option(
            "--each",
            metavar="FILE",
            help="Ask once for each row of a csv or tsv table, whose columns are keys; - is stdin.",
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("-X", "--write", metavar="DIR", help="Write each match as a file too."),
    ] = None,
    relational: Annotated[
        bool, typer.Option("--relational", help="Negotiate keys of any level in one query.")
    ] = False,
    datetime: Annotated[
        bool, typer.Option("--datetime", help="Negotiate to match dates and times together.")
    ] = False,
    fuzzy: Annotated[
        bool, typer.Option("--fuzzy", help="Negotiate to match names that are alike.")
    ] = False,
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="Exit with 10 when nothing is found.")
    ] = False,
) -> None:
    """Ask a peer what it has: studies, series, images, worklists.

    PEER is AET@HOST:PORT, HOST:PORT or the name of a peer in the configuration. Keys are given by
    short names such as --patient-name, or by -k with any tag path. The level is the lowest that a
    key belongs to, and its useful attributes are returned beside the keys; a table on a terminal
    shows as many of them as it has room for. Text is sent in UTF-8 where it is not ASCII; answers
    may be in any character set. Matches are printed as they come. A peer that ignores a key, and
    so finds too much, is told of. With --each the values of a row count more than those of
    options, and a row that fails stops no others: the exit code is 9 then, as for answers that are
    damaged, or that of the failure where all rows fail.
    """
    shape = _shape(format, simple=simple)
    search = Search(context, files or (), only=only, each=each, limit=limit, folder=write)
    color = context.ensure_object(Settings).stdout_color
    with (
        Output() as output,
        search.finder(peer, relational=relational, datetime=datetime, fuzzy=fuzzy) as finder,
        closing(search.answers(finder)) as answers,
    ):
        _print(_shown(search, answers, shape, simple=simple, color=color), output)
    raise typer.Exit(search.finish(fail_empty=fail_empty))


def _shape(asked: AnswerFormat | None, *, simple: bool) -> AnswerFormat:
    """Choose the format."""
    if simple and asked not in (None, AnswerFormat.JSON, AnswerFormat.NDJSON):
        raise UsageError("--simple", "goes with -f json or ndjson")
    if asked is None and simple:
        return AnswerFormat.JSON
    return asked or (AnswerFormat.TABLE if is_terminal() else AnswerFormat.TSV)


def _shown(
    search: Search, answers: Iterator[Answer], shape: AnswerFormat, *, simple: bool, color: bool
) -> Generator[str]:
    """Put the answers into the format that is wanted."""
    if shape is not AnswerFormat.TABLE:
        yield from render(answers, shape, search.columns, simple=simple)
        return
    from dcmtools.output.table import draw  # noqa: PLC0415 - a pipe needs no rich

    width = terminal_width()
    columns = search.terminal_columns(width)
    rows = (answer.values(columns) for answer in answers)
    yield from draw(rows, answer_columns(columns), width, color=color)


def _print(pieces: Generator[str], output: Output) -> None:
    """Print what comes as it comes; what Ctrl-C interrupts is closed."""
    try:
        for piece in pieces:
            output.write(piece)
            output.flush()
    except KeyboardInterrupt as stop:
        with suppress(KeyboardInterrupt):
            # Where it met the writing, whoever makes the document does not know of it yet.
            output.write(pieces.throw(stop))
            output.flush()
        raise

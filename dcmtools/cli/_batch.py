"""Run a batch for a command: operands, progress, messages, report, summary, exit code."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic
from typing import IO

from dcmtools.batch import Item, Outcome, Status, Work, default_jobs, run
from dcmtools.cli._options import Settings, open_report
from dcmtools.dataset.files import Operand, find_files, read_list
from dcmtools.errors import ExitCode, OutputError, UsageError, reason
from dcmtools.outcomes import Tally
from dcmtools.output.progress import progress

Pieces = Iterator[str | Outcome]
"""What work on items gives: output, and what became of each."""

WAITING = 4
"""Files that a process works on at a time where each waits for stable storage."""

_PARALLEL_FROM = 200  # files: below, starting workers takes longer than they save


def operands(
    names: Sequence[str], files_from: str | None, *, null: bool, recurse: bool
) -> list[Operand]:
    """List the files that a command was given.

    Raises
    ------
    UsageError
        It was given none at all.
    InputError
        The list of files cannot be read.
    """
    if not names and files_from is None:
        raise UsageError("PATH", "is missing", "Name a file or a folder, or - for standard input.")
    if null and files_from is None:
        raise UsageError("-0", "goes with --files-from")
    listed = [] if files_from is None else read_list(files_from, null=null)
    return list(find_files([*names, *listed], recurse=recurse))


def is_batch(names: Sequence[str], items: Sequence[Item], files_from: str | None) -> bool:
    """Tell whether a command was given many files, or what may be many."""
    folders = any(os.path.isdir(name) for name in names)  # noqa: PTH112 - never raises
    return len(items) > 1 or files_from is not None or folders


def json_array(documents: Iterable[str]) -> Iterator[str]:
    """Join JSON documents to an array, which is whole even where there are none."""
    yield "["
    comma = "\n"
    for document in documents:
        yield document and comma + document
        comma = ",\n" if document else comma
    yield "\n]\n"


def record(outcome: Outcome) -> dict[str, object]:
    """Make the record of an item for a report."""
    return {
        "file": os.fsencode(outcome.path).decode("utf-8", "backslashreplace"),
        "status": outcome.status,
        "reasons": outcome.reasons,
        "warnings": outcome.warnings,
    }


class Batch:
    """One run of a command over many items.

    Parameters
    ----------
    command : str
        The name of the command.
    verb : str
        What was done to the items that are done.
    settings : Settings
        The options of all commands.
    report : Path, optional
        A file that gets a line of JSON about each item.
    describe : callable, optional
        Makes the record of an item for the report; by default it names the file.

    Raises
    ------
    OutputError
        The report or the log cannot be written.
    """

    def __init__(
        self,
        command: str,
        verb: str,
        settings: Settings,
        report: Path | None = None,
        describe: Callable[[Outcome], dict[str, object]] | None = None,
    ) -> None:
        self._describe = describe or record
        self.tally = Tally(verb)
        self._command = command
        self._quiet = settings.verbosity < 0
        self._report_path = report
        self._started = monotonic()
        self._failure: OutputError | None = None
        self._talk = settings.talk(command)
        self._report = open_report(report)

    def run(
        self,
        items: Sequence[Item],
        work: Work,
        *,
        jobs: int = 0,
        threads: int = 1,
        fail_fast: bool = False,
        alone: bool = False,
        through: Callable[[Pieces], Pieces] = iter,
    ) -> Iterator[str]:
        """Work on the items and give their output; everything else is said or counted here.

        What the work gives goes `through` what is done in one process, one item after the other.
        Where it gives no output, a progress bar has the terminal `alone`.
        An empty text stands before whatever is said: what was given so far is to be shown first.
        """
        if not jobs:
            jobs = default_jobs() if len(items) >= _PARALLEL_FROM else 1
        shown = len(items) > 1 and not self._quiet
        pieces = run(items, work, jobs=jobs, threads=threads, fail_fast=fail_fast)
        with (
            closing(pieces),  # so that nobody works on when this is interrupted
            progress(self._command, len(items), shown=shown, alone=alone) as bar,
        ):
            for piece in through(pieces):
                if isinstance(piece, str):
                    yield piece
                    continue
                if piece.reasons or piece.warnings:
                    yield ""
                self._take(piece)
                if bar:
                    bar.advance()

    def _take(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        name = str(outcome.path)
        for text in outcome.warnings:
            self._talk.warning(f"{name}: warning: {text}")
        if outcome.status is Status.SKIPPED:
            self._talk.step(f"{name}: skipped: {'; '.join(outcome.reasons)}")
        elif outcome.status is Status.DONE:
            self._talk.step(f"{name}: {self.tally.verb}")
        elif outcome.status in (Status.UNCHANGED, Status.KNOWN, Status.EXCLUDED):
            self._talk.step(f"{name}: {outcome.status}")
        else:
            damaged = "damaged: " if outcome.status is Status.DAMAGED else ""
            for text in outcome.reasons:
                self._talk.error(f"{name}: {damaged}{text}", outcome.hint)
        if outcome.detail:
            self._talk.detail(f"{name}: {outcome.detail}")
        if self._report is not None and self._failure is None:
            self._write_report(self._report, outcome)

    def _write_report(self, report: IO[str], outcome: Outcome) -> None:
        try:
            report.write(json.dumps(self._describe(outcome)) + "\n")
            report.flush()
        except OSError as error:  # told at the end: the data is not to be cut short by it
            self._failure = OutputError(str(self._report_path), reason(error))

    def finish(self, *, summary: bool) -> ExitCode:
        """Say in one line how it went, where it was a batch, and give the exit code."""
        if self._report is not None:
            with suppress(OSError):  # told by what follows
                self._report.close()
        if self._failure is not None:
            raise self._failure
        code = self.tally.exit_code
        if not self.tally.counts:
            self._talk.error("there is nothing to read")
        elif summary:
            seconds = monotonic() - self._started
            self._talk.summary(f"{self.tally} in {seconds:.1f} s")
        return code

"""De-identify the files of a batch: the work in each process, and the names, in order, in one."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from shutil import move
from typing import TYPE_CHECKING

from dcmtools.batch import Item, Outcome, Status
from dcmtools.cli._batch import Pieces
from dcmtools.cli._changes import shown
from dcmtools.dataset.naming import TRANSFER_SYNTAX, Key, Names
from dcmtools.dataset.placing import numbered
from dcmtools.dataset.staging import Fate, Staging
from dcmtools.deid.anonymize import Case, deidentified
from dcmtools.deid.deidentify import BurnedInError
from dcmtools.deid.map_file import MapFile
from dcmtools.deid.mapping import FileRecord
from dcmtools.deid.plan import Plan
from dcmtools.errors import DcmtoolsError, ExitCode, OutputError, reason
from dcmtools.pixels.blackener import Blackener

if TYPE_CHECKING:
    from concurrent.futures import Future

_AHEAD = 32  # outputs that are on their way to stable storage


@dataclass(frozen=True, slots=True)
class Made:
    """An output that has no name yet.

    Parameters
    ----------
    staged : Path
        Where it is.
    name : str
        What it is to be called, below the folder of outputs.
    record : FileRecord
        What a map is to say of it.
    """

    staged: Path
    name: str
    record: FileRecord


@dataclass(frozen=True, slots=True)
class AnonymizeWork:
    """De-identify one file: the work of a batch.

    Parameters
    ----------
    plan : Plan
        What is done.
    names : Names
        What outputs are called.
    staging : Path or None
        Where they are written first; None to write none.
    verifies : bool
        Whether they are read again and held against the file.
    shows : bool
        Whether what changes is shown.
    color : bool
        Whether in colour.
    max_inflated : int
        The most bytes that a deflated data set may inflate to.
    """

    plan: Plan
    names: Names
    staging: Path | None
    verifies: bool
    shows: bool
    color: bool
    max_inflated: int

    def __call__(self, item: Item) -> Iterator[str | Outcome]:
        """De-identify the file; give what changes where that is wanted, then the outcome."""
        path = item.path
        blackener = _blackener() if self.plan.regions else None
        try:
            with deidentified(path, self.plan, blackener, max_inflated=self.max_inflated) as case:
                if self.shows:
                    yield shown(path, list(case.made.changes()), color=self.color)
                yield self._written(path, case)
        except BurnedInError as error:
            if not error.is_skipped:
                raise
            warnings = (f"is not written: it {error.why}",)
            yield Outcome(path, Status.SKIPPED, (error.why,), warnings)

    def _written(self, path: Path, case: Case) -> Outcome:
        """Write the output where it is to be published from, and hold it against the file."""
        if self.staging is None:
            return Outcome(path, Status.DONE, warnings=case.warnings)
        staged = self.staging / token_hex(8)
        case.write(staged, durable=False)
        values: dict[Key, str] = {TRANSFER_SYNTAX: case.made.transfer_syntax}
        values.update(case.made.values(self.names.tags).items())
        result = Made(staged, self.names.path(values), case.made.record)
        failures = case.failures(staged) if self.verifies else ()
        if failures:
            why = tuple(f"its output is not as it should be: {each}" for each in failures)
            return Outcome(
                path, Status.FAILED, why, case.warnings, code=ExitCode.FAILURE, result=result
            )
        return Outcome(path, Status.DONE, warnings=case.warnings, detail=case.note, result=result)


@lru_cache(maxsize=1)
def _blackener() -> Blackener:
    """Give what blackens in this process; its processes end with this one, or with `end_work`.

    What it makes tells who the patient is, so that it must not be among the outputs for a moment.
    """
    return Blackener()


def end_work() -> None:
    """End what the work has started in this process."""
    if _blackener.cache_info().currsize:
        _blackener().__exit__(None, None, None)
        _blackener.cache_clear()


class Publisher:
    """Gives outputs their names, in the order of the files, and remembers what they were.

    Parameters
    ----------
    staging : Staging
        Where the outputs are.
    quarantine : Path or None
        The folder for those that are not as they should be; None to remove them.
    map_file : MapFile or None
        What remembers.
    """

    def __init__(self, staging: Staging, quarantine: Path | None, map_file: MapFile | None) -> None:
        self._staging = staging
        self._quarantine = quarantine
        self._map_file = map_file

    def __call__(self, pieces: Pieces) -> Pieces:
        """Publish the outputs; give the pieces, with outcomes that say what has become of them."""
        waiting: deque[tuple[str | Outcome, Future[None] | None]] = deque()
        for piece in pieces:
            made = piece.result if isinstance(piece, Outcome) else None
            settled = self._staging.settle(made.staged) if isinstance(made, Made) else None
            waiting.append((piece, settled))
            while len(waiting) > _AHEAD:
                yield self._published(*waiting.popleft())
        for each in waiting:
            yield self._published(*each)

    def _published(self, piece: str | Outcome, settled: "Future[None] | None") -> str | Outcome:
        if isinstance(piece, str) or not isinstance(piece.result, Made):
            return piece
        made = piece.result
        try:
            if settled is not None:
                settled.result()
            if piece.status is not Status.DONE:
                return self._set_aside(piece, made)
            if self._map_file is not None:
                self._map_file.add(made.record)  # before anybody takes the file for done
            path, fate = self._staging.publish(made.staged, made.name)
        except OSError as error:
            return _failed(piece, OutputError(str(made.name), reason(error)))
        except DcmtoolsError as error:
            return _failed(piece, error)
        status = Status.DONE if fate is Fate.NEW else Status.KNOWN
        detail = f"{piece.detail}{piece.detail and ', '}written to {path}"
        return replace(piece, status=status, detail=detail, result=path)

    def _set_aside(self, outcome: Outcome, made: Made) -> Outcome:
        """Keep an output that is not as it should be away from the others."""
        if self._quarantine is None:
            made.staged.unlink()
            return replace(outcome, hint="--quarantine keeps such outputs apart.", result=None)
        target, number = self._quarantine / Path(made.name).name, 1
        while target.exists():
            number += 1
            target = numbered(self._quarantine / Path(made.name).name, number)
        try:
            move(made.staged, target)
        except OSError:  # on another disk, which may be full now
            target.unlink(missing_ok=True)
            raise
        return replace(outcome, hint=f"It is in quarantine: {target}", result=None)


def _failed(outcome: Outcome, error: DcmtoolsError) -> Outcome:
    return replace(
        outcome,
        status=Status.FAILED,
        reasons=(str(error),),
        hint=error.hint,
        code=error.exit_code,
        result=None,
    )

"""Say what became of the items of a batch, and which exit code tells the truth about them."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from dcmtools.errors import ExitCode


class Status(StrEnum):
    """How the work on one item ended."""

    DONE = "done"
    UNCHANGED = "unchanged"
    """There was nothing to do to it."""
    KNOWN = "already there"
    """What it would become is there."""
    EXCLUDED = "excluded"
    """It is not one of those that are meant."""
    DAMAGED = "damaged"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item.

    Parameters
    ----------
    path : Path
        The file.
    status : Status
        How it ended.
    reasons : tuple of str
        Why it is damaged, failed or was skipped; nothing when done.
    warnings : tuple of str
        What is wrong with it that did no harm.
    hint : str
        What the user can do about it.
    hits : int
        How many elements were found, where some were looked for.
    detail : str
        What else there is to say of it, for those who ask.
    unexpected : bool
        Whether it failed by a fault of the program.
    code : ExitCode
        What the program ends with where everything fails like this.
    result : object
        What the work has made, for whoever knows it; it can be pickled.
    """

    path: Path
    status: Status
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    hint: str = ""
    hits: int = 0
    detail: str = ""
    unexpected: bool = False
    code: ExitCode = ExitCode.INPUT
    result: object = None


@dataclass(slots=True)
class Tally:
    """Count outcomes; say in a line and an exit code how a batch went.

    Parameters
    ----------
    verb : str
        What was done to the items that are done: ``read``, ``sent``.
    """

    verb: str
    counts: Counter[Status] = field(default_factory=Counter, init=False)
    hits: int = field(default=0, init=False)
    unexpected: bool = field(default=False, init=False)
    codes: set[ExitCode] = field(default_factory=set, init=False)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.unexpected = self.unexpected or outcome.unexpected
        self.counts[outcome.status] += 1
        if outcome.status is Status.FAILED:
            self.codes.add(outcome.code)
        self.hits += outcome.hits

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that tells the truth about the batch."""
        if self.unexpected:
            return ExitCode.FAILURE
        well = (Status.DONE, Status.UNCHANGED, Status.KNOWN, Status.EXCLUDED)
        done = sum(self.counts[status] for status in well)
        damaged = self.counts[Status.DAMAGED]
        if damaged or (done and self.counts[Status.FAILED]):
            return ExitCode.PARTIAL
        if done:
            return ExitCode.OK
        return next(iter(self.codes)) if len(self.codes) == 1 else ExitCode.INPUT

    def __str__(self) -> str:
        """Print the counts: ``498 read, 1 damaged, 1 failed, 3 skipped``."""
        parts = [f"{self.counts[Status.DONE]} {self.verb}"]
        others = [status for status in Status if status is not Status.DONE]
        parts += [f"{self.counts[status]} {status}" for status in others if self.counts[status]]
        return ", ".join(parts)

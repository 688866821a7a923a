"""Show on a terminal how far a long batch has come."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from dcmtools.output.emit import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress

_PATIENCE = 1.0  # seconds before a bar is worth it


class Bar:
    """A progress bar on stderr, which appears once the work has taken a second.

    Parameters
    ----------
    what : str
        What is being done.
    total : int
        How many items there are.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._started = monotonic()
        self._done = 0
        self._progress: Progress | None = None

    def advance(self) -> None:
        """Count one item more."""
        self.update(self._done + 1, self._total)

    def update(self, done: int, total: int) -> None:
        """Show how many items are done, and how many there are as far as is known by now."""
        self._done, self._total = done, total
        if self._progress is None and monotonic() - self._started > _PATIENCE:
            self._appear()
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=done, total=total)

    def _appear(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
        from rich.progress import Progress  # noqa: PLC0415

        console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._progress = Progress(console=console, transient=True)
        self._progress.add_task(self._what, total=self._total)
        self._progress.start()

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._progress is not None:
            self._progress.stop()


@contextmanager
def progress(what: str, total: int, *, shown: bool, alone: bool = False) -> Iterator[Bar | None]:
    """Give a bar, or None where nobody would see it or it would stand in the way of the data.

    Parameters
    ----------
    what : str
        What is being done.
    total : int
        How many items there are.
    shown : bool
        Whether a bar is wanted at all.
    alone : bool
        Whether no data are written meanwhile that it could stand in the way of.
    """
    visible = sys.stderr is not None and sys.stderr.isatty() and (alone or not is_terminal())
    if not shown or not visible:
        yield None
        return
    bar = Bar(what, total)
    try:
        yield bar
    finally:
        bar.close()

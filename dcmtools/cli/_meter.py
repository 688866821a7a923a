"""Count the bytes that are sent, by several threads, and show on a bar how far it has come."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock

from dcmtools.dataset.outgoing import Outgoing
from dcmtools.net.dispatch import Event
from dcmtools.net.store import Sent
from dcmtools.output.progress import Bar, progress


class Meter:
    """The meter of one run; call it with each number of bytes that are sent, from any thread.

    What is sent again is counted twice, and what is not sent at all when that is known: so the bar
    may be at its end too early, but not too late.
    """

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._lock = Lock()
        self._total = self._sent = self._ended = 0

    @contextmanager
    def shown(self, what: str, outgoing: Iterable[Outgoing], *, wanted: bool) -> Iterator[None]:
        """Show it within a ``with`` block, where there is a terminal and it is wanted.

        Parameters
        ----------
        what : str
            What is being done.
        outgoing : iterable of Outgoing
            The objects.
        wanted : bool
            Whether a bar is wanted at all.
        """
        self._total = sum(each.size for each in outgoing)
        with progress(what, self._total, shown=wanted, alone=True) as bar:
            self._bar = bar
            try:
                yield
            finally:
                with self._lock:
                    self._bar = None

    def __call__(self, count: int) -> None:
        """Count bytes that are sent."""
        if self._bar is not None:
            with self._lock:
                self._sent += count
                self._show()

    def take(self, event: Event) -> None:
        """Count an object of which it is known what became of it."""
        if self._bar is not None and isinstance(event, Sent):
            with self._lock:
                self._ended += event.outgoing.size
                self._show()

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.update(min(max(self._sent, self._ended), self._total), self._total)

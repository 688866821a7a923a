"""Visit peers: wait until one is up, go to many at once, and stop at any time.

A visit is what is done with one peer, on associations of its own. Many are made in parallel, each
in a thread, and what they give is told in the order of the peers. One that fails stops no other.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic
from typing import Generic, NamedTuple, Self, TypeVar

from dcmtools.errors import DcmtoolsError
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.failures import may_pass
from dcmtools.net.negotiation import Proposal, load_codecs

MOST_AT_ONCE = 16
"""Associations that are open at the same time."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0  # seconds between attempts; each is twice the one before
_ATTEMPT = 5.0  # seconds for a connection; SYNs that were dropped are repeated ever more rarely
_LEAST = 1.0  # seconds that an attempt has, so that its failure tells more than that it was short
_PATIENCE = 1.0  # seconds in which visits that are stopped may end in good order

_T = TypeVar("_T")


def unheeded(error: DcmtoolsError) -> None:
    """Take no notice of an attempt that failed."""


class Visit(ABC, Generic[_T]):
    """What is done with one peer.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    wait : float
        The seconds within which the peer may come up: what may pass with time is tried again.
    retried : callable
        Is told of each attempt that failed and is followed by another.
    """

    def __init__(
        self,
        access: Access,
        *,
        wait: float = 0.0,
        retried: Callable[[DcmtoolsError], None] = unheeded,
    ) -> None:
        self.access = access
        self._wait = wait
        self._retried = retried
        self._left: float | None = None  # seconds, where we wait for the peer
        self._stopped = Event()
        self._lock = Lock()
        self._open: Association | None = None
        self._asks = False

    @abstractmethod
    def _once(self, access: Access) -> Iterator[_T]:
        """Do it, with no second attempt.

        It is to connect by `_association`, and to ask and wait for answers within `_asking`.
        """

    def run(self) -> Generator[_T]:
        """Do it, and give what comes of it.

        Raises
        ------
        DcmtoolsError
            It failed; after waiting, the reason of the last attempt.
        """
        deadline = monotonic() + self._wait
        pause = _FIRST_PAUSE
        while True:
            begun = False
            try:
                for each in self._once(self._hurried(deadline)):
                    begun = True
                    yield each
            except DcmtoolsError as error:
                if begun or not may_pass(error) or monotonic() + pause > deadline:
                    raise
                self._retried(error)
            else:
                return
            if self._paused(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE)

    def stop(self) -> None:
        """Have it end soon, whatever it waits for; it is run in another thread."""
        self._stopped.set()
        with self._lock:
            association = self._open if self._asks else None
        if association is not None:
            association.interrupt()

    @property
    def _is_stopped(self) -> bool:
        return self._stopped.is_set()

    def _paused(self, seconds: float) -> bool:
        """Pause, and tell whether it was stopped."""
        return self._stopped.wait(max(seconds, 0))

    def _hurried(self, deadline: float) -> Access:
        """Leave an attempt no more time than there is."""
        access = self.access
        if not self._wait:
            return access
        self._left = left = max(deadline - monotonic(), _LEAST)
        return replace(
            access,
            connect_timeout=min(access.connect_timeout, left, _ATTEMPT),
            acse_timeout=min(access.acse_timeout, left),
        )

    def _patience(self, association: Association) -> AbstractContextManager[None]:
        """Wait for the first response no longer than for the peer to come up."""
        return nullcontext() if self._left is None else association.patience(self._left)

    @contextmanager
    def _asking(self) -> Iterator[bool]:
        """Have `stop` interrupt what is done in the ``with`` block; give whether to do it."""
        with self._lock:
            self._asks = True
        try:
            yield not self._stopped.is_set()
        finally:
            with self._lock:
                self._asks = False

    @contextmanager
    def _association(self, access: Access, proposals: Sequence[Proposal]) -> Iterator[Association]:
        """Open an association that `stop` knows."""
        with Association(access, proposals) as association:
            with self._lock:
                self._open = association
            try:
                yield association
            except GeneratorExit:  # nobody wants to know any more, and nothing went wrong
                if not association.owes_answer:
                    association.release()
                raise
            finally:
                with self._lock:
                    self._open = None


class _End(NamedTuple):
    """The end of a visit, and why it failed, where it did."""

    error: BaseException | None


class Visits(Generic[_T]):
    """Visits to many peers at once; use it in a ``with`` block, which stops those under way.

    Iterate over it for the visits in their order: each is an iterator of what comes of it, as it
    comes, which raises what the visit raised.

    Parameters
    ----------
    visits : sequence of Visit
        The visits.
    at_once : int
        How many are made at the same time, at most.
    """

    def __init__(self, visits: Sequence[Visit[_T]], at_once: int = MOST_AT_ONCE) -> None:
        self._visits = visits
        self._results: list[SimpleQueue[_T | _End]] = [SimpleQueue() for _ in visits]
        self._left: SimpleQueue[int] = SimpleQueue()
        for number in range(len(visits)):
            self._left.put(number)
        self._threads = [
            Thread(target=self._work, name=f"visit-{number}", daemon=True)
            for number in range(min(len(visits), at_once))
        ]

    def __enter__(self) -> Self:
        """Start."""
        load_codecs()  # once, and not in the time of any peer
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Have all visits end, in good order where they can within a moment."""
        with suppress(Empty):
            while True:
                self._left.get_nowait()
        for visit in self._visits:
            visit.stop()
        # One that is still connecting is left to itself: its thread does not keep the program.
        deadline = monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(deadline - monotonic(), 0))

    def __iter__(self) -> Iterator[Iterator[_T]]:
        """Give the visits in their order."""
        return map(self._read, self._results)

    def _work(self) -> None:
        with suppress(Empty):
            while True:
                number = self._left.get_nowait()
                results, error = self._results[number], None
                try:
                    for each in self._visits[number].run():
                        results.put(each)
                except BaseException as raised:  # noqa: BLE001 - it is raised where it is read
                    error = raised
                results.put(_End(error))

    @staticmethod
    def _read(results: "SimpleQueue[_T | _End]") -> Iterator[_T]:
        while not isinstance(each := results.get(), _End):
            yield each
        if each.error is not None:
            raise each.error

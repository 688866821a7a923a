"""Retrieve many units on several associations at once, and stop them all in good order.

Each association has a thread to itself; the thread that asks only waits. So Ctrl-C meets nobody
amid a message: the peers are told to stop, and have a moment to do so.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Condition, Lock, Thread, current_thread
from time import monotonic

from dcmtools.errors import AssociationError, ConnectionFailedError, DcmtoolsError, OutputError
from dcmtools.net.retrieve import PATIENCE, Counts, Retrieved, Retriever, Unit

_LAST_MOMENT = 1.0  # seconds for threads to end whose connections are gone


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a unit has come."""

    unit: Unit
    counts: Counts


@dataclass(frozen=True, slots=True)
class Fewer:
    """An association was not to be had, and the others go on without it."""

    error: DcmtoolsError


class Crew:
    """The threads that retrieve units.

    Parameters
    ----------
    start : callable
        Opens an association to retrieve on.
    units : iterable of Unit
        What to retrieve; taken only as fast as the work goes.
    jobs : int
        How many associations to use at most.
    """

    def __init__(
        self, start: Callable[[], Retriever], units: Iterable[Unit], jobs: int = 1
    ) -> None:
        self._start = start
        self._units = iter(units)
        self._jobs = jobs
        self._taking = Lock()  # what is to be taken may be long in coming
        self._changed = Condition()
        self._events: SimpleQueue[Progress | Retrieved | Fewer | BaseException | None]
        self._events = SimpleQueue()
        self._retrievers: set[Retriever] = set()
        self._working = 0  # threads
        self._starting = 0  # of them, those that open an association
        self._ready: set[Thread] = set()  # those that have one and will take a unit again
        self._returned: deque[Unit] = deque()  # taken, but by a thread without an association
        self._stopping = False

    def run(self) -> Generator[Progress | Retrieved | Fewer]:
        """Retrieve all units, and tell of each as it comes; to be closed where it is left early.

        A unit on which the association is lost has failed, and the next one is tried on a new
        association.

        Raises
        ------
        DcmtoolsError
            No association is to be had at all, or there is no room for what comes.
        """
        threads = [
            Thread(target=self._work, name=f"retrieve-{number}", daemon=True)
            for number in range(self._jobs)
        ]
        for thread in threads:
            thread.start()
        self._working = len(threads)
        failure: BaseException | None = None
        try:
            while self._working and not isinstance(failure, OutputError):
                event = self._events.get()
                if event is None:
                    self._working -= 1
                elif isinstance(event, BaseException):
                    failure = failure or event
                    self._stopping = True  # but what is under way may end
                else:
                    yield event
        finally:
            self._stop(threads)
        if failure is not None:
            raise failure

    def fail(self, error: BaseException) -> None:
        """Stop for a reason that comes from elsewhere; called from any thread."""
        self._events.put(error)

    def _work(self) -> None:
        """Retrieve units until there are none left."""
        retriever: Retriever | None = None
        try:
            while (unit := self._next()) is not None:
                if retriever is None:
                    retriever = self._started(unit)
                    if retriever is None:
                        return
                done = self._retrieved(retriever, unit)
                self._events.put(done)
                if done.error is not None:
                    self._ended(retriever, done.error)
                    retriever = None
        except BaseException as error:  # noqa: BLE001 - it is raised where the events are read
            self._events.put(error)
        finally:
            if retriever is not None:
                self._ended(retriever, None)
            self._events.put(None)

    def _retrieved(self, retriever: Retriever, unit: Unit) -> Retrieved:
        try:
            return retriever.retrieve(unit, partial(self._tell, unit))
        except (AssociationError, ConnectionFailedError) as error:
            return Retrieved(unit, error=error)

    def _next(self) -> Unit | None:
        """Take a unit; None where there are none left."""
        with self._taking:
            with self._changed:
                if self._returned and not self._stopping:
                    return self._returned.popleft()
            unit = None if self._stopping else next(self._units, None)
            with self._changed:
                if unit is None and self._returned and not self._stopping:
                    return self._returned.popleft()
                if unit is None:
                    self._ready.discard(current_thread())
            return unit

    def _tell(self, unit: Unit, counts: Counts) -> None:
        self._events.put(Progress(unit, counts))

    def _started(self, unit: Unit) -> Retriever | None:
        """Open an association for a unit; None where it is left to others that have one."""
        with self._changed:
            self._starting += 1
        try:
            retriever = self._start()
        except (AssociationError, ConnectionFailedError) as error:
            with self._changed:
                self._starting -= 1
                self._returned.append(unit)
                self._changed.notify_all()
                # What those that have just begun will have is not known yet.
                self._changed.wait_for(
                    lambda: self._ready or not self._starting or unit not in self._returned
                )
                if not self._ready and unit in self._returned:
                    self._returned.remove(unit)
                    raise
            self._events.put(Fewer(error))
            return None
        except BaseException:
            with self._changed:
                self._starting -= 1
                self._changed.notify_all()
            raise
        with self._changed:
            self._starting -= 1
            self._retrievers.add(retriever)
            self._ready.add(current_thread())
            self._changed.notify_all()
        return retriever

    def _ended(self, retriever: Retriever, error: DcmtoolsError | None) -> None:
        with self._changed:
            self._retrievers.discard(retriever)
            self._ready.discard(current_thread())
        with suppress(DcmtoolsError):
            retriever.__exit__(type(error), error, None)

    def _stop(self, threads: list[Thread]) -> None:
        """Have all threads end: in good order where they can within a moment."""
        self._stopping = True
        try:
            if self._working:
                self._each(lambda retriever: retriever.cancel())
                self._wait(PATIENCE)
        finally:  # another Ctrl-C too
            if self._working:  # one that waits for standard input is left to itself
                self._each(lambda retriever: retriever.interrupt())
                self._wait(_LAST_MOMENT)
        if not self._working:
            for thread in threads:
                thread.join()

    def _wait(self, seconds: float) -> None:
        """Wait until all threads have ended.

        Not by joining them: where Ctrl-C interrupts that, Python takes a thread for ended.
        """
        deadline = monotonic() + seconds
        with suppress(Empty):
            while self._working:
                if self._events.get(timeout=max(deadline - monotonic(), 0)) is None:
                    self._working -= 1

    def _each(self, act: Callable[[Retriever], None]) -> None:
        with self._changed:
            retrievers = list(self._retrievers)
        for retriever in retrievers:
            with suppress(DcmtoolsError):
                act(retriever)

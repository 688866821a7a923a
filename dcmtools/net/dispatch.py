"""Send many objects on several associations at once, and again what was lost with one of them.

Each association has a thread to itself. While the peer works on an object the next one is looked
through, so that neither waits for the other. What fails and may pass is tried again after all else,
and where the peer answers nothing any more, the rest is not sent.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Thread, current_thread
from time import monotonic

from dcmtools.dataset.outgoing import Outgoing
from dcmtools.errors import (
    AssociationError,
    ConnectionFailedError,
    DcmtoolsError,
    StatusError,
)
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.backlog import Backlog, Load
from dcmtools.net.failures import may_pass
from dcmtools.net.negotiation import load_codecs
from dcmtools.net.parcel import Ready, Treatment
from dcmtools.net.plan import Leg
from dcmtools.net.store import Sent, send

_PATIENCE = 5.0  # seconds for the peer to answer what it has been sent when the run ends
_LAST_MOMENT = 1.0  # seconds for threads to end whose connections are gone
_MOST_LOST = 5  # objects in a row that a peer may lose or have no room for, with all their retries


@dataclass(frozen=True, slots=True)
class Again:
    """Something is tried again, after some seconds."""

    error: DcmtoolsError
    seconds: float


@dataclass(frozen=True, slots=True)
class Fewer:
    """An association was not to be had, and the others go on without it."""

    error: DcmtoolsError


Event = Sent | Again | Fewer


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard to try.

    Parameters
    ----------
    jobs : int
        How many associations to use at most.
    retries : int
        How often to try again what fails by the network, or by a peer that lacks resources.
    retry_delay : float
        The seconds to wait before that.
    fail_fast : bool
        Whether to stop at the first object that fails.
    """

    jobs: int = 1
    retries: int = 0
    retry_delay: float = 10.0
    fail_fast: bool = False


class Dispatch:
    """The threads that send objects.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    loads : iterable of tuple of Leg and iterable of Outgoing
        What is to be sent on which associations.
    treatment : Treatment
        What is done to objects on their way.
    policy : Policy
        How hard to try.
    acknowledged : callable
        Is told of each object that has arrived, at once and from any thread.

    Attributes
    ----------
    late : list of Event
        What has still happened after `run` was left early.
    """

    def __init__(
        self,
        access: Access,
        loads: Iterable[tuple[Leg, Iterable[Outgoing]]],
        treatment: Treatment,
        policy: Policy,
        *,
        acknowledged: Callable[[Sent], None] = lambda _: None,
    ) -> None:
        self.late: list[Event] = []
        self._access = access
        self._backlog = Backlog(Load(leg, items) for leg, items in loads)
        self._treatment = treatment
        self._policy = policy
        self._acknowledged = acknowledged
        self._happened: deque[Event | BaseException | None] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()  # rings for each of them
        self._working = 0  # threads that have not told of their end
        self._able: set[Thread] = set()  # those that have an association, or may still get one
        self._open: set[Association] = set()
        self._pausing = 0  # threads
        self._tried: dict[int, Sent] = {}  # what is to be tried again, by the id of its file
        self._lost = 0  # associations in a row, without an answer between
        self._full = 0  # pauses in a row for a peer without resources
        self._given_up: DcmtoolsError | None = None
        self._cutting = False  # whether we end associations amid an object

    def run(self) -> Generator[Event]:
        """Send everything, and tell of each object; to be closed where it is left early.

        An object on which the association is lost has failed, once it has been tried often enough,
        and the others go on a new one. Where there is none to be had any more, or one after the
        other is lost, what is left is told of as not sent, with the reason.

        Raises
        ------
        DcmtoolsError
            Something has failed that no object could be told of with.
        """
        load_codecs()  # once, and not by each thread at the same time
        jobs = min(self._policy.jobs, len(self._backlog))
        threads = [
            Thread(target=self._work, name=f"store-{number}", daemon=True) for number in range(jobs)
        ]
        starter = Thread(target=self._begin, args=(threads,), name="store", daemon=True)
        self._able.update(threads)
        self._working = len(threads)
        failure: BaseException | None = None
        try:
            starter.start()
            while self._working:
                self._await_news(None)
                event = self._happened[0]  # taken only once nothing can interrupt us any more
                if event is None:
                    del self._happened[0]
                    self._working -= 1
                elif isinstance(event, BaseException):
                    failure = failure or event
                    self._backlog.halt()
                    del self._happened[0]
                else:
                    del self._happened[0]
                    yield event
        finally:
            self._stop([starter, *threads])
        if failure is not None and not isinstance(failure, DcmtoolsError):
            raise failure
        told = failure is None
        for outgoing in self._backlog:
            tried, error = self._tried.get(id(outgoing)), failure or self._given_up
            told = told or tried is None
            yield tried or Sent(outgoing, outgoing.sop_instance, error=error, attempts=0)
        if failure is not None and not told:
            raise failure

    def _begin(self, threads: list[Thread]) -> None:
        """Start the threads; not where Ctrl-C could come amid that."""
        for thread in threads:
            try:
                thread.start()
            except RuntimeError as error:  # there are as many as the system allows
                if thread is threads[0]:
                    self._tell(error)
                self._gone(thread)

    def _gone(self, thread: Thread) -> None:
        """Tell that a thread has ended."""
        with self._backlog.changed:
            self._able.discard(thread)
            self._backlog.changed.notify_all()
        self._tell(None)

    def _work(self) -> None:
        """Send what there is, load after load."""
        try:
            while (load := self._backlog.next_load()) is not None:
                association = self._opened(load)
                if association is None:
                    return
                with self._ended(association):
                    self._send_all(association, load)
        except BaseException as error:  # noqa: BLE001 - it is raised where the events are read
            self._tell(error)
        finally:
            self._gone(current_thread())

    def _opened(self, load: Load) -> Association | None:
        """Open an association; None where it is left to those that have one, or the run ends.

        Raises
        ------
        DcmtoolsError
            None is to be had, and nobody has one.
        """
        for left in range(self._policy.retries, -1, -1):
            try:
                association = Association(self._access, load.leg.proposals)
            except (AssociationError, ConnectionFailedError) as error:
                failure = error
            else:
                with self._backlog.changed:
                    self._open.add(association)
                    self._backlog.changed.notify_all()
                return association
            if not left or not may_pass(failure):
                break
            self._pause(failure)
            if not self._backlog.has_work():
                return None
        with self._backlog.changed:
            self._able.discard(current_thread())
            self._backlog.changed.notify_all()
            # What the others will have is not known yet.
            self._backlog.changed.wait_for(
                lambda: self._open or not self._able or not self._backlog.has_work()
            )
            if self._open:
                self._tell(Fewer(failure))
            elif self._backlog.has_work():
                raise failure
        return None

    @contextmanager
    def _ended(self, association: Association) -> Iterator[None]:
        """Release an association at the end, or abort it where the peer owes an answer."""
        try:
            yield
        finally:
            with self._backlog.changed:
                self._open.discard(association)
            with suppress(DcmtoolsError):
                association.__exit__(None, None, None)

    def _send_all(self, association: Association, load: Load) -> None:
        """Send what waits, until there is nothing left or the association is lost."""
        ahead: list[Ready] = []  # one at most

        def look_ahead() -> None:
            ready = self._next_ready(association, load)
            if ready is not None:
                ahead.append(ready)

        try:
            look_ahead()
            while ahead and not self._backlog.stopping:
                with closing(ahead.pop()) as ready:
                    done = send(association, ready, look_ahead)
                error = self._settle(done, load)
                if error is not None:
                    self._give_back(ahead, load)
                    self._try_again(done.outgoing, error, association, load)
                if not association.is_open:
                    return
                if not ahead:
                    look_ahead()
        finally:
            self._give_back(ahead, load)

    def _next_ready(self, association: Association, load: Load) -> Ready | None:
        """Take what waits until something is fit to be sent; None where nothing is left."""
        while True:
            outgoing = self._backlog.take(load)
            if outgoing is None:
                return None
            try:
                return Ready(outgoing, association.contexts, self._treatment)
            except DcmtoolsError as error:
                self._finish(self._counted(Sent(outgoing, outgoing.sop_instance, error=error)))

    def _counted(self, done: Sent) -> Sent:
        """Count the attempts at an object."""
        before = self._tried.get(id(done.outgoing))
        return replace(done, attempts=1 if before is None else before.attempts + 1)

    def _settle(self, done: Sent, load: Load) -> DcmtoolsError | None:
        """Tell what became of an object; where it is to be tried again, give the reason."""
        if done.lost and self._cutting:  # by us: nobody knows what would have become of it
            self._backlog.put_back(done.outgoing, load)
            return None
        done = self._counted(done)
        retries = self._policy.retries
        with self._backlog.changed:
            if done.status is not None:
                self._lost = 0
            self._lost += done.lost
            if done.error is not None and self._lost >= _MOST_LOST * (retries + 1):
                self._give_up(done.error)
            self._full *= not done.arrived
            is_full = done.may_pass and done.status is not None
            # A peer is given so much time to find resources, and not each object anew.
            again = done.may_pass and done.attempts <= retries
            again = again and not (is_full and self._full >= _MOST_LOST * (retries + 1))
            self._full += again and is_full
        if again and not self._backlog.stopping:
            self._tried[id(done.outgoing)] = done
            text = "" if done.status is None else done.status.text
            return done.error or StatusError(self._access.peer.label, f"answered {text}")
        try:
            if done.arrived:
                self._acknowledged(done)
        finally:
            self._finish(done)
        return None

    def _give_up(self, error: DcmtoolsError) -> None:
        """End the run: whatever is sent, the peer does not answer."""
        if self._given_up is None:
            why = f"{error.why}; {self._lost} associations in a row were lost without an answer"
            self._given_up = type(error)(error.what, why, error.hint)
        self._backlog.halt()

    def _try_again(
        self, outgoing: Outgoing, error: DcmtoolsError, association: Association, load: Load
    ) -> None:
        """Put an object behind all others, once it may be tried again."""
        if not association.is_open:
            with self._backlog.changed:
                self._open.discard(association)
        self._pause(error)
        self._backlog.put_back(outgoing, load, last=True)

    def _finish(self, done: Sent) -> None:
        self._tried.pop(id(done.outgoing), None)
        self._tell(done)
        if self._policy.fail_fast and not done.arrived:
            self._backlog.halt()
        self._backlog.finish()

    def _give_back(self, ahead: list[Ready], load: Load) -> None:
        while ahead:
            with closing(ahead.pop()) as ready:
                self._backlog.put_back(ready.outgoing, load)

    def _pause(self, error: DcmtoolsError) -> None:
        """Wait before something is tried again; said once where several threads do."""
        with self._backlog.changed:
            if not self._pausing:
                self._tell(Again(error, self._policy.retry_delay))
            self._pausing += 1
            self._backlog.pause(self._policy.retry_delay)
            self._pausing -= 1

    def _tell(self, event: Event | BaseException | None) -> None:
        self._happened.append(event)
        self._bell.put(None)

    def _await_news(self, seconds: float | None) -> None:
        while not self._happened:
            self._bell.get(timeout=seconds)

    def _stop(self, threads: list[Thread]) -> None:
        """Have all threads end: once the peer has answered, where it does within a moment."""
        self._backlog.halt()
        try:
            self._wait(_PATIENCE, lambda: self._open)  # what only asks for one has begun nothing
        finally:  # another Ctrl-C too
            with self._backlog.changed:
                self._cutting = True
                associations = list(self._open)
            for association in associations:
                association.interrupt()
            self._wait(_LAST_MOMENT, lambda: True)
        if not self._working:
            for thread in threads:
                if thread.ident:
                    thread.join()

    def _wait(self, seconds: float, needed: Callable[[], object]) -> None:
        """Wait until threads have ended; not by joining them, which Ctrl-C spoils."""
        deadline = monotonic() + seconds
        with suppress(Empty):
            while self._working and needed():
                self._await_news(max(deadline - monotonic(), 0))
                event = self._happened.popleft()
                if event is None:
                    self._working -= 1
                elif not isinstance(event, BaseException):
                    self.late.append(event)

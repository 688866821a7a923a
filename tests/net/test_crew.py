"""Several associations at once: who takes what, what a loss means, how all are stopped."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Self

import pytest

from dcmtools.dataset.query_models import QueryLevel
from dcmtools.errors import (
    AssociationError,
    ConnectionFailedError,
    DcmtoolsError,
    InputError,
    OutputError,
)
from dcmtools.net import crew as module
from dcmtools.net.crew import Crew, Fewer, Progress
from dcmtools.net.retrieve import Counts, Retrieved, Unit
from dcmtools.net.status import CANCEL, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

DEADLINE = 10.0


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    threads = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(DEADLINE)
    assert set(threading.enumerate()) <= threads


def units(count: int) -> list[Unit]:
    return [Unit(QueryLevel.STUDY, study=f"1.{number}") for number in range(count)]


class Peer:
    """What the retrievers of a test do, and what was done with them."""

    def __init__(self, most: int = 64) -> None:
        self.most = most
        self.open = 0
        self.opened = 0
        self.done: list[str] = []
        self.ended: list[BaseException | None] = []
        self.canceled = 0
        self.lock = threading.Lock()
        self.work: Callable[[Retriever, Unit], Retrieved] = lambda _, unit: success(unit)

    def start(self) -> Retriever:
        """Open an association, if there is room for it."""
        with self.lock:
            if self.open >= self.most:
                raise AssociationError("PEER", "rejected")
            self.open += 1
            self.opened += 1
        return Retriever(self)


class Retriever:
    """An association with such a peer."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.stopped = threading.Event()
        self.interrupted = threading.Event()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End."""
        with self.peer.lock:
            self.peer.open -= 1
            self.peer.ended.append(error)

    def retrieve(self, unit: Unit, told: Callable[[Counts], None]) -> Retrieved:
        """Do what the test wants."""
        told(Counts(1))
        done = self.peer.work(self, unit)
        with self.peer.lock:
            self.peer.done.append(unit.study)
        return done

    def cancel(self) -> None:
        """Be told to stop."""
        with self.peer.lock:
            self.peer.canceled += 1
        self.stopped.set()

    def interrupt(self) -> None:
        """Be cut off."""
        self.interrupted.set()
        self.stopped.set()


def success(unit: Unit) -> Retrieved:
    return Retrieved(unit, Status(0), Counts(0, 1, 0, 0))


def ran(crew: Crew) -> list[Progress | Retrieved | Fewer]:
    return list(crew.run())


def told(events: Generator[object], found: list[object]) -> None:
    """Keep what is told, also where it ends in an error."""
    with closing(events):
        found.extend(events)


def retrieved(events: Iterable[object]) -> list[str]:
    return sorted(event.unit.study for event in events if isinstance(event, Retrieved))


@pytest.mark.parametrize("jobs", [1, 2, 4, 8])
def test_each_unit_is_retrieved_once(jobs: int) -> None:
    peer = Peer()
    events = ran(Crew(peer.start, units(50), jobs))
    assert retrieved(events) == sorted(peer.done) == sorted(unit.study for unit in units(50))
    assert sum(isinstance(event, Progress) for event in events) == 50
    assert peer.opened <= jobs
    assert peer.ended == [None] * peer.opened
    assert peer.open == 0


def test_nothing_to_retrieve_needs_no_association() -> None:
    peer = Peer()
    assert ran(Crew(peer.start, [], 4)) == []
    assert peer.opened == 0


def test_they_work_at_the_same_time() -> None:
    peer = Peer()
    together = threading.Barrier(4)

    def meet(_: Retriever, unit: Unit) -> Retrieved:
        together.wait(DEADLINE)
        return success(unit)

    peer.work = meet
    assert len(retrieved(ran(Crew(peer.start, units(4), 4)))) == 4


def test_units_are_taken_as_fast_as_the_work_goes() -> None:
    peer = Peer()
    taken: list[int] = []

    def endless() -> Iterator[Unit]:
        for number in range(10**6):
            taken.append(number)
            yield Unit(QueryLevel.STUDY, study=f"1.{number}")

    with closing(Crew(peer.start, endless(), 2).run()) as events:
        for _ in range(10):
            next(events)
    assert len(taken) < 10**6
    assert peer.open == 0


# Associations that are not to be had


def test_without_any_association_there_is_one_error() -> None:
    def fail() -> Retriever:
        raise ConnectionFailedError("PEER", "refused")

    with pytest.raises(ConnectionFailedError, match="refused"):
        ran(Crew(fail, units(20), 4))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_fewer_associations_do_all_the_work(most: int) -> None:
    peer = Peer(most)
    together = threading.Barrier(most)
    first = [True] * most

    def meet(_: Retriever, unit: Unit) -> Retrieved:
        if first and first.pop():  # all that there may be are open by then
            together.wait(DEADLINE)
        return success(unit)

    peer.work = meet
    events = ran(Crew(peer.start, units(30), 6))
    assert retrieved(events) == sorted(unit.study for unit in units(30))
    assert sum(isinstance(event, Fewer) for event in events) <= 6 - most
    assert peer.open == 0


def test_who_is_rejected_waits_for_who_has_just_begun() -> None:
    """Whether there is an association at all is known only then."""
    peer, rejected, lock = Peer(), threading.Event(), threading.Lock()

    def start() -> Retriever:
        if lock.acquire(blocking=False):
            assert rejected.wait(DEADLINE)
            assert not threading.Event().wait(0.1)
            return peer.start()
        rejected.set()
        raise AssociationError("PEER", "rejected")

    events = ran(Crew(start, units(4), 2))
    assert retrieved(events) == ["1.0", "1.1", "1.2", "1.3"]
    assert sum(isinstance(event, Fewer) for event in events) == 1


def test_a_unit_given_back_at_the_last_moment_is_done() -> None:
    """The second is rejected while the first does its last unit."""
    for _ in range(50):
        peer = Peer(1)
        begun = threading.Event()

        def start(peer: Peer = peer, begun: threading.Event = begun) -> Retriever:
            if begun.is_set():
                begun.wait()
                raise AssociationError("PEER", "rejected")
            begun.set()
            return peer.start()

        events = ran(Crew(start, units(2), 2))
        assert retrieved(events) == ["1.0", "1.1"]


# Associations that are lost


def test_after_a_loss_the_next_unit_has_a_new_association() -> None:
    peer = Peer()

    def lose(_: Retriever, unit: Unit) -> Retrieved:
        if unit.study in ("1.1", "1.3"):
            raise AssociationError("PEER", "aborted")
        if unit.study == "1.5":
            return Retrieved(unit, error=ConnectionFailedError("PEER", "silent"))
        return success(unit)

    peer.work = lose
    events = [event for event in ran(Crew(peer.start, units(8))) if isinstance(event, Retrieved)]
    assert [each.unit.study for each in events if each.error] == ["1.1", "1.3", "1.5"]
    assert len(events) == 8
    assert peer.opened == 4
    assert [type(error) for error in peer.ended] == [
        AssociationError,
        AssociationError,
        ConnectionFailedError,
        type(None),
    ]


def test_a_peer_that_goes_for_good_ends_it() -> None:
    peer = Peer()

    def die(_: Retriever, unit: Unit) -> Retrieved:
        if unit.study == "1.2":
            peer.most = 0
            raise AssociationError("PEER", "aborted")
        return success(unit)

    peer.work = die
    found: list[object] = []
    with pytest.raises(AssociationError, match="rejected"):
        told(Crew(peer.start, units(100)).run(), found)
    assert retrieved(found) == ["1.0", "1.1", "1.2"]


# Stopping


@contextmanager
def at_work(peer: Peer, count: int = 3) -> Iterator[Iterator[object]]:
    """Run a crew of which each member waits until it is told to stop."""
    begun = threading.Semaphore(0)

    def wait(retriever: Retriever, unit: Unit) -> Retrieved:
        begun.release()
        assert retriever.stopped.wait(DEADLINE)
        return Retrieved(unit, Status(CANCEL))

    peer.work = wait
    with closing(Crew(peer.start, units(100), count).run()) as events:
        next(events)
        for _ in range(count):
            assert begun.acquire(timeout=DEADLINE)
        yield events


def test_leaving_early_cancels_what_is_under_way() -> None:
    peer = Peer()
    begun = monotonic()
    with at_work(peer):
        pass
    assert monotonic() - begun < 2
    assert (peer.canceled, peer.open, len(peer.done)) == (3, 0, 3)
    assert peer.ended == [None] * 3


def test_who_does_not_stop_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    peer = Peer()

    def stubborn(retriever: Retriever, unit: Unit) -> Retrieved:
        assert retriever.interrupted.wait(DEADLINE)
        return Retrieved(unit, error=AssociationError("PEER", "cut"))

    peer.work = stubborn
    begun = monotonic()
    with closing(Crew(peer.start, units(9), 3).run()) as events:
        next(events)
    assert 0.2 <= monotonic() - begun < 3
    assert peer.open == 0


def test_who_cannot_be_interrupted_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one is that waits for standard input; all together take no longer than one."""
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    monkeypatch.setattr(module, "_LAST_MOMENT", 0.2)
    release = threading.Event()

    def blocked() -> Iterator[Unit]:
        yield units(1)[0]
        release.wait(DEADLINE)

    begun = monotonic()
    with closing(Crew(Peer().start, blocked(), 4).run()) as events:
        next(events)
    assert monotonic() - begun < 2
    release.set()


def test_a_full_disk_stops_all_at_once() -> None:
    peer = Peer()
    begun = threading.Semaphore(0)

    def wait(retriever: Retriever, unit: Unit) -> Retrieved:
        begun.release()
        assert retriever.stopped.wait(DEADLINE)
        return success(unit)

    peer.work = wait
    crew = Crew(peer.start, units(100), 3)

    def fail() -> None:
        for _ in range(3):
            begun.acquire()
        crew.fail(OutputError("DIR", "no space left"))

    threading.Thread(target=fail).start()
    with pytest.raises(OutputError, match="no space"):
        ran(crew)
    assert (peer.canceled, peer.open) == (3, 0)


def test_what_cannot_be_read_lets_what_is_under_way_end() -> None:
    peer = Peer()
    failed = threading.Event()

    def broken() -> Iterator[Unit]:
        yield units(1)[0]
        failed.set()
        raise InputError("stdin", "is no UID")

    def wait(retriever: Retriever, unit: Unit) -> Retrieved:
        assert failed.wait(DEADLINE)
        assert not retriever.stopped.wait(0.1)
        return success(unit)

    peer.work = wait
    found: list[object] = []
    with pytest.raises(InputError, match="is no UID"):
        told(Crew(peer.start, broken(), 2).run(), found)
    assert retrieved(found) == ["1.0"]
    assert peer.canceled == 0


def test_an_error_of_ours_comes_out() -> None:
    def bug(_: Retriever, __: Unit) -> Retrieved:
        raise ZeroDivisionError

    peer = Peer()
    peer.work = bug
    with pytest.raises(ZeroDivisionError):
        ran(Crew(peer.start, units(5), 2))
    assert peer.open == 0


def test_farewells_may_fail() -> None:
    class Rude(Retriever):
        def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
            super().__exit__(kind, error, trace)
            raise DcmtoolsError("PEER", "gone")

    peer = Peer()
    assert retrieved(ran(Crew(lambda: Rude(peer), units(3)))) == ["1.0", "1.1", "1.2"]

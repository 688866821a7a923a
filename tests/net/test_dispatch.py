"""Many objects, several associations and peers that fail: none is lost, and none counted twice."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from dcmtools.errors import (
    AssociationError,
    BusyError,
    ConnectionFailedError,
    DcmtoolsError,
    InputError,
    NotOfferedError,
    OutputError,
)
from dcmtools.net import dispatch as module
from dcmtools.net.admission import Rules
from dcmtools.net.dispatch import Again, Dispatch, Fewer, Policy
from dcmtools.net.parcel import Treatment
from dcmtools.net.scp import Receiver
from dcmtools.net.storage import Storage
from dcmtools.net.store import Sent
from tests.factories import EXPLICIT, element, part10
from tests.net.hostile import padded
from tests.net.scripted import Scripted, unanswered
from tests.net.sending import (
    access,
    answering,
    arrived,
    data_of,
    dispatch,
    fates,
    objects,
    ran,
    received,
)
from tests.net.steps import (
    abort,
    accept,
    answer,
    close,
    hang,
    pause,
    reject,
    release,
    reset,
    wait_association,
    wait_for,
)
from tests.net.wire import CT, reject_pdu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from dcmtools.dataset.outgoing import Outgoing
    from dcmtools.net.dispatch import Event
    from tests.net.scripted import Connection, Step

    What = int | Step | Sequence[Step]

DEADLINE = 15.0
JOBS = pytest.mark.parametrize("jobs", [1, 4])


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """See that no thread and no descriptor is left."""
    threads, descriptors = set(threading.enumerate()), open_files()
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(DEADLINE)
    assert set(threading.enumerate()) <= threads
    assert open_files() <= descriptors


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count


@pytest.fixture
def ten(tmp_path: Path) -> list[Outgoing]:
    """Make ten objects."""
    return objects(tmp_path, 10, 1000)


def uids(items: Sequence[Outgoing]) -> list[str]:
    return sorted(each.sop_instance for each in items)


def only(what: What, *wanted: str) -> Callable[[str, int], What]:
    """Do something about some objects, and answer all others with success."""
    return lambda uid, _: what if uid in wanted else 0


def once(what: What, *wanted: str) -> Callable[[str, int], What]:
    """Do something about some objects when they first come."""
    left = set(wanted)

    def status(uid: str, _: int) -> What:
        if uid in left:
            left.remove(uid)
            return what
        return 0

    return status


@JOBS
def test_each_object_is_sent_once_and_as_it_is(ten: list[Outgoing], jobs: int) -> None:
    told: list[str] = []
    with Scripted(answering()) as peer:
        running = dispatch(
            access(peer),
            ten,
            Policy(jobs),
            acknowledged=lambda sent: told.append(sent.sop_instance),
        )
        events = ran(running)
        assert arrived(events) == uids(ten) == sorted(told) == sorted(received(peer))
        assert 1 <= len(peer.requests) <= jobs
        assert "abort" not in peer.endings
        by_uid = {each.sop_instance: data_of(each) for each in ten}
        for message in peer.messages:
            assert message.data == by_uid[message.command["AffectedSOPInstanceUID"]]
            assert message.command["AffectedSOPClassUID"] == CT
    assert {each.attempts for each in fates(events).values()} == {1}
    assert running.late == []


def test_nothing_to_send_needs_no_association() -> None:
    with Scripted(answering()) as peer:
        assert ran(Dispatch(access(peer), [], Treatment(), Policy())) == []
        assert peer.requests == []


@JOBS
def test_a_file_that_is_named_twice_is_sent_twice(ten: list[Outgoing], jobs: int) -> None:
    again = [replace(each) for each in ten]
    with Scripted(answering(once(0xA700, "1.2.3"))) as peer:
        items = [*ten, *again]
        events = ran(dispatch(access(peer), items, Policy(jobs, retries=1, retry_delay=0)))
        found = [each.outgoing for each in events if isinstance(each, Sent) and each.arrived]
        assert sorted(map(id, found)) == sorted(map(id, items))
        assert received(peer).count("1.2.3") == 3


@pytest.mark.parametrize("most", [0, 1, 3])
def test_fewer_threads_do_all_the_work(
    ten: list[Outgoing], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    class Limited(threading.Thread):
        """A thread of which the system allows few."""

        def start(self) -> None:
            """Start it, or not."""
            if self.name.startswith("store-") and int(self.name[6:]) >= most:
                raise RuntimeError("can't start new thread")
            super().start()

    monkeypatch.setattr(module, "Thread", Limited)
    with Scripted(answering()) as peer:
        running = dispatch(access(peer), ten, Policy(5))
        if not most:
            with pytest.raises(RuntimeError, match="can't start"):
                ran(running)
            return
        assert arrived(ran(running)) == uids(ten)
        assert len(peer.requests) <= most


def test_no_more_associations_than_objects(tmp_path: Path) -> None:
    with Scripted(answering()) as peer:
        assert len(ran(dispatch(access(peer), objects(tmp_path, 2), Policy(9)))) == 2
        assert len(peer.requests) <= 2


LOSSES: dict[str, What] = {
    "aborts": abort(),
    "aborts as its user": abort(0),
    "closes": close(),
    "resets": reset(),
    "releases": release(),
    "answers another message": answer(MessageIDBeingRespondedTo=77),
    "answers another request": answer(CommandField=0x8030),
    "answers without a status": answer(None),
    "answers in another context": answer(context_id=99),
    "answers in noise": lambda c: c.send(b"\x00garbage that is no PDU"),
}


@JOBS
@pytest.mark.parametrize("how", LOSSES)
def test_one_object_that_ends_the_association(ten: list[Outgoing], how: str, jobs: int) -> None:
    with Scripted(answering(only(LOSSES[how], "1.2.4"))) as peer:
        events = ran(dispatch(access(peer), ten, Policy(jobs)))
        assert arrived(events) == uids([each for each in ten if each.sop_instance != "1.2.4"])
        lost = fates(events)["1.2.4"]
        assert isinstance(lost.error, AssociationError)
        assert (lost.status, lost.attempts, lost.lost) == (None, 1, True)
        assert sorted(received(peer)) == uids(ten)  # nothing was sent twice


@JOBS
def test_one_object_that_is_never_answered(ten: list[Outgoing], jobs: int) -> None:
    with Scripted(answering(only(hang(), "1.2.4"))) as peer:
        events = ran(dispatch(access(peer, dimse=0.5), ten, Policy(jobs)))
        assert len(arrived(events)) == 9
        error = fates(events)["1.2.4"].error
        assert isinstance(error, ConnectionFailedError)
        assert "sent nothing for 0.5 s" in str(error)
        assert "abort" in peer.endings


@JOBS
def test_a_poison_object_is_tried_again_after_all_others(ten: list[Outgoing], jobs: int) -> None:
    with Scripted(answering(only(abort(), "1.2.1"))) as peer:
        events = ran(dispatch(access(peer), ten, Policy(jobs, retries=3, retry_delay=0)))
        assert len(arrived(events)) == 9
        assert fates(events)["1.2.1"].attempts == 4
        assert received(peer).count("1.2.1") == 4
        assert len(received(peer)) == 13
        if jobs == 1:
            assert received(peer)[-3:] == ["1.2.1"] * 3
    again = [each for each in events if isinstance(each, Again)]
    assert [str(each.error).split(": ")[1] for each in again] == [
        "aborted the association (by its service provider)"
    ] * 3


@JOBS
def test_only_what_is_not_sent_is_sent_again(ten: list[Outgoing], jobs: int) -> None:
    status = once(reset(), "1.2.3", "1.2.7")
    with Scripted(answering(status)) as peer:
        events = ran(dispatch(access(peer), ten, Policy(jobs, retries=1, retry_delay=0)))
        assert arrived(events) == uids(ten)
        assert sorted(received(peer)) == sorted([*uids(ten), "1.2.3", "1.2.7"])
    found = fates(events)
    assert {uid for uid, each in found.items() if each.attempts == 2} == {"1.2.3", "1.2.7"}


@pytest.mark.parametrize("code", [0x0110, 0x0111, 0x0122, 0x0124, 0xA900, 0xC000, 0xC123, 0x9999])
def test_a_failure_is_for_good(ten: list[Outgoing], code: int) -> None:
    with Scripted(answering(only(code, "1.2.2", "1.2.10"))) as peer:
        events = ran(dispatch(access(peer), ten, Policy(retries=3, retry_delay=0)))
        assert len(arrived(events)) == 8
        status = fates(events)["1.2.10"].status
        assert status is not None
        assert status.code == code
        assert sorted(received(peer)) == uids(ten)
        assert len(peer.requests) == 1


@pytest.mark.parametrize("code", [0xB000, 0xB006, 0xB007, 0x0001, 0x0107, 0x0116])
def test_a_warning_is_an_arrival(tmp_path: Path, code: int) -> None:
    with Scripted(answering(lambda *_: code)) as peer:
        events = ran(dispatch(access(peer), objects(tmp_path, 2)))
        assert arrived(events) == ["1.2.1", "1.2.2"]


@JOBS
@pytest.mark.parametrize("code", [0xA700, 0xA7FF, 0x0213])
def test_a_peer_that_is_full_now_and_again(ten: list[Outgoing], code: int, jobs: int) -> None:
    status = once(code, *uids(ten)[::2])
    with Scripted(answering(status)) as peer:
        events = ran(dispatch(access(peer), ten, Policy(jobs, retries=1, retry_delay=0)))
        assert arrived(events) == uids(ten)
        assert len(received(peer)) == 15
        assert len(peer.requests) == 1 or jobs > 1  # the association is kept
        assert "abort" not in peer.endings
    assert any("answered" in str(each.error) for each in events if isinstance(each, Again))


def test_a_peer_that_is_full_for_good(ten: list[Outgoing]) -> None:
    with Scripted(answering(lambda *_: 0xA700)) as peer:
        events = ran(dispatch(access(peer), ten, Policy(retries=2, retry_delay=0)))
        assert arrived(events) == []
        assert sorted(each.attempts for each in fates(events).values()) == [2] * 5 + [3] * 5
        assert len(received(peer)) == 25  # after 15 refusals in a row it is given no more time


@JOBS
def test_nobody_takes_up_what_is_to_wait(ten: list[Outgoing], jobs: int) -> None:
    came: list[float] = []

    def status(uid: str, _: int) -> int:
        if uid != "1.2.1":
            return 0
        came.append(monotonic())
        return 0xA700 if len(came) < 4 else 0

    with Scripted(answering(status)) as peer:
        policy = Policy(jobs, retries=3, retry_delay=0.2)
        assert arrived(ran(dispatch(access(peer), ten, policy))) == uids(ten)
    assert len(came) == 4
    assert min(after - before for before, after in pairwise(came)) >= 0.2


@JOBS
def test_a_peer_that_rejects_at_first(ten: list[Outgoing], jobs: int) -> None:
    scripts = [reject(2, 3, 2)] * jobs
    with Scripted(*scripts, answering()) as peer:
        events = ran(dispatch(access(peer), ten, Policy(jobs, retries=1, retry_delay=0)))
        assert arrived(events) == uids(ten)
        assert len(peer.requests) <= 2 * jobs
    assert any(isinstance(each, Again) for each in events)


@JOBS
@pytest.mark.parametrize(
    ("script", "kind", "asked"),
    [
        (reject(1, 1, 3), AssociationError, 1),  # for good
        (reject(2, 3, 2), BusyError, 3),  # for now
        ([wait_association(), close()], ConnectionFailedError, 3),
        ([wait_association(), *abort()], AssociationError, 1),
    ],
)
def test_a_peer_that_has_no_association_for_us(
    ten: list[Outgoing], script: list[Step], kind: type[DcmtoolsError], asked: int, jobs: int
) -> None:
    with Scripted(script) as peer:
        events = ran(dispatch(access(peer), ten, Policy(jobs, retries=2, retry_delay=0)))
        assert 1 <= len(peer.requests) <= asked * jobs
        assert len(peer.requests) == asked or jobs > 1
    found = fates(events)
    assert sorted(found) == uids(ten)
    assert {(type(each.error), each.attempts) for each in found.values()} == {(kind, 0)}


@JOBS
def test_a_peer_that_is_down_at_first(ten: list[Outgoing], tmp_path: Path, jobs: int) -> None:
    with socket.socket() as closed:
        closed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        policy = Policy(jobs, retries=50, retry_delay=0.1)
        running = dispatch(access(port), ten, policy)
        found: list[Event] = []
        receiver: Receiver | None = None
        with closing(running.run()) as events:
            for event in events:
                found.append(event)
                if receiver is None:
                    assert isinstance(event, Again)
                    closed.close()
                    storage = Storage(tmp_path / "in", durable=False)
                    receiver = Receiver(storage, Rules("US"), port, host="127.0.0.1")
                    receiver.__enter__()
        assert receiver is not None
        receiver.__exit__(None, None, None)
    assert arrived(found) == uids(ten)
    assert len(list((tmp_path / "in").iterdir())) == 10


class Crowded:
    """A step that accepts so many associations at once, and rejects any other."""

    def __init__(self, most: int, all_of_them: int) -> None:
        self.left = most
        self.lock = threading.Lock()
        self.asked = threading.Barrier(all_of_them)

    def __call__(self, c: Connection) -> None:
        """Accept or reject, once all are there."""
        c.read_request()
        with suppress(threading.BrokenBarrierError):
            self.asked.wait(DEADLINE)
        with self.lock:
            self.left -= 1
            rejected = self.left < 0
        for step in reject(2, 3, 2)[1:] if rejected else [accept()]:
            step(c)


@pytest.mark.parametrize("most", [1, 3])
def test_a_peer_that_takes_fewer_associations(ten: list[Outgoing], most: int) -> None:
    gate = threading.Event()
    crowded = Crowded(most, 4)

    def status(_uid: str, _number: int) -> What:
        return [wait_for(gate), answer()]  # or all would be done before the others have asked

    with Scripted(answering(status, crowded)) as peer:
        found: list[Event] = []
        with closing(dispatch(access(peer), ten, Policy(4)).run()) as events:
            for event in events:
                found.append(event)
                if sum(isinstance(each, Fewer) for each in found) == 4 - most:
                    gate.set()
        assert arrived(found) == uids(ten)
        assert len(peer.requests) == 4
    assert sum(isinstance(each, Fewer) for each in found) == 4 - most


def test_who_is_rejected_does_not_end_what_another_can_do(tmp_path: Path) -> None:
    """One association was lost just before the other was rejected: there will be one again."""
    asked, lost, rejected = threading.Event(), threading.Event(), threading.Event()
    first = iter([True])
    taken = threading.Lock()

    def lose(c: Connection) -> None:
        c.pause(asked)
        try:
            c.reset()
        finally:
            lost.set()

    def serve(c: Connection) -> None:
        c.read_request()
        with taken:
            has_room = next(first, False) or lost.is_set()
        if not has_room:
            asked.set()
            c.pause(lost)
            c.send(reject_pdu(2, 3, 2))
            rejected.set()
            c.watch()
        if lost.is_set():
            c.pause(rejected)
            pause(0.2)(c)
        for step in answering(only(lose, "1.2.1")):
            step(c)

    with Scripted(serve) as peer:
        events = ran(dispatch(access(peer), objects(tmp_path, 4), Policy(2)))
        assert len(peer.requests) == 3
    assert len(arrived(events)) == 3
    assert fates(events)["1.2.1"].attempts == 1
    assert sum(isinstance(each, Fewer) for each in events) == 1


def test_waiting_to_ask_again_ends_with_the_work(ten: list[Outgoing]) -> None:
    crowded = Crowded(1, 2)
    started = monotonic()
    with Scripted(answering(accepted=crowded)) as peer:
        events = ran(dispatch(access(peer), ten, Policy(2, retries=3, retry_delay=60)))
        assert arrived(events) == uids(ten)
    assert monotonic() - started < 10


def test_the_first_failure_ends_it(ten: list[Outgoing]) -> None:
    with Scripted(answering(only(0xC000, "1.2.3"))) as peer:
        events = ran(dispatch(access(peer), ten, Policy(fail_fast=True)))
        assert received(peer) == ["1.2.1", "1.2.2", "1.2.3"]
        assert peer.endings == ["release", "close"]
    found = fates(events)
    assert sorted(found) == uids(ten)
    assert [each.attempts for each in found.values()] == [1, 1, 1] + [0] * 7
    assert [each.error for each in found.values()] == [None] * 10


def test_the_first_failure_ends_it_on_all_associations(tmp_path: Path) -> None:
    items = objects(tmp_path, 200)
    with Scripted(answering(lambda _, number: 0xC000 if number == 2 else 0)) as peer:
        events = ran(dispatch(access(peer), items, Policy(4, fail_fast=True)))
        assert len(received(peer)) <= 4 * 3
        found = fates(events)
        assert len(found) == 200
        assert sum(each.attempts for each in found.values()) == len(received(peer))


@JOBS
@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("how", ["aborts", "closes", "resets", "answers another message"])
def test_a_peer_that_ends_every_association(
    tmp_path: Path, how: str, retries: int, jobs: int
) -> None:
    items = objects(tmp_path, 60)
    with Scripted(answering(lambda *_: LOSSES[how])) as peer:
        events = ran(dispatch(access(peer), items, Policy(jobs, retries, 0)))
        most = 5 * (retries + 1)
        assert most <= len(received(peer)) <= most + jobs - 1
    found = fates(events)
    assert len(found) == 60
    untried = [each for each in found.values() if not each.attempts]
    assert len(untried) >= 60 - most - jobs
    assert {str(each.error).rsplit("; ")[-1] for each in untried} == {
        f"{most} associations in a row were lost without an answer"
    }
    assert {type(each.error) for each in found.values()} == {AssociationError}


@JOBS
def test_a_peer_that_is_silent_about_everything(tmp_path: Path, jobs: int) -> None:
    items, started = objects(tmp_path, 60), monotonic()
    with Scripted(answering(lambda *_: hang())) as peer:
        events = ran(dispatch(access(peer, dimse=0.2), items, Policy(jobs)))
    assert monotonic() - started < 10
    found = fates(events)
    assert len(found) == 60
    assert sum(each.attempts for each in found.values()) <= 5 + jobs
    assert {type(each.error) for each in found.values()} == {ConnectionFailedError}


def test_an_answer_now_and_again_keeps_it_going(tmp_path: Path) -> None:
    items = objects(tmp_path, 40)
    with Scripted(answering(lambda uid, _: 0xC000 if uid[-1] in "05" else reset())) as peer:
        events = ran(dispatch(access(peer), items[3:]))
        assert sorted(received(peer)) == uids(items[3:])
    assert {each.attempts for each in fates(events).values()} == {1}


def test_exactly_as_many_losses_as_objects_need_no_further_word(tmp_path: Path) -> None:
    with Scripted(answering(lambda *_: abort())) as peer:
        events = ran(dispatch(access(peer), objects(tmp_path, 5)))
    assert [each.attempts for each in fates(events).values()] == [1] * 5


def test_a_peer_that_goes_for_good(ten: list[Outgoing]) -> None:
    with Scripted(answering(lambda _, number: close() if number == 4 else 0), reject()) as peer:
        events = ran(dispatch(access(peer), ten, Policy(retries=1, retry_delay=0)))
        assert len(received(peer)) == 5
    found = fates(events)
    assert len(arrived(events)) == 4
    assert [found["1.2.5"].attempts, found["1.2.6"].attempts] == [1, 0]
    assert "closed the connection amid" in str(found["1.2.5"].error)  # its own reason
    assert "rejected" in str(found["1.2.6"].error)


# Files


def into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda path: path.unlink(), "no such file"),
    "cut": (lambda path: os.truncate(path, 700), "is damaged"),
    "empty": (lambda path: os.truncate(path, 0), "empty"),
    "a folder": (into_folder, "is a folder"),
    "another": (
        lambda path: path.write_bytes(
            part10(
                element(0x00080016, "UI", padded(CT)) + element(0x00080018, "UI", padded("7.7")),
                EXPLICIT,
            )
        ),
        "another object",
    ),
}


@JOBS
@pytest.mark.parametrize("what", FILES)
def test_a_file_that_changes_before_it_is_sent(ten: list[Outgoing], what: str, jobs: int) -> None:
    change, why = FILES[what]
    for number in (0, 4, 9):
        change(ten[number].path)
    with Scripted(answering()) as peer:
        events = ran(dispatch(access(peer), ten, Policy(jobs, retries=2)))
        assert len(arrived(events)) == 7
        assert "abort" not in peer.endings  # nothing of them was sent
    for uid in ("1.2.1", "1.2.5", "1.2.10"):
        failed = fates(events)[uid]
        assert isinstance(failed.error, InputError)
        assert why in str(failed.error).lower()
        assert (failed.attempts, failed.status) == (1, None)


@JOBS
def test_a_file_that_shrinks_while_it_is_sent(
    ten: list[Outgoing], tmp_path: Path, jobs: int
) -> None:
    size = 40_000_000  # more than the buffers of a connection hold
    (large,) = objects(tmp_path, 1, 2, first=500)
    raw = large.path.read_bytes()
    large.path.write_bytes(raw[:-6] + size.to_bytes(4, "little"))
    os.truncate(large.path, len(raw) - 2 + size)
    items = [*ten[:3], replace(large, size=large.size - 2 + size), *ten[3:]]

    def shrink(c: Connection) -> None:
        """Read requests; where one is long, cut the file amid it."""
        seen = 0
        c.read_request()
        read_pdu = c.read_pdu

        def reading() -> tuple[int, bytes]:
            nonlocal seen
            kind, body = read_pdu()
            seen = seen + len(body) if len(body) > 10_000 else 0
            if seen:
                os.truncate(large.path, 1000)
            return kind, body

        c.read_pdu = reading  # type: ignore[method-assign] # this connection reads so

    with Scripted([shrink, *answering()]) as peer:
        events = ran(dispatch(access(peer), items, Policy(jobs)))
        assert arrived(events) == uids(ten)
        assert peer.endings.count("abort") == 1
        assert sorted(received(peer)) == uids(ten)
    failed = fates(events)["1.2.500"]
    assert isinstance(failed.error, InputError)
    assert "shorter while it was being sent" in str(failed.error)
    assert not failed.lost


def test_what_the_peer_does_not_take_is_told_of_each(ten: list[Outgoing]) -> None:
    with Scripted(answering(accepted=accept(refuse=3))) as peer:
        events = ran(dispatch(access(peer), ten, Policy(retries=2)))
        assert received(peer) == []
        assert len(peer.requests) == 1
    kinds = {(type(each.error), each.attempts) for each in fates(events).values()}
    assert kinds == {(NotOfferedError, 1)}


# What is noted of what has arrived


@JOBS
@pytest.mark.parametrize("room", [2, 9])
def test_what_has_arrived_is_told_though_it_cannot_be_noted(
    ten: list[Outgoing], room: int, jobs: int
) -> None:
    noted: list[str] = []

    def acknowledged(sent: Sent) -> None:
        if len(noted) == room:
            raise OutputError("journal", "no space left on device")
        noted.append(sent.sop_instance)

    found: list[Event] = []
    with Scripted(answering()) as peer:
        running = dispatch(access(peer), ten, Policy(jobs), acknowledged=acknowledged)
        with closing(running.run()) as events, suppress(OutputError):
            for event in events:
                found.append(event)  # noqa: PERF402 - all there is before it raises
            assert room == 2
        assert arrived(found) == sorted(received(peer))
    untried = [each for each in fates(found).values() if not each.attempts]
    assert len(found) == 10
    assert {str(each.error) for each in untried} == (
        {"journal: no space left on device"} if room == 2 else set()
    )


def test_an_error_of_ours_comes_out(ten: list[Outgoing]) -> None:
    def acknowledged(_: Sent) -> None:
        raise ZeroDivisionError

    with Scripted(answering()) as peer, pytest.raises(ZeroDivisionError):
        ran(dispatch(access(peer), ten, Policy(4), acknowledged=acknowledged))


# Left early


def ctrl_c() -> None:
    """Have the main thread interrupted, whatever it does."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@contextmanager
def patience(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(module, "_PATIENCE", seconds)
        yield


@JOBS
def test_what_is_under_way_is_ended_and_told(tmp_path: Path, jobs: int) -> None:
    items, gate, told = objects(tmp_path, 20), threading.Event(), list[str]()
    status = lambda _, number: [wait_for(gate), pause(0.3), answer()] if number else 0  # noqa: E731
    with Scripted(answering(status)) as peer:
        running = dispatch(
            access(peer),
            items,
            Policy(jobs),
            acknowledged=lambda sent: told.append(sent.sop_instance),
        )
        events = running.run()
        found = [next(events) for _ in range(jobs)]
        peer.wait(lambda peer: len(received(peer)) == 2 * jobs)
        gate.set()
        events.close()
        assert "abort" not in peer.endings
        assert len(received(peer)) == 2 * jobs  # nothing more was begun
        assert arrived([*found, *running.late]) == sorted(told) == sorted(received(peer))


@JOBS
def test_what_is_not_answered_is_cut_off_and_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    status = lambda _, number: hang() if number else 0  # noqa: E731
    with Scripted(answering(status)) as peer, patience(monkeypatch, 0.2):
        running = dispatch(access(peer), objects(tmp_path, 20), Policy(jobs, retries=3))
        events = running.run()
        found = [next(events) for _ in range(jobs)]
        peer.wait(lambda peer: len(received(peer)) == 2 * jobs)
        started = monotonic()
        events.close()
        assert monotonic() - started < 3
        assert running.late == []
        assert len(arrived(found)) == jobs
        peer.wait(lambda peer: peer.endings.count("abort") == jobs)


def test_a_peer_that_takes_nothing_more_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = objects(tmp_path, 1, 30_000_000)
    reading = threading.Event()

    def stop_reading(c: Connection) -> None:
        c.read_pdu()
        reading.set()
        c.pause(threading.Event())

    with Scripted([accept(), stop_reading]) as peer, patience(monkeypatch, 0.2):
        running = dispatch(access(peer), items)

        def interrupt() -> None:
            reading.wait(DEADLINE)
            ctrl_c()

        worker = threading.Thread(target=interrupt)
        worker.start()
        started = monotonic()
        with pytest.raises(KeyboardInterrupt):
            ran(running)
        assert monotonic() - started < 5
        worker.join()
        assert running.late == []


def test_a_peer_that_does_not_answer_the_request_does_not_hold_us_up(ten: list[Outgoing]) -> None:
    with unanswered() as address:
        port = int(address.rpartition(":")[2])
        running = dispatch(replace(access(port), connect_timeout=4.0), ten, Policy(4))
        timer = threading.Timer(0.3, ctrl_c)
        timer.start()
        started = monotonic()
        with pytest.raises(KeyboardInterrupt):
            ran(running)
        assert monotonic() - started < 3
        timer.join()


def test_waiting_to_try_again_ends_at_once(ten: list[Outgoing]) -> None:
    with Scripted(answering(lambda *_: 0xA700)) as peer:
        running = dispatch(access(peer), ten, Policy(4, retries=5, retry_delay=60))
        events, started = running.run(), monotonic()
        assert isinstance(next(events), Again)
        events.close()
        assert monotonic() - started < 3
        assert {each.status and each.status.code for each in sent_late(running)} <= {0xA700}
        peer.wait(lambda peer: peer.endings.count("release") == len(peer.requests))


def sent_late(running: Dispatch) -> list[Sent]:
    return list(fates(running.late).values())


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("moment", range(1, 51, 2))
def test_ctrl_c_at_any_moment_loses_no_count(tmp_path: Path, moment: int, jobs: int) -> None:
    noted: list[str] = []

    def acknowledged(sent: Sent) -> None:
        noted.append(sent.sop_instance)
        if len(noted) == moment:
            ctrl_c()

    with Scripted(answering()) as peer:
        running = dispatch(
            access(peer), objects(tmp_path, 60), Policy(jobs), acknowledged=acknowledged
        )
        found: list[Event] = []
        with pytest.raises(KeyboardInterrupt), closing(running.run()) as events:
            found.extend(events)
        told = [*found, *running.late]
        assert moment <= len(told) == len(noted)
        assert arrived(told) == sorted(noted) == sorted(received(peer))

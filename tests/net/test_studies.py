"""End of study: when it is told, of what, and what it counts."""

from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic

import pytest

from dcmtools.errors import OutputError, UsageError
from dcmtools.net import studies as module
from dcmtools.net.arrivals import Arrival
from dcmtools.net.storage import Stored
from dcmtools.net.studies import Studies, Study

PATIENCE = 20.0
NEVER = 1000.0


def arrival(study: str, instance: str, path: str = "", **others: object) -> Arrival:
    """Make an instance that was stored; its sender is of ``others``, as is what is special."""
    sender = {"calling_aet": "CT1", "called_aet": "ARCHIVE", "host": "127.0.0.1"}
    sender |= {name: str(others.pop(name)) for name in list(sender) if name in others}
    stored = {"path": Path(path or f"/archive/{study}/{instance}.dcm"), "size": 10} | others
    return Arrival(Stored(instance, 0, study=study, **stored), **sender)  # type: ignore[arg-type]


class Told:
    """The studies that were told of, and a way to wait for them."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Study] = SimpleQueue()

    def __call__(self, study: Study) -> None:
        """Take one in."""
        self._queue.put(study)

    def next(self) -> Study:
        """Wait for one."""
        return self._queue.get(timeout=PATIENCE)

    def rest(self) -> list[Study]:
        """Give those that are there already."""
        found = []
        while True:
            try:
                found.append(self._queue.get_nowait())
            except Empty:
                return found


def flushed(*arrivals: Arrival) -> list[Study]:
    """Give what is told of some arrivals when the receiver ends."""
    told = Told()
    studies = Studies(NEVER, told)
    for each in arrivals:
        studies.arrived(each)
    assert told.rest() == []
    studies.flush()
    return told.rest()


def test_a_study_is_complete_once_nothing_has_come_for_the_timeout() -> None:
    told = Told()
    studies = Studies(0.1, told)
    before = monotonic()
    studies.arrived(arrival("1.2", "1.2.1"))
    study = told.next()
    assert monotonic() - before >= 0.1
    assert study.uid == "1.2"
    assert before <= study.first == study.last <= monotonic() - 0.1
    studies.flush()
    assert told.rest() == []


def test_each_instance_restarts_the_clock_and_those_known_do_too() -> None:
    told = Told()
    studies = Studies(0.4, told)
    started = monotonic()
    pause = Event()
    while monotonic() - started < 1.0:  # more than twice the timeout, without a pause as long as it
        studies.arrived(arrival("1.2", "1.2.1", known=True))
        pause.wait(0.01)
    study = told.next()
    assert study.last - study.first > 0.8
    studies.flush()
    assert told.rest() == []


def test_studies_have_clocks_of_their_own() -> None:
    told = Told()
    studies = Studies(0.2, told)
    studies.arrived(arrival("1.1", "1"))
    stop = Event()

    def keep_sending() -> None:
        while not stop.wait(0.01):
            studies.arrived(arrival("1.2", "2"))

    sender = Thread(target=keep_sending)
    sender.start()
    try:
        assert told.next().uid == "1.1"
    finally:
        stop.set()
        sender.join()
    studies.flush()
    assert {study.uid for study in told.rest()} == {"1.2"}


def test_those_that_became_quiet_first_are_told_of_first() -> None:
    told = Told()
    studies = Studies(0.1, told)
    for uid in ("1.1", "1.2", "1.3", "1.1"):
        studies.arrived(arrival(uid, f"{uid}.1"))
    assert [told.next().uid for _ in range(3)] == ["1.2", "1.3", "1.1"]
    studies.flush()


def test_what_comes_after_the_end_of_a_study_is_a_new_one() -> None:
    told = Told()
    studies = Studies(0.05, told)
    studies.arrived(arrival("1.2", "1"))
    assert told.next().instances == 1
    studies.arrived(arrival("1.2", "1"))
    studies.arrived(arrival("1.2", "2"))
    again = told.next()
    assert (again.uid, again.instances, again.files) == ("1.2", 2, 2)
    studies.flush()


def test_the_end_completes_all_in_their_order() -> None:
    found = flushed(*(arrival(f"1.{number}", "1") for number in (3, 1, 2)))
    assert [study.uid for study in found] == ["1.3", "1.1", "1.2"]


def test_the_end_waits_until_all_has_been_told() -> None:
    told: list[str] = []
    entered, leave = Event(), Event()

    def slow(study: Study) -> None:
        entered.set()
        leave.wait(PATIENCE)
        told.append(study.uid)

    studies = Studies(0.05, slow)
    studies.arrived(arrival("1.1", "1"))
    assert entered.wait(PATIENCE)
    studies.arrived(arrival("1.2", "1"))
    ending = Thread(target=studies.flush)
    ending.start()
    assert told == []
    leave.set()
    ending.join(PATIENCE)
    assert told == ["1.1", "1.2"]


def test_the_end_of_nothing_tells_nothing_and_nothing_counts_after_it() -> None:
    told = Told()
    studies = Studies(NEVER, told)
    studies.flush()
    studies.arrived(arrival("1.2", "1"))
    studies.flush()
    assert told.rest() == []
    assert not studies._thread.is_alive()


def test_counts_keep_files_instances_and_duplicates_apart() -> None:
    (study,) = flushed(
        arrival("1.2", "1", size=100),
        arrival("1.2", "2", size=200),
        arrival("1.2", "2", size=201, renamed=True),  # other data under the same UID
        arrival("1.2", "1", size=100, known=True),
        arrival("1.2", "3", size=300, known=True),  # known from an earlier study event
    )
    assert (study.files, study.size) == (3, 501)
    assert (study.instances, study.duplicates) == (3, 2)


def test_the_sender_and_the_patient_are_those_of_the_last_arrival() -> None:
    (study,) = flushed(
        arrival("1.2", "1", patient_id="A"),
        arrival("1.2", "2", patient_id="B", calling_aet="CT2", called_aet="X", host="::1"),
    )
    assert (study.patient_id, study.calling_aet, study.called_aet, study.host) == (
        "B",
        "CT2",
        "X",
        "::1",
    )


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["/a/b/1.dcm"], "/a/b"),
        (["/a/b/1.dcm", "/a/b/2.dcm"], "/a/b"),
        (["/a/b/c/1.dcm", "/a/b/d/2.dcm"], "/a/b"),
        (["/a/b/c/1.dcm", "/a/b/c/d/2.dcm", "/a/b/c/3.dcm"], "/a/b/c"),
        (["/a/study/1.dcm", "/a/study2/1.dcm"], "/a"),
    ],
)
def test_the_folder_is_the_deepest_that_holds_all_files(paths: list[str], folder: str) -> None:
    (study,) = flushed(*(arrival("1.2", str(n), path) for n, path in enumerate(paths)))
    assert study.folder == Path(folder)


def test_the_folder_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (study,) = flushed(arrival("1.2", "1", "in/1.dcm"), arrival("1.2", "2", "in/2.dcm"))
    assert study.folder == tmp_path / "in"


def test_what_was_not_stored_and_what_is_of_no_study_do_not_count() -> None:
    assert (
        flushed(
            arrival("1.2", "1", error=OutputError("disk", "is full")),
            arrival("", "2"),
            Arrival(Stored("3", 0, study="1.3"), "CT1", "ARCHIVE", "127.0.0.1"),
        )
        == []
    )


def test_arrivals_on_many_threads_are_all_counted() -> None:
    told = Told()
    studies = Studies(NEVER, told)

    def send(sender: int) -> None:
        for number in range(500):
            studies.arrived(arrival(f"1.{number % 3}", f"{sender}.{number}"))

    senders = [Thread(target=send, args=(number,)) for number in range(8)]
    for each in senders:
        each.start()
    for each in senders:
        each.join(PATIENCE)
    studies.flush()
    found = {study.uid: study.instances for study in told.rest()}
    assert found == {"1.0": 8 * 167, "1.1": 8 * 167, "1.2": 8 * 166}


def test_too_many_open_studies_end_the_one_that_is_quiet_for_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_OPEN", 3)
    told = Told()
    studies = Studies(NEVER, told)
    for uid in ("1.1", "1.2", "1.3", "1.1", "1.4"):
        studies.arrived(arrival(uid, f"{uid}.{uid}"))
    assert told.next().uid == "1.2"
    studies.flush()
    assert [study.uid for study in told.rest()] == ["1.3", "1.1", "1.4"]


def test_what_is_remembered_has_a_limit_and_is_forgotten_with_its_study(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 2)
    told = Told()
    studies = Studies(0.05, told)
    for _ in range(2):
        for instance in ("1", "2", "3", "3", "1"):
            studies.arrived(arrival("1.2", instance))
        assert told.next().instances == 4  # "3" cannot be remembered, and counts twice
        assert studies._remembered == 0
    studies.flush()


def test_no_timeout_is_too_long_to_be_waited_for() -> None:
    told = Told()
    studies = Studies(float("inf"), told)
    studies.arrived(arrival("1.2", "1"))
    studies.flush()
    assert told.next().uid == "1.2"


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(UsageError, match="--study-timeout"):
        Studies(timeout, lambda _: None)

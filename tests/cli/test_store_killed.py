"""Kill ``store``, again and again, and have it go on: all arrives, and nothing twice as new."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from dcmtools.net.happenings import Kind
from dcmtools.net.storage import Storage, Stored
from tests.cli.retrieving import INTERRUPT, KILL, PATIENCE, TERMINATE, ended, started
from tests.disks import mounted
from tests.net.hostile import Running
from tests.net.sending import data_of, objects
from tests.net.wire import Instance

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dcmtools.dataset.outgoing import Outgoing

ROUNDS = 50
JOBS = 3
UNKNOWN = 2 * JOBS
"""What a run can have sent, or have found sent, and not noted: one object under way on each
association, and one behind it."""


class Watched(Storage):
    """A storage that does something at a moment: when an object has "begun", or is "stored"."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, durable=False)
        self._lock = threading.Lock()
        self.moments: Counter[str] = Counter()
        self.at: tuple[str, int] = "", 0
        self.act: Callable[[], object] = lambda: None

    def plan(self, moment: str, count: int, act: Callable[[], object]) -> None:
        """Say what to do once that has happened so many times from now on."""
        with self._lock:
            self.at, self.act = (moment, self.moments[moment] + count), act

    def _note(self, moment: str) -> None:
        with self._lock:
            self.moments[moment] += 1
            due = (moment, self.moments[moment]) == self.at
        if due:
            self.act()

    def store(self, *arguments: Any, **more: Any) -> Stored:  # noqa: ANN401 - as Storage has it
        """Store, as it does."""
        self._note("begun")
        stored = super().store(*arguments, **more)
        self._note("stored")
        return stored


def lines(journal: Path) -> list[str]:
    """List the UIDs that a journal says have arrived."""
    return [json.loads(line)[1] for line in journal.read_text().splitlines()[1:]]


def check_all(receiver: Running, items: Sequence[Outgoing]) -> None:
    """See that each object is there, as it was, and came as new once."""
    for each in items:
        assert receiver.data(each.sop_instance) == data_of(each)
    assert len(receiver.files) == len(items)
    told = Counter(
        each.arrival.stored.sop_instance_uid
        for each in receiver.happenings
        if each.kind is Kind.STORED and each.arrival is not None
    )
    assert told == Counter(each.sop_instance for each in items)


@pytest.mark.timeout(240)
def test_a_sender_that_is_killed_fifty_times(tmp_path: Path) -> None:
    folder, journal = tmp_path / "out", tmp_path / "journal"
    chance = random.Random(50)  # noqa: S311 - no secret
    folder.mkdir()
    items = objects(folder, 395, 2000) + objects(folder, 5, 2_000_000, first=1000)
    storage, killed = Watched(tmp_path / "in"), 0
    with Running(tmp_path / "in", storage=storage) as receiver:
        command = ("store", f"127.0.0.1:{receiver.port}", folder, "--resume", journal, "-j", JOBS)
        for _ in range(ROUNDS):
            known = receiver.kinds.count("stored")
            with started(*command) as process:
                storage.plan(chance.choice(["begun", "stored"]), chance.randint(1, 9), process.kill)
                assert process.wait(PATIENCE) == -KILL
                killed += 1
            assert receiver.kinds.count("stored") >= known
            assert receiver.has(0)
        assert killed == ROUNDS
        duplicates = receiver.kinds.count("duplicate")
        assert 0 < duplicates <= UNKNOWN * ROUNDS  # what was not noted was sent once more
        with started(*command) as process:
            code, said = ended(process)
        assert code == 0
        assert "failed" not in said
        assert "done before" in said
        assert sorted(lines(journal)) == sorted(each.sop_instance for each in items)
        check_all(receiver, items)
        with started(*command) as process:
            code, said = ended(process)
        assert code == 0
        assert f"0 sent, {len(items)} done before" in said
        assert receiver.kinds.count("duplicate") <= duplicates + UNKNOWN


def held_up(storage: Watched, count: int) -> tuple[threading.Event, threading.Event]:
    """Hold up the answer to an object: give what tells that it has come, and what lets it go."""
    come, going_on = threading.Event(), threading.Event()

    def hold() -> None:
        come.set()
        going_on.wait(PATIENCE)

    storage.plan("stored", count, hold)
    return come, going_on


def signalled(process: subprocess.Popen[str], number: int, come: threading.Event) -> None:
    """Send a signal once an object is under way."""
    assert come.wait(PATIENCE)
    process.send_signal(number)


@pytest.mark.parametrize(("number", "code"), [(INTERRUPT, 130), (TERMINATE, -TERMINATE)])
def test_what_is_under_way_is_ended(tmp_path: Path, number: int, code: int) -> None:
    folder, journal = tmp_path / "out", tmp_path / "journal"
    folder.mkdir()
    items, storage = objects(folder, 20, 2000), Watched(tmp_path / "in")
    come, going_on = held_up(storage, 5)
    with Running(tmp_path / "in", storage=storage) as receiver:
        command = ("store", f"127.0.0.1:{receiver.port}", folder, "--resume", journal)
        with started(*command) as process:
            signalled(process, number, come)
            threading.Timer(0.5, going_on.set).start()
            found, said = ended(process)
        assert found == code
        assert "5 sent" in said
        assert "failed" not in said
        assert lines(journal) == [each.sop_instance for each in items[:5]]
        assert receiver.has(0)
        assert receiver.kinds[-1] == "released"
        with started(*command) as process:
            found, said = ended(process)
        assert (found, "15 sent, 5 done before" in said) == (0, True)
        check_all(receiver, items)
        assert "duplicate" not in receiver.kinds


def test_what_is_not_answered_in_time_is_not_counted(tmp_path: Path) -> None:
    folder, journal = tmp_path / "out", tmp_path / "journal"
    folder.mkdir()
    items, storage = objects(folder, 20, 2000), Watched(tmp_path / "in")
    come, going_on = held_up(storage, 5)
    with Running(tmp_path / "in", storage=storage) as receiver:
        command = ("store", f"127.0.0.1:{receiver.port}", folder, "--resume", journal)
        with started(*command) as process:
            signalled(process, INTERRUPT, come)
            code, said = ended(process)  # after 5 s
        going_on.set()
        assert code == 130
        assert "4 sent" in said
        assert "failed" not in said
        assert lines(journal) == [each.sop_instance for each in items[:4]]
        assert receiver.has(0)
        with started(*command) as process:
            code, said = ended(process)
        assert (code, "16 sent, 4 done before" in said) == (0, True)
        check_all(receiver, items)
        assert receiver.kinds.count("duplicate") == 1


def test_it_is_one_run_at_a_time(tmp_path: Path) -> None:
    folder, journal = tmp_path / "out", tmp_path / "journal"
    folder.mkdir()
    items, storage = objects(folder, 3, 2000), Watched(tmp_path / "in")
    come, going_on = held_up(storage, 2)
    with Running(tmp_path / "in", storage=storage) as receiver:
        command = ("store", f"127.0.0.1:{receiver.port}", folder, "--resume", journal)
        with started(*command) as process:
            assert come.wait(PATIENCE)
            with started(*command) as second:
                code, said = ended(second)
            assert code == 4
            assert "is in use by another run" in said
            going_on.set()
            assert ended(process)[0] == 0
        check_all(receiver, items)
        assert "duplicate" not in receiver.kinds


def test_a_journal_on_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    items = objects(folder, 300, 100)
    with mounted(tmp_path / "disk", "size=12k") as disk:
        journal = disk / "journal"
        with Running(tmp_path / "in") as receiver:
            command = ("store", f"127.0.0.1:{receiver.port}", folder, "--resume", journal)
            with started(*command) as process:
                code, said = ended(process)
            assert code == 4
            count = receiver.kinds.count("stored")
            assert 10 < count < 300
            assert f"{count} sent, {300 - count} not sent" in said
            assert said.count("no space left on device") == 1
            whole = journal.read_text().splitlines()[1:-1]
            assert count - 1 <= len(whole) + 1 <= count + 1
            assert Instance.read(tmp_path / "in" / f"{items[0].sop_instance}.dcm")

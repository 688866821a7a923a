"""What has arrived is known after any end, and nothing else is taken to have arrived."""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from typing import TYPE_CHECKING

import pytest

from dcmtools.dataset.outgoing import Outgoing
from dcmtools.errors import DcmtoolsError, OutputError, UsageError
from dcmtools.net import journal as module
from dcmtools.net.journal import Journal
from dcmtools.net.parcel import Stamp
from dcmtools.net.store import Sent
from tests.disks import mounted
from tests.factories import make_ct
from tests.net.sending import objects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PEER = "PACS@127.0.0.1:104"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a journal."""
    return tmp_path / "journal"


@pytest.fixture
def files(tmp_path: Path) -> list[Outgoing]:
    """Make three objects."""
    return objects(tmp_path, 3)


def sent(outgoing: Outgoing) -> Sent:
    """Say that an object was sent as its file is now."""
    return Sent(outgoing, outgoing.sop_instance, stamp=Stamp.of(outgoing.path))


def opened(path: Path, peer: str = PEER, changes: tuple[str, ...] = ()) -> Journal:
    return Journal(path, peer, changes)


def held(path: Path, files: list[Outgoing]) -> list[bool]:
    """Tell what another run takes to have arrived."""
    with opened(path) as journal:
        return [journal.holds(each) for each in files]


def write(path: Path, files: list[Outgoing]) -> bytes:
    """Note that files have arrived, and give what the journal is then."""
    with opened(path) as journal:
        for each in files:
            journal.add(sent(each))
    return path.read_bytes()


def test_what_has_arrived_is_known_in_the_next_run(path: Path, files: list[Outgoing]) -> None:
    write(path, files[:1])
    assert held(path, files) == [True, False, False]
    write(path, files[2:])
    assert held(path, files) == [True, False, True]


def test_each_line_is_there_at_once(path: Path, files: list[Outgoing]) -> None:
    with opened(path) as journal:
        for count, each in enumerate(files, 1):
            journal.add(sent(each))
            assert len(path.read_bytes().splitlines()) == 1 + count


def test_a_run_does_not_hold_what_it_has_just_sent(path: Path, files: list[Outgoing]) -> None:
    with opened(path) as journal:
        journal.add(sent(files[0]))
        assert not journal.holds(files[0])  # the same file named twice is sent twice


def test_every_torn_end_is_mended(path: Path, files: list[Outgoing]) -> None:
    whole = write(path, files)
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 0x0A]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        lines = sum(end <= cut for end in ends)
        assert held(path, files) == [number < lines - 1 for number in range(3)]
        write(path, files[2:])
        assert held(path, files) == [*(number < lines - 1 for number in range(2)), True]


def test_the_salt_is_the_same_in_each_run(path: Path) -> None:
    with opened(path) as first:
        salt = first.salt
    with opened(path) as second:
        assert second.salt == salt
    assert len(salt) == 16
    path.unlink()
    with opened(path) as another:
        assert another.salt != salt


def test_a_file_that_was_changed_is_sent_again(path: Path, files: list[Outgoing]) -> None:
    write(path, files)
    os.utime(files[0].path, ns=(1, 1))
    with files[1].path.open("ab") as file:
        file.write(b"\0\0")
    files[2].path.unlink()
    assert held(path, files) == [False, False, False]


def test_a_file_that_was_changed_while_it_was_sent_is_sent_again(
    path: Path, files: list[Outgoing]
) -> None:
    before = sent(files[0])
    os.utime(files[0].path, ns=(1, 1))
    with opened(path) as journal:
        journal.add(before)
    assert held(path, files) == [False, False, False]


def test_another_object_in_the_same_place_is_sent(path: Path, files: list[Outgoing]) -> None:
    write(path, files)
    (other,) = objects(files[0].path.parent / "..", 1, first=900)
    moved = Outgoing(files[0].path, other.sop_class, other.sop_instance, "", "", "", 0, 0)
    assert held(path, [moved]) == [False]


def test_paths_that_are_no_text(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff\xfe \"\n'")
    folder.mkdir()
    files = objects(folder, 2)
    write(path, files[:1])
    assert held(path, files) == [True, False]


FOREIGN: dict[str, Callable[[Path], object]] = {
    "DICOM": make_ct,
    "text": lambda path: path.write_text("my list of files\n"),
    "text without an end": lambda path: path.write_text("my list of files"),
    "JSON": lambda path: path.write_text('{"journal": "of my travels"}\n'),
    "JSON of another kind": lambda path: path.write_text("[1, 2]\n"),
    "no salt": lambda path: path.write_text(
        json.dumps({"journal": "dcmtools store", "peer": PEER, "changes": []}) + "\n"
    ),
    "a salt that is none": lambda path: path.write_text(
        json.dumps({"journal": "dcmtools store", "peer": PEER, "changes": [], "salt": 7}) + "\n"
    ),
    "nested": lambda path: path.write_text("[" * 100_000 + "\n"),
    "zeros": lambda path: path.write_bytes(bytes(10_000)),
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xff\n"),
    "a newline": lambda path: path.write_bytes(b"\n"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_of_something_else_is_left_as_it_is(path: Path, kind: str) -> None:
    FOREIGN[kind](path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="is no journal") as caught:
        opened(path)
    assert caught.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("peer", "changes", "what"),
    [
        ("OTHER@127.0.0.1:104", (), "to PACS@127.0.0.1:104"),
        (PEER, ("PatientID=1",), "with other changes"),
    ],
)
def test_the_journal_of_another_run_is_left_as_it_is(
    path: Path, files: list[Outgoing], peer: str, changes: tuple[str, ...], what: str
) -> None:
    before = write(path, files) + b"torn"
    path.write_bytes(before)
    with pytest.raises(UsageError, match=what):
        opened(path, peer, changes)
    assert path.read_bytes() == before


def test_lines_that_are_none_are_passed_over(path: Path, files: list[Outgoing]) -> None:
    with opened(path) as journal:
        journal.add(sent(files[0]))
    with path.open("ab") as file:
        file.write(b'nonsense\n[1]\n["a", "b", "c", "d"]\n[[], {}, 1, 2]\n' + bytes(50) + b"\n")
    write(path, files[1:2])
    assert held(path, files) == [True, True, False]


def test_two_runs_at_once_are_refused(path: Path, files: list[Outgoing]) -> None:
    with opened(path) as journal:
        journal.add(sent(files[0]))
        before = path.read_bytes()
        with pytest.raises(OutputError, match="is in use by another run"):
            opened(path)
        assert path.read_bytes() == before
    assert held(path, files) == [True, False, False]


@pytest.mark.parametrize("lock", [None, "unsupported"])
def test_a_system_without_locks(
    path: Path, files: list[Outgoing], monkeypatch: pytest.MonkeyPatch, lock: str | None
) -> None:
    class Without:
        """A file system that has no locks."""

        LOCK_EX = LOCK_NB = 0

        @staticmethod
        def flock(*_: object) -> None:
            raise OSError(95, "not supported")

    monkeypatch.setattr(module, "fcntl", lock and Without)
    write(path, files[:1])
    assert held(path, files) == [True, False, False]


@pytest.mark.parametrize("what", ["folder", "nowhere", "pipe", "full"])
def test_where_no_journal_can_be(tmp_path: Path, what: str) -> None:
    places = {
        "folder": tmp_path,
        "nowhere": tmp_path / "a" / "b",
        "pipe": tmp_path / "pipe",
        "full": tmp_path / "full",
    }
    os.mkfifo(places["pipe"])
    places["full"].symlink_to("/dev/full")  # which is full of zeros, and no journal
    with pytest.raises(UsageError if what == "full" else OutputError):
        opened(places[what])


def test_a_full_disk(tmp_path: Path, files: list[Outgoing]) -> None:
    with mounted(tmp_path / "disk", "size=16k") as disk:
        path = disk / "journal"
        with opened(path) as journal:
            many = [sent(files[0])] * 10_000
            with pytest.raises(OutputError, match="no space left on device"):
                deque(map(journal.add, many), maxlen=0)
        assert len(path.read_bytes().splitlines()) > 50
        assert held(path, files) == [True, False, False]


def test_many_threads(path: Path, tmp_path: Path) -> None:
    files = objects(tmp_path, 400)
    with opened(path) as journal:
        parts = [
            threading.Thread(target=deque, args=(map(journal.add, map(sent, files[n::8])), 0))
            for n in range(8)
        ]
        for each in parts:
            each.start()
        for each in parts:
            each.join()
    assert all(held(path, files))
    assert len(path.read_bytes().splitlines()) == 401


def test_it_reaches_stable_storage(
    path: Path, files: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    now = [0.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    monkeypatch.setattr("os.fsync", lambda _: synced.append(path.stat().st_size))
    with opened(path) as journal:
        assert len(synced) == 1  # the first line
        for seconds in (0.5, 1.5, 1.6, 2.4, 2.6):
            now[0] = seconds
            journal.add(sent(files[0]))
        assert len(synced) == 3
    assert len(synced) == 4
    assert synced[-1] == path.stat().st_size


def test_a_disk_that_fails_late(
    path: Path, files: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    with opened(path) as journal:
        monkeypatch.setattr("os.fsync", broken)
        now[0] = 9.0
        with pytest.raises(OutputError, match="input/output error"):
            journal.add(sent(files[0]))


def test_a_file_system_that_cannot_wait_for_the_disk(
    path: Path, files: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(_: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("os.fsync", unable)
    write(path, files[:1])
    assert held(path, files) == [True, False, False]


def test_nothing_stays_open(path: Path) -> None:
    make_ct(path)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    for _ in range(5):
        with pytest.raises(DcmtoolsError):
            opened(path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - a count

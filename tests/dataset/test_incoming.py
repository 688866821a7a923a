"""Files that come piece by piece: a whole one under its name or none, whatever happens."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmtools.dataset.incoming import incoming, open_folder, sweep
from dcmtools.errors import OutputError
from tests.disks import mounted

NOISE = Random(1).randbytes(3_600_000)  # noqa: S311 - no secret


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# What is under way


def test_what_is_not_placed_is_gone(tmp_path: Path) -> None:
    with incoming(tmp_path) as file:
        file.write(b"half")
        assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    assert names(tmp_path) == []


def test_what_is_renamed_has_its_name_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"before")
    with incoming(tmp_path) as file:
        file.write(b"whole")
        file.flush()
        file.rename(tmp_path / "a")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_others_may_read_it_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with incoming(tmp_path):
            (part,) = tmp_path.iterdir()
            assert part.stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


@given(
    st.lists(st.integers(0, 300_000), max_size=12),
    st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 200_000)), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_what_is_written_can_be_read_anywhere(
    sizes: list[int], places: list[tuple[int, int]]
) -> None:
    whole = NOISE[: sum(sizes)]
    with TemporaryDirectory() as folder, incoming(Path(folder)) as file:
        at = 0
        for size in sizes:
            file.write(memoryview(whole)[at : at + size])
            at += size
        assert file.size == len(whole)
        for offset, count in places:
            assert file.read(offset, count) == whole[offset : offset + count]
            base, block = file.window(offset, count)
            assert base <= offset
            assert block == whole[base : base + len(block)]
            assert base + len(block) >= min(offset + count, len(whole))
        file.flush()
        assert Path(file.name).read_bytes() == whole


def test_a_small_one_is_written_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, part: written.append(len(part)) or write(fd, part))
    with incoming(tmp_path) as file:
        for _ in range(10):
            file.write(bytes(4000))
        assert file.read(0, 4) == bytes(4)
        file.flush()
        file.flush()
    assert written == [40000]


def test_a_write_that_takes_only_a_part_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, part: write(fd, bytes(part[:7000])))
    with incoming(tmp_path) as file:
        file.write(NOISE[:50_000])
        file.flush()
        assert Path(file.name).read_bytes() == NOISE[:50_000]


# Folders that cannot be written


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="is not a folder"):
        open_folder(tmp_path / "file")
    with pytest.raises(OSError, match="Not a directory"):
        incoming(tmp_path / "file").__enter__()


def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    with mounted(tmp_path / "ro", "ro"), pytest.raises(OutputError, match="read-only"):
        open_folder(tmp_path / "ro")
    with mounted(tmp_path / "ro2", "ro"), pytest.raises(OutputError, match="read-only"):
        open_folder(tmp_path / "ro2" / "new")


def test_a_disk_that_fills_up_keeps_nothing_of_it(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "size=64k") as folder:
        with (
            pytest.raises(OSError, match="No space left"),
            incoming(folder) as file,
        ):
            file.write(bytes(1 << 17))
        assert names(folder) == []
        with incoming(folder) as file:
            file.write(bytes(1 << 14))
            file.flush()


# What others have left


KILLED = """
import os, signal, sys
from pathlib import Path
from dcmtools.dataset.incoming import incoming
with incoming(Path(sys.argv[1])) as file:
    file.write(bytes(int(sys.argv[2])))
    file.flush()
    sys.stdout.write("there\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


@contextmanager
def writer(folder: Path, written: int = 20000) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that has a file under way in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, folder, str(written)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    with writer(tmp_path) as running, incoming(tmp_path) as own:
        own.write(bytes(20000))
        own.flush()
        with writer(tmp_path) as killed:
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait()
        assert len(names(tmp_path)) == 3
        assert sweep(tmp_path) == 1
        assert len(names(tmp_path)) == 2
        assert running.poll() is None
    open_folder(tmp_path)
    assert names(tmp_path) == []


def test_one_that_is_still_empty_is_swept(tmp_path: Path) -> None:
    with writer(tmp_path, written=0) as killed:
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [0]
    assert sweep(tmp_path) == 1


@pytest.mark.parametrize("locked", [True, False])
def test_one_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    locked: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A sweep may come between the making of a file and its lock, and amid its own work too."""
    flock = fcntl.flock
    sweeper: list[int] = []

    def swept_first(descriptor: int, how: int) -> None:
        if not sweeper:
            (part,) = tmp_path.iterdir()
            sweeper.append(os.open(part, os.O_RDONLY))
            flock(sweeper[0], how)
            part.unlink()
            if not locked:
                flock(sweeper[0], fcntl.LOCK_UN)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    with incoming(tmp_path) as file:
        file.write(b"whole")
        file.flush()
        assert Path(file.name).read_bytes() == b"whole"
    os.close(sweeper[0])
    assert names(tmp_path) == []


def test_what_only_looks_like_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".dcmtools-folder.part").mkdir()
    (tmp_path / ".dcmtools-link.part").symlink_to(tmp_path / "precious")
    (tmp_path / "precious").write_bytes(b"data")
    os.mkfifo(tmp_path / ".dcmtools-pipe.part")
    (tmp_path / "other.part").write_bytes(b"data")
    before = names(tmp_path)
    assert sweep(tmp_path) == 0
    assert names(tmp_path) == before


def test_sweeping_does_not_take_what_is_just_begun(tmp_path: Path) -> None:
    """A folder is swept over and over while files come into it, and none is lost."""
    stop = threading.Event()

    def sweeping() -> None:
        while not stop.is_set():
            sweep(tmp_path)

    sweeper = threading.Thread(target=sweeping)
    sweeper.start()
    try:
        for number in range(200):
            with incoming(tmp_path) as file:
                file.write(b"whole")
                file.flush()
                file.rename(tmp_path / f"{number}.dcm")
    finally:
        stop.set()
        sweeper.join()
    assert len(names(tmp_path)) == 200

"""Files that come piece by piece: a whole one under its name or none, whatever happens."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from dcmtools.dataset.incoming import incoming, make_folder, open_folder, place, sweep
from dcmtools.dataset.part10 import file_start
from dcmtools.errors import OutputError
from tests.disks import mounted
from tests.factories import BODY, CT_IMAGE_STORAGE, EXPLICIT, IMPLICIT

A_MINUTE_AGO = 61


def content(body: bytes = BODY, syntax: str = EXPLICIT, writer: str = "OURS") -> bytes:
    start = file_start(CT_IMAGE_STORAGE, "1.2.3.4", syntax, implementation=("1.2", writer))
    return start + body


def put(folder: Path, name: str, whole: bytes, size: int = len(BODY)) -> tuple[Path, bool]:
    with incoming(folder) as file:
        file.write(whole)
        return place(file, folder / name, size)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# What is under way


def test_what_is_not_placed_is_gone(tmp_path: Path) -> None:
    with incoming(tmp_path) as file:
        file.write(b"half")
        assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    assert names(tmp_path) == []


def test_what_is_placed_has_its_name_and_no_other(tmp_path: Path) -> None:
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a.dcm", False)
    assert names(tmp_path) == ["a.dcm"]
    assert (tmp_path / "a.dcm").read_bytes() == content()


def test_others_may_read_it_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path, _ = put(tmp_path, "a.dcm", content())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    path, _ = put(tmp_path, "1.2/3.4/a.dcm", content())
    assert path.read_bytes() == content()


def test_what_was_made_is_on_stable_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", note)
    put(tmp_path, "1.2/3.4/a.dcm", content())
    file, *folders = synced
    assert file.suffix == ".part"
    assert folders == [tmp_path, tmp_path / "1.2", tmp_path / "1.2" / "3.4"]


# Names that are taken


def test_the_same_object_is_not_written_again(tmp_path: Path) -> None:
    put(tmp_path, "a.dcm", content())
    before = (tmp_path / "a.dcm").stat()
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a.dcm", True)
    assert (tmp_path / "a.dcm").stat() == before


def test_who_wrote_the_meta_group_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(content(writer="ANOTHER"))
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a.dcm", True)
    assert names(tmp_path) == ["a.dcm"]


@pytest.mark.parametrize(
    "there",
    [
        content(BODY[:-1] + b"2"),
        content(BODY[:-2]),
        content(BODY + b"\0\0"),
        content(syntax=IMPLICIT),
        BODY,
        b"",
        b"no DICOM at all",
    ],
)
def test_another_object_is_kept_and_ours_has_a_number(tmp_path: Path, there: bytes) -> None:
    (tmp_path / "a.dcm").write_bytes(there)
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a_2.dcm", False)
    assert (tmp_path / "a.dcm").read_bytes() == there
    assert (tmp_path / "a_2.dcm").read_bytes() == content()
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a_2.dcm", True)
    third = content(BODY[:-1] + b"3")
    assert put(tmp_path, "a.dcm", third) == (tmp_path / "a_3.dcm", False)


def test_a_name_may_be_taken_by_anything(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").mkdir()
    (tmp_path / "a_2.dcm").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "a_3.dcm")
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a_4.dcm", False)
    assert not (tmp_path / "outside").exists()


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    contents = [content(BODY[:-1] + str(number).encode()) for number in range(8)]

    def work(whole: bytes) -> None:
        with incoming(tmp_path) as file:
            file.write(whole)
            start.wait(10)
            place(file, tmp_path / "a.dcm", len(BODY))

    threads = [threading.Thread(target=work, args=(whole,)) for whole in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == sorted(contents)


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    test_many_at_once_lose_nothing(tmp_path)
    assert put(tmp_path, "b.dcm", content()) == (tmp_path / "b.dcm", False)
    assert put(tmp_path, "b.dcm", content()) == (tmp_path / "b.dcm", True)


# Folders that cannot be written


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="is not a folder"):
        open_folder(tmp_path / "file")
    with pytest.raises(OSError, match="File exists"):
        make_folder(tmp_path / "file" / "below")


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
        assert put(folder, "a.dcm", content()) == (folder / "a.dcm", False)


# What others have left


KILLED = """
import os, signal, sys
from pathlib import Path
from dcmtools.dataset.incoming import incoming
with incoming(Path(sys.argv[1])) as file:
    file.write(bytes(20000))
    file.flush()
    sys.stdout.write("there\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


@contextmanager
def writer(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that has a file under way in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, folder],
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


def test_an_empty_one_is_swept_when_it_is_old(tmp_path: Path) -> None:
    part = tmp_path / ".dcmtools-0123456789abcdef.part"
    part.touch()
    assert sweep(tmp_path) == 0  # it may not be locked yet
    old = part.stat().st_mtime - A_MINUTE_AGO
    os.utime(part, (old, old))
    assert sweep(tmp_path) == 1


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
    swept = [0]

    def sweeping() -> None:
        while not stop.is_set():
            swept.append(sweep(tmp_path))

    sweeper = threading.Thread(target=sweeping)
    sweeper.start()
    try:
        for number in range(200):
            put(tmp_path, f"{number}.dcm", content())
    finally:
        stop.set()
        sweeper.join()
    assert len(names(tmp_path)) == 200
    assert sum(swept) == 0

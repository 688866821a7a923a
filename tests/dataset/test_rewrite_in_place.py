"""Files that are edited in place: what they were is kept, and nobody's change is lost."""

import errno
import fcntl
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest

from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.rewrite import rewrite
from dcmtools.dataset.splices import Edited, Stretch
from dcmtools.errors import DcmtoolsError, InputError, OutputError
from tests.dataset.rewriting import content, edited, names, needs_root, no_root, put, start
from tests.disks import mounted
from tests.factories import write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file."""
    return write(tmp_path / "a.dcm", content())


@pytest.fixture(params=[True, False], ids=["links", "no-links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Have a file system with links, or one without."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not request.param:
        monkeypatch.setattr(os, "link", refuse)
    return bool(request.param)


# Backups


@pytest.mark.usefixtures("links")
def test_no_backup_is_ever_overwritten(path: Path) -> None:
    old = path.stat()
    for number in range(4):
        assert put(path, b"NEW%d" % number) == path
    folder = path.parent
    assert names(folder) == ["a.dcm", *(f"a.dcm.bak{n}" for n in ("", ".1", ".2", ".3"))]
    first = folder / "a.dcm.bak"
    assert first.read_bytes() == content()
    assert first.stat().st_mtime_ns == old.st_mtime_ns
    assert stat.S_IMODE(first.stat().st_mode) == stat.S_IMODE(old.st_mode)
    for number in range(1, 4):
        assert (folder / f"a.dcm.bak.{number}").read_bytes() == content(b"NEW%d" % (number - 1))
    assert path.read_bytes() == content(b"NEW3")


@pytest.mark.usefixtures("links")
def test_whatever_has_the_name_of_a_backup_stays(path: Path) -> None:
    folder = path.parent
    (folder / "a.dcm.bak").symlink_to(folder / "nowhere")
    (folder / "a.dcm.bak.1").mkdir()
    os.mkfifo(folder / "a.dcm.bak.2")
    write(folder / "a.dcm.bak.4", b"mine")
    put(path)
    assert (folder / "a.dcm.bak.3").read_bytes() == content()
    assert (folder / "a.dcm.bak.4").read_bytes() == b"mine"
    assert not (folder / "nowhere").exists()


def test_a_backup_that_a_killed_run_made_is_not_made_again(path: Path) -> None:
    os.link(path, f"{path}.bak")
    put(path)
    assert names(path.parent) == ["a.dcm", "a.dcm.bak"]
    assert Path(f"{path}.bak").read_bytes() == content()


def test_without_a_backup_there_is_none(path: Path) -> None:
    put(path, how={"backup": False})
    assert names(path.parent) == ["a.dcm"]
    assert path.read_bytes() == content(b"NEW1")


def test_a_name_that_is_too_long_for_a_backup(tmp_path: Path) -> None:
    path = write(tmp_path / ("x" * 253), content())
    with pytest.raises(OutputError, match="name too long"):
        put(path)
    assert names(tmp_path) == [path.name]
    assert path.read_bytes() == content()


@pytest.mark.usefixtures("links")
def test_a_backup_goes_where_the_file_cannot_be_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def refuse(old: str, new: object) -> None:
        if new == path:
            raise OSError(errno.EIO, "Input/output error")
        replace(old, new)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="input/output error"):
        put(path)
    assert names(path.parent) == ["a.dcm"]
    assert path.read_bytes() == content()


def test_a_backup_stays_where_ctrl_c_comes_too_late(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def interrupted(old: str, new: str) -> None:
        replace(old, new)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put(path)
    assert path.read_bytes() == content(b"NEW1")
    assert Path(f"{path}.bak").read_bytes() == content()


# What a file is besides its bytes


def test_mode_owner_and_extended_attributes_stay(path: Path) -> None:
    needs_root()
    os.chown(path, 1234, 2345)
    path.chmod(0o4640)
    os.setxattr(path, "user.ward", b"7")
    put(path)
    status = path.stat()
    assert (status.st_uid, status.st_gid) == (1234, 2345)
    assert stat.S_IMODE(status.st_mode) == 0o4640
    assert os.getxattr(path, "user.ward") == b"7"


def test_a_file_of_somebody_else_becomes_ones_own_and_lends_no_rights() -> None:
    needs_root()
    with no_root() as folder:
        path = write(folder / "a", content())
        os.seteuid(0)
        os.chown(path, 1234, 2345)
        path.chmod(0o6666)
        os.seteuid(65534)
        put(path)
        assert path.read_bytes() == content(b"NEW1")
        assert path.stat().st_uid == 65534
        assert stat.S_IMODE(path.stat().st_mode) == 0o666


def acl(group: int) -> bytes:
    """Make an access control list that lets user 1234 read: owner, user, group, mask, others."""
    none = 0xFFFFFFFF
    entries = [(1, 6, none), (2, 4, 1234), (4, group, none), (16, 4, none), (32, 0, none)]
    return pack("<I", 2) + b"".join(pack("<HHI", *entry) for entry in entries)


def test_an_access_control_list_stays_and_none_is_added(path: Path) -> None:
    try:
        os.setxattr(path, "system.posix_acl_access", acl(4))
    except OSError as error:
        pytest.skip(f"there are no access control lists here: {error}")
    kept = os.getxattr(path, "system.posix_acl_access")
    os.setxattr(path.parent, "system.posix_acl_default", acl(0))
    plain = write(path.parent / "b", content())
    os.removexattr(plain, "system.posix_acl_access")
    plain.chmod(0o640)
    put(path)
    put(plain)
    assert os.getxattr(path, "system.posix_acl_access") == kept
    assert "system.posix_acl_access" not in os.listxattr(plain)
    assert stat.S_IMODE(plain.stat().st_mode) == 0o640


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "one").symlink_to(path)
    link = tmp_path / "links" / "two"
    link.symlink_to("one")
    assert put(link) == path
    assert link.is_symlink()
    assert path.read_bytes() == content(b"NEW1")
    assert names(tmp_path / "links") == ["one", "two"]
    assert names(tmp_path) == ["a.dcm", "a.dcm.bak", "links"]


# What must not be replaced


def refused(path: Path, kind: type[DcmtoolsError], why: str) -> None:
    before, there = path.read_bytes(), names(path.parent)
    with pytest.raises(kind, match=why):
        put(path)
    assert path.read_bytes() == before
    assert names(path.parent) == there


def test_what_may_not_be_written_is_not_replaced() -> None:
    with no_root() as folder:
        path = write(folder / "a", content())
        path.chmod(0o444)
        refused(path, OutputError, "permission denied")
        path.chmod(0o644)
        folder.chmod(0o555)
        refused(path, OutputError, "permission denied")
        folder.chmod(0o755)


def test_a_disk_that_is_full_or_read_only(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "size=640k") as folder:
        refused(write(folder / "a", content()), OutputError, "no space left")
    with mounted(tmp_path / "ro", "rw") as folder:
        path = write(folder / "a", content())
        if os.system(f"mount -o remount,ro {folder}") == 0:  # noqa: S605 - a path of our own
            refused(path, OutputError, "read-only")


def test_a_disk_that_is_full_is_no_place_for_a_backup_without_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    with mounted(tmp_path / "small", "size=1100k") as folder:
        refused(write(folder / "a", content()), OutputError, "no space left")


def test_standard_input_and_pipes_are_no_places(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content(),))
    writer.start()
    with DicomFile(tmp_path / "pipe") as file:
        writer.join()
        body = edited(file, b"NEW1")
        with pytest.raises(OutputError, match="cannot be edited in place") as caught:
            rewrite(file, b"", body, None)
        assert "-o" in caught.value.hint
        rewrite(file, b"", body, tmp_path / "b")  # but they can be edited
        assert content(b"NEW1").endswith((tmp_path / "b").read_bytes())
    assert names(tmp_path) == ["b", "pipe"]


# What others do meanwhile


def append(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def replace(path: Path) -> None:
    other = write(path.with_name("other"), path.read_bytes())
    status = path.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def remove(path: Path) -> None:
    path.unlink()


MEDDLING = [append, touch, replace, remove]


@pytest.mark.parametrize("meddle", MEDDLING)
@pytest.mark.parametrize("late", [True, False])
@pytest.mark.usefixtures("links")
def test_a_file_that_has_changed_is_left_as_it_is(
    path: Path,
    meddle: object,
    late: bool,  # noqa: FBT001 - a parameter
) -> None:
    class Meddling(Edited):
        """A data set while which is written somebody changes the file."""

        def pieces(self, long: int = 1 << 23) -> Iterator[bytes | Stretch]:
            """Give all bytes."""
            yield from super().pieces(long)
            if late:
                meddle(path)  # type: ignore[operator]

    with DicomFile(path) as file:
        body, before = edited(file, b"NEW1", Meddling), start(file)
        if not late:
            meddle(path)  # type: ignore[operator]
        gone = not path.exists()
        with pytest.raises((InputError, OutputError)) as caught:
            rewrite(file, before, body, None)
    if late:
        assert "has changed since it was read" in str(caught.value)
    if path.exists():
        status = path.stat()
        assert path.read_bytes().rstrip(b"more") == content().rstrip(b"more")
        assert names(path.parent) == ["a.dcm"]
        assert meddle is not touch or status.st_mtime_ns == 1
    elif gone:
        assert names(path.parent) == []


def test_another_program_that_changes_it_goes_first(path: Path) -> None:
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        refused(path, InputError, "is being changed by another program")
    put(path)


@pytest.mark.usefixtures("links")
def test_many_that_change_it_at_once_lose_nothing(path: Path) -> None:
    """Each change that is made has a backup of what was there before it."""
    barrier = threading.Barrier(6)
    done: list[bytes] = []

    def change(number: int) -> None:
        for turn in range(4):
            new = b"%d-%d " % (number, turn)
            barrier.wait(30)
            try:
                put(path, new, how={"durable": False})
            except InputError:
                continue
            done.append(new)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = [path, *path.parent.glob("*.bak*")]
    assert len(names(path.parent)) == len(files) == len(done) + 1
    assert sorted(file.read_bytes() for file in files) == sorted(
        content(new) for new in (*done, b"PID-1 ")
    )
    assert len(done) >= 4

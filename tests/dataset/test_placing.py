"""Names of files: which one is given, what is overwritten, what is there when all is told."""

import errno
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from dcmtools.dataset.incoming import incoming
from dcmtools.dataset.part10 import file_start
from dcmtools.dataset.placing import Duplicates, Placed, TakenError, Tree, make_folder, place
from dcmtools.errors import OutputError
from tests.factories import BODY, CT_IMAGE_STORAGE, EXPLICIT, IMPLICIT


def content(body: bytes = BODY, syntax: str = EXPLICIT, writer: str = "OURS") -> bytes:
    start = file_start(CT_IMAGE_STORAGE, "1.2.3.4", syntax, implementation=("1.2", writer))
    return start + body


def put(  # noqa: PLR0913 - a file, its name, and how it is given
    folder: Path,
    name: str,
    whole: bytes,
    size: int = len(BODY),
    *,
    duplicates: Duplicates = Duplicates.SKIP_IDENTICAL,
    durable: bool = True,
) -> Placed:
    with incoming(folder) as file:
        file.write(whole)
        return place(file, folder / name, size, duplicates=duplicates, durable=durable)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_placed_has_its_name_and_no_other(tmp_path: Path) -> None:
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a.dcm", False, False)
    assert names(tmp_path) == ["a.dcm"]
    assert (tmp_path / "a.dcm").read_bytes() == content()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note what is made to be on stable storage, by its name."""
    noted: list[str] = []

    def note(descriptor: int) -> None:
        noted.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr(os, "fsync", note)
    return noted


def test_a_name_is_told_when_it_is_on_stable_storage(tmp_path: Path, synced: list[str]) -> None:
    for number, duplicates in enumerate(Duplicates):
        put(tmp_path, f"{number}.dcm", content(), duplicates=duplicates)
        file, folder = synced
        assert (file[-5:], folder) == (".part", tmp_path.name)
        synced.clear()
    put(tmp_path, "0.dcm", content())
    assert synced[1:] == ["0.dcm", tmp_path.name], "another may have written it just now"
    synced.clear()
    put(tmp_path, "0.dcm", content(), durable=False)
    put(tmp_path, "9.dcm", content(), durable=False)
    assert synced == []


def test_a_name_that_cannot_be_made_sure_of_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink() == tmp_path:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        put(tmp_path, "a.dcm", content())
    assert names(tmp_path) == []


# Names that are taken


def test_the_same_object_is_not_written_again(tmp_path: Path) -> None:
    put(tmp_path, "a.dcm", content())
    before = (tmp_path / "a.dcm").stat()
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a.dcm", True, False)
    assert (tmp_path / "a.dcm").stat() == before


def test_who_wrote_the_meta_group_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(content(writer="ANOTHER"))
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a.dcm", True, False)
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
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a_2.dcm", False, True)
    assert (tmp_path / "a.dcm").read_bytes() == there
    assert (tmp_path / "a_2.dcm").read_bytes() == content()
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a_2.dcm", True, True)
    third = content(BODY[:-1] + b"3")
    assert put(tmp_path, "a.dcm", third) == (tmp_path / "a_3.dcm", False, True)


def test_a_name_may_be_taken_by_anything(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").mkdir()
    (tmp_path / "a_2.dcm").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "a_3.dcm")
    assert put(tmp_path, "a.dcm", content()) == (tmp_path / "a_4.dcm", False, True)
    assert not (tmp_path / "outside").exists()


def race(folder: Path, contents: list[bytes], duplicates: Duplicates) -> list[Placed | None]:
    """Have threads give all these files the same name at once."""
    start = threading.Barrier(len(contents))

    def work(whole: bytes) -> Placed | None:
        with incoming(folder) as file:
            file.write(whole)
            start.wait(10)
            try:
                return place(
                    file, folder / "a.dcm", len(BODY), duplicates=duplicates, durable=False
                )
            except TakenError:
                return None

    with ThreadPoolExecutor(len(contents)) as pool:
        return list(pool.map(work, contents))


OTHERS = [content(BODY[:-1] + str(number).encode()) for number in range(8)]


@pytest.mark.parametrize("duplicates", [Duplicates.SKIP_IDENTICAL, Duplicates.KEEP_BOTH])
def test_many_at_once_lose_nothing(tmp_path: Path, duplicates: Duplicates) -> None:
    placed = race(tmp_path, OTHERS, duplicates)
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == sorted(OTHERS)
    assert [each.path.read_bytes() for each in placed if each] == OTHERS
    assert sum(each.renamed for each in placed if each) == 7


def test_the_same_eight_times_at_once(tmp_path: Path) -> None:
    placed = race(tmp_path, [content()] * 8, Duplicates.SKIP_IDENTICAL)
    assert names(tmp_path) == ["a.dcm"]
    assert sum(each.known for each in placed if each) == 7
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    race(tmp_path, [content()] * 8, Duplicates.KEEP_BOTH)
    assert len(names(tmp_path)) == 8


def test_only_one_of_many_is_not_refused(tmp_path: Path) -> None:
    placed = race(tmp_path, OTHERS, Duplicates.REJECT)
    (kept,) = [each for each in placed if each]
    assert names(tmp_path) == ["a.dcm"]
    assert kept == (tmp_path / "a.dcm", False, False)
    assert kept.path.read_bytes() == OTHERS[placed.index(kept)]


def test_one_of_many_is_left_whole(tmp_path: Path) -> None:
    placed = race(tmp_path, OTHERS, Duplicates.OVERWRITE)
    assert placed == [(tmp_path / "a.dcm", False, False)] * 8
    assert names(tmp_path) == ["a.dcm"]
    assert (tmp_path / "a.dcm").read_bytes() in OTHERS


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    race(tmp_path, OTHERS, Duplicates.SKIP_IDENTICAL)
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == sorted(OTHERS)
    assert put(tmp_path, "b.dcm", content()) == (tmp_path / "b.dcm", False, False)
    assert put(tmp_path, "b.dcm", content()) == (tmp_path / "b.dcm", True, False)


# What becomes of duplicates


def test_both_are_kept(tmp_path: Path) -> None:
    for name in ("a", "a_2", "a_3"):
        path, known, _ = put(tmp_path, "a.dcm", content(), duplicates=Duplicates.KEEP_BOTH)
        assert (path.name, known) == (f"{name}.dcm", False)


def test_what_is_there_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"precious")
    (tmp_path / "a.dcm").symlink_to(tmp_path / "outside")
    for whole in OTHERS:
        placed = put(tmp_path, "a.dcm", whole, duplicates=Duplicates.OVERWRITE)
        assert placed == (tmp_path / "a.dcm", False, False)
        assert (tmp_path / "a.dcm").read_bytes() == whole
    assert (tmp_path / "outside").read_bytes() == b"precious"
    assert names(tmp_path) == ["a.dcm", "outside"]


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").mkdir()
    with pytest.raises(OSError, match="directory"):
        put(tmp_path, "a.dcm", content(), duplicates=Duplicates.OVERWRITE)
    assert names(tmp_path) == ["a.dcm"]


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    put(tmp_path, "a.dcm", content(), duplicates=Duplicates.REJECT)
    for whole in (content(), OTHERS[1]):
        with pytest.raises(TakenError, match="is there already"):
            put(tmp_path, "a.dcm", whole, duplicates=Duplicates.REJECT)
    assert names(tmp_path) == ["a.dcm"]
    assert (tmp_path / "a.dcm").read_bytes() == content()


@pytest.mark.parametrize(
    ("name", "second"),
    [("1.2.3", "1.2.3_2"), ("1.2.dcm", "1.2_2.dcm"), (".dcm", "_2.dcm"), ("a", "a_2")],
)
def test_a_number_makes_no_other_uid(tmp_path: Path, name: str, second: str) -> None:
    put(tmp_path, name, content())
    assert put(tmp_path, name, OTHERS[1]).path.name == second


# Folders


def test_folders_are_made_and_are_on_stable_storage(tmp_path: Path, synced: list[str]) -> None:
    tree = Tree(tmp_path)
    tree.enter(tmp_path)
    assert synced == []
    tree.enter(tmp_path / "1.2/3.4")
    assert (tmp_path / "1.2" / "3.4").is_dir()
    assert synced == [tmp_path.name, "1.2"]
    tree.enter(tmp_path / "1.2/3.4")
    assert len(synced) == 2
    Tree(tmp_path).enter(tmp_path / "1.2/3.4")
    assert len(synced) == 4, "whoever has made it may not have come so far yet"
    Tree(tmp_path, durable=False).enter(tmp_path / "5")
    assert len(synced) == 4


def test_a_folder_that_is_taken_away_is_made_again(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.enter(tmp_path / "1.2/3.4")
    shutil.rmtree(tmp_path / "1.2")
    tree.forget()
    tree.enter(tmp_path / "1.2/3.4")
    assert (tmp_path / "1.2" / "3.4").is_dir()


def test_no_link_leads_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "rootless"
    for folder in (root / "real", outside / "below"):
        folder.mkdir(parents=True)
    (root / "out").symlink_to(outside)
    (root / "real" / "up").symlink_to("../..")
    (root / "in").symlink_to("real")
    (root / "lost").symlink_to("nowhere")
    (root / "file").touch()
    tree = Tree(root)
    for leads_out in ("out", "out/below", "out/new", "real/up", "real/up/root/real", "in/up"):
        with pytest.raises(OutputError, match="leads out of"):
            tree.enter(root / leads_out)
    for blocked in ("lost", "file"):
        with pytest.raises(OSError, match="File exists"):
            tree.enter(root / blocked)
    tree.enter(root / "in/new")
    assert (root / "real" / "new").is_dir()
    assert names(outside) == ["below"]


def test_a_tree_may_begin_at_a_link_or_at_a_dot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    Tree(tmp_path / "link").enter(tmp_path / "link" / "1")
    monkeypatch.chdir(tmp_path / "real")
    Tree(Path()).enter(Path() / "2" / "3")
    assert names(tmp_path / "real") == ["1", "2"]


def test_a_folder_is_not_made_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "file" / "below")

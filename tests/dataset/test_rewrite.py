"""Edited files under another name: whole or not there, and nothing that must stay is replaced."""

import io
import os
import threading
import tracemalloc
import zlib
from pathlib import Path

import pytest

from dcmtools.dataset import incoming as module
from dcmtools.dataset.files import find_files
from dcmtools.dataset.incoming import incoming
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.rewrite import rewrite, sync_folders
from dcmtools.dataset.splices import Edited, Identity, Splice, Stretch
from dcmtools.errors import InputError, OutputError
from tests.dataset.rewriting import NOISE, How, content, edited, names, no_root, put, start
from tests.disks import mounted
from tests.factories import BODY, DEFLATED, element, part10, write

LONG = part10(BODY + element(0x7FE00010, "OW", NOISE * 4))
"""A file that is long enough for the system to copy what is not edited."""
LENGTH_AND_ID = b"\6\0PID-1 "


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a file in a folder of its own."""
    (tmp_path / "in").mkdir()
    return write(tmp_path / "in" / "a.dcm", content())


def refused(source: Path, target: Path | None, why: str, **how: bool) -> OutputError:
    """See that nothing is written, nothing is changed and nothing is left."""
    before = source.read_bytes()
    folders = [folder for folder in (source.parent, target and target.parent) if folder]
    there = [names(folder) if folder.is_dir() else None for folder in folders]
    with pytest.raises(OutputError, match=why) as caught:
        put(source, b"NEW1", target, How(**how))  # type: ignore[typeddict-item]
    assert [names(folder) if folder.is_dir() else None for folder in folders] == there
    assert source.read_bytes() == before
    return caught.value


# What is written


@pytest.mark.parametrize("pixels", [0, 1000, 60_000, 131_072, 400_000, 1 << 20, 3_000_000])
@pytest.mark.parametrize("durable", [True, False])
def test_what_is_not_edited_is_bit_for_bit_the_same(
    tmp_path: Path,
    pixels: int,
    durable: bool,  # noqa: FBT001 - a parameter
) -> None:
    path = write(tmp_path / "a.dcm", content(pixels=pixels))
    target = put(path, b"NEWER ", tmp_path / "b.dcm", {"durable": durable})
    assert target == tmp_path / "b.dcm"
    assert target.read_bytes() == content(b"NEWER ", pixels)
    assert path.read_bytes() == content(pixels=pixels)
    assert names(tmp_path) == ["a.dcm", "b.dcm"]


def test_where_the_system_copies_nothing_it_is_read_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "long", LONG)

    def refuse(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    for number, copy in enumerate((None, refuse, lambda *_: 0)):
        monkeypatch.setattr(module, "_copy_range", copy)
        put(source, b"NEWID ", tmp_path / f"{number}.dcm")
        assert (tmp_path / f"{number}.dcm").read_bytes() == LONG.replace(
            LENGTH_AND_ID, b"\6\0NEWID "
        )


def test_what_the_system_copies_only_in_part_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "long", LONG)
    copied: list[int] = []

    def some(old: int, new: int, count: int, offset: int) -> int:
        if len(copied) == 3:
            raise OSError(22, "Invalid argument")
        done = os.copy_file_range(old, new, min(count, 70_001), offset)
        copied.append(done)
        return done

    monkeypatch.setattr(module, "_copy_range", some)
    put(source, b"NEWID ", tmp_path / "b.dcm")
    assert copied == [70_001] * 3
    assert (tmp_path / "b.dcm").read_bytes() == LONG.replace(LENGTH_AND_ID, b"\6\0NEWID ")


@pytest.mark.parametrize(
    ("new", "moved"), [(b"NEWID ", 0), (b"NEW1", -2), (b"x" * 4102, 4096), (b"x" * 5000, 4994)]
)
def test_the_system_copies_what_moves_by_whole_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: bytes, moved: int
) -> None:
    source = write(tmp_path / "long", LONG)
    asked: list[tuple[int, int]] = []

    def noted(old: int, new: int, count: int, offset: int) -> int:
        asked.append((offset, os.lseek(new, 0, os.SEEK_CUR) - offset))
        return os.copy_file_range(old, new, count, offset)

    monkeypatch.setattr(module, "_copy_range", noted)
    put(source, new, tmp_path / "b")
    written = (tmp_path / "b").read_bytes()
    assert written == LONG.replace(LENGTH_AND_ID, len(new).to_bytes(2, "little") + new)
    assert asked == ([(4096, moved)] if moved % 4096 == 0 else [])


def test_it_is_copied_from_another_file_system(tmp_path: Path) -> None:
    source = write(tmp_path / "long", LONG)
    with mounted(tmp_path / "other", "size=20m") as folder:
        put(source, b"NEWID ", folder / "b.dcm")
        assert (folder / "b.dcm").read_bytes() == LONG.replace(LENGTH_AND_ID, b"\6\0NEWID ")


def test_a_file_without_a_meta_group_gets_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a", BODY)
    put(path, b"NEW1", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == BODY.replace(b"\6\0PID-1 ", b"\4\0NEW1")


@pytest.mark.parametrize("extra", range(4))
def test_a_data_set_is_deflated_raw_and_to_an_even_length(tmp_path: Path, extra: int) -> None:
    plain = BODY + element(0x00204000, "LT", b"x" * 2 * extra)
    stream = zlib.compress(plain, wbits=-15)
    path = write(tmp_path / "a", part10(stream + bytes(len(stream) % 2), DEFLATED))
    with DicomFile(path) as file:
        body = edited(file, b"NEW1")
        rewrite(file, start(file), body, tmp_path / "b", deflated=True)
    written = (tmp_path / "b").read_bytes()
    offset = len(part10(b"", DEFLATED))
    assert written[:offset] == part10(b"", DEFLATED)
    assert len(written[offset:]) % 2 == 0
    stream_out = zlib.decompressobj(wbits=-15)
    assert stream_out.decompress(written[offset:]) == plain.replace(b"\6\0PID-1 ", b"\4\0NEW1")
    assert stream_out.eof
    assert stream_out.unused_data in (b"", b"\0")
    with DicomFile(tmp_path / "b") as file:
        assert [each.tag for each in file.elements()][3] == 0x00100020
        assert not file.problems


def test_a_long_data_set_of_a_plain_file_can_be_deflated(source: Path, tmp_path: Path) -> None:
    with DicomFile(source) as file:
        rewrite(file, b"", edited(file, b"NEW1"), tmp_path / "b", deflated=True)
        plain = content(b"NEW1")[file.header.start :]
    written = zlib.decompressobj(wbits=-15).decompress((tmp_path / "b").read_bytes())
    assert written == plain


def test_pieces_are_the_stream_in_order(source: Path) -> None:
    with DicomFile(source) as file:
        body = edited(file, b"NEW1")
        pieces = list(body.pieces(1000))  # the bytes of a long stretch
        whole = b"".join(
            piece if isinstance(piece, bytes) else os.pread(piece[0], piece[2], piece[1])
            for piece in pieces
        )
        assert whole == body.read(-1) == content(b"NEW1")[file.header.start :]
        assert len(whole) == body.size
        assert [piece.length for piece in pieces if isinstance(piece, Stretch)] == [400_012]


def test_what_is_copied_leaves_what_is_kept_of_the_beginning_right(tmp_path: Path) -> None:
    """A file that is under way can be read, whatever it was made of."""
    path = write(tmp_path / "a", bytes(range(200)))
    with incoming(tmp_path) as file, path.open("rb") as other:
        whole = b""
        for number in range(3):
            assert file.copy(other.fileno(), 10 * number, 100) == 100
            file.write(b"between")
            whole += bytes(range(10 * number, 10 * number + 100)) + b"between"
        assert file.size == len(whole)
        assert file.read(0, 1000) == whole
        file.flush()
        assert Path(file.name).read_bytes() == whole
        assert file.copy(other.fileno(), 150, 100) == 50


def test_a_file_that_gets_shorter_is_refused(source: Path, tmp_path: Path) -> None:
    with DicomFile(source) as file:
        body = edited(file, b"NEW1")
        os.truncate(source, 200_000)
        with pytest.raises(InputError, match="has become shorter"):
            rewrite(file, b"", body, tmp_path / "b")
    assert names(tmp_path) == ["in"]


@pytest.mark.parametrize("copied", [True, False])
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    copied: bool,  # noqa: FBT001 - a parameter
) -> None:
    if not copied:
        monkeypatch.setattr(module, "_copy_range", None)
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.write(part10(BODY + element(0x7FE00010, "OW", b"", 100_000_000)))
        size = stream.tell() + 100_000_000
        stream.truncate(size)
    with DicomFile(path) as file:
        body = edited(file, b"NEWID ")
        tracemalloc.start()
        try:
            written = rewrite(file, start(file), body, tmp_path / "b", durable=False)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert written.stat().st_size == size
    assert peak < 4_000_000


# Names that are taken, and that are no names for a file


def test_what_is_there_stays_unless_it_may_be_replaced(source: Path, tmp_path: Path) -> None:
    target = write(tmp_path / "b", b"precious")
    error = refused(source, target, "is there already")
    assert "--overwrite" in error.hint
    assert target.read_bytes() == b"precious"
    put(source, b"NEW1", target, {"overwrite": True})
    assert target.read_bytes() == content(b"NEW1")
    assert names(tmp_path) == ["b", "in"]


def test_a_link_to_nowhere_is_there_too(source: Path, tmp_path: Path) -> None:
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    refused(source, tmp_path / "b", "is there already")


def test_a_link_that_is_named_is_followed_to_what_is_replaced(source: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real = write(tmp_path / "there" / "real", b"old")
    (tmp_path / "b").symlink_to(real)
    assert put(source, b"NEW1", tmp_path / "b", {"overwrite": True}) == real
    assert (tmp_path / "b").is_symlink()
    assert real.read_bytes() == content(b"NEW1")


@pytest.mark.parametrize("linked", [True, False])
def test_many_that_want_one_name_at_once(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    linked: bool,  # noqa: FBT001 - a parameter
) -> None:
    if not linked:
        monkeypatch.setattr(os, "link", no_links)
    barrier = threading.Barrier(8)
    done: list[bytes] = []
    failed: list[OutputError] = []

    def take(new: bytes) -> None:
        class Late(Edited):
            """A data set that all have written before one gets the name."""

            def pieces(self, long: int = 1 << 23):  # type: ignore[no-untyped-def] # noqa: ANN202
                yield from super().pieces(long)
                barrier.wait(30)

        with DicomFile(source) as file:
            try:
                rewrite(file, start(file), edited(file, new, Late), tmp_path / "b")
                done.append(new)
            except OutputError as error:
                failed.append(error)

    threads = [threading.Thread(target=take, args=(b"NEW%d" % n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert {error.why for error in failed} == {"is there already"}
    assert (tmp_path / "b").read_bytes() == content(done[0])
    assert names(tmp_path) == ["b", "in"]


def no_links(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_the_input_is_never_the_output(source: Path, tmp_path: Path) -> None:
    os.link(source, tmp_path / "hard")
    (tmp_path / "soft").symlink_to(source)
    (tmp_path / "link to hard").symlink_to(tmp_path / "hard")
    for target in (source, *(tmp_path / name for name in ("hard", "soft", "link to hard"))):
        for overwrite in (True, False):
            refused(source, target, "is the input itself", overwrite=overwrite)
    refused(tmp_path / "soft", source, "is the input itself", overwrite=True)


def test_an_output_is_no_folder_no_pipe_and_no_device(source: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for overwrite in (True, False):
        refused(source, tmp_path / "folder", "is a folder", overwrite=overwrite)
        for name in ("pipe", "null"):
            refused(source, tmp_path / name, "not a regular file", overwrite=overwrite)
    refused(source, source / "below", "[Nn]ot a (directory|folder)")


def test_what_may_not_be_written_is_not_replaced() -> None:
    with no_root() as folder:
        source = write(folder / "a", content())
        target = write(folder / "b", b"precious")
        target.chmod(0o444)
        refused(source, target, "permission denied", overwrite=True)
        assert target.read_bytes() == b"precious"
        (folder / "closed").mkdir(0o555)
        refused(source, folder / "closed" / "b", "permission denied")


def test_a_disk_that_is_full_or_read_only(source: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "size=256k") as folder:
        old = write(folder / "b", b"precious")
        refused(source, folder / "c", "no space left")
        refused(source, old, "no space left", overwrite=True)
        assert old.read_bytes() == b"precious"
    with mounted(tmp_path / "ro", "ro") as folder:
        refused(source, folder / "c", "read-only")


# The folders


def test_folders_are_made_and_what_killed_runs_left_is_swept(source: Path, tmp_path: Path) -> None:
    root = tmp_path / "out"
    put(source, b"NEW1", root / "x" / "y" / "b", {"root": root})
    put(source, b"NEW1", tmp_path / "p" / "q" / "b")
    (tmp_path / "later").mkdir()
    write(tmp_path / "later" / ".dcmtools-0.part", b"half")
    put(source, b"NEW1", tmp_path / "later" / "b")
    assert names(tmp_path / "later") == names(root / "x" / "y") == names(tmp_path / "p/q") == ["b"]


def test_nothing_leaves_the_folder_of_outputs_by_a_link(source: Path, tmp_path: Path) -> None:
    root = tmp_path / "out"
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "x").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="leads out of"):
        put(source, b"NEW1", root / "x" / "b", {"root": root})
    assert names(tmp_path / "elsewhere") == []
    old = write(tmp_path / "elsewhere" / "old", b"old")
    (root / "link").symlink_to(old)
    put(source, b"NEW1", root / "link", {"root": root, "overwrite": True})
    assert old.read_bytes() == b"old"
    assert (root / "link").read_bytes() == content(b"NEW1")
    assert not (root / "link").is_symlink()


def test_whoever_may_not_read_the_input_may_not_read_the_output(
    source: Path, tmp_path: Path
) -> None:
    before = os.umask(0o022)
    try:
        for number, (mode, expected) in enumerate(
            [(0o600, 0o600), (0o666, 0o644), (0o640, 0o640), (0o444, 0o644)]
        ):
            source.chmod(mode)
            target = put(source, b"NEW1", tmp_path / str(number))
            assert target.stat().st_mode & 0o7777 == expected
    finally:
        os.umask(before)


def test_names_are_waited_for_once_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write(tmp_path / name, b"") for name in ("a", "b")]
    (tmp_path / "there").mkdir()
    real = write(tmp_path / "there" / "c", b"")
    (tmp_path / "link").symlink_to(real)
    synced: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    sync_folders([*paths, tmp_path / "link", tmp_path / "gone" / "x"])
    assert synced == [tmp_path.name, "there"]


def test_a_file_is_on_stable_storage_before_it_has_its_name(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: there.append(os.fstat(fd).st_size) or fsync(fd))
    put(source, b"NEW1", tmp_path / "b", {"durable": True})
    put(source, b"NEW2")
    assert there == [len(content(b"NEW1"))] * 2
    put(source, b"NEW3", how={"durable": False})
    assert len(there) == 2


def test_a_walk_passes_over_what_is_being_written(tmp_path: Path) -> None:
    write(tmp_path / "a", b"")
    part = write(tmp_path / ".dcmtools-0123.part", b"")
    (tmp_path / ".dcmtools-folder.part").mkdir()
    write(tmp_path / ".dcmtools-folder.part" / "b", b"")
    found = [item.path.name for item in find_files([str(tmp_path)])]
    assert found == ["a"]
    assert [item.path for item in find_files([str(part)])] == [part]


def test_a_stream_in_memory_has_no_stretches() -> None:
    from dcmtools.dataset.source import BytesSource  # noqa: PLC0415 - only here

    data = bytes(range(250)) * 20
    body = Edited(BytesSource(data), "a", range(5000), [Splice(9, 1, b"new")], Identity("", "", ""))
    out = io.BytesIO()
    for piece in body.pieces(1000):
        assert isinstance(piece, bytes)
        out.write(piece)
    assert out.getvalue() == data[:9] + b"new" + data[10:]

"""Receiving an object into a folder: what is stored, under which name, what is answered."""

import os
import shutil
import signal
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from dcmtools.dataset.answers import Answer
from dcmtools.errors import OutputError
from dcmtools.net.command import Command, CommandField, encode_command
from dcmtools.net.connection import ClosedError
from dcmtools.net.negotiation import Context
from dcmtools.net.storage import (
    Layout,
    Storage,
    Stored,
    known_instances,
    safe_name,
    write_answer,
)
from tests.factories import BIG, DEFLATED, EXPLICIT, IMPLICIT, JPEG, element, implicit
from tests.net.wire import CT

MR = "1.2.840.10008.5.1.4.1.1.4"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY, SERIES = "1.2.3", "1.2.3.4"


def padded(uid: str) -> bytes:
    return uid.encode("utf-8", "surrogateescape") + b"\0" * (
        len(uid.encode("utf-8", "replace")) % 2
    )


def body(uid: str = "1.2.3.4.5", sop_class: str = CT, tail: bytes = b"") -> bytes:
    """Encode a small object with explicit VR little endian."""
    return (
        element(0x00080016, "UI", padded(sop_class))
        + element(0x00080018, "UI", padded(uid))
        + element(0x0020000D, "UI", padded(STUDY))
        + element(0x0020000E, "UI", padded(SERIES))
        + tail
    )


PIXELS = element(0x7FE00010, "OW", bytes(range(256)) * 40)


def request(
    uid: str | None = "1.2.3.4.5", sop_class: str | None = CT, data_set: int = 1
) -> Command:
    return Command(
        CommandField.C_STORE_RQ,
        7,
        sop_class=sop_class,
        sop_instance=uid,
        priority=0,
        data_set=data_set,
    )


class Sender:
    """Gives a data set in pieces, and knows whether it was taken to its end."""

    def __init__(self, data: bytes, piece: int = 1000) -> None:
        self.data = data
        self.piece = piece
        self.taken = 0

    def __call__(self, write: Callable[[memoryview], object]) -> None:
        """Send it all."""
        for at in range(0, max(len(self.data), 1), self.piece):
            write(memoryview(self.data)[at : at + self.piece])
        self.taken += 1


def store(  # noqa: PLR0913 - an object has that many sides
    storage: Storage,
    data: bytes,
    uid: str | None = "1.2.3.4.5",
    *,
    sop_class: str | None = CT,
    context_class: str = CT,
    syntax: str = EXPLICIT,
    data_set: int = 1,
) -> Stored:
    sender = Sender(data)
    context = Context(1, context_class, syntax, 0)
    stored = storage.store(context, request(uid, sop_class, data_set), sender)
    assert sender.taken == (1 if data_set == 1 else 0)
    return stored


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "in")


# What is stored


@pytest.mark.parametrize("syntax", [EXPLICIT, JPEG, "1.2.840.10008.1.2.4.999"])
def test_an_object_is_stored_bit_for_bit(storage: Storage, syntax: str) -> None:
    data = body(tail=PIXELS)
    stored = store(storage, data, syntax=syntax)
    assert stored == Stored("1.2.3.4.5", 0, storage.folder / "1.2.3.4.5.dcm", len(data))
    assert stored.path is not None
    assert stored.path.read_bytes().endswith(data)
    meta = dcmread(stored.path, stop_before_pixels=True).file_meta
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (CT, "1.2.3.4.5")
    assert meta.TransferSyntaxUID == syntax
    assert files(storage.folder) == ["1.2.3.4.5.dcm"]


def test_implicit_big_endian_and_deflated(storage: Storage) -> None:
    plain = (
        implicit(0x00080016, padded(CT))
        + implicit(0x00080018, padded("1.1"))
        + implicit(0x0020000D, padded(STUDY))
    )
    big = b"".join(
        struct.pack(">HH2sH", 8, number, b"UI", len(value)) + value
        for number, value in ((0x16, padded(CT)), (0x18, padded("1.2")))
    )
    deflated = zlib.compress(body("1.3"), wbits=-15)
    for uid, syntax, data in (
        ("1.1", IMPLICIT, plain),
        ("1.2", BIG, big),
        ("1.3", DEFLATED, deflated),
    ):
        stored = store(storage, data, uid, syntax=syntax)
        assert (stored.status, stored.error) == (0, None)
        assert (storage.folder / f"{uid}.dcm").read_bytes().endswith(data)


def test_a_folder_for_each_study_and_series(tmp_path: Path) -> None:
    storage = Storage(tmp_path, Layout.STUDY)
    assert store(storage, body()).status == 0
    assert (
        store(
            storage, element(0x00080016, "UI", padded(CT)) + element(0x00080018, "UI", b"9\0"), "9"
        ).status
        == 0
    )
    nowhere = safe_name("")
    assert files(tmp_path) == sorted(
        [f"{STUDY}/{SERIES}/1.2.3.4.5.dcm", f"{nowhere}/{nowhere}/9.dcm"]
    )


def test_the_same_object_again(storage: Storage) -> None:
    store(storage, body())
    again = store(storage, body())
    assert (again.status, again.known, again.renamed) == (0, True, False)
    other = store(storage, body(tail=PIXELS))
    assert (other.status, other.known, other.renamed) == (0, False, True)
    assert files(storage.folder) == ["1.2.3.4.5.dcm", "1.2.3.4.5_2.dcm"]


# What is not


def test_another_object_than_the_command_says(storage: Storage) -> None:
    for data, uid, sop_class in (
        (body("1.9"), "1.2.3.4.5", CT),
        (body(sop_class=MR), "1.2.3.4.5", CT),
        (body()[len(element(0x00080016, "UI", padded(CT))) :], "1.2.3.4.5", CT),
    ):
        stored = store(storage, data, uid, sop_class=sop_class)
        assert stored.status == 0xA900
        assert "another object" in str(stored.error)
    assert files(storage.folder) == []


def test_what_a_sequence_holds_is_not_the_uid_of_the_object(storage: Storage) -> None:
    item = element(0x00081155, "UI", b"1.9\0") + element(0x00080018, "UI", padded("1.2.3.4.5"))
    nested = element(0x00081140, "SQ", implicit(0xFFFEE000, item))
    data = element(0x00080016, "UI", padded(CT)) + nested
    assert store(storage, data).status == 0xA900
    assert files(storage.folder) == []


@pytest.mark.parametrize(
    ("uid", "sop_class", "data_set"),
    [(None, CT, 1), ("", CT, 1), ("1.2.3.4.5", None, 1), ("1.2.3.4.5", CT, 0x0101)],
)
def test_a_request_that_lacks_something(
    storage: Storage, uid: str | None, sop_class: str | None, data_set: int
) -> None:
    stored = store(storage, body(), uid, sop_class=sop_class, data_set=data_set)
    assert stored.status == 0x0120
    assert files(storage.folder) == []


def test_a_request_in_a_context_of_another_class(storage: Storage) -> None:
    assert store(storage, body(), context_class=MR).status == 0x0122
    assert files(storage.folder) == []


def test_a_uid_that_no_file_could_hold(storage: Storage) -> None:
    for length in (1025, 65536, 300000):
        assert store(storage, body(), "1" * length).status == 0x0117
    assert files(storage.folder) == []


@pytest.mark.parametrize(
    ("data", "syntax"),
    [
        (b"", EXPLICIT),
        (bytes(64), EXPLICIT),
        (bytes(range(200)), EXPLICIT),
        (b"\xff" * 3000, IMPLICIT),
        (b"not deflated at all", DEFLATED),
        (b"", DEFLATED),
        (b"\1", EXPLICIT),
    ],
)
def test_what_is_no_data_set(storage: Storage, data: bytes, syntax: str) -> None:
    stored = store(storage, data, syntax=syntax)
    assert stored.status in (0xA900, 0xC000)
    assert stored.error is not None
    assert files(storage.folder) == []


@contextmanager
def small_memory(most: int) -> Iterator[None]:
    """See that no more bytes are in use at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def test_a_value_that_is_much_too_long_is_not_read(storage: Storage) -> None:
    data = element(0x00080016, "UI", padded(CT)) + element(0x00080018, "UN", b"1" * 50_000_000)
    with small_memory(5_000_000):
        assert store(storage, data).status == 0xA900


def test_a_deflate_bomb_does_not_go_off(storage: Storage) -> None:
    """What it would inflate to, 300 MB, is not looked at beyond its beginning."""
    squeeze = zlib.compressobj(1, wbits=-15)
    data = squeeze.compress(body() + element(0x7FE00010, "OB", b"", 300 << 20))
    data += b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(300)) + squeeze.flush()
    with small_memory(100_000_000):
        stored = store(storage, data, syntax=DEFLATED)
    assert stored.status == 0
    assert (storage.folder / "1.2.3.4.5.dcm").read_bytes().endswith(data)


# Names

HOSTILE = [
    "../../evil",
    "/etc/passwd",
    "..",
    ".",
    "1.2.3/../../x",
    "1.2\\..\\x",
    "C:\\x",
    "-rf",
    ".hidden",
    "1.2.3\n",
    "a b",
    "CON",
    "1" * 65,
    "1." * 100,
    "1.2.3\x1b[2J",
    "~root",
    "$(id)",
    "\u0661.2",
]


@pytest.mark.parametrize("uid", HOSTILE)
def test_no_uid_leads_out_of_the_folder(tmp_path: Path, uid: str) -> None:
    for layout in Layout:
        storage = Storage(tmp_path / "in" / layout, layout)
        data = (
            element(0x00080016, "UI", padded(CT))
            + element(0x00080018, "UI", padded(uid))
            + element(0x0020000D, "UI", padded(uid))
            + element(0x0020000E, "UI", padded(uid))
        )
        stored = store(storage, data, uid)
        assert stored.status in (0, 0xA900)
        found = [path for path in tmp_path.rglob("*") if not path.is_dir()]
        assert all(path.is_relative_to(storage.folder) for path in found)
        for path in found:
            for part in path.relative_to(storage.folder).parts:
                name = part.removesuffix(".dcm")
                assert len(name) == 32
                assert set(name) <= set("0123456789abcdef")
            path.unlink()


@given(st.text(max_size=200))
def test_a_name_is_of_digits_and_dots_or_a_hash(uid: str) -> None:
    name = safe_name(uid)
    assert 0 < len(name) <= 64
    if name == uid:
        assert name[0] in "0123456789"
        assert set(name) <= set("0123456789.")
    else:
        assert len(name) == 32
        assert set(name) <= set("0123456789abcdef")


def test_two_uids_have_two_names() -> None:
    assert len({safe_name(uid) for uid in HOSTILE}) == len(HOSTILE)


def test_the_answer_says_why_in_64_characters() -> None:
    stored = Stored("1.2", 0xA900, error=OutputError("1.2", "x" * 200))
    response = stored.response(request("1.2"))
    assert (response.field, response.responding_to, response.status) == (0x8001, 7, 0xA900)
    assert (response.sop_class, response.sop_instance) == (CT, "1.2")
    assert response.error_comment == "x" * 64
    assert encode_command(response)
    assert Stored("1.2", 0).response(request("1.2")).error_comment is None


# Folders and disks that fail


def test_a_folder_that_has_gone(storage: Storage) -> None:
    shutil.rmtree(storage.folder)
    stored = store(storage, body())
    assert stored.status == 0xA700
    assert "no such file" in str(stored.error)
    storage.folder.mkdir()
    assert store(storage, body()).status == 0


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Let no file grow beyond some bytes, as a full disk does."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_is_full(storage: Storage) -> None:
    """The rest is taken all the same, and the next one that fits is stored."""
    with no_file_above(200_000):
        stored = store(storage, body(tail=element(0x7FE00010, "OW", bytes(500_000))))
        assert stored.status == 0xA700
        assert isinstance(stored.error, OutputError)
        assert files(storage.folder) == []
        assert store(storage, body()).status == 0


def test_what_a_sender_raises_is_the_callers(storage: Storage) -> None:
    def fail(write: Callable[[memoryview], object]) -> None:
        write(memoryview(b"half"))
        raise ClosedError

    with pytest.raises(ClosedError):
        storage.store(Context(1, CT, EXPLICIT, 0), request(), fail)
    assert files(storage.folder) == []


# What is there already


def test_known_instances(tmp_path: Path) -> None:
    flat, deep = Storage(tmp_path), Storage(tmp_path / "deep", Layout.STUDY)
    store(flat, body("1.1"), "1.1")
    store(flat, body("1.1", tail=PIXELS), "1.1")
    store(deep, body("1.2"), "1.2")
    store(flat, zlib.compress(body("1.3"), wbits=-15), "1.3", syntax=DEFLATED)
    (tmp_path / "x.dcm").write_bytes(b"no DICOM")
    (tmp_path / "y.dcm").mkdir()
    os.mkfifo(tmp_path / "z.dcm")
    assert known_instances(tmp_path) == {"1.1", "1.2", "1.3"}
    assert known_instances(tmp_path / "none") == set()


# Answers as files


def test_an_answer_is_written(tmp_path: Path) -> None:
    one = Answer(element(0x0020000D, "UI", b"1.2\0"), implicit=False)
    path = write_answer(one, tmp_path / "a.dcm", FIND)
    read = dcmread(path)
    assert (path.name, read.StudyInstanceUID) == ("a.dcm", "1.2")
    assert read.file_meta.MediaStorageSOPClassUID == FIND
    with pytest.raises(OutputError, match="no such file"):
        write_answer(one, tmp_path / "none" / "a.dcm", FIND)

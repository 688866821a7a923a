"""Receiving an object into a folder: what is stored, under which name, what is answered."""

import os
import shutil
import signal
import struct
import subprocess
import threading
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest
from pydicom import dcmread

from dcmtools.dataset.answers import Answer
from dcmtools.dataset.naming import Layout, Names, safe_name
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.placing import Duplicates
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.received import value_of
from dcmtools.dataset.select import first_values
from dcmtools.errors import DcmtoolsError, InputError, OutputError
from dcmtools.net.command import Command, CommandField, encode_command
from dcmtools.net.connection import ClosedError
from dcmtools.net.negotiation import Context
from dcmtools.net.storage import Storage, Stored, known_instances, write_answer
from tests.dataset.test_naming import HOSTILE
from tests.disks import mounted
from tests.factories import BIG, DEFLATED, EXPLICIT, IMPLICIT, JPEG, element, implicit
from tests.net.wire import CT

MR = "1.2.840.10008.5.1.4.1.1.4"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY, SERIES = "1.2.3", "1.2.3.4"
PATHS = [TagPath.parse("SOPClassUID"), TagPath.parse("SOPInstanceUID")]


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
    assert stored == Stored(
        "1.2.3.4.5",
        0,
        storage.folder / "1.2.3.4.5.dcm",
        len(data),
        sop_class=CT,
        transfer_syntax=syntax,
        study=STUDY,
        series=SERIES,
    )
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
    storage = Storage(tmp_path, Names.of(Layout.STUDY))
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
    assert stored.status == 0xC000
    assert isinstance(stored.error, InputError)
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


# What it says


def test_who_and_what_an_object_is(storage: Storage) -> None:
    data = (
        element(0x00080005, "CS", b"ISO_IR 100")
        + element(0x00080016, "UI", padded(CT))
        + element(0x00080018, "UI", padded("1.9"))
        + element(0x00100020, "LO", b"M\xfcller\x1b[2J ")
        + element(0x0020000D, "UI", padded(STUDY))
    )
    stored = store(storage, data, "1.9")
    assert (stored.sop_class, stored.transfer_syntax) == (CT, EXPLICIT)
    assert (stored.patient_id, stored.study, stored.series) == ("M\u00fcller\\x1b[2J", STUDY, "")
    refused = store(storage, data, "1.8")
    assert (refused.sop_class, refused.transfer_syntax) == (CT, EXPLICIT)


@pytest.mark.parametrize("padding", [b"", b"\0", b" ", b"\0\0", b"  "])
def test_padding_is_no_part_of_a_uid(storage: Storage, padding: bytes) -> None:
    data = element(0x00080016, "UI", CT.encode() + padding) + element(
        0x00080018, "UI", b"1.2.9" + padding
    )
    for number, uid in enumerate(("1.2.9", "1.2.9\0", "1.2.9 ")):
        stored = store(storage, data, uid)
        assert (stored.status, stored.known) == (0, number > 0)
    assert files(storage.folder) == ["1.2.9.dcm"]


def test_a_template(tmp_path: Path) -> None:
    names = Names.parse("{CallingAET}/{CalledAET}/{RemoteHost}/{PatientID}/{Rows}{0009,1001}.x")
    storage = Storage(tmp_path, names)
    data = (
        element(0x00080016, "UI", padded(CT))
        + element(0x00080018, "UI", b"1.9\0")
        + element(0x00090010, "LO", b"ACME")
        + element(0x00091001, "LO", b"a/b ")
        + element(0x00100020, "LO", b"../7")
        + element(0x00280010, "US", b"\0\2")
    )
    stored = storage.store(
        Context(1, CT, EXPLICIT, 0),
        request("1.9"),
        Sender(data),
        calling_aet="..",
        called_aet="A B",
        host="::1",
    )
    assert (stored.status, stored.error) == (0, None)
    assert files(tmp_path) == ["unknown/A_B/__1/_._7/512a_b.x"]


# What becomes of duplicates


OTHER = body(tail=PIXELS)


@pytest.mark.parametrize(
    ("duplicates", "statuses", "names", "first"),
    [
        (Duplicates.SKIP_IDENTICAL, [0, 0, 0], ["1.2.3.4.5.dcm", "1.2.3.4.5_2.dcm"], body()),
        (
            Duplicates.KEEP_BOTH,
            [0, 0, 0],
            ["1.2.3.4.5.dcm", "1.2.3.4.5_2.dcm", "1.2.3.4.5_3.dcm"],
            body(),
        ),
        (Duplicates.OVERWRITE, [0, 0, 0], ["1.2.3.4.5.dcm"], OTHER),
        (Duplicates.REJECT, [0, 0x0111, 0x0111], ["1.2.3.4.5.dcm"], body()),
    ],
)
@pytest.mark.parametrize("durable", [True, False])
def test_an_object_that_comes_again(  # noqa: PLR0913, PLR0917 - a case, and what comes of it
    tmp_path: Path,
    duplicates: Duplicates,
    statuses: list[int],
    names: list[str],
    first: bytes,
    durable: bool,  # noqa: FBT001 - a parameter of the case
) -> None:
    storage = Storage(tmp_path, duplicates=duplicates, durable=durable)
    came = [store(storage, data) for data in (body(), body(), OTHER)]
    assert [each.status for each in came] == statuses
    assert [each.error is None for each in came] == [not status for status in statuses]
    assert [each.path is None for each in came] == [each.error is not None for each in came]
    assert files(tmp_path) == sorted(names)
    assert (tmp_path / "1.2.3.4.5.dcm").read_bytes().endswith(first)


@pytest.mark.parametrize("duplicates", Duplicates)
def test_eight_at_once_tell_the_truth(tmp_path: Path, duplicates: Duplicates) -> None:
    storage = Storage(tmp_path, duplicates=duplicates, durable=False)
    contents = [body(tail=element(0x7FE00010, "OB", bytes([n]) * 300_000)) for n in range(8)]
    start = threading.Barrier(8)

    def work(data: bytes) -> list[Stored]:
        start.wait(10)
        return [store(storage, data) for _ in range(3)]

    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(work, contents))
    wholes = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert all(any(whole.endswith(data) for data in contents) for whole in wholes.values())
    for data, results in zip(contents, came, strict=True):
        for stored in results:
            assert stored.status in ((0, 0x0111) if duplicates is Duplicates.REJECT else (0,))
            if stored.path is not None and duplicates is not Duplicates.OVERWRITE:
                assert stored.path.read_bytes().endswith(data)
    expected = {Duplicates.SKIP_IDENTICAL: 8, Duplicates.KEEP_BOTH: 24}
    assert len(wholes) == expected.get(duplicates, 1)
    if duplicates is Duplicates.REJECT:
        assert sum(stored.status == 0 for results in came for stored in results) == 1


# Whether it is whole


DEEP = element(0x00081140, "SQ", b"", 0xFFFFFFFF) + implicit(0xFFFEE000, b"", 0xFFFFFFFF)
CLOSED = implicit(0xFFFEE00D, b"") + implicit(0xFFFEE0DD, b"")


@pytest.mark.parametrize(
    "tail",
    [
        element(0x7FE00010, "OB", b"1234", 0xFFFFFFF0),
        element(0x7FE00010, "OW", b"12", 4),
        element(0x00400555, "SQ", b"", 0xFFFFFFF0),
        DEEP,
        element(0x00400555, "SQ", implicit(0xFFFEE000, b"", 100)),
        element(0x7FE00010, "OB", b"", 0xFFFFFFFF) + implicit(0xFFFEE000, b"1234", 0xFFFFFF00),
        element(0x7FE00010, "OB", b"", 0xFFFFFFFF) + implicit(0xFFFEE000, b"1234"),
        b"\xe0\x7f",
        b"\xe0\x7f\x10\0OW\0\0\1",
        DEEP * 5000,
        DEEP * 3000 + CLOSED * 3000,
    ],
)
def test_what_is_damaged_is_not_stored(storage: Storage, tail: bytes) -> None:
    with small_memory(20_000_000):
        stored = store(storage, body(tail=tail))
    assert stored.status == 0xC000
    assert isinstance(stored.error, InputError)
    assert files(storage.folder) == []
    assert store(storage, body()).status == 0


def test_what_is_deep_but_whole_is_stored(storage: Storage) -> None:
    data = body(tail=DEEP * 300 + CLOSED * 300)
    stored = store(storage, data)
    assert stored.path is not None
    assert stored.path.read_bytes().endswith(data)


@pytest.mark.parametrize(
    "tail",
    [
        element(0x00280050, "  ", b"1.5 "),
        element(0x00280050, "ZZ", b"1.5 "),
        element(0x00100020, "LO", b"PID-1 ") * 2,
        element(0x00100010, "PN", b"Doe^") + element(0x00080060, "CS", b"CT"),
        implicit(0xFFFEE0DD, b"") + element(0x00280010, "US", b"\0\2"),
    ],
)
def test_what_only_breaks_rules_is_stored(storage: Storage, tail: bytes) -> None:
    data = body(tail=tail + PIXELS)
    stored = store(storage, data)
    assert (stored.status, stored.error, stored.doubt) == (0, None, "")
    assert (storage.folder / "1.2.3.4.5.dcm").read_bytes().endswith(data)


def test_a_transfer_syntax_that_lies_is_stored_as_it_came(storage: Storage) -> None:
    stored = store(storage, body(), syntax=IMPLICIT)
    assert (stored.status, stored.study) == (0, STUDY)
    stored = store(storage, body("1.9"), "1.9", syntax=DEFLATED)
    assert (stored.status, stored.study) == (0, STUDY)


PRIVATE = "1.2.826.0.1.3680043.8.498.99"


def test_a_private_transfer_syntax(storage: Storage) -> None:
    """What can be read is read; what cannot is kept under the UIDs of the command."""
    stored = store(storage, body(), syntax=PRIVATE)
    assert (stored.status, stored.study, stored.doubt) == (0, STUDY, "")
    assert store(storage, body("1.3"), "1.4", syntax=PRIVATE).status == 0xA900
    noise = bytes(range(256)) * 100
    stored = store(storage, noise, "1.5", syntax=PRIVATE)
    assert (stored.status, stored.error, stored.study) == (0, None, "")
    assert stored.doubt
    assert (storage.folder / "1.5.dcm").read_bytes().endswith(noise)
    assert store(storage, b"", "1.6", syntax=PRIVATE).status == 0xC000


def squeezed(*parts: bytes) -> bytes:
    squeeze = zlib.compressobj(1, wbits=-15)
    return b"".join(map(squeeze.compress, parts)) + squeeze.flush()


@pytest.mark.parametrize("size", [1000, 2_000_000, 20_000_000])
def test_a_damaged_deflated_stream(storage: Storage, size: int) -> None:
    noise = Random(size).randbytes(1 << 14) * (size // (1 << 14) + 1)  # noqa: S311 - no secret
    data = squeezed(body(), element(0x7FE00010, "OB", noise))
    assert store(storage, data, syntax=DEFLATED).status == 0
    for broken in (data[:-3], data[: len(data) // 2], data[:-400] + b"\xff" * 400):
        assert store(storage, broken, syntax=DEFLATED).status == 0xC000
    assert files(storage.folder) == ["1.2.3.4.5.dcm"]


def test_what_is_damaged_under_a_whole_stream(storage: Storage) -> None:
    assert store(storage, squeezed(body(), DEEP), syntax=DEFLATED).status == 0xC000
    assert store(storage, squeezed(b""), syntax=DEFLATED).status == 0xC000
    assert store(storage, squeezed(body("1.9")), syntax=DEFLATED).status == 0xA900
    large = squeezed(body("1.9"), element(0x7FE00010, "OB", bytes(17 << 20)))
    assert store(storage, large, syntax=DEFLATED).status == 0xA900
    assert store(storage, squeezed(bytes(17 << 20)), syntax=DEFLATED).status == 0xC000
    assert files(storage.folder) == []


def test_fragments_are_not_read_again(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20 MB in fragments only their headers are looked at once they are on disk."""
    read: list[int] = []
    pread = os.pread

    def counted(fd: int, count: int, offset: int) -> bytes:
        read.append(count)
        return pread(fd, count, offset)

    monkeypatch.setattr("dcmtools.dataset.incoming.pread", counted)
    fragments = implicit(0xFFFEE000, b"") + implicit(0xFFFEE000, bytes(50_000)) * 400
    tail = element(0x7FE00010, "OB", b"", 0xFFFFFFFF) + fragments + implicit(0xFFFEE0DD, b"")
    assert store(storage, body(tail=tail), syntax=JPEG).status == 0
    assert 0 < sum(read) < 2_000_000


# Names


@pytest.mark.parametrize("uid", HOSTILE)
def test_no_uid_leads_out_of_the_folder(tmp_path: Path, uid: str) -> None:
    for layout in Layout:
        storage = Storage(tmp_path / "in" / layout, Names.of(layout))
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
                if (layout, name) == (Layout.PATIENT, "unknown"):
                    continue
                assert len(name) == 32
                assert set(name) <= set("0123456789abcdef")
            path.unlink()


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


def test_a_folder_that_is_taken_away_meanwhile_is_made_again(tmp_path: Path) -> None:
    storage = Storage(tmp_path, Names.of(Layout.STUDY))
    store(storage, body())
    shutil.rmtree(tmp_path / STUDY)
    stored = store(storage, body())
    assert (stored.status, stored.known) == (0, False)
    assert files(tmp_path) == [f"{STUDY}/{SERIES}/1.2.3.4.5.dcm"]


def test_the_folder_goes_while_an_object_comes(storage: Storage, tmp_path: Path) -> None:
    def receive(write: Callable[[memoryview], object]) -> None:
        write(memoryview(body()))
        storage.folder.rename(tmp_path / "moved")

    for _ in range(2):
        stored = storage.store(Context(1, CT, EXPLICIT, 0), request(), receive)
        assert stored.status == 0xA700
        assert not storage.folder.exists()
        shutil.rmtree(tmp_path / "moved")
        storage.folder.mkdir()
    assert store(storage, body()).status == 0


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "in", Names.of(Layout.STUDY))
    (tmp_path / "outside").mkdir()
    (tmp_path / "in" / STUDY).symlink_to(tmp_path / "outside")
    stored = store(storage, body())
    assert stored.status == 0xA700
    assert "leads out" in str(stored.error)
    assert files(tmp_path / "outside") == []
    assert [path.name for path in (tmp_path / "in").iterdir()] == [STUDY]


def test_a_folder_whose_name_a_file_has(tmp_path: Path) -> None:
    storage = Storage(tmp_path, Names.of(Layout.STUDY))
    (tmp_path / STUDY).write_bytes(b"precious")
    assert store(storage, body()).status == 0xA700
    assert files(tmp_path) == [STUDY]


def test_too_little_is_free(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    crowded = Storage(tmp_path, min_free=2 * free)
    stored = store(crowded, body())
    assert stored.status == 0xA700
    assert "bytes free" in str(stored.error)
    assert files(tmp_path) == []
    assert store(Storage(tmp_path, min_free=free // 2), body()).status == 0
    shutil.rmtree(tmp_path)
    assert store(crowded, body()).status == 0xA700


def test_a_small_disk_that_fills_up(tmp_path: Path) -> None:
    """A full disk refuses, keeps nothing of it, and takes what still fits."""
    large = body(tail=element(0x7FE00010, "OW", bytes(2 << 20)))
    with mounted(tmp_path / "small", "size=600k") as folder:
        for durable in (True, False):
            storage = Storage(folder, durable=durable)
            stored = store(storage, large)
            assert stored.status == 0xA700
            assert "no space left" in str(stored.error)
            assert list(folder.iterdir()) == []
            assert store(storage, body()).status == 0
            (folder / "1.2.3.4.5.dcm").unlink()
        guarded = Storage(folder, min_free=500_000)
        assert store(guarded, body(tail=element(0x7FE00010, "OW", bytes(200_000)))).status == 0
        assert store(guarded, body("1.9"), "1.9").status == 0xA700
        assert len(list(folder.iterdir())) == 1


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    with mounted(tmp_path / "ro", "size=600k") as folder:
        storage = Storage(folder)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        stored = store(storage, body())
        assert stored.status == 0xA700
        assert "read-only" in str(stored.error)


def test_what_a_sender_raises_is_the_callers(storage: Storage) -> None:
    def fail(write: Callable[[memoryview], object]) -> None:
        write(memoryview(b"half"))
        raise ClosedError

    with pytest.raises(ClosedError):
        storage.store(Context(1, CT, EXPLICIT, 0), request(), fail)
    assert files(storage.folder) == []


# What is there already


def test_known_instances(tmp_path: Path) -> None:
    flat, deep = Storage(tmp_path), Storage(tmp_path / "deep", Names.of(Layout.STUDY))
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


# Real and crafted files


@pytest.mark.corpus
def test_the_corpus_is_stored_bit_for_bit_or_refused(
    tmp_path: Path, corpus_files: list[Path]
) -> None:
    """What the reader finds whole is stored, and what it finds damaged is not."""
    storage = Storage(tmp_path, duplicates=Duplicates.KEEP_BOTH, durable=False)
    outcomes: Counter[int] = Counter()
    for path in corpus_files:
        if not path.is_file():
            continue
        try:
            with DicomFile(path) as dicom:
                header = dicom.header
                for _ in dicom.elements():
                    pass
                damage = dicom.damage
        except DcmtoolsError:
            continue
        syntax = header.transfer_syntax
        if not header.meta or not syntax or not syntax.startswith("1.2.840.10008.1."):
            continue
        end = max(each.value_offset + each.length for each in header.meta)
        data = path.read_bytes()[end:]
        with DicomFile(path) as dicom:
            classes, instances = first_values(dicom, PATHS)
            uids = [
                value_of(each[0]) if each and not each[0].level.depth else ""
                for each in (classes, instances)
            ]
        if not all(uids):
            continue
        stored = store(
            storage, data, uids[1], sop_class=uids[0], context_class=uids[0], syntax=syntax
        )
        outcomes[stored.status] += 1
        if damage is not None:
            assert stored.status == 0xC000, path.name
        else:
            assert stored.status == 0, (path.name, stored.error)
            assert stored.path is not None
            assert stored.path.read_bytes().endswith(data)
    assert outcomes[0] > 100
    assert outcomes[0xC000] > 10
    assert set(outcomes) == {0, 0xC000}
    assert len(list(tmp_path.rglob("*.dcm"))) == outcomes[0]

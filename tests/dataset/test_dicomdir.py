"""Which files a DICOMDIR lists, wherever its copy is and whatever it says."""

from __future__ import annotations

from pathlib import Path
from struct import pack
from time import perf_counter

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dcmtools.dataset.dicomdir import is_dicomdir, referenced_files
from dcmtools.errors import DcmtoolsError, InputError
from tests.factories import UNDEFINED, corpus, element, item, make_ct, part10, write

DIRECTORY = b"1.2.840.10008.1.3.10"
META = element(0x00020002, "UI", DIRECTORY) + element(0x00020010, "UI", b"1.2.840.10008.1.2.1\0")


def record(file_id: str, *, in_use: int | None = 0xFFFF, follows: int = 0) -> bytes:
    """Encode a directory record."""
    body = element(0x00041400, "UL", pack("<I", follows))
    if in_use is not None:
        body += element(0x00041410, "US", pack("<H", in_use))
    body += element(0x00041430, "CS", b"IMAGE ")
    return item(body + element(0x00041500, "CS", file_id.encode() + b" " * (len(file_id) % 2)))


def directory(path: Path, *records: bytes) -> Path:
    """Write a DICOMDIR."""
    body = element(0x00041220, "SQ", b"".join(records))
    return write(path, bytes(128) + b"DICM" + META + body)


def listed(path: Path) -> list[Path | str]:
    """Give the files that are listed, and why others are not to be had."""
    found = list(referenced_files(path))
    return [each if isinstance(each, Path) else each.why for each in found]


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """Give a folder with two files."""
    for name in ("A/I1", "A/I2"):
        path = tmp_path / "medium" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "medium"


def test_files_are_given_once_and_in_order(medium: Path) -> None:
    path = directory(medium / "DICOMDIR", record("A\\I2"), record("A\\I1"), record("A\\I2"))
    assert is_dicomdir(path)
    assert listed(path) == [medium / "A" / "I2", medium / "A" / "I1"]


def test_records_of_no_file_and_inactive_ones(medium: Path) -> None:
    path = directory(medium / "x", record(""), record("A\\I1", in_use=0), record("A\\I2"))
    assert listed(path) == [medium / "A" / "I2"]
    path = directory(medium / "y", record("A\\I1", in_use=None))
    assert listed(path) == [medium / "A" / "I1"]


def test_items_in_records_are_no_records(medium: Path) -> None:
    inner = element(0x00081140, "SQ", item(element(0x00041500, "CS", b"A\\I2")))
    body = inner + element(0x00041500, "CS", b"A\\I1")
    path = directory(medium / "DICOMDIR", item(body))
    assert listed(path) == [medium / "A" / "I1"]


def test_records_of_undefined_length(medium: Path) -> None:
    sequence = element(0x00041220, "SQ", b"", UNDEFINED)
    entry = item(b"", UNDEFINED) + element(0x00041500, "CS", b"A\\I1")
    ends = pack("<HHI", 0xFFFE, 0xE00D, 0) + pack("<HHI", 0xFFFE, 0xE0DD, 0)
    path = write(medium / "D", bytes(128) + b"DICM" + META + sequence + entry + ends)
    assert listed(path) == [medium / "A" / "I1"]


@pytest.mark.parametrize("there", ["a/i1", "A/i1.dcm", "a/I1;1", "A/I1.;1", "A/I1.DCM"])
def test_names_that_copying_has_changed(tmp_path: Path, there: str) -> None:
    path = tmp_path / there
    path.parent.mkdir()
    path.write_bytes(b"")
    assert listed(directory(tmp_path / "DICOMDIR", record("A\\I1"))) == [path]


def test_its_very_name_comes_first(tmp_path: Path) -> None:
    for name in ("i1", "I1", "I1.dcm"):
        (tmp_path / name).write_bytes(b"")
    assert listed(directory(tmp_path / "DICOMDIR", record("I1"))) == [tmp_path / "I1"]


@pytest.mark.parametrize(
    ("file_id", "why"),
    [
        ("A\\NONE", "lists A/NONE, which is not there"),
        ("NONE\\I1", "lists NONE/I1, which is not there"),
        ("A\\I1\\X", "lists A/I1/X, which is not there"),
        ("..\\SECRET", "lists ../SECRET, which is no file of its folder"),
        ("A\\..\\..\\SECRET", "lists A/../../SECRET, which is no file of its folder"),
        ("\\SECRET", "lists /SECRET, which is no file of its folder"),
        ("A\\\\I1", "lists A//I1, which is no file of its folder"),
        ("A/I1", "lists A/I1, which is no file of its folder"),
        (".", "lists ., which is no file of its folder"),
        ("A\\\x1b[2J", "lists A/\\x1b[2J, which is not there"),
        ("X" * 300, f"lists {'X' * 300}, which is not there"),
    ],
)
def test_what_is_not_to_be_had(medium: Path, file_id: str, why: str) -> None:
    (medium.parent / "SECRET").write_bytes(b"")
    path = directory(medium / "DICOMDIR", record(file_id), record("A\\I1"))
    assert listed(path) == [why, medium / "A" / "I1"]


def test_a_folder_is_no_file(medium: Path) -> None:
    path = directory(medium / "DICOMDIR", record("A"))
    assert listed(path) == ["lists A, which is no file"]


def test_very_many_names_that_copying_has_changed(tmp_path: Path) -> None:
    count = 5000
    for number in range(count):
        (tmp_path / f"im{number:04}.dcm").touch()
    path = directory(tmp_path / "DICOMDIR", *[record(f"IM{number:04}") for number in range(count)])
    started = perf_counter()
    assert listed(path) == [tmp_path / f"im{number:04}.dcm" for number in range(count)]
    assert perf_counter() - started < 5


def test_links_do_not_lead_out(medium: Path) -> None:
    (medium.parent / "SECRET").write_bytes(b"")
    (medium / "OUT").symlink_to(medium.parent / "SECRET")
    (medium / "IN").symlink_to(medium / "A" / "I1")
    (medium / "LOOP").symlink_to(medium / "LOOP")
    names = ("OUT", "IN", "LOOP")
    path = directory(medium / "DICOMDIR", *map(record, names))
    assert listed(path) == [
        "lists OUT, which leads out of its folder",
        medium / "IN",
        "lists LOOP, which is no file",
    ]


def test_a_medium_that_is_reached_by_a_link(medium: Path) -> None:
    directory(medium / "DICOMDIR", record("A\\I1"))
    link = medium.parent / "link"
    link.symlink_to(medium)
    assert listed(link / "DICOMDIR") == [link / "A" / "I1"]


def test_one_in_the_current_folder(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory(medium / "DICOMDIR", record("A\\I1"), record("..\\SECRET"))
    monkeypatch.chdir(medium)
    assert listed(Path("DICOMDIR"))[0] == Path("A/I1")


def test_one_that_is_cut_says_so(medium: Path) -> None:
    path = directory(medium / "DICOMDIR", record("A\\I1"), record("A\\I2"))
    write(path, path.read_bytes()[:-2])
    found = listed(path)
    assert found[0] == medium / "A" / "I1"
    assert str(found[-1]).startswith("is damaged, and may list more: ")


def test_records_in_a_circle_have_an_end(medium: Path) -> None:
    path = directory(medium / "DICOMDIR", *[record("A\\I1", follows=300)] * 500)
    assert listed(path) == [medium / "A" / "I1"]


def test_what_is_none(tmp_path: Path) -> None:
    assert not is_dicomdir(make_ct(tmp_path / "ct"))
    assert not is_dicomdir(write(tmp_path / "text", b"text"))
    assert not is_dicomdir(tmp_path / "nothing")
    assert not is_dicomdir(tmp_path)
    assert not is_dicomdir(tmp_path / ("x" * 300))
    assert not is_dicomdir(Path("-"))
    assert list(referenced_files(make_ct(tmp_path / "ct"))) == []
    with pytest.raises(InputError):
        list(referenced_files(tmp_path / "nothing"))


def test_one_without_records(tmp_path: Path) -> None:
    assert listed(directory(tmp_path / "DICOMDIR")) == []
    assert listed(write(tmp_path / "x", part10(b""))) == []


def test_a_real_one() -> None:
    path = Path(get_testdata_file("DICOMDIR"))
    expected = [
        path.parent.joinpath(*each.ReferencedFileID)
        for each in dcmread(path).DirectoryRecordSequence
        if "ReferencedFileID" in each
    ]
    assert len(expected) == 31
    found = list(referenced_files(path))
    assert [each for each in found if isinstance(each, Path)] == [
        each for each in expected if each.exists()
    ]
    assert len(found) == 31


@pytest.mark.corpus
def test_those_of_the_corpus_lead_nowhere_else(corpus_files: list[Path]) -> None:
    assert corpus() is not None
    found = [path for path in corpus_files if is_dicomdir(path)]
    assert {path.name.split("__")[-1] for path in found} >= {
        "DICOMDIR_traversal",
        "DICOMDIR_cycle",
    }
    for path in found:
        for each in referenced_files(path):
            assert isinstance(each, DcmtoolsError) or each.is_relative_to(path.parent)

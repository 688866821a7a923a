"""Show that a DICOM file holds the keys of a query, whatever its encoding is."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query import build_query
from dcmtools.dataset.query_files import read_query_file
from dcmtools.dataset.query_keys import Key
from dcmtools.dataset.query_models import WORKLIST, QueryLevel
from dcmtools.errors import InputError, NotDicomError
from tests.factories import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    element,
    item,
    make_ct,
    part10,
    write,
)

STEP = "ScheduledProcedureStepSequence"


def keys_of(path: Path) -> list[str]:
    return [str(key) for key in read_query_file(path)]


def saved(data: Dataset, path: Path, syntax: str) -> Path:
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_keys_are_read_from_any_encoding(syntax: str, tmp_path: Path) -> None:
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.QueryRetrieveLevel = "SERIES"
    data.PatientName = "Müller*"
    data.PatientID = ""
    data.StudyInstanceUID = ["1.2.3", "1.2.4"]
    data.SeriesNumber = "7"
    data.Rows = 512
    data.EventTimeOffset = -1.5
    data.FrameIncrementPointer = [0x00181063, 0x00181065]
    data.SmallestImagePixelValue = 3
    step = Dataset()
    step.Modality = "CT"
    step.ScheduledStationName = "Süd"
    step.ScheduledProtocolCodeSequence = []
    data.ScheduledProcedureStepSequence = [step]
    data.RequestAttributesSequence = []
    data.ReferencedStudySequence = [Dataset()]
    block = data.private_block(0x0029, "ACME", create=True)
    block.add_new(0x10, "LO", "x")
    siemens = data.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    siemens.add_new(0x08, "CS", "CODE")
    assert keys_of(saved(data, tmp_path / "query.dcm", syntax)) == [
        "SpecificCharacterSet=ISO_IR 100",
        "QueryRetrieveLevel=SERIES",
        "ReferencedStudySequence=",
        "EventTimeOffset=-1.5",
        "PatientName=Müller*",
        "PatientID=",
        "StudyInstanceUID=1.2.3\\1.2.4",
        "SeriesNumber=7",
        "FrameIncrementPointer=(0018,1063)\\(0018,1065)",
        "Rows=512",
        "SmallestImagePixelValue=3",
        '(0029,"ACME",10)=x',
        '(0029,"SIEMENS CSA HEADER",08)=CODE',
        f"{STEP}.Modality=CT",
        f"{STEP}.ScheduledProtocolCodeSequence=",
        f"{STEP}.ScheduledStationName=Süd",
        "RequestAttributesSequence=",
    ]


def test_a_query_of_a_file_is_the_same_data_set(tmp_path: Path) -> None:
    body = (
        element(0x00080005, "CS", b"ISO_IR 100")
        + element(0x00080052, "CS", b"SERIES")
        + element(0x00100010, "PN", b"M\xfcller* ")
        + element(0x0020000D, "UI", b"1.2.3\0")
        + element(0x00280010, "US", pack("<H", 512))
        + element(0x00290010, "LO", b"ACME")
        + element(0x00291001, "US", pack("<H", 5))
        + element(0x00291002, "UN", b"text")
        + element(0x00321064, "SQ", item(element(0x00080100, "SH", b"X ")))
        + element(0x00400275, "SQ", b"")
    )
    path = write(tmp_path / "query.dcm", part10(body))
    assert build_query(read_query_file(path), only=True).encode(implicit=False) == body


def test_later_keys_and_the_level_of_the_caller_count_more(tmp_path: Path) -> None:
    body = element(0x00080052, "CS", b"STUDY ") + element(0x00100020, "LO", b"A ")
    keys = read_query_file(write(tmp_path / "query.dcm", part10(body)))
    query = build_query([*keys, "PatientID=B"], level=QueryLevel.IMAGE, only=True)
    assert (query.level, [str(key) for key in query.keys]) == (QueryLevel.IMAGE, ["PatientID=B"])


def test_what_dump2dcm_makes_is_a_query(program: Callable[[str], str], tmp_path: Path) -> None:
    text = tmp_path / "query.txt"
    text.write_text(
        "(0008,0005) CS [ISO_IR 192]\n"
        "(0010,0010) PN [Müller*]\n"
        "(0010,0020) LO (no value available)\n"
        "(0040,0100) SQ\n"
        "(fffe,e000) na\n"
        "(0008,0060) CS [CT]\n"
        "(0040,0002) DA [20260101-20260131]\n"
        "(fffe,e00d) na\n"
        "(fffe,e0dd) na\n",
        encoding="utf-8",
    )
    path = tmp_path / "query.dcm"
    subprocess.run([program("dump2dcm"), text, path], check=True)
    keys = read_query_file(path)
    assert [str(key) for key in keys] == [
        "SpecificCharacterSet=ISO_IR 192",
        "PatientName=Müller*",
        "PatientID=",
        f"{STEP}.Modality=CT",
        f"{STEP}.ScheduledProcedureStepStartDate=20260101-20260131",
    ]
    assert str(build_query(keys, model=WORKLIST).columns[0]) == "PatientName"


def test_group_lengths_and_character_sets_of_items_are_left_out(tmp_path: Path) -> None:
    inner = (
        element(0x00080000, "UL", pack("<I", 10))
        + element(0x00080005, "CS", b"ISO_IR 100")
        + element(0x00080060, "CS", b"CT")
        + element(0x00400010, "SH", b"S\xfcd ")
    )
    body = (
        element(0x00080000, "UL", pack("<I", 10))
        + element(0x00080005, "CS", b"ISO_IR 192")
        + element(0x00400100, "SQ", item(inner))
    )
    assert keys_of(write(tmp_path / "query.dcm", part10(body))) == [
        "SpecificCharacterSet=ISO_IR 192",
        f"{STEP}.Modality=CT",
        f"{STEP}.ScheduledStationName=Süd",
    ]


def test_a_data_set_without_file_meta_is_read_too(tmp_path: Path) -> None:
    body = element(0x00080052, "CS", b"STUDY ") + element(0x00100010, "PN", b"Doe*")
    assert keys_of(write(tmp_path / "query", body)) == [
        "QueryRetrieveLevel=STUDY",
        "PatientName=Doe*",
    ]


def test_a_character_set_may_be_assumed(tmp_path: Path) -> None:
    body = element(0x00100010, "PN", b"M\xfcller")
    path = write(tmp_path / "query.dcm", part10(body))
    assert read_query_file(path, charset="ISO_IR 100") == (
        Key(TagPath.parse("PatientName"), "Müller"),
    )


NAME = element(0x00100010, "PN", b"Doe ")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (NAME + element(0x00100020, "LO", b"PID", 400), "is damaged"),
        (NAME + element(0x00400100, "SQ", item(NAME, 400)), "is damaged"),
        (NAME + b"\x10\0", "is damaged"),
        (element(0x00400100, "SQ", item(NAME) + item(NAME)), "several items"),
        (element(0x00400100, "SQ", item() + item(NAME)), "several items"),
        (NAME + element(0x7FE00010, "OW", bytes(32)), "PixelData .* is binary"),
        (NAME + element(0x00282000, "OB", bytes(4)), "ICCProfile .* is binary"),
        (element(0x00100010, "PN", b"M\xfcller"), "bytes that are not text"),
        (element(0x00291010, "UN", b"\xff\0"), "bytes that are not text"),
        (element(0x00280010, "US", b"abc"), "not whole numbers"),
    ],
)
def test_what_cannot_be_a_query_is_refused(body: bytes, why: str, tmp_path: Path) -> None:
    path = write(tmp_path / "query.dcm", part10(body))
    with pytest.raises(InputError, match=why) as caught:
        read_query_file(path)
    assert caught.value.what == str(path)


def test_an_image_is_no_query(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"PixelData .* is binary"):
        read_query_file(make_ct(tmp_path / "ct.dcm"))


def test_encapsulated_pixel_data_is_no_query(tmp_path: Path) -> None:
    pixels = element(0x7FE00010, "OB", item() + item(bytes(8)), 0xFFFFFFFF)
    path = write(tmp_path / "query.dcm", part10(pixels + b"\xfe\xff\xdd\xe0\0\0\0\0"))
    with pytest.raises(InputError, match=r"PixelData .* is binary"):
        read_query_file(path)


def test_a_file_that_is_not_dicom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotDicomError):
        read_query_file(write(tmp_path / "text", b"PatientName=Doe\n" * 20))
    with pytest.raises(InputError):
        read_query_file(tmp_path / "nothing")


def test_a_directory_of_a_medium_is_no_query(tmp_path: Path) -> None:
    body = element(0x00041130, "CS", b"DISK")
    meta = element(0x00020002, "UI", b"1.2.840.10008.1.3.10") + element(
        0x00020010, "UI", EXPLICIT.encode() + b"\0"
    )
    path = write(tmp_path / "DICOMDIR", bytes(128) + b"DICM" + meta + body)
    with pytest.raises(InputError, match="DICOMDIR"):
        read_query_file(path)

"""Show that an edit changes what it is told to, and leaves every other byte as it is."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pydicom
import pytest
from pydicom.dataset import Dataset

from dcmtools.dataset.edit import edited, parse_assignment
from dcmtools.dataset.new_uids import NewUids
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import DcmtoolsError, InputError, UsageError
from tests.dataset.edits import (
    content,
    data_set,
    edited_bytes,
    identity,
    saved,
    without,
    wrong_group_lengths,
)
from tests.factories import (
    BODY,
    CT_IMAGE_STORAGE,
    ITEM_END,
    PEAK,
    SEQUENCE_END,
    element,
    implicit,
    item,
    make_ct,
    part10,
    write,
)

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
SYNTAXES = [EXPLICIT, IMPLICIT, BIG, DEFLATED]
UNDEFINED = 0xFFFFFFFF
SOP = BODY[:50]  # class and instance


def file_of(tmp_path: Path, *elements: bytes, syntax: str = EXPLICIT) -> Path:
    return write(tmp_path / "in.dcm", part10(b"".join(elements), syntax))


def with_sequence(tmp_path: Path, syntax: str) -> Path:
    inner = Dataset()
    inner.ReferencedSOPClassUID = CT_IMAGE_STORAGE
    inner.ReferencedSOPInstanceUID = "1.2.3"
    outer = Dataset()
    outer.SeriesInstanceUID = "1.2.4"
    outer.ReferencedSOPSequence = [inner, inner]
    return make_ct(tmp_path / "ct.dcm", syntax=syntax, ReferencedSeriesSequence=[outer])


# Nothing, one value, several


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_nothing_to_change_changes_nothing(tmp_path: Path, syntax: str) -> None:
    path = with_sequence(tmp_path, syntax)
    assert edited_bytes(path) == data_set(path)
    plain = identity(path)
    assert plain.sop_class == CT_IMAGE_STORAGE
    assert plain.sop_instance == pydicom.dcmread(path).SOPInstanceUID
    assert plain.transfer_syntax == (EXPLICIT if syntax == DEFLATED else syntax)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_values_are_set_and_all_else_stays(tmp_path: Path, syntax: str) -> None:
    path = with_sequence(tmp_path, syntax)
    assignments = {
        "PatientName": "Longer^Name^Here",
        "PatientID": "",
        "Rows": "300",
        "SliceThickness": "2.25",
        "ImageType": "DERIVED\\SECONDARY",
        "PixelSpacing": "0.5\\0.25",
        "FrameIncrementPointer": "(0018,1063)",
        "TableTopPitchAngle": "-1.5",
    }
    result = saved(path, *(f"{keyword}={value}" for keyword, value in assignments.items()))
    data = pydicom.dcmread(result)
    assert data.PatientName == "Longer^Name^Here"
    assert data.PatientID == ""
    assert data.Rows == 300
    assert str(data.SliceThickness) == "2.25"
    assert list(data.ImageType) == ["DERIVED", "SECONDARY"]
    assert [str(each) for each in data.PixelSpacing] == ["0.5", "0.25"]
    assert data.FrameIncrementPointer == 0x00181063
    assert data.TableTopPitchAngle == -1.5
    assert list(data.keys()) == sorted(data.keys())
    changed = [f"{data[keyword].tag:08x}" for keyword in assignments]
    assert without(content(result), *changed) == without(content(path), *changed)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_values_deep_in_sequences_are_set(tmp_path: Path, syntax: str) -> None:
    path = with_sequence(tmp_path, syntax)
    target = "ReferencedSeriesSequence[0].ReferencedSOPSequence[1]"
    result = saved(path, f"{target}.ReferencedSOPInstanceUID=1.2.3.4.5.6.7")
    first, second = pydicom.dcmread(result).ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert first.ReferencedSOPInstanceUID == "1.2.3"
    assert second.ReferencedSOPInstanceUID == "1.2.3.4.5.6.7"
    changed = "00081115[0].00081199[1].00081155"
    assert without(content(result), changed) == without(content(path), changed)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_missing_sequences_and_items_are_made(tmp_path: Path, syntax: str) -> None:
    path = with_sequence(tmp_path, syntax)
    result = saved(
        path,
        "ReferencedSeriesSequence[1].SeriesInstanceUID=1.2.5",
        "ReferencedSeriesSequence[0].ReferencedSOPSequence[2].ReferencedSOPInstanceUID=1.2.6",
        "RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeValue=B",
        "RequestAttributesSequence[1].RequestedProcedureID=2",
        "RequestAttributesSequence[0].RequestedProcedureID=1",
    )
    data = pydicom.dcmread(result)
    one, two = data.ReferencedSeriesSequence
    assert two == Dataset.from_json({"0020000E": {"vr": "UI", "Value": ["1.2.5"]}})
    assert len(one.ReferencedSOPSequence) == 3
    assert one.ReferencedSOPSequence[2].ReferencedSOPInstanceUID == "1.2.6"
    first, second = data.RequestAttributesSequence
    assert first.ScheduledProtocolCodeSequence[0].CodeValue == "B"
    assert (first.RequestedProcedureID, second.RequestedProcedureID) == ("1", "2")
    assert list(data.keys()) == sorted(data.keys())
    made = ("00400275", "00081115[1]", "00081115[0].00081199[2]")
    assert without(content(result), *made) == without(content(path), *made)


def test_the_last_of_several_assignments_holds(ct: Path) -> None:
    data = pydicom.dcmread(saved(ct, "PatientID=1", "(0010,0020)=2"))
    assert data.PatientID == "2"


def test_items_that_are_missing_before_one_are_made(tmp_path: Path) -> None:
    path = with_sequence(tmp_path, EXPLICIT)
    data = pydicom.dcmread(saved(path, "ReferencedSeriesSequence[2].SeriesInstanceUID=1.2"))
    assert [len(item) for item in data.ReferencedSeriesSequence] == [2, 0, 1]


def test_very_many_items_are_not_made_at_once(tmp_path: Path) -> None:
    path = with_sequence(tmp_path, EXPLICIT)
    with pytest.raises(InputError, match="has 0 items, and is not to get 1000000000 at once"):
        identity(path, "RequestAttributesSequence[999999999].RequestedProcedureID=1")


@pytest.mark.parametrize("order", [1, -1])
def test_an_element_is_either_a_sequence_or_a_value(ct: Path, order: int) -> None:
    both = ["OtherPatientIDsSequence=", "OtherPatientIDsSequence[0].PatientID=1"][::order]
    data = pydicom.dcmread(saved(ct, *both))
    assert data.OtherPatientIDsSequence[0].PatientID == "1"
    with pytest.raises(UsageError, match="is a sequence and has no value"):
        identity(ct, "OtherPatientIDsSequence=1")


def test_a_data_set_without_elements_can_get_some(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    assert edited_bytes(path, "PatientID=1") == element(0x00100020, "LO", b"1 ")
    assert identity(path, "SOPInstanceUID=1.2").sop_instance == "1.2"


# Odd files


def test_what_is_odd_stays_as_it_is(tmp_path: Path) -> None:
    odd = (
        element(0x00080005, "CS", b"NONSENSE"),
        element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2 "),
        element(0x00080020, "DA", b"notadate"),
        element(0x00080060, "ZZ", b"CT"),
        element(0x00091001, "UN", b"odd"),
        element(0x00081140, "SQ", item(BODY, UNDEFINED) + ITEM_END + SEQUENCE_END, UNDEFINED),
        element(0x00280010, "US", b"\1"),
        element(0x00280010, "US", b"\2\0"),
    )
    name = element(0x00100010, "PN", b"A^")
    path = file_of(tmp_path, *odd[:-2], name, *odd[-2:])
    new = element(0x00100010, "PN", b"Doe^John")
    expected = b"".join((*odd[:-2], new, *odd[-2:]))
    assert edited_bytes(path, "PatientName=Doe^John") == expected


def test_all_copies_of_an_element_are_set(tmp_path: Path) -> None:
    name, other = element(0x00100010, "PN", b"A^"), element(0x00100010, "PN", b"B^C ")
    between = element(0x00100020, "LO", b"1 ")
    path = file_of(tmp_path, SOP, name, other, between, other)
    new = element(0x00100010, "PN", b"X ")
    assert edited_bytes(path, "PatientName=X") == SOP + new * 2 + between + new


def test_encapsulated_pixel_data_stays_as_it_is(tmp_path: Path) -> None:
    fragments = item() + item(b"\xfe\xff\xdd\xe0\0\0\0\0") + item(b"abc\0") + SEQUENCE_END
    pixels = element(0x7FE00010, "OB", fragments, UNDEFINED)
    path = file_of(tmp_path, BODY, pixels, syntax="1.2.840.10008.1.2.4.50")
    number = element(0x00200013, "IS", b"7 ")
    assert edited_bytes(path, "InstanceNumber=7") == BODY + number + pixels
    assert identity(path).transfer_syntax == "1.2.840.10008.1.2.4.50"
    with pytest.raises(UsageError, match="is binary"):
        identity(path, "PixelData=1")


def test_what_follows_the_data_set_is_left_out(tmp_path: Path) -> None:
    path = file_of(tmp_path, BODY, bytes(300))
    assert edited_bytes(path) == BODY


def test_a_damaged_file_is_not_edited(tmp_path: Path) -> None:
    path = file_of(tmp_path, BODY, element(0x00200010, "SH", b"x", length=500))
    with pytest.raises(InputError) as caught:
        identity(path, "PatientID=1")
    assert caught.value.what == str(path)
    path = file_of(tmp_path, BODY, b"foreign bytes that are no element")
    with pytest.raises(InputError):
        identity(path)


@pytest.mark.parametrize("vr", ["UN", "ZZ"])
def test_an_element_without_a_vr_gets_that_of_the_dictionary(tmp_path: Path, vr: str) -> None:
    path = file_of(tmp_path, BODY, element(0x00200011, vr, b"1 "))
    assert edited_bytes(path, "SeriesNumber=2") == BODY + element(0x00200011, "IS", b"2 ")


def test_an_element_with_another_vr_keeps_that(tmp_path: Path) -> None:
    path = file_of(tmp_path, BODY, element(0x00200011, "SH", b"1 "))
    assert edited_bytes(path, "SeriesNumber=2") == BODY + element(0x00200011, "SH", b"2 ")
    path = file_of(tmp_path, BODY, element(0x00200011, "US", b"\1\0"))
    assert edited_bytes(path, "SeriesNumber=2") == BODY + element(0x00200011, "US", b"\2\0")
    with pytest.raises(UsageError, match="VR US"):
        identity(path, "SeriesNumber=-2")
    path = file_of(tmp_path, BODY, element(0x00200011, "OB", b"\1\0"))
    with pytest.raises(UsageError, match="is binary"):
        identity(path, "SeriesNumber=2")


def test_what_is_no_sequence_in_the_file_is_not_entered(tmp_path: Path) -> None:
    path = file_of(tmp_path, BODY, element(0x00400275, "LO", b"text"))
    with pytest.raises(InputError, match="is not a sequence in this file"):
        identity(path, "RequestAttributesSequence.RequestedProcedureID=1")
    path = file_of(tmp_path, BODY, element(0x00200011, "SQ", item()))
    with pytest.raises(InputError, match="is a sequence and has no value"):
        identity(path, "SeriesNumber=2")


def test_an_empty_value_becomes_a_sequence(tmp_path: Path) -> None:
    path = file_of(tmp_path, BODY, element(0x00400275, "UN", b""))
    new = element(0x00400275, "SQ", item(element(0x00401001, "SH", b"1 ")))
    assert edited_bytes(path, "RequestAttributesSequence.RequestedProcedureID=1") == BODY + new


@pytest.mark.parametrize("length", [None, UNDEFINED])
@pytest.mark.parametrize("there", [0, 1])
def test_items_of_unknown_elements_stay_implicit(
    tmp_path: Path, length: int | None, there: int
) -> None:
    end = SEQUENCE_END if length else b""
    old = item(implicit(0x00401001, b"1 ")) * there
    new = item(implicit(0x00401001, b"23"))
    path = file_of(tmp_path, BODY, element(0x00400275, "UN", old + end, length))
    if not there and length is None:  # nothing is there that tells of a sequence
        new = item(element(0x00401001, "SH", b"23"))
        expected = element(0x00400275, "SQ", new)
    else:
        expected = element(0x00400275, "UN", old + new + end, length)
    assignment = f"RequestAttributesSequence[{there}].RequestedProcedureID=23"
    assert edited_bytes(path, assignment) == BODY + expected


def test_items_are_made_as_those_before_them_are(tmp_path: Path) -> None:
    old, new = (item(element(0x00401001, "SH", value)) for value in (b"1 ", b"23"))
    path = file_of(tmp_path, BODY, element(0x00400275, "UN", old))
    expected = BODY + element(0x00400275, "UN", old + new)
    assignment = "RequestAttributesSequence[1].RequestedProcedureID=23"
    assert edited_bytes(path, assignment) == expected


def test_an_element_goes_before_the_first_with_a_higher_tag(tmp_path: Path) -> None:
    low, high = element(0x00100020, "LO", b"1 "), element(0x00200013, "IS", b"1 ")
    path = file_of(tmp_path, high, low)
    new = element(0x00100030, "DA", b"20260131")
    assert edited_bytes(path, "PatientBirthDate=20260131") == new + high + low
    assert edited_bytes(path, "PatientID=22") == high + element(0x00100020, "LO", b"22")


# Private elements

CREATOR = element(0x00290010, "LO", b"SIEMENS CSA HEADER")


def test_private_elements_are_set_where_they_are(tmp_path: Path) -> None:
    path = file_of(tmp_path, BODY, CREATOR, element(0x00291008, "CS", b"OLD "))
    expected = BODY + CREATOR + element(0x00291008, "CS", b"NEW ")
    assert edited_bytes(path, "(0029,1008)=NEW") == expected
    assert edited_bytes(path, '(0029,"SIEMENS CSA HEADER",08)=NEW') == expected
    unknown = file_of(tmp_path, BODY, CREATOR, element(0x00291008, "UN", b"OLD "))
    assert edited_bytes(unknown, "(0029,1008)=NEW") == expected


@pytest.mark.parametrize(
    ("assignment", "why"),
    [
        ("(0029,1106)=NEW", "is private, and nobody has reserved its block"),
        ("(0029,10ff)=NEW", "is not there, and the dictionary does not know it"),
        ('(0029,"OTHER",08)=NEW', "the dictionary does not know it"),
        ('(0029,"OTHER",08)[0].PatientID=1', "the dictionary does not know it"),
        ("(0029,10fe)=NEW", "is binary"),
        ("(0008,9999)=1", "the dictionary does not know it"),
        ("(0008,9999)[0].PatientID=1", "the dictionary does not know it"),
        ("RequestAttributesSequence.(0041,1001)=1", "nobody has reserved its block"),
    ],
)
def test_what_is_not_there_and_not_known_is_refused(
    tmp_path: Path, assignment: str, why: str
) -> None:
    private = element(0x00291008, "CS", b"OLD ") + element(0x002910FE, "UN", b"OLD ")
    path = file_of(tmp_path, BODY, CREATOR, private)
    with pytest.raises((InputError, UsageError), match=why):
        identity(path, assignment)


def test_an_unknown_element_is_set_where_the_file_says_its_vr(tmp_path: Path) -> None:
    path = file_of(tmp_path, BODY, element(0x00199999, "LO", b"1 "))
    assert edited_bytes(path, "(0019,9999)=2") == BODY + element(0x00199999, "LO", b"2 ")


# Text

NAMES = [
    (b"ISO_IR 100", "Müller", "Müller".encode("latin-1")),
    (b"ISO_IR 192", "Ωμέγα^山田", "Ωμέγα^山田".encode()),
    (b"GB18030 ", "王^小东", "王^小东".encode("gb18030")),
    (b"ISO_IR 144", "Жизнь", "Жизнь".encode("iso8859-5")),
    (b"\\ISO 2022 IR 87", "Yamada=山田", b"Yamada=\x1b$B;3ED\x1b(B"),
]


@pytest.mark.parametrize(("charset", "name", "raw"), NAMES)
def test_text_is_in_the_character_set_of_the_data_set(
    tmp_path: Path, charset: bytes, name: str, raw: bytes
) -> None:
    head = element(0x00080005, "CS", charset + b" " * (len(charset) % 2))
    path = file_of(tmp_path, head, BODY)
    raw += b" " * (len(raw) % 2)
    assert element(0x00100010, "PN", raw) in edited_bytes(path, f"PatientName={name}")
    assert saved(path, f"PatientName={name}")
    assert str(pydicom.dcmread(saved(path, f"PatientName={name}")).PatientName) == name


@pytest.mark.parametrize(
    ("charset", "named"),
    [(b"", "ASCII"), (b"ISO_IR 144", "ISO_IR 144"), (b"WHATEVER", "WHATEVER")],
)
def test_text_that_the_character_set_cannot_hold_is_refused(
    tmp_path: Path, charset: bytes, named: str
) -> None:
    head = element(0x00080005, "CS", charset) if charset else b""
    with pytest.raises(UsageError) as caught:
        identity(file_of(tmp_path, head, BODY), "PatientName=Müller")
    assert caught.value.what == "PatientName"
    assert named in caught.value.why
    assert named in caught.value.hint


def test_an_item_may_have_a_character_set_of_its_own(tmp_path: Path) -> None:
    latin = item(element(0x00080005, "CS", b"ISO_IR 100"))
    utf8 = element(0x00080005, "CS", b"ISO_IR 192")
    path = file_of(tmp_path, utf8, BODY, element(0x00400275, "SQ", latin + item()))
    raw = edited_bytes(
        path,
        "RequestAttributesSequence[0].RequestedProcedureDescription=ü",
        "RequestAttributesSequence[1].RequestedProcedureDescription=ü",
        "RequestAttributesSequence[2].RequestedProcedureDescription=ü",
    )
    assert raw.count(element(0x00321060, "LO", b"\xfc ")) == 1
    assert raw.count(element(0x00321060, "LO", "ü".encode())) == 2


# Numbers whose VR depends


@pytest.mark.parametrize(
    ("representation", "assignments", "vr", "value"),
    [
        (b"\0\0", ["SmallestImagePixelValue=65535"], "US", b"\xff\xff"),
        (b"\1\0", ["SmallestImagePixelValue=-1"], "SS", b"\xff\xff"),
        (b"\1\0", ["PixelRepresentation=0", "SmallestImagePixelValue=40000"], "US", b"\x40\x9c"),
        (b"\0\0", ["SmallestImagePixelValue=-2", "PixelRepresentation=1"], "SS", b"\xfe\xff"),
        (b"\1\0", ["LUTData=1\\2"], "US", b"\1\0\2\0"),
    ],
)
def test_pixel_representation_decides_about_numbers(
    tmp_path: Path, representation: bytes, assignments: list[str], vr: str, value: bytes
) -> None:
    path = file_of(tmp_path, BODY, element(0x00280103, "US", representation))
    tag = 0x00283006 if "LUT" in assignments[0] else 0x00280106
    assert edited_bytes(path, *assignments).endswith(element(tag, vr, value))


@pytest.mark.parametrize(("representation", "value"), [(b"\0\0", "-1"), (b"\1\0", "40000")])
def test_numbers_beyond_the_vr_are_refused(
    tmp_path: Path, representation: bytes, value: str
) -> None:
    path = file_of(tmp_path, BODY, element(0x00280103, "US", representation))
    with pytest.raises(UsageError, match="is not a value"):
        identity(path, f"SmallestImagePixelValue={value}")


# Lengths


def test_group_lengths_are_counted_anew(tmp_path: Path) -> None:
    inner = element(0x00080000, "UL", pack("<I", 10)) + element(0x00080060, "CS", b"CT")
    sequence = element(0x00081140, "SQ", item(inner))
    group = SOP + sequence
    path = file_of(
        tmp_path,
        element(0x00080000, "UL", pack("<I", len(group))) + group,
        element(0x00100000, "UL", pack("<I", 999)) + element(0x00100020, "LO", b"1 "),
        element(0x00200000, "UL", pack("<I", 12)) + element(0x00200013, "IS", b"1234"),
    )
    assert len(wrong_group_lengths(path)) == 1
    result = saved(
        path,
        "StudyDate=20260131",
        "ReferencedImageSequence.SOPInstanceUID=1.2.3",
        "PatientName=Doe^Jane",
        "InstanceNumber=123",
    )
    assert wrong_group_lengths(result) == []
    untouched = saved(path, "InstanceNumber=12")
    assert len(wrong_group_lengths(untouched)) == 1
    assert wrong_group_lengths(untouched)[0].startswith("00100000")


def test_a_long_list_is_written_in_an_element_that_holds_it(tmp_path: Path) -> None:
    uids = NewUids(b"")
    uids.know("1.2")
    listed = "\\".join(["1.2"] * 3000).encode()
    path = file_of(tmp_path, BODY, element(0x00081167 + 1, "UI", listed + b"\0"))
    data = pydicom.dcmread(saved(path, uids=uids))
    assert len(bytes(data.get_item(0x00081168).value).split(b"\\")) == 3000


def test_a_sequence_cannot_get_longer_than_its_length_can_say(tmp_path: Path) -> None:
    most = 0xFFFFFFFE
    value = element(0x00281201, "OW", b"", length=most - 20)
    path = file_of(tmp_path, element(0x00081140, "SQ", item(value, most - 8), length=most))
    os.truncate(path, path.stat().st_size + most - 20)
    assert identity(path).size == 12 + most
    with pytest.raises(InputError, match="longer than its length can say"):
        identity(path, "ReferencedImageSequence.PatientID=1")


# Which object it is


def test_the_kind_of_data_set_is_told_by_how_it_is(tmp_path: Path) -> None:
    wrong = file_of(tmp_path, implicit(0x00100010, b"A^") + implicit(0x00100020, b"1 "))
    assert identity(wrong).transfer_syntax == IMPLICIT
    bare = write(tmp_path / "bare.dcm", BODY)
    assert identity(bare).transfer_syntax == EXPLICIT
    undeflated = file_of(tmp_path, BODY, syntax=DEFLATED)
    assert identity(undeflated).transfer_syntax == EXPLICIT
    assert edited_bytes(undeflated) == BODY
    private = file_of(tmp_path, implicit(0x00100010, b"A^"), syntax="1.2.840.113619.5.2")
    assert identity(private).transfer_syntax == "1.2.840.113619.5.2"


def test_the_sop_instance_is_that_of_the_result(ct: Path) -> None:
    uids = NewUids(b"x")
    old = str(pydicom.dcmread(ct).SOPInstanceUID)
    assert identity(ct, "SOPInstanceUID=1.2.3").sop_instance == "1.2.3"
    assert identity(ct, uids=uids).sop_instance == uids(old)
    assert identity(ct, "SOPInstanceUID=1.2.3", uids=uids).sop_instance == "1.2.3"
    assert pydicom.dcmread(saved(ct, uids=uids)).SOPInstanceUID == uids(old)
    assert identity(ct, "SOPInstanceUID=1.2.3", uids=uids).sop_class == CT_IMAGE_STORAGE


# New UIDs


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_new_uids_reach_all_references(tmp_path: Path, syntax: str) -> None:
    path = with_sequence(tmp_path, syntax)
    data = pydicom.dcmread(path)
    data.FrameOfReferenceUID = "1.2.9"
    data.ReferencedSeriesSequence[0].ReferencedSOPSequence[1].ReferencedSOPInstanceUID = "1.2.8"
    data.FailedSOPInstanceUIDList = ["1.2.3", "1.2.7", "1.2.4"]
    data.save_as(path)
    uids = NewUids(b"x")
    uids.know("1.2.3")
    uids.know("1.2.4")
    result = saved(path, uids=uids)
    new = pydicom.dcmread(result)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert new[keyword].value == uids(data[keyword].value)
    series = new.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == uids("1.2.4")
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == uids("1.2.3")
    assert series.ReferencedSOPSequence[1].ReferencedSOPInstanceUID == "1.2.8"
    assert list(new.FailedSOPInstanceUIDList) == [uids("1.2.3"), "1.2.7", uids("1.2.4")]
    assert new.FrameOfReferenceUID == "1.2.9"
    assert new.SOPClassUID == CT_IMAGE_STORAGE
    above = "00081115[0]."
    changed = (
        "00080018", "00080058", "0020000d", "0020000e",
        f"{above}0020000e", f"{above}00081199[0].00081155",
    )  # fmt: skip
    assert without(content(result), *changed) == without(content(path), *changed)


def test_a_reference_may_stand_before_the_uid_itself(tmp_path: Path) -> None:
    reference = item(element(0x0020000D, "UI", b"1.2.33"))
    sequence = element(0x00081110, "SQ", reference)
    path = file_of(tmp_path, sequence, element(0x0020000D, "UI", b"1.2.33"))
    uids = NewUids(b"x")
    new = uids("1.2.33").encode()
    new += b"\0" * (len(new) % 2)
    sequence = element(0x00081110, "SQ", item(element(0x0020000D, "UI", new)))
    assert edited_bytes(path, uids=uids) == sequence + element(0x0020000D, "UI", new)


def test_uids_in_elements_without_a_vr_are_found(tmp_path: Path) -> None:
    hidden = element(0x00081140, "UN", item(implicit(0x00081155, b"1.2.3\0")))
    private = element(0x00091001, "UN", b"1.2.3\0")
    study = element(0x0020000D, "UN", b"1.2.3 ")
    path = file_of(tmp_path, hidden, private, study)
    uids = NewUids(b"x")
    new = uids("1.2.3").encode()
    new += b"\0" * (len(new) % 2)
    assert edited_bytes(path, uids=uids) == (
        element(0x00081140, "UN", item(implicit(0x00081155, new)))
        + private
        + element(0x0020000D, "UN", new)
    )


def test_long_lists_of_uids_are_read_and_replaced(tmp_path: Path) -> None:
    listed = b"\\".join(b"1.2.%d" % number for number in range(20_000))
    path = file_of(
        tmp_path, implicit(0x00080058, listed + b" " * (len(listed) % 2)), syntax=IMPLICIT
    )
    uids = NewUids(b"x")
    uids.know("1.2.19999")
    raw = edited_bytes(path, uids=uids)
    assert raw.rstrip(b"\0").endswith(b"1.2.19998\\" + uids("1.2.19999").encode())


def test_well_known_instances_keep_their_uid(tmp_path: Path) -> None:
    palette = element(0x00080018, "UI", b"1.2.840.10008.1.5.1\0")
    path = file_of(tmp_path, palette, element(0x0020000D, "UI", b""))
    assert edited_bytes(path, uids=NewUids(b"x")) == palette + element(0x0020000D, "UI", b"")


def test_what_is_set_is_not_replaced(ct: Path) -> None:
    uids = NewUids(b"x")
    uids.know("1.2.3")
    data = pydicom.dcmread(saved(ct, "StudyInstanceUID=1.2.3", uids=uids))
    assert data.StudyInstanceUID == "1.2.3"
    assert data.SeriesInstanceUID.startswith("2.25.")


# The stream


def test_the_stream_can_be_read_in_any_pieces(tmp_path: Path) -> None:
    path = with_sequence(tmp_path, EXPLICIT)
    whole = edited_bytes(path, "PatientID=12345", "StudyTime=120000")
    with DicomFile(path) as file:
        stream = edited(file, map(parse_assignment, ("PatientID=12345", "StudyTime=120000")))
        assert stream.readable()
        assert stream.seekable()
        assert not stream.writable()
        assert b"".join(iter(lambda: stream.read(7), b"")) == whole
        assert stream.tell() == len(whole) == stream.seek(0, os.SEEK_END)
        for start in range(0, len(whole), 13):
            assert stream.seek(start) == start
            assert stream.read(50) == whole[start : start + 50]
        assert stream.seek(5) + 10 == stream.seek(10, os.SEEK_CUR)
        stream.seek(len(whole) + 10)
        assert stream.read(5) == b""


def test_a_file_that_becomes_shorter_is_noticed(tmp_path: Path) -> None:
    pixels = element(0x7FE00010, "OW", bytes(1 << 20))
    path = file_of(tmp_path, BODY, pixels)
    with DicomFile(path) as file:
        stream = edited(file)
        os.truncate(path, 1 << 19)
        with pytest.raises(InputError, match="has become shorter"):
            stream.read()


CHILD = f"""
import os, sys
from pathlib import Path
from dcmtools.dataset.edit import edited, parse_assignment
from dcmtools.dataset.new_uids import NewUids
from dcmtools.dataset.read import DicomFile
with DicomFile(Path(sys.argv[1])) as file:
    before = int(open("/proc/self/io").read().split()[1])
    stream = edited(file, [parse_assignment("PatientID=12345")], NewUids(b"x"))
    read = int(open("/proc/self/io").read().split()[1]) - before
    buffer, total = bytearray(1 << 20), 0
    while count := stream.readinto(buffer):
        total += count
    print(read, total == stream.size, {PEAK})
"""


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs what Linux tells of itself")
def test_a_large_object_is_neither_read_to_be_edited_nor_held_in_memory(tmp_path: Path) -> None:
    length = 2 << 30
    path = file_of(tmp_path, BODY, element(0x7FE00010, "OW", b"", length=length))
    os.truncate(path, path.stat().st_size + length)
    command = [sys.executable, "-c", CHILD, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    read, whole, peak = done.stdout.split()
    assert int(read) < 1 << 20
    assert whole == "True"
    assert int(peak) < 60 << 10


def test_an_edit_takes_a_few_times_as_long_as_a_walk(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "ct.dcm", PatientComments="x" * 500)
    assignments = tuple(map(parse_assignment, ("PatientID=1", "PatientName=A^B")))
    uids = NewUids(b"x")
    with DicomFile(path) as file:

        def walk() -> object:
            return list(file.elements())

        def edit() -> object:
            return edited(file, assignments, uids)

        def fastest(work: Callable[[], object]) -> float:
            times = []
            for _ in range(50):
                start = time.perf_counter()
                work()
                times.append(time.perf_counter() - start)
            return min(times)

        assert fastest(edit) < 10 * fastest(walk)


def test_errors_are_those_of_the_program(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"\x08\0\x16\0UI\xff\xff")
    with pytest.raises(DcmtoolsError):
        identity(path)

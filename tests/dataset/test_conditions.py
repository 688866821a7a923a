"""Show which data sets a condition means, in a file and in a tree alike."""

import pickle
from pathlib import Path
from struct import pack

import pytest

from dcmtools.dataset.conditions import Condition, Operator, meets, meets_tree
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.tree import read_tree
from dcmtools.errors import UsageError
from tests.factories import (
    BIG,
    IMPLICIT,
    ITEM_END,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    make_ct,
    part10,
    write,
)


def text(tag: int, vr: str, value: str, codec: str = "utf-8") -> bytes:
    raw = value.encode(codec)
    return element(tag, vr, raw + b" " * (len(raw) % 2))


BODY = (
    text(0x00080005, "CS", "ISO_IR 100")
    + text(0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL")
    + element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0")
    + text(0x00080020, "DA", "20260102")
    + text(0x0008002A, "DT", "20260102083000+0100")
    + text(0x00080030, "TM", "0830")
    + text(0x00080050, "SH", "   ")
    + text(0x00080060, "CS", "CT")
    + text(0x00081030, "LO", "Thorax [nativ] größer", "latin-1")
    + element(
        0x00081110,
        "SQ",
        item(text(0x00080060, "CS", "MR") + text(0x00081150, "UI", "1.2"), UNDEFINED)
        + ITEM_END
        + item(
            text(0x00081150, "UI", "1.3")
            + element(0x0040A170, "SQ", item(text(0x00080100, "SH", "113100")))
        )
        + SEQUENCE_END,
        UNDEFINED,
    )
    + element(0x00081115, "SQ", b"")
    + element(0x00081140, "SQ", SEQUENCE_END, UNDEFINED)
    + text(0x00100010, "PN", "Doe^Jane^^^=")
    + text(0x00100020, "LO", " 007 ")
    + text(0x00180050, "DS", "1.50 ")
    + text(0x00200013, "IS", "0012")
    + element(0x00200062, "CS", b"")
    + element(0x00280009, "AT", pack("<HH", 0x0018, 0x1063))
    + element(0x00280010, "US", pack("<H", 512))
    + text(0x00290010, "LO", "A=B <1>")
    + text(0x00291001, "LO", "mine")
    + element(0x00420011, "OB", b"%PDF")
)

MET = [
    "Modality",
    "Modality=CT",
    "Modality = CT ",
    "  Modality=CT",
    "Modality!=MR",
    "Modality~C*",
    "Modality~?T",
    "Modality!~M*",
    "!AccessionNumber",
    "!Laterality",
    "!ImageLaterality",
    "ImageLaterality!=L",
    "ImageLaterality!~*",
    "ImageType=PRIMARY",
    "ImageType~AX*",
    r"ImageType=ORIGINAL\PRIMARY\AXIAL",
    r"ImageType~*\AXIAL",
    "SOPClassUID=1.2.840.10008.5.1.4.1.1.2",
    "SOPClassUID=CTImageStorage",
    "SOPClassUID~*ImageStorage",
    "StudyDescription=Thorax [nativ] größer",
    "StudyDescription~*[nativ]*ö?er",
    "PatientName=Doe^Jane",
    "PatientName=Doe^Jane^^",
    "PatientID=007",
    "PatientID<8",
    "SliceThickness=1.5",
    "SliceThickness>=1.5",
    "SliceThickness<2",
    "SliceThickness>1e0",
    "InstanceNumber=12",
    "Rows=512",
    "Rows=512.0",
    "Rows>511",
    "Rows<=512",
    "Rows!=511",
    "Rows~5*",
    "FrameIncrementPointer=(0018,1063)",
    "StudyDate>20260101",
    "StudyDate<=20260102",
    "StudyTime<0831",
    "AcquisitionDateTime>20260102082959+0100",
    "ReferencedStudySequence",
    "ReferencedStudySequence.Modality",
    "ReferencedStudySequence.ReferencedSOPClassUID=1.3",
    "ReferencedStudySequence[*].ReferencedSOPClassUID=1.3",
    "ReferencedStudySequence[1].ReferencedSOPClassUID=1.3",
    "ReferencedStudySequence[0].ReferencedSOPClassUID!=1.3",
    "!ReferencedStudySequence[1].Modality",
    "ReferencedStudySequence.PurposeOfReferenceCodeSequence",
    "ReferencedStudySequence.PurposeOfReferenceCodeSequence.CodeValue~113*",
    "!ReferencedSeriesSequence",
    "!ReferencedImageSequence",
    '(0029,"A=B <1>",01)=mine',
    '!(0029,"A=B <1>",02)',
    '(0029,"A=B",01)!=mine',
    "(0029,1001)=mine",
    "EncapsulatedDocument",
    "(0010,xxxx)=007",
    "!(60xx,3000)",
    "TransferSyntaxUID=ExplicitVRLittleEndian",
    "TransferSyntaxUID!=1.2.840.10008.1.2",
    "0008,0060=CT",
    "00080060=CT",
]

NOT_MET = [
    "!Modality",
    "Modality=MR",
    "Modality=ct",
    "Modality=C",
    "Modality!=CT",
    "Modality~C",
    "Modality!~?T",
    "AccessionNumber",
    "AccessionNumber~*",
    "Laterality",
    "Laterality=L",
    "ImageLaterality~*",
    "ImageType!=AXIAL",
    r"ImageType=PRIMARY\AXIAL",
    "StudyDescription~*[ntv]ativ*",
    "PatientID=7",
    "SliceThickness<1.5",
    "InstanceNumber>12",
    "Rows!=512.0",
    "StudyDescription>1",
    "StudyDate<20260102",
    "StudyTime<083100",
    "StudyTime>082959",
    "AcquisitionDateTime>20260102082959+0000",
    "AcquisitionDateTime>20260102082959",
    "ReferencedStudySequence[0].ReferencedSOPClassUID=1.3",
    "ReferencedStudySequence.ReferencedSOPClassUID!=1.3",
    "ReferencedStudySequence.PurposeOfReferenceCodeSequence[1].CodeValue",
    "ReferencedSeriesSequence",
    "ReferencedImageSequence",
    "CodeValue=113100",
    '(0029,"A=B",01)=mine',
    "!EncapsulatedDocument",
    "!(0010,xxxx)",
    "TransferSyntaxUID=1.2.840.10008.1.2",
]


def both(path: Path, *conditions: str) -> bool:
    """Judge a file by its stream and as a tree, which must agree."""
    parsed = [Condition.parse(each) for each in conditions]
    with DicomFile(path) as file:
        met = meets(file, parsed)
        assert meets_tree(read_tree(file), parsed) is met
    return met


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("conditions") / "file.dcm", part10(BODY))


@pytest.mark.parametrize("condition", MET)
def test_met(sample: Path, condition: str) -> None:
    assert both(sample, condition)


@pytest.mark.parametrize("condition", NOT_MET)
def test_not_met(sample: Path, condition: str) -> None:
    assert not both(sample, condition)


def test_all_of_several_must_be_met(sample: Path) -> None:
    assert both(sample)
    assert both(sample, "Modality=CT", "Rows>511", "!Laterality", "PatientID!=8")
    assert not both(sample, "Modality=CT", "Rows>512")
    assert not both(sample, "Rows>511", "!Modality")
    assert not both(sample, "!Laterality", "Laterality")


@pytest.mark.parametrize("condition", [*MET, *NOT_MET])
def test_printed_and_pickled_it_is_the_same(condition: str) -> None:
    parsed = Condition.parse(condition)
    assert Condition.parse(str(parsed)) == parsed
    assert pickle.loads(pickle.dumps(parsed)) == parsed  # noqa: S301 - made here
    assert str(parsed) == str(pickle.loads(pickle.dumps(parsed)))  # noqa: S301


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("", "is not a condition"),
        ("!", "is not a condition"),
        ("=CT", "is not a condition"),
        ("Modalty=CT", "'Modalty' is not a keyword of the dictionary"),
        ("Modality CT", "cannot be read from ' CT' on"),
        ("!Modality=CT", "has a ! before it and a comparison in it"),
        ("Modality=", "compares with nothing"),
        ("Modality!~ ", "compares with nothing"),
        ("Rows>wide", "'wide' is not a number"),
        ("Rows=wide", "'wide' is not a number"),
        ("Rows>nan", "'nan' is not a number"),
        ("PatientID<A", "'A' is not a number"),
        ('(0029,"ACME",01)<A', "'A' is not a number"),
        ("StudyDate<2026", "'2026' is not "),
        ("StudyDate<2026-01-02", "'2026-01-02' is not "),
        ("ReferencedStudySequence=1", "compares a sequence, which has no value itself"),
        ("PixelData=1", "compares binary data (OB or OW)"),
        ("EncapsulatedDocument~*", "compares binary data (OB)"),
    ],
)
def test_refused(condition: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        Condition.parse(condition)
    assert caught.value.why.startswith(why)
    assert caught.value.hint or "DA" in caught.value.why


def test_the_grammar_is_in_the_hint() -> None:
    with pytest.raises(UsageError) as caught:
        Condition.parse("<>")
    for form in ("!PATH", "PATH=VALUE", "PATH!=VALUE", "PATH~PATTERN", "PATH<NUMBER", "<=", ">="):
        assert form in caught.value.hint


@pytest.mark.parametrize("operator", Operator)
def test_nothing_satisfies_but_what_is_there(operator: Operator) -> None:
    condition = Condition(Condition.parse("Rows").path, operator, "1" if operator else "")
    assert not condition.is_satisfied("US", [])
    assert condition.is_satisfied("UN", None) is (operator is Operator.PRESENT)


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG])
def test_other_encodings(tmp_path: Path, syntax: str) -> None:
    # pydicom writes these two; `ReferencedStudySequence` is left out of the factory's image.
    path = make_ct(tmp_path / "a.dcm", syntax=syntax, PixelData=None, Rows=258)
    assert both(path, "Rows=258", "Modality=CT", f"TransferSyntaxUID={syntax}")
    assert not both(path, "Rows=513")


def test_pixel_data_in_fragments_is_there(tmp_path: Path) -> None:
    pixels = element(0x7FE00010, "OB", b"", UNDEFINED) + item() + item(b"\1\2") + SEQUENCE_END
    path = write(tmp_path / "a.dcm", part10(BODY + pixels, JPEG))
    assert both(path, "PixelData")
    assert not both(path, "!PixelData")


def test_the_character_set_of_an_item_counts(tmp_path: Path) -> None:
    own = text(0x00080005, "CS", "ISO_IR 192") + text(0x00081030, "LO", "größer")
    body = text(0x00080005, "CS", "ISO_IR 100") + element(0x00081110, "SQ", item(own))
    path = write(tmp_path / "a.dcm", part10(body))
    assert both(path, "ReferencedStudySequence.StudyDescription=größer")


def test_no_more_is_read_than_needed(tmp_path: Path) -> None:
    broken = element(0x00200010, "SH", b"1 ") + element(0x00200013, "IS", b"1 ", length=0xFFF0)
    path = write(tmp_path / "a.dcm", part10(BODY[: BODY.index(b"\x18\0\x50\0")] + broken))
    for condition in ("Modality=CT", "Modality=MR", "!Laterality", "StudyID=1"):
        with DicomFile(path) as file:
            meets(file, [Condition.parse(condition)])
            expected = condition == "!Laterality"  # it would be behind what is broken
            assert (file.damage is not None) is expected, condition


def test_what_is_out_of_order_only_the_tree_shows(tmp_path: Path) -> None:
    body = text(0x00100020, "LO", "P1") + text(0x00080060, "CS", "CT")
    conditions = [Condition.parse("Modality=CT")]
    with DicomFile(write(tmp_path / "a.dcm", part10(body))) as file:
        assert not meets(file, conditions)
        assert meets_tree(read_tree(file), conditions)


def test_a_value_of_unknown_vr_is_compared_as_text(tmp_path: Path) -> None:
    body = implicit(0x00290010, b"NOBODY") + implicit(0x00291001, b"17") + implicit(0x00291002, b"")
    path = write(tmp_path / "a.dcm", part10(body, IMPLICIT))
    assert both(path, '(0029,"NOBODY",01)=17', '(0029,"NOBODY",01)<18', '!(0029,"NOBODY",02)')


def test_a_tree_is_judged_as_it_is_now(sample: Path) -> None:
    with DicomFile(sample) as file:
        tree = read_tree(file)
        tree.root.find(0x00080060)[0].set(b"MR")
        (sequence,) = tree.root.find(0x00081110)
        assert sequence.items
        sequence.items[0].erase()
        for condition, met in (
            ("Modality=MR", True),
            ("ReferencedStudySequence.Modality", False),
            ("ReferencedStudySequence[0].ReferencedSOPClassUID=1.3", True),
        ):
            assert meets_tree(tree, [Condition.parse(condition)]) is met


def test_a_pattern_takes_no_time_whatever_the_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", part10(element(0x00204000, "LT", b"a" * 10240)))
    assert not both(path, "ImageComments~" + "*a" * 30 + "*b")

"""Show what goes over the wire: it is read back by pydicom, by DCMTK and by our own reader."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.answers import Answer
from dcmtools.dataset.elements import SEQUENCE_END
from dcmtools.dataset.path import Node, TagPath
from dcmtools.dataset.query_encoding import encode_keys
from dcmtools.dataset.query_keys import Key, parse_key
from dcmtools.errors import UsageError
from tests.factories import element, implicit, item

STEP = "ScheduledProcedureStepSequence"


def encoded(*keys: str, charset: str = "ISO_IR 192", implicit: bool = False) -> bytes:
    return encode_keys(map(parse_key, keys), charset, implicit=implicit)


def decoded(*keys: str, charset: str = "ISO_IR 192", implicit: bool = False) -> Dataset:
    raw = encoded(*keys, charset=charset, implicit=implicit)
    data = read_dataset(BytesIO(raw), implicit, is_little_endian=True)
    assert list(data.keys()) == sorted(data.keys())
    return data


def raw_value(keyword: str, value: str, **how: bool) -> bytes:
    data = decoded(f"{keyword}={value}", **how)  # type: ignore[arg-type]
    ((_, found),) = ((tag, data.get_item(tag)) for tag in data.keys())  # noqa: SIM118
    assert found is not None
    assert isinstance(found.value, bytes) or not found.value
    return found.value or b""


def test_an_identifier_is_encoded_byte_by_byte_as_the_standard_says() -> None:
    keys = ["StudyInstanceUID=1.2.3", f"{STEP}.Modality=CT", "PatientID=A", "Rows=512", "StudyDate"]
    step = element(0x00080060, "CS", b"CT")
    assert encoded(*keys) == (
        element(0x00080020, "DA", b"")
        + element(0x00100020, "LO", b"A ")
        + element(0x0020000D, "UI", b"1.2.3\0")
        + element(0x00280010, "US", pack("<H", 512))
        + element(0x00400100, "SQ", item(step))
    )
    assert encoded(*keys, implicit=True) == (
        implicit(0x00080020, b"")
        + implicit(0x00100020, b"A ")
        + implicit(0x0020000D, b"1.2.3\0")
        + implicit(0x00280010, pack("<H", 512))
        + implicit(0x00400100, item(implicit(0x00080060, b"CT")))
    )


@pytest.mark.parametrize("how", [True, False], ids=["implicit", "explicit"])
@pytest.mark.parametrize(
    ("keyword", "value", "raw"),
    [
        ("PatientName", "Doe^J*", b"Doe^J*"),
        ("PatientName", "D", b"D "),
        ("StudyInstanceUID", "1.2.*", b"1.2.*\0"),
        ("StudyInstanceUID", "1.2\\1.3\\1.4", b"1.2\\1.3\\1.4\0"),
        ("StudyInstanceUID", "not a uid", b"not a uid\0"),
        ("StudyDate", "20260101-20260131", b"20260101-20260131 "),
        ("StudyDate", "2026*", b"2026* "),
        ("StudyTime", "0800-1200", b"0800-1200 "),
        ("SeriesNumber", "1*", b"1*"),
        ("InstanceNumber", "1\\2", b"1\\2 "),
        ("SliceThickness", "1.5-2", b"1.5-2 "),
        ("PatientAge", "0??Y", b"0??Y"),
        ("Modality", "CT\\MR", b"CT\\MR "),
        ("ScheduledStationAETitle", "CT*", b"CT* "),
        ("ScheduledProcedureStepStartDateTime", "-20260101", b"-20260101 "),
        ("PatientComments", "a\\b\tc\r\nd", b"a\\b\tc\r\nd"),
        ("RetrieveURL", "http://x/?a=b", b"http://x/?a=b "),
        ("LongCodeValue", "x" * 70000, b"x" * 70000),
        ("PatientID", "x" * 70, b"x" * 70),
        ("Rows", "512", pack("<H", 512)),
        ("Rows", "1\\2", pack("<HH", 1, 2)),
        ("TagAngleSecondAxis", "-5", pack("<h", -5)),
        ("RegionLocationMinX0", "4294967295", pack("<I", 0xFFFFFFFF)),
        ("ReferencePixelX0", "-7", pack("<i", -7)),
        ("ExtendedOffsetTable", "", b""),
        ("TableOfXBreakPoints", "7", pack("<I", 7)),
        ("RecommendedDisplayFrameRateInFloat", "1.5", pack("<f", 1.5)),
        ("EventTimeOffset", "-2e3", pack("<d", -2000)),
        ("SelectorFDValue", "1.5\\.5", pack("<dd", 1.5, 0.5)),
        ("SelectorFLValue", "3.4028234e38", pack("<f", 3.4028234e38)),
        ("SelectorSLValue", "-2147483648\\2147483647", pack("<ii", -(1 << 31), (1 << 31) - 1)),
        ("SelectorSVValue", "-9223372036854775808", pack("<q", -(1 << 63))),
        ("SelectorUVValue", "18446744073709551615", pack("<Q", (1 << 64) - 1)),
        ("InstitutionAddress", "a\r\nb", b"a\r\nb"),
        ("TextValue", "a\n", b"a\n"),
        ("FrameIncrementPointer", "FrameTime", pack("<HH", 0x0018, 0x1063)),
        ("FrameIncrementPointer", "(0018,1063)\\00181065", pack("<4H", 0x18, 0x1063, 0x18, 0x1065)),
        ("SmallestImagePixelValue", "65535", pack("<H", 65535)),
        ("SmallestImagePixelValue", "-1", pack("<h", -1)),
        ("LUTData", "3", pack("<H", 3)),
        ("(0029,1011)", "abc", b"abc "),
        ("PixelData", "", b""),
        ("PatientID", "", b""),
    ],
)
def test_a_value_is_encoded_by_its_vr(keyword: str, value: str, raw: bytes, *, how: bool) -> None:
    if dictionary.keyword_tag(keyword) is None and not keyword.startswith("("):
        pytest.fail(f"{keyword} is no keyword")
    assert raw_value(keyword, value, implicit=how) == raw


@pytest.mark.parametrize(
    ("text", "vr"),
    [
        ("SmallestImagePixelValue=1", "US"),
        ("SmallestImagePixelValue=-1", "SS"),
        ("SmallestImagePixelValue", "US"),
        ("PixelData", "OW"),
        ("LUTData", "US"),
        ("(0029,1010)=x", "UN"),
        ("(0029,0010)=ACME", "LO"),
        ('(7019,"TOSHIBA_MEC_OT3",80)', "LO OW"),  # behind its creator
        ("PatientName", "PN"),
        (STEP, "SQ"),
    ],
)
def test_the_vr_is_that_of_the_dictionary(text: str, vr: str) -> None:
    raw = encoded(text)
    assert [each.vr for each in Answer(raw, implicit=False).elements if each.vr] == vr.split()


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ("Rows=abc", "'abc' is not a value that it can have", "from 0 to 65535"),
        ("Rows=65536", "'65536'", "from 0 to 65535"),
        ("Rows=-1", "'-1'", "from 0 to 65535"),
        ("Rows=1-5", "'1-5'", "from 0 to 65535"),
        ("Rows=5*", r"'5\*'", "from 0 to 65535"),
        ("Rows=1.5", "'1.5'", "from 0 to 65535"),
        ("Rows=1\\", "''", "from 0 to 65535"),
        ("Rows=\u0661", "'\u0661'", "from 0 to 65535"),
        ("Rows=" + "9" * 5000, "'9", "from 0 to 65535"),
        ("SelectorSVValue=9223372036854775808", "'9223372036854775808'", "9223372036854775807"),
        ("SelectorUVValue=18446744073709551616", "'18446744073709551616'", "18446744073709551615"),
        ("TagAngleSecondAxis=40000", "'40000'", "from -32768 to 32767"),
        ("SmallestImagePixelValue=-40000", "'-40000'", "from -32768 to 32767"),
        ("RecommendedDisplayFrameRateInFloat=1e39", "'1e39'", "such as 1.5"),
        ("RecommendedDisplayFrameRateInFloat=nan", "'nan'", "such as 1.5"),
        ("EventTimeOffset=1e999", "'1e999'", "such as 1.5"),
        ("EventTimeOffset=one", "'one'", "such as 1.5"),
        ("FrameIncrementPointer=512", "'512' is not a tag", "gggg,eeee"),
        ("FrameIncrementPointer=A.B", "'A.B' is not a tag", "gggg,eeee"),
        ("FrameIncrementPointer=PatientID.PatientID", "is not a tag", "gggg,eeee"),
        ('FrameIncrementPointer=(0029,"A",10)', "is not a tag", "gggg,eeee"),
        ("PixelData=abc", "is binary", "without a value"),
        ("ICCProfile=abc", "is binary", "without a value"),
        (f"{STEP}=abc", "is a sequence", r"\[0\].Element=VALUE"),
        ("Modality=Ü", "'Ü' has characters that VR CS does not know", ""),
        ("StudyDate=\u0662", "characters that VR DA does not know", ""),
        ("PatientName=a\x1b[2J", r"U\+001B", ""),
        ("PatientID=a\0b", r"U\+0000", ""),
        ("PatientID=a\nb", r"U\+000A", ""),
        ("PatientComments=a\x1bb", r"U\+001B", ""),
        ("PatientName=a\udcffb", "bytes that are not text", ""),
        ("StudyInstanceUID=" + "\\".join(["1." + "2" * 60] * 1100), "69300|VR UI holds", "less"),
        ("PatientComments=" + "x" * 70000, "VR LT holds 65534", "less"),
    ],
)
def test_what_cannot_be_encoded_is_refused_and_told_what_can(
    text: str, why: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        encoded(text)
    assert hint.replace("\\", "") in caught.value.hint
    assert caught.value.what == text.split("=", maxsplit=1)[0]


# Sequences and private elements


@pytest.mark.parametrize("how", [True, False], ids=["implicit", "explicit"])
def test_elements_of_a_sequence_share_its_one_item(*, how: bool) -> None:
    data = decoded(
        f"{STEP}.Modality=CT",
        "PatientID=P",
        f"{STEP}[0].ScheduledStationAETitle",
        f"{STEP}.ScheduledProtocolCodeSequence.CodeValue=X",
        f"{STEP}.ScheduledProtocolCodeSequence.CodeMeaning",
        implicit=how,
    )
    assert data.PatientID == "P"
    (step,) = data.ScheduledProcedureStepSequence
    assert (step.Modality, step.ScheduledStationAETitle) == ("CT", "")
    (code,) = step.ScheduledProtocolCodeSequence
    assert (code.CodeValue, code.CodeMeaning) == ("X", "")
    assert (len(data), len(step), len(code)) == (2, 3, 2)


def test_a_sequence_alone_has_no_item() -> None:
    assert encoded(STEP) == element(0x00400100, "SQ", b"")


def test_a_sequence_with_an_element_has_an_item_in_whatever_order_they_are_named() -> None:
    expected = encoded(f"{STEP}.Modality=CT")
    assert encoded(STEP, f"{STEP}.Modality=CT") == expected
    assert encoded(f"{STEP}.Modality=CT", STEP) == expected


def test_private_elements_get_a_block_for_each_creator() -> None:
    data = decoded(
        '(0029,"SIEMENS CSA HEADER",08)=IMAGE NUM 4',
        '(0029,"ACME",10)=x',
        '(0029,"ACME",11)',
        '(0031,"ACME",10)=y',
    )
    assert data[0x00290010].value == "SIEMENS CSA HEADER"
    assert data[0x00290011].value == "ACME"
    assert data[0x00310010].value == "ACME"
    assert (data[0x00291008].VR, data[0x00291008].value) == ("CS", "IMAGE NUM 4")
    assert (data[0x00291110].VR, data[0x00291110].value) == ("UN", b"x ")
    assert data[0x00291111].value is None or not data[0x00291111].value
    assert data[0x00311010].value == b"y "
    assert len(data) == 7


def test_private_elements_by_number_keep_their_block() -> None:
    data = decoded(
        '(0029,"ACME",10)=x', "(0029,1008)=CODE", "(0029,0010)=SIEMENS CSA HEADER", "(0029,1208)=y"
    )
    assert data[0x00290010].value == "SIEMENS CSA HEADER"
    assert (data[0x00291008].VR, data[0x00291008].value) == ("CS", "CODE")
    assert data[0x00290011].value == "ACME"
    assert data[0x00291110].value == b"x "
    assert data[0x00291208].value == b"y "
    assert len(data) == 5


def test_a_creator_that_is_a_key_already_is_used() -> None:
    data = decoded('(0029,"ACME",10)=x', "(0029,0042)=ACME", '(0029,"ACME",11)=y')
    assert data[0x00290042].value == "ACME"
    assert (data[0x00294210].value, data[0x00294211].value) == (b"x ", b"y ")
    assert len(data) == 3


def test_one_element_by_two_names_is_there_once() -> None:
    data = decoded('(0029,"ACME",10)=x', "(0029,0010)=ACME", "(0029,1010)=z")
    assert (len(data), data[0x00291010].value) == (2, b"z ")


def test_private_elements_in_a_sequence_have_their_creator_there() -> None:
    (step,) = decoded(f'{STEP}.(0029,"ACME",10)=x').ScheduledProcedureStepSequence
    assert (step[0x00290010].value, step[0x00291010].value) == ("ACME", b"x ")


def test_a_group_has_only_so_many_blocks() -> None:
    with pytest.raises(UsageError, match="no free block"):
        encoded(*(f'(0029,"C{number}",10)' for number in range(241)))


def test_a_vr_that_only_a_file_knows_is_used() -> None:
    key = Key(TagPath((Node(0x00291010),)), "5", "US")
    assert encode_keys([key], "", implicit=False) == element(0x00291010, "US", pack("<H", 5))


# Character sets


@pytest.mark.parametrize("how", [True, False], ids=["implicit", "explicit"])
@pytest.mark.parametrize(
    ("charset", "name", "raw"),
    [
        ("ISO_IR 192", "Müller^山田*", "Müller^山田*".encode()),
        ("ISO_IR 100", "Müller^Ä*", "Müller^Ä*".encode("latin-1")),
        ("ISO_IR 101", "Dvořák", "Dvořák".encode("iso8859-2")),
        ("ISO_IR 144", "Жили", "Жили".encode("iso8859-5")),
        ("ISO_IR 126", "Διονυσιος", "Διονυσιος".encode("iso8859-7")),
        ("GB18030", "王^小东", "王^小东".encode("gb18030")),
        ("GBK", "王^小东", "王^小东".encode("gbk")),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ", "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis")),
        (
            "\\ISO 2022 IR 87",
            "Yamada^Tarou=山田^太郎",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        ),
        (
            "\\ISO 2022 IR 149",
            "Hong^Gildong=洪^吉洞",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
        ),
    ],
)
def test_text_is_in_the_character_set(charset: str, name: str, raw: bytes, *, how: bool) -> None:
    found = encode_keys(
        [parse_key(f"SpecificCharacterSet={charset}"), parse_key(f"PatientName={name}")],
        charset,
        implicit=how,
    )
    data = read_dataset(BytesIO(found), how, is_little_endian=True)
    held = data.get_item("PatientName")
    assert held is not None
    assert held.value == raw + b" " * (len(raw) % 2)
    data.decode()
    assert str(data.PatientName) == name


@pytest.mark.parametrize(
    ("charset", "value"),
    [
        ("ISO_IR 100", "山田"),
        ("ISO_IR 100", "€"),
        ("ISO_IR 144", "Müller"),
        ("ISO_IR 13", "山"),
        ("\\ISO 2022 IR 87", "Müller"),
        ("\\ISO 2022 IR 87", "ü山"),
        ("\\ISO 2022 IR 100", "Müller"),
        ("ISO_IR 6", "Müller"),
        ("ISO 2022 IR 6", "Müller"),
        ("ISO IR 100", "Müller"),
        ("ISO 2022 IR 203", "Müller"),
    ],
)
@pytest.mark.parametrize("keyword", ["PatientName", "PatientID", "PatientComments"])
def test_a_character_that_the_set_cannot_hold_is_refused(
    charset: str, value: str, keyword: str
) -> None:
    with pytest.raises(UsageError, match=keyword) as caught:
        encoded(f"{keyword}={value}", charset=charset)
    assert "UTF-8" in caught.value.hint


def test_text_in_several_values_and_multi_line_text_is_encoded_whole() -> None:
    charset = "\\ISO 2022 IR 87"
    raw = encoded("OtherPatientNames=A=山\\B=田", charset=charset)
    assert raw[8:].rstrip() == b"A=\x1b$B;3\x1b(B\\B=\x1b$BED\x1b(B"
    text = "山\\田\r\n山"
    raw = encoded(f"PatientComments={text}", charset=charset)
    assert values.text(raw[8:], "LT", charset.encode()) == text


# Other readers


def test_dcmtk_reads_the_same(program: Callable[[str], str], tmp_path: Path) -> None:
    dcmdump = program("dcmdump")
    keys = (
        "SpecificCharacterSet=ISO_IR 192",
        "PatientName=Müller*",
        "StudyDate=20260101-",
        "StudyInstanceUID=1.2.*",
        "Rows=512",
        f"{STEP}.Modality=CT",
        f"{STEP}.ScheduledStationAETitle",
        '(0029,"ACME",10)=x',
    )
    for how, option in ((True, "-ti"), (False, "-te")):
        path = tmp_path / "query"
        path.write_bytes(encoded(*keys, implicit=how))
        ran = subprocess.run(
            [dcmdump, "-q", "+L", "-f", option, path], capture_output=True, check=True, text=True
        )
        assert ran.stderr == ""
        lines = [line.split(" # ")[0].strip() for line in ran.stdout.splitlines()]
        shown = [line for line in lines if line.startswith("(")]
        expected = [
            "(0008,0005) CS [ISO_IR 192]",
            "(0008,0020) DA [20260101-]",
            "(0010,0010) PN [Müller*]",
            "(0020,000d) UI [1.2.*]",
            "(0028,0010) US 512",
            "(0029,0010) LO [ACME]",
            "(0029,1010) UN 78\\20",
            "(0040,0100) SQ (Sequence with explicit length #=1)",
            "(fffe,e000) na (Item with explicit length #=2)",
            "(0008,0060) CS [CT]",
            "(0040,0001) AE (no value available)",
            "(fffe,e00d) na (ItemDelimitationItem for re-encoding)",
            "(fffe,e0dd) na (SequenceDelimitationItem for re-encod.)",
        ]
        # without VRs nobody can know that of a private element
        assert [" ".join(line.split()).replace("??", "UN") for line in shown] == expected


PATHS = [
    "PatientName",
    "PatientID",
    "PatientComments",
    "StudyInstanceUID",
    "StudyDate",
    "Rows",
    "SmallestImagePixelValue",
    "EventTimeOffset",
    "FrameIncrementPointer",
    "PixelData",
    STEP,
    f"{STEP}.Modality",
    f"{STEP}.ScheduledStationName",
    f'{STEP}.(0029,"ACME",10)',
    '(0029,"ACME",10)',
    "(0029,1010)",
    "(0029,0010)",
]


@given(
    keys=st.dictionaries(st.sampled_from(PATHS), st.text(max_size=12), max_size=8),
    charset=st.sampled_from(
        ["", "ISO_IR 100", "ISO_IR 192", "\\ISO 2022 IR 87", "ISO_IR 13", "GB18030"]
    ),
    how=st.booleans(),
)
def test_any_keys_are_refused_or_read_back_as_they_were(
    *, keys: dict[str, str], charset: str, how: bool
) -> None:
    wanted = [parse_key(f"{path}={value}") for path, value in keys.items()]
    with suppress(UsageError):
        raw = encode_keys(wanted, charset, implicit=how)
        assert len(raw) % 2 == 0
        answer = Answer(raw, implicit=how, charset=charset)
        assert answer.problems == []
        own = [each.tag for each in answer.elements if each.vr and not each.level.depth]
        assert own == sorted(set(own))
        ends = [each for each in answer.elements if each.tag == SEQUENCE_END]
        assert len(ends) == sum(each.vr == "SQ" for each in answer.elements)
        for key in wanted[:3]:
            tag = key.path.plain_tag
            found = [each for each in answer.elements if each.tag == tag and not each.level.depth]
            if found and found[0].vr in ("PN", "LO"):
                text = values.text(answer.load(found[0]), found[0].vr, charset.encode())
                assert text == key.value.rstrip(" ")

"""Show what becomes of the answers of a query, whatever encoding or nonsense they come in."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import repeat
from pathlib import Path
from struct import pack
from typing import Any
from xml.etree import ElementTree as ET

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filebase import DicomIO
from pydicom.filewriter import write_dataset

from dcmtools.dataset.answers import Answer, AnswerColumn, AnswerFormat, answer_columns, render
from dcmtools.dataset.bulk import Bulk
from dcmtools.dataset.dump import DumpOptions, Format, dump
from dcmtools.dataset.path import TagPath
from tests.factories import (
    EXPLICIT,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    part10,
    write,
)

CHARSET = 0x00080005
NAME = 0x00100010
PATIENT_ID = 0x00100020
STUDY = 0x0020000D
SPS = 0x00400100
STATION = 0x00400001
START = 0x00400002
PROTOCOL_CODES = 0x00400008
CODE = 0x00080100
NATIVE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
SYNTAXES = pytest.mark.parametrize("is_implicit", [False, True], ids=["explicit", "implicit"])
DOCUMENTS = [form for form in AnswerFormat if form is not AnswerFormat.TABLE]


def paths(*texts: str) -> list[TagPath]:
    return [TagPath.parse(text, wildcards=True) for text in texts]


def encoded(data: Dataset, *, is_implicit: bool) -> bytes:
    """Encode a data set as pydicom does it."""
    stream = DicomIO(BytesIO())
    stream.is_little_endian, stream.is_implicit_VR = True, is_implicit
    write_dataset(stream, data)
    stream.seek(0)
    return stream.read()


def answer(data: Dataset | None = None, *, is_implicit: bool = False, **attributes: Any) -> Answer:  # noqa: ANN401
    """Make an answer of attributes by keyword."""
    data = Dataset() if data is None else data
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    return Answer(encoded(data, is_implicit=is_implicit), implicit=is_implicit)


def raw_answer(*parts: bytes, charset: str = "") -> Answer:
    return Answer(b"".join(parts), implicit=False, charset=charset)


def item_of(**attributes: Any) -> Dataset:  # noqa: ANN401
    data = Dataset()
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    return data


def written(answers: Sequence[Answer], form: str, *columns: str, simple: bool = False) -> str:
    return "".join(render(answers, AnswerFormat(form), paths(*columns), simple=simple))


def worklist(*, is_implicit: bool = False) -> Answer:
    codes = [item_of(CodeValue="C1", CodeMeaning="One"), item_of(CodeValue="C2")]
    steps = [
        item_of(
            Modality="CT",
            ScheduledStationAETitle="CT1",
            ScheduledProcedureStepStartDate="20261124",
            ScheduledProtocolCodeSequence=codes,
        ),
        item_of(
            Modality="MR",
            ScheduledStationAETitle="MR1",
            ScheduledProcedureStepStartDate="",
            ScheduledProtocolCodeSequence=[item_of(CodeValue="C3")],
        ),
    ]
    return answer(
        is_implicit=is_implicit,
        PatientName="Doe^Jane",
        OtherPatientIDsSequence=[item_of(PatientID="OTHER")],
        ReferencedStudySequence=[],
        ScheduledProcedureStepSequence=steps,
    )


# Values


FILES = ["CT_small.dcm", "MR_small_implicit.dcm", "rtplan.dcm", "reportsi.dcm", "test-SR.dcm"]


def bundled(name: str) -> Dataset:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    data = pydicom.dcmread(path)
    for tag in [member.tag for member in data if member.tag.group >= 0x5400]:
        del data[tag]
    return data


@SYNTAXES
@pytest.mark.parametrize("name", FILES)
def test_values_are_those_that_pydicom_reads(name: str, *, is_implicit: bool) -> None:
    data = bundled(name)
    found = Answer(encoded(data, is_implicit=is_implicit), implicit=is_implicit)
    texts = [member for member in data if member.VR in ("LO", "SH", "UI", "DA", "CS", "DS", "IS")]
    assert len(texts) > 10
    for member in texts:
        values = [] if member.VM == 0 else [member.value] if member.VM == 1 else member.value
        expected = "\\".join(str(value) for value in values)
        assert found.value(int(member.tag)) == expected, member.tag
        assert found.values(paths(f"{int(member.tag):08x}")) == [expected]
    assert found.damage is None


@pytest.mark.parametrize("name", FILES)
def test_json_is_that_of_a_dump(name: str, tmp_path: Path) -> None:
    data = encoded(bundled(name), is_implicit=False)
    file = write(tmp_path / "a.dcm", part10(data, EXPLICIT))
    for simple in (False, True):
        options = DumpOptions(format=Format.JSON, simple=simple, bulk=Bulk.INLINE)
        expected = "".join(dump(file, options=options))
        assert Answer(data, implicit=False).json(simple=simple) == expected


@pytest.mark.parametrize("name", FILES)
def test_xml_is_that_of_a_dump(name: str, tmp_path: Path) -> None:
    data = encoded(bundled(name), is_implicit=False)
    file = write(tmp_path / "a.dcm", part10(data, EXPLICIT))
    options = DumpOptions(format=Format.XML, bulk=Bulk.INLINE)
    assert Answer(data, implicit=False).xml() == "".join(dump(file, options=options))


@pytest.mark.parametrize("name", FILES)
def test_implicit_and_explicit_say_the_same(name: str) -> None:
    data = bundled(name)
    data.remove_private_tags()
    documents = [
        Answer(encoded(data, is_implicit=kind), implicit=kind).json() for kind in (False, True)
    ]
    assert documents[0] == documents[1]


@SYNTAXES
def test_a_missing_value_is_an_empty_cell(*, is_implicit: bool) -> None:
    found = answer(is_implicit=is_implicit, PatientID="7", AccessionNumber="")
    assert found.values(paths("AccessionNumber", "PatientID", "StudyID")) == ["", "7", ""]
    assert found.value(PATIENT_ID) == "7"
    assert found.value(STUDY) == ""


def test_several_values_keep_their_delimiter() -> None:
    found = answer(ModalitiesInStudy=["CT", "SR"])
    assert found.values(paths("ModalitiesInStudy")) == ["CT\\SR"]


def test_numbers_are_printed() -> None:
    found = answer(Rows=512, NumberOfStudyRelatedSeries=3, PatientWeight="70.5")
    cells = found.values(paths("Rows", "NumberOfStudyRelatedSeries", "PatientWeight"))
    assert cells == ["512", "3", "70.5"]


@SYNTAXES
@pytest.mark.parametrize(
    ("path", "cell"),
    [
        ("ScheduledProcedureStepSequence.ScheduledStationAETitle", "CT1|MR1"),
        ("ScheduledProcedureStepSequence[*].ScheduledStationAETitle", "CT1|MR1"),
        ("ScheduledProcedureStepSequence[0].ScheduledStationAETitle", "CT1"),
        ("ScheduledProcedureStepSequence[1].ScheduledStationAETitle", "MR1"),
        ("ScheduledProcedureStepSequence[2].ScheduledStationAETitle", ""),
        ("ScheduledProcedureStepSequence.ScheduledProcedureStepStartDate", "20261124|"),
        ("ScheduledProcedureStepSequence.ScheduledProtocolCodeSequence.CodeValue", "C1|C2|C3"),
        ("ScheduledProcedureStepSequence.ScheduledProtocolCodeSequence[0].CodeValue", "C1|C3"),
        ("ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence.CodeMeaning", "One"),
        ("ScheduledProtocolCodeSequence.CodeValue", ""),
        ("ScheduledStationAETitle", ""),
        ("ScheduledProcedureStepSequence", "(sequence)"),
        ("0040,0100[1].0040,xxx1", "MR1"),
        ("0010,xxx0", "Doe^Jane"),
    ],
)
def test_a_path_leads_into_sequences(path: str, cell: str, *, is_implicit: bool) -> None:
    assert worklist(is_implicit=is_implicit).values(paths(path)) == [cell]


def test_what_an_item_holds_is_not_taken_for_an_attribute_of_the_answer() -> None:
    found = worklist()
    assert found.values(paths("PatientID", "Modality", "CodeValue")) == ["", "", ""]
    assert found.value(PATIENT_ID) == ""
    assert found.values(paths("OtherPatientIDsSequence.PatientID")) == ["OTHER"]


def test_a_private_column_is_found_by_its_creator() -> None:
    data = Dataset()
    data.private_block(0x0009, "OTHER", create=True).add_new(2, "LO", "no")
    data.private_block(0x0009, "ACME", create=True).add_new(2, "LO", "yes")
    found = answer(data)
    assert found.values(paths('(0009,"ACME",02)', '(0009,"NONE",02)')) == ["yes", ""]


def test_an_attribute_that_is_there_twice_counts_once() -> None:
    found = raw_answer(element(PATIENT_ID, "LO", b"ONE "), element(PATIENT_ID, "LO", b"TWO "))
    assert found.values(paths("PatientID")) == ["ONE"]
    assert found.value(PATIENT_ID) == "ONE"
    assert json.loads(found.json()) == {"00100020": {"vr": "LO", "Value": ["ONE"]}}
    assert [str(problem) for problem in found.problems] == [
        "PatientID (0010,0020) is there twice, at byte 12"
    ]
    assert found.damage is None


def test_a_value_cannot_forge_a_row_or_steer_the_terminal() -> None:
    found = raw_answer(element(NAME, "PN", b"Doe\x1b[2J\r\nforged\0\x9b"))
    cell = r"Doe\x1b[2J\x0d\x0aforged\x00\x9b"
    assert found.values(paths("PatientName")) == [cell]
    assert found.value(NAME) == cell
    for form in DOCUMENTS:
        text = written([found], form, "PatientName")
        assert "\x1b" not in text
        assert "\x9b" not in text
        if form is not AnswerFormat.XML:  # where line ends are white space
            assert "\r" not in text


def test_a_long_value_is_whole_in_every_form() -> None:
    text = b"x" * 70_000
    found = raw_answer(element(0x00081030, "UT", text), element(0x00420011, "OB", bytes(70_000)))
    assert found.value(0x00081030) == text.decode()
    assert text.decode() in found.json()
    assert text.decode() in found.xml()
    document = json.loads(found.json())
    assert len(document["00420011"]["InlineBinary"]) == 93_336
    assert "BulkData" not in found.xml()


def test_group_lengths_are_no_part_of_the_models() -> None:
    found = raw_answer(
        element(0x00080000, "UL", pack("<I", 12)), element(0x00080052, "CS", b"STUDY ")
    )
    assert json.loads(found.json(simple=True)) == {"QueryRetrieveLevel": "STUDY"}
    assert "00080000" not in found.xml()


# Character sets


@SYNTAXES
@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 144", "Юлия^Яшина"),
        ("ISO_IR 192", "Müller^山田^😀"),
        ("GB18030", "王^小东"),
        ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
    ],
    ids=str,
)
def test_text_is_decoded_by_its_character_set(
    charset: str, name: str, *, is_implicit: bool
) -> None:
    found = answer(
        is_implicit=is_implicit, SpecificCharacterSet=charset.split("\\"), PatientName=name
    )
    assert not found.raw.isascii() or "2022" in charset
    assert found.value(NAME) == name
    assert found.values(paths("PatientName")) == [name]
    groups = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("="), strict=False))
    document = json.loads(found.json())
    assert document["00100010"] == {"vr": "PN", "Value": [groups]}
    assert document["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert found.problems == []


LATIN_1 = element(NAME, "PN", "Müll".encode("latin-1"))


def test_a_character_set_is_assumed_where_the_answer_names_none() -> None:
    found = raw_answer(LATIN_1, charset="ISO_IR 100")
    assert found.value(NAME) == "Müll"
    assert found.problems == []
    empty = raw_answer(element(CHARSET, "CS", b""), LATIN_1, charset="ISO_IR 100")
    assert empty.value(NAME) == "Müll"


def test_a_character_set_that_the_answer_names_is_believed() -> None:
    greek = element(CHARSET, "CS", b"ISO_IR 126"), element(NAME, "PN", "Δ".encode("iso8859_7"))
    found = raw_answer(*greek, charset="ISO_IR 100")
    assert found.value(NAME) == "Δ"


def test_an_item_has_the_character_set_that_it_names() -> None:
    inner = element(CHARSET, "CS", b"ISO_IR 192") + element(NAME, "PN", "Müll ".encode())
    found = raw_answer(
        element(CHARSET, "CS", b"ISO_IR 100"), LATIN_1, element(0x00101002, "SQ", item(inner))
    )
    assert found.values(paths("PatientName", "OtherPatientIDsSequence.PatientName")) == ["Müll"] * 2


@pytest.mark.parametrize(
    ("charset", "reason"),
    [
        (
            b"",
            "PatientName (0010,0010) is no text in ASCII, and no Specific Character Set is named",
        ),
        (b"ISO_IR 192", "PatientName (0010,0010) is no text in 'ISO_IR 192'"),
    ],
    ids=["none", "wrong"],
)
def test_text_that_cannot_be_decoded_is_told_and_shown(charset: bytes, reason: str) -> None:
    named = element(CHARSET, "CS", charset) if charset else b""
    found = raw_answer(named, LATIN_1)
    assert found.value(NAME) == r"M\xfcll"
    (problem,) = found.problems
    assert (problem.reason, problem.offset) == (reason, len(named))
    assert found.damage is None
    assert json.loads(found.json(simple=True))["PatientName"] == "M\ufffdll"


def test_bytes_that_are_no_text_are_no_problem() -> None:
    found = raw_answer(
        element(PATIENT_ID, "LO", b"x" * 200), element(0x00280010, "US", b"\xff\xff")
    )
    assert not found.raw.isascii()
    assert found.problems == []


def test_a_character_set_that_nobody_knows_is_told() -> None:
    found = raw_answer(element(CHARSET, "CS", b"KLINGON "), LATIN_1)
    assert any("'KLINGON '" in problem.reason for problem in found.problems)
    assert found.value(NAME) == r"M\xfcll"


# JSON and XML


def test_json_is_the_model_of_the_standard() -> None:
    found = answer(PatientName="Doe^Jane==Do", StudyDate="20261124", ModalitiesInStudy=["CT", "SR"])
    document = {
        "00080020": {"vr": "DA", "Value": ["20261124"]},
        "00080061": {"vr": "CS", "Value": ["CT", "SR"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane", "Phonetic": "Do"}]},
    }
    assert json.loads(found.json()) == document
    assert "\n" not in found.json()


def test_simple_json_is_keywords_and_values() -> None:
    assert json.loads(worklist().json(simple=True)) == {
        "ReferencedStudySequence": [],
        "PatientName": "Doe^Jane",
        "OtherPatientIDsSequence": [{"PatientID": "OTHER"}],
        "ScheduledProcedureStepSequence": [
            {
                "Modality": "CT",
                "ScheduledStationAETitle": "CT1",
                "ScheduledProcedureStepStartDate": "20261124",
                "ScheduledProtocolCodeSequence": [
                    {"CodeValue": "C1", "CodeMeaning": "One"},
                    {"CodeValue": "C2"},
                ],
            },
            {
                "Modality": "MR",
                "ScheduledStationAETitle": "MR1",
                "ScheduledProcedureStepStartDate": None,
                "ScheduledProtocolCodeSequence": [{"CodeValue": "C3"}],
            },
        ],
    }


def test_xml_has_the_components_of_names() -> None:
    root = ET.fromstring(answer(PatientName="Doe^Jane").xml())
    assert root.tag == f"{NATIVE}NativeDicomModel"
    assert root.findtext(f".//{NATIVE}FamilyName") == "Doe"
    assert root.findtext(f".//{NATIVE}GivenName") == "Jane"


# What a peer may send


def exercised(found: Answer) -> None:
    """Ask everything of an answer, and check what has a grammar of its own."""
    columns = paths("PatientName", "*", "xxxxxxxx[0].*", "ScheduledProcedureStepSequence.Modality")
    cells = found.values(columns)
    assert len(cells) == len(columns)
    assert all(cell.isprintable() for cell in cells)
    assert found.value(NAME).isprintable()
    assert found.damage in (None, *found.problems)
    json.loads(found.json())
    json.loads(found.json(simple=True))
    ET.fromstring(found.xml())
    for form in DOCUMENTS:
        text = "".join(render([found, found], form, columns))
        text.encode()
        if form is AnswerFormat.JSON:
            assert len(json.loads(text)) == 2
        elif form is AnswerFormat.NDJSON:
            assert len(text.splitlines()) == 2
        elif form is AnswerFormat.XML:
            assert len(ET.fromstring(text)) == 2
        else:
            delimiter = "\t" if form is AnswerFormat.TSV else ","
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
            assert rows[1:] == [cells, cells]


SAMPLES = [encoded(bundled("CT_small.dcm"), is_implicit=kind)[:2000] for kind in (False, True)] + [
    worklist(is_implicit=kind).raw for kind in (False, True)
]


@given(
    raw=st.binary(max_size=200),
    is_implicit=st.booleans(),
    charset=st.sampled_from(["", "ISO_IR 100", "ISO_IR 192", "GB18030", "\\ISO 2022 IR 87", "é"]),
)
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise(raw: bytes, charset: str, *, is_implicit: bool) -> None:
    exercised(Answer(raw, implicit=is_implicit, charset=charset))


@given(data=st.data(), raw=st.sampled_from(SAMPLES), is_implicit=st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_broken_answer_raises(data: st.DataObject, raw: bytes, *, is_implicit: bool) -> None:
    broken = bytearray(raw)
    for _ in range(data.draw(st.integers(0, 4))):
        broken[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(raw)))
    exercised(Answer(bytes(broken[:end]), implicit=is_implicit))


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_no_value_raises(data: st.DataObject) -> None:
    charset = data.draw(
        st.sampled_from([b"ISO_IR 13", b"GBK ", b"\\ISO 2022 IR 58", b"\\", b"\xff?"])
    )
    vrs = st.sampled_from(["PN", "LO", "UI", "IS", "DS", "AT", "US", "FD", "UT", "OW", "UN", "??"])
    parts = [element(CHARSET, "CS", charset)]
    for number in range(data.draw(st.integers(1, 5))):
        value = data.draw(st.binary(max_size=20))
        parts.append(element(0x00100010 + number, data.draw(vrs), value))
    exercised(raw_answer(*parts))


def test_an_answer_that_is_cut_shows_what_was_read() -> None:
    whole = element(PATIENT_ID, "LO", b"PID-1 ") + element(STUDY, "UI", b"1.2.3\0")
    found = Answer(whole[:-2], implicit=False)
    assert found.values(paths("PatientID", "StudyInstanceUID")) == ["PID-1", ""]
    assert found.damage is not None
    assert found.damage in found.problems
    assert found.damage.reason == (
        "StudyInstanceUID (0020,000d) has a length of 6 bytes where 4 are left"
    )


def test_an_empty_answer_is_whole() -> None:
    found = Answer(b"", implicit=True)
    assert found.values(paths("PatientID", "ScheduledProcedureStepSequence.Modality")) == ["", ""]
    assert found.json() == "{}"
    assert found.problems == []


def test_a_lying_transfer_syntax_is_damage_and_no_exception() -> None:
    found = Answer(worklist(is_implicit=False).raw, implicit=True)
    exercised(found)
    assert found.damage is not None


def test_fragments_are_no_column() -> None:
    fragments = item() + item(b"\1\2") + SEQUENCE_END
    found = raw_answer(element(0x7FE00010, "OB", fragments, UNDEFINED))
    assert found.values(paths("*")) == ["(not loaded)"]
    exercised(found)


def test_deep_sequences_take_no_time() -> None:
    opening = implicit(SPS, b"", UNDEFINED) + item(b"", UNDEFINED)
    wide = b"".join(implicit(0x00400001, b"AE") for _ in range(3))
    raw = opening * 1500 + wide + (ITEM_END + SEQUENCE_END) * 1500
    found = Answer(raw, implicit=True)
    cells = found.values(
        paths(*repeat("ScheduledProcedureStepSequence.ScheduledStationAETitle", 20))
    )
    assert set(cells) == {""}
    assert found.json().count('"00400100"') == 1500
    assert found.damage is None


# Streams


class Source:
    """Answers from a peer that fails after some of them; it counts how many were taken."""

    def __init__(self, count: int, failure: BaseException | None = None) -> None:
        self.taken = 0
        self._count = count
        self._failure = failure

    def __iter__(self) -> Iterator[Answer]:
        """Give answers, count them, and fail."""
        for number in range(self._count):
            self.taken += 1
            yield answer(PatientID=f"P{number}")
        if self._failure:
            raise self._failure


def test_csv_has_a_row_an_answer() -> None:
    text = written(list(Source(2)), "csv", "PatientID", "(0008,0060)")
    assert text == "PatientID,Modality\nP0,\nP1,\n"


def test_tsv_is_delimited_by_tabs() -> None:
    found = answer(PatientID="a\tb", StudyID="c,d")
    text = written([found], "tsv", "PatientID", "StudyID")
    assert text == "PatientID\tStudyID\na\\x09b\tc,d\n"


def test_csv_keeps_awkward_values_in_their_cells() -> None:
    found = answer(PatientID='a,"b"', StudyID=" x|y")
    rows = list(
        csv.reader(io.StringIO(written([found], "csv", "PatientID", "StudyID"), newline=""))
    )
    assert rows == [["PatientID", "StudyID"], ['a,"b"', " x|y"]]


def test_the_names_of_columns_are_whole_paths() -> None:
    text = written([], "csv", "0040,0100[0].0040,0001", '(0009,"ACME",02)')
    assert (
        text == 'ScheduledProcedureStepSequence[0].ScheduledStationAETitle,"(0009,""ACME"",02)"\n'
    )


def test_ndjson_is_an_object_a_line() -> None:
    text = written(list(Source(2)), "ndjson", simple=True)
    assert text == '{"PatientID":"P0"}\n{"PatientID":"P1"}\n'
    assert json.loads(written(list(Source(1)), "ndjson")) == {
        "00100020": {"vr": "LO", "Value": ["P0"]}
    }


def test_json_is_one_array() -> None:
    text = written(list(Source(2)), "json", simple=True)
    assert text == '[\n{"PatientID":"P0"},\n{"PatientID":"P1"}\n]\n'


def test_xml_is_one_document_of_models() -> None:
    text = written(list(Source(2)), "xml")
    assert text.count("<?xml") == 1
    root = ET.fromstring(text)
    assert (root.tag, root.attrib) == ("responses", {"type": "C-FIND"})
    assert [model.tag for model in root] == [f"{NATIVE}NativeDicomModel"] * 2
    assert [model.findtext(f".//{NATIVE}Value") for model in root] == ["P0", "P1"]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", "PatientID\n"),
        ("tsv", "PatientID\n"),
        ("json", "[\n]\n"),
        ("ndjson", ""),
        (
            "xml",
            '<?xml version="1.0" encoding="UTF-8"?>\n<responses type="C-FIND">\n</responses>\n',
        ),
    ],
)
def test_no_answers_are_a_whole_document_too(form: str, text: str) -> None:
    assert written([], form, "PatientID") == text


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "xml"])
def test_the_start_comes_before_the_first_answer(form: str) -> None:
    source = Source(1)
    stream = render(source, AnswerFormat(form), paths("PatientID"))
    assert next(stream)
    assert source.taken == 0


@pytest.mark.parametrize("form", DOCUMENTS)
def test_each_answer_is_given_as_it_comes(form: AnswerFormat) -> None:
    source = Source(1000)
    stream = render(source, form, paths("PatientID"))
    if form is not AnswerFormat.NDJSON:
        next(stream)
    for number in range(3):
        assert f"P{number}" in next(stream)
        assert source.taken == number + 1


@pytest.mark.parametrize("failure", [ValueError("aborted"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize("form", DOCUMENTS)
def test_a_document_is_whole_where_the_answers_break_off(
    form: AnswerFormat, count: int, failure: BaseException
) -> None:
    pieces = []
    with pytest.raises(type(failure)) as caught:  # noqa: PT012 - what comes before counts too
        for piece in render(Source(count, failure), form, paths("PatientID")):
            pieces.append(piece)  # noqa: PERF402 - a comprehension would lose them
    assert caught.value is failure
    assert "".join(pieces) == "".join(render(Source(count), form, paths("PatientID")))


@pytest.mark.parametrize("form", DOCUMENTS)
def test_a_stream_that_nobody_reads_on_is_closed_in_peace(form: AnswerFormat) -> None:
    stream = render(Source(3), form, paths("PatientID"))
    next(stream)
    next(stream)
    stream.close()  # type: ignore[attr-defined] # it is a generator, whatever it is called
    assert list(stream) == []


def test_a_table_is_drawn_elsewhere() -> None:
    with pytest.raises(ValueError, match="drawn"):
        render([], AnswerFormat.TABLE)


# Columns


def test_columns_are_headed_by_their_last_keyword() -> None:
    columns = answer_columns(
        paths(
            "PatientName", "StudyInstanceUID", "0040,0100.0040,0001", "NumberOfStudyRelatedSeries"
        )
    )
    assert [column.heading for column in columns] == [
        "PatientName",
        "StudyInstanceUID",
        "ScheduledStationAETitle",
        "NumberOfStudyRelatedSeries",
    ]
    assert [column.whole for column in columns] == [False, True, False, False]
    assert [column.right for column in columns] == [False, False, False, True]
    assert columns[1].room == 64


def test_columns_that_end_the_same_are_headed_by_their_paths() -> None:
    columns = answer_columns(
        paths(
            "Modality",
            "ProcedureCodeSequence.CodeValue",
            "RequestedProcedureCodeSequence.CodeValue",
        )
    )
    assert [column.heading for column in columns] == [
        "Modality",
        "ProcedureCodeSequence.CodeValue",
        "RequestedProcedureCodeSequence.CodeValue",
    ]


def test_a_private_column_is_headed_by_its_creator() -> None:
    (column,) = answer_columns(paths('(0009,"AC\x1bME",02)'))
    assert column == AnswerColumn('(0009,"AC\\x1bME",02)', whole=False, right=False, room=0)


# What it costs


STARTUP = """
import sys
from dcmtools.dataset.answers import Answer, AnswerFormat, render
from dcmtools.dataset.path import TagPath
raw = bytes.fromhex(sys.argv[1])
for form in AnswerFormat:
    if form != "table":
        list(render([Answer(raw, implicit=False)], form, [TagPath.parse("PatientName")]))
print(*(name for name, module in sys.modules.items() if module is not None))
"""


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192", "GB18030"])
def test_neither_pydicom_nor_rich_is_loaded(charset: str) -> None:
    raw = answer(SpecificCharacterSet=charset, PatientName="Müller").raw
    command = [sys.executable, "-c", STARTUP, raw.hex()]
    ran = subprocess.run(command, capture_output=True, check=True, text=True)
    names = {name.split(".")[0] for name in ran.stdout.split()}
    assert "dcmtools" in names
    assert names & {"pydicom", "pynetdicom", "numpy", "ssl", "rich", "typer"} == set()

"""The command ``find``: what it prints, what it says, how it ends, and that it ends."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from pathlib import Path
from select import select
from time import monotonic
from typing import IO, TYPE_CHECKING, NamedTuple

import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from dcmtools.cli.main import app
from tests.factories import EXPLICIT, IMPLICIT, PEAK, element, item, make_ct
from tests.net.scripted import PATIENCE, Connection, Script, Scripted, Step
from tests.net.steps import (
    abort,
    accept,
    answer,
    close,
    find,
    hang,
    reject,
    serve,
    studies,
    study,
    wait_cancel,
    wait_for,
)
from tests.net.test_find import canceled, endless, extended, identifier
from tests.net.wire import C_FIND, STUDY_FIND
from tests.test_startup import HEAVY, command, modules

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "1.2.826.0.1.3680043.8.498.1"
ONE = study("1", PatientName="Müller^Jörg")
TWO = study("2", PatientName='Doe, "Jane"', AccessionNumber=None, StudyDate="")
KEYS = ("--only", "-k", "PatientName", "-k", "StudyDate", "-k", "AccessionNumber", "-k",
        "StudyInstanceUID")  # fmt: skip
XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<responses type="C-FIND">
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">
<DicomAttribute tag="00080005" vr="CS" keyword="SpecificCharacterSet">
<Value number="1">ISO_IR 100</Value>
</DicomAttribute>
<DicomAttribute tag="00100020" vr="LO" keyword="PatientID">
<Value number="1">P1</Value>
</DicomAttribute>
</NativeDicomModel>
</responses>
"""
FORMATS = ("tsv", "csv", "ndjson", "json", "xml", "table")


class Ran(NamedTuple):
    """What became of a run."""

    code: int
    stdout: str
    stderr: str


def run(peer: Scripted | str, *arguments: str | Path, stdin: str | bytes = "") -> Ran:
    """Run the command in this process."""
    address = peer if isinstance(peer, str) else peer.address
    ran = CliRunner().invoke(app, ["find", address, *map(str, arguments)], input=stdin)
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def ask(script: Script, *arguments: str | Path, stdin: str | bytes = "") -> Ran:
    """Run the command against a peer that answers C-FIND by a script."""
    with Scripted(serve({C_FIND: script}, accept(syntaxes=(EXPLICIT,)))) as peer:
        return run(peer, *arguments, stdin=stdin)


def lines(text: str) -> list[str]:
    return text.splitlines()


def data_sets(text: str, shape: str) -> int:
    """Count the matches in a document of a format, which must be whole."""
    if shape == "json":
        return len(json.loads(text))
    if shape == "xml":
        return len(ET.fromstring(text))
    if shape == "ndjson":
        return len([json.loads(line) for line in text.splitlines()])
    return len(list(csv.reader(io.StringIO(text)))) - 1


# Formats


TABLES = {
    "tsv": f"""\
PatientName\tStudyDate\tAccessionNumber\tStudyInstanceUID
Müller^Jörg\t20260102\tA1\t{ROOT}1
"Doe, ""Jane\"""\t\t\t{ROOT}2
""",
    "csv": f"""\
PatientName,StudyDate,AccessionNumber,StudyInstanceUID
Müller^Jörg,20260102,A1,{ROOT}1
"Doe, ""Jane\""",,,{ROOT}2
""",
    "table": f"""\
PatientName  StudyDate  AccessionNumber  StudyInstanceUID
───────────  ─────────  ───────────────  ────────────────────────────
Müller^Jörg  20260102   A1               {ROOT}1
Doe, "Jane"                              {ROOT}2
""",
}


@pytest.mark.parametrize(("shape", "expected"), TABLES.items())
def test_tables(shape: str, expected: str) -> None:
    assert ask(find([ONE, TWO]), "-f", shape, *KEYS) == Ran(0, expected, "")


def test_a_pipe_gets_tsv_with_all_that_was_asked_for() -> None:
    ran = ask(find([ONE]))
    head, row = [line.split("\t") for line in lines(ran.stdout)]
    assert ran.stderr == ""
    assert head == [
        "StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "StudyDescription",
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID",
        "ReferringPhysicianName", "StudyInstanceUID", "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ]  # fmt: skip
    assert row[5] == "Müller^Jörg"


JSON_ONE = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080020": {"vr": "DA", "Value": ["20260102"]},
    "00080050": {"vr": "SH", "Value": ["A1"]},
    "00080052": {"vr": "CS", "Value": ["STUDY"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jörg"}]},
    "00100020": {"vr": "LO", "Value": ["P1"]},
    "0020000D": {"vr": "UI", "Value": [f"{ROOT}1"]},
}
SIMPLE_TWO = {
    "SpecificCharacterSet": "ISO_IR 100",
    "StudyDate": None,
    "QueryRetrieveLevel": "STUDY",
    "PatientName": 'Doe, "Jane"',
    "PatientID": "P2",
    "StudyInstanceUID": f"{ROOT}2",
}


def test_json_is_an_array_and_ndjson_an_object_a_line() -> None:
    whole = ask(find([ONE, TWO]), "-f", "json")
    assert (whole.code, whole.stderr) == (0, "")
    assert json.loads(whole.stdout)[0] == JSON_ONE
    each = ask(find([ONE, TWO]), "-f", "ndjson")
    assert [json.loads(line) for line in lines(each.stdout)] == json.loads(whole.stdout)


def test_json_may_be_simple() -> None:
    for options in (["--simple"], ["--simple", "-f", "json"]):
        assert json.loads(ask(find([ONE, TWO]), *options).stdout)[1] == SIMPLE_TWO
    ran = ask(find([TWO]), "--simple", "-f", "ndjson")
    assert [json.loads(line) for line in lines(ran.stdout)] == [SIMPLE_TWO]
    for shape in ("csv", "tsv", "table", "xml"):
        ran = ask(find([]), "--simple", "-f", shape)
        assert ran == Ran(2, "", "dcmtools find: --simple: goes with -f json or ndjson\n")


def test_xml_is_one_document() -> None:
    gone = dict.fromkeys(
        ("StudyDate", "AccessionNumber", "QueryRetrieveLevel", "PatientName", "StudyInstanceUID")
    )
    assert ask(find([study("1", **gone)]), "-f", "xml") == Ran(0, XML, "")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("tsv", "PatientName\tStudyDate\tAccessionNumber\tStudyInstanceUID\n"),
        ("csv", "PatientName,StudyDate,AccessionNumber,StudyInstanceUID\n"),
        ("table", ""),
        ("json", "[\n]\n"),
        ("ndjson", ""),
        ("xml", "\n".join([*XML.splitlines()[:2], "</responses>", ""])),
    ],
)
def test_nothing_found_is_an_empty_document_and_no_failure(shape: str, expected: str) -> None:
    said = "dcmtools find: no matches\n"
    assert ask(find([]), "-f", shape, *KEYS) == Ran(0, expected, said)
    assert ask(find([]), "-f", shape, *KEYS, "--fail-empty") == Ran(10, expected, said)
    assert ask(find([ONE]), "-f", shape, *KEYS, "--fail-empty").code == 0
    assert ask(find([]), "-f", shape, *KEYS, "-q").stderr == ""


def test_elements_of_sequences_are_columns() -> None:
    step = element(0x00080060, "CS", b"CT") + element(0x00400001, "AE", b"CT1 ")
    other = element(0x00080060, "CS", b"MR")
    raw = element(0x00100020, "LO", b"P1") + element(0x00400100, "SQ", item(step) + item(other))
    keys = "-k", "(0040,0100)[0].Modality", "-k", "(0040,0100)[0].0040,0001", "-k", "PatientID"
    ran = ask(find([raw]), "-W", "--only", *keys, "-f", "csv")
    head = "ScheduledProcedureStepSequence.Modality,"
    head += "ScheduledProcedureStepSequence.ScheduledStationAETitle,PatientID"
    assert ran == Ran(0, f"{head}\nCT|MR,CT1,P1\n", "")


def test_values_of_a_peer_are_escaped() -> None:
    raw = element(0x00100020, "LO", b"\x1b[2J[/x]") + element(0x00100010, "PN", b"a\tb\n")
    keys = "--only", "-k", "PatientID", "-k", "PatientName"
    for shape in ("tsv", "csv", "table"):
        ran = ask(find([raw]), "-f", shape, *keys)
        assert "\x1b" not in ran.stdout
        assert r"\x1b[2J[/x]" in ran.stdout
        assert len(lines(ran.stdout)) == (3 if shape == "table" else 2)


# What is asked


def asked_for(*options: str | Path, model: str = STUDY_FIND) -> dict[str, object]:
    """Give what a peer is asked, by keyword, with implicit VR."""
    with Scripted(serve({C_FIND: find([])}, accept(syntaxes=(IMPLICIT,)))) as peer:
        assert run(peer, *options).code == 0
    assert peer.requests[0].proposed[0].abstract_syntax == model
    (message,) = peer.messages
    data = identifier(message, implicit=True)
    return {each.keyword: "" if each.value is None else each.value for each in data}


def test_keys_and_return_keys_are_sent() -> None:
    sent = asked_for("--patient-id", "4711", "--date", "20260101..20260131", "-k", "StudyComments")
    assert {name: value for name, value in sent.items() if value != ""} == {
        "QueryRetrieveLevel": "STUDY",
        "PatientID": "4711",
        "StudyDate": "20260101-20260131",
    }
    assert sent["SpecificCharacterSet"] == sent["StudyComments"] == ""
    assert {"StudyInstanceUID", "NumberOfStudyRelatedInstances", "PatientName"} <= sent.keys()


def test_only_keeps_the_keys_to_those_given() -> None:
    assert asked_for("--only", "-k", "StudyInstanceUID", "--accession", "A1") == {
        "QueryRetrieveLevel": "STUDY",
        "SpecificCharacterSet": "",
        "StudyInstanceUID": "",
        "AccessionNumber": "A1",
    }


@pytest.mark.parametrize(
    ("options", "model", "level"),
    [
        (["-S"], STUDY_FIND, "STUDY"),
        (["-P"], "1.2.840.10008.5.1.4.1.2.1.1", "PATIENT"),
        (["-P", "--date", "today"], "1.2.840.10008.5.1.4.1.2.1.1", "STUDY"),
        (["-O"], "1.2.840.10008.5.1.4.1.2.3.1", "PATIENT"),
        (["--series", "1.2"], STUDY_FIND, "SERIES"),
        (["--series", "1.2", "-L", "image"], STUDY_FIND, "IMAGE"),
        (["-W"], "1.2.840.10008.5.1.4.31", None),
        (["--station-aet", "CT1"], "1.2.840.10008.5.1.4.31", None),
        (["--ups"], "1.2.840.10008.5.1.4.34.6.3", None),
        (["--model", "HangingProtocolInformationModelFind"], "1.2.840.10008.5.1.4.38.2", None),
        (["--model", "1.2.3.4.5"], "1.2.3.4.5", None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_models_and_levels(options: list[str], model: str, level: str | None) -> None:
    assert asked_for(*options, model=model).get("QueryRetrieveLevel") == level


@pytest.mark.parametrize(
    ("options", "charset", "raw"),
    [
        (["--patient-name", "Mueller"], "", b"Mueller "),
        (["--patient-name", "Müller*"], "ISO_IR 192", "Müller*".encode()),
        (["--patient-name", "山田*"], "ISO_IR 192", "山田* ".encode()),
        (["--patient-name", "Müller*", "--charset", "latin1"], "ISO_IR 100", b"M\xfcller* "),
        (["--patient-name", "Mueller", "--charset", "latin1"], "ISO_IR 100", b"Mueller "),
        (
            ["--patient-name", "Yamada=山田", "--charset", "\\ISO 2022 IR 87"],
            "\\ISO 2022 IR 87",
            b"Yamada=\x1b$B;3ED\x1b(B ",
        ),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else "",
)
def test_text_is_sent_in_ascii_or_utf_8_or_what_is_asked_for(
    options: list[str], charset: str, raw: bytes
) -> None:
    with Scripted(serve({C_FIND: find([])}, accept(syntaxes=(EXPLICIT,)))) as peer:
        assert run(peer, *options).code == 0
    (message,) = peer.messages
    assert message.data is not None
    assert element(0x00080005, "CS", charset.encode() + b" " * (len(charset) % 2)) in message.data
    assert element(0x00100010, "PN", raw) in message.data


def test_query_files_are_keys_too(tmp_path: Path) -> None:
    gone = dict.fromkeys(("PixelData", "PatientName", "SliceThickness", "Rows", "Columns"))
    file = make_ct(tmp_path / "query.dcm", PatientID="Ü-1", **gone)
    sent = asked_for("--only", file, "--modality", "", "-L", "image")
    assert (sent["PatientID"], sent["Modality"], sent["QueryRetrieveLevel"]) == ("Ü-1", "", "IMAGE")
    assert sent["SpecificCharacterSet"] == "ISO_IR 192"
    assert "PatientName" not in sent


def test_negotiation_is_asked_for_and_a_refusal_is_told() -> None:
    options = "--relational", "--datetime", "--fuzzy"
    agreeing = accept(items=extended(STUDY_FIND, b"\1\0\1"))
    with Scripted(serve({C_FIND: find([ONE])}, agreeing)) as peer:
        ran = run(peer, *options)
    information = peer.requests[0].pdu.user_information
    assert information is not None
    (sent,) = information.ext_neg
    assert sent.service_class_application_information == b"\1\1\1"
    assert ran.code == 0
    assert ran.stderr == (
        "dcmtools find: warning: the peer does not offer combined date-time matching\n"
    )
    with Scripted(serve({C_FIND: find([ONE])})) as peer:
        assert run(peer).stderr == ""
    information = peer.requests[0].pdu.user_information
    assert information is not None
    assert list(information.ext_neg) == []


# How it ends


@pytest.mark.parametrize(
    ("script", "options", "code", "said"),
    [
        (find([ONE]), [], 0, ""),
        (answer(0xA700), [], 8, r"answered A700H.*\n.*hint: It is out of resources"),
        (answer(0xA900), [], 8, r"answered A900H.*\n.*hint: A key is missing"),
        (answer(0xC001), [], 8, r"answered C001H, unable to process\n.*hint: .*log"),
        (answer(0x0122), [], 8, r"answered 0122H.*\n.*hint: .*-S, -P, -O, -W"),
        (answer(0xFE00), [], 8, r"answered FE00H, cancelled"),
        (find([ONE], final=0xA700), [], 9, r"answered A700H.*\n.*hint"),
        (find([ONE], final=0xB000), [], 0, r"warning: the peer warns: B000H"),
        (find([ONE, ONE], status=0xFF01), [], 0, r"warning: the peer does not support some"),
        (find([None, ONE]), [], 0, r"warning: the peer sent a match without content"),
        (find([None]), ["--fail-empty"], 10, r"without content\n.*no matches"),
        ([find([ONE], final=None), *abort(0, 0)], [], 9, r"aborted"),
        ([find([ONE], final=None), close()], [], 9, r"closed the connection"),
        ([find([ONE], final=None), hang()], ["--dimse-timeout", "0.3"], 9, r"nothing for 0\.3 s"),
        (abort(0, 0), [], 7, r"aborted"),
        (close(), [], 7, r"closed the connection"),
        (hang(), ["--dimse-timeout", "0.3"], 6, r"nothing for 0\.3 s: no response"),
        (answer(0, MessageIDBeingRespondedTo=9), [], 7, r"message 9, which is not under way"),
        (find([ONE]), ["-f", "csvv"], 2, r"csvv"),
        (find([ONE]), ["-k", "Bogus"], 2, r"Bogus"),
        (find([ONE]), ["--limit", "0"], 2, r"--limit"),
        (find([ONE]), ["--patient-name", "山", "--charset", "latin1"], 2, r"PatientName: '山'"),
        (find([ONE]), ["--model", "CompositeInstanceRootRetrieveGet"], 2, r"not queried"),
        (find([ONE]), ["no-such-file"], 3, r"no-such-file: no such file"),
        (find([ONE]), ["--each", "no-such-file"], 3, r"no-such-file: no such file"),
        (find([ONE]), ["-X", "/dev/null/x"], 4, r"/dev/null/x: "),
        (find([ONE]), ["--tls-ca", "/no-such-file"], 5, r"/no-such-file"),
    ],
)  # fmt: skip
def test_exit_codes(script: Script, options: list[str], code: int, said: str) -> None:
    ran = ask(script, *options)
    assert ran.code == code, ran.stderr
    assert bool(ran.stderr) == bool(said)
    assert re.search(said, ran.stderr), ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (["-L", "series"], "StudyInstanceUID"),
        (["-L", "image"], "StudyInstanceUID and SeriesInstanceUID"),
        (["-L", "image", "--study", "1.2"], "SeriesInstanceUID"),
        (["-L", "series", "--study", "1.2", "--study", "1.3"], "StudyInstanceUID"),
        (["-L", "series", "--study", "1.2"], ""),
        (["-P", "-L", "study"], "PatientID"),
        (["-W"], ""),
        ([], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_failure_is_explained_by_what_the_query_lacks(options: list[str], missing: str) -> None:
    ran = ask(answer(0xC000), *options)
    assert ran.code == 8
    lacks = f"it may want one {missing}, unless it agrees to --relational."
    assert ("--relational" in ran.stderr) == bool(missing)
    assert not missing or lacks in ran.stderr
    assert "could not process" in ran.stderr


@pytest.mark.parametrize("options", [["--patient-name", "山", "--charset", "latin1"], ["-k", "x"]])
def test_a_wrong_key_is_told_before_anybody_is_asked(options: list[str]) -> None:
    with Scripted(serve({C_FIND: find([ONE])})) as peer:
        assert run(peer, *options).code == 2
    assert peer.requests == []


def test_a_rejection_and_a_service_that_is_not_offered() -> None:
    with Scripted(reject(1, 1, 7)) as peer:
        ran = run(peer)
    assert (ran.code, ran.stdout) == (7, "")
    assert "called AE title not recognized" in ran.stderr
    with Scripted([accept(refuse=3)]) as peer:
        ran = run(peer, "-W")
    assert (ran.code, ran.stdout) == (7, "")
    assert "ModalityWorklistInformationModelFind" in ran.stderr


@pytest.mark.parametrize("shape", FORMATS)
@pytest.mark.parametrize("end", [[answer(0xA700)], abort(0, 0), [close()]], ids="abc")
def test_a_document_is_whole_also_when_the_query_fails_midway(shape: str, end: list[Step]) -> None:
    ran = ask([find(studies(3), final=None), *end], "-f", shape, *KEYS)
    assert ran.code == 9
    if shape == "table":
        assert len(lines(ran.stdout)) == 5
    else:
        assert data_sets(ran.stdout.replace("\t", ","), shape) == 3
    ran = ask(end, "-f", shape, *KEYS)
    assert ran.code in (7, 8)
    if shape != "table":
        assert data_sets(ran.stdout, shape) == 0


def test_the_help_needs_no_peer() -> None:
    ran = CliRunner().invoke(app, ["find", "--help"])
    assert ran.exit_code == 0
    for name in ("--patient-name", "--each", "-k, --key", "-X, --write", "-W, --worklist"):
        assert name in ran.stdout
    assert CliRunner().invoke(app, ["find"]).exit_code == 2


# What is odd about answers


def test_text_without_a_character_set_is_told_and_can_be_helped() -> None:
    raw = element(0x00100010, "PN", "Müller".encode("latin-1"))
    keys = "--only", "-k", "PatientName"
    ran = ask(find([raw, raw]), *keys)
    assert ran.code == 0
    assert ran.stdout == "PatientName\nM\\xfcller\nM\\xfcller\n"
    (said,) = lines(ran.stderr)
    assert "match 1" in said
    assert "PatientName" in said
    assert "no Specific Character Set is named" in said
    for name in ("latin1", "ISO_IR 100"):
        ran = ask(find([raw]), *keys, "--assume-charset", name)
        assert ran == Ran(0, "PatientName\nMüller\n", "")
    kanji = element(0x00100010, "PN", "Yamada=山田".encode())
    ran = ask(find([kanji]), *keys, "--assume-charset", "utf8", "-f", "json", "--simple")
    assert json.loads(ran.stdout) == [{"PatientName": "Yamada=山田"}]


@pytest.mark.parametrize(
    ("raw", "code", "said"),
    [
        (element(0x0020000D, "UI", b"1.2.3\0", 500), 9, r"match 1: .*500 bytes"),
        (bytes(range(10, 250)) * 3, 9, r"match 1: "),
        (b"\0", 0, r"the peer ignores PatientID"),
        (element(0x0020000D, "UI", b"1.2\0") + element(0x00100020, "LO", b"P1"), 0, "ascending"),
        (element(0x00080005, "CS", b"NONSENSE") + element(0x00100020, "LO", b"P1"), 0, "NONSENSE"),
    ],
    ids=["cut", "garbage", "a byte", "wrong order", "unknown charset"],
)
def test_an_identifier_that_is_damaged_is_shown_and_told(raw: bytes, code: int, said: str) -> None:
    ran = ask(find([raw]), "--only", "--patient-id", "P1", "-k", "StudyInstanceUID")
    assert ran.code == code
    assert "ignores" not in ran.stderr or code == 0
    assert len(lines(ran.stdout)) == 2
    assert re.search(said, ran.stderr)


def test_the_same_oddity_is_told_once_for_many_matches() -> None:
    raw = element(0x0020000D, "UI", b"1.2\0") + element(0x00100020, "LO", b"P1")
    ran = ask(find([raw] * 50), "--only", "-k", "PatientID")
    assert len(lines(ran.stdout)) == 51
    assert len(lines(ran.stderr)) == 1


def test_there_is_an_end_to_oddities() -> None:
    cut = [element(0x0020000D, "UI", b"1.2.3\0", length) for length in range(100, 400)]
    ran = ask(find(cut), "--only", "-k", "PatientID")
    assert (ran.code, len(lines(ran.stdout))) == (9, 301)
    assert 20 < len(lines(ran.stderr)) < 60
    assert "not told" in lines(ran.stderr)[-1]


def test_a_key_that_a_peer_ignores_is_told() -> None:
    ran = ask(find([ONE, TWO]), "--patient-id", "P1", "-L", "series")
    assert ran.code == 0
    assert len(lines(ran.stdout)) == 3
    assert ran.stderr == (
        "dcmtools find: warning: the peer ignores PatientID: there are matches with other values\n"
    )
    assert ask(find([ONE]), "--patient-id", "P1").stderr == ""
    ran = ask(find([ONE]), "--modality", "CT", "-k", "StudyID", "-k", "PatientSex=*")
    assert (ran.code, len(lines(ran.stdout))) == (0, 2)
    assert ran.stderr == (
        "dcmtools find: warning: the peer ignores ModalitiesInStudy: there are matches without it\n"
    )


# Enough


def test_a_limit_has_the_peer_stop() -> None:
    script = [find(studies(4), final=None), wait_cancel(), answer(0xFE00)]
    with Scripted(serve({C_FIND: script})) as peer:
        ran = run(peer, "--limit", "2", "--only", "-k", "PatientID")
    assert ran == Ran(0, "PatientID\nP0000001\nP0000002\n", "")
    assert canceled(peer) == [1]
    assert peer.endings[0] == "release"


def test_a_limit_holds_whatever_the_peer_does() -> None:
    started = monotonic()
    with Scripted(serve({C_FIND: endless})) as peer:
        ran = run(peer, "--limit", "1", "--only", "-k", "PatientID", "-f", "json")
        assert monotonic() - started < 10
    assert (ran.code, ran.stderr) == (0, "")
    assert len(json.loads(ran.stdout)) == 1


# Files


def test_matches_are_written_as_files_too(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    ran = ask(find([ONE, TWO]), "-X", folder, *KEYS)
    assert (ran.code, len(lines(ran.stdout)), ran.stderr) == (0, 3, "")
    assert sorted(path.name for path in folder.iterdir()) == ["rsp0001.dcm", "rsp0002.dcm"]
    first = dcmread(folder / "rsp0001.dcm")
    assert (first.PatientName, first.file_meta.TransferSyntaxUID) == ("Müller^Jörg", EXPLICIT)
    assert first.file_meta.MediaStorageSOPClassUID == STUDY_FIND


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "rsp0001.dcm").write_text("mine")
    assert ask(find([ONE]), "--write", tmp_path).code == 0
    assert (tmp_path / "rsp0001.dcm").read_text() == "mine"
    assert dcmread(tmp_path / "rsp0001_2.dcm").PatientName == "Müller^Jörg"


# Tables of keys


def by_id(c: Connection) -> None:
    """Find one study of each patient but P9, for whom it fails; an empty ID finds two."""
    assert c.message is not None
    data = identifier(c.message, implicit=False)
    number = str(data.PatientID or "").removeprefix("P")
    if number == "9":
        answer(0xC001)(c)
    elif number == "0":
        find([])(c)
    else:
        wanted = data.get("StudyDate")
        find([study(n, StudyDate=wanted) for n in number or "12" if n.isdecimal()])(c)


EACH = "--only", "-k", "StudyInstanceUID", "-f", "csv"


def each(table: str, *options: str) -> tuple[int, list[str], list[str]]:
    """Ask by a table, as a file and on standard input; give the rows and what is said."""
    ran = ask(by_id, "--each", "-", *(options or EACH), stdin=table)
    return ran.code, lines(ran.stdout), re.sub(r"\d+\.\d s", "T s", ran.stderr).splitlines()


@pytest.mark.parametrize(
    "table",
    [
        "PatientID\nP1\nP2\nP3\n",
        "\ufeffPatientID\r\nP1\r\n\r\nP2\r\nP3\r\n",
        '"(0010,0020)"\nP1\n"P2"\nP3',
        "PatientID,\n".replace(",", "") + "P1\nP2\nP3\n\n",
        "0010,0020\nP1\nP2\nP3\n",
    ],
    ids=["lines", "from Windows", "quoted", "blank lines", "tag"],
)
def test_a_table_is_a_query_a_row(table: str) -> None:
    code, rows, said = each(table)
    assert code == 0
    assert rows == ["PatientID,StudyInstanceUID", *(f"P{n},{ROOT}{n}" for n in "123")]
    assert said == ["dcmtools find: 3 queries, 3 matches in T s"]


def test_several_columns_in_csv_and_tsv(tmp_path: Path) -> None:
    expected = (
        "PatientID,StudyDate,StudyInstanceUID\n"
        f"P1,20260101,{ROOT}1\nP1,20260102,{ROOT}1\nP2,20260102,{ROOT}2\n"
    )
    for delimiter in ",\t":
        table = "PatientID,StudyDate\nP1,20260101\n,20260102\n".replace(",", delimiter)
        (tmp_path / "keys").write_text(table)
        ran = ask(by_id, "--each", tmp_path / "keys", *EACH)
        assert (ran.code, ran.stdout) == (0, expected)
    ran = ask(by_id, "--each", tmp_path / "keys", *EACH, "-q")
    assert ran == Ran(0, expected, "")


def test_all_rows_go_over_one_association_with_the_keys_of_the_options() -> None:
    with Scripted(serve({C_FIND: by_id}, accept(syntaxes=(EXPLICIT,)))) as peer:
        ran = run(
            peer, "--each", "-", "--accession", "A1", "--patient-name", "Ü",
            "-k", "PatientID=never", stdin="PatientID,StudyDate\nP1,today\nP2,-1d\n",
        )  # fmt: skip
    assert ran.code == 0
    assert len(peer.requests) == 1
    sent = [identifier(message, implicit=False) for message in peer.messages]
    assert [data.PatientID for data in sent] == ["P1", "P2"]
    assert [data.AccessionNumber for data in sent] == ["A1", "A1"]
    assert [data.PatientName for data in sent] == ["Ü", "Ü"]
    assert [len(str(data.StudyDate)) for data in sent] == [8, 17]
    assert all("StudyDescription" in data for data in sent)


def test_the_level_is_that_of_all_rows() -> None:
    table = "SeriesInstanceUID,StudyInstanceUID\n1.2.3,1.2\n,1.2\n"
    with Scripted(serve({C_FIND: find([])}, accept(syntaxes=(EXPLICIT,)))) as peer:
        assert run(peer, "--each", "-", stdin=table).code == 0
        assert run(peer, "--each", "-", "--only", "-L", "image", stdin=table).code == 0
    sent = [identifier(message, implicit=False).QueryRetrieveLevel for message in peer.messages]
    assert sent == ["SERIES", "SERIES", "IMAGE", "IMAGE"]


def test_rows_that_fail_stop_no_others() -> None:
    code, rows, said = each(
        'PatientID,StudyDate\nP1,\nP9,\n"a"b,c\nP1,2,3\nP2,2026-02-30\nP0,\nP9,\nP3,\n'
    )
    assert code == 9
    assert [row.split(",")[0] for row in rows[1:]] == ["P1", "P3"]
    failed = [line for line in said if "row " in line]
    assert len(failed) == 5
    assert re.search(r"row 2: SCRIPTED@.*: answered C001H", failed[0])
    assert "row 3: standard input, line 4: cannot be read" in failed[1]
    assert "row 4: standard input, line 5: has 3 values for 2 columns" in failed[2]
    assert "row 5: 2026-02-30: 2026-02-30 is not a day of the calendar" in failed[3]
    assert "row 7: SCRIPTED@" in failed[4]
    assert sum("The peer could not process it" in line for line in said) == 1
    assert said[-1] == "dcmtools find: 8 queries, 2 matches, 5 failed in T s"


@pytest.mark.parametrize(
    ("table", "options", "code"),
    [
        ("PatientID\nP9\nP9\n", [], 8),
        ("PatientID\nP0\nP9\n", [], 9),
        ("PatientID\nP0\nP0\n", [], 0),
        ("PatientID\nP0\nP0\n", ["--fail-empty"], 10),
        ("PatientID\nP1\nP0\n", ["--fail-empty"], 0),
        ("PatientID\n", [], 0),
        ("StudyDate\n2026-02-30\n", [], 2),
        ("PatientID,StudyDate\n1,2,3\n", [], 3),
        ("", [], 2),
        ("Bogus\n1\n", [], 2),
        ("PatientID,PatientID\n1,2\n", [], 2),
        ("PatientID,0010\n1,2\n", [], 2),
        ("PatientID\nÜ\n", ["--charset", "ISO_IR 101"], 0),
        ("PatientID\n山\n", ["--charset", "latin1"], 2),
    ],
)
def test_exit_codes_of_tables(table: str, options: list[str], code: int) -> None:
    found, _, said = each(table, *EACH, *options)
    assert found == code, said
    assert not any("Traceback" in line for line in said)


def test_a_row_in_another_encoding_fails_alone() -> None:
    ran = ask(by_id, "--each", "-", *EACH, stdin=b"PatientID\nM\xfc\nP1\n")
    assert ran.code == 9
    assert "row 1: PatientID: " in ran.stderr
    assert "bytes that are not text" in ran.stderr
    assert lines(ran.stdout)[1:] == [f"P1,{ROOT}1"]


def test_a_lost_association_costs_one_row() -> None:
    def deadly(c: Connection) -> None:
        assert c.message is not None
        if identifier(c.message, implicit=False).PatientID == "P8":
            c.reset()
        by_id(c)

    table = "PatientID\nP1\nP8\nP2\nP8\nP3\n"
    with Scripted(serve({C_FIND: deadly}, accept(syntaxes=(EXPLICIT,)))) as peer:
        ran = run(peer, "--each", "-", *EACH, stdin=table)
    assert ran.code == 9
    assert lines(ran.stdout)[1:] == [f"P{n},{ROOT}{n}" for n in "123"]
    assert len(peer.requests) == 3
    assert "row 2: SCRIPTED@" in ran.stderr
    assert "5 queries, 3 matches, 2 failed" in ran.stderr


def test_a_peer_that_is_gone_is_not_asked_for_the_rest() -> None:
    connections: list[int] = []

    def gone(c: Connection) -> None:
        connections.append(c.number)
        c.close()

    dying = [accept(syntaxes=(EXPLICIT,)), find([ONE]), close()]
    with Scripted(dying, gone) as peer:
        ran = run(peer, "--each", "-", *EACH, stdin="PatientID\n" + "P1\n" * 1000)
    assert ran.code == 9
    assert len(lines(ran.stdout)) == 2
    assert "the rest of the table is not asked for" in ran.stderr
    assert "3 queries, 1 match, 2 failed" in ran.stderr
    assert connections == [1]


def test_a_limit_is_for_each_row() -> None:
    code, rows, _ = each("PatientID\nP123\nP456\n", *EACH, "--limit", "2")
    assert code == 0
    assert [row.split(",")[0] for row in rows[1:]] == ["P1", "P2", "P4", "P5"]


def test_a_row_is_asked_for_before_the_next_one_is_there() -> None:
    with (
        Scripted(serve({C_FIND: by_id}, accept(syntaxes=(EXPLICIT,)))) as peer,
        running(peer, "--each", "-", *EACH) as process,
    ):
        assert process.stdin is not None
        process.stdin.write(b"PatientID\nP1\n")
        process.stdin.flush()
        assert read_lines(process, 2)[1] == f"P1,{ROOT}1"
        process.stdin.write(b"P2\n")
        process.stdin.close()
        assert read_lines(process, 1) == [f"P2,{ROOT}2"]
        assert process.wait(PATIENCE) == 0


def test_standard_input_is_not_read_twice() -> None:
    ran = ask(by_id, "--each", "-", "-")
    assert (ran.code, ran.stdout) == (2, "")
    assert "standard input" in ran.stderr


# What is said


@pytest.mark.parametrize("options", [["-v"], ["-vv"]])
def test_steps_are_told_without_values(options: list[str]) -> None:
    ran = ask(find([ONE, TWO]), "--patient-name", "Secret*", "--patient-id", "P1", *options)
    assert ran.code == 0
    assert "asking in Study Root, level STUDY" in ran.stderr
    assert "2 matches" in ran.stderr
    assert ("C-FIND-RQ 1" in ran.stderr) == (options == ["-vv"])
    for value in ("Secret", "Müller", "Jane", "A1"):
        assert value not in ran.stderr
    assert ran.stdout == ask(find([ONE, TWO]), "--patient-name", "Secret*", "--patient-id",
                             "P1").stdout  # fmt: skip


def test_a_log_file_gets_all_of_it(tmp_path: Path) -> None:
    ran = ask(find([ONE]), "--patient-name", "Secret*", "--log-file", tmp_path / "log")
    assert (ran.code, ran.stderr) == (0, "")
    log = (tmp_path / "log").read_text()
    assert "dcmtools find: asking in Study Root, level STUDY" in log
    assert "C-FIND-RQ 1" in log
    assert "1 match" in log
    assert "Secret" not in log
    assert "Müller" not in log


# As a process of its own


@contextmanager
def running(peer: Scripted, *arguments: str, **options: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command as a process of its own, which is gone afterwards."""
    program = [sys.executable, "-m", "dcmtools", "find", peer.address, *arguments]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    # Not what else the C library has set: readline, in pytest, sets COLUMNS.
    environment = dict(os.environ)
    with subprocess.Popen(program, **{**pipes, **options}, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def read_lines(process: subprocess.Popen[bytes], count: int) -> list[str]:
    """Read lines from stdout."""
    assert process.stdout is not None
    return [process.stdout.readline().decode().rstrip("\n") for _ in range(count)]


def read_until(process: subprocess.Popen[bytes], mark: bytes) -> bytes:
    """Read stdout until something has come."""
    assert process.stdout is not None
    seen = b""
    while mark not in seen:
        assert select([process.stdout], [], [], PATIENCE)[0]
        part = os.read(process.stdout.fileno(), 4096)
        assert part, seen
        seen += part
    return seen


def rest(stream: IO[bytes] | None) -> str:
    assert stream is not None
    return stream.read().decode()


@pytest.mark.parametrize("shape", [s for s in FORMATS if s != "table"])
def test_a_match_is_printed_before_the_next_one_is_sent(shape: str) -> None:
    more = threading.Event()
    script = [find([ONE], final=None), wait_for(more), find([TWO])]
    with (
        Scripted(serve({C_FIND: script}, accept(syntaxes=(EXPLICIT,)))) as peer,
        running(peer, "-f", shape) as process,
    ):
        assert process.stdout is not None
        read_until(process, "Jörg".encode())
        more.set()
        assert "Jane" in rest(process.stdout)
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("shape", FORMATS)
def test_a_reader_that_leaves_ends_it_quietly(shape: str) -> None:
    with (
        Scripted(serve({C_FIND: find(studies(100_000))})) as peer,
        running(peer, "-f", shape) as process,
    ):
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        started = monotonic()
        assert process.wait(PATIENCE) == 0
        assert monotonic() - started < 8
        assert rest(process.stderr) == ""
        peer.wait(lambda it: it.endings)
    assert canceled(peer) == [1]


def test_a_reader_that_leaves_is_told_to_a_peer_that_does_not_listen() -> None:
    with Scripted(serve({C_FIND: endless})) as peer, running(peer, "-f", "tsv") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        started = monotonic()
        assert process.wait(PATIENCE) == 0
        assert monotonic() - started < 8
        assert rest(process.stderr) == ""


def interrupted(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Press Ctrl-C; give the exit code and what is said."""
    process.send_signal(signal.SIGINT)
    return process.wait(PATIENCE), rest(process.stderr)


@pytest.mark.parametrize("shape", [s for s in FORMATS if s != "table"])
def test_ctrl_c_amid_a_query(shape: str) -> None:
    script = [find(studies(3), final=None), wait_cancel(), answer(0xFE00)]
    with (
        Scripted(serve({C_FIND: script})) as peer,
        running(peer, "-f", shape, *KEYS) as process,
    ):
        assert process.stdout is not None
        seen = read_until(process, b"0000003")
        assert interrupted(process) == (130, "dcmtools find: interrupted\n")
        whole = (seen + process.stdout.read()).decode()
        assert data_sets(whole.replace("\t", ","), shape) == 3
    assert canceled(peer) == [1]
    assert peer.endings[0] == "release"


@pytest.mark.parametrize("shape", ["json", "xml", "ndjson", "csv"])
def test_ctrl_c_while_the_reader_is_slow(shape: str) -> None:
    """The pipe is full, and the command waits for that and not for the peer."""
    source, sink = os.pipe()
    with (
        Scripted(serve({C_FIND: find(studies(100_000))})) as peer,
        running(peer, "-f", shape, stdout=sink) as process,
        open(source, "rb") as output,  # noqa: PTH123 - a descriptor
    ):
        deadline = monotonic() + PATIENCE
        while select([], [sink], [], 0)[1]:
            assert monotonic() < deadline
        os.close(sink)
        process.send_signal(signal.SIGINT)
        whole = output.read().decode()
        assert process.wait(PATIENCE) == 130
        assert rest(process.stderr) == "dcmtools find: interrupted\n"
        assert data_sets(whole, shape) > 0


def test_ctrl_c_before_there_is_an_association() -> None:
    with Scripted([hang()]) as peer, running(peer) as process:
        peer.wait(lambda it: it.requests)
        assert interrupted(process) == (130, "dcmtools find: interrupted\n")
        assert rest(process.stdout) == ""


def test_ctrl_c_before_the_first_match() -> None:
    script = [wait_cancel(), answer(0xFE00)]
    with Scripted(serve({C_FIND: script})) as peer, running(peer, "-f", "json") as process:
        peer.wait(lambda it: it.messages)
        assert interrupted(process) == (130, "dcmtools find: interrupted\n")
        assert json.loads(rest(process.stdout)) == []
    # Where it meets the sending, nothing more can be sent, for it may be half a PDU.
    assert canceled(peer) in ([1], [])


def test_a_second_ctrl_c_waits_for_nobody() -> None:
    with Scripted(serve({C_FIND: [find(studies(1), final=None), hang()]})) as peer:
        with running(peer, "-f", "json") as process:
            read_until(process, b"0000001")
            process.send_signal(signal.SIGINT)
            peer.wait(canceled)
            started = monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
            assert monotonic() - started < 1.5
            assert rest(process.stderr) == "dcmtools find: interrupted\n"
        peer.wait(lambda it: it.endings)
    assert peer.endings[0] in ("abort", "close")  # the latter where it meets the sending


def test_a_full_disk_is_no_success() -> None:
    with (
        Scripted(serve({C_FIND: find(studies(1000))})) as peer,
        Path("/dev/full").open("wb") as full,
        running(peer, stdout=full.fileno()) as process,
    ):
        assert process.wait(PATIENCE) == 4
        assert "standard output: no space left on device" in rest(process.stderr)


def test_a_closed_standard_input_is_told() -> None:
    with Scripted(serve({C_FIND: by_id})) as peer:
        ran = subprocess.run(
            ["sh", "-c", f"{sys.executable} -m dcmtools find {peer.address} --each - <&-"],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == "dcmtools find: standard input: is closed\n"


# On a terminal


def terminal(peer: Scripted, width: int, *arguments: str) -> str:
    """Run the command on a terminal of some width, and give what it shows, without colours."""
    shown = b""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    with running(peer, *arguments, stdout=slave) as process:
        os.close(slave)
        try:
            while part := os.read(master, 1 << 16):
                shown += part
        except OSError:  # the terminal has gone, as a process does that ends
            pass
        finally:
            os.close(master)
        assert process.wait(PATIENCE) == 0
        assert rest(process.stderr) == ""
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")


def test_a_narrow_terminal_gets_a_table_that_fits() -> None:
    with Scripted(serve({C_FIND: find([ONE, TWO])})) as peer:
        shown = terminal(peer, 80)
        assert (
            lines(shown)
            == [
                "                                  Modalities",
                "PatientName  PatientID  StudyDate   InStudy   StudyDescription",
            ]
            or "PatientName" in shown
        )
        assert max(map(len, lines(shown))) <= 80
        assert shown.count("Müller^Jörg") == shown.count(f"{ROOT}1") == 1
        assert "ReferringPhysicianName" not in shown
    (message,) = peer.messages
    assert "ReferringPhysicianName" in identifier(message, implicit=False)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_keys_of_the_user_are_never_left_out(width: int) -> None:
    with Scripted(serve({C_FIND: find([ONE])})) as peer:
        shown = terminal(peer, width, "-k", "StudyID", "-k", "PatientComments", "--accession", "A1")
    for word in ("StudyID", "Comments", "Accession"):
        assert word in shown
    assert max(map(len, lines(shown))) <= width


def test_a_terminal_shows_rows_before_the_last_one_is_there() -> None:
    more = threading.Event()
    first = [find(studies(60), final=None), wait_for(more), find([TWO])]
    with Scripted(serve({C_FIND: first})) as peer:
        master, slave = pty.openpty()
        with running(peer, stdout=slave) as process:
            os.close(slave)
            seen = b""
            while b"Jane0000059" not in seen:
                assert select([master], [], [], PATIENCE)[0]
                seen += os.read(master, 1 << 16)
            more.set()
            while b'"Jane"' not in seen:
                seen += os.read(master, 1 << 16)
            assert process.wait(PATIENCE) == 0
        os.close(master)


# What it takes


def loaded(peer: Scripted, *arguments: str) -> set[str]:
    """Run it with its output in a pipe and tell which modules it loaded."""
    ran = subprocess.run(
        command("find", peer.address, *arguments),
        capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=PATIENCE,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    assert ran.stdout
    return modules(ran.stderr)


@pytest.mark.parametrize("options", [[], ["-f", "json"], ["-f", "xml"], ["-vv"]], ids=" ".join)
def test_a_pipe_needs_neither_rich_nor_numpy(options: list[str]) -> None:
    with Scripted(serve({C_FIND: find([ONE])})) as peer:
        assert loaded(peer, *options) & {"rich", "numpy"} == set()


def test_the_help_loads_no_libraries() -> None:
    ran = subprocess.run(command("find", "--help"), capture_output=True, check=True)
    assert modules(ran.stderr) & (HEAVY | {"rich"}) == set()


def test_a_table_loads_only_the_part_of_rich_that_draws() -> None:
    with Scripted(serve({C_FIND: find([ONE])})) as peer:
        found = loaded(peer, "-f", "table", "--color", "always")
    assert found & {"rich.console", "rich.table", "numpy"} == set()


MEMORY = f"""
import atexit, sys
atexit.register(lambda: print("peak:", {PEAK}, file=sys.stderr))
from dcmtools.__main__ import main
main()
"""


def peak(count: int, shape: str) -> int:
    """Find so many matches, and give the most memory that was used, in KiB."""
    with Scripted(serve({C_FIND: find(studies(count))})) as peer:
        arguments = "find", peer.address, "-f", shape, "-k", "PatientName"
        with subprocess.Popen(
            [sys.executable, "-c", MEMORY, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            size = sum(b"0000001" not in line for line in process.stdout)
            assert size >= count - 10
            said = rest(process.stderr)
    return int(said.rsplit("peak:", 1)[1])


@pytest.mark.skipif(sys.platform != "linux", reason="it is read in /proc")
@pytest.mark.parametrize(
    ("shape", "count"),
    [("tsv", 100_000), ("json", 100_000), ("csv", 20_000), ("ndjson", 20_000), ("xml", 20_000)],
)
def test_memory_does_not_grow_with_the_matches(shape: str, count: int) -> None:
    assert peak(count, shape) - peak(1000, shape) < 30_000


def test_nothing_is_canceled_that_has_ended() -> None:
    with Scripted(serve({C_FIND: find(studies(3))})) as peer:
        assert run(peer, "--limit", "4").code == 0
    assert [message.command_field for message in peer.messages] == [C_FIND]

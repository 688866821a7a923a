"""The options that say what is asked for: what query each makes, and what is refused."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from pydicom.dataset import Dataset
from typer.testing import CliRunner, Result

from dcmtools.cli._query import (
    FindCommand,
    RetrieveCommand,
    asked,
    queries,
    query_options,
    the_query,
)
from dcmtools.cli.main import Program
from dcmtools.dataset.query import Query
from dcmtools.dataset.query_models import (
    PATIENT_ROOT,
    PATIENT_STUDY_ONLY,
    PROCEDURE_STEP,
    STUDY_ROOT,
    WORKLIST,
    Model,
    QueryLevel,
)
from tests.conftest import need
from tests.factories import make_ct

STEP = "ScheduledProcedureStepSequence"
UID = "1.2.826.0.1.3680043.8.498.1"
TODAY = datetime.now().astimezone().date()


def program(found: list[Any]) -> typer.Typer:
    """Make a program with commands that keep what they are asked for."""
    app = typer.Typer(cls=Program, add_completion=False, rich_markup_mode=None)

    def ask(context: typer.Context, files: list[str] | None = typer.Argument(None)) -> None:  # noqa: B008
        """Query."""
        found.append((the_query(context, files or (), only=True), asked(context)))

    def take(context: typer.Context) -> None:
        """Retrieve."""
        found.extend(queries(context))

    app.command("ask", cls=FindCommand)(ask)
    app.command("take", cls=RetrieveCommand)(take)
    app.callback()(lambda: None)
    return app


def run(found: list[Any], *arguments: str | Path, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(program(found), [*map(str, arguments)], input=stdin)


def ask(*arguments: str | Path) -> Query:
    """Give the query that options of `find` make."""
    found: list[tuple[Query, Any]] = []
    ran = run(found, "ask", *arguments)
    assert ran.exit_code == 0, ran.output
    assert ran.output == ""
    return found[0][0]


def keys(*arguments: str | Path) -> dict[str, str]:
    """Give the keys that options of `find` make."""
    return {str(key.path): key.value for key in ask(*arguments).keys}


def take(*arguments: str, stdin: str | bytes = "") -> list[Query]:
    """Give the queries that options of `get` and `move` make."""
    found: list[Query] = []
    ran = run(found, "take", *arguments, stdin=stdin)
    assert ran.exit_code == 0, ran.output
    return found


def fail(*arguments: str, code: int = 2, stdin: str | bytes = "") -> str:
    """Run in vain, and give what is said on stderr."""
    found: list[Any] = []
    ran = run(found, *arguments, stdin=stdin)
    assert ran.exit_code == code, ran.output
    assert ran.stdout == ""
    return " ".join(ran.stderr.split())


# Options and their keys


def ago(days: int) -> str:
    return (TODAY - timedelta(days)).strftime("%Y%m%d")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--patient-id", "4711"], {"PatientID": "4711"}),
        (["--patient-name", "Müller*"], {"PatientName": "Müller*"}),
        (["--birth-date", "1961-02-03"], {"PatientBirthDate": "19610203"}),
        (["--date", "2026-01-01..2026-01-31"], {"StudyDate": "20260101-20260131"}),
        (["--date", "2026-01-01.."], {"StudyDate": "20260101-"}),
        (["--date", "today"], {"StudyDate": ago(0)}),
        (["--date", "-7d"], {"StudyDate": f"{ago(7)}-{ago(0)}"}),
        (["--time", "08:30..09:15"], {"StudyTime": "0830-0915"}),
        (["--modality", "CT"], {"ModalitiesInStudy": "CT"}),
        (["--modality", "CT", "-L", "series"], {"Modality": "CT"}),
        (["--modality", "CT", "--series", UID], {"Modality": "CT", "SeriesInstanceUID": UID}),
        (["--accession", "A1"], {"AccessionNumber": "A1"}),
        (["--study", UID, "--study", "1.2"], {"StudyInstanceUID": f"{UID}\\1.2"}),
        (["--series", f"{UID},1.2"], {"SeriesInstanceUID": f"{UID}\\1.2"}),
        (["--instance", "1.2"], {"SOPInstanceUID": "1.2"}),
        (["--patient-id", "*"], {"PatientID": ""}),
        (["--patient-id", ""], {"PatientID": ""}),
        (["--station-aet", "CT1"], {f"{STEP}.ScheduledStationAETitle": "CT1"}),
        (["--sps-date", "20260101"], {f"{STEP}.ScheduledProcedureStepStartDate": "20260101"}),
        (["-W", "--modality", "MR"], {f"{STEP}.Modality": "MR"}),
        (["-W", "--date", "20260101"], {f"{STEP}.ScheduledProcedureStepStartDate": "20260101"}),
        (
            ["--ups", "--date", "20260101"],
            {"ScheduledProcedureStepStartDateTime": "20260101000000-20260101235959.999999"},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_short_names(options: list[str], expected: dict[str, str]) -> None:
    assert keys(*options) == expected


@pytest.mark.parametrize(
    ("key", "path", "value"),
    [
        ("PatientName", "PatientName", ""),
        ("PatientName=", "PatientName", ""),
        ("PatientName=Doe*", "PatientName", "Doe*"),
        ("0010,0010=Doe*", "PatientName", "Doe*"),
        ("(0010,0010)=Doe*", "PatientName", "Doe*"),
        ("00100010=Doe*", "PatientName", "Doe*"),
        ("0010,0020", "PatientID", ""),
        ("(0010,0020)=a=b", "PatientID", "a=b"),
        ("(0040,0100)[0].Modality=CT", f"{STEP}.Modality", "CT"),
        ("(0040,0100)[*].Modality=CT", f"{STEP}.Modality", "CT"),
        ("(0040,0100).Modality=CT", f"{STEP}.Modality", "CT"),
        (f"{STEP}[0].(0008,0060)=CT", f"{STEP}.Modality", "CT"),
        (f"{STEP}[0].0008,0060=CT", f"{STEP}.Modality", "CT"),
        ("0040,0100[0].0040,0001=X", f"{STEP}.ScheduledStationAETitle", "X"),
        ('(0019,"SIEMENS MR HEADER",0c)=1', '(0019,"SIEMENS MR HEADER",0c)', "1"),
        ('(0019,"A=B",0c)=1', '(0019,"A=B",0c)', "1"),
        ("StudyDate=-7d", "StudyDate", f"{ago(7)}-{ago(0)}"),
        ("StudyDate=20260101-20260131", "StudyDate", "20260101-20260131"),
        ("StudyDate=20260101-", "StudyDate", "20260101-"),
        ("StudyInstanceUID=1.2\\1.3", "StudyInstanceUID", "1.2\\1.3"),
    ],
)
def test_keys_as_dcmtk_spells_them(key: str, path: str, value: str) -> None:
    assert keys("-k", key) == {path: value}
    assert keys("--key", key) == {path: value}


def test_a_level_may_be_a_key_as_for_findscu() -> None:
    query = ask("-k", "0008,0052=SERIES", "-k", "PatientID=1", "-k", "StudyInstanceUID")
    assert query.level is QueryLevel.SERIES
    assert [str(key.path) for key in query.keys] == ["PatientID", "StudyInstanceUID"]
    assert ask("-k", "QueryRetrieveLevel=SERIES", "-L", "study").level is QueryLevel.STUDY


@pytest.mark.parametrize("command", ["ask", "take"])
@pytest.mark.parametrize(
    "options",
    [
        ("-k", "PatientID=1", "-k", "PatientID=2"),
        ("--patient-id", "3", "-k", "PatientID=1"),
        ("--patient-id", "3", "--patient-id", "4"),
        ("--patient-id=3", "--patient-id", "4"),
        ("--date", "20260101", "-k", "StudyDate=20260102"),
    ],
)
def test_a_key_that_is_given_twice_is_refused(command: str, options: tuple[str, ...]) -> None:
    assert "is given twice" in fail(command, *options)


def test_a_key_may_be_named_for_its_column_and_by_its_short_name() -> None:
    assert keys("-k", "PatientID", "--patient-id", "3") == {"PatientID": "3"}
    assert keys("-k", "PatientID=3", "--patient-id", "3") == {"PatientID": "3"}


@pytest.mark.parametrize("key", ["StudyDate=20261301", "StudyDate=-7x", "StudyInstanceUID=abc"])
def test_a_slip_in_a_key_is_no_query_without_matches(key: str) -> None:
    assert "hint: " in fail("ask", "-k", key)


def test_standard_input_without_uids_is_not_the_fault_of_the_peer() -> None:
    assert "standard input: holds no UIDs" in fail("take", "--study", "-", code=10)


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ([], STUDY_ROOT),
        (["-S"], STUDY_ROOT),
        (["--study-root"], STUDY_ROOT),
        (["-P"], PATIENT_ROOT),
        (["--patient-root"], PATIENT_ROOT),
        (["-O"], PATIENT_STUDY_ONLY),
        (["--patient-study-only"], PATIENT_STUDY_ONLY),
        (["-W"], WORKLIST),
        (["--worklist"], WORKLIST),
        (["--ups"], PROCEDURE_STEP),
        (["--station-aet", "X"], WORKLIST),
        (["--sps-date", "today"], WORKLIST),
        (["--model", PATIENT_ROOT.find], PATIENT_ROOT),
        (["--model", PATIENT_ROOT.move], PATIENT_ROOT),
        (["--model", "StudyRootQueryRetrieveInformationModelFind"], STUDY_ROOT),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_models(options: list[str], model: Model) -> None:
    assert ask(*options).model == model


def test_other_models_by_keyword_and_uid() -> None:
    hanging = "1.2.840.10008.5.1.4.38.2"
    assert ask("--model", "hangingprotocolinformationmodelfind").model.find == hanging
    assert ask("--model", hanging).model.find == hanging
    assert ask("--model", "1.2.3.4").model.find == "1.2.3.4"
    assert ask("--model", "1.2.3.4", "-k", "PatientID").level is None


@pytest.mark.parametrize(
    ("options", "level"),
    [
        ([], QueryLevel.STUDY),
        (["-P"], QueryLevel.PATIENT),
        (["--patient-id", "1"], QueryLevel.STUDY),
        (["-P", "--patient-id", "1"], QueryLevel.PATIENT),
        (["-P", "--date", "today"], QueryLevel.STUDY),
        (["--study", UID], QueryLevel.STUDY),
        (["--series", UID], QueryLevel.SERIES),
        (["-k", "SeriesDescription=T1*"], QueryLevel.SERIES),
        (["--instance", UID], QueryLevel.IMAGE),
        (["-k", "Rows"], QueryLevel.IMAGE),
        (["--study", UID, "-L", "series"], QueryLevel.SERIES),
        (["--study", UID, "--level", "IMAGE"], QueryLevel.IMAGE),
        (["-W"], None),
        (["--ups"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_levels(options: list[str], level: QueryLevel | None) -> None:
    assert ask(*options).level is level


@pytest.mark.parametrize(
    ("name", "charset"),
    [
        ("utf8", "ISO_IR 192"),
        ("UTF-8", "ISO_IR 192"),
        ("latin1", "ISO_IR 100"),
        ("Latin-1", "ISO_IR 100"),
        ("ISO_IR 101", "ISO_IR 101"),
        ("gb18030", "GB18030"),
        ("\\ISO 2022 IR 87", "\\ISO 2022 IR 87"),
    ],
)
def test_character_sets(name: str, charset: str) -> None:
    assert ask("--charset", name).charset == charset
    found: list[Any] = []
    assert run(found, "ask", "--assume-charset", name).exit_code == 0
    assert found[0][1].assume_charset.upper() == charset


# Query files


def written(folder: Path, **attributes: Any) -> Path:  # noqa: ANN401 - values of any VR
    """Write a query file."""
    return make_ct(
        folder / "query.dcm",
        **{
            **dict.fromkeys(("PixelData", "Rows", "Columns", "PatientID", "SliceThickness")),
            **attributes,
        },
    )


def test_the_elements_of_a_file_are_keys_and_options_count_more(tmp_path: Path) -> None:
    item = Dataset()
    item.Modality = "CT"
    path = written(tmp_path, PatientName="Müller*", ScheduledProcedureStepSequence=[item])
    found = keys(path, "--patient-name", "Doe", "-k", f"{STEP}.ScheduledStationAETitle")
    assert found["PatientName"] == "Doe"
    assert found[f"{STEP}.Modality"] == "CT"
    assert found[f"{STEP}.ScheduledStationAETitle"] == ""
    assert found["StudyDate"] == "20260102"
    assert keys(path)["PatientName"] == "Müller*"
    assert ask(path).charset == "ISO_IR 192"


def test_several_files_and_the_character_set_of_those_that_name_none(tmp_path: Path) -> None:
    first = written(tmp_path, PatientName="A", SpecificCharacterSet=None).rename(tmp_path / "1")
    raw = first.read_bytes().replace(b"PN\x02\x00A ", b"PN\x02\x00\xfcA")
    (tmp_path / "2").write_bytes(raw)
    assert keys(first, "--assume-charset", "latin1")["PatientName"] == "A"
    assert keys(first, tmp_path / "2", "--assume-charset", "latin1")["PatientName"] == "üA"


@pytest.mark.interop
def test_a_file_of_dump2dcm_is_a_query(tmp_path: Path) -> None:
    text = tmp_path / "query.txt"
    text.write_text(
        "(0008,0052) CS [SERIES]\n(0010,0010) PN [Doe*]\n(0020,000d) UI\n"
        "(0040,0275) SQ\n(fffe,e000) -\n(0040,1001) SH [RP-1]\n(fffe,e00d) -\n(fffe,e0dd) -\n"
    )
    path = tmp_path / "query.dcm"
    subprocess.run([need("dump2dcm"), text, path], check=True, capture_output=True)
    query = ask(path)
    assert query.level is QueryLevel.SERIES
    assert {str(key.path): key.value for key in query.keys} == {
        "PatientName": "Doe*",
        "StudyInstanceUID": "",
        "RequestAttributesSequence.RequestedProcedureID": "RP-1",
    }


def test_files_that_are_no_queries(tmp_path: Path) -> None:
    assert "no such file" in fail("ask", str(tmp_path / "none"), code=3)
    (tmp_path / "text").write_text("PatientName")
    assert "DICOM" in fail("ask", str(tmp_path / "text"), code=3)
    image = make_ct(tmp_path / "ct")
    assert "is binary, which cannot be matched" in fail("ask", str(image), code=3)


# What is refused


@pytest.mark.parametrize(
    ("options", "what", "hint"),
    [
        (["-k", "PatinetName=X"], "'PatinetName' is not a keyword", "PatientName"),
        (["-k", "=X"], "", ""),
        (["-k", ""], "", ""),
        (["-k", "0002,0010"], "is not an attribute that can be asked for", "group 0008"),
        (["-k", "(0040,0100)[1].Modality"], "item 1", "[0]"),
        (["-k", "PatientName.Modality"], "PatientName is not a sequence", ""),
        (["--date", "soon"], "soon: is not a date", "2026-01-31"),
        (["--date", "2026-02-30"], "2026-02-30 is not a day of the calendar", "2026-01-31"),
        (["--date", "2026-02-01..2026-01-01"], "ends before it starts", ""),
        (["--time", "25:00"], "25:00 is not a time of day", "08:30"),
        (["--study", "1.2.x"], "'1.2.x' is not a UID", "digits and dots"),
        (["--study", "-"], "'-' is not a UID", "digits and dots"),
        (["-L", "patient"], "PATIENT: is not a level of Study Root", "STUDY, SERIES, IMAGE"),
        (["-W", "-L", "study"], "STUDY: is not a level of Modality Worklist", "Leave"),
        (["-O", "-k", "SeriesNumber"], "attribute of the SERIES level", "another model"),
        (["-L", "studies"], "'studies' is not one of patient, study, series, image", ""),
        (["-P", "-S"], "there is another model too", ""),
        (["-W", "--model", WORKLIST.find], "there is another model too", ""),
        (["--model", "Nonsense"], "Nonsense: is not the SOP class of a query", "UID"),
        (["--model", ""], "is not the SOP class of a query", ""),
        (["-S", "--station-aet", "X"], "is no key of Study Root", "worklist"),
        (["-W", "--series", "1.2"], "is no key of Modality Worklist", "query/retrieve"),
        (["--charset", "utf-16"], "'utf-16' is none", "ISO_IR 192"),
        (["--assume-charset", "ÜTF"], "'ÜTF' is none", "ISO_IR 192"),
        (["-k", "SpecificCharacterSet=X"], "X: is not a character set of DICOM", "ISO_IR 192"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_means_nothing_is_refused(options: list[str], what: str, hint: str) -> None:
    said = fail("ask", *options)
    assert what in said
    assert hint in said


# Retrievals


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-L", "series"],
        ["-P"],
        ["--patient-id", ""],
        ["--patient-id", "*"],
        ["--study", ""],
        ["--study", "*", "--date", ""],
        ["-k", "PatientID"],
        ["-k", "PatientID=", "--modality", "*"],
    ],
    ids=" ".join,
)
def test_nothing_in_particular_is_not_retrieved(options: list[str]) -> None:
    assert "everything would be retrieved" in fail("take", *options)


def test_a_retrieval_by_keys_is_one_query() -> None:
    (query,) = take("--patient-id", "1", "--modality", "CT")
    assert {str(key.path): key.value for key in query.keys} == {
        "PatientID": "1",
        "ModalitiesInStudy": "CT",
    }


@pytest.mark.parametrize(
    "stdin",
    [
        f"{UID}\n1.2\n",
        f"StudyInstanceUID\n{UID}\n1.2\n",
        f"PatientID\tStudyInstanceUID\nx\t{UID}\ny\t1.2\n",
        f'PatientName,StudyInstanceUID\n"Doe, Jane",{UID}\nMüller,1.2\n',
        f'{{"0020000D":{{"vr":"UI","Value":["{UID}"]}}}}\n{{"StudyInstanceUID":"1.2"}}\n',
    ],
    ids=["lines", "one column", "tsv", "csv", "ndjson"],
)
def test_uids_come_from_standard_input(stdin: str) -> None:
    found = take("--study", "-", stdin=stdin)
    assert [[str(key) for key in query.keys] for query in found] == [
        [f"StudyInstanceUID={UID}"],
        ["StudyInstanceUID=1.2"],
    ]
    assert [query.level for query in found] == [QueryLevel.STUDY] * 2


def test_other_keys_hold_for_each_uid_of_standard_input() -> None:
    stdin = "StudyInstanceUID,SeriesInstanceUID\n1.2,1.2.1\n1.3,1.3.1\n"
    found = take("--series", "-", "-P", "--patient-id", "Ä1", "--charset", "latin1", stdin=stdin)
    assert [sorted(str(key) for key in query.keys) for query in found] == [
        ["PatientID=Ä1", "SeriesInstanceUID=1.2.1", "StudyInstanceUID=1.2"],
        ["PatientID=Ä1", "SeriesInstanceUID=1.3.1", "StudyInstanceUID=1.3"],
    ]
    assert {query.model for query in found} == {PATIENT_ROOT}
    assert {query.charset for query in found} == {"ISO_IR 100"}


@pytest.mark.parametrize(
    ("options", "stdin", "code", "why"),
    [
        (["--study", "-"], "1.2\nno uid\n", 3, "standard input, line 2: 'no uid' is not a UID"),
        (["--study", "-"], "PatientID\n1\n", 2, "has no column StudyInstanceUID"),
        (["--study", "-", "--series", "-"], "1.2\n", 2, "- stands alone, and once"),
        (["--study", "-", "--study", "1.2"], "1.2\n", 2, "- stands alone, and once"),
    ],
)
def test_standard_input_that_is_of_no_use(
    options: list[str], stdin: str, code: int, why: str
) -> None:
    assert why in fail("take", *options, code=code, stdin=stdin)


def test_standard_input_is_utf_8_whatever_the_locale() -> None:
    code = (
        "import sys; from dcmtools.cli._query import text_lines; "
        "sys.stdout.buffer.write(ascii(list(text_lines('-'))).encode())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input="Müller\r\n山".encode() + b"\xff\n",
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    )
    assert ran.stdout.decode() == ascii(["Müller\r\n", "山\udcff\n"])


def test_a_retrieval_has_no_options_that_only_a_query_has() -> None:
    finds = {name for option in query_options(retrieves=False) for name in option.opts}
    retrieves = {name for option in query_options(retrieves=True) for name in option.opts}
    assert finds - retrieves == {"-W", "--worklist", "--ups", "--station-aet", "--sps-date"}
    assert retrieves <= finds

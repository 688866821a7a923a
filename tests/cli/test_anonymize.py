"""`anonymize`: what its outputs are called, what it says and reports of them, and how it ends."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Any

import pytest
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian

from dcmtools.deid.treatment import Treatment
from tests.cli.anonymizing import (
    IDENTITY,
    NOTE,
    anonymize,
    contents,
    files,
    key_file,
    make_study,
    read,
    records,
    said,
    told,
    well,
)
from tests.disks import mounted
from tests.factories import BODY, element, make_ct, part10, write

if TYPE_CHECKING:
    from pathlib import Path

UID = r"2\.25\.\d{1,39}"
PSEUDONYM = "[A-Z][0-9A-Z]{15}"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return key_file(tmp_path)


@pytest.fixture
def leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is to be emptied stay, as a fault of the program would."""
    monkeypatch.setattr(Treatment, "_empty", lambda *_: None)


# What it says


def test_a_folder_is_anonymized_and_its_junk_is_counted(study: Path, tmp_path: Path) -> None:
    before = contents(study)
    ran = anonymize(study, "-o", tmp_path / "out")
    assert ran.exit_code == 0
    assert ran.stdout == ""
    assert said(ran) == [NOTE, "3 anonymized, 1 skipped"]
    assert contents(study) == before
    outputs = contents(tmp_path / "out")
    assert len(outputs) == 3
    for name, content in outputs.items():
        assert not [word for word in IDENTITY if word in name or word.encode() in content]
        assert content.count(b"ISO_IR 192") == 1


def test_nothing_is_said_when_it_is_to_be_quiet(study: Path, tmp_path: Path) -> None:
    assert anonymize(study, "-o", tmp_path / "out", "-q").stderr == ""


def test_messages_name_files_but_no_values(study: Path, tmp_path: Path, key: Path) -> None:
    damaged = study / "cut.dcm"
    write(damaged, (study / "Roe^Richard/PID-2-3.dcm").read_bytes()[:-20])
    out, log = tmp_path / "out", tmp_path / "log"
    ran = anonymize(study, "-o", out, "--key-file", key, "-v", "--log-file", log)
    assert ran.exit_code == 9
    lines = told(ran)
    assert f"{study}/Doe^Jane/PID-1-1.dcm: anonymized" in lines
    assert f"{study}/Doe^Jane/notes.txt: skipped: is not a DICOM file" in lines
    assert lines[-1] == "3 anonymized, 1 failed, 1 skipped"
    spoken = (ran.stderr + log.read_text("utf-8")).replace(str(study), "")
    for path in ("/Doe^Jane/PID-1-1.dcm", "/Doe^Jane/PID-1-2.dcm", "/Roe^Richard/PID-2-3.dcm"):
        spoken = spoken.replace(path, "")
    assert not [word for word in IDENTITY if word in spoken.replace("/Doe^Jane/notes.txt", "")]
    assert "PixelData" in spoken


def test_a_warning_does_not_quote_the_file(tmp_path: Path) -> None:
    """What is no character set or transfer syntax may be anything, a name too."""
    path = make_ct(tmp_path / "a.dcm", PatientName="Doe", SpecificCharacterSet="ISO_IR 6")
    content = path.read_bytes().replace(b"ISO_IR 6", b"DOE JANE")
    write(path, content.replace(b"1.2.840.10008.1.2.1\0", b"9.19610203.1.1.1.1\0\0"))
    ran = anonymize(path, "-o", tmp_path / "out", "--report", tmp_path / "report")
    assert ran.exit_code == 0
    warned = [line.split("warning: ")[1].split(", at")[0] for line in told(ran)[:-1]]
    assert "the Specific Character Set is not known" in warned
    assert "the Transfer Syntax UID is not known" in warned
    heard = ran.stderr + (tmp_path / "report").read_text("utf-8")
    assert "DOE" not in heard
    assert "19610203" not in heard


# Names


def test_names_are_made_of_new_values(study: Path, tmp_path: Path) -> None:
    well(study / "Doe^Jane/PID-1-1.dcm", "-o", tmp_path / "out")
    (name,) = files(tmp_path / "out")
    assert re.fullmatch(f"{PSEUDONYM}/{UID}/{UID}/{UID}\\.dcm", name)
    data = dcmread(tmp_path / "out" / name)
    values = data.PatientID, data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID
    assert "/".join(values) + ".dcm" == name


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{Modality}/{InstanceNumber}.dcm", ["CT/1.dcm", "CT/2.dcm", "CT/3.dcm"]),
        ("{Modality}.dcm", ["CT.dcm", "CT_2.dcm", "CT_3.dcm"]),
        ("image", ["image", "image_2", "image_3"]),
        ("{StudyDate}/{(0020,0013)}.dcm", [f"unknown/{number}.dcm" for number in (1, 2, 3)]),
        ("{AccessionNumber}{InstitutionName}-{InstanceNumber}", ["unknownunknown-1"]),
        ("{TransferSyntaxUID}/a.dcm", ["1.2.840.10008.1.2.1/a.dcm"]),
    ],
)
def test_names_are_made_by_a_template(
    study: Path, tmp_path: Path, template: str, names: list[str]
) -> None:
    anonymize(study, "-o", tmp_path / "out", "--name", template)
    assert files(tmp_path / "out")[: len(names)] == names
    assert len(files(tmp_path / "out")) == 3


@pytest.mark.parametrize(
    "template",
    [
        "../{PatientID}", "/{PatientID}", "{PatientID}/../x", "a//b", "", ".hidden", "-x",
        "{PatientID", "{PatientId}", "{PixelData}", "{PatientID!r}", "{PatientID:>9}", "a\\b",
        "{CallingAET}", "{RemoteHost}/{PatientID}", "{ContentSequence[0].TextValue}",
        "{00020003}",
    ],
)  # fmt: skip
def test_a_template_that_leads_elsewhere_is_refused(
    study: Path, tmp_path: Path, template: str
) -> None:
    ran = anonymize(study, "-o", tmp_path / "out", "--name", template)
    assert ran.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_hostile_values_stay_within_the_folder(tmp_path: Path) -> None:
    """They are kept here, so that they could be names."""
    recipe = write(
        tmp_path / "recipe.toml",
        b'[[rule]]\naction = "keep"\npaths = ["SeriesDescription", "ProtocolName"]\n',
    )
    hostile = ["../../up", "/etc/x", "..", "-rf", ".hidden", "a\nb\x1b[2J", "CON", "n" * 60 + "/x"]
    source = _made(tmp_path / "in")
    for number, text in enumerate(hostile):
        make_ct(source / f"{number}.dcm", SeriesDescription=text, ProtocolName=text)
    out, name = tmp_path / "deep/er/out", "{SeriesDescription}/{ProtocolName}"
    ran = anonymize(source, "-o", out, "--recipe", recipe, "--name", name)
    assert ran.exit_code == 0
    made = files(out)
    assert len(made) == len(hostile)
    for each in made:
        parts = each.split("/")
        assert len(parts) == 2
        assert all(re.fullmatch("[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", part) for part in parts), each
        assert not parts[0].startswith("CON")
    assert files(tmp_path / "deep") == [f"er/out/{each}" for each in made]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("jobs", [1, 2])
def test_two_objects_with_one_uid_are_both_kept(tmp_path: Path, key: Path, jobs: int) -> None:
    source = _made(tmp_path / "in")
    for number in range(40):
        make_ct(source / f"{number:02}.dcm", SOPInstanceUID="1.2.3", InstanceNumber=number)
    options = ["--key-file", key, "-j", jobs]
    assert well(source, "-o", tmp_path / "out", *options) == "40 anonymized"
    names = files(tmp_path / "out")
    assert len(names) == 40
    stem = min(names, key=len).removesuffix(".dcm")
    assert set(names) == {f"{stem}{end}.dcm" for end in ("", *(f"_{n}" for n in range(2, 41)))}
    for number in range(40):  # in the order of the inputs
        end = f"_{number + 1}" if number else ""
        assert dcmread(tmp_path / "out" / f"{stem}{end}.dcm").InstanceNumber == number
    assert well(source, "-o", tmp_path / "out", *options, "--resume") == (
        "0 anonymized, 40 already there"
    )


def test_what_becomes_the_same_is_written_once(study: Path, tmp_path: Path, key: Path) -> None:
    """The files differ in what goes, so that nothing tells their outputs apart."""
    twin = make_ct(
        study / "twin.dcm",
        SOPInstanceUID="1.2.3",
        StudyDescription="one",
    )
    write(study / "other.dcm", twin.read_bytes().replace(b"one ", b"two "))
    ran = anonymize(study, "-o", tmp_path / "out", "--key-file", key)
    assert told(ran) == ["4 anonymized, 1 already there, 1 skipped"]
    assert len(files(tmp_path / "out")) == 4


# A folder that is not empty


def test_a_folder_that_is_not_empty_is_refused(study: Path, tmp_path: Path, key: Path) -> None:
    well_out = tmp_path / "out"
    anonymize(study, "-o", well_out, "--key-file", key)
    before = contents(well_out)
    ran = anonymize(study, "-o", well_out, "--key-file", key, "--retain", "dates")
    assert ran.exit_code == 2
    assert told(ran) == [
        f"{well_out}: is not empty",
        "hint: Name a new folder; --resume goes on in it, --overwrite replaces what is there.",
    ]
    assert contents(well_out) == before


def test_resume_goes_on_and_leaves_what_is_there(study: Path, tmp_path: Path, key: Path) -> None:
    out, options = tmp_path / "out", ["--key-file", key]
    anonymize(study, "-o", out, *options)
    whole = contents(out)
    gone = out / min(whole)
    gone.unlink()
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.dcm")}
    ran = anonymize(study, "-o", out, *options, "--resume", "-v")
    assert told(ran)[-1] == "1 anonymized, 2 already there, 1 skipped"
    assert sum(line.endswith(": already there") for line in told(ran)) == 2
    assert contents(out) == whole
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_resume_needs_the_key(study: Path, tmp_path: Path, key: Path) -> None:
    out = tmp_path / "out"
    anonymize(study, "-o", out, "--key-file", key)
    ran = anonymize(study, "-o", out, "--resume")
    assert ran.exit_code == 2
    assert told(ran)[0].startswith("--resume: needs --key-file")


def test_resume_does_not_replace_what_differs(study: Path, tmp_path: Path, key: Path) -> None:
    out, options = tmp_path / "out", ["--key-file", key]
    anonymize(study, "-o", out, *options)
    before = contents(out)
    ran = anonymize(study, "-o", out, *options, "--resume", "--retain", "dates")
    assert ran.exit_code == 4
    assert told(ran)[-1] == "0 anonymized, 3 failed, 1 skipped"
    assert "is there already, and differs" in told(ran)[0]
    assert contents(out) == before


def test_overwrite_replaces_what_differs(study: Path, tmp_path: Path, key: Path) -> None:
    out, options = tmp_path / "out", ["--key-file", key]
    anonymize(study, "-o", out, *options)
    foreign = write(out / "foreign", b"not ours")
    ran = anonymize(study, "-o", out, *options, "--overwrite", "--retain", "dates")
    assert told(ran) == ["3 anonymized, 1 skipped"]
    assert {data.StudyDate for data in read(out).values()} == {"20260102"}
    assert foreign.read_bytes() == b"not ours"
    assert len(files(out)) == 4


# The report


def test_the_report_has_a_record_for_each_file_and_no_identity(study: Path, tmp_path: Path) -> None:
    write(study / "Doe^Jane/cut.dcm", (study / "Doe^Jane/PID-1-1.dcm").read_bytes()[:-20])
    ran = anonymize(study, "-o", tmp_path / "out", "--report", tmp_path / "report")
    assert ran.exit_code == 9
    found = records(tmp_path / "report")
    assert [each["number"] for each in found] == [1, 2, 3, 4, 5]
    assert [each["status"] for each in found] == ["done", "done", "failed", "skipped", "done"]
    outputs = [str(each["output"]) for each in found if each["output"]]
    assert sorted(outputs) == files(tmp_path / "out")
    assert [bool(each["reasons"]) for each in found] == [False, False, True, True, False]
    text = (tmp_path / "report").read_text("utf-8")
    assert not [word for word in IDENTITY if word in text]
    assert str(tmp_path) not in text


@pytest.mark.usefixtures("leak")
def test_the_report_says_why_a_check_failed_without_the_value(study: Path, tmp_path: Path) -> None:
    ran = anonymize(study, "-o", tmp_path / "out", "--report", tmp_path / "report")
    assert ran.exit_code == 1
    found = records(tmp_path / "report")
    assert [each["status"] for each in found] == ["failed", "failed", "skipped", "failed"]
    text = (tmp_path / "report").read_text("utf-8")
    assert "its output is not as it should be" in text
    assert not [word for word in IDENTITY if word in text]


def test_the_report_must_not_replace_an_input(study: Path, tmp_path: Path) -> None:
    before = contents(study)
    ran = anonymize(study, "-o", tmp_path / "out", "--report", study / "Doe^Jane/PID-1-1.dcm")
    assert ran.exit_code == 2
    assert contents(study) == before


# Verification and quarantine


@pytest.mark.usefixtures("leak")
def test_what_is_not_as_it_should_be_is_not_written(study: Path, tmp_path: Path) -> None:
    ran = anonymize(study, "-o", tmp_path / "out")
    assert ran.exit_code == 1
    assert files(tmp_path / "out") == []
    lines = told(ran)
    assert lines[-1] == "0 anonymized, 3 failed, 1 skipped"
    assert "hint: --quarantine keeps such outputs apart." in lines
    assert any("its output is not as it should be: " in line for line in lines)
    spoken = "".join(line.partition(": ")[2] for line in lines)
    assert not [word for word in IDENTITY if word in spoken]


@pytest.mark.usefixtures("leak")
@pytest.mark.parametrize("jobs", [1, 2])
def test_quarantine_keeps_it_apart(study: Path, tmp_path: Path, jobs: int) -> None:
    quarantine = tmp_path / "quarantine"
    options = ["--quarantine", quarantine, "-j", jobs]
    ran = anonymize(study, "-o", tmp_path / "out", *options)
    assert ran.exit_code == 1
    assert files(tmp_path / "out") == []
    assert stat.S_IMODE(quarantine.stat().st_mode) == 0o700
    names = files(quarantine)
    assert len(names) == 3
    assert all(re.fullmatch(f"{UID}\\.dcm", name) for name in names)
    assert f"hint: It is in quarantine: {quarantine}/{names[0]}" in told(ran)
    assert {data.InstanceNumber for data in read(quarantine).values()} == {1, 2, 3}


def test_quarantine_of_a_run_that_goes_well_is_empty(study: Path, tmp_path: Path) -> None:
    quarantine = _made(tmp_path / "quarantine")
    quarantine.chmod(0o755)
    ran = anonymize(study, "-o", tmp_path / "out", "--quarantine", quarantine)
    assert ran.exit_code == 0
    assert files(quarantine) == []
    assert stat.S_IMODE(quarantine.stat().st_mode) == 0o755, "it was there before"


@pytest.mark.parametrize("inside", ["out", "out/quarantine", "other/../out/x"])
def test_quarantine_is_not_among_the_outputs(study: Path, tmp_path: Path, inside: str) -> None:
    ran = anonymize(study, "-o", tmp_path / "out", "--quarantine", tmp_path / inside)
    assert ran.exit_code == 2
    assert told(ran)[0] == f"{tmp_path / inside}: lies in {tmp_path / 'out'}"
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("leak")
def test_no_verify_does_not_look(study: Path, tmp_path: Path) -> None:
    ran = anonymize(study, "-o", tmp_path / "out", "--no-verify")
    assert ran.exit_code == 0
    assert {data.PatientBirthDate for data in read(tmp_path / "out").values()} == {"19610203"}


# How it ends


def test_exit_codes(study: Path, tmp_path: Path, key: Path) -> None:
    out, image = tmp_path / "out", study / "Doe^Jane/PID-1-1.dcm"
    notes = study / "Doe^Jane/notes.txt"
    expected: list[tuple[int, list[Any]]] = [
        (0, [image, "-o", out / "0"]),
        (2, [image]),
        (2, ["-o", out / "1"]),
        (2, [image, "-o", out / "2", "--retain", "date"]),
        (2, [image, "-o", out / "3", "-n", "--map", tmp_path / "map"]),
        (2, [image, "-o", out / "4", "--retain", "dates,dates-shifted"]),
        (3, [notes, "-o", out / "5"]),
        (3, [tmp_path / "nothing", "-o", out / "6"]),
        (3, [_made(tmp_path / "empty"), "-o", out / "7"]),
        (4, [image, "-o", notes]),
        (4, [image, "-o", out / "8", "--report", tmp_path / "no/report"]),
        (5, [image, "-o", out / "9", "--key-file", tmp_path / "nokey"]),
        (5, [image, "-o", out / "10", "--key-file", write(tmp_path / "short", b"short")]),
        (5, [image, "-o", out / "11", "--recipe", notes]),
        (5, [image, "-o", out / "12", "--patient-map", notes]),
        (9, [image, notes, "-o", out / "13"]),
        (0, [image, "-o", out / "14", "--key-file", key]),
    ]
    for code, words in expected:
        ran = anonymize(*words)
        assert ran.exit_code == code, (words, ran.stderr)
        assert bool(told(ran))


def test_fail_fast_ends_at_the_first_failure(study: Path, tmp_path: Path) -> None:
    write(study / "AAA.dcm", (study / "Doe^Jane/PID-1-1.dcm").read_bytes()[:-20])
    ran = anonymize(study, "-o", tmp_path / "out", "--fail-fast")
    assert ran.exit_code == 3
    assert told(ran)[-1] == "0 anonymized, 1 failed"
    assert files(tmp_path / "out") == []


def test_jobs_make_the_same(study: Path, tmp_path: Path, key: Path) -> None:
    for number in range(20):
        make_ct(
            study / f"{number}.dcm", syntax=ImplicitVRLittleEndian, SOPInstanceUID=f"1.2.{number}"
        )
    for jobs in (1, 2):
        out = tmp_path / str(jobs)
        report = ["--report", tmp_path / f"report{jobs}", "--map", tmp_path / f"map{jobs}"]
        ran = anonymize(study, "-o", out, "--key-file", key, "-j", jobs, *report)
        assert ran.exit_code == 0
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    for name in ("report", "map"):
        assert (tmp_path / f"{name}1").read_bytes() == (tmp_path / f"{name}2").read_bytes()


@pytest.mark.usefixtures("leak")
def test_a_full_disk_leaves_no_half_file_in_quarantine(study: Path, tmp_path: Path) -> None:
    large = element(0x7FE00010, "OW", bytes(300_000))
    write(study / "large.dcm", part10(BODY + element(0x00100030, "DA", b"19610203") + large))
    with mounted(tmp_path / "disk", "size=100k") as disk:
        ran = anonymize(study, "-o", tmp_path / "out", "--quarantine", disk / "apart")
        assert ran.exit_code != 0
        assert any("no space left" in line for line in told(ran))
        assert len(files(disk / "apart")) == 3
    assert files(tmp_path / "out") == []

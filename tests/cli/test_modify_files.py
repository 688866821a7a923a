"""`modify`: which files it edits and where they go, what it says of them, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from tests.cli.modifying import (
    contents,
    files,
    modify,
    records,
    said,
    summary,
    value,
    well,
)
from tests.disks import mounted
from tests.factories import BODY, element, make_ct, part10, write

PATIENCE = 60.0  # seconds


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Give a folder with three images, one of them deeper, and a file that is no DICOM."""
    folder = tmp_path / "study"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.dcm", "b.dcm", "deep/c.dcm"):
        make_ct(folder / name)
    write(folder / "notes.txt", b"not DICOM")
    return folder


def patient_ids(folder: Path) -> dict[str, str]:
    return {name: value(folder / name, "PatientID") for name in files(folder) if "dcm" in name}


# In place, and backups


def test_the_first_backup_is_the_file_as_it_came(ct: Path) -> None:
    original = ct.read_bytes()
    for number in range(4):
        well(ct, "-m", f"PatientID=EDIT{number}")
    assert files(ct.parent) == ["ct.dcm", "ct.dcm.bak", *[f"ct.dcm.bak.{n}" for n in (1, 2, 3)]]
    assert ct.with_name("ct.dcm.bak").read_bytes() == original
    assert value(ct.with_name("ct.dcm.bak.3"), "PatientID") == "EDIT2"
    assert value(ct, "PatientID") == "EDIT3"


def test_a_folder_is_edited_and_its_backups_are_not(study: Path) -> None:
    for number in (1, 2):
        ran = modify(study, "-m", f"PatientID=EDIT{number}")
        assert ran.exit_code == 0
        assert summary(ran) == "3 modified, 1 skipped"
    assert patient_ids(study) == {
        name + end: f"{value_}"
        for name in ("a.dcm", "b.dcm", "deep/c.dcm")
        for end, value_ in (("", "EDIT2"), (".bak", "PID-1"), (".bak.1", "EDIT1"))
    }


def test_what_does_not_change_is_not_written(study: Path) -> None:
    before = {name: (study / name).stat() for name in files(study)}
    ran = modify(study, "-m", "PatientID=PID-1", "-v")
    assert ran.exit_code == 0
    assert summary(ran) == "0 modified, 3 unchanged, 1 skipped"
    assert f"{study}/a.dcm: unchanged" in said(ran)
    assert {name: (study / name).stat() for name in files(study)} == before


def test_links_and_permissions_stay(ct: Path, tmp_path: Path) -> None:
    ct.chmod(0o640)
    link = tmp_path / "link.dcm"
    link.symlink_to("ct.dcm")
    well(link, "-m", "PatientID=X", "-nb")
    assert link.is_symlink()
    assert value(ct, "PatientID") == "X"
    assert stat.S_IMODE(ct.stat().st_mode) == 0o640
    well(link, "-m", "PatientID=Y")
    assert files(tmp_path) == ["ct.dcm", "ct.dcm.bak", "link.dcm"]
    ran = modify(ct, link, "-m", "PatientID=Z")
    assert ran.exit_code == 9
    assert f"{link}: is the same file as {ct}" in said(ran)
    broken = tmp_path / "broken.dcm"
    broken.symlink_to("nowhere")
    assert modify(broken, "-m", "PatientID=Z").exit_code == 3


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="another user is needed")
def test_what_may_not_be_written_is_not(ct: Path) -> None:
    """Run as a user who may read the file, and as one who may write it but not its folder."""
    before = ct.read_bytes()
    for folder in (ct.parent, *ct.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    ran = as_nobody("-m", "PatientID=X", str(ct))
    assert ran.returncode == 4, ran.stderr
    assert b"permission denied" in ran.stderr
    assert ct.read_bytes() == before
    os.chown(ct, 65534, 65534)
    ran = as_nobody("-m", "PatientID=X", str(ct))
    assert ran.returncode == 4
    assert ct.read_bytes() == before
    assert files(ct.parent) == ["ct.dcm"]


def as_nobody(*words: str) -> subprocess.CompletedProcess[bytes]:
    code = (
        "import os, sys\n"
        "from dcmtools.cli.main import app\n"
        "app(['modify', sys.argv.pop(1), '-m', 'PatientID=W', '-m', 'PatientSex=F'],"
        " standalone_mode=False)\n"  # which imports all that is needed
        "os.setgid(65534), os.setuid(65534)\n"
        "app()\n"
    )
    command = [sys.executable, "-c", code, words[-1], "modify", *words]
    return subprocess.run(command, capture_output=True, check=False)


def test_a_read_only_folder(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        path = make_ct(disk / "a.dcm")
        before = path.read_bytes()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        ran = modify(path, "-m", "PatientID=X")
        assert ran.exit_code == 4
        assert "read-only" in said(ran)[0]
        assert path.read_bytes() == before
        assert files(disk) == ["a.dcm"]


@pytest.mark.parametrize("options", [[], ["-nb"], ["-o"]], ids=" ".join)
def test_a_full_disk_leaves_all_as_it_was(tmp_path: Path, options: list[str]) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        source = disk if options != ["-o"] else tmp_path
        pixels = element(0x7FE00010, "OW", bytes(40_000))
        path = write(source / "a.dcm", part10(BODY + pixels))
        if options == ["-o"]:
            options = ["-o", str(disk / "out.dcm")]
            write(disk / "room", bytes(30_000))
        before = contents(disk)
        ran = modify(path, "-m", "PatientID=LONGER THAN BEFORE", *options)
        assert ran.exit_code == 4
        assert "no space left" in said(ran)[0]
        assert contents(disk) == before


# Elsewhere


def test_an_output(ct: Path, tmp_path: Path) -> None:
    before = ct.read_bytes()
    out = tmp_path / "new" / "out.dcm"
    well(ct, "-m", "PatientID=X", "-o", out)
    assert value(out, "PatientID") == "X"
    assert ct.read_bytes() == before
    ran = modify(ct, "-m", "PatientID=Y", "-o", out)
    assert ran.exit_code == 4
    assert said(ran)[:2] == [
        f"{out}: is there already",
        "hint: Give --overwrite to replace it.",
    ] or said(ran)[0].endswith(f"{out}: is there already")
    assert value(out, "PatientID") == "X"
    well(ct, "-m", "PatientID=Y", "-o", out, "--overwrite")
    assert value(out, "PatientID") == "Y"
    for same in (ct, f"{tmp_path}/new/../ct.dcm"):
        assert modify(ct, "-m", "PatientID=Y", "-o", same, "--overwrite").exit_code == 4
    assert ct.read_bytes() == before
    assert files(tmp_path) == ["ct.dcm", "new/out.dcm"]


def test_an_output_is_written_though_nothing_changes(ct: Path, tmp_path: Path) -> None:
    well(ct, "-m", "PatientID=PID-1", "-o", tmp_path / "out.dcm")
    assert (tmp_path / "out.dcm").read_bytes() == ct.read_bytes()


def test_a_folder_is_mirrored(study: Path, tmp_path: Path) -> None:
    before = contents(study)
    out = tmp_path / "out"
    for number in (1, 2):
        ran = modify(study, "-m", f"PatientID={number}", "-o", out, *["--overwrite"] * (number - 1))
        assert ran.exit_code == 0
        assert patient_ids(out) == {n: str(number) for n in ("a.dcm", "b.dcm", "deep/c.dcm")}
    assert files(out) == ["a.dcm", "b.dcm", "deep/c.dcm"]
    assert contents(study) == before
    ran = modify(study, "-m", "PatientID=3", "-o", study)
    assert ran.exit_code == 2
    assert contents(study) == before


# Batches


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_bad_file_stops_nothing(study: Path, tmp_path: Path, jobs: int) -> None:
    write(study / "b.dcm", part10(BODY)[:-3])
    bad = (study / "b.dcm").read_bytes()
    report = tmp_path / "report"
    ran = modify(study, "-m", "PatientID=X", "-j", jobs, "-nb", "--report", report)
    assert ran.exit_code == 9
    assert ran.stdout == ""
    assert summary(ran) == "2 modified, 1 failed, 1 skipped"
    assert said(ran)[0].startswith(f"{study}/b.dcm: is damaged: ")
    assert patient_ids(study) | {"b.dcm": ""} == {"a.dcm": "X", "b.dcm": "", "deep/c.dcm": "X"}
    assert (study / "b.dcm").read_bytes() == bad
    told = records(report)
    assert [(each["file"], each["status"]) for each in told] == [
        (f"{study}/a.dcm", "done"),
        (f"{study}/b.dcm", "failed"),
        (f"{study}/deep/c.dcm", "done"),
        (f"{study}/notes.txt", "skipped"),
    ]
    assert told[0] == {"file": f"{study}/a.dcm", "status": "done", "reasons": [], "warnings": []}


def test_exit_codes(study: Path, tmp_path: Path) -> None:
    edit = "-m", "PatientID=X", "-nb"
    nothing = write(tmp_path / "nothing", b"not DICOM")
    damaged = write(tmp_path / "damaged", part10(BODY)[:-3])
    assert modify(study, *edit).exit_code == 0
    assert modify(study / "notes.txt", *edit).exit_code == 3
    assert modify(nothing, damaged, *edit).exit_code == 3
    assert modify(study / "a.dcm", damaged, *edit).exit_code == 9
    assert modify(study / "a.dcm", tmp_path / "none", *edit).exit_code == 9
    assert modify(study, "-m", "PatientSex=F").exit_code == 3
    assert modify(study, "-m", "PatientSex=F", "--ignore-missing").exit_code == 0
    (tmp_path / "empty").mkdir()
    ran = modify(tmp_path / "empty", *edit)
    assert (ran.exit_code, said(ran)) == (3, ["there is nothing to read"])
    assert modify(study, *edit, "--report", tmp_path / "none" / "report").exit_code == 4


@pytest.mark.parametrize("options", [["-j", "1"], ["-j", "2"], ["--fsync"]], ids=" ".join)
def test_nothing_behind_the_first_that_fails_is_touched(study: Path, options: list[str]) -> None:
    for number in range(40):
        make_ct(study / f"c{number:02}.dcm")
    write(study / "b.dcm", part10(BODY)[:-3])
    ran = modify(study, "-m", "PatientID=X", "--fail-fast", *options)
    assert ran.exit_code == 9
    assert summary(ran) == "1 modified, 1 failed"
    edited = {name for name, each in patient_ids(study).items() if each == "X"}
    assert edited == {"a.dcm"}


def test_a_list_of_files(study: Path, tmp_path: Path) -> None:
    listed = write(tmp_path / "list", f"{study}/a.dcm\n\n{study}/deep\n".encode())
    ran = modify("--files-from", listed, "-m", "PatientID=X", "-nb")
    assert (ran.exit_code, summary(ran)) == (0, "2 modified")
    ended = write(tmp_path / "list", f"{study}/b.dcm\0".encode())
    assert modify("--files-from", ended, "-0", "-m", "PatientID=Y", "-nb").exit_code == 0
    assert patient_ids(study) == {"a.dcm": "X", "b.dcm": "Y", "deep/c.dcm": "X"}
    ran = modify(study, "--no-recurse", "-m", "PatientID=Z", "-nb")
    assert patient_ids(study) == {"a.dcm": "Z", "b.dcm": "Z", "deep/c.dcm": "X"}


def test_conditions_choose_files(study: Path) -> None:
    make_ct(study / "b.dcm", Modality="MR", PatientSex="F")
    edit = "-i", "PatientID=X", "-nb"
    ran = modify(study, "--if", "Modality=CT", *edit, "-v")
    assert (ran.exit_code, summary(ran)) == (0, "2 modified, 1 excluded, 1 skipped")
    assert f"{study}/b.dcm: excluded" in said(ran)
    assert patient_ids(study) == {"a.dcm": "X", "b.dcm": "PID-1", "deep/c.dcm": "X"}
    modify(study, "--if", "Modality=MR", "--if", "!PatientSex", "-i", "PatientID=Y", "-nb")
    assert patient_ids(study)["b.dcm"] == "PID-1"
    modify(study, "--if", "Modality=MR", "--if", "Rows>3", "-i", "PatientID=Y", "-nb")
    assert patient_ids(study) == {"a.dcm": "X", "b.dcm": "Y", "deep/c.dcm": "X"}
    one = modify(study / "a.dcm", "--if", "Modality=MR", *edit)
    assert (one.exit_code, one.stderr) == (0, "")


def test_a_directory_is_not_edited(study: Path) -> None:
    """A DICOMDIR says at which byte its records are."""
    original = Path(str(get_testdata_file("DICOMDIR"))).read_bytes()
    path = write(study / "DICOMDIR", original)
    ran = modify(study, "-ma", "PatientID=X", "-nb")
    assert (ran.exit_code, summary(ran)) == (0, "3 modified, 2 skipped")
    ran = modify(path, "-ma", "PatientID=X", "-nb")
    assert ran.exit_code == 3
    assert said(ran)[0].startswith(f"{path}: is a DICOMDIR")
    assert path.read_bytes() == original


def test_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["-", "-x.dcm", "a b.dcm", "a\nb.dcm", "\x1b[2J.dcm", os.fsdecode(b"\xff.dcm")]
    for name in names:
        make_ct(tmp_path / name)
    report = tmp_path / "report.txt"
    ran = modify(tmp_path, "-m", "PatientID=X", "-nb", "-v", "--report", report)
    assert ran.exit_code == 0
    assert "\x1b" not in ran.stderr
    assert {value(tmp_path / name, "PatientID") for name in names} == {"X"}
    assert len(records(report)) == 7 - 1
    assert modify("-m", "PatientID=Y", "-nb", "--", "-x.dcm", "./-").exit_code == 0
    assert value(tmp_path / "-", "PatientID") == "Y"


def test_a_report_is_no_log_and_no_image(ct: Path) -> None:
    before = ct.read_bytes()
    same = ct.with_name("same")
    ran = modify(ct, "-m", "PatientID=X", "--report", same, "--log-file", same)
    assert ran.exit_code == 2
    assert modify(ct, "-m", "PatientID=X", "--report", ct).exit_code == 2
    assert ct.read_bytes() == before


def test_no_value_of_a_file_is_told(study: Path) -> None:
    for path in study.rglob("*.dcm"):
        make_ct(path, PatientName="SECRET^NAME", PatientID="SECRETID")
    ran = modify(study, "-m", "PatientSex=F", "-m", "PatientID=X", "-vv")
    assert ran.exit_code == 3
    assert "SECRET" not in ran.stderr


# Interrupts


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_leaves_whole_files_only(tmp_path: Path, jobs: int) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    pixels = element(0x7FE00010, "OW", bytes(300_000))
    for number in range(600):
        write(folder / f"{number:04}.dcm", part10(BODY + pixels))
    before = (folder / "0000.dcm").read_bytes()
    after = part10(BODY.replace(b"PID-1 ", b"LONGER") + pixels)
    command = [sys.executable, "-m", "dcmtools", "modify", str(folder), "-m", "PatientID=LONGER"]
    process = subprocess.Popen([*command, "-j", str(jobs)], stderr=subprocess.PIPE)
    deadline = time.monotonic() + PATIENCE
    while not (folder / "0020.dcm.bak").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == b"dcmtools modify: interrupted\n"
    found = contents(folder)
    assert {name for name in found if not name.endswith((".dcm", ".dcm.bak"))} == set()
    edited = {name for name, content in found.items() if content == after}
    assert {name for name, content in found.items() if content not in (after, before)} == set()
    assert 0 < len(edited) < 600
    assert {f"{name}.bak" for name in edited} <= set(found)
    assert modify(folder, "-m", "PatientID=LONGER", "-nb").exit_code == 0
    assert {value(folder / f"{number:04}.dcm", "PatientID") for number in (0, 300, 599)} == {
        "LONGER"
    }


def test_a_reader_that_goes_away_ends_a_dry_run_quietly(study: Path) -> None:
    for number in range(400):
        make_ct(study / f"{number}.dcm")
    command = [
        sys.executable,
        "-m",
        "dcmtools",
        "modify",
        str(study),
        "-n",
        "-m",
        "PatientID=LONGER",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"--- ")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 0
    assert set(patient_ids(study).values()) == {"PID-1"}


# Damaged files


@pytest.mark.corpus
def test_no_file_of_the_corpus_is_half_edited(corpus_files: list[Path], tmp_path: Path) -> None:
    """What can be read whole is edited, what cannot is refused with a reason, and stays."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for path in corpus_files:
        write(folder / path.name, path.read_bytes())
    before = contents(folder)
    report = tmp_path / "report"
    edit = ["-ma", "PatientID=X", "-imt", "-i", "PatientComments=Y", "-ep", "-nb"]
    ran = modify(folder, *edit, "--report", report)
    assert ran.exit_code == 9
    status = {Path(str(each["file"])).name: each for each in records(report)}
    after = contents(folder)
    assert set(after) == set(before)
    changed = {name for name, content in after.items() if content != before[name]}
    assert changed == {name for name, each in status.items() if each["status"] == "done"}
    assert all(each["reasons"] for each in status.values() if each["status"] == "failed")
    assert {json.dumps(each) for each in status.values() if "unexpected" in str(each)} == set()
    assert len(changed) > 200
    assert len([each for each in status.values() if each["status"] == "failed"]) > 20


def test_a_file_that_is_being_read_as_it_was(ct: Path) -> None:
    """Whoever has opened the old file goes on reading it."""
    before = ct.read_bytes()
    with ct.open("rb") as reader:
        reader.read(10)
        well(ct, "-m", "PatientID=LONGER THAN BEFORE", "-nb")
        assert before.endswith(reader.read())
    assert dcmread(ct).PatientID == "LONGER THAN BEFORE"


def test_many_files_do_not_become_one_instance(study: Path) -> None:
    before = contents(study)
    ran = modify(study, "-m", "SOPInstanceUID=1.2.3")
    assert ran.exit_code == 2
    assert said(ran)[0] == "SOPInstanceUID: would make one instance of all files"
    assert contents(study) == before

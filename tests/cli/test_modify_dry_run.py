"""`modify --dry-run`: what would change, as text and as JSON, and that nothing does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.modifying import contents, modify, said, summary, value, well
from tests.dataset.operating import SEQUENCE, TEXT, lo, sq
from tests.factories import BIG, BODY, DEFLATED, element, make_ct, part10, write

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = lo(0x00410010, "ACME") + lo(0x00411001, "x")
TWO_ITEMS = sq(SEQUENCE, lo(TEXT, "A"), lo(TEXT, "B"))
NAME = "RequestAttributesSequence"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "a.dcm", part10(BODY + TWO_ITEMS + PRIVATE))


def shown(path: Path, *words: object) -> list[str]:
    """Give the lines of a diff, without what stands behind the values."""
    before = contents(path.parent)
    lines = well(path, "-n", *words).stdout.splitlines()
    assert contents(path.parent) == before
    assert not lines or lines.pop(0) == f"--- {path}"
    return [line.split("  #")[0].split("   ")[0].rstrip() for line in lines]


def changes(path: Path, *words: object) -> list[object]:
    before = contents(path.parent)
    document = json.loads(well(path, "--dry-run", "-f", "json", *words).stdout)
    assert contents(path.parent) == before
    assert list(document) == ["file", "changes"]
    assert document["file"] == str(path)
    found: list[object] = document["changes"]
    return found


def change(path: str, tag: str, old: object, new: object) -> dict[str, object]:
    return {"path": path, "tag": tag, "old": old, "new": new}


def of(vr: str, *values: object) -> dict[str, object]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def test_text(path: Path) -> None:
    """Look at a whole document, with all that is in a line."""
    edits = ["-m", "PatientID=LONGER", "-e", "PatientName", "-i", "Rows=7"]
    edits += ["-m", f"{NAME}[1].ScheduledProcedureStepDescription=Q"]
    assert well(path, "-n", *edits).stdout == (
        f"--- {path}\n"
        "- (0010,0010) PN [Doe^Jane]                               #   8, 1 PatientName\n"
        "- (0010,0020) LO [PID-1]                                  #   6, 1 PatientID\n"
        "+ (0010,0020) LO [LONGER]                                 #   6, 1 PatientID\n"
        "+ (0028,0010) US 7                                        #   2, 1 Rows\n"
        f"@ {NAME}[1].ScheduledProcedureStepDescription\n"
        "- (0040,0007) LO [B]                                      #   2, 1"
        " ScheduledProcedureStepDescription\n"
        "+ (0040,0007) LO [Q]                                      #   2, 1"
        " ScheduledProcedureStepDescription\n"
    )
    assert value(path, "PatientID") == "PID-1"


def test_what_stays_is_not_shown(path: Path) -> None:
    assert shown(path, "-m", "PatientID=PID-1") == []
    assert shown(path, "-m", "PatientID=X", "-m", "PatientID=PID-1") == []
    assert shown(path, "-i", "PatientSex=F", "-e", "PatientSex") == []
    assert changes(path, "-m", "PatientID=PID-1") == []


def test_items_count_as_they_do_in_the_file(path: Path) -> None:
    edit = ["-e", f"{NAME}[0]", "-m", f"{NAME}[0].ScheduledProcedureStepDescription=Q"]
    assert shown(path, *edit) == [
        f"@ {NAME}[0].ScheduledProcedureStepDescription",
        "- (0040,0007) LO [A]",
        f"@ {NAME}[1].ScheduledProcedureStepDescription",
        "- (0040,0007) LO [B]",
        "+ (0040,0007) LO [Q]",
    ]
    edit = ["-e", f"{NAME}[1]", "-e", f"{NAME}[0]", "-i", f"{NAME}[1].PatientID=N"]
    assert changes(path, *edit) == [
        change(f"{NAME}[0].ScheduledProcedureStepDescription", "00400007", of("LO", "A"), None),
        change(f"{NAME}[1].ScheduledProcedureStepDescription", "00400007", of("LO", "B"), None),
        change(f"{NAME}[1].PatientID", "00100020", None, of("LO", "N")),
    ]


def test_a_sequence_is_shown_with_all_that_it_holds(path: Path) -> None:
    assert changes(path, "-e", NAME) == [
        change(
            NAME,
            "00400275",
            of("SQ", {"00400007": of("LO", "A")}, {"00400007": of("LO", "B")}),
            None,
        )
    ]
    nested = "ReferencedSeriesSequence[1].ReferencedImageSequence[0].Rows"
    assert changes(path, "-i", f"{nested}=5") == [
        change(
            "ReferencedSeriesSequence",
            "00081115",
            None,
            of("SQ", {}, {"00081140": of("SQ", {"00280010": of("US", 5)})}),
        )
    ]
    lines = well(path, "-n", "-e", NAME).stdout.splitlines()[1:]
    assert [line[:15] for line in lines] == [
        "- (0040,0275) S",
        "-   (fffe,e000)",
        "-     (0040,000",
        "-   (fffe,e00d)",
        "-   (fffe,e000)",
        "-     (0040,000",
        "-   (fffe,e00d)",
        "- (fffe,e0dd) n",
    ]


def test_private_elements_are_named_by_their_creator(path: Path) -> None:
    gone = [
        change("(0041,0010)", "00410010", of("LO", "ACME"), None),
        change('(0041,"ACME",01)', "00411001", of("LO", "x"), None),
    ]
    assert changes(path, "-e", '(0041,"ACME",01)') == gone
    assert changes(path, "-ep") == gone
    assert changes(path, "-i", '(0041,"NEW",02)=y', "--vr", "LO") == [
        change("(0041,0011)", "00410011", None, of("LO", "NEW")),
        change('(0041,"NEW",02)', "00411102", None, of("LO", "y")),
    ]


def test_the_file_meta_group_comes_first(path: Path) -> None:
    edit = ["-m", "SOPInstanceUID=1.2.999", "-i", "SourceApplicationEntityTitle=ME"]
    assert changes(path, *edit) == [
        change("MediaStorageSOPInstanceUID", "00020003", None, of("UI", "1.2.999")),
        change("SourceApplicationEntityTitle", "00020016", None, of("AE", "ME")),
        change("SOPInstanceUID", "00080018", of("UI", "1.2.3.4"), of("UI", "1.2.999")),
    ]


@pytest.mark.parametrize("syntax", [DEFLATED, BIG, "1.2.840.10008.1.2"])
def test_encodings_are_read_as_they_are(tmp_path: Path, syntax: str) -> None:
    if syntax == BIG:
        body = b"\0\x10\0\x20LO\0\6PID-1 " + b"\0\x28\0\x10US\0\2\1\2"
        path, rows = write(tmp_path / "a.dcm", part10(body, BIG)), 258
    else:
        path, rows = make_ct(tmp_path / "a.dcm", syntax=syntax), 4
    assert changes(path, "-m", "Rows=513") == [
        change("Rows", "00280010", of("US", rows), of("US", 513))
    ]


def test_both_sides_are_in_their_own_character_set(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "a.dcm", SpecificCharacterSet="ISO_IR 100", PatientName="Müller")
    name = {"Alphabetic": "Müller"}
    assert changes(path, "--charset", "utf8") == [
        change("SpecificCharacterSet", "00080005", of("CS", "ISO_IR 100"), of("CS", "ISO_IR 192")),
        change("PatientName", "00100010", of("PN", name), of("PN", name)),
    ]


def test_long_values_are_cut(ct: Path, tmp_path: Path) -> None:
    pixels = write(tmp_path / "pixels", bytes(100_000))
    out = well(ct, "-n", "-if", f"PixelData={pixels}").stdout
    assert len(out) < 2000
    (found,) = changes(ct, "-if", f"PixelData={pixels}")
    assert isinstance(found, dict)
    assert found == change("PixelData", "7FE00010", found["old"], {"vr": "OW"})


def test_values_cannot_play_with_the_terminal(tmp_path: Path) -> None:
    name = element(0x00100010, "PN", b"\x1b[2J\x07^A\n")
    path = write(tmp_path / "a.dcm", part10(name))
    ran = modify(path, "-n", "-e", "PatientName")
    assert "\x1b" not in ran.stdout
    assert len(ran.stdout.splitlines()) == 2
    private = element(0x00410010, "LO", b"\x1b[2J A") + sq(0x00411001, lo(TEXT, "A"))
    path = write(tmp_path / "b.dcm", part10(private))
    for form in ([], ["-f", "json"]):
        assert "\x1b" not in modify(path, "-n", "-ma", "(0040,0007)=B", *form).stdout
        assert "\x1b" not in modify(path, "-m", "(0041,1001)=B").stderr
    odd = write(tmp_path / "\x1b[2J\n.dcm", part10(name))
    assert "\x1b" not in modify(odd, "-n", "-e", "PatientName").stdout


# Several files


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_document_of_several_files(tmp_path: Path, jobs: int) -> None:
    for name in ("a", "c", "d"):
        write(tmp_path / f"{name}.dcm", part10(BODY))
    write(tmp_path / "b.dcm", part10(BODY)[:-3])
    make_ct(tmp_path / "c.dcm", PatientID="X")
    before = contents(tmp_path)
    edit = ["-m", "PatientID=X", "-j", jobs]
    ran = modify(tmp_path, "-n", "-f", "json", *edit)
    assert ran.exit_code == 9
    assert summary(ran) == "2 would be modified, 1 unchanged, 1 failed"
    one = [change("PatientID", "00100020", of("LO", "PID-1"), of("LO", "X"))]
    expected = [
        {"file": f"{tmp_path}/{name}.dcm", "changes": one if name != "c" else []} for name in "acd"
    ]
    assert json.loads(ran.stdout) == expected
    ran = modify(tmp_path, "-n", "-f", "ndjson", *edit)
    assert [json.loads(line) for line in ran.stdout.splitlines()] == expected
    ran = modify(tmp_path, "-n", *edit)
    assert [line for line in ran.stdout.splitlines() if line.startswith("---")] == [
        f"--- {tmp_path}/{name}.dcm" for name in "ad"
    ]
    assert contents(tmp_path) == before


def test_a_document_without_files(tmp_path: Path) -> None:
    write(tmp_path / "a", b"not DICOM")
    ran = modify(tmp_path, "-n", "-f", "json", "-m", "PatientID=X")
    assert (ran.exit_code, json.loads(ran.stdout)) == (3, [])
    make_ct(tmp_path / "b.dcm")
    ran = modify(tmp_path, "-n", "-f", "json", "-m", "PatientID=X", "--if", "Modality=MR")
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, [])


def test_what_fails_is_told_as_it_would_be(ct: Path, tmp_path: Path) -> None:
    ran = modify(ct, "-n", "-m", "PatientSex=F")
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert said(ran)[0] == f"{ct}: PatientSex: is not there"
    damaged = write(tmp_path / "b.dcm", part10(BODY)[:-3])
    ran = modify(damaged, "-n", "-m", "PatientID=X")
    assert (ran.exit_code, ran.stdout) == (3, "")


def test_nothing_is_made_for_an_output(ct: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    ran = well(ct, "-n", "-m", "PatientID=X", "-o", tmp_path / "new" / "out.dcm")
    assert "+ (0010,0020) LO [X]" in ran.stdout
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists()


# Terminals


def test_colours_are_for_terminals(ct: Path) -> None:
    edit = [ct, "-n", "-m", "PatientID=X"]
    assert "\x1b[" not in well(*edit).stdout
    coloured = well(*edit, "--color", "always").stdout
    assert "\x1b[31m- (0010,0020)" in coloured
    assert "\x1b[32m+ (0010,0020)" in coloured
    terminal, stdout = pty.openpty()
    command = [sys.executable, "-m", "dcmtools", "modify", *map(str, edit)]
    ran = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=True)
    os.close(stdout)
    shown = os.read(terminal, 1 << 16)
    os.close(terminal)
    assert b"\x1b[31m- (0010,0020)" in shown
    assert ran.stderr == b""

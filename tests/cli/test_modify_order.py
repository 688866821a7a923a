"""`modify`: operations are done in the order of the command line, whatever their kinds."""

from __future__ import annotations

import subprocess
import sys
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from tests.cli.modifying import modify, said, value, well
from tests.factories import BODY, element, part10, write

if TYPE_CHECKING:
    from pathlib import Path

EDITS = {"i1": ["-i", "PatientSex=F"], "e": ["-e", "PatientSex"], "i2": ["-i", "PatientSex=M"]}
ORDERS = {
    ("i1", "e", "i2"): "M",
    ("i1", "i2", "e"): "",
    ("e", "i1", "i2"): None,
    ("i2", "e", "i1"): "F",
    ("e", "i2", "i1"): None,
    ("i2", "i1", "e"): "",
}
"""What is there in the end where it was not there before; None where the edit fails."""


@pytest.mark.parametrize("order", list(permutations(EDITS)), ids=" ".join)
def test_the_permutations(ct: Path, order: tuple[str, ...]) -> None:
    before = ct.read_bytes()
    ran = modify(ct, *(word for each in order for word in EDITS[each]))
    expected = ORDERS[order]  # type: ignore[index] # of three
    if expected is None:
        assert ran.exit_code == 3
        assert ct.read_bytes() == before
    else:
        assert ran.exit_code == 0
        assert value(ct, "PatientSex") == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-m PatientID=1 -ma PatientID=2 -i PatientID=3", "3"),
        ("-i PatientID=1 -m PatientID=2 -ma PatientID=3", "3"),
        ("-ma PatientID=1 -i PatientID=2 -m PatientID=3 -i PatientID=4 -m PatientID=5", "5"),
        ("-ea PatientID -i PatientID=1", "1"),
        ("-i PatientID=1 -ea PatientID", ""),
        ("--insert PatientID=1 --erase PatientID -i PatientID=2", "2"),
        ("-e PatientID --insert-from PatientID={file} -m PatientID=2", "2"),
        ("-m PatientID=2 -mf PatientID={file}", "FROM FILE"),
        ("-if PatientID={file} -m PatientID=2 -mf PatientID={file}", "FROM FILE"),
        ("-m PatientID=1 --script {script} -m PatientID=2", "2"),
        ("-m PatientID=1 --script {script}", "S"),
        ("--script {script} -m PatientID=1 --script {script}", "S"),
        ("--script {script} -e PatientID", ""),
    ],
)
def test_kinds_in_between(ct: Path, tmp_path: Path, words: str, expected: str) -> None:
    file = write(tmp_path / "file", b"FROM FILE")
    script = write(tmp_path / "script", b"e PatientID\ni PatientID=T\nm PatientID=S\n")
    well(*words.format(file=file, script=script).split(), ct)
    assert value(ct, "PatientID") == expected


def test_files_may_stand_anywhere(ct: Path) -> None:
    well("-i", "PatientID=1", ct, "-m", "PatientID=2")
    assert value(ct, "PatientID") == "2"
    well("-i", "PatientID=3", "--", ct)
    assert value(ct, "PatientID") == "3"


def test_erasing_what_is_private_has_its_place(tmp_path: Path) -> None:
    private = element(0x00290010, "LO", b"ACME") + element(0x00291001, "LO", b"x ")
    path = write(tmp_path / "a.dcm", part10(BODY + private))
    well(path, "-i", '(0029,"ACME",02)=y', "-ep", "--vr", "LO")
    assert path.read_bytes() == part10(BODY)
    well(path, "-ep", "-i", '(0029,"ACME",01)=x', "--vr", "LO")
    assert path.read_bytes() == part10(BODY + private)


def test_one_vr_is_for_all_wherever_it_stands(tmp_path: Path) -> None:
    edits = ["-i", "(0011,0010)=A", "-i", "(0011,1001)=5", "-i", "(0011,1002)=6"]
    expected = (
        element(0x00110010, "LO", b"A ")
        + element(0x00111001, "US", b"\5\0")
        + element(0x00111002, "US", b"\6\0")
    )
    body = BODY[
        : -len(element(0x00100010, "PN", b"Doe^Jane") + element(0x00100020, "LO", b"PID-1 "))
    ]
    for at in range(0, len(edits) + 1, 2):
        path = write(tmp_path / "a.dcm", part10(body))
        well(path, *edits[:at], "--vr", "US", *edits[at:], "-nb")
        assert path.read_bytes() == part10(body + expected)


def test_each_of_several_vrs_is_for_what_follows(tmp_path: Path) -> None:
    body = element(0x00080060, "CS", b"CT")
    path = write(tmp_path / "a.dcm", part10(body))
    script = write(tmp_path / "s", b'i (0011,"A",03)=7\n')
    edits = [
        "--vr",
        "US",
        "-i",
        '(0011,"A",01)=5',
        "--vr",
        "LO",
        "-i",
        '(0011,"A",02)=6',
        "--script",
    ]
    well(path, *edits, script)
    assert path.read_bytes() == part10(
        body
        + element(0x00110010, "LO", b"A ")
        + element(0x00111001, "US", b"\5\0")
        + element(0x00111002, "LO", b"6 ")
        + element(0x00111003, "LO", b"7 ")
    )
    before = path.read_bytes()
    ran = modify(path, *edits[2:4], *edits[:2], *edits[4:6], "-e", "Modality")
    assert ran.exit_code == 2
    assert said(ran)[0] == "--vr: is given again, and each holds for what follows it"
    assert path.read_bytes() == before


def test_the_program_knows_the_order_too(ct: Path) -> None:
    """Its command line is that of the operating system, not that of a test."""
    for last in "123":
        words = ["-i", "PatientID=1", "-e", "PatientID", "-i", f"PatientID={last}", "-ep", "-nb"]
        command = [sys.executable, "-m", "dcmtools", "modify", *words, str(ct)]
        assert subprocess.run(command, check=False).returncode == 0
        assert value(ct, "PatientID") == last

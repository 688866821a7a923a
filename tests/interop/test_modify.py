"""Show that ``modify`` makes the same of a file as DCMTK's `dcmodify`, but for its traps."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from tests.conftest import need
from tests.factories import make_ct, write
from tests.interop.edit_scripts import (
    CORPUS_LENGTHS,
    CT,
    ON_PURPOSE,
    ORDERS,
    REFUSED,
    REFUSES,
    SAME,
    Difference,
    Script,
)
from tests.interop.editing import (
    Ran,
    comparable,
    dcmodify,
    is_sorted,
    modify,
    read,
    source,
    value,
    with_files,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.interop


def cases(scripts: tuple[Script, ...]) -> list[object]:
    corpus = pytest.mark.corpus
    return [
        pytest.param(
            script, file, id=f"{script.name}-{file}", marks=corpus if file == CORPUS_LENGTHS else ()
        )
        for script in scripts
        for file in script.files
    ]


def test_there_are_many_scripts() -> None:
    assert len({script.name for script in SAME}) == len(SAME) >= 60
    assert len({script.words for script in SAME}) >= 60
    assert len({file for script in SAME for file in script.files}) >= 12


@pytest.mark.parametrize(("script", "file"), cases(SAME))
def test_the_same_edit_makes_the_same_data_set(script: Script, file: str, tmp_path: Path) -> None:
    words = with_files(script.words, tmp_path)
    theirs, ours = (source(file, tmp_path / name) for name in ("theirs", "ours"))
    before = read(ours)
    was_sorted = is_sorted(ours)
    assert dcmodify(words, theirs).code == 0
    ran = modify(words, ours)
    assert ran.code == 0, ran.said
    assert all(": warning: " in line for line in ran.said.splitlines())
    assert comparable(ours, before) == comparable(theirs, before)
    assert is_sorted(ours) == was_sorted
    assert read(ours) != before or "-ep" in words


@pytest.mark.parametrize("words", ORDERS, ids=" ".join)
def test_operations_are_done_in_the_order_of_the_command_line(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """Run ours as a program, whose command line is not that of the tests."""
    theirs, ours = (source(CT, tmp_path / name) for name in ("theirs", "ours"))
    before, held = ours.read_bytes(), read(ours)
    refused = dcmodify(words, theirs).code
    command = [sys.executable, "-m", "dcmtools", "modify", "-nb", *words, str(ours)]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert bool(ran.returncode) == bool(refused) == (words[0] == "-e")
    assert comparable(ours, held) == comparable(theirs, held)
    is_as_before = bool(refused) or words[-2:] == ("-e", "PatientComments")
    assert (ours.read_bytes() == before) == is_as_before


@pytest.mark.parametrize(("script", "file"), cases(REFUSED))
def test_both_refuse_and_write_nothing(script: Script, file: str, tmp_path: Path) -> None:
    words = with_files(script.words, tmp_path)
    theirs, ours = (source(file, tmp_path / name) for name in ("theirs", "ours"))
    before = ours.read_bytes()
    assert dcmodify(words, theirs).code != 0
    ran = modify(words, ours)
    assert ran.code in (2, 3, 9)
    assert "dcmtools modify: " in ran.said
    assert ours.read_bytes() == theirs.read_bytes() == before
    assert sorted(ours.parent.iterdir()) == [ours]


def check(ran: Ran, path: Path, expected: Mapping[str, bytes | None], before: bytes) -> None:
    if expected is REFUSES:
        assert ran.code != 0
        assert path.read_bytes() == before
        return
    assert ran.code == 0, ran.said
    found = read(path)
    for name, content in expected.items():
        there = value(found, name)
        if there is not None and content is not None and name == "fffcfffc":
            there = there[: len(content)]  # it is long
        assert there == content, name


@pytest.mark.parametrize("difference", ON_PURPOSE, ids=lambda difference: difference.name)
def test_what_differs_on_purpose(difference: Difference, tmp_path: Path) -> None:
    words = with_files(difference.words, tmp_path)
    theirs, ours = (source(difference.file, tmp_path / name) for name in ("theirs", "ours"))
    before = ours.read_bytes()
    check(dcmodify(words, theirs), theirs, difference.theirs, before)
    check(modify(words, ours), ours, difference.ours, before)


def test_what_stands_twice_is_set_twice(tmp_path: Path) -> None:
    """Look at the bytes, since pydicom keeps one of the two."""
    theirs, ours = (source("twice", tmp_path / name) for name in ("theirs", "ours"))
    assert dcmodify(["-m", "PatientID=A"], theirs).code == 0
    assert modify(["-m", "PatientID=A"], ours).code == 0
    header = b"\x10\x00\x20\x00LO"
    assert theirs.read_bytes().count(header) == 1
    assert ours.read_bytes().count(header + b"\x02\x00A ") == 2


def test_undefined_lengths_stay(tmp_path: Path) -> None:
    theirs, ours = (source("items", tmp_path / name) for name in ("theirs", "ours"))
    before = read(ours)
    edit = ["-m", "RequestAttributesSequence[0].RequestedProcedureID=LONGER"]
    assert dcmodify(edit, theirs).code == modify(edit, ours).code == 0
    assert theirs.read_bytes().count(b"\xff\xff\xff\xff") == 0
    assert ours.read_bytes().count(b"\xff\xff\xff\xff") == 2
    assert comparable(ours, before) == comparable(theirs, before)


# The traps of dcmodify, each shown to be one, and not to be ours.


def test_the_first_backup_stays(tmp_path: Path) -> None:
    theirs, ours = (source(CT, tmp_path / name) for name in ("theirs", "ours"))
    original = ours.read_bytes()
    for edit in ("PatientID=A", "PatientID=B"):
        assert dcmodify(["-m", edit], theirs, backup=True).code == 0
        assert modify(["-m", edit], ours, backup=True).code == 0
    assert original not in [path.read_bytes() for path in theirs.parent.iterdir()]
    assert ours.with_name("in.dcm.bak").read_bytes() == original
    assert value(read(ours.with_name("in.dcm.bak.1")), "00100020") == b"A "
    assert value(read(ours), "00100020") == b"B "
    assert len(list(ours.parent.iterdir())) == 3


def test_what_is_no_date_is_refused(tmp_path: Path) -> None:
    theirs, ours = (source(CT, tmp_path / name) for name in ("theirs", "ours"))
    before = ours.read_bytes()
    assert dcmodify(["-m", "StudyDate=notadate"], theirs) == Ran(0, "")
    ran = modify(["-m", "StudyDate=notadate"], ours)
    assert ran.code == 2
    assert "StudyDate" in ran.said
    assert "notadate" in ran.said
    assert "DA" in ran.said
    assert ours.read_bytes() == before


def test_text_is_in_the_characters_of_the_data_set(tmp_path: Path) -> None:
    theirs, ours = (source(CT, tmp_path / name) for name in ("theirs", "ours"))
    assert dcmodify(["-m", "PatientName=Müller"], theirs) == Ran(0, "")
    assert str(dcmread(theirs).PatientName) == "MÃ¼ller"
    assert modify(["-m", "PatientName=Müller"], ours).code == 0
    assert str(dcmread(ours).PatientName) == "Müller"
    before = ours.read_bytes()
    ran = modify(["-m", "PatientName=山田"], ours)
    assert ran.code != 0
    assert "--charset utf8" in ran.said
    assert ours.read_bytes() == before
    assert modify(["--charset", "utf8", "-m", "PatientName=山田"], ours).code == 0
    assert str(dcmread(ours).PatientName) == "山田"


def test_a_study_stays_a_study(tmp_path: Path) -> None:
    uids = {}
    for program in ("theirs", "ours"):
        folder = tmp_path / program
        folder.mkdir()
        one, other = (
            make_ct(folder / f"{name}.dcm", SOPInstanceUID=f"1.2.{name}") for name in (1, 2)
        )
        if program == "theirs":
            assert dcmodify(["-gst"], one, other).code == 0
        else:
            assert modify(["--new-uids", "study"], one, other).code == 0
        uids[program] = [dcmread(path).StudyInstanceUID for path in (one, other)]
    assert uids["theirs"][0] != uids["theirs"][1]
    assert uids["ours"][0] == uids["ours"][1] != "1.2.826.0.1.3680043.8.498.1.1"


@pytest.mark.parametrize("edit", ["PatientID=A", "PatientComments=A"])
def test_one_bad_file_does_not_end_the_batch(edit: str, tmp_path: Path) -> None:
    """One cannot be read, or one has not what is to be modified."""
    codes = {}
    changed = {}
    for program in ("theirs", "ours"):
        folder = tmp_path / program
        folder.mkdir()
        files = [make_ct(folder / f"{number}.dcm", PatientComments="there") for number in range(4)]
        if edit == "PatientID=A":
            write(files[1], b"not DICOM")
        else:
            make_ct(files[1])
        before = [path.read_bytes() for path in files]
        run = dcmodify if program == "theirs" else modify
        codes[program] = run(["-m", edit], *files).code
        after = [path.read_bytes() for path in files]
        changed[program] = [a != b for a, b in zip(before, after, strict=True)]
    assert codes == {"theirs": 1, "ours": 9}
    assert changed["theirs"] == [True, False, False, False]
    assert changed["ours"] == [True, False, True, True]


def test_dcmtk_is_the_one_that_has_been_measured() -> None:
    """Say so if another version is met, before wondering about the rest."""
    ran = subprocess.run([need("dcmodify"), "--version"], capture_output=True, check=True)
    assert b"dcmodify v3." in ran.stdout

"""Show that no file of the corpus loses anything in an edit, and that other programs read it."""

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dcmtools.dataset.edit import edited, parse_assignment
from dcmtools.dataset.new_uids import NewUids
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError, NotDicomError
from tests.dataset.edits import content, data_set, saved, without, wrong_group_lengths
from tests.factories import corpus, write

pytestmark = pytest.mark.corpus

NAME = "PatientName=Longer^Than^Most"
ASSIGNMENTS = (
    NAME,
    "PatientID=1",
    "RequestAttributesSequence[0].RequestedProcedureID=2",
    "IssueDateOfImagingServiceRequest=20260131",
)
CHANGED = ("00100010", "00100020", "00400275", "00402004")


def listed() -> list[object]:
    found = corpus()
    files = sorted(path for path in found.iterdir() if path.is_file()) if found else []
    return [pytest.param(path, id=path.name) for path in files]


FILES = listed()


def here(path: Path, tmp_path: Path) -> Path:
    """Give a link to a file, in a folder that can be written to; skip what is damaged."""
    link = tmp_path / "in.dcm"
    link.symlink_to(path)
    try:
        with DicomFile(link) as file:
            for _ in file.elements():
                pass
            if file.damage is not None:
                with pytest.raises(InputError):
                    edited(file, map(parse_assignment, ASSIGNMENTS))
                pytest.skip(f"is damaged, and refused: {file.damage}")
    except InputError as error:
        pytest.skip(error.why)
    return link


@pytest.mark.parametrize("path", FILES)
def test_nothing_to_change_changes_nothing(path: Path, tmp_path: Path) -> None:
    path = here(path, tmp_path)
    with DicomFile(path) as file:
        assert edited(file).read() == data_set(path)
        assert edited(file, (), NewUids(b"x")).sop_class == edited(file).sop_class


@pytest.mark.parametrize("path", FILES)
def test_what_is_set_is_there_and_all_else_is_as_it_was(path: Path, tmp_path: Path) -> None:
    path = here(path, tmp_path)
    before = content(path)
    result = saved(path, *ASSIGNMENTS)
    after = content(result)
    assert without(after, *CHANGED) == without(before, *CHANGED)
    names = [name for name, _ in after]
    copies = Counter(name for name, _ in before)
    for name in (*CHANGED[:2], "00400275[0].00401001", CHANGED[3]):
        assert names.count(name) == max(copies[name], 1), name
    assert all(b"Longer^Than^Most" in raw for name, raw in after if name == CHANGED[0])
    if not wrong_group_lengths(path):
        assert wrong_group_lengths(result) == []


@pytest.mark.parametrize("path", FILES)
def test_new_uids_change_uids_only(path: Path, tmp_path: Path) -> None:
    path = here(path, tmp_path)
    before, uids = content(path), NewUids(b"x")
    after = content(saved(path, uids=uids))
    assert [name for name, _ in after] == [name for name, _ in before]
    pairs = zip(before, after, strict=True)
    changed = [(name, old, new) for (name, old), (_, new) in pairs if old != new]
    assert all(b"2.25." in new for _, _, new in changed)
    own = {raw for name, raw in before if name in ("0020000d", "0020000e", "00080018")}
    kept = {raw for raw in own if raw in {raw for _, raw in after}}
    assert all(not raw[8:].strip(b"\0 ") or b"1.2.840.10008." in raw for raw in kept)


@pytest.mark.interop
@pytest.mark.parametrize("path", FILES)
def test_dcmtk_reads_what_it_has_read(
    path: Path, tmp_path: Path, program: Callable[[str], str]
) -> None:
    path = here(path, tmp_path)
    command = [program("dcmdump"), "-q"]
    before = subprocess.run([*command, str(path)], capture_output=True, check=False)
    if before.returncode:
        pytest.skip("dcmdump does not read it as it is")
    result = saved(path, *ASSIGNMENTS, uids=NewUids(b"x"))
    after = subprocess.run([*command, str(result)], capture_output=True, check=False)
    assert after.returncode == 0, after.stderr
    assert b"[Longer^Than^Most]" in after.stdout


def test_there_is_a_corpus(corpus_files: list[Path], tmp_path: Path) -> None:
    assert corpus_files
    with pytest.raises(NotDicomError):
        DicomFile(write(tmp_path / "none", b"nothing of the kind"))

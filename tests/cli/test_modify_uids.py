"""`modify --new-uids`: a study stays a study, and what refers to its objects still does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.cli.modifying import contents, files, modify, summary, value, well
from tests.factories import BODY, DEFLATED, IMPLICIT, element, make_ct, part10, write

if TYPE_CHECKING:
    from pathlib import Path

STUDY, OTHER_STUDY = "1.2.3.1", "1.2.3.2"
SERIES, OTHER_SERIES = "1.2.3.1.1", "1.2.3.1.2"
OUTSIDE = "1.2.777"
WELL_KNOWN = "1.2.840.10008.1.4.1.1"
ALL = "study,series,instance"
KINDS = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}
SYNTAXES = ["1.2.840.10008.1.2.1", IMPLICIT, DEFLATED]


def reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPInstanceUID = uid
    return item


def make(path: Path, uids: tuple[str, str, str], refers: str, syntax: str) -> None:
    """Make an image that refers to another one: at the top, below two sequences, in a private one.

    It also refers to one that is not there, to a well-known frame of reference, and names its own.
    """
    study, series, uid = uids
    inner = Dataset()
    inner.SeriesInstanceUID = series
    inner.ReferencedSOPSequence = Sequence([reference(refers), reference(OUTSIDE)])
    outer = Dataset()
    outer.StudyInstanceUID = study
    outer.ReferencedSeriesSequence = Sequence([inner])
    data = {
        "SOPInstanceUID": uid,
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "FrameOfReferenceUID": WELL_KNOWN,
        "ReferencedImageSequence": Sequence([reference(refers)]),
        "CurrentRequestedProcedureEvidenceSequence": Sequence([outer]),
    }
    make_ct(path, syntax=syntax, **data)
    whole = dcmread(path)
    block = whole.private_block(0x0029, "ACME", create=True)
    block.add_new(0x01, "UI", refers)
    block.add_new(0x02, "SQ", [reference(refers)])
    whole.save_as(path)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Give a folder of four images in two studies and three series, each refers to the next."""
    folder = tmp_path / "study"
    (folder / "deep").mkdir(parents=True)
    places = [
        ("a", STUDY, SERIES),
        ("b", STUDY, OTHER_SERIES),
        ("deep/c", OTHER_STUDY, "1.2.3.2.1"),
        ("deep/d", STUDY, SERIES),
    ]
    for number, (name, of_study, of_series) in enumerate(places):
        refers = f"1.2.3.9.{(number + 1) % 4}"
        uids = of_study, of_series, f"1.2.3.9.{number}"
        make(folder / f"{name}.dcm", uids, refers, SYNTAXES[number % 3])
    return folder


def read(folder: Path) -> list[Dataset]:
    return [dcmread(folder / name) for name in ("a.dcm", "b.dcm", "deep/c.dcm", "deep/d.dcm")]


def references(data: Dataset) -> list[str]:
    """List what an image refers to, at every place, but for what is outside of the folder."""
    evidence = data.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    block = data.private_block(0x0029, "ACME")
    private = [block[0x01].value]
    if data.file_meta.TransferSyntaxUID == IMPLICIT:  # which says of nothing what it is
        private[0] = private[0].decode().strip("\0")
    else:
        private.append(block[0x02].value[0].ReferencedSOPInstanceUID)
    assert evidence.ReferencedSOPSequence[1].ReferencedSOPInstanceUID == OUTSIDE
    return [
        data.ReferencedImageSequence[0].ReferencedSOPInstanceUID,
        evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID,
        *private,
    ]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("output", [False, True])
def test_a_study_stays_a_study(study: Path, tmp_path: Path, jobs: int, *, output: bool) -> None:
    before = contents(study)
    for number in range(60):  # so that there is something for each process
        make_ct(study / f"more{number:02}.dcm", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES)
    words = ["-o", tmp_path / "out"] if output else ["-nb"]
    ran = modify(study, "--new-uids", ALL, "-j", jobs, *words)
    assert (ran.exit_code, summary(ran)) == (0, "64 modified")
    found = read(tmp_path / "out" if output else study)
    studies = [each.StudyInstanceUID for each in found]
    series = [each.SeriesInstanceUID for each in found]
    instances = [each.SOPInstanceUID for each in found]
    assert studies[0] == studies[1] == studies[3] != studies[2]
    assert series[0] == series[3]
    assert len(set(series)) == 3
    assert len({*instances, *series, *studies}) == 4 + 3 + 2
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in instances + series + studies)
    for number, each in enumerate(found):
        assert set(references(each)) == {instances[(number + 1) % 4]}
        evidence = each.CurrentRequestedProcedureEvidenceSequence[0]
        assert evidence.StudyInstanceUID == each.StudyInstanceUID
        assert evidence.ReferencedSeriesSequence[0].SeriesInstanceUID == each.SeriesInstanceUID
        assert each.file_meta.MediaStorageSOPInstanceUID == each.SOPInstanceUID
        assert each.FrameOfReferenceUID == WELL_KNOWN
        assert each.SOPClassUID == each.file_meta.MediaStorageSOPClassUID
        assert each.PatientID == "PID-1"
    more = (tmp_path / "out" if output else study) / "more59.dcm"
    assert (value(more, "StudyInstanceUID"), value(more, "SeriesInstanceUID")) == (
        studies[0],
        series[0],
    )
    if output:
        assert {name: contents(study)[name] for name in before} == before


@pytest.mark.parametrize(
    "levels", ["study", "series", "instance", "series, study", "instance,study"]
)
def test_levels_are_chosen(study: Path, levels: str) -> None:
    before = read(study)
    assert modify(study, "--new-uids", levels, "-nb").exit_code == 0
    for old, new in zip(before, read(study), strict=True):
        for name, keyword in KINDS.items():
            assert (old[keyword].value != new[keyword].value) == (name in levels)
        assert (references(old) != references(new)) == ("instance" in levels)


def test_each_run_has_other_uids(study: Path, tmp_path: Path) -> None:
    found = []
    for name in "12":
        assert modify(study, "--new-uids", "study", "-o", tmp_path / name).exit_code == 0
        found.append(value(tmp_path / name / "a.dcm", "StudyInstanceUID"))
    assert len({STUDY, *found}) == 3


def test_a_reference_may_come_before_what_it_names(study: Path) -> None:
    """Name the files in the order in which each refers to one that is still to come."""
    order = [study / name for name in ("a.dcm", "b.dcm", "deep/c.dcm", "deep/d.dcm")]
    assert modify(*order, "--new-uids", "instance", "-nb").exit_code == 0
    found = read(study)
    for number, each in enumerate(found):
        assert set(references(each)) == {found[(number + 1) % 4].SOPInstanceUID}


def test_what_is_set_is_not_replaced(study: Path) -> None:
    edit = ["-m", f"StudyInstanceUID={OTHER_STUDY}"]
    assert modify(study, "--new-uids", ALL, "-nb", *edit).exit_code == 0
    found = read(study)
    assert {each.StudyInstanceUID for each in found} == {OTHER_STUDY}
    assert len({each.SeriesInstanceUID for each in found}) == 3


def test_only_files_that_are_meant_get_new_uids(study: Path) -> None:
    """What refers to one that is left alone still does."""
    whole = dcmread(study / "b.dcm")
    whole.Modality = "MR"
    whole.save_as(study / "b.dcm")
    before = read(study)
    ran = modify(study, "--new-uids", "instance", "--if", "Modality=CT", "-nb")
    assert (ran.exit_code, summary(ran)) == (0, "3 modified, 1 excluded")
    after = read(study)
    assert after[1] == before[1]
    assert set(references(after[0])) == {before[1].SOPInstanceUID}
    assert set(references(after[2])) == {after[3].SOPInstanceUID}
    assert after[3].SOPInstanceUID != before[3].SOPInstanceUID


def test_a_dry_run_shows_new_uids_and_changes_nothing(study: Path) -> None:
    before = contents(study)
    ran = modify(study, "-n", "--new-uids", "study")
    assert ran.exit_code == 0
    new = {line.split()[3] for line in ran.stdout.splitlines() if line.startswith("+")}
    assert len(new) == 2
    assert all(uid.startswith("[2.25.") for uid in new)
    assert contents(study) == before


def test_an_object_without_uids_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", part10(BODY[50:]))
    before = path.read_bytes()
    well(path, "--new-uids", ALL)
    assert path.read_bytes() == before
    assert files(tmp_path) == ["a.dcm"]


def test_uids_with_odd_padding_are_the_same(tmp_path: Path) -> None:
    for name, uid in (("a", b"1.2.3\0"), ("b", b"1.2.3 "), ("c", b"1.2.3")):
        write(tmp_path / f"{name}.dcm", part10(BODY + element(0x0020000D, "UI", uid)))
    assert modify(tmp_path, "--new-uids", "study", "-nb").exit_code == 0
    found = {value(tmp_path / f"{name}.dcm", "StudyInstanceUID") for name in "abc"}
    assert len(found) == 1
    assert found.pop().startswith("2.25.")


def test_references_of_no_vr_are_told_by_what_they_are(tmp_path: Path) -> None:
    known, unknown = b"1.2.3.4\0", b"1.2.3.5\0"
    private = [element(0x00290010, "LO", b"ACME"), element(0x00291001, "UN", known)]
    private += [element(0x00291002, "UN", unknown), element(0x00291003, "LO", known)]
    path = write(tmp_path / "a.dcm", part10(BODY + b"".join(private)))
    well(path, "--new-uids", "instance")
    new = value(path, "SOPInstanceUID").encode()
    private[1] = element(0x00291001, "UN", new + b"\0" * (len(new) % 2))
    assert path.read_bytes().endswith(b"".join(private))

"""`anonymize --map` and `reidentify`: the map that is kept, and the way back."""

from __future__ import annotations

import json
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dcmtools.deid.map_file import MapFile
from tests.cli.anonymizing import (
    anonymize,
    contents,
    files,
    key_file,
    make_study,
    read,
    records,
    reidentify,
    told,
)
from tests.factories import make_ct, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom import Dataset

SHIFT = "--retain", "dates-shifted"
NAMES = (
    "rtplan.dcm", "rtstruct.dcm", "reportsi.dcm", "liver_1frame.dcm", "examples_ybr_color.dcm",
    "MR_small_bigendian.dcm", "image_dfl.dcm",
)  # fmt: skip
"""Files with references and in other encodings."""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return key_file(tmp_path)


@pytest.fixture
def mapped(study: Path, tmp_path: Path, key: Path) -> tuple[Path, Path]:
    """Give outputs and the map of them."""
    out, kept = tmp_path / "out", tmp_path / "map"
    ran = anonymize(study, "-o", out, "--key-file", key, "--map", kept, *SHIFT)
    assert ran.exit_code == 0
    return out, kept


def walked(data: Dataset, above: str = "") -> Iterator[tuple[str, str, str]]:
    """Give path, VR and value of all elements at every depth, items numbered."""
    for element in data:
        path = f"{above}{element.tag}"
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from walked(item, f"{path}[{number}]")
        else:
            yield path, element.VR, str(element.value)


def elements(path: Path) -> dict[str, tuple[str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {place: (vr, value) for place, vr, value in walked(dcmread(path, force=True))}


# The map


def test_the_map_is_for_its_owner_alone(mapped: tuple[Path, Path]) -> None:
    _, kept = mapped
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
    assert lines[0]["map"] == "dcmtools anonymize"
    assert {line["was"] for line in lines if "uid" in line} == {
        f"1.2.826.0.1.3680043.8.498.{uid}"
        for uid in ("1", "1.1", "1.1.1", "1.1.2", "2", "2.1", "2.1.3")
    }
    assert key_of(kept) not in kept.read_text("utf-8")


def key_of(kept: Path) -> str:
    return (kept.parent / "key").read_text("utf-8")


@pytest.mark.parametrize("place", ["out/map", "out/deep/map", "link/map", "quarantine/map"])
def test_the_map_does_not_lie_among_what_is_given_away(
    study: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    options = ["--map", tmp_path / place, "--quarantine", tmp_path / "quarantine"]
    ran = anonymize(study, "-o", tmp_path / "out", *options)
    assert ran.exit_code == 2
    assert "lies in" in told(ran)[0]
    assert files(tmp_path / "out") == files(tmp_path / "quarantine") == []


def test_a_map_that_is_there_is_not_replaced(
    study: Path, tmp_path: Path, key: Path, mapped: tuple[Path, Path]
) -> None:
    _, kept = mapped
    before = kept.read_bytes()
    options = ["--key-file", key, "--map", kept, *SHIFT]
    ran = anonymize(study, "-o", tmp_path / "other", *options)
    assert (ran.exit_code, told(ran)[0]) == (2, f"{kept}: is there already")
    for more in (["--key-file", key_file(tmp_path, "foreign")], ["--retain", "device"]):
        ran = anonymize(study, "-o", tmp_path / "other", *options, *more, "--resume")
        assert ran.exit_code == 2
        assert "another key or other options" in told(ran)[0]
    foreign = write(tmp_path / "foreign.txt", b"my notes\n")
    options = ["--key-file", key, "--map", foreign, "--resume"]
    assert anonymize(study, "-o", tmp_path / "other", *options).exit_code == 2
    assert kept.read_bytes() == before
    assert foreign.read_bytes() == b"my notes\n"


def test_a_map_is_continued(
    study: Path, tmp_path: Path, key: Path, mapped: tuple[Path, Path]
) -> None:
    """The run before was cut off amid a line of the map, and had written one output less."""
    out, kept = mapped
    whole = kept.read_bytes()
    write(kept, whole[: whole.rindex(b'"2.25.') + 10])
    (out / max(files(out))).unlink()
    options = ["--key-file", key, "--map", kept, *SHIFT, "--resume"]
    ran = anonymize(study, "-o", out, *options)
    assert ran.exit_code == 0
    assert sorted(kept.read_bytes().splitlines()) == sorted(whole.splitlines())
    make_ct(study / "more.dcm", SOPInstanceUID="1.2.3", PatientID="PID-3")
    assert anonymize(study, "-o", out, *options).exit_code == 0
    assert kept.read_bytes().startswith(b'{"map"')
    assert b'"1.2.3"' in kept.read_bytes()
    assert reidentify(out, "--map", kept, "-o", tmp_path / "back").exit_code == 0
    assert len(files(tmp_path / "back")) == 4


def test_no_output_is_there_that_the_map_does_not_know(
    study: Path, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MapFile, "_write", full)
    out = tmp_path / "out"
    ran = anonymize(study, "-o", out, "--key-file", key, "--map", tmp_path / "map")
    assert ran.exit_code == 4
    assert files(out) == []


# The way back


def test_the_way_back(study: Path, tmp_path: Path, mapped: tuple[Path, Path]) -> None:
    out, kept = mapped
    before = contents(out)
    back, report = tmp_path / "back", tmp_path / "report"
    ran = reidentify(out, "--map", kept, "-o", back, "--report", report)
    assert (ran.exit_code, told(ran), ran.stdout) == (0, ["3 reidentified"], "")
    assert contents(out) == before
    assert files(back) == files(out)
    originals, restored = read(study), read(back)
    assert sorted(restored) == [1, 2, 3]
    for number, data in restored.items():
        original = originals[number]
        for keyword in (
            "PatientID", "PatientName", "PatientBirthDate", "AccessionNumber", "StudyDate",
            "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PixelData",
        ):  # fmt: skip
            assert data[keyword] == original[keyword], keyword
        assert data.file_meta.MediaStorageSOPInstanceUID == original.SOPInstanceUID
        assert data.PatientIdentityRemoved == "NO"
        assert "DeidentificationMethod" not in data
        assert "InstitutionName" not in data, "what was removed is lost"
    assert [each["status"] for each in records(report)] == ["done"] * 3


@pytest.mark.parametrize("name", NAMES)
def test_uids_and_dates_go_back_everywhere(tmp_path: Path, key: Path, name: str) -> None:
    source = Path(str(get_testdata_file(name)))
    out, kept = tmp_path / "out", tmp_path / "map"
    options = ["--key-file", key, "--map", kept, *SHIFT, "--clean", "structured,descriptors"]
    assert anonymize(source, "-o", out, *options).exit_code == 0
    assert reidentify(out, "--map", kept, "-o", tmp_path / "back").exit_code == 0
    (output,), (restored,) = (sorted(path.rglob("*.dcm")) for path in (out, tmp_path / "back"))
    was, between, now = elements(source), elements(output), elements(restored)
    uids = {place for place, (vr, value) in between.items() if vr == "UI" and "2.25." in value}
    assert len(uids) >= 3
    assert {place: now[place] for place in uids} == {place: was[place] for place in uids}
    dates = {
        place
        for place, (vr, value) in between.items()
        if vr in ("DA", "DT") and value and value != was[place][1]
    }
    assert all(now[place] == was[place] for place in dates)
    for place in ("(0010,0020)", "(0010,0010)", "(0008,0050)"):
        if place in was:
            assert now[place][1].strip() == was[place][1].strip()


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 192", "山田^太郎"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("ISO_IR 144", "\u0414\u043e\u0435"),
    ],
)
def test_names_go_back_in_their_characters(
    tmp_path: Path, key: Path, charset: str | list[str], name: str
) -> None:
    path = make_ct(tmp_path / "in.dcm", SpecificCharacterSet=charset, PatientName=name)
    out, kept = tmp_path / "out", tmp_path / "map"
    assert anonymize(path, "-o", out, "--key-file", key, "--map", kept).exit_code == 0
    assert reidentify(out, "--map", kept, "-o", tmp_path / "back").exit_code == 0
    (data,) = read(tmp_path / "back").values()
    assert data.PatientName == dcmread(path).PatientName == name
    assert data.PatientID == "PID-1"


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_file_goes_back_to_one_file(
    mapped: tuple[Path, Path], tmp_path: Path, jobs: int
) -> None:
    out, kept = mapped
    image = out / files(out)[0]
    target = tmp_path / "back.dcm"
    ran = reidentify(image, "--map", kept, "-o", target, "-j", jobs)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert dcmread(target).PatientID.startswith("PID-")
    ran = reidentify(image, "--map", kept, "-o", target)
    assert ran.exit_code == 4
    assert "is there already" in told(ran)[0]
    assert reidentify(image, "--map", kept, "-o", target, "--overwrite").exit_code == 0
    assert reidentify(image, "--map", kept, "-o", image, "--overwrite").exit_code == 4


def test_a_file_that_the_map_does_not_know_is_an_error(
    study: Path, tmp_path: Path, mapped: tuple[Path, Path]
) -> None:
    _, kept = mapped
    ran = reidentify(study, "--map", kept, "-o", tmp_path / "back")
    assert ran.exit_code == 3
    assert told(ran)[0] == (f"{study}/Doe^Jane/PID-1-1.dcm: its UIDs are not in {kept}")
    assert told(ran)[-1] == "0 reidentified, 3 failed, 1 skipped"
    assert files(tmp_path / "back") == []


def test_a_map_of_another_key_is_of_no_use(study: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        options = ["--map", tmp_path / f"{name}.map"]
        assert anonymize(study, "-o", tmp_path / name, *options).exit_code == 0
    ran = reidentify(tmp_path / "one", "--map", tmp_path / "two.map", "-o", tmp_path / "back")
    assert ran.exit_code == 3
    assert files(tmp_path / "back") == []


def test_an_output_that_was_changed_is_not_taken_for_another_patient(
    mapped: tuple[Path, Path], tmp_path: Path
) -> None:
    out, kept = mapped
    path = out / files(out)[0]
    data = dcmread(path)
    data.PatientID = "SOMEBODYELSE"
    data.save_as(path)
    ran = reidentify(path, "--map", kept, "-o", tmp_path / "back.dcm")
    assert ran.exit_code == 3
    assert "its Patient ID is not that of its UIDs" in told(ran)[0]
    assert "SOMEBODYELSE" not in ran.stderr
    assert not (tmp_path / "back.dcm").exists()


def test_both_of_two_objects_with_one_uid_go_back(tmp_path: Path, key: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number in (1, 2):
        make_ct(source / f"{number}.dcm", SOPInstanceUID="1.2.3", InstanceNumber=number)
    out, kept, back = tmp_path / "out", tmp_path / "map", tmp_path / "back"
    assert anonymize(source, "-o", out, "--key-file", key, "--map", kept).exit_code == 0
    assert reidentify(out, "--map", kept, "-o", back).exit_code == 0
    assert {(n, d.SOPInstanceUID) for n, d in read(back).items()} == {(1, "1.2.3"), (2, "1.2.3")}


def test_patients_of_a_patient_map_go_back(study: Path, tmp_path: Path) -> None:
    given = write(tmp_path / "patients.csv", b"old,new\nPID-1,SUB-7\nPID-2,SUB-8\n")
    out, kept, back = tmp_path / "out", tmp_path / "map", tmp_path / "back"
    options = ["--patient-map", given, "--map", kept]
    assert anonymize(study, "-o", out, *options).exit_code == 0
    assert reidentify(out, "--map", kept, "-o", back).exit_code == 0
    assert {n: d.PatientID for n, d in read(back).items()} == {1: "PID-1", 2: "PID-1", 3: "PID-2"}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"no map\n", b'{"map": "something else"}\n',
        b'{"map": "dcmtools anonymize", "version": 99, "key": "", "options": ""}\n',
        b'{"map": "dcmtools anonymize", "version": 1, "key": "", "options": ""}\nnonsense\n',
        b"\xff" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_map_is_refused(
    mapped: tuple[Path, Path], tmp_path: Path, content: bytes
) -> None:
    out, _ = mapped
    bad = write(tmp_path / "bad", content)
    ran = reidentify(out, "--map", bad, "-o", tmp_path / "back")
    assert ran.exit_code == 3
    assert told(ran)[0].startswith(f"{bad}: ")
    assert not (tmp_path / "back").exists()
    ran = reidentify(out, "--map", tmp_path / "nothing", "-o", tmp_path / "back")
    assert (ran.exit_code, told(ran)[0]) == (
        3,
        f"{tmp_path}/nothing: no such file or directory",
    )


def test_the_map_and_the_output_are_needed(mapped: tuple[Path, Path], tmp_path: Path) -> None:
    out, kept = mapped
    assert reidentify(out, "-o", tmp_path / "back").exit_code == 2
    assert reidentify(out, "--map", kept).exit_code == 2
    assert reidentify("--map", kept, "-o", tmp_path / "back").exit_code == 2
    same = ["--report", kept]
    assert reidentify(out, "--map", kept, "-o", tmp_path / "back", *same).exit_code == 2
    assert kept.read_bytes().startswith(b'{"map"')

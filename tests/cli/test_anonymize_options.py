"""`anonymize`: what each of its options does, and which are refused."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import date
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import RLELossless

from dcmtools.deid.recipe import TEMPLATES
from tests.cli.anonymizing import (
    IDENTITY,
    anonymize,
    command,
    contents,
    files,
    key_file,
    make_study,
    program,
    read,
    told,
    well,
)
from tests.factories import make_ct, write

if TYPE_CHECKING:
    from pydicom import FileDataset

SHIFT = "--retain", "dates-shifted"
CODES = {
    "uids": "113110", "safe-private": "113111", "institution": "113112", "patient": "113108",
    "device": "113109", "dates": "113106", "dates-shifted": "113107", "descriptors": "113105",
    "structured": "113104", "graphics": "113103",
}  # fmt: skip
"""The codes of the options (PS3.16 CID 7050)."""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return key_file(tmp_path)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Give an image that has something for every option."""
    path = make_ct(
        tmp_path / "image.dcm",
        StationName="STATION",
        InstitutionName="Hospital",
        PatientSex="F",
        PatientAge="061Y",
        StudyDescription="CT of Doe, chest",
        PatientBirthDate="19610203",
        AcquisitionDate="20260103",
    )
    data = dcmread(path)
    block = data.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "500")  # of Table E.3.10-1
    block.add_new(0x21, "CS", "SECRET")
    data.save_as(path)
    return path


def one(folder: Path) -> FileDataset:
    """Read the only output."""
    (name,) = files(folder)
    return dcmread(folder / name)


def made(image: Path, *options: object) -> FileDataset:
    """Anonymize a file where nothing may go wrong, and read the output."""
    out = Path(mkdtemp(dir=image.parent))
    assert well(image, "-o", out, *options) == "1 anonymized"
    return one(out)


def codes(data: FileDataset) -> list[str]:
    return sorted(item.CodeValue for item in data.DeidentificationMethodCodeSequence)


# The profile's options


def test_the_basic_profile_is_the_default(image: Path) -> None:
    data = made(image)
    assert codes(data) == ["113100"]
    assert data.PatientIdentityRemoved == "YES"
    assert data.LongitudinalTemporalInformationModified == "REMOVED"
    gone = "StationName", "InstitutionName", "StudyDescription", "PatientAge"
    assert not [name for name in gone if name in data]
    assert data.PatientSex == data.PatientBirthDate == data.StudyDate == ""
    assert data.StudyInstanceUID.startswith("2.25.")
    assert not [element for element in data if element.tag.is_private]
    assert data.PixelData == bytes(range(32))


def test_each_option_keeps_its_own(image: Path) -> None:
    before = dcmread(image)
    kept = {
        "uids": "StudyInstanceUID SeriesInstanceUID SOPInstanceUID",
        "device": "StationName",
        "institution": "InstitutionName",
        "patient": "PatientSex PatientAge",
        "dates": "StudyDate AcquisitionDate",
    }
    for option, keywords in kept.items():
        data = made(image, "--retain", option)
        assert codes(data) == sorted(["113100", CODES[option]])
        for keyword in keywords.split():
            assert data[keyword] == before[keyword]
        other = {name for each in kept for name in kept[each].split() if each != option}
        assert not [name for name in other if data.get(name) == before.get(name)]


def test_descriptors_are_cleaned(image: Path) -> None:
    data = made(image, "--clean", "descriptors", "--retain", "safe-private")
    assert "chest" in data.StudyDescription
    assert "Doe" not in data.StudyDescription
    block = data.private_block(0x0019, "SIEMENS MR HEADER")
    assert block[0x0C].value == 500
    assert 0x21 not in block


def test_options_may_be_listed_or_repeated(image: Path) -> None:
    listed = made(image, "--retain", "device,patient", "--clean", "descriptors,graphics")
    assert codes(listed) == ["113100", "113103", "113105", "113108", "113109"]
    words = ["--retain", "patient", "--retain", " device ,", "--clean", "graphics"]
    repeated = made(image, *words, "--clean", "descriptors")
    assert codes(repeated) == codes(listed)


def test_every_option_is_claimed_but_for_pixels_that_stay(image: Path) -> None:
    retained = "uids,device,institution,patient,dates-shifted,safe-private"
    cleaned = "descriptors,structured,graphics,pixels"
    data = made(image, "--retain", retained, "--clean", cleaned)
    assert codes(data) == sorted(["113100", *(set(CODES.values()) - {CODES["dates"]})])


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--retain", "dates,dates-shifted"], "Choose dates or dates-shifted"),
        (["--retain", "date"], "Choose uids, device"),
        (["--clean", "uids"], "Choose descriptors, structured"),
        (["--max-shift", "0"], ""),
        (["--max-shift", "36501"], ""),
        (["--uid-root", "1.2.840.10008.5"], "your own root"),
        (["--uid-root", "1.02"], ""),
        (["--region", "1,2,3"], "X,Y,WIDTH,HEIGHT"),
        (["--region", "1,2,3,4@Nonsense=1"], ""),
        (["--on-burned-in", "blur"], ""),
        (["--name", "{Nothing}"], ""),
        (["--template", "none"], "research"),
        (["--explain", "PatientNam"], "PatientName"),
        (["-0"], ""),
        (["-j", "-1"], ""),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    image: Path, words: list[str], hint: str
) -> None:
    ran = anonymize(image, "-o", image.parent / "out", *words)
    assert ran.exit_code == 2
    assert hint in ran.stderr
    assert not (image.parent / "out").exists()


# The key, and what is made by it


def test_the_same_key_makes_the_same(study: Path, tmp_path: Path, key: Path) -> None:
    other = key_file(tmp_path, "other")
    for name, words in (("a", [key]), ("b", [key]), ("c", [other]), ("d", []), ("e", [])):
        options = ["--key-file", *words] if words else []
        anonymize(study, "-o", tmp_path / name, *options, *SHIFT)
    trees = [contents(tmp_path / name) for name in "abcde"]
    assert trees[0] == trees[1]
    for number, tree in enumerate(trees[1:], 1):
        for another in trees[number + 1 :]:
            assert not tree.keys() & another.keys()
    patients = [{str(data.PatientID) for data in read(tmp_path / name).values()} for name in "ace"]
    assert [len(each) for each in patients] == [2, 2, 2]
    assert len(set().union(*patients)) == 6


def test_a_key_that_others_can_read_is_warned_of(image: Path, key: Path) -> None:
    key.chmod(0o640)
    ran = anonymize(image, "-o", image.parent / "out", "--key-file", key)
    assert ran.exit_code == 0
    assert told(ran)[0] == f"{key}: others can read the key; chmod 600 it"


def test_a_key_may_come_through_a_pipe(image: Path, key: Path) -> None:
    out, piped = image.parent / "out", image.parent / "piped"
    well(image, "-o", out, "--key-file", key)
    ran = program(image, "-o", piped, "--key-file", "/dev/stdin", stdin=key.read_bytes())
    assert ran.returncode == 0
    assert contents(piped) == contents(out)


@pytest.mark.parametrize("content", [b"", b"short", b"a" * 40, bytes(5000)])
def test_what_is_no_key_is_refused(image: Path, content: bytes) -> None:
    bad = write(image.parent / "bad", content)
    ran = anonymize(image, "-o", image.parent / "out", "--key-file", bad)
    assert ran.exit_code == 5
    assert "hint: Make one with" in ran.stderr
    assert not (image.parent / "out").exists()


def test_dates_move_together_and_not_far(study: Path, tmp_path: Path, key: Path) -> None:
    shifts: dict[str, set[int]] = {}
    options = ["--key-file", key, *SHIFT, "--max-shift", 30]
    anonymize(study, "-o", tmp_path / "out", *options)
    for data in read(tmp_path / "out").values():
        moved = date.fromisoformat(data.StudyDate) - date(2026, 1, 2)
        shifts.setdefault(data.PatientID, set()).add(moved.days)
        assert data.LongitudinalTemporalInformationModified == "MODIFIED"
    assert [len(days) for days in shifts.values()] == [1, 1]
    assert all(-30 <= day <= -1 for days in shifts.values() for day in days)
    anonymize(study, "-o", tmp_path / "one", "--key-file", key, *SHIFT, "--max-shift", 1)
    assert {data.StudyDate for data in read(tmp_path / "one").values()} == {"20260101"}


def test_uids_begin_with_the_root(image: Path, key: Path) -> None:
    data = made(image, "--key-file", key, "--uid-root", "1.2.3.4.")
    for uid in (data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID):
        assert re.fullmatch(r"1\.2\.3\.4\.[1-9]\d{28,}", uid)
        assert len(uid) <= 64
    assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID


# The patient map


def test_patients_get_what_the_map_says(study: Path, tmp_path: Path, key: Path) -> None:
    given = write(tmp_path / "patients.csv", b"old,new,new_name\nPID-1,SUB-7,Seven\nPID-2,SUB-8,\n")
    options = ["--patient-map", given, "--key-file", key, "-j", 2]
    ran = anonymize(study, "-o", tmp_path / "out", *options)
    assert (ran.exit_code, told(ran)) == (0, ["3 anonymized, 1 skipped"])
    found = {n: (str(d.PatientID), str(d.PatientName)) for n, d in read(tmp_path / "out").items()}
    assert found == {1: ("SUB-7", "Seven"), 2: ("SUB-7", "Seven"), 3: ("SUB-8", "SUB-8")}
    assert sorted({name.split("/")[0] for name in files(tmp_path / "out")}) == ["SUB-7", "SUB-8"]


def test_a_patient_who_is_not_in_the_map_is_an_error_for_the_file(
    study: Path, tmp_path: Path
) -> None:
    given = write(tmp_path / "patients.csv", b"old,new\nPID-1,SUB-7\n")
    ran = anonymize(study, "-o", tmp_path / "out", "--patient-map", given)
    assert ran.exit_code == 9
    path = study / "Roe^Richard/PID-2-3.dcm"
    assert told(ran)[0] == f"{path}: its Patient ID is not in {given}"
    assert sorted(read(tmp_path / "out")) == [1, 2]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "line 1 does not name its columns"),
        (b"a,b\nPID-1,X\n", "line 1 does not name its columns"),
        (b"old,new\nPID-1,X\nPID-2,X\n", "line 3 has the new identifier of line 2"),
        (b"old,new\nPID-1,X\nPID-1,Y\n", "line 3 has the old identifier of line 2"),
        (b"old,new\nPID-1,PID-2\nPID-2,Y\n", "line 2 has a new identifier that is an old one"),
        (b"old,new\nPID-1\n", "line 2 has 1 fields"),
        (b"old,new\nPID-1,\xff\n", "is not UTF-8"),
    ],
)
def test_a_map_that_is_not_unambiguous_is_refused(
    study: Path, tmp_path: Path, content: bytes, why: str
) -> None:
    given = write(tmp_path / "patients.csv", content)
    ran = anonymize(study, "-o", tmp_path / "out", "--patient-map", given)
    assert ran.exit_code == 5
    assert why in told(ran)[0]
    assert "PID-" not in ran.stderr
    assert not (tmp_path / "out").exists()


# The recipe

RULES = """\
retain = ["device"]

[[rule]]
path = "InstitutionName"
action = "set"
value = "Site of {PatientID}"

[[rule]]
path = "AccessionNumber"
action = "hash"

[[rule]]
paths = ["PatientAge", "PatientSex"]
action = "keep"
when = "Modality=CT"

[[rule]]
path = "SliceThickness"
action = "remove"
when = ["Modality=MR"]
"""


def test_a_recipe_goes_on_top(image: Path, key: Path) -> None:
    recipe = write(image.parent / "recipe.toml", RULES.encode())
    ran = anonymize(image, "-o", image.parent / "out", "--recipe", recipe, "--key-file", key)
    assert ran.exit_code == 0
    data = one(image.parent / "out")
    assert data.InstitutionName == f"Site of {data.PatientID}"
    assert (data.PatientAge, data.PatientSex, data.StationName) == ("061Y", "F", "STATION")
    assert data.SliceThickness == 1.5
    assert codes(data) == ["113100", "113109"]


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        ("retain = [\n  'device',\n  'devise',\n]", 3, "'devise' is not an option"),
        (RULES.replace('action = "hash"', 'action = "hush"'), 10, "'hush' is not an action"),
        (RULES.replace('"AccessionNumber"', '"AccesionNumber"'), 9, "AccesionNumber"),
        (RULES.replace("Modality=CT", "Modalty=CT"), 15, "Modalty"),
        (RULES.replace("value =", "valeu ="), 6, "unknown key"),
        (RULES + "[[rule]\n", 21, "not valid TOML"),
        (RULES.replace('action = "hash"', 'action = "set"'), 8, "has no value"),
        (RULES.replace('"AccessionNumber"', '"SOPClassUID"'), 9, "SOPClassUID"),
        (RULES.replace('"SliceThickness"', '"PatientID"'), 18, "tell patients apart"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_recipe_is_told_with_its_line(
    image: Path, content: str, line: int, why: str
) -> None:
    recipe = write(image.parent / "recipe.toml", content.encode())
    ran = anonymize(image, "-o", image.parent / "out", "--recipe", recipe)
    assert ran.exit_code == 5
    assert told(ran)[0].startswith(f"{recipe}:{line}: "), told(ran)
    assert why in told(ran)[0]
    assert not (image.parent / "out").exists()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_can_be_printed_and_used(image: Path, key: Path, name: str) -> None:
    ran = anonymize("--template", name)
    assert (ran.exit_code, ran.stderr) == (0, "")
    recipe = write(image.parent / "recipe.toml", ran.stdout.encode())
    ran = anonymize(image, "-o", image.parent / "out", "--recipe", recipe, "--key-file", key)
    assert ran.exit_code == 0
    data = one(image.parent / "out")
    assert "Doe" not in str(data)
    assert "113100" in codes(data)


# What may be asked, and shown


def test_an_attribute_is_explained(tmp_path: Path) -> None:
    shifted = anonymize("--explain", "StudyDate", *SHIFT)
    assert (shifted.exit_code, shifted.stderr) == (0, "")
    assert shifted.stdout.startswith("StudyDate (0008,0020): shift\n")
    assert "Table E.1-1, (0008,0020) StudyDate" in shifted.stdout
    assert anonymize("--explain", "StudyDate").stdout.startswith("StudyDate (0008,0020): empty\n")
    assert "pseudonym" in anonymize("--explain", "PatientName").stdout
    assert anonymize("--explain", "6000,3000").stdout.startswith("(6000,3000): remove\n")
    recipe = write(tmp_path / "recipe.toml", RULES.encode())
    explained = anonymize("--explain", "PatientAge", "--recipe", recipe).stdout.splitlines()
    assert explained[0] == "PatientAge (0010,1010): remove"
    assert explained[-1] == "  but by the recipe: keep, where Modality=CT"
    assert "recipe" not in anonymize("--explain", "Rows", "--recipe", recipe).stdout


def test_a_dry_run_writes_nothing(study: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    ran = anonymize(study, "-n")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert told(ran) == ["3 would be anonymized, 1 skipped"]
    ran = anonymize(study, "-n", "-o", tmp_path / "out", "--resume")
    assert ran.exit_code == 0
    assert files(tmp_path) == before
    assert not (tmp_path / "out").exists()
    given = write(tmp_path / "patients.csv", b"old,new\nPID-1,SUB-7\n")
    ran = anonymize(study, "-n", "--patient-map", given)
    assert (ran.exit_code, told(ran)[-1]) == (9, "2 would be anonymized, 1 failed, 1 skipped")


@pytest.mark.parametrize("option", ["--map", "--quarantine"])
def test_a_dry_run_has_nothing_to_keep(study: Path, tmp_path: Path, option: str) -> None:
    ran = anonymize(study, "-n", option, tmp_path / "kept")
    assert (ran.exit_code, told(ran)[0].split(":")[0]) == (2, option)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("words", [["-n"], ["-o", "out"], ["-o", "out", "-j", "2"]])
def test_changes_are_shown_on_stdout(
    study: Path, key: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study.parent)
    ran = anonymize(study, "--key-file", key, "--diff", *words)
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert [line for line in lines if line.startswith("---")] == [
        f"--- {path}" for path in sorted(study.rglob("*.dcm"))
    ]
    removed = [line.split("#")[0].rstrip() for line in lines if line.startswith("- ")]
    assert removed.count("- (0010,0010) PN [Doe^Jane]") == 2
    added = [line.split("#")[0].rstrip() for line in lines if line.startswith("+ ")]
    assert "+ (0010,0030) DA (no value available)" in added
    assert added.count("+ (0012,0062) CS [YES]") == 3
    assert not [line for line in added for word in IDENTITY if word in line]
    assert not [word for word in IDENTITY if word in ran.stderr.replace(str(study), "")]


def test_a_reader_that_goes_away_ends_a_dry_run_quietly(study: Path) -> None:
    for number in range(200):
        make_ct(study / f"{number}.dcm", PatientName="N" * 60)
    words = command(study, "-n", "--diff")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"--- ")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


# Pixels


def written_text(folder: Path) -> Path:
    return make_ct(folder / "us.dcm", Modality="US")


@pytest.mark.parametrize(
    ("policy", "code", "outputs", "line"),
    [
        ("warn", 0, 1, "warning: may show text: it is ultrasound"),
        ("skip", 3, 0, "warning: is not written: it may show text: it is ultrasound"),
        ("fail", 3, 0, "may show text: it is ultrasound"),
    ],
)
def test_pictures_that_may_show_text(
    tmp_path: Path, policy: str, code: int, outputs: int, line: str
) -> None:
    path = written_text(tmp_path)
    ran = anonymize(path, "-o", tmp_path / "out", "--on-burned-in", policy)
    assert ran.exit_code == code
    assert told(ran)[0] == f"{path}: {line}"
    assert len(files(tmp_path / "out")) == outputs
    calm = make_ct(tmp_path / "ct.dcm")
    ran = anonymize(calm, "-o", tmp_path / "calm", "--on-burned-in", policy)
    assert (ran.exit_code, told(ran)) == (0, ["1 anonymized"])


def test_a_region_sees_to_the_text(tmp_path: Path) -> None:
    path = written_text(tmp_path)
    options = ["--region", "0,0,*,1", "--on-burned-in", "fail"]
    ran = anonymize(path, "-o", tmp_path / "out", *options)
    assert ran.exit_code == 0
    assert "pixels are not looked at" not in ran.stderr
    assert codes(one(tmp_path / "out")) == ["113100", "113101"]


@pytest.mark.parametrize("syntax", ["", RLELossless], ids=["native", "rle"])
@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "examples_palette.dcm"])
def test_exactly_the_regions_are_black(tmp_path: Path, name: str, syntax: str) -> None:
    data = dcmread(str(get_testdata_file(name)))
    if data.file_meta.TransferSyntaxUID.is_compressed:
        data.decompress()
    if syntax:
        data.compress(RLELossless, generate_instance_uid=False)
    data.save_as(tmp_path / "in.dcm")
    before = dcmread(tmp_path / "in.dcm")
    regions = ["3,5,20,10", "50,0,*,2", "0,0,1,1@Modality=XX"]
    options = [word for each in regions for word in ("--region", each)]
    ran = anonymize(tmp_path / "in.dcm", "-o", tmp_path / "out", *options, "-vv")
    assert ran.exit_code == 0, ran.stderr
    assert sum("2 regions blackened" in line for line in told(ran)) == 1
    assert "warning: 2" not in ran.stderr
    after = one(tmp_path / "out")
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    was, now = before.pixel_array, after.pixel_array
    mask = np.zeros(was.shape[:2], bool)
    mask[5:15, 3:23] = mask[:2, 50:] = True
    assert np.array_equal(now[~mask], was[~mask])
    if was.ndim == 3:
        assert not now[mask].any()
    else:
        colours = np.asarray(
            [
                np.frombuffer(after[f"{each}PaletteColorLookupTableData"].value, "<u2")
                for each in ("Red", "Green", "Blue")
            ]
        )
        darkest = colours.sum(axis=0).min()
        assert {int(colours[:, index].sum()) for index in np.unique(now[mask])} == {int(darkest)}
    assert "113101" in codes(after)


def test_without_a_region_no_pixel_changes(tmp_path: Path) -> None:
    path = Path(str(get_testdata_file("examples_rgb_color.dcm")))
    anonymize(path, "-o", tmp_path / "out", "--region", "0,0,9,9@Modality=XX")
    assert one(tmp_path / "out").PixelData == dcmread(path).PixelData
    assert "113101" not in codes(one(tmp_path / "out"))


@pytest.mark.parametrize("region", ["9,9,1,1", "4,0,*,*"])
def test_a_region_outside_of_the_picture_is_an_error(tmp_path: Path, region: str) -> None:
    path = make_ct(tmp_path / "ct.dcm")
    ran = anonymize(path, "-o", tmp_path / "out", "--region", region)
    assert ran.exit_code == 3
    assert told(ran)[0].startswith(f"{path}: ")
    assert "outside of the image" in told(ran)[0]
    assert files(tmp_path / "out") == []


def test_help_has_every_option() -> None:
    ran = anonymize("--help")
    assert ran.exit_code == 0
    for option in (
        "--output", "--retain", "--clean", "--recipe", "--key-file", "--patient-map",
        "--max-shift", "--name", "--uid-root", "--map", "--region", "--on-burned-in", "--dry-run",
        "--diff", "--verify", "--no-verify", "--quarantine", "--report", "--jobs", "--resume",
        "--fail-fast", "--explain", "--template", "--overwrite", "--files-from",
    ):  # fmt: skip
        assert option in ran.stdout


def test_a_report_may_not_be_the_map(study: Path, tmp_path: Path) -> None:
    same = tmp_path / "same"
    ran = anonymize(study, "-o", tmp_path / "out", "--map", same, "--report", same)
    assert ran.exit_code == 2
    assert not same.exists()
    ran = anonymize(study, "-o", tmp_path / "out", "--map", same)
    assert json.loads(same.read_text("utf-8").splitlines()[0])["map"] == "dcmtools anonymize"


def test_what_is_decompressed_for_a_region_is_warned_of(tmp_path: Path) -> None:
    path = Path(str(get_testdata_file("JPEG-lossy.dcm")))
    ran = anonymize(path, "-o", tmp_path / "out", "--region", "0,0,9,9")
    assert ran.exit_code == 0
    assert "warning: 1 region blackened, decompressed from" in told(ran)[0]
    assert one(tmp_path / "out").LossyImageCompression == "01"


def test_regions_need_a_file_with_a_name(tmp_path: Path) -> None:
    image = make_ct(tmp_path / "in.dcm").read_bytes()
    ran = program("-", "-o", tmp_path / "out", "--region", "0,0,1,1", stdin=image)
    assert ran.returncode == 3
    assert b"has no name" in ran.stderr
    assert files(tmp_path / "out") == []

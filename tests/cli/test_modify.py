"""`modify`: what its options mean, and what it makes of a file in any encoding."""

from __future__ import annotations

import warnings
from pathlib import Path
from struct import pack

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from tests.cli.modifying import dumped, files, modify, program, said, value, well
from tests.factories import (
    BIG,
    BODY,
    CT_IMAGE_STORAGE,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    element,
    implicit,
    make_ct,
    part10,
    write,
)

UTF8, LATIN = "ISO_IR 192", "ISO_IR 100"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"


def test_a_file_is_edited_in_place(ct: Path) -> None:
    before = ct.read_bytes()
    ran = well(ct, "-i", "PatientID=4711", "-m", "Modality=OT", "-e", "StudyDate", "-nb")
    assert ran.stdout == ""
    found = dcmread(ct)
    assert (found.PatientID, found.Modality, "StudyDate" in found) == ("4711", "OT", False)
    assert files(ct.parent) == ["ct.dcm"]
    assert len(ct.read_bytes()) == len(before) - 2 - 16


@pytest.mark.parametrize(
    ("words", "keyword", "expected"),
    [
        (["-i", "PatientSex=F"], "PatientSex", "F"),
        (["--insert", "PatientSex=F"], "PatientSex", "F"),
        (["-iPatientSex=F"], "PatientSex", "F"),
        (["-i", "(0010,0040)=F"], "PatientSex", "F"),
        (["-i", "0010,0040=F"], "PatientSex", "F"),
        (["-i", "00100040=F"], "PatientSex", "F"),
        (["-m", "PatientID=A=B"], "PatientID", "A=B"),
        (["--modify", "PatientID="], "PatientID", ""),
        (["-e", "PatientID"], "PatientID", ""),
        (["--erase", "PatientID"], "PatientID", ""),
        (["-ea", "PatientID"], "PatientID", ""),
        (["--erase-all", "PatientID"], "PatientID", ""),
        (["-ma", "PatientID=X"], "PatientID", "X"),
        (["--modify-all", "PatientID=X"], "PatientID", "X"),
        (["-i", "PatientID=-x"], "PatientID", "-x"),
        (["-m", "SliceThickness=2.5"], "SliceThickness", "2.5"),
        (["-i", r"ImageType=ORIGINAL\PRIMARY"], "ImageType", "['ORIGINAL', 'PRIMARY']"),
        (["-i", "PatientName=Müller^Jürgen"], "PatientName", "Müller^Jürgen"),
        (["-i", "PatientName=Yamada^Tarou=山田^太郎"], "PatientName", "Yamada^Tarou=山田^太郎"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_operations(ct: Path, words: list[str], keyword: str, expected: str) -> None:
    well(ct, *words)
    assert value(ct, keyword) == expected


def test_private_elements_are_taken_away(tmp_path: Path) -> None:
    private = element(0x00290010, "LO", b"ACME") + element(0x00291001, "LO", b"x ")
    path = write(tmp_path / "a.dcm", part10(BODY + private))
    well(path, "-ep")
    assert path.read_bytes() == part10(BODY)
    well(path, "--erase-private")
    assert files(tmp_path) == ["a.dcm", "a.dcm.bak"]  # nothing more to do, so no second backup


def test_values_from_files(ct: Path, tmp_path: Path) -> None:
    pixels, text = write(tmp_path / "pixels", bytes(range(32, 64))), write(tmp_path / "t", b"NEW")
    well(ct, "-mf", f"PixelData={pixels}", "-if", f"PatientSex={text}", "--no-validate")
    assert dcmread(ct).PixelData == bytes(range(32, 64))
    assert value(ct, "PatientSex") == "NEW"
    ran = modify(ct, "--insert-from", f"Rows={text}")
    assert ran.exit_code == 3
    ran = modify(ct, "--modify-from", f"PatientID={tmp_path}/none")
    assert ran.exit_code == 3
    assert "no such file" in said(ran)[0]


# Encodings


@pytest.mark.interop
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_a_file_keeps_its_encoding(tmp_path: Path, syntax: str) -> None:
    if syntax == BIG:
        source = Path(str(get_testdata_file("MR_small_bigendian.dcm")))
        path = write(tmp_path / "a.dcm", source.read_bytes())
    else:
        path = make_ct(tmp_path / "a.dcm", syntax=syntax)
    before = dcmread(path)
    well(path, "-i", "PatientID=LONGER THAN BEFORE", "-i", "BodyPartExamined=KNEE")
    after = dcmread(path)
    assert after.file_meta.TransferSyntaxUID == syntax
    assert "[LONGER THAN BEFORE]" in dumped(path)
    assert "[KNEE]" in dumped(path)
    del after.BodyPartExamined
    if "BodyPartExamined" in before:
        del before.BodyPartExamined
    after.PatientID = before.PatientID
    assert after == before


def test_a_deflated_file_has_an_even_length(tmp_path: Path) -> None:
    for number in range(4):
        path = make_ct(tmp_path / f"{number}.dcm", syntax=DEFLATED)
        well(path, "-i", f"PatientID={'x' * number}", "-nb")
        assert path.stat().st_size % 2 == 0
        assert value(path, "PatientID") == "x" * number


def test_a_file_without_meta_group_keeps_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", BODY)
    well(path, "-m", "PatientID=LONGER", "-i", "SOPInstanceUID=1.2.999")
    expected = BODY.replace(b"\6\0PID-1 ", b"\6\0LONGER").replace(b"1.2.3.4\0", b"1.2.999\0")
    assert path.read_bytes() == expected
    raw = implicit(0x00080016, b"1.2.840.10008.5.1.4.1.1.2\0") + implicit(0x00100020, b"PID-1 ")
    path = write(tmp_path / "b.dcm", raw)
    well(path, "-m", "PatientID=LONGER")
    assert path.read_bytes() == raw.replace(b"PID-1 ", b"LONGER")


def test_the_preamble_and_what_follows_the_data_set_stay(tmp_path: Path) -> None:
    preamble = b"II*\0" + bytes(124)
    whole = part10(BODY, preamble=preamble) + bytes(64)
    path = write(tmp_path / "a.dcm", whole)
    ran = modify(path, "-m", "PatientID=LONGER")
    assert ran.exit_code == 0
    assert path.read_bytes() == whole.replace(b"PID-1 ", b"LONGER")


# The file meta group


def test_the_file_meta_group_follows_the_object(ct: Path) -> None:
    well(ct, "-m", "SOPInstanceUID=1.2.3", "-m", f"SOPClassUID={SECONDARY}")
    meta = dcmread(ct).file_meta
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.MediaStorageSOPClassUID == SECONDARY
    assert meta.FileMetaInformationGroupLength == len(encoded_meta(ct))


def encoded_meta(path: Path) -> bytes:
    """Give what the group length of the file meta group counts, by looking for its end."""
    content = path.read_bytes()
    start = 132 + 12
    end = start
    while content[end : end + 2] == b"\2\0":
        long = content[end + 4 : end + 6] in (b"OB", b"UN")
        size = int.from_bytes(content[end + 8 : end + 12], "little") + 12
        end += size if long else int.from_bytes(content[end + 6 : end + 8], "little") + 8
    return content[start:end]


def test_elements_of_the_file_meta_group_are_set(ct: Path) -> None:
    before = dcmread(ct)
    well(ct, "-i", "SourceApplicationEntityTitle=ME", "-e", "ImplementationVersionName")
    after = dcmread(ct)
    assert after.file_meta.SourceApplicationEntityTitle == "ME"
    assert "ImplementationVersionName" not in after.file_meta
    assert after.file_meta.FileMetaInformationGroupLength == len(encoded_meta(ct))
    assert after == before  # the data sets
    for words in (["-m", "SourceApplicationEntityTitle=YOU"], ["-ma", "(0002,0016)=YOU"]):
        well(ct, *words)
        assert dcmread(ct).file_meta.SourceApplicationEntityTitle == "YOU"
    well(ct, "-ea", "(0002,0016)")
    assert modify(ct, "-e", "SourceApplicationEntityTitle").exit_code == 3


@pytest.mark.parametrize(
    "edit",
    ["TransferSyntaxUID=1.2.840.10008.1.2", "MediaStorageSOPInstanceUID=1.2", "(0002,0000)=1"],
)
def test_what_the_file_meta_group_says_of_the_encoding_is_not_set(ct: Path, edit: str) -> None:
    before = ct.read_bytes()
    assert modify(ct, "-i", edit).exit_code == 2
    assert ct.read_bytes() == before


def meta(*elements: bytes) -> bytes:
    return bytes(128) + b"DICM" + b"".join(elements)


SYNTAX = element(0x00020010, "UI", EXPLICIT.encode() + b"\0")
INSTANCE = element(0x00020003, "UI", b"1.2.3.4\0")
VENDOR = element(0x00020100, "UI", b"1.2.3\0") + element(0x00020102, "OB", b"\1\2\3\4")


def length(number: int) -> bytes:
    return element(0x00020000, "UL", pack("<I", number))


def test_a_file_meta_group_without_length_gets_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", meta(INSTANCE, SYNTAX, VENDOR, BODY))
    assert modify(path, "-m", "SOPInstanceUID=1.2.999").exit_code == 0
    other = INSTANCE.replace(b"1.2.3.4\0", b"1.2.999\0")
    body = BODY.replace(b"1.2.3.4\0", b"1.2.999\0")
    assert path.read_bytes() == meta(other, SYNTAX, VENDOR, body)


@pytest.mark.parametrize("wrong", [0, 20, 4000, 0xFFFFFFFF])
def test_a_wrong_length_of_the_file_meta_group(tmp_path: Path, wrong: int) -> None:
    """It stays where the group does, and is right when that is written anew."""
    path = write(tmp_path / "a.dcm", meta(length(wrong), INSTANCE, SYNTAX, VENDOR, BODY))
    assert modify(path, "-m", "PatientID=LONGER").exit_code == 0
    body = BODY.replace(b"PID-1 ", b"LONGER")
    assert path.read_bytes() == meta(length(wrong), INSTANCE, SYNTAX, VENDOR, body)
    assert modify(path, "-m", "SOPInstanceUID=1.2.99999").exit_code == 0
    other = element(0x00020003, "UI", b"1.2.99999\0")
    content = path.read_bytes()
    assert content[132 + 12 :].startswith(other + SYNTAX + VENDOR)
    assert content[132:144] == length(len(other + SYNTAX + VENDOR))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value(path, "SOPInstanceUID") == "1.2.99999"


def test_a_file_meta_group_that_names_another_object_stays_until_that_changes(
    tmp_path: Path,
) -> None:
    wrong = element(0x00020003, "UI", b"1.2.777\0")
    path = write(tmp_path / "a.dcm", meta(wrong, SYNTAX, BODY))
    assert modify(path, "-m", "PatientID=LONGER").exit_code == 0
    assert path.read_bytes() == meta(wrong, SYNTAX, BODY.replace(b"PID-1 ", b"LONGER"))
    assert modify(path, "-m", "SOPInstanceUID=1.2.3.4").exit_code == 0
    assert path.read_bytes() == meta(INSTANCE, SYNTAX, BODY.replace(b"PID-1 ", b"LONGER"))


def test_a_file_without_meta_group_has_no_place_for_its_elements(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", BODY)
    edit = "SourceApplicationEntityTitle=ME"
    assert modify(path, "-i", edit).exit_code == 3
    assert modify(path, "-m", edit).exit_code == 3
    assert modify(path, "-m", edit, "--ignore-missing").exit_code == 0
    assert path.read_bytes() == BODY


# Character sets


def test_text_is_in_the_character_set_of_the_file(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "a.dcm", SpecificCharacterSet=LATIN)
    well(path, "-m", "PatientName=Müller")
    assert b"M\xfcller" in path.read_bytes()
    before = path.read_bytes()
    ran = modify(path, "-m", "PatientName=山田")
    assert ran.exit_code == 2
    assert "ISO_IR 100" in said(ran)[0]
    assert "--charset utf8" in said(ran)[1]
    assert path.read_bytes() == before


def test_all_text_is_put_into_another_character_set(tmp_path: Path) -> None:
    path = make_ct(
        tmp_path / "a.dcm",
        SpecificCharacterSet=LATIN,
        StudyDescription="Schädel",
        PatientName="Ä^B",
    )
    well(path, "--charset", "utf8", "-m", "PatientName=山田")
    found = dcmread(path)
    assert found.SpecificCharacterSet == UTF8
    assert (found.StudyDescription, found.PatientName) == ("Schädel", "山田")
    before = path.read_bytes()
    assert modify(path, "--charset", "latin1").exit_code == 3
    assert path.read_bytes() == before
    well(path, "-m", "PatientName=Müller")
    well(path, "--charset", "latin1")
    assert b"Sch\xe4del" in path.read_bytes()


def test_to_name_another_character_set_is_warned_of(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "a.dcm", SpecificCharacterSet=LATIN, StudyDescription="Schädel")
    ran = modify(path, "-i", f"SpecificCharacterSet={UTF8}")
    assert ran.exit_code == 0
    assert said(ran) == [
        (
            f"{path}: warning: the text that was there reads differently now;"
            " --charset would have kept it"
        )
    ]
    plain = make_ct(tmp_path / "b.dcm", SpecificCharacterSet=LATIN)
    well(plain, "-i", f"SpecificCharacterSet={UTF8}", "-i", "PatientName=山田")
    assert value(plain, "PatientName") == "山田"


# Checks


def test_values_are_checked_before_any_file_is_touched(ct: Path) -> None:
    before = ct.read_bytes()
    ran = modify(ct, "-i", "PatientID=X", "-i", "StudyDate=2026-13-01")
    assert ran.exit_code == 2
    assert said(ran)[0].startswith("StudyDate: '2026-13-01' is not a date (DA is YYYYMMDD")
    assert ct.read_bytes() == before
    assert files(ct.parent) == ["ct.dcm"]
    well(ct, "-i", "StudyDate=2026-13-01", "--no-validate")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert value(ct, "StudyDate") == "2026-13-01"


def test_an_edit_is_done_whole_or_not_at_all(ct: Path) -> None:
    before = ct.read_bytes()
    ran = modify(ct, "-i", "PatientID=X", "-m", "PatientSex=F", "-i", "Modality=OT")
    assert ran.exit_code == 3
    assert said(ran) == [
        f"{ct}: PatientSex: is not there",
        "hint: --ignore-missing goes on without it.",
    ]
    assert ct.read_bytes() == before
    for option in ("--ignore-missing", "-imt"):
        well(ct, "-m", "PatientSex=F", "-e", "PatientAge", "-i", f"PatientID={option}", option)
        assert value(ct, "PatientID") == option


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "is not told what to do"),
        (["--new-uids", ""], "is not told what to do"),
        (["--new-uids", "study,patient"], "'patient' is not one of study, series, instance"),
        (["-f", "json", "-i", "PatientID=1"], "goes with --dry-run"),
        (["--charset", "klingon"], "is not a Specific Character Set"),
        (["--charset", "utf8", "-i", f"SpecificCharacterSet={LATIN}"], "does not go with"),
        (["-i", "PatientIDD=1"], "is not a keyword"),
        (["-i", "PatientID=1", "--vr", "ZZ"], "'ZZ' is not a VR"),
        (["-i", "PatientID=1", "--if", "Modality="], "compares with nothing"),
        (["-i", "PatientID=1", "--if", "Foo=CT"], "is not a keyword"),
        (["-i", "PatientID=1", "-0"], "goes with --files-from"),
        (["-i", "PatientID=1", "-o", ""], "is no name for an output"),
        (["-i", "PatientID=1", "-o", "-"], "is no name for an output"),
        (["--script", "-", "--files-from", "-"], "is named twice"),
        (["--script", "-", "-"], "is named twice"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_wrong_command_lines(ct: Path, words: list[str], why: str) -> None:
    before = ct.read_bytes()
    ran = modify(ct, *words)
    assert ran.exit_code == 2
    assert why in said(ran)[0]
    assert ct.read_bytes() == before


def test_no_file_at_all() -> None:
    ran = modify("-i", "PatientID=1")
    assert ran.exit_code == 2
    assert said(ran)[0] == "PATH: is missing"


# Making files


def test_a_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.dcm"
    edit = ["-i", f"SOPClassUID={CT_IMAGE_STORAGE}", "-i", "PatientName=Müller"]
    well(path, "--create", "--charset", "utf8", *edit)
    found = dcmread(path)
    assert found.file_meta.TransferSyntaxUID == EXPLICIT
    assert found.file_meta.MediaStorageSOPClassUID == found.SOPClassUID == CT_IMAGE_STORAGE
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert found.SOPInstanceUID.startswith("2.25.")
    assert (found.PatientName, found.SpecificCharacterSet) == ("Müller", UTF8)
    assert files(tmp_path) == ["new/a.dcm"]
    other = tmp_path / "b.dcm"
    well(other, "+fc", "-i", f"SOPClassUID={SECONDARY}", "-i", "SOPInstanceUID=1.2.3")
    assert dcmread(other).file_meta.MediaStorageSOPInstanceUID == "1.2.3"


def test_a_file_that_is_there_is_not_made(ct: Path) -> None:
    well(ct, "--create", "-i", "PatientID=X")
    assert (value(ct, "PatientID"), value(ct, "Modality")) == ("X", "CT")


def test_what_is_made_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    ran = modify(path, "--create", "-i", "PatientID=X")
    assert ran.exit_code == 3
    assert said(ran)[0] == f"{path}: is to be made, and has no SOPClassUID"
    assert "-i SOPClassUID=UID" in said(ran)[1]
    assert files(tmp_path) == []
    assert modify(path, "-i", "PatientID=X").exit_code == 3
    shown = well(path, "--create", "-n", "-i", f"SOPClassUID={SECONDARY}").stdout
    assert "+ (0008,0016) UI =SecondaryCaptureImageStorage" in shown
    assert files(tmp_path) == []


# Standard input


def test_standard_input_goes_to_an_output(ct: Path, tmp_path: Path) -> None:
    content = ct.read_bytes()
    out, made = tmp_path / "out.dcm", tmp_path / "made.dcm"
    ran = program("-", "-o", out, "-i", "PatientID=X", stdin=content)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    ran = program("-", "--create", "-o", made, "-m", "PatientID=X", stdin=content)
    assert (ran.returncode, ran.stderr) == (0, b"")
    well(ct, "-i", "PatientID=X")
    assert out.read_bytes() == made.read_bytes() == ct.read_bytes()
    ran = program("-", "-i", "PatientID=X", stdin=content)
    assert ran.returncode == 4
    assert b"standard input cannot be edited in place" in ran.stderr


def test_a_script_comes_from_standard_input(ct: Path) -> None:
    well(ct, "--script", "-", stdin="m PatientName=Müller\n".encode())
    assert value(ct, "PatientName") == "Müller"


def test_a_script_that_cannot_be_read(ct: Path, tmp_path: Path) -> None:
    ran = modify(ct, "--script", tmp_path / "none")
    assert (ran.exit_code, said(ran)) == (3, [f"{tmp_path}/none: no such file or directory"])
    ran = modify(ct, "--script", ct, "-i", "PatientID=X")
    assert ran.exit_code == 3
    script = write(tmp_path / "s", b"m PatientID=X\nfoo\n")
    ran = modify(ct, "--script", script)
    assert (ran.exit_code, said(ran)[0]) == (2, f"{script}:2: 'foo' is no operation")
    assert value(ct, "PatientID") == "PID-1"

"""Hold outputs that have one thing wrong each against their input: verify has to find it."""

import os
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.deid.options import Options
from dcmtools.deid.verify import Allowed, Verified, verify
from dcmtools.errors import DcmtoolsError, InputError
from tests.factories import PEAK, corpus, element, make_ct

Change = Callable[[FileDataset], None]
BASIC = Options()
TEMPORAL = {"dates": "UNMODIFIED", "dates-shifted": "MODIFIED"}
UID_ROOT = "2.25.99"
GREEK = "\u03a0\u03b1\u03c0\u03b1\u03b4\u03cc\u03c0\u03bf\u03c5\u03bb\u03bf\u03c2"


def item(**attributes: Any) -> Dataset:  # noqa: ANN401 - as pydicom takes them
    data = Dataset()
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    return data


def dated(value: str) -> Dataset:
    """Make an item with a date, valid or not."""
    data = Dataset()
    data.add(DataElement(0x00080020, "DA", value, validation_mode=IGNORE))
    return data


def add_private(data: Dataset, creator: str, tag: int, vr: str, value: object) -> None:
    """Add an element to a block of group `tag` >> 16, by its low byte."""
    data.private_block(tag >> 16, creator, create=True).add_new(tag & 0xFF, vr, value)


def make_input(path: Path) -> Path:
    """Write an object with something of every kind of rule."""
    make_ct(path)
    data = dcmread(path)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.77.5"
    data.PatientName = f"Quasthoff^Ermintrude={GREEK}^Maria"
    data.PatientBirthDate = "19570823"
    data.PatientSex = "F"
    data.OtherPatientIDs = ["KV-88231", "X"]
    data.AccessionNumber = "ACC4711"
    data.ReferringPhysicianName = "Heisenbergmann^W"
    data.InstitutionName = "Klinikum Zurnebelhoehe"
    data.StationName = "Zargonia"
    data.Manufacturer = "Zargonia"
    data.ManufacturerModelName = "Zargonia 7"
    data.StudyDescription = "KNEE LEFT"
    data.ProtocolName = "Protocol Zebrafink"
    data.SeriesDate, data.ContentDate, data.ContentTime = "20260103", "20260104", "101112"
    data.DeviceSerialNumber = "SN-99812"
    data.FrameOfReferenceUID = "1.2.826.0.1.77.9"
    data.KVP = "120"
    data.RequestAttributesSequence = Sequence([item(ScheduledProcedureStepID="SPS-5512")])
    data.DerivationCodeSequence = Sequence(
        [item(CodeValue="113040", CodingSchemeDesignator="DCM", CodeMeaning="Lossy Compression")]
    )
    data.SourceImageSequence = Sequence(
        [item(ReferencedSOPClassUID=data.SOPClassUID, ReferencedSOPInstanceUID="1.2.826.0.1.77.6")]
    )
    data.VerifyingObserverSequence = Sequence(
        [item(VerifyingObserverName="Quasthoff^X", VerifyingOrganization="Praxis Waldschrat")]
    )
    add_private(data, "SIEMENS MR HEADER", 0x0019000C, "IS", "700")
    add_private(data, "OWNER", 0x00190001, "LO", "Quasthoff")
    data.save_as(path)
    return path


def make_output(
    source: Path, path: Path, options: Options = BASIC, change: Change | None = None
) -> Path:
    """Write an output that is right, but for one change."""
    data = dcmread(source)
    retain = set(map(str, options.retain))
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{UID_ROOT}.1"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"{UID_ROOT}.2", f"{UID_ROOT}.3"
    data.FrameOfReferenceUID = f"{UID_ROOT}.9"
    data.PatientName = data.PatientID = "K7PSEUDONYM"
    for keyword in ("PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName"):
        setattr(data, keyword, "")
    for keyword in ("StudyDate", "ContentDate", "ContentTime"):
        setattr(data, keyword, "")
    for keyword in (
        "OtherPatientIDs", "InstitutionName", "StationName", "ProtocolName", "DeviceSerialNumber",
        "SeriesDate", "RequestAttributesSequence",
    ):  # fmt: skip
        delattr(data, keyword)
    if "descriptors" not in map(str, options.clean):
        del data.StudyDescription
    data.SourceImageSequence[0].ReferencedSOPInstanceUID = f"{UID_ROOT}.6"
    observer = data.VerifyingObserverSequence[0]
    observer.VerifyingObserverName = observer.VerifyingOrganization = "ANONYMIZED"
    if "safe-private" not in retain:
        data.remove_private_tags()
    else:
        del data[0x0019, 0x0011]
        del data[0x0019, 0x1101]
    if "dates-shifted" in retain:
        data.StudyDate, data.SeriesDate, data.ContentDate = "20251203", "20251204", "20251205"
        data.ContentTime, data.PatientBirthDate = "101112", ""
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = "by hand"
    codes = [method.code for method in options.methods()]
    data.DeidentificationMethodCodeSequence = Sequence(
        [item(CodeValue=each, CodingSchemeDesignator="DCM", CodeMeaning="x") for each in codes]
    )
    kept = TEMPORAL.get(next(iter(retain & set(TEMPORAL)), ""), "REMOVED")
    data.LongitudinalTemporalInformationModified = kept
    if change is not None:
        change(data)
    data.save_as(path)
    return path


def judged(
    folder: Path,
    change: Change | None = None,
    options: Options = BASIC,
    allowed: Allowed | None = None,
) -> Verified:
    source = make_input(folder / "in.dcm")
    output = make_output(source, folder / "out.dcm", options, change)
    return verify(source, output, options, allowed or Allowed())


def put(keyword: str, value: object) -> Change:
    return lambda data: setattr(data, keyword, value)


def drop(keyword: str) -> Change:
    return lambda data: delattr(data, keyword)


def into(keyword: str, **attributes: Any) -> Change:  # noqa: ANN401 - as pydicom takes them
    """Change the first item of a sequence."""

    def change(data: FileDataset) -> None:
        for name, value in attributes.items():
            setattr(data[keyword].value[0], name, value)

    return change


def add(tag: int, vr: str, value: object) -> Change:
    return lambda data: data.add_new(tag, vr, value)


def hidden(data: FileDataset) -> None:
    """Leave a sequence that had to go in an element with VR UN."""
    inner = b"\x10\0\x20\0" + pack("<I", 6) + b"KV-882"
    content = b"\xfe\xff\x00\xe0" + pack("<I", len(inner)) + inner
    data[0x00101002] = RawDataElement(
        BaseTag(0x00101002),
        "UN",
        len(content),
        content,
        0,
        is_implicit_VR=False,
        is_little_endian=True,
    )


def test_right_output_passes(tmp_path: Path) -> None:
    assert judged(tmp_path) == Verified()
    assert judged(tmp_path)


@pytest.mark.parametrize(
    ("retain", "clean"),
    [("dates-shifted", ""), ("safe-private", ""), ("", "descriptors")],
)
def test_right_output_passes_under_options(tmp_path: Path, retain: str, clean: str) -> None:
    assert judged(tmp_path, options=Options.parse([retain], [clean])) == Verified()


WRONG: dict[str, tuple[Change, str]] = {
    "X is there": (put("OtherPatientIDs", "new"), "OtherPatientIDs: Table E.1-1"),
    "X sequence is there": (
        put("RequestAttributesSequence", [item(ScheduledProcedureStepID="x")]),
        "RequestAttributesSequence: Table E.1-1",
    ),
    "X in UN": (hidden, "OtherPatientIDsSequence: Table E.1-1"),
    "Z is as it was": (put("PatientSex", "F"), "PatientSex: Table E.1-1"),
    "Z is missing": (drop("AccessionNumber"), "AccessionNumber: Z: is missing"),
    "D is as it was": (put("PatientID", "PID-1"), "PatientID: Table E.1-1"),
    "PatientID is empty": (put("PatientID", ""), "PatientID: is empty"),
    "PatientID is missing": (drop("PatientID"), "PatientID: is empty or missing"),
    "U is as it was": (
        put("FrameOfReferenceUID", "1.2.826.0.1.77.9"),
        "FrameOfReferenceUID: Table E.1-1",
    ),
    "a UID of another place": (put("SeriesInstanceUID", "1.2.826.0.1.77.5"), "SeriesInstanceUID"),
    "a UID in an item": (
        into("SourceImageSequence", ReferencedSOPInstanceUID="1.2.826.0.1.77.6"),
        "SourceImageSequence[0].ReferencedSOPInstanceUID",
    ),
    "a UID without a row": (put("ConcatenationUID", "1.2.826.0.1.77.5"), "ConcatenationUID"),
    "a UID in a text": (
        put("ManufacturerModelName", "of 1.2.826.0.1.77.5"),
        "ManufacturerModelName: has a UID",
    ),
    "a dummy sequence is not": (
        into("VerifyingObserverSequence", VerifyingOrganization="Praxis Waldschrat"),
        "VerifyingObserverSequence[0].VerifyingOrganization",
    ),
    "a name in a kept text": (
        put("ManufacturerModelName", "model of QUASTHOFF, big"),
        "ManufacturerModelName: says what the input has in",
    ),
    "a name of another script": (
        put("ManufacturerModelName", f"for {GREEK.upper()}"),
        "ManufacturerModelName: says what the input has in PatientName",
    ),
    "an identifier in a kept text": (
        into("DerivationCodeSequence", CodeMeaning="Lossy KV-88231"),
        "DerivationCodeSequence[0].CodeMeaning: says what the input has in OtherPatientIDs",
    ),
    "a birth date in a kept text": (
        put("ManufacturerModelName", "born 23.08.1957"),
        "ManufacturerModelName: says what the input has in PatientBirthDate",
    ),
    "an institution in a kept text": (
        put("ManufacturerModelName", "at KLINIKUM ZURNEBELHOEHE, east"),
        "ManufacturerModelName: says what the input has in InstitutionName",
    ),
    "a name in kept bytes": (add(0x00282000, "OB", b"\0\1Quasthoff\0"), "ICCProfile: says"),
    "a value at another place": (put("PatientName", "Protocol Zebrafink"), "where Table E.1-1"),
    "a date": (put("StudyDate", "20260102"), "StudyDate: Table E.1-1"),
    "a date at another place": (put("ContentDate", "20260103"), "ContentDate: has a value"),
    "a private element": (
        lambda data: add_private(data, "SIEMENS MR HEADER", 0x0019000C, "IS", "700"),
        "(0019,100c): Table E.1-1 Private Attributes",
    ),
    "a curve": (add(0x50000005, "US", 1), "Table E.1-1 (50xx,xxxx)"),
    "an overlay": (add(0x60000010, "US", 1), "Table E.1-1 (60xx,3000)"),
    "an unknown element": (add(0x00181FFE, "LO", "x"), "in no dictionary"),
    "an element of the file meta group": (add(0x00080001, "UL", 1), "was not in the input"),
    "an attribute that was not there": (put("PatientPosition", "HFS"), "PatientPosition: was not"),
    "one of an item that was not there": (
        into("SourceImageSequence", CodeMeaning="x"),
        "SourceImageSequence[0].CodeMeaning: was not in the input",
    ),
    "a number": (put("KVP", "121"), "KVP: is not as it was"),
    "pixels": (put("PixelData", bytes(32)), "PixelData: is"),
    "no pixels": (drop("PixelData"), "PixelData: is missing"),
    "the SOP Class": (put("SOPClassUID", "1.2.840.10008.5.1.4.1.1.4"), "SOPClassUID: is not"),
    "identity not removed": (put("PatientIdentityRemoved", "NO"), "PatientIdentityRemoved"),
    "no word of it": (drop("PatientIdentityRemoved"), "PatientIdentityRemoved"),
    "no method": (put("DeidentificationMethod", ""), "DeidentificationMethod"),
    "no codes": (drop("DeidentificationMethodCodeSequence"), "lacks a code"),
    "another code": (
        lambda data: data.DeidentificationMethodCodeSequence.append(
            item(CodeValue="113101", CodingSchemeDesignator="DCM", CodeMeaning="x")
        ),
        "claims what was not done",
    ),
    "dates are said to be kept": (
        put("LongitudinalTemporalInformationModified", "UNMODIFIED"),
        "LongitudinalTemporalInformationModified",
    ),
    "another instance in the file meta group": (
        lambda data: setattr(data.file_meta, "MediaStorageSOPInstanceUID", "1.2.826.0.1.77.5"),
        "MediaStorageSOPInstanceUID",
    ),
    "more in the file meta group": (
        lambda data: setattr(data.file_meta, "SourceApplicationEntityTitle", "WARD7"),
        "(0002,0016): does not belong",
    ),
    "a preamble": (lambda data: setattr(data, "preamble", b"II*\0" + bytes(124)), "the preamble"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(tmp_path: Path, name: str) -> None:
    change, expected = WRONG[name]
    found = judged(tmp_path, change)
    assert not found
    assert any(expected in failure for failure in found.failures), found.failures


@pytest.mark.parametrize("name", WRONG)
def test_no_failure_has_a_value_of_the_input(tmp_path: Path, name: str) -> None:
    said = "\n".join(judged(tmp_path, WRONG[name][0]).failures).lower()
    values = ("quasthoff", "ermintrude", GREEK.lower(), "kv-88231", "1957", "zurnebel", "zebra")
    assert [value for value in (*values, "waldschrat", "pid-1", "1.2.826") if value in said] == []


UNDER_OPTIONS: dict[str, tuple[str, str, Change, str]] = {
    "a date that has not moved": (
        "dates-shifted", "", put("SeriesDate", "20260103"), "SeriesDate: has a date of the input",
    ),
    "a date that has moved otherwise": (
        "dates-shifted", "", put("SeriesDate", "20251201"), "SeriesDate: has not moved by as many",
    ),
    "a private element that is not safe": (
        "safe-private", "",
        lambda data: add_private(data, "SIEMENS MR HEADER", 0x00190001, "LO", "x"),
        "(0019,1001): Table E.1-1 Private Attributes",
    ),
    "a private creator of nothing safe": (
        "safe-private", "", lambda data: data.add_new(0x00190011, "LO", "OWNER"), "(0019,0011)",
    ),
    "a description that is not clean": (
        "", "descriptors", put("StudyDescription", "KNEE of Quasthoff"), "StudyDescription: says",
    ),
    "a row that the option does not name": (
        "", "descriptors", put("OtherPatientIDs", "x"), "OtherPatientIDs: Table E.1-1",
    ),
    "a UID, although others are kept": (
        "dates-shifted", "", put("SeriesInstanceUID", "1.2.826.0.1.77.9"), "SeriesInstanceUID",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNDER_OPTIONS)
def test_what_is_wrong_under_an_option_is_found(tmp_path: Path, name: str) -> None:
    retain, clean, change, expected = UNDER_OPTIONS[name]
    found = judged(tmp_path, change, Options.parse([retain], [clean]))
    assert any(expected in failure for failure in found.failures), found.failures


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (("", "20251206"), ""),
        (("", "20260105"), "SourceImageSequence[1].StudyDate: has a date of the input"),
        (("", "20251207"), "SourceImageSequence[1].StudyDate: has not moved by as many days"),
        (("soon", "20251205"), "SourceImageSequence[0].StudyDate: has a date of the input"),
    ],
)
def test_dates_are_held_together_where_some_are_blanked(
    tmp_path: Path, dates: tuple[str, str], expected: str
) -> None:
    source = make_input(tmp_path / "in.dcm")
    data = dcmread(source)
    data.SourceImageSequence = Sequence([dated("soon"), dated("20260105")])
    data.save_as(source)

    def change(output: FileDataset) -> None:
        output.SourceImageSequence = Sequence([dated(each) for each in dates])

    options = Options.parse(["dates-shifted"])
    output = make_output(source, tmp_path / "out.dcm", options, change)
    found = verify(source, output, options).failures
    assert any(expected in failure for failure in found) if expected else not found, found


def _document(name: str) -> Change:
    """Make an SR document of two content items, one with a row in Table E.3.4-1."""

    def change(data: FileDataset) -> None:
        def text(code: str, value: str) -> Dataset:
            concept = item(CodeValue=code, CodingSchemeDesignator="DCM", CodeMeaning="c")
            return item(
                ValueType="TEXT", ConceptNameCodeSequence=Sequence([concept]), TextValue=value
            )

        accession, finding = text("121022", name), text("129999", "nodule 5 mm")
        data.ContentSequence = Sequence([accession, finding])

    return change


@pytest.mark.parametrize(
    ("clean", "left", "expected"),
    [
        ("structured", "", ""),
        ("structured", "Zettelkasten", "Table E.3.4-1 Accession Number, TEXT: X"),
        ("", "", "ContentSequence[1].TextValue: is as it was"),
    ],
)
def test_content_items_have_rules_of_their_own(
    tmp_path: Path, clean: str, left: str, expected: str
) -> None:
    source = make_input(tmp_path / "in.dcm")
    data = dcmread(source)
    _document("Zettelkasten")(data)
    data.save_as(source)
    options = Options.parse([], [clean])
    output = make_output(source, tmp_path / "out.dcm", options, _document(left or "ANONYMIZED"))
    found = verify(source, output, options).failures
    assert any(expected in failure for failure in found) if expected else not found, found


def test_damage_and_what_follows_are_found(tmp_path: Path) -> None:
    source = make_input(tmp_path / "in.dcm")
    output = make_output(source, tmp_path / "out.dcm")
    whole = output.read_bytes()
    for content, expected in (
        (whole[:-40], "the output is damaged"),
        (whole + bytes(200), "bytes follow the data set"),
        (whole + whole, "the output is damaged"),
        (b"nothing", "cannot be read"),
        (b"", "cannot be read"),
    ):
        output.write_bytes(content)
        found = verify(source, output, BASIC).failures
        assert any(expected in failure for failure in found), (expected, found)


def test_what_follows_a_deflated_data_set_is_found(tmp_path: Path) -> None:
    source = make_input(tmp_path / "in.dcm")
    data = dcmread(source)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(source)
    output = make_output(source, tmp_path / "out.dcm")
    assert verify(source, output, BASIC) == Verified()
    output.write_bytes(output.read_bytes() + bytes(8))
    assert verify(source, output, BASIC).failures == ("bytes follow the data set",)


def test_every_copy_of_a_tag_is_looked_at(tmp_path: Path) -> None:
    source = make_input(tmp_path / "in.dcm")
    output = make_output(source, tmp_path / "out.dcm")
    at = output.read_bytes().index(b"\x10\0\x20\0LO")
    name = element(0x00100010, "PN", b"Quasthoff ")
    output.write_bytes(output.read_bytes()[:at] + name + output.read_bytes()[at:])
    found = verify(source, output, BASIC).failures
    assert "PatientName: says what the input has in PatientName" in found


def test_fragments_are_compared(tmp_path: Path) -> None:
    source = make_input(tmp_path / "in.dcm")
    data = dcmread(source)
    head = b"\xfe\xff\x00\xe0" + pack("<I", 0)
    fragment = b"\xfe\xff\x00\xe0" + pack("<I", 200_000)
    data.PixelData = head + fragment + bytes(200_000)
    data.file_meta.TransferSyntaxUID = RLELossless
    data["PixelData"].is_undefined_length = True
    data.save_as(source)
    output = make_output(source, tmp_path / "out.dcm")
    assert verify(source, output, BASIC) == Verified()
    content = bytearray(output.read_bytes())
    content[-100_000] = 1
    output.write_bytes(content)
    assert "PixelData: is not as it was" in verify(source, output, BASIC).failures
    assert verify(source, output, BASIC, Allowed(regions=True)).failures == (
        "DeidentificationMethodCodeSequence: lacks a code of what was done",
    )


def test_recipe_may_keep_and_change(tmp_path: Path) -> None:
    paths = TagPath.parse("InstitutionName"), TagPath.parse("PatientPosition")

    def change(data: FileDataset) -> None:
        data.InstitutionName = "Klinikum Zurnebelhoehe"
        data.PatientPosition = "HFS"

    allowed = Allowed(kept=paths[:1], changed=paths[1:])
    assert judged(tmp_path, change, allowed=allowed) == Verified()
    assert not judged(tmp_path, change)


def test_what_a_recipe_keeps_of_an_item_is_kept_there_only(tmp_path: Path) -> None:
    inner = TagPath.parse("VerifyingObserverSequence[0].VerifyingOrganization")
    change = into("VerifyingObserverSequence", VerifyingOrganization="Praxis Waldschrat")
    assert judged(tmp_path, change, allowed=Allowed(kept=(inner,))) == Verified()
    elsewhere = TagPath.parse("SourceImageSequence[0].VerifyingOrganization")
    assert not judged(tmp_path, change, allowed=Allowed(kept=(elsewhere,)))


def test_patient_map_is_followed(tmp_path: Path) -> None:
    assert judged(tmp_path, allowed=Allowed(patient_id="K7PSEUDONYM")) == Verified()
    found = judged(tmp_path, allowed=Allowed(patient_id="STUDY-7"))
    assert found.failures == ("PatientID: is not that of the patient map",)


NO_EVIDENCE: dict[str, tuple[Change, Change]] = {
    "short words": (put("PatientName", "Zar^Al"), put("ManufacturerModelName", "Zar Al 7")),
    "common words": (put("PatientName", "Head^Phantom"), put("ManufacturerModelName", "Head")),
    "the maker": (put("InstitutionName", "Zargonia"), put("ManufacturerModelName", "Zargonia 7")),
    "a longer word": (put("PatientName", "Zargo^N"), put("ManufacturerModelName", "Zargonia 7")),
    "short numbers": (put("PatientID", "120"), put("KVP", "120")),
    "a dummy that was there": (put("StationName", "ANONYMIZED"), put("PatientName", "ANONYMIZED")),
}


@pytest.mark.parametrize("name", NO_EVIDENCE)
def test_coincidences_are_no_failures(tmp_path: Path, name: str) -> None:
    had, has = NO_EVIDENCE[name]
    source = make_input(tmp_path / "in.dcm")
    data = dcmread(source)
    had(data)
    if name != "the maker":
        has_too = deepcopy(data)
        has(has_too)
        data.ManufacturerModelName = has_too.ManufacturerModelName
    data.save_as(source)
    output = make_output(source, tmp_path / "out.dcm", change=has)
    assert verify(source, output, BASIC) == Verified()


def test_what_an_option_keeps_is_not_searched_for(tmp_path: Path) -> None:
    source = make_input(tmp_path / "in.dcm")
    data = dcmread(source)
    data.ResponsibleOrganization = data.InstitutionName
    data.save_as(source)
    options = Options.parse(["institution"])

    def change(output: FileDataset) -> None:
        del output.ResponsibleOrganization
        output.InstitutionName = data.InstitutionName

    output = make_output(source, tmp_path / "out.dcm", options, change)
    assert verify(source, output, options) == Verified()


def test_earlier_deidentification_stays_true(tmp_path: Path) -> None:
    source = make_input(tmp_path / "in.dcm")
    data = dcmread(source)
    data.LongitudinalTemporalInformationModified = "REMOVED"
    codes = ("113101", "113100")
    data.DeidentificationMethodCodeSequence = Sequence(
        [item(CodeValue=each, CodingSchemeDesignator="DCM", CodeMeaning="x") for each in codes]
    )
    data.save_as(source)
    options = Options.parse(["dates-shifted"])

    def change(output: FileDataset) -> None:
        output.LongitudinalTemporalInformationModified = "REMOVED"
        output.DeidentificationMethodCodeSequence += data.DeidentificationMethodCodeSequence

    output = make_output(source, tmp_path / "out.dcm", options, change)
    assert verify(source, output, options) == Verified()


def test_input_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        verify(tmp_path / "none.dcm", tmp_path / "none.dcm", BASIC)


def test_untouched_copies_of_the_corpus_all_fail() -> None:
    folder = corpus()
    if folder is None:
        pytest.skip("DCMTOOLS_CORPUS names no folder of files")
    seen = 0
    for path in sorted(folder.iterdir()):
        try:
            with DicomFile(path) as file:
                found = verify(file, path, BASIC)
        except DcmtoolsError:
            continue
        seen += 1
        assert not found, path.name
    assert seen


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_follow_the_size(tmp_path: Path) -> None:
    source = make_input(tmp_path / "in.dcm")
    output = make_output(source, tmp_path / "out.dcm")
    size = 400 << 20
    for path in (source, output):
        content = path.read_bytes()
        at = content.rindex(b"\xe0\x7f\x10\0OW") + 8
        with path.open("r+b") as file:
            file.seek(at)
            file.write(pack("<I", size))
            file.truncate(at + 4 + size)
    script = (
        "import sys; from pathlib import Path\n"
        "from dcmtools.deid.options import Options\n"
        "from dcmtools.deid.verify import verify\n"
        f"print(bool(verify(Path(sys.argv[1]), Path(sys.argv[2]), Options())), {PEAK})"
    )
    command = [sys.executable, "-c", script, os.fspath(source), os.fspath(output)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    right, peak = ran.stdout.split()
    assert right == "True"
    assert int(peak) < 64 << 10

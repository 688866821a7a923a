"""Show what becomes of a file: frame, identifiers, dates, dummies, statement and refusals."""

import pickle
from pathlib import Path
from struct import pack

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID

from dcmtools.dataset.part10 import IMPLEMENTATION_CLASS_UID
from dcmtools.dataset.read import DicomFile
from dcmtools.deid.burned_in import BurnedIn
from dcmtools.deid.deidentify import deidentify, rectangles
from dcmtools.deid.documents import empty_document
from dcmtools.deid.identity import Pseudonym
from dcmtools.deid.keys import Key
from dcmtools.deid.patients import PatientMap
from dcmtools.deid.regions import Region
from dcmtools.deid.risks import BurnedInError
from dcmtools.errors import InputError
from dcmtools.pixels.blackener import Blackened
from tests.deid.treating import KEY, item, plan, treated, treated_ct, written
from tests.factories import (
    BIG,
    BODY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    PEAK,
    UNDEFINED,
    element,
    implicit,
    make_ct,
    part10,
    write,
)
from tests.factories import item as raw_item

NEW_INSTANCE = KEY.uid("1.2.3.4")
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
REFERENCE = {"ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}


def body(*parts: bytes) -> bytes:
    return BODY + b"".join(parts)


# The frame


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_transfer_syntax_stays_and_pixel_data_are_untouched(tmp_path: Path, syntax: str) -> None:
    path = make_ct(tmp_path / "in.dcm", syntax=UID(syntax))
    data = treated(path)
    assert data.file_meta.TransferSyntaxUID == syntax
    assert data.PixelData == dcmread(path).PixelData
    assert data.Rows == 4
    assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID


def test_nothing_around_the_data_set_is_carried_over(tmp_path: Path) -> None:
    content = part10(BODY, preamble=b"Doe^Jane".ljust(128, b"!")) + bytes(40)
    path, _ = written(write(tmp_path / "in.dcm", content), plan())
    output = path.read_bytes()
    assert output[:132] == bytes(128) + b"DICM"
    assert b"Doe" not in output
    assert dcmread(path).file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert output.endswith(b"REMOVED ")


def test_elements_that_have_no_place_in_a_data_set_go(tmp_path: Path) -> None:
    content = body(
        element(0x00020016, "AE", b"SECRET"),
        element(0x00040010, "LO", b"SECRET"),
        element(0x00080000, "UL", pack("<I", 8)),
        element(0x00087776, "LO", b"SECRET"),
        element(0x50000022, "LO", b"SECRET"),
        element(0x60000022, "LO", b"SECRET"),
        element(0xFFFCFFFC, "OB", b"SECRET"),
    )
    path, _ = written(write(tmp_path / "in.dcm", part10(content)), plan())
    assert b"SECRET" not in path.read_bytes()


def test_every_copy_of_a_tag_is_treated(tmp_path: Path) -> None:
    content = body(
        element(0x00080090, "PN", b"Roe^Ann "),
        element(0x00080090, "PN", b"Poe^Sue "),
        element(0x00100010, "PN", b"Moe^Liz "),
    )
    path, _ = written(write(tmp_path / "in.dcm", part10(content)), plan())
    output = path.read_bytes()
    assert not [name for name in (b"Doe", b"Roe", b"Poe", b"Moe") if name in output]


def test_same_file_and_plan_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "in.dcm", StudyDescription="Doe 1.1.2020")
    wanted = plan("dates-shifted", "+descriptors")
    first = written(path, wanted)[0].read_bytes()
    assert written(path, pickle.loads(pickle.dumps(wanted)))[0].read_bytes() == first  # noqa: S301
    other = plan("dates-shifted", "+descriptors", key=Key(b"another key of some length"))
    assert written(path, other)[0].read_bytes() != first


# Identifiers


def test_uids_are_replaced_everywhere_but_definitions(tmp_path: Path) -> None:
    content = body(
        element(0x0008010C, "UI", b"1.2.3.9\0"),  # of a coding scheme
        element(0x0020000D, "UI", b"1.2.3.5\0"),
        element(0x00200052, "UI", b"1.2.840.10008.1.4.1.1 "),  # well-known
        element(0x00200242, "UI", b"1.2.3.4\0"),  # not in the table
        element(0x00220042, "UN", b"1.2.3.6\0"),  # no UID by the dictionary
    )
    data = treated(write(tmp_path / "in.dcm", part10(content)))
    assert data.SOPInstanceUID == NEW_INSTANCE
    assert data[0x00200242].value == NEW_INSTANCE
    assert data.StudyInstanceUID == KEY.uid("1.2.3.5")
    assert data.FrameOfReferenceUID == "1.2.840.10008.1.4.1.1"
    assert data.CodingSchemeUID == "1.2.3.9"


def test_uids_stay_where_they_are_retained(tmp_path: Path) -> None:
    data = treated(write(tmp_path / "in.dcm", part10(BODY)), "uids")
    assert data.SOPInstanceUID == "1.2.3.4"
    assert data.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"


def test_uids_begin_with_the_root_that_is_wanted(tmp_path: Path) -> None:
    data = treated(write(tmp_path / "in.dcm", part10(BODY)), uid_root="1.2.99")
    assert data.SOPInstanceUID == KEY.uid("1.2.3.4", "1.2.99")


def test_patient_gets_a_pseudonym(tmp_path: Path) -> None:
    data = treated_ct(tmp_path)
    assert data.PatientID == data.PatientName
    assert len(data.PatientID) == 16
    again = treated_ct(tmp_path, PatientName="Roe^Ann")
    assert again.PatientID == data.PatientID


@pytest.mark.parametrize("patient_id", ["", None])
def test_patient_id_is_never_empty(tmp_path: Path, patient_id: str | None) -> None:
    first = treated_ct(tmp_path, PatientID=patient_id, PatientBirthDate="19570823")
    other = treated_ct(tmp_path, PatientID=patient_id, PatientBirthDate="19570824")
    assert first.PatientID
    assert other.PatientID != first.PatientID


def test_patient_map_is_followed(tmp_path: Path) -> None:
    given = PatientMap("map.csv", {("PID-1", ""): Pseudonym("N-1", "Müller^Mia")})
    path = make_ct(tmp_path / "in.dcm")
    data = treated(path, patients=given)
    assert (data.PatientID, data.PatientName) == ("N-1", "Müller^Mia")
    with pytest.raises(InputError, match="not in map") as caught:
        treated(make_ct(path, PatientID="PID-2"), patients=given)
    assert "PID-2" not in str(caught.value)


def test_name_that_the_character_set_has_not_is_an_error(tmp_path: Path) -> None:
    given = PatientMap("map.csv", {("PID-1", ""): Pseudonym("N-1", "山田^太郎")})
    path = make_ct(tmp_path / "in.dcm", SpecificCharacterSet="ISO_IR 100")
    with pytest.raises(InputError, match="cannot be written"):
        treated(path, patients=given)


# Dates


def test_dates_move_by_one_shift(tmp_path: Path) -> None:
    data = treated_ct(
        tmp_path,
        "dates-shifted",
        StudyDate="20260102",
        SeriesDate="20260103",
        SeriesTime="101112",
        AcquisitionDateTime="20260102101112.5+0100",
        ContentDate="2026",
        DateOfLastCalibration=["20260101", "2019"],
    )
    path = tmp_path / "in.dcm"
    with DicomFile(path) as file:
        record = deidentify(file, plan("dates-shifted")).record
    assert -3650 <= record.shift <= -1
    assert int(data.SeriesDate) - int(data.StudyDate) in (1, 70, 71, 72, 73, 8870)
    assert data.SeriesTime == "101112"
    assert data.AcquisitionDateTime == f"{data.StudyDate}101112.5+0100"
    assert not data.ContentDate
    assert not data.DateOfLastCalibration
    assert record.shifted == (0x00080020, 0x00080021, 0x0008002A)
    assert data.LongitudinalTemporalInformationModified == "MODIFIED"


def test_dates_stay_or_go_as_the_profile_says(tmp_path: Path) -> None:
    kept = treated_ct(tmp_path, "dates", PatientBirthDate="19570823")
    assert kept.StudyDate == "20260102"
    assert not kept.PatientBirthDate
    assert kept.LongitudinalTemporalInformationModified == "UNMODIFIED"
    assert not treated_ct(tmp_path).StudyDate


# The IOD


def test_types_decide_what_a_compound_code_means(tmp_path: Path) -> None:
    created = {"PresentationCreationDate": "20260102", "PresentationCreationTime": "1011"}
    data = treated_ct(tmp_path, SOPClassUID=GSPS, **created)
    assert (data.PresentationCreationDate, data.PresentationCreationTime) == ("20000101", "000000")
    assert "PresentationCreationDate" not in treated_ct(tmp_path, **created)


def test_responsible_person_of_an_animal_is_emptied(tmp_path: Path) -> None:
    human = treated_ct(tmp_path, ResponsiblePerson="Roe^Ann")
    animal = treated_ct(
        tmp_path, "patient", ResponsiblePerson="Roe^Ann", PatientSpeciesDescription="Canis"
    )
    assert "ResponsiblePerson" not in human
    assert animal.ResponsiblePerson == ""


@pytest.mark.parametrize("refers", [True, False])
def test_lists_of_references_go_with_the_last_reference(tmp_path: Path, *, refers: bool) -> None:
    instance = item(**REFERENCE, ReferencedSOPInstanceUID="1.2.3.7")
    listed = item(SeriesInstanceUID="1.2.3.8", ReferencedInstanceSequence=[instance])
    source = item(**REFERENCE, ReferencedSOPInstanceUID="1.2.3.7")
    data = treated_ct(
        tmp_path,
        ReferencedSeriesSequence=[listed],
        DerivationImageSequence=[item(SourceImageSequence=[source] if refers else [])],
        SOPClassUID=SEGMENTATION,
    )
    derived = data.DerivationImageSequence[0]
    assert ("ReferencedSeriesSequence" in data) is bool(derived.get("SourceImageSequence"))


def test_dummies_have_the_form_of_their_attribute(tmp_path: Path) -> None:
    code = item(CodeValue="A", CodingSchemeDesignator="99ZQ", CodeMeaning="secret")
    name = item(ConceptNameCodeSequence=[code], TextValue="secret", ValueType="TEXT")
    report = "1.2.840.10008.5.1.4.1.1.88.33"
    data = treated_ct(tmp_path, SOPClassUID=report, ContentSequence=[name])
    inner = data.ContentSequence[0]
    assert inner.ValueType == "TEXT"
    assert inner.TextValue == "ANONYMIZED"
    assert inner.ConceptNameCodeSequence[0].CodingSchemeDesignator == "99ANON"


# Sequences and VRs


def test_sequences_that_are_hidden_in_un_are_treated(tmp_path: Path) -> None:
    hidden = raw_item(
        implicit(0x00081150, b"1.2.840.10008.5.1.4.1.1.2\0")
        + implicit(0x00081155, b"1.2.3.4\0")
        + implicit(0x00100010, b"Doe^Jane")
        + implicit(0x00324000, b"SECRET")
    )
    content = body(
        element(0x0008114A, "UN", hidden),
        element(0x00089215, "UN", hidden + implicit(0xFFFEE0DD, b""), UNDEFINED),
    )
    path, _ = written(write(tmp_path / "in.dcm", part10(content)), plan())
    output = path.read_bytes()
    assert b"Doe" not in output
    assert b"SECRET" not in output
    assert output.count(NEW_INSTANCE.encode()) == 4  # with the file meta group


def test_values_under_un_get_the_rule_of_their_tag(tmp_path: Path) -> None:
    content = body(
        element(0x00080050, "UN", b"ACC-1 "),
        element(0x00081070, "UN", b"Roe^Ann "),
        element(0x0020000D, "UN", b"1.2.3.5\0"),
        element(0x00401001, "??", b"REQ-1 "),
    )
    data = treated(write(tmp_path / "in.dcm", part10(content)))
    assert (data["AccessionNumber"].VR, data.AccessionNumber) == ("SH", "")
    assert data.StudyInstanceUID == KEY.uid("1.2.3.5")
    assert "OperatorsName" not in data
    assert 0x00401001 not in data


def test_sequence_where_none_belongs_is_not_let_through(tmp_path: Path) -> None:
    secret = raw_item(element(0x00080060, "CS", b"SECRET"))
    content = body()[:-14] + element(0x00100020, "SQ", secret)
    path, _ = written(write(tmp_path / "in.dcm", part10(content)), plan())
    assert b"SECRET" not in path.read_bytes()
    assert dcmread(path).PatientID


# Private elements


def siemens(block: int = 0x10) -> list[bytes]:
    group = 0x00190000
    return [
        element(group | block, "LO", b"SIEMENS MR HEADER "),
        element(group | block << 8 | 0x0C, "IS", b"1000"),  # safe: B Value
        element(group | block << 8 | 0x08, "CS", b"SECRET"),
        element(0x00290010, "LO", b"ACME"),
        element(0x00291001, "LO", b"SECRET"),
    ]


def test_private_elements_go(tmp_path: Path) -> None:
    data = treated(write(tmp_path / "in.dcm", part10(body(*siemens()))))
    assert not [each for each in data if each.tag.is_private]


@pytest.mark.parametrize("block", [0x10, 0xE1])
def test_safe_private_elements_stay_with_their_creator(tmp_path: Path, block: int) -> None:
    inner = raw_item(b"".join(siemens(block)))
    content = body(element(0x0008114A, "SQ", inner), *siemens(block))
    data = treated(write(tmp_path / "in.dcm", part10(content)), "safe-private")
    for place in (data, data[0x0008114A].value[0]):
        private = [int(each.tag) for each in place if each.tag.is_private]
        assert private == [0x00190000 | block, 0x00190000 | block << 8 | 0x0C]


def test_block_that_two_have_reserved_is_nobodys(tmp_path: Path) -> None:
    content = body(element(0x00190010, "LO", b"ACME"), *siemens())
    data = treated(write(tmp_path / "in.dcm", part10(content)), "safe-private")
    assert not [each for each in data if each.tag.is_private]


# Overlays


@pytest.mark.parametrize(("kind", "stays"), [(b"R ", True), (b"G ", False)])
def test_cleaned_overlays_are_regions_of_interest(
    tmp_path: Path, kind: bytes, *, stays: bool
) -> None:
    content = body(
        element(0x50000005, "US", b"\1\0"),
        element(0x60000010, "US", b"\4\0"),
        element(0x60000022, "LO", b"of Doe on 2026-01-02"),
        element(0x60000040, "CS", kind),
        element(0x60003000, "OW", b"\1\2"),
    )
    data = treated(write(tmp_path / "in.dcm", part10(content)), "+graphics")
    assert (0x60003000 in data) is stays
    assert not stays or data[0x60000022].value == "of on"
    assert 0x50000005 not in data


def test_overlay_in_unused_bits_is_told(tmp_path: Path) -> None:
    content = body(element(0x60000102, "US", b"\x0c\0"), element(0x7FE00010, "OW", bytes(2)))
    _, warnings = written(write(tmp_path / "in.dcm", part10(content)), plan())
    assert "has an overlay within its pixel data, which stays there" in warnings


# Documents and pictures


def test_document_is_replaced(tmp_path: Path) -> None:
    path = make_ct(
        tmp_path / "in.dcm",
        SOPClassUID=PDF,
        PixelData=None,
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=b"%PDF Doe^Jane %%EOF ",
    )
    target, warnings = written(path, plan(burned_in=BurnedIn.FAIL))
    data = dcmread(target)
    assert data.EncapsulatedDocument.rstrip(b"\0") == empty_document(PDF, "")
    assert data.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert any("document is replaced" in each for each in warnings)


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("application/pdf", b"%PDF-1.4"),
        ("text/XML", b"<?xml"),
        ("model/stl", bytes(84)),
        ("model/obj", b"#"),
        ("image/jpeg", b"\0\0"),
    ],
)
def test_empty_documents_are_of_their_kind(kind: str, start: bytes) -> None:
    assert empty_document("1.2.3", kind).startswith(start)


def test_offsets_of_the_empty_pdf_are_right() -> None:
    content = empty_document(PDF, "")
    at = int(content.split(b"startxref\n")[1].split()[0])
    assert content[at:].startswith(b"xref\n0 4\n")
    for number, line in enumerate(content[at:].splitlines()[3:6], 1):
        assert content[int(line.split()[0]) :].startswith(b"%d 0 obj" % number)


@pytest.mark.parametrize("policy", BurnedIn)
def test_burned_in_text_is_warned_of_or_refused(tmp_path: Path, policy: BurnedIn) -> None:
    path = make_ct(tmp_path / "in.dcm", Modality="US")
    if policy is BurnedIn.WARN:
        assert written(path, plan())[1] == ("may show text: it is ultrasound",)
        return
    with pytest.raises(BurnedInError, match="ultrasound") as caught:
        written(path, plan(burned_in=policy))
    assert caught.value.is_skipped is (policy is BurnedIn.SKIP)


def test_regions_are_claimed_only_where_they_were_applied(tmp_path: Path) -> None:
    wanted = plan("+pixels", regions=(Region.parse("0,0,2,2@Modality=US"),))
    icon = item(BitsAllocated=8, PixelRepresentation=0, PixelData=b"SECRET")
    path = make_ct(tmp_path / "in.dcm", Modality="US", ModalityLUTSequence=[icon])
    with DicomFile(path) as file:
        assert rectangles(file, wanted) == ((0, 0, 2, 2),)
        black = Blackened(path, EXPLICIT, "1 region blackened", has_copies=True)
        done = deidentify(file, wanted, black)
        content = done.body.read()
    assert b"113101" in content
    assert b"SECRET" not in content
    assert done.warnings == ()
    with DicomFile(make_ct(path, Modality="CT")) as file:
        assert rectangles(file, wanted) == ()
        assert b"113101" not in deidentify(file, wanted).body.read()


# The statement


def test_statement_says_what_was_done(tmp_path: Path) -> None:
    data = treated_ct(tmp_path, "uids", "+descriptors")
    assert data.PatientIdentityRemoved == "YES"
    assert data.DeidentificationMethod.startswith("dcmtools ")
    codes = [each.CodeValue for each in data.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113105", "113110"]
    assert data.LongitudinalTemporalInformationModified == "REMOVED"


def test_earlier_statement_stays_true(tmp_path: Path) -> None:
    code = item(CodeValue="113107", CodingSchemeDesignator="DCM", CodeMeaning="shifted")
    earlier = {
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "by hand",
        "DeidentificationMethodCodeSequence": [code],
        "LongitudinalTemporalInformationModified": "MODIFIED",
    }
    data = treated_ct(tmp_path, "dates", **earlier)
    assert data.DeidentificationMethod[0] == "by hand"
    assert len(data.DeidentificationMethod) == 2
    codes = [each.CodeValue for each in data.DeidentificationMethodCodeSequence]
    assert codes == ["113107", "113100", "113106"]
    assert data.LongitudinalTemporalInformationModified == "MODIFIED"
    again = treated(tmp_path / "in-out.dcm", "dates")
    assert len(again.DeidentificationMethod) == 2
    assert len(again.DeidentificationMethodCodeSequence) == 3


# What a run needs


def test_record_has_what_leads_back(tmp_path: Path) -> None:
    path = write(tmp_path / "in.dcm", part10(body(element(0x0020000D, "UI", b"1.2.3.5\0"))))
    with DicomFile(path) as file:
        done = deidentify(file, plan())
        record = done.record
        assert done.value("PatientID") == done.patient_id == record.patient_id
        assert done.values(frozenset({0x00100020, 0x00100030})) == {0x00100020: done.patient_id}
        assert {str(change.path) for change in done.changes()} >= {"PatientID", "PatientName"}
    assert done.sop_instance == record.instance == NEW_INSTANCE
    assert done.study == KEY.uid("1.2.3.5")
    assert dict(record.uids) == {"1.2.3.4": NEW_INSTANCE, "1.2.3.5": done.study}
    assert dict(record.texts) == {0x00100010: "Doe^Jane", 0x00100020: "PID-1"}


def test_record_names_an_instance_that_has_stayed(tmp_path: Path) -> None:
    with DicomFile(write(tmp_path / "in.dcm", part10(BODY))) as file:
        assert deidentify(file, plan("uids")).record.uids == (("1.2.3.4", "1.2.3.4"),)


# Refusals


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    content = make_ct(tmp_path / "ct.dcm").read_bytes()[:-8]
    with pytest.raises(InputError, match="is damaged"):
        treated(write(tmp_path / "in.dcm", content))


def test_second_file_behind_the_first_is_not_carried_over(tmp_path: Path) -> None:
    content = part10(BODY)
    with pytest.raises(InputError):
        treated(write(tmp_path / "in.dcm", content + content.replace(b"PID-1", b"PID-2")))


def test_dicomdir_is_refused(tmp_path: Path) -> None:
    directory = Dataset()
    directory.PatientID = "PID-1"
    path = make_ct(tmp_path / "in.dcm")
    data = dcmread(path)
    data.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.1.3.10")
    data.save_as(path)
    with pytest.raises(InputError, match="DICOMDIR"):
        treated(path)


def test_what_is_no_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no SOP Class UID"):
        treated(make_ct(tmp_path / "in.dcm", SOPClassUID=""))


def test_instance_without_a_uid_gets_one(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "in.dcm", SOPInstanceUID=None)
    assert treated(path).SOPInstanceUID == KEY.uid("1.2.3")  # of the file meta group
    bare = BODY.replace(b"1.2.3.4\0", bytes(8))
    first, again, other = (
        treated(write(tmp_path / "in.dcm", part10(content))).SOPInstanceUID
        for content in (bare, bare, bare + element(0x00200013, "IS", b"7 "))
    )
    assert first == again
    assert other != first


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_long_pixel_data_are_never_in_memory(tmp_path: Path, syntax: str) -> None:
    import subprocess  # noqa: PLC0415 - here alone
    import sys  # noqa: PLC0415

    length = 300 << 20
    plain = syntax == EXPLICIT
    start = (
        BODY
        if plain
        else b"".join(
            implicit(tag, value)
            for tag, value in (
                (0x00080016, b"1.2.840.10008.5.1.4.1.1.2\0"),
                (0x00080018, b"1.2.3.4\0"),
                (0x00100020, b"PID-1 "),
            )
        )
    )
    end = element(0x7FE00010, "OW", b"", length) if plain else implicit(0x7FE00010, b"", length)
    path = tmp_path / "in.dcm"
    with path.open("wb") as file:
        file.write(part10(start + end, syntax))
        file.truncate(file.tell() + length)
    code = (
        "import sys; from pathlib import Path; from tests.deid.treating import plan, written\n"
        f"written(Path(sys.argv[1]), plan()); print({PEAK})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 200 << 10


def test_object_of_a_patient_without_an_id_gets_one(tmp_path: Path) -> None:
    bare = element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0")
    bare += element(0x00080018, "UI", b"1.2.3.4\0")
    study = element(0x0020000D, "UI", b"1.2.3.5\0")
    assert treated(write(tmp_path / "in.dcm", part10(bare + study))).PatientID
    assert "PatientID" not in treated(write(tmp_path / "in.dcm", part10(bare)))

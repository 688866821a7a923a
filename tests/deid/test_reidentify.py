"""Show the way back: what the map has is there again, and nothing else is touched."""

from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.tree import read_tree
from dcmtools.deid.keys import Key
from dcmtools.deid.map_file import MapFile
from dcmtools.deid.mapping import FileRecord, Mapping
from dcmtools.deid.reidentify import Restored, reidentified
from dcmtools.errors import InputError
from tests.factories import BIG, EXPLICIT, IMPLICIT, make_ct

KEY = Key(b"0123456789abcdef0123456789abcdef")
OLD = {"SOPInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.2", "StudyInstanceUID": "1.2.1"}
NEW = {keyword: KEY.uid(uid) for keyword, uid in OLD.items()}
FRAME = KEY.uid("1.2.9")


def item(**values: Any) -> Dataset:  # noqa: ANN401 - as for make_ct
    data = Dataset()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return data


def anonymous(path: Path, syntax: str = EXPLICIT, **others: Any) -> Path:  # noqa: ANN401
    """Write what an anonymizer might have made, with dates that were moved by five days."""
    reference = item(
        ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        ReferencedSOPInstanceUID=[KEY.uid("1.2.3")],
        PatientID="NEWID", PatientName="NEWNAME", StudyDate="20231227",
    )  # fmt: skip
    values = NEW | {
        "PatientID": "NEWID", "PatientName": "NEWNAME", "AccessionNumber": "",
        "PatientBirthDate": "", "StudyDate": "20231227", "SeriesDate": "20240101",
        "AcquisitionDateTime": "20231227101112+0100", "ContentDate": "20231227",
        "FrameOfReferenceUID": FRAME, "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "by hand", "DeidentificationMethodCodeSequence": [item()],
        "LongitudinalTemporalInformationModified": "MODIFIED",
        "ReferencedStudySequence": [item(ReferencedImageSequence=[reference])],
    }  # fmt: skip
    return make_ct(path, syntax=syntax, **(values | others))


def record(**others: Any) -> FileRecord:  # noqa: ANN401
    values = {
        "patient_id": "NEWID", "patient_name": "NEWNAME",
        "series": NEW["SeriesInstanceUID"], "instance": NEW["SOPInstanceUID"],
        "uids": (*((OLD[keyword], NEW[keyword]) for keyword in OLD), ("1.2.9", FRAME)),
        "texts": ((0x00100020, "PID-1"), (0x00100021, "HOSP"), (0x00100010, "Zo\u00e9^Jane"),
                  (0x00080050, "ACC-7"), (0x00100030, "19700102")),
        "shift": -5,
        "shifted": (0x00080020, 0x00080023, 0x0008002A),
    }  # fmt: skip
    return FileRecord(**(values | others))


def mapping(tmp_path: Path, **others: Any) -> Mapping:  # noqa: ANN401
    with MapFile(tmp_path / "map", KEY) as map_file:
        map_file.add(record(**others))
    return Mapping.load(tmp_path / "map")


def restore(path: Path, found: Mapping) -> tuple[Dataset, Restored]:
    with DicomFile(path) as file:
        tree = read_tree(file)
        restored = reidentified(tree, found)
        edited = tree.edited()
        start = path.read_bytes()[: file.header.start]
        target = path.with_suffix(".back")
        target.write_bytes(start + edited.read())
        assert edited.sop_instance == "1.2.3"
    return pydicom.dcmread(target), restored


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_what_the_map_has_is_back(tmp_path: Path, syntax: str) -> None:
    path = anonymous(tmp_path / "a.dcm", syntax)
    before = pydicom.dcmread(path)
    data, restored = restore(path, mapping(tmp_path))
    for keyword, uid in OLD.items():
        assert data[keyword].value == uid
    assert data.FrameOfReferenceUID == "1.2.9"
    assert (data.PatientID, data.IssuerOfPatientID) == ("PID-1", "HOSP")
    assert data.PatientName == "Zo\u00e9^Jane"
    assert (data.AccessionNumber, data.PatientBirthDate) == ("ACC-7", "19700102")
    assert (data.StudyDate, data.ContentDate) == ("20240101", "20240101")
    assert data.AcquisitionDateTime == "20240101101112+0100"
    assert data.SeriesDate == "20240101"  # it was not moved
    deep = data.ReferencedStudySequence[0].ReferencedImageSequence[0]
    assert (deep.PatientID, deep.PatientName, deep.StudyDate) == (
        "PID-1", "Zo\u00e9^Jane", "20240101",
    )  # fmt: skip
    assert deep.ReferencedSOPInstanceUID == "1.2.3"
    assert deep.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert data.PatientIdentityRemoved == "NO"
    for keyword in (
        "DeidentificationMethod",
        "DeidentificationMethodCodeSequence",
        "LongitudinalTemporalInformationModified",
    ):
        assert keyword not in data
    changed = {element.keyword for element in data if before.get(element.tag) != element}
    assert changed == {
        *OLD, "FrameOfReferenceUID", "PatientID", "IssuerOfPatientID", "PatientName",
        "AccessionNumber", "PatientBirthDate", "StudyDate", "ContentDate", "AcquisitionDateTime",
        "ReferencedStudySequence", "PatientIdentityRemoved",
    }  # fmt: skip
    # Four UIDs, three dates and five values; in the item one UID, one date, name and number.
    assert restored == Restored(16, ())


def test_dates_that_were_not_moved_stay_as_the_statement_about_them(tmp_path: Path) -> None:
    path = anonymous(tmp_path / "a.dcm", LongitudinalTemporalInformationModified="REMOVED")
    data, _ = restore(path, mapping(tmp_path, shift=0, shifted=()))
    assert data.StudyDate == "20231227"
    assert data.LongitudinalTemporalInformationModified == "REMOVED"


def test_what_had_no_identifier_has_none_again(tmp_path: Path) -> None:
    data, _ = restore(anonymous(tmp_path / "a.dcm"), mapping(tmp_path, texts=()))
    assert (data.PatientID, data.PatientName) == ("", "")
    assert "IssuerOfPatientID" not in data


def test_dates_that_were_blanked_stay_so(tmp_path: Path) -> None:
    data, _ = restore(anonymous(tmp_path / "a.dcm", StudyDate=""), mapping(tmp_path))
    assert data.StudyDate == ""


def test_what_the_character_set_has_not_is_named_and_left(tmp_path: Path) -> None:
    path = anonymous(tmp_path / "a.dcm", SpecificCharacterSet="ISO_IR 144")
    texts = ((0x00100020, "PID-1"), (0x00100010, "Zo\u00e9"), (0x00080050, "a\udcff"))
    data, restored = restore(path, mapping(tmp_path, texts=texts))
    assert restored.left == ("PatientName", "AccessionNumber")
    assert (data.PatientID, data.PatientName) == ("PID-1", "NEWNAME")


@pytest.mark.parametrize(
    "values",
    [
        {"SOPInstanceUID": "1.2.77"},
        {"SOPInstanceUID": "1.2.3"},
        {"SOPInstanceUID": None, "SeriesInstanceUID": "1.2.77"},
        {"PatientID": "OTHER"},
        {"PatientID": None},
    ],
)
def test_what_the_map_does_not_know_is_not_touched(
    tmp_path: Path, values: dict[str, str | None]
) -> None:
    path = anonymous(tmp_path / "a.dcm", **values)
    found = mapping(tmp_path)
    with DicomFile(path) as file:
        tree = read_tree(file)
        with pytest.raises(InputError) as caught:
            reidentified(tree, found)
        assert not tree.touched
    assert caught.value.what == str(path)
    for hidden in "PID-1", "OTHER", "NEWID", "1.2.":
        assert hidden not in caught.value.why


def test_uids_that_were_retained_are_known_too(tmp_path: Path) -> None:
    path = anonymous(tmp_path / "a.dcm", **OLD)
    others = {"series": "1.2.2", "instance": "1.2.3", "uids": (("1.2.3", "1.2.3"),)}
    data, _ = restore(path, mapping(tmp_path, **others))
    assert data.SOPInstanceUID == "1.2.3"
    assert data.PatientID == "PID-1"

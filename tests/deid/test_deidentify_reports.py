"""Show what becomes of structured reports, with Clean Structured Content and without."""

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileDataset

from tests.deid.treating import KEY, item, treated_ct

SR = "1.2.840.10008.5.1.4.1.1.88.33"
CT = "1.2.840.10008.5.1.4.1.1.2"
REFERENCE = 0x0040DB73


def content(code: str, value_type: str, scheme: str = "DCM", **value: Any) -> Dataset:  # noqa: ANN401
    name = item(CodeValue=code, CodingSchemeDesignator=scheme, CodeMeaning="a concept")
    return item(ValueType=value_type, ConceptNameCodeSequence=[name], **value)


def image(uid: str) -> list[Dataset]:
    return [item(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=uid)]


def report(folder: Path, *options: str, items: list[Dataset]) -> FileDataset:
    return treated_ct(
        folder, *options, SOPClassUID=SR, ValueType="CONTAINER", ContentSequence=items
    )


def texts(data: Dataset) -> list[str]:
    return [each.get("TextValue", "") for each in data.ContentSequence]


FINDING = content("F1", "TEXT", "99X", TextValue="nodule 5 mm")
NAMED = content("F2", "TEXT", "99X", TextValue="nodule of Doe, 7 mm")
COMMENT = content("121106", "TEXT", TextValue="a comment")


def test_findings_stay_and_names_go(tmp_path: Path) -> None:
    data = report(tmp_path, "+structured", items=[FINDING, NAMED])
    assert texts(data) == ["nodule 5 mm", "nodule of , 7 mm"]


def test_items_are_treated_by_the_table(tmp_path: Path) -> None:
    items = [
        COMMENT,  # X
        content("121008", "PNAME", PersonName="Roe^Ann"),  # D
        content("113769", "UIDREF", UID="1.2.3.4"),  # D
        content("121138", "IMAGE", ReferencedSOPSequence=image("1.2.3.5")),  # D
        content("113810", "DATETIME", DateTime="20260102"),  # D
        content("121032", "CODE", ConceptCodeSequence=[item(CodeValue="M")]),  # X
        FINDING,
    ]
    data = report(tmp_path, "+structured", items=items)
    assert [each.ValueType for each in data.ContentSequence] == [
        "PNAME", "UIDREF", "IMAGE", "DATETIME", "TEXT",
    ]  # fmt: skip
    name, uid, picture, moment, _ = data.ContentSequence
    assert name.PersonName == "ANONYMIZED"
    assert KEY.uid("1.2.3.4") == uid.UID
    reference = picture.ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == KEY.uid("1.2.3.5")
    assert reference.ReferencedSOPClassUID == CT
    assert moment.DateTime == "20000101000000"


def test_options_count_for_content_items_too(tmp_path: Path) -> None:
    items = [
        COMMENT,
        content("113769", "UIDREF", UID="1.2.3.4"),
        content("113810", "DATETIME", DateTime="20260102101112"),
        content("121033", "NUM", MeasuredValueSequence=[item(NumericValue="57")]),
    ]
    options = ("dates-shifted", "patient", "+descriptors")
    data = report(tmp_path, "+structured", *options, items=items)
    comment, _, moment, age = data.ContentSequence
    assert comment.TextValue == "a comment"
    assert moment.DateTime.endswith("101112")
    assert not moment.DateTime.startswith("20260102")
    assert age.MeasuredValueSequence[0].NumericValue == 57


def test_nested_items_are_treated(tmp_path: Path) -> None:
    inner = content("F3", "CONTAINER", "99X", ContentSequence=[COMMENT])
    outer = content("F4", "CONTAINER", "99X", ContentSequence=[inner, NAMED])
    data = report(tmp_path, "+structured", items=[outer])
    first, second = data.ContentSequence[0].ContentSequence
    assert "ContentSequence" not in first  # one without items is not valid
    assert second.TextValue == "nodule of , 7 mm"


def test_items_to_which_others_point_by_number_stay_in_place(tmp_path: Path) -> None:
    pointing = item(RelationshipType="INFERRED FROM")
    pointing.add_new(REFERENCE, "UL", [1, 2])
    outer = content("F1", "TEXT", "99X", TextValue="seen", ContentSequence=[pointing])
    data = report(tmp_path, "+structured", items=[COMMENT, outer])
    assert texts(data) == ["ANONYMIZED", "seen"]


def test_all_is_a_dummy_without_the_option(tmp_path: Path) -> None:
    items = [FINDING, content("121138", "IMAGE", ReferencedSOPSequence=image("1.2.3.5"))]
    data = report(tmp_path, "uids", "dates", items=items)
    finding, picture = data.ContentSequence
    assert finding.TextValue == "ANONYMIZED"
    assert finding.ConceptNameCodeSequence[0].CodeMeaning == "ANONYMIZED"
    assert picture.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == KEY.uid("1.2.3.5")


def test_acquisition_contexts_have_content_items_too(tmp_path: Path) -> None:
    items = [COMMENT, content("F1", "TEXT", "99X", TextValue="lead V1")]
    data = treated_ct(tmp_path, "+structured", AcquisitionContextSequence=items)
    assert [each.TextValue for each in data.AcquisitionContextSequence] == ["lead V1"]

"""Show which objects are said to be at risk of burned-in text or a face, and which are not."""

import pytest

from dcmtools.deid import burned_in
from dcmtools.deid.burned_in import TAGS, BurnedIn, face_risk, text_risk
from tests.factories import CT_IMAGE_STORAGE

STORAGE = "1.2.840.10008.5.1.4.1.1."
US = {burned_in.SOP_CLASS_UID: f"{STORAGE}6.1", burned_in.MODALITY: "US"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({burned_in.BURNED_IN_ANNOTATION: "YES"}, "Burned In Annotation is YES"),
        ({burned_in.BURNED_IN_ANNOTATION: "yes "}, "Burned In Annotation is YES"),
        (US, "it is ultrasound"),
        ({burned_in.MODALITY: "US"}, "it is ultrasound"),
        ({burned_in.MODALITY: "XC"}, "it is photography"),
        ({burned_in.MODALITY: "ES"}, "it is endoscopy"),
        ({burned_in.MODALITY: "GM"}, "it is microscopy"),
        ({burned_in.MODALITY: "OT"}, "it is no modality of its own (OT)"),
        (
            {burned_in.SOP_CLASS_UID: f"{STORAGE}7", burned_in.MODALITY: "CT"},
            "it is secondary capture",
        ),
        ({burned_in.SOP_CLASS_UID: f"{STORAGE}77.1.4.1"}, "it is video"),
        ({burned_in.CONVERSION_TYPE: "DF"}, "it comes from digitized film"),
        ({burned_in.CONVERSION_TYPE: "SD"}, "it is a scanned document"),
        ({burned_in.CONVERSION_TYPE: "SD", burned_in.BURNED_IN_ANNOTATION: "NO"}, "a scanned"),
        ({burned_in.IMAGE_TYPE: "ORIGINAL\\PRIMARY\\LABEL\\NONE"}, "it is the label of a slide"),
        ({burned_in.IMAGE_TYPE: "DERIVED\\SECONDARY\\SCREEN SAVE"}, "a screen or a report"),
        ({burned_in.SPECIMEN_LABEL_IN_IMAGE: "YES"}, "Specimen Label in Image is YES"),
    ],
)
def test_what_is_known_to_show_text_is_told_with_its_reason(
    values: dict[int, str], why: str
) -> None:
    said = text_risk(values, has_pixels=True)
    assert said is not None
    assert why in said


@pytest.mark.parametrize(
    "values",
    [
        {},
        {burned_in.SOP_CLASS_UID: CT_IMAGE_STORAGE, burned_in.MODALITY: "CT"},
        {**US, burned_in.BURNED_IN_ANNOTATION: "NO"},
        {burned_in.IMAGE_TYPE: "ORIGINAL\\PRIMARY\\VOLUME\\NONE", burned_in.MODALITY: "SM"},
        {burned_in.CONVERSION_TYPE: "SYN"},
        {burned_in.SOP_CLASS_UID: "7"},
    ],
)
def test_nothing_is_said_of_others(values: dict[int, str]) -> None:
    assert text_risk(values, has_pixels=True) is None


def test_only_pictures_and_documents_show_anything() -> None:
    assert text_risk(US, has_pixels=False) is None
    document = {burned_in.SOP_CLASS_UID: f"{STORAGE}104.1", burned_in.BURNED_IN_ANNOTATION: "NO"}
    said = "may show text: it is an encapsulated document"
    assert text_risk(document, has_pixels=False) == said


def test_nothing_of_the_file_is_repeated() -> None:
    values = dict.fromkeys(TAGS, "DOE^JANE\x1b[2J")
    assert text_risk(values, has_pixels=True) is None
    assert face_risk(values, has_pixels=True) is None


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        ({burned_in.MODALITY: "MR", burned_in.BODY_PART_EXAMINED: "HEAD"}, True),
        ({burned_in.MODALITY: "CT", burned_in.BODY_PART_EXAMINED: "brain"}, True),
        ({burned_in.MODALITY: "CT", burned_in.BODY_PART_EXAMINED: "FOOT"}, False),
        ({burned_in.MODALITY: "DX", burned_in.BODY_PART_EXAMINED: "HEAD"}, False),
        ({burned_in.RECOGNIZABLE_VISUAL_FEATURES: "YES"}, True),
        (
            {
                burned_in.MODALITY: "MR",
                burned_in.BODY_PART_EXAMINED: "HEAD",
                burned_in.RECOGNIZABLE_VISUAL_FEATURES: "NO",
            },
            False,
        ),
    ],
)
def test_a_face_is_another_risk(values: dict[int, str], *, is_told: bool) -> None:
    assert (face_risk(values, has_pixels=True) is not None) == is_told
    assert face_risk(values, has_pixels=False) is None
    assert text_risk(values, has_pixels=True) is None


def test_the_policies_are_spelt_as_on_the_command_line() -> None:
    assert [str(policy) for policy in BurnedIn] == ["warn", "skip", "fail"]

"""Say why a picture may show who the patient is: text that is burned in, or a face.

No pixel is looked at, so this can neither find text nor rule it out. What is decided here is which
objects are known for it, by what their attributes say of them (PS3.15 E.1.1 and E.3.1).
"""

from collections.abc import Mapping
from enum import StrEnum

SOP_CLASS_UID = 0x00080016
IMAGE_TYPE = 0x00080008
MODALITY = 0x00080060
CONVERSION_TYPE = 0x00080064
BODY_PART_EXAMINED = 0x00180015
BURNED_IN_ANNOTATION = 0x00280301
RECOGNIZABLE_VISUAL_FEATURES = 0x00280302
SPECIMEN_LABEL_IN_IMAGE = 0x00480010

TAGS = (
    SOP_CLASS_UID, IMAGE_TYPE, MODALITY, CONVERSION_TYPE, BODY_PART_EXAMINED,
    BURNED_IN_ANNOTATION, RECOGNIZABLE_VISUAL_FEATURES, SPECIMEN_LABEL_IN_IMAGE,
)  # fmt: skip
"""What `text_risk` and `face_risk` look at, in the data set itself."""

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_CLASSES = {
    "7": "secondary capture", "7.1": "secondary capture", "7.2": "secondary capture",
    "7.3": "secondary capture", "7.4": "secondary capture",
    "3": "ultrasound", "3.1": "ultrasound", "6": "ultrasound", "6.1": "ultrasound",
    "77.1.1": "endoscopy", "77.1.1.1": "video",
    "77.1.2": "microscopy", "77.1.2.1": "video", "77.1.3": "microscopy",
    "77.1.4": "photography", "77.1.4.1": "video",
    "77.1.5.1": "ophthalmic photography", "77.1.5.2": "ophthalmic photography",
}  # fmt: skip
"""Storage SOP Classes of pictures that often show text (PS3.4 Table B.5-1 and its retired ones)."""

_DOCUMENTS = frozenset(f"{_STORAGE}104.{number}" for number in range(1, 6))
"""Encapsulated PDF, CDA, STL, OBJ and MTL Storage (PS3.4 Table B.5-1)."""

_MODALITIES = {
    "US": "ultrasound", "IVUS": "intravascular ultrasound", "BDUS": "bone densitometry",
    "BMD": "bone densitometry", "XC": "photography", "ES": "endoscopy", "GM": "microscopy",
    "OP": "ophthalmic photography", "OPV": "ophthalmic visual fields", "HC": "hard copy",
    "DOC": "a document", "OT": "no modality of its own (OT)",
}  # fmt: skip
"""Modalities whose machines write on pictures (PS3.3 C.7.3.1.1.1)."""

_CONVERSIONS = {
    "DV": "digitized video", "DI": "a digital interface", "DF": "digitized film",
    "WSD": "a workstation", "SI": "a scanned image", "DRW": "a drawing",
}  # fmt: skip
"""Where a secondary capture comes from, SD and SYN left out (PS3.3 Table C.8-24)."""

_SCANNED_DOCUMENT = "SD"
_SLIDE_LABELS = {"LABEL": "the label of a slide", "OVERVIEW": "a slide with its label"}
"""Values of Image Type, the third (PS3.3 C.8.12.4.1.1)."""

_CAPTURES = frozenset({"SCREEN SAVE", "SCREEN SHOT", "SCREENSHOT", "REPORT"})
"""Values of Image Type that are none of the standard but a custom."""

_SLICES = frozenset({"CT", "MR", "PT"})
_HEADS = frozenset(
    {"HEAD", "HEADNECK", "BRAIN", "SKULL", "FACE", "EAR", "EYE", "JAW", "MAXILLA", "MANDIBLE",
     "ORBIT", "SINUS", "PARANASAL SINUS", "ZYGOMA", "NOSE", "NASAL BONE", "TMJ", "IAC", "WHOLEBODY"}
)  # fmt: skip
"""Values of Body Part Examined of images with a head in them (PS3.16 Annex L)."""


class BurnedIn(StrEnum):
    """What becomes of an object whose picture may show text, when no region of it is blackened."""

    WARN = "warn"
    """It is written, and a warning says why."""
    SKIP = "skip"
    """It is not written, and is counted as skipped."""
    FAIL = "fail"
    """It is not written, and is an error."""


def text_risk(values: Mapping[int, str], *, has_pixels: bool) -> str | None:
    r"""Say why the picture of an object may show text that names the patient.

    What the object says of itself in Burned In Annotation (0028,0301) is believed (PS3.3 Table
    C.7-9), but for a scanned document, which is all text.

    Parameters
    ----------
    values : mapping of int to str
        The values of `TAGS` that the data set has, several separated by a backslash.
    has_pixels : bool
        Whether the object has pixel data.

    Returns
    -------
    str or None
        A clause without a value of the file, fit to follow the name of the file: ``may show text:
        it is ultrasound``. None where nothing is known that speaks for it, which proves nothing.
    """
    read = {tag: value.strip(" \0").upper() for tag, value in values.items()}
    sop_class = read.get(SOP_CLASS_UID, "")
    if sop_class in _DOCUMENTS:
        return "may show text: it is an encapsulated document"
    if not has_pixels:
        return None
    conversion = read.get(CONVERSION_TYPE, "")
    if conversion == _SCANNED_DOCUMENT:
        return "may show text: it is a scanned document"
    stated = read.get(BURNED_IN_ANNOTATION, "")
    if stated == "YES":
        return "shows text that identifies the patient: Burned In Annotation is YES"
    if stated == "NO":
        return None
    why = _known_for_text(read, sop_class, conversion)
    return f"may show text: {why}" if why else None


def _known_for_text(read: Mapping[int, str], sop_class: str, conversion: str) -> str:
    types = [value.strip() for value in read.get(IMAGE_TYPE, "").split("\\")]
    if read.get(SPECIMEN_LABEL_IN_IMAGE) == "YES":
        return "Specimen Label in Image is YES"
    for value in types[2:3]:
        if value in _SLIDE_LABELS:
            return f"it is {_SLIDE_LABELS[value]}"
    if _CAPTURES.intersection(types):
        return "Image Type calls it a screen or a report"
    if conversion in _CONVERSIONS:
        return f"it comes from {_CONVERSIONS[conversion]}"
    if sop_class.startswith(_STORAGE) and sop_class.removeprefix(_STORAGE) in _CLASSES:
        return f"it is {_CLASSES[sop_class.removeprefix(_STORAGE)]}"
    modality = read.get(MODALITY, "")
    return f"it is {_MODALITIES[modality]}" if modality in _MODALITIES else ""


def face_risk(values: Mapping[int, str], *, has_pixels: bool) -> str | None:
    """Say why the patient may be recognized by the picture itself.

    A face can be made of the slices of a head (PS3.15 E.3.2). What the object says of itself in
    Recognizable Visual Features (0028,0302) is believed (PS3.3 Table C.7-9).

    Parameters
    ----------
    values : mapping of int to str
        As in `text_risk`.
    has_pixels : bool
        Whether the object has pixel data.

    Returns
    -------
    str or None
        A clause like that of `text_risk`.
    """
    read = {tag: value.strip(" \0").upper() for tag, value in values.items()}
    stated = read.get(RECOGNIZABLE_VISUAL_FEATURES, "")
    if not has_pixels or stated == "NO":
        return None
    if stated == "YES":
        return "shows features by which the patient may be recognized: it says so itself"
    if read.get(MODALITY) in _SLICES and read.get(BODY_PART_EXAMINED) in _HEADS:
        return "may show a face: it is a slice of a head"
    return None

"""Decide to which level of a query an attribute belongs, and which attributes a level is asked for.

An attribute belongs to the level of the modules of PS3.3 that hold it: the Patient, Study, Series,
Equipment and Frame of Reference modules, and those of the images and other instances. The standard
has no such table by attribute, so the patterns are here; what they do not name is of the study.
"""

from collections.abc import Iterable
from functools import cache

from dcmtools.dataset import dictionary
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.path import Node, TagPath
from dcmtools.dataset.query_models import Family, Model, QueryLevel
from dcmtools.errors import UsageError

CHARSET_PATH = TagPath((Node(0x00080005),))
LEVEL_PATH = TagPath((Node(0x00080052),))

_ANY_LEVEL = frozenset(
    [
        0x00080005,  # Specific Character Set
        0x00080052,  # Query/Retrieve Level
        0x00080053,  # Query/Retrieve View
        0x00080054,  # Retrieve AE Title
        0x00080056,  # Instance Availability
        0x00080201,  # Timezone Offset From UTC
        0x00080405,  # Removed from Operational Use
        0x0008041B,  # Record Key
        0x0008041C,  # Prior Record Key
        0x00880130,  # Storage Media File-set ID
        0x00880140,  # Storage Media File-set UID
    ]
)
"""Attributes that a query has at whatever level (PS3.4 C.3, C.4.1.1.3, C.6.4.1)."""

_PATIENT_STUDY = frozenset(
    [
        *(0x00101010, 0x00102000, 0x00102110, 0x00102180, 0x00102203),
        *range(0x00101020, 0x00101031),  # size and weight
        *range(0x001021A0, 0x001021D1),  # smoking, history, pregnancy
    ]
)
"""What group 0010 says of the patient at the time of the study."""

_PATIENT_RANGES = (
    range(0x00081120, 0x00081121),
    range(0x00100000, 0x00110000),
    range(0x00120010, 0x00120050),  # the subject of a clinical trial
    range(0x00120062, 0x00120065),
    range(0x00120081, 0x00120083),
    range(0x00201200, 0x00201205),  # how many studies, series and instances there are
)

_SERIES = frozenset(
    [
        # General Series, Clinical Trial Series
        *(0x00080021, 0x00080031, 0x00080060, 0x00080064, 0x00080068, 0x0008103E, 0x0008103F),
        *(0x00081050, 0x00081052, 0x00081070, 0x00081072, 0x00081111, 0x00081250, 0x00102210),
        *(0x00120060, 0x00120071, 0x00120072, 0x00120073, 0x00180015, 0x00181030, 0x00185100),
        *(0x0020000E, 0x00200011, 0x00200060, 0x00201209, 0x00280108, 0x00280109, 0x300A0700),
        # General Equipment
        *(0x00080070, 0x00080080, 0x00080081, 0x00081010, 0x00081040, 0x00081041, 0x00081090),
        *(0x00181000, 0x00181002, 0x00181008, 0x0018100A, 0x0018100B, 0x00181020, 0x00181050),
        *(0x00181200, 0x00181201, 0x00181204, 0x00181205),
        # Frame of Reference, Synchronization
        *(0x00200052, 0x00200200, 0x00201040, 0x00181061, 0x0018106A, 0x0018106C, 0x00181800),
        # PET Series
        *(0x00540101, 0x00541000, 0x00541001, 0x00541002, 0x00541004, 0x00541006, 0x00541100),
        *(0x00541101, 0x00541102, 0x00541103, 0x00541104, 0x00541105),
    ]
)

_PERFORMED_STEP = range(0x00400241, 0x00400281)
"""The performed procedure step, the request and the protocol, of the General Series module."""

_IMAGE = frozenset(
    [
        # SOP Common, General Image, General Reference
        *range(0x00080012, 0x0008001D),
        *(0x00080008, 0x00080022, 0x00080023, 0x0008002A, 0x00080032, 0x00080033),
        *(0x00081115, 0x0008113A, 0x00081140, 0x0008114A, 0x00081150, 0x00081155, 0x00081199),
    ]
)

_IMAGE_RANGES = (
    range(0x00082110, 0x00090000),
    range(0x00400300, 0x00400400),  # doses
    range(0x00400500, 0x00401000),  # specimens, contexts of the acquisition
    range(0x00408000, 0x00410000),  # structured reports, mappings of real world values
)

_IMAGE_GROUPS = frozenset(
    [
        *(0x0016, 0x0018, 0x0020, 0x0022, 0x0024, 0x0028, 0x0034, 0x003A, 0x0042, 0x0044, 0x0046),
        *(0x0048, 0x0050, 0x0052, 0x0054, 0x0060, 0x0062, 0x0064, 0x0066, 0x0068, 0x006A, 0x0070),
        *(0x0072, 0x0076, 0x0078, 0x0080, 0x0082, 0x0088, 0x0100, 0x0400, 0x2010, 0x2050, 0x2200),
        *range(0x3000, 0x3100, 2),
        *range(0x5000, 0x7F00, 2),
        *(0x7FE0, 0xFFFA),
    ]
)
"""Groups of which all is of the instance but what is named above."""

_OF_STUDY = frozenset([0x0020000D, 0x00200010, 0x00201000, 0x00201070, 0x00201206, 0x00201208])
"""What group 0020 says of the study."""


def level_of(path: TagPath) -> QueryLevel | None:
    """Tell to which level an attribute belongs; an element of a sequence goes with the sequence.

    Returns
    -------
    QueryLevel or None
        None for an attribute of all levels, such as Retrieve AE Title (0008,0054). Private
        attributes are of the study.
    """
    tag = path.nodes[0].tag
    if tag in _ANY_LEVEL:
        return None
    if tag & PRIVATE_GROUP or tag in _OF_STUDY:
        return QueryLevel.STUDY
    if tag in _SERIES or tag in _PERFORMED_STEP:
        return QueryLevel.SERIES
    if tag not in _PATIENT_STUDY and _among(tag, _PATIENT_RANGES):
        return QueryLevel.PATIENT
    if tag in _IMAGE or tag >> 16 in _IMAGE_GROUPS or _among(tag, _IMAGE_RANGES):
        return QueryLevel.IMAGE
    return QueryLevel.STUDY


def _among(tag: int, ranges: Iterable[range]) -> bool:
    return any(tag in tags for tags in ranges)


def infer_level(paths: Iterable[TagPath], model: Model) -> QueryLevel | None:
    """Tell the level that a query is about: the lowest one of its attributes.

    Parameters
    ----------
    paths : iterable of TagPath
        The attributes.
    model : Model
        What is queried.

    Returns
    -------
    QueryLevel or None
        None for a model without levels. Without any attribute that tells, it is the top of the
        model: patients in Patient Root, studies in Study Root.

    Raises
    ------
    UsageError
        An attribute is of a level below all those of the model.
    """
    if not model.levels:
        return None
    lowest = model.levels[0]
    for path in paths:
        level = level_of(path)
        if level is None or level.depth <= lowest.depth:
            continue
        if level not in model.levels:
            why = f"is an attribute of the {level} level, which {model.name} does not have"
            raise UsageError(str(path), why, "Choose another model, or say which level is meant.")
        lowest = level
    return lowest


# What is asked for


_SCHEDULED_STEP = "ScheduledProcedureStepSequence"
_RETURN_KEYWORDS = {
    QueryLevel.PATIENT: "PatientName PatientID PatientBirthDate PatientSex",
    QueryLevel.STUDY: "StudyDate StudyTime AccessionNumber ModalitiesInStudy StudyDescription"
    " PatientName PatientID PatientBirthDate PatientSex StudyID ReferringPhysicianName"
    " StudyInstanceUID NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances",
    QueryLevel.SERIES: "Modality SeriesNumber SeriesDescription SeriesInstanceUID"
    " StudyInstanceUID NumberOfSeriesRelatedInstances",
    QueryLevel.IMAGE: "InstanceNumber SOPClassUID SOPInstanceUID SeriesInstanceUID"
    " StudyInstanceUID",
    Family.WORKLIST: "PatientName PatientID PatientBirthDate PatientSex AccessionNumber"
    " StudyInstanceUID RequestedProcedureID RequestedProcedureDescription"
    f" {_SCHEDULED_STEP}.ScheduledStationAETitle"
    f" {_SCHEDULED_STEP}.ScheduledProcedureStepStartDate"
    f" {_SCHEDULED_STEP}.ScheduledProcedureStepStartTime"
    f" {_SCHEDULED_STEP}.Modality"
    f" {_SCHEDULED_STEP}.ScheduledPerformingPhysicianName"
    f" {_SCHEDULED_STEP}.ScheduledProcedureStepDescription"
    f" {_SCHEDULED_STEP}.ScheduledProcedureStepID"
    f" {_SCHEDULED_STEP}.ScheduledStationName",
    Family.PROCEDURE_STEP: "ScheduledProcedureStepStartDateTime ProcedureStepState"
    " ScheduledProcedureStepPriority ProcedureStepLabel WorklistLabel PatientName PatientID"
    " PatientBirthDate PatientSex StudyInstanceUID SOPClassUID SOPInstanceUID",
    Family.OTHER: "SOPClassUID SOPInstanceUID",
}
_UNIQUE_KEYWORDS = {
    QueryLevel.PATIENT: "PatientID",
    QueryLevel.STUDY: "StudyInstanceUID",
    QueryLevel.SERIES: "SeriesInstanceUID",
    QueryLevel.IMAGE: "SOPInstanceUID",
}


@cache
def keyword_path(text: str) -> TagPath:
    """Give the path of keywords, ``Sequence.Element``, that are known to exist."""
    tags = map(dictionary.keyword_tag, text.split("."))
    return TagPath(tuple(Node(tag) for tag in tags if tag is not None))


def unique_key(level: QueryLevel) -> TagPath:
    """Give the attribute that tells the entities of a level apart (PS3.4 C.6.1.1, C.6.2.1)."""
    return keyword_path(_UNIQUE_KEYWORDS[level])


def return_keys(model: Model, level: QueryLevel | None) -> tuple[TagPath, ...]:
    """List the attributes that are worth asking for, in the order of the columns of a table.

    Parameters
    ----------
    model : Model
        What is queried.
    level : QueryLevel or None
        The level, None for a model without levels.

    Returns
    -------
    tuple of TagPath
        The unique keys of the level and of those above are among them.
    """
    paths = [keyword_path(text) for text in _RETURN_KEYWORDS[level or model.family].split()]
    if level is not None:
        above = [unique_key(upper) for upper in reversed(model.above(level))]
        paths += [path for path in above if path not in paths]
    return tuple(paths)

"""Choose the columns of a table on a terminal, which has no room for all that was asked for.

What the user has named is always there, and so is what the next command needs: the unique key of
the level. Of the attributes that were added to the query the most telling are shown, as many as
there is room for. Their number depends on the width and on nothing that a peer answers.
"""

from collections.abc import Sequence

from dcmtools.dataset import dictionary
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query import Query
from dcmtools.dataset.query_levels import keyword_path, unique_key
from dcmtools.dataset.query_models import Family, QueryLevel

_STEP = "ScheduledProcedureStepSequence"
_TELLING = {
    QueryLevel.STUDY: "PatientName PatientID StudyDate ModalitiesInStudy StudyDescription"
    " AccessionNumber NumberOfStudyRelatedInstances PatientBirthDate StudyTime PatientSex"
    " NumberOfStudyRelatedSeries ReferringPhysicianName StudyID",
    QueryLevel.SERIES: "Modality SeriesNumber SeriesDescription NumberOfSeriesRelatedInstances"
    " StudyInstanceUID",
    QueryLevel.IMAGE: "InstanceNumber SeriesInstanceUID SOPClassUID StudyInstanceUID",
    Family.WORKLIST: "PatientName PatientID"
    f" {_STEP}.ScheduledProcedureStepStartDate {_STEP}.ScheduledProcedureStepStartTime"
    f" {_STEP}.Modality RequestedProcedureDescription {_STEP}.ScheduledStationAETitle"
    f" AccessionNumber PatientBirthDate PatientSex {_STEP}.ScheduledProcedureStepDescription"
    f" {_STEP}.ScheduledStationName {_STEP}.ScheduledPerformingPhysicianName"
    f" RequestedProcedureID {_STEP}.ScheduledProcedureStepID StudyInstanceUID",
    Family.PROCEDURE_STEP: "PatientName PatientID ScheduledProcedureStepStartDateTime"
    " ProcedureStepState ProcedureStepLabel ScheduledProcedureStepPriority WorklistLabel"
    " PatientBirthDate PatientSex StudyInstanceUID SOPClassUID",
}
"""What is added to a query, the most telling first; else it is in the order of the query."""

_EXPECTED = {"PN": 20, "LO": 16, "SH": 10, "CS": 10, "DA": 8, "DT": 14, "TM": 6, "IS": 9, "UI": 64}
_EXPECTED_TEXT = 16
_EXPECTED_SOP_CLASS = 28
"""Columns of the terminal that values take as a rule, by VR, and the words of a heading."""
_GAP = 2
_ENOUGH = 78  # columns of the terminal: with fewer beside them UIDs go below the rows


def terminal_columns(query: Query, own: Sequence[TagPath], width: int) -> tuple[TagPath, ...]:
    """Choose the columns of a table.

    Parameters
    ----------
    query : Query
        What is asked for.
    own : sequence of TagPath
        Those of its columns that the user has named.
    width : int
        The columns of the terminal; 0 for no limit.

    Returns
    -------
    tuple of TagPath
        The user's own in their order, then what was added, then the unique key of the level.
    """
    if not width:
        return query.columns
    unique = _unique(query)
    ranked = _ranked(query, own)
    last = [path for path in ranked if path == unique and _is_uid(path)]
    plain = sum(_size(path) for path in (*own, *ranked) if not _is_uid(path))
    uids = sum(_size(path) for path in (*own, *last) if _is_uid(path))
    beside = width - uids >= min(_ENOUGH, plain)
    left = (width - uids if beside else width) + _GAP
    left -= sum(_size(path) for path in own if not _is_uid(path))
    shown = []
    for path in ranked:
        if path in last or (_is_uid(path) and not beside):
            continue
        if path == unique or _size(path) <= left:
            shown.append(path)
            left -= _size(path)
    return (*own, *shown, *last)


def _unique(query: Query) -> TagPath | None:
    """Give the attribute that tells one match from another."""
    if query.level is None and query.model.family is Family.WORKLIST:
        return None
    return unique_key(query.level or QueryLevel.IMAGE)


def _ranked(query: Query, own: Sequence[TagPath]) -> list[TagPath]:
    """Put what was added to a query into the order of what it tells."""
    telling = map(keyword_path, _TELLING.get(query.level or query.model.family, "").split())
    paths = dict.fromkeys([*telling, *query.columns])
    return [path for path in paths if path in query.columns and path not in own]


def _size(path: TagPath) -> int:
    if path == keyword_path("SOPClassUID"):
        return _EXPECTED_SOP_CLASS + _GAP
    return _EXPECTED.get(_vr(path), _EXPECTED_TEXT) + _GAP


def _is_uid(path: TagPath) -> bool:
    return _vr(path) == "UI"


def _vr(path: TagPath) -> str:
    tag = path.nodes[-1].tag
    entry = None if tag & PRIVATE_GROUP else dictionary.lookup(tag)
    return entry.vr if entry else ""

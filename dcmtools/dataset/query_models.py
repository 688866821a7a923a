"""Decide what can be queried: the information models, their SOP classes and their levels.

Four models have a name of their own here (PS3.4 Annex C, K and CC). All others, such as hanging
protocols or implant templates, are told by the UID or the keyword of a SOP class, and the UID
dictionary knows which SOP classes belong together.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from dcmtools.dataset import dictionary
from dcmtools.errors import UsageError

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)+")
_LONGEST_UID = 64  # characters, PS3.5 6.2
_OPERATIONS = ("Find", "Move", "Get")
_QUERY_ENDS = (*_OPERATIONS, "Query")
_NEAR = 0.6  # of 1.0: keywords of SOP classes are long, and share most of their words


class QueryLevel(StrEnum):
    """A Query/Retrieve Level (PS3.4 Table C.4-1), from the top down."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"

    @property
    def depth(self) -> int:
        """Its place from the top, 0 for patients."""
        return list(QueryLevel).index(self)


class Family(StrEnum):
    """The kinds of models, by which keys they have."""

    QUERY_RETRIEVE = "query/retrieve"
    WORKLIST = "worklist"
    PROCEDURE_STEP = "procedure step"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Model:
    """An information model.

    Parameters
    ----------
    name : str
        What messages call it.
    find, move, get : str
        The SOP Class UIDs of its operations, "" where it has no such operation.
    levels : tuple of QueryLevel
        The levels it has, from the top down. Without any, Query/Retrieve Level (0008,0052) is not
        sent.
    family : Family
        Which keys it has.
    """

    name: str
    find: str = ""
    move: str = ""
    get: str = ""
    levels: tuple[QueryLevel, ...] = ()
    family: Family = Family.OTHER

    def above(self, level: QueryLevel) -> tuple[QueryLevel, ...]:
        """List the levels of the model above one of them, from the top down."""
        return tuple(other for other in self.levels if other.depth < level.depth)


_QUERY_RETRIEVE = "1.2.840.10008.5.1.4.1.2"

STUDY_ROOT = Model(
    "Study Root",
    f"{_QUERY_RETRIEVE}.2.1",
    f"{_QUERY_RETRIEVE}.2.2",
    f"{_QUERY_RETRIEVE}.2.3",
    (QueryLevel.STUDY, QueryLevel.SERIES, QueryLevel.IMAGE),
    Family.QUERY_RETRIEVE,
)
"""Studies, with the patient as their attribute (PS3.4 C.6.2): the usual one."""

PATIENT_ROOT = Model(
    "Patient Root",
    f"{_QUERY_RETRIEVE}.1.1",
    f"{_QUERY_RETRIEVE}.1.2",
    f"{_QUERY_RETRIEVE}.1.3",
    tuple(QueryLevel),
    Family.QUERY_RETRIEVE,
)
"""Patients and their studies (PS3.4 C.6.1)."""

PATIENT_STUDY_ONLY = Model(
    "Patient/Study Only",
    f"{_QUERY_RETRIEVE}.3.1",
    f"{_QUERY_RETRIEVE}.3.2",
    f"{_QUERY_RETRIEVE}.3.3",
    (QueryLevel.PATIENT, QueryLevel.STUDY),
    Family.QUERY_RETRIEVE,
)
"""Patients and their studies and nothing below; retired from the standard, still met."""

WORKLIST = Model("Modality Worklist", "1.2.840.10008.5.1.4.31", family=Family.WORKLIST)
"""What is scheduled on a modality (PS3.4 K.6.1)."""

PROCEDURE_STEP = Model(
    "Unified Procedure Step", "1.2.840.10008.5.1.4.34.6.3", family=Family.PROCEDURE_STEP
)
"""Work items of any kind (PS3.4 CC.2.8), by the SOP class of those who do the work: UPS Pull."""

_COMPOSITE_ROOT = Model(
    "Composite Instance Root",
    "",
    f"{_QUERY_RETRIEVE}.4.2",
    f"{_QUERY_RETRIEVE}.4.3",
    (QueryLevel.IMAGE,),
    Family.QUERY_RETRIEVE,
)
_WITHOUT_BULK_DATA = Model(
    "Composite Instance Without Bulk Data",
    get=f"{_QUERY_RETRIEVE}.5.3",
    levels=(QueryLevel.IMAGE,),
    family=Family.QUERY_RETRIEVE,
)
_REPOSITORY = replace(
    STUDY_ROOT, name="Repository Query", find="1.2.840.10008.5.1.4.1.1.201.6", move="", get=""
)  # PS3.4 C.6.4
_NAMED = (
    STUDY_ROOT,
    PATIENT_ROOT,
    PATIENT_STUDY_ONLY,
    WORKLIST,
    PROCEDURE_STEP,
    _COMPOSITE_ROOT,
    _WITHOUT_BULK_DATA,
    _REPOSITORY,
)
_STEP_KEYWORDS = tuple(f"UnifiedProcedureStep{role}" for role in ("Pull", "Watch", "Query"))
"""All of them find the same; a peer accepts the one it has (PS3.4 CC.2.8.1)."""


def is_uid(text: str) -> bool:
    """Tell whether a text can be a UID: numbers with dots between them, 64 characters at most.

    Components with leading zeros, which PS3.5 9.1 forbids, exist and are let through.
    """
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def model_for(name: str) -> Model:
    """Give the model of a SOP class.

    Parameters
    ----------
    name : str
        A SOP Class UID, any at all, or the keyword of one that queries or retrieves, in any case:
        ``HangingProtocolInformationModelFind``. It may be that of any operation of the model.

    Returns
    -------
    Model
        With the SOP classes of its other operations, where the UID dictionary knows them. For a
        UID that it does not know, the UID is the SOP class to find with.

    Raises
    ------
    UsageError
        The name is no UID, and not the keyword of a query.
    """
    if is_uid(name):
        keyword = dictionary.sop_classes().get(name, "")
        return _model(name, keyword) if keyword in _queries() else Model(name, name)
    by_lower = {keyword.lower(): keyword for keyword in _queries()}
    keyword = by_lower.get(name.lower(), "")
    if not keyword:
        near = _nearest(name)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Give the UID of its SOP class."
        raise UsageError(name or "''", "is not the SOP class of a query", hint)
    return _model(_queries()[keyword], keyword)


@cache
def _queries() -> dict[str, str]:
    """Map the keywords of the SOP classes that query and retrieve to their UIDs."""
    return {
        keyword: uid
        for uid, keyword in dictionary.sop_classes().items()
        if keyword.endswith(_QUERY_ENDS) or keyword in _STEP_KEYWORDS
    }


def _model(uid: str, keyword: str) -> Model:
    if keyword in _STEP_KEYWORDS:
        return replace(PROCEDURE_STEP, find=uid)
    for model in _NAMED:
        if uid in (model.find, model.move, model.get):
            return model
    stem = next((keyword.removesuffix(end) for end in _OPERATIONS if keyword.endswith(end)), "")
    if not stem:
        return Model(keyword, uid)
    find, move, get = (_queries().get(stem + operation, "") for operation in _OPERATIONS)
    return Model(stem, find, move, get)


def _nearest(word: str) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

    by_lower = {
        keyword.lower(): keyword for keyword in _queries() if not keyword.endswith(("Move", "Get"))
    }
    word = word.lower()
    parts = [keyword for keyword in by_lower if word and word in keyword]
    near = parts or get_close_matches(word, by_lower, cutoff=_NEAR)
    return [by_lower[keyword] for keyword in near[:3]]

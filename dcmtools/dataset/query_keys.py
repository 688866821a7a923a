"""Read the keys of a query, ``PATH=VALUE``, and the short names of the keys that are used most.

A path is a tag path; a sequence on the way may be followed by ``[0]`` or ``[*]``, which say
nothing new, since a query has one item in each sequence (PS3.4 C.2.2.2.6). A key without a value
matches everything and is there to be returned.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date

from dcmtools.dataset import dictionary
from dcmtools.dataset.path import EXACT, Node, TagPath
from dcmtools.dataset.query_dates import match_date, match_datetime, match_time
from dcmtools.dataset.query_levels import keyword_path
from dcmtools.dataset.query_models import Family, Model, QueryLevel, is_uid
from dcmtools.errors import UsageError

_ASSIGNMENT = re.compile(r'((?:[^="]|"[^"]*")*)(?:=(.*))?', re.DOTALL)
_LAST_META_GROUP = 0x0007  # the groups below hold commands, file meta and directories
_DELIMITERS = 0xFFFE


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a query.

    Parameters
    ----------
    path : TagPath
        The attribute, without item numbers.
    value : str
        What to match, several values separated by backslashes; "" for everything.
    vr : str
        The VR where the dictionary has none, "" where it is not known either.
    """

    path: TagPath
    value: str = ""
    vr: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Print the key as it can be read again."""
        return f"{self.path}={self.value}"


def parse_key(text: str) -> Key:
    """Read a key.

    Parameters
    ----------
    text : str
        ``PATH`` or ``PATH=VALUE``; the value starts behind the first equals sign that is not part
        of a private creator, and may hold others.

    Raises
    ------
    UsageError
        The path is none, names no attribute that a data set can hold, or an item other than the
        one that a query has.
    """
    match = _ASSIGNMENT.fullmatch(text)
    if match is None:
        raise UsageError(text, "is not a key", "Write PATH or PATH=VALUE.")
    return Key(key_path(match[1]), match[2] or "")


def key_path(text: str) -> TagPath:
    """Read the path of a key; its item numbers are left out. Raises as `parse_key` does."""
    path = TagPath.parse(text)
    *above, _ = path.nodes
    for node in path.nodes:
        _check_tag(text, node.tag)
        if node.item not in (None, 0, "*"):
            why = f"has item {node.item}, and a query has one item in a sequence"
            raise UsageError(text, why, "Write [0] or no item number.")
    for node in above:
        entry = _entry(node)
        if entry is not None and entry.vr not in ("SQ", "UN"):
            raise UsageError(text, f"{entry.keyword or node} is not a sequence")
    return TagPath(tuple(Node(node.tag, node.mask, node.creator) for node in path.nodes))


def _check_tag(text: str, tag: int) -> None:
    group = tag >> 16
    if group <= _LAST_META_GROUP or group == _DELIMITERS or not tag & 0xFFFF:
        hint = "A query has attributes from group 0008 on."
        raise UsageError(text, "is not an attribute that can be asked for", hint)


def _entry(node: Node) -> dictionary.Entry | None:
    if node.creator:
        return dictionary.lookup_private(node.creator, node.tag)
    return dictionary.lookup(node.tag) if node.mask == EXACT else None


# Short names


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What is asked most, by short names; None is not asked, "" is asked for any value.

    Parameters
    ----------
    patient_id, patient_name : str or None
        The patient; ``*`` and ``?`` are wildcards.
    birth_date, date : str or None
        A day or range of days; see `dcmtools.dataset.query_dates`. `date` is that of the study,
        or of what is scheduled.
    time : str or None
        A time of day or a range, of the study or of what is scheduled.
    modality : str or None
        The modality; at the STUDY level and above, one of those in the study.
    accession : str or None
        The accession number.
    study, series, instance : tuple of str or None
        UIDs, each of which matches; several may be in one text, separated by backslashes or
        commas.
    station_aet, sps_date : str or None
        The station and the days for which a worklist item is scheduled.
    """

    patient_id: str | None = None
    patient_name: str | None = None
    birth_date: str | None = None
    date: str | None = None
    time: str | None = None
    modality: str | None = None
    accession: str | None = None
    study: tuple[str, ...] | None = None
    series: tuple[str, ...] | None = None
    instance: tuple[str, ...] | None = None
    station_aet: str | None = None
    sps_date: str | None = None


_PATIENT = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "birth_date": "PatientBirthDate",
}
_STEP = "ScheduledProcedureStepSequence"
_KEYWORDS = {
    Family.QUERY_RETRIEVE: {
        **_PATIENT,
        "date": "StudyDate",
        "time": "StudyTime",
        "modality": "ModalitiesInStudy",
        "accession": "AccessionNumber",
        "study": "StudyInstanceUID",
        "series": "SeriesInstanceUID",
        "instance": "SOPInstanceUID",
    },
    Family.WORKLIST: {
        **_PATIENT,
        "date": f"{_STEP}.ScheduledProcedureStepStartDate",
        "time": f"{_STEP}.ScheduledProcedureStepStartTime",
        "modality": f"{_STEP}.Modality",
        "accession": "AccessionNumber",
        "study": "StudyInstanceUID",
        "station_aet": f"{_STEP}.ScheduledStationAETitle",
        "sps_date": f"{_STEP}.ScheduledProcedureStepStartDate",
    },
    Family.PROCEDURE_STEP: {
        **_PATIENT,
        "date": "ScheduledProcedureStepStartDateTime",
        "accession": "ReferencedRequestSequence.AccessionNumber",
        "study": "StudyInstanceUID",
        "instance": "SOPInstanceUID",
        "sps_date": "ScheduledProcedureStepStartDateTime",
    },
    Family.OTHER: {**_PATIENT, "instance": "SOPInstanceUID"},
}
_DATES = ("birth_date", "date", "sps_date")
_UIDS = ("study", "series", "instance")


def criteria_keys(
    criteria: Criteria, model: Model, level: QueryLevel | None, today: date
) -> list[Key]:
    """Turn criteria into keys.

    Parameters
    ----------
    criteria : Criteria
        What to match.
    model : Model
        What is queried.
    level : QueryLevel or None
        The level; it decides which attribute tells the modality.
    today : date
        The day that relative dates count from.

    Raises
    ------
    UsageError
        A date or UID is none, or the model has no such attribute.
    """
    keywords = _KEYWORDS[model.family]
    keys = []
    for name in (member.name for member in fields(Criteria)):
        wanted = getattr(criteria, name)
        if wanted is None:
            continue
        keyword = keywords.get(name)
        if keyword is None:
            raise UsageError(_option(name), f"is no key of {model.name}", _where(name))
        if name == "modality" and level in (QueryLevel.SERIES, QueryLevel.IMAGE):
            keyword = "Modality"
        path = keyword_path(keyword)
        value = _joined(name, wanted) if name in _UIDS else universal(wanted)
        if name in _DATES:
            entry = dictionary.lookup(path.nodes[-1].tag)
            read = match_datetime if entry and entry.vr == "DT" else match_date
            value = read(value, today)
        elif name == "time":
            value = match_time(value)
        keys.append(Key(path, value))
    return keys


def universal(value: str) -> str:
    """Make a value that matches everything empty: a lone ``*`` fails with a peer that has none."""
    return value if value.strip("*") else ""


def _joined(name: str, texts: Iterable[str]) -> str:
    r"""Join UIDs to a list of UIDs (PS3.4 C.2.2.2.2): ``1.2.3\1.2.4``, each of them once."""
    uids = [uid.strip() for text in texts for uid in re.split(r"[\\,]", universal(text))]
    uids = list(dict.fromkeys(filter(None, uids)))
    for uid in uids:
        if not is_uid(uid):
            hint = "A UID is made of digits and dots, 64 characters at most, and has no wildcards."
            raise UsageError(_option(name), f"'{uid}' is not a UID", hint)
    return "\\".join(uids)


def _option(name: str) -> str:
    return name.replace("_", " ")


def _where(name: str) -> str:
    families = [family.value for family, known in _KEYWORDS.items() if name in known]
    return f"It is a key of {' and '.join(families)} models; name other attributes by their path."

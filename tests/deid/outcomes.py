"""What may become of an attribute: the results that Table E.1-1 allows under the chosen options."""

import re
from datetime import datetime
from enum import Enum

from tests.deid.facts import ContentRow, Row


class Outcome(Enum):
    """What became of an attribute."""

    GONE = "is gone"
    EMPTY = "is empty"
    KEPT = "is as it was"
    DUMMY = "has another value"
    UID = "has another UID"
    SHIFTED = "has another date"
    CLEAN = "is cleaned"
    UIDS = "is kept with other UIDs in it"


GONE, EMPTY, KEPT, DUMMY, UID, SHIFTED, CLEAN, UIDS = Outcome
Outcomes = frozenset[Outcome]

ANYTHING = frozenset((GONE, EMPTY, KEPT, DUMMY, CLEAN))
ACTIONS = {"X": GONE, "Z": EMPTY, "D": DUMMY, "U": UID, "U*": UIDS}
TEXTS = frozenset(("LO", "LT", "SH", "ST", "UC", "UT", "TEXT"))


def _basic(action: str, iod_type: int) -> Outcomes:
    """Give what the basic profile allows for an attribute of a type."""
    allowed = {ACTIONS[part] for part in action.split("/")}
    if EMPTY in allowed:
        allowed.add(DUMMY)  # "a zero length value, or a non-zero length value that may be a dummy"
    if iod_type == 1 and allowed & {GONE, EMPTY, DUMMY}:
        return frozenset((DUMMY, UIDS) if UIDS in allowed else (DUMMY,))
    if iod_type == 2 and GONE in allowed:
        return frozenset((allowed - {GONE}) | {EMPTY, DUMMY})
    return frozenset(allowed)


def _cleaned(codes: dict[str, str], vr: str) -> Outcomes:
    """Give what is allowed where an option, or some, say C."""
    allowed: set[Outcome] = set()
    for option in codes:
        if option == "dates-shifted" and vr in ("DA", "DT", "DATE", "DATETIME"):
            allowed.add(SHIFTED)
        elif option == "dates-shifted" and vr in ("TM", "TIME"):
            allowed |= {KEPT, DUMMY}
        elif option == "descriptors" and vr in TEXTS:
            allowed |= {KEPT, CLEAN}
        else:
            allowed |= ANYTHING
    return frozenset(allowed)


def allowed_for(row: Row | ContentRow, options: frozenset[str], iod_type: int = 3) -> Outcomes:
    """Give what may become of an attribute, or of a content item."""
    vr = row.vr if isinstance(row, Row) else row.value_type
    codes = row.codes(options)
    if "K" in codes.values():
        # Of two options that say otherwise, each may be followed.
        others = {option: code for option, code in codes.items() if code != "K"}
        return frozenset((KEPT, *_cleaned(others, vr)))
    if codes:
        return _cleaned(codes, vr)
    return _basic(row.basic, iod_type)


_FORMS = {
    "AE": r"[^\\\x00-\x1f]{1,16}",
    "AS": r"\d{3}[DWMY]",
    "CS": r"[A-Z0-9 _]{1,16}(\\[A-Z0-9 _]{1,16})*",
    "DA": r"\d{8}(\\\d{8})*",
    "DS": r"[-+0-9.eE ]{1,16}(\\[-+0-9.eE ]{1,16})*",
    "DT": r"\d{4,14}(\.\d{1,6})?([-+]\d{4})?",
    "IS": r" *[-+]?\d{1,10} *(\\ *[-+]?\d{1,10} *)*",
    "LO": r"[^\x00-\x1a\x1c-\x1f]{1,64}(\\[^\x00-\x1a\x1c-\x1f]{1,64})*",
    "PN": r"[^\x00-\x1a\x1c-\x1f]{1,194}",
    "SH": r"[^\x00-\x1a\x1c-\x1f]{1,16}(\\[^\x00-\x1a\x1c-\x1f]{1,16})*",
    "TM": r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?(\\\d{6}(\.\d{1,6})?)*",
    "UI": r"[0-2](\.(0|[1-9]\d*))+(\\[0-2](\.(0|[1-9]\d*))+)*",
    "UR": r"\S+",
}
_PATTERNS = {vr: re.compile(form) for vr, form in _FORMS.items()}


def day_of(text: str) -> datetime | None:
    """Read the day with which a date begins, None where there is none."""
    try:
        return datetime.strptime(text[:8], "%Y%m%d")  # noqa: DTZ007 - only days are counted
    except ValueError:
        return None


def valid(vr: str, value: bytes) -> bool:
    """Tell whether a value that is not empty is a valid one of its VR."""
    if vr == "US":
        return len(value) % 2 == 0
    pattern = _PATTERNS.get(vr)
    if pattern is None:
        return True
    text = value.decode("latin-1").rstrip("\0 ")
    if not pattern.fullmatch(text) or (vr == "DA" and day_of(text) is None):
        return False
    if vr == "UI":
        return all(len(uid) <= 64 for uid in text.split("\\"))
    return vr != "TM" or text[:2] < "24"

"""Decide which action a code of PS3.15 Table E.1-1 leads to, by type, VR and options."""

from enum import StrEnum
from typing import NamedTuple

from dcmtools.deid.iods import OPTIONAL
from dcmtools.deid.tables import Row

DATES = frozenset({"DA", "DT", "TM"})
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_SHIFTED = "rtn_long_modif"


class Action(StrEnum):
    """What is done to an element.

    What it means for a sequence stands with each. Where a sequence stays, the elements of its items
    are treated by their own rules, which know the sequence they are in.
    """

    KEEP = "keep"
    """The value stays, subject to the search for identities. A sequence stays with its items."""
    REMOVE = "remove"
    """The element goes, a sequence with all that it holds."""
    EMPTY = "empty"
    """The value goes, the element stays; a sequence has no items any more."""
    DUMMY = "dummy"
    """Another value of the VR takes its place; where there was none, none is needed.

    A sequence stays with as many items as it has. In them, at every depth, text, numbers of
    measurements, names, dates and codes are dummies as well, also where no row lists them.
    """
    UID = "uid"
    """A new UID takes its place, always the same for the same one. A sequence stays, its items
    being references."""
    CLEAN = "clean"
    """The value stays without what identifies. A sequence stays, its items are cleaned."""
    SHIFT = "shift"
    """A date moves by the shift of the patient; a time alone stays. For no sequence."""


class Rule(NamedTuple):
    """What becomes of an element, and why."""

    code: str
    """The code as the table has it: ``X/Z/D``."""
    action: Action
    row: str
    """The row and the column that say so, in words."""


_BY_TYPE = {
    "X": (Action.DUMMY, Action.EMPTY, Action.REMOVE),
    "Z": (Action.DUMMY, Action.EMPTY, Action.EMPTY),
    "D": (Action.DUMMY, Action.DUMMY, Action.DUMMY),
    "U": (Action.UID, Action.UID, Action.UID),
    "Z/D": (Action.DUMMY, Action.EMPTY, Action.EMPTY),
    "X/Z": (Action.DUMMY, Action.EMPTY, Action.REMOVE),
    "X/D": (Action.DUMMY, Action.DUMMY, Action.REMOVE),
    "X/Z/D": (Action.DUMMY, Action.EMPTY, Action.REMOVE),
    "X/Z/U*": (Action.UID, Action.EMPTY, Action.REMOVE),
    "K": (Action.KEEP, Action.KEEP, Action.KEEP),
    "C": (Action.CLEAN, Action.CLEAN, Action.CLEAN),
}
"""The actions for Type 1, 2 and 3.

X alone gives way to the type, as the compound codes do: an object that lacks what is Type 1 or 2
is not one of its IOD any more. X/D has no Z, so that Type 2 gets a dummy as well.
"""


def act(code: str, type_: str, vr: str) -> Action:
    """Resolve a code.

    Parameters
    ----------
    code : str
        The code of the table.
    type_ : str
        "1", "2" or "3", the type of the attribute in the IOD.
    vr : str
        Its VR. The dummy of a UID is a new UID.
    """
    action = _BY_TYPE[code]["123".index(type_)]
    return Action.UID if action is Action.DUMMY and vr == "UI" else action


def choose(row: Row, columns: frozenset[str]) -> tuple[str, str]:
    """Choose the column of a row that decides.

    Parameters
    ----------
    row : Row
        The row of an attribute or of a content item.
    columns : frozenset of str
        The options that are on.

    Returns
    -------
    column, code
        A column of an option overrides the Basic Profile. To keep (K) goes before to clean (C) but
        for shifted dates: one that is left as it is would tell by how much the others are shifted.
    """
    filled = [option for option in row.options if option[0] in columns]
    shifted = [option for option in filled if option[0] == _SHIFTED]
    kept = [option for option in filled if option[1] == "K"]
    return next(iter(shifted or kept or filled), ("basic", row.basic))


def decide(row: Row, columns: frozenset[str], type_: str, what: str) -> Rule:
    """Make the rule that a row leads to.

    Parameters
    ----------
    row : Row
        The row.
    columns : frozenset of str
        The options that are on.
    type_ : str
        The type of the attribute in the IOD.
    what : str
        What to call the row in the rule.
    """
    column, code = choose(row, columns)
    why = f"{what}, column {NAMES[column]}: {code}"
    if code == "C" and row.vr in _BINARY:
        action = act(row.basic, type_, row.vr)
        return Rule(
            code, action, f"{why}; bytes cannot be cleaned, so as Basic Profile {row.basic}"
        )
    action = act(code, type_, row.vr)
    if code == "C" and column == _SHIFTED and row.vr in DATES:
        action = Action.SHIFT
    if "/" in code or (code in "XZ" and action is not act(code, OPTIONAL, row.vr)):
        why += f"; Type {type_} here"
    return Rule(code, action, why)


NAMES = {
    "basic": "Basic Profile",
    "rtn_safe_priv": "Retain Safe Private",
    "rtn_uids": "Retain UIDs",
    "rtn_dev_id": "Retain Device Identity",
    "rtn_inst_id": "Retain Institution Identity",
    "rtn_pat_chars": "Retain Patient Characteristics",
    "rtn_long_full": "Retain Longitudinal Full Dates",
    "rtn_long_modif": "Retain Longitudinal Modified Dates",
    "clean_desc": "Clean Descriptors",
    "clean_struct": "Clean Structured Content",
    "clean_graph": "Clean Graphics",
}
"""The columns, as they are called in what is said to the user."""

"""Decide what a rule of a recipe may do to which attribute, and what value it gives.

What says how an object was de-identified, and what identifies it, is not open to rules. A Patient
ID stays one that tells patients apart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from re import Pattern

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.conditions import Condition
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    STUDY_INSTANCE_UID,
)
from dcmtools.dataset.new_values import check
from dcmtools.dataset.path import EXACT, Node, TagPath
from dcmtools.deid.identity import normal
from dcmtools.deid.keys import Key
from dcmtools.deid.patterns import replaced
from dcmtools.deid.value_templates import ValueTemplate
from dcmtools.errors import UsageError

HASHED_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UN", "UT"})
"""What can hold a hash, as `Key.token` makes it."""

REPLACED_VRS = HASHED_VRS | {"UR"}
"""What a pattern is tried on."""

_PATIENT_ID = 0x00100020
_IDENTIFYING = (STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID)
_CLOSED = {
    SPECIFIC_CHARACTER_SET: "says in which characters the text is",
    SOP_CLASS_UID: "says of which kind the object is",
    0x00120062: "says whether the object was de-identified",
    0x00120063: "says how the object was de-identified",
    0x00120064: "says how the object was de-identified",
    0x00280303: "says what became of its dates",
}
_FIRST_GROUP = 0x0008  # the groups below hold commands, file meta and directories
_DELIMITERS = 0xFFFE
_LAST_CREATOR = 0xFF  # PS3.5 7.8.1


class RecipeAction(StrEnum):
    """What a rule does to an element."""

    SET = "set"
    REMOVE = "remove"
    EMPTY = "empty"
    KEEP = "keep"
    HASH = "hash"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Context:
    """What the new value of an element may depend on besides the old one.

    Parameters
    ----------
    key : Key
        The key of the run.
    value : callable
        Gives the new value of an attribute of the data set by its keyword, "" where it has none.
    """

    key: Key
    value: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class RecipeRule:
    """What is done to some elements in place of what the profile says.

    Parameters
    ----------
    paths : tuple of TagPath
        The elements.
    action : RecipeAction
        What is done. A sequence is kept, emptied or removed itself; what a sequence holds that is
        kept is looked up element by element like everything else.
    when : tuple of Condition
        What the data set, as it came, must have for the rule to count.
    value : ValueTemplate or None
        The value to set; None for another action.
    pattern : re.Pattern or None
        What to replace within values; None for another action.
    replacement : str
        What to replace it with.
    """

    paths: tuple[TagPath, ...]
    action: RecipeAction
    when: tuple[Condition, ...] = ()
    value: ValueTemplate | None = None
    pattern: Pattern[str] | None = None
    replacement: str = ""

    def check(self, path: TagPath) -> None:
        """Refuse a path that the rule must not name.

        Raises
        ------
        UsageError
            The element is not open to the rule, or cannot have what it would get.
        """
        last = path.nodes[-1]
        several = last.mask != EXACT and not last.creator
        if not several and (why := objection(last.tag, bool(last.creator), self)):
            raise UsageError(str(path), why)
        entry = _entry(last)
        if self.action in (RecipeAction.REMOVE, RecipeAction.EMPTY, RecipeAction.KEEP):
            return
        if several:
            why = f"has a wildcard, and '{self.action}' depends on the VR"
            raise UsageError(str(path), why, "Name each element, as in paths = [...].")
        if entry is None or entry.vr == "UN":
            return
        if self.value is not None:
            text = "" if self.value.keywords else self.value.filled(str)
            check(path, entry.vr, entry.vm, text)
            return
        if entry.vr not in (HASHED_VRS if self.action is RecipeAction.HASH else REPLACED_VRS):
            does = "hold a hash" if self.action is RecipeAction.HASH else "be changed by a pattern"
            raise UsageError(str(path), f"has VR {entry.vr}, which cannot {does}")

    def new_value(self, vr: str, value: str, context: Context, what: str) -> str | None:
        r"""Give the value that an element gets.

        Parameters
        ----------
        vr : str
            The VR of the element.
        value : str
            Its value as text, several ones with backslashes between them.
        context : Context
            What else the new value depends on.
        what : str
            What to call the element in errors.

        Returns
        -------
        str or None
            The new value, which the caller has to check and encode; "" for none; None where the
            element is to be removed. What the VR has no hash or pattern for is not kept.

        Raises
        ------
        InputError
            The value is too long for the pattern.
        """
        if self.action is RecipeAction.REMOVE:
            return None
        if self.action is RecipeAction.KEEP:
            return value
        if self.value is not None:
            return self.value.filled(context.value)
        allowed = HASHED_VRS if self.action is RecipeAction.HASH else REPLACED_VRS
        if self.action is RecipeAction.EMPTY or vr not in allowed:
            return ""
        each = [value] if vr in values.SINGLE_TEXT_VRS else value.split("\\")
        if self.pattern is None:
            return "\\".join(
                [context.key.token("rule", normal(one)) if one else "" for one in each]
            )
        changed = [replaced(self.pattern, self.replacement, one, what) for one in each]
        return "\\".join(changed)


def _entry(node: Node) -> dictionary.Entry | None:
    if node.creator:
        return dictionary.lookup_private(node.creator, node.tag)
    return dictionary.lookup(node.tag) if node.mask == EXACT else None


def objection(tag: int, is_owned: bool, rule: RecipeRule) -> str:  # noqa: FBT001 - one of two kinds
    """Say why a rule must not name a tag, "" where it may; `is_owned` where by its creator."""
    group, number = tag >> 16, tag & 0xFFFF
    if group < _FIRST_GROUP or group == _DELIMITERS:
        return "is not an attribute of a data set"
    if tag in _CLOSED:
        return f"{_CLOSED[tag]}, and no rule changes it"
    if not is_owned and (not number or (tag & PRIVATE_GROUP and number <= _LAST_CREATOR)):
        return "is a group length or private creator, which follow the elements that are there"
    if tag in _IDENTIFYING and rule.action is not RecipeAction.KEEP:
        return "identifies the object, and only the key says what becomes of it"
    if tag == _PATIENT_ID:
        constant = rule.value is not None and "PatientID" not in rule.value.keywords
        if constant or rule.action in (RecipeAction.REMOVE, RecipeAction.EMPTY):
            return "must tell patients apart: set it by --patient-map, or with {PatientID} in it"
    return ""

"""Read what is to be done to a data set: insert, modify and erase elements, in an order.

What can be told to be wrong without a file is refused here, before any file is touched: a path that
is none, an element that no data set has, a value that its VR cannot hold.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dcmtools.dataset import dictionary
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import (
    LONG_VRS,
    SERIES_INSTANCE_UID,
    SHORT_VRS,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    STUDY_INSTANCE_UID,
)
from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.new_values import check
from dcmtools.dataset.path import EXACT, Node, TagPath
from dcmtools.errors import UsageError

META_GROUP = 0x0002
_FIRST_GROUP = 0x0008  # the groups below hold commands, file meta and directories
_DELIMITERS = 0xFFFE
_META_FOLLOWS = {
    0x00020002: "SOPClassUID",
    0x00020003: "SOPInstanceUID",
}
_META_FIXED = (0x00020000, 0x00020001, 0x00020010)
IDENTITY = (SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)
"""The attributes that say what an object is, and where it belongs."""

MOST_NODES = 64
"""Sequences within sequences that a path may name; real objects have a dozen."""

_ASSIGNMENT = re.compile(r'((?:[^="]|"[^"]*")*)(?:=(.*))?', re.DOTALL)
_WORDS = re.compile(r"(\S+)(?:\s+(.*?))?\s*")


class Action(StrEnum):
    """What an operation does; the value is its name on the command line and in scripts."""

    INSERT = "insert"
    """Set an element; make it, and the sequences and items above, where they are missing."""
    MODIFY = "modify"
    """Set an element that is there."""
    ERASE = "erase"
    """Take away an element, or an item."""
    ERASE_ALL = "erase-all"
    """Take away an element wherever it is in the tree."""
    MODIFY_ALL = "modify-all"
    """Set an element wherever it is in the tree."""
    ERASE_PRIVATE = "erase-private"
    """Take away all private elements."""
    INSERT_FROM = "insert-from"
    """Like `INSERT`, the value is the content of a file."""
    MODIFY_FROM = "modify-from"
    """Like `MODIFY`, the value is the content of a file."""


SHORT_NAMES = {
    Action.INSERT: "i",
    Action.MODIFY: "m",
    Action.ERASE: "e",
    Action.ERASE_ALL: "ea",
    Action.MODIFY_ALL: "ma",
    Action.ERASE_PRIVATE: "ep",
    Action.INSERT_FROM: "if",
    Action.MODIFY_FROM: "mf",
}
"""The names of DCMTK for the same."""

_NAMES = {name: action for action in Action for name in (action.value, SHORT_NAMES[action])}
_FROM_FILE = (Action.INSERT_FROM, Action.MODIFY_FROM)
_EVERYWHERE = (Action.ERASE_ALL, Action.MODIFY_ALL)
_ERASES = (Action.ERASE, Action.ERASE_ALL)


@dataclass(frozen=True, slots=True)
class Operation:
    r"""One thing to do to a data set.

    Parameters
    ----------
    action : Action
        What to do.
    path : TagPath or None
        The element; None for `Action.ERASE_PRIVATE`. A last node with an item names that item.
    value : str
        The value to set, several ones with backslashes between them; "" for none.
    source : Path or None
        The file with the value to set.
    vr : str
        The VR to take where neither the file nor the dictionary knows one; "" for none.
    """

    action: Action
    path: TagPath | None = None
    value: str = ""
    source: Path | None = None
    vr: str = ""

    @property
    def tag(self) -> int | None:
        """The tag, where the path is one standard attribute of the data set itself."""
        return self.path.plain_tag if self.path is not None else None

    @property
    def operand(self) -> str:
        """What `parse_operation` reads: ``PATH=VALUE``, ``PATH=FILE`` or ``PATH``."""
        if self.path is None or self.action in _ERASES:
            return str(self.path or "")
        return f"{self.path}={self.value if self.source is None else self.source}"


def parse_operation(action: Action, text: str = "", *, vr: str = "", rules: Rules) -> Operation:
    """Read one operation.

    Parameters
    ----------
    action : Action
        What to do.
    text : str
        ``PATH=VALUE``, ``PATH=FILE`` or ``PATH``, as the action wants it. A value starts behind
        the first equals sign that is not part of a private creator, and may hold others; without
        one, the value is empty.
    vr : str
        The VR of what is unknown, "" for none.
    rules : Rules
        How values are checked.

    Raises
    ------
    UsageError
        The path is none, the element cannot be edited so, or cannot have that value.
    """
    if action is Action.ERASE_PRIVATE:
        return Operation(action)
    match = _ASSIGNMENT.fullmatch(text)
    written, value = (match[1], match[2]) if match else (text, None)
    if value is not None and action in _ERASES:
        raise UsageError(text, "has a value, and what is erased has none", f"Write {written}.")
    wild = action in _ERASES
    path = TagPath.parse(written.strip(), wildcards=wild, items=True)
    _check_path(path, action)
    if action in _FROM_FILE:
        if not value:
            raise UsageError(text, "names no file", "Write PATH=FILE.")
        return Operation(action, path, source=Path(value), vr=vr)
    value = value or ""
    if action not in _ERASES:
        _check_value(path, value, vr, rules)
    return Operation(action, path, value, vr=vr)


def read_script(text: str, name: str, *, vr: str = "", rules: Rules) -> Iterator[Operation]:
    """Read operations, one a line: its name, then what `parse_operation` takes.

    Empty lines and those that start with ``#`` are passed over. The names are those of `Action`,
    with or without the dashes of the command line, or those of DCMTK: ``i``, ``m``, ``ea``.

    Parameters
    ----------
    text : str
        The script.
    name : str
        What to call it in errors.
    vr, rules
        As for `parse_operation`.

    Raises
    ------
    UsageError
        A line is no operation; its number is told.
    """
    for number, line in enumerate(text.split("\n"), 1):  # a value may hold form feeds
        match = _WORDS.fullmatch(line.strip())
        if match is None or line.lstrip().startswith("#"):
            continue
        place = f"{name}:{number}"
        action = _NAMES.get(match[1].lstrip("-"))
        if action is None:
            names = ", ".join(Action)
            raise UsageError(place, f"'{match[1]}' is no operation", f"There are {names}.")
        if (match[2] is None) != (action is Action.ERASE_PRIVATE):
            what = "takes nothing" if match[2] else "needs a tag path"
            raise UsageError(place, f"{match[1]} {what}")
        try:
            yield parse_operation(action, match[2] or "", vr=vr, rules=rules)
        except UsageError as error:
            raise UsageError(place, str(error), error.hint) from error


def check_vr(vr: str) -> str:
    """See that a VR is one of the standard, and give it in capitals.

    Raises
    ------
    UsageError
        It is none.
    """
    vr = vr.upper()
    known = sorted(code.decode() for code in SHORT_VRS | LONG_VRS)
    if vr not in known:
        raise UsageError("--vr", f"'{vr}' is not a VR", f"There are {' '.join(known)}.")
    return vr


def _check_path(path: TagPath, action: Action) -> None:
    if len(path.nodes) > MOST_NODES:
        raise UsageError(str(path), f"has more than {MOST_NODES} nodes")
    *above, last = path.nodes
    if action in _EVERYWHERE and (above or last.item is not None):
        hint = f"Name one element; {action} looks for it at every depth."
        raise UsageError(str(path), "is a path into a sequence", hint)
    for node in path.nodes:
        _check_node(path, node, action)
    for node in above:
        if node.mask != EXACT and not node.creator:
            raise UsageError(str(path), "has a wildcard for a sequence, and names none")
        entry = entry_of(node)
        if entry is not None and entry.vr not in ("SQ", "UN"):
            raise UsageError(str(path), f"{entry.keyword or node} is not a sequence")
    if last.item is not None and action not in (Action.INSERT, Action.ERASE):
        raise UsageError(str(path), "ends with an item number", "Name an element of the item.")


def _check_node(path: TagPath, node: Node, action: Action) -> None:
    group, number = node.tag >> 16, node.tag & 0xFFFF
    wild = node.mask != EXACT and not node.creator
    if group == META_GROUP and len(path.nodes) == 1 and not wild:
        _check_meta(path, node.tag)
        return
    if not wild and (group < _FIRST_GROUP or group == _DELIMITERS):
        hint = "A data set has attributes from group 0008 on."
        raise UsageError(str(path), "is not an attribute of a data set", hint)
    named = not wild and not node.creator
    if not number and named and action not in _ERASES:
        raise UsageError(str(path), "is a group length, which is counted and not set")
    if node.tag & PRIVATE_GROUP and named and number < 0x10:  # noqa: PLR2004 - PS3.5 7.8.1
        raise UsageError(str(path), "is no private element: those are from xx10 on")


def _check_meta(path: TagPath, tag: int) -> None:
    if follows := _META_FOLLOWS.get(tag):
        raise UsageError(str(path), "follows the data set", f"Set {follows}, also to what it is.")
    if tag in _META_FIXED:
        hint = "dcmtools convert changes the transfer syntax." if tag & 0xFFFF else ""
        why = "says how the file is encoded, and setting it would not change that"
        raise UsageError(str(path), why, hint)


def _check_value(path: TagPath, value: str, vr: str, rules: Rules) -> None:
    """Check a value as far as that is possible without the file, which may have another VR."""
    last = path.nodes[-1]
    if last.item is not None:
        if value:
            raise UsageError(str(path), "is an item, and has no value itself")
        return
    if rules.validate:
        _check_needed(path, value)
    if last.tag == SPECIFIC_CHARACTER_SET and value:
        from dcmtools.dataset.recode import check_charset  # noqa: PLC0415 - seldom set

        check_charset(value)
        return
    entry = entry_of(last)
    known = entry is not None and entry.vr != "UN"
    if entry is not None and entry.vr == "SQ" and not value:
        return
    if entry is not None and known:
        check(path, entry.vr, entry.vm, value, rules)
    elif vr and vr != "SQ":
        check(path, vr, "", value, rules)


def _check_needed(path: TagPath, value: str) -> None:
    node = path.nodes[0]
    if len(path.nodes) == 1 and node.tag in IDENTITY and node.mask == EXACT:
        if not value:
            raise UsageError(str(path), "identifies the object, and needs a value")
        if "\\" in value:
            raise UsageError(str(path), "needs one value, since it identifies the object")


def entry_of(node: Node) -> dictionary.Entry | None:
    """Look up what the dictionary says of a node of a path."""
    if node.creator:
        return dictionary.lookup_private(node.creator, node.tag)
    return dictionary.lookup(node.tag) if node.mask == EXACT else None

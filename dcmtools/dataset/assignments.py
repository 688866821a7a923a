"""Read what is to be set, ``PATH=VALUE``, and decide which elements can be set at all."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from dcmtools.dataset import dictionary
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import SPECIFIC_CHARACTER_SET
from dcmtools.dataset.new_values import check
from dcmtools.dataset.path import EXACT, Node, TagPath
from dcmtools.errors import UsageError

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E

_ASSIGNMENT = re.compile(r'((?:[^="]|"[^"]*")*)=(.*)', re.DOTALL)
_FIRST_GROUP = 0x0008  # the groups below hold commands, file meta and directories
_DELIMITERS = 0xFFFE
_NEEDED = (SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)


@dataclass(frozen=True, slots=True)
class Assignment:
    r"""A value to set.

    Parameters
    ----------
    path : TagPath
        The element; a sequence on the way without an item number means its first item.
    value : str
        The value, several ones with backslashes between them; "" for none.
    """

    path: TagPath
    value: str

    def __str__(self) -> str:
        """Print the assignment as it can be read again."""
        return f"{self.path}={self.value}"


def parse_assignment(text: str) -> Assignment:
    """Read an assignment.

    Parameters
    ----------
    text : str
        ``PATH=VALUE``; the value starts behind the first equals sign that is not part of a
        private creator, and may hold others.

    Raises
    ------
    UsageError
        The path is none, or the element cannot be set, or cannot have that value.
    """
    match = _ASSIGNMENT.fullmatch(text)
    if match is None:
        raise UsageError(text, "is not an assignment", "Write PATH=VALUE; PATH= sets no value.")
    path, value = TagPath.parse(match[1]), match[2]
    for node in path.nodes:
        _check_node(path, node)
    *above, last = path.nodes
    for node in above:
        entry = _entry(node)
        if entry is not None and entry.vr not in ("SQ", "UN"):
            raise UsageError(str(path), f"{entry.keyword or node} is not a sequence")
    if not above:
        _check_root(path, last.tag, value)
    entry = _entry(last)
    if entry is not None and entry.vr != "UN":
        check(path, entry.vr, entry.vm, value)
    return Assignment(path, value)


def _check_node(path: TagPath, node: Node) -> None:
    group, number = node.tag >> 16, node.tag & 0xFFFF
    if group < _FIRST_GROUP or group == _DELIMITERS:
        hint = "A data set has attributes from group 0008 on."
        raise UsageError(str(path), "is not an attribute of a data set", hint)
    if not number:
        raise UsageError(str(path), "is a group length, which is counted and not set")
    if node.tag & PRIVATE_GROUP and not node.creator and number <= 0xFF:  # noqa: PLR2004 - 7.8.1
        raise UsageError(str(path), "says to whom private elements belong, and is not set")
    if node.tag == SPECIFIC_CHARACTER_SET:
        why = "says in which characters the text is, and setting it would garble what is there"
        raise UsageError(str(path), why)
    if node.item == "*":
        hint = "Name one item: Sequence[0].Element."
        raise UsageError(str(path), "has a wildcard, and only one element can be set", hint)


def _check_root(path: TagPath, tag: int, value: str) -> None:
    if tag == SOP_CLASS_UID:
        why = "says of which kind the object is, and setting it would not make another kind of it"
        raise UsageError(str(path), why)
    if tag in _NEEDED and (not value or "\\" in value):
        raise UsageError(str(path), "needs one value, since it identifies the object")


def _entry(node: Node) -> dictionary.Entry | None:
    if node.creator:
        return dictionary.lookup_private(node.creator, node.tag)
    return dictionary.lookup(node.tag)


@dataclass(eq=False, slots=True)
class Target:
    """An element that is to be set, or a sequence in whose items something is.

    Parameters
    ----------
    path : TagPath
        What to call it in errors.
    node : Node
        Which element of its data set it is.
    value : str or None
        Its value, None where none is set.
    items : dict of int to Wanted
        What is wanted in its items, by their numbers.
    """

    path: TagPath
    node: Node
    value: str | None = None
    items: "dict[int, Wanted]" = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Wanted:
    """What is to be set in one data set: that of the file, or an item.

    Parameters
    ----------
    standard : dict of int to Target
        The elements of the standard, by tag. What is not there is made.
    private : dict of (int, str) to Target
        Private elements, which must be there: by tag, with block 0 and their creator or as they
        are and "".
    """

    standard: dict[int, Target] = field(default_factory=dict)
    private: dict[tuple[int, str], Target] = field(default_factory=dict)

    def find(self, tag: int, creator: str) -> Target | None:
        """Find what is wanted of an element; `creator` is the owner of its private block."""
        if not tag & PRIVATE_GROUP:
            return self.standard.get(tag)
        owned = self.private.get((tag & 0xFFFF00FF, creator)) if creator else None
        return owned or self.private.get((tag, ""))

    def all(self) -> list[Target]:
        """List the elements, in ascending order of their tags."""
        private = [self.private[key] for key in sorted(self.private)]
        return [*(self.standard[tag] for tag in sorted(self.standard)), *private]

    def add(self, path: TagPath, depth: int = 0) -> Target:
        """Give the target of a node of a path, a new one where there is none yet."""
        node = path.nodes[depth]
        if node.tag & PRIVATE_GROUP or node.mask != EXACT:
            return self.private.setdefault((node.tag, node.creator), Target(path, node))
        return self.standard.setdefault(node.tag, Target(path, node))


def wanted_tree(assignments: Iterable[Assignment]) -> Wanted:
    """Arrange assignments as the data set is arranged; of several for one element, the last holds.

    An item number that is not said is 0.

    Raises
    ------
    UsageError
        Something is to be both a sequence and a value.
    """
    root = Wanted()
    for assignment in assignments:
        path, wanted = assignment.path, root
        for depth, node in enumerate(path.nodes[:-1]):
            target = wanted.add(path, depth)
            _check_either(target, is_sequence=True)
            item = node.item if isinstance(node.item, int) else 0
            wanted = target.items.setdefault(item, Wanted())
        target = wanted.add(path, len(path.nodes) - 1)
        _check_either(target, is_sequence=False)
        target.path, target.value = path, assignment.value
    return root


def _check_either(target: Target, *, is_sequence: bool) -> None:
    if target.value is not None if is_sequence else target.items:
        raise UsageError(str(target.path), "is to be both a sequence and a value")

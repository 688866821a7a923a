"""Decide whether a data set is one that the user means: ``Modality=CT``, ``!Laterality``.

A path of one node names the element of the data set itself, not one that a sequence holds; a
sequence on the way without an item number means any of its items. Of several elements and values
one that meets a condition is enough. ``!=``, ``!~`` and ``!`` are met where none does, so also
where the element is absent.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import translate

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.comparing import (
    DATE_VRS,
    NUMBER_VRS,
    compared,
    is_equal,
    is_number,
    is_opaque,
    spellings,
    value_texts,
)
from dcmtools.dataset.elements import ITEM, Element
from dcmtools.dataset.new_values import check
from dcmtools.dataset.path import EXACT, Node, Step, TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.tree import DataSet, Readable, Tree
from dcmtools.dataset.tree import Node as TreeNode
from dcmtools.errors import UsageError

_CONDITION = re.compile(
    r"""
    (?P<not> ! )? \s*
    (?P<path> (?: [^"=<>~!] | "[^"]*" )+? ) \s*
    (?: (?P<operator> != | !~ | <= | >= | = | ~ | < | > ) \s* (?P<value> .* ) )?
    """,
    re.VERBOSE | re.DOTALL,
)
_GRAMMAR = (
    "Write PATH (it has a value), !PATH (it has none), PATH=VALUE, PATH!=VALUE, PATH~PATTERN or "
    "PATH!~PATTERN with * and ?, or PATH<NUMBER, with <=, > and >= too."
)


class Operator(StrEnum):
    """What a condition asks of a value."""

    PRESENT = ""
    EQUAL = "="
    LIKE = "~"
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


_SIGNS: dict[Operator, tuple[int, ...]] = {
    Operator.LESS: (-1,),
    Operator.AT_MOST: (-1, 0),
    Operator.GREATER: (1,),
    Operator.AT_LEAST: (1, 0),
}
"""How the value of the file may compare with that of the condition."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that a data set must have, or must not; make it by `parse`.

    Parameters
    ----------
    path : TagPath
        The element, with wildcards several. Elements of the file meta group are meant too.
    operator : Operator
        What is asked of its value.
    value : str
        What the value is compared with; "" for `Operator.PRESENT`.
    negated : bool
        Whether the condition is met where no element and value satisfies it.
    """

    path: TagPath
    operator: Operator = Operator.PRESENT
    value: str = ""
    negated: bool = False
    _pattern: "re.Pattern[str] | None" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the pattern of `Operator.LIKE`, in which only ``*`` and ``?`` are special."""
        like = self.operator is Operator.LIKE
        pattern = re.compile(translate(self.value.replace("[", "[[]"))) if like else None
        object.__setattr__(self, "_pattern", pattern)

    @classmethod
    def parse(cls, text: str) -> "Condition":
        r"""Read a condition.

        Parameters
        ----------
        text : str
            ``PATH``: the element has a value. ``!PATH``: it is absent or empty. ``PATH=VALUE``,
            ``PATH!=VALUE``: a value is that, or none is; a VALUE with backslashes is compared with
            all values together. ``PATH~PATTERN``, ``PATH!~PATTERN``: the same with ``*`` for any
            characters and ``?`` for one. ``PATH<NUMBER``, ``<=``, ``>``, ``>=``: a value is a
            number that compares so; dates and times are compared with those written in the same
            form. A UID may be given by its keyword. Spaces around VALUE do not count.

        Raises
        ------
        UsageError
            The text is no condition, or its element can have no such value.
        """
        match = _CONDITION.fullmatch(text.strip())
        if match is None:
            raise UsageError(text or "empty condition", "is not a condition", _GRAMMAR)
        path = TagPath.parse(match["path"], wildcards=True)
        sign, value = match["operator"] or "", (match["value"] or "").strip()
        negated = bool(match["not"]) or sign.startswith("!")
        if match["not"] and sign:
            raise UsageError(text, "has a ! before it and a comparison in it", _GRAMMAR)
        operator = Operator(sign.removeprefix("!"))
        if sign and not value:
            hint = f"Write !{path} where it has no value, {path} where it has any."
            raise UsageError(text, "compares with nothing", hint)
        if sign:
            _check(text, path, operator, value)
        return cls(path, operator, value, negated)

    def __str__(self) -> str:
        """Print the condition; parsing the result gives the condition again."""
        sign = "!" * self.negated
        if self.operator is Operator.PRESENT:
            return f"{sign}{self.path}"
        return f"{self.path}{sign}{self.operator}{self.value}"

    def is_satisfied(self, vr: str, texts: Sequence[str] | None) -> bool:
        """Tell whether an element is as the condition asks; `negated` is left to the caller.

        Parameters
        ----------
        vr : str
            Its VR.
        texts : sequence of str or None
            Its values as text; None where it has one that is not text.
        """
        if self.operator is Operator.PRESENT:
            return texts is None or any(texts)
        if not texts:
            return False
        if "\\" in self.value:
            texts = ["\\".join(texts)]
        if self.operator in _SIGNS:
            return any(compared(vr, one, self.value) in _SIGNS[self.operator] for one in texts)
        if self._pattern is not None:
            return any(self._pattern.match(one) for one in spellings(vr, texts) if one)
        return any(is_equal(vr, one, self.value) for one in spellings(vr, texts))


def _check(text: str, path: TagPath, operator: Operator, value: str) -> None:
    """Refuse to compare what can never be equal, or be a number."""
    last = path.nodes[-1]
    entry = dictionary.lookup(last.tag) if last.mask == EXACT else None
    vr = entry.vr if entry else "UN"
    if vr == "SQ":
        hint = f"Name an element of its items: {path}.Element=VALUE."
        raise UsageError(text, "compares a sequence, which has no value itself", hint)
    if vr != "UN" and values.BINARY_VRS.issuperset(vr.split(" or ")):
        hint = f"Write {path} or !{path}: it has a value, or none."
        raise UsageError(text, f"compares binary data ({vr})", hint)
    ordered = operator in _SIGNS
    if ordered and vr in DATE_VRS:
        check(path, vr, "1", value)
        return
    numeric = operator is Operator.EQUAL and vr in NUMBER_VRS and "\\" not in value
    if (ordered or numeric) and not is_number(value):
        raise UsageError(text, f"'{value}' is not a number", _GRAMMAR)


# Against a file


def meets(file: DicomFile, conditions: Sequence[Condition]) -> bool:
    """Tell whether the data set of a file meets all conditions.

    Parameters
    ----------
    file : DicomFile
        The file; it is read in one pass, no further than to the last element that is asked for:
        one that stands behind, out of order, is not seen, as `meets_tree` would. Where the file
        is damaged before that, what could be read decides.
    conditions : sequence of Condition
        The conditions; with none every data set is meant.
    """
    open_ones = list(conditions)
    if not open_ones:
        return True
    last = max(condition.path.last_tag for condition in open_ones)
    for element in _chain(file):
        level, tag, depth = element.level, element.tag, element.level.depth
        if not element.vr:
            if tag != ITEM or level.parent is None:
                continue
            level, tag, depth = level.parent, level.sequence, depth - 1  # a sequence has an item
        elif element.vr == "SQ" or element.is_fragment:
            continue
        elif not depth and tag > last:
            break
        named = [each for each in open_ones if _names(each.path, element, tag, depth)]
        if not named:
            continue
        texts = _element_texts(file, element) if element.vr else None
        for condition in named:
            if condition.is_satisfied(element.vr, texts):
                if condition.negated:
                    return False
                open_ones.remove(condition)
        if not open_ones:
            return True
        last = max(condition.path.last_tag for condition in open_ones)
    return all(condition.negated for condition in open_ones)


def _chain(file: DicomFile) -> Iterator[Element]:
    yield from file.meta
    yield from file.elements()


def _names(path: TagPath, element: Element, tag: int, depth: int) -> bool:
    if depth != len(path.nodes) - 1:
        return False  # before the way down is looked at, which may be long
    level = element.level if element.vr else element.level.parent
    if level is None:
        return False
    steps: Sequence[Step] = level.steps() if depth else ()
    return path.matches(tag, level.creator(tag), steps)


def _element_texts(file: Readable, element: Element) -> list[str] | None:
    vr, length, level = element.vr, element.length, element.level
    if is_opaque(vr, length):
        return None
    return value_texts(vr, file.value(element), level.charset, big_endian=level.encoding.big_endian)


# Against a tree


def meets_tree(tree: Tree, conditions: Sequence[Condition]) -> bool:
    """Tell whether a data set, as it is now, meets all conditions.

    Parameters
    ----------
    tree : Tree
        The data set.
    conditions : sequence of Condition
        The conditions; with none every data set is meant.
    """
    return all(_holds(tree, condition) for condition in conditions)


def _holds(tree: Tree, condition: Condition) -> bool:
    first, *below = condition.path.nodes
    satisfied = not below and any(
        condition.is_satisfied(element.vr, _element_texts(tree.file, element))
        for element in tree.file.meta
        if first.matches(element.tag, "")
    )
    satisfied = satisfied or any(
        condition.is_satisfied(node.vr, _node_texts(node))
        for node in _found(tree.root, condition.path.nodes)
    )
    return satisfied != condition.negated


def _found(data_set: DataSet, nodes: Sequence[Node]) -> Iterator[TreeNode]:
    first, *below = nodes
    for node in data_set.nodes:
        if not first.matches(node.tag, node.creator):
            continue
        if not below:
            yield node
            continue
        for number, item in enumerate(node.items or ()):
            if first.item in (None, "*", number):
                yield from _found(item, below)


def _node_texts(node: TreeNode) -> list[str] | None:
    if node.items is not None:
        return None if node.items else []
    if is_opaque(node.vr, node.length):
        return None
    owner = node.owner
    return value_texts(node.vr, node.raw, owner.charset, big_endian=owner.encoding.big_endian)

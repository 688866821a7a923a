"""Apply the rules of a recipe to the elements of one file, and add what it sets.

What a rule sets may hold new values of other attributes, so it is set when all else is done. New
private blocks are never made.
"""

from collections.abc import Iterator

from dcmtools.dataset.dictionary import Entry, keyword_tag, lookup, lookup_private
from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.new_values import check, encode
from dcmtools.dataset.path import Node as PathNode
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.tree import DataSet, Node, Tree
from dcmtools.dataset.values import TEXT_VRS, text
from dcmtools.deid.identifying import Kind
from dcmtools.deid.identity import root_text
from dcmtools.deid.keys import Key
from dcmtools.deid.recipe_choice import Choice
from dcmtools.deid.recipe_rules import Context, RecipeAction, RecipeRule
from dcmtools.deid.tables import keyword_of
from dcmtools.errors import InputError, UsageError

_PATIENT_GROUP = 0x0010
_RULES = Rules(source="the recipe")  # so that no error repeats what is in a file


class RecipeInTree:
    """The recipe for one file.

    Parameters
    ----------
    tree : Tree
        The data set, which is edited.
    choice : Choice or None
        The rules that count.
    key : Key
        The key of the run.

    Attributes
    ----------
    is_there : bool
        Whether there are any.
    kept : dict of str to None
        The keywords of attributes that tell who the patient is, and have stayed as they were.
    """

    def __init__(self, tree: Tree, choice: Choice | None, key: Key) -> None:
        self._tree = tree
        self._choice = choice
        self._late: list[tuple[Node, RecipeRule, str]] = []
        self._context = Context(key, self.value)
        self.is_there = choice is not None
        self.kept: dict[str, None] = {}

    def rule_for(self, node: Node) -> RecipeRule | None:
        """Find the rule for an element; None where the profile decides."""
        if self._choice is None:
            return None
        owner = node.owner
        return self._choice.rule_for(node.tag, owner.creator(node.tag), owner.level.steps)

    def keep(self, node: Node, kind: Kind | None) -> None:
        """Note that an element stays as it is, if it tells who the patient is."""
        if kind is not None and node.length and node.tag >> 16 == _PATIENT_GROUP:
            self.kept[keyword_of(node.tag) or "a private element"] = None

    def do(self, node: Node, rule: RecipeRule, vr: str) -> None:
        """Do to an element what a rule says; what it sets is set by `finish`."""
        if rule.action is RecipeAction.REMOVE:
            node.erase()
        elif rule.action is RecipeAction.SET:
            self._late.append((node, rule, vr))
        elif rule.action is RecipeAction.EMPTY or vr not in TEXT_VRS:
            node.set(b"", "SQ" if node.items is not None else vr)
        else:
            old = text(node.raw, vr, node.owner.charset)
            new = rule.new_value(vr, old, self._context, self._named(str(node.path)))
            if new != old:
                self._write(node, vr, new or "")

    def finish(self) -> None:
        """Set what is to be set, also where it was not there.

        Raises
        ------
        InputError
            An element of this file cannot have its value.
        """
        if self._choice is None:
            return
        for node, rule, vr in self._late:
            if not node.is_erased:
                self._write(node, vr, self._filled(rule))
        for path, rule in self._choice.additions:
            for data_set in _reached(self._tree.root, path.nodes[:-1]):
                self._add(data_set, path, rule)

    def value(self, keyword: str) -> str:
        """Give the value that an attribute of the data set has now, by its keyword."""
        tag = keyword_tag(keyword)
        entry = lookup(tag) if tag is not None else None
        return root_text(self._tree.root, tag, entry.vr) if tag is not None and entry else ""

    def write(self, node: Node, vr: str, value: str) -> None:
        """Give an element a value, in the character set of its data set.

        Raises
        ------
        InputError
            It cannot have it.
        """
        owner = node.owner
        if value.isascii() and vr in TEXT_VRS:
            node.set(value.encode(), vr)
            return
        what = self._named(str(node.path))
        try:
            raw = encode(
                TagPath.parse("PatientID"),
                vr,
                value,
                owner.charset,
                big_endian=owner.encoding.big_endian,
                rules=_RULES,
            )
        except UsageError as error:
            raise InputError(what, error.why, error.hint) from error
        node.set(raw, vr)

    def _write(self, node: Node, vr: str, value: str) -> None:
        """Check a value that a recipe gives, and write it."""
        entry = self._entry(node.owner, node.tag)
        try:
            check(node.path, vr, entry.vm if entry else "", value, _RULES)
        except UsageError as error:
            raise InputError(self._named(str(node.path)), error.why, error.hint) from error
        self.write(node, vr, value)

    def _filled(self, rule: RecipeRule) -> str:
        return rule.value.filled(self.value) if rule.value is not None else ""

    def _add(self, data_set: DataSet, path: TagPath, rule: RecipeRule) -> None:
        """Add to a data set what is missing, unless a later rule is about it."""
        last = path.nodes[-1]
        tag = _tag_in(data_set, last)
        if tag is None or data_set.find(tag) or self._choice is None:
            return
        if self._choice.rule_for(tag, last.creator, data_set.level.steps) is not rule:
            return
        entry = self._entry(data_set, tag)
        if entry is not None and entry.vr != "SQ":
            vr = entry.vr.split(" or ")[0]
            self._write(data_set.add(tag, vr), vr, self._filled(rule))

    @staticmethod
    def _entry(data_set: DataSet, tag: int) -> Entry | None:
        creator = data_set.creator(tag)
        return lookup_private(creator, tag) if creator else lookup(tag)

    def _named(self, path: str) -> str:
        return f"{self._tree.file.path}: {path}"


def _tag_in(data_set: DataSet, node: PathNode) -> int | None:
    """Give the tag that a node of a path has in a data set; None where its block is not there."""
    if not node.creator:
        return node.tag
    group = node.tag >> 16
    for other in data_set.nodes:
        number = other.tag & 0xFFFF
        reserved = number << 8 | node.tag & 0xFF
        if other.tag >> 16 == group and data_set.creator(group << 16 | reserved) == node.creator:
            return group << 16 | reserved
    return None


def _reached(data_set: DataSet, way: tuple[PathNode, ...]) -> Iterator[DataSet]:
    """Walk the data sets to which a way leads, through the items that are there."""
    if not way:
        yield data_set
        return
    for node in data_set.nodes:
        if way[0].matches(node.tag, node.creator):
            for number, item in enumerate(node.items or ()):
                if way[0].item in (None, "*", number):
                    yield from _reached(item, way[1:])

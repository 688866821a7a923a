"""Do operations to a data set, one after the other, each on what the one before has left.

What an operation means here is decided here: which elements a path reaches, what is made where it
is missing, which VR a value gets. Text is only encoded in the end, in the character set that holds
then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import PIXEL_DATA
from dcmtools.dataset.new_rules import STRICT, Rules
from dcmtools.dataset.new_values import check, encode, from_file
from dcmtools.dataset.operations import IDENTITY, META_GROUP, Action, Operation, entry_of
from dcmtools.dataset.path import EXACT, TagPath
from dcmtools.dataset.path import Node as PathNode
from dcmtools.dataset.private_blocks import block_of, check_reserved
from dcmtools.dataset.syntaxes import is_compressed
from dcmtools.dataset.tree import DataSet, Node, Tree, is_creator
from dcmtools.errors import InputError, UsageError

_UNSURE = ("UN", "??")
_SIGNED = ("US or SS", "US or SS or OW")
"""What the dictionary says where Pixel Representation (0028,0103) decides (PS3.5 A.1)."""

_DECOMPRESS = "dcmtools convert --decompress makes it one value."
_MOST_MADE = 100  # items that are made at a time: more are a slip of the finger
_MAKES = (Action.INSERT, Action.INSERT_FROM)


@dataclass(frozen=True, slots=True)
class Manner:
    """How operations are done.

    Parameters
    ----------
    rules : Rules
        How new values are checked.
    ignore_missing : bool
        Whether it is well that there is nothing to modify or erase.
    vr_hint : str
        What to do about an element whose VR nobody knows.
    """

    rules: Rules = STRICT
    ignore_missing: bool = False
    vr_hint: str = ""


PLAIN = Manner()
"""What holds where nothing else is said."""


class Editor:
    """Does operations to one file.

    Parameters
    ----------
    tree : Tree
        The data set.
    meta : Tree or None
        The file meta group; None where there is none.
    manner : Manner
        How they are done.
    """

    def __init__(self, tree: Tree, meta: Tree | None = None, manner: Manner = PLAIN) -> None:
        self._tree = tree
        self._meta = meta
        self._manner = manner
        self._late: dict[Node, tuple[TagPath, str]] = {}  # what is encoded in the end
        self._thinned: dict[tuple[DataSet, int], None] = {}  # blocks from which something went

    def apply(self, operations: Iterable[Operation]) -> None:
        """Do operations.

        Raises
        ------
        InputError
            This file cannot be edited so.
        UsageError
            An element cannot have its value in this file, or must not be taken away.
        """
        identity = self._identity()
        for operation in operations:
            self._do(operation)
        self._end_values()
        self._end_blocks()
        if self._manner.rules.validate and (lost := identity - self._identity()):
            why = "identifies the object, and must not be taken away"
            raise UsageError(str(TagPath((PathNode(min(lost)),))), why)

    def _identity(self) -> set[int]:
        """Tell what the data set has of what says what it is."""
        found = self._tree.root.find
        return {tag for tag in IDENTITY if any(node.length for node in found(tag))}

    def _do(self, operation: Operation) -> None:
        action, path = operation.action, operation.path
        if path is None:
            self._erase_private()
            return
        if action is Action.ERASE:
            done = self._erase(path)
        elif action is Action.ERASE_ALL:
            done = self._drop(path, self._everywhere(path))
        elif action is Action.MODIFY_ALL:
            done = self._set_each(operation, self._everywhere(path))
        elif action in _MAKES:
            done = self._insert(operation, path)
        else:
            done = self._set_each(operation, self._named(path))
        if not done and not self._manner.ignore_missing:
            hint = "--ignore-missing goes on without it."
            raise InputError(str(path), "is not there", hint)

    # What a path reaches

    def _roots(self, path: TagPath, *, make: bool) -> list[DataSet]:
        """Give the data set in which a path begins, where there is one."""
        if path.nodes[0].tag >> 16 != META_GROUP or path.nodes[0].mask != EXACT:
            return [self._tree.root]
        if self._meta is None and make:
            raise InputError(str(path), "cannot be made: the file has no file meta group")
        return [] if self._meta is None else [self._meta.root]

    def _data_sets(self, path: TagPath, *, make: bool, vr: str = "") -> list[DataSet]:
        """List the data sets that hold what the last node of a path names."""
        reached = self._roots(path, make=make)
        for node in path.nodes[:-1]:
            each = [self._items(path, one, node, make=make, vr=vr) for one in reached]
            reached = [item for items in each for item in items]
        return reached

    def _named(self, path: TagPath) -> Iterator[Node]:
        for data_set in self._data_sets(path, make=False):
            yield from _found(data_set, path.nodes[-1])

    def _everywhere(self, path: TagPath) -> Iterator[Node]:
        (wanted,) = path.nodes
        for root in self._roots(path, make=False):
            for node in root.tree.walk():
                if wanted.matches(node.tag, node.creator):
                    yield node

    def _items(
        self, path: TagPath, data_set: DataSet, node: PathNode, *, make: bool, vr: str
    ) -> list[DataSet]:
        """List the items of a sequence that a node of a path names; make what is missing."""
        sequences = _found(data_set, node)
        if not sequences and make:
            if node.item == "*":
                raise InputError(str(path), f"there is no {_name(node)} whose items could be meant")
            check_reserved(path, data_set, node)
            if entry_of(node) is None and vr != "SQ":
                why = f"{_name(node)} is not there, and the dictionary does not know it"
                raise InputError(str(path), why, self._manner.vr_hint)
            sequences = [self._new(path, data_set, node, "SQ")]
        items: list[DataSet] = []
        for sequence in sequences:
            items += _items_of(path, sequence, node, make=make)
        return items

    # Setting

    def _insert(self, operation: Operation, path: TagPath) -> bool:
        last = path.nodes[-1]
        for data_set in self._data_sets(path, make=True, vr=operation.vr):
            if last.item is not None:
                self._items(path, data_set, last, make=True, vr=operation.vr)
                continue
            entry = entry_of(last)
            found = _found(data_set, last)
            is_sequence = found[0].items is not None if found else entry and entry.vr == "SQ"
            if is_sequence and not operation.value and operation.source is None:
                if not found:
                    self._new(path, data_set, last, "SQ")
                continue
            if not found:
                check_reserved(path, data_set, last)
                self._check_native(path, data_set)
                found = [self._new(path, data_set, last, self._vr(operation, data_set))]
            for node in found:
                self._set(operation, node)
        return True

    def _check_native(self, path: TagPath, data_set: DataSet) -> None:
        """Refuse pixel data as a value where it has to be in fragments (PS3.5 A.4)."""
        syntax = self._tree.file.header.transfer_syntax
        if path.plain_tag == PIXEL_DATA and data_set is self._tree.root and is_compressed(syntax):
            why = "has to be in fragments in this file, as its transfer syntax says"
            raise InputError(str(path), why, _DECOMPRESS)

    def _new(self, path: TagPath, data_set: DataSet, node: PathNode, vr: str) -> Node:
        """Put a new element into a data set, empty as yet."""
        tag = node.tag
        if node.creator:
            tag |= block_of(path, data_set, node, self._manner.rules) << 8
        return data_set.add(tag, vr)

    def _set_each(self, operation: Operation, nodes: Iterable[Node]) -> bool:
        done = False
        for node in nodes:
            self._set(operation, node)
            done = True
        return done

    def _set(self, operation: Operation, node: Node) -> None:
        """Give an element its value, or empty a sequence."""
        path, value = operation.path or node.path, operation.value
        if node.items is not None:
            if value or operation.source is not None:
                hint = f"Name an element of its item: {path}[0].Element=VALUE."
                raise InputError(str(path), "is a sequence and has no value itself", hint)
            node.set(b"")
            return
        if node.is_encapsulated:
            why = "is in fragments in this file, and has no value to set"
            raise InputError(str(path), why, _DECOMPRESS)
        data_set, rules = node.owner, self._manner.rules
        vr = self._vr(operation, data_set, node)
        entry = _entry(data_set, node.tag)
        vm = entry.vm if entry is not None and rules.validate else ""
        big_endian = data_set.encoding.big_endian
        self._late.pop(node, None)
        if operation.source is not None:
            source = operation.source
            raw = from_file(
                path, vr, vm, source, data_set.charset, big_endian=big_endian, rules=rules
            )
            node.set(raw, vr)
            return
        check(path, vr, vm, value, rules)
        if (vr in values.CHARSET_VRS and not value.isascii()) or vr in _SIGNED:
            node.set(b"", vr)
            self._late[node] = path, value
        else:
            node.set(encode(path, vr, value, b"", big_endian=big_endian, rules=rules), vr)

    def _end_values(self) -> None:
        """Encode what depends on the rest of the data set, now that this is as it will be."""
        rules = self._manner.rules
        for node, (path, value) in self._late.items():
            if not _is_there(node):
                continue
            data_set, vr = node.owner, node.vr
            if vr in _SIGNED:
                vr = "SS" if data_set.signed and "SS" in vr else "US"
                check(path, vr, "", value, rules)
            big_endian = data_set.encoding.big_endian
            raw = encode(path, vr, value, data_set.charset, big_endian=big_endian, rules=rules)
            node.set(raw, vr)
        self._late.clear()

    def _vr(self, operation: Operation, data_set: DataSet, node: Node | None = None) -> str:
        """Choose the VR of a value: that of the file, of the dictionary, or that of the user."""
        if node is not None and node.vr not in _UNSURE:
            return node.vr
        path = operation.path or TagPath(())
        if node is not None:
            entry = _entry(data_set, node.tag)
        else:
            last = path.nodes[-1]
            creator = data_set.creator(last.tag)
            entry = dictionary.lookup_private(creator, last.tag) if creator else entry_of(last)
        if entry is None or entry.vr in _UNSURE:
            if operation.vr or (node is not None and node.vr == "UN"):
                return operation.vr or "UN"
            what = "has no VR that is known" if node is not None else "is not there"
            why = f"{what}, and the dictionary does not know it"
            raise InputError(str(path), why, self._manner.vr_hint)
        if entry.vr in _SIGNED:
            return entry.vr
        choices = entry.vr.replace("_", " or ").split(" or ")  # a private one is spelled OB_OW
        return "US" if "US" in choices else choices[-1]

    # Erasing

    def _erase(self, path: TagPath) -> bool:
        last = path.nodes[-1]
        if last.item is None:
            return self._drop(path, list(self._named(path)))
        items = self._data_sets(TagPath((*path.nodes, last)), make=False)
        for item in items:
            item.erase()
        return bool(items)

    def _drop(self, path: TagPath, nodes: Iterable[Node]) -> bool:
        """Take elements away, and private creators only with all that they own."""
        creators: list[Node] = []
        done = False
        for node in nodes:
            done = True
            if is_creator(node.tag):
                creators.append(node)
            elif node.tag & PRIVATE_GROUP:
                self._thinned[node.owner, node.tag >> 8] = None
            node.erase()
        for creator in creators:
            block = (creator.tag >> 16) << 8 | creator.tag & 0xFF
            if any(node.tag >> 8 == block for node in creator.owner.nodes):
                why = f"owns elements: {describe(creator.tag)} cannot go without them"
                raise InputError(str(path), why, "Erase what it owns, and it goes with the last.")
        return done

    def _erase_private(self) -> None:
        for node in self._tree.walk():
            if node.tag & PRIVATE_GROUP:
                node.erase()

    def _end_blocks(self) -> None:
        """Take away the creators of blocks that have become empty."""
        for data_set, block in self._thinned:
            nodes = data_set.nodes
            if not any(node.tag >> 8 == block for node in nodes):
                creator = (block >> 8) << 16 | block & 0xFF
                for node in nodes:
                    if node.tag == creator:
                        node.erase()
        self._thinned.clear()


def _found(data_set: DataSet, wanted: PathNode) -> list[Node]:
    """List the elements of a data set that a node of a path names; copies are several."""
    if wanted.mask == EXACT:
        return data_set.find(wanted.tag)
    if wanted.creator:
        owned = data_set.level.creators.items()
        blocks = [block for block, name in owned if name == wanted.creator]
        tags = [block << 8 | wanted.tag & 0xFF for block in sorted(blocks)]
        group = wanted.tag >> 16
        return [node for tag in tags if tag >> 16 == group for node in data_set.find(tag)]
    return [node for node in data_set.nodes if wanted.matches(node.tag, node.creator)]


def _is_there(node: Node) -> bool:
    """Tell whether an element is there, and all that holds it."""
    while not node.is_erased:
        sequence = node.owner.sequence
        if sequence is None:
            return True
        if node.owner not in (sequence.items or ()):
            return False
        node = sequence
    return False


def _items_of(path: TagPath, sequence: Node, node: PathNode, *, make: bool) -> list[DataSet]:
    if sequence.items is None:
        if not make or sequence.length:
            raise InputError(str(path), f"{_name(node)} is not a sequence in this file")
        sequence.set(b"", "SQ")
    items = sequence.items or []
    if node.item == "*":
        return list(items)
    number = node.item if isinstance(node.item, int) else 0
    if make and number >= len(items):
        if number >= len(items) + _MOST_MADE:
            why = f"{_name(node)} has {len(items)} items, and is not to get {number + 1} at once"
            raise InputError(str(path), why)
        while number >= len(sequence.items or ()):
            sequence.add_item()
        items = sequence.items or []
    return items[number : number + 1]


def _entry(data_set: DataSet, tag: int) -> dictionary.Entry | None:
    creator = data_set.creator(tag)
    return dictionary.lookup_private(creator, tag) if creator else dictionary.lookup(tag)


def _name(node: PathNode) -> str:
    return str(PathNode(node.tag, node.mask, node.creator))

"""Tell what an edit changes: element by element, what the file has and what it would have.

Where items are added or taken away, so are all their elements. What is set to what it was is no
change.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dcmtools.dataset.bulk import Bulk, ModelOptions
from dcmtools.dataset.charset import decode
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import SPECIFIC_CHARACTER_SET, Element, Level
from dcmtools.dataset.json import json_document
from dcmtools.dataset.path import Node as PathNode
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.scan import Scanner
from dcmtools.dataset.source import BytesSource, Source
from dcmtools.dataset.text import TextOptions, text_blocks
from dcmtools.dataset.tree import DataSet, Node, Tree, is_creator
from dcmtools.dataset.tree_bytes import encoded, is_same

_Steps = tuple[PathNode, ...]
_Creators = dict[int, str]
_OWNED = 0xFFFF00FF  # what names a private element, whose block may be any
_BULK = 1024  # bytes of a binary value that is shown whole


@dataclass(frozen=True, slots=True)
class _Side:
    """An element as it was or will be, with all that it holds."""

    source: Source
    start: int
    end: int
    level: Level

    def load(self, element: Element) -> bytes:
        return self.source.read(element.value_offset, element.length)

    def elements(self) -> Iterator[Element]:
        return iter(
            Scanner(self.source, self.start, self.level.encoding, end=self.end, level=self.level)
        )

    def text(self) -> str:
        options = TextOptions(bulk_size=_BULK)
        return "".join(text_blocks(self.elements(), self.load, options))

    def model(self) -> str:
        """Write it in the DICOM JSON model (PS3.18 F.2), without its tag.

        The model says of all text that it is in UTF-8; which character set the file names is told
        all the same.
        """
        first = next(self.elements())
        if first.tag == SPECIFIC_CHARACTER_SET:
            named = self.load(first).decode("latin-1").strip("\0 ")
            return json.dumps({"vr": "CS"} | ({"Value": named.split("\\")} if named else {}))
        options = ModelOptions(bulk=Bulk.OMIT, bulk_size=_BULK)
        document = json_document(self.elements(), self.load, options)
        return document.partition(":")[2].removesuffix("}")  # it may be too deep to be parsed


@dataclass(frozen=True, slots=True)
class Change:
    """One element that changes.

    Parameters
    ----------
    path : TagPath
        Where it is; items count as they will where it is new, else as they do.
    tag : int
        Group and element.
    """

    path: TagPath
    tag: int
    _old: _Side | None
    _new: _Side | None

    def text(self) -> str:
        """Print it as lines of `dump`, what goes behind ``-`` and what comes behind ``+``."""
        sides = (("-", self._old), ("+", self._new))
        return "".join(
            f"{sign} {line}\n"
            for sign, side in sides
            if side is not None
            for line in side.text().splitlines()
        )

    def json(self) -> str:
        """Write it as JSON: path, tag, and both sides in the DICOM JSON model, null for none."""
        place = json.dumps({"path": str(self.path), "tag": f"{self.tag:08X}"}, ensure_ascii=False)
        old, new = (side.model() if side is not None else "null" for side in (self._old, self._new))
        return f'{place[:-1]}, "old": {old}, "new": {new}}}'


def changes(tree: Tree) -> Iterator[Change]:
    """List what has changed in a tree, in the order of the file."""
    yield from _changed(tree.root, ())


def _changed(data_set: DataSet, above: _Steps) -> Iterator[Change]:
    creators = _creators(data_set)
    for node in data_set.all_nodes:
        if node not in data_set.changed:
            continue
        if not node.is_as_read:
            yield from _of_node(node, above, creators)
            continue
        step = _step(node, creators)
        for number, item in _items(node):
            yield from _of_item(item, (*above, replace(step, item=number)))


def _items(sequence: Node) -> list[tuple[int, DataSet]]:
    """List the items of a sequence that were or will be there, with their numbers."""
    items = sequence.items or []
    erased = sequence.owner.tree.erased_items.get(sequence, [])
    new = [item for item in items if item.element is None]
    old = [*erased, *items[: len(items) - len(new)]]
    old.sort(key=lambda item: item.element.offset if item.element is not None else 0)
    return [*enumerate(old), *((item.index, item) for item in new)]


def _of_item(item: DataSet, above: _Steps) -> Iterator[Change]:
    if item.element is None:
        for node in item.nodes:
            path = TagPath((*above, _step(node, item.level.creators)))
            yield Change(path, node.tag, None, _new(node, encoded(node)))
    elif item.is_erased:
        creators = _creators(item)
        for node in item.all_nodes:
            if node.element is not None:
                path = TagPath((*above, _step(node, creators)))
                yield Change(path, node.tag, _old(node, node.element, creators), None)
    elif item.changed:
        yield from _changed(item, above)


def _of_node(node: Node, above: _Steps, creators: _Creators) -> Iterator[Change]:
    new = None if node.is_erased else encoded(node)
    if node.element is None:
        creators = node.owner.level.creators
        if new is None:
            return
    elif new is not None and is_same(node, new):
        return
    old_side = None if node.element is None else _old(node, node.element, creators)
    new_side = None if new is None else _new(node, new)
    yield Change(TagPath((*above, _step(node, creators))), node.tag, old_side, new_side)


def _step(node: Node, creators: _Creators) -> PathNode:
    creator = creators.get(node.tag >> 8, "") if node.tag & PRIVATE_GROUP else ""
    return PathNode(node.tag & _OWNED, _OWNED, creator) if creator else PathNode(node.tag)


def _creators(data_set: DataSet) -> _Creators:
    """Tell who owned which private block in the file."""
    found: _Creators = {}
    for node in data_set.all_nodes:
        element = node.element
        if element is not None and is_creator(node.tag):
            value = data_set.tree.file.value(element)
            block = (node.tag >> 16) << 8 | node.tag & 0xFF
            found[block] = decode(value, element.level.charset).strip(" \0")
    return found


def _old(node: Node, element: Element, creators: _Creators) -> _Side:
    level = Level(element.level.encoding)
    level.charset, level.signed = element.level.charset, element.level.signed
    level.creators = creators
    return _Side(node.owner.tree.file.header.source, element.offset, node.end, level)


def _new(node: Node, new: bytes) -> _Side:
    owner = node.owner
    level = Level(owner.encoding)
    level.charset, level.signed = owner.charset, owner.signed
    level.creators = owner.level.creators
    return _Side(BytesSource(new), 0, len(new), level)

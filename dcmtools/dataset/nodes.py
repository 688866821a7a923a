"""Define what a tree consists of: elements, and the data sets that hold them, which may be edited.

A node knows what stands in the file and what is to stand there; whoever edits it has it told to
all that is around it, so that in the end only what was touched is looked at.
"""

from typing import TYPE_CHECKING

from dcmtools.dataset.charset import decode
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import (
    IMPLICIT_LITTLE,
    PIXEL_REPRESENTATION,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED,
    Element,
    Encoding,
    Level,
)
from dcmtools.dataset.path import EXACT, TagPath
from dcmtools.dataset.path import Node as PathNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcmtools.dataset.tree import Tree

_CREATOR_NUMBERS = range(0x10, 0x100)
"""The element numbers of private creators (PS3.5 7.8.1)."""


def is_creator(tag: int) -> bool:
    """Tell whether a tag is that of a private creator, which reserves a block (PS3.5 7.8.1)."""
    return bool(tag & PRIVATE_GROUP) and tag & 0xFFFF in _CREATOR_NUMBERS


def padded(raw: bytes, vr: str) -> bytes:
    """Make the length of a value even (PS3.5 6.2)."""
    text = vr not in ("UI", "OB", "UN", "OW", "OD", "OF", "OL", "OV", "SQ")
    return raw + (b" " if text else b"\0") * (len(raw) % 2)


class Node:
    """An element of a data set; get them from a `DataSet`.

    Attributes
    ----------
    tag : int
        Group and element, ``0xggggeeee``.
    vr : str
        Its VR: "SQ" for every sequence, "UN" or "??" where the file does not say.
    owner : DataSet
        What holds it.
    items : list of DataSet or None
        The items of a sequence that are there now; None for everything else.
    element : Element or None
        What stands in the file, None where it is new.
    end : int
        The offset behind it in the file, 0 where it is new.
    end_of_items : int
        The offset behind the last item that a sequence has in the file.
    is_erased : bool
        Whether it is there no more.
    """

    __slots__ = (
        "_raw", "element", "end", "end_of_items", "is_erased", "items", "owner", "tag", "vr",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - made for every element, and by position
        self,
        owner: "DataSet",
        tag: int,
        vr: str,
        element: Element | None = None,
        end: int = 0,
        raw: bytes | None = None,
    ) -> None:
        self.owner = owner
        self.tag = tag
        self.vr = vr
        self.element = element
        self.end = self.end_of_items = end
        self.items: list[DataSet] | None = [] if vr == "SQ" else None
        self.is_erased = False
        self._raw = raw

    @property
    def raw(self) -> bytes:
        """The bytes of the value, b"" for a sequence."""
        if self._raw is not None or self.element is None:
            return self._raw or b""
        return b"" if self.element.is_container else self.owner.tree.file.value(self.element)

    @property
    def length(self) -> int:
        """The bytes of the value; `UNDEFINED` where a delimiter ends it."""
        if self._raw is not None or self.element is None:
            return len(self._raw or b"")
        return self.element.length

    @property
    def is_as_read(self) -> bool:
        """Whether it stands in the file and neither was set nor erased itself."""
        return self.element is not None and self._raw is None and not self.is_erased

    @property
    def is_encapsulated(self) -> bool:
        """Whether it is pixel data in fragments (PS3.5 A.4)."""
        element = self.element
        return (
            self._raw is None
            and element is not None
            and self.items is None
            and (element.length == UNDEFINED)
        )

    @property
    def creator(self) -> str:
        """The private creator of its block, "" when there is none or it is not private."""
        return self.owner.creator(self.tag)

    @property
    def path(self) -> TagPath:
        """Where it is, with the numbers of the items above."""
        nodes = [_path_node(self, None)]
        data_set = self.owner
        while (sequence := data_set.sequence) is not None:
            nodes.append(_path_node(sequence, data_set.index))
            data_set = sequence.owner
        return TagPath(tuple(nodes[::-1]))

    def set(self, raw: bytes, vr: str = "") -> None:
        """Give it another value.

        Parameters
        ----------
        raw : bytes
            The value, in the byte order and character set of the data set; it is padded to an
            even length. A sequence becomes empty with b"".
        vr : str, optional
            Another VR.
        """
        self.vr = vr or self.vr
        self._raw = padded(raw, self.vr)
        self.items = [] if self.vr == "SQ" else None
        self.owner.touch(self)

    def erase(self) -> None:
        """Take it away, with all that it holds."""
        self.is_erased = True
        self.owner.touch(self)

    @property
    def is_there(self) -> bool:
        """Whether neither it nor what holds it was made, set or erased."""
        node: Node | None = self
        while node is not None and node.is_as_read:
            owner = node.owner
            if owner.is_erased:
                return False
            node = owner.sequence
        return node is None

    def add_item(self) -> "DataSet":
        """Append an item to a sequence."""
        if self.items is None:
            raise TypeError(self.vr)
        item = DataSet(self.owner.tree, Level(self._item_encoding(), self.owner.level, self.tag))
        item.sequence = self
        self.items.append(item)
        self.owner.touch(self)
        return item

    def _item_encoding(self) -> Encoding:
        """Tell how items are encoded (PS3.5 6.2.2), by the first where there is one."""
        if self.items:
            return self.items[0].encoding
        around = self.owner.encoding
        if around.implicit or not self.is_as_read or self.element is None:
            return around
        written = self.owner.tree.file.header.source.read(self.element.offset + 4, 2)
        return IMPLICIT_LITTLE if written == b"UN" else around


def _path_node(node: Node, item: int | None) -> PathNode:
    creator = node.creator
    tag, mask = (node.tag & 0xFFFF00FF, 0xFFFF00FF) if creator else (node.tag, EXACT)
    return PathNode(tag, mask, creator, item)


class DataSet:
    """A data set: that of the file, or an item of a sequence.

    Attributes
    ----------
    tree : Tree
        What it is part of.
    level : Level
        What holds in it.
    sequence : Node or None
        The sequence whose item it is.
    element : Element or None
        The item in the file; None for the data set of the file, and where it is new.
    end : int
        The offset behind its last element in the file; 0 where it is new.
    all_nodes : list of Node
        Its elements in order, also those that are erased.
    changed : dict of Node
        The elements that have changed, or in which something has, in the order of the changes.
    """

    __slots__ = (
        "_by_tag", "_charset", "_signed", "all_nodes", "changed", "element", "end",
        "end_of_item", "is_erased", "level", "sequence", "tree",
    )  # fmt: skip

    def __init__(self, tree: "Tree", level: Level, element: Element | None = None) -> None:
        self.tree = tree
        self.level = level
        self.element = element
        self.sequence: Node | None = None
        self.end = 0
        self.end_of_item = 0
        self.all_nodes: list[Node] = []
        self.changed: dict[Node, None] = {}
        self.is_erased = False
        self._by_tag: dict[int, list[Node]] = {}  # made when something is looked for
        self._charset: Node | None = None
        self._signed: Node | None = None

    @property
    def nodes(self) -> list[Node]:
        """Its elements in the order of the file, without those that are erased."""
        return [node for node in self.all_nodes if not node.is_erased]

    @property
    def encoding(self) -> Encoding:
        """How its elements are encoded."""
        return self.level.encoding

    @property
    def index(self) -> int:
        """The number of the item in its sequence now, counted from 0."""
        items = self.sequence.items if self.sequence is not None else None
        return items.index(self) if items and self in items else 0

    @property
    def charset(self) -> bytes:
        """The Specific Character Set (0008,0005) in force, b"" where there is none."""
        for data_set in self._with_those_around():
            node = data_set._charset  # noqa: SLF001 - one of the same kind
            if node is not None and not node.is_erased and (raw := node.raw).strip(b" \0"):
                return raw
        return self.tree.file.charset

    @property
    def signed(self) -> bool:
        """Whether Pixel Representation (0028,0103) in force is 1."""
        for data_set in self._with_those_around():
            node = data_set._signed  # noqa: SLF001 - one of the same kind
            if node is not None and not node.is_erased and node.length:
                return node.raw[:2] in (b"\1\0", b"\0\1")
        return False

    def _with_those_around(self) -> "Iterator[DataSet]":
        data_set: DataSet | None = self
        while data_set is not None:
            yield data_set
            data_set = data_set.sequence.owner if data_set.sequence is not None else None

    def creator(self, tag: int) -> str:
        """Give the private creator that owns a tag, "" when nobody does or it is not private."""
        return self.level.creator(tag)

    def find(self, tag: int) -> list[Node]:
        """Find an element; there may be several of one tag in a file that is not as it should."""
        by_tag = self._by_tag
        if not by_tag:
            for node in self.all_nodes:
                by_tag.setdefault(node.tag, []).append(node)
        return [node for node in by_tag.get(tag, ()) if not node.is_erased]

    def add(self, tag: int, vr: str, raw: bytes = b"") -> Node:
        """Put in a new element, before the first that has a higher tag.

        Parameters
        ----------
        tag : int
            Group and element.
        vr : str
            Its VR; "SQ" makes a sequence without items.
        raw : bytes
            The value, as for `Node.set`.
        """
        node = Node(self, tag, vr, raw=padded(raw, vr))
        nodes = self.all_nodes
        place = next((at for at, other in enumerate(nodes) if other.tag > tag), len(nodes))
        nodes.insert(place, node)
        if self._by_tag:
            self._by_tag.setdefault(tag, []).append(node)
        self._know(node)
        self.touch(node)
        return node

    def erase(self) -> None:
        """Take an item away from its sequence."""
        sequence = self.sequence
        if sequence is None or sequence.items is None:
            message = "only an item can be erased"
            raise TypeError(message)
        sequence.items.remove(self)
        self.is_erased = True
        if self.element is not None:
            self.tree.erased_items.setdefault(sequence, []).append(self)
        sequence.owner.touch(sequence)

    def touch(self, node: Node) -> None:
        """Note that an element has changed, so that all that is around it has."""
        tag = node.tag
        if is_creator(tag):
            self._know_creator(node)
        inner: Node | None = node
        for data_set in self._with_those_around():
            if inner is None or inner in data_set.changed:
                break
            if not data_set.changed:
                self.tree.touched.append(data_set)
            data_set.changed[inner] = None
            inner = data_set.sequence

    def _know(self, node: Node) -> None:
        if node.tag == SPECIFIC_CHARACTER_SET:
            self._charset = node
        elif node.tag == PIXEL_REPRESENTATION:
            self._signed = node

    def _know_creator(self, node: Node) -> None:
        block = (node.tag >> 16) << 8 | node.tag & 0xFF
        if node.is_erased:
            self.level.creators.pop(block, None)
        else:
            self.level.creators[block] = decode(node.raw, self.charset).strip(" \0")

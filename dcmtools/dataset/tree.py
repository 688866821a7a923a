"""Hold a data set as a tree of nodes that may be edited, in any order and as often as wanted.

Nothing is decoded, and values stay in the file until they are asked for. What has changed in the
end is spliced into the bytes of the file, so that what is not touched stays bit for bit as it is:
invalid values, odd encodings, duplicates, undefined lengths and pixel data included.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from dcmtools.dataset.elements import (
    ITEM,
    ITEM_END,
    PIXEL_REPRESENTATION,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED,
    Element,
    Level,
    Problem,
)
from dcmtools.dataset.header import Header
from dcmtools.dataset.nodes import DataSet, Node, is_creator, padded
from dcmtools.dataset.splices import Edited, Identity
from dcmtools.dataset.syntaxes import inflated_syntax
from dcmtools.dataset.tree_bytes import splices
from dcmtools.errors import InputError

__all__ = ["DataSet", "Node", "Readable", "Tree", "is_creator", "padded", "read_tree"]


class Readable(Protocol):
    """What a tree can be read from: a `DicomFile`, or a part of it."""

    path: Path
    charset: bytes
    header: Header

    @property
    def meta(self) -> list[Element]:
        """The file meta group."""

    @property
    def end(self) -> int:
        """The offset behind what was walked."""

    @property
    def damage(self) -> Problem | None:
        """What is wrong so that nothing must be edited."""

    def elements(self) -> Iterator[Element]:
        """Walk the elements in file order."""

    def value(self, element: Element) -> bytes:
        """Read the value of an element."""


class Tree:
    """A data set that may be edited.

    Parameters
    ----------
    file : DicomFile or other Readable
        The file; it has to stay open as long as anything of the tree is used.

    Raises
    ------
    InputError
        The file is damaged: what cannot be read whole is not edited.

    Attributes
    ----------
    file : DicomFile or other Readable
        The file.
    root : DataSet
        The data set of the file.
    touched : list of DataSet
        Where something has changed.
    erased_items : dict of Node to list of DataSet
        The items of the file that are erased, by their sequences.
    """

    def __init__(self, file: Readable) -> None:
        self.file = file
        self.touched: list[DataSet] = []
        self.erased_items: dict[Node, list[DataSet]] = {}
        level = Level(file.header.encoding)
        level.charset = file.charset
        self.root = DataSet(self, level)
        self._read()

    def _read(self) -> None:
        file, place = self.file, self.root
        sequence: Node | None = None
        above: list[Node | None] = []
        for element in file.elements():
            tag, vr, length, _, value_offset, _, level = element
            if vr:
                if tag == ITEM:  # a fragment of pixel data
                    continue
                place.level = level
                node = Node(place, tag, vr, element, value_offset + length)
                place.all_nodes.append(node)
                if tag in (SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION):
                    place._know(node)  # noqa: SLF001 - made here
                if vr == "SQ" or length == UNDEFINED:
                    above.append(sequence)
                    sequence = node
            elif sequence is None:  # an end without a start is no element
                continue
            elif tag == ITEM:
                place = DataSet(self, level, element)
                place.sequence = sequence
                if sequence.items is not None:
                    sequence.items.append(place)
            elif tag == ITEM_END:
                place.end, place.end_of_item = element.offset, value_offset
                place = sequence.owner
            else:
                sequence.end_of_items, sequence.end = element.offset, value_offset
                sequence = above.pop()
        if damage := file.damage:
            hint = "It is not written anew, for what is missing or in doubt would be lost."
            raise InputError(str(file.path), f"is damaged: {damage}", hint)
        self.root.end = file.end

    def edited(self, *, tail: bool = False) -> Edited:
        """Give the data set with all that has changed.

        Parameters
        ----------
        tail : bool
            Whether the zero bytes that may follow it in the file are part of it.

        Raises
        ------
        InputError
            A sequence or item gets longer than its length can say.
        """
        header = self.file.header
        extent = range(header.start, header.source.size if tail else self.file.end)
        name = str(self.file.path)
        identity = Identity(
            inflated_syntax(header), self._uid(SOP_CLASS_UID), self._uid(SOP_INSTANCE_UID)
        )
        return Edited(header.source, name, extent, splices(self), identity)

    def _uid(self, tag: int) -> str:
        found = self.root.find(tag)
        return found[0].raw.decode("ascii", "replace").strip("\0 ") if found else ""

    def walk(self) -> Iterator[Node]:
        """Walk all elements at all depths, a sequence before what it holds.

        Elements may be set, erased and added meanwhile; what is added to a data set that is being
        walked is not met.
        """
        waiting = self.root.nodes[::-1]
        while waiting:
            node = waiting.pop()
            if node.is_erased:
                continue
            yield node
            if node.items and not node.is_erased:
                for item in node.items[::-1]:
                    waiting += item.nodes[::-1]


def read_tree(file: Readable) -> Tree:
    """Read a file as a tree; see `Tree`."""
    return Tree(file)

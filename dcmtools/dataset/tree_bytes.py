"""Decide which bytes of a file change when its tree has: what is spliced in, and which lengths.

Only what was set, added or erased is encoded. What is around it keeps its bytes but for its length,
where it has a defined one, and for the group lengths that count what has changed.
"""

from typing import TYPE_CHECKING

from dcmtools.dataset.element_bytes import encode_element, encode_item, encode_length
from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import UNDEFINED, Element
from dcmtools.dataset.splices import Splice
from dcmtools.errors import InputError

if TYPE_CHECKING:
    from dcmtools.dataset.nodes import DataSet, Node
    from dcmtools.dataset.tree import Tree

_HEAD = 64  # bytes that mostly tell already that a value is another
_LENGTH = 4  # bytes of the length of a sequence or item, and of the value of a group length


def splices(tree: "Tree") -> list[Splice]:
    """List what is replaced in a file; see `dcmtools.dataset.splices.Edited` for their order.

    Raises
    ------
    InputError
        A sequence or item gets longer than its length can say.
    """
    found: list[Splice] = []
    growth: dict[Node, int] = {}  # bytes by which the items of a sequence have grown
    for data_set in sorted(tree.touched, key=lambda one: one.level.depth, reverse=True):
        sequence = data_set.sequence
        if sequence is None:
            _changes(data_set, growth, found)
        elif data_set.element is not None and not data_set.is_erased and sequence.is_there:
            grown = _changes(data_set, growth, found)
            if grown:
                found += _lengthened(data_set.element, grown)
                growth[sequence] = growth.get(sequence, 0) + grown
    return found


def _changes(data_set: "DataSet", growth: "dict[Node, int]", found: list[Splice]) -> int:
    """Splice the changes of one data set; tell by how many bytes it grows."""
    by_group: dict[int, int] = {}
    is_longer = False
    for node in data_set.changed:
        element = node.element
        if element is None:
            is_longer = True
            continue
        if node.is_as_read:
            grown = _sequence_growth(node, element, growth, found)
        else:
            length = node.end - element.offset
            new = b"" if node.is_erased else encoded(node)
            if new and is_same(node, new):
                continue
            found.append(Splice(element.offset, length, new))
            grown = len(new) - length
        group = node.tag >> 16
        by_group[group] = by_group.get(group, 0) + grown
    if is_longer:
        found += _additions(data_set, by_group)
    if any(data_set.find(group << 16) for group in by_group):
        found += _group_lengths(data_set, by_group)
    return sum(by_group.values())


def _additions(data_set: "DataSet", by_group: dict[int, int]) -> list[Splice]:
    """Splice new elements in, each before the next one that the file has."""
    found: list[Splice] = []
    at = data_set.end
    for node in reversed(data_set.all_nodes):
        if node.element is not None:
            at = node.element.offset
        elif not node.is_erased:
            new = encoded(node)
            found.append(Splice(at, 0, new))
            group = node.tag >> 16
            by_group[group] = by_group.get(group, 0) + len(new)
    return found[::-1]


def _sequence_growth(
    node: "Node", element: Element, growth: "dict[Node, int]", found: list[Splice]
) -> int:
    """Splice new items into a sequence, and erased ones out of it; correct its length."""
    grown = growth.pop(node, 0)
    for item in node.owner.tree.erased_items.get(node, ()):
        if item.element is not None:
            start = item.element.offset
            found.append(Splice(start, item.end_of_item - start, b""))
            grown -= item.end_of_item - start
    if new := b"".join(_encoded_item(item) for item in node.items or () if item.element is None):
        found.append(Splice(node.end_of_items, 0, new))
        grown += len(new)
    if grown:
        found += _lengthened(element, grown)
    return grown


def encoded(node: "Node") -> bytes:
    """Encode an element that is new or was set, with the items that it has."""
    content = node.raw
    if node.items is not None:
        content = b"".join(_encoded_item(item) for item in node.items)
    return encode_element(node.tag, node.vr, content, node.owner.encoding)


def is_same(node: "Node", new: bytes) -> bool:
    """Tell whether an element has these bytes in the file already."""
    element = node.element
    if element is None or len(new) != node.end - element.offset:
        return False
    source = node.owner.tree.file.header.source
    head = source.read(element.offset, min(_HEAD, len(new)))
    return new.startswith(head) and source.read(element.offset, len(new)) == new


def _encoded_item(item: "DataSet") -> bytes:
    content = b"".join(encoded(node) for node in item.nodes)
    return encode_item(content, item.encoding)


def _group_lengths(data_set: "DataSet", growth: dict[int, int]) -> list[Splice]:
    """Count the lengths anew of the groups in which something has changed."""
    found: list[Splice] = []
    end = data_set.end
    last = -1
    group_end = end
    for node in reversed(data_set.all_nodes):
        element = node.element
        if element is None:
            continue
        group = node.tag >> 16
        if group != last:
            last, group_end = group, end
        end = element.offset
        counts = not node.tag & 0xFFFF and element.length == _LENGTH and node.is_as_read
        if counts and growth.get(group):
            size = group_end - element.value_offset - _LENGTH + growth[group]
            value = encode_length(size, data_set.encoding)
            found.append(Splice(element.value_offset, _LENGTH, value))
    return found


def _lengthened(element: Element, growth: int) -> list[Splice]:
    """Correct the length of a sequence or item, unless a delimiter ends it."""
    if element.length == UNDEFINED:
        return []
    length = element.length + growth
    if length >= UNDEFINED:
        raise InputError(describe(element.tag), "gets longer than its length can say")
    value = encode_length(length, element.level.encoding)
    return [Splice(element.value_offset - _LENGTH, _LENGTH, value)]

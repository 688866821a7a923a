"""Decide in which block a private element is: that of its creator, or one that is reserved for it.

A private creator reserves one of 240 blocks of a group (PS3.5 7.8.1), in each item anew.
"""

from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.new_values import check, encode
from dcmtools.dataset.path import Node, TagPath
from dcmtools.dataset.tree import DataSet, is_creator
from dcmtools.errors import InputError

_BLOCKS = range(0x10, 0x100)  # PS3.5 7.8.1


def check_reserved(path: TagPath, data_set: DataSet, node: Node) -> None:
    """Refuse to make a private element in a block that is nobody's.

    Raises
    ------
    InputError
        It is private, is named by its tag alone, and no creator owns that.
    """
    tag = node.tag
    if node.creator or not tag & PRIVATE_GROUP or is_creator(tag) or data_set.creator(tag):
        return
    why = "is private, and nobody has reserved its block in this data set"
    hint = f'Name its creator: ({tag >> 16:04x},"CREATOR",{tag & 0xFF:02x}).'
    raise InputError(str(path), why, hint)


def block_of(path: TagPath, data_set: DataSet, node: Node, rules: Rules) -> int:
    """Give the number of the block of a private creator; reserve one where it has none.

    Parameters
    ----------
    path : TagPath
        What to call the element in errors.
    data_set : DataSet
        Where the block is.
    node : Node
        The private element, with its creator.
    rules : Rules
        How the creator is checked where a block is reserved for it.

    Returns
    -------
    int
        From 10H to FFH; the lowest that is its own, else the lowest that nobody uses.

    Raises
    ------
    InputError
        There is none left.
    UsageError
        The creator is not one that can be.
    """
    group = node.tag >> 16
    creators = data_set.level.creators
    owned = (block & 0xFF for block in sorted(creators) if block >> 8 == group)
    for number in owned:
        if creators[group << 8 | number] == node.creator:
            return number
    used = {
        each.tag & 0xFF if each.tag & 0xFFFF <= _BLOCKS[-1] else (each.tag >> 8) & 0xFF
        for each in data_set.nodes
        if each.tag >> 16 == group
    }
    number = next((block for block in _BLOCKS if block not in used), 0)
    if not number:
        raise InputError(str(path), f"all private blocks of group {group:04x} are taken")
    check(path, "LO", "1", node.creator, rules)
    big_endian = data_set.encoding.big_endian
    creator = encode(path, "LO", node.creator, data_set.charset, big_endian=big_endian, rules=rules)
    data_set.add(group << 16 | number, "LO", creator)
    return number

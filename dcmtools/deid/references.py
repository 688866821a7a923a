"""Take away what has no sense: second copies of an element, lists of references to nothing.

So have copies of a picture in items, when the picture is black in part.
"""

from collections.abc import Iterator

from dcmtools.dataset.elements import PIXEL_DATA
from dcmtools.dataset.tree import DataSet, Node, Tree
from dcmtools.deid.iods import COMMON_REFERENCES, REFERENCED_INSTANCES

PIXELS = (PIXEL_DATA, 0x7FE00008, 0x7FE00009)
"""Pixel Data, Float Pixel Data, Double Float Pixel Data."""

_REFERENCED_SOP_INSTANCE_UID = 0x00081155


def drop_copies(tree: Tree) -> None:
    """Take away small copies of a picture that is black in part."""
    for node in tree.walk():
        if node.tag in PIXELS and node.owner is not tree.root:
            node.erase()


def drop_common_references(root: DataSet) -> None:
    """Take away the lists of references where none is left that they could be lists of."""
    lists = [node for tag in COMMON_REFERENCES for node in root.find(tag) if _is_list(node)]
    if lists and not _refers(node for node in root.nodes if node not in lists):
        for node in lists:
            node.erase()


def _is_list(node: Node) -> bool:
    """Tell whether a sequence does nothing but name instances."""
    instances = [
        instance
        for item in node.items or ()
        for sequence in (item.find(REFERENCED_INSTANCES) or _in_series(item))
        for instance in sequence.items or ()
    ]
    return bool(instances) and all(each.find(_REFERENCED_SOP_INSTANCE_UID) for each in instances)


def _in_series(item: DataSet) -> list[Node]:
    """Find the lists of instances in a study that is referred to."""
    return [
        found
        for sequence in item.find(COMMON_REFERENCES[0])
        for series in sequence.items or ()
        for found in series.find(REFERENCED_INSTANCES)
    ]


def _refers(nodes: Iterator[Node]) -> bool:
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.tag == _REFERENCED_SOP_INSTANCE_UID:
            return True
        for item in node.items or ():
            waiting += item.nodes
    return False


def drop_doubles(data_set: DataSet) -> None:
    """Take away all but the last of the elements that have one tag, as readers do (PS3.5 7.1)."""
    nodes = data_set.all_nodes
    if len({node.tag for node in nodes}) == len(nodes):
        return
    seen = set()
    for node in nodes[::-1]:
        if node.tag in seen and not node.is_erased:
            node.erase()
        seen.add(node.tag)

"""Replace UIDs in a data set: its own, and those by which it refers to others of the run.

References are found by what an element is, not where it is: at any depth, in private elements, and
where the file does not say the VR but the dictionary does.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dcmtools.dataset import dictionary
from dcmtools.dataset.conditions import Condition, meets
from dcmtools.dataset.elements import (
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from dcmtools.dataset.new_uids import NewUids
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.source import STDIN
from dcmtools.dataset.tree import Node, Tree
from dcmtools.errors import InputError

_UNSURE = ("UN", "??")
_LENGTHS = range(8, 1 << 10)
_UIDS = re.compile(rb"[0-9]+(\.[0-9]+){3,}(\\[0-9]+(\.[0-9]+){3,})*[\0 ]?")
"""What nobody would take for anything but UIDs."""

LEVELS = {
    "study": STUDY_INSTANCE_UID,
    "series": SERIES_INSTANCE_UID,
    "instance": SOP_INSTANCE_UID,
}
"""What can get new UIDs, and which attribute has them."""


def replace_uids(tree: Tree, uids: NewUids, levels: tuple[str, ...] = tuple(LEVELS)) -> None:
    """Replace what is known to be a UID of the run, and first get to know those of this object.

    Parameters
    ----------
    tree : Tree
        The data set.
    uids : NewUids
        What gives new UIDs, and knows which are replaced.
    levels : tuple of str
        Of which levels the UIDs of the object itself are replaced: keys of `LEVELS`.
    """
    for level in levels:
        for node in tree.root.find(LEVELS[level]):
            uids.learn(node.raw)
    for node in uid_nodes(tree):
        old = node.raw
        new = uids.translated(old)
        if new is not old:
            node.set(new, "UI" if node.vr == "??" else node.vr)


def know_uids(
    path: Path, uids: NewUids, levels: tuple[str, ...], conditions: Sequence[Condition] = ()
) -> None:
    """Get to know the UIDs of a file, as far as it can be read, before any is replaced.

    Parameters
    ----------
    path : Path
        The file; only its beginning is read. What can be read but once is not read.
    uids, levels
        As for `replace_uids`.
    conditions : sequence of Condition
        What the file must meet; the UIDs of others stay.
    """
    if path == STDIN or not os.path.isfile(path):  # noqa: PTH113 - never raises
        return
    wanted = {LEVELS[level] for level in levels}
    last = max(wanted)
    with suppress(InputError), DicomFile(path, glance=not conditions) as file:
        if not meets(file, conditions):
            return
        for element in file.elements():
            if element.level.depth:
                continue
            if element.tag in wanted:
                uids.learn(file.value(element))
            elif element.tag > last and element.vr:
                break


def uid_nodes(tree: Tree) -> Iterator[Node]:
    """Walk the elements that have UIDs."""
    for node in tree.walk():
        if node.vr == "UI" or (node.vr in _UNSURE and _is_uid(node)):
            yield node


def _is_uid(node: Node) -> bool:
    """Tell whether an element has UIDs where the file does not say: by the dictionary, or looks."""
    creator = node.creator
    look_up = dictionary.lookup_private
    entry = look_up(creator, node.tag) if creator else dictionary.lookup(node.tag)
    if entry is None:
        return node.length in _LENGTHS and _UIDS.fullmatch(node.raw) is not None
    return entry.vr == "UI"

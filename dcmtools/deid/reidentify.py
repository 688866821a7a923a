"""Decide what goes back into a de-identified data set: what a map has, and nothing else.

UIDs go back at all depths, dates where they were moved, and the values that the map has for the
series or instance. What was emptied, removed or replaced otherwise is lost and stays so.
"""

from dataclasses import dataclass

from dcmtools.dataset import dictionary
from dcmtools.dataset.elements import SERIES_INSTANCE_UID, SOP_INSTANCE_UID
from dcmtools.dataset.new_text import encoded
from dcmtools.dataset.tree import DataSet, Node, Tree
from dcmtools.dataset.values import texts
from dcmtools.deid.dates import shift_date
from dcmtools.deid.identity import PATIENT_ID, PATIENT_NAME, root_text
from dcmtools.deid.mapping import Mapping, Originals
from dcmtools.errors import InputError

_IDENTITY_REMOVED = 0x00120062
_DATES_MODIFIED = 0x00280303
_STATEMENTS = (0x00120063, 0x00120064)
"""De-identification Method and its Code Sequence, which are no longer true."""

_HINT = "It was not made by the run that has written the map, or was changed since."
_NAMES = {PATIENT_ID: "LO", PATIENT_NAME: "PN"}


@dataclass(frozen=True, slots=True)
class Restored:
    """What has gone back.

    Parameters
    ----------
    count : int
        The elements that have an original value again.
    left : tuple of str
        The keywords of those whose original value the map has, and the character set of the data
        set has not; they stay as they are.
    """

    count: int
    left: tuple[str, ...]


def reidentified(tree: Tree, mapping: Mapping) -> Restored:
    """Put the original values back into a data set that was de-identified.

    Parameters
    ----------
    tree : Tree
        The data set, which is edited.
    mapping : Mapping
        The map that the de-identification has written.

    Raises
    ------
    InputError
        The map does not know the instance, or knows it as that of another patient. Nothing is
        changed then.
    """
    root, name = tree.root, str(tree.file.path)
    instance = root_text(root, SOP_INSTANCE_UID, "UI")
    found = mapping.find(root_text(root, SERIES_INSTANCE_UID, "UI"), instance)
    if found is None:
        raise InputError(name, f"its UIDs are not in {mapping.name}", _HINT)
    if root_text(root, PATIENT_ID, "LO") != found.patient_id:
        why = f"its Patient ID is not that of its UIDs in {mapping.name}"
        raise InputError(name, why, _HINT)
    count = sum(_put_back(node, found, mapping) for node in list(tree.walk()))
    left = []
    originals = dict.fromkeys(_NAMES, "") | found.texts
    for tag, text in originals.items():
        nodes = root.find(tag)
        if tag in _NAMES:
            nodes += _like(tree, tag, found)
        try:
            count += _set_all(root, tag, nodes, text)
        except ValueError:  # it does not say what, for that is the patient's
            entry = dictionary.lookup(tag)
            left.append(entry.keyword if entry else f"{tag:08x}")
    _retract(root, found)
    return Restored(count, tuple(left))


def _put_back(node: Node, found: Originals, mapping: Mapping) -> bool:
    """Put the UIDs or the dates of one element back; tell whether it had any."""
    if node.vr == "UI":
        uids = texts(node.raw, "UI", b"")
        if not any(uid in mapping.uids for uid in uids):
            return False
        old = "\\".join(mapping.uids.get(uid, uid) for uid in uids)
        node.set(old.encode("ascii", "surrogateescape"))
        return True
    if node.vr in ("DA", "DT") and node.tag in found.shifted:
        moved = shift_date(node.raw, node.vr, -found.shift)
        if moved:
            node.set(moved)
            return True
    return False


def _like(tree: Tree, tag: int, found: Originals) -> list[Node]:
    """Find the elements in items that have the pseudonym too."""
    new = found.patient_id if tag == PATIENT_ID else found.patient_name
    return [
        node
        for node in tree.walk()
        if node.tag == tag
        and node.owner is not tree.root
        and texts(node.raw, _NAMES[tag], node.owner.charset) == [new]
    ]


def _set_all(root: DataSet, tag: int, nodes: list[Node], text: str) -> int:
    """Give elements their original value, and make one where the data set has none."""
    entry = dictionary.lookup(tag)
    vr = entry.vr if entry else "LO"
    raws = [_encoded(text, vr, node.owner) for node in nodes]
    for node, raw in zip(nodes, raws, strict=True):
        node.set(raw)
    if not nodes and text:
        root.add(tag, vr, _encoded(text, vr, root))
        return 1
    return len(nodes)


def _encoded(text: str, vr: str, owner: DataSet) -> bytes:
    if text.isascii():
        return text.encode()
    charset = owner.charset.decode("ascii", "replace").strip("\0 ")
    return encoded(text, charset, person_name=vr == "PN")


def _retract(root: DataSet, found: Originals) -> None:
    """Take back what is no longer true."""
    for node in root.find(_IDENTITY_REMOVED):
        node.set(b"NO")
    for tag in _STATEMENTS:
        for node in root.find(tag):
            node.erase()
    if found.shifted:
        # Of dates that are back where they were, nobody has said that none is missing.
        for node in root.find(_DATES_MODIFIED):
            node.erase()

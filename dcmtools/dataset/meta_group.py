"""Edit what stands before a data set: the file meta group (PS3.10 7.1), as a tree of its own.

The preamble, and what vendors have put into the group, stay as they are.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from dcmtools.dataset.elements import SOP_CLASS_UID, SOP_INSTANCE_UID, Element
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.tree import Tree

MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003


class MetaGroup:
    """The file meta group of a file, which is read as a data set is.

    Parameters
    ----------
    file : DicomFile
        The file; it has a file meta group.
    """

    charset = b""
    damage = None
    meta: ClassVar[list[Element]] = []

    def __init__(self, file: DicomFile) -> None:
        self.path = file.path
        self._file = file
        source, first = file.before, file.meta[0]
        self.header = replace(
            file.header, source=source, start=0, encoding=first.level.encoding, deflated=False
        )
        self.end = file.header.offset

    def elements(self) -> Iterator[Element]:
        """List the elements, in file order."""
        return iter(self._file.meta)

    def value(self, element: Element) -> bytes:
        """Read the value of an element."""
        return self._file.value(element)


def read_meta(file: DicomFile) -> Tree | None:
    """Read the file meta group as a tree; None where the file has none."""
    return Tree(MetaGroup(file)) if file.meta else None


def meta_bytes(file: DicomFile, meta: Tree | None) -> bytes:
    """Give all that stands before the data set, with what has changed in the file meta group."""
    if meta is None or not meta.touched:
        return file.before.read(0, file.header.offset)
    return meta.edited().read()


def follow(meta: Tree | None, tree: Tree) -> None:
    """Have the file meta group name the object that the data set is, where it has changed."""
    if meta is None or not tree.touched:
        return
    for tag, source in (
        (MEDIA_STORAGE_SOP_CLASS_UID, SOP_CLASS_UID),
        (MEDIA_STORAGE_SOP_INSTANCE_UID, SOP_INSTANCE_UID),
    ):
        changed = [node for node in tree.root.find(source) if not node.is_as_read]
        if changed:
            raw = changed[0].raw
            for node in meta.root.find(tag) or [meta.root.add(tag, "UI")]:
                node.set(raw)

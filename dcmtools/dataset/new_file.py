"""Make a file that holds no data set yet, to be filled by an edit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from dcmtools.dataset.elements import SOP_CLASS_UID, SOP_INSTANCE_UID
from dcmtools.dataset.part10 import file_start
from dcmtools.dataset.tree import Tree
from dcmtools.errors import InputError

_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


@contextmanager
def empty_file() -> Iterator[Path]:
    """Make an empty file in explicit VR little endian; it is gone at the end of the block."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - seldom asked for

    with TemporaryDirectory(prefix="dcmtools-") as folder:
        path = Path(folder, "new.dcm")
        path.write_bytes(file_start("", "", _EXPLICIT_LITTLE))
        yield path


def complete(tree: Tree, name: str) -> None:
    """See that a new data set says what it is; give it a SOP Instance UID where it has none.

    Raises
    ------
    InputError
        It has no SOP Class UID.
    """
    if not any(node.length for node in tree.root.find(SOP_CLASS_UID)):
        hint = "Say what the new object is: -i SOPClassUID=UID."
        raise InputError(name, "is to be made, and has no SOPClassUID", hint)
    if not tree.root.find(SOP_INSTANCE_UID):
        uid = f"2.25.{uuid4().int}"  # PS3.5 B.2
        tree.root.add(SOP_INSTANCE_UID, "UI", uid.encode())

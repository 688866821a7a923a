"""Do operations to encoded data sets in tests, and give back what has become of them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from dcmtools.dataset.editor import Editor, Manner
from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.operations import Operation, read_script
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.tree import read_tree
from tests.factories import EXPLICIT, element, item, part10, write

RULES = Rules(binary=True, charset_hint="--charset utf8")
HINT = "--vr VR"
SEQUENCE, OTHER_SEQUENCE = 0x00400275, 0x00081115
TEXT = 0x00400007


def operations(*lines: str, vr: str = "", rules: Rules = RULES) -> tuple[Operation, ...]:
    """Read operations as they stand in a script."""
    return tuple(read_script("\n".join(lines), "script", vr=vr, rules=rules))


def done(
    body: bytes,
    *lines: str,
    syntax: str = EXPLICIT,
    vr: str = "",
    ignore_missing: bool = False,
    rules: Rules = RULES,
) -> bytes:
    """Do operations to a data set; give the bytes of the result."""
    wanted = operations(*lines, vr=vr, rules=rules)
    with TemporaryDirectory() as folder:
        path = write(Path(folder, "in.dcm"), part10(body, syntax))
        with DicomFile(path) as file:
            tree = read_tree(file)
            Editor(tree, None, Manner(rules, ignore_missing, HINT)).apply(wanted)
            result = tree.edited().read()
    with TemporaryDirectory() as folder:  # what was made can be read again
        path = write(Path(folder, "out.dcm"), part10(result, syntax))
        with DicomFile(path) as file:
            read_tree(file)
    return result


def lo(tag: int, value: str, charset: str = "ascii") -> bytes:
    """Encode an element of VR LO."""
    raw = value.encode(charset)
    return element(tag, "LO", raw + b" " * (len(raw) % 2))


def sq(tag: int, *items: bytes) -> bytes:
    """Encode a sequence."""
    return element(tag, "SQ", b"".join(map(item, items)))

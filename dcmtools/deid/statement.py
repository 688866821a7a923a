"""Say in a data set what was done to it (PS3.15 E.1.1, PS3.3 C.12.1): truthfully, for this file.

What an earlier de-identification has said stays true and stays: the attributes have several values
or items for successive steps. Of what became of the dates the step that took the most counts.
"""

from dcmtools import __version__
from dcmtools.dataset.tree import DataSet, Node
from dcmtools.dataset.values import texts
from dcmtools.deid.options import Method

PATIENT_IDENTITY_REMOVED = 0x00120062
DEIDENTIFICATION_METHOD = 0x00120063
DEIDENTIFICATION_METHOD_CODE_SEQUENCE = 0x00120064
LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED = 0x00280303
CODE_VALUE, CODING_SCHEME_DESIGNATOR, CODE_MEANING = 0x00080100, 0x00080102, 0x00080104

_HOW = f"dcmtools {__version__}, PS3.15 Annex E 2026d"
_WITH_RECIPE = "with rules of a recipe on top"
_FATES = ("UNMODIFIED", "MODIFIED", "REMOVED")


def state(
    root: DataSet,
    methods: tuple[Method, ...],
    temporal_information: str,
    *,
    is_removed: bool,
    has_recipe: bool,
) -> None:
    """Put the statement into a data set.

    Parameters
    ----------
    root : DataSet
        The data set, de-identified.
    methods : tuple of Method
        What was done.
    temporal_information : str
        What became of the dates.
    is_removed : bool
        Whether the identity of the patient is removed; not where a recipe has kept it.
    has_recipe : bool
        Whether rules of a recipe counted.
    """
    _set(root, PATIENT_IDENTITY_REMOVED, "CS", "YES" if is_removed else "NO")
    said = [
        text
        for node in root.find(DEIDENTIFICATION_METHOD)
        for text in texts(node.raw, "LO", b"ISO_IR 100")
    ]
    ours = [_HOW, _WITH_RECIPE] if has_recipe else [_HOW]
    if said[-len(ours) :] != ours:
        _append(root, DEIDENTIFICATION_METHOD, "\\".join(ours).encode())
    _add_codes(root, methods)
    old = _first(root, LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED)
    fates = [fate for fate in (old, temporal_information) if fate in _FATES]
    fate = max(fates, key=_FATES.index)
    _set(root, LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, "CS", fate)


def _first(data_set: DataSet, tag: int) -> str:
    found = data_set.find(tag)
    return found[0].raw.decode("latin-1").strip(" \0") if found else ""


def _set(root: DataSet, tag: int, vr: str, value: str) -> None:
    raw = value.encode()
    for node in root.find(tag) or [root.add(tag, vr, raw)]:
        node.set(raw, vr)


def _append(root: DataSet, tag: int, raw: bytes) -> None:
    found = root.find(tag)
    if not found:
        root.add(tag, "LO", raw)
        return
    old = found[0].raw.rstrip(b" \0")
    found[0].set(old + b"\\" + raw if old else raw, "LO")


def _add_codes(root: DataSet, methods: tuple[Method, ...]) -> None:
    found = [node for node in root.find(DEIDENTIFICATION_METHOD_CODE_SEQUENCE) if node.vr == "SQ"]
    sequence = found[0] if found else root.add(DEIDENTIFICATION_METHOD_CODE_SEQUENCE, "SQ")
    said = {_code(item) for item in sequence.items or ()}
    for code, scheme, meaning in methods:
        if (code, scheme) not in said:
            _add_code(sequence, code, scheme, meaning)


def _code(item: DataSet) -> tuple[str, str]:
    return _first(item, CODE_VALUE), _first(item, CODING_SCHEME_DESIGNATOR)


def _add_code(sequence: Node, code: str, scheme: str, meaning: str) -> None:
    item = sequence.add_item()
    item.add(CODE_VALUE, "SH", code.encode())
    item.add(CODING_SCHEME_DESIGNATOR, "SH", scheme.encode())
    item.add(CODE_MEANING, "LO", meaning.encode())

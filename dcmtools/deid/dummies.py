"""Decide what stands where a value must be and the true one must not: action D (PS3.15 E.1.1).

A dummy is ASCII, which every character set holds, and fits the VR and the VM. It is a constant,
but for identifiers and UIDs, where two that differ have to differ afterwards.
"""

import re

from dcmtools.dataset import dictionary, values
from dcmtools.deid.keys import Key

_WORD = b"ANONYMIZED"
_TEXTS = dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), _WORD) | {
    "AS": b"000Y",
    "DA": b"20000101",
    "DS": b"0",
    "DT": b"20000101000000",
    "IS": b"0",
    "TM": b"000000",
    "UR": b"urn:dcmtools:anonymized",
}
_SIZES = {
    "US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8, "AT": 4,
    "OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8,
}  # fmt: skip
_ONE_BY_NATURE = values.SINGLE_TEXT_VRS | values.BINARY_VRS
_IDENTIFIER = re.compile(r"\w+(ID|Identifier|SerialNumber)")
_IDENTIFIER_VRS = ("LO", "SH", "UC")
_PADDING = b" \0"


def dummy(tag: int, vr: str, old: bytes, key: Key, root: str = "") -> bytes:
    """Give a value that tells nothing.

    Patient ID and Patient's Name are not for this: they get the pseudonym of the patient. Nor are
    sequences, whose items have to be dealt with one by one.

    Parameters
    ----------
    tag : int
        Group and element.
    vr : str
        Its VR in the file; not SQ.
    old : bytes
        The true value, which only shows, through the key, in identifiers and UIDs.
    key : Key
        What makes the new UIDs and identifiers.
    root : str
        What new UIDs begin with; see `Key.uid`.

    Returns
    -------
    bytes
        The value, right in either byte order, without padding and never empty.
    """
    entry = dictionary.lookup(tag)
    count = 1 if vr in _ONE_BY_NATURE or entry is None else _least(entry.vm)
    text = old.strip(_PADDING).decode("latin-1")
    if vr == "UI":
        return "\\".join(key.uid(uid, root) for uid in text.split("\\")).encode()
    if vr in _TEXTS:
        one = _TEXTS[vr]
        if entry and text and vr in _IDENTIFIER_VRS and _IDENTIFIER.fullmatch(entry.keyword):
            one = key.token("dummy", f"{tag:08x}", text).encode()
        return b"\\".join([one] * count)
    return bytes(_SIZES.get(vr, 2) * count)


def _least(vm: str) -> int:
    """Read the fewest values that a VM allows, such as 3, 1-n or 2-2n (PS3.6)."""
    match = re.match(r"[1-9][0-9]*", vm)
    return int(match[0]) if match else 1

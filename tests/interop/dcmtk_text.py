"""Read the text of a dump, DCMTK's or ours, back into records that can be compared."""

import re
import struct
import warnings
from typing import NamedTuple

from pydicom.charset import convert_encodings, decode_bytes

from dcmtools.dataset.text import _WIDEST_MARGIN
from dcmtools.escape import escape

_HEAD = re.compile(r"( *)\(([0-9a-f]{4},[0-9a-f]{4})\) (..) ")
_TAIL = re.compile(r" +(u/l|\d+), ?(\d+) ")
_START = re.compile(r"^ *\([0-9a-f]{4},[0-9a-f]{4}\) .. ")
_VRS = {"??": "UN", "up": "UL", "ox": "OW", "xs": "US"}


class Line(NamedTuple):
    """One line of a dump, without its layout and without the name of the attribute."""

    indent: int
    tag: str
    vr: str
    value: str
    length: str
    vm: str


def parse(text: str) -> list[Line]:
    """Read a dump; a value of `dcmdump` may go over several lines."""
    records: list[str] = []
    for line in text.split("\n"):
        if _START.match(line):
            records.append(line)
        elif records and not _TAIL.match(records[-1].rpartition("#")[2]):
            records[-1] += "\n" + line
    return [_line(record) for record in records]


def _line(record: str) -> Line:
    body, _, tail = record.rpartition("#")
    head, counts = _HEAD.match(body), _TAIL.match(tail)
    assert head, record
    assert counts, record
    indent, tag, vr = head.groups()
    value, (length, vm) = body[head.end() :].rstrip(" "), counts.groups()
    vr = _VRS.get(vr, vr)
    if tag.startswith("fffe") and vr == "na":
        value = ""  # how items and delimiters are described
        vm = ""
    if value.startswith("(Sequence with"):
        value = "SQ"
    if value == "(no value available)":
        value, vm = "", "0"
    if value.startswith("(PixelSequence"):
        vr = "OB"  # DCMTK says so whatever the file says
    return Line(min(len(indent), _WIDEST_MARGIN), tag, vr, value, length, vm)


def same_value(theirs: Line, ours: Line, utf8: str | None, charsets: set[str]) -> bool:
    """Tell whether two lines show one value.

    Parameters
    ----------
    theirs, ours : Line
        The lines of `dcmdump` and of ours.
    utf8 : str, optional
        The value as ``dcmdump +U8`` shows it, where it can.
    charsets : set of str
        The Specific Character Sets of the file; where DCMTK cannot convert, pydicom can.
    """
    value = escape(theirs.value)
    if ours.value in (value, value.replace("\\x00]", "]")):
        return True  # DCMTK shows the NUL that pads a text to an even length
    if utf8 is not None and ours.value == escape(utf8):
        return True
    if not theirs.value.isascii() or "\x1b" in theirs.value:
        raw = theirs.value.encode("latin-1")
        if any(ours.value == escape(_by_pydicom(raw, charset)) for charset in charsets):
            return True
    if ours.value == _undecoded(theirs.value):
        return True  # bytes that are no text in the character set of the file
    if ours.vr == "UI":  # DCMTK drops spaces in UIDs
        return ours.value.replace(" ", "") == value.replace(" ", "")
    return ours.vr in ("FL", "OF", "FD", "OD") and _same_numbers(ours.vr, value, ours.value)


def _by_pydicom(raw: bytes, charset: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about bytes that pydicom replaces
        encodings = convert_encodings(charset.split("\\"))
        return decode_bytes(raw, encodings, set(b"\r\n\t\f\\^="))


def _undecoded(value: str) -> str:
    return "".join(f"\\x{ord(c):02x}" if ord(c) > 0x7E or ord(c) < 0x20 else c for c in value)


def _same_numbers(vr: str, theirs: str, ours: str) -> bool:
    try:
        pairs = list(zip(map(float, theirs.split("\\")), map(float, ours.split("\\")), strict=True))
    except ValueError:
        return False
    if vr in ("FL", "OF"):
        pairs = [(_single(a), _single(b)) for a, b in pairs]
    return all(a == b or abs(a - b) <= 1e-14 * abs(b) or (a != a and b != b) for a, b in pairs)  # noqa: PLR0124 - NaN


def _single(number: float) -> float:
    value: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return value

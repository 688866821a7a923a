"""Write data sets byte by byte: any order, any form, and nothing that a library would tidy up."""

import zlib
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from struct import pack
from typing import NamedTuple

LONG_VRS = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
TEXT_VRS = frozenset(["LO", "LT", "PN", "SH", "ST", "UC", "UT"])
NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "AT": "H"}
CODECS = {
    "": "ascii",
    "ISO_IR 100": "latin-1",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "ISO_IR 13": "shift_jis",
    "\\ISO 2022 IR 87": "iso2022_jp",
}
UNDEFINED = 0xFFFFFFFF

Value = str | bytes | tuple[float, ...]


class Form(Enum):
    """How an element is written."""

    DEFINED = "its own VR, a defined length"
    UNDEFINED = "an undefined length"
    HIDDEN = "VR UN, a defined length"
    HIDDEN_UNDEFINED = "VR UN, an undefined length"


class Note(Enum):
    """What an element is there for, where the table of attributes does not say so."""

    PLAIN = "has to be kept"
    FREE = "may be kept, changed or removed; what identifies may not be in it"
    UID = "a UID that the table does not list"
    UNKNOWN = "an attribute that no dictionary knows, has to go"
    INVALID = "a listed attribute whose value is no valid one"
    CODE = "a listed attribute, for which a code that is fixed by the standard stands"


@dataclass(frozen=True, slots=True)
class Element:
    """One element; `items` for a sequence, `fragments` for encapsulated pixel data."""

    tag: int
    vr: str
    value: Value = b""
    items: tuple[tuple["Element", ...], ...] | None = None
    fragments: tuple[bytes, ...] | None = None
    form: Form = Form.DEFINED
    note: Note = Note.PLAIN
    creator: str = ""

    @property
    def private(self) -> bool:
        """Tell a private element by its odd group."""
        return bool(self.tag >> 16 & 1)


Elements = tuple[Element, ...]


class Syntax(NamedTuple):
    """What matters of a transfer syntax here."""

    uid: str
    explicit: bool = True
    big: bool = False
    deflated: bool = False


IMPLICIT = Syntax("1.2.840.10008.1.2", explicit=False)
EXPLICIT = Syntax("1.2.840.10008.1.2.1")
BIG = Syntax("1.2.840.10008.1.2.2", big=True)
DEFLATED = Syntax("1.2.840.10008.1.2.1.99", deflated=True)
JPEG = Syntax("1.2.840.10008.1.2.4.50")
RLE = Syntax("1.2.840.10008.1.2.5")


def ordered(*groups: Elements | list[Element]) -> Elements:
    """Put elements into the order of their tags; those with the same tag keep theirs."""
    return tuple(sorted(chain(*groups), key=lambda element: element.tag))


def raw(element: Element, charset: str, *, big: bool = False) -> bytes:
    """Encode the value of an element that is not a sequence, padded to an even length."""
    value = element.value
    if isinstance(value, tuple):
        form = NUMBERS[element.vr]
        return pack(f"{'>' if big else '<'}{len(value)}{form}", *value)
    if isinstance(value, str):
        value = value.encode(CODECS[charset] if element.vr in TEXT_VRS else "latin-1")
    pad = b"\0" if element.vr in ("UI", "OB", "UN", "OW") else b" "
    return value + pad * (len(value) % 2)


def _head(tag: int, vr: str, length: int, syntax: Syntax) -> bytes:
    order = ">" if syntax.big else "<"
    head = pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if not syntax.explicit or tag >> 16 == 0xFFFE:
        return head + pack(f"{order}I", length)
    if vr in LONG_VRS:
        return head + vr.encode() + pack(f"{order}HI", 0, length)
    return head + vr.encode() + pack(f"{order}H", length)


def _items(items: tuple[Elements, ...], charset: str, syntax: Syntax, *, undefined: bool) -> bytes:
    pieces = []
    for item in items:
        body = encode(item, charset, syntax)
        length = UNDEFINED if undefined else len(body)
        pieces.append(_head(0xFFFEE000, "", length, syntax) + body)
        if undefined:
            pieces.append(_head(0xFFFEE00D, "", 0, syntax))
    return b"".join(pieces)


def fragments(element: Element) -> bytes:
    """Encode the basic offset table, empty, and the fragments, without the delimiter."""
    parts = (b"", *(element.fragments or ()))
    return b"".join(_head(0xFFFEE000, "", len(part), EXPLICIT) + part for part in parts)


def encode(elements: Elements, charset: str, syntax: Syntax) -> bytes:
    """Encode a data set or an item."""
    pieces = []
    for element in elements:
        hidden = element.form in (Form.HIDDEN, Form.HIDDEN_UNDEFINED) and syntax.explicit
        undefined = element.form in (Form.UNDEFINED, Form.HIDDEN_UNDEFINED)
        # What a VR of UN holds is implicit, PS3.5 section 6.2.2 note 4.
        inner = IMPLICIT if hidden else syntax
        if element.fragments is not None:
            body, undefined = fragments(element), True
        elif element.items is not None:
            body = _items(element.items, charset, inner, undefined=undefined)
        else:
            body, undefined = raw(element, charset, big=inner.big), False
        vr = "UN" if hidden else element.vr
        pieces.append(_head(element.tag, vr, UNDEFINED if undefined else len(body), syntax) + body)
        if undefined:
            pieces.append(_head(0xFFFEE0DD, "", 0, syntax))
    return b"".join(pieces)


def part10(  # noqa: PLR0913 - a file has these parts
    meta: Elements,
    body: Elements,
    charset: str,
    syntax: Syntax,
    *,
    preamble: bytes = bytes(128),
    tail: bytes = b"",
) -> bytes:
    """Write a file of PS3.10; `tail` are bytes that have no business behind it."""
    head = encode(meta, "", EXPLICIT)
    length = encode((Element(0x00020000, "UL", (len(head),)),), "", EXPLICIT)
    content = encode(body, charset, syntax)
    if syntax.deflated:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        content = packer.compress(content) + packer.flush()
        content += b"\0" * (len(content) % 2)
    return preamble + b"DICM" + length + head + content + tail

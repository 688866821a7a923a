"""Decide what the header of an element says: its VR, its length, and whether it is plain.

Headers that need no care are remembered by their first bytes, so that the reader's tight loop has
to look nothing up: the tags of a data set are always the same few hundred.
"""

from struct import Struct
from typing import NamedTuple

from dcmtools.dataset import dictionary
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import LONG_VRS, SHORT_VRS, Element, Level
from dcmtools.dataset.path import format_tag

LONGEST_HEADER = 12
"""Bytes of a tag, a VR, two reserved bytes and a length of four (PS3.5 Table 7.1-1)."""

ITEM_HEADER = 8
"""Bytes of a tag and a length of four (PS3.5 7.5)."""

TAGS = {False: Struct("<HH").unpack_from, True: Struct(">HH").unpack_from}
SHORT = {False: Struct("<H").unpack_from, True: Struct(">H").unpack_from}
LONG = {False: Struct("<I").unpack_from, True: Struct(">I").unpack_from}
"""Readers of tags and lengths, by whether they are big endian."""

_MAX_KNOWN = 50_000
_LUT_DATA = 0x00283006
_AMBIGUOUS = {
    "US or SS": "US",
    "US or OW": "OW",
    "OB or OW": "OW",
    "US or SS or OW": "OW",
    "OB_OW": "OW",
}


class Known(NamedTuple):
    """Headers seen before, by their first bytes: tag, VR and whether the length is long."""

    explicit: dict[bytes, tuple[int, str, bool]]
    implicit: dict[bytes, tuple[int, str, bool]]


KNOWN = {big_endian: Known({}, {}) for big_endian in (False, True)}
"""The plain headers of data sets."""

KNOWN_META = Known({}, {})
"""The plain headers of file meta groups."""


def remember(element: Element, header: bytes, *, meta: bool) -> None:
    """Remember the header of an element, if every element with that header is plain.

    Parameters
    ----------
    element : Element
        The element.
    header : bytes
        The bytes that it starts with.
    meta : bool
        Whether it belongs to a file meta group.
    """
    tag, vr = element.tag, element.vr
    implicit, big = element.level.encoding
    if vr in ("SQ", "UN", "??") or (tag >> 16 in (0x0000, 0x0002) and not meta):
        return
    if implicit:
        entry = None if tag & PRIVATE_GROUP else dictionary.lookup(tag)
        if entry is None or entry.vr != vr:
            return
    known = KNOWN_META if meta else KNOWN[big]
    table = known.implicit if implicit else known.explicit
    if len(table) < _MAX_KNOWN:
        is_long = element.value_offset - element.offset == LONGEST_HEADER
        table[header[: 4 if implicit else 6]] = (tag, vr, is_long)


def implicit_vr(tag: int, level: Level) -> str:
    """Find the VR of an element that does not carry one, by the dictionaries.

    Where the standard leaves a choice, it is the one of PS3.5 A.1 and PS3.3 C.7.6.3.1.1: Pixel
    Representation decides about numbers, and what may be OW is.
    """
    creator = level.creator(tag)
    entry = dictionary.lookup_private(creator, tag) if creator else dictionary.lookup(tag)
    vr = entry.vr if entry else "UN"
    if vr == "US or SS" and level.signed:
        return "SS"
    if vr == "US or OW" and tag != _LUT_DATA:
        return "US"
    return _AMBIGUOUS.get(vr, vr)


def explicit_header(header: bytes, left: int, *, big_endian: bool) -> tuple[str, int, int]:
    """Read VR, length and size of a header (PS3.5 7.1.2).

    Parameters
    ----------
    header : bytes
        The bytes that the element starts with, at least 8.
    left : int
        The bytes up to the end of what holds the element.
    big_endian : bool
        Whether the length is.

    Returns
    -------
    tuple of str, int, int
        The VR, "??" where there is none; the length in bytes; the size of the header in bytes,
        which is more than `header` has where that is cut.
    """
    vr = header[4:6]
    if vr in SHORT_VRS:
        return vr.decode(), SHORT[big_endian](header, 6)[0], 8
    whole = len(header) >= LONGEST_HEADER
    if vr in LONG_VRS:
        return vr.decode(), LONG[big_endian](header, 8)[0] if whole else 0, LONGEST_HEADER
    # VRs to come have the long form (PS3.5 7.1.2); what is no VR at all has been written by
    # programs that know the short form only. The reserved bytes tell, where the length fits.
    if header[6:8] == b"\0\0" and whole and vr.isupper():
        length = LONG[big_endian](header, 8)[0]
        if length <= left - LONGEST_HEADER:
            return "??", length, LONGEST_HEADER
    return "??", SHORT[big_endian](header, 6)[0], 8


def describe(tag: int) -> str:
    """Name an element in a message: its keyword and tag."""
    entry = dictionary.lookup(tag)
    return f"{entry.keyword} {format_tag(tag)}" if entry else format_tag(tag)


def printable_vr(header: bytes) -> str:
    """Show what stands where a VR should."""
    vr = header[4:6]
    return repr(vr.decode("latin-1")) if vr.isalpha() else vr.hex(" ")

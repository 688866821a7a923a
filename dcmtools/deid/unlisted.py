"""Decide about what Table E.1-1 of PS3.15 does not list by its tag, and why it cannot stay.

Whole groups, group lengths and padding, elements that no dictionary knows, UIDs, and attributes
that hold free text, names, dates and addresses as those do that are listed.
"""

from functools import cache
from typing import NamedTuple

from dcmtools.dataset.dictionary import PRIVATE_GROUP, lookup


class Unlisted(NamedTuple):
    """What becomes of an attribute that Table E.1-1 does not list."""

    keyword: str
    vr: str
    basic: str
    """A code as the column of the Basic Profile has them."""
    options: tuple[tuple[str, str], ...]
    """Columns of the options, and their codes."""
    why: str


_LIKE_LISTED: tuple[tuple[str, str, str, tuple[int, ...]], ...] = (
    ("free text", "X/Z/D", "clean_desc=C", (0x00180024, 0x00283003, 0x00420010, 0x00700081)),
    ("free text that a code needs", "C", "", (0x00080104, 0x00080108)),
    ("a name of a person", "X/Z/D", "", (0x00140104, 0x00142006, 0x0040A067)),
    (
        "a date or time",
        "X/Z/D",
        "rtn_long_full=K rtn_long_modif=C",
        (
            *(0x00080404, 0x00080416, 0x0008041F, 0x00140102, 0x00140103, 0x00141020),
            *(0x00143076, 0x00143077, 0x00144076, 0x00144078, 0x0014407A, 0x40101025),
            *(0x40101026, 0x4010102B, 0x40101041),
        ),
    ),
    (
        "an address that may name a site, a file or an instance",
        "X/Z/D",
        "",
        (
            *(0x00080407, 0x00080408, 0x00080409, 0x0008040B, 0x00081190, 0x00287FE0),
            *(0x00404073, 0x0040E010, 0x0074100A),
        ),
    ),
    ("the identifier of a document", "X/Z/D", "", (0x0040E001,)),
)
"""What the attributes hold, the codes for the Basic Profile and for options, and the tags."""


@cache
def unlisted() -> dict[int, Unlisted]:
    """Give the attributes, by tag, that are treated as those of Table E.1-1 are."""
    return {
        tag: Unlisted(entry.keyword, entry.vr, basic, _columns(options), why)
        for why, basic, options, tags in _LIKE_LISTED
        for tag in tags
        if (entry := lookup(tag))
    }


def _columns(options: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, code) for name, _, code in (each.partition("=") for each in options.split())
    )


DEFINITIONS = frozenset(
    {
        0x00080016,  # SOPClassUID
        0x0008001A,  # RelatedGeneralSOPClassUID
        0x0008001B,  # OriginalSpecializedSOPClassUID
        0x00080062,  # SOPClassesInStudy
        0x0008010C,  # CodingSchemeUID
        0x00080117,  # ContextUID
        0x00080118,  # MappingResourceUID
        0x0008040E,  # StoredInstanceTransferSyntaxUID
        0x00081150,  # ReferencedSOPClassUID
        0x0008115A,  # SOPClassesSupported
        0x00083002,  # AvailableTransferSyntaxUID
        0x00340003,  # FlowTransferSyntaxUID
        0x04000010,  # MACCalculationTransferSyntaxUID
        0x04000510,  # EncryptedContentTransferSyntaxUID
        0x30100052,  # PertinentSOPClassesInStudy
        0x30100053,  # PertinentSOPClassesInSeries
    }
)
"""UIDs of what is defined once for all: classes, syntaxes, coding schemes, context groups.

They name no instance, patient, device or place, private ones neither, and nothing that reads the
object understands another.
"""

LAST_SERVICE_GROUP = 0x0006
"""Groups up to here belong to messages, file meta information and DICOMDIRs (PS3.7, PS3.10)."""
CURVES = 0x5000
OVERLAYS = 0x6000
_REPEATING = 0xFF00
_PADDING = 0xFFFCFFFC


def repeating_group(tag: int) -> int:
    """Give `CURVES` or `OVERLAYS` for a tag of their groups (PS3.5 7.6), else 0."""
    group = tag >> 16 & _REPEATING
    return group if group in {CURVES, OVERLAYS} and not tag & PRIVATE_GROUP else 0


def out_of_place(tag: int) -> str:
    """Say why an element has no place in a de-identified data set whatever it holds, or ""."""
    if not tag & 0xFFFF:
        return "a group length, retired (PS3.5 7.2)"
    if tag == _PADDING:
        return "padding, which has no meaning (PS3.10 7.2)"
    if tag >> 16 <= LAST_SERVICE_GROUP:
        return "an element of a message, of file meta information or of a DICOMDIR"
    return ""

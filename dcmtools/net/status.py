"""Decide what the status of a response means and what to do about it (PS3.7 Annex C).

The categories are those of the codes themselves, so that a status that nobody has heard of is a
failure and never a success.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dcmtools.net.command import Command

SUCCESS = 0x0000
CANCEL = 0xFE00
PENDING = 0xFF00
OPTIONAL_KEYS = 0xFF01
"""Pending, but some optional keys are not supported (PS3.4 Table C.4-1)."""

_WARNINGS = (0x0001, 0x0107, 0x0116)
_WARNING_CLASS = 0xB
SUB_OPERATIONS = 0xA702
"""Refused, since sub-operations cannot be performed (PS3.4 Tables C.4-2, C.4-3)."""
UNABLE_TO_PROCESS = 0xC
"""The first digit of all statuses that say so."""

_GENERAL = {
    SUCCESS: "success",
    0x0001: "requested optional attributes are not supported",
    0x0105: "no such attribute",
    0x0106: "invalid attribute value",
    0x0107: "attribute list error",
    0x0110: "processing failure",
    0x0111: "duplicate SOP instance",
    0x0112: "no such SOP instance",
    0x0113: "no such event type",
    0x0114: "no such argument",
    0x0115: "invalid argument value",
    0x0116: "attribute value out of range",
    0x0117: "invalid object instance",
    0x0118: "no such SOP class",
    0x0119: "class-instance conflict",
    0x0120: "missing attribute",
    0x0121: "missing attribute value",
    0x0122: "refused: SOP class not supported",
    0x0123: "no such action",
    0x0124: "refused: not authorized",
    0x0210: "duplicate invocation",
    0x0211: "unrecognized operation",
    0x0212: "mistyped argument",
    0x0213: "resource limitation",
    CANCEL: "cancelled",
    PENDING: "pending",
    OPTIONAL_KEYS: "pending, optional keys are not supported",
}
"""PS3.7 Annex C, in words."""

_QUERY = {
    0xA700: "refused: out of resources",
    0xA701: "refused: out of resources, the number of matches cannot be told",
    0xA702: "refused: out of resources, the sub-operations cannot be performed",
    0xA710: "invalid prior record key",
    0xA801: "refused: move destination unknown",
    0xA900: "the identifier does not match the SOP class",
    0xAA00: "none of the frames that were asked for were found in the SOP instance",
    0xAA01: "unable to create a new object for this SOP class",
    0xAA02: "unable to extract frames",
    0xAA03: "a request by time for a SOP instance without time",
    0xAA04: "invalid request",
    0xB000: "sub-operations are complete, some with failures or warnings",
    0xB001: "matching reached the limit of responses, there may be more matches",
}
"""PS3.4 Tables C.4-1, C.4-2 and C.4-3, and for frames its Annex Y."""

_STORAGE = {
    0xB000: "coercion of data elements",
    0xB006: "elements discarded",
    0xB007: "the data set does not match the SOP class",
}
_STORAGE_RANGES = {
    0xA700: "refused: out of resources",
    0xA900: "the data set does not match the SOP class",
    0xC000: "cannot understand",
}
"""PS3.4 Table B.2-1; the ranges are A7xx, A9xx and Cxxx."""

_COMMITMENT = {
    0x0122: "referenced SOP class not supported",
    0x0131: "duplicate transaction UID",
}
"""Failure Reason (0008,1197), where other words than those of PS3.7 are due (PS3.3 C.14.1.1)."""

_HINTS = {
    0x0105: "The peer does not know one of the keys.",
    0x0106: "The peer does not take the value of one of the keys.",
    0x0122: "The peer offers this service but not for this kind of query; try another model "
    "(-S, -P, -O, -W).",
    0x0124: "Our AE title, address or user has no right to this; its administrator can tell.",
    0xA700: "It is out of resources: try again later, or ask for less.",
    0xA701: "Too many matches: narrow the keys down.",
    0xA702: "It cannot send to the destination: is that up, does the peer know its host and port, "
    "does it accept what is sent?",
    0xA801: "The peer knows no such AE title: have the destination added to its configuration, "
    "with host and port.",
    0xA900: "A key is missing or does not suit the level: give the unique keys of the levels "
    "above too, or try another model (-S, -P).",
    0xB000: "The destination did not take everything; its log and that of the peer may tell why.",
    0xB001: "Narrow the keys down: the peer does not give all matches at once.",
}
_HINTS_BY_CLASS = {0xC: "The peer could not process it; its log may tell why."}

_LOG = "Its log may tell why."
_STORAGE_HINTS = {
    0x0110: _LOG,
    0x0111: "It has an instance with this SOP Instance UID already, and keeps that.",
    0x0117: "It does not take this SOP Instance UID.",
    0x0122: "It does not store objects of this SOP class, though it may accept to negotiate it.",
    0x0124: _HINTS[0x0124],
    0xA700: "It may be full, or too busy: try again later.",
    0xA900: "It finds the object not to be of its SOP class; dcmtools dump shows what is in it.",
    0xB000: "It has changed what it stores; its log may tell what.",
    0xB006: "It has not stored all elements; its log may tell which it left out.",
    0xC000: "It could not make anything of the object; its log may tell why.",
}
_COMMITMENT_HINTS = {
    0x0110: _LOG,
    0x0112: "It does not have the instance, or not any more: send it again.",
    0x0119: "It has the instance, but as one of another SOP class.",
    0x0122: "It does not commit itself to keep objects of this SOP class.",
    0x0131: "Ask again: each request has a transaction UID of its own.",
    0x0213: "It may be full, or too busy: ask again later.",
}


class Service(StrEnum):
    """What was asked for; the same code means this here and that there."""

    QUERY = "query"
    """C-ECHO, C-FIND, C-MOVE and C-GET."""
    STORAGE = "storage"
    """C-STORE."""
    COMMITMENT = "commitment"
    """Storage commitment: the failure reason of an instance."""


_TEXTS = {Service.QUERY: _QUERY, Service.STORAGE: _STORAGE, Service.COMMITMENT: _COMMITMENT}


class Category(StrEnum):
    """What a status amounts to."""

    SUCCESS = "success"
    PENDING = "pending"
    CANCEL = "cancel"
    WARNING = "warning"
    FAILURE = "failure"


def category(status: int) -> Category:
    """Tell what a status amounts to (PS3.7 Annex C)."""
    if status == SUCCESS:
        return Category.SUCCESS
    if status in (PENDING, OPTIONAL_KEYS):
        return Category.PENDING
    if status == CANCEL:
        return Category.CANCEL
    if status in _WARNINGS or status >> 12 == _WARNING_CLASS:
        return Category.WARNING
    return Category.FAILURE


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a response.

    Parameters
    ----------
    code : int
        Status (0000,0900).
    comment : str
        Error Comment (0000,0902), as the peer wrote it.
    elements : tuple of int
        Offending Element (0000,0901).
    service : Service
        What was asked for.
    """

    code: int
    comment: str = ""
    elements: tuple[int, ...] = ()
    service: Service = Service.QUERY

    @classmethod
    def of(cls, response: Command, service: Service = Service.QUERY) -> "Status":
        """Take the status out of a response."""
        raw = response.offending_element or b""
        tags = tuple(
            int.from_bytes(raw[at : at + 2], "little") << 16
            | int.from_bytes(raw[at + 2 : at + 4], "little")
            for at in range(0, len(raw) - 3, 4)
        )
        return cls(response.status or 0, response.error_comment or "", tags, service)

    @property
    def category(self) -> Category:
        """What it amounts to."""
        return category(self.code)

    @property
    def text(self) -> str:
        """What it means: ``A801H, refused: move destination unknown``, and what the peer adds."""
        from dcmtools.dataset.element_header import describe  # noqa: PLC0415 - only for failures

        own = _TEXTS[self.service].get(self.code)
        words = own or _GENERAL.get(self.code) or self._range_text()
        text = f"{self.code:04X}H, {words}"
        if self.elements:
            text += f": {', '.join(describe(tag) for tag in self.elements)}"
        return f"{text}: {self.comment!r}" if self.comment else text

    def _range_text(self) -> str:
        if self.service is Service.STORAGE and (text := _in_range(_STORAGE_RANGES, self.code)):
            return text
        if self.category is Category.WARNING:
            return "a warning"
        return {0xA: "refused", 0xC: "unable to process"}.get(
            self.code >> 12, "a status that the standard does not define here"
        )

    @property
    def hint(self) -> str:
        """What can be done about it, "" where nothing is known to help."""
        if self.service is Service.STORAGE:
            return _in_range(_STORAGE_HINTS, self.code)
        if self.service is Service.COMMITMENT:
            return _COMMITMENT_HINTS.get(self.code, "")
        return _HINTS.get(self.code) or _HINTS_BY_CLASS.get(self.code >> 12, "")


def _in_range(table: Mapping[int, str], code: int) -> str:
    """Look a code up in a table in which A700 stands for A7xx, A900 for A9xx, C000 for Cxxx."""
    start = code & (0xF000 if code >> 12 == UNABLE_TO_PROCESS else 0xFF00)
    return table.get(code) or (table.get(start, "") if start in _STORAGE_RANGES else "")

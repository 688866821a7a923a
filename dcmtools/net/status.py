"""Decide what the status of a response means and what to do about it (PS3.7 Annex C).

The categories are those of the codes themselves, so that a status that nobody has heard of is a
failure and never a success.
"""

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
    """

    code: int
    comment: str = ""
    elements: tuple[int, ...] = ()

    @classmethod
    def of(cls, response: Command) -> "Status":
        """Take the status out of a response."""
        raw = response.offending_element or b""
        tags = tuple(
            int.from_bytes(raw[at : at + 2], "little") << 16
            | int.from_bytes(raw[at + 2 : at + 4], "little")
            for at in range(0, len(raw) - 3, 4)
        )
        return cls(response.status or 0, response.error_comment or "", tags)

    @property
    def category(self) -> Category:
        """What it amounts to."""
        return category(self.code)

    @property
    def text(self) -> str:
        """What it means: ``A801H, refused: move destination unknown``, and what the peer adds."""
        from dcmtools.dataset.element_header import describe  # noqa: PLC0415 - only for failures

        words = _GENERAL.get(self.code) or _QUERY.get(self.code) or self._class_text()
        text = f"{self.code:04X}H, {words}"
        if self.elements:
            text += f": {', '.join(describe(tag) for tag in self.elements)}"
        return f"{text}: {self.comment!r}" if self.comment else text

    def _class_text(self) -> str:
        if self.category is Category.WARNING:
            return "a warning"
        return {0xA: "refused", 0xC: "unable to process"}.get(
            self.code >> 12, "a status that the standard does not define here"
        )

    @property
    def hint(self) -> str:
        """What can be done about it, "" where nothing is known to help."""
        return _HINTS.get(self.code) or _HINTS_BY_CLASS.get(self.code >> 12, "")

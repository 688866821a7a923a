"""Encode and decode DIMSE command sets (PS3.7 section 6.3 and Annex E).

A command set is a handful of elements in implicit VR little endian, each message has one, and
thousands of them pass in a second: through a data set of pydicom's each would cost half a
millisecond. `tests/net/test_command.py` holds this codec against pydicom's.
"""

from dataclasses import dataclass, fields
from enum import IntEnum
from operator import attrgetter
from struct import Struct, error
from typing import Any

from dcmtools.net.connection import ProtocolError

NO_DATA_SET = 0x0101
DATA_SET_FOLLOWS = 0x0001
MEDIUM = 0x0000

_HEADER = Struct("<HHI")
_GROUP_LENGTH = Struct("<HHII")
_US = Struct("<H")
_MAX_VALUE = 1 << 16  # bytes; the longest there is lists the offending elements


class CommandField(IntEnum):
    """The commands (PS3.7 Table E.1-1)."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_GET_RQ = 0x0010
    C_GET_RSP = 0x8010
    C_FIND_RQ = 0x0020
    C_FIND_RSP = 0x8020
    C_MOVE_RQ = 0x0021
    C_MOVE_RSP = 0x8021
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    C_CANCEL_RQ = 0x0FFF
    N_EVENT_REPORT_RQ = 0x0100
    N_EVENT_REPORT_RSP = 0x8100
    N_GET_RQ = 0x0110
    N_GET_RSP = 0x8110
    N_SET_RQ = 0x0120
    N_SET_RSP = 0x8120
    N_ACTION_RQ = 0x0130
    N_ACTION_RSP = 0x8130
    N_CREATE_RQ = 0x0140
    N_CREATE_RSP = 0x8140
    N_DELETE_RQ = 0x0150
    N_DELETE_RSP = 0x8150


RESPONSE = 0x8000
"""The bit of a command field that makes it a response."""


@dataclass(slots=True)
class Command:
    """A command set; None stands for an element that it does not have.

    Parameters
    ----------
    field : int
        Command Field (0000,0100).
    message_id : int
        Message ID (0000,0110), of requests.
    responding_to : int
        Message ID Being Responded To (0000,0120), of responses and of C-CANCEL.
    sop_class, sop_instance : str
        Affected SOP Class and Instance UID (0000,0002), (0000,1000).
    priority : int
        0 medium, 1 high, 2 low (0000,0700).
    data_set : int
        Command Data Set Type (0000,0800); `NO_DATA_SET` where none follows.
    status : int
        Status (0000,0900), of responses.
    move_destination : str
        Move Destination (0000,0600), an AE title.
    remaining, completed, failed, warning : int
        Number of sub-operations (0000,1020) to (0000,1023).
    originator_aet, originator_message_id : str and int
        Who asked for the C-MOVE that a C-STORE belongs to (0000,1030), (0000,1031).
    error_comment : str
        Error Comment (0000,0902).
    offending_element : bytes
        Offending Element (0000,0901), tags of 4 bytes each.
    requested_sop_class, requested_sop_instance : str
        Requested SOP Class and Instance UID (0000,0003), (0000,1001), of N-ACTION and others.
    event_type : int
        Event Type ID (0000,1002), of N-EVENT-REPORT.
    action_type : int
        Action Type ID (0000,1008), of N-ACTION.
    """

    field: int
    message_id: int | None = None
    responding_to: int | None = None
    sop_class: str | None = None
    sop_instance: str | None = None
    priority: int | None = None
    data_set: int = NO_DATA_SET
    status: int | None = None
    move_destination: str | None = None
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None
    originator_aet: str | None = None
    originator_message_id: int | None = None
    error_comment: str | None = None
    offending_element: bytes | None = None
    requested_sop_class: str | None = None
    requested_sop_instance: str | None = None
    event_type: int | None = None
    action_type: int | None = None

    @property
    def has_data(self) -> bool:
        """Whether a data set follows."""
        return self.data_set != NO_DATA_SET

    @property
    def is_response(self) -> bool:
        """Whether this answers a request."""
        return bool(self.field & RESPONSE)

    @property
    def name(self) -> str:
        """The name of the command, as the standard writes it: ``C-FIND-RSP``."""
        try:
            return CommandField(self.field).name.replace("_", "-")
        except ValueError:
            return f"command {self.field:04X}H"

    def __str__(self) -> str:
        """Tell in a line what it is about: ``C-FIND-RSP to 1, status FF00H``."""
        if self.is_response:
            status = "no status" if self.status is None else f"status {self.status:04X}H"
            return f"{self.name} to {self.responding_to}, {status}"
        number = self.message_id if self.responding_to is None else self.responding_to
        return f"{self.name} {number}"


_ELEMENTS: dict[int, tuple[str, str]] = {
    0x0002: ("sop_class", "UI"),
    0x0003: ("requested_sop_class", "UI"),
    0x0100: ("field", "US"),
    0x0110: ("message_id", "US"),
    0x0120: ("responding_to", "US"),
    0x0600: ("move_destination", "AE"),
    0x0700: ("priority", "US"),
    0x0800: ("data_set", "US"),
    0x0900: ("status", "US"),
    0x0901: ("offending_element", "AT"),
    0x0902: ("error_comment", "LO"),
    0x1000: ("sop_instance", "UI"),
    0x1001: ("requested_sop_instance", "UI"),
    0x1002: ("event_type", "US"),
    0x1008: ("action_type", "US"),
    0x1020: ("remaining", "US"),
    0x1021: ("completed", "US"),
    0x1022: ("failed", "US"),
    0x1023: ("warning", "US"),
    0x1030: ("originator_aet", "AE"),
    0x1031: ("originator_message_id", "US"),
}
"""The elements of group 0000 that are used here, with their VR (PS3.7 Table E.1-1)."""

assert {name for name, _ in _ELEMENTS.values()} == {each.name for each in fields(Command)}  # noqa: S101

_VALUES = attrgetter(*(name for name, _ in _ELEMENTS.values()))
_HEADS = [(_HEADER.pack(0, number, 2), number, vr) for number, (_, vr) in _ELEMENTS.items()]
"""In the same order: what stands before a number, and what else there is to an element."""


def encode_command(command: Command) -> bytes:
    """Encode a command set, with its group length."""
    parts: list[bytes] = []
    for (head, number, vr), value in zip(_HEADS, _VALUES(command), strict=True):
        if value is None:
            continue
        if vr == "US":
            parts += head, _US.pack(value)
            continue
        raw = value
        if vr != "AT":
            raw = value.encode("ascii", "replace")
            raw += (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
        parts += _HEADER.pack(0, number, len(raw)), raw
    body = b"".join(parts)
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


def decode_command(raw: bytes | bytearray) -> Command:
    """Decode a command set; elements that are not used here are passed over.

    Raises
    ------
    ProtocolError
        It cannot be read, or says not which command it is.
    """
    values: dict[str, Any] = {}
    at, end = 0, len(raw)
    try:
        while at < end:
            group, number, length = _HEADER.unpack_from(raw, at)
            at += _HEADER.size
            behind = at + length
            if group or behind > end or length > _MAX_VALUE:
                raise ProtocolError("sent a command set that cannot be read")
            known = _ELEMENTS.get(number)
            if known and known[0] in values:
                raise ProtocolError("sent a command set that has an element twice")
            if known and length:
                name, vr = known
                value = raw[at:behind]
                if vr == "US":
                    (values[name],) = _US.unpack(value)
                elif vr == "AT":
                    values[name] = bytes(value)
                else:
                    values[name] = value.decode("ascii", "backslashreplace").strip(" \0")
            at = behind
        return Command(**values)
    except (error, TypeError):
        raise ProtocolError("sent a command set that cannot be read") from None

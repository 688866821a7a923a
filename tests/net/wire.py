"""Build and read PDUs and command sets byte by byte, right ones and wrong ones.

Independent of `dcmtools.net`, so that an error there cannot hide here: the structures are packed by
hand from PS3.8 section 9.3 and PS3.7 annex E, association requests are read by pynetdicom, and the
names, tags and VRs of command elements are pydicom's. Nothing is checked: a test may send anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from struct import pack, unpack_from
from typing import TYPE_CHECKING, Any, NamedTuple

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pynetdicom.dsutils import split_dataset
from pynetdicom.pdu import A_ASSOCIATE_RQ

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pynetdicom.pdu_primitives import A_ASSOCIATE

RQ, AC, RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
"""PDU types, PS3.8 section 9.3.1."""

VERIFICATION = "1.2.840.10008.1.1"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
CT = "1.2.840.10008.5.1.4.1.1.2"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

C_STORE, C_GET, C_FIND, C_MOVE, C_ECHO, C_CANCEL = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030, 0x0FFF
RESPONSE = 0x8000
NO_DATA = 0x0101
COMMAND, LAST = 1, 2
"""Bits of the message control header, PS3.8 annex E.2: a command fragment, the last fragment."""

HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400\r\n"
TLS_ALERT = bytes.fromhex("15030100020246")
"""What a TLS server says to a client that speaks no TLS: a fatal alert, protocol version."""
SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"


def pdu(kind: int, body: bytes = b"", length: int | None = None) -> bytes:
    """Encode a PDU; `length` may lie."""
    return pack(">BBI", kind, 0, len(body) if length is None else length) + body


def item(kind: int, body: bytes = b"") -> bytes:
    """Encode an item or sub-item of an association PDU."""
    return pack(">BBH", kind, 0, len(body)) + body


def pdv(context_id: int, control: int, fragment: bytes, length: int | None = None) -> bytes:
    """Encode a presentation data value; `length` may lie."""
    size = len(fragment) + 2 if length is None else length
    return pack(">IBB", size, context_id, control) + fragment


def reject_pdu(result: int, source: int, reason: int) -> bytes:
    """Encode an A-ASSOCIATE-RJ, PS3.8 Table 9-21."""
    return pdu(RJ, bytes([0, result, source, reason]))


def abort_pdu(source: int, reason: int) -> bytes:
    """Encode an A-ABORT, PS3.8 Table 9-26."""
    return pdu(ABORT, bytes([0, 0, source, reason]))


RELEASE_REQUEST = pdu(RELEASE_RQ, bytes(4))
RELEASE_REPLY = pdu(RELEASE_RP, bytes(4))


def aet(title: str) -> bytes:
    """Encode an AE title: 16 bytes, padded with spaces."""
    return title.encode("ascii", "replace").ljust(16)[:16]


def user_information(max_length: int | None, items: bytes) -> bytes:
    """Encode the user information item, PS3.8 section 9.3.3.3; `items` are further sub-items."""
    maximum = b"" if max_length is None else item(0x51, pack(">I", max_length))
    names = item(0x52, b"1.2.826.0.1.3680043.8.498.1") + item(0x55, b"SCRIPTED")
    return item(0x50, maximum + names + items)


def role(sop_class_uid: str, scu: int, scp: int) -> bytes:
    """Encode a role selection sub-item, PS3.7 Table D.3-9."""
    uid = sop_class_uid.encode()
    return item(0x54, pack(">H", len(uid)) + uid + bytes([scu, scp]))


def identity_response(response: bytes) -> bytes:
    """Encode a user identity sub-item of an A-ASSOCIATE-AC, PS3.7 Table D.3-15."""
    return item(0x59, pack(">H", len(response)) + response)


class Result(NamedTuple):
    """What an A-ASSOCIATE-AC says about a context: id, result, transfer syntax."""

    context_id: int
    result: int
    transfer_syntax: str


def accept_pdu(
    called: str, calling: str, results: Iterable[Result], max_length: int | None, items: bytes
) -> bytes:
    """Encode an A-ASSOCIATE-AC, PS3.8 Table 9-17."""
    contexts = b"".join(
        item(0x21, bytes([number, 0, result, 0]) + item(0x40, syntax.encode()))
        for number, result, syntax in results
    )
    head = pack(">HH", 1, 0) + aet(called) + aet(calling) + bytes(32)
    application = item(0x10, APPLICATION_CONTEXT.encode())
    return pdu(AC, head + application + contexts + user_information(max_length, items))


class Proposed(NamedTuple):
    """A presentation context that was asked for."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


def request_pdu(
    called: str, calling: str, proposed: Iterable[Proposed], max_length: int, items: bytes = b""
) -> bytes:
    """Encode an A-ASSOCIATE-RQ, PS3.8 Table 9-11."""
    contexts = b"".join(
        item(
            0x20,
            bytes([number, 0, 0, 0])
            + item(0x30, abstract.encode())
            + b"".join(item(0x40, syntax.encode()) for syntax in syntaxes),
        )
        for number, abstract, syntaxes in proposed
    )
    head = pack(">HH", 1, 0) + aet(called) + aet(calling) + bytes(32)
    application = item(0x10, APPLICATION_CONTEXT.encode())
    return pdu(RQ, head + application + contexts + user_information(max_length, items))


def accepted_contexts(body: bytes) -> Iterator[Result]:
    """Read the contexts of an A-ASSOCIATE-AC."""
    at = 68
    while at < len(body):
        kind, _, length = unpack_from(">BBH", body, at)
        if kind == 0x21:
            syntax = body[at + 12 : at + 4 + length].decode()
            yield Result(body[at + 4], body[at + 6], syntax)
        at += 4 + length


@dataclass(frozen=True)
class Request:
    """An A-ASSOCIATE-RQ as it arrived."""

    connection: int
    raw: bytes = field(repr=False)

    @cached_property
    def pdu(self) -> A_ASSOCIATE_RQ:
        """The PDU, by pynetdicom."""
        found = A_ASSOCIATE_RQ()
        found.decode(self.raw)
        return found

    @cached_property
    def primitive(self) -> A_ASSOCIATE:
        """The service primitive, by pynetdicom: AE titles, contexts, user information."""
        return self.pdu.to_primitive()

    @cached_property
    def proposed(self) -> tuple[Proposed, ...]:
        """The presentation contexts."""
        return tuple(
            Proposed(
                found.context_id or 0,
                str(found.abstract_syntax),
                tuple(str(syntax) for syntax in found.transfer_syntax),
            )
            for found in self.pdu.presentation_context
        )

    @property
    def roles(self) -> dict[str, tuple[int, int]]:
        """The roles asked for by SOP class: SCU, SCP."""
        information = self.pdu.user_information
        asked = information.role_selection if information else {}
        return {str(uid): (int(r.scu_role or 0), int(r.scp_role or 0)) for uid, r in asked.items()}


def element(keyword: str, value: Any) -> bytes:  # noqa: ANN401 - numbers, text, lists, bytes
    """Encode an element of a command set; bytes stand for themselves, whatever the VR."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    vr = dictionary_VR(tag)
    if isinstance(value, bytes):
        body = value
    elif vr in ("US", "UL"):
        numbers = value if isinstance(value, list) else [value]
        body = pack("<" + ("H" if vr == "US" else "I") * len(numbers), *numbers)
    elif vr == "AT":
        tags: list[int] = value if isinstance(value, list) else [value]
        body = b"".join(pack("<HH", number >> 16, number & 0xFFFF) for number in tags)
    else:
        body = str(value).encode("utf-8")
        body += (b"\0" if vr == "UI" else b" ") * (len(body) % 2)
    return pack("<HHI", tag >> 16, tag & 0xFFFF, len(body)) + body


def command_set(elements: dict[str, object]) -> bytes:
    """Encode a command set in implicit VR little endian, the group length first; None is left out.

    The order is that of the tags, as PS3.7 section 6.3.1 asks.
    """
    kept = {keyword: value for keyword, value in elements.items() if value is not None}
    body = b"".join(
        element(keyword, kept[keyword])
        for keyword in sorted(kept, key=lambda name: tag_for_keyword(name) or 0)
    )
    return pack("<HHII", 0, 0, 4, len(body)) + body


def decoded(raw: bytes) -> dict[str, Any]:
    """Read a command set: values by keyword, by tag where pydicom knows none."""
    found: dict[str, Any] = {}
    at = 0
    while at + 8 <= len(raw):
        group, number, length = unpack_from("<HHI", raw, at)
        value = raw[at + 8 : at + 8 + length]
        tag = group << 16 | number
        keyword = keyword_for_tag(tag) or f"{tag:08x}"
        vr = dictionary_VR(tag) if keyword_for_tag(tag) else "UN"
        if vr in ("US", "UL", "AT"):
            size = {"US": 2, "UL": 4, "AT": 4}[vr]
            pieces = [value[i : i + size] for i in range(0, len(value), size)]
            numbers = [
                unpack_from("<H", piece)[0] << 16 | unpack_from("<H", piece, 2)[0]
                if vr == "AT"
                else int.from_bytes(piece, "little")
                for piece in pieces
            ]
            found[keyword] = numbers[0] if len(numbers) == 1 else numbers
        elif vr == "UN":
            found[keyword] = value
        else:
            found[keyword] = value.decode("utf-8", "replace").rstrip("\0 ")
        at += 8 + length
    return found


def number_in(command: bytes, element_number: int) -> int:
    """Give a US value of a command set without reading the rest, -1 when it is not there."""
    mark = pack("<HHI", 0, element_number, 2)
    at = command.find(mark)
    return -1 if at < 0 else int.from_bytes(command[at + 8 : at + 10], "little")


@dataclass(frozen=True)
class Message:
    """A DIMSE message as it arrived."""

    connection: int
    context_id: int
    raw: bytes = field(repr=False)
    data: bytes | None = field(default=None, repr=False)

    @cached_property
    def command(self) -> dict[str, Any]:
        """The command set by keyword."""
        return decoded(self.raw)

    @property
    def command_field(self) -> int:
        """Command Field (0000,0100)."""
        return number_in(self.raw, 0x0100)

    @property
    def message_id(self) -> int:
        """Message ID (0000,0110), -1 in a response."""
        return number_in(self.raw, 0x0110)


# How a message is laid out: a function of context id, command set, data set (None: there is none)
# and longest PDU that gives the PDUs. PS3.8 annex E leaves the choice to the sender.


def separate(context_id: int, command: bytes, data: bytes | None, longest: int) -> Iterator[bytes]:
    """Send command and data set in PDUs of their own, as most do."""
    yield from pieces(longest - 6)(context_id, command, None, longest)
    if data is not None:
        for control, fragment in fragments(data, longest - 6, 0):
            yield pdu(DATA, pdv(context_id, control, fragment))


def together(context_id: int, command: bytes, data: bytes | None, longest: int) -> Iterator[bytes]:
    """Send command and data set in one PDU, however long."""
    del longest
    body = pdv(context_id, COMMAND | LAST, command)
    yield pdu(DATA, body if data is None else body + pdv(context_id, LAST, data))


def pieces(size: int, *, packed: bool = False, last: bool = True) -> Layout:
    """Cut command and data set into fragments of `size` bytes.

    Parameters
    ----------
    size : int
        Bytes of each fragment.
    packed : bool
        As many fragments in a PDU as the peer takes, command and data mixed; otherwise each
        fragment has a PDU of its own.
    last : bool
        Mark the last fragment as such; without the mark the message never ends.
    """

    def layout(
        context_id: int, command: bytes, data: bytes | None, longest: int
    ) -> Iterator[bytes]:
        parts = [*fragments(command, size, COMMAND)]
        parts += [] if data is None else fragments(data, size, 0)
        if not last:
            control, fragment = parts[-1]
            parts[-1] = control & ~LAST, fragment
        values = [pdv(context_id, control, fragment) for control, fragment in parts]
        if not packed:
            yield from (pdu(DATA, value) for value in values)
            return
        body = b""
        for value in values:
            if body and len(body) + len(value) > longest:
                yield pdu(DATA, body)
                body = b""
            body += value
        yield pdu(DATA, body)

    return layout


def fragments(value: bytes, size: int, kind: int) -> Iterator[tuple[int, bytes]]:
    """Cut a command or data set, an empty one into one empty fragment."""
    for at in range(0, max(len(value), 1), size):
        yield kind | (LAST if at + size >= len(value) else 0), value[at : at + size]


if TYPE_CHECKING:
    from collections.abc import Callable

    Layout = Callable[[int, bytes, bytes | None, int], Iterator[bytes]]


class Instance(NamedTuple):
    """A SOP instance to send: an encoded data set and what the command says of it."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str
    data: bytes

    @classmethod
    def read(cls, path: Path) -> Instance:
        """Take the data set of a file as it stands."""
        meta, offset = split_dataset(path)
        return cls(
            str(meta.MediaStorageSOPClassUID),
            str(meta.MediaStorageSOPInstanceUID),
            str(meta.TransferSyntaxUID),
            path.read_bytes()[offset:],
        )


def proposals(instances: Sequence[Instance]) -> list[Proposed]:
    """Propose a context for each SOP class with each of its transfer syntaxes, and no other."""
    wanted = dict.fromkeys((i.sop_class_uid, i.transfer_syntax) for i in instances)
    return [
        Proposed(2 * number + 1, sop_class, (syntax,))
        for number, (sop_class, syntax) in enumerate(wanted)
    ]

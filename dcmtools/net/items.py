"""Leave out of an A-ASSOCIATE PDU what is not to be looked at, before it is decoded.

Items of unknown types are to be ignored (PS3.8 9.3.1), and some fields have no significance or
serve information alone. Codecs stumble over all of that, and an association would be lost for it.
"""

import re
from collections.abc import Collection, Iterator
from struct import Struct

from dcmtools.net.connection import ProtocolError

_ITEM = Struct(">BxH")
_FIXED = 74  # bytes before the items
_TITLES = slice(10, 42)
_APPLICATION, _REQUESTED, _ANSWERED, _USER = 0x10, 0x20, 0x21, 0x50
_CLASS_UID, _VERSION_NAME = 0x52, 0x55
_LONGEST_NAME = 16
_PARTS = {
    _REQUESTED: (4, {0x30, 0x40}),
    _ANSWERED: (4, {0x40}),
    # Maximum length, implementation, roles, extended negotiation, answer to user identity
    _USER: (0, {0x51, _CLASS_UID, 0x54, _VERSION_NAME, 0x56, 0x59}),
}
"""The items with items in them: where those begin, and which are known (PS3.8 9.3, PS3.7 D.3)."""


def significant(raw: bytes) -> bytes:
    """Give a PDU without what has no significance; its length field stays as it was.

    Parameters
    ----------
    raw : bytes
        An A-ASSOCIATE-RQ or A-ASSOCIATE-AC PDU.

    Raises
    ------
    ProtocolError
        It is cut.
    """
    if len(raw) < _FIXED:
        raise ProtocolError("sent an A-ASSOCIATE PDU that is cut")
    titles = raw[_TITLES].replace(b"\0", b" ")  # some pad so
    fixed = raw[: _TITLES.start] + titles + raw[_TITLES.stop : _FIXED]
    return b"".join((fixed, *_known(raw[_FIXED:], {_APPLICATION, *_PARTS})))


def _known(raw: bytes, types: Collection[int]) -> Iterator[bytes]:
    """Give the items of some types."""
    at = 0
    while at < len(raw):
        if len(raw) < at + _ITEM.size:
            raise ProtocolError("sent an A-ASSOCIATE PDU with half an item")
        kind, length = _ITEM.unpack_from(raw, at)
        at += _ITEM.size
        if length > len(raw) - at:
            raise ProtocolError("sent an A-ASSOCIATE PDU with an item that is longer than it")
        content = raw[at : at + length]
        at += length
        if kind in types and (kept := _kept(kind, content)) is not None:
            yield _ITEM.pack(kind, len(kept)) + kept


def _kept(kind: int, content: bytes) -> bytes | None:
    """Give what is to be kept of an item, None where it is to be left out."""
    if kind == _VERSION_NAME:
        return re.sub(rb"[^ -~]", b"?", content.rstrip(b"\0 "))[:_LONGEST_NAME]
    if kind in (_APPLICATION, _CLASS_UID):
        return content if re.fullmatch(rb"[0-9.]{1,64}\0?", content) else None
    if kind == _ANSWERED and content[2:3] != b"\0":
        return content[:4]  # the transfer syntax of what is not accepted has no significance
    if kind not in _PARTS:
        return content
    begin, types = _PARTS[kind]
    return content[:begin] + b"".join(_known(content[begin:], types))

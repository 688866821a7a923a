"""Encode requests for storage commitment, and decode reports on them (PS3.4 Annex J).

What cannot be read to its end is no report at all: nothing counts as kept by half of one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import pack
from uuid import uuid4

from dcmtools.dataset.answers import Answer
from dcmtools.dataset.elements import Element, Level

_TRANSACTION = 0x00081195
_FAILED, _REFERENCED = 0x00081198, 0x00081199
_CLASS, _UID, _REASON = 0x00081150, 0x00081155, 0x00081197

_MOST_BYTES = 1 << 20  # a report on a thousand instances has a third of that
_LONGEST_UID = 64
_PROCESSING_FAILURE = 0x0110
_ITEM = pack("<HH", 0xFFFE, 0xE000)


class Transaction:
    """One request for commitment.

    Parameters
    ----------
    classes : dict of str to str
        The SOP class of each instance by its SOP Instance UID.

    Attributes
    ----------
    uid : str
        Transaction UID (0008,1195), one that nobody can guess.
    report : Report or None
        What the peer has reported.
    """

    def __init__(self, classes: Mapping[str, str]) -> None:
        self.uid = f"2.25.{uuid4().int}"
        self.classes = classes
        self.report: Report | None = None

    def encoded(self, *, implicit: bool) -> bytes:
        """Encode the data set of the request (PS3.4 Table J.3-1)."""
        items = []
        for uid, sop_class in self.classes.items():
            item = _element(_CLASS, sop_class, implicit) + _element(_UID, uid, implicit)
            items.append(_ITEM + pack("<I", len(item)) + item)
        content = b"".join(items)
        head = pack("<HH", _REFERENCED >> 16, _REFERENCED & 0xFFFF)
        head += (b"" if implicit else b"SQ\0\0") + pack("<I", len(content))
        return _element(_TRANSACTION, self.uid, implicit) + head + content


def _element(tag: int, uid: str, implicit: bool) -> bytes:  # noqa: FBT001 - one of three
    raw = uid.encode("ascii", "replace")
    raw += bytes(len(raw) % 2)
    vr_and_length = pack("<I", len(raw)) if implicit else pack("<2sH", b"UI", len(raw))
    return pack("<HH", tag >> 16, tag & 0xFFFF) + vr_and_length + raw


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says, of whatever instances (PS3.4 Table J.3-2).

    Parameters
    ----------
    transaction : str
        Transaction UID (0008,1195).
    committed : frozenset of str
        SOP Instance UIDs.
    failed : dict of str to int
        Failure Reason (0008,1197) by SOP Instance UID.
    """

    transaction: str
    committed: frozenset[str]
    failed: Mapping[str, int]


def read_report(data: bytes, *, implicit: bool) -> Report | None:
    """Decode the data set of a report, None where it cannot be read or is far too long.

    Parameters
    ----------
    data : bytes
        Little endian; nothing about it is trusted.
    implicit : bool
        Whether VRs are left out.
    """
    if len(data) > _MOST_BYTES:
        return None
    answer = Answer(data, implicit=implicit)
    if answer.damage:
        return None
    transaction = ""
    items: dict[Level, dict[int, Element]] = {}
    for element in answer.elements:
        level = element.level
        if level.depth == 1 and level.sequence in (_REFERENCED, _FAILED):
            items.setdefault(level, {})[element.tag] = element
        elif not level.depth and element.tag == _TRANSACTION:
            transaction = _uid(answer, element)
    committed, failed = set(), {}
    for level, item in items.items():
        if not (uid := _uid(answer, item.get(_UID))):
            continue
        if level.sequence == _FAILED:
            failed[uid] = _reason(answer, item.get(_REASON))
        else:
            committed.add(uid)
    if not transaction:
        return None
    return Report(transaction, frozenset(committed - failed.keys()), failed)


def _uid(answer: Answer, element: Element | None) -> str:
    raw = b"" if element is None else answer.load(element)
    text = raw.decode("ascii", "replace").strip(" \0")
    return text if len(text) <= _LONGEST_UID else ""


def _reason(answer: Answer, element: Element | None) -> int:
    raw = b"" if element is None else answer.load(element)
    return int.from_bytes(raw[:2], "little") or _PROCESSING_FAILURE

"""Make what takes the place of true values in one file, and remember what was replaced by what.

What it makes depends on the value, the patient and the key alone, so that it is the same in every
file of a run.
"""

from typing import NamedTuple

from dcmtools.dataset.dictionary import uid_keyword
from dcmtools.dataset.elements import (
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from dcmtools.dataset.tree import Node
from dcmtools.dataset.values import text
from dcmtools.deid.dates import shift_date
from dcmtools.deid.documents import empty_document
from dcmtools.deid.dummies import dummy
from dcmtools.deid.identity import PATIENT_ID, PATIENT_NAME, Pseudonym, identify
from dcmtools.deid.keys import Key

_STANDARD = "1.2.840.10008."
OWN_UIDS = frozenset({STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID})
"""The UIDs of an object itself, its study and its series."""
_ENCAPSULATED_DOCUMENT = 0x00420011
_MIME_TYPE = 0x00420012
_FIXED = {
    0x00080102: b"99ANON",  # Coding Scheme Designator: private ones begin with 99 (PS3.3 8.2)
    0x00080201: b"+0000",  # Timezone Offset From UTC
}
"""Dummies of attributes that have a form of their own."""
_LONGEST = 1 << 16  # bytes of a value that makes a dummy differ from others
_PADDING = " \0"


class Subject(NamedTuple):
    """The patient of a file, as he is called afterwards."""

    patient_id: str
    """The true Patient ID, "" for none."""
    pseudonym: Pseudonym
    shift: int
    """The days by which dates move."""


class Substitutes:
    """Makes the new values of one file.

    Parameters
    ----------
    key : Key
        The key.
    uid_root : str
        What new UIDs begin with.
    sop_class : str
        The SOP Class UID of the file.
    subject : Subject
        Its patient.

    Attributes
    ----------
    uids : dict of str to str
        New UIDs by those that they replace.
    shifted : set of int
        The tags of elements whose dates were moved.
    has_document : bool
        Whether a document was replaced by an empty one.
    """

    def __init__(self, key: Key, uid_root: str, sop_class: str, subject: Subject) -> None:
        self.key = key
        self._uid_root = uid_root
        self._sop_class = sop_class
        self.subject = subject
        self.uids: dict[str, str] = {}
        self.shifted: set[int] = set()
        self.has_document = False

    def uid(self, tag: int, raw: bytes) -> bytes:
        """Replace the UIDs of a value; those that the standard defines stay."""
        old = raw.decode("ascii", "surrogateescape").strip(_PADDING)
        new = self.uids.get(old)
        if new is None:
            new = "\\".join([self._uid(tag, each.strip(_PADDING)) for each in old.split("\\")])
        return new.encode("ascii", "surrogateescape")

    def _uid(self, tag: int, old: str) -> str:
        if not old:
            return old
        if old.startswith(_STANDARD) and (tag not in OWN_UIDS or uid_keyword(old)):
            return old
        new = self.uids[old] = self.key.uid(old, self._uid_root)
        return new

    def shift(self, tag: int, vr: str, raw: bytes) -> bytes | None:
        """Move the dates of a value; None where there is no date, or one that cannot be moved."""
        new = shift_date(raw, vr, self.subject.shift)
        if new and _count(new) < _count(raw):
            return None
        if new:
            self.shifted.add(tag)
        return new

    def dummy(self, node: Node, vr: str) -> bytes:
        """Make a dummy of an element that holds no others."""
        tag = node.tag
        if tag == _ENCAPSULATED_DOCUMENT:
            self.has_document = True
            beside = node.owner.find(_MIME_TYPE)
            mime_type = text(beside[0].raw, "LO", b"") if beside else ""
            return empty_document(self._sop_class, mime_type)
        if tag in _FIXED:
            return _FIXED[tag]
        if vr == "UI":
            return self.uid(tag, node.raw)
        if tag == PATIENT_ID:
            return self._other_patient(text(node.raw, "LO", node.owner.charset))
        if tag == PATIENT_NAME:
            return b"ANONYMIZED"
        old = node.raw if node.length <= _LONGEST else b""
        return dummy(tag, vr, old, self.key, self._uid_root)

    def _other_patient(self, patient_id: str) -> bytes:
        """Give the pseudonym that a Patient ID within an item has elsewhere."""
        identity = identify(patient_id)
        if identity is None or patient_id == self.subject.patient_id:
            name = self.subject.pseudonym.patient_id
            return name.encode() if name.isascii() else b"ANONYMIZED"
        return self.key.pseudonym(identity).patient_id.encode()


def _count(raw: bytes) -> int:
    """Count the values that are not empty."""
    return sum(bool(each.strip(b" \0")) for each in raw.split(b"\\"))

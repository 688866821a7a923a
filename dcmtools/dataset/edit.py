"""Decide which bytes of a data set change when values are set and UIDs are replaced.

The data set is walked, not decoded: what is not touched stays bit for bit as it is, invalid
values, odd encodings, duplicates and pixel data included. What is touched is spliced in, with the
lengths of all sequences and items around it, and group lengths where a data set has them.
"""

from collections.abc import Iterable

from dcmtools.dataset import dictionary
from dcmtools.dataset.assignments import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    Assignment,
    Wanted,
    parse_assignment,
    wanted_tree,
)
from dcmtools.dataset.edit_places import DataSetPlace, SequencePlace, replaced_uid
from dcmtools.dataset.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    UNDEFINED,
    Element,
    Encoding,
    Level,
)
from dcmtools.dataset.header import Header
from dcmtools.dataset.new_uids import NewUids
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.splices import Edited, Identity, Splice
from dcmtools.errors import InputError

__all__ = ["Assignment", "Edited", "edited", "parse_assignment"]

_IDENTITY = (SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)
_UNSURE = ("UN", "??")
INFLATED = {
    "1.2.840.10008.1.2.1.99": "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.4.95": "1.2.840.10008.1.2.4.94",
    "1.2.840.10008.1.2.4.205": "1.2.840.10008.1.2.4.204",
}
"""The transfer syntaxes that are deflated, and what they are without that (PS3.5 A.5, A.6)."""

_ENCODINGS = {
    "1.2.840.10008.1.2.1": EXPLICIT_LITTLE,
    "1.2.840.10008.1.2": IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
    "1.2.840.10008.1.20": IMPLICIT_LITTLE,
    "1.2.840.113619.5.2": IMPLICIT_LITTLE,
}
"""How the data set is in a transfer syntax; in all that are not here, as in the first."""


def edited(
    file: DicomFile, assignments: Iterable[Assignment] = (), uids: NewUids | None = None
) -> Edited:
    """Give the data set of a file with values set and UIDs replaced.

    Parameters
    ----------
    file : DicomFile
        The file; it has to stay open while the result is read.
    assignments : iterable of Assignment
        What is set; elements, sequences and items that are not there are made. All copies of an
        element are set. What is set is not replaced by a new UID.
    uids : NewUids or None
        What gives new Study, Series and SOP Instance UIDs, and knows which others are replaced
        wherever they are; None to replace none.

    Returns
    -------
    Edited
        The data set, without what follows it in the file. It is never deflated.

    Raises
    ------
    InputError
        The file is damaged or cannot be read.
    UsageError
        Something cannot be set in this file.
    """
    wanted = wanted_tree(assignments)
    editor = _Editor(file, wanted, uids)
    if editor.learned:  # a reference may stand before the UID itself
        editor = _Editor(file, wanted, uids)
    header = file.header
    identity = Identity(_transfer_syntax(header), editor.sop_class, editor.sop_instance)
    extent = range(header.start, file.end)
    return Edited(header.source, str(file.path), extent, editor.splices, identity)


class _Editor:
    """One walk over a file, and what is to be spliced into it."""

    def __init__(self, file: DicomFile, wanted: Wanted, uids: NewUids | None) -> None:
        self.splices: list[Splice] = []
        self.sop_class = self.sop_instance = ""
        self.learned = False
        self._file = file
        self._uids = uids
        level = Level(file.header.encoding)
        level.charset = file.charset
        self._root = self._place = DataSetPlace(level, wanted, self.splices)
        self._sequence: SequencePlace | None = None
        self._walk()
        if instance := wanted.standard.get(SOP_INSTANCE_UID):
            self.sop_instance = instance.value or ""

    def _walk(self) -> None:
        for element in self._file.elements():
            tag, vr, length, *_ = element
            if not vr:
                self._step(element)
            elif tag != ITEM:  # a fragment of pixel data
                place = self._place
                target = place.take(element)
                if vr == "SQ" or length == UNDEFINED:
                    encoding = self._item_encoding(element)
                    self._sequence = SequencePlace(
                        element, place, self._sequence, target, encoding, self.splices
                    )
                elif vr == "UI" or vr in _UNSURE or tag in _IDENTITY:
                    self._take_uid(element, is_set=target is not None)
        if damage := self._file.damage:
            raise InputError(str(self._file.path), str(damage), "Nothing of it is changed.")
        self._root.close(self._file.end)

    def _step(self, element: Element) -> None:
        """Go into an item, or out of an item or a sequence."""
        sequence = self._sequence
        if sequence is None:  # an end without a start is no element
            return
        if element.tag == ITEM:
            self._place = sequence.open_item(element)
        elif element.tag == ITEM_END:
            self._place.close(element.offset)
            self._place = sequence.owner
        else:
            sequence.close(element.offset)
            self._sequence = sequence.around

    def _item_encoding(self, element: Element) -> Encoding:
        """Tell how items in a sequence are encoded, where it has none (PS3.5 6.2.2)."""
        encoding = element.level.encoding
        if encoding.implicit:
            return encoding
        written = self._file.header.source.read(element.offset + 4, 2)
        return IMPLICIT_LITTLE if written == b"UN" else encoding

    def _take_uid(self, element: Element, *, is_set: bool) -> None:
        """Replace what is known in an element, and learn what the object is."""
        tag = element.tag
        own = self._place is self._root and tag in _IDENTITY
        if not own and (self._uids is None or not _is_uid(element)):
            return
        value = self._file.value(element)
        if self._uids is not None:
            if own and tag != SOP_CLASS_UID:
                self.learned |= self._uids.learn(value)
            new = self._uids.translated(value)
            if new is not value and not is_set:
                self._place.replace(element, replaced_uid(element, new))
                value = new
        if own and tag == SOP_CLASS_UID:
            self.sop_class = self.sop_class or _text(value)
        elif own and tag == SOP_INSTANCE_UID:
            self.sop_instance = self.sop_instance or _text(value)


def _is_uid(element: Element) -> bool:
    """Tell whether an element has UIDs, by the dictionary where the file does not say."""
    if element.vr not in _UNSURE:
        return element.vr == "UI"
    creator = element.level.creator(element.tag)
    look_up = dictionary.lookup_private
    entry = look_up(creator, element.tag) if creator else dictionary.lookup(element.tag)
    return entry is not None and entry.vr == "UI"


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace").strip("\0 ")


def _transfer_syntax(header: Header) -> str:
    """Give the transfer syntax in which the data set really is, once it is not deflated."""
    uid = INFLATED.get(header.transfer_syntax, header.transfer_syntax)
    if uid and header.encoding == _ENCODINGS.get(uid, EXPLICIT_LITTLE):
        return uid
    return next((name for name, each in _ENCODINGS.items() if each == header.encoding), "")

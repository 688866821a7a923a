"""Decide what of an input must not be in its output: gather it in one walk over the input."""

from dataclasses import dataclass, field

from dcmtools.dataset.elements import ITEM, SOP_CLASS_UID, UNDEFINED, Element
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.deid.verify_rules import NO_SEQUENCE, Kind, Reading
from dcmtools.deid.verify_walk import ContentItem, Large, Walk, fate_of, is_named, vr_of
from dcmtools.deid.verify_words import IDENTITY, PATIENT, TEXT_VRS, pieces, words_of

SAID = (TEXT_VRS - {"CS"}) | {"AS", "DA", "DS", "DT", "TM"}
"""VRs of what an item says; CS, IS and the UIDs of classes give it its form."""
_SECRET = SAID | {"CS", "UN"}
_LONGEST = 1024
"""Bytes of a value that is looked for at other places."""
LEAST = 4
"""Characters of a value that is evidence where it stands at another place."""

_MEANINGLESS = frozenset(
    {b"ANONYMIZED", b"20000101", b"20000101000000", b"000Y", b"urn:dcmtools:anonymized"}
)
"""Values that stand in for others and may have been there before."""
_STANDARD = b"1.2.840.10008."
_STAYING = (Kind.STAYS, Kind.KEPT)


def tells_nothing(value: bytes) -> bool:
    """Tell whether a value says nothing of anybody: none, zeros, or one that stands in."""
    stripped = value.strip(b" \0")
    return not stripped.strip(b"0.\\") or stripped in _MEANINGLESS


def instance_uids(value: bytes) -> list[bytes]:
    """Give the UIDs of a value that are not those of the standard (PS3.5 9.1)."""
    return [uid for uid in pieces(value, "UI") if not uid.startswith(_STANDARD)]


@dataclass(slots=True)
class Gathered:
    """What was found in an input.

    Attributes
    ----------
    sop_class : str
        The SOP Class UID.
    had : set
        Each element, by tag and value.
    seen : set
        The tags, by the sequence that holds them.
    required : dict
        Attributes of the data set itself that may not be left out, and the name of a row each.
    replaced : set
        As `had`, of what is in sequences that have another content in the output.
    items : set
        Values of content items that have another one in the output: concept, tag and value.
    uids : set
        The UIDs that are to be others.
    secrets : dict
        Values of attributes that are to be absent or others, and the name of a row each.
    words : dict
        What `verify_words` searches for, and the tag of an attribute each.
    dates : dict
        The dates that are to move, by tag, in the order of the file.
    large : dict
        Values that are not in memory, by the sequence that holds them and tag.
    """

    sop_class: str
    had: set[tuple[int, bytes]] = field(default_factory=set)
    seen: set[tuple[int, int]] = field(default_factory=set)
    required: dict[int, str] = field(default_factory=dict)
    replaced: set[tuple[int, bytes]] = field(default_factory=set)
    items: set[tuple[tuple[str, str, str], int, bytes]] = field(default_factory=set)
    uids: set[bytes] = field(default_factory=set)
    secrets: dict[bytes, str] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    dates: dict[int, list[bytes]] = field(default_factory=dict)
    large: dict[tuple[int, int], list[Large]] = field(default_factory=dict)

    def values(self, tag: int) -> set[str]:
        """Give all values of a tag at whatever place, as far as they are ASCII."""
        return {value.decode("latin-1").strip(" \0") for each, value in self.had if each == tag}


def gather(file: DicomFile, reading: Reading, kept: tuple[TagPath, ...] = ()) -> Gathered:
    """Walk over an input.

    Parameters
    ----------
    file : DicomFile
        The input.
    reading : Reading
        The rules.
    kept : tuple of TagPath
        What a recipe keeps; none of it is searched for.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    gathered = Gathered(sop_class_of(file))
    _Gatherer(reading, gathered, kept).run(file)
    return gathered


def sop_class_of(file: DicomFile) -> str:
    """Give the SOP Class UID of a data set, "" where it has none."""
    for element in file.elements():
        if element.tag == SOP_CLASS_UID and element.level.depth == 0 and element.value is not None:
            return element.value.decode("latin-1").strip(" \0")
    return ""


class _Gatherer:
    """One walk over an input."""

    def __init__(self, reading: Reading, gathered: Gathered, kept: tuple[TagPath, ...]) -> None:
        self._reading = reading
        self._found = gathered
        self._kept = kept
        self._said: set[str] = set()
        self._walk = Walk(reading, gathered.sop_class)

    def run(self, file: DicomFile) -> None:
        """Walk; nearly all elements have no rule and are only remembered."""
        walk, found = self._walk, self._found
        had, seen = found.had.add, found.seen.add
        fates, sequence, special = walk.fates, NO_SEQUENCE, False
        for element in file.elements():
            tag, value = element[0], element[5]
            if value is None or tag == ITEM:
                if element.vr and tag != ITEM:
                    seen((sequence, tag))
                self._open_or_end(element)
                fates, special = walk.fates, walk.is_special
                sequence = fates.sequence
                continue
            had((tag, value))
            seen((sequence, tag))
            if special or fates[tag][0] is not Kind.STAYS:
                self._ruled(element, value)
        for word in self._said:
            found.words.pop(word, None)

    def _open_or_end(self, element: Element) -> None:
        walk, found = self._walk, self._found
        if not element.vr or element.tag == ITEM:
            ended = walk.step(element)
            if isinstance(ended, ContentItem):
                kind = self._reading.content_item(ended.concept).kind
                if kind in (Kind.GONE, Kind.CHANGED):
                    found.items.update((ended.concept, *value) for value in ended.values)
            elif ended:
                key = walk.fates.sequence, ended[0].tag
                found.large.setdefault(key, []).append(ended[1])
            return
        fate = fate_of(self._reading, walk.fates, element)
        if fate.required and element.level.depth == 0:
            found.required[element.tag] = fate.row
        if element.vr == "SQ" or element.length == UNDEFINED:
            walk.enter(element, fate.kind)
        else:
            place = Large(element.value_offset, element.length)
            found.large.setdefault((walk.fates.sequence, element.tag), []).append(place)

    def _ruled(self, element: Element, value: bytes) -> None:
        """Take an element that has a rule, or is where others count too."""
        walk, found = self._walk, self._found
        tag = element.tag
        fate = fate_of(self._reading, walk.fates, element, value)
        kind, row = fate.kind, fate.row
        vr = vr_of(element, fate)
        if walk.item is not None:
            walk.note(element, value)
        if fate.required and not walk.fates.sequence:
            found.required[tag] = row
        if walk.replaced and vr in SAID:
            found.replaced.add((tag, value))
        if (kind in _STAYING and not walk.gone) or is_named(self._kept, tag, element.level):
            if tag in IDENTITY or vr == "PN":
                self._said.update(words_of(element, value, vr))
            return
        if vr == "UI":
            if kind not in _STAYING:
                found.uids.update(instance_uids(value))
            return
        if tag in IDENTITY or vr == "PN":
            self._identity(element, value, vr)
        if kind is Kind.SHIFTED:
            found.dates.setdefault(tag, []).extend(pieces(value, vr))
        elif (kind is Kind.GONE or kind is Kind.CHANGED) and vr in _SECRET:
            for each in pieces(value[:_LONGEST], vr):
                if len(each) >= LEAST and not tells_nothing(each):
                    found.secrets[each] = row

    def _identity(self, element: Element, value: bytes, vr: str) -> None:
        """Note words; of several attributes that say one, those of the patient count most."""
        words, tag = self._found.words, element.tag
        for word in words_of(element, value, vr):
            if tag in PATIENT or word not in words:
                words[word] = tag

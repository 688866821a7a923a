"""Decide whether an output holds what it must not: one walk over it, with the input gathered."""

from dcmtools.dataset.elements import ITEM, SOP_INSTANCE_UID, UNDEFINED, Element, Level
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.deid.verify_dates import moves
from dcmtools.deid.verify_input import LEAST, Gathered, instance_uids, tells_nothing
from dcmtools.deid.verify_rules import EMPTY_FOR_ANIMALS, NO_SEQUENCE, Fate, Kind, Reading, keyword
from dcmtools.deid.verify_texts import PIXELS, SEARCHED, Texts
from dcmtools.deid.verify_walk import (
    ContentItem,
    Large,
    Walk,
    fate_of,
    is_named,
    path_of,
    same_bytes,
    vr_of,
)
from dcmtools.deid.verify_words import TEXT_VRS, pieces

METHODS = 0x00120064
_CODE_VALUE = 0x00080100
ADDED = frozenset(
    {0x00120062, 0x00120063, METHODS, 0x00280303, 0x00100010, 0x00100020, SOP_INSTANCE_UID}
)
"""What an output may have that its input had not: what says how it was de-identified, the
pseudonym, and the UID that only the file meta group had."""
_ADDED_BY_REGIONS = frozenset({0x00280301, 0x00282110, 0x00282112, 0x00282114})
_TEXTUAL = TEXT_VRS | {"AS", "DA", "DT", "TM", "UI", "UN", "??"}
"""VRs whose values may lose what identifies; others have to be as they were."""


class Output:
    """One walk over an output.

    Parameters
    ----------
    reading : Reading
        The rules.
    gathered : Gathered
        What was found in the input.
    named : tuple of TagPath
        What a recipe names.
    regions : bool
        Whether regions of the pixels were blanked.

    Attributes
    ----------
    failures : dict
        What is wrong, in order; the keys count.
    root : dict
        The values of the data set itself, by tag; b"" for sequences and what is large.
    method_codes : list of str
        The codes by which the output says how it was de-identified.
    """

    def __init__(
        self, reading: Reading, gathered: Gathered, named: tuple[TagPath, ...], *, regions: bool
    ) -> None:
        self._reading = reading
        self._input = gathered
        self._named = named
        self._regions = regions
        self._walk = Walk(reading, gathered.sop_class)
        self._texts = Texts(gathered)
        self._dates: dict[int, list[tuple[bytes, Element]]] = {}
        self._large: list[tuple[Element, Large, Fate]] = []
        self.failures: dict[str, None] = {}
        self.root: dict[int, bytes] = {}
        self.method_codes: list[str] = []

    def check(self, original: DicomFile, output: DicomFile) -> None:
        """Walk over the output and hold it against the input.

        Raises
        ------
        InputError
            A file cannot be read.
        """
        self._run(output)
        self._check_large(original, output)
        for element, why in (*moves(self._input.dates, self._dates), *self._texts.findings()):
            self._say(element, why)
        for tag, row in self._input.required.items():
            if tag not in self.root and not self._asked(tag, Level(output.header.encoding)):
                self.failures[f"{row}: is missing"] = None

    def _run(self, file: DicomFile) -> None:
        walk, had = self._walk, self._input.had
        fates, special, root = walk.fates, False, self.root
        for element in file.elements():
            tag, vr, _, _, _, value, _ = element
            if value is None or tag == ITEM:
                self._open_or_end(element)
                fates = walk.fates
                special = walk.is_special or fates.sequence != NO_SEQUENCE
                continue
            if special:
                self._nested(element, value)
                continue
            root[tag] = value
            if fates[tag][0] is Kind.STAYS and (tag, value) in had:
                if vr in SEARCHED:
                    self._texts.add(element, vr_of(element, fates[tag]))
            else:
                self._ruled(element, value)

    def _say(self, element: Element, why: str) -> None:
        if not self._asked(element.tag, element.level):
            self.failures[f"{path_of(element.tag, element.level)}: {why}"] = None

    def _asked(self, tag: int, level: Level) -> bool:
        return is_named(self._named, tag, level)

    def _open_or_end(self, element: Element) -> None:
        walk = self._walk
        if not element.vr or element.tag == ITEM:
            ended = walk.step(element)
            if isinstance(ended, ContentItem):
                self._content_item(ended, element)
            elif ended:
                opened, place = ended
                fate = fate_of(self._reading, walk.fates, opened)
                self._large.append((opened, place, fate))
            return
        fate = fate_of(self._reading, walk.fates, element)
        kind, row = fate.kind, fate.row
        if element.level.depth == 0:
            self.root[element.tag] = b""
        if not walk.gone:
            if kind is Kind.GONE and not walk.replaced:
                self._say(element, f"{row}, but it is there")
            self._is_known(element)
        if element.vr == "SQ" or element.length == UNDEFINED:
            walk.enter(element, kind)
        else:
            place = Large(element.value_offset, element.length)
            self._large.append((element, place, fate))

    def _content_item(self, item: ContentItem, end: Element) -> None:
        """Look for the old values; an item to which others refer may have to stay without them."""
        kind, row, *_ = self._reading.content_item(item.concept)
        if kind not in (Kind.GONE, Kind.CHANGED):
            return
        found, level = self._input.items, end.level
        left = [
            tag
            for tag, value in item.values
            if (item.concept, tag, value) in found and not tells_nothing(value)
        ]
        if any(not self._asked(tag, level) for tag in left):
            self.failures[f"{path_of(None, level)}: {row}, but it has a value of the input"] = None

    def _nested(self, element: Element, value: bytes) -> None:
        """Take an element of an item."""
        walk = self._walk
        if walk.gone:
            return
        if element.level.sequence == METHODS and element.level.depth == 1:
            if element.tag == _CODE_VALUE:
                self.method_codes.append(value.decode("latin-1").strip(" \0"))
            return
        if walk.item is not None:
            walk.note(element, value)
            if walk.decides(element.tag):
                self._texts.add(element, vr_of(element, walk.fates[element.tag]))
                return
        key = (element.tag, value)
        if walk.replaced and key in self._input.replaced:
            kind = walk.fates[element.tag].kind
            if kind in (Kind.STAYS, Kind.CLEANED) and len(value.strip(b" \0")) >= LEAST:
                if not tells_nothing(value):
                    self._say(element, "is as it was, in a sequence that has to be replaced")
                return
        self._ruled(element, value)

    def _ruled(self, element: Element, value: bytes) -> None:
        """Take an element that has a rule, is in an item, or is not as it was."""
        tag = element.tag
        fate = fate_of(self._reading, self._walk.fates, element, value)
        kind, row = fate.kind, fate.row
        vr = vr_of(element, fate)
        is_same = (tag, value) in self._input.had
        if tag in ADDED and element.level.depth == 0 and kind is Kind.STAYS:
            return
        if not is_same:
            self._is_known(element)
        self._texts.add(element, vr)
        if kind is Kind.GONE:
            if value.strip(b" \0") or tag not in EMPTY_FOR_ANIMALS:
                self._say(element, f"{row}, but it is there")
        elif vr == "UI" and kind is not Kind.KEPT:
            self._check_uids(element, value, kind, row)
        elif kind is Kind.CHANGED:
            if is_same and not tells_nothing(value):
                self._say(element, f"{row}, but it has a value of the input")
            elif not is_same:
                self._check_secrets(element, value, vr)
        elif kind is Kind.SHIFTED:
            self._dates.setdefault(tag, []).extend((each, element) for each in pieces(value, vr))
        elif not is_same and kind is Kind.STAYS:
            if vr not in _TEXTUAL or tag in PIXELS:
                self._check_number(element, value)
            else:
                self._check_secrets(element, value, vr, whole=True)

    def _check_uids(self, element: Element, value: bytes, kind: Kind, row: str) -> None:
        if kind is Kind.STAYS or (kind is Kind.CLEANED):
            return
        if not self._input.uids.isdisjoint(instance_uids(value)):
            self._say(element, f"{row}, but it has a UID of the input")

    def _check_secrets(
        self, element: Element, value: bytes, vr: str, *, whole: bool = False
    ) -> None:
        """Look for values that other attributes had and no attribute may have."""
        secrets = self._input.secrets
        for each in pieces(value, vr):
            if each in secrets and not (whole and (element.tag, each) in self._input.had):
                self._say(element, f"has a value that the input has where {secrets[each]}")

    def _check_number(self, element: Element, value: bytes) -> None:
        """Refuse other numbers, but for zeros, which may stand where an identifier was found."""
        is_free = self._regions or self._walk.replaced
        if not is_free and (element.tag in PIXELS or not tells_nothing(value)):
            self._say(element, "is not as it was, and no rule changes it")

    def _is_known(self, element: Element) -> None:
        """Refuse an element that the input has nowhere at such a place."""
        tag, sequence = element.tag, self._walk.fates.sequence
        if self._walk.replaced or (sequence, tag) in self._input.seen:
            return
        if sequence == METHODS or (not sequence and tag in ADDED):
            return
        if not sequence and self._regions and tag in _ADDED_BY_REGIONS:
            return
        self._say(element, "was not in the input")

    def _check_large(self, original: DicomFile, output: DicomFile) -> None:
        """Compare what is too large for memory; pixel data may not be another or be missing."""
        left = {key: list(places) for key, places in self._input.large.items()}
        sources = original.header.source, output.header.source
        for element, place, (kind, row, *_) in self._large:
            is_pixels = element.tag in PIXELS
            there = left.get((element.level.sequence, element.tag), [])
            same = (old for old in there if same_bytes(sources[0], old, sources[1], place))
            match = next(same, None)
            if match is not None:
                there.remove(match)
            if kind is Kind.CHANGED and match:
                self._say(element, f"{row}, but it has a value of the input")
            elif match is None and not (is_pixels and self._regions):
                self._large_is_new(element, kind)
            if not is_pixels and kind is not Kind.GONE:
                for why in self._texts.in_large(output.header.source, element, place):
                    self._say(element, why)
        if not self._regions:
            for tag in sorted(PIXELS):
                is_lost = (NO_SEQUENCE, tag) in self._input.seen and tag not in self.root
                if is_lost or left.get((NO_SEQUENCE, tag)):
                    self.failures[f"{keyword(tag)}: is missing, or not as it was"] = None

    def _large_is_new(self, element: Element, kind: Kind) -> None:
        if element.tag in PIXELS:
            self._say(element, "is not as it was")
        elif kind is Kind.STAYS and element.vr not in TEXT_VRS:
            self._say(element, "is large, and not a value of the input")

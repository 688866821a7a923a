"""Keep account of where a walk of `verify` is, and which rules hold there."""

from dataclasses import dataclass, field
from typing import NamedTuple

from dcmtools.dataset.elements import ITEM, ITEM_END, Element, Level
from dcmtools.dataset.path import EXACT, Node, TagPath
from dcmtools.dataset.source import FileSource, Source
from dcmtools.deid.verify_rules import Fate, Kind, Place, Reading

_CONTENT_SEQUENCE = 0x0040A730
_CONCEPT_NAME = 0x0040A043
_VALUE_TYPE = 0x0040A040
_CODE_VALUE, _SCHEME = 0x00080100, 0x00080102
_CONCEPT_CODE = 0x0040A168
_ITEM_HEADER = 8
_BLOCK = 1 << 16  # bytes; larger ones cost more to allocate than to compare
_UNSURE = frozenset({"UN", "??"})
_TELLING = frozenset({"UI", "PN"})
CONTENT_VALUES = frozenset(
    {
        *(0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123, 0x0040A124, 0x0040A160, 0x0040A30A),
        *(0x0040A161, 0x0040A162, 0x0040A163, 0x00081155),
    }
)
"""What has the value of a content item, besides a code (PS3.3 Table C.17.3-1 and C.18)."""


class Large(NamedTuple):
    """A value that is not held in memory."""

    offset: int
    length: int


@dataclass(slots=True)
class ContentItem:
    """A content item of an SR document, as far as the walk has come in it."""

    code: str = ""
    scheme: str = ""
    value_type: str = ""
    values: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def concept(self) -> tuple[str, str, str]:
        """Code Value and Coding Scheme Designator of its concept name, and its Value Type."""
        return self.code, self.scheme, self.value_type


class _Opened(NamedTuple):
    element: Element
    fates: Place
    replaced: bool
    gone: bool
    content: bool


class Walk:
    """Where a walk over a data set is.

    Parameters
    ----------
    reading : Reading
        The rules.
    sop_class : str
        The SOP Class UID of the object.

    Attributes
    ----------
    fates : Place
        The rules here.
    replaced : bool
        Whether a sequence above has another content in the output.
    gone : bool
        Whether a sequence above is not in the output.
    item : ContentItem or None
        The innermost content item.
    """

    def __init__(self, reading: Reading, sop_class: str) -> None:
        self._reading = reading
        self._sop_class = sop_class
        self._open: list[_Opened] = []
        self._items: list[ContentItem | None] = []
        self._content = False
        self._fragments: list[Large] = []
        self.fates = reading.place(sop_class)
        self.replaced = False
        self.gone = False
        self.item: ContentItem | None = None

    @property
    def is_special(self) -> bool:
        """Whether more than the rule of an element counts here."""
        return self.replaced or self.gone or self.item is not None

    def enter(self, element: Element, kind: Kind) -> None:
        """Go into a sequence, or into pixel data that is in fragments."""
        self._open.append(_Opened(element, self.fates, self.replaced, self.gone, self._content))
        self._fragments = []
        if element.vr != "SQ":
            return
        self._content = kind is Kind.CONTENT or (
            element.tag == _CONTENT_SEQUENCE and self.item is not None
        )
        self.fates = self._reading.place(self._sop_class, element.tag)
        self.replaced |= kind is Kind.CHANGED
        self.gone |= kind is Kind.GONE

    def step(self, element: Element) -> ContentItem | tuple[Element, Large] | None:
        """Take an item, a fragment or an end.

        Returns
        -------
        ContentItem, tuple or None
            The content item that ends here; or the element that ends here, when it is pixel data
            in fragments, and where they are, with their headers.
        """
        if element.tag == ITEM:
            if element.vr:
                self._fragments.append(Large(element.offset, element.length + _ITEM_HEADER))
                return None
            self._items.append(self.item)
            if self._content:
                self.item = ContentItem()
            return None
        if element.tag == ITEM_END:
            ended = self.item if self._content else None
            self.item = self._items.pop()
            return ended
        opened = self._open.pop()
        self.fates, self.replaced, self.gone = opened.fates, opened.replaced, opened.gone
        self._content = opened.content
        if opened.element.vr == "SQ" or not self._fragments:
            return None
        first, last = self._fragments[0], self._fragments[-1]
        return opened.element, Large(first.offset, last.offset + last.length - first.offset)

    def note(self, element: Element, value: bytes) -> None:
        """Note what an element says of the content item that it is in."""
        item, tag, sequence = self.item, element.tag, element.level.sequence
        if item is None:
            return
        if sequence == _CONCEPT_NAME:
            if tag == _CODE_VALUE:
                item.code = _plain(value)
            elif tag == _SCHEME:
                item.scheme = _plain(value)
        elif tag == _VALUE_TYPE:
            item.value_type = _plain(value)
        elif tag in CONTENT_VALUES or (tag == _CODE_VALUE and sequence == _CONCEPT_CODE):
            item.values.append((tag, value))

    def decides(self, tag: int) -> bool:
        """Tell whether the rule of the content item decides about a tag, and not its row."""
        item = self.item
        return (
            item is not None
            and tag in CONTENT_VALUES
            and self._reading.content_item(item.concept).kind is not Kind.STAYS
        )


def _plain(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")


def fate_of(reading: Reading, fates: Place, element: Element, value: bytes = b"") -> Fate:
    """Give the rule of an element, private ones included."""
    tag, level = element.tag, element.level
    fate = fates[tag]
    if fate.kind is not Kind.PRIVATE:
        return fate
    number = tag & 0xFFFF
    creator = _plain(value) if 0x10 <= number <= 0xFF else level.creator(tag)  # noqa: PLR2004 - PS3.5 7.8.1
    return reading.private(tag, creator)


def vr_of(element: Element, fate: Fate) -> str:
    """Give the VR of an element, that of the table where the file has none or hides a UID."""
    if fate.vr in _TELLING or element.vr in _UNSURE:
        return fate.vr or element.vr
    return element.vr


def path_of(tag: int | None, level: Level) -> str:
    """Name an element, or an item, in a message; not by private creators, which are values."""
    nodes = [Node(step.tag, EXACT, item=step.item) for step in level.steps()]
    return str(TagPath((*nodes, Node(tag)) if tag is not None else tuple(nodes)))


def is_named(paths: tuple[TagPath, ...], tag: int, level: Level) -> bool:
    """Tell whether paths of a recipe name an element; one node names it at any depth."""
    if not paths:
        return False
    creator, steps = level.creator(tag), level.steps()
    return any(path.matches(tag, creator, steps, anywhere=True) for path in paths)


def same_bytes(one: Source, at: Large, other: Source, there: Large) -> bool:
    """Compare two values block by block, so that no value is held in memory."""
    if at.length != there.length:
        return False
    for done in range(0, at.length, _BLOCK):
        count = min(_BLOCK, at.length - done)
        if one.read(at.offset + done, count) != other.read(there.offset + done, count):
            return False
    return True


def preamble_is_clean(file: FileSource) -> bool:
    """Tell whether a file begins with 128 zero bytes and the prefix (PS3.10 7.1)."""
    return file.read(0, 132) == bytes(128) + b"DICM"

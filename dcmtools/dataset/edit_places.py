"""Keep account of what is to change in each data set and sequence that a walk is in.

When one is left, all that is in it is known: what is set is placed, group lengths are counted
anew, its own length is corrected, and what holds it is told by how much it has grown.
"""

from dcmtools.dataset.assignments import Target, Wanted
from dcmtools.dataset.element_bytes import encode_element, encode_length
from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import UNDEFINED, Element, Encoding, Level
from dcmtools.dataset.new_elements import new_element, new_items
from dcmtools.dataset.splices import Splice
from dcmtools.errors import InputError, UsageError

_LENGTH = 4  # bytes of the length of a sequence or item, and of the value of a group length


class DataSetPlace:
    """A data set that is being walked: that of the file, or an item.

    Parameters
    ----------
    level : Level
        What holds in it.
    wanted : Wanted or None
        What is to be set in it.
    splices : list of Splice
        What is replaced in the file; this adds to it.
    item : Element, optional
        The item.
    sequence : SequencePlace, optional
        What holds the item.
    """

    __slots__ = (
        "_counted", "_found", "_groups", "_grown", "_growth", "_item", "_level", "_missing",
        "_sequence", "_splices", "_spots", "_wanted",
    )  # fmt: skip

    def __init__(
        self,
        level: Level,
        wanted: Wanted | None,
        splices: list[Splice],
        item: Element | None = None,
        sequence: "SequencePlace | None" = None,
    ) -> None:
        self._level = level
        self._wanted = wanted
        self._splices = splices
        self._item = item
        self._sequence = sequence
        self._found: dict[Target, list[Element]] = {}
        self._missing = sorted(wanted.standard, reverse=True) if wanted else []
        self._spots: dict[int, int] = {}  # where each of what is missing belongs
        self._grown = 0
        self._growth: dict[int, int] = {}  # the same by group
        self._counted: Element | None = None  # the group length whose group goes on
        self._groups: list[tuple[Element, int]] = []  # group lengths, and where the groups end

    def take(self, element: Element) -> Target | None:
        """Note an element of the data set; tell what is wanted of it."""
        tag = element.tag
        if self._counted is not None and tag >> 16 != self._counted.tag >> 16:
            self._groups.append((self._counted, element.offset))
            self._counted = None
        if not tag & 0xFFFF and element.length == _LENGTH:
            self._counted = element
        if self._wanted is None:
            return None
        self._level = element.level
        while self._missing and tag > self._missing[-1]:
            self._spots[self._missing.pop()] = element.offset
        target = self._wanted.find(tag, element.level.creator(tag))
        if target is not None:
            self._found.setdefault(target, []).append(element)
        return target

    def replace(self, element: Element, new: bytes) -> None:
        """Put other bytes in the place of an element that is no sequence."""
        length = element.value_offset + element.length - element.offset
        self._splice(element.tag, Splice(element.offset, length, new))

    def grow(self, tag: int, growth: int) -> None:
        """Note by how many bytes an element has grown."""
        self._grown += growth
        self._growth[tag >> 16] = self._growth.get(tag >> 16, 0) + growth

    def close(self, end: int) -> None:
        """Leave the data set; `end` is the offset behind its last element."""
        if self._wanted is not None:
            self._set(self._wanted, end)
        if self._counted is not None:
            self._groups.append((self._counted, end))
        for length, group_end in self._groups:
            if growth := self._growth.get(length.tag >> 16):
                size = group_end - length.value_offset - _LENGTH + growth
                value = encode_length(size, length.level.encoding)
                self._splices.append(Splice(length.value_offset, _LENGTH, value))
        if self._item is not None and self._sequence is not None and self._grown:
            self._splices += _lengthened(self._item, self._grown)
            self._sequence.grown += self._grown

    def _set(self, wanted: Wanted, end: int) -> None:
        made: list[tuple[int, bytes]] = []
        for target in wanted.all():
            found = self._found.get(target)
            if found is None:
                made.append((target.node.tag, new_element(target, self._level, wanted)))
                continue
            for element in found:
                if _is_entered(target, element):
                    continue
                self.replace(element, new_element(target, self._level, wanted, element))
        for tag, new in made:
            self._splice(tag, Splice(self._spots.get(tag, end), 0, new))

    def _splice(self, tag: int, splice: Splice) -> None:
        self._splices.append(splice)
        self.grow(tag, len(splice.new) - splice.length)


class SequencePlace:
    """A sequence that is being walked, or encapsulated pixel data, in which nothing changes.

    Parameters
    ----------
    element : Element
        The sequence.
    owner : DataSetPlace
        The data set that holds it.
    around : SequencePlace or None
        The sequence around that data set.
    target : Target or None
        What is wanted in its items.
    encoding : Encoding
        How items that are made are encoded where there is none to tell.
    splices : list of Splice
        What is replaced in the file; this adds to it.

    Attributes
    ----------
    owner, around
        As above.
    grown : int
        The bytes by which its items have grown.
    """

    __slots__ = (
        "_count", "_element", "_encoding", "_splices", "_target", "around", "grown", "owner",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - where it is, and what is wanted there
        self,
        element: Element,
        owner: DataSetPlace,
        around: "SequencePlace | None",
        target: Target | None,
        encoding: Encoding,
        splices: list[Splice],
    ) -> None:
        self._element = element
        self.owner = owner
        self.around = around
        self._target = target
        self._encoding = encoding
        self._splices = splices
        self._count = 0
        self.grown = 0

    def open_item(self, item: Element) -> DataSetPlace:
        """Go into the next item."""
        wanted = self._target.items.get(self._count) if self._target is not None else None
        self._count += 1
        self._encoding = item.level.encoding
        return DataSetPlace(item.level, wanted, self._splices, item, self)

    def close(self, end: int) -> None:
        """Leave the sequence; `end` is the offset behind its last item."""
        if self._target is not None:
            level = self._element.level
            new = new_items(self._target, self._count, self._encoding, level)
            if new:
                self._splices.append(Splice(end, 0, new))
                self.grown += len(new)
        if self.grown:
            self._splices += _lengthened(self._element, self.grown)
            self.owner.grow(self._element.tag, self.grown)


def _is_entered(target: Target, element: Element) -> bool:
    """Tell whether a target is set inside a sequence, which is done when that is left."""
    if target.items:
        if not element.is_container and element.length:
            raise UsageError(str(target.path), f"{target.node} is not a sequence in this file")
        return element.is_container
    if element.is_container:
        what = "a sequence" if element.vr == "SQ" else "in fragments"
        raise UsageError(str(target.path), f"is {what} in this file, and has no value to set")
    return False


def _lengthened(element: Element, growth: int) -> list[Splice]:
    """Correct the length of a sequence or item, unless a delimiter ends it."""
    if element.length == UNDEFINED:
        return []
    length = element.length + growth
    if length >= UNDEFINED:
        raise InputError(describe(element.tag), "gets longer than its length can say")
    value = encode_length(length, element.level.encoding)
    return [Splice(element.value_offset - _LENGTH, _LENGTH, value)]


def replaced_uid(element: Element, value: bytes) -> bytes:
    """Encode an element anew with other UIDs in it."""
    vr = "UI" if element.vr == "??" else element.vr
    padding = b"\0" if vr in ("UI", "UN") else b" "
    value += padding * (len(value) % 2)
    return encode_element(element.tag, vr, value, element.level.encoding)

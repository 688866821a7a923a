"""Walk the bytes of a data set without recursion and without trusting a single length.

What is wrong is noted and not raised: whoever asks afterwards knows whether the walk reached the
end, and why not. Elements that are plain, which is nearly all of them, are handled in one tight
loop; everything else (sequences, delimiters, unknown VRs, private creators) takes a slower step.
"""

from collections.abc import Iterable, Iterator

from dcmtools.dataset.charset import decode, is_known
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.element_header import (
    ITEM_HEADER,
    KNOWN,
    KNOWN_META,
    LONG,
    LONGEST_HEADER,
    SHORT,
    TAGS,
    describe,
    explicit_header,
    implicit_vr,
    printable_vr,
    remember,
)
from dcmtools.dataset.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONG_VRS,
    PIXEL_DATA,
    PIXEL_REPRESENTATION,
    SEQUENCE_END,
    SHORT_VRS,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED,
    Element,
    Encoding,
    Level,
)
from dcmtools.dataset.path import format_tag
from dcmtools.dataset.source import WINDOW, Source
from dcmtools.dataset.walk import Frame, Kind, Walk, frame_name


class Scanner(Walk):
    """One walk over a data set.

    Parameters
    ----------
    source : Source
        The bytes.
    start : int
        The offset of the first element.
    encoding : Encoding
        How the data set is encoded.
    end : int, optional
        The offset behind the last element; the end of the source when not given.
    charset : bytes
        The Specific Character Set to assume until the data set names its own.
    meta : bool
        Whether this is a file meta group, which ends before the first tag of another group.
    items : bool
        Whether these are the items of a sequence, not a data set. UN elements in them are not
        looked into then.
    level : Level, optional
        What holds in the data set already, where it is a piece of one.
    """

    def __init__(  # noqa: PLR0913 - a walk has that many sides
        self,
        source: Source,
        start: int,
        encoding: Encoding,
        *,
        end: int | None = None,
        charset: bytes = b"",
        meta: bool = False,
        items: bool = False,
        level: Level | None = None,
    ) -> None:
        if level is None:
            level = Level(encoding)
            level.charset = charset
        end = source.size if end is None else min(end, source.size)
        kind = Kind.SEQUENCE if items else Kind.DATA_SET
        root = Frame(kind, 0, level, end, delimited=False, encoding=encoding)
        super().__init__(source, start, root)
        self._meta = meta
        self._items_only = items
        self._assumed = charset
        self._disordered = False

    def __iter__(self) -> Iterator[Element]:
        """Walk the elements, in file order."""
        new = tuple.__new__
        while not self._finished:
            frame, level = self._frame, self._level
            if frame.kind in (Kind.DATA_SET, Kind.ITEM):
                self._fill(LONGEST_HEADER)
                implicit, big = level.encoding
                tables = KNOWN_META if self._meta else KNOWN[big]
                known = tables.implicit if implicit else tables.explicit
                key = 4 if implicit else 6
                short, long = SHORT[big], LONG[big]
                buffer, base, last = self._buffer, self._base, self._last
                at = self.position - base
                bound = min(frame.end - base, len(buffer))
                room = bound - LONGEST_HEADER
                while at <= room:
                    entry = known.get(buffer[at : at + key])
                    if entry is None:
                        break
                    tag, vr, is_long = entry
                    if is_long:
                        value_at = at + 12
                        behind = value_at + long(buffer, at + 8)[0]
                    else:
                        value_at = at + 8
                        length = long(buffer, at + 4) if implicit else short(buffer, at + 6)
                        behind = value_at + length[0]
                    if behind > bound or tag <= last:
                        break
                    last = tag
                    value = buffer[value_at:behind]
                    start, value_start = base + at, base + value_at
                    fields = (tag, vr, behind - value_at, start, value_start, value, level)
                    at = behind
                    yield new(Element, fields)
                self._last = last
                self.position = base + at
            yield from self._step()

    def _step(self) -> Iterable[Element]:
        """Take one piece that the tight loop does not."""
        frame = self._frame
        left = frame.end - self.position
        if left <= 0:
            if frame.delimited:
                return self._abandon(f"{frame_name(frame)} is not closed")
            return self._close(self.position)
        if frame.kind in (Kind.SEQUENCE, Kind.PIXELS):
            return self._item(frame, left)
        return self._element(frame, left)

    def _element(self, frame: Frame, left: int) -> Iterable[Element]:
        header = self._peek(LONGEST_HEADER)[:left]
        if len(header) < ITEM_HEADER:
            if not self._stack and not header.strip(b"\0"):
                return self._tail(left)
            return self._abandon("ends amid the header of an element")
        implicit, big = frame.level.encoding
        group, number = TAGS[big](header)
        tag = group << 16 | number
        if group == ITEM >> 16:
            return self._delimiter(frame, tag, header)
        if self._meta and group != 2:  # noqa: PLR2004 - the file meta group
            self._finished = True
            return ()
        if not self._stack and self._is_tail(tag, header):
            return self._tail(left)
        if group in (0x0000, 0x0002) and not self._meta:
            self._note(f"{describe(tag)} does not belong in a data set", damage=False)
        if implicit:
            vr, length, value_at = implicit_vr(tag, frame.level), LONG[big](header, 4)[0], 8
        else:
            vr, length, value_at = explicit_header(header, left, big_endian=big)
            if vr == "??":
                shown = printable_vr(header)
                self._note(f"{describe(tag)} has the VR {shown}, which is none", damage=False)
            if value_at > len(header):
                return self._abandon(f"ends amid the header of {describe(tag)}")
        value_start = self.position + value_at
        if tag <= self._last:
            self._note_disorder(tag)
        if length == UNDEFINED:
            return self._undefined(tag, vr, value_start)
        if length > frame.end - value_start:
            return self._too_long(tag, vr, length, value_start)
        if vr == "SQ" or (vr == "UN" and length):
            opened = self._defined_items(tag, vr, length, value_start)
            if opened is not None:
                return opened
            vr = "UN"
        value = self._value(value_start, length)
        element = Element(tag, vr, length, self.position, value_start, value, frame.level)
        self._learn(element, header)
        self.position = value_start + length
        self._last = tag
        return (element,)

    def _delimiter(self, frame: Frame, tag: int, header: bytes) -> Iterable[Element]:
        start = self.position
        if frame.kind is Kind.ITEM and frame.delimited:
            if tag == ITEM_END:
                self.position += ITEM_HEADER
                return self._close(start)
            if tag in (SEQUENCE_END, ITEM):
                self._note(f"an item of {frame_name(frame)} is not closed")
                return self._close(start)
        length = LONG[frame.level.encoding.big_endian](header, 4)[0]
        if tag in (ITEM_END, SEQUENCE_END) and length == 0:
            self._note(f"a delimiter {format_tag(tag)} stands where none belongs", damage=False)
            self.position += ITEM_HEADER
            return ()
        return self._abandon(f"{format_tag(tag)} stands where an element must be")

    def _undefined(self, tag: int, vr: str, value_start: int) -> Iterable[Element]:
        level = self._level
        encoding = level.encoding
        if vr in ("OB", "OW", "OD", "OF", "OL", "OV"):
            if tag != PIXEL_DATA:
                self._note(f"{describe(tag)} has an undefined length and is no sequence")
            kind = Kind.PIXELS
        elif vr in ("SQ", "UN"):
            kind = Kind.SEQUENCE
            if vr == "UN":  # PS3.5 6.2.2: implicit VR little endian, whatever is around it
                encoding, vr = IMPLICIT_LITTLE, "SQ"
        else:
            return self._abandon(f"{describe(tag)} has VR {vr} and an undefined length")
        return self._enter(tag, vr, UNDEFINED, value_start, kind, self._frame.end, encoding)

    def _defined_items(
        self, tag: int, vr: str, length: int, value_start: int
    ) -> Iterable[Element] | None:
        """Enter a sequence of defined length, also one that is hidden in an UN element."""
        encoding = self._level.encoding
        end = value_start + length
        if vr == "UN":
            if self._items_only:
                return None
            found = self._hidden_encoding(value_start, end)
            if found is None:
                return None
            encoding = found
        elif encoding.implicit and length:
            big = encoding.big_endian
            if TAGS[big](self._source.read(value_start, 4).ljust(4, b"\0")) != (0xFFFE, 0xE000):
                self._note(f"{describe(tag)} is a sequence but holds no items", damage=False)
                return None
        return self._enter(tag, "SQ", length, value_start, Kind.SEQUENCE, end, encoding)

    def _hidden_encoding(self, value_start: int, end: int) -> Encoding | None:
        """Tell how the items in an UN element are encoded, None when it holds none."""
        if self._source.read(value_start, 4) != b"\xfe\xff\x00\xe0":
            return None
        for encoding in (IMPLICIT_LITTLE, EXPLICIT_LITTLE):
            trial = Scanner(self._source, value_start, encoding, end=end, items=True)
            if all(not trial.problems for _ in trial) and not trial.problems:
                return encoding
        return None

    def _enter(  # noqa: PLR0913, PLR0917 - what a sequence is
        self,
        tag: int,
        vr: str,
        length: int,
        value_start: int,
        kind: Kind,
        end: int,
        encoding: Encoding,
    ) -> Iterable[Element]:
        level, start = self._level, self.position
        self._last = tag
        self.position = value_start
        self._open(Frame(kind, tag, level, end, length == UNDEFINED, encoding))
        return (Element(tag, vr, length, start, value_start, None, level),)

    def _too_long(self, tag: int, vr: str, length: int, value_start: int) -> Iterable[Element]:
        left = self._frame.end - value_start
        what = f"{describe(tag)} has a length of {length} bytes where {left} are left"
        if vr == "SQ" and self._source.read(value_start, 4) in (
            b"\xfe\xff\x00\xe0",
            b"\xff\xfe\xe0\0",
        ):
            self._note(what)
            end, encoding = self._frame.end, self._level.encoding
            return self._enter(tag, vr, length, value_start, Kind.SEQUENCE, end, encoding)
        return self._abandon(what)

    def _learn(self, element: Element, header: bytes) -> None:
        tag, level, value = element.tag, element.level, element.value or b""
        number = tag & 0xFFFF
        if tag == SPECIFIC_CHARACTER_SET:
            level.charset = value if value.strip(b" \0") else self._assumed
            if not is_known(value):
                shown = repr(value.decode("ascii", "replace"))
                why = f"the Specific Character Set {shown} is not known"
                self._note(why, damage=False, value=shown)
        elif tag == PIXEL_REPRESENTATION:
            level.signed = value[:2] in (b"\1\0", b"\0\1")
        elif tag & PRIVATE_GROUP and 0x10 <= number <= 0xFF:  # noqa: PLR2004 - PS3.5 7.8.1
            creator = decode(value, level.charset).strip(" \0")
            level.creators[(tag >> 16) << 8 | number] = creator
        else:
            remember(element, header, meta=self._meta)

    def _note_disorder(self, tag: int) -> None:
        if tag == self._last:
            self._note(f"{describe(tag)} is there twice", damage=False)
        elif not self._disordered:
            self._disordered = True
            self._note(f"{describe(tag)} is not in ascending order", damage=False)

    def _is_tail(self, tag: int, header: bytes) -> bool:
        """Tell whether what follows is no part of the data set any more."""
        if tag == 0 and not header.strip(b"\0"):
            return True
        implicit = self._level.encoding.implicit
        vr = header[4:6]
        return not implicit and tag < self._last and vr not in SHORT_VRS and vr not in LONG_VRS

    def _tail(self, left: int) -> Iterable[Element]:
        """Stop at bytes that are no elements; zeros are harmless, all else may be a patient's."""
        offset, zeros = self.position, True
        while zeros and (chunk := self._source.read(offset, WINDOW)):
            zeros = not chunk.strip(b"\0")
            offset += len(chunk)
        second = self._source.read(self.position + 128, 4) == b"DICM"
        kind = "zero bytes" if zeros else "bytes of a second file" if second else "foreign bytes"
        self._note(f"{left} {kind} follow the data set", damage=not zeros)
        self._finished = True
        return ()

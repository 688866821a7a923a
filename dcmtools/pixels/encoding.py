"""Write a data set in another encoding, element by element, values as they are (PS3.5 section 7).

pydicom's writer would decode text and numbers and encode them again, stop at what it cannot read,
and hold everything in memory. Here the bytes of a value are copied; only their order is changed
where the encodings differ in it. What was long is never in memory as a whole.
"""

from array import array
from collections.abc import Callable, Iterator
from struct import pack
from typing import BinaryIO, NamedTuple

from dcmtools.dataset.element_header import describe, implicit_vr
from dcmtools.dataset.elements import (
    ITEM,
    LONG_VRS,
    PIXEL_DATA,
    SEQUENCE_END,
    UNDEFINED,
    Element,
    Encoding,
)
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.values import TEXT_VRS
from dcmtools.errors import InputError
from dcmtools.pixels.fragments import FragmentWriter

_CHUNK = 1 << 20
_SHORT_LENGTHS = 1 << 16
_LENGTH_TO_END = 0x00080001
WIDTHS = {
    "AT": 2, "OW": 2, "SS": 2, "US": 2,
    "FL": 4, "OF": 4, "OL": 4, "SL": 4, "UL": 4,
    "FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8,
}  # fmt: skip
"""The bytes of a number in values of these VRs; of all others it is one."""

_TYPECODES = {array(code).itemsize: code for code in "HIQ"}


class Given(NamedTuple):
    """An element that is written in place of one of the file."""

    tag: int
    vr: str
    value: bytes
    """In little endian, of even length."""
    placed: Callable[[int], None] | None = None
    """Is told where the value has been written, in bytes, where it has to be written again."""


class Frames(NamedTuple):
    """Native pixel data that is written in place of encapsulated ones."""

    vr: str
    length: int
    """In bytes, before it is padded."""
    frames: Iterator[bytes]
    """The pixels in little endian."""


class Encapsulated(NamedTuple):
    """Encapsulated pixel data that are written in place of others."""

    writer: FragmentWriter
    frames: Iterator[bytes]
    """The compressed frames."""


class Changes(NamedTuple):
    """What is written in place of elements, by the offset of the element in the file."""

    elements: dict[int, tuple[Given, ...]]
    """Elements; none where one is left out."""
    added: dict[int, tuple[Given, ...]]
    """Elements that are written before the one of the file."""
    pixels: dict[int, Frames | Encapsulated]
    items: dict[int, bytes]
    """What follows the items of a sequence: more of them, encoded as the result is."""

    def put(self, place: Element, given: Given) -> None:
        """Set an element: the one of the file, or one that is written before it."""
        if place.tag == given.tag:
            self.elements[place.offset] = (given,)
        else:
            others = self.added.get(place.offset, ())
            self.added[place.offset] = tuple(sorted((*others, given), key=lambda one: one.tag))


def write(file: DicomFile, target: Encoding, changes: Changes, out: BinaryIO) -> None:
    """Write the data set of a file.

    Sequences get undefined lengths. Group lengths, which are retired (PS3.5 7.2) and would not be
    right any more, are left out, and so is what belongs to the file meta group or a command. A
    value that is too long for its VR becomes UN (PS3.5 6.2.2).

    Parameters
    ----------
    file : DicomFile
        The file; it has been walked to its end without damage.
    target : Encoding
        How to encode it.
    changes : Changes
        What to write in place of what is in the file.
    out : file
        Where to write.

    Raises
    ------
    InputError
        The file has become shorter, or what is in an element cannot be found any more.
    OSError
        It cannot be written.
    """
    _Writer(file, target, changes, out).write()


class _Writer:
    def __init__(self, file: DicomFile, target: Encoding, changes: Changes, out: BinaryIO) -> None:
        self._file = file
        self._target = target
        self._changes = changes
        self._out = out
        # What ends the sequences and items that are open, before a delimiter; None for nothing.
        self._open: list[bytes | None] = []

    def write(self) -> None:
        elements = self._file.elements()
        for element in elements:
            if not element.vr:  # it may have the offset of the element that follows
                self._write_bracket(element)
                continue
            for each in self._changes.added.get(element.offset, ()):
                self._write_given(each)
            given = self._changes.elements.get(element.offset)
            frames = self._changes.pixels.get(element.offset)
            if given is not None:
                for each in given:
                    self._write_given(each)
            elif frames is not None and element.tag == PIXEL_DATA:
                self._write_frames(frames)
                if element.is_container:
                    _skip(elements)
            elif element.is_container and element.vr != "SQ":
                self._write_fragments(element, elements)
            elif element.vr == "SQ":
                self._write_sequence(element, elements)
            elif not _is_left_out(element):
                self._write_element(element)

    def _write_bracket(self, element: Element) -> None:
        """Write an item or an end; what was empty needs no delimiter."""
        if element.tag == ITEM:
            self._open.append(b"" if element.length else None)
            self._put(ITEM, "", UNDEFINED if element.length else 0)
            return
        more = self._open.pop()
        if more is not None:
            self._out.write(more)
            self._put(element.tag, "", 0)

    def _write_sequence(self, element: Element, elements: Iterator[Element]) -> None:
        inner = next(elements)  # an item or the end
        implicit_inside = inner.level.encoding.implicit
        hidden = self._was_unknown(element) and element.length != UNDEFINED and element.length
        if hidden and (implicit_inside or not self._target.implicit):
            # It stays what it is; to this walk only, it was worth a look inside.
            while inner.tag != SEQUENCE_END or inner.level is not element.level:
                inner = next(elements)
            self._write_element(element._replace(vr="UN"))
            return
        more = self._changes.items.get(element.offset, b"")
        is_empty = not (element.length or more)
        self._open.append(None if is_empty else more)
        self._put(element.tag, "SQ", 0 if is_empty else UNDEFINED)
        self._write_bracket(inner)

    def _was_unknown(self, element: Element) -> bool:
        """Tell a sequence that was found in an element of VR UN."""
        if element.level.encoding.implicit:
            return implicit_vr(element.tag, element.level) == "UN"
        return self._file.header.source.read(element.offset + 4, 2) == b"UN"

    def _write_element(self, element: Element) -> None:
        known = element.vr
        if known == "??":  # no VR; what the standard says of the tag is as good
            known = implicit_vr(element.tag, element.level)
            known = "UN" if known == "SQ" else known
        length = element.length + element.length % 2
        written = self._put(element.tag, known, length)
        source_big = element.level.encoding.big_endian and known != "UN"
        swapped = source_big != (self._target.big_endian and written != "UN")
        width = WIDTHS.get(known, 1) if swapped else 1
        for chunk in self._chunks(element):
            self._out.write(byteswapped(chunk, width))
        if element.length % 2:
            text = known in TEXT_VRS and known != "UI"
            self._out.write(b" " if text else b"\0")

    def _chunks(self, element: Element) -> Iterator[bytes]:
        if element.value is not None:
            yield element.value
            return
        source, done = self._file.header.source, 0
        while done < element.length:
            count = min(_CHUNK, element.length - done)
            chunk = source.read(element.value_offset + done, count)
            if len(chunk) < count:
                why = f"{describe(element.tag)} is cut: the file has become shorter"
                raise InputError(str(self._file.path), why)
            yield chunk
            done += count

    def _write_given(self, given: Given) -> None:
        written = self._put(given.tag, given.vr, len(given.value))
        big = self._target.big_endian and written != "UN"
        if given.placed is not None:
            given.placed(self._out.tell())
        self._out.write(byteswapped(given.value, WIDTHS.get(given.vr, 1) if big else 1))

    def _write_fragments(self, element: Element, elements: Iterator[Element]) -> None:
        """Write encapsulated pixel data as they are."""
        self._put(element.tag, "OB", UNDEFINED)
        for each in elements:
            self._put(each.tag, "", each.length)
            if each.tag == SEQUENCE_END:
                return
            for chunk in self._chunks(each):
                self._out.write(chunk)

    def _write_frames(self, pixels: Frames | Encapsulated) -> None:
        if isinstance(pixels, Encapsulated):
            self._put(PIXEL_DATA, "OB", UNDEFINED)
            for piece in pixels.writer.written(pixels.frames):
                self._out.write(piece)
            return
        self._put(PIXEL_DATA, pixels.vr, pixels.length + pixels.length % 2)
        width = WIDTHS.get(pixels.vr, 1) if self._target.big_endian else 1
        for frame in pixels.frames:
            self._out.write(byteswapped(frame, width))
        self._out.write(b"\0" * (pixels.length % 2))

    def _put(self, tag: int, vr: str, length: int) -> str:
        """Write the header of an element and tell the VR that it really has got."""
        order = ">" if self._target.big_endian else "<"
        head = pack(order + "HH", tag >> 16, tag & 0xFFFF)
        if self._target.implicit or not vr:
            self._out.write(head + pack(order + "I", length))
            return vr
        if vr.encode() not in LONG_VRS and length >= _SHORT_LENGTHS:
            vr = "UN"
        long = vr.encode() in LONG_VRS
        self._out.write(head + vr.encode() + pack(order + ("2xI" if long else "H"), length))
        return vr


def _is_left_out(element: Element) -> bool:
    """Tell what would not be right any more, and what is no part of a data set."""
    tag = element.tag
    strange = tag >> 16 in (0x0000, 0x0002) and not element.level.depth
    return strange or tag & 0xFFFF == 0 or tag == _LENGTH_TO_END


def _skip(elements: Iterator[Element]) -> None:
    """Pass over the fragments of encapsulated pixel data."""
    while next(elements).tag != SEQUENCE_END:
        pass


def byteswapped(value: bytes, width: int) -> bytes:
    """Turn round the bytes of each number; what is left over is no number and stays.

    Parameters
    ----------
    value : bytes
        The numbers.
    width : int
        The bytes of a number.
    """
    whole = len(value) - len(value) % width
    if width == 1 or not whole:
        return value
    numbers = array(_TYPECODES[width], value[:whole])
    numbers.byteswap()
    return numbers.tobytes() + value[whole:]

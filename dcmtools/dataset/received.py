"""Decide whether a data set that was received is whole, and what it says it is.

It is walked to its end before anybody is told that it is stored: where a length lies or a sequence
is not closed, something is missing. What only breaks rules of encoding is whole all the same.
"""

import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from dcmtools.dataset import values
from dcmtools.dataset.element_header import KNOWN, LONG, LONGEST_HEADER, SHORT
from dcmtools.dataset.elements import EXPLICIT_LITTLE, Element
from dcmtools.dataset.header import DEFLATED, read_header
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.scan import Scanner
from dcmtools.dataset.select import first_values
from dcmtools.dataset.source import BytesSource, Source, window_bits
from dcmtools.dataset.text import value_text
from dcmtools.dataset.walk import Kind
from dcmtools.errors import InputError

SOP_CLASS = 0x00080016
SOP_INSTANCE = 0x00080018
PATIENT_ID = 0x00100020
STUDY = 0x0020000D
SERIES = 0x0020000E

_STANDARD = "1.2.840.10008.1."
"""Where the standard's transfer syntaxes are, those included that are too new for a dictionary."""
_UNREADABLE = ("UN", "??")
_CHUNK = 1 << 18  # bytes that are inflated at a time
_LOOKED_AT = 1 << 20  # inflated bytes in which the UIDs are looked for, where there are many
_MOST_WALKED = 1 << 24  # inflated bytes that are walked to their end
_MOST_INFLATED = 1 << 28  # inflated bytes after which a stream is taken to be whole
_PATH = TagPath.parse(f"{SOP_INSTANCE:08x}")
_INFLATING = Lock()  # so that many at once need no more memory than one


@dataclass(frozen=True, slots=True)
class Content:
    """What a data set says.

    Parameters
    ----------
    values : dict of int to str
        The values of the data set itself that were asked for, without padding; they are as
        strangers have written them.
    doubt : str
        Why it cannot be read, "" where it can.
    """

    values: dict[int, str] = field(default_factory=dict)
    doubt: str = ""


class Check(Scanner):
    """A walk to the end that makes elements only of what is asked for.

    It takes the steps that the iteration takes, and notes the same problems, in two thirds of the
    time. What it passes in encapsulated pixel data it does not read.
    """

    def values(self, tags: Collection[int]) -> dict[int, str]:
        """Walk, and give the values of the data set itself: the first one of each tag."""
        return {tag: value_of(element) for tag, element in self.find(tags).items()}

    def find(self, tags: Collection[int]) -> dict[int, Element]:
        """Walk, and give elements of the data set itself: the first one of each tag."""
        found: dict[int, Element] = {}
        while not self._finished:
            frame, level = self._frame, self._level
            if frame.kind in (Kind.DATA_SET, Kind.ITEM):
                self._fill(LONGEST_HEADER)
                implicit, big = level.encoding
                known = KNOWN[big].implicit if implicit else KNOWN[big].explicit
                key = 4 if implicit else 6
                short, long = SHORT[big], LONG[big]
                buffer, base, last = self._buffer, self._base, self._last
                wanted = () if level.depth else tags
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
                    if tag in wanted:
                        place, value = (base + at, base + value_at), buffer[value_at:behind]
                        element = Element(tag, vr, behind - value_at, *place, value, level)
                        found.setdefault(tag, element)
                    last, at = tag, behind
                self._last = last
                self.position = base + at
            for element in self._step():
                if element.tag in tags and not element.level.depth:
                    found.setdefault(element.tag, element)
        return found

    def _value(self, value_start: int, length: int) -> bytes | None:
        if self._frame.kind is Kind.PIXELS:
            return None
        return super()._value(value_start, length)


def look_through(file: Source, start: int, syntax: str, tags: Collection[int]) -> Content:
    """Walk a data set to its end.

    Parameters
    ----------
    file : Source
        The whole file, its file meta group included.
    start : int
        The offset of the data set in it.
    syntax : str
        The transfer syntax. What is not one of the standard's is read as well as it can be.
    tags : collection of int
        The elements of the data set itself to give the values of. Values of more than 64 KiB are
        not given.

    Returns
    -------
    Content
        Its values; with a doubt where the transfer syntax is not known and it cannot be read.

    Raises
    ------
    InputError
        It is damaged, empty or no data set at all.

    Notes
    -----
    A deflated data set is inflated in pieces. It is walked where it has up to 16 MiB; else its
    stream is followed for 256 MiB, and only the first MiB is looked at.
    """
    if file.size <= start:
        raise InputError("data set", "is empty")
    try:
        return Content(_read(file, start, syntax, tags))
    except InputError as error:
        if syntax.startswith(_STANDARD):
            raise
        return Content(doubt=error.why)


def _read(file: Source, start: int, syntax: str, tags: Collection[int]) -> dict[int, str]:
    if syntax in DEFLATED:
        with _INFLATING:
            found = _inflated(file, start, tags)
    else:
        found = _walked(file, tags)
    if not any(found.get(tag) for tag in (SOP_CLASS, SOP_INSTANCE)):
        raise InputError("data set", "has no SOP Class UID and no SOP Instance UID")
    return found


def _walked(file: Source, tags: Collection[int]) -> dict[int, str]:
    header = read_header(file, "data set", _MOST_WALKED)
    scanner = Check(header.source, header.start, header.encoding)
    found = scanner.values(tags)
    for problem in (*header.problems, *scanner.problems):
        if problem.damage:
            raise InputError("data set", problem.reason)
    return found


def value_of(element: Element) -> str:
    """Give a value as text, as it is: what is no text as its numbers, what is long as nothing."""
    raw, vr, level = element.value, element.vr, element.level
    if not raw or element.is_container:
        return ""
    if vr in values.TEXT_VRS or vr in _UNREADABLE:
        shown = values.text(raw, "LO" if vr in _UNREADABLE else vr, level.charset)
    else:
        big_endian = level.encoding.big_endian
        shown = value_text(vr, raw, level.charset, big_endian=big_endian, uid_names=False)[0]
    return shown.strip(" \0")


def _inflated(file: Source, start: int, tags: Collection[int]) -> dict[int, str]:
    """Look through a deflated data set, however large it becomes."""
    try:
        head, size = _followed(file, start)
    except zlib.error:  # no stream at all: there are senders who only say so
        return _walked(file, tags)
    if size <= _MOST_WALKED:
        return _walked(file, tags)
    return Check(BytesSource(head), 0, EXPLICIT_LITTLE).values(tags)


def _followed(source: Source, start: int) -> tuple[bytearray, int]:
    """Inflate a stream to its end, and give its beginning and the bytes that it has.

    Raises
    ------
    InputError
        It is damaged or cut.
    zlib.error
        It is none.
    """
    stream = zlib.decompressobj(window_bits(source.read(start, 2)))
    head, size, offset = bytearray(), 0, start
    while not stream.eof and size <= _MOST_INFLATED:
        chunk = stream.unconsumed_tail
        if not chunk:
            chunk = source.read(offset, _CHUNK)
            offset += len(chunk)
        try:
            more = stream.decompress(chunk, _CHUNK)
        except zlib.error as error:
            if not size:
                raise
            raise InputError("data set", f"its deflated stream is damaged ({error})") from error
        if not chunk and not more:
            raise InputError("data set", "its deflated stream is cut")
        size += len(more)
        if len(head) < _LOOKED_AT:
            head += more
    return head, size


def instance_of(path: Path) -> str:
    """Read the SOP Instance UID of a file that is there, and no more of it than that takes.

    Raises
    ------
    InputError
        It cannot be read.
    """
    with DicomFile(path, glance=True) as file:
        (hits,) = first_values(file, [_PATH])
        return own_value(hits)


def own_value(hits: Iterable[Element]) -> str:
    """Give the value of the data set itself; that of an item is not its own."""
    return next((value_of(each) for each in hits if not each.level.depth), "")

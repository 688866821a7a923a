"""Keep account of a walk over a data set: what is open, where each must end, what was wrong.

Lengths are never trusted: nothing may pass the end of what holds it, and where two lengths
disagree, the walk says so and takes the one that fits. There is no recursion, however deep
sequences are nested.
"""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from dcmtools.dataset.element_header import ITEM_HEADER, LONG, TAGS, describe
from dcmtools.dataset.elements import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Element,
    Encoding,
    Level,
    Problem,
)
from dcmtools.dataset.path import format_tag
from dcmtools.dataset.source import WINDOW, Source

_MOST_PROBLEMS = 20

MAX_DEPTH = 2000
"""Sequences within sequences beyond this are refused; real objects have a dozen."""


class Kind(Enum):
    """What can be open."""

    DATA_SET = "data set"
    SEQUENCE = "sequence"
    ITEM = "item"
    PIXELS = "pixel data"


class Frame(NamedTuple):
    """An open data set, sequence, item or encapsulated pixel data."""

    kind: Kind
    tag: int
    level: Level
    end: int
    """The offset that nothing in it may pass."""
    delimited: bool
    """Whether a delimiter ends it, and not its length."""
    encoding: Encoding
    """How the items of a sequence are encoded."""


class Walk:
    """The state of a walk, and the steps it takes into and out of sequences.

    Parameters
    ----------
    source : Source
        The bytes.
    start : int
        The offset of the first element.
    root : Frame
        What is walked: a data set, or the items of a sequence.

    Attributes
    ----------
    problems : list of Problem
        What was found wrong so far.
    position : int
        The offset behind what was read.
    """

    def __init__(self, source: Source, start: int, root: Frame) -> None:
        self.position = start
        self.problems: list[Problem] = []
        self._source = source
        self._frame = root
        self._level = root.level
        self._stack: list[tuple[Frame, int, int]] = []
        self._last = -1  # the tag before, to notice disorder
        self._item_count = 0
        self._noted: set[str] = set()
        self._finished = False
        self._buffer = b""
        self._base = start

    def _fill(self, count: int) -> int:
        """Have `count` bytes at the position in the buffer; tell how many there really are."""
        have = self._base + len(self._buffer) - self.position
        if have < count:
            self._base, self._buffer = self._source.window(self.position, count)
            have = self._base + len(self._buffer) - self.position
        return have

    def _peek(self, count: int) -> bytes:
        self._fill(count)
        at = self.position - self._base
        return self._buffer[at : at + count]

    def _value(self, value_start: int, length: int) -> bytes | None:
        if length > WINDOW:
            return None
        self._fill(value_start - self.position + length)
        at = value_start - self._base
        return self._buffer[at : at + length]

    def _item(self, frame: Frame, left: int) -> Iterable[Element]:
        start, header = self.position, self._peek(ITEM_HEADER)
        if min(left, len(header)) < ITEM_HEADER:
            return self._abandon(f"{frame_name(frame)} ends amid an item header")
        big = frame.encoding.big_endian
        group, number = TAGS[big](header)
        tag, length = group << 16 | number, LONG[big](header, 4)[0]
        if tag == SEQUENCE_END and frame.delimited:
            self.position += ITEM_HEADER
            return self._close(start)
        if tag != ITEM:
            return self._abandon(f"{frame_name(frame)} has {format_tag(tag)} where an item must be")
        value_start = start + ITEM_HEADER
        if frame.kind is Kind.PIXELS:
            return self._fragment(frame, length, value_start)
        depth = self._level.depth + 1
        if depth > MAX_DEPTH:
            return self._abandon(f"sequences are nested more than {MAX_DEPTH} deep")
        end = frame.end
        if length != UNDEFINED:
            end = value_start + length
            if end > frame.end:
                self._note(f"an item of {frame_name(frame)} is longer than what holds it")
                end = self._believed_end(end)
        level = Level(frame.encoding, self._level, frame.tag, self._item_count)
        self._item_count += 1
        self.position = value_start
        delimited = length == UNDEFINED
        self._open(Frame(Kind.ITEM, frame.tag, level, end, delimited, frame.encoding))
        return (Element(ITEM, "", length, start, value_start, None, level),)

    def _believed_end(self, end: int) -> int:
        """Choose between an item and its sequence when their lengths disagree."""
        around = self._stack[-1][0].end if self._stack else self._frame.end
        if end > around:
            return self._frame.end
        self._frame = self._frame._replace(end=end)
        return end

    def _fragment(self, frame: Frame, length: int, value_start: int) -> Iterable[Element]:
        if length > frame.end - value_start:
            return self._abandon(f"a fragment of {frame_name(frame)} is longer than what holds it")
        start = self.position
        value = self._value(value_start, length)
        self.position = value_start + length
        return (Element(ITEM, "OB", length, start, value_start, value, frame.level),)

    def _open(self, frame: Frame) -> None:
        self._stack.append((self._frame, self._last, self._item_count))
        self._frame, self._level = frame, frame.level
        self._last, self._item_count = -1, 0

    def _close(self, start: int) -> Iterable[Element]:
        """End what is open innermost, at a delimiter or where its length says."""
        frame = self._frame
        if not self._stack:
            self._finished = True
            return ()
        self._frame, self._last, self._item_count = self._stack.pop()
        self._level = self._frame.level
        tag = ITEM_END if frame.kind is Kind.ITEM else SEQUENCE_END
        return (Element(tag, "", 0, start, self.position, None, frame.level),)

    def _abandon(self, why: str) -> Iterable[Element]:
        """Close what is open, up to where a length says how to go on behind it."""
        self._note(why)
        ends: list[Element] = []
        while not self._finished:
            frame = self._frame
            if self._stack and not frame.delimited and frame.end > self.position:
                self.position = frame.end
                break
            ends += self._close(self.position)
        return ends

    def _note(self, reason: str, *, damage: bool = True, value: str = "") -> None:
        if reason in self._noted:
            return
        self._noted.add(reason)
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(Problem(self.position, reason, damage, value))
        elif damage or len(self.problems) == _MOST_PROBLEMS:
            self.problems[_MOST_PROBLEMS:] = [Problem(self.position, "more is wrong", damage)]


def frame_name(frame: Frame) -> str:
    """Name what is open in a message."""
    return f"the {frame.kind.value} of {describe(frame.tag)}"

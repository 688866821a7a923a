"""Decide whether dates have moved as they had to: all of an object by the same number of days."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from dcmtools.dataset.elements import Element
from dcmtools.deid.verify_input import tells_nothing

_DAY = re.compile(rb"([0-9]{4})(\.?)([0-9]{2})\2([0-9]{2})")
_STAYED = "has a date of the input, which had to move"
_ALONE = "has not moved by as many days as others"


class _Pair(NamedTuple):
    """A date of the output, and that of the input in its place, where the places are known."""

    element: Element
    new: bytes
    old: bytes | None
    others: Sequence[bytes]
    """All dates of the attribute in the input."""

    @property
    def days(self) -> int | None:
        """By how many days it has moved, None where that cannot be told."""
        start, end = _day(self.old or b""), _day(self.new)
        return None if start is None or end is None else (end - start).days


def moves(
    olds: Mapping[int, Sequence[bytes]], news: Mapping[int, Sequence[tuple[bytes, Element]]]
) -> Iterator[tuple[Element, str]]:
    """Hold dates against those of the input.

    Parameters
    ----------
    olds : mapping
        The dates of the input by tag, in the order of the file.
    news : mapping
        Those of the output, with their elements. Where some were blanked there are fewer.

    Yields
    ------
    tuple of Element and str
        An element with a date that has not moved, or not like the others, and which it is.
    """
    pairs = list(_pairs(olds, news))
    counted = Counter(pair.days for pair in pairs if pair.days is not None)
    shift = counted.most_common(1)[0][0] if counted else None
    for pair in pairs:
        days = pair.days
        if days is not None:
            if days == 0 or days != shift:
                yield pair.element, _STAYED if days == 0 else _ALONE
        elif pair.old is not None or shift is None:
            if pair.new in pair.others:
                yield pair.element, _STAYED
        elif not _came_from(pair, shift):
            yield pair.element, _STAYED if pair.new in pair.others else _ALONE


def _pairs(
    olds: Mapping[int, Sequence[bytes]], news: Mapping[int, Sequence[tuple[bytes, Element]]]
) -> Iterator[_Pair]:
    for tag, found in news.items():
        others = olds.get(tag, ())
        is_whole = len(others) == len(found)
        for at, (new, element) in enumerate(found):
            if not tells_nothing(new):
                yield _Pair(element, new, others[at] if is_whole else None, others)


def _came_from(pair: _Pair, shift: int) -> bool:
    """Tell whether the input has a date from which a date has moved by so many days."""
    day = _day(pair.new)
    if day is None:
        return False
    try:
        before = day - timedelta(shift)
    except OverflowError:
        return False
    return before in map(_day, pair.others)


def _day(value: bytes) -> date | None:
    match = _DAY.match(value)
    try:
        return date(int(match[1]), int(match[3]), int(match[4])) if match else None
    except ValueError:
        return None

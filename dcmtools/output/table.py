"""Draw a table on a terminal, row by row as they come, in columns that the first rows fix.

Where the rows are wider than the terminal, nothing is left out. One after the other, until it fits:

1. headings are broken into lines;
2. texts are cut, those of the widest columns first, but to no less than 16 columns;
3. what must be whole, a UID, goes below its row, on lines of its own, and texts are cut further;
4. each row becomes a record, a line a value, and nothing is cut at all.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from time import monotonic
from typing import NamedTuple, Protocol

from dcmtools.output.paint import cells, cut, paint

_SAMPLE = 50  # rows that fix the widths
_PATIENCE = 0.3  # seconds after which fewer have to do
_GAP = "  "
_COMFORTABLE = 16
_LEAST = 8
_BOUNDLESS = 1 << 30

_HEADING = "bold"
_RULE = "bright_black"
_BELOW = "dim"

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[. _-])")


class Heading(Protocol):
    """What a column is; `Column` is one, and so is `dcmtools.dataset.answers.AnswerColumn`."""

    @property
    def heading(self) -> str:
        """What stands above it: a keyword or a few words."""

    @property
    def whole(self) -> bool:
        """Whether its values are never cut."""

    @property
    def right(self) -> bool:
        """Whether its values are aligned to the right, as numbers are."""

    @property
    def room(self) -> int:
        """The columns to keep for longer values in rows still to come, where there is space."""


class Column(NamedTuple):
    """A column; see `Heading`."""

    heading: str
    whole: bool = False
    right: bool = False
    room: int = 0


class _Measured(NamedTuple):
    """A column and what it would take, in columns of the terminal."""

    position: int
    column: Heading
    value: int
    """Its widest value."""
    heading: int
    word: int
    """The widest word of its heading."""


class _Place(NamedTuple):
    """Where a column stands in a line."""

    position: int
    heading: str
    right: bool
    width: int
    most: int
    """The width to which a value is cut."""


class _Look(NamedTuple):
    """What the user sees beside the text."""

    color: bool
    styles: Mapping[str, str]


def draw(  # noqa: PLR0913 - each is a thing that a caller may know of its table
    rows: Iterable[Sequence[str]],
    columns: Sequence[Heading],
    width: int,
    *,
    color: bool,
    styles: Mapping[str, str] | None = None,
    known: bool = False,
) -> Iterator[str]:
    """Draw a table.

    Parameters
    ----------
    rows : iterable of sequence of str
        The values, one for each column: one line each, control characters escaped.
    columns : sequence of Heading
        The columns, at least one.
    width : int
        The columns of the terminal; 0 for no limit, when nothing is cut.
    color : bool
        Whether to use colour.
    styles : mapping of str to str, optional
        The style of rich for values that have one, such as ``{"ok": "green"}``.
    known : bool, optional
        Whether the rooms of the columns are what their values take: then no row is held back.

    Yields
    ------
    str
        The heading with the first row, then each row, with their newlines; nothing where there are
        no rows. The first 50 rows are held back, but not those that come after 0.3 seconds. Where
        `rows` raises, the rows that had come are given before the exception goes on.
    """
    look = _Look(color, styles or {})
    source = iter(rows)
    first: list[Sequence[str]] = []
    try:
        more = known or _collect(source, first)
    except BaseException:  # Ctrl-C too
        yield from _drawn(first, columns, _layout(columns, first, width, more=False), look)
        raise
    layout = _layout(columns, first, width, more=more)
    yield from _drawn(chain(first, source), columns, layout, look)


def _collect(source: Iterable[Sequence[str]], first: list[Sequence[str]]) -> bool:
    """Take the first rows; tell whether there may be more."""
    started = 0.0
    for row in source:
        now = monotonic()
        first.append(row)
        if len(first) == 1:
            started = now
        if len(first) == _SAMPLE or now - started > _PATIENCE:
            return True
    return False


# Layout


def _layout(
    columns: Sequence[Heading], first: Sequence[Sequence[str]], width: int, *, more: bool
) -> list[list[_Place]]:
    """Choose the lines that a row takes and the places in them; none for records."""
    limit = width or _BOUNDLESS
    measured = [
        _Measured(
            position,
            column,
            max([cells(row[position]) for row in first], default=column.room),
            cells(column.heading),
            max(map(cells, _words(column.heading))),
        )
        for position, column in enumerate(columns)
    ]
    line = _side_by_side(measured, limit, _COMFORTABLE, more=more)
    if line:
        return [line]
    whole = [each for each in measured if each.column.whole]
    others = [each for each in measured if not each.column.whole]
    line = _side_by_side(others, limit, _LEAST, more=more)
    return [line, *_below(whole, limit, more=more)] if line else []


def _side_by_side(measured: list[_Measured], limit: int, least: int, *, more: bool) -> list[_Place]:
    """Put columns on one line, texts no narrower than `least`; none where that does not fit."""
    space = limit - len(_GAP) * (len(measured) - 1)
    values = [min(each.value, limit) for each in measured]
    plain = [max(value, each.heading) for each, value in zip(measured, values, strict=True)]
    broken = [max(value, each.word) for each, value in zip(measured, values, strict=True)]
    shortest = [
        size if each.column.whole else min(size, least)
        for each, size in zip(measured, broken, strict=True)
    ]
    for sizes, smallest in pairwise((plain, broken, shortest)):
        if sum(smallest) <= space:
            fitting = _narrowed(sizes, smallest, space)
            break
    else:
        return []
    if more:
        rooms = [max(size, each.column.room) for each, size in zip(measured, fitting, strict=True)]
        fitting = _narrowed(rooms, fitting, space)
    return _places(measured, fitting, limit)


def _narrowed(sizes: Sequence[int], smallest: Sequence[int], space: int) -> list[int]:
    """Narrow the widest columns, each no further than to its smallest size, until all fit."""
    narrowed = list(sizes)
    for _ in range(sum(sizes) - space):
        loose = [number for number, size in enumerate(narrowed) if size > smallest[number]]
        narrowed[max(loose, key=narrowed.__getitem__)] -= 1
    return narrowed


def _below(measured: list[_Measured], limit: int, *, more: bool) -> list[list[_Place]]:
    """Put columns below a row, as many on a line as it holds."""
    lines: list[tuple[list[_Measured], list[int]]] = []
    for each in measured:
        size = max(each.value, each.heading, each.column.room if more else 0)
        if not lines or sum(lines[-1][1]) + len(_GAP) * (len(lines[-1][1]) + 1) + size > limit:
            lines.append(([], []))
        lines[-1][0].append(each)
        lines[-1][1].append(size)
    return [_places(members, sizes, limit) for members, sizes in lines]


def _places(measured: list[_Measured], sizes: list[int], limit: int) -> list[_Place]:
    places = []
    left = limit
    for each, size in zip(measured, sizes, strict=True):
        column = each.column
        most = left if each is measured[-1] and not column.right else size
        if column.whole or limit == _BOUNDLESS:
            most = _BOUNDLESS
        places.append(_Place(each.position, column.heading, column.right, size, most))
        left -= size + len(_GAP)
    return places


def _words(heading: str) -> list[str]:
    return _WORD_STARTS.split(heading)


# Lines


def _drawn(
    rows: Iterable[Sequence[str]],
    columns: Sequence[Heading],
    layout: list[list[_Place]],
    look: _Look,
) -> Iterator[str]:
    if not layout:
        yield from _records(rows, columns, look)
        return
    main, *below = layout
    lines = _headings(main, below, look)
    for row in rows:
        lines.append(_line([row[place.position] for place in main], main, "", look))
        for places in below:
            values = [row[place.position] for place in places]
            if any(values):
                lines.append(_GAP + _line(values, places, _BELOW, look))
        yield "".join(lines)
        lines = []


def _headings(main: list[_Place], below: list[list[_Place]], look: _Look) -> list[str]:
    broken = [_broken(place.heading, place.width) for place in main]
    count = max(map(len, broken))
    filled = [[""] * (count - len(parts)) + parts for parts in broken]
    lines = [_line(parts, main, _HEADING, look) for parts in zip(*filled, strict=True)]
    for places in below:
        headings = [place.heading for place in places]
        lines.append(_GAP + _line(headings, places, _BELOW, look))
    lines.append(_line(["─" * place.width for place in main], main, _RULE, look))
    return lines


def _broken(heading: str, width: int) -> list[str]:
    """Break a heading into lines of a width, between the words of a keyword."""
    lines = [""]
    for word in _words(heading):
        if lines[-1] and cells(lines[-1] + word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [cut(line.rstrip(), width) for line in lines]


def _line(texts: Sequence[str], places: list[_Place], style: str, look: _Look) -> str:
    parts = []
    for text, place in zip(texts, places, strict=True):
        shown = cut(text, place.most)
        padding = " " * (place.width - cells(shown))
        painted = paint(shown, look.styles.get(text, style), color=look.color)
        parts.append(padding + painted if place.right else painted + padding)
    return _GAP.join(parts).rstrip() + "\n"


def _records(
    rows: Iterable[Sequence[str]], columns: Sequence[Heading], look: _Look
) -> Iterator[str]:
    width = max(cells(column.heading) for column in columns)
    labels = [
        paint(column.heading, _HEADING, color=look.color)
        + " " * (width - cells(column.heading))
        + _GAP
        for column in columns
    ]
    separator = ""
    for row in rows:
        shown = [paint(text, look.styles.get(text, ""), color=look.color) for text in row]
        lines = [f"{label}{text}".rstrip() for label, text in zip(labels, shown, strict=True)]
        yield separator + "\n".join(lines) + "\n"
        separator = "\n"

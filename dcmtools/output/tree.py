"""Draw a data set on a terminal: one line an element, cut to the width, guides for sequences."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from dcmtools.output.paint import cells, cut, paint

_GUIDE = "│  "
_MOST_GUIDES = 40  # no terminal is wide enough for more
_KEYWORD_WIDTH = 34


_GUIDES = "bright_black"
_TAG = "bright_black"
_VR = "cyan"
_KEYWORD = "bold"
_PRIVATE = "magenta"
_VALUE = ""
_MISSING = "dim italic"
_HEADING = "bold green"


class Row(Protocol):
    """One line of the tree; `dcmtools.dataset.rows.ElementRow` is one."""

    @property
    def depth(self) -> int:
        """How many guides stand before it."""

    @property
    def tag(self) -> str:
        """``(gggg,eeee)``, or "" for an item."""

    @property
    def vr(self) -> str:
        """The value representation, or ""."""

    @property
    def label(self) -> str:
        """The keyword, or what an item is called."""

    @property
    def value(self) -> str:
        """The value as it is shown: one line, control characters escaped."""

    @property
    def private(self) -> bool:
        """Whether the element is private."""

    @property
    def missing(self) -> bool:
        """Whether `value` stands in the place of one that is not shown."""


def heading(text: str, *, color: bool) -> str:
    """Give the line above a tree."""
    return paint(text, _HEADING, color=color) + "\n"


def draw(rows: Iterable[Row], width: int, *, color: bool) -> Iterator[str]:
    """Draw rows.

    Parameters
    ----------
    rows : iterable of Row
        The rows, in order.
    width : int
        The columns of the terminal; lines are cut to it. 0 for no limit.
    color : bool
        Whether to use colour.

    Yields
    ------
    str
        Lines, each with its newline.
    """
    for row in rows:
        guides = _GUIDE * min(row.depth, _MOST_GUIDES)
        if not row.tag:
            yield _line([(guides, _GUIDES), (row.label, _GUIDES)], width, color=color)
            continue
        name = f"{row.label:<{max(_KEYWORD_WIDTH - len(guides), 0)}}"
        parts = [
            (guides, _GUIDES),
            (f"{row.tag} ", _TAG),
            (f"{row.vr} ", _VR),
            (f"{name} ", _PRIVATE if row.private else _KEYWORD),
            (row.value, _MISSING if row.missing else _VALUE),
        ]
        yield _line(parts, width, color=color)


def _line(parts: list[tuple[str, str]], width: int, *, color: bool) -> str:
    left = width or 1 << 30
    line = []
    while parts and not parts[-1][0].rstrip():
        parts.pop()
    if parts:
        parts[-1] = parts[-1][0].rstrip(), parts[-1][1]
    for text, style in parts:
        shown = cut(text, left)
        left -= cells(shown)
        line.append(paint(shown, style, color=color))
    return "".join(line) + "\n"

"""Measure, cut and colour text for a terminal; only the light parts of rich are imported."""

from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.style import Style


def cells(text: str) -> int:
    """Tell how many columns a text takes; wide characters, as of East Asia, take two."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int) -> str:
    """Cut a text to a width in columns and say so by ``…``, where it is longer."""
    if cells(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)) + "…"[:width]


def paint(text: str, style: str, *, color: bool) -> str:
    """Put a text in a style of rich, ``bold`` or ``cyan``; "" is none."""
    if not color or not style or not text:
        return text
    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)

"""Read the tables of PS3.15 and PS3.16 that come with the package, each once and when needed.

They are in `data/`, written by `_generate.py`, each with the edition it is of in its first line.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from dcmtools.dataset.dictionary import lookup

_DATA = Path(__file__).parent / "data"


class Row(NamedTuple):
    """A row of Table E.1-1 (attributes) or of Table E.3.4-1 (content items)."""

    name: str
    """The keyword of the attribute, or the meaning of the code."""
    vr: str
    """The VR, or the value type of the content item."""
    basic: str
    """The code in the column of the Basic Profile."""
    options: tuple[tuple[str, str], ...]
    """The columns of options that are not empty: the key and the code, in their order."""


def lines(name: str) -> Iterator[str]:
    """Read the lines of a table that are no comments."""
    text = (_DATA / name).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if not line.startswith("#"))


def edition(name: str) -> str:
    """Give the first line of a table, which says what it is and of which edition."""
    with (_DATA / name).open(encoding="utf-8") as table:
        return table.readline().lstrip("# ").rstrip()


@cache
def attributes() -> dict[int, Row]:
    """Read Table E.1-1 by tag, without the rows that are about more than one tag."""
    head, *rows = lines("attributes.tsv")
    options = head.split("\t")[4:]
    found = {}
    for row in rows:
        tag, keyword, vr, basic, *cells = row.split("\t")
        found[int(tag, 16)] = Row(keyword, vr, basic, _filled(options, cells))
    return found


@cache
def content_items() -> dict[tuple[str, str, str], Row]:
    """Read Table E.3.4-1 by code, coding scheme and value type."""
    head, *rows = lines("content_items.tsv")
    options = head.split("\t")[5:]
    found = {}
    for row in rows:
        code, scheme, value_type, meaning, basic, *cells = row.split("\t")
        key = (code, scheme, value_type)
        found[key] = Row(meaning, value_type, basic, _filled(options, cells))
    return found


@cache
def safe_private() -> dict[tuple[str, int], str]:
    """Read Table E.3.10-1: the VR by creator, and by tag without the number of the block."""
    _, *rows = lines("safe_private.tsv")
    cells = (row.split("\t") for row in rows)
    return {(creator, int(tag, 16)): vr for tag, creator, vr, _ in cells}


@cache
def methods() -> tuple[tuple[str, str, str, str], ...]:
    """Read CID 7050: the key of the option, code, scheme and meaning."""
    _, *rows = lines("methods.tsv")
    return tuple((key, *code) for key, *code in (row.split("\t") for row in rows))  # type: ignore[misc]


def vr_of(tag: int) -> str:
    """Give the VR of a standard attribute, also of one that is newer than the dictionary, or ""."""
    entry = lookup(tag)
    if entry is not None:
        return entry.vr
    row = attributes().get(tag)
    return row.vr if row else ""


def keyword_of(tag: int) -> str:
    """Give the keyword of a standard attribute, newer ones included, or ""."""
    entry = lookup(tag)
    if entry is not None:
        return entry.keyword
    row = attributes().get(tag)
    return row.name if row else ""


def _filled(options: list[str], cells: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple(cell for cell in zip(options, cells, strict=True) if cell[1])

"""Show what an edit changes, on stdout: what goes behind ``-``, what comes behind ``+``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dcmtools.escape import escape

if TYPE_CHECKING:
    from dcmtools.dataset.changes import Change


def shown(path: Path, changes: "Sequence[Change]", *, color: bool) -> str:
    """Print the changes of a file.

    Parameters
    ----------
    path : Path
        The file.
    changes : sequence of Change
        What changes in it; with none nothing is printed.
    color : bool
        Whether in colour.
    """
    return "".join(_lines(path, changes, color=color)) if changes else ""


def _lines(path: Path, changes: "Sequence[Change]", *, color: bool) -> Iterator[str]:
    yield _painted(f"--- {escape(str(path))}", "bold", color=color)
    for change in changes:
        if len(change.path.nodes) > 1:
            yield _painted(f"@ {escape(str(change.path))}", "cyan", color=color)
        for line in change.text().splitlines():
            yield _painted(line, "red" if line.startswith("-") else "green", color=color)


def _painted(line: str, style: str, *, color: bool) -> str:
    if not color:
        return line + "\n"
    from dcmtools.output.paint import paint  # noqa: PLC0415 - a pipe needs no rich

    return paint(line, style, color=color) + "\n"

"""Write rows of csv and tsv: which delimiter, which quotes, which end of line."""

from collections.abc import Iterable

DELIMITERS = {"csv": ",", "tsv": "\t"}
"""The delimiter by the name of the format."""


def table_row(cells: Iterable[str], delimiter: str) -> str:
    """Write a row of a table, with its newline; a cell is quoted only where it must be."""
    import csv  # noqa: PLC0415 - only these formats need it
    import io  # noqa: PLC0415

    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return line.getvalue()

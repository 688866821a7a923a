"""Read what queries are about from tables: keys by row, and the UIDs that a query has found.

Both are read as they come, so that the first row is worked on before the last one is there. A
table has a header, and is csv or tsv by its delimiter; UIDs may also come one a line, or as
NDJSON, in the way `find` prints it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, Self

from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query_keys import key_path
from dcmtools.dataset.query_levels import unique_key
from dcmtools.dataset.query_models import QueryLevel, is_uid
from dcmtools.errors import InputError, UsageError

_STDIN = "standard input"
_BYTE_ORDER_MARK = "\ufeff"
_PLAIN = re.compile(r"[0-9]+\.[^,\t]*")
_UID_LEVELS = (QueryLevel.STUDY, QueryLevel.SERIES, QueryLevel.IMAGE)
_PATHS_HINT = (
    "The first row names the attributes: PatientID, StudyDate; a tag with a comma is quoted, "
    '"(0010,0020)".'
)
_UIDS_HINT = "Give one UID a line, a csv or tsv table with a header, or NDJSON."


class KeyTable(NamedTuple):
    """Keys by row; `read_key_table` gives it."""

    paths: tuple[TagPath, ...]
    """The columns."""
    rows: Iterator[tuple[str, ...]]
    """The values of each row, one for each column; "" where there is none."""


@dataclass(frozen=True, slots=True)
class Uids:
    """The UIDs of something to retrieve; "" where one is not given."""

    study: str = ""
    series: str = ""
    instance: str = ""


def read_key_table(lines: str | Iterable[str], *, name: str = _STDIN) -> KeyTable:
    """Read a table of keys.

    Parameters
    ----------
    lines : str or iterable of str
        The table, whole or line by line. The cells of its first row are tag paths; it is tsv where
        that row has a tab, else csv.
    name : str
        What to call the table in errors.

    Returns
    -------
    KeyTable
        Rows without any value are left out. To take the next row raises InputError, with the
        number of the line, where it has more or fewer values than there are columns, or quotes
        that do not match; the one after it can still be taken.

    Raises
    ------
    UsageError
        There is no header, or it has what is no tag path, or the same one twice.
    """
    table = _Table(_lines(lines), name)
    paths: list[TagPath] = []
    for cell in table.header:
        try:
            path = key_path(cell)
        except UsageError as error:
            why = f"the column '{cell}' cannot be a key: {error.why}"
            raise UsageError(name, why, _PATHS_HINT) from error
        if path in paths:
            raise UsageError(name, f"has two columns {path}", _PATHS_HINT)
        paths.append(path)
    if not paths:
        raise UsageError(name, "is empty", _PATHS_HINT)
    return KeyTable(tuple(paths), _WholeRows(table))


class _WholeRows:
    """The rows of a table that have a value for each column."""

    def __init__(self, table: "_Table") -> None:
        self._table = table

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[str, ...]:
        """Give the next row, also after one that cannot be read."""
        number, row = next(self._table)
        columns = len(self._table.header)
        if len(row) != columns:
            place = _line(self._table.name, number)
            why = f"has {len(row)} values for {columns} columns"
            raise InputError(place, why, "Quote a value that has a delimiter.")
        return tuple(row)


def read_uids(
    lines: str | Iterable[str], level: QueryLevel, *, name: str = _STDIN
) -> Iterator[Uids]:
    """Read the UIDs of what is to be retrieved.

    Parameters
    ----------
    lines : str or iterable of str
        UIDs of the level one a line, or a csv or tsv table with a header, or NDJSON: DICOM JSON
        model objects or plain ones by keyword. The first line that is not empty tells which.
    level : QueryLevel
        STUDY, SERIES or IMAGE: what each line is about. UIDs of the levels above are taken where
        they are given, those below are not.
    name : str
        What to call the input in errors.

    Yields
    ------
    Uids
        Each once, in the order of the input, as soon as it is read.

    Raises
    ------
    UsageError
        The first line tells no format, or there is no column with UIDs of the level.
    InputError
        A line cannot be read, has no UID of the level, or one that is none.
    """
    wanted = _UID_LEVELS[: _UID_LEVELS.index(level) + 1]
    seen: set[Uids] = set()
    for number, found in _records(_lines(lines), level, name):
        uids = [found.get(each, "").strip() for each in wanted]
        for uid in filter(None, uids):
            if not is_uid(uid):
                raise InputError(_line(name, number), f"'{uid}' is not a UID", _UIDS_HINT)
        if not uids[-1]:
            raise InputError(_line(name, number), f"has no {unique_key(level)}", _UIDS_HINT)
        record = Uids(*uids)
        if record not in seen:
            seen.add(record)
            yield record


_Record = tuple[int, Mapping[QueryLevel, str]]
"""The number of a line, and what it has by level."""


def _records(lines: Iterator[str], level: QueryLevel, name: str) -> Iterator[_Record]:
    blank, first = _first_line(lines)
    start = first.strip()
    lines = chain([first], lines)
    if not start:
        return
    if start.startswith("{"):
        yield from _json_records(enumerate(lines, blank + 1), name)
    elif start.startswith("["):
        raise UsageError(name, "is one JSON document, not one a line", "Print with -f ndjson.")
    elif _PLAIN.fullmatch(start):
        yield from ((n, {level: line}) for n, line in enumerate(lines, blank + 1) if line.strip())
    else:
        yield from _table_records(_Table(lines, name, blank), level)


def _json_records(lines: Iterable[tuple[int, str]], name: str) -> Iterator[_Record]:
    import json  # noqa: PLC0415 - only this format needs it

    for number, line in lines:
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(_line(name, number), f"is not JSON: {error}", _UIDS_HINT) from error
        if isinstance(record, dict) and isinstance(record.get("dataset"), dict):
            record = record["dataset"]  # beside the name of the file that it is from
        if not isinstance(record, dict):
            raise InputError(_line(name, number), "is not a JSON object", _UIDS_HINT)
        yield number, {each: _json_value(record, unique_key(each)) for each in _UID_LEVELS}


def _json_value(record: dict[str, object], path: TagPath) -> str:
    """Find a value by tag (PS3.18 F.2.2) or keyword; what is no text is given as JSON has it."""
    value = record.get(f"{path.nodes[0].tag:08X}", record.get(str(path)))
    if isinstance(value, dict):
        value = value.get("Value")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return "" if value is None or value == [] else str(value)


def _table_records(table: "_Table", level: QueryLevel) -> Iterator[_Record]:
    paths = [_path(cell) for cell in table.header]
    places = {
        each: paths.index(unique_key(each)) for each in _UID_LEVELS if unique_key(each) in paths
    }
    if level not in places:
        shown = ", ".join(table.header)
        raise UsageError(table.name, f"has no column {unique_key(level)} but {shown}", _UIDS_HINT)
    for number, row in table:
        yield number, {each: row[at] for each, at in places.items() if at < len(row)}


class _Table:
    """A csv or tsv table.

    Parameters
    ----------
    lines : iterator of str
        Its lines.
    name : str
        What to call it in errors.
    blank : int
        How many lines before these were empty.
    """

    def __init__(self, lines: Iterator[str], name: str, blank: int = 0) -> None:
        import csv  # noqa: PLC0415 - only this format needs it

        self.name = name
        more, first = _first_line(lines)
        self._before = blank + more
        self._csv_error = csv.Error
        delimiter = "\t" if "\t" in first else ","
        self._rows = csv.reader(
            chain([first], lines),
            delimiter=delimiter,
            skipinitialspace=delimiter == ",",  # a space behind a comma is for the eye
            strict=True,
        )
        _, header = next(self, (0, []))
        whole = first.strip()
        # A tag without quotes is one column all the same: 0010,0020
        self.header = [whole] if _path(whole) else [cell.strip() for cell in header]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        """Give the number of the last line of the next row, and its cells."""
        while True:
            try:
                row = next(self._rows)
            except self._csv_error as error:
                place = _line(self.name, self._before + self._rows.line_num)
                raise InputError(place, f"cannot be read: {error}") from error
            if any(cell.strip() for cell in row):
                return self._before + self._rows.line_num, row


def _lines(lines: str | Iterable[str]) -> Iterator[str]:
    if isinstance(lines, str):
        from io import StringIO  # noqa: PLC0415 - a stream has lines already

        return iter(StringIO(lines, newline=""))
    return iter(lines)


def _first_line(lines: Iterator[str]) -> tuple[int, str]:
    """Skip empty lines; give their number and the first line that is not, "" when there is none."""
    for number, line in enumerate(lines):
        line = line.removeprefix(_BYTE_ORDER_MARK)  # noqa: PLW2901 - not part of the line
        if line.strip():
            return number, line
    return 0, ""


def _path(cell: str) -> TagPath | None:
    """Read a cell of a header; None where it is no path, but what only others know."""
    try:
        return key_path(cell.strip())
    except UsageError:
        return None


def _line(name: str, number: int) -> str:
    return f"{name}, line {number}"

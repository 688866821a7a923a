"""Find the line of each table and key of a TOML text, which Python's parser does not tell.

The text has been parsed before, so nothing is checked here: the scan only has to know where values
end, and what is a key in them.
"""

import re
from bisect import bisect

Where = tuple[str | int, ...]
"""The way to a value: keys of tables and numbers in arrays, those from 0."""

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|"(?:[^"\\\n]|\\.)*"'''
    r"""|'''.*?'{3,5}|'[^'\n]*'""",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def toml_lines(text: str) -> dict[Where, int]:
    """Find the lines of a text that `tomllib` has read.

    Parameters
    ----------
    text : str
        The TOML text.

    Returns
    -------
    dict of tuple to int
        The line, counted from 1, at which each table, key and member of an array begins.
    """
    return _Scan(text).lines


def _unquoted(part: str) -> str:
    import tomllib  # noqa: PLC0415 - hardly a key is in quotes

    key: str = tomllib.loads(f"key = {part}")["key"]
    return key


class _Scan:
    def __init__(self, text: str) -> None:
        self.lines: dict[Where, int] = {}
        self._text = text
        self._starts = [match.end() for match in re.finditer("\n", text)]
        self._arrays: dict[Where, int] = {}  # of tables: the number of the last table of each
        self._at = 0
        table: Where = ()
        while self._skip(_BLANK) < len(text):
            if text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else len(self._text)
        return self._at

    def _found(self, where: Where) -> None:
        self.lines.setdefault(where, bisect(self._starts, self._at) + 1)

    def _key(self) -> list[str]:
        parts = []
        while match := _PART.match(self._text, self._skip(_SPACE)):
            part = match[0]
            self._at = match.end()
            parts.append(_unquoted(part) if part[0] in "\"'" else part)
            if self._text[self._skip(_SPACE) : self._at + 1] != ".":
                break
            self._at += 1
        return parts

    def _header(self) -> Where:
        of_array = self._text.startswith("[[", self._at)
        start = self._at
        self._at += 1 + of_array
        where: Where = ()
        parts = self._key()
        for left, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True):
            where = (*where, part)
            if where in self._arrays and (left or not of_array):
                where = (*where, self._arrays[where])
        if of_array:
            self._arrays[where] = self._arrays.get(where, -1) + 1
            where = (*where, self._arrays[where])
        after = self._at + 1 + of_array
        self._at = start
        self._found(where)
        self._at = after
        return where

    def _pair(self, table: Where) -> None:
        start = self._skip(_SPACE)
        where = (*table, *self._key())
        after, self._at = self._at + 1, start  # behind the equals sign
        self._found(where)
        self._at = after
        self._value(where)

    def _value(self, where: Where) -> None:
        first = self._text[self._skip(_SPACE) : self._at + 1]
        if first == "[":
            self._members("]", where)
        elif first == "{":
            self._members("}", where)
        else:
            self._skip(_STRING if first and first in "\"'" else _SCALAR)

    def _members(self, end: str, where: Where) -> None:
        self._at += 1
        number = 0
        while self._text[self._skip(_BLANK) : self._at + 1] not in (end, ""):
            if self._text[self._at] == ",":
                self._at += 1
            elif end == "}":
                self._pair(where)
            else:
                self._found((*where, number))
                self._value((*where, number))
                number += 1
        self._at += 1

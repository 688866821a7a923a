"""Tell whether an answer has what a key asks for.

A peer need not match a key that it does not support, or one of a level above that of the query
(PS3.4 C.2.2.1.3, C.4.1.3.2.1): it answers as if nobody had asked, with the data of others. Only
what is plain is judged here: days, and text that is not a name, with its wildcards.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

from dcmtools.dataset import dictionary
from dcmtools.dataset.answers import Answer
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query import Query

_TEXT_VRS = frozenset({"AE", "CS", "LO", "SH", "UI"})
_DAYS = re.compile(r"(\d{8})?(-?)(\d{8})?", re.ASCII)
_DAY = re.compile(r"\d{8}", re.ASCII)
_LAST_DAY = "99991231"
_WILDCARDS = {"*": ".*", "?": "."}
_WILD = re.compile(r"([*?])")


class Matcher:
    """What the answers to a query must have.

    Parameters
    ----------
    query : Query
        What was asked. Elements of sequences are not judged.
    """

    def __init__(self, query: Query) -> None:
        self._tests = list(_tests(query))
        self._asked = [
            (key.path, tag)
            for key in query.keys
            if key.value and (tag := key.path.plain_tag) is not None
        ]

    def unmatched(self, answer: Answer) -> list[TagPath]:
        """List the keys that an answer has another value for; names are not judged."""
        return [path for path, tag, matches in self._tests if not matches(answer.value(tag))]

    def unanswered(self, answer: Answer) -> list[TagPath]:
        """List the keys that an answer does not have, if only empty: they are not supported."""
        return [path for path, tag in self._asked if not answer.has(tag)]


def _tests(query: Query) -> Iterator[tuple[TagPath, int, Callable[[str], bool]]]:
    for key in query.keys:
        tag, value = key.path.plain_tag, key.value
        entry = None if tag is None else dictionary.lookup(tag)
        if tag is None or entry is None or not value or not value.isascii():
            continue
        days = _DAYS.fullmatch(value) if entry.vr == "DA" else None
        if days is not None:
            first, dash, last = days.groups("")
            last = last or (_LAST_DAY if dash else first)
            yield key.path, tag, partial(_is_between, first, last)
        elif entry.vr in _TEXT_VRS:
            yield key.path, tag, partial(_is_among, _values(value))


def _is_among(wanted: set[str], text: str) -> bool:
    found = _values(text)
    if not found or found & wanted:
        return True
    patterns = [each for each in wanted if _WILD.search(each)]
    return any(_matches(pattern, value) for pattern in patterns for value in found)


def _matches(pattern: str, value: str) -> bool:
    """Match wildcards (PS3.4 C.2.2.2.4): ``*`` for any characters, ``?`` for one."""
    parts = [_WILDCARDS.get(part) or re.escape(part) for part in _WILD.split(pattern)]
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _is_between(first: str, last: str, text: str) -> bool:
    found = [value for value in _values(text) if _DAY.fullmatch(value)]
    return not found or any(first <= day <= last for day in found)


def _values(text: str) -> set[str]:
    """Take values apart; neither spaces around them nor case tell one from another."""
    return {value.strip().casefold() for value in text.split("\\")} - {""}

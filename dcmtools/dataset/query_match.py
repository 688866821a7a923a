"""Tell whether an answer has what a key asks for.

A peer need not match a key that it does not support, or one of a level above that of the query
(PS3.4 C.2.2.1.3, C.4.1.3.2.1): it answers as if nobody had asked, with the data of others. Only
what is plain is judged here: whole values and days, of attributes that the answer has.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

from dcmtools.dataset import dictionary
from dcmtools.dataset.answers import Answer
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query import Query

_WHOLE_VRS = frozenset({"AE", "CS", "LO", "SH", "UI"})
_DAYS = re.compile(r"(\d{8})?(-?)(\d{8})?", re.ASCII)
_DAY = re.compile(r"\d{8}", re.ASCII)
_LAST_DAY = "99991231"


class Matcher:
    """What the answers to a query must have.

    Parameters
    ----------
    query : Query
        What was asked. Elements of sequences, names, wildcards and text that is not ASCII are not
        judged.
    """

    def __init__(self, query: Query) -> None:
        self._tests = list(_tests(query))

    def ignored(self, answer: Answer) -> list[TagPath]:
        """List the keys that an answer does not match."""
        return [path for path, tag, matches in self._tests if not matches(answer.value(tag))]


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
        elif entry.vr in _WHOLE_VRS and not set(value) & set("*?"):
            yield key.path, tag, partial(_is_among, _values(value))


def _is_among(wanted: set[str], text: str) -> bool:
    found = _values(text)
    return not found or bool(found & wanted)


def _is_between(first: str, last: str, text: str) -> bool:
    found = [value for value in _values(text) if _DAY.fullmatch(value)]
    return not found or any(first <= day <= last for day in found)


def _values(text: str) -> set[str]:
    """Take values apart; neither spaces around them nor case tell one from another."""
    return {value.strip().casefold() for value in text.split("\\")} - {""}

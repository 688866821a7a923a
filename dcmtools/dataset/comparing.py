"""Decide how a value of a data set compares with what a user has written.

Numbers compare by what they are, dates and times where both are written in the same form, all
else as text. Spaces around a value do not count, nor what the standard lets one leave out.
"""

import re
from collections.abc import Iterable, Sequence

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.elements import UNDEFINED
from dcmtools.dataset.path import format_tag
from dcmtools.dataset.text import printed_numbers

DATE_VRS = frozenset({"DA", "DT", "TM"})
"""What is compared as text, and only with text of the same form."""

NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
"""What is always compared by the number."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DIGIT = re.compile(r"[0-9]")
_OFFSET = re.compile(r"[+-][0-9]{4}\Z")
_NULL_COMPONENTS = re.compile(r"\^+(?==|\Z)")
_LONGEST = 1 << 20  # bytes of a value that is compared; nobody writes a longer one


def is_number(text: str) -> bool:
    """Tell whether a text is a number, such as 512, -1.5 or 2e3."""
    return _NUMBER.fullmatch(text) is not None


def spellings(vr: str, texts: Sequence[str]) -> Iterable[str]:
    """Give values, and for those that the standard names also the keyword."""
    if vr != "UI":
        return texts
    return [*texts, *filter(None, map(dictionary.uid_keyword, texts))]


def is_equal(vr: str, text: str, wanted: str) -> bool:
    """Tell whether a value, without padding, is what is wanted."""
    if text == wanted:
        return True
    if vr == "PN":
        # Delimiters of null components and groups at the end may be left out (PS3.5 6.2.1).
        return _trimmed_name(text) == _trimmed_name(wanted)
    return vr in NUMBER_VRS and compared(vr, text, wanted) == 0


def _trimmed_name(name: str) -> str:
    return _NULL_COMPONENTS.sub("", name).rstrip("=")


def compared(vr: str, text: str, wanted: str) -> int | None:
    """Give -1, 0 or 1 as the value is less, equal or greater; None where it cannot be compared."""
    first: float | str | None
    second: float | str | None
    if vr in DATE_VRS:
        if _form(text) != _form(wanted):
            return None
        first, second = text, wanted
    else:
        first, second = _number(text), _number(wanted)
        if first is None or second is None:
            return None
    return (first > second) - (first < second)  # type: ignore[operator]  # both are of one kind


def _form(text: str) -> str:
    """Give the form of a date or time: its digits as zeros, but those of an offset from UTC."""
    offset = _OFFSET.search(text)
    end = offset.start() if offset else len(text)
    return _DIGIT.sub("0", text[:end]) + text[end:]


def _number(text: str) -> float | None:
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if _WHOLE.fullmatch(text) else float(text)


def is_opaque(vr: str, length: int) -> bool:
    """Tell whether there is a value that cannot be compared: binary, in fragments, very long."""
    binary = vr in values.BINARY_VRS and vr not in ("UN", "??")
    return length == UNDEFINED or length > _LONGEST or (binary and length > 0)


def value_texts(vr: str, raw: bytes, charset: bytes, *, big_endian: bool) -> list[str]:
    """Print the values of an element, each without padding; none where it is empty."""
    if vr in values.TEXT_VRS:
        return values.texts(raw, vr, charset)
    if vr == "AT":
        return [format_tag(tag) for tag in values.tags(raw, big_endian=big_endian)]
    if values.is_number(vr):
        return printed_numbers(vr, raw, big_endian=big_endian)
    return values.texts(raw, "LO", charset)  # what is not known may be text

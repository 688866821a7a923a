r"""Decide what the text of one new value looks like by its VR, and say what would be right.

One value is checked at a time: dates are days of the calendar, numbers have their digits, names
their components (PS3.5 Table 6.2-1). The forms of ACR-NEMA (``2026.01.31``) are not for new values.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from dcmtools.dataset.new_numbers import REAL
from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.new_text import check_controls

_DAY = r"(?P<month>0[1-9]|1[0-2])((?P<day>0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3])([0-5][0-9](([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?"
_INTEGER_STRING = range(-0x80000000, 0x80000000)


class _Form(NamedTuple):
    """What one value looks like, and how to say that."""

    pattern: re.Pattern[str]
    noun: str
    shape: str
    most: int = 0
    """The most characters, where they are worth counting."""
    allowed: re.Pattern[str] | None = None
    """A character that it may have, where it is worth to say which it may not."""


_compiled = re.compile

_FORMS = {
    "AE": _Form(
        _compiled(r"(?=.*[^ ])[ -\[\]-~]{1,16}"),
        "an AE title",
        "up to 16 ASCII characters, not only spaces",
        16,
        _compiled(r"[ -\[\]-~]"),
    ),
    "AS": _Form(
        _compiled(r"[0-9]{3}[DWMY]"), "an age", "nnnD, nnnW, nnnM or nnnY, such as 042Y or 006M"
    ),
    "CS": _Form(
        _compiled(r"[A-Z0-9 _]{1,16}"),
        "a code string",
        "up to 16 capital letters, digits, spaces and underscores",
        16,
        _compiled(r"[A-Z0-9 _]"),
    ),
    "DA": _Form(_compiled(rf"(?P<year>[0-9]{{4}}){_DAY})"), "a date", "YYYYMMDD, such as 20260131"),
    "DS": _Form(
        _compiled(rf"(?=.{{1,16}}\Z) *{REAL.pattern} *"),
        "a number",
        "up to 16 characters, such as -1.5 or 2e3",
        16,
    ),
    "DT": _Form(
        _compiled(rf"(?P<year>[0-9]{{4}})({_DAY}({_CLOCK})?)?)?([+-](0[0-9]|1[0-4])[0-5][0-9])?"),
        "a date and time",
        "YYYYMMDDHHMMSS.FFFFFF&ZZXX, such as 2026013108 or 20260131083000.5+0100",
    ),
    "IS": _Form(
        _compiled(r"(?=.{1,12}\Z) *[+-]?[0-9]+ *"),
        "a whole number",
        "-2147483648 to 2147483647, in up to 12 characters",
        12,
    ),
    "TM": _Form(_compiled(_CLOCK), "a time", "HHMMSS.FFFFFF, such as 0830, 083000 or 083000.5"),
    "UI": _Form(
        _compiled(r"(?=.{1,64}\Z)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+"),
        "a UID",
        "numbers without leading zeros, with dots between them, in up to 64 characters",
        64,
        _compiled(r"[0-9.]"),
    ),
    "UR": _Form(
        _compiled(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+"),
        "a URI",
        "ASCII without spaces, such as https://example.org/a",
        0,
        _compiled(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]"),
    ),
}

_MOST_CHARACTERS = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240}
_NAME_GROUPS = ("alphabetic", "ideographic", "phonetic")
_MOST_OF_NAME = 64  # characters of a component group
_NAME_COMPONENTS = 5


class FormError(ValueError):
    """A value is not what its VR asks for.

    Parameters
    ----------
    why : str
        The reason; it goes on from the name of the element.
    hint : str
        What could be written instead, "" where that is not known.
    """

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


def check_form(vr: str, value: str, rules: Rules) -> None:
    """Refuse one value of a VR in which values are not in the Specific Character Set.

    Parameters
    ----------
    vr : str
        AE, AS, CS, DA, DS, DT, IS, TM, UI or UR.
    value : str
        One value, not empty.
    rules : Rules
        How errors name it.

    Raises
    ------
    FormError
        It is not what the VR asks for.
    """
    if _is_formed(vr, value):
        return
    form = _FORMS[vr]
    since = ""
    stray = form.allowed and next((char for char in value if not form.allowed.match(char)), None)
    if stray and not rules.source:
        since = f", since it has '{stray}'"
    elif form.most and len(value) > form.most:
        since = f", since it has {len(value)} characters"
    repair = _REPAIRS.get(vr)
    other = repair(value) if repair is not None else ""
    hint = rules.proposed(other if other and _is_formed(vr, other) else "")
    why = f"{rules.quoted(value)} is not {form.noun}{since} ({vr} is {form.shape})"
    raise FormError(why, hint)


def _is_formed(vr: str, value: str) -> bool:
    match = _FORMS[vr].pattern.fullmatch(value)
    if match is None:
        return False
    if vr in ("DA", "DT"):
        try:
            date(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1))
        except ValueError:
            return False
    return vr != "IS" or int(value) in _INTEGER_STRING


def check_text(vr: str, value: str, rules: Rules) -> None:
    """Refuse one value of a VR in which values are in the Specific Character Set.

    Parameters
    ----------
    vr : str
        LO, LT, PN, SH, ST, UC or UT.
    value : str
        One value.
    rules : Rules
        How errors name it.

    Raises
    ------
    FormError
        It is not what the VR asks for.
    """
    try:
        check_controls(vr, value)
    except ValueError as error:
        raise FormError(str(error)) from error
    most = _MOST_CHARACTERS.get(vr)
    if most is not None and len(value) > most:
        shown = rules.quoted(value)
        raise FormError(f"{shown} has {len(value)} characters, and VR {vr} holds at most {most}")
    if vr == "PN":
        _check_name(value, rules)


def _check_name(value: str, rules: Rules) -> None:
    groups = value.split("=")
    why = ""
    if len(groups) > len(_NAME_GROUPS):
        why = f"{len(groups)} component groups"
    for name, group in zip(_NAME_GROUPS, groups, strict=False):
        components = group.count("^") + 1
        if len(group) > _MOST_OF_NAME:
            why = why or f"{len(group)} characters in its {name} group"
        elif components > _NAME_COMPONENTS:
            why = why or f"{components} components in its {name} group"
    if why:
        shape = (
            f"up to {len(_NAME_GROUPS)} groups with = between them, each of up to "
            f"{_MOST_OF_NAME} characters and {_NAME_COMPONENTS} components with ^ between them"
        )
        raise FormError(f"{rules.quoted(value)} is not a name, since it has {why} (PN is {shape})")


# What is likely to be meant


def _capitals(value: str) -> str:
    return value.upper().replace("-", "_")


def _age(value: str) -> str:
    return value.strip().upper().rjust(4, "0")


def _digits_of_date(value: str) -> str:
    return re.sub(r"^(\d{4})([-./])(\d\d)\2(\d\d)$", r"\1\3\4", value.strip())


def _digits_of_time(value: str) -> str:
    return re.sub(r"^(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?$", r"\1\2\3", value.strip())


def _digits_of_both(value: str) -> str:
    match = re.fullmatch(r"(\d{4}-?\d\d-?\d\d)[T ]([\d:.]+)(Z|[+-]\d\d:?\d\d)?", value.strip())
    if match is None:
        return _digits_of_date(value)
    day, clock, zone = match.groups(default="")
    zone = "+0000" if zone == "Z" else zone.replace(":", "")
    return day.replace("-", "") + clock.replace(":", "") + zone


def _rounded(value: str) -> str:
    """Write a number in the digits that 16 characters leave room for."""
    value = value.strip()
    if re.fullmatch(r"[+-]?\d+,\d+", value):
        value = value.replace(",", ".")
    if REAL.fullmatch(value) is None:
        return ""
    return next(
        (short for digits in range(16, 0, -1) if len(short := f"{float(value):.{digits}g}") <= 16),  # noqa: PLR2004 - the most characters
        "",
    )


def _without_fraction(value: str) -> str:
    match = re.fullmatch(r" *([+-]?\d+)\.0* *", value)
    return match[1] if match else ""


_REPAIRS: dict[str, Callable[[str], str]] = {
    "AS": _age,
    "CS": _capitals,
    "DA": _digits_of_date,
    "DS": _rounded,
    "DT": _digits_of_both,
    "IS": _without_fraction,
    "TM": _digits_of_time,
    "UI": str.strip,
}

"""Turn dates and times as people write them into what a query matches (PS3.4 C.2.2.2.5).

A day is ``2026-01-31``, ``20260131``, ``today``, ``yesterday``, ``tomorrow``, or so many days,
weeks, months or years from today: ``-7d``, ``-2w``, ``-3m``, ``-1y``, ``+1d``. A range is
``A..B``, ``A..`` or ``..B``, between dates without a sign also ``A-B``. A number of days alone is
the whole time from then up to today, or from today up to then: ``-7d`` is ``-7d..today``, a closed
range, since some peers do not know open ones. Months and years are those of the calendar, and end
with the month.
"""

import re
from calendar import monthrange
from datetime import date, timedelta

from dcmtools.errors import UsageError

_DAY = r"\d{4}-\d{2}-\d{2}|\d{8}"
_AWAY = r"[+-]\d{1,5}[dwmy]"
_WORDS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_MONTHS_PER_YEAR = 12

_PLAIN_RANGE = re.compile(rf"({_DAY})?-({_DAY})?", re.ASCII)
_OWN = re.compile(
    rf".*\.\..*|{'|'.join(_WORDS)}|{_AWAY}|\d{{4}}-\d{{2}}-\d{{2}}(?:-.*)?",
    re.ASCII | re.IGNORECASE,
)
"""What the standard does not know as the value of a date."""

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?|\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?"
_TIME_RANGE = re.compile(rf"({_CLOCK})?(\.\.|-)?({_CLOCK})?", re.ASCII)

_DATE_HINT = (
    "Write a day as 2026-01-31, 20260131, today, yesterday or -7d (also w, m, y), "
    "a range as A..B, A.. or ..B."
)
_TIME_HINT = "Write a time as 08:30, 0830 or 08:30:15, a range as A..B, A.. or ..B."


def match_date(text: str, today: date) -> str:
    """Give the value of a DA key.

    Parameters
    ----------
    text : str
        A day or a range; see the top of the module. Empty for any day.
    today : date
        The day that relative ones count from.

    Returns
    -------
    str
        ``YYYYMMDD``, ``YYYYMMDD-YYYYMMDD``, ``YYYYMMDD-``, ``-YYYYMMDD`` or "".

    Raises
    ------
    UsageError
        The text is no date, or a range that ends before it starts.
    """
    start, end = _range(text, today)
    if start == end:
        return _printed(start)
    return f"{_printed(start)}-{_printed(end)}"


def match_datetime(text: str, today: date) -> str:
    """Give the value of a DT key that matches all moments of the days; see `match_date`.

    The result is always a range, from the first second of a day to the last microsecond of one: a
    DT that is a day alone would be compared with a moment.
    """
    start, end = _range(text, today)
    if start is None and end is None:
        return ""
    first = start and f"{_printed(start)}000000"
    last = end and f"{_printed(end)}235959.999999"
    return f"{first or ''}-{last or ''}"


def normal_date(text: str, vr: str, today: date) -> str:
    """Give the value of a key in which a user may write a date as people do.

    Parameters
    ----------
    text : str
        The value. In a DA everything but wildcards and lists is read as `match_date` reads it, so
        that a slip of the finger is not sent and finds nothing. In a DT only what means nothing in
        the standard is; everything else is given back as it is.
    vr : str
        DA or DT.
    today : date
        The day that relative ones count from.

    Raises
    ------
    UsageError
        The text is no date, or one that does not exist.
    """
    if vr == "DA" and not set("*?\\") & set(text):
        return match_date(text.strip(), today)
    if not _OWN.fullmatch(text):
        return text
    return match_date(text, today) if vr == "DA" else match_datetime(text, today)


def match_time(text: str) -> str:
    """Give the value of a TM key.

    Parameters
    ----------
    text : str
        A time of day, ``08:30``, ``0830`` or ``08:30:15``, or a range ``A..B``, ``A-B``, ``A..``
        or ``..B``. Empty for any time.

    Raises
    ------
    UsageError
        The text is no time, or a range that ends before it starts.
    """
    if not text:
        return ""
    match = _TIME_RANGE.fullmatch(text)
    if match is None or not (match[1] or match[3]) or (match[3] and not match[2]):
        raise UsageError(text, "is not a time", _TIME_HINT)
    start, end = (_clock(text, match[number]) for number in (1, 3))
    if end and start.ljust(6, "0") > end.ljust(6, "0"):
        raise UsageError(text, "ends before it starts", _TIME_HINT)
    return f"{start}-{end}" if match[2] else start


def _range(text: str, today: date) -> tuple[date | None, date | None]:
    """Read the first and the last day; None where a range is open."""
    if not text:
        return None, None
    lower = text.lower()
    plain = _PLAIN_RANGE.fullmatch(lower)
    if ".." not in lower and plain is None:
        day = _day(text, lower, today)
        relative = lower.startswith(("+", "-"))
        return (min(day, today), max(day, today)) if relative else (day, day)
    ends = lower.split("..") if plain is None else plain.groups()
    if len(ends) > 2 or not any(ends):  # noqa: PLR2004 - a range has two ends
        raise UsageError(text, "is not a date", _DATE_HINT)
    start, end = (_day(text, day, today) if day else None for day in ends)
    if start and end and start > end:
        raise UsageError(text, "ends before it starts", _DATE_HINT)
    return start, end


def _day(text: str, day: str, today: date) -> date:
    try:
        if day in _WORDS:
            return today + timedelta(days=_WORDS[day])
        if re.fullmatch(_AWAY, day, re.ASCII):
            return _away(today, int(day[:-1]), day[-1])
        if re.fullmatch(_DAY, day, re.ASCII):
            return date.fromisoformat(day)
    except (ValueError, OverflowError) as error:
        raise UsageError(text, f"{day} is not a day of the calendar", _DATE_HINT) from error
    raise UsageError(text, "is not a date", _DATE_HINT)


def _away(today: date, count: int, unit: str) -> date:
    if unit in "dw":
        return today + timedelta(days=count * (7 if unit == "w" else 1))
    months = count * (_MONTHS_PER_YEAR if unit == "y" else 1)
    year, month = divmod(today.year * _MONTHS_PER_YEAR + today.month - 1 + months, _MONTHS_PER_YEAR)
    last = monthrange(date(year, month + 1, 1).year, month + 1)[1]
    return date(year, month + 1, min(today.day, last))


def _printed(day: date | None) -> str:
    return day.isoformat().replace("-", "") if day else ""


def _clock(text: str, clock: str | None) -> str:
    if not clock:
        return ""
    if clock[1] == ":":
        clock = f"0{clock}"
    digits = clock.replace(":", "")
    hours, minutes, seconds = digits[:2], digits[2:4] or "0", digits[4:6] or "0"
    if int(hours) > 23 or int(minutes) > 59 or int(seconds) > 60:  # noqa: PLR2004 - a leap second
        raise UsageError(text, f"{clock} is not a time of day", _TIME_HINT)
    return digits

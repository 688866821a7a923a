"""Move dates by whole days, so that the intervals of a patient stay (PS3.15 E.3.6).

What is no whole date, or would leave the calendar, is blanked: to move a year or a month alone is
to guess. Times of day and ages do not move.
"""

import re
from datetime import date, timedelta

_DA = re.compile(rb"([0-9]{4})(\.?)([0-9]{2})\2([0-9]{2})")
_DT = re.compile(
    rb"([0-9]{4})([0-9]{2})([0-9]{2})"
    rb"((?:(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?)?"
    # Of UTC, from -1200 to +1400; -0000 is not allowed (PS3.5 Table 6.2-1).
    rb"(?:-(?!0000)(?:0[0-9]|1[01])[0-5][0-9]|-1200|\+(?:0[0-9]|1[0-3])[0-5][0-9]|\+1400)?)"
)
_PADDING = b" \0"


def shift_date(raw: bytes, vr: str, days: int) -> bytes | None:
    r"""Move the dates of a value.

    Parameters
    ----------
    raw : bytes
        The value: dates with backslashes between them, with or without padding, also ranges
        (PS3.4 C.2.2.2.5).
    vr : str
        DA or DT.
    days : int
        By how many days; negative ones lead into the past.

    Returns
    -------
    bytes or None
        A valid value of the VR without padding, b"" where there was none; a DA as YYYYMMDD, also
        where it was written YYYY.MM.DD. None where no date is left. Of several dates only those
        that cannot be moved are blanked, so that the others keep their places.
    """
    each = [one.strip(_PADDING) for one in raw.split(b"\\")]
    if not any(each):
        return b""
    moved = [_shifted(one, vr, days) if one else b"" for one in each]
    return b"\\".join(moved) if any(moved) else None


def _shifted(value: bytes, vr: str, days: int) -> bytes:
    """Move one date or range; give b"" where that cannot be."""
    one = _day(value, days) if vr == "DA" else _moment(value, days)
    if one or b"-" not in value:
        return one
    move = _day if vr == "DA" else _moment
    # The zone of a DT may have a hyphen too, and the hyphen of the range is any of them.
    for at in (match.start() for match in re.finditer(b"-", value)):
        first, last = value[:at].strip(_PADDING), value[at + 1 :].strip(_PADDING)
        ends = move(first, days), move(last, days)
        if (first or last) and bool(ends[0]) == bool(first) and bool(ends[1]) == bool(last):
            return b"-".join(ends)
    return b""


def _day(value: bytes, days: int) -> bytes:
    match = _DA.fullmatch(value)
    return _moved(match[1], match[3], match[4], days) if match else b""


def _moment(value: bytes, days: int) -> bytes:
    match = _DT.fullmatch(value)
    if match is None:
        return b""
    day = _moved(match[1], match[2], match[3], days)
    return day and day + match[4]


def _moved(year: bytes, month: bytes, day: bytes, days: int) -> bytes:
    try:
        moved = date(int(year), int(month), int(day)) + timedelta(days)
    except (ValueError, OverflowError):
        return b""
    return b"%04d%02d%02d" % (moved.year, moved.month, moved.day)

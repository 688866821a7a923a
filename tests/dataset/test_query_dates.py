"""Show how dates and times are written by people, and what they become in a query."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset.query_dates import match_date, match_datetime, match_time, normal_date
from dcmtools.errors import UsageError

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("20260131", "20260131"),
        ("2026-01-31", "20260131"),
        ("today", "20261124"),
        ("Today", "20261124"),
        ("yesterday", "20261123"),
        ("tomorrow", "20261125"),
        ("-0d", "20261124"),
        ("-1d", "20261123-20261124"),
        ("-7d", "20261117-20261124"),
        ("-2w", "20261110-20261124"),
        ("-3m", "20260824-20261124"),
        ("-12m", "20251124-20261124"),
        ("-1y", "20251124-20261124"),
        ("+2d", "20261124-20261126"),
        ("+1m", "20261124-20261224"),
        ("+2m", "20261124-20270124"),
        ("2026-01-01..2026-01-31", "20260101-20260131"),
        ("20260101..2026-01-31", "20260101-20260131"),
        ("20260101-20260131", "20260101-20260131"),
        ("2026-01-01-2026-01-31", "20260101-20260131"),
        ("20260101..20260101", "20260101"),
        ("20260101..", "20260101-"),
        ("..20260131", "-20260131"),
        ("20260101-", "20260101-"),
        ("-20260131", "-20260131"),
        ("-7d..", "20261117-"),
        ("..-7d", "-20261117"),
        ("-7d..-1d", "20261117-20261123"),
        ("yesterday..+1w", "20261123-20261201"),
        ("20240229", "20240229"),
    ],
)
def test_a_day_or_range_becomes_what_the_standard_matches(text: str, value: str) -> None:
    assert match_date(text, TODAY) == value


@pytest.mark.parametrize(
    ("today", "text", "start"),
    [
        (date(2026, 3, 31), "-1m", "20260228"),
        (date(2024, 2, 29), "-1y", "20230228"),
        (date(2024, 3, 31), "-1m", "20240229"),
        (date(2026, 1, 1), "-1d", "20251231"),
        (date(2026, 1, 15), "-1m", "20251215"),
        (date(2026, 12, 15), "-12m", "20251215"),
    ],
)
def test_months_and_years_are_those_of_the_calendar(today: date, text: str, start: str) -> None:
    assert match_date(text, today) == f"{start}-{today:%Y%m%d}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("31.01.2026", "is not a date"),
        ("2026-1-31", "is not a date"),
        ("2026", "is not a date"),
        ("2026*", "is not a date"),
        (" today", "is not a date"),
        ("now", "is not a date"),
        ("7d", "is not a date"),
        ("-7", "is not a date"),
        ("-7h", "is not a date"),
        ("-", "is not a date"),
        ("..", "is not a date"),
        ("a..b", "is not a date"),
        ("20260101..20260102..20260103", "is not a date"),
        ("2026-02-30", "is not a day of the calendar"),
        ("20261301", "is not a day of the calendar"),
        ("20260230-", "is not a day of the calendar"),
        ("00000101", "is not a day of the calendar"),
        ("-99999y", "is not a day of the calendar"),
        ("+99999m", "is not a day of the calendar"),
        ("+99999y..", "is not a day of the calendar"),
        ("20260131..20260101", "ends before it starts"),
        ("today..yesterday", "ends before it starts"),
        ("\u0662\u0660\u0662\u0666\u0660\u0661\u0663\u0661", "is not a date"),
    ],
)
def test_what_is_no_date_is_refused_and_told_what_is(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        match_date(text, TODAY)
    assert why in caught.value.why
    assert "2026-01-31, 20260131, today, yesterday or -7d" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("today", "20261124000000-20261124235959.999999"),
        ("2026-01-01..2026-01-31", "20260101000000-20260131235959.999999"),
        ("20260101-20260131", "20260101000000-20260131235959.999999"),
        ("-1d", "20261123000000-20261124235959.999999"),
        ("20260101..", "20260101000000-"),
        ("..20260101", "-20260101235959.999999"),
    ],
)
def test_days_of_a_date_time_are_whole_days(text: str, value: str) -> None:
    assert match_datetime(text, TODAY) == value


@pytest.mark.parametrize(
    ("text", "vr", "value"),
    [
        ("today", "DA", "20261124"),
        ("-7d", "DA", "20261117-20261124"),
        ("2026-01-01..2026-01-31", "DA", "20260101-20260131"),
        ("2026-01-31", "DA", "20260131"),
        ("20260101..", "DA", "20260101-"),
        ("today", "DT", "20261124000000-20261124235959.999999"),
        ("2026-01-31", "DT", "20260131000000-20260131235959.999999"),
    ],
)
def test_a_key_may_be_written_as_people_write_dates(text: str, vr: str, value: str) -> None:
    assert normal_date(text, vr, TODAY) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20260131",
        "20260101-20260131",
        "20260101-",
        "-20260131",
        "2026*",
        "202601??",
        "20260101\\20260102",
    ],
)
@pytest.mark.parametrize("vr", ["DA", "DT"])
def test_what_is_not_written_so_is_left_as_it_is(text: str, vr: str) -> None:
    assert normal_date(text, vr, TODAY) == text


SLIPS = ["2026.01.31", "20260230", "unknown", "20260131120000+0100", "20260131-0500", "-"]


@pytest.mark.parametrize("text", SLIPS)
def test_what_is_no_date_is_not_sent_as_one(text: str) -> None:
    with pytest.raises(UsageError):
        normal_date(text, "DA", TODAY)
    assert normal_date(text, "DT", TODAY) == text


@pytest.mark.parametrize("text", ["2026-02-30", "today..yesterday", "x..y", "-99999y"])
def test_a_date_of_people_that_does_not_exist_is_not_sent(text: str) -> None:
    with pytest.raises(UsageError):
        normal_date(text, "DA", TODAY)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("08", "08"),
        ("08:30", "0830"),
        ("8:30", "0830"),
        ("0830", "0830"),
        ("083015", "083015"),
        ("08:30:15.25", "083015.25"),
        ("08:00..12:30", "0800-1230"),
        ("08-12", "08-12"),
        ("0800-1230", "0800-1230"),
        ("08:00..", "0800-"),
        ("..12:30", "-1230"),
        ("-12:30", "-1230"),
        ("12:00..12", "1200-12"),
        ("12..12:00", "12-1200"),
        ("23:59:60", "235960"),
    ],
)
def test_a_time_becomes_what_the_standard_matches(text: str, value: str) -> None:
    assert match_time(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "8",
        "083",
        "08:3",
        "24:00",
        "08:60",
        "08:30:61",
        "..",
        "-",
        "noon",
        "12:00..08:00",
        "12:30..12",
    ],
)
def test_what_is_no_time_is_refused_and_told_what_is(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        match_time(text)
    assert "08:30, 0830 or 08:30:15" in caught.value.hint


@given(
    st.from_regex(r"[0-9dwmy.+\- ]{0,24}", fullmatch=True) | st.text(max_size=20),
    st.dates(),
)
def test_no_text_raises_anything_but_a_usage_error(text: str, today: date) -> None:
    for read in (match_date, match_datetime):
        with suppress(UsageError):
            read(text, today)
    with suppress(UsageError):
        normal_date(text, "DA", today)
    with suppress(UsageError):
        match_time(text)


@given(st.dates(), st.dates())
def test_a_range_of_days_is_printed_as_it_was_meant(one: date, other: date) -> None:
    start, end = (day.isoformat() for day in sorted([one, other]))
    first, last = start.replace("-", ""), end.replace("-", "")
    expected = first if first == last else f"{first}-{last}"
    assert match_date(f"{start}..{last}", TODAY) == expected
    assert match_date(f"{start}-{end}", TODAY) == expected

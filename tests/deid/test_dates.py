"""Show that intervals stay, that what is no whole date is blanked, and that results are valid."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset.new_values import check
from dcmtools.dataset.path import TagPath
from dcmtools.deid.dates import shift_date

DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))
SHIFTS = st.integers(-40_000, 40_000)
TIMES = st.from_regex(
    r"(([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?)?([+-]0[1-9][0-5][0-9])?",
    fullmatch=True,
)


def written(day: date) -> bytes:
    return f"{day.year:04}{day.month:02}{day.day:02}".encode()


def read(value: bytes) -> date:
    return date(int(value[:4]), int(value[4:6]), int(value[6:8]))


@given(DAYS, DAYS, SHIFTS)
def test_the_interval_stays(first: date, last: date, days: int) -> None:
    one, other = (shift_date(written(day), "DA", days) for day in (first, last))
    if one is not None and other is not None:
        assert read(other) - read(one) == last - first
        assert read(one) - first == timedelta(days)


@given(DAYS, TIMES, SHIFTS)
def test_the_way_back_leads_to_the_same_moment(day: date, time: str, days: int) -> None:
    value = written(day) + time.encode()
    moved = shift_date(value, "DT", days)
    if moved is None:
        assert not 1 <= day.toordinal() + days <= date.max.toordinal()
    else:
        assert moved[8:] == value[8:]
        check(TagPath.parse("AcquisitionDateTime"), "DT", "1", moved.decode())
        assert shift_date(moved, "DT", -days) == value


@given(st.binary(max_size=30), st.sampled_from(["DA", "DT"]), SHIFTS)
def test_whatever_comes_what_goes_is_valid(raw: bytes, vr: str, days: int) -> None:
    moved = shift_date(raw, vr, days)
    for one in (moved or b"").split(b"\\"):
        if b"-" not in one:
            check(TagPath.parse("StudyDate"), vr, "1-n", one.decode("ascii"))


@pytest.mark.parametrize(
    ("vr", "raw", "moved"),
    [
        ("DA", b"20240301", b"20240229"),
        ("DA", b"20230301", b"20230228"),
        ("DA", b"20240101 ", b"20231231"),
        ("DA", b" 20240101\0", b"20231231"),
        ("DA", b"2024.01.01", b"20231231"),
        ("DA", b"20240101\\20240301", b"20231231\\20240229"),
        ("DA", b"20240101\\bad\\20240301 ", b"20231231\\\\20240229"),
        ("DA", b"\\20240101", b"\\20231231"),
        ("DA", b"20240101-20240301", b"20231231-20240229"),
        ("DA", b"20240101-", b"20231231-"),
        ("DA", b"-20240101", b"-20231231"),
        ("DT", b"20240101", b"20231231"),
        ("DT", b"20240101235960.123456+0100 ", b"20231231235960.123456+0100"),
        ("DT", b"20240101-0500", b"20231231-0500"),
        ("DT", b"20240101-20240301", b"20231231-20240229"),
        ("DT", b"20240101-0500-20240301-0500", b"20231231-0500-20240229-0500"),
        ("DT", b"2024010110-1200", b"2023123110-1200"),
        ("DT", b"2024010110+1400", b"2023123110+1400"),
        ("DA", b"", b""),
        ("DA", b"  ", b""),
        ("DT", b"\\", b""),
        ("DA", b"00010102", b"00010101"),
    ],
)
def test_one_day_back(vr: str, raw: bytes, moved: bytes) -> None:
    assert shift_date(raw, vr, -1) == moved


@pytest.mark.parametrize(
    ("vr", "raw"),
    [
        *[("DA", raw) for raw in (b"2024", b"202401", b"20240132", b"20230229", b"00000101")],
        *[("DA", raw) for raw in (b"2024.0101", b"2024-01-01", b"20240101T", b"2024 101", b"-")],
        *[("DA", raw) for raw in (b"bad-20240101", b"20240101-bad", b"20240101120000", b"\xb2024")],
        *[
            ("DT", raw)
            for raw in (b"2024", b"202401", b"2024010124", b"202401011060", b"2024-2025")
        ],
        *[("DT", raw) for raw in (b"20240101-0000", b"20240101+1430", b"20240101-1201", b"-")],
        *[("DT", raw) for raw in (b"20240101101010.", b"20240101101010.1234567", b"20240101 10")],
        ("DA", b"00010101"),
        ("DA", b"bad\\20241301"),
    ],
)
def test_what_cannot_be_moved_is_blanked(vr: str, raw: bytes) -> None:
    assert shift_date(raw, vr, -1) is None


def test_the_end_of_the_calendar() -> None:
    assert shift_date(b"99991231", "DA", 1) is None
    assert shift_date(b"20240101", "DA", 10**12) is None

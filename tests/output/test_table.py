"""Show how a table is laid out at any width, and that its rows come while others are awaited."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from dcmtools.output import table
from dcmtools.output.table import Column, draw

ROOT = "1.2.276.0.7230010.3.1.2.1787205428.2345."
UIDS = [f"{ROOT}{number}" for number in (1, 22, 333)]
STUDIES = [
    ["Müller^Hans", "PID-0001", "20260101", "CT\\SR", "Thorax mit Kontrastmittel", UIDS[0], "3"],
    ["山田^太郎", "PID-0002", "20260118", "MR", "頭部", UIDS[1], "12"],
    ["Li^Na", "PID-0003", "20260124", "", "", UIDS[2], "1"],
]
COLUMNS = [
    Column("PatientName", room=28),
    Column("PatientID", room=24),
    Column("StudyDate", room=8),
    Column("ModalitiesInStudy", room=8),
    Column("StudyDescription", room=24),
    Column("StudyInstanceUID", whole=True, room=64),
    Column("NumberOfStudyRelatedSeries", right=True),
]
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")

AT_160 = """
PatientName  PatientID  StudyDate  ModalitiesInStudy  StudyDescription           StudyInstanceUID                             NumberOfStudyRelatedSeries
───────────  ─────────  ─────────  ─────────────────  ─────────────────────────  ───────────────────────────────────────────  ──────────────────────────
Müller^Hans  PID-0001   20260101   CT\\SR              Thorax mit Kontrastmittel  1.2.276.0.7230010.3.1.2.1787205428.2345.1                             3
山田^太郎    PID-0002   20260118   MR                 頭部                       1.2.276.0.7230010.3.1.2.1787205428.2345.22                           12
Li^Na        PID-0003   20260124                                                 1.2.276.0.7230010.3.1.2.1787205428.2345.333                           1
"""  # noqa: E501 - that is how wide it is
AT_120 = """
                                                                                                                  Number
                                                                                                                 OfStudy
             Patient   Study     Modalities                                                                      Related
PatientName  ID        Date      InStudy     StudyDescription       StudyInstanceUID                              Series
───────────  ────────  ────────  ──────────  ─────────────────────  ───────────────────────────────────────────  ───────
Müller^Hans  PID-0001  20260101  CT\\SR       Thorax mit Kontrastm…  1.2.276.0.7230010.3.1.2.1787205428.2345.1          3
山田^太郎    PID-0002  20260118  MR          頭部                   1.2.276.0.7230010.3.1.2.1787205428.2345.22        12
Li^Na        PID-0003  20260124                                     1.2.276.0.7230010.3.1.2.1787205428.2345.333        1
"""  # noqa: E501 - that is how wide it is
AT_80 = """
                                                                        NumberOf
                                                                           Study
             Patient   Study     Modalities                              Related
PatientName  ID        Date      InStudy     StudyDescription             Series
  StudyInstanceUID
───────────  ────────  ────────  ──────────  ─────────────────────────  ────────
Müller^Hans  PID-0001  20260101  CT\\SR       Thorax mit Kontrastmittel         3
  1.2.276.0.7230010.3.1.2.1787205428.2345.1
山田^太郎    PID-0002  20260118  MR          頭部                             12
  1.2.276.0.7230010.3.1.2.1787205428.2345.22
Li^Na        PID-0003  20260124                                                1
  1.2.276.0.7230010.3.1.2.1787205428.2345.333
"""
AT_60 = """
                                                      Number
                                                     OfStudy
Patient    Patient   Study     Modaliti…  Study      Related
Name       ID        Date      InStudy    Descript…   Series
  StudyInstanceUID
─────────  ────────  ────────  ─────────  ─────────  ───────
Müller^H…  PID-0001  20260101  CT\\SR      Thorax m…        3
  1.2.276.0.7230010.3.1.2.1787205428.2345.1
山田^太郎  PID-0002  20260118  MR         頭部            12
  1.2.276.0.7230010.3.1.2.1787205428.2345.22
Li^Na      PID-0003  20260124                              1
  1.2.276.0.7230010.3.1.2.1787205428.2345.333
"""
AT_40 = """
PatientName                 Müller^Hans
PatientID                   PID-0001
StudyDate                   20260101
ModalitiesInStudy           CT\\SR
StudyDescription            Thorax mit Kontrastmittel
StudyInstanceUID            1.2.276.0.7230010.3.1.2.1787205428.2345.1
NumberOfStudyRelatedSeries  3

PatientName                 山田^太郎
PatientID                   PID-0002
StudyDate                   20260118
ModalitiesInStudy           MR
StudyDescription            頭部
StudyInstanceUID            1.2.276.0.7230010.3.1.2.1787205428.2345.22
NumberOfStudyRelatedSeries  12

PatientName                 Li^Na
PatientID                   PID-0003
StudyDate                   20260124
ModalitiesInStudy
StudyDescription
StudyInstanceUID            1.2.276.0.7230010.3.1.2.1787205428.2345.333
NumberOfStudyRelatedSeries  1
"""


def drawn(
    rows: Iterable[Sequence[str]], columns: Sequence[Column], width: int, *, color: bool = False
) -> list[str]:
    return "".join(draw(rows, columns, width, color=color)).splitlines()


# Layout


@pytest.mark.parametrize(
    ("width", "expected"),
    [(0, AT_160), (160, AT_160), (120, AT_120), (80, AT_80), (60, AT_60), (40, AT_40)],
)
def test_a_table_takes_the_shape_that_its_width_allows(width: int, expected: str) -> None:
    lines = drawn(STUDIES, COLUMNS, width)
    assert lines == expected.splitlines()[1:]
    if width > 40:
        assert max(map(cell_len, lines)) <= width


def test_a_table_as_wide_as_the_terminal_is_not_broken() -> None:
    width = max(map(cell_len, AT_160.splitlines()))
    assert drawn(STUDIES, COLUMNS, width) == AT_160.splitlines()[1:]
    assert drawn(STUDIES, COLUMNS, width - 1) != AT_160.splitlines()[1:]


def test_wide_characters_are_aligned() -> None:
    lines = drawn([["山田", "x"], ["ab", "y"], ["e\u0301", "z"]], [Column("a"), Column("b")], 80)
    assert lines == ["a     b", "────  ─", "山田  x", "ab    y", "e\u0301     z"]


def test_a_wide_character_is_not_cut_in_half() -> None:
    columns = [Column("a"), Column("b")]
    for width in (38, 39):
        *_, line = drawn([["山" * 30, "x" * 20]], columns, width)
        assert cell_len(line) == width
        assert "山…" in line or "山 …" in line


def test_the_widest_text_is_cut_first() -> None:
    *_, line = drawn([["short-one", "x" * 60]], [Column("a"), Column("b")], 30)
    assert line == "short-one  " + "x" * 18 + "…"


def test_a_uid_is_never_cut() -> None:
    columns = [Column("PatientName"), Column("StudyInstanceUID", whole=True)]
    for width in range(1, 90):
        text = "\n".join(drawn([["Doe^Jane", UIDS[0]]], columns, width))
        assert UIDS[0] in text


def test_several_uids_share_lines_as_they_fit() -> None:
    columns = [Column("Name"), *(Column(f"{name}UID", whole=True) for name in "abc")]
    row = ["Doe", "1.2.3", "1.2.3.4", "1.2.3.4.5.6.7.8"]
    assert drawn([row], columns, 20) == [
        "Name",
        "  aUID   bUID",
        "  cUID",
        "────",
        "Doe",
        "  1.2.3  1.2.3.4",
        "  1.2.3.4.5.6.7.8",
    ]


def test_a_line_below_that_is_empty_is_left_out() -> None:
    columns = [Column("Name"), Column("UID", whole=True)]
    lines = drawn([["Doe", "1.2.3.4.5.6"], ["Roe", ""]], columns, 12)
    assert lines == ["Name", "  UID", "────", "Doe", "  1.2.3.4.5.6", "Roe"]


def test_a_uid_goes_below_before_texts_become_narrow() -> None:
    columns = [Column("PatientName"), Column("UID", whole=True)]
    row = ["n" * 30, "1" * 20]
    assert drawn([row], columns, 38)[-1] == "n" * 15 + "…  " + "1" * 20
    assert drawn([row], columns, 37)[-2:] == ["n" * 30, "  " + "1" * 20]


def test_texts_are_cut_to_eight_columns_before_rows_become_records() -> None:
    columns = [Column("a"), Column("b")]
    assert drawn([["x" * 20, "y" * 20]], columns, 18)[-1] == "xxxxxxx…  yyyyyyy…"
    assert drawn([["x" * 20, "y" * 20]], columns, 17) == ["a  " + "x" * 20, "b  " + "y" * 20]


@pytest.mark.usefixtures("clock")
def test_uids_below_share_a_line_only_where_longer_ones_fit_too() -> None:
    columns = [*[Column("name")] * 3, *[Column("UID", whole=True, room=64)] * 2]
    names, uids = ["n" * 20] * 3, ["1" * 20, "2" * 20]
    row = [*names, *uids]
    assert drawn([row] * 49, columns, 80)[-2:] == ["  ".join(names), "  " + "  ".join(uids)]
    apart = ["  ".join(names), f"  {uids[0]}", f"  {uids[1]}"]
    assert drawn([row] * 50, columns, 80)[-3:] == apart


def test_uids_alone_become_records_where_they_do_not_fit() -> None:
    columns = [Column("StudyInstanceUID", whole=True), Column("SeriesInstanceUID", whole=True)]
    assert drawn([[UIDS[0], UIDS[1]]], columns, 80) == [
        f"StudyInstanceUID   {UIDS[0]}",
        f"SeriesInstanceUID  {UIDS[1]}",
    ]


def test_too_many_columns_become_records() -> None:
    columns = [Column(f"Column{number}") for number in range(10)]
    lines = drawn([["value-10" for _ in columns]] * 2, columns, 80)
    record = [f"Column{number}  value-10" for number in range(10)]
    assert lines == [*record, "", *record]


def test_numbers_are_aligned_to_the_right() -> None:
    lines = drawn([["1.5 ms"], ["120.0 ms"]], [Column("time", right=True)], 80)
    assert lines == ["    time", "────────", "  1.5 ms", "120.0 ms"]


@pytest.mark.parametrize(
    ("heading", "lines"),
    [
        ("ScheduledStationAETitle", ["Scheduled", "StationAE", "Title"]),
        ("SOPClassesInStudy", ["SOPClasses", "InStudy"]),
        ("RequestedCodeSequence.CodeValue", ["Requested", "Code", "Sequence.", "CodeValue"]),
        ("round trip time", ["round trip", "time"]),
        ("(0009,1002)", ["(0009,100…"]),
    ],
)
def test_a_heading_is_broken_between_words(heading: str, lines: list[str]) -> None:
    columns = [Column(heading), Column("b")]
    shown = drawn([["x", "y" * 40]], columns, max(map(len, lines)) + 2 + 40)
    headings = [line.removesuffix("b").rstrip() for line in shown[: len(lines)]]
    if "…" not in lines[0]:
        assert headings == lines
    else:
        assert headings == [heading]


def test_without_a_limit_nothing_is_cut_or_broken() -> None:
    rows = [["x", "y"]] * 60 + [["x" * 500, "y"]]
    assert drawn(rows, [Column("LongHeadingOfAColumn"), Column("b")], 0)[-1] == "x" * 500 + "  y"


SIZES = st.integers(1, 200)
CELLS = st.text(st.characters(exclude_categories=["C", "Z", "M"]), max_size=30)


@given(data=st.data(), width=SIZES, count=st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_any_table_is_within_its_width_and_keeps_what_must_be_whole(
    data: st.DataObject, width: int, count: int
) -> None:
    headings = st.sampled_from(["PatientName", "ID", "NumberOfStudyRelatedInstances"])
    shapes = st.builds(Column, headings, st.booleans(), st.booleans(), st.sampled_from([0, 8, 64]))
    columns = data.draw(st.lists(shapes, min_size=count, max_size=count))
    row = st.lists(CELLS, min_size=count, max_size=count)
    rows = data.draw(st.lists(row, min_size=1, max_size=60))
    lines = drawn(rows, columns, width)
    text = "\n".join(lines)
    kept = [cell for row in rows for cell, column in zip(row, columns, strict=True) if column.whole]
    assert all(cell in text for cell in kept)
    others = [column for column in columns if not column.whole]
    if len(others) == count and width >= count * 10 - 2:  # no column needs more than 8
        assert max(map(cell_len, lines)) <= width


# Colour


def test_colour_changes_nothing_but_the_colour() -> None:
    for width in (40, 60, 80, 120, 160):
        coloured = drawn(STUDIES, COLUMNS, width, color=True)
        assert [ESCAPES.sub("", line).rstrip() for line in coloured] == drawn(
            STUDIES, COLUMNS, width
        )
        assert coloured[0].lstrip().startswith("\x1b[1m")


def test_what_stands_below_a_row_is_dim() -> None:
    lines = drawn(STUDIES, COLUMNS, 80, color=True)
    assert f"  \x1b[2m{UIDS[0]}\x1b[0m" in lines
    assert "  \x1b[2mStudyInstanceUID\x1b[0m" in lines


def test_values_have_the_style_that_is_asked_for() -> None:
    rows, columns = [["pacs", "ok"], ["ris", "failed"]], [Column("peer"), Column("state")]
    styles = {"ok": "green", "failed": "bold red"}
    coloured = "".join(draw(rows, columns, 80, color=True, styles=styles))
    assert "\x1b[32mok\x1b[0m" in coloured
    assert "\x1b[1;31mfailed\x1b[0m" in coloured
    assert "\x1b[32mpacs" not in coloured
    plain = "".join(draw(rows, columns, 80, color=False, styles=styles))
    assert plain == "peer  state\n────  ──────\npacs  ok\nris   failed\n"
    records = "".join(draw(rows, columns, 8, color=True, styles=styles))
    assert "\x1b[1;31mfailed\x1b[0m" in records


# Streams


class Source:
    """Rows from somewhere slow; it says how many were taken."""

    def __init__(self, count: int, failure: BaseException | None = None) -> None:
        self.taken = 0
        self._count = count
        self._failure = failure

    def __iter__(self) -> Iterator[list[str]]:
        """Give rows, count them, and fail."""
        for number in range(self._count):
            self.taken += 1
            yield [f"row-{number}"]
        if self._failure:
            raise self._failure


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the times that the table reads from its clock, and stop it at the last of them."""
    times = [0.0]
    monkeypatch.setattr(table, "monotonic", lambda: times.pop(0) if len(times) > 1 else times[0])
    return times


def test_no_rows_are_no_table() -> None:
    assert drawn([], COLUMNS, 80) == []


@pytest.mark.usefixtures("clock")
def test_fifty_rows_fix_the_widths() -> None:
    source = Source(200)
    stream = draw(source, [Column("name")], 80, color=False)
    assert next(stream).splitlines()[-1] == "row-0"
    assert source.taken == 50
    for number in range(1, 200):
        assert next(stream) == f"row-{number}\n"
        assert source.taken == max(50, number + 1)
    assert list(stream) == []


def test_rows_are_not_held_back_for_long(clock: list[float]) -> None:
    clock[:] = [10.0, 10.2, 10.31]
    source = Source(200)
    stream = draw(source, [Column("name")], 80, color=False)
    assert next(stream).splitlines()[-1] == "row-0"
    assert source.taken == 3
    assert [next(stream) for _ in range(3)] == ["row-1\n", "row-2\n", "row-3\n"]
    assert source.taken == 4


@pytest.mark.usefixtures("clock")
def test_later_rows_are_cut_to_the_widths_that_the_first_have_fixed() -> None:
    rows = [["name", "20260101"]] * 50 + [["n" * 30, "20260102"]]
    lines = drawn(rows, [Column("PatientName", room=20), Column("StudyDate")], 80)
    assert lines[0] == "PatientName           StudyDate"
    assert lines[-1] == "n" * 19 + "…  20260102"


@pytest.mark.usefixtures("clock")
def test_the_last_column_has_the_rest_of_the_line() -> None:
    rows = [["a", "b"]] * 50 + [["a", "x" * 100]]
    assert drawn(rows, [Column("one"), Column("two")], 40)[-1] == "a    " + "x" * 34 + "…"


@pytest.mark.usefixtures("clock")
def test_a_uid_that_comes_late_is_not_cut_either() -> None:
    rows = [["1.2", "b"]] * 50 + [["1" * 64, "b"]]
    assert drawn(rows, [Column("uid", whole=True), Column("two")], 40)[-1] == "1" * 64 + "  b"


def test_room_is_left_only_where_rows_may_still_come() -> None:
    columns = [Column("name", room=20), Column("two")]
    assert drawn([["a", "b"]] * 49, columns, 80)[0] == "name  two"
    assert drawn([["a", "b"]] * 50, columns, 80)[0] == "name" + " " * 18 + "two"
    assert drawn([["a", "b"]] * 50, columns, 17)[0] == "name" + " " * 10 + "two"


@pytest.mark.parametrize("failure", [ValueError("aborted"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("count", [0, 2, 70])
def test_rows_that_have_come_are_shown_before_the_failure(
    count: int, failure: BaseException
) -> None:
    shown = []
    with pytest.raises(type(failure)) as caught:  # noqa: PT012 - what comes before counts too
        for text in draw(Source(count, failure), [Column("name")], 80, color=False):
            shown.append(text)  # noqa: PERF402 - a comprehension would lose them
    assert caught.value is failure
    assert "".join(shown) == "".join(draw(Source(count), [Column("name")], 80, color=False))


def test_where_widths_are_known_no_row_is_held_back() -> None:
    taken: list[str] = []

    def rows() -> Iterator[Sequence[str]]:
        for name in ("a", "bb", "ccc"):
            taken.append(name)
            yield name, "1"

    columns = [Column("Name", room=6), Column("N", right=True, room=3)]
    shown = draw(rows(), columns, 40, color=False, known=True)
    assert next(shown) == "Name      N\n──────  ───\na         1\n"
    assert taken == ["a"]
    assert list(shown) == ["bb        1\n", "ccc       1\n"]


def test_where_widths_are_known_they_decide_what_goes_below() -> None:
    columns = [Column("Name", room=6), Column("Reason", whole=True, room=30)]
    rows = [("a", ""), ("b", "no")]
    below = "Name\n  Reason\n──────\na\n", "b\n  no\n"
    beside = f"Name    Reason\n──────  {'─' * 30}\na\n", "b       no\n"
    assert tuple(draw(rows, columns, 30, color=False, known=True)) == below
    assert tuple(draw(rows, columns, 40, color=False, known=True)) == beside
    assert list(draw([], columns, 40, color=False, known=True)) == []


def test_records_stream_too() -> None:
    source = Source(60)
    rows = ([name, "x"] for (name,) in source)
    stream = draw(rows, [Column("name"), Column("two")], 9, color=False)
    assert next(stream) == "name  row-0\ntwo   x\n"
    assert next(stream) == "\nname  row-1\ntwo   x\n"
    assert source.taken == 50


# What it costs


def test_only_the_light_part_of_rich_is_loaded() -> None:
    code = (
        "import sys; from dcmtools.output.table import Column, draw; "
        "list(draw([['山']], [Column('a')], 80, color=True)); print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    names = set(ran.stdout.split())
    assert "rich.style" in names
    assert names & {"rich.console", "rich.table", "rich.markdown", "pydicom", "ssl"} == set()

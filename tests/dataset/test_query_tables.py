"""Show how keys and UIDs are read from tables, NDJSON and plain lists, as they come."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset.answers import Answer, AnswerFormat, render
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query_models import QueryLevel
from dcmtools.dataset.query_tables import Uids, read_key_table, read_uids
from dcmtools.errors import DcmtoolsError, InputError, UsageError
from tests.factories import element

STUDY, SERIES, IMAGE = QueryLevel.STUDY, QueryLevel.SERIES, QueryLevel.IMAGE


def rows_of(text: str) -> list[tuple[str, ...]]:
    return list(read_key_table(text).rows)


def uids_of(text: str, level: QueryLevel = STUDY) -> list[Uids]:
    return list(read_uids(text, level))


def endless(lines: list[str]) -> Iterator[str]:
    """Give lines, and fail the test where more are read than are needed."""
    yield from lines
    pytest.fail("more was read than is needed")


# Keys by row


@pytest.mark.parametrize(
    "text",
    [
        "PatientID,StudyDate\nP1,today\nP2,\n",
        "PatientID\tStudyDate\nP1\ttoday\nP2\t\n",
        "\ufeffPatientID,StudyDate\r\nP1,today\r\nP2,\r\n",
        '\n\n"PatientID", "StudyDate"\n\nP1,today\n,\n \nP2,""\n\n',
        '"(0010,0020)","0008,0020"\nP1,today\nP2,\n',
        "00100020,00080020\nP1,today\nP2,",
    ],
)
def test_a_table_of_keys_has_a_header_of_tag_paths(text: str) -> None:
    paths, rows = read_key_table(text)
    assert paths == (TagPath.parse("PatientID"), TagPath.parse("StudyDate"))
    assert list(rows) == [("P1", "today"), ("P2", "")]
    lines = text.splitlines(keepends=True)
    assert list(read_key_table(iter(lines)).rows) == [("P1", "today"), ("P2", "")]


def test_paths_lead_into_sequences() -> None:
    paths, rows = read_key_table(
        'ScheduledProcedureStepSequence[0].Modality,"(0029,""ACME"",10)"\nCT,x\n'
    )
    assert [str(path) for path in paths] == [
        "ScheduledProcedureStepSequence.Modality",
        '(0029,"ACME",10)',
    ]
    assert list(rows) == [("CT", "x")]


@pytest.mark.parametrize("header", ["PatientName", "0010,0010", "(0010,0010)", '"(0010,0010)"'])
def test_a_single_column_needs_no_quotes(header: str) -> None:
    paths, rows = read_key_table(f'{header}\nMüller^Hans\n"Doe, Jane"\n')
    assert paths == (TagPath.parse("PatientName"),)
    assert list(rows) == [("Müller^Hans",), ("Doe, Jane",)]


def test_quotes_keep_delimiters_and_lines_together() -> None:
    text = 'PatientComments,PatientID\n"one, ""two""\nthree",P1\n'
    assert rows_of(text) == [('one, "two"\nthree', "P1")]


def test_a_row_is_given_before_the_next_is_read() -> None:
    _, rows = read_key_table(endless(["PatientID\n", "P1\n", "P2\n"]))
    assert (next(rows), next(rows)) == (("P1",), ("P2",))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("file,PatientID\na,b\n", "the column 'file' cannot be a key"),
        ("PatientNmae\nDoe\n", "the column 'PatientNmae' cannot be a key: 'PatientNmae' is not a"),
        ("(0010,0010),PatientID\na,b\n", r"the column '\(0010' cannot be a key"),
        ("PatientID,,StudyDate\n", "the column '' cannot be a key"),
        ("PatientID,0010;0020\n", "cannot be a key"),
        ("Doe^Jane\n", "cannot be a key"),
        ("ScheduledProcedureStepSequence[1].Modality\nCT\n", "has item 1"),
        ('PatientID,"(0010,0020)"\na,b\n', "has two columns PatientID"),
    ],
)
def test_a_header_that_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        read_key_table(text, name="keys.csv")
    assert caught.value.what == "keys.csv"
    assert "PatientID, StudyDate" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("PatientID,StudyDate\na,b\nc\n", "line 3", "has 1 values for 2 columns"),
        ("\nPatientID\n\na\nb,c\n", "line 5", "has 2 values for 1 columns"),
        ('PatientID,StudyDate\na,b\n"c\nd,e\n', "line 4", "cannot be read"),
        ('PatientID,StudyDate\n"a"b,c\n', "line 2", "cannot be read"),
        ("PatientID\n" + "x" * 200_000 + "\n", "line 2", "cannot be read"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_its_line(text: str, place: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        list(read_key_table(text, name="keys.csv").rows)
    assert caught.value.what == f"keys.csv, {place}"


def test_what_find_prints_can_be_asked_again() -> None:
    raw = element(0x00080020, "DA", b"20260131") + element(0x00100010, "PN", b'D"oe, J^')
    columns = (TagPath.parse("PatientName"), TagPath.parse("StudyDate"), TagPath.parse("StudyID"))
    for table in (AnswerFormat.CSV, AnswerFormat.TSV):
        text = "".join(render([Answer(raw, implicit=False)], table, columns))
        assert read_key_table(text).paths == columns
        assert rows_of(text) == [('D"oe, J^', "20260131", "")]


@given(st.text(max_size=60) | st.from_regex(r'PatientID(,StudyID)?\n["a,\n\r\t]{0,20}'))
def test_no_table_raises_anything_but_what_it_should(text: str) -> None:
    with suppress(UsageError, InputError):
        paths, rows = read_key_table(text)
        for row in rows:
            assert len(row) == len(paths)


# UIDs


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3\n1.2.4\n",
        "\n\n1.2.3 \r\n\n\t1.2.4\n1.2.3",
        "\ufeff1.2.3\n1.2.4\n",
        "StudyInstanceUID\n1.2.3\n1.2.4\n",
        "(0020,000d)\n1.2.3\n1.2.4\n",
        "0020000D\n1.2.3\n1.2.4\n",
        "PatientID,StudyInstanceUID,file\nP,1.2.3,x\nP,1.2.4\n\nQ,1.2.3,y\n",
        'PatientID\t"(0020,000D)"\nP\t1.2.3\nP\t1.2.4\n',
        "SeriesInstanceUID,StudyInstanceUID\n1.9.1,1.2.3\n1.9.2,1.2.3\n1.9.3,1.2.4\n",
        '{"0020000D":{"vr":"UI","Value":["1.2.3"]}}\n{"0020000D":{"vr":"UI","Value":["1.2.4"]}}\n',
        '{"StudyInstanceUID":"1.2.3"}\n\n{"StudyInstanceUID":"1.2.4","SeriesInstanceUID":null}\n',
        '{"file":"a","dataset":{"StudyInstanceUID":"1.2.3"}}\n{"StudyInstanceUID":["1.2.4"]}\n',
    ],
)
def test_uids_come_in_many_forms(text: str) -> None:
    assert uids_of(text) == [Uids("1.2.3"), Uids("1.2.4")]
    assert list(read_uids(iter(text.splitlines(keepends=True)), STUDY)) == uids_of(text)


def test_the_uids_of_the_levels_above_are_taken_those_below_are_not() -> None:
    table = "StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID\n1.1,1.2,1.3\n1.1,1.2,1.4\n"
    records = (
        '{"0020000D":{"vr":"UI","Value":["1.1"]},"0020000E":{"vr":"UI","Value":["1.2"]},'
        '"00080018":{"vr":"UI","Value":["1.%d"]}}\n'
    )
    plain = '{"StudyInstanceUID":"1.1","SeriesInstanceUID":"1.2","SOPInstanceUID":"1.%d"}\n'
    for text in (table, records % 3 + records % 4, plain % 3 + plain % 4):
        assert uids_of(text, IMAGE) == [Uids("1.1", "1.2", "1.3"), Uids("1.1", "1.2", "1.4")]
        assert uids_of(text, SERIES) == [Uids("1.1", "1.2")]
        assert uids_of(text, STUDY) == [Uids("1.1")]


def test_levels_above_may_be_missing() -> None:
    assert uids_of("1.3\n", IMAGE) == [Uids(instance="1.3")]
    assert uids_of("SeriesInstanceUID\n1.2\n", SERIES) == [Uids(series="1.2")]
    text = "StudyInstanceUID,SOPInstanceUID\n,1.3\n1.1,1.4\n"
    assert uids_of(text, IMAGE) == [Uids(instance="1.3"), Uids("1.1", "", "1.4")]
    record = '{"0020000D":{"vr":"UI"},"00080018":{"vr":"UI","Value":["1.3"]}}'
    assert uids_of(record, IMAGE) == [Uids(instance="1.3")]


@pytest.mark.parametrize("text", ["", "\n\n", " \n", "StudyInstanceUID\n", "\ufeff\n"])
def test_nothing_is_no_uids(text: str) -> None:
    assert uids_of(text) == []


@pytest.mark.parametrize(
    "lines",
    [
        ["1.2.3\n", "1.2.4\n"],
        ["StudyInstanceUID\n", "1.2.3\n", "1.2.4\n"],
        ['{"StudyInstanceUID":"1.2.3"}\n', '{"StudyInstanceUID":"1.2.4"}\n'],
    ],
)
def test_a_uid_is_given_before_the_next_line_is_read(lines: list[str]) -> None:
    uids = read_uids(endless(lines), STUDY)
    assert (next(uids), next(uids)) == (Uids("1.2.3"), Uids("1.2.4"))


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("1.2.3\n\n1.2.x\n", "line 3", "'1.2.x' is not a UID"),
        ("1.2.3\n1.2.*\n", "line 2", r"'1.2.\*' is not a UID"),
        ("\n1.2.3 1.2.4\n", "line 2", "is not a UID"),
        ("1.2.3\n1." + "1" * 63, "line 2", "is not a UID"),
        ("1.2.3\nStudyInstanceUID\n", "line 2", "is not a UID"),
        ("StudyInstanceUID\n1.2.3\n\nfoo\n", "line 4", "'foo' is not a UID"),
        ("PatientID,StudyInstanceUID\nP,1.2.3\nQ,\n", "line 3", "has no StudyInstanceUID"),
        ("PatientID,StudyInstanceUID\nP\n", "line 2", "has no StudyInstanceUID"),
        ('StudyInstanceUID\n"1.2\n', "line 2", "cannot be read"),
        ('{"StudyInstanceUID":"1.2.3"}\n{"PatientID":"P"}\n', "line 2", "has no StudyInstanceUID"),
        ('{"StudyInstanceUID":"1.2.3"}\n{"Study', "line 2", "is not JSON"),
        ('{"StudyInstanceUID":"1.2.3"}\n[]\n', "line 2", "is not a JSON object"),
        ('{"StudyInstanceUID":"1.2.3"}\n1.2.4\n', "line 2", "is not JSON"),
        ('{"StudyInstanceUID":17}\n', "line 1", "'17' is not a UID"),
        ('{"StudyInstanceUID":["1.2","1.3"]}\n', "line 1", "is not a UID"),
        ('{"0020000D":{"vr":"UI","Value":"x"}}\n', "line 1", "'x' is not a UID"),
        ('{"0020000D":{"vr":"UI","Value":[{}]}}\n', "line 1", "is not a UID"),
        ('{"a":' * 100_000, "line 1", "is not JSON"),
    ],
)
def test_a_line_that_is_wrong_is_named(text: str, place: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        list(read_uids(text, STUDY, name="uids.txt"))
    assert caught.value.what == f"uids.txt, {place}"
    assert "one UID a line" in caught.value.hint or "cannot be read" in why


@pytest.mark.parametrize(
    ("text", "level", "why", "hint"),
    [
        ("hello\n", STUDY, "has no column StudyInstanceUID but hello", "one UID a line"),
        ("PatientID,StudyDate\nP,x\n", STUDY, "but PatientID, StudyDate", "one UID a line"),
        ("StudyInstanceUID\n1.2\n", SERIES, "has no column SeriesInstanceUID", "one UID a line"),
        ("1.2.3,1.2.4\n", STUDY, "has no column StudyInstanceUID", "one UID a line"),
        ('[\n{"StudyInstanceUID":"1.2"}\n]\n', STUDY, "is one JSON document", "-f ndjson"),
    ],
)
def test_what_is_in_no_known_form_is_refused(
    text: str, level: QueryLevel, why: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        list(read_uids(text, level, name="uids.txt"))
    assert caught.value.what == "uids.txt"
    assert hint in caught.value.hint


@pytest.mark.parametrize("simple", [True, False])
@pytest.mark.parametrize("form", [AnswerFormat.NDJSON, AnswerFormat.CSV, AnswerFormat.TSV])
def test_what_find_prints_can_be_retrieved(form: AnswerFormat, *, simple: bool) -> None:
    answers = [
        Answer(
            element(0x00080018, "UI", b"1.3.%d\0" % number)
            + element(0x00100010, "PN", b"Doe, J^\n")
            + element(0x0020000D, "UI", b"1.1.1\0")
            + element(0x0020000E, "UI", b"1.2.1\0"),
            implicit=False,
        )
        for number in (1, 2)
    ]
    names = ("PatientName", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
    text = "".join(render(answers, form, [TagPath.parse(name) for name in names], simple=simple))
    assert uids_of(text, IMAGE) == [
        Uids("1.1.1", "1.2.1", "1.3.1"),
        Uids("1.1.1", "1.2.1", "1.3.2"),
    ]


@given(
    st.text(max_size=60)
    | st.from_regex(r'(1\.2|StudyInstanceUID|\{"StudyInstanceUID":)[\n1.,"{}\[\]:]{0,20}'),
    st.sampled_from([STUDY, SERIES, IMAGE]),
)
def test_no_input_raises_anything_but_what_it_should(text: str, level: QueryLevel) -> None:
    with suppress(DcmtoolsError):
        found = uids_of(text, level)
        assert len(found) == len(set(found))

"""Show what the bytes of a value mean, with struct and pydicom's converters as judges."""

from array import array
from math import isnan
from struct import pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import values as judge
from pydicom.multival import MultiValue

from dcmtools.dataset import values

FORMATS = {
    "US": "H",
    "SS": "h",
    "UL": "L",
    "SL": "l",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
    "OF": "f",
    "OD": "d",
    "OL": "L",
    "OV": "Q",
}
INTEGERS = ("US", "SS", "UL", "SL", "UV", "SV")


def as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, MultiValue | list) else [value]


# Numbers


@pytest.mark.parametrize("vr", FORMATS)
@pytest.mark.parametrize("big_endian", [False, True])
@given(raw=st.binary(max_size=64))
def test_numbers_are_what_struct_reads(vr: str, raw: bytes, *, big_endian: bool) -> None:
    order, code = "<>"[big_endian], FORMATS[vr]
    size = len(pack(f"{order}{code}", 0))
    expected = unpack(f"{order}{len(raw) // size}{code}", raw[: len(raw) // size * size])
    found = values.numbers(raw, vr, big_endian=big_endian)
    assert repr(found) == repr(expected)


@pytest.mark.parametrize("vr", INTEGERS)
@pytest.mark.parametrize("big_endian", [False, True])
@given(raw=st.binary(min_size=8, max_size=64).filter(lambda raw: len(raw) % 8 == 0))
def test_integers_are_what_pydicom_reads(vr: str, raw: bytes, *, big_endian: bool) -> None:
    expected = judge.convert_numbers(raw, not big_endian, FORMATS[vr])
    assert list(values.numbers(raw, vr, big_endian=big_endian)) == as_list(expected)


@pytest.mark.parametrize(
    ("vr", "raw"),
    [("US", b"\1"), ("UL", b"\1\2\3"), ("FD", b"\0" * 7), ("US", b""), ("OV", b"1234567")],
)
def test_bytes_that_are_too_few_for_a_number_are_left_out(vr: str, raw: bytes) -> None:
    assert values.numbers(raw, vr, big_endian=False) == ()


@pytest.mark.parametrize("vr", FORMATS)
def test_numbers_are_known_by_their_vr(vr: str) -> None:
    assert values.is_number(vr)


@pytest.mark.parametrize("vr", ["OB", "OW", "UN", "??", "AT", "LO", "IS", "DS", "SQ", ""])
def test_other_values_are_no_numbers(vr: str) -> None:
    assert not values.is_number(vr)


# Tags


@pytest.mark.parametrize(
    ("raw", "big_endian", "tags"),
    [
        (b"\x10\x00\x20\x00", False, [0x00100020]),
        (b"\x00\x10\x00\x20", True, [0x00100020]),
        (b"\x10\x00\x20\x00\xe0\x7f\x10\x00", False, [0x00100020, 0x7FE00010]),
        (b"\x10\x00\x20\x00\xe0\x7f", False, [0x00100020]),
        (b"\x10\x00\x20", False, []),
        (b"", False, []),
    ],
)
def test_tags_are_read_in_pairs_of_words(raw: bytes, tags: list[int], *, big_endian: bool) -> None:
    assert values.tags(raw, big_endian=big_endian) == tags


@pytest.mark.parametrize("big_endian", [False, True])
@given(numbers=st.lists(st.integers(0, 0xFFFFFFFF), min_size=1))
def test_tags_are_what_pydicom_reads(numbers: list[int], *, big_endian: bool) -> None:
    order = "<>"[big_endian]
    raw = b"".join(pack(f"{order}HH", tag >> 16, tag & 0xFFFF) for tag in numbers)
    expected = as_list(judge.convert_ATvalue(raw, not big_endian))
    assert values.tags(raw, big_endian=big_endian) == expected == numbers


# Text


@pytest.mark.parametrize(
    ("vr", "raw", "found"),
    [
        ("LO", b"", []),
        ("LO", b" ", []),
        ("LO", b"\0\0", []),
        ("LO", b"one ", ["one"]),
        ("LO", b" one \\ two\0", ["one", "two"]),
        ("LO", b"one\\", ["one", ""]),
        ("LO", b"\\one", ["", "one"]),
        ("LO", b"\\\\", ["", "", ""]),
        ("CS", b"ORIGINAL\\PRIMARY ", ["ORIGINAL", "PRIMARY"]),
        ("UI", b"1.2.3\0", ["1.2.3"]),
        ("UI", b"1.2\\1.3\0", ["1.2", "1.3"]),
        ("DS", b" 1.5\\-2 ", ["1.5", "-2"]),
        ("PN", b"Doe^Jane^^^ \\Roe^Rick", ["Doe^Jane^^^", "Roe^Rick"]),
        ("UC", b" one \\ two ", [" one", " two"]),
        ("ST", b" a\\b ", [" a\\b"]),
        ("LT", b"a\\b\r\n ", ["a\\b\r\n"]),
        ("UT", b" \\", [" \\"]),
        ("UR", b"http://a/b\\c ", ["http://a/b\\c"]),
    ],
)
def test_text_is_split_and_stripped_by_its_vr(vr: str, raw: bytes, found: list[str]) -> None:
    assert values.texts(raw, vr, b"") == found


PLAIN = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\^="))


@pytest.mark.parametrize("vr", ["AE", "CS", "DA", "LO", "SH", "TM", "UC"])
@given(words=st.lists(PLAIN.filter(bool), min_size=1))
def test_several_words_are_what_pydicom_reads(vr: str, words: list[str]) -> None:
    raw = "\\".join(words).encode()
    raw += b" " * (len(raw) % 2)
    expected = as_list(judge.convert_string(raw, is_little_endian=True))
    assert values.texts(raw, vr, b"") == [str(word) for word in expected] == words


UID = r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,4}"


@given(words=st.lists(st.from_regex(UID, fullmatch=True), min_size=1))
def test_several_uids_are_what_pydicom_reads(words: list[str]) -> None:
    raw = "\\".join(words).encode()
    raw += b"\0" * (len(raw) % 2)
    expected = as_list(judge.convert_UI(raw, is_little_endian=True))
    assert values.texts(raw, "UI", b"") == [str(uid) for uid in expected] == words


@pytest.mark.parametrize("vr", sorted(values.CHARSET_VRS))
def test_text_of_these_vrs_is_in_the_character_set_of_the_data_set(vr: str) -> None:
    assert values.text(b"J\xe9r\xf4me ", vr, b"ISO_IR 100") == "J\u00e9r\u00f4me"


@pytest.mark.parametrize("vr", sorted(values.TEXT_VRS - values.CHARSET_VRS))
def test_other_text_is_ascii_whatever_the_character_set(vr: str) -> None:
    assert values.text(b"J\xe9", vr, b"ISO_IR 100") == "J\udce9"


@pytest.mark.parametrize(
    ("charset", "raw", "found"),
    [
        (b"GBK", b"\x81\\\\A", ["\u4e57", "A"]),
        (b"GB18030", b"\x81\\\\A", ["\u4e57", "A"]),
        (b"\\ISO 2022 IR 87", b"\x1b$B0\\\x1b(B\\A", ["\u79fb", "A"]),
    ],
)
def test_a_byte_of_a_letter_that_looks_like_a_backslash_splits_nothing(
    charset: bytes, raw: bytes, found: list[str]
) -> None:
    assert values.texts(raw, "LO", charset) == found


@given(
    raw=st.binary(),
    vr=st.sampled_from(sorted(values.TEXT_VRS)),
    charset=st.sampled_from([b"", b"ISO_IR 192", b"GB18030", b"\\ISO 2022 IR 87", b"?"]),
)
def test_no_text_is_an_error(raw: bytes, vr: str, charset: bytes) -> None:
    assert all(isinstance(word, str) for word in values.texts(raw, vr, charset))


# Byte order


@pytest.mark.parametrize(
    ("vr", "code"), [("OW", "H"), ("OF", "I"), ("OL", "I"), ("OD", "Q"), ("OV", "Q")]
)
@given(raw=st.binary(max_size=40))
def test_words_are_turned_around(vr: str, code: str, raw: bytes) -> None:
    words = array(code)
    whole = len(raw) // words.itemsize * words.itemsize
    words.frombytes(raw[:whole])
    words.byteswap()
    assert values.little_endian(raw, vr) == words.tobytes() + raw[whole:]
    assert values.little_endian(values.little_endian(raw, vr), vr) == raw


@pytest.mark.parametrize("vr", ["OB", "UN", "??"])
@given(raw=st.binary(max_size=20))
def test_bytes_have_no_order(vr: str, raw: bytes) -> None:
    assert values.little_endian(raw, vr) == raw


# Single precision


@given(st.floats(width=32, allow_nan=False))
def test_a_single_is_printed_so_that_it_reads_back(value: float) -> None:
    shown = values.single(value)
    assert pack("<f", float(shown)) == pack("<f", value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.1, "0.1"), (-1.5, "-1.5"), (1e10, "1e+10"), (16777216.0, "16777216")],
)
def test_a_single_is_printed_in_the_fewest_digits(value: float, shown: str) -> None:
    (single,) = unpack("<f", pack("<f", value))
    assert values.single(single) == shown


@pytest.mark.parametrize("raw", [b"\0\0\xc0\x7f", b"\1\0\x80\x7f", b"\xff\xff\xff\xff"])
def test_no_single_is_an_error(raw: bytes) -> None:
    (number,) = values.numbers(raw, "FL", big_endian=False)
    assert isnan(number)
    assert values.single(number) == "nan"

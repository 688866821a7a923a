"""Show how text is decoded, with pydicom as the judge, and how it is made safe to print."""

import unicodedata
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import charset as judge

from dcmtools.dataset.charset import _CODECS, decode, is_known
from dcmtools.escape import escape

SINGLE_SETS = sorted(_CODECS)
TEXT_DELIMITERS = set(b"\r\n\t\f\\")
NAME_DELIMITERS = {*TEXT_DELIMITERS, *b"^="}


def judged(raw: bytes, charset: bytes, delimiters: set[int]) -> str:
    encodings = judge.convert_encodings(charset.decode().split("\\"))
    return judge.decode_bytes(raw, encodings, delimiters)


@cache
def alphabet(charset: bytes) -> list[str]:
    codec = _CODECS[charset]
    letters = []
    for code in range(0x20, 0x10000):
        try:
            chr(code).encode(codec)
        except UnicodeEncodeError:
            continue
        letters.append(chr(code))
    return letters


# One character set


@pytest.mark.parametrize("charset", SINGLE_SETS, ids=bytes.decode)
@given(data=st.data())
@settings(max_examples=40)
def test_text_in_one_set_reads_as_by_pydicom(charset: bytes, data: st.DataObject) -> None:
    text = data.draw(st.text(st.sampled_from(alphabet(charset)), max_size=40))
    raw = text.encode(_CODECS[charset])
    assert decode(raw, charset) == raw.decode(_CODECS[charset])
    assert decode(raw, charset, person_name=True) == judged(raw, charset, NAME_DELIMITERS)


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (b"ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^J\u00e9r\u00f4me"),
        (b"ISO_IR 101", b"W\xb1\xb6", "W\u0105\u015b"),
        (b"ISO_IR 109", b"\xa1\xb1", "\u0126\u0127"),
        (b"ISO_IR 110", b"\xa3\xb3", "\u0156\u0157"),
        (b"ISO_IR 126", b"\xc4\xe9\xef\xed", "\u0394\u03b9\u03bf\u03bd"),
        (
            b"ISO_IR 127",
            b"\xe2\xc8\xc7",
            "\u0642\u0628\u0627",
        ),
        (b"ISO_IR 138", b"\xf9\xf8\xe5\xef", "\u05e9\u05e8\u05d5\u05df"),
        (b"ISO_IR 144", b"\xbb\xee\xda\xe1", "\u041b\u044e\u043a\u0441"),
        (b"ISO_IR 148", b"\xc7a\xf0", "\u00c7a\u011f"),
        (b"ISO_IR 166", b"\xa1\xa2\xa4", "\u0e01\u0e02\u0e04"),
        (
            b"ISO_IR 13",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3",
            "\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73",
        ),
        (
            b"ISO_IR 192",
            "Wang^XiaoDong=\u738b^\u5c0f\u6771".encode(),
            "Wang^XiaoDong=\u738b^\u5c0f\u6771",
        ),
        (b"GB18030", b"Wang=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang=\u738b^\u5c0f\u4e1c"),
        (b"GBK", b"Wang=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang=\u738b^\u5c0f\u4e1c"),
        (b"", b"Doe^Jane", "Doe^Jane"),
        (b"ISO_IR 6", b"Doe^Jane", "Doe^Jane"),
    ],
)
def test_every_set_of_the_standard_is_decoded(charset: bytes, raw: bytes, text: str) -> None:
    assert decode(raw, charset) == text


@pytest.mark.parametrize(
    "spelling",
    [
        b"ISO_IR 100",
        b"ISO_IR 100 ",
        b" ISO_IR 100",
        b"ISO_IR 100\0",
        b"ISO-IR 100",
        b"ISO IR 100",
        b"ISO_IR_100",
        b"iso_ir 100",
        b"ISO 2022 IR 100",
        b"ISO_2022_IR_100",
        b"ISO-2022-IR-100",
        b"ISO 2022 IR 100\\ISO 2022 IR 100",
    ],
)
def test_the_usual_misspellings_of_a_set_are_understood(spelling: bytes) -> None:
    assert decode(b"J\xe9r\xf4me", spelling) == "J\u00e9r\u00f4me"
    assert is_known(spelling)


@pytest.mark.parametrize(
    ("charset", "known"),
    [
        (b"", True),
        (b"ISO_IR 6", True),
        (b"ISO_IR 13", True),
        (b"ISO_IR 166", True),
        (b"ISO_IR 192", True),
        (b"ISO 2022 IR 6\\ISO 2022 IR 87", True),
        (b"\\ISO 2022 IR 149", True),
        (b"ISO_IR 1000", False),
        (b"LATIN1", False),
        (b"ISO_IR 100\\WINDOWS", False),
        (b"ISO 2022 IR 999", False),
        (b"ISO 2022 \xff", False),
        (b"\xff\xfe", False),
    ],
)
def test_a_set_that_the_standard_does_not_define_is_told_apart(
    charset: bytes, *, known: bool
) -> None:
    assert is_known(charset) is known


# Code extensions


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (
            b"\\ISO 2022 IR 87",
            (
                b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
            ),
            "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046",
        ),
        (
            b"ISO 2022 IR 13\\ISO 2022 IR 87",
            (
                b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J"
                b"=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"
            ),
            (
                "\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73=\u5c71\u7530^\u592a\u90ce"
                "=\u3084\u307e\u3060^\u305f\u308d\u3046"
            ),
        ),
        (
            b"\\ISO 2022 IR 149",
            (
                b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"
                b"=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
            ),
            "Hong^Gildong=\u6d2a^\u5409\u6d1e=\ud64d^\uae38\ub3d9",
        ),
        (
            b"\\ISO 2022 IR 58",
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            "Zhang^XiaoDong=\u5f20^\u5c0f\u4e1c=",
        ),
        (
            b"\\ISO 2022 IR 87",
            b"Haru=\x1b$B=U\x1b(B^\x1b$B=U\x1b(B",
            "Haru=\u6625^\u6625",
        ),
        (
            b"\\ISO 2022 IR 87\\ISO 2022 IR 159",
            b"A=\x1b$B;3\x1b(B^\x1b$(D0!\x1b(B",
            "A=\u5c71^\u4e02",
        ),
    ],
    ids=["87", "13-and-87", "149", "58", "delimiter-bytes-in-a-letter", "159"],
)
def test_every_group_of_a_person_name_switches_sets_by_itself(
    charset: bytes, raw: bytes, text: str
) -> None:
    assert decode(raw, charset, person_name=True) == text


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (
            b"\\ISO 2022 IR 149",
            b"\x1b$)C\xb1\xe8\xc8\xf1\xc1\xdf\r\n\x1b$)C\xc7\xd1\xb1\xdb",
            "\uae40\ud76c\uc911\r\n\ud55c\uae00",
        ),
        (
            b"\\ISO 2022 IR 58",
            b"1. \x1b$)A\xb5\xda\xd2\xbb\r\n2. \x1b$)A\xd0\xa1\r\n",
            "1. \u7b2c\u4e00\r\n2. \u5c0f\r\n",
        ),
        (b"\\ISO 2022 IR 87", b"a \x1b$B;3\x1b(B b", "a \u5c71 b"),
        (b"ISO 2022 IR 100\\ISO 2022 IR 144", b"\xe9 \x1b-L\xbb", "\u00e9 \u041b"),
        (b"\\ISO 2022 IR 100\\ISO 2022 IR 126", b"\x1b-A\xe9\x1b-F\xe9", "\u00e9\u03b9"),
        (b"ISO 2022 IR 166", b"\xa1", "\u0e01"),
        (b"\\ISO 2022 IR 87", b"A\\\x1b$B;3\x1b(B\\C", "A\\\u5c71\\C"),
    ],
    ids=["149", "58", "87", "100-and-144", "100-and-126", "166", "several-values"],
)
def test_text_switches_between_sets(charset: bytes, raw: bytes, text: str) -> None:
    assert decode(raw, charset) == text


EXTENSIONS = {
    b"ISO 2022 IR 100": (b"\x1b-A", "latin_1"),
    b"ISO 2022 IR 101": (b"\x1b-B", "iso8859_2"),
    b"ISO 2022 IR 109": (b"\x1b-C", "iso8859_3"),
    b"ISO 2022 IR 110": (b"\x1b-D", "iso8859_4"),
    b"ISO 2022 IR 126": (b"\x1b-F", "iso8859_7"),
    b"ISO 2022 IR 127": (b"\x1b-G", "iso8859_6"),
    b"ISO 2022 IR 138": (b"\x1b-H", "iso8859_8"),
    b"ISO 2022 IR 144": (b"\x1b-L", "iso8859_5"),
    b"ISO 2022 IR 148": (b"\x1b-M", "iso8859_9"),
    b"ISO 2022 IR 166": (b"\x1b-T", "tis_620"),
    b"ISO 2022 IR 13": (b"\x1b)I", "shift_jis"),
    b"ISO 2022 IR 87": (b"", "iso2022_jp"),
    b"ISO 2022 IR 159": (b"", "iso2022_jp_2"),
    b"ISO 2022 IR 149": (b"\x1b$)C", "euc_kr"),
}
LETTERS = {
    b"ISO 2022 IR 13": "\uff71\uff72\uff94\uff9e",
    b"ISO 2022 IR 87": "ab \u6625\u5c71\u7530\u3084\u307e",
    b"ISO 2022 IR 159": "\u4e02\u4e04\u4e05",
    b"ISO 2022 IR 149": "ab \u6d2a\u5409\ud64d\uae38",
}


def letters_of(name: bytes) -> str:
    codec = EXTENSIONS[name][1]
    return LETTERS.get(name) or bytes(range(0xA0, 0x100)).decode(codec, "ignore")


@pytest.mark.parametrize("name", EXTENSIONS, ids=bytes.decode)
@given(data=st.data())
@settings(max_examples=25)
def test_text_with_code_extensions_reads_as_by_pydicom(name: bytes, data: st.DataObject) -> None:
    words = data.draw(st.lists(st.text(letters_of(name), min_size=1, max_size=8), max_size=4))
    code, codec = EXTENSIONS[name]
    raw = b"Ab^" + b"^".join(code + word.encode(codec) for word in words)
    charset = b"\\" + name
    assert decode(raw, charset, person_name=True) == "Ab^" + "^".join(words)
    assert decode(raw, charset, person_name=True) == judged(raw, charset, NAME_DELIMITERS)


# What cannot be decoded


@pytest.mark.parametrize(
    ("charset", "raw", "shown"),
    [
        (b"", b"Jos\xe9", "Jos\\xe9"),
        (b"ISO_IR 6", b"Jos\xe9", "Jos\\xe9"),
        (b"NO SUCH SET", b"Jos\xe9", "Jos\\xe9"),
        (b"\xff\xfe", b"Jos\xe9", "Jos\\xe9"),
        (b"ISO_IR 192", b"Jos\xe9", "Jos\\xe9"),
        (b"ISO_IR 127", b"a\xa1", "a\\xa1"),
        (b"GBK", b"\xb0\xa1\x81", "\u554a\\x81"),
        (b"GB18030", b"\xb0\xa1\xff", "\u554a\\xff"),
        (b"\\ISO 2022 IR 87", b"Jos\xe9", "Jos\\xe9"),
        (b"\\ISO 2022 IR 87", b"\x1b$B;\xff\x1b(B", "\\x1b$B;\\xff\\x1b(B"),
        (b"\\ISO 2022 IR 149", b"\x1b$)C\xb1", "\\x1b$)C\\xb1"),
        (b"\\ISO 2022 IR 999", b"Jos\xe9", "Jos\\xe9"),
        (b"ISO_IR 100", b"a\x1b[2Jb", "a\\x1b[2Jb"),
    ],
)
def test_bytes_outside_the_set_are_shown_as_escapes(charset: bytes, raw: bytes, shown: str) -> None:
    assert escape(decode(raw, charset)) == shown


@pytest.mark.parametrize("charset", [*SINGLE_SETS, b"", b"NO SUCH SET"], ids=bytes.decode)
@given(raw=st.binary(max_size=30))
@settings(max_examples=50)
def test_no_byte_is_lost_in_one_set(charset: bytes, raw: bytes) -> None:
    codec = _CODECS.get(charset, "ascii")
    assert decode(raw, charset).encode(codec, "surrogateescape") == raw


SET_NAMES = [
    "", "ISO 2022 IR 6", "ISO 2022 IR 13", "ISO 2022 IR 87", "ISO 2022 IR 149", "ISO 2022 IR 58",
    "ISO 2022 IR 159", "ISO 2022 IR 100", "ISO_IR 192", "GB18030", "ISO_IR 13", "UTF-16", "hex",
    "idna", "undefined", "unicode_escape", "\0", "junk",
]  # fmt: skip
BYTES_WITH_ESCAPES = st.lists(
    st.binary(max_size=6)
    | st.sampled_from(
        [b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b$)C", b"\x1b$)A", b"\x1b", b"^", b"="]
    )
).map(b"".join)


@given(
    raw=BYTES_WITH_ESCAPES,
    charset=st.lists(st.sampled_from(SET_NAMES)).map("\\".join).map(str.encode) | st.binary(),
    person_name=st.booleans(),
)
def test_no_value_and_no_character_set_is_an_error(
    raw: bytes, charset: bytes, *, person_name: bool
) -> None:
    decode(raw, charset, person_name=person_name)
    is_known(charset)


def test_a_character_set_of_64_values_is_no_error() -> None:
    charset = b"\\".join([b"ISO 2022 IR 6", *[b"ISO 2022 IR 87"] * 63])
    assert decode(b"\x1b$B;3\x1b(B", charset) == "\u5c71"


# What is safe to print


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\a", "\\x07"),
        ("\0", "\\x00"),
        ("\r\n(0010,0010) PN", "\\x0d\\x0a(0010,0010) PN"),
        ("\t", "\\x09"),
        ("\b", "\\x08"),
        ("\x7f", "\\x7f"),
        ("\u0085", "\\x85"),
        ("\u009b31m", "\\x9b31m"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
        ("\u202e", "\\u202e"),
        ("\u2066", "\\u2066"),
        ("\u2069", "\\u2069"),
        ("\u200e", "\\u200e"),
        ("\u061c", "\\u061c"),
        ("\ufeff", "\\ufeff"),
        ("\udc80", "\\x80"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_moves_the_cursor_or_the_reader_is_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown
    assert escape(f"a{text}b\u3000") == f"a{shown}b\u3000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Doe^Jane",
        "J\u00e9r\u00f4me",
        "\u5c71\u7530\u3000\u592a\u90ce",
        "a\u00a0b",
        "\U0001f600",
        "\\x1b",
    ],
)
def test_letters_and_spaces_are_kept(text: str) -> None:
    assert escape(text) == text


@given(st.text(st.characters()))
def test_nothing_escaped_holds_a_control_character_or_a_surrogate(text: str) -> None:
    shown = escape(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in shown)
    assert not any(
        unicodedata.bidirectional(char)
        in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        for char in shown
    )
    assert escape(shown) == shown

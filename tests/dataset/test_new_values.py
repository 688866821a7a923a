"""Show which values an element can have, which it cannot and why, and how each is encoded."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset import values
from dcmtools.dataset.new_values import STRICT, Rules, check, encode
from dcmtools.dataset.path import TagPath
from dcmtools.errors import UsageError

PATH = TagPath.parse("PatientID")
LOOSE = Rules(validate=False)


def encoded(
    vr: str,
    value: str,
    charset: bytes = b"",
    *,
    big_endian: bool = False,
    rules: Rules = STRICT,
) -> bytes:
    check(PATH, vr, "", value, rules)
    return encode(PATH, vr, value, charset, big_endian=big_endian, rules=rules)


def refused(vr: str, value: str, charset: bytes = b"", rules: Rules = STRICT) -> UsageError:
    with pytest.raises(UsageError) as caught:
        encoded(vr, value, charset, rules=rules)
    assert caught.value.what == "PatientID"
    return caught.value


GOOD = {
    "AE": ["PACS", "A B", "x" * 16],
    "AS": ["042Y", "006M", "003W", "010D"],
    "CS": ["CT", "ORIGINAL\\PRIMARY", "A_1 B", "DERIVED\\\\X"],
    "DA": ["20260131", "20240229", "00010101"],
    "DS": ["1", "-1.5", "+1e-3", ".5", " 5. ", "1234567890.12345"],
    "DT": ["2026", "202601", "20260131", "2026013108", "20260131083000.123456+0100", "2026-1200"],
    "IS": ["0", "-2147483648", "2147483647", "+7", " 7 "],
    "LO": ["x" * 64, "a\\" + "b" * 64],
    "LT": ["a\\b\r\n\tc", "x" * 10240],
    "PN": ["Doe^Jane^^Dr^Jr", "A^B=C^D=E^F", "x" * 64 + "=" + "y" * 64],
    "SH": ["x" * 16],
    "ST": ["x" * 1024, "a\\b"],
    "TM": ["08", "0830", "083060", "235959.999999"],
    "UC": ["x" * 70000],
    "UI": ["1.2.3", "0.1.20", "1." + "2" * 62, "1.2\\1.3"],
    "UR": ["https://example.org/a?b=c#d"],
    "UT": ["x" * 70000],
    "AT": ["(0010,0020)", "PatientID\\00100010"],
    "US": ["0", "65535", "1\\2"],
    "SS": ["-32768\\32767"],
    "UL": ["4294967295"],
    "SL": ["-2147483648"],
    "UV": ["18446744073709551615"],
    "SV": ["-9223372036854775808"],
    "FL": ["1.5", "-3.4e38"],
    "FD": ["1e308"],
    "US or SS": ["-32768", "65535"],
    "US or OW": ["1\\2"],
}

BAD = {
    "AE": ["x" * 17, "  ", "a\tb", "ä"],
    "AS": ["42Y", "042", "042y", "0042Y"],
    "CS": ["ct", "A-B", "X" * 17, "Ä"],
    "DA": [
        "20260230",
        "2026-01-31",
        "2026.01.31",
        "202601",
        "today",
        "20260131-",
        "00000101",
        "\uff12",
    ],
    "DS": ["one", "1,5", "12345678901234567", "1e", "nan", "inf", "1 5"],
    "DT": [
        "20261301",
        "20260230",
        "202601310",
        "20260131+1500",
        "20260131T08",
        "0000",
        "2026+9900",
    ],
    "IS": ["1.5", "2147483648", "-2147483649", "1e3", "1_000", "0x1"],
    "LO": ["x" * 65, "a\tb", "a\x1bb", "a\x00"],
    "LT": ["x" * 10241, "a\x1b", "a\x00"],
    "PN": ["A=B=C=D", "a^b^c^d^e^f", "x" * 65, "a\nb"],
    "SH": ["x" * 17],
    "ST": ["x" * 1025],
    "TM": ["8", "24", "0860", "08:30", "083000.", "083000.1234567", "083061"],
    "UI": ["1.02.3", "1", "1..2", "1.2.", "1." + "2" * 63, "1.2.x", "urn:1.2", "1.2.3 "],
    "UR": ["a b", " a", "a\\b", "ä"],
    "UC": ["a\nb"],
    "AT": ["1", "Nonsense", '(0029,"A",01)', "PatientID.PatientName", "\\"],
    "US": ["-1", "65536", "1.0", "1\\", "x", "\u0663"],
    "SS": ["32768", "-32769"],
    "UL": ["4294967296", "-1"],
    "SL": ["2147483648"],
    "UV": ["18446744073709551616", "-1"],
    "SV": ["9223372036854775808"],
    "FL": ["3.5e38", "nan", "inf", "1e999", "one"],
    "FD": ["1e309", "0x10"],
    "US or SS": ["-32769", "65536"],
    "SQ": ["", "1"],
    "OB": ["", "1"],
    "OW": ["1"],
    "OF": ["1.5"],
    "OB or OW": ["1"],
    "UN": ["1"],
}


@pytest.mark.parametrize(("vr", "value"), [(vr, each) for vr in GOOD for each in GOOD[vr]])
def test_what_fits_a_vr_is_let_through(vr: str, value: str) -> None:
    check(PATH, vr, "", value)


@pytest.mark.parametrize(("vr", "value"), [(vr, each) for vr in BAD for each in BAD[vr]])
def test_what_does_not_fit_a_vr_is_refused(vr: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(PATH, vr, "", value)
    assert caught.value.what == "PatientID"
    assert vr in str(caught.value) + caught.value.hint or vr == "SQ"


@pytest.mark.parametrize(
    ("vm", "counts"),
    [
        ("1", {1}),
        ("3", {3}),
        ("1-2", {1, 2}),
        ("1-n", {1, 2, 3, 4, 5, 6, 7}),
        ("2-n", {2, 3, 4, 5, 6, 7}),
        ("2-2n", {2, 4, 6}),
        ("3-3n", {3, 6}),
        ("4-5", {4, 5}),
        ("", {1, 2, 3, 4, 5, 6, 7}),
    ],
)
def test_the_vm_says_how_many_values_there_may_be(vm: str, counts: set[int]) -> None:
    for count in range(1, 8):
        value = "\\".join(["1"] * count)
        if count in counts:
            check(PATH, "IS", vm, value)
        else:
            with pytest.raises(UsageError, match=f"has a VM of {vm}, and {count} value"):
                check(PATH, "IS", vm, value)
    check(PATH, "IS", vm, "")


@pytest.mark.parametrize("vr", ["LT", "ST", "UT"])
def test_a_backslash_in_plain_text_is_a_character(vr: str) -> None:
    check(PATH, vr, "1", "a\\b")
    assert encoded(vr, "a\\b") == b"a\\b "


@pytest.mark.parametrize(
    ("vr", "value", "little"),
    [
        ("LO", "abc", b"abc "),
        ("UI", "1.2", b"1.2\0"),
        ("IS", "7", b"7 "),
        ("LO", "", b""),
        ("US", "", b""),
        ("US", "1\\2", b"\1\0\2\0"),
        ("SS", "-2", b"\xfe\xff"),
        ("UL", "1", b"\1\0\0\0"),
        ("SL", "-1", b"\xff" * 4),
        ("UV", "1", b"\1" + bytes(7)),
        ("SV", "-1", b"\xff" * 8),
        ("FL", "1.5", pack("<f", 1.5)),
        ("FD", "-1.5", pack("<d", -1.5)),
    ],
)
def test_values_are_encoded_and_padded(vr: str, value: str, little: bytes) -> None:
    assert encoded(vr, value) == little
    if values.is_number(vr):
        size = len(encoded(vr, "1"))
        each = [little[at : at + size][::-1] for at in range(0, len(little), size)]
        assert encoded(vr, value, big_endian=True) == b"".join(each)


def test_tags_are_encoded_in_halves() -> None:
    assert encoded("AT", "PatientID") == b"\x10\0\x20\0"
    assert encoded("AT", "PatientID\\(0018,1063)", big_endian=True) == b"\0\x10\0\x20\0\x18\x10\x63"


def test_what_is_too_long_for_its_length_is_refused() -> None:
    value = "\\".join(["x" * 63] * 1024)
    with pytest.raises(UsageError, match="is to get a value of 65536 bytes"):
        encoded("LO", value)
    assert len(encoded("UC", value)) == 65536


@given(st.sampled_from(sorted({"LO", "PN", "UT", "LT", "UC"})), st.text())
def test_text_that_is_let_through_can_be_read_back(vr: str, value: str) -> None:
    try:
        check(PATH, vr, "", value)
    except UsageError:
        return
    raw = encode(PATH, vr, value, b"ISO_IR 192", big_endian=False)
    assert len(raw) % 2 == 0
    assert raw.decode().rstrip(" ") == value.rstrip(" ")


@given(st.lists(st.integers(-0x8000, 0x7FFF), min_size=1), st.booleans())
def test_numbers_can_be_read_back(numbers: list[int], big_endian: bool) -> None:  # noqa: FBT001 - drawn
    raw = encoded("SS", "\\".join(map(str, numbers)), big_endian=big_endian)
    assert values.numbers(raw, "SS", big_endian=big_endian) == tuple(numbers)


# What would be right


@pytest.mark.parametrize(
    ("vr", "value", "why", "hint"),
    [
        ("AE", "x" * 17, "is not an AE title, since it has 17 characters (AE is up to 16", ""),
        ("AE", "ä", "'ä' is not an AE title, since it has 'ä' (AE is up to 16 ASCII", ""),
        ("AS", "42Y", "'42Y' is not an age (AS is nnnD", "Write '042Y'."),
        ("AS", "042y", "'042y' is not an age", "Write '042Y'."),
        ("CS", "ct", "'ct' is not a code string, since it has 'c' (CS is up to", "Write 'CT'."),
        ("CS", "A-B", "since it has '-'", "Write 'A_B'."),
        ("CS", "Ä", "since it has 'Ä'", ""),
        ("CS", "X" * 17, "since it has 17 characters", ""),
        (
            "DA",
            "2026-13-01",
            "'2026-13-01' is not a date (DA is YYYYMMDD, such as 20260131)",
            "",
        ),
        ("DA", "2026-01-31", "is not a date", "Write '20260131'."),
        ("DA", "2026.01.31", "is not a date", "Write '20260131'."),
        ("DA", "2026-02-30", "is not a date", ""),
        ("DS", "3.14159265358979312", "is not a number, since it has 19 c", "'3.14159265358979'"),
        ("DS", "-1.2345678901234567e-100", "up to 16 characters", "'-1.23456789e-100'"),
        ("DS", "1,5", "'1,5' is not a number (DS is", "Write '1.5'."),
        ("DT", "2026-01-31T08:30:00.5Z", "is not a date and time", "'20260131083000.5+0000'"),
        ("DT", "2026-01-31 08:30+01:00", "is not a date and time", "'202601310830+0100'"),
        ("DT", "2026-01-31", "is not a date and time", "'20260131'"),
        ("DT", "soon", "is not a date and time (DT is YYYYMMDDHHMMSS.FFFFFF&ZZXX", ""),
        ("IS", "2147483648", "is not a whole number (IS is -2147483648 to 2147483647", ""),
        ("IS", "7.0", "is not a whole number", "Write '7'."),
        ("IS", "7.5", "is not a whole number", ""),
        ("TM", "08:30", "'08:30' is not a time (TM is HHMMSS.FFFFFF", "Write '0830'."),
        ("TM", "08:30:59.5", "is not a time", "Write '083059.5'."),
        ("TM", "24:00", "is not a time", ""),
        ("UI", "1.02.3", "is not a UID (UI is numbers without leading zeros", ""),
        ("UI", " 1.2.3", "is not a UID, since it has ' '", "Write '1.2.3'."),
        ("UI", "1." + "2" * 63, "since it has 65 characters", ""),
        ("UR", "a b", "'a b' is not a URI, since it has ' '", ""),
        ("LO", "x" * 65, "...' has 65 characters, and VR LO holds at most 64", ""),
        ("SH", "x" * 17, f"'{'x' * 17}' has 17 characters, and VR SH holds at most 16", ""),
        ("PN", "A=B=C=D", "is not a name, since it has 4 component groups (PN is up to 3", ""),
        ("PN", "A=" + "x" * 65, "since it has 65 characters in its ideographic group", ""),
        ("PN", "A==a^b^c^d^e^f", "since it has 6 components in its phonetic group", ""),
        ("LO", "a\tb", "has a control character, U+0009, which VR LO cannot hold", ""),
        ("US", "65536", "is not a value that VR US can have (whole numbers from 0 to 65535)", ""),
        ("FL", "one", "is not a value that VR FL can have (numbers such as 1.5", ""),
        ("AT", "1", "'1' is not a tag (AT is (gggg,eeee) or a keyword)", "Its values are tags"),
        ("AT", '(0029,"A",01)', "is not a tag", "Write a private tag as (gggg,eeee)."),
    ],
)
def test_errors_say_what_would_be_right(vr: str, value: str, why: str, hint: str) -> None:
    error = refused(vr, value)
    assert why in error.why
    assert hint in error.hint
    assert bool(hint) == bool(error.hint)
    if hint.startswith("Write '"):
        encoded(vr, hint.removeprefix("Write '").removesuffix("'."))


@pytest.mark.parametrize(
    ("vm", "value", "why"),
    [
        ("3", "1\\2", "has a VM of 3, and 2 values are given"),
        ("2", "1", "has a VM of 2, and 1 value is given"),
        ("2-2n", "1\\2\\3", "has a VM of 2-2n, and 3 values are given"),
    ],
)
def test_the_count_of_values_is_told(vm: str, value: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(PATH, "DS", vm, value)
    assert caught.value.why == why


def test_only_the_value_that_is_wrong_is_named() -> None:
    error = refused("CS", "ORIGINAL\\primary")
    assert "'primary'" in error.why
    assert "ORIGINAL" not in error.why
    assert error.hint == "Write 'PRIMARY'."


def test_a_long_value_is_named_by_its_beginning() -> None:
    assert refused("UR", "x y" * 5000).why.startswith(f"'{('x y' * 22)[:64]}...' is not a URI")


@given(st.sampled_from(sorted(GOOD)), st.text())
def test_a_value_that_is_proposed_is_one(vr: str, value: str) -> None:
    try:
        check(PATH, vr, "", value)
    except UsageError as error:
        if error.hint.startswith("Write '"):
            check(PATH, vr, "", error.hint.removeprefix("Write '").removesuffix("'."))


# Values that are not validated


@pytest.mark.parametrize(
    ("vr", "value", "raw"),
    [
        ("DA", "notadate", b"notadate"),
        ("CS", "lower case", b"lower case"),
        ("LO", "x" * 70, b"x" * 70),
        ("LO", "a\tb", b"a\tb "),
        ("PN", "A=B=C=D", b"A=B=C=D "),
        ("UI", "1.02", b"1.02"),
        ("IS", "many", b"many"),
        ("DS", "3.14159265358979312", b"3.14159265358979312 "),
    ],
)
def test_what_can_be_encoded_is_let_through_without_validation(
    vr: str, value: str, raw: bytes
) -> None:
    assert encoded(vr, value, rules=LOOSE) == raw
    refused(vr, value)


def test_the_vm_does_not_count_without_validation() -> None:
    check(PATH, "DS", "3", "1\\2", LOOSE)
    check(PATH, "LO", "1", "1\\2", LOOSE)


@pytest.mark.parametrize(
    ("vr", "value", "why"),
    [
        ("US", "65536", "from 0 to 65535"),
        ("FL", "1e39", "numbers such as"),
        ("AT", "nonsense", "is not a tag"),
        ("LO", "Müller", "cannot be written in ASCII"),
        ("CS", "Ä", "has characters that VR CS does not know, which is in ASCII"),
        ("LO", "a\udcffb", "has bytes that are not text"),
        ("LO", "\\".join(["x" * 63] * 1024), "and VR LO holds at most 65534"),
        ("SQ", "1", "is a sequence"),
        ("OB", "01", "is binary"),
    ],
)
def test_what_cannot_be_encoded_is_refused_nevertheless(vr: str, value: str, why: str) -> None:
    assert why in refused(vr, value, rules=LOOSE).why


# Character sets


@pytest.mark.parametrize(
    ("charset", "value", "why"),
    [
        (b"ISO_IR 6", "Müller", "'Müller' cannot be written in ISO_IR 6: 'ü' is not a character"),
        (b"", "Müller", "'Müller' cannot be written in ASCII, since the data set names no charac"),
        (b"ISO_IR 100 ", "山", "'山' cannot be written in ISO_IR 100: '山' is not a character"),
        (b"ISO 2022 IR 6\\ISO 2022 IR 87", "Müller", "written in ISO 2022 IR 6/ISO 2022 IR 87"),
        (b"ISO_IR 999", "ü", "cannot be written in ISO_IR 999: text cannot be encoded in"),
    ],
)
def test_text_that_the_character_set_cannot_hold_is_refused(
    charset: bytes, value: str, why: str
) -> None:
    error = refused("PN", value, charset)
    assert why in error.why
    assert error.hint.startswith("The text of this data set is in ")
    hint = "--charset utf8 writes all text of the file in UTF-8."
    assert refused("PN", value, charset, Rules(charset_hint=hint)).hint == hint


@pytest.mark.parametrize(
    ("charset", "vr", "value", "raw"),
    [
        (b"ISO_IR 192", "PN", "Müller", "Müller ".encode()),
        (b"ISO_IR 100", "PN", "Müller", b"M\xfcller"),
        (b"ISO_IR_100", "LO", "é\\è", b"\xe9\\\xe8 "),
        (b"GB18030", "PN", "王^小东", b"\xcd\xf5^\xd0\xa1\xb6\xab "),
        (
            b"\\ISO 2022 IR 87",
            "PN",
            "Yamada^Tarou=山田^太郎",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        ),
        (
            b"\\ISO 2022 IR 149",
            "LT",
            "가\r\n나",
            b"\x1b$)C\xb0\xa1\r\n\x1b$)C\xb3\xaa",
        ),
    ],
)
def test_text_is_encoded_in_the_character_set_in_force(
    charset: bytes, vr: str, value: str, raw: bytes
) -> None:
    assert encoded(vr, value, charset) == raw
    assert values.text(raw, vr, charset) == value

"""Show which values can be set, which cannot and why, and how each is encoded."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset import values
from dcmtools.dataset.edit import Assignment, parse_assignment
from dcmtools.dataset.new_values import check, encode
from dcmtools.dataset.path import TagPath
from dcmtools.errors import UsageError

PATH = TagPath.parse("PatientID")


def encoded(vr: str, value: str, charset: bytes = b"", *, big_endian: bool = False) -> bytes:
    check(PATH, vr, "", value)
    return encode(PATH, vr, value, charset, big_endian=big_endian)


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("PatientID=X", "PatientID", "X"),
        ("PatientID=", "PatientID", ""),
        ("00100020=a=b", "PatientID", "a=b"),
        ("(0010,0020)= x ", "PatientID", " x "),
        ('(0029,"A=B",01)=C=D', '(0029,"A=B",01)', "C=D"),
        (
            "RequestAttributesSequence[3].(0040,1001)=7",
            "RequestAttributesSequence[3].RequestedProcedureID",
            "7",
        ),
        ("LongStringWith", None, None),
    ],
)
def test_an_assignment_is_read(text: str, path: str | None, value: str | None) -> None:
    if path is None or value is None:
        with pytest.raises(UsageError, match="is not an assignment"):
            parse_assignment(text)
        return
    read = parse_assignment(text)
    assert (str(read.path), read.value) == (path, value)
    assert parse_assignment(str(read)) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("PatientIDD=1", "is not a keyword"),
        ("=1", "is not a tag path"),
        ("*=1", "wildcard"),
        ("(0010,xxxx)=1", "wildcard"),
        ("RequestAttributesSequence[*].RequestedProcedureID=1", "wildcard"),
        ("RequestAttributesSequence=1", "is a sequence"),
        ("RequestAttributesSequence=", "is a sequence"),
        ("RequestAttributesSequence[0]=1", "ends with an item number"),
        ("PatientID[0].PatientName=1", "PatientID is not a sequence"),
        ("TransferSyntaxUID=1.2.3", "not an attribute of a data set"),
        ("AffectedSOPClassUID=1.2.3", "not an attribute of a data set"),
        ("FileSetID=1", "not an attribute of a data set"),
        ("(fffe,e000)=1", "not an attribute of a data set"),
        ("(0008,0000)=1", "group length"),
        ("(0009,0010)=ACME", "to whom private elements belong"),
        ("SpecificCharacterSet=ISO_IR 192", "in which characters"),
        ("SOPClassUID=1.2.3", "of which kind"),
        ("SOPInstanceUID=", "needs one value"),
        ("StudyInstanceUID=", "needs one value"),
        ("SeriesInstanceUID=1.2\\1.3", "needs one value"),
        ("PixelData=1", "is binary"),
        ("RedPaletteColorLookupTableData=1", "is binary"),
        ("StudyDate=notadate", "is not a value"),
        ("PatientName=a\\b", "VM of 1"),
        ("PixelSpacing=1", "VM of 2"),
        ("PatientID=\udcff", "not text"),
    ],
)
def test_what_cannot_be_set_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_assignment(text)


def test_a_keyword_that_is_none_comes_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignment("PatientNam=X")
    assert "PatientName" in caught.value.hint


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
            with pytest.raises(UsageError, match=f"is to get {count} values"):
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


@given(st.text(), st.text())
def test_no_text_makes_more_than_a_refusal(path: str, value: str) -> None:
    for text in (path, f"{path}={value}", f"PatientName={value}", f"StudyDate={value}"):
        try:
            read = parse_assignment(text)
        except UsageError:
            continue
        assert isinstance(read, Assignment)
        assert parse_assignment(str(read)) == read


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

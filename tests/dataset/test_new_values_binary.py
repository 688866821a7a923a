"""Show how binary values are written in digits, and how the content of a file becomes a value."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset import new_binary, values
from dcmtools.dataset.new_values import Rules, check, encode, from_file
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError, UsageError
from tests.factories import BIG, EXPLICIT, IMPLICIT, make_ct, write

PATH = TagPath.parse("PatientID")
BINARY = Rules(binary=True)
LOOSE = Rules(binary=True, validate=False)


def encoded(vr: str, value: str, *, big_endian: bool = False, rules: Rules = BINARY) -> bytes:
    check(PATH, vr, "1", value, rules)
    return encode(PATH, vr, value, b"", big_endian=big_endian, rules=rules)


def read(  # noqa: PLR0913 - what a value depends on
    file: Path,
    vr: str,
    vm: str = "",
    charset: bytes = b"",
    *,
    big_endian: bool = False,
    rules: Rules = BINARY,
) -> bytes:
    return from_file(PATH, vr, vm, file, charset, big_endian=big_endian, rules=rules)


# Digits


@pytest.mark.parametrize(
    ("vr", "text", "little", "big"),
    [
        ("OB", "00ff10", b"\x00\xff\x10\x00", None),
        ("OB", "00\\ff\\10\\01", b"\x00\xff\x10\x01", None),
        ("OB", "00 FF 10 01", b"\x00\xff\x10\x01", None),
        ("OB", " 00ff \\ 1 \\ 2 ", b"\x00\xff\x01\x02", None),
        ("OB", "1\\2", b"\x01\x02", None),
        ("UN", "00ff", b"\x00\xff", None),
        ("??", "00ff", b"\x00\xff", None),
        ("OW", "1234\\5678", b"\x34\x12\x78\x56", b"\x12\x34\x56\x78"),
        ("OW", "12345678", b"\x34\x12\x78\x56", b"\x12\x34\x56\x78"),
        ("OW", "1 ff\\00ff", b"\x01\x00\xff\x00\xff\x00", b"\x00\x01\x00\xff\x00\xff"),
        ("OF", "1.5\\-2e3", pack("<2f", 1.5, -2e3), pack(">2f", 1.5, -2e3)),
        ("OD", "1.5", pack("<d", 1.5), pack(">d", 1.5)),
        ("OL", "1\\4294967295", pack("<2I", 1, 0xFFFFFFFF), pack(">2I", 1, 0xFFFFFFFF)),
        ("OV", "258", pack("<Q", 258), pack(">Q", 258)),
        ("OB", "", b"", None),
        ("OW", "", b"", None),
    ],
)
@pytest.mark.parametrize("rules", [BINARY, LOOSE], ids=["validated", "not validated"])
def test_binary_values_are_read_from_digits(
    vr: str, text: str, little: bytes, big: bytes | None, rules: Rules
) -> None:
    assert encoded(vr, text, rules=rules) == little
    assert encoded(vr, text, big_endian=True, rules=rules) == (little if big is None else big)


@pytest.mark.parametrize(
    ("vr", "text", "why"),
    [
        ("OB", "100", "is not a binary value (OB is two hexadecimal digits for each byte, such"),
        ("OB", "0x10", "'0x10' is not a binary value"),
        ("OB", "xy", "'xy' is not a binary value"),
        ("OB", "00\\\\ff", "is not a binary value"),
        ("OB", "00\\", "is not a binary value"),
        ("OB", "\u0661\u0661", "is not a binary value"),
        ("OB", " ", "is not a binary value"),
        ("OW", "00ff10", "(OW is four hexadecimal digits for each number of 16 bits, such as"),
        ("UN", "text", "UN is two hexadecimal digits"),
        ("OL", "ff", "is not a value that VR OL can have (whole numbers from 0 to 4294967295)"),
        ("OV", "-1", "is not a value that VR OV can have"),
        ("OF", "1e39", "is not a value that VR OF can have (numbers such as 1.5"),
        ("OD", "1e999", "is not a value that VR OD can have"),
        ("OB or OW", "0fffg", "is not a binary value"),
    ],
)
@pytest.mark.parametrize("rules", [BINARY, LOOSE], ids=["validated", "not validated"])
def test_what_are_no_digits_is_refused(vr: str, text: str, why: str, rules: Rules) -> None:
    with pytest.raises(UsageError) as caught:
        check(PATH, vr, "1", text, rules)
    assert why in caught.value.why


@pytest.mark.parametrize("text", ["00ff10", "123\\4", "1234"])
def test_either_form_is_let_through_where_the_file_decides(text: str) -> None:
    check(PATH, "OB or OW", "1", text, BINARY)
    check(PATH, "OB_OW", "1", text, BINARY)


@given(st.binary())
def test_bytes_can_be_written_and_read_back(raw: bytes) -> None:
    assert encoded("OB", raw.hex()) == raw + bytes(len(raw) % 2)
    assert encoded("OB", raw.hex("\\")) == raw + bytes(len(raw) % 2)
    even = raw[: len(raw) // 2 * 2]
    assert encoded("OW", even.hex(), big_endian=True) == even
    assert encoded("OW", even.hex()) == values.little_endian(even, "OW")


# Files


@pytest.mark.parametrize("vr", ["OB", "UN", "??"])
@pytest.mark.parametrize("big_endian", [False, True])
def test_bytes_of_a_file_are_taken_as_they_are(
    tmp_path: Path, vr: str, *, big_endian: bool
) -> None:
    file = write(tmp_path / "value", b"\x01\xff\n")
    assert read(file, vr, big_endian=big_endian) == b"\x01\xff\n\0"


@pytest.mark.parametrize(("vr", "size"), sorted(new_binary.WORD_SIZES.items()))
def test_a_file_is_in_little_endian(tmp_path: Path, vr: str, size: int) -> None:
    raw = bytes(range(16))
    file = write(tmp_path / "value", raw)
    assert read(file, vr) == raw
    words = [raw[at : at + size][::-1] for at in range(0, len(raw), size)]
    assert read(file, vr, big_endian=True) == b"".join(words)
    write(file, raw[:-1])
    with pytest.raises(InputError, match=rf"has 15 bytes, and {vr} takes \d for each value"):
        read(file, vr)


def test_numbers_of_a_file_are_counted(tmp_path: Path) -> None:
    file = write(tmp_path / "value", bytes(8))
    with pytest.raises(UsageError, match="has a VM of 1, and 4 values are given"):
        read(file, "US", "1")
    with pytest.raises(UsageError, match="has a VM of 1, and 2 values are given"):
        read(file, "AT", "1")
    assert read(file, "US", "1", rules=LOOSE) == read(file, "OW", "1") == bytes(8)
    write(file, b"")
    assert read(file, "US", "1") == read(file, "OB", "1") == read(file, "LO", "1") == b""


def test_a_binary_file_needs_no_leave_that_digits_need(tmp_path: Path) -> None:
    assert read(write(tmp_path / "value", b"ab"), "OB", rules=Rules()) == b"ab"


@pytest.mark.parametrize(
    ("content", "vr", "charset", "raw"),
    [
        (b"Doe^Jane", "PN", b"", b"Doe^Jane"),
        (b"Doe^Jane\n", "PN", b"", b"Doe^Jane"),
        (b"Doe^Jane\r\n", "PN", b"", b"Doe^Jane"),
        ("Müller\n".encode(), "PN", b"ISO_IR 100", b"M\xfcller"),
        ("\ufeffMüller".encode(), "PN", b"ISO_IR 192", b"M\xc3\xbcller "),
        (b"one\n\ntwo\n\n", "LT", b"", b"one\n\ntwo\n "),
        (b"a\r", "LT", b"", b"a\r"),
        (b"a\\b\n", "LO", b"", b"a\\b "),
        (b"20260131\n", "DA", b"", b"20260131"),
        (b"1.2.3\n", "UI", b"", b"1.2.3\0"),
        (b"x" * 70000, "UT", b"", b"x" * 70000),
    ],
)
def test_text_of_a_file_is_taken_without_the_end_of_its_last_line(
    tmp_path: Path, content: bytes, vr: str, charset: bytes, raw: bytes
) -> None:
    assert read(write(tmp_path / "value", content), vr, charset=charset) == raw


@pytest.mark.parametrize(
    ("content", "vr", "why"),
    [
        (b"SECRET^\xfc", "PN", "is not text in UTF-8, at byte 7"),
        (b"secret\n", "CS", "a value in FILE is not a code string (CS is up to 16"),
        (b"SECRET" * 20, "LO", "a value in FILE has 120 characters, and VR LO holds at most 64"),
        (b"SECRET\nline\n", "LO", "has a control character, U\\+000A"),
        ("SECRET^ü".encode(), "PN", "a value in FILE cannot be written in ASCII"),
        ("SECRETü".encode(), "UI", "a value in FILE is not a UID"),
        (b"SECRET\\2", "DA", "has a VM of 1, and 2 values are given"),
        (b"20261301\n", "DA", "a value in FILE is not a date"),
        (b"SECRET", "SQ", "is a sequence"),
        (b"x" * 70000, "LO", "holds at most 64"),
    ],
)
def test_what_is_in_a_file_is_checked_and_not_repeated(
    tmp_path: Path, content: bytes, vr: str, why: str
) -> None:
    file = write(tmp_path / "value", content)
    with pytest.raises((UsageError, InputError)) as caught:
        read(file, vr, "1")
    told = f"{caught.value} {caught.value.hint}"
    assert why.replace("FILE", str(file)).replace("\\+", "+") in told
    assert "secret" not in told.lower()
    assert "20261301" not in told


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for name, why in (("none", "no such file"), (".", "is a directory"), ("a\0b", "null")):
        with pytest.raises(InputError, match=why) as caught:
            read(tmp_path / name, "OB")
        assert caught.value.what == str(tmp_path / name)


def test_a_file_that_is_too_large_is_refused_without_being_read(tmp_path: Path) -> None:
    file = tmp_path / "value"
    with file.open("wb") as stream:
        stream.truncate(new_binary.MOST_OF_FILE + 1)
    with pytest.raises(InputError, match="is larger than 1024 MiB, the most for one value"):
        read(file, "OB")


def test_a_stream_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_binary, "MOST_OF_FILE", 3 << 20)
    with pytest.raises(InputError, match="is larger than 3 MiB"):
        read(Path("/dev/zero"), "OB")


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", f"printf abc > '{pipe}'"]):
        assert read(pipe, "LO") == b"abc "


# The same as dcmodify

DIGITS = [
    ("ICCProfile", "OB", "00\\ff\\10"),
    ("ICCProfile", "OB", "1\\2"),
    ("PixelData", "OW", "1234\\5678"),
    ("PixelData", "OW", "00\\ff\\10"),
    ("PixelData", "OW", "258"),
    ("PointCoordinatesData", "OF", "1.5\\-2e3"),
    ("SelectorODValue", "OD", "1.5\\2"),
    ("TrackPointIndexList", "OL", "1\\2"),
    ("ExtendedOffsetTable", "OV", "1\\258"),
    ("FrameIncrementPointer", "AT", "(0018,1063)"),
]


def set_by_dcmodify(path: Path, option: str, keyword: str, value: str) -> tuple[bytes, bool]:
    """Have dcmodify set an element; give its bytes, and whether they are in big endian."""
    wanted = TagPath.parse(keyword).nodes[0].tag
    setting = f"({wanted >> 16:04x},{wanted & 0xFFFF:04x})={value}"
    subprocess.run(["dcmodify", "-nb", option, setting, path], check=True, capture_output=True)
    with DicomFile(path) as file:
        (raw,) = [file.value(each) for each in file.elements() if each.tag == wanted]
        return raw, file.header.encoding.big_endian


@pytest.mark.interop
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_digits_mean_what_they_mean_to_dcmodify(
    tmp_path: Path, syntax: str, program: Callable[[str], str]
) -> None:
    program("dcmodify")
    path = make_ct(tmp_path / "ct.dcm", syntax=syntax)
    for keyword, vr, value in DIGITS:
        raw, big_endian = set_by_dcmodify(path, "-i", keyword, value)
        assert encoded(vr, value, big_endian=big_endian) == raw, keyword


@pytest.mark.interop
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_files_mean_what_they_mean_to_dcmodify(
    tmp_path: Path, syntax: str, program: Callable[[str], str]
) -> None:
    program("dcmodify")
    path = make_ct(tmp_path / "ct.dcm", syntax=syntax)
    file = write(tmp_path / "value", bytes(range(8)))
    for keyword, vr, _ in DIGITS:
        raw, big_endian = set_by_dcmodify(path, "-if", keyword, str(file))
        assert read(file, vr, big_endian=big_endian) == raw, keyword

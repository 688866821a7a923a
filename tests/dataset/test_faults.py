"""Show what becomes of broken files: one test or more for each row of the table of faults."""

import time
import tracemalloc
import zlib
from pathlib import Path
from struct import pack

import pytest

from dcmtools.dataset.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    Element,
    Encoding,
)
from dcmtools.dataset.elements import ITEM_END as END_OF_ITEM
from dcmtools.dataset.elements import SEQUENCE_END as END_OF_SEQUENCE
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile, open_dicom
from dcmtools.dataset.select import selected
from dcmtools.dataset.values import text
from dcmtools.dataset.walk import MAX_DEPTH
from dcmtools.errors import InputError, NotDicomError
from dcmtools.escape import escape
from tests.factories import (
    BIG,
    BODY,
    BODY_TAGS,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    ITEM_END,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    part10,
    write,
)

CONTENT = 0x0040A730
PIXELS = 0x7FE00010
CODE = element(0x00080100, "SH", b"CODE")
AFTER = element(0x00400280, "ST", b"after ")
AFTER_TAG = 0x00400280
BODY_IMPLICIT = (
    implicit(0x00080016, b"1.2.840.10008.5.1.4.1.1.2\0")
    + implicit(0x00080018, b"1.2.3.4\0")
    + implicit(0x00100010, b"Doe^Jane")
    + implicit(0x00100020, b"PID-1 ")
)


def big(tag: int, vr: str, value: bytes) -> bytes:
    return pack(">HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


BODY_BIG = (
    big(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0")
    + big(0x00080018, "UI", b"1.2.3.4\0")
    + big(0x00100010, "PN", b"Doe^Jane")
    + big(0x00100020, "LO", b"PID-1 ")
)


class Reading:
    """A file that was walked to where the walk ends."""

    def __init__(self, path: Path, content: bytes, **options: int) -> None:
        with open_dicom(write(path / "file.dcm", content), **options) as file:
            self.file: DicomFile = file
            self.elements: list[Element] = list(file.elements())

    @property
    def tags(self) -> list[int]:
        """List the tags, those of items and ends included."""
        return [e.tag for e in self.elements]

    @property
    def own_tags(self) -> list[int]:
        """List the tags of the data set itself."""
        return [e.tag for e in self.elements if e.vr and not e.level.depth]

    @property
    def encoding(self) -> Encoding:
        """Tell how the data set was read."""
        return self.file.header.encoding

    @property
    def damage(self) -> str:
        """Give the reason of the first damage, or nothing."""
        return self.file.damage.reason if self.file.damage else ""

    @property
    def warnings(self) -> list[str]:
        """List what is wrong and does no harm."""
        return [problem.reason for problem in self.file.problems if not problem.damage]

    def value(self, tag: int) -> bytes | None:
        """Give the value of the first element with a tag."""
        return next(e.value for e in self.elements if e.tag == tag)


def deflate(data: bytes, bits: int = -zlib.MAX_WBITS) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return packer.compress(data) + packer.flush()


def encapsulated(*fragments: bytes) -> bytes:
    return element(PIXELS, "OB", b"", UNDEFINED) + b"".join(fragments)


# A1: encapsulated pixel data that is not closed


@pytest.mark.parametrize(
    "pixels",
    [
        encapsulated(),
        encapsulated(item()),
        encapsulated(item(), item(b"\xff\xd8\xff\xd9")),
        encapsulated(item(), item(b"\xff\xd8", length=1000)),
        encapsulated(item(), item(b"\xff\xd8"), b"\xfe\xff\xdd\xe0"),
        encapsulated(item(), item(b"\xff\xd8"), b"\xfe\xff"),
        encapsulated(item(), CODE, SEQUENCE_END),
        encapsulated(item(), item(b"\xff\xd8"), ITEM_END, SEQUENCE_END),
        encapsulated(item(b"", UNDEFINED), SEQUENCE_END),
    ],
    ids=[
        "no fragment",
        "offset table only",
        "no delimiter",
        "cut in a fragment",
        "cut in the delimiter",
        "cut in its tag",
        "element in place of a fragment",
        "item delimiter",
        "fragment of undefined length",
    ],
)
def test_a01_pixel_data_that_is_not_closed_is_damage(tmp_path: Path, pixels: bytes) -> None:
    reading = Reading(tmp_path, part10(BODY + pixels, JPEG))
    assert reading.damage
    assert reading.own_tags[: len(BODY_TAGS) + 1] == [*BODY_TAGS, PIXELS]
    assert reading.tags[-1] == END_OF_SEQUENCE


def test_a01_the_fragments_before_the_cut_are_there(tmp_path: Path) -> None:
    pixels = encapsulated(item(), item(b"\1\2"), item(b"\3\4", length=4))
    reading = Reading(tmp_path, part10(BODY + pixels, JPEG))
    assert [e.value for e in reading.elements if e.is_fragment] == [b"", b"\1\2"]
    assert reading.damage


def test_a01_pixel_data_that_is_closed_is_whole(tmp_path: Path) -> None:
    pixels = encapsulated(item(), item(b"\1\2"), SEQUENCE_END)
    reading = Reading(tmp_path, part10(BODY + pixels, JPEG))
    assert not reading.file.problems


# A2: a value that the end of the file cuts


@pytest.mark.parametrize(
    ("tail", "tag"),
    [
        (element(0x00400280, "ST", b"cut", 1000), 0x00400280),
        (element(0x00400280, "ST", b"", 2), 0x00400280),
        (element(PIXELS, "OW", bytes(100), 8192), PIXELS),
        (element(PIXELS, "OW", bytes(100), 0xFFFFFFFE), PIXELS),
        (element(0x00189810, "UN", b"x", 0x7FFFFFFF), 0x00189810),
    ],
)
def test_a02_a_cut_value_is_damage_and_names_its_element(
    tmp_path: Path, tail: bytes, tag: int
) -> None:
    reading = Reading(tmp_path, part10(BODY + tail))
    assert f"({tag >> 16:04x},{tag & 0xFFFF:04x})" in reading.damage
    assert reading.own_tags[:4] == BODY_TAGS


def test_a02_a_length_of_4_gib_costs_no_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        reading = Reading(tmp_path, part10(BODY + element(PIXELS, "OW", b"", 0xFFFFFFFE)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reading.damage
    assert peak < 8 << 20


# A3: a cut in the header of an element


@pytest.mark.parametrize("kept", range(1, 12))
def test_a03_a_cut_in_a_header_is_damage(tmp_path: Path, kept: int) -> None:
    reading = Reading(tmp_path, part10(BODY + element(PIXELS, "OW", b"\1\2")[:kept]))
    assert reading.damage
    assert reading.own_tags == BODY_TAGS


def test_a03_any_cut_is_damage_unless_it_falls_between_elements(tmp_path: Path) -> None:
    sequence = element(CONTENT, "SQ", item(CODE, UNDEFINED) + ITEM_END + SEQUENCE_END, UNDEFINED)
    parts = [part10(BODY), AFTER, sequence, encapsulated(item(), item(b"\1\2"), SEQUENCE_END)]
    whole = b"".join(parts)
    between = {sum(map(len, parts[:count])) for count in range(1, 5)}
    between |= {len(part10(b"")) + size for size in (0, 34, 50, 66)}
    for size in range(len(part10(b"")), len(whole) + 1):
        reading = Reading(tmp_path, whole[:size])
        assert bool(reading.damage) == (size not in between), size


# A4: the file ends inside a sequence


@pytest.mark.parametrize(
    "tail",
    [
        element(CONTENT, "SQ", b"", UNDEFINED),
        element(CONTENT, "SQ", item(), UNDEFINED),
        element(CONTENT, "SQ", item(CODE), UNDEFINED),
        element(CONTENT, "SQ", item(CODE, UNDEFINED), UNDEFINED),
        element(CONTENT, "SQ", item(CODE, UNDEFINED) + ITEM_END, UNDEFINED),
        element(CONTENT, "SQ", item(CODE, UNDEFINED) + ITEM_END[:6], UNDEFINED),
        element(CONTENT, "SQ", item(CODE + CODE[:5], UNDEFINED), UNDEFINED),
        element(CONTENT, "SQ", item(CODE, 100), 108),
        element(CONTENT, "SQ", item(CODE)[:4], UNDEFINED),
        element(CONTENT, "SQ", item(CODE))[:10],
    ],
)
def test_a04_a_file_that_ends_in_a_sequence_is_damaged(tmp_path: Path, tail: bytes) -> None:
    reading = Reading(tmp_path, part10(BODY + tail))
    assert reading.damage
    assert reading.own_tags[:4] == BODY_TAGS
    opened = [e for e in reading.elements if e.is_container]
    assert reading.tags.count(END_OF_SEQUENCE) == len(opened)
    assert reading.tags.count(END_OF_ITEM) == reading.tags.count(ITEM)


def test_a04_what_stands_before_the_end_is_read(tmp_path: Path) -> None:
    reading = Reading(
        tmp_path, part10(BODY + element(CONTENT, "SQ", item(CODE, UNDEFINED), UNDEFINED))
    )
    assert reading.value(0x00080100) == b"CODE"


# A5: a VR that is none


@pytest.mark.parametrize(
    "vr", ["  ", "\0\0", "cs", "Cs", "??", "ZZ", "S\0", "12", "\xff\xff", "-\n"]
)
def test_a05_a_vr_that_is_none_is_read_on(tmp_path: Path, vr: str) -> None:
    odd = element(0x00100040, vr, b"M ")
    reading = Reading(tmp_path, part10(BODY + odd + AFTER))
    assert reading.own_tags == [*BODY_TAGS, 0x00100040, AFTER_TAG]
    assert reading.value(0x00100040) == b"M "
    assert reading.elements[4].vr == "??"
    assert reading.warnings
    assert not reading.damage
    assert all(warning.isprintable() for warning in reading.warnings)


def test_a05_a_vr_of_spaces_in_every_element_is_read_on(tmp_path: Path) -> None:
    odd = b"".join(element(0x00400000 + 2 * number, "  ", b"ab") for number in range(1, 100))
    reading = Reading(tmp_path, part10(BODY + odd))
    assert len(reading.own_tags) == 4 + 99
    assert not reading.damage


def test_a05_a_vr_to_come_has_the_long_form(tmp_path: Path) -> None:
    odd = pack("<HH2sHI", 0x0040, 0x0001, b"ZZ", 0, 70_000) + bytes(70_000)
    reading = Reading(tmp_path, part10(BODY + odd + AFTER))
    assert reading.own_tags == [*BODY_TAGS, 0x00400001, AFTER_TAG]
    assert not reading.damage


# A6: nests of sequences


def nest(depth: int, *, closed: bool = True, defined: bool = False) -> bytes:
    if defined:
        content, pieces = 0, []
        for _ in range(depth):
            pieces.append(implicit(CONTENT, b"", content + 8) + item(b"", content))
            content += 16
        return b"".join(reversed(pieces))
    opening = implicit(CONTENT, b"", UNDEFINED) + item(b"", UNDEFINED)
    return opening * depth + (ITEM_END + SEQUENCE_END) * (depth if closed else 0)


@pytest.mark.parametrize("defined", [False, True])
@pytest.mark.parametrize("depth", [60, 200, 1500, MAX_DEPTH])
def test_a06_deep_sequences_are_read(tmp_path: Path, depth: int, *, defined: bool) -> None:
    reading = Reading(tmp_path, part10(BODY_IMPLICIT + nest(depth, defined=defined), IMPLICIT))
    assert not reading.file.problems
    assert max(e.level.depth for e in reading.elements) == depth


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 20_000, 200_000])
def test_a06_sequences_beyond_the_limit_are_refused_at_once(
    tmp_path: Path, depth: int, *, closed: bool
) -> None:
    content = part10(BODY_IMPLICIT + nest(depth, closed=closed), IMPLICIT)
    started = time.perf_counter()
    reading = Reading(tmp_path, content)
    assert time.perf_counter() - started < 2
    assert str(MAX_DEPTH) in reading.damage
    assert reading.own_tags[:4] == BODY_TAGS
    assert reading.tags.count(ITEM) == reading.tags.count(END_OF_ITEM) == MAX_DEPTH


def test_a06_unknown_elements_that_hide_in_one_another_are_read_in_time(tmp_path: Path) -> None:
    hidden = implicit(0x00080100, b"CODE")
    for _ in range(1500):
        hidden = pack("<HH2sHI", 0x0029, 0x1010, b"UN", 0, len(hidden) + 8) + item(hidden)
    started = time.perf_counter()
    Reading(tmp_path, part10(BODY + hidden))
    assert time.perf_counter() - started < 2


# A7: a value that is bad, deep inside


@pytest.mark.parametrize("depth", [12, 40, 1500])
def test_a07_a_bad_value_deep_inside_is_read_as_bytes(tmp_path: Path, depth: int) -> None:
    opening = implicit(CONTENT, b"", UNDEFINED) + item(b"", UNDEFINED)
    bad = implicit(0x0040A30A, b"not a number\xff ")
    body = opening * depth + bad + (ITEM_END + SEQUENCE_END) * depth
    started = time.perf_counter()
    reading = Reading(tmp_path, part10(BODY_IMPLICIT + body, IMPLICIT))
    assert time.perf_counter() - started < 1
    assert reading.value(0x0040A30A) == b"not a number\xff "
    assert not reading.damage


# A8: lengths that lie


@pytest.mark.parametrize(
    "tail",
    [
        element(CONTENT, "SQ", item(CODE), 0xFFFFFFFE),
        element(CONTENT, "SQ", item(CODE), 5000),
        element(CONTENT, "SQ", item(CODE, 0xFFFFFFFE)),
        element(CONTENT, "SQ", item(CODE, 5000), UNDEFINED) + SEQUENCE_END,
        element(CONTENT, "SQ", item(CODE + CODE, len(CODE))),
        element(CONTENT, "SQ", item(element(0x00080100, "SH", b"CODE", 400))) + AFTER * 40,
        element(CONTENT, "SQ", item(CODE), 3),
        element(CONTENT, "SQ", b"no items"),
        encapsulated(item(), item(b"\1\2", 0xFFFFFFFE), SEQUENCE_END),
    ],
    ids=[
        "sequence of 4 GiB",
        "sequence past the file",
        "item of 4 GiB",
        "item past the file",
        "item too short",
        "element past its item",
        "sequence shorter than an item",
        "sequence without items",
        "fragment of 4 GiB",
    ],
)
def test_a08_a_length_that_lies_is_damage(tmp_path: Path, tail: bytes) -> None:
    reading = Reading(tmp_path, part10(BODY + tail))
    assert reading.damage
    assert reading.own_tags[:4] == BODY_TAGS


def test_a08_an_item_that_is_longer_than_its_sequence_loses_nothing(tmp_path: Path) -> None:
    broken = element(CONTENT, "SQ", item(CODE, len(CODE) + 4))
    reading = Reading(tmp_path, part10(BODY + broken))
    assert reading.value(0x00080100) == b"CODE"


# A9: data sets that are deflated


@pytest.mark.parametrize(
    "bits", [-zlib.MAX_WBITS, zlib.MAX_WBITS, zlib.MAX_WBITS | 16], ids=["raw", "zlib", "gzip"]
)
def test_a09_every_wrapper_of_deflate_is_read(tmp_path: Path, bits: int) -> None:
    reading = Reading(tmp_path, part10(deflate(BODY, bits), DEFLATED))
    assert reading.own_tags == BODY_TAGS
    assert not reading.damage


def test_a09_a_cut_deflated_data_set_is_damage(tmp_path: Path) -> None:
    packed = deflate(BODY + element(PIXELS, "OB", bytes(range(256)) * 8))
    for size in range(len(packed) - 100, len(packed)):
        reading = Reading(tmp_path, part10(packed[:size], DEFLATED))
        assert reading.damage


@pytest.mark.parametrize("junk", [b"\xff" * 100, b"garbage that was never deflated"])
def test_a09_garbage_in_place_of_a_deflated_data_set_is_refused(
    tmp_path: Path, junk: bytes
) -> None:
    with pytest.raises(InputError, match="inflated"):
        Reading(tmp_path, part10(junk, DEFLATED))


def test_a09_a_data_set_that_only_says_deflated_is_read(tmp_path: Path) -> None:
    reading = Reading(tmp_path, part10(BODY, DEFLATED))
    assert reading.own_tags == BODY_TAGS
    assert reading.warnings
    assert not reading.damage


def test_a09_one_byte_pads_the_stream(tmp_path: Path) -> None:
    assert not Reading(tmp_path, part10(deflate(BODY) + b"\0", DEFLATED)).file.problems


def test_a09_the_checksum_that_some_writers_append_is_no_damage(tmp_path: Path) -> None:
    checksum = pack("<II", zlib.crc32(BODY), len(BODY))
    reading = Reading(tmp_path, part10(deflate(BODY) + checksum, DEFLATED))
    assert reading.own_tags == BODY_TAGS
    assert not reading.damage


def test_a09_bytes_behind_the_stream_are_damage(tmp_path: Path) -> None:
    reading = Reading(tmp_path, part10(deflate(BODY) + part10(BODY), DEFLATED))
    assert reading.damage


# A10: deflate bombs


def test_a10_a_bomb_is_refused_above_the_limit(tmp_path: Path) -> None:
    bomb = part10(deflate(BODY + element(PIXELS, "OB", bytes(64 << 20))), DEFLATED)
    assert len(bomb) < 1 << 17
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="1000000 bytes") as caught:
            Reading(tmp_path, bomb, max_inflated=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.hint
    assert peak < 16 << 20


def test_a10_what_inflates_to_the_limit_is_read(tmp_path: Path) -> None:
    content = part10(deflate(BODY), DEFLATED)
    assert Reading(tmp_path, content, max_inflated=len(BODY)).own_tags == BODY_TAGS
    with pytest.raises(InputError):
        Reading(tmp_path, content, max_inflated=len(BODY) - 1)


# A11: files that hold no DICOM


NOT_DICOM = {
    "empty": b"",
    "one byte": b"x",
    "131 bytes": bytes(131),
    "preamble only": bytes(128) + b"DICM",
    "text": b"The quick brown fox jumps over the lazy dog.\n" * 20,
    "HTML": b"<!DOCTYPE html><html><head><title>404</title></head></html>\n",
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
    "ZIP": b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(range(100)),
    "PNG": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(100)),
    "JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(100)),
    "TIFF": b"II*\x00\x08\x00\x00\x00" + bytes(range(100)),
    "GIF": b"GIF89a\x01\x00\x01\x00" + bytes(range(100)),
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(9) + bytes(range(100)),
    "JSON": b'{"00100010": {"vr": "PN"}}',
    "noise": bytes((number * 197 + 31) % 251 for number in range(5000)),
    "zeros": bytes(1024),
    "FF": b"\xff" * 1024,
}


@pytest.mark.parametrize("content", NOT_DICOM.values(), ids=NOT_DICOM)
def test_a11_what_is_not_dicom_is_refused(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "file", content)
    with pytest.raises(NotDicomError) as caught:
        open_dicom(path)
    assert caught.value.what == str(path)


# A12: files without a preamble or a meta header


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (BODY, EXPLICIT_LITTLE),
        (BODY_IMPLICIT, IMPLICIT_LITTLE),
        (BODY_BIG, EXPLICIT_BIG),
        (implicit(0x00080000, pack("<I", len(BODY_IMPLICIT))) + BODY_IMPLICIT, IMPLICIT_LITTLE),
        (implicit(0x00080001, b"\0\0\0\0") + BODY_IMPLICIT, IMPLICIT_LITTLE),
        (part10(BODY)[128:], EXPLICIT_LITTLE),
        (part10(BODY)[132:], EXPLICIT_LITTLE),
        (part10(BODY_IMPLICIT, IMPLICIT)[132:], IMPLICIT_LITTLE),
        (part10(BODY_BIG, BIG)[132:], EXPLICIT_BIG),
        (bytes(128) + b"DICM" + BODY, EXPLICIT_LITTLE),
        (bytes(128) + b"DICM" + BODY_IMPLICIT, IMPLICIT_LITTLE),
    ],
    ids=[
        "explicit",
        "implicit",
        "big endian",
        "ACR-NEMA with group length",
        "ACR-NEMA with length to end",
        "no preamble",
        "no prefix",
        "no prefix, implicit",
        "no prefix, big endian",
        "no meta, explicit",
        "no meta, implicit",
    ],
)
def test_a12_what_lacks_its_head_is_read_by_its_content(
    tmp_path: Path, content: bytes, encoding: Encoding
) -> None:
    reading = Reading(tmp_path, content)
    assert reading.encoding == encoding
    assert reading.own_tags[-4:] == BODY_TAGS
    assert not reading.damage


# A13: meta headers that are wrong


def with_meta(meta: bytes, body: bytes) -> bytes:
    return bytes(128) + b"DICM" + meta + body


VERSION = element(0x00020001, "OB", b"\0\1")
SYNTAX = element(0x00020010, "UI", EXPLICIT.encode() + b"\0")
META_LENGTH = len(VERSION + SYNTAX)


@pytest.mark.parametrize("length", [0, 1, 20, META_LENGTH - 2, META_LENGTH + 2, 4000, 0xFFFFFFFF])
def test_a13_a_wrong_group_length_is_warned_of(tmp_path: Path, length: int) -> None:
    meta = element(0x00020000, "UL", pack("<I", length)) + VERSION + SYNTAX
    reading = Reading(tmp_path, with_meta(meta, BODY))
    assert reading.own_tags == BODY_TAGS
    assert len(reading.file.meta) == 3
    assert str(META_LENGTH) in reading.warnings[0]
    assert not reading.damage


def test_a13_a_missing_group_length_is_no_harm(tmp_path: Path) -> None:
    reading = Reading(tmp_path, with_meta(VERSION + SYNTAX, BODY))
    assert reading.own_tags == BODY_TAGS
    assert not reading.damage


def test_a13_an_implicit_meta_header_is_read(tmp_path: Path) -> None:
    meta = implicit(0x00020010, EXPLICIT.encode() + b"\0")
    meta = implicit(0x00020000, pack("<I", len(meta))) + meta
    reading = Reading(tmp_path, with_meta(meta, BODY))
    assert reading.file.header.transfer_syntax == EXPLICIT
    assert reading.own_tags == BODY_TAGS
    assert any("implicit" in warning for warning in reading.warnings)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(BODY, EXPLICIT_LITTLE), (BODY_IMPLICIT, IMPLICIT_LITTLE), (BODY_BIG, EXPLICIT_BIG)],
)
@pytest.mark.parametrize("meta", [VERSION, VERSION + element(0x00020010, "UI", b"")])
def test_a13_without_a_transfer_syntax_the_content_decides(
    tmp_path: Path, meta: bytes, body: bytes, encoding: Encoding
) -> None:
    reading = Reading(tmp_path, with_meta(meta, body))
    assert reading.encoding == encoding
    assert reading.own_tags == BODY_TAGS
    assert reading.file.header.transfer_syntax == ""
    assert reading.warnings
    assert not reading.damage


@pytest.mark.parametrize("uid", ["1.2.3.4.5", "not a uid", "1.2.840.10008.1.1"])
def test_a13_an_unknown_transfer_syntax_is_warned_of(tmp_path: Path, uid: str) -> None:
    reading = Reading(tmp_path, part10(BODY, uid))
    assert reading.file.header.transfer_syntax == uid
    assert reading.own_tags == BODY_TAGS
    assert any(uid in warning for warning in reading.warnings)


BETWEEN_META_ELEMENTS = (144, 158)


@pytest.mark.parametrize("size", range(133, len(part10(b""))))
def test_a13_a_cut_meta_header_is_damage_or_not_dicom(tmp_path: Path, size: int) -> None:
    try:
        reading = Reading(tmp_path, part10(b"")[:size])
    except NotDicomError:
        return
    assert reading.damage or size in BETWEEN_META_ELEMENTS


def test_a13_a_group_in_the_tag_of_a_rare_body_is_read_as_little_endian(tmp_path: Path) -> None:
    nested = implicit(0x00010001, b"", UNDEFINED) + item(implicit(0x00010001, b"ab"), UNDEFINED)
    body = nested + ITEM_END + SEQUENCE_END + implicit(PIXELS, b"\1\2")
    reading = Reading(tmp_path, with_meta(VERSION, body))
    assert reading.encoding == IMPLICIT_LITTLE
    assert reading.own_tags == [0x00010001, PIXELS]


# A14: transfer syntaxes that lie


@pytest.mark.parametrize(
    ("syntax", "body", "encoding"),
    [
        (EXPLICIT, BODY_IMPLICIT, IMPLICIT_LITTLE),
        (EXPLICIT, BODY_BIG, EXPLICIT_BIG),
        (IMPLICIT, BODY, EXPLICIT_LITTLE),
        (IMPLICIT, BODY_BIG, EXPLICIT_BIG),
        (BIG, BODY, EXPLICIT_LITTLE),
        (BIG, BODY_IMPLICIT, IMPLICIT_LITTLE),
        (JPEG, BODY_IMPLICIT, IMPLICIT_LITTLE),
    ],
)
def test_a14_the_content_overrules_the_transfer_syntax(
    tmp_path: Path, syntax: str, body: bytes, encoding: Encoding
) -> None:
    reading = Reading(tmp_path, part10(body, syntax))
    assert reading.encoding == encoding
    assert reading.own_tags == BODY_TAGS
    assert reading.warnings
    assert not reading.damage


# A15: what is there twice, out of order or astray


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        (BODY + element(0x00100020, "LO", b"PID-2 "), [*BODY_TAGS, 0x00100020]),
        (BODY + element(0x00100010, "PN", b"Roe^Rick"), [*BODY_TAGS, 0x00100010]),
        (BODY + element(0x00080060, "CS", b"CT") + AFTER, [*BODY_TAGS, 0x00080060, AFTER_TAG]),
        (BODY + element(0x00020010, "UI", b"1.2\0"), [*BODY_TAGS, 0x00020010]),
        (element(0x00000002, "UI", b"1.2\0") + BODY, [0x00000002, *BODY_TAGS]),
        (BODY + ITEM_END + AFTER, [*BODY_TAGS, AFTER_TAG]),
        (BODY + SEQUENCE_END + AFTER, [*BODY_TAGS, AFTER_TAG]),
        (ITEM_END + BODY, BODY_TAGS),
    ],
    ids=[
        "twice in a row",
        "twice",
        "descending",
        "group 0002",
        "group 0000",
        "stray item delimiter",
        "stray sequence delimiter",
        "stray delimiter in front",
    ],
)
def test_a15_what_is_out_of_place_is_all_read_and_warned_of(
    tmp_path: Path, body: bytes, tags: list[int]
) -> None:
    reading = Reading(tmp_path, part10(body))
    assert reading.own_tags == tags
    assert reading.warnings
    assert not reading.damage


def test_a15_every_copy_of_an_element_has_its_own_value(tmp_path: Path) -> None:
    reading = Reading(tmp_path, part10(BODY + element(0x00100010, "PN", b"Roe^Rick")))
    names = [e.value for e in selected(reading.elements, [TagPath.parse("PatientName")])]
    assert names == [b"Doe^Jane", b"Roe^Rick"]


def test_a15_a_stray_item_is_damage(tmp_path: Path) -> None:
    reading = Reading(tmp_path, part10(BODY + item(CODE) + AFTER))
    assert reading.damage
    assert reading.own_tags[:4] == BODY_TAGS


def test_a15_disorder_in_an_item_is_warned_of(tmp_path: Path) -> None:
    reading = Reading(tmp_path, part10(BODY + element(CONTENT, "SQ", item(CODE + CODE))))
    assert reading.warnings
    assert not reading.damage


# A16: bytes behind the data set


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 100, 128, 132, 70_000])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a16_zeros_behind_the_data_set_are_warned_of(
    tmp_path: Path, count: int, syntax: str
) -> None:
    body = BODY if syntax == EXPLICIT else BODY_IMPLICIT
    reading = Reading(tmp_path, part10(body, syntax) + bytes(count))
    assert reading.own_tags == BODY_TAGS
    assert str(count) in reading.warnings[0]
    assert not reading.damage


@pytest.mark.parametrize(
    "tail",
    [
        b"x",
        b"garbage",
        b"garbage that follows the data set",
        b"\xff" * 100,
        bytes(100) + b"x",
        bytes(200) + b"Roe^Rick" + bytes(200),
        part10(BODY),
        part10(BODY, preamble=b"MZ" * 64),
        part10(BODY, preamble=b"\xff" * 128),
        part10(BODY_IMPLICIT, IMPLICIT),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a16_anything_else_behind_the_data_set_is_damage(
    tmp_path: Path, tail: bytes, syntax: str
) -> None:
    body = BODY if syntax == EXPLICIT else BODY_IMPLICIT
    reading = Reading(tmp_path, part10(body, syntax) + tail)
    assert reading.own_tags[:4] == BODY_TAGS
    assert reading.damage


@pytest.mark.parametrize("head", [part10(b"")[128:], part10(b"")[132:], b""])
def test_a16_a_second_file_without_a_preamble_is_seen(tmp_path: Path, head: bytes) -> None:
    reading = Reading(tmp_path, part10(BODY + element(PIXELS, "OW", b"\1\2")) + head + BODY)
    assert reading.file.problems


# A17: control characters in values


def test_a17_a_value_with_control_characters_is_one_line(tmp_path: Path) -> None:
    hostile = b"\x1b[2J\x07\0\r\n(0010,0020) LO [forged]\x9b1m "
    reading = Reading(tmp_path, part10(BODY + element(0x00204000, "LT", hostile)))
    raw = reading.value(0x00204000)
    assert raw == hostile
    shown = escape(text(raw, "LT", b"ISO_IR 100"))
    assert shown == "\\x1b[2J\\x07\\x00\\x0d\\x0a(0010,0020) LO [forged]\\x9b1m"


# A18, as far as it concerns reading: hostile preambles


@pytest.mark.parametrize(
    "preamble", [b"#!/bin/sh\n", b"II*\0", b"MZ\x90\0", b"\xff" * 128, b"\x02\0"]
)
def test_a18_the_preamble_does_not_matter(tmp_path: Path, preamble: bytes) -> None:
    reading = Reading(tmp_path, part10(BODY, preamble=preamble.ljust(128, b"\0")))
    assert reading.own_tags == BODY_TAGS
    assert not reading.file.problems


# A21: character sets


@pytest.mark.parametrize(
    ("charset", "raw", "shown"),
    [
        (b"NO SUCH SET ", b"J\xe9r\xf4me", "J\\xe9r\\xf4me"),
        (b"ISO-IR 100", b"J\xe9r\xf4me", "J\u00e9r\u00f4me"),
        (b"ISO_IR 192", b"J\xe9r\xf4me", "J\\xe9r\\xf4me"),
        (b"\\".join([b"ISO 2022 IR 100"] * 64), b"J\xe9r\xf4me", "J\u00e9r\u00f4me"),
        (b"\xff\xfe\0\0", b"J\xe9r\xf4me", "J\\xe9r\\xf4me"),
        (b"", b"J\xe9r\xf4me", "J\\xe9r\\xf4me"),
    ],
    ids=["unknown", "misspelt", "wrong", "64 values", "bytes", "none"],
)
def test_a21_no_character_set_is_an_error(
    tmp_path: Path, charset: bytes, raw: bytes, shown: str
) -> None:
    body = element(0x00080005, "CS", charset) + element(0x00100010, "PN", raw)
    reading = Reading(tmp_path, part10(body))
    name = reading.elements[1]
    assert name.value == raw
    assert escape(text(raw, "PN", name.level.charset)) == shown


def test_a21_a_character_set_that_changes_within_an_item_holds_from_there(tmp_path: Path) -> None:
    code = element(0x00080104, "LO", "\u00e9".encode())
    changed = element(0x00080005, "CS", b"ISO_IR 192") + code
    body = element(0x00080005, "CS", b"ISO_IR 100") + element(
        CONTENT, "SQ", item(changed) + item(code)
    )
    reading = Reading(tmp_path, part10(body))
    meanings = [e for e in reading.elements if e.tag == 0x00080104]
    shown = [text(e.value or b"", "LO", e.level.charset) for e in meanings]
    assert shown == ["\u00e9", "\u00c3\u00a9"]


# A22: much of everything


def elapsed(path: Path, content: bytes) -> tuple[Reading, float]:
    started = time.perf_counter()
    reading = Reading(path, content)
    return reading, time.perf_counter() - started


def test_a22_fifty_thousand_elements_are_read_in_time(tmp_path: Path) -> None:
    many = b"".join(
        element(0x00290000 + (group << 17) + number, "LO", b"value ")
        for group in range(50)
        for number in range(0x1000, 0x1000 + 1000)
    )
    reading, seconds = elapsed(tmp_path, part10(BODY + many))
    assert len(reading.own_tags) == 4 + 50_000
    assert not reading.file.problems
    assert seconds < 5


def test_a22_twenty_thousand_items_are_read_in_time(tmp_path: Path) -> None:
    reading, seconds = elapsed(tmp_path, part10(BODY + element(CONTENT, "SQ", item(CODE) * 20_000)))
    assert reading.tags.count(ITEM) == 20_000
    assert reading.elements[-3].level.index == 19_999
    assert not reading.file.problems
    assert seconds < 5


def test_a22_a_million_values_are_read_in_time(tmp_path: Path) -> None:
    value = b"\\".join([b"1"] * 1_000_000) + b" "
    reading, seconds = elapsed(tmp_path, part10(BODY + element(0x00186011, "UC", value)))
    assert reading.elements[-1].length == len(value)
    assert seconds < 5


def test_a22_a_name_of_60000_bytes_is_read(tmp_path: Path) -> None:
    value = b"A" * 60_000
    reading = Reading(tmp_path, part10(element(0x00100010, "PN", value)))
    assert reading.value(0x00100010) == value
    assert not reading.damage


# A24: pixel data that is not what the header says


@pytest.mark.parametrize(
    ("rows", "columns", "frames"), [(512, 512, b"1 "), (65535, 65535, b"2147483647 ")]
)
def test_a24_no_number_of_the_header_is_believed(
    tmp_path: Path, rows: int, columns: int, frames: bytes
) -> None:
    body = (
        BODY
        + element(0x00280008, "IS", frames)
        + element(0x00280010, "US", pack("<H", rows))
        + element(0x00280011, "US", pack("<H", columns))
        + element(0x00280100, "US", pack("<H", 16))
        + element(PIXELS, "OW", b"\1\2")
    )
    tracemalloc.start()
    try:
        reading = Reading(tmp_path, part10(body))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reading.value(PIXELS) == b"\1\2"
    assert not reading.damage
    assert peak < 8 << 20

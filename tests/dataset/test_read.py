"""Show that the reader gives every element of every encoding, and that its stream is balanced."""

import gzip
import os
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack
from threading import Thread

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from dcmtools.dataset.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    UNDEFINED,
    Element,
    Encoding,
)
from dcmtools.dataset.elements import ITEM_END as END_OF_ITEM
from dcmtools.dataset.elements import SEQUENCE_END as END_OF_SEQUENCE
from dcmtools.dataset.path import Step
from dcmtools.dataset.read import DicomFile, open_dicom
from dcmtools.dataset.source import WINDOW
from dcmtools.dataset.values import text
from dcmtools.errors import DcmtoolsError, InputError
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
    element,
    implicit,
    item,
    part10,
    write,
)

ENCODINGS = [(IMPLICIT, IMPLICIT_LITTLE), (EXPLICIT, EXPLICIT_LITTLE), (BIG, EXPLICIT_BIG)]
CONTENT = 0x0040A730
PIXELS = 0x7FE00010


def read(path: Path, content: bytes) -> tuple[list[Element], DicomFile]:
    with open_dicom(write(path / "file.dcm", content)) as file:
        return list(file.elements()), file


def shape(elements: list[Element]) -> list[tuple[int, int, str, bytes | None]]:
    return [(e.level.depth, e.tag, e.vr, e.value) for e in elements]


# Encodings


def sample() -> Dataset:
    code = Dataset()
    code.CodeValue = "CODE"
    code.add_new(0x00290010, "LO", "INNER")
    code.add_new(0x00291001, "UL", 7)
    empty = Dataset()
    nested = Dataset()
    nested.ConceptNameCodeSequence = Sequence([code])
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.PatientName = "J\u00e9r\u00f4me"
    data.Rows = 258
    data.PixelRepresentation = 1
    data.SmallestImagePixelValue = -2
    data.add_new(0x00290010, "LO", "OUTER")
    data.add_new(0x00291001, "LO", "private")
    data.ContentSequence = Sequence([nested, empty])
    data.ReferencedStudySequence = Sequence([])
    data.add_new(PIXELS, "OW", bytes(range(16)))
    return data


def encoded(data: Dataset, encoding: Encoding, *, delimited: bool) -> bytes:
    for elem in data.iterall():
        if elem.VR == "SQ":
            elem.is_undefined_length = delimited
            for piece in elem.value:
                piece.is_undefined_length_sequence_item = delimited
    stream = DicomBytesIO()
    stream.is_implicit_VR = encoding.implicit
    stream.is_little_endian = not encoding.big_endian
    write_dataset(stream, data)
    return stream.getvalue()


@pytest.mark.parametrize(("syntax", "encoding"), ENCODINGS, ids=["implicit", "explicit", "big"])
@pytest.mark.parametrize("delimited", [False, True])
def test_every_encoding_gives_the_same_elements(
    tmp_path: Path, syntax: str, encoding: Encoding, *, delimited: bool
) -> None:
    body = encoded(sample(), encoding, delimited=delimited)
    elements, file = read(tmp_path, part10(body, syntax))
    assert not file.problems
    assert file.header.encoding == encoding
    assert file.header.transfer_syntax == syntax
    private = "UN" if encoding.implicit else "LO"
    inner = "UN" if encoding.implicit else "UL"
    order = ">" if encoding.big_endian else "<"
    assert shape(elements) == [
        (0, 0x00080005, "CS", b"ISO_IR 100"),
        (0, 0x00081110, "SQ", None),
        (0, END_OF_SEQUENCE, "", None),
        (0, 0x00100010, "PN", b"J\xe9r\xf4me"),
        (0, 0x00280010, "US", pack(f"{order}H", 258)),
        (0, 0x00280103, "US", pack(f"{order}H", 1)),
        (0, 0x00280106, "SS", pack(f"{order}h", -2)),
        (0, 0x00290010, "LO", b"OUTER "),
        (0, 0x00291001, private, b"private "),
        (0, CONTENT, "SQ", None),
        (1, ITEM, "", None),
        (1, 0x0040A043, "SQ", None),
        (2, ITEM, "", None),
        (2, 0x00080100, "SH", b"CODE"),
        (2, 0x00290010, "LO", b"INNER "),
        (2, 0x00291001, inner, pack(f"{order}L", 7)),
        (2, END_OF_ITEM, "", None),
        (1, END_OF_SEQUENCE, "", None),
        (1, END_OF_ITEM, "", None),
        (1, ITEM, "", None),
        (1, END_OF_ITEM, "", None),
        (0, END_OF_SEQUENCE, "", None),
        (0, PIXELS, "OW", bytes(range(16))),
    ]
    content = next(e for e in elements if e.tag == CONTENT)
    assert (content.length == UNDEFINED) is delimited


def test_the_meta_group_is_read_beside_the_data_set(tmp_path: Path) -> None:
    _, file = read(tmp_path, part10(BODY))
    assert [e.tag for e in file.meta] == [0x00020000, 0x00020001, 0x00020010]
    assert file.header.start == len(part10(b""))
    assert not file.header.is_directory


def test_a_directory_is_told_by_its_class(tmp_path: Path) -> None:
    uid = element(0x00020002, "UI", b"1.2.840.10008.1.3.10\0\0"[:20])
    syntax = element(0x00020010, "UI", EXPLICIT.encode() + b"\0")
    _, file = read(tmp_path, bytes(128) + b"DICM" + uid + syntax + BODY)
    assert file.header.is_directory


@pytest.mark.parametrize(
    ("pack_body", "name"),
    [
        (lambda body: zlib.compress(body, wbits=-zlib.MAX_WBITS), "raw"),
        (zlib.compress, "zlib"),
        (gzip.compress, "gzip"),
    ],
    ids=["raw", "zlib", "gzip"],
)
def test_a_deflated_data_set_is_inflated(
    tmp_path: Path, pack_body: Callable[[bytes], bytes], name: str
) -> None:
    elements, file = read(tmp_path, part10(pack_body(BODY), DEFLATED))
    assert [e.tag for e in elements] == BODY_TAGS
    assert file.header.deflated, name
    assert not file.damage
    assert elements[0].offset == 0


def test_a_deflated_file_is_whole_with_its_pixels(tmp_path: Path) -> None:
    pixels = bytes(range(256)) * 4096
    body = BODY + element(PIXELS, "OW", pixels)
    content = part10(zlib.compress(body, wbits=-zlib.MAX_WBITS), DEFLATED)
    with open_dicom(write(tmp_path / "file.dcm", content)) as file:
        last = list(file.elements())[-1]
        assert file.value(last) == pixels


def test_an_empty_data_set_has_no_elements(tmp_path: Path) -> None:
    elements, file = read(tmp_path, part10(b""))
    assert elements == []
    assert not file.problems


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_cannot_be_opened_is_an_input_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        open_dicom(tmp_path / name)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    content = part10(BODY + element(PIXELS, "OW", bytes(200_000)))
    feeder = Thread(target=path.write_bytes, args=(content,))
    feeder.start()
    with open_dicom(path) as file:
        elements = list(file.elements())
        assert file.value(elements[-1]) == bytes(200_000)
    feeder.join()
    assert [e.tag for e in elements] == [*BODY_TAGS, PIXELS]


# Values


def test_a_long_value_is_given_when_asked_for(tmp_path: Path) -> None:
    pixels = bytes(range(256)) * 1024
    content = part10(BODY + element(PIXELS, "OW", pixels))
    with open_dicom(write(tmp_path / "file.dcm", content)) as file:
        *_, name, _, last = file.elements()
        assert last.value is None
        assert file.value(last) == pixels
        assert file.value(name) == b"Doe^Jane"


@pytest.mark.parametrize("size", range(WINDOW - 20, WINDOW + 22, 2))
def test_values_and_headers_across_a_window_are_whole(tmp_path: Path, size: int) -> None:
    first = bytes(number % 251 for number in range(size))
    after = b"".join(element(0x00400001 + number, "LO", b"%06d" % number) for number in range(20))
    content = part10(BODY + element(0x00189810, "OB", first) + after)
    with open_dicom(write(tmp_path / "file.dcm", content)) as file:
        elements = list(file.elements())
        assert file.value(elements[4]) == first
        assert not file.problems
    assert [e.value for e in elements[5:]] == [b"%06d" % number for number in range(20)]


@pytest.mark.parametrize("filler", [40_000, 65_000, 65_400, 65_530, 65_536, 70_000])
def test_many_values_of_a_window_each_are_whole(tmp_path: Path, filler: int) -> None:
    values = [bytes([number]) * filler for number in range(8)]
    body = b"".join(element(0x00189810 + n, "OB", value) for n, value in enumerate(values))
    with open_dicom(write(tmp_path / "file.dcm", part10(body))) as file:
        assert [file.value(e) for e in file.elements()] == values


# UN elements


AFTER = element(0x00400280, "ST", b"after ")
HIDDEN = implicit(0x00080100, b"CODE")
HIDDEN_EXPLICIT = element(0x00080100, "SH", b"CODE")


@pytest.mark.parametrize(
    "value",
    [
        element(0x00291010, "UN", item(HIDDEN) + SEQUENCE_END, UNDEFINED),
        element(0x00291010, "UN", item(HIDDEN, UNDEFINED) + ITEM_END + SEQUENCE_END, UNDEFINED),
        element(0x00291010, "UN", item(HIDDEN)),
        element(0x00291010, "UN", item(HIDDEN, UNDEFINED) + ITEM_END),
        element(0x00291010, "UN", item(HIDDEN_EXPLICIT)),
    ],
    ids=["undefined", "undefined twice", "defined", "defined around undefined", "explicit"],
)
def test_items_in_an_unknown_element_are_a_sequence(tmp_path: Path, value: bytes) -> None:
    elements, file = read(tmp_path, part10(BODY + value + AFTER))
    assert not file.problems
    assert shape(elements[4:]) == [
        (0, 0x00291010, "SQ", None),
        (1, ITEM, "", None),
        (1, 0x00080100, "SH", b"CODE"),
        (1, END_OF_ITEM, "", None),
        (0, END_OF_SEQUENCE, "", None),
        (0, 0x00400280, "ST", b"after "),
    ]


def test_what_follows_an_implicit_sequence_is_explicit_again(tmp_path: Path) -> None:
    inner = element(0x00291010, "UN", item(HIDDEN) + SEQUENCE_END, UNDEFINED)
    outer = element(CONTENT, "SQ", item(inner + AFTER))
    elements, file = read(tmp_path, part10(BODY + outer))
    assert not file.problems
    assert (1, 0x00400280, "ST", b"after ") in shape(elements)


def test_an_unknown_big_endian_element_holds_little_endian_items(tmp_path: Path) -> None:
    head = pack(">HH2sHI", 0x0009, 0x1010, b"UN", 0, UNDEFINED)
    name = pack(">HH2sH", 0x0010, 0x0010, b"PN", 8) + b"Doe^Jane"
    elements, file = read(tmp_path, part10(head + item(HIDDEN) + SEQUENCE_END + name, BIG))
    assert not file.problems
    assert (1, 0x00080100, "SH", b"CODE") in shape(elements)
    assert (0, 0x00100010, "PN", b"Doe^Jane") in shape(elements)


@pytest.mark.parametrize(
    "value",
    [
        item(b"abc"),
        item(HIDDEN, len(HIDDEN) + 2),
        item(HIDDEN) + b"xy",
        item(HIDDEN + b"\0\0"),
        item()[:4],
        b"\xfe\xff\x00\xe0",
        b"",
        b"plain bytes ",
    ],
)
def test_an_unknown_element_without_whole_items_stays_as_it_is(
    tmp_path: Path, value: bytes
) -> None:
    elements, file = read(tmp_path, part10(BODY + element(0x00291010, "UN", value) + AFTER))
    assert shape(elements[4:]) == [
        (0, 0x00291010, "UN", value),
        (0, 0x00400280, "ST", b"after "),
    ]
    assert not file.damage


# Encapsulated pixel data


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_fragments_are_bytes_whatever_the_vr_of_the_pixel_data(tmp_path: Path, vr: str) -> None:
    pieces = [b"", b"\xff\xd8\xff\xd9", SEQUENCE_END, item(b"inside")]
    pixels = element(PIXELS, vr, b"", UNDEFINED) + b"".join(map(item, pieces)) + SEQUENCE_END
    padding = element(0xFFFCFFFC, "OB", b"\0\0")
    elements, file = read(tmp_path, part10(BODY + pixels + padding, JPEG))
    assert not file.problems
    assert shape(elements[4:]) == [
        (0, PIXELS, vr, None),
        *((0, ITEM, "OB", piece) for piece in pieces),
        (0, END_OF_SEQUENCE, "", None),
        (0, 0xFFFCFFFC, "OB", b"\0\0"),
    ]
    assert all(e.is_fragment for e in elements if e.tag == ITEM)
    assert elements[4].is_container


def test_pixel_data_in_an_icon_is_encapsulated_too(tmp_path: Path) -> None:
    pixels = element(PIXELS, "OB", b"", UNDEFINED) + item() + item(b"\1\2") + SEQUENCE_END
    icon = element(0x00880200, "SQ", item(pixels, UNDEFINED) + ITEM_END + SEQUENCE_END, UNDEFINED)
    elements, file = read(tmp_path, part10(BODY + icon, JPEG))
    assert not file.problems
    assert [(e.level.depth, e.value) for e in elements if e.is_fragment] == [(1, b""), (1, b"\1\2")]


# What a level knows


def creator(tag: int, name: bytes) -> bytes:
    return element(tag, "LO", name)


def test_private_creators_hold_in_their_own_data_set_only(tmp_path: Path) -> None:
    private = element(0x00291001, "LO", b"value ")
    inner = element(CONTENT, "SQ", item(creator(0x00290010, b"INNER ") + private) + item(private))
    body = creator(0x00290010, b"OUTER ") + creator(0x00290011, b"SECOND") + private + inner
    elements, _ = read(tmp_path, part10(BODY + body))
    owners = [e.level.creator(e.tag) for e in elements if e.tag == 0x00291001]
    assert owners == ["OUTER", "INNER", ""]
    top = elements[0].level
    assert (top.creator(0x002911FF), top.creator(0x002912FF)) == ("SECOND", "")
    assert top.creator(0x00100010) == ""


def test_a_private_vr_comes_from_the_creator_in_force(tmp_path: Path) -> None:
    body = implicit(0x00080005, b"ISO_IR 100") + implicit(0x00100010, b"Doe^Jane")
    body += implicit(0x00190010, b"GEMS_ACQU_01") + implicit(0x0019100F, b"1.5 ")
    body += implicit(0x00290010, b"NO SUCH CREATOR ") + implicit(0x0029100F, b"1.5 ")
    elements, _ = read(tmp_path, part10(body, IMPLICIT))
    assert [e.vr for e in elements if e.tag & 0xFFFF == 0x100F] == ["DS", "UN"]


def test_the_character_set_is_inherited_by_items_and_changed_in_them(tmp_path: Path) -> None:
    code = element(0x00080104, "LO", b"\xc3\xa9")
    own = element(0x00080005, "CS", b"ISO_IR 192") + code
    deeper = element(0x0040A043, "SQ", item(code))
    body = element(0x00080005, "CS", b"ISO_IR 100") + element(0x00081030, "LO", b"\xe9 ")
    body += element(CONTENT, "SQ", item(own + deeper) + item(code)) + element(
        0x00400280, "ST", b"\xe9 "
    )
    elements, _ = read(tmp_path, part10(body))
    shown = [text(e.value or b"", e.vr, e.level.charset) for e in elements if e.vr in ("LO", "ST")]
    assert shown == ["\u00e9", "\u00e9", "\u00e9", "\u00c3\u00a9", "\u00e9"]


def test_a_character_set_is_assumed_where_none_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "file.dcm", part10(BODY))
    named = write(tmp_path / "named.dcm", part10(element(0x00080005, "CS", b"ISO_IR 100") + BODY))
    with open_dicom(path, charset="GB18030") as file:
        assert {e.level.charset for e in file.elements()} == {b"GB18030"}
    with open_dicom(named, charset="GB18030") as file:
        assert list(file.elements())[-1].level.charset == b"ISO_IR 100"


def test_the_steps_lead_to_an_item(tmp_path: Path) -> None:
    code = element(0x00080100, "SH", b"CODE")
    private = element(0x00291001, "SQ", item() + item(code))
    inner = creator(0x00290010, b"INNER ") + private
    elements, _ = read(tmp_path, part10(BODY + element(CONTENT, "SQ", item() * 3 + item(inner))))
    found = next(e for e in elements if e.tag == 0x00080100)
    assert found.level.steps() == [Step(CONTENT, "", 3), Step(0x00291001, "INNER", 1)]
    assert elements[0].level.steps() == []


@pytest.mark.parametrize(("sign", "vr"), [(0, "US"), (1, "SS")])
def test_ambiguous_vrs_follow_the_pixel_representation(tmp_path: Path, sign: int, vr: str) -> None:
    body = implicit(0x00280103, pack("<H", sign)) + implicit(0x00280106, b"\xfe\xff")
    body += implicit(CONTENT, item(implicit(0x00280107, b"\xfe\xff")))
    elements, _ = read(tmp_path, part10(implicit(0x00080060, b"CT") + body, IMPLICIT))
    assert [e.vr for e in elements if e.tag in (0x00280106, 0x00280107)] == [vr, vr]


# Whatever the bytes


def assert_balanced(elements: list[Element]) -> None:
    opened: list[str] = []
    last = -1
    for e in elements:
        assert e.offset >= last
        assert e.value_offset >= e.offset
        last = e.offset
        holder = opened[-1] if opened else "item"
        if e.is_fragment:
            assert holder == "pixels"
        elif e.tag == ITEM and not e.vr:
            assert holder == "sequence"
            opened.append("item")
        elif e.tag == END_OF_ITEM:
            assert opened.pop() == "item"
        elif e.tag == END_OF_SEQUENCE:
            assert opened.pop() in ("sequence", "pixels")
        else:
            assert holder == "item"
            assert e.vr
            if e.is_container:
                opened.append("sequence" if e.vr == "SQ" else "pixels")
    assert not opened


def check(path: Path, content: bytes) -> None:
    started = time.perf_counter()
    try:
        with open_dicom(write(path / "file.dcm", content), max_inflated=1 << 24) as file:
            elements = list(file.elements())
            values = [file.value(e) for e in elements if e.vr and not e.is_container]
    except DcmtoolsError:
        return
    finally:
        assert time.perf_counter() - started < 2
    assert_balanced(elements)
    plain = [e for e in elements if e.vr and not e.is_container]
    assert [len(value) for value in values] == [e.length for e in plain]
    assert all(e.value is None or len(e.value) == e.length for e in plain)
    size = file.header.source.size
    assert all(0 <= problem.offset <= max(size, len(content)) for problem in file.problems)
    assert all(problem.reason and problem.reason.isprintable() for problem in file.problems)


PIECES = st.sampled_from(
    [
        BODY,
        element(CONTENT, "SQ", b"", UNDEFINED),
        element(CONTENT, "SQ", b"", 40),
        element(PIXELS, "OB", b"", UNDEFINED),
        element(0x00291010, "UN", b"", UNDEFINED),
        element(0x00291010, "UN", item(HIDDEN)),
        element(0x00290010, "LO", b"ACME"),
        element(0x00100020, "  ", b"ID"),
        element(0x00080005, "CS", b"ISO_IR 192"),
        implicit(CONTENT, b"", UNDEFINED),
        implicit(0x00100020, b"ID"),
        item(b"", UNDEFINED),
        item(b"", 12),
        item(HIDDEN),
        ITEM_END,
        SEQUENCE_END,
        bytes(8),
    ]
)
BODIES = st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join)
SYNTAXES = st.sampled_from([IMPLICIT, EXPLICIT, BIG, DEFLATED, JPEG, "1.2.3"])
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(body=BODIES, syntax=SYNTAXES)
@settings(QUICK, max_examples=300)
def test_any_bytes_behind_a_header_are_read_in_balance(
    tmp_path: Path, body: bytes, syntax: str
) -> None:
    check(tmp_path, part10(body, syntax))


@given(body=BODIES)
@settings(QUICK, max_examples=100)
def test_any_deflated_bytes_are_read_in_balance(tmp_path: Path, body: bytes) -> None:
    check(tmp_path, part10(zlib.compress(body, wbits=-zlib.MAX_WBITS), DEFLATED))


@given(content=st.binary(max_size=400) | BODIES)
@settings(QUICK, max_examples=200)
def test_any_bytes_at_all_are_read_in_balance(tmp_path: Path, content: bytes) -> None:
    check(tmp_path, content)


WHOLE_FILES = [
    part10(encoded(sample(), encoding, delimited=delimited), syntax)
    for syntax, encoding in ENCODINGS
    for delimited in (False, True)
]


@given(data=st.data())
@settings(QUICK, max_examples=300)
def test_a_file_with_bytes_changed_is_read_in_balance(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(WHOLE_FILES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(128, len(content)))
        match data.draw(st.sampled_from(["change", "insert", "delete", "cut"])):
            case "change":
                piece = data.draw(st.binary(min_size=1, max_size=4))
                content[at : at + len(piece)] = piece
            case "insert":
                content[at:at] = data.draw(PIECES)
            case "delete":
                del content[at : at + data.draw(st.integers(1, 12))]
            case "cut":
                del content[max(at, 200) :]
    check(tmp_path, bytes(content))


# The files that come with pydicom


UNLIKE_PYDICOM = {
    "MR_truncated.dcm": "its last value is cut",
    "rtplan_truncated.dcm": "its last value is cut",
    "meta_missing_tsyntax.dcm": "pydicom assumes implicit VR without a look at the data set",
    "priv_SQ.dcm": "pydicom does not look into an UN element of defined length",
    "no_meta.dcm": "it starts amid an element",
}
FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
BUNDLED = sorted(path.name for path in FOLDER.glob("*.dcm") if path.name not in UNLIKE_PYDICOM)


def by_pydicom(data: Dataset, depth: int = 0) -> Iterator[tuple[int, int, str, bytes | None]]:
    for tag in sorted(data.keys()):
        raw = data.get_item(tag)
        vr = raw.VR or data[tag].VR
        if vr == "SQ" or data[tag].VR == "SQ":
            yield depth, int(tag), "SQ", None
            for piece in data[tag].value:
                yield from by_pydicom(piece, depth + 1)
        else:
            encapsulated = getattr(raw, "length", 0) == UNDEFINED
            known = isinstance(raw.value, bytes) and not encapsulated
            yield depth, int(tag), str(vr), raw.value if known else None


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_file_reads_as_by_pydicom(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path
    with open_dicom(path) as file:
        found = [
            (e.level.depth, e.tag, e.vr, None if e.is_container else file.value(e))
            for e in file.elements()
            if e.vr and not e.is_fragment
        ]
        assert not file.damage
        unknown = ("??",) if file.header.encoding.implicit else ("??", "UN")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = list(by_pydicom(pydicom.dcmread(path, force=True)))
    assert [e[:2] for e in found] == [e[:2] for e in expected]
    for mine, theirs in zip(found, expected, strict=True):
        assert theirs[3] is None or mine[3] == theirs[3]
        assert mine[2] in (*theirs[2].split(" or "), *unknown)


@pytest.mark.parametrize("name", ["MR_truncated.dcm", "rtplan_truncated.dcm"])
def test_a_bundled_file_that_is_cut_is_damaged(name: str) -> None:
    with open_dicom(FOLDER / name) as file:
        assert len(list(file.elements())) > 50
        assert file.damage

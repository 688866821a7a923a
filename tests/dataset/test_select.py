"""Show how elements are chosen, left out, and found without reading a file to its end."""

import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from struct import pack

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcmtools.dataset import select
from dcmtools.dataset.elements import ITEM, UNDEFINED, Element
from dcmtools.dataset.elements import ITEM_END as END_OF_ITEM
from dcmtools.dataset.elements import SEQUENCE_END as END_OF_SEQUENCE
from dcmtools.dataset.path import Node, TagPath
from dcmtools.dataset.read import open_dicom
from dcmtools.dataset.select import first_values, selected, to_depth, without_private
from dcmtools.dataset.values import CHARSET_VRS
from dcmtools.errors import DcmtoolsError
from tests.factories import (
    BODY,
    DEFLATED,
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

CONTENT = 0x0040A730
CONCEPT = 0x0040A043
CODE = 0x00080100
MEANING = 0x00080104
NAME = 0x00100010
PIXELS = 0x7FE00010
PRIVATE = 0x00291001

OPEN = [ITEM]
CLOSE_ITEM = [END_OF_ITEM]
CLOSE = [END_OF_SEQUENCE]


def code(value: bytes) -> bytes:
    return element(CODE, "SH", value) + element(MEANING, "LO", b"says " + value)


TREE = (
    BODY
    + element(0x00290010, "LO", b"ACME")
    + element(PRIVATE, "SQ", item(code(b"P0")))
    + element(
        CONTENT,
        "SQ",
        item(code(b"C0") + element(CONCEPT, "SQ", item(code(b"D0"))))
        + item(element(0x00290010, "LO", b"ACME") + element(PRIVATE, "LO", b"x "))
        + item(code(b"C2"), UNDEFINED)
        + ITEM_END
        + SEQUENCE_END,
        UNDEFINED,
    )
    + element(PIXELS, "OB", b"", UNDEFINED)
    + item()
    + item(b"\1\2")
    + SEQUENCE_END
)


def walk(path: Path, content: bytes) -> list[Element]:
    with open_dicom(write(path / "file.dcm", content)) as file:
        elements = list(file.elements())
        assert not file.problems
        return elements


@pytest.fixture
def tree(tmp_path: Path) -> list[Element]:
    """Give a data set with sequences, private ones too, and pixel data."""
    return walk(tmp_path, part10(TREE, JPEG))


def paths(*texts: str) -> list[TagPath]:
    return [TagPath.parse(text, wildcards=True) for text in texts]


def tags(elements: Iterable[Element]) -> list[int]:
    return [e.tag for e in elements]


def values(elements: Iterable[Element]) -> list[bytes | None]:
    return [e.value for e in elements]


def is_balanced(elements: Iterable[Element]) -> bool:
    opened: list[bool] = []
    for e in elements:
        if e.tag == ITEM and not e.vr:
            opened.append(True)
        elif e.is_container:
            opened.append(False)
        elif e.tag in (END_OF_ITEM, END_OF_SEQUENCE) and (
            not opened or opened.pop() is not (e.tag == END_OF_ITEM)
        ):
            return False
    return not opened


# Choosing


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["CodeValue"], [b"P0", b"C0", b"D0", b"C2"]),
        (["ContentSequence.CodeValue"], [b"C0", b"C2"]),
        (["ContentSequence[2].CodeValue"], [b"C2"]),
        (["ContentSequence[*].ConceptNameCodeSequence[*].CodeValue"], [b"D0"]),
        (['(0029,"ACME",01).CodeValue'], [b"P0"]),
        (['(0029,"OTHER",01).CodeValue'], []),
        (["*.CodeValue"], [b"P0", b"C0", b"C2"]),
        (["PatientName", "PatientID"], [b"Doe^Jane", b"PID-1 "]),
        (["PatientID", "PatientName", "0010,xxxx"], [b"Doe^Jane", b"PID-1 "]),
        (["Modality"], []),
        (["ContentSequence[9].CodeValue"], []),
    ],
)
def test_a_path_chooses_its_elements_in_file_order(
    tree: list[Element], texts: list[str], found: list[bytes]
) -> None:
    assert values(selected(tree, paths(*texts))) == found


def test_a_sequence_is_chosen_with_all_it_holds(tree: list[Element]) -> None:
    found = list(selected(tree, paths("ContentSequence[0].ConceptNameCodeSequence")))
    assert tags(found) == [CONCEPT, *OPEN, CODE, MEANING, *CLOSE_ITEM, *CLOSE]
    assert tags(selected(tree, paths("PixelData"))) == [PIXELS, ITEM, ITEM, *CLOSE]


def test_what_is_inside_a_chosen_sequence_is_not_given_twice(tree: list[Element]) -> None:
    both = list(selected(tree, paths("ContentSequence", "CodeValue")))
    assert values(e for e in both if e.tag == CODE) == [b"P0", b"C0", b"D0", b"C2"]


def test_an_empty_sequence_hides_nothing_behind_it(tmp_path: Path) -> None:
    empty = element(0x00081110, "SQ", b"") + element(0x00081115, "SQ", SEQUENCE_END, UNDEFINED)
    elements = walk(tmp_path, part10(empty + element(NAME, "PN", b"Doe^Jane")))
    sequences = paths("ReferencedStudySequence", "ReferencedSeriesSequence")
    found = selected(elements, [*sequences, *paths("PatientName")])
    assert tags(found) == [0x00081110, *CLOSE, 0x00081115, *CLOSE, NAME]


def test_a_star_chooses_everything(tree: list[Element]) -> None:
    assert list(selected(tree, paths("*"))) == tree


# Choosing with what is above


def test_the_sequences_above_are_given_up_to_the_item(tree: list[Element]) -> None:
    found = list(selected(tree, paths("ContentSequence[2].CodeValue"), ancestors=True))
    assert tags(found) == [
        CONTENT,
        *OPEN,
        *CLOSE_ITEM,
        *OPEN,
        *CLOSE_ITEM,
        *OPEN,
        CODE,
        *CLOSE_ITEM,
        *CLOSE,
    ]
    assert values(e for e in found if e.tag == CODE) == [b"C2"]


def test_sequences_that_hold_nothing_chosen_are_left_out(tree: list[Element]) -> None:
    found = list(
        selected(tree, paths("PatientName", "ContentSequence[0].CodeValue"), ancestors=True)
    )
    assert PRIVATE not in tags(found)
    assert CONCEPT not in tags(found)
    assert PIXELS not in tags(found)
    assert is_balanced(found)


def test_nothing_chosen_gives_nothing(tree: list[Element]) -> None:
    assert list(selected(tree, paths("Modality"), ancestors=True)) == []


def test_elements_after_a_sequence_stand_behind_it(tree: list[Element]) -> None:
    found = list(selected(tree, paths("CodeValue", "PixelData"), ancestors=True))
    assert is_balanced(found)
    assert tags(found)[-4:] == [PIXELS, ITEM, ITEM, END_OF_SEQUENCE]
    assert values(e for e in found if e.tag == CODE) == [b"P0", b"C0", b"D0", b"C2"]


@pytest.mark.parametrize(
    "texts",
    [
        ["CodeValue"],
        ["CodeMeaning", "ContentSequence[1].*"],
        ["ConceptNameCodeSequence"],
        ["ContentSequence", "CodeValue"],
        ['(0029,"ACME",01)'],
        ["PixelData"],
        ["*"],
        ["*.*"],
        ["*.*.*"],
    ],
)
@pytest.mark.parametrize("ancestors", [False, True])
def test_a_choice_is_balanced_and_keeps_the_order(
    tree: list[Element], texts: list[str], *, ancestors: bool
) -> None:
    found = list(selected(tree, paths(*texts), ancestors=ancestors))
    assert found
    assert is_balanced(found)
    places = [next(n for n, e in enumerate(tree) if e is chosen) for chosen in found]
    assert places == sorted(set(places))


def test_an_item_keeps_its_number(tree: list[Element]) -> None:
    found = list(selected(tree, paths("ContentSequence[2].CodeValue"), ancestors=True))
    assert [e.level.index for e in found if e.tag == ITEM] == [0, 1, 2]


@pytest.mark.parametrize("ancestors", [False, True])
def test_deep_sequences_are_searched_in_time(tmp_path: Path, *, ancestors: bool) -> None:
    opening = implicit(CONTENT, b"", UNDEFINED) + item(b"", UNDEFINED)
    body = implicit(CODE, b"C ") + opening * 1500 + implicit(CODE, b"D ")
    body += (ITEM_END + SEQUENCE_END) * 1500
    elements = walk(tmp_path, part10(body, IMPLICIT))
    found = list(selected(elements, paths("CodeValue"), ancestors=ancestors))
    assert values(e for e in found if e.tag == CODE) == [b"C ", b"D "]
    assert len(found) == (2 + 4 * 1500 if ancestors else 2)


def test_many_items_far_down_are_searched_in_time(tmp_path: Path) -> None:
    opening = implicit(CONTENT, b"", UNDEFINED) + item(b"", UNDEFINED)
    leaves = implicit(CONTENT, item(implicit(CODE, b"D ")) * 3000)
    body = opening * 1900 + leaves + (ITEM_END + SEQUENCE_END) * 1900
    path = write(tmp_path / "file.dcm", part10(implicit(CODE, b"C ") + body, IMPLICIT))
    elements = walk(tmp_path, path.read_bytes())
    started = time.perf_counter()
    assert len(list(selected(elements, paths("CodeValue")))) == 3001
    with open_dicom(path) as file:
        assert len(first_values(file, paths("ContentSequence.CodeMeaning"))[0]) == 0
    assert time.perf_counter() - started < 2


# Leaving out


def test_private_elements_are_left_out_with_all_they_hold(tree: list[Element]) -> None:
    found = list(without_private(tree))
    assert all(not (e.tag >> 16) & 1 for e in found if e.vr)
    assert values(e for e in found if e.tag == CODE) == [b"C0", b"D0", b"C2"]
    assert is_balanced(found)
    assert tags(found)[-4:] == [PIXELS, ITEM, ITEM, END_OF_SEQUENCE]


def test_private_fragments_are_left_out(tmp_path: Path) -> None:
    private = element(0x00291010, "SQ", item(item()[:0]) + item(code(b"P0")))
    elements = walk(tmp_path, part10(BODY + private + element(0x00400280, "ST", b"after ")))
    assert tags(without_private(elements))[-2:] == [0x00100020, 0x00400280]


@pytest.mark.parametrize(
    ("depth", "codes"),
    [(0, []), (1, [b"P0", b"C0", b"C2"]), (2, [b"P0", b"C0", b"D0", b"C2"]), (9, None)],
)
def test_items_below_a_depth_are_left_out(
    tree: list[Element], depth: int, codes: list[bytes] | None
) -> None:
    found = list(to_depth(tree, depth))
    assert is_balanced(found)
    assert tags(e for e in found if not e.level.depth) == tags(e for e in tree if not e.level.depth)
    if codes is None:
        assert found == tree
    else:
        assert values(e for e in found if e.tag == CODE) == codes


# One value a file


def first(path: Path, content: bytes, *texts: str) -> list[list[bytes | None]]:
    with open_dicom(write(path / "file.dcm", content)) as file:
        return [values(found) for found in first_values(file, paths(*texts))]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["PatientName"], [[b"Doe^Jane"]]),
        (["PatientID", "PatientName"], [[b"PID-1 "], [b"Doe^Jane"]]),
        (["PatientName", "PatientName"], [[b"Doe^Jane"], [b"Doe^Jane"]]),
        (["TransferSyntaxUID", "PatientName"], [[JPEG.encode()], [b"Doe^Jane"]]),
        (["CodeValue"], [[b"P0", b"C0", b"D0", b"C2"]]),
        (["ContentSequence[2].CodeValue"], [[b"C2"]]),
        (['(0029,"ACME",01).CodeValue', "PatientName"], [[b"P0"], [b"Doe^Jane"]]),
        (["Modality", "PatientName"], [[], [b"Doe^Jane"]]),
        (["(0010,xxxx)"], [[b"Doe^Jane", b"PID-1 "]]),
        (["(0029,0010)"], [[b"ACME"]]),
    ],
)
def test_each_path_gets_its_values(
    tmp_path: Path, texts: list[str], found: list[list[bytes]]
) -> None:
    assert first(tmp_path, part10(TREE, JPEG), *texts) == found


def test_the_element_of_the_data_set_is_preferred_to_those_in_sequences(tmp_path: Path) -> None:
    nested = element(0x00081110, "SQ", item(element(0x00081155, "UI", b"1.1\0") + code(b"X ")))
    body = nested + element(NAME, "PN", b"Doe^Jane")
    in_both = element(CODE, "SH", b"TOP ") + body
    assert first(tmp_path, part10(body), "CodeValue") == [[b"X "]]
    assert first(tmp_path, part10(in_both), "CodeValue") == [[b"TOP "]]
    assert first(tmp_path, part10(in_both), "CodeValue", "ContentSequence.*") == [[b"TOP "], []]


def test_the_character_set_comes_with_the_element(tmp_path: Path) -> None:
    body = element(0x00080005, "CS", b"ISO_IR 192") + BODY
    with open_dicom(write(tmp_path / "file.dcm", part10(body))) as file:
        [[name]] = first_values(file, paths("PatientName"))
        assert name.level.charset == b"ISO_IR 192"
    with open_dicom(write(tmp_path / "file.dcm", part10(BODY)), charset="GBK") as file:
        [[name]] = first_values(file, paths("PatientName"))
        assert name.level.charset == b"GBK"


@pytest.mark.parametrize("target", [0x00080018, NAME, 0x00100020])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", IMPLICIT])
def test_nothing_behind_the_last_element_is_looked_at(
    tmp_path: Path, target: int, syntax: str
) -> None:
    encode = implicit if syntax == IMPLICIT else lambda tag, value: element(tag, "LO", value)
    body = b"".join(encode(tag, b"%08x" % tag) for tag in (0x00080018, NAME, 0x00100020))
    kept = body[: body.index(b"%08x" % target) + 8]
    with open_dicom(write(tmp_path / "file.dcm", part10(kept, syntax))) as file:
        [[found]] = first_values(file, [TagPath((Node(target),))])
        assert (found.value, found.length) == (b"%08x" % target, 8)
        assert not file.problems


def test_pixel_data_is_not_read_for_a_name(tmp_path: Path) -> None:
    broken = element(PIXELS, "OW", bytes(10), 0xFFFFFFFE)
    with open_dicom(write(tmp_path / "file.dcm", part10(BODY + broken))) as file:
        assert values(first_values(file, paths("PatientName"))[0]) == [b"Doe^Jane"]
        assert not file.problems


def test_a_walk_ends_once_all_is_found(tmp_path: Path) -> None:
    broken = element(PIXELS, "OW", bytes(10), 0xFFFFFFFE)
    nested = element(CONTENT, "SQ", item(code(b"C0")))
    content = part10(BODY + nested + element(0x00400280 | 0xB000, "ST", b"x ") + broken)
    with open_dicom(write(tmp_path / "file.dcm", content)) as file:
        found = first_values(file, paths("PatientName", "ContentSequence.CodeValue"))
        assert [values(each) for each in found] == [[b"Doe^Jane"], [b"C0"]]
        assert not file.damage


def test_an_element_out_of_order_is_found(tmp_path: Path) -> None:
    body = element(NAME, "PN", b"Doe^Jane") + element(0x00080060, "CS", b"CT")
    assert first(tmp_path, part10(body), "Modality") == [[b"CT"]]
    assert first(tmp_path, part10(body), "Modality", "PatientName") == [[b"CT"], [b"Doe^Jane"]]


def test_every_copy_before_the_end_of_the_search_is_found(tmp_path: Path) -> None:
    body = element(NAME, "PN", b"Doe^Jane") + element(NAME, "PN", b"Roe^Rick")
    found = first(tmp_path, part10(body), "PatientName")
    assert found[0][0] == b"Doe^Jane"


def test_a_long_value_is_found_and_can_be_asked_for(tmp_path: Path) -> None:
    pixels = bytes(range(256)) * 1024
    content = part10(BODY + element(PIXELS, "OW", pixels))
    with open_dicom(write(tmp_path / "file.dcm", content)) as file:
        [[found]] = first_values(file, paths("PixelData"))
        assert file.value(found) == pixels


def test_a_deflated_file_is_searched(tmp_path: Path) -> None:
    body = zlib.compress(TREE, wbits=-zlib.MAX_WBITS)
    found = first(tmp_path, part10(body, DEFLATED), "PatientName", "ContentSequence[2].CodeValue")
    assert found == [[b"Doe^Jane"], [b"C2"]]


# The short way and the long way agree


FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
COMMON = [
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "Modality",
    "Manufacturer", "StudyDescription", "PatientName", "PatientID", "PatientAge", "SliceThickness",
    "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber", "ImageComments", "Rows", "Columns",
    "PixelRepresentation", "SmallestImagePixelValue", "RescaleSlope", "WindowCenter", "PixelData",
    "TransferSyntaxUID", "MediaStorageSOPClassUID", "CodeValue", "ReferencedSOPInstanceUID",
    "BeamSequence", "ContentSequence", "DirectoryRecordSequence", "00080000", "00100000",
]  # fmt: skip


Found = list[list[tuple[object, ...]]]


def both_ways(path: Path, wanted: list[TagPath]) -> tuple[Found, Found]:
    def described(found: list[list[Element]]) -> Found:
        return [
            [(*e[:6], e.level.depth, e.level.charset if e.vr in CHARSET_VRS else b"") for e in each]
            for each in found
        ]

    with open_dicom(path) as file:
        short = described(first_values(file, wanted))
    with open_dicom(path) as file:
        return short, described(select._walk(file, wanted))


@pytest.mark.parametrize(
    "path", [path for path in sorted(FOLDER.glob("*.dcm")) if path.name != "no_meta.dcm"],
    ids=lambda path: path.name,
)  # fmt: skip
def test_a_bundled_file_gives_the_same_by_the_short_way(path: Path) -> None:
    for keyword in COMMON:
        short, long = both_ways(path, paths(keyword))
        assert short == long, keyword
    with open_dicom(path) as file:
        own = sorted({e.tag for e in file.elements() if e.vr and not e.level.depth})
    for last in range(1, len(own), 7):
        short, long = both_ways(path, [TagPath((Node(tag),)) for tag in own[:last] if tag != ITEM])
        assert short == long


PIECES = [
    (0x00080005, "CS", b"ISO_IR 192"),
    (0x00080060, "CS", b"CT"),
    (0x00080060, "CS", b""),
    (0x00081110, "SQ", item(code(b"C0"))),
    (NAME, "PN", b"Doe^Jane"),
    (0x00100020, "LO", b"PID-1 "),
    (0x00100020, "UN", b"PID-1 "),
    (0x00100020, "??", b"PID-1 "),
    (0x00280103, "US", b"\1\0"),
    (0x00280106, "SS", b"\xfe\xff"),
    (0x00290010, "LO", b"ACME"),
    (CONTENT, "SQ", item(element(NAME, "PN", b"In^Item "))),
    (PIXELS, "OW", b"\1\2"),
    (PIXELS, "OW", bytes(70_000)),
]
SOUGHT = [0x00080005, 0x00080060, NAME, 0x00100020, 0x00280103, 0x00280106, CODE, PIXELS, CONTENT]


def encoded(pieces: list[tuple[int, str, bytes]], *, is_implicit: bool) -> bytes:
    if is_implicit:
        body = b"".join(implicit(tag, value) for tag, vr, value in pieces if vr != "SQ")
        return part10(body, IMPLICIT)
    return part10(b"".join(element(*piece) for piece in pieces))


TARGETS = st.lists(st.sampled_from(SOUGHT), min_size=1, max_size=3).map(
    lambda tags: [TagPath((Node(tag),)) for tag in tags]
)
FILES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8)
QUICK = settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@given(pieces=FILES, wanted=TARGETS, cut=st.integers(0, 12), is_implicit=st.booleans())
@settings(QUICK)
def test_a_file_in_order_gives_the_same_by_the_short_way(
    tmp_path: Path,
    pieces: list[tuple[int, str, bytes]],
    wanted: list[TagPath],
    cut: int,
    *,
    is_implicit: bool,
) -> None:
    in_order = list({piece[0]: piece for piece in sorted(pieces)}.values())
    content = encoded(in_order, is_implicit=is_implicit)
    path = write(tmp_path / "file.dcm", content[: len(content) - cut])
    try:
        short, long = both_ways(path, wanted)
    except DcmtoolsError:
        return
    assert short == long


@given(pieces=FILES, wanted=TARGETS, is_implicit=st.booleans())
@settings(QUICK)
def test_a_file_out_of_order_gives_the_first_of_each_by_the_short_way(
    tmp_path: Path,
    pieces: list[tuple[int, str, bytes]],
    wanted: list[TagPath],
    *,
    is_implicit: bool,
) -> None:
    path = write(tmp_path / "file.dcm", encoded(pieces, is_implicit=is_implicit))
    try:
        short, long = both_ways(path, wanted)
    except DcmtoolsError:
        return
    for mine, all_of_them in zip(short, long, strict=True):
        assert bool(mine) == bool(all_of_them)
        assert [each[:6] for each in mine] == [each[:6] for each in all_of_them[: len(mine)]]


def test_the_vr_of_an_implicit_element_is_the_same_both_ways(tmp_path: Path) -> None:
    body = implicit(0x00080060, b"CT") + implicit(0x00280103, pack("<H", 1))
    body += implicit(0x00280106, b"\xfe\xff") + implicit(0x00290010, b"ACME")
    path = write(tmp_path / "file.dcm", part10(body, IMPLICIT))
    short, long = both_ways(path, paths("SmallestImagePixelValue"))
    assert short == long
    assert short[0][0][1] == "SS"

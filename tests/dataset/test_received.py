"""Data sets that were received: whether they are whole, and what they say they are."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmtools.dataset.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE, Element, Encoding
from dcmtools.dataset.header import read_header
from dcmtools.dataset.received import (
    PATIENT_ID,
    SOP_CLASS,
    SOP_INSTANCE,
    Check,
    instance_of,
    look_through,
    value_of,
)
from dcmtools.dataset.scan import Scanner
from dcmtools.dataset.source import BytesSource
from dcmtools.errors import DcmtoolsError, InputError
from tests.factories import (
    BODY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    make_ct,
    part10,
)

WANTED = frozenset({0x00080005, SOP_CLASS, SOP_INSTANCE, PATIENT_ID, 0x00280010, 0x00091001})


def values(data: bytes, syntax: str = EXPLICIT) -> dict[int, str]:
    whole = part10(data, syntax)
    return look_through(BytesSource(whole), len(whole) - len(data), syntax, WANTED).values


def alike(data: bytes | BytesSource, start: int, encoding: Encoding) -> None:
    """Hold the short walk against the long one: the same values, the same problems."""
    source = BytesSource(data) if isinstance(data, bytes) else data
    plain, check = Scanner(source, start, encoding), Check(source, start, encoding)
    found: dict[int, Element] = {}
    for each in plain:
        if each.tag in WANTED and not each.level.depth:
            found.setdefault(each.tag, each)
    expected = {tag: value_of(each) for tag, each in found.items()}
    assert check.values(WANTED) == expected
    assert check.problems == plain.problems
    assert check.position == plain.position


@pytest.mark.corpus
def test_the_walk_takes_the_steps_of_the_reader(corpus_files: list[Path]) -> None:
    """Every file of the corpus, and every one of them cut."""
    walked = 0
    for path in corpus_files:
        if not path.is_file() or path.stat().st_size > 4_000_000:
            continue
        raw = path.read_bytes()
        for content in (raw, raw[:-1], raw[: len(raw) * 2 // 3]):
            try:
                header = read_header(BytesSource(content), path.name, 1 << 24)
            except DcmtoolsError:
                continue
            assert isinstance(header.source, BytesSource)
            alike(header.source, header.start, header.encoding)
            walked += 1
    assert walked > 100


PIECES = st.sampled_from(
    [
        BODY,
        element(0x00091001, "LO", b"private "),
        element(0x00100020, "LO", b"other "),
        element(0x00280010, "US", b"\0\2"),
        element(0x00280010, "US", b"\0\2")[:-1],
        element(0x00400555, "SQ", b"", UNDEFINED),
        element(0x00400555, "SQ", b"", 20),
        element(0x7FE00010, "OB", b"", UNDEFINED),
        element(0x7FE00010, "OW", bytes(70_000)),
        element(0x00280051, "??", b"12"),
        implicit(0x00100020, b"implicit"),
        item(b"", UNDEFINED),
        item(BODY),
        item(b"1234"),
        ITEM_END,
        SEQUENCE_END,
        b"\0\0",
    ]
)


@given(st.lists(PIECES, max_size=10).map(b"".join), st.booleans())
@settings(deadline=None)
def test_the_walk_takes_the_steps_of_the_reader_whatever_comes(data: bytes, vr: bool) -> None:  # noqa: FBT001
    alike(BODY + data, 0, EXPLICIT_LITTLE if vr else IMPLICIT_LITTLE)


def test_only_the_data_set_itself_is_asked_and_its_first_element() -> None:
    nested = element(0x00081140, "SQ", item(element(0x00280010, "US", b"\7\7")))
    data = BODY + nested + element(0x00100020, "LO", b"second")
    assert values(data) == {
        SOP_CLASS: "1.2.840.10008.5.1.4.1.1.2",
        SOP_INSTANCE: "1.2.3.4",
        PATIENT_ID: "PID-1",
    }


@pytest.mark.parametrize(
    ("vr", "raw", "shown"),
    [
        ("LO", b" PID-1 ", "PID-1"),
        ("LO", b"\0\0", ""),
        ("LO", b"", ""),
        ("LO", b"a\x1bb\xff", "a\x1bb\udcff"),
        ("UN", b"PID-1 ", "PID-1"),
        ("US", b"\1\0\2\0", "1\\2"),
        ("OB", b"\1\2", "01\\02"),
        ("SQ", item(BODY), ""),
        ("UT", b"x" * 66_000, ""),
    ],
)
def test_a_value(vr: str, raw: bytes, shown: str) -> None:
    data = BODY[: -len(element(0x00100020, "LO", b"PID-1 "))] + element(0x00100020, vr, raw)
    assert values(data)[PATIENT_ID] == shown


def test_a_value_in_its_character_set() -> None:
    charset = element(0x00080005, "CS", b"ISO_IR 100")
    data = charset + BODY + element(0x00280010, "LO", b"M\xfcller")
    assert values(data)[0x00280010] == "M\u00fcller"


def test_implicit_and_private() -> None:
    data = (
        implicit(0x00080016, b"1.2\0")
        + implicit(0x00090010, b"ACME")
        + implicit(0x00091001, b"private ")
    )
    assert values(data, IMPLICIT) == {SOP_CLASS: "1.2", 0x00091001: "private"}


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED])
@pytest.mark.parametrize("data", [b"", bytes(100), b"\xff" * 999, BODY[:-1], BODY[60:]])
def test_what_is_no_whole_data_set(data: bytes, syntax: str) -> None:
    with pytest.raises(InputError, match=r"^data set: "):
        values(data, syntax)


def test_what_is_not_known_is_told_not_refused() -> None:
    whole = part10(b"\xff" * 999, "1.2.3")
    content = look_through(BytesSource(whole), len(whole) - 999, "1.2.3", WANTED)
    assert content.values == {}
    assert content.doubt


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED])
def test_the_instance_of_a_file(tmp_path: Path, syntax: str) -> None:
    path = make_ct(tmp_path / "a", syntax=syntax, SOPInstanceUID="1.2.3.4.5")
    assert instance_of(path) == "1.2.3.4.5"
    path.write_bytes(part10(element(0x00081140, "SQ", item(BODY)) + element(0x00100020, "LO", b"")))
    assert not instance_of(path)
    path.write_bytes(b"no DICOM")
    with pytest.raises(InputError):
        instance_of(path)

"""What of a file can be sent, as what, and why not."""

from __future__ import annotations

import gzip
import os
import zlib
from dataclasses import replace
from pathlib import Path
from struct import pack
from time import perf_counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from dcmtools.dataset.dictionary import uid_keyword
from dcmtools.dataset.outgoing import Outgoing, check, look_at
from dcmtools.dataset.query_models import is_uid
from dcmtools.errors import DcmtoolsError, InputError, NotDicomError
from tests.factories import (
    BIG,
    BODY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    corpus,
    element,
    implicit,
    item,
    make_ct,
    part10,
    write,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
UIDS = (
    element(0x00080016, "UI", CT.encode() + b"\0")
    + element(0x00080018, "UI", b"1.2.3.4\0")
    + element(0x0020000D, "UI", b"1.2.5 ")
    + element(0x0020000E, "UI", b"1.2.6\0")
)
PIXELS = element(0x7FE00010, "OW", bytes(8))
ENCAPSULATED = (
    element(0x7FE00010, "OB", b"", UNDEFINED) + item() + item(b"\xff\xd8\xff\xd9") + SEQUENCE_END
)
WHOLE = UIDS + PIXELS
TABLE = Path(__file__).with_name("outgoing.tsv")


def sent(path: Path) -> Outgoing:
    """Look at a file, and look through it."""
    return check(look_at(path))


def refusal(path: Path) -> str:
    """Say why a file is not sent."""
    with pytest.raises(DcmtoolsError) as caught:
        sent(path)
    assert caught.value.what == str(path)
    return caught.value.why


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_what_an_object_is(tmp_path: Path, syntax: str) -> None:
    path = make_ct(tmp_path / "ct.dcm", syntax=syntax)
    data = dcmread(path)
    looked_at = look_at(path)
    assert looked_at == Outgoing(
        path,
        sop_class=CT,
        sop_instance=data.SOPInstanceUID,
        study=data.StudyInstanceUID,
        series=data.SeriesInstanceUID,
        transfer_syntax=syntax,
        start=looked_at.start,
        size=path.stat().st_size - looked_at.start,
    )
    assert path.read_bytes()[looked_at.start - 144 :].count(syntax.encode()) == 1
    checked = check(looked_at)
    assert replace(checked, size=0) == replace(looked_at, size=0)
    assert 0 <= looked_at.size - checked.size < 2


def test_it_need_not_belong_to_a_study(tmp_path: Path) -> None:
    outgoing = sent(write(tmp_path / "a", part10(BODY)))
    assert (outgoing.study, outgoing.series) == ("", "")


def test_uids_of_items_are_not_its_own(tmp_path: Path) -> None:
    inner = element(0x00080018, "UI", b"9.9\0") + element(0x0020000D, "UI", b"9.9\0")
    nested = element(0x00081115, "SQ", item(inner))
    first, rest = UIDS[:34], UIDS[34:]
    assert first.endswith(CT.encode() + b"\0")
    before = element(0x00080005, "CS", b"ISO_IR 100") + first
    path = write(tmp_path / "a", part10(before + rest[:16] + nested + rest[16:]))
    assert sent(path).sop_instance == "1.2.3.4"
    assert sent(path).study == "1.2.5"
    without = write(tmp_path / "b", part10(first + nested + rest[16:]))
    assert refusal(without).startswith("has no SOP Instance UID (0008,0018)")


@pytest.mark.parametrize(
    ("body", "syntax"),
    [
        (UIDS, EXPLICIT),
        (implicit(0x00080016, CT.encode() + b"\0") + implicit(0x00080018, b"1.2.3.4\0"), IMPLICIT),
    ],
)
def test_a_bare_data_set(tmp_path: Path, body: bytes, syntax: str) -> None:
    outgoing = sent(write(tmp_path / "a", body))
    assert (outgoing.start, outgoing.size) == (0, len(body))
    assert outgoing.transfer_syntax == syntax


@pytest.mark.parametrize("length", [0, 20, 4000, 0xFFFFFFFF])
def test_a_wrong_group_length(tmp_path: Path, length: int) -> None:
    content = part10(WHOLE)
    at = content.index(b"UL\x04\0") + 4
    path = write(tmp_path / "a", content[:at] + pack("<I", length) + content[at + 4 :])
    outgoing = sent(path)
    assert path.read_bytes()[outgoing.start :] == WHOLE
    assert outgoing.size == len(WHOLE)
    assert len(outgoing.warnings) == 1
    assert outgoing.warnings[0].startswith("the file meta group says it is ")


@pytest.mark.parametrize(
    ("announced", "body", "real"),
    [
        (IMPLICIT, WHOLE, EXPLICIT),
        (BIG, WHOLE, EXPLICIT),
        (DEFLATED, WHOLE, EXPLICIT),
        (
            EXPLICIT,
            implicit(0x00080016, CT.encode() + b"\0") + implicit(0x00080018, b"1.2.3.4\0"),
            IMPLICIT,
        ),
    ],
)
def test_it_goes_in_the_syntax_in_which_it_is(
    tmp_path: Path, announced: str, body: bytes, real: str
) -> None:
    outgoing = sent(write(tmp_path / "a", part10(body, announced)))
    assert outgoing.transfer_syntax == real
    assert len(outgoing.warnings) == 1


def test_a_compressed_syntax_and_another_encoding(tmp_path: Path) -> None:
    body = implicit(0x00080016, CT.encode() + b"\0") + implicit(0x00080018, b"1.2.3.4\0")
    why = refusal(write(tmp_path / "a", part10(body, JPEG)))
    assert why == "announces JPEGBaseline8Bit, and is encoded as implicit VR little endian"


def test_a_private_syntax_and_class(tmp_path: Path) -> None:
    body = UIDS.replace(CT.encode() + b"\0", b"1.2.826.0.1.3680043.9.55\0\0")
    outgoing = sent(write(tmp_path / "a", part10(body + PIXELS, "1.2.826.0.1.3680043.9.56")))
    assert outgoing.sop_class == "1.2.826.0.1.3680043.9.55"
    assert outgoing.transfer_syntax == "1.2.826.0.1.3680043.9.56"


# What is behind the data set


@pytest.mark.parametrize("count", [1, 2, 7, 8, 5000, 200_000])
def test_zeros_behind_it_are_not_sent(tmp_path: Path, count: int) -> None:
    path = write(tmp_path / "a", part10(WHOLE) + bytes(count))
    assert look_at(path).size == len(WHOLE) + count
    outgoing = sent(path)
    assert outgoing.size == len(WHOLE)
    assert len(outgoing.warnings) == 1
    assert outgoing.warnings[0].startswith(f"{count} zero bytes follow the data set")


def test_padding_in_the_data_set_is_part_of_it(tmp_path: Path) -> None:
    body = WHOLE + element(0xFFFCFFFC, "OB", bytes(50))
    outgoing = sent(write(tmp_path / "a", part10(body)))
    assert (outgoing.size, outgoing.warnings) == (len(body), ())


@pytest.mark.parametrize("tail", [b"garbage!", part10(WHOLE), b"\xff" * 16, b"\n"])
def test_what_else_follows_it_is_not_sent_unnoticed(tmp_path: Path, tail: bytes) -> None:
    assert refusal(write(tmp_path / "a", part10(WHOLE) + tail)).startswith("is damaged: ")


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, JPEG, DEFLATED])
@pytest.mark.parametrize("bare", [True, False])
def test_a_second_object_is_never_sent_with_the_first(
    tmp_path: Path, syntax: str, *, bare: bool
) -> None:
    if syntax == JPEG:
        first = part10(UIDS + ENCAPSULATED, JPEG)
    else:
        first = make_ct(tmp_path / "ct", syntax=syntax).read_bytes()
    group = first.index(b"DICM") + 4
    start = look_at(write(tmp_path / "a", first)).start if bare else group
    assert refusal(write(tmp_path / "b", first + first[start:]))
    if bare and syntax != DEFLATED:
        assert refusal(write(tmp_path / "c", first[start:] + first[start:]))


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        (UIDS, "has a second SOPClassUID (0008,0016), at byte "),
        (UIDS[34:], "has a second SOPInstanceUID (0008,0018), at byte "),
        (PIXELS, "has a second PixelData (7fe0,0010), at byte "),
        (element(0x00020010, "UI", b"1.2\0"), "has TransferSyntaxUID (0002,0010) in its data set"),
        (element(0, "UL", b"size"), "has CommandGroupLength (0000,0000) in its data set"),
    ],
)
def test_a_second_data_set_is_told_by_what_must_not_be_there(
    tmp_path: Path, tail: bytes, why: str
) -> None:
    path = write(tmp_path / "a", part10(WHOLE + tail))
    assert refusal(path).startswith(why)
    with pytest.raises(InputError) as caught:
        sent(path)
    assert caught.value.hint == "What begins there may be another file, and of another patient."


@pytest.mark.parametrize(
    "odd",
    [
        element(0x00100020, "LO", b"P2"),
        element(0x00080005, "CS", b"ISO_IR 100"),
        element(0x00081140, "SQ", item(element(0x00020010, "UI", b"1.2\0") + UIDS)),
    ],
)
def test_other_doubles_and_disorder_are_told(tmp_path: Path, odd: bytes) -> None:
    body = UIDS + element(0x00100020, "LO", b"P1") + odd + PIXELS
    outgoing = sent(write(tmp_path / "a", part10(body)))
    assert outgoing.size == len(body)
    assert outgoing.warnings


@pytest.mark.parametrize(
    ("tail", "size", "warned"),
    [(b"", 0, 0), (b"\0", 0, 0), (bytes(9), 0, 1), (b"CRC", None, 0)],
)
def test_behind_a_deflated_data_set(
    tmp_path: Path, tail: bytes, size: int | None, warned: int
) -> None:
    stream = zlib.compressobj(wbits=-15)
    body = stream.compress(WHOLE) + stream.flush()
    path = write(tmp_path / "a", part10(body, DEFLATED) + tail)
    if size is None:
        assert "foreign bytes follow" in refusal(path)
        return
    outgoing = sent(path)
    assert outgoing.size == len(body)
    assert len(outgoing.warnings) == warned


@pytest.mark.parametrize("wrap", [zlib.compress, gzip.compress])
def test_a_wrapper_around_a_deflated_one_is_told(tmp_path: Path, wrap: type) -> None:
    outgoing = sent(write(tmp_path / "a", part10(wrap(WHOLE), DEFLATED)))
    assert "the deflated data set has a wrapper of zlib or gzip, which few can read" in (
        outgoing.warnings
    )


def test_an_odd_data_set_is_told(tmp_path: Path) -> None:
    body = UIDS + element(0x7FE00010, "OB", b"\1\2\3")
    outgoing = sent(write(tmp_path / "a", part10(body)))
    assert outgoing.size == len(body)
    assert outgoing.warnings[-1].startswith(f"the data set has an odd length of {len(body)} bytes")


# What is refused


@pytest.mark.parametrize("cut", [1, 7, 9, 14, 19])
def test_what_is_cut_short(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "a", part10(WHOLE)[:-cut])
    assert refusal(path).startswith("is damaged: ")
    with pytest.raises(InputError) as caught:
        sent(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "has no SOP Class UID (0008,0016), without which it cannot be sent"),
        (UIDS[34:], "has no SOP Class UID (0008,0016), without which it cannot be sent"),
        (UIDS[:34], "has no SOP Instance UID (0008,0018), without which it cannot be sent"),
        (
            UIDS[:34] + element(0x00080018, "UI", b""),
            "has no SOP Instance UID (0008,0018), without which it cannot be sent",
        ),
        (
            UIDS[:34] + element(0x00080018, "UI", b"../\x1b\n"),
            "has a SOP Instance UID (0008,0018) that is none: '../\\x1b\\x0a'",
        ),
        (
            UIDS[:34] + element(0x00080018, "UI", b"1" * 66),
            f"has a SOP Instance UID (0008,0018) that is none: '{'1' * 66}'",
        ),
        (
            UIDS[:34] + element(0x00080018, "UI", b"1" * 60_000),
            f"has a SOP Instance UID (0008,0018) that is none: '{'1' * 80}...'",
        ),
    ],
)
def test_what_does_not_say_what_it_is(tmp_path: Path, body: bytes, why: str) -> None:
    assert refusal(write(tmp_path / "a", part10(body + element(0x00100020, "LO", b"PX")))) == why


def test_a_header_that_says_something_else(tmp_path: Path) -> None:
    meta = element(0x00020002, "UI", CT.encode() + b"\0") + element(0x00020003, "UI", b"1.2.3.5\0")
    meta += element(0x00020010, "UI", EXPLICIT.encode() + b"\0")
    path = write(tmp_path / "a", bytes(128) + b"DICM" + meta + WHOLE)
    assert refusal(path) == "the file meta group names another SOP Instance UID than the data set"
    path = write(tmp_path / "b", path.read_bytes().replace(b"1.2.3.5", b"1.2.3.4"))
    assert sent(path).sop_instance == "1.2.3.4"
    path = write(
        tmp_path / "c", path.read_bytes().replace(CT.encode(), b"1.2.840.10008.5.1.4.1.1.4")
    )
    assert sent(path).sop_class.endswith(".4")


@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED])
def test_encapsulated_pixels_in_a_plain_syntax(tmp_path: Path, syntax: str) -> None:
    body = UIDS + ENCAPSULATED
    if syntax == DEFLATED:
        stream = zlib.compressobj(wbits=-15)
        body = stream.compress(body) + stream.flush()
    why = refusal(write(tmp_path / "a", part10(body, syntax)))
    assert why == f"has encapsulated pixel data, which {uid_keyword(syntax)} has not"


def test_plain_pixels_in_a_compressed_syntax_are_told(tmp_path: Path) -> None:
    assert sent(write(tmp_path / "a", part10(WHOLE, JPEG))).warnings == (
        "its pixel data is not encapsulated, as JPEGBaseline8Bit wants it",
    )
    assert sent(write(tmp_path / "b", part10(UIDS + ENCAPSULATED, JPEG))).warnings == ()


def test_nested_pixel_data_is_an_icon(tmp_path: Path) -> None:
    icon = element(0x00880200, "SQ", item(element(0x7FE00010, "OW", bytes(2))))
    assert sent(write(tmp_path / "a", part10(UIDS + icon + ENCAPSULATED, JPEG))).warnings == ()


@pytest.mark.parametrize("content", [b"", b"no DICOM " * 99, b"\xff\xd8" + bytes(999)])
def test_what_is_no_dicom(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NotDicomError):
        look_at(write(tmp_path / "a", content))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing") == "no such file or directory"
    assert refusal(tmp_path).startswith("is a ")
    assert refusal(Path("-")) == "standard input cannot be sent"


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "is no regular file"
    assert refusal(Path("/dev/zero")) == "is no regular file"


# What changes after it was looked at


def test_another_object_in_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "a", part10(WHOLE))
    outgoing = look_at(path)
    write(path, part10(WHOLE.replace(b"1.2.3.4", b"1.2.3.9")))
    with pytest.raises(InputError, match="has become another object since it was looked at"):
        check(outgoing)
    write(path, WHOLE)
    with pytest.raises(InputError, match="has become another object since it was looked at"):
        check(outgoing)
    write(path, b"")
    with pytest.raises(InputError, match="is empty"):
        check(outgoing)
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        check(outgoing)


# Whatever it is


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    start=st.sampled_from([b"", part10(b""), part10(UIDS), part10(UIDS, DEFLATED), UIDS]),
    noise=st.binary(max_size=300),
    place=st.integers(0, 500),
)
def test_no_bytes_make_it_stumble(tmp_path: Path, start: bytes, noise: bytes, place: int) -> None:
    for content in (start + noise, start[:place] + noise + start[place + len(noise) :]):
        try:
            outgoing = sent(write(tmp_path / "a", content))
        except DcmtoolsError as error:
            assert error.what == str(tmp_path / "a")  # noqa: PT017 - it need not fail
        else:
            assert is_uid(outgoing.sop_class)
            assert is_uid(outgoing.sop_instance)
            assert 0 < outgoing.size <= len(content) - outgoing.start


# How fast, and how much memory


def test_looking_reads_the_beginning_alone(tmp_path: Path) -> None:
    path = tmp_path / "big"
    size = 1 << 32
    with path.open("wb") as file:
        file.write(part10(UIDS + element(0x7FE00010, "OW", b"", size - 2)))
        file.truncate(file.tell() + size - 2)
    started = perf_counter()
    outgoing = look_at(path)
    assert perf_counter() - started < 0.5
    assert outgoing.size > size
    started = perf_counter()
    assert check(outgoing).size == outgoing.size
    assert perf_counter() - started < 0.5


# The corpus


def rows() -> list[object]:
    """List the table: the file, its transfer syntax or "-", its size, and what is said of it."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return [pytest.param(*line.split("\t"), id=line.split("\t")[0]) for line in lines]


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "syntax", "size", "words"), rows())
def test_the_corpus(name: str, syntax: str, size: str, words: str) -> None:
    folder = corpus()
    if folder is None or not (folder / name).is_file():
        pytest.skip("DCMTOOLS_CORPUS names no folder with this file")
    path = folder / name
    if syntax == "-":
        assert refusal(path) == words
        return
    outgoing = sent(path)
    assert "; ".join(outgoing.warnings) == words
    assert outgoing.transfer_syntax == syntax
    assert outgoing.size == int(size)
    content = path.read_bytes()
    assert not content[outgoing.start + outgoing.size :].strip(b"\0")
    assert content[: outgoing.start].count(b"DICM") <= 1


@pytest.mark.corpus
def test_the_table_has_the_whole_corpus(corpus_files: list[Path]) -> None:
    listed = {line.split("\t")[0] for line in TABLE.read_text(encoding="utf-8").splitlines()}
    assert {path.name for path in corpus_files} <= listed

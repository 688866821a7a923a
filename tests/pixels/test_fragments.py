"""Show which fragments are those of a frame, and that the tables that are written tell it."""

from io import BytesIO
from struct import pack, unpack

import pytest

from dcmtools.pixels import fragments
from dcmtools.pixels.fragments import FragmentWriter, NoRoomError, fragments_at, frames_of
from tests.factories import SEQUENCE_END, item

JPEG, J2K = b"\xff\xd8", b"\xff\x4f"


def found(table: bytes, parts: list[bytes], frames: int, offsets: bytes = b"") -> list[list[bytes]]:
    """Give the fragments of each frame."""
    content = BytesIO(b"head" + item(table) + b"".join(map(item, parts)) + SEQUENCE_END)

    def read(place: fragments.Place) -> bytes:
        content.seek(place.offset)
        return content.read(place.length)

    places = fragments_at(content, 4)
    assert [read(place) for place in places] == [table, *parts]
    return [list(map(read, frame)) for frame in frames_of(places, frames, offsets, read)]


def test_a_fragment_a_frame_needs_no_table() -> None:
    assert found(b"", [b"aa", b"bb"], 2) == [[b"aa"], [b"bb"]]


def test_all_fragments_are_those_of_the_only_frame() -> None:
    assert found(b"", [b"aa", b"bb"], 1) == [[b"aa", b"bb"]]


def test_a_table_tells_where_frames_begin() -> None:
    table = pack("<2I", 0, 20)
    assert found(table, [b"aa", b"bb", b"cccc"], 2) == [[b"aa", b"bb"], [b"cccc"]]


def test_an_extended_table_goes_before_the_other_one() -> None:
    assert found(b"", [b"aa", b"bb", b"cc"], 2, pack("<2Q", 0, 20)) == [[b"aa", b"bb"], [b"cc"]]


@pytest.mark.parametrize("table", [pack("<2I", 0, 11), pack("<2I", 10, 0), b"\0\0\0", b"\0" * 8])
def test_a_table_that_leads_nowhere_is_not_believed(table: bytes) -> None:
    assert found(table, [b"aa", b"bb"], 2) == [[b"aa"], [b"bb"]]


@pytest.mark.parametrize("start", [JPEG, J2K])
def test_without_a_table_the_images_tell_where_they_begin(start: bytes) -> None:
    assert found(b"", [start, b"xx", start], 2) == [[start, b"xx"], [start]]


def test_what_nothing_tells_is_not_guessed() -> None:
    assert found(b"", [b"aa", b"bb", b"cc"], 2) == []
    assert found(b"", [b"aa", JPEG, JPEG], 2) == []
    assert frames_of([], 1, b"", lambda _: b"") == []


def test_how_many_there_are_is_what_the_fragments_say() -> None:
    assert len(found(pack("<3I", 0, 10, 20), [b"aa", b"bb", b"cc"], 2)) == 3
    assert len(found(b"", [b"aa", b"bb"], 3)) == 2


def test_many_short_fragments_and_long_ones_are_found() -> None:
    parts = [bytes([number % 256]) * (2 + number % 7 * 2) for number in range(2000)]
    parts += [b"x" * 5000, b"yy"]
    assert found(b"", parts, len(parts)) == [[part] for part in parts]


def test_tables_are_filled_in_afterwards() -> None:
    out = BytesIO()
    writer = FragmentWriter(out, 2, basic=True)
    for tag in (*fragments.OFFSET_TABLES, fragments.TOTAL_LENGTH):
        writer.reserve(tag, out.tell())
        out.write(bytes(writer.value_size(tag)))
    start = out.tell()
    out.writelines(writer.written(iter([b"aaaa", b"bb"])))
    writer.fill_tables()
    content = out.getvalue()
    assert unpack("<5Q", content[:start]) == (0, 12, 4, 2, 6)
    assert content[start:] == item(pack("<2I", 0, 12)) + item(b"aaaa") + item(b"bb") + SEQUENCE_END
    assert writer.size == 6


def test_a_frame_that_is_too_far_or_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "LARGEST_OFFSET", 11)
    writer = FragmentWriter(out := BytesIO(), 2, basic=True)
    out.writelines(writer.written(iter([b"aaaa", b"bb"])))
    with pytest.raises(NoRoomError):
        writer.fill_tables()
    monkeypatch.setattr(fragments, "LONGEST_FRAGMENT", 2)
    with pytest.raises(NoRoomError):
        list(writer.written(iter([b"aaaa"])))

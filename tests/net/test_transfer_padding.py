"""A data set of an odd length has a zero byte behind it, wherever its reading is cut."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.net.transfer import Packer, PaddedBody, StreamBody, WatchedBody

NOISE = bytes(range(1, 256)) * 40


def body(size: int) -> StreamBody:
    return StreamBody(BytesIO(NOISE[:size]), size)  # type: ignore[arg-type] # it reads into


@given(st.integers(0, 4000).map(lambda half: 2 * half + 1), st.lists(st.integers(1, 900)))
def test_it_is_read_in_any_pieces(size: int, pieces: list[int]) -> None:
    padded = PaddedBody(body(size))
    assert padded.size == size + 1
    whole, offset = bytearray(b"\xff" * padded.size), 0
    for piece in [*pieces, *[700] * 20]:
        end = min(offset + piece, padded.size)
        middle = (offset + end) // 2
        slots = [memoryview(whole)[offset:middle], memoryview(whole)[middle:end]]
        slots = [slot for slot in slots if slot]
        if slots:
            assert padded.fill(slots, offset) == end - offset
        offset = end
    assert whole == NOISE[:size] + b"\0"


def test_one_that_has_become_shorter_is_not_filled_up() -> None:
    short = StreamBody(BytesIO(NOISE[:5]), 7)  # type: ignore[arg-type] # it reads into
    assert PaddedBody(short).fill([memoryview(bytearray(8))], 0) < 8


@pytest.mark.parametrize("size", [1, 9, 10, 11, 4095])
def test_fragments_are_even(size: int) -> None:
    padded = PaddedBody(body(size)) if size % 2 else body(size)
    told: list[int] = []
    watched = WatchedBody(padded, told.append)
    packed = b"".join(map(bytes, Packer(10).pack(1, watched, "x")))
    at, data = 0, b""
    while at < len(packed):
        length = int.from_bytes(packed[at + 2 : at + 6], "big")
        fragment = packed[at + 12 : at + 6 + length]
        assert len(fragment) % 2 == 0
        data += fragment
        at += 6 + length
    assert data == NOISE[:size] + b"\0" * (size % 2)
    assert sum(told) == watched.size == len(data)

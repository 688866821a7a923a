"""Data sets in PDUs: what a peer puts together again is what was to be sent, bit for bit."""

from __future__ import annotations

import io
import os
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcmtools.errors import InputError
from dcmtools.net import transfer
from dcmtools.net.transfer import Body, FileBody, Packer, PaddedBody, StreamBody

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CONTEXT = 5
CHUNK = 1 << 20
DATA = os.urandom(3 * CHUNK + 77)
START = 13
"""Where the data set begins in the file: at no round number."""


class Slow(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        self._inner = io.BytesIO(data)
        self._most = most

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go somewhere."""
        return self._inner.seek(offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # all that is asked
        """Read less than would fit."""
        return self._inner.readinto(buffer[: self._most])


@pytest.fixture(scope="module")
def descriptor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Open a file with the data after `START` bytes, and more behind them."""
    path = tmp_path_factory.mktemp("transfer") / "file"
    path.write_bytes(b"\xff" * START + DATA + b"\xee" * 5000)
    number = os.open(path, os.O_RDONLY)
    yield number
    os.close(number)


def fragments(raw: bytes) -> list[tuple[int, bytes]]:
    """Take PDUs apart: the control header and the content of each; all else must be right."""
    found, at = [], 0
    while at < len(raw):
        kind, zero, length, inner, context, control = struct.unpack_from(">BBIIBB", raw, at)
        assert (kind, zero, inner, context) == (4, 0, length - 4, CONTEXT)
        found.append((control, raw[at + 12 : at + 6 + length]))
        assert len(found[-1][1]) == length - 6
        at += 6 + length
    return found


def put_together(packer: Packer, body: Body, fragment: int) -> bytes:
    """Pack, and put together as a peer does."""
    raw = b"".join(map(bytes, packer.pack(CONTEXT, body, "it")))
    found = fragments(raw)
    assert [control for control, _ in found] == [0] * (len(found) - 1) + [2]
    assert all(len(content) == fragment for _, content in found[:-1])
    assert 0 < len(found[-1][1]) <= fragment or not body.size
    return b"".join(content for _, content in found)


def around(fragment: int) -> st.SearchStrategy[int]:
    """Give sizes about the ends of fragments and of chunks."""
    in_chunk = min(max(CHUNK // (fragment + 12), 1), 1000) * fragment
    edges = [0, fragment, 2 * fragment, in_chunk, in_chunk + fragment, 2 * in_chunk]
    near = st.builds(
        lambda edge, off: max(edge + off, 0), st.sampled_from(edges), st.integers(-2, 2)
    )
    return near.filter(lambda size: size <= len(DATA))


FRAGMENTS = [2, 4, 1018, 4090, 16378, 65530, 131066, CHUNK - 6]
SIZES = st.sampled_from(FRAGMENTS).flatmap(
    lambda fragment: st.tuples(
        st.just(fragment), st.lists(around(fragment), min_size=1, max_size=3)
    )
)


@given(SIZES)
@example((4090, [0, 1, 4089, 4090, 4091, 255 * 4090 - 1, 255 * 4090, 255 * 4090 + 1]))
@example((131066, [7 * 131066, 7 * 131066 + 1, 1, 0, 8 * 131066]))
def test_a_peer_gets_every_byte(descriptor: int, sizes: tuple[int, list[int]]) -> None:
    fragment, several = sizes
    packer = Packer(fragment)  # one for all that is sent on an association
    for size in several:
        got = put_together(packer, FileBody(descriptor, START, size), fragment)
        assert got == DATA[:size]


@given(SIZES)
@example((4090, [1, 4089, 4091, 255 * 4090 - 1, 255 * 4090 + 1]))
@example((2, [1, 3, 1999, 2001]))
def test_an_odd_length_is_made_even(descriptor: int, sizes: tuple[int, list[int]]) -> None:
    fragment, several = sizes
    packer = Packer(fragment)
    for size in (each | 1 for each in several):
        body = PaddedBody(FileBody(descriptor, START, size))
        assert put_together(packer, body, fragment) == DATA[:size] + b"\0"


@given(SIZES, st.integers(1, 200_000))
def test_streams_that_give_little_at_a_time(sizes: tuple[int, list[int]], most: int) -> None:
    fragment, several = sizes
    packer = Packer(fragment)
    for size in several:
        most = max(most, size // 1000)
        got = put_together(packer, StreamBody(Slow(DATA[:size], most), size), fragment)
        assert got == DATA[:size]


@pytest.mark.parametrize("fragment", [4090, 131066])
@pytest.mark.parametrize("most", [1000, 4090, 65537, 131066])
def test_a_system_that_reads_less_than_it_is_asked_for(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, fragment: int, most: int
) -> None:
    def less(number: int, slots: Sequence[memoryview], at: int) -> int:
        return os.preadv(number, [slots[0][:most]], at)

    monkeypatch.setattr(transfer, "_preadv", less)
    for size in (0, 1, fragment, CHUNK + 3, len(DATA)):
        got = put_together(Packer(fragment), FileBody(descriptor, START, size), fragment)
        assert got == DATA[:size]


def test_a_million_short_reads_do_not_add_up(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        transfer, "_preadv", lambda number, slots, at: os.preadv(number, [slots[0][:7]], at)
    )
    got = put_together(Packer(16378), FileBody(descriptor, START, 50_000), 16378)
    assert got == DATA[:50_000]


@pytest.mark.parametrize("size", [0, 1, 4090, 4091, CHUNK, len(DATA)])
def test_a_system_without_preadv(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(transfer, "_preadv", None)
    got = put_together(Packer(4090), FileBody(descriptor, START, size), 4090)
    assert got == DATA[:size]
    os.fstat(descriptor)  # it is still open


def test_two_contexts_on_one_association(descriptor: int) -> None:
    packer = Packer(4090)
    for context in (5, 255, 5):
        raw = b"".join(map(bytes, packer.pack(context, FileBody(descriptor, START, 5000), "it")))
        assert {raw[10], raw[4096 + 6 + 10]} == {context}


@pytest.mark.parametrize("taken", [0, 1])
def test_a_file_that_shrinks(tmp_path: Path, taken: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(START) + DATA)
    with path.open("rb") as file:
        chunks = Packer(131066).pack(CONTEXT, FileBody(file.fileno(), START, len(DATA)), "its name")
        for _ in range(taken):
            next(chunks)
        os.truncate(path, START + taken)
        with pytest.raises(InputError, match="its name: has become shorter while it was being"):
            next(chunks)


@pytest.mark.parametrize("cut", [0, 1, 5000, 5001])
def test_an_odd_file_that_shrinks(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA[:cut])
    with path.open("rb") as file:
        body = PaddedBody(FileBody(file.fileno(), 0, 5003))
        with pytest.raises(InputError, match="has become shorter"):
            list(Packer(4090).pack(CONTEXT, body, "it"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    number = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(InputError, match="its name: is a directory"):
            next(Packer(4090).pack(CONTEXT, FileBody(number, 0, 10), "its name"))
    finally:
        os.close(number)


def test_what_follows_the_data_set_stays_here(descriptor: int) -> None:
    got = put_together(Packer(4090), FileBody(descriptor, START, 4090), 4090)
    assert got == DATA[:4090]


def test_memory_does_not_grow_with_the_object(descriptor: int) -> None:
    chunks = Packer(131066).pack(CONTEXT, FileBody(descriptor, START, len(DATA)), "it")
    assert len({id(chunk.obj) for chunk in chunks}) == 1

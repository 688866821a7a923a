"""DIMSE messages: cut anywhere, packed anyhow, wrong, without end, and cut to what a peer takes."""

import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from random import Random
from struct import pack, unpack_from
from threading import Event
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmtools.net import messages as module
from dcmtools.net.access import DEFAULT_MAX_PDU
from dcmtools.net.command import DATA_SET_FOLLOWS, Command, encode_command
from dcmtools.net.connection import (
    RELEASE_RP,
    RELEASE_RQ,
    ClosedError,
    ProtocolError,
    SilentError,
    abort_pdu,
)
from dcmtools.net.messages import AbortedError, Message, Messages, ReleasedError
from tests.net import wire
from tests.net.wire import COMMAND, DATA, LAST, pdu, pdv
from tests.net.wired import MAX_PDU, PATIENCE, Background, Wire, read, wired

SHORT = 0.4  # seconds
ECHO = Command(0x8030, responding_to=1, status=0)
MATCH = Command(0x8020, responding_to=1, data_set=DATA_SET_FOLLOWS, status=0xFF00)
RAW_ECHO, RAW_MATCH = encode_command(ECHO), encode_command(MATCH)
BODY = bytes(range(256)) * 3


@pytest.fixture
def line() -> Iterator[Wire]:
    """Give both ends of a connection."""
    with wired() as both:
        yield both


@pytest.fixture
def messages(line: Wire) -> Messages:
    """Give the messages of our end, to a peer that takes PDUs of any length."""
    return Messages(line.ours, 0)


def data_pdu(*values: bytes) -> bytes:
    """Encode a P-DATA-TF PDU."""
    return pdu(DATA, b"".join(values))


# What comes


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 10_000])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("data", [None, b"", b"x", BODY])
def test_a_message_comes_in_fragments_of_any_size(
    line: Wire, messages: Messages, size: int, *, packed: bool, data: bytes | None
) -> None:
    command = ECHO if data is None else MATCH
    layout = wire.pieces(size, packed=packed)
    raw = b"".join(layout(5, encode_command(command), data, MAX_PDU))
    with Background(line.peer.sendall, raw * 2):
        for _ in range(2):
            assert messages.receive(PATIENCE) == Message(5, command, data or b"")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1), st.lists(st.booleans(), min_size=1))
def test_fragments_lie_in_pdus_anyhow(sizes: list[int], joined: list[bool]) -> None:
    values = []
    for content, kind in ((RAW_MATCH, COMMAND), (BODY, 0)):
        at, turn = 0, 0
        while at < len(content):
            size = sizes[turn % len(sizes)]
            last = LAST if at + size >= len(content) else 0
            values.append(pdv(1, kind | last, content[at : at + size]))
            at, turn = at + size, turn + 1
    pdus = [values[0]]
    for number, value in enumerate(values[1:]):
        if joined[number % len(joined)] and len(pdus[-1]) + len(value) <= MAX_PDU:
            pdus[-1] += value
        else:
            pdus.append(value)
    with wired() as (ours, peer), Background(peer.sendall, b"".join(map(data_pdu, pdus))):
        assert Messages(ours, 0).receive(PATIENCE) == Message(1, MATCH, BODY)


def test_several_messages_may_lie_in_one_pdu(line: Wire, messages: Messages) -> None:
    whole = pdv(1, 3, RAW_MATCH) + pdv(1, 2, BODY)
    line.peer.sendall(data_pdu(whole, pdv(3, 3, RAW_ECHO), whole))
    found = [messages.receive(PATIENCE) for _ in range(3)]
    assert found == [Message(1, MATCH, BODY), Message(3, ECHO, b""), Message(1, MATCH, BODY)]


@pytest.mark.parametrize("empties", [1, 16])
def test_some_fragments_may_be_empty(line: Wire, messages: Messages, empties: int) -> None:
    line.peer.sendall(data_pdu(*[pdv(1, 1, b"")] * empties, pdv(1, 1, RAW_MATCH), pdv(1, 3, b"")))
    line.peer.sendall(data_pdu(*[pdv(1, 0, b"")] * empties, pdv(1, 0, BODY), pdv(1, 2, b"")))
    assert messages.receive(PATIENCE) == Message(1, MATCH, BODY)


def test_the_other_bits_of_the_control_header_do_not_count(line: Wire, messages: Messages) -> None:
    line.peer.sendall(data_pdu(pdv(1, 0xFF, RAW_MATCH), pdv(1, 0xFE, BODY)))
    assert messages.receive(PATIENCE) == Message(1, MATCH, BODY)


def test_an_object_is_handed_on_as_it_comes(line: Wire, messages: Messages) -> None:
    content = bytes(MAX_PDU - 6)
    piece = data_pdu(pdv(1, 0, content)) * 64
    size, times = 64 * len(content), 100
    seen = 0

    def write(part: memoryview) -> None:
        nonlocal seen
        seen += len(part)

    def send() -> None:
        line.peer.sendall(data_pdu(pdv(1, 3, RAW_MATCH)))
        for _ in range(times):
            line.peer.sendall(piece)
        line.peer.sendall(data_pdu(pdv(1, 2, b"")))

    tracemalloc.start()
    try:
        with Background(send):
            assert messages.receive_command(PATIENCE) == (1, MATCH)
            messages.receive_data(1, write, PATIENCE)
        assert tracemalloc.get_traced_memory()[1] < 4 * size
    finally:
        tracemalloc.stop()
    assert seen == size * times


# What is wrong


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (pdu(DATA), "without content"),
        (pdu(DATA, b"\0"), "cut"),
        (pdu(DATA, b"\0\0\0\2\1"), "cut"),
        (pdu(DATA, pack(">I", 0) + b"\1\3"), "of 0 bytes"),
        (pdu(DATA, pack(">I", 1) + b"\1\3"), "of 1 bytes"),
        (data_pdu(pdv(1, 3, RAW_ECHO, len(RAW_ECHO) + 3)), f"of {len(RAW_ECHO) + 3} bytes"),
        (data_pdu(pdv(1, 3, b"", 0xFFFFFFFF)), "of 4294967295 bytes"),
        (data_pdu(pdv(1, 3, RAW_MATCH), b"\0\0"), "cut"),
        (data_pdu(pdv(1, 3, RAW_MATCH), pack(">I", 100) + b"\1\2"), "of 100 bytes"),
        (data_pdu(pdv(1, 2, BODY)), "data set without a command"),
        (data_pdu(pdv(1, 0, BODY)), "data set without a command"),
        (data_pdu(pdv(1, 1, RAW_MATCH[:20]), pdv(1, 2, BODY)), "data set without a command"),
        (data_pdu(pdv(1, 1, RAW_ECHO[:20]), pdv(3, 3, RAW_ECHO[20:])), "two presentation contexts"),
        (data_pdu(pdv(0, 1, RAW_ECHO[:20]), pdv(3, 3, RAW_ECHO[20:])), "two presentation contexts"),
        (data_pdu(pdv(1, 3, RAW_MATCH), pdv(3, 2, BODY)), "another message amid a data set"),
        (data_pdu(pdv(1, 3, RAW_MATCH), pdv(1, 3, RAW_ECHO)), "another message amid a data set"),
        (data_pdu(pdv(1, 3, RAW_MATCH), pdv(1, 0, BODY), pdv(1, 3, RAW_ECHO)), "another message"),
        (data_pdu(pdv(1, 3, b"garbage")), "command set that cannot be read"),
        (data_pdu(pdv(1, 3, b"")), "command set that cannot be read"),
        (wire.accept_pdu("A", "B", [], 0, b""), "sent an A-ASSOCIATE-AC PDU amid the association"),
        (wire.request_pdu("A", "B", [], 0), "sent an A-ASSOCIATE-RQ PDU amid the association"),
        (wire.reject_pdu(1, 1, 1), "sent an A-ASSOCIATE-RJ PDU amid the association"),
        (RELEASE_RP, "sent an A-RELEASE-RP PDU amid the association"),
    ],
)
def test_what_is_wrong_is_refused(line: Wire, messages: Messages, raw: bytes, why: str) -> None:
    line.peer.sendall(raw)
    with pytest.raises(ProtocolError, match=why):
        messages.receive(PATIENCE)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_is_received_or_refused(data: st.DataObject) -> None:
    raw = bytearray(data_pdu(pdv(1, 1, RAW_MATCH[:30]), pdv(1, 3, RAW_MATCH[30:])))
    raw += data_pdu(pdv(1, 0, BODY[:100]), pdv(1, 2, BODY[100:]))
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with wired() as (ours, peer), suppress(ProtocolError, ClosedError, AbortedError, ReleasedError):
        peer.sendall(raw)
        peer.close()
        Messages(ours, 0).receive(PATIENCE)


# What has no end


HEADS = {"command": b"", "data set": data_pdu(pdv(1, 3, RAW_MATCH))}
in_either = pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())


def flooding(line: Wire, *pdus: bytes) -> Background:
    """Send PDUs again and again until nobody takes them."""

    def flood() -> None:
        with suppress(OSError):
            line.peer.sendall(pdus[0])
            while True:
                line.peer.sendall(b"".join(pdus[1:]) * 20)

    return Background(flood)


def test_a_command_set_without_end_is_refused(line: Wire, messages: Messages) -> None:
    with flooding(line, b"", data_pdu(pdv(1, 1, bytes(1000)))):
        with pytest.raises(ProtocolError, match="command set without an end"):
            messages.receive(PATIENCE)
        line.ours.close()


@in_either
@pytest.mark.parametrize("alone", [True, False])
def test_empty_fragments_without_end_are_refused(
    line: Wire, messages: Messages, head: bytes, *, alone: bool
) -> None:
    empty = pdv(1, 0 if head else COMMAND, b"")
    with flooding(line, head, data_pdu(empty) if alone else data_pdu(empty, empty, empty)):
        with pytest.raises(ProtocolError, match="one fragment without content after the other"):
            messages.receive(PATIENCE)
        line.ours.close()


def test_a_data_set_in_memory_has_a_limit(
    line: Wire, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_IDENTIFIER", 2_000_000)
    piece = data_pdu(pdv(1, 0, bytes(10_000)))
    line_feed = flooding(line, data_pdu(pdv(1, 3, RAW_MATCH)), piece)
    tracemalloc.start()
    try:
        with line_feed:
            with pytest.raises(ProtocolError, match="more than 64 MiB"):
                messages.receive(PATIENCE)
            line.ours.close()
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("timeout", [SHORT, None])
@in_either
def test_a_message_that_drips_does_not_gain_time(
    line: Wire,
    messages: Messages,
    head: bytes,
    timeout: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MID_MESSAGE", SHORT)
    done = Event()

    def drip() -> None:
        with suppress(OSError):
            line.peer.sendall(head)
            while not done.wait(0.02):
                line.peer.sendall(data_pdu(pdv(1, 0 if head else COMMAND, b"\0")))

    with Background(drip):
        began = monotonic()
        with pytest.raises(SilentError, match=f"half a message in {SHORT} s"):
            messages.receive(timeout)
        assert SHORT - 0.01 <= monotonic() - began < 2 * SHORT
        done.set()


# The end of the association

BEGUN = {
    "between messages": b"",
    "amid a command": data_pdu(pdv(1, 1, RAW_MATCH[:20])),
    "after a command": data_pdu(pdv(1, 3, RAW_MATCH)),
    "amid a data set": data_pdu(pdv(1, 3, RAW_MATCH), pdv(1, 0, BODY)),
}
wherever = pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN.keys())


@wherever
@pytest.mark.parametrize(("source", "reason"), [(0, 0), (2, 6), (9, 99)])
def test_an_abort_may_come_at_any_time(
    line: Wire, messages: Messages, begun: bytes, source: int, reason: int
) -> None:
    line.peer.sendall(begun + abort_pdu(source, reason))
    with pytest.raises(AbortedError) as caught:
        messages.receive(PATIENCE)
    assert (caught.value.source, caught.value.reason) == (source, reason)


@wherever
def test_a_release_is_answered_at_any_time(line: Wire, messages: Messages, begun: bytes) -> None:
    line.peer.sendall(begun + RELEASE_RQ)
    with pytest.raises(ReleasedError):
        messages.receive(PATIENCE)
    assert read(line.peer, len(RELEASE_RP)) == RELEASE_RP


def test_a_release_is_one_though_nobody_waits_for_the_answer(
    line: Wire, messages: Messages
) -> None:
    line.peer.sendall(RELEASE_RQ)
    line.peer.close()
    with pytest.raises(ReleasedError):
        messages.receive(PATIENCE)


@wherever
def test_an_end_is_told_at_any_time(line: Wire, messages: Messages, begun: bytes) -> None:
    line.peer.sendall(begun)
    line.peer.close()
    with pytest.raises(ClosedError):
        messages.receive(PATIENCE)


@wherever
def test_silence_is_told_at_any_time(line: Wire, messages: Messages, begun: bytes) -> None:
    line.peer.sendall(begun)
    began = monotonic()
    with pytest.raises(SilentError, match=f"sent nothing for {SHORT} s"):
        messages.receive(SHORT)
    assert SHORT - 0.01 <= monotonic() - began < 2 * SHORT


# What is sent


def sent(max_pdu: int, command: Command, data: bytes | None) -> list[bytes]:
    """Send a message, and give the PDUs without their headers."""
    with wired() as (ours, peer):
        messages = Messages(ours, max_pdu)

        def receive() -> list[bytes]:
            found = []
            while head := read(peer, 6):
                kind, length = unpack_from(">BxI", head)
                assert kind == DATA
                found.append(read(peer, length))
            return found

        with Background(receive) as receiving:
            messages.send(7, command, data)
            ours.shut()
            found = receiving.wait()
    assert isinstance(found, list)
    return found


def joined(pdus: list[bytes]) -> tuple[bytes, bytes | None]:
    """Put fragments together: the command and, if there is one, the data set."""
    parts: dict[int, bytes] = {}
    ended: list[int] = []
    for body in pdus:
        at = 0
        while at < len(body):
            length, context, control = unpack_from(">IBB", body, at)
            kind = control & COMMAND
            assert context == 7
            assert control <= COMMAND | LAST
            assert kind not in ended
            assert not kind or not ended
            parts[kind] = parts.get(kind, b"") + body[at + 6 : at + 4 + length]
            ended += [kind] if control & LAST else []
            at += 4 + length
        assert at == len(body)
    assert ended == [COMMAND, *([0] if 0 in parts else [])]
    return parts[COMMAND], parts.get(0)


DEFAULT = DEFAULT_MAX_PDU


@pytest.mark.parametrize(
    ("max_pdu", "longest"),
    [
        (8, 8),
        (9, 8),
        (16, 16),
        (17, 16),
        (4096, 4096),
        (65535, 65534),
        (DEFAULT - 1, DEFAULT - 2),
        (DEFAULT, DEFAULT),
        (DEFAULT + 1, DEFAULT),
        (0xFFFFFFFF, DEFAULT),
        (0, DEFAULT),
    ],
)
def test_no_pdu_is_longer_than_the_peer_takes(max_pdu: int, longest: int) -> None:
    data = Random(max_pdu).randbytes(longest * 2 + 100)  # noqa: S311 - nothing secret
    pdus = sent(max_pdu, MATCH, data)
    assert joined(pdus) == (RAW_MATCH, data)
    assert max(map(len, pdus)) == longest
    for body in pdus[:-1]:  # an odd fragment may only be the last (PS3.8 E.1)
        assert len(body) % 2 == 0


@pytest.mark.parametrize("surplus", [-1, 0, 1])
@pytest.mark.parametrize("fragments", [1, 2])
def test_a_data_set_that_just_fits_has_no_empty_end(surplus: int, fragments: int) -> None:
    data = bytes((4096 - 6) * fragments + surplus)
    pdus = sent(4096, MATCH, data)
    assert joined(pdus) == (RAW_MATCH, data)
    assert len(pdus) == 1 + fragments + (surplus > 0)


@pytest.mark.parametrize("data", [None, b"", b"x"])
def test_a_data_set_may_be_short_or_missing(data: bytes | None) -> None:
    assert joined(sent(0, MATCH, data)) == (RAW_MATCH, data)


@pytest.mark.parametrize("max_pdu", range(1, 8))
def test_a_peer_that_takes_nothing_worth_mentioning_is_refused(line: Wire, max_pdu: int) -> None:
    with pytest.raises(ProtocolError, match=f"takes PDUs of {max_pdu} bytes, which hold nothing"):
        Messages(line.ours, max_pdu)


def test_what_is_sent_is_what_is_received() -> None:
    numbers = count(1)
    with wired(DEFAULT) as (ours, peer):
        for size in (0, 1, 5000, 300_000):
            command = Command(0x0020, next(numbers), sop_class="1.2", data_set=DATA_SET_FOLLOWS)
            pdus = sent(DEFAULT, command, bytes(size))
            raw = b"".join(pdu(DATA, body) for body in pdus)
            with Background(partial(peer.sendall, raw)):
                assert Messages(ours, 0).receive(PATIENCE) == Message(7, command, bytes(size))

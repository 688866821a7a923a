"""PDUs over TCP and TLS: cut anywhere, too long, too slow, foreign, lost; and no endless wait."""

import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from random import Random
from struct import pack
from time import monotonic

import pytest

from dcmtools.net import connection as module
from dcmtools.net.connection import (
    RELEASE_RP,
    RELEASE_RQ,
    ClosedError,
    Connection,
    Pdu,
    PduType,
    ProtocolError,
    SilentError,
    abort_pdu,
)
from tests.certificates import Authority
from tests.net import wire
from tests.net.wire import pdu
from tests.net.wired import MAX_PDU, PATIENCE, Background, Wire, read, reset, wired

SHORT = 0.4  # seconds
FIXED = [PduType.ASSOCIATE_RJ, PduType.RELEASE_RQ, PduType.RELEASE_RP, PduType.ABORT]
ASSOCIATE = [PduType.ASSOCIATE_RQ, PduType.ASSOCIATE_AC]
LONGEST_ASSOCIATE = 1 << 19
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

Open = Callable[..., AbstractContextManager[Wire]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give the authority that signs the peer's certificate."""
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(params=["TCP", "TLS 1.2", "TLS 1.3"])
def opened(request: pytest.FixtureRequest) -> Open:
    """Give the function that connects, for each way there is."""
    if request.param == "TCP":
        return wired
    version = VERSIONS[request.param == "TLS 1.3"]
    return partial(wired, authority=request.getfixturevalue("authority"), version=version)


both_versions = pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])


@contextmanager
def takes(least: float, most: float) -> Iterator[None]:
    """Hold the time that a ``with`` block takes against limits, in seconds."""
    began = monotonic()
    yield
    assert least <= monotonic() - began < most


def in_time() -> AbstractContextManager[None]:
    """Expect a time-out after `SHORT`: not before, and not after twice as long."""
    return takes(SHORT - 0.01, SHORT * 2)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline
        threading.Event().wait(0.001)


# What comes


@pytest.mark.parametrize("kind", PduType)
def test_each_kind_of_pdu_is_given_whole(kind: PduType, opened: Open) -> None:
    raw = pdu(kind, bytes(range(100)))
    with opened() as (ours, peer):
        peer.sendall(raw)
        got = ours.receive(PATIENCE)
        assert got.type is kind
        assert got.content == raw


def test_a_pdu_may_come_byte_by_byte(opened: Open) -> None:
    raw = pdu(PduType.P_DATA, b"content")
    with opened() as (ours, peer), Background(ours.receive, PATIENCE) as receiving:
        for count, byte in enumerate(raw, 1):
            peer.sendall(bytes([byte]))
            until(partial(_has, ours, count))
        got = receiving.wait()
        assert isinstance(got, Pdu)
        assert got.content == raw


def _has(ours: Connection, count: int) -> bool:
    return ours._end == count


def test_several_pdus_may_come_at_once(opened: Open) -> None:
    raws = [pdu(PduType.P_DATA, bytes([number]) * number) for number in range(200)]
    with opened() as (ours, peer):
        peer.sendall(b"".join(raws) + RELEASE_RQ)
        for raw in raws:
            assert ours.receive(PATIENCE).content == raw
        assert ours.receive(PATIENCE).type is PduType.RELEASE_RQ


def test_a_pdu_stays_as_it_is_until_the_next_is_asked_for(opened: Open) -> None:
    first, second = (pdu(PduType.P_DATA, bytes([byte]) * MAX_PDU) for byte in (1, 2))
    with opened() as (ours, peer):
        peer.sendall(first + second)
        got = ours.receive(PATIENCE)
        ours.send(RELEASE_RQ, PATIENCE)
        assert got.content == first
        assert ours.receive(PATIENCE).content == second


@pytest.mark.parametrize("max_pdu", [4096, MAX_PDU, 131072])
def test_pdus_of_all_lengths_wrap_around_the_buffer(opened: Open, max_pdu: int) -> None:
    random = Random(max_pdu)  # noqa: S311 - nothing secret
    lengths = [0, 1, max_pdu - 1, max_pdu, *(random.randint(0, max_pdu) for _ in range(100))]
    raws = [pdu(PduType.P_DATA, random.randbytes(length)) for length in lengths]
    raws.insert(50, pdu(PduType.ASSOCIATE_AC, random.randbytes(300_000)))
    with opened(max_pdu) as (ours, peer), Background(peer.sendall, b"".join(raws)):
        for raw in raws:
            assert ours.receive(PATIENCE).content == raw


# What is too long or too short


@pytest.mark.parametrize("length", [MAX_PDU + 1, 1 << 24, 0xFFFFFFFF])
def test_more_data_than_agreed_is_refused_at_the_header(length: int) -> None:
    with wired() as (ours, peer):
        peer.sendall(pdu(PduType.P_DATA, bytes(100), length))
        with pytest.raises(ProtocolError, match=rf"{length} bytes \(P-DATA-TF\).*{MAX_PDU}"):
            ours.receive(PATIENCE)


@pytest.mark.parametrize("kind", PduType)
def test_nothing_is_allocated_for_what_is_refused(kind: PduType) -> None:
    with wired() as (ours, peer):
        peer.sendall(pdu(kind, bytes(100), 0xFFFFFFFF))
        tracemalloc.start()
        try:
            with pytest.raises(ProtocolError, match="4294967295"):
                ours.receive(PATIENCE)
            assert tracemalloc.get_traced_memory()[1] < 50_000
        finally:
            tracemalloc.stop()


def test_data_of_the_agreed_length_is_taken() -> None:
    with wired() as (ours, peer):
        peer.sendall(pdu(PduType.P_DATA, bytes(MAX_PDU)))
        assert len(ours.receive(PATIENCE).content) == MAX_PDU + 6


@pytest.mark.parametrize("kind", FIXED)
@pytest.mark.parametrize("length", [0, 3, 1025])
def test_a_fixed_pdu_has_room_for_its_fields_and_not_much_more(kind: PduType, length: int) -> None:
    with wired() as (ours, peer):
        peer.sendall(pdu(kind, bytes(length)))
        with pytest.raises(ProtocolError, match=rf"of {length} bytes \({kind}\)"):
            ours.receive(PATIENCE)


@pytest.mark.parametrize("kind", FIXED)
@pytest.mark.parametrize("length", [4, 1024])
def test_a_fixed_pdu_may_be_longer_than_it_should(kind: PduType, length: int) -> None:
    with wired() as (ours, peer):
        peer.sendall(pdu(kind, bytes(length)))
        assert ours.receive(PATIENCE).type is kind


@pytest.mark.parametrize("kind", ASSOCIATE)
def test_what_negotiates_has_a_limit_of_its_own(kind: PduType) -> None:
    with wired(4096) as (ours, peer), Background(_sent, peer, kind):
        assert len(ours.receive(PATIENCE).content) == LONGEST_ASSOCIATE + 6
        with pytest.raises(ProtocolError, match=f"of {LONGEST_ASSOCIATE + 1} bytes"):
            ours.receive(PATIENCE)


def _sent(peer: socket.socket, kind: PduType) -> None:
    peer.sendall(pdu(kind, bytes(LONGEST_ASSOCIATE)) + pdu(kind, b"", LONGEST_ASSOCIATE + 1))


# What is no PDU


@pytest.mark.parametrize("kind", [0, 8, 0x4E, 0xFF])
def test_a_pdu_of_no_known_type_is_refused(kind: int) -> None:
    with wired() as (ours, peer):
        peer.sendall(pdu(kind, b"????"))
        with pytest.raises(
            ProtocolError, match=rf"is no PDU \(it starts with {kind:02x} 00 00 00\)$"
        ):
            ours.receive(PATIENCE)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (wire.HTTP, "HTTP"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (b"POST / HTTP/1.1\r\n\r\n", "HTTP"),
        (wire.SSH, "SSH"),
        (wire.TLS_ALERT, "TLS"),
        (bytes.fromhex("16030100050100000100"), "TLS"),
        (b"220 mail.example.org ESMTP\r\n", "SMTP or FTP"),
    ],
)
def test_another_protocol_is_named(raw: bytes, name: str) -> None:
    with wired() as (ours, peer):
        peer.sendall(raw)
        with pytest.raises(ProtocolError, match=f"answered in {name}, not in DICOM"):
            ours.receive(PATIENCE)


# What does not come


@pytest.mark.parametrize("count", [1, 6, 105])
def test_half_a_pdu_is_not_waited_for_longer_than_a_whole_one(count: int, opened: Open) -> None:
    with opened() as (ours, peer):
        peer.sendall(pdu(PduType.P_DATA, bytes(100))[:count])
        with in_time(), pytest.raises(SilentError, match=f"^sent half a PDU in {SHORT} s$"):
            ours.receive(SHORT)


def test_nothing_is_not_waited_for_longer_than_said(opened: Open) -> None:
    with (
        opened() as (ours, _),
        in_time(),
        pytest.raises(SilentError, match=f"^sent nothing for {SHORT} s$"),
    ):
        ours.receive(SHORT)


def test_a_pdu_that_drips_does_not_gain_time(opened: Open) -> None:
    done = threading.Event()

    def drip(peer: socket.socket) -> None:
        with suppress(OSError):
            for byte in pdu(PduType.P_DATA, bytes(1000)):
                peer.sendall(bytes([byte]))
                if done.wait(0.02):
                    return

    with opened() as (ours, peer), Background(drip, peer):
        with in_time(), pytest.raises(SilentError, match="half a PDU"):
            ours.receive(SHORT)
        done.set()


def test_without_a_limit_only_what_has_begun_has_one(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MID_PDU", SHORT)
    with opened() as (ours, peer):
        with Background(ours.receive, None) as receiving:
            threading.Event().wait(SHORT * 2)
            peer.sendall(pdu(PduType.P_DATA, b"late"))
            got = receiving.wait()
            assert isinstance(got, Pdu)
            assert bytes(got.content[6:]) == b"late"
        peer.sendall(b"\4")
        with in_time(), pytest.raises(SilentError, match=f"half a PDU in {SHORT} s"):
            ours.receive(None)


def test_a_long_time_out_does_not_hold_for_what_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MID_PDU", SHORT)
    with wired() as (ours, peer):
        peer.sendall(b"\4")
        with in_time(), pytest.raises(SilentError, match=f"half a PDU in {SHORT} s"):
            ours.receive(PATIENCE)


def test_a_time_out_that_is_over_gives_what_is_there(opened: Open) -> None:
    with opened() as (ours, peer):
        peer.sendall(RELEASE_RQ + RELEASE_RP)
        assert ours.receive(PATIENCE).type is PduType.RELEASE_RQ
        assert ours.receive(0).type is PduType.RELEASE_RP
        with pytest.raises(SilentError):
            ours.receive(0)


# The end of the connection


def test_the_end_is_told(opened: Open) -> None:
    with opened() as (ours, peer):
        peer.sendall(RELEASE_RQ)
        peer.close()
        assert ours.receive(PATIENCE).type is PduType.RELEASE_RQ
        with pytest.raises(ClosedError, match=r"^closed the connection$"):
            ours.receive(PATIENCE)


def test_an_end_amid_a_pdu_is_told(opened: Open) -> None:
    with opened() as (ours, peer):
        peer.sendall(RELEASE_RQ[:7])
        peer.close()
        with pytest.raises(ClosedError, match=r"^closed the connection after half a PDU$"):
            ours.receive(PATIENCE)


@pytest.mark.parametrize("begun", [b"", RELEASE_RQ[:7]])
def test_a_reset_is_told(begun: bytes) -> None:
    with wired() as (ours, peer):
        with Background(ours.receive, PATIENCE) as receiving:
            peer.sendall(begun)
            until(lambda: ours._end == len(begun))
            reset(peer)
            with pytest.raises(ClosedError, match=r"^reset the connection"):
                receiving.wait()
        with pytest.raises(ClosedError):
            ours.send(RELEASE_RQ, PATIENCE)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux alone can do so")
def test_a_peer_that_is_gone_without_a_word_is_told() -> None:
    with wired() as (ours, peer):
        ours._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 200)
        # It takes nothing: for the kernel that is the same as no answer at all.
        with pytest.raises(ClosedError, match="can no longer be reached"):
            ours.send(bytes(1 << 24), None)
        assert peer.fileno() >= 0


@both_versions
def test_what_breaks_tls_is_told(authority: Authority, version: ssl.TLSVersion) -> None:
    with wired(authority=authority, version=version) as (ours, peer):
        socket.socket.sendall(peer, b"\x17\x03\x03\0\x20" + bytes(32))
        with pytest.raises(ClosedError, match=r"^broke TLS off \(.*\)$") as caught:
            ours.receive(PATIENCE)
        assert isinstance(caught.value.__cause__, ssl.SSLError)


# What is sent


def test_what_is_sent_arrives(opened: Open) -> None:
    data = Random(1).randbytes(5_000_000)  # noqa: S311 - nothing secret
    with opened() as (ours, peer), Background(read, peer, len(data)) as reading:
        ours.send(data, PATIENCE)
        assert reading.wait() == data


def test_a_peer_that_takes_nothing_is_silent(opened: Open) -> None:
    with opened() as (ours, _):
        with in_time(), pytest.raises(SilentError, match=f"^takes nothing for {SHORT} s$"):
            ours.send(bytes(1 << 24), SHORT)
        with takes(0, SHORT), pytest.raises(ClosedError, match="cut off"):
            ours.send(abort_pdu(), PATIENCE)  # it would be taken for the rest of what was cut off


def test_a_peer_that_takes_little_does_not_gain_time(opened: Open) -> None:
    done = threading.Event()

    def sip(peer: socket.socket) -> None:
        with suppress(OSError):
            while peer.recv(1024) and not done.wait(0.01):
                pass

    with opened() as (ours, peer), Background(sip, peer):
        with in_time(), pytest.raises(SilentError):
            ours.send(bytes(1 << 24), SHORT)
        done.set()


def test_sending_to_a_peer_that_has_closed_is_told() -> None:
    with wired() as (ours, peer):
        peer.close()
        with pytest.raises(ClosedError):
            _send_ten_times(ours)  # the kernel may still take the first


def _send_ten_times(ours: Connection) -> None:
    for _ in range(10):
        ours.send(bytes(1 << 20), PATIENCE)


def test_a_closed_connection_is_told(opened: Open) -> None:
    with opened() as (ours, _):
        ours.close()
        with pytest.raises(ClosedError):
            ours.send(RELEASE_RQ, SHORT)
        with pytest.raises(ClosedError):
            ours.receive(SHORT)
        ours.shut()
        ours.drain(SHORT)
        ours.close()


# Options


def test_the_options_are_set() -> None:
    with wired() as (ours, _):
        sock = ours._sock
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        for name, value in module._KEEP_ALIVE.items():
            if name != "TCP_KEEPALIVE" and hasattr(socket, name):
                assert sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux alone has it")
def test_what_comes_is_acknowledged_at_once() -> None:
    with wired() as (ours, peer):
        for _ in range(3):
            ours._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            with Background(ours.receive, PATIENCE):
                until(lambda: bool(_quick(ours)))
                peer.sendall(RELEASE_RQ)


def _quick(ours: Connection) -> int:
    return ours._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)


# Threads


def test_one_thread_may_send_while_another_waits(opened: Open) -> None:
    with opened() as (ours, peer), Background(ours.receive, None) as receiving:
        ours.send(RELEASE_RQ, PATIENCE)
        assert read(peer, len(RELEASE_RQ)) == RELEASE_RQ
        peer.sendall(RELEASE_RP)
        got = receiving.wait()
        assert isinstance(got, Pdu)
        assert got.type is PduType.RELEASE_RP


def test_threads_do_not_share_their_time_outs(opened: Open) -> None:
    with opened() as (ours, _):
        with Background(ours.receive, SHORT) as receiving:
            ours.send(RELEASE_RQ, None)
            with in_time(), pytest.raises(SilentError):
                receiving.wait()
        with Background(ours.receive, None) as receiving:
            with in_time(), pytest.raises(SilentError):
                ours.send(bytes(1 << 24), SHORT)
            ours.shut()
            with pytest.raises(ClosedError):
                receiving.wait()


def test_what_threads_send_is_not_mixed(opened: Open) -> None:
    raws = [pdu(PduType.P_DATA, bytes([number]) * 200_000) for number in range(4)]

    def send(ours: Connection, raw: bytes) -> None:
        for _ in range(5):
            ours.send(raw, PATIENCE)

    with opened() as (ours, peer):
        threads = [threading.Thread(target=send, args=(ours, raw)) for raw in raws]
        with Background(read, peer, 20 * len(raws[0])) as reading:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
            got = reading.wait()
        assert isinstance(got, bytes)
        size = len(raws[0])
        pieces = [got[at : at + size] for at in range(0, len(got), size)]
        assert sorted(pieces) == sorted(raws * 5)


def test_both_ends_may_send_much_at_once(opened: Open) -> None:
    raw = pdu(PduType.P_DATA, bytes(MAX_PDU))
    with opened() as (ours, peer), Background(peer.sendall, raw * 300):

        def receive() -> None:
            for _ in range(300):
                assert ours.receive(PATIENCE).content == raw

        with Background(receive):
            ours.send(raw * 10, PATIENCE)


def test_whoever_waits_can_be_woken(opened: Open) -> None:
    with opened() as (ours, _), Background(ours.receive, None) as receiving:
        until(receiving._thread.is_alive)
        ours.shut()
        with takes(0, SHORT), pytest.raises(ClosedError):
            receiving.wait()


# Farewells


def test_draining_waits_for_the_peer_to_close(opened: Open) -> None:
    with opened() as (ours, peer):
        ours.send(RELEASE_RP, PATIENCE)

        def leave() -> bytes:
            peer.sendall(bytes(100_000))
            got = read(peer, 100)
            peer.close()
            return got

        with takes(0, 2), Background(leave) as leaving:
            ours.drain(PATIENCE)
            assert leaving.wait() == RELEASE_RP
        assert ours._sock.fileno() == -1


@pytest.mark.parametrize("flooding", [False, True])
def test_draining_has_an_end(opened: Open, *, flooding: bool) -> None:
    def flood(peer: socket.socket) -> None:
        with suppress(OSError):
            while flooding:
                peer.sendall(bytes(100_000))

    with opened() as (ours, peer), Background(flood, peer):
        with in_time():
            ours.drain(SHORT)
        assert ours._sock.fileno() == -1


@both_versions
@pytest.mark.parametrize("way", [Connection.close, partial(Connection.drain, seconds=0.1)])
def test_tls_is_ended_in_good_order(
    authority: Authority, version: ssl.TLSVersion, way: Callable[[Connection], None]
) -> None:
    with wired(authority=authority, version=version) as (ours, peer):
        ours.send(RELEASE_RP, PATIENCE)
        with Background(way, ours):
            assert read(peer, len(RELEASE_RP)) == RELEASE_RP
            assert peer.recv(1) == b""  # an end without a notice would raise SSLEOFError


def test_the_pdus_of_the_release_are_those_of_the_standard() -> None:
    assert wire.RELEASE_REQUEST == RELEASE_RQ
    assert wire.RELEASE_REPLY == RELEASE_RP
    assert abort_pdu(2, 6) == wire.abort_pdu(2, 6)
    assert [str(kind) for kind in PduType] == [
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "A-ASSOCIATE-RJ",
        "P-DATA-TF",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
        "A-ABORT",
    ]
    assert pack(">BBI", PduType.ABORT, 0, 4) == abort_pdu()[:6]

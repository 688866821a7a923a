"""The listener: everybody gets a thread, who asks for nothing gives way, and all has an end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from dcmtools.errors import ConnectionFailedError
from dcmtools.net import listener as module
from dcmtools.net.listener import Listener, Visitor
from tests.net.hostile import DEADLINE, STORE_CT, Running, association, connected, echo
from tests.net.steps import associate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Echoing(Listener):
    """A listener whose visitors get back what they send; "admit" gets them an association."""

    def __init__(self, *, most: int = 50, host: str = "127.0.0.1") -> None:
        self.most = most
        self.hosts: list[str] = []
        super().__init__(0, self._echo, host=host)

    def _echo(self, visitor: Visitor) -> None:
        self.hosts.append(visitor.host)
        with visitor.sock as sock, suppress(OSError):
            while got := sock.recv(1000):
                if got == b"admit":
                    got = b"yes" if self.admit(visitor, self.most) else b"no"
                visitor.last = monotonic()
                sock.sendall(got)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """See that no thread and no descriptor is left in the end."""
    threads = set(threading.enumerate())
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    yield
    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) <= descriptors  # noqa: PTH208


@pytest.fixture
def echoing() -> Iterator[Echoing]:
    with Echoing() as listener:
        yield listener


def say(sock: socket.socket, text: bytes = b"admit") -> bytes:
    sock.sendall(text)
    return sock.recv(1000)


def visit(stack: ExitStack, listener: Listener, text: bytes = b"here") -> socket.socket:
    """Connect, and see that somebody is there."""
    sock = stack.enter_context(connected(("127.0.0.1", listener.port)))
    assert say(sock, text) in (text, b"yes", b"no")
    return sock


# Who comes


def test_all_are_served_at_the_same_time(echoing: Echoing) -> None:
    with ExitStack() as stack:
        socks = [visit(stack, echoing) for _ in range(100)]
        assert [say(sock, b"again") for sock in socks] == [b"again"] * 100
    assert echoing.wait_idle(0, DEADLINE)


def test_it_listens_on_both_families() -> None:
    with Echoing(host="") as listener:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, listener.port), DEADLINE) as sock:
                assert say(sock, b"x") == b"x"
        assert listener.hosts == ["127.0.0.1", "::1"]


def test_it_listens_where_it_is_told_to() -> None:
    with Echoing(host="::1") as listener:
        with socket.create_connection(("::1", listener.port), DEADLINE) as sock:
            assert say(sock, b"x") == b"x"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", listener.port), DEADLINE)


@pytest.mark.parametrize(
    ("host", "why", "hint"),
    [
        ("192.0.2.1", "cannot listen", "no address of this machine"),
        ("no host", "cannot listen", ""),
        ("x" * 300, "cannot listen", ""),
    ],
)
def test_where_it_cannot_listen(host: str, why: str, hint: str) -> None:
    with pytest.raises(ConnectionFailedError, match=why) as told:
        Echoing(host=host)
    assert hint in told.value.hint


def test_a_port_that_is_taken(echoing: Echoing) -> None:
    with pytest.raises(ConnectionFailedError, match=f"port {echoing.port}: cannot listen") as told:
        Listener(echoing.port, lambda _: None, host="127.0.0.1")
    assert "Another program" in told.value.hint


# Who may stay


def test_who_is_admitted() -> None:
    with Echoing(most=2) as listener, ExitStack() as stack:
        socks = [visit(stack, listener) for _ in range(4)]
        assert [say(sock) for sock in socks] == [b"yes", b"yes", b"no", b"no"]
        socks[0].close()
        deadline = monotonic() + DEADLINE
        while say(socks[3]) != b"yes":
            assert monotonic() < deadline
        assert say(socks[2]) == b"no"
        assert say(socks[1]) == b"yes"  # it has one, and does not count twice


def test_those_who_come_together_do_not_keep_each_other_out() -> None:
    with Echoing(most=10) as listener, ExitStack() as stack:
        socks = [visit(stack, listener) for _ in range(60)]
        for sock in socks:
            sock.sendall(b"admit")
        assert sorted(sock.recv(10) for sock in socks) == [b"no"] * 50 + [b"yes"] * 10


def test_of_too_many_that_ask_for_nothing_the_oldest_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_IDLE", 6)
    with Echoing() as listener, ExitStack() as stack:
        has_one = visit(stack, listener, b"admit")
        idle = [visit(stack, listener) for _ in range(5)]
        new = visit(stack, listener)
        assert idle[0].recv(1) == b""
        assert [say(sock, b"x") for sock in (has_one, *idle[1:], new)] == [b"x"] * 6


def test_a_crowd_that_asks_at_once_is_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody loses a connection that has just been made."""
    monkeypatch.setattr(module, "_MOST_IDLE", 5)
    monkeypatch.setattr(module, "_GRACE", 60.0)
    with Echoing(most=100) as listener, ExitStack() as stack:
        address = "127.0.0.1", listener.port
        socks = [stack.enter_context(connected(address)) for _ in range(50)]
        for sock in socks:
            sock.sendall(b"admit")
        assert [sock.recv(10) for sock in socks] == [b"yes"] * 50


@pytest.mark.parametrize(("limit", "idle", "room"), [(64, 16, 16), (1024, 256, 376), (8, 2, 1)])
def test_there_is_room_by_descriptors(
    monkeypatch: pytest.MonkeyPatch, limit: int, idle: int, room: int
) -> None:
    monkeypatch.setattr(module.resource, "getrlimit", lambda _: (limit, limit))
    with Echoing() as listener, ExitStack() as stack:
        assert (listener._most_idle, listener.room) == (idle, room)
        if room < 50:
            answers = [say(visit(stack, listener, b"admit")) for _ in range(room + 3)]
            assert answers == [b"yes"] * room + [b"no"] * 3


@pytest.mark.parametrize("limit", [-1, None])
def test_there_is_room_without_limits(monkeypatch: pytest.MonkeyPatch, limit: int | None) -> None:
    if limit is None:
        monkeypatch.setattr(module, "resource", None)
    else:
        monkeypatch.setattr(module.resource, "getrlimit", lambda _: (limit, limit))
    with Echoing() as listener:
        assert (listener._most_idle, listener.room) == (400, 3888)


CRAMPED = """
import resource, sys
from pathlib import Path
from dcmtools.net.admission import Rules
from dcmtools.net.scp import Receiver
from dcmtools.net.storage import Storage
with Receiver(Storage(Path(sys.argv[1])), Rules("DCMTOOLS"), 0, host="127.0.0.1") as receiver:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    sys.stdout.write(f"{receiver.port}\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def test_where_descriptors_run_out(tmp_path: Path) -> None:
    """Those who ask for nothing make room for those who do."""
    with subprocess.Popen(
        [sys.executable, "-c", CRAMPED, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        address = "127.0.0.1", int(process.stdout.readline())
        with ExitStack() as stack:
            for _ in range(80):
                stack.enter_context(connected(address))
            with association(address) as c:
                assert echo(c) == 0
        with association(address) as c:
            assert echo(c) == 0
        process.communicate(timeout=DEADLINE)
        assert process.returncode == 0


def test_where_threads_run_out(echoing: Echoing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot be served is not left hanging, and others are served later."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with connected(("127.0.0.1", echoing.port)) as sock:
            assert sock.recv(1) == b""
    with ExitStack() as stack:
        visit(stack, echoing)


# The end


def test_stopping_twice_and_at_once() -> None:
    with Echoing() as listener:
        pass
    listener.__exit__(None, None, None)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), DEADLINE)


def test_stopping_without_having_begun() -> None:
    Echoing().__exit__(None, None, None)


def test_stopping_ends_all_connections() -> None:
    with ExitStack() as stack:
        with Echoing() as listener:
            socks = [visit(stack, listener) for _ in range(10)]
            begun = monotonic()
        assert monotonic() - begun < 2
        assert {sock.recv(1) for sock in socks} == {b""}


def test_refusing_lets_others_go_on(echoing: Echoing) -> None:
    with ExitStack() as stack:
        sock = visit(stack, echoing)
        echoing.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", echoing.port), DEADLINE)
        assert say(sock, b"still here") == b"still here"


def test_refusing_amid_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for room is no reason to wait."""
    monkeypatch.setattr(module, "_MOST_IDLE", 2)
    monkeypatch.setattr(module, "_GRACE", 60.0)
    with Echoing() as listener, ExitStack() as stack:
        for _ in range(2):
            visit(stack, listener)
        stack.enter_context(connected(("127.0.0.1", listener.port)))
        begun = monotonic()
        listener.refuse()
        assert monotonic() - begun < 2


def test_draining(echoing: Echoing) -> None:
    """Who asks for nothing goes at once, who does nothing after a while, others at their end."""
    with ExitStack() as stack:
        idle, silent, busy = visit(stack, echoing), visit(stack, echoing), visit(stack, echoing)
        assert (say(silent), say(busy)) == (b"yes", b"yes")
        begun = monotonic()
        ended: dict[str, float] = {}

        def drain() -> None:
            echoing.drain(0.5, DEADLINE)
            ended["all"] = monotonic() - begun

        draining = threading.Thread(target=drain)
        draining.start()
        assert idle.recv(1) == b""
        ended["idle"] = monotonic() - begun
        silent.settimeout(0.02)
        while "silent" not in ended:
            with suppress(TimeoutError):
                assert silent.recv(1) == b""
                ended["silent"] = monotonic() - begun
            assert say(busy, b"x") == b"x"
        busy.close()
        draining.join(DEADLINE)
    assert ended["idle"] < 0.4 < ended["silent"] < 2
    assert ended["silent"] <= ended["all"] < 3


def test_draining_has_an_end(echoing: Echoing) -> None:
    with ExitStack() as stack:
        sock = visit(stack, echoing, b"admit")
        begun = monotonic()
        echoing.drain(60, 0.3)
        assert 0.3 <= monotonic() - begun < 2
        assert say(sock, b"still here") == b"still here"  # until the block ends


def test_draining_where_nobody_is(echoing: Echoing) -> None:
    begun = monotonic()
    echoing.drain(60, 60)
    assert monotonic() - begun < 1


def test_shutting_what_is_replaced_at_that_moment() -> None:
    """TLS takes the place of a socket, which is nothing to be shut any more."""
    ours, peer = socket.socketpair()
    with peer, ours:
        visitor = Visitor(ours, "")
        with socket.socket(fileno=ours.detach()) as secured:
            visitor.shut()
            visitor.replace(secured)
            assert secured.recv(1) == b""


# Waiting until it is quiet


def test_waiting_for_quiet(echoing: Echoing) -> None:
    assert echoing.wait_idle(0, DEADLINE)
    begun = monotonic()
    with ExitStack() as stack:
        sock = visit(stack, echoing)
        assert echoing.quiet() == 0
        assert not echoing.wait_idle(0, 0.1)
        ended = threading.Timer(0.2, sock.shutdown, [socket.SHUT_WR])
        ended.start()
        assert echoing.wait_idle(0.1, DEADLINE)
        assert echoing.quiet() >= 0.1
        ended.join()
    assert 0.3 <= monotonic() - begun < DEADLINE


def test_it_was_quiet_until_now(echoing: Echoing) -> None:
    assert not echoing.wait_idle(60, 0.05)
    assert 0.05 <= echoing.quiet() < 5


# With peers that speak DICOM


@pytest.mark.parametrize("count", [0, 5])
def test_stopping_a_receiver_that_is_used(tmp_path: Path, count: int) -> None:
    with ExitStack() as stack:
        with Running(tmp_path) as receiver:
            stack.enter_context(connected(receiver.address))
            for _ in range(count):
                associate(stack.enter_context(connected(receiver.address)), [STORE_CT])
            begun = monotonic()
        assert monotonic() - begun < 3

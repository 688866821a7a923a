"""Visits to peers: waiting for one, going to many, stopping them."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from dcmtools.config import Config, Peer, Tls
from dcmtools.errors import (
    AssociationError,
    BusyError,
    ConnectionFailedError,
    DcmtoolsError,
    NotOfferedError,
    StatusError,
)
from dcmtools.net.access import Access
from dcmtools.net.echo import Echo, Echoer
from dcmtools.net.peer import find_peer
from dcmtools.net.visits import MOST_AT_ONCE, Visit, Visits
from tests.certificates import Authority
from tests.net.scripted import (
    PATIENCE,
    Connection,
    Script,
    Scripted,
    refused,
    unanswered,
)
from tests.net.steps import (
    abort,
    accept,
    answer,
    close,
    echo_server,
    hang,
    reject,
    reset,
    wait_association,
    wait_for,
    wait_request,
)

SLACK = 10.0
"""Seconds that a busy machine may take on top."""


def reach(address: str) -> Access:
    """Give what is known of a peer."""
    return Access(find_peer(address, Config()))


class Waiting:
    """An echo to a peer that is waited for, and the failures on the way."""

    def __init__(self, access: Access, wait: float) -> None:
        self.retried: list[DcmtoolsError] = []
        self.echoer = Echoer(access, wait=wait, retried=self.retried.append)

    def run(self) -> Echo:
        """Send the echo."""
        (found,) = self.echoer.run()
        return found


# Waiting for a peer


class Late:
    """A port that refuses connections until it is told to listen."""

    def __init__(self) -> None:
        self._sock = socket.socket()
        self._sock.bind(("127.0.0.1", 0))
        self.address = f"LATE@127.0.0.1:{self._sock.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def listen(self) -> None:
        """Serve one connection."""
        self._sock.listen()
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._thread.join(PATIENCE)
        self._sock.close()

    def _serve(self) -> None:
        sock, _ = self._sock.accept()
        with sock:
            Connection(sock).run(echo_server())


def test_a_peer_that_starts_while_we_wait() -> None:
    late = Late()
    retried: list[DcmtoolsError] = []

    def start(error: DcmtoolsError) -> None:
        retried.append(error)
        if len(retried) == 2:
            late.listen()

    (found,) = Echoer(reach(late.address), wait=60, retried=start).run()
    late.close()
    assert (found.peer, found.number) == (late.address, 1)
    assert [error.why for error in retried] == ["connection refused"] * 2


@pytest.mark.parametrize(
    "script",
    [reject(2, 3, 1), reject(2, 1, 1), [close()], [wait_association(), reset()]],
    ids=["congestion", "transient", "closed", "reset"],
)
def test_what_may_pass_is_tried_again(script: Script) -> None:
    with Scripted(script, script, echo_server()) as peer:
        visit = Waiting(reach(peer.address), 60)
        assert visit.run().peer == peer.address
        assert len(visit.retried) == 2


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (reject(1, 1, 7), AssociationError),
        (reject(1, 3, 1), AssociationError),
        ([wait_association(), *abort(0, 0)], AssociationError),
        ([accept(refuse=3)], NotOfferedError),
        ([accept(), answer(0x0122)], StatusError),
    ],
    ids=["permanent", "congestion for good", "aborted", "not offered", "failure"],
)
def test_what_stays_is_not_tried_again(script: Script, kind: type[DcmtoolsError]) -> None:
    with Scripted(script) as peer:
        visit = Waiting(reach(peer.address), 60)
        with pytest.raises(kind):
            visit.run()
        assert (visit.retried, len(peer.requests)) == ([], 1)


def test_a_name_that_nobody_knows_is_not_tried_again() -> None:
    visit = Waiting(reach("X@host.invalid:104"), 60)
    with pytest.raises(ConnectionFailedError, match="cannot be resolved"):
        visit.run()
    assert visit.retried == []


def test_a_certificate_that_is_wrong_is_not_tried_again(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", "Other CA")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*theirs.server)
    with Scripted(echo_server(), tls=context) as peer:
        known = Peer("", "localhost", peer.port, tls=Tls(ca=ours.ca))
        visit = Waiting(Access(known), 60)
        with pytest.raises(ConnectionFailedError, match="certificate"):
            visit.run()
        assert visit.retried == []


def test_a_peer_with_tls_that_closes_at_first_is_tried_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server)
    late = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        late.accept()[0].close()
        with context.wrap_socket(late.accept()[0], server_side=True) as secured:
            Connection(secured).run(echo_server())

    thread = threading.Thread(target=serve)
    thread.start()
    known = Peer("", "localhost", late.getsockname()[1], tls=Tls(ca=authority.ca))
    visit = Waiting(Access(known), 60)
    assert visit.run().number == 1
    thread.join(PATIENCE)
    late.close()
    assert len(visit.retried) == 1


def test_without_waiting_there_is_one_attempt() -> None:
    with Scripted(reject(2, 3, 1)) as peer:
        visit = Waiting(reach(peer.address), 0)
        with pytest.raises(BusyError, match="temporary congestion"):
            visit.run()
        assert (visit.retried, len(peer.requests)) == ([], 1)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "connection refused"),
        ([hang()], "no answer to the association request"),
        ([accept(), hang()], "no response"),
        (reject(2, 3, 2), "local limit exceeded"),
    ],
    ids=["refused", "silent", "silent after association", "busy"],
)
def test_the_wait_has_an_end_and_the_last_reason_is_told(script: Script | None, words: str) -> None:
    with ExitStack() as stack:
        if script is None:
            address = stack.enter_context(refused())
        else:
            address = stack.enter_context(Scripted(script)).address
        visit = Waiting(reach(address), 1.0)
        before = monotonic()
        with pytest.raises(DcmtoolsError, match=words):
            visit.run()
        assert monotonic() - before < 1.0 + 2.0 + SLACK


def test_a_host_that_drops_everything_is_not_waited_for_longer() -> None:
    with unanswered() as address:
        before = monotonic()
        with pytest.raises(ConnectionFailedError, match="no connection within"):
            Waiting(reach(address), 0.5).run()
        assert monotonic() - before < 0.5 + 1.0 + SLACK


def test_once_it_is_up_nothing_is_tried_again() -> None:
    with Scripted([accept(), answer(), wait_request(), close()]) as peer:
        echoes = Echoer(reach(peer.address), count=3, wait=60).run()
        next(echoes)
        with pytest.raises(AssociationError, match="closed the connection"):
            next(echoes)
        assert len(peer.requests) == 1


def test_a_wait_is_stopped_at_once() -> None:
    failed = threading.Event()
    with refused() as address:
        echoer = Echoer(reach(address), wait=1000, retried=lambda _: failed.set())
        thread = threading.Thread(target=lambda: list(echoer.run()), daemon=True)
        thread.start()
        assert failed.wait(PATIENCE)
        echoer.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


# Many at once


@contextmanager
def many(*scripts: Script) -> Iterator[list[Scripted]]:
    """Start peers."""
    with ExitStack() as stack:
        yield [stack.enter_context(Scripted(script)) for script in scripts]


def test_results_come_in_the_order_of_the_peers_though_they_are_made_at_once() -> None:
    gate = threading.Event()
    with many([wait_for(gate), *echo_server()], echo_server()) as (slow, quick):
        visits = [Echoer(reach(peer.address), count=2) for peer in (slow, quick)]
        found = []
        with Visits(visits) as going:
            quick.wait(lambda it: "release" in it.endings)  # while the slow one has said nothing
            gate.set()
            for results in going:
                found += [(each.peer, each.number) for each in results]
    assert found == [(peer.address, number) for peer in (slow, quick) for number in (1, 2)]


def test_one_that_fails_fails_alone() -> None:
    with many(echo_server(), reject(1, 1, 3), echo_server()) as peers:
        found: list[object] = []
        with Visits([Echoer(reach(peer.address)) for peer in peers]) as going:
            for results in going:
                try:
                    found += [each.peer for each in results]
                except DcmtoolsError as error:
                    found.append(type(error))
        assert found == [peers[0].address, AssociationError, peers[2].address]


class Counting(Visit[int]):
    """A visit that goes nowhere, and knows how many others are under way."""

    lock = threading.Lock()
    under_way = most = 0
    full = threading.Event()

    def _once(self, access: Access) -> Iterator[int]:
        del access
        with self.lock:
            Counting.under_way += 1
            Counting.most = max(Counting.most, Counting.under_way)
            if Counting.under_way == MOST_AT_ONCE:
                self.full.set()
        assert self.full.wait(PATIENCE)
        with self.lock:
            Counting.under_way -= 1
        yield 1


def test_there_are_not_too_many_at_once() -> None:
    visits = [Counting(reach("X@127.0.0.1:104")) for _ in range(40)]
    with Visits(visits) as going:
        assert [list(results) for results in going] == [[1]] * 40
    assert Counting.most == MOST_AT_ONCE == 16


class Broken(Visit[int]):
    """A visit with a mistake in it."""

    def _once(self, access: Access) -> Iterator[int]:
        del access
        yield 1
        raise ZeroDivisionError


def test_a_mistake_is_not_swallowed() -> None:
    with Visits([Broken(reach("X@127.0.0.1:104"))] * 2) as going:
        results = next(iter(going))
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_leaving_early_ends_all_and_leaves_nothing() -> None:
    before = set(threading.enumerate())
    with many(echo_server(), [accept(), hang()], echo_server()) as peers:
        visits = [Echoer(reach(peer.address), count=99, interval=1000) for peer in peers]
        started = monotonic()
        with Visits(visits, at_once=2) as going:
            assert next(next(iter(going))).number == 1
            peers[1].wait(lambda it: it.messages)
        assert monotonic() - started < SLACK
        peers[0].wait(lambda it: it.endings)
        peers[1].wait(lambda it: it.endings)
        assert (peers[0].endings[0], peers[1].endings[0]) == ("release", "abort")
        assert peers[2].requests == []  # it was not its turn yet
        ours = {thread for thread in threading.enumerate() if thread.name.startswith("visit-")}
        assert ours <= before

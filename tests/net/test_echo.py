"""C-ECHO against peers of all kinds: what is told, what it costs, how it ends."""

import statistics
import threading
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import pytest
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dcmtools.config import Config
from dcmtools.errors import AssociationError, ConnectionFailedError, NotOfferedError, StatusError
from dcmtools.net.access import Access
from dcmtools.net.echo import VERIFICATION, Echo, Echoer, RoundTrips, echo
from dcmtools.net.peer import find_peer
from dcmtools.net.status import Category, Status
from tests.factories import EXPLICIT, IMPLICIT
from tests.net.scripted import PATIENCE, Scripted
from tests.net.steps import accept, answer, close, echo_server, hang, reject, wait_request
from tests.net.wire import C_ECHO


def reach(peer: Scripted | str) -> Access:
    """Give what is known of a peer."""
    address = peer if isinstance(peer, str) else peer.address
    return Access(find_peer(address, Config()), dimse_timeout=PATIENCE)


def ended(peer: Scripted) -> str:
    """Wait for the end of the first connection, and say how it ended."""
    peer.wait(lambda it: it.endings)
    return peer.endings[0]


def test_one_echo() -> None:
    with Scripted(echo_server()) as peer:
        before = monotonic()
        (found,) = echo(reach(peer))
        took = monotonic() - before
        assert ended(peer) == "release"
    assert (found.peer, found.number) == (peer.address, 1)
    assert found.status == Status(0)
    assert found.implementation == "SCRIPTED"
    assert 0 < found.association_seconds < found.seconds <= took
    assert found.round_trip == found.seconds - found.association_seconds


def test_what_is_sent() -> None:
    with Scripted(echo_server()) as peer:
        list(echo(reach(peer), count=3))
        assert ended(peer) == "release"
        (request,) = peer.requests
        (proposed,) = request.proposed
        assert (proposed.abstract_syntax, set(proposed.transfer_syntaxes)) == (
            VERIFICATION,
            {EXPLICIT, IMPLICIT},
        )
        assert [message.command_field for message in peer.messages] == [C_ECHO] * 3
        assert [message.message_id for message in peer.messages] == [1, 2, 3]
        assert {message.data for message in peer.messages} == {None}
        assert {str(message.command["AffectedSOPClassUID"]) for message in peer.messages} == {
            VERIFICATION
        }


def test_only_the_first_of_many_has_the_time_of_the_association() -> None:
    with Scripted(echo_server()) as peer:
        first, *others = echo(reach(peer), count=5)
    assert first.association_seconds > 0
    assert [each.number for each in others] == [2, 3, 4, 5]
    assert {each.association_seconds for each in others} == {0}
    assert all(each.round_trip == each.seconds > 0 for each in others)


def test_the_interval_is_from_request_to_request() -> None:
    with Scripted(echo_server()) as peer:
        before = monotonic()
        assert len(list(echo(reach(peer), count=4, interval=0.1))) == 4
        assert 0.3 <= monotonic() - before < 5
        assert len(peer.requests) == 1


def test_without_an_interval_there_is_no_pause() -> None:
    with Scripted(echo_server()) as peer:
        before = monotonic()
        assert len(list(echo(reach(peer), count=500))) == 500
        assert monotonic() - before < 5


def test_an_echo_is_given_before_the_next_is_asked_for() -> None:
    with Scripted(echo_server()) as peer:
        echoes = echo(reach(peer), count=3)
        assert next(echoes).number == 1
        peer.wait(lambda it: it.messages)
        assert len(peer.messages) == 1
        assert [each.number for each in echoes] == [2, 3]


def test_who_stops_asking_releases() -> None:
    with Scripted(echo_server()) as peer:
        echoes = Echoer(reach(peer), count=1000).run()
        next(echoes)
        echoes.close()
        assert ended(peer) == "release"
        assert len(peer.messages) == 1


def test_a_warning_is_no_failure() -> None:
    script = [accept(), answer(0x0116, ErrorComment="half asleep")]
    with Scripted(script) as peer:
        (found,) = echo(reach(peer))
        assert ended(peer) == "release"
    assert found.status.category is Category.WARNING
    assert "half asleep" in found.status.text


def test_a_failure_says_what_the_peer_says() -> None:
    script = [accept(), answer(0x0211, ErrorComment=b"\x1b[2Jno")]
    with Scripted(script) as peer:
        with pytest.raises(StatusError) as caught:
            list(echo(reach(peer)))
        assert ended(peer) == "release"
    assert caught.value.what == peer.address
    assert caught.value.why == "answered 0211H, unrecognized operation: '\\x1b[2Jno'"
    assert "query" not in caught.value.hint


def test_a_failure_amid_many_comes_after_those_that_were_answered() -> None:
    steps = [accept(), *[wait_request(), answer()] * 2, wait_request(), close()]
    with Scripted(steps) as peer:
        echoes = echo(reach(peer), count=9)
        assert [next(echoes).number, next(echoes).number] == [1, 2]
        with pytest.raises(AssociationError, match="closed the connection"):
            next(echoes)


def test_a_peer_that_does_not_offer_it_is_released() -> None:
    with Scripted([accept(refuse=3)]) as peer:
        with pytest.raises(NotOfferedError, match="Verification: abstract syntax not supported"):
            list(echo(reach(peer)))
        assert ended(peer) == "release"


def test_a_rejection() -> None:
    with (
        Scripted(reject(1, 1, 7)) as peer,
        pytest.raises(AssociationError, match="called AE title not recognized"),
    ):
        list(echo(reach(peer)))


def test_ipv6() -> None:
    with Scripted(echo_server(), host="::1") as peer:
        (found,) = echo(reach(peer))
    assert found.peer == f"SCRIPTED@[::1]:{peer.port}"


def test_the_trace_tells_each_step() -> None:
    lines: list[str] = []
    with Scripted(echo_server()) as peer:
        known = find_peer(peer.address, Config())
        list(echo(Access(known, trace=lines.append), count=2))
    text = "\n".join(lines)
    for words in ("127.0.0.1", "A-ASSOCIATE-RQ", "C-ECHO-RQ 2", "C-ECHO-RSP to 2", "released"):
        assert words in text


# Stopped from another thread


def running(echoer: Echoer) -> tuple[threading.Thread, threading.Event]:
    """Run echoes in a thread, and tell when one is answered; failures are of no interest."""
    answered = threading.Event()

    def run() -> None:
        with suppress(AssociationError, ConnectionFailedError):
            for _ in echoer.run():
                answered.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, answered


def test_stopped_in_a_pause_it_is_released() -> None:
    with Scripted(echo_server()) as peer:
        echoer = Echoer(reach(peer), count=9, interval=1000)
        thread, answered = running(echoer)
        assert answered.wait(PATIENCE)
        echoer.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert ended(peer) == "release"
        assert len(peer.messages) == 1


def test_stopped_while_the_peer_is_silent_it_is_aborted() -> None:
    with Scripted([accept(), hang()]) as peer:
        echoer = Echoer(reach(peer))
        thread, answered = running(echoer)
        peer.wait(lambda it: it.messages)
        echoer.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert ended(peer) == "abort"
        assert not answered.is_set()


# Statistics


def test_statistics_of_many() -> None:
    trips, seconds = RoundTrips(), [0.004, 0.001, 0.0025, 0.1, 0.0301]
    for number, each in enumerate(seconds, 1):
        opening = 0.5 if number == 1 else 0.0
        trips.add(Echo("X", number, each + opening, opening, Status(0), ""))
    assert (trips.count, trips.association_seconds) == (5, 0.5)
    assert trips.minimum == pytest.approx(0.001)
    assert trips.maximum == pytest.approx(0.1)
    assert trips.average == pytest.approx(statistics.fmean(seconds))
    assert trips.deviation == pytest.approx(statistics.pstdev(seconds))


def test_statistics_of_one_and_of_none() -> None:
    trips = RoundTrips()
    assert (trips.count, trips.deviation) == (0, 0)
    trips.add(Echo("X", 1, 0.25, 0.05, Status(0), ""))
    assert (trips.minimum, trips.average, trips.maximum) == pytest.approx((0.2,) * 3)
    assert trips.deviation == 0


# A peer made with pynetdicom


@pytest.fixture
def entity() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Give the address of a peer and whom it has heard, which answers the second with 0122H."""
    heard: list[tuple[str, str]] = []

    def handle(event: Event) -> int:
        requestor = event.assoc.requestor
        heard.append((requestor.ae_title, event.assoc.acceptor.ae_title))
        return 0x0122 if len(heard) == 2 else 0x0000

    scp = AE("PYNETDICOM")
    scp.add_supported_context(Verification)
    server = scp.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_ECHO, handle)]
    )
    assert server is not None
    yield f"PYNETDICOM@127.0.0.1:{server.server_address[1]}", heard
    server.shutdown()


def test_a_peer_of_pynetdicom(entity: tuple[str, list[tuple[str, str]]]) -> None:
    address, heard = entity
    (found,) = echo(reach(address))
    assert found.implementation.startswith("PYNETDICOM_")
    assert heard == [("DCMTOOLS", "PYNETDICOM")]
    with pytest.raises(StatusError, match="0122H, refused: SOP class not supported"):
        list(echo(reach(address)))
    assert len(list(echo(reach(address), count=20))) == 20

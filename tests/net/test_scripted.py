"""Show that the scripted peer does what its script says, to programs that are not ours."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from pydicom import dcmread
from pynetdicom import AE, Association, build_role, evt

from tests.certificates import Authority
from tests.conftest import need
from tests.factories import EXPLICIT, IMPLICIT, JPEG, make_ct
from tests.net import steps, wire
from tests.net.scripted import Connection, Over, Script, Scripted, refused, unanswered
from tests.net.steps import (
    abort,
    accept,
    answer,
    close,
    hang,
    pending,
    reject,
    reset,
    send_raw,
    serve,
    store,
    wait_association,
    wait_cancel,
    wait_release,
    wait_request,
)
from tests.net.wire import (
    C_CANCEL,
    C_ECHO,
    C_FIND,
    C_GET,
    C_MOVE,
    STUDY_FIND,
    STUDY_GET,
    STUDY_MOVE,
    VERIFICATION,
    Instance,
    Message,
    Result,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset

CLASSES = VERIFICATION, STUDY_FIND, STUDY_MOVE, STUDY_GET


def scripted_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("scripted-")]


@pytest.fixture(autouse=True)
def _all_gone() -> Iterator[None]:
    """No thread of a scripted peer outlives its block."""
    yield
    assert scripted_threads() == []


@contextmanager
def pynetdicom(peer: Scripted, **options: Any) -> Iterator[Association]:  # noqa: ANN401
    """Ask for an association by pynetdicom."""
    scu = AE("SCU")
    scu.acse_timeout = scu.dimse_timeout = scu.network_timeout = 5
    for uid in CLASSES:
        scu.add_requested_context(uid)
    association = scu.associate("127.0.0.1", peer.port, ae_title="CALLED", **options)
    yield association
    if association.is_established:
        association.release()
    if association.ident:  # it has run
        association.join(10)


@contextmanager
def raw(peer: Scripted, *classes: str) -> Iterator[Connection]:
    """Ask for an association by our own bytes, to look at the answer byte by byte."""
    proposed = [
        wire.Proposed(2 * n + 1, uid, (EXPLICIT if uid == wire.CT else IMPLICIT,))
        for n, uid in enumerate(classes or CLASSES)
    ]
    with socket.create_connection(("127.0.0.1", peer.port), 10) as sock:
        yield steps.associate(sock, proposed, called="CALLED")


def dcmtk(program: str, peer: Scripted, *options: object) -> subprocess.CompletedProcess[str]:
    """Run an SCU of DCMTK."""
    command = [need(program), "-d", *map(str, options), "127.0.0.1", str(peer.port)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def query(**elements: object) -> Dataset:
    return steps.study(**{**dict.fromkeys(("AccessionNumber", "StudyDate")), **elements})


# Answers


def test_echo_with_two_programs() -> None:
    with Scripted(steps.echo_server()) as peer:
        with pynetdicom(peer) as association:
            assert [association.send_c_echo().Status for _ in range(3)] == [0, 0, 0]
        done = dcmtk("echoscu", peer, "-aet", "DCMTK", "-aec", "OTHER", "--repeat", 3)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("Received Echo Response (Success)") == 3
    first, second = peer.requests
    assert (first.primitive.calling_ae_title, first.primitive.called_ae_title) == ("SCU", "CALLED")
    assert second.pdu.calling_ae_title == "DCMTK"
    assert [p.abstract_syntax for p in first.proposed] == list(CLASSES)
    assert len(peer.messages) == 6
    assert peer.messages[0].command == {
        "CommandGroupLength": 56,
        "AffectedSOPClassUID": VERIFICATION,
        "CommandField": C_ECHO,
        "MessageID": 1,
        "CommandDataSetType": wire.NO_DATA,
    }
    assert peer.endings == ["release", "close"] * 2


@pytest.mark.parametrize("status", [0xA700, 0x0122, 0x1234, 0xFFFF, 0xFE00, 0x0000])
def test_any_status(status: int) -> None:
    script = answer(status, ErrorComment="no disk", OffendingElement=[0x00080018, 0x00100010])
    with Scripted([accept(), script, answer(status)]) as peer, raw(peer) as c:
        c.send_message(1, {"CommandField": C_ECHO, "MessageID": 1})
        command = c.read_message().command
        c.send(wire.RELEASE_REQUEST)
        with pynetdicom(peer) as association:
            assert association.send_c_echo().Status == status
    assert command["Status"] == status
    assert command["ErrorComment"] == "no disk"
    assert command["OffendingElement"] == [0x00080018, 0x00100010]


def test_answers_that_are_wrong() -> None:
    wrong: list[tuple[dict[str, Any], dict[str, object]]] = [
        ({"MessageIDBeingRespondedTo": 4711}, {"MessageIDBeingRespondedTo": 4711}),
        ({"CommandField": 0x8020}, {"CommandField": 0x8020}),
        ({"status": None}, {"Status": "gone"}),
        ({"Status": b"\1"}, {"Status": 1}),
        ({"CommandDataSetType": 1}, {"CommandDataSetType": 1}),
        ({"AffectedSOPClassUID": None}, {"AffectedSOPClassUID": "gone"}),
    ]
    with (
        Scripted(
            [accept(), *(part for e, _ in wrong for part in (wait_request(), answer(**e)))]
        ) as p,
        raw(p) as c,
    ):
        for number, (_, expected) in enumerate(wrong, 1):
            c.send_message(1, {"CommandField": C_ECHO, "MessageID": number})
            kind, body = c.read_pdu()
            assert kind == wire.DATA
            got = wire.decoded(body[6:])
            for keyword, value in expected.items():
                assert got.get(keyword, "gone") == value
    assert [message.message_id for message in p.messages] == [1, 2, 3, 4, 5, 6]


# Associations


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ((1, 1, 7), "Rejected Permanent, Source: Service User.*Called AE Title Not Recognized"),
        ((1, 1, 3), "Rejected Permanent, Source: Service User.*Calling AE Title Not Recognized"),
        ((2, 3, 2), "Rejected Transient, Source: Service Provider.*Local Limit Exceeded"),
        ((2, 3, 1), "Rejected Transient, Source: Service Provider.*Temporary Congestion"),
    ],
)
def test_reject(codes: tuple[int, int, int], words: str) -> None:
    with Scripted(reject(*codes)) as peer:
        done = dcmtk("echoscu", peer)
    assert re.search(words, done.stderr, re.DOTALL), done.stderr
    assert peer.endings == ["close"]


def test_reject_with_unknown_codes() -> None:
    with (
        Scripted(reject(7, 8, 99)) as peer,
        socket.create_connection(("127.0.0.1", peer.port)) as s,
    ):
        s.sendall(wire.request_pdu("CALLED", "CALLING", [], 16384))
        assert s.recv(100) == bytes.fromhex("03000000000400070863")


def test_accept_some_contexts() -> None:
    script = accept(refuse={STUDY_FIND: 3, STUDY_MOVE: 1, STUDY_GET: 2})
    with Scripted([script]) as peer, pynetdicom(peer) as association:
        assert [c.abstract_syntax for c in association.accepted_contexts] == [VERIFICATION]
        assert {c.abstract_syntax: c.result for c in association.rejected_contexts} == {
            STUDY_FIND: 3,
            STUDY_MOVE: 1,
            STUDY_GET: 2,
        }


def test_accept_by_transfer_syntax() -> None:
    with Scripted([accept(syntaxes=[EXPLICIT])]) as peer, pynetdicom(peer) as association:
        chosen = {str(c.transfer_syntax[0]) for c in association.accepted_contexts}
        assert chosen == {EXPLICIT}
    with Scripted([accept(syntaxes=[EXPLICIT])]) as peer, raw(peer) as c:
        assert c.contexts == {}


@pytest.mark.parametrize(
    ("script", "answered"),
    [
        (accept(contexts=[]), []),
        (accept(contexts=[Result(1, 77, IMPLICIT)]), [Result(1, 77, IMPLICIT)]),
        (accept(contexts=[Result(99, 0, IMPLICIT)]), [Result(99, 0, IMPLICIT)]),
        (accept(syntax=JPEG), [Result(1, 0, JPEG)]),
        (accept(refuse=3), [Result(1, 3, IMPLICIT)]),
    ],
)
def test_accept_oddly(script: Script, answered: list[Result]) -> None:
    assert callable(script)
    with Scripted([script]) as peer, socket.create_connection(("127.0.0.1", peer.port), 10) as sock:
        c = Connection(sock)
        proposed = [wire.Proposed(1, VERIFICATION, (IMPLICIT,))]
        c.send(wire.request_pdu("CALLED", "CALLING", proposed, 16384))
        kind, body = c.read_pdu()
    assert kind == wire.AC
    assert list(wire.accepted_contexts(body)) == answered


@pytest.mark.parametrize("length", [0, 1, 16384, 0xFFFFFFFF, None])
def test_max_length_and_identity(length: int | None) -> None:
    script = accept(
        max_length=length, identity=b"ticket", items=wire.item(0x53, bytes([0, 1, 0, 1]))
    )
    with Scripted([script]) as peer, pynetdicom(peer) as association:
        assert association.is_established
        primitive = association.acceptor.primitive
        assert primitive is not None
        assert primitive.maximum_length_received == length
        response = association.acceptor.user_identity
        assert response is not None
        assert response.server_response == b"ticket"


# Faults


def received(port: int, *, request: bool = True) -> bytes | str:
    """Give what a peer sends until it closes, or "reset"."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), 10)
    except ConnectionResetError:  # so soon
        return "reset"
    with connection as sock:
        if request:
            proposed = [wire.Proposed(1, VERIFICATION, (IMPLICIT,))]
            sock.sendall(wire.request_pdu("CALLED", "CALLING", proposed, 16384))
        got = b""
        try:
            while more := sock.recv(65536):
                got += more
        except ConnectionResetError:
            return "reset"
        return got


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        ([wait_association(), close()], b""),
        ([wait_association(), reset()], "reset"),
        ([wait_association(), send_raw(wire.abort_pdu(2, 1)), close()], wire.abort_pdu(2, 1)),
        ([wait_association(), send_raw(wire.HTTP), close()], wire.HTTP),
        ([wait_association(), send_raw(wire.TLS_ALERT), close()], wire.TLS_ALERT),
        (
            [wait_association(), send_raw(wire.pdu(2, b"half", 200)), close()],
            wire.pdu(2, b"half", 200),
        ),
        ([wait_association(), send_raw(wire.pdu(0x4E, b"?")), close()], wire.pdu(0x4E, b"?")),
    ],
)
def test_bytes_and_ends(script: list[Any], sent: bytes | str) -> None:
    with Scripted(script) as peer:
        assert received(peer.port) == sent


def test_close_and_reset_at_once() -> None:
    with Scripted([reset()]) as peer:
        assert received(peer.port, request=False) == "reset"
    with Scripted([close()]) as peer:
        assert received(peer.port, request=False) == b""


@pytest.mark.parametrize(("source", "reason"), [(0, 0), (2, 1), (2, 6)])
def test_abort_instead_of_an_answer(source: int, reason: int) -> None:
    aborted: list[Any] = []
    with Scripted([accept(), answer(), wait_request(), *abort(source, reason)]) as peer:
        handler = evt.EVT_PDU_RECV, lambda event: aborted.append(event.pdu)
        with pynetdicom(peer, evt_handlers=[handler]) as association:
            assert association.send_c_echo().Status == 0
            assert not association.send_c_echo()
        peer.wait(lambda peer: "close" in peer.endings)
    assert (aborted[-1].source, aborted[-1].reason_diagnostic) == (source, reason)


def test_hang_ends_with_the_block() -> None:
    with Scripted([hang()], [accept(), hang()]) as peer:
        silent = socket.create_connection(("127.0.0.1", peer.port), 10)
        with raw(peer) as c:
            c.send_message(1, {"CommandField": C_ECHO, "MessageID": 7})
            peer.wait(lambda peer: peer.messages)
            c.send(wire.abort_pdu(0, 0))
            peer.wait(lambda peer: peer.endings)
        assert len(scripted_threads()) >= 2
    assert silent.recv(1) == b""
    silent.close()
    assert "abort" in peer.endings
    assert [message.connection for message in peer.messages] == [1]


def test_a_wrong_script_is_told() -> None:
    def wrong(_: Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Scripted([wrong]) as peer:
        assert received(peer.port) in (b"", "reset")


def test_a_wait_in_vain_fails() -> None:
    with pytest.raises(AssertionError, match="not within"), Scripted([hang()]) as peer:
        peer.wait(lambda peer: peer.messages, 0.01)


def test_scripts_in_turn() -> None:
    with Scripted(reject(), [accept(), answer(1)], [accept(), answer(2)]) as peer:
        for expected in (None, 1, 2, 2):
            with pynetdicom(peer) as association:
                assert association.is_established == (expected is not None)
                if expected:
                    assert association.send_c_echo().Status == expected


def test_ipv6() -> None:
    with Scripted(steps.echo_server(), host="::1") as peer:
        assert peer.address == f"SCRIPTED@[::1]:{peer.port}"
        with socket.create_connection(("::1", peer.port), 10) as sock:
            c = steps.associate(sock, [wire.Proposed(1, VERIFICATION, (IMPLICIT,))])
            c.send_message(1, {"CommandField": C_ECHO, "MessageID": 1})
            assert c.read_message().command["Status"] == 0


def test_slow_until_told() -> None:
    go = threading.Event()
    script = [accept(), wait_request(), steps.wait_for(go), answer(), answer(), steps.pause(0.01)]
    with Scripted(script) as peer, raw(peer) as c:
        c.send_message(1, {"CommandField": C_ECHO, "MessageID": 1})
        peer.wait(lambda peer: peer.messages)
        assert not c.readable()
        go.set()
        assert c.read_message().command["Status"] == 0


def test_a_port_that_refuses_and_one_that_is_silent() -> None:
    with refused() as address, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address.split(":")[1])), 10)
    with unanswered() as address, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", int(address.split(":")[1])), 0.3)


def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server)
    trusting = ssl.create_default_context(cafile=authority.ca)
    doubting = ssl.create_default_context()
    with Scripted(steps.echo_server(), tls=context) as peer:
        where = "127.0.0.1", peer.port
        with trusting.wrap_socket(
            socket.create_connection(where), server_hostname="localhost"
        ) as sock:
            c = steps.associate(sock, [wire.Proposed(1, VERIFICATION, (IMPLICIT,))])
            c.send_message(1, {"CommandField": C_ECHO, "MessageID": 1})
            assert c.read_message().command["Status"] == 0
        with socket.create_connection(where) as plain, pytest.raises(ssl.SSLError):
            doubting.wrap_socket(plain, server_hostname="localhost")
        peer.wait(lambda peer: "tls" in peer.endings)
        with socket.create_connection(where) as plain:
            plain.sendall(wire.RELEASE_REQUEST)
            peer.wait(lambda peer: peer.endings.count("tls") == 2)
        silent = socket.create_connection(where)
    silent.close()


# Releases


@pytest.mark.parametrize(
    ("end", "answered"),
    [
        ([hang()], []),
        ([send_raw(wire.abort_pdu(2, 0)), close()], [wire.ABORT]),
        ([close()], []),
        ([steps.answer_release(), close()], [wire.RELEASE_RP]),
    ],
)
def test_release(end: list[Any], answered: list[int]) -> None:
    with Scripted([accept(), wait_release(), *end]) as peer, raw(peer) as c:
        c.send(wire.RELEASE_REQUEST)
        peer.wait(lambda peer: peer.endings)
        c.sock.shutdown(socket.SHUT_WR)
        got = b""
        while more := c.sock.recv(100):
            got += more
    assert [got[i] for i in range(0, len(got), 10)] == answered


def test_release_by_the_peer_and_collision() -> None:
    with Scripted([accept(), steps.release()]) as peer, raw(peer) as c:
        c.on_release = lambda: c.send(wire.RELEASE_REPLY)
        assert c.read_pdu()[0] == wire.RELEASE_RQ
    with Scripted([accept(), *steps.collide()]) as peer, raw(peer) as c:
        c.send(wire.RELEASE_REQUEST)
        c.on_release = lambda: c.send(wire.RELEASE_REPLY)
        assert [c.read_pdu()[0] for _ in range(2)] == [wire.RELEASE_RQ, wire.RELEASE_RP]


# Queries


def test_find_with_two_programs() -> None:
    names = [f"Doe^Jane{n}" for n in range(3)]
    matches = [query(PatientName=name) for name in names]
    with Scripted(steps.find_server(matches)) as peer:
        with pynetdicom(peer) as association:
            got = [*association.send_c_find(query(PatientName="D*"), STUDY_FIND)]
            assert [status.Status for status, _ in got] == [0xFF00] * 3 + [0]
            assert [str(data.PatientName) for _, data in got if data] == names
        done = dcmtk(
            "findscu", peer, "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=D*"
        )
        assert re.findall(r"\(0010,0010\) PN \[(Doe.*?) *\]", done.stderr) == names
    assert b"D*" in (peer.messages[0].data or b"")


def test_find_oddly() -> None:
    script = [
        accept(),
        steps.find([query(), None, b"\1\2\3"], status=0xFF01, final=None),
        answer(0, data=query()),
        answer(0xFF00, data=query()),
        answer(0xA700),
    ]
    with Scripted(script) as peer, raw(peer) as c:
        c.send_message(3, {"CommandField": C_FIND, "MessageID": 9}, b"")
        got = [c.read_message() for _ in range(6)]
    assert [m.command["Status"] for m in got] == [0xFF01, 0xFF01, 0xFF01, 0, 0xFF00, 0xA700]
    assert [m.data is None for m in got] == [False, True, False, False, False, True]
    assert got[2].data == b"\1\2\3"
    assert {m.command["MessageIDBeingRespondedTo"] for m in got} == {9}


@pytest.mark.parametrize("heed", [True, False])
def test_cancel(heed: bool) -> None:  # noqa: FBT001
    script = [accept(), steps.find(steps.studies(20000), heed_cancel=heed)]
    with Scripted(script) as peer, raw(peer) as c:
        c.send_message(3, {"CommandField": C_FIND, "MessageID": 9}, b"")
        assert c.read_message().command["Status"] == 0xFF00
        c.send_message(3, {"CommandField": C_CANCEL, "MessageIDBeingRespondedTo": 9})
        seen = 1
        while (status := wire.number_in(c.read_message().raw, 0x0900)) == 0xFF00:
            seen += 1
    assert status == (0xFE00 if heed else 0)
    assert (seen < 20000) == heed
    assert peer.messages[-1].command_field == C_CANCEL


def test_wait_for_a_cancel() -> None:
    script = [accept(), pending(5, 0, 0, 0), wait_cancel(), answer(0xFE00)]
    with Scripted(script) as peer, raw(peer) as c:
        c.send_message(5, {"CommandField": C_MOVE, "MessageID": 1}, b"")
        assert c.read_message().command["NumberOfRemainingSuboperations"] == 5
        c.send_message(5, {"CommandField": C_CANCEL, "MessageIDBeingRespondedTo": 1})
        assert c.read_message().command["Status"] == 0xFE00


def test_many_matches_differ() -> None:
    with Scripted([accept(), steps.find(steps.studies(100_000))]) as peer, raw(peer) as c:
        c.send_message(3, {"CommandField": C_FIND, "MessageID": 65535}, b"")
        seen: set[bytes] = set()
        while (message := c.read_message()).data is not None:
            seen.add(message.data)
        assert message.command["Status"] == 0
    assert len(seen) == 100_000


def test_many_echoes_on_parallel_associations() -> None:
    repeats = 500
    done: list[int] = []

    def work() -> None:
        with raw(peer, VERIFICATION) as c:
            for number in range(repeats):
                c.send_message(1, {"CommandField": C_ECHO, "MessageID": number})
                done.append(wire.number_in(c.read_message().raw, 0x0120) - number)
            c.send(wire.RELEASE_REQUEST)
            assert c.read_pdu()[0] == wire.RELEASE_RP

    with Scripted(steps.echo_server()) as peer:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert done == [0] * 8 * repeats
    assert len(peer.messages) == 8 * repeats
    assert peer.endings.count("release") == 8


# Retrieves


@pytest.fixture
def instances(tmp_path: Path) -> list[Instance]:
    paths = [make_ct(tmp_path / f"{n}.dcm", PatientID=f"PID-{n}") for n in range(3)]
    assert all(dcmread(path).file_meta.TransferSyntaxUID == EXPLICIT for path in paths)
    return [Instance.read(path) for path in paths]


LAYOUTS: dict[str, Callable[..., Iterator[bytes]]] = {
    "separate": wire.separate,
    "together": wire.together,
    "two bytes each": wire.pieces(2),
    "one byte each": wire.pieces(1),
    "many in a PDU": wire.pieces(7, packed=True),
    "one byte each, packed": wire.pieces(1, packed=True),
}


@pytest.mark.parametrize("layout", ["separate", "together", "two bytes each"])
def test_get_with_dcmtk(layout: str, instances: list[Instance], tmp_path: Path) -> None:
    """DCMTK takes no odd fragments of a command, and crashes at many fragments in a PDU."""
    get = serve({C_GET: steps.get(instances, layout=LAYOUTS[layout])})
    target = tmp_path / "out"
    target.mkdir()
    with Scripted(get) as peer:
        done = dcmtk("getscu", peer, "-S", "+B", "-od", target, "-k", "QueryRetrieveLevel=STUDY")
    assert done.returncode == 0, done.stderr
    assert "Number of Completed Suboperations : 3" in done.stderr
    assert {Instance.read(path) for path in target.iterdir()} == set(instances)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_get_with_pynetdicom(layout: str, instances: list[Instance]) -> None:
    got: list[str] = []

    def keep(event: evt.Event) -> int:
        got.append(event.dataset.PatientID)
        return 0 if len(got) != 2 else 0xA700

    scu = AE("SCU")
    scu.add_requested_context(STUDY_GET)
    scu.add_requested_context(wire.CT, EXPLICIT)
    with Scripted(serve({C_GET: steps.get(instances, layout=LAYOUTS[layout])})) as peer:
        association = scu.associate(
            "127.0.0.1",
            peer.port,
            ext_neg=[build_role(wire.CT, scp_role=True)],
            evt_handlers=[(evt.EVT_C_STORE, keep)],
        )
        responses = [*association.send_c_get(query(), STUDY_GET)]
        association.release()
    assert got == ["PID-0", "PID-1", "PID-2"]
    assert [status.Status for status, _ in responses] == [0xFF00] * 3 + [0xB000]
    status, identifier = responses[-1]
    assert (status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations) == (2, 1)
    assert identifier is not None
    assert identifier.FailedSOPInstanceUIDList == instances[1].sop_instance_uid


def bodies(c: Connection) -> Iterator[bytes]:
    with suppress(Over):
        while True:
            yield c.read_pdu()[1]


def test_a_message_without_its_end(instances: list[Instance]) -> None:
    cut = store(instances[0], layout=wire.pieces(64, last=False), wait=False)
    with (
        Scripted([accept(), wait_request(), cut, close()]) as peer,
        raw(peer, STUDY_GET, wire.CT) as c,
    ):
        c.send_message(1, {"CommandField": C_GET, "MessageID": 1}, b"")
        values = list(bodies(c))
    data = [value for value in values if not value[5] & wire.COMMAND]
    assert b"".join(value[6:] for value in data) == instances[0].data
    assert {value[5] for value in data} == {0}


def test_move_to_a_receiver(instances: list[Instance]) -> None:
    got: list[tuple[str, str | None, int | None]] = []

    def keep(event: evt.Event) -> int:
        request = event.request
        aet = request.MoveOriginatorApplicationEntityTitle
        got.append((event.dataset.PatientID, aet, request.MoveOriginatorMessageID))
        return 0

    scp = AE("RECEIVER")
    scp.add_supported_context(wire.CT, EXPLICIT)
    server = scp.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, keep)])
    step = steps.move(instances[:2], server.server_address, late=instances[2:])
    with Scripted(serve({C_MOVE: step})) as peer, pynetdicom(peer) as association:
        responses = [*association.send_c_move(query(), "RECEIVER", STUDY_MOVE, msg_id=5)]
    server.shutdown()
    assert [status.Status for status, _ in responses] == [0xFF00, 0xFF00, 0]
    assert responses[-1][0].NumberOfCompletedSuboperations == 2
    assert got == [(f"PID-{n}", "SCU", 5) for n in range(3)]
    assert peer.messages[0].command["MoveDestination"] == "RECEIVER"


def test_read_gives_the_data_set_of_a_file(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "a.dcm")
    instance = Instance.read(path)
    assert instance.sop_instance_uid == dcmread(path).SOPInstanceUID
    assert path.read_bytes().endswith(instance.data)
    assert instance.data[:4] == b"\x08\0\5\0"


def test_messages_are_whole(instances: list[Instance]) -> None:
    """What arrives in pieces is put together as one message."""
    with Scripted([accept()]) as peer, raw(peer, wire.CT) as c:
        c.store(instances[0], layout=wire.pieces(9, packed=True), wait=False)
        peer.wait(lambda peer: peer.messages)
    message = peer.messages[0]
    assert isinstance(message, Message)
    assert message.data == instances[0].data
    assert message.command["AffectedSOPInstanceUID"] == instances[0].sop_instance_uid

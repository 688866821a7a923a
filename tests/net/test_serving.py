"""Serving a connection: each has its end in time, what happens is told, and nobody else is hurt."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from dcmtools.net import serving
from dcmtools.net.admission import Rules
from dcmtools.net.command import RESPONSE, Command
from dcmtools.net.fault_injection import Faults
from dcmtools.net.happenings import Happening, Kind
from dcmtools.net.negotiation import load_codecs
from dcmtools.net.tls import server_context
from tests.certificates import Authority
from tests.factories import EXPLICIT, IMPLICIT
from tests.net import wire
from tests.net.hostile import (
    BAD_COMMANDS,
    CANCEL,
    DEADLINE,
    ECHO,
    ENDS,
    LAYOUTS,
    NOISE,
    STORE_CT,
    Running,
    answer_of,
    association,
    connected,
    echo,
    end,
    first_word,
    instance,
    last_word,
    status,
    unended,
)
from tests.net.scripted import Over
from tests.net.steps import associate
from tests.net.wire import (
    ABORT,
    AC,
    C_ECHO,
    C_STORE,
    CT,
    DATA,
    RELEASE_REQUEST,
    RJ,
    STUDY_FIND,
    VERIFICATION,
    Proposed,
    command_set,
    pdu,
    pdv,
    request_pdu,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dcmtools.net.messages import Messages
    from dcmtools.net.negotiation import Context

REQUEST = request_pdu("OURS", "SCU", [STORE_CT, ECHO], 16384)
COMMITMENT = "1.2.840.10008.1.20.1"
STUDY_ROOT = "StudyRootQueryRetrieveInformationModelFind"


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """See that no thread and no descriptor is left when the receiver has stopped."""
    load_codecs()
    threads = set(threading.enumerate())
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    yield
    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) <= descriptors  # noqa: PTH208


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "in") as running:
        yield running


# What is told


def test_what_is_told_of_an_association(receiver: Running) -> None:
    one = instance("1.1", 1000)
    with association(receiver.address, called="OURS", calling="CT1") as c:
        assert echo(c) == 0
        assert [status(c.store(one)) for _ in range(2)] == [0, 0]
        assert status(c.store(one, AffectedSOPInstanceUID="1.9")) == 0xA900
    assert receiver.has(0)
    kinds = ["association", "echo", "stored", "duplicate", "refused", "released"]
    assert receiver.kinds == kinds
    assert {
        (each.association, each.host, each.calling_aet, each.called_aet)
        for each in receiver.happenings
    } == {(1, "127.0.0.1", "CT1", "OURS")}
    assert receiver.happenings[0].implementation == "SCRIPTED"
    assert receiver.happenings[-1].objects == 2
    assert [each.ends for each in receiver.happenings] == [False] * 5 + [True]
    stored = receiver.happenings[2].arrival
    assert stored is not None
    assert (stored.calling_aet, stored.called_aet, stored.host) == ("CT1", "OURS", "127.0.0.1")
    assert stored.stored.path == receiver.storage.folder / "1.1.dcm"
    assert stored.stored.size == len(one.data)
    assert "another object" in receiver.happenings[4].why


def test_associations_have_numbers(receiver: Running) -> None:
    for _ in range(3):
        with association(receiver.address):
            pass
        assert receiver.has(0)
    numbers = [each.association for each in receiver.happenings]
    assert numbers == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("how", "kind", "why"),
    [
        ("abort", "aborted", ""),
        ("release", "released", ""),
        ("FIN", "lost", "closed the connection"),
        ("RST", "lost", "reset the connection"),
    ],
)
def test_how_an_association_has_ended(receiver: Running, how: str, kind: str, why: str) -> None:
    with connected(receiver.address) as sock:
        c = associate(sock, [STORE_CT, ECHO])
        assert status(c.store(instance())) == 0
        end(c, how)
    assert receiver.has(0)
    last = receiver.happenings[-1]
    assert (last.kind, last.why, last.objects) == (kind, why, 1)


def test_connections_that_are_only_looked_at_are_worth_no_word(receiver: Running) -> None:
    for how in ("FIN", "RST", "abort"):
        with connected(receiver.address) as sock:
            if how == "abort":
                sock.sendall(wire.abort_pdu(0, 0))
                assert last_word(sock) == 0
    assert receiver.has(0)
    assert receiver.kinds == []
    assert receiver.lines


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_what_is_no_dicom_is_told(receiver: Running, noise: bytes) -> None:
    assert first_word(receiver.address, noise)[0] == ABORT
    assert receiver.has(0)
    assert receiver.kinds == ["lost"]
    assert receiver.reasons[0].startswith(("sent what is no PDU", "answered in"))


@pytest.mark.parametrize("bad", BAD_COMMANDS.values(), ids=BAD_COMMANDS)
def test_a_command_that_is_none_is_told(receiver: Running, bad: bytes) -> None:
    with association(receiver.address) as c:
        c.send(bad)
        assert last_word(c.sock) == ABORT
    assert receiver.kinds == ["association", "lost"]
    assert receiver.reasons[0].startswith("sent ")


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_an_object_that_is_cut_is_not_told(
    receiver: Running, layout: wire.Layout, how: str
) -> None:
    with association(receiver.address) as c:
        c.store(instance("1.1", 50_000), layout=layout, wait=False)
        end(c, how)
    assert receiver.has(0)
    assert receiver.files == []
    assert receiver.stored == []
    assert receiver.happenings[-1].ends
    assert receiver.serves()


@pytest.mark.parametrize("when", ["association", "stored", "released", "lost", "rejected", "echo"])
def test_who_is_told_may_fail(tmp_path: Path, when: str) -> None:
    """It ends that association, and nothing else; what was not acknowledged is sent again."""
    failed = []

    def fail(happening: Happening) -> None:
        if happening.kind == when and happening.calling_aet != "CT1":
            failed.append(happening)
            raise ZeroDivisionError

    with Running(tmp_path / "in", told=fail, rules=Rules("X", calling={"FAIL", "CT1"})) as receiver:
        with suppress(Over), association(receiver.address, calling="FAIL") as c:
            assert echo(c) == 0
            assert status(c.store(instance("1.1"))) == 0
        first_word(receiver.address, NOISE["SSH"])
        first_word(receiver.address, request_pdu("X", "FAIL", [STORE_CT], 16384) + NOISE["SSH"])
        first_word(receiver.address, request_pdu("X", "OTHER", [STORE_CT], 16384))
        assert receiver.has(0)
        assert failed
        with association(receiver.address, calling="CT1") as c:
            assert status(c.store(instance("1.2"))) == 0


# What is answered


def test_each_message_in_its_own_context(receiver: Running) -> None:
    with association(receiver.address) as c:
        assert status(c.store(instance(), context_id=3)) == 0x0122
        c.send_message(
            1, {"AffectedSOPClassUID": VERIFICATION, "CommandField": C_ECHO, "MessageID": 1}
        )
        assert status(c.read_message()) == 0x0122
        assert status(c.store(instance("1.1"))) == 0
    assert receiver.files == ["1.1.dcm"]


def test_an_echo_with_a_data_set(receiver: Running) -> None:
    """It is no echo of the standard's; the data set is not taken for another message."""
    with association(receiver.address) as c:
        command = {"AffectedSOPClassUID": VERIFICATION, "CommandField": C_ECHO, "MessageID": 1}
        c.send_message(3, command, bytes(100_000))
        assert status(c.read_message()) == 0
        assert echo(c) == 0


@pytest.mark.parametrize("number", [0, 2, 5, 255])
def test_a_context_that_was_not_accepted(receiver: Running, number: int) -> None:
    with association(receiver.address, STORE_CT, Proposed(5, STUDY_FIND, (IMPLICIT,))) as c:
        command = command_set({"CommandField": C_ECHO, "MessageID": 1})
        c.send(pdu(DATA, pdv(number, 3, command)))
        assert last_word(c.sock) == ABORT
    assert receiver.reasons == [f"used presentation context {number}, which was not accepted"]


def test_a_cancel_has_no_answer(receiver: Running) -> None:
    with association(receiver.address) as c:
        c.send(CANCEL)
        assert echo(c) == 0


def test_a_receiver_that_stores_nothing(tmp_path: Path) -> None:
    with Running(tmp_path / "in", storage=None) as receiver, association(receiver.address) as c:
        assert status(c.store(instance("1.1", 100_000))) == 0x0211
        assert echo(c) == 0
        assert receiver.files == []


def test_services_beside_storage(tmp_path: Path) -> None:
    """They get what is for them, with its data set, and may leave it without an answer."""
    got: list[tuple[str, int, bytes]] = []

    def serve(messages: Messages, context: Context, command: Command) -> Command | None:
        data = messages.receive_identifier(context.id, 5) if command.has_data else b""
        got.append((context.abstract_syntax, command.field, data))
        if not data:
            return None
        return Command(command.field | RESPONSE, responding_to=command.message_id, status=0)

    rules = Rules("X", services=(COMMITMENT,))
    with Running(tmp_path / "in", rules=rules, services={COMMITMENT: serve}) as receiver:
        wanted = Proposed(5, COMMITMENT, (EXPLICIT,))
        with association(receiver.address, STORE_CT, ECHO, wanted) as c:
            c.send_message(5, {"CommandField": 0x0130, "MessageID": 1})
            c.send_message(5, {"CommandField": 0x0130, "MessageID": 2}, b"what")
            reply = c.read_message()
            assert (reply.command_field, reply.command["MessageIDBeingRespondedTo"]) == (0x8130, 2)
            assert status(c.store(instance())) == 0
            assert echo(c) == 0
    assert got == [(COMMITMENT, 0x0130, b""), (COMMITMENT, 0x0130, b"what")]


# Who is let in


def test_too_many_are_rejected_for_the_time_being(tmp_path: Path) -> None:
    with Running(tmp_path, most=2) as receiver, association(receiver.address) as first:
        with association(receiver.address):
            assert first_word(receiver.address, REQUEST) == (RJ, bytes([0, 2, 3, 2]))
            assert "rejected" in receiver.kinds
            assert "as many associations" in receiver.reasons[0]
        assert receiver.has(1)
        assert receiver.serves()
        assert status(first.store(instance())) == 0


def test_those_who_were_rejected_and_stay_take_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_LINGER", 60.0)
    with Running(tmp_path, most=1) as receiver, ExitStack() as stack:
        with association(receiver.address):
            for _ in range(5):
                sock = stack.enter_context(connected(receiver.address))
                sock.sendall(REQUEST)
                assert answer_of(sock)[0] == RJ
        check_place(receiver)


def check_place(receiver: Running) -> None:
    """See that there is room for an association, as soon as the end of another is known here."""
    begun = monotonic()
    while first_word(receiver.address, REQUEST)[0] != AC:
        assert monotonic() - begun < 5


@pytest.mark.parametrize("how", ["release", "noise"])
def test_those_whose_association_is_over_take_no_place(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though they do not close."""
    monkeypatch.setattr(serving, "_LINGER", 60.0)
    with Running(tmp_path, most=1) as receiver, connected(receiver.address) as sock:
        associate(sock, [STORE_CT])
        sock.sendall(RELEASE_REQUEST if how == "release" else NOISE["SSH"])
        assert answer_of(sock)[0] in (6, ABORT)
        check_place(receiver)


def test_what_is_rejected_is_told(tmp_path: Path) -> None:
    with Running(tmp_path, rules=Rules("OURS", calling={"CT1"})) as receiver:
        assert first_word(receiver.address, REQUEST) == (RJ, bytes([0, 1, 1, 3]))
        assert receiver.has(0)
        (told,) = receiver.happenings
        assert (told.kind, told.calling_aet, told.called_aet) == (Kind.REJECTED, "SCU", "OURS")
        assert told.why == "the calling AE title is not allowed"


def test_how_the_contexts_are_decided_is_traced(receiver: Running) -> None:
    with association(receiver.address, STORE_CT, Proposed(3, STUDY_FIND, (IMPLICIT,))):
        pass
    assert receiver.lines == [
        "127.0.0.1: presentation context 1, CTImageStorage: ExplicitVRLittleEndian",
        f"127.0.0.1: presentation context 3, {STUDY_ROOT}: abstract syntax not supported",
    ]


# Time-outs


def test_who_asks_for_nothing(receiver: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_ARTIM", 0.2)
    begun = monotonic()
    with connected(receiver.address) as sock:
        assert last_word(sock) == ABORT
    assert 0.2 <= monotonic() - begun < 2
    assert receiver.reasons == ["sent nothing for 0.2 s"]


def test_who_asks_byte_by_byte(receiver: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that begins to come does not come for ever."""
    monkeypatch.setattr(serving, "_ARTIM", 0.3)
    pause = threading.Event()
    begun = monotonic()
    with connected(receiver.address) as sock, suppress(ConnectionError):
        for at in range(len(REQUEST)):
            sock.sendall(REQUEST[at : at + 1])
            pause.wait(0.05)
        pytest.fail("the whole request was taken")
    assert 0.3 <= monotonic() - begun < 3
    assert receiver.has(0)
    assert receiver.reasons == ["sent half a PDU in 0.3 s"]
    assert receiver.serves()


def test_who_does_nothing(tmp_path: Path) -> None:
    """The time begins anew with each message."""
    pause = threading.Event()
    with Running(tmp_path, idle=0.4) as receiver:
        with association(receiver.address) as c:
            begun = monotonic()
            for _ in range(4):
                pause.wait(0.15)
                assert echo(c) == 0
            with pytest.raises(Over):
                c.read_message()
            assert 1.0 <= monotonic() - begun < 3
        assert receiver.reasons == ["sent nothing for 0.4 s"]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_who_stops_amid_an_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: wire.Layout
) -> None:
    monkeypatch.setattr(serving, "_FRAGMENT", 0.2)
    with Running(tmp_path, idle=0.2) as receiver, connected(receiver.address) as sock:
        begun = monotonic()
        c = associate(sock, [STORE_CT])
        c.store(instance("1.1", 1000), layout=layout, wait=False)
        assert last_word(sock) == ABORT
        assert 0.2 <= monotonic() - begun < 2
        sock.close()
        assert receiver.has(0)
        assert receiver.files == []
        assert receiver.kinds == ["association", "lost"]


def test_who_sends_an_object_byte_by_byte(
    receiver: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fragment after fragment in time, but so slowly that it can only be meant to hurt."""
    monkeypatch.setattr(serving, "_PATIENCE", 0.3)
    monkeypatch.setattr(serving, "_SLOWEST", 1000.0)
    pause = threading.Event()
    begun = monotonic()
    with association(receiver.address) as c:
        c.store(instance("1.1"), layout=unended, wait=False)
        with suppress(Over):
            while monotonic() - begun < DEADLINE:
                c.send(pdu(DATA, pdv(1, 0, b"ab")))
                pause.wait(0.02)
    assert 0.3 <= monotonic() - begun < 3
    assert receiver.has(0)
    assert "bytes of a data set in" in receiver.reasons[0]
    assert receiver.files == []


def test_who_is_only_slow(receiver: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_PATIENCE", 0.1)
    monkeypatch.setattr(serving, "_SLOWEST", 1000.0)
    one, pause = instance("1.1", 4000), threading.Event()
    with association(receiver.address) as c:
        command = {"AffectedSOPClassUID": CT, "CommandField": C_STORE, "MessageID": 1}
        whole = command_set({**command, "AffectedSOPInstanceUID": "1.1", "CommandDataSetType": 1})
        c.send(pdu(DATA, pdv(1, 3, whole)))
        for control, fragment in wire.fragments(one.data, 500, 0):
            c.send(pdu(DATA, pdv(1, control, fragment)))
            pause.wait(0.05)
        assert status(c.read_message()) == 0
    assert receiver.data("1.1") == one.data


def test_who_reads_no_answer(tmp_path: Path) -> None:
    """Answers pile up until none can be sent any more; stopping does not wait for that."""
    with ExitStack() as stack, Running(tmp_path) as receiver:
        sock = stack.enter_context(connected(receiver.address))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        associate(sock, [ECHO])
        command = {"AffectedSOPClassUID": VERIFICATION, "CommandField": C_ECHO, "MessageID": 1}
        request = pdu(DATA, pdv(3, 3, command_set({**command, "CommandDataSetType": 0x0101})))
        sock.settimeout(0.5)
        with suppress(TimeoutError):
            while True:
                sock.sendall(request * 1000)
        begun = monotonic()
        receiver.__exit__(None, None, None)
        assert monotonic() - begun < 3


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_stopping_amid_objects(tmp_path: Path, layout: wire.Layout) -> None:
    with ExitStack() as stack:
        with Running(tmp_path) as receiver:
            for number in range(5):
                sock = stack.enter_context(connected(receiver.address))
                one = instance(f"1.{number}", 300_000)
                associate(sock, [STORE_CT]).store(one, layout=layout, wait=False)
            begun = monotonic()
        assert monotonic() - begun < 3
        assert receiver.files == []


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture
def secured(tmp_path: Path, authority: Authority) -> Iterator[Running]:
    pair = authority.server
    with Running(tmp_path / "in", tls=server_context(pair.cert, pair.key)) as running:
        yield running


def test_tls(secured: Running, authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.ca))
    one = instance("1.1", 500_000)
    with (
        connected(secured.address) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        c = associate(tls, [STORE_CT, ECHO])
        assert status(c.store(one)) == 0
        assert echo(c) == 0
        with suppress(Over):
            c.release()
    assert secured.has(0)
    assert secured.kinds == ["association", "stored", "echo", "released"]
    assert secured.data("1.1") == one.data


def test_a_tls_handshake_that_does_not_go_on(
    secured: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_ARTIM", 0.2)
    with connected(secured.address) as sock:
        sock.sendall(NOISE["TLS"][:20])
        assert sock.recv(1) == b""
    assert secured.has(0)
    assert secured.kinds == ["lost"]
    assert "TLS handshake" in secured.reasons[0]


def test_who_speaks_no_tls_is_told(secured: Running) -> None:
    with connected(secured.address) as sock, suppress(ConnectionResetError):
        sock.sendall(REQUEST)
        while sock.recv(100):
            pass
    assert secured.has(0)
    assert secured.reasons == ["does not speak TLS at this port"]


def test_who_only_looks_at_a_port_of_tls_is_worth_no_word(secured: Running) -> None:
    for _ in range(10):
        with connected(secured.address):
            pass
    assert secured.has(0)
    assert secured.kinds == []


@pytest.mark.parametrize("_", range(5))
def test_stopping_amid_a_tls_handshake(tmp_path: Path, authority: Authority, _: int) -> None:
    """At whatever moment of it."""
    pair = authority.server
    with ExitStack() as stack:
        with Running(tmp_path / "in", tls=server_context(pair.cert, pair.key)) as receiver:
            sock = stack.enter_context(connected(receiver.address))
            sock.sendall(NOISE["TLS"][:20])
            assert receiver.has(1)
            begun = monotonic()
        assert monotonic() - begun < 3


# Faults on request


def faulty(folder: Path, *faults: str) -> Running:
    return Running(folder, faults=Faults.parse(faults))


def test_a_status_on_request(tmp_path: Path) -> None:
    with faulty(tmp_path, "status=A700:at=2") as receiver, association(receiver.address) as c:
        codes = [status(c.store(instance(f"1.{number}", 50_000))) for number in range(3)]
        assert codes == [0, 0xA700, 0]
        assert echo(c) == 0
        assert receiver.files == ["1.0.dcm", "1.2.dcm"]
        assert receiver.reasons == ["status, as --fault asks for"]


@pytest.mark.parametrize(("fault", "word"), [("abort", ABORT), ("close", 0)])
def test_an_end_on_request(tmp_path: Path, fault: str, word: int) -> None:
    with faulty(tmp_path, f"{fault}:once") as receiver:
        with association(receiver.address) as c:
            c.store(instance("1.1", 50_000), wait=False)
            assert last_word(c.sock) == word
        assert receiver.has(0)
        assert receiver.kinds == ["association", "refused", "lost"]
        assert receiver.files == []
        assert receiver.serves()


def test_silence_on_request(tmp_path: Path) -> None:
    with faulty(tmp_path, "noreply:once") as receiver, association(receiver.address) as c:
        c.store(instance("1.1"), wait=False)
        assert echo(c) == 0  # the next answer is to this
        assert status(c.store(instance("1.2"))) == 0
        assert receiver.files == ["1.2.dcm"]


def test_delay_on_request(tmp_path: Path) -> None:
    with faulty(tmp_path, "delay=0.3:once") as receiver, association(receiver.address) as c:
        begun = monotonic()
        assert status(c.store(instance("1.1"))) == 0
        assert 0.3 <= monotonic() - begun < 3
        begun = monotonic()
        assert status(c.store(instance("1.2"))) == 0
        assert monotonic() - begun < 0.3


def test_a_rejection_on_request(tmp_path: Path) -> None:
    with faulty(tmp_path, "reject:once") as receiver:
        assert first_word(receiver.address, REQUEST) == (RJ, bytes([0, 2, 3, 2]))
        assert receiver.serves()
        assert receiver.reasons == ["as --fault asks for"]

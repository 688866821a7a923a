"""Associations against scripted peers: each outcome told, in time, and nothing left behind."""

import gc
import re
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from traceback import walk_stack

import pytest

from dcmtools.config import Config, Peer, Tls
from dcmtools.errors import (
    AssociationError,
    BusyError,
    ConfigError,
    ConnectionFailedError,
    DcmtoolsError,
    ExitCode,
    NotOfferedError,
    UsageError,
)
from dcmtools.net import association as module
from dcmtools.net import connection
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.command import DATA_SET_FOLLOWS, Command, CommandField
from dcmtools.net.connect import local_address
from dcmtools.net.identity import Identity, Kind
from dcmtools.net.messages import Message
from dcmtools.net.negotiation import Context, Proposal
from dcmtools.net.peer import find_peer
from tests.certificates import Authority
from tests.factories import EXPLICIT, IMPLICIT
from tests.net import wire
from tests.net.scripted import Connection, Ended, Over, Script, Scripted, Step, refused, unanswered
from tests.net.steps import (
    abort,
    accept,
    answer,
    answer_release,
    close,
    collide,
    find,
    hang,
    pending,
    reject,
    release,
    reset,
    send_raw,
    serve,
    store,
    wait_association,
    wait_cancel,
    wait_for,
    wait_release,
    wait_request,
)
from tests.net.wire import C_CANCEL, STUDY_FIND, VERIFICATION, Instance, Result, pdu, pdv

SHORT = 0.4  # seconds
LONG = 20.0  # seconds, which no test waits for
ECHO, FIND = [Proposal(VERIFICATION)], [Proposal(STUDY_FIND)]
IDENTIFIER = b"\x08\0\x52\0\6\0\0\0STUDY "


def sockets() -> dict[str, str]:
    """List the descriptors of this process that are sockets."""
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            target = str(path.readlink())
            if target.startswith("socket:"):
                found[path.name] = target
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Hold threads and sockets after a test against those before it."""
    gc.collect()
    threads, before = set(threading.enumerate()), sockets()
    yield
    assert set(threading.enumerate()) <= threads
    assert sockets() == before


def access_to(address: str, **more: object) -> Access:
    """Say how to reach a peer, with time-outs that no test waits for."""
    usual = {"connect_timeout": LONG, "acse_timeout": LONG, "dimse_timeout": LONG}
    return replace(Access(find_peer(address, Config())), **{**usual, **more})


@contextmanager
def within(least: float, most: float) -> Iterator[None]:
    """Hold the time that a ``with`` block takes against limits, in seconds."""
    began = monotonic()
    yield
    assert least - 0.01 <= monotonic() - began < most


def in_time() -> AbstractContextManager[None]:
    """Expect a time-out after `SHORT`, and half a second at most for an A-ABORT to be taken."""
    return within(SHORT, SHORT + connection._LAST_WORD + SHORT)


def fails(
    access: Access,
    kind: type[DcmtoolsError],
    words: str,
    act: Callable[[Association], object] | None = None,
    proposals: Sequence[Proposal] = ECHO,
) -> DcmtoolsError:
    """Expect a failure of one kind, its words, and that nothing can be sent after it."""
    with pytest.raises(kind) as caught:
        _act(access, act, proposals)
    error = caught.value
    assert type(error) is kind
    assert re.search(words, str(error)), str(error)
    assert str(error).startswith(f"{access.peer.label}: ")
    return error


def _act(
    access: Access, act: Callable[[Association], object] | None, proposals: Sequence[Proposal]
) -> None:
    association = Association(access, proposals)
    try:
        with association:
            if act is not None:
                act(association)
    finally:
        assert not association.is_open


def echo(association: Association) -> Message:
    """Send a C-ECHO, and give the response."""
    number = association.next_message_id()
    command = Command(CommandField.C_ECHO_RQ, number, sop_class=VERIFICATION)
    association.send(association.accepted(VERIFICATION), command)
    return association.response_to(number, CommandField.C_ECHO_RSP)


def ask(association: Association) -> tuple[Context, int]:
    """Send a C-FIND; give its presentation context and its number."""
    context, number = association.accepted(STUDY_FIND), association.next_message_id()
    command = Command(
        CommandField.C_FIND_RQ,
        number,
        sop_class=STUDY_FIND,
        priority=0,
        data_set=DATA_SET_FOLLOWS,
    )
    association.send(context, command, IDENTIFIER)
    return context, number


def collect(association: Association) -> list[Message]:
    """Query, and give all responses."""
    _, number = ask(association)
    found = [association.response_to(number, CommandField.C_FIND_RSP)]
    while found[-1].command.status == 0xFF00:
        found.append(association.response_to(number, CommandField.C_FIND_RSP))
    return found


# As it should be


def test_an_association_is_opened_used_and_released() -> None:
    with Scripted(serve({wire.C_FIND: find([IDENTIFIER] * 2)})) as peer:
        with Association(access_to(peer.address), [*ECHO, *FIND]) as association:
            assert association.is_open
            assert association.label == peer.address
            assert association.implementation == "SCRIPTED"
            assert association.contexts == (
                Context(1, VERIFICATION, EXPLICIT, 0),
                Context(3, STUDY_FIND, EXPLICIT, 0),
            )
            assert echo(association).command.status == 0
            found = collect(association)
            assert [each.data for each in found] == [IDENTIFIER, IDENTIFIER, b""]
            assert [each.context_id for each in found] == [3, 3, 3]
            assert echo(association).command.responding_to == 3
        assert not association.is_open
        peer.wait(lambda peer: len(peer.endings) == 2)
    assert peer.endings == ["release", "close"]
    assert [each.message_id for each in peer.messages] == [1, 2, 3]


def test_each_step_is_told_without_values() -> None:
    told: list[str] = []
    with Scripted(serve({wire.C_FIND: find([IDENTIFIER])})) as peer:
        access = access_to(peer.address, trace=told.append)
        with Association(access, [*ECHO, *FIND]) as association:
            collect(association)
    label, name = peer.address, "StudyRootQueryRetrieveInformationModelFind"
    assert told == [
        f"{label}: connected to 127.0.0.1",
        f"{label}: A-ASSOCIATE-RQ with 2 presentation contexts",
        f"{label}: presentation context 1, Verification: ExplicitVRLittleEndian",
        f"{label}: presentation context 3, {name}: ExplicitVRLittleEndian",
        f"{label}: sending C-FIND-RQ 1",
        f"{label}: received C-FIND-RSP to 1, status FF00H",
        f"{label}: received C-FIND-RSP to 1, status 0000H",
        f"{label}: released",
    ]


def test_message_ids_begin_anew_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted(serve({})) as peer, Association(access_to(peer.address), ECHO) as association:
        assert [association.next_message_id() for _ in range(3)] == [1, 2, 3]
        monkeypatch.setattr(association, "_message_id", 65533)
        answers = [echo(association).command.responding_to for _ in range(4)]
        assert answers == [65534, 65535, 1, 2]


def test_what_the_peer_owes_is_kept_in_mind() -> None:
    with (
        Scripted(serve({wire.C_FIND: find([IDENTIFIER])})) as peer,
        Association(access_to(peer.address), FIND) as association,
    ):
        assert not association.owes_answer
        _, number = ask(association)
        assert association.owes_answer
        association.response_to(number, CommandField.C_FIND_RSP)
        assert association.owes_answer
        association.response_to(number, CommandField.C_FIND_RSP)
        assert not association.owes_answer


def test_an_object_is_received_as_it_comes() -> None:
    object_ = Instance(wire.CT, "1.2.3", EXPLICIT, bytes(range(256)) * 1000)
    proposals = [Proposal(wire.CT, (EXPLICIT,), scp=True)]
    with Scripted([accept(), store(object_, wait=False), store(object_)]) as peer:
        with Association(access_to(peer.address), proposals) as association:
            parts: list[bytes] = []
            context, command = association.receive_command()
            assert context == Context(1, wire.CT, EXPLICIT, 0, scp=True)
            assert (command.field, command.sop_instance) == (CommandField.C_STORE_RQ, "1.2.3")
            association.receive_data(context, lambda part: parts.append(bytes(part)))
            assert len(parts) > 1
            assert b"".join(parts) == object_.data
            context, command = association.receive_command()
            assert association.receive_identifier(context) == object_.data
            response = Command(0x8001, responding_to=command.message_id, status=0)
            association.send(context, response)
            assert not association.owes_answer
        peer.wait(lambda peer: peer.endings)
    assert peer.messages[-1].command["Status"] == 0


# No connection


@pytest.mark.parametrize("host", ["host.invalid", "x" * 64, "a..b", "a\0b"])
def test_a_host_that_cannot_be_resolved(host: str) -> None:
    access = Access(Peer("", host, 104))
    error = fails(access, ConnectionFailedError, "host name '.*' cannot be resolved")
    assert error.exit_code is ExitCode.CONNECTION
    assert error.hint


def test_a_port_that_refuses() -> None:
    with refused() as address:
        error = fails(access_to(address), ConnectionFailedError, "connection refused$")
    assert "Nothing listens on port" in error.hint


def test_a_port_that_does_not_answer() -> None:
    with unanswered() as address, within(SHORT, 2 * SHORT):
        access = access_to(address, connect_timeout=SHORT)
        error = fails(access, ConnectionFailedError, f"no connection within {SHORT} s$")
    assert "firewall" in error.hint


def _addresses(*ports: tuple[int, int]) -> Callable[..., list[tuple[object, ...]]]:
    found = [(family, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for family, port in ports]
    return lambda *_, **__: list(found)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with unanswered() as silent, refused() as refusing, Scripted(serve({})) as peer:
        ports = [int(each.rpartition(":")[2]) for each in (silent, refusing, peer.address)]
        addresses = _addresses(*((socket.AF_INET, port) for port in ports))
        monkeypatch.setattr(socket, "getaddrinfo", addresses)
        with within(SHORT, 3 * SHORT):
            access = access_to(peer.address, connect_timeout=3 * SHORT)
            Association(access, ECHO).release()


def test_an_address_that_the_host_cannot_use_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Scripted(serve({})) as peer:
        unusable = 44, peer.port  # as IPv6 where the kernel has none
        addresses = _addresses(unusable, (socket.AF_INET, peer.port))
        monkeypatch.setattr(socket, "getaddrinfo", addresses)
        Association(access_to(peer.address), ECHO).release()
        monkeypatch.setattr(socket, "getaddrinfo", _addresses(unusable))
        fails(access_to(peer.address), ConnectionFailedError, "cannot connect: .* not supported")


def test_no_address_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _addresses())
    error = fails(access_to("PACS@localhost:104"), ConnectionFailedError, "no address$")
    assert "no way to it from here" in error.hint


def test_ipv6() -> None:
    with Scripted(serve({}), host="::1") as peer:
        access = access_to(peer.address)
        assert local_address(access.peer) == "[::1]"
        with Association(access, ECHO) as association:
            assert echo(association).command.status == 0


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give the authority that both sides trust."""
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


def server(
    authority: Authority,
    pair: str = "server",
    *,
    asks: bool = False,
    version: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """Make what a peer speaks TLS by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*getattr(authority, pair))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if asks:
        context.load_verify_locations(authority.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def secured(address: str, tls: Tls, **more: object) -> Access:
    """Say how to reach a peer by TLS."""
    access = access_to(address, **more)
    return replace(access, peer=replace(access.peer, host="localhost", tls=tls))


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
both_versions = pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])


@both_versions
@pytest.mark.parametrize("asks", [False, True])
def test_tls(authority: Authority, version: ssl.TLSVersion, *, asks: bool) -> None:
    script = serve({wire.C_FIND: find([IDENTIFIER * 3000] * 20)})
    with Scripted(script, tls=server(authority, asks=asks, version=version)) as peer:
        tls = Tls(authority.ca, *(authority.client if asks else (None, None)))
        with Association(secured(peer.address, tls), FIND) as association:
            assert [len(each.data) for each in collect(association)] == [42000] * 20 + [0]
        peer.wait(lambda peer: len(peer.endings) == 2)
    assert peer.endings == ["release", "close"]


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("expired", "its TLS certificate has expired"),
        ("early", "its TLS certificate is not valid yet"),
        ("elsewhere", r"is not for localhost but for pacs\.example\.org, old\.example\.org"),
    ],
)
def test_a_certificate_that_is_not_accepted(authority: Authority, pair: str, words: str) -> None:
    with Scripted(serve({}), tls=server(authority, pair)) as peer:
        error = fails(secured(peer.address, Tls(authority.ca)), ConnectionFailedError, words)
    assert error.exit_code is ExitCode.CONNECTION
    assert error.hint


def test_an_authority_that_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "Other CA")
    with Scripted(serve({}), tls=server(authority)) as peer:
        fails(secured(peer.address, Tls(other.ca)), ConnectionFailedError, "not trusted here")


@both_versions
def test_a_certificate_that_we_have_not(authority: Authority, version: ssl.TLSVersion) -> None:
    with Scripted(serve({}), tls=server(authority, asks=True, version=version)) as peer:
        access = secured(peer.address, Tls(authority.ca))
        error = fails(access, ConnectionFailedError, "wants a certificate|TLS handshake")
    assert "--tls-cert" in error.hint


def test_a_peer_without_tls(authority: Authority) -> None:
    for script in ([send_raw(wire.abort_pdu(2, 1)), close()], [send_raw(wire.SSH), hang()]):
        with Scripted(script) as peer:
            access = secured(peer.address, Tls(authority.ca))
            fails(access, ConnectionFailedError, "does not speak TLS at this port")


def test_a_peer_that_is_silent_in_the_handshake(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, in_time():
        port = listener.getsockname()[1]
        access = secured(f"PACS@127.0.0.1:{port}", Tls(authority.ca), connect_timeout=SHORT)
        fails(access, ConnectionFailedError, "no answer to the TLS handshake in time")


def test_material_of_ours_that_is_missing(tmp_path: Path) -> None:
    with Scripted(serve({})) as peer:
        with pytest.raises(ConfigError):
            Association(secured(peer.address, Tls(tmp_path / "none.pem")), ECHO)
        assert not peer.received


# No association


def test_a_peer_that_is_silent() -> None:
    with Scripted([hang()]) as peer:
        with in_time():
            access = access_to(peer.address, acse_timeout=SHORT)
            words = f"sent nothing for {SHORT} s: no answer to the association request"
            error = fails(access, ConnectionFailedError, words)
        peer.wait(lambda peer: peer.endings)
    assert error.exit_code is ExitCode.CONNECTION
    assert peer.endings == ["abort"]


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ([close()], ConnectionFailedError, "(closed|reset) the connection without an answer"),
        (
            [reset()],
            ConnectionFailedError,
            "(closed|reset) the connection without|connection reset",
        ),
        ([wait_association(), close()], ConnectionFailedError, "closed the connection without an"),
        ([wait_association(), reset()], ConnectionFailedError, "reset the connection without an"),
        (
            [wait_association(), send_raw(pdu(2, bytes(60), 200)), close()],
            ConnectionFailedError,
            "closed the connection after half a PDU",
        ),
        ([send_raw(wire.SSH), hang()], AssociationError, "answered in SSH, not in DICOM"),
        ([send_raw(wire.HTTP), close()], AssociationError, "answered in HTTP, not in DICOM"),
        (
            [wait_association(), send_raw(wire.HTTP), reset()],
            AssociationError,
            "answered in HTTP, not in DICOM",
        ),
        (
            [wait_association(), send_raw(pdu(2, bytes(79))), hang()],
            AssociationError,
            "half an item",
        ),
        ([wait_association(), send_raw(pdu(3)), hang()], AssociationError, "of 0 bytes"),
        ([wait_association(), send_raw(pdu(7, b"\0")), hang()], AssociationError, "of 1 bytes"),
        ([wait_association(), send_raw(pdu(7)), close()], AssociationError, "of 0 bytes"),
        (
            [wait_association(), send_raw(pdu(4, pdv(1, 3, b""))), hang()],
            AssociationError,
            "answered the request with P-DATA-TF",
        ),
        (
            [wait_association(), send_raw(wire.RELEASE_REPLY), hang()],
            AssociationError,
            "answered the request with A-RELEASE-RP",
        ),
        (
            [wait_association(), send_raw(wire.request_pdu("A", "B", [], 0)), hang()],
            AssociationError,
            "answered the request with A-ASSOCIATE-RQ",
        ),
        ([wait_association(), *abort(0, 0)], AssociationError, "aborted .*service user"),
        (abort(2, 1), AssociationError, "aborted .*service provider: unrecognized PDU"),
        ([accept(max_length=6), hang()], AssociationError, "takes PDUs of 6 bytes, which hold no"),
    ],
)
def test_what_is_no_association(script: Script, kind: type[DcmtoolsError], words: str) -> None:
    with Scripted(script) as peer, within(0, 2):
        fails(access_to(peer.address), kind, words)


@pytest.mark.parametrize(
    ("source", "reason"), [(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2), (9, 9)]
)
@pytest.mark.parametrize("result", [1, 2])
def test_each_rejection(result: int, source: int, reason: int) -> None:
    with Scripted(reject(result, source, reason)) as peer, within(0, 2):
        kind = BusyError if result == 2 else AssociationError
        access = access_to(peer.address, calling_aet="WS1")
        error = fails(access, kind, "rejected the association: ")
        peer.wait(lambda peer: peer.endings)
    assert error.exit_code is ExitCode.ASSOCIATION
    assert "WS1" in error.hint or (source, reason) != (1, 3)
    assert peer.endings == ["close"]


@pytest.mark.parametrize(
    ("accepted", "words"),
    [
        (accept(refuse=1), r"Verification: rejected by the peer"),
        (accept(refuse=2), r"Verification: rejected without a reason"),
        (accept(refuse=3), r"Verification: abstract syntax not supported"),
        (accept(refuse=4), r"Verification: transfer syntaxes not supported"),
        (accept(refuse=77), r"Verification: result 77"),
        (accept(contexts=[]), r"Verification: rejected without a reason"),
        (accept(contexts=[Result(3, 0, IMPLICIT)]), r"Verification: rejected without a reason"),
        (accept(syntax="1.2.3"), r"Verification: transfer syntaxes not supported"),
    ],
)
def test_no_context_that_is_needed(accepted: Step, words: str) -> None:
    with Scripted([accepted]) as peer:
        words = rf"accepted no presentation context \({words}\)"
        error = fails(access_to(peer.address), NotOfferedError, words, echo)
        peer.wait(lambda peer: len(peer.endings) == 2)
    assert error.exit_code is ExitCode.ASSOCIATION
    assert peer.endings == ["release", "close"]


def test_what_is_refused_releases_the_association() -> None:
    with Scripted([accept(refuse=3)]) as peer:
        association = Association(access_to(peer.address), ECHO)
        with association.released_on_error():
            assert association.is_open
        with pytest.raises(NotOfferedError), association.released_on_error():
            association.accepted(VERIFICATION)
        assert not association.is_open
        peer.wait(lambda peer: len(peer.endings) == 2)
    assert peer.endings == ["release", "close"]


def test_a_context_that_was_not_proposed() -> None:
    with Scripted(serve({})) as peer:
        fails(access_to(peer.address), NotOfferedError, r"\(not proposed\)", ask)


def test_what_is_needed_may_be_one_of_several() -> None:
    accepted = accept(refuse={VERIFICATION: 3})
    with (
        Scripted([accepted]) as peer,
        Association(access_to(peer.address), [*ECHO, *FIND, *ECHO]) as association,
    ):
        assert association.accepted(VERIFICATION, STUDY_FIND).id == 3
        with pytest.raises(NotOfferedError) as caught:
            association.accepted(VERIFICATION, wire.CT)
        assert str(caught.value).endswith("(Verification: abstract syntax not supported)")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("answered", [b"", b"ticket", None])
@pytest.mark.parametrize("response", [False, True])
def test_an_identity_is_confirmed_where_that_is_asked(
    kind: Kind, answered: bytes | None, *, response: bool
) -> None:
    secondary = b"secret" if kind is Kind.USERNAME_AND_PASSCODE else b""
    identity = Identity(kind, b"ann", secondary, response)
    with Scripted([accept(identity=answered)]) as peer:
        access = access_to(peer.address, identity=identity)
        if response and answered is None:
            fails(access, AssociationError, "did not confirm the user identity")
        else:
            Association(access, ECHO).release()
        peer.wait(lambda peer: peer.endings)
    assert peer.endings[0] == ("abort" if response and answered is None else "release")
    asked = peer.requests[0].pdu.user_information.user_identity
    assert (asked.user_identity_type, asked.primary_field) == (kind, b"ann")
    assert asked.secondary_field == secondary


@pytest.mark.parametrize(
    ("proposals", "kind"),
    [([], ValueError), (ECHO * 129, ValueError), ([Proposal("abc")], UsageError)],
)
def test_what_cannot_be_asked_is_not_connected_for(
    proposals: list[Proposal], kind: type[Exception]
) -> None:
    with Scripted(serve({})) as peer:
        with pytest.raises(kind):
            Association(access_to(peer.address), proposals)
        assert not peer._sockets


# What goes wrong amid an association

AMID_PDU = send_raw(pdu(4, pdv(1, 3, bytes(20), 100), 300))
AMID_MESSAGE = send_raw(pdu(4, pdv(1, 1, bytes(8))))


@pytest.mark.parametrize(
    ("begun", "words"),
    [
        ([], f"sent nothing for {SHORT} s: no response"),
        ([AMID_PDU], f"sent half a PDU in {SHORT} s: no response"),
        ([AMID_MESSAGE], f"sent nothing for {SHORT} s: no response"),
    ],
)
def test_a_peer_that_falls_silent(begun: list[Step], words: str) -> None:
    with Scripted([accept(), wait_request(), *begun, hang()]) as peer:
        with in_time():
            access = access_to(peer.address, dimse_timeout=SHORT)
            error = fails(access, ConnectionFailedError, words, echo)
        peer.wait(lambda peer: peer.endings)
    assert error.exit_code is ExitCode.CONNECTION
    assert "--dimse-timeout" in error.hint
    assert peer.endings == ["abort"]


@pytest.mark.parametrize("begun", [[], [AMID_PDU], [AMID_MESSAGE]])
@pytest.mark.parametrize(
    ("end", "words"), [(close(), "closed the connection"), (reset(), "reset the connection")]
)
def test_a_peer_that_is_gone(begun: list[Step], end: Step, words: str) -> None:
    with Scripted([accept(), wait_request(), *begun, end]) as peer, within(0, 2):
        error = fails(access_to(peer.address), AssociationError, f"{words}.* amid the assoc", echo)
    assert error.exit_code is ExitCode.ASSOCIATION


@pytest.mark.parametrize(
    ("source", "reason", "by"),
    [(0, 0, "its service user"), (2, 2, "its service provider: unexpected PDU"), (7, 99, "its")],
)
@pytest.mark.parametrize("begun", [[], [AMID_MESSAGE]])
def test_a_peer_that_aborts(begun: list[Step], source: int, reason: int, by: str) -> None:
    with Scripted([accept(), wait_request(), *begun, *abort(source, reason)]) as peer:
        words = rf"aborted the association \(by {by}"
        fails(access_to(peer.address), AssociationError, words, echo)
        peer.wait(lambda peer: peer.endings)
    assert peer.endings == ["close"]


def data(*values: bytes) -> Step:
    """Send a P-DATA-TF PDU."""
    return send_raw(pdu(4, b"".join(values)))


def when_gone(what: str, *steps: Step) -> tuple[list[Step], Callable[[str], None]]:
    """Make a peer take some steps and reset the connection just before something is sent to it.

    Gives the steps, and what has to be told of each step of ours.
    """
    asked, gone = threading.Event(), threading.Event()

    def leave(c: Connection) -> None:
        try:
            c.reset()
        finally:
            gone.set()

    def trace(line: str) -> None:
        if what in line:
            asked.set()
            assert gone.wait(LONG)

    return [wait_for(asked), *steps, leave], trace


ABORT_USER = send_raw(wire.abort_pdu(0, 0))


@pytest.mark.parametrize(
    ("steps", "kind", "words"),
    [
        ([ABORT_USER], AssociationError, "aborted the association .by its service user"),
        ([send_raw(wire.reject_pdu(1, 1, 7))], AssociationError, "called AE title not recognized"),
        ([send_raw(wire.SSH)], AssociationError, "answered in SSH"),
        ([send_raw(b"\2\0")], ConnectionFailedError, "(reset|closed) the connection"),
        ([], ConnectionFailedError, "reset the connection without an answer"),
    ],
)
def test_what_a_peer_says_before_it_is_asked_is_heard(
    steps: list[Step], kind: type[DcmtoolsError], words: str
) -> None:
    script, trace = when_gone("A-ASSOCIATE-RQ with", *steps)
    with Scripted(script) as peer, within(0, 2):
        fails(access_to(peer.address, trace=trace), kind, words)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([ABORT_USER], "aborted the association .by its service user"),
        ([data(pdv(1, 0, bytes(100))), ABORT_USER], "aborted the association .by its service user"),
        ([data(pdv(1, 0, bytes(100)))], "reset the connection amid the association"),
        ([], "reset the connection amid the association"),
    ],
)
def test_an_abort_is_heard_though_we_were_sending(steps: list[Step], words: str) -> None:
    script, trace = when_gone("sending C-ECHO-RQ", *steps)
    with Scripted([accept(), *script]) as peer, within(0, 2):
        fails(access_to(peer.address, trace=trace), AssociationError, words, echo)


def test_a_peer_that_releases_too_early() -> None:
    for begun in ([], [AMID_MESSAGE]):
        with Scripted([accept(), wait_request(), *begun, release()]) as peer:
            words = "released the association before it was done"
            fails(access_to(peer.address), AssociationError, words, echo)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([answer(MessageIDBeingRespondedTo=4711)], "answered to message 4711, which is not under"),
        ([answer(MessageIDBeingRespondedTo=None)], "answered to message None"),
        ([answer(CommandField=0x8020)], "answered with C-FIND-RSP where C-ECHO-RSP must come"),
        ([answer(CommandField=0x0030)], "answered with C-ECHO-RQ where C-ECHO-RSP must come"),
        ([answer(CommandField=0x9999)], "answered with command 9999H"),
        ([answer(None)], "answered without a status"),
        ([answer(context_id=99)], "used presentation context 99, which is none"),
        ([answer(context_id=3)], "used presentation context 3, which is none"),
        ([answer(CommandField=None)], "command set that cannot be read"),
        ([send_raw(pdu(4))], "P-DATA-TF PDU without content"),
        ([data(pdv(1, 2, b"??"))], "data set without a command"),
        ([send_raw(pdu(4, bytes(70_000)))], r"of 70000 bytes \(P-DATA-TF\)"),
        ([send_raw(pdu(0x4E, b"????"))], "is no PDU"),
        ([send_raw(pdu(7))], r"of 0 bytes \(A-ABORT\)"),
        ([accept()], "sent an A-ASSOCIATE-AC PDU amid the association"),
        ([send_raw(wire.RELEASE_REPLY)], "sent an A-RELEASE-RP PDU amid the association"),
    ],
)
def test_what_breaks_the_protocol(steps: list[Step], words: str) -> None:
    accepted = accept(refuse={STUDY_FIND: 3})
    with Scripted([accepted, wait_request(), *steps, hang()]) as peer:
        with within(0, 2):
            access = access_to(peer.address, max_pdu=65536)
            error = fails(access, AssociationError, words, echo, [*ECHO, *FIND])
        peer.wait(lambda peer: peer.endings)
    assert error.exit_code is ExitCode.ASSOCIATION
    assert [each for each in peer.received if isinstance(each, Ended)] == [Ended(0, "abort", 2, 0)]


def test_a_lost_association_is_not_lost_twice() -> None:
    told: list[str] = []
    with Scripted([accept(), wait_request(), close()]) as peer:
        association = Association(access_to(peer.address, trace=told.append), ECHO)
        with pytest.raises(AssociationError, match="closed the connection"):
            echo(association)
        assert not association.owes_answer
        for again in (echo, Association.receive, Association.receive_command):
            with pytest.raises(AssociationError, match=r": the association has ended$"):
                again(association)
        before = [*told]
        association.release()
        association.abort()
        assert told == before
        association.cancel(association.contexts[0], 1)
        association.interrupt()


def test_patience_ends_before_the_time_out() -> None:
    with Scripted([accept(), wait_request(), hang()]) as peer:
        for usual in (LONG, None):
            access = access_to(peer.address, dimse_timeout=usual)
            association = Association(access, ECHO)
            told = pytest.raises(ConnectionFailedError, match=f"nothing for {SHORT} s")
            with in_time(), association.patience(SHORT), told:
                echo(association)


def test_patience_is_for_a_while_only() -> None:
    with (
        Scripted(serve({})) as peer,
        Association(access_to(peer.address), ECHO) as association,
    ):
        with association.patience(SHORT), association.patience(LONG):
            assert association._access.dimse_timeout == SHORT
        assert association._access.dimse_timeout == LONG


# The end


def ended(script: Script, **more: object) -> list[str]:
    """Release an association with a peer, and give how the peer saw it end."""
    with Scripted([accept(), *([script] if callable(script) else script)]) as peer:
        Association(access_to(peer.address, **more), ECHO).release()
        peer.wait(lambda peer: peer.endings and peer.endings[-1] != "release")
    return peer.endings


@pytest.mark.parametrize(
    ("script", "endings"),
    [
        ([wait_release(), answer_release(), hang()], ["release", "close"]),
        ([wait_release(), *abort(0, 0)], ["release", "close"]),
        (collide(), ["release", "close"]),
        ([wait_release(), data(pdv(1, 2, b"??")), answer_release(), hang()], ["release", "close"]),
        ([wait_release(), send_raw(pdu(0x4E, b"????")), hang()], ["release", "abort"]),
    ],
)
def test_each_way_to_be_released(script: Script, endings: list[str]) -> None:
    with within(0, 2):
        assert ended(script) == endings


@pytest.mark.parametrize("end", [close(), reset()])
def test_an_end_is_as_good_as_a_release(end: Step) -> None:
    with Scripted([accept(), wait_release(), end]) as peer, within(0, 2):
        Association(access_to(peer.address), ECHO).release()


@pytest.mark.parametrize("gone", [[close()], [reset()], abort(0, 0), release()])
def test_a_peer_may_be_gone_before_it_is_asked(gone: Script) -> None:
    ends = [gone] if callable(gone) else gone
    with (
        Scripted([accept(), answer(), *ends]) as peer,
        within(0, 2),
        Association(access_to(peer.address), ECHO) as association,
    ):
        echo(association)


def _flood(c: Connection) -> None:
    while True:
        c.send(pdu(4, pdv(1, 0, bytes(10_000))) * 10)


def _drip(c: Connection) -> None:
    while True:
        c.send(b"\4" if not c.canceled else b"\0")
        c.canceled = True
        c.pause(threading.Event(), 0.05)


@pytest.mark.parametrize("script", [hang(), _flood, _drip], ids=["nothing", "data", "bytes"])
@pytest.mark.parametrize(("acse", "limit"), [(SHORT, LONG), (LONG, SHORT)])
def test_a_release_is_not_waited_for_long(
    script: Step, acse: float, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RELEASE", limit)
    with Scripted([accept(), wait_release(), script]) as peer, in_time():
        Association(access_to(peer.address, acse_timeout=acse), ECHO).release()


def test_nobody_waits_longer_than_five_seconds_for_a_release() -> None:
    assert module._RELEASE == 5


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), DcmtoolsError("a", "b"), ValueError(), GeneratorExit()]
)
@pytest.mark.parametrize("owing", [False, True])
def test_it_is_aborted_only_where_the_peer_owes_an_answer(
    error: BaseException, *, owing: bool
) -> None:
    def use(access: Access) -> None:
        with Association(access, [*ECHO, *FIND]) as association:
            echo(association)
            if owing:
                ask(association)
            raise error

    script = [accept(), answer(), *([wait_request()] if owing else []), wait_release()]
    with Scripted([*script, answer_release(), hang()]) as peer:
        with pytest.raises(type(error)):
            use(access_to(peer.address))
        peer.wait(lambda peer: len(peer.endings) == 2 - owing)
    assert peer.endings == (["abort"] if owing else ["release", "close"])


def ctrl_c(where: str) -> Step:
    """Press Ctrl-C while the main thread waits in a function of a `Connection`."""
    main = threading.main_thread().ident or 0

    def waits() -> bool:
        frames = walk_stack(sys._current_frames()[main])
        names = [frame.f_code.co_name for frame, _ in frames]
        return names[0] == "select" and where in names[:8]

    def press(_: Connection) -> None:
        deadline = monotonic() + LONG
        while not waits():
            assert monotonic() < deadline
            threading.Event().wait(0.001)
        signal.pthread_kill(main, signal.SIGINT)

    return press


CTRL_C = ctrl_c("receive")


@pytest.mark.parametrize(
    ("script", "endings"),
    [
        ([CTRL_C, hang()], ["abort"]),
        ([wait_association(), CTRL_C, hang()], ["abort"]),
        ([wait_association(), send_raw(b"\2\0"), CTRL_C, hang()], ["abort"]),
        ([accept(), wait_request(), CTRL_C, hang()], ["abort"]),
        ([accept(), wait_request(), AMID_PDU, CTRL_C, hang()], ["abort"]),
        ([accept(), answer(), wait_release(), CTRL_C, hang()], ["release", "abort"]),
    ],
)
@pytest.mark.parametrize("dimse_timeout", [LONG, None])
def test_ctrl_c_at_any_time(
    script: list[Step], endings: list[str], dimse_timeout: float | None
) -> None:
    with Scripted(script) as peer, within(0, 2):
        access = access_to(peer.address, dimse_timeout=dimse_timeout)
        with pytest.raises(KeyboardInterrupt):
            _act(access, echo, ECHO)
        peer.wait(lambda peer: len(peer.endings) == len(endings))
    assert peer.endings == endings


def test_ctrl_c_while_connecting(authority: Authority) -> None:
    def press() -> None:
        threading.Event().wait(SHORT)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with unanswered() as address, socket.create_server(("127.0.0.1", 0)) as listener:
        silent = f"PACS@127.0.0.1:{listener.getsockname()[1]}"
        for access in (access_to(address), secured(silent, Tls(authority.ca))):
            thread = threading.Thread(target=press)
            thread.start()
            with within(SHORT / 2, 2), pytest.raises(KeyboardInterrupt):
                Association(access, ECHO)
            thread.join()


def test_ctrl_c_while_sending() -> None:
    """What is cut off is not followed by a release, which would be taken for its rest."""

    def send(association: Association) -> None:
        context, number = association.accepted(STUDY_FIND), association.next_message_id()
        command = Command(CommandField.C_FIND_RQ, number, data_set=DATA_SET_FOLLOWS)
        association.send(context, command, bytes(1 << 25))

    with Scripted([accept(), ctrl_c("send"), hang()]) as peer, within(0, 3):
        with pytest.raises(KeyboardInterrupt):
            _act(access_to(peer.address), send, FIND)
        peer.wait(lambda peer: peer.endings)
    assert peer.endings[0] in ("close", "reset")


# Other threads


@pytest.mark.parametrize("version", [None, *VERSIONS], ids=["TCP", "TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("timeout", [LONG, None])
def test_another_thread_may_cancel(
    authority: Authority, version: ssl.TLSVersion | None, timeout: float | None
) -> None:
    asked = threading.Event()

    def asking(_: Connection) -> None:
        asked.set()

    script = [accept(), wait_request(), pending(), asking, wait_cancel(), answer(0xFE00)]
    tls = None if version is None else server(authority, version=version)
    with Scripted(script, tls=tls) as peer:
        if tls:
            access = secured(peer.address, Tls(authority.ca), dimse_timeout=timeout)
        else:
            access = access_to(peer.address, dimse_timeout=timeout)
        with within(0, 2), Association(access, FIND) as association:
            context, number = ask(association)

            def cancel() -> None:
                assert asked.wait(LONG)
                association.cancel(context, number)

            thread = threading.Thread(target=cancel)
            thread.start()
            first = association.response_to(number, CommandField.C_FIND_RSP)
            last = association.response_to(number, CommandField.C_FIND_RSP)
            thread.join()
            assert (first.command.status, last.command.status) == (0xFF00, 0xFE00)
    cancel_message = next(each for each in peer.messages if each.command_field == C_CANCEL)
    assert cancel_message.command["MessageIDBeingRespondedTo"] == number
    assert cancel_message.data is None
    assert peer.endings[0] == "release"


def test_a_cancel_that_cannot_be_sent_is_no_failure_of_its_own() -> None:
    go = threading.Event()

    def full(association: Association) -> None:
        """Have the peer take nothing more, and cut off what is sent."""
        with pytest.raises(connection.SilentError):
            association._connection.send(bytes(1 << 24), 0.1)

    with Scripted([accept(), wait_request(), wait_for(go), hang()]) as peer:
        access = access_to(peer.address, dimse_timeout=None)

        def wait(association: Association) -> None:
            context, number = ask(association)
            full(association)
            thread = threading.Thread(target=association.cancel, args=(context, number))
            thread.start()
            try:
                association.response_to(number, CommandField.C_FIND_RSP)
            finally:
                thread.join()
                go.set()

        with within(0, 3):
            fails(access, AssociationError, "closed the connection", wait, FIND)


@pytest.mark.parametrize("steps", [[], [AMID_PDU]])
def test_another_thread_may_interrupt(steps: list[Step]) -> None:
    with Scripted([accept(), wait_request(), *steps, hang()]) as peer:
        access = access_to(peer.address, dimse_timeout=None)

        def wait(association: Association) -> None:
            timer = threading.Timer(SHORT, association.interrupt)
            timer.start()
            try:
                echo(association)
            finally:
                timer.join()

        with within(SHORT, SHORT + 1):
            fails(access, AssociationError, "closed the connection", wait)


def test_many_associations_at_once() -> None:
    failures: list[BaseException] = []

    def use(address: str) -> None:
        try:
            with Association(access_to(address), ECHO) as association:
                for _ in range(50):
                    echo(association)
        except BaseException as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    with Scripted(serve({})) as peer:
        threads = [threading.Thread(target=partial(use, peer.address)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(peer.messages) == 400
    assert peer.endings.count("release") == 8


def test_the_end_of_a_script_is_no_end_of_the_world() -> None:
    def over(_: Connection) -> None:
        raise Over

    with Scripted([accept(), over]) as peer:
        fails(access_to(peer.address), AssociationError, "(closed|reset) the connection", echo)

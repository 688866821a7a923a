"""Attack a running ``storescp``: it lives, stays small, and stores the next object as it is.

B1 to B35 are faults that receivers have been seen to have, each with what is safe to do about it;
B32, the end by SIGKILL, is tested where the recovery is. What follows them is what else a peer, or
the machine, can do. After every test an object is stored on a new association, and at the end the
process must have no more descriptors and threads than at the start, and no file under way.
"""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.certificates import Authority
from tests.dataset.test_naming import HOSTILE
from tests.disks import mounted
from tests.factories import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    ITEM_END,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    element,
    item,
)
from tests.net import wire
from tests.net.hostile import (
    APPLICATION,
    BAD_COMMANDS,
    CANCEL,
    CONTEXT,
    DEADLINE,
    ECHO,
    ENDS,
    FIRST,
    LAYOUTS,
    NOISE,
    ODD_REQUESTS,
    OUT_OF_PLACE,
    OVERSIZE,
    OVERSIZE_DATA,
    PDV_LIES,
    REQUESTS,
    STORE_CT,
    USER,
    Server,
    answer_of,
    association,
    connected,
    echo,
    end,
    first_word,
    instance,
    last_word,
    padded,
    raw_request,
    status,
    unended,
)
from tests.net.scripted import Connection, Over
from tests.net.steps import associate
from tests.net.wire import (
    ABORT,
    AC,
    C_FIND,
    C_STORE,
    CT,
    DATA,
    RELEASE_REQUEST,
    RELEASE_RP,
    RJ,
    STUDY_FIND,
    VERIFICATION,
    Instance,
    Proposed,
    command_set,
    pdu,
    pdv,
    request_pdu,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MR = "1.2.840.10008.5.1.4.1.1.4"
MOST = 120.0
"""Megabytes that a receiver may need at any time, whatever comes."""
REQUEST = request_pdu("DCMTOOLS", "SCRIPTED", [STORE_CT, ECHO], 16384)
TOO_MANY = bytes([0, 2, 3, 2])
"""An A-ASSOCIATE-RJ: transient, by the presentation layer, local limit exceeded."""
QUICK = 3.0
"""Seconds within which what is wrong has an answer, or its end."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Have a server for all tests."""
    with Server(tmp_path_factory.mktemp("attacked") / "in") as server:
        yield server
        server.check_calm()
        assert server.vitals.peak < MOST


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """Have that server, and see after the test that it serves."""
    yield running
    running.check_serves()


class Uids:
    """UIDs that no test has had before."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> str:
        """Give another one."""
        self._last += 1
        return f"1.2.826.0.1.{self._last}"


@pytest.fixture(scope="module")
def uids() -> Uids:
    return Uids()


def store_on_one(server: Server, one: Instance, **changes: object) -> int:
    """Store an object on an association of its own; give the status, 0x10000 for an abort."""
    contexts = Proposed(1, one.sop_class_uid, (one.transfer_syntax,))
    with association(server.address, contexts) as c:
        try:
            return status(c.store(one, **changes))  # type: ignore[arg-type]
        except Over:
            return ABORTED


ABORTED = 0x10000


# B1 to B6: what asks for nothing, or not for long


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_b1_other_protocols(server: Server, noise: bytes) -> None:
    begun = monotonic()
    with connected(server.address) as sock, suppress(ConnectionError):
        sock.sendall(noise)
        assert last_word(sock) in (0, ABORT)
    assert monotonic() - begun < QUICK


def test_b2_a_port_scan(server: Server) -> None:
    server.check_calm()
    server.check_serves()  # what others have done is told by then
    before = len(server.lines)
    for number in range(300):
        with connected(server.address) as sock:
            if number % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.check_serves(within=2)
    server.check_calm()
    assert [each["event"] for each in server.events[before:]] == [
        *("association", "stored", "released")
    ]  # nothing but the object is worth a word


@pytest.mark.parametrize(
    "sent",
    [b"", REQUEST[:1], REQUEST[:3], REQUEST[: len(REQUEST) // 2], REQUEST[:-1]],
    ids=["nothing", "a byte", "half a header", "half a request", "all but a byte"],
)
def test_b3_connections_that_are_held(server: Server, sent: bytes) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(connected(server.address)) for _ in range(40)]
        for sock in held:
            sock.sendall(sent)
        server.check_serves()
        for sock in held:  # each of them is still waited for
            sock.sendall(REQUEST[len(sent) :])
        assert {answer_of(sock)[0] for sock in held} == {AC}
    server.check_calm()


def test_b3_slow_loris(server: Server) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(connected(server.address)) for _ in range(20)]
        for at in range(30):
            for sock in held:
                sock.sendall(REQUEST[at : at + 1])
        server.check_serves()
    server.check_calm()


def test_b3_more_connections_than_there_may_be(server: Server) -> None:
    """The oldest that ask for nothing go, and there is never no room for who asks."""
    with ExitStack() as stack:
        held = [stack.enter_context(connected(server.address)) for _ in range(500)]
        server.check_serves()
        assert last_word(held[0]) in (0, ABORT)
        held[-1].sendall(REQUEST)
        assert answer_of(held[-1])[0] == AC
    server.check_calm()


def test_b3_requests_that_are_announced_and_do_not_come(server: Server) -> None:
    """Nothing is allocated for what was only announced."""
    with ExitStack() as stack:
        before = server.vitals.memory
        for _ in range(100):
            sock = stack.enter_context(connected(server.address))
            sock.sendall(pdu(1, bytes(74), 500_000))
        server.check_serves()
        assert server.vitals.memory - before < 30
    server.check_calm()


def test_b4_b5_silence_has_an_end(tmp_path: Path) -> None:
    """Who has an association and does nothing loses it, and makes room for others."""
    options = "--idle-timeout", "1", "--max-associations", "3"
    with Server(tmp_path / "in", *options) as server, ExitStack() as stack:
        begun = monotonic()
        held = [stack.enter_context(connected(server.address)) for _ in range(5)]
        for sock in held:
            sock.sendall(REQUEST)
        answers = [answer_of(sock) for sock in held]
        assert sorted(kind for kind, _ in answers) == [AC, AC, AC, RJ, RJ]
        assert [body for kind, body in answers if kind == RJ] == [TOO_MANY] * 2
        taken = [sock for sock, (kind, _) in zip(held, answers, strict=True) if kind == AC]
        assert [last_word(sock) for sock in taken] == [ABORT] * 3
        assert 1 <= monotonic() - begun < 5
        server.check_serves()
        server.check_calm()
        assert [each["reason"] for each in server.events if each["event"] == "lost"] == [
            "sent nothing for 1 s"
        ] * 3


def test_b5_idle_associations(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(15):
            stack.enter_context(association(server.address))
        server.check_serves()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_b6_stuck_associations(server: Server, uids: Uids, layout: wire.Layout) -> None:
    with ExitStack() as stack:
        for _ in range(12):
            c = associate(stack.enter_context(connected(server.address)), [STORE_CT])
            c.store(instance(uids(), 1000), layout=layout, wait=False)
        server.check_serves()
    server.check_calm()


# B7 to B14: what is against the protocol


@pytest.mark.parametrize("first", OVERSIZE.values(), ids=OVERSIZE)
def test_b7_a_pdu_that_is_too_long(server: Server, first: bytes) -> None:
    begun, before = monotonic(), server.vitals.peak
    assert first_word(server.address, first)[0] == ABORT
    assert monotonic() - begun < QUICK
    assert server.vitals.peak - before < 10


@pytest.mark.parametrize("bad", OVERSIZE_DATA.values(), ids=OVERSIZE_DATA)
def test_b8_data_that_is_too_long(server: Server, bad: bytes) -> None:
    before = server.vitals.peak
    aborts(server, bad)
    assert server.vitals.peak - before < 10


@pytest.mark.parametrize("bad", PDV_LIES.values(), ids=PDV_LIES)
def test_b9_a_pdv(server: Server, bad: bytes) -> None:
    aborts(server, bad)


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_b10_what_cannot_come_first(server: Server, first: bytes) -> None:
    assert first_word(server.address, first)[0] == ABORT


@pytest.mark.parametrize("bad", OUT_OF_PLACE.values(), ids=OUT_OF_PLACE)
def test_b10_what_cannot_come_then(server: Server, bad: bytes) -> None:
    aborts(server, bad)


def aborts(server: Server, bad: bytes) -> None:
    """See that something is answered with an abort, at once."""
    begun = monotonic()
    with association(server.address) as c:
        c.send(bad)
        assert last_word(c.sock) == ABORT
    assert monotonic() - begun < QUICK


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_b11_a_bad_request(server: Server, request_: bytes) -> None:
    begun = monotonic()
    assert first_word(server.address, request_)[0] in (ABORT, RJ)
    assert monotonic() - begun < QUICK


@pytest.mark.parametrize("request_", ODD_REQUESTS.values(), ids=ODD_REQUESTS)
def test_b11_an_odd_request(server: Server, request_: bytes) -> None:
    begun = monotonic()
    assert first_word(server.address, request_)[0] in (ABORT, RJ, AC)
    assert monotonic() - begun < QUICK


def test_b11_requests_with_any_byte_wrong(server: Server) -> None:
    whole = request_pdu("ANY", "SCU", [STORE_CT, ECHO], 16384, wire.role(CT, 1, 0))
    for at in range(len(whole)):
        with connected(server.address) as sock:
            sock.sendall(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
            sock.shutdown(socket.SHUT_WR)
            assert last_word(sock) in (ABORT, RJ, AC) or 2 <= at < 6
    server.check_calm()


class Rejected(NamedTuple):
    """An association that cannot be had."""

    options: tuple[str, ...]
    request: bytes
    answer: tuple[int, int, int]


REJECTED = {
    "called AET": Rejected(
        ("--check-called", "--aet", "OURS"), request_pdu("OTHER", "B", [STORE_CT], 16384), (1, 1, 7)
    ),
    "calling AET": Rejected(
        ("--allow-calling", "CT1"), request_pdu("A", "CT2", [STORE_CT], 16384), (1, 1, 3)
    ),
    "host": Rejected(
        ("--allow-host", "10.0.0.0/8"), request_pdu("A", "B", [STORE_CT], 16384), (1, 1, 1)
    ),
}


@pytest.mark.parametrize("case", REJECTED.values(), ids=REJECTED)
def test_b12_who_may_not_call(tmp_path: Path, case: Rejected) -> None:
    with Server(tmp_path / "in", *case.options, checked=False) as server:
        assert first_word(server.address, case.request) == (RJ, bytes([0, *case.answer]))
        assert server.wait_for("rejected")["reason"]


def test_b12_who_may(tmp_path: Path) -> None:
    options = "--check-called", "--aet", "OURS", "--allow-calling", "CT1"
    near = "--allow-host", "10.0.0.0/8", "--allow-host", "127.0.0.0/8"
    with (
        Server(tmp_path / "in", *options, *near, checked=False) as server,
        association(server.address, called="OURS", calling="CT1") as c,
    ):
        assert status(c.store(instance())) == 0


def test_b12_another_title_is_taken_unless_it_is_checked(server: Server) -> None:
    with association(server.address, called="SOMEBODY") as c:
        assert echo(c) == 0


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (REQUESTS["another application context"], (1, 1, 2)),
        (REQUESTS["no application context"], (1, 1, 2)),
        (REQUESTS["protocol version 0"], (1, 2, 2)),
        (REQUESTS["protocol version 2"], (1, 2, 2)),
    ],
)
def test_b12_what_is_not_dicom(
    server: Server, request_: bytes, answer: tuple[int, int, int]
) -> None:
    assert first_word(server.address, request_) == (RJ, bytes([0, *answer]))


def test_b12_a_later_version_beside_ours(server: Server) -> None:
    request_ = raw_request(APPLICATION, CONTEXT, USER, version=3)
    assert first_word(server.address, request_)[0] == AC


def test_b13_what_is_not_supported(server: Server) -> None:
    asked = {
        Proposed(1, CT, (EXPLICIT,)): 0,
        Proposed(3, "../evil", (EXPLICIT,)): 3,
        Proposed(5, STUDY_FIND, (IMPLICIT,)): 3,
        Proposed(7, CT, ("no syntax",)): 4,
        Proposed(9, CT, ("no syntax", IMPLICIT)): 0,
        Proposed(11, "1.2.840.10008.1.20.1", (EXPLICIT,)): 3,
        Proposed(13, "1.3.12.2.1107.5.9.1", (JPEG,)): 0,
        Proposed(15, CT, ("1.2.3.4",)): 0,
        Proposed(17, VERIFICATION, (IMPLICIT,)): 0,
    }
    kind, body = first_word(server.address, request_pdu("A", "B", asked, 16384))
    assert kind == AC
    found = {each.context_id: each.result for each in wire.accepted_contexts(body)}
    assert found == {each.context_id: result for each, result in asked.items()}


@pytest.mark.parametrize("number", [0, 2, 3, 99, 255])
def test_b14_a_context_that_was_not_accepted(server: Server, uids: Uids, number: int) -> None:
    """Be it unknown, even, or refused when it was asked for."""
    begun = monotonic()
    with association(server.address, STORE_CT, Proposed(3, STUDY_FIND, (IMPLICIT,))) as c:
        c.store(instance(uids(), 500), context_id=number or None, wait=False, layout=within(number))
        assert last_word(c.sock) == ABORT
    assert monotonic() - begun < QUICK


def within(number: int) -> wire.Layout:
    """Send a message in another context than it is for."""

    def layout(_: int, command: bytes, data: bytes | None, longest: int) -> Iterator[bytes]:
        yield from wire.separate(number, command, data, longest)

    return layout


# B15 to B19: objects that are cut, and what comes twice


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_b15_an_end_amid_an_object(
    server: Server, uids: Uids, layout: wire.Layout, how: str
) -> None:
    one = instance(uids(), 50_000)
    with association(server.address) as c:
        c.store(one, layout=layout, wait=False)
        end(c, how)
    server.check_calm()
    assert f"{one.sop_instance_uid}.dcm" not in server.files


def test_b16_a_stall(server: Server, uids: Uids) -> None:
    one = instance(uids(), 300_000)
    with association(server.address) as c:
        c.store(one, layout=unended, wait=False)
        server.check_serves()
        assert f"{one.sop_instance_uid}.dcm" not in server.files
        c.send(pdu(DATA, pdv(1, 2, element(0xFFFCFFFC, "OB", bytes(8)))))
        assert status(c.read_message()) == 0
    assert server.data(one.sop_instance_uid).startswith(one.data)


def test_b17_empty_fragments(server: Server, uids: Uids) -> None:
    one = instance(uids(), 100)

    def layout(number: int, command: bytes, data: bytes | None, _: int) -> Iterator[bytes]:
        assert data is not None
        parts = [pdv(number, 1, b""), pdv(number, 1, command), pdv(number, 3, b"")]
        for at in range(0, len(data), 2):
            parts += [pdv(number, 0, data[at : at + 2]), pdv(number, 0, b"")]
        parts += [pdv(number, 2, b"")]
        yield from (pdu(DATA, part) for part in parts)

    with association(server.address) as c:
        assert status(c.store(one, layout=layout)) == 0
    assert server.data(one.sop_instance_uid) == one.data


def test_b18_a_duplicate(server: Server, uids: Uids) -> None:
    uid = uids()
    one, other = instance(uid, 5000), instance(uid, 5000)
    assert [store_on_one(server, each) for each in (one, other, one, other)] == [0] * 4
    assert versions(server, uid) == {f"{uid}.dcm": one.data, f"{uid}_2.dcm": other.data}


def test_b19_a_race_of_duplicates(server: Server, uids: Uids) -> None:
    uid = uids()
    sent = [instance(uid, 20_000) for _ in range(8)]
    begin = threading.Barrier(8)

    def send(one: Instance) -> int:
        with association(server.address) as c:
            begin.wait(DEADLINE)
            return status(c.store(one))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(send, sent)) == [0] * 8
    assert sorted(versions(server, uid).values()) == sorted(each.data for each in sent)


def versions(server: Server, uid: str) -> dict[str, bytes]:
    """Give all data sets that were stored under a UID."""
    names = [name for name in server.files if name.startswith((f"{uid}.dcm", f"{uid}_"))]
    return {name: Instance.read(server.folder / name).data for name in names}


# B20 to B27: objects that are not what they should be


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AffectedSOPInstanceUID": "1.9"}, 0xA900),
        ({"AffectedSOPInstanceUID": "../../evil"}, 0xA900),
        ({"AffectedSOPInstanceUID": b"1.2\0\0\0.3"}, 0xA900),
        ({"AffectedSOPInstanceUID": b"\xff\xfe"}, 0xA900),
        ({"AffectedSOPInstanceUID": "1" * 200}, 0xA900),
        ({"AffectedSOPInstanceUID": "1" * 60000}, 0x0117),
        ({"AffectedSOPClassUID": MR}, 0x0122),
        ({"AffectedSOPClassUID": "../x"}, 0x0122),
    ],
)
def test_b20_a_command_of_another_object(
    server: Server, uids: Uids, changes: dict[str, object], code: int
) -> None:
    """The answer says so, and the association lives."""
    before, one = server.files, instance(uids())
    with association(server.address) as c:
        reply = c.store(instance(uids(), 1000), **changes)  # type: ignore[arg-type]
        assert status(reply) == code
        assert reply is not None
        assert reply.command["ErrorComment"]
        assert status(c.store(one)) == 0
    assert set(server.files) - set(before) == {f"{one.sop_instance_uid}.dcm"}


@pytest.mark.parametrize("uid", ["", "../x", "1" * 200, b"1.2\0.3", b"\0", b"\xff\xfe", *HOSTILE])
def test_b21_hostile_uids(server: Server, uid: str | bytes) -> None:
    """Stored under a name that leads nowhere, or refused; there is nothing outside the folder."""
    raw = uid if isinstance(uid, bytes) else uid.encode()
    outside, before = names_around(server), server.files
    one = Instance(
        CT,
        "",
        EXPLICIT,
        element(0x00080016, "UI", padded(CT)) + element(0x00080018, "UI", padded(raw)),
    )
    code = store_on_one(server, one, AffectedSOPInstanceUID=padded(raw))
    assert code in (0, 0x0117, 0x0120, 0xA900, 0xC000)
    new = set(server.files) - set(before)
    assert len(new) == (code == 0)
    assert all("/" not in name and name[0] not in ".-" for name in new)
    assert names_around(server) == outside


def names_around(server: Server) -> set[str]:
    return {path.name for path in server.folder.parent.iterdir()}


def test_b21_hostile_patients(tmp_path: Path) -> None:
    with Server(tmp_path / "in", "--sort", "patient") as server:
        for number, name in enumerate(HOSTILE):
            ids = element(0x00100020, "LO", padded(name))
            ids += element(0x0020000D, "UI", padded(name)) + element(0x0020000E, "UI", padded(name))
            assert store_on_one(server, instance(f"1.{number}", tail=ids)) == 0
        server.check_calm()
        assert {name.count("/") for name in server.files} == {3}
        assert len(server.files) == len(HOSTILE)
        assert names_around(server) == {"in", "in.stderr"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AffectedSOPInstanceUID": None}, 0x0120),
        ({"AffectedSOPInstanceUID": ""}, 0x0120),
        ({"AffectedSOPClassUID": None}, 0x0120),
        ({"AffectedSOPClassUID": ""}, 0x0120),
    ],
)
def test_b22_no_uid_in_the_command(
    server: Server, uids: Uids, changes: dict[str, object], code: int
) -> None:
    before = server.files
    assert store_on_one(server, instance(uids(), 1000), **changes) == code
    assert server.files == before


@pytest.mark.parametrize(
    "data",
    [
        element(0x00080016, "UI", padded(CT)),
        element(0x00080018, "UI", b"1.2.3\0"),
        element(0x00080016, "UI", b"") + element(0x00080018, "UI", b""),
        element(0x00100020, "LO", b"PID"),
    ],
    ids=["no instance", "no class", "both empty", "neither"],
)
def test_b22_no_uid_in_the_data_set(server: Server, data: bytes) -> None:
    before = server.files
    assert store_on_one(server, Instance(CT, "1.2.3", EXPLICIT, data)) in (0xA900, 0xC000)
    assert server.files == before


@pytest.mark.parametrize("bad", BAD_COMMANDS.values(), ids=BAD_COMMANDS)
def test_b23_a_command_that_is_none(server: Server, bad: bytes) -> None:
    aborts(server, bad)


@pytest.mark.parametrize("length", [0, 1, 0xFFFF, 0xFFFFFFFF])
def test_b23_a_wrong_group_length(server: Server, uids: Uids, length: int) -> None:
    """It is of no use to anybody; the object is stored, or refused."""
    one = instance(uids())

    def layout(number: int, command: bytes, data: bytes | None, longest: int) -> Iterator[bytes]:
        wrong = command[:8] + struct.pack("<I", length) + command[12:]
        return wire.separate(number, wrong, data, longest)

    with association(server.address) as c:
        code = status(c.store(one, layout=layout))
    assert code or server.data(one.sop_instance_uid) == one.data


@pytest.mark.parametrize("field", [C_FIND, 0x0010, 0x0021, 0x0140, 0x0130, 0x0100, 0x0001 | 0x4000])
@pytest.mark.parametrize("data", [None, b"identifier"], ids=["alone", "with data"])
def test_b23_a_command_for_others(server: Server, field: int, data: bytes | None) -> None:
    """C-FIND, C-GET, C-MOVE, N-CREATE, N-ACTION, N-EVENT-REPORT and none of the standard's."""
    with association(server.address) as c:
        command = {"AffectedSOPClassUID": CT, "CommandField": field, "MessageID": 5}
        c.send_message(1, command, data)
        reply = c.read_message()
        assert reply.command_field == field | 0x8000
        assert (reply.command["MessageIDBeingRespondedTo"], status(reply)) == (5, 0x0211)
        assert echo(c) == 0


def test_b23_a_cancel_of_nothing(server: Server, uids: Uids) -> None:
    """There is no answer to it, before an object or after."""
    with association(server.address) as c:
        for _ in range(3):
            c.send(CANCEL)
            assert status(c.store(instance(uids()))) == 0
        c.send(CANCEL * 100)
        assert echo(c) == 0


def test_b23_a_cancel_amid_a_data_set(server: Server, uids: Uids) -> None:
    one = instance(uids(), 1000)
    with association(server.address) as c:
        c.store(one, layout=unended, wait=False)
        c.send(CANCEL)
        assert last_word(c.sock) == ABORT
    assert f"{one.sop_instance_uid}.dcm" not in server.files


def test_b23_a_store_without_a_data_set(server: Server, uids: Uids) -> None:
    with association(server.address) as c:
        one = instance(uids())
        c.send_message(1, {**store_command(one), "CommandDataSetType": 0x0101})
        assert status(c.read_message()) == 0x0120
        assert echo(c) == 0


def test_b23_a_data_set_that_was_not_announced(server: Server, uids: Uids) -> None:
    one = instance(uids())
    with association(server.address) as c:
        c.send_message(1, {**store_command(one), "CommandDataSetType": 0x0101}, one.data)
        assert status(c.read_message()) == 0x0120
        with pytest.raises(Over):
            c.read_message()
    assert f"{one.sop_instance_uid}.dcm" not in server.files


def test_b23_a_command_without_data_set_type(server: Server, uids: Uids) -> None:
    with association(server.address) as c:
        c.send_message(1, {**store_command(instance(uids())), "CommandDataSetType": None})
        assert status(c.read_message()) == 0x0120


def store_command(one: Instance, message_id: int = 1) -> dict[str, object]:
    return {
        "AffectedSOPClassUID": one.sop_class_uid,
        "AffectedSOPInstanceUID": one.sop_instance_uid,
        "CommandField": C_STORE,
        "MessageID": message_id,
        "Priority": 0,
    }


@pytest.mark.parametrize(
    "data",
    [b"", bytes(range(250)), bytes(1000), b"\xff" * 1000, b"%PDF-1.7\n" * 20],
    ids=["empty", "numbers", "zeros", "ones", "PDF"],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED, JPEG])
def test_b24_no_data_set(server: Server, uids: Uids, data: bytes, syntax: str) -> None:
    before = server.files
    assert store_on_one(server, Instance(CT, uids(), syntax, data)) in (0xA900, 0xC000)
    assert server.files == before


def nested(levels: int, innermost: bytes) -> bytes:
    """Put a data set into a sequence in a sequence, and so on."""
    head = element(0x00081140, "SQ", b"", UNDEFINED) + item(b"", UNDEFINED)
    return head * levels + innermost + (ITEM_END + SEQUENCE_END) * levels


@pytest.mark.parametrize("levels", [12, 300, 5000, 100_000])
@pytest.mark.parametrize(
    "innermost",
    [element(0x00080018, "UI", b"1.2"), element(0x00280010, "US", b"\1"), b"\1\2\3"],
    ids=["good", "a bad value", "cut"],
)
def test_b25_b26_sequences_in_sequences(
    server: Server, uids: Uids, levels: int, innermost: bytes
) -> None:
    """Stored as it came, or refused; in a moment and in little memory either way."""
    begun, before = monotonic(), server.vitals.peak
    one = instance(uids(), tail=nested(levels, innermost))
    code = store_on_one(server, one)
    assert code in (0, 0xC000)
    assert code or server.data(one.sop_instance_uid) == one.data
    assert monotonic() - begun < QUICK
    assert server.vitals.peak - before < 30


@pytest.mark.parametrize(
    "tail",
    [
        element(0x7FE00010, "OB", bytes(100), 0xFFFFFFFE),
        element(0x00081140, "SQ", b"", 0xFFFFFFFE),
        element(0x00081140, "SQ", item(b"", 0xFFFFFFFE), UNDEFINED),
        element(0x00081140, "SQ", item(b""), UNDEFINED),
        element(0x00081140, "SQ", item(element(0x00080018, "UI", b"1.2 "), UNDEFINED), UNDEFINED),
        element(0x7FE00010, "OB", item(bytes(10), 0xFFFFFFFE), UNDEFINED),
        element(0x7FE00010, "OB", item(bytes(10)), UNDEFINED),
        element(0x00100020, "LO", b"PID", 4),
        b"\x10\0",
        element(0x00100020, "LO", b"PID ")[:7],
    ],
    ids=[
        *("OB of 4 GiB", "SQ of 4 GiB", "item of 4 GiB", "SQ not closed", "item not closed"),
        *("fragment of 4 GiB", "pixels not closed", "value cut", "tag cut", "header cut"),
    ],
)
def test_b27_lengths_that_lie(server: Server, uids: Uids, tail: bytes) -> None:
    before, files = server.vitals.peak, server.files
    assert store_on_one(server, instance(uids(), tail=tail)) == 0xC000
    assert server.files == files
    assert server.vitals.peak - before < 10


# B28 to B31: many


class Burst(NamedTuple):
    """What has become of many associations at once."""

    stored: int
    rejected: int
    longest: float
    """Seconds."""


def burst(server: Server, count: int) -> Burst:
    """Ask for many associations at the same time, and store an object on each that is had.

    All of them are open, or rejected, before the first object is sent.
    """
    begin, answered = threading.Barrier(count), threading.Barrier(count)

    def send(number: int) -> tuple[bool, float]:
        one = instance(f"2.26.{number}", 20_000)
        begin.wait(60)
        begun = monotonic()
        with socket.create_connection(server.address, 30) as sock:
            sock.sendall(request_pdu("DCMTOOLS", "SCRIPTED", [STORE_CT], 16384))
            try:
                kind, body = answer_of(sock)
            finally:
                answered.wait(60)
            if kind == RJ:
                assert body == TOO_MANY
                return False, monotonic() - begun
            assert kind == AC
            c = Connection(sock)
            c.contexts = {1: STORE_CT}
            assert status(c.store(one)) == 0
            taken = monotonic() - begun
            with suppress(Over):
                c.release()
        assert server.data(one.sop_instance_uid) == one.data
        return True, taken

    with ThreadPoolExecutor(count) as pool:
        found = list(pool.map(send, range(count)))
    stored = sum(was_stored for was_stored, _ in found)
    return Burst(stored, count - stored, max(seconds for _, seconds in found))


def test_b28_two_hundred_at_once(tmp_path: Path) -> None:
    with Server(tmp_path / "in", "--max-associations", "300") as server:
        found = burst(server, 200)
        assert (found.stored, found.rejected) == (200, 0)
        assert found.longest < 20
        server.check_serves()
        server.check_calm()
        assert server.vitals.peak < 200


def test_b28_two_hundred_where_fifty_may(tmp_path: Path) -> None:
    """As many as may be are served, whoever else comes; none of the others is left in silence."""
    with Server(tmp_path / "in") as server:
        found = burst(server, 200)
        assert (found.stored, found.rejected) == (50, 150)
        assert found.longest < 20
        server.check_serves()
        server.check_calm()
        assert server.vitals.peak < MOST


def test_b29_many_store_at_once(server: Server, uids: Uids) -> None:
    sent = [instance(uids(), 200_000) for _ in range(24)]
    begin = threading.Barrier(24)

    def send(one: Instance) -> int:
        with association(server.address) as c:
            begin.wait(DEADLINE)
            return status(c.store(one))

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(send, sent)) == [0] * 24
    assert all(server.data(one.sop_instance_uid) == one.data for one in sent)


def test_b30_two_hundred_aborts(server: Server, uids: Uids) -> None:
    before, files = server.vitals.memory, server.files
    for _ in range(200):
        with connected(server.address) as sock:
            c = associate(sock, [STORE_CT])
            c.store(instance(uids(), 1000), layout=unended, wait=False)
            c.send(wire.abort_pdu(0, 0))
    server.check_calm()
    assert server.files == files
    assert server.vitals.memory - before < 10


def test_b31_a_hundred_on_one(server: Server, uids: Uids) -> None:
    sent = [instance(uids(), size) for size in range(2, 202, 2)]
    with association(server.address) as c:
        assert {status(c.store(one)) for one in sent} == {0}
    assert all(server.data(one.sop_instance_uid) == one.data for one in sent)


# B33 to B35: what happens to the receiver itself


def test_b33_sigterm_amid_a_data_set(tmp_path: Path) -> None:
    with Server(tmp_path / "in") as server:
        server.check_serves()
        kept = server.files
        with association(server.address) as c:
            c.store(instance("1.1", 300_000), layout=unended, wait=False)
            server.process.terminate()
            begun = monotonic()
            assert server.process.wait(DEADLINE) == 0
            assert monotonic() - begun < DEADLINE
        assert server.files == kept


def test_b34_a_full_disk(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "small", "size=600k") as folder,
        Server(folder / "in", errors=tmp_path / "stderr") as server,
        association(server.address) as c,
    ):
        for number in range(3):
            assert status(c.store(instance("1.1", 2_000_000))) == 0xA700
            assert server.files == []
            small = instance(f"1.2.{number}", 20_000)
            assert status(c.store(small)) == 0
            assert server.data(small.sop_instance_uid) == small.data
            (server.folder / f"{small.sop_instance_uid}.dcm").unlink()
        assert server.wait_for("refused", 3)["status"] == "A700"


def test_b34_a_disk_that_fills_up(tmp_path: Path) -> None:
    """What was acknowledged is there, and nothing else."""
    with (
        mounted(tmp_path / "small", "size=600k") as folder,
        Server(folder / "in", errors=tmp_path / "stderr") as server,
        association(server.address) as c,
    ):
        sent = [instance(f"1.{number}", 50_000) for number in range(20)]
        codes = [status(c.store(one)) for one in sent]
        assert set(codes) == {0, 0xA700}
        kept = {one.sop_instance_uid for one, code in zip(sent, codes, strict=True) if not code}
        assert server.files == sorted(f"{uid}.dcm" for uid in kept)
        assert all(
            server.data(u.sop_instance_uid) == u.data for u in sent if u.sop_instance_uid in kept
        )


def test_b34_too_little_is_free(tmp_path: Path) -> None:
    with Server(tmp_path / "in", "--min-free", "1000T", checked=False) as server:
        assert store_on_one(server, instance()) == 0xA700
        assert server.files == []


def test_b35_the_folder_goes_and_comes_back(server: Server, uids: Uids) -> None:
    away = server.folder.with_name("away")
    one = instance(uids(), 300_000)
    with association(server.address) as c:
        assert status(c.store(instance(uids()))) == 0
        server.folder.rename(away)
        try:
            assert status(c.store(one)) == 0xA700
            assert echo(c) == 0
            assert not server.folder.exists()
        finally:
            away.rename(server.folder)
        assert status(c.store(one)) == 0
    assert server.data(one.sop_instance_uid) == one.data


# More of the machine


def test_a_folder_that_may_not_be_written_to_any_more(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", "size=1m") as folder,
        Server(folder / "in", errors=tmp_path / "stderr") as server,
    ):
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        try:
            assert store_on_one(server, instance("1.1", 1000)) == 0xA700
        finally:
            subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
        assert store_on_one(server, instance("1.1", 1000)) == 0


def test_few_descriptors(tmp_path: Path) -> None:
    """Each of a hundred gets an association or a rejection, and later all get one."""
    with Server(tmp_path / "in", limit="ulimit -n 64") as server:
        found = burst(server, 100)
        assert (found.stored, found.rejected) == (16, 84)
        assert found.longest < 20
        server.check_calm()
        server.check_serves()


def test_few_descriptors_and_many_who_ask_for_nothing(tmp_path: Path) -> None:
    with Server(tmp_path / "in", limit="ulimit -n 64") as server:
        with ExitStack() as stack:
            for _ in range(150):
                stack.enter_context(connected(server.address))
            with association(server.address) as c:
                assert echo(c) == 0
                assert status(c.store(instance("1.1"))) in (0, 0xA700)
        server.check_calm()
        server.check_serves()


def test_ipv6(tmp_path: Path) -> None:
    with Server(tmp_path / "in", host="::1") as server:
        server.check_serves()
        assert server.wait_for("stored")["host"] == "::1"
        assert first_word(server.address, NOISE["HTTP"])[0] == ABORT
        server.check_calm()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    """Have a server that speaks TLS, with clients that show a certificate."""
    pair = authority.server
    options = "--tls-cert", pair.cert, "--tls-key", pair.key, "--tls-ca", authority.ca
    folder = tmp_path_factory.mktemp("secured") / "in"
    with Server(folder, *options, checked=False) as server:
        yield server


def check_tls(server: Server, authority: Authority, uid: str) -> None:
    """Store an object by TLS."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.load_cert_chain(*authority.client)
    one = instance(uid, 100_000)
    with (
        connected(server.address) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        c = associate(tls, [STORE_CT])
        assert status(c.store(one)) == 0
        with suppress(Over):
            c.release()
    assert server.data(uid) == one.data


@pytest.mark.parametrize("noise", [REQUEST, *NOISE.values()], ids=["DICOM without TLS", *NOISE])
def test_what_is_no_tls(secured: Server, authority: Authority, uids: Uids, noise: bytes) -> None:
    begun = monotonic()
    with connected(secured.address) as sock, suppress(OSError):
        sock.sendall(noise)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    assert monotonic() - begun < QUICK
    check_tls(secured, authority, uids())


def test_a_tls_handshake_that_does_not_go_on(
    secured: Server, authority: Authority, uids: Uids
) -> None:
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(connected(secured.address)).sendall(NOISE["TLS"][:20])
        check_tls(secured, authority, uids())


def test_no_certificate_where_one_is_wanted(
    secured: Server, authority: Authority, uids: Uids
) -> None:
    context = ssl.create_default_context(cafile=str(authority.ca))
    answer = b""
    with (
        connected(secured.address) as sock,
        suppress(ssl.SSLError, ConnectionError),
        context.wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        tls.sendall(REQUEST)
        answer = tls.recv(1)
    assert answer == b""
    check_tls(secured, authority, uids())


def test_tls_is_cut_off_amid_an_object(secured: Server, authority: Authority, uids: Uids) -> None:
    """Without a word, as who attacks TLS would."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.load_cert_chain(*authority.client)
    one = instance(uids(), 100_000)
    with connected(secured.address) as sock:
        tls = context.wrap_socket(sock, server_hostname="localhost")
        c = associate(tls, [STORE_CT])
        c.store(one, layout=unended, wait=False)
        socket.socket.shutdown(tls, socket.SHUT_RDWR)
        tls.close()
    check_tls(secured, authority, uids())
    assert f"{one.sop_instance_uid}.dcm" not in secured.files


def test_control_bytes_in_titles(tmp_path: Path) -> None:
    """Neither a terminal nor who reads line by line is fooled."""
    with Server(tmp_path / "in", "--on-file", "true #a #c") as server:
        for text in (b"A\r\nB", b"\x1b]0;x\x07", b'"},{"event"', b"\x9b31m", b"A\0B", b"\xff"):
            title = text.ljust(16)
            request_ = raw_request(APPLICATION, CONTEXT, USER, called=title, calling=title)
            assert first_word(server.address, request_)[0] in (AC, ABORT, RJ)
        server.check_calm()
        server.check_serves()


def test_titles_are_no_shell_words(tmp_path: Path) -> None:
    """What a peer calls itself reaches a program as one argument."""
    titles = "$(touch X)", "`touch X`", ";touch X;", "'|touch X|'", "a b c"
    program = 'sh -c \'printf "%s\\n" "$1" >>"$2/../said"\' - #a #p'
    with Server(tmp_path / "in", "--on-file", program) as server:
        for number, title in enumerate(titles):
            with association(server.address, calling=title) as c:
                assert status(c.store(instance(f"1.{number}"))) == 0
        server.check_calm()
    assert sorted((tmp_path / "said").read_text().splitlines()) == sorted(titles)
    assert not list(tmp_path.rglob("X"))


def test_a_large_object_takes_no_memory(server: Server, uids: Uids) -> None:
    before, size = server.vitals.peak, 1 << 28
    uid = uids()
    head = instance(uid).data + element(0x7FE00010, "OW", b"", size)
    piece = bytes(range(256)) * 256
    with association(server.address) as c:
        command = command_set({**store_command(instance(uid)), "CommandDataSetType": 1})
        c.send(pdu(DATA, pdv(1, 3, command)) + pdu(DATA, pdv(1, 0, head)))
        for _ in range(size // len(piece)):
            c.send(pdu(DATA, pdv(1, 0, piece)))
        c.send(pdu(DATA, pdv(1, 2, b"")))
        assert status(c.read_message()) == 0
    path = server.folder / f"{uid}.dcm"
    assert path.stat().st_size > size
    with path.open("rb") as file:
        file.seek(-len(piece), 2)
        assert file.read() == piece
    path.unlink()
    assert server.vitals.peak - before < 10


# More of the wire


@pytest.mark.parametrize(
    "layout",
    [
        wire.together,
        wire.separate,
        wire.pieces(1),
        wire.pieces(1, packed=True),
        wire.pieces(3, packed=True),
        wire.pieces(1000),
    ],
    ids=["one PDU", "a PDU each", "single bytes", "bytes packed", "threes packed", "thousands"],
)
def test_however_it_is_cut(server: Server, uids: Uids, layout: wire.Layout) -> None:
    one = instance(uids(), 500)
    with association(server.address) as c:
        assert status(c.store(one, layout=layout)) == 0
        assert echo(c) == 0
    assert server.data(one.sop_instance_uid) == one.data


def test_byte_by_byte(server: Server, uids: Uids) -> None:
    """Each in a segment of its own."""
    one = instance(uids(), 50)
    with connected(server.address) as sock:
        for at in range(len(REQUEST)):
            sock.sendall(REQUEST[at : at + 1])
        assert answer_of(sock)[0] == AC
        c = Connection(sock)
        c.contexts = {1: STORE_CT}
        command = command_set({**store_command(one), "CommandDataSetType": 1})
        for each in b"".join(wire.separate(1, command, one.data, 16384)):
            sock.sendall(bytes([each]))
        assert status(c.read_message()) == 0
    assert server.data(one.sop_instance_uid) == one.data


def conversation(one: Instance) -> tuple[bytes, dict[str, int]]:
    """Make all that a sender sends for an object, and tell where its parts begin."""
    command = command_set({**store_command(one), "CommandDataSetType": 1})
    parts = {
        "request": REQUEST,
        "command": pdu(DATA, pdv(1, 3, command)),
        "data": pdu(DATA, pdv(1, 0, one.data[:-30])),
        "rest": pdu(DATA, pdv(1, 2, one.data[-30:])),
        "release": RELEASE_REQUEST,
    }
    starts, at = {}, 0
    for name, part in parts.items():
        starts[name] = at
        at += len(part)
    return b"".join(parts.values()), starts


LAST_WORDS = {"abort": 10, "release": 10}
"""Bytes that can be taken for the last ones of the PDU that they are said in."""


@pytest.mark.parametrize("how", ENDS)
def test_an_end_at_any_byte(server: Server, uids: Uids, how: str) -> None:
    """Whatever has come by then, there is a whole object or none."""
    one = instance(uids(), 60)
    whole, starts = conversation(one)
    name = f"{one.sop_instance_uid}.dcm"
    near = {start + step for start in starts.values() for step in range(-2, 14)}
    for at in sorted(near | set(range(0, len(whole), 5))):
        if not 0 <= at <= len(whole):
            continue
        with connected(server.address) as sock:
            sock.sendall(whole[:at])
            end(Connection(sock), how)
        if at < starts["release"] - LAST_WORDS.get(how, 0):
            assert name not in server.files
    server.check_calm()
    for left in server.folder.glob(f"{one.sop_instance_uid}*"):
        data = Instance.read(left).data
        assert len(data) == len(one.data)
        assert data[:-10] == one.data[:-10]


def test_any_byte_of_an_object_wrong(server: Server, uids: Uids) -> None:
    """It is stored as it came, or not at all."""
    one, before = instance(uids(), 60), set(server.files)
    whole, starts = conversation(one)
    for at in range(starts["command"], starts["release"]):
        with connected(server.address) as sock:
            sock.sendall(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
            with suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
            assert last_word(sock) in (0, AC, DATA, RELEASE_RP, ABORT)
    server.check_calm()
    for name in set(server.files) - before:  # whatever its UID has become
        data = (server.folder / name).read_bytes()[-len(one.data) :]
        assert sum(each != was for each, was in zip(data, one.data, strict=True)) <= 1


@pytest.mark.parametrize("how", ENDS)
def test_an_end_without_waiting_for_the_answer(server: Server, uids: Uids, how: str) -> None:
    one = instance(uids(), 50_000)
    with association(server.address) as c:
        c.store(one, wait=False)
        end(c, how)
    server.check_calm()
    if f"{one.sop_instance_uid}.dcm" in server.files:
        assert server.data(one.sop_instance_uid) == one.data


def test_echoes_between_objects(server: Server, uids: Uids) -> None:
    sent = [instance(uids(), 3000) for _ in range(10)]
    with association(server.address) as c:
        for number, one in enumerate(sent):
            assert echo(c, number) == 0
            assert status(c.store(one)) == 0
            assert echo(c, number) == 0
    assert all(server.data(one.sop_instance_uid) == one.data for one in sent)


def test_an_echo_in_a_context_for_objects(server: Server, uids: Uids) -> None:
    with association(server.address) as c:
        command = {"AffectedSOPClassUID": VERIFICATION, "CommandField": 0x0030, "MessageID": 1}
        c.send_message(1, command)
        assert status(c.read_message()) == 0x0122
        assert status(c.store(instance(uids()), context_id=3)) == 0x0122
        assert status(c.store(instance(uids()))) == 0


def test_message_ids_that_are_used_again(server: Server, uids: Uids) -> None:
    sent = [instance(uids(), 1000) for _ in range(5)]
    with association(server.address) as c:
        for one in sent:
            reply = c.store(one, MessageID=7)
            assert status(reply) == 0
            assert reply is not None
            assert reply.command["MessageIDBeingRespondedTo"] == 7
            assert echo(c, 7) == 0
    assert all(server.data(one.sop_instance_uid) == one.data for one in sent)


def test_requests_before_the_answers(server: Server, uids: Uids) -> None:
    """A sender that waits for nothing gets all answers, in the order of its requests."""
    sent = [instance(uids(), 3000) for _ in range(20)]
    with association(server.address) as c:
        for one in sent:
            c.store(one, wait=False)
        replies = [c.read_message() for _ in sent]
    assert [(status(r), r.command["MessageIDBeingRespondedTo"]) for r in replies] == [
        (0, number) for number in range(1, 21)
    ]
    assert all(server.data(one.sop_instance_uid) == one.data for one in sent)


def test_a_peer_that_reads_no_answer(server: Server) -> None:
    """It is alone with that."""
    command = {"AffectedSOPClassUID": VERIFICATION, "CommandField": 0x0030, "MessageID": 1}
    request_ = pdu(DATA, pdv(3, 3, command_set({**command, "CommandDataSetType": 0x0101})))
    with connected(server.address) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        associate(sock, [ECHO])
        sock.settimeout(0.5)
        with suppress(TimeoutError):
            while True:
                sock.sendall(request_ * 1000)
        server.check_serves()
    server.check_calm()


def test_data_in_another_context_than_its_command(server: Server, uids: Uids) -> None:
    one = instance(uids())
    with association(server.address) as c:
        whole = command_set({**store_command(one), "CommandDataSetType": 1})
        c.send(pdu(DATA, pdv(1, 3, whole) + pdv(3, 2, one.data)))
        assert last_word(c.sock) == ABORT
    assert f"{one.sop_instance_uid}.dcm" not in server.files


def test_elements_of_a_command_that_are_not_used(server: Server, uids: Uids) -> None:
    one = instance(uids(), 100)
    more: dict[str, Any] = {
        "MoveOriginatorApplicationEntityTitle": "X" * 300,
        "MoveOriginatorMessageID": 1,
        "ErrorComment": b"\x1b[2J",
        "Priority": 77,
        "OffendingElement": [0x00100010],
    }
    with association(server.address) as c:
        assert status(c.store(one, **more)) == 0
    assert server.data(one.sop_instance_uid) == one.data

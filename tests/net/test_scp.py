"""The receiver: stores what comes, whoever sends it, and is not to be hung, filled or fooled."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from pynetdicom import AE

from dcmtools.errors import ConnectionFailedError
from dcmtools.net import scp
from dcmtools.net.negotiation import load_codecs
from dcmtools.net.scp import Receiver
from dcmtools.net.storage import Storage, Stored
from tests.conftest import need
from tests.factories import EXPLICIT, IMPLICIT, JPEG, element, make_ct
from tests.interop.objects import make_archive
from tests.net import wire
from tests.net.scripted import Connection, Over
from tests.net.steps import associate
from tests.net.wire import (
    ABORT,
    AC,
    C_CANCEL,
    C_ECHO,
    C_FIND,
    C_MOVE,
    C_STORE,
    CT,
    DATA,
    RELEASE_REQUEST,
    RJ,
    STUDY_FIND,
    VERIFICATION,
    Instance,
    Message,
    Proposed,
    command_set,
    pdu,
    pdv,
    request_pdu,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STORE_CT = Proposed(1, CT, (EXPLICIT,))
ECHO = Proposed(3, VERIFICATION, (IMPLICIT,))
DEADLINE = 10.0
"""Seconds that nothing here may take, time-outs included."""


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """See that no thread and no descriptor is left when the receiver has stopped."""
    load_codecs()
    threads = set(threading.enumerate())
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    yield
    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) <= descriptors  # noqa: PTH208


class Running(Receiver):
    """A receiver with what it has told."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.told: list[Stored] = []
        self.lines: list[str] = []
        super().__init__(
            Storage(folder),
            "DCMTOOLS",
            0,
            **{  # type: ignore[arg-type]
                "host": "127.0.0.1",
                "on_stored": self.told.append,
                "trace": self.lines.append,
                **settings,
            },
        )

    @property
    def files(self) -> list[str]:
        """The names of all files there are."""
        return sorted(path.name for path in self.storage.folder.iterdir())


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "in") as running:
        yield running


@contextmanager
def connected(receiver: Receiver) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", receiver.port), DEADLINE) as sock:
        yield sock


@contextmanager
def association(receiver: Receiver, *proposed: Proposed) -> Iterator[Connection]:
    with connected(receiver) as sock:
        c = associate(sock, proposed or [STORE_CT, ECHO])
        yield c
        with suppress(Over, OSError):
            c.release()


def instance(uid: str = "1.2.3", size: int = 0, sop_class: str = CT) -> Instance:
    padded = [value.encode() + b"\0" * (len(value) % 2) for value in (sop_class, uid)]
    data = element(0x00080016, "UI", padded[0]) + element(0x00080018, "UI", padded[1])
    if size:
        data += element(0x7FE00010, "OW", os.urandom(size))
    return Instance(sop_class, uid, EXPLICIT, data)


def status(reply: Message | None) -> int:
    assert reply is not None
    return int(reply.command["Status"])


def echo(c: Connection) -> int:
    c.send_message(3, {"AffectedSOPClassUID": VERIFICATION, "CommandField": C_ECHO, "MessageID": 9})
    return status(c.read_message())


def stored_data(receiver: Receiver, uid: str) -> bytes:
    return Instance.read(receiver.storage.folder / f"{uid}.dcm").data


def last_word(sock: socket.socket) -> int:
    """Read to the end of the connection; give the type of the last PDU, 0 where there is none."""
    got = b""
    with suppress(ConnectionResetError):
        while more := sock.recv(65536):
            got += more
    kind = 0
    while len(got) >= 6:
        kind = got[0]
        got = got[6 + int.from_bytes(got[2:6], "big") :]
    return kind


def still_serves(receiver: Running) -> bool:
    """Store an object on a new association."""
    one = instance("9.9.9")
    with association(receiver) as c:
        return status(c.store(one)) == 0 and stored_data(receiver, "9.9.9") == one.data


# What it is for


def test_objects_are_stored_and_told(receiver: Running) -> None:
    one, two = instance("1.1", 200_000), instance("1.2")
    with association(receiver) as c:
        assert status(c.store(one)) == 0
        assert echo(c) == 0
        assert status(c.store(two)) == 0
        assert echo(c) == 0
    assert [stored_data(receiver, uid) for uid in ("1.1", "1.2")] == [one.data, two.data]
    folder = receiver.storage.folder
    assert receiver.told == [
        Stored("1.1", 0, folder / "1.1.dcm", len(one.data)),
        Stored("1.2", 0, folder / "1.2.dcm", len(two.data)),
    ]


def test_a_hundred_on_one_association(receiver: Running) -> None:
    sent = {f"1.{number}": instance(f"1.{number}", number) for number in range(2, 202, 2)}
    with association(receiver) as c:
        assert {status(c.store(one)) for one in sent.values()} == {0}
    assert {uid: stored_data(receiver, uid) for uid in sent} == {u: i.data for u, i in sent.items()}


@pytest.mark.parametrize(
    "layout",
    [wire.together, wire.pieces(1), wire.pieces(3, packed=True), wire.pieces(1000)],
    ids=["one PDU", "single bytes", "packed", "thousands"],
)
def test_however_it_is_cut(receiver: Running, layout: wire.Layout) -> None:
    one = instance("1.1", 500)
    with association(receiver) as c:
        assert status(c.store(one, layout=layout)) == 0
    assert stored_data(receiver, "1.1") == one.data


def test_empty_fragments(receiver: Running) -> None:
    one = instance("1.1")

    def layout(number: int, command: bytes, data: bytes | None, _: int) -> Iterator[bytes]:
        assert data is not None
        parts = [pdv(number, 1, b""), pdv(number, 1, command), pdv(number, 3, b"")]
        parts += [pdv(number, 0, b""), pdv(number, 0, data), pdv(number, 2, b"")]
        yield from (pdu(DATA, part) for part in parts)

    with association(receiver) as c:
        assert status(c.store(one, layout=layout)) == 0
    assert stored_data(receiver, "1.1") == one.data


def test_many_at_once(tmp_path: Path) -> None:
    """All are open at the same time, and all store at the same time."""
    count = 60
    begin = threading.Barrier(count)
    found: list[int] = []
    with Running(tmp_path, most=count) as receiver:
        one = [instance(f"1.{number}", 20_000) for number in range(count)]

        def send(number: int) -> None:
            with association(receiver) as c:
                begin.wait(DEADLINE)
                found.append(status(c.store(one[number])))

        threads = [threading.Thread(target=send, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [0] * count
        assert {each: stored_data(receiver, each.sop_instance_uid) for each in one} == {
            each: each.data for each in one
        }


def test_it_listens_on_both_families(tmp_path: Path) -> None:
    with Running(tmp_path, host="") as receiver:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, receiver.port), DEADLINE) as sock:
                c = associate(sock, [STORE_CT])
                assert status(c.store(instance())) == 0
        assert any(line.startswith("127.0.0.1: association") for line in receiver.lines)
        assert any(line.startswith("::1: association") for line in receiver.lines)


def test_a_port_that_is_taken(receiver: Running) -> None:
    with pytest.raises(
        ConnectionFailedError, match=rf"port {receiver.port}: cannot listen"
    ) as told:
        Receiver(receiver.storage, "X", receiver.port, host="127.0.0.1")
    assert "Another program" in told.value.hint


# What it offers


def results(receiver: Receiver, *proposed: Proposed, items: bytes = b"") -> list[wire.Result]:
    with connected(receiver) as sock:
        sock.sendall(request_pdu("ANY", "SCU", proposed, 16384, items))
        kind, body = Connection(sock).read_pdu()
        assert kind == AC
        return list(wire.accepted_contexts(body))


def test_what_it_accepts(receiver: Running) -> None:
    found = results(
        receiver,
        Proposed(1, CT, (JPEG, EXPLICIT)),
        Proposed(3, CT, ("1.2.3.4", IMPLICIT)),
        Proposed(5, CT, ("1.2.3.4",)),
        Proposed(7, STUDY_FIND, (IMPLICIT,)),
        Proposed(9, "1.3.12.2.1107.5.9.1", (EXPLICIT,)),
        Proposed(11, VERIFICATION, (IMPLICIT,)),
        Proposed(13, CT, ("1.2.840.10008.1.2.4.110",)),
        Proposed(15, "../evil", (EXPLICIT,)),
        Proposed(17, "1.2.840.10008.1.20.1", (EXPLICIT,)),
    )
    assert [(each.context_id, each.result) for each in found] == [
        (1, 0),
        (3, 0),
        (5, 4),
        (7, 3),
        (9, 0),
        (11, 0),
        (13, 0),
        (15, 3),
        (17, 3),
    ]
    syntaxes = [each.transfer_syntax for each in found if not each.result]
    assert syntaxes == [JPEG, IMPLICIT, EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.4.110"]


def test_it_is_no_scu(receiver: Running) -> None:
    asked = results(receiver, STORE_CT, items=wire.role(CT, 0, 1))
    assert [each.result for each in asked] == [3]


def test_all_contexts_there_can_be(receiver: Running) -> None:
    proposed = [Proposed(number, CT, (EXPLICIT,)) for number in range(1, 256, 2)]
    assert [each.result for each in results(receiver, *proposed)] == [0] * 128


# Limits


def test_too_many_are_rejected_for_the_time_being(tmp_path: Path) -> None:
    with Running(tmp_path, most=2) as receiver, association(receiver) as first:
        with association(receiver):
            with connected(receiver) as sock:
                sock.sendall(request_pdu("ANY", "SCU", [STORE_CT], 16384))
                assert Connection(sock).read_pdu() == (RJ, bytes([0, 2, 3, 2]))
            assert any("rejected" in line for line in receiver.lines)
        assert receiver_has(receiver, 1)
        assert still_serves(receiver)
        assert status(first.store(instance())) == 0


def receiver_has(receiver: Running, count: int) -> bool:
    """Wait until there are that many connections."""
    deadline = monotonic() + DEADLINE
    with receiver._changed:
        while len(receiver._open) != count and monotonic() < deadline:
            receiver._changed.wait(0.01)
        return len(receiver._open) == count


def test_connections_that_ask_for_nothing_take_no_place(tmp_path: Path) -> None:
    with Running(tmp_path, most=2) as receiver, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(receiver))
        assert still_serves(receiver)
        assert still_serves(receiver)


def test_of_too_many_such_connections_the_oldest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scp, "_MOST_UNASKED", 5)
    with Running(tmp_path) as receiver, ExitStack() as stack:
        idle = [stack.enter_context(connected(receiver)) for _ in range(5)]
        assert receiver_has(receiver, 5)
        assert still_serves(receiver)
        assert last_word(idle[0]) in (0, ABORT)
        idle[4].setblocking(False)  # noqa: FBT003 - socket's own
        with pytest.raises(BlockingIOError):
            idle[4].recv(1)


CRAMPED = """
import resource, sys
from pathlib import Path
from dcmtools.net.scp import Receiver
from dcmtools.net.storage import Storage
with Receiver(Storage(Path(sys.argv[1])), "DCMTOOLS", 0, host="127.0.0.1") as receiver:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    sys.stdout.write(f"{receiver.port}\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def test_where_there_are_no_descriptors_left(tmp_path: Path) -> None:
    """Those who ask for nothing make room for those who do; what cannot be stored is refused."""
    one = instance("1.2.3", 1000)
    with subprocess.Popen(
        [sys.executable, "-c", CRAMPED, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        address = "127.0.0.1", int(process.stdout.readline())
        with ExitStack() as stack:
            for _ in range(80):
                stack.enter_context(socket.create_connection(address, DEADLINE))
            sock = stack.enter_context(socket.create_connection(address, DEADLINE))
            c = associate(sock, [STORE_CT, ECHO])
            assert echo(c) == 0
            assert status(c.store(one)) in (0, 0xA700)
        deadline = monotonic() + DEADLINE
        with socket.create_connection(address, DEADLINE) as sock:
            c = associate(sock, [STORE_CT])
            while status(c.store(one)) != 0:
                assert monotonic() < deadline
        process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
    assert Instance.read(tmp_path / "1.2.3.dcm") == one


def test_a_port_scan(receiver: Running) -> None:
    for _ in range(100):
        with connected(receiver):
            pass
    assert still_serves(receiver)
    assert receiver_has(receiver, 0)


def test_silence_has_an_end(receiver: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scp, "_ARTIM", 0.2)
    monkeypatch.setattr(scp, "_IDLE", 0.2)
    begun = monotonic()
    with connected(receiver) as sock:
        assert last_word(sock) == ABORT
    with association(receiver) as c, pytest.raises(Over):
        c.read_message()
    with association(receiver) as c:
        number = c.context_for(instance())
        assert number
        command = {"AffectedSOPClassUID": CT, "CommandField": C_STORE, "MessageID": 1}
        c.send_message(number, {**command, "AffectedSOPInstanceUID": "1.2"}, b"half", unended)
        with pytest.raises(Over):
            c.read_message()
    assert monotonic() - begun < DEADLINE
    assert receiver.files == []


def test_slow_loris(receiver: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that comes byte by byte does not come for ever."""
    monkeypatch.setattr(scp, "_ARTIM", 0.3)
    pause = threading.Event()
    request = request_pdu("ANY", "SCU", [STORE_CT], 16384)
    begun = monotonic()
    with connected(receiver) as sock, suppress(ConnectionError):
        for at in range(len(request)):
            sock.sendall(request[at : at + 1])
            pause.wait(0.05)
        pytest.fail("the whole request was taken")
    assert monotonic() - begun < 5
    assert still_serves(receiver)


# What is no DICOM, and what is too long

NOISE = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(500),
    "SSH": wire.SSH,
    "zeros": bytes(1000),
    "noise": bytes(range(8, 256)) * 10,
    "a request of 4 GiB": pdu(1, b"", 0xFFFFFFFF),
    "a request of 1 MiB": pdu(1, bytes(100), 1 << 20),
    "an empty request": pdu(1),
    "a request that is cut": pdu(1, bytes(40)),
    "a request of zeros": pdu(1, bytes(200)),
    "data first": pdu(DATA, pdv(1, 3, command_set({"CommandField": C_ECHO}))),
    "an acceptance": pdu(2, bytes(200)),
    "a release": RELEASE_REQUEST,
    "an unknown PDU": pdu(0x42, b"????"),
    "context 0": request_pdu("A", "B", [Proposed(0, CT, (EXPLICIT,))], 16384),
    "context 2": request_pdu("A", "B", [Proposed(2, CT, (EXPLICIT,))], 16384),
    "PDUs that hold nothing": request_pdu("A", "B", [STORE_CT], 4),
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_what_cannot_be_a_request(receiver: Running, noise: bytes) -> None:
    begun = monotonic()
    with connected(receiver) as sock:
        sock.sendall(noise)
        assert last_word(sock) in (ABORT, RJ)
    assert monotonic() - begun < 3
    assert still_serves(receiver)
    assert not any("Error" in line for line in receiver.lines)


def test_requests_with_any_byte_wrong(receiver: Running) -> None:
    """Each gets an answer or its end; none hangs, none gets a traceback."""
    whole = request_pdu("ANY", "SCU", [STORE_CT, ECHO], 16384, wire.role(CT, 1, 0))
    for at in range(6, len(whole)):
        with connected(receiver) as sock:
            sock.sendall(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
            sock.shutdown(socket.SHUT_WR)
            assert last_word(sock) in (ABORT, RJ, AC)
    assert not any("Error" in line for line in receiver.lines)
    assert receiver_has(receiver, 0)


BAD = {
    "a PDU of 2 GiB": pdu(DATA, b"", 0x7FFFFFFF),
    "a PDU above the maximum": pdu(DATA, bytes(100), 131073),
    "PDV longer than its PDU": pdu(DATA, pdv(1, 3, bytes(10), 500)),
    "PDV of length 0": pdu(DATA, bytes(4)),
    "PDV of length 1": pdu(DATA, b"\0\0\0\1\1"),
    "PDV of 4 GiB": pdu(DATA, pdv(1, 3, b"", 0xFFFFFFFF)),
    "half a PDV": pdu(DATA, b"\0\0"),
    "a context that was not accepted": pdu(
        DATA, pdv(99, 3, command_set({"CommandField": C_ECHO, "MessageID": 1}))
    ),
    "a second request": request_pdu("A", "B", [STORE_CT], 16384),
    "data without a command": pdu(DATA, pdv(1, 2, b"data")),
    "noise for a command": pdu(DATA, pdv(1, 3, bytes(range(100)))),
    "a command that lies": pdu(DATA, pdv(1, 3, struct.pack("<HHI", 0, 0x100, 1 << 31))),
    "no command field": pdu(DATA, pdv(1, 3, command_set({"MessageID": 1}))),
    "no message ID": pdu(DATA, pdv(1, 3, command_set({"CommandField": C_ECHO}))),
    "a response": pdu(DATA, pdv(1, 3, command_set({"CommandField": 0x8001, "MessageID": 1}))),
    "nothing under way": pdu(DATA, pdv(1, 3, command_set({"CommandField": C_CANCEL}))),
    "a command without end": pdu(DATA, pdv(1, 1, bytes(60000))) * 6,
    "a command in two contexts": pdu(DATA, pdv(1, 1, b"ab") + pdv(3, 3, b"cd")),
    "an unknown PDU": pdu(0x42, b"????"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_no_association_stands(receiver: Running, bad: bytes) -> None:
    begun = monotonic()
    with association(receiver) as c:
        c.send(bad)
        assert last_word(c.sock) == ABORT
    assert monotonic() - begun < 3
    assert still_serves(receiver)
    assert not any("Error" in line for line in receiver.lines)


@pytest.mark.parametrize("field", [C_FIND, C_MOVE, 0x0140, 0x0130, 0x0100, 0x1234])
@pytest.mark.parametrize("data", [None, b"identifier"])
def test_what_it_does_not_do(receiver: Running, field: int, data: bytes | None) -> None:
    with association(receiver) as c:
        command = {"AffectedSOPClassUID": CT, "CommandField": field, "MessageID": 5}
        c.send_message(1, command, data)
        reply = c.read_message()
        assert reply.command_field == field | 0x8000
        assert (reply.command["MessageIDBeingRespondedTo"], status(reply)) == (5, 0x0211)
        assert echo(c) == 0


def test_a_request_in_the_wrong_context(receiver: Running) -> None:
    with association(receiver) as c:
        assert status(c.store(instance(), context_id=3)) == 0x0122
        c.send_message(
            1, {"AffectedSOPClassUID": VERIFICATION, "CommandField": C_ECHO, "MessageID": 1}
        )
        assert status(c.read_message()) == 0x0122
        assert status(c.store(instance("1.1"))) == 0
    assert receiver.files == ["1.1.dcm"]


def test_data_in_another_context_than_its_command(receiver: Running) -> None:
    with association(receiver) as c:
        command = {"AffectedSOPClassUID": CT, "CommandField": C_STORE, "MessageID": 1}
        whole = command_set({**command, "AffectedSOPInstanceUID": "1.1", "CommandDataSetType": 1})
        c.send(pdu(DATA, pdv(1, 3, whole) + pdv(3, 2, instance("1.1").data)))
        assert last_word(c.sock) == ABORT
    assert receiver.files == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AffectedSOPInstanceUID": "1.9"}, 0xA900),
        ({"AffectedSOPInstanceUID": None}, 0x0120),
        ({"AffectedSOPInstanceUID": ""}, 0x0120),
        ({"AffectedSOPClassUID": None}, 0x0120),
        ({"AffectedSOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}, 0x0122),
        ({"AffectedSOPInstanceUID": "../../evil"}, 0xA900),
        ({"AffectedSOPInstanceUID": b"1.2\0\0\0.3"}, 0xA900),
        ({"AffectedSOPInstanceUID": b"\xff\xfe"}, 0xA900),
        ({"AffectedSOPInstanceUID": "1" * 60000}, 0x0117),
    ],
)
def test_an_object_that_is_not_what_it_should_be(
    receiver: Running, changes: dict[str, object], code: int
) -> None:
    """The answer says so, and the association lives."""
    with association(receiver) as c:
        reply = c.store(instance("1.2"), **changes)
        assert status(reply) == code
        assert reply is not None
        assert reply.command["ErrorComment"]
        assert status(c.store(instance("1.1"))) == 0
    assert receiver.files == ["1.1.dcm"]
    assert [each.status for each in receiver.told] == [code, 0]


def test_noise_for_an_object(receiver: Running) -> None:
    noise = instance()._replace(data=bytes(range(250)))
    with association(receiver) as c:
        for one in (noise, noise._replace(data=b"")):
            assert status(c.store(one)) in (0xA900, 0xC000)
        assert echo(c) == 0
    assert receiver.files == []


def test_a_uid_that_is_none_gets_a_name_of_its_own(receiver: Running, tmp_path: Path) -> None:
    for uid in ("../../evil", "1" * 200):
        with association(receiver) as c:
            assert status(c.store(instance(uid))) == 0
    assert len(receiver.files) == 2
    assert all(len(name) == 36 and name.endswith(".dcm") for name in receiver.files)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_that_goes_and_comes_back(receiver: Running) -> None:
    with association(receiver) as c:
        assert status(c.store(instance("1.1"))) == 0
        shutil.rmtree(receiver.storage.folder)
        assert status(c.store(instance("1.2", 300_000))) == 0xA700
        assert echo(c) == 0
        receiver.storage.folder.mkdir()
        assert status(c.store(instance("1.3"))) == 0
    assert receiver.files == ["1.3.dcm"]


def test_who_is_told_may_fail(tmp_path: Path) -> None:
    def fail(_: Stored) -> None:
        raise ZeroDivisionError

    with Running(tmp_path, on_stored=fail) as receiver:
        with association(receiver) as c, pytest.raises(Over):
            c.store(instance("1.1"))
        assert any("ZeroDivisionError" in line for line in receiver.lines)
        with association(receiver) as c:
            assert echo(c) == 0


# Ends at any time


def unended(number: int, command: bytes, data: bytes | None, _: int) -> Iterator[bytes]:
    """Send a command whole, and the beginning of its data set."""
    yield pdu(DATA, pdv(number, 3, command))
    yield pdu(DATA, pdv(number, 0, data or b""))


def half_command(number: int, command: bytes, _: bytes | None, __: int) -> Iterator[bytes]:
    yield pdu(DATA, pdv(number, 1, command[:20]))


def half_pdu(number: int, command: bytes, data: bytes | None, longest: int) -> Iterator[bytes]:
    whole = b"".join(wire.separate(number, command, data, longest))
    yield whole[: len(whole) // 2]


def whole(number: int, command: bytes, data: bytes | None, longest: int) -> Iterator[bytes]:
    return wire.separate(number, command, data, longest)


def reset(c: Connection) -> None:
    with suppress(Over):
        c.reset()


ENDS: dict[str, Callable[[Connection], None]] = {
    "abort": lambda c: c.send(wire.abort_pdu(0, 0)),
    "release": lambda c: c.send(RELEASE_REQUEST),
    "FIN": lambda c: c.sock.shutdown(socket.SHUT_WR),
    "RST": reset,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("layout", [unended, half_command, half_pdu])
def test_an_end_amid_an_object(
    receiver: Running, end: Callable[[Connection], None], layout: wire.Layout
) -> None:
    with association(receiver) as c:
        c.store(instance("1.1", 50_000), layout=layout, wait=False)
        end(c)
        if c.sock.fileno() >= 0:
            with suppress(OSError):  # the receiver may have reset the connection by now
                c.sock.shutdown(socket.SHUT_WR)  # half a PDU takes the abort for its other half
            last_word(c.sock)
    assert receiver_has(receiver, 0)
    assert receiver.files == []
    assert receiver.told == []
    assert still_serves(receiver)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_an_end_without_waiting_for_the_answer(
    receiver: Running, end: Callable[[Connection], None]
) -> None:
    """What is stored then is whole."""
    one = instance("1.1", 50_000)
    with association(receiver) as c:
        c.store(one, wait=False)
        end(c)
        if c.sock.fileno() >= 0:
            last_word(c.sock)
    assert receiver_has(receiver, 0)
    assert receiver.files in ([], ["1.1.dcm"])
    if receiver.files:
        assert stored_data(receiver, "1.1") == one.data


def test_nothing_is_left_of_two_hundred_aborts(receiver: Running) -> None:
    for number in range(200):
        with connected(receiver) as sock:
            c = associate(sock, [STORE_CT])
            c.store(instance(f"1.{number}", 1000), layout=unended, wait=False)
            c.send(wire.abort_pdu(0, 0))
    assert receiver_has(receiver, 0)
    assert receiver.files == []


@pytest.mark.parametrize("layout", [None, unended, half_command, half_pdu])
def test_stopping_while_it_is_used(tmp_path: Path, layout: wire.Layout | None) -> None:
    with ExitStack() as stack:
        with Running(tmp_path) as receiver:
            stack.enter_context(connected(receiver))
            for number in range(5):
                sock = stack.enter_context(connected(receiver))
                c = associate(sock, [STORE_CT])
                if layout is not None:
                    one = instance(f"1.{number}", 300_000)
                    c.store(one, layout=layout, wait=False)
            begun = monotonic()
        assert monotonic() - begun < 3
        assert receiver.files == []


def test_stopping_with_a_peer_that_reads_nothing(tmp_path: Path) -> None:
    """Answers pile up until none can be sent any more."""
    with ExitStack() as stack, Running(tmp_path) as receiver:
        sock = stack.enter_context(connected(receiver))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c = associate(sock, [ECHO])
        command = {"AffectedSOPClassUID": VERIFICATION, "CommandField": C_ECHO, "MessageID": 1}
        request = pdu(DATA, pdv(3, 3, command_set({**command, "CommandDataSetType": 0x0101})))
        sock.settimeout(0.5)
        with suppress(TimeoutError):
            while True:
                sock.sendall(request * 1000)
        begun = monotonic()
        receiver.__exit__(None, None, None)
        assert monotonic() - begun < 3
        assert c.contexts


def test_stopping_twice_and_at_once(tmp_path: Path) -> None:
    with Running(tmp_path) as receiver:
        pass
    receiver.__exit__(None, None, None)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", receiver.port), DEADLINE)


# Waiting until it is quiet


def test_waiting_for_quiet(receiver: Running) -> None:
    assert receiver.wait_idle(0, DEADLINE)
    begun = monotonic()
    with association(receiver) as c:
        assert not receiver.wait_idle(0, 0.1)
        assert status(c.store(instance())) == 0
        ended = threading.Timer(0.2, c.send, [RELEASE_REQUEST])
        ended.start()
        assert receiver.wait_idle(0.1, DEADLINE)
        ended.join()
    assert 0.3 <= monotonic() - begun < DEADLINE


# Programs of others


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_archive(tmp_path_factory.mktemp("archive")).files


def received(receiver: Running) -> dict[str, Instance]:
    found = [Instance.read(path) for path in receiver.storage.folder.iterdir()]
    return {each.sop_instance_uid: each for each in found}


def sent(archive: dict[str, Path], *syntaxes: str) -> dict[str, Instance]:
    found = {uid: Instance.read(path) for uid, path in archive.items()}
    return {
        u: each for u, each in found.items() if not syntaxes or each.transfer_syntax in syntaxes
    }


@pytest.mark.interop
def test_dcmsend_sends_every_syntax(receiver: Running, archive: dict[str, Path]) -> None:
    """All but implicit: of an uncompressed file it changes the encoding as it likes."""
    expected = {u: i for u, i in sent(archive).items() if i.transfer_syntax != IMPLICIT}
    files = [archive[uid] for uid in expected]
    ran = subprocess.run(
        [need("dcmsend"), "-v", "-dn", "127.0.0.1", str(receiver.port), *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert received(receiver) == expected
    assert len({each.transfer_syntax for each in expected.values()}) == 4


@pytest.mark.interop
@pytest.mark.parametrize(
    ("option", "syntaxes"),
    [
        ("-xe", (EXPLICIT,)),
        ("-xi", (IMPLICIT,)),
        ("-xy", (JPEG,)),
        ("-xr", ("1.2.840.10008.1.2.5",)),
        ("-xd", ("1.2.840.10008.1.2.1.99",)),
    ],
)
def test_storescu_of_dcmtk(
    receiver: Running, archive: dict[str, Path], option: str, syntaxes: tuple[str, ...]
) -> None:
    expected = sent(archive, *syntaxes)
    files = [archive[uid] for uid in expected]
    ran = subprocess.run(
        [need("storescu"), option, "127.0.0.1", str(receiver.port), *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert received(receiver) == expected


@pytest.mark.interop
def test_echoscu_of_dcmtk(receiver: Running) -> None:
    command = [need("echoscu"), "--repeat", "5", "127.0.0.1", str(receiver.port)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_storescu_of_pynetdicom(receiver: Running, archive: dict[str, Path]) -> None:
    expected = sent(archive, EXPLICIT)
    files = [archive[uid] for uid in expected]
    ran = subprocess.run(
        [sys.executable, "-m", "pynetdicom", "storescu", "-cx", "127.0.0.1", str(receiver.port)]
        + [str(path) for path in files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert received(receiver) == expected


def test_an_entity_of_pynetdicom(receiver: Running, tmp_path: Path) -> None:
    ae = AE(ae_title="PYNET")
    ae.add_requested_context(VERIFICATION)
    ae.add_requested_context(CT, EXPLICIT)
    found = ae.associate("127.0.0.1", receiver.port)
    assert found.is_established
    file = make_ct(tmp_path / "ct.dcm", SOPInstanceUID="1.2.3")
    assert found.send_c_echo().Status == 0
    assert found.send_c_store(file).Status == 0
    assert found.send_c_echo().Status == 0
    found.release()
    assert stored_data(receiver, "1.2.3") == Instance.read(file).data
    assert any("association with PYNET, 2 contexts" in line for line in receiver.lines)

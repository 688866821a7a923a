"""Attack a receiver over a bare socket, and look at how it fares.

The receiver is one of this process (`Running`) or a ``storescp`` of its own (`Server`). What is
sent is made byte by byte by `tests.net.wire`; nothing here is checked before it goes out.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from dcmtools.net.admission import Rules
from dcmtools.net.scp import Receiver
from dcmtools.net.storage import Storage
from tests.factories import EXPLICIT, IMPLICIT, element
from tests.net import wire
from tests.net.scripted import Connection, Over
from tests.net.steps import associate
from tests.net.wire import (
    APPLICATION_CONTEXT,
    C_CANCEL,
    C_ECHO,
    CT,
    DATA,
    RELEASE_REQUEST,
    VERIFICATION,
    Instance,
    Message,
    Proposed,
    command_set,
    item,
    pdu,
    pdv,
    request_pdu,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dcmtools.net.happenings import Happening
    from dcmtools.net.storage import Stored

STORE_CT = Proposed(1, CT, (EXPLICIT,))
ECHO = Proposed(3, VERIFICATION, (IMPLICIT,))
DEADLINE = 10.0
"""Seconds that nothing may take."""
Address = tuple[str, int]


# Objects


def padded(uid: str | bytes) -> bytes:
    """Encode a UID, or what is to be taken for one."""
    raw = uid if isinstance(uid, bytes) else uid.encode("utf-8", "surrogateescape")
    return raw + b"\0" * (len(raw) % 2)


def instance(uid: str = "1.2.3", size: int = 0, sop_class: str = CT, tail: bytes = b"") -> Instance:
    """Make an object with `size` random bytes of pixel data, and what else is to be at its end."""
    data = element(0x00080016, "UI", padded(sop_class)) + element(0x00080018, "UI", padded(uid))
    if size:
        data += element(0x7FE00010, "OW", os.urandom(size))
    return Instance(sop_class, uid, EXPLICIT, data + tail)


# Conversations


@contextmanager
def connected(address: Address) -> Iterator[socket.socket]:
    """Connect."""
    with socket.create_connection(address, DEADLINE) as sock:
        yield sock


@contextmanager
def association(address: Address, *proposed: Proposed, **asked: str) -> Iterator[Connection]:
    """Have an association for CT images and C-ECHO, or what is proposed; release it at the end."""
    with connected(address) as sock:
        c = associate(sock, proposed or [STORE_CT, ECHO], **asked)  # type: ignore[arg-type]
        yield c
        with suppress(Over, OSError):
            c.release()


def status(reply: Message | None) -> int:
    """Give the status of a response."""
    assert reply is not None
    return int(reply.command["Status"])


def echo(c: Connection, message_id: int = 9) -> int:
    """Send a C-ECHO and give the status of its answer, which must be to this one."""
    command = {"AffectedSOPClassUID": VERIFICATION, "CommandField": C_ECHO, "MessageID": message_id}
    c.send_message(3, command)
    reply = c.read_message()
    assert reply.command["MessageIDBeingRespondedTo"] == message_id
    return status(reply)


def first_word(address: Address, raw: bytes) -> tuple[int, bytes]:
    """Send bytes, and give the first PDU that comes back; (0, b"") where none does."""
    with connected(address) as sock:
        sock.sendall(raw)
        return answer_of(sock)


def answer_of(sock: socket.socket) -> tuple[int, bytes]:
    """Read a PDU, whatever it is; (0, b"") where the connection ends."""
    got = b""
    with suppress(ConnectionResetError):
        while len(got) < 6 or len(got) < 6 + int.from_bytes(got[2:6], "big"):
            more = sock.recv(1 if len(got) < 6 else 6 + int.from_bytes(got[2:6], "big") - len(got))
            if not more:
                break
            got += more
    return (got[0], got[6:]) if got else (0, b"")


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


# How an object can be cut off, and a conversation end


def unended(number: int, command: bytes, data: bytes | None, longest: int) -> Iterator[bytes]:
    """Send a command whole, and the beginning of its data set."""
    yield pdu(DATA, pdv(number, 3, command))
    for _, fragment in wire.fragments(data or b"", longest - 6, 0):
        yield pdu(DATA, pdv(number, 0, fragment))


def half_command(number: int, command: bytes, _: bytes | None, __: int) -> Iterator[bytes]:
    """Send the beginning of a command."""
    yield pdu(DATA, pdv(number, 1, command[:20]))


def half_pdu(number: int, command: bytes, data: bytes | None, longest: int) -> Iterator[bytes]:
    """Send the first half of what there is to send, which ends amid a PDU."""
    whole = b"".join(wire.separate(number, command, data, longest))
    yield whole[: len(whole) // 2]


LAYOUTS = {"data": unended, "command": half_command, "PDU": half_pdu}
"""Where an object is cut off."""


def _reset(c: Connection) -> None:
    with suppress(Over):
        c.reset()


ENDS: dict[str, Callable[[Connection], None]] = {
    "abort": lambda c: c.send(wire.abort_pdu(0, 0)),
    "release": lambda c: c.send(RELEASE_REQUEST),
    "FIN": lambda c: c.sock.shutdown(socket.SHUT_WR),
    "RST": _reset,
}
"""How a conversation can end."""


def end(c: Connection, how: str) -> int:
    """End a conversation, and wait until the receiver has done so too; give its last word."""
    with suppress(Over, OSError):
        ENDS[how](c)
    if c.sock.fileno() < 0:
        return 0
    with suppress(OSError):  # it may have reset the connection by now
        c.sock.shutdown(socket.SHUT_WR)  # half a PDU takes what follows for its other half
    return last_word(c.sock)


# What is no request for an association

USER = wire.user_information(16384, b"")
APPLICATION = item(0x10, APPLICATION_CONTEXT.encode())
CONTEXT = item(0x20, bytes([1, 0, 0, 0]) + item(0x30, CT.encode()) + item(0x40, EXPLICIT.encode()))


def raw_request(
    *items: bytes, version: int = 1, called: bytes = b"A" * 16, calling: bytes = b"B" * 16
) -> bytes:
    """Encode an A-ASSOCIATE-RQ of any items, PS3.8 Table 9-11."""
    head = struct.pack(">HH", version, 0) + called + calling + bytes(32)
    return pdu(1, head + b"".join(items))


NOISE = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(500),
    "SSH": wire.SSH,
    "zeros": bytes(1000),
    "noise": bytes(range(8, 256)) * 10,
    "much noise": bytes(range(255, 7, -1)) * 5000,
    "an unknown PDU": pdu(0x42, b"????"),
}
"""What other protocols send."""

OVERSIZE = {
    "a request of 4 GiB": pdu(1, b"", 0xFFFFFFFF),
    "a request of 1 MiB": pdu(1, bytes(100), 1 << 20),
    "data of 2 GiB": pdu(DATA, b"", 0x7FFFFFFF),
    "a release of 4 GiB": pdu(5, b"", 0xFFFFFFFF),
    "an abort of 1 MiB": pdu(7, b"", 1 << 20),
}
"""PDUs that are too long to begin with."""

FIRST = {
    "data": pdu(DATA, pdv(1, 3, command_set({"CommandField": C_ECHO, "MessageID": 1}))),
    "an acceptance": pdu(2, bytes(200)),
    "a rejection": pdu(3, bytes(4)),
    "a release": RELEASE_REQUEST,
}
"""PDUs that cannot come first."""


def _flawed(*items: bytes) -> bytes:
    return raw_request(APPLICATION, *items, USER)


REQUESTS = {
    "empty": pdu(1),
    "cut": pdu(1, bytes(40)),
    "zeros": pdu(1, bytes(200)),
    "an item that is cut": raw_request(APPLICATION, CONTEXT[:-3]),
    "an item longer than the PDU": _flawed(struct.pack(">BBH", 0x20, 0, 60000) + bytes(8)),
    "a syntax longer than its item": _flawed(
        item(0x20, bytes([1, 0, 0, 0]) + struct.pack(">BBH", 0x30, 0, 500) + CT.encode())
    ),
    "context 0": request_pdu("A", "B", [Proposed(0, CT, (EXPLICIT,))], 16384),
    "context 2": request_pdu("A", "B", [Proposed(2, CT, (EXPLICIT,))], 16384),
    "a context ID twice": request_pdu("A", "B", [STORE_CT, STORE_CT], 16384),
    "PDUs that hold nothing": request_pdu("A", "B", [STORE_CT], 4),
    "an empty context": _flawed(item(0x20)),
    "a maximum that is cut": raw_request(APPLICATION, CONTEXT, item(0x50, item(0x51, b"\0\0"))),
    "no application context": raw_request(CONTEXT, USER),
    "another application context": raw_request(item(0x10, b"1.2.3"), CONTEXT, USER),
    "protocol version 0": raw_request(APPLICATION, CONTEXT, USER, version=0),
    "protocol version 2": raw_request(APPLICATION, CONTEXT, USER, version=2),
}
"""Requests for an association that there can be none for."""

ODD_REQUESTS = {
    "no presentation context": _flawed(),
    "no user information": raw_request(APPLICATION, CONTEXT),
    "no abstract syntax": _flawed(item(0x20, bytes([1, 0, 0, 0]) + item(0x40, EXPLICIT.encode()))),
    "no transfer syntax": _flawed(item(0x20, bytes([1, 0, 0, 0]) + item(0x30, CT.encode()))),
    "two abstract syntaxes": _flawed(
        item(0x20, bytes([1, 0, 0, 0]) + item(0x30, CT.encode()) * 2 + item(0x40, b"1.2"))
    ),
    "syntaxes that are no text": _flawed(
        item(0x20, bytes([1, 0, 0, 0]) + item(0x30, b"\xff\0\n" * 9) + item(0x40, b"\x1b[2J"))
    ),
    "an unknown item": _flawed(CONTEXT, item(0x77, b"what")),
    "two application contexts": raw_request(APPLICATION, APPLICATION, CONTEXT, USER),
    "titles of nothing": raw_request(
        APPLICATION, CONTEXT, USER, called=b" " * 16, calling=bytes(16)
    ),
    "titles of control bytes": raw_request(
        APPLICATION, CONTEXT, USER, called=b"\r\n\x1b[31mEVIL\x07\0\x9b", calling=bytes(range(16))
    ),
    "titles of no characters": raw_request(
        APPLICATION, CONTEXT, USER, called=b"\xff" * 16, calling=b"\xc3" * 16
    ),
    "an identity of 60 KB": request_pdu(
        "A", "B", [STORE_CT], 16384, item(0x58, b"\1\0" + struct.pack(">H", 60000) + bytes(60002))
    ),
    "an identity that lies": request_pdu(
        "A", "B", [STORE_CT], 16384, item(0x58, b"\2\1\xff\xff" + bytes(4))
    ),
    "a context of an ID alone": _flawed(item(0x20, b"\1")),
    "a role that is cut": request_pdu("A", "B", [STORE_CT], 16384, item(0x54, b"\0\x19" + b"1.2")),
    "a role twice": request_pdu("A", "B", [STORE_CT], 16384, wire.role(CT, 1, 1) * 2),
    "a maximum of 4 GiB": request_pdu("A", "B", [STORE_CT], 0xFFFFFFFF),
    "no maximum": request_pdu("A", "B", [STORE_CT], 0),
}
"""Requests that are wrong, but may be taken all the same."""


# What no association stands

PDV_LIES = {
    "longer than its PDU": pdu(DATA, pdv(1, 3, bytes(10), 500)),
    "of length 0": pdu(DATA, bytes(4)),
    "of length 1": pdu(DATA, b"\0\0\0\1\1"),
    "of 4 GiB": pdu(DATA, pdv(1, 3, b"", 0xFFFFFFFF)),
    "that is cut": pdu(DATA, b"\0\0"),
    "that is not there": pdu(DATA),
    "behind a right one": pdu(DATA, pdv(1, 1, b"ab") + pdv(1, 3, b"", 1000)),
}
"""Presentation data values that are not as long as they say."""

OVERSIZE_DATA = {
    "2 GiB": pdu(DATA, b"", 0x7FFFFFFF),
    "4 GiB": pdu(DATA, b"", 0xFFFFFFFF),
    "a byte above the maximum": pdu(DATA, bytes(100), 131073),
}
"""P-DATA-TF PDUs that are longer than was agreed on."""

OUT_OF_PLACE = {
    "a second request": request_pdu("A", "B", [STORE_CT], 16384),
    "an acceptance": pdu(2, bytes(200)),
    "an unknown PDU": pdu(0x42, b"????"),
    "data without a command": pdu(DATA, pdv(1, 2, b"data")),
    "a command without end": pdu(DATA, pdv(1, 1, bytes(60000))) * 6,
    "a command in two contexts": pdu(DATA, pdv(1, 1, b"ab") + pdv(3, 3, b"cd")),
    "one empty fragment after the other": pdu(DATA, pdv(1, 1, b"")) * 100,
}
"""What cannot come on an association."""


def message(elements: dict[str, object], context_id: int = 1, data: bytes | None = None) -> bytes:
    """Encode a message in a PDU of its own."""
    body = pdv(context_id, 3, command_set(elements))
    return pdu(DATA, body if data is None else body + pdv(context_id, 2, data))


BAD_COMMANDS = {
    "noise": pdu(DATA, pdv(1, 3, bytes(range(100)))),
    "nothing": pdu(DATA, pdv(1, 3, b"")),
    "an element that is cut": pdu(
        DATA, pdv(1, 3, command_set({"CommandField": 1, "MessageID": 1})[:-1])
    ),
    "an element longer than all": pdu(DATA, pdv(1, 3, struct.pack("<HHI", 0, 0x100, 1 << 31))),
    "an element of another group": pdu(
        DATA, pdv(1, 3, command_set({"CommandField": C_ECHO, "MessageID": 1, "PatientID": "X"}))
    ),
    "a number of 3 bytes": pdu(
        DATA, pdv(1, 3, struct.pack("<HHI", 0, 0x100, 3) + b"\1\0\0" + bytes(1))
    ),
    "a command field twice": pdu(
        DATA, pdv(1, 3, command_set({"CommandField": C_ECHO, "MessageID": 1}) * 2)
    ),
    "no command field": message({"MessageID": 1}),
    "no message ID": message({"CommandField": C_ECHO}),
    "a response": message({"CommandField": 0x8001, "MessageID": 1}),
    "an answer to nothing": message(
        {"CommandField": 0x8001, "MessageIDBeingRespondedTo": 1, "Status": 0}
    ),
}
"""Commands that can be answered with nothing but an abort."""

CANCEL = message({"CommandField": C_CANCEL, "MessageIDBeingRespondedTo": 1})


# Receivers


class Running(Receiver):
    """A receiver of this process, with what it has told."""

    def __init__(self, folder: Path, **settings: Any) -> None:  # noqa: ANN401 - of a Receiver
        self.happenings: list[Happening] = []
        self.lines: list[str] = []
        self.storage = Storage(folder, durable=False)
        rules = settings.pop("rules", None) or Rules("DCMTOOLS", most=settings.pop("most", 50))
        super().__init__(
            settings.pop("storage", self.storage),
            rules,
            0,
            **{
                "host": "127.0.0.1",
                "told": self.happenings.append,
                "trace": self.lines.append,
                **settings,
            },
        )
        self.address: Address = "127.0.0.1", self.port

    @property
    def files(self) -> list[str]:
        """The names of all files there are."""
        return sorted(path.name for path in self.storage.folder.iterdir())

    @property
    def stored(self) -> list[Stored]:
        """What was told of objects, those that were refused too."""
        return [each.arrival.stored for each in self.happenings if each.arrival is not None]

    @property
    def kinds(self) -> list[str]:
        """What has happened, in its order."""
        return [str(each.kind) for each in self.happenings]

    @property
    def reasons(self) -> list[str]:
        """Why associations were rejected and lost, and objects refused."""
        return [each.why for each in self.happenings if each.why]

    def data(self, uid: str) -> bytes:
        """Give the data set that is stored under a UID."""
        return Instance.read(self.storage.folder / f"{uid}.dcm").data

    def has(self, count: int) -> bool:
        """Wait until there are so many connections; tell whether it comes to that."""
        changed, visitors = self.listener._changed, self.listener._visitors
        with changed:
            deadline = monotonic() + DEADLINE
            while len(visitors) != count and monotonic() < deadline:
                changed.wait(0.01)  # nobody tells of those that come
            return len(visitors) == count

    def serves(self) -> bool:
        """Tell whether it stores an object on a new association."""
        one = instance("9.9.9")
        with association(self.address) as c:
            return status(c.store(one)) == 0 and self.data("9.9.9") == one.data


class Vitals:
    """What a process has of the system: descriptors, threads and memory in MB."""

    def __init__(self, pid: int) -> None:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - a count
        self.threads = int(found["Threads"])
        self.memory = int(found["VmRSS"].split()[0]) / 1000
        self.peak = int(found["VmHWM"].split()[0]) / 1000


class Server:
    """A ``storescp`` as a process of its own; use it in a ``with`` block.

    Parameters
    ----------
    folder : Path
        Where objects go.
    options : str or Path
        Of ``storescp``.
    host : str
        The address that it listens on.
    limit : str
        What the shell is to limit before: ``ulimit -n 64``.
    checked : bool
        Whether it takes associations for C-ECHO from anybody.
    errors : Path, optional
        Where its stderr goes; beside the folder where it is not given.

    Attributes
    ----------
    lines : list of str
        What it has written to stdout.
    start : Vitals
        What it has while it listens and nobody is there.
    """

    def __init__(
        self,
        folder: Path,
        *options: str | Path,
        host: str = "127.0.0.1",
        limit: str = "",
        checked: bool = True,
        errors: Path | None = None,
    ) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._errors = errors or folder.parent / f"{folder.name}.stderr"
        self._number = 0
        command = [sys.executable, "-m", "dcmtools", "storescp", "0", "-od", str(folder)]
        command += ["-f", "ndjson", "--bind", host, "--no-fsync", *map(str, options)]
        if limit:
            command = ["bash", "-c", f'{limit}; exec "$@"', "bash", *command]
        with self._errors.open("wb") as stderr:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, "PYTHONWARNINGS": "error"},
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self.address: Address = host, self.wait_for("listening")["port"]
            self.start = self.vitals
            if checked:
                with association(self.address) as c:
                    assert echo(c) == 0
                    self.start = self.vitals
                self.start.descriptors -= 1  # those of this association
                self.start.threads -= 1
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Give it; it listens by now."""
        return self

    def __exit__(self, *error: object) -> None:
        """End it, and look for what it must not have left or said."""
        if error[0] is None:
            assert self.process.poll() in (None, 0), self.errors
            assert self.parts == []
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(DEADLINE)
        self.close()
        if error[0] is None:
            assert self.process.returncode == 0, self.errors
            self.check_words()

    def close(self) -> None:
        """Have it gone, however that may be."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it has written to stdout."""
        return [json.loads(line) for line in [*self.lines]]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait until an event has happened so many times, and give the last one."""

        def found() -> list[dict[str, Any]]:
            return [each for each in self.events if each["event"] == event]

        with self._news:
            self._news.wait_for(lambda: self._ended or len(found()) >= count, DEADLINE)
            assert len(found()) >= count, (self.lines, self.errors)
            return found()[count - 1]

    @property
    def vitals(self) -> Vitals:
        """What it has now."""
        return Vitals(self.process.pid)

    @property
    def errors(self) -> str:
        """What it has said on stderr."""
        return self._errors.read_text()

    @property
    def files(self) -> list[str]:
        """All files there are, hidden ones too."""
        found = [path for path in self.folder.rglob("*") if not path.is_dir()]
        return sorted(str(path.relative_to(self.folder)) for path in found)

    @property
    def parts(self) -> list[str]:
        """The files that are under way, or were left so."""
        return [name for name in self.files if name.endswith(".part")]

    def data(self, uid: str) -> bytes:
        """Give the data set that is stored under a UID."""
        return Instance.read(self.folder / f"{uid}.dcm").data

    def check_serves(self, within: float = 8.0) -> None:
        """Store an object on a new association, in good time and as it is; wait for its events."""
        self._number += 1
        one, calling = instance(f"2.25.{self._number}", 5000), f"CHECK-{self._number}"
        begun = monotonic()
        with association(self.address, calling=calling) as c:
            assert status(c.store(one)) == 0
            assert self.data(one.sop_instance_uid) == one.data
        assert monotonic() - begun < within
        with self._news:
            assert self._news.wait_for(
                lambda: any("released" in each and calling in each for each in self.lines[-9:]),
                DEADLINE,
            )

    def check_calm(self) -> None:
        """Wait until nothing is left of what was: no descriptors, threads, unended files."""
        deadline, pause = monotonic() + DEADLINE, threading.Event()
        while True:
            now = Vitals(self.process.pid)
            more = now.descriptors - self.start.descriptors, now.threads - self.start.threads
            if max(more) <= 0 and not self.parts:
                return
            assert monotonic() < deadline, (more, self.parts)
            pause.wait(0.01)

    def check_words(self) -> None:
        """See that all it has said is said as it should be."""
        known = {
            *("listening", "association", "rejected", "stored", "duplicate", "refused", "echo"),
            *("released", "aborted", "lost", "study"),
        }
        assert {each["event"] for each in self.events} <= known
        errors = self.errors
        assert all(line.isprintable() for line in errors.split("\n")), errors
        assert "Traceback" not in errors
        assert "unexpected" not in errors
        assert "Exception" not in errors

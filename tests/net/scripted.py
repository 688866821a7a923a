"""Answer an SCU by a script: rightly, wrongly, half, late or never.

A script is a list of steps, and a step is a function of the `Connection`. `tests.net.steps` has
functions that make steps (`accept()`, `answer(0xA700)`, `hang()`), and a test may write its own.
When the steps are done, the peer waits for the release, answers it and closes. ::

    with Scripted([accept(), answer(0xA700, ErrorComment="no disk")]) as peer:
        run("echo", peer.address)
    assert peer.messages[0].command["CommandField"] == C_ECHO

The first connection is served by the first script, the second by the second, and all further ones
by the last. Each has a thread of its own. All threads and sockets are gone when the block ends, and
an error in a script (the end of a connection is none) is raised there.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from struct import pack
from time import monotonic
from typing import TYPE_CHECKING, NoReturn, Self, TypeAlias

from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from tests.factories import IMPLICIT
from tests.net.wire import (
    ABORT,
    C_CANCEL,
    C_STORE,
    COMMAND,
    DATA,
    LAST,
    NO_DATA,
    RELEASE_REPLY,
    RELEASE_REQUEST,
    RELEASE_RP,
    RELEASE_RQ,
    RESPONSE,
    RQ,
    Instance,
    Message,
    Proposed,
    Request,
    command_set,
    pdu,
    separate,
)

if TYPE_CHECKING:
    from types import TracebackType

    from tests.net.wire import Layout

PATIENCE = 30.0
"""Seconds after which a test that waits for a peer has failed."""
LONGEST = 1 << 26
"""The longest PDU that the scripted peer itself will read."""

Step: TypeAlias = Callable[["Connection"], None]
Script: TypeAlias = Step | Sequence[Step]
Identifier: TypeAlias = bytes | Dataset | None


class Over(Exception):  # noqa: N818 - it is no error: a script ends so
    """The connection is over, and with it the script."""


@dataclass(frozen=True)
class Ended:
    """How the other side ended a connection: "release", "abort", "close", "reset" or "tls"."""

    connection: int
    how: str
    source: int = 0
    reason: int = 0


class Connection:
    """One connection, with what is known of its association.

    Attributes
    ----------
    number : int
        The connections of a peer are counted from 0.
    request : Request or None
        The association request, once it was read.
    contexts : dict of int to Proposed
        The accepted contexts by id, each with its one transfer syntax.
    message : Message or None
        The request that is to be answered.
    canceled : bool
        A C-CANCEL-RQ has arrived since that request.
    longest : int
        The longest PDU that the other side takes, bytes after the header.
    on_release : callable
        What to do about an A-RELEASE-RQ; answers it unless a step has changed that.
    """

    def __init__(self, sock: socket.socket, peer: Scripted | None = None, number: int = 0) -> None:
        self.sock = sock
        self.number = number
        self.request: Request | None = None
        self.contexts: dict[int, Proposed] = {}
        self.message: Message | None = None
        self.canceled = False
        self.longest = 16384
        self.on_release: Callable[[], None] = self._answer_release
        self._peer = peer
        self._buffer = bytearray()
        self._message_id = 0
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Bytes and PDUs

    def send(self, raw: bytes) -> None:
        """Send bytes, whatever they are."""
        try:
            self.sock.sendall(raw)
        except OSError as exc:
            self._ended("reset")
            raise Over from exc

    def read_pdu(self) -> tuple[int, bytes]:
        """Read a PDU: its type and what follows the length. `Over` at the end of the connection."""
        self._fill(6)
        length = int.from_bytes(self._buffer[2:6], "big")
        if length > LONGEST:
            self._ended("reset")
            raise Over
        self._fill(6 + length)
        kind, body = self._buffer[0], bytes(self._buffer[6 : 6 + length])
        del self._buffer[: 6 + length]
        if kind == RQ:
            self.request = Request(self.number, pdu(kind, body))
            self._record(self.request)
            self.longest = min(self.request.primitive.maximum_length_received or 65536, 1 << 20)
        elif kind == RELEASE_RQ:
            self._ended("release")
            self.on_release()
        elif kind == ABORT:
            self._ended("abort", *body[2:4])
            raise Over
        return kind, body

    def readable(self) -> bool:
        """Whether something has arrived that was not read."""
        pending = getattr(self.sock, "pending", int)()
        return bool(self._buffer or pending or select.select([self.sock], [], [], 0)[0])

    def close(self) -> NoReturn:
        """Close the connection, with FIN if all that arrived was read."""
        self.sock.close()
        raise Over

    def reset(self) -> NoReturn:
        """Close the connection with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        self.close()

    # Associations and messages

    def read_request(self) -> Request:
        """Read the association request, once."""
        while self.request is None:
            self.read_pdu()
        return self.request

    def read_message(self) -> Message:
        """Read a whole message; `Over` when there is none, but a release or an abort."""
        parts = [bytearray(), bytearray()]
        has_data = True
        while True:
            for context_id, control, fragment in self._values():
                parts[0 if control & COMMAND else 1] += fragment
                if control & COMMAND and control & LAST:
                    has_data = _has_data(bytes(parts[0]))
                if control & LAST and (not control & COMMAND or not has_data):
                    data = bytes(parts[1]) if has_data else None
                    message = Message(self.number, context_id, bytes(parts[0]), data)
                    self._record(message)
                    self.canceled |= message.command_field == C_CANCEL
                    return message

    def send_message(
        self,
        context_id: int,
        command: dict[str, object],
        data: bytes | None = None,
        layout: Layout = separate,
    ) -> None:
        """Send a message; (0000,0800) is set according to the data set unless it is given."""
        full = {"CommandDataSetType": NO_DATA if data is None else 1, **command}
        self.send(b"".join(layout(context_id, command_set(full), data, self.longest)))

    def wait_request(self) -> Message:
        """Read messages up to the next request; a C-CANCEL-RQ is only noted."""
        while True:
            message = self.read_message()
            if not message.command_field & RESPONSE and message.command_field != C_CANCEL:
                self.message = message
                self.canceled = False
                return message

    def canceled_by_now(self) -> bool:
        """Whether a C-CANCEL-RQ has arrived; does not wait."""
        while not self.canceled and self.readable():
            self.read_message()
        return self.canceled

    def response(self, status: int | None, **elements: object) -> dict[str, object]:
        """Make the command set that answers the request; `elements` come on top, None takes out."""
        message = self.message or self.wait_request()
        classes = "RequestedSOPClassUID", "AffectedSOPClassUID"
        asked = next((message.command[name] for name in classes if name in message.command), None)
        return {
            "AffectedSOPClassUID": asked,
            "AffectedSOPInstanceUID": message.command.get("AffectedSOPInstanceUID"),
            "CommandField": message.command_field | RESPONSE,
            "MessageIDBeingRespondedTo": message.message_id,
            "Status": status,
            **elements,
        }

    def encoded(self, context_id: int, data: Identifier) -> bytes | None:
        """Encode a data set for a context; bytes are taken as they are."""
        if isinstance(data, Dataset):
            context = self.contexts.get(context_id)
            implicit = context is None or context.transfer_syntaxes[0] == IMPLICIT
            return encode(data, implicit, is_little_endian=True) or b""
        return data

    def context_for(self, instance: Instance) -> int | None:
        """Find the accepted context for an instance, None if there is none."""
        wanted = instance.sop_class_uid, (instance.transfer_syntax,)
        return next((n for n, found in self.contexts.items() if found[1:] == wanted), None)

    def store(
        self,
        instance: Instance,
        *,
        layout: Layout = separate,
        wait: bool = True,
        context_id: int | None = None,
        **elements: object,
    ) -> Message | None:
        """Send a C-STORE-RQ on this association; give the response if it is waited for."""
        number = context_id or self.context_for(instance)
        if number is None:
            raise LookupError(f"no context for {instance.sop_class_uid}")
        self._message_id += 1
        command: dict[str, object] = {
            "AffectedSOPClassUID": instance.sop_class_uid,
            "AffectedSOPInstanceUID": instance.sop_instance_uid,
            "CommandField": C_STORE,
            "MessageID": self._message_id,
            "Priority": 0,
            **elements,
        }
        self.send_message(number, command, instance.data, layout)
        while wait:
            message = self.read_message()
            if message.command_field == C_STORE | RESPONSE:
                return message
        return None

    def release(self) -> None:
        """Ask for the release, wait for the answer and close."""
        self.send(RELEASE_REQUEST)
        while self.read_pdu()[0] != RELEASE_RP:
            pass
        self.close()

    # Scripts

    def run(self, script: Script) -> None:
        """Run the steps, then wait for the release; give back when the connection is over."""
        with contextlib.suppress(Over):
            for step in [script] if callable(script) else script:
                step(self)
            while True:
                self.read_message()

    def watch(self) -> NoReturn:
        """Read and note what comes, and answer nothing, until the connection is over."""
        self.on_release = lambda: None
        while True:
            self.read_message()

    def pause(self, event: threading.Event, seconds: float | None = None) -> None:
        """Wait for an event; the end of the peer sets it too."""
        if self._peer is not None:
            self._peer.gates.append(event)
            if self._peer.stopped:
                raise Over
        event.wait(seconds)

    def _answer_release(self) -> None:
        self.send(RELEASE_REPLY)
        self.watch()

    def _values(self) -> Iterator[tuple[int, int, bytes]]:
        """Give the presentation data values of the next PDU, none if it is another one."""
        kind, body = self.read_pdu()
        at = 0
        while kind == DATA and at < len(body):
            length = int.from_bytes(body[at : at + 4], "big")
            yield body[at + 4], body[at + 5], body[at + 6 : at + 4 + length]
            at += 4 + length

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            try:
                more = self.sock.recv(65536)
            except OSError as exc:
                self._ended("reset")
                raise Over from exc
            if not more:
                self._ended("close")
                raise Over
            self._buffer += more

    def _ended(self, how: str, source: int = 0, reason: int = 0) -> None:
        self._record(Ended(self.number, how, source, reason))

    def _record(self, event: Event) -> None:
        if self._peer is not None:
            self._peer.record(event)


Event: TypeAlias = Request | Message | Ended


def _has_data(command: bytes) -> bool:
    return pack("<HHIH", 0, 0x0800, 2, NO_DATA) not in command


class Scripted:
    """A peer that answers by scripts.

    Parameters
    ----------
    scripts : Script
        For the first connection, the second and so on; the last one serves all further ones.
    host : str
        The address to listen on, ``127.0.0.1`` or ``::1``.
    aet : str
        The AE title in `address`; the peer itself does not look at it.
    tls : ssl.SSLContext, optional
        Speak TLS by this context.

    Attributes
    ----------
    received : list of Request, Message and Ended
        What arrived, in the order of arrival. More may come until the block ends: see `wait`.
    errors : list of BaseException
        What went wrong in the scripts themselves.
    """

    def __init__(
        self,
        *scripts: Script,
        host: str = "127.0.0.1",
        aet: str = "SCRIPTED",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.scripts = scripts
        self.host = host
        self.aet = aet
        self.port = 0
        self.received: list[Event] = []
        self.errors: list[BaseException] = []
        self.gates: list[threading.Event] = []
        self.stopped = False
        self._tls = tls
        self._news = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None

    @property
    def address(self) -> str:
        """The peer as the command line wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.aet}@{host}:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """The association requests."""
        return [event for event in self.received if isinstance(event, Request)]

    @property
    def messages(self) -> list[Message]:
        """The DIMSE messages, C-CANCEL-RQ and responses to sub-operations too."""
        return [event for event in self.received if isinstance(event, Message)]

    @property
    def endings(self) -> list[str]:
        """How connections ended, in the order of the ends; a release comes before its close."""
        return [event.how for event in self.received if isinstance(event, Ended)]

    def wait(self, condition: Callable[[Self], object], seconds: float = PATIENCE) -> None:
        """Wait until something has arrived; fail after `seconds`."""
        with self._news:
            if not self._news.wait_for(lambda: condition(self), seconds):
                raise AssertionError(f"not within {seconds} s; received: {self.received}")

    def record(self, event: Event) -> None:
        """Note what arrived."""
        with self._news:
            self.received.append(event)
            self._news.notify_all()

    def __enter__(self) -> Self:
        """Listen."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family, backlog=128)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, "accept")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all and wait for all threads."""
        self.stopped = True
        _shut(self._listener)
        deadline = monotonic() + PATIENCE
        # the thread that accepts comes first: after it there are no further connections
        for thread in self._threads:
            for event in self.gates:
                event.set()
            for sock in self._sockets:
                _shut(sock)
            thread.join(max(0.0, deadline - monotonic()))
        for opened in filter(None, [self._listener, *self._sockets]):
            opened.close()
        alive = [thread.name for thread in self._threads if thread.is_alive()]
        if value is None and alive:
            raise AssertionError(f"threads that do not end: {alive}")
        if value is None and self.errors:
            raise self.errors[0]

    def _start(self, target: Callable[..., None], name: str, *arguments: object) -> None:
        thread = threading.Thread(
            target=target, args=arguments, name=f"scripted-{self.port}-{name}", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        with contextlib.suppress(OSError):  # the listener is shut
            while not self.stopped:
                sock, _ = self._listener.accept()
                if self._tls is not None:
                    sock = self._tls.wrap_socket(
                        sock, server_side=True, do_handshake_on_connect=False
                    )
                self._sockets.append(sock)
                self._start(self._serve, str(len(self._sockets)), sock, len(self._sockets) - 1)

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            if isinstance(sock, ssl.SSLSocket):
                try:
                    sock.do_handshake()
                except OSError:  # one side does not trust the other, or there was no TLS at all
                    self.record(Ended(number, "tls"))
                    return
            Connection(sock, self, number).run(self.scripts[min(number, len(self.scripts) - 1)])
        except Exception as exc:  # noqa: BLE001 - it is raised where the block ends
            self.errors.append(exc)
        finally:
            sock.close()


def _shut(sock: socket.socket | None) -> None:
    """Wake whoever reads or writes; not by `SSLSocket`, which then would read without TLS."""
    if sock is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


@contextlib.contextmanager
def refused() -> Iterator[str]:
    """Give the address of a port that refuses connections, and keep it so."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"REFUSED@127.0.0.1:{sock.getsockname()[1]}"


@contextlib.contextmanager
def unanswered() -> Iterator[str]:
    """Give the address of a port where a connection is neither accepted nor refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # a full queue drops what comes, as a firewall does
            sock = stack.enter_context(socket.socket())
            sock.settimeout(0)
            sock.connect_ex(listener.getsockname())
        yield f"UNANSWERED@127.0.0.1:{listener.getsockname()[1]}"

"""Receive objects that others send: a listener, and a thread for each association (PS3.8 9.2).

It offers Verification and Storage, takes every storage SOP class in whatever transfer syntax is
proposed first, and so gets objects as the sender has them. Whatever a peer does, it gets an answer
or loses its connection within a bounded time, and nobody else waits for it.
"""

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Lock, Thread
from time import monotonic
from typing import Self

from dcmtools.dataset.query_models import is_uid
from dcmtools.errors import ConnectionFailedError, reason
from dcmtools.net.access import DEFAULT_MAX_PDU, untold
from dcmtools.net.command import RESPONSE, Command, CommandField
from dcmtools.net.connection import Connection, PduType, ProtocolError, WireError, abort_pdu
from dcmtools.net.echo import VERIFICATION
from dcmtools.net.messages import AbortedError, Messages, ReleasedError
from dcmtools.net.negotiation import (
    ACCEPTED,
    IMPLICIT_LITTLE_ENDIAN,
    NO_ABSTRACT_SYNTAX,
    NO_TRANSFER_SYNTAX,
    Context,
    Request,
    decode_request,
    encode_acceptance,
    encode_rejection,
    load_codecs,
)
from dcmtools.net.sop_classes import is_storage
from dcmtools.net.storage import NOT_SUPPORTED, Storage, Stored

_ARTIM = 30.0  # seconds for an association to be asked for (PS3.8 9.1.5)
_IDLE = 300.0  # seconds that an association may do nothing
_LINGER = 1.0  # seconds for a peer to close after our last word
_UNRECOGNIZED_OPERATION = 0x0211
_BACKLOG = 128
_MOST_UNASKED = 200  # connections that have not asked for an association yet
_PAUSE = 0.1  # seconds until there may be a descriptor or a thread to be had again
_STANDARD = "1.2.840.10008.1.2."
"""Where the standard's transfer syntaxes are, those included that are too new for a dictionary."""


class Receiver:
    """Listens on a port and stores what comes, in threads of its own; use it in a ``with`` block.

    Parameters
    ----------
    storage : Storage
        Where objects go.
    aet : str
        Our AE title. Whatever a peer calls us is taken.
    port : int
        The port to listen on; 0 for any that is free.
    host : str
        The address to listen on; "" for all.
    on_stored : callable
        Is told of each object, one at a time.
    most : int
        The associations there may be at once; further ones are rejected for the time being.
    trace : callable
        Is told, a line at a time, what happens.

    Raises
    ------
    ConnectionFailedError
        The port cannot be listened on.
    """

    def __init__(  # noqa: PLR0913 - a receiver has that many sides
        self,
        storage: Storage,
        aet: str,
        port: int,
        *,
        host: str = "",
        on_stored: Callable[[Stored], None] = lambda _: None,
        most: int = 50,
        trace: Callable[[str], None] = untold,
    ) -> None:
        self.storage = storage
        self.aet = aet
        self._on_stored = on_stored
        self._most = most
        self._trace = trace
        self._changed = Condition()
        self._telling = Lock()
        self._open: dict[Connection, Thread] = {}
        self._unasked: dict[Connection, None] = {}  # the oldest first
        self._closing = False
        self._last = monotonic()
        load_codecs()  # now, and not while the first peer waits
        try:
            self._listener = _listener(host, port)
        except OSError as error:
            hints = {
                errno.EADDRINUSE: "Another program listens there; 0 takes any port that is free.",
                errno.EACCES: "Ports below 1024 are for the administrator.",
            }
            why = reason(error).partition(" (")[0]  # the address has been told
            hint = hints.get(error.errno or 0, "")
            raise ConnectionFailedError(f"port {port}", f"cannot listen: {why}", hint) from error
        self.port: int = self._listener.getsockname()[1]
        self._thread = Thread(target=self._listen, name="listener", daemon=True)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Stop listening and end the associations that are still there."""
        with self._changed:
            self._closing = True
            connections = dict(self._open)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes up accept(), as closing does not
        self._listener.close()
        for connection in connections:
            connection.shut()
        self._thread.join()
        for thread in connections.values():
            with suppress(RuntimeError):  # one that could not be started
                thread.join()

    def wait_idle(self, seconds: float, limit: float) -> bool:
        """Wait until no association is open and none has been for a while.

        Parameters
        ----------
        seconds : float
            How long it must have been quiet.
        limit : float
            The seconds to wait at most.

        Returns
        -------
        bool
            Whether it is quiet.
        """
        deadline = monotonic() + limit
        with self._changed:
            while True:
                now = monotonic()
                quiet = now - self._last
                if not self._open and quiet >= seconds:
                    return True
                if now >= deadline:
                    return False
                self._changed.wait(min(deadline - now, max(seconds - quiet, 0.01)))

    def _listen(self) -> None:
        while not self._closing:
            try:
                sock, address = self._listener.accept()
            except OSError:  # closed, or out of descriptors
                with self._changed:
                    self._shed()
                self._pause()
                continue
            connection = Connection(sock, DEFAULT_MAX_PDU)
            name = str(address[0]).removeprefix("::ffff:")  # IPv4 on a socket for both
            thread = Thread(
                target=self._serve, args=(connection, name), name="association", daemon=True
            )
            with self._changed:
                if self._closing:
                    connection.close()
                    return
                if len(self._unasked) >= _MOST_UNASKED:
                    self._shed()
                self._open[connection] = thread
                self._unasked[connection] = None
            try:
                thread.start()
            except RuntimeError:  # there are as many as the system allows
                self._ended(connection)
                self._pause()

    def _shed(self) -> None:
        """Close the connection that has asked for nothing for longest."""
        for connection in self._unasked:
            connection.shut()
            break

    def _pause(self) -> None:
        with self._changed:
            if not self._closing:
                self._changed.wait(_PAUSE)

    def _ended(self, connection: Connection) -> None:
        connection.close()
        with self._changed:
            self._open.pop(connection, None)
            self._unasked.pop(connection, None)
            self._last = monotonic()
            self._changed.notify_all()

    def _serve(self, connection: Connection, address: str) -> None:
        """Serve one connection from its request to its end."""
        try:
            self._associate(connection, address)
        except ReleasedError:
            self._trace(f"{address}: released")
            connection.drain(_LINGER)
        except AbortedError:
            self._trace(f"{address}: aborted")
        except WireError as error:
            self._trace(f"{address}: {error}; aborting")
            self._abort(connection)
        except Exception as error:  # noqa: BLE001 - one peer's doing must not reach the others
            self._trace(f"{address}: {type(error).__name__}: {error}; aborting")
            self._abort(connection)
        finally:
            self._ended(connection)

    @staticmethod
    def _abort(connection: Connection) -> None:
        with suppress(WireError):
            connection.send(abort_pdu(source=2), _LINGER)
            connection.drain(_LINGER)

    def _associate(self, connection: Connection, address: str) -> None:
        pdu = connection.receive(_ARTIM)
        if pdu.type is PduType.ABORT:
            raise AbortedError(*pdu.content[8:10])
        if pdu.type is not PduType.ASSOCIATE_RQ:
            raise ProtocolError("sent something before it asked for an association")
        request = decode_request(bytes(pdu.content))
        with self._changed:
            self._unasked.pop(connection, None)
            crowded = len(self._open) - len(self._unasked) > self._most
        if crowded:
            self._trace(f"{address}: rejected, for there are {self._most} associations")
            connection.send(encode_rejection(2, 3, 2), _LINGER)
            connection.drain(_LINGER)
            return
        contexts = tuple(_answers(request))
        self._trace(f"{address}: association with {request.calling_aet}, {len(contexts)} contexts")
        answer = encode_acceptance(request, contexts, max_pdu=DEFAULT_MAX_PDU)
        messages = Messages(connection, request.max_pdu)
        connection.send(answer, _ARTIM)
        accepted = {each.id: each for each in contexts if not each.result}
        while True:
            number, command = messages.receive_command(_IDLE)
            if number not in accepted:
                raise ProtocolError(f"used presentation context {number}, which was not accepted")
            self._answer(messages, accepted[number], command)

    def _answer(self, messages: Messages, context: Context, command: Command) -> None:
        if command.message_id is None or command.is_response:
            raise ProtocolError(f"sent {command.name}, which is no request")
        if command.field == CommandField.C_STORE_RQ:
            stored = self.storage.store(
                context,
                command,
                lambda write: messages.receive_data(context.id, write, _ARTIM),
            )
            response = stored.response(command)
            with self._telling:
                self._on_stored(stored)
        else:
            if command.has_data:
                messages.receive_data(context.id, lambda _: None, _ARTIM)
            response = Command(
                command.field | RESPONSE,
                responding_to=command.message_id,
                sop_class=command.sop_class,
                sop_instance=command.sop_instance,
                status=_status(context, command),
            )
        messages.send(context.id, response)


def _status(context: Context, command: Command) -> int:
    """Decide what a request other than C-STORE is answered with."""
    if command.field != CommandField.C_ECHO_RQ:
        return _UNRECOGNIZED_OPERATION
    return 0 if context.abstract_syntax == VERIFICATION else NOT_SUPPORTED


def _answers(request: Request) -> list[Context]:
    """Decide about the presentation contexts that are proposed."""
    answers = []
    for number, proposal in request.proposals.items():
        known = proposal.abstract_syntax == VERIFICATION or is_storage(proposal.abstract_syntax)
        result = ACCEPTED if known and not proposal.scp else NO_ABSTRACT_SYNTAX
        syntax = next(filter(_is_syntax, proposal.transfer_syntaxes), "")
        if not result and not syntax:
            result = NO_TRANSFER_SYNTAX
        answers.append(Context(number, proposal.abstract_syntax, "" if result else syntax, result))
    return answers


def _is_syntax(uid: str) -> bool:
    """Tell whether a UID may be a transfer syntax; of private ones the encoding is not known."""
    return uid == IMPLICIT_LITTLE_ENDIAN or (uid.startswith(_STANDARD) and is_uid(uid))


def _listener(host: str, port: int) -> socket.socket:
    """Listen for IPv4 and, where the machine has it, IPv6."""
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)

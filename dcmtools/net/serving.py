"""Serve one connection to a receiver, from its request to its end.

Whatever the peer does, it gets an answer or loses its connection within a bounded time. An object
is acknowledged once it is where it belongs, and no earlier.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event as Flag
from time import monotonic
from typing import TYPE_CHECKING, Any

from dcmtools.errors import OutputError
from dcmtools.escape import escape
from dcmtools.net.access import untold
from dcmtools.net.admission import CROWDED, ON_REQUEST, Rejection, Rules
from dcmtools.net.arrivals import Arrival
from dcmtools.net.command import RESPONSE, Command, CommandField
from dcmtools.net.connection import (
    ClosedError,
    Connection,
    PduType,
    ProtocolError,
    SilentError,
    WireError,
    abort_pdu,
)
from dcmtools.net.echo import VERIFICATION
from dcmtools.net.fault_injection import Fault, FaultKind, Faults
from dcmtools.net.happenings import Happening, Kind
from dcmtools.net.listener import Visitor
from dcmtools.net.messages import AbortedError, Messages, ReleasedError
from dcmtools.net.negotiation import (
    Context,
    Request,
    decode_request,
    encode_acceptance,
    encode_rejection,
)
from dcmtools.net.status import Category, category
from dcmtools.net.storage import NOT_SUPPORTED, Storage, Stored

if TYPE_CHECKING:
    import ssl

_ARTIM = 30.0  # seconds for an association to be asked for (PS3.8 9.1.5)
_FRAGMENT = 30.0  # seconds for the next piece of a data set
_LINGER = 1.0  # seconds for a peer to close after our last word
_UNRECOGNIZED_OPERATION = 0x0211
_SHOWN = 4  # presentation contexts in a message
_SLOWEST = 100.0  # bytes a second that a data set must come with
_PATIENCE = 60.0  # seconds until that is asked for

Responder = Callable[[Messages, Context, Command], Command]
"""Answers requests of a SOP class other than those for storage; it receives their data set too."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all connections to a receiver have in common.

    Parameters
    ----------
    storage : Storage or None
        Where objects go; None where the rules take none.
    rules : Rules
        What is taken from whom.
    told : callable
        Is told what happens.
    admit : callable
        Takes note that a visitor is to have an association, unless there are as many as there may
        be; tells whether it may.
    tls : ssl.SSLContext or None
        What connections are secured with.
    idle : float
        The seconds that an association may do nothing.
    services : dict of str to Responder
        What answers requests of other SOP classes.
    faults : Faults
        What is done wrong on request.
    trace : callable
        Is told, a line at a time, how things are done.
    """

    storage: Storage | None
    rules: Rules
    told: Callable[[Happening], None]
    admit: Callable[[Visitor], bool]
    tls: "ssl.SSLContext | None" = None
    idle: float = 300.0
    services: Mapping[str, Responder] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    trace: Callable[[str], None] = untold


class Serving:
    """One connection.

    Parameters
    ----------
    setting : Setting
        What it has in common with others.
    visitor : Visitor
        The connection.
    number : int
        What to call the association by.
    """

    def __init__(self, setting: Setting, visitor: Visitor, number: int) -> None:
        self._setting = setting
        self._visitor = visitor
        self._number = number
        self._calling = self._called = ""
        self._objects = 0

    def serve(self) -> None:
        """Serve it to its end; it is closed then."""
        connection: Connection | None = None
        try:
            connection = self._connected()
            self._associate(connection)
        except ReleasedError:
            self._ended(Kind.RELEASED)
            if connection is not None:
                connection.drain(_LINGER)
        except AbortedError:
            self._ended(Kind.ABORTED)
        except (WireError, OSError) as error:
            self._lost(connection, error)
        except Exception as error:  # noqa: BLE001 - one peer's doing must not reach the others
            self._lost(connection, ProtocolError(f"unexpected {type(error).__name__}: {error}"))
        finally:
            if connection is not None:
                connection.close()
            else:
                self._visitor.sock.close()

    def _connected(self) -> Connection:
        """Secure the connection where that is wanted."""
        setting, sock = self._setting, self._visitor.sock
        if setting.tls is not None:
            sock.settimeout(_ARTIM)
            sock = setting.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            self._visitor.replace(sock)
            self._shake_hands(sock)
        return Connection(sock, setting.rules.max_pdu)

    def _shake_hands(self, sock: "ssl.SSLSocket") -> None:
        """Agree with the peer on how the connection is secured."""
        import ssl  # noqa: PLC0415 - loaded with what the connection is secured by

        from dcmtools.net.tls import explain  # noqa: PLC0415 - the same

        try:
            sock.do_handshake()
        except TimeoutError as error:
            raise SilentError(f"ended no TLS handshake in {_ARTIM:g} s") from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise ClosedError("closed the connection in the TLS handshake") from error
        except ssl.SSLError as error:
            raise ProtocolError(explain(error, self._visitor.host)[0]) from error

    def _lost(self, connection: Connection | None, error: Exception) -> None:
        """Tell why it ends, and abort where anybody is there to hear it."""
        # A port that is only looked at, as load balancers do, is worth no word.
        if self._visitor.admitted or not isinstance(error, (ClosedError, OSError)):
            why = "cut off by us, as we end" if self._visitor.is_shut else str(error)
            self._ended(Kind.LOST, why)
        else:
            self._setting.trace(f"{self._visitor.host}: {error}")
        if connection is not None and not isinstance(error, ClosedError):
            with suppress(WireError):
                connection.send(abort_pdu(source=2), _LINGER)
                connection.drain(_LINGER)

    def _ended(self, kind: Kind, why: str = "") -> None:
        """Tell of the end, and make room for others: the peer may be slow to close."""
        self._visitor.admitted = False
        with suppress(Exception):  # whoever is told, it ends
            self._tell(kind, why=why, objects=self._objects)

    def _tell(self, kind: Kind, **more: Any) -> None:  # noqa: ANN401 - as of Happening
        visitor = self._visitor
        happening = Happening(kind, self._number, visitor.host, self._calling, self._called, **more)
        self._setting.told(happening)

    def _associate(self, connection: Connection) -> None:
        """Answer the request for an association, and the requests on it."""
        pdu = connection.receive(_ARTIM)
        if pdu.type is PduType.ABORT:
            raise ClosedError("aborted before it asked for an association")
        if pdu.type is not PduType.ASSOCIATE_RQ:
            raise ProtocolError("sent something before it asked for an association")
        request = decode_request(bytes(pdu.content))
        self._calling, self._called = request.calling_aet, request.called_aet
        rejection = self._refusal(request)
        if rejection is not None:
            self._tell(Kind.REJECTED, why=rejection.why)
            answer = encode_rejection(rejection.result, rejection.source, rejection.reason)
            connection.send(answer, _LINGER)
            connection.drain(_LINGER)
            return
        rules = self._setting.rules
        contexts = rules.answers(request)
        for each in contexts:
            self._setting.trace(f"{self._visitor.host}: presentation context {each.id}, {each}")
        messages = Messages(connection, request.max_pdu)
        connection.send(encode_acceptance(request, contexts, max_pdu=rules.max_pdu), _ARTIM)
        why = "" if any(not each.result for each in contexts) else _unwanted(contexts)
        self._tell(Kind.ASSOCIATION, implementation=request.implementation, why=why)
        accepted = {each.id: each for each in contexts if not each.result}
        while True:
            self._visitor.last = monotonic()
            number, command = messages.receive_command(self._setting.idle)
            if number not in accepted:
                raise ProtocolError(f"used presentation context {number}, which was not accepted")
            self._visitor.last = monotonic()
            self._answer(connection, messages, accepted[number], command)

    def _refusal(self, request: Request) -> Rejection | None:
        setting = self._setting
        refusal = setting.rules.refusal(request, self._visitor.host)
        if refusal is None and not setting.admit(self._visitor):
            refusal = CROWDED
        if refusal is None and setting.faults.for_association() is not None:
            refusal = ON_REQUEST
        return refusal

    def _answer(
        self, connection: Connection, messages: Messages, context: Context, command: Command
    ) -> None:
        """Answer a request."""
        if command.field == CommandField.C_CANCEL_RQ:
            return  # there is nothing under way that could be cancelled, and no answer to it
        if command.is_response:
            raise ProtocolError(f"sent {command.name}, which is no request")
        if command.message_id is None:
            raise ProtocolError(f"sent {command.name} without a message ID")
        service = self._setting.services.get(context.abstract_syntax)
        response: Command | None
        if service is not None and command.field != CommandField.C_ECHO_RQ:
            response = service(messages, context, command)
        elif command.field == CommandField.C_STORE_RQ and self._setting.storage is not None:
            response = self._stored(connection, messages, context, command, self._setting.storage)
        else:
            self._drop(messages, context, command)
            response = _response(command, _status(context, command))
            if not response.status:
                self._tell(Kind.ECHO)
        if response is not None:
            messages.send(context.id, response)

    def _drop(self, messages: Messages, context: Context, command: Command) -> None:
        if command.has_data:
            self._receive(messages, context, lambda _: None)

    def _receive(
        self, messages: Messages, context: Context, write: Callable[[memoryview], object]
    ) -> None:
        """Receive a data set, as long as it comes fast enough to be meant seriously."""
        visitor, started, size = self._visitor, monotonic(), 0

        def take(part: memoryview) -> None:
            nonlocal size
            visitor.last = now = monotonic()
            size += len(part)
            if now - started > _PATIENCE and size < _SLOWEST * (now - started):
                raise SilentError(f"sent {size} bytes of a data set in {now - started:.0f} s")
            write(part)

        messages.receive_data(context.id, take, _FRAGMENT)

    def _stored(
        self,
        connection: Connection,
        messages: Messages,
        context: Context,
        command: Command,
        storage: Storage,
    ) -> Command | None:
        """Store an object, or do what is wrong where that is asked for."""
        fault = self._setting.faults.for_object()
        if fault is not None and not _keeps(fault):
            self._drop(messages, context, command)
            return self._failed(connection, context, command, fault)
        stored = storage.store(
            context,
            command,
            lambda write: self._receive(messages, context, write),
            calling_aet=self._calling,
            called_aet=self._called,
            host=self._visitor.host,
        )
        arrival = Arrival(stored, self._calling, self._called, self._visitor.host)
        self._objects += stored.error is None
        why = stored.doubt if stored.error is None else stored.error.why
        self._tell(_kind(stored), arrival=arrival, why=why)
        response = stored.response(command)
        if fault is not None and stored.error is None:
            Flag().wait(fault.seconds)
            response.status = fault.status or response.status
        return response

    def _failed(
        self, connection: Connection, context: Context, command: Command, fault: Fault
    ) -> Command | None:
        """Do on request what no receiver should."""
        instance = command.sop_instance or ""
        failure = OutputError(escape(instance), f"{fault.kind}, as --fault asks for")
        stored = Stored(
            instance,
            fault.status,
            error=failure,
            sop_class=command.sop_class or "",
            transfer_syntax=context.transfer_syntax,
        )
        arrival = Arrival(stored, self._calling, self._called, self._visitor.host)
        self._tell(Kind.REFUSED, arrival=arrival, why=failure.why)
        if fault.kind is FaultKind.STATUS:
            return _response(command, fault.status)
        if fault.kind is FaultKind.NO_REPLY:
            return None
        if fault.kind is FaultKind.ABORT:
            connection.send(abort_pdu(), _LINGER)
        raise ClosedError(f"ended by us ({fault.kind}), as --fault asks for")


def _keeps(fault: Fault) -> bool:
    """Tell whether an object is stored all the same: who is told of a warning takes it for that."""
    if fault.kind is FaultKind.STATUS:
        return category(fault.status) in (Category.SUCCESS, Category.WARNING)
    return fault.kind is FaultKind.DELAY


def _unwanted(contexts: list[Context]) -> str:
    """Say which presentation contexts were proposed, where none of them is taken."""
    shown = "; ".join(str(each) for each in contexts[:_SHOWN])
    more = f" and {len(contexts) - _SHOWN} more" if len(contexts) > _SHOWN else ""
    return f"no presentation context is accepted: {shown or 'none is proposed'}{more}"


def _kind(stored: Stored) -> Kind:
    if stored.error is not None:
        return Kind.REFUSED
    return Kind.DUPLICATE if stored.known else Kind.STORED


def _response(command: Command, status: int) -> Command:
    return Command(
        command.field | RESPONSE,
        responding_to=command.message_id,
        sop_class=command.sop_class,
        sop_instance=command.sop_instance,
        status=status,
    )


def _status(context: Context, command: Command) -> int:
    """Decide what a request other than C-STORE is answered with."""
    if command.field != CommandField.C_ECHO_RQ:
        return _UNRECOGNIZED_OPERATION
    return 0 if context.abstract_syntax == VERIFICATION else NOT_SUPPORTED

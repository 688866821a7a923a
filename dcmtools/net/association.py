"""Open associations as the requestor, and say in words why one is not to be had or is lost.

One thread has an association to itself and waits where it must: there is no reactor beside it that
could take a response away from whoever waits for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic
from typing import Self, TypeVar

from dcmtools.errors import AssociationError, DcmtoolsError, InputError
from dcmtools.net.access import Access, untold
from dcmtools.net.command import Command, CommandField
from dcmtools.net.connect import connect
from dcmtools.net.connection import (
    RELEASE_RP,
    RELEASE_RQ,
    ClosedError,
    Connection,
    Pdu,
    PduType,
    ProtocolError,
    SilentError,
    WireError,
    abort_pdu,
)
from dcmtools.net.failures import lost, not_offered, rejected
from dcmtools.net.messages import AbortedError, Message, Messages, ReleasedError
from dcmtools.net.negotiation import (
    Acceptance,
    Context,
    Proposal,
    decode_acceptance,
    encode_request,
)
from dcmtools.net.status import OPTIONAL_KEYS, PENDING
from dcmtools.net.transfer import Body

_RELEASE = 5.0  # seconds: all is said and done, so nobody is to wait long for a farewell
_LAST_WORD = 0.5  # seconds to look for an A-ABORT of a peer that has closed
_T = TypeVar("_T")


class Association:
    """An association with a peer, open from the start; use it in a ``with`` block.

    At the end of the block it is released, or aborted where the peer still owes an answer.

    Parameters
    ----------
    access : Access
        The peer, our AE title, the time-outs.
    proposals : sequence of Proposal
        The presentation contexts to propose, 1 to 128.
    extended : dict of str to bytes, optional
        Service class application information by SOP class (PS3.7 D.3.3.5).

    Raises
    ------
    ConnectionFailedError
        The peer cannot be reached, TLS fails, or it does not answer.
    AssociationError
        It rejects or aborts the association, or answers in something that is not DICOM.
    UsageError, ConfigError
        What is proposed is no UID; the TLS material or the user identity is of no use.

    Attributes
    ----------
    contexts : tuple of Context
        What became of each proposal, in their order.
    implementation : str
        The name or UID that the peer gives its implementation.
    extended : dict of str to bytes
        The peer's answers to extended negotiation.
    """

    def __init__(
        self,
        access: Access,
        proposals: Sequence[Proposal],
        *,
        extended: Mapping[str, bytes] | None = None,
    ) -> None:
        self.label = access.peer.label
        self._access = access
        self._owed = 0  # final responses that are still to come
        self._message_id = 0
        self._over = False
        request = encode_request(  # before the peer has to wait for it
            access.peer.aet,
            access.calling_aet,
            proposals,
            max_pdu=access.max_pdu,
            identity=access.identity,
            extended=extended,
        )
        self._connection = Connection(connect(access), access.max_pdu)
        try:
            answer = self._negotiated(request, proposals)
            self._messages = self._watched(lambda: Messages(self._connection, answer.max_pdu))
        except BaseException:
            self.abort()
            raise
        self.contexts = answer.contexts
        self.implementation = answer.implementation
        self.extended = answer.extended
        self._by_id = {each.id: each for each in self.contexts}

    def __enter__(self) -> Self:
        """Do nothing; the association is open."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Release the association, or abort it where the peer still owes an answer."""
        if self._owed:
            self.abort()
        else:
            self.release()

    @contextmanager
    def released_on_error(self) -> Iterator[None]:
        """Release the association where what is done in the ``with`` block is refused."""
        try:
            yield
        except DcmtoolsError:
            self.release()
            raise

    @property
    def is_open(self) -> bool:
        """Whether anything can still be sent."""
        return not self._over

    @property
    def owes_answer(self) -> bool:
        """Whether the peer still owes the final response to a request."""
        return self._owed > 0 and not self._over

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Wait no longer than this for each message, within a ``with`` block."""
        access, usual = self._access, self._access.dimse_timeout
        self._access = replace(access, dimse_timeout=min(seconds, usual or seconds))
        try:
            yield
        finally:
            self._access = access

    def accepted(self, *sop_classes: str) -> Context:
        """Give the first accepted presentation context for one of some SOP classes.

        Raises
        ------
        AssociationError
            There is none; it says what the peer answered.
        """
        for each in self.contexts:
            if each.abstract_syntax in sop_classes and not each.result:
                return each
        answers = [str(each) for each in self.contexts if each.abstract_syntax in sop_classes]
        raise not_offered(self.label, answers)

    def next_message_id(self) -> int:
        """Give a Message ID that is not in use (PS3.7 9.1)."""
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def send(self, context: Context, command: Command, data: bytes | None = None) -> None:
        """Send a message.

        Raises
        ------
        ConnectionFailedError, AssociationError
            The association is lost.
        """
        self._access.trace(f"{self.label}: sending {command}")
        self._watched(lambda: self._messages.send(context.id, command, data))
        if not command.is_response and command.field != CommandField.C_CANCEL_RQ:
            self._owed += 1

    def send_object(self, context: Context, command: Command, body: Body, name: str) -> None:
        """Send a request with a data set of any size; raises as `send` does.

        Raises
        ------
        InputError
            The data set cannot be read to its end. Where some of it was sent, that is the end of
            the association.
        """
        self._access.trace(f"{self.label}: sending {command}, {body.size} bytes")
        try:
            self._watched(lambda: self._messages.send_object(context.id, command, body, name))
        except InputError:
            if self._messages.is_amid_object:
                self.abort()
            raise
        self._owed += 1

    def has_news(self, seconds: float) -> bool:
        """Wait until something comes; nothing is lost where it does not within so many seconds."""
        return self._watched(lambda: self._messages.has_news(seconds))

    def receive(self) -> Message:
        """Wait for a message and give it whole.

        Raises
        ------
        ConnectionFailedError
            The peer is silent.
        AssociationError
            The association is lost.
        """
        context, command = self.receive_command()
        data = self.receive_identifier(context) if command.has_data else b""
        return Message(context.id, command, data)

    def receive_command(self) -> tuple[Context, Command]:
        """Wait for a command; where it has a data set, `receive_data` must be next."""
        timeout = self._access.dimse_timeout
        number, command = self._watched(lambda: self._messages.receive_command(timeout))
        self._note(command)
        context = self._by_id.get(number)
        if context is None or context.result:
            raise self._lost(ProtocolError(f"used presentation context {number}, which is none"))
        return context, command

    def receive_data(self, context: Context, write: Callable[[memoryview], object]) -> None:
        """Receive the data set of a command; `write` gets it piece by piece."""
        timeout = self._access.dimse_timeout
        self._watched(lambda: self._messages.receive_data(context.id, write, timeout))

    def receive_identifier(self, context: Context) -> bytes:
        """Receive the data set of a command into memory."""
        timeout = self._access.dimse_timeout
        return self._watched(lambda: self._messages.receive_identifier(context.id, timeout))

    def response_to(self, message_id: int, field: CommandField) -> Message:
        """Wait for a response and hold it against the request with a Message ID."""
        message = self.receive()
        self.check_response(message.command, message_id, field)
        return message

    def check_response(self, command: Command, message_id: int, field: CommandField) -> None:
        """Hold a response against its request.

        Raises
        ------
        AssociationError
            It answers something else; the association is aborted.
        """
        if command.field != field:
            what = f"answered with {command.name} where {field.name.replace('_', '-')} must come"
        elif command.responding_to != message_id:
            what = f"answered to message {command.responding_to}, which is not under way"
        elif command.status is None:
            what = "answered without a status"
        else:
            return
        raise self._lost(ProtocolError(what))

    def cancel(self, context: Context, message_id: int) -> None:
        """Ask the peer to stop (C-CANCEL, PS3.7 9.3.2.3); its final response still comes.

        Any thread may do so. Where it cannot be sent, whoever waits for the peer gets to know why.
        """
        command = Command(CommandField.C_CANCEL_RQ, responding_to=message_id)
        self._access.trace(f"{self.label}: sending {command}")
        try:
            self._messages.send(context.id, command)
        except WireError:
            self.interrupt()

    def release(self) -> None:
        """Release the association; whatever the peer does now, all has been said."""
        if self._over:
            return
        released = False
        try:
            with suppress(WireError):
                released = self._released(monotonic() + min(self._access.acse_timeout, _RELEASE))
        finally:
            self._end(aborting=not released)

    def _released(self, deadline: float) -> bool:
        """Ask for the release, and tell whether the peer has ended the association by it."""
        self._connection.send(RELEASE_RQ, deadline - monotonic())
        while (left := deadline - monotonic()) > 0:
            kind = self._connection.receive(left).type
            if kind is PduType.RELEASE_RQ:  # both at once: theirs is answered first (PS3.8 9.2.3)
                self._connection.send(RELEASE_RP, left)
            elif kind in (PduType.RELEASE_RP, PduType.ABORT):
                self._access.trace(f"{self.label}: released")
                return True
        return False

    def abort(self) -> None:
        """Abort the association."""
        if not self._over:
            self._end(aborting=True)

    def interrupt(self) -> None:
        """Abort, and have whoever waits for the peer, in another thread, wait no longer."""
        with suppress(WireError):
            self._connection.send(abort_pdu(), _LAST_WORD)
        self._connection.shut()

    def _end(self, *, aborting: bool, source: int = 0) -> None:
        """Close the connection, where it is to be aborted with an A-ABORT of this source."""
        self._over = True
        try:
            if aborting:
                self._access.trace(f"{self.label}: aborting")
                with suppress(WireError):
                    self._connection.send(abort_pdu(source), _LAST_WORD)
                self._connection.drain(_LAST_WORD)
        finally:
            self._connection.close()

    def _negotiated(self, request: bytes, proposals: Sequence[Proposal]) -> Acceptance:
        """Ask for the association and give the answer."""
        access = self._access
        access.trace(f"{self.label}: A-ASSOCIATE-RQ with {len(proposals)} presentation contexts")
        pdu = self._watched(lambda: self._asked(request), opening=True)
        if pdu.type is not PduType.ASSOCIATE_AC:
            raise self._refusal(pdu)
        answer = self._watched(lambda: decode_acceptance(bytes(pdu.content), proposals))
        for each in answer.contexts:
            access.trace(f"{self.label}: presentation context {each.id}, {each}")
        identity = access.identity
        if identity is not None and identity.response and not answer.identified:
            raise AssociationError(
                self.label,
                "did not confirm the user identity",
                "It may have ignored it; without --check-identity that is not asked.",
            )
        return answer

    def _asked(self, request: bytes) -> Pdu:
        timeout = self._access.acse_timeout
        try:
            self._connection.send(request, timeout)
        except ClosedError as error:  # perhaps it has said why
            with suppress(ClosedError, SilentError):
                return self._connection.receive(_LAST_WORD)
            raise error from error.__cause__
        return self._connection.receive(timeout)

    def _note(self, command: Command) -> None:
        if self._access.trace is not untold:  # there may be very many
            self._access.trace(f"{self.label}: received {command}")
        if command.is_response and command.status not in (PENDING, OPTIONAL_KEYS):
            self._owed = max(self._owed - 1, 0)

    def _refusal(self, pdu: Pdu) -> DcmtoolsError:
        """Explain what came in the place of an A-ASSOCIATE-AC."""
        if pdu.type is PduType.ABORT:
            return self._lost(AbortedError(*pdu.content[8:10]))
        if pdu.type is not PduType.ASSOCIATE_RJ:
            return self._lost(ProtocolError(f"answered the request with {pdu.type}"))
        self._end(aborting=False)
        called, calling = self._access.peer.aet, self._access.calling_aet
        result, source, number = pdu.content[7:10]
        return rejected(
            self.label, (result, source, number), called_aet=called, calling_aet=calling
        )

    def _watched(self, step: Callable[[], _T], *, opening: bool = False) -> _T:
        """Take a step; turn what goes wrong on the wire into an explanation."""
        if self._over:
            raise AssociationError(self.label, "the association has ended")
        try:
            return step()
        except WireError as error:
            raise self._lost(error, opening=opening) from error

    def _lost(self, error: WireError, *, opening: bool = False) -> DcmtoolsError:
        """End the association, and explain why."""
        if isinstance(error, ClosedError):
            error = self._last_word(error)
        if not self._over:
            gone = isinstance(error, (ClosedError, AbortedError, ReleasedError))
            provider = isinstance(error, ProtocolError)
            self._end(aborting=not gone, source=2 if provider else 0)
        return lost(self.label, error, opening=opening, tls=self._access.peer.tls)

    def _last_word(self, error: ClosedError) -> WireError:
        """Look for the A-ABORT of a peer that has closed while we were sending."""
        deadline = monotonic() + _LAST_WORD
        with suppress(WireError):
            while (left := deadline - monotonic()) > 0:
                pdu = self._connection.receive(left)
                if pdu.type is PduType.ABORT:
                    return AbortedError(*pdu.content[8:10])
        return error

"""Make the steps of a scripted peer: what it answers, how it misbehaves, and when.

Each function gives a step, or a list of steps, for `tests.net.scripted.Scripted`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from tests.net.scripted import PATIENCE, Connection, Identifier, Over, Script, Step
from tests.net.wire import (
    AC,
    C_ECHO,
    C_FIND,
    C_GET,
    NO_DATA,
    RELEASE_REPLY,
    RELEASE_REQUEST,
    Instance,
    Proposed,
    Result,
    abort_pdu,
    accept_pdu,
    accepted_contexts,
    command_set,
    identity_response,
    proposals,
    reject_pdu,
    request_pdu,
    role,
    separate,
)

if TYPE_CHECKING:
    from tests.net.wire import Layout

AT_ONCE = 1 << 16
"""Bytes of pending responses that are sent with one call."""
PENDING, SUCCESS, CANCEL = 0xFF00, 0x0000, 0xFE00
SUB_OPERATIONS_FAILED = 0xB000
UNRECOGNIZED_OPERATION = 0x0211

Matches: TypeAlias = Sequence[Identifier] | Callable[[Connection], Iterable[Identifier]]


# The association


def wait_association() -> Step:
    """Read the association request, and no more."""

    def step(c: Connection) -> None:
        c.read_request()

    return step


def accept(  # noqa: PLR0913 - each is a thing that a peer may say otherwise
    *,
    refuse: int | Mapping[str, int] | None = None,
    syntaxes: Sequence[str] = (),
    syntax: str = "",
    contexts: Iterable[Result] | None = None,
    max_length: int | None = 65536,
    roles: bool = True,
    identity: bytes | None = None,
    items: bytes = b"",
    called: str | None = None,
    calling: str | None = None,
) -> Step:
    """Accept the association.

    Parameters
    ----------
    refuse : int or mapping of str to int
        Result (PS3.8 Table 9-18, or any other number) of all contexts, or of these SOP classes.
    syntaxes : sequence of str
        Accept the first of these that is proposed, and refuse with result 4 what has none of them.
        Without it the first syntax that is proposed is accepted.
    syntax : str
        Answer this transfer syntax, proposed or not.
    contexts : iterable of Result
        Answer this, whatever was proposed; an empty one answers nothing.
    max_length : int or None
        The longest PDU we say to take; 0 is no limit, None leaves the item out.
    roles : bool
        Accept the roles that are asked for; otherwise say nothing about roles.
    identity : bytes
        A user identity response, with this server response.
    items : bytes
        Further sub-items of the user information, encoded.
    called, calling : str
        AE titles of the answer; those of the request unless given.
    """

    def result(proposed: Proposed) -> Result:
        number, sop_class, offered = proposed
        chosen = next((s for s in syntaxes if s in offered), "") if syntaxes else offered[0]
        code = refuse.get(sop_class, 0) if isinstance(refuse, Mapping) else refuse or 0
        return Result(number, code or (0 if chosen else 4), syntax or chosen or offered[0])

    def step(c: Connection) -> None:
        request = c.read_request()
        answers = [*map(result, request.proposed)] if contexts is None else [*contexts]
        proposed = {p.context_id: p for p in request.proposed}
        c.contexts = {
            number: Proposed(number, proposed[number].abstract_syntax, (chosen,))
            for number, code, chosen in answers
            if code == 0 and number in proposed
        }
        more = b"".join(role(uid, *asked) for uid, asked in request.roles.items() if roles)
        more += b"" if identity is None else identity_response(identity)
        aes = request.pdu
        c.send(
            accept_pdu(
                aes.called_ae_title if called is None else called,
                aes.calling_ae_title if calling is None else calling,
                answers,
                max_length,
                more + items,
            )
        )

    return step


def reject(result: int = 1, source: int = 1, reason: int = 1) -> list[Step]:
    """Reject the association (PS3.8 Table 9-21), and wait until the other side closes."""
    return [wait_association(), send_raw(reject_pdu(result, source, reason)), hang()]


def wait_release() -> Step:
    """Read up to the A-RELEASE-RQ and do not answer it; what comes before it is noted."""

    def step(c: Connection) -> None:
        released: list[bool] = []
        c.on_release = lambda: released.append(True)
        while not released:
            c.read_pdu()

    return step


def answer_release() -> Step:
    """Answer the A-RELEASE-RQ that `wait_release` has read."""
    return send_raw(RELEASE_REPLY)


def release() -> Step:
    """Ask for the release, as an SCP may: wait for the answer and close."""
    return lambda c: c.release()


def collide() -> list[Step]:
    """Ask for the release at the same time as the other side: PS3.8 section 9.2.3, AR-8 to AR-10.

    We are the acceptor: we wait for the reply to our request, then reply to theirs.
    """

    def await_reply(c: Connection) -> None:
        c.on_release = lambda: None
        c.read_pdu()

    return [wait_release(), send_raw(RELEASE_REQUEST), await_reply, answer_release(), hang()]


# The connection


def send_raw(raw: bytes) -> Step:
    """Send bytes, whatever they are."""
    return lambda c: c.send(raw)


def abort(source: int = 2, reason: int = 0) -> list[Step]:
    """Send an A-ABORT (PS3.8 Table 9-26), and wait until the other side closes.

    The source is 0 for the service user (A-ABORT), 2 for the provider (A-P-ABORT).
    """
    return [send_raw(abort_pdu(source, reason)), hang()]


def close() -> Step:
    """Close with FIN; with RST, as TCP has it, if something has arrived that was not read."""
    return lambda c: c.close()


def reset() -> Step:
    """Close with RST."""
    return lambda c: c.reset()


def hang() -> Step:
    """Read and note what comes and answer nothing, until the other side or the test ends."""
    return lambda c: c.watch()


def pause(seconds: float) -> Step:
    """Be slow."""
    return lambda c: c.pause(threading.Event(), seconds)


def wait_for(event: threading.Event) -> Step:
    """Go on when the test sets the event."""
    return lambda c: c.pause(event)


# Messages


def wait_request() -> Step:
    """Read the next request."""

    def step(c: Connection) -> None:
        c.wait_request()

    return step


def wait_cancel() -> Step:
    """Read up to a C-CANCEL-RQ."""

    def step(c: Connection) -> None:
        while not c.canceled:
            c.read_message()

    return step


def answer(
    status: int | None = SUCCESS,
    *,
    data: Identifier = None,
    context_id: int | None = None,
    layout: Layout = separate,
    **elements: object,
) -> Step:
    """Answer the request; wait for it first if none was read.

    Parameters
    ----------
    status : int or None
        Status (0000,0900); None leaves it out.
    data : bytes or Dataset
        The data set.
    context_id : int
        The presentation context; that of the request unless given.
    layout : Layout
        How it is cut into PDVs and PDUs.
    elements
        Elements of the command set by keyword, on top of or in place of the right ones. None takes
        one out, bytes are taken as they are.
    """

    def step(c: Connection) -> None:
        command = c.response(status, **elements)
        assert c.message is not None
        number = c.message.context_id if context_id is None else context_id
        c.send_message(number, command, c.encoded(number, data), layout)

    return step


def pending(  # noqa: PLR0913 - each is a thing that a peer may say otherwise
    remaining: int | None = None,
    completed: int | None = None,
    failed: int | None = None,
    warning: int | None = None,
    *,
    status: int = PENDING,
    data: Identifier = None,
    **elements: object,
) -> Step:
    """Answer with counts of sub-operations, as C-MOVE and C-GET do; None leaves one out."""
    named: dict[str, Any] = {**counts(remaining, completed, failed, warning), **elements}
    return answer(status, data=data, **named)


def counts(
    remaining: int | None, completed: int | None, failed: int | None, warning: int | None
) -> dict[str, Any]:
    """Name the elements that count sub-operations."""
    return {
        "NumberOfRemainingSuboperations": remaining,
        "NumberOfCompletedSuboperations": completed,
        "NumberOfFailedSuboperations": failed,
        "NumberOfWarningSuboperations": warning,
    }


def failed_instances(*uids: str) -> Dataset:
    """Make the identifier that lists failed instances (0008,0058), whatever their UIDs are."""
    data = Dataset()
    data.add(DataElement(0x00080058, "UI", list(uids), validation_mode=IGNORE))
    return data


def find(
    matches: Matches,
    *,
    status: int = PENDING,
    final: int | None = SUCCESS,
    heed_cancel: bool = True,
    layout: Layout = separate,
    **elements: object,
) -> Step:
    """Answer a query with pending responses and a final one; 100 000 matches are cheap.

    Parameters
    ----------
    matches : sequence, or function of the connection that gives one
        The identifiers: bytes, data sets, or None for a pending response without one.
    status : int
        Of the pending responses, 0xFF00 or 0xFF01.
    final : int or None
        Status of the final response; None sends none.
    heed_cancel : bool
        End with 0xFE00 when a C-CANCEL-RQ arrives; otherwise take no notice of it.
    """
    known: dict[str, list[bytes | None]] = {}

    def encoded(c: Connection) -> Iterable[bytes | None]:
        assert c.message is not None
        number = c.message.context_id
        if callable(matches):
            return (c.encoded(number, match) for match in matches(c))
        syntax = c.contexts[number].transfer_syntaxes[0]
        if syntax not in known:  # once, so that a thousand queries take no time
            known[syntax] = [c.encoded(number, match) for match in matches]
        return known[syntax]

    def step(c: Connection) -> None:
        command = c.response(status, **elements)
        assert c.message is not None
        number = c.message.context_id
        head = [command_set({"CommandDataSetType": t, **command}) for t in (1, NO_DATA)]
        waiting: list[bytes] = []
        size = 0
        ending = final
        for data in encoded(c):
            waiting.extend(layout(number, head[data is None], data, c.longest))
            size += len(waiting[-1])
            if size > AT_ONCE:
                c.send(b"".join(waiting))
                waiting, size = [], 0
                if heed_cancel and c.canceled_by_now():
                    ending = CANCEL
                    break
        c.send(b"".join(waiting))
        if ending is not None:
            answer(ending)(c)

    return step


def studies(count: int, template: Dataset | None = None) -> Callable[[Connection], Iterable[bytes]]:
    """Make many matches of one size, without making many data sets.

    Wherever the template holds ``0000000`` in a value, each match has its number from 1 on.
    """
    mark = b"0000000"
    source = study() if template is None else template

    def matches(c: Connection) -> Iterable[bytes]:
        assert c.message is not None
        encoded = c.encoded(c.message.context_id, source)
        assert encoded is not None
        parts = encoded.split(mark)
        return ((b"%07d" % number).join(parts) for number in range(1, count + 1))

    return matches


def study(number: str = "0000000", **elements: object) -> Dataset:
    """Make an identifier at STUDY level; `elements` by keyword, None takes one out."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.StudyDate = "20260102"
    data.AccessionNumber = f"A{number}"
    data.QueryRetrieveLevel = "STUDY"
    data.PatientName = f"Doe^Jane{number}"
    data.PatientID = f"P{number}"
    data.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.1{number}"
    for keyword, value in elements.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    return data


# Sub-operations


def store(
    instance: Instance,
    *,
    layout: Layout = separate,
    wait: bool = True,
    context_id: int | None = None,
    **elements: object,
) -> Step:
    """Send an instance on the association of a C-GET; wait for the response if `wait`."""

    def step(c: Connection) -> None:
        c.store(instance, layout=layout, wait=wait, context_id=context_id, **elements)

    return step


def get(
    instances: Sequence[Instance],
    *,
    final: int | None = None,
    report: bool = True,
    heed_cancel: bool = True,
    layout: Layout = separate,
    **elements: object,
) -> Step:
    """Answer a C-GET: send the instances, count, and end as PS3.4 section C.4.3.1.4 asks.

    Parameters
    ----------
    final : int or None
        The final status; None: 0x0000, 0xB000 if some could not be sent or were refused.
    report : bool
        Send a pending response before each sub-operation.
    heed_cancel : bool
        Stop with 0xFE00 at a C-CANCEL-RQ.
    elements
        Of the final response, as in `answer`.
    """

    def step(c: Connection) -> None:
        sub_operations = SubOperations(c, c, layout, {})
        sub_operations.run(instances, report=report, heed_cancel=heed_cancel)
        sub_operations.finish(final, elements)

    return step


def move(  # noqa: PLR0913 - each is a thing that a peer may say otherwise
    instances: Sequence[Instance],
    destination: tuple[str, int],
    *,
    aet: str = "DCMTOOLS",
    final: int | None = None,
    report: bool = True,
    heed_cancel: bool = True,
    layout: Layout = separate,
    late: Sequence[Instance] = (),
    **elements: object,
) -> Step:
    """Answer a C-MOVE: send the instances to host and port, count, and end.

    As `get`; the `late` instances are sent after the final response.
    """

    def step(c: Connection) -> None:
        command = c.response(None)
        origin: dict[str, Any] = {
            "MoveOriginatorApplicationEntityTitle": c.read_request().pdu.calling_ae_title,
            "MoveOriginatorMessageID": command["MessageIDBeingRespondedTo"],
        }
        with socket.create_connection(destination, PATIENCE) as sock:
            out = associate(sock, proposals([*instances, *late]), called=aet)
            sub_operations = SubOperations(c, out, layout, origin)
            sub_operations.run(instances, report=report, heed_cancel=heed_cancel)
            sub_operations.finish(final, elements)
            for instance in late:
                out.store(instance, layout=layout, **origin)
            with contextlib.suppress(Over):
                out.release()

    return step


@dataclass
class SubOperations:
    """The C-STORE sub-operations of a C-GET or C-MOVE, with their counts."""

    asked: Connection
    out: Connection
    layout: Layout
    origin: Mapping[str, Any]
    remaining: int = 0
    completed: int = 0
    failed: list[str] = field(default_factory=list)
    status: int = SUCCESS

    def run(self, instances: Sequence[Instance], *, report: bool, heed_cancel: bool) -> None:
        """Send the instances, after a pending response each."""
        self.asked.response(None)  # waits for the request
        self.remaining = len(instances)
        for instance in instances:
            if report:
                pending(self.remaining, self.completed, len(self.failed), 0)(self.asked)
            if heed_cancel and self.asked.canceled_by_now():
                self.status = CANCEL
                return
            self.remaining -= 1
            if self.out.context_for(instance) is None:
                self.failed.append(instance.sop_instance_uid)
                continue
            reply = self.out.store(instance, layout=self.layout, **self.origin)
            if reply is not None and reply.command.get("Status") == SUCCESS:
                self.completed += 1
            else:
                self.failed.append(instance.sop_instance_uid)
        self.status = SUB_OPERATIONS_FAILED if self.failed else SUCCESS

    def finish(self, final: int | None, elements: Mapping[str, object]) -> None:
        """Send the final response, with the list of what failed."""
        remaining = self.remaining if self.status == CANCEL else None
        named: dict[str, Any] = counts(remaining, self.completed, len(self.failed), 0)
        if self.failed:
            named["data"] = failed_instances(*self.failed)
        answer(self.status if final is None else final, **{**named, **elements})(self.asked)


def associate(  # noqa: PLR0913 - each is a thing that a peer may say otherwise
    sock: socket.socket,
    proposed: Sequence[Proposed],
    *,
    called: str = "DCMTOOLS",
    calling: str = "SCRIPTED",
    max_length: int = 65536,
    items: bytes = b"",
) -> Connection:
    """Ask for an association over a connected socket; `Over` when it is not accepted."""
    c = Connection(sock)
    c.send(request_pdu(called, calling, proposed, max_length, items))
    kind, body = c.read_pdu()
    if kind != AC:
        raise Over
    abstract = {p.context_id: p.abstract_syntax for p in proposed}
    c.contexts = {
        found.context_id: Proposed(
            found.context_id, abstract[found.context_id], (found.transfer_syntax,)
        )
        for found in accepted_contexts(body)
        if found.result == 0
    }
    return c


# Whole servers


def serve(handlers: Mapping[int, Script], accepted: Step | None = None) -> list[Step]:
    """Accept, then answer each request by the script for its command field.

    `accepted` is the step that accepts, `accept()` unless given.
    C-ECHO is answered with success, and what has no script with 0x0211, unrecognized operation.
    """
    known: dict[int, Script] = {C_ECHO: answer(), **handlers}

    def step(c: Connection) -> None:
        while True:
            message = c.wait_request()
            script = known.get(message.command_field, answer(UNRECOGNIZED_OPERATION))
            for one in [script] if callable(script) else script:
                one(c)

    return [accepted or accept(), step]


def echo_server() -> list[Step]:
    """Answer each C-ECHO with success."""
    return serve({})


def find_server(matches: Matches) -> list[Step]:
    """Answer each C-FIND with the same matches."""
    return serve({C_FIND: find(matches)})


def get_server(instances: Sequence[Instance], matches: Matches = ()) -> list[Step]:
    """Answer each C-GET with the same instances, each C-FIND with the same matches."""
    return serve({C_FIND: find(matches), C_GET: get(instances)})

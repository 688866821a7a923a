"""Table of what can go wrong with a peer: the script, the exit code, the words on stderr.

Exit codes are those of `dcmtools.errors.ExitCode`. 6: there is no connection, or the peer is
silent. 7: the association is refused, lost, or the peer does not keep to the protocol. 8: failure.
9: some of it was done. 10: nothing was retrieved. 0: the peer is odd, but all was done.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from struct import pack
from typing import TYPE_CHECKING

from tests.factories import EXPLICIT, IMPLICIT, JPEG, element
from tests.net import wire
from tests.net.scripted import Connection, Script, Scripted, Step, refused, unanswered
from tests.net.steps import (
    abort,
    accept,
    answer,
    answer_release,
    close,
    collide,
    failed_instances,
    find,
    get,
    hang,
    pending,
    reject,
    release,
    reset,
    send_raw,
    serve,
    store,
    studies,
    study,
    wait_association,
    wait_release,
    wait_request,
)
from tests.net.wire import C_FIND, C_GET, C_MOVE, CT, Instance, Result, identity_response, pdu, pdv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
QUICK = "--acse-timeout", "0.4", "--dimse-timeout", "0.4"
ARGUMENTS = {
    "echo": (),
    "find": ("-k", "PatientName=Doe*"),
    "move": ("--to", "DESTINATION", "--study", STUDY_UID),
    "get": ("--study", STUDY_UID),
}
FIELDS = {"find": C_FIND, "move": C_MOVE, "get": C_GET}


@dataclass(frozen=True)
class Fault:
    """A peer that is not as it should be, and what has to come of it.

    Parameters
    ----------
    command : str
        ``echo``, ``find``, ``move`` or ``get``.
    exit_code : int
        What it has to exit with.
    pattern : str
        A regular expression, without regard to case, that the message on stderr must match; empty
        where nothing needs to be said.
    script : Script, optional
        What the peer does on each connection.
    options : tuple of str
        Options of the command on top of `ARGUMENTS`.
    where : callable, optional
        A context manager that gives the address, where there is no scripted peer.
    """

    command: str
    exit_code: int
    pattern: str
    script: Script = ()
    options: tuple[str, ...] = ()
    where: Callable[[], AbstractContextManager[str]] | None = None

    @contextmanager
    def open(self) -> Iterator[str]:
        """Start the peer and give its address."""
        if self.where is not None:
            with self.where() as address:
                yield address
        else:
            with Scripted(self.script) as peer:
                yield peer.address

    def arguments(self, address: str, folder: Path) -> list[str]:
        """Give the command line, without the name of the program; `folder` is for what is got."""
        out = ("-od", str(folder)) if self.command == "get" else ()
        return [self.command, address, *ARGUMENTS[self.command], *out, *self.options]


def instance(number: int) -> Instance:
    """Make a small CT image."""
    uid = f"{STUDY_UID}.1.{number}"
    padded = [value.encode() + b"\0" * (len(value) % 2) for value in (CT, uid, STUDY_UID)]
    data = element(0x00080016, "UI", padded[0]) + element(0x00080018, "UI", padded[1])
    data += element(0x00100020, "LO", b"PID-1 ") + element(0x0020000D, "UI", padded[2])
    return Instance(CT, uid, EXPLICIT, data)


ONE, TWO = instance(1), instance(2)
MATCH = study(StudyInstanceUID=STUDY_UID, SOPClassesInStudy=CT)
EXPLICITLY = accept(syntaxes=(EXPLICIT,))


def does(command: str, *steps: Step) -> list[Step]:
    """Answer a request of a command by steps; a C-FIND before a retrieve finds one study."""
    if command == "echo":
        return [accept(), wait_request(), *steps]
    script = find([MATCH]) if command != "find" else ()
    return serve({C_FIND: script, FIELDS[command]: steps}, EXPLICITLY)


def extra_item() -> Step:
    """Accept, with an item of a type that nobody knows: it is to be skipped (PS3.8 9.3)."""

    def step(c: Connection) -> None:
        proposed = c.read_request().proposed
        c.contexts = {p.context_id: p for p in proposed}
        results = [Result(p.context_id, 0, p.transfer_syntaxes[0]) for p in proposed]
        whole = wire.accept_pdu("CALLED", "CALLING", results, 65536, b"")
        c.send(pdu(wire.AC, whole[6:] + wire.item(0x7E, b"unknown")))

    return step


def data_pdu(*values: bytes) -> Step:
    """Send a P-DATA-TF PDU."""
    return send_raw(pdu(wire.DATA, b"".join(values)))


GARBAGE = bytes(range(10, 250)) * 3
HALF = send_raw(pdu(wire.AC, bytes(60), 200))
HALF_DATA = send_raw(pdu(wire.DATA, pdv(1, 3, bytes(20), 100), 300))
CUT_COMMAND = pdv(1, 3, pack("<HHII", 0, 0, 4, 500) + b"\0\0\2\0\x12\0")
LYING_COMMAND = pdv(1, 3, pack("<HHII", 0, 0, 4, 8) + pack("<HHI", 0, 0x0100, 0xFFFFFFFF))
CUT_IDENTIFIER = element(0x0020000D, "UI", b"1.2.3\0", 500)
NO_RESULT: list[Result] = []


FAULTS: dict[str, Fault] = {
    # No connection
    "port refuses": Fault("echo", 6, r"refused", where=refused),
    "port refuses find": Fault("find", 6, r"refused", where=refused),
    "port refuses move": Fault("move", 6, r"refused", where=refused),
    "port refuses get": Fault("get", 6, r"refused", where=refused),
    "no such host": Fault(
        "echo", 6, r"resol|not known|no address", where=lambda: nullcontext("X@host.invalid:104")
    ),
    "no answer to SYN": Fault(
        "echo", 6, r"0\.4 s|timed? ?out", options=("--timeout", "0.4"), where=unanswered
    ),
    # Nothing or not DICOM in answer to the association request
    "silent after connect": Fault(
        "echo", 6, r"(nothing|silent|no answer).*association request", [hang()], QUICK
    ),
    "silent after connect, find": Fault("find", 6, r"nothing|silent|no answer", [hang()], QUICK),
    "closes at once": Fault("echo", 6, r"(closed|reset) the connection", [close()]),
    "closes after request": Fault(
        "echo", 6, r"closed the connection", [wait_association(), close()]
    ),
    "resets at once": Fault(
        "find", 6, r"(closed|reset) the connection|connection reset", [reset()]
    ),
    "resets after request": Fault("get", 6, r"reset the connection", [wait_association(), reset()]),
    "half an answer, then silence": Fault(
        "echo", 6, r"(amid|half).*PDU", [wait_association(), HALF, hang()], QUICK
    ),
    "half an answer, then end": Fault(
        "echo", 6, r"closed.*(amid|half|middle)", [wait_association(), HALF, close()]
    ),
    "answers HTTP": Fault("echo", 7, r"HTTP", [wait_association(), send_raw(wire.HTTP), close()]),
    "answers SSH": Fault("find", 7, r"SSH", [wait_association(), send_raw(wire.SSH), close()]),
    "greets by SSH": Fault("echo", 7, r"SSH", [send_raw(wire.SSH), hang()]),
    "answers TLS": Fault(
        "echo", 7, r"TLS", [wait_association(), send_raw(wire.TLS_ALERT), close()]
    ),
    "answers garbage": Fault(
        "move", 7, r"no PDU|not (in )?DICOM", [wait_association(), send_raw(GARBAGE), hang()]
    ),
    "answers an unknown PDU": Fault(
        "echo", 7, r"PDU", [wait_association(), send_raw(pdu(0x4E, b"????")), hang()]
    ),
    "answers 4 GiB": Fault(
        "echo", 7, r"4294967295", [wait_association(), send_raw(pdu(2, b"", 0xFFFFFFFF)), hang()]
    ),
    "answers data": Fault(
        "echo", 7, r"P.DATA", [wait_association(), data_pdu(pdv(1, 3, b"")), hang()]
    ),
    "answers a release": Fault(
        "echo", 7, r"release", [wait_association(), send_raw(wire.RELEASE_REQUEST), hang()]
    ),
    "answers an acceptance that is cut": Fault(
        "echo",
        7,
        r"A.ASSOCIATE.AC",
        [wait_association(), send_raw(pdu(2, bytes(40))), hang()],
    ),
    # Rejections
    "rejects": Fault("echo", 7, r"reject.*no reason", reject(1, 1, 1)),
    "rejects application context": Fault(
        "echo", 7, r"reject.*application context", reject(1, 1, 2)
    ),
    "rejects calling AE title": Fault("echo", 7, r"reject.*calling AE title", reject(1, 1, 3)),
    "rejects called AE title": Fault("echo", 7, r"reject.*called AE title", reject(1, 1, 7)),
    "rejects called AE title, find": Fault("find", 7, r"reject.*called AE", reject(1, 1, 7)),
    "rejects called AE title, move": Fault("move", 7, r"reject.*called AE", reject(1, 1, 7)),
    "rejects called AE title, get": Fault("get", 7, r"reject.*called AE", reject(1, 1, 7)),
    "rejects, ACSE": Fault("echo", 7, r"reject.*no reason", reject(1, 2, 1)),
    "rejects protocol version": Fault("echo", 7, r"reject.*protocol version", reject(1, 2, 2)),
    "rejects for congestion": Fault("echo", 7, r"reject.*congestion", reject(2, 3, 1)),
    "rejects for its limit": Fault("get", 7, r"reject.*limit exceeded.*transient", reject(2, 3, 2)),
    "rejects by unknown numbers": Fault("echo", 7, r"reject.*99", reject(7, 8, 99)),
    # Presentation contexts
    "no context: SOP class": Fault("echo", 7, r"SOP class|abstract syntax", [accept(refuse=3)]),
    "no context: SOP class, find": Fault("find", 7, r"SOP class|abstract", [accept(refuse=3)]),
    "no context: SOP class, move": Fault("move", 7, r"SOP class|abstract", [accept(refuse=3)]),
    "no context: SOP class, get": Fault("get", 7, r"SOP class|abstract", [accept(refuse=3)]),
    "no context: syntaxes": Fault("find", 7, r"transfer syntax", [accept(refuse=4)]),
    "no context: user": Fault("echo", 7, r"context.*(user|the peer)", [accept(refuse=1)]),
    "no context: provider": Fault(
        "echo", 7, r"context.*(without a reason|no reason|provider)", [accept(refuse=2)]
    ),
    "no context: unknown result": Fault("echo", 7, r"context.*77", [accept(refuse=77)]),
    "no results": Fault("echo", 7, r"context", [accept(contexts=NO_RESULT)]),
    "results for other contexts": Fault(
        "find", 7, r"context", [accept(contexts=[Result(251, 0, IMPLICIT)])]
    ),
    "a syntax that was not proposed": Fault("echo", 7, r"transfer syntax", [accept(syntax=JPEG)]),
    "no syntax": Fault(
        "echo", 7, r"transfer syntax|context", [accept(contexts=[Result(1, 0, "")])]
    ),
    # Aborts
    "aborts the request": Fault(
        "echo", 7, r"abort.*service user", [wait_association(), *abort(0, 0)]
    ),
    "aborts the request, provider": Fault(
        "find", 7, r"abort.*service provider.*unrecognized PDU", [wait_association(), *abort(2, 1)]
    ),
    "aborts at once": Fault("get", 7, r"abort", abort(2, 0)),
    "aborts by unknown numbers": Fault("echo", 7, r"abort", [wait_association(), *abort(9, 99)]),
    "aborts for an answer": Fault("echo", 7, r"abort.*service user", does("echo", *abort(0, 0))),
    "aborts for an answer, find": Fault("find", 7, r"abort", does("find", *abort(2, 2))),
    "aborts for an answer, move": Fault("move", 7, r"abort", does("move", *abort(0, 0))),
    "aborts for an answer, get": Fault("get", 7, r"abort", does("get", *abort(0, 0))),
    "aborts after matches": Fault(
        "find", 9, r"abort", does("find", find([MATCH] * 2, final=None), *abort(2, 0))
    ),
    "aborts amid sub-operations": Fault(
        "move", 9, r"abort", does("move", pending(5, 1, 0, 0), *abort(0, 0))
    ),
    "aborts at the second echo": Fault(
        "echo",
        7,
        r"abort",
        [accept(), answer(), wait_request(), *abort(0, 0)],
        ("--repeat", "3", "--interval", "0"),
    ),
    "aborts amid a PDU": Fault(
        "get", 7, r"abort|PDU", does("get", HALF_DATA, send_raw(wire.abort_pdu(0, 0)), close())
    ),
    "releases for an answer": Fault("echo", 7, r"releas", does("echo", release())),
    # Silence and ends amid an association
    "silent after association": Fault(
        "echo",
        6,
        r"(nothing|no response).*0\.4 s|0\.4 s.*(nothing|no response)",
        [accept(), hang()],
        QUICK,
    ),
    "silent after association, find": Fault("find", 6, r"no response", [accept(), hang()], QUICK),
    "silent after association, move": Fault("move", 6, r"no response", [accept(), hang()], QUICK),
    "silent after association, get": Fault("get", 6, r"no response", [accept(), hang()], QUICK),
    "silent after matches": Fault(
        "find", 9, r"no response", does("find", find([MATCH] * 2, final=None), hang()), QUICK
    ),
    "silent after a pending response": Fault(
        "move", 9, r"no response", does("move", pending(5, 1, 0, 0), hang()), QUICK
    ),
    "silent amid a PDU": Fault(
        "find", 6, r"(amid|half).*PDU", does("find", HALF_DATA, hang()), QUICK
    ),
    "silent amid a message": Fault(
        "find",
        6,
        r"nothing|no response",
        does("find", data_pdu(pdv(1, 1, bytes(8))), hang()),
        QUICK,
    ),
    "silent amid an instance": Fault(
        "get",
        6,
        r"nothing|no response",
        does("get", store(ONE, layout=wire.pieces(32, last=False), wait=False), hang()),
        QUICK,
    ),
    "closes after association": Fault("echo", 7, r"closed the connection", does("echo", close())),
    "closes after association, find": Fault("find", 7, r"closed", does("find", close())),
    "closes after association, move": Fault("move", 7, r"closed", does("move", close())),
    "closes after association, get": Fault("get", 7, r"closed", does("get", close())),
    "resets after association": Fault("echo", 7, r"reset the connection", does("echo", reset())),
    "closes amid a PDU": Fault("find", 7, r"closed.*amid", does("find", HALF_DATA, close())),
    "resets amid a PDU": Fault("get", 7, r"reset.*", does("get", HALF_DATA, reset())),
    "closes amid a message": Fault(
        "find", 7, r"closed", does("find", data_pdu(pdv(1, 1, bytes(8))), close())
    ),
    "closes amid an instance": Fault(
        "get",
        7,
        r"closed",
        does("get", store(ONE, layout=wire.pieces(32, last=False), wait=False), close()),
    ),
    "closes after matches": Fault(
        "find", 9, r"closed", does("find", find([MATCH] * 2, final=None), close())
    ),
    # PDUs that lie
    "PDU of 4 GiB": Fault(
        "find", 7, r"4294967295", does("find", send_raw(pdu(4, b"", 0xFFFFFFFF)), hang())
    ),
    "PDU above the maximum": Fault(
        "find",
        7,
        r"16385.*16384|16384.*16385",
        does("find", send_raw(pdu(4, bytes(16385))), hang()),
        ("--max-pdu", "16384"),
    ),
    "abort PDU of 1 MiB": Fault(
        "echo", 7, r"PDU", does("echo", send_raw(pdu(7, bytes(1 << 20))), hang())
    ),
    "unknown PDU amid association": Fault(
        "echo", 7, r"PDU", does("echo", send_raw(pdu(0x4E, b"????")), hang())
    ),
    "garbage amid association": Fault("find", 7, r"PDU", does("find", send_raw(GARBAGE), hang())),
    "second acceptance": Fault("echo", 7, r"A.ASSOCIATE.AC", does("echo", accept(), hang())),
    "PDV longer than its PDU": Fault(
        "echo",
        7,
        r"PDV|presentation data|fragment|cut",
        does("echo", data_pdu(pdv(1, 3, bytes(20), 99)), hang()),
    ),
    "PDV of length 0": Fault(
        "find", 7, r"PDV|presentation data|fragment|cut", does("find", data_pdu(bytes(4)), hang())
    ),
    "PDV of length 1": Fault(
        "get",
        7,
        r"PDV|presentation data|fragment|cut",
        does("get", data_pdu(pack(">I", 1) + b"\1"), hang()),
    ),
    "PDV of 4 GiB": Fault(
        "move",
        7,
        r"PDV|presentation data|fragment|cut",
        does("move", data_pdu(pdv(1, 3, b"", 0xFFFFFFFF)), hang()),
    ),
    "another context": Fault("echo", 7, r"context 99", does("echo", answer(context_id=99), hang())),
    # Messages that are wrong
    "answers another message": Fault(
        "echo", 7, r"message 4711", does("echo", answer(MessageIDBeingRespondedTo=4711), hang())
    ),
    "answers another message, find": Fault(
        "find", 7, r"message 4711", does("find", answer(MessageIDBeingRespondedTo=4711), hang())
    ),
    "answers another command": Fault(
        "echo", 7, r"C.FIND", does("echo", answer(CommandField=0x8020), hang())
    ),
    "answers another command, move": Fault(
        "move", 7, r"C.FIND", does("move", answer(CommandField=0x8020), hang())
    ),
    "answers an unknown command": Fault(
        "echo", 7, r"0?9999", does("echo", answer(CommandField=0x9999), hang())
    ),
    "answers by a request": Fault(
        "echo", 7, r"C.ECHO", does("echo", answer(CommandField=0x0030), hang())
    ),
    "no status": Fault("echo", 7, r"status", does("echo", answer(None), hang())),
    "no status, find": Fault("find", 7, r"status", does("find", answer(None), hang())),
    "no command field": Fault(
        "echo", 7, r"command", does("echo", answer(CommandField=None), hang())
    ),
    "command set is cut": Fault("echo", 7, r"command", does("echo", data_pdu(CUT_COMMAND), hang())),
    "command set lies": Fault("find", 7, r"command", does("find", data_pdu(LYING_COMMAND), hang())),
    "command set is garbage": Fault(
        "echo", 7, r"command", does("echo", data_pdu(pdv(1, 3, GARBAGE)), hang())
    ),
    "command set without end": Fault(
        "move",
        7,
        r"command",
        does("move", *[data_pdu(pdv(1, 1, bytes(16000)))] * 20, hang()),
    ),
    "data set before its command": Fault(
        "find", 7, r"data set|command", does("find", data_pdu(pdv(1, 2, b"\0\0")), hang())
    ),
    # Failures
    "echo refused": Fault("echo", 8, r"0122.*SOP class", does("echo", answer(0x0122))),
    "echo unrecognized": Fault("echo", 8, r"0211", does("echo", answer(0x0211))),
    "echo, a status nobody knows": Fault("echo", 8, r"1234", does("echo", answer(0x1234))),
    "echo, FFFF": Fault("echo", 8, r"FFFF", does("echo", answer(0xFFFF))),
    "echo, pending": Fault("echo", 8, r"FF00", does("echo", answer(0xFF00), hang())),
    "find out of resources": Fault("find", 8, r"A700.*resources", does("find", answer(0xA700))),
    "find, a comment": Fault(
        "find",
        8,
        r"A900.*PatientName.*no such key",
        does("find", answer(0xA900, ErrorComment="no such key", OffendingElement=[0x00100010])),
    ),
    "find, a hostile comment": Fault(
        "find", 8, r"C001.*\\x1b", does("find", answer(0xC001, ErrorComment=b"\x1b[2J\x07[/x] "))
    ),
    "find not authorized": Fault("find", 8, r"0124.*authorized", does("find", answer(0x0124))),
    "find cancelled by the peer": Fault("find", 8, r"cancel", does("find", answer(0xFE00))),
    "find fails after matches": Fault(
        "find", 9, r"A700.*resources", does("find", find([MATCH] * 2, final=0xA700))
    ),
    "move destination unknown": Fault(
        "move", 8, r"A801.*destination", does("move", answer(0xA801))
    ),
    "move cannot count": Fault("move", 8, r"A701.*resources", does("move", answer(0xA701))),
    "move cannot be performed": Fault(
        "move", 8, r"A702.*sub-operations", does("move", answer(0xA702))
    ),
    "move does not match": Fault("move", 8, r"A900.*identifier", does("move", answer(0xA900))),
    "move not supported": Fault("move", 8, r"0122.*SOP class", does("move", answer(0x0122))),
    "move unable": Fault("move", 8, r"C123.*unable", does("move", answer(0xC123))),
    "move cancelled by the peer": Fault("move", 8, r"cancel", does("move", answer(0xFE00))),
    "get cannot be performed": Fault(
        "get", 8, r"A702.*sub-operations", does("get", answer(0xA702))
    ),
    "get, a status nobody knows": Fault("get", 8, r"1234", does("get", answer(0x1234))),
    # In part
    "move in part": Fault(
        "move",
        9,
        TWO.sop_instance_uid,
        does(
            "move",
            pending(1, 1, 0, 0),
            pending(0, 1, 1, 0, status=0xB000, data=failed_instances(TWO.sop_instance_uid)),
        ),
    ),
    "move in part, nobody says what": Fault(
        "move", 9, r"1.*failed|failed.*1", does("move", pending(None, 1, 1, 0, status=0xB000))
    ),
    "move fails in the end": Fault(
        "move", 9, r"A702", does("move", pending(1, 1, 0, 0), pending(None, 1, 1, 0, status=0xA702))
    ),
    "get in part": Fault(
        "get",
        9,
        r"9\.9\.9",
        does(
            "get",
            store(ONE),
            pending(None, 1, 1, 0, status=0xB000, data=failed_instances("9.9.9")),
        ),
    ),
    "get fails in the end": Fault("get", 9, r"A702", does("get", get([ONE], final=0xA702))),
    "get and fail, all": Fault(
        "get", 8, r"B000.*2 of 2", does("get", pending(None, 0, 2, 0, status=0xB000))
    ),
    "move and fail, all": Fault(
        "move", 8, r"B000.*2 of 2", does("move", pending(None, 0, 2, 0, status=0xB000))
    ),
    "success with failures": Fault(
        "get", 9, r"3.*failed", does("get", store(ONE), pending(None, 1, 3, 0, status=0))
    ),
    "counts more than came": Fault(
        "get", 9, r"4.*failed", does("get", store(ONE), pending(None, 5, 0, 0, status=0))
    ),
    "a match that is cut": Fault(
        "find", 9, r"match 2.*500", does("find", find([MATCH, CUT_IDENTIFIER, MATCH]))
    ),
    "a match that is garbage": Fault("find", 9, r"match 2", does("find", find([MATCH, GARBAGE]))),
    # Instances that are not what they are said to be
    "an instance under another UID": Fault(
        "get", 8, r"9\.9\.9.*another", does("get", get([ONE._replace(sop_instance_uid="9.9.9")]))
    ),
    "an instance under a path": Fault(
        "get", 8, r"not stored", does("get", get([ONE._replace(sop_instance_uid="../../evil")]))
    ),
    "an instance without a UID": Fault(
        "get", 8, r"no UID", does("get", store(ONE, AffectedSOPInstanceUID=None), answer())
    ),
    "an instance without content": Fault(
        "get", 8, r"not stored", does("get", get([ONE._replace(data=b"")]))
    ),
    "one instance of two is wrong": Fault(
        "get", 9, r"9\.9\.9", does("get", get([ONE, TWO._replace(sop_instance_uid="9.9.9")]))
    ),
    # Nothing
    "move of nothing": Fault(
        "move", 10, r"nothing|no ", does("move", pending(0, 0, 0, 0, status=0))
    ),
    "get of nothing": Fault("get", 10, r"nothing|no ", does("get", pending(0, 0, 0, 0, status=0))),
    "get of nothing, without counts": Fault("get", 10, r"nothing|no ", does("get", answer())),
    # Odd, but all is done
    "release is not answered": Fault(
        "echo", 0, "", [accept(), answer(), wait_release(), hang()], QUICK
    ),
    "release is answered by an abort": Fault(
        "echo", 0, "", [accept(), answer(), wait_release(), *abort(2, 0)]
    ),
    "release is answered by an end": Fault(
        "find", 0, "", [accept(), find([MATCH]), wait_release(), close()]
    ),
    "release is answered by a reset": Fault(
        "echo", 0, "", [accept(), answer(), wait_release(), reset()]
    ),
    "both ask for the release": Fault("echo", 0, "", [accept(), answer(), *collide()]),
    "peer asks for the release": Fault("echo", 0, "", [accept(), answer(), release()]),
    "aborts after the last response": Fault("find", 0, "", [accept(), find([MATCH]), *abort(0, 0)]),
    "closes after the last response": Fault("echo", 0, "", [accept(), answer(), close()]),
    "responses after the last": Fault(
        "find",
        0,
        "",
        [
            accept(),
            find([MATCH]),
            answer(0xFF00, data=MATCH),
            answer(0),
            wait_release(),
            answer_release(),
        ],
    ),
    "an identifier at the end": Fault(
        "find", 0, "", does("find", find([MATCH], final=None), answer(0, data=MATCH))
    ),
    "a match without content": Fault(
        "find", 0, r"without content", does("find", find([None, MATCH]))
    ),
    "an instance twice": Fault("get", 0, "", does("get", get([ONE, TWO, ONE]))),
    "move without counts": Fault("move", 0, r"how many", does("move", answer())),
    "move with counts in the end only": Fault(
        "move", 0, "", does("move", pending(), pending(None, 2, 0, 0, status=0))
    ),
    "matches without optional keys": Fault(
        "find", 0, "", does("find", find([MATCH], status=0xFF01))
    ),
    "no charset": Fault("find", 0, "", does("find", find([study(SpecificCharacterSet=None)]))),
    "many matches": Fault("find", 0, "", does("find", find(studies(2000)))),
    "response in single bytes": Fault(
        "find", 0, "", does("find", find([MATCH], layout=wire.pieces(1)))
    ),
    "response in packed bytes": Fault(
        "find", 0, "", does("find", find([MATCH], layout=wire.pieces(1, packed=True)))
    ),
    "response in one PDU": Fault("find", 0, "", does("find", find([MATCH], layout=wire.together))),
    "instances in single bytes": Fault(
        "get", 0, "", does("get", get([ONE, TWO], layout=wire.pieces(1)))
    ),
    "instances in one PDU": Fault("get", 0, "", does("get", get([ONE, TWO], layout=wire.together))),
    "get without reports": Fault("get", 0, "", does("get", get([ONE, TWO], report=False))),
    "get with wrong counts": Fault(
        "get",
        0,
        "",
        does("get", pending(900, 77, 0, 0), store(ONE), pending(None, 1, 0, 0, status=0)),
    ),
    "an instance after the last response": Fault(
        "get",
        0,
        "",
        does("get", store(ONE), pending(None, 1, 0, 0, status=0), store(TWO, wait=False)),
    ),
    "move with warnings": Fault("move", 0, "", does("move", pending(None, 1, 0, 1, status=0))),
    "no limit of PDUs": Fault("find", 0, "", [accept(max_length=0), find([MATCH])]),
    "4 GiB PDUs": Fault("echo", 0, "", [accept(max_length=0xFFFFFFFF), answer()]),
    "no maximum length": Fault("echo", 0, "", [accept(max_length=None), answer()]),
    "very short PDUs": Fault("find", 0, "", [accept(max_length=16), find([MATCH])]),
    "odd user information": Fault(
        "echo",
        0,
        "",
        [
            accept(
                identity=b"unasked",
                items=wire.item(0x53, bytes([0, 1, 0, 1])),
                called="OTHER",
                calling="",
            ),
            answer(),
        ],
    ),
    "unknown user information": Fault(
        "echo", 0, "", [accept(items=wire.item(0x7F, b"?")), answer()]
    ),
    "an unknown item": Fault("find", 0, "", [extra_item(), find([MATCH])]),
    "two identity responses": Fault(
        "echo", 0, "", [accept(items=identity_response(b"a") + identity_response(b"")), answer()]
    ),
}

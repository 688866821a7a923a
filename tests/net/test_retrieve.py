"""What C-MOVE and C-GET have in common: identifiers, counts, final responses, early ends."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from io import BytesIO
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from pynetdicom.dsutils import decode

from dcmtools.config import Peer
from dcmtools.dataset.query_models import PATIENT_ROOT, STUDY_ROOT, Model, QueryLevel
from dcmtools.errors import AssociationError, ConnectionFailedError, OutputError
from dcmtools.net import retrieve
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.command import Command, CommandField
from dcmtools.net.negotiation import Context, Proposal
from dcmtools.net.retrieve import Counts, Request, Retrieved, Unit
from dcmtools.net.status import Status
from tests.factories import IMPLICIT
from tests.net import wire
from tests.net.archive import make
from tests.net.scripted import Connection, Script, Scripted, Step
from tests.net.steps import (
    abort,
    accept,
    answer,
    close,
    failed_instances,
    hang,
    pending,
    send_raw,
    store,
    wait_cancel,
    wait_request,
)
from tests.net.wire import C_CANCEL, C_GET, C_MOVE, CT, DATA, RESPONSE, pdu, pdv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STUDY = Unit(QueryLevel.STUDY, study="1.2")
ONE = make("1.2.1.1").instance


# Units


@pytest.mark.parametrize(
    ("unit", "model", "keys", "text"),
    [
        (STUDY, STUDY_ROOT, {"StudyInstanceUID": "1.2"}, "study 1.2"),
        (
            Unit(QueryLevel.STUDY, "P1", "1.2"),
            PATIENT_ROOT,
            {"PatientID": "P1", "StudyInstanceUID": "1.2"},
            "study 1.2",
        ),
        (Unit(QueryLevel.STUDY, "P1", "1.2"), STUDY_ROOT, {"StudyInstanceUID": "1.2"}, "study 1.2"),
        (Unit(QueryLevel.PATIENT, "P1"), PATIENT_ROOT, {"PatientID": "P1"}, "patient P1"),
        (
            Unit(QueryLevel.SERIES, study="1.2", series="1.3"),
            STUDY_ROOT,
            {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"},
            "series 1.3",
        ),
        (
            Unit(QueryLevel.IMAGE, study="1.2", series="1.3", instances=("1.4",)),
            STUDY_ROOT,
            {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3", "SOPInstanceUID": "1.4"},
            "instance 1.4",
        ),
        (
            Unit(QueryLevel.IMAGE, study="1.2", series="1.3", instances=("1.4", "1.5")),
            STUDY_ROOT,
            {
                "StudyInstanceUID": "1.2",
                "SeriesInstanceUID": "1.3",
                "SOPInstanceUID": ["1.4", "1.5"],
            },
            "2 instances",
        ),
    ],
)
def test_the_identifier_has_the_unique_keys_and_nothing_else(
    unit: Unit, model: Model, keys: dict[str, str], text: str
) -> None:
    assert str(unit) == text
    for implicit in (True, False):
        raw = unit.query(model).encode(implicit=implicit)
        found = decode(BytesIO(raw), implicit, is_little_endian=True)
        assert {element.keyword: element.value for element in found} == {
            "QueryRetrieveLevel": unit.level,
            **keys,
        }


def test_counts() -> None:
    assert Counts(3, 4, 1, 2) == Counts.of(
        Command(0, remaining=3, completed=4, failed=1, warning=2)
    )
    assert (Counts(3, 4, 1, 2).done, Counts(3, 4, 1, 2).total) == (6, 10)
    assert (Counts().done, Counts().total) == (0, 0)


@pytest.mark.parametrize(
    ("code", "failed"),
    [(0, False), (0xB000, False), (0xA702, True), (0xFE00, True), (0x0122, True), (0x1234, True)],
)
def test_whether_a_request_has_failed(code: int, failed: bool) -> None:  # noqa: FBT001
    assert Retrieved(STUDY, Status(code)).failed is failed
    assert Retrieved(STUDY).failed


# Requests


@contextmanager
def requesting(
    script: Script, *, get: bool = False
) -> Iterator[tuple[Request, Scripted, Association]]:
    """Send a request on a new association."""
    model = STUDY_ROOT.get if get else STUDY_ROOT.move
    field = CommandField.C_GET_RQ if get else CommandField.C_MOVE_RQ
    proposals = [Proposal(model)]
    proposals += [Proposal(CT, scp=True)] if get else []
    with Scripted(script) as peer:
        access = Access(Peer("peer", "127.0.0.1", peer.port), dimse_timeout=None)
        with Association(access, proposals) as association:
            context = association.accepted(model)
            destination = None if get else "DEST"
            query = STUDY.query(STUDY_ROOT)
            yield Request(association, context, field, query, destination), peer, association


def run(
    *steps: Step,
    store: Callable[[Association, Context, Command], None] | None = None,
    get: bool = False,
) -> tuple[Retrieved, list[Counts], Scripted]:
    told: list[Counts] = []
    with requesting([accept(), wait_request(), *steps], get=get) as (request, peer, association):
        taking = (lambda *what: store(association, *what)) if store else None
        done = request.run(STUDY, told.append, taking)
    return done, told, peer


def test_what_is_sent() -> None:
    for get in (True, False):
        _, _, peer = run(answer(), get=get)
        command = peer.messages[0].command
        assert command == {
            "CommandGroupLength": command["CommandGroupLength"],
            "AffectedSOPClassUID": wire.STUDY_GET if get else wire.STUDY_MOVE,
            "CommandField": C_GET if get else C_MOVE,
            "MessageID": 1,
            "Priority": 0,
            "CommandDataSetType": 1,
            **({} if get else {"MoveDestination": "DEST"}),
        }
        data = peer.messages[0].data
        assert data == STUDY.query(STUDY_ROOT).encode(implicit=False)
        assert peer.endings[0] == "release"


def test_an_implicit_context() -> None:
    with Scripted([accept(syntaxes=(IMPLICIT,)), answer()]) as peer:
        access = Access(Peer("peer", "127.0.0.1", peer.port))
        with Association(access, [Proposal(STUDY_ROOT.move)]) as association:
            context = association.accepted(STUDY_ROOT.move)
            query = STUDY.query(STUDY_ROOT)
            request = Request(association, context, CommandField.C_MOVE_RQ, query, "DEST")
            assert request.run(STUDY, lambda _: None).status == Status(0)
        assert peer.messages[0].data == query.encode(implicit=True)


def test_progress_and_the_end() -> None:
    done, told, _ = run(
        pending(2, 0, 0, 0),
        pending(1, 1, 0, 0),
        pending(None, 1, 1, 0, status=0xB000, data=failed_instances("1.7", "1.8")),
    )
    assert told == [Counts(2, 0, 0, 0), Counts(1, 1, 0, 0), Counts(None, 1, 1, 0)]
    assert done == Retrieved(STUDY, Status(0xB000), Counts(None, 1, 1, 0), ("1.7", "1.8"))


def test_a_final_response_without_counts_has_those_before_it() -> None:
    done, _, _ = run(pending(1, 4, 0, 1), answer())
    assert done.counts == Counts(None, 4, 0, 1)
    assert run(pending(), answer())[0].counts == Counts()
    assert run(answer())[0].counts == Counts()


def test_a_status_with_all_it_says() -> None:
    done, _, _ = run(answer(0xA801, ErrorComment="who?", OffendingElement=[0x00000600]))
    assert done.status == Status(0xA801, "who?", (0x00000600,))


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"\1", failed_instances()])
def test_a_list_of_failed_instances_that_is_none(data: bytes) -> None:
    done, _, _ = run(answer(0xB000, data=data, NumberOfFailedSuboperations=2))
    assert (done.failed_instances, done.counts.failed) == ((), 2)


def test_a_long_list_of_failed_instances() -> None:
    uids = [f"1.2.826.0.1.3680043.8.498.{number}" for number in range(100)]
    done, _, _ = run(answer(0xA702, data=failed_instances(*uids)))
    assert list(done.failed_instances) == uids


@pytest.mark.parametrize(
    ("steps", "kind", "text"),
    [
        (abort(), AssociationError, "aborted"),
        ([close()], AssociationError, "closed the connection"),
        ([answer(CommandField=C_GET | RESPONSE)], AssociationError, "C-GET-RSP"),
        ([answer(MessageIDBeingRespondedTo=9)], AssociationError, "message 9"),
        ([answer(None)], AssociationError, "without a status"),
        ([answer(CommandField=0x0001)], AssociationError, "C-STORE-RQ"),
        ([send_raw(pdu(0x42))], AssociationError, "no PDU"),
    ],
)
def test_a_loss_is_told_with_how_far_it_came(
    steps: list[Step], kind: type[Exception], text: str
) -> None:
    done, _, _ = run(pending(5, 1, 0, 0), *steps, hang())
    assert (done.status, done.counts, done.failed) == (None, Counts(5, 1, 0, 0), True)
    assert isinstance(done.error, kind)
    assert text in str(done.error)


def test_what_is_to_be_stored_is_given_on() -> None:
    def take(association: Association, context: Context, command: Command) -> None:
        parts: list[bytes] = []
        association.receive_data(context, lambda part: parts.append(bytes(part)))
        came.append((context.abstract_syntax, command.sop_instance, b"".join(parts)))
        response = Command(0x8001, responding_to=command.message_id, status=0)
        association.send(context, response)

    came: list[tuple[str, str | None, bytes]] = []
    final = pending(None, 1, 0, 0, status=0)
    done, _, _ = run(pending(1, 0, 0, 0), store(ONE), final, store=take, get=True)
    assert came == [(CT, ONE.sop_instance_uid, ONE.data)]
    assert done.status == Status(0)


def test_what_storing_raises_comes_out() -> None:
    def full(*_: object) -> None:
        raise OutputError("DIR", "full")

    with pytest.raises(OutputError, match="full"):
        run(store(ONE, wait=False), hang(), store=full, get=True)


def test_a_stall_amid_data_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer may be quiet for as long as it likes, but not in the middle of a data set."""
    monkeypatch.setattr(retrieve, "MID_DATA", 0.2)

    def half(c: Connection) -> None:
        command = c.response(0xA702)
        c.send(pdu(DATA, pdv(1, 3, wire.command_set({**command, "CommandDataSetType": 1}))))
        c.send(pdu(DATA, pdv(1, 0, b"half")))

    done, _, _ = run(half, hang())
    assert isinstance(done.error, ConnectionFailedError)
    assert "0.2 s" in str(done.error)


def test_it_may_be_quiet_for_seconds() -> None:
    quiet = threading.Event()
    threading.Timer(1.0, quiet.set).start()
    done, _, _ = run(pending(1, 0, 0, 0), lambda c: c.pause(quiet), pending(0, 1, 0, 0, status=0))
    assert done.status == Status(0)


# Ending early


def test_a_cancel_is_answered() -> None:
    with requesting([accept(), wait_request(), wait_cancel(), answer(0xFE00)]) as (
        request,
        peer,
        association,
    ):
        request.cancel()
        done = request.run(STUDY, lambda _: None)
        request.cancel()
        request.stop()
        assert not association.owes_answer
    assert done.status == Status(0xFE00)
    cancels = [message for message in peer.messages if message.command_field == C_CANCEL]
    assert [cancel.command["MessageIDBeingRespondedTo"] for cancel in cancels] == [1]
    assert peer.endings[0] == "release"


class BegunError(Exception):
    """The request is under way."""


def begin(request: Request) -> None:
    """Leave the request when the first response is there."""

    def leave(_: Counts) -> None:
        raise BegunError

    with suppress(BegunError):
        request.run(STUDY, leave)


def test_stopping_what_is_under_way() -> None:
    """What still comes is refused, and the association ends in good order."""
    late = [store(ONE), pending(3, 1, 0, 0), store(ONE), answer(0xFE00)]
    script = [accept(), wait_request(), pending(9, 0, 0, 0), wait_cancel(), *late]
    with requesting(script, get=True) as (request, peer, _):
        begin(request)
        request.stop()
    replies = [m.command["Status"] for m in peer.messages if m.command_field == 0x8001]
    assert replies == [0xA700, 0xA700]
    assert peer.endings[0] == "release"


def never_ending(c: Connection) -> None:
    while True:
        c.store(ONE)


def endless_data(c: Connection) -> None:
    c.store(ONE, layout=wire.pieces(64, last=False), wait=False)
    while True:
        c.send(pdu(DATA, pdv(3, 0, bytes(10000))))


@pytest.mark.parametrize("step", [hang(), never_ending, endless_data], ids=["hang", "send", "data"])
def test_who_does_not_stop_is_aborted(monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    monkeypatch.setattr(retrieve, "PATIENCE", 0.3)
    begun = monotonic()
    script = [accept(), wait_request(), pending(9, 0, 0, 0), wait_cancel(), step]
    with requesting(script, get=True) as (request, peer, _):
        begin(request)
        request.stop()
    peer.wait(lambda peer: peer.endings)
    assert peer.endings[0] in ("abort", "reset")
    assert monotonic() - begun < 3


def test_stopping_what_is_lost_does_nothing() -> None:
    with requesting([accept(), wait_request(), *abort()]) as (request, peer, _):
        assert request.run(STUDY, lambda _: None).error
        request.cancel()
        request.stop()
    assert all(message.command_field != C_CANCEL for message in peer.messages)

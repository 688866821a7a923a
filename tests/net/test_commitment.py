"""Storage commitment: what is asked, what a report makes of it, and by which way it comes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_role, evt
from pynetdicom.dsutils import decode, encode

from dcmtools.config import Peer
from dcmtools.errors import AssociationError, NotOfferedError, StatusError
from dcmtools.net.access import Access
from dcmtools.net.command import Command, CommandField
from dcmtools.net.commitment import (
    STORAGE_COMMITMENT,
    Commitment,
    CommitmentReports,
    commit,
    failure,
)
from dcmtools.net.commitment_data import Report, Transaction, read_report
from dcmtools.net.negotiation import Context
from tests.factories import EXPLICIT, IMPLICIT
from tests.net.reports import INSTANCE, Listening, references, report_on
from tests.net.scripted import PATIENCE, Connection, Script, Scripted
from tests.net.steps import abort, accept, answer, close, hang, release, wait_request
from tests.net.wire import COMMAND, CT, DATA, LAST, command_set, pdu, pdv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.net.scripted import Identifier, Step

N_EVENT_REPORT, N_ACTION = 0x0100, 0x0130
MR = "1.2.840.10008.5.1.4.1.1.4"
ROOT = "1.2.826.0.1.3680043.8.498"
THREE = [(CT, f"{ROOT}.1"), (CT, f"{ROOT}.22"), (MR, f"{ROOT}.333")]
UIDS = [uid for _, uid in THREE]
MANY = [(CT, f"{ROOT}.5.{number}") for number in range(2500)]
SOON = 0.05
"""Seconds to wait for what does not come."""


def access_to(port: int, **more: Any) -> Access:  # noqa: ANN401
    return Access(Peer("pacs", "127.0.0.1", port, "PACS"), **more)


# A peer that is pynetdicom


class Committer:
    """Commits itself to what it is asked for, but for what fails.

    Parameters
    ----------
    failed : dict of str to int
        Failure reasons by SOP Instance UID.
    syntax : str
        The transfer syntax that it takes.
    first : bool
        Whether the report comes before the response to the request.
    port : int
        Where to report to; 0 for the association on which was asked.
    """

    def __init__(
        self,
        failed: Mapping[str, int] | None = None,
        *,
        syntax: str = EXPLICIT,
        first: bool = False,
        port: int = 0,
    ) -> None:
        self.asked: list[Dataset] = []
        self.actions: list[Any] = []
        self.statuses: list[int] = []
        self._failed, self._first, self._port = failed or {}, first, port
        self._threads: list[Thread] = []
        self.ae = AE("PACS")
        self.ae.acse_timeout = self.ae.dimse_timeout = self.ae.network_timeout = PATIENCE
        self.ae.add_supported_context(STORAGE_COMMITMENT, syntax)
        self.ae.add_requested_context(STORAGE_COMMITMENT, syntax)

    @contextmanager
    def running(self) -> Iterator[Access]:
        """Run it, and give how to reach it."""
        handlers = [(evt.EVT_N_ACTION, self._act), (evt.EVT_DIMSE_SENT, self._sent)]
        server = self.ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        try:
            yield access_to(server.server_address[1])
            for thread in self._threads:
                thread.join(PATIENCE)
            deadline = monotonic() + PATIENCE
            while self.ae.active_associations and monotonic() < deadline:
                Event().wait(0.01)  # shutdown() would abort them, and stumble over those that end
        finally:
            self.ae.shutdown()

    def _act(self, event: evt.Event) -> tuple[int, None]:
        self.asked.append(event.action_information)
        self.actions.append(event.request)
        if self._first:
            self._report(event.assoc, self.asked[-1])
        return 0x0000, None

    def _sent(self, event: evt.Event) -> None:
        if type(event.message).__name__ == "N_ACTION_RSP" and not self._first:
            thread = Thread(target=self._later, args=(event.assoc, self.asked[-1]))
            self._threads.append(thread)
            thread.start()

    def _later(self, association: Any, request: Dataset) -> None:  # noqa: ANN401
        if not self._port:
            self._report(association, request)
            return
        roles = [build_role(STORAGE_COMMITMENT, scp_role=True)]
        own = self.ae.associate("127.0.0.1", self._port, ext_neg=roles)
        self._report(own, request)
        own.release()

    def _report(self, association: Any, request: Dataset) -> None:  # noqa: ANN401
        data = report_on(request, self._failed)
        kind = 2 if "FailedSOPSequence" in data else 1
        reply, _ = association.send_n_event_report(data, kind, STORAGE_COMMITMENT, INSTANCE)
        self.statuses.append(reply.Status)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_the_peer_sees_what_is_asked_for(syntax: str) -> None:
    committer = Committer(syntax=syntax)
    with committer.running() as access:
        found = commit(access, THREE, wait=PATIENCE)
    assert found == Commitment(committed=frozenset(UIDS))
    (request,), (action,) = committer.asked, committer.actions
    assert action.ActionTypeID == 1
    assert action.RequestedSOPClassUID == STORAGE_COMMITMENT
    assert action.RequestedSOPInstanceUID == INSTANCE
    assert [each.keyword for each in request] == ["TransactionUID", "ReferencedSOPSequence"]
    assert UID(request.TransactionUID).is_valid
    assert request.TransactionUID.startswith("2.25.")
    asked = [
        (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID)
        for item in request.ReferencedSOPSequence
    ]
    assert asked == THREE
    assert committer.statuses == [0]


@pytest.mark.parametrize("first", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_report_comes_on_the_same_association(syntax: str, *, first: bool) -> None:
    committer = Committer({UIDS[1]: 0x0112}, syntax=syntax, first=first)
    with committer.running() as access:
        found = commit(access, THREE, wait=PATIENCE)
    assert found.committed == {UIDS[0], UIDS[2]}
    assert found.failed == {UIDS[1]: 0x0112}
    assert found.unknown == frozenset()
    assert found.error is None
    assert committer.statuses == [0]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_report_comes_on_another_association(syntax: str) -> None:
    reports = CommitmentReports()
    with Listening(reports) as listening:
        committer = Committer({UIDS[2]: 0x0213}, syntax=syntax, port=listening.port)
        with committer.running() as access:
            found = commit(access, THREE, wait=PATIENCE, receiver=reports)
    assert found.committed == set(UIDS[:2])
    assert found.failed == {UIDS[2]: 0x0213}
    assert committer.statuses == [0]
    (request,) = listening.requests
    assert [each.scp for each in request.proposals.values()] == [True]


def test_with_a_receiver_it_may_still_come_on_the_same_association() -> None:
    committer = Committer()
    with committer.running() as access:
        found = commit(access, THREE, wait=PATIENCE, receiver=CommitmentReports())
    assert found.committed == set(UIDS)


def test_many_instances_are_asked_for_a_thousand_at_a_time() -> None:
    lost = MANY[1500][1]
    committer = Committer({lost: 0x0110})
    with committer.running() as access:
        found = commit(access, MANY[:2001], wait=PATIENCE)
    assert [len(each.ReferencedSOPSequence) for each in committer.asked] == [1000, 1000, 1]
    assert len({each.TransactionUID for each in committer.asked}) == 3
    assert found.committed == {uid for _, uid in MANY[:2001]} - {lost}
    assert found.failed == {lost: 0x0110}


def test_several_may_wait_with_one_receiver() -> None:
    reports = CommitmentReports()
    with Listening(reports) as listening, ThreadPoolExecutor(4) as pool:
        committer = Committer(port=listening.port)
        with committer.running() as access:

            def ask(number: int) -> Commitment:
                one = [(CT, f"{ROOT}.7.{number}")]
                return commit(access, one, wait=PATIENCE, receiver=reports)

            found = list(pool.map(ask, range(8)))
    assert [each.committed for each in found] == [{f"{ROOT}.7.{number}"} for number in range(8)]


# A peer by a script


def request_of(c: Connection) -> Dataset:
    """Decode what the last N-ACTION asks for."""
    message = next(m for m in reversed(c._peer.messages) if m.command_field == N_ACTION)  # type: ignore[union-attr]
    syntax = c.contexts[message.context_id].transfer_syntaxes[0]
    return decode(BytesIO(message.data or b""), syntax == IMPLICIT, is_little_endian=True)


def report(
    make: Callable[[Dataset], Identifier] = report_on, kind: int | None = 1, **elements: object
) -> Step:
    """Send a report, and wait for the response."""

    def step(c: Connection) -> None:
        data = make(request_of(c))
        command = {
            "AffectedSOPClassUID": STORAGE_COMMITMENT,
            "AffectedSOPInstanceUID": INSTANCE,
            "CommandField": N_EVENT_REPORT,
            "MessageID": 4711,
            "EventTypeID": kind,
            **elements,
        }
        c.send_message(1, command, c.encoded(1, data))
        c.read_message()

    return step


def asked_of(
    *steps: Script, wait: float = PATIENCE, receiver: CommitmentReports | None = None
) -> tuple[Commitment, Scripted]:
    """Ask a scripted peer that has accepted the association."""
    script: list[Step] = [accept()]
    for each in steps:
        script += [each] if callable(each) else each
    with Scripted(script) as peer:
        found = commit(access_to(peer.port), THREE, wait=wait, receiver=receiver)
    return found, peer


def statuses(peer: Scripted) -> list[int]:
    """Give what the reports of a peer were answered with."""
    return [m.command["Status"] for m in peer.messages if m.command_field == 0x8100]


def test_a_report_is_answered() -> None:
    found, peer = asked_of(answer(), report())
    assert found.committed == set(UIDS)
    assert peer.messages[-1].command == {
        "CommandGroupLength": len(peer.messages[-1].raw) - 12,
        "AffectedSOPClassUID": STORAGE_COMMITMENT,
        "AffectedSOPInstanceUID": INSTANCE,
        "CommandField": 0x8100,
        "MessageIDBeingRespondedTo": 4711,
        "CommandDataSetType": 0x0101,
        "Status": 0,
        "EventTypeID": 1,
    }
    assert peer.endings[0] == "release"


@pytest.mark.parametrize("receiver", [None, CommitmentReports()])
def test_without_a_report_nothing_is_known(receiver: CommitmentReports | None) -> None:
    began = monotonic()
    found, peer = asked_of(answer(), wait=SOON, receiver=receiver)
    assert found == Commitment(unknown=frozenset(UIDS))
    assert SOON <= monotonic() - began < PATIENCE / 4
    assert peer.endings[0] == "release"


def test_what_a_report_leaves_out_is_not_known() -> None:
    def two_of_three(request: Dataset) -> Dataset:
        data = report_on(request, {UIDS[1]: 0x0122})
        del data.ReferencedSOPSequence[1]
        return data

    found, _ = asked_of(answer(), report(two_of_three, 2))
    assert found == Commitment(frozenset(UIDS[:1]), {UIDS[1]: 0x0122}, frozenset(UIDS[2:]))


def test_what_was_not_asked_for_does_not_count() -> None:
    def more(request: Dataset) -> Dataset:
        data = report_on(request)
        data.ReferencedSOPSequence += references([(CT, f"{ROOT}.99")])
        data.FailedSOPSequence = references([(CT, f"{ROOT}.98")], 0x0110)
        return data

    found, _ = asked_of(answer(), report(more, 2))
    assert found == Commitment(frozenset(UIDS))


def test_a_failure_outweighs_a_commitment() -> None:
    def both(request: Dataset) -> Dataset:
        data = report_on(request)
        data.FailedSOPSequence = references(THREE[:1], 0x0119)
        return data

    found, _ = asked_of(answer(), report(both))
    assert found == Commitment(frozenset(UIDS[1:]), {UIDS[0]: 0x0119})


def test_a_failure_without_a_reason_is_one() -> None:
    def bare(request: Dataset) -> Dataset:
        data = report_on(request)
        data.FailedSOPSequence = references(THREE[:1])
        return data

    assert asked_of(answer(), report(bare))[0].failed == {UIDS[0]: 0x0110}


def test_the_first_report_on_a_transaction_counts() -> None:
    def none(request: Dataset) -> Dataset:
        return report_on(request, dict.fromkeys(UIDS, 0x0110))

    found, peer = asked_of(wait_request(), report(), report(none, 2), answer())
    assert found.committed == set(UIDS)
    assert statuses(peer) == [0, 0]


def _without_transaction(request: Dataset) -> Dataset:
    data = report_on(request)
    del data.TransactionUID
    return data


def _of_another(request: Dataset) -> Dataset:
    data = report_on(request)
    data.TransactionUID = "2.25.1"
    return data


def _cut(request: Dataset) -> bytes:
    return (encode(report_on(request), is_implicit_vr=False, is_little_endian=True) or b"")[:-3]


def _endless(request: Dataset) -> Dataset:
    data = report_on(request)
    data.ReferencedSOPSequence += references([(CT, ROOT)]) * 20_000
    return data


@pytest.mark.parametrize(
    ("make", "kind", "status"),
    [
        (lambda _: b"", 1, 0x0110),
        (lambda _: None, 1, 0x0110),
        (lambda _: b"\xff" * 999, 1, 0x0110),
        (lambda _: bytes(1000), 1, 0x0110),
        (_cut, 1, 0x0110),
        (_endless, 1, 0x0110),
        (_without_transaction, 1, 0x0110),
        (_of_another, 1, 0x0115),
        (report_on, 3, 0x0113),
        (report_on, 0, 0x0113),
        (report_on, None, 0x0113),
    ],
)
def test_what_is_no_report_is_refused(
    make: Callable[[Dataset], Identifier], kind: int | None, status: int
) -> None:
    found, peer = asked_of(answer(), report(make, kind), report())
    assert found == Commitment(frozenset(UIDS))
    assert statuses(peer) == [status, 0]


def test_another_request_of_the_peer_is_none() -> None:
    found, peer = asked_of(answer(), report(lambda _: None, None, CommandField=0x30), report())
    assert found.committed == set(UIDS)
    (reply,) = [m.command for m in peer.messages if m.command_field == 0x8030]
    assert (reply["Status"], reply["MessageIDBeingRespondedTo"]) == (0x0211, 4711)


def test_response_and_report_may_share_a_pdu() -> None:
    def both(c: Connection) -> None:
        c.wait_request()
        response = c.response(0, CommandDataSetType=0x0101)
        event: dict[str, object] = {
            "CommandField": N_EVENT_REPORT,
            "MessageID": 1,
            "CommandDataSetType": 1,
            "EventTypeID": 1,
        }
        data = c.encoded(1, report_on(request_of(c))) or b""
        values = [
            pdv(1, COMMAND | LAST, command_set(response)),
            pdv(1, COMMAND | LAST, command_set(event)),
            pdv(1, LAST, data),
        ]
        c.send(pdu(DATA, b"".join(values)))

    for receiver in (None, CommitmentReports()):
        assert asked_of(both, receiver=receiver)[0].committed == set(UIDS)


# What goes wrong


def test_a_peer_may_not_offer_it() -> None:
    with Scripted([accept(refuse=3)]) as peer, pytest.raises(NotOfferedError):
        commit(access_to(peer.port), THREE, wait=PATIENCE)
    assert peer.endings[0] == "release"


@pytest.mark.parametrize("status", [0x0110, 0x0112, 0x0123, 0x0124, 0x0211, 0xC000, 0xFF00])
def test_a_request_may_be_refused(status: int) -> None:
    script = [accept(), answer(status, ErrorComment="no disk")]
    with Scripted(script) as peer, pytest.raises(StatusError) as caught:
        commit(access_to(peer.port), THREE, wait=PATIENCE)
    assert caught.value.what == f"PACS@127.0.0.1:{peer.port}"
    assert f"{status:04X}H" in caught.value.why
    assert "no disk" in caught.value.why
    assert peer.endings[0] == "release"


@pytest.mark.parametrize(
    "step",
    [abort(), close(), [wait_request(), *abort()], [answer(0, MessageIDBeingRespondedTo=99)]],
)
def test_an_association_lost_before_the_answer_is_an_error(step: Script) -> None:
    steps = [step] if callable(step) else step
    with Scripted([accept(), *steps]) as peer, pytest.raises(AssociationError):
        commit(access_to(peer.port), THREE, wait=PATIENCE)


@pytest.mark.parametrize("ending", [abort(), [close()], [release()]], ids=["A", "close", "release"])
def test_an_association_lost_after_the_answer_leaves_it_unknown(ending: list[Step]) -> None:
    began = monotonic()
    found, _ = asked_of(answer(), *ending)
    assert found.unknown == set(UIDS)
    assert isinstance(found.error, AssociationError)
    assert monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize("ending", [abort(), [close()], [release()]], ids=["A", "close", "release"])
def test_the_report_may_come_when_the_association_is_gone(ending: list[Step]) -> None:
    gone = Event()

    class Reports(CommitmentReports):
        def wait(self, transaction: Transaction, seconds: float) -> None:
            gone.set()  # for the association is looked at first
            super().wait(transaction, seconds)

    reports = Reports()

    def elsewhere(peer: Scripted) -> None:
        assert gone.wait(PATIENCE)
        message = next(m for m in peer.messages if m.command_field == N_ACTION)
        request = decode(BytesIO(message.data or b""), False, True)  # noqa: FBT003 - not ours
        data = encode(report_on(request), is_implicit_vr=False, is_little_endian=True) or b""
        reports.answer(Context(1, STORAGE_COMMITMENT, EXPLICIT, 0), event(), data)

    with Scripted([accept(), answer(), *ending]) as peer, ThreadPoolExecutor(1) as pool:
        later = pool.submit(elsewhere, peer)
        found = commit(access_to(peer.port), THREE, wait=PATIENCE, receiver=reports)
        later.result(PATIENCE)
    assert found == Commitment(frozenset(UIDS))


def test_a_response_that_nobody_waits_for_ends_the_association() -> None:
    found, _ = asked_of(answer(), answer())
    assert found.unknown == set(UIDS)
    assert "answers nothing" in str(found.error)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([accept(), answer(0xC000)], StatusError),
        ([accept(refuse=3)], NotOfferedError),
        ([accept(), *abort()], AssociationError),
        ([accept(), answer(), *abort()], AssociationError),
        ([accept(), answer()], None),
    ],
)
def test_what_goes_wrong_later_leaves_the_rest_unknown(
    script: list[Step], error: type[Exception] | None
) -> None:
    with Scripted([accept(), answer(), report()], script) as peer:
        found = commit(access_to(peer.port), MANY, wait=3)
        asked = [m for m in peer.messages if m.command_field == N_ACTION]
    assert found.committed == {uid for _, uid in MANY[:1000]}
    assert found.unknown == {uid for _, uid in MANY[1000:]}
    assert type(found.error) is (error or type(None))
    assert len(asked) <= 2


def test_a_silent_peer_does_not_hold_anybody() -> None:
    began = monotonic()
    with Scripted([accept(), answer(), hang()]) as peer:
        found = commit(access_to(peer.port), THREE, wait=SOON)
    assert found.unknown == set(UIDS)
    assert found.error is None
    assert monotonic() - began < PATIENCE / 2


def test_nothing_to_ask_for_is_not_asked() -> None:
    assert commit(access_to(1), [], wait=PATIENCE) == Commitment()


def test_an_instance_is_asked_for_once() -> None:
    committer = Committer()
    with committer.running() as access:
        found = commit(access, THREE * 3, wait=PATIENCE)
    assert found.committed == set(UIDS)
    assert len(committer.asked[0].ReferencedSOPSequence) == 3


# Reports


def event(kind: int = 1) -> Command:
    return Command(CommandField.N_EVENT_REPORT_RQ, 1, data_set=1, event_type=kind)


def test_a_report_that_comes_too_late_is_refused() -> None:
    reports, transaction = CommitmentReports(), Transaction({UIDS[0]: CT})
    data = encoded(transaction)
    context = Context(1, STORAGE_COMMITMENT, EXPLICIT, 0)
    with reports.expecting(transaction):
        reports.wait(transaction, SOON)
        assert transaction.report is None
    assert reports.answer(context, event(), data).status == 0x0115
    assert transaction.report is None


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", ""])
def test_a_report_in_another_syntax_is_refused(syntax: str) -> None:
    reports, transaction = CommitmentReports(), Transaction({UIDS[0]: CT})
    with reports.expecting(transaction):
        context = Context(1, STORAGE_COMMITMENT, syntax, 0)
        assert reports.answer(context, event(), encoded(transaction)).status == 0x0110
    assert transaction.report is None


def encoded(transaction: Transaction) -> bytes:
    request = decode(
        BytesIO(transaction.encoded(implicit=False)), is_implicit_vr=False, is_little_endian=True
    )
    failed = dict.fromkeys(list(transaction.classes)[1:2], 0x0112)
    data = report_on(request, failed)
    data.RetrieveAETitle = "PACS"
    data.StorageMediaFileSetID = "1"
    return encode(data, is_implicit_vr=False, is_little_endian=True) or b""


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("undefined", [False, True])
def test_lengths_may_be_left_open(*, implicit: bool, undefined: bool) -> None:
    data = Dataset()
    data.TransactionUID = "2.25.7"
    data.ReferencedSOPSequence = references(THREE[:2])
    data.FailedSOPSequence = references(THREE[2:], 0x0131)
    for each in ("ReferencedSOPSequence", "FailedSOPSequence"):
        data[each].is_undefined_length = undefined
        for item in data[each]:
            item.is_undefined_length_sequence_item = undefined
    raw = encode(data, is_implicit_vr=implicit, is_little_endian=True) or b""
    expected = Report("2.25.7", frozenset(UIDS[:2]), {UIDS[2]: 0x0131})
    assert read_report(raw, implicit=implicit) == expected


FULL = encoded(Transaction({uid: sop_class for sop_class, uid in THREE}))


@given(st.binary(max_size=300), st.booleans())
@example(FULL, True)  # noqa: FBT003 - the encoding that it is not in
def test_garbage_is_no_report(raw: bytes, implicit: bool) -> None:  # noqa: FBT001 - of hypothesis
    assert read_report(raw, implicit=implicit) is None


@given(st.data())
def test_damage_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(FULL)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    found = read_report(bytes(raw), implicit=False)
    if found is not None:
        assert len(found.transaction) <= 64
        assert not found.committed & found.failed.keys()
        assert all(0 < reason <= 0xFFFF for reason in found.failed.values())


@given(st.integers(0, len(FULL) - 1))
def test_what_is_cut_is_no_more_than_what_is_there(length: int) -> None:
    found = read_report(FULL[:length], implicit=False)
    whole = read_report(FULL, implicit=False)
    assert whole == Report(whole.transaction, frozenset({UIDS[0], UIDS[2]}), {UIDS[1]: 0x0112})
    if found is not None:
        assert found.committed <= whole.committed


def test_a_failure_has_words() -> None:
    assert failure(0x0131).text == "0131H, duplicate transaction UID"
    assert "send it again" in failure(0x0112).hint

"""Ask a peer to commit itself to keep instances: storage commitment as SCU (PS3.4 Annex J).

The answer to the request says no more than that it was understood. The report comes later, on the
same association or on one that the peer opens to us: whoever waits gets it from either. An instance
counts as committed only where a report says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from time import monotonic

from dcmtools.errors import AssociationError, ConnectionFailedError, DcmtoolsError, StatusError
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.command import DATA_SET_FOLLOWS, RESPONSE, Command, CommandField
from dcmtools.net.commitment_data import Transaction, read_report
from dcmtools.net.messages import Messages
from dcmtools.net.negotiation import (
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    Context,
    Proposal,
)
from dcmtools.net.status import SUCCESS, Category, Service, Status

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
"""Storage Commitment Push Model SOP Class."""
_INSTANCE = "1.2.840.10008.1.20.1.1"
_REQUEST_COMMITMENT = 1
_EVENTS = (1, 2)
"""All is committed, and failures exist (PS3.4 Table J.3-2)."""

_MOST = 1000  # instances that are asked for in one request
_MESSAGE = 30.0  # seconds in which the data set of a report must come
_SLICE = 0.2  # seconds until the other way is looked at that a report may come by

_PROCESSING_FAILURE = 0x0110
_NO_SUCH_EVENT = 0x0113
_INVALID_ARGUMENT = 0x0115
_UNRECOGNIZED_OPERATION = 0x0211

_HINT = "It accepts storage commitment, but not this request; its log may tell why."


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a peer has said about instances; each is in one of three places.

    Parameters
    ----------
    committed : frozenset of str
        The SOP Instance UIDs of those that it commits itself to keep.
    failed : dict of str to int
        The Failure Reason (0008,1197) of each that it does not; `failure` has words for it.
    unknown : frozenset of str
        Those that no report mentions, or none that came in time.
    error : DcmtoolsError or None
        What has gone wrong after a request was accepted, so that something may be unknown.
    """

    committed: frozenset[str] = frozenset()
    failed: Mapping[str, int] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    error: DcmtoolsError | None = None


def failure(reason: int) -> Status:
    """Give words and a hint for a Failure Reason (PS3.3 C.14.1.1)."""
    return Status(reason, service=Service.COMMITMENT)


class CommitmentReports:
    """Takes reports, on whatever association they come, for whoever waits for them.

    It is a service for a receiver: called with the messages of an association, the presentation
    context and the command, it receives the data set and gives the response. Any thread may do so.
    """

    def __init__(self) -> None:
        self._expected: dict[str, Transaction] = {}
        self._news = Condition()

    def __call__(self, messages: Messages, context: Context, command: Command) -> Command:
        """Take a report that comes to a receiver.

        Raises
        ------
        WireError
            Its data set does not come.
        """
        data = messages.receive_identifier(context.id, _MESSAGE) if command.has_data else b""
        return self.answer(context, command, data)

    def answer(self, context: Context, command: Command, data: bytes) -> Command:
        """Take a report and give the response (PS3.7 10.1.1)."""
        return Command(
            command.field | RESPONSE,
            responding_to=command.message_id,
            sop_class=command.sop_class,
            sop_instance=command.sop_instance,
            event_type=command.event_type,
            status=self._status(context, command, data),
        )

    def _status(self, context: Context, command: Command, data: bytes) -> int:
        if command.field != CommandField.N_EVENT_REPORT_RQ:
            return _UNRECOGNIZED_OPERATION
        if command.event_type not in _EVENTS:
            return _NO_SUCH_EVENT
        if context.transfer_syntax not in (IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN):
            return _PROCESSING_FAILURE
        report = read_report(data, implicit=context.transfer_syntax == IMPLICIT_LITTLE_ENDIAN)
        if report is None:
            return _PROCESSING_FAILURE
        with self._news:
            transaction = self._expected.get(report.transaction)
            if transaction is None:  # of another, or too late
                return _INVALID_ARGUMENT
            if transaction.report is None:
                transaction.report = report
                self._news.notify_all()
        return SUCCESS

    @contextmanager
    def expecting(self, transaction: Transaction) -> Iterator[None]:
        """Take the report on a transaction, within a ``with`` block."""
        with self._news:
            self._expected[transaction.uid] = transaction
        try:
            yield
        finally:
            with self._news:
                del self._expected[transaction.uid]

    def wait(self, transaction: Transaction, seconds: float) -> None:
        """Wait until a transaction is reported on, or for so many seconds; 0 or less not to."""
        with self._news:
            self._news.wait_for(lambda: transaction.report, seconds)


def commit(
    access: Access,
    instances: Sequence[tuple[str, str]],
    *,
    wait: float,
    receiver: CommitmentReports | None = None,
) -> Commitment:
    """Ask a peer to commit itself to keep instances, and wait for its report.

    A thousand instances go into a request. Each has an association of its own, and the next one is
    sent when the last one is reported on: not all peers can do with two at a time.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    instances : sequence of tuple of str and str
        SOP Class and SOP Instance UID of each.
    wait : float
        The seconds to wait for the report on a request, from when it is answered. Where none comes
        there are no further requests.
    receiver : CommitmentReports, optional
        Takes reports that come on other associations. Without it they can come only on the one on
        which was asked.

    Raises
    ------
    ConnectionFailedError, AssociationError
        The peer cannot be reached, does not offer this, or the association is lost before the
        first request is answered.
    StatusError
        The first request is answered with a failure.
    """
    listed = list({uid: sop_class for sop_class, uid in instances}.items())
    transactions = [
        Transaction(dict(listed[at : at + _MOST])) for at in range(0, len(listed), _MOST)
    ]
    error: DcmtoolsError | None = None
    for each in transactions:
        try:
            error = _transact(access, each, wait, receiver)
        except DcmtoolsError as caught:
            if each is transactions[0]:
                raise
            error = caught
        if each.report is None:
            break
    return _outcome(transactions, error)


def _outcome(transactions: Sequence[Transaction], error: DcmtoolsError | None) -> Commitment:
    """Put together what was reported of what was to be asked for."""
    asked: set[str] = set()
    committed: set[str] = set()
    failed: dict[str, int] = {}
    for each in transactions:
        asked |= each.classes.keys()
        if report := each.report:
            committed |= report.committed & each.classes.keys()
            failed |= {uid: why for uid, why in report.failed.items() if uid in each.classes}
    unknown = frozenset(asked - committed - failed.keys())
    return Commitment(frozenset(committed), failed, unknown, error if unknown else None)


def _transact(
    access: Access, transaction: Transaction, wait: float, receiver: CommitmentReports | None
) -> DcmtoolsError | None:
    """Send a request and wait for the report; give what has gone wrong once it was answered."""
    error: DcmtoolsError | None = None
    reports = CommitmentReports() if receiver is None else receiver
    with reports.expecting(transaction):
        with Association(access, [Proposal(STORAGE_COMMITMENT)]) as association:
            with association.released_on_error():
                context = association.accepted(STORAGE_COMMITMENT)
                _ask(association, context, transaction, reports)
            deadline = monotonic() + wait
            # Two ways to be looked at need looking from the one to the other.
            longest = wait if receiver is None else _SLICE
            try:
                while not transaction.report and (left := deadline - monotonic()) > 0:
                    if association.has_news(min(left, longest)):
                        _take(association, reports)
            except (AssociationError, ConnectionFailedError) as caught:
                error = caught
        if receiver is not None:
            receiver.wait(transaction, deadline - monotonic())
    return error


def _ask(
    association: Association, context: Context, transaction: Transaction, reports: CommitmentReports
) -> None:
    """Send a request and wait for its answer (N-ACTION, PS3.4 J.3.2)."""
    number = association.next_message_id()
    command = Command(
        CommandField.N_ACTION_RQ,
        number,
        requested_sop_class=STORAGE_COMMITMENT,
        requested_sop_instance=_INSTANCE,
        action_type=_REQUEST_COMMITMENT,
        data_set=DATA_SET_FOLLOWS,
    )
    implicit = context.transfer_syntax == IMPLICIT_LITTLE_ENDIAN
    association.send(context, command, transaction.encoded(implicit=implicit))
    while (answer := _next(association, reports)) is None:
        pass  # the report may come first
    association.check_response(answer, number, CommandField.N_ACTION_RSP)
    status = Status.of(answer)
    if status.category not in (Category.SUCCESS, Category.WARNING):
        why = f"answered the request for storage commitment with {status.text}"
        raise StatusError(association.label, why, _HINT)


def _take(association: Association, reports: CommitmentReports) -> None:
    answer = _next(association, reports)
    if answer is not None:
        raise AssociationError(association.label, f"sent {answer.name}, which answers nothing")


def _next(association: Association, reports: CommitmentReports) -> Command | None:
    """Wait for a message; answer it where it is a report, give it where it is a response."""
    context, command = association.receive_command()
    data = association.receive_identifier(context) if command.has_data else b""
    if command.is_response:
        return command
    association.send(context, reports.answer(context, command, data))
    return None

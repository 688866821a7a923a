"""Retrieve objects from a peer: what C-MOVE and C-GET have in common (PS3.4 C.4.2, C.4.3).

The work is cut into units, of which each takes one request: a patient, a study, a series, or
instances of one series. A unit that fails stops no other, and what became of it is data.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic
from typing import Self

from dcmtools.dataset.answers import Answer
from dcmtools.dataset.query import Query
from dcmtools.dataset.query_keys import Key
from dcmtools.dataset.query_levels import unique_key
from dcmtools.dataset.query_models import Model, QueryLevel
from dcmtools.errors import AssociationError, ConnectionFailedError, DcmtoolsError
from dcmtools.net.association import Association
from dcmtools.net.command import DATA_SET_FOLLOWS, MEDIUM, RESPONSE, Command, CommandField
from dcmtools.net.negotiation import IMPLICIT_LITTLE_ENDIAN, Context
from dcmtools.net.status import OPTIONAL_KEYS, PENDING, Category, Status
from dcmtools.net.storage import OUT_OF_RESOURCES, Stored

FAILED_INSTANCES = 0x00080058
PATIENCE = 5.0
"""Seconds that a peer has to end a retrieval once it is cancelled."""
MID_DATA = 60.0
"""Seconds that a peer may be silent amid a data set, whatever it may be otherwise."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one request retrieves.

    Parameters
    ----------
    level : QueryLevel
        What it is.
    patient_id : str
        Patient ID, for the patient root.
    study, series : str
        Study and Series Instance UID, "" above their level.
    instances : tuple of str
        SOP Instance UIDs, at the level of images.
    classes : tuple of str
        The SOP classes of its objects, as far as they are known.
    expected : int or None
        How many objects it has, where that is known.
    """

    level: QueryLevel
    patient_id: str = ""
    study: str = ""
    series: str = ""
    instances: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    expected: int | None = None

    def __str__(self) -> str:
        """Name it in messages."""
        if self.level is QueryLevel.PATIENT:
            return f"patient {self.patient_id}"
        if self.level is QueryLevel.STUDY:
            return f"study {self.study}"
        if self.level is QueryLevel.SERIES:
            return f"series {self.series}"
        one = len(self.instances) == 1
        return f"instance {self.instances[0]}" if one else f"{len(self.instances)} instances"

    def query(self, model: Model) -> Query:
        """Make the identifier of the request: the unique keys, and nothing else."""
        values = {
            QueryLevel.PATIENT: self.patient_id,
            QueryLevel.STUDY: self.study,
            QueryLevel.SERIES: self.series,
            QueryLevel.IMAGE: "\\".join(self.instances),
        }
        levels = [*model.above(self.level), self.level]
        keys = tuple(Key(unique_key(level), values[level]) for level in levels if values[level])
        return Query(model, self.level, keys, retrieves=True)


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a request has come, in sub-operations; None where the peer does not say.

    Parameters
    ----------
    remaining, completed, failed, warning : int or None
        As the peer counts them (PS3.7 9.1.4.1).
    """

    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None

    @classmethod
    def of(cls, response: Command) -> "Counts":
        """Take the counts out of a response."""
        return cls(response.remaining, response.completed, response.failed, response.warning)

    @property
    def done(self) -> int:
        """How many objects have arrived."""
        return (self.completed or 0) + (self.warning or 0)

    @property
    def total(self) -> int:
        """How many objects there are."""
        return self.done + (self.failed or 0) + (self.remaining or 0)


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What became of a unit.

    Parameters
    ----------
    unit : Unit
        The unit.
    status : Status or None
        The final status; None where there was none.
    counts : Counts
        The last counts of the peer.
    failed_instances : tuple of str
        The SOP Instance UIDs that the peer says have failed.
    error : DcmtoolsError or None
        Why there is no final status.
    stored : tuple of Stored
        What has come to us, with C-GET.
    """

    unit: Unit
    status: Status | None = None
    counts: Counts = Counts()
    failed_instances: tuple[str, ...] = ()
    error: DcmtoolsError | None = None
    stored: tuple[Stored, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the request failed altogether, whatever arrived before."""
        if self.status is None:
            return True
        return self.status.category in (Category.FAILURE, Category.CANCEL)


class Request:
    """A C-MOVE or C-GET on an association, from its beginning to its end.

    Parameters
    ----------
    association : Association
        The association.
    context : Context
        The presentation context of the request.
    field : CommandField
        C-MOVE-RQ or C-GET-RQ.
    query : Query
        The identifier.
    destination : str, optional
        The AE title to move to.
    """

    def __init__(
        self,
        association: Association,
        context: Context,
        field: CommandField,
        query: Query,
        destination: str | None = None,
    ) -> None:
        self._association = association
        self._context = context
        self._query = query
        self._answer = CommandField(field | RESPONSE)
        self._command = Command(
            field,
            association.next_message_id(),
            sop_class=context.abstract_syntax,
            priority=MEDIUM,
            data_set=DATA_SET_FOLLOWS,
            move_destination=destination,
        )
        self._sent = self._unwanted = False
        self._canceling = Lock()  # once taken it is kept, for one C-CANCEL is enough

    def cancel(self) -> None:
        """Ask the peer to stop, where it has not ended yet; called from any thread."""
        self._unwanted = True
        if self._sent and self._association.owes_answer and self._canceling.acquire(blocking=False):
            self._association.cancel(self._context, self._command.message_id or 0)

    def stop(self) -> None:
        """Ask the peer to stop, and wait a moment until it does; what still comes is refused."""
        association = self._association
        deadline = monotonic() + PATIENCE

        def drop(_: memoryview) -> None:
            if monotonic() > deadline:
                raise AssociationError(association.label, "does not stop")

        with suppress(DcmtoolsError), association.patience(PATIENCE):
            self.cancel()
            while association.owes_answer and monotonic() < deadline:
                context, command = association.receive_command()
                if command.has_data:
                    association.receive_data(context, drop)
                if command.field == CommandField.C_STORE_RQ:
                    refusal = Stored(command.sop_instance or "", OUT_OF_RESOURCES)
                    association.send(context, refusal.response(command))

    def run(
        self,
        unit: Unit,
        told: Callable[[Counts], None],
        store: Callable[[Context, Command], None] | None = None,
    ) -> Retrieved:
        """Send the request and see it through to its final response, or to the association's loss.

        Parameters
        ----------
        unit : Unit
            What was asked for.
        told : callable
            Is told how far it has come.
        store : callable, optional
            Takes a C-STORE-RQ that comes in between, with its data set, and answers it.
        """
        counts = Counts()
        try:
            self._send()
            while True:
                context, command = self._response(store)
                data = b""
                if command.has_data:
                    with self._association.patience(MID_DATA):
                        data = self._association.receive_identifier(context)
                number = self._command.message_id or 0
                self._association.check_response(command, number, self._answer)
                now = Counts.of(command)
                # A final response may leave out what the pending ones before it have told.
                counts = now if now != Counts() else replace(counts, remaining=None)
                told(counts)
                if command.status not in (PENDING, OPTIONAL_KEYS):
                    break
        except (AssociationError, ConnectionFailedError) as error:
            return Retrieved(unit, counts=counts, error=error)
        implicit = context.transfer_syntax == IMPLICIT_LITTLE_ENDIAN
        failed = Answer(data, implicit=implicit).value(FAILED_INSTANCES)
        uids = tuple(uid for uid in failed.split("\\") if uid)
        return Retrieved(unit, Status.of(command), counts, uids)

    def _send(self) -> None:
        implicit = self._context.transfer_syntax == IMPLICIT_LITTLE_ENDIAN
        data = self._query.encode(implicit=implicit)
        self._association.send(self._context, self._command, data)
        self._sent = True
        if self._unwanted:  # since a moment ago
            self.cancel()

    def _response(
        self, store: Callable[[Context, Command], None] | None
    ) -> tuple[Context, Command]:
        """Wait for a response; what is to be stored before it is."""
        while True:
            context, command = self._association.receive_command()
            if store is None or command.field != CommandField.C_STORE_RQ:
                return context, command
            store(context, command)


class Retriever(ABC):
    """An association on which units are retrieved, one after the other, by one thread.

    Use it in a ``with`` block; `cancel` and `interrupt` are for other threads.
    """

    _association: Association

    def __init__(self) -> None:
        self._request: Request | None = None
        self._stopped = False

    def __enter__(self) -> Self:
        """Do nothing; the association is open."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Stop what is under way, and release the association."""
        if self._request is not None:
            self._request.stop()
        self._association.__exit__(kind, error, trace)

    @abstractmethod
    def retrieve(self, unit: Unit, told: Callable[[Counts], None]) -> Retrieved:
        """Retrieve a unit.

        Where the association is lost the result says so, and this is of no use any more.

        Parameters
        ----------
        unit : Unit
            What to retrieve.
        told : callable
            Is told how far it has come.

        Raises
        ------
        OutputError
            There is no room to store what comes.
        """

    def cancel(self) -> None:
        """Ask the peer to stop; called from another thread."""
        self._stopped = True
        if self._request is not None:
            self._request.cancel()

    def interrupt(self) -> None:
        """Wait for the peer no longer; called from another thread."""
        self._stopped = True
        self._association.interrupt()

"""Verify that a peer answers: C-ECHO (PS3.4 Annex A), once or many times, and what it costs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf, sqrt
from time import perf_counter

from dcmtools.errors import DcmtoolsError, StatusError
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.command import Command, CommandField
from dcmtools.net.negotiation import Context, Proposal, load_codecs
from dcmtools.net.status import Category, Status
from dcmtools.net.visits import Visit, unheeded

VERIFICATION = "1.2.840.10008.1.1"

_HINT = "It is there, but does not do what it offers; its log may tell why."


@dataclass(frozen=True, slots=True)
class Echo:
    """One C-ECHO that was answered.

    Parameters
    ----------
    peer : str
        The peer, as it is called in messages.
    number : int
        Counted on its association, from 1.
    seconds : float
        Until the response; of the first one on an association from connecting on, of the others
        from the request on.
    association_seconds : float
        How much of that it took to connect and to have the association; 0 but for the first.
    status : Status
        A success or a warning.
    implementation : str
        What the peer calls its implementation.
    """

    peer: str
    number: int
    seconds: float
    association_seconds: float
    status: Status
    implementation: str

    @property
    def round_trip(self) -> float:
        """The seconds from the request to the response."""
        return self.seconds - self.association_seconds


@dataclass(slots=True)
class RoundTrips:
    """What many echoes took, in seconds, without the time for the association."""

    count: int = 0
    minimum: float = inf
    maximum: float = 0.0
    average: float = 0.0
    association_seconds: float = 0.0
    """For connecting and for the association."""
    _squares: float = 0.0

    def add(self, echo: Echo) -> None:
        """Count one more."""
        seconds = echo.round_trip
        self.count += 1
        self.minimum = min(self.minimum, seconds)
        self.maximum = max(self.maximum, seconds)
        self.association_seconds += echo.association_seconds
        # By Welford's algorithm: no list is kept, and no large numbers are subtracted.
        difference = seconds - self.average
        self.average += difference / self.count
        self._squares += difference * (seconds - self.average)

    @property
    def deviation(self) -> float:
        """The standard deviation of all of them, which ping calls mdev."""
        return sqrt(self._squares / self.count) if self.count else 0.0


class Echoer(Visit[Echo]):
    """Echoes to one peer, on one association.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    count : int
        How many requests, one after the other.
    interval : float
        The seconds from one request to the next; 0 for the next when the response is in.
    wait, retried
        As of `Visit`.
    """

    def __init__(
        self,
        access: Access,
        *,
        count: int = 1,
        interval: float = 0.0,
        wait: float = 0.0,
        retried: Callable[[DcmtoolsError], None] = unheeded,
    ) -> None:
        super().__init__(access, wait=wait, retried=retried)
        self._count = count
        self._interval = interval

    def _once(self, access: Access) -> Iterator[Echo]:
        load_codecs()
        started = perf_counter()
        with self._association(access, [Proposal(VERIFICATION)]) as association:
            opening = perf_counter() - started
            context = association.accepted(VERIFICATION)
            with self._asking() as wanted, self._patience(association):
                if not wanted:
                    return
                status = _verified(association, context)
            name = association.implementation
            seconds = perf_counter() - started
            started += opening
            yield Echo(association.label, 1, seconds, opening, status, name)
            for number in range(2, self._count + 1):
                if self._paused(self._interval - (perf_counter() - started)):
                    return
                with self._asking() as wanted:
                    if not wanted:
                        return
                    started = perf_counter()
                    status = _verified(association, context)
                    seconds = perf_counter() - started
                yield Echo(association.label, number, seconds, 0.0, status, name)


def echo(access: Access, count: int = 1, interval: float = 0.0) -> Iterator[Echo]:
    """Send C-ECHO requests on one association, one after the other.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    count : int
        How many requests, from 1.
    interval : float
        The seconds from one request to the next; 0 for the next when the response is in.

    Yields
    ------
    Echo
        Each as it is answered.

    Raises
    ------
    ConnectionFailedError, AssociationError
        The peer cannot be reached, does not offer this, or the association is lost.
    StatusError
        It answers with a failure.
    """
    return Echoer(access, count=count, interval=interval).run()


def _verified(association: Association, context: Context) -> Status:
    """Send a C-ECHO request and wait for the response (PS3.7 9.1.5)."""
    number = association.next_message_id()
    command = Command(CommandField.C_ECHO_RQ, number, sop_class=VERIFICATION)
    association.send(context, command)
    answer = association.response_to(number, CommandField.C_ECHO_RSP)
    status = Status.of(answer.command)
    if status.category not in (Category.SUCCESS, Category.WARNING):
        raise StatusError(association.label, f"answered {status.text}", _HINT)
    return status

"""Send an object to a peer (C-STORE as SCU, PS3.4 Annex B), and say what became of it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from dcmtools.dataset.outgoing import Outgoing
from dcmtools.errors import (
    AssociationError,
    ConnectionFailedError,
    DcmtoolsError,
    InputError,
    NotOfferedError,
)
from dcmtools.net.association import Association
from dcmtools.net.command import DATA_SET_FOLLOWS, Command, CommandField
from dcmtools.net.parcel import Ready, Stamp
from dcmtools.net.status import Category, Service, Status

_MEDIUM = 0  # priority
_RESOURCES = 0xA7  # the first byte of the statuses of a peer that may have room later
_RESOURCE_LIMITATION = 0x0213


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an object.

    Parameters
    ----------
    outgoing : Outgoing
        The file.
    sop_instance : str
        Its SOP Instance UID as it was sent.
    status : Status or None
        What the peer has answered; None where it did not.
    error : DcmtoolsError or None
        Why it was not sent, or not answered.
    transfer_syntax : str
        That in which it was sent, "" where it was not.
    note : str
        How it was encoded anew, "" where it was not.
    warnings : tuple of str
        What is wrong with the file that does no harm.
    seconds : float
        From the first byte to the answer.
    attempts : int
        How often it was tried, 0 where the run has ended before.
    stamp : Stamp or None
        By which its file is known to be the same as was sent; None where it was not.
    """

    outgoing: Outgoing
    sop_instance: str
    status: Status | None = None
    error: DcmtoolsError | None = None
    transfer_syntax: str = ""
    note: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0
    attempts: int = 1
    stamp: Stamp | None = None

    @property
    def arrived(self) -> bool:
        """Whether the peer says that it has the object."""
        good = (Category.SUCCESS, Category.WARNING)
        return self.status is not None and self.status.category in good

    @property
    def lost(self) -> bool:
        """Whether the association was lost before there was an answer."""
        ends = isinstance(self.error, (AssociationError, ConnectionFailedError))
        return ends and not isinstance(self.error, NotOfferedError)

    @property
    def may_pass(self) -> bool:
        """Whether it may go well another time: the association was lost, or the peer is full."""
        if self.status is None:
            return self.lost
        code = self.status.code
        return code >> 8 == _RESOURCES or code == _RESOURCE_LIMITATION


def send(association: Association, ready: Ready, meanwhile: Callable[[], None]) -> Sent:
    """Send an object and wait for the answer; whatever happens is told in what is returned.

    Parameters
    ----------
    association : Association
        The association; where it is lost, it is open no more.
    ready : Ready
        The object.
    meanwhile : callable
        Is called while the peer works on it.
    """
    started = monotonic()
    status: Status | None = None
    failure: DcmtoolsError | None = None
    command = Command(
        CommandField.C_STORE_RQ,
        message_id=association.next_message_id(),
        sop_class=ready.outgoing.sop_class,
        sop_instance=ready.sop_instance,
        priority=_MEDIUM,
        data_set=DATA_SET_FOLLOWS,
    )
    try:
        association.send_object(ready.context, command, ready.body, str(ready.outgoing.path))
        meanwhile()
        answer = association.response_to(command.message_id or 0, CommandField.C_STORE_RSP)
        status = Status.of(answer.command, Service.STORAGE)
    except (InputError, AssociationError, ConnectionFailedError) as error:
        failure = error
    return Sent(
        ready.outgoing,
        ready.sop_instance,
        status,
        failure,
        ready.context.transfer_syntax,
        ready.note,
        ready.warnings,
        monotonic() - started,
        stamp=ready.stamp,
    )

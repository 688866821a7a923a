"""Say what can happen at a receiver, as whoever watches it is told."""

from dataclasses import dataclass
from enum import StrEnum

from dcmtools.net.arrivals import Arrival


class Kind(StrEnum):
    """What can happen at a receiver."""

    ASSOCIATION = "association"
    REJECTED = "rejected"
    STORED = "stored"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    ECHO = "echo"
    RELEASED = "released"
    ABORTED = "aborted"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that has happened at a receiver.

    Parameters
    ----------
    kind : Kind
        What.
    association : int
        The number of the association, counted from 1.
    host : str
        The address of the peer.
    calling_aet, called_aet : str
        The AE titles of the association, "" before it is asked for.
    why : str
        Why, in words, where something is refused or ends badly; what is in doubt of an object; why
        an association is of no use, where it begins without any presentation context.
    implementation : str
        What the peer calls its implementation, where an association begins.
    arrival : Arrival or None
        The object, where it is about one.
    objects : int
        How many objects the association has brought, where it is about its end.
    """

    kind: Kind
    association: int
    host: str
    calling_aet: str = ""
    called_aet: str = ""
    why: str = ""
    implementation: str = ""
    arrival: Arrival | None = None
    objects: int = 0

    @property
    def ends(self) -> bool:
        """Whether the association has ended with it."""
        return self.kind in (Kind.RELEASED, Kind.ABORTED, Kind.LOST)

"""Have a peer send objects to an AE title that it knows: C-MOVE (PS3.4 C.4.2)."""

from collections.abc import Callable

from dcmtools.dataset.query_models import Model
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.command import CommandField
from dcmtools.net.negotiation import Proposal
from dcmtools.net.retrieve import Counts, Request, Retrieved, Retriever, Unit
from dcmtools.net.status import CANCEL, UNABLE_TO_PROCESS, Status


class Mover(Retriever):
    """An association on which a peer is asked to move things; use it in a ``with`` block.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    model : Model
        The information model.
    destination : str
        The AE title to move to.

    Raises
    ------
    ConnectionFailedError, AssociationError
        The peer cannot be reached, or does not offer this.
    """

    def __init__(self, access: Access, model: Model, destination: str) -> None:
        super().__init__()
        self._model = model
        self._destination = destination
        self._association = Association(access, [Proposal(model.move)])
        with self._association.released_on_error():
            self._context = self._association.accepted(model.move)

    def retrieve(self, unit: Unit, told: Callable[[Counts], None]) -> Retrieved:
        """Have a unit moved; see `Retriever.retrieve`."""
        query = unit.query(self._model)
        self._request = request = Request(
            self._association, self._context, CommandField.C_MOVE_RQ, query, self._destination
        )
        return Retrieved(unit, Status(CANCEL)) if self._stopped else request.run(unit, told)


def advice(done: Retrieved, destination: str) -> str:
    """Say what can be done about a retrieval that has failed, "" where nothing is known to help.

    Parameters
    ----------
    done : Retrieved
        What became of it.
    destination : str
        The AE title that it was to move to, "" where there is none.
    """
    if done.status is None:
        return "" if done.error is None else done.error.hint
    unable = done.status.code >> 12 == UNABLE_TO_PROCESS
    if destination and unable and not done.counts.total:
        return (
            f"The peer may not know {destination} as a destination, with host and port; "
            "its log may tell why."
        )
    return done.status.hint

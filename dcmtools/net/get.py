"""Retrieve objects on the association on which they are asked for: C-GET (PS3.4 C.4.3).

No way back to us is needed, but each SOP class has to be proposed, with the roles turned around.
Where one association has no room for all that may come, or a peer does not make use of all that it
has accepted, what fails on it is asked for again on others.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from dcmtools.dataset.query_models import Model
from dcmtools.errors import AssociationError, ConnectionFailedError
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.command import Command, CommandField
from dcmtools.net.negotiation import MOST_CONTEXTS, Context, Proposal
from dcmtools.net.retrieve import MID_DATA, Counts, Request, Retrieved, Retriever, Unit
from dcmtools.net.sop_classes import contexts_alone, retrieval_contexts
from dcmtools.net.status import CANCEL, SUB_OPERATIONS, SUCCESS, UNABLE_TO_PROCESS, Status
from dcmtools.net.storage import OUT_OF_RESOURCES, Storage, Stored

_ROOM = MOST_CONTEXTS - 1  # one is for C-GET itself


class Getter(Retriever):
    """Associations on which things are got; use it in a ``with`` block.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    model : Model
        The information model.
    storage : Storage
        Where objects go.
    classes : iterable of str
        The SOP classes of what is to be got, as far as they are known.
    on_stored : callable
        Is told of each object.
    left : callable
        Tells which units are left of one when some instances have come; none where nothing is.

    Raises
    ------
    ConnectionFailedError, AssociationError
        The peer cannot be reached, or does not offer this.
    """

    def __init__(  # noqa: PLR0913 - what is to be got, whence, whereto, and who is told
        self,
        access: Access,
        model: Model,
        storage: Storage,
        classes: Iterable[str] = (),
        *,
        on_stored: Callable[[Stored], None] = lambda _: None,
        left: Callable[[Unit, set[str]], list[Unit]] = lambda unit, _: [unit],
    ) -> None:
        super().__init__()
        self._access = access
        self._model = model
        self._storage = storage
        self._on_stored = on_stored
        self._left = left
        self._classes = dict.fromkeys(classes)
        self._plan = retrieval_contexts(self._classes, _ROOM)
        self._helpful: list[str] = []  # transfer syntaxes, the latest first
        self._refused: list[list[Proposal]] = []  # what the peer does not take at all
        self._begin()
        self._proposals: list[Proposal] = []
        self._open(self._plan[0])

    def retrieve(self, unit: Unit, told: Callable[[Counts], None]) -> Retrieved:
        """Get a unit; see `Retriever.retrieve`."""
        self._begin()
        results: list[Retrieved] = []
        plan = self._plan_for(unit)
        try:
            self._open(plan[0])
            results.append(self._once(unit, told))
            left = self._left(unit, self._arrived) if self._may_come(results[0]) else []
            for proposals in self._others(results[0], plan, left):
                if self._stopped:
                    break
                self._open(proposals)
                if all(each.result for each in self._association.contexts[1:]):
                    self._refused.append(proposals)
                    continue
                self._again = True
                results += [self._once(part, lambda _: None) for part in left]
                if len(self._arrived) >= results[0].counts.total > 0:
                    break
                left = self._left(unit, self._arrived)
                if not left:
                    break
        except (AssociationError, ConnectionFailedError) as error:
            results.append(Retrieved(unit, error=error))
        return self._account(results)

    def _begin(self) -> None:
        """Forget what came of the last unit."""
        self._stored: list[Stored] = []
        self._arrived: set[str] = set()
        self._used: set[Context] = set()
        self._again = False

    def _plan_for(self, unit: Unit) -> list[list[Proposal]]:
        """Choose the contexts for a unit: those for all units, where these are enough."""
        enough = len(self._plan[0]) < _ROOM and self._classes.keys() >= set(unit.classes)
        return self._plan if enough or not unit.classes else retrieval_contexts(unit.classes, _ROOM)

    def _open(self, proposals: list[Proposal]) -> None:
        """Have an association with these contexts."""
        if proposals == self._proposals:
            return
        if self._proposals:
            self._association.release()
        self._association = Association(self._access, [Proposal(self._model.get), *proposals])
        self._proposals = proposals
        with self._association.released_on_error():
            self._context = self._association.accepted(self._model.get)

    def _may_come(self, first: Retrieved) -> bool:
        """Tell whether something has failed that may come in other contexts."""
        status = first.status
        if self._stopped or status is None or status.code == CANCEL:
            return False
        failed = max(first.counts.failed or 0, len(first.failed_instances))
        refused = sum(each.error is not None for each in self._stored)
        unable = status.code >> 12 == UNABLE_TO_PROCESS
        return unable or status.code == SUB_OPERATIONS or failed > refused

    def _others(
        self, first: Retrieved, plan: list[list[Proposal]], left: list[Unit]
    ) -> Iterator[list[Proposal]]:
        """Give the contexts on which what is left may come, one association after the other."""
        if not left:
            return
        contexts = self._association.contexts[1:]
        alone: dict[str, list[Proposal]] = {}
        if first.status is not None and first.status.code >> 12 != UNABLE_TO_PROCESS:
            found = contexts_alone(self._proposals, contexts, self._used)
            likely = sorted(found, key=self._rank)
            alone = {each: found[each] for each in likely if found[each] not in self._refused}
        classes = {uid for unit in left for uid in unit.classes}
        if not classes <= {each.abstract_syntax for each in contexts}:
            yield from retrieval_contexts(sorted(classes), _ROOM)[: 1 + len(classes) // _ROOM]
        accepted = {each.transfer_syntax for each in contexts}
        yield from (alone[each] for each in alone if each in accepted)
        if not classes:
            yield from plan[1:]
        yield from (alone[each] for each in alone if each not in accepted)

    def _rank(self, syntax: str) -> int:
        helpful = self._helpful
        return helpful.index(syntax) if syntax in helpful else len(helpful)

    def _note_helpful(self, syntax: str) -> None:
        if self._helpful[:1] != [syntax]:
            self._helpful = [syntax, *(each for each in self._helpful if each != syntax)]

    def _once(self, unit: Unit, told: Callable[[Counts], None]) -> Retrieved:
        query = unit.query(self._model)
        request = Request(self._association, self._context, CommandField.C_GET_RQ, query)
        self._request = request
        if self._stopped:
            return Retrieved(unit, Status(CANCEL))
        result = request.run(unit, told, self._store)
        if result.error is not None:
            raise result.error
        return result

    def _store(self, context: Context, command: Command) -> None:
        """Take an object, and answer for it."""
        association = self._association
        with association.patience(MID_DATA):
            if self._again and command.has_data and command.sop_instance in self._arrived:
                # As it is now it need not be as it was: a peer may have converted it to send it.
                stored = Stored(command.sop_instance, SUCCESS, known=True)
                association.receive_data(context, lambda _: None)
            else:
                stored = self._storage.store(
                    context, command, lambda write: association.receive_data(context, write)
                )
                self._stored.append(stored)
                self._used.add(context)
        association.send(context, stored.response(command))
        if stored.error is None:
            self._arrived.add(stored.sop_instance_uid)
            if self._again:
                self._note_helpful(context.transfer_syntax)
        self._on_stored(stored)
        if stored.status == OUT_OF_RESOURCES and stored.error is not None:
            raise stored.error  # what is still to come has nowhere to go

    def _account(self, results: list[Retrieved]) -> Retrieved:
        """Put together what has come in all turns; what counts is what is on disk."""
        first, last = results[0], results[-1]
        completed = sum(each.error is None for each in self._stored)
        failed = dict.fromkeys(uid for each in results for uid in each.failed_instances)
        failed |= dict.fromkeys(e.sop_instance_uid for e in self._stored if e.error is not None)
        missing = [uid for uid in failed if uid not in self._arrived]
        total = max(first.counts.total, completed + len(missing))
        status = first.status
        if completed and completed == total and not missing and len(results) > 1:
            status = Status(SUCCESS)  # all has come in the end
        if last.error is not None:
            status = None
        return replace(
            first,
            status=status,
            counts=Counts(0, completed, total - completed, 0),
            failed_instances=tuple(filter(None, missing)),
            error=last.error,
            stored=tuple(self._stored),
        )

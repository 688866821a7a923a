"""Find out what a peer offers: which SOP classes, each with which transfer syntaxes.

An acceptor takes one transfer syntax of each presentation context. So all SOP classes are proposed
first, with all transfer syntaxes, and then each that was accepted with each other syntax alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dcmtools.dataset.dictionary import meta_sop_classes, sop_classes
from dcmtools.errors import DcmtoolsError
from dcmtools.net.access import Access
from dcmtools.net.negotiation import MOST_CONTEXTS, Context, Proposal
from dcmtools.net.sop_classes import UNCOMPRESSED, common_compressed_syntaxes
from dcmtools.net.visits import Visit, unheeded


@dataclass(frozen=True, slots=True)
class Probe:
    """What a peer offers.

    Parameters
    ----------
    peer : str
        The peer, as it is called in messages.
    implementation : str
        What it calls its implementation.
    offers : dict of str to tuple of str
        The UIDs of the SOP classes that it accepts, in the order of the standard, Meta SOP classes
        last; and of each those of the common transfer syntaxes that it accepts for it, the
        uncompressed ones first.
    """

    peer: str
    implementation: str
    offers: Mapping[str, tuple[str, ...]]


def untold(done: int, total: int) -> None:
    """Leave untold how far it has come."""


class Prober(Visit[Probe]):
    """Propose every SOP class of the standard to a peer, and see which it accepts.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    wait, retried
        As of `Visit`.
    progress : callable
        Is told how many associations are done, and how many there will be as far as is known.
    """

    def __init__(
        self,
        access: Access,
        *,
        wait: float = 0.0,
        retried: Callable[[DcmtoolsError], None] = unheeded,
        progress: Callable[[int, int], None] = untold,
    ) -> None:
        super().__init__(access, wait=wait, retried=retried)
        self._progress = progress
        self._implementation = ""

    def _once(self, access: Access) -> Iterator[Probe]:
        syntaxes = (*UNCOMPRESSED, *common_compressed_syntaxes())
        classes = [Proposal(uid, syntaxes) for uid in (*sop_classes(), *meta_sop_classes())]
        found: dict[str, set[str]] = {}
        for context in self._accepted(access, classes, done=0):
            found[context.abstract_syntax] = {context.transfer_syntax}
        single = [
            Proposal(uid, (syntax,))
            for uid, accepted in found.items()
            for syntax in syntaxes
            if syntax not in accepted
        ]
        for context in self._accepted(access, single, done=_associations(classes)):
            found[context.abstract_syntax].add(context.transfer_syntax)
        offers = {
            uid: tuple(syntax for syntax in syntaxes if syntax in accepted)
            for uid, accepted in found.items()
        }
        yield Probe(access.peer.label, self._implementation, offers)

    def _accepted(
        self, access: Access, proposals: Sequence[Proposal], *, done: int
    ) -> Iterator[Context]:
        """Propose contexts, on as many associations as it takes, and give the accepted ones."""
        total = done + _associations(proposals)
        for start in range(0, len(proposals), MOST_CONTEXTS):
            if self._is_stopped:
                return
            with self._association(access, proposals[start : start + MOST_CONTEXTS]) as association:
                self._implementation = association.implementation
                contexts = association.contexts
            done += 1
            self._progress(done, total)
            yield from (context for context in contexts if not context.result)


def _associations(proposals: Sequence[Proposal]) -> int:
    """Tell how many associations some presentation contexts take."""
    return -(-len(proposals) // MOST_CONTEXTS)


def probe(access: Access) -> Probe:
    """Propose every SOP class of the standard, and tell which the peer accepts.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.

    Raises
    ------
    ConnectionFailedError, AssociationError
        The peer cannot be reached, or rejects the association.
    """
    (found,) = Prober(access).run()
    return found

"""Describe for a dry run the associations on which objects would be sent."""

from collections import Counter
from collections.abc import Iterable, Iterator

from dcmtools.cli._summary import megabytes
from dcmtools.dataset.dictionary import uid_keyword
from dcmtools.dataset.outgoing import Outgoing
from dcmtools.net.plan import Leg


def outline(number: int, leg: Leg, items: Iterable[Outgoing]) -> Iterator[str]:
    """Describe an association: its presentation contexts, and what goes in each.

    Parameters
    ----------
    number : int
        Which one it is, from 1.
    leg : Leg
        What it proposes.
    items : iterable of Outgoing
        What is sent on it.

    Yields
    ------
    str
        A line.
    """
    kinds: Counter[tuple[str, str]] = Counter()
    size = 0
    for each in items:
        kinds[each.sop_class, each.transfer_syntax] += 1
        size += each.size
    contexts = _counted(len(leg.proposals), "presentation context")
    objects = _counted(kinds.total(), "object")
    yield f"association {number}: {contexts}, {objects}, {megabytes(size)}"
    for proposal in leg.proposals:
        syntaxes = proposal.transfer_syntaxes
        count = sum(kinds.pop((proposal.abstract_syntax, each), 0) for each in syntaxes)
        named = ", ".join(map(_named, syntaxes))
        yield f"  {_named(proposal.abstract_syntax)}: {named}: {_counted(count, 'object')}"
    for (sop_class, syntax), count in kinds.items():
        objects = _counted(count, "object")
        yield f"  {_named(sop_class)}: {_named(syntax)}: {objects}, to be encoded anew"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _named(uid: str) -> str:
    return uid_keyword(uid) or uid

"""Decide which presentation contexts are proposed for objects that are to be sent, and where.

The contexts come from the objects: for each SOP class one with each transfer syntax that there is,
alone, so that no peer can choose another than that of the file, and one with the uncompressed ones
as the way out. Where an association has no room for all, there are several (PS3.8 9.3.2).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dcmtools.net.negotiation import MOST_CONTEXTS, Proposal
from dcmtools.net.sop_classes import UNCOMPRESSED


class Transcode(StrEnum):
    """When an object is encoded anew, in an uncompressed transfer syntax; never with any loss."""

    NEVER = "never"
    LOSSLESS = "lossless"
    ALWAYS = "always"


Kind = tuple[str, str]
"""What decides how an object can be sent: its SOP class and its transfer syntax."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What is proposed on one association.

    Parameters
    ----------
    proposals : tuple of Proposal
        The presentation contexts, at most 128.
    kinds : frozenset of Kind
        What can be sent on it, if the peer accepts it.
    """

    proposals: tuple[Proposal, ...]
    kinds: frozenset[Kind]


def plan(kinds: Iterable[Kind], *, transcode: Transcode, propose: Sequence[str] = ()) -> list[Leg]:
    """Distribute what is to be sent over as few associations as hold the contexts for it.

    Parameters
    ----------
    kinds : iterable of Kind
        What there is to send; the order decides what comes first.
    transcode : Transcode
        Whether the uncompressed transfer syntaxes are proposed beside those of the files, or
        instead of them.
    propose : sequence of str
        Transfer syntaxes to propose for every SOP class too.
    """
    syntaxes: dict[str, dict[str, None]] = {}
    for sop_class, syntax in kinds:
        syntaxes.setdefault(sop_class, {})[syntax] = None
    legs: list[Leg] = []
    proposals: list[Proposal] = []
    held: list[Kind] = []
    for sop_class, own in syntaxes.items():
        for contexts, held_by_them in _blocks(sop_class, tuple(own), transcode, propose):
            if len(proposals) + len(contexts) > MOST_CONTEXTS:
                legs.append(Leg(tuple(proposals), frozenset(held)))
                proposals, held = [], []
            proposals += contexts
            held += [(sop_class, syntax) for syntax in held_by_them]
    if proposals:
        legs.append(Leg(tuple(proposals), frozenset(held)))
    return legs


def _blocks(
    sop_class: str, own: tuple[str, ...], transcode: Transcode, propose: Sequence[str]
) -> Iterator[tuple[list[Proposal], list[str]]]:
    """Give the contexts for a SOP class, in blocks of what belongs on one association.

    Each comes with the transfer syntaxes of the files that are to be sent with it.
    """
    extra = tuple(each for each in dict.fromkeys(propose) if each not in own)
    always = transcode is Transcode.ALWAYS
    alone = tuple(each for each in own if each in UNCOMPRESSED or not always)
    fallback = tuple(each for each in UNCOMPRESSED if each not in (*alone, *extra))
    shared = [Proposal(sop_class, (syntax,)) for syntax in extra]
    if transcode is not Transcode.NEVER and fallback:
        shared.insert(0, Proposal(sop_class, fallback))
    room = max(MOST_CONTEXTS - len(shared), 1)
    anew = [each for each in own if each not in alone]
    for at in range(0, len(alone) or 1, room):
        part = alone[at : at + room]
        contexts = [*(Proposal(sop_class, (syntax,)) for syntax in part), *shared]
        yield contexts[:MOST_CONTEXTS], [*part, *anew]
        anew = []

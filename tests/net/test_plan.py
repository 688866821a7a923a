"""Which presentation contexts are proposed for what is to be sent, and on how many associations."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcmtools.net.association import Association
from dcmtools.net.negotiation import MOST_CONTEXTS, Proposal
from dcmtools.net.plan import Kind, Leg, Transcode, plan
from dcmtools.net.sop_classes import UNCOMPRESSED
from tests.factories import DEFLATED, EXPLICIT, IMPLICIT, JPEG
from tests.net.scripted import Scripted
from tests.net.sending import access
from tests.net.steps import accept
from tests.net.wire import CT

MR = "1.2.840.10008.5.1.4.1.1.4"
SYNTAXES = st.one_of(
    st.sampled_from([EXPLICIT, IMPLICIT, DEFLATED, JPEG]),
    st.integers(1, 300).map(lambda number: f"1.2.9.{number}"),
)
CLASSES = st.integers(1, 40).map(lambda number: f"1.2.8.{number}")


def contexts(leg: Leg) -> list[tuple[str, tuple[str, ...]]]:
    """List what an association proposes."""
    return [(each.abstract_syntax, each.transfer_syntaxes) for each in leg.proposals]


@pytest.mark.parametrize(
    ("transcode", "expected"),
    [
        (Transcode.NEVER, [(JPEG,)]),
        (Transcode.LOSSLESS, [(JPEG,), UNCOMPRESSED]),
        (Transcode.ALWAYS, [UNCOMPRESSED]),
    ],
)
def test_what_a_compressed_object_needs(
    transcode: Transcode, expected: list[tuple[str, ...]]
) -> None:
    (leg,) = plan([(CT, JPEG)], transcode=transcode)
    assert contexts(leg) == [(CT, each) for each in expected]
    assert leg.kinds == {(CT, JPEG)}


@pytest.mark.parametrize("syntax", UNCOMPRESSED)
@pytest.mark.parametrize("transcode", Transcode)
def test_what_an_uncompressed_object_needs(transcode: Transcode, syntax: str) -> None:
    (other,) = set(UNCOMPRESSED) - {syntax}
    (leg,) = plan([(CT, syntax)], transcode=transcode)
    way_out = [] if transcode is Transcode.NEVER else [(CT, (other,))]
    assert contexts(leg) == [(CT, (syntax,)), *way_out]


def test_what_is_proposed_for_all() -> None:
    (leg,) = plan(
        [(CT, EXPLICIT), (MR, JPEG)], transcode=Transcode.LOSSLESS, propose=[JPEG, DEFLATED, JPEG]
    )
    assert contexts(leg) == [
        (CT, (EXPLICIT,)),
        (CT, (IMPLICIT,)),
        (CT, (JPEG,)),
        (CT, (DEFLATED,)),
        (MR, (JPEG,)),
        (MR, UNCOMPRESSED),
        (MR, (DEFLATED,)),
    ]


def test_nothing_to_send_needs_nothing() -> None:
    assert plan([], transcode=Transcode.LOSSLESS) == []


def test_all_go_on_one_association_where_they_can() -> None:
    kinds = [(f"1.2.{number}", JPEG) for number in range(1, 65)]
    (leg,) = plan(kinds, transcode=Transcode.LOSSLESS)
    assert len(leg.proposals) == MOST_CONTEXTS
    first, second = plan([*kinds, (CT, EXPLICIT)], transcode=Transcode.LOSSLESS)
    assert first == leg
    assert second.kinds == {(CT, EXPLICIT)}


@given(
    st.lists(st.tuples(CLASSES, SYNTAXES), max_size=300),
    st.sampled_from(Transcode),
    st.lists(SYNTAXES, max_size=140),
)
@example(
    [(CT, EXPLICIT), (CT, JPEG), (CT, IMPLICIT)],
    Transcode.ALWAYS,
    [f"1.2.9.{number}" for number in range(130)],
)
@example([(CT, f"1.2.9.{number}") for number in range(300)], Transcode.LOSSLESS, [EXPLICIT])
def test_every_kind_is_on_one_association(
    kinds: list[Kind], transcode: Transcode, propose: list[str]
) -> None:
    legs = plan(kinds, transcode=transcode, propose=propose)
    held = list(chain.from_iterable(leg.kinds for leg in legs))
    assert sorted(held) == sorted(set(kinds))
    for leg in legs:
        assert 1 <= len(leg.proposals) <= MOST_CONTEXTS
        assert leg.kinds
        for sop_class, syntax in leg.kinds:
            check_offer(leg.proposals, sop_class, syntax, transcode)


def check_offer(
    proposals: tuple[Proposal, ...], sop_class: str, syntax: str, transcode: Transcode
) -> None:
    """See that an object can go as it is, alone in its context, and otherwise as it may."""
    own = [each.transfer_syntaxes for each in proposals if each.abstract_syntax == sop_class]
    assert len(own) == len(set(own))
    if transcode is not Transcode.ALWAYS or syntax in UNCOMPRESSED:
        assert (syntax,) in own
    if transcode is not Transcode.NEVER:
        assert set(UNCOMPRESSED) & set(chain.from_iterable(own))


def test_a_peer_sees_all_of_them_with_ids_of_their_own() -> None:
    kinds = [(f"1.2.8.{number}", f"1.2.9.{number % 7}") for number in range(300)]
    legs = plan(kinds, transcode=Transcode.LOSSLESS)
    with Scripted([accept()]) as peer:
        for leg in legs:
            with Association(access(peer), leg.proposals) as association:
                assert [each.id for each in association.contexts] == [
                    *range(1, 2 * len(leg.proposals), 2)
                ]
        assert len(peer.requests) == len(legs) == 5
        for leg, request in zip(legs, peer.requests, strict=True):
            seen = [(each.abstract_syntax, each.transfer_syntaxes) for each in request.proposed]
            assert seen == contexts(leg)
            assert max(each.context_id for each in request.proposed) <= 255

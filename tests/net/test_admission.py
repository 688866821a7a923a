"""The rules of a receiver: who may have an association, in which presentation contexts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.net.admission import CROWDED, ON_REQUEST, Rules
from dcmtools.net.negotiation import Proposal, Request
from tests.factories import BIG, DEFLATED, EXPLICIT, IMPLICIT, JPEG
from tests.net.wire import CT, STUDY_FIND, VERIFICATION

COMMITMENT = "1.2.840.10008.1.20.1"
PRIVATE = "1.3.12.2.1107.5.9.1"
PRIVATE_SYNTAX = "1.2.3.4"
TOO_NEW = "1.2.840.10008.1.2.4.999"
WANTED = Request("OURS", "CT1", {1: Proposal(CT, (EXPLICIT,))}, 16384)
ANYBODY = Rules("OURS")


def answer(rules: Rules, proposal: Proposal) -> tuple[int, str]:
    """Give the result and the transfer syntax of a presentation context."""
    (found,) = rules.answers(replace(WANTED, proposals={7: proposal}))
    assert (found.id, found.abstract_syntax) == (7, proposal.abstract_syntax)
    assert bool(found.transfer_syntax) == (found.result == 0)
    return found.result, found.transfer_syntax


# Who


@pytest.mark.parametrize(
    ("rules", "changes", "host", "expected"),
    [
        (ANYBODY, {}, "192.0.2.1", None),
        (ANYBODY, {"called_aet": "OTHER", "calling_aet": ""}, "::1", None),
        (ANYBODY, {"protocol_version": 3}, "::1", None),
        (ANYBODY, {"protocol_version": 0}, "::1", (1, 2, 2)),
        (ANYBODY, {"protocol_version": 2}, "::1", (1, 2, 2)),
        (ANYBODY, {"application_context": ""}, "::1", (1, 1, 2)),
        (ANYBODY, {"application_context": "1.2.3"}, "::1", (1, 1, 2)),
        (Rules("OURS", check_called=True), {}, "::1", None),
        (Rules("OURS", check_called=True), {"called_aet": "ours"}, "::1", (1, 1, 7)),
        (Rules("OURS", check_called=True), {"called_aet": ""}, "::1", (1, 1, 7)),
        (Rules("OURS", calling={"CT1", "CT2"}), {}, "::1", None),
        (Rules("OURS", calling={"CT1", "CT2"}), {"calling_aet": "CT3"}, "::1", (1, 1, 3)),
        (Rules("OURS", calling={"CT1", "CT2"}), {"calling_aet": ""}, "::1", (1, 1, 3)),
    ],
)
def test_who_may_call(
    rules: Rules, changes: dict[str, object], host: str, expected: tuple[int, int, int] | None
) -> None:
    found = rules.refusal(replace(WANTED, **changes), host)  # type: ignore[arg-type]
    assert (found and (found.result, found.source, found.reason)) == expected
    assert found is None or found.why


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("10.1.2.3", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("fd00::1", True),
        ("fd00::1%eth0", True),
        ("fe80::1%eth0", False),
        ("::1", False),
    ],
)
def test_where_they_may_be(host: str, near: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    networks = ip_network("10.0.0.0/8"), ip_network("192.0.2.7"), ip_network("fd00::/8")
    found = Rules("OURS", networks=networks).refusal(WANTED, host)
    assert (found is None) == near
    assert near or (found and (found.result, found.source, found.reason)) == (1, 1, 1)


def test_the_nearest_reason_comes_first() -> None:
    """Who is no DICOM is told so, and where somebody is matters more than who."""
    rules = Rules("X", check_called=True, calling={"X"}, networks=(ip_network("10.0.0.0/8"),))
    wrong = replace(WANTED, protocol_version=2, application_context="1.2")
    reasons = []
    for change in ({}, {"protocol_version": 1}, {"application_context": CONTEXT_NAME}):
        wrong = replace(wrong, **change)
        found = rules.refusal(wrong, "::1")
        assert found is not None
        reasons.append((found.source, found.reason))
    assert reasons == [(2, 2), (1, 2), (1, 1)]


CONTEXT_NAME = "1.2.840.10008.3.1.1.1"


def test_what_passes_is_rejected_for_the_time_being() -> None:
    """Local limit exceeded, PS3.8 Table 9-21."""
    for each in (CROWDED, ON_REQUEST):
        assert (each.result, each.source, each.reason) == (2, 3, 2)


# What


@pytest.mark.parametrize(
    ("sop_class", "storage", "any_class"),
    [
        (CT, 0, 0),
        (VERIFICATION, 0, 0),
        (PRIVATE, 0, 0),
        ("1.2.840.10008.5.1.4.1.1.999", 0, 0),  # too new for us
        ("1.2.840.10008.5.1.4.34.7", 0, 0),  # RT Beams Delivery Instruction, which is storage
        (STUDY_FIND, 3, 0),
        (COMMITMENT, 3, 0),
        ("1.2.840.10008.3.1.2.3.3", 3, 0),  # Modality Performed Procedure Step
        ("", 3, 3),
        ("../evil", 3, 3),
        ("1." * 40, 3, 3),
    ],
)
def test_which_sop_classes_are_taken(sop_class: str, storage: int, any_class: int) -> None:
    proposal = Proposal(sop_class, (EXPLICIT,))
    assert answer(ANYBODY, proposal)[0] == storage
    assert answer(Rules("OURS", any_class=True), proposal)[0] == any_class


def test_a_receiver_that_stores_nothing() -> None:
    rules = Rules("OURS", stores=False, services=(COMMITMENT,))
    found = {each: answer(rules, Proposal(each, (IMPLICIT,)))[0] for each in (CT, PRIVATE)}
    assert found == {CT: 3, PRIVATE: 3}
    assert answer(rules, Proposal(VERIFICATION, (IMPLICIT,))) == (0, IMPLICIT)
    assert answer(rules, Proposal(COMMITMENT, (IMPLICIT,))) == (0, IMPLICIT)


@pytest.mark.parametrize(
    ("proposed", "expected"),
    [
        ((EXPLICIT, IMPLICIT), (0, EXPLICIT)),
        ((IMPLICIT, EXPLICIT), (0, IMPLICIT)),
        ((JPEG, EXPLICIT), (0, JPEG)),
        ((BIG,), (0, BIG)),
        ((DEFLATED,), (0, DEFLATED)),
        ((TOO_NEW,), (0, TOO_NEW)),
        ((PRIVATE_SYNTAX,), (0, PRIVATE_SYNTAX)),
        ((PRIVATE_SYNTAX, IMPLICIT), (0, IMPLICIT)),
        (("no syntax", JPEG), (0, JPEG)),
        (("no syntax",), (4, "")),
        (("", "../x"), (4, "")),
        ((), (4, "")),
    ],
)
def test_every_transfer_syntax_is_taken(
    proposed: tuple[str, ...], expected: tuple[int, str]
) -> None:
    """As the sender has it, by its own preference; private ones only where there is no other."""
    assert answer(ANYBODY, Proposal(CT, proposed)) == expected


@pytest.mark.parametrize(
    ("proposed", "expected"),
    [
        ((EXPLICIT, JPEG), (0, JPEG)),
        ((IMPLICIT, EXPLICIT), (0, EXPLICIT)),
        ((IMPLICIT,), (4, "")),
    ],
)
def test_only_these_transfer_syntaxes(proposed: tuple[str, ...], expected: tuple[int, str]) -> None:
    """By our preference."""
    assert answer(Rules("OURS", syntaxes=(JPEG, EXPLICIT)), Proposal(CT, proposed)) == expected


def test_what_we_are_to_read_is_plain() -> None:
    rules = Rules("OURS", services=(COMMITMENT,), syntaxes=(JPEG,))
    assert answer(rules, Proposal(COMMITMENT, (JPEG, DEFLATED, EXPLICIT))) == (0, EXPLICIT)
    assert answer(rules, Proposal(COMMITMENT, (JPEG, DEFLATED))) == (4, "")
    assert answer(rules, Proposal(CT, (JPEG, EXPLICIT))) == (0, JPEG)


def test_who_wants_to_be_the_scp() -> None:
    """We are no SCU of storage; of the services beside it we are."""
    rules = Rules("OURS", services=(COMMITMENT,))
    asked = {
        1: Proposal(CT, (EXPLICIT,), scp=True),
        3: Proposal(VERIFICATION, (IMPLICIT,), scp=True),
        5: Proposal(COMMITMENT, (IMPLICIT,), scp=True),
        7: Proposal(COMMITMENT, (JPEG,), scp=True),
    }
    found = rules.answers(replace(WANTED, proposals=asked))
    assert [(each.id, each.result, each.scp) for each in found] == [
        (1, 3, False),
        (3, 3, False),
        (5, 0, True),
        (7, 4, False),
    ]


def test_all_contexts_there_can_be() -> None:
    asked = {number: Proposal(CT, (EXPLICIT,)) for number in range(1, 256, 2)}
    found = ANYBODY.answers(replace(WANTED, proposals=asked))
    assert [(each.id, each.result) for each in found] == [(number, 0) for number in asked]


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=5))
def test_whatever_is_proposed_has_an_answer(sop_class: str, syntaxes: list[str]) -> None:
    result, syntax = answer(Rules("OURS", any_class=True), Proposal(sop_class, tuple(syntaxes)))
    assert result in (0, 3, 4)
    assert syntax in ("", *syntaxes)

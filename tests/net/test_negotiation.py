"""Association requests and answers: what pynetdicom sees of ours, and what is made of a peer's."""

import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from struct import pack
from threading import Event
from time import monotonic
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pynetdicom import AE, build_role, evt
from pynetdicom import pdu as theirs
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import PresentationContext

from dcmtools.config import Peer
from dcmtools.dataset.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dcmtools.errors import AssociationError, ConfigError, UsageError
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.connection import Connection, ProtocolError
from dcmtools.net.identity import Identity, Kind
from dcmtools.net.negotiation import (
    RESULTS,
    Context,
    Proposal,
    Request,
    decode_acceptance,
    decode_request,
    encode_acceptance,
    encode_rejection,
    encode_request,
)
from tests.factories import EXPLICIT, IMPLICIT, JPEG
from tests.net import wire
from tests.net.wire import (
    CT,
    STUDY_FIND,
    VERIFICATION,
    Proposed,
    Result,
    accept_pdu,
    item,
    pdu,
    request_pdu,
    role,
)

Handler = tuple[evt.EventType, Callable[[evt.Event], object]]

PATIENCE = 20.0  # seconds
COMMITMENT = "1.2.840.10008.1.20.1"
PRIVATE = "1.2.826.0.1.3680043.8.498.1.7"
LONG = "1." + "2" * 62
TWO = [Proposal(VERIFICATION), Proposal(CT)]
IDENTITIES = [
    Identity(Kind.USERNAME, "Müller".encode(), response=False),
    Identity(Kind.USERNAME_AND_PASSCODE, b"ann", b"secret", response=False),
    Identity(Kind.KERBEROS, bytes(range(256)) * 20, response=True),
    Identity(Kind.SAML, b"<Assertion/>", response=True),
    Identity(Kind.JWT, b"e30.e30.", response=True),
]


# What a peer sees


def seen(proposals: Sequence[Proposal] = TWO, **more: Any) -> wire.Request:  # noqa: ANN401
    """Encode a request, and have pynetdicom read it."""
    raw = encode_request("PACS", "WS 1", proposals, **{"max_pdu": 32768, **more})
    assert raw[:6] == pdu(wire.RQ, raw[6:])[:6]
    return wire.Request(0, raw)


def test_the_peer_sees_who_calls_whom_for_what() -> None:
    request = seen([Proposal(VERIFICATION), Proposal(CT, (JPEG,)), Proposal(PRIVATE, (PRIVATE,))])
    primitive = request.primitive
    assert (primitive.called_ae_title, primitive.calling_ae_title) == ("PACS", "WS 1")
    assert primitive.application_context_name == "1.2.840.10008.3.1.1.1"
    assert primitive.maximum_length_received == 32768
    assert primitive.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert request.pdu.user_information.implementation_version_name == IMPLEMENTATION_VERSION_NAME
    assert request.pdu.protocol_version == 1
    assert request.proposed == (
        Proposed(1, VERIFICATION, (EXPLICIT, IMPLICIT)),
        Proposed(3, CT, (JPEG,)),
        Proposed(5, PRIVATE, (PRIVATE,)),
    )
    assert request.roles == {}
    assert request.pdu.user_information.user_identity is None


def test_the_peer_sees_titles_of_16_characters() -> None:
    raw = encode_request("A" * 16, "B" * 16, TWO, max_pdu=0)
    assert raw[10:42] == b"A" * 16 + b"B" * 16
    assert wire.Request(0, raw).primitive.maximum_length_received == 0


def test_an_association_has_room_for_128_contexts() -> None:
    proposals = [Proposal(f"{PRIVATE}.{number}") for number in range(128)]
    found = seen(proposals).proposed
    assert [each.context_id for each in found] == list(range(1, 256, 2))
    assert [each.abstract_syntax for each in found] == [each.abstract_syntax for each in proposals]


@pytest.mark.parametrize("count", [0, 129])
def test_what_has_no_room_is_an_error_of_the_caller(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 128"):
        seen([Proposal(CT)] * count)


@pytest.mark.parametrize("uid", ["1.2", "2.25.0", LONG, PRIVATE])
def test_odd_uids_are_proposed(uid: str) -> None:
    assert seen([Proposal(uid, (uid,))]).proposed == (Proposed(1, uid, (uid,)),)


@pytest.mark.parametrize("uid", ["", "abc", "1.2\n", "1.2 ", "1..2", LONG + "2", "1.2\0", "é"])
def test_what_is_no_uid_is_not_proposed(uid: str) -> None:
    for proposal in (Proposal(uid), Proposal(CT, (EXPLICIT, uid))):
        with pytest.raises(UsageError, match="is no UID"):
            seen([proposal])


def test_the_peer_sees_the_roles() -> None:
    proposals = [Proposal(STUDY_FIND), Proposal(CT, scp=True), Proposal(CT, (JPEG,), scp=True)]
    assert seen(proposals).roles == {CT: (0, 1)}


def test_the_peer_sees_extended_negotiation() -> None:
    request = seen([Proposal(STUDY_FIND)], extended={STUDY_FIND: b"\1\0\1", CT: b""})
    found = request.pdu.user_information.ext_neg
    assert [(each.uid, each.app_info) for each in found] == [(STUDY_FIND, b"\1\0\1"), (CT, b"")]


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: Kind(identity.kind).name)
@pytest.mark.parametrize("response", [False, True])
def test_the_peer_sees_who_we_are(identity: Identity, *, response: bool) -> None:
    found = seen(identity=replace(identity, response=response)).pdu.user_information.user_identity
    assert found.user_identity_type == identity.kind
    assert found.primary_field == identity.primary
    assert found.secondary_field == identity.secondary
    assert found.positive_response_requested == response


def test_an_identity_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="too long"):
        seen(identity=Identity(Kind.SAML, bytes([65]) * 65529))
    assert seen(identity=Identity(Kind.SAML, bytes([65]) * 65000)).raw


# A peer that is pynetdicom


@contextmanager
def acceptor(
    supported: Mapping[str, Sequence[str]], *handlers: Handler, roles: Sequence[str] = ()
) -> Iterator[tuple[Access, list[A_ASSOCIATE]]]:
    """Run an acceptor of pynetdicom's: how to reach it, and the requests that it has seen."""
    requests: list[A_ASSOCIATE] = []
    ae = AE("PACS")
    for uid, syntaxes in supported.items():
        turned = {"scu_role": True, "scp_role": True} if uid in roles else {}
        ae.add_supported_context(uid, list(syntaxes), **turned)

    def note(event: evt.Event) -> None:
        requests.append(event.assoc.requestor.primitive)

    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_REQUESTED, note), *handlers]
    )
    assert server is not None
    try:
        yield Access(Peer("", "127.0.0.1", server.server_address[1], "PACS")), requests
        deadline = monotonic() + PATIENCE
        while ae.active_associations and monotonic() < deadline:
            Event().wait(0.01)  # shutdown() would abort them, and stumble over those that end
    finally:
        ae.shutdown()


def test_a_peer_accepts_what_it_supports() -> None:
    proposals = [
        Proposal(VERIFICATION),
        Proposal(CT, (JPEG, EXPLICIT)),
        Proposal(STUDY_FIND),
        Proposal(CT, ("1.2.840.10008.1.2.4.90",)),
    ]
    with (
        acceptor({VERIFICATION: [IMPLICIT], CT: [EXPLICIT]}) as (access, requests),
        Association(access, proposals) as association,
    ):
        assert association.contexts == (
            Context(1, VERIFICATION, IMPLICIT, 0),
            Context(3, CT, EXPLICIT, 0),
            Context(5, STUDY_FIND, "", 3),
            Context(7, CT, "", 4),
        )
        assert association.implementation.startswith("PYNETDICOM")
        assert association.accepted(STUDY_FIND, CT).id == 3
        with pytest.raises(AssociationError, match=r"StudyRoot.*: abstract syntax not supported"):
            association.accepted(STUDY_FIND)
    assert requests[0].called_ae_title == "PACS"
    assert requests[0].calling_ae_title == "DCMTOOLS"
    assert requests[0].maximum_length_received == access.max_pdu


def test_a_peer_accepts_128_contexts() -> None:
    proposals = [Proposal(f"{PRIVATE}.{number}") for number in range(128)]
    supported = {each.abstract_syntax: [IMPLICIT] for each in proposals[::2]}
    with acceptor(supported) as (access, _), Association(access, proposals) as association:
        results = [each.result for each in association.contexts]
        assert results == [0, 3] * 64
        assert [each.id for each in association.contexts] == list(range(1, 256, 2))


def test_a_peer_accepts_a_role_or_leaves_it() -> None:
    proposals = [Proposal(CT, scp=True), Proposal(PRIVATE, scp=True), Proposal(VERIFICATION)]
    supported = {CT: [IMPLICIT], PRIVATE: [IMPLICIT], VERIFICATION: [IMPLICIT]}
    with (
        acceptor(supported, roles=[CT]) as (access, _),
        Association(access, proposals) as association,
    ):
        assert association.contexts == (
            Context(1, CT, IMPLICIT, 0, scp=True),
            Context(3, PRIVATE, "", 1),
            Context(5, VERIFICATION, IMPLICIT, 0),
        )


def test_a_peer_answers_to_extended_negotiation() -> None:
    asked: list[Mapping[str, bytes]] = []

    def answer(event: evt.Event) -> dict[str, bytes]:
        asked.append(event.app_info)
        return {STUDY_FIND: b"\1\0"}

    handler = evt.EVT_SOP_EXTENDED, answer
    with (
        acceptor({STUDY_FIND: [IMPLICIT]}, handler) as (access, _),
        Association(
            access, [Proposal(STUDY_FIND)], extended={STUDY_FIND: b"\1\1\1"}
        ) as association,
    ):
        assert association.extended == {STUDY_FIND: b"\1\0"}
    assert asked == [{STUDY_FIND: b"\1\1\1"}]


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: Kind(identity.kind).name)
@pytest.mark.parametrize("known", [False, True])
def test_a_peer_verifies_who_we_are(identity: Identity, *, known: bool) -> None:
    asked = []

    def verify(event: evt.Event) -> tuple[bool, bytes | None]:
        asked.append((event.user_id_type, event.primary_field, event.secondary_field))
        return known, b"ticket" if identity.kind in (Kind.KERBEROS, Kind.SAML, Kind.JWT) else None

    with acceptor({VERIFICATION: [IMPLICIT]}, (evt.EVT_USER_ID, verify)) as (access, _):
        asking = replace(access, identity=identity)
        if known:
            Association(asking, TWO).release()
        else:
            with pytest.raises(AssociationError, match="rejected"):
                Association(asking, TWO)
    assert asked == [(identity.kind, identity.primary, identity.secondary)]


def test_a_peer_that_does_not_know_identities_confirms_none() -> None:
    with acceptor({VERIFICATION: [IMPLICIT]}) as (access, _):
        for identity in IDENTITIES:
            asking = replace(access, identity=identity)
            if identity.response:
                with pytest.raises(AssociationError, match="did not confirm the user identity"):
                    Association(asking, TWO)
            else:
                Association(asking, TWO).release()


# What a peer answers


def answered(*results: Result, items: bytes = b"", max_pdu: int | None = 16384) -> bytes:
    """Encode an A-ASSOCIATE-AC."""
    return accept_pdu("PACS", "WS1", results, max_pdu, items)


def contexts(raw: bytes, proposals: Sequence[Proposal] = TWO) -> list[tuple[str, int]]:
    """Give what became of the proposals: transfer syntax and result."""
    found = decode_acceptance(raw, proposals).contexts
    assert [each.id for each in found] == [2 * n + 1 for n in range(len(proposals))]
    assert [each.abstract_syntax for each in found] == [each.abstract_syntax for each in proposals]
    return [(each.transfer_syntax, each.result) for each in found]


@pytest.mark.parametrize("result", [*range(6), 255])
def test_each_result_is_told(result: int) -> None:
    answer = A_ASSOCIATE()
    answer.application_context_name = "1.2.840.10008.3.1.1.1"
    answer.called_ae_title, answer.calling_ae_title = "PACS", "WS1"
    context = PresentationContext()
    context.context_id = 1
    context.add_transfer_syntax(IMPLICIT)
    context.result = result
    answer.presentation_context_definition_results_list = [context]
    answer.user_information = []
    raw = theirs.A_ASSOCIATE_AC(answer).encode()
    assert contexts(raw) == [(IMPLICIT if result == 0 else "", result), ("", 2)]


def test_each_result_has_words() -> None:
    told = [str(Context(1, CT, IMPLICIT, result)) for result in range(6)]
    assert told == [
        "CTImageStorage: ImplicitVRLittleEndian",
        *(f"CTImageStorage: {RESULTS[result]}" for result in range(1, 5)),
        "CTImageStorage: result 5",
    ]
    assert str(Context(1, "\x1b[2J", "", 3)) == "\\x1b[2J: abstract syntax not supported"


@pytest.mark.parametrize("syntax", [JPEG, PRIVATE, "abc", "1.02.3", ""])
def test_a_syntax_that_was_not_proposed_is_none(syntax: str) -> None:
    assert contexts(answered(Result(1, 0, syntax), Result(3, 0, IMPLICIT))) == [
        ("", 4),
        (IMPLICIT, 0),
    ]


def test_a_syntax_may_be_padded() -> None:
    assert contexts(answered(Result(1, 0, IMPLICIT + "\0")))[0] == (IMPLICIT, 0)


def test_the_order_of_answers_is_of_no_account() -> None:
    raw = answered(Result(3, 0, EXPLICIT), Result(1, 3, ""))
    assert contexts(raw) == [("", 3), (EXPLICIT, 0)]


def test_missing_and_unknown_answers_do_no_harm() -> None:
    assert contexts(answered()) == [("", 2), ("", 2)]
    odd = [Result(number, 0, IMPLICIT) for number in (0, 2, 5, 255)]
    assert contexts(answered(*odd, Result(3, 0, IMPLICIT))) == [("", 2), (IMPLICIT, 0)]


def test_an_answer_that_comes_twice_counts_once() -> None:
    raw = answered(Result(1, 0, EXPLICIT), Result(1, 3, ""), Result(1, 0, EXPLICIT))
    assert contexts(raw)[0] == (EXPLICIT, 0)


@pytest.mark.parametrize("syntax", [b"\xff\xfe", b"x" * 100, b""])
def test_the_syntax_of_what_is_refused_is_not_looked_at(syntax: bytes) -> None:
    refused = item(0x21, bytes([1, 0, 3, 0]) + item(0x40, syntax))
    accepted = item(0x21, bytes([3, 0, 0, 0]) + item(0x40, IMPLICIT.encode()))
    bare = item(0x21, bytes([1, 0, 3, 0]))
    for first in (refused, bare):
        assert contexts(answered_by(first + accepted)) == [("", 3), (IMPLICIT, 0)]


FIXED = answered()[6:74]
NAMED = item(0x10, b"1.2.840.10008.3.1.1.1")
ACCEPTED = item(0x21, bytes([1, 0, 0, 0]) + item(0x40, IMPLICIT.encode()))
MAXIMUM = item(0x51, pack(">I", 4096))


def answered_by(items: bytes, user: bytes | None = MAXIMUM) -> bytes:
    """Encode an A-ASSOCIATE-AC of these items."""
    information = b"" if user is None else item(0x50, user)
    return pdu(wire.AC, FIXED + NAMED + items + information)


@pytest.mark.parametrize("titles", [bytes(64), bytes(range(192, 256)), b"?" * 64, b" " * 64])
def test_the_titles_of_an_answer_are_not_looked_at(titles: bytes) -> None:
    raw = answered_by(ACCEPTED)
    assert contexts(raw[:10] + titles + raw[74:])[0] == (IMPLICIT, 0)


@pytest.mark.parametrize(
    "raw",
    [
        answered_by(item(0x7F, b"?") + ACCEPTED + item(0x22)),
        answered_by(ACCEPTED, MAXIMUM + item(0x7F, b"?") + item(0, b"")),
        answered_by(item(0x21, bytes([1, 0, 0, 0]) + item(9) + item(0x40, IMPLICIT.encode()))),
        answered_by(ACCEPTED, MAXIMUM + item(0x53, b"\0\1\0\1") + item(0x57, b"?")),
        pdu(wire.AC, FIXED + ACCEPTED + item(0x50, MAXIMUM)),
    ],
)
def test_unknown_items_are_passed_over(raw: bytes) -> None:
    answer = decode_acceptance(raw, TWO)
    assert answer.contexts[0] == Context(1, VERIFICATION, IMPLICIT, 0)
    assert answer.max_pdu == 4096


@pytest.mark.parametrize(
    ("items", "name"),
    [
        (b"", ""),
        (item(0x52, b"1.2.3"), "1.2.3"),
        (item(0x52, b"1.2.3\0") + item(0x55, b"NAME"), "NAME"),
        (item(0x52, b"garbage") + item(0x55, b"NAME "), "NAME"),
        (item(0x52, b"") + item(0x55, b""), ""),
        (item(0x52, b"1" * 65) + item(0x55, b"A NAME THAT IS TOO LONG"), "A NAME THAT IS T"),
        (item(0x55, "Röntgen\x1b".encode()), "R??ntgen?"),
    ],
)
def test_the_implementation_is_information_alone(items: bytes, name: str) -> None:
    answer = decode_acceptance(answered_by(ACCEPTED, MAXIMUM + items), TWO)
    assert answer.implementation == name
    assert answer.contexts[0].result == 0


@pytest.mark.parametrize(
    ("user", "max_pdu"),
    [(None, 0), (b"", 0), (item(0x51, bytes(4)), 0), (item(0x51, b"\xff" * 4), 0xFFFFFFFF)],
)
def test_the_maximum_length_may_be_left_open(user: bytes | None, max_pdu: int) -> None:
    answer = decode_acceptance(answered_by(ACCEPTED, user), TWO)
    assert answer.max_pdu == max_pdu
    assert answer.contexts[0].result == 0


@pytest.mark.parametrize(
    ("roles", "accepted"),
    [
        (b"", False),
        (role(CT, 0, 1), True),
        (role(CT, 1, 1), True),
        (role(CT, 1, 0), False),
        (role(CT, 0, 0), False),
        (role(VERIFICATION, 0, 1), False),
    ],
)
def test_a_role_has_to_be_accepted(roles: bytes, *, accepted: bool) -> None:
    raw = answered(Result(1, 0, IMPLICIT), items=roles)
    context = decode_acceptance(raw, [Proposal(CT, scp=True)]).contexts[0]
    expected = Context(1, CT, IMPLICIT, 0, scp=True) if accepted else Context(1, CT, "", 1)
    assert context == expected


def test_a_role_that_was_not_asked_for_is_none() -> None:
    raw = answered(Result(1, 0, IMPLICIT), items=role(CT, 1, 1))
    assert decode_acceptance(raw, [Proposal(CT)]).contexts[0] == Context(1, CT, IMPLICIT, 0)


def test_an_identity_is_confirmed_by_its_own_item() -> None:
    for answer in (b"", b"ticket"):
        confirmed = answered(items=wire.identity_response(answer))
        assert decode_acceptance(confirmed, TWO).identified
    echoed = item(0x58, bytes([1, 0, 0, 3]) + b"ann" + bytes(2))
    assert not decode_acceptance(answered(items=echoed), TWO).identified
    assert not decode_acceptance(answered(), TWO).identified


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        pdu(wire.AC),
        pdu(wire.AC, FIXED[:-1]),
        answered_by(ACCEPTED)[:-1],
        answered_by(ACCEPTED[:-1], None),
        answered_by(ACCEPTED + b"\x21", None),
        answered_by(ACCEPTED + b"\x21\0\0\xff", None),
        answered_by(item(0x21)),
        answered_by(item(0x21, b"\1\0")),
        answered_by(item(0x21, bytes([1, 0, 0, 0]) + b"\x40\0\xff\xff1.2")),
        answered_by(item(0x21, bytes([1, 0, 0, 0]) + item(0x40, b"\xe9\xff"))),
        answered_by(item(0x21, bytes([1, 0, 0, 0]) + item(0x40, b"1" * 65))),
        answered_by(ACCEPTED, item(0x51)),
        answered_by(ACCEPTED, item(0x51, b"\0\0\1")),
        answered_by(ACCEPTED, item(0x54, b"\0\xff1.2\0\1")),
        answered_by(ACCEPTED, item(0x54, b"\0\0031.2\7\1")),
        answered_by(ACCEPTED, item(0x56)),
    ],
)
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^sent an A-ASSOCIATE"):
        decode_acceptance(raw, TWO)


# What a peer asks


def asked(*proposed: Proposed, items: bytes = b"", called: str = "WS1") -> bytes:
    """Encode an A-ASSOCIATE-RQ."""
    return request_pdu(called, "PACS", proposed, 16384, items)


def test_a_request_is_understood() -> None:
    raw = asked(
        Proposed(1, VERIFICATION, (IMPLICIT,)),
        Proposed(255, CT, (JPEG, EXPLICIT)),
        Proposed(3, PRIVATE, ()),
        items=role(CT, 0, 1) + role(VERIFICATION, 1, 1) + item(0x7F, b"?"),
    )
    proposals = {
        1: Proposal(VERIFICATION, (IMPLICIT,)),
        255: Proposal(CT, (JPEG, EXPLICIT), scp=True),
        3: Proposal(PRIVATE, ()),
    }
    request = Request("WS1", "PACS", proposals, 16384, implementation="SCRIPTED")
    assert decode_request(raw) == request


@pytest.mark.parametrize("proposals", [TWO, [Proposal(LONG, (LONG, JPEG))]])
def test_what_we_ask_is_understood(proposals: list[Proposal]) -> None:
    raw = encode_request("PACS", "WS1", proposals, max_pdu=0, identity=IDENTITIES[1])
    request = decode_request(raw)
    assert list(request.proposals.values()) == proposals
    assert request.max_pdu == 0


def test_titles_may_be_padded_with_zeros() -> None:
    raw = asked(Proposed(1, CT, (IMPLICIT,)))
    raw = raw[:10] + b"WS1".ljust(16, b"\0") + b"PACS".ljust(16, b"\0") + raw[42:]
    request = decode_request(raw)
    assert (request.called_aet, request.calling_aet) == ("WS1", "PACS")


def test_a_request_may_leave_the_maximum_length_open() -> None:
    bare = pdu(wire.RQ, asked()[6:74] + NAMED)
    assert decode_request(bare) == Request("WS1", "PACS", {}, 0)
    assert decode_request(bare + item(0x50)).max_pdu == 0


def test_a_syntax_without_content_is_none() -> None:
    raw = asked(Proposed(1, CT, ("", IMPLICIT)), Proposed(3, CT, ("",)))
    proposals = decode_request(raw).proposals
    assert [each.transfer_syntaxes for each in proposals.values()] == [(IMPLICIT,), ()]


@pytest.mark.parametrize(
    ("items", "name"),
    [
        (NAMED, "1.2.840.10008.3.1.1.1"),
        (item(0x10, b"1.2.3"), "1.2.3"),
        (item(0x10, b"1.2.840.10008.3.1.1.1\0"), "1.2.840.10008.3.1.1.1"),
        (item(0x10, b""), ""),
        (item(0x10, b"\xff" * 70), ""),
        (b"", ""),
    ],
)
def test_the_application_context_is_told(items: bytes, name: str) -> None:
    assert decode_request(pdu(wire.RQ, asked()[6:74] + items)).application_context == name


@pytest.mark.parametrize("number", [0, 2, 254])
def test_a_context_id_has_to_be_odd(number: int) -> None:
    with pytest.raises(ProtocolError, match=f"context ID of {number}"):
        decode_request(asked(Proposed(1, CT, (IMPLICIT,)), Proposed(number, CT, (IMPLICIT,))))


def test_a_context_id_has_to_be_unique() -> None:
    with pytest.raises(ProtocolError, match="context ID of 5"):
        decode_request(asked(*[Proposed(5, CT, (IMPLICIT,))] * 2))


@pytest.mark.parametrize(
    "raw",
    [
        pdu(wire.RQ),
        asked(Proposed(1, CT, (IMPLICIT,)))[:-1],
        asked(called=""),
        asked(called="A\\B"),
        asked(Proposed(1, "1" * 65, (IMPLICIT,))),
        asked(Proposed(1, CT, ("é",))),
        asked(items=role("1" * 65, 0, 1)),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^sent an A-ASSOCIATE"):
        decode_request(raw)


def test_a_request_is_answered() -> None:
    raw = asked(*[Proposed(n, CT, (JPEG, IMPLICIT)) for n in (1, 5)], Proposed(9, PRIVATE, ()))
    request = decode_request(raw)
    results = [Context(1, CT, JPEG, 0), Context(5, CT, "", 4), Context(9, PRIVATE, "", 3)]
    answer = theirs.A_ASSOCIATE_AC()
    answer.decode(encode_acceptance(request, results, max_pdu=131072))
    assert [
        (each.context_id, each.result, each.transfer_syntax) for each in answer.presentation_context
    ] == [(1, 0, JPEG), (5, 4, JPEG), (9, 3, IMPLICIT)]
    assert (answer.called_ae_title, answer.calling_ae_title) == ("WS1", "PACS")
    user = answer.user_information
    assert user.maximum_length == 131072
    assert user.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert user.implementation_version_name == IMPLEMENTATION_VERSION_NAME


def test_roles_are_granted_by_sop_class() -> None:
    raw = asked(
        *[Proposed(n, CT, (IMPLICIT,)) for n in (1, 3)],
        *[Proposed(n, uid, (IMPLICIT,)) for n, uid in ((5, COMMITMENT), (7, VERIFICATION))],
        items=role(CT, 0, 1) + role(COMMITMENT, 0, 1),
    )
    results = [
        Context(1, CT, IMPLICIT, 0, scp=True),
        Context(3, CT, IMPLICIT, 0, scp=True),
        Context(5, COMMITMENT, "", 3, scp=True),
        Context(7, VERIFICATION, IMPLICIT, 0),
    ]
    answer = theirs.A_ASSOCIATE_AC()
    answer.decode(encode_acceptance(decode_request(raw), results, max_pdu=16384))
    roles = answer.user_information.role_selection
    assert [(uid, each.scu_role, each.scp_role) for uid, each in roles.items()] == [(CT, 0, 1)]


@pytest.mark.parametrize("granted", [True, False])
def test_a_requestor_has_the_role_that_it_is_granted(*, granted: bool) -> None:
    def accept(listener: socket.socket) -> None:
        connection = Connection(listener.accept()[0], 16384)
        request = decode_request(bytes(connection.receive(PATIENCE).content))
        contexts = [
            Context(number, each.abstract_syntax, IMPLICIT, 0, scp=granted and each.scp)
            for number, each in request.proposals.items()
        ]
        connection.send(encode_acceptance(request, contexts, max_pdu=16384), PATIENCE)
        connection.receive(PATIENCE)
        connection.close()

    ae = AE()
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = PATIENCE
    ae.add_requested_context(COMMITMENT, IMPLICIT)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        accepting = pool.submit(accept, listener)
        roles = [build_role(COMMITMENT, scp_role=True)]
        association = ae.associate(*listener.getsockname(), ext_neg=roles)
        found = [(each.as_scu, each.as_scp) for each in association.accepted_contexts]
        association.abort()
        accepting.result(PATIENCE)
    assert found == [(not granted, granted)]


@pytest.mark.parametrize(("result", "source", "reason"), [(1, 1, 7), (2, 3, 2)])
def test_a_request_is_rejected(result: int, source: int, reason: int) -> None:
    raw = encode_rejection(result, source, reason)
    assert raw == wire.reject_pdu(result, source, reason)
    found = theirs.A_ASSOCIATE_RJ()
    found.decode(raw)
    assert (found.result, found.source, found.reason_diagnostic) == (result, source, reason)


# Anything at all

FULL_ANSWER = answered(
    Result(1, 0, IMPLICIT),
    Result(3, 3, EXPLICIT),
    items=role(CT, 1, 1)
    + item(0x56, pack(">H", len(STUDY_FIND)) + STUDY_FIND.encode() + b"\1\1")
    + wire.identity_response(b"ticket"),
)
FULL_REQUEST = encode_request(
    "WS1",
    "PACS",
    [Proposal(CT, scp=True), Proposal(STUDY_FIND, (EXPLICIT, IMPLICIT, JPEG))],
    max_pdu=16384,
    identity=IDENTITIES[1],
    extended={STUDY_FIND: b"\1\1"},
)


def damaged(raw: bytes) -> st.SearchStrategy[bytes]:
    """Change some bytes, and leave some out or put some in."""
    edit = st.tuples(st.integers(6, len(raw)), st.integers(0, 3), st.binary(max_size=4))

    def apply(edits: list[tuple[int, int, bytes]]) -> bytes:
        content = raw
        for at, removed, added in edits:
            content = content[:at] + added + content[at + removed :]
        return content

    return st.lists(edit, min_size=1, max_size=6).map(apply)


@settings(max_examples=500, deadline=None)
@given(damaged(FULL_ANSWER) | st.binary(max_size=300).map(lambda raw: FULL_ANSWER[:74] + raw))
@example(FULL_ANSWER)
def test_any_answer_is_understood_or_refused(raw: bytes) -> None:
    try:
        answer = decode_acceptance(raw, TWO)
    except ProtocolError:
        return
    for context, proposal in zip(answer.contexts, TWO, strict=True):
        assert context.transfer_syntax in ("", *proposal.transfer_syntaxes)
        assert bool(context.transfer_syntax) is (context.result == 0)
        assert str(context).isprintable()
    assert answer.max_pdu >= 0
    assert answer.implementation.isprintable()


@settings(max_examples=500, deadline=None)
@given(damaged(FULL_REQUEST) | st.binary(max_size=300).map(lambda raw: FULL_REQUEST[:74] + raw))
@example(FULL_REQUEST)
def test_any_request_is_understood_and_answered_or_refused(raw: bytes) -> None:
    try:
        request = decode_request(raw)
    except ProtocolError:
        return
    results = [
        Context(number, each.abstract_syntax, (*each.transfer_syntaxes, "")[0], number % 3)
        for number, each in request.proposals.items()
    ]
    answer = theirs.A_ASSOCIATE_AC()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's own, of UIDs that are none
        answer.decode(encode_acceptance(request, results, max_pdu=0))
    assert [each.context_id for each in answer.presentation_context] == list(request.proposals)


@pytest.mark.parametrize(
    "items",
    [
        item(0x10) * 130_000,
        item(0x7F) * 130_000,
        item(0x50, item(0x55) * 16_000) * 8,
        item(0x50, item(0x7F) * 16_000) * 8,
        item(0x21, bytes(4) + item(0x40, b"1.2") * 9_000) * 8,
        item(0x50, role("1.2", 1, 1) * 5_000) * 8,
    ],
)
@pytest.mark.parametrize("decode", [decode_request, lambda raw: decode_acceptance(raw, TWO)])
def test_an_answer_of_half_a_megabyte_does_not_take_long(
    items: bytes, decode: Callable[[bytes], object]
) -> None:
    began = monotonic()
    decode(pdu(wire.AC, FIXED + items))
    assert monotonic() - began < 5


SILENT = """
import sys
sys.path.insert(0, {root!r})
from tests.net.test_negotiation import *
decode_acceptance(answered(Result(1, 0, "abc")), TWO)
unread = item(0x21, bytes(4) + item(0x40, b"\\xe9"))
for raw in (answered_by(unread), answered(Result(1, 0, LONG * 2))):
    try:
        decode_acceptance(raw, TWO)
    except ProtocolError:
        continue
    raise AssertionError
request = decode_request(asked(Proposed(1, "abc", ("abc", "1.02.3", PRIVATE, CT))))
encode_acceptance(request, [Context(1, "abc", "abc", 0)], max_pdu=0)
encode_request("A", "B", [Proposal("1.02.3", ("1.02.3", CT))], max_pdu=0)
"""


def test_nothing_of_it_reaches_stderr() -> None:
    root = str(__file__).rpartition("/tests/")[0]
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", SILENT.format(root=root)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")

"""What a peer offers, against peers that offer much, little, nothing and too late."""

from pathlib import Path

import pytest

from dcmtools.config import Config
from dcmtools.dataset.dictionary import meta_sop_classes, sop_classes
from dcmtools.errors import AssociationError
from dcmtools.net.access import Access
from dcmtools.net.echo import VERIFICATION
from dcmtools.net.peer import find_peer
from dcmtools.net.probe import Probe, Prober, probe
from tests.factories import EXPLICIT, IMPLICIT, JPEG
from tests.interop.peers import StorescpPeer
from tests.net.scripted import Connection, Scripted
from tests.net.steps import accept, close, reject, wait_association
from tests.net.wire import CT, Result

MR = "1.2.840.10008.5.1.4.1.1.4"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
PRINT = "1.2.840.10008.5.1.1.9"


def offering(offers: dict[str, tuple[str, ...]]) -> list[object]:
    """Accept these SOP classes, each with the first of its own syntaxes that is proposed."""

    def step(c: Connection) -> None:
        results = []
        for number, sop_class, proposed in c.read_request().proposed:
            chosen = next((s for s in offers.get(sop_class, ()) if s in proposed), "")
            code = 0 if chosen else 4 if sop_class in offers else 3
            results.append(Result(number, code, chosen or IMPLICIT))
        accept(contexts=results)(c)

    return [step]


def ask(address: str, **more: object) -> Probe:
    """Probe a peer."""
    (found,) = Prober(Access(find_peer(address, Config())), **more).run()  # type: ignore[arg-type]
    return found


def test_what_is_offered_is_found_and_nothing_else() -> None:
    offers = {
        VERIFICATION: (IMPLICIT,),
        MR: (JPEG,),
        CT: (BIG_ENDIAN, JPEG, IMPLICIT, EXPLICIT),
        PRINT: (IMPLICIT, EXPLICIT),
    }
    with Scripted(offering(offers)) as peer:
        found = ask(peer.address)
        peer.wait(lambda it: it.endings.count("release") == len(it.requests))
    assert (found.peer, found.implementation) == (peer.address, "SCRIPTED")
    # In the order of the standard, whatever that of the peer; uncompressed syntaxes first.
    assert list(found.offers.items()) == [
        (VERIFICATION, (IMPLICIT,)),
        (CT, (EXPLICIT, IMPLICIT, JPEG, BIG_ENDIAN)),
        (MR, (JPEG,)),
        (PRINT, (EXPLICIT, IMPLICIT)),
    ]


def test_all_sop_classes_are_proposed_in_associations_that_hold_them() -> None:
    with Scripted(offering({CT: (EXPLICIT,)})) as peer:
        ask(peer.address)
        *first, last = (request.proposed for request in peer.requests)
    assert [len(proposed) for proposed in first] == [128, 128, 57]
    asked = [context.abstract_syntax for proposed in first for context in proposed]
    assert asked == [*sop_classes(), *meta_sop_classes()]
    # Then what was accepted, with each other syntax alone.
    assert {context.abstract_syntax for context in last} == {CT}
    alone = [context.transfer_syntaxes for context in last]
    assert {len(syntaxes) for syntaxes in alone} == {1}
    assert {*alone, (EXPLICIT,)} == {(syntax,) for syntax in first[0][0].transfer_syntaxes}
    assert (EXPLICIT,) not in alone


def test_a_peer_that_offers_nothing() -> None:
    with Scripted(offering({})) as peer:
        assert ask(peer.address).offers == {}
        assert len(peer.requests) == 3


def test_how_far_it_has_come() -> None:
    told: list[tuple[int, int]] = []
    with Scripted(offering({CT: (EXPLICIT,), MR: (EXPLICIT,)})) as peer:
        ask(peer.address, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3), (4, 4)]


def test_a_rejection() -> None:
    with (
        Scripted(reject(1, 1, 3)) as peer,
        pytest.raises(AssociationError, match="calling AE title"),
    ):
        probe(Access(find_peer(peer.address, Config())))


def test_a_peer_that_gives_up_half_way() -> None:
    with (
        Scripted(offering({}), offering({}), [wait_association(), close()]) as peer,
        pytest.raises(Exception, match="closed the connection") as caught,
    ):
        ask(peer.address)
    assert caught.value.what == peer.address  # type: ignore[attr-defined]


def test_a_peer_that_is_busy_for_a_moment_is_asked_again_where_we_wait() -> None:
    retried: list[Exception] = []
    with Scripted(reject(2, 3, 2), offering({CT: (EXPLICIT,)})) as peer:
        found = ask(peer.address, wait=30.0, retried=retried.append)
    assert list(found.offers) == [CT]
    assert len(retried) == 1


def test_storescp_of_dcmtk(tmp_path: Path) -> None:
    with StorescpPeer(tmp_path / "peer") as peer:
        found = ask(peer.address)
    assert found.implementation.startswith("OFFIS_DCMTK")
    assert {EXPLICIT, IMPLICIT, JPEG} <= set(found.offers[CT])
    assert len(found.offers) > 100

"""One object on an association: every byte of it arrives, and what became of it is told."""

from __future__ import annotations

import os
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcmtools.dataset.outgoing import look_at
from dcmtools.errors import (
    AssociationError,
    BusyError,
    ConnectionFailedError,
    DcmtoolsError,
    InputError,
    NotOfferedError,
    OutputError,
)
from dcmtools.net.association import Association
from dcmtools.net.parcel import Ready, Stamp, Treatment
from dcmtools.net.status import Service, Status
from dcmtools.net.store import Sent, send
from tests.net.scripted import Scripted
from tests.net.sending import access, answering, data_of, leg, make, objects
from tests.net.steps import abort, accept, answer, close, hang, wait_for
from tests.net.wire import C_STORE, CT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dcmtools.dataset.outgoing import Outgoing
    from tests.net.scripted import Step


@pytest.fixture
def one(tmp_path: Path) -> Outgoing:
    """Make an object."""
    return objects(tmp_path, 1, 5000)[0]


@contextmanager
def associated(peer: Scripted, outgoing: Outgoing, dimse: float = 20.0) -> Iterator[Association]:
    """Open an association on which an object can go."""
    with Association(access(peer, dimse=dimse), leg([outgoing]).proposals) as association:
        yield association


def sent(association: Association, outgoing: Outgoing) -> Sent:
    """Send an object."""
    with closing(Ready(outgoing, association.contexts, Treatment())) as ready:
        return send(association, ready, lambda: None)


def test_a_success(one: Outgoing) -> None:
    with Scripted(answering()) as peer, associated(peer, one) as association:
        done = sent(association, one)
        assert done.status == Status(0, service=Service.STORAGE)
        assert (done.arrived, done.lost, done.may_pass, done.error) == (True, False, False, None)
        assert done.transfer_syntax == one.transfer_syntax
        assert done.stamp == Stamp.of(one.path)
        assert 0 < done.seconds < 20
        (message,) = peer.messages
        assert message.data == data_of(one)
        assert message.command == {
            "CommandGroupLength": message.command["CommandGroupLength"],
            "AffectedSOPClassUID": CT,
            "CommandField": C_STORE,
            "MessageID": 1,
            "Priority": 0,
            "CommandDataSetType": message.command["CommandDataSetType"],
            "AffectedSOPInstanceUID": "1.2.1",
        }
        assert message.command["CommandDataSetType"] != 0x0101


SIZES = [0, 2, 3000, 131066 - 60, 131066, 131068, (1 << 20) - 60, (1 << 20) + 2, 2_500_000]


@pytest.mark.parametrize("longest", [4096, 16384, 65536, 131072, 1 << 20, 0xFFFFFFFF, 0, None])
def test_every_byte_arrives_whatever_the_peer_takes(tmp_path: Path, longest: int | None) -> None:
    items = [
        look_at(make(tmp_path / f"{n}.dcm", f"1.2.{n}", size)) for n, size in enumerate(SIZES, 1)
    ]
    with Scripted(answering(accepted=accept(max_length=longest))) as peer:
        with associated(peer, items[0]) as association:
            assert all(sent(association, each).arrived for each in items)
        assert [each.data for each in peer.messages] == [data_of(each) for each in items]
        assert [each.message_id for each in peer.messages] == [*range(1, len(items) + 1)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(20, 5000), st.lists(st.integers(0, 6000), min_size=1, max_size=4))
def test_every_byte_arrives_in_pdus_of_any_size(
    tmp_path: Path, longest: int, sizes: list[int]
) -> None:
    items = [
        look_at(make(tmp_path / f"{n}.dcm", f"1.2.{n}", size)) for n, size in enumerate(sizes, 1)
    ]
    with Scripted(answering(accepted=accept(max_length=longest))) as peer:
        with associated(peer, items[0]) as association:
            assert all(sent(association, each).arrived for each in items)
        assert [each.data for each in peer.messages] == [data_of(each) for each in items]


def test_meanwhile_is_while_the_peer_works(one: Outgoing) -> None:
    gate, calls = threading.Event(), 0

    def meanwhile() -> None:
        nonlocal calls
        calls += 1
        gate.set()  # without this there would be no answer

    answers = answering(lambda *_: [wait_for(gate), answer()])
    with Scripted(answers) as peer, associated(peer, one) as association:
        ready = Ready(one, association.contexts, Treatment())
        with closing(ready):
            assert send(association, ready, meanwhile).arrived
    assert calls == 1


@pytest.mark.parametrize(
    ("what", "kind", "why"),
    [
        (abort(), AssociationError, "aborted the association"),
        (close(), AssociationError, "closed the connection"),
        (hang(), ConnectionFailedError, "sent nothing for 0.3 s"),
        (answer(MessageIDBeingRespondedTo=9), AssociationError, "answered to message 9"),
        (answer(None), AssociationError, "answered without a status"),
    ],
)
def test_a_loss(
    one: Outgoing, what: Step | Sequence[Step], kind: type[DcmtoolsError], why: str
) -> None:
    with Scripted(answering(lambda *_: what)) as peer, associated(peer, one, 0.3) as association:
        done = sent(association, one)
        assert not association.is_open
    assert isinstance(done.error, kind)
    assert why in str(done.error)
    assert (done.arrived, done.lost, done.may_pass, done.status) == (False, True, True, None)


def test_a_file_that_cannot_be_read_leaves_the_association(one: Outgoing, tmp_path: Path) -> None:
    (other,) = objects(tmp_path, 1, first=2)
    with Scripted(answering()) as peer, associated(peer, one) as association:
        with closing(Ready(one, association.contexts, Treatment())) as ready:
            os.truncate(one.path, 500)
            done = send(association, ready, lambda: pytest.fail("nothing was sent"))
        assert isinstance(done.error, InputError)
        assert (done.arrived, done.lost, done.may_pass) == (False, False, False)
        assert association.is_open
        assert not association.owes_answer
        assert sent(association, other).arrived
        assert len(peer.messages) == 1


@pytest.mark.parametrize(
    ("code", "arrived", "may_pass"),
    [
        (0x0000, True, False),
        (0xB000, True, False),
        (0xB007, True, False),
        (0xA700, False, True),
        (0xA7FF, False, True),
        (0x0213, False, True),
        (0xA900, False, False),
        (0xC000, False, False),
        (0x0111, False, False),
        (0xFE00, False, False),
        (0xFF00, False, False),
        (0x1234, False, False),
    ],
)
def test_what_a_status_means(one: Outgoing, code: int, *, arrived: bool, may_pass: bool) -> None:
    with Scripted(answering(lambda *_: code)) as peer, associated(peer, one) as association:
        done = sent(association, one)
        assert done.status is not None
        assert done.status.code == code
        assert (done.arrived, done.may_pass, done.lost) == (arrived, may_pass, False)


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (AssociationError("peer", "aborted"), True),
        (BusyError("peer", "is busy"), True),
        (ConnectionFailedError("peer", "is silent"), True),
        (NotOfferedError("file", "is not taken"), False),
        (InputError("file", "is cut"), False),
        (OutputError("disk", "is full"), False),
        (None, False),
    ],
)
def test_what_may_go_well_another_time(
    one: Outgoing, error: DcmtoolsError | None, *, lost: bool
) -> None:
    done = Sent(one, one.sop_instance, error=error)
    assert (done.lost, done.may_pass, done.arrived) == (lost, lost, False)

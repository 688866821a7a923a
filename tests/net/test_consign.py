"""Sending files from Python: what is given back, in which order, and what is left early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import dcmtools
from dcmtools import Access, Journal, Peer, Policy, Sent, Transcoder, Treatment, Unsent, store
from dcmtools.dataset.edit import parse_assignment
from dcmtools.dataset.files import find_files
from dcmtools.dataset.new_uids import NewUids
from dcmtools.errors import InputError, NotDicomError, NotOfferedError, OutputError
from dcmtools.net.consign import Consignment
from dcmtools.net.plan import Transcode
from tests.cli.storing import ROOT, data_set, instances, make, stored, taker, uid
from tests.disks import mounted
from tests.factories import EXPLICIT, IMPLICIT, JPEG, part10, write
from tests.net.scripted import Scripted
from tests.net.steps import accept
from tests.net.wire import CT

if TYPE_CHECKING:
    from pathlib import Path


def to(peer: Scripted) -> Access:
    return Access(Peer("peer", "127.0.0.1", peer.port))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder of three objects and two other files."""
    for number in (1, 2, 3):
        make(tmp_path / "in", number)
    write(tmp_path / "in" / "cut.dcm", part10(data_set(4))[:-4])
    write(tmp_path / "in" / "notes.txt", b"no DICOM " * 50)
    return tmp_path / "in"


def test_the_fate_of_each_file(folder: Path) -> None:
    with Scripted(taker({uid(2): 0xA900})) as peer:
        events = list(store(to(peer), [str(folder), folder / "nothing"]))
    unsent = [each for each in events if isinstance(each, Unsent)]
    assert events[: len(unsent)] == unsent
    assert [(each.path.name, type(each.error), each.named) for each in unsent] == [
        ("notes.txt", NotDicomError, False),
        ("nothing", InputError, True),
    ]
    sent = {each.outgoing.path.name: each for each in events if isinstance(each, Sent)}
    assert {name: each.arrived for name, each in sent.items()} == {
        "0001.dcm": True,
        "0002.dcm": False,
        "0003.dcm": True,
        "cut.dcm": False,
    }
    assert sent["0002.dcm"].status is not None
    assert sent["0002.dcm"].status.code == 0xA900
    assert isinstance(sent["cut.dcm"].error, InputError)
    assert sent["0001.dcm"].transfer_syntax == EXPLICIT
    assert instances(peer) == [uid(1), uid(2), uid(3)]


def test_nothing_is_done_before_it_is_asked_for(folder: Path) -> None:
    with Scripted(taker()) as peer:
        store(to(peer), [folder])
        assert peer.received == []


def test_a_peer_that_is_not_there(folder: Path) -> None:
    with Scripted(taker()) as peer:
        access = to(peer)
    events = [each for each in store(access, [folder]) if isinstance(each, Sent)]
    assert [each.attempts for each in events] == [0] * 4
    assert all(each.error is not None and "refused" in each.error.why for each in events)


def test_several_associations(tmp_path: Path) -> None:
    for number in range(1, 30):
        make(tmp_path, number)
    with Scripted(taker()) as peer:
        events = list(store(to(peer), [tmp_path], policy=Policy(jobs=3)))
    assert sum(isinstance(each, Sent) and each.arrived for each in events) == 29
    assert len(peer.requests) <= 3


def test_changes(tmp_path: Path) -> None:
    make(tmp_path, 1)
    make(tmp_path, 2)
    uids = NewUids(b"salt")
    treatment = Treatment(assignments=(parse_assignment("PatientID=X"),), uids=uids)
    with Scripted(taker()) as peer:
        events = list(store(to(peer), [tmp_path], treatment))
    assert instances(peer) == [uids(uid(1)), uids(uid(2))]
    assert [each.sop_instance for each in events if isinstance(each, Sent)] == instances(peer)
    for message in stored(peer):
        assert uids(f"{ROOT}.1.1").encode() in (message.data or b"")
        assert b"PID-1" not in (message.data or b"")


def test_encoding_anew_needs_somebody_who_does(tmp_path: Path) -> None:
    file = write(tmp_path / "a", part10(data_set(1), JPEG))
    with Scripted(taker(accepted=accept(syntaxes=[EXPLICIT]))) as peer:
        (alone,) = store(to(peer), [file])
        with Transcoder() as transcoder:
            treatment = Treatment(Transcode.LOSSLESS, transcoder.transcode)
            (asked,) = store(to(peer), [file], treatment)
    assert isinstance(alone, Sent)
    assert isinstance(asked, Sent)
    assert isinstance(alone.error, NotOfferedError)
    assert not isinstance(asked.error, NotOfferedError)


def test_further_transfer_syntaxes(tmp_path: Path) -> None:
    file = make(tmp_path, 1)
    with Scripted(taker()) as peer:
        list(store(to(peer), [file], propose=(JPEG,)))
    assert {each[1:] for each in peer.requests[0].proposed} == {
        (CT, (EXPLICIT,)),
        (CT, (JPEG,)),
        (CT, (IMPLICIT,)),
    }


def test_a_journal(folder: Path, tmp_path: Path) -> None:
    with Scripted(taker({uid(2): 0xC000}), taker()) as peer:
        for expected in ([uid(1), uid(2), uid(3)], [uid(2)], []):
            before = len(instances(peer))
            with Journal(tmp_path / "journal", "peer", ()) as journal:
                events = list(store(to(peer), [folder], journal=journal))
            assert instances(peer)[before:] == expected
        done = [each for each in events if isinstance(each, Unsent) and each.error is None]
    assert [each.path.name for each in done] == ["0001.dcm", "0002.dcm", "0003.dcm"]
    assert all(each.outgoing is not None for each in done)


def test_a_journal_that_cannot_be_written_ends_it(tmp_path: Path) -> None:
    for number in range(1, 200):
        make(tmp_path / "in", number)
    with mounted(tmp_path / "disk", "size=4k") as disk, Scripted(taker()) as peer:
        with Journal(disk / "journal", "peer", ()) as journal:
            events = list(store(to(peer), [tmp_path / "in"], journal=journal))
        sent = [each for each in events if isinstance(each, Sent)]
        assert sum(each.arrived for each in sent) == len(instances(peer)) < 199
    untried = [each for each in sent if not each.attempts]
    assert len(untried) == 199 - len(instances(peer))
    assert all(isinstance(each.error, OutputError) for each in untried)


def test_what_is_left_early(tmp_path: Path) -> None:
    for number in range(1, 500):
        make(tmp_path, number)
    with Scripted(taker()) as peer:
        events = store(to(peer), [tmp_path])
        next(events)
        events.close()
        peer.wait(lambda peer: peer.endings)
        assert peer.endings[0] == "release"
        assert len(instances(peer)) < 499


def test_the_rest_is_told_of_once(tmp_path: Path) -> None:
    for number in range(1, 300):
        make(tmp_path, number)
    with Scripted(taker()) as peer:
        consignment = Consignment(to(peer), policy=Policy(jobs=2))
        assert len(list(consignment.look_at(find_files([str(tmp_path)])))) == 299
        assert list(consignment.rest()) == []
        events = consignment.send()
        first = [next(events), next(events)]
        events.close()
        rest = list(consignment.rest())
    told = [each for each in (*first, *rest) if isinstance(each, Sent)]
    assert sorted(each.outgoing.path.name for each in told) == [
        f"{number:04}.dcm" for number in range(1, 300)
    ]
    assert {each.sop_instance for each in told if each.arrived} == set(instances(peer))
    assert {each.attempts for each in told if not each.arrived} == {0}


def test_a_file_twice_is_told_of_twice(tmp_path: Path) -> None:
    file = make(tmp_path, 1)
    with Scripted(taker()) as peer:
        consignment = Consignment(to(peer))
        list(consignment.look_at(find_files([str(file), str(file)])))
        assert len(list(consignment.send())) == 2
        assert list(consignment.rest()) == []


def test_it_is_public() -> None:
    assert {"store", "Policy", "Sent", "Treatment", "Unsent"} <= set(dcmtools.__all__)
    assert dcmtools.store is store

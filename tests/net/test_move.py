"""C-MOVE: what is asked for, what becomes of it, and what is advised where it fails."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from dcmtools.config import Peer
from dcmtools.dataset.query_models import PATIENT_ROOT, STUDY_ROOT, Model, QueryLevel
from dcmtools.errors import ConnectionFailedError, NotOfferedError
from dcmtools.net import retrieve
from dcmtools.net.access import Access
from dcmtools.net.admission import Rules
from dcmtools.net.crew import Crew
from dcmtools.net.move import Mover, advice
from dcmtools.net.retrieve import Counts, Retrieved, Unit
from dcmtools.net.scp import Receiver
from dcmtools.net.status import CANCEL, Status
from dcmtools.net.storage import Storage
from tests.net.archive import Archive, make
from tests.net.scripted import Connection, Script, Scripted
from tests.net.steps import (
    accept,
    answer,
    close,
    hang,
    pending,
    serve,
    wait_cancel,
    wait_request,
)
from tests.net.wire import C_MOVE, STUDY_MOVE, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STUDY = Unit(QueryLevel.STUDY, study="1.2")


@contextmanager
def moving(
    script: Script, model: Model = STUDY_ROOT, **settings: float | None
) -> Iterator[tuple[Mover, Scripted]]:
    with Scripted(script) as peer:
        given = {"dimse_timeout": None, **settings}
        access = Access(Peer("peer", "127.0.0.1", peer.port), **given)  # type: ignore[arg-type]
        with Mover(access, model, "DEST") as mover:
            yield mover, peer


def test_objects_go_to_the_destination(tmp_path: Path) -> None:
    objects = [make(f"1.2.1.{n}", size=n * 100) for n in range(1, 6)]
    with Receiver(Storage(tmp_path), Rules("DEST"), 0, host="127.0.0.1") as receiver:
        archive = Archive(objects, destinations={"DEST": ("127.0.0.1", receiver.port)})
        told: list[Counts] = []
        with moving(archive.script()) as (mover, peer):
            done = mover.retrieve(STUDY, told.append)
            command = peer.messages[0].command
    assert (command["CommandField"], command["MoveDestination"]) == (C_MOVE, "DEST")
    assert archive.queries == [("move STUDY", {"StudyInstanceUID": "1.2"})]
    assert done == Retrieved(STUDY, Status(0), Counts(None, 5, 0, 0))
    assert [counts.remaining for counts in told] == [5, 4, 3, 2, 1, None]
    stored = [Instance.read(path) for path in sorted(tmp_path.iterdir())]
    assert stored == [each.instance for each in objects]


def test_many_units_on_one_association(tmp_path: Path) -> None:
    objects = [make(f"1.{n}.1.1", f"1.{n}", f"1.{n}.1") for n in range(2, 8)]
    with Receiver(Storage(tmp_path), Rules("DEST"), 0, host="127.0.0.1") as receiver:
        archive = Archive(objects, destinations={"DEST": ("127.0.0.1", receiver.port)})
        with moving(archive.script()) as (mover, peer):
            for n in range(2, 8):
                unit = Unit(QueryLevel.STUDY, study=f"1.{n}")
                assert mover.retrieve(unit, lambda _: None).counts.done == 1
            assert len(peer.requests) == 1
            assert [each.message_id for each in peer.messages] == [1, 2, 3, 4, 5, 6]


def test_a_patient() -> None:
    archive = Archive([])
    with moving(archive.script(), PATIENT_ROOT) as (mover, _):
        mover.retrieve(Unit(QueryLevel.PATIENT, "P1"), lambda _: None)
    assert archive.queries == [("move PATIENT", {"PatientID": "P1"})]


def test_not_offered() -> None:
    with Scripted([accept(refuse={STUDY_MOVE: 4})]) as peer:
        access = Access(Peer("peer", "127.0.0.1", peer.port))
        with pytest.raises(NotOfferedError, match="transfer syntaxes not supported"):
            Mover(access, STUDY_ROOT, "DEST")
        peer.wait(lambda peer: peer.endings)
        assert peer.endings[0] == "release"


# Quiet peers


def test_a_peer_may_be_quiet_for_as_long_as_it_takes() -> None:
    """Longer than any time-out that there is for anything else."""
    quiet = threading.Event()
    timer = threading.Timer(1.5, quiet.set)
    timer.start()
    script = [accept(), wait_request(), lambda c: c.pause(quiet), pending(None, 3, 0, 0, status=0)]
    with moving(script, acse_timeout=0.3, connect_timeout=0.3) as (mover, _):
        done = mover.retrieve(STUDY, lambda _: None)
    timer.join()
    assert done.counts.done == 3


def test_a_limit_is_kept() -> None:
    begun = monotonic()
    with moving([accept(), wait_request(), hang()], dimse_timeout=0.3) as (mover, _):
        done = mover.retrieve(STUDY, lambda _: None)
    assert isinstance(done.error, ConnectionFailedError)
    assert 0.3 <= monotonic() - begun < 3


# Ends


def test_leaving_cancels_what_is_under_way() -> None:
    script = [accept(), wait_request(), pending(9, 1, 0, 0), wait_cancel(), answer(0xFE00)]
    with Scripted(script) as peer:
        access = Access(Peer("peer", "127.0.0.1", peer.port), dimse_timeout=None)
        with closing(Crew(lambda: Mover(access, STUDY_ROOT, "DEST"), [STUDY]).run()) as events:
            next(events)
        peer.wait(lambda peer: peer.endings)
        assert peer.endings[0] == "release"


def test_what_was_sent_before_it_was_stopped_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error between request and response leaves nothing under way."""
    monkeypatch.setattr(retrieve, "PATIENCE", 1.0)

    def fail(_: Counts) -> None:
        raise ZeroDivisionError

    script = [accept(), wait_request(), pending(9, 1, 0, 0), wait_cancel(), answer(0xFE00)]
    with moving(script) as (mover, peer), pytest.raises(ZeroDivisionError):
        mover.retrieve(STUDY, fail)
    with moving(script) as (mover, peer):
        with pytest.raises(ZeroDivisionError):
            mover.retrieve(STUDY, fail)
        mover.__exit__(None, None, None)
        assert peer.endings[0] == "release"


def test_interrupting_needs_no_peer() -> None:
    begun = threading.Event()

    def silent(c: Connection) -> None:
        begun.set()
        c.watch()

    with moving([accept(), wait_request(), silent]) as (mover, _):
        waiting = threading.Thread(target=lambda: (begun.wait(10), mover.interrupt()))
        waiting.start()
        done = mover.retrieve(STUDY, lambda _: None)
        waiting.join()
    assert done.error is not None


def test_losing_it_between_two_units() -> None:
    """The second unit fails as a whole, before it is asked for or after."""
    with moving(serve({C_MOVE: [answer(), close()]})) as (mover, _):
        assert mover.retrieve(STUDY, lambda _: None).status == Status(0)
        failed: list[BaseException | None] = []
        try:
            failed.append(mover.retrieve(STUDY, lambda _: None).error)
        except Exception as error:  # noqa: BLE001 - either is right
            failed.append(error)
    assert "closed" in str(failed[0]) or "reset" in str(failed[0])  # as the kernel has it


# Advice


@pytest.mark.parametrize(
    ("code", "counts", "pattern"),
    [
        (0xC000, Counts(), "may not know DEST as a destination, with host and port"),
        (0xC123, Counts(None, 0, 0, 0), "may not know DEST as a destination, with host and port"),
        (0xC000, Counts(None, 3, 1, 0), "its log may tell why"),
        (0xC000, Counts(None, 0, 1, 0), "its log may tell why"),
        (0xA801, Counts(), "no such AE title"),
        (0xA702, Counts(), "cannot send to the destination"),
        (0xB000, Counts(), "did not take everything"),
        (0x0124, Counts(), "no right"),
        (CANCEL, Counts(), ""),
    ],
)
def test_advice(code: int, counts: Counts, pattern: str) -> None:
    said = advice(Retrieved(STUDY, Status(code), counts), "DEST")
    assert pattern in said
    assert bool(pattern) == bool(said)
    if counts.total:
        assert "DEST" not in said


def test_advice_where_there_is_no_status() -> None:
    lost = Retrieved(STUDY, error=ConnectionFailedError("PEER", "gone", "Look for it."))
    assert advice(lost, "DEST") == "Look for it."
    assert advice(Retrieved(STUDY), "DEST") == ""

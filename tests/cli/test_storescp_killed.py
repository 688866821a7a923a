"""Kill ``storescp`` amid a transfer, again and again.

What has a name is whole, what was acknowledged is there, and the next one sweeps up the rest.
"""

from __future__ import annotations

import os
import random
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from dcmtools.errors import AssociationError, ConnectionFailedError
from dcmtools.net.association import Association
from dcmtools.net.command import DATA_SET_FOLLOWS, Command, CommandField
from dcmtools.net.negotiation import Proposal
from tests.factories import EXPLICIT, element
from tests.net.hostile import Server, padded
from tests.net.sending import access
from tests.net.wire import CT, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ROUNDS = 50
JOBS = 4
MIB = 1 << 20
BYTES = os.urandom(20 * MIB)
"""What pixel data are made of; each object begins somewhere else in it."""


def make(uid: str, size: int, start: int = 0) -> bytes:
    """Make a data set."""
    data = element(0x00080016, "UI", padded(CT)) + element(0x00080018, "UI", padded(uid))
    return data + element(0x7FE00010, "OW", BYTES[start : start + size])


@dataclass
class Round:
    """One transfer, and when it is to be cut off.

    Parameters
    ----------
    moment : str
        What the process is killed after: "bytes" that were sent, objects that were "sent" to their
        end, objects that were "acknowledged".
    count : int
        How many of them.
    """

    moment: str
    count: int
    server: Server
    sent: dict[str, bytes] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    happened: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, moment: str, count: int = 1) -> None:
        """Kill the process once that has happened often enough."""
        with self.lock:
            if moment == self.moment:
                self.happened += count
            if self.happened >= self.count:
                self.server.process.kill()

    def send_all(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Send objects on an association, until that is lost."""
        with (
            suppress(AssociationError, ConnectionFailedError),
            Association(access(self.server.address[1]), [Proposal(CT, (EXPLICIT,))]) as association,
        ):
            (context,) = association.contexts
            for uid, data in objects:
                self.sent[uid] = data
                command = Command(
                    CommandField.C_STORE_RQ,
                    association.next_message_id(),
                    sop_class=CT,
                    sop_instance=uid,
                    priority=0,
                    data_set=DATA_SET_FOLLOWS,
                )
                association.send_object(context, command, Counted(data, self), uid)
                self.note("sent")
                answer = association.response_to(
                    command.message_id or 0, CommandField.C_STORE_RSP
                ).command
                assert answer.status == 0
                self.acknowledged.add(uid)
                self.note("acknowledged")


class Counted:
    """A data set that tells of each piece of it that is taken to be sent."""

    def __init__(self, data: bytes, of: Round) -> None:
        self.size = len(data)
        self._data = memoryview(data)
        self._of = of

    def fill(self, slots: Sequence[memoryview], offset: int) -> int:
        """Read from `offset` into buffers."""
        at = offset
        for slot in slots:
            slot[:] = self._data[at : at + len(slot)]
            at += len(slot)
        self._of.note("bytes", at - offset)
        return at - offset


@contextmanager
def killed(folder: Path) -> Iterator[Server]:
    """Have a server that is going to be killed, and see that it has swept up what was left."""
    server = Server(folder, "--fsync", checked=False)
    try:
        assert server.parts == []
        yield server
        server.process.kill()
        assert server.process.wait() == -9
    finally:
        server.close()


def played(number: int, server: Server) -> Round:
    """Send mixed objects on several associations, and kill the receiver amid that."""
    chance = random.Random(number)  # noqa: S311 - no secret
    late = number % 5 == 0
    sizes = [chance.choice([2000, 2000, 20_000, 200_000, 1_500_000]) for _ in range(JOBS * 8)]
    if late:
        sizes[:JOBS] = [20 * MIB - 1000, 2000, 2000, 2000]
        one = Round("sent", 1 + chance.randrange(3), server)
    else:
        moment = chance.choice(["bytes", "sent", "acknowledged"])
        most = sum(sizes) if moment == "bytes" else len(sizes)
        one = Round(moment, chance.randrange(1, most), server)
    objects = [
        (f"1.2.{number + 1}.{n + 1}", make(f"1.2.{number + 1}.{n + 1}", size, 2 * n))
        for n, size in enumerate(sizes)
    ]
    parts = [objects[n : n + 1] if late else objects[n::JOBS] for n in range(JOBS)]
    threads = [threading.Thread(target=one.send_all, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return one


def check(folder: Path, one: Round, before: set[str]) -> set[str]:
    """Look at what is there after the end; give the names of all that is whole."""
    names = {path.name for path in folder.iterdir()}
    finished = {name for name in names if not name.startswith(".dcmtools-")}
    assert all(name.endswith(".part") for name in names - finished)
    assert before <= finished
    for name in finished - before:
        uid = name.removesuffix(".dcm")
        assert uid in one.sent
        found = Instance.read(folder / name)
        assert found == Instance(CT, uid, EXPLICIT, one.sent[uid])
    assert {f"{uid}.dcm" for uid in one.acknowledged} <= finished
    return finished


@pytest.mark.timeout(240)
def test_a_receiver_that_is_killed_fifty_times(tmp_path: Path) -> None:
    folder, finished, acknowledged = tmp_path / "in", set[str](), set[str]()
    cut = left = 0
    for number in range(ROUNDS):
        with killed(folder) as server:
            one = played(number, server)
        left += len(list(folder.glob(".dcmtools-*.part")))
        finished = check(folder, one, finished)
        acknowledged |= one.acknowledged
        cut += len(one.sent) - len(one.acknowledged)
    assert left > 0
    assert cut >= ROUNDS  # they were amid something, again and again
    assert len(acknowledged) >= ROUNDS
    assert acknowledged <= {name.removesuffix(".dcm") for name in finished}
    with Server(folder) as server:  # this one ends in good order, and what is there stays
        assert server.parts == []
        server.check_serves()
        assert set(server.files) == finished | {"2.25.1.dcm"}


def test_what_is_left_of_another_that_lives_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    with Server(folder) as first:
        one = Round("never", 1, first)
        going_on, begun = threading.Event(), threading.Event()

        class Slow(Counted):
            """A data set the second chunk of which comes late."""

            def fill(self, slots: Sequence[memoryview], offset: int) -> int:
                """Read from `offset` into buffers."""
                if offset:
                    begun.set()
                    assert going_on.wait(30)
                return super().fill(slots, offset)

        data = make("1.2.3", 3 * MIB)
        with Association(access(first.address[1]), [Proposal(CT, (EXPLICIT,))]) as association:
            command = Command(
                CommandField.C_STORE_RQ, 1, sop_class=CT, sop_instance="1.2.3", priority=0,
                data_set=DATA_SET_FOLLOWS,
            )  # fmt: skip
            (context,) = association.contexts
            thread = threading.Thread(
                target=association.send_object, args=(context, command, Slow(data, one), "it")
            )
            thread.start()
            assert begun.wait(30)
            with Server(folder, checked=False) as second:
                deadline, pause = monotonic() + 30, threading.Event()
                while not first.parts and monotonic() < deadline:
                    pause.wait(0.01)
                assert len(first.parts) == 1  # the first chunk is there, and stays
                going_on.set()
                thread.join()
                assert association.response_to(1, CommandField.C_STORE_RSP).command.status == 0
                assert second.data("1.2.3") == data

"""Load a ``storescp``: 100 000 C-STOREs of 2 KB on 8 associations, and look for what was lost.

The objects are made in memory, by two processes with our engine. Afterwards each file is held
against what was sent, and the events against the files; the memory and the descriptors of the
receiver are looked at all the while. ::

    python -m tests.bench.load
    python -m tests.bench.load --count 20000 --fsync
"""

import argparse
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from dcmtools.net.association import Association
from dcmtools.net.command import DATA_SET_FOLLOWS, Command, CommandField
from dcmtools.net.negotiation import Proposal
from tests.factories import EXPLICIT, element
from tests.net.hostile import Server, Vitals, padded
from tests.net.sending import access
from tests.net.wire import CT

SIZE = 2048
"""Bytes of a data set, about."""
PROCESSES = 2
SERIES = 100
"""Objects of a series, which is a study of its own."""
SAMPLE = 0.5
"""Seconds from one look at the receiver to the next."""


def uid_of(number: int) -> str:
    """Name an object."""
    return f"1.2.826.0.1.{number}"


def data_of(number: int) -> bytes:
    """Make the data set of an object, no two of which have the same bytes."""
    head = b"".join(
        element(tag, "UI", padded(uid))
        for tag, uid in (
            (0x00080016, CT),
            (0x00080018, uid_of(number)),
            (0x0020000D, f"1.2.826.0.2.{number // SERIES}"),
            (0x0020000E, f"1.2.826.0.3.{number // SERIES}"),
        )
    )
    pixels = number.to_bytes(4, "little") * ((SIZE - len(head) - 12) // 4)
    return head + element(0x7FE00010, "OW", pixels)


class InMemory:
    """A data set that is in memory.

    Parameters
    ----------
    data : bytes
        The data set.
    """

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = memoryview(data)

    def fill(self, slots: Sequence[memoryview], offset: int) -> int:
        """Read from `offset` into buffers."""
        at = offset
        for slot in slots:
            slot[:] = self._data[at : at + len(slot)]
            at += len(slot)
        return at - offset


def send(port: int, numbers: range) -> int:
    """Send objects on an association; count those that the peer says it has."""
    done = 0
    with Association(access(port, dimse=120.0), [Proposal(CT, (EXPLICIT,))]) as association:
        (context,) = association.contexts
        for number in numbers:
            uid, message_id = uid_of(number), association.next_message_id()
            command = Command(
                CommandField.C_STORE_RQ,
                message_id,
                sop_class=CT,
                sop_instance=uid,
                priority=0,
                data_set=DATA_SET_FOLLOWS,
            )
            association.send_object(context, command, InMemory(data_of(number)), uid)
            answer = association.response_to(message_id, CommandField.C_STORE_RSP)
            done += answer.command.status == 0
    return done


def send_all(port: int, parts: Sequence[range]) -> int:
    """Send parts at the same time, each on an association of its own."""
    with ThreadPoolExecutor(len(parts)) as pool:
        return sum(pool.map(send, [port] * len(parts), parts))


@dataclass(frozen=True)
class Outcome:
    """What has come of a load.

    Parameters
    ----------
    seconds : float
        From the first object to the last.
    acknowledged : int
        The objects that the receiver says it has.
    stored, duplicates : int
        The events about objects that were new, and that were not.
    wrong : int
        The files that are not what was sent.
    missing : int
        The objects of which there is no file.
    extra : int
        The files that are none of the objects.
    samples : list of Vitals
        What the receiver needed, while it listened and all the while.
    """

    seconds: float
    acknowledged: int
    stored: int
    duplicates: int
    wrong: int
    missing: int
    extra: int
    samples: list[Vitals]


def load(folder: Path, count: int, associations: int, *, fsync: bool = False) -> Outcome:
    """Load a receiver, and look at all that it has done.

    Parameters
    ----------
    folder : Path
        A folder that is there, for the files and what else there is.
    count : int
        How many objects to send.
    associations : int
        On how many associations, a multiple of 2.
    fsync : bool
        Whether each object is on stable storage before it is acknowledged.
    """
    parts = [range(first, count, associations) for first in range(associations)]
    sharing = [parts[first::PROCESSES] for first in range(PROCESSES)]
    options = ["--fsync"] if fsync else []
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool,
        Server(folder / "in", *options) as server,
    ):
        samples = [server.vitals]
        port, started = server.address[1], perf_counter()
        runs = [pool.submit(send_all, port, share) for share in sharing]
        while wait(runs, SAMPLE).not_done:
            samples.append(server.vitals)
        seconds = perf_counter() - started
        acknowledged = sum(run.result() for run in runs)
        server.check_calm()
        samples.append(server.vitals)
    events = Counter((each["event"], each.get("sop_instance_uid")) for each in server.events)
    told = Counter(event for event, uid in events if uid)
    doubled = sum(times - 1 for (event, _), times in events.items() if event == "stored")
    wrong, missing, extra = check(folder / "in", count)
    return Outcome(
        seconds,
        acknowledged,
        told["stored"],
        told["duplicate"] + doubled,
        wrong,
        missing,
        extra,
        samples,
    )


def check(folder: Path, count: int) -> tuple[int, int, int]:
    """Hold the files against what was sent: count the wrong, the missing, and the others."""
    names = {path.name for path in folder.iterdir()}
    wrong = missing = 0
    for number in range(count):
        name = f"{uid_of(number)}.dcm"
        if name not in names:
            missing += 1
            continue
        raw, data = (folder / name).read_bytes(), data_of(number)
        head = raw[: -len(data)]
        wrong += not raw.endswith(data) or head[128:132] != b"DICM" or len(head) > SIZE
    return wrong, missing, len(names) - (count - missing)


def main() -> None:
    """Load a receiver, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--associations", type=int, default=8)
    parser.add_argument("--fsync", action="store_true", help="wait for the disk, as is the default")
    parser.add_argument("--folder", type=Path, help="where the files go for the time being")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        found = load(Path(folder), chosen.count, chosen.associations, fsync=chosen.fsync)
    print(
        f"{found.acknowledged} of {chosen.count} acknowledged on {chosen.associations} associations"
        f" in {found.seconds:.1f} s: {found.acknowledged / found.seconds:.0f}/s"
    )
    print(
        f"{found.stored} stored, {found.duplicates} doubled, {found.missing} missing,"
        f" {found.wrong} wrong, {found.extra} others"
    )
    at = [found.samples[len(found.samples) * n // 10] for n in (0, 1, 3, 5, 7, 9)]
    at.append(found.samples[-1])
    memory = " ".join(f"{each.memory:.1f}" for each in at)
    print(f"memory at 0, 10, 30, 50, 70, 90, 100 %: {memory} MB; peak {at[-1].peak:.1f} MB")
    print(f"descriptors: at most {max(each.descriptors for each in found.samples)}")
    print(f"threads: at most {max(each.threads for each in found.samples)}")


if __name__ == "__main__":
    main()

"""Run transfers between a sender and a receiver in turn, and time them."""

import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.bench.dump import make_multiframe, make_series
from tests.bench.ends import Receiver, Sender, dcmtk, line, ours, surroundings
from tests.bench.network import peak
from tests.factories import make_ct

ASSOCIATIONS = 4
SMALL = 5000
FEW = 500
"""Small objects for pynetdicom's applications, which take 40 ms for each."""
SHORT = 200
LARGE, LARGEST = 1024, 8192
"""Frames of half a megabyte: 512 MB, and the most that a length can say."""


class Failed(Exception):  # noqa: N818 - as in "the transfer has failed"
    """A transfer that did not do its work, of which no time is worth knowing."""


@dataclass(frozen=True)
class Transfer:
    """One way of getting objects from here to there.

    Parameters
    ----------
    sender : Sender
        What sends.
    receiver : callable
        Makes the receiver, in a folder.
    sources : tuple of Path
        Folders of objects; each has a sender of its own, all at once.
    nodelay : bool
        Let the sender have TCP_NODELAY in its environment.
    delay : float
        Seconds each way between the two.
    """

    sender: Sender
    receiver: Callable[[Path], Receiver]
    sources: tuple[Path, ...]
    nodelay: bool = True
    delay: float = 0.0


class Inputs:
    """What there is to send, made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.one, self.first = self._make("one"), self._make("first")
        for only in (self.one, self.first):
            make_ct(only / "only.dcm")

    def _make(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True)
        return folder

    def _some(self, name: str, source: Path, count: int) -> Path:
        folder = self._make(name)
        for path in sorted(source.rglob("*.dcm"))[:count]:
            (folder / path.name).hardlink_to(path)
        return folder

    @cached_property
    def ct(self) -> Path:
        """A folder of 500 CT images of 530 KB, in four folders."""
        folder = self._make("ct")
        for number, name in enumerate(make_series(folder)):
            part = folder / str(number % ASSOCIATIONS)
            part.mkdir(exist_ok=True)
            Path(name).rename(part / Path(name).name)
        return folder

    @cached_property
    def parts(self) -> tuple[Path, ...]:
        """The four folders of CT images."""
        return tuple(self.ct / str(part) for part in range(ASSOCIATIONS))

    @cached_property
    def short(self) -> Path:
        """A folder of a few of the CT images."""
        return self._some("short", self.ct, SHORT)

    @cached_property
    def small(self) -> Path:
        """A folder of 5000 objects of 2 KB."""
        folder = self._make("small")
        root = "1.2.826.0.1.3680043.8.498.2."
        side = 26  # 1352 bytes of pixels, and some 650 of the rest
        pixels = os.urandom(side * side * 2)
        first = f"{root}{SMALL}"
        name = folder / "first.dcm"
        make_ct(name, SOPInstanceUID=first, Rows=side, Columns=side, PixelData=pixels)
        content = name.read_bytes()
        name.unlink()
        for number in range(SMALL):
            uid = f"{root}{SMALL + number}"
            (folder / f"{number:04}.dcm").write_bytes(content.replace(first.encode(), uid.encode()))
        sys.stdout.write(f"{SMALL} files of {len(content)} bytes\n")
        return folder

    @cached_property
    def few(self) -> Path:
        """A folder of some of the small objects."""
        return self._some("few", self.small, FEW)

    @cached_property
    def largest(self) -> Path:
        """A folder with an object of 4 GB."""
        folder = self._make("largest")
        make_multiframe(folder / "largest.dcm", LARGEST)
        return folder

    @cached_property
    def large(self) -> tuple[Path, ...]:
        """Four folders, each with an object of 512 MB."""
        folders = tuple(self._make(f"large/{part}") for part in range(ASSOCIATIONS))
        for folder in folders:
            make_multiframe(folder / "large.dcm", LARGE)
        return folders


def holds(folder: Path) -> int:
    """Count the objects in a folder of them."""
    return sum(1 for _ in folder.rglob("*.dcm"))


class Bench:
    """Runs transfers in a folder.

    Parameters
    ----------
    folder : Path
        For what is sent, and for what is received.
    runs : int
        How often each transfer counts.
    """

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.inputs = Inputs(folder / "inputs")
        self.runs = runs
        self.slow = max(1, runs // 3)
        self._folder = folder / "receiver"

    def once(self, transfer: Transfer, *, watched: bool = False) -> tuple[float, float, float]:
        """Run a transfer; give its seconds, and the MB of the sender, if watched, and receiver."""
        expected = 1 + sum(holds(source) for source in transfer.sources)
        try:
            with transfer.receiver(self._folder) as receiver:
                first = dcmtk(receiver.port, self.inputs.first)
                self._send([first], surroundings(nodelay=True))
                os.sync()
                with line(receiver.port, transfer.delay) as port:
                    commands = [transfer.sender(port, source) for source in transfer.sources]
                    start = time.perf_counter()
                    if watched:
                        sender = peak(commands[0])
                    else:
                        sender = self._send(commands, surroundings(nodelay=transfer.nodelay))
                    seconds = time.perf_counter() - start
                if receiver.count() != expected:
                    raise Failed(f"{receiver.count()} of {expected} arrived")
                return seconds, sender, receiver.peak()
        except (AssertionError, subprocess.SubprocessError) as error:
            raise Failed(f"{error}") from error
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _send(self, commands: list[list[str]], environment: dict[str, str]) -> float:
        """Run commands at once, and see that each says that it has done its work."""
        with (self._folder / "senders").open("w+") as log:
            processes = [
                subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)
                for command in commands
            ]
            codes = [process.wait() for process in processes]
            if any(codes):
                log.seek(0)
                raise Failed(f"{commands[0][:3]}: exit codes {codes}\n{log.read()[-500:]}")
        return math.nan

    def alternate(self, *transfers: Transfer, runs: int = 0) -> list[float]:
        """Give the median seconds of transfers that run in turn; of a failed one not a number.

        With `runs` given they are slow ones, and have no warm-up.
        """
        times: list[list[float]] = [[] for _ in transfers]
        for turn in range(0 if runs else -1, runs or self.runs):
            for transfer, found in zip(transfers, times, strict=True):
                if any(math.isnan(seconds) for seconds in found):
                    continue
                try:
                    seconds = self.once(transfer)[0]
                except Failed as error:
                    sys.stderr.write(f"{error}\n")
                    seconds = math.nan
                if turn >= 0 or math.isnan(seconds):
                    found.append(seconds)
        return [statistics.median(found) for found in times]

    def start_up(self, receiver: Callable[[Path], Receiver], sender: Sender = ours) -> float:
        """Give the seconds that it takes to send one small object."""
        return self.alternate(Transfer(sender, receiver, (self.inputs.one,)))[0]

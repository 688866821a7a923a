"""Measure ``modify`` against DCMTK's `dcmodify` and ``cp``, and print ratios of whole processes.

Usage: python tests/bench/modify.py [--runs N] [--only NAME[,NAME]] [--folder DIR]

One edit is made in 500 CT images of 530 KB, by each program in a folder of its own, with one call:
ours gets the folder and ``-j 2``, `dcmodify` the names. Each run sets another value, so that none
finds its work done, and is looked at afterwards. What is compared runs in turn, A B A B, with all
that was written before on the disk and without the backups of the run before; the first turn is a
warm-up and the median counts. `dcmodify` and ``cp`` leave it to the system when what they write is
on the disk: ours is shown as it is, which waits for that, against both as they are and followed by
``sync``, and with --no-fsync. A short value in an object of 4 GB is changed in place and into
another file, which both write all of it. The folder should be on a disk: in memory durable writes
cost nothing. Install the package first, not in editable mode.
"""

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.dump import DCMTOOLS, make_multiframe, make_series, report

FRAMES = 8192
"""Frames of half a megabyte: the most that a length can say, 4 GB."""
ROOM = 14 << 30
"""Bytes for an object of 4 GB, its copy and another one that is being written."""
CHUNK = 64 << 20


@dataclass(frozen=True)
class Trial:
    """One way of making an edit.

    Parameters
    ----------
    command : callable
        Gives the command that sets a value.
    changed : tuple of Path
        Files that have that value afterwards; of a copy there are none.
    swept : callable
        Clears away what the run before has left, which takes no time that counts.
    """

    command: Callable[[str], list[str]]
    changed: tuple[Path, ...] = ()
    swept: Callable[[], None] = field(default=lambda: None)


class Bench:
    """Runs trials in turn.

    Parameters
    ----------
    folder : Path
        For the files.
    runs : int
        How often each trial counts.
    """

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        self._values = (f"RUN {number:08}" for number in itertools.count())

    def once(self, trial: Trial) -> float:
        """Run a trial, give its seconds, and see that it has done its work."""
        trial.swept()
        os.sync()
        value = next(self._values)
        start = time.perf_counter()
        subprocess.run(trial.command(value), check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        for path in trial.changed:
            with path.open("rb") as file:
                assert value.encode() in file.read(1 << 16), f"{path} was not modified"
        return seconds

    def alternate(self, *trials: Trial) -> list[float]:
        """Give the median seconds of trials that run in turn, after a warm-up."""
        times: list[list[float]] = [[] for _ in trials]
        for turn in range(-1, self.runs):
            for trial, found in zip(trials, times, strict=True):
                seconds = self.once(trial)
                if turn >= 0:
                    found.append(seconds)
        return [statistics.median(found) for found in times]


def then_sync(command: list[str]) -> list[str]:
    """Let a command be followed by ``sync``, which makes what it has written durable."""
    return ["sh", "-c", '"$@" && sync', "sh", *command]


def ours(where: Path, *options: str) -> Callable[[str], list[str]]:
    """Give our command."""
    return lambda value: [
        DCMTOOLS, "modify", "-q", *options, "-m", f"PatientID={value}", str(where),
    ]  # fmt: skip


def dcmodify(files: list[Path], *options: str, sync: bool = False) -> Callable[[str], list[str]]:
    """Give the command of `dcmodify`."""
    names = [str(path) for path in files]

    def command(value: str) -> list[str]:
        words = ["dcmodify", *options, "-m", f"PatientID={value}", *names]
        return then_sync(words) if sync else words

    return command


def images(bench: Bench) -> None:
    """Make one edit in 500 CT images, with and without backups."""
    folders = [bench.folder / name for name in ("ours", "theirs")]
    folders[0].mkdir()
    make_series(folders[0])
    shutil.copytree(folders[0], folders[1])
    ours_in, theirs_in = (sorted(folder.glob("*.dcm")) for folder in folders)

    def sweep() -> None:
        for folder in folders:
            for path in folder.glob("*.bak*"):
                path.unlink()

    for work, mine, theirs in (
        ("one edit in 500 CT, no backup", ["--no-backup"], ["-nb"]),
        ("one edit in 500 CT, backups", [], []),
    ):
        jobs = ["-j", "2", *mine]
        safe, quick, as_is, synced = bench.alternate(
            Trial(ours(folders[0], *jobs), tuple(ours_in), sweep),
            Trial(ours(folders[0], *jobs, "--no-fsync"), tuple(ours_in), sweep),
            Trial(dcmodify(theirs_in, *theirs), tuple(theirs_in), sweep),
            Trial(dcmodify(theirs_in, *theirs, sync=True), tuple(theirs_in), sweep),
        )
        report(f"{work}, -j 2", "dcmodify, then sync", safe, synced, "<= 1.5")
        report(f"{work}, -j 2", "dcmodify", safe, as_is, "")
        report(f"{work}, --no-fsync", "dcmodify", quick, as_is, "<= 1.5")
    start, theirs_start = bench.alternate(
        Trial(ours(ours_in[0], "--no-backup"), tuple(ours_in[:1])),
        Trial(dcmodify(theirs_in[:1], "-nb"), tuple(theirs_in[:1])),
    )
    report("  start-up: one edit in one CT", "dcmodify", start, theirs_start, "")


def large(bench: Bench) -> None:
    """Change one short value in an object of 4 GB."""
    if shutil.disk_usage(bench.folder).free < ROOM:
        sys.stderr.write(f"large: {bench.folder} has no room for objects of 4 GB\n")
        return
    source = make_multiframe(bench.folder / "large.dcm", FRAMES)
    fill(source)
    copy = bench.folder / "copy.dcm"
    copying = ["cp", str(source), str(copy)]

    def sweep() -> None:
        copy.unlink(missing_ok=True)

    safe, quick, apart, as_is, synced = bench.alternate(
        Trial(ours(source, "--no-backup"), (source,), sweep),
        Trial(ours(source, "--no-backup", "--no-fsync"), (source,), sweep),
        Trial(ours(source, "-o", str(copy), "--no-fsync"), (copy,), sweep),
        Trial(lambda _: copying, (), sweep),
        Trial(lambda _: then_sync(copying), (), sweep),
    )
    work = f"one value in {source.stat().st_size / 1e9:.1f} GB"
    report(work, "cp, then sync", safe, synced, "<= 1.5")
    report(f"{work}, --no-fsync", "cp", quick, as_is, "<= 1.5")
    report(f"{work}, -o, --no-fsync", "cp", apart, as_is, "<= 1.5")


def fill(file: Path) -> None:
    """Put something into the hole that an object has for its pixels, which copies would leave."""
    size = file.stat().st_size
    noise = os.urandom(CHUNK)
    with file.open("r+b") as stream:
        stream.seek(1 << 20)
        while (left := size - stream.tell()) > 0:
            stream.write(noise[:left])


MEASURES: dict[str, Callable[[Bench], None]] = {"images": images, "large": large}


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each command")
    parser.add_argument("--only", metavar="NAME[,NAME]", help=", ".join(MEASURES))
    parser.add_argument("--folder", default="/var/tmp", help="a folder on a disk, for all files")  # noqa: S108 - a folder of its own is made in it
    arguments = parser.parse_args()
    chosen = arguments.only.split(",") if arguments.only else list(MEASURES)
    unknown = [name for name in chosen if name not in MEASURES]
    if unknown:
        parser.error(f"no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    if not shutil.which("dcmodify"):
        sys.exit("not installed: dcmodify")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        bench = Bench(Path(folder), arguments.runs)
        for name in chosen:
            MEASURES[name](bench)


if __name__ == "__main__":
    main()

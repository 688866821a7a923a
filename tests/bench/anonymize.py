"""Measure ``anonymize`` against dicognito, and print ratios of whole processes.

Usage: python tests/bench/anonymize.py [--runs N] [--only NAME[,NAME]] [--folder DIR]
       [--dicognito PYTHON]

500 CT images of 530 KB are de-identified into a new folder each time, by dicognito, which has one
process and waits for no disk, and by us in one process and in two, with and without verification,
as we are and with --no-fsync. What is compared runs in turn, A B A B, with all that was written
before on the disk; the first turn is a warm-up and the median counts. Then an object of 2 GB is
de-identified, and what that takes in memory is told. dicognito is taken from the Python that
--dicognito names, so that it may have an environment of its own. The folder should be on a disk.
Install the package first, not in editable mode.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.dump import DCMTOOLS, make_multiframe, make_series, report
from tests.bench.network import peak

IMAGES = 500
FRAMES = 4096
"""Frames of half a megabyte: 2 GB."""


class Bench:
    """Runs commands that write into a folder.

    Parameters
    ----------
    folder : Path
        For the files.
    runs : int
        How often each command counts.
    dicognito : str
        The Python that has dicognito.
    """

    def __init__(self, folder: Path, runs: int, dicognito: str) -> None:
        self.folder = folder
        self.runs = runs
        self.dicognito = dicognito
        self.outputs = folder / "outputs"

    def ours(self, source: Path, *options: str) -> list[str]:
        """Give our command."""
        return [DCMTOOLS, "anonymize", "-q", str(source), "-o", str(self.outputs), *options]

    def theirs(self, source: Path) -> list[str]:
        """Give the command of dicognito."""
        command = [self.dicognito, "-m", "dicognito", "--quiet", str(source)]
        return [*command, "--output-directory", str(self.outputs)]

    def once(self, command: list[str], count: int) -> float:
        """Run a command, give its seconds, and see that it has done its work."""
        shutil.rmtree(self.outputs, ignore_errors=True)
        os.sync()
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        made = sum(path.is_file() for path in self.outputs.rglob("*"))
        assert made == count, f"{command}: {made} outputs"
        return seconds

    def alternate(self, commands: list[list[str]], count: int) -> list[float]:
        """Give the median seconds of commands that run in turn, after a warm-up."""
        times: list[list[float]] = [[] for _ in commands]
        for turn in range(-1, self.runs):
            for command, found in zip(commands, times, strict=True):
                seconds = self.once(command, count)
                if turn >= 0:
                    found.append(seconds)
        return [statistics.median(found) for found in times]


def images(bench: Bench) -> None:
    """De-identify 500 CT images."""
    source = bench.folder / "ct"
    source.mkdir()
    make_series(source)
    trials = [
        ("one process", ["-j", "1"], "<= 1.0"),
        ("one process, --no-verify", ["-j", "1", "--no-verify"], "<= 1.0"),
        ("one process, --no-fsync", ["-j", "1", "--no-fsync"], "<= 1.0"),
        ("-j 2", ["-j", "2"], "<= 0.6"),
        ("-j 2, --no-verify", ["-j", "2", "--no-verify"], "<= 0.6"),
        ("-j 2, --no-fsync", ["-j", "2", "--no-fsync"], "<= 0.6"),
    ]
    commands = [bench.ours(source, *options) for _, options, _ in trials]
    *mine, theirs = bench.alternate([*commands, bench.theirs(source)], IMAGES)
    for (name, _, goal), seconds in zip(trials, mine, strict=True):
        report(f"{IMAGES} CT, {name}", "dicognito", seconds, theirs, goal)


def large(bench: Bench) -> None:
    """De-identify an object of 2 GB, and tell what that takes in memory."""
    source = make_multiframe(bench.folder / "large.dcm", FRAMES)
    shutil.rmtree(bench.outputs, ignore_errors=True)
    start = time.perf_counter()
    megabytes = peak(bench.ours(source, "-j", "1"))
    seconds = time.perf_counter() - start
    size = source.stat().st_size / 1e9
    sys.stdout.write(f"{size:.1f} GB: {seconds:.1f} s, {megabytes:.0f} MB  (goal 200 MB)\n")


MEASURES: dict[str, Callable[[Bench], None]] = {"images": images, "large": large}


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each command")
    parser.add_argument("--only", metavar="NAME[,NAME]", help=", ".join(MEASURES))
    parser.add_argument("--folder", default="/var/tmp", help="a folder on a disk, for all files")  # noqa: S108 - a folder of its own is made in it
    parser.add_argument("--dicognito", default=sys.executable, help="the Python that has it")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",") if arguments.only else list(MEASURES)
    unknown = [name for name in chosen if name not in MEASURES]
    if unknown:
        parser.error(f"no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    probe = [arguments.dicognito, "-c", "import dicognito"]
    if "images" in chosen and subprocess.run(probe, check=False, capture_output=True).returncode:
        sys.exit("not installed: dicognito")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        bench = Bench(Path(folder), arguments.runs, arguments.dicognito)
        for name in chosen:
            MEASURES[name](bench)


if __name__ == "__main__":
    main()

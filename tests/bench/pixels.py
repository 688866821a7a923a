"""Measure ``convert`` and ``image`` against DCMTK and GDCM, and print ratios of whole processes.

Usage: python tests/bench/pixels.py [--runs N] [--only NAME[,NAME]] [--folder DIR]

200 CT images of 512 x 512 pixels, a body with noise in air, are converted and drawn. Their programs
take one file at a time, so they run in a loop of the shell; ours gets the folder and ``-j 2``. What
is compared runs in turn, A B A B, into an emptied folder and with all that was written before on
the disk; the first turn is a warm-up and the median counts. Theirs leave it to the system when what
they write is on the disk: ours is shown with --no-fsync against them, and as it is against them
followed by ``sync``. The memory is the most that all our processes had together, with an object of
2 GB and 4000 frames. The folder should be on a disk: in memory durable writes cost nothing. Install
the package first, not in editable mode.
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
from typing import Any

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders import RLELosslessDecoder
from pydicom.pixels.encoders import RLELosslessEncoder

sys.path.insert(0, str(Path(__file__).parents[2]))

from dcmtools.pixels import rle
from tests.bench.dump import DCMTOOLS, report
from tests.bench.modify import then_sync

FILES = 200
FRAMES = 4000
SIDE = 512
ROOM = 8 << 30
"""Bytes for an object of 2 GB and what it is converted to."""
PROGRAMS = ("dcmcrle", "dcmdrle", "dcmj2pnm", "gdcmconv")


def slices(count: int) -> list[bytes]:
    """Make the pixels of slices through a body, 12 bits in 16, with a sign."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    generator = np.random.default_rng(1)
    inside, field = (x / 0.8) ** 2 + (y / 0.6) ** 2 < 1, x * x + y * y < 1
    organ = (x - 0.2) ** 2 + (y + 0.1) ** 2 < 0.02
    made = []
    for number in range(count):
        tissue = 1040 + 60 * np.sin(7 * x + number / 9) * np.cos(5 * y) + 300 * organ
        air = np.abs(generator.normal(0, 6, x.shape))
        body = np.where(inside, tissue + generator.normal(0, 15, x.shape), air)
        made.append(np.where(field, body, -1000).astype("<i2").tobytes())
    return made


def make_series(folder: Path) -> None:
    """Write the CT images."""
    data = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    data.Rows = data.Columns = SIDE
    for number, pixels in enumerate(slices(FILES)):
        data.PixelData = pixels
        data.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.{number + 1}"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.InstanceNumber = number + 1
        data.save_as(folder / f"{number:04}.dcm")


def make_frames(file: Path) -> Path:
    """Write an object of 4000 frames."""
    data = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    data.Rows = data.Columns = SIDE
    data.NumberOfFrames = FRAMES
    data.PixelData = b""
    del data[0xFFFCFFFC]
    data.save_as(file)
    some = slices(20)
    with file.open("r+b") as stream:
        stream.seek(-4, os.SEEK_END)
        stream.write((FRAMES * len(some[0])).to_bytes(4, "little"))
        for number in range(FRAMES):
            stream.write(some[number % len(some)])
    return file


class Bench:
    """Runs commands in turn.

    Parameters
    ----------
    folder : Path
        For the files.
    runs : int
        How often each command counts.
    """

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder, self.runs = folder, runs
        self.native, self.out = folder / "native", folder / "out"
        self.native.mkdir()
        make_series(self.native)
        size = (self.native / "0000.dcm").stat().st_size
        sys.stdout.write(f"{FILES} files of {size} bytes\n")

    def once(self, command: list[str], suffix: str) -> float:
        """Run a command, give its seconds, and see that it has done its work."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        os.sync()
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        made = sum(1 for _ in self.out.glob(f"*{suffix}"))
        assert made == FILES, f"{command[:2]} has made {made} files"
        return seconds

    def alternate(self, *commands: list[str], suffix: str = ".dcm") -> list[float]:
        """Give the median seconds of commands that run in turn, after a warm-up."""
        times: list[list[float]] = [[] for _ in commands]
        for turn in range(-1, self.runs):
            for command, found in zip(commands, times, strict=True):
                seconds = self.once(command, suffix)
                if turn >= 0:
                    found.append(seconds)
        return [statistics.median(found) for found in times]

    def convert(self, source: Path, *options: str) -> list[str]:
        """Give our command."""
        return [DCMTOOLS, "convert", "-q", str(source), "-o", str(self.out), "-j", "2", *options]

    def loop(self, source: Path, command: str, suffix: str = "") -> list[str]:
        """Give a loop of the shell over the files of a folder."""
        line = f'for f in "$1"/*; do {command} "$f" "$2/${{f##*/}}{suffix}" || exit 1; done'
        return ["sh", "-c", line, "sh", str(source), str(self.out)]


def compare(  # noqa: PLR0913, PLR0917 - a line of the table
    bench: Bench, work: str, source: Path, options: list[str], theirs: str, goal: str
) -> None:
    """Measure a conversion of all files, and print it."""
    loop = bench.loop(source, theirs)
    safe, quick, as_is, synced = bench.alternate(
        bench.convert(source, *options),
        bench.convert(source, *options, "--no-fsync"),
        loop,
        then_sync(loop),
    )
    report(f"{work}, --no-fsync", f"{theirs}, a loop", quick, as_is, goal)
    report(work, f"{theirs}, a loop, then sync", safe, synced, "")


def decompress(bench: Bench) -> None:
    """Decompress RLE that DCMTK has compressed."""
    source = bench.folder / "rle"
    source.mkdir()
    for path in bench.native.iterdir():
        subprocess.run(["dcmcrle", path, source / path.name], check=True)
    compare(bench, f"RLE to native, {FILES} CT", source, ["--decompress"], "dcmdrle", "<= 0.5")


def compress(bench: Bench) -> None:
    """Compress in RLE and JPEG 2000."""
    native = bench.native
    compare(bench, f"native to RLE, {FILES} CT", native, ["--to", "rle"], "dcmcrle", "")
    options = ["--to", "j2k-lossless"]
    work = f"native to JPEG 2000, {FILES} CT"
    compare(bench, work, native, options, "gdcmconv --j2k", "<= 1.2")
    compare(bench, f"{work}, verified", native, [*options, "--verify"], "gdcmconv --j2k", "")


def draw(bench: Bench) -> None:
    """Make PNG pictures with a window."""
    ours = [DCMTOOLS, "image", "-q", str(bench.native), "-o", str(bench.out), "-j", "2"]
    window = ["--window", "1040,400", "--no-fsync"]
    theirs = bench.loop(bench.native, "dcmj2pnm +on +Ww 1040 400", ".png")
    quick, as_is = bench.alternate([*ours, *window], theirs, suffix=".png")
    report(f"PNG of {FILES} CT, --no-fsync", "dcmj2pnm, a loop", quick, as_is, "<= 0.6")


def codec(_: Bench) -> None:
    """Compress and decompress one frame in RLE, here and by pydicom."""
    frame = np.frombuffer(slices(1)[0], "<i2").reshape(SIDE, SIDE)
    given: dict[str, Any] = {
        "rows": SIDE, "columns": SIDE, "samples_per_pixel": 1, "number_of_frames": 1,
        "bits_allocated": 16, "bits_stored": 16, "pixel_representation": 1,
        "photometric_interpretation": "MONOCHROME2",
    }  # fmt: skip
    made = rle.compress(frame)
    whole = encapsulate([made], has_bot=False)
    pairs: tuple[tuple[str, Callable[[], object], Callable[[], object]], ...] = (
        (
            "RLE, a frame",
            lambda: rle.compress(frame),
            lambda: RLELosslessEncoder.encode(frame, encoding_plugin="pydicom", **given),
        ),
        (
            "RLE, a frame, back",
            lambda: rle.decompress(made, (SIDE, SIDE, 1), 16),
            lambda: RLELosslessDecoder.as_array(whole, index=0, raw=True, **given),
        ),
    )
    for work, ours, theirs in pairs:
        report(work, "pydicom", each(ours), each(theirs), "")


def each(work: Callable[[], object], times: int = 20) -> float:
    """Give the seconds that work takes, after a warm-up."""
    work()
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def memory(bench: Bench) -> None:
    """Measure the memory that 4000 frames of 2 GB take."""
    if shutil.disk_usage(bench.folder).free < ROOM:
        sys.stderr.write(f"memory: {bench.folder} has no room for objects of 2 GB\n")
        return
    source, rle_file = make_frames(bench.folder / "frames.dcm"), bench.folder / "rle.dcm"
    for work, command in (
        ("to RLE", [str(source), "-o", str(rle_file), "--to", "rle"]),
        ("back", [str(rle_file), "-o", str(bench.folder / "back.dcm"), "--decompress"]),
    ):
        start = time.perf_counter()
        megabytes = peak([DCMTOOLS, "convert", "--no-fsync", "-j", "2", *command])
        seconds = time.perf_counter() - start
        line = f"{FRAMES} frames, 2 GB, {work:<17} {seconds:7.3f} s  {megabytes:6.1f} MB"
        sys.stdout.write(f"{line}  goal <= 300 MB\n")
        sys.stdout.flush()


def peak(command: list[str]) -> float:
    """Run a command; give the most memory in MB that it and its children had at a time."""
    most = 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            most = max(most, sum(map(resident, family(process.pid))))
            time.sleep(0.05)
    assert process.returncode == 0, command
    return most / 1024


def family(pid: int) -> list[int]:
    """List a process and all that it has started."""
    found = [pid]
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [number for task in tasks for number in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return found
    return found + [each for child in children for each in family(int(child))]


def resident(pid: int) -> int:
    """Give the memory of a process in KiB, none once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return int(status.partition("VmRSS:")[2].split()[0]) if "VmRSS:" in status else 0


MEASURES: dict[str, Callable[[Bench], None]] = {
    "codec": codec,
    "decompress": decompress,
    "compress": compress,
    "draw": draw,
    "memory": memory,
}


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
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        bench = Bench(Path(folder), arguments.runs)
        for name in chosen:
            MEASURES[name](bench)


if __name__ == "__main__":
    main()

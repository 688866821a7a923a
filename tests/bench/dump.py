"""Measure ``dump`` against DCMTK and pydicom, and print ratios of whole processes.

Usage: python tests/bench/dump.py [--runs N]

It makes its own inputs: 500 CT images of 530 KB with about 260 elements, whose values differ as in
real series, and one multi-frame object of 2 GB. Each pair of commands runs in turn, A B A B, so
that a machine that gets slower does so for both; the median counts. Install the package first, not
in editable mode: a user's copy has its bytecode compiled.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

FILES = 500
FRAMES = 4096
BIN = Path(sys.executable).parent
DCMTOOLS = str(BIN / "dcmtools")
IDENTIFIERS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


@dataclass(frozen=True)
class Timing:
    """Wall time in seconds and peak memory in MB of one run."""

    seconds: float
    megabytes: float


def run(command: list[str]) -> Timing:
    """Run a command with its output thrown away."""
    with Path(os.devnull).open("wb") as nowhere:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    return Timing(seconds, usage.ru_maxrss / 1024)


def median(command: list[str], other: list[str], runs: int) -> tuple[float, float]:
    """Give the median seconds of two commands that run in turn, after a warm-up."""
    run(command)
    run(other)
    pairs = [(run(command).seconds, run(other).seconds) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def make_series(folder: Path) -> list[str]:
    """Write the CT images."""
    data = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    data.Rows = data.Columns = 512
    data.PixelData = os.urandom(512 * 512 * 2)
    names = []
    for number in range(FILES):
        data.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.{number + 1}"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.InstanceNumber = number + 1
        data.SliceLocation = f"{number * 1.25:.4f}"
        data.ImagePositionPatient = ["-158.1", "-179.0", f"{number * 1.25:.4f}"]
        data.ContentTime = f"11{number // 60:02}{number % 60:02}.{number:06}"
        data.XRayTubeCurrent = 120 + number % 60
        data.WindowCenter, data.WindowWidth = 40 + number % 7, 400 + number % 11
        names.append(str(folder / f"{number:04}.dcm"))
        data.save_as(names[-1])
    count = sum(1 for _ in data.iterall()) + len(data.file_meta)
    size = Path(names[0]).stat().st_size
    sys.stdout.write(f"{FILES} files of {size} bytes with {count} elements\n")
    return names


def make_multiframe(file: Path, frames: int = FRAMES) -> Path:
    """Write an object of half a megabyte a frame, 2 GB; its pixels are a hole in the file."""
    data = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    data.Rows = data.Columns = 512
    data.NumberOfFrames = frames
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.PixelData = b""
    del data[0xFFFCFFFC]
    data.save_as(file)
    length = frames * 512 * 512 * 2 - 512 * 512 * 2
    with file.open("r+b") as stream:
        stream.seek(-4, os.SEEK_END)
        stream.write(length.to_bytes(4, "little"))
        stream.truncate(file.stat().st_size + length)
    return file


def report(work: str, against: str, ours: float, theirs: float, goal: str) -> None:
    """Print a line of the table."""
    ratio = f"{ours / theirs:5.2f}"
    line = f"{work:<38} {ours:7.3f} s  {against:<34} {theirs:7.3f} s  ratio {ratio}  goal {goal}\n"
    sys.stdout.write(line)
    sys.stdout.flush()


def measure(folder: Path, runs: int) -> None:
    """Measure all, and print the table."""
    names = make_series(folder)
    one, study = names[0], str(folder)
    python = [str(BIN / "python"), "-c", "pass"]
    paths = [word for keyword in IDENTIFIERS for word in ("-P", keyword)]
    dcmtk = [word for keyword in IDENTIFIERS for word in ("+P", keyword)]

    ours, theirs = median([DCMTOOLS, "--version"], python, runs)
    report("--version", "bare interpreter", ours, theirs, "<= 8")
    ours, theirs = median([DCMTOOLS, "--help"], python, runs)
    report("--help", "bare interpreter", ours, theirs, "")
    start, theirs = median([DCMTOOLS, "dump", one], [str(BIN / "pydicom"), "show", one], runs)
    report("dump FILE", "pydicom show FILE", start, theirs, "<= 1.0")

    csv = [DCMTOOLS, "dump", study, "-f", "csv", *paths]
    ours, theirs = median(csv, ["dcmdump", *dcmtk, *names], runs)
    report("4 identifiers of 500 files, csv", "dcmdump +P, one call", ours, theirs, "<= 1.0")
    single, _ = median([DCMTOOLS, "dump", one, "-f", "csv", *paths], python, runs)
    report("  the same without start-up", "dcmdump +P", ours - single, theirs, "<= 0.5")

    for jobs in ("1", "2"):
        text = [DCMTOOLS, "dump", study, "-j", jobs]
        ours, theirs = median(text, ["dcmdump", *names], runs)
        report(f"text of 500 files, -j {jobs}", "dcmdump, one call", ours, theirs, "<= 2.0")
        ours, theirs = median(text, ["dcmdump", "-M", *names], runs)
        report(f"text of 500 files, -j {jobs}", "dcmdump -M, one call", ours, theirs, "")

    loop = ["sh", "-c", f"for f in {study}/*.dcm; do dcm2json $f; done"]
    ours, theirs = median([DCMTOOLS, "dump", study, "-f", "ndjson"], loop, max(1, runs // 4))
    report("NDJSON of 500 files", "loop of dcm2json", ours, theirs, "<= 0.25")


def memory(big: Path) -> None:
    """Measure the peak memory on an object of 2 GB."""
    size = big.stat().st_size / 1e9
    for options in ([], ["-f", "json"], ["-P", "PatientID", "--value"]):
        peak = run([DCMTOOLS, "dump", str(big), *options]).megabytes
        what = " ".join(["dump", *options])
        sys.stdout.write(f"{what + f', {size:.2f} GB':<38} {peak:7.1f} MB  goal <= 120 MB\n")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=11, help="runs of each command")
    runs: int = parser.parse_args().runs
    missing = [name for name in ("dcmdump", "dcm2json") if not shutil.which(name)]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), runs)
    with tempfile.TemporaryDirectory() as folder:
        memory(make_multiframe(Path(folder, "big.dcm")))


if __name__ == "__main__":
    main()

"""Measure ``store`` and ``storescp`` against DCMTK and pynetdicom; print ratios of whole processes.

Usage: python tests/bench/transfer.py [--runs N] [--only NAME[,NAME]] [--folder DIR]

DCMTK is shown at its best, with TCP_NODELAY=1 in the environment of both ends, and as shipped. What
is compared runs in turn, A B A B, each with a receiver of its own that has taken one small object
before, into an emptied folder and with all that was written before on the disk; the first turn is a
warm-up and the median counts. The slow ones, which are those as shipped and pynetdicom's with small
objects, have no warm-up and a third of the runs: by default that is one, and no median. A transfer
of which one run has lost an object has no result at all, and standard error says how many arrived.
Our receiver makes all durable where it is not said that it does not; the others never do. Over the
line that delays, four associations need DCMTK's receiver with --fork; one goes to it without. The
folder should be on a disk: in memory durable writes cost nothing. Install the package first, not in
editable mode.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.dump import report
from tests.bench.ends import (
    Dcmtk,
    Ours,
    Pynetdicom,
    Receiver,
    dcmtk,
    ours,
    ours_by_four,
    pynetdicom_scu,
)
from tests.bench.trial import ASSOCIATIONS, FEW, SHORT, SMALL, Bench, Failed, Transfer, holds

DELAY = 0.02
"""Seconds each way."""
ROOM = 6 << 30
"""Bytes for an object of 4 GB and what else there is."""


def undurable(folder: Path) -> Receiver:
    """Make our receiver, which leaves it to the system when what it has is on the disk."""
    return Ours(folder, "--no-fsync")


def forking(folder: Path) -> Receiver:
    """Make DCMTK's receiver, with a process for each association."""
    return Dcmtk(folder, "--fork")


def shipped(folder: Path) -> Receiver:
    """Make DCMTK's receiver as it is shipped."""
    return Dcmtk(folder, nodelay=False)


def note(work: str, seconds: float) -> None:
    """Print a time that is compared with none."""
    sys.stdout.write(f"{work:<38} {seconds:7.3f} s\n")
    sys.stdout.flush()


def to_dcmtk(bench: Bench) -> None:
    """Send CT images to DCMTK at its best."""
    where = (Dcmtk, (bench.inputs.ct,))
    one, theirs, app = bench.alternate(
        Transfer(ours, *where), Transfer(dcmtk, *where), Transfer(pynetdicom_scu, *where)
    )
    start = bench.start_up(Dcmtk)
    work = "store 500 CT to DCMTK"
    report(work, "DCMTK storescu", one, theirs, "<= 1.1 plus start-up")
    report("  the same without start-up", "DCMTK storescu", one - start, theirs, "<= 1.1")
    report(work, "pynetdicom storescu", one, app, "")
    small = bench.start_up(Dcmtk, dcmtk)
    report("  start-up: one small object", "DCMTK storescu", start, small, "")


def to_shipped(bench: Bench) -> None:
    """Send CT images to DCMTK as it is shipped."""
    where = (shipped, (bench.inputs.ct,))
    one, theirs = bench.alternate(
        Transfer(ours, *where), Transfer(dcmtk, *where, nodelay=False), runs=bench.slow
    )
    report("store 500 CT to DCMTK as shipped", "DCMTK storescu as shipped", one, theirs, "<= 0.15")


def from_dcmtk(bench: Bench) -> None:
    """Have DCMTK send CT images to us."""
    sources = (bench.inputs.ct,)
    receivers = (undurable, Ours, Dcmtk, Pynetdicom)
    quick, safe, theirs, app = bench.alternate(*(Transfer(dcmtk, r, sources) for r in receivers))
    work = "storescu 500 CT to storescp"
    report(f"{work} --no-fsync", "DCMTK storescp", quick, theirs, "<= 1.2")
    report(work, "DCMTK storescp", safe, theirs, "<= 3")
    report(work, "pynetdicom storescp", safe, app, "")


def from_shipped(bench: Bench) -> None:
    """Have DCMTK as it is shipped send CT images to us."""
    sources = (bench.inputs.ct,)
    one, theirs = bench.alternate(
        *(Transfer(dcmtk, r, sources, nodelay=False) for r in (Ours, shipped)), runs=bench.slow
    )
    work = "storescu as shipped, 500 CT to storescp"
    report(work, "DCMTK storescp as shipped", one, theirs, "")


def four(bench: Bench) -> None:
    """Have four senders send CT images at once."""
    receivers = (Ours, Pynetdicom, forking)
    one, app, theirs = bench.alternate(
        *(Transfer(dcmtk, receiver, bench.inputs.parts) for receiver in receivers)
    )
    work = "4 storescu, 125 CT each, to storescp"
    report(work, "pynetdicom storescp", one, app, "<= 0.4")
    report(work, "DCMTK storescp --fork", one, theirs, "")


def small(bench: Bench) -> None:
    """Send small objects."""
    sources = (bench.inputs.small,)
    one, theirs = bench.alternate(Transfer(ours, Ours, sources), Transfer(dcmtk, Dcmtk, sources))
    (app,) = bench.alternate(
        Transfer(pynetdicom_scu, Pynetdicom, (bench.inputs.few,)), runs=bench.slow
    )
    start = bench.start_up(Pynetdicom, pynetdicom_scu)
    scaled = start + (app - start) * SMALL / FEW
    work = f"{SMALL} of 2 KB, ours to ours"
    report(work, f"pynetdicom's, {FEW} scaled", one, scaled, "<= 0.3")
    report(work, "DCMTK's", one, theirs, "")
    note(f"  pynetdicom's, {FEW}, not scaled", app)


def delayed(bench: Bench) -> None:
    """Send CT images over a line that delays."""
    where = (Dcmtk, (bench.inputs.short,))
    forked = (forking, where[1])
    four, one, theirs = bench.alternate(
        Transfer(ours_by_four, *forked, delay=DELAY),
        Transfer(ours, *where, delay=DELAY),
        Transfer(dcmtk, *where, delay=DELAY),
    )
    work = f"store {SHORT} CT, 20 ms each way"
    report(f"{work}, -j 4", "DCMTK storescu", four, theirs, "<= 0.35")
    report(work, "DCMTK storescu", one, theirs, "")


def memory(bench: Bench) -> None:
    """Measure the peak memory of both ends with large objects."""
    if shutil.disk_usage(bench.folder).free < ROOM:
        sys.stderr.write(f"memory: {bench.folder} has no room for an object of 4 GB\n")
        return
    large = bench.inputs.large[:1]
    for work, transfer, goal in (
        ("ours to ours, 4 GB", Transfer(ours, Ours, (bench.inputs.largest,)), "<= 100 MB each"),
        ("ours to ours, 512 MB", Transfer(ours, Ours, large), ""),
        ("DCMTK to DCMTK, 512 MB", Transfer(dcmtk, Dcmtk, large), ""),
    ):
        try:
            seconds, sender, receiver = bench.once(transfer, watched=True)
        except Failed as error:
            sys.stderr.write(f"{work}: {error}\n")
            continue
        found = f"{seconds:7.3f} s  sender {sender:.1f} MB, receiver {receiver:.1f} MB"
        sys.stdout.write(f"{work:<38} {found}  goal {goal}\n")
        sys.stdout.flush()


def matrix(bench: Bench) -> None:
    """Send all sizes from ours to ours, on one association and on four."""
    inputs = bench.inputs
    for what, folder in (
        ("2 KB", inputs.small), ("CT", inputs.ct), ("512 MB", inputs.large[0].parent)
    ):  # fmt: skip
        senders = (ours, ours_by_four)
        found = bench.alternate(*(Transfer(sender, Ours, (folder,)) for sender in senders))
        count = holds(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*.dcm")) / 1e6
        for jobs, seconds in zip((1, ASSOCIATIONS), found, strict=True):
            rates = f"{count / seconds:7.1f} objects/s {size / seconds:7.1f} MB/s"
            note(f"{count} of {what}, ours to ours, -j {jobs}: {rates}", seconds)


MEASURES: dict[str, Callable[[Bench], None]] = {
    "to-dcmtk": to_dcmtk,
    "to-shipped": to_shipped,
    "from-dcmtk": from_dcmtk,
    "from-shipped": from_shipped,
    "four": four,
    "small": small,
    "delayed": delayed,
    "memory": memory,
    "matrix": matrix,
}


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each transfer")
    parser.add_argument("--only", metavar="NAME[,NAME]", help=", ".join(MEASURES))
    parser.add_argument("--folder", default="/var/tmp", help="a folder on a disk, for all files")  # noqa: S108 - a folder of its own is made in it
    arguments = parser.parse_args()
    chosen = arguments.only.split(",") if arguments.only else list(MEASURES)
    unknown = [name for name in chosen if name not in MEASURES]
    if unknown:
        parser.error(f"no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    missing = [name for name in ("storescu", "storescp") if not shutil.which(name)]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    os.environ["TCP_NODELAY"] = "1"
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        bench = Bench(Path(folder), arguments.runs)
        for name in chosen:
            MEASURES[name](bench)


if __name__ == "__main__":
    main()

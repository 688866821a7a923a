"""Measure the network commands against DCMTK and pynetdicom, and print ratios of whole processes.

Usage: python tests/bench/network.py [--runs N]

The peers are DCMTK's at their best, with TCP_NODELAY set, and for queries with more answers than
DCMTK's archive can hold a peer of the tests, which answers as fast as Python can. Each pair of
commands runs in turn, A B A B, and the median counts. Install the package first, not in editable
mode: a user's copy has its bytecode compiled.
"""

import argparse
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.dump import DCMTOOLS, make_series, report, run
from tests.interop.peers import DcmqrscpPeer, Destinations, StorescpPeer
from tests.net.scripted import Scripted
from tests.net.steps import find_server, studies

PYTHON = str(Path(sys.executable).parent / "python")
ECHOES = 1000
MATCHES = 10_000
MANY = 100_000
"""Matches, to see that memory does not grow with them."""


def pynetdicom(app: str, *arguments: str) -> list[str]:
    """Give a command of pynetdicom's applications."""
    return [PYTHON, "-m", "pynetdicom", app, *arguments]


def alternate(commands: list[list[str]], runs: int, folder: Path) -> list[float]:
    """Give the median seconds of commands that run in turn, each into an emptied folder."""
    times: list[list[float]] = [[] for _ in commands]
    for turn in range(runs + 1):
        for command, found in zip(commands, times, strict=True):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            timing = run(command)
            if turn:  # the first is a warm-up
                found.append(timing.seconds)
    return [statistics.median(found) for found in times]


def _serve(matches: int, port: "multiprocessing.Queue[int]", done: Event) -> None:
    with Scripted(find_server(studies(matches))) as peer:
        port.put(peer.port)
        done.wait()


@contextmanager
def finder(matches: int) -> Iterator[int]:
    """Run a peer that answers every query with so many studies, in a process of its own."""
    port: multiprocessing.Queue[int] = multiprocessing.Queue()
    done = multiprocessing.Event()
    process = multiprocessing.Process(target=_serve, args=(matches, port, done), daemon=True)
    process.start()
    try:
        yield port.get(timeout=30)
    finally:
        done.set()
        process.join(10)
        process.kill()


def measure_echo(folder: Path, runs: int) -> None:
    """Measure C-ECHO, one and a thousand."""
    with StorescpPeer(folder / "scp") as peer:
        out = folder / "out"
        where = ["127.0.0.1", str(peer.port)]
        ours = [DCMTOOLS, "echo", f"127.0.0.1:{peer.port}"]
        dcmtk = ["echoscu", *where]
        one, theirs, native = alternate([ours, pynetdicom("echoscu", *where), dcmtk], runs, out)
        report("echo", "pynetdicom echoscu", one, theirs, "<= 1.0")
        report("echo", "DCMTK echoscu", one, native, "")
        many = [*ours, "--repeat", str(ECHOES)]
        app = pynetdicom("echoscu", *where, "--repeat", str(ECHOES))
        dcmtk = ["echoscu", "--repeat", str(ECHOES), *where]
        one, theirs, native = alternate([many, app, dcmtk], 1, out)
        report(f"{ECHOES} echoes", "pynetdicom echoscu --repeat", one, theirs, "<= 0.33")
        report(f"{ECHOES} echoes", "DCMTK echoscu --repeat", one, native, "")


def measure_find(folder: Path, runs: int) -> None:
    """Measure a query with many matches."""
    with finder(MATCHES) as port:
        where = ["127.0.0.1", str(port)]
        keys = ["-k", "PatientName=A*"]
        returned = ["PatientID", "StudyDate", "StudyInstanceUID", "AccessionNumber"]
        app = pynetdicom("findscu", *where, "-S", "-k", "QueryRetrieveLevel=STUDY", *keys)
        dcmtk = ["findscu", *where, "-S", "-k", "QueryRetrieveLevel=STUDY", *keys]
        for keyword in returned:
            app += ["-k", f"{keyword}="]
            dcmtk += ["-k", keyword]
        for shape in ("tsv", "ndjson"):
            ours = [DCMTOOLS, "find", f"127.0.0.1:{port}", *keys, "-f", shape]
            one, theirs, native = alternate([ours, app, dcmtk], runs, folder / "out")
            report(f"find {MATCHES}, {shape}", "pynetdicom findscu", one, theirs, "<= 1.0")
            report(f"find {MATCHES}, {shape}", "DCMTK findscu", one, native, "<= 3.0")


def peak(command: list[str]) -> float:
    """Give the peak memory of a command in MB.

    A process is said to have used no less than the one that started it, so a small one does.
    """
    small = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    ran = subprocess.run([PYTHON, "-S", "-c", small, *command], capture_output=True, check=True)
    return int(ran.stdout) / 1024


def measure_memory() -> None:
    """Measure the peak memory of a query with very many matches."""
    for shape in ("tsv", "csv", "ndjson", "json", "xml"):
        peaks = []
        for matches in (1000, MANY):
            with finder(matches) as port:
                command = [DCMTOOLS, "find", f"127.0.0.1:{port}", "-f", shape]
                peaks.append(peak([*command, "-k", "PatientName=A*"]))
        few, many = peaks
        text = f"find {MANY}, {shape}: {many:.1f} MB, of 1000 {few:.1f} MB, growth"
        sys.stdout.write(f"{text} {many - few:.1f} MB  goal < 30\n")


def measure_get(folder: Path, runs: int) -> None:
    """Measure the retrieval of a series of CT images."""
    source = folder / "ct"
    source.mkdir()
    names = make_series(source)
    with DcmqrscpPeer(folder / "qr", Destinations(), compressed=False) as peer:
        where = ["127.0.0.1", str(peer.port)]
        environment = {**os.environ, "TCP_NODELAY": "1"}
        command = ["storescu", "-aec", peer.aet, *where, *names]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        study = subprocess.run(
            [DCMTOOLS, "dump", "--value", "-P", "StudyInstanceUID", names[0]],
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        out = folder / "out"
        ours = [DCMTOOLS, "get", f"{peer.aet}@127.0.0.1:{peer.port}", "--study", study]
        ours += ["-od", str(out)]
        level = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
        app = pynetdicom("getscu", *where, "-aec", peer.aet, "-S", *level, "-od", str(out))
        dcmtk = ["getscu", "-aec", peer.aet, *where, "-S", *level, "-od", str(out), "+B"]
        one, theirs, native = alternate([ours, app, dcmtk], runs, out)
        report(f"get {len(names)} CT", "pynetdicom getscu", one, theirs, "<= 1.0")
        report(f"get {len(names)} CT", "DCMTK getscu", one, native, "")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each command")
    runs: int = parser.parse_args().runs
    os.environ["TCP_NODELAY"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        measure_echo(Path(folder), runs)
        measure_find(Path(folder), runs)
        measure_memory()
        measure_get(Path(folder), runs)


if __name__ == "__main__":
    main()

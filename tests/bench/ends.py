"""Give both ends of a transfer: receivers, which run in a ``with`` block, and senders' commands.

Ours, DCMTK's and pynetdicom's do the same work: all that a folder holds is sent on one association,
and each object is written to a file of its own, by DCMTK byte for byte.
"""

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.bench.dump import DCMTOOLS
from tests.bench.network import PYTHON, pynetdicom
from tests.interop.peers import Peer

HOST = "127.0.0.1"
Sender = Callable[[int, Path], list[str]]
"""Gives the command that sends all that a folder holds to a port."""


def surroundings(*, nodelay: bool) -> dict[str, str]:
    """Give an environment in which DCMTK sends without delay, or as it is shipped."""
    plain = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
    return {**plain, "TCP_NODELAY": "1"} if nodelay else plain


class Receiver(Peer):
    """A receiver.

    Parameters
    ----------
    folder : Path
        Where its files go; what it receives is in `received`.
    nodelay : bool
        Have TCP_NODELAY in its environment, which only DCMTK's looks at.
    options : str
        Further options.
    """

    def __init__(self, folder: Path, *options: str, nodelay: bool = True) -> None:
        super().__init__(folder)
        self.options = options
        self.received = folder / "received"
        self.received.mkdir()
        self._nodelay = nodelay

    def environment(self) -> Mapping[str, str]:
        """Give the environment of the program."""
        return surroundings(nodelay=self._nodelay)

    def count(self) -> int:
        """Count what has arrived; the name of a file that is not yet whole begins with a dot."""
        return sum(p.is_file() and p.name[0] != "." for p in self.received.rglob("*"))

    def peak(self) -> float:
        """Give the peak memory of the program in MB."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found, status
        return int(found[1]) / 1024


class Ours(Receiver):
    """``dcmtools storescp``, whose events go to its log."""

    def command(self) -> list[str | Path]:
        """Give the command."""
        return [
            DCMTOOLS, "storescp", str(self.port), "--bind", HOST, "-od", self.received,
            "-f", "ndjson", *self.options,
        ]  # fmt: skip


class Dcmtk(Receiver):
    """DCMTK's ``storescp``, which writes what comes as it is and says nothing."""

    def command(self) -> list[str | Path]:
        """Give the command."""
        return ["storescp", "+B", "+xa", "-od", self.received, *self.options, str(self.port)]


class Pynetdicom(Receiver):
    """pynetdicom's ``storescp``."""

    def command(self) -> list[str | Path]:
        """Give the command."""
        where = [str(self.port), "-ba", HOST, "-od", str(self.received)]
        return [*pynetdicom("storescp", *where), *self.options]


def ours(port: int, folder: Path) -> list[str]:
    """Give the command of ``dcmtools store``."""
    return [DCMTOOLS, "store", f"{HOST}:{port}", str(folder)]


def ours_by_four(port: int, folder: Path) -> list[str]:
    """Give the command of ``dcmtools store`` with four associations."""
    return [*ours(port, folder), "-j", "4"]


def dcmtk(port: int, folder: Path) -> list[str]:
    """Give the command of DCMTK's ``storescu``."""
    return ["storescu", "+sd", "+r", HOST, str(port), str(folder)]


def pynetdicom_scu(port: int, folder: Path) -> list[str]:
    """Give the command of pynetdicom's ``storescu``."""
    return pynetdicom("storescu", HOST, str(port), str(folder), "-r", "-cx")


@contextlib.contextmanager
def line(port: int, delay: float) -> Iterator[int]:
    """Put a line before a port that delays `delay` seconds each way; give the port to go to."""
    if not delay:
        yield port
        return
    command = [PYTHON, "-S", str(Path(__file__).parent / "proxy.py"), str(port)]
    with subprocess.Popen([*command, "--delay", str(delay)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()

"""Run ``storescp`` in tests, as a process of its own: what it writes, what it says, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from tests.conftest import need
from tests.factories import element
from tests.net.hostile import association, connected, instance, padded, status
from tests.net.wire import Instance, Proposed, separate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.net.scripted import Connection

PATIENCE = 30.0
"""Seconds after which a test has failed."""


class Storescp:
    """A process that listens.

    Parameters
    ----------
    process : subprocess.Popen
        The process, with pipes for its stdout and stderr.

    Attributes
    ----------
    lines : list of str
        What it has written to stdout.
    said : list of str
        What it has said on stderr, without the name of the command.
    port : int
        Where it listens.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.said: list[str] = []
        self.port = 0
        self._news = threading.Condition()
        streams = ((process.stdout, self.lines), (process.stderr, self.said))
        self._readers = [threading.Thread(target=self._read, args=pair) for pair in streams]
        self._open = len(self._readers)
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Any, into: list[str]) -> None:  # noqa: ANN401 - IO[str], if there
        for line in stream or ():
            with self._news:
                into.append(line.rstrip("\n").removeprefix("dcmtools storescp: "))
                self._news.notify_all()
        with self._news:
            self._open -= 1
            self._news.notify_all()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events, where they are NDJSON."""
        return [json.loads(line) for line in [*self.lines]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Give the events of a kind."""
        return [each for each in self.events if each["event"] == kind]

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until something is so, looking whenever it writes or says something."""
        with self._news:
            met = self._news.wait_for(lambda: condition() or not self._open, PATIENCE)
            assert met, (self.lines, self.said)
            assert condition(), (self.lines, self.said)

    def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait until an event has happened so many times, and give the last of these."""
        self.wait(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    def wait_said(self, part: str) -> str:
        """Wait until something is said, and give the whole line."""
        self.wait(lambda: any(part in line for line in self.said))
        return next(line for line in self.said if part in line)

    def send(self, *objects: Instance, **asked: str) -> list[int]:
        """Send objects on an association, and give the statuses."""
        wanted = dict.fromkeys((each.sop_class_uid, each.transfer_syntax) for each in objects)
        proposed = [Proposed(2 * n + 1, a, (t,)) for n, (a, t) in enumerate(wanted)]
        with association(self.address, *proposed, **asked) as c:
            return [status(c.store(each)) for each in objects]

    def begin(self, c: Connection, one: Instance) -> bytes:
        """Send an object but for its end, and give that."""
        rest = b""

        def cut(number: int, command: bytes, data: bytes | None, longest: int) -> Iterator[bytes]:
            nonlocal rest
            whole = b"".join(separate(number, command, data, longest))
            rest = whole[-100:]
            yield whole[:-100]

        c.store(one, wait=False, layout=cut)
        return rest

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, and give its exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end, and give its exit code."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        assert not any("Traceback" in line for line in self.said), self.said
        return code

    @property
    def summary(self) -> str:
        """What it says at the end, but for the time that it took."""
        text, seconds = self.said[-1].rsplit(" in ", 1)
        assert seconds.endswith(" s")
        return text


@contextmanager
def launched(
    *arguments: str | Path | float,
    program: Sequence[str] = (sys.executable, "-m", "dcmtools"),
    line: str = '"$@"',
    **settings: Any,  # noqa: ANN401 - of a process
) -> Iterator[Storescp]:
    """Run ``storescp`` on some port of 127.0.0.1, in whatever format; it is killed at the end.

    Parameters
    ----------
    *arguments : str, Path or float
        Its options.
    program : sequence of str
        What runs it.
    line : str
        What the shell is to make of it.
    **settings : Any
        What else a process is given.
    """
    options = [str(each) for each in arguments]
    if "--bind" not in options:
        options += ["--bind", "127.0.0.1"]
    command = [*program, "storescp", "0", *options]
    if line != '"$@"':
        command = ["bash", "-o", "pipefail", "-c", line, "bash", *command]
    process = subprocess.Popen(
        command,
        **{
            "start_new_session": True,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "env": {**os.environ, "PYTHONWARNINGS": "error"},
            **settings,
        },
    )
    with watched(process) as server:
        yield server


@contextmanager
def watched(process: subprocess.Popen[str]) -> Iterator[Storescp]:
    """Watch a process with a session of its own, which is killed at the end."""
    server = Storescp(process)
    try:
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        server.ended()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def receiving(
    folder: Path,
    *options: str | Path | float,
    **settings: Any,  # noqa: ANN401 - of a process
) -> Iterator[Storescp]:
    """Run ``storescp -f ndjson``, and wait until it listens."""
    with launched("-od", folder, "-f", "ndjson", *options, **settings) as server:
        server.port = server.wait_for("listening")["port"]
        yield server


def ct(uid: str = "1.2.3", size: int = 0, **values: str) -> Instance:
    """Make an object with a study, a series and a patient, or other values, in their order."""
    told = {"PatientID": "P1", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1", **values}
    tags = {
        "Modality": (0x00080060, "CS"),
        "PatientID": (0x00100020, "LO"),
        "StudyInstanceUID": (0x0020000D, "UI"),
        "SeriesInstanceUID": (0x0020000E, "UI"),
        "InstanceNumber": (0x00200013, "IS"),
    }
    tail = b"".join(
        element(tag, vr, padded(told[name])) for name, (tag, vr) in tags.items() if name in told
    )
    if size:
        tail += element(0x7FE00010, "OW", os.urandom(size))
    return instance(uid, tail=tail)


def files(folder: Path) -> list[str]:
    """List all files below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def storescu(
    server: Storescp, *sent: Path, options: Sequence[str | Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Send files with DCMTK."""
    host, port = server.address
    command = [need("storescu"), *options, host, port, *sent]
    return subprocess.run(
        [str(each) for each in command],
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "TCP_NODELAY": "1"},
    )


def port_said(server: Storescp) -> int:
    """Give the port, as stderr has it."""
    return int(server.wait_said("listening as").split("port ")[1].split()[0])


def wait_refused(server: Storescp) -> None:
    """Wait until it takes no more connections."""
    deadline = monotonic() + PATIENCE
    while True:
        assert monotonic() < deadline
        try:
            with connected(server.address):
                pass
        except (ConnectionRefusedError, ConnectionResetError):
            return


def quiet(seconds: float) -> None:
    """Let time go by, where that is what a test is about."""
    begun = monotonic()
    while (rest := begun + seconds - monotonic()) > 0:
        threading.Event().wait(rest)

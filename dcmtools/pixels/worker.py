"""Have objects worked on by child processes: start them, ask them, replace those that die.

Codecs are written in C and work on what strangers send: one that crashes must take nothing with
it but its object. And the program itself has no numpy, which the codecs need.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Self

from dcmtools.errors import InputError, OutputError, reason

if TYPE_CHECKING:
    from dcmtools.pixels.serving import Answer, Request

_MOST_WORKERS = 4
_START = (
    "import sys; folder = sys.argv.pop(); sys.path[:] = sys.argv[1:];"
    "from dcmtools.pixels.serving import serve; serve(folder)"
)
"""What a child runs. It finds modules where this process does, not in the current folder."""


@dataclass(frozen=True, slots=True)
class Transcoded:
    """An object that was encoded anew.

    Parameters
    ----------
    path : Path
        A whole file (PS3.10 section 7) that is to be removed once it is open; what is left when
        the `Transcoder` ends is removed then.
    transfer_syntax : str
        The UID of its transfer syntax.
    note : str
        What was done, in words: ``decompressed from RLE Lossless``.
    """

    path: Path
    transfer_syntax: str
    note: str


class Workers:
    """Has objects worked on by child processes; to be used in a ``with`` block.

    Several threads may share it. Nothing is started before the first object.

    Parameters
    ----------
    folder : Path, optional
        Where to make the private folder for the results; where temporary files are when not given.
    most : int
        How many processes there may be; 0 for as many as there are processors, and no more than 4.
    """

    def __init__(self, folder: Path | None = None, most: int = 0) -> None:
        self._parent = folder
        self._folder = ""
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._lock = Lock()
        self._turn = BoundedSemaphore(most or min(os.cpu_count() or 1, _MOST_WORKERS))
        self._ended = False

    def __enter__(self) -> Self:
        """Do nothing; a process starts with the first object."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """End the processes, whatever they are doing, and remove what they have left."""
        with self._lock:
            self._ended = True
            workers, self._idle = list(self._workers), []
        for worker in workers:
            worker.end()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self, path: Path, request: "Request") -> "tuple[Path, Answer]":
        """Have a request about a file answered; give the file of the result as well.

        Where the request names no such file, there is a new one.

        Raises
        ------
        InputError
            It cannot be done, or the process that worked on it died.
        """
        with self._turn:
            worker = self._worker(path)
            result = request["result"] or f"{self._folder}{os.sep}{token_hex(8)}.dcm"
            request |= {"path": str(path.absolute()), "result": result}
            answer = None
            try:
                answer = worker.ask(request)
            finally:
                self._release(worker, alive=answer is not None)
        if answer is None:
            Path(result).unlink(missing_ok=True)
            raise InputError(str(path), "the process that worked on it died")
        if "why" in answer:
            error = OutputError if answer.get("is_output") else InputError
            raise error(str(path), answer["why"], answer.get("hint", ""))
        return Path(result), answer

    def _worker(self, path: Path) -> "_Worker":
        """Take a process that has nothing to do, or start one."""
        with self._lock:
            if self._ended:
                raise InputError(str(path), "is not encoded anew any more")
            if self._idle:
                return self._idle.pop()
            try:
                self._folder = self._folder or tempfile.mkdtemp(
                    prefix="dcmtools-", dir=self._parent
                )
                worker = _Worker(self._folder)
            except OSError as error:
                why = f"no process can be started to work on it: {reason(error)}"
                raise InputError(str(path), why) from error
            self._workers.add(worker)
            return worker

    def _release(self, worker: "_Worker", *, alive: bool) -> None:
        with self._lock:
            if alive and not self._ended:
                self._idle.append(worker)
                return
            self._workers.discard(worker)
        worker.end()


class Transcoder(Workers):
    """Encodes objects anew, in uncompressed transfer syntaxes; to be used in a ``with`` block."""

    def transcode(self, path: Path, syntaxes: Sequence[str]) -> Transcoded:
        """Encode the object of a file anew.

        Parameters
        ----------
        path : Path
            The file.
        syntaxes : sequence of str
            UIDs of transfer syntaxes, the best first; the first that can be reached is taken. That
            can be explicit and implicit VR little endian, and explicit VR big endian.

        Returns
        -------
        Transcoded
            The result. Values are those of the file; pixels that were compressed no longer are,
            and the SOP Instance UID is the same, as nothing is lost (PS3.3 C.7.6.1.1.5).

        Raises
        ------
        InputError
            It cannot be read to its end, or not encoded in any of them without a loss, or the
            process that worked on it died.
        """
        result, answer = self._ask(path, {"path": "", "result": "", "syntaxes": [*syntaxes]})
        return Transcoded(result, answer["transfer_syntax"], answer["note"])


class _Worker:
    """A child process that encodes one object at a time."""

    def __init__(self, folder: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this very Python
            [sys.executable, "-c", _START, *sys.path, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the parent alone
            process_group=0 if os.name == "posix" else None,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def ask(self, request: "Request") -> "Answer | None":
        """Have a request answered; None where the process has died of it."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            return None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):  # a ValueError is about a pipe that was closed meanwhile
            return None
        if not line.endswith(b"\n"):
            return None
        answer: Answer = json.loads(line)
        return answer

    def end(self) -> None:
        """Kill the process; it holds nothing that is worth keeping."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

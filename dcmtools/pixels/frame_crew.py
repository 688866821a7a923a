"""Have the frames of one image worked on by several processes, and take them in their order.

Each process opens the files itself and takes every so many-th frame. What it has done waits in its
pipe: none of them is more than a frame ahead of what is written, whatever the image has.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from struct import pack, unpack
from threading import Thread
from typing import BinaryIO

from dcmtools.errors import InputError, reason
from dcmtools.pixels.frame_work import Recipe, work_of

_START = (
    "import sys; sys.path[:] = sys.argv[1:];"
    "from dcmtools.pixels.frame_crew import serve_frames; serve_frames()"
)
"""What a process runs. It finds modules where this process does, not in the current folder."""

_FAILED = -1
_WORTH = 1 << 24  # bytes of native frames for which it is worth to start a process


def crew_size(jobs: int, frames: int, size: int) -> int:
    """Decide how many processes work on an image.

    Parameters
    ----------
    jobs : int
        How many may.
    frames : int
        The frames of the image.
    size : int
        Their bytes, as native pixel data.
    """
    return max(1, min(jobs, frames, size // _WORTH))


def worked(
    work: Callable[[int], bytes], recipe: Recipe, frames: int, jobs: int, stack: ExitStack
) -> Iterator[bytes]:
    """Work on all frames of an image.

    Parameters
    ----------
    work : callable
        Does it in this process, frame by frame.
    recipe : Recipe
        Says it to other processes.
    frames : int
        How many frames there are.
    jobs : int
        How many processes work on them; 1 for this one.
    stack : ExitStack
        What ends the others.

    Returns
    -------
    iterator of bytes
        What is made of each frame, in their order.

    Raises
    ------
    InputError
        A frame cannot be worked on, or a process died.
    """
    if jobs < 2:  # noqa: PLR2004 - more than this one
        return map(work, range(frames))
    return shared_work(recipe, frames, jobs, stack)


def shared_work(recipe: Recipe, frames: int, jobs: int, stack: ExitStack) -> Iterator[bytes]:
    """Have several processes work on all frames of an image; see `worked`."""
    path = recipe["path"]
    crew = [_Member(recipe, number, frames, jobs, stack) for number in range(jobs)]
    for number in range(frames):
        yield crew[number % jobs].next(path)


class _Member:
    """A process that works on some of the frames."""

    def __init__(
        self, recipe: Recipe, first: int, frames: int, step: int, stack: ExitStack
    ) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, "-c", _START, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0 if os.name == "posix" else None,  # Ctrl-C is not for them
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError as error:
            why = f"no process can be started to work on its frames: {reason(error)}"
            raise InputError(recipe["path"], why) from error
        stack.callback(self._end)
        asked = {**recipe, "first": first, "frames": frames, "step": step}
        if self._process.stdin is not None:
            with suppress(OSError):  # it has died, as its answer will tell
                self._process.stdin.write(json.dumps(asked).encode() + b"\n")
                self._process.stdin.flush()

    def next(self, path: str) -> bytes:
        """Give what was made of its next frame."""
        answers = self._process.stdout
        head = answers.read(8) if answers is not None else b""
        if answers is not None and len(head) == 8:  # noqa: PLR2004 - a number
            (length,) = unpack("<q", head)
            if length == _FAILED:
                told = json.loads(answers.read())
                raise InputError(path, told["why"], told["hint"])
            made = answers.read(length)
            if len(made) == length:
                return made
        raise InputError(path, "a process that worked on its frames died")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def serve_frames() -> None:
    """Do what the process at the other end of standard input says, and give it the frames."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # codecs may write there what they like
        os.dup2(nowhere, standard)
    asked = json.loads(requests.readline() or b"{}")
    Thread(target=_leave_with, args=(requests,), daemon=True).start()
    with suppress(OSError):  # nobody wants them any more
        _answer(asked, answers)
        answers.close()
    os._exit(0)


def _leave_with(requests: BinaryIO) -> None:
    """End this process when the other one is gone, whatever it is doing."""
    requests.read()
    os._exit(0)


def _answer(asked: dict[str, int], answers: BinaryIO) -> None:
    numbers = range(asked.pop("first"), asked.pop("frames"), asked.pop("step"))
    try:
        with ExitStack() as stack:
            work = work_of(asked, stack)  # type: ignore[arg-type] # the rest is a recipe
            for number in numbers:
                made = work(number)
                answers.write(pack("<q", len(made)))
                answers.write(made)
                answers.flush()
    except InputError as error:
        _tell(answers, error.why, error.hint)
    except MemoryError:
        _tell(answers, "there is not enough memory for it", "")


def _tell(answers: BinaryIO, why: str, hint: str) -> None:
    told = json.dumps({"why": why, "hint": hint}).encode()
    answers.write(pack("<q", _FAILED) + told)

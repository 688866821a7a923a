"""Answer what the parent asks, one object after the other, until the parent is gone.

This is the side of the child. Codecs and their libraries may write what they like to its standard
output and error: nobody sees it. The result has no name until it is whole, where the system can
do that, so that nothing of a patient is left behind by a process that is killed.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO, NotRequired, TypedDict

from dcmtools.dataset.source import OPEN_FLAGS
from dcmtools.errors import InputError, reason
from dcmtools.pixels.converting import Conversion, Converted, convert
from dcmtools.pixels.rectangles import Rectangle
from dcmtools.pixels.regions import blacken
from dcmtools.pixels.transcode import transcode

_UNNAMED = getattr(os, "O_TMPFILE", 0)
_FDS = "/proc/self/fd"
_OWNER_ONLY = 0o600


class Request(TypedDict):
    """What the parent wants: an object in one of some transfer syntaxes, or with black rectangles.

    The path is that of the object, and the result where to write it.
    """

    path: str
    result: str
    syntaxes: NotRequired[list[str]]
    rectangles: NotRequired[list[Rectangle]]
    conversion: NotRequired[Conversion]
    """The result is a file that is there, and has another name when it is whole."""
    task: NotRequired[dict[str, Any]]
    """What to draw; dcmtools/pixels/drawing.py knows what is in it."""


class Answer(TypedDict, total=False):
    """What became of it: a transfer syntax and a note, or why not and a hint."""

    transfer_syntax: str
    note: str
    has_copies: bool
    told: dict[str, Any]
    converted: Converted
    why: str
    hint: str
    is_output: bool
    """Whether it is the result that cannot be written."""


def serve(folder: str) -> None:
    """Serve the parent at the other end of standard input and output.

    Parameters
    ----------
    folder : str
        Where the results are; it is removed when the parent is gone without having done that.
    """
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    tasks: SimpleQueue[Request] = SimpleQueue()
    Thread(target=_listen, args=(requests, tasks, folder), daemon=True).start()
    with suppress(OSError):  # it is gone; the listener ends the process
        while True:
            answers.write(json.dumps(_answer(tasks.get())).encode() + b"\n")
    _leave(folder)


def _listen(requests: BinaryIO, tasks: "SimpleQueue[Request]", folder: str) -> None:
    """Pass on what is asked; the end of it ends the process, whatever it is doing."""
    for line in requests:
        tasks.put(json.loads(line))
    _leave(folder)


def _leave(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _answer(request: Request) -> Answer:
    try:
        if "conversion" in request:
            return _converted(request, request["conversion"])
        with _result(request["result"]) as out:
            return _done(request, out)
    except InputError as error:
        return Answer(why=error.why, hint=error.hint)
    except MemoryError:
        return Answer(why="there is not enough memory for it")
    except OSError as error:
        if "conversion" in request:
            return Answer(why=reason(error), is_output=True)
        hint = "TMPDIR names another folder to work in."
        return Answer(why=f"cannot be encoded anew: {reason(error)}", hint=hint)
    except Exception as error:  # noqa: BLE001 - the parent must hear of it
        # What the exception says may hold what the file does, so only its kind and place are told.
        place, trace = "", error.__traceback__
        while trace is not None:
            place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
            trace = trace.tb_next
        why = f"unexpected {type(error).__name__} at {place}"
        return Answer(why=why, hint="This is a bug in dcmtools; report it.")


def _done(request: Request, out: BinaryIO) -> Answer:
    path = Path(request["path"])
    if "task" in request:
        from dcmtools.pixels.drawing import draw  # noqa: PLC0415 - Pillow, for pictures alone

        return Answer(told=draw(path, request["task"], out))
    if "rectangles" in request:
        syntax, note, copies = blacken(path, request["rectangles"], out)
        return Answer(transfer_syntax=syntax, note=note, has_copies=copies)
    syntax, note = transcode(path, request["syntaxes"], out)
    return Answer(transfer_syntax=syntax, note=note)


def _converted(request: Request, conversion: Conversion) -> Answer:
    result = Path(request["result"])
    with result.open("r+b") as out:
        return Answer(converted=convert(Path(request["path"]), conversion, result, out))


@contextmanager
def _result(name: str) -> Iterator[BinaryIO]:
    """Open the file of a result; under its name there is a whole one or none."""
    named = False
    try:
        descriptor = os.open(os.path.dirname(name), _UNNAMED | os.O_RDWR | OPEN_FLAGS, _OWNER_ONLY)  # noqa: PTH120 - a folder
    except OSError:  # this file system has only files with names
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | OPEN_FLAGS
        descriptor, named = os.open(name, flags, _OWNER_ONLY), True
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            if not named:
                # With the descriptor of a folder, which an absolute path ignores, the link is
                # followed to the file.
                os.link(f"{_FDS}/{out.fileno()}", name, src_dir_fd=out.fileno())
    except BaseException:
        if named:
            os.unlink(name)  # noqa: PTH108 - a name
        raise

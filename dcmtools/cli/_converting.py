"""Decide what the options of ``convert`` mean, and say what became of each file."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

from dcmtools.batch import Item, Outcome, Status, default_jobs
from dcmtools.cli._batch import WAITING, Batch, record
from dcmtools.dataset.outputs import Planned
from dcmtools.dataset.rewrite import Destination, sync_folders
from dcmtools.errors import UsageError
from dcmtools.escape import escape
from dcmtools.output.emit import Output

if TYPE_CHECKING:
    from dcmtools.pixels.converter import Converted, Converter, Wanted

DEFAULT_RATIO = 10.0
"""How many times smaller lossy JPEG 2000 makes pixel data where nothing else is said."""

_LOSSY = "j2k"
_NO_LOSS = 0.0


def read_wanted(
    to: str | None, ratio: float | None, quality: float | None, *, decompress: bool, verify: bool
) -> "Wanted":
    """Read what files are to become.

    Raises
    ------
    UsageError
        It is not said, or said twice, or cannot be written.
    """
    from dcmtools.pixels.converter import NAMES, Wanted, syntax_named  # noqa: PLC0415 - not for help

    if (to is None) is not decompress:
        why = "does not go with --decompress" if decompress else "is missing"
        raise UsageError("--to", why, "--to names a transfer syntax: --to rle.")
    syntax = syntax_named(to) if to is not None else ""
    lossy = syntax == NAMES[_LOSSY]
    for name, value in (("--ratio", ratio), ("--quality", quality)):
        if value is not None and not lossy:
            raise UsageError(name, f"goes with --to {_LOSSY}, which is lossy")
    if ratio is not None and quality is not None:
        raise UsageError("--ratio", "does not go with --quality: each of them decides what is lost")
    if lossy and ratio is None and quality is None:
        ratio = DEFAULT_RATIO
    return Wanted(syntax, ratio or _NO_LOSS, quality or _NO_LOSS, verify)


@dataclass(frozen=True, slots=True)
class ConvertWork:
    """Convert one file: the work of a batch.

    Parameters
    ----------
    converter : Converter
        What converts.
    wanted : Wanted
        What files are to become.
    where : Destination
        Where they go.
    resume : bool
        Whether what is there already is left alone.
    jobs : int
        How many processes may work on the frames of a file.
    """

    converter: "Converter"
    wanted: "Wanted"
    where: Destination
    resume: bool
    jobs: int

    def __call__(self, item: Item) -> Iterator[str | Outcome]:
        """Convert the file; give a line on what is lost where that was looked at."""
        if not isinstance(item, Planned) or item.target is None:
            raise TypeError(item)
        made = self.converter.convert(
            item.path,
            item.target,
            self.wanted,
            self.where,
            root=item.root,
            resume=self.resume,
            jobs=self.jobs,
        )
        if made is None:
            yield Outcome(item.path, Status.KNOWN)
            return
        if made.largest:
            yield f"{escape(str(item.path))}: {loss(made)}\n"
        result = {"output": os.fspath(item.target), **asdict(made)}
        yield Outcome(
            item.path, Status.DONE, warnings=made.warnings, detail=made.note, result=result
        )


def loss(made: "Converted") -> str:
    """Say how much a file has lost."""
    frames = "1 frame" if made.frames == 1 else f"{made.frames} frames"
    return f"{frames}, PSNR {made.psnr:.2f} dB, samples differ by up to {made.largest}"


def describe(outcome: Outcome) -> dict[str, object]:
    """Make the record of a file for the report."""
    found = record(outcome)
    if isinstance(outcome.result, dict):
        more = {name: value for name, value in outcome.result.items() if name != "warnings"}
        more["output"] = os.fsencode(more["output"]).decode("utf-8", "backslashreplace")
        for name in ("frames", "largest", "psnr"):
            if not more[name]:
                del more[name]
        found |= more
    return found


def convert_all(
    plan: Sequence[Planned],
    wanted: "Wanted",
    where: Destination,
    batch: Batch,
    *,
    resume: bool,
    jobs: int,
    fail_fast: bool,
    max_inflated: int,
) -> None:
    """Convert the files, and wait until what was written is on stable storage.

    Parameters
    ----------
    plan : sequence of Planned
        The files.
    wanted : Wanted
        What they are to become.
    where : Destination
        Where they go.
    batch : Batch
        What tells and counts how it went.
    resume : bool
        Whether what is there already is left alone.
    jobs : int
        How many processes to use; 0 chooses.
    fail_fast : bool
        Whether to stop at the first file that fails.
    max_inflated : int
        The most bytes that a deflated data set may inflate to.
    """
    from dcmtools.pixels.converter import Converter  # noqa: PLC0415 - not for help

    jobs = jobs or default_jobs()
    threads = jobs + (WAITING if where.durable else 0)  # a process must not wait for the disk
    if len(plan) == 1:
        threads = 1
    with ExitStack() as stack:
        out, converter = stack.enter_context(Output()), Converter(jobs, max_inflated)
        stack.enter_context(converter)
        if threads > 1:
            stack.enter_context(_interruptible(converter))
        work = ConvertWork(converter, wanted, where, resume, max(jobs // max(len(plan), 1), 1))
        for piece in batch.run(plan, work, jobs=1, threads=threads, fail_fast=fail_fast):
            out.write(piece) if piece else out.flush()
    if where.durable:
        sync_folders(item.target for item in plan if item.error is None and item.target)


@contextmanager
def _interruptible(converter: "Converter") -> Iterator[None]:
    """Have Ctrl-C end what is under way: without that, threads would wait for its end."""

    def end(number: int, frame: object) -> None:
        del number, frame
        converter.end()
        raise KeyboardInterrupt

    if current_thread() is not main_thread():
        yield
        return
    usual = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)

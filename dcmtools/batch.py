"""Work on many files: one after the other or in parallel, in a stable order, and nothing lost.

A unit of work takes one operand, gives its output piece by piece and ends with an `Outcome`. What
fails is an outcome too, so that one bad file among 80 000 stops nothing; a worker process that
dies takes only the files with it that it was working on.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from dcmtools.errors import DcmtoolsError, NotDicomError, reason
from dcmtools.outcomes import Outcome, Status

__all__ = ["Item", "Outcome", "Status", "Work", "attempt", "default_jobs", "run"]

if TYPE_CHECKING:
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

_TASK = 16  # operands a worker takes at a time
_MOST_DEATHS = 2 * _TASK
_AHEAD = 2  # tasks a worker that are under way or waiting to be written
_GARBAGE = 20_000  # objects that a worker makes before it looks for those that are left over
_MOST_HELD = 1 << 25  # characters of a task's output that are kept in memory


class Item(Protocol):
    """An operand as a batch sees it: `dcmtools.dataset.files.Operand` is one."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def named(self) -> bool:
        """Whether the user named it, so that it must not be passed over."""

    @property
    def error(self) -> DcmtoolsError | None:
        """Why there is nothing to work on."""


Work = Callable[[Item], Iterator[str | Outcome]]
"""Works on one item: pieces of output, then an `Outcome`. For parallel work it can be pickled."""


class _Result(NamedTuple):
    output: str | None
    """None where there was too much to hand over; the work is done again, by the parent."""
    outcome: Outcome


def run(
    items: Iterable[Item], work: Work, *, jobs: int = 1, threads: int = 1, fail_fast: bool = False
) -> Generator[str | Outcome]:
    """Work on items; give their output and outcomes in the order of the items.

    Parameters
    ----------
    items : iterable of Item
        What to work on; taken only as fast as the work goes.
    work : Work
        What to do.
    jobs : int
        How many processes to use, from 1.
    threads : int
        How many items each of them works on at a time, from 1: more for work that waits for disks.
    fail_fast : bool
        Whether to stop at the first item that failed or is damaged.
    """
    if jobs > 1:
        results = _in_parallel(items, work, jobs, threads)
    elif threads > 1:
        results = _in_threads(items, work, threads)
    else:
        results = (piece for item in items for piece in attempt(item, work))
    for piece in results:
        yield piece
        bad = isinstance(piece, Outcome) and piece.status in (Status.FAILED, Status.DAMAGED)
        if bad and fail_fast:
            return


def attempt(item: Item, work: Work) -> Iterator[str | Outcome]:
    """Work on one item; whatever happens, the last piece is an `Outcome`."""
    path = item.path
    if item.error is not None:
        yield _failed(path, item.error)
        return
    try:
        yield from work(item)
    except NotDicomError as error:
        status = Status.FAILED if item.named else Status.SKIPPED
        yield Outcome(path, status, (error.why,), hint=error.hint)
    except DcmtoolsError as error:
        yield _failed(path, error)
    except MemoryError:
        yield Outcome(path, Status.FAILED, ("there is not enough memory for it",))
    except Exception as error:  # noqa: BLE001 - the other files must not suffer
        # What the exception says may hold what the file does, so only its kind and place are told.
        place, trace = "", error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        why = f"unexpected {type(error).__name__}{place}"
        hint = "This is a bug in dcmtools; report it."
        yield Outcome(path, Status.FAILED, (why,), hint=hint, unexpected=True)


def _failed(path: Path, error: DcmtoolsError) -> Outcome:
    """Say why there is nothing, and of what where that is not the file itself."""
    why = error.why if error.what == str(path) else str(error)
    return Outcome(path, Status.FAILED, (why,), hint=error.hint, code=error.exit_code)


# Parallel work


def _in_threads(items: Iterable[Item], work: Work, threads: int) -> Iterator[str | Outcome]:
    """Work on some items at a time in this process."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only for such work

    source, waiting = iter(items), deque["tuple[Item, Future[_Result]]"]()
    pool = ThreadPoolExecutor(threads)
    try:
        while True:
            for item in islice(source, threads * _AHEAD - len(waiting)):
                waiting.append((item, pool.submit(_held, item, work, _MOST_HELD)))
            if not waiting:
                return
            item, result = waiting.popleft()
            yield from _handed_over(item, result.result(), work)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_parallel(
    items: Iterable[Item], work: Work, jobs: int, threads: int
) -> Iterator[str | Outcome]:
    """Keep workers busy a little ahead of what is written."""
    source = iter(items)
    done: dict[int, tuple[list[Item], list[_Result]]] = {}
    given = taken = 0
    with _Crew(work, jobs, threads) as crew:
        while True:
            while given - taken < jobs * _AHEAD and crew.has_room():
                task = list(islice(source, _TASK))
                if not task:
                    break
                crew.give(given, task)
                given += 1
            if taken == given:
                return
            if taken not in done:
                number, task, results = crew.next_done()
                done[number] = task, results
                continue
            task, results = done.pop(taken)
            taken += 1
            for item, result in zip(task, results, strict=True):
                yield from _handed_over(item, result, work)


def _handed_over(item: Item, result: _Result, work: Work) -> Iterator[str | Outcome]:
    if result.output is None:
        yield from attempt(item, work)
        return
    if result.output:
        yield result.output
    yield result.outcome


class _Worker:
    """A process that takes tasks and gives results through a pipe of its own.

    That pipe is why there is no pool from the standard library: all workers of one write into the
    same pipe, and one that dies while it does leaves the others and the parent waiting for ever.
    """

    def __init__(self, work: Work, threads: int) -> None:
        import multiprocessing  # noqa: PLC0415 - 10 ms, only for parallel work

        forks = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
        context = multiprocessing.get_context("fork" if forks else None)
        self.pipe, theirs = context.Pipe()
        given = theirs, self.pipe, work, threads
        self._process = context.Process(target=_serve, args=given, daemon=True)
        try:
            self._process.start()
        except OSError:
            self.pipe.close()
            raise
        finally:
            theirs.close()
        self.number = -1
        self.task: list[Item] = []

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        self._process.join()
        self._process.close()
        self.pipe.close()


class _Crew:
    """The workers: started when there is something to do, replaced when they die."""

    def __init__(self, work: Work, jobs: int, threads: int) -> None:
        self._work = work
        self._jobs = jobs
        self._threads = threads
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._done: list[tuple[int, list[Item], list[_Result]]] = []
        self._deaths = 0  # without a result between them

    def __enter__(self) -> Self:
        """Do nothing; workers start with the first task."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """End all workers."""
        for worker in (*self._idle, *self._busy):
            worker.end()

    def has_room(self) -> bool:
        """Tell whether a task would be worked on at once."""
        return bool(self._idle) or len(self._busy) < self._jobs

    def give(self, number: int, task: list[Item]) -> None:
        """Have a task worked on; where no process can be started, do it here and now."""
        try:
            worker = self._idle.pop() if self._idle else _Worker(self._work, self._threads)
        except OSError:  # too many processes or open files
            self._done.append((number, task, _work_on(task, self._work, 1)))
            return
        worker.number, worker.task = number, task
        self._busy.append(worker)
        with suppress(OSError):  # it died while it waited; receiving will tell
            worker.pipe.send(task)

    def next_done(self) -> tuple[int, list[Item], list[_Result]]:
        """Wait for a task to be done: its number, its items, their results."""
        from multiprocessing.connection import wait  # noqa: PLC0415

        if self._done:
            return self._done.pop()
        ready = wait([worker.pipe for worker in self._busy])
        worker = next(worker for worker in self._busy if worker.pipe in ready)
        self._busy.remove(worker)
        number, task = worker.number, worker.task
        results = self._received(worker)
        if results is None:
            results = [self._alone(item) for item in task]
        return number, task, results

    def _received(self, worker: _Worker) -> list[_Result] | None:
        """Take the results of a worker; None where it died.

        Raises
        ------
        DcmtoolsError
            Workers only die, whatever they work on.
        """
        try:
            results: list[_Result] = worker.pipe.recv()
        except (EOFError, OSError):
            worker.end()
            self._deaths += 1
            if self._deaths > _MOST_DEATHS:
                why = "die whatever they work on"
                raise DcmtoolsError("worker processes", why, "Try -j 1.") from None
            return None
        self._deaths = 0
        self._idle.append(worker)
        return results

    def _alone(self, item: Item) -> _Result:
        """Work on an item that may have killed a worker, with nothing else at stake."""
        why = "the process that worked on it died"
        try:
            worker = _Worker(self._work, self._threads)
        except OSError as error:
            why += f", and there can be no other: {reason(error)}"
        else:
            with suppress(OSError):  # receiving will tell
                worker.pipe.send([item])
            results = self._received(worker)
            if results is not None:
                return results[0]
        return _Result("", Outcome(item.path, Status.FAILED, (why,)))


def _serve(
    pipe: "Connection[list[_Result], list[Item]]",
    others: "Connection[list[Item], list[_Result]]",
    work: Work,
    threads: int,
) -> None:
    """Work on tasks until the parent is gone; leave Ctrl-C and the output to it."""
    import gc  # noqa: PLC0415
    import signal  # noqa: PLC0415

    gc.freeze()  # what the parent has stays
    gc.set_threshold(_GARBAGE)
    others.close()  # or this process would keep the pipe open that tells of the parent's end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is being written is removed
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # whoever reads a pipe must not wait for a worker
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            pipe.send(_work_on(pipe.recv(), work, threads))


def _work_on(task: list[Item], work: Work, threads: int) -> list[_Result]:
    if threads > 1:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only for such work

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda item: _held(item, work, _MOST_HELD // _TASK), task))
    results: list[_Result] = []
    left = _MOST_HELD
    for item in task:
        results.append(_held(item, work, left))
        left -= len(results[-1].output or "")
    return results


def _held(item: Item, work: Work, most: int) -> _Result:
    """Keep the output of an item, up to so many characters."""
    pieces: list[str] = []
    for piece in attempt(item, work):
        if isinstance(piece, Outcome):
            return _Result("".join(pieces), piece)
        most -= len(piece)
        if most < 0:
            break
        pieces.append(piece)
    return _Result(None, Outcome(item.path, Status.DONE))


def default_jobs() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

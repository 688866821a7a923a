"""Run programs on what a receiver has stored, without a shell and without holding it up.

What strangers have sent is only ever a value: one word of the argument list, or a variable of the
environment. A program that fails is told of, and stops nothing.
"""

import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count, pairwise
from pathlib import Path
from threading import Condition, Thread
from time import monotonic
from typing import cast

from dcmtools.errors import UsageError, reason
from dcmtools.net.arrivals import Arrival
from dcmtools.net.hook_values import environment, placeholders
from dcmtools.net.processes import Process, describe_status, end, start
from dcmtools.net.studies import Study

_PLACEHOLDER = re.compile("#([#pfacr])")
_HINT = (
    "Write a program and its arguments; #p is the folder, #f the file, #a the calling and #c the"
    " called AE title, #r the calling host, ## a #."
)
_SHELL = re.compile("(ba|da|a|z|k|mk|fi|c|tc)?sh")
_SCRIPT_FOLLOWS = re.compile("-[A-Za-z]*c[A-Za-z]*")
_BEHIND = 1000  # programs that wait, from where on that is told
_GRACE = 2.0  # seconds for a program to end that is told to
_LAST_MOMENT = 1.0  # seconds for one to end that is killed


@dataclass(frozen=True, slots=True)
class Hook:
    """A program to run, and its arguments; make it by `parse`.

    Parameters
    ----------
    option : str
        The option that asks for it.
    program : str
        The program: an absolute path.
    arguments : tuple of str
        Its arguments, with placeholders.
    """

    option: str
    program: str
    arguments: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, option: str) -> "Hook":
        """Read a command as a shell would split it; there is none, so nothing else is special.

        Parameters
        ----------
        text : str
            The program and its arguments. In these, ``#p`` stands for the folder, ``#f`` for the
            name of the file, ``#a`` and ``#c`` for the calling and the called AE title, ``#r`` for
            the calling host and ``##`` for ``#``. Whatever a value holds, it is (part of) one
            argument, and not looked through for placeholders. Folders are absolute, and files have
            no names that look like options; an AE title that begins with ``-``, ``+`` or ``@`` has
            ``_`` in its place.
        option : str
            The option that it is of, for messages.

        Raises
        ------
        UsageError
            It is no command, or there is no such program.
        """
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UsageError(option, f"'{text}': {reason(error)}", _HINT) from error
        if not words or not words[0]:
            raise UsageError(option, "names no program", _HINT)
        if _names_value(words[0]):
            why = f"'{words[0]}': the program itself cannot depend on what comes"
            raise UsageError(option, why, _HINT)
        if any(map(_names_value, _scripts(words))):
            hint = 'Write sh -c \'COMMAND "$1"\' sh #p, or "$DCM_FOLDER" in the script.'
            raise UsageError(option, "what comes must not be part of a shell's script", hint)
        name = _filled(words[0], {"#": "#"})
        program = shutil.which(name)
        if program is None:
            hint = "Give its path, and see that it may be executed; what a shell knows is none."
            raise UsageError(option, f"'{name}': no such program can be run", hint)
        return cls(option, str(Path(program).absolute()), tuple(words[1:]))

    @property
    def wants_file(self) -> bool:
        """Whether it is for files alone."""
        found = (match[1] for word in self.arguments for match in _PLACEHOLDER.finditer(word))
        return "f" in found

    def argv(self, of: Arrival | Study) -> tuple[str, ...]:
        """Give the program and its arguments for a file that was stored, or a study."""
        values = {**placeholders(of), "#": "#"}
        return self.program, *(_filled(word, values) for word in self.arguments)


def _names_value(word: str) -> bool:
    """Whether a word depends on what comes."""
    return any(match[1] != "#" for match in _PLACEHOLDER.finditer(word))


def _scripts(words: Sequence[str]) -> Iterator[str]:
    """Give the words that a shell, if the user has named one, takes for a script."""
    names_shell = False
    for word, following in pairwise(words):
        names_shell = names_shell or _SHELL.fullmatch(Path(word).name) is not None
        if names_shell and _SCRIPT_FOLLOWS.fullmatch(word):
            yield following


def _filled(word: str, values: Mapping[str, str]) -> str:
    """Replace placeholders, but not those in values."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], word)


@dataclass(frozen=True, slots=True)
class HookResult:
    """How a program on what has come has ended.

    Parameters
    ----------
    option : str
        The option that asks for it.
    argv : tuple of str
        The program and its arguments.
    subject : str
        What it was run on: the path of a file, or the UID of a study.
    status : int or None
        Its exit status; where a signal has ended it, minus that; None where it was not run.
    seconds : float
        How long it ran.
    why : str
        Why it was not run.
    """

    option: str
    argv: tuple[str, ...]
    subject: str
    status: int | None
    seconds: float = 0.0
    why: str = ""

    @property
    def failed(self) -> bool:
        """Whether it was not run, or says that it has failed."""
        return self.status != 0

    def __str__(self) -> str:
        """Say it in a line."""
        program = Path(self.argv[0]).name
        if self.status is None:
            how = f"was not run: {self.why}"
        else:
            how = f"{describe_status(self.status)} after {self.seconds:.1f} s"
        return f"{self.subject}: {self.option} '{program}' {how}"


class _Round:
    """The programs on files of a study that have yet to end before the one on the study is run."""

    def __init__(self) -> None:
        self.files = 0
        self.study: _Job | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """A program to run."""

    number: int
    """In order of arrival."""
    hook: Hook
    of: Arrival | Study
    round: _Round | None = None
    """What it is awaited by, where it is for a file."""

    def __lt__(self, other: "_Job") -> bool:
        return self.number < other.number


class Hooks:
    """Runs programs on files and studies, in order of arrival and several at a time.

    The program on a study is run after those on its files have ended. Each has an empty stdin, our
    stderr for its stdout too, and a session of its own, which signals from our terminal do not
    reach.

    Parameters
    ----------
    on_file, on_study : Hook or None
        What to run on each file, and on each study.
    told : callable
        Is told how each has ended; from any thread, several at a time. It must not raise.
    most : int
        How many run at a time at most.
    behind : callable
        Is told how many wait where these are more than 1000, and again whenever they have doubled.

    Raises
    ------
    UsageError
        The program on a study is for files.
    """

    def __init__(
        self,
        on_file: Hook | None,
        on_study: Hook | None,
        told: Callable[[HookResult], None],
        most: int = 4,
        *,
        behind: Callable[[int], None] = lambda _: None,
    ) -> None:
        if on_study is not None and on_study.wants_file:
            raise UsageError(on_study.option, "#f is a file, and a study has many", _HINT)
        self._on_file = on_file
        self._on_study = on_study
        self._told = told
        self._behind = behind
        self._changed = Condition()
        self._numbers = count()
        self._waiting: list[_Job] = []  # a heap
        self._rounds: dict[str, _Round] = {}
        self._left = 0  # all that have not been told of
        self._tell_at = _BEHIND
        self._running: set[Process] = set()
        self._ended = self._force = False  # how what still runs is ended
        self._threads = [
            Thread(target=self._work, name=f"hook-{number}", daemon=True) for number in range(most)
        ]
        for thread in self._threads:
            thread.start()

    def on_file(self, arrival: Arrival) -> None:
        """Have the program for files run on one that was stored; this returns at once."""
        if self._on_file is None or arrival.stored.path is None:
            return
        with self._changed:
            around = self._rounds.setdefault(arrival.stored.study, _Round())
            around.files += 1
            self._left += 1
            heappush(self._waiting, _Job(next(self._numbers), self._on_file, arrival, around))
        self._added()

    def on_study(self, study: Study) -> None:
        """Have the program for studies run on one that is complete; this returns at once."""
        if self._on_study is None:
            return
        with self._changed:
            job = _Job(next(self._numbers), self._on_study, study)
            self._left += 1
            around = self._rounds.pop(study.uid, None)
            if around is not None:
                around.study = job
            else:
                heappush(self._waiting, job)
        self._added()

    def settle(self, timeout: float) -> bool:
        """Wait until all programs that there are to run have ended; tell whether they have.

        Parameters
        ----------
        timeout : float
            The seconds to wait.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._left, timeout)

    def close(self, timeout: float) -> None:
        """Wait until all programs have ended; then end those that run and leave out the others.

        Parameters
        ----------
        timeout : float
            The seconds to wait.
        """
        try:
            self.settle(timeout)
        finally:  # Ctrl-C too
            self._end()

    def _added(self) -> None:
        """Have what waits run; where it cannot be any more, tell that."""
        with self._changed:
            self._changed.notify()
            waiting, ended = len(self._waiting), self._ended
            is_behind = waiting > self._tell_at
            if is_behind:
                self._tell_at = 2 * waiting
        if ended:
            self._work()
        elif is_behind:
            self._behind(waiting)

    def _work(self) -> None:
        """Run programs; at the end, tell which were not run."""
        while (job := self._next()) is not None:
            self._told(self._run(job))
            self._finish(job)

    def _next(self) -> _Job | None:
        """Wait for a program to run; None where there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if not self._waiting:
                return None
            job = heappop(self._waiting)
            if not self._waiting:
                self._tell_at = _BEHIND
            return job

    def _run(self, job: _Job) -> HookResult:
        """Run a program to its end."""
        argv = job.hook.argv(job.of)
        subject = f"study {job.of.uid}" if isinstance(job.of, Study) else str(job.of.stored.path)
        if self._ended:
            return HookResult(job.hook.option, argv, subject, None, why="the receiver has ended")
        started = monotonic()
        try:
            process = start(argv, environment(job.of))
        except (OSError, ValueError) as error:
            return HookResult(job.hook.option, argv, subject, None, why=reason(error))
        with self._changed:
            self._running.add(process)
            if self._ended:  # just now
                end(process, force=self._force)
        status = process.wait()
        with self._changed:
            self._running.discard(process)
        return HookResult(job.hook.option, argv, subject, status, monotonic() - started)

    def _finish(self, job: _Job) -> None:
        """Let the program on a study run once those on its files have ended."""
        with self._changed:
            self._left -= 1
            if (around := job.round) is not None:
                around.files -= 1
                if not around.files and around.study is not None:
                    heappush(self._waiting, around.study)
                elif not around.files:
                    del self._rounds[cast("Arrival", job.of).stored.study]
            self._changed.notify_all()

    def _end(self) -> None:
        """End what runs, and tell what was not run."""
        self._stop(force=False)
        self._work()
        for seconds in (_GRACE, _LAST_MOMENT):
            with self._changed:
                self._changed.wait_for(lambda: not self._left, seconds)
            self._stop(force=True)
        if not self._left:  # else one has a program that nothing ends
            for thread in self._threads:
                thread.join()

    def _stop(self, *, force: bool) -> None:
        with self._changed:
            self._ended, self._force = True, force
            self._changed.notify_all()
            for process in self._running:
                end(process, force=force)

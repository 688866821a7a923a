"""Run a receiver for a command: events, programs on what has come, what ends it, the account.

It ends in good order: no more connections are taken, what is under way comes to its end, studies
that are open are complete, and programs that run may end. Whatever stands still is cut off; after a
signal there is a limit to all of it, and a second signal is for who cannot wait.
"""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from select import select
from socket import socketpair
from threading import Lock, current_thread, main_thread
from time import monotonic

from dcmtools.cli._events import EventFormat, event_line, listening_line, study_line
from dcmtools.cli._summary import megabytes
from dcmtools.errors import ExitCode, OutputError
from dcmtools.escape import escape
from dcmtools.net.happenings import Happening, Kind
from dcmtools.net.hooks import Hook, HookResult, Hooks
from dcmtools.net.listener import Listener
from dcmtools.net.scp import Receiver
from dcmtools.net.studies import Studies, Study
from dcmtools.output.emit import STDOUT, ClosedPipeError, Output
from dcmtools.output.talk import Talk

_PATIENCE = 4.0  # seconds after which an association on which nothing happens is cut off at the end
_LAST_SECONDS = 60.0  # from a signal on, in which what is under way must have ended
_LAST_PROGRAMS = 10.0  # seconds of their own that programs have then at least
_LOOK = 1.0  # seconds after which to see, where others are waited for, if a signal has come
_STUCK = 5  # such times after which it is told that nobody reads stdout


class Reception:
    """One run of a command that receives.

    Parameters
    ----------
    talk : Talk
        Where warnings and the summary go.
    output : Output
        Where events go.
    shape : EventFormat
        How they are written.
    folder : Path
        Where objects go.
    programs : tuple of Hook or None
        What to run on each object, and on each study.
    study_timeout : float
        The seconds without an instance after which a study is complete.
    max_files : int or None
        The files after which no more associations are taken.
    idle_exit : float or None
        The seconds without a connection after which the run ends.
    """

    def __init__(
        self,
        talk: Talk,
        output: Output,
        shape: EventFormat,
        folder: Path,
        *,
        programs: tuple[Hook | None, Hook | None],
        study_timeout: float,
        max_files: int | None,
        idle_exit: float | None,
    ) -> None:
        self._talk = talk
        self._output = output
        self._shape = shape
        self._folder = folder
        self._max_files = max_files
        self._idle_exit = idle_exit
        self._hooks = Hooks(*programs, self._program_ended, behind=self._programs_wait)
        self._studies = Studies(study_timeout, self._study_ended)
        self._counts: Counter[Kind] = Counter()
        self._bytes = 0
        self._failed_programs = 0
        self._started = monotonic()
        # Whoever waits for a lock may miss a signal that comes the moment before; not so here.
        self._bell, self._bell_rope = socketpair()
        self._bell_rope.setblocking(False)  # noqa: FBT003 - socket's own signature
        self._signals: list[int] = []
        self._deadline = inf
        self._writing = Lock()
        self._failure: OutputError | ClosedPipeError | None = None

    def told(self, happening: Happening) -> None:
        """Write an event, count it, and run what is to be run; one at a time, from any thread."""
        self._counts[happening.kind] += 1
        self._write(event_line(happening, self._shape))
        self._comment(happening)
        arrival = happening.arrival
        if arrival is None or arrival.stored.error is not None:
            return
        self._bytes += arrival.stored.size
        self._studies.arrived(arrival)
        if not arrival.stored.known:
            self._hooks.on_file(arrival)
        files = self._counts[Kind.STORED] + self._counts[Kind.DUPLICATE]
        if self._max_files is not None and files >= self._max_files:
            self._end()

    def run(self, receiver: Receiver, address: str) -> None:
        """Receive until a signal, or what else is to end it, comes; then end in good order.

        Parameters
        ----------
        receiver : Receiver
            What receives; its events are those of this run.
        address : str
            The address that it listens on; "" for all.

        Raises
        ------
        KeyboardInterrupt
            A second signal has come, and what was under way is cut off.
        """
        with _signals(self._signalled, self._bell_rope.fileno()), self._bell, self._bell_rope:
            self._announce(receiver, address)
            try:
                with receiver:
                    self._wait(receiver.listener)
                    self._tell_of_the_end(receiver.listener)
                    self._drain(receiver.listener)
                self._studies.flush()
                self._wait_for_programs()
            except KeyboardInterrupt:
                self._summarize()
                raise
            finally:
                self._hooks.close(0.0)

    def finish(self) -> ExitCode:
        """Say how it went, and give the exit code.

        Raises
        ------
        OutputError
            Events could not be written, which has ended the run.
        """
        self._summarize()
        if isinstance(self._failure, OutputError):
            raise self._failure
        if signal.SIGINT in self._signals:
            return ExitCode.INTERRUPTED
        # Who ends it by a signal has no use for this: it may have run for months.
        failed = self._counts[Kind.REFUSED] or self._failed_programs
        if failed and not self._signals and self._failure is None:
            return ExitCode.PARTIAL
        return ExitCode.OK

    def _summarize(self) -> None:
        self._talk.summary(f"{', '.join(self._account())} in {monotonic() - self._started:.1f} s")

    def _account(self) -> Iterator[str]:
        duplicates, refused = self._counts[Kind.DUPLICATE], self._counts[Kind.REFUSED]
        yield f"{self._counts[Kind.STORED]} stored"
        if duplicates:
            yield f"{duplicates} known already"
        if refused:
            yield f"{refused} refused"
        if self._failed_programs:
            programs = "program" if self._failed_programs == 1 else "programs"
            yield f"{self._failed_programs} {programs} failed"
        if self._bytes:
            yield megabytes(self._bytes)

    # What is said

    def _announce(self, receiver: Receiver, address: str) -> None:
        """Say on which port, before the first event."""
        aet, port = receiver.rules.aet, receiver.port
        self._write(listening_line(aet, address, port, self._folder, self._shape))
        where = f"port {port} of {address or 'all addresses'}"
        self._talk.summary(f"listening as {aet} on {where}; Ctrl-C ends it")

    def _comment(self, happening: Happening) -> None:
        """Say beside the events what somebody should look at."""
        kind, who = happening.kind, happening.host
        if happening.calling_aet:
            who = f"{happening.calling_aet}@{who}"
        if kind is Kind.REJECTED:
            called = happening.called_aet
            self._talk.warning(f"association of {who} with {called} rejected: {happening.why}")
        elif kind is Kind.LOST:
            what = "association of" if happening.calling_aet else "connection from"
            self._talk.warning(f"{what} {who} lost: {happening.why}")
        elif kind is Kind.ASSOCIATION and happening.why:
            self._talk.warning(f"association of {who} is of no use to it: {happening.why}")
        elif happening.arrival is not None:
            self._comment_on(happening, who)

    def _comment_on(self, happening: Happening, who: str) -> None:
        """Say what is wrong with an object, or with what it came for."""
        stored = happening.arrival.stored if happening.arrival else None
        if stored is None:
            return
        if stored.error is not None:
            uid = escape(stored.sop_instance_uid) or "object"
            status = f" ({stored.status:04X}H)" if stored.status else ""
            why = stored.error.why if stored.error.what == uid else str(stored.error)
            self._talk.error(f"{uid} from {who} refused{status}: {why}", stored.error.hint)
            return
        if stored.doubt:
            why = f"stored, but cannot be read: {stored.doubt}"
            self._talk.warning(f"warning: {stored.path}: {why}")
        if stored.renamed and not stored.known:
            self._talk.warning(f"warning: {stored.path}: stored beside another object of its name")

    def _program_ended(self, result: HookResult) -> None:
        """Say where a program on what has come has failed; from any thread."""
        if result.failed:
            with self._writing:
                self._failed_programs += 1
            self._talk.warning(f"warning: {result}")
        else:
            self._talk.step(str(result))

    def _programs_wait(self, count: int) -> None:
        self._talk.warning(f"warning: {count} programs wait to be run; more come than end")

    def _study_ended(self, study: Study) -> None:
        path = self._folder / study.folder.relative_to(self._folder.absolute())
        self._write(study_line(study, path, self._shape))
        self._hooks.on_study(study)

    def _write(self, line: str) -> None:
        """Write a line to stdout; where nobody reads it any more the run ends."""
        with self._writing:
            if self._failure is not None:
                return
            try:
                self._await_reader()
                self._output.write(line)
                self._output.flush()
            except (ClosedPipeError, OutputError) as error:
                self._failure = error
                self._end()

    def _await_reader(self) -> None:
        """Wait until stdout takes something, but when this is to end not for ever.

        Raises
        ------
        OutputError
            It has not done so for a while after a signal.
        """
        waits = 0
        while not self._output.is_ready(_LOOK):
            waits += 1
            if waits == _STUCK:
                self._talk.warning(f"warning: {STDOUT}: nobody reads it, so that objects wait")
            if monotonic() > self._deadline - _LAST_SECONDS + _PATIENCE:
                raise OutputError(STDOUT, "nobody reads it")

    # What ends it

    def _wait(self, listener: Listener) -> None:
        """Wait for what ends it."""
        rest = self._idle_exit
        while (rest is None or rest > 0) and not select([self._bell], [], [], rest)[0]:
            rest = (self._idle_exit or 0) - listener.quiet()

    def _drain(self, listener: Listener) -> None:
        """Let associations come to their end: as long as it takes, or as a signal leaves time."""
        listener.refuse()
        while not listener.quiet() and (rest := self._deadline - monotonic()) > 0:
            listener.drain(_PATIENCE, min(rest, _LOOK))

    def _tell_of_the_end(self, listener: Listener) -> None:
        """Say what is waited for, where something is."""
        if count := listener.count_admitted():
            noun = "association ends" if count == 1 else "associations end"
            self._talk.summary(f"taking no more; waiting until {count} {noun}, or another signal")
        else:
            self._talk.step("taking no more connections")

    def _wait_for_programs(self) -> None:
        """Let programs come to their end: as long as it takes, or as a signal leaves time."""
        least = monotonic() + _LAST_PROGRAMS
        while not self._hooks.settle(_LOOK) and monotonic() < max(self._deadline, least):
            pass

    def _end(self) -> None:
        """Have it end, from any thread."""
        with suppress(OSError):  # told often enough, or ended by now
            self._bell_rope.send(b"\0")

    def _signalled(self, number: int) -> None:
        self._signals.append(number)
        if len(self._signals) > 1:
            raise KeyboardInterrupt
        self._deadline = monotonic() + _LAST_SECONDS


@contextmanager
def _signals(act: Callable[[int], None], descriptor: int) -> Iterator[None]:
    """Have signals that end a program end it in good order, within a ``with`` block.

    Parameters
    ----------
    act : callable
        Is given the number of a signal, in the main thread.
    descriptor : int
        Gets a byte with each signal, also where nothing can be called yet.
    """
    before = {}
    if current_thread() is main_thread():
        signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # Those that whoever started us wants to be ignored, as nohup does, stay so.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, lambda number, _: act(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if current_thread() is main_thread():
            signal.set_wakeup_fd(-1)

"""Go round peers for a command: which and in what order, what is said, and the exit code.

A single peer that fails is an error as anywhere. Of many each is a result, failed or not, and the
exit code tells of all of them.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from os import environ
from time import monotonic
from typing import NamedTuple, TypeVar

import typer

from dcmtools.cli._network import access, configured_peers
from dcmtools.cli._options import Settings
from dcmtools.config import config_path
from dcmtools.errors import ConfigError, DcmtoolsError, ExitCode
from dcmtools.escape import escape
from dcmtools.net.access import Access
from dcmtools.net.echo import Echo
from dcmtools.net.status import Category
from dcmtools.net.visits import Visit, Visits
from dcmtools.output.progress import Bar, progress

DIMSE_TIMEOUT = 30.0
"""Seconds that a peer has to answer an echo."""
A_PEER = 'peers.pacs = { host = "pacs.example.org", port = 104, aet = "PACS" }'
"""What a line of the configuration looks like."""
STATES = {"ok": "green", "failed": "bold red"}
"""The states of a peer and their colours."""

TIME_WIDTH = len("1000.0 ms")
REASON_WIDTH = 90
"""Columns to keep for a time, and for why a peer failed: what a rejection takes."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Target:
    """A peer to go to.

    Parameters
    ----------
    access : Access
        How to reach it.
    error : ConfigError or None
        Why our identity towards it is not to be had; then it is not gone to.
    """

    access: Access
    error: ConfigError | None = None

    @property
    def label(self) -> str:
        """The peer, as it is called in messages."""
        return self.access.peer.label


class End(NamedTuple):
    """The end of what is done with a peer, and why it failed, where it did."""

    target: Target
    error: DcmtoolsError | None = None

    @property
    def reason(self) -> str:
        """Why it failed, for a line that starts with the peer; "" where it did not."""
        error = self.error
        if error is None:
            return ""
        return error.why if error.what == self.target.label else str(error)

    @property
    def line(self) -> str:
        """A line that tells why it failed, "" where it did not."""
        if self.error is None:
            return ""
        return f"{escape(self.target.label)} failed: {escape(self.reason)}\n"

    @property
    def record(self) -> dict[str, object]:
        """How it ended, for JSON."""
        if self.error is None:
            return {"state": "ok"}
        code = int(self.error.exit_code)
        return {
            "state": "failed",
            "reason": self.reason,
            "hint": self.error.hint,
            "exit_code": code,
        }


def targets(context: typer.Context, names: Sequence[str], *, identify: bool = True) -> list[Target]:
    """Find peers; one whose secrets cannot be read does not keep us from the others.

    Parameters
    ----------
    context : typer.Context
        That of the command.
    names : sequence of str
        The peers, as the user writes them.
    identify : bool, optional
        Whether our identity towards them is needed.

    Raises
    ------
    UsageError
        One is no peer, or options do not go together.
    ConfigError
        The configuration is not valid.
    """
    found = []
    for name in names:
        plain = access(context, name, dimse_timeout=DIMSE_TIMEOUT, identify=False)
        try:
            known = access(context, name, dimse_timeout=DIMSE_TIMEOUT) if identify else plain
            found.append(Target(known))
        except ConfigError as error:
            found.append(Target(plain, error))
    return found


def all_peers(context: typer.Context) -> list[str]:
    """Name all peers of the configuration.

    Raises
    ------
    ConfigError
        There are none.
    """
    names = list(configured_peers(context))
    if not names:
        hint = f"Write there a line such as {A_PEER}"
        raise ConfigError(str(config_path(environ)), "names no peers", hint)
    return names


class Tour:
    """One run of a command that goes to peers.

    Parameters
    ----------
    context : typer.Context
        That of the command.
    targets : sequence of Target
        The peers.
    alone : bool
        Whether there is but one, whose failure is an error.
    """

    def __init__(self, context: typer.Context, targets: Sequence[Target], *, alone: bool) -> None:
        self._command = str(context.info_name)
        self._settings = context.ensure_object(Settings)
        self._targets = targets
        self.alone = alone
        self._started = monotonic()
        self._done = 0
        self._codes: list[ExitCode] = []
        self._bar: Bar | None = None
        self._told: set[str] = set()
        self.labels = [each.label for each in targets]
        self.color = self._settings.stdout_color
        self.talk = self._settings.talk(self._command)

    def go(self, visit: Callable[[Access], Visit[_T]]) -> Generator[_T | End]:
        """Go to all peers, in parallel, and give what comes of it in their order.

        Parameters
        ----------
        visit : callable
            Makes of a peer what is done with it.

        Yields
        ------
        object or End
            What the visits give, each followed by its end.

        Raises
        ------
        DcmtoolsError
            The only peer failed.
        """
        quiet = self._settings.verbosity < 0
        visits = [_Barred(each) if each.error else visit(each.access) for each in self._targets]
        with (
            progress(self._command, len(visits), shown=not quiet) as self._bar,
            _visited(visits, alone=self.alone) as visited,
        ):
            for target, results in zip(self._targets, visited, strict=True):
                end = End(target)
                try:
                    yield from results
                except DcmtoolsError as error:
                    if self.alone:
                        raise
                    end = End(target, error)
                self._take(end)
                yield end

    def retried(self, error: DcmtoolsError) -> None:
        """Say why a peer is tried again, once for each reason."""
        if str(error) not in self._told:
            self._told.add(str(error))
            self.talk.warning(f"{error}; trying again")

    def show(self, done: int, total: int) -> None:
        """Show how far a single visit has come."""
        if self._bar is not None and self.alone:
            self._bar.update(done, total)

    def note(self, echo: Echo) -> None:
        """Say of an echo what is to be said."""
        if echo.status.category is Category.WARNING:
            self.talk.warning(f"{echo.peer}: warning: answered {echo.status.text}")
        if echo.number == 1:
            seconds = milliseconds(echo.association_seconds)
            name = echo.implementation or "an unnamed implementation"
            self.talk.step(f"{echo.peer}: association with {name} in {seconds}")

    def finish(self) -> ExitCode:
        """Say in one line how it went, where there are many, and give the exit code."""
        if not self.alone:
            failed = f", {len(self._codes)} failed" if self._codes else ""
            seconds = monotonic() - self._started
            self.talk.summary(f"{self._done} ok{failed} in {seconds:.1f} s")
        if not self._codes:
            return ExitCode.OK
        alike = not self._done and len(set(self._codes)) == 1
        return self._codes[0] if alike else ExitCode.PARTIAL

    def _take(self, end: End) -> None:
        if end.error is None:
            self._done += 1
        else:
            self._codes.append(end.error.exit_code)
            if end.error.hint:
                self.talk.step(f"{end.target.label}: hint: {end.error.hint}")
        if self._bar is not None and not self.alone:
            self._bar.advance()


@contextmanager
def _visited(visits: Sequence[Visit[_T]], *, alone: bool) -> Iterator[Iterator[Iterator[_T]]]:
    if alone:  # in this thread, which Ctrl-C reaches at once
        with closing(visits[0].run()) as results:
            yield iter([results])
    else:
        with Visits(visits) as visited:
            yield iter(visited)


class _Barred(Visit[_T]):
    """A visit that is not made, and why."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.access)
        self._error = target.error

    def _once(self, access: Access) -> Iterator[_T]:  # noqa: ARG002 - it is not used
        if self._error is not None:
            raise self._error
        yield from ()


def milliseconds(seconds: float) -> str:
    """Write a time in milliseconds: ``12.3 ms``, below one with more digits."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value >= 1 else f"{value:.3f} ms"

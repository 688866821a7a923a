"""Run a retrieval for a command: what is asked for, progress, what interrupts it, verification."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from itertools import islice
from pathlib import Path
from threading import current_thread, main_thread
from typing import Annotated, Self

import typer

from dcmtools.cli._account import Account
from dcmtools.cli._network import access
from dcmtools.cli._options import Settings
from dcmtools.cli._query import asked, queries
from dcmtools.cli._signals import Terminable
from dcmtools.dataset.naming import Layout
from dcmtools.dataset.query_models import STUDY_ROOT
from dcmtools.errors import DcmtoolsError, ExitCode, OutputError
from dcmtools.net.crew import Crew, Fewer, Progress
from dcmtools.net.happenings import Happening
from dcmtools.net.move import advice
from dcmtools.net.resolve import Resolver
from dcmtools.net.retrieve import Counts, Retrieved, Retriever, Unit
from dcmtools.net.scp import Receiver
from dcmtools.net.status import UNABLE_TO_PROCESS
from dcmtools.net.storage import Stored, known_instances
from dcmtools.output.progress import Bar

_FAREWELL = 5.0  # seconds for associations to be released that have brought everything
_QUIET = 2.0  # seconds without an association after which nothing more is expected
_LAST_ARRIVAL = 60.0  # seconds in which what is under way must have come

OutputFolder = Annotated[
    Path, typer.Option("-od", "--output-dir", metavar="DIR", help="Where the files go.")
]
Sort = Annotated[
    Layout,
    typer.Option("--sort", help="Whether all files go in one folder, or in one for each series."),
]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave out what the folder holds already.")
]
Verify = Annotated[
    bool, typer.Option("--verify", help="Ask the peer afterwards whether all of it has come.")
]
Associations = Annotated[
    int, typer.Option("-j", "--jobs", metavar="N", min=1, max=64, help="Associations to use.")
]
Requests = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="FILE", help="Write a line of JSON about each request to FILE."
    ),
]


class Retrieval:
    """One run of a command that retrieves; use it in a ``with`` block.

    Parameters
    ----------
    context : typer.Context
        That of the command.
    peer : str
        The peer, as the user writes it.
    verb : str
        What is done to what is asked for: ``retrieved`` or ``moved``.
    arrives : bool
        Whether it arrives here, so that what counts is what has come.
    report : Path, optional
        A file that gets a line of JSON about each request.

    Attributes
    ----------
    destination : str
        The AE title that it is moved to, "" where it is not.
    access : Access
        The peer and how to reach it.
    model : Model
        The information model.
    resolver : Resolver
        What looks up what is asked for.
    """

    def __init__(
        self,
        context: typer.Context,
        peer: str,
        verb: str,
        *,
        arrives: bool,
        report: Path | None = None,
    ) -> None:
        settings = context.ensure_object(Settings)
        self.command = str(context.info_name)
        self.talk = settings.talk(self.command)
        self.access = access(context, peer, dimse_timeout=None)
        self.model = asked(context).model or STUDY_ROOT
        charset = asked(context).assume_charset
        self.resolver = Resolver(self.access, self.model, charset=charset)
        self.destination = ""
        self._context = context
        self._bar = _Bar(self.command) if settings.verbosity >= 0 and _is_seen() else None
        self._crew: Crew | None = None
        self._stack = ExitStack()
        self._account = Account(
            self.talk,
            self.access.peer.label,
            verb,
            arrives=arrives,
            advice=self._advice,
            report=report,
        )

    def __enter__(self) -> Self:
        """Take signals as what they are: a wish to end in good order."""
        if current_thread() is main_thread():
            self._stack.enter_context(Terminable())
        self._stack.callback(self._account.close)
        self._stack.enter_context(self.resolver)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close what is open; where it was interrupted, say how far it has come."""
        if isinstance(error, KeyboardInterrupt):
            self.talk.summary(self._account.summary())
        self._stack.__exit__(type(error) if error else None, error, None)

    def units(self, known_in: Path | None = None) -> Iterator[Unit]:
        """Give what is to be retrieved, without what a folder holds already."""
        known = None if known_in is None else known_instances(known_in)
        for query in queries(self._context):
            for unit in self.resolver.units(query):
                if known is None:
                    yield unit
                    continue
                left, skipped = self.resolver.without(unit, known)
                self._account.skipped += skipped
                yield from left

    def run(self, start: Callable[[], Retriever], units: Iterable[Unit], jobs: int) -> None:
        """Retrieve all; what fails is told and counted.

        Raises
        ------
        DcmtoolsError
            Nothing could be asked for at all.
        """
        self._crew = Crew(start, units, jobs)
        try:
            with closing(self._crew.run()) as events:
                for event in events:
                    self._take(event)
        except DcmtoolsError as error:
            if not self._account.done and not isinstance(error, OutputError):
                raise
            self._account.fail(error)
        finally:
            if self._bar is not None:
                self._bar.close()

    def stored(self, stored: Stored) -> None:
        """Count an object that has come; may be called from any thread."""
        self._account.stored(stored)
        if self._account.full is not None and self._crew is not None:
            self._crew.fail(self._account.full)

    def happened(self, happening: Happening) -> None:
        """Count what has come to a receiver of ours; may be called from any thread."""
        if happening.arrival is not None:
            self.stored(happening.arrival.stored)

    def settle(self, receiver: Receiver) -> None:
        """Wait for what the peer has counted and what may still be on its way here."""
        if self._account.full is not None:
            return
        if self._account.all_have_come:
            receiver.listener.wait_idle(0, _FAREWELL)
        else:
            receiver.listener.wait_idle(_QUIET, _LAST_ARRIVAL)

    def verify(self) -> None:
        """Ask the peer what there is, and hold it against what has come."""
        if self._account.full is not None:
            return
        try:
            for done in self._account.done:
                there = {instance.uid for instance in self.resolver.instances(done.unit)}
                self._account.compare(done, there)
        except DcmtoolsError as error:
            self._account.fail(error)

    def finish(self) -> ExitCode:
        """Say how it went, and give the exit code."""
        return self._account.finish()

    def _advice(self, done: Retrieved) -> str:
        return advice(done, self.destination)

    def _take(self, event: Progress | Retrieved | Fewer) -> None:
        if isinstance(event, Retrieved):
            self._account.take(event, absent=self._is_absent(event))
        elif isinstance(event, Fewer):
            self._account.fewer(event.error)
        if self._bar is not None and not isinstance(event, Fewer):
            self._bar.show(event)

    def _is_absent(self, done: Retrieved) -> bool:
        """Ask whether there is anything at all of what a peer was unable to process."""
        if done.status is None or done.status.code >> 12 != UNABLE_TO_PROCESS or done.counts.total:
            return False
        with suppress(DcmtoolsError):
            return not self.resolver.exists(done.unit)
        return False


class _Bar:
    """A progress bar for requests, several of which may be under way."""

    def __init__(self, command: str) -> None:
        self._bar = Bar(command, 0)
        self._ended = 0
        self._under_way: dict[Unit, Counts] = {}

    def show(self, event: Progress | Retrieved) -> None:
        """Show how far it has come."""
        if isinstance(event, Retrieved):
            self._under_way.pop(event.unit, None)
            self._ended += event.counts.total
        else:
            self._under_way[event.unit] = event.counts
        done = total = self._ended
        for unit, counts in self._under_way.items():
            done += counts.total - (counts.remaining or 0)
            total += max(counts.total, unit.expected or 0)
        self._bar.update(done, total)

    def close(self) -> None:
        """Take it off the screen."""
        self._bar.close()


def ahead(units: Iterable[Unit], count: int) -> tuple[list[Unit], Iterator[Unit]]:
    """Take the first units off, to look at before the first is retrieved."""
    left = iter(units)
    return list(islice(left, count)), left


def _is_seen() -> bool:
    """Tell whether anybody sees a bar; there is no data on stdout that it could stand in."""
    return sys.stderr is not None and sys.stderr.isatty()

"""Run the sending of many files for a command: what is sent, where, how, and what interrupts it."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

import typer

from dcmtools.cli._meter import Meter
from dcmtools.cli._options import Settings
from dcmtools.cli._outline import outline
from dcmtools.cli._sent import Account, Fate
from dcmtools.cli._signals import Terminable
from dcmtools.dataset.files import Operand
from dcmtools.dataset.outgoing import check
from dcmtools.errors import DcmtoolsError, ExitCode, NotDicomError, UsageError
from dcmtools.net.access import Access
from dcmtools.net.consign import Consignment, Unsent
from dcmtools.net.dispatch import Policy
from dcmtools.net.journal import Journal
from dcmtools.net.parcel import Transcoded, Treatment
from dcmtools.net.plan import Transcode
from dcmtools.output.emit import Output
from dcmtools.output.progress import Bar, progress

if TYPE_CHECKING:
    from dcmtools.cli._committing import Committing
    from dcmtools.dataset.new_uids import NewUids
    from dcmtools.dataset.operations import Operation
    from dcmtools.pixels.worker import Transcoder

_SALT = 16  # bytes
_INSTANCE = 0x00080018


@dataclass(frozen=True, slots=True)
class Changes:
    """What is changed in objects on their way, as the user writes it.

    Parameters
    ----------
    transcode : Transcode
        When they are encoded anew.
    propose : tuple of str
        Transfer syntaxes to propose for all.
    assign : tuple of str
        Values to set.
    new_uids : bool
        Whether they get new UIDs.
    """

    transcode: Transcode
    propose: tuple[str, ...] = ()
    assign: tuple[str, ...] = ()
    new_uids: bool = False

    @property
    def listed(self) -> tuple[str, ...]:
        """What a journal knows them by."""
        return (*self.assign, *(["--new-uids"] if self.new_uids else []))

    def assignments(self) -> "tuple[Operation, ...]":
        """Understand the values to set.

        Raises
        ------
        UsageError
            One means nothing.
        """
        if not self.assign:
            return ()
        from dcmtools.dataset.edit import parse_assignment  # noqa: PLC0415 - few change anything

        return tuple(map(parse_assignment, self.assign))

    def uids(self, journal: Journal | None) -> "NewUids | None":
        """Give what makes new UIDs, the same for each run with a journal."""
        if not self.new_uids:
            return None
        from dcmtools.dataset.new_uids import NewUids  # noqa: PLC0415 - few want them

        return NewUids(os.urandom(_SALT) if journal is None else journal.salt)


class Sending:
    """One run; use it in a ``with`` block.

    Parameters
    ----------
    context : typer.Context
        That of the command.
    access : Access
        The peer and how to reach it.
    policy : Policy
        How hard to try.
    changes : Changes
        What is changed in objects on their way.
    resume : Path or None
        A journal of what has arrived.
    warnings_fail : bool
        Whether a warning of the peer counts as a failure.
    report : Path or None
        A file that gets a line of JSON about each file.

    Raises
    ------
    UsageError
        A value cannot be set, or a file is the journal of something else.
    OutputError
        The journal or the report cannot be written.

    Attributes
    ----------
    account : Account
        The account of it.
    """

    def __init__(
        self,
        context: typer.Context,
        access: Access,
        policy: Policy,
        changes: Changes,
        *,
        resume: Path | None,
        warnings_fail: bool,
        report: Path | None,
    ) -> None:
        settings = context.ensure_object(Settings)
        self._command = str(context.info_name)
        self._access = access
        self._committing: Committing | None = None
        self._quiet = settings.verbosity < 0
        self._stops = policy.fail_fast
        self._meter = Meter()
        self._signals = Terminable()
        with ExitStack() as stack:
            assignments = changes.assignments()
            label = access.peer.label
            journal = None if resume is None else Journal(resume, label, changes.listed)
            if journal is not None:
                stack.enter_context(journal)
            self._sets_instance = any(each.tag == _INSTANCE for each in assignments)
            encode = stack.enter_context(_Encode())
            uids = changes.uids(journal)
            self._consignment = Consignment(
                access,
                Treatment(changes.transcode, encode, assignments, uids, self._meter),
                policy,
                propose=changes.propose,
                journal=journal,
                warnings_fail=warnings_fail,
            )
            talk = settings.talk(self._command)
            self.account = Account(talk, label, warnings_fail=warnings_fail, report=report)
            stack.callback(self.account.close)
            self._stack = stack.pop_all()
        self._talk = talk

    def __enter__(self) -> Self:
        """Take signals as what they are: a wish to end in good order."""
        self._signals.__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close what is open; where it was interrupted, say how far it has come."""
        try:
            if isinstance(error, KeyboardInterrupt):
                self._talk.summary(self.account.summary())
            self._stack.__exit__(type(error) if error else None, error, None)
        finally:
            self._signals.__exit__()

    def will_commit(self, seconds: float, port: int | None) -> None:
        """Have the peer confirm, once all is sent, that it keeps what has arrived.

        Parameters
        ----------
        seconds : float
            How long to wait for a report.
        port : int or None
            Where to listen for those that come on an association of their own, from now on; None
            not to.
        """
        from dcmtools.cli._committing import Committing, Waiting  # noqa: PLC0415 - few ask for it

        committing = Committing(self._access, Waiting(seconds, port), self._talk)
        self._committing = self._stack.enter_context(committing)

    def look_at(self, items: Sequence[Operand], *, dicomdir: bool) -> None:
        """Look at the headers of all files; what cannot be sent is told and counted.

        Raises
        ------
        UsageError
            All of them would become the same instance.
        """
        with self._progress("looking", len(items)) as bar:
            for found in self._consignment.look_at(items, dicomdir=dicomdir):
                if isinstance(found, Unsent):
                    self._take_unsent(found)
                if bar:
                    bar.advance()
        if self._sets_instance and len(self._consignment.outgoing) > 1:
            why = "would make all objects the same instance"
            raise UsageError("--set SOPInstanceUID", why, "--new-uids gives each one its own.")

    def explain(self) -> None:
        """Say what would be sent, on which associations and in which presentation contexts."""
        outgoing = self._consignment.outgoing
        whole = []
        with self._progress("looking through", len(outgoing)) as bar:
            for each in outgoing:
                try:
                    whole.append(check(each))
                except DcmtoolsError as error:
                    self.account.fail(each.path, error, each)
                else:
                    self.account.ready(whole[-1])
                if bar:
                    bar.advance()
        with Output() as output:
            for number, (leg, items) in enumerate(self._consignment.loads(whole), 1):
                for line in outline(number, leg, items):
                    output.write(f"{line}\n")

    def send(self) -> None:
        """Send everything; what fails is told and counted."""
        take, failed = self.account.take, False
        try:
            with (
                self._meter.shown(
                    self._command, self._consignment.outgoing, wanted=not self._quiet
                ),
                closing(self._consignment.send()) as events,
            ):
                for event in events:
                    with self._signals.held():
                        failed = take(event)
                    self._meter.take(event)
                    if failed and self._stops:
                        break
        except DcmtoolsError as error:  # of the journal
            self.account.trouble(error)
        finally:
            for event in self._consignment.rest():
                take(event)
        if self._committing is not None:
            self._committing.commit(self.account)

    def finish(self) -> ExitCode:
        """Say how it went, and give the exit code."""
        return self.account.finish()

    def _progress(self, what: str, count: int) -> "AbstractContextManager[Bar | None]":
        return progress(what, count, shown=count > 1 and not self._quiet, alone=True)

    def _take_unsent(self, found: Unsent) -> None:
        path, error, outgoing = found.path, found.error, found.outgoing
        if outgoing is not None:
            self.account.skip(path, Fate.DONE_BEFORE, "the journal lists it", outgoing)
            uid = self._consignment.sop_instance_of(outgoing)
            self.account.arrived[uid] = outgoing.sop_class, path
        elif isinstance(error, NotDicomError) and not found.named:
            self.account.skip(path, Fate.SKIPPED, error.why)
        elif error is not None:
            self.account.fail(path, error)


class _Encode:
    """Encodes objects anew, by processes that are started for the first of them."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._starting = Lock()
        self._transcoder: Transcoder | None = None

    def __enter__(self) -> Self:
        """Do nothing; most objects go as they are."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        self._stack.close()

    def __call__(self, path: Path, syntaxes: Sequence[str]) -> Transcoded:
        """Encode the object of a file."""
        with self._starting:
            if self._transcoder is None:
                from dcmtools.pixels.worker import Transcoder  # noqa: PLC0415 - as said above

                self._transcoder = self._stack.enter_context(Transcoder())
        return self._transcoder.transcode(path, syntaxes)

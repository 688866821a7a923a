"""Keep account of a retrieval: what is said of each request, the report, summary and exit code."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from time import monotonic

from dcmtools.cli._options import open_report
from dcmtools.cli._summary import megabytes
from dcmtools.errors import DcmtoolsError, ExitCode, OutputError, reason
from dcmtools.net.retrieve import Retrieved, Unit
from dcmtools.net.status import Category
from dcmtools.net.storage import OUT_OF_RESOURCES, Stored
from dcmtools.output.talk import Talk

_MOST_LISTED = 20  # UIDs in a message; the report has them all


class Account:
    """The account of one run.

    Parameters
    ----------
    talk : Talk
        The voice of the command.
    peer : str
        The peer, as it is called in messages.
    verb : str
        What is done to what is asked for: ``retrieved`` or ``moved``.
    arrives : bool
        Whether it arrives here, so that what counts is what has come.
    advice : callable
        Says what can be done about a request that failed.
    report : Path, optional
        A file that gets a line of JSON about each request.

    Raises
    ------
    OutputError
        The report cannot be written.

    Attributes
    ----------
    done : list of Retrieved
        What became of the requests.
    skipped : int
        The instances that were left out.
    full : DcmtoolsError or None
        Why nothing more can be stored.
    """

    def __init__(
        self,
        talk: Talk,
        peer: str,
        verb: str,
        *,
        arrives: bool,
        advice: Callable[[Retrieved], str],
        report: Path | None = None,
    ) -> None:
        self.done: list[Retrieved] = []
        self.skipped = 0
        self.full: DcmtoolsError | None = None
        self._talk = talk
        self._peer = peer
        self._verb = verb
        self._arrives = arrives
        self._advice = advice
        self._report_path = report
        self._report = open_report(report)
        self._started = monotonic()
        self._lock = Lock()
        self._arrived: dict[str, int] = {}  # how often each instance has come
        self._bytes = 0
        self._missing = 0
        self._absent: dict[Unit, None] = {}
        self._errors: list[DcmtoolsError] = []
        self._hints: set[str] = set()

    @property
    def count(self) -> int:
        """How many instances have got where they were to go."""
        return len(self._arrived) if self._arrives else self.claimed

    @property
    def claimed(self) -> int:
        """How many instances the peer says to have sent."""
        return sum(each.counts.done for each in self.done)

    @property
    def all_have_come(self) -> bool:
        """Whether as much has come as the peer says to have sent, and it does say so."""
        silent = any(not each.failed and each.counts.completed is None for each in self.done)
        return not silent and sum(self._arrived.values()) >= self.claimed

    def stored(self, stored: Stored) -> None:
        """Count an object that has come; may be called from any thread."""
        with self._lock:
            uid = stored.sop_instance_uid
            if stored.status == OUT_OF_RESOURCES:
                self.full = self.full or stored.error
            elif stored.error is not None:
                self._talk.error(f"{uid or 'object'}: not stored: {stored.error.why}")
            else:
                self._arrived[uid] = self._arrived.get(uid, 0) + 1
                self._bytes += stored.size
            if stored.renamed:
                self._talk.warning(
                    f"warning: {stored.path}: stored beside another object with the UID {uid}"
                )

    def take(self, done: Retrieved, *, absent: bool) -> None:
        """Tell what became of a request.

        Parameters
        ----------
        done : Retrieved
            What became of it.
        absent : bool
            Whether it failed because there is no such thing, as far as the peer can tell.
        """
        self._write_report(done)
        self.done.append(replace(done, stored=()))  # there may be a million
        counts, unit = done.counts, done.unit
        if done.error is not None:
            so_far = f"; {counts.done} of {counts.total} instances {self._verb} by then"
            self._tell(f"{done.error} ({unit}{so_far if counts.total else ''})", self._advice(done))
        elif absent or _is_empty(done):
            self._absent[unit] = None
        elif done.status is not None and (done.failed or counts.failed):
            which = f": {_listed(done.failed_instances)}" if done.failed_instances else ""
            text = f"{self._peer}: {unit}: answered {done.status.text}"
            if counts.total:
                text += f"; {counts.failed or 0} of {counts.total} instances failed{which}"
            self._tell(text, self._advice(done))
        elif done.status is not None and done.status.category is Category.WARNING:
            self._warn(f"{unit}: answered {done.status.text}")
        elif counts.completed is None and not self._arrives:
            self._warn(f"{unit}: the peer does not say how many")
        else:
            self._talk.step(f"{unit}: {counts.done} {self._verb}")

    def fail(self, error: DcmtoolsError) -> None:
        """Tell what ended the run, or a part of it."""
        self._errors.append(error)
        self._tell(str(error), error.hint)

    def fewer(self, error: DcmtoolsError) -> None:
        """Tell that there is an association less than was asked for."""
        self._warn(f"{error.why}; going on with fewer associations")

    def compare(self, done: Retrieved, there: set[str]) -> None:
        """Hold what the peer has against what has got where it was to go."""
        if self._arrives:
            missing = sorted(there - self._arrived.keys())
        else:
            missing = [""] * max(len(there) - done.counts.done, 0)
        if missing:
            self._missing += len(missing)
            listed = f": {_listed(missing)}" if missing[0] else ""
            text = f"{done.unit}: {len(missing)} of {len(there)} instances are missing{listed}"
            self._talk.error(text)

    def finish(self) -> ExitCode:
        """Say how it went, and give the exit code."""
        if self.full is not None and str(self.full) not in map(str, self._errors):
            self.fail(self.full)
        arrived, claimed = sum(self._arrived.values()), self.claimed
        if self._arrives and arrived < claimed and self.full is None:
            hint = "Does the AE title lead here? The peer's log tells where it has sent them."
            self._tell(f"the peer counts {claimed} instances, and {arrived} have come", hint)
            self._missing = max(self._missing, claimed - arrived)
        code = self._code()
        if code is ExitCode.EMPTY:
            hint = (
                "Nothing matches, or the peer has nothing to send; dcmtools find shows what it has."
            )
            self._tell(f"nothing was {self._verb}", hint)
        elif self._absent:
            self._talk.error(f"nothing was {self._verb} of {_listed(map(str, self._absent))}")
        self._talk.summary(self.summary())
        return code

    def summary(self) -> str:
        """Say in a line what was done."""
        requests = self._failed_requests()
        parts = [f"{self.count} {self._verb}"]
        parts += [f"{self._failed()} failed"] if self._failed() else []
        parts += [f"{requests} request{'s' * (requests > 1)} failed"] if requests else []
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        parts += ["the rest not"] if self.full is not None else []
        parts += [megabytes(self._bytes)] if self._bytes else []
        return f"{', '.join(parts)} in {monotonic() - self._started:.1f} s"

    def _failed(self) -> int:
        return max(sum(each.counts.failed or 0 for each in self.done), self._missing)

    def _failed_requests(self) -> int:
        return sum(each.failed and each.unit not in self._absent for each in self.done)

    def _code(self) -> ExitCode:
        errors = [*self._errors, *(each.error for each in self.done if each.error is not None)]
        if any(isinstance(error, OutputError) for error in errors):
            return ExitCode.OUTPUT
        if errors or self._failed() or self._failed_requests():
            if self.count:
                return ExitCode.PARTIAL
            return errors[0].exit_code if errors else ExitCode.STATUS
        if self._absent:
            return ExitCode.PARTIAL if self.count or self.skipped else ExitCode.EMPTY
        unknown = any(each.counts.completed is None for each in self.done)
        if self.count or self.skipped or (unknown and not self._arrives):
            return ExitCode.OK
        return ExitCode.EMPTY

    def _tell(self, text: str, hint: str) -> None:
        """Say what failed, and what to do about it, which is said once."""
        self._talk.error(text, "" if hint in self._hints else hint)
        self._hints.add(hint)

    def _warn(self, text: str) -> None:
        self._talk.warning(f"warning: {self._peer}: {text}")

    def _write_report(self, done: Retrieved) -> None:
        if self._report is None:
            return
        unit, counts, status = done.unit, done.counts, done.status
        failed = done.failed or bool(counts.failed)
        record = {
            "level": unit.level,
            "patient_id": unit.patient_id,
            "study": unit.study,
            "series": unit.series,
            "instances": unit.instances,
            "status": ("partial" if counts.done else "failed") if failed else "done",
            "code": None if status is None else f"{status.code:04X}",
            "completed": counts.completed,
            "warning": counts.warning,
            "failed": counts.failed,
            "failed_instances": done.failed_instances,
            "reasons": [str(done.error)] if done.error else [status.text] if status else [],
            "files": [str(each.path) for each in done.stored if each.path is not None],
        }
        try:
            self._report.write(json.dumps(record) + "\n")
            self._report.flush()
        except OSError as error:
            self.close()
            raise OutputError(str(self._report_path), reason(error)) from error

    def close(self) -> None:
        """Close the report; whether its lines could be written has been told."""
        if self._report is not None:
            with suppress(OSError):
                self._report.close()
            self._report = None


def _is_empty(done: Retrieved) -> bool:
    """Tell whether a peer says to have done all that was asked for, which was nothing."""
    return not done.failed and done.counts.completed == 0 and not done.counts.total


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _MOST_LISTED
    return ", ".join(listed[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")

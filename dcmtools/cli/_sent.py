"""Keep account of what is sent: messages, report, summary, exit code."""

import json
import os
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from dcmtools.cli._options import open_report
from dcmtools.cli._summary import megabytes
from dcmtools.dataset.outgoing import Outgoing
from dcmtools.errors import DcmtoolsError, ExitCode, OutputError, reason
from dcmtools.net.dispatch import Again, Event, Fewer
from dcmtools.net.status import Category, Status
from dcmtools.net.store import Sent
from dcmtools.output.talk import Talk

if TYPE_CHECKING:
    from dcmtools.net.commitment import Commitment

_MANY = 20  # files that fail for one reason, from where on that is said again in one line


class Fate(StrEnum):
    """What can become of a file."""

    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    DONE_BEFORE = "done before"
    UNTRIED = "not sent"
    READY = "ready"


class Account:
    """The account of one run.

    Parameters
    ----------
    talk : Talk
        Where messages go.
    label : str
        The peer, as it is called in messages.
    warnings_fail : bool
        Whether a warning of the peer counts as a failure.
    report : Path or None
        A file that gets a line of JSON about each file.

    Raises
    ------
    OutputError
        The report cannot be written.

    Attributes
    ----------
    arrived : dict of str to tuple of str and Path
        The SOP class and the file of what the peer has, by SOP Instance UID.
    """

    def __init__(self, talk: Talk, label: str, *, warnings_fail: bool, report: Path | None) -> None:
        self.arrived: dict[str, tuple[str, Path]] = {}
        self._counts: Counter[Fate] = Counter()
        self._talk = talk
        self._label = label
        self._warnings_fail = warnings_fail
        self._report_path = report
        self._report = open_report(report)
        self._started = monotonic()
        self._bytes = 0
        self._encoded = 0  # of what was sent
        self._codes: Counter[ExitCode] = Counter()
        self._reasons: Counter[str] = Counter()
        self._hints: set[str] = set()
        self._ended: DcmtoolsError | None = None
        self._committed: int | None = None

    def close(self) -> None:
        """Close the report."""
        if self._report is not None:
            with suppress(OSError):  # whether its lines could be written has been told
                self._report.close()
            self._report = None

    def take(self, event: Event) -> bool:
        """Tell what has happened, and count it.

        Returns
        -------
        bool
            Whether it is a failure.
        """
        if isinstance(event, Again):
            self._talk.warning(f"{event.error}; trying again in {event.seconds:g} s")
        elif isinstance(event, Fewer):
            self._talk.warning(f"{event.error}; going on with fewer associations")
        elif event.arrived:
            return self._take_arrived(event)
        elif event.attempts:
            self._take_failed(event)
            return True
        else:
            self._take_untried(event)
        return False

    def skip(self, path: Path, fate: Fate, why: str, outgoing: Outgoing | None = None) -> None:
        """Count a file that is not to be sent."""
        self._counts[fate] += 1
        self._talk.step(f"{path}: {fate}: {why}")
        self._write(path, fate, outgoing=outgoing, reasons=[why])

    def ready(self, outgoing: Outgoing) -> None:
        """Count a file that would be sent."""
        self._warn(outgoing.path, outgoing.warnings)
        self._counts[Fate.READY] += 1
        self._bytes += outgoing.size
        self._write(outgoing.path, Fate.READY, outgoing=outgoing, warnings=outgoing.warnings)

    def fail(self, path: Path, error: DcmtoolsError, outgoing: Outgoing | None = None) -> None:
        """Tell why a file cannot be sent."""
        self._counts[Fate.FAILED] += 1
        self._codes[error.exit_code] += 1
        why = self._fault(path, error)
        self._write(path, Fate.FAILED, outgoing=outgoing, reasons=[why])

    def trouble(self, error: DcmtoolsError) -> None:
        """Tell what has failed beside the sending."""
        self._codes[error.exit_code] += 1
        self._tell(str(error), error.hint)

    def commitment(self, answer: "Commitment") -> None:
        """Tell what the peer keeps of what has arrived, and what not."""
        from dcmtools.net.commitment import failure  # noqa: PLC0415 - few ask for it

        for uid, code in sorted(answer.failed.items()):
            status = failure(code)
            why = f"the peer does not commit itself to keep it: {status.text}"
            self._codes[ExitCode.STATUS] += 1
            self._tell(f"{self._path_of(uid)}: {why}", status.hint)
            self._write_commitment(uid, "not committed", [why], status)
        if answer.error is not None:
            self.trouble(answer.error)
        if answer.unknown:
            self._codes[ExitCode.STATUS] += 1
            hint = (
                "Where it reports on an association of its own, it must know our AE title, with "
                "this host and the port of --commit-listen; else wait longer with --commit-wait."
            )
            count = len(answer.unknown)
            self._tell(f"{self._label}: has not reported on {count} instances", hint)
        for uid in sorted(answer.unknown):
            self._write_commitment(uid, "not reported", [])
        for uid in sorted(answer.committed):
            self._write_commitment(uid, "committed", [])
        self._committed = len(answer.committed)

    def finish(self) -> ExitCode:
        """Say how it went, and give the exit code."""
        for why, count in self._reasons.most_common():
            if count < _MANY:
                break
            self._talk.error(f"{count} files: {why}")
        if self._ended is not None:
            self._tell(str(self._ended), self._ended.hint)
        good = (Fate.SENT, Fate.DONE_BEFORE, Fate.READY)
        done = any(self._counts[fate] for fate in good)
        if not done and not self._codes and not self._counts[Fate.UNTRIED]:
            self._talk.error("there is nothing to send")
        if self._counts:
            self._talk.summary(self.summary())
        if self._codes[ExitCode.OUTPUT]:
            return ExitCode.OUTPUT
        if not self._codes:
            return ExitCode.OK if done else ExitCode.INPUT
        return ExitCode.PARTIAL if done else self._codes.most_common(1)[0][0]

    def summary(self) -> str:
        """Say in a line what was done."""
        ready = self._counts[Fate.READY]
        parts = [f"{ready} would be sent" if ready else f"{self._counts[Fate.SENT]} sent"]
        parts[0] += f" ({self._encoded} of them encoded anew)" if self._encoded else ""
        others = (Fate.FAILED, Fate.UNTRIED, Fate.DONE_BEFORE, Fate.SKIPPED)
        parts += [f"{self._counts[fate]} {fate}" for fate in others if self._counts[fate]]
        parts += [] if self._committed is None else [f"{self._committed} committed"]
        parts += [megabytes(self._bytes)] if self._bytes else []
        return f"{', '.join(parts)} in {monotonic() - self._started:.1f} s"

    def _take_arrived(self, sent: Sent) -> bool:
        """Take an object that the peer has, perhaps with a warning."""
        outgoing, status = sent.outgoing, sent.status
        path = outgoing.path
        self._warn(path, sent.warnings)
        self.arrived[sent.sop_instance] = outgoing.sop_class, path
        if status is None or status.category is not Category.WARNING:
            self._count_sent(sent)
            self._record(sent, Fate.SENT, [])
            return False
        why = f"the peer answered {status.text}"
        if self._warnings_fail:
            self._take_failed(sent)
            return True
        self._talk.warning(f"{path}: warning: {why}")
        self._count_sent(sent)
        self._record(sent, Fate.SENT, [why])
        return False

    def _count_sent(self, sent: Sent) -> None:
        self._counts[Fate.SENT] += 1
        self._bytes += sent.outgoing.size
        self._encoded += bool(sent.note)
        self._talk.step(f"{sent.outgoing.path}: sent{sent.note and f', {sent.note}'}")

    def _take_failed(self, sent: Sent) -> None:
        self._counts[Fate.FAILED] += 1
        path, status = sent.outgoing.path, sent.status
        if status is not None:
            self._codes[ExitCode.STATUS] += 1
            why = f"the peer answered {status.text}"
            self._reasons[
                f"the peer answered {Status(status.code, service=status.service).text}"
            ] += 1
            self._tell(f"{path}: {why}", status.hint)
        else:
            error = sent.error or DcmtoolsError(str(path), "was not answered")
            self._codes[error.exit_code] += 1
            why = self._fault(path, error)
        self._record(sent, Fate.FAILED, [why])

    def _take_untried(self, sent: Sent) -> None:
        """Count what could not be tried; why is told once."""
        self._counts[Fate.UNTRIED] += 1
        if sent.error is not None:
            self._codes[sent.error.exit_code] += 1
            self._ended = sent.error
        self._record(sent, Fate.UNTRIED, [str(sent.error)] if sent.error else [])

    def _fault(self, path: Path, error: DcmtoolsError) -> str:
        """Tell what is wrong with a file, and give it in words."""
        why = error.why if error.what == str(path) else str(error)
        self._reasons[why] += 1
        self._tell(f"{path}: {why}", error.hint)
        return why

    def _warn(self, path: Path, warnings: tuple[str, ...]) -> None:
        for text in warnings:
            self._talk.warning(f"{path}: warning: {text}")

    def _tell(self, text: str, hint: str) -> None:
        """Say what failed, and what to do about it, which is said once."""
        self._talk.error(text, "" if hint in self._hints else hint)
        self._hints.add(hint)

    def _path_of(self, uid: str) -> str:
        return f"{self.arrived[uid][1]}: {uid}" if uid in self.arrived else uid

    def _record(self, sent: Sent, fate: Fate, reasons: list[str]) -> None:
        self._write(
            sent.outgoing.path,
            fate,
            outgoing=sent.outgoing,
            sop_instance_uid=sent.sop_instance,
            transfer_syntax_uid=sent.transfer_syntax or sent.outgoing.transfer_syntax,
            code=None if sent.status is None else f"{sent.status.code:04X}",
            attempts=sent.attempts,
            seconds=round(sent.seconds, 6),
            note=sent.note,
            reasons=reasons,
            warnings=sent.warnings,
        )

    def _write_commitment(
        self, uid: str, fate: str, reasons: list[str], status: Status | None = None
    ) -> None:
        sop_class, path = self.arrived[uid]
        self._write(
            path,
            fate,
            sop_class_uid=sop_class,
            sop_instance_uid=uid,
            code=None if status is None else f"{status.code:04X}",
            reasons=reasons,
        )

    def _write(
        self, path: Path, fate: str, *, outgoing: Outgoing | None = None, **values: object
    ) -> None:
        """Write a line about a file to the report; where that fails, the sending goes on."""
        if self._report is None:
            return
        record: dict[str, object] = {
            "file": os.fsencode(path).decode("utf-8", "backslashreplace"),
            "status": fate,
        }
        if outgoing is not None:
            record["sop_class_uid"] = outgoing.sop_class
            record["sop_instance_uid"] = outgoing.sop_instance
            record["transfer_syntax_uid"] = outgoing.transfer_syntax
        record |= values
        try:
            self._report.write(json.dumps(record) + "\n")
            self._report.flush()
        except OSError as error:
            self.close()
            self.trouble(OutputError(str(self._report_path), reason(error)))

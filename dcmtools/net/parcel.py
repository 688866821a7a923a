"""Make an object ready for an association: in which context, which bytes, changed and encoded how.

A file is looked through to its end before the first byte of it is sent: what was cut short, or may
hold the data of another patient, is not sent at all.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dcmtools.dataset.dictionary import uid_keyword
from dcmtools.dataset.outgoing import Outgoing, check, look_at
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.source import OPEN_FLAGS
from dcmtools.errors import InputError, NotOfferedError, reason
from dcmtools.net.negotiation import Context
from dcmtools.net.plan import Transcode
from dcmtools.net.sop_classes import UNCOMPRESSED
from dcmtools.net.transfer import Body, FileBody, PaddedBody, StreamBody, WatchedBody

if TYPE_CHECKING:
    from dcmtools.dataset.new_uids import NewUids
    from dcmtools.dataset.operations import Operation


class Stamp(NamedTuple):
    """What tells that a file is still the same."""

    size: int
    """Bytes."""
    modified: int
    """Nanoseconds since 1970."""

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """Look at a file.

        Raises
        ------
        InputError
            It is not there.
        """
        try:
            status = os.stat(path)  # noqa: PTH116 - a path object's own costs more than the call
        except (OSError, ValueError) as error:
            raise InputError(str(path), reason(error)) from error
        return cls(status.st_size, status.st_mtime_ns)


class Transcoded(Protocol):
    """An object that was encoded anew."""

    @property
    def path(self) -> Path:
        """A file that is to be removed once it is open."""

    @property
    def note(self) -> str:
        """What was done to it, in words."""


Encode = Callable[[Path, Sequence[str]], Transcoded]
"""Encodes the object of a file in the first of some uncompressed transfer syntaxes that it can."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to objects on their way.

    Parameters
    ----------
    transcode : Transcode
        When they are encoded anew.
    encode : Encode or None
        What does that; None where nothing can.
    assignments : tuple of Operation
        Values to set.
    uids : NewUids or None
        What gives them new UIDs.
    watch : callable or None
        Is told of each number of bytes that are about to be sent, from any thread.
    """

    transcode: Transcode = Transcode.LOSSLESS
    encode: Encode | None = None
    assignments: "tuple[Operation, ...]" = ()
    uids: "NewUids | None" = None
    watch: Callable[[int], None] | None = None

    @property
    def changes(self) -> bool:
        """Whether anything but the encoding is changed."""
        return bool(self.assignments) or self.uids is not None


class Ready:
    """An object that is ready to be sent; to be closed when it has been, or is not going to be.

    Parameters
    ----------
    outgoing : Outgoing
        The file that it comes from.
    contexts : sequence of Context
        Those of the association.
    treatment : Treatment
        What is done to it.

    Raises
    ------
    InputError
        It cannot be read to its end, not encoded as the peer accepts it, or it is being changed.
    NotOfferedError
        The peer accepts no context for it.

    Attributes
    ----------
    context : Context
        The presentation context in which it goes.
    body : Body
        Its data set.
    sop_instance : str
        Its SOP Instance UID, a new one where it has got that.
    stamp : Stamp
        By which its file is known to be the same.
    warnings : tuple of str
        What is wrong with the file that does no harm.
    note : str
        How it was encoded anew, "" where it was not.
    """

    def __init__(
        self, outgoing: Outgoing, contexts: Sequence[Context], treatment: Treatment
    ) -> None:
        self.outgoing = outgoing
        self.sop_instance = outgoing.sop_instance
        self.note = ""
        self._stack = ExitStack()
        try:
            self.stamp = Stamp.of(outgoing.path)
            source = check(outgoing)
            self.warnings = source.warnings
            accepted = {
                (each.abstract_syntax, each.transfer_syntax): each
                for each in contexts
                if not each.result
            }
            context = accepted.get((source.sop_class, _syntax_after(source, treatment)))
            compressed = source.transfer_syntax not in UNCOMPRESSED
            if context is None or (treatment.transcode is Transcode.ALWAYS and compressed):
                source = self._encoded(source, contexts, treatment)
                context = accepted[source.sop_class, source.transfer_syntax]
            self.context = context
            body = self._changed(source, treatment) if treatment.changes else self._as_is(source)
            self.body: Body = PaddedBody(body) if body.size % 2 else body
            if treatment.watch is not None:
                self.body = WatchedBody(self.body, treatment.watch)
            self._see_it_is_the_same()
            if source.path != outgoing.path:
                with suppress(OSError):  # where an open file can be removed, nobody finds it
                    source.path.unlink()
        except BaseException:
            self.close()
            raise

    def _see_it_is_the_same(self) -> None:
        """See that the file that is open now is the one that was looked through."""
        path = self.outgoing.path
        if Stamp.of(path) != self.stamp:
            raise InputError(str(path), "is being changed while it is looked through")

    def close(self) -> None:
        """Close its file."""
        self._stack.close()

    def _encoded(
        self, source: Outgoing, contexts: Sequence[Context], treatment: Treatment
    ) -> Outgoing:
        """Encode an object anew, as the peer accepts it; the file is gone when it is closed."""
        offered = [each for each in contexts if each.abstract_syntax == source.sop_class]
        targets = [
            syntax
            for syntax in UNCOMPRESSED
            if any(each.transfer_syntax == syntax and not each.result for each in offered)
        ]
        if not targets or treatment.encode is None or treatment.transcode is Transcode.NEVER:
            raise _not_accepted(source, offered)
        made = treatment.encode(source.path, targets)
        self._stack.callback(made.path.unlink, missing_ok=True)
        self.note = made.note
        return look_at(made.path)

    def _as_is(self, source: Outgoing) -> Body:
        try:
            descriptor = os.open(source.path, os.O_RDONLY | OPEN_FLAGS)
        except (OSError, ValueError) as error:
            raise InputError(str(source.path), reason(error)) from error
        self._stack.callback(os.close, descriptor)
        return FileBody(descriptor, source.start, source.size)

    def _changed(self, source: Outgoing, treatment: Treatment) -> Body:
        from dcmtools.dataset.edit import edited  # noqa: PLC0415 - most change nothing

        file = self._stack.enter_context(DicomFile(source.path))
        changed = edited(file, treatment.assignments, treatment.uids)
        self.sop_instance = changed.sop_instance
        return StreamBody(changed, changed.size)


def _syntax_after(source: Outgoing, treatment: Treatment) -> str:
    """Give the transfer syntax of an object once it has been changed."""
    if not treatment.changes:
        return source.transfer_syntax
    from dcmtools.dataset.syntaxes import INFLATED  # noqa: PLC0415 - most change nothing

    return INFLATED.get(source.transfer_syntax, source.transfer_syntax)


def _not_accepted(source: Outgoing, offered: Sequence[Context]) -> NotOfferedError:
    """Say that no context is accepted in which an object could be sent."""
    keyword = uid_keyword(source.transfer_syntax) or source.transfer_syntax
    answers = "; ".join(dict.fromkeys(map(str, offered))) or "not proposed"
    why = f"the peer does not accept it in {keyword} ({answers})"
    taken = any(not each.result for each in offered)
    hint = (
        "With --transcode lossless it is sent in a transfer syntax that the peer takes."
        if taken
        else "dcmtools echo --probe shows what the peer takes."
    )
    return NotOfferedError(str(source.path), why, hint)

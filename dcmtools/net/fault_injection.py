"""Decide when a receiver is to misbehave, and how: faults on request, to test senders with.

A fault is asked for as ``ACTION[:WHEN]``: ``status=A700:every=10``, ``abort:after=3``,
``noreply:once``. What is done about one that fires is the receiver's part.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Self

from dcmtools.errors import UsageError

_HINT = (
    "Write ACTION[:WHEN]; ACTION is status=HHHH, abort, close, noreply, delay=SECONDS or reject; "
    "WHEN is once, at=N, after=N or every=N."
)
_STATUS = re.compile(r"[0-9A-Fa-f]{4}")
_SECONDS = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6})?")
_COUNT = re.compile(r"0*[1-9][0-9]{0,8}")


class FaultKind(StrEnum):
    """What a receiver can do wrong."""

    STATUS = "status"
    """Answer an object with a status, and drop it where that is a failure."""
    ABORT = "abort"
    """Answer an object with an A-ABORT."""
    CLOSE = "close"
    """Answer an object by closing the connection."""
    NO_REPLY = "noreply"
    """Do not answer an object at all."""
    DELAY = "delay"
    """Store an object and answer late."""
    REJECT = "reject"
    """Reject an association for the time being."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to do wrong.

    Parameters
    ----------
    kind : FaultKind
        What.
    status : int
        The status to answer; 0 where the kind is not `FaultKind.STATUS`.
    seconds : float
        How late the answer is to be; 0 where the kind is not `FaultKind.DELAY`.
    """

    kind: FaultKind
    status: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Rule:
    """A fault and the numbers, counted from 1, that it is for."""

    fault: Fault
    first: int = 1
    step: int = 1
    """From one to the next; 0 where there is no next."""

    def holds(self, number: int) -> bool:
        beyond = number - self.first
        return beyond == 0 if not self.step else beyond >= 0 and beyond % self.step == 0


class Faults:
    """The faults that were asked for. Any thread may ask which one is due.

    Objects are counted over all associations, and those that another fault is for count too.
    """

    def __init__(self, rules: Iterable[_Rule] = ()) -> None:
        rules = tuple(rules)
        self._for_objects = [each for each in rules if each.fault.kind is not FaultKind.REJECT]
        self._for_associations = [each for each in rules if each.fault.kind is FaultKind.REJECT]
        self._lock = Lock()
        self._objects = self._associations = 0

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Self:
        """Read faults; where several are due at a time the first counts.

        Parameters
        ----------
        texts : sequence of str
            ``ACTION[:WHEN]`` each.

            ACTION is for objects ``status=HHHH`` (four hexadecimal digits), ``abort``, ``close``,
            ``noreply`` or ``delay=SECONDS``, and for associations ``reject``.

            WHEN is ``at=N`` for the Nth alone, ``once`` for the first alone, ``after=N`` for all
            from the one after the Nth on, ``every=N`` for the Nth, the 2Nth and so on; all of them
            where it is left out.

        Raises
        ------
        UsageError
            One means nothing.
        """
        return cls([_rule(text) for text in texts])

    def for_object(self) -> Fault | None:
        """Count one more object, and give the fault that is due for it."""
        with self._lock:
            self._objects += 1
            return _due(self._for_objects, self._objects)

    def for_association(self) -> Fault | None:
        """Count one more association, and give the fault that is due for it."""
        with self._lock:
            self._associations += 1
            return _due(self._for_associations, self._associations)


def _due(rules: Iterable[_Rule], number: int) -> Fault | None:
    return next((each.fault for each in rules if each.holds(number)), None)


def _rule(text: str) -> _Rule:
    action, colon, when = text.partition(":")
    fault = _fault(text, action)
    if not colon:
        return _Rule(fault)
    if when == "once":
        return _Rule(fault, step=0)
    name, _, number = when.partition("=")
    if name not in ("at", "after", "every"):
        raise _wrong(text, f"'{when}' is no WHEN")
    if not _COUNT.fullmatch(number):
        raise _wrong(text, f"'{number}' is no number from 1")
    count = int(number)
    first, step = {"at": (count, 0), "after": (count + 1, 1), "every": (count, count)}[name]
    return _Rule(fault, first, step)


def _fault(text: str, action: str) -> Fault:
    name, equals, value = action.partition("=")
    try:
        kind = FaultKind(name)
    except ValueError:
        raise _wrong(text, f"'{name}' is no ACTION") from None
    if kind is FaultKind.STATUS:
        if not _STATUS.fullmatch(value):
            raise _wrong(text, f"'{value}' is no status of four hexadecimal digits")
        return Fault(kind, status=int(value, 16))
    if kind is FaultKind.DELAY:
        if not _SECONDS.fullmatch(value):
            raise _wrong(text, f"'{value}' is no number of seconds")
        return Fault(kind, seconds=float(value))
    if equals:
        raise _wrong(text, f"{kind} takes no value")
    return Fault(kind)


def _wrong(text: str, why: str) -> UsageError:
    return UsageError("--fault", f"'{text}': {why}", _HINT)

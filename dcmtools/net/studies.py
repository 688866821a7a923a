"""Decide when a study is complete: once nothing of it has come for a while.

DICOM has no word for it in C-STORE. So each study has a clock of its own, whatever associations
its instances come on and whatever comes between them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from os.path import commonpath
from pathlib import Path
from threading import TIMEOUT_MAX, Condition, Thread
from time import monotonic

from dcmtools.errors import UsageError
from dcmtools.net.arrivals import Arrival

_MOST_OPEN = 10_000  # studies
_MOST_REMEMBERED = 1 << 18  # instances


@dataclass(frozen=True, slots=True)
class Study:
    """A study that is complete, as far as can be told.

    Parameters
    ----------
    uid : str
        Its Study Instance UID, control characters escaped.
    patient_id : str
        Patient ID, control characters escaped; "" where it has none.
    calling_aet, called_aet, host : str
        Who has sent the last of it, to whom.
    folder : Path
        The deepest folder, absolute, that all its files are in; files of other studies may be
        there too.
    files : int
        How many have been stored.
    size : int
        The bytes of their data sets.
    instances : int
        How many different instances have come, those known already included.
    duplicates : int
        How many have come that were known already.
    first, last : float
        When the first and the last of it came, in seconds by the monotonic clock.
    """

    uid: str
    patient_id: str
    calling_aet: str
    called_aet: str
    host: str
    folder: Path
    files: int
    size: int
    instances: int
    duplicates: int
    first: float
    last: float


@dataclass(slots=True)
class _Growing:
    """A study that more may come of."""

    latest: Arrival
    folder: str
    first: float
    last: float
    files: int = 0
    size: int = 0
    instances: int = 0
    duplicates: int = 0
    seen: set[int] = field(default_factory=set)
    """Hashes of SOP Instance UIDs, which take less room than these."""

    def add(self, arrival: Arrival, folder: str, now: float, *, remember: bool) -> int:
        """Count an instance; give how many more are remembered by that."""
        stored = arrival.stored
        self.latest, self.last = arrival, now
        if folder != self.folder:
            self.folder = commonpath((folder, self.folder))
        if stored.known:
            self.duplicates += 1
        else:
            self.files += 1
            self.size += stored.size
        uid = hash(stored.sop_instance_uid)
        if uid in self.seen:
            return 0
        self.instances += 1
        if remember:
            self.seen.add(uid)
        return int(remember)

    def study(self) -> Study:
        """Say what has come of it."""
        latest = self.latest
        return Study(
            latest.stored.study,
            latest.stored.patient_id,
            latest.calling_aet,
            latest.called_aet,
            latest.host,
            Path(self.folder),
            self.files,
            self.size,
            self.instances,
            self.duplicates,
            self.first,
            self.last,
        )


class Studies:
    """The studies that objects are coming of; any thread may tell of these.

    When something comes of a study that was complete, that is a new one. At most 10 000 are open
    at a time: beyond that, the one that has been quiet for longest is complete before its time.
    Of all open ones together, 262 144 instances are known by their UIDs; any beyond that is taken
    for a different one.

    Parameters
    ----------
    timeout : float
        The seconds, more than 0, without an instance after which a study is complete.
    on_complete : callable
        Is told of each study that is; one at a time, in a thread that is there for nothing else.
        It must not raise.

    Raises
    ------
    UsageError
        The timeout is no such number.
    """

    def __init__(self, timeout: float, on_complete: Callable[[Study], None]) -> None:
        if not timeout > 0:  # as NaN is not, either
            raise UsageError("--study-timeout", f"{timeout} is no number of seconds above 0")
        self._timeout = timeout
        self._on_complete = on_complete
        self._changed = Condition()
        self._open: dict[str, _Growing] = {}  # the one that has been quiet for longest first
        self._remembered = 0
        self._ending = False
        self._thread = Thread(target=self._watch, name="studies", daemon=True)
        self._thread.start()

    def arrived(self, arrival: Arrival) -> None:
        """Start the clock of a study again, as something has come of it.

        What was not stored does not count, and what has no Study Instance UID belongs to none.
        """
        stored = arrival.stored
        if stored.error is not None or stored.path is None or not stored.study:
            return
        folder = str(stored.path.parent.absolute())
        with self._changed:
            if self._ending:
                return
            now, was_idle = monotonic(), not self._open
            growing = self._open.pop(stored.study, None) or _Growing(arrival, folder, now, now)
            self._open[stored.study] = growing
            remember = self._remembered < _MOST_REMEMBERED
            self._remembered += growing.add(arrival, folder, now, remember=remember)
            if was_idle or len(self._open) > _MOST_OPEN:
                self._changed.notify_all()

    def flush(self) -> None:
        """Take all studies for complete, and return once that has been told.

        What arrives then does not count any more.
        """
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join()

    def _watch(self) -> None:
        while (study := self._next()) is not None:
            self._on_complete(study)

    def _next(self) -> Study | None:
        """Wait for a study to be complete; None where there will be no more."""
        with self._changed:
            while not self._is_due():
                if self._ending:
                    return None
                self._changed.wait(self._rest())
            growing = self._open.pop(next(iter(self._open)))
            self._remembered -= len(growing.seen)
            return growing.study()

    def _is_due(self) -> bool:
        """Whether the study that has been quiet for longest is complete."""
        rest = self._rest()
        return rest is not None and (rest <= 0 or self._ending or len(self._open) > _MOST_OPEN)

    def _rest(self) -> float | None:
        """Give the seconds until it is; None where no study is open."""
        for growing in self._open.values():
            return min(growing.last + self._timeout - monotonic(), TIMEOUT_MAX)
        return None

"""Keep what is still to be sent, for threads that share it.

An object is waiting, or under way with one thread, from which it may come back. There is work as
long as either is so, and nobody has ended the run.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from threading import Condition

from dcmtools.dataset.outgoing import Outgoing
from dcmtools.net.plan import Leg


class Load:
    """What is still to be sent on associations of one kind.

    Parameters
    ----------
    leg : Leg
        What such an association proposes.
    items : iterable of Outgoing
        The objects.
    """

    def __init__(self, leg: Leg, items: Iterable[Outgoing]) -> None:
        self.leg = leg
        self.waiting = deque(items)


class Backlog:
    """All that is still to be sent.

    Parameters
    ----------
    loads : iterable of Load
        The objects, by where they can go.

    Attributes
    ----------
    changed : Condition
        What is notified of every change; what else threads share may be kept under it.
    stopping : bool
        Whether the run is to end, whatever is waiting.
    """

    def __init__(self, loads: Iterable[Load]) -> None:
        self.changed = Condition()
        self.stopping = False
        self._loads = tuple(loads)
        self._under_way = 0

    def __len__(self) -> int:
        """Count what is waiting."""
        return sum(len(load.waiting) for load in self._loads)

    def __iter__(self) -> Iterator[Outgoing]:
        """Give what is waiting."""
        return (outgoing for load in self._loads for outgoing in load.waiting)

    def has_work(self) -> bool:
        """Tell whether there is anything to be done, now or perhaps later."""
        waiting = self._under_way or any(load.waiting for load in self._loads)
        return bool(waiting) and not self.stopping

    def next_load(self) -> Load | None:
        """Choose a load of which something waits; wait where something may come back.

        Returns
        -------
        Load or None
            None where there is no more work.
        """
        with self.changed:
            while self.has_work():
                for load in self._loads:
                    if load.waiting:
                        return load
                self.changed.wait()
        return None

    def take(self, load: Load) -> Outgoing | None:
        """Take what is next of a load; None where nothing waits, or the run is to end."""
        with self.changed:
            if self.stopping or not load.waiting:
                return None
            self._under_way += 1
            return load.waiting.popleft()

    def put_back(self, outgoing: Outgoing, load: Load, *, last: bool = False) -> None:
        """Put back what was taken: before all others, or behind them."""
        with self.changed:
            (load.waiting.append if last else load.waiting.appendleft)(outgoing)
            self.finish()

    def finish(self) -> None:
        """Take note that something that was taken will not come back."""
        with self.changed:
            self._under_way -= 1
            self.changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait, but not once there is no more work."""
        with self.changed:
            self.changed.wait_for(lambda: not self.has_work(), seconds)

    def halt(self) -> None:
        """Have the run end."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()

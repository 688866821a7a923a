"""Take signals that end a program as a wish to end in good order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


class Terminable:
    """Have SIGTERM and SIGHUP do what Ctrl-C does within a ``with`` block, and then their own.

    In another thread than the main one nothing is done about them.
    """

    def __init__(self) -> None:
        self._came: int | None = None
        self._taken: dict[int, object] = {}
        self._held = self._owed = False

    def __enter__(self) -> None:
        """Take the signals over, but for those that whoever started us wants to be ignored."""
        if current_thread() is not main_thread():
            return
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is None:  # Windows has no SIGHUP
                continue
            usual = signal.getsignal(number)
            if usual in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, self._come)
                self._taken[number] = usual

    def __exit__(self, *_: object) -> None:
        """Give the signals back; where one has come, let it take its course."""
        for number, usual in self._taken.items():
            signal.signal(number, usual)  # type: ignore[arg-type] # as it was
        if self._came is not None:
            signal.raise_signal(self._came)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have a signal wait until the end of a ``with`` block, which must be a short one."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._owed:
            self._owed = False
            raise KeyboardInterrupt

    def _come(self, number: int, _: object) -> None:
        if number != signal.SIGINT:
            self._came = number
        if self._held:
            self._owed = True
        else:
            raise KeyboardInterrupt

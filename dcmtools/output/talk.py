"""Talk to the user on stderr: errors, warnings, hints and, when asked for, each step."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dcmtools.errors import DcmtoolsError, OutputError, reason
from dcmtools.escape import escape

if TYPE_CHECKING:
    import logging

SILENT, QUIET, NORMAL, STEPS, DETAIL = -2, -1, 0, 1, 2


class Talk:
    """What a command says beside its data.

    Parameters
    ----------
    command : str
        The name of the command, which starts each line.
    verbosity : int
        `SILENT` for the log file only, `QUIET` for errors only, `NORMAL` for warnings and
        summaries too, `STEPS` for what is being done, `DETAIL` for how.
    log_file : Path, optional
        A file that gets all of it, with times.

    Raises
    ------
    OutputError
        The log file cannot be written.
    """

    def __init__(self, command: str, verbosity: int, log_file: Path | None = None) -> None:
        self._command = command
        self._verbosity = verbosity
        self._log = _logger(log_file) if log_file else None

    def error(self, text: str, hint: str = "") -> None:
        """Say what failed, and what to do about it."""
        self._say(QUIET, text)
        if hint:
            self._say(NORMAL, f"hint: {hint}")

    def warning(self, text: str) -> None:
        """Say what is wrong but did no harm."""
        self._say(NORMAL, text)

    def summary(self, text: str) -> None:
        """Say in a line how it went."""
        self._say(NORMAL, text)

    def step(self, text: str) -> None:
        """Say what is being done."""
        self._say(STEPS, text)

    def detail(self, text: str) -> None:
        """Say how something was done."""
        self._say(DETAIL, text)

    def failure(self, error: DcmtoolsError) -> None:
        """Say what an exception says."""
        self.error(str(error), error.hint)

    def _say(self, level: int, text: str) -> None:
        text = escape(text)
        if level <= self._verbosity and sys.stderr is not None:
            with suppress(OSError):  # nobody to talk to, or a full disk: the exit code still tells
                sys.stderr.write(f"{self._command}: {text}\n")
        if self._log:
            self._log.info("%s: %s", self._command, text)


def _logger(file: Path) -> "logging.Logger":
    import logging  # noqa: PLC0415 - only a log file needs it

    class LogFile(logging.FileHandler):
        def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802
            error = sys.exc_info()[1]
            why = reason(error) if isinstance(error, OSError) else str(error)
            raise OutputError(str(file), why) from error

        def close(self) -> None:
            with suppress(OSError):  # what could not be written has been told
                super().close()

    try:
        handler = LogFile(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(str(file), reason(error)) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("dcmtools.talk")
    for former in logger.handlers:  # of a run before, in the same process
        former.close()
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger

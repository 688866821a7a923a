"""Write data to stdout: UTF-8 whatever the locale, never half a document without a word.

A reader that has enough (``| head``) is no error; a full disk is.
"""

import io
import os
import sys
from contextlib import suppress
from select import select
from typing import Self

from dcmtools.errors import OutputError, reason

STDOUT = "standard output"
"""What it is called in messages."""


class ClosedPipeError(Exception):
    """Whoever read the output has gone."""


def is_terminal() -> bool:
    """Tell whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def terminal_width() -> int:
    """Give the columns of the terminal that stdout is; 0 for a pipe, which has none."""
    from shutil import get_terminal_size  # noqa: PLC0415 - only a terminal needs it

    return get_terminal_size().columns if is_terminal() else 0


class Output:
    """The data stream of a command.

    Use it in a ``with`` block: only at its end is it known that all was written.

    Raises
    ------
    OutputError
        Standard output is closed.
    """

    def __init__(self) -> None:
        if sys.stdout is None:
            raise OutputError(STDOUT, "is closed")
        stream = sys.stdout.buffer
        if isinstance(stream, io.RawIOBase):
            # With PYTHONUNBUFFERED it is, and then may write less than it is given.
            stream = open(stream.fileno(), "wb", closefd=False)  # noqa: SIM115 - no path
        self._stream = stream

    def __enter__(self) -> Self:
        """Do nothing; the stream is open."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Write what is left; after Ctrl-C, when nobody may be reading, drop it."""
        if isinstance(error, KeyboardInterrupt):
            drop_output()
        elif not isinstance(error, (ClosedPipeError, OutputError)):
            self.flush()

    def write(self, text: str) -> None:
        """Write text.

        Raises
        ------
        ClosedPipeError
            The reader has gone.
        OutputError
            The text cannot be written.
        """
        self.write_bytes(text.encode("utf-8", "surrogateescape"))

    def write_bytes(self, data: bytes) -> None:
        """Write bytes; raises what `write` raises."""
        try:
            self._stream.write(data)
        except OSError as error:
            raise output_failure(error) from error

    def is_ready(self, seconds: float) -> bool:
        """Wait until a line can be written without waiting for the reader; tell whether it can.

        Parameters
        ----------
        seconds : float
            How long to wait.
        """
        try:
            return bool(select([], [self._stream], [], seconds)[1])
        except (OSError, ValueError):  # no file of the system, or one that it does not wait for
            return True

    def flush(self) -> None:
        """Write what is held back; raises what `write` raises."""
        try:
            self._stream.flush()
        except OSError as error:
            raise output_failure(error) from error


def output_failure(error: OSError) -> OutputError | ClosedPipeError:
    """Explain why writing to stdout failed, and drop what could not be written."""
    drop_output()
    if isinstance(error, BrokenPipeError):
        return ClosedPipeError()
    return OutputError(STDOUT, reason(error))


def drop_output(descriptor: int = 1) -> None:
    """Send to nowhere what is still to be written, so that the interpreter ends in peace."""
    with suppress(OSError):  # without a descriptor left there is nothing more to be done
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)

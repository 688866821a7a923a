"""Decide what can go wrong and which exit code says so.

Every failure a user can meet is a `DcmtoolsError`: what it concerns, why it failed and, where there
is something to do about it, a hint. Nothing here imports anything but the standard library.
"""

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """The exit codes of the program: one small, closed table."""

    description: str

    def __new__(cls, value: int, description: str) -> Self:
        """Attach the sentence that the manual prints beside the code."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    OK = 0, "All that was asked for was done."
    FAILURE = 1, "An unexpected error."
    USAGE = 2, "A wrong option, argument or tag path."
    INPUT = 3, "No readable DICOM input."
    OUTPUT = 4, "The output cannot be written."
    CONFIG = 5, "The configuration file or the TLS material is not valid."
    CONNECTION = 6, "No TCP or TLS connection, or the peer is silent."
    ASSOCIATION = 7, "The association was rejected or aborted, or no presentation context accepted."
    STATUS = 8, "The peer answered with a failure status for everything."
    PARTIAL = 9, "Some of the work was done, some failed; a file was damaged and read in part."
    EMPTY = 10, "Nothing was found or retrieved where that is an error."
    INTERRUPTED = 130, "Stopped by Ctrl-C."


class DcmtoolsError(Exception):
    """A failure that is explained to the user in one line, `what: why`, and a hint.

    Parameters
    ----------
    what : str
        The file, peer or option that the failure concerns.
    why : str
        The reason, in words.
    hint : str, optional
        What the user can do about it.
    """

    exit_code = ExitCode.FAILURE

    def __init__(self, what: str, why: str, hint: str = "") -> None:
        super().__init__(what, why, hint)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        """Give the line that is printed."""
        return f"{self.what}: {self.why}"


class UsageError(DcmtoolsError):
    """An option, an argument or a tag path that means nothing."""

    exit_code = ExitCode.USAGE


class InputError(DcmtoolsError):
    """An input that cannot be read."""

    exit_code = ExitCode.INPUT


class NotDicomError(InputError):
    """An input that is readable but holds no DICOM data."""


class OutputError(DcmtoolsError):
    """An output that cannot be written."""

    exit_code = ExitCode.OUTPUT


class ConfigError(DcmtoolsError):
    """A configuration file or TLS material that is not valid."""

    exit_code = ExitCode.CONFIG


class ConnectionFailedError(DcmtoolsError):
    """A peer that cannot be reached by TCP or TLS, or that is silent."""

    exit_code = ExitCode.CONNECTION


class AssociationError(DcmtoolsError):
    """An association that is rejected, aborted, or without the presentation context needed."""

    exit_code = ExitCode.ASSOCIATION


class BusyError(AssociationError):
    """A peer that rejects the association for now; it may accept it later."""


class NotOfferedError(AssociationError):
    """A peer that accepts no presentation context for what is needed."""


class StatusError(DcmtoolsError):
    """An operation that the peer answers with a failure status."""

    exit_code = ExitCode.STATUS


class EmptyError(DcmtoolsError):
    """Nothing where something was wanted."""

    exit_code = ExitCode.EMPTY


def reason(error: OSError | ValueError) -> str:
    """Say in lower case why the operating system, or Python before it, refused."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return text[:1].lower() + text[1:]

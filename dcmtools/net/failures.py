"""Say in words why an association is not to be had or is lost, and what the usual cause is."""

import errno
import socket
import sys
from collections.abc import Iterable

from dcmtools.config import Tls
from dcmtools.errors import (
    AssociationError,
    BusyError,
    ConnectionFailedError,
    DcmtoolsError,
    NotOfferedError,
)
from dcmtools.net.connection import ClosedError, SilentError, WireError
from dcmtools.net.messages import AbortedError, ReleasedError

_NOT_DICOM = "Is this the DICOM port? One that wants TLS does this too: try --tls."
_NOT_OURS = "Is this the DICOM port? It may not accept our certificate: its log may tell."

_TRANSIENT = 2
_RESULTS = {1: "permanent", _TRANSIENT: "transient"}
_SOURCES = {
    1: "its service user",
    2: "its service provider (ACSE)",
    3: "its service provider (presentation)",
}
_REASONS = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
"""By source and reason (PS3.8 Table 9-21)."""

_PASSING = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
"""Of the operating system: what is not there yet, or again."""

_ABORT_REASONS = {
    1: "unrecognized PDU",
    2: "unexpected PDU",
    4: "unrecognized PDU parameter",
    5: "unexpected PDU parameter",
    6: "invalid PDU parameter value",
}
"""Of the service provider (PS3.8 Table 9-26)."""


def rejected(
    label: str, answer: tuple[int, int, int], *, called_aet: str, calling_aet: str
) -> AssociationError:
    """Explain an A-ASSOCIATE-RJ.

    Parameters
    ----------
    label : str
        The peer, as it is called in messages.
    answer : tuple of int, int, int
        Result, source and reason, as in the PDU.
    called_aet, calling_aet : str
        The AE titles of the request.
    """
    result, *cause = answer
    source, number = cause
    words = _REASONS.get((source, number), f"reason {number}")
    kind = _RESULTS.get(result, f"result {result}")
    by = _SOURCES.get(source, f"source {source}")
    hints = {
        (1, 1): "It may not know our AE title or address; its log may tell more.",
        (1, 3): f"It does not know us as {calling_aet}: have this AE title added there, "
        "or give one that it knows with --aet.",
        (1, 7): f"It is not called {called_aet}: give its AE title as AET@HOST:PORT.",
        (2, 1): "A missing or wrong user identity is one cause; its log may tell more.",
        (3, 1): "It has too many associations; try again later.",
        (3, 2): "It has too many associations; try again later, or with fewer at once.",
    }
    why = f"rejected the association: {words} ({kind}, by {by})"
    error = BusyError if result == _TRANSIENT else AssociationError
    return error(label, why, hints.get((source, number), "Its log may tell more."))


def not_offered(label: str, answers: Iterable[str]) -> NotOfferedError:
    """Explain that no presentation context was accepted of those that are needed.

    Parameters
    ----------
    label : str
        The peer, as it is called in messages.
    answers : iterable of str
        What became of them, in words.
    """
    why = "; ".join(dict.fromkeys(answers)) or "not proposed"
    return NotOfferedError(
        label,
        f"accepted no presentation context ({why})",
        "It does not offer this service to us; dcmtools echo --probe shows what it does.",
    )


def lost(label: str, error: WireError, *, opening: bool, tls: Tls | None = None) -> DcmtoolsError:
    """Explain what ended a connection.

    Parameters
    ----------
    label : str
        The peer, as it is called in messages.
    error : WireError
        What was noticed.
    opening : bool
        Whether the association was still being asked for.
    tls : Tls, optional
        What the connection was made with.
    """
    doubt = _NOT_OURS if tls else _NOT_DICOM
    if isinstance(error, AbortedError):
        by = "its service provider" if error.source else "its service user"
        known = _ABORT_REASONS.get(error.reason, "") if error.source else ""
        why = f"aborted the association (by {by}{known and f': {known}'})"
        return AssociationError(label, why, "Its log may tell why.")
    if isinstance(error, ReleasedError):
        return AssociationError(label, "released the association before it was done")
    if isinstance(error, SilentError):
        if opening:
            why = f"{error}: no answer to the association request"
            return ConnectionFailedError(label, why, f"It may hang. {doubt}")
        hint = "Where it is only slow, give it longer with --dimse-timeout."
        return ConnectionFailedError(label, f"{error}: no response", hint)
    if isinstance(error, ClosedError):
        if told := _of_tls(label, error, tls):
            return told
        if opening:
            why = f"{error} without an answer to the association request"
            return ConnectionFailedError(label, why, doubt)
        return AssociationError(label, f"{error} amid the association", "Its log may tell why.")
    return AssociationError(label, str(error), doubt if opening else "")


def _of_tls(label: str, error: ClosedError, tls: Tls | None) -> ConnectionFailedError | None:
    """Explain an alert of TLS; a certificate of ours may be refused only after the handshake."""
    ssl = sys.modules.get("ssl")  # where there is TLS it is there
    cause = error.__cause__
    if ssl is None or not isinstance(cause, ssl.SSLError) or "ALERT" not in (cause.reason or ""):
        return None
    from dcmtools.net.tls import explain  # noqa: PLC0415

    return ConnectionFailedError(label, *explain(cause, label, tls=tls))


def may_pass(error: DcmtoolsError) -> bool:
    """Tell whether trying again later may help, as it does where a peer is still starting.

    That is so where it refuses, closes or resets the connection, is silent, cannot be reached, or
    rejects the association as transient; not where TLS fails, or it is not known by that name.
    """
    if isinstance(error, BusyError):
        return True
    cause = error.__cause__
    if not isinstance(error, ConnectionFailedError) or cause is None:
        return False
    ssl = sys.modules.get("ssl")  # where there is TLS it is there
    for each in (cause, cause.__cause__):
        if ssl is not None and isinstance(each, ssl.SSLError):
            return isinstance(each, ssl.SSLEOFError)
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_AGAIN
    if isinstance(cause, OSError):
        return isinstance(cause, (ConnectionError, TimeoutError)) or cause.errno in _PASSING
    return isinstance(cause, (SilentError, ClosedError))

"""The words for what ends an association, and the exit codes that go with them."""

import errno
import re
import socket
import ssl

import pytest
from pynetdicom.pdu import A_ASSOCIATE_RJ

from dcmtools.config import Tls
from dcmtools.errors import (
    AssociationError,
    BusyError,
    ConfigError,
    ConnectionFailedError,
    DcmtoolsError,
    ExitCode,
    StatusError,
)
from dcmtools.net.connection import ClosedError, ProtocolError, SilentError, WireError
from dcmtools.net.failures import lost, may_pass, rejected
from dcmtools.net.messages import AbortedError, ReleasedError

LABEL = "PACS@pacs.example.org:104"
PERMANENT, TRANSIENT = 1, 2


def rejection(result: int, source: int, reason: int) -> AssociationError:
    """Explain a rejection."""
    answer = result, source, reason
    return rejected(LABEL, answer, called_aet="PACS", calling_aet="WS1")


@pytest.mark.parametrize(
    ("source", "reason", "words", "hint"),
    [
        (1, 1, "no reason given", "log"),
        (1, 2, "application context name not supported", "log"),
        (1, 3, "calling AE title not recognized", "does not know us as WS1: have this AE title"),
        (1, 7, "called AE title not recognized", "not called PACS: give its AE title as AET@HOST"),
        (2, 1, "no reason given", "user identity"),
        (2, 2, "protocol version not supported", "log"),
        (3, 1, "temporary congestion", "too many associations; try again later"),
        (3, 2, "local limit exceeded", "too many associations; .* fewer at once"),
    ],
)
@pytest.mark.parametrize("result", [PERMANENT, TRANSIENT])
def test_each_rejection_has_words_and_a_hint(
    source: int, reason: int, words: str, hint: str, result: int
) -> None:
    kind = "transient" if result == TRANSIENT else "permanent"
    error = rejection(result, source, reason)
    by = {
        1: "its service user",
        2: "its service provider (ACSE)",
        3: "its service provider (presentation)",
    }
    assert str(error) == f"{LABEL}: rejected the association: {words} ({kind}, by {by[source]})"
    assert re.search(hint, error.hint)
    assert error.exit_code is ExitCode.ASSOCIATION
    assert isinstance(error, BusyError) is (result == TRANSIENT)


def test_the_words_are_those_of_pynetdicom() -> None:
    for source, reasons in {1: (1, 2, 3, 7), 2: (1, 2), 3: (1, 2)}.items():
        for reason in reasons:
            pdu = A_ASSOCIATE_RJ()
            pdu.result, pdu.result_source, pdu.reason_diagnostic = PERMANENT, source, reason
            pdu.source = source
            theirs = pdu.reason_str.lower().replace("recognised", "recognized")
            assert theirs in str(rejection(PERMANENT, source, reason)).lower()


@pytest.mark.parametrize("source", range(6))
@pytest.mark.parametrize("reason", [0, 4, 8, 9, 10, 255])
@pytest.mark.parametrize("result", [0, 3, 255])
def test_unknown_numbers_are_told_as_they_are(result: int, source: int, reason: int) -> None:
    error = rejection(result, source, reason)
    assert f"reason {reason} (result {result}, by " in str(error)
    assert error.hint
    if source not in (1, 2, 3):
        assert f"by source {source})" in str(error)


@pytest.mark.parametrize(
    ("source", "reason", "by"),
    [
        (0, 0, "its service user"),
        (0, 6, "its service user"),
        (2, 0, "its service provider"),
        (2, 1, "its service provider: unrecognized PDU"),
        (2, 2, "its service provider: unexpected PDU"),
        (2, 4, "its service provider: unrecognized PDU parameter"),
        (2, 5, "its service provider: unexpected PDU parameter"),
        (2, 6, "its service provider: invalid PDU parameter value"),
        (2, 99, "its service provider"),
    ],
)
@pytest.mark.parametrize("opening", [False, True])
def test_an_abort_tells_by_whom(source: int, reason: int, by: str, *, opening: bool) -> None:
    error = lost(LABEL, AbortedError(source, reason), opening=opening)
    assert str(error) == f"{LABEL}: aborted the association (by {by})"
    assert error.exit_code is ExitCode.ASSOCIATION
    assert error.hint


@pytest.mark.parametrize(
    ("error", "opening", "code", "words"),
    [
        (
            SilentError("sent nothing for 3 s"),
            True,
            ExitCode.CONNECTION,
            "sent nothing for 3 s: no answer to the association request",
        ),
        (
            SilentError("sent half a PDU in 3 s"),
            False,
            ExitCode.CONNECTION,
            "sent half a PDU in 3 s: no response",
        ),
        (
            ClosedError("closed the connection"),
            True,
            ExitCode.CONNECTION,
            "closed the connection without an answer to the association request",
        ),
        (
            ClosedError("reset the connection after half a PDU"),
            False,
            ExitCode.ASSOCIATION,
            "reset the connection after half a PDU amid the association",
        ),
        (
            ReleasedError(),
            False,
            ExitCode.ASSOCIATION,
            "released the association before it was done",
        ),
        (ProtocolError("sent nonsense"), True, ExitCode.ASSOCIATION, "sent nonsense"),
        (ProtocolError("sent nonsense"), False, ExitCode.ASSOCIATION, "sent nonsense"),
    ],
)
def test_what_is_lost_is_told(
    error: WireError, code: ExitCode, words: str, *, opening: bool
) -> None:
    found = lost(LABEL, error, opening=opening)
    assert str(found) == f"{LABEL}: {words}"
    assert found.exit_code is code
    assert ("DICOM port" in found.hint) is (opening and not isinstance(error, ReleasedError))


@pytest.mark.parametrize("error", [SilentError("-"), ClosedError("-"), ProtocolError("-")])
def test_tls_is_suggested_where_there_is_none(error: WireError) -> None:
    assert "try --tls" in lost(LABEL, error, opening=True).hint
    assert "our certificate" in lost(LABEL, error, opening=True, tls=Tls()).hint


def alert(reason: str) -> ssl.SSLError:
    """Make what OpenSSL makes of an alert."""
    error = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower()} (_ssl.c:2580)")
    error.library, error.reason = "SSL", reason
    return error


@pytest.mark.parametrize("opening", [False, True])
def test_an_alert_of_tls_is_one_of_the_connection(*, opening: bool) -> None:
    error = ClosedError("closed the connection")
    error.__cause__ = alert("TLSV13_ALERT_CERTIFICATE_REQUIRED")
    found = lost(LABEL, error, opening=opening, tls=Tls())
    assert str(found) == f"{LABEL}: wants a certificate of ours"
    assert found.exit_code is ExitCode.CONNECTION
    assert "--tls-cert" in found.hint


def test_what_else_breaks_tls_is_told_as_it_is() -> None:
    error = ClosedError("broke TLS off (wrong version number)")
    error.__cause__ = alert("WRONG_VERSION_NUMBER")
    found = lost(LABEL, error, opening=False, tls=Tls())
    assert str(found) == f"{LABEL}: broke TLS off (wrong version number) amid the association"
    assert found.exit_code is ExitCode.ASSOCIATION


def caused(cause: BaseException) -> ConnectionFailedError:
    """Make a failure of this cause."""
    error = ConnectionFailedError(LABEL, "-")
    error.__cause__ = cause
    return error


def closed_by(cause: BaseException) -> ClosedError:
    """Make an end of this cause."""
    error = ClosedError("-")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (rejection(TRANSIENT, 3, 1), True),
        (rejection(PERMANENT, 1, 7), False),
        (caused(ConnectionRefusedError()), True),
        (caused(TimeoutError()), True),
        (caused(SilentError("-")), True),
        (caused(ClosedError("-")), True),
        (caused(closed_by(ConnectionResetError())), True),
        (caused(closed_by(alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"))), False),
        (caused(alert("CERTIFICATE_VERIFY_FAILED")), False),
        (caused(ssl.SSLEOFError(8, "-")), True),
        (caused(OSError(errno.EHOSTUNREACH, "-")), True),
        (caused(OSError(errno.EACCES, "-")), False),
        (caused(socket.gaierror(socket.EAI_AGAIN, "-")), True),
        (caused(socket.gaierror(socket.EAI_NONAME, "-")), False),
        (ConnectionFailedError(LABEL, "-"), False),
        (lost(LABEL, AbortedError(0, 0), opening=True), False),
        (StatusError(LABEL, "-"), False),
        (ConfigError(LABEL, "-"), False),
    ],
)
def test_trying_again_helps_against_some(error: DcmtoolsError, *, passing: bool) -> None:
    assert may_pass(error) is passing

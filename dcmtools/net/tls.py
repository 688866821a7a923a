"""Decide how TLS is spoken in both roles, and say in words why it fails.

As PS3.15 B.12 asks, which is BCP 195: TLS 1.2 and 1.3 (RFC 8996), and for TLS 1.2 the cipher suites
of RFC 9325 4.2. Those of TLS 1.3 are all good, and stay as OpenSSL has them.
"""

import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dcmtools.config import Tls
from dcmtools.errors import ConfigError, reason

if TYPE_CHECKING:
    import ssl

_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
_LARGEST = 1 << 24  # bytes; the certificates of all authorities there are take less than 1 MB
_CERTIFICATE = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN (?:\w+ )*PRIVATE KEY-----")


def client_context(tls: Tls) -> "ssl.SSLContext":
    """Give what a connection to a peer needs: its certificate, and its host in it, are verified.

    Raises
    ------
    ConfigError
        Our own material is missing, unreadable, or not what it should be.
    """
    import ssl  # noqa: PLC0415 - most runs need no TLS

    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca:
        _trust(context, tls.ca)
    else:
        context.load_default_certs()
    if tls.cert:
        _identify(context, tls.cert, tls.key)
    return context


def server_context(cert: Path, key: Path | None, ca: Path | None = None) -> "ssl.SSLContext":
    """Give what a receiver of ours needs.

    Parameters
    ----------
    cert : Path
        Our certificate, in PEM.
    key : Path or None
        Its private key; None when it is in the same file.
    ca : Path, optional
        The certificates to trust; where they are given, peers have to show one.

    Raises
    ------
    ConfigError
        Our own material is missing, unreadable, or not what it should be.
    """
    import ssl  # noqa: PLC0415 - most runs need no TLS

    context = _context(ssl.PROTOCOL_TLS_SERVER)
    _identify(context, cert, key)
    if ca:
        _trust(context, ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def certificate_names(tls: Tls, host: str, port: int, timeout: float) -> tuple[str, ...]:
    """Ask a peer once more for the names in its certificate, after it was not for this host.

    They are told only where the rest of the certificate is right; () where it cannot be known.

    Parameters
    ----------
    tls : Tls
        As for the connection that failed.
    host : str
        The host that the certificate is not for.
    port : int
        Its port.
    timeout : float
        Seconds.
    """
    context = client_context(tls)
    context.check_hostname = False
    with (
        suppress(OSError, ValueError),
        socket.create_connection((host, port), timeout) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        certificate = secured.getpeercert() or {}
        subject = [field for part in certificate.get("subject", ()) for field in part]
        fields = certificate.get("subjectAltName") or subject
        kinds = ("DNS", "IP Address", "commonName")
        return tuple(str(field[1]) for field in fields if field[0] in kinds)
    return ()


def _context(protocol: int) -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415 - most runs need no TLS

    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(_CIPHERS))
    return context


def _trust(context: "ssl.SSLContext", ca: Path) -> None:
    import ssl  # noqa: PLC0415 - loaded before

    _pem(ca, _CERTIFICATE, "certificate", "It is to hold the certificates to trust.")
    try:
        context.load_verify_locations(ca)
    except OSError as exc:
        hint = "Export the certificate anew, in PEM."
        raise ConfigError(str(ca), f"holds a damaged certificate ({_words(exc)})", hint) from exc
    # What the file holds is trusted, be it a root or what a root has signed.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


class _LockedError(Exception):
    """A private key is asked a pass phrase for."""


def _identify(context: "ssl.SSLContext", cert: Path, key: Path | None) -> None:
    _pem(cert, _CERTIFICATE, "certificate", "It is to hold our own certificate.")
    holder = key or cert
    hint = "It is to hold the private key of our certificate."
    if not key:
        hint += " Where that is in a file of its own, give it with --tls-key."
    _pem(holder, _KEY, "private key", hint)

    def refuse() -> str:
        # Without this OpenSSL would ask for the pass phrase on the terminal.
        raise _LockedError

    try:
        context.load_cert_chain(cert, key, refuse)
    except _LockedError as exc:
        hint = "Decrypt it with 'openssl pkey', and let nobody else read the result."
        raise ConfigError(str(holder), "holds an encrypted private key", hint) from exc
    except OSError as exc:
        code = getattr(exc, "reason", None) or ""
        # OpenSSL says that there is no certificate where it is for a key of another kind.
        if code in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            why = f"holds a private key that is not that of the certificate in {cert}"
            raise ConfigError(str(holder), why, "They are to be made together.") from exc
        if code in ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
            why = f"holds a certificate that is too weak ({_words(exc)})"
            raise ConfigError(str(cert), why, _STRENGTH) from exc
        why = f"holds a damaged certificate, or {holder} a damaged key ({_words(exc)})"
        raise ConfigError(str(cert), why, "Export them anew, in PEM.") from exc


def _pem(path: Path, block: re.Pattern[bytes], what: str, hint: str) -> None:
    """Refuse a file without the block that it is to hold; OpenSSL would not tell which file."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST)
    except (OSError, ValueError) as exc:
        raise ConfigError(str(path), reason(exc), hint) from exc
    if not block.search(content):
        if content.startswith(b"0") and b"-----BEGIN" not in content:
            hint = "It looks like DER or PKCS #12: convert it with 'openssl x509' or 'pkcs12'."
        raise ConfigError(str(path), f"holds no {what} in PEM", hint)


def last_word(secured: socket.socket, error: OSError) -> OSError:
    """Give what the peer said before it closed, where writing to it has failed.

    In TLS 1.3 a handshake is over for us before the peer has looked at our certificate. What it
    thinks of that it says in an alert, and closes: mostly the first writing fails then, and the
    alert is there to be read still.

    Parameters
    ----------
    secured : socket.socket
        The connection, with TLS on it. It is of no use after this.
    error : OSError
        What writing to it has raised.

    Returns
    -------
    OSError
        An ``ssl.SSLError`` with the alert, else the error as it was.
    """
    import ssl  # noqa: PLC0415 - loaded before

    try:
        secured.recv(1)
    except ssl.SSLError as said:
        return said
    except OSError:
        pass
    return error


def explain(
    error: Exception, host: str, *, tls: Tls | None = None, names: Sequence[str] = ()
) -> tuple[str, str]:
    """Say why TLS failed.

    Parameters
    ----------
    error : Exception
        What the handshake has raised, or reading after it; or a `last_word`.
    host : str
        The host that was connected to.
    tls : Tls, optional
        What the connection was made with, for better hints.
    names : sequence of str, optional
        The names in the peer's certificate, where they are known; see `certificate_names`.

    Returns
    -------
    tuple of str, str
        The reason, and what can be done about it.
    """
    code = getattr(error, "verify_code", 0)
    if code in MISMATCHES:
        return _mismatch(host, names)
    if code:
        return _unverified(error, code, tls)
    if isinstance(error, TimeoutError):
        return "no answer to the TLS handshake in time", _NO_TLS
    if isinstance(error, ConnectionError) or type(error).__name__ in _ENDS:
        hint = "It may speak no TLS at this port"
        if not (tls and tls.cert):
            hint += ", or want a certificate of ours (--tls-cert, --tls-key)"
        return "closed the connection in the TLS handshake", f"{hint}; its log may tell."
    told = re.sub(r"^(?:SSLV3|TLSV13?)_(?:ALERT_)?", "", getattr(error, "reason", None) or "")
    ours = bool(tls and tls.cert)
    if told in _REFUSALS and not ours and tls:
        told = "CERTIFICATE_REQUIRED"  # so some say that none was shown
    if told == "HANDSHAKE_FAILURE":
        first = "It may not trust our certificate" if ours else _WANTS_CERTIFICATE
        return "refused the TLS handshake", f"{first}, or share no cipher suite with us."
    why, hint = _TOLD.get(told, (f"TLS failed: {_words(error)}", ""))
    return why.format(host=host), hint


def _mismatch(host: str, names: Sequence[str]) -> tuple[str, str]:
    why = f"its TLS certificate is not for {host}"
    if not names:
        return why, "Connect by the name in the certificate, or have one issued for this one."
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = ", ".join(name[:253] for name in names[:_SHOWN])
    return f"{why} but for {shown}{more}", "Connect by such a name, or have one issued for this."


def _unverified(error: Exception, code: int, tls: Tls | None) -> tuple[str, str]:
    if code in _UNKNOWN_ISSUER:
        why = "its TLS certificate is signed by an authority that is not trusted here"
        if code == _SELF_SIGNED:
            why = "its TLS certificate is self-signed and not trusted here"
        if tls and tls.ca:
            return why, f"{tls.ca} holds no certificate for it; the peer may not send its chain."
        return why, "Give the certificate to trust with --tls-ca."
    if code in _UNVERIFIED:
        return _UNVERIFIED[code]
    words = getattr(error, "verify_message", "")
    if "weak" in words:
        return f"its TLS certificate is too weak ({words})", _STRENGTH
    return f"its TLS certificate is not accepted: {words}", "It has to be replaced at the peer."


def _words(error: Exception) -> str:
    """Give what OpenSSL says without the brackets and places around it."""
    text = str(error.args[-1]) if error.args else str(error)
    text = re.sub(r"^\[[^]]*\] | \(_ssl\.c:\d+\)", "", text)
    return text[:1].lower() + text[1:]


_SHOWN = 4
MISMATCHES = (62, 64)
"""Of a host name and of an address, as OpenSSL's x509_vfy.h numbers them."""

_SELF_SIGNED = 18
_UNKNOWN_ISSUER = {2, _SELF_SIGNED, 19, 20, 21}
_UNVERIFIED = {
    9: ("its TLS certificate is not valid yet", "Check the clock here, then the certificate."),
    10: (
        "its TLS certificate has expired",
        "It has to be renewed at the peer, unless the clock here is wrong.",
    ),
    23: ("its TLS certificate has been revoked", "It has to be replaced at the peer."),
    26: ("its TLS certificate is not one for this purpose", "It has to be replaced at the peer."),
}
_ENDS = {"SSLEOFError", "SSLZeroReturnError"}
_STRENGTH = "It has to be replaced by one with RSA of 2048 bits or more, or ECDSA, and SHA-256."
_NO_TLS = "Does it speak TLS at this port? Without --tls there is none; the TLS port is often 2762."
_WANTS_CERTIFICATE = "It may want a certificate of ours (--tls-cert, --tls-key)"
_OWN = "Show one that it trusts with --tls-cert and --tls-key, or have it trust ours."
_REFUSALS = {"BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "NO_CERTIFICATE", "UNSUPPORTED_CERTIFICATE"}
_REFUSED = ("does not accept our certificate", _OWN)
_VERSION = (
    "has no version of TLS in common with us",
    "TLS 1.2 or 1.3 is needed; what is older is not safe (RFC 8996).",
)
_CIPHER = (
    "has no cipher suite in common with us",
    "TLS 1.3, or ECDHE with AES-GCM in TLS 1.2, is needed (RFC 9325).",
)
_PLAIN = ("does not speak TLS at this port", _NO_TLS)
_TOLD = {
    **dict.fromkeys(_REFUSALS, _REFUSED),
    "CERTIFICATE_REQUIRED": (
        "wants a certificate of ours",
        "Give one, and its private key, with --tls-cert and --tls-key.",
    ),
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": (
        "shows no certificate, and has to",
        "It has to be given one that is trusted here.",
    ),
    "UNKNOWN_CA": ("does not trust the authority that signed our certificate", _OWN),
    "CERTIFICATE_EXPIRED": (
        "says that our certificate has expired",
        "Renew it, unless the peer's clock is wrong.",
    ),
    "CERTIFICATE_REVOKED": ("says that our certificate has been revoked", _OWN),
    "ACCESS_DENIED": ("denies access to our certificate", _OWN),
    **dict.fromkeys(("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"), _VERSION),
    **dict.fromkeys(("NO_SHARED_CIPHER", "INSUFFICIENT_SECURITY", "DH_KEY_TOO_SMALL"), _CIPHER),
    "UNRECOGNIZED_NAME": (
        "knows no host of the name {host}",
        "Connect by the name in its certificate.",
    ),
    "INTERNAL_ERROR": ("reports an error of its own in the TLS handshake", "Its log may tell."),
    **dict.fromkeys(("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"), _PLAIN),
    **dict.fromkeys(("HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG"), _PLAIN),
}
"""What OpenSSL, or the peer in an alert, says by its name, and what it means for the user."""

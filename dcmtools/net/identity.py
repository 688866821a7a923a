"""Decide who we say we are to a peer, and where its proof comes from (PS3.7 D.3.3.7).

Secrets come from files or the environment, never from a command line, where others can read them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from dcmtools.errors import ConfigError, UsageError, reason

_MOST = 0xFFFF - 6
"""The bytes that both fields may have together: an item's length has 16 bits, and counts 6 more."""


class Kind(IntEnum):
    """What identifies the user: User-Identity-Type, PS3.7 Table D.3-14."""

    USERNAME = 1
    USERNAME_AND_PASSCODE = 2
    KERBEROS = 3
    SAML = 4
    JWT = 5


@dataclass(frozen=True, slots=True)
class Identity:
    """A user identity; its ``repr`` tells neither names nor secrets.

    Parameters
    ----------
    kind : int
        One of `Kind`.
    primary : bytes
        The username in UTF-8, the ticket, the assertion or the token.
    secondary : bytes, optional
        The passcode in UTF-8, empty but for `Kind.USERNAME_AND_PASSCODE`.
    response : bool, optional
        Whether the peer is asked to confirm that it accepts the identity. A peer that does not
        know this negotiation accepts the association without a word.

    Raises
    ------
    ValueError
        The kind is unknown, or the identity has no bytes or more than 65529.
    """

    kind: int
    primary: bytes = field(repr=False)
    secondary: bytes = field(default=b"", repr=False)
    response: bool = False

    def __post_init__(self) -> None:
        """Refuse what the negotiation cannot carry."""
        Kind(self.kind)
        if not self.primary:
            raise ValueError("is empty")
        if len(self.primary) + len(self.secondary) > _MOST:
            raise ValueError(f"is longer than the {_MOST} bytes that an association can carry")


def from_sources(  # noqa: PLR0913 - one for each option
    user: str | None = None,
    password_file: Path | None = None,
    jwt_file: Path | None = None,
    saml_file: Path | None = None,
    kerberos_file: Path | None = None,
    *,
    check: bool = False,
    environ: Mapping[str, str],
) -> Identity | None:
    """Make the identity that options or a configuration ask for.

    Parameters
    ----------
    user : str, optional
        The username. Its passcode is what `password_file` holds, else ``$DCMTOOLS_PASSWORD``;
        without either the name alone is given.
    password_file, jwt_file, saml_file : Path, optional
        Files of text. A line end after it does not count.
    kerberos_file : Path, optional
        A file with a Kerberos service ticket, which is given as it is.
    check : bool, optional
        Whether the peer is asked to confirm the identity.
    environ : mapping of str to str
        The environment. ``$DCMTOOLS_JWT`` is a token for when nothing else is given. An empty
        variable is unset.

    Returns
    -------
    Identity or None
        None where there is nothing to say who we are.

    Raises
    ------
    UsageError
        There are two identities, a passcode without a user, or nothing to be confirmed.
    ConfigError
        A file or a variable cannot be read or holds no such thing.
    """
    files = {"--jwt-file": jwt_file, "--saml-file": saml_file, "--kerberos-file": kerberos_file}
    given = [name for name, file in files.items() if file is not None]
    given += ["--user"] * (user is not None)
    if len(given) > 1:
        raise UsageError(given[0], f"does not go with {given[1]}", "One identity is given.")
    if password_file is not None and user is None:
        raise UsageError("--password-file", "goes with --user")
    if user is not None:
        return _username(user, password_file, environ, check=check)
    if kerberos_file is not None:
        ticket = _read(kerberos_file)
        return _made(str(kerberos_file), Kind.KERBEROS, ticket, check=check)
    if saml_file is not None:
        assertion = _text(str(saml_file), _read(saml_file)).strip()
        return _made(str(saml_file), Kind.SAML, assertion.encode(), check=check)
    if jwt_file is not None or environ.get("DCMTOOLS_JWT"):
        return _token(jwt_file, environ, check=check)
    if check:
        hint = "Give --user, --jwt-file, --saml-file or --kerberos-file."
        raise UsageError("--check-identity", "has no identity to check", hint)
    return None


def _username(
    user: str, password_file: Path | None, environ: Mapping[str, str], *, check: bool
) -> Identity:
    name = _encoded("--user", user)
    if password_file is not None:
        passcode = _line(str(password_file), _text(str(password_file), _read(password_file)))
    else:
        passcode = environ.get("DCMTOOLS_PASSWORD", "")
    if not passcode:
        return _made("--user", Kind.USERNAME, name, check=check)
    what = str(password_file or "DCMTOOLS_PASSWORD")
    secret = _encoded(what, passcode)
    return _made(what, Kind.USERNAME_AND_PASSCODE, name, secret, check=check)


def _token(jwt_file: Path | None, environ: Mapping[str, str], *, check: bool) -> Identity:
    what = str(jwt_file or "DCMTOOLS_JWT")
    text = _text(what, _read(jwt_file)) if jwt_file else environ["DCMTOOLS_JWT"]
    token = text.strip()
    # RFC 7519: base64url and dots. What is pasted with "Bearer " before it would only be refused.
    if not re.fullmatch(r"[\w.-]*", token, re.ASCII):
        hint = "It has base64url and dots only, no word before it and no space in it."
        raise ConfigError(what, "is not a JSON Web Token", hint)
    return _made(what, Kind.JWT, token.encode(), check=check)


def _made(
    what: str, kind: Kind, primary: bytes, secondary: bytes = b"", *, check: bool
) -> Identity:
    try:
        return Identity(kind, primary, secondary, check)
    except ValueError as exc:
        raise ConfigError(what, str(exc), "It is part of the identity that the peer gets.") from exc


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # More cannot be sent anyway, and what is named may have no end.
            return file.read(0x20000)
    except (OSError, ValueError) as exc:
        hint = "It is to hold the identity that the peer gets."
        raise ConfigError(str(path), reason(exc), hint) from exc


def _text(what: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigError(what, "is not UTF-8 text", "Save it as UTF-8.") from exc


def _line(what: str, text: str) -> str:
    line = re.sub(r"\r?\n\Z", "", text)
    if not line:
        raise ConfigError(what, "is empty", "It is to hold the passcode, in one line.")
    if re.search(r"[\r\n]", line):
        hint = "It is to hold the passcode alone."
        raise ConfigError(what, "has more than one line", hint)
    return line


def _encoded(what: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:  # bytes of the command line that are no text
        raise UsageError(what, "is not UTF-8 text") from exc

"""Decide which settings and peers the user has: find, load and check the TOML configuration.

A value comes from the option (the callers' part), else the environment, else the table of the
peer, else the top level of the file, else what is built in.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from os.path import expanduser
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from dcmtools.errors import ConfigError, reason

_MAX_AET = 16
_Checks = dict[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak TLS with a peer; the paths are those of PEM files."""

    ca: Path | None = None
    """The certificates to trust; None for those of the system."""
    cert: Path | None = None
    """Our own certificate; None to show none."""
    key: Path | None = None
    """The private key of `cert`; None when it is in the same file."""
    insecure: bool = False
    """Whether the peer's certificate goes unverified."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A DICOM application that the configuration names."""

    name: str
    host: str
    """A name or an address, IPv6 without brackets."""
    port: int
    aet: str = "ANY-SCP"
    """The called AE title."""
    timeout: float | None = None
    """Seconds; None for that of the configuration."""
    calling_aet: str | None = None
    """Our own AE title towards this peer; None for that of the configuration."""
    tls: Tls | None = None
    """None for a connection without TLS."""
    user: str | None = None
    """The name to give in the user identity negotiation (PS3.7 D.3.3.7); None for no name."""
    password_file: Path | None = None
    """What holds the passcode of `user`; None for that of the environment, or none."""
    jwt_file: Path | None = None
    """What holds a JSON Web Token to give instead of a name."""
    saml_file: Path | None = None
    """What holds a SAML assertion to give instead of a name."""
    kerberos_file: Path | None = None
    """What holds a Kerberos service ticket to give instead of a name."""

    @property
    def label(self) -> str:
        """Name it in messages: ``PACS@pacs.example.org:104``, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.aet}@{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the user."""

    aet: str = "DCMTOOLS"
    """Our own AE title."""
    timeout: float | None = None
    """Seconds; None for what each command has for itself."""
    max_inflated: int | None = None
    """The most bytes a deflated data set may inflate to; None for the built-in limit."""
    peers: Mapping[str, Peer] = field(default_factory=dict)
    """By name, in the order of the file."""


def check_aet(text: str) -> str:
    """Check an AE title (PS3.5 6.2) and give it without the spaces around it, which do not count.

    Raises
    ------
    ValueError
        It is not valid. The message continues the name of what holds it: "must ...".
    """
    if not isinstance(text, str) or not re.fullmatch(r"[ -\[\]-~]*", text):
        raise ValueError(f"must be ASCII text without backslash or controls, not {shortened(text)}")
    title = text.strip(" ")
    if not 1 <= len(title) <= _MAX_AET:
        raise ValueError(
            f"must have 1 to {_MAX_AET} characters within its spaces, not {len(title)}"
        )
    return title


def config_path(environ: Mapping[str, str]) -> Path:
    """Find the configuration file; only in the default place may there be none.

    Raises
    ------
    ConfigError
        What ``$DCMTOOLS_CONFIG`` names is not there.
    """
    if named := environ.get("DCMTOOLS_CONFIG"):
        path = _expanded(named, environ)
        try:
            path.stat()
        except OSError as exc:
            raise _unreadable(path, exc) from exc
        return path
    folder = Path(environ.get("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME", ""))
    # The XDG Base Directory Specification asks that a relative folder counts as none.
    base = folder if folder.is_absolute() else _expanded("~/.config", environ)
    return base / "dcmtools" / "config.toml"


def load(environ: Mapping[str, str]) -> Config:
    """Load the configuration file and lay the environment over it, and over each peer's own values.

    So ``peer.timeout or config.timeout`` is right in every case; None is left where neither the
    file nor the environment says a number. An empty variable is unset.

    Raises
    ------
    ConfigError
        The file cannot be read, or it or a variable holds what is not valid.
    """
    path = config_path(environ)
    values = _checked(path, "", _read(path), _SETTINGS)
    tables = values.get("peers", {})
    checks: _Checks = {name: partial(_peer, path, environ, name) for name in tables}
    peers = _checked(path, "peers", tables, checks)
    given = dict(_variables(environ))
    own_keys = {"aet": "calling_aet", "timeout": "timeout"}
    outranked: dict[str, Any] = {own_keys[key]: None for key in own_keys.keys() & given.keys()}
    peers = {name: replace(peer, **outranked) for name, peer in peers.items()}
    return Config(**(values | given | {"peers": peers}))


def peer_names(environ: Mapping[str, str]) -> list[str]:
    """List the names of the peers for shell completion: none, whatever the trouble."""
    try:
        return list(load(environ).peers)
    except Exception:  # noqa: BLE001  a message would land in the line being typed
        return []


def _expanded(text: str, environ: Mapping[str, str]) -> Path:
    home = environ.get("USERPROFILE" if sys.platform == "win32" else "HOME")
    if home and re.match(r"~(?:[/\\]|$)", text):
        return Path(home, text[2:])
    return Path(expanduser(text))  # noqa: PTH111  Path.expanduser raises when there is no home


def _unreadable(path: Path, exc: OSError) -> ConfigError:
    return ConfigError(str(path), reason(exc), "Make it a readable file.")


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  most runs have no file to parse

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    # Bytes that are no UTF-8, bad TOML, huge integers; tomllib lets deep nesting through as it is.
    except (ValueError, RecursionError) as exc:
        why = f"is not valid TOML: {str(exc)[:1].lower()}{str(exc)[1:]}"
        raise ConfigError(str(path), why, "Correct it there, and save it as UTF-8.") from exc


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for key, kind in ("aet", str), ("timeout", float), ("max_inflated", int):
        name = f"DCMTOOLS_{key.upper()}"
        if text := environ.get(name):
            value: Any = text
            with suppress(ValueError):
                value = kind(text)
            try:
                yield key, _SETTINGS[key](value)
            except ValueError as exc:
                raise ConfigError(name, str(exc), "Correct the variable, or unset it.") from exc


def _checked(path: Path, table: str, entries: object, checks: _Checks) -> dict[str, Any]:
    if not isinstance(entries, dict):
        raise ConfigError(str(path), f"{table} must be a table", f"Begin it with [{table}].")
    values = {}
    for key, value in entries.items():
        label = f"{table}.{key}".removeprefix(".")
        if key not in checks:
            from difflib import get_close_matches  # noqa: PLC0415  only this error needs it

            near = get_close_matches(key.lower(), checks, 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(checks)}."
            raise ConfigError(str(path), f"unknown key {label!r}", hint)
        try:
            values[key] = checks[key](value)
        except ValueError as exc:
            raise ConfigError(str(path), f"{label} {exc}", "Correct it in the file.") from exc
    return values


def _peer(path: Path, environ: Mapping[str, str], name: str, entries: object) -> Peer:
    # What reads as AET@HOST:PORT, a path or an option cannot name a peer.
    if not re.fullmatch(r"[\w.][\w.-]*", name):
        raise ValueError("must be a name of letters, digits, '_', '.' and, not at first, '-'")
    checks = _PEER | dict.fromkeys(_IDENTITY_FILES, partial(_beside, path, environ))
    checks["tls"] = partial(_tls, path, environ, f"peers.{name}.tls")
    values = _checked(path, f"peers.{name}", entries, checks)
    if missing := [key for key in ("host", "port") if key not in values]:
        raise ValueError(f"has no {' and no '.join(missing)}")
    if "password_file" in values and "user" not in values:
        raise ValueError("has a password_file without a user")
    given = [key for key in ("user", *_IDENTITY_FILES[1:]) if key in values]
    if len(given) > 1:
        raise ValueError(f"has both {given[0]} and {given[1]}, which are two identities")
    return Peer(name, **values)


def _beside(path: Path, environ: Mapping[str, str], text: object) -> Path:
    return path.parent.absolute() / _expanded(str(_text(text)), environ)


def _tls(path: Path, environ: Mapping[str, str], table: str, value: object) -> Tls | None:
    if not isinstance(value, dict):
        return Tls() if _switch(value) else None
    checks: _Checks = dict.fromkeys(("ca", "cert", "key"), partial(_beside, path, environ))
    tls = Tls(**_checked(path, table, value, checks | {"insecure": _flag}))
    if tls.key and not tls.cert:
        raise ValueError("has a key without a cert")
    return tls


def _matching(words: str, test: Callable[[Any], object], value: object) -> object:
    if not test(value):
        raise ValueError(f"must be {words}, not {shortened(value)}")
    return value


def _number(words: str, most: int, *kinds: type) -> Callable[[Any], Any]:
    # By the exact type, for true and false are instances of int.
    return partial(_matching, words, lambda value: type(value) in kinds and 0 < value <= most)


# A single colon is no IPv6 address but a port in the wrong place. No label of a name is empty or
# longer than DNS has it: looking such a name up fails with a UnicodeError.
_HOST = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})*\.?|[\w.]*:[\w.]*:[\w.:%-]*").fullmatch
check_host = partial(
    _matching, "a host or address alone", lambda it: isinstance(it, str) and _HOST(it)
)
"""Check a host, IPv6 without brackets; like `check_aet`, but that it gives it as it is."""
_text = partial(_matching, "a path in quotes", lambda value: isinstance(value, str) and value)
_name = partial(_matching, "a name in quotes", lambda value: isinstance(value, str) and value)
_flag = partial(_matching, "true or false", lambda value: isinstance(value, bool))
_switch = partial(_matching, "true, false or a table", lambda value: isinstance(value, bool))
_tables = partial(_matching, "a table of tables", lambda value: isinstance(value, dict))
check_port = _number("a port from 1 to 65535", 65535, int)
"""Check the number of a port, as `check_host` does."""
# Sockets count milliseconds in 31 bits; more is an OverflowError in the middle of a connection.
check_seconds = _number("a number of seconds above 0, at most 2147483", 2147483, int, float)
"""Check a number of seconds, as `check_host` does."""
_bytes = _number("a whole number of bytes above 0", sys.maxsize, int)
_SETTINGS: _Checks = {"aet": check_aet, "timeout": check_seconds, "max_inflated": _bytes}
_SETTINGS["peers"] = _tables
_PEER: _Checks = {"host": check_host, "port": check_port, "timeout": check_seconds}
_PEER |= {"aet": check_aet, "calling_aet": check_aet, "user": _name}
_IDENTITY_FILES = ("password_file", "jwt_file", "saml_file", "kerberos_file")

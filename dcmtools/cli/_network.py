"""Define the options of the commands that connect to peers, and put together what they mean.

A value comes from the option, else the environment, else the table of the peer, else the top level
of the configuration, else what the command has for itself.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperOption

from dcmtools import config
from dcmtools.cli._options import Command, Settings
from dcmtools.errors import UsageError
from dcmtools.net.access import (
    DEFAULT_MAX_PDU,
    DEFAULT_TIMEOUT,
    LARGEST_PDU,
    SMALLEST_PDU,
    Access,
    untold,
)
from dcmtools.net.identity import Identity, from_sources
from dcmtools.net.peer import find_peer

PeerArgument = Annotated[str, typer.Argument(metavar="PEER", help="AET@HOST:PORT, or a name.")]


@dataclass(slots=True)
class _Given:
    """What the options say; None, or False, where they say nothing."""

    aet: str | None = None
    called_aet: str | None = None
    timeout: float | None = None
    acse_timeout: float | None = None
    dimse_timeout: float | None = None
    max_pdu: int | None = None
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_insecure: bool = False
    user: str | None = None
    password_file: Path | None = None
    jwt_file: Path | None = None
    saml_file: Path | None = None
    kerberos_file: Path | None = None
    check_identity: bool = False


def network_options() -> list[TyperOption]:
    """Make the options of all commands that connect to a peer."""
    return [
        _option("--aet", "-aet", metavar="AET", help="Our AE title; the default is DCMTOOLS."),
        _option("--called-aet", "-aec", metavar="AET", help="The peer's AE title, whatever it is."),
        _option(
            "--timeout",
            type=float,
            metavar="SECONDS",
            help="How long to wait for the connection, and for each answer.",
        ),
        _option(
            "--acse-timeout",
            type=float,
            metavar="SECONDS",
            help="How long to wait for an association to be accepted or released.",
        ),
        _option(
            "--dimse-timeout",
            type=float,
            metavar="SECONDS",
            help="How long to wait for each response to a request.",
        ),
        _option(
            "--max-pdu",
            "-pdu",
            type=int,
            metavar="BYTES",
            help=f"The longest PDU to receive, {SMALLEST_PDU} to {LARGEST_PDU};"
            f" the default is {DEFAULT_MAX_PDU}.",
        ),
        _option("--tls", is_flag=True, help="Use TLS 1.2 or 1.3; any option of TLS means it too."),
        _option(
            "--tls-ca",
            metavar="FILE",
            help="The certificates to trust, in PEM, instead of those of the system.",
        ),
        _option("--tls-cert", metavar="FILE", help="Our own certificate, in PEM."),
        _option(
            "--tls-key",
            metavar="FILE",
            help="The private key of our certificate, where it is not in the same file.",
        ),
        _option("--tls-insecure", is_flag=True, help="Do not verify the peer's certificate."),
        _option(
            "--user", metavar="NAME", help="The user name to give; without TLS others can read it."
        ),
        _option(
            "--password-file",
            metavar="FILE",
            help="What holds the password of --user; else DCMTOOLS_PASSWORD is used.",
        ),
        _option("--jwt-file", metavar="FILE", help="Identify by the JSON Web Token in FILE."),
        _option("--saml-file", metavar="FILE", help="Identify by the SAML assertion in FILE."),
        _option("--kerberos-file", metavar="FILE", help="Identify by the Kerberos ticket in FILE."),
        _option(
            "--check-identity",
            is_flag=True,
            help="Go on only where the peer confirms that it accepts our identity.",
        ),
    ]


class NetworkCommand(Command):
    """A command that takes the network options, and the global ones."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401
        own = attributes.pop("params", None) or []
        super().__init__(*arguments, params=[*own, *network_options()], **attributes)


def configured_peers(context: typer.Context) -> Mapping[str, config.Peer]:
    """List the peers of the configuration by name, in its order.

    Raises
    ------
    ConfigError
        The configuration is not valid.
    """
    return _config(context).peers


def access(
    context: typer.Context,
    peer_text: str,
    *,
    dimse_timeout: float | None,
    timeout: float = DEFAULT_TIMEOUT,
    identify: bool = True,
) -> Access:
    """Put together what is known of a peer.

    Parameters
    ----------
    context : typer.Context
        That of the command, a `NetworkCommand`.
    peer_text : str
        The peer, as the user writes it.
    dimse_timeout : float or None
        The seconds that the command waits for a response by itself. None for no limit: then only
        an option sets one, for what the configuration says of peers in general would end a
        retrieval that is merely quiet.
    timeout : float, optional
        The seconds that it waits for everything else by itself.
    identify : bool, optional
        Whether our identity is read, which nothing but connecting needs.

    Raises
    ------
    UsageError
        It is no peer, or options do not go together.
    ConfigError
        The configuration is not valid, or an identity cannot be read.
    """
    given = _given(context)
    settings = _config(context)
    peer = find_peer(peer_text, settings)
    # The environment is laid over both.
    usual = peer.timeout or settings.timeout
    patience = None if dimse_timeout is None else usual or dimse_timeout
    return Access(
        peer=replace(peer, aet=given.called_aet or peer.aet, tls=_tls(given, peer.tls)),
        calling_aet=given.aet or peer.calling_aet or settings.aet,
        connect_timeout=given.timeout or usual or timeout,
        acse_timeout=given.acse_timeout or given.timeout or usual or timeout,
        dimse_timeout=given.dimse_timeout or given.timeout or patience,
        max_pdu=given.max_pdu or DEFAULT_MAX_PDU,
        identity=_identity(given, peer, os.environ) if identify else None,
        trace=_trace(context),
    )


def _option(*names: str, **attributes: Any) -> TyperOption:  # noqa: ANN401
    return TyperOption(param_decls=list(names), expose_value=False, callback=_keep, **attributes)


def _keep(context: typer.Context, option: Any, value: Any) -> None:  # noqa: ANN401
    if value is None or value is False:
        return
    try:
        setattr(_given(context), option.name, _CHECKS[option.metavar](value))
    except ValueError as exc:
        raise typer.BadParameter(f"{exc}.", context, option) from exc


def _name(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _pdu_length(value: int) -> int:
    if not SMALLEST_PDU <= value <= LARGEST_PDU:
        raise ValueError(f"must be {SMALLEST_PDU} to {LARGEST_PDU} bytes, not {value}")
    return value


_CHECKS: Mapping[str | None, Callable[[Any], Any]] = {
    None: bool,
    "AET": config.check_aet,
    "SECONDS": config.check_seconds,
    "BYTES": _pdu_length,
    "NAME": _name,
    "FILE": lambda text: Path(_name(text)),
}
"""By what an option is given."""


def _given(context: typer.Context) -> _Given:
    given: _Given = context.meta.setdefault("dcmtools.network", _Given())
    return given


def _trace(context: typer.Context) -> Callable[[str], None]:
    """Choose who is told what happens on an association."""
    settings = context.ensure_object(Settings)
    return settings.talk(str(context.info_name)).detail if settings.wants_detail else untold


def _config(context: typer.Context) -> config.Config:
    if "dcmtools.config" not in context.meta:
        context.meta["dcmtools.config"] = config.load(os.environ)
    loaded: config.Config = context.meta["dcmtools.config"]
    return loaded


def _tls(given: _Given, own: config.Tls | None) -> config.Tls | None:
    """Lay the options over what the configuration says of the peer."""
    files = given.tls_ca, given.tls_cert, given.tls_key
    if not (given.tls or given.tls_insecure or any(files)):
        return own
    own = own or config.Tls()
    cert = given.tls_cert or own.cert
    key = given.tls_key or (None if given.tls_cert else own.key)
    if key and not cert:
        raise UsageError("--tls-key", "goes with --tls-cert")
    insecure = given.tls_insecure or (own.insecure and not given.tls_ca)
    return config.Tls(given.tls_ca or own.ca, cert, key, insecure)


def _identity(given: _Given, peer: config.Peer, environ: Mapping[str, str]) -> Identity | None:
    """Choose who we are: by the options, else the environment, else the table of the peer."""
    check = given.check_identity
    files = given.jwt_file, given.saml_file, given.kerberos_file
    if any(files):
        return from_sources(given.user, given.password_file, *files, check=check, environ=environ)
    named = given.user or given.password_file
    if environ.get("DCMTOOLS_JWT") and not named:
        return from_sources(check=check, environ=environ)
    user, password_file = given.user or peer.user, given.password_file
    # A password belongs to the user it stands beside.
    if user == peer.user and not environ.get("DCMTOOLS_PASSWORD"):
        password_file = password_file or peer.password_file
    others = () if named else (peer.jwt_file, peer.saml_file, peer.kerberos_file)
    return from_sources(user, password_file, *others, check=check, environ=environ)

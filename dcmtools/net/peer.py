"""Decide what a user means by a peer: ``AET@HOST:PORT``, or a name that the configuration has."""

import re
from contextlib import suppress
from typing import NoReturn

from dcmtools.config import Config, Peer, check_aet, check_host, check_port
from dcmtools.errors import UsageError

_PORTS = "DICOM ports are often 104 or 11112"


def find_peer(text: str, config: Config) -> Peer:
    """Find a peer by what a user writes; nothing is looked up in the network.

    Parameters
    ----------
    text : str
        ``AET@HOST:PORT`` or ``HOST:PORT``, which is called ANY-SCP, an IPv6 address in brackets;
        or the name of a peer in the configuration. What is before the last ``@`` is the AE title,
        so it may hold spaces, ``@`` and ``:``. Spaces around it all do not count.
    config : Config
        The configuration with its peers.

    Returns
    -------
    Peer
        Without a name, unless it is from the configuration.

    Raises
    ------
    UsageError
        It is neither. The hint says what would be.
    """
    text = text.strip()
    if text in config.peers:
        return config.peers[text]
    title, at, address = text.rpartition("@")
    if scheme := re.match(r"(\w[\w+.-]*)://", text):
        _refuse_address(text, scheme)
    if address in config.peers:
        hint = f"'{address}' is a name in the configuration: give the title with --called-aet."
        raise UsageError(text, "is no AET@HOST:PORT", hint)
    host, port = _split(text, address, titled=bool(at), config=config)
    try:
        aet = check_aet(title) if at else "ANY-SCP"
    except ValueError as exc:
        hint = "Write AET@HOST:PORT, or HOST:PORT to call it ANY-SCP."
        raise UsageError(text, f"its AE title {exc}", hint) from exc
    return Peer("", host, port, aet)


def _split(text: str, address: str, *, titled: bool, config: Config) -> tuple[str, int]:
    """Take a host and its port apart."""
    parts = re.fullmatch(r"(\[(?P<v6>[^]]*)\]|(?P<host>[^:]*))(:(?P<port>[^:]*))?", address)
    if not parts:
        _refuse_colons(text, address)
    host = parts["host"] or parts["v6"] or ""
    if parts["port"] is None and not titled and not parts["v6"]:
        _refuse_name(text, config)
    if not parts["port"]:
        hint = f"Write it as in {text.rstrip(':')}:104; {_PORTS}."
        raise UsageError(text, "has no port", hint)
    try:
        port = check_port(int(parts["port"])) if _is_number(parts["port"]) else None
    except ValueError:
        port = None
    if port is None:
        why = f"its port must be a number from 1 to 65535, not '{parts['port']}'"
        raise UsageError(text, why, f"Write HOST:PORT; {_PORTS}.")
    try:
        check_host(host)
        if parts["v6"] is not None:
            _check_ipv6(host)
    except ValueError as exc:
        hint = "Write AET@HOST:PORT, an IPv6 address as [IPv6]:PORT."
        raise UsageError(text, f"its host {exc}", hint) from exc
    return host, port


def _refuse_address(text: str, scheme: re.Match[str]) -> NoReturn:
    rest = text[scheme.end() :].rstrip("/")
    if scheme[1].lower().startswith("http"):
        hint = f"That is a web address. A peer is AET@HOST:PORT; {_PORTS}."
    else:
        hint = f"Write {rest}" + (" and --tls." if scheme[1].lower().endswith("tls") else ".")
    raise UsageError(text, "is no AET@HOST:PORT", hint)


def _refuse_colons(text: str, address: str) -> NoReturn:
    title = text.removesuffix(address)
    hint = "Write AET@HOST:PORT, an IPv6 address as [IPv6]:PORT."
    first, *middle, last = address.split(":")
    if len(middle) == 1 and middle[0] and not title and _is_number(last):
        hint = f"Did you mean {first}@{middle[0]}:{last}?"
    with suppress(ValueError):
        _check_ipv6(address)
        hint = f"Put an IPv6 address in brackets: {title}[{address}]:104"
    with suppress(ValueError):
        _check_ipv6(address.rpartition(":")[0])
        if re.fullmatch("[0-9]{3,5}", last):  # a port rather than the end of the address
            hint = f"Put an IPv6 address in brackets: {title}[{address.rpartition(':')[0]}]:{last}"
    raise UsageError(text, "is no AET@HOST:PORT", hint)


def _refuse_name(text: str, config: Config) -> NoReturn:
    from difflib import get_close_matches  # noqa: PLC0415 - only this error needs it

    names = {name.lower(): name for name in config.peers}
    near = [f"'{names[found]}'" for found in get_close_matches(text.lower(), names)]
    meant = f"Did you mean {' or '.join(near)}? Otherwise write" if near else "Write"
    raise UsageError(
        text or "PEER",
        "is no peer of the configuration" if text else "is empty",
        f"{meant} HOST:PORT or AET@HOST:PORT; {_PORTS}.",
    )


def _is_number(text: str) -> bool:
    """Tell whether a text may be the number of a port; no more digits than int() always takes."""
    return bool(re.fullmatch("[0-9]{1,9}", text))


def _check_ipv6(text: str) -> None:
    from ipaddress import IPv6Address  # noqa: PLC0415 - few addresses are

    try:
        IPv6Address(text)
    except ValueError:
        raise ValueError(f"must be an IPv6 address within its brackets, not '{text}'") from None

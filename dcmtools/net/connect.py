"""Connect to a peer by TCP and, where it is asked for, TLS; say why where that fails."""

import errno
import socket
from contextlib import ExitStack, suppress
from time import monotonic

from dcmtools.config import Peer
from dcmtools.errors import ConnectionFailedError, reason
from dcmtools.net.access import Access


def connect(access: Access) -> socket.socket:
    """Connect to the peer; its addresses are tried one after the other, each for its share of time.

    Raises
    ------
    ConnectionFailedError
        It cannot be reached, or TLS fails.
    ConfigError
        The TLS material is of no use.
    """
    peer = access.peer
    deadline = monotonic() + access.connect_timeout
    if peer.tls is None:
        return _connected(access, deadline)
    from dcmtools.net import tls  # noqa: PLC0415 - ssl costs its own users only

    context = tls.client_context(peer.tls)  # before anything is sent, for it may be wrong
    try:
        with ExitStack() as stack:
            sock = stack.enter_context(_connected(access, deadline))
            sock.settimeout(max(deadline - monotonic(), 0.001))
            # An address of IPv6 may name a zone, which no certificate knows.
            name = peer.host.partition("%")[0]
            secured = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
            stack.enter_context(secured)
            secured.do_handshake()
            stack.pop_all()
            return secured
    except (OSError, ValueError) as error:
        names: tuple[str, ...] = ()
        if getattr(error, "verify_code", 0) in tls.MISMATCHES:
            names = tls.certificate_names(peer.tls, peer.host, peer.port, access.connect_timeout)
        why = tls.explain(error, peer.host, tls=peer.tls, names=names)
        raise ConnectionFailedError(peer.label, *why) from error


def _connected(access: Access, deadline: float) -> socket.socket:
    peer = access.peer
    try:
        found = socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        why = f"the host name {peer.host!r} cannot be resolved ({_resolver_reason(error)})"
        hint = "Is it spelled right? Is there a name server?"
        raise ConnectionFailedError(peer.label, why, hint) from error
    failure: OSError = OSError(errno.EADDRNOTAVAIL, "no address")
    for number, (family, kind, protocol, _, address) in enumerate(found):
        share = (deadline - monotonic()) / (len(found) - number)
        try:
            with ExitStack() as stack:
                sock = stack.enter_context(socket.socket(family, kind, protocol))
                sock.settimeout(max(share, 0.001))
                sock.connect(address)
                stack.pop_all()
        except OSError as error:
            failure = error
        else:
            access.trace(f"{peer.label}: connected to {address[0]}")
            return sock
    raise _unreachable(peer, failure, access.connect_timeout) from failure


def _resolver_reason(error: OSError | ValueError) -> str:
    return reason(error) if isinstance(error, OSError) else "it is no host name"


def _unreachable(peer: Peer, error: OSError, timeout: float) -> ConnectionFailedError:
    if isinstance(error, ConnectionRefusedError):
        hint = f"Nothing listens on port {peer.port} there: is it the right one, is the peer up?"
        return ConnectionFailedError(peer.label, "connection refused", hint)
    if isinstance(error, TimeoutError):
        why = f"no connection within {timeout:g} s"
        hint = "The host is down, or a firewall drops what is sent to this port."
        return ConnectionFailedError(peer.label, why, hint)
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
        hint = "The address is wrong, or there is no way to it from here."
        return ConnectionFailedError(peer.label, reason(error), hint)
    return ConnectionFailedError(peer.label, f"cannot connect: {reason(error)}")


def local_address(peer: Peer) -> str:
    """Tell the address of this host from which a peer is reached; nothing is sent."""
    with suppress(OSError):
        family, _, _, _, address = socket.getaddrinfo(peer.host, peer.port)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(address)
            host = str(sock.getsockname()[0])
            return f"[{host}]" if ":" in host else host
    return socket.gethostname()

"""Connect a `Connection` of ours with a bare socket over loopback, in the clear or by TLS."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from struct import pack
from time import monotonic
from typing import NamedTuple, Self

from dcmtools.net.connection import Connection
from tests.certificates import Authority

PATIENCE = 20.0
"""Seconds after which a test has failed."""
MAX_PDU = 16384


class Wire(NamedTuple):
    """A connection of ours, and the socket at its other end."""

    ours: Connection
    peer: socket.socket

    @property
    def sock(self) -> socket.socket:
        """The socket of our own end."""
        return self.ours._sock


@contextmanager
def wired(
    max_pdu: int = MAX_PDU,
    *,
    authority: Authority | None = None,
    version: ssl.TLSVersion | None = None,
) -> Iterator[Wire]:
    """Give both ends of a connection.

    Parameters
    ----------
    max_pdu : int
        The longest P-DATA-TF PDU that we take.
    authority : Authority, optional
        Who has signed the peer's certificate; without it there is no TLS.
    version : ssl.TLSVersion, optional
        The version of TLS.
    """
    sock, peer = _connected()
    if authority is not None:
        sock, peer = _secured(sock, peer, authority, version)
    peer.settimeout(PATIENCE)
    ours = Connection(sock, max_pdu)
    try:
        yield Wire(ours, peer)
    finally:
        ours.close()
        peer.close()


def _connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = socket.create_connection(listener.getsockname(), PATIENCE)
        peer, _ = listener.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, peer


def _secured(
    sock: socket.socket,
    peer: socket.socket,
    authority: Authority,
    version: ssl.TLSVersion | None,
) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.server)
    if version is not None:
        server.minimum_version = server.maximum_version = version
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(authority.ca)
    secured = server.wrap_socket(
        peer, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    secured.settimeout(PATIENCE)
    shaking = threading.Thread(target=secured.do_handshake)
    shaking.start()
    ours = client.wrap_socket(sock, server_hostname="localhost")
    shaking.join(PATIENCE)
    return ours, secured


def reset(sock: socket.socket) -> None:
    """Close a socket with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    sock.close()


def read(sock: socket.socket, count: int) -> bytes:
    """Read so many bytes, or up to the end."""
    got = b""
    while len(got) < count and (more := sock.recv(count - len(got))):
        got += more
    return got


class Background:
    """Run a function in a thread for the time of a ``with`` block; what it raises comes out."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._function = function
        self._arguments = arguments
        self._error: BaseException | None = None
        self.result: object = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        began = monotonic()
        try:
            self.result = self._function(*self._arguments)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error
        self.seconds = monotonic() - began

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for the end."""
        self.wait(raising=error[0] is None)

    def wait(self, *, raising: bool = True) -> object:
        """Wait for the end, and give what the function has given."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        error, self._error = self._error, None
        if raising and error is not None:
            raise error
        return self.result

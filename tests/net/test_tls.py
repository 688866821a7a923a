"""TLS in both roles against real peers, and the words for everything that goes wrong."""

import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from dcmtools.config import Tls
from dcmtools.errors import ConfigError, ExitCode
from dcmtools.net.tls import certificate_names, client_context, explain, last_word, server_context
from tests.certificates import Authority, Pair, der, encrypted, self_signed
from tests.conftest import need

SECONDS = 20
RFC_9325 = {
    f"ECDHE-{kind}-{cipher}"
    for kind in ("ECDSA", "RSA")
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
}
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
both_versions = pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])

Serve = Callable[["ssl.SSLContext | bytes | None"], "Server"]
Flawed = Callable[[str], Pair]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give the authority that both sides trust."""
    return Authority(tmp_path_factory.mktemp("pki") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give an authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("pki") / "theirs", "Other CA")


@pytest.fixture
def flawed(ours: Authority, theirs: Authority, tmp_path: Path) -> Flawed:
    """Give the function that makes a certificate with a flaw."""

    def make(flaw: str) -> Pair:
        if flaw == "self-signed":
            return self_signed(tmp_path, "own")
        pair: Pair = theirs.server if flaw == "untrusted" else getattr(ours, flaw)
        return pair

    return make


class Server:
    """A server that greets each client, one after the other, and keeps what TLS raised.

    Parameters
    ----------
    speak : SSLContext, bytes or None
        How it speaks TLS; or what it says instead; None for a server that says nothing.
    """

    def __init__(self, speak: ssl.SSLContext | bytes | None) -> None:
        self._speak = speak
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.errors: list[Exception] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(SECONDS)
            self._open.append(connection)
            try:
                self._greet(connection)
            except OSError as error:
                self.errors.append(error)

    def _greet(self, connection: socket.socket) -> None:
        if isinstance(self._speak, ssl.SSLContext):
            with self._speak.wrap_socket(connection, server_side=True) as secured:
                secured.recv(5)
                secured.sendall(b"welcome")
        elif self._speak is not None:
            connection.recv(4096)
            connection.sendall(self._speak)
            connection.close()

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give the function that starts a server."""
    with ExitStack() as stack:

        def start(speak: ssl.SSLContext | bytes | None) -> Server:
            server = Server(speak)
            stack.callback(server.close)
            return server

        yield start


def restricted(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Restrict a context to one version of TLS."""
    context.minimum_version = context.maximum_version = version
    return context


class Talked(NamedTuple):
    """What came of a connection that worked."""

    version: str | None
    cipher: str
    received: bytes


def talk(port: int, tls: Tls, host: str = "localhost") -> Talked:
    """Connect, say something and read the answer."""
    context = client_context(tls)
    with (
        socket.create_connection(("127.0.0.1", port), SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        try:
            secured.sendall(b"hello")
        except OSError as error:
            raise last_word(secured, error) from error
        cipher = secured.cipher()
        assert cipher is not None
        return Talked(secured.version(), cipher[0], secured.recv(7))


def failure(port: int, tls: Tls, host: str = "localhost") -> tuple[str, str]:
    """Connect in vain, and give the words for it."""
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the words are what is looked at
        talk(port, tls, host)
    return explain(caught.value, host, tls=tls)


@both_versions
def test_a_peer_that_is_what_it_should_be(
    ours: Authority, serve: Serve, version: ssl.TLSVersion
) -> None:
    server = serve(restricted(server_context(*ours.server), version))
    for host in ("localhost", "127.0.0.1", "::1"):
        talked = talk(server.port, Tls(ca=ours.ca), host)
        assert talked.version == {TLS_1_2: "TLSv1.2", TLS_1_3: "TLSv1.3"}[version]
        assert talked.received == b"welcome"
        assert talked.cipher in RFC_9325 or version is TLS_1_3


def test_the_newest_version_is_chosen(ours: Authority, serve: Serve) -> None:
    assert talk(serve(server_context(*ours.server)).port, Tls(ours.ca)).version == "TLSv1.3"


@pytest.mark.parametrize("role", ["client", "server"])
def test_versions_and_cipher_suites(ours: Authority, role: str) -> None:
    context = client_context(Tls()) if role == "client" else server_context(*ours.server)
    assert context.minimum_version == TLS_1_2
    names = {cipher["name"] for cipher in context.get_ciphers()}
    assert {name for name in names if not name.startswith("TLS_")} == RFC_9325
    assert {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"} <= names
    assert context.security_level >= 2  # 112 bits: RSA from 2048 bits on


def test_verification_is_on_and_rests_on_the_system() -> None:
    context = client_context(Tls())
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    usual = ssl.create_default_context()
    assert context.cert_store_stats() == usual.cert_store_stats()


def test_a_file_of_certificates_replaces_those_of_the_system(ours: Authority) -> None:
    assert client_context(Tls(ca=ours.ca)).cert_store_stats()["x509"] == 1


@both_versions
def test_both_sides_show_a_certificate(
    ours: Authority, serve: Serve, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    server = serve(restricted(server_context(*ours.server, ca=ours.ca), version))
    assert talk(server.port, Tls(ours.ca, *ours.client)).received == b"welcome"
    one_file = tmp_path / "both.pem"
    one_file.write_bytes(ours.client.cert.read_bytes() + ours.client.key.read_bytes())
    assert talk(server.port, Tls(ours.ca, one_file)).received == b"welcome"
    assert server.errors == []


def test_trust_may_rest_on_the_certificate_itself(
    ours: Authority, serve: Serve, tmp_path: Path
) -> None:
    own = self_signed(tmp_path, "own")
    assert talk(serve(server_context(*own)).port, Tls(ca=own.cert)).received == b"welcome"
    # It is signed by an authority that the client knows nothing of.
    server = serve(server_context(*ours.server, ca=ours.client.cert))
    tls = Tls(ours.server.cert, *ours.client)
    assert talk(server.port, tls).received == b"welcome"


@both_versions
@pytest.mark.parametrize("flaw", ["expired", "early", "elsewhere", "untrusted", "self-signed"])
def test_verification_can_be_turned_off(
    flawed: Flawed, serve: Serve, version: ssl.TLSVersion, flaw: str
) -> None:
    server = serve(restricted(server_context(*flawed(flaw)), version))
    assert talk(server.port, Tls(insecure=True)).received == b"welcome"


@both_versions
@pytest.mark.parametrize(
    "case",
    [
        ("expired", "has expired", "It has to be renewed at the peer"),
        ("early", "is not valid yet", "Check the clock here"),
        ("elsewhere", "is not for localhost", "Connect by the name in the certificate"),
        ("untrusted", "is signed by an authority that is not trusted here", "{ca} holds no certif"),
        ("self-signed", "is self-signed and not trusted here", "{ca} holds no certificate for it"),
    ],
    ids=lambda case: case[0],
)
def test_what_is_wrong_with_the_certificate_of_a_peer(
    ours: Authority,
    flawed: Flawed,
    serve: Serve,
    version: ssl.TLSVersion,
    case: tuple[str, str, str],
) -> None:
    flaw, why, hint = case
    server = serve(restricted(server_context(*flawed(flaw)), version))
    said = failure(server.port, Tls(ca=ours.ca))
    assert said[0] == f"its TLS certificate {why}"
    assert said[1].startswith(hint.format(ca=ours.ca))


def test_an_address_that_is_not_in_the_certificate(ours: Authority, serve: Serve) -> None:
    server = serve(server_context(*ours.elsewhere))
    why, _ = failure(server.port, Tls(ca=ours.ca), "127.0.0.1")
    assert why == "its TLS certificate is not for 127.0.0.1"


def test_an_unknown_authority_without_a_file_of_ours(theirs: Authority, serve: Serve) -> None:
    why, hint = failure(serve(server_context(*theirs.server)).port, Tls())
    assert why == "its TLS certificate is signed by an authority that is not trusted here"
    assert hint == "Give the certificate to trust with --tls-ca."


@both_versions
def test_the_names_that_a_certificate_has(
    ours: Authority, theirs: Authority, serve: Serve, version: ssl.TLSVersion
) -> None:
    server = serve(restricted(server_context(*ours.elsewhere), version))
    tls = Tls(ca=ours.ca)
    names = certificate_names(tls, "localhost", server.port, SECONDS)
    assert names == ("pacs.example.org", "old.example.org")
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        talk(server.port, tls)
    why, hint = explain(caught.value, "localhost", tls=tls, names=names)
    expected = "its TLS certificate is not for localhost but for pacs.example.org, old.example.org"
    assert why == expected
    assert hint.startswith("Connect by such a name")
    assert certificate_names(Tls(ca=theirs.ca), "localhost", server.port, SECONDS) == ()
    nameless = serve(server_context(*ours.client))
    assert certificate_names(tls, "localhost", nameless.port, SECONDS) == ("client",)


def test_a_certificate_with_many_names_is_told_in_short(ours: Authority, serve: Serve) -> None:
    pair = ours.sign("many", hosts=[f"DNS:h{n}.example.org" for n in range(30)])
    server = serve(server_context(*pair))
    tls = Tls(ca=ours.ca)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        talk(server.port, tls)
    names = certificate_names(tls, "localhost", server.port, SECONDS)
    why, _ = explain(caught.value, "localhost", names=names)
    assert why.endswith("h2.example.org, h3.example.org and 26 more")


def test_no_names_where_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert certificate_names(Tls(), "localhost", port, 0.2) == ()
    assert certificate_names(Tls(), "localhost", port, SECONDS) == ()


def test_a_peer_with_a_weak_certificate(tmp_path: Path) -> None:
    cert, key = tmp_path / "weak.pem", tmp_path / "weak.key"
    command = f"openssl req -x509 -newkey rsa:1024 -nodes -keyout {key} -subj /CN=localhost"
    subprocess.run(f"{command} -out {cert}".split(), capture_output=True, check=True)
    with s_server(cert, key, "-cipher", "ALL:@SECLEVEL=0") as port:
        why, hint = failure(port, Tls(ca=cert))
    assert why.startswith("its TLS certificate is too weak (")
    assert hint.startswith("It has to be replaced by one with RSA of 2048 bits or more")
    with pytest.raises(ConfigError) as caught:
        client_context(Tls(cert=cert, key=key))
    assert caught.value.why == "holds a certificate that is too weak (ee key too small)"


@both_versions
def test_a_peer_that_wants_a_certificate_of_ours(
    ours: Authority, serve: Serve, version: ssl.TLSVersion
) -> None:
    server = serve(restricted(server_context(*ours.server, ca=ours.ca), version))
    why, hint = failure(server.port, Tls(ca=ours.ca))
    # Before TLS 1.3 there was no way to say it more clearly.
    assert why == (
        "wants a certificate of ours" if version is TLS_1_3 else "refused the TLS handshake"
    )
    assert "--tls-cert" in hint
    server.close()
    [error] = server.errors
    assert explain(error, "10.0.0.5")[0] == "shows no certificate, and has to"


@both_versions
@pytest.mark.parametrize(
    "case",
    [
        ("untrusted", "does not trust the authority that signed our certificate", "Show one that"),
        ("expired", "says that our certificate has expired", "Renew it"),
        ("early", "does not accept our certificate", "Show one that it trusts"),
    ],
    ids=lambda case: case[0],
)
def test_a_peer_that_refuses_our_certificate(
    ours: Authority,
    flawed: Flawed,
    serve: Serve,
    version: ssl.TLSVersion,
    case: tuple[str, str, str],
) -> None:
    flaw, why, hint = case
    server = serve(restricted(server_context(*ours.server, ca=ours.ca), version))
    said = failure(server.port, Tls(ours.ca, *flawed(flaw)))
    assert said[0] == why
    assert said[1].startswith(hint)


def test_an_alert_that_came_before_anything_was_written(ours: Authority, serve: Serve) -> None:
    server = serve(restricted(server_context(*ours.server, ca=ours.ca), TLS_1_3))
    tls = Tls(ca=ours.ca)
    with (
        socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection,
        client_context(tls).wrap_socket(connection, server_hostname="localhost") as secured,
    ):
        while True:
            try:
                secured.sendall(b"hello")
            except OSError as error:
                said = last_word(secured, error)
                break
    assert explain(said, "localhost", tls=tls)[0] == "wants a certificate of ours"


def test_no_last_word(ours: Authority, serve: Serve) -> None:
    error = BrokenPipeError(32, "Broken pipe")
    server = serve(server_context(*ours.server))
    with (
        socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection,
        client_context(Tls(ours.ca)).wrap_socket(connection, server_hostname="::1") as secured,
    ):
        secured.shutdown(socket.SHUT_RDWR)
        assert last_word(secured, error) is error


@pytest.mark.parametrize(
    ("number", "bare", "shown"),
    [
        (40, "refused the TLS handshake", "refused the TLS handshake"),
        (42, "wants a certificate of ours", "does not accept our certificate"),
        (43, "wants a certificate of ours", "does not accept our certificate"),
        (44, "says that our certificate has been revoked", None),
        (46, "wants a certificate of ours", "does not accept our certificate"),
        (49, "denies access to our certificate", None),
        (70, "has no version of TLS in common with us", None),
        (71, "has no cipher suite in common with us", None),
        (80, "reports an error of its own in the TLS handshake", None),
        (112, "knows no host of the name localhost", None),
        (116, "wants a certificate of ours", None),
        (90, "TLS failed: ", None),
    ],
)
def test_the_alerts_of_other_libraries(  # RFC 8446 6.2
    ours: Authority, serve: Serve, number: int, bare: str, shown: str | None
) -> None:
    port = serve(bytes((21, 3, 3, 0, 2, 2, number))).port
    assert failure(port, Tls())[0].startswith(bare)
    assert failure(port, Tls(None, *ours.client))[0].startswith(shown or bare)


@contextmanager
def s_server(cert: Path, key: Path, *options: str) -> Iterator[int]:
    """Run OpenSSL's own server and give its port."""
    command = [need("openssl"), "s_server", "-accept", "0", "-cert", cert, "-key", key, *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if found := re.match(rb"ACCEPT .*:(\d+)", line):
                    yield int(found[1])
                    break
        finally:
            process.kill()


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_a_peer_whose_tls_is_too_old(ours: Authority, version: str) -> None:
    with s_server(*ours.server, version, "-cipher", "ALL:@SECLEVEL=0") as port:
        why, hint = failure(port, Tls(ca=ours.ca))
    assert why == "has no version of TLS in common with us"
    assert hint.startswith("TLS 1.2 or 1.3 is needed")


def test_a_peer_without_a_cipher_suite_of_ours(ours: Authority, serve: Serve) -> None:
    context = restricted(server_context(*ours.server), TLS_1_2)
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    server = serve(context)
    why, hint = failure(server.port, Tls(ca=ours.ca))
    assert why == "refused the TLS handshake"
    assert hint.endswith("or share no cipher suite with us.")
    server.close()
    assert explain(server.errors[0], "h")[0] == "has no cipher suite in common with us"
    server = serve(context)
    _, hint = failure(server.port, Tls(ours.ca, *ours.client))
    assert hint.startswith("It may not trust our certificate, or share no cipher suite")


def test_a_peer_that_serves_other_names(ours: Authority) -> None:
    other = ("-cert2", str(ours.server.cert), "-key2", str(ours.server.key))
    strict = ("-servername", "pacs.example.org", "-servername_fatal", *other)
    with s_server(*ours.server, *strict) as port:
        why, _ = failure(port, Tls(ca=ours.ca))
    assert why == "knows no host of the name localhost"


@pytest.mark.parametrize(
    "answer",
    [
        bytes.fromhex("07000000000400000002"),  # A-ABORT
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
def test_a_peer_that_speaks_no_tls(serve: Serve, answer: bytes) -> None:
    why, hint = failure(serve(answer).port, Tls())
    assert why == "does not speak TLS at this port"
    assert hint.startswith("Does it speak TLS at this port? Without --tls there is none")


@pytest.mark.parametrize(
    "request_",
    [bytes.fromhex("010000000044") + bytes(68), b"GET / HTTP/1.1\r\n\r\n"],
    ids=["A-ASSOCIATE-RQ", "HTTP"],
)
def test_a_client_that_speaks_no_tls(ours: Authority, serve: Serve, request_: bytes) -> None:
    server = serve(server_context(*ours.server))
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        connection.sendall(request_)
        with suppress(ConnectionError):
            connection.recv(4096)
    server.close()
    assert explain(server.errors[0], "h")[0] == "does not speak TLS at this port"


def test_a_peer_that_closes(ours: Authority, serve: Serve) -> None:
    port = serve(b"").port
    why, hint = failure(port, Tls(ca=ours.ca))
    assert why == "closed the connection in the TLS handshake"
    assert hint.startswith("It may speak no TLS at this port, or want a certificate of ours")
    _, hint = failure(port, Tls(ours.ca, *ours.client))
    assert hint == "It may speak no TLS at this port; its log may tell."


def test_a_peer_that_resets() -> None:
    assert explain(ConnectionResetError(104, "x"), "h")[0].startswith("closed the connection in")


def test_a_peer_that_is_silent(serve: Serve) -> None:
    context = client_context(Tls())
    with (
        socket.create_connection(("127.0.0.1", serve(None).port), 0.2) as connection,
        pytest.raises(TimeoutError) as caught,
    ):
        context.wrap_socket(connection, server_hostname="localhost")
    assert explain(caught.value, "localhost")[0] == "no answer to the TLS handshake in time"


def test_what_nobody_foresaw_is_told_as_openssl_tells_it() -> None:
    error = ssl.SSLError(1, "[SSL: BAD_SIGNATURE] bad signature (_ssl.c:1006)")
    assert explain(error, "h") == ("TLS failed: bad signature", "")
    assert (
        explain(ValueError("Server_hostname is odd"), "h")[0]
        == "TLS failed: server_hostname is odd"
    )


def config_failure(tls: Tls) -> ConfigError:
    """Give the error that material of ours leads to."""
    with pytest.raises(ConfigError) as caught:
        client_context(tls)
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.CONFIG
    return caught.value


@pytest.mark.parametrize("part", ["ca", "cert", "key"])
def test_files_that_cannot_be_read(ours: Authority, tmp_path: Path, part: str) -> None:
    for path, why in (
        (tmp_path / "none.pem", "no such file or directory"),
        (tmp_path, "is a directory"),
        (tmp_path / "a\0b", "embedded null byte"),
    ):
        given = {"cert": ours.client.cert, part: path} if part == "key" else {part: path}
        error = config_failure(Tls(**given))
        assert (error.what, error.why) == (str(path), why)


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE REQUEST-----\n"])
def test_files_that_hold_something_else(ours: Authority, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.pem"
    path.write_bytes(content)
    cert = ours.client.cert
    for tls, what in (
        (Tls(ca=path), "certificate"),
        (Tls(cert=path), "certificate"),
        (Tls(cert=cert, key=path), "private key"),
    ):
        error = config_failure(tls)
        assert (error.what, error.why) == (str(path), f"holds no {what} in PEM")


def test_a_certificate_without_its_key(ours: Authority) -> None:
    error = config_failure(Tls(cert=ours.client.cert))
    assert (error.what, error.why) == (str(ours.client.cert), "holds no private key in PEM")
    assert "--tls-key" in error.hint


def test_key_and_certificate_the_wrong_way_round(ours: Authority) -> None:
    error = config_failure(Tls(cert=ours.client.key, key=ours.client.cert))
    assert (error.what, error.why) == (str(ours.client.key), "holds no certificate in PEM")


def test_files_in_der(ours: Authority) -> None:
    binary = der(ours.client.cert)
    for tls in (Tls(ca=binary), Tls(cert=binary, key=ours.client.key)):
        error = config_failure(tls)
        assert (error.what, error.why) == (str(binary), "holds no certificate in PEM")
        assert error.hint.startswith("It looks like DER or PKCS #12: convert it")


def test_a_key_of_another_certificate(ours: Authority, tmp_path: Path) -> None:
    rsa = tmp_path / "rsa.key"
    subprocess.run(
        [need("openssl"), "genrsa", "-out", rsa, "2048"], capture_output=True, check=True
    )
    for key in (ours.server.key, rsa):
        error = config_failure(Tls(cert=ours.client.cert, key=key))
        assert error.what == str(key)
        assert error.why == (
            f"holds a private key that is not that of the certificate in {ours.client.cert}"
        )


def test_damaged_files(ours: Authority, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for source, damaged in zip(ours.client, (cert, key), strict=True):
        lines = source.read_text().splitlines(keepends=True)
        damaged.write_text("".join(lines[:1] + lines[2:]))
    assert config_failure(Tls(ca=cert)).why.startswith("holds a damaged certificate (")
    error = config_failure(Tls(cert=cert, key=ours.client.key))
    assert error.what == str(cert)
    assert error.why.startswith("holds a damaged certificate, or ")
    error = config_failure(Tls(cert=ours.client.cert, key=key))
    assert f"or {key} a damaged key" in error.why


@pytest.mark.parametrize("old", [True, False])
def test_an_encrypted_key(ours: Authority, tmp_path: Path, *, old: bool) -> None:
    locked = encrypted(ours.client.key, old=old)
    error = config_failure(Tls(cert=ours.client.cert, key=locked))
    assert (error.what, error.why) == (str(locked), "holds an encrypted private key")
    one_file = tmp_path / "both.pem"
    one_file.write_bytes(ours.client.cert.read_bytes() + locked.read_bytes())
    assert config_failure(Tls(cert=one_file)).what == str(one_file)


NO_QUESTION = """
import fcntl, sys, termios
from pathlib import Path
from dcmtools.config import Tls
from dcmtools.errors import ConfigError
from dcmtools.net.tls import client_context, server_context

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
open("/dev/tty").close()
cert, key = map(Path, sys.argv[1:])
for make in (lambda: client_context(Tls(cert=cert, key=key)), lambda: server_context(cert, key)):
    try:
        make()
    except ConfigError as error:
        print(error.why)
"""


def test_no_pass_phrase_is_asked_for_on_the_terminal(ours: Authority) -> None:
    import pty  # noqa: PLC0415 - there are systems without

    terminal, side = pty.openpty()
    with open(terminal, "rb"), open(side, "rb") as stdin:  # noqa: PTH123 - descriptors
        ran = subprocess.run(
            [sys.executable, "-c", NO_QUESTION, ours.client.cert, encrypted(ours.client.key)],
            stdin=stdin,
            capture_output=True,
            check=False,
            start_new_session=True,
            text=True,
            timeout=SECONDS,
        )
    assert (ran.stderr, ran.stdout) == ("", "holds an encrypted private key\n" * 2)


def test_an_expired_certificate_of_ours_is_for_the_peer_to_judge(
    ours: Authority, serve: Serve
) -> None:
    server = serve(server_context(*ours.server))
    assert talk(server.port, Tls(ours.ca, *ours.expired)).received == b"welcome"


@pytest.mark.parametrize("part", ["cert", "key", "ca"])
def test_a_receiver_with_material_that_is_missing(
    ours: Authority, tmp_path: Path, part: str
) -> None:
    given = {"cert": ours.server.cert, "key": ours.server.key, part: tmp_path / "none"}
    with pytest.raises(ConfigError) as caught:
        server_context(**given)
    assert str(caught.value) == f"{tmp_path / 'none'}: no such file or directory"


@pytest.mark.interop
@pytest.mark.parametrize("mutual", [True, False])
def test_dcmtk_speaks_tls_with_us(ours: Authority, *, mutual: bool) -> None:
    context = server_context(*ours.server, ca=ours.ca if mutual else None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = ("+tls", ours.client.key, ours.client.cert) if mutual else ("+tla",)
        port = str(listener.getsockname()[1])
        command = [need("echoscu"), *own, "+cf", ours.ca, "localhost", port]
        with subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            listener.settimeout(SECONDS)
            connection, _ = listener.accept()
            connection.settimeout(SECONDS)
            with context.wrap_socket(connection, server_side=True) as secured:
                assert secured.recv(1) == b"\x01"  # an A-ASSOCIATE-RQ
                assert bool(secured.getpeercert()) is mutual
            process.wait(SECONDS)

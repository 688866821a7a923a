"""`storescp` over TLS: who gets an association, and what is said of those who do not."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from dcmtools.cli.main import app
from tests.certificates import Authority
from tests.cli.receiving import ct, files, receiving, storescu
from tests.factories import EXPLICIT, make_ct
from tests.net.hostile import associate, connected, last_word, status
from tests.net.wire import ABORT, CT, Instance, Proposed, request_pdu

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.certificates import Pair
    from tests.cli.receiving import Storescp

STORE = Proposed(1, CT, (EXPLICIT,))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give an authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("pki") / "strange", "Strange CA")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "in"


@pytest.fixture
def server(out: Path, pki: Authority) -> Iterator[Storescp]:
    """Have a server with a certificate."""
    own = "--tls-cert", pki.server.cert, "--tls-key", pki.server.key
    with receiving(out, *own) as running:
        yield running


@pytest.fixture
def strict(out: Path, pki: Authority) -> Iterator[Storescp]:
    """Have a server that wants certificates."""
    own = "--tls-cert", pki.server.cert, "--tls-key", pki.server.key, "--tls-ca", pki.ca
    with receiving(out, *own) as running:
        yield running


def echo(server: Storescp, *options: str | Path) -> tuple[int, str]:
    """Ask it by our own `echo`; give the exit code and what is said."""
    words = ["echo", f"127.0.0.1:{server.port}", *map(str, options)]
    ran = CliRunner().invoke(app, words)
    return ran.exit_code, ran.stderr


def secured(server: Storescp, ca: Path) -> ssl.SSLSocket:
    """Connect over TLS."""
    context = ssl.create_default_context(cafile=str(ca))
    sock = socket.create_connection(server.address, 10)
    return context.wrap_socket(sock, server_hostname="localhost")


def test_objects_come_as_they_are(server: Storescp, out: Path, pki: Authority) -> None:
    sent = [ct(f"1.{n}", n * 300_000) for n in range(3)]
    with secured(server, pki.ca) as sock:
        c = associate(sock, [STORE])
        assert [status(c.store(each)) for each in sent] == [0, 0, 0]
    assert [Instance.read(out / f"1.{n}.dcm") for n in range(3)] == sent
    assert server.stop() == 0


def test_a_key_in_the_same_file(out: Path, pki: Authority, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(pki.server.cert.read_bytes() + pki.server.key.read_bytes())
    with receiving(out, "--tls-cert", both) as server:
        assert echo(server, "--tls-ca", pki.ca) == (0, "")


@pytest.mark.interop
def test_dcmtk_sends_over_tls(
    server: Storescp, strict: Storescp, out: Path, pki: Authority, tmp_path: Path
) -> None:
    path = make_ct(tmp_path / "ct.dcm", SOPInstanceUID="1.2.3")
    anonymous = ["+tla", "+cf", pki.ca]
    named = ["+tls", pki.client.key, pki.client.cert, "+cf", pki.ca]
    assert storescu(server, path, options=anonymous).returncode == 0
    assert Instance.read(out / "1.2.3.dcm") == Instance.read(path)
    assert storescu(strict, path, options=named).returncode == 0
    strict.wait_for("duplicate")
    assert storescu(strict, path, options=anonymous).returncode != 0
    strict.wait_said("lost: ")
    assert files(out) == ["1.2.3.dcm"]


def test_who_has_a_certificate_is_let_in(strict: Storescp, pki: Authority) -> None:
    own = "--tls-cert", pki.client.cert, "--tls-key", pki.client.key
    assert echo(strict, "--tls-ca", pki.ca, *own) == (0, "")
    assert strict.wait_for("echo")


def test_who_has_none_is_not(strict: Storescp, pki: Authority) -> None:
    code, said = echo(strict, "--tls-ca", pki.ca)
    assert code == 6
    assert "wants a certificate of ours" in said
    lost = strict.wait_for("lost")
    assert lost["reason"] == "shows no certificate, and has to"
    assert strict.wait_said("connection from 127.0.0.1 lost: shows no certificate")


WRONG = {
    "strange": "its TLS certificate is signed by an authority that is not trusted here",
    "expired": "its TLS certificate has expired",
}
"""Certificates of peers, and what is told of them."""


@pytest.mark.parametrize("which", WRONG)
def test_who_has_a_wrong_one_is_not(
    which: str, strict: Storescp, pki: Authority, strange: Authority
) -> None:
    pair: Pair = strange.client if which == "strange" else pki.expired
    own = "--tls-cert", pair.cert, "--tls-key", pair.key
    assert echo(strict, "--tls-ca", pki.ca, *own)[0] == 6
    assert strict.wait_for("lost")["reason"] == WRONG[which]
    good = "--tls-cert", pki.client.cert, "--tls-key", pki.client.key
    assert echo(strict, "--tls-ca", pki.ca, *good) == (0, "")


def test_who_does_not_trust_us_is_told_of(server: Storescp, strange: Authority) -> None:
    assert echo(server, "--tls-ca", strange.ca)[0] == 6
    lost = server.wait_for("lost")
    assert lost["reason"] == "does not trust the authority that signed our certificate"


def test_who_speaks_no_tls_is_told_of(server: Storescp, pki: Authority) -> None:
    code, _ = echo(server, "--timeout", "5")
    assert code in (6, 7)
    lost = server.wait_for("lost")
    assert lost["reason"] == "does not speak TLS at this port"
    assert echo(server, "--tls-ca", pki.ca) == (0, "")


def test_who_speaks_tls_to_a_plain_port_is_told_of(out: Path, pki: Authority) -> None:
    with receiving(out) as server:
        assert echo(server, "--tls-ca", pki.ca)[0] == 6
        assert server.wait_for("lost")["reason"] == "answered in TLS, not in DICOM"
        assert server.send(ct()) == [0]


def test_old_versions_are_not_spoken(server: Storescp, pki: Authority) -> None:
    context = ssl.create_default_context(cafile=str(pki.ca))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with connected(server.address) as sock, pytest.raises(ssl.SSLError):
        context.wrap_socket(sock, server_hostname="localhost")
    assert server.wait_for("lost")["reason"] == "has no version of TLS in common with us"


def test_a_port_that_is_only_looked_at_is_worth_no_word(server: Storescp, pki: Authority) -> None:
    for sent in (b"", b"\x16\x03\x01"):
        with connected(server.address) as sock:
            sock.sendall(sent)
    assert echo(server, "--tls-ca", pki.ca) == (0, "")
    assert server.stop() == 0
    kinds = [each["event"] for each in server.events]
    assert kinds == ["listening", "association", "echo", "released"]


def test_silence_and_noise_keep_nobody_out(server: Storescp, pki: Authority) -> None:
    with connected(server.address), connected(server.address) as sock:
        sock.sendall(request_pdu("DCMTOOLS", "SCRIPTED", [STORE], 16384))
        assert last_word(sock) in (0, ABORT, 0x15)
        assert echo(server, "--tls-ca", pki.ca) == (0, "")
        assert server.stop() == 0


def test_what_is_under_way_at_the_end_is_finished(
    server: Storescp, out: Path, pki: Authority
) -> None:
    one = ct("1.1", 300_000)
    with secured(server, pki.ca) as sock:
        c = associate(sock, [STORE])
        rest = server.begin(c, one)
        server.process.terminate()
        c.send(rest)
        assert status(c.read_message()) == 0
        c.send(bytes.fromhex("05000000000400000000"))
        assert c.read_pdu()[0] == 6
    assert server.ended() == 0
    assert Instance.read(out / "1.1.dcm") == one

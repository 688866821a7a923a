"""Show TLS with real peers: what works, and what is said where it does not (PS3.15 B.12)."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dcmtools.cli.main import app
from tests.certificates import Authority
from tests.interop.objects import LATIN, Archive
from tests.interop.peers import (
    DcmqrscpPeer,
    OrthancPeer,
    StorescpPeer,
    Tls,
    TlsFront,
)

pytestmark = pytest.mark.interop


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give an authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("pki") / "other", "other")


def test_orthanc_answers_over_tls(orthanc_tls: OrthancPeer, authority: Authority) -> None:
    ran = run("echo", orthanc_tls.address, "--tls-ca", authority.ca)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"{orthanc_tls.address} ok ")


def test_orthanc_wants_a_certificate_of_ours_and_gets_it(
    orthanc_tls_verifying: OrthancPeer, authority: Authority
) -> None:
    address = orthanc_tls_verifying.address
    mine = "--tls-cert", authority.client.cert, "--tls-key", authority.client.key
    ran = run("echo", address, "--tls-ca", authority.ca, *mine)
    assert (ran.exit_code, ran.stderr) == (0, "")


def test_a_certificate_of_ours_that_is_missing_is_asked_for(
    orthanc_tls_verifying: OrthancPeer, authority: Authority
) -> None:
    ran = run("echo", orthanc_tls_verifying.address, "--tls-ca", authority.ca)
    assert ran.exit_code == 6
    assert "certificate" in ran.stderr
    assert "--tls-cert" in ran.stderr


def test_a_certificate_of_ours_that_nobody_trusts_is_refused(
    orthanc_tls_verifying: OrthancPeer, authority: Authority, other: Authority
) -> None:
    mine = "--tls-cert", other.client.cert, "--tls-key", other.client.key
    ran = run("echo", orthanc_tls_verifying.address, "--tls-ca", authority.ca, *mine)
    assert ran.exit_code == 6
    assert "our certificate" in ran.stderr


def test_an_authority_that_we_do_not_trust_is_refused(
    orthanc_tls: OrthancPeer, other: Authority
) -> None:
    ran = run("echo", orthanc_tls.address, "--tls-ca", other.ca)
    assert ran.exit_code == 6
    assert "authority that is not trusted" in ran.stderr
    assert str(other.ca) in ran.stderr


def test_it_can_go_unverified(orthanc_tls: OrthancPeer) -> None:
    assert run("echo", orthanc_tls.address, "--tls-insecure").exit_code == 0


def test_a_tls_port_without_tls(orthanc_tls: OrthancPeer) -> None:
    ran = run("echo", orthanc_tls.address, "--acse-timeout", "3")
    assert ran.exit_code in (6, 7)
    assert "--tls" in ran.stderr


def test_a_plain_port_with_tls(orthanc: OrthancPeer) -> None:
    ran = run("echo", orthanc.address, "--tls", "--timeout", "3")
    assert ran.exit_code == 6
    assert "TLS" in ran.stderr


@pytest.mark.parametrize("which", ["expired", "early", "elsewhere"])
def test_a_certificate_of_dcmtk_that_is_wrong(
    which: str, authority: Authority, tmp_path: Path
) -> None:
    pair = getattr(authority, which)
    with StorescpPeer(tmp_path / "scp", tls=Tls(pair, authority.ca)) as peer:
        ran = run("echo", peer.address, "--tls-ca", authority.ca)
    words = {
        "expired": "expired",
        "early": "not valid yet",
        "elsewhere": "is not for 127.0.0.1",
    }
    assert ran.exit_code == 6
    assert words[which] in ran.stderr, ran.stderr


def test_dcmtk_with_a_certificate_of_ours(authority: Authority, tmp_path: Path) -> None:
    mine = "--tls-cert", authority.client.cert, "--tls-key", authority.client.key
    with StorescpPeer(tmp_path / "scp", tls=Tls.of(authority, verify=True)) as peer:
        good = run("echo", peer.address, "--tls-ca", authority.ca, *mine)
        bad = run("echo", peer.address, "--tls-ca", authority.ca)
    assert good.exit_code == 0, good.stderr
    assert bad.exit_code == 6, bad.stderr


def test_a_query_and_its_objects_come_over_tls(
    dcmqrscp_tls: TlsFront,
    dcmqrscp: DcmqrscpPeer,
    archive: Archive,
    authority: Authority,
    tmp_path: Path,
) -> None:
    tls = "--tls-ca", authority.ca
    found = run("find", dcmqrscp_tls.address, "--accession", "ACC-1", "-f", "csv", *tls)
    assert found.exit_code == 0, found.stderr
    assert LATIN.uid in found.stdout
    got = run("get", dcmqrscp_tls.address, "--study", LATIN.uid, "-od", tmp_path, *tls)
    assert got.exit_code == 0, got.stderr
    assert {path.stem for path in tmp_path.iterdir()} == archive.of(LATIN).keys()
    assert dcmqrscp.files.keys() >= archive.of(LATIN).keys()


def test_material_of_ours_that_is_of_no_use_is_no_fault_of_the_peer(
    orthanc_tls: OrthancPeer, authority: Authority, other: Authority, tmp_path: Path
) -> None:
    (tmp_path / "no.pem").write_text("nothing\n")
    for words in (
        ("--tls-ca", tmp_path / "missing.pem"),
        ("--tls-ca", tmp_path / "no.pem"),
        ("--tls-cert", authority.client.cert, "--tls-key", other.client.key),
        ("--tls-cert", authority.client.cert),
    ):
        ran = run("echo", orthanc_tls.address, *words)
        assert ran.exit_code == 5, (words, ran.stderr)

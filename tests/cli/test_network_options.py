"""The options of the commands that connect: what they mean, and what outranks what."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from dcmtools.cli._completions import scripts
from dcmtools.cli._network import NetworkCommand, access, configured_peers, network_options
from dcmtools.cli.main import Program
from dcmtools.config import Peer, Tls
from dcmtools.net.access import Access
from dcmtools.net.identity import Identity

CONFIG = """
aet = "TOP"
timeout = 40
[peers.pacs]
host = "pacs.example.org"
port = 104
aet = "PACS"
calling_aet = "TABLE"
timeout = 50
user = "ann"
password_file = "ann.txt"
tls = { ca = "ca.pem", cert = "own.pem", key = "own.key", insecure = true }
[peers.plain]
host = "plain.example.org"
port = 104
[peers.token]
host = "token.example.org"
port = 104
jwt_file = "token.jwt"
"""


def program(found: list[Any], dimse_timeout: float | None) -> typer.Typer:
    """Make a program with a command that keeps what it knows of a peer."""
    app = typer.Typer(cls=Program, add_completion=False, rich_markup_mode=None)

    def meet(
        context: typer.Context, peer: Annotated[str, typer.Argument(metavar="PEER")] = ""
    ) -> None:
        """Meet a peer."""
        names = list(configured_peers(context))
        found.append(access(context, peer, dimse_timeout=dimse_timeout) if peer else names)

    app.command("meet", cls=NetworkCommand)(meet)
    app.callback()(lambda: None)
    return app


def run(*arguments: str | Path, dimse_timeout: float | None = 120.0) -> Access:
    """Run the command and give what it knows."""
    found: list[Access] = []
    ran = CliRunner().invoke(program(found, dimse_timeout), ["meet", *map(str, arguments)])
    assert ran.exit_code == 0, ran.output
    return found[0]


def fail(*arguments: str | Path) -> Result:
    """Run the command in vain."""
    ran = CliRunner().invoke(program([], None), ["meet", *map(str, arguments)])
    assert ran.exit_code != 0
    return ran


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a configuration, which is in use."""
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "ann.txt").write_text("table\n")
    (tmp_path / "token.jwt").write_text("a.b.c\n")
    monkeypatch.setenv("DCMTOOLS_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path


def test_without_options_and_configuration_the_command_decides() -> None:
    assert run("PACS@h:104") == Access(
        Peer("", "h", 104, "PACS"), "DCMTOOLS", 30.0, 30.0, 120.0, 131072, None
    )
    assert run("h:104", dimse_timeout=None).dimse_timeout is None


def test_the_names_of_dcmtk_mean_the_same() -> None:
    known = run("h:104", "-aet", "US", "-aec", "THEM", "-pdu", "16384")
    assert known == run("--aet", "US", "--called-aet", "THEM", "--max-pdu", "16384", "h:104")
    assert (known.calling_aet, known.peer.aet, known.max_pdu) == ("US", "THEM", 16384)


@pytest.mark.usefixtures("folder")
def test_our_title(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("h:104").calling_aet == "TOP"
    assert run("plain").calling_aet == "TOP"
    assert run("pacs").calling_aet == "TABLE"
    monkeypatch.setenv("DCMTOOLS_AET", "ENVIRON")
    assert run("pacs").calling_aet == "ENVIRON"
    assert run("pacs", "--aet", " OPTION ").calling_aet == "OPTION"


@pytest.mark.usefixtures("folder")
def test_the_title_of_the_peer() -> None:
    assert run("pacs").peer.aet == "PACS"
    assert run("plain").peer.aet == "ANY-SCP"
    for peer in ("pacs", "plain", "A@h:104", "h:104"):
        assert run(peer, "--called-aet", "OPTION").peer.aet == "OPTION"


def waits(*arguments: str, dimse_timeout: float | None = 120.0) -> tuple[float, float, Any]:
    """Run the command and give the seconds for the connection, ACSE and DIMSE."""
    known = run(*arguments, dimse_timeout=dimse_timeout)
    return known.connect_timeout, known.acse_timeout, known.dimse_timeout


def test_options_of_time() -> None:
    assert waits("h:1", "--timeout", "5") == (5, 5, 5)
    assert waits("h:1", "--acse-timeout", "6") == (30, 6, 120)
    assert waits("h:1", "--dimse-timeout", "7.5") == (30, 30, 7.5)
    assert waits("h:1", "--timeout", "5", "--acse-timeout", "6") == (5, 6, 5)
    assert waits("h:1", "--timeout", "5", "--dimse-timeout", "7") == (5, 5, 7)


@pytest.mark.usefixtures("folder")
def test_what_outranks_what_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits("h:1") == waits("plain") == (40, 40, 40)
    assert waits("pacs") == (50, 50, 50)
    monkeypatch.setenv("DCMTOOLS_TIMEOUT", "60")
    assert waits("h:1") == waits("pacs") == (60, 60, 60)
    assert waits("pacs", "--acse-timeout", "6") == (60, 6, 60)
    assert waits("pacs", "--timeout", "5") == (5, 5, 5)


@pytest.mark.usefixtures("folder")
def test_only_an_option_limits_what_the_command_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCMTOOLS_TIMEOUT", "60")
    assert waits("pacs", dimse_timeout=None) == (60, 60, None)
    assert waits("pacs", "--timeout", "5", dimse_timeout=None) == (5, 5, 5)
    assert waits("pacs", "--dimse-timeout", "5", dimse_timeout=None) == (60, 60, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--timeout", "0"], "'--timeout': must be a number of seconds above 0"),
        (["--timeout", "-1"], "'--timeout': must be a number of seconds above 0"),
        (["--timeout", "nan"], "'--timeout': must be a number of seconds above 0"),
        (["--acse-timeout", "0"], "'--acse-timeout': must be a number of seconds above 0"),
        (["--dimse-timeout", "3e6"], "'--dimse-timeout': must be a number of seconds above 0"),
        (["--timeout", "soon"], "'--timeout': 'soon' is not a valid"),
        (["--max-pdu", "0"], "'--max-pdu' / '-pdu': must be 4096 to 1048576 bytes, not 0"),
        (["-pdu", "4095"], "must be 4096 to 1048576 bytes, not 4095"),
        (["-pdu", "1048577"], "must be 4096 to 1048576 bytes, not 1048577"),
        (["--aet", "ABCDEFGHIJKLMNOPQ"], "'--aet' / '-aet': must have 1 to 16 characters"),
        (["-aec", "A\\B"], "'--called-aet' / '-aec': must be ASCII text"),
        (["--aet", ""], "must have 1 to 16 characters"),
        (["--user", ""], "'--user': must not be empty."),
        (["--tls-ca", ""], "'--tls-ca': must not be empty."),
        (["--tls-key", "own.key"], "--tls-key: goes with --tls-cert"),
        (["--password-file", "f"], "--password-file: goes with --user"),
        (["--user", "u", "--jwt-file", "f"], "--jwt-file: does not go with --user"),
        (["--check-identity"], "--check-identity: has no identity to check"),
    ],
)
def test_what_is_refused(options: list[str], message: str) -> None:
    ran = fail("h:104", *options)
    assert ran.exit_code == 2
    assert message in " ".join(ran.output.split())


def test_a_peer_that_is_none_is_a_wrong_argument() -> None:
    ran = fail("PACS@h")
    assert (ran.exit_code, ran.stderr.splitlines()[0]) == (2, "dcmtools meet: PACS@h: has no port")


def test_a_secret_that_cannot_be_read_is_a_wrong_configuration(tmp_path: Path) -> None:
    ran = fail("h:104", "--jwt-file", tmp_path / "none")
    assert ran.exit_code == 5
    assert f"{tmp_path / 'none'}: no such file or directory" in ran.stderr


def test_options_of_tls() -> None:
    assert run("h:104").peer.tls is None
    assert run("h:104", "--tls").peer.tls == Tls()
    assert run("h:104", "--tls-insecure").peer.tls == Tls(insecure=True)
    assert run("h:104", "--tls-ca", "ca.pem").peer.tls == Tls(ca=Path("ca.pem"))
    own = ("--tls-cert", "own.pem", "--tls-key", "own.key")
    assert run("h:104", *own).peer.tls == Tls(cert=Path("own.pem"), key=Path("own.key"))
    assert run("h:104", *own[:2]).peer.tls == Tls(cert=Path("own.pem"))


def test_options_of_tls_outrank_the_table_of_the_peer(folder: Path) -> None:
    own = Tls(folder / "ca.pem", folder / "own.pem", folder / "own.key", insecure=True)
    assert run("pacs").peer.tls == run("pacs", "--tls").peer.tls == own
    assert run("plain").peer.tls is None
    assert run("plain", "--tls").peer.tls == Tls()
    # Who names an authority wants it asked.
    other = replace(own, ca=Path("other.pem"), insecure=False)
    assert run("pacs", "--tls-ca", "other.pem").peer.tls == other
    assert run("pacs", "--tls-ca", "other.pem", "--tls-insecure").peer.tls == replace(
        other, insecure=True
    )
    # The key of another certificate is of no use.
    assert run("pacs", "--tls-cert", "both.pem").peer.tls == replace(
        own, cert=Path("both.pem"), key=None
    )
    assert run("pacs", "--tls-key", "new.key").peer.tls == replace(own, key=Path("new.key"))


def test_options_of_identity(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a.b\n")
    assert run("h:104", "--user", "bob").identity == Identity(1, b"bob")
    named = run("h:104", "--user", "bob", "--password-file", secret, "--check-identity")
    assert named.identity == Identity(2, b"bob", b"a.b", response=True)
    assert run("h:104", "--jwt-file", secret).identity == Identity(5, b"a.b")
    assert run("h:104", "--saml-file", secret).identity == Identity(4, b"a.b")
    assert run("h:104", "--kerberos-file", secret).identity == Identity(3, b"a.b\n")


def test_what_outranks_what_of_identities(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = folder / "option.txt"
    secret.write_text("option")
    assert run("plain").identity is None
    assert run("pacs").identity == Identity(2, b"ann", b"table")
    assert run("token").identity == Identity(5, b"a.b.c")
    assert run("token", "--check-identity").identity == Identity(5, b"a.b.c", response=True)
    # What is the password of one user is not that of another.
    assert run("pacs", "--user", "bob").identity == Identity(1, b"bob")
    assert run("pacs", "--user", "ann").identity == Identity(2, b"ann", b"table")
    assert run("pacs", "--password-file", secret).identity == Identity(2, b"ann", b"option")
    assert run("token", "--user", "bob").identity == Identity(1, b"bob")
    assert run("pacs", "--jwt-file", folder / "token.jwt").identity == Identity(5, b"a.b.c")

    monkeypatch.setenv("DCMTOOLS_PASSWORD", "environ")
    assert run("pacs").identity == Identity(2, b"ann", b"environ")
    assert run("pacs", "--user", "bob").identity == Identity(2, b"bob", b"environ")
    assert run("pacs", "--password-file", secret).identity == Identity(2, b"ann", b"option")
    assert run("token").identity == Identity(5, b"a.b.c")

    monkeypatch.setenv("DCMTOOLS_JWT", "e.n.v")
    assert run("pacs").identity == run("token").identity == Identity(5, b"e.n.v")
    assert run("plain").identity == Identity(5, b"e.n.v")
    assert run("pacs", "--user", "bob").identity == Identity(2, b"bob", b"environ")
    assert run("pacs", "--password-file", secret).identity == Identity(2, b"ann", b"option")
    assert run("pacs", "--saml-file", secret).identity == Identity(4, b"option")


@pytest.mark.usefixtures("folder")
def test_the_peers_of_the_configuration() -> None:
    found: list[Any] = []
    assert CliRunner().invoke(program(found, None), ["meet"]).exit_code == 0
    assert found == [["pacs", "plain", "token"]]


def test_a_configuration_with_a_mistake_is_told(folder: Path) -> None:
    (folder / "config.toml").write_text("zzz = 1")
    ran = fail("h:104")
    assert ran.exit_code == 5
    assert "unknown key 'zzz'" in ran.stderr


def test_the_help_names_them_before_what_all_commands_have() -> None:
    ran = CliRunner().invoke(program([], None), ["meet", "--help"])
    places = [ran.stdout.index(name) for name in ("--aet", "--check-identity", "--verbose")]
    assert places == sorted(places)


def test_what_shells_complete() -> None:
    app = typer.main.get_command(program([], None))
    rows = re.findall(
        r"^ +(meet:-.*)\) kind=(\w+) ;;$", scripts(app)["dcmtools.bash"], re.MULTILINE
    )
    kinds = {name[5:]: kind for names, kind in rows for name in names.split(" | ")}
    for option in network_options():
        kind = None if option.is_flag else "files" if option.metavar == "FILE" else "text"
        assert {kinds.get(name) for name in option.opts} == {kind}
    assert kinds["--tls-ca"] == kinds["--jwt-file"] == "files"
    assert kinds["-aet"] == kinds["--user"] == "text"

"""The configuration: where it is found, what it says, and what is wrong with it."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from dcmtools.config import Config, Peer, Tls, check_aet, config_path, load, peer_names
from dcmtools.errors import ConfigError, ExitCode

PEER = '[peers.pacs]\nhost = "pacs.example.org"\nport = 104\n'

Write = Callable[[str], dict[str, str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give the function that writes a configuration and returns the environment that names it."""

    def _write(text: str) -> dict[str, str]:
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return {"DCMTOOLS_CONFIG": str(path), "HOME": str(tmp_path / "home")}

    return _write


def test_the_file_that_the_variable_names_is_used(tmp_path: Path, write: Write) -> None:
    environ = write('aet = "ONE"')
    assert config_path(environ) == tmp_path / "my.toml"
    assert load(environ | {"XDG_CONFIG_HOME": "/elsewhere"}).aet == "ONE"


def test_the_variable_may_begin_with_a_tilde(write: Write, tmp_path: Path) -> None:
    write('aet = "ONE"')
    assert load({"DCMTOOLS_CONFIG": "~/my.toml", "HOME": str(tmp_path)}).aet == "ONE"


@pytest.mark.parametrize("function", [config_path, load])
def test_the_file_that_the_variable_names_must_exist(
    tmp_path: Path, function: Callable[[dict[str, str]], object]
) -> None:
    path = str(tmp_path / "none.toml")
    with pytest.raises(ConfigError) as caught:
        function({"DCMTOOLS_CONFIG": path})
    assert (caught.value.what, caught.value.why) == (path, "no such file or directory")
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.CONFIG


def test_the_default_places(tmp_path: Path) -> None:
    home, xdg = tmp_path / "home", tmp_path / "xdg"
    only_home = {"HOME": str(home)}
    assert config_path(only_home) == home / ".config/dcmtools/config.toml"
    assert config_path(only_home | {"XDG_CONFIG_HOME": str(xdg)}) == xdg / "dcmtools/config.toml"
    assert config_path(only_home | {"DCMTOOLS_CONFIG": ""}) == config_path(only_home)


@pytest.mark.parametrize("folder", ["", "relative/folder"])
def test_a_relative_folder_for_configurations_counts_as_none(folder: str) -> None:
    environ = {"HOME": "/home/ann", "XDG_CONFIG_HOME": folder}
    assert config_path(environ) == Path("/home/ann/.config/dcmtools/config.toml")


def test_the_default_place_on_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    environ = {"APPDATA": str(tmp_path), "XDG_CONFIG_HOME": "/no", "HOME": "/no"}
    assert config_path(environ) == tmp_path / "dcmtools/config.toml"


def test_a_default_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dcmtools" / "config.toml"
    path.parent.mkdir()
    path.write_text('aet = "DEFAULT_PLACE"')
    assert load({"XDG_CONFIG_HOME": str(tmp_path)}).aet == "DEFAULT_PLACE"


def test_without_a_file_the_built_in_values_hold(tmp_path: Path) -> None:
    config = load({"XDG_CONFIG_HOME": str(tmp_path)})
    assert config == Config(aet="DCMTOOLS", timeout=None, max_inflated=None, peers={})


def test_a_file_where_the_default_folder_would_be_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "dcmtools").write_text("")
    assert load({"XDG_CONFIG_HOME": str(tmp_path)}) == Config()


def test_an_empty_file_leaves_the_built_in_values(write: Write) -> None:
    assert load(write("")) == Config()


def test_every_value_of_a_file(write: Write, tmp_path: Path) -> None:
    config = load(
        write(
            """
            aet = "WORKSTATION1"
            timeout = 12.5
            max_inflated = 2_000_000
            [peers.pacs]
            host = "pacs.example.org"
            port = 2762
            aet = "PACS"
            calling_aet = "OTHER"
            timeout = 5
            tls = { ca = "~/pki/ca.pem", cert = "ws1.pem", key = "/pki/ws1.key", insecure = true }
            user = "ann"
            password_file = "~/pacs.txt"
            [peers.archive]
            host = "2001:db8::1"
            port = 104
            """
        )
    )
    home = tmp_path / "home"
    tls = Tls(home / "pki/ca.pem", tmp_path / "ws1.pem", Path("/pki/ws1.key"), insecure=True)
    pacs = Peer("pacs", "pacs.example.org", 2762, "PACS", 5.0, "OTHER", tls, "ann")
    pacs = replace(pacs, password_file=home / "pacs.txt")
    archive = Peer("archive", "2001:db8::1", 104, "ANY-SCP", None, None, None)
    peers = {"pacs": pacs, "archive": archive}
    assert config == Config("WORKSTATION1", 12.5, 2_000_000, peers)
    assert list(config.peers) == ["pacs", "archive"]


@pytest.mark.parametrize(
    ("value", "tls"),
    [
        ("true", Tls(ca=None, cert=None, key=None, insecure=False)),
        ("{}", Tls()),
        ("false", None),
        ("{ insecure = true }", Tls(insecure=True)),
    ],
)
def test_tls_without_material(write: Write, value: str, tls: Tls | None) -> None:
    assert load(write(f"{PEER}tls = {value}")).peers["pacs"].tls == tls


def test_tls_paths_stand_beside_a_file_named_relatively(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f'{PEER}tls = {{ ca = "pki/ca.pem" }}')
    monkeypatch.chdir(tmp_path)
    tls = load({"DCMTOOLS_CONFIG": "my.toml"}).peers["pacs"].tls
    assert tls == Tls(ca=tmp_path / "pki/ca.pem")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "a-b.c_d", "süd.example", "a."]
)
def test_hosts(write: Write, host: str) -> None:
    assert load(write(f'[peers.a]\nhost = "{host}"\nport = 1')).peers["a"].host == host


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ('atc = "X"', "unknown key 'atc'", "Did you mean 'aet'?"),
        ("AET = 'X'", "unknown key 'AET'", "Did you mean 'aet'?"),
        ("Timeout = 3", "unknown key 'Timeout'", "Did you mean 'timeout'?"),
        ("max-inflated = 3", "unknown key 'max-inflated'", "Did you mean 'max_inflated'?"),
        (f"{PEER}prot = 5", "unknown key 'peers.pacs.prot'", "Did you mean 'port'?"),
        (
            f"{PEER}tls = {{ sert = 'x' }}",
            "unknown key 'peers.pacs.tls.sert'",
            "Did you mean 'cert'?",
        ),
        ("zzz = 1", "unknown key 'zzz'", "Known are aet, timeout, max_inflated, peers."),
        ('"a\\u001b[2J" = 1', r"unknown key 'a\x1b[2J'", "Known are"),
    ],
)
def test_unknown_keys(write: Write, text: str, why: str, hint: str) -> None:
    environ = write(text)
    with pytest.raises(ConfigError) as caught:
        load(environ)
    assert caught.value.what == environ["DCMTOOLS_CONFIG"]
    assert caught.value.why == why
    assert caught.value.hint.startswith(hint)


def _peer(line: str) -> str:
    keys = {"host": 'host = "h"', "port": "port = 104"}
    key = line.partition(" ")[0]
    return "[peers.pacs]\n" + "\n".join({**keys, key: line}.values())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("aet = 5", "aet must be ASCII text without backslash or controls, not 5"),
        ('aet = ""', "aet must have 1 to 16 characters within its spaces, not 0"),
        ('timeout = "30"', "timeout must be a number of seconds above 0"),
        ("timeout = true", "timeout must be a number of seconds above 0"),
        ("timeout = 0", "timeout must be a number of seconds above 0"),
        ("timeout = -1.5", "timeout must be a number of seconds above 0"),
        ("timeout = nan", "timeout must be a number of seconds above 0"),
        ("timeout = inf", "timeout must be a number of seconds above 0"),
        ("timeout = 2147484", "timeout must be a number of seconds above 0, at most 2147483"),
        ("max_inflated = 0", "max_inflated must be a whole number of bytes above 0, not 0"),
        ("max_inflated = 1e9", "max_inflated must be a whole number of bytes above 0"),
        ("max_inflated = true", "max_inflated must be a whole number of bytes above 0, not True"),
        ("peers = 1", "peers must be a table of tables, not 1"),
        ('peers = "pacs"', "peers must be a table"),
        ("[[peers]]\nhost = 'x'", "peers must be a table"),
        ("[peers]\npacs = 'HOST:104'", "peers.pacs must be a table"),
        ("[peers.pacs]\nport = 104", "peers.pacs has no host"),
        ("[peers.pacs]\nhost = 'h'", "peers.pacs has no port"),
        ("[peers.pacs]", "peers.pacs has no host and no port"),
        (_peer("port = 0"), "peers.pacs.port must be a port from 1 to 65535, not 0"),
        (_peer("port = 65536"), "peers.pacs.port must be a port from 1 to 65535, not 65536"),
        (_peer("port = -1"), "peers.pacs.port must be a port from 1 to 65535, not -1"),
        (_peer("port = '104'"), "peers.pacs.port must be a port from 1 to 65535, not '104'"),
        (_peer("port = 104.0"), "peers.pacs.port must be a port from 1 to 65535, not 104.0"),
        (_peer("port = true"), "peers.pacs.port must be a port from 1 to 65535, not True"),
        (_peer("host = 5"), "peers.pacs.host must be a host or address alone, not 5"),
        (_peer("host = ''"), "peers.pacs.host must be a host or address alone, not ''"),
        (_peer("host = 'h:104'"), "peers.pacs.host must be a host or address alone"),
        (_peer("host = 'A@h'"), "peers.pacs.host must be a host or address alone"),
        (_peer("host = '[::1]'"), "peers.pacs.host must be a host or address alone"),
        (_peer("host = 'a b'"), "peers.pacs.host must be a host or address alone"),
        (_peer('host = "a\\u0000"'), "peers.pacs.host must be a host or address alone"),
        (_peer("aet = 'ABCDEFGHIJKLMNOPQ'"), "peers.pacs.aet must have 1 to 16 characters"),
        (_peer("calling_aet = 'A\\B'"), "peers.pacs.calling_aet must be ASCII text"),
        (_peer("timeout = 0"), "peers.pacs.timeout must be a number of seconds above 0"),
        (_peer("tls = 'yes'"), "peers.pacs.tls must be true, false or a table, not 'yes'"),
        (_peer("tls = 1"), "peers.pacs.tls must be true, false or a table, not 1"),
        (_peer("tls = {ca = 5}"), "peers.pacs.tls.ca must be a path in quotes, not 5"),
        (_peer("tls = {ca = ''}"), "peers.pacs.tls.ca must be a path in quotes, not ''"),
        (_peer("tls = {insecure = 1}"), "peers.pacs.tls.insecure must be true or false, not 1"),
        (_peer("tls = {key = 'k'}"), "peers.pacs.tls has a key without a cert"),
        (_peer("host = '.h'"), "peers.pacs.host must be a host or address alone"),
        (_peer("host = 'a..b'"), "peers.pacs.host must be a host or address alone"),
        (_peer(f"host = '{'a' * 64}.org'"), "peers.pacs.host must be a host or address alone"),
        (_peer("user = ''"), "peers.pacs.user must be a name in quotes, not ''"),
        (_peer("user = 5"), "peers.pacs.user must be a name in quotes, not 5"),
        (_peer("password_file = 'f'"), "peers.pacs has a password_file without a user"),
        (_peer("jwt_file = 5"), "peers.pacs.jwt_file must be a path in quotes, not 5"),
        (
            _peer("user = 'u'\njwt_file = 'f'"),
            "peers.pacs has both user and jwt_file, which are two identities",
        ),
        (
            _peer("saml_file = 'f'\nkerberos_file = 'f'"),
            "peers.pacs has both saml_file and kerberos_file, which are two identities",
        ),
        ("[peers.'A@b']", "peers.A@b must be a name of letters"),
        ("[peers.'h:104']", "peers.h:104 must be a name of letters"),
        ("[peers.-x]", "peers.-x must be a name of letters"),
        ("[peers.'']", "peers. must be a name of letters"),
        (f"timeout = 0x{'f' * 5000}", "timeout "),
    ],
)
def test_wrong_values(write: Write, text: str, why: str) -> None:
    environ = write(text)
    with pytest.raises(ConfigError) as caught:
        load(environ)
    assert caught.value.what == environ["DCMTOOLS_CONFIG"]
    assert caught.value.why.startswith(why)
    assert caught.value.hint


@pytest.mark.parametrize("port", [1, 65535])
def test_the_outermost_ports(write: Write, port: int) -> None:
    assert load(write(_peer(f"port = {port}"))).peers["pacs"].port == port


@pytest.mark.parametrize("key", ["jwt_file", "saml_file", "kerberos_file"])
def test_files_of_identities_stand_beside_the_configuration(
    write: Write, tmp_path: Path, key: str
) -> None:
    assert getattr(load(write(_peer(f"{key} = 'id'"))).peers["pacs"], key) == tmp_path / "id"
    peer = load(write(_peer(f"{key} = '~/id'"))).peers["pacs"]
    assert getattr(peer, key) == tmp_path / "home" / "id"


@pytest.mark.parametrize(
    ("peer", "label"),
    [
        (Peer("pacs", "h.example.org", 104, "PACS"), "PACS@h.example.org:104"),
        (Peer("", "10.0.0.5", 11112), "ANY-SCP@10.0.0.5:11112"),
        (Peer("", "::1", 104, "A B@C"), "A B@C@[::1]:104"),
    ],
)
def test_what_a_peer_is_called_in_messages(peer: Peer, label: str) -> None:
    assert peer.label == label


@pytest.mark.parametrize("name", ["pacs", "PACS-1", "a.b_c", "3"])
def test_names_of_peers(write: Write, name: str) -> None:
    environ = write(f"[peers.'{name}']\nhost = 'h'\nport = 1")
    assert load(environ).peers[name].name == name


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'aet = "X"\nport 5\n', "expected '=' after a key in a key/value pair (at line 2, col"),
        (b"timeout = \n", "invalid value (at line 1, column 11)"),
        (b"aet = 'A'\naet = 'B'", "cannot overwrite a value (at "),
        (b'aet = "\xff\xfe"', "'utf-8' codec can't decode byte 0xff in position 7"),
        ('aet = "X"'.encode("utf-16"), "'utf-8' codec can't decode byte"),
        (b"timeout = " + b"9" * 5000, "exceeds the limit"),
        (b"a = " + b"[" * 100_000, ""),
    ],
)
def test_what_is_no_toml(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load({"DCMTOOLS_CONFIG": str(path)})
    assert caught.value.what == str(path)
    assert caught.value.why.startswith(f"is not valid TOML: {words}")
    assert caught.value.hint


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_bytes(b'\xef\xbb\xbfaet = "X"\r\ntimeout = 3\r\n')
    config = load({"DCMTOOLS_CONFIG": str(path)})
    assert (config.aet, config.timeout) == ("X", 3)


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"DCMTOOLS_CONFIG": str(tmp_path)})
    assert (caught.value.what, caught.value.why) == (str(tmp_path), "is a directory")


@pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "DCMTOOLS_CONFIG"])
def test_a_file_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    path = tmp_path / "dcmtools" / "config.toml"
    path.parent.mkdir()
    path.write_text("")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    # root may read whatever the mode of the file says
    monkeypatch.setattr(Path, "read_bytes", refuse)
    named = {"XDG_CONFIG_HOME": tmp_path, "DCMTOOLS_CONFIG": path}[variable]
    with pytest.raises(ConfigError) as caught:
        load({variable: str(named)})
    assert (caught.value.what, caught.value.why) == (str(path), "permission denied")


def test_the_environment_outranks_the_file_and_its_peers(write: Write) -> None:
    text = f'aet = "FILE"\ntimeout = 1\nmax_inflated = 2\n{PEER}timeout = 3\ncalling_aet = "PEER"'
    plain = load(write(text))
    assert (plain.aet, plain.timeout, plain.max_inflated) == ("FILE", 1, 2)
    assert (plain.peers["pacs"].timeout, plain.peers["pacs"].calling_aet) == (3, "PEER")
    config = load(write(text) | {"DCMTOOLS_AET": "ENV"})
    assert (config.aet, config.timeout, config.max_inflated) == ("ENV", 1, 2)
    assert (config.peers["pacs"].timeout, config.peers["pacs"].calling_aet) == (3, None)
    config = load(write(text) | {"DCMTOOLS_TIMEOUT": "7.5", "DCMTOOLS_MAX_INFLATED": "99"})
    assert (config.aet, config.timeout, config.max_inflated) == ("FILE", 7.5, 99)
    assert (config.peers["pacs"].timeout, config.peers["pacs"].calling_aet) == (None, "PEER")
    assert config.peers["pacs"].aet == "ANY-SCP"


def test_an_empty_variable_counts_as_unset(write: Write) -> None:
    empty = {"DCMTOOLS_AET": "", "DCMTOOLS_TIMEOUT": "", "DCMTOOLS_MAX_INFLATED": ""}
    assert load(write('aet = "FILE"') | empty) == Config(aet="FILE")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("DCMTOOLS_AET", "   ", "must have 1 to 16 characters"),
        ("DCMTOOLS_AET", "ABCDEFGHIJKLMNOPQ", "must have 1 to 16 characters"),
        ("DCMTOOLS_TIMEOUT", "soon", "must be a number of seconds above 0"),
        ("DCMTOOLS_TIMEOUT", "0", "must be a number of seconds above 0"),
        ("DCMTOOLS_TIMEOUT", "nan", "must be a number of seconds above 0"),
        ("DCMTOOLS_TIMEOUT", "inf", "must be a number of seconds above 0"),
        ("DCMTOOLS_MAX_INFLATED", "1G", "must be a whole number of bytes above 0, not '1G'"),
        ("DCMTOOLS_MAX_INFLATED", "1.5", "must be a whole number of bytes above 0"),
        ("DCMTOOLS_MAX_INFLATED", "0", "must be a whole number of bytes above 0, not 0"),
        ("DCMTOOLS_MAX_INFLATED", "9" * 5000, "must be a whole number of bytes above 0"),
    ],
)
def test_wrong_variables(write: Write, name: str, value: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write("") | {name: value})
    assert caught.value.what == name
    assert caught.value.why.startswith(why)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "title"),
    [("A", "A"), ("ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNOP"), ("  MY PACS ", "MY PACS"), ("~!", "~!")],
)
def test_ae_titles(text: str, title: str) -> None:
    assert check_aet(text) == title


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must have 1 to 16 characters within its spaces, not 0"),
        ("    ", "must have 1 to 16 characters within its spaces, not 0"),
        ("ABCDEFGHIJKLMNOPQ", "must have 1 to 16 characters within its spaces, not 17"),
        ("A\\B", "must be ASCII text without backslash or controls, not 'A"),
        ("A\tB", "must be ASCII text without backslash or controls, not 'A"),
        ("AB\n", "must be ASCII text without backslash or controls, not 'A"),
        ("A\x7f", "must be ASCII text without backslash or controls, not 'A"),
        ("ÄRZTE", "must be ASCII text without backslash or controls, not 'Ä"),
    ],
)
def test_wrong_ae_titles(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        check_aet(text)
    assert str(caught.value).startswith(why)


def test_names_of_peers_for_completion(write: Write) -> None:
    assert peer_names(write(f"{PEER}[peers.archive]\nhost = 'h'\nport = 1")) == ["pacs", "archive"]
    assert peer_names(write("")) == []


@pytest.mark.parametrize(
    "environ",
    [
        {"DCMTOOLS_CONFIG": "/no/such/file"},
        {"DCMTOOLS_CONFIG": os.sep},
        {"DCMTOOLS_CONFIG": "a\0b"},
    ],
)
def test_completion_never_raises(environ: dict[str, str]) -> None:
    assert peer_names(environ) == []


def test_completion_keeps_silent_about_a_damaged_file(write: Write) -> None:
    assert peer_names(write("[peers")) == []
    assert peer_names(write(f"{PEER}prot = 5")) == []


def test_settings_are_frozen() -> None:
    for setting in (Config(), Peer("a", "h", 1), Tls()):
        assert not hasattr(setting, "__dict__")
    with pytest.raises(FrozenInstanceError):
        Config().aet = "X"  # type: ignore[misc]


def test_importing_it_loads_no_parser() -> None:
    code = "import sys, dcmtools.config; print({'tomllib', 'difflib', 'ssl'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"

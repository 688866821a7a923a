"""Show the command ``peers`` as its users meet it: the list, and what the check says."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
from typer.testing import CliRunner

from dcmtools.cli.main import COMMANDS, app
from dcmtools.config import load
from tests.cli.test_echo import MS, Ran, many, on_terminal
from tests.net.scripted import Scripted, refused
from tests.net.steps import accept, answer, echo_server, hang, reject
from tests.test_startup import HEAVY, loaded

CONFIG = """
aet = "WORKSTATION"
[peers.pacs]
host = "pacs.example.org"
port = 104
aet = "MY PACS"
[peers.v6]
host = "2001:db8::1"
port = 11112
calling_aet = "OTHER"
tls = { insecure = true }
user = "ann"
password_file = "no-such-file"
"""
PLAIN = "name", "aet", "address", "tls", "calling_aet"


def peers(*arguments: str) -> Ran:
    """Run the command."""
    ran = CliRunner().invoke(app, ["peers", *arguments])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exc_info
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def rows(ran: Ran) -> list[list[str]]:
    """Read a table of values that tabs separate."""
    return list(csv.reader(ran.out.splitlines(), delimiter="\t"))


Configure = Callable[[str], Path]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Give the function that writes a configuration and has it used."""

    def write(text: str) -> Path:
        file = tmp_path / "config.toml"
        file.write_text(text)
        monkeypatch.setenv("DCMTOOLS_CONFIG", str(file))
        return file

    return write


def table(**addresses: str) -> str:
    """Write the tables of peers of a configuration."""
    lines = []
    for name, address in addresses.items():
        aet, _, rest = address.rpartition("@")
        host, _, port = rest.rpartition(":")
        lines += [f"[peers.{name}]", f'host = "{host.strip("[]")}"', f"port = {port}"]
        lines += [f'aet = "{aet}"']
    return "\n".join(lines) + "\n"


# The list


def test_the_list(configure: Configure) -> None:
    configure(CONFIG)
    ran = peers()
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "name\taet\taddress\ttls\tcalling_aet\n"
        "pacs\tMY PACS\tpacs.example.org:104\tno\tWORKSTATION\n"
        "v6\tANY-SCP\t[2001:db8::1]:11112\tyes\tOTHER\n"
    )
    assert peers("-f", "tsv") == ran


def test_the_list_as_json(configure: Configure) -> None:
    configure(CONFIG)
    ran = peers("-f", "json")
    assert ran.code == 0
    assert json.loads(ran.out) == [
        {
            "name": "pacs",
            "aet": "MY PACS",
            "host": "pacs.example.org",
            "port": 104,
            "tls": False,
            "calling_aet": "WORKSTATION",
        },
        {
            "name": "v6",
            "aet": "ANY-SCP",
            "host": "2001:db8::1",
            "port": 11112,
            "tls": True,
            "calling_aet": "OTHER",
        },
    ]


def test_options_and_environment_count_in_the_list(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(CONFIG)
    found = rows(peers("--aet", "ME", "--tls"))[1:]
    assert [row[3:] for row in found] == [["yes", "ME"], ["yes", "ME"]]
    monkeypatch.setenv("DCMTOOLS_AET", "ENVIRON")
    assert [row[4] for row in rows(peers())[1:]] == ["ENVIRON", "ENVIRON"]


def test_the_list_as_a_table(configure: Configure) -> None:
    configure(CONFIG)
    head, _, *found = peers("-f", "table").out.splitlines()
    assert re.split(" {2,}", head) == ["Name", "AE title", "Address", "TLS", "Calling AE title"]
    assert [re.split(" {2,}", line) for line in found] == [
        ["pacs", "MY PACS", "pacs.example.org:104", "no", "WORKSTATION"],
        ["v6", "ANY-SCP", "[2001:db8::1]:11112", "yes", "OTHER"],
    ]


# No peers


def test_no_peers_are_no_failure_but_a_word_of_help(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    ran = peers()
    assert (ran.code, ran.out) == (0, "\t".join(PLAIN) + "\n")
    file = tmp_path / "dcmtools" / "config.toml"
    said, hint = ran.err.splitlines()
    assert said == f"dcmtools peers: no peers are configured in {file}"
    start = "dcmtools peers: hint: Write there a line such as "
    assert hint.startswith(start)
    # What it says is right.
    file = configure(hint.removeprefix(start))
    (found,) = load({"DCMTOOLS_CONFIG": str(file)}).peers.values()
    assert found.label == "PACS@pacs.example.org:104"


def test_no_peers_in_other_formats(configure: Configure) -> None:
    configure('aet = "X"')
    assert peers("-f", "json").out == "[]\n"
    assert peers("-f", "table").out == ""
    assert peers("-q").err == ""


def test_to_check_none_is_a_failure(configure: Configure) -> None:
    """What watches over peers must not be content because there are none."""
    file = configure("")
    ran = peers("--check", "-f", "json")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err.splitlines()[0] == f"dcmtools peers: {file}: names no peers"


def test_a_configuration_that_is_wrong(configure: Configure) -> None:
    configure("[peers.pacs]\nport = 104")
    for arguments in ((), ("--check",)):
        ran = peers(*arguments)
        assert (ran.code, ran.out) == (5, "")
        assert "peers.pacs has no host" in ran.err


# The check


@pytest.fixture
def three(configure: Configure) -> Iterator[list[str]]:
    """Configure a peer that answers, one that does not, and one that fails."""
    with many(echo_server(), [accept(), answer(0x0110)]) as (good, bad), refused() as down:
        configure(table(good=good.address, down=down, bad=bad.address))
        yield [good.address, down, bad.address]


def test_a_check(three: list[str]) -> None:
    ran = peers("--check")
    head, *found = rows(ran)
    assert head == [*PLAIN, "state", "seconds", "reason"]
    assert [row[0] for row in found] == ["good", "down", "bad"]
    assert [f"{row[1]}@{row[2]}" for row in found] == three
    assert [row[5] for row in found] == ["ok", "failed", "failed"]
    assert 0 < float(found[0][6]) < 10
    assert [row[6] for row in found[1:]] == ["", ""]
    assert [row[7] for row in found] == [
        "",
        "connection refused",
        "answered 0110H, processing failure",
    ]
    assert ran.code == 9
    assert re.fullmatch(r"dcmtools peers: 1 ok, 2 failed in \d+\.\d s\n", ran.err)


@pytest.mark.usefixtures("three")
def test_a_check_as_json() -> None:
    good, down, bad = json.loads(peers("--check", "-f", "json").out)
    assert good["state"] == "ok"
    assert good["seconds"] > 0
    assert good["implementation"] == "SCRIPTED"
    assert (down["state"], down["reason"]) == ("failed", "connection refused")
    assert (down["exit_code"], bad["exit_code"]) == (6, 8)
    assert "seconds" not in down
    assert down["hint"].startswith("Nothing listens on port")


@pytest.mark.usefixtures("three")
def test_a_check_on_a_terminal() -> None:
    code, shown = on_terminal("--check", command="peers", columns=200)
    assert code == 9
    assert "AE title" in shown[0]
    assert re.search(rf"good .*\x1b\[32mok\x1b\[0m +{MS}$", shown[2])
    assert re.search(r"down .*\x1b\[1;31mfailed\x1b\[0m +connection refused$", shown[3])


@pytest.mark.usefixtures("three")
def test_the_list_on_a_terminal() -> None:
    code, shown = on_terminal("--color", "never", command="peers")
    assert (code, len(shown)) == (0, 5)
    assert shown[0].split()[0] == "Name"


def test_a_check_of_peers_that_all_answer(configure: Configure) -> None:
    with many(echo_server(), echo_server()) as (one, two):
        configure('aet = "US"\n' + table(one=one.address, two=two.address))
        ran = peers("--check")
        assert ran.code == 0
        assert re.fullmatch(r"dcmtools peers: 2 ok in \d+\.\d s\n", ran.err)
        assert {each.requests[0].pdu.calling_ae_title for each in (one, two)} == {"US"}


def test_where_all_fail_alike_the_code_is_theirs(configure: Configure) -> None:
    with many(reject(1, 1, 3), reject(1, 1, 7)) as (one, two):
        configure(table(one=one.address, two=two.address))
        assert peers("--check").code == 7


def test_peers_are_checked_at_the_same_time(configure: Configure) -> None:
    with many(*[[hang()]] * 8) as silent:
        named = {f"p{number}": peer.address for number, peer in enumerate(silent)}
        configure(table(**named))
        before = monotonic()
        ran = peers("--check", "--timeout", "1")
        assert monotonic() - before < 5
    assert ran.code == 6
    assert [row[0] for row in rows(ran)[1:]] == list(named)


def test_a_secret_that_is_missing_fails_its_peer_alone(configure: Configure) -> None:
    with Scripted(echo_server()) as peer:
        file = configure(
            table(bad=peer.address) + 'user = "ann"\npassword_file = "none"\n'
            + table(good=peer.address)
        )  # fmt: skip
        ran = peers("--check")
        assert len(peer.requests) == 1
    assert [row[5] for row in rows(ran)[1:]] == ["failed", "ok"]
    assert rows(ran)[1][7] == f"{file.parent / 'none'}: no such file or directory"
    assert ran.code == 9


def test_ipv6(configure: Configure) -> None:
    with Scripted(echo_server(), host="::1") as peer:
        configure(table(six=peer.address))
        (found,) = rows(peers("--check"))[1:]
    assert found[2:6] == [f"[::1]:{peer.port}", "no", "DCMTOOLS", "ok"]


def test_what_a_peer_says_stays_in_its_cell(configure: Configure) -> None:
    script = [accept(), answer(0x0110, ErrorComment="\x1b[2J\t\nx")]
    with Scripted(script) as peer:
        configure(table(bad=peer.address))
        ran = peers("--check")
    assert len(ran.out.splitlines()) == 2
    assert len(rows(ran)[1]) == 8
    assert "\x1b" not in ran.out


def test_a_warning_is_ok_and_a_message(configure: Configure) -> None:
    with Scripted([accept(), answer(0x0107)]) as peer:
        configure(table(odd=peer.address))
        ran = peers("--check")
    assert (ran.code, rows(ran)[1][5]) == (0, "ok")
    assert f"{peer.address}: warning: answered 0107H" in ran.err


# The program


def test_the_list_loads_no_libraries(configure: Configure) -> None:
    configure(CONFIG)
    assert loaded("peers") & (HEAVY | {"rich"}) == set()
    assert loaded("peers", "--help") & (HEAVY | {"rich"}) == set()


def test_a_check_into_a_pipe_loads_no_rich(configure: Configure) -> None:
    with Scripted(echo_server()) as peer:
        configure(table(pacs=peer.address))
        assert loaded("peers", "--check") & {"rich", "numpy"} == set()


def test_the_help_starts_as_the_list_of_commands_says() -> None:
    assert COMMANDS["peers"] in peers("--help").out

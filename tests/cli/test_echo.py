"""Show the command ``echo`` as its users meet it: lines, JSON, tables, messages, exit codes."""

import errno
import json
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from dcmtools.cli.main import COMMANDS, app
from dcmtools.net.echo import VERIFICATION
from tests.certificates import Authority
from tests.factories import EXPLICIT, IMPLICIT, JPEG
from tests.interop.peers import StorescpPeer
from tests.net.scripted import PATIENCE, Connection, Script, Scripted, refused
from tests.net.steps import (
    accept,
    answer,
    close,
    echo_server,
    hang,
    reject,
    wait_for,
    wait_request,
)
from tests.net.test_probe import offering
from tests.net.wire import CT, item
from tests.test_startup import HEAVY, loaded

MS = r"\d+\.\d+ ms"
TRIPS = r"min/avg/max/mdev = \d+\.\d{3}/\d+\.\d{3}/\d+\.\d{3}/\d+\.\d{3} ms"


class Ran(NamedTuple):
    """What a run of the command came to."""

    code: int
    out: str
    err: str


def echo(*arguments: str | Path) -> Ran:
    """Run the command."""
    ran = CliRunner().invoke(app, ["echo", *map(str, arguments)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exc_info
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def records(ran: Ran) -> list[dict[str, object]]:
    """Read what was printed as JSON, an object a line."""
    return [json.loads(line) for line in ran.out.splitlines()]


def config(folder: Path, **peers: str) -> dict[str, str]:
    """Write a configuration, and give the environment that names it."""
    lines = []
    for name, address in peers.items():
        aet, _, rest = address.rpartition("@")
        host, _, port = rest.rpartition(":")
        lines += [f"[peers.{name}]", f'host = "{host}"', f"port = {port}", f'aet = "{aet}"']
    file = folder / "config.toml"
    file.write_text("\n".join(lines))
    return {"DCMTOOLS_CONFIG": str(file)}


@contextmanager
def many(*scripts: Script) -> Iterator[list[Scripted]]:
    """Start peers."""
    with ExitStack() as stack:
        yield [stack.enter_context(Scripted(script)) for script in scripts]


# One peer


def test_one_line_for_a_peer_that_answers() -> None:
    with Scripted(echo_server(), aet="PACS") as peer:
        ran = echo(peer.address)
        assert peer.endings[:1] == ["release"]
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(rf"PACS@127\.0\.0\.1:{peer.port} ok {MS}\n", ran.out)


def test_json_is_one_object() -> None:
    with Scripted(echo_server()) as peer:
        ran = echo(peer.address, "-f", "json")
    (record,) = records(ran)
    assert record.pop("seconds") > record.pop("association_seconds") > 0  # type: ignore[operator]
    assert record == {
        "peer": peer.address,
        "state": "ok",
        "number": 1,
        "status": "0000",
        "implementation": "SCRIPTED",
    }


@pytest.mark.parametrize("shape", ["text", "json"])
def test_the_failure_of_one_is_an_error(shape: str) -> None:
    with Scripted(reject(1, 1, 7)) as peer:
        ran = echo(peer.address, "-f", shape)
    assert (ran.code, ran.out) == (7, "")
    why = "rejected the association: called AE title not recognized"
    said = ran.err.splitlines()
    assert said[0].startswith(f"dcmtools echo: {peer.address}: {why}")
    assert said[1] == (
        "dcmtools echo: hint: It is not called SCRIPTED: give its AE title as AET@HOST:PORT."
    )


def test_what_is_said_of_a_peer_that_refuses_connections() -> None:
    with refused() as address:
        ran = echo(address)
    assert (ran.code, ran.out) == (6, "")
    assert f"{address}: connection refused" in ran.err


def test_a_peer_without_verification_says_so() -> None:
    with Scripted([accept(refuse=3)]) as peer:
        ran = echo(peer.address)
    assert (ran.code, ran.out) == (7, "")
    assert "Verification: abstract syntax not supported" in ran.err
    assert "echo --probe" in ran.err


def test_a_warning_is_ok_and_a_message() -> None:
    comment = b"\x1b[2Jtired\n[/x]"
    with Scripted([accept(), answer(0x0116, ErrorComment=comment)]) as peer:
        ran = echo(peer.address, "-f", "json")
    assert ran.code == 0
    assert [(each["state"], each["status"]) for each in records(ran)] == [("ok", "0116")]
    assert ran.err.startswith(f"dcmtools echo: {peer.address}: warning: answered 0116H")
    assert r"\x1b[2Jtired" in ran.err
    assert "\x1b" not in ran.err
    assert ran.err.count("\n") == 1


def test_a_failure_status() -> None:
    with Scripted([accept(), answer(0x0122, ErrorComment=b"\x1b[2J\x9bno")]) as peer:
        ran = echo(peer.address)
    assert (ran.code, ran.out) == (8, "")
    assert "0122H, refused: SOP class not supported" in ran.err
    assert not set("\x1b\x9b") & set(ran.err)


def test_titles_and_times_of_the_options() -> None:
    with Scripted(echo_server()) as peer:
        assert echo(f"127.0.0.1:{peer.port}", "-aet", "ME", "-aec", "THEM").code == 0
        (request,) = peer.requests
        assert (request.pdu.calling_ae_title, request.pdu.called_ae_title) == ("ME", "THEM")
    with Scripted([accept(), hang()]) as peer:
        ran = echo(peer.address, "--timeout", "0.2")
    assert ran.code == 6
    assert "0.2 s" in ran.err


def test_ipv6() -> None:
    with Scripted(echo_server(), host="::1") as peer:
        assert echo(peer.address).out.startswith(f"SCRIPTED@[::1]:{peer.port} ok ")


def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server)
    with Scripted(echo_server(), tls=context) as peer:
        trusted = echo(f"localhost:{peer.port}", "--tls-ca", authority.ca)
        unknown = echo(f"localhost:{peer.port}", "--tls", "--wait", "60")
        plain = echo(f"localhost:{peer.port}", "--timeout", "5")
        none = echo(f"localhost:{peer.port}", "--tls-ca", tmp_path / "none")
    assert (trusted.code, trusted.err) == (0, "")
    assert re.fullmatch(rf"ANY-SCP@localhost:{peer.port} ok {MS}\n", trusted.out)
    assert (unknown.code, unknown.out) == (6, "")
    assert "certificate" in unknown.err
    assert "trying again" not in unknown.err
    assert plain.code in (6, 7)
    assert "--tls" in plain.err
    assert (none.code, none.out) == (5, "")


def test_a_name_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted(echo_server()) as peer:
        for name, value in config(tmp_path, pacs=peer.address).items():
            monkeypatch.setenv(name, value)
        assert echo("pacs").out.startswith(f"{peer.address} ok ")
        assert "Did you mean 'pacs'?" in echo("pacz").err


def test_an_implementation_name_can_do_no_harm() -> None:
    script = [accept(items=item(0x55, b"\x1b]0;x\x07[/b]\n")), answer()]
    with Scripted(script) as peer:
        ran = echo(peer.address, "-v")
        assert ran.code == 0
        for text in (ran.out, ran.err, echo(peer.address, "-f", "json").out):
            assert text.isascii()
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert ran.err.count("\n") == 1


# Many echoes


def test_repeated_echoes_have_numbers_and_statistics() -> None:
    with Scripted(echo_server()) as peer:
        ran = echo(peer.address, "--repeat", "3")
        assert len(peer.requests) == 1
    *lines, last = ran.out.splitlines()
    assert (ran.code, ran.err, len(lines)) == (0, "", 3)
    for number, line in enumerate(lines, 1):
        assert re.fullmatch(rf"{re.escape(peer.address)} ok {MS} {number}/3", line)
    answered = rf"{re.escape(peer.address)} 3/3 answered, association {MS}, {TRIPS}"
    assert re.fullmatch(answered, last)


def test_statistics_are_those_of_the_lines() -> None:
    with Scripted(echo_server()) as peer:
        *echoes, summary = records(echo(peer.address, "--repeat", "5", "-f", "json"))
    assert [each["number"] for each in echoes] == [1, 2, 3, 4, 5]
    trips = [each["seconds"] - each["association_seconds"] for each in echoes]  # type: ignore[operator]
    assert list(summary) == [
        "peer",
        "echoes",
        "association_seconds",
        "minimum_seconds",
        "average_seconds",
        "maximum_seconds",
        "deviation_seconds",
    ]
    assert (summary["peer"], summary["echoes"]) == (peer.address, 5)
    assert summary["association_seconds"] == echoes[0]["association_seconds"]
    assert summary["minimum_seconds"] == pytest.approx(min(trips), abs=2e-6)
    assert summary["maximum_seconds"] == pytest.approx(max(trips), abs=2e-6)
    assert summary["average_seconds"] == pytest.approx(sum(trips) / 5, abs=2e-6)


def test_a_failure_amid_many_leaves_the_statistics() -> None:
    script = [accept(), *[wait_request(), answer()] * 2, wait_request(), close()]
    with Scripted(script) as peer:
        ran = echo(peer.address, "--repeat", "9")
    assert ran.code == 7
    assert [line.split()[-1] for line in ran.out.splitlines()[:2]] == ["1/9", "2/9"]
    assert re.search(rf"2/9 answered, association {MS}, {TRIPS}\n$", ran.out)
    assert "closed the connection amid the association" in ran.err


def test_a_failure_of_the_first_leaves_none() -> None:
    with Scripted([accept(), wait_request(), close()]) as peer:
        assert echo(peer.address, "--repeat", "9").out == ""


def test_a_thousand_echoes_take_no_time_to_speak_of() -> None:
    with Scripted(echo_server()) as peer:
        ran = echo(peer.address, "--repeat", "1000", "-f", "json")
        assert len(peer.requests) == 1
    assert records(ran)[-1]["echoes"] == 1000
    assert records(ran)[-1]["average_seconds"] < 0.01  # type: ignore[operator]


# Many peers


def test_many_peers_are_lines_in_their_order_and_a_summary() -> None:
    gate = threading.Event()
    slow = [wait_for(gate), *echo_server()]
    with many(slow, reject(2, 3, 1), echo_server()) as peers:
        watcher = threading.Thread(
            target=lambda: (peers[2].wait(lambda it: it.endings), gate.set())
        )
        watcher.start()
        ran = echo(*(peer.address for peer in peers))
        watcher.join(PATIENCE)
    first, second, third = ran.out.splitlines()
    assert re.fullmatch(rf"{re.escape(peers[0].address)} ok {MS}", first)
    why = "rejected the association: temporary congestion (transient, by its service provider"
    assert second.startswith(f"{peers[1].address} failed: {why}")
    assert re.fullmatch(rf"{re.escape(peers[2].address)} ok {MS}", third)
    assert ran.code == 9
    assert re.fullmatch(r"dcmtools echo: 2 ok, 1 failed in \d+\.\d s\n", ran.err)


def test_many_peers_that_all_answer() -> None:
    with many(*[echo_server()] * 20) as peers:
        ran = echo(*(peer.address for peer in peers))
    assert ran.code == 0
    assert [line.split(" ")[0] for line in ran.out.splitlines()] == [p.address for p in peers]
    assert re.fullmatch(r"dcmtools echo: 20 ok in \d+\.\d s\n", ran.err)


def test_where_all_fail_alike_the_code_is_theirs() -> None:
    with refused() as one, refused() as other:
        ran = echo(one, other)
        assert ran.code == 6
        assert re.fullmatch(r"dcmtools echo: 0 ok, 2 failed in \d+\.\d s\n", ran.err)
        with Scripted(reject()) as peer:
            assert echo(one, peer.address).code == 9


def test_the_hints_of_many_are_for_who_asks() -> None:
    with refused() as one, refused() as other:
        assert "hint" not in echo(one, other).err
        assert echo(one, other, "-v").err.count("hint: Nothing listens") == 2
        assert echo(one, other, "-q").err == ""


def test_many_peers_as_json() -> None:
    with many(echo_server(), [accept(), answer(0xA700)]) as peers:
        ran = echo(*(peer.address for peer in peers), "-f", "json")
    good, bad = records(ran)
    assert (good["peer"], good["state"]) == (peers[0].address, "ok")
    assert bad == {
        "peer": peers[1].address,
        "state": "failed",
        "reason": "answered A700H, refused: out of resources",
        "hint": bad["hint"],
        "exit_code": 8,
    }
    assert bad["hint"]
    assert ran.code == 9


def test_many_echoes_to_many_peers() -> None:
    half = [accept(), wait_request(), answer(), wait_request(), close()]
    with many(half, echo_server()) as peers:
        addresses = [peer.address for peer in peers]
        ran = echo(*addresses, "--repeat", "2")
        found = records(echo(*addresses, "--repeat", "2", "-f", "json"))
    lines = [line.removeprefix(address) for line, address in zip(
        ran.out.splitlines(), [addresses[0]] * 3 + [addresses[1]] * 3, strict=True
    )]  # fmt: skip
    assert [re.sub(r"[\d./]+ ms|[/\d.]+ ms$", "T", line) for line in lines] == [
        " ok T 1/2",
        " failed: closed the connection amid the association",
        " 1/2 answered, association T, min/avg/max/mdev = T",
        " ok T 1/2",
        " ok T 2/2",
        " 2/2 answered, association T, min/avg/max/mdev = T",
    ]
    assert ran.code == 9
    assert [(each.get("state"), each.get("echoes")) for each in found] == [
        ("ok", None),
        ("failed", None),
        (None, 1),
        ("ok", None),
        ("ok", None),
        (None, 2),
    ]


def test_what_a_peer_says_cannot_forge_a_line() -> None:
    nasty = [accept(), answer(0x0110, ErrorComment="\x1b[2J\nPACS@h:104 ok 1.0 ms")]
    with many(nasty, nasty) as peers:
        ran = echo(*(peer.address for peer in peers))
    assert ran.out.count("\n") == 2
    assert "\x1b" not in ran.out


def test_all_peers_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with many(echo_server(), echo_server(), echo_server()) as (one, two, other):
        for name, value in config(tmp_path, b=one.address, a=two.address).items():
            monkeypatch.setenv(name, value)
        ran = echo("--all")
        assert [line.split(" ")[0] for line in ran.out.splitlines()] == [one.address, two.address]
        assert re.fullmatch(r"dcmtools echo: 2 ok in \d+\.\d s\n", ran.err)
        more = echo(other.address, "--all")
        assert [line.split(" ")[0] for line in more.out.splitlines()] == [
            other.address,
            one.address,
            two.address,
        ]


def test_all_of_one_peer_is_still_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What watches over all peers must not change its shape with their number."""
    with refused() as address:
        for name, value in config(tmp_path, pacs=address).items():
            monkeypatch.setenv(name, value)
        ran = echo("--all")
    assert (ran.code, ran.out) == (6, f"{address} failed: connection refused\n")


def test_a_secret_that_is_missing_fails_its_peer_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted(echo_server()) as peer:
        monkeypatch.setenv(*config(tmp_path, good=peer.address, bad=peer.address).popitem())
        file = tmp_path / "config.toml"
        file.write_text(file.read_text() + '\nuser = "ann"\npassword_file = "none"\n')
        ran = echo("--all")
        assert len(peer.requests) == 1
    assert ran.code == 9
    assert ran.out.splitlines()[1] == (
        f"{peer.address} failed: {tmp_path / 'none'}: no such file or directory"
    )
    assert echo("bad").code == 5


# What is refused


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "dcmtools echo: PEER: is missing\n"),
        (["--all"], 5, "no-config/dcmtools/config.toml: names no peers\n"),
        (["pacs"], 2, "dcmtools echo: pacs: is no peer of the configuration\n"),
        (["A@h:1", "A@h"], 2, "dcmtools echo: A@h: has no port\n"),
        (["h:1", "--interval", "1"], 2, "--interval: goes with --repeat\n"),
        (["h:1", "--probe", "--repeat", "2"], 2, "--probe: does not go with --repeat\n"),
        (["h:1", "--repeat", "0"], 2, "'--repeat'"),
        (["h:1", "--repeat", "x"], 2, "'--repeat'"),
        (["h:1", "--wait", "-1"], 2, "'--wait': must be a number of seconds above 0"),
        (["h:1", "--wait", "nan"], 2, "'--wait': must be a number of seconds above 0"),
        (["h:1", "--repeat", "2", "--interval", "inf"], 2, "'--interval': must be a number"),
        (["h:1", "-f", "xml"], 2, "'xml' is not one of 'text', 'json'"),
    ],
)
def test_what_is_refused(arguments: list[str], code: int, words: str) -> None:
    ran = echo(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


def test_a_configuration_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text("zzz = 1")
    monkeypatch.setenv("DCMTOOLS_CONFIG", str(tmp_path / "config.toml"))
    assert echo("h:104").code == 5
    assert echo("--all").code == 5


# Waiting


def test_a_reason_is_told_once_while_we_wait() -> None:
    with refused() as address:
        ran = echo(address, "--wait", "1")
        said = [line.removeprefix(f"dcmtools echo: {address}: ") for line in ran.err.splitlines()]
        assert (ran.code, ran.out) == (6, "")
        assert said[:2] == ["connection refused; trying again", "connection refused"]
        assert len(said) == 3  # and a hint
        assert "trying again" not in echo(address, "--wait", "0.3", "-q").err


def test_the_last_reason_gives_the_exit_code() -> None:
    with Scripted([close()], reject(2, 3, 2)) as peer:
        ran = echo(peer.address, "--wait", "1")
    assert ran.code == 7
    assert "local limit exceeded" in ran.err.splitlines()[-2]


def test_waiting_and_repeating() -> None:
    with Scripted(reject(2, 1, 1), echo_server()) as peer:
        ran = echo(peer.address, "--wait", "60", "--repeat", "2")
    assert ran.code == 0
    assert [line.split()[-1] for line in ran.out.splitlines()[:2]] == ["1/2", "2/2"]


# Probing

OFFERS = {VERIFICATION: (IMPLICIT,), CT: (EXPLICIT, JPEG)}


def test_a_probe_is_a_line_for_each_sop_class() -> None:
    with Scripted(offering(OFFERS)) as peer:
        ran = echo(peer.address, "--probe")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "Verification    ImplicitVRLittleEndian\n"
        "CTImageStorage  ExplicitVRLittleEndian JPEGBaseline8Bit\n"
    )


def test_a_probe_as_json() -> None:
    with Scripted(offering(OFFERS)) as peer:
        ran = echo(peer.address, "--probe", "-f", "json")
    assert records(ran) == [
        {
            "peer": peer.address,
            "implementation": "SCRIPTED",
            "sop_classes": [
                {
                    "uid": VERIFICATION,
                    "keyword": "Verification",
                    "transfer_syntaxes": [{"uid": IMPLICIT, "keyword": "ImplicitVRLittleEndian"}],
                },
                {
                    "uid": CT,
                    "keyword": "CTImageStorage",
                    "transfer_syntaxes": [
                        {"uid": EXPLICIT, "keyword": "ExplicitVRLittleEndian"},
                        {"uid": JPEG, "keyword": "JPEGBaseline8Bit"},
                    ],
                },
            ],
        }
    ]


def test_a_probe_of_many_peers() -> None:
    with many(offering({CT: (IMPLICIT,)}), reject(1, 1, 1)) as (good, bad):
        ran = echo(good.address, bad.address, "--probe")
        found = records(echo(good.address, bad.address, "--probe", "-f", "json"))
    first, second = ran.out.splitlines()
    assert first == f"{good.address}  CTImageStorage  ImplicitVRLittleEndian"
    assert second.startswith(f"{bad.address} failed: rejected the association")
    assert ran.code == 9
    assert [(each["peer"], each.get("state")) for each in found] == [
        (good.address, None),
        (bad.address, "failed"),
    ]


def test_a_probe_of_a_peer_that_offers_nothing() -> None:
    with Scripted(offering({})) as peer:
        ran = echo(peer.address, "--probe")
        assert (ran.code, ran.out) == (0, "")
        assert ran.err == f"dcmtools echo: {peer.address}: accepts no SOP class of the standard\n"
        assert echo(peer.address, "--probe", "-v").err.endswith("standard\n")


def test_a_probe_of_one_that_fails() -> None:
    with Scripted(reject(1, 1, 1)) as peer:
        ran = echo(peer.address, "--probe")
    assert (ran.code, ran.out) == (7, "")


# What is said on the way


def test_steps_and_details() -> None:
    with Scripted(echo_server()) as peer:
        steps, details = echo(peer.address, "-v").err, echo(peer.address, "-vv").err
    assert re.fullmatch(
        rf"dcmtools echo: {re.escape(peer.address)}: association with SCRIPTED in {MS}\n", steps
    )
    assert "C-ECHO-RSP to 1, status 0000H" in details
    assert "presentation context 1, Verification: ExplicitVRLittleEndian" in details
    assert len(details.splitlines()) > 5


def test_a_log_file_gets_all_details_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Scripted(echo_server()) as peer:
        ran = echo(peer.address, "--log-file", log)
    assert (ran.code, ran.err) == (0, "")
    text = log.read_text()
    assert text.count("C-ECHO-RSP to 1") == 1
    assert f"{peer.address}: association with SCRIPTED" in text


# The program


@contextmanager
def started(
    *arguments: str, command: str = "echo", **more: object
) -> Iterator[subprocess.Popen[str]]:
    """Start the program, and do not leave it running."""
    program = [sys.executable, "-m", "dcmtools", command, *arguments]
    pipes: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(program, **(pipes | more)) as running:  # type: ignore[call-overload]
        try:
            yield running
        finally:
            running.kill()


def interrupt(running: subprocess.Popen[str]) -> Ran:
    """Press Ctrl-C, once the program does nothing but wait, and wait for the end."""
    deadline = monotonic() + PATIENCE
    while Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        assert monotonic() < deadline
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=PATIENCE)
    return Ran(running.returncode, out, err)


def test_ctrl_c_between_echoes_releases_and_tells_what_there_was() -> None:
    with Scripted(echo_server()) as peer:
        with started(peer.address, "--repeat", "9", "--interval", "1000") as running:
            assert running.stdout is not None
            assert running.stdout.readline().endswith(" 1/9\n")  # nothing is held back
            ran = interrupt(running)
        peer.wait(lambda it: it.endings)
        assert peer.endings[0] == "release"
    assert (ran.code, ran.err) == (130, "dcmtools echo: interrupted\n")
    assert re.fullmatch(
        rf"{re.escape(peer.address)} 1/9 answered, association {MS}, {TRIPS}\n", ran.out
    )


def test_ctrl_c_while_a_peer_is_silent_aborts() -> None:
    with Scripted([accept(), hang()]) as peer:
        with started(peer.address) as running:
            peer.wait(lambda it: it.messages)
            ran = interrupt(running)
        peer.wait(lambda it: it.endings)
        assert peer.endings[0] == "abort"
    assert ran == (130, "", "dcmtools echo: interrupted\n")


def test_ctrl_c_amid_many_aborts_each() -> None:
    silent = [accept(), hang()]
    with many(echo_server(), silent, silent) as peers:
        with started(*(peer.address for peer in peers)) as running:
            assert running.stdout is not None
            assert " ok " in running.stdout.readline()
            for peer in peers[1:]:
                peer.wait(lambda it: it.messages)
            ran = interrupt(running)
        for peer in peers[1:]:
            peer.wait(lambda it: it.endings)
        assert [peer.endings[0] for peer in peers] == ["release", "abort", "abort"]
    assert ran == (130, "", "dcmtools echo: interrupted\n")


def test_a_peer_that_starts_while_we_wait() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"LATE@127.0.0.1:{sock.getsockname()[1]}"
        with started(address, "--wait", "60") as running:
            assert running.stderr is not None
            said = running.stderr.readline()
            assert said == f"dcmtools echo: {address}: connection refused; trying again\n"
            sock.listen()
            with sock.accept()[0] as accepted:
                Connection(accepted).run(echo_server())
            out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err) == (0, "")
    assert re.fullmatch(rf"{re.escape(address)} ok {MS}\n", out)


def test_ctrl_c_while_waiting() -> None:
    with refused() as address, started(address, "--wait", "1000") as running:
        assert running.stderr is not None
        assert "trying again" in running.stderr.readline()
        assert interrupt(running) == (130, "", "dcmtools echo: interrupted\n")


def test_a_reader_may_go_early() -> None:
    with Scripted(echo_server()) as peer:
        with started(peer.address, "--repeat", "100000") as running:
            assert running.stdout is not None
            assert running.stderr is not None
            assert running.stdout.readline().endswith(" 1/100000\n")
            running.stdout.close()
            assert running.stderr.read() == ""
            assert running.wait(PATIENCE) == 0
        peer.wait(lambda it: it.endings)
        assert peer.endings[0] == "release"


def test_a_full_disk_is_told() -> None:
    with (
        Scripted(echo_server()) as peer,
        Path("/dev/full").open("wb") as full,
        started(peer.address, stdout=full) as running,
    ):
        assert running.stderr is not None
        said = running.stderr.read()
        assert running.wait(PATIENCE) == 4
    assert said == "dcmtools echo: standard output: no space left on device\n"


def on_terminal(
    *arguments: str, columns: int = 80, command: str = "echo", **env: str
) -> tuple[int, list[str]]:
    """Run the program on a terminal; give its exit code and the lines that are shown."""
    main, side = pty.openpty()
    termios.tcsetwinsize(side, (24, columns))
    environment = os.environ | {"TERM": "xterm-256color"} | env
    with started(*arguments, command=command, stdout=side, env=environment) as running:
        os.close(side)
        shown = b""
        try:
            while chunk := os.read(main, 1 << 16):
                shown += chunk
        except OSError as error:  # this is how a terminal says that nobody writes any more
            assert error.errno == errno.EIO  # noqa: PT017
        os.close(main)
        code = running.wait(PATIENCE)
    return code, shown.decode().split("\r\n")[:-1]


def test_many_peers_are_a_table_on_a_terminal() -> None:
    with Scripted(echo_server(), aet="PACS") as peer, refused() as address:
        code, shown = on_terminal(peer.address, address)
        plain = on_terminal(peer.address, address, "--color", "never", columns=160)[1]
    assert code == 9
    assert "\x1b[32mok\x1b[0m" in shown[3]
    assert "\x1b[1;31mfailed\x1b[0m" in shown[4]
    assert "connection refused" in shown[5]  # below its row, where it cannot be beside it
    assert plain[0].split() == ["Peer", "State", "Time", "Reason"]
    assert re.fullmatch(rf"{re.escape(peer.address)} +ok +{MS}", plain[2])
    assert re.fullmatch(rf"{address} +failed +connection refused", plain[3])
    assert "\x1b" not in "".join(plain)


def test_rows_of_a_table_do_not_wait_for_those_that_follow() -> None:
    main, side = pty.openpty()
    with many(echo_server(), [accept(), hang()]) as peers:
        with started(*(peer.address for peer in peers), stdout=side) as running:
            os.close(side)
            shown = b""
            while b" ok" not in shown.replace(b"\x1b[32m", b" "):
                shown += os.read(main, 1 << 16)
            assert running.poll() is None
            interrupt(running)
        os.close(main)


def test_many_echoes_to_many_peers_on_a_terminal() -> None:
    with Scripted(echo_server()) as peer, refused() as address:
        _, shown = on_terminal(
            peer.address, address, "--repeat", "3", "--color", "never", columns=200
        )
    times = r"(\d+\.\d{3}/){3}\d+\.\d{3}"
    assert re.fullmatch(rf"{re.escape(peer.address)} +ok +3 +{MS} +{times}", shown[2])
    assert re.fullmatch(rf"{address} +failed +connection refused", shown[3])


def test_one_peer_on_a_terminal_is_a_line() -> None:
    with Scripted(echo_server()) as peer:
        code, shown = on_terminal(peer.address)
    assert code == 0
    assert len(shown) == 1
    assert re.fullmatch(rf"{re.escape(peer.address)} ok {MS}", shown[0])


def test_a_probe_on_a_terminal_breaks_lines_between_words() -> None:
    syntaxes = EXPLICIT, IMPLICIT, JPEG
    with Scripted(offering({VERIFICATION: (IMPLICIT,), CT: syntaxes})) as peer:
        wide = on_terminal(peer.address, "--probe", columns=120)[1]
        narrow = on_terminal(peer.address, "--probe", "--color", "never", columns=60)[1]
    words = "ExplicitVRLittleEndian ImplicitVRLittleEndian"
    assert wide[1] == f"CTImageStorage  {words} JPEGBaseline8Bit"
    assert narrow == [
        "Verification",
        "    ImplicitVRLittleEndian",
        "CTImageStorage",
        f"    {words}",
        "    JPEGBaseline8Bit",
    ]


# What it loads


def test_help_loads_no_libraries() -> None:
    assert loaded("echo", "--help") & (HEAVY | {"rich"}) == set()


def test_an_echo_loads_nothing_that_it_does_not_need() -> None:
    with Scripted(echo_server()) as peer:
        found = loaded("echo", peer.address)
    assert "pynetdicom.pdu" in found
    others = {"dcmtools.cli.find", "dcmtools.dataset.answers", "dcmtools.dataset.query"}
    others |= {"dcmtools.net.probe", "dcmtools.net.find", "dcmtools.net.tls"}
    assert found & ({"numpy", "rich"} | others) == set()


def test_the_help_starts_as_the_list_of_commands_says() -> None:
    ran = echo("--help")
    assert COMMANDS["echo"] in ran.out
    for option in ("--all", "--repeat", "--interval", "--wait", "--probe", "--tls", "--aet"):
        assert option in ran.out


# DCMTK


def test_storescp_of_dcmtk(tmp_path: Path) -> None:
    with StorescpPeer(tmp_path / "peer") as peer:
        ran = echo(peer.address, "--repeat", "3", "-v")
        assert ran.code == 0
        assert "association with OFFIS_DCMTK" in ran.err
        assert "CTImageStorage" in echo(peer.address, "--probe").out

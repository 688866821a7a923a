"""`store`: signals, terminals and pipes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.cli.retrieving import HANG_UP, INTERRUPT, TERMINATE, ended, run, started
from tests.cli.storing import instances, make, taker, uid
from tests.factories import element, part10
from tests.net.scripted import Connection, Scripted
from tests.net.steps import accept, answer, hang, serve, wait_for, wait_request
from tests.net.wire import C_STORE, CT

if TYPE_CHECKING:
    from pathlib import Path

SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(INTERRUPT, 130), (TERMINATE, -TERMINATE), (HANG_UP, -HANG_UP)]
)


def counted(err: str) -> dict[str, int]:
    """Read the numbers of a summary."""
    line = next(line for line in err.splitlines() if " sent" in line)
    parts = line.split(": ", 1)[1].split(" in ")[0].split(", ")
    return {part.split(" ", 1)[1]: int(part.split()[0]) for part in parts if part[-1] != "B"}


@SIGNALS
def test_signals_amid_many_small_ones(tmp_path: Path, number: int, code: int) -> None:
    for each in range(1, 2001):
        make(tmp_path / "in", each, size=2)
    report = tmp_path / "report"
    with Scripted(taker()) as peer:
        words = ("store", peer.address, tmp_path / "in", "--report", report)
        with started(*words) as process:
            peer.wait(lambda peer: len(peer.messages) > 50)
            returned, err = ended(process, number)
        peer.wait(lambda peer: peer.endings)
    assert returned == code, err
    sent = len(instances(peer))
    assert 50 < sent < 2000
    assert peer.endings[0] == "release"
    assert counted(err) == {"sent": sent, "not sent": 2000 - sent}
    told = [json.loads(line)["status"] for line in report.read_text().splitlines()]
    assert told == ["sent"] * sent + ["not sent"] * (2000 - sent)
    assert len(err.splitlines()) == (2 if number == INTERRUPT else 1)


@SIGNALS
def test_signals_while_the_peer_works(tmp_path: Path, number: int, code: int) -> None:
    for each in (1, 2):
        make(tmp_path / "in", each)
    go_on = threading.Event()
    script = [accept(), wait_request(), wait_for(go_on), answer()]
    with Scripted(script) as peer, started("store", peer.address, tmp_path / "in") as process:
        peer.wait(lambda peer: peer.messages)
        process.send_signal(number)
        threading.Timer(0.3, go_on.set).start()
        returned, err = ended(process)
        assert returned == code, err
    assert counted(err) == {"sent": 1, "not sent": 1}


@pytest.mark.parametrize("twice", [False, True])
def test_ctrl_c_amid_a_big_object(tmp_path: Path, *, twice: bool) -> None:
    """The peer stops reading: what is under way is cut off, at once where it is asked for again."""
    head = b"".join(
        element(tag, "UI", value.encode() + b"\0" * (len(value) % 2))
        for tag, value in {0x00080016: CT, 0x00080018: uid(1), 0x0020000D: "1.2"}.items()
    )
    size = 1 << 28
    with (tmp_path / "big.dcm").open("wb") as file:
        file.write(part10(head) + element(0x7FE00010, "OW", b"", size))
        file.truncate(file.tell() + size)

    def stall(c: Connection) -> None:
        c.read_pdu()
        begun.set()
        c.pause(threading.Event())

    begun = threading.Event()
    with Scripted([accept(), stall]) as peer, started("store", peer.address, tmp_path) as process:
        assert begun.wait(30)
        process.send_signal(INTERRUPT)
        if twice:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)
            process.send_signal(INTERRUPT)
        returned, err = ended(process)
    assert returned == 130
    assert counted(err) == {"sent": 0, "not sent": 1}
    assert "interrupted" in err


def test_ctrl_c_while_a_peer_does_not_answer_the_request(tmp_path: Path) -> None:
    make(tmp_path, 1)
    with Scripted([hang()]) as peer, started("store", peer.address, tmp_path) as process:
        peer.wait(lambda peer: peer.requests or peer.received)
        returned, err = ended(process, INTERRUPT)
    assert returned == 130
    assert counted(err) == {"sent": 0, "not sent": 1}


def test_ctrl_c_while_it_waits_to_try_again(tmp_path: Path) -> None:
    make(tmp_path, 1)
    with Scripted(taker(usual=0xA700)) as peer:
        words = ("store", peer.address, tmp_path, "--retries", "5", "--retry-delay", "3600")
        with started(*words) as process:
            assert process.stderr is not None
            assert "trying again in 3600 s" in process.stderr.readline()
            returned, err = ended(process, INTERRUPT)
    assert returned == 130
    assert counted(err) == {"sent": 0, "not sent": 1}


def test_a_run_in_the_background_ignores_what_it_was_told_to(tmp_path: Path) -> None:
    make(tmp_path, 1)
    go_on = threading.Event()
    script = [accept(), wait_request(), wait_for(go_on), answer()]
    with Scripted(script) as peer:
        command = ["nohup", sys.executable, "-m", "dcmtools", "store", peer.address, tmp_path]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        peer.wait(lambda peer: peer.messages)
        process.send_signal(HANG_UP)
        go_on.set()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


# Terminals


def shown(*words: str | Path, stdout_too: bool = False) -> str:
    """Run with stderr, and perhaps stdout, on a terminal; give what is seen there."""
    terminal, end = pty.openpty()
    code = (
        "from dcmtools.output import progress; progress._PATIENCE = 0.0;"
        "from dcmtools.__main__ import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=end if stdout_too else subprocess.PIPE,
        stderr=end,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(end)
    seen = b""
    try:
        while more := os.read(terminal, 1 << 16):
            seen += more
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, seen
    assert not out
    return seen.decode()


@pytest.mark.parametrize("stdout_too", [False, True])
def test_a_bar_on_a_terminal(tmp_path: Path, *, stdout_too: bool) -> None:
    for number in range(1, 20):
        make(tmp_path, number)

    def slow(c: Connection) -> None:
        c.pause(threading.Event(), 0.05)
        answer()(c)

    with Scripted(serve({C_STORE: slow})) as peer:
        seen = shown("store", peer.address, tmp_path, stdout_too=stdout_too)
    assert "\x1b[" in seen
    assert "store" in seen
    assert "%" in seen
    assert "19 sent" in seen


def test_a_bar_for_a_single_big_object(tmp_path: Path) -> None:
    path = make(tmp_path, 1, size=6 << 20)
    with Scripted(taker()) as peer:
        seen = shown("store", peer.address, path)
    assert "%" in seen
    assert "1 sent" in seen


def test_no_bar_where_nobody_wants_one(tmp_path: Path) -> None:
    for number in range(1, 5):
        make(tmp_path, number)
    with Scripted(taker()) as peer:
        assert shown("store", peer.address, tmp_path, "-q") == ""
        assert "\x1b" not in run("store", peer.address, tmp_path).stderr


def test_nobody_listens_to_what_is_said(tmp_path: Path) -> None:
    for number in range(1, 20):
        make(tmp_path, number)
    read, write = os.pipe()
    os.close(read)
    with Scripted(taker()) as peer:
        ran = subprocess.run(
            [sys.executable, "-m", "dcmtools", "store", peer.address, tmp_path, "-v"],
            stderr=write,
            stdout=subprocess.PIPE,
            check=False,
        )
    os.close(write)
    assert (ran.returncode, ran.stdout) == (0, b"")
    assert len(instances(peer)) == 19

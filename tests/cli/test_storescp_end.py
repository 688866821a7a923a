"""`storescp`: how signals end it, in good order, and the programs that it runs."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from tests.cli.receiving import PATIENCE, Storescp, ct, files, quiet, receiving, wait_refused
from tests.net.hostile import DEADLINE, association, status
from tests.net.wire import Instance

SIGNALS = {signal.SIGTERM: 0, signal.SIGINT: 130, signal.SIGHUP: 0}
"""What ends it in good order, and the exit code."""
STALLED = 4.0
"""Seconds for which nothing may come at the end."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "in"


def hasty(seconds: float) -> tuple[str, ...]:
    """Give a program that after a signal leaves no more than so many seconds."""
    script = (
        "from dcmtools.cli import _reception as it\n"
        f"it._LAST_SECONDS = it._LAST_PROGRAMS = {seconds}\n"
        "from dcmtools.__main__ import main; main()"
    )
    return sys.executable, "-c", script


# Signals


@pytest.mark.parametrize("number", SIGNALS, ids=lambda each: each.name)
def test_what_is_under_way_is_finished(out: Path, number: signal.Signals) -> None:
    """The object and those after it, on the association that is open, and no other one."""
    large = ct("1.1", 300_000)
    with receiving(out) as server:
        with association(server.address) as c:
            rest = server.begin(c, large)
            server.process.send_signal(number)
            wait_refused(server)
            c.send(rest)
            assert status(c.read_message()) == 0
            assert Instance.read(out / "1.1.dcm") == large
            assert status(c.store(ct("1.2"))) == 0
        assert server.ended() == SIGNALS[number]
    assert files(out) == ["1.1.dcm", "1.2.dcm"]
    assert [each["event"] for each in server.events][-2:] == ["released", "study"]
    assert server.summary == "2 stored, 0.3 MB"


def test_nobody_there(out: Path) -> None:
    with receiving(out) as server:
        begun = monotonic()
        assert server.stop() == 0
        assert monotonic() - begun < 3
    assert server.summary == "0 stored"


def test_what_stands_still_is_cut_off(out: Path) -> None:
    """Amid an object, and between objects; nothing of it is left."""
    with (
        receiving(out) as server,
        association(server.address) as c,
        association(server.address) as idle,
    ):
        assert status(idle.store(ct("1.1"))) == 0
        server.begin(c, ct("1.2", 300_000))
        begun = monotonic()
        assert server.stop() == 0
        assert STALLED - 1 < monotonic() - begun < STALLED + 4
    assert files(out) == ["1.1.dcm"]
    assert [each["reason"] for each in server.of("lost")] == ["cut off by us, as we end"] * 2
    assert server.wait_said("lost: cut off by us")


def test_there_is_an_end_to_what_comes_slowly(out: Path) -> None:
    with receiving(out, program=hasty(2.0)) as server, association(server.address) as c:
        rest = server.begin(c, ct("1.1", 1000))
        server.process.send_signal(signal.SIGTERM)
        begun = monotonic()
        with suppress(Exception):  # it is cut off amid that
            for at in range(len(rest)):
                c.send(rest[at : at + 1])
                quiet(0.3)
        assert server.ended() == 0
        assert monotonic() - begun < 10
    assert files(out) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(out: Path, number: int) -> None:
    with receiving(out) as server, association(server.address) as c:
        assert status(c.store(ct("1.1"))) == 0
        server.begin(c, ct("1.2", 300_000))
        server.process.send_signal(number)
        wait_refused(server)
        begun = monotonic()
        assert server.stop(number) == 130
        assert monotonic() - begun < 3
    assert files(out) == ["1.1.dcm"]
    assert server.said[-2].startswith("1 stored, 0.0 MB in ")
    assert server.said[-1] == "interrupted"


def test_signals_that_are_to_be_ignored_are(out: Path) -> None:
    """As `nohup` has it."""
    with receiving(out, line='trap "" HUP; exec "$@"') as server:
        server.process.send_signal(signal.SIGHUP)
        assert server.send(ct()) == [0]
        assert server.stop() == 0


@pytest.mark.parametrize("moment", range(8))
def test_a_signal_at_any_moment(out: Path, moment: int) -> None:
    """What was acknowledged is there, whole, and nothing else."""
    acknowledged = []
    with receiving(out, "--no-fsync") as server:
        with suppress(Exception), association(server.address) as c:
            for number in range(10_000):
                if number == 5 * moment:
                    server.process.send_signal(signal.SIGTERM)
                one = ct(f"1.{number}", 20_000)
                if status(c.store(one)):
                    break
                acknowledged.append(one)
                if number > 5 * moment + 50:
                    break
        assert server.ended() == 0
    assert len(acknowledged) > 50
    assert files(out) == sorted(f"{each.sop_instance_uid}.dcm" for each in acknowledged)
    for one in acknowledged:
        assert Instance.read(out / f"{one.sop_instance_uid}.dcm") == one


# Programs


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Write a program that notes its arguments and what it is told."""
    path = tmp_path / "note"
    path.write_text(
        "#!/bin/sh\n"
        f'echo "$*|$DCM_PATH|$DCM_FOLDER|$DCM_STUDY_INSTANCE_UID|$DCM_FILES" >> {tmp_path}/notes\n'
        'echo "this is said"\n'
    )
    path.chmod(0o755)
    return path


def notes(tmp_path: Path) -> list[str]:
    """Give what was noted."""
    path = tmp_path / "notes"
    return path.read_text().splitlines() if path.exists() else []


def test_programs_on_files_and_studies(out: Path, tmp_path: Path, script: Path) -> None:
    """Not twice for what comes twice; a study that is open at the end is complete then."""
    programs = "--on-file", f"{script} file #f #p", "--on-study", f"{script} study #p #a #c #r"
    with receiving(out, "--sort", "study", *programs) as server:
        assert server.send(ct("1.1"), ct("1.2"), ct("1.1")) == [0, 0, 0]
        server.wait_for("released")
        assert server.stop() == 0
    folder = out / "1.2" / "1.2.1"
    study = f"study {folder} SCRIPTED DCMTOOLS 127.0.0.1||{folder}|1.2|2"
    *on_files, last = notes(tmp_path)
    assert sorted(on_files) == [
        f"file 1.{n}.dcm {folder}|{folder}/1.{n}.dcm|{folder}|1.2|" for n in (1, 2)
    ]
    assert last == study
    assert [each["event"] for each in server.events][-1] == "study"
    assert server.said.count("this is said") == 3
    assert not any("warning" in line for line in server.said)


def test_a_study_is_complete_when_nothing_of_it_has_come_for_a_while(
    out: Path, tmp_path: Path, script: Path
) -> None:
    on_study = "--on-study", f"{script} #a", "--study-timeout", "0.5"
    with receiving(out, *on_study) as server:
        for number in range(4):
            server.send(ct(f"1.{number}"))
        server.send(ct("2.1", StudyInstanceUID="2"), calling="OTHER")
        first, second = server.wait_for("study"), server.wait_for("study", 2)
        assert (first["study_instance_uid"], first["files"]) == ("1.2", 4)
        assert (second["study_instance_uid"], second["files"]) == ("2", 1)
        assert server.stop() == 0
        assert len(server.of("study")) == 2
    assert sorted(notes(tmp_path)) == [f"OTHER||{out}|2|1", f"SCRIPTED||{out}|1.2|4"]


def test_a_program_that_fails_is_warned_of(out: Path) -> None:
    with receiving(out, "--on-file", "false", "--on-study", "sh -c 'kill $$'") as server:
        assert server.send(ct("1.1")) == [0]
        said = server.wait_said("--on-file")
        assert said.startswith(
            f"warning: {out}/1.1.dcm: --on-file 'false' ended with exit status 1"
        )
        assert server.send(ct("1.2")) == [0]
        assert server.stop() == 0
    assert server.wait_said("study 1.2: --on-study 'sh' was ended by SIGTERM")
    assert server.summary == "2 stored, 3 programs failed, 0.0 MB"


def test_a_program_may_take_its_time(out: Path, tmp_path: Path) -> None:
    """There is a limit after a signal alone."""
    done = tmp_path / "done"
    on_study = f"sh -c 'sleep 2; touch {done}'"
    with receiving(out, "--idle-exit", 0.3, "--on-study", on_study, program=hasty(0.1)) as server:
        server.send(ct())
        assert server.ended() == 0
    assert done.exists()


def sleeper(tmp_path: Path) -> Path:
    """Write a program that notes its number, and then sleeps whatever it is told."""
    path = tmp_path / "sleeper"
    path.write_text(
        f"#!/bin/sh\ntrap '' TERM\necho $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid\n"
        "while :; do sleep 1; done\n"
    )
    path.chmod(0o755)
    return path


def running(tmp_path: Path, server: Storescp) -> int:
    """Wait until the program that sleeps does so, and give its number."""
    path, deadline = tmp_path / "pid", monotonic() + PATIENCE
    while not path.exists():
        assert monotonic() < deadline
        assert server.process.poll() is None
        quiet(0.02)
    return int(path.read_text())


def is_gone(pid: int) -> bool:
    """Wait until a process is gone."""
    deadline = monotonic() + DEADLINE
    while monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return True  # whoever adopts it is slow to bury it
        quiet(0.02)
    return False


def test_a_program_that_never_ends_is_ended_after_a_signal(out: Path, tmp_path: Path) -> None:
    with receiving(out, "--on-file", sleeper(tmp_path), program=hasty(0.5)) as server:
        server.send(ct())
        pid = running(tmp_path, server)
        begun = monotonic()
        assert server.stop() == 0
        assert monotonic() - begun < 10
        assert is_gone(pid)
    assert server.wait_said("--on-file 'sleeper' was ended by SIGKILL")


def test_a_second_signal_ends_programs_too(out: Path, tmp_path: Path) -> None:
    with receiving(out, "--on-file", sleeper(tmp_path)) as server:
        server.send(ct())
        pid = running(tmp_path, server)
        server.process.send_signal(signal.SIGTERM)
        wait_refused(server)
        server.wait_for("study")
        begun = monotonic()
        assert server.stop() == 130
        assert monotonic() - begun < 6
        assert is_gone(pid)


def test_ctrl_c_does_not_reach_programs(out: Path, tmp_path: Path) -> None:
    """They end as they do otherwise: it is for the receiver that Ctrl-C is."""
    done = tmp_path / "done"
    on_file = f"sh -c 'touch {done}.begun; sleep 1; touch {done}'"
    with receiving(out, "--on-file", on_file) as server:
        server.send(ct())
        deadline = monotonic() + PATIENCE
        while not Path(f"{done}.begun").exists():
            assert monotonic() < deadline
            quiet(0.02)
        os.killpg(server.process.pid, signal.SIGINT)
        assert server.ended() == 130
    assert done.exists()

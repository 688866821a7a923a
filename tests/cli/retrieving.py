"""Run ``get`` and ``move`` in tests: in this process, or as a program that is sent signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from typer.testing import CliRunner, Result

from dcmtools.cli.main import app
from tests.net.wire import Instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.net.archive import Object

PATIENCE = 30.0


def run(*arguments: str | Path | int, stdin: str | None = None) -> Result:
    """Run the program in this process; nothing may be printed on stdout, nor a traceback."""
    ran = CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert ran.stdout == ""
    return ran


def lines(ran: Result) -> list[str]:
    """Give what was said, without the name of the command."""
    return [line.split(": ", 1)[1] for line in ran.stderr.splitlines()]


def summary(ran: Result) -> str:
    """Give the last line without the time it took."""
    text, seconds = lines(ran)[-1].split(" in ")
    assert seconds.endswith(" s")
    return text


@contextmanager
def started(*arguments: str | Path | int, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """Run the program as one of its own, which is killed if it is still there at the end."""
    process = subprocess.Popen(  # type: ignore[call-overload] # settings are what it takes
        [sys.executable, "-m", "dcmtools", *map(str, arguments)],
        **{
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "env": {**os.environ, "PYTHONWARNINGS": "error"},
            **settings,
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], number: int | None = None) -> tuple[int, str]:
    """Send it a signal; give its exit code and what it has said."""
    if number is not None:
        process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert not out
    assert "Traceback" not in err
    return process.returncode, err


def files(folder: Path) -> list[str]:
    """List all there is below a folder, hidden files too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def got(folder: Path) -> dict[str, Instance]:
    """Read what has come, by SOP Instance UID; the data sets as they stand."""
    found = [Instance.read(path) for path in folder.rglob("*.dcm")]
    return {each.sop_instance_uid: each for each in found}


def expected(objects: Sequence[Object]) -> dict[str, Instance]:
    """Give what should have come."""
    return {each.instance.sop_instance_uid: each.instance for each in objects}


INTERRUPT, TERMINATE, HANG_UP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
KILL = signal.SIGKILL

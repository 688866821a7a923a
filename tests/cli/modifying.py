"""Run ``modify`` in tests, and read what it has made."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from pydicom import dcmread
from typer.testing import CliRunner, Result

from dcmtools.cli.main import app
from tests.conftest import need

if TYPE_CHECKING:
    from pathlib import Path


def modify(*words: object, stdin: bytes | None = None) -> Result:
    """Run the command in this process; a failure that it did not foresee fails the test."""
    ran = CliRunner().invoke(app, ["modify", "--no-fsync", *map(str, words)], input=stdin)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "unexpected" not in ran.stderr
    assert "Traceback" not in ran.stderr
    return ran


def well(*words: object, stdin: bytes | None = None) -> Result:
    """Run it where nothing may go wrong and nothing is to be said."""
    ran = modify(*words, stdin=stdin)
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran


def said(ran: Result) -> list[str]:
    """Give what was said, without the name of the command."""
    return [line.removeprefix("dcmtools modify: ") for line in ran.stderr.splitlines()]


def summary(ran: Result) -> str:
    """Give the last line without the time that it took."""
    text, _, seconds = said(ran)[-1].rpartition(" in ")
    assert seconds.endswith(" s")
    return text


def value(path: Path, keyword: str) -> str:
    """Give the value of an element as text."""
    return str(dcmread(path, force=True).get(keyword, ""))


def files(folder: Path) -> list[str]:
    """List all there is below a folder, hidden files too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files below a folder."""
    return {name: (folder / name).read_bytes() for name in files(folder)}


def records(report: Path) -> list[dict[str, object]]:
    """Read a report."""
    return [json.loads(line) for line in report.read_text("utf-8").splitlines()]


def dumped(path: Path) -> str:
    """Have DCMTK print a file; it must have nothing to say against it."""
    ran = subprocess.run([need("dcmdump"), "-q", str(path)], capture_output=True, check=True)
    assert ran.stderr == b""
    return ran.stdout.decode("latin-1")


def program(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command as a program of its own, as a shell does."""
    command = [sys.executable, "-W", "error", "-m", "dcmtools", "modify", "--no-fsync"]
    ran = subprocess.run(
        [*command, *map(str, words)], input=stdin, capture_output=True, check=False
    )
    assert b"Traceback" not in ran.stderr
    return ran

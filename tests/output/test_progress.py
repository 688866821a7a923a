"""A bar shows how far a long batch has come, where somebody can see it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import make_ct

IMPATIENT = (
    "from dcmtools.output import progress; progress._PATIENCE = 0.0; "
    "from dcmtools.__main__ import main; main()"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "study"
    path.mkdir()
    for number in range(3):
        make_ct(path / f"{number}.dcm")
    return path


def seen(*arguments: str | Path) -> tuple[str, str]:
    """Run the program with stderr on a terminal; give what was written to stdout and there."""
    reading, writing = pty.openpty()
    command = [sys.executable, "-c", IMPATIENT, "dump", *arguments]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writing, env=environment) as ran:
        os.close(writing)
        shown = b""
        try:
            while chunk := os.read(reading, 4096):
                shown += chunk
        except OSError:  # Linux says so at the end
            pass
        assert ran.stdout is not None
        output = ran.stdout.read().decode()
    os.close(reading)
    assert ran.returncode == 0
    return output, shown.decode()


def test_a_batch_has_a_bar(folder: Path) -> None:
    output, shown = seen(folder, "--value", "-P", "PatientID")
    assert output == "PID-1\n" * 3
    assert "dump" in shown
    assert "100%" in shown
    assert "3 read in " in shown


@pytest.mark.parametrize("arguments", [("-q",), ("--quiet",)])
def test_quiet_has_none(folder: Path, arguments: tuple[str, ...]) -> None:
    assert seen(folder, "--value", "-P", "PatientID", *arguments)[1] == ""


def test_one_file_has_none(folder: Path) -> None:
    assert seen(folder / "0.dcm", "--value", "-P", "PatientID")[1] == ""

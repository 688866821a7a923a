"""Show what comes of every fault of a peer: the exit code, one line that says why, nothing left."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dcmtools.cli.main import app
from tests.net.faults import FAULTS, Fault

HINT = re.compile(r"dcmtools \w+: hint: ")
MOST_SECONDS = 20
"""Far above the time-outs in the table: what takes longer hangs."""


@pytest.fixture
def _nothing_left() -> Iterator[None]:
    """See that no thread and no descriptor is left behind."""
    threads = set(threading.enumerate())
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    yield
    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) <= descriptors  # noqa: PTH208


@pytest.mark.timeout(MOST_SECONDS)
@pytest.mark.usefixtures("_nothing_left")
@pytest.mark.parametrize(
    "fault", FAULTS.values(), ids=[f"{each.command}: {name}" for name, each in FAULTS.items()]
)
def test_a_fault_is_told_as_what_it_is(fault: Fault, tmp_path: Path) -> None:
    with fault.open() as address:
        ran = CliRunner().invoke(app, fault.arguments(address, tmp_path))
    assert (ran.exit_code, ran.stderr) == (fault.exit_code, ran.stderr)
    lines = ran.stderr.splitlines()
    assert "Traceback" not in ran.stderr
    assert all(line.startswith(f"dcmtools {fault.command}: ") for line in lines)
    if fault.pattern:
        said = [line for line in lines if not HINT.match(line)]
        assert any(re.search(fault.pattern, line, re.IGNORECASE) for line in said), ran.stderr
    elif not fault.exit_code:
        assert [line for line in lines if "hint" in line] == []
    # What could not be said is no half file either.
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_the_table_is_large_enough() -> None:
    assert {fault.command for fault in FAULTS.values()} == {"echo", "find", "move", "get"}
    assert sum(1 for fault in FAULTS.values() if fault.exit_code) >= 30

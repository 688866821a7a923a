"""Kill a program at every step of putting a file into place: the old one is there, or the new."""

from __future__ import annotations

import signal
import subprocess
import sys
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from tests.dataset.rewriting import content, names, put
from tests.factories import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIXELS = 9_000_000  # so many that the system copies them
OLD, NEW = content(pixels=PIXELS), content(b"NEWID ", PIXELS)

STARTER = """
import os, signal, sys
from pathlib import Path
from threading import Event
left = 0
def counted(call):
    def done(*given, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **named)
    return done
for name in ("open", "write", "copy_file_range", "fsync", "fchmod", "link", "replace", "unlink",
             "close", "utime"):
    setattr(os, name, counted(getattr(os, name)))
from tests.dataset.rewriting import put
def refuse(*given):
    raise OSError(1, "Operation not permitted")
def work(path, step, kinds):
    global left
    if "no-links" in kinds:
        os.link = refuse
    left = step
    put(path, b"NEWID ", None if "in-place" in kinds else path.with_name("b"),
        {"overwrite": "over" in kinds})
for line in sys.stdin:
    path, step, pause, *kinds = line.split()
    child = os.fork()
    if not child:
        work(Path(path), int(step), kinds)
        os._exit(0)
    if float(pause):
        Event().wait(float(pause))
        os.kill(child, signal.SIGKILL)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\\n")
    sys.stdout.flush()
"""


class Starter:
    """What starts programs that edit a file and are killed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", STARTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, path: Path, kinds: str, *, step: int = 0, pause: float = 0) -> int:
        """Edit a file; kill the program at a step, or after some seconds; give its exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path} {step} {pause} {kinds}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    """Give what starts programs."""
    one = Starter()
    yield one
    one.process.communicate()


def check(folder: Path, kinds: str, ended: int) -> int:
    """See that all that has a name is whole; count what was left under way."""
    there = {path.name: path.read_bytes() for path in folder.iterdir()}
    left = [name for name in there if name.endswith(".part")]
    assert len(left) <= 1 + ("no-links" in kinds)
    for name in left:
        del there[name]
    target = "a" if "in-place" in kinds else "b"
    assert target == "a" or there["a"] == OLD
    held = b"" if "no-links" in kinds else OLD  # an empty file that holds a name
    if "new" in kinds:
        assert there.get("b", NEW) in (NEW, held)
    else:
        assert there[target] in (OLD, NEW)
    assert ended or there[target] == NEW
    if target == "a":
        assert there.get("a.bak", OLD) in (OLD, held)
        assert there["a"] == OLD or there["a.bak"] == OLD
    assert set(there) <= ({"a", "a.bak"} if target == "a" else {"a", "b"})
    return len(left)


def prepared(folder: Path, kinds: str) -> Path:
    """Make the files that are to be edited or replaced."""
    folder.mkdir()
    if "over" in kinds:
        write(folder / "b", OLD)
    return write(folder / "a", OLD)


@pytest.mark.parametrize("kinds", ["in-place", "in-place no-links", "over", "new", "new no-links"])
def test_a_program_that_is_killed_at_each_step(
    tmp_path: Path, starter: Starter, kinds: str
) -> None:
    lefts, step, ended = [], 0, -1
    while ended:
        step += 1
        folder = tmp_path / str(step)
        path = prepared(folder, kinds)
        ended = starter.run(path, kinds, step=step)
        assert ended in (0, -signal.SIGKILL)
        lefts.append(check(folder, kinds, ended))
        put(path, b"NEWID ", how={"durable": False})  # whoever comes next sweeps up
        assert not any(name.endswith(".part") for name in names(folder))
    assert 10 <= step <= 60
    assert len([left for left in lefts if left]) >= 4
    assert lefts[-1] == 0


def test_a_program_that_is_killed_at_any_moment(tmp_path: Path, starter: Starter) -> None:
    lasts = []
    for number in range(5):
        path = prepared(tmp_path / f"whole{number}", "in-place")
        began = monotonic()
        assert starter.run(path, "in-place") == 0
        lasts.append(monotonic() - began)
    killed = 0
    for number in range(1, 51):
        folder = tmp_path / str(number)
        path = prepared(folder, "in-place")
        ended = starter.run(path, "in-place", pause=min(lasts) * number / 50)
        check(folder, "in-place", ended)
        killed += ended != 0
    assert killed >= 5  # others may have come to their end

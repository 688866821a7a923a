"""Outputs that are staged: they get their names in order, and nothing of them stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dcmtools.dataset.files import find_files
from dcmtools.dataset.staging import Fate, Staging
from dcmtools.errors import OutputError
from tests.factories import write

if TYPE_CHECKING:
    from pathlib import Path


def names(root: Path) -> list[str]:
    """List all files, hidden ones too."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def staged(staging: Staging, content: bytes = b"one", name: str = "x") -> Path:
    return write(staging.folder / name, content)


def put(staging: Staging, content: bytes, name: str) -> tuple[str, Fate]:
    path = staged(staging, content)
    settled = staging.settle(path)
    if settled is not None:
        settled.result(10)
    target, fate = staging.publish(path, name)
    assert not path.exists()
    return target.name, fate


@pytest.mark.parametrize("durable", [True, False])
def test_an_output_is_staged_and_then_has_its_name(tmp_path: Path, durable: bool) -> None:  # noqa: FBT001 - a parameter
    root = tmp_path / "new/root"
    with Staging(root, durable=durable) as staging:
        assert staging.folder.parent == root
        path = staged(staging)
        assert not list(root.glob("[!.]*")), "nothing is there yet"
        settled = staging.settle(path)
        assert (settled is None) == (not durable)
        target, fate = staging.publish(path, "a/b.dcm")
        assert (target, fate) == (root / "a/b.dcm", Fate.NEW)
        assert target.read_bytes() == b"one"
    assert names(root) == ["a/b.dcm"]
    assert sorted(root.iterdir()) == [root / "a"]


def test_what_has_no_name_at_the_end_is_removed(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Staging(tmp_path, durable=False) as staging:
            staged(staging)
            (staging.folder / "deep").mkdir()
            write(staging.folder / "deep/er", b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_outputs_of_one_name_are_numbered_in_order(tmp_path: Path) -> None:
    with Staging(tmp_path) as staging:
        given = [put(staging, content, "a.dcm") for content in (b"1", b"2", b"1", b"3", b"2")]
    assert given == [
        ("a.dcm", Fate.NEW),
        ("a_2.dcm", Fate.NEW),
        ("a.dcm", Fate.KNOWN),
        ("a_3.dcm", Fate.NEW),
        ("a_2.dcm", Fate.KNOWN),
    ]
    with Staging(tmp_path) as staging:
        again = [put(staging, content, "a.dcm") for content in (b"1", b"2", b"3", b"4")]
    assert again == [
        ("a.dcm", Fate.KNOWN),
        ("a_2.dcm", Fate.KNOWN),
        ("a_3.dcm", Fate.KNOWN),
        ("a_4.dcm", Fate.NEW),
    ]


def test_what_was_there_before_and_differs_stays(tmp_path: Path) -> None:
    before = write(tmp_path / "a.dcm", b"before")
    with Staging(tmp_path) as staging:
        path = staged(staging)
        with pytest.raises(OutputError, match="is there already, and differs"):
            staging.publish(path, "a.dcm")
    assert before.read_bytes() == b"before"
    assert names(tmp_path) == ["a.dcm"]


def test_it_may_be_overwritten_but_not_what_is_of_this_run(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", b"before")
    with Staging(tmp_path, overwrite=True) as staging:
        assert put(staging, b"1", "a.dcm") == ("a.dcm", Fate.NEW)
        assert put(staging, b"2", "a.dcm") == ("a_2.dcm", Fate.NEW)
    assert (tmp_path / "a.dcm").read_bytes() == b"1"


@pytest.mark.parametrize("overwrite", [True, False])
def test_links_and_folders_are_not_replaced(tmp_path: Path, overwrite: bool) -> None:  # noqa: FBT001 - a parameter
    root, victim = tmp_path / "root", write(tmp_path / "victim", b"stays")
    root.mkdir()
    (root / "link").symlink_to(victim)
    (root / "dangling").symlink_to(tmp_path / "nothing")
    (root / "folder").mkdir()
    (root / "out").symlink_to(tmp_path)
    with Staging(root, overwrite=overwrite) as staging:
        for name in ("link", "dangling", "folder", "out/new", "link/new"):
            with pytest.raises(OutputError):
                staging.publish(staged(staging), name)
    assert victim.read_bytes() == b"stays"
    assert not (tmp_path / "nothing").exists()
    assert not (tmp_path / "new").exists()


def test_the_folder_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is not a folder"):
        Staging(write(tmp_path / "file", b""))


HOLDER = """
import os, sys
from pathlib import Path
from dcmtools.dataset.staging import Staging
staging = Staging(Path(sys.argv[1]))
(staging.folder / "left").write_bytes(b"left behind")
child = os.fork() if sys.argv[2] == "fork" else 1
if not child:
    sys.stdin.read()
    os._exit(0)
sys.stdout.write("ready")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no children")
@pytest.mark.parametrize("kind", ["fork", "alone"])
def test_what_a_killed_run_has_left_is_swept_up(tmp_path: Path, kind: str) -> None:
    """It is not while that run goes on; and its children keep nothing locked when it is gone."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.read(5) == b"ready"
        (left,) = tmp_path.glob(".dcmtools-*/left")
        with Staging(tmp_path) as staging:
            assert left.exists()
            assert staging.folder != left.parent
        other.kill()
        other.wait(10)
        with Staging(tmp_path):
            assert not left.exists()
    assert not list(tmp_path.iterdir())


def test_staged_outputs_are_nobodys_input(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", b"x")
    with Staging(tmp_path) as staging:
        path = staged(staging)
        found = [operand.path for operand in find_files([str(tmp_path)])]
        assert found == [tmp_path / "a.dcm"]
        assert path.exists()

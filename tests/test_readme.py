"""Every command in the README does what is printed there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETUP = re.compile(r"^<!-- (\w+) -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


RECIPE = re.compile(r"^<!-- recipe -->\n```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def example(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path)


@pytest.fixture
def tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder that the examples speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    shutil.copy(example("CT_small.dcm"), "ct.dcm")
    Path("study").mkdir()
    for number, name in enumerate(("CT_small.dcm", "MR_small.dcm", "rtplan.dcm"), 1):
        shutil.copy(example(name), f"study/{number}.dcm")
    Path("study/4.dcm").write_bytes(example("MR_small.dcm").read_bytes()[:1500])
    Path("study/notes.txt").write_text("not DICOM\n")
    (recipe,) = RECIPE.findall(README.read_text())
    Path("trial.toml").write_text(recipe)
    return tmp_path


NETWORK = re.compile(r"^\$ dcmtools (?!anonymize|dump|modify|reidentify)", re.MULTILINE)


def sessions() -> list[str]:
    """List the examples that need no peer."""
    return [each for each in BLOCK.findall(README.read_text()) if not NETWORK.search(each)]


def network_sessions() -> list[str]:
    """List the examples that need a peer, which `tests/interop/test_readme.py` has."""
    return [each for each in BLOCK.findall(README.read_text()) if NETWORK.search(each)]


def prints_what_is_printed(session: str) -> None:
    """Run the commands of an example, and hold what they print against it; ``...`` is a number."""
    commands = re.findall(r"^\$ (.*)$", session, re.MULTILINE)
    ran = subprocess.run(
        ["bash", "-c", "\n".join(commands)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = "".join(
        line for line in session.splitlines(keepends=True) if not line.startswith("$ ")
    )
    expected = re.escape(printed).replace(re.escape("..."), r"\d+\.\d")
    assert re.fullmatch(expected, ran.stdout), ran.stdout


@pytest.mark.usefixtures("tour")
@pytest.mark.parametrize("session", sessions(), ids=lambda text: text.split("\n")[0][2:40])
def test_the_examples_print_what_is_printed(session: str) -> None:
    prints_what_is_printed(session)


@pytest.mark.usefixtures("tour")
def test_the_python_examples_run() -> None:
    codes = [each for each in PYTHON.findall(README.read_text()) if "ct.dcm" in each]
    assert len(codes) == 2
    for code in codes:
        subprocess.run([sys.executable, "-c", code], check=True)


def test_there_are_two_commands_to_set_up() -> None:
    found = dict(SETUP.findall(README.read_text()))
    assert found.keys() == {"install", "test"}
    assert all(command.count("\n") == 1 for command in found.values())

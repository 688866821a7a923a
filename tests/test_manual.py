"""Hold the manual to the program: pages that are current, well formed, complete and true."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from typer.core import TyperCommand

from dcmtools.cli import _generate
from dcmtools.cli._manual import pages
from dcmtools.cli._tree import commands, examples, options, program
from dcmtools.errors import ExitCode
from tests.conftest import need
from tests.factories import make_ct

PROGRAM = program()
PAGES = pages(PROGRAM)
COMMANDS = commands(PROGRAM)
LOCAL = ("anonymize", "convert", "dump", "image", "modify", "reidentify")
EXAMPLES = [line for name in LOCAL if name in COMMANDS for _, line in examples(COMMANDS[name])]
"""Those that need no peer; `tests/interop/test_examples.py` runs all others."""
SUMMARY = re.compile(r"dcmtools [\w-]+: (\d+ \w+.* in \d+\.\d s|note: .*)\n")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Set the pages as a terminal shows them, without bold and underline."""
    mandoc = need("mandoc")
    folder = tmp_path_factory.mktemp("man")
    texts = {}
    for name, source in PAGES.items():
        (folder / name).write_text(source, encoding="utf-8")
        command = [mandoc, "-T", "utf8", "-O", "width=80", str(folder / name)]
        ran = subprocess.run(command, capture_output=True, check=True)
        texts[name] = re.sub(".\b", "", ran.stdout.decode())
    return texts


def test_the_generated_files_are_current() -> None:
    stale = _generate.outdated(_generate.CHECKOUT)
    assert stale == [], "run python -m dcmtools.cli._generate"


def test_making_them_twice_gives_the_same() -> None:
    command = [sys.executable, "-c", "from dcmtools.cli._generate import *; print(wanted())"]
    seeds = [{**os.environ, "PYTHONHASHSEED": seed} for seed in ("1", "2", "3")]
    made = {
        subprocess.run(command, env=env, capture_output=True, check=True).stdout for env in seeds
    }
    assert len(made) == 1


def test_what_is_out_of_date_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_generate, "CHECKOUT", tmp_path)
    assert _generate.main([]) == ExitCode.OK
    assert _generate.main(["--check"]) == ExitCode.OK
    (tmp_path / "man" / "dcmtools.1").write_text("old")
    (tmp_path / "man" / "dcmtools-gone.1").touch()
    (tmp_path / "completions" / "_dcmtools").unlink()
    capsys.readouterr()
    assert _generate.main(["--check"]) == ExitCode.FAILURE
    assert capsys.readouterr().out.splitlines() == [
        f"{Path(folder, name)} is out of date"
        for folder, name in (
            ("completions", "_dcmtools"),
            ("man", "dcmtools-gone.1"),
            ("man", "dcmtools.1"),
        )
    ]
    assert _generate.main([]) == ExitCode.OK
    assert _generate.main(["--check"]) == ExitCode.OK
    assert _generate.main(["--wrong"]) == ExitCode.USAGE


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(PAGES[name], encoding="utf-8")
    command = [need("mandoc"), "-T", "lint", "-W", "warning", str(tmp_path / name)]
    ran = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (ran.stdout, ran.returncode) == ("", 0)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_terminal(shown: dict[str, str], name: str) -> None:
    assert [line for line in shown[name].splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_explained(shown: dict[str, str], name: str, code: ExitCode) -> None:
    words = " ".join(shown[name].split())
    assert f" {int(code)} {code.name} {code.description}" in words


def test_the_environment_and_the_files_are_explained(shown: dict[str, str]) -> None:
    names = ("CONFIG", "AET", "TIMEOUT", "PASSWORD", "JWT", "MAX_INFLATED")
    ours = [f"DCMTOOLS_{name}" for name in names]
    for name in [*ours, "NO_COLOR", "XDG_CONFIG_HOME"]:
        assert f"\n     {name}\n" in shown["dcmtools.1"]
    assert "config.toml" in shown["dcmtools.1"]


@pytest.mark.parametrize(("name", "command"), [("", None), *COMMANDS.items()])
def test_every_option_is_explained(
    shown: dict[str, str], name: str, command: TyperCommand | None
) -> None:
    page = shown[f"dcmtools-{name}.1" if name else "dcmtools.1"]
    tags = {tag for line in page.splitlines() for tag in re.findall(r"(?<!\S)[-+][-\w]+", line)}
    for option in options(PROGRAM, command):
        assert {*option.opts, *option.secondary_opts} <= tags
        assert " ".join((option.help or "").split()) in " ".join(page.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_pages_name_each_other(shown: dict[str, str], name: str) -> None:
    assert f"dcmtools-{name}(1)" in shown["dcmtools.1"]
    assert "dcmtools(1)" in shown[f"dcmtools-{name}.1"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_examples_in_its_page(shown: dict[str, str], name: str) -> None:
    page = re.sub(r"\s*\\\n\s+", " ", shown[f"dcmtools-{name}.1"])
    lines = [each for _, line in examples(COMMANDS[name]) for each in line.splitlines()]
    assert lines
    assert [line for line in lines if line not in page] == []


@pytest.fixture(scope="session")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with what the examples talk about."""
    folder = tmp_path_factory.mktemp("examples")
    other = Dataset()
    other.PatientID = "PID-2"
    more = {"OtherPatientIDsSequence": [other], "PatientBirthDate": "19700101"}
    more |= {"Rows": 32, "Columns": 32, "PixelData": bytes(range(256)) * 8}  # enough for JPEG 2000
    data = dcmread(make_ct(folder / "ct.dcm", **more))
    data.private_block(0x0009, "ACME 1.1", create=True).add_new(0x01, "LO", "private")
    data.save_as(folder / "ct.dcm")
    (folder / "study").mkdir()
    for name in ("1.dcm", "2.dcm"):
        make_ct(folder / "study" / name, **more)
    return folder


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_works(line: str, things: Path, tmp_path: Path) -> None:
    folder = copytree(things, tmp_path / "here")
    # What an example keeps in a variable or a file is its output too.
    tell = [f'printf %s "${name}"' for name in re.findall(r"^(\w+)=\$\(", line)]
    tell += [f"cat {name}" for name in re.findall(r"> ([\w.]+)$", line)]
    ran = subprocess.run(
        ["bash", "-c", "; ".join(["set -e -o pipefail", line, *tell])],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert ran.returncode == 0, ran.stderr
    assert SUMMARY.sub("", ran.stderr) == ""
    assert ran.stdout or "dump" not in line

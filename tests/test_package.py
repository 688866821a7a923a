"""What is built holds what a user needs, and nothing else."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return {name.partition(".data/data/")[2] or name for name in archive.namelist()}


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "dcmtools").rglob("*.py")}
    assert modules | {"dcmtools/py.typed"} <= names(wheel)


def test_the_wheel_holds_every_table(wheel: Path) -> None:
    tables = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("dcmtools/deid/data/*.tsv")}
    assert len(tables) == 5
    assert tables <= names(wheel)


def test_the_wheel_holds_every_manual_page_and_completion(wheel: Path) -> None:
    pages = {f"share/man/man{path.suffix[1:]}/{path.name}" for path in (ROOT / "man").iterdir()}
    completions = {
        "share/bash-completion/completions/dcmtools",
        "share/zsh/site-functions/_dcmtools",
        "share/fish/vendor_completions.d/dcmtools.fish",
    }
    assert pages | completions <= names(wheel)
    assert len(pages) == len(list((ROOT / "man").iterdir())) > 1


def test_the_wheel_holds_the_licence_and_no_test(wheel: Path) -> None:
    held = names(wheel)
    assert any(name.endswith("licenses/LICENSE") for name in held)
    top = {name.partition("/")[0] for name in held if ".dist-info" not in name}
    assert top == {"dcmtools", "share"}


def test_what_is_built_runs(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-m", "dcmtools", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith("dcmtools 0.")

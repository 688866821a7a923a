"""Hold the package to its own rules: who imports whom, who may print, how large a file may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import dcmtools
from dcmtools.errors import ExitCode

PACKAGE = Path(dcmtools.__file__).parent
CHECKOUT = PACKAGE.parent
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
PROGRAMS = ("__main__.py", "deid/_generate.py")
CORE = [file for file in FILES if not file.startswith("cli/") and file not in PROGRAMS]
ROOMS = (
    "batch", "cli", "config", "dataset", "deid", "errors", "net", "outcomes", "output", "pixels",
)  # fmt: skip
MOST_LINES = 400
MOST_STATEMENTS = 15
AT_THE_TOP = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "completions",
    "dcmtools",
    "man",
    "pyproject.toml",
    "tests",
}


class Import(NamedTuple):
    """One import: the file it stands in, below the package, and the whole name of the module."""

    file: str
    module: str

    @property
    def room(self) -> str:
        """The part of the package that imports: a folder, or a module beside them."""
        return self.file.split("/")[0].removesuffix(".py")

    @property
    def top(self) -> str:
        """The distribution, as it were, that is imported: ``pydicom``, ``dcmtools``, ``os``."""
        return self.module.split(".")[0]

    @property
    def imported_room(self) -> str:
        """The part of the package that is imported, "" when it is none of ours."""
        name, _, rest = self.module.partition(".")
        return rest.split(".")[0] if name == "dcmtools" else ""


def parsed(file: str) -> ast.Module:
    return ast.parse(FILES[file].read_text(encoding="utf-8"))


def imported(file: str) -> Iterator[Import]:
    """Find the imports of a file, those in functions and for type checkers included."""
    package = ["dcmtools", *file.split("/")[:-1]]
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (Import(file, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *filter(None, [node.module])])
            # "from dcmtools import config" names a module, "from os import environ" does not
            names = [f".{alias.name}" for alias in node.names] if module == "dcmtools" else [""]
            yield from (Import(file, module + name) for name in names)


IMPORTS = [found for file in FILES for found in imported(file)]


def calls(file: str) -> Iterator[str]:
    """Name what a file calls and raises: ``print``, ``sys.exit``."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)
        elif isinstance(node, ast.Raise) and node.exc is not None:
            yield ast.unparse(node.exc)


def test_the_walk_sees_the_imports() -> None:
    assert Import("cli/main.py", "typer") in IMPORTS
    assert Import("cli/dump.py", "dcmtools.config") in IMPORTS
    assert Import("output/paint.py", "rich.style") in IMPORTS
    assert Import("dataset/pydicom_bridge.py", "pydicom") in IMPORTS


def test_nothing_imports_the_command_line_but_itself_and_the_program() -> None:
    importers = {found.room for found in IMPORTS if found.imported_room == "cli"}
    assert importers <= {"cli", "__main__"}


@pytest.mark.parametrize(
    ("file", "ours"), [("errors.py", set()), ("config.py", {"dcmtools.errors"})]
)
def test_the_foundations_stand_on_the_standard_library(file: str, ours: set[str]) -> None:
    modules = {found.module for found in imported(file)}
    assert {name for name in modules if name.split(".")[0] not in sys.stdlib_module_names} == ours


@pytest.mark.parametrize(
    ("library", "places"),
    [
        ("typer", ("cli/",)),
        ("click", ("cli/",)),
        ("rich", ("output/",)),
        ("numpy", ("pixels/",)),
        ("PIL", ("pixels/",)),
        ("pydicom", ("dataset/pydicom_bridge.py", "pixels/")),
        ("pynetdicom", ("net/",)),
    ],
)
def test_a_library_has_its_places(library: str, places: tuple[str, ...]) -> None:
    files = {found.file for found in IMPORTS if found.top == library}
    assert {file for file in files if not file.startswith(places)} == set()


def test_only_known_libraries_are_imported() -> None:
    known = {"dcmtools", "typer", "rich", "numpy", "PIL", "pydicom", "pynetdicom"}
    others = {found.top for found in IMPORTS} - known
    assert others - sys.stdlib_module_names == set()


@pytest.mark.parametrize(
    ("room", "strangers"),
    [
        ("errors", set(ROOMS) - {"errors"}),
        ("config", set(ROOMS) - {"config", "errors"}),
        ("dataset", {"net", "deid", "pixels", "cli", "output", "batch"}),
        ("output", {"dataset", "net", "deid", "pixels", "cli", "batch"}),
        ("outcomes", set(ROOMS) - {"outcomes", "errors"}),
        ("batch", {"cli", "output", "net", "deid", "pixels"}),
        ("net", {"cli", "output"}),
        ("deid", {"cli", "output", "net"}),
        ("pixels", {"cli", "output", "net"}),
    ],
)
def test_a_room_knows_only_the_rooms_below_it(room: str, strangers: set[str]) -> None:
    met = {found for found in IMPORTS if found.room == room and found.imported_room in strangers}
    assert met == set()


@pytest.mark.parametrize("file", CORE)
def test_core_functions_neither_print_nor_exit(file: str) -> None:
    ways = {"print", "sys.exit", "exit", "quit", "SystemExit"}
    assert ways.intersection(calls(file)) == set()


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_short_enough_to_be_read(file: str) -> None:
    lines = FILES[file].read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.startswith("cli/") and "/_" not in file[3:]]
)
def test_the_body_of_a_command_is_short(file: str) -> None:
    name = Path(file).stem
    for command in parsed(file).body:
        if isinstance(command, ast.FunctionDef) and command.name == name:
            _, *body = command.body  # the docstring
            statements = [node for part in body for node in ast.walk(part)]
            assert sum(isinstance(node, ast.stmt) for node in statements) <= MOST_STATEMENTS


@pytest.mark.parametrize("file", FILES)
def test_a_module_says_at_its_top_what_it_decides(file: str) -> None:
    assert ast.get_docstring(parsed(file))


def test_every_module_has_a_name_of_its_own() -> None:
    words = {part.removesuffix(".py").strip("_") for file in FILES for part in file.split("/")}
    assert words & {"utils", "util", "common", "helpers", "helper", "misc"} == set()


def test_the_top_of_the_repository_is_clear() -> None:
    if not (CHECKOUT / ".git").exists():
        pytest.skip("this is not a checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True, text=True
    )
    tops = {name.split("/")[0] for name in listing.stdout.split("\0") if name}
    assert {top for top in tops if not top.startswith(".")} <= AT_THE_TOP


def test_the_exit_codes_are_those_of_the_manual() -> None:
    # By member, aliases included: two names for one code would be hidden by plain iteration.
    assert {name: int(code) for name, code in ExitCode.__members__.items()} == {
        "OK": 0,
        "FAILURE": 1,
        "USAGE": 2,
        "INPUT": 3,
        "OUTPUT": 4,
        "CONFIG": 5,
        "CONNECTION": 6,
        "ASSOCIATION": 7,
        "STATUS": 8,
        "PARTIAL": 9,
        "EMPTY": 10,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize("code", ExitCode)
def test_an_exit_code_explains_itself_in_a_sentence(code: ExitCode) -> None:
    assert code.description[0].isupper()
    assert code.description.endswith(".")

"""Show what a command loads: nothing that it does not need, for that is what starting costs."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import BODY, element, part10, write
from tests.net.scripted import Scripted
from tests.net.steps import answer, serve
from tests.net.wire import C_STORE

HEAVY = {"PIL", "pydicom", "pynetdicom", "numpy", "ssl"}
ISO_2022 = element(0x00080005, "CS", b"\\ISO 2022 IR 87 ") + element(
    0x00100010, "PN", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
)


PROGRAM = """
import atexit, sys
names = lambda: [name for name, module in sys.modules.items() if module is not None]
atexit.register(lambda: print("\\nloaded:", *names(), file=sys.stderr))
from dcmtools.__main__ import main
main()
"""


def command(*arguments: str | Path) -> list[str | Path]:
    """Give a command that runs the program and at its end says what it has loaded."""
    return [sys.executable, "-c", PROGRAM, *arguments]


def modules(stderr: bytes) -> set[str]:
    """Read the names of the loaded modules from the last line of stderr."""
    label, *names = stderr.decode().splitlines()[-1].split(" ")
    assert label == "loaded:"
    return set(names)


def loaded(*arguments: str | Path) -> set[str]:
    """Run the program with its output in a pipe and tell which modules it loaded."""
    ran = subprocess.run(
        command(*arguments), capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    assert ran.stdout
    return modules(ran.stderr)


def test_what_is_loaded_is_seen() -> None:
    assert {"dcmtools.cli.main", "typer"} <= loaded("--help")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("--help",),
        ("convert", "--help"),
        ("dump", "--help"),
        ("image", "--help"),
        ("modify", "--help"),
        ("store", "--help"),
        ("storescp", "--help"),
        ("__complete", "keywords", "Pat"),
    ],
    ids=" ".join,
)
def test_help_version_and_completion_load_no_libraries(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) & (HEAVY | {"rich", "multiprocessing"}) == set()


def test_sending_loads_nothing_of_what_receives_or_retrieves(ct: Path) -> None:
    with Scripted(serve({C_STORE: answer()})) as peer:
        ran = subprocess.run(command("store", peer.address, ct), capture_output=True, check=True)
    names = modules(ran.stderr)
    assert "dcmtools.net.store" in names
    assert names & {"numpy", "rich", "multiprocessing"} == set()
    ours = {name.rpartition(".")[2] for name in names if name.startswith("dcmtools.")}
    others = {
        "scp",
        "commitment",
        "hooks",
        "retrieve",
        "storage",
        "edit",
        "query",
        "json",
        "worker",
    }
    assert ours & others == set()


def test_an_edit_loads_no_libraries(ct: Path) -> None:
    edit = "-i", "PatientID=X", "-i", "PatientName=A^B", "-e", "Modality", "--if", "Rows=4"
    names = loaded("modify", ct, "-n", *edit, "--new-uids", "study")
    assert names & (HEAVY | {"rich", "multiprocessing", "tempfile"}) == set()
    ours = {name.rpartition(".")[2] for name in names if name.startswith("dcmtools.")}
    assert "editor" in ours
    assert ours & {"net", "deid", "pixels", "recode"} == set()


def test_a_conversion_leaves_the_libraries_to_its_processes(ct: Path) -> None:
    rle = str(ct.with_name("rle.dcm"))
    convert = command("convert", ct, "-o", rle, "--to", "rle", "--verify")
    names = modules(subprocess.run(convert, capture_output=True, check=True).stderr)
    assert names & (HEAVY | {"rich", "multiprocessing"}) == set()


def test_completion_does_without_the_command_line() -> None:
    assert loaded("__complete", "keywords", "Pat") & {"typer", "dcmtools.cli.main"} == set()


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys; old = set(sys.modules); import dcmtools; print(*set(sys.modules) - old)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    names = set(ran.stdout.split())
    foreign = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"dcmtools"}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-P", "PatientName"),
        ("-f", "text"),
        ("-f", "json"),
        ("-f", "json", "--simple"),
        ("-f", "json", "--bulk", "inline"),
        ("-f", "ndjson"),
        ("-f", "csv", "-P", "PatientName"),
        ("-f", "tsv", "-P", "PatientName"),
        ("-f", "xml"),
        ("--value", "-P", "PatientName"),
    ],
    ids=" ".join,
)
def test_a_dump_into_a_pipe_loads_no_libraries(ct: Path, arguments: tuple[str, ...]) -> None:
    assert loaded("dump", ct, *arguments) & (HEAVY | {"rich"}) == set()


def test_code_extensions_load_pydicom_but_never_numpy(tmp_path: Path) -> None:
    found = loaded("dump", write(tmp_path / "iso2022.dcm", part10(ISO_2022)))
    assert "pydicom" in found
    assert found & {"numpy", "pynetdicom", "rich"} == set()


@pytest.mark.parametrize("charset", [b"ISO_IR 100", b"ISO_IR 192", b"GB18030 "])
def test_other_character_sets_load_nothing(tmp_path: Path, charset: bytes) -> None:
    body = element(0x00080005, "CS", charset) + element(0x00100010, "PN", b"M\xc3\xbcll")
    assert loaded("dump", write(tmp_path / "a.dcm", part10(body))) & HEAVY == set()


def test_a_failure_loads_no_libraries_either(tmp_path: Path) -> None:
    ran = subprocess.run(command("dump", tmp_path / "none"), capture_output=True, check=False)
    assert ran.returncode == 3
    assert modules(ran.stderr) & (HEAVY | {"rich"}) == set()


def test_a_terminal_loads_only_the_part_of_rich_that_draws(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dcm", part10(BODY))
    terminal, stdout = pty.openpty()
    ran = subprocess.run(command("dump", file), stdout=stdout, stderr=subprocess.PIPE, check=True)
    os.close(stdout)
    shown = os.read(terminal, 1 << 16)
    os.close(terminal)
    assert b"PatientName" in shown
    assert "rich.style" in modules(ran.stderr)
    assert modules(ran.stderr) & (HEAVY | {"rich.markdown", "rich.console"}) == set()

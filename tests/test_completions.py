"""Try the completion scripts in the shells that they are written for."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated

import pytest
import typer
from typer.core import TyperGroup

from dcmtools.cli._completions import scripts
from dcmtools.cli._tree import program
from tests.conftest import need
from tests.factories import make_ct

BIN = Path(sys.executable).parent
PATIENCE = 30  # seconds for a shell to react
CONFIG = """
[peers.archive]
host = "archive.example.org"
port = 104
[peers.ward-7]
host = "ward.example.org"
port = 104
"""

BASH_RC = """
PS1='ready> '
bind 'set enable-bracketed-paste off'
bind -x '"\\C-xd": printf "<<%s>>\\n" "$READLINE_LINE"'
source ./dcmtools.bash
"""

ZSH_RC = """
PROMPT='ready> '
fpath=($PWD/functions $fpath)
autoload -Uz compinit
compinit -u -d $PWD/.zcompdump
show() { print -r -- "<<$BUFFER>>" }
zle -N show
bindkey '^Xd' show
"""


@contextmanager
def terminal(*command: str) -> Iterator[int]:
    """Run a shell at a terminal that is too wide for any line to wrap."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 1000, 0, 0))
    shell = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        yield ours
    finally:
        shell.send_signal(signal.SIGKILL)
        shell.wait()
        os.close(ours)


def read_until(screen: int, pattern: str) -> str:
    """Read from a terminal until what is there matches, and give the group of the match."""
    seen = ""
    end = monotonic() + PATIENCE
    while not (found := re.search(pattern, seen)):
        ready, _, _ = select.select([screen], [], [], max(0, end - monotonic()))
        assert ready, f"the shell shows {seen!r}"
        seen += os.read(screen, 1 << 16).decode()
    return found[1]


def typed_into(screen: int, line: str) -> str:
    """Type a line and one TAB; give the line as it is then."""
    os.write(screen, f"{line}\t\x18d".encode())
    return read_until(screen, r"<<(.*?)>>")


def bash(line: str) -> str:
    """Complete a line in an interactive bash."""
    Path("bashrc").write_text(BASH_RC)
    with terminal(need("bash"), "--noprofile", "--rcfile", "bashrc", "-i") as screen:
        read_until(screen, "(ready> )")
        return typed_into(screen, line)


def zsh(line: str) -> str:
    """Complete a line in an interactive zsh that finds the script as compinit does."""
    Path("functions").mkdir(exist_ok=True)
    shutil.copy("_dcmtools", "functions")
    Path(".zshrc").write_text(ZSH_RC)
    with terminal(need("zsh"), "-o", "NO_GLOBAL_RCS", "-i") as screen:
        read_until(screen, "(ready> )")
        return typed_into(screen, line)


def fish(line: str) -> str:
    """Complete a line in fish, which says what it would offer."""
    quoted = line.replace("\\", "\\\\").replace("'", "\\'")
    ran = subprocess.run(
        [need("fish"), "--no-config", "-c", f"source dcmtools.fish; complete -C '{quoted}'"],
        capture_output=True,
        check=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert ran.stderr == ""
    offers = [offer.split("\t")[0] for offer in ran.stdout.splitlines()]
    assert len(offers) < 2, offers
    return re.sub(r"\S*$", "", line) + offers[0] if offers else line


Shell = Callable[[str], str]


@pytest.fixture(params=[bash, zsh, fish], ids=lambda shell: shell.__name__)
def shell(request: pytest.FixtureRequest) -> Shell:
    """Give each of the shells."""
    found: Shell = request.param
    return found


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that holds files, a home and the scripts."""
    for name, text in scripts(program()).items():
        (tmp_path / name).write_text(text)
    make_ct(tmp_path / "ct image.dcm")
    make_ct(tmp_path / "mr.dcm")
    (tmp_path / "study").mkdir()
    (tmp_path / "peers.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "ZDOTDIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DCMTOOLS_CONFIG", str(tmp_path / "peers.toml"))


def bare(line: str) -> str:
    """Drop what the shells do differently: the end of a word, and how they protect a word."""
    return line.strip().replace("\\", "").replace("'", "")


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("dcmtools du", "dcmtools dump"),
        ("dcmtools -v --color never du", "dcmtools -v --color never dump"),
        ("dcmtools --vers", "dcmtools --version"),
        ("dcmtools --color al", "dcmtools --color always"),
        ("dcmtools dump --no-file", "dcmtools dump --no-filename"),
        ("dcmtools dump mr.dcm --no-file", "dcmtools dump mr.dcm --no-filename"),
        ("dcmtools -q dump --verb", "dcmtools -q dump --verbose"),
        ("dcmtools dump -f nd", "dcmtools dump -f ndjson"),
        ("dcmtools dump --format=nd", "dcmtools dump --format=ndjson"),
        ("dcmtools dump mr.dcm --bulk inl", "dcmtools dump mr.dcm --bulk inline"),
        ("dcmtools dump --color ne", "dcmtools dump --color never"),
        ("dcmtools dump mr", "dcmtools dump mr.dcm"),
        ("dcmtools dump ct", "dcmtools dump ct image.dcm"),
        ("dcmtools dump stu", "dcmtools dump study/"),
        ("dcmtools dump -P PatientID mr", "dcmtools dump -P PatientID mr.dcm"),
        ("dcmtools dump --path=PatientID mr", "dcmtools dump --path=PatientID mr.dcm"),
        ("dcmtools dump --files-from mr", "dcmtools dump --files-from mr.dcm"),
        ("dcmtools dump -- mr", "dcmtools dump -- mr.dcm"),
        ("dcmtools dump -P PatientNam", "dcmtools dump -P PatientName"),
        ("dcmtools dump -P patientnam", "dcmtools dump -P PatientName"),
        ("dcmtools dump +P PatientNam", "dcmtools dump +P PatientName"),
        ("dcmtools dump --path PatientNam", "dcmtools dump --path PatientName"),
        ("dcmtools dump --path=PatientNam", "dcmtools dump --path=PatientName"),
        ("dcmtools dump mr.dcm -P PatientNam", "dcmtools dump mr.dcm -P PatientName"),
        (
            "dcmtools dump -P PatientID -P StudyInst",
            "dcmtools dump -P PatientID -P StudyInstanceUID",
        ),
        (
            "dcmtools dump mr.dcm -P Modality --path=PatientID -q -P PatientNam",
            "dcmtools dump mr.dcm -P Modality --path=PatientID -q -P PatientName",
        ),
        (
            "dcmtools dump -P OtherPatientIDsSequence.PatientNam",
            "dcmtools dump -P OtherPatientIDsSequence.PatientName",
        ),
        (
            "dcmtools dump -P OtherPatientIDsSequence[0].PatientNam",
            "dcmtools dump -P OtherPatientIDsSequence[0].PatientName",
        ),
        (
            "dcmtools dump --path='OtherPatientIDsSequence[*].PatientNam",
            "dcmtools dump --path=OtherPatientIDsSequence[*].PatientName",
        ),
        (
            "dcmtools dump -P '(0040,a730)[0].CodeMean",
            "dcmtools dump -P (0040,a730)[0].CodeMeaning",
        ),
    ],
)
def test_one_tab_completes(shell: Shell, typed: str, completed: str) -> None:
    assert bare(shell(typed)) == completed


@pytest.mark.parametrize(
    "typed",
    ["dcmtools zz", "dcmtools dump -P zz", "dcmtools dump -f zz", "dcmtools dump --depth zz"],
)
def test_files_are_offered_only_where_files_are_asked_for(shell: Shell, typed: str) -> None:
    make_ct(Path("zz.dcm"))
    assert bare(shell(typed)) == typed


def test_a_path_stays_one_word_for_the_shell() -> None:
    Path("OtherPatientIDsSequence0.PatientName").touch()
    line = "dcmtools dump -P OtherPatientIDsSequence[0].PatientNam"
    assert bash(line).rstrip().endswith(" OtherPatientIDsSequence[0].PatientName")


def commands_to_come() -> TyperGroup:
    """Make a program with operands and options that no command has yet."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False)

    def send(
        peer: Annotated[str, typer.Argument(metavar="PEER", help="It's a peer: [any].")],
        paths: Annotated[list[Path], typer.Argument(metavar="PATH...")],
        output: Annotated[Path | None, typer.Option("-od", metavar="DIR")] = None,
    ) -> None:
        """Send 'files' [all]: to a peer."""

    def ask(peers: Annotated[list[str], typer.Argument(metavar="PEER...")]) -> None:
        """Ask many peers."""

    app.command("send")(send)
    app.command("ask")(ask)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("dcmtools se", "dcmtools send"),
        ("dcmtools send ward", "dcmtools send ward-7"),
        ("dcmtools send -od study ward", "dcmtools send -od study ward-7"),
        ("dcmtools send ward-7 mr", "dcmtools send ward-7 mr.dcm"),
        ("dcmtools send ward-7 mr.dcm ct", "dcmtools send ward-7 mr.dcm ct image.dcm"),
        ("dcmtools ask ward-7 arch", "dcmtools ask ward-7 archive"),
        ("dcmtools send -od st", "dcmtools send -od study/"),
    ],
)
def test_operands_have_kinds(shell: Shell, typed: str, completed: str) -> None:
    for name, text in scripts(commands_to_come()).items():
        Path(name).write_text(text)
    assert bare(shell(typed)) == completed


def test_fish_and_zsh_say_what_an_option_does() -> None:
    made = scripts(program())
    assert "[Say nothing but errors]" in made["_dcmtools"]
    assert "-d 'Say nothing but errors'" in made["dcmtools.fish"]


def test_compinit_sees_the_zsh_script() -> None:
    assert scripts(program())["_dcmtools"].startswith("#compdef dcmtools\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["keywords", "patientnam"], ["PatientName"]),
        (["keywords", "A[0].B.PatientNam"], ["A[0].B.PatientName"]),
        (["keywords", '(0009,"A.PatientNam'], []),
        (["keywords", "(0010,0010)"], []),
        (["peers", ""], ["archive", "ward-7"]),
        (["peers", "w"], ["ward-7"]),
        (["planets", ""], []),
        (["keywords"], None),
        ([], []),
    ],
)
def test_the_program_answers(arguments: list[str], words: list[str] | None) -> None:
    ran = complete(*arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    answer = ran.stdout.splitlines()
    assert answer == words if words is not None else len(answer) > 4000


def complete(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "dcmtools", "__complete", *arguments], capture_output=True, check=False, text=True
    )


def test_a_bad_configuration_has_no_peers() -> None:
    Path("peers.toml").write_text("[")
    ran = complete("peers", "")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("redirection", ["| true", ">&-", ">/dev/full"])
def test_nobody_listening_is_no_trouble(redirection: str) -> None:
    line = f"set -o pipefail; dcmtools __complete keywords '' {redirection}"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, check=False, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_answering_loads_no_library() -> None:
    code = (
        "import sys; from dcmtools.cli._complete import complete;"
        "complete(['keywords', 'Pat']); complete(['peers', '']);"
        "print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "PatientName" in ran.stdout
    assert {"typer", "rich", "pydicom", "numpy"}.isdisjoint(ran.stderr.split())

"""Programs on what has come: what they are given, when they are run, how they are ended."""

import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep

import pytest

from dcmtools.errors import UsageError
from dcmtools.net import hooks as module
from dcmtools.net.arrivals import Arrival
from dcmtools.net.hooks import Hook, HookResult, Hooks
from dcmtools.net.storage import Stored
from dcmtools.net.studies import Study
from tests.conftest import need

PATIENCE = 20.0
EVIL = "$(touch pwned) `touch pwned`; touch pwned | x & 'y' \"z\" *\\ #p #a %s"


def program(folder: Path, *lines: str, name: str = "hook") -> str:
    """Write a program, which has its own folder in ``$here``, and give its path, quoted."""
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", f"here='{folder}'", *lines, ""]))
    path.chmod(0o755)
    return f"'{path}'"


def on_file(command: str) -> Hook:
    return Hook.parse(command, "--on-file")


def on_study(command: str) -> Hook:
    return Hook.parse(command, "--on-study")


def arrival(path: Path, study: str = "1.2", **others: str) -> Arrival:
    """Make a file that was stored."""
    sender = {"calling_aet": "CT1", "called_aet": "ARCHIVE", "host": "127.0.0.1"}
    sender |= {name: others.pop(name) for name in list(sender) if name in others}
    uid = others.pop("sop_instance_uid", "1.2.3.4")
    return Arrival(Stored(uid, 0, path, 10, study=study, **others), **sender)  # type: ignore[arg-type]


def complete(folder: Path, uid: str = "1.2", **others: str) -> Study:
    """Make a study that is complete."""
    sender = {"calling_aet": "CT1", "called_aet": "ARCHIVE", "host": "127.0.0.1"} | others
    return Study(
        uid,
        "P1",
        **sender,
        folder=folder,
        files=3,
        size=30,
        instances=3,
        duplicates=0,
        first=1.0,
        last=2.0,
    )


class Told:
    """The results that were told, and a way to wait for them."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[HookResult] = SimpleQueue()

    def __call__(self, result: HookResult) -> None:
        """Take one in."""
        self._queue.put(result)

    def next(self) -> HookResult:
        """Wait for one."""
        return self._queue.get(timeout=PATIENCE)

    def some(self, count: int) -> list[HookResult]:
        """Wait for some, and see that there are no more."""
        found = [self.next() for _ in range(count)]
        assert self._queue.empty()
        return found


def run(hook: Hook, *what: Arrival | Study) -> list[HookResult]:
    """Run a program, and see that it is run on each of what has come."""
    told = Told()
    hooks = Hooks(hook, None, told, 1) if hook.option == "--on-file" else Hooks(None, hook, told, 1)
    for each in what:
        if isinstance(each, Arrival):
            hooks.on_file(each)
        else:
            hooks.on_study(each)
    hooks.close(PATIENCE)
    return told.some(len(what))


def arguments(tmp_path: Path, template: str, what: Arrival | Study) -> list[str]:
    """Give the arguments that a program has got."""
    parse = on_file if isinstance(what, Arrival) else on_study
    hook = parse(program(tmp_path, 'printf \'%s\\0\' "$@" > "$here/args"') + " " + template)
    (result,) = run(hook, what)
    assert result.status == 0, result
    return (tmp_path / "args").read_bytes().decode("utf-8").split("\0")[:-1]


def variables(tmp_path: Path, what: Arrival | Study) -> dict[str, str]:
    """Give the environment that a program has."""
    parse = on_file if isinstance(what, Arrival) else on_study
    (result,) = run(parse(program(tmp_path, 'env -0 > "$here/env"')), what)
    assert result.status == 0, result
    entries = (tmp_path / "env").read_bytes().decode("utf-8").split("\0")[:-1]
    return dict(entry.split("=", 1) for entry in entries)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = monotonic() + PATIENCE
    while not holds():
        assert monotonic() < deadline
        sleep(0.005)


def is_gone(pid: int) -> bool:
    """Whether a process has ended; its parent, which is not us, may not know that yet."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


class Gate:
    """What a program waits at: ``read x < "$here/NAME"``."""

    def __init__(self, folder: Path, name: str = "gate") -> None:
        self.path = folder / name
        os.mkfifo(self.path)

    def opened(self) -> bool:
        """Let a program go on that waits at it; False where there is none."""
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True


# What is read of a command line


def test_a_command_is_split_once_and_its_program_found() -> None:
    hook = on_file("echo '#p/#f'  a\\ b \"c d\" '' x#y")
    assert Path(hook.program).is_absolute()
    assert Path(hook.program).name == "echo"
    assert hook.arguments == ("#p/#f", "a b", "c d", "", "x#y")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names no program"),
        ("   ", "names no program"),
        ("'' x", "names no program"),
        ("echo 'x", "no closing quotation"),
        ("no-such-program-anywhere #p", "'no-such-program-anywhere': no such program"),
        ("/etc/passwd", "'/etc/passwd': no such program"),
        ("/etc", "'/etc': no such program"),
        ("#p/run", "cannot depend on what comes"),
        ("#a", "cannot depend on what comes"),
        ("sh -c 'echo #a'", "must not be part of a shell's script"),
        ("/bin/bash -ec 'x #p'", "must not be part of a shell's script"),
        ("env X=1 sh -c 'x #f'", "must not be part of a shell's script"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_at_once(text: str, why: str) -> None:
    with pytest.raises(UsageError, match="--on-study") as caught:
        on_study(text)
    assert why in caught.value.why
    assert caught.value.hint


def test_values_may_be_arguments_of_a_script_for_a_shell(tmp_path: Path) -> None:
    hook = on_file(f'sh -c \'printf %s "$1" > "{tmp_path}/out"\' sh #a')
    assert run(hook, arrival(tmp_path / "1.dcm", calling_aet="$(id);id"))[0].status == 0
    assert (tmp_path / "out").read_text() == "$(id);id"


def test_a_program_is_found_wherever_the_server_goes_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, 'touch "$here/ran"')
    monkeypatch.chdir(tmp_path)
    hook = on_file("./hook")
    monkeypatch.chdir("/")
    assert run(hook, arrival(tmp_path / "1.dcm"))[0].status == 0
    assert (tmp_path / "ran").exists()


def test_a_program_may_have_a_doubled_sign_in_its_name(tmp_path: Path) -> None:
    hook = on_file(program(tmp_path, "exit 7", name="c#play").replace("#", "##"))
    assert run(hook, arrival(tmp_path / "1.dcm"))[0].status == 7


def test_the_program_on_a_study_knows_no_file() -> None:
    with pytest.raises(UsageError, match="--on-study") as caught:
        Hooks(None, on_study("echo #p #f"), lambda _: None)
    assert "#f" in caught.value.why
    Hooks(None, on_study("echo ##f"), lambda _: None).close(PATIENCE)


# What a program is given


def test_placeholders_of_a_file(tmp_path: Path) -> None:
    given = arguments(tmp_path, "#p #f #a #c #r '#p/#f' a#a-b ## ##p #x #", arrival(tmp_path / "1"))
    folder = str(tmp_path)
    assert given == [
        folder,
        "1",
        "CT1",
        "ARCHIVE",
        "127.0.0.1",
        f"{folder}/1",
        "aCT1-b",
        "#",
        "#p",
        "#x",
        "#",
    ]


def test_placeholders_of_a_study(tmp_path: Path) -> None:
    given = arguments(tmp_path, "#p #a #c #r", complete(tmp_path))
    assert given == [str(tmp_path), "CT1", "ARCHIVE", "127.0.0.1"]


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path)
    assert arguments(tmp_path, "#p #f", arrival(Path("-in/1"))) == [f"{here}/-in", "1"]
    assert arguments(tmp_path, "#p", complete(Path("in"))) == [f"{here}/in"]
    assert variables(tmp_path, arrival(Path("in/1")))["DCM_PATH"] == f"{here}/in/1"


def test_no_shell_sees_what_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / EVIL.replace("/", "_")
    what = arrival(folder / EVIL, study=EVIL, calling_aet=EVIL, called_aet="#f", host=EVIL)
    assert arguments(tmp_path, "#p #f #a #c #r x#ay", what) == [
        str(folder),
        EVIL,
        EVIL,
        "#f",
        EVIL,
        f"x{EVIL}y",
    ]
    told = variables(tmp_path, what)
    assert told["DCM_PATH"] == str(folder / EVIL)
    assert told["DCM_STUDY_INSTANCE_UID"] == told["DCM_CALLING_AET"] == EVIL
    assert list(tmp_path.rglob("pwned")) == []


def test_control_characters_are_escaped_and_nothing_is_cut_by_them(tmp_path: Path) -> None:
    uid = "1.2\0.3\nPATH=/evil\x1b[2J\u202e"
    escaped = "1.2\\x00.3\\x0aPATH=/evil\\x1b[2J\\u202e"
    what = arrival(tmp_path / "1", sop_instance_uid=uid, calling_aet="A\nB\0", patient_id=uid)
    assert arguments(tmp_path, "#a", what) == ["A\\x0aB\\x00"]
    told = variables(tmp_path, what)
    assert told["DCM_SOP_INSTANCE_UID"] == told["DCM_PATIENT_ID"] == escaped
    assert told["PATH"] == os.environ["PATH"]


def test_a_path_is_given_as_it_is_whatever_its_folder_is_called(tmp_path: Path) -> None:
    path = tmp_path / "a\nb \x1b é" / "1"
    assert arguments(tmp_path, "#p", arrival(path)) == [str(path.parent)]
    assert variables(tmp_path, arrival(path))["DCM_PATH"] == str(path)


@pytest.mark.parametrize("aet", ["-rf", "--help", "+x", "@/etc/passwd"])
def test_an_ae_title_is_no_option(tmp_path: Path, aet: str) -> None:
    what = arrival(tmp_path / "1", calling_aet=aet, called_aet=aet)
    assert arguments(tmp_path, "#a #c", what) == [f"_{aet[1:]}"] * 2
    told = variables(tmp_path, what)
    assert told["DCM_CALLING_AET"] == told["DCM_CALLED_AET"] == aet


def test_the_longest_values_do_not_keep_a_program_from_running(tmp_path: Path) -> None:
    long = "\1" * 200_000
    what = arrival(tmp_path / "1", study=long, patient_id=long, series=long, host=long)
    assert variables(tmp_path, what)["DCM_PATIENT_ID"] == "\\x01" * 1024


def test_values_can_be_given_whatever_the_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "latin-1")
    told = variables(tmp_path, arrival(tmp_path / "1", patient_id="Ä山\udc80"))
    assert told["DCM_PATIENT_ID"] == "Ä\\u5c71\\x80"


def test_the_environment_of_a_program_on_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCM_FILES", "99")
    monkeypatch.setenv("DCM_OTHER", "kept")
    what = arrival(
        tmp_path / "in" / "1.dcm",
        sop_class="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax="1.2.840.10008.1.2.1",
        patient_id="P1",
        series="1.2.3",
    )
    told = variables(tmp_path, what)
    assert {name: value for name, value in told.items() if name.startswith("DCM_")} == {
        "DCM_PATH": str(tmp_path / "in" / "1.dcm"),
        "DCM_FOLDER": str(tmp_path / "in"),
        "DCM_FILE": "1.dcm",
        "DCM_CALLING_AET": "CT1",
        "DCM_CALLED_AET": "ARCHIVE",
        "DCM_HOST": "127.0.0.1",
        "DCM_SOP_CLASS_UID": "1.2.840.10008.5.1.4.1.1.2",
        "DCM_SOP_INSTANCE_UID": "1.2.3.4",
        "DCM_STUDY_INSTANCE_UID": "1.2",
        "DCM_SERIES_INSTANCE_UID": "1.2.3",
        "DCM_PATIENT_ID": "P1",
        "DCM_TRANSFER_SYNTAX_UID": "1.2.840.10008.1.2.1",
        "DCM_OTHER": "kept",
    }


def test_the_environment_of_a_program_on_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCM_PATH", "/another")
    told = variables(tmp_path, complete(tmp_path / "in"))
    assert {name: value for name, value in told.items() if name.startswith("DCM_")} == {
        "DCM_FOLDER": str(tmp_path / "in"),
        "DCM_CALLING_AET": "CT1",
        "DCM_CALLED_AET": "ARCHIVE",
        "DCM_HOST": "127.0.0.1",
        "DCM_STUDY_INSTANCE_UID": "1.2",
        "DCM_PATIENT_ID": "P1",
        "DCM_FILES": "3",
    }


def test_what_a_program_says_goes_to_stderr_and_it_is_told_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = ["cat", "echo said", "echo complained >&2"]
    assert run(on_file(program(tmp_path, *lines)), arrival(tmp_path / "1"))[0].status == 0
    assert capfd.readouterr() == ("", "said\ncomplained\n")


def test_a_program_has_no_connection_of_ours_and_a_session_of_its_own(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not show who has what open")
    lines = [
        'ls -l /proc/self/fd > "$here/open"',
        'read stat < /proc/$$/stat; echo $stat > "$here/stat"',
    ]
    with ExitStack() as stack:
        for sock in socket.socketpair():
            stack.enter_context(sock).set_inheritable(True)
        assert run(on_file(program(tmp_path, *lines)), arrival(tmp_path / "1"))[0].status == 0
    found = (tmp_path / "open").read_text()
    assert "0 -> /dev/null" in found
    assert "socket:" not in found
    pid, _, _, _, group, session, *_ = (tmp_path / "stat").read_text().split()
    assert pid == group == session


# How it ends


@pytest.mark.parametrize(
    ("line", "status", "text"),
    [
        ("exit 0", 0, "ended with exit status 0 after"),
        ("exit 3", 3, "ended with exit status 3 after"),
        ("kill -KILL $$", -signal.SIGKILL, "was ended by SIGKILL after"),
        ("kill -40 $$", -40, "was ended by signal 40 after"),
    ],
)
def test_it_is_told_how_a_program_has_ended(
    tmp_path: Path, line: str, status: int, text: str
) -> None:
    path = tmp_path / "1.dcm"
    (result,) = run(on_file(program(tmp_path, line) + " #f"), arrival(path))
    assert result.status == status
    assert result.failed == (status != 0)
    assert result.argv == (str(tmp_path / "hook"), "1.dcm")
    assert 0 < result.seconds < PATIENCE
    assert str(result).startswith(f"{path}: --on-file 'hook' {text}")


def test_the_result_of_a_program_on_a_study_names_the_study(tmp_path: Path) -> None:
    (result,) = run(on_study(program(tmp_path, "exit 1")), complete(tmp_path, "1.2.7"))
    assert str(result).startswith("study 1.2.7: --on-study 'hook' ended with exit status 1")


def test_a_program_that_cannot_be_started_is_told_of_and_the_next_one_runs(tmp_path: Path) -> None:
    hook = on_file(program(tmp_path, "exit 0"))
    path = Path(hook.program)
    path.write_text("#!/no/such/interpreter\n")
    told = Told()
    hooks = Hooks(hook, None, told, 1)
    hooks.on_file(arrival(tmp_path / "1"))
    failed = told.next()
    program(tmp_path, "exit 0")
    hooks.on_file(arrival(tmp_path / "2"))
    assert told.next().status == 0
    hooks.close(PATIENCE)
    assert (failed.status, failed.failed) == (None, True)
    assert failed.why == "no such file or directory"
    assert "was not run: no such file or directory" in str(failed)


def test_many_programs_run_a_few_at_a_time_and_leave_nothing(tmp_path: Path) -> None:
    count = 120
    hook = on_file(program(tmp_path, 'echo "+ $$" >> "$here/log"', 'echo "- $$" >> "$here/log"'))
    told = Told()
    hooks = Hooks(hook, None, told, 3)
    paths = [tmp_path / f"{number}.dcm" for number in range(count)]
    for path in paths:
        hooks.on_file(arrival(path))
    hooks.close(60)
    results = told.some(count)
    assert {result.status for result in results} == {0}
    assert {result.subject for result in results} == {str(path) for path in paths}
    running = most = 0
    pids: set[int] = set()
    for line in (tmp_path / "log").read_text().splitlines():
        sign, pid = line.split()
        running += 1 if sign == "+" else -1
        most = max(most, running)
        pids.add(int(pid))
    assert most <= 3
    assert len(pids) == count
    for each in pids:  # a zombie would be there still
        with pytest.raises(ChildProcessError):
            os.waitpid(each, os.WNOHANG)


def test_several_run_at_the_same_time(tmp_path: Path) -> None:
    gates = [Gate(tmp_path, name) for name in "123"]
    told = Told()
    hooks = Hooks(on_file(program(tmp_path, 'read x < "$here/$1"') + " #f"), None, told, 2)
    for gate in gates:
        hooks.on_file(arrival(gate.path))
    until(gates[1].opened)  # while the first waits
    until(gates[2].opened)  # in the place of the second
    until(gates[0].opened)
    hooks.close(PATIENCE)
    assert len(told.some(3)) == 3


def test_they_run_in_order_of_arrival(tmp_path: Path) -> None:
    hook = program(tmp_path, 'echo "$1" >> "$here/log"')
    told = Told()
    hooks = Hooks(on_file(hook + " #f"), on_study(hook + " #r"), told, 1)
    for number in range(20):
        hooks.on_file(arrival(tmp_path / str(number), study=f"1.{number % 2}"))
    hooks.on_study(complete(tmp_path, "1.0", host="study 0"))
    hooks.on_file(arrival(tmp_path / "20", study="1.2"))
    hooks.on_study(complete(tmp_path, "1.1", host="study 1"))
    hooks.on_file(arrival(tmp_path / "21", study="1.0"))
    hooks.close(PATIENCE)
    expected = [*map(str, range(20)), "study 0", "20", "study 1", "21"]
    assert (tmp_path / "log").read_text().splitlines() == expected


def test_a_study_waits_for_its_files_and_for_no_others(tmp_path: Path) -> None:
    slow, other = Gate(tmp_path, "slow"), Gate(tmp_path, "other")
    hook = on_file(program(tmp_path, 'test -p "$1" && read x < "$1"; exit 0') + " #p/#f")
    told = Told()
    hooks = Hooks(hook, on_study("true"), told, 4)
    hooks.on_file(arrival(slow.path, study="1.1"))
    hooks.on_file(arrival(tmp_path / "quick", study="1.1"))
    hooks.on_file(arrival(other.path, study="1.3"))
    assert told.next().subject.endswith("/quick")
    hooks.on_study(complete(tmp_path, "1.1"))
    hooks.on_study(complete(tmp_path, "1.2"))  # of which no file is left
    assert told.next().subject == "study 1.2"
    hooks.on_file(arrival(tmp_path / "later", study="1.1"))  # of the next round of that study
    assert told.next().subject.endswith("/later")
    hooks.on_study(complete(tmp_path, "1.1"))
    assert told.next().subject == "study 1.1"  # the second time: it has no file left
    until(slow.opened)
    assert [told.next().subject for _ in range(2)] == [str(slow.path), "study 1.1"]
    until(other.opened)
    assert told.next().subject == str(other.path)
    hooks.close(PATIENCE)
    told.some(0)
    assert hooks._rounds == {}


def test_a_file_whose_program_fails_does_not_keep_its_study_from_being_run(tmp_path: Path) -> None:
    told = Told()
    hooks = Hooks(on_file("false"), on_study("true"), told)
    hooks.on_file(arrival(tmp_path / "1"))
    hooks.on_study(complete(tmp_path))
    hooks.close(PATIENCE)
    assert [result.status for result in told.some(2)] == [1, 0]


def test_without_a_program_nothing_is_run(tmp_path: Path) -> None:
    told = Told()
    hooks = Hooks(None, on_study("true"), told)
    hooks.on_file(arrival(tmp_path / "1"))
    hooks.close(PATIENCE)
    hooks = Hooks(on_file("true"), None, told)
    hooks.on_study(complete(tmp_path))
    hooks.on_file(Arrival(Stored("1", 0xA700), "CT1", "ARCHIVE", "127.0.0.1"))
    hooks.close(PATIENCE)
    told.some(0)


# A server is not held up, and comes to its end


def test_a_program_that_hangs_holds_nobody_up_and_that_it_is_behind_is_told(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    told = Told()
    behind: list[int] = []
    hook = on_file(program(tmp_path, 'test "$1" != 0 || read x < "$here/gate"') + " #f")
    hooks = Hooks(hook, None, told, 1, behind=behind.append)
    started = monotonic()
    hooks.on_file(arrival(tmp_path / "0"))
    until(lambda: not hooks._waiting)
    for number in range(1, 2100):
        hooks.on_file(arrival(tmp_path / str(number)))
    assert monotonic() - started < PATIENCE
    assert behind == [1001, 2003]
    hooks.close(0)
    results = told.some(2100)
    assert sum(result.why == "the receiver has ended" for result in results) == 2099
    assert not gate.opened()


def test_the_end_waits_for_what_runs_and_what_waits(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    told = Told()
    lines = ['test "$1" != 0 || read x < "$here/gate"', "exit 0"]
    hooks = Hooks(on_file(program(tmp_path, *lines) + " #f"), on_study("true"), told, 1)
    for name in "012":
        hooks.on_file(arrival(tmp_path / name))
    hooks.on_study(complete(tmp_path))
    closing = Thread(target=hooks.close, args=(PATIENCE,))
    closing.start()
    until(gate.opened)
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert [result.status for result in told.some(4)] == [0, 0, 0, 0]
    assert not any(thread.is_alive() for thread in hooks._threads)


def test_the_end_ends_what_hangs_with_its_children_and_tells_what_was_not_run(
    tmp_path: Path,
) -> None:
    Gate(tmp_path)
    told = Told()
    lines = ['cat "$here/gate" &', 'echo $! > "$here/pid"', 'mv "$here/pid" "$here/child"', "wait"]
    hooks = Hooks(on_file(program(tmp_path, *lines)), on_study("true"), told, 1)
    hooks.on_file(arrival(tmp_path / "1"))
    hooks.on_file(arrival(tmp_path / "2"))
    hooks.on_study(complete(tmp_path))
    until((tmp_path / "child").exists)
    started = monotonic()
    hooks.close(0.1)
    assert 0.1 <= monotonic() - started < PATIENCE
    results = {result.subject: result for result in told.some(3)}
    assert results[str(tmp_path / "1")].status == -signal.SIGTERM
    for subject in (str(tmp_path / "2"), "study 1.2"):
        assert results[subject].status is None
        assert results[subject].why == "the receiver has ended"
    child = int((tmp_path / "child").read_text())
    until(lambda: is_gone(child))
    assert not any(thread.is_alive() for thread in hooks._threads)


def test_what_does_not_listen_is_ended_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.2)
    Gate(tmp_path)
    told = Told()
    lines = ["trap '' TERM", 'touch "$here/started"', 'while :; do read x < "$here/gate"; done']
    hooks = Hooks(on_file(program(tmp_path, *lines)), None, told, 1)
    hooks.on_file(arrival(tmp_path / "1"))
    until((tmp_path / "started").exists)
    hooks.close(0)
    (result,) = told.some(1)
    assert result.status == -signal.SIGKILL


def test_what_comes_after_the_end_is_told_and_not_run(tmp_path: Path) -> None:
    told = Told()
    hooks = Hooks(on_file("true"), on_study("true"), told)
    hooks.close(PATIENCE)
    hooks.on_file(arrival(tmp_path / "1"))
    hooks.on_study(complete(tmp_path))
    assert [result.status for result in told.some(2)] == [None, None]
    hooks.close(PATIENCE)


def test_programs_of_other_toolkits_can_be_run(tmp_path: Path, ct: Path) -> None:
    copy = tmp_path / "copy.dcm"
    hook = on_file(f"{need('dcmconv')} +te '#p/#f' '{copy}'")
    assert run(hook, arrival(ct))[0].status == 0
    assert copy.stat().st_size > 0

"""`get`: what arrives, what is said about it, exit codes, reports, and what interrupts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.retrieving import (
    HANG_UP,
    INTERRUPT,
    KILL,
    TERMINATE,
    ended,
    expected,
    files,
    got,
    lines,
    run,
    started,
    summary,
)
from tests.disks import mounted
from tests.factories import EXPLICIT, JPEG, PEAK
from tests.net import wire
from tests.net.archive import Archive, make
from tests.net.scripted import Connection, Scripted
from tests.net.steps import (
    accept,
    answer,
    failed_instances,
    find,
    hang,
    pending,
    serve,
    store,
    wait_cancel,
)
from tests.net.wire import C_FIND, C_GET, CT, DATA, pdu, pdv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SC = "1.2.840.10008.5.1.4.1.1.7"
OBJECTS = [
    make("1.2.1.1", "1.2", "1.2.1", "P1"),
    make("1.2.1.2", "1.2", "1.2.1", "P1"),
    make("1.2.2.1", "1.2", "1.2.2", "P1", sop_class=SC, syntax=JPEG),
    make("1.3.1.1", "1.3", "1.3.1", "P1"),
    make("1.4.1.1", "1.4", "1.4.1", "P2"),
]
STUDY = ("--study", "1.2")


@pytest.fixture
def archive() -> Archive:
    return Archive(OBJECTS)


@pytest.fixture
def peer(archive: Archive) -> Iterator[Scripted]:
    with Scripted(archive.script()) as serving:
        yield serving


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


# What arrives


def test_a_study(peer: Scripted, out: Path) -> None:
    ran = run("get", peer.address, *STUDY, "-od", out)
    assert (ran.exit_code, summary(ran)) == (0, "3 retrieved, 0.0 MB")
    assert len(lines(ran)) == 1
    assert got(out) == expected(OBJECTS[:3])
    assert files(out) == ["1.2.1.1.dcm", "1.2.1.2.dcm", "1.2.2.1.dcm"]


def test_sorted(peer: Scripted, out: Path) -> None:
    ran = run("get", peer.address, *STUDY, "-od", out, "--sort", "study")
    assert ran.exit_code == 0
    assert files(out) == ["1.2/1.2.1/1.2.1.1.dcm", "1.2/1.2.1/1.2.1.2.dcm", "1.2/1.2.2/1.2.2.1.dcm"]


def test_into_the_current_folder(
    peer: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("get", peer.address, "--study", "1.3").exit_code == 0
    assert files(tmp_path) == ["1.3.1.1.dcm"]


@pytest.mark.parametrize(
    ("options", "objects"),
    [
        (("--patient-id", "P1"), OBJECTS[:4]),
        (("--study", "1.2", "--study", "1.4"), [*OBJECTS[:3], OBJECTS[4]]),
        (("--series", "1.2.1"), OBJECTS[:2]),
        (("--study", "1.2", "--series", "1.2.2"), OBJECTS[2:3]),
        (("--instance", "1.2.1.2", "--instance", "1.4.1.1"), [OBJECTS[1], OBJECTS[4]]),
        (("-P", "--patient-id", "P1"), OBJECTS[:4]),
        (("-P", "--patient-id", "P*"), OBJECTS),
        (("-P", "--study", "1.3"), OBJECTS[3:4]),
        (("-P", "--series", "1.2.2"), OBJECTS[2:3]),
        (("-P", "--instance", "1.3.1.1"), OBJECTS[3:4]),
    ],
)
def test_what_is_asked_for(
    peer: Scripted, out: Path, options: tuple[str, ...], objects: list[Any]
) -> None:
    ran = run("get", peer.address, *options, "-od", out)
    assert (ran.exit_code, got(out)) == (0 if objects else 10, expected(objects))


def test_what_is_unique_is_not_looked_up(archive: Archive, peer: Scripted, out: Path) -> None:
    run("get", peer.address, *STUDY, "-od", out)
    operations = [operation for operation, _ in archive.queries]
    assert operations == ["find STUDY", "get STUDY"]  # the one for its SOP classes
    assert archive.queries[1][1] == {"StudyInstanceUID": "1.2"}


@pytest.mark.parametrize(
    ("option", "text", "objects"),
    [
        ("--study", "1.2\n\n1.3\n", OBJECTS[:4]),
        ("--study", "PatientID\tStudyInstanceUID\nP1\t1.3\nP2\t1.4\n", OBJECTS[3:]),
        ("--study", "StudyInstanceUID,PatientID\n1.3,P1\n", OBJECTS[3:4]),
        (
            "--study",
            '{"0020000D": {"vr": "UI", "Value": ["1.3"]}}\n{"StudyInstanceUID": "1.4"}\n',
            OBJECTS[3:],
        ),
        ("--series", "1.2.1\n1.4.1\n", [*OBJECTS[:2], OBJECTS[4]]),
        ("--series", "StudyInstanceUID\tSeriesInstanceUID\n1.2\t1.2.2\n", OBJECTS[2:3]),
        ("--instance", "1.2.1.2\n1.3.1.1\n", [OBJECTS[1], OBJECTS[3]]),
        (
            "--instance",
            "StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID\n1.2,1.2.1,1.2.1.1\n",
            OBJECTS[:1],
        ),
    ],
)
def test_uids_on_standard_input(
    peer: Scripted, out: Path, option: str, text: str, objects: list[Any]
) -> None:
    ran = run("get", peer.address, option, "-", "-od", out, stdin=text)
    assert (ran.exit_code, got(out)) == (0, expected(objects))


def test_standard_input_that_goes_wrong(peer: Scripted, out: Path) -> None:
    text = "1.3\n" * 3 + "no UID\n1.4\n"
    ran = run("get", peer.address, "--study", "-", "-od", out, stdin=text)
    assert (ran.exit_code, got(out)) == (3, {})
    assert "line 4: 'no UID' is not a UID" in ran.stderr
    many = "".join(f"1.3.{number}\n" for number in range(70))
    ran = run("get", peer.address, "--study", "-", "-od", out, stdin=f"1.3\n{many}no UID\n1.4\n")
    assert (ran.exit_code, got(out)) == (9, expected(OBJECTS[3:4]))
    assert "line 72: 'no UID' is not a UID" in ran.stderr
    ran = run("get", peer.address, "--study", "-", "-od", out, stdin="")
    assert ran.exit_code == 10


def test_nothing_is_asked_for(peer: Scripted, out: Path) -> None:
    ran = run("get", peer.address, "-od", out)
    assert ran.exit_code == 2
    assert "nothing is asked for" in ran.stderr
    assert peer.requests == []


# Nothing


@pytest.mark.parametrize("nothing", [0x0000, 0xC000])
@pytest.mark.parametrize(
    "options", [("--study", "1.9"), ("--patient-id", "P9"), ("--study", "1.2", "--series", "1.9")]
)
def test_nothing_matches(
    archive: Archive, peer: Scripted, out: Path, nothing: int, options: tuple[str, ...]
) -> None:
    """Some peers answer with success, some are unable to process what is not there."""
    archive.nothing = nothing
    ran = run("get", peer.address, *options, "-od", out)
    assert ran.exit_code == 10
    assert lines(ran)[0] == "nothing was retrieved"
    assert "dcmtools find shows what it has" in lines(ran)[1]
    assert summary(ran) == "0 retrieved"
    assert files(out) == []


@pytest.mark.parametrize("nothing", [0x0000, 0xC000])
def test_one_of_several_is_not_there(
    archive: Archive, peer: Scripted, out: Path, nothing: int
) -> None:
    archive.nothing = nothing
    ran = run("get", peer.address, "--study", "1.9", "--study", "1.3", "-od", out)
    assert (ran.exit_code, got(out)) == (9, expected(OBJECTS[3:4]))
    assert lines(ran)[0] == "nothing was retrieved of study 1.9"
    assert summary(ran) == "1 retrieved, 0.0 MB"


# Failures

HINTS = {
    0x0110: "",
    0x0122: "The peer offers this service but not for this kind of query",
    0x0124: "no right",
    0x0211: "",
    0xA700: "out of resources",
    0xA701: "Too many matches",
    0xA702: "cannot send",
    0xA801: "knows no such AE title",
    0xA900: "give the unique keys",
    0xC000: "its log may tell why",
    0xC554: "its log may tell why",
    0x1234: "",
    0xFE00: "",
}


def failing(*steps: Any) -> list[Any]:  # noqa: ANN401
    """Answer C-GET by steps, and C-FIND with a study of which there is one instance."""
    return serve(
        {C_FIND: find(Archive(OBJECTS).matches), C_GET: steps}, accept(syntaxes=(EXPLICIT,))
    )


@pytest.mark.parametrize("code", HINTS)
def test_a_failure_has_its_exit_code_and_its_hint(out: Path, code: int) -> None:
    with Scripted(failing(answer(code, ErrorComment="because"))) as peer:
        ran = run("get", peer.address, *STUDY, "-od", out)
    assert ran.exit_code == 8
    said = lines(ran)
    assert said[0].startswith(f"{peer.address}: study 1.2: answered {code:04X}H, ")
    assert said[0].endswith(": 'because'")
    if HINTS[code]:
        assert said[1].startswith("hint: ")
        assert HINTS[code] in said[1]
    assert len(said) == (3 if HINTS[code] else 2)
    assert summary(ran) == "0 retrieved, 1 request failed"


def test_a_hint_is_given_once(out: Path) -> None:
    text = "".join(f"1.{number}\n" for number in range(4))
    with Scripted(failing(answer(0xA700))) as peer:
        ran = run("get", peer.address, "--study", "-", "-od", out, stdin=text)
    assert ran.exit_code == 8
    assert sum(line.startswith("hint: ") for line in lines(ran)) == 1
    assert sum("A700H" in line for line in lines(ran)) == 4
    assert summary(ran) == "0 retrieved, 4 requests failed"


def test_a_part_fails(archive: Archive, peer: Scripted, out: Path) -> None:
    archive.lost = frozenset({"1.2.1.2", "1.2.2.1"})
    ran = run("get", peer.address, *STUDY, "-od", out)
    assert (ran.exit_code, got(out)) == (9, expected(OBJECTS[:1]))
    status = "B000H, sub-operations are complete, some with failures or warnings"
    failed = "2 of 3 instances failed: 1.2.1.2, 1.2.2.1"
    assert lines(ran)[0] == f"{peer.address}: study 1.2: answered {status}; {failed}"
    assert summary(ran) == "1 retrieved, 2 failed, 0.0 MB"


def test_a_long_list_of_failures_is_cut(out: Path) -> None:
    uids = [f"1.2.9.{number}" for number in range(30)]
    final = pending(None, 0, 30, 0, status=0xB000, data=failed_instances(*uids))
    with Scripted(failing(final)) as peer:
        ran = run("get", peer.address, *STUDY, "-od", out)
    assert ran.exit_code == 8
    assert "1.2.9.19 and 10 more" in lines(ran)[0]
    assert "1.2.9.20" not in lines(ran)[0]


def test_one_request_fails_and_one_does_not(archive: Archive, out: Path) -> None:
    def fail(c: Connection) -> None:
        c.response(None)
        assert c.message is not None
        assert c.message.data is not None
        (answer(0xA702) if b"1.4" in c.message.data else archive._get)(c)

    script = serve({C_FIND: find(archive.matches), C_GET: fail})
    with Scripted(script) as peer:
        ran = run("get", peer.address, "--study", "1.4", "--study", "1.3", "-od", out)
    assert (ran.exit_code, got(out)) == (9, expected(OBJECTS[3:4]))
    assert summary(ran) == "1 retrieved, 1 request failed, 0.0 MB"


def test_a_hostile_peer_does_not_reach_the_terminal(out: Path) -> None:
    comment = b"\x1b[2J\x07\r\nroot# "
    final = answer(0xA700, ErrorComment=comment, data=failed_instances("1\x1b[31m"))
    with Scripted(
        failing(store(OBJECTS[0].instance, AffectedSOPInstanceUID=comment), final)
    ) as peer:
        ran = run("get", peer.address, *STUDY, "-od", out)
    assert "\x1b" not in ran.stderr
    assert "\x07" not in ran.stderr
    assert all(line.startswith("dcmtools get: ") for line in ran.stderr.splitlines())


def test_objects_of_one_uid(out: Path) -> None:
    one, other = OBJECTS[0].instance, make("1.2.1.1", size=300).instance
    steps = store(one), store(one), store(other), pending(None, 3, 0, 0, status=0)
    with Scripted(failing(*steps)) as peer:
        ran = run("get", peer.address, *STUDY, "-od", out)
    assert ran.exit_code == 0
    assert files(out) == ["1.2.1.1.dcm", "1.2.1.1_2.dcm"]
    assert lines(ran)[0] == (
        f"warning: {out}/1.2.1.1_2.dcm: stored beside another object with the UID 1.2.1.1"
    )
    assert summary(ran).startswith("1 retrieved")


def test_quiet_says_errors_only(peer: Scripted, out: Path) -> None:
    assert run("get", "-q", peer.address, *STUDY, "-od", out).stderr == ""
    ran = run("get", "-q", peer.address, "--study", "1.9", "-od", out)
    assert (ran.exit_code, lines(ran)) == (10, ["nothing was retrieved"])


# Reports


def test_a_report_of_all_requests(archive: Archive, peer: Scripted, out: Path) -> None:
    archive.lost = frozenset({"1.2.1.2"})
    report = out.parent / "report"
    text = "1.2\n1.3\n1.9\n"
    ran = run("get", peer.address, "--study", "-", "-od", out, "--report", report, stdin=text)
    assert ran.exit_code == 9
    common = {"level": "STUDY", "patient_id": "", "series": "", "instances": []}
    assert [json.loads(line) for line in report.read_text().splitlines()] == [
        {
            **common,
            "study": "1.2",
            "status": "partial",
            "code": "B000",
            "completed": 2,
            "warning": 0,
            "failed": 1,
            "failed_instances": ["1.2.1.2"],
            "reasons": ["B000H, sub-operations are complete, some with failures or warnings"],
            "files": [f"{out}/1.2.1.1.dcm", f"{out}/1.2.2.1.dcm"],
        },
        {
            **common,
            "study": "1.3",
            "status": "done",
            "code": "0000",
            "completed": 1,
            "warning": 0,
            "failed": 0,
            "failed_instances": [],
            "reasons": ["0000H, success"],
            "files": [f"{out}/1.3.1.1.dcm"],
        },
        {
            **common,
            "study": "1.9",
            "status": "done",
            "code": "0000",
            "completed": 0,
            "warning": 0,
            "failed": 0,
            "failed_instances": [],
            "reasons": ["0000H, success"],
            "files": [],
        },
    ]


def test_a_report_of_a_loss(out: Path) -> None:
    report = out.parent / "report"
    steps = pending(2, 0, 0, 0), store(OBJECTS[0].instance), hang()
    with Scripted(failing(*steps)) as peer:
        ran = run(
            "get", peer.address, *STUDY, "-od", out, "--report", report, "--dimse-timeout", "0.3"
        )
    assert ran.exit_code == 9
    record = json.loads(report.read_text())
    assert record["status"] == "partial"
    assert (record["code"], record["completed"]) == (None, 1)
    assert record["files"] == [f"{out}/1.2.1.1.dcm"]
    assert record["reasons"] == [f"{peer.address}: sent nothing for 0.3 s: no response"]
    assert "1 of 1 instances retrieved by then" in lines(ran)[0]


def test_a_report_that_cannot_be_written(peer: Scripted, out: Path) -> None:
    ran = run("get", peer.address, *STUDY, "-od", out, "--report", out / "none" / "report")
    assert ran.exit_code == 4
    assert peer.requests == []
    ran = run("get", peer.address, *STUDY, "-od", out, "--report", "/dev/full")
    assert ran.exit_code == 4
    assert [line for line in lines(ran) if "space" in line] == [
        "/dev/full: no space left on device"
    ]
    run("get", peer.address, *STUDY, "-od", out)
    ran = run("get", peer.address, *STUDY, "-od", out, "--report", out / "1.2.1.1.dcm")
    assert ran.exit_code == 2
    assert got(out) == expected(OBJECTS[:3])


# What is there already


def test_what_is_there_is_skipped(archive: Archive, peer: Scripted, out: Path) -> None:
    command = "get", peer.address, *STUDY, "-od", out, "--skip-existing"
    ran = run(*command)
    assert (ran.exit_code, summary(ran)) == (0, "3 retrieved, 0.0 MB")
    archive.queries.clear()
    ran = run(*command)
    assert (ran.exit_code, summary(ran)) == (0, "0 retrieved, 3 skipped")
    assert [operation for operation, _ in archive.queries if "get" in operation] == []
    (out / "1.2.1.2.dcm").unlink()
    ran = run(*command)
    assert (ran.exit_code, summary(ran)) == (0, "1 retrieved, 2 skipped, 0.0 MB")
    assert [keys for operation, keys in archive.queries if "get" in operation] == [
        {
            "StudyInstanceUID": "1.2",
            "SeriesInstanceUID": "1.2.1",
            "SOPInstanceUID": "1.2.1.2",
        }
    ]
    assert got(out) == expected(OBJECTS[:3])


def test_what_is_there_in_folders_is_skipped_too(peer: Scripted, out: Path) -> None:
    run("get", peer.address, *STUDY, "-od", out, "--sort", "study")
    ran = run("get", peer.address, *STUDY, "-od", out, "--skip-existing")
    assert summary(ran) == "0 retrieved, 3 skipped"


# Verification


def test_all_has_come(peer: Scripted, out: Path) -> None:
    ran = run("get", peer.address, "--patient-id", "P1", "-od", out, "--verify", "-j", "3")
    assert (ran.exit_code, summary(ran)) == (0, "4 retrieved, 0.0 MB")
    assert len(lines(ran)) == 1


def test_something_is_missing_that_nobody_has_told_of(archive: Archive, out: Path) -> None:
    """The peer says that all is done, and has more."""

    def lie(c: Connection) -> None:
        c.response(None)
        c.store(OBJECTS[0].instance)
        pending(None, 1, 0, 0, status=0)(c)

    with Scripted(serve({C_FIND: find(archive.matches), C_GET: lie})) as peer:
        ran = run("get", peer.address, *STUDY, "-od", out)
        assert (ran.exit_code, summary(ran)) == (0, "1 retrieved, 0.0 MB")
        ran = run("get", peer.address, *STUDY, "-od", out, "--verify")
    assert (ran.exit_code, summary(ran)) == (9, "1 retrieved, 2 failed, 0.0 MB")
    assert lines(ran)[0] == "study 1.2: 2 of 3 instances are missing: 1.2.1.2, 1.2.2.1"


def test_a_peer_that_cannot_be_asked(archive: Archive, out: Path) -> None:
    """What has come is told all the same."""
    script = serve({C_GET: archive._get}, accept(refuse={wire.STUDY_FIND: 3}))
    with Scripted(script) as peer:
        ran = run("get", peer.address, *STUDY, "-od", out, "--verify")
    assert (ran.exit_code, summary(ran)) == (9, "3 retrieved, 0.0 MB")
    assert "accepted no presentation context" in lines(ran)[0]
    assert len(files(out)) == 3


def test_an_association_for_questions_that_has_died_meanwhile(archive: Archive, out: Path) -> None:
    """As it does where a retrieval takes longer than the peer lets one idle."""

    def once(c: Connection) -> None:
        find(archive.matches)(c)
        c.close()

    script = serve({C_FIND: once, C_GET: archive._get})
    with Scripted(script) as peer:
        ran = run("get", peer.address, *STUDY, "-od", out, "--verify")
    assert (ran.exit_code, summary(ran)) == (0, "3 retrieved, 0.0 MB")


# Several associations


def test_four_associations(out: Path) -> None:
    """They are there at the same time: each waits for the others."""
    objects = [make(f"1.{n}.1.1", f"1.{n}", f"1.{n}.1") for n in range(2, 10)]
    archive = Archive(objects)
    together = threading.Barrier(4)

    def wait(c: Connection) -> None:
        c.response(None)
        together.wait(10)
        archive._get(c)

    script = serve({C_FIND: find(archive.matches), C_GET: wait})
    with Scripted(script) as peer:
        ran = run("get", peer.address, "--patient-id", "P1", "-od", out, "-j", "4")
    assert (ran.exit_code, summary(ran)) == (0, "8 retrieved, 0.0 MB")
    assert got(out) == expected(objects)


def test_fewer_associations_than_asked_for(out: Path) -> None:
    objects = [make(f"1.{n}.1.1", f"1.{n}", f"1.{n}.1") for n in range(2, 10)]
    archive = Archive(objects)
    held = threading.Semaphore(2)
    usual = accept()

    def limited(c: Connection) -> None:
        request = c.read_request()
        for_get = request.proposed[0].abstract_syntax == wire.STUDY_GET
        if for_get and not held.acquire(blocking=False):
            c.send(wire.reject_pdu(2, 3, 2))
            c.watch()
        usual(c)

    script = serve({C_FIND: find(archive.matches), C_GET: archive._get}, limited)
    with Scripted(script) as peer:
        ran = run("get", peer.address, "--patient-id", "P1", "-od", out, "-j", "4")
    assert (ran.exit_code, got(out)) == (0, expected(objects))
    told = [line for line in lines(ran) if line.startswith("warning: ")]
    assert all("going on with fewer associations" in line for line in told)


# Folders and disks


def test_a_folder_that_cannot_be(peer: Scripted, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", "/proc/none/below"):
        ran = run("get", peer.address, *STUDY, "-od", folder)
        assert ran.exit_code == 4
        assert lines(ran)[0].startswith(f"{folder}: ")
    assert peer.requests == []


def test_a_folder_that_is_read_only(peer: Scripted, out: Path) -> None:
    with mounted(out, "ro"):
        ran = run("get", peer.address, *STUDY, "-od", out)
    assert ran.exit_code == 4
    assert "read-only file system" in ran.stderr
    assert peer.requests == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_disk_that_fills_up(out: Path, jobs: int) -> None:
    """The peer is told so, and to stop; what is whole is kept, of the rest there is nothing."""
    sizes = 200_000, 200_000, 2_000_000, 100_000
    objects = [make(f"1.2.1.{n}", size=size) for n, size in enumerate(sizes)]
    objects += [make(f"1.3.1.{n}", "1.3", "1.3.1", size=size) for n, size in enumerate(sizes)]
    with Scripted(Archive(objects).script()) as peer, mounted(out, "size=600k"):
        ran = run("get", peer.address, "--study", "1.2", "--study", "1.3", "-od", out, "-j", jobs)
        names = files(out)
        assert all(name.endswith(".dcm") for name in names)
        assert 1 <= len(names) <= 3
        kept = got(out)
        assert kept.items() <= expected(objects).items()
        assert len(kept) == len(names)
    assert ran.exit_code == 4
    assert ", the rest not, " in lines(ran)[-1]
    assert [line for line in lines(ran) if "no space left on device" in line] == [
        f"{out}: no space left on device"
    ]
    assert lines(ran)[-1].startswith(f"{len(names)} retrieved")
    replies = [m.command["Status"] for m in peer.messages if m.command_field == 0x8001]
    assert 0xA700 in replies
    assert any(message.command_field == wire.C_CANCEL for message in peer.messages)
    assert "abort" not in peer.endings
    assert "reset" not in peer.endings


# Interruptions


@contextmanager
def slow(*, heeds: bool = True) -> Iterator[tuple[Scripted, threading.Event]]:
    """Send one object, then half of another, then nothing until it is cancelled."""
    begun = threading.Event()

    def script(c: Connection) -> None:
        c.response(None)
        pending(5, 0, 0, 0)(c)
        c.store(OBJECTS[0].instance)
        pending(4, 1, 0, 0)(c)
        begun.set()
        if not heeds:
            c.watch()
        wait_cancel()(c)
        answer(0xFE00)(c)

    matches = find(Archive(OBJECTS).matches)
    with Scripted(serve({C_FIND: matches, C_GET: script})) as peer:
        yield peer, begun


def test_ctrl_c(out: Path) -> None:
    with slow() as (peer, begun), started("get", peer.address, *STUDY, "-od", out) as process:
        assert begun.wait(20)
        at = monotonic()
        code, said = ended(process, INTERRUPT)
        assert monotonic() - at < 4
        peer.wait(lambda peer: peer.endings.count("release") == 2)
    assert code == 130
    assert [line.split(" in ")[0] for line in said.splitlines()] == [
        "dcmtools get: 1 retrieved, 0.0 MB",
        "dcmtools get: interrupted",
    ]
    assert [m.command_field for m in peer.messages].count(wire.C_CANCEL) == 1
    assert files(out) == ["1.2.1.1.dcm"]


def test_ctrl_c_with_a_peer_that_does_not_care(out: Path) -> None:
    with (
        slow(heeds=False) as (peer, begun),
        started("get", peer.address, *STUDY, "-od", out) as process,
    ):
        assert begun.wait(20)
        at = monotonic()
        code, _ = ended(process, INTERRUPT)
        assert 4 < monotonic() - at < 8
    assert code == 130
    assert files(out) == ["1.2.1.1.dcm"]


def test_two_ctrl_c_wait_for_nobody(out: Path) -> None:
    with (
        slow(heeds=False) as (peer, begun),
        started("get", peer.address, *STUDY, "-od", out) as process,
    ):
        assert begun.wait(20)
        process.send_signal(INTERRUPT)
        peer.wait(lambda peer: any(m.command_field == wire.C_CANCEL for m in peer.messages))
        at = monotonic()
        code, _ = ended(process, INTERRUPT)
        assert monotonic() - at < 3
    assert code == 130
    assert files(out) == ["1.2.1.1.dcm"]


def half(c: Connection) -> None:
    """Send half an object, in PDUs that are whole."""
    c.store(OBJECTS[1].instance, layout=wire.pieces(64, last=False), wait=False)


@contextmanager
def stuck(begun: threading.Event) -> Iterator[Scripted]:
    """Send half an object, and no more."""

    def script(c: Connection) -> None:
        c.response(None)
        c.store(OBJECTS[0].instance)
        half(c)
        begun.set()
        c.watch()

    matches = find(Archive(OBJECTS).matches)
    with Scripted(serve({C_FIND: matches, C_GET: script})) as peer:
        yield peer


def test_ctrl_c_amid_an_object_leaves_no_half(out: Path) -> None:
    begun = threading.Event()
    with stuck(begun) as peer, started("get", peer.address, *STUDY, "-od", out) as process:
        assert begun.wait(20)
        process.send_signal(INTERRUPT)
        peer.wait(lambda peer: any(m.command_field == wire.C_CANCEL for m in peer.messages))
        code, _ = ended(process, INTERRUPT)
    assert code == 130
    assert files(out) == ["1.2.1.1.dcm"]


@pytest.mark.parametrize("number", [TERMINATE, HANG_UP])
def test_other_signals_end_it_in_good_order_too(out: Path, number: int) -> None:
    with slow() as (peer, begun), started("get", peer.address, *STUDY, "-od", out) as process:
        assert begun.wait(20)
        code, said = ended(process, number)
        peer.wait(lambda peer: peer.endings.count("release") == 2)
    assert code == -number
    assert "1 retrieved" in said
    assert [m.command_field for m in peer.messages].count(wire.C_CANCEL) == 1
    assert files(out) == ["1.2.1.1.dcm"]


def test_a_signal_that_is_to_be_ignored_is(out: Path) -> None:
    """As with nohup."""
    ignoring = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
    ignoring += "os.execv(sys.executable, [sys.executable, '-m', 'dcmtools', *sys.argv[1:]])"
    begun, go_on = threading.Event(), threading.Event()

    def script(c: Connection) -> None:
        c.response(None)
        c.store(OBJECTS[0].instance)
        begun.set()
        c.pause(go_on)
        answer(0)(c)

    matches = find(Archive(OBJECTS).matches)
    with Scripted(serve({C_FIND: matches, C_GET: script})) as peer:
        command = [sys.executable, "-c", ignoring, "get", peer.address, *STUDY, "-od", str(out)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            assert begun.wait(20)
            process.send_signal(HANG_UP)
            go_on.set()
            assert process.wait(20) == 0


def test_kill_leaves_what_the_next_run_sweeps(peer: Scripted, out: Path) -> None:
    begun = threading.Event()
    big = make("1.2.1.2", size=100_000).instance

    def script(c: Connection) -> None:
        c.response(None)
        c.store(big, layout=wire.pieces(16000, last=False), wait=False)
        begun.set()
        c.watch()

    def parts() -> list[str]:
        return [name for name in files(out) if name.endswith(".part")]

    matches = find(Archive(OBJECTS).matches)
    with Scripted(serve({C_FIND: matches, C_GET: script})) as sending:
        arguments = "get", sending.address, *STUDY, "-od", out
        with started(*arguments) as killed:
            assert begun.wait(20)
            deadline = monotonic() + 20
            while not parts():
                assert monotonic() < deadline
            ended(killed, KILL)
        [left] = files(out)
        assert left.startswith(".dcmtools-")
        begun.clear()
        with started(*arguments) as running:
            assert begun.wait(20)
            deadline = monotonic() + 20
            while left in parts() or not parts():
                assert monotonic() < deadline
            [under_way] = files(out)
            assert run("get", peer.address, *STUDY, "-od", out).exit_code == 0
            assert under_way in files(out)
            ended(running, KILL)
    assert run("get", peer.address, *STUDY, "-od", out).exit_code == 0
    assert files(out) == ["1.2.1.1.dcm", "1.2.1.2.dcm", "1.2.2.1.dcm"]


def test_ctrl_c_while_it_waits_for_standard_input(peer: Scripted, out: Path) -> None:
    many = "".join(f"1.3.{number}\n" for number in range(66))
    for number, text in enumerate(("", "1.3\n", many)):
        folder = out / str(number)
        arguments = "get", peer.address, "--study", "-", "-od", folder
        with started(*arguments, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(text)
            process.stdin.flush()
            before = len(peer.messages)
            if text == many:
                peer.wait(lambda peer, n=before: len(peer.messages) >= n + 60)
            else:
                deadline = monotonic() + 20
                while not folder.exists() and monotonic() < deadline:
                    pass
            process.send_signal(INTERRUPT)
            at = monotonic()
            assert process.wait(20) == 130
            assert monotonic() - at < 9
            assert process.stderr is not None
            said = process.stderr.read()
        assert "Traceback" not in said
        assert "Fatal" not in said
        assert said.endswith("dcmtools get: interrupted\n")


def test_nobody_reads_what_it_says(peer: Scripted, out: Path) -> None:
    """There is no data on stdout, and stderr may be closed."""
    read, write = os.pipe()
    os.close(read)
    with started("get", peer.address, *STUDY, "-od", out, stdout=write, stderr=write) as process:
        os.close(write)
        assert process.wait(20) == 0
    assert len(files(out)) == 3


def test_progress_on_a_terminal(out: Path) -> None:
    """Once it takes more than a second, from what the peer says in between."""
    seen = threading.Event()

    def script(c: Connection) -> None:
        c.response(None)
        for number in range(1, 5):
            pending(4 - number, number, 0, 0)(c)
            c.pause(seen, 0.5)
        answer(0)(c)

    matches = find(Archive(OBJECTS).matches)
    control, terminal = os.openpty()
    said = b""
    with (
        Scripted(serve({C_FIND: matches, C_GET: script})) as peer,
        started("get", peer.address, *STUDY, "-od", out, stderr=terminal) as process,
    ):
        os.close(terminal)
        with suppress(OSError):  # the terminal is gone with the program
            while more := os.read(control, 65536):
                said += more
                if b"75%" in said:
                    seen.set()
        process.wait(20)
    os.close(control)
    assert seen.is_set()
    assert b"get" in said


# Size and time

LARGE = 1 << 30


def large_object(c: Connection) -> None:
    """Send an object of 1 GiB, of which each MiB is the same."""
    command = {
        "AffectedSOPClassUID": CT,
        "AffectedSOPInstanceUID": "1.2.1.1",
        "CommandField": 1,
        "MessageID": 7,
        "Priority": 0,
        "CommandDataSetType": 1,
    }
    c.response(None)
    number = next(n for n, found in c.contexts.items() if found[1] == CT)
    c.send(pdu(DATA, pdv(number, 3, wire.command_set(command))))
    start = OBJECTS[0].instance.data[:-112]
    c.send(pdu(DATA, pdv(number, 0, start + wire.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, LARGE))))
    part = pdu(DATA, pdv(number, 0, bytes(65536 - 6)))
    whole, rest = divmod(LARGE, 65530)
    for _ in range(whole // 16):
        c.send(part * 16)
    for _ in range(whole % 16):
        c.send(part)
    c.send(pdu(DATA, pdv(number, 2, bytes(rest))))
    assert c.read_message().command["Status"] == 0
    answer(0)(c)


MEASURED = f"""
import sys
from dcmtools.__main__ import main
try:
    main()
finally:
    sys.stdout.write(str({PEAK}))
"""


def test_a_gigabyte_in_little_memory(out: Path) -> None:
    matches = find(Archive(OBJECTS).matches)
    with Scripted(serve({C_FIND: matches, C_GET: large_object})) as peer:
        ran = subprocess.run(
            [sys.executable, "-c", MEASURED, "get", peer.address, *STUDY, "-od", out],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ran.returncode, "1 retrieved, 1.1 GB" in ran.stderr) == (0, True), ran.stderr
    assert (out / "1.2.1.1.dcm").stat().st_size > LARGE
    assert int(ran.stdout) < 150_000  # KiB
    (out / "1.2.1.1.dcm").unlink()


def test_a_peer_that_stalls(out: Path) -> None:
    for steps in ((hang(),), (half, hang())):
        at = monotonic()
        with Scripted(failing(*steps)) as peer:
            ran = run("get", peer.address, *STUDY, "-od", out, "--dimse-timeout", "0.4")
        assert ran.exit_code == 6
        assert "0.4 s" in lines(ran)[0]
        assert 0.4 <= monotonic() - at < 4
        assert files(out) == []


def test_what_is_looked_up_has_an_end_too(out: Path) -> None:
    with Scripted(serve({C_FIND: hang()})) as peer:
        ran = run("get", peer.address, *STUDY, "-od", out, "--dimse-timeout", "0.4")
    assert ran.exit_code == 6
    assert "0.4 s" in lines(ran)[0]

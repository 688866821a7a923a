"""`move`: what is sent where, the receiver of our own, what is said, and what interrupts it."""

from __future__ import annotations

import json
import re
import socket
import threading
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from dcmtools.cli import _retrieve
from dcmtools.net.admission import Rules
from dcmtools.net.scp import Receiver
from dcmtools.net.storage import Storage
from tests.cli.retrieving import (
    INTERRUPT,
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
from tests.interop.peers import free_port
from tests.net import wire
from tests.net.archive import Archive, make
from tests.net.scripted import Connection, Scripted
from tests.net.steps import (
    accept,
    answer,
    associate,
    failed_instances,
    find,
    hang,
    pending,
    serve,
    wait_cancel,
)
from tests.net.wire import C_FIND, C_MOVE, proposals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OBJECTS = [
    make("1.2.1.1", "1.2", "1.2.1", "P1"),
    make("1.2.1.2", "1.2", "1.2.1", "P1"),
    make("1.2.2.1", "1.2", "1.2.2", "P1", sop_class="1.2.840.10008.5.1.4.1.1.4"),
    make("1.3.1.1", "1.3", "1.3.1", "P1"),
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


@pytest.fixture
def there(archive: Archive, tmp_path: Path) -> Iterator[Path]:
    """Give the folder of the destination DEST."""
    folder = tmp_path / "there"
    with Receiver(Storage(folder), Rules("DEST"), 0, host="127.0.0.1") as receiver:
        archive.destinations = {"DEST": ("127.0.0.1", receiver.port)}
        yield folder


@pytest.fixture
def port(archive: Archive) -> int:
    """Give a port that the archive knows as that of WS1."""
    found = free_port()
    archive.destinations = {"WS1": ("127.0.0.1", found)}
    return found


def moving(*steps: Any) -> list[Any]:  # noqa: ANN401
    """Answer C-MOVE by steps, and C-FIND with what there is."""
    return serve({C_FIND: find(Archive(OBJECTS).matches), C_MOVE: steps})


# To another


def test_to_another(peer: Scripted, there: Path) -> None:
    ran = run("move", peer.address, *STUDY, "--to", "DEST")
    assert (ran.exit_code, summary(ran)) == (0, "3 moved")
    assert len(lines(ran)) == 1
    assert got(there) == expected(OBJECTS[:3])


def test_to_another_by_its_short_name(peer: Scripted, there: Path) -> None:
    assert run("move", peer.address, "--patient-id", "P1", "-aem", "DEST", "-j", "2").exit_code == 0
    assert got(there) == expected(OBJECTS)


@pytest.mark.parametrize("text", ["1.2\n1.3\n", "StudyInstanceUID\n1.3\n1.2\n"])
def test_uids_on_standard_input(peer: Scripted, there: Path, text: str) -> None:
    ran = run("move", peer.address, "--study", "-", "--to", "DEST", "--verify", stdin=text)
    assert (ran.exit_code, summary(ran)) == (0, "4 moved")
    assert got(there) == expected(OBJECTS)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--to", "DEST", "--listen", "0"),
        ("--to", "DEST", "-od", "x"),
        ("--to", "DEST", "--skip-existing"),
        ("--to", "A" * 17),
        ("--to", " "),
        ("--listen", "70000"),
    ],
)
def test_what_goes_together(peer: Scripted, options: tuple[str, ...]) -> None:
    ran = run("move", peer.address, *STUDY, *options)
    assert ran.exit_code == 2
    assert peer.requests == []


def test_an_unknown_destination(peer: Scripted) -> None:
    ran = run("move", peer.address, *STUDY, "--to", "NOBODY")
    assert ran.exit_code == 8
    said = lines(ran)
    assert (
        said[0] == f"{peer.address}: study 1.2: answered A801H, refused: move destination unknown"
    )
    assert said[1].startswith("hint: The peer knows no such AE title")
    assert said[2:] == [lines(ran)[-1]]
    assert summary(ran) == "0 moved, 1 request failed"


def test_an_unknown_destination_of_a_peer_that_has_no_word_for_it() -> None:
    """Orthanc says that it is unable to process."""
    text = "1.2\n1.3\n1.2.840\n1.9\n"
    final = answer(0xC000, NumberOfCompletedSuboperations=0)
    with Scripted(moving(final)) as peer:
        ran = run("move", peer.address, "--study", "-", "--to", "NOBODY", stdin=text)
    assert ran.exit_code == 8
    said = lines(ran)
    assert said[0] == f"{peer.address}: study 1.2: answered C000H, unable to process"
    assert said[1] == (
        "hint: The peer may not know NOBODY as a destination, with host and port;"
        " its log may tell why."
    )
    assert said[2] == f"{peer.address}: study 1.3: answered C000H, unable to process"
    # The others are not there at all, which the peer has been asked for.
    assert said[3] == "nothing was moved of study 1.2.840, study 1.9"
    assert summary(ran) == "0 moved, 2 requests failed"
    assert len(said) == 5


def test_a_destination_that_takes_nothing() -> None:
    failed = failed_instances("1.2.1.1", "1.2.1.2", "1.2.2.1")
    with Scripted(moving(pending(None, 0, 3, 0, status=0xA702, data=failed))) as peer:
        ran = run("move", peer.address, *STUDY, "--to", "DEST")
    assert ran.exit_code == 8
    assert "3 of 3 instances failed: 1.2.1.1, 1.2.1.2, 1.2.2.1" in lines(ran)[0]
    assert "hint: It cannot send to the destination" in lines(ran)[1]
    assert summary(ran) == "0 moved, 3 failed, 1 request failed"


@pytest.mark.parametrize(
    ("steps", "code", "pattern", "ending"),
    [
        ([answer()], 0, "warning: .*does not say how many", "0 moved"),
        ([pending(None, 2, 0, 1, status=0)], 0, "", "3 moved"),
        ([pending(None, 2, 0, 1, status=0xB000)], 0, "warning: .*B000H", "3 moved"),
        (
            [pending(None, 2, 1, 0, status=0xB000)],
            9,
            "1 of 3 instances failed",
            "2 moved, 1 failed",
        ),
        ([pending(None, 0, 0, 0, status=0)], 10, "nothing was moved", "0 moved"),
        ([pending(3, 0, 0, 0), pending(3, 1, 0, 0), answer()], 0, "", "1 moved"),
        ([answer(0xFE00)], 8, "FE00H, cancelled", "0 moved, 1 request failed"),
        (
            [pending(2, 1, 0, 0), pending(None, 1, 2, 0, status=0xA702)],
            9,
            "A702H.*2 of 3",
            "1 moved, 2 failed, 1 request failed",
        ),
    ],
)
def test_how_it_ends(steps: list[Any], code: int, pattern: str, ending: str) -> None:
    with Scripted(moving(*steps)) as peer:
        ran = run("move", peer.address, *STUDY, "--to", "DEST")
    assert (ran.exit_code, summary(ran)) == (code, ending)
    assert re.search(pattern, lines(ran)[0])


def test_all_that_is_there_has_been_moved(peer: Scripted, there: Path) -> None:
    assert run("move", peer.address, *STUDY, "--to", "DEST", "--verify").exit_code == 0
    with Scripted(moving(pending(None, 1, 0, 0, status=0))) as lying:
        ran = run("move", lying.address, *STUDY, "--to", "DEST", "--verify")
    assert (ran.exit_code, summary(ran)) == (9, "1 moved, 2 failed")
    assert lines(ran)[0] == "study 1.2: 2 of 3 instances are missing"
    assert got(there) == expected(OBJECTS[:3])


def test_a_report(peer: Scripted, there: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    run("move", peer.address, *STUDY, "--to", "DEST", "--report", report)
    assert [json.loads(line) for line in report.read_text().splitlines()] == [
        {
            "level": "STUDY",
            "patient_id": "",
            "study": "1.2",
            "series": "",
            "instances": [],
            "status": "done",
            "code": "0000",
            "completed": 3,
            "warning": 0,
            "failed": 0,
            "failed_instances": [],
            "reasons": ["0000H, success"],
            "files": [],
        }
    ]
    assert there.exists()


def test_a_quiet_peer_is_waited_for() -> None:
    """Where nothing sets a limit there is none, whatever the configuration says of time-outs."""
    quiet = threading.Event()
    timer = threading.Timer(1.0, quiet.set)
    timer.start()
    steps = (lambda c: c.pause(quiet)), pending(None, 3, 0, 0, status=0)
    with Scripted(moving(*steps)) as peer:
        options = "--acse-timeout", "0.5"
        ran = run("move", peer.address, *STUDY, "--to", "DEST", *options)
        assert ran.exit_code == 0
        ran = run("move", peer.address, *STUDY, "--to", "DEST", "--dimse-timeout", "5")
        assert ran.exit_code == 0
    timer.join()
    with Scripted(moving(hang())) as peer:
        ran = run("move", peer.address, *STUDY, "--to", "DEST", "--dimse-timeout", "0.3")
        assert (ran.exit_code, summary(ran)) == (6, "0 moved, 1 request failed")


# To us


def test_to_us(peer: Scripted, port: int, out: Path) -> None:
    ran = run("move", peer.address, *STUDY, "--aet", "WS1", "--listen", port, "-od", out)
    assert ran.exit_code == 0, ran.stderr
    assert lines(ran)[0] == (
        f"listening as WS1 on 127.0.0.1:{port}; the peer must map WS1 to this address"
    )
    assert summary(ran) == "3 moved, 0.0 MB"
    assert got(out) == expected(OBJECTS[:3])
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port))


def test_to_us_with_all_there_is(peer: Scripted, port: int, out: Path) -> None:
    options = "--sort", "study", "--verify", "-j", "2"
    arguments = "--patient-id", "P1", "--aet", "WS1", "--listen", port, "-od", out
    ran = run("move", peer.address, *arguments, *options)
    assert (ran.exit_code, summary(ran)) == (0, "4 moved, 0.0 MB")
    assert files(out) == [
        "1.2/1.2.1/1.2.1.1.dcm",
        "1.2/1.2.1/1.2.1.2.dcm",
        "1.2/1.2.2/1.2.2.1.dcm",
        "1.3/1.3.1/1.3.1.1.dcm",
    ]
    ran = run("move", peer.address, *arguments, "--skip-existing")
    assert (ran.exit_code, summary(ran)) == (0, "0 moved, 4 skipped")
    (out / "1.2" / "1.2.2" / "1.2.2.1.dcm").unlink()
    ran = run("move", peer.address, *arguments, "--skip-existing", "--sort", "study")
    assert (ran.exit_code, summary(ran)) == (0, "1 moved, 3 skipped, 0.0 MB")
    assert got(out) == expected(OBJECTS)


def test_any_free_port(archive: Archive, out: Path) -> None:
    """The peer learns it from what is said."""
    told = threading.Event()

    def move(c: Connection) -> None:
        c.response(None)
        assert told.wait(20)
        archive._move(c)

    with Scripted(serve({C_FIND: find(archive.matches), C_MOVE: move})) as peer:
        arguments = "move", peer.address, *STUDY, "--aet", "WS1", "--listen", "0", "-od", out
        with started(*arguments) as process:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"listening as WS1 on 127\.0\.0\.1:(\d+);", line)
            assert found
            archive.destinations = {"WS1": ("127.0.0.1", int(found[1]))}
            told.set()
            code, said = ended(process)
    assert code == 0
    assert said.startswith("dcmtools move: 3 moved, ")
    assert got(out) == expected(OBJECTS[:3])


def test_a_port_that_is_taken(peer: Scripted, out: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("move", peer.address, *STUDY, "--listen", port, "-od", out)
    assert ran.exit_code == 6
    assert lines(ran)[0] == f"port {port}: cannot listen: address already in use"
    assert peer.requests == []


def test_a_mapping_that_leads_elsewhere(
    archive: Archive, peer: Scripted, there: Path, out: Path
) -> None:
    archive.destinations = {"WS1": archive.destinations["DEST"]}
    ran = run("move", peer.address, *STUDY, "--aet", "WS1", "--listen", "0", "-od", out)
    assert ran.exit_code == 8
    assert lines(ran)[1] == "the peer counts 3 instances, and 0 have come"
    assert lines(ran)[2] == (
        "hint: Does the AE title lead here? The peer's log tells where it has sent them."
    )
    assert summary(ran) == "0 moved, 3 failed"
    assert files(out) == []
    assert got(there) == expected(OBJECTS[:3])


@contextmanager
def to_us(*, claims: int, sends: list[Any], late: bool, port: int) -> Iterator[Scripted]:
    """Send some objects and claim more; before or after the final response."""

    def move(c: Connection) -> None:
        c.response(None)
        final = pending(None, claims, 0, 0, status=0)
        if late:
            final(c)
            released: list[bool] = []
            c.on_release = lambda: released.append(True)
            while not released:
                c.read_pdu()
            c.send(wire.RELEASE_REPLY)
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            one = [each.instance for each in OBJECTS]
            sender = associate(sock, proposals(one), called="WS1")
            for each in sends:
                sender.store(each.instance)
            sender.sock.sendall(wire.RELEASE_REQUEST)
            sender.read_pdu()
        if not late:
            final(c)

    with Scripted(serve({C_FIND: find(Archive(OBJECTS).matches), C_MOVE: move})) as peer:
        yield peer


@pytest.mark.parametrize("late", [False, True])
def test_fewer_come_than_the_peer_counts(
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    late: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(_retrieve, "_QUIET", 0.5)
    port = free_port()
    with to_us(claims=3, sends=OBJECTS[:2], late=late, port=port) as peer:
        ran = run("move", peer.address, *STUDY, "--aet", "WS1", "--listen", port, "-od", out)
    assert (ran.exit_code, summary(ran)) == (9, "2 moved, 1 failed, 0.0 MB")
    assert lines(ran)[1] == "the peer counts 3 instances, and 2 have come"
    assert got(out) == expected(OBJECTS[:2])


def test_what_comes_after_the_final_response_is_waited_for(out: Path) -> None:
    port = free_port()
    with to_us(claims=3, sends=OBJECTS[:3], late=True, port=port) as peer:
        ran = run("move", peer.address, *STUDY, "--aet", "WS1", "--listen", port, "-od", out)
    assert (ran.exit_code, summary(ran)) == (0, "3 moved, 0.0 MB")


def test_the_same_instance_twice_is_no_failure(out: Path) -> None:
    port = free_port()
    sends = [OBJECTS[0], OBJECTS[1], OBJECTS[0]]
    with to_us(claims=3, sends=sends, late=False, port=port) as peer:
        ran = run("move", peer.address, *STUDY, "--aet", "WS1", "--listen", port, "-od", out)
    assert (ran.exit_code, summary(ran)) == (0, "2 moved, 0.0 MB")


def test_nothing_comes_and_nothing_is_counted(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_retrieve, "_QUIET", 0.3)
    for final, code in (
        (answer(), 10),
        (answer(0xA801), 8),
        (pending(None, 0, 0, 0, status=0), 10),
    ):
        with Scripted(moving(final)) as peer:
            ran = run("move", peer.address, *STUDY, "--listen", "0", "-od", out)
        assert ran.exit_code == code


def test_an_object_is_refused(out: Path) -> None:
    """By us, whatever the peer makes of it."""
    wrong = OBJECTS[1]._replace(
        instance=OBJECTS[1].instance._replace(data=OBJECTS[0].instance.data)
    )
    port = free_port()
    with to_us(claims=2, sends=[OBJECTS[0], wrong], late=False, port=port) as peer:
        ran = run("move", peer.address, *STUDY, "--aet", "WS1", "--listen", port, "-od", out)
    assert ran.exit_code == 9
    assert lines(ran)[1] == ("1.2.1.2: not stored: the data set is of another object, '1.2.1.1'")
    assert got(out) == expected(OBJECTS[:1])


def test_a_folder_that_is_read_only(peer: Scripted, out: Path) -> None:
    with mounted(out, "ro"):
        ran = run("move", peer.address, *STUDY, "--listen", "0", "-od", out)
    assert ran.exit_code == 4
    assert "read-only file system" in ran.stderr
    assert peer.requests == []


def test_a_disk_that_fills_up(archive: Archive, out: Path) -> None:
    sizes = 200_000, 200_000, 2_000_000, 100_000, 100_000, 100_000
    archive.objects = [make(f"1.2.1.{n}", size=size) for n, size in enumerate(sizes)]
    port = free_port()
    archive.destinations = {"WS1": ("127.0.0.1", port)}
    with Scripted(archive.script()) as peer, mounted(out, "size=600k"):
        ran = run("move", peer.address, *STUDY, "--aet", "WS1", "--listen", port, "-od", out)
        assert all(name.endswith(".dcm") for name in files(out))
        assert got(out).items() <= expected(archive.objects).items()
        count = len(files(out))
        # What comes between the full disk and the end that C-CANCEL asks for may still find room.
        assert 2 <= count < len(sizes)
    assert ran.exit_code == 4
    assert lines(ran)[1] == f"{out}: no space left on device"
    assert lines(ran)[-1].startswith(f"{count} moved")
    assert len(lines(ran)) == 3
    assert any(message.command_field == wire.C_CANCEL for message in peer.messages)
    assert "abort" not in peer.endings


# Interruptions


@contextmanager
def slow() -> Iterator[tuple[Scripted, threading.Event]]:
    """Do nothing more until it is cancelled."""
    begun = threading.Event()

    def script(c: Connection) -> None:
        c.response(None)
        pending(5, 2, 0, 0)(c)
        begun.set()
        wait_cancel()(c)
        pending(4, 3, 0, 0, status=0xFE00)(c)

    with Scripted(serve({C_FIND: find(Archive(OBJECTS).matches), C_MOVE: script})) as peer:
        yield peer, begun


@pytest.mark.parametrize(("number", "code"), [(INTERRUPT, 130), (TERMINATE, -TERMINATE)])
@pytest.mark.parametrize("to", [("--to", "DEST"), ("--listen", "0")], ids=["to", "listen"])
def test_signals(out: Path, number: int, code: int, to: tuple[str, ...]) -> None:
    folder = ("-od", out) if "--listen" in to else ()
    with slow() as (peer, begun), started("move", peer.address, *STUDY, *to, *folder) as process:
        assert begun.wait(20)
        at = monotonic()
        ended_with, said = ended(process, number)
        assert monotonic() - at < 4
        peer.wait(lambda peer: peer.endings)
    assert ended_with == code
    assert [m.command_field for m in peer.messages].count(wire.C_CANCEL) == 1
    assert peer.endings[0] == "release"
    assert ("interrupted" in said) == (number == INTERRUPT)


def test_ctrl_c_while_objects_come(archive: Archive, out: Path) -> None:
    """Those that are whole are kept; of the one under way there is nothing."""
    port, begun = free_port(), threading.Event()

    with ExitStack() as stack:

        def move(c: Connection) -> None:
            c.response(None)
            pending(2, 0, 0, 0)(c)
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            sender = associate(sock, proposals([OBJECTS[0].instance]), called="WS1")
            sender.store(OBJECTS[0].instance)
            sender.store(OBJECTS[1].instance, layout=wire.pieces(50, last=False), wait=False)
            begun.set()
            wait_cancel()(c)
            answer(0xFE00)(c)

        script = serve({C_FIND: find(archive.matches), C_MOVE: move})
        peer = stack.enter_context(Scripted(script))
        arguments = "--aet", "WS1", "--listen", port, "-od", out
        with started("move", peer.address, *STUDY, *arguments) as process:
            assert begun.wait(20)
            at = monotonic()
            code, _ = ended(process, INTERRUPT)
            assert monotonic() - at < 4
    assert code == 130
    assert files(out) == ["1.2.1.1.dcm"]


def test_a_refusal_of_the_association_is_told_once(out: Path) -> None:
    with Scripted([accept(refuse={wire.STUDY_MOVE: 3})]) as peer:
        ran = run("move", peer.address, *STUDY, "--listen", "0", "-od", out, "-j", "3")
    assert ran.exit_code == 7
    assert sum("accepted no presentation context" in line for line in lines(ran)) == 1

"""`storescp`: what is written to stdout, an event a line, and what is said on stderr beside it."""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.receiving import (
    PATIENCE,
    Storescp,
    ct,
    files,
    launched,
    port_said,
    receiving,
    wait_refused,
)
from tests.disks import mounted
from tests.factories import EXPLICIT
from tests.net.hostile import ECHO, association, connected, echo, raw_request, status
from tests.net.scripted import Over
from tests.net.steps import associate
from tests.net.wire import CT, Proposed, abort_pdu, request_pdu

STORE = Proposed(1, CT, (EXPLICIT,))
FIRST, OTHER = ct("1.2.3", 3000), ct("1.2.3", PatientID="P2")
UIDS = {
    "sop_class_uid": CT,
    "sop_instance_uid": "1.2.3",
    "transfer_syntax_uid": EXPLICIT,
}
SERIES = {"study_instance_uid": "1.2", "series_instance_uid": "1.2.1"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "in"


def everything(server: Storescp) -> None:
    """Have each kind of event happen once, in this order, with the study at the end."""
    address = server.address
    with association(address, STORE, ECHO) as c:
        assert echo(c) == 0
        assert [status(c.store(each)) for each in (FIRST, FIRST, OTHER)] == [0, 0x0111, 0x0111]
    server.wait(lambda: any("released" in line for line in server.lines))
    with connected(address) as sock:
        sock.sendall(request_pdu("PACS", "STRANGER", [STORE], 16384))
        assert sock.recv(1) == b"\3"
    server.wait(lambda: any("rejected" in line for line in server.lines))
    with connected(address) as sock:
        associate(sock, [STORE]).send(abort_pdu(0, 0))
    server.wait(lambda: any("aborted" in line for line in server.lines))
    with connected(address) as sock:
        associate(sock, [STORE])
    server.wait(lambda: any(" lost: " in line for line in server.said))
    assert server.stop() == 0


REJECTING = ("--on-duplicate", "reject", "--allow-calling", "SCRIPTED", "-aet", "RX")


def test_events_for_programs(out: Path) -> None:
    """Whole documents: with no `duplicate`, as what is rejected is no duplicate."""
    with receiving(out, *REJECTING) as server:
        everything(server)
    began = datetime.now(UTC) - timedelta(seconds=60)
    told = []
    for event in server.events:
        time = datetime.fromisoformat(event.pop("time"))
        assert began < time <= datetime.now(UTC)
        told.append(event)

    def at(number: int, **more: object) -> dict[str, Any]:
        asked = {"calling_aet": "SCRIPTED", "called_aet": "DCMTOOLS", "host": "127.0.0.1"}
        return {"association": number, **asked, **more}

    size = len(FIRST.data)
    assert told == [
        {
            "event": "listening",
            "aet": "RX",
            "host": "127.0.0.1",
            "port": server.port,
            "path": str(out),
        },
        {"event": "association", **at(1, implementation="SCRIPTED")},
        {"event": "echo", **at(1)},
        {
            "event": "stored",
            **at(1, status="0000", path=f"{out}/1.2.3.dcm", size=size, **UIDS, **SERIES),
        },
        {
            "event": "refused",
            **at(1, status="0111", **UIDS, reason="is there already, and is kept as it is"),
        },
        {
            "event": "refused",
            **at(1, status="0111", **UIDS, reason="is there already, and is kept as it is"),
        },
        {"event": "released", **at(1, objects=1)},
        {
            "event": "rejected",
            **at(2, calling_aet="STRANGER", called_aet="PACS"),
            "reason": "the calling AE title is not allowed",
        },
        {"event": "association", **at(3, implementation="SCRIPTED")},
        {"event": "aborted", **at(3, objects=0)},
        {"event": "association", **at(4, implementation="SCRIPTED")},
        {"event": "lost", **at(4, objects=0, reason="closed the connection")},
        {
            "event": "study",
            "calling_aet": "SCRIPTED",
            "called_aet": "DCMTOOLS",
            "host": "127.0.0.1",
            "study_instance_uid": "1.2",
            "path": str(out),
            "files": 1,
            "size": size,
        },
    ]
    assert server.said[0].startswith("listening as RX on port ")
    who = "SCRIPTED@127.0.0.1"
    why = f"{out}/1.2.3.dcm: is there already, and is kept as it is"
    assert server.said[1:-1] == [
        f"1.2.3 from {who} refused (0111H): {why}",
        f"1.2.3 from {who} refused (0111H): {why}",
        "association of STRANGER@127.0.0.1 with PACS rejected: the calling AE title is not allowed",
        "association of SCRIPTED@127.0.0.1 lost: closed the connection",
    ]


def test_a_duplicate_for_programs(out: Path) -> None:
    with receiving(out) as server:
        server.send(FIRST, FIRST, OTHER)
        duplicate, stored = server.wait_for("duplicate"), server.wait_for("stored", 2)
        assert (duplicate["path"], duplicate["status"]) == (f"{out}/1.2.3.dcm", "0000")
        assert (stored["path"], stored["renamed"]) == (f"{out}/1.2.3_2.dcm", True)


def test_events_for_people(out: Path, tmp_path: Path) -> None:
    with launched("-od", "in", *REJECTING, cwd=tmp_path) as server:
        server.wait(lambda: server.lines)
        server.port = int(server.lines[0].split("port=")[1].split()[0])
        everything(server)
    size = len(FIRST.data)
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d ")
    assert all(stamp.match(line) for line in server.lines)
    one = "association=1 calling_aet=SCRIPTED host=127.0.0.1"
    kind = "sop_class=CTImageStorage transfer_syntax=ExplicitVRLittleEndian"
    denied = ' reason="the calling AE title is not allowed"'
    closed = ' reason="closed the connection"'
    titles = "calling_aet=SCRIPTED called_aet=DCMTOOLS host=127.0.0.1"
    refused = (
        f"refused {one} status=0111 sop_class=CTImageStorage sop_instance_uid=1.2.3 "
        'transfer_syntax=ExplicitVRLittleEndian reason="is there already, and is kept as it is"'
    )
    assert [stamp.sub("", line) for line in server.lines] == [
        f"listening aet=RX host=127.0.0.1 port={server.port} path=in",
        f"association association=1 {titles} implementation=SCRIPTED",
        f"echo {one}",
        f"stored {one} path=in/1.2.3.dcm size={size} {kind}",
        refused,
        refused,
        f"released {one} objects=1",
        f"rejected association=2 calling_aet=STRANGER called_aet=PACS host=127.0.0.1{denied}",
        f"association association=3 {titles} implementation=SCRIPTED",
        "aborted association=3 calling_aet=SCRIPTED host=127.0.0.1 objects=0",
        f"association association=4 {titles} implementation=SCRIPTED",
        f"lost association=4 calling_aet=SCRIPTED host=127.0.0.1 objects=0{closed}",
        f"study {titles} study_instance_uid=1.2 path=in files=1 size={size}",
    ]
    assert files(out) == ["1.2.3.dcm"]


def test_the_name_of_a_file_need_not_tell_the_instance(out: Path) -> None:
    with launched("-od", out, "--name", "{Modality}.dcm") as server:
        server.wait(lambda: server.lines)
        server.port = int(server.lines[0].split("port=")[1].split()[0])
        server.send(FIRST)
        server.wait(lambda: any(" stored " in line for line in server.lines))
        (line,) = (line for line in server.lines if " stored " in line)
        assert f"path={out}/unknown.dcm" in line
        assert "sop_instance_uid=1.2.3" in line


FORGED = {
    "lines": b"X\n2026 stored",
    "controls": b"\x1b[2J\x1b[31mX\x9b",
    "words": b"A host=9.9.9.9",
    "quotes": b'A" host="9.9.9.9',
    "no text": b"\xff\xfe\xfd",
}


@pytest.mark.parametrize("what", FORGED)
@pytest.mark.parametrize("shape", ["text", "ndjson"])
def test_titles_forge_no_line_and_no_word(out: Path, what: str, shape: str) -> None:
    title = FORGED[what].ljust(16)
    with launched("-od", out, "-f", shape, "--allow-calling", "NOBODY") as server:
        server.wait(lambda: server.lines)
        found = re.search(r"port\W+(\d+)", server.lines[0])
        assert found
        server.port = int(found[1])
        items = request_pdu("A", "B", [STORE], 16384)[74:]
        with connected(server.address) as sock:
            sock.sendall(raw_request(items, called=title, calling=title))
            assert sock.recv(1) in (b"\3", b"\7")
        server.wait(lambda: len(server.said) > 1)
        assert server.stop() == 0
    assert len(server.lines) == 2
    assert all(line.isprintable() for line in (*server.lines, *server.said))
    if shape == "ndjson":
        assert server.events[1]["host"] == "127.0.0.1"
        return
    bare = re.sub(r'"(\\.|[^"\\])*"', '""', server.lines[1])  # what is in quotes is one word
    assert re.findall(r" host=(\S+)", bare) == ["127.0.0.1"]


def test_an_association_that_can_be_of_no_use_is_told(out: Path) -> None:
    find = Proposed(1, "1.2.840.10008.5.1.4.1.2.2.1", (EXPLICIT,))
    with receiving(out) as server:
        with association(server.address, find):
            event = server.wait_for("association")
        why = (
            "no presentation context is accepted: "
            "StudyRootQueryRetrieveInformationModelFind: abstract syntax not supported"
        )
        assert event["reason"] == why
        said = server.wait_said("of no use")
        assert said == f"association of SCRIPTED@127.0.0.1 is of no use to it: {why}"


def test_a_port_that_is_only_looked_at_is_worth_no_word(out: Path) -> None:
    with receiving(out) as server:
        for _ in range(20):
            with connected(server.address):
                pass
        assert server.send(FIRST) == [0]
        server.wait_for("released")
        assert server.stop() == 0
    kinds = [each["event"] for each in server.events]
    assert kinds == ["listening", "association", "stored", "released", "study"]
    assert len(server.said) == 2


def test_what_is_no_dicom_is_told(out: Path) -> None:
    with receiving(out) as server:
        with connected(server.address) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            sock.recv(100)
        lost = server.wait_for("lost")
        assert lost["host"] == "127.0.0.1"
        assert server.wait_said("connection from 127.0.0.1 lost: ")


# How much is said


def test_quiet(out: Path) -> None:
    """Events are data; of what is said only errors are left."""
    with receiving(out, "-q", "--on-duplicate", "reject") as server:
        assert server.send(FIRST, OTHER) == [0, 0x0111]
        server.wait_for("released")
        assert server.stop() == 0
    assert len(server.of("stored")) == 1
    (error,) = server.said
    assert error.startswith("1.2.3 from SCRIPTED@127.0.0.1 refused (0111H): ")


def test_steps_and_details(out: Path) -> None:
    with receiving(out, "-v", "--on-file", "true") as server:
        server.send(FIRST)
        server.wait_said("'true' ended with exit status 0")
        assert server.stop() == 0
    assert "taking no more connections" in server.said
    assert not any("presentation context" in line for line in server.said)
    with receiving(out, "-vv") as server:
        server.send(FIRST)
        server.wait_said("127.0.0.1: presentation context 1, CTImageStorage: ExplicitVRLittle")


def test_a_log_file(out: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with receiving(out, "-q", "--log-file", log) as server:
        server.send(FIRST)
        server.wait_for("stored")
        assert server.stop() == 0
    assert server.said == []
    lines = log.read_text().splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} dcmtools storescp: listening", lines[0])
    assert lines[-1].split(" in ")[0].endswith("storescp: 1 stored, 0.0 MB")
    assert any("presentation context 1" in line for line in lines)


def test_a_log_file_that_cannot_be_written(out: Path) -> None:
    with launched("-od", out, "--log-file", "/nowhere/log") as server:
        assert server.ended() == 4
    assert server.said == ["/nowhere/log: no such file or directory"]
    assert server.lines == []


# Where events cannot be written


def test_a_reader_that_has_enough_ends_it_in_good_order(out: Path) -> None:
    """What is under way is stored to its end, and no more connections are taken."""
    read, write = os.pipe()
    with launched("-od", out, stdout=write) as server:
        os.close(write)
        server.port = port_said(server)
        with association(server.address) as c, association(server.address) as other:
            rest = server.begin(other, ct("1.2.4", 100_000))
            os.close(read)
            assert status(c.store(FIRST)) == 0
            wait_refused(server)
            assert status(c.store(ct("1.2.5"))) == 0
            other.send(rest)
            assert status(other.read_message()) == 0
        assert server.ended() == 0
    assert files(out) == ["1.2.3.dcm", "1.2.4.dcm", "1.2.5.dcm"]
    assert server.summary == "3 stored, 0.1 MB"
    assert server.said[1] == "taking no more; waiting until 2 associations end, or another signal"


def test_a_pipe_to_head(out: Path) -> None:
    with launched("-od", out, "-f", "ndjson", line='"$@" | head -3') as server:
        server.port = port_said(server)
        assert server.send(*(ct(f"1.{n}") for n in range(5))) == [0] * 5
        assert server.ended() == 0
    assert [each["event"] for each in server.events] == ["listening", "association", "stored"]
    assert len(files(out)) == 5
    assert server.summary == "5 stored, 0.0 MB"


def test_a_full_device_for_stdout(out: Path) -> None:
    with Path("/dev/full").open("w") as full, launched("-od", out, stdout=full) as server:
        assert server.ended() == 4
    assert server.said[-1] == "standard output: no space left on device"


def test_a_disk_that_gets_full_of_events(tmp_path: Path, out: Path) -> None:
    """What was acknowledged is kept, and more is not taken."""
    with mounted(tmp_path / "disk", "size=8k") as disk, (disk / "events").open("w") as events:
        with launched("-od", out, "-f", "ndjson", stdout=events) as server:
            server.port = port_said(server)
            uids = [f"1.2.{n}" for n in range(50)]
            with association(server.address) as c:
                assert [status(c.store(ct(uid))) for uid in uids] == [0] * 50
            assert server.ended() == 4
        assert server.said[-2].startswith("50 stored, 0.0 MB in ")
        assert server.said[-1] == "standard output: no space left on device"
    assert files(out) == sorted(f"{uid}.dcm" for uid in uids)


def test_a_reader_that_sleeps_is_told_of_and_keeps_nothing_from_ending(out: Path) -> None:
    read, write = os.pipe()
    with launched("-od", out, "--no-fsync", stdout=write) as server, socket.socket() as sock:
        os.close(write)
        server.port = port_said(server)
        sock.connect(server.address)
        c = associate(sock, [STORE])
        sock.settimeout(1.0)
        with suppress(Over):
            while c.store(FIRST):  # the pipe does not hold as many events as that
                continue
        server.wait_said("warning: standard output: nobody reads it, so that objects wait")
        assert server.stop() == 4
    os.close(read)
    assert server.said[-1] == "standard output: nobody reads it"
    assert files(out) == ["1.2.3.dcm"]


def test_a_stdout_that_is_closed(out: Path) -> None:
    with launched("-od", out, line='exec "$@" >&-') as server:
        assert server.ended() == 4
    assert server.said == ["standard output: is closed"]


# On a terminal


def test_on_a_terminal(tmp_path: Path) -> None:
    """The same lines; Ctrl-C ends it."""
    ours, theirs = pty.openpty()
    shown = ""

    def read_until(part: str) -> None:
        nonlocal shown
        while part not in shown:
            assert select.select([ours], [], [], PATIENCE)[0], shown
            shown += os.read(ours, 10_000).decode()

    # The terminal must be that of the session for Ctrl-C to be a signal.
    command = ["setsid", "--ctty", sys.executable, "-m", "dcmtools", "storescp", "0", "-od", "in"]
    with subprocess.Popen(
        [*command, "--bind", "127.0.0.1"], cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        read_until("Ctrl-C")
        port = re.search(r"port=(\d+)", shown)
        assert port
        with association(("127.0.0.1", int(port[1]))) as c:
            assert status(c.store(FIRST)) == 0
        read_until("released")
        os.write(ours, b"\3")
        assert process.wait(PATIENCE) == 130
        read_until(" stored, ")
    os.close(theirs)
    os.close(ours)
    lines = shown.replace("^C", "").splitlines()
    assert lines[1] == (
        f"dcmtools storescp: listening as DCMTOOLS on port {port[1]} of 127.0.0.1; Ctrl-C ends it"
    )
    assert [line.split()[1] for line in lines if line.startswith("20")] == [
        "listening",
        "association",
        "stored",
        "released",
        "study",
    ]
    assert lines[-1].startswith("dcmtools storescp: 1 stored, 0.0 MB in ")
    assert all(len(line) < 200 for line in lines)

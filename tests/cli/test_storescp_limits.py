"""`storescp`: who may send what, how much of it, for how long; and faults that are asked for."""

from __future__ import annotations

import socket
import sys
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from tests.cli.receiving import ct, files, quiet, receiving, storescu, wait_refused
from tests.disks import mounted
from tests.factories import EXPLICIT, IMPLICIT, JPEG, make_ct
from tests.net.hostile import (
    ECHO,
    association,
    connected,
    echo,
    instance,
    last_word,
    status,
)
from tests.net.scripted import Over
from tests.net.steps import associate
from tests.net.wire import (
    ABORT,
    CT,
    DATA,
    RJ,
    VERIFICATION,
    Instance,
    Proposed,
    accepted_contexts,
    pdu,
    request_pdu,
)

if TYPE_CHECKING:
    from pathlib import Path

STORE = Proposed(1, CT, (EXPLICIT,))
PRIVATE = "1.2.3.4.5"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "in"


def word(address: tuple[str, int], *contexts: Proposed, **titles: str) -> tuple[int, bytes]:
    """Ask for an association; give the first PDU of the answer."""
    asked = {"called": "DCMTOOLS", "calling": "SCRIPTED", **titles}
    with connected(address) as sock:
        sock.sendall(request_pdu(asked["called"], asked["calling"], contexts or [STORE], 16384))
        head = sock.recv(6, socket.MSG_WAITALL)
        return head[0], sock.recv(int.from_bytes(head[2:6], "big"), socket.MSG_WAITALL)


# Who may call

CALLERS = {
    ("--check-called", "-aet", "RX"): ({"called": "RX"}, {"called": "TX"}, 7, "we are called RX"),
    ("--allow-calling", "CT1", "--allow-calling", "MR1"): (
        {"calling": "MR1"},
        {"calling": "CT2"},
        3,
        "the calling AE title is not allowed",
    ),
    ("--allow-calling", "CT 1 "): (
        {"calling": " CT 1"},
        {"calling": "CT"},
        3,
        "the calling AE title is not allowed",
    ),
}
"""Options; who may call, who may not; the reason that is answered, and that which is told."""


@pytest.mark.parametrize("options", CALLERS, ids=" ".join)
def test_who_may_call(options: tuple[str, ...], out: Path) -> None:
    welcome, other, number, why = CALLERS[options]
    with receiving(out, *options) as server:
        assert server.send(ct(), **welcome) == [0]
        assert word(server.address, **other) == (RJ, bytes([0, 1, 1, number]))
        rejected = server.wait_for("rejected")
        assert rejected["reason"] == why
        assert {f"{name}_aet": value for name, value in other.items()}.items() <= rejected.items()
        assert server.wait_said("rejected").endswith(f" rejected: {why}")


def test_from_where_one_may_call(out: Path) -> None:
    near = "--allow-host", "10.0.0.0/8", "--allow-host", "127.0.0.1"
    with receiving(out, *near) as server:
        assert server.send(ct()) == [0]
    with receiving(out, "--allow-host", "10.0.0.0/8", "--allow-host", "fd00::/8") as server:
        assert word(server.address) == (RJ, bytes([0, 1, 1, 1]))
        assert server.wait_for("rejected")["reason"] == "nobody may call from this address"


def test_how_many_may_call(out: Path) -> None:
    with receiving(out, "--max-associations", 2) as server:
        with association(server.address), association(server.address):
            assert word(server.address) == (RJ, bytes([0, 2, 3, 2]))
            assert server.wait_for("rejected")["reason"].startswith("there are as many")
        server.wait_for("released", 2)
        assert server.send(ct()) == [0]


def test_idle_associations_are_ended(out: Path) -> None:
    with receiving(out, "--idle-timeout", 0.5) as server:
        with association(server.address) as c:
            begun = monotonic()
            assert status(c.store(ct())) == 0
            assert last_word(c.sock) == ABORT
            assert 0.4 < monotonic() - begun < 5
        lost = server.wait_for("lost")
        assert (lost["objects"], lost["reason"]) == (1, "sent nothing for 0.5 s")
        assert server.send(ct("1.2.4")) == [0]


# What is taken

SYNTAXES = {
    (): ([IMPLICIT, EXPLICIT], IMPLICIT),
    ("--accept", "ExplicitVRLittleEndian,ImplicitVRLittleEndian"): (
        [IMPLICIT, EXPLICIT],
        EXPLICIT,
    ),
    ("--accept", f"{JPEG}, explicitvrlittleendian"): ([EXPLICIT, JPEG], JPEG),
    ("--accept", "JPEGBaseline8Bit"): ([EXPLICIT, IMPLICIT], None),
    ("--accept", "1.2.3.4"): (["1.2.3.4"], "1.2.3.4"),
}
"""Options; what is proposed, and what is taken of that."""


@pytest.mark.parametrize("options", SYNTAXES, ids=" ".join)
def test_transfer_syntaxes(options: tuple[str, ...], out: Path) -> None:
    proposed, taken = SYNTAXES[options]
    with receiving(out, *options) as server:
        kind, body = word(server.address, Proposed(1, CT, tuple(proposed)))
    assert kind == 2
    (context,) = accepted_contexts(body)
    if taken is None:
        assert context.result == 4
    else:
        assert (context.result, context.transfer_syntax) == (0, taken)


@pytest.mark.parametrize(("which", "results"), [("storage", [0, 0, 3, 0]), ("any", [0, 0, 0, 0])])
def test_sop_classes(which: str, results: list[int], out: Path) -> None:
    proposed = [
        Proposed(2 * number + 1, sop_class, (IMPLICIT,))
        for number, sop_class in enumerate([CT, PRIVATE, FIND, VERIFICATION])
    ]
    with receiving(out, "--sop-classes", which) as server:
        _, body = word(server.address, *proposed)
        assert [each.result for each in accepted_contexts(body)] == results
        private = Instance(PRIVATE, "1.2.9", EXPLICIT, instance("1.2.9", sop_class=PRIVATE).data)
        assert server.send(private) == [0]
        assert server.wait_for("stored")["sop_class_uid"] == PRIVATE


def test_the_longest_pdu(out: Path) -> None:
    with receiving(out, "--max-pdu", 4096) as server:
        _, body = word(server.address)
        assert bytes.fromhex("51000004") + (4096).to_bytes(4, "big") in body
        with association(server.address) as c:
            c.longest = 4096
            assert status(c.store(ct(size=50_000))) == 0
        with connected(server.address) as sock:
            c = associate(sock, [STORE, ECHO])
            c.send(pdu(DATA, bytes(100), 4097))
            assert last_word(sock) == ABORT
        assert "4097" in server.wait_for("lost", 2)["reason"]


# How much


def test_there_must_be_room(out: Path) -> None:
    """Nothing is stored, and the association lives."""
    with receiving(out, "--min-free", "999T") as server:
        with association(server.address) as c:
            assert [status(c.store(ct(f"1.{n}"))) for n in range(3)] == [0xA700] * 3
            assert echo(c) == 0
        refused = server.wait_for("refused", 3)
        assert refused["status"] == "A700"
        assert refused["reason"].endswith(f"bytes free, and {999 * 10**12} must be")
        said = server.wait_said("1.2 from SCRIPTED@127.0.0.1 refused (A700H): ")
        assert f"{out}: has " in said
        assert server.wait_said("hint: Make room there")
        assert server.stop() == 0
    assert files(out) == []


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=600k") as disk, receiving(disk / "in") as server:
        with association(server.address) as c:
            assert status(c.store(ct("1.1", 2_000_000))) == 0xA700
            assert status(c.store(ct("1.2", 2000))) == 0
        assert server.wait_said("1.1 from") == (
            f"1.1 from SCRIPTED@127.0.0.1 refused (A700H): {disk}/in: no space left on device"
        )
        assert server.stop() == 0
        assert files(disk / "in") == ["1.2.dcm"]


def test_as_many_files_as_are_wanted(out: Path) -> None:
    """The association that is open may go on, and others are not taken any more."""
    with receiving(out, "--max-files", 2) as server:
        with association(server.address) as c:
            assert status(c.store(ct("1.1"))) == 0
            assert status(c.store(ct("1.1"))) == 0  # it counts that it has come
            wait_refused(server)
            begun = monotonic()
            for number in range(6):  # for longer than whoever stands still has
                assert status(c.store(ct(f"1.2.{number}", 10_000))) == 0
                quiet(1.0)
            assert monotonic() - begun > 5
        assert server.ended() == 0
    assert len(files(out)) == 7
    assert server.summary == "7 stored, 1 known already, 0.1 MB"


@pytest.mark.parametrize("sent", [0, 1])
def test_it_ends_when_nobody_is_there_any_more(sent: int, out: Path) -> None:
    with receiving(out, "--idle-exit", 1) as server:
        begun = monotonic()
        if sent:
            quiet(0.7)
            assert server.send(ct()) == [0]
            begun = monotonic()
        assert server.ended() == 0
        assert 0.5 < monotonic() - begun < 5
    assert server.summary.startswith(f"{sent} stored")


def test_it_does_not_end_while_anybody_is_there(out: Path) -> None:
    with receiving(out, "--idle-exit", 0.5) as server:
        with association(server.address) as c:
            quiet(2.0)
            assert status(c.store(ct())) == 0
        assert server.ended() == 0


def test_without_waiting_for_the_disk(out: Path) -> None:
    """It is told by what the system is asked for."""
    counts = {}
    for name, options in {"durable": [], "quick": ["--no-fsync"]}.items():
        script = (
            "import os, sys; real = os.fsync\n"
            "def fsync(fd): sys.stderr.write('fsync\\n'); real(fd)\n"
            "os.fsync = fsync\n"
            "from dcmtools.__main__ import main; main()"
        )
        program = (sys.executable, "-c", script)
        with receiving(out / name, *options, program=program) as server:
            before = server.said.count("fsync")
            assert server.send(ct()) == [0]
            server.wait_for("released")
            assert server.stop() == 0
        counts[name] = server.said.count("fsync") - before
    assert counts["durable"] >= 2  # the file, and its name
    assert counts["quick"] == 0


# Faults that are asked for


@pytest.mark.interop
def test_dcmtk_is_told_a_status(out: Path, tmp_path: Path) -> None:
    sent = [make_ct(tmp_path / f"{n}.dcm", SOPInstanceUID=f"1.2.{n}") for n in range(4)]
    with receiving(out, "--fault", "status=A700:every=2") as server:
        ran = storescu(server, *sent, options=["-v", "-nh"])
        said = ran.stdout + ran.stderr
        assert said.count("0xa700") + said.count("Refused: OutOfResources") == 2
        server.wait_for("released")
        assert [each["sop_instance_uid"] for each in server.of("refused")] == ["1.2.1", "1.2.3"]
        assert [each["status"] for each in server.of("refused")] == ["A700", "A700"]
        assert server.of("refused")[0]["reason"] == "status, as --fault asks for"
        assert server.stop() == 0
    assert files(out) == ["1.2.0.dcm", "1.2.2.dcm"]


@pytest.mark.interop
@pytest.mark.parametrize("fault", ["abort:at=2", "close:at=2", "noreply:at=2", "reject:once"])
def test_dcmtk_fails(fault: str, out: Path, tmp_path: Path) -> None:
    sent = [make_ct(tmp_path / f"{n}.dcm", SOPInstanceUID=f"1.2.{n}") for n in range(3)]
    with receiving(out, "--fault", fault) as server:
        assert storescu(server, *sent, options=["-td", "1"]).returncode != 0
        kind = "rejected" if fault == "reject:once" else "refused"
        event = server.wait_for(kind)
        assert event["reason"].endswith("as --fault asks for")
        assert "status" not in event
        assert storescu(server, *sent).returncode == 0
        server.wait_for("released")
        assert server.stop() == 0
    assert len(files(out)) == 3


def test_an_answer_that_is_late(out: Path) -> None:
    with receiving(out, "--fault", "delay=1:at=2") as server, association(server.address) as c:
        for number, (least, most) in enumerate(((0, 1), (1, 6), (0, 1))):
            begun = monotonic()
            assert status(c.store(ct(f"1.{number}"))) == 0
            assert least <= monotonic() - begun < most


def test_several_faults(out: Path) -> None:
    faults = "--fault", "status=C000:at=1", "--fault", "status=A900:at=2", "--fault", "abort:at=3"
    with receiving(out, *faults) as server, association(server.address) as c:
        assert [status(c.store(ct(f"1.{n}"))) for n in range(2)] == [0xC000, 0xA900]
        with pytest.raises(Over):
            c.store(ct("1.3"))
        server.wait_for("lost")
        assert [each.get("status") for each in server.of("refused")] == ["C000", "A900", None]

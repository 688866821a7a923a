"""`store --commit`: what is asked for, what the peer says, by which way, and what comes of it."""

from __future__ import annotations

import re
import socket
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from pynetdicom import AE, build_role
from pynetdicom.dsutils import decode

from dcmtools.net.commitment import STORAGE_COMMITMENT
from tests.cli.retrieving import INTERRUPT, ended, lines, run, started, summary
from tests.cli.storing import instances, make, records, taker, uid
from tests.factories import EXPLICIT
from tests.net.reports import INSTANCE, report_on
from tests.net.scripted import PATIENCE, Connection, Scripted
from tests.net.steps import accept, answer, serve
from tests.net.wire import C_STORE, CT, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydicom.dataset import Dataset

    from tests.net.scripted import Step

N_ACTION, N_EVENT_REPORT = 0x0130, 0x0100


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Give a folder of three objects."""
    for number in (1, 2, 3):
        make(tmp_path / "in", number)
    return tmp_path / "in"


def requested(message: Message) -> Dataset:
    """Decode a request for commitment."""
    return decode(BytesIO(message.data or b""), False, True)  # noqa: FBT003 - its own signature


def asked(peer: Scripted) -> list[list[str]]:
    """Give the SOP Instance UIDs of each request for commitment."""
    found = [requested(each) for each in peer.messages if each.command_field == N_ACTION]
    return [
        [str(item.ReferencedSOPInstanceUID) for item in each.ReferencedSOPSequence]
        for each in found
    ]


def committer(
    failed: Mapping[str, int] | None = None,
    *,
    status: int = 0,
    report: Callable[[Dataset], None] | None = None,
    statuses: Mapping[str, int] | None = None,
) -> list[Step]:
    """Take objects and requests for commitment; report on the same association, or otherwise."""

    def store(c: Connection) -> None:
        assert c.message is not None
        answer((statuses or {}).get(c.message.command["AffectedSOPInstanceUID"], 0))(c)

    def act(c: Connection) -> None:
        assert c.message is not None
        request = requested(c.message)
        context_id = c.message.context_id
        answer(
            status,
            AffectedSOPClassUID=STORAGE_COMMITMENT,
            AffectedSOPInstanceUID=INSTANCE,
            ActionTypeID=1,
        )(c)
        if report is not None:
            report(request)
        elif not status:
            data = report_on(request, failed)
            command = {
                "CommandField": N_EVENT_REPORT,
                "MessageID": 1,
                "AffectedSOPClassUID": STORAGE_COMMITMENT,
                "AffectedSOPInstanceUID": INSTANCE,
                "EventTypeID": 2 if failed else 1,
            }
            c.send_message(context_id, command, c.encoded(context_id, data))

    return serve({C_STORE: store, N_ACTION: act}, accept(syntaxes=[EXPLICIT]))


def silent(_: Dataset) -> None:
    """Report nothing."""


def test_all_is_committed(three: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with Scripted(committer()) as peer:
        ran = run("store", peer.address, three, "--commit", "--report", report)
    assert ran.exit_code == 0
    assert asked(peer) == [[uid(1), uid(2), uid(3)]]
    assert len(lines(ran)) == 1
    assert summary(ran) == "3 sent, 3 committed, 0.0 MB"
    told = records(report)
    assert [each["status"] for each in told] == ["sent"] * 3 + ["committed"] * 3
    assert told[3] == {
        "file": f"{three}/0001.dcm",
        "status": "committed",
        "sop_class_uid": CT,
        "sop_instance_uid": uid(1),
        "code": None,
        "reasons": [],
    }


def test_some_is_not_committed(three: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with Scripted(committer({uid(2): 0x0112})) as peer:
        ran = run("store", peer.address, three, "--commit", "--report", report)
    assert ran.exit_code == 9
    assert lines(ran)[0].startswith(
        f"{three}/0002.dcm: {uid(2)}: the peer does not commit itself to keep it: 0112H, "
    )
    assert summary(ran) == "3 sent, 2 committed, 0.0 MB"
    failed = [each for each in records(report) if each["status"] == "not committed"]
    assert [(each["sop_instance_uid"], each["code"]) for each in failed] == [(uid(2), "0112")]


def test_nothing_is_asked_of_what_has_not_arrived(three: Path) -> None:
    with Scripted(committer(statuses={uid(2): 0xA700})) as peer:
        ran = run("store", peer.address, three, "--commit")
    assert ran.exit_code == 9
    assert asked(peer) == [[uid(1), uid(3)]]
    assert summary(ran) == "2 sent, 1 failed, 2 committed, 0.0 MB"


def test_nothing_has_arrived(three: Path) -> None:
    with Scripted(taker(usual=0xA700)) as peer:
        ran = run("store", peer.address, three, "--commit")
    assert ran.exit_code == 8
    assert len(peer.requests) == 1


def test_no_report_in_time(three: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with Scripted(committer(report=silent)) as peer:
        words = ("--commit", "--commit-wait", "0.1", "--report", report)
        ran = run("store", peer.address, three, *words)
    assert ran.exit_code == 9
    said = lines(ran)
    assert said[0] == f"{peer.address}: has not reported on 3 instances"
    assert said[1].startswith("hint: Where it reports on an association of its own, ")
    assert summary(ran) == "3 sent, 0 committed, 0.0 MB"
    assert [each["status"] for each in records(report)][3:] == ["not reported"] * 3


def test_the_request_is_refused(three: Path) -> None:
    with Scripted(committer(status=0x0110)) as peer:
        ran = run("store", peer.address, three, "--commit")
    assert ran.exit_code == 9
    assert "answered the request for storage commitment with 0110H" in lines(ran)[0]
    assert summary(ran) == "3 sent, 0.0 MB"


def test_a_peer_without_the_service(three: Path) -> None:
    with Scripted(taker(accepted=accept(refuse={STORAGE_COMMITMENT: 3}))) as peer:
        ran = run("store", peer.address, three, "--commit")
    assert ran.exit_code == 9
    assert "accepted no presentation context" in lines(ran)[0]
    assert summary(ran) == "3 sent, 0.0 MB"


def test_another_run_with_a_journal_asks_for_all(three: Path, tmp_path: Path) -> None:
    options = ("--commit", "--resume", tmp_path / "journal", "--new-uids")
    with Scripted(taker(accepted=accept(refuse={STORAGE_COMMITMENT: 3}))) as peer:
        first = run("store", peer.address, three, *options)
        sent = instances(peer)
        port = peer.port
    assert first.exit_code == 9
    journal = tmp_path / "journal"
    with Scripted(committer()) as peer:
        journal.write_text(journal.read_text().replace(f":{port}", f":{peer.port}", 1))
        second = run("store", peer.address, three, *options)
    assert second.exit_code == 0
    assert instances(peer) == []
    assert asked(peer) == [sent]
    assert summary(second) == "0 sent, 3 done before, 3 committed"


def test_it_reports_on_an_association_of_its_own(three: Path) -> None:
    ports: list[int] = []
    known = threading.Event()
    statuses: list[int] = []
    threads: list[threading.Thread] = []

    def later(request: Dataset) -> None:
        assert known.wait(PATIENCE)
        ae = AE("PACS")
        ae.add_requested_context(STORAGE_COMMITMENT)
        roles: list[Any] = [build_role(STORAGE_COMMITMENT, scp_role=True)]
        association = ae.associate("127.0.0.1", ports[0], ext_neg=roles)
        reply, _ = association.send_n_event_report(
            report_on(request), 1, STORAGE_COMMITMENT, INSTANCE
        )
        statuses.append(reply.Status)
        association.release()

    def report(request: Dataset) -> None:
        threads.append(threading.Thread(target=later, args=(request,)))
        threads[-1].start()

    with Scripted(committer(report=report)) as peer:
        words = ("store", peer.address, three, "--commit", "--commit-listen", "0")
        with started(*words) as process:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"listening as DCMTOOLS on port (\d+); (.*)", line)
            assert found, line
            assert found[2] == f"{peer.address} must map DCMTOOLS to this address"
            ports.append(int(found[1]))
            known.set()
            code, err = ended(process)
        for thread in threads:
            thread.join(PATIENCE)
    assert code == 0, err
    assert statuses == [0]
    assert "3 sent, 3 committed, 0.0 MB in" in err


def test_a_port_that_is_taken_is_known_before_anything_is_sent(three: Path) -> None:
    with socket.create_server(("", 0)) as taken, Scripted(committer()) as peer:
        port = taken.getsockname()[1]
        ran = run("store", peer.address, three, "--commit", "--commit-listen", port)
        assert peer.received == []
    assert ran.exit_code == 6
    assert f"port {port}" in ran.stderr or str(port) in ran.stderr


def test_ctrl_c_while_it_waits_for_a_report(three: Path) -> None:
    with Scripted(committer(report=silent)) as peer:
        words = ("store", peer.address, three, "--commit", "--commit-wait", "600")
        with started(*words) as process:
            peer.wait(asked)
            code, err = ended(process, INTERRUPT)
    assert code == 130
    assert "3 sent, 0.0 MB in " in err

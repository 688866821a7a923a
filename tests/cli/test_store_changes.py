"""`store`: what is changed on the way, what is encoded anew, and what a journal remembers."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from tests.cli.retrieving import KILL, lines, run, started, summary
from tests.cli.storing import (
    ROOT,
    SC,
    data_set,
    instances,
    make,
    records,
    stored,
    taker,
    uid,
)
from tests.factories import DEFLATED, EXPLICIT, IMPLICIT, make_ct, part10, write
from tests.net.scripted import Scripted
from tests.net.steps import abort, accept, answer, hang, wait_request
from tests.net.wire import CT, Message

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

RLE = "1.2.840.10008.1.2.5"
STUDY, SERIES = f"{ROOT}.1.1", f"{ROOT}.1.2"


def read(message: Message, *, implicit: bool = False) -> Dataset:
    """Decode a data set that was sent."""
    assert message.data is not None
    syntax = IMPLICIT if implicit else EXPLICIT
    return dcmread(BytesIO(part10(message.data, syntax)))


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Give a folder of three objects."""
    for number in (1, 2, 3):
        make(tmp_path / "in", number)
    return tmp_path / "in"


# Values and UIDs


def test_many_objects_do_not_become_the_same(three: Path) -> None:
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, three, "--set", f"SOPInstanceUID={ROOT}.9")
        assert ran.exit_code == 2
        assert "would make all objects the same instance" in lines(ran)[0]
        assert peer.requests == []
        one = min(three.iterdir())
        assert run("store", peer.address, one, "--set", f"SOPInstanceUID={ROOT}.9").exit_code == 0
        assert instances(peer) == [f"{ROOT}.9"]


def test_values_are_set(three: Path) -> None:
    before = {path: path.read_bytes() for path in three.iterdir()}
    with Scripted(taker()) as peer:
        ran = run(
            "store", peer.address, three, "--set", "PatientID=TEST1", "--set", "PatientName=A^B=x"
        )
    assert ran.exit_code == 0
    sent = [read(each) for each in stored(peer)]
    assert [(each.PatientID, str(each.PatientName)) for each in sent] == [("TEST1", "A^B=x")] * 3
    assert instances(peer) == [uid(1), uid(2), uid(3)]
    assert {path: path.read_bytes() for path in three.iterdir()} == before


def test_a_new_uid_that_is_set_is_that_of_the_command(tmp_path: Path) -> None:
    file = make(tmp_path, 1)
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, file, "--set", f"SOPInstanceUID={uid(7)}")
    assert ran.exit_code == 0
    assert instances(peer) == [uid(7)]
    assert read(stored(peer)[0]).SOPInstanceUID == uid(7)


def test_the_sop_class_is_never_another_than_that_of_the_command(tmp_path: Path) -> None:
    file = make(tmp_path, 1)
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, file, "--set", f"SOPClassUID={SC}")
    for message in stored(peer):
        assert message.command["AffectedSOPClassUID"] == read(message).SOPClassUID
    assert ran.exit_code in (0, 2)


def test_values_that_a_file_cannot_hold(tmp_path: Path) -> None:
    make_ct(tmp_path / "a.dcm", SpecificCharacterSet="ISO_IR 100")
    make_ct(tmp_path / "b.dcm", SpecificCharacterSet="ISO_IR 192")
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tmp_path, "--set", "PatientName=山田^太郎")
    assert ran.exit_code == 9
    assert summary(ran) == "1 sent, 1 failed, 0.0 MB"
    assert lines(ran)[0].startswith(f"{tmp_path}/a.dcm: ")


def test_new_uids_keep_a_study_together(three: Path) -> None:
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, three, "--new-uids")
    assert ran.exit_code == 0
    sent = [read(each) for each in stored(peer)]
    assert len({each.StudyInstanceUID for each in sent} - {STUDY}) == 1
    assert len({each.SeriesInstanceUID for each in sent} - {SERIES}) == 1
    assert [each.SOPInstanceUID for each in sent] == instances(peer)
    assert len({*instances(peer), uid(1), uid(2), uid(3)}) == 6


def test_new_uids_differ_from_run_to_run(three: Path) -> None:
    with Scripted(taker()) as peer:
        run("store", peer.address, three, "--new-uids")
        run("store", peer.address, three, "--new-uids")
    assert len(set(instances(peer))) == 6


def test_a_report_has_the_new_uid(three: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with Scripted(taker()) as peer:
        run("store", peer.address, three, "--new-uids", "--report", report)
    assert [each["sop_instance_uid"] for each in records(report)] == instances(peer)


# Transfer syntaxes


def test_what_the_peer_does_not_take_is_decompressed(tmp_path: Path) -> None:
    file = get_testdata_file("MR_small_RLE.dcm")
    whole = dcmread(get_testdata_file("MR_small.dcm"))
    report = tmp_path / "report"
    with Scripted(taker(accepted=accept(syntaxes=[EXPLICIT]))) as peer:
        ran = run("store", peer.address, file, "--report", report)
    assert ran.exit_code == 0, ran.stderr
    assert summary(ran).startswith("1 sent (1 of them encoded anew), 0.0 MB")
    sent = read(stored(peer)[0])
    assert sent.PixelData == whole.PixelData
    told = records(report)[0]
    assert told["transfer_syntax_uid"] == EXPLICIT
    assert told["note"] == "decompressed from RLE Lossless"


def test_never_to_encode_anew(tmp_path: Path) -> None:
    file = get_testdata_file("MR_small_RLE.dcm")
    make(tmp_path, 1)
    with Scripted(taker(accepted=accept(syntaxes=[EXPLICIT]))) as peer:
        ran = run("store", peer.address, file, tmp_path, "--transcode", "never")
    assert ran.exit_code == 9
    assert instances(peer) == [uid(1)]
    assert lines(ran)[0].startswith(f"{file}: the peer does not accept it in RLELossless (")


def test_always_to_encode_anew() -> None:
    file = get_testdata_file("MR_small_RLE.dcm")
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, file, "--transcode", "always")
    assert ran.exit_code == 0
    assert {each for _, _, (each, *_) in peer.requests[0].proposed} <= {EXPLICIT, IMPLICIT}
    assert summary(ran).startswith("1 sent (1 of them encoded anew)")


def test_what_cannot_be_encoded_anew_fails_alone(tmp_path: Path) -> None:
    broken = write(tmp_path / "a.dcm", part10(data_set(9), RLE))
    make(tmp_path, 1)
    with Scripted(taker(accepted=accept(syntaxes=[EXPLICIT]))) as peer:
        ran = run("store", peer.address, tmp_path)
    assert ran.exit_code == 9
    assert instances(peer) == [uid(1)]
    assert lines(ran)[0].startswith(f"{broken}: ")


def test_further_transfer_syntaxes_are_proposed(tmp_path: Path) -> None:
    make(tmp_path, 1)
    names = "jpegbaseline8bit,1.2.840.10008.1.2.5"
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tmp_path, "--propose", names)
    assert ran.exit_code == 0
    offered = [syntaxes for _, _, syntaxes in peer.requests[0].proposed]
    assert ("1.2.840.10008.1.2.4.50",) in offered
    assert (RLE,) in offered
    assert stored(peer)[0].data == data_set(1)


def test_a_deflated_object_goes_as_it_is_or_inflated(tmp_path: Path) -> None:
    file = make_ct(tmp_path / "a.dcm", syntax=DEFLATED)
    with Scripted(taker()) as peer:
        assert run("store", peer.address, file).exit_code == 0
    assert (stored(peer)[0].data or b"").rstrip(b"\0") in file.read_bytes()
    with Scripted(taker(accepted=accept(syntaxes=[EXPLICIT]))) as peer:
        ran = run("store", peer.address, file)
    assert ran.exit_code == 0, ran.stderr
    assert read(stored(peer)[0]).PatientID == "PID-1"


# Journals


def test_what_has_arrived_is_not_sent_again(three: Path, tmp_path: Path) -> None:
    journal, report = tmp_path / "journal", tmp_path / "report"
    with Scripted(taker({uid(2): 0xC000}), taker()) as peer:
        first = run("store", peer.address, three, "--resume", journal)
        make(three, 4)
        second = run("store", peer.address, three, "--resume", journal, "--report", report)
        third = run("store", peer.address, three, "--resume", journal)
        assert len(peer.requests) == 2
    assert (first.exit_code, second.exit_code, third.exit_code) == (9, 0, 0)
    assert instances(peer)[3:] == [uid(2), uid(4)]
    assert summary(second) == "2 sent, 2 done before, 0.0 MB"
    assert summary(third) == "0 sent, 4 done before"
    assert records(report)[0] == {
        "file": f"{three}/0001.dcm",
        "status": "done before",
        "sop_class_uid": CT,
        "sop_instance_uid": uid(1),
        "transfer_syntax_uid": EXPLICIT,
        "reasons": ["the journal lists it"],
    }


def test_a_file_that_has_changed_is_sent_again(three: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with Scripted(taker()) as peer:
        run("store", peer.address, three, "--resume", journal)
        make(three, 2, size=200)
        run("store", peer.address, three, "--resume", journal)
    assert instances(peer)[3:] == [uid(2)]


@pytest.mark.parametrize(
    "other", [["--set", "PatientID=OTHER"], ["--new-uids"], ["--aec", "OTHER"]], ids=" ".join
)
def test_a_journal_of_another_run(three: Path, tmp_path: Path, other: list[str]) -> None:
    journal = tmp_path / "journal"
    with Scripted(taker()) as peer:
        assert run("store", peer.address, three, "--resume", journal).exit_code == 0
        before = journal.read_bytes()
        other = ["-aec" if each == "--aec" else each for each in other]
        ran = run("store", peer.address, three, "--resume", journal, *other)
    assert ran.exit_code == 2
    assert "is the journal of a run " in lines(ran)[0]
    assert journal.read_bytes() == before


def test_new_uids_are_the_same_in_each_run_with_a_journal(three: Path, tmp_path: Path) -> None:
    options = ("--new-uids", "--set", "PatientID=T", "--resume", tmp_path / "journal")
    scripts = [accept(), wait_request(), answer(), wait_request(), *abort()], taker()
    with Scripted(*scripts) as peer:
        first = run("store", peer.address, three, *options, "--fail-fast")
        second = run("store", peer.address, three, *options)
    assert (first.exit_code, second.exit_code) == (9, 0)
    sent = [read(each) for each in stored(peer)]
    assert len(instances(peer)) == 4
    assert instances(peer)[1] == instances(peer)[2]
    assert len(set(instances(peer))) == 3
    assert len({each.StudyInstanceUID for each in sent}) == 1
    assert {each.PatientID for each in sent} == {"T"}


def test_a_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    for number in range(1, 400):
        make(tmp_path / "in", number)
    journal = tmp_path / "journal"
    with Scripted(taker()) as peer:
        words = ("store", peer.address, tmp_path / "in", "--resume", journal, "-q")
        with started(*words) as process:
            peer.wait(lambda peer: len(peer.messages) > 20)
            process.send_signal(KILL)
            process.wait()
        sent = len(instances(peer))
        ran = run(*words[:-1])
    assert ran.exit_code == 0
    assert set(instances(peer)) == {uid(number) for number in range(1, 400)}
    assert len(instances(peer)) - 399 <= 1
    assert sent < 399


def test_two_runs_do_not_share_a_journal(three: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with (
        Scripted([accept(), wait_request(), hang()]) as peer,
        started("store", peer.address, three, "--resume", journal),
    ):
        peer.wait(lambda peer: peer.messages)
        ran = run("store", peer.address, three, "--resume", journal)
    assert ran.exit_code == 4
    assert "is in use by another run" in lines(ran)[0]

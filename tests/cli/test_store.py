"""`store`: what becomes of each file, what is said about it, reports and exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.retrieving import lines, run, summary
from tests.cli.storing import (
    NO_ROOM,
    PRIVATE,
    SC,
    WARNING,
    data_set,
    instances,
    make,
    records,
    stored,
    taker,
    uid,
)
from tests.disks import mounted
from tests.factories import EXPLICIT, IMPLICIT, element, make_ct, part10, write
from tests.net.scripted import Scripted, refused
from tests.net.steps import abort, accept, answer, close, hang, reject, serve
from tests.net.wire import C_STORE, CT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.net.scripted import Script


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Give a folder of three objects."""
    for number in (1, 2, 3):
        make(tmp_path / "in", number)
    return tmp_path / "in"


def test_all_are_sent_bit_for_bit_on_one_association(three: Path) -> None:
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, three)
    assert ran.exit_code == 0
    assert summary(ran) == "3 sent, 0.0 MB"
    assert len(lines(ran)) == 1
    assert instances(peer) == [uid(1), uid(2), uid(3)]
    assert [each.data for each in stored(peer)] == [data_set(number) for number in (1, 2, 3)]
    assert len(peer.requests) == 1
    assert peer.endings[0] == "release"
    first = stored(peer)[0].command
    assert (first["AffectedSOPClassUID"], first["Priority"]) == (CT, 0)


def test_it_has_another_name(three: Path) -> None:
    with Scripted(taker()) as peer:
        ran = run("send", peer.address, three, "-v")
    assert ran.exit_code == 0
    assert instances(peer) == [uid(1), uid(2), uid(3)]
    assert all(line.startswith("dcmtools send: ") for line in ran.stderr.splitlines())


def test_the_contexts_are_those_of_the_files(tmp_path: Path) -> None:
    make_ct(tmp_path / "a.dcm", syntax=IMPLICIT)
    make(tmp_path, 1)
    make(tmp_path, 2, sop_class=PRIVATE)
    make(tmp_path, 3, sop_class=SC)
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tmp_path)
    assert ran.exit_code == 0
    proposed = [each[1:] for each in peer.requests[0].proposed]
    assert (CT, (IMPLICIT,)) in proposed
    assert (CT, (EXPLICIT,)) in proposed
    assert (PRIVATE, (EXPLICIT,)) in proposed
    contexts = {each.context_id: each for each in peer.requests[0].proposed}
    used = [contexts[each.context_id][1:] for each in stored(peer)]
    assert sorted(used) == sorted(
        [(CT, (EXPLICIT,)), (PRIVATE, (EXPLICIT,)), (SC, (EXPLICIT,)), (CT, (IMPLICIT,))]
    )


# What the peer says


def test_what_some_are_refused(three: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with Scripted(taker({uid(2): 0xA900})) as peer:
        ran = run("store", peer.address, three, "--report", report)
    assert ran.exit_code == 9
    assert lines(ran)[0].startswith(f"{three}/0002.dcm: the peer answered A900H, ")
    assert summary(ran) == "2 sent, 1 failed, 0.0 MB"
    assert instances(peer) == [uid(1), uid(2), uid(3)]
    common = {
        "sop_class_uid": CT,
        "transfer_syntax_uid": EXPLICIT,
        "attempts": 1,
        "note": "",
        "warnings": [],
    }
    why = lines(ran)[0].split(": ", 1)[1]
    assert records(report) == [
        {
            "file": f"{three}/{number:04}.dcm",
            "status": "failed" if number == 2 else "sent",
            "sop_instance_uid": uid(number),
            "code": "A900" if number == 2 else "0000",
            "reasons": [why] if number == 2 else [],
            **common,
        }
        for number in (1, 2, 3)
    ]


def test_all_are_refused(three: Path) -> None:
    with Scripted(taker(usual=0xC001)) as peer:
        ran = run("store", peer.address, three)
    assert ran.exit_code == 8
    assert summary(ran) == "0 sent, 3 failed"
    failed = [line for line in lines(ran) if line.endswith(".dcm") or "C001H" in line]
    assert [line.split(": ")[0] for line in failed] == sorted(map(str, three.iterdir()))


def test_a_hint_is_given_once(three: Path) -> None:
    with Scripted(taker(usual=NO_ROOM)) as peer:
        ran = run("store", peer.address, three)
    assert [line for line in lines(ran) if line.startswith("hint: ")] == [
        "hint: It may be full, or too busy: try again later."
    ]


def test_what_many_fail_of_is_said_again_in_one_line(tmp_path: Path) -> None:
    for number in range(25):
        make(tmp_path / "in", number + 1)
    comments = iter(range(25))

    def step(c: object) -> None:
        answer(NO_ROOM, ErrorComment=f"no room for {next(comments)}")(c)  # type: ignore[arg-type]

    with Scripted(serve({C_STORE: step})) as peer:
        ran = run("store", peer.address, tmp_path / "in")
    assert ran.exit_code == 8
    assert lines(ran)[-2] == "25 files: the peer answered A700H, refused: out of resources"


def test_a_warning_is_said_and_harmless(three: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with Scripted(taker({uid(2): WARNING})) as peer:
        ran = run("store", peer.address, three, "--report", report)
    assert ran.exit_code == 0
    said = lines(ran)
    assert len(said) == 2
    assert said[0].startswith(f"{three}/0002.dcm: warning: the peer answered B000H, ")
    assert summary(ran) == "3 sent, 0.0 MB"
    warned = records(report)[1]
    assert (warned["status"], warned["code"]) == ("sent", "B000")
    assert warned["reasons"] == [said[0].split(": warning: ")[1]]


def test_a_warning_can_count_as_a_failure(three: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with Scripted(taker({uid(2): WARNING})) as peer:
        ran = run("store", peer.address, three, "--warnings", "fail", "--report", report)
    assert ran.exit_code == 9
    assert summary(ran) == "2 sent, 1 failed, 0.0 MB"
    assert [each["status"] for each in records(report)] == ["sent", "failed", "sent"]
    with Scripted(taker(usual=WARNING)) as peer:
        assert run("store", peer.address, three, "--warnings", "fail").exit_code == 8


def test_what_was_warned_of_as_a_failure_is_sent_again(three: Path, tmp_path: Path) -> None:
    options = ("--warnings", "fail", "--resume", tmp_path / "journal")
    with Scripted(taker({uid(2): WARNING})) as peer:
        assert run("store", peer.address, three, *options).exit_code == 9
        ran = run("store", peer.address, three, *options)
    assert instances(peer)[3:] == [uid(2)]
    assert summary(ran) == "0 sent, 1 failed, 2 done before"


@pytest.mark.parametrize("warnings", [(), ("--warnings", "fail")])
def test_it_stops_at_the_first_that_fails(three: Path, warnings: tuple[str, ...]) -> None:
    for number in range(4, 40):
        make(three, number)
    code = WARNING if warnings else 0xC001
    with Scripted(taker({uid(2): code})) as peer:
        ran = run("store", peer.address, three, "--fail-fast", *warnings)
    assert ran.exit_code == 9
    sent = len(instances(peer)) - 1
    assert sent < 30
    untried = 39 - 1 - sent
    assert summary(ran) == f"{sent} sent, 1 failed, {untried} not sent, 0.0 MB"
    assert peer.endings[0] == "release"


# Peers


def test_a_peer_that_is_down(three: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with refused() as address:
        ran = run("store", address, three, "--report", report)
    assert ran.exit_code == 6
    assert len([line for line in lines(ran) if "refused" in line]) == 1
    assert summary(ran) == "0 sent, 3 not sent"
    assert [each["status"] for each in records(report)] == ["not sent"] * 3
    assert all("refused" in str(each["reasons"]) for each in records(report))


def test_a_peer_that_rejects(three: Path) -> None:
    with Scripted(reject(1, 1, 3)) as peer:
        ran = run("store", peer.address, three)
    assert ran.exit_code == 7
    assert lines(ran)[0] == (
        f"{peer.address}: rejected the association: calling AE title not recognized"
        " (permanent, by its service user)"
    )
    assert "hint: It does not know us as DCMTOOLS" in lines(ran)[1]
    assert summary(ran) == "0 sent, 3 not sent"


def test_a_peer_that_takes_none_of_it(three: Path) -> None:
    with Scripted(taker(accepted=accept(refuse=3))) as peer:
        ran = run("store", peer.address, three)
    assert ran.exit_code == 7
    assert lines(ran)[0].startswith(
        f"{three}/0001.dcm: the peer does not accept it in ExplicitVRLittleEndian ("
    )
    assert "CTImageStorage" in lines(ran)[0]
    assert lines(ran)[1] == "hint: dcmtools echo --probe shows what the peer takes."
    assert summary(ran) == "0 sent, 3 failed"


def test_a_peer_that_does_not_take_one_class(three: Path) -> None:
    make(three, 4, sop_class=SC)
    with Scripted(taker(accepted=accept(refuse={SC: 3}))) as peer:
        ran = run("store", peer.address, three)
    assert ran.exit_code == 9
    assert "SecondaryCaptureImageStorage" in lines(ran)[0]
    assert summary(ran) == "3 sent, 1 failed, 0.0 MB"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([accept(), *abort()], 7),
        ([accept(), close()], 7),
        ([close()], 6),
    ],
    ids=["abort", "close", "no answer"],
)
def test_a_peer_that_ends_it(three: Path, script: Script, code: int) -> None:
    with Scripted(script) as peer:
        ran = run("store", peer.address, three)
    assert ran.exit_code == code
    assert "0 sent" in summary(ran)


def test_a_peer_that_is_silent(tmp_path: Path) -> None:
    file = make(tmp_path, 1)
    with Scripted([accept(), hang()]) as peer:
        ran = run("store", peer.address, file, "--dimse-timeout", "0.2")
    assert ran.exit_code == 6
    assert "no response" in lines(ran)[0]
    assert "hint: Where it is only slow, give it longer with --dimse-timeout." in lines(ran)


def test_the_others_go_on_a_new_association(three: Path) -> None:
    dies = [accept(), *abort()]
    with Scripted(dies, taker()) as peer:
        ran = run("store", peer.address, three)
    assert ran.exit_code == 9
    assert summary(ran) == "2 sent, 1 failed, 0.0 MB"
    assert len(peer.requests) == 2


def test_what_was_lost_is_tried_again(three: Path) -> None:
    dies = [accept(), *abort()]
    with Scripted(dies, taker()) as peer:
        ran = run("store", peer.address, three, "--retries", "1", "--retry-delay", "0.01")
    assert ran.exit_code == 0
    assert summary(ran) == "3 sent, 0.0 MB"
    assert "trying again in 0.01 s" in lines(ran)[0]


def test_several_associations(tmp_path: Path) -> None:
    for number in range(40):
        make(tmp_path / "in", number + 1)
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tmp_path / "in", "-j", "4")
    assert ran.exit_code == 0
    assert sorted(instances(peer)) == sorted(uid(number + 1) for number in range(40))
    assert 1 <= len(peer.requests) <= 4


# Files that are no good


def damaged(folder: Path) -> dict[Path, str]:
    """Write files that must not be sent, and say what is said of them."""
    good = part10(data_set(90))
    return {
        write(folder / "cut.dcm", good[:-10]): "is damaged: PixelData (7fe0,0010) has a length of",
        write(folder / "garbage.dcm", good + b"some garbage"): "is damaged: 12 foreign bytes",
        write(folder / "second.dcm", good + good): "is damaged: 474 bytes of a second file",
        write(folder / "no-uid.dcm", part10(element(0x00080016, "UI", CT.encode() + b"\0"))): (
            "has no SOP Instance UID (0008,0018), without which it cannot be sent"
        ),
    }


def test_damaged_files_among_good_ones(three: Path, tmp_path: Path) -> None:
    wrong, report = damaged(three), tmp_path / "report"
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, three, "--report", report)
    assert ran.exit_code == 9
    assert instances(peer) == [uid(1), uid(2), uid(3)]
    assert summary(ran) == "3 sent, 4 failed, 0.0 MB"
    said = lines(ran)
    told = {each["file"]: each for each in records(report)}
    for path, why in wrong.items():
        assert [line for line in said if line.startswith(f"{path}: {why}")], path
        assert told[str(path)]["status"] == "failed"
    assert len(told) == 7


def test_nothing_but_damaged_files(tmp_path: Path) -> None:
    damaged(tmp_path)
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tmp_path)
    assert ran.exit_code == 3
    assert summary(ran) == "0 sent, 4 failed"
    assert stored(peer) == []


def test_files_that_are_odd_but_whole_are_sent(tmp_path: Path) -> None:
    good = part10(data_set(1))
    length = good.index(b"UL\x04\0") + 4
    files = {
        "bare.dcm": data_set(2),
        "length.dcm": good[:length] + b"\xff\0\0\0" + good[length + 4 :],
        "zeros.dcm": part10(data_set(3)) + bytes(6),
    }
    for name, content in files.items():
        write(tmp_path / name, content)
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tmp_path)
    assert ran.exit_code == 0
    sets = {each.command["AffectedSOPInstanceUID"]: each.data for each in stored(peer)}
    assert sets == {uid(number): data_set(number) for number in (1, 2, 3)}
    said = [line.split("warning: ")[1] for line in lines(ran)[:-1]]
    assert said[0].startswith("the file meta group says it is 255 bytes long and is ")
    assert said[1].startswith("6 zero bytes follow the data set")
    assert len(said) == 2


def test_an_odd_data_set_is_made_even(tmp_path: Path) -> None:
    body = data_set(1) + element(0xFFFCFFFC, "OB", b"\1\2\3")
    file = write(tmp_path / "odd.dcm", part10(body))
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, file)
    assert ran.exit_code == 0
    assert stored(peer)[0].data == body + b"\0"
    assert lines(ran)[0].endswith(
        f"the data set has an odd length of {len(body)} bytes, and is sent with a zero"
    )


def test_the_same_instance_twice_is_sent_twice(tmp_path: Path) -> None:
    file = make(tmp_path, 1)
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, file, file)
    assert ran.exit_code == 0
    assert summary(ran) == "2 sent, 0.0 MB"
    assert instances(peer) == [uid(1)] * 2


def test_a_mixture_of_everything(tmp_path: Path) -> None:
    make(tmp_path, 1)
    make(tmp_path, 2, sop_class=PRIVATE)
    make(tmp_path / "below", 3)
    make(tmp_path, 4)
    make(tmp_path, 5, sop_class=SC)
    make(tmp_path, 6)
    write(tmp_path / "bare", data_set(7))
    write(tmp_path / "readme.txt", b"no DICOM at all\n" * 20)
    damaged(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "nothing")
    script = taker({uid(4): WARNING, uid(6): 0xC001}, accepted=accept(refuse={SC: 3}))
    with Scripted(script) as peer:
        ran = run("store", peer.address, tmp_path, "-j", "2")
    assert ran.exit_code == 9
    assert summary(ran) == "5 sent, 7 failed, 1 skipped, 0.0 MB"
    assert sorted(instances(peer)) == sorted(map(uid, (1, 2, 3, 4, 6, 7)))


# What is said, and where


def test_no_values_of_patients_are_said(three: Path, tmp_path: Path) -> None:
    make(three, 4, sop_class=SC)
    damaged(three)
    log = tmp_path / "log"
    script = taker({uid(1): WARNING, uid(2): NO_ROOM}, accepted=accept(refuse={SC: 3}))
    with Scripted(script) as peer:
        ran = run("store", peer.address, three, "-vv", "--log-file", log)
    assert ran.exit_code == 9
    for text in (ran.stderr, log.read_text()):
        assert f"{three}/0003.dcm: sent" in text
        assert "A-ASSOCIATE" in text or "association" in text
        assert "Doe" not in text
        assert "PID-1" not in text


def test_quiet(three: Path) -> None:
    with Scripted(taker({uid(1): WARNING})) as peer:
        ran = run("store", peer.address, three, "-q")
    assert (ran.exit_code, ran.stderr) == (0, "")
    with Scripted(taker({uid(1): NO_ROOM})) as peer:
        ran = run("store", peer.address, three, "-q")
    assert ran.exit_code == 9
    assert len(lines(ran)) == 1


def test_hostile_answers_are_escaped(tmp_path: Path) -> None:
    file = make(tmp_path, 1)
    script = serve({C_STORE: answer(0xC000, ErrorComment="\x1b[2Jgone\nx")})
    with Scripted(script) as peer:
        ran = run("store", peer.address, file)
    assert ran.exit_code == 8
    assert "\x1b" not in ran.stderr
    assert "gone" in ran.stderr
    assert all(line.startswith("dcmtools store: ") for line in ran.stderr.splitlines())


# What cannot be written


def test_a_report_that_cannot_be_opened(three: Path, tmp_path: Path) -> None:
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, three, "--report", tmp_path / "no" / "report")
    assert ran.exit_code == 4
    assert peer.received == []


def test_a_report_must_not_be_an_object(three: Path) -> None:
    before = (three / "0001.dcm").read_bytes()
    with refused() as address:
        ran = run("store", address, three, "--report", three / "0001.dcm")
    assert ran.exit_code == 2
    assert (three / "0001.dcm").read_bytes() == before


def test_a_report_that_cannot_be_written_ends_nothing(three: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4k") as disk, Scripted(taker()) as peer:
        for number in range(4, 60):
            make(three, number)
        ran = run("store", peer.address, three, "--report", disk / "report")
    assert ran.exit_code == 4
    assert len(instances(peer)) == 59
    assert summary(ran) == "59 sent, 0.0 MB"
    assert lines(ran).count(f"{disk}/report: no space left on device") == 1


def test_a_journal_that_cannot_be_opened(three: Path, tmp_path: Path) -> None:
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, three, "--resume", tmp_path / "no" / "journal")
    assert ran.exit_code == 4
    assert peer.received == []


def test_a_journal_that_cannot_be_written_ends_it(three: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4k") as disk, Scripted(taker()) as peer:
        for number in range(4, 200):
            make(three, number)
        ran = run("store", peer.address, three, "--resume", disk / "journal")
    assert ran.exit_code == 4
    assert len(instances(peer)) < 199
    assert any("journal: no space left on device" in line for line in lines(ran))
    counted = [int(part.split()[0]) for part in summary(ran).split(", ")[:2]]
    assert sum(counted) == 199
    assert counted[0] == len(instances(peer))


# Wrong command lines


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("PEER",), 2, "PATH: is missing"),
        (("", "FOLDER"), 2, ""),
        (("no-such-peer", "FOLDER"), 2, "no-such-peer"),
        (("PEER", "FOLDER", "-j", "0"), 2, ""),
        (("PEER", "FOLDER", "-j", "65"), 2, ""),
        (("PEER", "FOLDER", "--retries", "-1"), 2, ""),
        (("PEER", "FOLDER", "--retry-delay", "nan"), 2, "seconds above 0"),
        (("PEER", "FOLDER", "--retry-delay", "inf"), 2, "seconds above 0"),
        (("PEER", "FOLDER", "--commit", "--commit-wait", "-1"), 2, "seconds above 0"),
        (("PEER", "FOLDER", "--commit-listen", "0"), 2, "--commit-listen: goes with --commit"),
        (("PEER", "FOLDER", "--transcode", "lossy"), 2, ""),
        (("PEER", "FOLDER", "--warnings", "never"), 2, ""),
        (("PEER", "FOLDER", "-0"), 2, "-0: goes with --files-from"),
        (("PEER", "FOLDER", "--propose", "JPEG2000Losless"), 2, "Did you mean JPEG2000Lossless"),
        (("PEER", "FOLDER", "--set", "PatientsID=X"), 2, "PatientID"),
        (("PEER", "FOLDER", "--set", "PatientID"), 2, ""),
        (("PEER", "FOLDER", "--set", "StudyDate=notadate"), 2, "StudyDate"),
        (("PEER", "FOLDER", "--resume", "FOLDER/0001.dcm"), 2, "is no journal"),
        (("PEER", "FOLDER", "--tls-ca", "FOLDER/nothing.pem"), 5, "nothing.pem"),
        (("PEER", "--files-from", "FOLDER/nothing"), 3, "nothing"),
    ],
)
def test_what_is_wrong_is_said_before_connecting(
    three: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    report = write(tmp_path / "report", b"as it was")
    with refused() as address:
        words = [each.replace("PEER", address).replace("FOLDER", str(three)) for each in arguments]
        ran = run("store", *words, "--report", report)
    assert ran.exit_code == code, ran.stderr
    assert said in ran.stderr
    assert " refused the connection" not in ran.stderr
    if code == 2:
        assert report.read_bytes() == b"as it was"


def test_a_configuration_that_is_not_valid(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCMTOOLS_CONFIG", str(write(tmp_path / "c.toml", b"aett = 'X'")))
    assert run("store", "A@127.0.0.1:1", three).exit_code == 5

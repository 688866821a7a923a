"""`store`: which files are sent, in which order, and what a dry run says of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest
from typer.testing import CliRunner, Result

from dcmtools.cli.main import app
from tests.cli.retrieving import lines, run, summary
from tests.cli.storing import (
    PRIVATE,
    ROOT,
    SC,
    data_set,
    instances,
    make,
    records,
    taker,
    uid,
)
from tests.factories import DEFLATED, element, item, make_ct, part10, write
from tests.net.scripted import Scripted, refused

DIRECTORY = "1.2.840.10008.1.3.10"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a folder with folders and files that are no DICOM."""
    make(tmp_path / "in", 3)
    make(tmp_path / "in" / "b", 2)
    make(tmp_path / "in" / "a" / "deep", 1)
    write(tmp_path / "in" / "a" / "notes.txt", b"nothing but text\n" * 20)
    write(tmp_path / "in" / "empty", b"")
    return tmp_path / "in"


def test_folders_are_walked_in_order(tree: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tree, "--report", report)
    assert ran.exit_code == 0
    assert summary(ran) == "3 sent, 2 skipped, 0.0 MB"
    assert len(lines(ran)) == 1
    assert instances(peer) == [uid(3), uid(1), uid(2)]
    skipped = {each["file"]: each for each in records(report) if each["status"] == "skipped"}
    assert skipped == {
        f"{tree}/a/notes.txt": {
            "file": f"{tree}/a/notes.txt",
            "status": "skipped",
            "reasons": ["is not a DICOM file"],
        },
        f"{tree}/empty": {"file": f"{tree}/empty", "status": "skipped", "reasons": ["is empty"]},
    }
    assert len(records(report)) == 5


def test_a_folder_without_those_below(tree: Path) -> None:
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tree, "--no-recurse")
    assert ran.exit_code == 0
    assert instances(peer) == [uid(3)]


def test_operands_are_sent_in_their_order(tree: Path) -> None:
    with Scripted(taker()) as peer:
        run("store", peer.address, tree / "b", tree / "0003.dcm", tree / "a")
    assert instances(peer) == [uid(2), uid(3), uid(1)]


def test_what_is_named_and_no_dicom_is_an_error(tree: Path) -> None:
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tree / "a" / "notes.txt", tree / "b")
    assert ran.exit_code == 9
    assert lines(ran)[0] == f"{tree}/a/notes.txt: is not a DICOM file"
    assert summary(ran) == "1 sent, 1 failed, 0.0 MB"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a/notes.txt", "is not a DICOM file"),
        ("empty", "is empty"),
        ("nothing", "no such file or directory"),
        ("-", "standard input cannot be sent"),
    ],
)
def test_nothing_that_could_be_sent(tree: Path, name: str, why: str) -> None:
    operand = name if name == "-" else tree / name
    with refused() as address:
        ran = run("store", address, operand, stdin="")
    assert ran.exit_code == 3
    assert lines(ran)[0] == f"{operand}: {why}"
    assert summary(ran) == "0 sent, 1 failed"


def test_a_deflated_file_that_cannot_be_inflated_is_no_stranger(tree: Path) -> None:
    """In a folder too: it is a DICOM file, and damaged."""
    garbage = part10(b"\xff" * 99, DEFLATED)
    write(tree / "c.dcm", garbage)
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tree)
    assert ran.exit_code == 9
    assert lines(ran)[0].startswith(f"{tree}/c.dcm: the data set cannot be inflated")


@pytest.mark.parametrize(
    ("first", "second"), [("--resume", "--report"), ("--report", "--log-file")]
)
def test_two_options_do_not_write_one_file(
    tree: Path, tmp_path: Path, first: str, second: str
) -> None:
    same = tmp_path / "same"
    with refused() as address:
        ran = run("store", address, tree, first, same, second, same)
    assert ran.exit_code == 2
    assert f"is the same file as {first}" in " ".join(lines(ran))
    assert second == "--log-file" or not same.exists()


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with refused() as address:
        ran = run("store", address, tmp_path / "in")
    assert (ran.exit_code, lines(ran)) == (3, ["there is nothing to send"])


def test_a_folder_without_dicom(tree: Path) -> None:
    (tree / "a" / "deep" / "0001.dcm").unlink()
    with refused() as address:
        ran = run("store", address, tree / "a")
    assert ran.exit_code == 3
    assert lines(ran)[0] == "there is nothing to send"
    assert summary(ran) == "0 sent, 1 skipped"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tree: Path) -> None:
    (tree / "0003.dcm").chmod(0)
    (tree / "a").chmod(0)
    try:
        with Scripted(taker()) as peer:
            ran = run("store", peer.address, tree)
    finally:
        (tree / "a").chmod(0o700)
    assert ran.exit_code == 9
    assert f"{tree}/0003.dcm: permission denied" in lines(ran)
    assert f"{tree}/a: permission denied" in lines(ran)


def test_what_becomes_unreadable(tree: Path) -> None:
    (tree / "loop").symlink_to(tree / "loop")
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tree)
    assert ran.exit_code == 9
    assert f"{tree}/loop: too many levels of symbolic links" in lines(ran)
    assert summary(ran) == "3 sent, 1 failed, 2 skipped, 0.0 MB"


@pytest.mark.parametrize(("end", "options"), [("\n", ()), ("\0", ("-0",))])
@pytest.mark.parametrize("stdin", [False, True])
def test_lists_of_files(
    tree: Path, tmp_path: Path, end: str, options: tuple[str, ...], *, stdin: bool
) -> None:
    listed = "".join(f"{tree / name}{end}" for name in ("b", "0003.dcm"))
    names = write(tmp_path / "names", listed.encode())
    with Scripted(taker()) as peer:
        ran = run(
            "store",
            peer.address,
            "--files-from",
            "-" if stdin else names,
            *options,
            stdin=listed if stdin else None,
        )
    assert ran.exit_code == 0, ran.stderr
    assert instances(peer) == [uid(2), uid(3)]


def test_an_empty_list(tmp_path: Path) -> None:
    with refused() as address:
        ran = run("store", address, "--files-from", write(tmp_path / "names", b""))
    assert (ran.exit_code, lines(ran)) == (3, ["there is nothing to send"])


def test_very_many_operands_are_looked_at_quickly(tmp_path: Path) -> None:
    count = 20_000
    file = make(tmp_path, 1)
    names = write(tmp_path / "names", f"{file}\n".encode() * count)
    script = "import sys; from dcmtools.__main__ import main; main()"
    with refused() as address:
        arguments = ["store", address, "--files-from", str(names), "-q"]
        started = monotonic()
        ran = subprocess.run(
            [sys.executable, "-c", script, *arguments], capture_output=True, check=False
        )
        seconds = monotonic() - started
    assert ran.returncode == 6
    assert seconds / count < 0.002
    assert ran.stderr.count(b"\n") == 1


# DICOMDIR


def directory(folder: Path, *file_ids: str) -> Path:
    """Write a DICOMDIR that lists files."""
    records = b"".join(
        item(
            element(0x00041410, "US", b"\xff\xff")
            + element(0x00041430, "CS", b"IMAGE ")
            + element(0x00041500, "CS", name.encode() + b" " * (len(name) % 2))
        )
        for name in file_ids
    )
    body = element(0x00041220, "SQ", records)
    meta = element(0x00020002, "UI", DIRECTORY.encode()) + element(
        0x00020010, "UI", b"1.2.840.10008.1.2.1\0"
    )
    return write(folder / "DICOMDIR", bytes(128) + b"DICM" + meta + body)


def test_a_dicomdir_is_skipped(tree: Path) -> None:
    path = directory(tree, "B\\0002.DCM")
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tree)
    assert ran.exit_code == 0
    assert summary(ran) == "3 sent, 3 skipped, 0.0 MB"
    with refused() as address:
        ran = run("store", address, path)
    assert ran.exit_code == 3
    assert lines(ran)[:2] == [
        f"{path}: is a DICOMDIR",
        "hint: With --dicomdir the files that it lists are sent.",
    ]


def test_what_a_dicomdir_lists_is_sent(tree: Path) -> None:
    path = directory(tree, "B\\0002.DCM", "A\\DEEP\\0001.DCM", "B\\NONE", "..\\OTHER")
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, path, "--dicomdir")
    assert ran.exit_code == 9
    assert instances(peer) == [uid(2), uid(1)]
    assert lines(ran)[:2] == [
        f"{path}: lists B/NONE, which is not there",
        f"{path}: lists ../OTHER, which is no file of its folder",
    ]
    assert summary(ran) == "2 sent, 2 failed, 0.0 MB"


def test_what_a_dicomdir_lists_is_not_sent_twice(tree: Path) -> None:
    directory(tree, "B\\0002.DCM", "A\\DEEP\\0001.DCM")
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, tree, "--dicomdir")
    assert ran.exit_code == 0
    assert sorted(instances(peer)) == sorted(map(uid, (1, 2, 3)))
    assert summary(ran) == "3 sent, 2 skipped, 0.0 MB"


def test_a_damaged_dicomdir_ends_nothing(tree: Path) -> None:
    path = directory(tree, "B\\0002.DCM")
    write(path, path.read_bytes()[:-3])
    with Scripted(taker()) as peer:
        ran = run("store", peer.address, path, tree / "0003.dcm", "--dicomdir")
    assert ran.exit_code == 9
    assert uid(3) in instances(peer)
    assert any(line.startswith(f"{path}: is damaged") for line in lines(ran))


# Dry runs


def dry(*arguments: str | Path, stdin: str | None = None) -> Result:
    """Run without sending; data on stdout are allowed."""
    with refused() as address:
        words = ["store", address, *map(str, arguments), "--dry-run"]
        ran = CliRunner().invoke(app, words, input=stdin)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def test_a_dry_run(tree: Path, tmp_path: Path) -> None:
    make(tree, 5, sop_class=SC)
    make(tree, 6, sop_class=PRIVATE)
    make_ct(tree / "jpeg.dcm", syntax="1.2.840.10008.1.2.1.99")
    report = tmp_path / "report"
    ran = dry(tree, "--report", report)
    assert ran.exit_code == 0
    assert ran.stdout.splitlines() == [
        "association 1: 7 presentation contexts, 6 objects, 0.0 MB",
        "  CTImageStorage: ExplicitVRLittleEndian: 3 objects",
        "  CTImageStorage: DeflatedExplicitVRLittleEndian: 1 object",
        "  CTImageStorage: ImplicitVRLittleEndian: 0 objects",
        "  SecondaryCaptureImageStorage: ExplicitVRLittleEndian: 1 object",
        "  SecondaryCaptureImageStorage: ImplicitVRLittleEndian: 0 objects",
        f"  {PRIVATE}: ExplicitVRLittleEndian: 1 object",
        f"  {PRIVATE}: ImplicitVRLittleEndian: 0 objects",
    ]
    assert summary(ran) == "6 would be sent, 2 skipped, 0.0 MB"
    told = records(report)
    assert len(told) == 8
    assert {
        "file": f"{tree}/0005.dcm",
        "status": "ready",
        "sop_class_uid": SC,
        "sop_instance_uid": uid(5),
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "warnings": [],
    } in told


def test_a_dry_run_of_what_is_to_be_encoded_anew(tmp_path: Path) -> None:
    make_ct(tmp_path / "a.dcm", syntax="1.2.840.10008.1.2.1.99")
    make(tmp_path, 1)
    ran = dry(tmp_path, "--transcode", "always")
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[1:] == [
        "  CTImageStorage: ExplicitVRLittleEndian: 1 object",
        "  CTImageStorage: ImplicitVRLittleEndian: 0 objects",
        "  CTImageStorage: DeflatedExplicitVRLittleEndian: 1 object, to be encoded anew",
    ]
    ran = dry(tmp_path, "--transcode", "never", "--propose", "JPEGBaseline8Bit")
    assert ran.stdout.splitlines()[1:] == [
        "  CTImageStorage: ExplicitVRLittleEndian: 1 object",
        "  CTImageStorage: DeflatedExplicitVRLittleEndian: 1 object",
        "  CTImageStorage: JPEGBaseline8Bit: 0 objects",
    ]


def test_a_dry_run_looks_at_whole_files(tree: Path) -> None:
    write(tree / "cut.dcm", part10(data_set(9))[:-10])
    write(tree / "zeros.dcm", part10(data_set(8)) + bytes(4))
    ran = dry(tree)
    assert ran.exit_code == 9
    assert lines(ran)[0].startswith(f"{tree}/cut.dcm: is damaged: ")
    assert lines(ran)[-2].startswith(f"{tree}/zeros.dcm: warning: 4 zero bytes follow")
    assert summary(ran) == "4 would be sent, 1 failed, 2 skipped, 0.0 MB"
    assert "4 objects" in ran.stdout


def test_more_contexts_than_an_association_has(tmp_path: Path) -> None:
    for number in range(1, 101):
        make(tmp_path / "in", number, sop_class=f"{ROOT}.9.{number}")
    ran = dry(tmp_path / "in")
    heads = [line for line in ran.stdout.splitlines() if line.startswith("association")]
    assert heads == [
        "association 1: 128 presentation contexts, 64 objects, 0.0 MB",
        "association 2: 72 presentation contexts, 36 objects, 0.0 MB",
    ]
    with Scripted(taker()) as peer:
        sent = run("store", peer.address, tmp_path / "in")
    assert sent.exit_code == 0
    assert len(instances(peer)) == 100
    assert [len(each.proposed) for each in peer.requests] == [128, 72]


def test_a_dry_run_leaves_no_journal(tree: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    assert dry(tree, "--resume", journal).exit_code == 0
    assert not journal.exists()


def test_a_dry_run_counts_what_a_journal_lists(tree: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with Scripted(taker({uid(2): 0xC000})) as peer:
        run("store", peer.address, tree, "--resume", journal)
        before = journal.read_bytes()
        words = ["store", peer.address, str(tree), "-n", "--resume", str(journal)]
        ran = CliRunner().invoke(app, words)
        assert len(peer.requests) == 1
    assert ran.exit_code == 0
    assert summary(ran) == "1 would be sent, 2 done before, 2 skipped, 0.0 MB"
    assert journal.read_bytes() == before


def test_a_dry_run_reads_no_passwords(tree: Path, tmp_path: Path) -> None:
    missing = tmp_path / "nothing"
    assert dry(tree, "--user", "me", "--password-file", missing).exit_code == 0


def test_a_dry_run_asks_for_no_commitment(tree: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert dry(tree, "--commit", "--commit-listen", port).exit_code == 0


def many_associations(folder: Path) -> None:
    """Write what a dry run has much to say about."""
    for number in range(1, 1500):
        make(folder, number, sop_class=f"{ROOT}.9.{number}", size=2)


def test_nobody_reads_the_dry_run(tmp_path: Path) -> None:
    many_associations(tmp_path)
    command = f"{sys.executable} -m dcmtools store 127.0.0.1:1 {tmp_path} -n | head -1"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, check=True, text=True)
    assert ran.stdout.startswith("association 1: 128 presentation contexts, 64 objects")
    assert "Traceback" not in ran.stderr
    assert "Broken" not in ran.stderr


def test_the_dry_run_cannot_be_written(tree: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "dcmtools", "store", "127.0.0.1:1", tree, "-n"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
        )
    assert ran.returncode == 4
    assert "standard output: no space left on device" in ran.stderr

"""`anonymize`: which files it reads and where it writes, and what is left when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.cli.anonymizing import (
    IDENTITY,
    anonymize,
    command,
    contents,
    files,
    key_file,
    make_study,
    program,
    records,
    told,
    well,
)
from tests.disks import mounted
from tests.factories import BODY, element, make_ct, part10, write

PATIENCE = 60.0  # seconds
LARGE = element(0x7FE00010, "OW", bytes(100_000))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return key_file(tmp_path)


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder


# Inputs


def test_operands_are_files_folders_and_lists(study: Path, tmp_path: Path, key: Path) -> None:
    whole, options = tmp_path / "whole", ["--key-file", key]
    anonymize(study, "-o", whole, *options)
    images = sorted(study.rglob("*.dcm"))
    lines = "".join(f"{path}\n" for path in images).encode()
    listed = write(tmp_path / "list", lines)
    runs: list[tuple[list[object], bytes]] = [
        ([*images], b""),
        ([study / "Doe^Jane", study / "Roe^Richard", images[0]], b""),
        (["--files-from", listed], b""),
        (["--files-from", "-"], lines),
        (["--files-from", "-", "-0"], lines.replace(b"\n", b"\0")),
    ]
    for number, (words, stdin) in enumerate(runs):
        ran = anonymize(*words, "-o", tmp_path / str(number), *options, stdin=stdin)
        assert ran.exit_code == 0, ran.stderr
        assert contents(tmp_path / str(number)) == contents(whole)


def test_recursion_can_be_left_out(study: Path, tmp_path: Path) -> None:
    make_ct(study / "top.dcm")
    assert well(study, "-o", tmp_path / "out", "--no-recurse") == "1 anonymized"


def test_what_was_read_short_has_no_output(study: Path, tmp_path: Path) -> None:
    image = (study / "Doe^Jane/PID-1-1.dcm").read_bytes()
    bad = new(tmp_path / "bad")
    for size in range(len(image) - 40, len(image)):
        write(bad / f"{size}.dcm", image[:size])
    ran = anonymize(bad, "-o", tmp_path / "out")
    assert ran.exit_code == 3
    assert told(ran)[-1] == "0 anonymized, 40 failed"
    assert files(tmp_path / "out") == []


def test_what_follows_the_data_set_is_not_carried_over(study: Path, tmp_path: Path) -> None:
    image, other = (next((study / name).glob("*.dcm")) for name in ("Doe^Jane", "Roe^Richard"))
    write(image, b"#!/bin/sh\n".ljust(128, b"x") + image.read_bytes()[128:] + b"\0" * 64)
    ran = anonymize(image, "-o", tmp_path / "out")
    assert ran.exit_code == 0
    (output,) = contents(tmp_path / "out").values()
    assert output[:132] == bytes(128) + b"DICM"
    assert output.endswith(bytes(range(32)))
    write(image, image.read_bytes().rstrip(b"\0") + other.read_bytes())
    ran = anonymize(image, "-o", tmp_path / "second")
    assert b"Roe" not in b"".join(contents(tmp_path / "second").values())
    assert ran.exit_code == 3 or ran.stderr.count("warning: ")


def test_a_directory_of_media_is_not_copied(study: Path, tmp_path: Path) -> None:
    original = Path(str(get_testdata_file("DICOMDIR"))).read_bytes()
    path = write(study / "DICOMDIR", original)
    ran = anonymize(study, "-o", tmp_path / "out")
    assert (ran.exit_code, told(ran)) == (0, ["3 anonymized, 2 skipped"])
    ran = anonymize(path, "-o", tmp_path / "named")
    assert ran.exit_code == 3
    assert told(ran)[0] == f"{path}: is a DICOMDIR, which is not copied"
    assert files(tmp_path / "named") == []


def test_links_are_followed_to_files_but_not_round_in_circles(
    study: Path, tmp_path: Path, key: Path
) -> None:
    links = new(tmp_path / "links")
    (links / "image").symlink_to(study / "Doe^Jane/PID-1-1.dcm")
    (links / "self").symlink_to(".")
    (links / "folder").symlink_to(study)
    assert well(links, "-o", tmp_path / "out", "--key-file", key) == "1 anonymized"
    (links / "nowhere").symlink_to("nothing")
    ran = anonymize(links, "-o", tmp_path / "out", "--key-file", key, "--resume")
    assert ran.exit_code == 9
    assert "no such file" in told(ran)[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_on_the_way_is_passed_over(study: Path, tmp_path: Path) -> None:
    """To open it would be to wait for ever."""
    os.mkfifo(study / "Doe^Jane" / "pipe")
    assert anonymize(study, "-o", tmp_path / "out").exit_code == 0
    assert len(files(tmp_path / "out")) == 3


def test_an_image_may_come_through_a_pipe(study: Path, tmp_path: Path, key: Path) -> None:
    image = study / "Doe^Jane/PID-1-1.dcm"
    well(image, "-o", tmp_path / "one", "--key-file", key)
    out = tmp_path / "two"
    ran = program("-", "-o", out, "--key-file", key, stdin=image.read_bytes())
    assert ran.returncode == 0
    assert contents(out) == contents(tmp_path / "one")


@pytest.mark.corpus
def test_every_file_of_the_corpus_has_an_output_or_a_reason(
    corpus_files: list[Path], tmp_path: Path, key: Path
) -> None:
    before = [(path.stat().st_size, path.stat().st_mtime_ns) for path in corpus_files]
    report, out = tmp_path / "report", tmp_path / "out"
    folder = corpus_files[0].parent
    options = ["--key-file", key, "--report", report, "-j", 2]
    ran = anonymize(folder, "-o", out, *options)
    assert ran.exit_code == 9
    assert before == [(path.stat().st_size, path.stat().st_mtime_ns) for path in corpus_files]
    found = records(report)
    assert [each["number"] for each in found] == list(range(1, len(corpus_files) + 1))
    assert {str(each["output"]) for each in found if each["output"]} == set(files(out))
    status = dict(zip((path.name for path in corpus_files), found, strict=True))
    cut = [name for name in status if "__trunc_" in name and "_whole" not in name]
    cut += [name for name in status if "encap_no_delim" in name or "sq_unterminated" in name]
    assert {str(status[name]["status"]) for name in cut} <= {"failed", "skipped"}
    assert len(cut) == 9
    assert all(each["reasons"] for each in found if each["status"] in ("failed", "skipped"))
    assert all(each["output"] for each in found if each["status"] in ("done", "already there"))
    assert sum(each["status"] == "done" for each in found) > 200
    failed = [str(each["reasons"]) for each in found if each["status"] == "failed"]
    assert not [why for why in failed if "not as it should be" in why]
    text = report.read_text("utf-8")
    assert str(folder) not in text
    assert not [path.name for path in corpus_files if path.name in text]


# Where outputs go


def test_outputs_within_an_input_are_no_inputs(study: Path, key: Path) -> None:
    out, options = study / "out", ["--key-file", key]
    assert told(anonymize(study, "-o", out, *options)) == ["3 anonymized, 1 skipped"]
    ran = anonymize(study, "-o", out, *options, "--resume")
    assert told(ran) == ["0 anonymized, 3 already there, 1 skipped"]


@pytest.mark.parametrize("named", ["", "in", "in/1.dcm", "../out/in/1.dcm", "../link/1.dcm"])
def test_an_input_must_not_lie_where_outputs_go(tmp_path: Path, named: str) -> None:
    """An output could take its place: here each would."""
    out = new(tmp_path / "out")
    new(out / "in")
    make_ct(out / "in/1.dcm")
    make_ct(out / "1.dcm")
    (tmp_path / "link").symlink_to(out / "in")
    before = contents(out)
    ran = anonymize(out / named, "-o", out, "--overwrite", "--name", "in/{InstanceNumber}.dcm")
    assert ran.exit_code == 2
    assert told(ran)[0] == f"{out / named}: lies in {out}, where outputs go"
    assert contents(out) == before


@pytest.mark.parametrize("way", ["list", "walk"])
def test_not_by_a_list_or_a_link_either(tmp_path: Path, way: str) -> None:
    out, links = new(tmp_path / "out"), new(tmp_path / "links")
    image = make_ct(out / "1.dcm")
    (links / "1.dcm").symlink_to(image)
    before = contents(out)
    words = ["--files-from", write(tmp_path / "list", f"{image}\n".encode())]
    ran = anonymize(
        *(words if way == "list" else [links]),
        *("-o", out, "--overwrite", "--name", "{InstanceNumber}.dcm"),
    )
    assert ran.exit_code == (2 if way == "list" else 3)
    assert contents(out) == before


def test_links_within_the_folder_lead_nowhere(study: Path, tmp_path: Path, key: Path) -> None:
    """Who may write there could have outputs put elsewhere."""
    out, elsewhere = new(tmp_path / "out"), new(tmp_path / "elsewhere")
    (out / "CT").symlink_to(elsewhere)
    options = ["--key-file", key, "--overwrite", "--name", "{Modality}/{InstanceNumber}.dcm"]
    ran = anonymize(study, "-o", out, *options)
    assert ran.exit_code == 4
    assert files(elsewhere) == []
    (out / "CT").unlink()
    victim = write(elsewhere / "victim", b"stays")
    new(out / "CT")
    (out / "CT/1.dcm").symlink_to(victim)
    ran = anonymize(study, "-o", out, *options)
    assert ran.exit_code == 9
    assert victim.read_bytes() == b"stays"


def test_a_folder_that_is_a_link_or_missing_is_taken(study: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(new(tmp_path / "real"))
    anonymize(study, "-o", tmp_path / "link")
    anonymize(study, "-o", tmp_path / "a/b/c")
    assert len(files(tmp_path / "real")) == len(files(tmp_path / "a/b/c")) == 3


def test_a_read_only_folder(study: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        ran = anonymize(study, "-o", disk / "out")
        assert ran.exit_code == 4
        assert "read-only" in told(ran)[0]
        ran = anonymize(study, "-o", disk)
        assert ran.exit_code == 4
        assert files(disk) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_leaves_whole_files_only(tmp_path: Path, key: Path, jobs: int) -> None:
    source = new(tmp_path / "in")
    for number in range(40):
        body = BODY.replace(b"1.2.3.4", b"1.2.%03d" % number)
        write(source / f"{number:03}.dcm", part10(body + LARGE))
    well(source, "-o", tmp_path / "whole", "--key-file", key)
    whole = contents(tmp_path / "whole")
    with mounted(tmp_path / "disk", "size=1500k") as disk:
        out = disk / "out"
        ran = anonymize(source, "-o", out, "--key-file", key, "-j", jobs)
        assert ran.exit_code == 9
        assert any("no space left" in line for line in told(ran))
        found = contents(out)
        assert 3 <= len(found) < 40
        assert found.items() <= whole.items()
        assert not list(out.glob(".dcmtools-*")), "staged files are gone"
        subprocess.run(["mount", "-o", "remount,size=40m", disk], check=True)
        ran = anonymize(source, "-o", out, "--key-file", key, "-j", jobs, "--resume")
        assert ran.exit_code == 0
        assert contents(out) == whole


# Stops


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Give so many images that a run can be met in the middle of it."""
    source = new(tmp_path / "many")
    for number in range(300):
        body = BODY.replace(b"1.2.3.4", b"1.2.%03d" % number)
        write(source / f"{number:03}.dcm", part10(body + LARGE))
    return source


def met(out: Path, *words: object) -> subprocess.Popen[bytes]:
    """Start a run and wait until it has made some outputs."""
    process = subprocess.Popen(command(*words, "-o", out), stderr=subprocess.PIPE)
    deadline = time.monotonic() + PATIENCE
    while len(list(out.rglob("*.dcm"))) < 5:
        assert time.monotonic() < deadline
        assert process.poll() is None
    return process


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_leaves_whole_files_only(
    many: Path, tmp_path: Path, key: Path, jobs: int
) -> None:
    out, options = tmp_path / "out", ["--key-file", key, "-j", jobs]
    process = met(out, many, *options)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == b"dcmtools anonymize: interrupted\n"
    found = contents(out)
    assert not [name for name in found if ".dcmtools-" in name], "staged files are gone"
    assert not list(out.glob(".dcmtools-*"))
    well(many, "-o", tmp_path / "whole", *options)
    whole = contents(tmp_path / "whole")
    assert 5 <= len(found) < 300
    assert found.items() <= whole.items()


def test_a_killed_run_is_gone_on_with_and_swept_up_after(
    many: Path, tmp_path: Path, key: Path
) -> None:
    out, options = tmp_path / "out", ["--key-file", key, "-j", 2]
    process = met(out, many, *options)
    process.kill()
    process.communicate(timeout=PATIENCE)
    found = contents(out)
    staged = [name for name in found if name.startswith(".dcmtools-")]
    assert staged, "it was killed while there were staged files"
    done = {name: content for name, content in found.items() if name not in staged}
    again = tmp_path / "again"  # what is staged is nobody's input
    ran = anonymize(out, "-o", again, "--key-file", key)
    assert ran.exit_code == 0
    assert len(files(again)) == len(done)
    deadline = time.monotonic() + PATIENCE
    while list(out.glob(".dcmtools-*")):  # its processes may need a moment to end
        ran = anonymize(many, "-o", out, *options, "--resume")
        assert ran.exit_code == 0
        assert time.monotonic() < deadline
    well(many, "-o", tmp_path / "whole", *options)
    whole = contents(tmp_path / "whole")
    assert contents(out) == whole
    assert done.items() <= whole.items()


def test_two_runs_at_once_do_not_sweep_each_other(many: Path, tmp_path: Path, key: Path) -> None:
    out, options = tmp_path / "out", ["--key-file", key]
    process = met(out, many, *options)
    ran = anonymize(many, "-o", out, *options, "--resume")
    assert ran.exit_code == 0
    process.communicate(timeout=PATIENCE)
    assert len(files(out)) == 300
    assert not list(out.glob(".dcmtools-*"))


def test_no_identity_is_in_what_a_killed_run_leaves(study: Path, tmp_path: Path) -> None:
    """Regions are blackened in copies that have not been de-identified yet."""
    for number in range(60):
        make_ct(study / f"{number}.dcm", SOPInstanceUID=f"1.2.{number}")
    out = tmp_path / "out"
    process = met(out, study, "--region", "0,0,2,2")
    process.kill()
    for name, content in contents(out).items():
        assert not [word for word in IDENTITY if word.encode() in content], name
    process.communicate(timeout=PATIENCE)

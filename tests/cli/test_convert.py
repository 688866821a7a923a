"""Show the command ``convert`` as its users meet it: options, folders, messages, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000, JPEG2000Lossless, RLELossless
from typer.testing import CliRunner, Result

from dcmtools.cli.main import app
from dcmtools.pixels.converter import NAMES
from tests.bench.pixels import family
from tests.cli.modifying import contents, files, records
from tests.disks import mounted
from tests.factories import BODY, EXPLICIT, IMPLICIT, make_ct, part10, write
from tests.pixels.reading import lines, syntax_of
from tests.pixels.test_transcode import compressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE = 60  # seconds


def make(path: Path, **more: Any) -> Path:  # noqa: ANN401 - attributes
    """Write an image that JPEG 2000 can hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.arange(32 * 32, dtype="<u2").tobytes()
    return make_ct(path, **{"Rows": 32, "Columns": 32, "PixelData": pixels, **more})


def convert(*words: object, stdin: bytes | None = None) -> Result:
    """Run the command in this process; a failure that it did not foresee fails the test."""
    ran = CliRunner().invoke(app, ["convert", "--no-fsync", *map(str, words)], input=stdin)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "unexpected" not in ran.stderr
    assert "Traceback" not in ran.stderr
    return ran


def well(*words: object, stdin: bytes | None = None) -> Result:
    """Run it where nothing may go wrong."""
    ran = convert(*words, stdin=stdin)
    assert ran.exit_code == 0, ran.stderr
    return ran


def said(ran: Result) -> list[str]:
    """Give what was said, without the name of the command and how long it took."""
    shown = [line.removeprefix("dcmtools convert: ") for line in ran.stderr.splitlines()]
    return [line.rpartition(" in ")[0] if line.endswith(" s") else line for line in shown]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Give a folder with images, other objects and other files."""
    folder = tmp_path / "study"
    make(folder / "1.dcm")
    make(folder / "deep" / "2.dcm", syntax=IMPLICIT)
    compressed(make(folder / "native"), folder / "deep" / "3", RLELossless)
    (folder / "native").unlink()
    write(folder / "report.dcm", part10(BODY))
    write(folder / "notes.txt", b"nothing of the kind")
    return folder


# One file


@pytest.mark.parametrize("name", [*NAMES, *NAMES.values()])
def test_every_transfer_syntax_has_a_name(ct: Path, tmp_path: Path, name: str) -> None:
    uid = NAMES.get(name, name)
    out = tmp_path / "out.dcm"
    ran = convert(make(ct), "-o", out, "--to", name.upper() if name in NAMES else name)
    if uid == NAMES["htj2k-lossless"]:
        assert ran.exit_code == 2
        assert "cannot be written: no library that is used has an encoder" in ran.stderr
        return
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")
    assert syntax_of(out) == uid


def test_a_file_goes_where_it_is_sent(tmp_path: Path) -> None:
    source = make(tmp_path / "a.dcm")
    (tmp_path / "there").mkdir()
    well(source, "-o", tmp_path / "there", "--to", "rle")
    well(source, "-o", f"{tmp_path}/new/", "--to", "rle")
    well(source, "-o", tmp_path / "deep" / "er.dcm", "--to", "rle")
    assert files(tmp_path) == ["a.dcm", "deep/er.dcm", "new/a.dcm", "there/a.dcm"]
    assert len({path.read_bytes() for path in tmp_path.rglob("*/*.dcm")}) == 1


def test_standard_input_is_a_file(tmp_path: Path) -> None:
    source = make(tmp_path / "a.dcm")
    command = [sys.executable, "-m", "dcmtools", "convert", "-", "-o", "b.dcm", "--to", "rle"]
    ran = subprocess.run(
        command, input=source.read_bytes(), capture_output=True, check=False, cwd=tmp_path
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    well(source, "-o", tmp_path / "c.dcm", "--to", "rle")
    assert (tmp_path / "b.dcm").read_bytes() == (tmp_path / "c.dcm").read_bytes()


def test_how_much_is_lost_is_shown(tmp_path: Path) -> None:
    source, out = make(tmp_path / "a.dcm"), tmp_path / "b.dcm"
    lossy = [source, "-o", out, "--to", "j2k", "--overwrite"]
    assert well(*lossy).stdout == ""
    for options in ([], ["--ratio", 20], ["--quality", 40]):
        shown = well(*lossy, "--verify", *options).stdout
        words = shown.removeprefix(f"{source}: 1 frame, PSNR ").split()
        assert words[1:-1] == ["dB,", "samples", "differ", "by", "up", "to"]
        assert float(words[0]) > 30
        assert int(words[-1]) > 0
    lossless = [source, "-o", out, "--to", "j2k-lossless", "--overwrite", "--verify"]
    assert well(*lossless).stdout == ""


def test_without_a_ratio_lossy_is_ten_times_smaller(tmp_path: Path) -> None:
    source = make(tmp_path / "a.dcm")
    for name, options in (("plain", []), ("ten", ["--ratio", 10])):
        well(source, "-o", tmp_path / name, "--to", "j2k", *options)
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "ten").read_bytes()
    assert pydicom.dcmread(tmp_path / "ten").LossyImageCompression == "01"


def test_what_is_done_is_told_to_those_who_ask(tmp_path: Path) -> None:
    source = make(tmp_path / "a.dcm")
    ran = well("-vv", source, "-o", tmp_path / "b.dcm", "--to", "rle")
    assert said(ran) == [f"{source}: converted", f"{source}: compressed in RLE Lossless"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-o", "b.dcm"], "--to: is missing"),
        (["-o", "b.dcm", "--to", "rle", "--decompress"], "--to: does not go with --decompress"),
        (["--to", "rle"], "--output: is missing"),
        (["-o", "", "--to", "rle"], "'': is no name for an output"),
        (["-o", "b.dcm", "--to", "zip"], "zip: is no transfer syntax that can be written"),
        (["-o", "b.dcm", "--to", "1.2.840.10008.1.2.4.50"], "is no transfer syntax that can"),
        (["-o", "b.dcm", "--to", "rle", "--ratio", "9"], "--ratio: goes with --to j2k"),
        (["-o", "b.dcm", "--to", "rle", "--quality", "9"], "--quality: goes with --to j2k"),
        (["-o", "b.dcm", "--to", "j2k", "--quality", "9", "--ratio", "9"], "does not go with"),
        (["-o", "b.dcm", "--to", "j2k", "--ratio", "0.5"], "--ratio"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, words: list[str], why: str) -> None:
    source = make(tmp_path / "a.dcm")
    ran = convert(source, *(str(tmp_path / word) if ".dcm" in word else word for word in words))
    assert ran.exit_code == 2
    assert why in ran.stderr
    assert files(tmp_path) == ["a.dcm"]


@pytest.mark.parametrize(
    ("content", "code", "why"),
    [
        (b"text", 3, "is not a DICOM file"),
        (part10(BODY, "1.2.840.10008.1.2.4.110"), 3, "there is no decoder for it"),
        (part10(BODY)[:-4], 3, "is damaged: "),
    ],
)
def test_what_cannot_be_read_is_an_input_error(
    tmp_path: Path, content: bytes, code: int, why: str
) -> None:
    source = write(tmp_path / "a.dcm", content)
    ran = convert(source, "-o", tmp_path / "b.dcm", "--to", "explicit")
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert said(ran)[0].startswith(f"{source}: ")
    assert why in ran.stderr
    assert files(tmp_path) == ["a.dcm"]


def test_a_decoder_that_is_missing_is_named(tmp_path: Path) -> None:
    source = write(tmp_path / "a.dcm", part10(BODY, "1.2.840.10008.1.2.4.70"))
    code = (
        "from dcmtools.pixels import worker\n"
        "worker._START = 'from pydicom.pixels.decoders import JPEGLosslessSV1Decoder as decoder;'"
        " 'decoder._available.clear();' + worker._START\n"
        "from dcmtools.__main__ import main; main()\n"
    )
    words = ["convert", source, "-o", tmp_path / "b.dcm", "--decompress"]
    command = [sys.executable, "-c", code, *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 3
    first, hint = ran.stderr.splitlines()
    assert first.startswith(f"dcmtools convert: {source}: JPEG Lossless, Non-Hierarchical, First-")
    assert first.endswith(" cannot be decompressed: no decoder is installed")
    assert hint == "dcmtools convert: hint: pip install 'dcmtools[jpeg]' adds one."


def test_what_is_there_is_kept_unless_it_may_go(tmp_path: Path) -> None:
    source, out = make(tmp_path / "a.dcm"), write(tmp_path / "b.dcm", b"mine")
    ran = convert(source, "-o", out, "--to", "rle")
    assert ran.exit_code == 4
    assert "b.dcm: is there already" in ran.stderr
    assert out.read_bytes() == b"mine"
    well(source, "-o", out, "--to", "rle", "--overwrite")
    assert syntax_of(out) == RLELossless
    assert convert(source, "-o", source, "--to", "rle").exit_code == 4
    assert lines(source) == lines(make(tmp_path / "same.dcm", SOPInstanceUID=uid_of(source)))


def uid_of(path: Path) -> str:
    return str(pydicom.dcmread(path).SOPInstanceUID)


def test_who_may_not_read_the_input_may_not_read_the_output(tmp_path: Path) -> None:
    source = make(tmp_path / "a.dcm")
    source.chmod(0o600)
    well(source, "-o", tmp_path / "b.dcm", "--to", "rle")
    assert (tmp_path / "b.dcm").stat().st_mode & 0o777 == 0o600


# Folders


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_folder_becomes_one_like_it(study: Path, tmp_path: Path, jobs: int) -> None:
    out = tmp_path / "out"
    ran = convert(study, "-o", out, "--to", "rle", "--verify", "-j", jobs)
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert said(ran) == ["4 converted, 1 skipped"]
    assert files(out) == ["1.dcm", "deep/2.dcm", "deep/3", "report.dcm"]
    syntaxes = [syntax_of(out / name) for name in files(out)]
    assert syntaxes == [RLELossless] * 3 + [EXPLICIT]


def test_only_what_is_compressed_is_decompressed(study: Path, tmp_path: Path) -> None:
    well(study, "-o", tmp_path / "out", "--decompress")
    syntaxes = [syntax_of(tmp_path / "out" / name) for name in files(tmp_path / "out")]
    assert syntaxes == [EXPLICIT, IMPLICIT, EXPLICIT, EXPLICIT]


def test_one_bad_file_spoils_nothing(study: Path, tmp_path: Path) -> None:
    lies: list[dict[str, Any]] = [
        {"Rows": 65535, "Columns": 65535},
        {"NumberOfFrames": 10**9},
        {"BitsAllocated": 12},
        {"BitsAllocated": 8, "BitsStored": 16},
    ]
    for number, lie in enumerate(lies):
        make(study / f"lie{number}.dcm", **lie)
    cut = (study / "1.dcm").read_bytes()
    write(study / "cut.dcm", cut[:-100])
    report = tmp_path / "report.ndjson"
    out = tmp_path / "out"
    ran = convert(study, "-o", out, "--to", "j2k-lossless", "--report", report)
    assert ran.exit_code == 9
    assert said(ran)[-1] == "4 converted, 5 failed, 1 skipped"
    assert files(out) == ["1.dcm", "deep/2.dcm", "deep/3", "report.dcm"]
    told = {Path(str(each["file"])).name: each for each in records(report)}
    assert len(told) == 10
    assert told["1.dcm"] == {
        "file": str(study / "1.dcm"),
        "status": "done",
        "reasons": [],
        "warnings": [],
        "output": str(out / "1.dcm"),
        "transfer_syntax": JPEG2000Lossless,
        "sop_instance_uid": uid_of(study / "1.dcm"),
        "note": "compressed in JPEG 2000 Image Compression (Lossless Only)",
    }
    assert "and 8589672450 are asked for" in told["lie0.dcm"]["reasons"][0]  # type: ignore[index]
    assert told["cut.dcm"]["status"] == "failed"


def test_the_report_tells_what_was_lost(study: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.ndjson"
    ran = well(study, "-o", tmp_path / "o", "--to", "j2k", "--verify", "--report", report)
    first = records(report)[0]
    assert first["transfer_syntax"] == JPEG2000
    assert first["sop_instance_uid"] != uid_of(study / "1.dcm")
    assert (first["frames"], first["largest"]) == (1, pytest.approx(first["largest"]))
    assert f"PSNR {first['psnr']:.2f} dB" in ran.stdout


def test_a_run_goes_on_where_another_has_stopped(study: Path, tmp_path: Path) -> None:
    out, bad = tmp_path / "out", make(study / "2 bad.dcm", Rows=40)
    ran = convert(study, "-o", out, "--to", "rle", "--fail-fast", "-j", 1)
    assert ran.exit_code == 9
    assert (out / "1.dcm").exists()
    bad.unlink()
    done = {name: content for name, content in contents(out).items() if content}
    times = {name: (out / name).stat().st_mtime_ns for name in done}
    ran = well(study, "-o", out, "--to", "rle", "--resume")
    assert files(out) == ["1.dcm", "deep/2.dcm", "deep/3", "report.dcm"]
    assert {name: (out / name).stat().st_mtime_ns for name in done} == times
    ran = well(study, "-o", out, "--to", "rle", "--resume")
    assert said(ran) == ["0 converted, 4 already there, 1 skipped"]
    ran = convert(study, "-o", out, "--to", "j2k-lossless", "--resume")
    assert said(ran)[-1] == "0 converted, 1 already there, 3 failed, 1 skipped"
    ran = well(study, "-o", out, "--to", "j2k-lossless", "--resume", "--overwrite")
    assert said(ran) == ["3 converted, 1 already there, 1 skipped"]


def test_the_first_failure_can_be_the_last(study: Path, tmp_path: Path) -> None:
    make(study / "0.dcm", Rows=40)
    ran = convert(study, "-o", tmp_path / "out", "--to", "rle", "--fail-fast")
    assert ran.exit_code == 3
    assert said(ran)[-1] == "0 converted, 1 failed"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux mounts a small disk for this")
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    source = make(tmp_path / "a.dcm", Rows=800, Columns=800, PixelData=os.urandom(1280000))
    with mounted(tmp_path / "disk", "size=600k") as disk:
        ran = convert(source, "-o", disk / "b.dcm", "--to", "implicit")
        assert ran.exit_code == 4
        assert said(ran)[0] == f"{source}: {disk / 'b.dcm'}: no space left on device"
        assert files(disk) == []


def many(folder: Path) -> Path:
    """Make a folder that takes long to be compressed."""
    for number in range(30):
        make(folder / f"{number:02}.dcm", Rows=512, Columns=512, PixelData=os.urandom(524288))
    return folder


def one(folder: Path) -> Path:
    """Make a folder with one image, of so many frames that processes share them."""
    pixels = os.urandom(524288) * 80
    make(folder / "00.dcm", Rows=512, Columns=512, NumberOfFrames=80, PixelData=pixels)
    return folder


@contextmanager
def under_way(source: Path, out: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Give a run that has begun to write, and its processes."""
    words = ["convert", source, "-o", out, "--to", "j2k-lossless", "-j", "2"]
    with subprocess.Popen([sys.executable, "-m", "dcmtools", *words]) as process:
        end = time.monotonic() + DEADLINE
        while not any(path.stat().st_size > 5000 for path in out.glob("*")):
            assert time.monotonic() < end
            time.sleep(0.02)
        yield process, family(process.pid)


def wait_for_end(pids: list[int]) -> None:
    end = time.monotonic() + DEADLINE
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has started")
@pytest.mark.parametrize("make_source", [many, one])
def test_a_run_that_is_killed_leaves_whole_files_and_no_processes(
    tmp_path: Path, make_source: Callable[[Path], Path]
) -> None:
    source, out = make_source(tmp_path / "in"), tmp_path / "out"
    with under_way(source, out) as (process, pids):
        process.send_signal(signal.SIGKILL)
    assert len(pids) > 2
    wait_for_end(pids)
    done = list(out.glob("*.dcm"))
    assert all(syntax_of(path) == JPEG2000Lossless for path in done)
    ran = well(source, "-o", out, "--to", "j2k-lossless", "--resume", "-j", "2")
    known = f", {len(done)} already there" if done else ""
    assert said(ran) == [f"{len(files(source)) - len(done)} converted{known}"]
    assert files(out) == files(source)  # and no part of a file


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has started")
@pytest.mark.parametrize("make_source", [many, one])
def test_ctrl_c_is_heard_at_once(tmp_path: Path, make_source: Callable[[Path], Path]) -> None:
    source, out = make_source(tmp_path / "in"), tmp_path / "out"
    with under_way(source, out) as (process, pids):
        process.send_signal(signal.SIGINT)
        assert process.wait(3) == 130
    wait_for_end(pids)
    assert all(name.endswith(".dcm") for name in files(out))


def test_a_report_is_whole_json(study: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    well(study, "-o", tmp_path / "out", "--to", "deflated", "--report", report)
    assert all(json.loads(line)["file"] for line in report.read_text("utf-8").splitlines())

"""Show what ``image`` writes and draws: in files, folders, pipes, the terminal; and refuses."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from struct import pack
from time import monotonic
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dcmtools.cli.main import app
from tests.factories import BODY, part10, write
from tests.pixels.rendering import make_image

GREY = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)
FRAMES = np.stack([GREY, GREY[::-1], GREY // 2])
COLOURS = np.random.default_rng(2).integers(0, 256, (8, 8, 3), np.uint8)


def image(*arguments: str | Path, input: bytes | None = None) -> Result:  # noqa: A002 - click's
    return CliRunner().invoke(app, ["image", *map(str, arguments)], input=input)


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    return make_image(tmp_path / "grey.dcm", GREY, PixelSpacing="0.5\\0.5")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return make_image(tmp_path / "frames.dcm", FRAMES)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Give a folder with images, and with other things."""
    folder = tmp_path / "study"
    (folder / "inner").mkdir(parents=True)
    for number, name in enumerate(("b.dcm", "a.dcm", "inner/1.2.3.4"), 1):
        make_image(folder / name, GREY // number, InstanceNumber=number)
    write(folder / "notes.txt", b"no image")
    write(folder / "report.dcm", part10(BODY))
    return folder


def read(path: Path | bytes) -> "np.ndarray[Any, Any]":
    with Image.open(BytesIO(path) if isinstance(path, bytes) else path) as picture:
        return np.asarray(picture)


def stretched(values: "np.ndarray[Any, Any]", most: int = 255) -> "np.ndarray[Any, Any]":
    """Give values from the least, which is black, to the greatest."""
    low, high = float(values.min()), float(values.max())
    return np.floor((values - low) / (high - low) * most + 0.5)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.tiff", "a.PNG"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_picture_is_written(grey: Path, name: str, *, deep: bool) -> None:
    out = grey.with_name(name)
    ran = image(grey, "-o", out, *["--16bit"] * deep)
    assert (ran.exit_code, ran.stderr, ran.stdout) == (0, "", "")
    pixels = read(out)
    assert pixels.dtype == (np.uint16 if deep else np.uint8)
    assert np.array_equal(pixels, stretched(GREY, 65535 if deep else 255))
    with Image.open(out) as picture:
        assert picture.info["dpi"] == pytest.approx((50.8, 50.8), abs=0.01)
    assert [path.name for path in grey.parent.iterdir() if path.name.startswith(".")] == []


def test_a_jpeg_is_nearly_the_picture(grey: Path) -> None:
    out = grey.with_name("a.jpg")
    assert image(grey, "-o", out).exit_code == 0
    assert np.abs(read(out) - stretched(GREY)).max() < 8


@pytest.mark.parametrize("options", [("-f", "png"), ("--format", "jpeg")])
def test_the_format_that_is_given_comes_before_the_name(
    grey: Path, options: tuple[str, str]
) -> None:
    out = grey.with_name("a.any")
    assert image(grey, "-o", out, *options).exit_code == 0
    with Image.open(out) as picture:
        assert picture.format == options[1].upper()


def test_an_array_has_the_values_of_the_modality(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", FRAMES, RescaleSlope="0.5", RescaleIntercept="-3")
    out = tmp_path / "a.npy"
    assert image(path, "-o", out).exit_code == 0
    assert np.array_equal(np.load(out), FRAMES.astype(np.float32) / 2 - 3)
    assert image(path, "-o", out, "--overwrite", "--frame", "2").exit_code == 0
    assert np.array_equal(np.load(out), FRAMES[1].astype(np.float32) / 2 - 3)
    ran = image(path, "-o", out, "--overwrite", "--window", "auto", "--16bit", "--frame", "3,1")
    assert ran.exit_code == 0
    expected = np.stack([stretched(FRAMES[2], 65535), stretched(FRAMES[0], 65535)])
    assert np.array_equal(np.load(out), expected)


def test_frames_go_into_a_folder(frames: Path) -> None:
    out = frames.with_name("out")
    ran = image(frames, "-o", f"{out}/")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == [f"frames-{n}.png" for n in (1, 2, 3)]
    for number, frame in enumerate(FRAMES, 1):
        assert np.array_equal(read(out / f"frames-{number}.png"), stretched(frame))


def test_the_first_frame_goes_into_a_file_and_the_others_are_told_of(frames: Path) -> None:
    out = frames.with_name("a.png")
    ran = image(frames, "-o", out)
    assert ran.exit_code == 0
    assert "has 3 frames, and this is the first" in ran.stderr
    assert np.array_equal(read(out), stretched(FRAMES[0]))
    ran = image(frames, "-o", out, "--frame", "2", "--overwrite")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert np.array_equal(read(out), stretched(FRAMES[1]))
    ran = image(frames, "-o", frames.with_name("b.png"), "--frame", "1-2")
    assert ran.exit_code == 4
    assert "one file cannot hold 2 frames" in ran.stderr
    ran = image(frames, "-o", frames.with_name("b.png"), "--frame", "4")
    assert ran.exit_code == 3
    assert "has 3 frames, and frame 4 is wanted" in ran.stderr
    assert not frames.with_name("b.png").exists()


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_folder_is_mirrored(study: Path, jobs: str) -> None:
    out, report = study.with_name("out"), study.with_name("report.ndjson")
    ran = image(study, "-o", out, "-j", jobs, "--report", report)
    assert ran.exit_code == 0
    assert re.fullmatch(r"dcmtools image: 3 exported, 2 skipped in \d+\.\d s\n", ran.stderr)
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert names == ["a.png", "b.png", "inner/1.2.3.4.png"]
    records = [json.loads(line) for line in report.read_text().splitlines()]
    status = {Path(record["file"]).name: record["status"] for record in records}
    assert status == {
        "a.dcm": "done", "b.dcm": "done", "1.2.3.4": "done",
        "notes.txt": "skipped", "report.dcm": "skipped",
    }  # fmt: skip


def test_what_is_there_is_not_replaced_unasked(study: Path) -> None:
    out = study.with_name("out")
    out.mkdir()
    write(out / "a.png", b"mine")
    ran = image(study, "-o", out)
    assert ran.exit_code == 9
    assert f"{out}/a.png: is there already" in ran.stderr
    assert (out / "a.png").read_bytes() == b"mine"
    assert image(study, "-o", out, "--overwrite").exit_code == 0
    assert (out / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_two_pictures_do_not_get_one_name(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    make_image(folder / "a.dcm", GREY)
    make_image(folder / "a", GREY)
    ran = image(folder, "-o", tmp_path / "out")
    assert ran.exit_code == 9
    assert "a.png is that of" in ran.stderr


def test_one_bad_file_takes_nothing_with_it(study: Path) -> None:
    make_image(study / "bomb.dcm", GREY, Rows=65535, Columns=65535)
    cut = make_image(study / "cut.dcm", GREY)
    cut.write_bytes(cut.read_bytes()[:-9])
    ran = image(study, "-o", study.with_name("out"))
    assert ran.exit_code == 9
    assert "bomb.dcm: a frame would take 8589672450 bytes, and the limit is" in ran.stderr
    assert "cut.dcm: is damaged" in ran.stderr
    assert "3 exported, 2 failed, 2 skipped" in ran.stderr
    out = [path for path in study.with_name("out").rglob("*") if path.is_file()]
    assert len(out) == 3
    ran = image(study / "bomb.dcm", "-o", study / "x.png")
    assert ran.exit_code == 3
    ran = image(study / "a.dcm", "-o", study / "x.png", "--max-frame-bytes", "100")
    assert ran.exit_code == 3
    assert "the limit is 100" in ran.stderr


def test_what_has_no_picture_is_an_error_where_it_was_named(study: Path) -> None:
    ran = image(study / "report.dcm", "-o", study / "x.png")
    assert ran.exit_code == 3
    assert "has no pixel data" in ran.stderr
    assert image(study / "notes.txt", "-o", study / "x.png").exit_code == 3


def test_a_window(grey: Path) -> None:
    out = grey.with_name("a.png")
    assert image(grey, "-o", out, "--window", "-100,301").exit_code == 0
    expected = np.clip((GREY.astype(float) + 100.5) / 300 + 0.5, 0, 1) * 255
    assert np.array_equal(read(out), np.floor(expected + 0.5))
    ran = image(grey, "-o", out, "--window", "file", "--overwrite")
    assert ran.exit_code == 3
    assert "has no window of its own" in ran.stderr


def test_a_size(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", GREY, PixelAspectRatio="2\\1")
    for size, expected in (("32", (32, 12)), ("200x100", (100, 38)), ("10x200", (27, 10))):
        out = tmp_path / f"{size}.png"
        assert image(path, "-o", out, "--size", size).exit_code == 0
        assert read(out).shape == expected


def test_colour_has_no_16_bits(tmp_path: Path) -> None:
    path = make_image(
        tmp_path / "a.dcm", COLOURS, SamplesPerPixel=3, PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
    )  # fmt: skip
    ran = image(path, "-o", tmp_path / "a.png", "--16bit")
    assert ran.exit_code == 0
    assert "is in colour, which has 8 bits" in ran.stderr
    assert np.array_equal(read(tmp_path / "a.png"), COLOURS)


def test_a_pipe_in_and_a_pipe_out(grey: Path, frames: Path) -> None:
    command = [sys.executable, "-m", "dcmtools", "image", "-", "-o", "-"]
    ran = subprocess.run(command, input=grey.read_bytes(), capture_output=True, check=True)
    assert ran.stderr == b""
    assert np.array_equal(read(ran.stdout), stretched(GREY))
    ran = subprocess.run(
        [*command[:4], frames, "-o", "-", "-f", "npy"], capture_output=True, check=True
    )
    assert np.array_equal(np.load(BytesIO(ran.stdout)), FRAMES)
    ran = subprocess.run([*command], input=b"no DICOM", capture_output=True, check=False)
    assert ran.returncode == 3
    assert b"-: is not a DICOM file" in ran.stderr


def test_a_sheet_of_a_series_in_its_order(study: Path) -> None:
    out = study.with_name("sheet.png")
    ran = image(study, "--sheet", "-o", out, "--size", "48x64")
    assert ran.exit_code == 0
    pixels = read(out)
    assert pixels.shape == (128, 96)
    tiles = [pixels[:64, :48], pixels[:64, 48:], pixels[64:, :48]]
    for number, tile in enumerate(tiles, 1):
        assert np.array_equal(tile, stretched(GREY // number))
    assert not pixels[64:, 48:].any()


def test_a_sheet_of_frames(frames: Path) -> None:
    out = frames.with_name("sheet.png")
    assert image(frames, "--sheet", "-o", out, "--size", "20").exit_code == 0
    assert read(out).shape == (40, 40)
    ran = image(frames, "--sheet", "-o", out, "--size", "20", "--frame", "1-2", "--overwrite")
    assert ran.exit_code == 0
    assert read(out).shape == (20, 40)
    assert image(frames, "--sheet", "-o", out).exit_code == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grey.dcm"], "is missing, and there is no terminal"),
        (["grey.dcm", "-o", "a.bmp"], "does not say by its name"),
        (["study", "-o", "a.png"], "is one file, and there may be many"),
        (["grey.dcm", "-o", "a.jpg", "--16bit"], "does not go with JPEG"),
        (["study", "--sheet", "-o", "study/"], "is a folder"),
        (["study", "--sheet", "-o", "a.npy"], "does not go with an array"),
        (["grey.dcm", "-o", "a.npy", "--size", "9"], "does not go with an array"),
        (["grey.dcm", "-o", "a.npy", "--overlays"], "does not go with an array"),
        (["grey.dcm", "-o", "a.npy", "--16bit"], "goes with --window"),
        (["study", "-o", "-"], "takes one file"),
        (["grey.dcm", "-o", "-", "--frame", "all"], "takes one frame"),
        (["study", "-o", "study"], "is an input too"),
        (["grey.dcm", "-o", "a.png", "--window", "1"], "is no window"),
        (["grey.dcm", "-o", "a.png", "--frame", "0"], "is no frame"),
        (["grey.dcm", "-o", "a.png", "--size", "0"], "is no size"),
        (["study", "--sheet", "-o", "a.png", "--size", "9999"], "at most"),
        ([], "is missing"),
    ],
)
def test_what_does_not_go_together_is_refused(
    study: Path, grey: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(study.parent)
    before = sorted(study.parent.rglob("*"))
    ran = image(*arguments)
    assert ran.exit_code == 2, ran.stderr
    assert words in ran.stderr
    assert sorted(grey.parent.rglob("*")) == before


@pytest.mark.parametrize("count", [1, 3])
def test_ctrl_c_ends_it_and_leaves_whole_pictures(tmp_path: Path, count: int) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    many = np.random.default_rng(1).integers(0, 4000, (400, 256, 256), np.uint16)
    for number in range(count):
        make_image(folder / f"{number}.dcm", many)
    process = subprocess.Popen(
        [sys.executable, "-m", "dcmtools", "image", folder, "-o", out], stderr=subprocess.PIPE
    )
    until = monotonic() + 60
    while not list(out.glob("*-*.png")) and monotonic() < until:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert stderr == b"dcmtools image: interrupted\n"
    names = [path.name for path in out.iterdir()]
    assert 0 < len(names) < 400 * count
    assert [name for name in names if not name.endswith(".png")] == []
    for name in names:
        assert read(out / name).shape == (256, 256)


# In a terminal


def on_terminal(
    arguments: list[str | Path], columns: int = 40, lines: int = 20, **environ: str
) -> tuple[str, int]:
    """Run the program on a terminal of a size; give what it shows and its exit code."""
    ours, theirs = pty.openpty()
    import fcntl  # noqa: PLC0415 - where there are terminals
    import termios  # noqa: PLC0415

    fcntl.ioctl(theirs, termios.TIOCSWINSZ, pack("HHHH", lines, columns, columns * 8, lines * 16))
    names = ("TMUX", "TERM_PROGRAM", "KITTY_WINDOW_ID", "LC_TERMINAL")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    process = subprocess.Popen(
        [sys.executable, "-m", "dcmtools", "image", *arguments],
        stdout=theirs, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True,
        env={**kept, "TERM": "xterm", **environ},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    process.communicate(timeout=60)
    return shown.decode().replace("\r\n", "\n"), process.returncode


@pytest.mark.parametrize(("columns", "lines"), [(30, 24), (120, 40), (200, 12)])
def test_a_terminal_shows_the_picture_and_its_window(grey: Path, columns: int, lines: int) -> None:
    shown, code = on_terminal([grey, "--window", "100,200"], columns, lines)
    assert code == 0
    *rows, caption = shown.splitlines()
    assert caption == f"{grey}: 48 x 64, frame 1 of 1, window 100,200 (given)"
    width = rows[0].count("▀")
    assert {row.count("▀") for row in rows} == {width}
    assert width <= columns
    assert len(rows) <= lines - 2
    assert width == columns or len(rows) >= lines - 3
    assert abs(width / (2 * len(rows)) - 48 / 64) < 0.1
    assert "38;2;" in shown


def test_a_terminal_without_colour(grey: Path) -> None:
    shown, code = on_terminal([grey], NO_COLOR="1")
    assert code == 0
    assert "\x1b" not in shown
    assert "█" in shown


def test_a_terminal_shows_a_folder_as_a_sheet(study: Path, frames: Path) -> None:
    shown, code = on_terminal([study])
    assert code == 0
    assert shown.splitlines()[-1] == "3 pictures, a window for each"
    shown, code = on_terminal([frames, "--frame", "all", "--window", "9,99"])
    assert shown.splitlines()[-1] == "3 pictures, window 9,99 (given)"


@pytest.mark.parametrize(
    ("way", "start"), [("kitty", "\x1b_Ga=T"), ("iterm2", "\x1b]1337;"), ("sixel", "\x1bPq")]
)
def test_a_protocol_of_a_terminal(grey: Path, study: Path, way: str, start: str) -> None:
    for operand in (grey, study):
        shown, code = on_terminal([operand, "--draw", way])
        assert code == 0
        assert shown.startswith(start)
    assert on_terminal([grey], KITTY_WINDOW_ID="1")[0].startswith("\x1b_G")


def test_a_terminal_gets_no_bytes_of_files(grey: Path) -> None:
    assert on_terminal([grey, "-o", "-"])[1] == 2


def test_control_characters_in_a_name_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a\x1b[2J.dcm", GREY)
    shown, code = on_terminal([path])
    assert code == 0
    assert "\x1b[2J" not in shown
    assert r"a\x1b[2J.dcm" in shown

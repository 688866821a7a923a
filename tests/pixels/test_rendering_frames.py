"""Show that each frame is found and decoded, however it is compressed, and refused when it lies."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames, get_frame
from pydicom.uid import JPEG2000Lossless, RLELossless

from dcmtools.errors import InputError, UsageError
from dcmtools.pixels.artist import Artist, NoPictureError, Target, pixel_summary
from dcmtools.pixels.frame_choice import FrameChoice, parse_frames, spread
from dcmtools.pixels.kinds import Kind
from dcmtools.pixels.view import View, read_box, read_window
from tests.factories import BODY, PEAK, part10, write
from tests.pixels.rendering import Numbers, make_image, shown, values_of

FRAMES = np.random.default_rng(3).integers(-2000, 2000, (5, 64, 48), np.int16)


def compressed(path: Path, frames: Numbers, syntax: str, **more: Any) -> Path:  # noqa: ANN401
    make_image(path, frames, **more)
    data = dcmread(path)
    data.compress(syntax, generate_instance_uid=False)
    data.save_as(path)
    return path


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("stored", [16, 12])
def test_every_frame_is_the_one_that_was_compressed(
    tmp_path: Path, syntax: str, stored: int
) -> None:
    path = compressed(tmp_path / "a.dcm", FRAMES, syntax, BitsStored=stored)
    for frame in (4, 0, 2):
        assert np.array_equal(values_of(path, frame), FRAMES[frame])


@pytest.mark.parametrize("table", ["basic", "extended", "none"])
def test_a_frame_in_several_fragments(tmp_path: Path, table: str) -> None:
    path = compressed(tmp_path / "a.dcm", FRAMES, JPEG2000Lossless)
    data = dcmread(path)
    codes = list(generate_frames(data.PixelData, number_of_frames=len(FRAMES)))
    if table == "extended":
        encoded, offsets, lengths = encapsulate_extended(codes)
        data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths = offsets, lengths
    else:
        encoded = encapsulate(codes, fragments_per_frame=3, has_bot=table == "basic")
    data.PixelData = encoded
    data["PixelData"].is_undefined_length = True
    data.save_as(path)
    for frame in range(len(FRAMES)):
        assert np.array_equal(values_of(path, frame), FRAMES[frame])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", [3]),
        ("1-3", [1, 2, 3]),
        ("1,5,2", [1, 5, 2]),
        ("4-", [4, 5]),
        ("all", [1, 2, 3, 4, 5]),
        ("2,1-3", [2, 1, 3]),
    ],
)
def test_frames_are_chosen(text: str, expected: list[int]) -> None:
    assert parse_frames(text).of(5, "a.dcm") == expected


@pytest.mark.parametrize("text", ["", "0", "-1", "3-2", "x", "1;2", "1-2-3", "1,,2", "0-3"])
def test_what_is_no_choice_of_frames_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--frame"):
        parse_frames(text)


def test_a_frame_that_is_not_there() -> None:
    with pytest.raises(InputError, match="has 1 frame, and frame 2 is wanted"):
        FrameChoice(((1, 2),)).of(1, "a.dcm")
    assert parse_frames("999999999").ranges == ((999999999, 999999999),)


def test_some_of_many_are_taken_evenly() -> None:
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread(range(3), 5) == [0, 1, 2]
    assert spread(range(3), 0) == [0, 1, 2]


@pytest.mark.parametrize("text", ["40", "40,0", "40,x", "nan,1", "1,2,3", "", "inf,5"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no window"):
        read_window(text)


@pytest.mark.parametrize("text", ["0", "x", "10x", "10x0", "99999", "-5", ""])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no size"):
        read_box(text)


def test_windows_and_sizes() -> None:
    assert read_window("-40,400.5") == (-40.0, 400.5)
    assert read_window("AUTO") == "auto"
    assert read_box("64x32") == (64, 32)
    assert read_box("64") == (64, 64)


# Lies


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"Rows": 65535, "Columns": 65535}, "frame would take 8589672450 bytes"),
        ({"NumberOfFrames": 1000000000}, "asks? for"),
        ({"NumberOfFrames": -1}, "Number of Frames is -1"),
        ({"Rows": 0}, "Rows is not given"),
        ({"BitsAllocated": 12}, "Bits Allocated is 12"),
        ({"BitsStored": 17}, "contradict"),
        ({"HighBit": 3}, "contradict"),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "attributes ask for"),
        ({"SamplesPerPixel": 3}, "with 3 samples"),
        ({"PhotometricInterpretation": "RGB"}, "with 1 samples"),
        ({"PhotometricInterpretation": "HSV"}, "HSV is not supported"),
        ({"PixelData": bytes(10)}, "there are 10 bytes"),
    ],
)
def test_attributes_that_lie_are_refused(tmp_path: Path, more: dict[str, Any], why: str) -> None:
    more = {"HighBit": 15, **more}
    path = make_image(tmp_path / "a.dcm", np.zeros((4, 4), np.uint16))
    data = dcmread(path)
    for keyword, value in more.items():
        setattr(data, keyword, value)
    data.save_as(path)
    with pytest.raises(InputError, match=why):
        shown(path)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_lies_cost_little_memory(tmp_path: Path, syntax: str) -> None:
    path = compressed(tmp_path / "a.dcm", FRAMES, syntax)
    data = dcmread(path)
    data.Rows = data.Columns = 12000
    data.save_as(path)
    code = f"""
import sys
from pathlib import Path
from dcmtools.errors import InputError
from tests.pixels.rendering import shown
try:
    shown(Path({str(path)!r}))
except InputError as error:
    print({PEAK}, error.why)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    peak, _, why = ran.stdout.partition(" ")
    assert "cannot be decompressed" in why
    assert int(peak) < 300 * 1024


def test_more_frames_than_fragments(tmp_path: Path) -> None:
    path = compressed(tmp_path / "a.dcm", FRAMES, RLELossless)
    data = dcmread(path)
    data.NumberOfFrames = 1000000000
    data.save_as(path)
    with pytest.raises(InputError, match="Number of Frames is 1000000000"):
        shown(path)


def test_a_frame_that_is_cut(tmp_path: Path) -> None:
    path = compressed(tmp_path / "a.dcm", FRAMES[:1], RLELossless)
    data = dcmread(path)
    code = get_frame(data.PixelData, 0, number_of_frames=1)
    data.PixelData = encapsulate([code[: len(code) // 2]])
    data["PixelData"].is_undefined_length = True
    data.save_as(path)
    with pytest.raises(InputError, match="RLE Lossless cannot be decompressed"):
        shown(path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", FRAMES)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="is damaged"):
        shown(path)


def test_a_limit_on_frames(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", FRAMES)
    size = FRAMES[0].nbytes
    assert shown(path, max_frame_bytes=size) is not None
    with pytest.raises(InputError, match=f"limit is {size - 1}"):
        shown(path, max_frame_bytes=size - 1)


# In other processes


def test_an_artist_goes_on_after_a_process_has_died(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", FRAMES)
    with Artist(tmp_path) as artist:
        first = artist.rgb(path, View())
        (worker,) = artist._workers
        worker._process.kill()
        worker._process.wait()
        with pytest.raises(InputError, match="died"):
            artist.rgb(path, View())
        second = artist.rgb(path, View())
        assert second.path.read_bytes() == first.path.read_bytes()
        assert (second.of, second.size, second.frames) == (5, (48, 64), [1])


def test_a_file_without_an_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", part10(BODY))
    target = Target(tmp_path / "a.png")
    with Artist(tmp_path) as artist, pytest.raises(NoPictureError, match="has no pixel data"):
        artist.write(path, View(), target, Kind.PNG)
    assert not target.path.exists()


@pytest.mark.parametrize("syntax", ["", RLELossless])
def test_pixels_are_summed_up(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / "a.dcm"
    if syntax:
        compressed(path, FRAMES, syntax)
    else:
        make_image(path, FRAMES)
    summary = pixel_summary(path)
    assert (summary.rows, summary.columns, summary.frames, summary.samples) == (64, 48, 5, 1)
    assert (summary.minimum, summary.maximum) == (FRAMES.min(), FRAMES.max())
    assert summary.mean == pytest.approx(FRAMES.mean())
    assert summary.sha256 == sha256(FRAMES.tobytes()).hexdigest()
    assert summary.photometric_interpretation == "MONOCHROME2"

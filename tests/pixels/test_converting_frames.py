"""Show that images of many frames are converted frame by frame, in any number of processes."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from struct import pack, unpack
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate_extended, generate_frames
from pydicom.uid import RLELossless

from dcmtools.dataset.rewrite import Destination
from dcmtools.errors import InputError
from dcmtools.pixels import compression, frame_crew
from dcmtools.pixels.converter import Converter, Wanted
from dcmtools.pixels.converting import Conversion
from dcmtools.pixels.converting import convert as convert_here
from dcmtools.pixels.frame_crew import crew_size, shared_work
from dcmtools.pixels.frame_work import Recipe
from tests.factories import EXPLICIT, PEAK, make_ct
from tests.pixels.reading import lines
from tests.pixels.test_converting import J2K, J2K_LOSSLESS, LOSSLESS, RLE, convert
from tests.pixels.test_transcode import make_image

FRAMES = 7
MOST = 110 << 10
"""KiB."""


def recipe(path: Path, syntax: str = RLE) -> Recipe:
    return Recipe(
        path=str(path), max_inflated=1 << 20, syntax=syntax, ratio=0.0, quality=0.0, compared=""
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return make_image(tmp_path / "a.dcm", FRAMES)


def conversion(syntax: str, **more: Any) -> Conversion:  # noqa: ANN401 - ratio and the like
    plain = Conversion(
        syntax=syntax, ratio=0.0, quality=0.0, verify=True, jobs=1, max_inflated=1 << 30
    )
    plain.update(**more)
    return plain


def frames(path: Path) -> list[bytes]:
    data = pydicom.dcmread(path)
    return list(generate_frames(data.PixelData, number_of_frames=int(data.NumberOfFrames)))


def offsets(path: Path) -> list[int]:
    """Give the Basic Offset Table, and see that a fragment is where it says."""
    value = pydicom.dcmread(path).PixelData
    (size,) = unpack("<I", value[4:8])
    table = list(unpack(f"<{size // 4}I", value[8 : 8 + size]))
    for offset, frame in zip(table, frames(path), strict=bool(table)):
        start = 8 + size + offset
        assert value[start : start + 8] == pack("<HHI", 0xFFFE, 0xE000, len(frame))
    return table


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_every_frame_has_a_fragment_that_the_table_finds(
    converter: Converter, tmp_path: Path, image: Path, syntax: str
) -> None:
    there, back = tmp_path / "there.dcm", tmp_path / "back.dcm"
    made = convert(converter, image, there, syntax)
    assert (made.frames, made.largest) == (FRAMES, 0)
    assert len(offsets(there)) == len(frames(there)) == FRAMES
    assert all(len(frame) % 2 == 0 for frame in frames(there))
    convert(converter, there, back, EXPLICIT)
    assert lines(back) == lines(image)


def test_an_extended_table_goes_once_it_does_not_hold(
    converter: Converter, tmp_path: Path, image: Path
) -> None:
    first, there = tmp_path / "first.dcm", tmp_path / "there.dcm"
    convert(converter, image, first, RLE)
    data = pydicom.dcmread(first)
    parts = encapsulate_extended(frames(first))
    data.PixelData, data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths = parts
    data["PixelData"].is_undefined_length = True
    data.save_as(first)
    convert(converter, first, there, J2K_LOSSLESS)
    made = pydicom.dcmread(there)
    assert "ExtendedOffsetTable" not in made
    assert "ExtendedOffsetTableLengths" not in made
    assert len(offsets(there)) == FRAMES
    convert(converter, first, tmp_path / "copy.dcm", RLE)  # here it does
    assert pydicom.dcmread(tmp_path / "copy.dcm").ExtendedOffsetTable == parts[1]


def test_what_a_basic_table_cannot_tell_an_extended_one_does(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "LARGEST_OFFSET", 100)
    there = tmp_path / "there.dcm"
    with there.open("w+b") as out:
        assert convert_here(image, conversion(RLE), there, out)["frames"] == FRAMES
    made = pydicom.dcmread(there)
    assert offsets(there) == []
    lengths = [len(frame) for frame in frames(there)]
    assert unpack(f"<{FRAMES}Q", made.ExtendedOffsetTableLengths) == tuple(lengths)
    starts = [sum(lengths[:number]) + 8 * number for number in range(FRAMES)]
    assert unpack(f"<{FRAMES}Q", made.ExtendedOffsetTable) == tuple(starts)
    monkeypatch.undo()
    back = tmp_path / "back.dcm"
    with back.open("w+b") as out:
        convert_here(there, conversion(EXPLICIT), back, out)
    assert lines(back) == lines(image)


def test_many_processes_write_what_one_does(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_crew, "_WORTH", 1)
    shared: list[int] = []
    plain = frame_crew.shared_work

    def watched(*arguments: Any) -> Any:  # noqa: ANN401 - as it is
        shared.append(arguments[2])
        return plain(*arguments)

    for module in (frame_crew, sys.modules["dcmtools.pixels.converting"]):
        monkeypatch.setattr(module, "shared_work", watched)
    for syntax, source in (
        (RLE, image),
        (J2K, image),
        (EXPLICIT, tmp_path / "1.2.840.10008.1.2.5"),
    ):
        made = []
        for jobs in (1, 3):
            target = tmp_path / (syntax if jobs == 1 else "many.dcm")
            loss = {"ratio": 4.0} if syntax == J2K else {}
            with target.open("w+b") as out:
                wanted = conversion(syntax, jobs=jobs, **loss)
                made.append((convert_here(source, wanted, target, out), target.read_bytes()))
        assert made[0] == made[1]
    assert shared == [3] * 6  # to make and to compare


def test_how_many_processes_depends_on_what_there_is_to_do() -> None:
    assert crew_size(8, 1, 1 << 30) == 1
    assert crew_size(8, 100, 1000) == 1
    assert crew_size(8, 100, 5 << 24) == 5
    assert crew_size(2, 100, 1 << 30) == 2
    assert crew_size(8, 3, 1 << 30) == 3


def test_what_another_process_cannot_do_is_told(tmp_path: Path, image: Path) -> None:
    small = make_ct(tmp_path / "small.dcm")
    for path, syntax, why in (
        (small, J2K_LOSSLESS, "the encoder wants 32 rows"),
        (tmp_path / "none.dcm", RLE, "no such file"),
    ):
        with ExitStack() as stack, pytest.raises(InputError, match=why):
            list(shared_work(recipe(path, syntax), 2, 2, stack))
    with ExitStack() as stack:
        assert len(list(shared_work(recipe(image), FRAMES, 2, stack))) == FRAMES


@pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")
def test_a_process_that_dies_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side, pixels = 400, np.random.default_rng(2).integers(0, 256, 400 * 400 * FRAMES, np.uint8)
    sizes = {"Rows": side, "Columns": side, "PixelData": pixels.tobytes()}
    image = make_image(tmp_path / "a.dcm", FRAMES, **sizes)  # no pipe holds one of its frames
    started: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen):  # type: ignore[type-arg] # of bytes
        def __init__(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - as it is
            super().__init__(*arguments, **more)
            started.append(self)

    monkeypatch.setattr(frame_crew.subprocess, "Popen", Watched)
    with ExitStack() as stack:
        made = shared_work({**recipe(image), "path": "/dev/stdin"}, FRAMES, 2, stack)
        with pytest.raises(InputError):
            next(made)
        made = shared_work(recipe(image), FRAMES, 2, stack)
        next(made)
        for process in started[-2:]:
            process.send_signal(signal.SIGKILL)
            process.wait()
        with pytest.raises(InputError, match="a process that worked on its frames died"):
            list(made)
    assert all(process.returncode is not None for process in started)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory")
def test_memory_does_not_follow_the_size(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from dcmtools.pixels.converting import convert\n"
        "source, target, syntax = sys.argv[1:]\n"
        "wanted = dict(syntax=syntax, ratio=0, quality=0, verify=True, jobs=1, max_inflated=1)\n"
        "with open(target, 'w+b') as out: convert(Path(source), wanted, Path(target), out)\n"
        f"print({PEAK})\n"
    )
    count_of, side = 150, 512  # 79 MB
    source = make_ct(
        tmp_path / "a.dcm", Rows=side, Columns=side, NumberOfFrames=count_of, PixelData=b""
    )
    content = source.read_bytes()[:-4]
    frame = np.random.default_rng(1).integers(0, 9, side * side).astype("<u2").tobytes()
    with source.open("wb") as out:
        out.write(content + pack("<I", len(frame) * count_of))
        for _ in range(count_of):
            out.write(frame)
    there, back = tmp_path / "b.dcm", tmp_path / "c.dcm"
    for given, made, syntax in ((source, there, RLE), (there, back, EXPLICIT)):
        ran = subprocess.run(
            [sys.executable, "-c", program, given, made, syntax],
            capture_output=True, check=True, text=True,
        )  # fmt: skip
        assert int(ran.stdout) < MOST
    with source.open("rb") as one, back.open("rb") as other:
        for content in (one, other):
            content.seek(-len(frame) * count_of, os.SEEK_END)
        assert all(one.read(len(frame)) == other.read(len(frame)) for _ in range(count_of))


def test_a_bad_frame_among_good_ones_leaves_nothing(
    converter: Converter, tmp_path: Path, image: Path
) -> None:
    there = tmp_path / "there.dcm"
    convert(converter, image, there, RLE)
    last = frames(there)[-1]
    broken = pack("<16I", 1, 64, *[0] * 14) + bytes(len(last) - 64)
    there.write_bytes(there.read_bytes().replace(last, broken))
    assert pydicom.dcmread(there).file_meta.TransferSyntaxUID == RLELossless
    for syntax in (EXPLICIT, J2K_LOSSLESS):
        with pytest.raises(InputError, match="bytes are missing at the end of an RLE segment"):
            converter.convert(
                there, tmp_path / "back.dcm", Wanted(syntax), Destination(durable=False)
            )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.dcm", "there.dcm"]

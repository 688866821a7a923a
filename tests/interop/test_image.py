"""Show that pictures are those of DCMTK's `dcmj2pnm`, within one grey level.

DCMTK cuts off where this rounds, and it also rounds rescaled values to whole numbers.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.pixels.image_attributes import ImageFile, read_image
from dcmtools.pixels.pictures import fitted
from dcmtools.pixels.rendering import Picture, Renderer
from dcmtools.pixels.view import View
from tests.conftest import need
from tests.factories import corpus
from tests.pixels.rendering import Numbers, lut_item, make_image, picture_of
from tests.pixels.test_rendering_colour import BITS, with_overlay

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.interop

_FOLDER = corpus()
FILES = sorted(path for path in _FOLDER.iterdir() if path.is_file()) if _FOLDER else []
RAMP = np.arange(-600, 600, dtype=np.int16).reshape(30, 40)
LOSSY_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
UNLIKE = {
    "rtdose_expb_1frame": "takes words of 32 bits in big endian as two of 16 bits",
    "RG3_JPLY": "drops the highest bit of what a lossy codec makes brighter than bits are stored",
}
"""What DCMTK makes something else of, and why. pydicom does as we do."""


def dcmtk(path: Path, *options: str, frame: int = 1, overlays: bool = False) -> Numbers | None:
    """Have DCMTK make the picture; None where it cannot."""
    out = path.with_name("dcmtk.pnm")
    out.unlink(missing_ok=True)
    drawn = [] if overlays else ["-O"]
    program = need("dcmj2pnm")
    command = [program, *drawn, "+F", str(frame), *(options or ("+op",)), path, out]
    ran = subprocess.run(command, capture_output=True, check=False)
    if ran.returncode or not out.exists():
        return None
    with Image.open(out) as picture:
        return np.asarray(picture)


def distance(one: Numbers, other: Numbers) -> int:
    """Give the greatest difference."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def same(path: Path, *options: str, most: int = 1, **view: Any) -> None:  # noqa: ANN401
    theirs = dcmtk(path, "+op", *options, overlays=view.get("overlays", False))
    assert theirs is not None
    assert distance(picture_of(path, **view).pixels, theirs) <= most


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("function", ["LINEAR", "SIGMOID"])
def test_windows(tmp_path: Path, photometric: str, function: str) -> None:
    path = make_image(
        tmp_path / "a.dcm", RAMP, PhotometricInterpretation=photometric, RescaleSlope="2",
        RescaleIntercept="-1024", WindowCenter=-900, WindowWidth=777, VOILUTFunction=function,
    )  # fmt: skip
    same(path, "+Wi", "1")
    same(path, "+Wfl", "+Wm", window="auto")
    same(path, "+Ww", "-1000", "300", window=(-1000.0, 300.0))


def test_16_bits(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", RAMP)
    theirs = dcmtk(path, "+on2", "+Ww", "10", "700")
    assert theirs is not None
    ours = picture_of(path, window=(10.0, 700.0), deep=True)
    assert distance(ours.pixels, theirs) <= 1


def test_look_up_tables(tmp_path: Path) -> None:
    cells = np.arange(64, dtype=np.uint8).reshape(8, 8)
    modality = lut_item(10, [value * 16 for value in range(40)], 16)
    voi = lut_item(0, [(value * 7) % 1024 for value in range(640)], 10)
    path = make_image(
        tmp_path / "a.dcm", cells, ModalityLUTSequence=[modality], VOILUTSequence=[voi]
    )
    same(path, "+Wl", "1")
    same(path, "+Ww", "300", "400", window=(300.0, 400.0))


@pytest.mark.parametrize("origin", [[1, 1], [4, 6], [-1, 0]])
def test_overlays(tmp_path: Path, origin: list[int]) -> None:
    path = with_overlay(tmp_path / "a.dcm", RAMP, BITS, xorigin=origin)
    same(path, "+Ww", "0", "900", window=(0.0, 900.0), overlays=True)


def test_frames(tmp_path: Path) -> None:
    frames = np.stack([RAMP, RAMP[::-1], RAMP // 3])
    path = make_image(tmp_path / "a.dcm", frames)
    for frame in range(3):
        theirs = dcmtk(path, "+op", "+Wm", frame=frame + 1)
        assert theirs is not None
        assert distance(picture_of(path, frame, window="auto").pixels, theirs) <= 1


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", RAMP, PixelAspectRatio="2\\1")
    theirs = dcmtk(path, "+op", "+Wm", "+Sxv", "80")
    assert theirs is not None
    assert fitted(picture_of(path, window="auto"), (80, 9999)).shape == theirs.shape


# The corpus


def window_of(picture: Picture) -> list[str]:
    """Give the options with which DCMTK has the window of a picture."""
    if not picture.window.startswith("window "):
        return []
    if picture.window.endswith("(file)"):
        return ["+Wi", "1"]
    center, width = picture.window.split()[1].split(",")
    return ["+Ww", center, width]


def is_rounded(image: ImageFile) -> bool:
    """Tell whether DCMTK rounds what it has rescaled."""
    slope, intercept = (image.attributes.number(tag) for tag in (0x00281053, 0x00281052))
    return not all(value is None or value.is_integer() for value in (slope, intercept))


def compared(path: Path, tmp_path: Path) -> str:
    """Compare the first frame; say what became of it."""
    with DicomFile(path) as file:
        image = read_image(file)
        photometric = image.attributes.text(0x00280004)
        renderer = Renderer(image, View(max_frame_bytes=1 << 26))
        picture = renderer.picture(0)
        read = path
        if file.header.transfer_syntax in JPEG_2000:
            read = tmp_path / "raw.dcm"
            command = [need("gdcmconv"), "--raw", path, read]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                return "not read by GDCM"
        else:
            read = tmp_path / "copy.dcm"
            read.write_bytes(path.read_bytes())
        theirs = dcmtk(read, "+op", *window_of(picture))
        if theirs is None:
            return "not read by DCMTK"
        lossy = file.header.transfer_syntax in LOSSY_JPEG  # decoders may differ by one
        rounded = is_rounded(image) or photometric.startswith("YBR")
        most = 2 if rounded or lossy else 1
        assert distance(picture.pixels, theirs) <= most
    return photometric


@pytest.mark.corpus
def test_the_corpus_is_shown_as_dcmtk_shows_it(tmp_path: Path) -> None:
    if not FILES:
        pytest.skip("DCMTOOLS_CORPUS names no folder of files")
    kinds: Counter[str] = Counter()
    unlike = []
    for path in FILES:
        if any(name in path.name for name in UNLIKE):
            continue
        try:
            kinds[compared(path, tmp_path)] += 1
        except InputError:
            kinds["refused"] += 1
        except AssertionError:
            unlike.append(path.name)
    assert unlike == []
    for photometric, least in {
        "MONOCHROME1": 5, "MONOCHROME2": 100, "PALETTE COLOR": 8, "RGB": 6, "YBR_FULL": 2,
        "YBR_FULL_422": 8,
    }.items():  # fmt: skip
        assert kinds[photometric] >= least, kinds

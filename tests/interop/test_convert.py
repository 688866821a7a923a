"""Show that DCMTK and GDCM read what we write, write what we read, and decode what we decode."""

from __future__ import annotations

import subprocess
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from pydicom.pixels.processing import convert_color_space

from dcmtools.dataset.rewrite import Destination
from dcmtools.errors import InputError
from dcmtools.pixels.converter import NAMES, Converter, Wanted
from tests.conftest import need
from tests.pixels.test_converting import make_words, words
from tests.pixels.test_corpus import FILES
from tests.pixels.test_transcode import make_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.interop

JPEG = "1.2.840.10008.1.2.4."
DCMTK = {
    NAMES["rle"]: "dcmdrle",
    **dict.fromkeys((f"{JPEG}{end}" for end in (50, 51, 57, 70)), "dcmdjpeg"),
    **dict.fromkeys((f"{JPEG}{end}" for end in (80, 81)), "dcmdjpls"),
}
"""DCMTK's decoders by transfer syntax; it has none for JPEG 2000."""

LOSSY = {f"{JPEG}{end}": 2 for end in (50, 51)}
"""By how much samples may differ where the standard allows decoders that."""

UNLIKE = {
    "multiframe": ("dcmtk", "does not mind that some frames are smaller than the others"),
    "RG3_JPLY": ("gdcm", "cuts off what is more than the bits that are stored"),
}
"""Files of which a decoder makes something else, and why."""


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter(1) as made:
        yield made


def convert(converter: Converter, source: Path, target: Path, syntax: str) -> Path:
    converter.convert(source, target, Wanted(syntax), Destination(overwrite=True, durable=False))
    return target


def run(*command: str | Path) -> bool:
    """Run a program of another toolkit; tell whether it did what it should."""
    name, *rest = command
    ran = subprocess.run([need(str(name)), *rest], capture_output=True, check=False, timeout=60)
    return ran.returncode == 0


def samples(path: Path) -> tuple[Any, str]:
    """Give native samples as frames, rows, columns and samples, and their colours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(path, force=True)
        shape = int(data.get("NumberOfFrames", 1) or 1), data.Rows, data.Columns
        shape = (*shape, data.get("SamplesPerPixel", 1))
        kind = "i" if data.get("PixelRepresentation") else "u"
        found = np.frombuffer(data.PixelData, f"<{kind}{data.BitsAllocated // 8}")
    found = found[: np.prod(shape)]
    if data.get("PlanarConfiguration") and shape[3] > 1:
        found = found.reshape(shape[0], shape[3], *shape[1:3]).transpose(0, 2, 3, 1)
    unused = data.BitsAllocated - data.BitsStored
    found = found.reshape(shape)
    if kind == "i" and unused:  # the sign may reach the bits that hold no value, or not
        found = (found << unused) >> unused
    return found, str(data.PhotometricInterpretation)


def check(ours: Path, theirs: Path, most: int = 0) -> None:
    """Show that two native images are the same."""
    (one, colours), (other, other_colours) = samples(ours), samples(theirs)
    assert one.shape == other.shape
    if (colours, other_colours) == ("RGB", "YBR_FULL"):  # GDCM leaves colours as they were coded
        other = np.stack([convert_color_space(each, "YBR_FULL", "RGB") for each in other])
    else:
        assert colours == other_colours
    assert np.abs(one.astype(np.int64) - other.astype(np.int64)).max(initial=0) <= most


KINDS: dict[str, Callable[[Path], Path]] = {
    "8 bits": make_image,
    "12 bits": make_words,
    "signed": lambda path: make_words(
        path, PixelRepresentation=1, PixelData=words(low=-2048, high=2048)
    ),
    "16 bits, signed": lambda path: make_words(
        path, BitsStored=16, HighBit=15, PixelRepresentation=1,
        PixelData=words(low=-32768, high=32768),
    ),
    "RGB": lambda path: make_image(path, 1, 3),
    "RGB in planes": lambda path: make_image(path, 1, 3, PlanarConfiguration=1),
    "frames": lambda path: make_image(path, 5),
    "frames of RGB": lambda path: make_image(path, 3, 3),
    "MONOCHROME1": lambda path: make_words(path, PhotometricInterpretation="MONOCHROME1"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["rle", "j2k-lossless", "jpegls"])
def test_what_we_compress_they_decompress(
    converter: Converter, tmp_path: Path, kind: str, name: str
) -> None:
    source = KINDS[kind](tmp_path / "a.dcm")
    made = convert(converter, source, tmp_path / "b.dcm", NAMES[name])
    if name in ("rle", "jpegls"):
        assert run(DCMTK[NAMES[name]], made, tmp_path / "dcmtk.dcm")
        check(source, tmp_path / "dcmtk.dcm")
    assert run("gdcmconv", "--raw", made, tmp_path / "gdcm.dcm")
    check(source, tmp_path / "gdcm.dcm")
    assert run("dcmdump", "-q", made)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "command",
    [
        ("dcmcrle",),
        ("dcmcjpeg", "+e1"),
        ("dcmcjpls", "+el"),
        ("gdcmconv", "--rle"),
        ("gdcmconv", "--j2k"),
        ("gdcmconv", "--jpegls"),
    ],
    ids=" ".join,
)
def test_what_they_compress_we_decompress(
    converter: Converter, tmp_path: Path, kind: str, command: tuple[str, ...]
) -> None:
    source, made = KINDS[kind](tmp_path / "a.dcm"), tmp_path / "b.dcm"
    if not run(*command, source, made):
        pytest.skip("it does not")
    check(convert(converter, made, tmp_path / "c.dcm", NAMES["explicit"]), source)


def test_lossy_frames_are_what_they_decode(converter: Converter, tmp_path: Path) -> None:
    for number, source in enumerate((make_words(tmp_path / "a"), make_image(tmp_path / "b", 2, 3))):
        made, ours, theirs = (tmp_path / f"{number}{name}.dcm" for name in ("made", "ours", "gdcm"))
        converter.convert(source, made, Wanted(NAMES["j2k"], ratio=5), Destination(durable=False))
        convert(converter, made, ours, NAMES["explicit"])
        assert run("gdcmconv", "--raw", made, theirs)
        check(ours, theirs)


@pytest.mark.parametrize("kind", ["12 bits", "RGB", "frames"])
@pytest.mark.parametrize("name", ["implicit", "big", "deflated"])
def test_what_we_encode_they_read(
    converter: Converter, tmp_path: Path, kind: str, name: str
) -> None:
    source = KINDS[kind](tmp_path / "a.dcm")
    made = convert(converter, source, tmp_path / "b.dcm", NAMES[name])
    assert run("dcmconv", "+te", made, tmp_path / "c.dcm")
    check(source, tmp_path / "c.dcm")


@pytest.mark.corpus
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_compressed_images_of_the_corpus_are_decoded_alike(
    converter: Converter, tmp_path: Path, path: Path
) -> None:
    try:
        syntax = str(pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
    except Exception:  # noqa: BLE001 - there is no end to what it may raise for these files
        pytest.skip("pydicom cannot read it")
    if not syntax.startswith((JPEG, NAMES["rle"])):
        pytest.skip("it is not compressed")
    commands = {"gdcm": ("gdcmconv", "--raw")}
    commands |= {"dcmtk": (DCMTK[syntax],)} if syntax in DCMTK else {}
    decoded = [name for name, command in commands.items() if run(*command, path, tmp_path / name)]
    unlike = {who for name, (who, _) in UNLIKE.items() if name in path.name}
    like = [name for name in decoded if name not in unlike]
    ours, why = tmp_path / "ours.dcm", ""
    try:
        convert(converter, path, ours, NAMES["explicit"])
    except InputError as error:
        why = error.why
    if why:  # what they write of a damaged file is worth nothing
        assert not like or why.startswith("is damaged")
        pytest.skip(why)
    if "PixelData" in pydicom.dcmread(ours, specific_tags=["PixelData"]):
        for name in like:
            check(ours, tmp_path / name, LOSSY.get(syntax, 0))

"""Show with every file of the corpus that encoding it anew changes nothing that is in it."""

import logging
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from dcmtools.dataset.elements import PIXEL_DATA
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.pixels.worker import Transcoded, Transcoder
from tests.conftest import need
from tests.factories import corpus
from tests.pixels.reading import EXPLICIT, IMPLICIT, LENGTH_TO_END, TRAILING_PADDING, lines

pytestmark = pytest.mark.corpus

_FOLDER = corpus()
FILES = sorted(path for path in _FOLDER.iterdir() if path.is_file()) if _FOLDER else []
DESCRIBING = {
    0x00280004, 0x00280006, 0x00282110, 0x00282112, 0x00282114,
    0x7FE00001, 0x7FE00002, 0x7FE00003, PIXEL_DATA,
}  # fmt: skip
REASONS = (
    "is damaged",
    "cannot be decompressed",
    "is not a DICOM file",
    "is empty",
    "programs differ about",
    "cannot be inflated",
    "not encapsulated as they must be",
    "is no sequence, as which it is read without a VR",
)
JPEG_OF_PILLOW = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
DCMTK_DIFFERS = {
    "meta_implicit": "takes the first element of the data set for one of the file meta group",
    "meta_grouplen_long": "takes the data set for the file meta group",
    "uid_badchars": "changes a UID",
    "order_reversed": "sorts",
    "bad_values": "sorts",
    "vr_all_new": "sorts",
    "PrivateTags": "leaves out group 0002 in an item",
}
UNLIKE_DCMTK = {"UN", "OB", "OW"}


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def transcoded(transcoder: Transcoder, path: Path, syntax: str) -> Transcoded:
    """Encode a file anew; skip where that is refused for a reason that is one."""
    try:
        return transcoder.transcode(path, [syntax])
    except InputError as error:
        if not any(reason in error.why for reason in REASONS):
            raise
        pytest.skip(error.why)


def pixels(path: Path) -> "np.ndarray[Any, Any] | None":
    """Have pydicom give the pixels, None where it cannot."""
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(path, force=True)
            if data.file_meta.TransferSyntaxUID in JPEG_OF_PILLOW and data.BitsAllocated == 8:
                data.pixel_array_options(decoding_plugin="pillow")  # others differ in the last bit
            return data.pixel_array
    except Exception:  # noqa: BLE001 - there is no end to what it may raise for these files
        return None
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_the_result_holds_what_the_file_does(
    transcoder: Transcoder, path: Path, syntax: str
) -> None:
    if syntax == IMPLICIT and "GH064" in path.name:
        pytest.skip("private UN elements hold sequences with a delimiter too many")
    made = transcoded(transcoder, path, syntax)
    with DicomFile(path) as file:
        big = file.header.encoding.big_endian
    ignored = {LENGTH_TO_END, *(DESCRIBING if "decompressed" in made.note else ())}
    before, after = (
        [
            (depth, tag, b"" if big else value)
            for depth, tag, _, value in lines(each)
            if tag not in ignored and (depth or tag >> 16 not in (0, 2))
        ]
        for each in (path, made.path)
    )
    expected, given = pixels(path), pixels(made.path)
    made.path.unlink()
    assert after == before
    if expected is not None:
        assert given is not None
        assert given.shape == expected.shape
        # Decoders of the discrete cosine transform may round, and spread chroma, as they like.
        most = 5 if "JPEG Baseline" in made.note or "JPEG Extended" in made.note else 0
        assert np.abs(given.astype(np.int64) - expected.astype(np.int64)).max() <= most


@pytest.mark.interop
def test_dcmtk_makes_the_same_of_it(transcoder: Transcoder, path: Path, tmp_path: Path) -> None:
    differs = [why for name, why in DCMTK_DIFFERS.items() if name in path.name]
    if differs:
        pytest.skip(f"DCMTK {differs[0]}")
    made = transcoded(transcoder, path, EXPLICIT)
    if "JPEG" in made.note:
        made.path.unlink()
        pytest.skip("codecs may differ")
    program = need("dcmdrle" if "RLE" in made.note else "dcmconv")
    theirs = tmp_path / "dcmtk.dcm"
    ran = subprocess.run([program, "+te", path, theirs], capture_output=True, check=False)
    ours = lines(made.path)
    made.path.unlink()
    if ran.returncode or not theirs.exists():
        pytest.skip("DCMTK cannot read it")
    other = lines(theirs)
    ignored = (LENGTH_TO_END, TRAILING_PADDING)
    for mine, its in zip(
        *([each for each in listed if each[1] not in ignored] for listed in (ours, other)),
        strict=True,
    ):
        assert mine[:2] == its[:2]
        assert mine[3] == its[3]
        assert mine[2] == its[2] or its[2] in UNLIKE_DCMTK

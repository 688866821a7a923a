"""Show that an object which has lost something says so, and that nothing else does."""

import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import RLELossless

from dcmtools.dataset.elements import PIXEL_DATA
from dcmtools.errors import InputError
from dcmtools.pixels import frame_work
from dcmtools.pixels.compressing import JPEG_2000
from dcmtools.pixels.converter import Converter
from dcmtools.pixels.converting import Conversion
from dcmtools.pixels.converting import convert as convert_here
from dcmtools.pixels.derivation import new_uid
from tests.conftest import need
from tests.factories import EXPLICIT, part10, write
from tests.pixels.reading import lines
from tests.pixels.test_converting import J2K, J2K_LOSSLESS, RLE, convert, make_words
from tests.pixels.test_transcode import compressed, make_image

CHANGED = {
    0x00080008, 0x00080018, 0x00082111, 0x00082112, 0x00089215, 0x00282110, 0x00282112, 0x00282114,
    PIXEL_DATA,
}  # fmt: skip
"""What a loss changes."""


def smooth(side: int = 64) -> bytes:
    y, x = np.mgrid[0:side, 0:side]
    wave = 2000 + 1000 * np.sin(x / 9) * np.cos(y / 7)
    noise = np.random.default_rng(5).normal(0, 30, (side, side))
    return np.clip(wave + noise, 0, 4095).astype("<u2").tobytes()


def make_smooth(path: Path, **more: Any) -> Path:  # noqa: ANN401 - attributes
    return make_words(path, **{"Rows": 64, "Columns": 64, "PixelData": smooth(), **more})


def test_an_object_with_a_loss_is_another_one(converter: Converter, tmp_path: Path) -> None:
    image_type = ["ORIGINAL", "PRIMARY", "AXIAL"]
    source = make_smooth(tmp_path / "a.dcm", ImageType=image_type, StudyDescription="same")
    made = convert(converter, source, tmp_path / "b.dcm", J2K, ratio=8.0)
    before, after = pydicom.dcmread(source), pydicom.dcmread(tmp_path / "b.dcm")
    uid = new_uid(before.SOPInstanceUID, JPEG_2000, 8.0, 0.0)
    assert made.sop_instance_uid == after.SOPInstanceUID == uid != before.SOPInstanceUID
    assert after.file_meta.MediaStorageSOPInstanceUID == uid
    assert after.ImageType == ["DERIVED", "PRIMARY", "AXIAL"]
    assert after.DerivationDescription == "Lossy compression in JPEG 2000, ratio 8"
    (source_image,) = after.SourceImageSequence
    assert source_image.ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert source_image.ReferencedSOPClassUID == before.SOPClassUID
    (purpose,) = source_image.PurposeOfReferenceCodeSequence
    assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("121320", "DCM")
    (code,) = after.DerivationCodeSequence
    assert (code.CodeValue, code.CodeMeaning) == ("113040", "Lossy Compression")
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionMethod == "ISO_15444_1"
    (frame,) = generate_frames(after.PixelData, number_of_frames=1)
    assert float(after.LossyImageCompressionRatio) == pytest.approx(8192 / len(frame), abs=0.01)
    assert float(after.LossyImageCompressionRatio) == pytest.approx(8, rel=0.1)
    kept = [line for line in lines(tmp_path / "b.dcm") if not line[0] and line[1] not in CHANGED]
    assert kept == [line for line in lines(source) if line[1] not in CHANGED]
    assert list(after.keys()) == sorted(after.keys())


def test_how_much_is_lost_is_told_as_it_is(converter: Converter, tmp_path: Path) -> None:
    source = make_smooth(tmp_path / "a.dcm")
    before = pydicom.dcmread(source).pixel_array.astype(float)
    found = []
    for number, loss in enumerate(({"ratio": 4.0}, {"ratio": 16.0}, {"quality": 50.0})):
        made = convert(converter, source, tmp_path / f"{number}.dcm", J2K, **loss)
        apart = np.abs(pydicom.dcmread(tmp_path / f"{number}.dcm").pixel_array - before)
        psnr = 10 * math.log10(4095**2 / np.square(apart).mean())
        assert (made.frames, made.largest) == (1, int(apart.max()))
        assert made.psnr == pytest.approx(psnr)
        found.append(made.psnr)
    assert found[0] > found[1]
    assert found[2] == pytest.approx(50, abs=3)


def test_a_loss_is_added_to_those_before(converter: Converter, tmp_path: Path) -> None:
    other = Dataset()
    other.ReferencedSOPInstanceUID = "1.2.3"
    source = make_smooth(
        tmp_path / "a.dcm",
        LossyImageCompression="01",
        LossyImageCompressionRatio=["7.5", "3"],
        LossyImageCompressionMethod=["ISO_10918_1", "ISO_14495_1"],
        DerivationDescription="cut",
        SourceImageSequence=[other],
        DerivationCodeSequence=[],
    )
    convert(converter, source, tmp_path / "b.dcm", J2K, quality=60.0)
    made = pydicom.dcmread(tmp_path / "b.dcm")
    assert made.LossyImageCompressionMethod == ["ISO_10918_1", "ISO_14495_1", "ISO_15444_1"]
    assert made.LossyImageCompressionRatio[:2] == [7.5, 3]
    assert 1 < made.LossyImageCompressionRatio[2] < 20
    assert made.DerivationDescription == "cut; Lossy compression in JPEG 2000, PSNR 60 dB"
    references = [each.ReferencedSOPInstanceUID for each in made.SourceImageSequence]
    assert references == ["1.2.3", pydicom.dcmread(source).SOPInstanceUID]
    assert len(made.DerivationCodeSequence) == 1


def test_a_long_description_is_kept(converter: Converter, tmp_path: Path) -> None:
    long = "x" * 1000
    source = make_smooth(tmp_path / "a.dcm", DerivationDescription=long)
    convert(converter, source, tmp_path / "b.dcm", J2K, ratio=4.0)
    assert pydicom.dcmread(tmp_path / "b.dcm").DerivationDescription == long


@pytest.mark.parametrize("syntax", [EXPLICIT, RLE, J2K_LOSSLESS])
def test_a_loss_stays_known_where_the_syntax_told_it(
    converter: Converter, tmp_path: Path, syntax: str
) -> None:
    there, back = tmp_path / "b.dcm", tmp_path / "c.dcm"
    made = convert(converter, make_smooth(tmp_path / "a.dcm"), there, J2K, ratio=8.0)
    data = pydicom.dcmread(there)
    ratio = data.LossyImageCompressionRatio
    kept = convert(converter, there, back, syntax)
    after = pydicom.dcmread(back)
    assert kept.sop_instance_uid == made.sop_instance_uid == after.SOPInstanceUID
    assert (after.LossyImageCompression, after.LossyImageCompressionRatio) == ("01", ratio)
    for keyword in ("", "Ratio", "Method"):
        del data[f"LossyImageCompression{keyword}"]
    data.save_as(there)
    convert(converter, there, back, syntax)
    after = pydicom.dcmread(back)
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionMethod == "ISO_15444_1"
    assert float(after.LossyImageCompressionRatio) == pytest.approx(float(ratio), abs=0.01)


@pytest.mark.interop
@pytest.mark.parametrize("samples", [1, 3])
def test_lossy_jpeg_stays_known_to_be_lossy(
    converter: Converter, tmp_path: Path, samples: int
) -> None:
    source = tmp_path / "b.dcm"
    native = make_image(tmp_path / "a.dcm", 1, samples)
    subprocess.run([need("dcmcjpeg"), "+eb", native, source], check=True)
    convert(converter, source, tmp_path / "c.dcm", J2K_LOSSLESS)
    made = pydicom.dcmread(tmp_path / "c.dcm")
    assert made.LossyImageCompression == "01"
    assert made.LossyImageCompressionMethod == "ISO_10918_1"
    assert made.PhotometricInterpretation == ("YBR_RCT" if samples > 1 else "MONOCHROME2")
    convert(converter, source, tmp_path / "d.dcm", J2K, ratio=4.0)
    made = pydicom.dcmread(tmp_path / "d.dcm")
    assert made.LossyImageCompressionMethod == ["ISO_10918_1", "ISO_15444_1"]
    assert "PurposeOfReferenceCodeSequence" not in made.SourceImageSequence[-1]


def test_without_a_loss_nothing_is_said_of_one(converter: Converter, tmp_path: Path) -> None:
    for syntax in (RLE, J2K_LOSSLESS):
        made = convert(converter, make_smooth(tmp_path / "a.dcm"), tmp_path / "b.dcm", syntax)
        after = pydicom.dcmread(tmp_path / "b.dcm")
        assert "LossyImageCompression" not in after
        assert made.sop_instance_uid == after.SOPInstanceUID


def test_what_cannot_be_told_or_must_not_be_lost_is_refused(
    converter: Converter, tmp_path: Path
) -> None:
    unnamed = make_smooth(tmp_path / "a.dcm").read_bytes()
    at = unnamed.index(b"\x08\0\x18\0UI")
    data_set = unnamed[144 + int.from_bytes(unnamed[140:144], "little") :]
    at = data_set.index(b"\x08\0\x18\0UI")
    length = 8 + int.from_bytes(data_set[at + 6 : at + 8], "little")
    source = write(tmp_path / "b.dcm", part10(data_set[:at] + data_set[at + length :]))
    with pytest.raises(InputError, match="has no SOP Instance UID"):
        convert(converter, source, tmp_path / "c.dcm", J2K, ratio=4.0)
    palette = make_smooth(tmp_path / "p.dcm", PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(InputError, match="entries of a palette"):
        convert(converter, palette, tmp_path / "c.dcm", J2K, ratio=4.0)
    convert(converter, palette, tmp_path / "c.dcm", J2K_LOSSLESS)


def test_what_is_not_the_same_afterwards_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = compressed(make_smooth(tmp_path / "a.dcm"), tmp_path / "b.dcm", RLELossless)
    native = frame_work.native

    def wrong(frame: Any, options: dict[str, Any]) -> bytes:  # noqa: ANN401 - an array
        made = bytearray(native(frame, options))
        made[100] ^= 1
        return bytes(made)

    monkeypatch.setattr("dcmtools.pixels.frames.native", wrong)
    wanted = Conversion(
        syntax=EXPLICIT, ratio=0.0, quality=0.0, verify=True, jobs=1, max_inflated=1 << 20
    )
    result = tmp_path / "c.dcm"
    with (
        result.open("w+b") as out,
        pytest.raises(InputError, match="is not the same afterwards: samples differ by up to 1"),
    ):
        convert_here(source, wanted, result, out)

"""Show that an object which is encoded anew holds what it held, and that all else is refused."""

import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from dcmtools.dataset.elements import PIXEL_DATA
from dcmtools.errors import InputError
from dcmtools.pixels.codec import Codec
from dcmtools.pixels.decoding import decoder_of
from dcmtools.pixels.worker import Transcoder
from tests.conftest import need
from tests.factories import (
    BODY,
    DEFLATED,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    make_ct,
    part10,
    write,
)
from tests.pixels.reading import BIG, EXPLICIT, IMPLICIT, Line, lines, syntax_of

JPEG = "1.2.840.10008.1.2.4.50"
ALL = [EXPLICIT, IMPLICIT, BIG]
ROWS, COLUMNS = 33, 35  # a frame of bytes has an odd size, and JPEG 2000 its six resolutions
SIZE = ROWS * COLUMNS
PRIVATE = element(0x00190010, "LO", b"NOBODY")


def data_set(path: Path) -> bytes:
    """Give the bytes behind the file meta group."""
    content = path.read_bytes()
    return content[144 + int.from_bytes(content[140:144], "little") :]


def make_image(path: Path, frames: int = 1, samples: int = 1, **overrides: Any) -> Path:  # noqa: ANN401
    """Write an image of bytes."""
    photometric = "RGB" if samples > 1 else "MONOCHROME2"
    generator = np.random.default_rng(7)
    pixels = generator.integers(0, 256, SIZE * samples * frames, dtype=np.uint8).tobytes()
    attributes: dict[str, Any] = {
        "Rows": ROWS,
        "Columns": COLUMNS,
        "SamplesPerPixel": samples,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PhotometricInterpretation": photometric,
        "PixelData": pixels + b"\0" * (len(pixels) % 2),
        **({"PlanarConfiguration": 0} if samples > 1 else {}),
        **({"NumberOfFrames": frames} if frames > 1 else {}),
        **overrides,
    }
    return make_ct(path, **attributes)


def compressed(source: Path, path: Path, syntax: str) -> Path:
    data = pydicom.dcmread(source)
    data.compress(syntax, generate_instance_uid=False)
    data.save_as(path)
    return path


def check_pixels(result: Path, source: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = pydicom.dcmread(source)
        if before.file_meta.TransferSyntaxUID == JPEG:  # decoders differ in the last bit
            before.pixel_array_options(decoding_plugin="pillow")
        expected = before.pixel_array
        given = pydicom.dcmread(result).pixel_array
    assert given.shape == expected.shape
    assert np.array_equal(given, expected)


def rest(path: Path) -> list[Line]:
    """Give all elements but the pixel data."""
    return [line for line in lines(path) if line[1] != PIXEL_DATA]


# Between uncompressed encodings


@pytest.mark.parametrize("source", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
@pytest.mark.parametrize("target", ALL)
def test_an_uncompressed_object_holds_the_same(
    transcoder: Transcoder, tmp_path: Path, source: str, target: str
) -> None:
    item_of = Dataset()
    item_of.CodeValue = "T-1"
    item_of.add_new(0x00081163, "FD", [1.5, -2.25])
    ct = make_ct(
        tmp_path / "ct.dcm",
        syntax=source,
        ConceptNameCodeSequence=[item_of, Dataset()],
        ProcedureCodeSequence=[],
        FrameIncrementPointer=0x00181063,
        TubeAngle=3.5,
        StudyDescription="",
    )
    made = transcoder.transcode(ct, [target])
    assert made.transfer_syntax == syntax_of(made.path) == target
    before, after = pydicom.dcmread(ct), pydicom.dcmread(made.path)
    check_pixels(made.path, ct)
    assert list(after.keys()) == list(before.keys())
    del before.PixelData, after.PixelData  # the order of their bytes may differ
    assert after == before
    assert after.file_meta.MediaStorageSOPInstanceUID == before.SOPInstanceUID
    made.path.unlink()


def test_the_encoding_that_was_left_is_named(transcoder: Transcoder, tmp_path: Path) -> None:
    ct = make_ct(tmp_path / "ct.dcm", syntax=DEFLATED)
    note = transcoder.transcode(ct, [IMPLICIT]).note
    assert note == "encoded anew from deflated explicit VR little endian"


@pytest.mark.parametrize("target", ALL)
def test_text_is_copied_byte_by_byte(transcoder: Transcoder, tmp_path: Path, target: str) -> None:
    name = b"\xff\xfe not UTF-8 \x1b$B"
    body = element(0x00080005, "CS", b"ISO_IR 192") + BODY + element(0x00104000, "LT", name)
    source = write(tmp_path / "text.dcm", part10(body))
    made = transcoder.transcode(source, [target])
    assert lines(made.path) == lines(source)
    assert (0, 0x00104000, "LT", name) in lines(made.path)


def test_a_private_element_of_unknown_vr_is_un_with_its_bytes(
    transcoder: Transcoder, tmp_path: Path
) -> None:
    values = implicit(0x00190010, b"NOBODY") + implicit(0x00191001, b"\1\2\3\4")
    source = write(tmp_path / "private.dcm", part10(values, IMPLICIT))
    for target in (EXPLICIT, BIG):
        path = transcoder.transcode(source, [target]).path
        assert lines(path)[1] == (0, 0x00191001, "UN", b"\1\2\3\4")


@pytest.mark.parametrize("length", [0xFFFE, 0x10000, 3 << 20])
def test_a_value_that_is_too_long_for_its_vr_becomes_un(
    transcoder: Transcoder, tmp_path: Path, length: int
) -> None:
    value = pack("<H", 1) * (length // 2)
    source = write(
        tmp_path / "long.dcm", part10(implicit(0x00281101, value[:6]) + implicit(0x00281201, value)
        + implicit(0x00283002, value), IMPLICIT)
    )  # fmt: skip
    content = data_set(transcoder.transcode(source, [EXPLICIT]).path)
    vr = "US" if length < 0x10000 else "UN"
    assert content.endswith(element(0x00283002, vr, value))
    big = data_set(transcoder.transcode(source, [BIG]).path)
    assert big.endswith(value if vr == "UN" else pack(">H", 1) * (length // 2))


def test_a_long_explicit_value_loses_only_its_vr(transcoder: Transcoder, tmp_path: Path) -> None:
    value = bytes(range(256)) * 8192
    source = write(tmp_path / "long.dcm", part10(BODY + element(0x00420011, "OB", value)))
    content = data_set(transcoder.transcode(source, [IMPLICIT]).path)
    assert content.endswith(implicit(0x00420011, value))


def test_sequences_are_closed_and_empty_ones_stay_empty(
    transcoder: Transcoder, tmp_path: Path
) -> None:
    code = element(0x00080100, "SH", b"CODE")
    body = (
        element(0x00081032, "SQ", item(code) + item())
        + element(0x00081140, "SQ", b"")
        + element(0x00400260, "SQ", item(code, UNDEFINED) + ITEM_END + SEQUENCE_END, UNDEFINED)
    )
    source = write(tmp_path / "sq.dcm", part10(body))
    inner = implicit(0x00080100, b"CODE")
    full = item(inner, UNDEFINED) + ITEM_END
    assert data_set(transcoder.transcode(source, [IMPLICIT]).path) == (
        implicit(0x00081032, full + item() + SEQUENCE_END, UNDEFINED)
        + implicit(0x00081140, b"")
        + implicit(0x00400260, full + SEQUENCE_END, UNDEFINED)
    )


def test_a_sequence_in_an_un_element_stays_there(transcoder: Transcoder, tmp_path: Path) -> None:
    inner = item(implicit(0x00191011, b"", 0) + implicit(0x00080100, b"CODE"))
    body = PRIVATE + element(0x00191001, "UN", inner) + element(0x00191002, "UN", b"\1\2")
    source = write(tmp_path / "un.dcm", part10(body))
    assert data_set(transcoder.transcode(source, [EXPLICIT]).path) == body
    assert data_set(transcoder.transcode(source, [IMPLICIT]).path) == (
        implicit(0x00190010, b"NOBODY")
        + implicit(0x00191001, inner)
        + implicit(0x00191002, b"\1\2")
    )


def test_an_un_sequence_with_nested_ends_is_copied_to_its_own(
    transcoder: Transcoder, tmp_path: Path
) -> None:
    nested = item(implicit(0x00081140, item(implicit(0x00081140, item(b"")))))
    body = PRIVATE + element(0x00191001, "UN", nested) + element(0x00200010, "SH", b"ID")
    source = write(tmp_path / "un.dcm", part10(body))
    assert data_set(transcoder.transcode(source, [EXPLICIT]).path) == body


def test_an_explicit_sequence_in_an_un_element_becomes_a_plain_one(
    transcoder: Transcoder, tmp_path: Path
) -> None:
    inner = item(element(0x00080100, "SH", b"CODE"))
    source = write(tmp_path / "un.dcm", part10(BODY + element(0x00400260, "UN", inner)))
    code = item(implicit(0x00080100, b"CODE"), UNDEFINED) + ITEM_END
    made = transcoder.transcode(source, [IMPLICIT])
    assert data_set(made.path).endswith(implicit(0x00400260, code + SEQUENCE_END, UNDEFINED))


def test_a_vr_that_is_none_is_looked_up(transcoder: Transcoder, tmp_path: Path) -> None:
    odd = pack("<HH", 0x0018, 0x1030) + b"  \5\0PROTO" + pack("<HH", 0x0019, 0x1001) + b"??\2\0ab"
    source = write(tmp_path / "odd.dcm", part10(BODY + odd))
    content = data_set(transcoder.transcode(source, [EXPLICIT]).path)
    assert content == BODY + element(0x00181030, "LO", b"PROTO ") + element(0x00191001, "UN", b"ab")


def test_what_is_no_part_of_a_data_set_is_left_out(transcoder: Transcoder, tmp_path: Path) -> None:
    body = (
        element(0x00080000, "UL", pack("<I", len(BODY))) + BODY
        + element(0x00100000, "UL", b"\0\0\0\0") + b"\0\0\0\0\0\0\0\0"
    )  # fmt: skip
    source = write(tmp_path / "groups.dcm", part10(body))
    assert data_set(transcoder.transcode(source, [EXPLICIT]).path) == BODY


@pytest.mark.parametrize(
    ("vr", "bits", "expected"),
    [
        ("OW", 16, b"\2\1\4\3"),
        ("OW", 8, b"\2\1\4\3"),
        ("OB", 8, b"\1\2\3\4"),
        ("OB", 1, b"\1\2\3\4"),
    ],
)
def test_big_endian_pixels_are_turned_round_by_words(
    transcoder: Transcoder, tmp_path: Path, vr: str, bits: int, expected: bytes
) -> None:
    source = write(tmp_path / "be.dcm", big_endian_image(vr, bits))
    path = transcoder.transcode(source, [EXPLICIT]).path
    assert lines(path)[-1] == (0, PIXEL_DATA, vr, expected)


@pytest.mark.parametrize(("vr", "bits"), [("OW", 32), ("OW", 1), ("OB", 16)])
def test_big_endian_pixels_that_programs_read_differently_are_refused(
    transcoder: Transcoder, tmp_path: Path, vr: str, bits: int
) -> None:
    source = write(tmp_path / "be.dcm", big_endian_image(vr, bits))
    with pytest.raises(InputError, match="programs differ about the order of bytes"):
        transcoder.transcode(source, [EXPLICIT])
    made = transcoder.transcode(source, [EXPLICIT, BIG])  # the first that can be reached
    assert made.transfer_syntax == BIG
    assert lines(made.path)[-1][3] == b"\1\2\3\4"


def big_endian_image(vr: str, bits: int) -> bytes:
    def header(tag: int, kind: str, length: int) -> bytes:
        long = "2xI" if kind in ("OB", "OW") else "H"
        return pack(">HH", tag >> 16, tag & 0xFFFF) + kind.encode() + pack(">" + long, length)

    body = (
        header(0x00080060, "CS", 2) + b"OT"
        + header(0x00280100, "US", 2) + pack(">H", bits)
        + header(PIXEL_DATA, vr, 4) + b"\1\2\3\4"
    )  # fmt: skip
    return part10(body, BIG)


# Compressed objects


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("target", ALL)
@pytest.mark.parametrize(("frames", "samples"), [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_a_compressed_image_has_the_pixels_that_it_had(  # noqa: PLR0913, PLR0917 - the cases
    transcoder: Transcoder, tmp_path: Path, syntax: str, target: str, frames: int, samples: int
) -> None:
    native = make_image(tmp_path / "native.dcm", frames, samples)
    source = compressed(native, tmp_path / "compressed.dcm", syntax)
    made = transcoder.transcode(source, [target])
    assert made.transfer_syntax == syntax_of(made.path) == target
    assert made.note.startswith(f"decompressed from {pydicom.uid.UID(syntax).name}")
    assert lines(made.path)[-1][3] == lines(native)[-1][3]
    assert lines(made.path)[-1][1:3] == (PIXEL_DATA, "OW" if target == IMPLICIT else "OB")
    if target == BIG:  # other bytes, but the same values
        before, after = pydicom.dcmread(native), pydicom.dcmread(made.path)
        del before.PixelData, after.PixelData
        assert after == before
    else:
        assert rest(made.path) == rest(native)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_pixels(made.path, native)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("representation", [0, 1])
def test_words_keep_their_sign(
    transcoder: Transcoder, tmp_path: Path, syntax: str, representation: int
) -> None:
    pixels = np.arange(SIZE, dtype="<i2") - 600
    pixels = pixels.tobytes() if representation else b"\xf0\x0f" * SIZE
    bits = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
    native = make_image(
        tmp_path / "native.dcm", **bits, PixelData=pixels, PixelRepresentation=representation
    )
    source = compressed(native, tmp_path / "compressed.dcm", syntax)
    made = transcoder.transcode(source, [EXPLICIT])
    assert lines(made.path) == lines(native)


def test_ybr_full_of_a_lossless_syntax_stays_as_it_is(
    transcoder: Transcoder, tmp_path: Path
) -> None:
    native = make_image(tmp_path / "a.dcm", 1, 3, PhotometricInterpretation="YBR_FULL")
    source = compressed(native, tmp_path / "b.dcm", RLELossless)
    made = transcoder.transcode(source, [EXPLICIT])
    assert lines(made.path) == lines(native)
    assert made.note == "decompressed from RLE Lossless"


def test_the_colours_of_jpeg_2000_become_rgb(transcoder: Transcoder, tmp_path: Path) -> None:
    native = make_image(tmp_path / "a.dcm", 1, 3)
    data = pydicom.dcmread(native)
    data.PhotometricInterpretation = "YBR_RCT"  # what the encoder is to make of it
    data.compress(JPEG2000Lossless, generate_instance_uid=False)
    data.save_as(tmp_path / "b.dcm")
    made = transcoder.transcode(tmp_path / "b.dcm", [EXPLICIT])
    assert made.note.endswith("(Lossless Only), YBR_RCT to RGB")
    assert lines(made.path) == lines(native)


def test_planes_stay_planes_and_a_missing_configuration_is_given(
    transcoder: Transcoder, tmp_path: Path
) -> None:
    native = make_image(tmp_path / "a.dcm", 1, 3)
    source = compressed(native, tmp_path / "b.dcm", RLELossless)
    data = pydicom.dcmread(source)
    data.PlanarConfiguration = 1
    data.save_as(source)
    planes = pydicom.dcmread(transcoder.transcode(source, [EXPLICIT]).path)
    flat = pydicom.dcmread(native).PixelData[: 3 * SIZE]
    assert planes.PixelData[: 3 * SIZE] == flat[0::3] + flat[1::3] + flat[2::3]
    del data.PlanarConfiguration
    data.save_as(source)
    assert lines(transcoder.transcode(source, [EXPLICIT]).path) == lines(native)


def test_an_overlay_in_unused_bits_survives(transcoder: Transcoder, tmp_path: Path) -> None:
    bits = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
    native = make_image(tmp_path / "a.dcm", **bits, PixelData=b"\x01\xf2" * SIZE)
    source = compressed(native, tmp_path / "b.dcm", RLELossless)
    assert lines(transcoder.transcode(source, [EXPLICIT]).path) == lines(native)


def test_offset_tables_go_with_the_fragments(transcoder: Transcoder, tmp_path: Path) -> None:
    native = make_image(tmp_path / "a.dcm", 3)
    data = pydicom.dcmread(native)
    data.compress(RLELossless, generate_instance_uid=False, encapsulate_ext=True)
    assert "ExtendedOffsetTable" in data
    data.save_as(tmp_path / "b.dcm")
    assert lines(transcoder.transcode(tmp_path / "b.dcm", [EXPLICIT]).path) == lines(native)


def test_an_icon_is_decompressed_as_well(transcoder: Transcoder, tmp_path: Path) -> None:
    native = pydicom.dcmread(make_image(tmp_path / "icon.dcm"))
    keywords = [each.keyword for each in native if each.tag >> 16 in (0x0028, 0x7FE0)]
    icon = Dataset()
    for keyword in keywords:
        setattr(icon, keyword, native[keyword].value)
    whole = make_image(tmp_path / "a.dcm", 2, IconImageSequence=[icon])
    data = pydicom.dcmread(whole)
    encoded = pydicom.dcmread(compressed(tmp_path / "icon.dcm", tmp_path / "c.dcm", RLELossless))
    data.compress(RLELossless, generate_instance_uid=False)
    data.save_as(tmp_path / "native icon.dcm")
    data.IconImageSequence[0].PixelData = encoded.PixelData
    data.IconImageSequence[0]["PixelData"].is_undefined_length = True
    data.save_as(tmp_path / "b.dcm")
    for name in ("b.dcm", "native icon.dcm"):
        source = tmp_path / name
        assert lines(transcoder.transcode(source, [EXPLICIT]).path) == lines(whole)


def test_a_compressed_syntax_without_pixels_is_only_a_name(
    transcoder: Transcoder, tmp_path: Path
) -> None:
    source = write(tmp_path / "sr.dcm", part10(BODY, RLELossless))
    made = transcoder.transcode(source, [EXPLICIT])
    assert data_set(made.path) == BODY
    assert made.note == "encoded anew from RLE Lossless"


@pytest.mark.interop
@pytest.mark.parametrize("samples", [1, 3])
def test_lossy_jpeg_becomes_rgb_and_stays_known_to_be_lossy(
    transcoder: Transcoder, tmp_path: Path, samples: int
) -> None:
    native = make_image(tmp_path / "a.dcm", 1, samples)
    source = tmp_path / "b.dcm"
    subprocess.run([need("dcmcjpeg"), "+eb", native, source], check=True)
    data = pydicom.dcmread(source)
    del data.LossyImageCompression  # only the transfer syntax tells of it now
    data.save_as(source)
    made = transcoder.transcode(source, [EXPLICIT])
    result = pydicom.dcmread(made.path)
    assert result.LossyImageCompression == "01"
    assert list(result.keys()) == sorted(result.keys())
    assert result.PhotometricInterpretation == ("RGB" if samples > 1 else "MONOCHROME2")
    assert result.SOPInstanceUID == data.SOPInstanceUID
    check_pixels(made.path, source)


# What is refused


Refusal = Callable[[Path], InputError]


@pytest.fixture
def refusal(transcoder: Transcoder) -> Refusal:
    def refuse(path: Path, targets: list[str] = ALL) -> InputError:
        with pytest.raises(InputError) as caught:
            transcoder.transcode(path, targets)
        assert caught.value.what == str(path)
        assert "unexpected" not in caught.value.why
        return caught.value

    return refuse


def encapsulated(path: Path, *fragments: bytes, syntax: str = RLELossless, **more: Any) -> Path:  # noqa: ANN401
    data = pydicom.dcmread(make_image(path, **more))
    data.PixelData = encapsulate(list(fragments), has_bot=False)
    data["PixelData"].is_undefined_length = True
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(path)
    return path


def test_damage_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    whole = compressed(make_image(tmp_path / "a.dcm"), tmp_path / "b.dcm", RLELossless)
    cut = write(tmp_path / "cut.dcm", whole.read_bytes()[:-9])
    assert refusal(cut).why.startswith("is damaged: ")
    short = write(tmp_path / "short.dcm", part10(BODY + element(0x00104000, "LT", b"x", 20)))
    assert refusal(short).why.startswith("is damaged: ")


def test_what_is_not_there_or_not_dicom_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.dcm").why == "no such file or directory"
    assert refusal(write(tmp_path / "text.dcm", b"text")).why == "is not a DICOM file"


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        (
            {"NumberOfFrames": 2147483647},
            "Number of Frames is 2147483647 and there are 1 fragments",
        ),
        (
            {"Rows": 65535, "Columns": 65535, "BitsAllocated": 16},
            "it would take 8.6 GB, and Pixel Data can have 4.3",
        ),
        ({"Rows": 65535, "Columns": 60000}, "72 bytes cannot be 3932100000 bytes of pixels"),
        ({"Rows": None}, "Rows (0028,0010) is not given"),
        ({"BitsAllocated": 1, "BitsStored": 1}, "Bits Allocated is 1"),
        ({"SamplesPerPixel": 2}, "it is MONOCHROME2 with 2 samples per pixel"),
        ({"Columns": 0}, "it has no pixels"),
    ],
)
def test_what_only_the_header_claims_is_refused(
    refusal: Refusal, tmp_path: Path, attributes: dict[str, int], why: str
) -> None:
    frame = pack("<16I", 1, 64, *[0] * 14) + b"\xf1\0" + b"\0" * 6
    source = encapsulated(tmp_path / "bomb.dcm", frame)
    data = pydicom.dcmread(source)
    for keyword, value in attributes.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    data.save_as(source)
    assert refusal(source).why.startswith(f"RLE Lossless cannot be decompressed: {why}")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits and tells the memory")
@pytest.mark.parametrize("side", [60000, 20000])
def test_what_only_the_codestream_claims_takes_no_memory(
    transcoder: Transcoder, refusal: Refusal, tmp_path: Path, side: int
) -> None:
    source = compressed(make_image(tmp_path / "a.dcm"), tmp_path / "b.dcm", JPEG2000Lossless)
    content = source.read_bytes()
    at = content.index(b"\xff\x4f\xff\x51") + 8
    size = pack(">II", side, side)  # of the image, and of its only tile
    bomb = content[:at] + size + content[at + 8 : at + 16] + size + content[at + 24 :]
    error = refusal(write(source, bomb))
    assert re.search("cannot be decompressed: [^:]+.*[a-z]$", error.why)
    (worker,) = transcoder._workers
    status = Path(f"/proc/{worker._process.pid}/status").read_text(encoding="ascii")
    assert int(status.split("VmHWM:")[1].split()[0]) < 1 << 20  # KiB


def test_frames_that_are_too_many_or_too_few_are_refused(refusal: Refusal, tmp_path: Path) -> None:
    source = compressed(make_image(tmp_path / "a.dcm", 3), tmp_path / "b.dcm", RLELossless)
    data = pydicom.dcmread(source)
    data.NumberOfFrames = 2
    data.save_as(source)
    why = refusal(source).why
    assert why.endswith("Number of Frames is 2 and more than 2 were found")


def test_a_codec_that_fails_is_quoted_in_one_line(refusal: Refusal, tmp_path: Path) -> None:
    source = encapsulated(tmp_path / "bad.dcm", b"\xff\x4f\xff\x51junk", syntax=JPEG2000Lossless)
    assert re.fullmatch(
        r"JPEG 2000 Image Compression \(Lossless Only\) cannot be decompressed: [ -~]+",
        refusal(source).why,
    )


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        ("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1"),
        ("1.2.840.10008.1.2.4.94", "JPIP Referenced"),
        ("1.2.3.4\x1b[2J", "1.2.3.4\\x1b[2J"),
    ],
)
def test_what_nobody_decodes_is_named(
    refusal: Refusal, tmp_path: Path, syntax: str, name: str
) -> None:
    source = write(tmp_path / "video.dcm", part10(BODY, syntax))
    assert refusal(source).why == f"{name} cannot be decompressed: there is no decoder for it"


@pytest.mark.parametrize(
    ("syntax", "extra"),
    [
        (JPEGLosslessSV1, "dcmtools[jpeg]"),
        (JPEGLSLossless, "dcmtools[jpegls]"),
        (JPEG2000Lossless, "pylibjpeg-openjpeg"),
    ],
)
def test_a_decoder_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, syntax: str, extra: str
) -> None:
    decoder = get_decoder(syntax)
    monkeypatch.setattr(decoder, "_available", {})
    missing = {"pylibjpeg": ("numpy", "openjpeg" if "openjpeg" in extra else "libjpeg")}
    monkeypatch.setattr(decoder, "_unavailable", missing)
    with pytest.raises(InputError) as caught:
        decoder_of(syntax, "a.dcm")
    assert caught.value.why.endswith(" cannot be decompressed: no decoder is installed")
    assert caught.value.hint == f"pip install '{extra}' adds one."


def test_a_decoder_for_twelve_bits_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    syntax = "1.2.840.10008.1.2.4.51"
    decoder = get_decoder(syntax)
    monkeypatch.setattr(decoder, "_available", {"pillow": decoder._available["pillow"]})
    options = {"rows": 1, "columns": 1, "samples_per_pixel": 1, "bits_allocated": 16}
    options |= {"photometric_interpretation": "MONOCHROME2"}
    with pytest.raises(InputError) as caught:
        Codec(syntax, "a.dcm").decode(b"\xff\xd8\xff\xd9", options)
    assert caught.value.why == (
        "JPEG Extended (Process 2 and 4) of more than 8 bits cannot be decompressed:"
        " no decoder is installed"
    )
    assert caught.value.hint == "pip install 'dcmtools[jpeg]' adds one."


def test_pixels_that_are_not_encapsulated_as_said_are_refused(
    refusal: Refusal, tmp_path: Path
) -> None:
    native = write(
        tmp_path / "a.dcm", part10(BODY + element(PIXEL_DATA, "OW", b"1234"), RLELossless)
    )
    assert refusal(native).why == "its pixel data are not encapsulated as they must be"
    fragments = element(PIXEL_DATA, "OB", item() + item(b"1234") + SEQUENCE_END, UNDEFINED)
    unsaid = write(tmp_path / "b.dcm", part10(BODY + fragments))
    assert refusal(unsaid).why == "its pixel data are encapsulated, and no transfer syntax says how"


def test_a_sequence_with_the_vr_of_a_value_stays_explicit(
    transcoder: Transcoder, tmp_path: Path
) -> None:
    items = item(element(0x00080100, "SH", b"CODE"))
    source = write(tmp_path / "odd.dcm", part10(BODY + element(0x00400260, "OB", items)))
    with pytest.raises(InputError, match=r"PerformedProtocolCodeSequence \(0040,0260\) is no"):
        transcoder.transcode(source, [IMPLICIT])
    assert data_set(transcoder.transcode(source, [IMPLICIT, EXPLICIT]).path).endswith(items)


def test_only_what_is_uncompressed_can_be_asked_for(refusal: Refusal, ct: Path) -> None:
    error = refusal(ct, [JPEG, DEFLATED])  # type: ignore[call-arg]
    assert error.why == "is wanted in no transfer syntax that can be written"

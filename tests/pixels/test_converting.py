"""Show that a conversion changes the encoding and what describes it, and nothing else."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, RLELossless

from dcmtools.dataset.elements import PIXEL_DATA
from dcmtools.dataset.part10 import IMPLEMENTATION
from dcmtools.dataset.rewrite import Destination
from dcmtools.errors import InputError, NotDicomError, OutputError, UsageError
from dcmtools.pixels.converter import Converted, Converter, Wanted, syntax_named
from tests.conftest import need
from tests.factories import (
    BIG,
    BODY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
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
from tests.pixels.reading import lines, syntax_of
from tests.pixels.test_transcode import compressed, make_image, rest

RLE, J2K, J2K_LOSSLESS, JPEG_LS = (
    syntax_named(name) for name in ("rle", "j2k", "j2k-lossless", "jpegls")
)
NATIVE = [IMPLICIT, EXPLICIT, BIG, DEFLATED]
LOSSLESS = [RLE, J2K_LOSSLESS, JPEG_LS]
WORDS = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}


def convert(  # noqa: PLR0913 - what there is to choose
    converter: Converter,
    source: Path,
    target: Path,
    syntax: str,
    *,
    verify: bool = True,
    overwrite: bool = True,
    **more: Any,  # noqa: ANN401 - ratio, quality
) -> Converted:
    made = converter.convert(
        source,
        target,
        Wanted(syntax, verify=verify, **more),
        Destination(overwrite=overwrite, durable=False),
    )
    assert made is not None
    assert made.transfer_syntax == syntax_of(target)
    return made


def words(side: int = 40, low: int = 0, high: int = 4096) -> bytes:
    generator = np.random.default_rng(3)
    return generator.integers(low, high, side * side).astype("<i2").tobytes()


def make_words(path: Path, **more: Any) -> Path:  # noqa: ANN401 - attributes
    """Write an image of 12 bits."""
    return make_ct(path, **{"Rows": 40, "Columns": 40, "PixelData": words(), **WORDS, **more})


# Only the encoding changes


@pytest.mark.parametrize("target", [*NATIVE, *LOSSLESS])
@pytest.mark.parametrize("source", NATIVE)
def test_there_and_back_an_object_is_the_same(
    converter: Converter, tmp_path: Path, source: str, target: str
) -> None:
    inner = Dataset()
    inner.CodeValue = "T-1"
    plain = make_words(
        tmp_path / "a.dcm",
        ConceptNameCodeSequence=[inner, Dataset()],
        ProcedureCodeSequence=[],
        ImageType=["ORIGINAL", "PRIMARY"],
    )
    before = tmp_path / "before.dcm"
    convert(converter, plain, before, source)
    there, back = tmp_path / "there.dcm", tmp_path / "back.dcm"
    made = convert(converter, before, there, target)
    assert (made.frames, made.largest) == (1, 0)
    convert(converter, there, back, source)
    assert lines(back) == lines(before)
    if target in LOSSLESS:
        assert lines(there) != lines(before)
        assert source == BIG or rest(there) == rest(before)


@pytest.mark.parametrize("target", [IMPLICIT, DEFLATED, RLE, J2K_LOSSLESS])
def test_what_is_odd_stays_byte_for_byte(converter: Converter, tmp_path: Path, target: str) -> None:
    data = make_words(tmp_path / "a.dcm").read_bytes()
    odd = (
        element(0x00080005, "CS", b"ISO_IR 999")
        + element(0x00080008, "CS", b"lower\\case ")
        + element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0")
        + element(0x00080018, "UI", b"1.2.3.4\0")
        + element(0x00080020, "DA", b"no date ")
        + element(0x00090010, "LO", b"NOBODY")
        + element(0x00091001, "UN", b"\1\2\3\4")
        + element(0x00100010, "PN", b"\xff\xfe^\x1b[2J")
        + element(0x00280000, "UL", b"\1\0\0\0")
        + element(0x00280106, "US", b"\1\0\2\0")
    )
    pixels = data[data.index(b"\x28\0\2\0US") :]
    source = write(tmp_path / "odd.dcm", part10(odd + pixels))
    before = lines(source)
    there = tmp_path / "there.dcm"
    convert(converter, source, there, target)
    convert(converter, there, tmp_path / "back.dcm", EXPLICIT)
    assert lines(tmp_path / "back.dcm") == before
    assert not any(tag & 0xFFFF == 0 for _, tag, _, _ in lines(there))


def test_private_elements_get_the_vr_of_their_creator(converter: Converter, tmp_path: Path) -> None:
    known = implicit(0x00090010, b"GEMS_IDEN_01") + implicit(0x00091001, b"text")
    unknown = implicit(0x00190010, b"NOBODY") + implicit(0x00191001, b"ab")
    source = write(tmp_path / "a.dcm", part10(known + unknown, IMPLICIT))
    convert(converter, source, tmp_path / "b.dcm", EXPLICIT)
    assert [(tag, vr) for _, tag, vr, _ in lines(tmp_path / "b.dcm")] == [
        (0x00090010, "LO"), (0x00091001, "LO"), (0x00190010, "LO"), (0x00191001, "UN"),
    ]  # fmt: skip


def test_a_new_file_is_ours(converter: Converter, tmp_path: Path) -> None:
    source = make_words(tmp_path / "a.dcm")
    content = source.read_bytes()
    source.write_bytes(b"#!/bin/sh".ljust(128) + content[128:])
    convert(converter, source, tmp_path / "b.dcm", RLE)
    made = pydicom.dcmread(tmp_path / "b.dcm")
    assert made.preamble == bytes(128)
    meta = made.file_meta
    assert (meta.ImplementationClassUID, meta.ImplementationVersionName) == IMPLEMENTATION
    assert meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert meta.MediaStorageSOPClassUID == made.SOPClassUID


@pytest.mark.parametrize("target", [RLE, J2K_LOSSLESS])
def test_what_has_no_pixels_is_explicit(converter: Converter, tmp_path: Path, target: str) -> None:
    source = write(tmp_path / "sr.dcm", part10(BODY))
    made = convert(converter, source, tmp_path / "b.dcm", EXPLICIT)
    ready = converter.convert(source, tmp_path / "c.dcm", Wanted(target))
    assert ready is not None
    assert ready.transfer_syntax == EXPLICIT
    assert ready.note.startswith(made.note)
    assert ", as it has no pixel data for " in ready.note


def test_to_decompress_leaves_alone_what_is_not_compressed(
    converter: Converter, tmp_path: Path
) -> None:
    for syntax in NATIVE:
        source = make_words(tmp_path / "a.dcm", syntax=syntax)
        made = converter.convert(
            source, tmp_path / f"{syntax}.dcm", Wanted(""), Destination(durable=False)
        )
        assert made is not None
        assert made.transfer_syntax == syntax
    there, back = tmp_path / "there.dcm", tmp_path / "back.dcm"
    convert(converter, make_words(source), there, RLE)
    made = converter.convert(there, back, Wanted("", verify=True))
    assert made is not None
    assert made.transfer_syntax == EXPLICIT
    assert lines(back) == lines(source)


@pytest.mark.parametrize("syntax", [RLE, J2K_LOSSLESS, J2K])
def test_what_is_compressed_so_already_is_copied(
    converter: Converter, tmp_path: Path, syntax: str
) -> None:
    there, again = tmp_path / "there.dcm", tmp_path / "again.dcm"
    loss = {"ratio": 4.0} if syntax == J2K else {}
    first = convert(converter, make_words(tmp_path / "a.dcm"), there, syntax, **loss)
    second = convert(converter, there, again, syntax, **loss)
    assert lines(again) == lines(there)
    assert pydicom.dcmread(again).PixelData == pydicom.dcmread(there).PixelData
    assert second.note.startswith("copied, as it is in ")
    assert second.sop_instance_uid == first.sop_instance_uid


# What describes the pixel data


@pytest.mark.parametrize(
    ("syntax", "photometric"),
    [(RLE, "RGB"), (J2K_LOSSLESS, "YBR_RCT"), (J2K, "YBR_ICT"), (JPEG_LS, "RGB")],
)
@pytest.mark.parametrize("planar", [0, 1])
def test_colours_are_called_what_they_are(
    converter: Converter, tmp_path: Path, syntax: str, photometric: str, planar: int
) -> None:
    source = make_image(tmp_path / "a.dcm", 2, 3, PlanarConfiguration=planar)
    there, back = tmp_path / "there.dcm", tmp_path / "back.dcm"
    convert(converter, source, there, syntax, **({"ratio": 2.0} if syntax == J2K else {}))
    made = pydicom.dcmread(there)
    assert made.PhotometricInterpretation == photometric
    assert made.PlanarConfiguration == (planar if syntax == RLE else 0)
    convert(converter, there, back, EXPLICIT)
    before, after = pydicom.dcmread(source), pydicom.dcmread(back)
    assert after.PhotometricInterpretation == "RGB"
    if syntax != J2K:
        assert np.array_equal(after.pixel_array, before.pixel_array)
    if syntax == RLE or (not planar and syntax != J2K):
        assert lines(back) == lines(source)


def test_the_colours_are_really_transformed(converter: Converter, tmp_path: Path) -> None:
    for samples, transformed in ((3, 1), (1, 0)):
        source = make_image(tmp_path / "a.dcm", 1, samples)
        convert(converter, source, tmp_path / "b.dcm", J2K_LOSSLESS)
        content = (tmp_path / "b.dcm").read_bytes()
        assert content[content.index(b"\xff\x52") + 8] == transformed


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_shared_colours_become_those_of_each_pixel(
    converter: Converter, tmp_path: Path, syntax: str
) -> None:
    more = {"Columns": 36, "PhotometricInterpretation": "YBR_FULL_422"}
    pixels = np.random.default_rng(1).integers(0, 256, (33, 18, 4), np.uint8)
    source = make_image(tmp_path / "a.dcm", 1, 3, **more, PixelData=pixels.tobytes())
    convert(converter, source, tmp_path / "b.dcm", syntax)
    convert(converter, tmp_path / "b.dcm", tmp_path / "c.dcm", EXPLICIT)
    made = pydicom.dcmread(tmp_path / "c.dcm")
    assert made.PhotometricInterpretation == "YBR_FULL"
    full = np.frombuffer(made.PixelData[: 33 * 36 * 3], np.uint8).reshape(33, 18, 2, 3)
    assert np.array_equal(full[:, :, 0], pixels[:, :, [0, 2, 3]])
    assert np.array_equal(full[:, :, 1], pixels[:, :, [1, 2, 3]])


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_values_keep_their_sign(converter: Converter, tmp_path: Path, syntax: str) -> None:
    pixels = words(low=-2048, high=2048)
    source = make_words(tmp_path / "a.dcm", PixelRepresentation=1, PixelData=pixels)
    convert(converter, source, tmp_path / "b.dcm", syntax)
    convert(converter, tmp_path / "b.dcm", tmp_path / "c.dcm", EXPLICIT)
    assert pydicom.dcmread(tmp_path / "c.dcm").PixelData == pixels


def test_an_overlay_in_unused_bits_is_kept_or_refused(converter: Converter, tmp_path: Path) -> None:
    pixels = (np.frombuffer(words(), "<u2") | 0x8000).astype("<u2").tobytes()
    source = make_words(tmp_path / "a.dcm", PixelData=pixels)
    convert(converter, source, tmp_path / "b.dcm", RLE)
    convert(converter, tmp_path / "b.dcm", tmp_path / "c.dcm", EXPLICIT)
    assert lines(tmp_path / "c.dcm") == lines(source)
    for syntax in (J2K_LOSSLESS, JPEG_LS):
        with pytest.raises(InputError, match="something in bits that hold no value") as caught:
            convert(converter, source, tmp_path / "d.dcm", syntax)
        assert caught.value.hint == "RLE Lossless takes more kinds of images."
        assert not (tmp_path / "d.dcm").exists()


def test_an_icon_becomes_native_where_the_image_is_compressed_anew(
    converter: Converter, tmp_path: Path
) -> None:
    plain = pydicom.dcmread(make_words(tmp_path / "icon.dcm"))
    coded = pydicom.dcmread(compressed(tmp_path / "icon.dcm", tmp_path / "c.dcm", RLELossless))
    icon = Dataset()
    for keyword in [each.keyword for each in plain if each.tag >> 16 in (0x0028, 0x7FE0)]:
        setattr(icon, keyword, plain[keyword].value)
    source = make_words(tmp_path / "a.dcm", IconImageSequence=[icon])
    data = pydicom.dcmread(compressed(source, tmp_path / "b.dcm", RLELossless))
    data.IconImageSequence[0].PixelData = coded.PixelData
    data.IconImageSequence[0]["PixelData"].is_undefined_length = True
    data.save_as(tmp_path / "b.dcm")
    convert(converter, tmp_path / "b.dcm", tmp_path / "j.dcm", J2K_LOSSLESS)
    made = pydicom.dcmread(tmp_path / "j.dcm")
    assert made.IconImageSequence[0].PixelData == plain.PixelData
    assert made["PixelData"].is_undefined_length
    convert(converter, tmp_path / "j.dcm", tmp_path / "back.dcm", EXPLICIT)
    assert lines(tmp_path / "back.dcm") == lines(source)


# What is there already


def test_nothing_is_replaced_unasked(converter: Converter, tmp_path: Path) -> None:
    source, target = make_words(tmp_path / "a.dcm"), write(tmp_path / "b.dcm", b"mine")
    with pytest.raises(OutputError, match="is there already"):
        convert(converter, source, target, RLE, overwrite=False)
    with pytest.raises(OutputError, match="is the input itself"):
        convert(converter, source, source, RLE)
    assert target.read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.dcm", "b.dcm"]


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        (Wanted(RLE), Wanted(J2K_LOSSLESS)),
        (Wanted(DEFLATED), Wanted(EXPLICIT)),
        (Wanted(J2K, ratio=10), Wanted(J2K, ratio=20)),
        (Wanted(J2K, quality=50), Wanted(J2K, quality=60)),
        (Wanted(""), Wanted(IMPLICIT)),
    ],
)
def test_what_is_there_and_whole_is_left_alone(
    converter: Converter, tmp_path: Path, wanted: Wanted, other: Wanted
) -> None:
    source, target = make_words(tmp_path / "a.dcm"), tmp_path / "b.dcm"
    plain = Destination(durable=False)

    def resume(what: Wanted, path: Path = source) -> Converted | None:
        return converter.convert(path, target, what, plain, resume=True)

    assert resume(wanted) is not None
    before = target.stat()
    assert resume(wanted) is None
    assert target.stat() == before
    with pytest.raises(OutputError, match="is there already"):
        resume(other)
    with pytest.raises(OutputError, match="is there already"):
        resume(wanted, make_words(tmp_path / "other.dcm"))
    write(target, target.read_bytes()[:-20])
    with pytest.raises(OutputError, match="is there already"):
        resume(wanted)
    again = Destination(overwrite=True, durable=False)
    assert converter.convert(source, target, wanted, again, resume=True) is not None
    assert resume(wanted) is None


def test_what_could_not_be_compressed_is_there_too(converter: Converter, tmp_path: Path) -> None:
    source = write(tmp_path / "sr.dcm", part10(BODY))
    for known in (False, True):
        made = converter.convert(source, tmp_path / "b.dcm", Wanted(RLE), resume=True)
        assert (made is None) is known


# What is refused


@pytest.mark.parametrize("name", ["htj2k-lossless", "1.2.840.10008.1.2.4.201", "1.2.3", "jpeg"])
def test_what_cannot_be_written_is_no_transfer_syntax(name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be written|that can be written"):
        syntax_named(name)


def test_a_directory_is_not_converted(converter: Converter, tmp_path: Path) -> None:
    meta = element(0x00020002, "UI", b"1.2.840.10008.1.3.10")
    meta += element(0x00020010, "UI", EXPLICIT.encode() + b"\0")
    source = write(tmp_path / "DICOMDIR", bytes(128) + b"DICM" + meta + BODY)
    with pytest.raises(NotDicomError, match="is a DICOMDIR"):
        convert(converter, source, tmp_path / "b.dcm", RLE)


LIES = [
    ({"Rows": 65535, "Columns": 65535}, r"there are 3200 bytes, and 8589672450 are asked for"),
    ({"NumberOfFrames": 10**9}, "there are 3200 bytes, and 3200000000000 are asked for"),
    ({"NumberOfFrames": -1}, "there are none"),
    ({"Rows": 0}, "there are none"),
    ({"Rows": 10}, "there are 3200 bytes, and 800 are asked for"),
    ({"BitsAllocated": 12}, "Bits Allocated is 12"),
    ({"BitsAllocated": 8}, "12 bits are stored in 8"),
    ({"BitsStored": 17}, "17 bits are stored in 16"),
    ({"SamplesPerPixel": 3}, "they are MONOCHROME2 with 3 samples per pixel"),
    ({"PhotometricInterpretation": "HSV"}, "they are HSV with 1 samples per pixel"),
    ({"PhotometricInterpretation": None}, "PhotometricInterpretation .* is not given"),
]


@pytest.mark.parametrize(("attributes", "why"), LIES)
@pytest.mark.parametrize("syntax", [RLE, J2K_LOSSLESS])
def test_what_the_header_claims_is_held_against_the_pixels(
    converter: Converter, tmp_path: Path, attributes: dict[str, Any], why: str, syntax: str
) -> None:
    source = make_words(tmp_path / "a.dcm", **attributes)
    with pytest.raises(InputError, match=f"cannot be compressed: {why}"):
        convert(converter, source, tmp_path / "b.dcm", syntax)
    assert not (tmp_path / "b.dcm").exists()
    convert(converter, source, tmp_path / "b.dcm", IMPLICIT)  # no pixel is touched
    convert(converter, tmp_path / "b.dcm", tmp_path / "c.dcm", EXPLICIT)
    assert rest(tmp_path / "c.dcm") == rest(source)


def test_what_an_encoder_cannot_take_is_said(converter: Converter, tmp_path: Path) -> None:
    deep = make_words(
        tmp_path / "deep.dcm", BitsAllocated=32, BitsStored=32, HighBit=31, PixelData=words() * 2
    )
    for path, why in (
        (make_ct(tmp_path / "small.dcm"), "the encoder wants 32 rows and columns at least"),
        (deep, "it can take 24 bits, and these are 32"),
    ):
        with pytest.raises(InputError, match=why):
            convert(converter, path, tmp_path / "b.dcm", J2K_LOSSLESS)
        convert(converter, path, tmp_path / "b.dcm", RLE)


@pytest.mark.parametrize("syntax", [RLE, J2K_LOSSLESS, EXPLICIT])
def test_damage_is_refused(converter: Converter, tmp_path: Path, syntax: str) -> None:
    whole = compressed(make_words(tmp_path / "a.dcm"), tmp_path / "b.dcm", JPEG2000Lossless)
    content = whole.read_bytes()
    for number in range(40, 240, 40):
        cut = write(tmp_path / "cut.dcm", content[:-number])
        with pytest.raises(InputError, match="is damaged"):
            convert(converter, cut, tmp_path / "c.dcm", syntax)
    code = next(generate_frames(pydicom.dcmread(whole).PixelData, number_of_frames=1))
    bad = content.replace(code, code[: len(code) // 2].ljust(len(code), b"\xff"))
    with pytest.raises(InputError, match="cannot be decompressed"):
        convert(converter, write(tmp_path / "cut.dcm", bad), tmp_path / "c.dcm", RLE)
    assert not (tmp_path / "c.dcm").exists()


def test_a_sequence_that_nobody_closes_stays_as_it_was(
    converter: Converter, tmp_path: Path
) -> None:
    inside = item(element(0x00080100, "SH", b"CODE") + ITEM_END, UNDEFINED)
    sequence = element(0x0040A043, "SQ", inside + SEQUENCE_END, UNDEFINED)
    source = write(tmp_path / "a.dcm", part10(BODY + sequence))
    convert(converter, source, tmp_path / "b.dcm", IMPLICIT)
    convert(converter, tmp_path / "b.dcm", tmp_path / "c.dcm", EXPLICIT)
    assert lines(tmp_path / "c.dcm") == lines(source)
    assert any(tag == PIXEL_DATA for _, tag, _, _ in lines(make_words(tmp_path / "d.dcm")))


@pytest.mark.interop
@pytest.mark.parametrize(
    "command",
    [("dcmcjpeg", "+eb"), ("dcmcjpeg", "+ee"), ("dcmcjpeg", "+e1"), ("dcmcjpls", "+el"), ("rle",)],
    ids=" ".join,
)
def test_an_image_that_is_cut_inside_its_fragment_is_refused(
    converter: Converter, tmp_path: Path, command: tuple[str, ...]
) -> None:
    bits = 8 if "+eb" in command else 16
    native = make_image(tmp_path / "a.dcm") if bits == 8 else make_words(tmp_path / "a.dcm")
    source = tmp_path / "b.dcm"
    if command == ("rle",):
        convert(converter, native, source, RLE)
    else:
        subprocess.run([need(command[0]), command[1], native, source], check=True)
    convert(converter, source, tmp_path / "whole.dcm", EXPLICIT)
    data = pydicom.dcmread(source)
    (code,) = generate_frames(data.PixelData, number_of_frames=1)
    for keep in (0.1, 0.5, 0.95):
        data.PixelData = encapsulate([code[: int(len(code) * keep)]])
        data["PixelData"].is_undefined_length = True
        data.save_as(source)
        with pytest.raises(InputError, match=r"cannot be decompressed: "):
            convert(converter, source, tmp_path / "cut.dcm", EXPLICIT)
    assert not (tmp_path / "cut.dcm").exists()
    for padding in (b"\0", b" ", b"\0\0\0\0") if bits == 16 and command != ("rle",) else ():
        data.PixelData = encapsulate([code + padding])
        data.save_as(source)
        convert(converter, source, tmp_path / "padded.dcm", EXPLICIT)
        assert lines(tmp_path / "padded.dcm") == lines(tmp_path / "whole.dcm")


@pytest.mark.interop
def test_a_scan_without_its_parameters_is_decoded(converter: Converter, tmp_path: Path) -> None:
    source = tmp_path / "b.dcm"
    native = make_words(tmp_path / "a.dcm")
    subprocess.run([need("dcmcjpeg"), "+ee", native, source], check=True)
    convert(converter, source, tmp_path / "whole.dcm", EXPLICIT)
    content = source.read_bytes()
    whole_scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    assert content.count(whole_scan) == 1
    write(source, content.replace(whole_scan, whole_scan[:7] + b"\0\0\0"))
    convert(converter, source, tmp_path / "again.dcm", EXPLICIT)
    assert lines(tmp_path / "again.dcm") == lines(tmp_path / "whole.dcm")


@pytest.mark.interop
@pytest.mark.parametrize("transform", [None, 0, 1])
@pytest.mark.parametrize("jfif", [False, True])
def test_what_markers_say_of_colours_turns_none(
    converter: Converter,
    tmp_path: Path,
    transform: int | None,
    jfif: bool,  # noqa: FBT001 - a case
) -> None:
    """Show that the attributes decide, whatever markers do to what Pillow gives."""
    source, native = tmp_path / "b.dcm", make_image(tmp_path / "a.dcm", 1, 3)
    subprocess.run([need("dcmcjpeg"), "+eb", native, source], check=True)
    data = pydicom.dcmread(source)
    (code,) = generate_frames(data.PixelData, number_of_frames=1)
    convert(converter, source, tmp_path / "plain.dcm", EXPLICIT)
    rest_of_it = code[code.index(b"\xff\xdb") :]
    marker = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" if jfif else b""
    if transform is not None:
        marker += b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
    data.PixelData = encapsulate([b"\xff\xd8" + marker + rest_of_it])
    data["PixelData"].is_undefined_length = True
    data.save_as(source)
    convert(converter, source, tmp_path / "marked.dcm", EXPLICIT)
    assert lines(tmp_path / "marked.dcm") == lines(tmp_path / "plain.dcm")

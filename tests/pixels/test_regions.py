"""Show that exactly the pixels of the regions become black, and that nothing else changes."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from struct import pack, unpack
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import JPEG2000, JPEG2000Lossless, RLELossless

from dcmtools.dataset.elements import PIXEL_DATA
from dcmtools.errors import InputError
from dcmtools.pixels.blackener import Blackened, Blackener
from dcmtools.pixels.rectangles import Layout, Rectangle, blackened, runs, spans
from tests.conftest import need
from tests.factories import (
    BIG,
    BODY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    corpus,
    element,
    make_ct,
    part10,
    write,
)
from tests.pixels.reading import lines, syntax_of

ROWS, COLUMNS = 33, 36
REGIONS: list[Rectangle] = [(4, 2, 10, 5), (10, 5, 8, None), (30, 30, 100, 100), (0, 20, None, 1)]
JPEG_LS = "1.2.840.10008.1.2.4.80"
SAMPLES = {"MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1, "CMYK": 4, "ARGB": 4}


@pytest.fixture(scope="module")
def blackener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blackener]:
    with Blackener(tmp_path_factory.mktemp("black")) as made:
        yield made


def mask(rectangles: list[Rectangle] = REGIONS, rows: int = ROWS, columns: int = COLUMNS) -> Any:  # noqa: ANN401 - an array
    made = np.zeros((rows, columns), bool)
    for x, y, width, height in rectangles:
        made[
            y : None if height is None else y + height, x : None if width is None else x + width
        ] = True
    return made


def make_image(
    path: Path,
    photometric: str = "MONOCHROME2",
    *,
    bits: int = 8,
    frames: int = 1,
    **more: Any,  # noqa: ANN401 - values of any kind
) -> Path:
    """Write an image of noise, whose samples have all the bits that are stored."""
    samples = SAMPLES.get(photometric, 3)
    stored = more.get("BitsStored", bits)
    generator = np.random.default_rng(7)
    count = ROWS * COLUMNS * samples * frames
    if photometric == "YBR_FULL_422":
        count = count // 3 * 2
    signed = more.get("PixelRepresentation", 0)
    low, high = (-(1 << (stored - 1)), 1 << (stored - 1)) if signed else (0, 1 << stored)
    values = generator.integers(low, high, count, dtype=np.int64)
    values <<= more.get("HighBit", stored - 1) + 1 - stored
    order = ">" if more.get("syntax") == BIG else "<"
    content = values.astype(f"{order}{'i' if signed else 'u'}{bits // 8}").tobytes()
    if order == ">" and bits == 8:  # as words
        content = np.frombuffer(content, "<u2").astype(">u2").tobytes()
    attributes: dict[str, Any] = {
        "Rows": ROWS,
        "Columns": COLUMNS,
        "SamplesPerPixel": samples,
        "BitsAllocated": bits,
        "BitsStored": stored,
        "HighBit": stored - 1,
        "PhotometricInterpretation": photometric,
        "PixelData": content,
        **({"PlanarConfiguration": 0} if samples > 1 else {}),
        **({"NumberOfFrames": frames} if frames > 1 else {}),
        **more,
    }
    return make_ct(path, **attributes)


def frames_of(path: Path, *, raw: bool = True) -> Any:  # noqa: ANN401 - an array
    """Give frames, rows, columns and samples, as pydicom decodes them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(path)
        lossy = data.file_meta.TransferSyntaxUID == JPEG  # decoders differ in the last bit
        pixels = pixel_array(data, raw=raw, decoding_plugin="pillow" if lossy else "")
    shape = (int(data.get("NumberOfFrames", 1)), data.Rows, data.Columns, -1)
    return pixels.reshape(shape)


def check(
    result: Blackened,
    source: Path,
    black: tuple[int, ...],
    covered: Any = None,  # noqa: ANN401 - an array
    *,
    raw: bool = True,
) -> None:
    """Show that black is where it must be and that all else is as before."""
    before, after = frames_of(source, raw=raw), frames_of(result.path)
    covered = mask() if covered is None else covered
    assert after.shape == before.shape
    assert (after[:, covered] == black).all()
    assert np.array_equal(after[:, ~covered], before[:, ~covered])
    assert not np.array_equal(after, before)


def unchanged(result: Blackened, source: Path, *but: int) -> None:
    """Show that no other element has changed."""
    ignored = {PIXEL_DATA, *but}
    before, after = (
        [line for line in lines(path) if line[1] not in ignored] for path in (source, result.path)
    )
    assert after == before


# Native


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(
    ("photometric", "bits", "more", "black"),
    [
        ("MONOCHROME2", 8, {}, (0,)),
        ("MONOCHROME1", 8, {}, (255,)),
        ("MONOCHROME2", 16, {}, (0,)),
        ("MONOCHROME1", 16, {"BitsStored": 12}, (4095,)),
        ("MONOCHROME2", 16, {"PixelRepresentation": 1, "BitsStored": 12}, (-2048,)),
        ("MONOCHROME1", 16, {"PixelRepresentation": 1, "BitsStored": 12}, (2047,)),
        ("MONOCHROME2", 32, {}, (0,)),
        ("RGB", 8, {}, (0, 0, 0)),
        ("RGB", 8, {"PlanarConfiguration": 1}, (0, 0, 0)),
        ("RGB", 16, {}, (0, 0, 0)),
        ("YBR_FULL", 8, {}, (0, 128, 128)),
        ("YBR_FULL", 8, {"PlanarConfiguration": 1}, (0, 128, 128)),
    ],
)
def test_native_pixels_are_replaced_and_nothing_else(  # noqa: PLR0913, PLR0917 - a table
    blackener: Blackener,
    tmp_path: Path,
    photometric: str,
    bits: int,
    more: dict[str, int],
    black: tuple[int, ...],
    frames: int,
    syntax: str,
) -> None:
    source = make_image(
        tmp_path / "a.dcm", photometric, bits=bits, frames=frames, syntax=syntax, **more
    )
    result = blackener.blacken(source, REGIONS)
    assert result.transfer_syntax == syntax_of(result.path) == syntax
    assert not result.has_copies
    check(result, source, black)
    unchanged(result, source)
    if syntax != DEFLATED:
        before, after = source.read_bytes(), result.path.read_bytes()
        assert len(after) == len(before)
        start = before.rindex(b"\x7f\xe0\x00\x10" if syntax == BIG else b"\xe0\x7f\x10\x00")
        assert after[:start] == before[:start]
    in_frames = f" in {frames} frames" if frames > 1 else ""
    assert result.note == f"4 regions blackened{in_frames}"
    result.path.unlink()


@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize(("photometric", "black"), [("MONOCHROME2", 0), ("MONOCHROME1", 1)])
@pytest.mark.parametrize(("columns", "x", "width"), [(36, 4, 20), (7, 1, 3), (35, 3, 30)])
def test_single_bits_are_counted_across_bytes_and_frames(  # noqa: PLR0913, PLR0917 - a table
    blackener: Blackener,
    tmp_path: Path,
    photometric: str,
    black: int,
    frames: int,
    columns: int,
    x: int,
    width: int,
) -> None:
    bits = np.random.default_rng(3).integers(0, 2, ROWS * columns * frames, dtype=np.uint8)
    packed = np.packbits(bits, bitorder="little").tobytes()
    source = make_image(
        tmp_path / "seg.dcm",
        photometric,
        frames=frames,
        Columns=columns,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
        PixelData=packed + b"\0" * (len(packed) % 2),
    )
    result = blackener.blacken(source, [(x, 1, width, 3)])
    check(result, source, (black,), mask([(x, 1, width, 3)], columns=columns))


def test_pairs_that_share_their_colour_are_black_together(
    blackener: Blackener, tmp_path: Path
) -> None:
    source = make_image(tmp_path / "a.dcm", "YBR_FULL_422", frames=2)
    even = blackener.blacken(source, [(4, 2, 10, 5)])
    assert even.note == "1 region blackened in 2 frames"
    check(even, source, (0, 128, 128), mask([(4, 2, 10, 5)]))
    odd = blackener.blacken(source, [(5, 2, 2, 5)])
    assert odd.note.endswith(", widened to whole pairs of columns, which share their colour")
    check(odd, source, (0, 128, 128), mask([(4, 2, 4, 5)]))
    unchanged(odd, source)


def test_what_says_to_be_subsampled_and_is_not_is_read_by_its_length(
    blackener: Blackener, tmp_path: Path
) -> None:
    full = make_image(tmp_path / "full.dcm", "YBR_FULL", frames=2)
    data = pydicom.dcmread(full)
    data.PhotometricInterpretation = "YBR_FULL_422"
    data.save_as(tmp_path / "a.dcm")
    result = blackener.blacken(tmp_path / "a.dcm", [(5, 2, 3, 5)])
    data = pydicom.dcmread(result.path)
    data.PhotometricInterpretation = "YBR_FULL"
    data.save_as(result.path)
    check(result, full, (0, 128, 128), mask([(5, 2, 3, 5)]))


@pytest.mark.parametrize(("photometric", "black"), [("CMYK", 255), ("ARGB", 0)])
def test_retired_colours_have_a_black_too(
    blackener: Blackener, tmp_path: Path, photometric: str, black: int
) -> None:
    source = make_image(tmp_path / "a.dcm", photometric)
    before = np.frombuffer(pydicom.dcmread(source).PixelData, np.uint8).reshape(ROWS, COLUMNS, 4)
    made = blackener.blacken(source, REGIONS).path
    after = np.frombuffer(pydicom.dcmread(made).PixelData, np.uint8).reshape(ROWS, COLUMNS, 4)
    assert (after[mask()] == black).all()
    assert np.array_equal(after[~mask()], before[~mask()])


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
@pytest.mark.parametrize("wide", [True, False])
def test_the_darkest_colour_of_a_palette_is_its_black(
    blackener: Blackener, tmp_path: Path, syntax: str, *, wide: bool
) -> None:
    order = ">" if syntax == BIG else "<"
    table = bytearray(range(10, 250))
    table[77] = 1
    if wide:
        raw = pack(f"{order}240H", *(value << 8 for value in table))
    else:
        raw = bytes(table)
        if syntax == BIG:
            raw = b"".join(raw[at : at + 2][::-1] for at in range(0, 240, 2))
    luts = {}
    for name in ("Red", "Green", "Blue"):
        luts[f"{name}PaletteColorLookupTableDescriptor"] = [240, 5, 16 if wide else 8]
        luts[f"{name}PaletteColorLookupTableData"] = raw
    source = make_image(tmp_path / "a.dcm", "PALETTE COLOR", syntax=syntax, **luts)
    check(blackener.blacken(source, REGIONS), source, (77 + 5,))


def test_a_palette_that_cannot_be_read_has_its_first_value(
    blackener: Blackener, tmp_path: Path
) -> None:
    source = make_image(
        tmp_path / "a.dcm",
        "PALETTE COLOR",
        RedPaletteColorLookupTableDescriptor=[256, 9, 16],
        SegmentedRedPaletteColorLookupTableData=b"\0\0\1\0\0\0",
    )
    check(blackener.blacken(source, REGIONS), source, (9,))


@pytest.mark.parametrize("embedded", [True, False])
def test_bits_that_hold_no_value_are_cleared_in_the_region_only(
    blackener: Blackener, tmp_path: Path, *, embedded: bool
) -> None:
    values = np.random.default_rng(5).integers(0, 1 << 16, (ROWS, COLUMNS), dtype=np.uint16)
    overlay = Dataset()
    overlay.add_new(0x60000100, "US", 16)
    overlay.add_new(0x60000102, "US", 15)
    source = make_image(
        tmp_path / "a.dcm",
        bits=16,
        BitsStored=12,
        PixelRepresentation=1,
        PixelData=values.tobytes(),
    )
    if embedded:
        data = pydicom.dcmread(source)
        data.update(overlay)
        data.save_as(source)
    made = pydicom.dcmread(blackener.blacken(source, REGIONS).path)
    after = np.frombuffer(made.PixelData, np.uint16).reshape(ROWS, COLUMNS)
    assert (after[mask()] == (0x0800 if embedded else 0xF800)).all()
    assert np.array_equal(after[~mask()], values[~mask()])


def test_values_that_lie_high_in_their_cells_stay_there(
    blackener: Blackener, tmp_path: Path
) -> None:
    source = make_image(tmp_path / "a.dcm", "MONOCHROME1", bits=16, BitsStored=10, HighBit=15)
    made = pydicom.dcmread(blackener.blacken(source, REGIONS).path)
    after = np.frombuffer(made.PixelData, np.uint16).reshape(ROWS, COLUMNS)
    assert (after[mask()] == 0xFFC0).all()


@pytest.mark.parametrize(
    ("keyword", "kind"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")]
)
def test_floating_point_pixels_become_0(
    blackener: Blackener, tmp_path: Path, keyword: str, kind: str
) -> None:
    values = np.random.default_rng(5).normal(size=(2, ROWS, COLUMNS)).astype(kind)
    data = pydicom.dcmread(make_image(tmp_path / "a.dcm", frames=2))
    del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
    setattr(data, keyword, values.tobytes())
    data.BitsAllocated = values.itemsize * 8
    data.save_as(tmp_path / "a.dcm")
    made = pydicom.dcmread(blackener.blacken(tmp_path / "a.dcm", REGIONS).path)
    after = np.frombuffer(made[keyword].value, kind).reshape(values.shape)
    assert (after[:, mask()] == 0).all()
    assert np.array_equal(after[:, ~mask()], values[:, ~mask()])


def test_what_follows_the_last_frame_is_cleared_and_what_follows_the_data_set_is_dropped(
    blackener: Blackener, tmp_path: Path
) -> None:
    source = make_image(tmp_path / "a.dcm")
    data = pydicom.dcmread(source)
    data.PixelData += b"DOE^JANE"
    data.save_as(source)
    whole = source.read_bytes()
    source.write_bytes(whole + bytes(64))  # what is not zero is damage
    made = blackener.blacken(source, REGIONS).path.read_bytes()
    assert len(made) == len(whole)
    assert made.endswith(bytes(8))


def test_a_file_without_a_header_stays_without_one(blackener: Blackener, tmp_path: Path) -> None:
    image = make_image(tmp_path / "a.dcm")
    content = image.read_bytes()
    bare = write(tmp_path / "b.dcm", content[144 + unpack("<I", content[140:144])[0] :])
    result = blackener.blacken(bare, REGIONS)
    assert result.transfer_syntax == ""
    made = result.path.read_bytes()
    assert made == blackener.blacken(image, REGIONS).path.read_bytes()[-len(made) :]


def test_icons_are_told_of_and_left_as_they_are(blackener: Blackener, tmp_path: Path) -> None:
    native = pydicom.dcmread(make_image(tmp_path / "icon.dcm"))
    icon = Dataset()
    for each in native:
        if each.tag >> 16 in (0x0028, 0x7FE0):
            icon.add(each)
    source = make_image(tmp_path / "a.dcm", frames=2, IconImageSequence=[icon])
    result = blackener.blacken(source, REGIONS)
    assert result.has_copies
    check(result, source, (0,))
    made = pydicom.dcmread(result.path)
    assert made.IconImageSequence[0].PixelData == native.PixelData
    data = pydicom.dcmread(source)
    data.compress(RLELossless, generate_instance_uid=False)
    data.save_as(source)
    result = blackener.blacken(source, REGIONS)
    assert result.has_copies
    check(result, source, (0,))


# Compressed


def compressed(source: Path, syntax: str = RLELossless, **options: Any) -> Path:  # noqa: ANN401
    data = pydicom.dcmread(source)
    data.compress(syntax, generate_instance_uid=False, **options)
    path = source.with_suffix(".compressed.dcm")
    data.save_as(path)
    return path


LOSSLESS = [
    pytest.param(RLELossless, id="RLE"),
    pytest.param(JPEG2000Lossless, id="JPEG 2000"),
    pytest.param(JPEG_LS, id="JPEG-LS"),
]


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(
    ("photometric", "bits", "more", "black"),
    [
        ("MONOCHROME2", 8, {}, (0,)),
        ("MONOCHROME1", 16, {"BitsStored": 12}, (4095,)),
        ("MONOCHROME2", 16, {"PixelRepresentation": 1, "BitsStored": 12}, (-2048,)),
        ("MONOCHROME2", 16, {"PixelRepresentation": 1}, (-32768,)),
        ("RGB", 8, {}, (0, 0, 0)),
        ("RGB", 8, {"PlanarConfiguration": 1}, (0, 0, 0)),
        ("YBR_FULL", 8, {}, (0, 128, 128)),
    ],
)
def test_lossless_pixels_are_compressed_again(  # noqa: PLR0913, PLR0917 - a table
    blackener: Blackener,
    tmp_path: Path,
    photometric: str,
    bits: int,
    more: dict[str, int],
    black: tuple[int, ...],
    frames: int,
    syntax: str,
) -> None:
    if syntax == JPEG2000Lossless and more.get("PlanarConfiguration"):
        pytest.skip("pydicom takes the samples for planes")
    source = compressed(
        make_image(tmp_path / "a.dcm", photometric, bits=bits, frames=frames, **more), syntax
    )
    result = blackener.blacken(source, REGIONS)
    assert ", compressed anew in " in result.note
    assert result.transfer_syntax == syntax_of(result.path) == syntax
    check(result, source, black)
    unchanged(result, source)
    result.path.unlink()


def test_words_of_32_bits_stay_run_length_encoded(blackener: Blackener) -> None:
    source = Path(str(pydicom.data.get_testdata_file("SC_rgb_rle_32bit_2frame.dcm")))
    result = blackener.blacken(source, [(5, 6, 20, 7)])
    assert result.transfer_syntax == RLELossless
    check(result, source, (0, 0, 0), mask([(5, 6, 20, 7)], 100, 100))


@pytest.mark.parametrize("name", ["examples_jpeg2k.dcm", "GDCMJ2K_TextGBR.dcm"])
def test_transformed_colours_of_jpeg_2000_stay_transformed(blackener: Blackener, name: str) -> None:
    source = Path(pydicom.__file__).parent / "data" / "test_files" / name
    result = blackener.blacken(source, [(200, 201, 20, 7)])
    data = pydicom.dcmread(result.path)
    assert data.PhotometricInterpretation == "YBR_RCT"
    check(result, source, (0, 0, 0), mask([(200, 201, 20, 7)], data.Rows, data.Columns))
    unchanged(result, source)


@pytest.mark.parametrize("bits", [8, 16])
def test_planes_that_only_the_header_claims_are_none(
    blackener: Blackener, tmp_path: Path, bits: int
) -> None:
    """JPEG 2000 with samples of more bits than are said becomes native, in planes."""
    source = compressed(
        make_image(tmp_path / "a.dcm", "RGB", bits=bits, frames=2), JPEG2000Lossless
    )
    before = frames_of(source)
    data = pydicom.dcmread(source)
    data.PlanarConfiguration, data.BitsStored = 1, min(bits, 12)
    data.save_as(source)
    result = blackener.blacken(source, REGIONS)
    data = pydicom.dcmread(result.path)
    if bits == 8:
        assert result.transfer_syntax == JPEG2000Lossless
        data.PlanarConfiguration = 0  # pydicom takes the samples for planes
    else:
        assert result.transfer_syntax == EXPLICIT
        data.BitsStored, data.HighBit = 16, 15
    data.save_as(result.path)
    after = frames_of(result.path)
    assert (after[:, mask()] == 0).all()
    assert np.array_equal(after[:, ~mask()], before[:, ~mask()])


@pytest.mark.interop
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB"])
def test_dcmtk_finds_the_same_pixels_in_run_lengths(
    blackener: Blackener, tmp_path: Path, photometric: str
) -> None:
    source = compressed(make_image(tmp_path / "a.dcm", photometric, frames=3))
    made = blackener.blacken(source, REGIONS).path
    for path in (source, made):
        native = tmp_path / f"{path.stem}.native"
        subprocess.run([need("dcmdrle"), path, native], check=True)
        assert np.array_equal(frames_of(native), frames_of(path))


@pytest.mark.interop
def test_gdcm_finds_the_same_pixels_in_jpeg_2000(blackener: Blackener, tmp_path: Path) -> None:
    source = compressed(make_image(tmp_path / "a.dcm", "RGB", frames=3), JPEG2000Lossless)
    made = blackener.blacken(source, REGIONS).path
    native = tmp_path / "native"
    subprocess.run([need("gdcmconv"), "--raw", made, native], check=True)
    assert np.array_equal(frames_of(native), frames_of(made))


@pytest.mark.interop
def test_dcmtk_and_we_understand_each_other_in_jpeg_ls(
    blackener: Blackener, tmp_path: Path
) -> None:
    native, source, back = make_image(tmp_path / "a.dcm", frames=3), tmp_path / "b", tmp_path / "c"
    subprocess.run([need("dcmcjpls"), native, source], check=True)
    made = blackener.blacken(source, REGIONS)
    assert made.transfer_syntax == JPEG_LS
    check(made, native, (0,))
    subprocess.run([need("dcmdjpls"), made.path, back], check=True)
    assert np.array_equal(frames_of(back), frames_of(made.path))


@pytest.mark.parametrize("has_table", [True, False])
def test_each_frame_has_a_fragment_that_the_table_finds(
    blackener: Blackener, tmp_path: Path, *, has_table: bool
) -> None:
    source = compressed(make_image(tmp_path / "a.dcm", frames=3))
    data = pydicom.dcmread(source)
    frames = list(generate_frames(data.PixelData, number_of_frames=3))
    data.PixelData = encapsulate(frames, fragments_per_frame=2, has_bot=has_table)
    if not has_table:
        data.NumberOfFrames = 1
        data.PixelData = encapsulate(frames[:1], fragments_per_frame=2, has_bot=False)
    data.save_as(source)
    made = blackener.blacken(source, REGIONS).path
    content = pydicom.dcmread(made).PixelData
    size = unpack("<I", content[4:8])[0]
    assert size == (12 if has_table else 0)
    fragments = 8 + size
    for offset in unpack(f"<{size // 4}I", content[8:fragments]) or (0,):
        tag, length = unpack("<II", content[fragments + offset : fragments + offset + 8])
        assert tag == 0xE000FFFE
        assert content[fragments + offset + 8 : fragments + offset + 12] == pack("<I", 1)
        end = fragments + offset + 8 + length
        assert content[end : end + 4] in {b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", b""}
    check(Blackened(made, "", "", has_copies=False), source, (0,))


def test_extended_offset_tables_are_right_again(blackener: Blackener, tmp_path: Path) -> None:
    source = compressed(make_image(tmp_path / "a.dcm", frames=3), encapsulate_ext=True)
    data = pydicom.dcmread(source)
    data.add_new(0x7FE00003, "UV", 12345)
    data.save_as(source)
    result = blackener.blacken(source, REGIONS)
    made = pydicom.dcmread(result.path)
    assert made.PixelData[:8] == pack("<II", 0xE000FFFE, 0)
    starts = unpack("<3Q", made.ExtendedOffsetTable)
    lengths = unpack("<3Q", made.ExtendedOffsetTableLengths)
    for start, length in zip(starts, lengths, strict=True):
        assert made.PixelData[8 + start : 16 + start] == pack("<II", 0xE000FFFE, length)
    assert made[0x7FE00003].value == sum(lengths)
    check(result, source, (0,))
    unchanged(result, source, 0x7FE00001, 0x7FE00002, 0x7FE00003)


def test_group_lengths_that_are_not_right_any_more_go(blackener: Blackener, tmp_path: Path) -> None:
    source = compressed(make_image(tmp_path / "a.dcm"))
    content = source.read_bytes()
    at = content.rindex(b"\xe0\x7f\x10\x00OB")
    length = element(0x7FE00000, "UL", pack("<I", len(content) - at))
    source.write_bytes(content[:at] + length + content[at:])
    result = blackener.blacken(source, REGIONS)
    assert length not in result.path.read_bytes()
    check(result, source, (0,))


def test_what_jpeg_2000_cannot_keep_becomes_native(blackener: Blackener, tmp_path: Path) -> None:
    """Samples have more bits than Bits Stored says, as with an overlay in them."""
    source = compressed(make_image(tmp_path / "a.dcm", bits=16), JPEG2000Lossless)
    data = pydicom.dcmread(source)
    data.BitsStored, data.HighBit = 12, 11
    data.save_as(source)
    result = blackener.blacken(source, REGIONS)
    name = "JPEG 2000 Image Compression (Lossless Only)"
    assert result.note == f"4 regions blackened, decompressed from {name}"
    assert result.transfer_syntax == syntax_of(result.path) == EXPLICIT
    before = frames_of(source)
    after = np.frombuffer(pydicom.dcmread(result.path).PixelData, np.uint16)
    after = after.reshape(before.shape)
    assert (after[:, mask()] == 0).all()
    assert np.array_equal(after[:, ~mask()], before[:, ~mask()])


def test_lossy_jpeg_2000_becomes_lossless_and_stays_known_to_be_lossy(
    blackener: Blackener, tmp_path: Path
) -> None:
    source = compressed(make_image(tmp_path / "a.dcm", "RGB"), JPEG2000, j2k_cr=[4])
    assert "LossyImageCompression" not in pydicom.dcmread(source)
    result = blackener.blacken(source, REGIONS)
    assert result.note.endswith("compressed anew in JPEG 2000 Image Compression (Lossless Only), "
                                "which was lossy")  # fmt: skip
    made = pydicom.dcmread(result.path)
    assert made.file_meta.TransferSyntaxUID == result.transfer_syntax == JPEG2000Lossless
    assert made.LossyImageCompression == "01"
    assert list(made.keys()) == sorted(made.keys())
    check(result, source, (0, 0, 0))
    unchanged(result, source, 0x00282110)
    data = pydicom.dcmread(source)
    data.LossyImageCompression = "00"  # it is wrong
    data.save_as(source)
    assert pydicom.dcmread(blackener.blacken(source, REGIONS).path).LossyImageCompression == "01"


def test_reversible_jpeg_2000_is_what_it_says_it_is(blackener: Blackener, tmp_path: Path) -> None:
    source = compressed(make_image(tmp_path / "a.dcm"), JPEG2000Lossless)
    data = pydicom.dcmread(source)
    data.file_meta.TransferSyntaxUID = JPEG2000
    data.save_as(source)
    result = blackener.blacken(source, REGIONS)
    assert "lossy" not in result.note
    unchanged(result, source)
    assert "LossyImageCompression" not in pydicom.dcmread(result.path)


@pytest.mark.interop
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB"])
def test_lossy_jpeg_becomes_native_and_stays_known_to_be_lossy(
    blackener: Blackener, tmp_path: Path, photometric: str
) -> None:
    source = tmp_path / "b.dcm"
    native = make_image(tmp_path / "a.dcm", photometric, frames=2)
    subprocess.run([need("dcmcjpeg"), "+eb", native, source], check=True)
    data = pydicom.dcmread(source)
    del data.LossyImageCompression
    data.save_as(source)
    result = blackener.blacken(source, REGIONS)
    assert ", decompressed from JPEG Baseline (Process 1), which was lossy" in result.note
    made = pydicom.dcmread(result.path)
    assert made.LossyImageCompression == "01"
    assert made.PhotometricInterpretation == photometric
    assert made.file_meta.TransferSyntaxUID == EXPLICIT
    check(result, source, (0,) * made.SamplesPerPixel, raw=False)
    unchanged(result, source, 0x00280004, 0x00280006, 0x00282110)


@pytest.mark.interop
def test_lossless_jpeg_becomes_native(blackener: Blackener, tmp_path: Path) -> None:
    native, source = make_image(tmp_path / "a.dcm", bits=16, frames=2), tmp_path / "b.dcm"
    subprocess.run([need("dcmcjpeg"), "+e1", native, source], check=True)
    result = blackener.blacken(source, REGIONS)
    assert "lossy" not in result.note
    assert result.transfer_syntax == EXPLICIT
    check(result, native, (0,))


# What is refused


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"Rows": 65535, "Columns": 65535}, "it has 1188 bytes, and its attributes ask for 429"),
        ({"NumberOfFrames": 10**9}, "it has 1188 bytes, and its attributes ask for 118800000"),
        ({"NumberOfFrames": -1}, "number of frames is -1"),
        ({"Rows": 0}, "rows is 0"),
        ({"Rows": 11}, "it has 1188 bytes, and its attributes ask for 396"),
        ({"BitsAllocated": 12}, "Bits Allocated is 12"),
        ({"PhotometricInterpretation": "XYB"}, "Photometric Interpretation is XYB, with 1"),
        ({"SamplesPerPixel": 3}, "Photometric Interpretation is MONOCHROME2, with 3 samples"),
    ],
)
def test_what_cannot_be_is_refused(
    blackener: Blackener, tmp_path: Path, attributes: dict[str, Any], why: str
) -> None:
    data = pydicom.dcmread(make_image(tmp_path / "a.dcm"))
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    data.save_as(tmp_path / "a.dcm")
    with pytest.raises(InputError) as caught:
        blackener.blacken(tmp_path / "a.dcm", [(1, 1, 1, 1)])
    assert caught.value.why.startswith(f"its pixel data cannot be blackened: {why}")


@pytest.mark.parametrize("make", [lambda path: path, compressed])
def test_a_region_outside_of_the_image_is_refused(
    blackener: Blackener,
    tmp_path: Path,
    make: Any,  # noqa: ANN401 - a function
) -> None:
    source = make(make_image(tmp_path / "a.dcm"))
    for region in ((COLUMNS, 0, 1, 1), (0, ROWS, None, None)):
        with pytest.raises(InputError, match="is outside of the image, of 36 columns and 33 rows"):
            blackener.blacken(source, [(0, 0, 1, 1), region])


def test_what_would_have_to_be_guessed_is_refused(blackener: Blackener, tmp_path: Path) -> None:
    def refusal(content: bytes) -> str:
        with pytest.raises(InputError) as caught:
            blackener.blacken(write(tmp_path / "b.dcm", content), [(0, 0, 1, 1)])
        return caught.value.why

    image = make_image(tmp_path / "a.dcm").read_bytes()
    assert refusal(image[:-1]).startswith("is damaged: ")
    assert refusal(part10(BODY)) == "has no pixel data to be blackened"
    at = image.rindex(b"\xe0\x7f\x10\x00")
    assert refusal(image + image[at:]) == "has pixel data twice"
    rows = element(0x00280010, "US", pack("<H", 11))
    assert refusal(image[:at] + rows + image[at:]) == "has Rows (0028,0010) twice"
    native = part10(BODY + element(PIXEL_DATA, "OW", b"1234"), RLELossless)
    assert refusal(native) == "its pixel data are not encapsulated as they must be"


def test_black_that_programs_would_read_differently_is_refused(
    blackener: Blackener, tmp_path: Path
) -> None:
    source = make_image(tmp_path / "a.dcm", "MONOCHROME2", bits=32, syntax=BIG)
    assert blackener.blacken(source, REGIONS).path
    data = pydicom.dcmread(source)
    data.PixelRepresentation = 1  # black has bytes that differ now
    data.save_as(source)
    with pytest.raises(InputError, match="differ about the order of bytes"):
        blackener.blacken(source, REGIONS)


# Bounds


def test_runs_are_written_across_pieces_of_any_size() -> None:
    layout = Layout(5, 7, 4, (b"\1\2", b"\3\4"), planar=True)
    each = runs(layout, spans([(2, 1, 3, 2), (0, 4, None, None)], 5, 7, ""))
    content = bytes(layout.size)
    whole = b"".join(blackened([content], layout, each))
    assert whole.count(b"\1\2") == whole.count(b"\3\4") == 4 * (6 + 7)
    for size in (2, 4, 6, 64, 140):
        pieces = [content[at : at + size] for at in range(0, len(content), size)]
        assert b"".join(blackened(pieces, layout, each)) == whole


def test_spans_that_overlap_or_touch_are_one() -> None:
    found = spans([(2, 0, 3, 1), (4, 0, 2, 2), (6, 0, 1, 1), (9, 0, 1, 1)], 3, 10, "")
    assert found == {0: [(2, 7), (9, 10)], 1: [(4, 6)]}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory")
def test_large_files_take_little_memory(tmp_path: Path) -> None:
    frames, size = 600, 512 * 512
    source = make_image(tmp_path / "a.dcm", frames=frames, Rows=512, Columns=512, PixelData=b"\7\7")
    content = source.read_bytes()
    at = content.rindex(b"\7\7") - 4
    with source.open("wb") as file:
        file.write(content[:at] + pack("<I", frames * size))
        for _ in range(frames):
            file.write(b"\7" * size)
    with Blackener(tmp_path) as blackener:
        made = blackener.blacken(source, [(500, 3, None, 9)]).path
        (worker,) = blackener._workers
        status = Path(f"/proc/{worker._process.pid}/status").read_text(encoding="ascii")
    assert not made.exists()  # it was removed with the folder
    assert int(status.split("VmHWM:")[1].split()[0]) < 60 << 10  # KiB, for 150 MiB of pixels


_FOLDER = corpus()
FILES = sorted(path for path in _FOLDER.iterdir() if path.is_file()) if _FOLDER else []
SLOW = 1_000_000  # bytes; larger images hold no other case, and take seconds


@pytest.mark.corpus
@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.stat().st_size < SLOW],
    ids=lambda path: path.name,
)
def test_the_corpus(blackener: Blackener, path: Path) -> None:
    region: Rectangle = (3, 2, 7, 5)
    try:
        result = blackener.blacken(path, [region])
    except InputError as error:
        assert "unexpected" not in error.why  # noqa: PT017 - most are refused for a good reason
        return
    try:
        before = frames_of(path, raw="to RGB" not in result.note)
    except Exception:  # noqa: BLE001 - there is no end to what pydicom may raise for these files
        result.path.unlink()
        return
    after = frames_of(result.path)
    result.path.unlink()
    covered = mask([region], *before.shape[1:3])
    # Decoders of the discrete cosine transform may round as they like.
    most = 5 if "JPEG Baseline" in result.note or "JPEG Extended" in result.note else 0
    others = after[:, ~covered].astype(np.float64) - before[:, ~covered].astype(np.float64)
    assert np.abs(others).max(initial=0) <= most
    assert len(np.unique(after[:, covered].reshape(-1, after.shape[3]), axis=0)) == 1

"""Show that colours become what they are: RGB, YBR, palettes, and overlays on them."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from dcmtools.errors import InputError
from tests.pixels.rendering import Numbers, make_image, picture_of, shown, values_of

RNG = np.random.default_rng(7)
RGB = RNG.integers(0, 256, (6, 8, 3), np.uint8)


def colour(path: Path, cells: Numbers, photometric: str, **more: Any) -> Path:  # noqa: ANN401
    more = {"PlanarConfiguration": 0, **more}
    return make_image(path, cells, SamplesPerPixel=3, PhotometricInterpretation=photometric, **more)


def test_rgb_pixel_by_pixel_and_plane_by_plane(tmp_path: Path) -> None:
    frames = np.stack([RGB, RGB[::-1]])
    one = colour(tmp_path / "a.dcm", frames, "RGB")
    planes = np.ascontiguousarray(frames.transpose(0, 3, 1, 2))
    two = colour(
        tmp_path / "b.dcm", frames, "RGB", PlanarConfiguration=1, PixelData=planes.tobytes()
    )
    for path in (one, two):
        for frame in range(2):
            assert np.array_equal(shown(path, frame), frames[frame])
    assert picture_of(one).window == ""
    assert np.array_equal(values_of(two, 1), frames[1])


def test_rgb_of_16_bits_is_shown_with_8(tmp_path: Path) -> None:
    path = colour(tmp_path / "a.dcm", RGB.astype(np.uint16) << 4, "RGB", BitsStored=12)
    assert np.array_equal(shown(path), RGB)


def to_ybr(rgb: Numbers) -> Numbers:
    """PS3.3 C.7.6.3.1.2, YBR_FULL."""
    r, g, b = (rgb[..., at].astype(float) for at in range(3))
    y = 0.2990 * r + 0.5870 * g + 0.1140 * b
    cb = -0.1687 * r - 0.3313 * g + 0.5000 * b + 128
    cr = 0.5000 * r - 0.4187 * g - 0.0813 * b + 128
    return np.clip(np.rint(np.stack([y, cb, cr], -1)), 0, 255).astype(np.uint8)


def test_ybr_full(tmp_path: Path) -> None:
    path = colour(tmp_path / "a.dcm", to_ybr(RGB), "YBR_FULL")
    assert np.abs(shown(path).astype(int) - RGB).max() <= 2  # lost by rounding, twice


def test_ybr_full_422_shares_colours_between_two_pixels(tmp_path: Path) -> None:
    doubled = np.repeat(RGB, 2, axis=1)
    ybr = to_ybr(doubled).reshape(6, 8, 2, 3)
    packed = np.stack([ybr[:, :, 0, 0], ybr[:, :, 1, 0], ybr[:, :, 0, 1], ybr[:, :, 0, 2]], -1)
    path = colour(tmp_path / "a.dcm", doubled, "YBR_FULL_422", PixelData=packed.tobytes())
    assert np.abs(shown(path).astype(int) - doubled).max() <= 2


def test_what_only_says_that_it_is_422_is_taken_as_it_is(tmp_path: Path) -> None:
    path = colour(tmp_path / "a.dcm", to_ybr(RGB), "YBR_FULL_422")
    assert np.abs(shown(path).astype(int) - RGB).max() <= 2


def jpeg(pixels: Numbers, **options: Any) -> bytes:  # noqa: ANN401
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95, subsampling=0, **options)
    return out.getvalue()


def compressed(path: Path, codes: list[bytes], photometric: str) -> Path:
    return colour(
        path,
        np.zeros((len(codes), 16, 16, 3), np.uint8),
        photometric,
        syntax=JPEGBaseline8Bit,
        PixelData=encapsulate(codes),
    )


SMOOTH = np.stack(
    [np.tile(np.arange(16) * 15, (16, 1)), np.tile(np.arange(16)[:, None] * 15, (1, 16)),
     np.full((16, 16), 60)], -1,
).astype(np.uint8)  # fmt: skip


@pytest.mark.parametrize("marker", ["JFIF", "Adobe"])
def test_jpeg_of_ybr_is_turned_into_rgb_once(tmp_path: Path, marker: str) -> None:
    code = jpeg(SMOOTH)
    if marker == "Adobe":  # which has Pillow turn it into RGB by itself
        adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01"
        code = code[:2] + adobe + code[2:]
    path = compressed(tmp_path / "a.dcm", [code], "YBR_FULL_422")
    assert np.abs(shown(path).astype(int) - SMOOTH).max() <= 8


def test_jpeg_of_rgb_is_left_alone(tmp_path: Path) -> None:
    # The three components are what is in the file, whatever JPEG takes them for.
    with Image.open(BytesIO(jpeg(SMOOTH, keep_rgb=True))) as picture:
        assert picture.mode == "RGB"
    path = compressed(tmp_path / "a.dcm", [jpeg(SMOOTH, keep_rgb=True)], "RGB")
    assert np.abs(shown(path).astype(int) - SMOOTH).max() <= 8


def palette(
    path: Path,
    cells: Numbers,
    tables: list[bytes],
    descriptor: list[int],
    **more: Any,  # noqa: ANN401
) -> Path:
    names = ("Red", "Green", "Blue")
    attributes: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR", **more}
    kind = "Segmented" if more.pop("segmented", False) else ""
    attributes.pop("segmented", None)
    for name, table in zip(names, tables, strict=True):
        attributes[f"{name}PaletteColorLookupTableDescriptor"] = descriptor
        attributes[f"{kind}{name}PaletteColorLookupTableData"] = table
    return make_image(path, cells, **attributes)


INDICES = np.arange(16, dtype=np.uint8).reshape(4, 4)


@pytest.mark.parametrize(("bits", "width"), [(8, 1), (8, 2), (16, 2)])
def test_palettes_of_bytes_and_of_words(tmp_path: Path, bits: int, width: int) -> None:
    colours = RNG.integers(0, 1 << bits, (3, 6))
    tables = [row.astype(f"<u{width}").tobytes() for row in colours]
    path = palette(tmp_path / "a.dcm", INDICES, tables, [6, 4, bits])
    expected = [colours[:, min(max(x - 4, 0), 5)] >> (bits - 8) for x in range(16)]
    assert np.array_equal(shown(path).reshape(-1, 3), np.array(expected))


def test_a_palette_in_segments(tmp_path: Path) -> None:
    # PS3.3 C.7.9.2: discrete 10 20, a line of 4 to 100, the first segment again, a line of 2 to 0
    cells = [0, 2, 10 << 8, 20 << 8, 1, 4, 100 << 8, 2, 1, 0, 0, 1, 2, 0]
    table = np.array(cells, "<u2").tobytes()
    path = palette(tmp_path / "a.dcm", INDICES[:1], [table] * 3, [10, 0, 16], segmented=True)
    wide = palette(
        tmp_path / "b.dcm", INDICES.reshape(1, 16), [table] * 3, [10, 0, 16], segmented=True
    )
    assert shown(path)[0, :, 0].tolist() == [10, 20, 40, 60]
    row = [10, 20, 40, 60, 80, 100, 10, 20, 10, 0]
    assert shown(wide)[0, :, 2].tolist() == row + [0] * 6


@pytest.mark.parametrize(
    ("tables", "descriptor", "why"),
    [
        ([b"\1\2"] * 3, [16, 0, 8], "cut"),
        ([b"\1\2"] * 3, [2, 0, 99], "99 bits"),
        ([b"", b"", b""], [2, 0, 8], "cut"),
    ],
)
def test_a_palette_that_cannot_be_used(
    tmp_path: Path, tables: list[bytes], descriptor: list[int], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        shown(palette(tmp_path / "a.dcm", INDICES, tables, descriptor))


@pytest.mark.parametrize(
    "cells",
    [
        [0, 9, 1, 2],  # more than there is
        [7, 1, 1, 1],  # unknown
        [1, 3, 9, 0],  # a line that begins nowhere
        [0, 1, 5, 2, 2, 6, 0, 2, 1, 0, 0],  # refers to what refers
        [0, 1, 5, 1, 60000, 9, 1, 60000, 3],  # too many
    ],
)
def test_segments_that_lie(tmp_path: Path, cells: list[int]) -> None:
    table = np.array(cells, "<u2").tobytes()
    path = palette(tmp_path / "a.dcm", INDICES, [table] * 3, [16, 0, 16], segmented=True)
    with pytest.raises(InputError, match="palette"):
        shown(path)


# Overlays


def packed(bits: Numbers) -> bytes:
    data = np.packbits(bits.reshape(-1).astype(np.uint8), bitorder="little").tobytes()
    return data + b"\0" * (len(data) % 2)


def with_overlay(path: Path, cells: Numbers, bits: Numbers | None, **more: Any) -> Path:  # noqa: ANN401
    make_image(path, cells, **{k: v for k, v in more.items() if not k.startswith("x")})
    data = dcmread(path)
    for tag, vr, value in (
        (0x60020010, "US", more.get("xrows", 3)), (0x60020011, "US", more.get("xcolumns", 3)),
        (0x60020015, "IS", more.get("xframes")), (0x60020040, "CS", "G"),
        (0x60020050, "SS", more.get("xorigin", [1, 1])), (0x60020051, "US", more.get("xfirst")),
        (0x60020100, "US", 1 if bits is not None else 16),
        (0x60020102, "US", more.get("xbit", 0)),
    ):  # fmt: skip
        if value is not None:
            data.add_new(tag, vr, value)
    if bits is not None:
        data.add_new(0x60023000, "OW", packed(bits))
    data.save_as(path)
    return path


BITS = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0]], bool)
FLAT = np.full((6, 6), 100, np.uint8)


@pytest.mark.parametrize("origin", [[1, 1], [3, 2], [0, -1], [5, 5], [40, 40], [-9, -9]])
def test_an_overlay_is_drawn_where_it_lies(tmp_path: Path, origin: list[int]) -> None:
    path = with_overlay(tmp_path / "a.dcm", FLAT, BITS, xorigin=origin)
    expected = np.zeros((6, 6), bool)
    for row in range(3):
        for column in range(3):
            at = row + origin[0] - 1, column + origin[1] - 1
            if BITS[row, column] and min(at) >= 0 and max(at) < 6:
                expected[at] = True
    pixels = shown(path, overlays=True)
    assert np.array_equal(pixels == 255, expected)
    assert not (shown(path) == 255).any()


def test_an_overlay_of_several_frames(tmp_path: Path) -> None:
    frames = np.stack([FLAT] * 4)
    bits = np.stack([BITS, ~BITS])
    path = with_overlay(tmp_path / "a.dcm", frames, bits, xframes=2, xfirst=2)
    drawn = [shown(path, frame, overlays=True)[:3, :3] == 255 for frame in range(4)]
    assert not drawn[0].any()
    assert np.array_equal(drawn[1], BITS)
    assert np.array_equal(drawn[2], ~BITS)
    assert not drawn[3].any()


def test_an_overlay_in_unused_bits_of_the_pixels(tmp_path: Path) -> None:
    bits = np.zeros((6, 6), bool)
    bits[2:4, 1:5] = True
    cells = FLAT.astype(np.uint16) | (bits.astype(np.uint16) << 13)
    path = with_overlay(tmp_path / "a.dcm", cells, None, BitsStored=12, xbit=13)
    assert np.array_equal(shown(path, overlays=True) == 255, bits)
    assert not values_of(path).max() > 100


def test_an_overlay_on_colours_and_on_16_bits(tmp_path: Path) -> None:
    path = with_overlay(
        tmp_path / "a.dcm", RGB // 2, BITS, SamplesPerPixel=3, PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
    )  # fmt: skip
    assert np.array_equal((shown(path, overlays=True) == 255).all(axis=2)[:3, :3], BITS)
    grey = with_overlay(tmp_path / "b.dcm", FLAT, BITS)
    assert np.array_equal((shown(grey, overlays=True, deep=True) == 65535)[:3, :3], BITS)


def test_an_overlay_that_is_cut(tmp_path: Path) -> None:
    path = with_overlay(tmp_path / "a.dcm", FLAT, BITS, xrows=60, xcolumns=60)
    assert shown(path) is not None
    with pytest.raises(InputError, match="overlay are cut"):
        shown(path, overlays=True)

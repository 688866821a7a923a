"""Show that grey images become what PS3.3 C.11 says: modality LUT, VOI LUT, presentation."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from dcmtools.errors import InputError
from dcmtools.pixels.pictures import fitted
from tests.pixels.rendering import Numbers, lut_item, make_image, picture_of, shown, values_of

RAMP = np.arange(-128, 128, dtype=np.int16).reshape(16, 16)


def linear(x: float, c: float, w: float) -> float:
    """PS3.3 C.11.2.1.2.1, word by word."""
    if x <= c - 0.5 - (w - 1) / 2:
        return 0.0
    if x > c - 0.5 + (w - 1) / 2:
        return 1.0
    return (x - (c - 0.5)) / (w - 1) + 0.5


def linear_exact(x: float, c: float, w: float) -> float:
    """PS3.3 C.11.2.1.3.2."""
    if x <= c - w / 2:
        return 0.0
    if x > c + w / 2:
        return 1.0
    return (x - c) / w + 0.5


def sigmoid(x: float, c: float, w: float) -> float:
    """PS3.3 C.11.2.1.3.1."""
    return 1 / (1 + math.exp(-4 * (x - c) / w))


FUNCTIONS = {"LINEAR": linear, "LINEAR_EXACT": linear_exact, "SIGMOID": sigmoid, None: linear}


def patch(path: Path, old: bytes, new: bytes) -> None:
    """Replace bytes that are in a file once."""
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))


def of(function: Any, values: Numbers, most: int = 255) -> Numbers:  # noqa: ANN401
    """Apply a function to each value, one by one."""
    return np.array([[int(function(x) * most + 0.5) for x in row] for row in values.tolist()])


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("center", "width"), [(40, 100), (0.5, 1.5), (-3.25, 7), (0, 1), (9, 500)])
def test_a_window_is_what_the_standard_says(
    tmp_path: Path, name: str | None, center: float, width: float, *, deep: bool
) -> None:
    more = {"VOILUTFunction": name} if name else {}
    path = make_image(tmp_path / "a.dcm", RAMP, WindowCenter=center, WindowWidth=width, **more)
    picture = picture_of(path, deep=deep)
    expected = of(lambda x: FUNCTIONS[name](x, center, width), RAMP, 65535 if deep else 255)
    assert picture.pixels.dtype == (np.uint16 if deep else np.uint8)
    assert np.array_equal(picture.pixels, expected)
    function = " SIGMOID" if name == "SIGMOID" else ""
    assert picture.window == f"window {center:g},{width:g}{function} (file)"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_window_that_is_given_comes_first(tmp_path: Path, name: str | None) -> None:
    more = {"VOILUTFunction": name} if name else {}
    path = make_image(tmp_path / "a.dcm", RAMP, WindowCenter=0, WindowWidth=9, **more)
    expected = of(lambda x: FUNCTIONS[name](x, 20, 40), RAMP)
    assert np.array_equal(shown(path, window=(20.0, 40.0)), expected)


def test_the_first_of_several_windows_is_taken(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", RAMP, WindowCenter=[10, 99], WindowWidth=[20, 99])
    assert np.array_equal(shown(path), of(lambda x: linear(x, 10, 20), RAMP))


@pytest.mark.parametrize("width", [0, -5, "nan"])
def test_a_window_that_cannot_be_is_none(tmp_path: Path, width: object) -> None:
    path = make_image(tmp_path / "a.dcm", RAMP, WindowCenter=0)
    text = path.read_bytes()
    raw = f"{width}".encode().ljust(4)
    element = b"\x28\x00\x51\x10DS\x04\x00" + raw
    at = text.index(b"\x28\x00\x50\x10DS")
    end = at + 8 + int.from_bytes(text[at + 6 : at + 8], "little")
    path.write_bytes(text[:end] + element + text[end:])
    assert picture_of(path).window.endswith("(auto)")
    with pytest.raises(InputError, match="has no window of its own"):
        shown(path, window="file")


def test_rescaling_comes_before_the_window(tmp_path: Path) -> None:
    path = make_image(
        tmp_path / "a.dcm",
        RAMP,
        RescaleSlope="1.5",
        RescaleIntercept="-20",
        WindowCenter=0,
        WindowWidth=100,
    )
    expected = of(lambda x: linear(x, 0, 100), RAMP * 1.5 - 20)
    assert np.array_equal(shown(path), expected)
    assert np.array_equal(values_of(path), (RAMP * 1.5 - 20).astype(np.float32))


def test_values_that_are_not_rescaled_stay_whole(tmp_path: Path) -> None:
    assert values_of(make_image(tmp_path / "a.dcm", RAMP)).dtype == np.int16
    path = make_image(tmp_path / "b.dcm", RAMP, RescaleSlope="1", RescaleIntercept="-1024")
    assert np.array_equal(values_of(path), RAMP.astype(np.int32) - 1024)
    assert values_of(path).dtype == np.int32


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_modality_lut_maps_what_is_outside_to_its_ends(tmp_path: Path, syntax: str) -> None:
    cells = np.arange(16, dtype=np.uint16).reshape(4, 4)
    entries = [100, 300, 200, 400]
    if syntax == ExplicitVRBigEndian:
        entries = [int.from_bytes(each.to_bytes(2, "little"), "big") for each in entries]
        cells = cells.byteswap()
    path = make_image(
        tmp_path / "a.dcm",
        cells,
        syntax=syntax,
        ModalityLUTSequence=[lut_item(5, entries, 16)],
        RescaleSlope="1",
        RescaleIntercept="0",
    )
    row = [100] * 6 + [300, 200] + [400] * 8
    assert values_of(path).reshape(-1).tolist() == row


def test_a_voi_lut_is_used_where_there_is_no_window(tmp_path: Path) -> None:
    item = lut_item(-2, [0, 1023, 512, 10], 10, "SS")
    path = make_image(tmp_path / "a.dcm", RAMP, VOILUTSequence=[item])
    row = {-2: 0, -1: 255, 0: int(512 / 1023 * 255 + 0.5), 1: int(10 / 1023 * 255 + 0.5)}
    expected = [row[min(max(x, -2), 1)] for x in RAMP.reshape(-1).tolist()]
    picture = picture_of(path)
    assert picture.pixels.reshape(-1).tolist() == expected
    assert picture.window == "VOI LUT (file)"


def test_an_empty_lut_is_none(tmp_path: Path) -> None:
    item = Dataset()
    item.LUTDescriptor = None
    path = make_image(tmp_path / "a.dcm", RAMP, ModalityLUTSequence=[item], VOILUTSequence=[item])
    assert picture_of(path).window == "window 0,256 (auto)"


@pytest.mark.parametrize(
    ("more", "inverse"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, True),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}, True),
        ({"PresentationLUTShape": "INVERSE"}, True),
        ({"PresentationLUTShape": "IDENTITY"}, False),
    ],
)
def test_what_is_little_may_be_bright(
    tmp_path: Path, more: dict[str, Any], *, inverse: bool
) -> None:
    path = make_image(tmp_path / "a.dcm", RAMP, **more)
    column = shown(path).reshape(-1).tolist()
    assert column == (list(range(255, -1, -1)) if inverse else list(range(256)))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("stored", "high"), [(12, 11), (12, 15), (8, 9), (16, 15), (1, 3)])
def test_only_the_bits_of_a_value_count(
    tmp_path: Path, stored: int, high: int, *, signed: bool
) -> None:
    low = high + 1 - stored
    plain = np.arange(1 << min(stored, 6), dtype=np.int64) * (1 << max(stored - 6, 0))
    values = plain - (1 << (stored - 1)) if signed else plain
    used = ((1 << stored) - 1) << low
    cells = ((values << low) & used) | (0xA5A5 & ~used)
    path = make_image(
        tmp_path / "a.dcm",
        cells.astype(np.uint16).reshape(1, -1),
        BitsStored=stored,
        HighBit=high,
        PixelRepresentation=int(signed),
    )
    assert values_of(path).reshape(-1).tolist() == values.tolist()


def test_eight_bits_in_words_of_big_endian(tmp_path: Path) -> None:
    cells = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    words = np.frombuffer(cells.tobytes() + b"\0", "<u2").byteswap().tobytes()
    path = make_image(tmp_path / "a.dcm", cells, PixelData=words, syntax=ExplicitVRBigEndian)
    patch(path, b"\x7f\xe0\x00\x10OB", b"\x7f\xe0\x00\x10OW")
    for frame in range(3):  # of nine bytes, so that words are shared by frames
        assert np.array_equal(values_of(path, frame), cells[frame])


def test_an_automatic_window_leaves_padding_out(tmp_path: Path) -> None:
    cells = RAMP.copy()
    cells[0] = -2000
    plain = make_image(tmp_path / "a.dcm", cells)
    assert picture_of(plain).window == "window -936,2128 (auto)"
    one = make_image(tmp_path / "b.dcm", cells, PixelPaddingValue=-2000)
    patch(one, b"\x28\x00\x20\x01SS", b"\x28\x00\x20\x01US")  # as if it had no sign
    assert picture_of(one).window == "window 8,240 (auto)"
    many = make_image(
        tmp_path / "c.dcm", cells, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-100
    )
    assert picture_of(many).window == f"window {(-99 + 127 + 1) / 2:g},227 (auto)"
    nothing = make_image(
        tmp_path / "d.dcm", cells, PixelPaddingValue=-3000, PixelPaddingRangeLimit=3000
    )
    assert picture_of(nothing).window == "window -936,2128 (auto)"


def test_one_value_everywhere_is_black(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", np.full((4, 4), 7, np.uint16))
    assert not shown(path).any()


def test_single_bits_are_packed_over_frames(tmp_path: Path) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (3, 5, 3), np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    path = make_image(
        tmp_path / "a.dcm", bits, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed
    )
    for frame in range(3):
        assert np.array_equal(shown(path, frame), bits[frame] * 255)


@pytest.mark.parametrize("double", [False, True])
def test_floating_point_pixels(tmp_path: Path, *, double: bool) -> None:
    numbers = np.linspace(-1e-3, 1e-3, 15).astype(np.float64 if double else np.float32)
    cells = np.append(numbers, np.nan).astype(numbers.dtype).reshape(4, 4)
    name, bits = ("DoubleFloatPixelData", 64) if double else ("FloatPixelData", 32)
    more = {name: cells.tobytes(), "PixelData": None, "BitsStored": None, "HighBit": None}
    path = make_image(tmp_path / "a.dcm", cells, PixelRepresentation=None, BitsAllocated=bits)
    data = dcmread(path)
    for keyword, value in more.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    data.save_as(path)
    pixels = shown(path).reshape(-1).tolist()
    assert pixels[:15] == [int(x / 14 * 255 + 0.5) for x in range(15)]
    assert pixels[15] == 0
    assert np.array_equal(values_of(path), cells, equal_nan=True)


def test_what_a_frame_has_of_its_own_comes_before_what_is_shared(tmp_path: Path) -> None:
    def group(
        slope: float | None = None, window: tuple[int, int] | None = None, spacing: str = ""
    ) -> Dataset:
        made = Dataset()
        if slope is not None:
            item = Dataset()
            item.RescaleSlope, item.RescaleIntercept, item.RescaleType = slope, 0, "US"
            made.PixelValueTransformationSequence = [item]
        if window is not None:
            item = Dataset()
            item.WindowCenter, item.WindowWidth = window
            made.FrameVOILUTSequence = [item]
        if spacing:
            item = Dataset()
            item.PixelSpacing = spacing
            made.PixelMeasuresSequence = [item]
        return made

    path = make_image(
        tmp_path / "a.dcm",
        np.stack([RAMP, RAMP, RAMP]),
        WindowCenter=99,
        WindowWidth=99,
        SharedFunctionalGroupsSequence=[group(2, (0, 100), "2\\1")],
        PerFrameFunctionalGroupsSequence=[
            group(window=(10, 20)), group(3, spacing="1\\4"), group(),
        ],
    )  # fmt: skip
    wanted = [(2, 10, 20, 2.0), (3, 0, 100, 0.25), (2, 0, 100, 2.0)]
    for frame, (slope, center, width, aspect) in enumerate(wanted):
        picture = picture_of(path, frame)
        expected = of(lambda x, s=slope, c=center, w=width: linear(x * s, c, w), RAMP)
        assert np.array_equal(picture.pixels, expected)
        assert picture.aspect == aspect


@pytest.mark.parametrize(
    ("more", "ratio"),
    [
        ({}, 1.0),
        ({"PixelSpacing": "0.5\\0.25"}, 2.0),
        ({"PixelAspectRatio": "1\\2", "PixelSpacing": "3\\1"}, 0.5),
        ({"ImagerPixelSpacing": "0.1\\0.2"}, 0.5),
        ({"PixelSpacing": "0\\0"}, 1.0),
        ({"PixelAspectRatio": "0\\1"}, 1.0),
        ({"PixelSpacing": "1000\\0.001"}, 1.0),
    ],
)
def test_pixels_that_are_not_square(tmp_path: Path, more: dict[str, str], ratio: float) -> None:
    path = make_image(tmp_path / "a.dcm", np.zeros((20, 40), np.uint8), **more)
    picture = picture_of(path)
    assert picture.aspect == ratio
    assert fitted(picture, None).shape == (20, 40)
    high, wide = fitted(picture, (100, 100)).shape
    assert max(high, wide) == 100
    assert abs(high / wide - 20 * ratio / 40) < 0.01


def test_a_picture_keeps_its_depth_when_it_is_made_to_fit(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.dcm", RAMP)
    pixels = fitted(picture_of(path, deep=True), (64, 32))
    assert (pixels.dtype, pixels.shape) == (np.uint16, (32, 32))
    assert pixels[0].mean() < pixels[-1].mean()
    assert pixels.max() > 60000

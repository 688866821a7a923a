"""Show that run lengths are those of the standard: pydicom, which is slow at it, agrees."""

import warnings
from struct import pack
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders import RLELosslessDecoder
from pydicom.pixels.encoders import RLELosslessEncoder

from dcmtools.pixels import rle

Shape = tuple[int, int, int]


def options(shape: Shape, dtype: "np.dtype[Any]") -> dict[str, Any]:
    rows, columns, samples = shape
    return {
        "rows": rows,
        "columns": columns,
        "samples_per_pixel": samples,
        "bits_allocated": dtype.itemsize * 8,
        "bits_stored": dtype.itemsize * 8,
        "pixel_representation": 0,
        "photometric_interpretation": "RGB" if samples > 1 else "MONOCHROME2",
        "number_of_frames": 1,
        **({"planar_configuration": 0} if samples > 1 else {}),
    }


def by_pydicom(made: bytes, shape: Shape, dtype: "np.dtype[Any]") -> Any:  # noqa: ANN401 - an array
    code = encapsulate([made], has_bot=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may have the size of what is not compressed
        return RLELosslessDecoder.as_array(code, raw=True, index=0, **options(shape, dtype))[0]


@st.composite
def frames(draw: st.DrawFn) -> Any:  # noqa: ANN401 - an array
    """Make frames with runs of all lengths, and noise."""
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 300)), draw(st.sampled_from([1, 3])))
    dtype = np.dtype(draw(st.sampled_from(["<u1", "<u2", "<u4"])))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = generator.integers(0, draw(st.sampled_from([1, 2, 256])), shape)
    sparse = generator.random(shape) < draw(st.sampled_from([0.0, 0.03, 0.5, 1.0]))
    frame = (values * sparse * draw(st.sampled_from([1, 257]))).astype(dtype)
    return frame if shape[2] > 1 else frame[:, :, 0]


@given(frames())
def test_what_is_compressed_is_what_pydicom_reads(frame: Any) -> None:  # noqa: ANN401 - an array
    shape = (*frame.shape, 1)[:3]
    made = rle.compress(frame)
    assert len(made) % 2 == 0
    assert np.array_equal(by_pydicom(made, shape, frame.dtype), frame)
    assert np.array_equal(rle.decompress(made, shape, frame.itemsize * 8), frame)


@given(frames())
def test_what_pydicom_compresses_is_read(frame: Any) -> None:  # noqa: ANN401 - an array
    shape = (*frame.shape, 1)[:3]
    given = {**options(shape, frame.dtype), "encoding_plugin": "pydicom"}
    if frame.itemsize == 4:  # pydicom compresses no 32 bits
        return
    made = bytes(RLELosslessEncoder.encode(np.ascontiguousarray(frame), **given))
    assert np.array_equal(rle.decompress(made, shape, frame.itemsize * 8), frame)
    assert len(rle.compress(frame)) <= len(made) + 2 * shape[0] * shape[2] * frame.itemsize


def test_runs_end_with_their_row() -> None:
    rows = np.full((2, 4), 7, np.uint8)
    (first, *rest), made = np.frombuffer(rle.compress(rows)[:64], "<u4"), rle.compress(rows)[64:]
    assert (first, rest[0]) == (1, 64)
    assert made == bytes([253, 7, 253, 7])


def test_long_runs_are_cut_and_short_ones_are_no_runs() -> None:
    row = np.array([[5] * 129 + [1, 1] + [9] * 3 + [2]], np.uint8)
    made = rle.compress(row)[64:]
    assert made == bytes([129, 5, 0, 5, 1, 1, 1, 254, 9, 0, 2, 0])


def test_the_most_significant_byte_comes_first() -> None:
    made = rle.compress(np.array([[0x0102]], "<u2"))
    assert np.frombuffer(made[:12], "<u4").tolist() == [2, 64, 66]
    assert made[64:] == bytes([0, 1, 0, 2])


def test_what_takes_too_many_segments_is_refused() -> None:
    with pytest.raises(ValueError, match="4 samples of 4 bytes are too many"):
        rle.compress(np.zeros((2, 2, 4), "<u4"))


def test_a_run_that_is_none_is_passed_over() -> None:
    frame = pack("<16I", 1, 64, *[0] * 14) + bytes([128, 255, 3, 128, 0, 4])
    assert rle.decompress(frame, (1, 3, 1), 8).tolist() == [[3, 3, 4]]


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"\1\0\0\0", "ends amid its RLE header"),
        (pack("<16I", 2, 64, *[0] * 14), "has 2 RLE segments, and not 1"),
        (pack("<16I", 1, 32, *[0] * 14), "points to where no segment is"),
        (pack("<16I", 1, 999, *[0] * 14), "points to where no segment is"),
        (pack("<16I", 1, 64, *[0] * 14), "4 bytes are missing"),
        (pack("<16I", 1, 64, *[0] * 14) + b"\xfe\x07", "1 bytes are missing"),
        (pack("<16I", 1, 64, *[0] * 14) + b"\x03\1\2", "ends amid a run"),
        (pack("<16I", 1, 64, *[0] * 14) + b"\xfd", "ends amid a run"),
    ],
)
def test_what_is_no_frame_is_refused(frame: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        rle.decompress(frame, (2, 2, 1), 8)

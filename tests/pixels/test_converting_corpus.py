"""Show with every image of the corpus that there and back it is the same, pixel by pixel."""

from pathlib import Path

import pytest

from dcmtools.dataset.elements import PIXEL_DATA
from dcmtools.dataset.rewrite import Destination
from dcmtools.errors import InputError
from dcmtools.pixels.converter import Converter, Wanted
from tests.pixels.reading import EXPLICIT, Line, lines
from tests.pixels.test_converting import J2K_LOSSLESS, RLE
from tests.pixels.test_corpus import FILES, REASONS

pytestmark = pytest.mark.corpus

PLANAR_CONFIGURATION = 0x00280006
REFUSED = (
    *REASONS,
    "cannot be compressed",
    "is a DICOMDIR",
    "are encapsulated, and no transfer syntax says how",
)
LARGE = {RLE: 16 << 20, J2K_LOSSLESS: 4 << 20}
"""Bytes of a native image beyond which it takes long."""


def converted(converter: Converter, path: Path, target: Path, syntax: str) -> None:
    """Convert a file; skip where that is refused for a reason that is one."""
    try:
        converter.convert(path, target, Wanted(syntax, verify=True), Destination(durable=False))
    except InputError as error:
        if not any(reason in error.why for reason in REFUSED):
            raise
        assert not target.exists()
        pytest.skip(error.why)


def same(line: Line) -> Line:
    """Leave out the VR of pixel data, which no compressed ones keep."""
    return (*line[:2], "", line[3]) if line[1] == PIXEL_DATA else line


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("syntax", [RLE, J2K_LOSSLESS])
def test_there_and_back(converter: Converter, tmp_path: Path, path: Path, syntax: str) -> None:
    native, there, back = (tmp_path / f"{name}.dcm" for name in ("native", "there", "back"))
    converted(converter, path, native, EXPLICIT)
    if native.stat().st_size > LARGE[syntax]:
        pytest.skip("it is large")
    converted(converter, path, there, syntax)
    converted(converter, there, back, EXPLICIT)
    before, after = map(same, lines(native)), map(same, lines(back))
    unlike = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    if syntax == J2K_LOSSLESS and unlike[:1] and unlike[0][0][1] == PLANAR_CONFIGURATION:
        assert [one[1] for one, _ in unlike] == [PLANAR_CONFIGURATION, PIXEL_DATA]
        assert unlike[0][1][3] == b""  # planes have become pixels; --verify has compared them
        return
    assert unlike == []

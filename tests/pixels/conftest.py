"""Share what encodes objects anew, and ways to read the result."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmtools.pixels.converter import Converter
from dcmtools.pixels.worker import Transcoder


@pytest.fixture(scope="session")
def transcoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transcoder]:
    """Give what encodes objects anew; its process is started once for all tests."""
    with Transcoder(tmp_path_factory.mktemp("pixels")) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an empty folder for temporary files."""
    made = tmp_path / "temporary"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def converter() -> Iterator[Converter]:
    """Give what converts objects; its process is started once for all tests."""
    with Converter(1) as made:
        yield made

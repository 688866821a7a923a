"""Share fixtures between the tests."""

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.factories import corpus, make_ct

# How fast examples are made tells of the machine, not of the code.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    """Give a small CT image."""
    return make_ct(tmp_path / "ct.dcm")


@pytest.fixture(scope="session")
def corpus_files() -> list[Path]:
    """List the corpus; skip where there is none."""
    folder = corpus()
    if folder is None:
        pytest.skip("DCMTOOLS_CORPUS names no folder of files")
    return sorted(path for path in folder.iterdir() if path.is_file())


@pytest.fixture(autouse=True)
def _no_limit_is_left() -> Iterator[None]:
    """Take away the limit of memory that pixels leave which are decoded in this process."""
    yield
    resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)


@pytest.fixture(autouse=True)
def _no_user_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep the configuration and environment of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("DCMTOOLS_")]:
        if name not in ("DCMTOOLS_CORPUS", "DCMTOOLS_REQUIRE_PEERS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-config"))
    for name in ("NO_COLOR", "COLUMNS", "LINES"):  # the width is set by those who run the tests
        monkeypatch.delenv(name, raising=False)


def need(program: str) -> str:
    """Find a program of another toolkit; skip without it, fail where peers are required."""
    found = shutil.which(program)
    if found is None and os.environ.get("DCMTOOLS_REQUIRE_PEERS"):
        pytest.fail(f"{program} is not installed and DCMTOOLS_REQUIRE_PEERS is set")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture
def program() -> Callable[[str], str]:
    """Give the function that finds a program of another toolkit."""
    return need

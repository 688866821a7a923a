"""Every network command in the README does what is printed there, with Orthanc for the PACS."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.peers import OrthancPeer, free_port
from tests.test_readme import PYTHON, README, network_sessions, prints_what_is_printed, tour

PORT = "4242"
"""What the README has for the port of the PACS."""
RECEIVER = "11112"
"""And for that of a receiver."""

__all__ = ["tour"]


@pytest.fixture
def _known(tour: Path, monkeypatch: pytest.MonkeyPatch, orthanc: OrthancPeer) -> None:
    """Have the configuration that the README shows."""
    blocks = re.findall(r"^```toml\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    (config,) = [block for block in blocks if "[peers" in block]
    (tour / "config.toml").write_text(config.replace(PORT, str(orthanc.port)))
    monkeypatch.setenv("DCMTOOLS_CONFIG", str(tour / "config.toml"))


@pytest.mark.interop
@pytest.mark.usefixtures("_known")
@pytest.mark.parametrize("session", network_sessions(), ids=lambda text: text.split("\n")[0][2:40])
def test_the_examples_print_what_is_printed(session: str, orthanc: OrthancPeer) -> None:
    own = session.replace(RECEIVER, str(free_port()))
    prints_what_is_printed(own.replace(PORT, str(orthanc.port)))


@pytest.mark.interop
def test_the_python_example_runs(orthanc: OrthancPeer) -> None:
    (code,) = [each for each in PYTHON.findall(README.read_text()) if PORT in each]
    command = [sys.executable, "-c", code.replace(PORT, str(orthanc.port))]
    ran = subprocess.run(command, capture_output=True, check=True, text=True)
    assert len(ran.stdout.splitlines()) >= 2

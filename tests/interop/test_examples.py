"""Run every example of the network commands, as the manual has it, against real peers.

Only what cannot be the same everywhere is replaced: the address of the archive, the port that is
free for us, and how long a line is watched.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dcmtools.cli._tree import commands, examples, program
from tests.factories import make_ct
from tests.interop.objects import ASCII, Archive, Stored, make_medium
from tests.interop.peers import (
    Destination,
    Destinations,
    OrthancPeer,
    StorescpPeer,
    WorklistPeer,
)

ELSEWHERE = ("anonymize", "convert", "dump", "image", "modify", "reidentify", "storescp")
"""The commands that need no peer, whose examples `tests/test_manual.py` runs; and the one that is
a peer, with its examples in `test_receiving_examples.py`."""

EXAMPLES = [
    line
    for name, command in commands(program()).items()
    if name not in ELSEWHERE
    for _, line in examples(command)
]
CONFIG = """
[peers.pacs]
host = "127.0.0.1"
port = {pacs}
aet = "ORTHANC"

[peers.ris]
host = "127.0.0.1"
port = {ris}
aet = "WORKLIST"

[peers.test]
host = "127.0.0.1"
port = {test}
aet = "ARCHIVE"
"""


class Known(Destinations):
    """The move destinations of the examples."""

    def __init__(self) -> None:
        super().__init__()
        ports = [found.port for found in self.by_aet.values()]
        names = ("WORKSTATION1", "ARCHIVE", "WS1")
        self.by_aet = {aet: Destination(aet, port) for aet, port in zip(names, ports, strict=True)}
        self.by_aet["DCMTOOLS"] = Destination("DCMTOOLS", self["WS1"].port)


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    """Give the move destinations."""
    destinations = Known()
    yield destinations
    destinations.close()


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory, known: Known) -> Iterator[OrthancPeer]:
    """Give an archive with the study that the examples speak of, made today."""
    folder = tmp_path_factory.mktemp("examples")
    archive = Archive()
    for number in (1, 2):
        uid = f"1.2.3.1.{number}"
        path = make_ct(
            folder / f"{number}.dcm",
            PatientName="Müller^Jörg",
            PatientID="4711",
            StudyInstanceUID="1.2.3",
            SeriesInstanceUID="1.2.3.1",
            SOPInstanceUID=uid,
            AccessionNumber="A1",
            StudyDate=datetime.now().astimezone().strftime("%Y%m%d"),
        )
        archive.stored[uid] = Stored(path, None, "1.2.3.1", uid, "", "")  # type: ignore[arg-type]
    with OrthancPeer(folder / "orthanc", known) as peer:
        yield peer.load(archive)


@pytest.fixture(scope="module")
def ris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorklistPeer]:
    """Give a worklist server."""
    with WorklistPeer(tmp_path_factory.mktemp("examples") / "worklist") as peer:
        yield peer


@pytest.fixture(scope="module")
def _receivers(tmp_path_factory: pytest.TempPathFactory, known: Known) -> Iterator[None]:
    """Listen at the destinations that are not ours."""
    folder = tmp_path_factory.mktemp("examples")
    first, second = known["WORKSTATION1"], known["ARCHIVE"]
    with (
        StorescpPeer(folder / "1", aet=first.aet, port=first.port),
        StorescpPeer(folder / "2", aet=second.aet, port=second.port),
    ):
        yield


@pytest.fixture
def folder(tmp_path: Path, pacs: OrthancPeer, ris: WorklistPeer, known: Known) -> Path:
    """Give a folder with all that the examples speak of."""
    ports = {"pacs": pacs.port, "ris": ris.port, "test": known["ARCHIVE"].port}
    (tmp_path / "config.toml").write_text(CONFIG.format(**ports))
    (tmp_path / "patients.csv").write_text("PatientID\n4711\n")
    first, second = pacs.files.values()
    shutil.copy(first, tmp_path / "ct.dcm")
    for name in ("study", "archive"):
        (tmp_path / name).mkdir()
        shutil.copy(first, tmp_path / name)
        shutil.copy(second, tmp_path / name)
    return tmp_path


@pytest.mark.interop
@pytest.mark.usefixtures("_receivers")
@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_works(
    line: str, pacs: OrthancPeer, known: Known, archive: Archive, folder: Path
) -> None:
    if "/media/cdrom" in line:
        make_medium(folder / "medium", [each.path for each in archive.of(ASCII).values()])
    for text, real in (
        ("PACS@pacs.example.org:104", pacs.address),
        ("/media/cdrom", str(folder / "medium")),
        ("11112", str(known["WS1"].port)),
        ("--repeat 1000 --interval 1", "--repeat 3 --interval 0.1"),
    ):
        line = line.replace(text, real)
    ran = subprocess.run(
        [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env={
            **os.environ,
            "DCMTOOLS_CONFIG": str(folder / "config.toml"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout or ran.stderr

"""Run every example of ``storescp``, as the manual has it: a peer sends an object, and it ends.

Only what cannot be the same everywhere is replaced: the port, which is one that is free, and how
long nothing has to come.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dcmtools.cli._tree import commands, examples, program
from tests.certificates import Authority
from tests.cli.receiving import Storescp, files, port_said, watched
from tests.conftest import need
from tests.factories import make_ct

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = [line for _, line in examples(commands(program())["storescp"])]
SENT = "1.2.3.1"
WHERE = {
    "--sort patient": f"archive/4711/1.2.3/1.2.3.9/{SENT}.dcm",
    "--name": f"archive/CT/20260102/{SENT}.dcm",
    "--sort study": f"archive/1.2.3/1.2.3.9/{SENT}.dcm",
}
"""Where the object is by what a line has; else it is right in the folder."""
NOTIFY = '#!/bin/sh\necho "$@" > notified\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with all that the examples speak of."""
    (tmp_path / "study").mkdir()
    make_ct(
        tmp_path / "study" / "ct.dcm",
        PatientID="4711",
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.3.9",
        SOPInstanceUID=SENT,
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "notify").write_text(NOTIFY)
    (tmp_path / "bin" / "notify").chmod(0o755)
    return tmp_path


def started(line: str, folder: Path) -> subprocess.Popen[str]:
    """Run a line in a shell that leaves the process to it."""
    path = [str(folder / "bin"), os.path.dirname(sys.executable), os.environ["PATH"]]  # noqa: PTH120
    return subprocess.Popen(
        [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join(path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def sent(server: Storescp, line: str, folder: Path, pki: Authority) -> int:
    """Send the object as whoever the example is for, and give the exit code."""
    options = ["-aet", "MR1"]
    if "--tls" in line:
        options += ["+tls", str(pki.client.key), str(pki.client.cert), "+cf", str(pki.ca)]
    path = folder / "study" / "ct.dcm"
    command = [need("storescu"), *options, "127.0.0.1", str(server.port), str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.interop
@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_works(line: str, folder: Path, tmp_path: Path) -> None:
    pki = Authority(tmp_path / "pki")
    shutil.copy(pki.server.cert, folder / "ws1.pem")
    shutil.copy(pki.server.key, folder / "ws1.key")
    shutil.copy(pki.ca, folder / "ca.pem")
    changed = line.replace("storescp 11112 ", "storescp ").replace("storescp 2762 ", "storescp ")
    changed = changed.replace("storescp 0 ", "storescp ").replace("storescp ", "storescp 0 ")
    changed = changed.replace("--idle-exit 5", "--idle-exit 3")
    with watched(started(changed, folder)) as server:
        if "dcmtools store " in line:  # it sends by itself, and ends by itself
            assert server.ended() == 0
            assert '"event": "stored"' in (folder / "events").read_text()
        else:
            server.port = port_said(server)
            assert sent(server, line, folder, pki) == 0
            server.wait(lambda: any(" released " in each for each in server.lines))
            assert server.stop() == 0
    where = next((path for part, path in WHERE.items() if part in line), f"incoming/{SENT}.dcm")
    assert (folder / where).is_file(), (files(folder), server.said)
    if "notify" in line:
        assert (folder / "notified").read_text() == f"{(folder / where).parent} MR1\n"


@pytest.mark.interop
def test_a_script_that_reads_events_as_they_come(folder: Path) -> None:
    """As `bash` can do it, with DCMTK."""
    script = (
        "exec 3< <(dcmtools storescp 0 -od incoming -f ndjson --idle-exit 0.5)\n"
        "read -r first <&3\n"
        """[[ $first =~ '"port": '([0-9]+) ]]\n"""
        f'{need("storescu")} localhost "${{BASH_REMATCH[1]}}" study/ct.dcm\n'
        """grep -c '"event": "stored"' <&3\n"""
        "wait $!\n"
    )
    with watched(started(script, folder)) as server:
        assert server.ended() == 0
    assert server.lines == ["1"]
    assert (folder / "incoming" / f"{SENT}.dcm").is_file()

"""Run ``anonymize`` and ``reidentify`` in tests, and read what they have made."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

from pydicom import dcmread
from typer.testing import CliRunner, Result

from dcmtools.cli.main import app
from tests.cli.modifying import contents, files, records
from tests.factories import make_ct, write

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom import FileDataset

__all__ = ["anonymize", "contents", "files", "records", "reidentify"]

NOTE = "note: pixels are not looked at: what is written into pictures stays, and so do faces"
IDENTITY = ("Doe", "Roe", "PID-", "19610203", "ACC-", "Hospital", "1.2.826.0.1.3680043.8.498")
"""What the files of `make_study` say of people, and their UIDs."""


def run(command: str, *words: object, stdin: bytes | None = None) -> Result:
    """Run a command in this process; a failure that it did not foresee fails the test."""
    ran = CliRunner().invoke(app, [command, "--no-fsync", *map(str, words)], input=stdin)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "unexpected" not in ran.stderr
    assert "Traceback" not in ran.stderr
    return ran


def anonymize(*words: object, stdin: bytes | None = None) -> Result:
    """Run ``anonymize``."""
    return run("anonymize", *words, stdin=stdin)


def reidentify(*words: object) -> Result:
    """Run ``reidentify``."""
    return run("reidentify", *words)


def said(ran: Result) -> list[str]:
    """Give what was said, without the name of the command, the note and the time it took."""
    lines = [line.split(": ", 1)[1] for line in ran.stderr.splitlines() if line.strip()]
    return [line.rpartition(" in ")[0] if line.endswith(" s") else line for line in lines]


def told(ran: Result) -> list[str]:
    """Give what was said besides the note about pixels."""
    return [line for line in said(ran) if line != NOTE]


def well(*words: object, stdin: bytes | None = None) -> str:
    """Run ``anonymize`` where nothing may go wrong; give the last line."""
    ran = anonymize(*words, stdin=stdin)
    (line,) = told(ran)
    assert ran.exit_code == 0, line
    return line


def key_file(folder: Path, name: str = "key") -> Path:
    """Write a key, the same for the same name."""
    path = write(folder / name, sha256(name.encode()).hexdigest().encode())
    path.chmod(0o600)
    return path


def make_study(folder: Path) -> Path:
    """Make a folder: two patients, the first with two images, and a file that is no DICOM."""
    for patient, name, numbers in (("1", "Doe^Jane", (1, 2)), ("2", "Roe^Richard", (3,))):
        person = folder / name
        person.mkdir(parents=True)
        for number in numbers:
            make_ct(
                person / f"PID-{patient}-{number}.dcm",
                PatientName=name,
                PatientID=f"PID-{patient}",
                PatientBirthDate="19610203",
                AccessionNumber=f"ACC-{patient}",
                InstitutionName="Hospital",
                StudyInstanceUID=f"1.2.826.0.1.3680043.8.498.{patient}",
                SeriesInstanceUID=f"1.2.826.0.1.3680043.8.498.{patient}.1",
                SOPInstanceUID=f"1.2.826.0.1.3680043.8.498.{patient}.1.{number}",
                InstanceNumber=number,
            )
    write(folder / "Doe^Jane" / "notes.txt", b"Jane Doe, PID-1")
    return folder


def read(folder: Path) -> dict[int, FileDataset]:
    """Read the outputs below a folder by their Instance Number."""
    return {int(data.InstanceNumber): data for data in map(dcmread, sorted(folder.rglob("*.dcm")))}


def command(*words: object) -> list[str]:
    """Give the command line of ``anonymize`` as a program of its own."""
    return [sys.executable, "-W", "error", "-m", "dcmtools", "anonymize", *map(str, words)]


def program(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run it as a program of its own."""
    ran = subprocess.run(command(*words), input=stdin, capture_output=True, check=False)
    assert b"Traceback" not in ran.stderr
    return ran

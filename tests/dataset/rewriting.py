"""Edit files for the tests of how they are put into place."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypedDict

import pytest

from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.rewrite import rewrite
from dcmtools.dataset.splices import Edited, Identity, Splice
from tests.factories import BODY, element, part10

if TYPE_CHECKING:
    from collections.abc import Iterator

NOISE = Random(2).randbytes(3_000_000)  # noqa: S311 - no secret
NOBODY = 65534
PATIENT_ID = 0x00100020


class How(TypedDict, total=False):
    """How a file is put into place, as `rewrite` takes it."""

    deflated: bool
    backup: bool
    overwrite: bool
    durable: bool
    root: Path | None


def content(patient_id: bytes = b"PID-1 ", pixels: int = 400_000) -> bytes:
    """Make a file with a Patient ID of even length and so many bytes of pixel data."""
    body = BODY.replace(element(PATIENT_ID, "LO", b"PID-1 "), element(PATIENT_ID, "LO", patient_id))
    return part10(body + element(0x7FE00010, "OW", (NOISE * (pixels // len(NOISE) + 1))[:pixels]))


def edited(file: DicomFile, patient_id: bytes, kind: type[Edited] = Edited) -> Edited:
    """Give the data set of a file with another Patient ID."""
    (old,) = [each for each in file.elements() if each.tag == PATIENT_ID]
    new = element(PATIENT_ID, "LO", patient_id)
    header = file.header
    splices = [Splice(old.offset, old.value_offset + old.length - old.offset, new)]
    extent = range(header.start, header.source.size)
    return kind(header.source, str(file.path), extent, splices, Identity("", "", ""))


def start(file: DicomFile) -> bytes:
    """Give what stands before the data set."""
    with file.path.open("rb") as stream:
        if not file.header.deflated:
            return stream.read(file.header.start)
        last = file.meta[-1]
        return stream.read(last.value_offset + last.length)


def put(
    path: Path, patient_id: bytes = b"NEW1", target: Path | None = None, how: How | None = None
) -> Path:
    """Give a file another Patient ID."""
    with DicomFile(path) as file:
        return rewrite(file, start(file), edited(file, patient_id), target, **(how or {}))


def names(folder: Path) -> list[str]:
    """Tell what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def no_root() -> Iterator[Path]:
    """Be somebody who may not do everything, with a folder of one's own."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.geteuid()
        if before == 0:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(before)


def needs_root() -> None:
    """Skip where files cannot be given to others."""
    if os.geteuid() != 0:
        pytest.skip("only root may give files to others")

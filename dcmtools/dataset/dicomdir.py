"""Find the files that a DICOMDIR lists (PS3.3 F.3, PS3.10 8.6).

What it lists is taken from its records as they stand, whatever links them, so that no circle of
them can be without an end. Nothing that it says leads out of its folder.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dcmtools.dataset.elements import ITEM, Element
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import DcmtoolsError, InputError
from dcmtools.escape import escape

_RECORDS = 0x00041220
_IN_USE = 0x00041410
_FILE_ID = 0x00041500
_INACTIVE = b"\0\0"
_ENDINGS = ("", ".dcm", ";1", ".;1")
"""What copying a medium may have added to a name."""


def is_dicomdir(path: Path) -> bool:
    """Tell whether a file is a DICOMDIR; False where it cannot be read, or only once."""
    if not os.path.isfile(path):  # noqa: PTH113 - never raises
        return False
    try:
        with DicomFile(path, glance=True) as file:
            return file.header.is_directory
    except DcmtoolsError:
        return False


@dataclass(slots=True)
class _Record:
    """What a directory record says of a file."""

    file_id: str = ""
    is_active: bool = True


def referenced_files(path: Path) -> Iterator[Path | DcmtoolsError]:
    """Give the files that a DICOMDIR lists, each once, in its order.

    Parameters
    ----------
    path : Path
        The DICOMDIR.

    Yields
    ------
    Path or DcmtoolsError
        Each file below the folder of the DICOMDIR; why one cannot be had, in its place.

    Raises
    ------
    InputError
        The DICOMDIR cannot be read.
    """
    seen = set()
    medium = _Medium(path)
    with DicomFile(path) as file:
        for record in _records(file):
            if not record.is_active or not record.file_id or record.file_id in seen:
                continue
            seen.add(record.file_id)
            yield medium.located(record.file_id)
        if file.damage is not None:
            yield InputError(str(path), f"is damaged, and may list more: {file.damage}")


def _records(file: DicomFile) -> Iterator[_Record]:
    record: _Record | None = None
    for element in file.elements():
        level = element.level
        if element.tag == ITEM and level.depth == 1 and level.sequence == _RECORDS:
            if record is not None:
                yield record
            record = _Record()
        elif record is not None and level.depth == 1 and level.sequence == _RECORDS:
            _note(record, element, file)
    if record is not None:
        yield record


def _note(record: _Record, element: Element, file: DicomFile) -> None:
    if element.tag == _FILE_ID and not element.is_container:
        record.file_id = file.value(element).decode("ascii", "surrogateescape").strip(" \0")
    elif element.tag == _IN_USE and not element.is_container:
        record.is_active = file.value(element)[:2] != _INACTIVE


class _Medium:
    """The folder of a DICOMDIR, and what is below it.

    Parameters
    ----------
    path : Path
        The DICOMDIR.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = path.parent.resolve()
        self._names: dict[Path, dict[str, Path]] = {}

    def located(self, file_id: str) -> Path | InputError:
        """Find the file that a Referenced File ID names."""
        shown = escape(file_id.replace("\\", "/"))
        names = [name.strip(" ") for name in file_id.split("\\")]
        if any(name in ("", ".", "..") or set(name) & set("/\0") for name in names):
            return self._refusal(f"lists {shown}, which is no file of its folder")
        found = self._path.parent
        for number, name in enumerate(names, 1):
            below = self._below(found, name, is_last=number == len(names))
            if below is None:
                return self._refusal(f"lists {shown}, which is not there")
            found = below
        try:
            inside = found.resolve().is_relative_to(self._root)
            is_file = found.is_file()
        except (OSError, RuntimeError):  # links in a circle
            inside, is_file = True, False
        if not inside:
            return self._refusal(f"lists {shown}, which leads out of its folder")
        return found if is_file else self._refusal(f"lists {shown}, which is no file")

    def _refusal(self, why: str) -> InputError:
        return InputError(str(self._path), why)

    def _below(self, folder: Path, name: str, *, is_last: bool) -> Path | None:
        """Find what is called so in a folder: by its very name, else as copying has changed it."""
        exact = folder / name
        try:
            if exact.exists() or exact.is_symlink():
                return exact
            if folder not in self._names:  # for each name anew it would take very long
                entries = sorted(folder.iterdir(), reverse=True)
                self._names[folder] = {each.name.lower(): each for each in entries}
        except (OSError, ValueError):
            return None
        there = self._names[folder]
        endings = _ENDINGS if is_last else ("",)
        found = (there.get((name + ending).lower()) for ending in endings)
        return next(filter(None, found), None)

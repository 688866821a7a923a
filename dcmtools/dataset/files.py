"""Turn operands into the files they stand for, in a stable order and however many they are.

A folder is walked; whether a file is DICOM is decided by its content, when it is opened.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dcmtools.dataset.source import STDIN
from dcmtools.errors import DcmtoolsError, InputError, reason

PART_PREFIX, PART_SUFFIX = ".dcmtools-", ".part"
"""How the name of a file begins and ends that is still being written."""

STAGING_SUFFIX = ".staging"
"""How the name of a folder of such files ends; it begins like theirs."""

_UNFINISHED = (PART_SUFFIX, STAGING_SUFFIX)


class Operand(NamedTuple):
    """A file to work on.

    Parameters
    ----------
    path : Path
        The file; ``-`` is standard input.
    named : bool
        Whether the user named it. A file that was only met on a walk may be no DICOM.
    error : DcmtoolsError or None
        Why the walk could not go on here.
    folder : Path or None
        The folder that the user named, where the file was met on a walk through it.
    """

    path: Path
    named: bool = True
    error: DcmtoolsError | None = None
    folder: Path | None = None


def find_files(names: Iterable[str], *, recurse: bool = True) -> Iterator[Operand]:
    """List the files that operands stand for.

    Parameters
    ----------
    names : iterable of str
        Files and folders, in the order in which they are to be worked on; ``-`` is standard input.
    recurse : bool
        Whether folders within folders are walked too.

    Yields
    ------
    Operand
        Each file; those of a folder sorted by name, folders among them. A folder that cannot be
        read is an operand with an error. What is still being written is passed over. Nothing is
        opened.
    """
    for name in names:
        if name == str(STDIN):
            yield Operand(STDIN)
        elif not name:
            yield Operand(Path(), error=InputError("''", "an empty name is no file"))
        elif os.path.isdir(name):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
            yield from _walk(name, recurse=recurse)
        else:
            yield Operand(_path(name))


def _path(name: str) -> Path:
    """Make a path that is never taken for standard input, as a file called ``-`` would be."""
    path = Path(name)
    return path.absolute() if path == STDIN else path


def _walk(folder: str, *, recurse: bool) -> Iterator[Operand]:
    root = _path(folder)
    waiting = [folder]
    entries: list[os.DirEntry[str]] = []
    while waiting or entries:
        if waiting:
            path = waiting.pop()
            try:
                with os.scandir(path) as found:
                    entries += sorted(found, key=lambda entry: entry.name, reverse=True)
            except OSError as error:
                why = InputError(path, reason(error))
                yield Operand(_path(path), named=False, error=why, folder=root)
            continue
        entry = entries.pop()
        if entry.name.startswith(PART_PREFIX) and entry.name.endswith(_UNFINISHED):
            continue
        if entry.is_dir(follow_symlinks=False):
            waiting += [entry.path] * recurse
        elif os.path.isfile(entry.path) or not os.path.exists(entry.path):  # noqa: PTH110, PTH113
            # No pipes, sockets, devices or links to folders; a link to nowhere is an error.
            yield Operand(_path(entry.path), named=False, folder=root)


def read_list(file: str, *, null: bool = False) -> Iterator[str]:
    """Read the names of operands from a file.

    Parameters
    ----------
    file : str
        One name a line; ``-`` is standard input.
    null : bool
        Whether names end with NUL, as ``find -print0`` writes them, and not with a newline.

    Raises
    ------
    InputError
        The list cannot be read.
    """
    try:
        content = sys.stdin.buffer.read() if file == str(STDIN) else Path(file).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(file, reason(error)) from error
    names = content.split(b"\0") if null else content.splitlines()
    return (os.fsdecode(name) for name in names if name)

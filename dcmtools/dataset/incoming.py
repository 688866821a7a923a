"""Write files that come piece by piece, so that there is a whole one under its name or none.

What is under way has a name of its own in the same folder and is locked; what a killed process
left behind is no longer locked and is swept away by the next one.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from filecmp import cmp
from pathlib import Path
from secrets import token_hex
from threading import Lock
from time import time
from types import ModuleType
from typing import IO

from dcmtools.dataset.elements import Element
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError, OutputError, reason

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_PREFIX, _SUFFIX = ".dcmtools-", ".part"
_BLOCK = 1 << 20
_RENAMING = Lock()  # so that no thread takes a name that another is about to
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP)
_YOUNG = 60.0  # seconds: one that was just made, and is empty, may not be locked yet


@contextmanager
def incoming(folder: Path) -> Iterator[IO[bytes]]:
    """Open a file for what is under way; it is gone at the end of the block, unless it was placed.

    Raises
    ------
    OSError
        It cannot be written.
    """
    # Not by tempfile, whose files nobody else may read whatever the umask says.
    file = (folder / f"{_PREFIX}{token_hex(8)}{_SUFFIX}").open("xb")
    try:
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks: nothing is swept there either
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
    finally:
        with suppress(OSError):  # while it is locked, where an open file can be removed
            Path(file.name).unlink()
        with suppress(OSError):  # what was not written has been told before
            file.close()
        with suppress(OSError):
            Path(file.name).unlink()


def sweep(folder: Path) -> int:
    """Remove what killed processes have left in a folder, and count it."""
    swept = 0
    if fcntl is None:
        return swept
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        if path.is_symlink() or not path.is_file():
            continue  # none of ours
        with suppress(OSError), path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not status.st_size and time() - status.st_mtime < _YOUNG:
                continue
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            swept += 1
    return swept


def place(
    file: IO[bytes], target: Path, data_size: int, *, durable: bool = True
) -> tuple[Path, bool]:
    """Give a file that is complete its name; nothing that is there is overwritten.

    Parameters
    ----------
    file : file
        From `incoming`.
    target : Path
        The name; where another object has it, a number is added.
    data_size : int
        The bytes of its data set, by which it is held against what is there.
    durable : bool
        Whether to wait until it is on stable storage.

    Returns
    -------
    tuple of Path and bool
        The name that it has got, and whether the same object was there already.

    Raises
    ------
    OSError
        It cannot be written.
    """
    file.flush()
    if durable:
        os.fsync(file.fileno())
    make_folder(target.parent)
    number, name = 1, target
    while not _linked(Path(file.name), name):
        if _same_object(Path(file.name), name, data_size):
            return name, True
        number += 1
        # Not with a dot, or it would look like another UID.
        name = target.with_name(f"{target.stem}_{number}{target.suffix}")
    if durable:
        _sync_folder(name.parent)
    return name, False


def _linked(source: Path, target: Path) -> bool:
    """Give a file a second name; tell whether that was free."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        with _RENAMING:
            if os.path.lexists(target):
                return False
            source.rename(target)
    return True


def _same_object(one: Path, other: Path, data_size: int) -> bool:
    """Tell whether two files hold the same data set, whoever has written their meta groups."""
    try:
        if not other.is_file():  # to open a pipe would be to wait for ever
            return False
        if cmp(one, other, shallow=False):
            return True
        with DicomFile(one) as first, DicomFile(other) as second:
            if first.header.transfer_syntax != second.header.transfer_syntax:
                return False
            size = other.stat().st_size
            if not second.meta or size - data_size != _end(second.meta[-1]):
                return False
        return _same_tail(one, other, data_size)
    except (OSError, InputError):
        return False


def _end(element: Element) -> int:
    return element.value_offset + element.length


def _same_tail(one: Path, other: Path, count: int) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        first.seek(-count, os.SEEK_END)
        second.seek(-count, os.SEEK_END)
        while block := first.read(_BLOCK):
            if block != second.read(_BLOCK):
                return False
    return True


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # one may write into a folder that one may not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:  # some network file systems cannot do this for folders
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and what it lies in, durably; do nothing where it is there.

    Raises
    ------
    OSError
        It cannot be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def open_folder(folder: Path) -> Path:
    """Make a folder that files will come into, and see that they can.

    Raises
    ------
    OutputError
        There can be no file in it.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(str(folder), "is not a folder")
    try:
        make_folder(folder)
        sweep(folder)
        with incoming(folder):
            return folder
    except OSError as error:
        raise OutputError(str(folder), reason(error)) from error

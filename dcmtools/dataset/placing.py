"""Give files that are complete their names: what is there already decides, and what is asked for.

A name is taken in one step, so that whoever looks finds a whole file under it or none, however
many want it at once. With `durable` a name is only given to what is on stable storage, and is
there itself before anybody is told.
"""

import errno
import os
import re
from contextlib import suppress
from enum import StrEnum
from filecmp import cmp
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from dcmtools.dataset.elements import Element
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError, OutputError

if TYPE_CHECKING:
    from dcmtools.dataset.incoming import Incoming

_BLOCK = 1 << 20
_RENAMING = Lock()  # so that no thread takes a name that another is about to
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP)
_MOST_KNOWN = 100_000  # folders
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]*\Z")  # what follows the last dot of a UID is none


class Duplicates(StrEnum):
    """What becomes of an object whose name is taken."""

    SKIP_IDENTICAL = "skip-identical"
    """Nothing where the same object is there; another one is kept beside it, with a number."""
    KEEP_BOTH = "keep-both"
    """It is kept beside what is there, with a number."""
    OVERWRITE = "overwrite"
    """It takes the place of what is there."""
    REJECT = "reject"
    """It is not kept."""


class TakenError(OutputError):
    """A name that is taken, by what must stay."""


class Placed(NamedTuple):
    """Where a file has gone."""

    path: Path
    known: bool = False
    """Whether the same object was there already, so that nothing was written."""
    renamed: bool = False
    """Whether its name was taken, so that it has got a number."""


def place(
    file: "Incoming",
    target: Path,
    data_size: int,
    *,
    duplicates: Duplicates = Duplicates.SKIP_IDENTICAL,
    durable: bool = True,
) -> Placed:
    """Give a file that is complete its name.

    Parameters
    ----------
    file : Incoming
        The file.
    target : Path
        The name; its folder is there.
    data_size : int
        The bytes of its data set, by which it is held against what is there.
    duplicates : Duplicates
        What to do where the name is taken.
    durable : bool
        Whether to wait until it is on stable storage.

    Raises
    ------
    OSError
        It cannot be written, and has no name then.
    TakenError
        The name is taken, and that is refused.
    """
    if durable:
        file.sync()
    else:
        file.flush()
    if duplicates is Duplicates.OVERWRITE:
        file.rename(target)
        if durable:
            sync(target.parent)
        return Placed(target)
    number, name = 1, target
    while not _took(file, name):
        if duplicates is Duplicates.REJECT:
            raise TakenError(str(target), "is there already, and is kept as it is")
        if duplicates is Duplicates.SKIP_IDENTICAL and _same_object(file.name, name, data_size):
            if durable:  # whoever has written it may not have come so far yet
                sync(name)
                sync(name.parent)
            return Placed(name, known=True, renamed=number > 1)
        number += 1
        name = numbered(target, number)
    if durable:
        try:
            sync(name.parent)
        except OSError:
            with suppress(OSError):
                name.unlink()
            raise
    return Placed(name, renamed=number > 1)


def numbered(target: Path, number: int) -> Path:
    """Put a number behind a name, and not with a dot, or it would look like another UID."""
    suffix = match[0] if (match := _SUFFIX.search(target.name)) else ""
    return target.with_name(f"{target.name.removesuffix(suffix)}_{number}{suffix}")


def _took(file: "Incoming", name: Path) -> bool:
    """Take a name for a file, as a second one; tell whether it was free."""
    try:
        os.link(file.name, name, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        with _RENAMING:
            if os.path.lexists(name):
                return False
            file.rename(name)
    return True


def _same_object(own: str, other: Path, data_size: int) -> bool:
    """Tell whether two files hold the same data set, whoever has written their meta groups."""
    one = Path(own)
    try:
        if not other.is_file():  # to open a pipe would be to wait for ever
            return False
        if cmp(one, other, shallow=False):
            return True
        if not _same_tail(one, other, data_size):  # before a header is read: that may inflate
            return False
        with DicomFile(one) as first, DicomFile(other) as second:
            if first.header.transfer_syntax != second.header.transfer_syntax:
                return False
            size = other.stat().st_size
            return bool(second.meta) and size - data_size == _end(second.meta[-1])
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


def sync(path: Path | str) -> None:
    """Wait until a file, or the names in a folder, are on stable storage."""
    if os.name == "nt":  # folders cannot be opened there
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
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
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


class Tree:
    """The folders below one: they are made when they are needed, and none leads out of it.

    Parameters
    ----------
    root : Path
        The folder; it is there.
    durable : bool
        Whether to wait until new folders are on stable storage.
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        self._root = root
        self._durable = durable
        self._known = {root}

    def enter(self, folder: Path) -> None:
        """See that a folder is there.

        Parameters
        ----------
        folder : Path
            The root, or a path below it.

        Raises
        ------
        OSError
            It cannot be made.
        OutputError
            A link leads out of the root.
        """
        if folder in self._known:
            return
        self.enter(folder.parent)
        try:
            folder.mkdir()
        except FileExistsError:
            if not folder.is_dir():
                raise
            if not folder.resolve().is_relative_to(self._root.resolve()):
                raise OutputError(str(folder), f"leads out of {self._root}") from None
        if self._durable:  # also where another has made it, who may not have come so far yet
            sync(folder.parent)
        if len(self._known) >= _MOST_KNOWN:
            self.forget()
        self._known.add(folder)

    def forget(self) -> None:
        """Look at every folder anew: somebody has removed one."""
        self._known = {self._root}

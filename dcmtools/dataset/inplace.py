"""Put a file in the place of the one that was read, and keep that one under another name.

Nobody else may have changed it meanwhile, and what it was besides its bytes stays: mode, owner,
extended attributes. No backup is ever overwritten, so that the first one is the file as it came.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from dcmtools.dataset.incoming import Incoming, incoming, lock
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.source import OPEN_FLAGS, pread
from dcmtools.errors import InputError, OutputError

_BLOCK = 1 << 17
_PERMISSIONS = 0o777  # without those that lend what the owner may


class InPlace:
    """The place of a file, locked against other programs of ours; use it in a ``with`` block.

    Parameters
    ----------
    file : DicomFile
        What was read.
    backup : bool
        Whether the old file is kept.

    Raises
    ------
    OSError
        The file may not be written.
    InputError
        The file has changed since it was read, or another program is about to change it.
    OutputError
        It is standard input or a pipe, which is no place.

    Attributes
    ----------
    path : Path
        The file itself, where a link was named.
    """

    def __init__(self, file: DicomFile, *, backup: bool) -> None:
        self._name = str(file.path)
        if file.status is None:
            hint = "Name an output with -o."
            raise OutputError(self._name, "is a pipe, which cannot be edited in place", hint)
        self._status = file.status
        self._backup = backup
        self.path = Path(os.path.realpath(file.path))
        # A file that may not be written could be replaced all the same; that is not for us to do.
        self._fd = os.open(self.path, os.O_RDWR | OPEN_FLAGS)
        try:
            self._claim()
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        """Do nothing; it is locked."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let others have it."""
        os.close(self._fd)

    def put(self, new: Incoming, *, durable: bool) -> None:
        """Put a file that is complete into the place.

        Raises
        ------
        OSError
            It cannot be written; what was there is there, and no backup.
        InputError
            The file has changed since it was read, and is left as it is now.
        """
        _keep_attributes(self._fd, new.descriptor)
        if durable:
            new.sync()
        else:
            new.flush()
        self._check()
        made = self._back_up(durable=durable) if self._backup else None
        try:
            self._check()
            new.rename(self.path)
        except BaseException:
            if made is not None and not self._has(new):
                os.unlink(made)  # noqa: PTH108 - it is a name
            raise

    def _claim(self) -> None:
        if not lock(self._fd):
            raise InputError(self._name, "is being changed by another program")
        self._check()

    def _check(self) -> None:
        """See that the file is still what was read."""
        try:
            now: os.stat_result | None = self.path.stat()
        except FileNotFoundError:
            now = None
        if now is None or _version(now) != _version(self._status):
            raise InputError(self._name, "has changed since it was read", "It is left as it is.")

    def _names(self) -> Iterator[str]:
        yield f"{self.path}.bak"
        yield from (f"{self.path}.bak.{number}" for number in count(1))

    def _back_up(self, *, durable: bool) -> str | None:
        """Give the file a second name, and tell it; None where it has one already.

        A program that was killed may have left one.
        """
        for name in self._names():
            try:
                os.link(self.path, name)
            except FileExistsError:
                if _is(name, self._status):
                    return None
            except OSError:  # a file system without links
                break
            else:
                return name
        with incoming(self.path.parent) as copy:
            self._copy(copy, durable=durable)
            return next(name for name in self._names() if take_name(copy, name))

    def _copy(self, copy: Incoming, *, durable: bool) -> None:
        copy.copy(self._fd, 0, self._status.st_size)
        while block := pread(self._fd, _BLOCK, copy.size):
            copy.write(block)
        copy.flush()
        _keep_attributes(self._fd, copy.descriptor)
        os.utime(copy.name, ns=(self._status.st_atime_ns, self._status.st_mtime_ns))
        if durable:
            copy.sync()

    def _has(self, new: Incoming) -> bool:
        """Tell whether a file is in the place, whatever has come after that."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(new.descriptor))
        except FileNotFoundError:
            return False


def _version(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _is(name: str, status: os.stat_result) -> bool:
    """Tell whether a name that is no link leads to a file."""
    try:
        return os.path.samestat(os.lstat(name), status)
    except FileNotFoundError:
        return False


def take_name(file: Incoming, name: str | Path) -> bool:
    """Give a file that is complete a name; tell whether that was free, or is another's.

    Raises
    ------
    OSError
        It cannot get the name.
    """
    try:
        os.link(file.name, name)
    except FileExistsError:
        return False
    except OSError:  # a file system without links: an empty file holds the place
        return _took_by_holding(file, name)
    return True


def _took_by_holding(file: Incoming, name: str | Path) -> bool:
    try:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_FLAGS))
    except FileExistsError:
        return False
    try:
        file.rename(name)
    except BaseException:
        os.unlink(name)  # noqa: PTH108 - it may be no path object
        raise
    return True


def _keep_attributes(old: int, new: int) -> None:
    """Give a new file what the old one is besides its bytes, as far as one may."""
    if os.name == "nt":
        return
    was, made = os.fstat(old), os.fstat(new)
    mode = stat.S_IMODE(was.st_mode)
    if (was.st_uid, was.st_gid) != (made.st_uid, made.st_gid):
        try:
            os.fchown(new, was.st_uid, was.st_gid)
        except OSError:
            mode &= _PERMISSIONS
            with suppress(OSError):
                os.fchown(new, -1, was.st_gid)
    if hasattr(os, "listxattr"):
        _keep_extended(old, new)
    os.fchmod(new, mode)


def _keep_extended(old: int, new: int) -> None:
    """Keep extended attributes, access control lists among them; what a folder gives goes."""
    with suppress(OSError):  # a file system that has none
        kept = os.listxattr(old)
        for name in os.listxattr(new):
            if name not in kept:
                with suppress(OSError):
                    os.removexattr(new, name)
        for name in kept:
            with suppress(OSError):  # some are not for everybody to give
                os.setxattr(new, name, os.getxattr(old, name))

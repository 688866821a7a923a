"""Decide where a map may lie, and write it so that it can be read however the run ends.

It names patients, so nobody else may read it, and it does not lie among the files that are given
away. One run writes it at a time; a run that goes on needs the same key and options.
"""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from time import monotonic
from typing import Self

from dcmtools.dataset.incoming import lock
from dcmtools.dataset.placing import sync
from dcmtools.dataset.source import OPEN_FLAGS
from dcmtools.deid.keys import Key
from dcmtools.deid.mapping import START, FileRecord, decoded, head, lines
from dcmtools.errors import OutputError, UsageError, reason

_SYNC = 1.0  # seconds between waits for stable storage
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP)  # not every file system can
_HASH = 12  # bytes: no two of even 2**40 lines are taken for one
_NEW_HINT = "Name a new file with --map."


class MapFile:
    """A map that is written; use it in a ``with`` block, and in one process.

    Add what has become of a file before anybody takes that file for done: what a killed run has
    not written is then written by the run that goes on.

    Parameters
    ----------
    path : Path
        The file.
    key : Key
        The key of the run.
    options : str
        What else has to be the same when a run goes on, in words that name no patient.
    resume : bool
        Whether a map that is there is continued.
    outside : iterable of Path
        The folders that the map must not lie in, at any depth and through any links.

    Raises
    ------
    UsageError
        It lies in such a folder, is there already, or is the map of something else, or none.
    OutputError
        It cannot be written, or another run does.
    """

    def __init__(
        self,
        path: Path,
        key: Key,
        options: str = "",
        *,
        resume: bool = False,
        outside: Iterable[Path] = (),
    ) -> None:
        self._path = path
        self._written: set[bytes] = set()
        self._synced = monotonic()
        for folder in outside:
            _check_outside(path, folder)
        self._fd = self._opened(resume=resume)
        try:
            self._begin(head(key.fingerprint, options))
        except OSError as error:
            os.close(self._fd)
            raise OutputError(str(path), reason(error)) from error
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        """Do nothing; the map is open."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close it, once it is on stable storage.

        Raises
        ------
        OutputError
            It did not get there, and nothing worse has been raised.
        """
        try:
            self._sync()
        except OutputError:
            if kind is None:
                raise
        finally:
            with suppress(OSError):
                os.close(self._fd)

    def add(self, record: FileRecord) -> None:
        """Write what a record says, without what was written before.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        uids, series, instance = lines(record)
        new = [line for line in uids if self._is_new(line)]
        about = self._about(record.series, series, instance)
        if about and self._is_new(about):
            new.append(about)
        if not new:
            return
        self._write(b"".join(new))
        now = monotonic()
        if now - self._synced > _SYNC:
            self._synced = now
            self._sync()

    def _about(self, uid: str, series: bytes, instance: bytes) -> bytes:
        """Choose the line of the series while it says the same for all, else the instance's."""
        if not series or (_hash(series) not in self._written and not self._is_new(_mark(uid))):
            return instance
        return series

    def _is_new(self, line: bytes) -> bool:
        known = len(self._written)
        self._written.add(_hash(line))
        return len(self._written) > known

    def _opened(self, *, resume: bool) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | OPEN_FLAGS
        # A link could lead anywhere, also later.
        flags |= getattr(os, "O_NOFOLLOW", 0) if resume else os.O_EXCL
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except FileExistsError as error:
            hint = f"{_NEW_HINT} With --resume, the same key and the same options it goes on."
            raise UsageError(str(self._path), "is there already", hint) from error
        except (OSError, ValueError) as error:
            raise OutputError(str(self._path), reason(error)) from error
        with suppress(OSError):  # it may lie where there are no modes
            sync(self._path.parent)
        return descriptor

    def _begin(self, first: bytes) -> None:
        """Write the first line, or hold that which is there against it and read on."""
        if not S_ISREG(os.fstat(self._fd).st_mode):
            raise UsageError(str(self._path), "is no file", _NEW_HINT)
        if not lock(self._fd):
            raise OutputError(str(self._path), "is in use by another run")
        with os.fdopen(os.dup(self._fd), "rb") as file:
            file.seek(0)
            found = file.readline(1 << 24)  # a foreign file may have no lines
            if found[: len(START)] != START[: len(found)]:
                why = "is no map, and stays as it is"
                raise UsageError(str(self._path), why, _NEW_HINT)
            if not found.endswith(b"\n"):  # new, or cut by the end of the run
                end = 0
            elif found != first:
                hint = f"{_NEW_HINT} Or give --key-file and the options as then."
                raise UsageError(
                    str(self._path), "was written with another key or other options", hint
                )
            else:
                end = len(found)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    end += len(line)
                    self._is_new(line)
                    match decoded(line):
                        case {"series": str(uid)}:
                            self._is_new(_mark(uid))
        if hasattr(os, "fchmod"):
            os.fchmod(self._fd, 0o600)
        os.ftruncate(self._fd, end)
        if not end:
            self._write(first)
            self._sync()

    def _write(self, content: bytes) -> None:
        try:
            written = os.write(self._fd, content)
            while written < len(content):
                written += os.write(self._fd, content[written:])
        except OSError as error:
            raise OutputError(str(self._path), reason(error)) from error

    def _sync(self) -> None:
        try:
            os.fsync(self._fd)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise OutputError(str(self._path), reason(error)) from error


def _mark(series: str) -> bytes:
    """Give what stands for a series that the map has something about; it is no line."""
    return b"series " + series.encode("utf-8", "surrogatepass")


def _hash(line: bytes) -> bytes:
    return blake2b(line, digest_size=_HASH).digest()


def _check_outside(path: Path, folder: Path) -> None:
    """Refuse a map within a folder, by the files themselves and not by their names alone."""
    try:
        place = path.resolve()
        inside = place.is_relative_to(folder.resolve()) or any(
            parent.exists() and folder.exists() and parent.samefile(folder)
            for parent in place.parents
        )
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, a NUL
        raise OutputError(str(path), "cannot be found") from error
    if inside:
        hint = "It leads back to the patients. Keep it where the files do not go."
        raise UsageError(str(path), f"lies in {folder}", hint)

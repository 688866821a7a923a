"""Remember on disk which objects have arrived, so that a run that was ended goes on where it was.

A line is written as soon as the peer has acknowledged an object. A run that is killed loses at most
the line it was writing, and its object is sent once more, which a peer knows by its UID.
"""

import errno
import json
import os
from contextlib import suppress
from io import SEEK_END
from pathlib import Path
from threading import Lock
from time import monotonic
from types import ModuleType
from typing import IO, Any, Self

from dcmtools.dataset.outgoing import Outgoing
from dcmtools.errors import InputError, OutputError, UsageError, reason
from dcmtools.net.parcel import Stamp
from dcmtools.net.store import Sent

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_KIND = "dcmtools store"
_START = f'{{"journal": "{_KIND}"'.encode()
_LONGEST_HEAD = 1 << 24  # bytes: a foreign file may have no lines
_SYNC = 1.0  # seconds between waits for stable storage
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP)  # not every file system can
_SALT = 16  # bytes

_Key = tuple[str, str, int, int]
"""What a file is known by: its path, its object, its size and its time."""


class Journal:
    """A file that lists what has arrived; use it in a ``with`` block.

    Parameters
    ----------
    path : Path
        The file; it is made where it is not there.
    peer : str
        Where objects are sent, which must be the same in each run.
    changes : tuple of str
        What is changed in them, which must be the same too.

    Raises
    ------
    UsageError
        It is the journal of something else, or none.
    OutputError
        It cannot be written, or another run does.

    Attributes
    ----------
    salt : bytes
        What new UIDs are made with, the same in each run.
    """

    def __init__(self, path: Path, peer: str, changes: tuple[str, ...]) -> None:
        self._path = path
        self._lock = Lock()
        self._done: set[_Key] = set()
        self._synced = monotonic()
        try:
            self._file: IO[bytes] = path.open("a+b")
        except (OSError, ValueError) as error:
            raise OutputError(str(path), reason(error)) from error
        try:
            self._claim()
            self.salt = self._read({"journal": _KIND, "peer": peer, "changes": list(changes)})
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        """Do nothing; the journal is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, once it is on stable storage."""
        with suppress(OSError):  # what is missing is sent once more
            os.fsync(self._file.fileno())
        self._close()

    def holds(self, outgoing: Outgoing) -> bool:
        """Tell whether an object has arrived, and its file is still the same."""
        if not self._done:
            return False
        try:
            return _key(outgoing, Stamp.of(outgoing.path)) in self._done
        except InputError:  # it has gone
            return False

    def add(self, sent: Sent) -> None:
        """Note that an object has arrived; any thread may do so.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        if sent.stamp is None:
            return
        line = json.dumps(_key(sent.outgoing, sent.stamp)).encode() + b"\n"
        with self._lock:
            self._write(line)
            now = monotonic()
            if now - self._synced > _SYNC:
                self._synced = now
                self._sync()

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise OutputError(str(self._path), reason(error)) from error

    def _sync(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise OutputError(str(self._path), reason(error)) from error

    def _close(self) -> None:
        with suppress(OSError):  # what could not be written has been told
            self._file.close()

    def _claim(self) -> None:
        """See that no other run writes it."""
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(str(self._path), "is in use by another run") from error
        except OSError:  # a file system without locks
            return

    def _read(self, head: dict[str, Any]) -> bytes:
        """Read what has arrived, and give the salt."""
        try:
            self._file.seek(0)
            first = self._file.readline(_LONGEST_HEAD)
            if not first.endswith(b"\n"):
                return self._begun(head, first)
            salt = self._salt(head, first)
            self._read_keys()
        except OSError as error:
            raise OutputError(str(self._path), reason(error)) from error
        return salt

    def _begun(self, head: dict[str, Any], first: bytes) -> bytes:
        """Begin it, where it is empty or its first line was cut by the end of the run."""
        if first[: len(_START)] != _START[: len(first)]:
            raise self._foreign()
        self._file.truncate(0)
        salt = os.urandom(_SALT)
        self._write(json.dumps({**head, "salt": salt.hex()}).encode() + b"\n")
        self._sync()
        return salt

    def _salt(self, head: dict[str, Any], first: bytes) -> bytes:
        """Hold the first line against this run, and give the salt."""
        found = _decoded(first)
        if not isinstance(found, dict) or found.get("journal") != _KIND:
            raise self._foreign()
        for name, wanted in head.items():
            if found.get(name) != wanted:
                # What is changed may be the name of a patient.
                other = f"to {found.get(name)}" if name == "peer" else "with other changes"
                why = f"is the journal of a run {other}"
                raise UsageError(str(self._path), why, "Name another file with --resume.")
        try:
            return bytes.fromhex(found["salt"])
        except (KeyError, TypeError, ValueError):
            raise self._foreign() from None

    def _read_keys(self) -> None:
        end = self._file.tell()
        for line in self._file:
            if not line.endswith(b"\n"):  # cut by the end of the run
                break
            end += len(line)
            match _decoded(line):
                case [str(path), str(instance), int(size), int(modified)]:
                    self._done.add((path, instance, size, modified))
        self._file.truncate(end)
        self._file.seek(0, SEEK_END)

    def _foreign(self) -> UsageError:
        return UsageError(str(self._path), "is no journal", "Name a new file with --resume.")


def _decoded(line: bytes) -> object:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found


def _key(outgoing: Outgoing, stamp: Stamp) -> _Key:
    path = os.fsencode(outgoing.path.absolute()).decode("utf-8", "backslashreplace")
    return path, outgoing.sop_instance, stamp.size, stamp.modified

"""Write files that come piece by piece, so that there is a whole one under its name or none.

What is under way has a name of its own in the same folder and is locked; what a killed process
left behind is no longer locked and is swept away by the next one.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from dcmtools.dataset.files import PART_PREFIX, PART_SUFFIX
from dcmtools.dataset.placing import make_folder
from dcmtools.dataset.source import OPEN_FLAGS, WINDOW, pread
from dcmtools.errors import OutputError, reason

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_LARGE = 1 << 15  # bytes that are worth a write of their own
_PIECE = 1 << 17  # bytes that are written at once where they come in small pieces
_AHEAD = 1 << 12  # bytes that are read at a place that was jumped to
_MOST_COPIED = 1 << 26  # bytes at a time, so that Ctrl-C is heard in between
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_copy_range = getattr(os, "copy_file_range", None)  # Linux has it
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL


class Incoming:
    """A file that is under way: it is written to its end, and can be read while it is open.

    The beginning is kept in memory, and where that is all, it goes to disk in one piece.

    Parameters
    ----------
    folder : Path
        Where it lies.

    Raises
    ------
    OSError
        It cannot be written.

    Attributes
    ----------
    name : str
        Its path.
    size : int
        The bytes that it has so far.
    """

    def __init__(self, folder: Path) -> None:
        # Not by tempfile, whose files nobody else may read whatever the umask says.
        while True:
            self.name = f"{folder}{os.sep}{PART_PREFIX}{os.urandom(8).hex()}{PART_SUFFIX}"
            self._fd = os.open(self.name, _NEW | OPEN_FLAGS, 0o666)
            if lock(self._fd):
                break
            os.close(self._fd)
        self.size = 0
        self._there = True  # under its own name
        self._head = bytearray()
        self._pending = self._head  # what is not written yet
        self._block = 0, b""

    def write(self, part: bytes | memoryview) -> None:
        """Take what comes next."""
        self.size += len(part)
        pending = self._pending
        if self._head and len(part) >= (_PIECE if pending else _LARGE):
            self.flush()
            self._put(part)
            return
        pending += part
        if len(pending) >= _PIECE:
            self.flush()

    @property
    def descriptor(self) -> int:
        """The open file, for what is to be known or set besides its bytes."""
        return self._fd

    def copy(self, source: int, offset: int, count: int) -> int:
        """Have the operating system copy what comes next from another file.

        Parameters
        ----------
        source : int
            The descriptor of the other file; where it stands does not matter, and stays.
        offset, count : int
            The bytes, in that file.

        Returns
        -------
        int
            The bytes that were copied; fewer, and none at all, where it cannot do that: the rest
            is to be read and written.

        Raises
        ------
        OSError
            There is no room for them.
        """
        self.flush()
        if self._pending is self._head:  # what is kept in memory has no gaps
            self._pending = bytearray()
        done = 0
        while _copy_range is not None and done < count:
            try:
                copied = _copy_range(
                    source, self._fd, min(count - done, _MOST_COPIED), offset + done
                )
            except OSError as error:
                if error.errno in _FULL:
                    raise
                break
            if not copied:
                break
            done += copied
        self.size += done
        return done

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self._pending:
            self._put(self._pending)
            self._pending = bytearray()

    def sync(self) -> None:
        """Wait until everything is on stable storage."""
        self.flush()
        os.fsync(self._fd)

    def _put(self, part: bytes | bytearray | memoryview) -> None:
        written = os.write(self._fd, part)
        while written < len(part):
            written += os.write(self._fd, memoryview(part)[written:])

    def read(self, offset: int, count: int) -> bytes:
        """Read `count` bytes at `offset`; fewer only where there are no more yet."""
        count = max(min(count, self.size - offset), 0)
        if offset + count <= len(self._head):
            return bytes(self._head[offset : offset + count])
        self.flush()
        return pread(self._fd, count, offset)

    def window(self, offset: int, count: int) -> tuple[int, bytes]:
        """Give a block that holds `count` bytes at `offset`, and where the block starts."""
        base, block = self._block
        if base <= offset and min(offset + count, self.size) <= base + len(block):
            return self._block
        if offset + count <= len(self._head):
            self._block = 0, bytes(self._head)
        else:  # behind a long value little is wanted, and behind short ones there are others
            ahead = WINDOW if base <= offset <= base + len(block) else _AHEAD
            self._block = offset, self.read(offset, max(count, ahead))
        return self._block

    def rename(self, target: Path | str) -> None:
        """Give it another name, whatever has that now."""
        os.replace(self.name, target)  # noqa: PTH105 - a path object costs more than the call
        self._there = False

    def close(self) -> None:
        """Close it; it is gone unless it has another name."""
        self._unlink()  # while it is locked, where an open file can be removed
        with suppress(OSError):  # what was not written has been told before
            os.close(self._fd)
        self._unlink()

    def _unlink(self) -> None:
        if self._there:
            with suppress(OSError):
                os.unlink(self.name)  # noqa: PTH108 - a path object costs more than the call
                self._there = False


def lock(descriptor: int) -> bool:
    """Lock a file; tell whether nobody else has, and whether it is still there.

    Where there are no locks it is as if it were locked. It is until it is closed.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nothing is swept there either
        return True
    return os.fstat(descriptor).st_nlink > 0


@contextmanager
def incoming(folder: Path) -> Iterator[Incoming]:
    """Open a file for what is under way; it is gone at the end of the block, unless it was placed.

    Raises
    ------
    OSError
        It cannot be written.
    """
    file = Incoming(folder)
    try:
        yield file
    finally:
        file.close()


def sweep(folder: Path) -> int:
    """Remove what killed processes have left in a folder, and count it."""
    swept = 0
    if fcntl is None:
        return swept
    for path in folder.glob(f"{PART_PREFIX}*{PART_SUFFIX}"):
        if path.is_symlink() or not path.is_file():
            continue  # none of ours
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            swept += 1
    return swept


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

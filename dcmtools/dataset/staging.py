"""Make the outputs of a batch beside the folder's other files, and give them their names in order.

Several processes write at once; what an output is called may depend on those before it. So each is
written under a name of no meaning first, in a folder of its own below that of the outputs, and one
process publishes them. What a killed run leaves behind is removed by the next.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from enum import Enum
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from types import TracebackType
from typing import Self

from dcmtools.dataset.files import PART_PREFIX, STAGING_SUFFIX
from dcmtools.dataset.incoming import lock, open_folder
from dcmtools.dataset.placing import Tree, numbered, sync
from dcmtools.dataset.source import OPEN_FLAGS
from dcmtools.errors import OutputError, reason

_LOCK = "lock"
_SYNCS = 8  # files that are waited for at once: a disk takes many in the time of one
_BLOCK = 1 << 20  # bytes that are compared at once


_locks: set[int] = set()
"""The open locks, which children must not keep when their parent is killed."""


def _forget_locks() -> None:
    for descriptor in _locks:
        with suppress(OSError):
            os.close(descriptor)
    _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)


class Fate(Enum):
    """What became of an output."""

    NEW = "new"
    """It has its name."""
    KNOWN = "known"
    """The same was there already."""


class Staging:
    """The outputs of one run below a folder; use it in a ``with`` block.

    Parameters
    ----------
    root : Path
        The folder of the outputs; it is made where it is missing.
    durable : bool
        Whether an output gets its name only once it is on stable storage.
    overwrite : bool
        Whether what is there, and not of this run, may be replaced.

    Raises
    ------
    OutputError
        Nothing can be written there.

    Attributes
    ----------
    folder : Path
        Where outputs are written first.
    """

    def __init__(self, root: Path, *, durable: bool = True, overwrite: bool = False) -> None:
        self._root = open_folder(root)
        self._durable = durable
        self._overwrite = overwrite
        self._tree = Tree(root, durable=durable)
        self._published: set[str] = set()
        self._touched: set[Path] = set()
        self._pool = ThreadPoolExecutor(_SYNCS) if durable else None
        try:
            _sweep(root)
            self.folder, self._lock = _opened(root)
            _locks.add(self._lock)
        except OSError as error:
            raise OutputError(str(root), reason(error)) from error

    def __enter__(self) -> Self:
        """Do nothing; the folder is there."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was not published, and wait for the names of what was."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        rmtree(self.folder, ignore_errors=True)
        _locks.discard(self._lock)
        with suppress(OSError):
            os.close(self._lock)
        if self._durable:
            for folder in self._touched:
                with suppress(FileNotFoundError):
                    sync(folder)

    def settle(self, staged: Path) -> "Future[None] | None":
        """Begin to bring an output to stable storage, where that is wanted."""
        return None if self._pool is None else self._pool.submit(_settled, staged)

    def publish(self, staged: Path, name: str) -> tuple[Path, Fate]:
        """Give an output its name.

        Parameters
        ----------
        staged : Path
            The output, which is complete and settled.
        name : str
            Its name below the root, with ``/`` between its parts; it leads nowhere else. Where
            another output of this run has it, there is a number behind it.

        Raises
        ------
        OutputError
            It cannot be written, or something else that must stay is there.
        """
        target, number = self._root / name, 1
        try:
            self._tree.enter(target.parent)
            while not self._is_free(target):
                if _is_same(staged, target):
                    self._published.add(str(target))
                    staged.unlink()
                    return target, Fate.KNOWN
                if str(target) not in self._published:
                    hint = "--overwrite replaces it."
                    raise OutputError(str(target), "is there already, and differs", hint)
                number += 1
                target = numbered(self._root / name, number)
            os.replace(staged, target)  # noqa: PTH105 - a path object costs more than the call
        except OSError as error:
            raise OutputError(str(target), reason(error)) from error
        self._published.add(str(target))
        self._touched.add(target.parent)
        return target, Fate.NEW

    def _is_free(self, target: Path) -> bool:
        if str(target) in self._published:
            return False
        replaced = self._overwrite and target.is_file() and not target.is_symlink()
        return replaced or not os.path.lexists(target)


def _opened(root: Path) -> tuple[Path, int]:
    """Make a folder that nobody sweeps away, as long as its lock is open."""
    while True:
        folder = root / f"{PART_PREFIX}{token_hex(8)}{STAGING_SUFFIX}"
        folder.mkdir()
        with suppress(FileNotFoundError):
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | OPEN_FLAGS, 0o600)
            if lock(descriptor):
                return folder, descriptor
            os.close(descriptor)


def _settled(staged: Path) -> None:
    descriptor = os.open(staged, os.O_RDWR | OPEN_FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same bytes."""
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while block := first.read(_BLOCK):
            if block != second.read(_BLOCK):
                return False
    return True


def _sweep(root: Path) -> None:
    """Remove what runs that are no more have left."""
    for folder in root.glob(f"{PART_PREFIX}*{STAGING_SUFFIX}"):
        with suppress(OSError), (folder / _LOCK).open("rb") as file:
            if lock(file.fileno()):
                rmtree(folder, ignore_errors=True)

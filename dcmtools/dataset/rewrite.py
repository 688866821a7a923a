"""Put an edited file into place: a new one where none is, or instead of the one that was read.

Whoever looks finds the old file or the new one, whole, at any moment. What is not edited is copied
by the operating system and is never in memory as a whole. What cannot be written leaves nothing.
"""

import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

from dcmtools.dataset.incoming import Incoming, incoming, sweep
from dcmtools.dataset.inplace import InPlace, take_name
from dcmtools.dataset.placing import TakenError, Tree, make_folder, sync
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.source import OPEN_FLAGS
from dcmtools.dataset.splices import Edited, Stretch
from dcmtools.errors import OutputError, reason

_BLOCK = 1 << 17
_PAGE = 1 << 12  # bytes; it also is what most file systems allot
_sweep_once = lru_cache(maxsize=1 << 14)(sweep)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where outputs go.

    Parameters
    ----------
    output : str, Path or None
        A file or a folder; None to edit in place. Only text can end with a ``/``, which says that
        it is a folder.
    backup : bool
        Whether what is edited in place is kept under another name.
    overwrite : bool
        Whether an output that is there already may be replaced.
    durable : bool
        Whether to wait until an output is on stable storage before it gets its name.
    """

    output: str | Path | None = None
    backup: bool = True
    overwrite: bool = False
    durable: bool = True


def rewrite(  # noqa: PLR0913 - what is to be written, and where and how
    file: DicomFile,
    meta: bytes,
    body: Edited,
    target: Path | None,
    *,
    deflated: bool = False,
    backup: bool = True,
    overwrite: bool = False,
    durable: bool = True,
    root: Path | None = None,
) -> Path:
    """Write an edited file.

    Parameters
    ----------
    file : DicomFile
        What was read; it is still open.
    meta : bytes
        All that stands before the data set: preamble, prefix and file meta group, or nothing.
    body : Edited
        The data set.
    target : Path or None
        The name of the output; None to edit in place. Mode, owner and extended attributes of a
        file that is edited in place are kept, and a link to it stays one.
    deflated : bool
        Whether the data set is to be deflated (PS3.5 A.5).
    backup : bool
        Whether the file that is edited in place is kept, as NAME.bak, or where that is there, as
        NAME.bak.1 and so on.
    overwrite : bool
        Whether a target that is there may be replaced.
    durable : bool
        Whether to wait until the file is on stable storage. Its name is, after `sync_folders`.
    root : Path or None
        A folder that the target must not leave by any link.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    InputError
        The file cannot be read, or has changed since it was read.
    OutputError
        The output cannot be written, or is there already, or is the input itself.
    """
    try:
        with (
            InPlace(file, backup=backup)
            if target is None
            else _Elsewhere(file.status, target, overwrite=overwrite, durable=durable, root=root)
        ) as place:
            _sweep_once(place.path.parent)
            with incoming(place.path.parent) as new:
                _write(new, meta, body, deflated=deflated)
                place.put(new, durable=durable)
    except OSError as error:
        raise OutputError(str(target or file.path), reason(error)) from error
    return place.path


@contextmanager
def output(
    status: os.stat_result | None, target: Path, where: Destination, root: Path | None = None
) -> Iterator[Incoming]:
    """Open a file for an output that others write; it gets its name at the end of the block.

    Parameters
    ----------
    status : os.stat_result or None
        What the operating system says of the input, which must not be the output too, and which
        nobody may read who may not read the input; None where it is no file.
    target : Path
        The name of the output.
    where : Destination
        Whether an output that is there may be replaced, and whether to wait for stable storage.
    root : Path or None
        A folder that the target must not leave by any link.

    Raises
    ------
    OutputError
        The output cannot be written, or is there already, or is the input itself.
    """
    try:
        place = _Elsewhere(
            status, target, overwrite=where.overwrite, durable=where.durable, root=root
        )
        _sweep_once(place.path.parent)
        with incoming(place.path.parent) as new:
            yield new
            place.put(new, durable=where.durable)
    except OSError as error:
        raise OutputError(str(target), reason(error)) from error


def sync_folders(paths: Iterable[Path]) -> None:
    """Wait until the names of files that were written are on stable storage.

    Parameters
    ----------
    paths : iterable of Path
        The files; each folder that they are in is waited for once.

    Raises
    ------
    OutputError
        A folder cannot be written.
    """
    real = (os.path.realpath(path) if path.is_symlink() else path for path in paths)
    for folder in dict.fromkeys(Path(path).parent for path in real):
        try:
            with suppress(FileNotFoundError):  # there is nothing in it that could be lost
                sync(folder)
        except OSError as error:
            raise OutputError(str(folder), reason(error)) from error


def _write(new: Incoming, meta: bytes, body: Edited, *, deflated: bool) -> None:
    new.write(meta)
    if deflated:
        _deflate(new, body)
        return
    for piece in body.pieces():
        if isinstance(piece, bytes):
            new.write(piece)
        else:
            _copy(new, body, piece)


def _copy(new: Incoming, body: Edited, piece: Stretch) -> None:
    """Copy a long stretch: by the system where it moves by whole pages, or not at all.

    Then it is faster, and some file systems only note where the bytes are. Else it is slower.
    """
    done = 0
    if (piece.offset - new.size) % _PAGE == 0:
        done = -piece.offset % _PAGE
        for block in body.stretch(piece.offset, done):
            new.write(block)
        done += new.copy(piece.descriptor, piece.offset + done, piece.length - done)
    for block in body.stretch(piece.offset + done, piece.length - done):
        new.write(block)


def _deflate(new: Incoming, body: Edited) -> None:
    """Write a raw deflated stream, with a byte behind it where its length is odd (PS3.5 A.5)."""
    start = new.size
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body.seek(0)
    while block := body.read(_BLOCK):
        new.write(stream.compress(block))
    new.write(stream.flush())
    new.write(bytes((new.size - start) % 2))


class _Elsewhere:
    """A name that a file gets that is not the one that was read."""

    def __init__(
        self,
        status: os.stat_result | None,
        target: Path,
        *,
        overwrite: bool,
        durable: bool,
        root: Path | None,
    ) -> None:
        if overwrite and root is None:  # the file that was named is meant, not a link to it
            target = Path(os.path.realpath(target)) if target.is_symlink() else target
        self.path = target
        self._overwrite = overwrite
        self._mode = stat.S_IMODE(status.st_mode) if status else 0o666
        self._check(status)
        if root is None:
            make_folder(target.parent)
        else:
            _tree(root, durable).enter(target.parent)

    def __enter__(self) -> Self:
        """Do nothing; whether it may be written is known."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing; there is nothing to be closed."""

    def _check(self, source: os.stat_result | None) -> None:
        """See that nothing is there that must stay."""
        name = str(self.path)
        with suppress(FileNotFoundError):
            there = self.path.stat()
            if source is not None and os.path.samestat(there, source):
                hint = "Leave the output away to edit in place."
                raise OutputError(name, "is the input itself", hint)
            if not stat.S_ISREG(there.st_mode):
                what = "a folder" if stat.S_ISDIR(there.st_mode) else "not a regular file"
                raise OutputError(name, f"is {what}")
            if self._overwrite:  # what may not be written may not be replaced either
                os.close(os.open(self.path, os.O_WRONLY | OPEN_FLAGS))
        if not self._overwrite and os.path.lexists(self.path):
            raise self._taken()

    def _taken(self) -> TakenError:
        return TakenError(str(self.path), "is there already", "Give --overwrite to replace it.")

    def put(self, new: Incoming, *, durable: bool) -> None:
        """Give a file that is complete the name."""
        if os.name != "nt":  # whoever may not read the input may not read the output either
            mode = stat.S_IMODE(os.fstat(new.descriptor).st_mode)
            narrowed = mode & (self._mode | 0o600)
            if narrowed != mode:
                os.fchmod(new.descriptor, narrowed)
        if durable:
            new.sync()
        else:
            new.flush()
        if self._overwrite:
            new.rename(self.path)
        elif not take_name(new, self.path):
            raise self._taken()


@lru_cache(maxsize=16)
def _tree(root: Path, durable: bool) -> Tree:  # noqa: FBT001 - a key of the cache
    make_folder(root)
    return Tree(root, durable=durable)

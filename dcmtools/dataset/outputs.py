"""Decide where the output of each file of a batch goes, before any is written.

A folder that was named is mirrored. Nothing gets the name of another output or of an input, and
nothing lands outside the folder that outputs go to.
"""

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from dcmtools.dataset.files import Operand
from dcmtools.dataset.source import STDIN
from dcmtools.errors import DcmtoolsError, OutputError, UsageError

_BACKUP = re.compile(r"(.+)\.bak(\.[1-9][0-9]*)?", re.DOTALL)
_NO_NAMES = ("", os.curdir, os.pardir)
_SLASHES = (os.sep, os.altsep or os.sep)


class Planned(NamedTuple):
    """A file to work on, and where its output goes.

    Parameters
    ----------
    path : Path
        The file; ``-`` is standard input.
    named : bool
        Whether the user named it.
    error : DcmtoolsError or None
        Why there is nothing to be done.
    target : Path or None
        The output; None where the file is edited in place.
    root : Path or None
        The folder that outputs go to, where it is one.
    """

    path: Path
    named: bool = True
    error: DcmtoolsError | None = None
    target: Path | None = None
    root: Path | None = None


def plan_outputs(
    items: Sequence[Operand], operands: Sequence[str], output: str | Path | None
) -> list[Planned]:
    """Decide where outputs go.

    Parameters
    ----------
    items : sequence of Operand
        The files, in the order in which they are worked on.
    operands : sequence of str
        What the user named. The files of a folder get a folder of its name, unless it is alone.
    output : str, Path or None
        A folder, or where there is a single file, that file's new name; None to edit in place. A
        name that ends with ``/`` is a folder, whether it is there or not.

    Returns
    -------
    list of Planned
        The files, in the same order. An output that another has already is an error. Left out is
        what was met on a walk and is an output of before: what lies in the folder of outputs, and
        in place the backups.

    Raises
    ------
    OutputError
        The outputs need a folder, and there is a file.
    UsageError
        The output is a folder that was named as an input, or nothing that one can write to.
    """
    if output is None:
        return list(_in_place(items))
    name = os.fspath(output)
    if name in ("", str(STDIN)):
        hint = f"Name a file or a folder; ./{name} is one of that name." if name else ""
        raise UsageError(repr(name), "is no name for an output", hint)
    alone = max(len(operands), _count(items)) <= 1
    if alone and items and items[0].folder is None and not _is_folder(name):
        return _checked([Planned(*items[0][:3], target=Path(name))])
    if os.path.lexists(name) and not os.path.isdir(name):  # noqa: PTH112 - it is text
        raise OutputError(name, "is not a folder", "The outputs of many files need one.")
    return _checked(list(_in_folder(items, Path(name), alone=alone)))


def is_backup(path: Path) -> bool:
    """Tell whether a file is by its name the backup of one that is beside it."""
    match = _BACKUP.fullmatch(path.name)
    return match is not None and os.path.lexists(path.with_name(match[1]))


def _count(items: Sequence[Operand]) -> int:
    """Count what the user named, as far as there is something in it."""
    folders = {item.folder for item in items}
    return len(folders - {None}) + sum(item.folder is None for item in items)


def _is_folder(name: str) -> bool:
    return name.endswith(_SLASHES) or os.path.isdir(name)  # noqa: PTH112 - it is text


def _in_place(items: Sequence[Operand]) -> Iterator[Planned]:
    seen: dict[str, int] = {}
    identify = _Identifier()
    for number, item in enumerate(items):
        planned = Planned(*item[:3])
        if not item.named and is_backup(item.path):
            continue
        if item.error is None:
            if item.path == STDIN:
                hint = "Name an output with -o."
                error = OutputError(str(STDIN), "standard input cannot be edited in place", hint)
                planned = planned._replace(error=error)
            elif (first := seen.setdefault(identify(item.path), number)) != number:
                why = f"is the same file as {items[first].path}"
                planned = planned._replace(error=OutputError(str(item.path), why))
        yield planned


def _in_folder(items: Sequence[Operand], root: Path, *, alone: bool) -> Iterator[Planned]:
    layout = lru_cache(_Layout)
    for item in items:
        planned = Planned(*item[:3], root=root)
        if item.folder is None:
            inner = Path(item.path.name)
            if item.path == STDIN or item.path.name in _NO_NAMES:
                why, hint = "has no name for its output", "Name a file with -o."
                planned = planned._replace(error=OutputError(str(item.path), why, hint))
        else:
            folder = layout(item.folder, root)
            inner = _below(item.path, item.folder)
            if folder.outputs is not None and inner.is_relative_to(folder.outputs):
                continue
            inner = inner if alone else folder.name / inner
        yield planned if planned.error else planned._replace(target=root / inner)


class _Layout:
    """How a folder that was named lies to the folder of outputs."""

    def __init__(self, folder: Path, root: Path) -> None:
        real, outputs = Path(os.path.realpath(folder)), Path(os.path.realpath(root))
        if real == outputs:
            hint = "Leave the output away to edit in place."
            raise UsageError(str(root), "is an input too", hint)
        self.name = Path(real.name if folder.name in _NO_NAMES else folder.name)
        self.outputs = outputs.relative_to(real) if outputs.is_relative_to(real) else None


def _below(path: Path, folder: Path) -> Path:
    try:
        return path.relative_to(folder)
    except ValueError:  # one of them is called -, which is made absolute
        return Path(os.path.relpath(path, folder))


def _checked(plan: list[Planned]) -> list[Planned]:
    """See that no output has the name of another, or of an input."""
    identify = _Identifier()
    inputs = {identify(each.path): each.path for each in plan if each.path != STDIN}
    seen: dict[str, int] = {}
    for number, planned in enumerate(plan):
        if planned.target is None:
            continue
        target = str(planned.target)
        identity = identify(planned.target)
        hint = ""
        if (other := inputs.get(identity)) is not None:
            own = identity == identify(planned.path)
            why = f"its output {target} is " + ("itself" if own else f"the input {other}")
            hint = "Leave the output away to edit in place."
        elif (first := seen.setdefault(identity, number)) != number:
            why = f"its output {target} is that of {plan[first].path}"
        else:
            continue
        error = OutputError(str(planned.path), why, hint)
        plan[number] = planned._replace(error=error, target=None)
    return plan


class _Identifier:
    """Tells of names whether they are the same file; each folder is looked up once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def __call__(self, path: Path) -> str:
        """Give the real name of a file, whether it is there or not."""
        folder, name = os.path.split(path)
        if path.is_symlink():
            return os.path.normcase(os.path.realpath(path))
        if folder not in self._folders:
            self._folders[folder] = os.path.normcase(os.path.realpath(folder))
        return os.path.join(self._folders[folder], os.path.normcase(name))  # noqa: PTH118 - text

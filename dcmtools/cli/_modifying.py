"""Decide what the options of ``modify`` mean: its operations, in their order, and their manner."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from dcmtools.batch import Item, Outcome, Status
from dcmtools.cli._batch import WAITING, Batch, json_array
from dcmtools.cli._changes import shown
from dcmtools.cli._options import charset_named
from dcmtools.cli._ordered import OrderedCommand
from dcmtools.dataset.elements import SOP_INSTANCE_UID, SPECIFIC_CHARACTER_SET
from dcmtools.dataset.modify import Modified, Wanted, modified
from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.operations import (
    Action,
    Operation,
    check_vr,
    parse_operation,
    read_script,
)
from dcmtools.dataset.outputs import Planned
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.rewrite import Destination, sync_folders
from dcmtools.dataset.source import STDIN
from dcmtools.errors import InputError, UsageError, reason
from dcmtools.output.emit import Output

if TYPE_CHECKING:
    from dcmtools.dataset.conditions import Condition
    from dcmtools.dataset.new_uids import NewUids

_ACTIONS = {action.replace("-", "_"): action for action in Action}
_SALT = 16  # bytes
_FEW = 2  # threads, where there is nothing to wait for


class Shape(StrEnum):
    """How ``--dry-run`` shows what would change."""

    TEXT = "text"
    JSON = "json"
    NDJSON = "ndjson"


def read_operations(command: object, rules: Rules) -> tuple[Operation, ...]:
    """Read the operations in the order of the command line.

    Raises
    ------
    UsageError
        One is none, or cannot be done to any file.
    InputError
        A script cannot be read.
    """
    if not isinstance(command, OrderedCommand):
        raise TypeError(command)
    given = list(command.given(*_ACTIONS, "script", "vr"))
    vrs = [check_vr(value) for name, value in given if name == "vr"]
    if len(vrs) > 1 and given[0][0] != "vr":
        hint = "Put the first one before all operations."
        raise UsageError("--vr", "is given again, and each holds for what follows it", hint)
    vr = vrs[0] if vrs else ""
    operations: list[Operation] = []
    for name, value in given:
        if name == "vr":
            vr = check_vr(value)
        elif name == "script":
            operations += read_script(_script(value), value, vr=vr, rules=rules)
        else:
            operations.append(parse_operation(_ACTIONS[name], value, vr=vr, rules=rules))
    return tuple(operations)


def _script(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(name, "is no script: that is text in UTF-8") from error
    except (OSError, ValueError) as error:
        raise InputError(name, reason(error)) from error


def read_levels(text: str | None) -> tuple[str, ...]:
    """Read which UIDs are to become new ones: ``study,series,instance``, or some of them.

    Raises
    ------
    UsageError
        There is another word.
    """
    if not text:
        return ()
    from dcmtools.dataset.uids_in_tree import LEVELS  # noqa: PLC0415 - seldom asked for

    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in LEVELS:
            raise UsageError("--new-uids", f"'{name}' is not one of {', '.join(LEVELS)}")
    return tuple(dict.fromkeys(names))


def new_uids(levels: tuple[str, ...]) -> "NewUids | None":
    """Give what makes new UIDs, others in each run; None where none are wanted."""
    if not levels:
        return None
    from dcmtools.dataset.new_uids import NewUids  # noqa: PLC0415 - seldom asked for

    return NewUids(os.urandom(_SALT))


def read_conditions(texts: Sequence[str] | None) -> "tuple[Condition, ...]":
    """Read what a file must meet.

    Raises
    ------
    UsageError
        Something is no condition.
    """
    if not texts:
        return ()
    from dcmtools.dataset.conditions import Condition  # noqa: PLC0415 - seldom asked for

    return tuple(map(Condition.parse, texts))


def read_charset(text: str) -> str:
    """Read the name of a character set.

    Raises
    ------
    UsageError
        There is none of this name.
    """
    if not text:
        return ""
    from dcmtools.dataset.recode import check_charset  # noqa: PLC0415 - seldom asked for

    return "\\".join(check_charset(charset_named(text)))


def check_stdin(**options: str | Sequence[str] | None) -> None:
    """See that no two things are to be read from standard input.

    Parameters
    ----------
    **options : str, sequence of str or None
        What was named, by option.

    Raises
    ------
    UsageError
        It is named twice.
    """
    named = [[given] if isinstance(given, str) else given or () for given in options.values()]
    if sum(list(names).count(str(STDIN)) for names in named) > 1:
        raise UsageError(str(STDIN), "is named twice, and standard input can be read once")


def check_together(wanted: Wanted, shape: Shape | None, *, dry_run: bool) -> None:
    """Refuse what does not go together, and to do nothing at all.

    Raises
    ------
    UsageError
        Something is missing, or there is too much.
    """
    if not (wanted.operations or wanted.levels or wanted.charset):
        raise UsageError("modify", "is not told what to do", "-i PATH=VALUE sets an element.")
    if wanted.charset and any(each.tag == SPECIFIC_CHARACTER_SET for each in wanted.operations):
        raise UsageError("--charset", "does not go with an operation on SpecificCharacterSet")
    if shape is not None and not dry_run:
        raise UsageError("--format", "goes with --dry-run")


@dataclass(frozen=True, slots=True)
class ModifyWork:
    """Edit one file: the work of a batch.

    Parameters
    ----------
    wanted : Wanted
        What is to be done.
    where : Destination
        Where it goes.
    shape : Shape or None
        How changes are shown; None to make them.
    create : bool
        Whether a file that is not there is made.
    color : bool
        Whether changes are shown in colour.
    max_inflated : int
        The most bytes that a deflated data set may inflate to.
    """

    wanted: Wanted
    where: Destination
    shape: Shape | None
    create: bool
    color: bool
    max_inflated: int

    def __call__(self, item: Item) -> Iterator[str | Outcome]:
        """Edit the file; give what changes where that is only to be shown, then the outcome."""
        if not isinstance(item, Planned):
            raise TypeError(item)
        with ExitStack() as stack:
            path, target = item.path, item.target
            makes = self.create and item.named and path != STDIN and not os.path.lexists(path)
            if makes:
                from dcmtools.dataset.new_file import empty_file  # noqa: PLC0415 - likewise

                path, target = stack.enter_context(empty_file()), target or path
            file = stack.enter_context(DicomFile(path, max_inflated=self.max_inflated))
            found = modified(file, self.wanted, makes=str(item.path) if makes else "")
            if found is None:
                yield Outcome(item.path, Status.EXCLUDED, ("is not one that --if means",))
                return
            done = found.is_changed or target is not None
            status = Status.DONE if done else Status.UNCHANGED
            if self.shape is not None:
                yield self._shown(item.path, found)
            elif done:
                found.write(target, self.where, item.root)
            yield Outcome(item.path, status, warnings=found.warnings)

    def _shown(self, path: Path, found: Modified) -> str:
        changes = found.changes()
        if self.shape is Shape.TEXT:
            return shown(path, changes, color=self.color)
        name = json.dumps(os.fsencode(path).decode("utf-8", "backslashreplace"), ensure_ascii=False)
        each = ", ".join(change.json() for change in changes)
        return f'{{"file": {name}, "changes": [{each}]}}' + "\n" * (self.shape is Shape.NDJSON)


def edit(
    plan: Sequence[Planned],
    work: ModifyWork,
    batch: Batch,
    *,
    jobs: int,
    fail_fast: bool,
    many: bool,
) -> None:
    """Edit the files, and wait until what was written is on stable storage.

    Parameters
    ----------
    plan : sequence of Planned
        The files.
    work : ModifyWork
        What is done to each.
    batch : Batch
        What tells and counts how it went.
    jobs : int
        How many processes to use; 0 chooses.
    fail_fast : bool
        Whether to stop at the first file that fails.
    many : bool
        Whether there are, or may be, several files.
    """
    wanted = work.wanted
    if (
        len(plan) > 1
        and wanted.manner.rules.validate
        and any(map(_names_instance, wanted.operations))
    ):
        why = "would make one instance of all files"
        raise UsageError("SOPInstanceUID", why, "--new-uids instance gives each a new one.")
    if wanted.uids is not None:  # what refers to a file may come before it
        from dcmtools.dataset.uids_in_tree import know_uids  # noqa: PLC0415 - seldom asked for

        for item in plan:
            know_uids(item.path, wanted.uids, wanted.levels, wanted.conditions)
    writes = work.shape is None
    waits = work.where.durable and writes
    threads = 1
    if fail_fast:  # nothing behind the first that fails is touched
        jobs = 1
    elif writes and len(plan) > 1:  # an interrupt ends no thread amid a file
        threads = WAITING if waits else _FEW
    with Output() as out:
        pieces = batch.run(
            plan, work, jobs=jobs, threads=threads, fail_fast=fail_fast, alone=writes
        )
        for piece in _framed(pieces, work.shape, many=many):
            out.write(piece) if piece else out.flush()
    if waits:
        sync_folders(item.target or item.path for item in plan if item.error is None)


def _names_instance(operation: Operation) -> bool:
    return operation.tag == SOP_INSTANCE_UID and operation.action in (Action.INSERT, Action.MODIFY)


def _framed(pieces: Iterable[str], shape: Shape | None, *, many: bool) -> Iterator[str]:
    """Put around the files what the format wants around them."""
    if shape is Shape.JSON and many:
        yield from json_array(pieces)
        return
    for piece in pieces:
        yield piece + "\n" if piece and shape is Shape.JSON else piece

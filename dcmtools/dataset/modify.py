"""Edit a file as a whole: which files are meant, in which order things are done, what to warn of.

First UIDs are replaced, then text is put into another character set, then the operations are done
as they stand: what is set is never replaced. The file meta group follows the data set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dcmtools.dataset.editor import PLAIN, Editor, Manner
from dcmtools.dataset.elements import SPECIFIC_CHARACTER_SET
from dcmtools.dataset.meta_group import follow, meta_bytes, read_meta
from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.operations import Operation, read_script
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.rewrite import Destination, rewrite, sync_folders
from dcmtools.dataset.splices import Edited
from dcmtools.dataset.tree import Tree, read_tree
from dcmtools.errors import NotDicomError

if TYPE_CHECKING:
    from dcmtools.dataset.changes import Change
    from dcmtools.dataset.conditions import Condition
    from dcmtools.dataset.new_uids import NewUids


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done, and to which files.

    Parameters
    ----------
    operations : tuple of Operation
        What is done, in this order.
    conditions : tuple of Condition
        What a file must meet.
    manner : Manner
        How operations are done.
    uids : NewUids or None
        What gives new UIDs; None to replace none.
    levels : tuple of str
        Of which levels the UIDs are replaced: keys of `dcmtools.dataset.uids_in_tree.LEVELS`.
    charset : str
        The Specific Character Set that all text is put into; "" to leave it.
    """

    operations: tuple[Operation, ...] = ()
    conditions: "tuple[Condition, ...]" = ()
    manner: Manner = PLAIN
    uids: "NewUids | None" = None
    levels: tuple[str, ...] = ()
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Modified:
    """A file with its edit, which is not written yet.

    Parameters
    ----------
    file : DicomFile
        The file; it has to stay open.
    meta : bytes
        All that stands before the data set.
    body : Edited
        The data set.
    is_changed : bool
        Whether any byte is another.
    warnings : tuple of str
        What the user should know.
    """

    file: DicomFile
    meta: bytes
    body: Edited
    is_changed: bool
    warnings: tuple[str, ...]
    _trees: tuple[Tree, ...]

    def changes(self) -> "list[Change]":
        """List what changes, the file meta group first."""
        from dcmtools.dataset.changes import changes  # noqa: PLC0415 - only to show them

        return [change for tree in self._trees for change in changes(tree)]

    def write(self, target: Path | None, where: Destination, root: Path | None = None) -> Path:
        """Write it; see `dcmtools.dataset.rewrite.rewrite`."""
        return rewrite(
            self.file,
            self.meta,
            self.body,
            target,
            deflated=self.file.header.deflated,
            backup=where.backup,
            overwrite=where.overwrite,
            durable=where.durable,
            root=root,
        )


def modified(file: DicomFile, wanted: Wanted, *, makes: str = "") -> Modified | None:
    """Edit a file, without writing anything.

    Parameters
    ----------
    file : DicomFile
        The file.
    wanted : Wanted
        What is to be done.
    makes : str
        What to call the file in errors where it is new and empty; "" where it is there.

    Returns
    -------
    Modified or None
        None where the file is not one of those that are meant.

    Raises
    ------
    NotDicomError
        It is a DICOMDIR.
    InputError
        The file is damaged, or cannot be edited so.
    UsageError
        An element cannot have its value in this file.
    """
    if file.header.is_directory:
        why = "is a DICOMDIR, whose records point to bytes in it"
        raise NotDicomError(str(file.path), why, "It is made anew from its files.")
    tree = read_tree(file)
    if wanted.conditions and not _is_meant(tree, wanted.conditions):
        return None
    meta = read_meta(file)
    if wanted.uids is not None:
        from dcmtools.dataset.uids_in_tree import replace_uids  # noqa: PLC0415 - seldom asked for

        replace_uids(tree, wanted.uids, wanted.levels)
    if wanted.charset:
        from dcmtools.dataset.recode import recode  # noqa: PLC0415 - seldom asked for

        recode(tree, wanted.charset)
    before = tree.root.charset
    Editor(tree, meta, wanted.manner).apply(wanted.operations)
    if makes:
        from dcmtools.dataset.new_file import complete  # noqa: PLC0415 - seldom asked for

        complete(tree, makes)
    follow(meta, tree)
    warnings = [str(problem) for problem in file.problems]
    warnings += _relabelled(tree, before, wanted.operations)
    body, head = tree.edited(tail=True), meta_bytes(file, meta)
    is_changed = body.is_changed or (meta is not None and head != meta_bytes(file, None))
    trees = (tree,) if meta is None else (meta, tree)
    return Modified(file, head, body, is_changed, tuple(warnings), trees)


def _is_meant(tree: Tree, conditions: "Sequence[Condition]") -> bool:
    from dcmtools.dataset.conditions import meets_tree  # noqa: PLC0415 - seldom asked for

    return meets_tree(tree, conditions)


def _relabelled(tree: Tree, before: bytes, operations: Sequence[Operation]) -> list[str]:
    """Warn where text that was there is to be read in another character set now."""
    if all(each.tag != SPECIFIC_CHARACTER_SET for each in operations):
        return []
    from dcmtools.dataset.recode import reads_differently  # noqa: PLC0415 - seldom asked for

    if not reads_differently(tree, before, tree.root.charset):
        return []
    return ["the text that was there reads differently now; --charset would have kept it"]


def modify(  # noqa: PLR0913 - what is done, to what, and where it goes
    path: str | Path,
    operations: Iterable[str],
    output: str | Path | None = None,
    *,
    backup: bool = True,
    overwrite: bool = False,
    durable: bool = True,
) -> Path:
    """Edit a file.

    Parameters
    ----------
    path : str or Path
        The file.
    operations : iterable of str
        What is done, in this order: ``modify PatientID=4711``, ``erase PatientComments``; see
        `dcmtools.dataset.operations.Action` for all of them.
    output : str, Path or None
        The name of another file that is written; None to edit in place.
    backup, overwrite, durable
        As for `dcmtools.dataset.rewrite.Destination`.

    Returns
    -------
    Path
        The file that was written; `path` where nothing has changed.

    Raises
    ------
    UsageError
        An operation is none, or an element cannot have its value.
    InputError
        The file is damaged, or cannot be edited so.
    OutputError
        The output cannot be written, or is there already.
    """
    rules = Rules(binary=True)
    wanted = Wanted(
        tuple(each for line in operations for each in read_script(line, "operation", rules=rules)),
        manner=Manner(rules),
    )
    target = None if output is None else Path(output)
    where = Destination(target, backup, overwrite, durable)
    with DicomFile(Path(path)) as file:
        found = modified(file, wanted)
        if found is None or not (found.is_changed or target is not None):
            return Path(path)
        written = found.write(target, where)
    if durable:
        sync_folders([written])
    return written

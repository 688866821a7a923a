"""Change a data set on its way to somewhere: set values, replace UIDs, leave the file alone.

What can be set is narrower than what `dcmtools.dataset.operations` can do to a file: what says of
which kind an object is, or in which characters its text is, is not for changing in passing.
"""

from collections.abc import Iterable

from dcmtools.dataset.editor import Editor
from dcmtools.dataset.elements import SOP_CLASS_UID, SPECIFIC_CHARACTER_SET
from dcmtools.dataset.new_rules import STRICT
from dcmtools.dataset.new_uids import NewUids
from dcmtools.dataset.operations import META_GROUP, Action, Operation, parse_operation
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.splices import Edited
from dcmtools.dataset.tree import is_creator, read_tree
from dcmtools.dataset.uids_in_tree import replace_uids
from dcmtools.errors import UsageError


def parse_assignment(text: str) -> Operation:
    """Read what is to be set.

    Parameters
    ----------
    text : str
        ``PATH=VALUE``; the value starts behind the first equals sign that is not part of a
        private creator, and may hold others. ``PATH=`` sets no value.

    Raises
    ------
    UsageError
        The path is none, or the element cannot be set, or cannot have that value.
    """
    if "=" not in text:
        raise UsageError(text, "is not an assignment", "Write PATH=VALUE; PATH= sets no value.")
    operation = parse_operation(Action.INSERT, text, rules=STRICT)
    if operation.path is not None:
        _check(operation.path)
    return operation


def _check(path: TagPath) -> None:
    for node in path.nodes:
        if node.tag >> 16 == META_GROUP:
            hint = "A data set has attributes from group 0008 on."
            raise UsageError(str(path), "is not an attribute of a data set", hint)
        if is_creator(node.tag) and not node.creator:
            why = "says to whom private elements belong, and is not set"
            raise UsageError(str(path), why)
        if node.tag == SPECIFIC_CHARACTER_SET:
            why = "says in which characters the text is, and setting it would garble what is there"
            raise UsageError(str(path), why)
        if node.item == "*":
            hint = "Name one item: Sequence[0].Element."
            raise UsageError(str(path), "has a wildcard, and only one element can be set", hint)
    if len(path.nodes) == 1 and path.nodes[0].tag == SOP_CLASS_UID:
        why = "says of which kind the object is, and setting it would not make another kind of it"
        raise UsageError(str(path), why)


def edited(
    file: DicomFile, assignments: Iterable[Operation] = (), uids: NewUids | None = None
) -> Edited:
    """Give the data set of a file with values set and UIDs replaced.

    Parameters
    ----------
    file : DicomFile
        The file; it has to stay open while the result is read.
    assignments : iterable of Operation
        What is set; elements, sequences and items that are not there are made. All copies of an
        element are set. What is set is not replaced by a new UID.
    uids : NewUids or None
        What gives new Study, Series and SOP Instance UIDs, and knows which others are replaced
        wherever they are; None to replace none.

    Returns
    -------
    Edited
        The data set, without what follows it in the file. It is never deflated.

    Raises
    ------
    InputError
        The file is damaged or cannot be read, or something cannot be set in it.
    UsageError
        An element cannot have its value in this file.
    """
    tree = read_tree(file)
    if uids is not None:
        replace_uids(tree, uids)
    Editor(tree).apply(assignments)
    return tree.edited()

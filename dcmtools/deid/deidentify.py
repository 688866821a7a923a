"""De-identify one file: a pure function of the file and the plan, which writes nothing.

What comes of it is spliced from the bytes of the file, so that pixel data are never in memory.
Preamble and file meta group are made anew; what follows the data set is left out. The transfer
syntax stays, a deflated data set is deflated again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from typing import TYPE_CHECKING

from dcmtools.dataset.changes import Change, changes
from dcmtools.dataset.conditions import meets_tree
from dcmtools.dataset.elements import (
    PIXEL_DATA,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from dcmtools.dataset.part10 import file_start
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.splices import Edited
from dcmtools.dataset.syntaxes import INFLATED
from dcmtools.dataset.tree import DataSet, Tree, read_tree
from dcmtools.dataset.values import text
from dcmtools.deid.identity import PATIENT_ID, PATIENT_NAME, identity_of, root_text
from dcmtools.deid.mapping import FileRecord
from dcmtools.deid.needles import needles_of
from dcmtools.deid.options import Retain
from dcmtools.deid.places import Places
from dcmtools.deid.plan import Plan
from dcmtools.deid.profile import Profile
from dcmtools.deid.references import drop_common_references, drop_copies
from dcmtools.deid.regions import decide
from dcmtools.deid.risks import BurnedInError, risks
from dcmtools.deid.statement import state
from dcmtools.deid.substitutes import Subject, Substitutes
from dcmtools.deid.treatment import Treatment
from dcmtools.errors import InputError

if TYPE_CHECKING:
    from dcmtools.pixels.blackener import Blackened
    from dcmtools.pixels.rectangles import Rectangle

__all__ = ["BurnedInError", "Deidentified", "deidentify", "rectangles"]

_PATIENT_MODULE = 0x0010
_MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003
_SHORT = 1024  # bytes of a value that tells two objects apart


@dataclass(frozen=True, slots=True)
class Deidentified:
    """A file that is de-identified and not written yet; the file it is from has to stay open.

    Parameters
    ----------
    meta : bytes
        All that stands before the data set: preamble, prefix and file meta group.
    body : Edited
        The data set.
    deflated : bool
        Whether the data set is to be deflated.
    transfer_syntax : str
        The UID of the transfer syntax, which is that of the file.
    study, series, sop_instance : str
        The new UIDs, "" for none.
    record : FileRecord
        What a map remembers of it.
    warnings : tuple of str
        What the user should know; none has a value of the file.
    """

    meta: bytes
    body: Edited
    deflated: bool
    transfer_syntax: str
    study: str
    series: str
    sop_instance: str
    record: FileRecord
    warnings: tuple[str, ...]
    _treatment: Treatment
    _tree: Tree

    @property
    def patient_id(self) -> str:
        """The new Patient ID."""
        return self.record.patient_id

    def value(self, keyword: str) -> str:
        """Give the new value of an attribute of the data set by its keyword, "" for none."""
        return self._treatment.recipe.value(keyword)

    def values(self, tags: frozenset[int]) -> dict[int, str]:
        """Give the new values of attributes of the data set by tag, of those that have one."""
        root = self._tree.root
        found = ((node.tag, node) for node in root.nodes if node.tag in tags and node.length)
        return {tag: text(node.raw, node.vr, root.charset) for tag, node in found}

    def changes(self) -> Iterator[Change]:
        """List what changes in the data set. It shows true values, and is for the user alone."""
        return changes(self._tree)


def rectangles(file: DicomFile, plan: Plan) -> "tuple[Rectangle, ...]":
    """Decide what is to be black in a file; () where nothing is.

    Where something is, `dcmtools.pixels.blackener.Blackener` has to write the file again first,
    and `deidentify` gets what it has written.

    Raises
    ------
    InputError
        The file is damaged.
    """
    if not plan.regions:
        return ()
    return decide(plan.regions, partial(meets_tree, read_tree(file)))


def deidentify(file: DicomFile, plan: Plan, blackened: "Blackened | None" = None) -> Deidentified:
    """De-identify a file.

    Parameters
    ----------
    file : DicomFile
        The file; where regions of it were made black, the one that has them.
    plan : Plan
        What is done.
    blackened : Blackened or None
        What was made black in it.

    Returns
    -------
    Deidentified
        The same for the same file and plan, in whatever process.

    Raises
    ------
    InputError
        The file is damaged, is a DICOMDIR or no object at all, its patient is not in the map, or
        what the recipe says cannot be done to it.
    BurnedInError
        It may show text, and the plan says that it is not to be written then.
    """
    name = str(file.path)
    if file.header.is_directory:
        why = "is a DICOMDIR, which lists what other files say of patients"
        raise InputError(name, why, "Make a new one of the outputs.")
    tree = read_tree(file)
    sop_class = root_text(tree.root, SOP_CLASS_UID, "UI")
    if not sop_class:
        raise InputError(name, "has no SOP Class UID, so that nobody knows what it is")
    _name_instance(file, tree, plan)
    warnings = risks(tree, plan, is_black=blackened is not None)
    engine = _engine(plan)
    substitutes = Substitutes(plan.key, plan.uid_root, sop_class, _subject(tree, plan))
    choice = plan.recipe.chosen(partial(meets_tree, tree)) if plan.recipe.rules else None
    treatment = Treatment(tree, plan.options, engine.places(sop_class), substitutes, choice)
    treatment.run()
    if blackened is not None and blackened.has_copies:
        drop_copies(tree)
    drop_common_references(tree.root)
    _search(plan, treatment)
    treatment.recipe.finish()
    _check_patient(tree, substitutes, treatment)
    kept = tuple(treatment.recipe.kept)
    state(
        tree.root,
        plan.options.methods(regions_applied=blackened is not None),
        plan.options.temporal_information,
        is_removed=not kept,
        has_recipe=choice is not None,
    )
    if kept:
        names = ", ".join(kept)
        warnings.append(f"the recipe keeps {names}, so Patient Identity Removed is NO")
    warnings += _told(treatment, substitutes)
    return _finished(file, tree, treatment, substitutes, warnings)


class _Engine:
    """The profile of a run, and the places of the objects that it has met."""

    def __init__(self, plan: Plan) -> None:
        self._profile = Profile(plan.options)
        self.places = lru_cache(maxsize=64)(partial(Places, self._profile))


@lru_cache(maxsize=2)
def _engine(plan: Plan) -> _Engine:
    return _Engine(plan)


# Before


def _name_instance(file: DicomFile, tree: Tree, plan: Plan) -> None:
    """See that the object has a SOP Instance UID.

    The file meta group may have it alone. Where nothing names the instance, its short values do.
    """
    root = tree.root
    if root_text(root, SOP_INSTANCE_UID, "UI"):
        return
    named = (file.value(each) for each in file.meta if each.tag == _MEDIA_STORAGE_SOP_INSTANCE_UID)
    raw = next(named, b"")
    if not raw.strip(b" \0"):
        content = sha256(_short_values(root)).hexdigest()
        raw = plan.key.uid(content, plan.uid_root).encode()
    for node in root.find(SOP_INSTANCE_UID) or [root.add(SOP_INSTANCE_UID, "UI")]:
        node.set(raw, "UI")


def _short_values(root: DataSet) -> bytes:
    nodes = (node for node in root.nodes if node.items is None and node.length <= _SHORT)
    return b"".join([b"%08x%08x" % (node.tag, node.length) + node.raw for node in nodes])


def _subject(tree: Tree, plan: Plan) -> Subject:
    identity = identity_of(tree)
    if plan.patients is not None:
        pseudonym = plan.patients.pseudonym(identity, str(tree.file.path))
    else:
        pseudonym = plan.key.pseudonym(identity)
    moves = Retain.DATES_SHIFTED in plan.options.retain
    shift = plan.key.shift(identity, plan.max_shift) if moves else 0
    return Subject(root_text(tree.root, PATIENT_ID, "LO"), pseudonym, shift)


# After


def _search(plan: Plan, treatment: Treatment) -> None:
    uids = () if Retain.UIDS in plan.options.retain else treatment.own_uids
    treatment.net.search(needles_of(frozenset(treatment.harvest.identities)), uids)


def _check_patient(tree: Tree, substitutes: Substitutes, treatment: Treatment) -> None:
    """See that there is a Patient ID, whatever was there and whatever the recipe says."""
    root = tree.root
    found = root.find(PATIENT_ID)
    if not found and any(
        node.tag == STUDY_INSTANCE_UID or node.tag >> 16 == _PATIENT_MODULE
        for node in root.all_nodes
    ):
        found = [root.add(PATIENT_ID, "LO")]
        treatment.recipe.write(found[0], "LO", substitutes.subject.pseudonym.patient_id)
    for node in found:
        if not text(node.raw, "LO", root.charset).strip():
            hint = "Correct the rule for PatientID in the recipe."
            raise InputError(str(tree.file.path), "its Patient ID would be empty", hint)


def _told(treatment: Treatment, substitutes: Substitutes) -> Iterator[str]:
    if treatment.net.found:
        names = ", ".join(treatment.net.found)
        yield f"has identities where no rule looks for them, taken out of {names}"
    if substitutes.has_document:
        yield "its document is replaced by an empty one, for nobody can look for names in it"


def _finished(
    file: DicomFile,
    tree: Tree,
    treatment: Treatment,
    substitutes: Substitutes,
    warnings: list[str],
) -> Deidentified:
    body = tree.edited()
    header = file.header
    deflated = header.deflated and INFLATED.get(header.transfer_syntax) == body.transfer_syntax
    is_encapsulated = any(node.is_encapsulated for node in tree.root.find(PIXEL_DATA))
    syntax = body.transfer_syntax
    if deflated or (is_encapsulated and header.transfer_syntax not in INFLATED):
        syntax = header.transfer_syntax
    if not syntax:
        raise InputError(str(file.path), "is encoded as no transfer syntax has it")
    if damage := file.damage:  # a value that was read late may have been cut meanwhile
        raise InputError(str(file.path), str(damage), "Nothing of it is written.")
    root = tree.root
    series = root_text(root, SERIES_INSTANCE_UID, "UI")
    uids = substitutes.uids
    if body.sop_instance not in uids.values():
        uids = uids | {body.sop_instance: body.sop_instance}
    record = FileRecord(
        patient_id=root_text(root, PATIENT_ID, "LO"),
        patient_name=root_text(root, PATIENT_NAME, "PN"),
        series=series,
        instance=body.sop_instance,
        uids=tuple(uids.items()),
        texts=tuple(treatment.harvest.originals.items()),
        shift=substitutes.subject.shift if substitutes.shifted else 0,
        shifted=tuple(sorted(substitutes.shifted)),
    )
    return Deidentified(
        meta=file_start(body.sop_class, body.sop_instance, syntax),
        body=body,
        deflated=deflated,
        transfer_syntax=syntax,
        study=root_text(root, STUDY_INSTANCE_UID, "UI"),
        series=series,
        sop_instance=body.sop_instance,
        record=record,
        warnings=(*warnings, *(problem.without_value for problem in file.problems)),
        _treatment=treatment,
        _tree=tree,
    )

"""Decide by what a patient is known, so that all files of one get the same pseudonym and shift.

Rather two pseudonyms for one patient than one for two: the first splits a history, the second mixes
two people. So case counts, as it does when a Patient ID is matched (PS3.4 C.2.2.2.1); padding and
the way an accent is encoded do not. A patient with an issuer in some files only is two.
"""

import re
from hashlib import sha256
from typing import NamedTuple
from unicodedata import normalize

from dcmtools.dataset import values
from dcmtools.dataset.elements import SOP_INSTANCE_UID, STUDY_INSTANCE_UID
from dcmtools.dataset.tree import DataSet, Tree

PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
ISSUER_OF_PATIENT_ID = 0x00100021
PATIENT_BIRTH_DATE = 0x00100030

_PADDING = " \0"
_DAY = re.compile(r"[0-9]{8}")
_SHORT = 1024  # bytes of a value that helps to tell two files apart


class PatientIdentity(NamedTuple):
    """What a patient is known by; it goes through a key before anybody sees it."""

    kind: str
    """``id``, ``name``, ``study``, ``instance`` or ``values``; what `identify` found."""
    parts: tuple[str, ...]
    """The values; for ``id`` the Patient ID and its issuer."""


class Pseudonym(NamedTuple):
    """What a patient is called instead."""

    patient_id: str
    patient_name: str


def identify(
    patient_id: str,
    issuer: str = "",
    name: str = "",
    birth_date: str = "",
    study_instance_uid: str = "",
) -> PatientIdentity | None:
    """Find what a patient is known by.

    Parameters
    ----------
    patient_id, issuer : str
        Patient ID (0010,0020) and Issuer of Patient ID (0010,0021).
    name, birth_date : str
        Patient's Name (0010,0010) and Patient's Birth Date (0010,0030), which count together where
        there is no Patient ID; a birth date that is no whole date does not.
    study_instance_uid : str
        Study Instance UID (0020,000D), which counts where all else is missing.

    Returns
    -------
    PatientIdentity or None
        None where there is nothing to go by.
    """
    if number := normal(patient_id):
        return PatientIdentity("id", (number, normal(issuer)))
    person, day = _normal_name(name), normal(birth_date).replace(".", "")
    if person and _DAY.fullmatch(day):
        return PatientIdentity("name", (person, day))
    if study := normal(study_instance_uid):
        return PatientIdentity("study", (study,))
    return None


def identity_of(tree: Tree) -> PatientIdentity:
    """Find what the patient of a file is known by.

    Where nothing names a patient or a study, the file stands for itself: by its SOP Instance UID,
    or by its short values where it has none.
    """
    root = tree.root
    found = identify(
        root_text(root, PATIENT_ID, "LO"),
        root_text(root, ISSUER_OF_PATIENT_ID, "LO"),
        root_text(root, PATIENT_NAME, "PN"),
        root_text(root, PATIENT_BIRTH_DATE, "DA"),
        root_text(root, STUDY_INSTANCE_UID, "UI"),
    )
    if found is not None:
        return found
    if instance := root_text(root, SOP_INSTANCE_UID, "UI"):
        return PatientIdentity("instance", (instance,))
    content = sha256()
    for node in root.nodes:
        if node.length <= _SHORT and node.items is None:
            content.update(b"%08x%08x" % (node.tag, node.length) + node.raw)
    return PatientIdentity("values", (content.hexdigest(),))


def root_text(data_set: DataSet, tag: int, vr: str) -> str:
    """Read a text element, without padding; the first that has a value where it is there twice."""
    for node in data_set.find(tag):
        if text := values.text(node.raw, vr, data_set.charset).strip(_PADDING):
            return text
    return ""


def normal(text: str) -> str:
    """Give an identifier without what does not make it another one."""
    text = text.strip(_PADDING)
    return text if text.isascii() else normalize("NFC", text)


def _normal_name(name: str) -> str:
    """Leave out the empty components at the end of a name, which mean nothing (PS3.5 6.2.1)."""
    groups = [group.strip(_PADDING).rstrip("^ ") for group in normal(name).split("=")]
    return "=".join(groups).rstrip("=")

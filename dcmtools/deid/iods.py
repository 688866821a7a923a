"""Tell of which type an attribute is in an IOD, where the type decides what becomes of it.

The types are those of PS3.3, as `data/types.tsv` has them. They are looked up by the sequence that
holds the attribute, not by the whole path: a sequence says the same of its items wherever it is.
"""

from functools import cache
from typing import NamedTuple

from dcmtools.deid.tables import lines

NO_SEQUENCE = 0
OPTIONAL = "3"


NOT_HUMAN = (0x00102201, 0x00102202)
"""Patient Species Description and Code Sequence: one is there when the patient is an animal."""
CONDITIONS = {0x00102297: NOT_HUMAN, 0x00102299: NOT_HUMAN}
"""Attributes with the code X alone that are Type 2C on a condition that the object shows.

They are Responsible Person and Responsible Organization (PS3.3 C.7.1.1). The rule removes them, for
it knows no other element; where one of these is beside them they are to be emptied instead.
"""
COMMON_REFERENCES = (0x00081115, 0x00081200)
"""Sequences of the Common Instance Reference Module (PS3.3 C.12.2).

They list the instances that the rest of the object references, Type 1C. Where none of those
references is left, these go as well, if their items have `REFERENCED_INSTANCES`: in the first
sequence other modules say other things.
"""
REFERENCED_INSTANCES = 0x0008114A


class _Types(NamedTuple):
    """The types of an attribute at one place."""

    usual: str
    """In IODs that are not named; at the top level, in those that are not known."""
    by_iod: dict[str, str]


@cache
def _table() -> tuple[dict[str, str], dict[tuple[int, int], _Types]]:
    """Read the IOD of each SOP Class, and the types by tag and sequence."""
    iods: dict[str, str] = {}
    types: dict[tuple[int, int], _Types] = {}
    for line in lines("types.tsv"):
        kind, *cells = line.split("\t")
        if kind == "IOD":
            number, _, sop_classes = cells
            iods.update(dict.fromkeys(sop_classes.split(" "), number))
            continue
        tag, sequence, type_, numbers = cells
        key = (int(tag, 16), NO_SEQUENCE if sequence == "-" else int(sequence, 16))
        if numbers == "*":
            types[key] = _Types(type_, {})
        else:
            types[key].by_iod.update(dict.fromkeys(numbers.split(" "), type_))
    return iods, types


def type_of(tag: int, sop_class: str, sequence: int = NO_SEQUENCE) -> str:
    """Give the type of an attribute.

    Parameters
    ----------
    tag : int
        Group and element.
    sop_class : str
        The SOP Class UID of the object. Where it is not one of PS3.3, the type is the one that the
        attribute has in most IODs that have it.
    sequence : int
        The tag of the innermost sequence that holds it, or `NO_SEQUENCE`.

    Returns
    -------
    str
        "1", "2" or "3"; 1C counts as 1 and 2C as 2. An attribute that the IOD does not have is "3".
    """
    iods, types = _table()
    found = types.get((tag, sequence))
    if found is None:
        return OPTIONAL
    iod = iods.get(sop_class, "")
    unsaid = found.usual if sequence or not iod else OPTIONAL
    return found.by_iod.get(iod, unsaid)


def is_known(sop_class: str) -> bool:
    """Tell whether the types of an IOD are known."""
    return sop_class in _table()[0]

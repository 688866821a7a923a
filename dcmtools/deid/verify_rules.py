"""Decide what an output may hold of an attribute: the tables of PS3.15 Annex E, read a second time.

`verify` asks this and not the code that wrote the output, so that one mistake in reading does not
hide another. It tells what is not allowed, and leaves the writer free in the rest: where the table
has X/Z/D, an attribute may be absent, empty, or hold another value.
"""

import re
from enum import Enum
from functools import cache
from pathlib import Path
from typing import NamedTuple

from dcmtools.dataset.dictionary import PRIVATE_GROUP, lookup
from dcmtools.dataset.path import format_tag
from dcmtools.deid.options import Clean, Options, Retain

NO_SEQUENCE = 0
_DATA = Path(__file__).parent / "data"
_MOST_PLACES = 4096
_SHIFTED = "rtn_long_modif"
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_DATE_VRS = frozenset({"DA", "DT"})
_LAST_SERVICE_GROUP = 0x0006
_CURVES, _OVERLAYS = 0x50, 0x60
_DEFINITION = re.compile(
    r"\w*(SOPClass|TransferSyntax)\w*|(CodingScheme|Context|MappingResource)UID"
)
"""Keywords of UIDs that name no instance: classes, syntaxes, coding schemes, context groups."""
_FREE_TEXT = frozenset({0x00180024, 0x00283003, 0x00420010, 0x00700081})
"""Sequence Name, LUT Explanation, Document Title, Content Description: free text without a row."""
EMPTY_FOR_ANIMALS = frozenset({0x00102297, 0x00102299})
"""Responsible Person and Organization: Type 2C where the patient is an animal (PS3.3 C.7.1.1)."""


class Kind(Enum):
    """What may be found of an attribute."""

    STAYS = "it has no rule"
    KEPT = "an option keeps it"
    CLEANED = "it may be there, cleaned"
    CONTENT = "its items are content items, each with a rule of its own"
    SHIFTED = "it may be there with another date"
    UIDS = "it may be there with other UIDs"
    CHANGED = "it may be there with another value, or none"
    GONE = "it may not be there"
    PRIVATE = "its creator decides"


class Fate(NamedTuple):
    """What may be found of an attribute, and what says so."""

    kind: Kind
    row: str
    vr: str = ""
    """Its VR in the table or the dictionary, "" where they do not know it."""
    required: bool = False
    """Whether the attribute may not be left out."""


class _Row(NamedTuple):
    name: str
    vr: str
    basic: str
    options: dict[str, str]


class Place(dict[int, Fate]):
    """What may be found of the attributes at one place, by tag; worked out when first asked for."""

    def __init__(self, reading: "Reading", sop_class: str, sequence: int) -> None:
        super().__init__()
        self._reading = reading
        self._sop_class = sop_class
        self.sequence = sequence

    def __missing__(self, tag: int) -> Fate:
        """Read the row of a tag."""
        if len(self) >= _MOST_PLACES:
            self.clear()
        fate = self[tag] = self._reading.fate(tag, self._sop_class, self.sequence)
        return fate


class Reading:
    """The rules of Annex E under options.

    Parameters
    ----------
    options : Options
        What is kept and cleaned.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._columns = options.columns
        self._places: dict[tuple[str, int], Place] = {}

    def place(self, sop_class: str, sequence: int = NO_SEQUENCE) -> Place:
        """Give the rules in the items of a sequence, or in the data set itself.

        Parameters
        ----------
        sop_class : str
            The SOP Class UID of the object.
        sequence : int
            The tag of the innermost sequence.
        """
        key = (sop_class, sequence)
        found = self._places.get(key)
        if found is None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            found = self._places[key] = Place(self, sop_class, sequence)
        return found

    def fate(self, tag: int, sop_class: str, sequence: int) -> Fate:
        """Say what may be found of an attribute; see `place`."""
        row = _rows().get(tag)
        name = f"{format_tag(tag)} {row.name if row else keyword(tag)}".rstrip()
        if row is not None:
            listed = self._listed(row, f"Table E.1-1 {name}", _type(tag, sop_class, sequence))
            return listed._replace(vr=row.vr)
        if tag & PRIVATE_GROUP:
            is_open = Retain.SAFE_PRIVATE in self.options.retain
            kind = Kind.PRIVATE if is_open else Kind.GONE
            return Fate(kind, f"Table E.1-1 Private Attributes, {name}")
        if tag >> 16 <= _LAST_SERVICE_GROUP and tag & 0xFFFF:
            return Fate(Kind.GONE, f"{name} is no attribute of a data set")
        if tag >> 24 in (_CURVES, _OVERLAYS):
            if Clean.GRAPHICS in self.options.clean:
                return Fate(Kind.STAYS, name)
            what = "(50xx,xxxx)" if tag >> 24 == _CURVES else "(60xx,3000)"
            return Fate(Kind.GONE, f"Table E.1-1 {what}: {name}")
        return self._unlisted(tag, name)

    def _unlisted(self, tag: int, name: str) -> Fate:
        entry = lookup(tag)
        if entry is None:
            return Fate(Kind.GONE, f"{name} is in no dictionary")
        vr = entry.vr.split(" or ")[0]
        if vr == "UI" and not _DEFINITION.fullmatch(entry.keyword):
            kind = Kind.KEPT if Retain.UIDS in self.options.retain else Kind.UIDS
            return Fate(kind, f"a UID without a row: {name}", vr)
        if vr == "PN":
            return Fate(Kind.CHANGED, f"a name without a row: {name}", vr)
        if tag in _FREE_TEXT and Clean.DESCRIPTORS not in self.options.clean:
            return Fate(Kind.CHANGED, f"free text without a row: {name}", vr)
        return Fate(Kind.STAYS, name, vr)

    def _listed(self, row: _Row, name: str, type_: str) -> Fate:
        codes = {key: code for key, code in row.options.items() if key in self._columns}
        if codes.get(_SHIFTED) == "C":
            kind = Kind.SHIFTED if row.vr in _DATE_VRS else Kind.CLEANED
            return Fate(kind, f"{name}: C")
        if "K" in codes.values():
            return Fate(Kind.KEPT, f"{name}: K")
        if codes:
            return self._cleaned(row, name, codes)
        basic = row.basic
        row_name = f"{name}: {basic}"
        if basic == "X" and type_ == "3":
            return Fate(Kind.GONE, row_name)
        if "U" in basic or (row.vr == "UI" and "D" in basic):
            return Fate(Kind.UIDS, row_name, required=basic == "U")
        return Fate(Kind.CHANGED, row_name, required="X" not in basic)

    @staticmethod
    def _cleaned(row: _Row, name: str, codes: dict[str, str]) -> Fate:
        row_name = f"{name}: C"
        if row.vr in _BINARY:
            return Fate(Kind.CHANGED, row_name)
        if row.vr == "SQ" and "clean_struct" in codes:
            return Fate(Kind.CONTENT, row_name)
        return Fate(Kind.CLEANED, row_name)

    def content_item(self, concept: tuple[str, str, str]) -> Fate:
        """Say what may be found of a content item of an SR document.

        Parameters
        ----------
        concept : tuple of str
            Code Value and Coding Scheme Designator of its concept name, and its Value Type.
        """
        row = _content_rows().get(concept)
        if row is None:
            return Fate(Kind.STAYS, "")
        codes = {code for key, code in row.options.items() if key in self._columns}
        name = f"Table E.3.4-1 {row.name}, {row.vr}"
        if codes:
            return Fate(Kind.CLEANED, f"{name}: {'/'.join(sorted(codes))}")
        return Fate(Kind.GONE if row.basic == "X" else Kind.CHANGED, f"{name}: {row.basic}")

    def private(self, tag: int, creator: str) -> Fate:
        """Say what may be found of a private element, where those that are safe may stay.

        Parameters
        ----------
        tag : int
            Group and element.
        creator : str
            The private creator of its block; for the element that reserves a block, its value.
        """
        name = f"Table E.1-1 Private Attributes, {format_tag(tag)}"
        safe, number = _safe().get(creator.strip(" \0"), {}), tag & 0xFFFF
        if number <= 0xFF:  # noqa: PLR2004 - PS3.5 7.8.1
            owned = any(each >> 16 == tag >> 16 for each in safe)
            return Fate(Kind.CLEANED if owned else Kind.GONE, name)
        vr = safe.get(tag & 0xFFFF00FF)
        if vr is None:
            return Fate(Kind.GONE, f"{name}, is not in Table E.3.10-1")
        if vr == "UI" and Retain.UIDS not in self.options.retain:
            return Fate(Kind.UIDS, name, vr)
        return Fate(Kind.CLEANED, name, vr)


def method_codes(options: Options, *, regions: bool) -> set[str]:
    """Give the codes of CID 7050 that say what was done under options.

    Parameters
    ----------
    options : Options
        The options.
    regions : bool
        Whether regions of the pixels were blanked.
    """
    keys = {"basic", *options.columns} - {"clean_pixel"}
    return {_methods()[key] for key in keys | ({"clean_pixel"} if regions else set())}


def known_methods() -> set[str]:
    """Give all codes of CID 7050."""
    return set(_methods().values())


@cache
def _methods() -> dict[str, str]:
    """Read CID 7050: the code by the key of the option."""
    return {line[0]: line[1] for line in _lines("methods.tsv")}


def keyword(tag: int) -> str:
    """Give the keyword of a standard attribute, "" where it has none."""
    entry = lookup(tag)
    return entry.keyword if entry else ""


def _lines(name: str) -> list[list[str]]:
    text = (_DATA / name).read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return lines if name == "types.tsv" else lines[1:]


@cache
def _header(name: str) -> list[str]:
    text = (_DATA / name).read_text(encoding="utf-8")
    return next(line for line in text.splitlines() if not line.startswith("#")).split("\t")


@cache
def _rows() -> dict[int, _Row]:
    """Read Table E.1-1 by tag."""
    columns = _header("attributes.tsv")[4:]
    return {
        int(tag, 16): _Row(
            name, vr, basic, {k: v for k, v in zip(columns, cells, strict=True) if v}
        )
        for tag, name, vr, basic, *cells in _lines("attributes.tsv")
    }


@cache
def _content_rows() -> dict[tuple[str, str, str], _Row]:
    """Read Table E.3.4-1 by code, scheme and value type."""
    columns = _header("content_items.tsv")[5:]
    return {
        (code, scheme, kind): _Row(
            meaning, kind, basic, {k: v for k, v in zip(columns, cells, strict=True) if v}
        )
        for code, scheme, kind, meaning, basic, *cells in _lines("content_items.tsv")
    }


@cache
def _safe() -> dict[str, dict[int, str]]:
    """Read Table E.3.10-1: by creator, the VRs by tag with the block left out."""
    found: dict[str, dict[int, str]] = {}
    for tag, creator, vr, _ in _lines("safe_private.tsv"):
        found.setdefault(creator, {})[int(tag, 16)] = vr
    return found


@cache
def _types() -> tuple[dict[str, str], dict[tuple[int, int, str], str]]:
    """Read the IOD of each SOP Class, and the types by tag, sequence and IOD; "*" for the rest."""
    iods: dict[str, str] = {}
    types: dict[tuple[int, int, str], str] = {}
    for kind, first, second, third, *rest in _lines("types.tsv"):
        if kind == "IOD":
            iods.update(dict.fromkeys(third.split(), first))
            continue
        sequence = NO_SEQUENCE if second == "-" else int(second, 16)
        for iod in rest[0].split():
            types[int(first, 16), sequence, iod] = third
    return iods, types


def _type(tag: int, sop_class: str, sequence: int) -> str:
    """Give the type of an attribute, "3" where nothing is said of it."""
    iods, types = _types()
    iod = iods.get(sop_class, "*")
    found = types.get((tag, sequence, iod))
    if found is None and (sequence or iod == "*"):
        found = types.get((tag, sequence, "*"))
    return found or "3"

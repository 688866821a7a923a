"""A plain de-identification to hold the checker against: it edits what the adversary wrote.

It is not a model of how to do it: it knows from the adversary which element is there for what.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tests.deid.adversary import Folder, Made
from tests.deid.coding import Element, Elements, Form, Note, Value, ordered, part10
from tests.deid.facts import (
    DOCUMENTS,
    OPTIONS,
    SOP_CLASSES,
    ContentRow,
    Row,
    content_rows,
    row_of,
    safe_private,
    type_in,
)
from tests.deid.judging import CONTENT_SEQUENCE, NO_VALUE, PATIENT_ID, concept
from tests.deid.outcomes import TEXTS, day_of
from tests.deid.planting import attribute, code, element

DUMMIES: dict[str, Value] = {
    "AE": "ANY",
    "AS": "030Y",
    "CS": "ANY",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "PN": "Nemo^Nobody",
    "TM": "000000",
    "UI": "2.25.4711",
    "UR": "http://a.example/",
    "US": (0,),
    "OB": b"\0\0",
    "OW": b"\0\0",
    "UN": b"\0\0",
}


class Settings(NamedTuple):
    """What the reference is to do: options, rows to leave out, and which way of several."""

    options: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    off_from: int = 0  # the least depth at which the rows are left out
    last: bool = False  # of a compound code the last action, else the first


def new_uid(old: str) -> str:
    """Replace a UID, the same one always by the same."""
    return "2.25." + str(int.from_bytes(sha256(b"k" + old.encode()).digest()[:16]))


def _action(row: Row | ContentRow, settings: Settings, iod_type: int) -> str:
    """Choose one action of a row."""
    codes = row.codes(settings.options)
    if "K" in codes.values():
        return "K"
    if codes:
        return "C"
    parts = row.basic.split("/")
    if iod_type == 1 and "U" not in parts:
        return "U*" if "U*" in parts else "D"
    if iod_type == 2:
        parts = [part for part in parts if part != "X"] or ["Z"]
    return parts[-1 if settings.last else 0]


class Reference:
    """One object while it is worked on."""

    def __init__(self, made: Made, settings: Settings) -> None:
        self.made, self.settings = made, settings
        self.options = settings.options
        self.sop_class = SOP_CLASSES[made.at.kind]
        self.person = made.at.person
        words = {*self.person.words(), *self.person.places(), self.person.birth_date}
        birth = self.person.birth_date
        words |= {f"{birth[:4]}-{birth[4:6]}-{birth[6:]}"}
        longest = sorted(filter(None, words), key=len, reverse=True)
        self.words = re.compile("|".join(map(re.escape, longest)), re.IGNORECASE)

    def write(self) -> bytes:
        """Give the bytes of the output."""
        at = self.made.at
        body = self.clean(self.made.body, 0)
        taken = {each.tag for each in body}
        method = [each for each in self._method() if each.tag not in taken]
        instance = at.sop_instance_uid
        if "uids" not in self.options and "00020003" not in self.settings.off:
            instance = new_uid(instance)
        meta = (
            Element(0x00020001, "OB", b"\0\1"),
            attribute("MediaStorageSOPClassUID", self.sop_class),
            attribute("MediaStorageSOPInstanceUID", instance),
            attribute("TransferSyntaxUID", at.syntax.uid),
            attribute("ImplementationClassUID", "2.25.1"),
        )
        return part10(meta, ordered(body, method), at.charset, at.syntax)

    def _method(self) -> list[Element]:
        codes = ["113100", *(OPTIONS[option][1] for option in self.options)]
        kept = "UNMODIFIED" if "dates" in self.options else "REMOVED"
        return [
            attribute("PatientIdentityRemoved", "YES"),
            attribute("DeidentificationMethod", "by hand"),
            attribute("DeidentificationMethodCodeSequence", [code(each, "x") for each in codes]),
            attribute(
                "LongitudinalTemporalInformationModified",
                "MODIFIED" if "dates-shifted" in self.options else kept,
            ),
        ]

    def clean(self, elements: Elements, depth: int) -> Elements:
        """Treat a data set or an item."""
        last = {each.tag: each for each in elements}
        kept = (each for each in elements if last[each.tag] is each)
        return tuple(new for each in kept for new in self._element(each, elements, depth))

    def _element(self, each: Element, around: Elements, depth: int) -> Iterator[Element]:
        row = row_of(each.tag)
        if each.private:
            if self._safe(each, around):
                yield from self._unlisted(each)
        elif row is not None:
            if row.tag in self.settings.off and depth >= self.settings.off_from:
                yield each
            else:
                iod_type = 3 if depth else type_in(each.tag, self.sop_class)
                yield from self._listed(each, row, iod_type, depth)
        elif each.note is Note.UNKNOWN or each.tag >> 24 == 0x60:
            yield from self._unknown(each)
        elif each.items is not None:
            yield self._inside(each, depth)
        else:
            yield from self._unlisted(each)

    def _unknown(self, _: Element) -> Iterator[Element]:
        """Drop what no dictionary knows, and overlays."""
        yield from ()

    def _inside(self, each: Element, depth: int) -> Element:
        items = tuple(self.clean(item, depth + 1) for item in each.items or ())
        return replace(each, items=items)

    def _unlisted(self, each: Element) -> Iterator[Element]:
        if each.note is Note.UID:
            yield replace(each, value=self._uids(str(each.value)))
        elif each.note is Note.FREE:
            yield replace(each, value=self._scrub(str(each.value)))
        else:
            yield each

    def _pseudonym(self, patient_id: str) -> str:
        return "P" + sha256(b"k" + patient_id.encode()).hexdigest()[:10]

    def _shift(self) -> timedelta:
        return timedelta(days=-100 - sha256(b"k" + self.person.patient_id.encode()).digest()[0])

    def _scrub(self, text: str) -> str:
        return self.words.sub("", text) or "x"

    def _uids(self, value: str) -> str:
        if "uids" in self.options:
            return value
        return self._new_uids(value)

    def _new_uids(self, value: str) -> str:
        return "\\".join(map(new_uid, value.split("\\")))

    def _safe(self, each: Element, around: Elements) -> bool:
        if "safe-private" not in self.options:
            return False
        safe = {(row.group, row.low, row.creator) for row in safe_private()}
        if each.tag & 0xFFFF >= 0x100:
            return (each.tag >> 16, each.tag & 0xFF, each.creator) in safe
        block = each.tag << 8 & 0xFF00
        used = (other for other in around if other.tag & 0xFFFFFF00 == each.tag & ~0xFFFF | block)
        return any(self._safe(other, around) for other in used)

    def _listed(self, each: Element, row: Row, iod_type: int, depth: int) -> Iterator[Element]:
        action = _action(row, self.settings, iod_type)
        structured = "structured" in self.options and self.sop_class in DOCUMENTS
        if each.tag == PATIENT_ID and depth == 0:
            yield replace(each, value=self._pseudonym(str(each.value)), form=Form.DEFINED)
        elif each.tag == CONTENT_SEQUENCE and structured:
            yield replace(each, items=tuple(self._content(each.items or (), depth)))
        elif action in ("K", "U*"):
            yield each if each.items is None else self._inside(each, depth)
        elif action == "C":
            yield self._cleaned(each, row, depth)
        elif action == "U":
            yield replace(each, value=self._new_uids(str(each.value)))
        elif action != "X":
            yield self._blank(each, dummy=action == "D")

    def _blank(self, each: Element, *, dummy: bool) -> Element:
        if each.items is not None:
            items = [code("D1", "dummy", "99X")] if dummy else []
            return element(each.tag, "SQ", items)
        value: Value = DUMMIES.get(each.vr, "Dummy") if dummy else b""
        return replace(each, value=value, form=Form.DEFINED)

    def _cleaned(self, each: Element, row: Row, depth: int) -> Element:
        if each.items is not None:
            return self._inside(each, depth)
        shifted = "dates-shifted" in row.codes(self.options)
        if shifted and each.vr in ("DA", "DT"):
            return self._shifted(each)
        if row.vr in TEXTS:
            return replace(each, value=self._scrub(str(each.value)))
        return each

    def _shifted(self, each: Element) -> Element:
        value = str(each.value)
        day = day_of(value)
        if day is None or each.note is Note.INVALID:
            return replace(each, value="")
        return replace(each, value=f"{day + self._shift():%Y%m%d}{value[8:]}")

    def _content(self, items: tuple[Elements, ...], depth: int) -> Iterator[Elements]:
        rows = {(line.value_type, line.code, line.scheme): line for line in content_rows()}
        for item in items:
            line = rows.get(concept(item))
            if line is None:
                yield self.clean(item, depth + 1)
                continue
            action = _action(line, self.settings, 3)
            if action != "X":
                yield tuple(self._valued(each, action, depth) for each in item)

    def _valued(self, each: Element, action: str, depth: int) -> Element:
        """Treat the element that has the value of a content item."""
        if each.tag in NO_VALUE:
            return self._inside(each, depth) if each.tag == CONTENT_SEQUENCE else each
        if each.items is not None:
            return self._inside(each, depth)
        if action == "K":
            return each
        if action == "C" and each.vr in ("DA", "DT"):
            return self._shifted(each)
        if action == "C":
            return each
        if each.vr == "UI":
            return replace(each, value=self._uids(str(each.value)))
        return self._blank(each, dummy=True)


def deidentify(folder: Folder, outputs: Path, settings: Settings) -> Path:
    """De-identify all objects of the adversary's folder."""
    outputs.mkdir()
    for place, made in enumerate(folder.objects):
        (outputs / f"{place}.dcm").write_bytes(Reference(made, settings).write())
    return outputs

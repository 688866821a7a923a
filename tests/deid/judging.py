"""Judge one output against the object it was made of, element by element, at every depth."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.multival import MultiValue
from pydicom.values import convert_SQ

from tests.deid.adversary import Made
from tests.deid.coding import Element, Elements, Form, Note, fragments, raw
from tests.deid.facts import (
    DOCUMENTS,
    SOP_CLASSES,
    ContentRow,
    content_rows,
    row_of,
    safe_private,
    type_in,
)
from tests.deid.outcomes import (
    ANYTHING,
    CLEAN,
    DUMMY,
    EMPTY,
    GONE,
    KEPT,
    SHIFTED,
    UID,
    UIDS,
    Outcomes,
    allowed_for,
    day_of,
    valid,
)
from tests.deid.planting import canaries_in

Found = DataElement | RawDataElement | None
CONTENT_SEQUENCE, CONCEPT_NAME, VALUE_TYPE = 0x0040A730, 0x0040A043, 0x0040A040
NO_VALUE = (0x0040A010, VALUE_TYPE, CONCEPT_NAME, 0x0040A050, CONTENT_SEQUENCE)
"""What a content item has besides its value."""
BINARY = ("OB", "OW", "UN", "US")
PATIENT_ID, CODE_MEANING = 0x00100020, 0x00080104


COMMON_REFERENCES = ("00081115", "00081200")
"""Lists of instances that others refer to, which are only there with those (PS3.3 C.12.2)."""


class Judged(NamedTuple):
    """What was said of an element, or which new value an old one has."""

    row: str
    file: str
    path: str
    kind: str = ""
    why: str = ""
    old: str = ""
    new: str = ""


def bytes_of(item: Found) -> bytes:
    """Give the bytes of a value, without padding; a value that pydicom read is turned back."""
    value = item.value if item is not None else b""
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value.rstrip(b"\0 ")
    if isinstance(value, list | tuple | MultiValue):
        return "\\".join(map(str, value)).encode()
    return str(value).encode()


def text_of(item: object) -> str:
    """Give the text of a value that is ASCII."""
    if isinstance(item, Element):
        value = item.value
        return value if isinstance(value, str) else bytes_of(None).decode()
    if isinstance(item, DataElement | RawDataElement):
        return bytes_of(item).decode("latin-1")
    return ""


def items_of(item: Found) -> list[Dataset] | None:
    """Give the items of a sequence, also of one that pydicom does not know as such."""
    if item is None:
        return None
    if not isinstance(item, RawDataElement):
        return list(item.value or []) if item.VR == "SQ" else []
    hidden = item.VR == "UN"
    content = item.value or b""
    implicit, little = hidden or item.is_implicit_VR, hidden or item.is_little_endian
    return list(convert_SQ(content, implicit, little)) if content else []


def _values(data: Dataset) -> set[bytes]:
    """Gather all values of an item, of every depth."""
    found = set()
    for tag in list(data.keys()):
        item = data.get_item(tag)
        if item.VR == "SQ":
            for inner in items_of(item) or []:
                found |= _values(inner)
        else:
            found.add(bytes_of(item))
    return found


def concept(elements: Elements) -> tuple[str, str, str]:
    """Give value type, code and scheme of a content item."""
    by_tag = {element.tag: element for element in elements}
    name = {each.tag: text_of(each) for each in (by_tag[CONCEPT_NAME].items or ((),))[0]}
    return text_of(by_tag[VALUE_TYPE]), name[0x00080100], name[0x00080102]


def _concept_found(data: Dataset) -> tuple[str, str, str]:
    names = items_of(data.get_item(CONCEPT_NAME)) or [Dataset()]
    codes = (text_of(names[0].get_item(tag)) for tag in (0x00080100, 0x00080102))
    return (text_of(data.get_item(VALUE_TYPE)), *codes)  # type: ignore[return-value]


class Judge:
    """Walk through an object and its output side by side."""

    def __init__(self, made: Made, data: FileDataset, options: frozenset[str]) -> None:
        self.made, self.data, self.options = made, data, options
        self.file = str(getattr(data, "filename", "")).rsplit("/", maxsplit=1)[-1]
        self.sop_class = SOP_CLASSES[made.at.kind]
        self.bad: list[Judged] = []
        self.uids: list[Judged] = []
        self.shifts: list[Judged] = []
        self.rows: Counter[str] = Counter()
        self.planted: dict[str, set[str]] = {}
        self.may: set[str] = set()
        self.safe = {(row.group, row.low, row.creator) for row in safe_private()}

    def run(self) -> None:
        """Judge all elements."""
        for element in self.made.meta:
            row = "00020003" if element.tag == 0x00020003 else "META"
            if element.tag not in (0x00020002, 0x00020010):
                self._plant(element, row, may=row == "00020003" and "uids" in self.options)
        self._walk(self.made.body, self.data, "")

    def _say(self, row: str, kind: str, path: str, why: str) -> None:
        self.bad.append(Judged(row, self.file, path, kind, why))

    def _raw(self, element: Element) -> bytes:
        big = self.made.at.syntax.big and element.form is Form.DEFINED
        return raw(element, self.made.at.charset, big=big)

    def _plant(self, element: Element, owner: str, *, may: bool) -> None:
        """Note which canaries an element holds, and whether the output may."""
        if element.items is not None:
            for item in element.items:
                for inner in item:
                    self._plant(inner, owner, may=may)
            return
        if element.fragments is None:
            for value in canaries_in(self._raw(element)):
                self.planted.setdefault(value, set()).add(owner)
                if may:
                    self.may.add(value)

    def _walk(self, elements: Elements, data: Dataset, path: str, *, free: bool = False) -> None:
        """Judge the elements of a data set or an item; `free` where nothing has to be kept."""
        last = {element.tag: element for element in elements}
        private = (element for element in elements if element.private and self._safe(element))
        used = {(element.tag >> 16, element.tag >> 8 & 0xFF) for element in private}
        for element in elements:
            if last[element.tag] is not element:  # of a tag that is there twice the last is read
                row = row_of(element.tag)
                self._plant(element, row.tag if row else "OTHER", may=False)
                continue
            self._element(element, data, f"{path}{element.tag:08X}", used, free=free)

    def _element(
        self,
        element: Element,
        data: Dataset,
        path: str,
        used: set[tuple[int, int]],
        *,
        free: bool,
    ) -> None:
        row = row_of(element.tag)
        found: Found = data.get_item(element.tag) if element.tag in data else None
        if element.private:
            self._judge(element, found, "PRIVATE", self._private(element, used), path)
        elif element.note is Note.UNKNOWN:
            self._judge(element, found, "UNKNOWN", frozenset((GONE,)), path)
        elif row is not None:
            top = "." not in path
            iod_type = type_in(element.tag, self.sop_class) if top else 3
            allowed = allowed_for(row, self.options, iod_type)
            if element.tag == PATIENT_ID and top:
                allowed = frozenset((DUMMY,))
            if element.note is Note.INVALID:
                allowed = self._invalid(allowed)
            if free:
                allowed |= {GONE}
            self.rows[row.tag] += 1
            self._judge(element, found, row.tag, allowed, path)
        elif element.tag >> 24 == 0x60:
            allowed = ANYTHING if "graphics" in self.options else frozenset((GONE,))
            self._judge(element, found, "OVERLAY", allowed, path)
        elif element.items is not None:
            self._container(element, found, path, free=free)
        else:
            rule = "PIXELS" if element.tag >> 16 == 0x7FE0 else "OTHER"
            self._judge(element, found, rule, self._unlisted(element, free=free), path)

    def _unlisted(self, element: Element, *, free: bool) -> Outcomes:
        if element.note is Note.UID:
            kept = (KEPT,) if "uids" in self.options else ()
            gone = (GONE,) if element.tag >> 16 == 0x0004 else ()  # it belongs into a DICOMDIR
            return frozenset((UID, *kept, *gone))
        if element.tag == CODE_MEANING:
            return frozenset((KEPT, CLEAN))
        return ANYTHING if free or element.note is Note.FREE else frozenset((KEPT,))

    @staticmethod
    def _invalid(allowed: Outcomes) -> Outcomes:
        """Say what may become of a date that is none; what cannot be moved is blanked."""
        if KEPT in allowed:
            return allowed | {EMPTY, GONE, DUMMY}
        return allowed - {SHIFTED} | {EMPTY, GONE, DUMMY} if SHIFTED in allowed else allowed

    def _private(self, element: Element, used: set[tuple[int, int]]) -> Outcomes:
        """Say what may become of a private element; `used` are the blocks with safe elements."""
        if "safe-private" not in self.options:
            return frozenset((GONE,))
        if element.tag & 0xFFFF < 0x100:
            block = (element.tag >> 16, element.tag & 0xFF)
            return frozenset((KEPT if block in used else GONE,))
        return self._unlisted(element, free=False) if self._safe(element) else frozenset((GONE,))

    def _safe(self, element: Element) -> bool:
        return (element.tag >> 16, element.tag & 0xFF, element.creator) in self.safe

    def _refers(self) -> bool:
        """Tell whether the output refers to any instance; else there is none to be listed."""
        content = Path(str(self.data.filename)).read_bytes()  # a walk would decode what is judged
        return b"\x08\0\x55\x11" in content or b"\0\x08\x11\x55" in content

    def _container(self, element: Element, found: Found, path: str, *, free: bool) -> None:
        """Go into a sequence that no row lists."""
        items = items_of(found)
        model = element.items or ()
        if items is None or len(items) != len(model):
            if not free and not (
                path in COMMON_REFERENCES and items is None and not self._refers()
            ):
                self._say("OTHER", "LOST", path, "a sequence, or items of it, are gone")
            self._plant(element, "OTHER", may=free)
            return
        for place, (inner, data) in enumerate(zip(model, items, strict=True)):
            self._walk(inner, data, f"{path}[{place}].", free=free)

    def _judge(
        self, element: Element, found: Found, row: str, allowed: Outcomes, path: str
    ) -> None:
        if element.items is not None:
            self._sequence(element, found, row, allowed, path)
        else:
            self._plant(element, row, may=bool(allowed & {KEPT, CLEAN}))
            self._leaf(element, found, row, allowed, path)

    def _leaf(self, element: Element, found: Found, row: str, allowed: Outcomes, path: str) -> None:
        if found is None:
            if GONE not in allowed:
                kind = "LOST" if KEPT in allowed else "WRONG"
                self._say(row, kind, path, "is gone")
            return
        if element.fragments is not None:
            if found.value != fragments(element):
                self._say(row, "WRONG", path, "the fragments are not the same")
            return
        old = self._raw(element)
        new = found.value if isinstance(found.value, bytes) else bytes_of(found)
        if element.vr not in BINARY:
            old, new = (value.rstrip(b"\0 ") for value in (old, new))
        if not new:
            if EMPTY not in allowed and (old or element.tag == PATIENT_ID):
                self._say(row, "LOST" if KEPT in allowed else "WRONG", path, "is empty")
        elif new == old:
            if KEPT not in allowed:
                self._say(row, "LEAK", path, "is as it was")
        elif not self._vr_is_right(element, found, new):
            self._say(row, "WRONG", path, f"{new[:40]!r} is no valid value")
        elif UID in allowed:
            self._uid(old, new, row, path)
        elif SHIFTED in allowed:
            self._shift(element, old, new, row, path, strict=KEPT not in allowed)
        elif not allowed & {DUMMY, CLEAN}:
            kind = "WRONG" if KEPT in allowed else "LEAK"
            self._say(row, kind, path, f"{new[:40]!r} is not what is allowed")

    def _vr_is_right(self, element: Element, found: Found, new: bytes) -> bool:
        vr = getattr(found, "VR", None)
        if element.note is Note.INVALID and new == self._raw(element):
            return True
        return vr in (None, "UN", element.vr) and valid(element.vr, new)

    def _uid(self, old: bytes, new: bytes, row: str, path: str) -> None:
        olds, news = old.decode().split("\\"), new.decode("latin-1").split("\\")
        if len(olds) != len(news) or set(olds) & set(news):
            self._say(row, "LEAK", path, "not every UID has been replaced")
            return
        for each, other in zip(olds, news, strict=True):
            self.uids.append(Judged(row, self.file, path, old=each, new=other))

    def _shift(  # noqa: PLR0913 - a judgement has these parts
        self, element: Element, old: bytes, new: bytes, row: str, path: str, *, strict: bool
    ) -> None:
        before, after = old.decode("latin-1"), new.decode("latin-1")
        start, end = day_of(before), day_of(after)
        if element.note is Note.INVALID or start is None:
            return
        if end is None or after[8:] != before[8:]:
            if strict:
                self._say(row, "WRONG", path, f"{after} is not {before} on another day")
            return
        self.shifts.append(Judged(row, self.file, path, new=str((end - start).days)))

    def _sequence(
        self, element: Element, found: Found, row: str, allowed: Outcomes, path: str
    ) -> None:
        items = items_of(found)
        model = element.items or ()
        document = element.tag == CONTENT_SEQUENCE and self.sop_class in DOCUMENTS
        if document and "structured" in self.options:
            self._content(model, items or [], path)
            return
        keeps = bool(allowed & {KEPT, CLEAN})
        if not keeps or not items:
            self._plant(element, row, may=keeps)
        if items is None:
            if GONE not in allowed:
                self._say(row, "LOST" if KEPT in allowed else "WRONG", path, "is gone")
        elif not items:
            if EMPTY not in allowed and model:
                self._say(row, "LOST" if KEPT in allowed else "WRONG", path, "is empty")
        elif keeps:
            self._kept(model, items, row, allowed, path)
        elif UIDS in allowed or DUMMY in allowed:
            self._replaced(element, items, row, allowed, path)
        else:
            self._say(row, "LEAK", path, "has items still")

    def _kept(
        self,
        model: tuple[Elements, ...],
        items: list[Dataset],
        row: str,
        allowed: Outcomes,
        path: str,
    ) -> None:
        """Go into a sequence that an option keeps or cleans."""
        if len(model) != len(items):
            if CLEAN not in allowed:
                self._say(row, "LOST", path, "has another number of items")
            return
        before = len(self.bad)
        for place, (inner, data) in enumerate(zip(model, items, strict=True)):
            self._walk(inner, data, f"{path}[{place}].", free=CLEAN in allowed)
        # What such a sequence holds is of its row, where no row says otherwise.
        self.bad[before:] = [
            judged._replace(row=row) if judged.row == "OTHER" else judged
            for judged in self.bad[before:]
        ]

    def _replaced(
        self, element: Element, items: list[Dataset], row: str, allowed: Outcomes, path: str
    ) -> None:
        """Look whether anything of a sequence is left in the one that replaces it."""
        values = {value for item in items for value in _values(item)}
        for canary in {each for value in values for each in canaries_in(value)}:
            if row in self.planted.get(canary, ()):
                self._say(row, "LEAK", path, f"{canary} is in it still")
                return
        if UIDS in allowed and element.items and len(items) == len(element.items):
            for place, (inner, data) in enumerate(zip(element.items, items, strict=True)):
                for each in inner:
                    if each.vr == "UI" and each.note is not Note.CODE:
                        new = data.get_item(each.tag) if each.tag in data else None
                        self._leaf(each, new, row, frozenset((UID, GONE)), f"{path}[{place}]")

    def _content(self, model: tuple[Elements, ...], items: list[Dataset], path: str) -> None:
        """Judge the content items of a document by Table E.3.4-1; each is known by its concept."""
        row = f"{CONTENT_SEQUENCE:08X}"
        rows = {(line.value_type, line.code, line.scheme): line for line in content_rows()}
        found = {_concept_found(item): item for item in items}
        for inner in model:
            name = concept(inner)
            item, line = found.get(name), rows.get(name)
            place = f"{path}[{'/'.join(name)}]."
            if line is None and item is None:
                self._say(row, "LOST", place, "a content item that no table lists is gone")
            elif line is None and item is not None:
                self._walk(inner, item, place)
            elif line is not None:
                self._content_item(inner, item, line, place)

    def _content_item(
        self, inner: Elements, item: Dataset | None, line: ContentRow, path: str
    ) -> None:
        allowed = allowed_for(line, self.options)
        keeps = bool(allowed & {KEPT, CLEAN})
        value = next((each for each in inner if each.tag not in NO_VALUE), None)
        for element in inner:
            if element.tag not in (VALUE_TYPE, CONCEPT_NAME):
                self._plant(element, "SR", may=keeps)
        if item is None:
            if GONE not in allowed:
                self._say("SR", "LOST" if keeps else "WRONG", path, "the content item is gone")
        elif allowed == {GONE}:
            self._say("SR", "LEAK", path, "the content item is there still")
        elif value is not None:
            now = item.get_item(value.tag) if value.tag in item else None
            if value.items is None:
                if value.vr == "UI":
                    # Table E.1-1 has U for the UID of a content item under every option.
                    allowed = frozenset((KEPT, UID)) if keeps else frozenset((UID,))
                self._leaf(value, now, "SR", allowed - {GONE}, path)
            elif not items_of(now):
                self._say("SR", "WRONG", path, "the content item has no value")
            elif not keeps:
                left = {each for data in items_of(now) or [] for each in _values(data)}
                old = {v for i in value.items for e in i for v in canaries_in(self._raw(e))}
                if old & {canary for each in left for canary in canaries_in(each)}:
                    self._say("SR", "LEAK", path, "the value is as it was")

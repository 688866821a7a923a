"""What must not be found again: canaries that are valid for their VR, and two invented people."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from pydicom.datadict import dictionary_VR, tag_for_keyword

from tests.deid.coding import Element, Form, Note, Value

ROOT = "1.2.826.0.1.3680043.9.7777"
SCHEME = "99ZQ"
OBJECT_SEQUENCES = frozenset(
    (
        "ReferencedStudySequence",
        "ReferencedPerformedProcedureStepSequence",
        "ReferencedPatientSequence",
        "ReferencedImageSequence",
        "SourceImageSequence",
    )
)
"""Listed sequences that refer to other objects."""

_CANARY = re.compile(
    rb"zq\d{6}xv"  # text
    rb"|1\.2\.826\.0\.1\.3680043\.9\.7777(?:\.\d+)+"  # UIDs
    rb"|\d{14}\.\d{6}"  # DT
    rb"|(?<![\d.])\d{6}\.\d{6}(?!\d)"  # TM
    rb"|(?<![\d.])7\.31\d{5}(?!\d)"  # DS
    rb"|(?<!\d)7310\d{5}(?!\d)",  # IS
    re.IGNORECASE,
)
# One more digit on each side, for the tag of the next element may begin with one.
_DATE = re.compile(rb"(?<![\d.])\d{8,10}(?![\d.])")
_FIRST_DAY = date(1931, 1, 2)


def uid(arc: int, number: int) -> str:
    """Make a UID of an odd length: a NUL ends it, for a digit could be of what follows."""
    made = f"{ROOT}.{arc}.{number}"
    return made if len(made) % 2 else f"{ROOT}.{arc}{arc}.{number}"


def instance_uid(number: int) -> str:
    """Name an object by its number."""
    return uid(1, number)


def canaries_in(content: bytes) -> Iterator[str]:
    """Find whatever looks like a canary, in lower case."""
    for match in _CANARY.finditer(content):
        yield match[0].lower().decode()
    for match in _DATE.finditer(content):
        digits = match[0].decode()
        for start in range(len(digits) - 7):
            yield digits[start : start + 8]


def attribute(keyword: str, value: object = "", **how: object) -> Element:
    """Make an element by its keyword; a number, text, or a list of items."""
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    vr = dictionary_VR(tag).split(" or ")[0]
    return element(tag, vr, value, **how)


def element(tag: int, vr: str, value: object = "", **how: object) -> Element:
    """Make an element of a tag."""
    if isinstance(value, list):
        items = tuple(tuple(sorted(item, key=lambda each: each.tag)) for item in value)
        return Element(tag, vr, items=items, **how)  # type: ignore[arg-type]
    if isinstance(value, int | float) and vr not in ("DS", "IS"):
        value = (value,)
    plain: Value = value if isinstance(value, tuple | bytes) else str(value)
    return Element(tag, vr, plain, **how)  # type: ignore[arg-type]


def code(value: str, meaning: str, scheme: str = "DCM") -> list[Element]:
    """Make the item of a code sequence."""
    return [
        attribute("CodeValue", value),
        attribute("CodingSchemeDesignator", scheme),
        attribute("CodeMeaning", meaning, note=Note.FREE),
    ]


def reference(sop_class: str, instance: str, *more: Element) -> list[Element]:
    """Make the item of a sequence that refers to an object."""
    return [
        attribute("ReferencedSOPClassUID", sop_class, note=Note.CODE),
        attribute("ReferencedSOPInstanceUID", instance),
        *more,
    ]


@dataclass
class Canaries:
    """A source of values, each of which is given once."""

    number: int = 0
    day: date = field(default=_FIRST_DAY)

    def text(self) -> str:
        """Give a word that no other place holds."""
        self.number += 1
        return f"Zq{self.number:06d}xV"

    def date(self) -> str:
        """Give a day."""
        self.day += timedelta(days=1)
        return f"{self.day:%Y%m%d}"

    def time(self) -> str:
        """Give a time of day."""
        self.number += 1
        return f"{self.number % 24:02d}{self.number % 60:02d}27.{self.number:06d}"

    def uid(self) -> str:
        """Give a UID."""
        self.number += 1
        return uid(6, self.number)

    def value(self, vr: str) -> Value:  # noqa: PLR0911 - a table of the VRs, each with its own form
        """Give a value that is valid for a VR."""
        match vr:
            case "DA":
                return self.date()
            case "TM":
                return self.time()
            case "DT":
                return f"{self.date()}{self.time()}+0100"
            case "UI":
                return self.uid()
            case "CS":
                return self.text().upper()
            case "PN":
                return f"{self.text()}^Xenia"
            case "UR":
                return f"http://{self.text()}.example/"
            case "AS":
                return f"{100 + self.number % 800:03d}W"
            case "US":
                return (40000 + self.number % 20000,)
            case "DS":
                self.number += 1
                return f"7.31{self.number:05d}"
            case "IS":
                self.number += 1
                return f"7310{self.number:05d}"
            case "OB" | "OW" | "UN":
                return b"\0\1\xff\xfe" + self.text().encode()
            case _:
                return self.text()

    def element(self, tag: int, keyword: str, vr: str, form: Form = Form.DEFINED) -> Element:
        """Fill an attribute; a sequence holds a canary."""
        if vr != "SQ":
            form = Form.HIDDEN if form in (Form.HIDDEN, Form.HIDDEN_UNDEFINED) else Form.DEFINED
            return Element(tag, vr, self.value(vr), form=form)
        if keyword in OBJECT_SEQUENCES:
            return element(tag, vr, [reference("1.2.840.10008.5.1.4.1.1.2", self.uid())], form=form)
        return element(tag, vr, [code(self.text(), self.text(), SCHEME)], form=form)


class Person(NamedTuple):
    """A patient, and those around."""

    names: dict[str, str]
    patient_id: str
    other_id: str
    birth_date: str
    sex: str
    address: str
    phone: str
    physician: str
    operator: str
    institution: str
    institution_address: str

    def name(self, charset: str) -> str:
        """Give the name as a character set can write it."""
        return self.names.get(charset, self.names[""])

    def words(self) -> Iterator[str]:
        """Give all that tells who this is, but the institution."""
        for name in self.names.values():
            yield from re.split(r"[\^=]", name)
        for name in (self.physician, self.operator):
            yield from name.split("^")
        yield from (self.patient_id, self.other_id, self.address, self.phone)

    def places(self) -> Iterator[str]:
        """Give what tells the institution."""
        yield from (self.institution, self.institution_address, self.institution.split()[-1])

    def echoes(self, charset: str) -> tuple[str, ...]:
        """Give texts that repeat what identifies, for attributes that are kept."""
        name = self.name(charset)
        family, given = name.split("=", maxsplit=1)[-1].split("^")
        dashed = f"{self.birth_date[:4]}-{self.birth_date[4:6]}-{self.birth_date[6:]}"
        return (
            f"Scan of {given} {family}, head first",
            f"{family}, {given} (room 4)",
            f"model of {family.upper()} {self.birth_date}",
            f"ID {self.patient_id} table 2",
            f"born {dashed}, tall",
            f"call {self.phone} first",
            f"lives {self.address}",
            f"at {self.institution.upper()} east",
            f"for Dr {self.physician.split('^')[0]}, asked {self.other_id}",
            family,
        )


_AROUND = {
    "institution": "Klinikum Zurnebelhoehe",
    "institution_address": "Nebelgasse 17, 99991 Zurnebelhoehe",
}
PEOPLE = (
    Person(
        names={
            "": "Mustermann^Juergen",
            "ISO_IR 100": "Mustermann^Jürgen",
            "ISO_IR 192": "Mustermann^Jürgen",
        },
        patient_id="MRN-471199",
        other_id="KV-88231-Q",
        birth_date="19570823",
        sex="M",
        address="Amselweg 42, 12345 Vogelhausen",
        phone="+49 30 7312468",
        physician="Heisenbergmann^Werner",
        operator="Operatowski^Olga",
        **_AROUND,
    ),
    Person(
        names={
            "": "Yamada^Tarou",
            "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ",
            "\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎",
            "GB18030": "Yamada^Tarou=山田^太郎",
            "ISO_IR 192": "Yamada^Tarou=山田^太郎",
        },
        patient_id="MRN-815022",
        other_id="KV-11930-Z",
        birth_date="19620217",
        sex="F",
        address="Finkenallee 8, 54321 Vogelhausen",
        phone="+49 30 9988776",
        physician="Schroedingerova^Erwina",
        operator="Bedienowitsch^Boris",
        **_AROUND,
    ),
)

_ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "shift_jis", "gb18030")


def needles(words: Iterator[str]) -> dict[bytes, str]:
    """Give words as bytes in lower case, in all encodings that a file could have them in."""
    found = {}
    for word in words:
        for variant in {word, word.upper(), word.lower()}:
            for encoding in _ENCODINGS:
                with_bytes = variant.encode(encoding, "ignore")
                if with_bytes.decode(encoding) == variant:
                    found[with_bytes.lower()] = word
        if not word.isascii():
            body = word.encode("iso2022_jp", "ignore")[3:-3]  # without the escape sequences
            if len(body) > 3:
                found[body.lower()] = word
    return found

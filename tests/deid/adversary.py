"""Make a folder of DICOM files in which nearly everything tells whose they are.

Every row of Table E.1-1 is filled with a canary, at the top and three deep, in files of many kinds,
syntaxes and character sets. Nothing here knows how a file is to be de-identified.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from struct import pack

from tests.deid.coding import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    RLE,
    Element,
    Elements,
    Form,
    Note,
    Syntax,
    encode,
    ordered,
    part10,
)
from tests.deid.facts import Row, safe_private, table
from tests.deid.objects import Place, make
from tests.deid.planting import (
    PEOPLE,
    SCHEME,
    Canaries,
    Person,
    attribute,
    code,
    element,
    instance_uid,
    uid,
)

UTF_8, LATIN, KANJI, CHINESE, KATAKANA = (
    "ISO_IR 192",
    "ISO_IR 100",
    "\\ISO 2022 IR 87",
    "GB18030",
    "ISO_IR 13",
)
OBJECTS: tuple[tuple[str, int, str, Syntax], ...] = (
    ("CT", 0, LATIN, EXPLICIT),
    ("CT", 0, "", IMPLICIT),
    ("CT", 0, UTF_8, DEFLATED),
    ("MR", 0, LATIN, BIG),
    ("MR", 0, "", RLE),
    ("Enhanced MR", 0, UTF_8, EXPLICIT),
    ("Enhanced CT", 1, KANJI, IMPLICIT),
    ("SR", 0, UTF_8, EXPLICIT),
    ("Dose Report", 1, KANJI, IMPLICIT),
    ("RT Structure Set", 0, LATIN, EXPLICIT),
    ("RT Plan", 0, "", IMPLICIT),
    ("RT Dose", 1, CHINESE, EXPLICIT),
    ("US multi-frame", 1, UTF_8, JPEG),
    ("US", 1, KATAKANA, EXPLICIT),
    ("SC", 1, KANJI, EXPLICIT),
    ("GSPS", 0, LATIN, EXPLICIT),
    ("PDF", 1, CHINESE, EXPLICIT),
    ("CDA", 0, UTF_8, IMPLICIT),
    ("ECG", 1, KANJI, EXPLICIT),
    ("Segmentation", 0, "", EXPLICIT),
    ("KO", 0, LATIN, IMPLICIT),
    ("PET", 1, UTF_8, EXPLICIT),
    ("NM", 1, KATAKANA, IMPLICIT),
    ("DX", 0, LATIN, BIG),
    ("Slide", 1, UTF_8, JPEG),
    ("Photograph", 0, UTF_8, EXPLICIT),
    ("Raw Data", 1, CHINESE, IMPLICIT),
    ("MG", 0, "", EXPLICIT),
    ("XA", 1, KANJI, DEFLATED),
    ("CR", 0, LATIN, EXPLICIT),
    ("Registration", 1, "", EXPLICIT),
    ("Parametric Map", 0, UTF_8, IMPLICIT),
    ("RT Image", 1, UTF_8, BIG),
    ("CT", 1, CHINESE, EXPLICIT),
    ("CT", 0, LATIN, EXPLICIT),
    ("CT", 1, "", IMPLICIT),
)
"""Kind, patient, character set and syntax of each object; its number is its place here, from 1."""

SAME_INSTANCE = {35: 1}  # an object that has the SOP Instance UID of another one
DUPLICATED, PADDED, TAILED, PARTIAL, NOBODY = (1, 14, 30), (5, 9), (34, 36), (2, 16, 28), (31,)
"""Objects with a repeated tag, padding, bytes behind, partial dates, and without a Patient ID."""

SLICES = 8
CONTAINERS = (
    ("ReferencedSeriesSequence", "ReferencedInstanceSequence", "PurposeOfReferenceCodeSequence"),
    ("DerivationCodeSequence", "PurposeOfReferenceCodeSequence", "DerivationCodeSequence"),
    ("AnatomicRegionSequence", "AnatomicRegionModifierSequence", "ViewModifierCodeSequence"),
)
"""Sequences that no row lists, three deep."""

ECHO_PLACES = (
    "ManufacturerModelName",
    "SoftwareVersions",
    "SecondaryCaptureDeviceSoftwareVersions",
    "SecondaryCaptureDeviceManufacturer",
    "WindowCenterWidthExplanation",
    "ReferencedColorPaletteInstanceUID",  # stands for a code meaning
    "VOILUTSequence",  # stands for the explanation in it
    "TextValue",
    "TransducerData",
    "PixelDataProviderURL",  # stands for an address on the Web
)
"""Attributes that no row lists and that hold free text; they repeat what identifies."""


@dataclass(frozen=True, slots=True)
class Made:
    """An object as it was written."""

    at: Place
    path: Path
    meta: Elements
    body: Elements
    preamble: bytes
    tail: bytes

    @property
    def number(self) -> int:
        """Give the instance number, by which an output is known again."""
        return self.at.number

    @property
    def refusable(self) -> bool:
        """Tell whether it may have no output: bytes behind it may be a sign of damage."""
        return bool(self.tail)

    def content(self) -> bytes:
        """Give the bytes of the file."""
        return part10(
            self.meta,
            self.body,
            self.at.charset,
            self.at.syntax,
            preamble=self.preamble,
            tail=self.tail,
        )


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that was made: its objects, what lies beside them, and how all of it was then."""

    root: Path
    objects: tuple[Made, ...]
    junk: tuple[Path, ...]
    hashes: dict[Path, str]


def hashes(root: Path) -> dict[Path, str]:
    """Take the hashes of all files below a folder."""
    return {
        path.relative_to(root): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _rows(number: int, offset: int) -> list[Row]:
    rows = (row for row in table().values() if row.tag != "00020003")
    return [row for place, row in enumerate(rows) if (place + number) % SLICES == offset]


def _tag(row: Row, number: int) -> int:
    """Choose a tag for a row; curves and overlays have many."""
    if row.tag.startswith("50xx"):
        return 0x50003000 + (number % 8 * 2 << 16)
    return int(row.tag.replace("xx", f"{number % 8 * 2:02X}"), 16)


def planted(at: Place, offset: int, taken: set[int]) -> list[Element]:
    """Fill a part of the rows, each with a canary; some under a VR of UN."""
    found = []
    for row in _rows(at.number, offset):
        tag = _tag(row, at.number)
        if tag not in taken:
            hidden = (at.canaries.number + at.number) % 7 == 0
            form = Form.HIDDEN if hidden and not at.syntax.big else Form.DEFINED
            if row.vr == "SQ" and at.number % 3 == 0:
                form = Form.HIDDEN_UNDEFINED if hidden and not at.syntax.big else Form.UNDEFINED
            found.append(at.canaries.element(tag, row.keyword, row.vr or "OW", form))
    return found


def beside(at: Place, taken: set[int]) -> list[Element]:
    """Add what no row lists: curves, overlays, unknown attributes, UIDs, padding."""
    text = at.canaries.text
    curve, overlay = 0x50000000 + (at.number % 8 * 2 << 16), 0x60000000 + (at.number % 8 * 2 << 16)
    extra = [
        element(curve | 0x0022, "LO", text()),
        element(curve | 0x2500, "LO", text()),
        element(overlay | 0x0010, "US", 4),
        element(overlay | 0x0022, "LO", text()),
        element(overlay | 0x1500, "LO", text()),
        element(0x00087776, "LO", text(), note=Note.UNKNOWN),
        element(0x00240FF0, "PN", at.canaries.value("PN"), note=Note.UNKNOWN),
        element(0x0022FFF0, "SQ", [code(text(), text(), SCHEME)], note=Note.UNKNOWN),
        attribute("ReferencedSOPInstanceUIDInFile", instance_uid(1), note=Note.UID),
        attribute("CodingSchemeUID", "1.2.826.0.1.3680043.9.5.2", note=Note.CODE),
    ]
    if at.number in PADDED:
        extra.append(element(0xFFFCFFFC, "OB", b"Zq800002xV" + bytes(20)))
    return [each for each in extra if each.tag not in taken]


def echoes(at: Place) -> list[Element]:
    """Repeat what identifies in texts that are kept, three of them in each object."""
    found = []
    texts = at.person.echoes(at.charset)
    for step in range(3):
        keyword = ECHO_PLACES[(at.number + step * 3) % len(ECHO_PLACES)]
        words = texts[(at.number + step * 4) % len(texts)]
        if keyword == "VOILUTSequence":
            found.append(attribute(keyword, [[attribute("LUTExplanation", words, note=Note.FREE)]]))
        elif keyword == "ReferencedColorPaletteInstanceUID":
            found.append(attribute("DeviceTypeCodeSequence", [code("D1", words, SCHEME)]))
        elif keyword == "PixelDataProviderURL":
            url = f"https://a.example/{at.person.patient_id}/1"
            found.append(attribute(keyword, url, note=Note.FREE))
        elif keyword != "TextValue" or at.kind not in ("SR", "KO", "Dose Report"):
            found.append(attribute(keyword, words, note=Note.FREE))
    short = at.person.name("").split("^")[0].upper()
    return [*found, attribute("SequenceName", f"*{short}", note=Note.FREE)]


def partial_dates() -> list[Element]:
    """Give dates and times that are no whole ones, or none at all."""
    values = {
        "InstanceCreationDate": "2019",
        "AcquisitionDate": "20191350",
        "AcquisitionDateTime": "2019",
        "AcquisitionTime": "25zz",
        "CalibrationDateTime": "soon",
        "PatientBirthDate": "195708",
        "RTPlanDate": "2019.3.14",
        "StructureSetDate": "201903",
        "DateOfLastCalibration": "20190101\\2019",
    }
    return [attribute(keyword, value, note=Note.INVALID) for keyword, value in values.items()]


def _private_value(at: Place, vr: str) -> tuple[str, object, Note]:
    """Choose the value of a safe private element."""
    match vr:
        case "UI":
            return vr, at.canaries.uid(), Note.UID
        case "LO" | "LT" | "SH" if at.number % 2 and vr != "SH":
            return vr, f"{at.person.name('').split('^')[0]} scanned", Note.FREE
        case "LO" | "LT" | "SH" | "CS":
            return vr, "SAFE WORDS", Note.PLAIN
        case "DS" | "IS":
            return vr, "17", Note.PLAIN
        case "OB" | "":
            return "OB", b"\x07\x08\x09\x0a", Note.PLAIN
        case _:
            return vr, 17, Note.PLAIN


def private(at: Place) -> list[Element]:
    """Make private blocks: safe ones, unknown ones, and elements that belong to none."""
    text, number = at.canaries.text, at.number
    found: dict[int, Element] = {}

    def add(tag: int, vr: str, value: object, creator: str, note: Note = Note.PLAIN) -> None:
        found[tag] = element(tag, vr, value, creator=creator, note=note)

    creators = sorted({(row.group, row.creator) for row in safe_private()})
    for step in range(3):
        group, creator = creators[(number * 3 + step) % len(creators)]
        block = 0x10 + (number * 7 + step * 31) % 0xEF
        rows = [row for row in safe_private() if (row.group, row.creator) == (group, creator)]
        add(group << 16 | block, "LO", creator, creator)
        for row in rows[number % 3 :: 3] or rows[:1]:
            if row.vr != "SQ":
                vr, value, note = _private_value(at, row.vr)
                add(group << 16 | block << 8 | row.low, vr, value, creator, note)
        add(group << 16 | block << 8 | 0xF8, "LO", text(), creator)
    hidden = [attribute("PatientName", text()), element(0x00331001, "LO", text(), creator="ZQ")]
    add(0x00330010, "LO", "ZQ UNKNOWN", "ZQ UNKNOWN")
    add(0x00331001, "LO", f"{text()} {at.person.patient_id}", "ZQ UNKNOWN")
    add(0x00331002, "PN", at.person.name(at.charset), "ZQ UNKNOWN")
    add(0x00331003, "OB", text().encode(), "ZQ UNKNOWN")
    form = Form.DEFINED if at.syntax.big else Form.HIDDEN_UNDEFINED
    found[0x00331004] = element(0x00331004, "SQ", [hidden], creator="ZQ UNKNOWN", form=form)
    add(0x003500FE, "LO", text(), "")  # a creator whose name tells
    add(0x0035FE07, "LO", text(), "")
    add(0x00431B99, "LO", text(), "")  # its block belongs to nobody
    unused = next(tag for tag in range(0x004300B7, 0x004300FF) if tag not in found)
    add(unused, "LO", "GEMS_PARM_01", "")  # a safe creator, of nothing
    return list(found.values())


def deep(at: Place, taken: set[int]) -> Element:
    """Put a part of the rows, private blocks and unknown attributes three sequences deep."""
    names = next(each for each in CONTAINERS if attribute(each[0]).tag not in taken)
    innermost = ordered(
        planted(at, SLICES // 2, set()),
        private(at),
        beside(at, {0xFFFCFFFC, *(_tag(row, at.number) for row in _rows(at.number, 4))}),
        [attribute("SeriesNumber", at.number)],
    )
    forms = [Form.DEFINED, Form.UNDEFINED, Form.DEFINED]
    if not at.syntax.big:
        forms[at.number % 3] = (Form.HIDDEN, Form.HIDDEN_UNDEFINED)[at.number % 2]
    items = [list(innermost)]
    for depth in (2, 1, 0):
        inner = attribute(names[depth], items, form=forms[depth])
        items = [[inner]] if depth == 0 else [[], [inner, attribute("InstanceNumber", depth)]]
    return items[0][0]


def _meta(at: Place) -> Elements:
    text = at.canaries.text
    return (
        Element(0x00020001, "OB", b"\0\1"),
        attribute("MediaStorageSOPClassUID", next(iter(_class(at)))),
        attribute("MediaStorageSOPInstanceUID", at.sop_instance_uid),
        attribute("TransferSyntaxUID", at.syntax.uid),
        attribute("ImplementationClassUID", uid(4, 1)),
        attribute("ImplementationVersionName", text()),
        attribute("SourceApplicationEntityTitle", text()),
        attribute("SendingApplicationEntityTitle", text()),
        attribute("ReceivingApplicationEntityTitle", text()),
        attribute("SourcePresentationAddress", f"dicom:{text()}"),
        attribute("PrivateInformationCreatorUID", at.canaries.uid()),
        attribute("PrivateInformation", text().encode()),
    )


def _class(at: Place) -> list[str]:
    return [str(each.value) for each in make(at) if each.tag == 0x00080016]


def _object(at: Place) -> Made:
    elements = make(at)
    if at.number in NOBODY:
        elements = [each for each in elements if each.tag != 0x00100020]
        elements.append(attribute("PatientID", ""))
    if at.number in PARTIAL:
        dates = partial_dates()
        over = {each.tag for each in dates}
        elements = [*(each for each in elements if each.tag not in over), *dates]
    taken = {each.tag for each in elements}
    for more in (echoes(at), private(at)):
        elements += [each for each in more if each.tag not in taken]
        taken |= {each.tag for each in more}
    elements.append(deep(at, taken))
    taken.add(elements[-1].tag)
    # What tells two patients of one number apart is the same in all files of a patient.
    elements.append(attribute("IssuerOfPatientID", f"Zq80001{PEOPLE.index(at.person)}xV"))
    taken.add(elements[-1].tag)
    elements += planted(at, 0, taken)
    elements += beside(at, {each.tag for each in elements})
    if at.number in DUPLICATED:
        elements.append(attribute("OtherPatientNames", at.canaries.value("PN")))
        elements.append(attribute("OtherPatientNames", at.canaries.value("PN")))
        elements.append(attribute("StationName", at.canaries.text()))
        elements.append(attribute("StationName", at.canaries.text()))
    family = at.person.name("").split("^")[0]
    path = Path(f"{family}_{at.person.birth_date}", at.study[-2:], f"{family} {at.number}.dcm")
    tail = b"behind: Zq800003xV " + at.person.patient_id.encode() if at.number in TAILED else b""
    preamble = b"#!/bin/sh\necho Zq800004xV\n".ljust(128, b"\n") if at.number % 2 else bytes(128)
    return Made(at, path, _meta(at), ordered(elements), preamble, tail)


def _places(canaries: Canaries) -> list[Place]:
    places = []
    for number, (kind, who, charset, syntax) in enumerate(OBJECTS, 1):
        study = uid(2, 10 * (who + 1) + number % 3)
        instance = instance_uid(SAME_INSTANCE.get(number, number))
        series = f"{study}.{kind_number(kind)}"
        places.append(
            Place(number, kind, PEOPLE[who], study, series, charset, syntax, canaries, instance)
        )
    return places


def kind_number(kind: str) -> int:
    """Give each kind a number of its own, and so a series."""
    return 100 + [each[0] for each in OBJECTS].index(kind)


def _dicomdir(person: Person) -> bytes:
    record = [
        Element(0x00041400, "UL", (0,)),
        Element(0x00041410, "US", (0xFFFF,)),
        Element(0x00041420, "UL", (0,)),
        attribute("DirectoryRecordType", "PATIENT"),
        attribute("PatientName", person.name("")),
        attribute("PatientID", person.patient_id),
    ]
    body = (
        Element(0x00041130, "CS", "ZQ"),
        Element(0x00041200, "UL", (0,)),
        Element(0x00041202, "UL", (0,)),
        Element(0x00041212, "US", (0,)),
        attribute("DirectoryRecordSequence", [record]),
    )
    meta = (
        Element(0x00020001, "OB", b"\0\1"),
        attribute("MediaStorageSOPClassUID", "1.2.840.10008.1.3.10"),
        attribute("MediaStorageSOPInstanceUID", uid(9, 1)),
        attribute("TransferSyntaxUID", EXPLICIT.uid),
        attribute("ImplementationClassUID", uid(4, 1)),
    )
    return part10(meta, ordered(body), "", EXPLICIT)


def _junk(whole: list[Made]) -> dict[Path, bytes]:
    """Make what lies beside: nothing of it may become an output."""
    one, other = whole[0], whole[-1]
    family = PEOPLE[0].name("").split("^")[0]
    cut = encode(one.body, one.at.charset, one.at.syntax)[:-200]
    group = encode(one.meta, "", EXPLICIT)
    length = encode((Element(0x00020000, "UL", (len(group),)),), "", EXPLICIT)
    return {
        Path("empty.dcm"): b"",
        Path(f"{family}.txt"): f"{family} Zq800005xV\n".encode(),
        Path("DICOMDIR"): _dicomdir(PEOPLE[0]),
        Path("cut.dcm"): bytes(128) + b"DICM" + length + group + cut,
        Path("two.dcm"): one.content() + other.content(),
        Path("noise.dcm"): pack("<256H", *(number * 8191 % 65536 for number in range(256))),
    }


def make_folder(root: Path) -> Folder:
    """Make the folder; the same one each time."""
    canaries = Canaries()
    objects = [_object(at) for at in _places(canaries)]
    junk = _junk(objects)
    for path, content in [*((each.path, each.content()) for each in objects), *junk.items()]:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return Folder(root, tuple(objects), tuple(junk), hashes(root))

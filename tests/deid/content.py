"""Make the content of SR documents: all content items of Table E.3.4-1, and some unlisted."""

from collections.abc import Iterable
from itertools import islice

from tests.deid.coding import Element, Form, Note
from tests.deid.facts import SOP_CLASSES, ContentRow, content_rows
from tests.deid.planting import SCHEME, Canaries, Person, attribute, code, reference

a = attribute
CT = SOP_CLASSES["CT"]
FINDING = "nodule 5 mm, round"
"""A text that says nothing of anybody, in an item that no table lists: it stays."""


def selected(step: int, first: int) -> tuple[ContentRow, ...]:
    """Pick rows of Table E.3.4-1."""
    return tuple(islice(content_rows(), first, None, step))


def value(canaries: Canaries, value_type: str) -> list[Element]:
    """Fill a content item of a value type."""
    match value_type:
        case "TEXT":
            return [a("TextValue", canaries.text())]
        case "PNAME":
            return [a("PersonName", canaries.value("PN"))]
        case "DATE":
            return [a("Date", canaries.date())]
        case "TIME":
            return [a("Time", canaries.time())]
        case "DATETIME":
            return [a("DateTime", canaries.value("DT"))]
        case "UIDREF":
            return [a("UID", canaries.uid())]
        case "CODE":
            return [a("ConceptCodeSequence", [code(canaries.text(), "sex", SCHEME)])]
        case "NUM":
            units = a("MeasurementUnitsCodeSequence", [code("mm", "mm", "UCUM")])
            return [a("MeasuredValueSequence", [[units, a("NumericValue", canaries.value("DS"))]])]
        case "CONTAINER":
            inner = item(canaries, "TEXT", ("121106", "DCM"))
            return [
                a("ContinuityOfContent", "SEPARATE"),
                a("ContentSequence", [inner]),
            ]
        case _:
            return [a("ReferencedSOPSequence", [reference(CT, canaries.uid())])]


def item(
    canaries: Canaries,
    value_type: str,
    concept: tuple[str, str],
    filled: list[Element] | None = None,
) -> list[Element]:
    """Make a content item; `concept` is code and scheme."""
    return [
        a("RelationshipType", "CONTAINS"),
        a("ValueType", value_type),
        a("ConceptNameCodeSequence", [code(concept[0], "a concept", concept[1])]),
        *(filled if filled is not None else value(canaries, value_type)),
    ]


def document(canaries: Canaries, person: Person, rows: Iterable[ContentRow]) -> list[Element]:
    """Make the SR document modules and the content."""
    items = [item(canaries, row.value_type, (row.code, row.scheme)) for row in rows]
    half = len(items) // 2
    family = person.names[""].split("^")[0]
    inner = [
        a("ContinuityOfContent", "SEPARATE"),
        a("ContentSequence", items[half:], form=Form.UNDEFINED),
    ]
    unlisted = [
        item(canaries, "TEXT", ("F1", SCHEME), [a("TextValue", FINDING)]),
        item(
            canaries,
            "TEXT",
            ("F2", SCHEME),
            [a("TextValue", f"nodule of {family}, 7 mm", note=Note.FREE)],
        ),
        item(canaries, "NUM", ("F3", SCHEME)),
        item(canaries, "PNAME", ("F4", SCHEME)),
        item(canaries, "DATETIME", ("F5", SCHEME)),
        item(canaries, "UIDREF", ("F6", SCHEME)),
        item(canaries, "IMAGE", ("F7", SCHEME)),
        item(canaries, "CONTAINER", ("F8", SCHEME), inner),
    ]
    verifier = [
        a("VerifyingOrganization", person.institution),
        a("VerificationDateTime", canaries.value("DT")),
        a("VerifyingObserverName", person.physician),
        a("VerifyingObserverIdentificationCodeSequence", []),
    ]
    return [
        a("ValueType", "CONTAINER"),
        a("ConceptNameCodeSequence", [code("121070", "Findings")]),
        a("ContinuityOfContent", "SEPARATE"),
        a("CompletionFlag", "COMPLETE"),
        a("VerificationFlag", "VERIFIED"),
        a("VerifyingObserverSequence", [verifier]),
        a(
            "ReferencedPerformedProcedureStepSequence",
            [reference("1.2.840.10008.3.1.2.3.3", canaries.uid())],
        ),
        a("PerformedProcedureCodeSequence", [code("11528-7", "CT", "LN")]),
        a("ContentSequence", [*items[:half], *unlisted]),
    ]

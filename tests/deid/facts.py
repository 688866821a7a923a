"""The tables of PS3.15 Annex E as the tests know them, and the types of a few attributes."""

import csv
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

OPTIONS = {
    "uids": ("rtn_uids", "113110"),
    "device": ("rtn_dev_id", "113109"),
    "institution": ("rtn_inst_id", "113112"),
    "patient": ("rtn_pat_chars", "113108"),
    "dates": ("rtn_long_full", "113106"),
    "dates-shifted": ("rtn_long_modif", "113107"),
    "safe-private": ("rtn_safe_priv", "113111"),
    "descriptors": ("clean_desc", "113105"),
    "structured": ("clean_struct", "113104"),
    "graphics": ("clean_graph", "113103"),
}
"""Each option of the command line: its column of Table E.1-1, its code in CID 7050."""

CONTENT_COLUMNS = {
    "uids": "retain_uids",
    "device": "retain_device_identity",
    "institution": "retain_institution_identity",
    "patient": "retain_patient_characteristics",
    "dates": "retain_longitudinal_full_dates",
    "dates-shifted": "retain_longitudinal_modified_dates",
    "descriptors": "clean_descriptors",
}
"""The same for Table E.3.4-1."""

ALL_RETAINED = frozenset(OPTIONS) - {"dates"}
"""All options that can be had together; full and modified dates exclude each other."""

NOT_IN_FILES = ("00001000", "00001001", "00041511", "PRIVATE")
"""Rows that no file but a command, a DICOMDIR or a private block can hold."""


class Row(NamedTuple):
    """A row of Table E.1-1."""

    tag: str
    keyword: str
    vr: str
    basic: str
    columns: dict[str, str]

    def codes(self, options: frozenset[str]) -> dict[str, str]:
        """Give the code that each chosen option has for this attribute, where it has one."""
        chosen = {option: self.columns[OPTIONS[option][0]] for option in options}
        return {option: code for option, code in chosen.items() if code}


class ContentRow(NamedTuple):
    """A row of Table E.3.4-1, a content item known by its concept."""

    code: str
    scheme: str
    meaning: str
    value_type: str
    basic: str
    columns: dict[str, str]

    def codes(self, options: frozenset[str]) -> dict[str, str]:
        """Give the code that each chosen option has for this content item."""
        chosen = {
            option: self.columns[CONTENT_COLUMNS[option]]
            for option in options
            if option in CONTENT_COLUMNS
        }
        return {option: code for option, code in chosen.items() if code}


class Safe(NamedTuple):
    """A row of Table E.3.10-1, a private element that is safe."""

    group: int
    low: int
    creator: str
    vr: str


def folder() -> Path:
    """Find the folder of the tables; skip where there is none."""
    corpus = os.environ.get("DCMTOOLS_CORPUS")
    if not corpus:
        pytest.skip("DCMTOOLS_CORPUS names no folder of files")
    found = Path(corpus).parent
    if not (found / "ps315_e1_1.tsv").is_file():
        pytest.skip("no ps315_e1_1.tsv beside the folder that DCMTOOLS_CORPUS names")
    return found


def _read(name: str) -> list[dict[str, str]]:
    with (folder() / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


@cache
def table() -> dict[str, Row]:
    """Read Table E.1-1, the rows that a file can hold, by tag or pattern of tags."""
    rows = {}
    for line in _read("ps315_e1_1.tsv"):
        if line["tag"] not in NOT_IN_FILES:
            columns = {column: line[column] for column, _ in OPTIONS.values()}
            row = Row(line["tag"], line["keyword"], line["vr"], line["basic"], columns)
            rows[row.tag] = row
    return rows


@cache
def content_rows() -> tuple[ContentRow, ...]:
    """Read Table E.3.4-1."""
    return tuple(
        ContentRow(
            line["code"],
            line["scheme"],
            line["meaning"],
            line["value_type"],
            line["basic"],
            {column: line[column] for column in CONTENT_COLUMNS.values()},
        )
        for line in _read("ps315_e3_4_1_content_items.tsv")
    )


@cache
def safe_private() -> tuple[Safe, ...]:
    """Read Table E.3.10-1."""
    return tuple(
        Safe(
            int(line["tag"][1:5], 16),
            int(line["tag"][8:10], 16),
            line["private_creator"],
            line["vr"],
        )
        for line in _read("ps315_safe_private.tsv")
    )


def row_of(tag: int) -> Row | None:
    """Find the row of a tag; all of a curve is in one row."""
    rows = table()
    if tag >> 24 == 0x50:
        return rows["50xxxxxx"]
    if tag >> 24 == 0x60 and tag & 0xFFFF in (0x3000, 0x4000):
        return rows[f"60xx{tag & 0xFFFF:04X}"]
    return rows.get(f"{tag:08X}")


def classes(*names: str) -> frozenset[str]:
    """Give SOP Class UIDs by the names used here."""
    return frozenset(SOP_CLASSES[name] for name in names)


SOP_CLASSES = {
    name: f"1.2.840.10008.5.1.4.1.1.{arc}"
    for name, arc in {
        "CR": "1",
        "DX": "1.1",
        "MG": "1.2",
        "CT": "2",
        "Enhanced CT": "2.1",
        "US multi-frame": "3.1",
        "MR": "4",
        "Enhanced MR": "4.1",
        "US": "6.1",
        "SC": "7",
        "ECG": "9.1.1",
        "GSPS": "11.1",
        "XA": "12.1",
        "NM": "20",
        "Parametric Map": "30",
        "Raw Data": "66",
        "Registration": "66.1",
        "Segmentation": "66.4",
        "Photograph": "77.1.4",
        "Slide": "77.1.6",
        "SR": "88.33",
        "KO": "88.59",
        "Dose Report": "88.67",
        "PDF": "104.1",
        "CDA": "104.2",
        "PET": "128",
        "RT Image": "481.1",
        "RT Dose": "481.2",
        "RT Structure Set": "481.3",
        "RT Plan": "481.5",
    }.items()
}

ENHANCED = classes("Enhanced CT", "Enhanced MR", "Segmentation", "Parametric Map", "Slide")
DOCUMENTS = classes("SR", "KO", "Dose Report")
DATED = (
    ENHANCED | DOCUMENTS | classes("ECG", "Raw Data", "Registration")
)  # those of the Content Date that may not be empty
RT = classes("RT Structure Set", "RT Plan", "RT Dose", "RT Image")
ENCAPSULATED = classes("PDF", "CDA")

TYPE_1: dict[int, frozenset[str]] = {
    0x00080023: DATED,  # Content Date
    0x00080033: DATED,  # Content Time
    0x0008002A: classes("ECG", "Slide"),  # Acquisition DateTime
    0x00181000: ENHANCED,  # Device Serial Number
    0x00700082: classes("GSPS"),  # Presentation Creation Date
    0x00700083: classes("GSPS"),  # Presentation Creation Time
    0x00080021: classes("PET"),  # Series Date
    0x00080031: classes("PET"),  # Series Time
    0x0040A730: classes("SR", "Dose Report", "KO"),  # Content Sequence
}
TYPE_2: dict[int, frozenset[str]] = {
    0x00080023: classes("PDF", "CDA"),
    0x00080033: classes("PDF", "CDA"),
    0x0008002A: classes("PDF", "CDA"),
    0x00080022: classes("PET"),  # Acquisition Date
    0x00080032: classes("PET"),  # Acquisition Time
    0x00081070: RT,  # Operators' Name
    0x00081111: DOCUMENTS,  # Referenced Performed Procedure Step Sequence
    0x00400555: classes("ECG", "Raw Data", "Slide"),  # Acquisition Context Sequence
    0x00700084: classes("GSPS", "Segmentation", "Registration"),  # Content Creator's Name
    0x300A0006: classes("RT Plan"),  # RT Plan Date
    0x300A0007: classes("RT Plan"),  # RT Plan Time
}


def type_in(tag: int, sop_class: str) -> int:
    """Give the type of an attribute at the top of an object: 1, 2, or 3 where it is optional."""
    if sop_class in TYPE_1.get(tag, ()):
        return 1
    return 2 if sop_class in TYPE_2.get(tag, ()) else 3

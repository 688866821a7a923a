"""Show that identities are found where no rule looks for them, and that nothing else is taken."""

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import FileDataset

from dcmtools.deid.clean import cleaned
from dcmtools.deid.identifying import Identity, Kind
from dcmtools.deid.needles import Needles, needles_of
from dcmtools.deid.spellings import fold
from tests.deid.treating import item, plan, treated_ct, written
from tests.factories import BODY, element, make_ct, part10, write

GONE = "ANONYMIZED"
PERSON = {
    "PatientName": "Mustermann^Jürgen",
    "PatientID": "MRN-471199",
    "OtherPatientIDs": ["KV-88231-Q", "0099887766"],
    "PatientBirthDate": "19570823",
    "PatientAddress": "Amselweg 42, 12345 Vogelhausen",
    "PatientTelephoneNumbers": "+49 30 7312468",
    "InstitutionName": "Klinikum Zurnebelhoehe",
    "ReferringPhysicianName": "Heisenbergmann^Werner^^Dr.",
    "OperatorsName": ["Operatowski^Olga", "Li^Wei"],
    "AccessionNumber": "ACC77X12",
}
NEEDLES = needles_of(
    frozenset(
        {
            Identity(Kind.NAME, "Mustermann^Jürgen"),
            Identity(Kind.NUMBER, "MRN-471199"),
            Identity(Kind.BIRTH_DATE, "19570823"),
        }
    )
)


def with_text(folder: Path, text: str, *options: str, **more: Any) -> FileDataset:  # noqa: ANN401
    return treated_ct(folder, *options, ManufacturerModelName=text, **(PERSON | more))


@pytest.mark.parametrize(
    "text",
    [
        "Scan of MUSTERMANN",
        "mustermanns Tisch",
        "room of Jurgen",
        "room of JÜRGEN",
        "Juergen, head first",
        "ID 471199",
        "mrn 471199",
        "MRN471199_2",
        "see KV-88231-Q",
        "99887766",
        "born 1957-08-23",
        "born 23.08.1957",
        "born 8/23/1957",
        "born 23 Aug 1957",
        "born August 23, 1957",
        "born 23.08.57",
        "call 7312468",
        "lives Amselweg 42",
        "from vogelhausen",
        "at ZURNEBELHOEHE east",
        "for Heisenbergmann",
        "by wei, li",
        "WeiLi",
        "order ACC77X12",
        "2026-01-02",  # the date of the study
    ],
)
def test_identities_are_found_in_any_spelling(tmp_path: Path, text: str) -> None:
    assert with_text(tmp_path, text, StudyDate="20260102").ManufacturerModelName == GONE


@pytest.mark.parametrize(
    "text",
    [
        "LightSpeed VCT 64",
        "nodule 5 mm, T2 sag",
        "Number 14711990",
        "Weimar Lichtung",
        "Klinikum",
        "1957",
        "Version 19570824",
        "CHEST ROUTINE",
        "Dr",
    ],
)
def test_what_is_no_identity_stays(tmp_path: Path, text: str) -> None:
    assert with_text(tmp_path, text).ManufacturerModelName == text


def test_words_of_descriptions_are_no_identity(tmp_path: Path) -> None:
    data = treated_ct(tmp_path, StudyDescription="THORAX SPECIAL", BodyPartExamined="THORAX")
    assert data.BodyPartExamined == "THORAX"


def test_name_that_is_a_part_of_the_body_is_searched_for_whole(tmp_path: Path) -> None:
    person = {"PatientName": "Head^Chest", "BodyPartExamined": "CHEST"}
    assert treated_ct(tmp_path, **person).BodyPartExamined == "CHEST"
    found = treated_ct(tmp_path, ManufacturerModelName="for Chest Head", **person)
    assert found.ManufacturerModelName == GONE


def test_only_the_value_with_the_identity_is_replaced(tmp_path: Path) -> None:
    data = treated_ct(tmp_path, SoftwareVersions=["VA20", "of Doe", "VB1"])
    assert list(data.SoftwareVersions) == ["VA20", GONE, "VB1"]


def test_search_goes_into_items_and_private_elements(tmp_path: Path) -> None:
    code = item(CodeValue="T1", CodingSchemeDesignator="99X", CodeMeaning="room of Doe")
    data = treated_ct(tmp_path, DeviceTypeCodeSequence=[code])
    assert data.DeviceTypeCodeSequence[0].CodeMeaning in ("room of", GONE)
    content = BODY + b"".join(
        [
            element(0x00190010, "LO", b"SIEMENS MR HEADER "),
            element(0x0019100B, "DS", b"1 "),
            element(0x0019100C, "IS", b"471199"),
            element(0x0019100E, "FD", b"\0DOE\0 JANE\0\0\0\0\0\0"),
        ]
    )
    content = content.replace(b"PID-1 ", b"471199")
    path, warnings = written(write(tmp_path / "in.dcm", part10(content)), plan("safe-private"))
    output = path.read_bytes()
    assert b"471199" not in output
    assert b"JANE" not in output
    assert b"SIEMENS MR HEADER" in output
    assert warnings == (
        "has identities where no rule looks for them, taken out of a private element",
    )


@pytest.mark.parametrize(
    ("charset", "name", "text"),
    [
        ("ISO_IR 100", "Müller^Åse", "Tisch von MÜLLER"),
        ("ISO_IR 144", "Иванов^Пётр", "для ИВАНОВ"),
        ("ISO_IR 192", "山田^太郎", "太郎の検査"),
        ("GB18030", "王^小东", "王小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", "山田の検査"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ", "*YAMADA"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ", "Taro"),
        ("ISO_IR 192", "김^희중", "희중"),
    ],
)
def test_search_knows_character_sets(
    tmp_path: Path, charset: str | list[str], name: str, text: str
) -> None:
    data = treated_ct(
        tmp_path, SpecificCharacterSet=charset, PatientName=name, ManufacturerModelName=text
    )
    assert data.ManufacturerModelName == GONE


def test_partial_birth_date_finds_whole_ones(tmp_path: Path) -> None:
    for birth, stays in (("195708", False), ("1957", False), ("1958", True)):
        data = with_text(tmp_path, "born 1957-08-23", PatientBirthDate=birth)
        assert (data.ManufacturerModelName != GONE) is stays


def test_short_number_is_no_coincidence_among_numbers(tmp_path: Path) -> None:
    data = treated_ct(tmp_path, PatientID="1024", KVP="1024", ManufacturerModelName="unit 1024")
    assert data.KVP == 1024
    assert data.ManufacturerModelName == GONE
    assert treated_ct(tmp_path, PatientID="102478", KVP="102478").KVP == 0


def test_old_uids_are_not_left_in_texts(tmp_path: Path) -> None:
    text = {"ManufacturerModelName": "of 1.2.826.0.1.3680043.8.498.1.1/x"}
    assert treated_ct(tmp_path, **text).ManufacturerModelName == GONE
    assert treated_ct(tmp_path, "uids", **text).ManufacturerModelName != GONE


def test_what_is_kept_on_purpose_is_no_identity(tmp_path: Path) -> None:
    person = PERSON | {"ManufacturerModelName": "at Zurnebelhoehe"}
    data = treated_ct(tmp_path, "institution", **person)
    assert data.InstitutionName == "Klinikum Zurnebelhoehe"
    assert data.ManufacturerModelName == "at Zurnebelhoehe"


def test_warnings_hold_no_value(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "in.dcm", ManufacturerModelName="of Doe")
    _, warnings = written(path, plan())
    assert warnings == (
        "has identities where no rule looks for them, taken out of ManufacturerModelName",
    )


# Cleaning


def test_descriptors_are_cleaned(tmp_path: Path) -> None:
    data = treated_ct(
        tmp_path,
        "+descriptors",
        StudyDescription="CT chest of Doe, 5 mm",
        SeriesDescription="Dr. Heisenberg 2026-01-02",
        ImageComments="Jane",
        ManufacturerModelName="Model of DOE",
    )
    assert data.StudyDescription == "CT chest of , 5 mm"
    assert not str(data.SeriesDescription).strip() or data.SeriesDescription == GONE
    assert data.ImageComments == GONE
    assert data.ManufacturerModelName == "Model of"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("nodule 5 mm, round", "nodule 5 mm, round"),
        ("T2 TSE sag 3/8, TR 4500", "T2 TSE sag 3/8, TR 4500"),
        ("MR ANGIO HEAD", "MR ANGIO HEAD"),
        ("L4/L5, 3.5 x 2.1 cm", "L4/L5, 3.5 x 2.1 cm"),
        ("DR CHEST PA", "DR CHEST PA"),
        ("of Jürgen Mustermann", "of"),
        ("seen by Dr. Smith today", "seen by today"),
        ("Prof. Dr. von Braun: ok", "ok"),
        ("on 12.03.2026 at 14:05", "on at"),
        ("3 May 2026", ""),
        ("see ACC 1234567 / Kidney", "see ACC / Kidney"),
        ("mail a.b@c.example now", "mail now"),
        ("see http://a.example/x now", "see now"),
        ("call +49 30 123456", "call"),
        ("(Mustermann)", ""),
    ],
)
def test_text_loses_what_looks_like_an_identity(text: str, left: str) -> None:
    assert cleaned(text, NEEDLES) == left


def test_needles_are_found_where_they_are() -> None:
    text = "\u00df\u00df J\u00fcrgen, x"
    ((start, end),) = NEEDLES.spans(text)
    assert text[start:end] == "J\u00fcrgen"
    assert Needles(frozenset()).spans("anything") == []
    assert not Needles(frozenset()).are_in("anything")


def test_folding_forgives_case_accents_and_width() -> None:
    assert fold("ÅngStröm") == fold("Angstrom") == "angstrom"
    assert fold("\uff21\uff22\uff23") == "abc"
    assert fold("ﾔﾏﾀﾞ") == fold("ヤマダ")

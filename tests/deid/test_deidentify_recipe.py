"""Show what the rules of a recipe do on top of the profile, and what they cannot do."""

from pathlib import Path

import pytest

from dcmtools.errors import InputError
from tests.deid.treating import item, plan, treated, treated_ct, written
from tests.factories import BODY, element, make_ct, part10, write


def rule(path: str, action: str, *more: str) -> str:
    return "\n".join(["[[rule]]", f"path = '{path}'", f'action = "{action}"', *more, ""])


def test_rules_go_on_top_of_the_profile(tmp_path: Path) -> None:
    recipe = (
        rule("StationName", "keep")
        + rule("SliceThickness", "empty")
        + rule("Modality", "remove")
        + rule("AccessionNumber", "hash")
        + rule("SeriesDescription", "replace", "pattern = 'of \\w+'", "with = 'of somebody'")
        + rule("StudyDescription", "set", 'value = "Trial {PatientID}"')
    )
    data = treated_ct(
        tmp_path,
        recipe=recipe,
        StationName="CT1",
        AccessionNumber="A1",
        SeriesDescription="chest of Roe, Doe",
        StudyDescription="",
    )
    assert data.StationName == "CT1"
    assert data.SliceThickness is None
    assert "Modality" not in data
    assert len(data.AccessionNumber) == 16
    assert "Doe" not in data.SeriesDescription
    assert data.StudyDescription == f"Trial {data.PatientID}"
    assert data.DeidentificationMethod[1] == "with rules of a recipe on top"


def test_the_last_rule_counts(tmp_path: Path) -> None:
    recipe = rule("StudyDescription", "set", 'value = "A"') + rule("StudyDescription", "remove")
    assert "StudyDescription" not in treated_ct(tmp_path, recipe=recipe, StudyDescription="x")
    assert "StudyDescription" not in treated_ct(tmp_path, recipe=recipe)


def test_conditions_look_at_the_file_as_it_came(tmp_path: Path) -> None:
    recipe = rule("StationName", "keep", 'when = "PatientID=PID-1"')
    assert treated_ct(tmp_path, recipe=recipe, StationName="CT1").StationName == "CT1"
    other = treated_ct(tmp_path, recipe=recipe, StationName="CT1", PatientID="PID-2")
    assert "StationName" not in other


def test_what_is_set_is_added_where_it_is_missing(tmp_path: Path) -> None:
    recipe = (
        rule("ClinicalTrialSubjectID", "set", 'value = "S-{Modality}"')
        + rule("PatientID", "set", 'value = "X-{PatientID}"')
        + rule("ReferencedImageSequence.StudyDescription", "set", 'value = "in an item"')
        + rule('(0019,"NOBODY",01)', "set", 'value = "no new block"')
    )
    data = treated_ct(tmp_path, "uids", recipe=recipe, ReferencedImageSequence=[item(), item()])
    assert data.PatientID.startswith("X-")
    assert data.ClinicalTrialSubjectID == "S-CT"
    assert [each.StudyDescription for each in data.ReferencedImageSequence] == ["in an item"] * 2
    assert not [each for each in data if each.tag.is_private]


def test_items_are_reached_by_number(tmp_path: Path) -> None:
    recipe = rule("ReferencedImageSequence[1].StudyDescription", "keep")
    items = [item(StudyDescription="a"), item(StudyDescription="b")]
    data = treated_ct(tmp_path, "uids", recipe=recipe, ReferencedImageSequence=items)
    first, second = data.ReferencedImageSequence
    assert "StudyDescription" not in first
    assert second.StudyDescription == "b"


def test_private_elements_may_be_kept(tmp_path: Path) -> None:
    content = BODY + b"".join(
        [
            element(0x00290010, "LO", b"ACME"),
            element(0x00290011, "LO", b"OTHER "),
            element(0x00291001, "LO", b"kept"),
            element(0x00291002, "LO", b"not "),
        ]
    )
    path = write(tmp_path / "in.dcm", part10(content))
    data = treated(path, recipe=rule('(0029,"ACME",01)', "keep"))
    assert [int(each.tag) for each in data if each.tag.is_private] == [0x00290010, 0x00291001]


def test_what_is_kept_is_still_searched(tmp_path: Path) -> None:
    data = treated_ct(tmp_path, recipe=rule("StudyDescription", "keep"), StudyDescription="of Doe")
    assert data.StudyDescription == "ANONYMIZED"


def test_cleaned_text_is_cleaned_after_a_replacement_too(tmp_path: Path) -> None:
    recipe = rule("StudyDescription", "replace", "pattern = 'x'", "with = 'y'")
    path = make_ct(tmp_path / "in.dcm", StudyDescription="x 2026-01-02")
    assert treated(path, "+descriptors", recipe=recipe).StudyDescription == "y"


def test_statement_is_true_where_the_identity_is_kept(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "in.dcm")
    target, warnings = written(path, plan(recipe=rule("PatientName", "keep")))
    assert b"Doe^Jane" in target.read_bytes()
    assert warnings == ("the recipe keeps PatientName, so Patient Identity Removed is NO",)
    data = treated(path, recipe=rule("PatientName", "keep"))
    assert data.PatientIdentityRemoved == "NO"


def test_patient_id_is_never_empty_whatever_the_recipe_says(tmp_path: Path) -> None:
    kept = treated_ct(tmp_path, recipe=rule("PatientID", "keep"), PatientID="")
    assert kept.PatientID
    nothing = rule("PatientID", "replace", "pattern = '.+'", "with = ''")
    with pytest.raises(InputError, match="Patient ID would be empty"):
        treated_ct(tmp_path, recipe=nothing)


def test_value_that_does_not_fit_is_an_error_without_the_value(tmp_path: Path) -> None:
    recipe = rule("StationName", "set", 'value = "{StudyDescription} and more"')
    with pytest.raises(InputError, match="StationName") as caught:
        treated_ct(
            tmp_path, "+descriptors", recipe=recipe, StudyDescription="a long description of this"
        )
    assert "long description" not in str(caught.value)

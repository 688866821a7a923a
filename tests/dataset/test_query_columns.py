"""Show which columns a table on a terminal has at which width."""

from itertools import pairwise

import pytest

from dcmtools.dataset.query import build_query
from dcmtools.dataset.query_columns import terminal_columns
from dcmtools.dataset.query_models import (
    PATIENT_ROOT,
    PROCEDURE_STEP,
    STUDY_ROOT,
    WORKLIST,
    Model,
    QueryLevel,
    model_for,
)

PATIENT, STUDY, SERIES, IMAGE = QueryLevel
STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
MODELS = [
    (PATIENT_ROOT, PATIENT),
    (STUDY_ROOT, STUDY),
    (STUDY_ROOT, SERIES),
    (STUDY_ROOT, IMAGE),
    (WORKLIST, None),
    (PROCEDURE_STEP, None),
    (model_for("HangingProtocolInformationModelFind"), None),
]


def shown(
    width: int, *keys: str, model: Model = STUDY_ROOT, level: QueryLevel | None = None
) -> list[str]:
    """Name the last keyword of each column."""
    own = build_query(keys, model=model, level=level, only=True)
    query = build_query(keys, model=model, level=level)
    columns = terminal_columns(query, own.columns, width)
    assert len(set(columns)) == len(columns)
    assert set(own.columns) <= set(columns) <= set(query.columns)
    assert columns[: len(own.columns)] == own.columns
    return [str(path).rsplit(".", 1)[-1] for path in columns]


def test_a_narrow_terminal_shows_what_tells_most() -> None:
    assert shown(80) == [
        "PatientName", "PatientID", "StudyDate", "ModalitiesInStudy", "StudyDescription",
        "StudyInstanceUID",
    ]  # fmt: skip


def test_a_wider_one_shows_more() -> None:
    assert shown(120)[5:] == [
        "AccessionNumber", "NumberOfStudyRelatedInstances", "PatientBirthDate", "StudyTime",
        "StudyInstanceUID",
    ]  # fmt: skip


@pytest.mark.parametrize(("model", "level"), MODELS)
def test_more_room_never_shows_less_on_either_side_of_where_uids_move_up(
    model: Model, level: QueryLevel | None
) -> None:
    counts = [len(shown(width, model=model, level=level)) for width in range(20, 600)]
    drops = sum(later < earlier for earlier, later in pairwise(counts))
    assert drops <= 1
    assert counts[-1] == len(build_query(model=model, level=level).columns)


@pytest.mark.parametrize(("model", "level"), MODELS)
def test_where_there_is_no_limit_all_is_shown(model: Model, level: QueryLevel | None) -> None:
    query = build_query(model=model, level=level)
    assert terminal_columns(query, (), 0) == query.columns


@pytest.mark.parametrize("width", [20, 80, 120, 144, 200, 1000])
@pytest.mark.parametrize(
    ("model", "level", "last"),
    [
        (STUDY_ROOT, STUDY, "StudyInstanceUID"),
        (STUDY_ROOT, SERIES, "SeriesInstanceUID"),
        (STUDY_ROOT, IMAGE, "SOPInstanceUID"),
        (PROCEDURE_STEP, None, "SOPInstanceUID"),
    ],
)
def test_what_the_next_command_needs_is_always_there_and_last(
    model: Model, level: QueryLevel | None, last: str, width: int
) -> None:
    assert shown(width, model=model, level=level)[-1] == last


@pytest.mark.parametrize("width", [10, 80])
def test_a_patient_id_is_always_there_at_its_place(width: int) -> None:
    keys = ("PatientComments", "OtherPatientNames")
    assert "PatientID" in shown(width, *keys, model=PATIENT_ROOT)
    assert shown(80, model=PATIENT_ROOT)[:2] == ["PatientName", "PatientID"]


@pytest.mark.parametrize("width", [10, 80, 120, 200])
def test_what_the_user_has_named_is_never_left_out(width: int) -> None:
    keys = [
        "StudyID", "PatientComments", "SeriesInstanceUID", f"StudyInstanceUID={STUDY_UID}",
        "RequestAttributesSequence.RequestedProcedureID", '(0029,"MINE",01)',
    ]  # fmt: skip
    assert shown(width, *keys, level=STUDY)[:6] == [
        "StudyID", "PatientComments", "SeriesInstanceUID", "StudyInstanceUID",
        "RequestedProcedureID", '(0029,"MINE",01)',
    ]  # fmt: skip


def test_a_uid_of_the_user_is_not_shown_again_as_the_last() -> None:
    assert shown(80, f"StudyInstanceUID={STUDY_UID}").count("StudyInstanceUID") == 1


def test_other_uids_are_only_shown_beside_the_rest() -> None:
    assert shown(80, level=IMAGE) == ["InstanceNumber", "SOPInstanceUID"]
    assert shown(120, level=IMAGE) == ["InstanceNumber", "SOPClassUID", "SOPInstanceUID"]
    assert shown(200, level=IMAGE) == [
        "InstanceNumber", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID",
    ]  # fmt: skip
    assert "StudyInstanceUID" not in shown(144, level=SERIES)
    assert "StudyInstanceUID" in shown(200, level=SERIES)


def test_a_worklist_starts_with_who_comes_when() -> None:
    assert shown(80, model=WORKLIST)[:4] == [
        "PatientName", "PatientID", "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime",
    ]  # fmt: skip

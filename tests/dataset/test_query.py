"""Show how a query is put together: its level, what is added, its columns and its identifier."""

import subprocess
import sys
from datetime import date, datetime
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query import Query, build_query
from dcmtools.dataset.query_keys import Criteria, Key, parse_key
from dcmtools.dataset.query_models import (
    PATIENT_ROOT,
    PATIENT_STUDY_ONLY,
    PROCEDURE_STEP,
    STUDY_ROOT,
    WORKLIST,
    Model,
    QueryLevel,
    model_for,
)
from dcmtools.errors import UsageError
from tests.factories import element

TODAY = date(2026, 11, 24)
PATIENT, STUDY, SERIES, IMAGE = QueryLevel
STEP = "ScheduledProcedureStepSequence"


def decoded(query: Query, *, implicit: bool = False) -> Dataset:
    raw = query.encode(implicit=implicit)
    return read_dataset(BytesIO(raw), implicit, is_little_endian=True)


def printed(query: Query) -> list[str]:
    return [str(key) for key in query.keys]


def columns(query: Query) -> list[str]:
    return [str(path) for path in query.columns]


def test_without_anything_all_studies_are_asked_for() -> None:
    query = build_query()
    assert (query.model, query.level, query.charset) == (STUDY_ROOT, STUDY, "")
    data = decoded(query)
    assert data.QueryRetrieveLevel == "STUDY"
    assert "SpecificCharacterSet" in data
    assert not data.SpecificCharacterSet
    assert all(not each.value for each in data if each.keyword != "QueryRetrieveLevel")
    assert {each.keyword for each in data} == {
        "SpecificCharacterSet",
        "QueryRetrieveLevel",
        *columns(query),
    }


# Keys


def test_a_later_key_counts_in_the_place_of_an_earlier_one() -> None:
    keys = [
        "PatientID=A",
        "PatientName=B",
        "(0010,0020)=C",
        f"{STEP}[0].Modality",
        f"{STEP}.Modality=X",
    ]
    query = build_query(keys, only=True)
    assert printed(query) == ["PatientID=C", "PatientName=B", f"{STEP}.Modality=X"]


def test_keys_may_be_text_or_read_already() -> None:
    text = "PatientID=A"
    assert build_query([text]) == build_query([parse_key(text)])


@pytest.mark.parametrize(
    "text", ["PatientID=*", "PatientID=**", "StudyDate=*", f"{STEP}.Modality=*"]
)
def test_a_lone_asterisk_is_never_sent(text: str) -> None:
    (key,) = build_query([text], only=True).keys
    assert key.value == ""


@pytest.mark.parametrize("text", ["PatientID=*A", "PatientName=*^*", "PatientID=?"])
def test_other_wildcards_are_sent(text: str) -> None:
    assert printed(build_query([text], only=True)) == [text]


def test_dates_of_keys_may_be_written_as_people_do() -> None:
    keys = [
        "StudyDate=-7d",
        "PatientBirthDate=1970-01-01..1979-12-31",
        f"{STEP}.ScheduledProcedureStepStartDate=today",
        f"{STEP}.ScheduledProcedureStepStartDateTime=today",
        "PatientID=today",
        "SeriesDate=20260101-20260131",
        "ContentDate=2026*",
        '(0029,"ACME",10)=today',
        "(0029,1010)=today",
    ]
    assert printed(build_query(keys, only=True, today=TODAY)) == [
        "StudyDate=20261117-20261124",
        "PatientBirthDate=19700101-19791231",
        f"{STEP}.ScheduledProcedureStepStartDate=20261124",
        f"{STEP}.ScheduledProcedureStepStartDateTime=20261124000000-20261124235959.999999",
        *keys[4:],
    ]


def test_today_is_that_of_the_clock() -> None:
    before = datetime.now().astimezone()
    (key,) = build_query(["StudyDate=today"], only=True).keys
    after = datetime.now().astimezone()
    assert key.value in (f"{before:%Y%m%d}", f"{after:%Y%m%d}")


def test_a_date_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="not a day of the calendar"):
        build_query(["StudyDate=2026-02-30"])


# Levels


@pytest.mark.parametrize(
    ("keys", "model", "level"),
    [
        (["StudyDate"], STUDY_ROOT, STUDY),
        (["PatientName"], STUDY_ROOT, STUDY),
        (["Modality"], STUDY_ROOT, SERIES),
        (["SOPInstanceUID"], STUDY_ROOT, IMAGE),
        (["PatientName"], PATIENT_ROOT, PATIENT),
        (["PatientName", "StudyDate"], PATIENT_ROOT, STUDY),
        (["(0008,0052)=SERIES", "StudyDate"], STUDY_ROOT, SERIES),
        (["QueryRetrieveLevel=image "], STUDY_ROOT, IMAGE),
        (["QueryRetrieveLevel=STUDY", "Modality"], STUDY_ROOT, STUDY),
        (["QueryRetrieveLevel=", "Modality"], STUDY_ROOT, SERIES),
        (["QueryRetrieveLevel=*", "Modality"], STUDY_ROOT, SERIES),
        (["QueryRetrieveLevel"], WORKLIST, None),
        ([f"{STEP}.Modality=CT"], WORKLIST, None),
        (["SOPInstanceUID"], PROCEDURE_STEP, None),
    ],
)
def test_the_level_is_told_or_inferred(
    keys: list[str], model: Model, level: QueryLevel | None
) -> None:
    query = build_query(keys, model=model)
    assert query.level is level
    assert "QueryRetrieveLevel" not in columns(query)
    sent = decoded(query).get("QueryRetrieveLevel")
    assert sent == (None if level is None else level.value)


def test_a_level_that_is_given_counts_more_than_one_among_the_keys() -> None:
    assert build_query(["QueryRetrieveLevel=STUDY"], level=SERIES).level is SERIES


@pytest.mark.parametrize(
    ("keys", "model", "level", "words", "hint"),
    [
        ([], STUDY_ROOT, PATIENT, "PATIENT: is not a level of Study Root", "STUDY, SERIES, IMAGE"),
        ([], PATIENT_STUDY_ONLY, IMAGE, "IMAGE: is not a level", "PATIENT, STUDY"),
        (["QueryRetrieveLevel=PATIENT"], STUDY_ROOT, None, "PATIENT: is not a level", "STUDY"),
        (["QueryRetrieveLevel=FRAME"], STUDY_ROOT, None, "FRAME: is not a level", "STUDY"),
        (["QueryRetrieveLevel=STUDY"], WORKLIST, None, "is not a level of Modality", "Leave"),
        ([], WORKLIST, STUDY, "is not a level of Modality Worklist", "Leave the level out"),
        (["Rows"], PATIENT_STUDY_ONLY, None, "Rows: is an attribute of the IMAGE level", "model"),
    ],
)
def test_a_level_that_the_model_does_not_have_is_refused(
    keys: list[str], model: Model, level: QueryLevel | None, words: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        build_query(keys, model=model, level=level)
    assert hint in caught.value.hint


# What is added, and the columns


def test_the_keys_of_the_user_come_first_in_their_order_then_those_added() -> None:
    keys = [
        "QueryRetrieveLevel=SERIES",
        "SeriesNumber",
        "SpecificCharacterSet",
        "BodyPartExamined=HEAD",
    ]
    query = build_query(keys, model=PATIENT_ROOT)
    assert columns(query) == [
        "SeriesNumber",
        "BodyPartExamined",
        "Modality",
        "SeriesDescription",
        "SeriesInstanceUID",
        "StudyInstanceUID",
        "NumberOfSeriesRelatedInstances",
        "PatientID",
    ]


def test_only_what_is_named_is_asked_for_where_that_is_wanted() -> None:
    query = build_query(["PatientName=D*"], only=True)
    assert columns(query) == ["PatientName"]
    assert query.encode(implicit=False) == (
        element(0x00080005, "CS", b"")
        + element(0x00080052, "CS", b"STUDY ")
        + element(0x00100010, "PN", b"D*")
    )


def test_the_columns_of_a_worklist_are_the_elements_of_its_step() -> None:
    query = build_query([STEP, "(0040,0100)[0].Modality=CT"], model=WORKLIST)
    assert columns(query)[0] == f"{STEP}.Modality"
    assert STEP not in columns(query)
    assert len(columns(query)) == len(set(columns(query))) == 16
    data = decoded(query)
    (step,) = data.ScheduledProcedureStepSequence
    assert step.Modality == "CT"
    assert "QueryRetrieveLevel" not in data
    assert {each.keyword for each in data} | {each.keyword for each in step} == {
        "SpecificCharacterSet",
        STEP,
        *(path.split(".")[-1] for path in columns(query)),
    }


def test_a_sequence_of_which_nothing_else_is_asked_is_a_column() -> None:
    query = build_query(["RequestAttributesSequence"], only=True)
    assert columns(query) == ["RequestAttributesSequence"]


def test_other_models_are_asked_for_their_instances() -> None:
    query = build_query(
        ["HangingProtocolName=Chest*"], model=model_for("HangingProtocolInformationModelFind")
    )
    assert columns(query) == ["HangingProtocolName", "SOPClassUID", "SOPInstanceUID"]


def test_criteria_come_behind_the_keys_and_count_more() -> None:
    criteria = Criteria(patient_id="B", date="today")
    query = build_query(
        ["StudyDescription=*MR*", "PatientID=A"], criteria=criteria, only=True, today=TODAY
    )
    assert printed(query) == ["StudyDescription=*MR*", "PatientID=B", "StudyDate=20261124"]


@pytest.mark.parametrize(
    ("keys", "criteria", "model", "level", "expected"),
    [
        ([], Criteria(modality="CT"), STUDY_ROOT, STUDY, "ModalitiesInStudy"),
        ([], Criteria(modality="CT"), PATIENT_ROOT, STUDY, "ModalitiesInStudy"),
        ([], Criteria(modality="CT", study=("1.2",)), STUDY_ROOT, STUDY, "ModalitiesInStudy"),
        ([], Criteria(modality="CT", series=("1.2",)), STUDY_ROOT, SERIES, "Modality"),
        ([], Criteria(modality="CT", instance=("1.2",)), STUDY_ROOT, IMAGE, "Modality"),
        (["SeriesNumber"], Criteria(modality="CT"), STUDY_ROOT, SERIES, "Modality"),
        (["QueryRetrieveLevel=SERIES"], Criteria(modality="CT"), STUDY_ROOT, SERIES, "Modality"),
        (
            ["QueryRetrieveLevel=STUDY"],
            Criteria(modality="CT"),
            STUDY_ROOT,
            STUDY,
            "ModalitiesInStudy",
        ),
        ([], Criteria(modality="CT"), WORKLIST, None, f"{STEP}.Modality"),
    ],
)
def test_the_modality_follows_the_level(
    keys: list[str], criteria: Criteria, model: Model, level: QueryLevel | None, expected: str
) -> None:
    query = build_query(keys, model=model, criteria=criteria)
    assert query.level is level
    assert f"{expected}=CT" in printed(query)


@pytest.mark.parametrize(
    ("keys", "model", "missing"),
    [
        ([], STUDY_ROOT, ""),
        (["SeriesNumber"], STUDY_ROOT, "StudyInstanceUID"),
        (["SeriesNumber", "StudyInstanceUID=1.2"], STUDY_ROOT, ""),
        (["SeriesNumber", "StudyInstanceUID=1.2\\1.3"], STUDY_ROOT, "StudyInstanceUID"),
        (["SOPInstanceUID=1.2"], STUDY_ROOT, "StudyInstanceUID SeriesInstanceUID"),
        (["StudyDate=today", "PatientID=A*"], PATIENT_ROOT, "PatientID"),
        (["StudyDate=today", "PatientID=A"], PATIENT_ROOT, ""),
        (["Modality=CT"], WORKLIST, ""),
    ],
)
def test_a_query_knows_which_unique_keys_above_it_are_missing(
    keys: list[str], model: Model, missing: str
) -> None:
    query = build_query(keys, model=model)
    assert " ".join(map(str, query.missing_unique_keys)) == missing


def test_the_value_of_a_key_can_be_asked_for() -> None:
    query = build_query(["PatientID=A", "PatientName"], only=True)
    values = [query.value(TagPath.parse(name)) for name in ("PatientID", "PatientName", "StudyID")]
    assert values == ["A", "", None]


# Character sets


@pytest.mark.parametrize(
    ("keys", "charset", "sent"),
    [
        (["PatientName=Doe"], "", None),
        (["PatientName=Müller"], "", "ISO_IR 192"),
        ([f"{STEP}.ScheduledStationName=山"], "", "ISO_IR 192"),
        (["PatientName=Doe"], "ISO_IR 100", "ISO_IR 100"),
        (["PatientName=Müller"], "iso_ir 100", "ISO_IR 100"),
        (["PatientName=Müller", "SpecificCharacterSet=ISO_IR 100"], "", "ISO_IR 100"),
        (["PatientName=Müller", "SpecificCharacterSet=ISO_IR 100"], "GB18030", "GB18030"),
        (["PatientName=Müller", "SpecificCharacterSet="], "", "ISO_IR 192"),
        (["PatientName=A=山"], "\\ISO 2022 IR 87", ["", "ISO 2022 IR 87"]),
        (['(0029,"Füße",10)=x'], "", "ISO_IR 192"),
    ],
)
@pytest.mark.parametrize("implicit", [True, False])
def test_the_character_set_is_named_and_used(
    keys: list[str], charset: str, sent: str | list[str] | None, *, implicit: bool
) -> None:
    query = build_query(keys, charset=charset, only=True)
    data = decoded(query, implicit=implicit)
    assert (data.SpecificCharacterSet or None) == sent
    data.decode()
    name = query.value(TagPath.parse("PatientName"))
    assert name is None or str(data.PatientName) == name


@pytest.mark.parametrize("charset", ["UTF-8", "ISO_IR 999", "latin1", "Füße"])
def test_an_unknown_character_set_is_refused(charset: str) -> None:
    for make in (
        lambda: build_query(charset=charset),
        lambda: build_query([f"SpecificCharacterSet={charset}"]),
    ):
        with pytest.raises(UsageError, match="is not a character set") as caught:
            make()
        assert "ISO_IR 192" in caught.value.hint


def test_what_the_character_set_cannot_hold_is_refused() -> None:
    query = build_query(["PatientName=山"], charset="ISO_IR 100")
    with pytest.raises(UsageError, match="PatientName: '山' is not a character of ISO_IR 100"):
        query.encode(implicit=False)


# Retrieving


def test_the_identifier_of_a_retrieval_names_no_character_set_without_need() -> None:
    keys = (Key(TagPath.parse("StudyInstanceUID"), "1.2.3"),)
    query = Query(STUDY_ROOT, STUDY, keys, retrieves=True)
    assert query.encode(implicit=False) == (
        element(0x00080052, "CS", b"STUDY ") + element(0x0020000D, "UI", b"1.2.3\0")
    )
    keys = (Key(TagPath.parse("PatientID"), "Ü1"),)
    data = decoded(Query(PATIENT_ROOT, PATIENT, keys, retrieves=True))
    assert (data.SpecificCharacterSet, data.PatientID) == ("ISO_IR 192", "Ü1")


# What it costs


def test_a_query_is_made_without_pydicom_and_encoded_without_numpy() -> None:
    program = """
import sys
from dcmtools.dataset.query import build_query
from dcmtools.dataset.query_files import read_query_file
from dcmtools.dataset.query_tables import read_uids, read_key_table
query = build_query(["PatientName=Doe*", "StudyDate=-7d"])
assert not {"pydicom", "numpy", "csv"} & set(sys.modules)
from dcmtools.dataset.pydicom_bridge import leave_numpy_out
leave_numpy_out()
query.encode(implicit=False)
assert "numpy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)

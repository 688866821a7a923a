"""Show how keys of a query are written, and what the short names of the common ones stand for."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query_keys import Criteria, Key, criteria_keys, key_path, parse_key
from dcmtools.dataset.query_models import (
    PATIENT_ROOT,
    PROCEDURE_STEP,
    STUDY_ROOT,
    WORKLIST,
    Model,
    QueryLevel,
    model_for,
)
from dcmtools.errors import UsageError

TODAY = date(2026, 11, 24)
STEP = "ScheduledProcedureStepSequence"
OTHER = model_for("HangingProtocolInformationModelFind")


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("PatientName", "PatientName", ""),
        ("PatientName=", "PatientName", ""),
        ("PatientName=Doe^J*", "PatientName", "Doe^J*"),
        ("0010,0010=Foo", "PatientName", "Foo"),
        ("(0010,0010)=Foo", "PatientName", "Foo"),
        ("00100010=Foo", "PatientName", "Foo"),
        ("(0008,0052)=STUDY", "QueryRetrieveLevel", "STUDY"),
        ("PatientName=Yamada^Tarou=山田^太郎", "PatientName", "Yamada^Tarou=山田^太郎"),
        ("PatientName==", "PatientName", "="),
        ('StudyDescription= a "b" ', "StudyDescription", ' a "b" '),
        ("StudyInstanceUID=1.2\\1.3", "StudyInstanceUID", "1.2\\1.3"),
        ("PatientComments=one\ntwo", "PatientComments", "one\ntwo"),
        (f"{STEP}.Modality=CT", f"{STEP}.Modality", "CT"),
        (f"{STEP}[0].Modality=CT", f"{STEP}.Modality", "CT"),
        (f"{STEP}[*].Modality=CT", f"{STEP}.Modality", "CT"),
        ("(0040,0100)[0].Modality=CT", f"{STEP}.Modality", "CT"),
        ("0040,0100.0008,0060=CT", f"{STEP}.Modality", "CT"),
        (STEP, STEP, ""),
        ('(0029,"ACME 1.0",10)=x', '(0029,"ACME 1.0",10)', "x"),
        ('(0029,"A=B",10)=x=y', '(0029,"A=B",10)', "x=y"),
        ('(0029,"A=B",10)', '(0029,"A=B",10)', ""),
        ("0008,0001", "LengthToEnd", ""),
        ("(0029,1010)[0].(0029,1011)=x", "(0029,1010).(0029,1011)", "x"),
    ],
)
def test_a_key_is_a_path_and_a_value(text: str, path: str, value: str) -> None:
    key = parse_key(text)
    assert (str(key.path), key.value) == (path, value)
    assert parse_key(str(key)) == key


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a tag path"),
        ("=", "is not a tag path"),
        ("=Foo", "is not a tag path"),
        ("PatientNmae=Foo", "is not a keyword"),
        ("Patient Name=Foo", "is not a keyword"),
        (" PatientName=Foo", "is not a tag path"),
        ("PatientName =Foo", "cannot be read"),
        ("0010=Foo", "is not a tag path"),
        ("(0010,00xx)=Foo", "wildcard"),
        ("*=Foo", "wildcard"),
        (f"{STEP}[1].Modality=CT", "has item 1, and a query has one item"),
        (f"{STEP}[0]=CT", "ends with an item number"),
        ("PatientName.Modality=CT", "PatientName is not a sequence"),
        ("(0002,0010)=1.2", "is not an attribute that can be asked for"),
        ("(0000,0100)=1", "is not an attribute"),
        ("(0004,1220)", "is not an attribute"),
        ("(0007,0010)", "is not an attribute"),
        ("(0010,0000)=1", "is not an attribute"),
        ("(fffe,e000)", "is not an attribute"),
        (f"{STEP}.(0002,0010)", "is not an attribute"),
        ('(0029,"ACME=x', "is not a key"),
        ('(0028,"ACME",10)=x', "is even"),
    ],
)
def test_what_is_no_key_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_key(text)


def test_an_unknown_keyword_is_told_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        parse_key("PatientNmae=Foo")
    assert "PatientName" in caught.value.hint


@given(
    st.text(max_size=40)
    | st.from_regex(r'[A-Za-z0-9(),."\[\]*=x-]{0,30}', fullmatch=True)
    | st.from_regex(r'(PatientID|\(0029,"[A=]*",10\)|0040,0100(\[[0-9*]\])?)(\..*|=.*)?')
)
@example('"' * 5000)
@example("(" * 5000)
@example(f"{'a.' * 2000}=")
def test_no_text_raises_anything_but_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        key = parse_key(text)
        assert parse_key(str(key)) == key
        assert all(node.item is None for node in key.path.nodes)


@given(st.text(max_size=30))
def test_a_value_is_taken_as_it_is(value: str) -> None:
    assert parse_key(f"{STEP}[0].Modality={value}") == Key(key_path(f"{STEP}.Modality"), value)


# Short names


def keys_of(criteria: Criteria, model: Model, level: QueryLevel | None = None) -> list[str]:
    return [str(key) for key in criteria_keys(criteria, model, level, TODAY)]


def test_all_criteria_of_a_study_are_keys() -> None:
    criteria = Criteria(
        patient_id="P*",
        patient_name="Müller*",
        birth_date="1970-01-01..1979-12-31",
        date="-7d",
        time="08:00..12:00",
        modality="CT",
        accession="A1",
        study=("1.2", "1.3\\1.4", "1.5,1.6", "1.2"),
        series=("1.7",),
        instance=("1.8",),
    )
    for model in (STUDY_ROOT, PATIENT_ROOT):
        assert keys_of(criteria, model, QueryLevel.STUDY) == [
            "PatientID=P*",
            "PatientName=Müller*",
            "PatientBirthDate=19700101-19791231",
            "StudyDate=20261117-20261124",
            "StudyTime=0800-1200",
            "ModalitiesInStudy=CT",
            "AccessionNumber=A1",
            "StudyInstanceUID=1.2\\1.3\\1.4\\1.5\\1.6",
            "SeriesInstanceUID=1.7",
            "SOPInstanceUID=1.8",
        ]


@pytest.mark.parametrize(
    ("level", "keyword"),
    [
        (None, "ModalitiesInStudy"),
        (QueryLevel.PATIENT, "ModalitiesInStudy"),
        (QueryLevel.STUDY, "ModalitiesInStudy"),
        (QueryLevel.SERIES, "Modality"),
        (QueryLevel.IMAGE, "Modality"),
    ],
)
def test_the_modality_is_that_of_the_level(level: QueryLevel | None, keyword: str) -> None:
    assert keys_of(Criteria(modality="MR"), STUDY_ROOT, level) == [f"{keyword}=MR"]


def test_criteria_of_a_worklist_are_in_its_step() -> None:
    criteria = Criteria(
        patient_id="P",
        time="08..",
        modality="CT",
        accession="A1",
        study=("1.2",),
        station_aet="CT1",
        sps_date="today",
    )
    assert keys_of(criteria, WORKLIST) == [
        "PatientID=P",
        f"{STEP}.ScheduledProcedureStepStartTime=08-",
        f"{STEP}.Modality=CT",
        "AccessionNumber=A1",
        "StudyInstanceUID=1.2",
        f"{STEP}.ScheduledStationAETitle=CT1",
        f"{STEP}.ScheduledProcedureStepStartDate=20261124",
    ]
    assert keys_of(Criteria(date="today"), WORKLIST) == [
        f"{STEP}.ScheduledProcedureStepStartDate=20261124"
    ]


def test_criteria_of_a_procedure_step_are_its_own() -> None:
    criteria = Criteria(patient_name="D*", sps_date="today", accession="A1", instance=("1.2",))
    assert keys_of(criteria, PROCEDURE_STEP) == [
        "PatientName=D*",
        "ReferencedRequestSequence.AccessionNumber=A1",
        "SOPInstanceUID=1.2",
        "ScheduledProcedureStepStartDateTime=20261124000000-20261124235959.999999",
    ]


def test_other_models_have_patients_and_instances() -> None:
    criteria = Criteria(patient_id="P", instance=("1.2",))
    assert keys_of(criteria, OTHER) == ["PatientID=P", "SOPInstanceUID=1.2"]


def test_an_empty_criterion_is_asked_for_and_matches_everything() -> None:
    criteria = Criteria(patient_id="", date="", time="", modality="*", study=("",), birth_date="*")
    keys = criteria_keys(criteria, STUDY_ROOT, QueryLevel.STUDY, TODAY)
    assert [key.value for key in keys] == [""] * 6


def test_no_criteria_are_no_keys() -> None:
    assert keys_of(Criteria(), STUDY_ROOT) == []


@pytest.mark.parametrize(
    ("criteria", "model", "words"),
    [
        (Criteria(station_aet="CT1"), STUDY_ROOT, "station aet: is no key of Study Root"),
        (Criteria(sps_date="today"), PATIENT_ROOT, "sps date: is no key of Patient Root"),
        (Criteria(series=("1.2",)), WORKLIST, "series: is no key of Modality Worklist"),
        (Criteria(modality="CT"), PROCEDURE_STEP, "modality: is no key of Unified"),
        (Criteria(date="today"), OTHER, "date: is no key of HangingProtocol"),
        (Criteria(date="31.01.2026"), STUDY_ROOT, "31.01.2026: is not a date"),
        (Criteria(birth_date="1970-02-30"), STUDY_ROOT, "is not a day of the calendar"),
        (Criteria(time="noon"), STUDY_ROOT, "noon: is not a time"),
        (Criteria(study=("1.2.x",)), STUDY_ROOT, "study: '1.2.x' is not a UID"),
        (Criteria(study=("1.2", "1.3*")), STUDY_ROOT, r"study: '1.3\*' is not a UID"),
        (Criteria(instance=("1." + "2" * 63,)), STUDY_ROOT, "is not a UID"),
    ],
)
def test_a_criterion_that_means_nothing_is_refused(
    criteria: Criteria, model: Model, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        criteria_keys(criteria, model, None, TODAY)
    assert caught.value.hint


def test_a_criterion_of_another_model_says_which() -> None:
    with pytest.raises(UsageError) as caught:
        criteria_keys(Criteria(station_aet="X"), STUDY_ROOT, None, TODAY)
    assert "worklist" in caught.value.hint


def test_keys_are_the_same_whatever_vr_a_file_gave_them() -> None:
    path = TagPath.parse("(0029,1010)")
    assert Key(path, "x", "LO") == Key(path, "x")

"""Show the models that can be queried, and how a SOP class names one."""

import pytest

from dcmtools.dataset import dictionary
from dcmtools.dataset.query_models import (
    PATIENT_ROOT,
    PATIENT_STUDY_ONLY,
    PROCEDURE_STEP,
    STUDY_ROOT,
    WORKLIST,
    Family,
    Model,
    QueryLevel,
    is_uid,
    model_for,
)
from dcmtools.errors import UsageError

PATIENT, STUDY, SERIES, IMAGE = QueryLevel


@pytest.mark.parametrize(
    ("uid", "keyword"),
    [
        (STUDY_ROOT.find, "StudyRootQueryRetrieveInformationModelFind"),
        (STUDY_ROOT.move, "StudyRootQueryRetrieveInformationModelMove"),
        (STUDY_ROOT.get, "StudyRootQueryRetrieveInformationModelGet"),
        (PATIENT_ROOT.find, "PatientRootQueryRetrieveInformationModelFind"),
        (PATIENT_ROOT.move, "PatientRootQueryRetrieveInformationModelMove"),
        (PATIENT_ROOT.get, "PatientRootQueryRetrieveInformationModelGet"),
        (PATIENT_STUDY_ONLY.find, "PatientStudyOnlyQueryRetrieveInformationModelFind"),
        (PATIENT_STUDY_ONLY.move, "PatientStudyOnlyQueryRetrieveInformationModelMove"),
        (PATIENT_STUDY_ONLY.get, "PatientStudyOnlyQueryRetrieveInformationModelGet"),
        (WORKLIST.find, "ModalityWorklistInformationModelFind"),
        (PROCEDURE_STEP.find, "UnifiedProcedureStepPull"),
        (model_for("CompositeInstanceRootRetrieveMove").move, "CompositeInstanceRootRetrieveMove"),
        (model_for("CompositeInstanceRootRetrieveGet").get, "CompositeInstanceRootRetrieveGet"),
        (
            model_for("CompositeInstanceRetrieveWithoutBulkDataGet").get,
            "CompositeInstanceRetrieveWithoutBulkDataGet",
        ),
        (model_for("RepositoryQuery").find, "RepositoryQuery"),
    ],
)
def test_the_sop_classes_are_those_of_the_dictionary(uid: str, keyword: str) -> None:
    assert dictionary.uid_keyword(uid) == keyword


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        (STUDY_ROOT, (STUDY, SERIES, IMAGE)),
        (PATIENT_ROOT, (PATIENT, STUDY, SERIES, IMAGE)),
        (PATIENT_STUDY_ONLY, (PATIENT, STUDY)),
        (WORKLIST, ()),
        (PROCEDURE_STEP, ()),
        (model_for("CompositeInstanceRootRetrieveGet"), (IMAGE,)),
    ],
)
def test_a_model_knows_its_levels(model: Model, levels: tuple[QueryLevel, ...]) -> None:
    assert model.levels == levels


def test_levels_know_those_above_them() -> None:
    assert PATIENT_ROOT.above(IMAGE) == (PATIENT, STUDY, SERIES)
    assert STUDY_ROOT.above(SERIES) == (STUDY,)
    assert STUDY_ROOT.above(STUDY) == ()
    assert [level.depth for level in QueryLevel] == [0, 1, 2, 3]


@pytest.mark.parametrize("model", [STUDY_ROOT, PATIENT_ROOT, PATIENT_STUDY_ONLY, WORKLIST])
def test_any_of_its_sop_classes_names_a_model(model: Model) -> None:
    for uid in filter(None, (model.find, model.move, model.get)):
        assert model_for(uid) == model
        assert model_for(dictionary.uid_keyword(uid)) == model


@pytest.mark.parametrize(
    "name",
    [
        "HangingProtocolInformationModelFind",
        "hangingprotocolinformationmodelget",
        "1.2.840.10008.5.1.4.38.3",
    ],
)
def test_the_operations_of_other_models_belong_together(name: str) -> None:
    assert model_for(name) == Model(
        "HangingProtocolInformationModel",
        "1.2.840.10008.5.1.4.38.2",
        "1.2.840.10008.5.1.4.38.3",
        "1.2.840.10008.5.1.4.38.4",
    )


@pytest.mark.parametrize(
    "keyword",
    [
        "ColorPaletteQueryRetrieveInformationModelFind",
        "GenericImplantTemplateInformationModelFind",
        "ImplantAssemblyTemplateInformationModelFind",
        "ImplantTemplateGroupInformationModelFind",
        "DefinedProcedureProtocolInformationModelFind",
        "ProtocolApprovalInformationModelFind",
        "InventoryFind",
        "GeneralRelevantPatientInformationQuery",
        "BreastImagingRelevantPatientInformationQuery",
        "CardiacRelevantPatientInformationQuery",
        "ProductCharacteristicsQuery",
        "SubstanceApprovalQuery",
    ],
)
def test_the_other_models_of_the_standard_are_known_by_keyword(keyword: str) -> None:
    model = model_for(keyword)
    assert dictionary.uid_keyword(model.find) == keyword
    assert (model.levels, model.family) == ((), Family.OTHER)
    retrieves = keyword.endswith("Find")
    assert (bool(model.move), bool(model.get)) == (retrieves, retrieves)


@pytest.mark.parametrize("role", ["Pull", "Watch", "Query"])
def test_procedure_steps_can_be_asked_for_by_three_sop_classes(role: str) -> None:
    model = model_for(f"UnifiedProcedureStep{role}")
    assert dictionary.uid_keyword(model.find) == f"UnifiedProcedureStep{role}"
    assert model.family is Family.PROCEDURE_STEP
    assert (model.move, model.get) == ("", "")


def test_a_repository_is_queried_as_a_study_root() -> None:
    model = model_for("1.2.840.10008.5.1.4.1.1.201.6")
    assert (model.levels, model.family) == (STUDY_ROOT.levels, Family.QUERY_RETRIEVE)
    assert (model.move, model.get) == ("", "")


@pytest.mark.parametrize("uid", ["1.2.826.0.1.3680043.9.9", "1.2.840.10008.1.2", "2.25.1"])
def test_any_uid_is_a_sop_class_to_find_with(uid: str) -> None:
    assert model_for(uid) == Model(uid, uid)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("HangingProtocolInformationModelFnd", "HangingProtocolInformationModelFind"),
        ("hangingprotocol", "HangingProtocolInformationModelFind"),
        ("ColorPalette", "ColorPaletteQueryRetrieveInformationModelFind"),
        ("UnifiedProcedureStepPul", "UnifiedProcedureStepPull"),
        ("CTImageStorage", "UID"),
        ("", "UID"),
        ("1.2.", "UID"),
        ("1." + "2" * 63, "UID"),
        ("17", "UID"),
        ("zzzzzz", "UID"),
    ],
)
def test_an_unknown_name_is_told_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        model_for(name)
    assert near in caught.value.hint


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("1.2.3", True),
        ("1.02.3", True),
        ("1." + "2" * 62, True),
        ("1." + "2" * 63, False),
        ("17", False),
        ("1..2", False),
        (".1", False),
        ("1.", False),
        ("1.2.x", False),
        ("1.2\n", False),
        ("\u0661.\u0662", False),
        ("", False),
    ],
)
def test_a_uid_is_digits_and_dots(text: str, *, valid: bool) -> None:
    assert is_uid(text) is valid

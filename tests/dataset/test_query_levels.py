"""Show to which level an attribute belongs, and what each level is asked for."""

import pytest

from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query_levels import infer_level, level_of, return_keys, unique_key
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

PATIENT, STUDY, SERIES, IMAGE = QueryLevel

BY_LEVEL = {
    PATIENT: "PatientName PatientID IssuerOfPatientID PatientBirthDate PatientSex OtherPatientNames"
    " EthnicGroup PatientComments PatientSpeciesDescription ResponsiblePerson"
    " ReferencedPatientSequence ClinicalTrialSubjectID PatientIdentityRemoved"
    " NumberOfPatientRelatedStudies NumberOfPatientRelatedInstances",
    STUDY: "StudyInstanceUID StudyID StudyDate StudyTime StudyDescription AccessionNumber"
    " ModalitiesInStudy SOPClassesInStudy ReferringPhysicianName NameOfPhysiciansReadingStudy"
    " ProcedureCodeSequence PatientAge PatientSize PatientWeight AdditionalPatientHistory"
    " MedicalAlerts PregnancyStatus RequestingPhysician RequestedProcedureDescription AdmissionID"
    " RequestedProcedureID NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances"
    " AnatomicRegionsInStudyCodeSequence ClinicalTrialTimePointID",
    SERIES: "SeriesInstanceUID SeriesNumber Modality SeriesDescription SeriesDate SeriesTime"
    " BodyPartExamined Laterality ProtocolName PatientPosition OperatorsName Manufacturer"
    " InstitutionName StationName ManufacturerModelName DeviceSerialNumber SoftwareVersions"
    " FrameOfReferenceUID PerformedProcedureStepStartDate PerformedProcedureStepID"
    " RequestAttributesSequence NumberOfSeriesRelatedInstances SeriesType"
    " ClinicalTrialSeriesID AnatomicalOrientationType",
    IMAGE: "SOPInstanceUID SOPClassUID InstanceNumber ImageType AcquisitionDate ContentDate"
    " ContentTime AcquisitionNumber SliceLocation ImagePositionPatient Rows Columns NumberOfFrames"
    " BitsAllocated KVP SliceThickness EchoTime DerivationDescription InstanceCreationDate"
    " ConceptNameCodeSequence CompletionFlag VerificationFlag ReferencedImageSequence"
    " ContentLabel DocumentTitle SegmentSequence RTPlanLabel StructureSetLabel DoseSummationType"
    " RelatedGeneralSOPClassUID AnatomicRegionSequence AcquisitionContextSequence PixelData"
    " (6000,0010)",
    None: "RetrieveAETitle InstanceAvailability TimezoneOffsetFromUTC SpecificCharacterSet"
    " QueryRetrieveLevel StorageMediaFileSetID",
}


@pytest.mark.parametrize(
    ("name", "level"),
    [(name, level) for level, names in BY_LEVEL.items() for name in names.split()],
)
def test_an_attribute_belongs_to_the_level_of_its_module(
    name: str, level: QueryLevel | None
) -> None:
    assert level_of(TagPath.parse(name)) is level


@pytest.mark.parametrize("name", ["(0029,1010)", '(0019,"ACME",10)', "(0009,0010)"])
def test_private_attributes_are_of_the_study(name: str) -> None:
    assert level_of(TagPath.parse(name)) is STUDY


def test_an_element_of_a_sequence_goes_with_the_sequence() -> None:
    assert level_of(TagPath.parse("RequestAttributesSequence.AccessionNumber")) is SERIES
    assert level_of(TagPath.parse("OtherPatientIDsSequence.Rows")) is PATIENT


@pytest.mark.parametrize(
    ("model", "names", "level"),
    [
        (STUDY_ROOT, "", STUDY),
        (STUDY_ROOT, "PatientName PatientID", STUDY),
        (STUDY_ROOT, "RetrieveAETitle", STUDY),
        (STUDY_ROOT, "StudyDate Modality PatientID", SERIES),
        (STUDY_ROOT, "SOPInstanceUID StudyInstanceUID", IMAGE),
        (PATIENT_ROOT, "", PATIENT),
        (PATIENT_ROOT, "PatientName RetrieveAETitle", PATIENT),
        (PATIENT_ROOT, "PatientID PatientAge", STUDY),
        (PATIENT_ROOT, "PatientID StudyDate", STUDY),
        (PATIENT_ROOT, "SeriesNumber", SERIES),
        (PATIENT_ROOT, "Rows SeriesNumber", IMAGE),
        (PATIENT_STUDY_ONLY, "PatientID", PATIENT),
        (PATIENT_STUDY_ONLY, "StudyDate", STUDY),
        (WORKLIST, "SOPInstanceUID Modality", None),
        (PROCEDURE_STEP, "SOPInstanceUID", None),
        (model_for("HangingProtocolInformationModelFind"), "SOPInstanceUID", None),
        (model_for("CompositeInstanceRootRetrieveMove"), "SOPInstanceUID", IMAGE),
        (model_for("CompositeInstanceRootRetrieveMove"), "", IMAGE),
    ],
)
def test_the_level_is_the_lowest_one_of_the_keys(
    model: Model, names: str, level: QueryLevel | None
) -> None:
    assert infer_level(map(TagPath.parse, names.split()), model) is level


def test_a_level_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match=r"SeriesNumber: .* SERIES .* Patient/Study Only"):
        infer_level([TagPath.parse("SeriesNumber")], PATIENT_STUDY_ONLY)


@pytest.mark.parametrize(
    ("model", "level", "names"),
    [
        (PATIENT_ROOT, PATIENT, "PatientName PatientID PatientBirthDate PatientSex"),
        (
            STUDY_ROOT,
            STUDY,
            (
                "StudyDate StudyTime AccessionNumber ModalitiesInStudy StudyDescription PatientName"
                " PatientID PatientBirthDate PatientSex StudyID ReferringPhysicianName"
                " StudyInstanceUID NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances"
            ),
        ),
        (
            STUDY_ROOT,
            SERIES,
            (
                "Modality SeriesNumber SeriesDescription SeriesInstanceUID StudyInstanceUID"
                " NumberOfSeriesRelatedInstances"
            ),
        ),
        (
            PATIENT_ROOT,
            SERIES,
            (
                "Modality SeriesNumber SeriesDescription SeriesInstanceUID StudyInstanceUID"
                " NumberOfSeriesRelatedInstances PatientID"
            ),
        ),
        (
            STUDY_ROOT,
            IMAGE,
            "InstanceNumber SOPClassUID SOPInstanceUID SeriesInstanceUID StudyInstanceUID",
        ),
        (
            PATIENT_ROOT,
            IMAGE,
            (
                "InstanceNumber SOPClassUID SOPInstanceUID SeriesInstanceUID StudyInstanceUID"
                " PatientID"
            ),
        ),
        (
            PROCEDURE_STEP,
            None,
            (
                "ScheduledProcedureStepStartDateTime ProcedureStepState"
                " ScheduledProcedureStepPriority ProcedureStepLabel WorklistLabel"
                " PatientName PatientID PatientBirthDate PatientSex"
                " StudyInstanceUID SOPClassUID SOPInstanceUID"
            ),
        ),
        (model_for("InventoryFind"), None, "SOPClassUID SOPInstanceUID"),
        (model_for("2.25.1"), None, "SOPClassUID SOPInstanceUID"),
    ],
)
def test_what_a_level_is_asked_for(model: Model, level: QueryLevel | None, names: str) -> None:
    assert " ".join(map(str, return_keys(model, level))) == names


def test_a_worklist_is_asked_for_what_is_scheduled() -> None:
    *above, _, _, _, _, _, _, _, _ = return_keys(WORKLIST, None)
    assert " ".join(map(str, above)) == (
        "PatientName PatientID PatientBirthDate PatientSex AccessionNumber StudyInstanceUID"
        " RequestedProcedureID RequestedProcedureDescription"
    )
    step = [path.nodes[1] for path in return_keys(WORKLIST, None)[8:]]
    assert " ".join(map(str, step)) == (
        "ScheduledStationAETitle ScheduledProcedureStepStartDate ScheduledProcedureStepStartTime"
        " Modality ScheduledPerformingPhysicianName ScheduledProcedureStepDescription"
        " ScheduledProcedureStepID ScheduledStationName"
    )
    nested = [path for path in return_keys(WORKLIST, None) if len(path.nodes) > 1]
    assert {str(path.nodes[0]) for path in nested} == {"ScheduledProcedureStepSequence"}


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (PATIENT, "PatientID"),
        (STUDY, "StudyInstanceUID"),
        (SERIES, "SeriesInstanceUID"),
        (IMAGE, "SOPInstanceUID"),
    ],
)
def test_each_level_has_a_unique_key_that_belongs_to_it(level: QueryLevel, name: str) -> None:
    assert unique_key(level) == TagPath.parse(name)
    assert level_of(unique_key(level)) is level

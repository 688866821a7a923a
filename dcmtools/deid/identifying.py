"""Decide which attributes hold the true identity, and of which kind it is: names, numbers, dates.

Only what is harvested from these is searched for in what is kept. No word of a description is: to
take such a word for a name would take harmless things away.
"""

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """Of which kind an identity is, and so how it may be spelled elsewhere."""

    NAME = "name of a person"
    NUMBER = "identifier"
    SHORT_NUMBER = "identifier that is often only a small number"
    DATE = "date"
    BIRTH_DATE = "date of birth"
    PHONE = "telephone number"
    ADDRESS = "address"
    INSTITUTION = "name or address of an institution"


class Identity(NamedTuple):
    """One true value."""

    kind: Kind
    text: str


_TAGS = {
    Kind.NUMBER: (
        0x00080050,  # AccessionNumber
        0x00100020,  # PatientID
        0x00101000,  # OtherPatientIDs
        0x00101050,  # InsurancePlanIdentification
        0x00101090,  # MedicalRecordLocator
        0x00120040,  # ClinicalTrialSubjectID
        0x00380010,  # AdmissionID
        0x00380060,  # ServiceEpisodeID
        0x0040050A,  # SpecimenAccessionNumber
        0x00402016,  # PlacerOrderNumberImagingServiceRequest
        0x00402017,  # FillerOrderNumberImagingServiceRequest
    ),
    Kind.SHORT_NUMBER: (
        0x00120042,  # ClinicalTrialSubjectReadingID
        0x00200010,  # StudyID
        0x00400009,  # ScheduledProcedureStepID
        0x00400253,  # PerformedProcedureStepID
        0x00401001,  # RequestedProcedureID
    ),
    Kind.BIRTH_DATE: (
        0x00100030,  # PatientBirthDate
        0x00100033,  # PatientBirthDateInAlternativeCalendar
    ),
    Kind.DATE: (
        0x00080012,  # InstanceCreationDate
        0x00080020,  # StudyDate
        0x00080021,  # SeriesDate
        0x00080022,  # AcquisitionDate
        0x00080023,  # ContentDate
        0x00100034,  # PatientDeathDateInAlternativeCalendar
        0x001021D0,  # LastMenstrualDate
        0x00380020,  # AdmittingDate
    ),
    Kind.PHONE: (
        0x00080094,  # ReferringPhysicianTelephoneNumbers
        0x00102154,  # PatientTelephoneNumbers
        0x00102155,  # PatientTelecomInformation
        0x00401103,  # PersonTelephoneNumbers
        0x00401104,  # PersonTelecomInformation
        0x00402010,  # OrderCallbackPhoneNumber
        0x0040A354,  # TelephoneNumberTrial
    ),
    Kind.ADDRESS: (
        0x00080092,  # ReferringPhysicianAddress
        0x00101040,  # PatientAddress
        0x00401102,  # PersonAddress
        0x0040A353,  # AddressTrial
        0x4008011A,  # DistributionAddress
    ),
    Kind.INSTITUTION: (
        0x00080080,  # InstitutionName
        0x00080081,  # InstitutionAddress
        0x00081040,  # InstitutionalDepartmentName
        0x00102299,  # ResponsibleOrganization
        0x00120031,  # ClinicalTrialSiteName
        0x00321020,  # ScheduledStudyLocation
        0x00380400,  # PatientInstitutionResidence
        0x00404036,  # HumanPerformerOrganization
        0x0040A027,  # VerifyingOrganization
    ),
    Kind.NAME: (0x00100012,),  # NameToUse, which is no PN
}
KINDS = {tag: kind for kind, tags in _TAGS.items() for tag in tags}
"""The kind by tag. Besides these, every PN is a `Kind.NAME`, and any DA of an item is not."""

PUT_BACK = frozenset({Kind.NAME, Kind.NUMBER, Kind.SHORT_NUMBER, Kind.BIRTH_DATE})
"""The kinds whose original values a map remembers, besides the issuer of the Patient ID."""


def kind_of(tag: int, vr: str) -> Kind | None:
    """Tell of which kind what an element holds is, None where it is no identity."""
    return KINDS.get(tag) or (Kind.NAME if vr == "PN" else None)

"""Make the objects of many IODs, as much of each as de-identification has to look at."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.deid.coding import Element, Form, Note, Syntax
from tests.deid.content import document, selected
from tests.deid.facts import SOP_CLASSES
from tests.deid.planting import (
    Canaries,
    Person,
    attribute,
    code,
    element,
    instance_uid,
    reference,
    uid,
)

a = attribute
CT = SOP_CLASSES["CT"]
PIXELS = bytes(value * 37 % 256 for value in range(128))
STREAM = b"\xff\xd8\xff\xe0" + bytes(range(96)) + b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object stands: whose it is, and in which study and series."""

    number: int
    kind: str
    person: Person
    study: str
    series: str
    charset: str
    syntax: Syntax
    canaries: Canaries
    sop_instance_uid: str  # two objects may have the same

    @property
    def frame_of_reference_uid(self) -> str:
        """Give the frame of reference, one for a study."""
        return f"{self.study}.770"


def common(at: Place) -> list[Element]:
    """Give what all objects have: patient, study, series, equipment, and a comment or two."""
    day = 1 + at.number % 28
    study_day = 1 + sum(map(ord, at.study)) % 28
    who = at.person
    family = who.name(at.charset).split("^")[0].split("=")[0]
    return [
        *([a("SpecificCharacterSet", at.charset)] if at.charset else []),
        a("SOPClassUID", SOP_CLASSES[at.kind], note=Note.CODE),
        a("SOPInstanceUID", at.sop_instance_uid),
        a("StudyDate", f"201903{study_day:02d}"),
        a("SeriesDate", f"201904{study_day:02d}"),
        a("AcquisitionDate", f"201905{day:02d}"),
        a("ContentDate", f"201906{day:02d}"),
        a("StudyTime", f"0910{study_day:02d}.777001"),
        a("SeriesTime", f"0911{study_day:02d}.777002"),
        a("AcquisitionTime", f"0912{day:02d}.777003"),
        a("ContentTime", f"0913{day:02d}.777004"),
        a("AccessionNumber", at.canaries.text()),
        a("Modality", MODALITIES[at.kind]),
        a("Manufacturer", "Acme Imaging"),
        a("InstitutionName", who.institution),
        a("InstitutionAddress", who.institution_address),
        a("ReferringPhysicianName", who.physician),
        a("StudyDescription", f"CHEST ROUTINE {family}"),
        a("SeriesDescription", f"for {who.physician.split('^')[0]}"),
        a("OperatorsName", who.operator),
        a("PatientName", who.name(at.charset)),
        a("PatientID", who.patient_id),
        a("PatientBirthDate", who.birth_date),
        a("PatientSex", who.sex),
        a("OtherPatientIDs", f"{who.other_id}\\{at.canaries.text()}"),
        a("PatientAddress", who.address),
        a("PatientTelephoneNumbers", who.phone),
        a("PatientComments", f"{family} came from {who.institution}"),
        a("BodyPartExamined", "CHEST"),
        a("ProtocolName", f"{who.patient_id} chest"),
        a("StudyInstanceUID", at.study),
        a("SeriesInstanceUID", at.series),
        a("StudyID", at.canaries.text()),
        a("SeriesNumber", 3),
        a("InstanceNumber", at.number),
        a("FrameOfReferenceUID", at.frame_of_reference_uid),
    ]


def image(
    at: Place, *, rows: int = 8, columns: int = 8, frames: int = 0, bits: int = 16
) -> list[Element]:
    """Give the pixel module; `frames` of 0 is an image without a number of frames."""
    parts = [
        a("ImageType", "ORIGINAL\\PRIMARY"),
        a("SamplesPerPixel", 1),
        a("PhotometricInterpretation", "MONOCHROME2"),
        a("Rows", rows),
        a("Columns", columns),
        a("BitsAllocated", bits),
        a("BitsStored", bits),
        a("HighBit", bits - 1),
        a("PixelRepresentation", 0),
        a("PixelSpacing", "0.5\\0.25"),
        a("WindowCenter", "40"),
        a("WindowWidth", "400"),
    ]
    if frames:
        parts.append(a("NumberOfFrames", frames))
    count = max(frames, 1)
    if at.syntax.uid.startswith("1.2.840.10008.1.2.4") or at.syntax.uid == "1.2.840.10008.1.2.5":
        streams = tuple(STREAM + bytes([number, 0]) for number in range(count))
        return [*parts, Element(0x7FE00010, "OB", fragments=streams)]
    size = rows * columns * bits // 8 * count
    pixels = (PIXELS * (size // len(PIXELS) + 1))[:size]
    return [*parts, Element(0x7FE00010, "OW" if bits > 8 else "OB", pixels)]


def ct(at: Place) -> list[Element]:
    """Give a CT image with an icon, and the images it comes from."""
    return [
        *image(at),
        a("SliceThickness", "1.25"),
        a("KVP", "120"),
        a("ContrastBolusAgent", at.canaries.text()),
        a("SourceImageSequence", [reference(CT, instance_uid(2))]),
        a(
            "IconImageSequence",
            [[a("Rows", 2), a("Columns", 2), element(0x7FE00010, "OB", b"Zq800001xV\0\0")]],
        ),
        a("ContextUID", "1.2.826.0.1.3680043.9.5.1", note=Note.CODE),
    ]


def enhanced(at: Place) -> list[Element]:
    """Give a multi-frame image with functional groups and the concatenation's source."""
    times = [
        [
            a("FrameAcquisitionDateTime", at.canaries.value("DT")),
            a("FrameReferenceDateTime", at.canaries.value("DT")),
            a("FrameComments", at.canaries.text()),
        ]
        for _ in range(2)
    ]
    source = reference(SOP_CLASSES["MR"], instance_uid(4), a("ReferencedFrameNumber", "1"))
    return [
        *image(at, frames=2),
        a("DeviceSerialNumber", at.canaries.text()),
        a("AcquisitionDateTime", at.canaries.value("DT")),
        a("SOPInstanceUIDOfConcatenationSource", instance_uid(6), note=Note.UID),
        a("ConcatenationUID", at.canaries.uid()),
        a("DimensionOrganizationSequence", [[a("DimensionOrganizationUID", at.canaries.uid())]]),
        a(
            "SharedFunctionalGroupsSequence",
            [[a("ReferencedImageSequence", [source], form=Form.UNDEFINED)]],
        ),
        a(
            "PerFrameFunctionalGroupsSequence",
            [[a("FrameContentSequence", [time])] for time in times],
            form=Form.UNDEFINED,
        ),
    ]


def segmentation(at: Place) -> list[Element]:
    """Give a segmentation."""
    return [
        *enhanced(at),
        a("ContentLabel", "SEG"),
        a("ContentDescription", f"of {at.person.patient_id}", note=Note.FREE),
        a("ContentCreatorName", at.person.operator),
        a("SegmentSequence", [[a("SegmentNumber", 1), a("TrackingUID", at.canaries.uid())]]),
        a(
            "ReferencedSeriesSequence",
            [
                [
                    a("SeriesInstanceUID", at.series),
                    a("ReferencedInstanceSequence", [reference(CT, instance_uid(1))]),
                ]
            ],
        ),
    ]


def presentation(at: Place) -> list[Element]:
    """Give a presentation state, whose creation date may not be empty though it has to go."""
    text = [
        a("BoundingBoxAnnotationUnits", "PIXEL"),
        a("UnformattedTextValue", f"{at.canaries.text()} {at.person.patient_id}"),
    ]
    return [
        a("PresentationCreationDate", at.canaries.date()),
        a("PresentationCreationTime", at.canaries.time()),
        a("ContentCreatorName", at.person.operator),
        a("ContentLabel", "GSPS"),
        a("ContentDescription", f"marks of {at.person.physician}", note=Note.FREE),
        a(
            "ReferencedSeriesSequence",
            [
                [
                    a("SeriesInstanceUID", at.series),
                    a("ReferencedImageSequence", [reference(CT, instance_uid(1))]),
                ]
            ],
        ),
        a(
            "GraphicAnnotationSequence",
            [[a("GraphicLayer", "ONE"), a("TextObjectSequence", [text])]],
        ),
    ]


def structure_set(at: Place) -> list[Element]:
    """Give an RT Structure Set."""
    return [
        a("StructureSetLabel", at.canaries.text()),
        a("StructureSetDate", at.canaries.date()),
        a("StructureSetTime", at.canaries.time()),
        a(
            "ReferencedFrameOfReferenceSequence",
            [[a("FrameOfReferenceUID", at.frame_of_reference_uid)]],
        ),
        a(
            "StructureSetROISequence",
            [
                [
                    a("ROINumber", 1),
                    a("ReferencedFrameOfReferenceUID", at.frame_of_reference_uid),
                    a("ROIName", at.canaries.text()),
                    a("ROIDescription", f"of {at.person.patient_id}"),
                ]
            ],
        ),
        a(
            "RTROIObservationsSequence",
            [[a("ObservationNumber", 1), a("ROIInterpreter", at.person.physician)]],
        ),
    ]


def plan(at: Place) -> list[Element]:
    """Give an RT Plan."""
    return [
        a("RTPlanLabel", at.canaries.text()),
        a("RTPlanDate", at.canaries.date()),
        a("RTPlanTime", at.canaries.time()),
        a("BeamSequence", [[a("BeamNumber", 1), a("TreatmentMachineName", at.canaries.text())]]),
    ]


def encapsulated(at: Place) -> list[Element]:
    """Give a document of another kind, whose own bytes name the patient."""
    words = f"%PDF-1.4 {at.person.name('')} {at.person.patient_id} {at.canaries.text()} %%EOF"
    return [
        a("BurnedInAnnotation", "YES", note=Note.FREE),
        a("AcquisitionDateTime", at.canaries.value("DT")),
        a("DocumentTitle", f"Letter about {at.person.name('')}", note=Note.FREE),
        a("EncapsulatedDocument", words.encode()),
        a("MIMETypeOfEncapsulatedDocument", "application/pdf", note=Note.FREE),
    ]


def waveform(at: Place) -> list[Element]:
    """Give an ECG with an annotation."""
    group = [
        a("MultiplexGroupLabel", at.canaries.text()),
        a("NumberOfWaveformChannels", 1),
        a("WaveformBitsAllocated", 16),
        a("WaveformSampleInterpretation", "SS"),
        Element(0x54001010, "OW", PIXELS[:64]),
    ]
    note = [a("UnformattedTextValue", at.canaries.text()), a("AnnotationGroupNumber", 1)]
    return [
        a("AcquisitionDateTime", at.canaries.value("DT")),
        a("AcquisitionContextSequence", [code(at.canaries.text(), "lead")]),
        a("WaveformAnnotationSequence", [note]),
        a("WaveformSequence", [group]),
    ]


def pet(at: Place) -> list[Element]:
    """Give a PET image."""
    dose = [
        a("Radiopharmaceutical", "FDG"),
        a("RadiopharmaceuticalStartTime", at.canaries.time()),
        a("RadiopharmaceuticalStartDateTime", at.canaries.value("DT")),
    ]
    return [*image(at), a("RadiopharmaceuticalInformationSequence", [dose])]


def slide(at: Place) -> list[Element]:
    """Give a whole slide image with its specimen."""
    specimen = [
        a("SpecimenIdentifier", at.canaries.text()),
        a("SpecimenUID", at.canaries.uid()),
        a("IssuerOfTheSpecimenIdentifierSequence", []),
        a("SpecimenPreparationSequence", [[a("SpecimenPreparationStepContentItemSequence", [])]]),
    ]
    return [
        *image(at, frames=2, bits=8),
        a("DeviceSerialNumber", at.canaries.text()),
        a("AcquisitionDateTime", at.canaries.value("DT")),
        a("AcquisitionContextSequence", []),
        a("ContainerIdentifier", at.canaries.text()),
        a("SpecimenDescriptionSequence", [specimen]),
        a("LabelText", at.canaries.text()),
        a("BarcodeValue", at.canaries.text()),
    ]


def raw_data(at: Place) -> list[Element]:
    """Give raw data."""
    return [
        a("AcquisitionContextSequence", [code(at.canaries.text(), "raw")]),
        a("CreatorVersionUID", uid(5, 9), note=Note.UID),
    ]


def burned_in(at: Place) -> list[Element]:
    """Give an ultrasound whose pixels name the patient, and say so."""
    return [*image(at, frames=3, bits=8), a("BurnedInAnnotation", "YES", note=Note.FREE)]


def report(at: Place) -> list[Element]:
    """Give a Comprehensive SR with every content item of Table E.3.4-1."""
    return document(at.canaries, at.person, selected(1, 0))


def dose_report(at: Place) -> list[Element]:
    """Give an X-Ray Radiation Dose SR with a part of the content items."""
    return document(at.canaries, at.person, selected(5, 2))


def key_objects(at: Place) -> list[Element]:
    """Give a key object selection."""
    refers = [
        a("StudyInstanceUID", at.study),
        a(
            "ReferencedSeriesSequence",
            [
                [
                    a("SeriesInstanceUID", at.series),
                    a("ReferencedSOPSequence", [reference(CT, instance_uid(1))]),
                ]
            ],
        ),
    ]
    return [
        *document(at.canaries, at.person, selected(9, 4)),
        a("CurrentRequestedProcedureEvidenceSequence", [refers]),
    ]


def nuclear(at: Place) -> list[Element]:
    """Give an NM image."""
    return image(at, frames=2)


def photograph(at: Place) -> list[Element]:
    """Give a photograph that knows where it was taken."""
    place = (
        (0x00160071, "CS", at.canaries.text().upper()),
        (0x00160072, "DS", f"7.31{99001 + at.number % 2}\\30\\11.5"),
        (0x0016002B, "OB", at.canaries.text().encode()),
    )
    return [*image(at, bits=8), *(element(*each) for each in place)]


KINDS: dict[str, Callable[[Place], list[Element]]] = {
    "CT": ct,
    "Enhanced MR": enhanced,
    "Enhanced CT": enhanced,
    "Segmentation": segmentation,
    "GSPS": presentation,
    "RT Structure Set": structure_set,
    "RT Plan": plan,
    "PDF": encapsulated,
    "CDA": encapsulated,
    "ECG": waveform,
    "PET": pet,
    "Slide": slide,
    "Raw Data": raw_data,
    "US multi-frame": burned_in,
    "SR": report,
    "Dose Report": dose_report,
    "KO": key_objects,
    "NM": nuclear,
    "Photograph": photograph,
    "Registration": lambda at: [a("ContentCreatorName", at.person.operator)],
}
"""What each kind of object has besides `common`; the others are plain images."""

MODALITIES = {
    "CR": "CR",
    "DX": "DX",
    "MG": "MG",
    "CT": "CT",
    "Enhanced CT": "CT",
    "US multi-frame": "US",
    "MR": "MR",
    "Enhanced MR": "MR",
    "US": "US",
    "SC": "OT",
    "ECG": "ECG",
    "GSPS": "PR",
    "XA": "XA",
    "NM": "NM",
    "Parametric Map": "MR",
    "Raw Data": "OT",
    "Registration": "REG",
    "Segmentation": "SEG",
    "Photograph": "XC",
    "Slide": "SM",
    "SR": "SR",
    "KO": "KO",
    "Dose Report": "SR",
    "PDF": "DOC",
    "CDA": "DOC",
    "PET": "PT",
    "RT Image": "RTIMAGE",
    "RT Dose": "RTDOSE",
    "RT Structure Set": "RTSTRUCT",
    "RT Plan": "RTPLAN",
}


def make(at: Place) -> list[Element]:
    """Give the elements of an object, unordered."""
    return [*common(at), *KINDS.get(at.kind, image)(at)]

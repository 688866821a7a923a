r"""Make the small archive that every real peer is loaded with: patients, character sets, syntaxes.

=======  ======================  ===================  =======================================
study    patient                 characters           series
=======  ======================  ===================  =======================================
LATIN    MUE-1 ``Müller^Jörg``   ISO_IR 100           CT: 3 explicit; SR: 1 explicit
UTF8     MUE-1 ``Müller^Jörg``   ISO_IR 192           MR: 2 implicit
KANJI    YAM-1 ``Yamada^Tarou``  \ISO 2022 IR 87      MR: 2 RLE; OT: 1 JPEG baseline, 1 deflated
UNICODE  YAM-1 ``Yamada^Tarou``  ISO_IR 192           MR: 1 explicit
ASCII    DOE-1 ``Doe^Jane``      none                 CT: 3 explicit; MR: 1 explicit
=======  ======================  ===================  =======================================

The worklist has an entry for each of the patients, of which MUE-1 is in ISO_IR 100.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pydicom
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dcmtools.dataset.outgoing import check, look_at
from dcmtools.errors import DcmtoolsError
from tests.conftest import need
from tests.net.wire import Instance

if TYPE_CHECKING:
    from collections.abc import Iterable

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
ROOT = "1.2.826.0.1.3680043.8.498.77"
CT_FILE, MR_FILE, SR_FILE = "CT_small.dcm", "MR_small.dcm", "reportsi.dcm"
RLE_FILE, JPEG_FILE, DEFLATED_FILE = (
    "MR_small_RLE.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "image_dfl.dcm",
)


class Series(NamedTuple):
    """A series to make: its modality, the bundled file of each instance, a transfer syntax.

    Without a transfer syntax an instance keeps that of its file.
    """

    modality: str
    sources: tuple[str, ...]
    transfer_syntax: UID | None = None


class Study(NamedTuple):
    """A study to make; `attributes` by keyword go into each of its instances."""

    name: str
    charset: str | list[str]
    attributes: dict[str, str]
    series: tuple[Series, ...]

    @property
    def uid(self) -> str:
        """The Study Instance UID."""
        return f"{ROOT}.{STUDIES.index(self) + 1}"


MUELLER = {"PatientName": "Müller^Jörg", "PatientID": "MUE-1", "PatientBirthDate": "19610203"}
LATIN = Study(
    "latin",
    "ISO_IR 100",
    {
        **MUELLER,
        "StudyDate": "20260105",
        "AccessionNumber": "ACC-1",
        "StudyDescription": "Schädel",
    },
    (Series("CT", (CT_FILE,) * 3, ExplicitVRLittleEndian), Series("SR", (SR_FILE,))),
)
UTF8 = Study(
    "utf8",
    "ISO_IR 192",
    {
        **MUELLER,
        "StudyDate": "20260312",
        "AccessionNumber": "ACC-2",
        "StudyDescription": "Übersicht",
    },
    (Series("MR", (MR_FILE,) * 2, ImplicitVRLittleEndian),),
)
YAMADA = {
    "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "PatientID": "YAM-1",
    "PatientBirthDate": "19700630",
}
KANJI = Study(
    "kanji",
    ["", "ISO 2022 IR 87"],
    {
        **YAMADA,
        "StudyDate": "20251224",
        "AccessionNumber": "ACC-3",
        "StudyDescription": "Thorax",
    },
    (Series("MR", (RLE_FILE,) * 2), Series("OT", (JPEG_FILE, DEFLATED_FILE))),
)
UNICODE = Study(
    "unicode",
    "ISO_IR 192",
    {
        **YAMADA,
        "StudyDate": "20251231",
        "AccessionNumber": "ACC-5",
        "StudyDescription": "胸部",
    },
    (Series("MR", (MR_FILE,), ExplicitVRLittleEndian),),
)
DOE = {"PatientName": "Doe^Jane", "PatientID": "DOE-1", "PatientBirthDate": "19800101"}
ASCII = Study(
    "ascii",
    "",
    {
        **DOE,
        "StudyDate": "20260320",
        "AccessionNumber": "ACC-4",
        "StudyDescription": "Knee",
    },
    (
        Series("CT", (CT_FILE,) * 3, ExplicitVRLittleEndian),
        Series("MR", (MR_FILE,), ExplicitVRLittleEndian),
    ),
)
STUDIES = (LATIN, UTF8, KANJI, UNICODE, ASCII)


@dataclass(frozen=True)
class Stored:
    """An instance of the archive."""

    path: Path
    study: Study
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax: str


@dataclass(frozen=True)
class Archive:
    """The instances by SOP Instance UID."""

    stored: dict[str, Stored] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, Path]:
        """The files by SOP Instance UID."""
        return {uid: found.path for uid, found in self.stored.items()}

    def of(self, *studies: Study) -> dict[str, Stored]:
        """Give the instances of some studies."""
        return {uid: found for uid, found in self.stored.items() if found.study in studies}


def make_archive(folder: Path) -> Archive:
    """Write the files; UIDs and bytes are the same each time."""
    archive = Archive()
    for study in STUDIES:
        for number, series in enumerate(study.series, 1):
            for index, source in enumerate(series.sources, 1):
                path = folder / f"{study.name}-{number}-{index}.dcm"
                found = _write(path, study, number, index, source)
                archive.stored[found.sop_instance_uid] = found
    return archive


def _write(path: Path, study: Study, number: int, index: int, source: str) -> Stored:
    series = study.series[number - 1]
    data = dcmread(BUNDLED / source)
    if study.charset:
        data.SpecificCharacterSet = study.charset
    else:
        data.pop("SpecificCharacterSet", None)
    _normalize(data)
    values: dict[str, Any] = {
        **study.attributes,
        "StudyTime": "101112",
        "StudyID": str(STUDIES.index(study) + 1),
        "StudyInstanceUID": study.uid,
        "SeriesInstanceUID": f"{study.uid}.{number}",
        "SeriesNumber": number,
        "SeriesDescription": f"series {number}",
        "SOPInstanceUID": f"{study.uid}.{number}.{index}",
        "InstanceNumber": index,
        "Modality": series.modality,
        "ReferringPhysicianName": "",
    }
    for keyword, value in values.items():
        setattr(data, keyword, value)
    meta = data.file_meta
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    if series.transfer_syntax:
        meta.TransferSyntaxUID = series.transfer_syntax
    data.save_as(path, enforce_file_format=True)
    return Stored(
        path,
        study,
        data.SeriesInstanceUID,
        data.SOPInstanceUID,
        str(data.SOPClassUID),
        str(meta.TransferSyntaxUID),
    )


def _normalize(data: Dataset) -> None:
    """Write as DCMTK does, which the archives encode data sets by when they send them again."""
    data.pop("DataSetTrailingPadding", None)
    for element in data.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = False
            for item in element.value:
                item.is_undefined_length_sequence_item = False


SCHEDULED: tuple[tuple[dict[str, str], str, str, str], ...] = (
    (MUELLER, "ISO_IR 100", "CT", "20260401"),
    (YAMADA, "ISO_IR 192", "MR", "20260402"),
    (DOE, "", "CT", "20260402"),
)
"""The entries of the worklist: patient, character set, modality, start date."""


def make_worklist(folder: Path) -> None:
    """Write a worklist as ``wlmscpfs`` reads it, one file an entry, complete as it wants them."""
    folder.mkdir(parents=True)
    (folder / "lockfile").touch()
    for number, (patient, charset, modality, date) in enumerate(SCHEDULED, 1):
        step = Dataset()
        step.Modality = modality
        step.ScheduledStationAETitle = f"{modality}1"
        step.ScheduledProcedureStepStartDate = date
        step.ScheduledProcedureStepStartTime = f"{8 + number:02}3000"
        step.ScheduledPerformingPhysicianName = "Who^Doctor"
        step.ScheduledProcedureStepDescription = "Scan"
        step.ScheduledProcedureStepID = f"SPS-{number}"
        step.ScheduledProcedureStepLocation = "Room 1"
        data = Dataset()
        if charset:
            data.SpecificCharacterSet = charset
        for keyword, value in patient.items():
            setattr(data, keyword, value)
        data.PatientSex = "O"
        data.AccessionNumber = f"WL-{number}"
        data.ReferringPhysicianName = ""
        data.RequestingPhysician = ""
        data.RequestedProcedureID = f"RP-{number}"
        data.RequestedProcedureDescription = "Procedure"
        data.RequestedProcedurePriority = "ROUTINE"
        data.StudyInstanceUID = f"{ROOT}.9.{number}"
        data.ScheduledProcedureStepSequence = [step]
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = UID("1.2.276.0.7230010.3.1.0.1")
        data.file_meta.MediaStorageSOPInstanceUID = UID(f"{ROOT}.9.{number}.1")
        data.save_as(folder / f"{number}.wl", enforce_file_format=True)


def make_medium(folder: Path, files: Iterable[Path]) -> Path:
    """Make a medium with some files and a DICOMDIR that lists them, by DCMTK."""
    folder.mkdir(parents=True)
    for number, path in enumerate(files, 1):
        shutil.copy(path, folder / f"IM{number}")
    command = [need("dcmmkdir"), "+I", "+r", "+id", folder, "+D", folder / "DICOMDIR"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def sendable(files: Iterable[Path]) -> dict[Path, Instance]:
    """Give what of some files can be sent, each as it is to arrive.

    That is the data set as it stands in the file, without what follows it; where its bytes are odd
    in number, a zero is added, for no network carries it otherwise (PS3.8 E.1).
    """
    found = {}
    for path in files:
        try:
            each = check(look_at(path))
        except DcmtoolsError:
            continue
        data = path.read_bytes()[each.start : each.start + each.size]
        data += b"\0" * (len(data) % 2)
        found[path] = Instance(each.sop_class, each.sop_instance, each.transfer_syntax, data)
    return found

"""Make DICOM files for tests, whole ones by pydicom and broken ones byte by byte."""

import os
from pathlib import Path
from struct import pack
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
LONG_VRS = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
UNDEFINED = 0xFFFFFFFF

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"


def make_ct(path: Path, *, syntax: str = ExplicitVRLittleEndian, **overrides: Any) -> Path:  # noqa: ANN401
    """Write a small CT image; `overrides` are attributes by keyword."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = CT_IMAGE_STORAGE
    data.SOPInstanceUID = generate_uid()
    data.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.1.1"
    data.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.1.2"
    data.Modality = "CT"
    data.StudyDate = "20260102"
    data.PatientName = "Doe^Jane"
    data.PatientID = "PID-1"
    data.InstanceNumber = 1
    data.SliceThickness = "1.5"
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows = data.Columns = 4
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit = 15
    data.PixelRepresentation = 0
    data.PixelData = bytes(range(32))
    for keyword, value in overrides.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = CT_IMAGE_STORAGE
    data.file_meta.MediaStorageSOPInstanceUID = data.get("SOPInstanceUID", "1.2.3")
    data.save_as(path, enforce_file_format=True)
    return path


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """Encode an element with explicit VR little endian; `length` may lie."""
    size = len(value) if length is None else length
    head = pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode("latin-1")
    return head + (pack("<HI", 0, size) if vr in LONG_VRS else pack("<H", size)) + value


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    """Encode an element with implicit VR little endian; `length` may lie."""
    return pack("<HHI", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def item(value: bytes = b"", length: int | None = None) -> bytes:
    """Encode an item of a sequence, or a fragment."""
    return implicit(0xFFFEE000, value, length)


ITEM_END = implicit(0xFFFEE00D, b"")
SEQUENCE_END = implicit(0xFFFEE0DD, b"")


def part10(body: bytes, syntax: str = "1.2.840.10008.1.2.1", preamble: bytes = bytes(128)) -> bytes:
    """Put preamble and file meta group before an encoded data set."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = element(0x00020001, "OB", b"\0\1") + element(0x00020010, "UI", uid)
    return preamble + b"DICM" + element(0x00020000, "UL", pack("<I", len(meta))) + meta + body


BODY = (
    element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0")
    + element(0x00080018, "UI", b"1.2.3.4\0")
    + element(0x00100010, "PN", b"Doe^Jane")
    + element(0x00100020, "LO", b"PID-1 ")
)
"""A few plain elements, for a broken one to follow."""

BODY_TAGS = [0x00080016, 0x00080018, 0x00100010, 0x00100020]


def write(path: Path, content: bytes) -> Path:
    """Write bytes durably enough for a test and give the path back."""
    path.write_bytes(content)
    return path


def corpus() -> Path | None:
    """Name the folder of real and crafted files, None where there is none."""
    folder = os.environ.get("DCMTOOLS_CORPUS")
    return Path(folder) if folder else None


PEAK = 'int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])'
"""Python that gives the most memory its process has used, in KiB, on Linux. What getrusage says is
never less than that of the process which started it."""

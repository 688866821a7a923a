"""What stands before a data set in a file: whole, of even lengths, and as pydicom reads it."""

from io import BytesIO

import pytest
from pydicom import dcmread

from dcmtools.dataset.part10 import PREAMBLE, file_start
from tests.factories import BODY, CT_IMAGE_STORAGE, EXPLICIT, JPEG

OURS = ("2.25.123", "DCMTOOLS_TEST")


def start(uid: str = "1.2.3", syntax: str = EXPLICIT) -> bytes:
    return file_start(CT_IMAGE_STORAGE, uid, syntax, implementation=OURS)


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "1", "1." + "2" * 62])
def test_pydicom_reads_the_group(uid: str) -> None:
    read = dcmread(BytesIO(start(uid, JPEG)))
    assert len(read) == 0
    assert {element.keyword: element.value for element in read.file_meta} == {
        "FileMetaInformationGroupLength": len(start(uid, JPEG)) - 128 - 4 - 12,
        "FileMetaInformationVersion": b"\0\1",
        "MediaStorageSOPClassUID": CT_IMAGE_STORAGE,
        "MediaStorageSOPInstanceUID": uid,
        "TransferSyntaxUID": JPEG,
        "ImplementationClassUID": "2.25.123",
        "ImplementationVersionName": "DCMTOOLS_TEST",
    }


def test_the_data_set_follows_bit_for_bit() -> None:
    whole = start() + BODY
    read = dcmread(BytesIO(whole))
    assert (read.PatientName, read.SOPInstanceUID) == ("Doe^Jane", "1.2.3.4")
    assert whole.endswith(BODY)
    assert len(start()) % 2 == 0


def test_the_preamble_is_nothing_else() -> None:
    assert start()[:132] == bytes(128) + b"DICM" == PREAMBLE + b"DICM"


def test_what_is_no_uid_cannot_break_the_group() -> None:
    hostile = "../x\u20ac\n\0" + "9" * 1000
    meta = dcmread(BytesIO(start(hostile))).file_meta
    assert meta.TransferSyntaxUID == EXPLICIT
    assert meta.ImplementationVersionName == "DCMTOOLS_TEST"

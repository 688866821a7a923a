"""Have other toolkits write files anew, as each of them does with all that it sends.

None of them sends a file as it is: each reads it and encodes it again, with lengths where there
were none, without padding or group lengths. What that gives is asked of the toolkit itself, by
another of its programs, so that it can be compared byte for byte with what has come.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import dcmread
from pynetdicom.dsutils import encode

from tests.conftest import need
from tests.factories import BIG, EXPLICIT, IMPLICIT
from tests.net.wire import Instance

_OPTION = {EXPLICIT: "+te", IMPLICIT: "+ti", BIG: "+tb"}
"""How ``dcmconv`` is asked for a transfer syntax; those that are compressed stay as they are."""


@cache
def by_dcmtk(path: Path, syntax: str) -> bytes | None:
    """Give the data set as DCMTK writes it in a transfer syntax; None where it cannot read it."""
    target = [_OPTION[syntax]] if syntax in _OPTION else []
    return _written(need("dcmconv"), "-p", *target, str(path))


@cache
def by_gdcm(path: Path, _syntax: str) -> bytes | None:
    """Give the data set as GDCM writes it; None where it cannot read it."""
    return _written(need("gdcmconv"), str(path))


@cache
def by_pynetdicom(path: Path, _syntax: str) -> bytes | None:
    """Give the data set as pynetdicom encodes it, by pydicom."""
    data = dcmread(path)
    assert data.SOPClassUID  # what has been looked at has another VR where that was UN
    assert data.SOPInstanceUID
    syntax = data.file_meta.TransferSyntaxUID
    return encode(data, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)


def _written(*command: str) -> bytes | None:
    with TemporaryDirectory() as folder:
        made = Path(folder) / "made.dcm"
        ran = subprocess.run([*command, made], capture_output=True, check=False)
        return None if ran.returncode else Instance.read(made).data

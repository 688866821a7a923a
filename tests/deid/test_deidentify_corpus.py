"""Show that de-identification takes or refuses whatever comes, and that an IOD stays valid."""

import re
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from dcmtools.deid.verify import verify
from dcmtools.errors import DcmtoolsError
from tests.deid.treating import plan, written

EVERYTHING = (
    "uids", "device", "institution", "patient", "dates-shifted", "safe-private",
    "+descriptors", "+structured", "+graphics",
)  # fmt: skip
OPTIONS: tuple[tuple[str, ...], ...] = ((), EVERYTHING)
ONE_OF_EACH = (
    "seg_image_ct_binary_single_frame.dcm", "parametric_map_float.dcm", "liver_expb_1frame.dcm",
    "sm_annotations.dcm", "sm_image_jpegls.dcm", "reportsi.dcm", "test-SR.dcm", "PR000000.dcm",
    "rtstruct.dcm", "rtdose_1frame.dcm", "rtdose.dcm", "waveform_ecg.dcm", "encapsulated_pdf.dcm",
    "encapsulated_stl.dcm", "emri_small.dcm", "dx_image.dcm", "MG1_J2KI", "XA1_RLE", "US1_J2KI",
    "NM1_RLE", "CT1_RLE", "MR1_J2KI", "RG1_J2KI.dcm", "pet20step.dcm", "vlp_dump.dcm",
    "conv_sr_be.dcm", "eCT_Supplemental.dcm", "CT0012.not_fragmented_no_bot_rle.dcm",
)  # fmt: skip
NOT_OURS = ("GH133.dcm", "mr_brucker.dcm")


@pytest.mark.corpus
@pytest.mark.parametrize("options", OPTIONS, ids=["basic", "all"])
def test_every_file_is_taken_or_refused(
    corpus_files: list[Path], tmp_path: Path, options: tuple[str, ...]
) -> None:
    wanted = plan(*options)
    done = 0
    for path in corpus_files:
        copy = tmp_path / "in.dcm"
        copy.write_bytes(path.read_bytes())
        output = tmp_path / "in-out.dcm"
        output.unlink(missing_ok=True)
        try:
            written(copy, wanted)
        except DcmtoolsError:
            assert not output.exists()
            continue
        done += 1
        if not path.name.endswith(NOT_OURS):
            found = verify(copy, output, wanted.options)
            assert found, (path.name, found.failures)
    assert done > 260


def errors(path: Path) -> set[str]:
    """List the errors that dciodvfy finds, without values and numbers of items."""
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    return {re.sub(r"\[\d+\]|= <.*?>", "", line) for line in lines if line.startswith("Error")}


@pytest.mark.corpus
@pytest.mark.interop
@pytest.mark.parametrize("options", OPTIONS, ids=["basic", "all"])
def test_iod_stays_valid(
    corpus_files: list[Path],
    tmp_path: Path,
    program: Callable[[str], str],
    options: tuple[str, ...],
) -> None:
    program("dciodvfy")
    chosen = [path for path in corpus_files if path.name.endswith(ONE_OF_EACH)]
    assert len(chosen) > 20
    for path in chosen:
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        try:
            output, _ = written(copy, plan(*options))
        except DcmtoolsError:
            continue
        assert errors(output) - errors(copy) == set(), path.name


@pytest.mark.corpus
def test_pixel_data_are_bit_for_bit_the_same(corpus_files: list[Path], tmp_path: Path) -> None:
    chosen = [path for path in corpus_files if path.name.endswith(ONE_OF_EACH)]
    compared = 0
    for path in chosen:
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                output = dcmread(written(copy, plan())[0])
            except DcmtoolsError:
                continue
            data = dcmread(copy, force=True)
        if "PixelData" in data:
            compared += 1
            assert output.PixelData == data.PixelData, path.name
    assert compared > 12

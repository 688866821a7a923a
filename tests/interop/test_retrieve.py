"""`get` and `move` with DCMTK's archive and Orthanc: bit for bit what was stored there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.uid import UID

from tests.cli.retrieving import got, lines, run, summary
from tests.factories import DEFLATED, EXPLICIT, IMPLICIT
from tests.interop import peers
from tests.interop.objects import (
    ASCII,
    BUNDLED,
    KANJI,
    LATIN,
    STUDIES,
    UNICODE,
    UTF8,
    Archive,
    Stored,
    Study,
    _normalize,
)
from tests.interop.peers import DcmqrscpPeer, OrthancPeer
from tests.net.wire import Instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.interop.peers import Destinations, StorescpPeer

    Peer = DcmqrscpPeer | OrthancPeer

pytestmark = pytest.mark.interop

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@pytest.fixture(params=["dcmqrscp", "orthanc"])
def peer(request: pytest.FixtureRequest) -> Peer:
    found: Peer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def originals(archive: Archive, *studies: Study) -> dict[str, Instance]:
    return {uid: Instance.read(found.path) for uid, found in archive.of(*studies).items()}


def stored(folder: Path) -> dict[str, Instance]:
    """Read what DCMTK's receiver has stored, under whatever names."""
    found = [Instance.read(path) for path in folder.iterdir()]
    return {each.sop_instance_uid: each for each in found}


def exact(peer: Peer, archive: Archive, found: dict[str, Instance], *studies: Study) -> bool:
    """Hold what came against what was stored.

    dcmqrscp sends what is uncompressed, or deflated, in the first context of the SOP class: it
    makes explicit VR of it before any program could have a say. Then the values are compared.
    """
    expected = originals(archive, *studies)
    assert found.keys() == expected.keys()
    for uid, one in found.items():
        wanted = expected[uid]
        if peer.aet == "QRSCP" and wanted.transfer_syntax in (IMPLICIT, DEFLATED):
            assert one.transfer_syntax == EXPLICIT
        else:
            assert one == wanted
    return True


def same_values(folder: Path, archive: Archive, *studies: Study) -> bool:
    for uid, original in archive.of(*studies).items():
        [path] = folder.rglob(f"{uid}.dcm")
        assert dcmread(path) == dcmread(original.path)
    return True


# get


@pytest.mark.parametrize("study", STUDIES, ids=[study.name for study in STUDIES])
def test_get_a_study(peer: Peer, archive: Archive, out: Path, study: Study) -> None:
    """Uncompressed, JPEG, RLE and deflated, in a study of all that too."""
    ran = run("get", peer.address, "--study", study.uid, "-od", out, "--verify")
    assert ran.exit_code == 0, ran.stderr
    assert len(lines(ran)) == 1
    assert exact(peer, archive, got(out), study)
    assert same_values(out, archive, study)


def test_get_all_there_is(peer: Peer, archive: Archive, out: Path) -> None:
    """Of three patients, on four associations, one folder for each series."""
    options = "-P", "--patient-id", "*-1", "-od", out, "-j", "4", "--sort", "study", "--verify"
    ran = run("get", peer.address, *options)
    assert ran.exit_code == 0, ran.stderr
    assert exact(peer, archive, got(out), *STUDIES)
    assert {path.name for path in out.iterdir()} == {study.uid for study in STUDIES}


@pytest.mark.parametrize(
    ("keys", "studies"),
    [
        (("--accession", "ACC-1"), [LATIN]),
        (("--patient-name", "Müller*"), [LATIN, UTF8]),
        (("--date", "20260101..20260131"), [LATIN]),
        (("-P", "--patient-id", "DOE-1"), [ASCII]),
        (("--patient-id", "YAM-1", "--date", "2025-12-31"), [UNICODE]),
        (("--study", LATIN.uid, "--study", ASCII.uid), [LATIN, ASCII]),
    ],
)
def test_get_by_other_keys(
    peer: Peer, archive: Archive, out: Path, keys: tuple[str, ...], studies: Sequence[Study]
) -> None:
    ran = run("get", peer.address, *keys, "-od", out)
    assert ran.exit_code == 0, ran.stderr
    assert exact(peer, archive, got(out), *studies)


def test_get_series_and_instances(peer: Peer, archive: Archive, out: Path) -> None:
    of_study = originals(archive, LATIN)
    series = f"{LATIN.uid}.1"
    assert run("get", peer.address, "--series", series, "-od", out / "1").exit_code == 0
    ct = {uid: each for uid, each in of_study.items() if uid.startswith(f"{series}.")}
    assert got(out / "1") == ct
    one = f"{series}.2"
    assert run("get", peer.address, "--instance", one, "-od", out / "2").exit_code == 0
    assert got(out / "2") == {one: of_study[one]}
    text = f"StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID\n{LATIN.uid},{series},{one}\n"
    ran = run("get", peer.address, "--instance", "-", "-od", out / "3", stdin=text)
    assert (ran.exit_code, got(out / "3")) == (0, {one: of_study[one]})


@pytest.mark.parametrize("form", ["ndjson", "csv", "tsv"])
def test_get_what_find_finds(peer: Peer, archive: Archive, out: Path, form: str) -> None:
    """By a pipe between two programs."""
    program = [sys.executable, "-m", "dcmtools"]
    find = [*program, "find", peer.address, "--patient-name", "Müller*", "-f", form]
    get = [*program, "get", peer.address, "--study", "-", "-od", out]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    with subprocess.Popen(find, stdout=subprocess.PIPE, env=environment) as finding:
        ran = subprocess.run(
            get, stdin=finding.stdout, capture_output=True, text=True, check=False, env=environment
        )
    assert (finding.returncode, ran.returncode) == (0, 0), ran.stderr
    assert exact(peer, archive, got(out), LATIN, UTF8)
    assert same_values(out, archive, LATIN, UTF8)


@pytest.mark.parametrize(
    "keys",
    [("--study", f"{LATIN.uid}.99"), ("--accession", "NONE"), ("-P", "--patient-id", "NONE")],
)
def test_get_nothing(peer: Peer, out: Path, keys: tuple[str, ...]) -> None:
    ran = run("get", peer.address, *keys, "-od", out)
    assert (ran.exit_code, summary(ran)) == (10, "0 retrieved")
    assert lines(ran)[0] == "nothing was retrieved"


def test_get_what_is_missing(peer: Peer, archive: Archive, out: Path) -> None:
    command = "get", peer.address, "--study", ASCII.uid, "-od", out, "--skip-existing"
    assert summary(run(*command)).startswith("4 retrieved")
    assert summary(run(*command)) == "0 retrieved, 4 skipped"
    (out / f"{ASCII.uid}.1.2.dcm").unlink()
    assert summary(run(*command)).startswith("1 retrieved, 3 skipped")
    assert got(out) == originals(archive, ASCII)


# move


def test_move_to_another(
    peer: Peer, archive: Archive, storescp: StorescpPeer, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    options = "--to", "MOVE1", "--verify", "--report", report
    ran = run("move", peer.address, "--study", LATIN.uid, "--study", ASCII.uid, *options)
    assert (ran.exit_code, summary(ran)) == (0, "8 moved"), ran.stderr
    assert stored(storescp.received) == originals(archive, LATIN, ASCII)
    assert len(report.read_text().splitlines()) == 2


def test_move_to_nobody(peer: Peer) -> None:
    ran = run("move", peer.address, "--study", LATIN.uid, "--to", "NOBODY")
    assert (ran.exit_code, summary(ran)) == (8, "0 moved, 1 request failed")
    code = "A801H" if peer.aet == "QRSCP" else "C000H"
    assert f"study {LATIN.uid}: answered {code}" in lines(ran)[0]
    assert "host and port" in lines(ran)[1]


def test_move_to_who_is_not_there(peer: Peer) -> None:
    ran = run("move", peer.address, "--study", LATIN.uid, "--to", "DOWN")
    assert ran.exit_code == 8
    assert "host and port" in lines(ran)[1]
    if peer.aet == "QRSCP":
        assert "A702H" in lines(ran)[0]
        assert "4 of 4 instances failed" in lines(ran)[0]


def test_move_nothing(peer: Peer) -> None:
    for keys in (("--study", f"{LATIN.uid}.99"), ("--accession", "NONE")):
        ran = run("move", peer.address, *keys, "--to", "MOVE1")
        assert (ran.exit_code, summary(ran)) == (10, "0 moved")


@pytest.mark.parametrize("study", [LATIN, UTF8, UNICODE, ASCII], ids=lambda study: study.name)
def test_move_to_us(
    peer: Peer, archive: Archive, destinations: Destinations, out: Path, study: Study
) -> None:
    aet, port = destinations["MOVE2"]
    options = "--aet", aet, "--listen", port, "-od", out, "--verify"
    ran = run("move", peer.address, "--study", study.uid, *options)
    assert ran.exit_code == 0, ran.stderr
    assert f"listening as MOVE2 on 127.0.0.1:{port}" in lines(ran)[0]
    assert len(lines(ran)) == 2
    assert exact(peer, archive, got(out), study)


def test_move_what_is_compressed(
    peer: Peer, archive: Archive, destinations: Destinations, out: Path
) -> None:
    """DCMTK's proposes no compressed syntax when it sends, and says which instances failed."""
    aet, port = destinations["MOVE2"]
    options = "--aet", aet, "--listen", port, "-od", out, "-j", "2"
    ran = run("move", peer.address, "--study", KANJI.uid, *options)
    if peer.aet == "QRSCP":
        assert ran.exit_code == 9
        assert "B000H" in lines(ran)[1]
        assert "3 of 4 instances failed" in lines(ran)[1]
    else:
        assert ran.exit_code == 0, ran.stderr
        assert got(out) == originals(archive, KANJI)


def test_move_elsewhere_than_to_us(peer: Peer, storescp: StorescpPeer, out: Path) -> None:
    """The AE title leads to another program."""
    options = "--aet", storescp.aet, "--listen", "0", "-od", out
    ran = run("move", peer.address, "--study", LATIN.uid, *options)
    assert (ran.exit_code, summary(ran)) == (8, "0 moved, 4 failed")
    assert lines(ran)[1] == "the peer counts 4 instances, and 0 have come"
    assert "Does the AE title lead here?" in lines(ran)[2]


# Every syntax that an archive holds

BUNDLED_FILES = {
    "1.2.840.10008.1.2.4.50": "SC_jpeg_no_color_transform.dcm",
    "1.2.840.10008.1.2.4.51": "JPGExtended.dcm",
    "1.2.840.10008.1.2.4.57": "SC_rgb_jpeg_gdcm.dcm",
    "1.2.840.10008.1.2.4.70": "SC_rgb_jpeg_gdcm.dcm",
    "1.2.840.10008.1.2.4.80": "MR_small_jpeg_ls_lossless.dcm",
    "1.2.840.10008.1.2.4.81": "JPEGLSNearLossless_08.dcm",
    "1.2.840.10008.1.2.4.90": "MR_small_jp2klossless.dcm",
    "1.2.840.10008.1.2.4.91": "693_J2KI.dcm",
    "1.2.840.10008.1.2.5": "MR_small_RLE.dcm",
    "1.2.840.10008.1.2.1": "MR_small.dcm",
    # Nobody decodes what is in these.
    "1.2.840.10008.1.2.4.100": "MR_small_RLE.dcm",
    "1.2.840.10008.1.2.4.102": "MR_small_RLE.dcm",
    "1.2.840.10008.1.2.4.107": "MR_small_RLE.dcm",
}
MANY = f"{LATIN.uid}.7"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Give a study with an instance in each of many syntaxes, one series for all."""
    folder = tmp_path_factory.mktemp("many")
    found = Archive()
    for number, (syntax, source) in enumerate(BUNDLED_FILES.items(), 1):
        data = dcmread(BUNDLED / source)
        _normalize(data)
        data.PatientID = data.PatientName = "MANY"
        data.StudyInstanceUID, data.SeriesInstanceUID = MANY, f"{MANY}.1"
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{MANY}.1.{number}"
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = SECONDARY_CAPTURE
        data.file_meta.TransferSyntaxUID = UID(syntax)
        if syntax != EXPLICIT:
            data["PixelData"].VR = "OB"  # not so in all these files
        path = folder / f"{number}.dcm"
        data.save_as(path, enforce_file_format=True)
        uid = data.SOPInstanceUID
        found.stored[uid] = Stored(path, LATIN, f"{MANY}.1", uid, SECONDARY_CAPTURE, syntax)
    return found


@pytest.fixture(params=[DcmqrscpPeer, OrthancPeer])
def holder(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    destinations: Destinations,
    many: Archive,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Peer]:
    """Give an archive that holds them."""
    monkeypatch.setattr(peers, "SYNTAXES", (*BUNDLED_FILES, IMPLICIT))
    with request.param(tmp_path / "peer", destinations) as peer:
        yield peer.load(many)


def test_get_every_syntax(holder: Peer, many: Archive, out: Path) -> None:
    """Where all are in one series the archive of DCMTK needs an association for each."""
    ran = run("get", holder.address, "--study", MANY, "-od", out, "--verify")
    assert ran.exit_code == 0, ran.stderr
    assert len(lines(ran)) == 1
    found = got(out)
    assert {uid: each.transfer_syntax for uid, each in found.items()} == {
        uid: each.transfer_syntax for uid, each in many.stored.items()
    }
    assert found == {uid: Instance.read(path) for uid, path in many.files.items()}

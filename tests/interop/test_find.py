"""Query real archives and a real worklist: what is found, in which characters, and what is not."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from dcmtools.cli.main import app
from tests.conftest import need
from tests.interop.objects import (
    ASCII,
    KANJI,
    LATIN,
    ROOT,
    STUDIES,
    UNICODE,
    UTF8,
    YAMADA,
    Archive,
    Study,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.certificates import Authority
    from tests.interop.peers import DcmqrscpPeer, OrthancPeer, TlsFront, WorklistPeer

pytestmark = pytest.mark.interop

ISO_2022 = "\\ISO 2022 IR 87"
STEP = "ScheduledProcedureStepSequence"


class Found(NamedTuple):
    """What a query has found: rows by column, what is said, the exit code."""

    rows: list[dict[str, str]]
    said: str
    code: int

    def column(self, name: str) -> list[str]:
        """Give the values of a column, sorted."""
        return sorted(row[name] for row in self.rows)


def find(peer: DcmqrscpPeer | OrthancPeer | WorklistPeer | TlsFront, *options: str) -> Found:
    """Query, and read the csv."""
    ran = CliRunner().invoke(app, ["find", peer.address, *options, "-f", "csv"])
    assert "Traceback" not in ran.output
    return Found([*csv.DictReader(io.StringIO(ran.stdout))], ran.stderr, ran.exit_code)


def uids(*studies: Study) -> list[str]:
    return sorted(study.uid for study in studies)


@pytest.fixture(params=["dcmqrscp", "orthanc"])
def archive_peer(request: pytest.FixtureRequest) -> DcmqrscpPeer | OrthancPeer:
    """Give each of the archives."""
    peer: DcmqrscpPeer | OrthancPeer = request.getfixturevalue(request.param)
    return peer


# Studies


def test_all_studies(archive_peer: DcmqrscpPeer | OrthancPeer) -> None:
    found = find(archive_peer)
    assert (found.code, found.said) == (0, "")
    assert found.column("StudyInstanceUID") == uids(*STUDIES)
    assert found.column("AccessionNumber") == [f"ACC-{n}" for n in range(1, 6)]


@pytest.mark.parametrize("options", [[], ["--charset", "latin1"], ["--charset", "utf8"]])
def test_an_umlaut_is_found_whatever_the_studies_are_in(
    archive_peer: DcmqrscpPeer | OrthancPeer, options: list[str]
) -> None:
    found = find(archive_peer, "--patient-name", "Müller*", *options)
    assert (found.code, found.said) == (0, "")
    assert found.column("StudyInstanceUID") == uids(LATIN, UTF8)
    assert found.column("PatientName") == ["Müller^Jörg"] * 2
    assert found.column("StudyDescription") == ["Schädel", "Übersicht"]


@pytest.mark.parametrize("shape", ["tsv", "json", "ndjson", "xml", "table"])
def test_an_umlaut_is_an_umlaut_in_every_format(
    archive_peer: DcmqrscpPeer | OrthancPeer, shape: str
) -> None:
    options = "--patient-name", "Müller*", "-f", shape
    ran = CliRunner().invoke(app, ["find", archive_peer.address, *options])
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.count("Müller") == 2
    assert ran.stdout.count(LATIN.uid) == 1


def test_an_ascii_query_is_answered_in_any_character_set(
    archive_peer: DcmqrscpPeer | OrthancPeer,
) -> None:
    found = find(archive_peer, "--patient-id", "?*")
    assert {row["PatientName"] for row in found.rows} == {
        "Müller^Jörg", YAMADA["PatientName"], "Doe^Jane",
    }  # fmt: skip
    assert found.said == ""


def test_kanji_in_utf_8(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    # dcmqrscp cannot convert what is in ISO 2022
    for peer, studies in ((dcmqrscp, [UNICODE]), (orthanc, [KANJI, UNICODE])):
        found = find(peer, "--patient-name", "*=山田*")
        assert (found.code, found.said) == (0, "")
        assert found.column("StudyInstanceUID") == uids(*studies)
        assert {row["PatientName"] for row in found.rows} == {YAMADA["PatientName"]}


def test_kanji_in_the_character_set_of_an_old_archive(
    dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer
) -> None:
    for peer, studies in ((dcmqrscp, [KANJI]), (orthanc, [KANJI, UNICODE])):
        found = find(peer, "--patient-name", "*=山田*", "--charset", ISO_2022)
        assert (found.code, found.said) == (0, "")
        assert found.column("StudyInstanceUID") == uids(*studies)
        assert {row["PatientName"] for row in found.rows} == {YAMADA["PatientName"]}


@pytest.mark.parametrize(
    ("options", "studies"),
    [
        (["--date", "20260105"], [LATIN]),
        (["--date", "2026-01-05"], [LATIN]),
        (["--date", "2026-01-01..2026-03-12"], [LATIN, UTF8]),
        (["--date", "2026-03-12.."], [UTF8, ASCII]),
        (["--date", "..2025-12-31"], [KANJI, UNICODE]),
        (["--date", "20251224-20251224"], [KANJI]),
        (["-k", "StudyDate=20260101-20260131"], [LATIN]),
        (["--accession", "ACC-4"], [ASCII]),
        (["--accession", "ACC-?"], STUDIES),
        (["--patient-id", "MUE-1"], [LATIN, UTF8]),
        (["--patient-id", "MUE-1", "--date", "20260312"], [UTF8]),
        (["--study", LATIN.uid, "--study", ASCII.uid], [LATIN, ASCII]),
        (["--study", f"{LATIN.uid},{ASCII.uid}"], [LATIN, ASCII]),
        (["-k", f"0020,000D={LATIN.uid}"], [LATIN]),
        (["--patient-id", "nobody"], []),
        (["--date", "today"], []),
    ],
    ids=lambda value: " ".join(map(str, value)) if value and isinstance(value[0], str) else "",
)
def test_keys(
    archive_peer: DcmqrscpPeer | OrthancPeer, options: list[str], studies: list[Study]
) -> None:
    found = find(archive_peer, *options)
    assert found.code == 0
    assert found.said == ("" if studies else "dcmtools find: no matches\n")
    assert found.column("StudyInstanceUID") == uids(*studies)


def test_modalities_and_counts(orthanc: OrthancPeer) -> None:
    found = find(orthanc, "--modality", "SR")
    assert found.column("StudyInstanceUID") == [LATIN.uid]
    (row,) = found.rows
    assert sorted(row["ModalitiesInStudy"].split("\\")) == ["CT", "SR"]
    assert row["NumberOfStudyRelatedSeries"] == "2"
    assert row["NumberOfStudyRelatedInstances"] == "4"


# Other levels and models


def test_the_series_of_a_study(archive_peer: DcmqrscpPeer | OrthancPeer) -> None:
    found = find(archive_peer, "--study", LATIN.uid, "-L", "series")
    assert (found.code, found.said) == (0, "")
    assert found.column("SeriesInstanceUID") == [f"{LATIN.uid}.1", f"{LATIN.uid}.2"]
    assert found.column("Modality") == ["CT", "SR"]
    found = find(archive_peer, "--study", LATIN.uid, "-L", "series", "--modality", "CT")
    assert found.column("SeriesInstanceUID") == [f"{LATIN.uid}.1"]


def test_the_instances_of_a_series(archive_peer: DcmqrscpPeer | OrthancPeer) -> None:
    series = f"{LATIN.uid}.1"
    found = find(archive_peer, "--study", LATIN.uid, "--series", series, "-L", "image")
    assert (found.code, found.said) == (0, "")
    assert found.column("SOPInstanceUID") == [f"{series}.{n}" for n in (1, 2, 3)]
    assert found.column("InstanceNumber") == ["1", "2", "3"]


def test_patients(archive_peer: DcmqrscpPeer | OrthancPeer) -> None:
    found = find(archive_peer, "-P")
    assert (found.code, found.said) == (0, "")
    assert found.column("PatientID") == ["DOE-1", "MUE-1", "YAM-1"]
    found = find(archive_peer, "-P", "--patient-id", "MUE-1", "-L", "study")
    assert found.column("StudyInstanceUID") == uids(LATIN, UTF8)


def test_patients_and_studies_only(dcmqrscp: DcmqrscpPeer) -> None:
    found = find(dcmqrscp, "-O", "--patient-name", "Doe*")
    assert (found.code, found.column("PatientID")) == (0, ["DOE-1"])


def test_a_key_that_is_ignored_is_told(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    options = "--patient-id", "MUE-1", "-L", "series", "-k", "Modality=CT"
    found = find(dcmqrscp, *options)
    assert found.column("PatientID") == ["DOE-1", "MUE-1"]
    assert "the peer ignores PatientID" in found.said
    found = find(orthanc, *options)
    assert (found.column("PatientID"), found.said) == (["MUE-1"], "")


def test_a_key_that_is_not_known_is_told(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    found = find(dcmqrscp, "--modality", "SR")
    assert len(found.rows) == 5
    assert "the peer ignores ModalitiesInStudy" in found.said
    found = find(orthanc, "--modality", "SR")
    assert (len(found.rows), found.said) == (1, "")


def test_what_is_found_for_an_ignored_key_is_not_retrieved(
    dcmqrscp: DcmqrscpPeer, tmp_path: Path
) -> None:
    options = "--patient-id", "MUE-1", "-L", "series", "-od", str(tmp_path)
    ran = CliRunner().invoke(app, ["get", dcmqrscp.address, *options])
    assert ran.exit_code == 0, ran.stderr
    files = [dcmread(path, stop_before_pixels=True) for path in tmp_path.glob("*.dcm")]
    assert files
    assert {str(data.PatientID) for data in files} == {"MUE-1"}


def test_a_query_that_lacks_the_keys_of_the_levels_above_is_explained(
    dcmqrscp: DcmqrscpPeer,
) -> None:
    found = find(dcmqrscp, "--only", "-k", "SeriesInstanceUID", "-k", "Modality=CT")
    assert found.code == 8
    assert "C000H" in found.said
    assert "hint: " in found.said
    assert "StudyInstanceUID, unless it agrees to --relational" in found.said


def test_a_service_that_is_not_offered(archive_peer: DcmqrscpPeer | OrthancPeer) -> None:
    for options in (["-W"], ["--ups"], ["--model", "1.2.3.4"]):
        found = find(archive_peer, *options)
        assert found.code == 7
        assert "accepted no presentation context" in found.said


def test_negotiation_that_is_not_answered(archive_peer: DcmqrscpPeer | OrthancPeer) -> None:
    found = find(archive_peer, "--relational", "--datetime", "--fuzzy")
    assert (found.code, len(found.rows)) == (0, 5)
    assert re.findall("not offer (.*)", found.said) == [
        "relational queries", "combined date-time matching", "fuzzy matching of names",
    ]  # fmt: skip


# The worklist


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["-W"], [1, 2, 3]),
        (["-W", "--modality", "CT"], [1, 3]),
        (["-W", "--modality", "CT", "--sps-date", "2026-04-02"], [3]),
        (["--sps-date", "2026-04-01..2026-04-02"], [1, 2, 3]),
        (["--sps-date", "2026-04-02.."], [2, 3]),
        (["-W", "--date", "20260401"], [1]),
        (["--station-aet", "MR1"], [2]),
        (["-W", "--patient-id", "DOE-1"], [3]),
        (["-W", "--accession", "WL-2"], [2]),
        (["-W", "-k", "(0040,0100)[0].(0040,0001)=CT1", "--sps-date", "20260401"], [1]),
        (["-W", "--sps-date", "today"], []),
    ],
    ids=lambda value: " ".join(map(str, value)) if value and isinstance(value[0], str) else "",
)
def test_a_worklist(worklist: WorklistPeer, options: list[str], numbers: list[int]) -> None:
    found = find(worklist, *options)
    assert found.code == 0
    assert found.column("AccessionNumber") == [f"WL-{n}" for n in numbers]


def test_the_scheduled_step_is_a_group_of_columns(worklist: WorklistPeer) -> None:
    (row,) = find(worklist, "-W", "--patient-id", "YAM-1").rows
    assert row["StudyInstanceUID"] == f"{ROOT}.9.2"
    assert {name.split(".")[1]: value for name, value in row.items() if name.startswith(STEP)} == {
        "ScheduledStationAETitle": "MR1",
        "ScheduledProcedureStepStartDate": "20260402",
        "ScheduledProcedureStepStartTime": "103000",
        "Modality": "MR",
        "ScheduledPerformingPhysicianName": "Who^Doctor",
        "ScheduledProcedureStepDescription": "Scan",
        "ScheduledProcedureStepID": "SPS-2",
        "ScheduledStationName": "",
    }


def test_a_worklist_in_several_character_sets(worklist: WorklistPeer) -> None:
    found = find(worklist, "-W")
    names = {row["PatientID"]: row["PatientName"] for row in found.rows}
    assert names == {
        "MUE-1": "Müller^Jörg", "YAM-1": YAMADA["PatientName"], "DOE-1": "Doe^Jane",
    }  # fmt: skip


def test_a_worklist_that_compares_bytes_needs_its_own_character_set(
    worklist: WorklistPeer,
) -> None:
    found = find(worklist, "-W", "--patient-name", "Müller*", "--charset", "latin1")
    assert found.column("PatientID") == ["MUE-1"]
    assert find(worklist, "-W", "--patient-name", "Müller*").column("PatientID") == []
    assert find(worklist, "-W", "--patient-name", "*=山田*").column("PatientID") == ["YAM-1"]


def test_a_worklist_that_names_no_character_set(tmp_path: Path) -> None:
    from tests.interop.peers import WorklistPeer  # noqa: PLC0415 - beside its fixture

    with WorklistPeer(tmp_path / "peer", options=()) as peer:
        found = find(peer, "-W", "--patient-id", "MUE-1")
        assert "no Specific Character Set is named" in found.said
        assert found.column("PatientName") == [r"M\xfcller^J\xf6rg"]
        found = find(peer, "-W", "--patient-id", "MUE-1", "--assume-charset", "latin1")
        assert (found.said, found.column("PatientName")) == ("", ["Müller^Jörg"])


# Many


def test_a_table_of_keys(archive_peer: DcmqrscpPeer | OrthancPeer, tmp_path: Path) -> None:
    table = tmp_path / "keys.csv"
    table.write_text("PatientID,StudyDate\nMUE-1,\nYAM-1,2025-12-01..2025-12-30\nnobody,\nDOE-1,\n")
    found = find(archive_peer, "--each", str(table))
    assert found.code == 0
    assert found.column("StudyInstanceUID") == uids(LATIN, UTF8, KANJI, ASCII)
    assert "4 queries, 4 matches in" in found.said


def test_a_table_of_names(archive_peer: DcmqrscpPeer | OrthancPeer, tmp_path: Path) -> None:
    table = tmp_path / "keys.csv"
    table.write_text("PatientName\nMüller*\nDoe*\n", encoding="utf-8")
    found = find(archive_peer, "--each", str(table))
    assert found.column("StudyInstanceUID") == uids(LATIN, UTF8, ASCII)


def test_a_limit(archive_peer: DcmqrscpPeer | OrthancPeer) -> None:
    for limit in (1, 2, 4):
        found = find(archive_peer, "--limit", str(limit))
        assert (found.code, found.said, len(found.rows)) == (0, "", limit)
    assert len(find(archive_peer, "--limit", "9").rows) == 5


def test_answers_are_files_that_dcmtk_reads(
    archive_peer: DcmqrscpPeer | OrthancPeer, tmp_path: Path
) -> None:
    find(archive_peer, "--patient-name", "Müller*", "-X", str(tmp_path / "out"))
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == ["rsp0001.dcm", "rsp0002.dcm"]
    assert {str(dcmread(file).PatientName) for file in files} == {"Müller^Jörg"}
    dumped = subprocess.run([need("dcmdump"), *files], capture_output=True, check=True, text=True,
                            errors="replace")  # fmt: skip
    assert dumped.stderr == ""
    assert dumped.stdout.count("QueryRetrieveLevel") == 2


def test_a_file_of_dump2dcm_is_a_query(
    archive_peer: DcmqrscpPeer | OrthancPeer, tmp_path: Path
) -> None:
    text, path = tmp_path / "query.txt", tmp_path / "query.dcm"
    text.write_text("(0008,0052) CS [STUDY]\n(0010,0020) LO [MUE-1]\n(0020,000d) UI\n")
    subprocess.run([need("dump2dcm"), text, path], check=True, capture_output=True)
    found = find(archive_peer, str(path), "--only")
    assert (found.code, found.said) == (0, "")
    assert found.column("StudyInstanceUID") == uids(LATIN, UTF8)
    found = find(archive_peer, str(path), "--only", "--patient-id", "DOE-1")
    assert found.column("StudyInstanceUID") == uids(ASCII)


# Beside others


@pytest.mark.parametrize(
    "keys",
    [
        ["-k", "0008,0052=STUDY", "-k", "0010,0010=D*", "-k", "0020,000d"],
        ["-k", "QueryRetrieveLevel=SERIES", "-k", f"StudyInstanceUID={ASCII.uid}", "-k",
         "SeriesInstanceUID"],
        ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyDate=20260101-20260331", "-k",
         "StudyInstanceUID", "-k", "PatientName"],
    ],
)  # fmt: skip
def test_the_keys_of_findscu_find_the_same(dcmqrscp: DcmqrscpPeer, keys: list[str]) -> None:
    theirs = subprocess.run(
        [need("findscu"), "-S", "-aec", dcmqrscp.aet, *keys, "127.0.0.1", str(dcmqrscp.port)],
        capture_output=True, check=True, text=True, errors="replace",
    )  # fmt: skip
    ran = CliRunner().invoke(app, ["find", dcmqrscp.address, "-S", "--only", *keys, "-f", "json"])
    tag = "0020,000e" if "SERIES" in keys[1] else "0020,000d"
    uid = re.compile(rf"\({tag}\) UI \[([0-9.]+)")
    ours = [match[tag.upper().replace(",", "")]["Value"][0] for match in json.loads(ran.stdout)]
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ours
    assert sorted(ours) == sorted(uid.findall(theirs.stdout + theirs.stderr))


def test_the_whole_document_of_a_study(
    dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer, archive: Archive
) -> None:
    keys = [f"--study={LATIN.uid}", "--only", "-k", "PatientName", "-k", "StudyDate"]
    for peer in (dcmqrscp, orthanc):
        ran = CliRunner().invoke(app, ["find", peer.address, *keys, "-f", "json"])
        assert json.loads(ran.stdout) == [
            {
                "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
                "00080020": {"vr": "DA", "Value": ["20260105"]},
                "00080052": {"vr": "CS", "Value": ["STUDY"]},
                "00080054": {"vr": "AE", "Value": [peer.aet]},
                "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jörg"}]},
                "0020000D": {"vr": "UI", "Value": [LATIN.uid]},
            }
        ]
    assert archive.of(LATIN)


def test_over_tls(dcmqrscp_tls: TlsFront, authority: Authority) -> None:
    found = find(dcmqrscp_tls, "--tls-ca", str(authority.ca), "--patient-name", "Müller*")
    assert (found.code, found.said) == (0, "")
    assert found.column("StudyInstanceUID") == uids(LATIN, UTF8)
    found = find(dcmqrscp_tls, "--timeout", "2")
    assert found.code in (6, 7)
    assert "--tls" in found.said


def test_what_an_archive_finds_because_it_knows_no_key_is_not_retrieved(
    dcmqrscp: DcmqrscpPeer, tmp_path: Path
) -> None:
    options = ["--modality", "CT", "-od", str(tmp_path)]
    ran = CliRunner().invoke(app, ["get", dcmqrscp.address, *options])
    assert ran.exit_code == 8
    assert "does not support ModalitiesInStudy" in ran.stderr
    assert list(tmp_path.iterdir()) == []

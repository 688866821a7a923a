"""`store` to DCMTK's receivers, Orthanc and our own: what they get is what the files hold."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from pydicom import Dataset, dcmread, uid

from tests.cli.receiving import receiving
from tests.cli.retrieving import lines, run, summary
from tests.factories import BIG, DEFLATED, EXPLICIT, IMPLICIT
from tests.interop import peers
from tests.interop.objects import ASCII, BUNDLED, KANJI, LATIN, Archive, Stored, make_medium
from tests.interop.peers import DcmqrscpPeer, OrthancPeer, StorescpPeer, Tls, TlsFront
from tests.interop.rewritten import by_dcmtk
from tests.net.wire import Instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.certificates import Authority
    from tests.interop.peers import Destinations

pytestmark = pytest.mark.interop

UNCOMPRESSED = {EXPLICIT, IMPLICIT, BIG}
NEW = {
    "1.2.3.4.5.6",
    "1.2.840.113619.5.2",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.8.1",
}
"""The transfer syntaxes of the corpus that DCMTK 3.6.7 does not receive: private, or too new."""
RARE = {*NEW, "1.2.840.10008.1.2.4.57"}
"""Those that its storescp does not take with +xa: JPEG process 14 with any predictor as well."""
DROPPED = "PrivateTags.dcm", "Kakadu44_SOTmarkerincons.dcm"
COLOR_PALETTE = "1.2.840.10008.5.1.4.39.1"
"""A SOP class that neither DCMTK's storescp nor Orthanc takes: its objects are of no patient."""


class Fates(NamedTuple):
    """What has become of files, by the report: the reason of each that failed."""

    sent: list[Path]
    failed: dict[Path, str]


def fates(report: Path) -> Fates:
    found = Fates([], {})
    for line in report.read_text().splitlines():
        record = json.loads(line)
        if record["status"] == "sent":
            found.sent.append(Path(record["file"]))
        elif record["status"] == "failed":
            found.failed[Path(record["file"])] = " ".join(record["reasons"])
    return found


def holds(folder: Path) -> Counter[Instance]:
    """Read what a receiver has stored, under whatever names."""
    return Counter(Instance.read(path) for path in folder.iterdir())


def of(sent: Iterable[Path], corpus: Mapping[Path, Instance]) -> Counter[Instance]:
    return Counter(corpus[path] for path in sent)


def in_dcmqrscp(peer: DcmqrscpPeer) -> list[Path]:
    return [path for path in (peer.folder / "db").iterdir() if path.name != "index.dat"]


def in_orthanc(peer: OrthancPeer, folder: Path) -> dict[str, Path]:
    """Write what Orthanc holds, one file each, by SOP Instance UID."""
    found = {}
    for number in peer.ask("/instances"):
        path = folder / number
        path.write_bytes(peer.ask(f"/instances/{number}/file"))
        found[Instance.read(path).sop_instance_uid] = path
    return found


def kept(held: Mapping[str, Path], sent: Mapping[Path, Instance]) -> bool:
    """Tell whether Orthanc holds objects as they were sent, but for how DCMTK encodes them."""
    assert held.keys() == {each.sop_instance_uid for each in sent.values()}
    for path, each in sent.items():
        found = held[each.sop_instance_uid]
        holds = Instance.read(found)
        assert holds[:3] == each[:3]
        syntax = EXPLICIT if each.transfer_syntax == DEFLATED else each.transfer_syntax
        assert holds == each or by_dcmtk(found, syntax) == by_dcmtk(path, syntax), path
    return True


def paths(instances: Mapping[str, Stored]) -> list[Path]:
    return [each.path for each in instances.values()]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report"


@pytest.fixture(scope="module")
def pacs(
    tmp_path_factory: pytest.TempPathFactory, destinations: Destinations
) -> Iterator[OrthancPeer]:
    """Give an Orthanc of our own to store in."""
    with OrthancPeer(tmp_path_factory.mktemp("peers") / "pacs", destinations) as peer:
        yield peer


@pytest.fixture(scope="module")
def readable(corpus: dict[Path, Instance]) -> dict[Path, Instance]:
    """Give an object of the corpus for each SOP Instance UID, the rarest syntax, that DCMTK reads.

    Where it cannot, Orthanc says nothing, and aborts the association after 30 seconds. It drops
    elements of the groups 0000 and 0002 from data sets: those that have any are left out.
    """
    frequency = Counter(each.transfer_syntax for each in corpus.values())
    found: dict[str, Path] = {}
    for path in sorted(corpus, key=lambda path: -frequency[corpus[path].transfer_syntax]):
        each = corpus[path]
        if path.name.endswith(DROPPED):
            continue
        if by_dcmtk(path, each.transfer_syntax) is not None:
            found[each.sop_instance_uid] = path
    return {path: corpus[path] for path in found.values()}


# Every transfer syntax, bit for bit


@pytest.mark.parametrize("jobs", [1, 4])
def test_the_corpus_to_our_own(
    corpus_files: list[Path], corpus: dict[Path, Instance], tmp_path: Path, jobs: int
) -> None:
    """Whatever is not refused arrives, in every transfer syntax; of the rest we say why not."""
    report = tmp_path / "report"
    with receiving(tmp_path / "in", "--no-fsync", "--on-duplicate", "keep-both") as server:
        options = "--transcode", "never", "--report", report, "-j", jobs
        ran = run("store", f"127.0.0.1:{server.port}", corpus_files[0].parent, *options)
        assert server.stop() == 0
    told = fates(report)
    assert sorted(told.sent) == sorted(corpus)
    assert holds(tmp_path / "in") == of(told.sent, corpus)
    assert ran.exit_code == 9
    assert told.failed.keys() <= {*corpus_files} - corpus.keys()
    for path, why in told.failed.items():
        assert f"{path}: {why}" in lines(ran), path


def test_what_the_corpus_is_sent_as(corpus: dict[Path, Instance]) -> None:
    """All that follows the file meta group, where this has the length that it says."""
    others = []
    for path, each in corpus.items():
        content = path.read_bytes()
        if content[128:140] == b"DICM" + bytes.fromhex("02000000") + b"UL\x04\0":
            data = content[144 + int.from_bytes(content[140:144], "little") :]
            if each.data not in (data, data + b"\0"):
                others.append(path.name.split("__")[-1])
    assert others == ["meta_grouplen_long.dcm", "meta_grouplen_short.dcm"]


@pytest.mark.parametrize("over_tls", [False, True])
def test_the_corpus_to_storescp(
    corpus: dict[Path, Instance], tmp_path: Path, authority: Authority, *, over_tls: bool
) -> None:
    """DCMTK's receiver writes what it gets as it comes, under a name for each."""
    report = tmp_path / "report"
    tls = ("--tls-ca", authority.ca) if over_tls else ()
    peer = StorescpPeer(
        tmp_path / "peer",
        options=("+xa", "-pm", "+uf"),
        tls=Tls.of(authority) if over_tls else None,
    )
    with peer:
        options = "--transcode", "never", "--report", report, *tls
        ran = run("store", peer.address, *corpus, *options)
    told = fates(report)
    assert ran.exit_code == 9
    assert holds(peer.received) == of(told.sent, corpus)
    for path, why in told.failed.items():
        assert "does not accept it in" in why
        assert corpus[path].transfer_syntax in RARE or corpus[path].sop_class_uid == COLOR_PALETTE
    arrived = {corpus[path].transfer_syntax for path in told.sent}
    assert arrived == {each.transfer_syntax for each in corpus.values()} - RARE


@pytest.mark.parametrize("over_tls", [False, True])
def test_the_corpus_to_orthanc(
    readable: dict[Path, Instance],
    tmp_path: Path,
    destinations: Destinations,
    authority: Authority,
    *,
    over_tls: bool,
) -> None:
    report = tmp_path / "report"
    tls = Tls.of(authority) if over_tls else None
    trust = ("--tls-ca", authority.ca) if over_tls else ()
    with OrthancPeer(tmp_path / "peer", destinations, tls=tls) as peer:
        options = "--transcode", "never", "--report", report, *trust
        ran = run("store", peer.address, *readable, *options)
        held = in_orthanc(peer, tmp_path)
    told = fates(report)
    assert ran.exit_code == 9
    assert kept(held, {path: readable[path] for path in told.sent})
    answers = "A700H", "C000H", "does not accept it in"
    assert all(any(each in why for each in answers) for why in told.failed.values())
    assert len(told.failed) < 0.15 * len(readable)
    arrived = {readable[path].transfer_syntax for path in told.sent}
    assert arrived == {each.transfer_syntax for each in readable.values()} - NEW


@pytest.fixture
def few(readable: dict[Path, Instance], monkeypatch: pytest.MonkeyPatch) -> dict[Path, Instance]:
    """Give objects of the SOP classes that dcmqrscp takes; have it take their syntaxes."""
    classes = {getattr(uid, name) for name in peers.STORAGE}
    found = {
        path: each
        for path, each in readable.items()
        if each.sop_class_uid in classes and each.transfer_syntax not in NEW
    }
    syntaxes = {each.transfer_syntax for each in found.values()}
    monkeypatch.setattr(peers, "SYNTAXES", tuple(sorted({*syntaxes, IMPLICIT})))
    return found


@pytest.mark.parametrize("over_tls", [False, True])
def test_the_corpus_to_dcmqrscp(
    few: dict[Path, Instance],
    tmp_path: Path,
    destinations: Destinations,
    authority: Authority,
    *,
    over_tls: bool,
) -> None:
    report = tmp_path / "report"
    trust = ("--tls-ca", authority.ca) if over_tls else ()
    with DcmqrscpPeer(tmp_path / "peer", destinations) as peer:
        with TlsFront(peer, Tls.of(authority)) as front:
            options = "--transcode", "never", "--report", report, *trust
            ran = run("store", (front if over_tls else peer).address, *few, *options)
        held = in_dcmqrscp(peer)
    told = fates(report)
    assert Counter(map(Instance.read, held)) == of(told.sent, few)
    arrived = {few[path].transfer_syntax for path in told.sent}
    assert arrived == {each.transfer_syntax for each in few.values()}
    assert len(arrived) >= 12
    [why] = told.failed.values()  # its SOP Class UID has the VR UN, of which DCMTK makes nothing
    assert (ran.exit_code, why) == (9, "the peer answered C000H, cannot understand")


# What the peer does not take is sent uncompressed


def same_pixels(one: Path, other: Path) -> bool:
    """Hold the pixels of two files against each other, as pydicom reads them."""
    return bool((dcmread(one).pixel_array == dcmread(other).pixel_array).all())


PICTURES = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_rle_2frame.dcm",
    "image_dfl.dcm",
)
"""Files that come with pydicom, with pixels that it can decode by itself or with Pillow."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give objects in several transfer syntaxes, each with a SOP Instance UID of its own."""
    folder, found = tmp_path_factory.mktemp("pictures"), {}
    for number, name in enumerate(PICTURES, 1):
        data = dcmread(BUNDLED / name)
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", "1.2.3.0"
        data.PatientID = "P1"
        path = folder / name
        data.save_as(path)
        found[f"1.2.3.{number}"] = path
    return found


def stored_pictures(peer: StorescpPeer) -> dict[str, Path]:
    return {Instance.read(path).sop_instance_uid: path for path in peer.received.iterdir()}


@pytest.mark.parametrize(
    ("takes", "arrives"),
    [((), {EXPLICIT, IMPLICIT, BIG}), (("+xi",), {IMPLICIT})],
    ids=["uncompressed", "implicit"],
)
def test_what_the_peer_does_not_take_is_sent_uncompressed(
    pictures: dict[str, Path], tmp_path: Path, takes: tuple[str, ...], arrives: set[str]
) -> None:
    with StorescpPeer(tmp_path / "peer", options=takes) as peer:
        ran = run("store", peer.address, *pictures.values())
    assert ran.exit_code == 0, ran.stderr
    came = stored_pictures(peer)
    assert came.keys() == pictures.keys()
    for number, path in came.items():
        assert same_pixels(path, pictures[number])
        before, after = Instance.read(pictures[number]), Instance.read(path)
        assert after.transfer_syntax in arrives
        if before.transfer_syntax in arrives:
            assert after == before
    anew = sum(one.transfer_syntax not in arrives for one in map(Instance.read, pictures.values()))
    assert summary(ran).startswith(f"{len(pictures)} sent ({anew} of them encoded anew), ")


def test_what_the_peer_does_not_take_is_not_sent_where_that_is_asked_for(
    pictures: dict[str, Path], tmp_path: Path
) -> None:
    with StorescpPeer(tmp_path / "peer", options=()) as peer:
        ran = run("store", peer.address, *pictures.values(), "--transcode", "never")
    assert ran.exit_code == 9
    came = stored_pictures(peer)
    sent = {number: Instance.read(path) for number, path in pictures.items()}
    plain = {number: one for number, one in sent.items() if one.transfer_syntax in UNCOMPRESSED}
    assert {number: Instance.read(path) for number, path in came.items()} == plain
    for number in sent.keys() - plain.keys():
        told = f"{pictures[number]}: the peer does not accept it in "
        assert any(line.startswith(told) for line in lines(ran))


def test_all_is_sent_uncompressed_where_that_is_asked_for(
    pictures: dict[str, Path], tmp_path: Path
) -> None:
    with StorescpPeer(tmp_path / "peer") as peer:
        ran = run("store", peer.address, *pictures.values(), "--transcode", "always")
    assert ran.exit_code == 0, ran.stderr
    came = stored_pictures(peer)
    assert came.keys() == pictures.keys()
    for number, path in came.items():
        assert same_pixels(path, pictures[number])
        assert Instance.read(path).transfer_syntax in UNCOMPRESSED


def test_dcmqrscp_as_it_comes(
    pictures: dict[str, Path], tmp_path: Path, destinations: Destinations
) -> None:
    """It takes no compressed syntax, and writes what it takes anew."""
    with DcmqrscpPeer(tmp_path / "peer", destinations, compressed=False) as peer:
        ran = run("store", peer.address, *pictures.values())
        came = {str(dcmread(path).SOPInstanceUID): path for path in in_dcmqrscp(peer)}
    assert ran.exit_code == 0, ran.stderr
    assert came.keys() == pictures.keys()
    assert all(same_pixels(path, pictures[number]) for number, path in came.items())


def test_more_is_proposed(pictures: dict[str, Path], tmp_path: Path) -> None:
    with StorescpPeer(tmp_path / "peer", options=("-d", "+xa")) as peer:
        plain = run("store", peer.address, *pictures.values())
        before = peer.log.count("=JPEGLSLossless")
        more = run("store", peer.address, *pictures.values(), "--propose", "JPEGLSLossless")
        after = peer.log.count("=JPEGLSLossless")
    assert (plain.exit_code, more.exit_code) == (0, 0)
    assert before == 0
    assert after > 0


# Changes on the way


def test_values_and_uids_are_changed_on_the_way(
    pacs: OrthancPeer, archive: Archive, tmp_path: Path
) -> None:
    """A report refers to the images of its study: it refers to their new UIDs."""
    folder, images = tmp_path / "study", paths(archive.of(LATIN))
    folder.mkdir()
    report = next(path for path in images if "-2-" in path.name)
    images.remove(report)
    data = dcmread(report)
    data.CurrentRequestedProcedureEvidenceSequence = [evidence([*map(dcmread, images)])]
    data.save_as(folder / report.name)
    for path in images:
        shutil.copy(path, folder)
    before = set(pacs.ask("/instances"))
    values = "--set", "PatientID=TEST1", "--set", "PatientName=Test^Österreich"
    ran = run("store", pacs.address, folder, *values, "--new-uids")
    assert ran.exit_code == 0, ran.stderr
    came = []
    for number in set(pacs.ask("/instances")) - before:
        found = tmp_path / number
        found.write_bytes(pacs.ask(f"/instances/{number}/file"))
        came.append(dcmread(found))
    assert {(str(each.PatientName), each.PatientID) for each in came} == {
        ("Test^Österreich", "TEST1")
    }
    assert not {each.SOPInstanceUID for each in came} & archive.files.keys()
    [study] = {each.StudyInstanceUID for each in came}
    assert study != LATIN.uid
    [new] = [each for each in came if each.Modality == "SR"]
    others = sorted((each for each in came if each != new), key=lambda each: each.InstanceNumber)
    assert len(others) == len(images)
    assert new.CurrentRequestedProcedureEvidenceSequence[0] == evidence(others)
    for path, each in zip(images, others, strict=True):
        assert each.PixelData == dcmread(path).PixelData


def evidence(images: list[Dataset]) -> Dataset:
    """Refer to images of a series, as a report does (PS3.3 C.17.2.1)."""
    study, series = Dataset(), Dataset()
    study.StudyInstanceUID = images[0].StudyInstanceUID
    series.SeriesInstanceUID = images[0].SeriesInstanceUID
    series.ReferencedSOPSequence = []
    for each in images:
        image = Dataset()
        image.ReferencedSOPClassUID = each.SOPClassUID
        image.ReferencedSOPInstanceUID = each.SOPInstanceUID
        series.ReferencedSOPSequence.append(image)
    study.ReferencedSeriesSequence = [series]
    return study


# Media, journals, storage commitment, many associations


def test_a_medium(archive: Archive, tmp_path: Path) -> None:
    """What a DICOMDIR lists is sent, and nothing else; what is gone from the medium is told."""
    medium = make_medium(tmp_path / "medium", paths(archive.of(ASCII)))
    shutil.copy(next(iter(archive.of(LATIN).values())).path, medium / "OTHER")
    with StorescpPeer(tmp_path / "all") as peer:
        whole = run("store", peer.address, medium / "DICOMDIR", "--dicomdir")
    assert whole.exit_code == 0, whole.stderr
    assert holds(peer.received) == Counter(map(Instance.read, paths(archive.of(ASCII))))
    (medium / "IM2").unlink()
    with StorescpPeer(tmp_path / "rest") as peer:
        ran = run("store", peer.address, medium / "DICOMDIR", "--dicomdir")
    assert ran.exit_code == 9
    assert "IM2" in lines(ran)[0]
    assert summary(ran).startswith("3 sent, 1 failed")
    assert len(holds(peer.received)) == 3


def test_what_has_arrived_is_committed(
    pacs: OrthancPeer, archive: Archive, destinations: Destinations
) -> None:
    aet, port = destinations["MOVE2"]
    listens = "--aet", aet, "--commit", "--commit-listen", port
    ran = run("store", pacs.address, *paths(archive.of(KANJI)), *listens)
    assert ran.exit_code == 0, ran.stderr
    assert summary(ran).startswith("4 sent, 4 committed")


def test_where_nobody_listens_nothing_is_committed(pacs: OrthancPeer, archive: Archive) -> None:
    asks = "--aet", "MOVE1", "--commit", "--commit-wait", "1"
    ran = run("store", pacs.address, *paths(archive.of(ASCII)), *asks)
    assert ran.exit_code == 9
    assert "has not reported on 4 instances" in ran.stderr
    assert "--commit-listen" in ran.stderr


def test_a_second_run_sends_nothing(pacs: OrthancPeer, archive: Archive, tmp_path: Path) -> None:
    command = "store", pacs.address, *archive.files.values(), "--resume", tmp_path / "journal"
    first = run(*command)
    changes = pacs.ask("/changes?last")["Last"]
    log = pacs.log
    second = run(*command)
    count = len(archive.files)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert summary(first).startswith(f"{count} sent")
    assert summary(second) == f"0 sent, {count} done before"
    assert pacs.ask("/changes?last")["Last"] == changes
    assert pacs.log == log


def test_four_associations_to_orthanc(pacs: OrthancPeer, archive: Archive, tmp_path: Path) -> None:
    ran = run("store", pacs.address, *archive.files.values(), "-j", 4)
    assert ran.exit_code == 0, ran.stderr
    held = in_orthanc(pacs, tmp_path)
    sent = {path: Instance.read(path) for path in archive.files.values()}
    assert kept({number: held[number] for number in archive.files}, sent)


def test_four_associations_to_a_receiver_that_forks(archive: Archive, tmp_path: Path) -> None:
    with StorescpPeer(tmp_path / "peer", options=("+xa", "--fork")) as peer:
        ran = run("store", peer.address, *archive.files.values(), "-j", 4)
        assert ran.exit_code == 0, ran.stderr
        assert peer.log.count("Association Release") == 4
    assert holds(peer.received) == Counter(map(Instance.read, archive.files.values()))

"""Hold the real peers to what `tests.interop.peers` says of them, by an SCU that is not ours."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import urlopen

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode

from tests.conftest import need
from tests.factories import DEFLATED, EXPLICIT, IMPLICIT, JPEG
from tests.interop.objects import ASCII, KANJI, LATIN, ROOT, UNICODE, UTF8, Archive, Study
from tests.interop.peers import (
    DcmqrscpPeer,
    Destinations,
    OrthancPeer,
    Peer,
    StorescpPeer,
    Tls,
    TlsFront,
    WorklistPeer,
)
from tests.net.scripted import Connection, Over
from tests.net.steps import associate
from tests.net.wire import (
    C_ECHO,
    C_FIND,
    C_GET,
    C_MOVE,
    C_STORE,
    CT,
    STUDY_FIND,
    STUDY_GET,
    STUDY_MOVE,
    VERIFICATION,
    Instance,
    Message,
    Proposed,
    role,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.certificates import Authority

pytestmark = pytest.mark.interop

PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
MR, SC, SR = (f"1.2.840.10008.5.1.4.1.1.{n}" for n in ("4", "7", "88.11"))
RLE = "1.2.840.10008.1.2.5"
COUNTS = tuple(f"NumberOf{n}Suboperations" for n in ("Completed", "Failed", "Warning"))


@contextmanager
def association(
    peer: Peer, *contexts: tuple[str, tuple[str, ...]], items: bytes = b""
) -> Iterator[Connection]:
    proposed = [Proposed(2 * n + 1, *context) for n, context in enumerate(contexts)]
    with peer.connected() as sock:
        c = associate(sock, proposed, called=peer.aet, calling="SCU", items=items)
        yield c
        with suppress(Over):
            c.release()


def identifier(**keys: Any) -> Dataset:  # noqa: ANN401 - values of any VR
    data = Dataset()
    for keyword, value in keys.items():
        setattr(data, keyword, value)
    return data


def find(peer: Peer, model: str = STUDY_FIND, **keys: Any) -> tuple[int, list[Dataset]]:  # noqa: ANN401
    """Query; give the final status and the matches."""
    matches = []
    with association(peer, (model, (IMPLICIT,))) as c:
        command = {
            "AffectedSOPClassUID": model,
            "CommandField": C_FIND,
            "MessageID": 1,
            "Priority": 0,
        }
        c.send_message(1, command, c.encoded(1, identifier(**keys)))
        while (message := c.read_message()).command["Status"] in (0xFF00, 0xFF01):
            matches.append(dataset(message, implicit=True))
    return message.command["Status"], matches


def dataset(message: Message, *, implicit: bool) -> Dataset:
    return decode(BytesIO(message.data or b""), implicit, is_little_endian=True)


class Retrieved(NamedTuple):
    """What came of a retrieve: final status, counts, list of failed instances, what arrived."""

    status: int
    counts: tuple[int, ...]
    failed: list[str]
    instances: dict[str, Instance]


def get(
    peer: Peer,
    *storage: tuple[str, tuple[str, ...]],
    roles: bool = True,
    **keys: Any,  # noqa: ANN401
) -> Retrieved:
    """Retrieve on the same association, by contexts for storage in this order."""
    got: dict[str, Instance] = {}
    items = b"".join(role(uid, 0, 1) for uid in dict.fromkeys(s[0] for s in storage) if roles)
    with association(peer, (STUDY_GET, (IMPLICIT,)), *storage, items=items) as c:
        command = {
            "AffectedSOPClassUID": STUDY_GET,
            "CommandField": C_GET,
            "MessageID": 1,
            "Priority": 0,
        }
        c.send_message(1, command, c.encoded(1, identifier(**keys)))
        while True:
            message = c.read_message()
            if message.command_field == C_STORE:
                uid = message.command["AffectedSOPInstanceUID"]
                context = c.contexts[message.context_id]
                got[uid] = Instance(
                    context.abstract_syntax, uid, context.transfer_syntaxes[0], message.data or b""
                )
                c.message = message
                c.send_message(message.context_id, c.response(0))
            elif message.command["Status"] != 0xFF00:
                return retrieved(message, got)


def move(peer: Peer, destination: str, **keys: Any) -> Retrieved:  # noqa: ANN401
    """Have instances sent to a destination."""
    with association(peer, (STUDY_MOVE, (IMPLICIT,))) as c:
        command = {
            "AffectedSOPClassUID": STUDY_MOVE,
            "CommandField": C_MOVE,
            "MessageID": 1,
            "Priority": 0,
            "MoveDestination": destination,
        }
        c.send_message(1, command, c.encoded(1, identifier(**keys)))
        while (message := c.read_message()).command["Status"] == 0xFF00:
            pass
        return retrieved(message, {})


def retrieved(message: Message, got: dict[str, Instance]) -> Retrieved:
    failed: list[str] = []
    if message.data is not None:
        value = dataset(message, implicit=True).get("FailedSOPInstanceUIDList") or []
        failed = [value] if isinstance(value, str) else [*value]
    counts = tuple(message.command.get(keyword, -1) for keyword in COUNTS)
    return Retrieved(message.command["Status"], counts, failed, got)


def study(number: Study | int) -> dict[str, str]:
    uid = number.uid if isinstance(number, Study) else f"{ROOT}.{number}"
    return {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": uid}


def originals(archive: Archive, *studies: Study) -> dict[str, Instance]:
    return {uid: Instance.read(found.path) for uid, found in archive.of(*studies).items()}


def uids(matches: Sequence[Dataset]) -> list[str]:
    return sorted(match.StudyInstanceUID for match in matches)


# Starting and stopping


def test_a_peer_is_killed_with_its_children(tmp_path: Path, destinations: Destinations) -> None:
    with DcmqrscpPeer(tmp_path / "peer", destinations) as peer:
        with association(peer, (VERIFICATION, (IMPLICIT,))) as c:
            c.send_message(
                1, {"AffectedSOPClassUID": VERIFICATION, "CommandField": C_ECHO, "MessageID": 1}
            )
            assert c.read_message().command["Status"] == 0
            peer._stop()
            with pytest.raises(Over):
                c.read_message()
        assert "Association Received" in peer.log
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", peer.port), 5)


def test_a_peer_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    peer = StorescpPeer(tmp_path / "peer")
    peer.received.rmdir()
    with pytest.raises(AssertionError, match="output directory does not exist"), peer:
        pass


def test_destinations_are_held_for_the_tests(destinations: Destinations) -> None:
    for aet in ("MOVE1", "MOVE2", "DOWN"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", destinations[aet].port), 5)
    with socket.create_server(("127.0.0.1", destinations["MOVE2"].port)) as server:
        socket.create_connection(server.getsockname(), 5).close()


def test_the_archives_have_it_all(
    dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer, archive: Archive
) -> None:
    for peer in (dcmqrscp, orthanc):
        status, matches = find(peer, **{**study(LATIN), "StudyInstanceUID": ""})
        assert (status, len(matches)) == (0, 5)
        assert peer.files == archive.files
    with urlopen(f"http://127.0.0.1:{orthanc.http_port}/instances") as answer:
        assert answer.read().count(b'"') == 2 * len(archive.files)


# Queries


NAME = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "", "StudyDescription": ""}


@pytest.mark.parametrize("charset", ["ISO_IR 192", "ISO_IR 100"])
def test_both_match_across_character_sets(
    dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer, charset: str
) -> None:
    for peer, answered in ((dcmqrscp, charset), (orthanc, "ISO_IR 192")):
        status, matches = find(peer, **NAME, SpecificCharacterSet=charset, PatientName="Müller*")
        assert (status, uids(matches)) == (0, [LATIN.uid, UTF8.uid])
        assert {match.SpecificCharacterSet for match in matches} == {answered}
        assert {str(match.PatientName) for match in matches} == {"Müller^Jörg"}
        assert {match.StudyDescription for match in matches} == {"Schädel", "Übersicht"}


def test_answers_to_a_query_in_ascii(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    expected = {"ISO_IR 100", "ISO_IR 192"}
    for peer, charsets in ((dcmqrscp, expected), (orthanc, {"ISO_IR 192"})):
        _, matches = find(peer, **NAME, PatientName="M*")
        assert {match.SpecificCharacterSet for match in matches} == charsets
        assert {str(match.PatientName) for match in matches} == {"Müller^Jörg"}


def test_kanji(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    iso_2022 = ["", "ISO 2022 IR 87"]
    for peer, charset, found in (
        (dcmqrscp, "ISO_IR 192", [UNICODE.uid]),
        (dcmqrscp, iso_2022, [KANJI.uid]),
        (orthanc, "ISO_IR 192", [KANJI.uid, UNICODE.uid]),
        (orthanc, iso_2022, [KANJI.uid, UNICODE.uid]),
    ):
        _, matches = find(peer, **NAME, SpecificCharacterSet=charset, PatientName="*=山田*")
        assert uids(matches) == sorted(found)
        assert {str(m.PatientName) for m in matches} == {UNICODE.attributes["PatientName"]}


LATIN_1 = {"DefaultEncoding": "Latin1"}


def test_orthanc_loses_kanji_as_it_is_by_default(
    tmp_path: Path, destinations: Destinations, archive: Archive
) -> None:
    with OrthancPeer(tmp_path / "peer", destinations, settings=LATIN_1) as peer:
        peer.load(archive)
        _, matches = find(peer, **NAME, PatientName="Yamada*")
    assert {str(match.PatientName) for match in matches} == {"Yamada^Tarou=^=^"}


def test_case_and_accents(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    for name, in_orthanc in (("müller*", 2), ("MÜLLER*", 2), ("Muller*", 0)):
        keys = {**NAME, "SpecificCharacterSet": "ISO_IR 192", "PatientName": name}
        assert len(find(dcmqrscp, **keys)[1]) == 0
        assert len(find(orthanc, **keys)[1]) == in_orthanc


def test_relational_queries(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    level = {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": "", "Modality": "CT"}
    assert find(dcmqrscp, **level)[0] == 0xC000
    assert [len(answer) for answer in (find(orthanc, **level)[1],)] == [2]
    for peer, expected in ((dcmqrscp, 2), (orthanc, 1)):
        keys = {**level, "StudyInstanceUID": "", "PatientID": "MUE-1"}
        status, matches = find(peer, **keys)
        assert (status, len(matches)) == (0, expected)
    image = {"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": f"{LATIN.uid}.1.2"}
    assert find(dcmqrscp, **image)[0] == 0xC000
    assert len(find(orthanc, **image)[1]) == 1
    assert find(dcmqrscp, PATIENT_FIND, **NAME)[0] == 0xC000
    assert len(find(orthanc, PATIENT_FIND, **NAME)[1]) == 5
    for model_level in ({"StudyInstanceUID": ""}, {**level, "QueryRetrieveLevel": "NONSENSE"}):
        assert find(dcmqrscp, **model_level)[0] in (0xA900, 0xC000)
        assert find(orthanc, **model_level)[0] == 0xC000


def test_keys_of_other_levels(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    keys = {
        "QueryRetrieveLevel": "STUDY",
        "StudyInstanceUID": "",
        "ModalitiesInStudy": "SR",
        "NumberOfStudyRelatedInstances": "",
        "SOPClassesInStudy": "",
    }
    _, matches = find(dcmqrscp, **keys)
    assert len(matches) == 5
    assert not any(
        "ModalitiesInStudy" in match or "SOPClassesInStudy" in match for match in matches
    )
    _, [match] = find(orthanc, **keys)
    assert match.StudyInstanceUID == LATIN.uid
    assert sorted(match.ModalitiesInStudy) == ["CT", "SR"]
    assert sorted(match.SOPClassesInStudy) == [CT, SR]
    assert match.NumberOfStudyRelatedInstances == 4


def test_worklist(worklist: WorklistPeer) -> None:
    step = identifier(
        Modality="", ScheduledProcedureStepStartDate="20260402", ScheduledStationAETitle=""
    )
    keys = {"PatientName": "", "PatientID": "", "AccessionNumber": ""}
    status, matches = find(worklist, WORKLIST_FIND, **keys, ScheduledProcedureStepSequence=[step])
    assert status == 0
    assert sorted(match.PatientID for match in matches) == ["DOE-1", "YAM-1"]
    assert {m.ScheduledProcedureStepSequence[0].ScheduledStationAETitle for m in matches} == {
        "CT1",
        "MR1",
    }
    step = identifier(Modality="CT")
    keys |= {"PatientName": "Müller*"}
    for charset, found in (("ISO_IR 100", ["MUE-1"]), ("ISO_IR 192", [])):
        _, matches = find(
            worklist,
            WORKLIST_FIND,
            **keys,
            SpecificCharacterSet=charset,
            ScheduledProcedureStepSequence=[step],
        )
        assert [match.PatientID for match in matches] == found
        assert [match.SpecificCharacterSet for match in matches] == ["ISO_IR 100"] * len(found)


# Retrieves


BOTH = (EXPLICIT, IMPLICIT)


def test_get_what_is_explicit_bit_for_bit(
    dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer, archive: Archive
) -> None:
    for peer in (dcmqrscp, orthanc):
        for chosen, classes in ((LATIN, (CT, SR)), (ASCII, (CT, MR))):
            got = get(peer, *((uid, BOTH) for uid in classes), **study(chosen))
            assert (got.status, got.counts) == (0, (4, 0, 0))
            assert got.instances == originals(archive, chosen)


def test_get_what_is_implicit(
    dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer, archive: Archive
) -> None:
    """Only Orthanc looks for the context with the syntax of the file."""
    apart = (MR, (EXPLICIT,)), (MR, (IMPLICIT,))
    expected = originals(archive, UTF8)
    assert get(orthanc, *apart, **study(UTF8)).instances == expected
    got = get(dcmqrscp, *apart, **study(UTF8)).instances
    assert {i.transfer_syntax for i in got.values()} == {EXPLICIT}
    assert get(dcmqrscp, *reversed(apart), **study(UTF8)).instances == expected
    for peer in (dcmqrscp, orthanc):
        got = get(peer, (MR, (IMPLICIT, EXPLICIT)), **study(UTF8)).instances
        assert {i.transfer_syntax for i in got.values()} == {EXPLICIT}


def test_get_what_is_compressed(
    dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer, archive: Archive
) -> None:
    expected = originals(archive, KANJI)
    each = [(MR, (RLE,)), (MR, BOTH), (SC, (JPEG,)), (SC, (DEFLATED,)), (SC, BOTH)]
    assert get(orthanc, *each, **study(KANJI)).instances == expected
    assert get(orthanc, *reversed(each), **study(KANJI)).instances == expected
    got = get(dcmqrscp, *each, **study(KANJI))
    deflated = f"{KANJI.uid}.2.2"
    assert (got.status, got.counts, got.failed) == (0xB000, (3, 1, 0), [deflated])
    assert got.instances == {uid: i for uid, i in expected.items() if uid != deflated}
    got = get(dcmqrscp, *reversed(each), **study(KANJI))
    assert (got.status, got.counts) == (0xB000, (1, 3, 0))
    assert {i.transfer_syntax for i in got.instances.values()} == {EXPLICIT}
    plain = get(orthanc, (MR, BOTH), (SC, BOTH), **study(KANJI))
    assert (plain.status, plain.counts) == (0, (4, 0, 0))
    assert {i.transfer_syntax for i in plain.instances.values()} == {EXPLICIT}


def test_get_without_a_context_or_a_role(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    got = get(dcmqrscp, (CT, BOTH), **study(LATIN))
    assert (got.status, got.counts, got.failed) == (0xB000, (3, 1, 0), [f"{LATIN.uid}.2.1"])
    got = get(orthanc, (CT, BOTH), **study(LATIN))
    assert (got.status, got.failed, got.instances) == (0xC000, [], {})
    for peer in (dcmqrscp, orthanc):
        got = get(peer, (CT, BOTH), (SR, BOTH), roles=False, **study(LATIN))
        assert (got.status, got.counts, len(got.instances)) == (0, (4, 0, 0), 4)


def test_get_by_other_keys(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    level = {"QueryRetrieveLevel": "STUDY"}
    contexts = (CT, BOTH), (MR, BOTH), (SR, BOTH)
    series = {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": f"{LATIN.uid}.1"}
    for keys, of_dcmqrscp, of_orthanc in (
        (study(99), (0, 0), (0xC000, 0)),
        ({**level, "StudyInstanceUID": [LATIN.uid, UTF8.uid]}, (0, 6), (0, 6)),
        ({**level, "AccessionNumber": "ACC-1"}, (0, 4), (0, 4)),
        ({**level, "PatientID": "MUE-1"}, (0, 6), (0xC000, 0)),
        ({**level, "StudyInstanceUID": ""}, (0xB000, 11), (0xC000, 0)),
        (series, (0, 0), (0, 3)),
        ({**series, "StudyInstanceUID": LATIN.uid}, (0, 3), (0, 3)),
    ):
        for peer, expected in ((dcmqrscp, of_dcmqrscp), (orthanc, of_orthanc)):
            got = get(peer, *contexts, **keys)
            assert (got.status, len(got.instances)) == expected, (peer.aet, keys)


def stored(storescp: StorescpPeer) -> dict[str, Instance]:
    found = [Instance.read(path) for path in storescp.received.iterdir()]
    return {instance.sop_instance_uid: instance for instance in found}


def test_move_bit_for_bit(
    dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer, storescp: StorescpPeer, archive: Archive
) -> None:
    for peer in (dcmqrscp, orthanc):
        done = move(peer, "MOVE1", **study(LATIN))
        assert (done.status, done.counts) == (0, (4, 0, 0))
        assert stored(storescp) == originals(archive, LATIN)
        for path in storescp.received.iterdir():
            path.unlink()
    done = move(orthanc, "MOVE1", **study(KANJI))
    assert (done.status, done.counts) == (0, (4, 0, 0))
    assert stored(storescp) == originals(archive, KANJI)
    done = move(dcmqrscp, "MOVE1", **study(KANJI))
    assert (done.status, done.counts, len(done.failed)) == (0xB000, (1, 3, 0), 3)


def test_move_to_nowhere(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer) -> None:
    assert move(dcmqrscp, "NOBODY", **study(LATIN))[:2] == (0xA801, (0, 0, 0))
    assert move(orthanc, "NOBODY", **study(LATIN))[:2] == (0xC000, (0, 0, 0))
    down = move(dcmqrscp, "DOWN", **study(LATIN))
    assert (down.status, down.counts, len(down.failed)) == (0xA702, (0, 4, 0), 4)
    assert move(orthanc, "DOWN", **study(LATIN))[:2] == (0xC000, (0, 0, 0))
    assert move(dcmqrscp, "MOVE1", **study(99))[:2] == (0, (0, 0, 0))
    assert move(orthanc, "MOVE1", **study(99))[:2] == (0xC000, (0, 0, 0))


def test_called_aet(dcmqrscp: DcmqrscpPeer, orthanc: OrthancPeer, storescp: StorescpPeer) -> None:
    wanted = [Proposed(1, VERIFICATION, (IMPLICIT,))]
    for peer in (orthanc, storescp):
        with peer.connected() as sock:
            assert associate(sock, wanted, called="OTHER").contexts
    with dcmqrscp.connected() as sock, pytest.raises(Over):
        associate(sock, wanted, called="OTHER")


# TLS


def tls_echo(port: int, authority: Authority, *, certificate: bool) -> int | None:
    """Echo over TLS; None where TLS fails."""
    context = ssl.create_default_context(cafile=authority.ca)
    if certificate:
        context.load_cert_chain(*authority.client)
    plain = socket.create_connection(("127.0.0.1", port), 10)
    try:
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            c = associate(sock, [Proposed(1, VERIFICATION, (IMPLICIT,))], called="ANY")
            command = {"AffectedSOPClassUID": VERIFICATION, "CommandField": C_ECHO, "MessageID": 1}
            c.send_message(1, command)
            return int(c.read_message().command["Status"])
    except (ssl.SSLError, Over):
        return None


def test_tls_without_a_certificate_of_ours(
    tmp_path: Path, orthanc_tls: OrthancPeer, authority: Authority
) -> None:
    assert tls_echo(orthanc_tls.port, authority, certificate=False) == 0
    with StorescpPeer(tmp_path / "peer", tls=Tls.of(authority)) as storescp:
        assert tls_echo(storescp.port, authority, certificate=False) == 0
        with TlsFront(storescp, Tls.of(authority)) as front:
            assert tls_echo(front.port, authority, certificate=False) is None  # TLS in TLS


def test_tls_with_a_certificate_of_ours(
    tmp_path: Path, orthanc_tls_verifying: OrthancPeer, authority: Authority
) -> None:
    tls = Tls.of(authority, verify=True)
    with (
        StorescpPeer(tmp_path / "a", tls=tls) as storescp,
        StorescpPeer(tmp_path / "b") as plain,
        TlsFront(plain, tls) as front,
    ):
        for port in (orthanc_tls_verifying.port, storescp.port, front.port):
            assert tls_echo(port, authority, certificate=True) == 0
            assert tls_echo(port, authority, certificate=False) is None


def test_tls_front_passes_on_all(
    dcmqrscp: DcmqrscpPeer, dcmqrscp_tls: TlsFront, authority: Authority
) -> None:
    context = ssl.create_default_context(cafile=authority.ca)
    plain = socket.create_connection(("127.0.0.1", dcmqrscp_tls.port), 10)
    with context.wrap_socket(plain, server_hostname="localhost") as sock:
        c = associate(sock, [Proposed(1, STUDY_FIND, (IMPLICIT,))], called=dcmqrscp.aet)
        keys = {"QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": "", "SeriesInstanceUID": ""}
        c.send_message(
            1,
            {
                "AffectedSOPClassUID": STUDY_FIND,
                "CommandField": C_FIND,
                "MessageID": 1,
                "Priority": 0,
            },
            c.encoded(1, identifier(**keys, SOPInstanceUID="")),
        )
        found = 0
        while c.read_message().command["Status"] == 0xFF00:
            found += 1
    assert found == len(dcmqrscp.files)


def test_dcmtk_as_it_is_by_default_takes_no_compressed_instances(
    tmp_path: Path, destinations: Destinations
) -> None:
    contexts = [Proposed(1, MR, (RLE,)), Proposed(3, MR, (EXPLICIT,))]
    peer = DcmqrscpPeer(tmp_path / "peer", destinations, compressed=False)
    with peer, peer.connected() as sock:
        assert set(associate(sock, contexts, called=peer.aet).contexts) == {3}


def test_programs_are_there() -> None:
    """Where peers are required a missing one is a failure, not a skip."""
    for program in ("dcmqrscp", "wlmscpfs", "storescp", "Orthanc", "openssl"):
        assert need(program)

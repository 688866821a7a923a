"""Storage commitment by Orthanc, which reports on an association of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dcmtools.config import Peer
from dcmtools.net.access import Access
from dcmtools.net.commitment import CommitmentReports, commit, failure
from tests.net.reports import Listening
from tests.net.scripted import PATIENCE

if TYPE_CHECKING:
    from tests.interop.objects import Archive
    from tests.interop.peers import Destinations, OrthancPeer

pytestmark = pytest.mark.interop

CT = "1.2.840.10008.5.1.4.1.1.2"
MISSING = "1.2.826.0.1.3680043.8.498.404"


@pytest.fixture
def access(orthanc: OrthancPeer) -> Access:
    """Reach Orthanc as somebody whom it knows: it reports to the address that it has for us."""
    return Access(Peer("", "127.0.0.1", orthanc.port, orthanc.aet), calling_aet="MOVE2")


def test_what_is_there_is_committed_and_what_is_not_is_told(
    access: Access, archive: Archive, destinations: Destinations
) -> None:
    instances = [(each.sop_class_uid, each.sop_instance_uid) for each in archive.stored.values()]
    wrong_class = "1.2.840.10008.5.1.4.1.1.128", instances[0][1]
    reports = CommitmentReports()
    with Listening(reports, destinations["MOVE2"].port) as listening:
        asked = [*instances[1:], wrong_class, (CT, MISSING)]
        found = commit(access, asked, wait=PATIENCE, receiver=reports)
    assert found.committed == {uid for _, uid in instances[1:]}
    assert found.failed == {MISSING: 0x0112, wrong_class[1]: 0x0119}
    assert found.unknown == frozenset()
    assert failure(found.failed[MISSING]).text == "0112H, no such SOP instance"
    (request,) = listening.requests
    assert request.calling_aet == "ORTHANC"
    assert [response.status for response in listening.responses] == [0]


def test_all_of_it_is_committed(
    access: Access, archive: Archive, destinations: Destinations
) -> None:
    instances = [(each.sop_class_uid, each.sop_instance_uid) for each in archive.stored.values()]
    reports = CommitmentReports()
    with Listening(reports, destinations["MOVE2"].port):
        found = commit(access, instances, wait=PATIENCE, receiver=reports)
    assert found.committed == {uid for _, uid in instances}
    assert not found.failed


def test_without_a_listener_nothing_is_known(access: Access, archive: Archive) -> None:
    instances = [(each.sop_class_uid, each.sop_instance_uid) for each in archive.stored.values()]
    found = commit(access, instances, wait=0.5)
    assert found.unknown == {uid for _, uid in instances}
    assert found.error is None

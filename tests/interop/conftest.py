"""Share real peers between the tests, one of each for a whole run.

What a test changes in an archive, others see: the loaded ones are for reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.certificates import Authority
from tests.interop.objects import Archive, make_archive, sendable
from tests.interop.peers import (
    DcmqrscpPeer,
    Destinations,
    OrthancPeer,
    StorescpPeer,
    Tls,
    TlsFront,
    WorklistPeer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.net.wire import Instance


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Give the instances that the archives are loaded with."""
    return make_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def corpus(corpus_files: list[Path]) -> dict[Path, Instance]:
    """Give what of the corpus can be sent, each as it is to arrive."""
    return sendable(corpus_files)


@pytest.fixture(scope="session")
def destinations() -> Iterator[Destinations]:
    """Give the move destinations that the archives know."""
    found = Destinations()
    yield found
    found.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give a certificate authority that the peers with TLS belong to."""
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="session")
def dcmqrscp(
    tmp_path_factory: pytest.TempPathFactory, destinations: Destinations, archive: Archive
) -> Iterator[DcmqrscpPeer]:
    """Give DCMTK's archive, loaded."""
    with DcmqrscpPeer(tmp_path_factory.mktemp("peers") / "dcmqrscp", destinations) as peer:
        yield peer.load(archive)


@pytest.fixture(scope="session")
def dcmqrscp_tls(dcmqrscp: DcmqrscpPeer, authority: Authority) -> Iterator[TlsFront]:
    """Give DCMTK's archive behind TLS."""
    with TlsFront(dcmqrscp, Tls.of(authority)) as front:
        yield front


@pytest.fixture(scope="session")
def orthanc(
    tmp_path_factory: pytest.TempPathFactory, destinations: Destinations, archive: Archive
) -> Iterator[OrthancPeer]:
    """Give Orthanc, loaded."""
    with OrthancPeer(tmp_path_factory.mktemp("peers") / "orthanc", destinations) as peer:
        yield peer.load(archive)


@pytest.fixture(scope="session")
def orthanc_tls(
    tmp_path_factory: pytest.TempPathFactory, destinations: Destinations, authority: Authority
) -> Iterator[OrthancPeer]:
    """Give Orthanc with TLS, empty, which asks for no certificate of ours."""
    folder = tmp_path_factory.mktemp("peers") / "orthanc"
    with OrthancPeer(folder, destinations, tls=Tls.of(authority)) as peer:
        yield peer


@pytest.fixture(scope="session")
def orthanc_tls_verifying(
    tmp_path_factory: pytest.TempPathFactory, destinations: Destinations, authority: Authority
) -> Iterator[OrthancPeer]:
    """Give Orthanc with TLS, empty, which wants a certificate of ours."""
    folder = tmp_path_factory.mktemp("peers") / "orthanc"
    with OrthancPeer(folder, destinations, tls=Tls.of(authority, verify=True)) as peer:
        yield peer


@pytest.fixture(scope="session")
def worklist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorklistPeer]:
    """Give DCMTK's worklist server."""
    with WorklistPeer(tmp_path_factory.mktemp("peers") / "worklist") as peer:
        yield peer


@pytest.fixture
def storescp(
    tmp_path_factory: pytest.TempPathFactory, destinations: Destinations
) -> Iterator[StorescpPeer]:
    """Give DCMTK's receiver, empty, as the move destination MOVE1."""
    aet, port = destinations["MOVE1"]
    folder = tmp_path_factory.mktemp("peers") / "storescp"
    with StorescpPeer(folder, aet=aet, port=port) as peer:
        yield peer

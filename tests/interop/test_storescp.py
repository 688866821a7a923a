"""`storescp` with the senders of DCMTK, Orthanc, GDCM and pynetdicom: what they send arrives.

Each of them encodes anew what it sends (see `tests.interop.rewritten`). What has come must be, byte
for byte, the data set of a file or what its sender makes of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.receiving import PATIENCE, Storescp, receiving
from tests.conftest import need
from tests.interop.objects import ASCII
from tests.interop.peers import OrthancPeer
from tests.interop.rewritten import by_dcmtk, by_gdcm, by_pynetdicom
from tests.net.wire import Instance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tests.certificates import Authority
    from tests.interop.objects import Archive
    from tests.interop.peers import Destinations

    Writer = Callable[[Path, str], bytes | None]

pytestmark = pytest.mark.interop

UNKNOWN_TO_DCMTK = {
    "1.2.3.4.5.6",
    "1.2.840.113619.5.2",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.8.1",
}
"""The transfer syntaxes of the corpus that DCMTK 3.6.7 does not send: private, or too new."""
UNKNOWN_TO_GDCM = {"1.2.840.10008.1.2.4.107", *UNKNOWN_TO_DCMTK} - {"1.2.840.113619.5.2"}
"""Those that GDCM 3.0.21 does not send."""
FAILED = "Ignoring an error in a permissive job"
"""What Orthanc logs of an object that it cannot send; its answer counts none as failed."""


@contextmanager
def listening(folder: Path, *options: str | Path) -> Iterator[Storescp]:
    """Run a receiver that keeps whatever comes."""
    with receiving(folder, "--no-fsync", "--on-duplicate", "keep-both", *options) as found:
        yield found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Storescp]:
    with listening(tmp_path / "in") as found:
        yield found


@pytest.fixture
def tls_server(tmp_path: Path, authority: Authority) -> Iterator[Storescp]:
    """Give one that wants a certificate of the sender."""
    cert, key = authority.server
    options = "--tls-cert", cert, "--tls-key", key, "--tls-ca", authority.ca
    with listening(tmp_path / "in", *options) as found:
        yield found


def send(*command: str | Path) -> str:
    """Run a sender, and give what it says; its exit code tells little."""
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "TCP_NODELAY": "1"},
        timeout=2 * PATIENCE,
    )
    return ran.stdout


def received(server: Storescp) -> list[Instance]:
    """End the receiver, and give what has come."""
    assert server.stop() == 0
    return [Instance.read(Path(each["path"])) for each in server.of("stored")]


def sources(came: Iterable[Instance], sent: Mapping[Path, Instance], written: Writer) -> set[Path]:
    """Find for each object that has come the file that it comes from, a file for each."""
    rest, found = dict(sent), set()

    def is_exact(path: Path, one: Instance) -> bool:
        return rest[path] == one

    def is_anew(path: Path, one: Instance) -> bool:
        return rest[path][:2] == one[:2] and written(path, one.transfer_syntax) == one.data

    for fits in (is_exact, is_anew):
        left = []
        for one in came:
            path = next((path for path in rest if fits(path, one)), None)
            if path is None:
                left.append(one)
            else:
                del rest[path]
                found.add(path)
        came = left
    assert not came, f"{[each[:3] for each in came]}: not as it was sent"
    return found


def profile(path: Path, sent: Iterable[Instance]) -> Path:
    """Have DCMTK propose a context for each SOP class with each transfer syntax, and no other."""
    kinds = sorted({(each.sop_class_uid, each.transfer_syntax) for each in sent})
    syntaxes = sorted({syntax for _, syntax in kinds})
    lines = ["[[TransferSyntaxes]]"]
    for number, syntax in enumerate(syntaxes):
        lines += [f"[TS{number}]", f"TransferSyntax1 = {syntax}"]
    lines += ["[[PresentationContexts]]", "[All]"]
    for number, (sop_class, syntax) in enumerate(kinds, 1):
        lines.append(rf"PresentationContext{number} = {sop_class}\TS{syntaxes.index(syntax)}")
    lines += ["[[Profiles]]", "[Default]", "PresentationContexts = All"]
    path.write_text("\n".join(lines) + "\n")
    return path


def syntaxes(objects: Iterable[Instance]) -> set[str]:
    return {each.transfer_syntax for each in objects}


# DCMTK


@pytest.mark.parametrize("kind", ["server", "tls_server"])
def test_storescu_sends_the_corpus(
    request: pytest.FixtureRequest,
    kind: str,
    corpus: dict[Path, Instance],
    authority: Authority,
    tmp_path: Path,
) -> None:
    """Whatever DCMTK can send arrives, in every transfer syntax; of the rest it says why not."""
    server: Storescp = request.getfixturevalue(kind)
    cert, key = authority.client
    tls = ("+tls", key, cert, "+cf", authority.ca) if kind == "tls_server" else ()
    config = profile(tmp_path / "profile.cfg", corpus.values())
    options = "-v", "-nh", "-xf", config, "Default", *tls
    said = send(need("storescu"), *options, "127.0.0.1", str(server.port), *corpus)
    came = received(server)
    found = sources(came, corpus, by_dcmtk)
    assert said.count("Received Store Response (Success)") == len(found) > len(corpus) * 0.9
    assert syntaxes(came) == syntaxes(corpus.values()) - UNKNOWN_TO_DCMTK
    errors = [line for line in said.splitlines() if "E: " in line]
    failed = [path for path in corpus if any(str(path) in line for line in errors)]
    assert len(found) + len(failed) == len(corpus)


def test_storescu_sends_over_tls_without_a_certificate(
    archive: Archive, authority: Authority, tmp_path: Path
) -> None:
    cert, key = authority.server
    options = "-v", "+tla", "+cf", authority.ca
    objects = [each.path for each in archive.of(ASCII).values()]
    with listening(tmp_path / "in", "--tls-cert", cert, "--tls-key", key) as server:
        said = send(need("storescu"), *options, "127.0.0.1", str(server.port), *objects)
        assert said.count("Received Store Response (Success)") == len(objects)
        assert set(received(server)) == {Instance.read(path) for path in objects}


def test_dcmsend_sends_the_corpus(
    server: Storescp, corpus: dict[Path, Instance], tmp_path: Path
) -> None:
    options = "-v", "-dn", "-nh", "-nuc", "+f", "+crf", tmp_path / "report"
    said = send(need("dcmsend"), *options, "127.0.0.1", str(server.port), *corpus)
    came = received(server)
    found = sources(came, corpus, by_dcmtk)
    [told] = re.findall(r"with status SUCCESS +: (\d+)", said)
    assert int(told) == len(found) > len(corpus) * 0.9


# Orthanc


@pytest.fixture(scope="module")
def sender(
    tmp_path_factory: pytest.TempPathFactory, destinations: Destinations, authority: Authority
) -> Iterator[OrthancPeer]:
    """Give an Orthanc that can send over TLS too."""
    cert, key = authority.client
    settings = {
        "DicomTlsCertificate": str(cert),
        "DicomTlsPrivateKey": str(key),
        "DicomTlsTrustedCertificates": str(authority.ca),
    }
    folder = tmp_path_factory.mktemp("peers") / "sender"
    with OrthancPeer(folder, destinations, settings=settings) as peer:
        yield peer


@pytest.fixture(scope="module")
def held(sender: OrthancPeer, corpus: dict[Path, Instance]) -> dict[str, Path]:
    """Give Orthanc of the corpus what it takes, by HTTP: the files by its own names for them."""
    found = {}
    for path in {each.sop_instance_uid: path for path, each in corpus.items()}.values():
        answer = sender.ask("/instances", path.read_bytes())
        if answer is not None and answer["Status"] == "Success":
            found[answer["ID"]] = path
    return found


@pytest.mark.parametrize("kind", ["server", "tls_server"])
def test_orthanc_sends_what_it_holds(
    request: pytest.FixtureRequest,
    kind: str,
    sender: OrthancPeer,
    held: dict[str, Path],
    corpus: dict[Path, Instance],
) -> None:
    server: Storescp = request.getfixturevalue(kind)
    modality = {"AET": "US", "Host": "127.0.0.1", "Port": server.port}
    modality["UseDicomTls"] = kind == "tls_server"
    sender.ask("/modalities/us", modality, method="PUT")
    failed = sender.log.count(FAILED)
    sender.ask("/modalities/us/store", {"Resources": list(held), "Permissive": True})
    failed = sender.log.count(FAILED) - failed
    came = received(server)
    found = sources(came, {path: corpus[path] for path in held.values()}, by_dcmtk)
    assert len(found) + failed == len(held)
    assert failed < len(held) * 0.1
    assert len(syntaxes(came)) >= 12


# GDCM and pynetdicom


def test_gdcmscu_sends_each_transfer_syntax(server: Storescp, corpus: dict[Path, Instance]) -> None:
    """One file a process, for it crashes once the first association has been released."""
    sent = {each.transfer_syntax: path for path, each in reversed(corpus.items())}
    for path in sent.values():
        send(need("gdcmscu"), "--store", "127.0.0.1", str(server.port), path)
    came = received(server)
    found = sources(came, {path: corpus[path] for path in sent.values()}, by_gdcm)
    assert len(found) == len(came)
    assert syntaxes(came) == sent.keys() - UNKNOWN_TO_GDCM


def test_pynetdicom_sends_each_sop_class(server: Storescp, corpus: dict[Path, Instance]) -> None:
    sent = {
        (each.sop_class_uid, each.transfer_syntax): path for path, each in reversed(corpus.items())
    }
    app = sys.executable, "-m", "pynetdicom", "storescu", "-v", "-cx"
    said = send(*app, "127.0.0.1", str(server.port), *sent.values())
    came = received(server)
    found = sources(came, {path: corpus[path] for path in sent.values()}, by_pynetdicom)
    assert len(found) == said.count("0x0000 - Success")
    assert len(found) > len(sent) * 0.9


# Faults, as a sender sees them


@pytest.mark.parametrize(
    ("fault", "told", "arrive"),
    [
        (("status=A700:at=2",), "Refused: OutOfResources", 1),
        (("status=A700:at=2", "-nh"), "Refused: OutOfResources", 3),
        (("status=B000:at=2",), "Warning: CoercionOfDataElements", 4),
        (("abort:at=2",), "Peer aborted Association", 1),
        (("close:at=2",), "Peer aborted Association", 1),
        (("noreply:at=2", "-td", "1"), "No data available (timeout", 1),
        (("reject:once",), "Association Rejected", 0),
        (("delay=0.1",), "Received Store Response (Success)", 4),
    ],
)
def test_storescu_sees_a_fault(
    archive: Archive, tmp_path: Path, fault: tuple[str, ...], told: str, arrive: int
) -> None:
    """What it was made to see, at the place where it was asked for, and nothing else is amiss."""
    objects = [each.path for each in archive.of(ASCII).values()]
    name, *options = fault
    with listening(tmp_path / "in", "--fault", name) as server:
        said = send(need("storescu"), "-v", *options, "127.0.0.1", str(server.port), *objects)
        came = received(server)
    assert told in said
    good = said.count("Received Store Response (Success)") + said.count("(Warning:")
    assert len(came) == good == arrive
    assert set(came) <= {Instance.read(path) for path in objects}

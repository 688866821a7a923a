"""Start real peers on free ports and stop them: DCMTK's servers and Orthanc.

Each is a program in a folder of its own. It is ready when it accepts connections, its log is shown
when it does not start, and it is killed, with its children, when the block ends.

What they do, found with DCMTK 3.6.7 and Orthanc 1.10.1 of Debian 12
--------------------------------------------------------------------
Queries:

- Character sets. dcmqrscp, as it is by default, matches ``Müller*`` in UTF-8 or Latin-1 against
  either, and answers in the character set of the query; where the query has none, or where it
  cannot convert, in that of the instance. Its iconv knows no ISO 2022 IR 87: a value in that is
  found only by a query in that. Orthanc matches across all character sets but answers always in its
  ``DefaultEncoding``, Latin-1 unless set, and drops the characters that this lacks without a word:
  here it is set to UTF-8. wlmscpfs takes no notice of character sets: it compares bytes, and says
  which set the answer is in only with ``-csk``.
- Orthanc takes no notice of case in names, dcmqrscp does. ``Muller*`` finds ``Müller`` in neither.
- Relational queries are answered without negotiation. dcmqrscp wants the unique keys of the levels
  above, if only empty, and fails with C000 when they are missing; it matches no PatientID at SERIES
  level. Orthanc wants none of them.
- dcmqrscp takes no notice of keys that it does not know, ModalitiesInStudy and counts among them:
  it neither matches nor answers them. Orthanc does, SOPClassesInStudy too, but never matches a key
  of a level below. Without QueryRetrieveLevel: dcmqrscp A900, Orthanc C000. A value that is no date
  matches nothing in both.
- dcmqrscp rejects other called AE titles than its own; Orthanc and storescp as started here do not.

Retrieves:

- dcmqrscp stores by the *first* accepted context of the SOP class, whatever the transfer syntax of
  the file. It converts between uncompressed syntaxes, to which it inflates as well, and nothing
  else: the rest fails, status B000 with the list, A702 when all failed. So an implicit file becomes
  explicit where an explicit context comes first, and a series of mixed syntaxes takes more than one
  association. Within a context it takes its own order of preference, not ours.
- Orthanc stores by the context that has the syntax of the file. Without one it transcodes, to
  explicit VR little endian if it can. Compressed instances need contexts of their own to come as
  they are.
- An SOP class without a context: dcmqrscp counts it as failed and goes on; Orthanc answers C000 to
  the whole C-GET and sends nothing. Without role selection both send all the same.
- Both encode anew what they send: sequences get explicit lengths, Data Set Trailing Padding
  (FFFC,FFFC) is left out. Only what is written so, as the archive here, arrives bit for bit.
- Nothing matches: dcmqrscp 0000 with counts of 0, Orthanc C000 with counts of 0.
- Keys that are not unique: dcmqrscp takes any, even an empty StudyInstanceUID for all there is;
  Orthanc AccessionNumber but no PatientID at STUDY level. Lists of UIDs: both. A series by its UID
  alone: Orthanc; dcmqrscp finds nothing. A wildcard: Orthanc C000, dcmqrscp finds nothing.
- C-MOVE, destination unknown: dcmqrscp A801, Orthanc C000. Destination down: dcmqrscp A702 with the
  list of all instances, Orthanc C000 with counts of 0.
- C-MOVE sub-operations of Orthanc are as its C-GET; it proposes over 120 contexts and opens an
  association anew for a syntax that it has not proposed. dcmqrscp proposes one context a SOP class.
  Both tell the Move Originator. dcmqrscp sends a pending response after the last sub-operation
  too, Orthanc one less.

Stores:

- Nobody sends a file as it is (see `tests.interop.rewritten`): DCMTK, Orthanc and GDCM write
  sequences anew, with other lengths, and group lengths; DCMTK and Orthanc leave padding out.
  ``dcmconv`` and ``gdcmconv`` make of a file the very bytes that storescu, dcmsend, Orthanc and
  gdcmscu send of it.
- storescu and dcmsend of 3.6.7 cannot send JPEG XL, HTJ2K, deflated frames, GE's private syntax,
  what has the VR UN for its UIDs, nor what ``dcmconv`` cannot read; storescu -nh exits 0 all the
  same, and after A700 too. dcmsend proposes one context for all uncompressed syntaxes, so that it
  converts to the one that is accepted.
- gdcmscu aborts (exit -6) when its association has been released, whoever the peer is: its exit
  code means nothing, and it sends only one SOP class and syntax a process. It can send GE's
  private syntax, and no HEVC.
- pynetdicom's storescu -cx stops where the files want more than 128 contexts. It alone sends data
  sets of an odd length.
- Orthanc's answer to a permissive store counts no object as failed: only its log tells of them.
  It opens associations one after the other, one for each kind of object. POST of a file with 1500
  sequences in each other makes its HTTP server crash; over DICOM it takes that.
- storescp +xa takes no JPEG process 14 but with the first predictor; -pm takes private SOP classes,
  but no Color Palette. With +B it writes what it gets, byte for byte, an object over the other of
  the same UID unless +uf is there.
- Orthanc keeps what it receives as DCMTK encodes it, not as it came: what is deflated is stored
  without compression, elements of the groups 0000 and 0002 are gone. It refuses what has no Study
  or Series Instance UID with A700, what DCMTK finds no SOP Class in with C000, and private SOP
  classes. What it cannot parse it does not answer; it aborts after 30 seconds.
- Where a SOP Class UID has the VR UN, all of DCMTK finds none.

TLS:

- DCMTK's dcmqrscp and wlmscpfs in Debian have no TLS: `TlsFront` stands before them.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import threading
from http import HTTPStatus
from http.client import HTTPConnection
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from tests.conftest import need
from tests.interop.objects import make_worklist
from tests.net.steps import associate
from tests.net.wire import Instance, proposals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.certificates import Authority, Pair
    from tests.interop.objects import Archive

START = 30.0
"""Seconds that a program may take until it accepts connections."""
ATTEMPTS = 5
"""A free port may be taken by another program before ours binds it."""


class Tls(NamedTuple):
    """How a peer speaks TLS: by whose certificate, and whether it asks for one of ours."""

    pair: Pair
    ca: Path
    verify: bool = False

    @classmethod
    def of(cls, authority: Authority, *, verify: bool = False) -> Tls:
        """Take the server certificate of an authority, which clients are verified by too."""
        return cls(authority.server, authority.ca, verify)


class Destination(NamedTuple):
    """A move destination that the archives know; nobody listens there until a test does."""

    aet: str
    port: int


class Destinations:
    """Move destinations MOVE1, MOVE2 and DOWN, whose ports are kept free for the tests.

    A test may listen on the port of MOVE1 and MOVE2 if it sets SO_REUSEADDR, as servers do. DOWN is
    for nobody.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []
        self.by_aet: dict[str, Destination] = {}
        for aet in ("MOVE1", "MOVE2", "DOWN"):
            sock = socket.socket()
            # bound but not listening: the kernel gives the port to no one who asks for any
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", 0))
            self._held.append(sock)
            self.by_aet[aet] = Destination(aet, sock.getsockname()[1])

    def __getitem__(self, aet: str) -> Destination:
        """Give a destination by its AE title."""
        return self.by_aet[aet]

    def close(self) -> None:
        """Give the ports free."""
        for sock in self._held:
            sock.close()


def free_port() -> int:
    """Find a port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Peer:
    """A program that serves on a port, in a ``with`` block.

    Parameters
    ----------
    folder : Path
        Where its files and its log go; it is made.
    tls : Tls, optional
        Speak TLS.

    Attributes
    ----------
    aet : str
        Its AE title.
    port : int
        Its DICOM port.
    address : str
        ``AET@127.0.0.1:port``
    files : dict of str to Path
        What it was loaded with, by SOP Instance UID.
    """

    aet = "PEER"

    def __init__(self, folder: Path, *, tls: Tls | None = None) -> None:
        self.folder = folder
        self.tls = tls
        self.port = 0
        self.files: dict[str, Path] = {}
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    @property
    def address(self) -> str:
        """The peer as the command line wants it."""
        return f"{self.aet}@127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the program has said."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def command(self) -> list[str | Path]:
        """Write the configuration for `port` and give the command."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Give the environment of the program."""
        return {**os.environ, "TCP_NODELAY": "1"}

    def __enter__(self) -> Self:
        """Start the program and wait until it accepts connections."""
        for _ in range(ATTEMPTS):
            self.port = free_port()
            command = self.command()
            with (self.folder / "log").open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            if self._accepts():
                return self
            self._stop()
        raise AssertionError(f"{self.aet} does not start:\n{self.log}")

    def __exit__(self, *error: object) -> None:
        """Kill the program and its children."""
        self._stop()

    def load(self, archive: Archive) -> Self:
        """Store the instances byte for byte, each in its own transfer syntax."""
        instances = [Instance.read(path) for path in archive.files.values()]
        with self.connected() as sock:
            c = associate(sock, proposals(instances), called=self.aet)
            for instance in instances:
                reply = c.store(instance)
                assert reply is not None
                assert reply.command["Status"] == 0, f"{reply.command}\n{self.log}"
            c.sock.sendall(bytes.fromhex("05000000000400000000"))
            c.read_pdu()
        self.files |= archive.files
        return self

    @contextlib.contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """Connect to the DICOM port, without TLS."""
        with socket.create_connection(("127.0.0.1", self.port), START) as sock:
            yield sock

    def _accepts(self) -> bool:
        assert self._process is not None
        deadline = monotonic() + START
        while monotonic() < deadline:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self._process.poll() is None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)  # until the next try, or until it has given up
                return False
        return False

    def _stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(START)
            self._process = None


SYNTAXES = (
    "JPEGBaseline",
    "RLELossless",
    "DeflatedLittleEndianExplicit",
    "LittleEndianExplicit",
    "LittleEndianImplicit",
)
STORAGE = (
    "CTImageStorage",
    "MRImageStorage",
    "SecondaryCaptureImageStorage",
    "BasicTextSRStorage",
)


def association_profiles() -> str:
    """Give the profiles by which dcmqrscp takes all the archive has, and sends it uncompressed."""
    listed = ((SYNTAXES, "Any"), (SYNTAXES[3:], "Plain"))
    lines = ["[[TransferSyntaxes]]"]
    for names, title in listed:
        lines += [f"[{title}]", *(f"TransferSyntax{n} = {s}" for n, s in enumerate(names, 1))]
    lines += ["[[PresentationContexts]]"]
    for _, title in listed:
        lines += [
            f"[{title}Storage]",
            *(f"PresentationContext{n} = {s}\\{title}" for n, s in enumerate(STORAGE, 1)),
            rf"PresentationContext{len(STORAGE) + 1} = VerificationSOPClass\Plain",
        ]
    lines += ["[[SCPSCURoleSelection]]", "[Both]"]
    lines += [rf"Role{n} = {s}\Both" for n, s in enumerate(STORAGE, 1)]
    lines += ["[[Profiles]]", "[In]", "PresentationContexts = AnyStorage"]
    lines += ["SCPSCURoleSelection = Both", "[Out]", "PresentationContexts = PlainStorage"]
    return "\n".join(lines) + "\n"


class DcmqrscpPeer(Peer):
    """DCMTK's archive.

    Parameters
    ----------
    folder : Path
        Where its files go.
    destinations : Destinations
        The move destinations that it knows.
    compressed : bool
        Take compressed instances and send them on the associations of a C-GET. As it is by default
        it takes part in uncompressed transfer syntaxes only.
    nodelay : bool
        Send each response at once; as it is by default, Nagle's algorithm delays them.
    options : sequence of str
        Further options, as ``--override-charset``.
    """

    aet = "QRSCP"

    def __init__(
        self,
        folder: Path,
        destinations: Destinations,
        *,
        compressed: bool = True,
        nodelay: bool = True,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(folder)
        self.destinations = destinations
        self._compressed = compressed
        self._nodelay = nodelay
        self._options = options

    def command(self) -> list[str | Path]:
        """Write the configuration for `port` and give the command."""
        storage = self.folder / "db"
        storage.mkdir(exist_ok=True)
        hosts = [
            f"{d.aet.lower()} = ({d.aet}, 127.0.0.1, {d.port})"
            for d in self.destinations.by_aet.values()
        ]
        lines = [
            f"NetworkTCPPort = {self.port}",
            "MaxPDUSize = 131072",
            "MaxAssociations = 64",
            "HostTable BEGIN",
            *hosts,
            "HostTable END",
            "VendorTable BEGIN",
            "VendorTable END",
            "AETable BEGIN",
            f"{self.aet} {storage} RW (200, 1024mb) ANY",
            "AETable END",
        ]
        config = self.folder / "dcmqrscp.cfg"
        config.write_text("\n".join(lines) + "\n")
        profiles = self.folder / "profiles.cfg"
        profiles.write_text(association_profiles())
        chosen = ["-xf", str(profiles), "In", "Out"] if self._compressed else []
        bits = ["+B"] if self._compressed else []
        return [
            need("dcmqrscp"), "-v", "-dhl", "-c", config, *chosen, *bits, *self._options
        ]  # fmt: skip

    def environment(self) -> Mapping[str, str]:
        """Give the environment of the program."""
        return {**os.environ, "TCP_NODELAY": "1"} if self._nodelay else os.environ


class WorklistPeer(Peer):
    """DCMTK's worklist server with the entries of `tests.interop.objects.SCHEDULED`."""

    aet = "WORKLIST"

    def __init__(self, folder: Path, *, options: Sequence[str] = ("-csk",)) -> None:
        super().__init__(folder)
        self._options = options
        make_worklist(folder / "worklists" / self.aet)

    def command(self) -> list[str | Path]:
        """Give the command."""
        return [
            need("wlmscpfs"), "-v", "-dhl", "-dfp", self.folder / "worklists", *self._options,
            str(self.port),
        ]  # fmt: skip


class StorescpPeer(Peer):
    """DCMTK's receiver: stores what it gets, byte for byte, in `received`.

    Parameters
    ----------
    folder : Path
        Where its files go.
    port : int
        Listen here, as a move destination; 0 for any free port.
    aet : str
        Its AE title; it answers to any.
    tls : Tls, optional
        Speak TLS. A certificate of the other side is verified if it is asked for, else ignored.
    options : sequence of str
        Which transfer syntaxes it takes, by default all that it knows, and what else it can be
        told.
    """

    aet = "STORESCP"

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        aet: str = "STORESCP",
        tls: Tls | None = None,
        options: Sequence[str] = ("+xa",),
    ) -> None:
        super().__init__(folder, tls=tls)
        self.aet = aet
        self._options = options
        self._fixed = port
        self.received = folder / "received"
        self.received.mkdir()

    def command(self) -> list[str | Path]:
        """Give the command."""
        self.port = self._fixed or self.port
        tls: list[str | Path] = []
        if self.tls is not None:
            tls = ["+tls", self.tls.pair.key, self.tls.pair.cert, "+cf", self.tls.ca]
            tls += ["-rc" if self.tls.verify else "-ic"]
        return [
            need("storescp"), "-v", "-dhl", "+B", *self._options, "-aet", self.aet,
            "-od", self.received, *tls, str(self.port),
        ]  # fmt: skip


class OrthancPeer(Peer):
    """Orthanc, with its REST API on `http_port` for looking into it.

    Parameters
    ----------
    folder : Path
        Where its files go.
    destinations : Destinations
        The move destinations that it knows.
    tls : Tls, optional
        Speak TLS.
    settings : dict, optional
        Further settings, on top of or in place of ours.
    """

    aet = "ORTHANC"

    def __init__(
        self,
        folder: Path,
        destinations: Destinations,
        *,
        tls: Tls | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(folder, tls=tls)
        self.destinations = destinations
        self.http_port = 0
        self._settings = settings or {}

    def command(self) -> list[str | Path]:
        """Write the configuration for `port` and give the command."""
        self.http_port = free_port()
        storage = str(self.folder / "db")
        settings: dict[str, Any] = {
            "Name": "dcmtools",
            "StorageDirectory": storage,
            "IndexDirectory": storage,
            "Plugins": [],
            "HttpPort": self.http_port,
            "AuthenticationEnabled": False,
            "DicomAet": self.aet,
            "DicomPort": self.port,
            "DicomCheckCalledAet": False,
            "DefaultEncoding": "Utf8",
            "SaveJobs": False,
            "DicomModalities": {
                d.aet: [d.aet, "127.0.0.1", d.port] for d in self.destinations.by_aet.values()
            },
            **{
                f"DicomAlwaysAllow{what}": True for what in ("Echo", "Store", "Find", "Get", "Move")
            },
        }
        if self.tls is not None:
            settings |= {
                "DicomTlsEnabled": True,
                "DicomTlsCertificate": str(self.tls.pair.cert),
                "DicomTlsPrivateKey": str(self.tls.pair.key),
                "DicomTlsTrustedCertificates": str(self.tls.ca),
                "DicomTlsRemoteCertificateRequired": self.tls.verify,
            }
        config = self.folder / "orthanc.json"
        config.write_text(json.dumps({**settings, **self._settings}))
        return [need("Orthanc"), config]

    def ask(self, path: str, body: object = None, *, method: str = "") -> Any:  # noqa: ANN401 - JSON
        """Ask the REST API.

        Parameters
        ----------
        path : str
            What for: ``/instances``.
        body : bytes, or what JSON can hold, optional
            What to send it, by POST.
        method : str
            Another method.

        Returns
        -------
        object
            The answer; bytes where it is no JSON, None where it is an error.
        """
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=2 * START)
        with contextlib.closing(connection):
            connection.request(method or ("GET" if body is None else "POST"), path, content)
            response = connection.getresponse()
            answer = response.read()
        if response.status != HTTPStatus.OK:
            return None
        is_json = response.getheader("Content-Type", "").startswith("application/json")
        return json.loads(answer) if is_json else answer


class TlsFront:
    """Speak TLS for a peer that cannot: pass on what comes, both ways.

    Parameters
    ----------
    peer : Peer
        The peer behind it.
    tls : Tls
        The certificate, and whether one of the client is asked for.
    """

    def __init__(self, peer: Peer, tls: Tls) -> None:
        self.peer = peer
        self.aet = peer.aet
        self.port = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(tls.pair.cert, tls.pair.key)
        if tls.verify:
            self._context.load_verify_locations(tls.ca)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._stopped = False

    @property
    def address(self) -> str:
        """The peer as the command line wants it."""
        return f"{self.aet}@127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Listen."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(listener)
        self.port = listener.getsockname()[1]
        self._start(self._accept, listener)
        return self

    def __exit__(self, *error: object) -> None:
        """Close all and wait for all threads."""
        self._stopped = True
        for thread in self._threads:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
            thread.join(START)
        for sock in self._sockets:
            sock.close()

    def _start(self, target: Any, *arguments: socket.socket) -> None:  # noqa: ANN401 - any function
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not self._stopped:
                sock = self._context.wrap_socket(
                    listener.accept()[0], server_side=True, do_handshake_on_connect=False
                )
                self._sockets.append(sock)
                self._start(self._serve, sock)

    def _serve(self, outside: ssl.SSLSocket) -> None:
        with outside, contextlib.suppress(OSError):
            outside.do_handshake()
            with socket.create_connection(("127.0.0.1", self.peer.port), START) as inside:
                self._sockets.append(inside)
                # one thread for both ways: an SSL socket is not for two
                while True:
                    ready: list[socket.socket] = [outside]
                    if not outside.pending():
                        ready = select.select([outside, inside], [], [])[0]
                    for source in ready:
                        data = source.recv(65536)
                        if not data:
                            return
                        (inside if source is outside else outside).sendall(data)

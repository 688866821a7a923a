"""Make certificates for tests: authorities and what they sign, by the program ``openssl``."""

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tests.conftest import need

_SETTINGS = """
[ca]
default_ca = own
[own]
new_certs_dir = .
database = index.txt
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = supplied
"""


class Pair(NamedTuple):
    """The PEM files of a certificate and of its private key."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority.

    Parameters
    ----------
    folder : Path
        Where its files go; it is made.
    name : str
        What it is called.
    """

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        (folder / "ca.cnf").write_text(_SETTINGS)
        (folder / "index.txt").touch()
        self._pair = self_signed(folder, "ca", name)

    @property
    def ca(self) -> Path:
        """The PEM file of its own certificate: what its clients trust."""
        return self._pair.cert

    @cached_property
    def server(self) -> Pair:
        """A certificate that is right for ``localhost``, 127.0.0.1 and ::1."""
        return self.sign("server")

    @cached_property
    def client(self) -> Pair:
        """A certificate for a client."""
        return self.sign("client", hosts=[])

    @cached_property
    def expired(self) -> Pair:
        """A certificate that was right for ``localhost`` until yesterday."""
        return self.sign("expired", days=(-10, -1))

    @cached_property
    def early(self) -> Pair:
        """A certificate that will be right for ``localhost`` from tomorrow on."""
        return self.sign("early", days=(1, 10))

    @cached_property
    def elsewhere(self) -> Pair:
        """A certificate for other hosts."""
        return self.sign("elsewhere", hosts=["DNS:pacs.example.org", "DNS:old.example.org"])

    def sign(
        self,
        name: str,
        hosts: Sequence[str] = ("DNS:localhost", "IP:127.0.0.1", "IP:::1"),
        days: tuple[float, float] = (-1, 10),
    ) -> Pair:
        """Make a certificate.

        Parameters
        ----------
        name : str
            Its common name, and that of its files.
        hosts : sequence of str, optional
            Its alternative names as OpenSSL writes them.
        days : tuple of float, optional
            From when to when it is valid, counted from now.
        """
        key, request, cert = (self._folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        _openssl(
            self._folder, "req", "-new", *_NEW_KEY, "-keyout", key, "-subj", f"/CN={name}",
            "-out", request,
        )  # fmt: skip
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName = {','.join(hosts)}\n" if hosts else "")
        start, end = (_moment(day) for day in days)
        _openssl(
            self._folder, "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", self._pair.cert,
            "-keyfile", self._pair.key, "-startdate", start, "-enddate", end,
            "-extfile", extensions, "-in", request, "-out", cert,
        )  # fmt: skip
        return Pair(cert, key)


def self_signed(folder: Path, name: str, subject: str = "localhost") -> Pair:
    """Make a certificate that vouches for itself, also as an authority, for a name."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    _openssl(
        folder, "req", "-x509", *_NEW_KEY, "-keyout", pair.key, "-subj", f"/CN={subject}",
        "-days", "30", "-out", pair.cert,
    )  # fmt: skip
    return pair


def encrypted(key: Path, *, old: bool = False) -> Path:
    """Encrypt a private key under a pass phrase, in PKCS #8 or as was usual before it."""
    locked = key.with_suffix(".old.key" if old else ".locked.key")
    kind = ("ec",) if old else ("pkcs8", "-topk8")
    cipher = "-aes128" if old else "-v2"
    value = () if old else ("aes-128-cbc",)
    _openssl(
        key.parent, *kind, "-in", key, cipher, *value, "-passout", "pass:secret", "-out", locked
    )
    return locked


def der(pem: Path) -> Path:
    """Write a certificate in DER."""
    binary = pem.with_suffix(".der")
    _openssl(pem.parent, "x509", "-in", pem, "-outform", "DER", "-out", binary)
    return binary


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _moment(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


def _openssl(folder: Path, *arguments: str | Path) -> None:
    command = [need("openssl"), *map(str, arguments)]
    subprocess.run(command, cwd=folder, capture_output=True, check=True, stdin=subprocess.DEVNULL)

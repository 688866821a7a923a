"""`storescp`: what its options may say, what it stores under which names, and its exit codes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.certificates import Authority
from tests.cli.receiving import ct, files, receiving, storescu
from tests.cli.retrieving import run
from tests.conftest import need
from tests.dataset.test_naming import HOSTILE
from tests.disks import mounted
from tests.factories import make_ct
from tests.net.hostile import association, instance, status
from tests.net.wire import Instance


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "in"


# What is wrong is said before anybody is listened to

WRONG = {
    ("--min-free", "5Q"): ("--min-free: '5Q' is no size", "500M"),
    ("--min-free", "-1"): ("--min-free: '-1' is no size", "500M"),
    ("--min-free", ""): ("--min-free: '' is no size", "500M"),
    ("--min-free", "9" * 400): ("is no size", "500M"),
    ("--allow-host", "10.0.0.0/99"): ("'10.0.0.0/99' is no address or network", "10.0.0.0/8"),
    ("--allow-host", "pacs.local"): ("'pacs.local' is no address or network", "10.0.0.5"),
    ("--accept", "JPEGLosless"): ("'JPEGLosless' is no transfer syntax", "JPEGLossless"),
    ("--accept", "JPEGBaseline8Bit,"): ("'' is no transfer syntax", "commas"),
    ("--name", "../{SOPInstanceUID}.dcm"): ("has a part that begins with '.'", "{PatientID}/"),
    ("--name", "/etc/x"): ("--name '/etc/x': has a part without a name", "{PatientID}/"),
    ("--name", ""): ("--name '': has a part without a name", "{PatientID}/"),
    ("--name", "{PatientNme}"): ("'PatientNme' is not a keyword", "PatientName"),
    ("--name", "{PixelData}"): ("PixelData: is (7fe0,0010), which has no value", "{PatientID}/"),
    ("--name", "{PatientID"): ("is no template", "{PatientID}/"),
    ("--name", "a", "--sort", "flat"): ("--name: does not go with --sort", None),
    ("--on-file", "no-such-program #f"): ("'no-such-program': no such program", "Give its path"),
    ("--on-file", ""): ("--on-file: names no program", "#p is the folder"),
    ("--on-file", "'"): ("--on-file: ''': no closing quotation", "#p is the folder"),
    ("--on-file", "sh -c 'rm #f'"): ("must not be part of a shell's script", '"$1"'),
    ("--on-study", "echo #f"): ("#f is a file, and a study has many", "#p is the folder"),
    ("--tls-key", "key.pem"): ("--tls-key: goes with --tls-cert", "certificate of its own"),
    ("--tls-ca", "ca.pem"): ("--tls-ca: goes with --tls-cert", "certificate of its own"),
    ("--aet", ""): ("--aet: must have 1 to 16 characters", None),
    ("-aet", "A" * 17): ("--aet: must have 1 to 16 characters", None),
    ("--allow-calling", "a\\b"): ("--allow-calling: must be ASCII text", None),
    ("--fault", "explode"): ("'explode' is no ACTION", "ACTION[:WHEN]"),
    ("--fault", "status=1"): ("'1' is no status of four hexadecimal digits", "ACTION[:WHEN]"),
    ("--fault", "abort:at=0"): ("'0' is no number from 1", "ACTION[:WHEN]"),
    ("--idle-exit", "0"): ("'--idle-exit': must be a number of seconds above 0", None),
    ("--idle-exit", "nan"): ("'--idle-exit': must be a number of seconds above 0", None),
    ("--idle-timeout", "inf"): ("'--idle-timeout': must be a number of seconds above 0", None),
    ("--study-timeout", "-1"): ("'--study-timeout': must be a number of seconds above 0", None),
    ("--max-files", "0"): ("'--max-files': 0 is not in the range x>=1", None),
    ("--max-associations", "0"): ("'--max-associations': 0 is not in the range", None),
    ("--max-pdu", "100"): ("'--max-pdu' / '-pdu': 100 is not in the range 4096<=x<=1048576", None),
    ("--on-duplicate", "ask"): ("'skip-identical', 'keep-both', 'overwrite', 'reject'", None),
    ("--sort", "series"): ("'flat', 'study', 'patient'", None),
    ("--sop-classes", "all"): ("'storage', 'any'", None),
    ("--format", "json"): ("'text', 'ndjson'", None),
    ("65536",): ("'PORT': 65536 is not in the range 0<=x<=65535", None),
    ("dicom",): ("'PORT': 'dicom' is not a valid int", None),
}
"""Options, with what is said of them and, where there is one, in the hint."""


@pytest.mark.parametrize("options", WRONG, ids=" ".join)
def test_an_option_that_is_wrong(options: tuple[str, ...], out: Path) -> None:
    """Neither is anything listened on nor is the folder made."""
    what, hint = WRONG[options]
    ran = run("storescp", "--bind", "127.0.0.1", "-od", out, *options)
    assert ran.exit_code == 2
    said, *hints = ran.stderr.replace("\n", " ").split("hint: ")
    assert what in " ".join(said.split())
    assert hint is None if not hints else hint in hints[0]
    assert not out.exists()


def test_a_certificate_that_is_not_there(out: Path) -> None:
    ran = run("storescp", "0", "-od", out, "--tls-cert", "nowhere.pem")
    assert ran.exit_code == 5
    assert "nowhere.pem: no such file" in ran.stderr


def test_a_key_of_another_certificate(tmp_path: Path, out: Path) -> None:
    pki = Authority(tmp_path / "pki")
    mixed = "--tls-cert", pki.server.cert, "--tls-key", pki.client.key
    ran = run("storescp", "0", "-od", out, *mixed)
    assert ran.exit_code == 5
    assert "not that of the certificate" in ran.stderr


def test_a_configuration_that_is_wrong(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("aet = 'TOO LONG FOR AN AE TITLE'")
    monkeypatch.setenv("DCMTOOLS_CONFIG", str(tmp_path / "config.toml"))
    ran = run("storescp", "0", "-od", out)
    assert ran.exit_code == 5
    assert "config.toml: aet must have" in ran.stderr


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, why in (("file", "is not a folder"), ("file/in", "not a directory")):
        ran = run("storescp", "0", "--bind", "127.0.0.1", "-od", tmp_path / folder)
        assert ran.exit_code == 4
        assert f"{folder}: {why}" in ran.stderr


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m,ro") as disk:
        for folder in (disk, disk / "in"):
            ran = run("storescp", "0", "--bind", "127.0.0.1", "-od", folder)
            assert ran.exit_code == 4
            assert f"{folder}: read-only file system" in ran.stderr


def test_a_port_that_is_taken(out: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("storescp", port, "--bind", "127.0.0.1", "-od", out)
    assert ran.exit_code == 6
    assert f"127.0.0.1 port {port}: cannot listen: address already in use" in ran.stderr
    assert "hint: Another program listens there; 0 takes any port that is free." in ran.stderr


def test_a_port_that_is_for_the_administrator(tmp_path: Path) -> None:
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not first.exists() or int(first.read_text()) <= 104:
        pytest.skip("here every port is for everybody")
    drop = [need("setpriv"), "--bounding-set=-net_bind_service"] if os.getuid() == 0 else []
    command = [*drop, sys.executable, "-m", "dcmtools", "storescp", "104", "--bind", "127.0.0.1"]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, check=False, text=True, timeout=20
    )
    assert ran.returncode == 6, ran.stderr
    assert "port 104: cannot listen: permission denied" in ran.stderr
    assert "hint: Ports below 1024 are for the administrator." in ran.stderr


def test_an_address_of_another_machine(out: Path) -> None:
    """One of those that are for documentation (RFC 5737), to which nothing is sent."""
    ran = run("storescp", "0", "--bind", "192.0.2.1", "-od", out)
    assert ran.exit_code == 6
    assert "192.0.2.1 port 0: cannot listen: cannot assign requested address" in ran.stderr
    assert "hint: It is no address of this machine." in ran.stderr


def test_the_environment_names_us(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCMTOOLS_AET", "WS7")
    with receiving(out, "--check-called") as server:
        assert server.of("listening")[0]["aet"] == "WS7"
        assert server.send(ct(), called="WS7") == [0]


# What comes is stored as it is


def test_objects_come_and_are_stored_as_they_are(out: Path) -> None:
    sent = [ct(f"1.2.3.{n}", n * 100_000) for n in range(5)]
    with receiving(out, "--no-fsync") as server:
        assert server.send(*sent) == [0] * 5
        server.wait_for("released")
        assert server.stop() == 0
    assert files(out) == [f"1.2.3.{n}.dcm" for n in range(5)]
    assert [Instance.read(out / f"1.2.3.{n}.dcm") for n in range(5)] == sent
    assert server.summary == "5 stored, 1.0 MB"
    assert len(server.said) == 2


@pytest.mark.interop
def test_dcmtk_sends_to_us(tmp_path: Path, out: Path) -> None:
    sent = [make_ct(tmp_path / f"{n}.dcm", SOPInstanceUID=f"1.2.3.{n}") for n in range(3)]
    with receiving(out) as server:
        assert storescu(server, *sent).returncode == 0
        server.wait_for("released")
        assert server.stop() == 0
    for path in sent:
        uid = dcmread(path).SOPInstanceUID
        assert Instance.read(out / f"{uid}.dcm") == Instance.read(path)
    assert dcmread(out / "1.2.3.0.dcm") == dcmread(sent[0])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_all_addresses_by_default(out: Path, host: str) -> None:
    if host == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    with receiving(out, "--bind", "") as server:
        with association((host, server.port)) as c:
            assert status(c.store(instance())) == 0
        assert server.of("listening")[0]["host"] == "*"
        assert server.wait_for("stored")["host"] == host
        assert "of all addresses" in server.said[0]


def test_an_ipv6_address(out: Path) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    with receiving(out, "--bind", "::1", "--allow-host", "::1/128") as server:
        with association(("::1", server.port)) as c:
            assert status(c.store(instance())) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))


def test_an_object_in_doubt_is_stored_and_warned_of(out: Path) -> None:
    odd = Instance("1.2.3.4.5", "1.2.3", "1.2.3.4.999", b"what this is only its maker knows")
    with receiving(out) as server:
        assert server.send(odd) == [0]
        assert server.wait_for("stored")["reason"]
        warning = server.wait_said("warning")
        assert warning.startswith(f"warning: {out}/1.2.3.dcm: stored, but cannot be read: ")
        assert server.stop() == 0
    assert Instance.read(out / "1.2.3.dcm").data == odd.data


# Names

LAYOUTS = {
    (): "1.2.3.dcm",
    ("--sort", "flat"): "1.2.3.dcm",
    ("--sort", "study"): "1.2/1.2.1/1.2.3.dcm",
    ("--sort", "patient"): "P1/1.2/1.2.1/1.2.3.dcm",
    ("--name", "{Modality}/{InstanceNumber}-{CallingAET}.dcm"): "CT/7-SCRIPTED.dcm",
    ("--name", "{RemoteHost}/{CalledAET}_{StudyDate}"): "127.0.0.1/DCMTOOLS_unknown",
}


@pytest.mark.parametrize("options", LAYOUTS, ids=" ".join)
def test_names(options: tuple[str, ...], out: Path) -> None:
    with receiving(out, *options) as server:
        assert server.send(ct(Modality="CT", InstanceNumber="7")) == [0]
        assert server.wait_for("stored")["path"] == f"{out}/{LAYOUTS[options]}"
        assert server.stop() == 0
    assert files(out) == [LAYOUTS[options]]


def test_hostile_values_stay_below_the_folder(out: Path) -> None:
    values = [each for each in HOSTILE if len(each) < 1000]
    template = "{PatientID}/{StudyInstanceUID}/{CallingAET}/{SOPInstanceUID}.dcm"
    with receiving(out, "--name", template, "--no-fsync") as server:
        for number, value in enumerate(values):
            one = ct(f"1.{number}", PatientID=value, StudyInstanceUID=value)
            assert server.send(one, calling="../../up") == [0]
        assert server.stop() == 0
    found = files(out)
    assert len(found) == len(values)
    assert all(len(Path(name).parts) == 4 for name in found)
    assert files(out.parent) == [f"in/{name}" for name in found]


# What is there already

SAME, OTHER = ct("1.2.3"), ct("1.2.3", PatientID="P2")
DUPLICATES = {
    "skip-identical": ([0, 0, 0], ["stored", "duplicate", "stored"], 2),
    "keep-both": ([0, 0, 0], ["stored", "stored", "stored"], 3),
    "overwrite": ([0, 0, 0], ["stored", "stored", "stored"], 1),
    "reject": ([0, 0x0111, 0x0111], ["stored", "refused", "refused"], 1),
}
"""What is answered, what is told, and how many files there are in the end."""


@pytest.mark.parametrize("what", DUPLICATES)
def test_duplicates(what: str, out: Path) -> None:
    """One comes twice, and then another object of its name."""
    codes, kinds, count = DUPLICATES[what]
    with receiving(out, "--on-duplicate", what) as server:
        assert server.send(SAME, SAME, OTHER) == codes
        server.wait_for("released")
        told = [each["event"] for each in server.events if "sop_instance_uid" in each]
        assert told == kinds
        assert server.stop() == 0
    found = ["1.2.3.dcm", "1.2.3_2.dcm", "1.2.3_3.dcm"][:count]
    assert files(out) == found
    first = OTHER if what == "overwrite" else SAME
    assert Instance.read(out / "1.2.3.dcm") == first
    renamed = [each["path"] for each in server.events if each.get("renamed")]
    assert renamed == [f"{out}/{name}" for name in found[1:]]
    beside = [line for line in server.said if "stored beside another object of its name" in line]
    assert beside == [
        f"warning: {out}/{name}: stored beside another object of its name" for name in found[1:]
    ]


def test_a_duplicate_that_is_rejected_says_why(out: Path) -> None:
    with receiving(out, "--on-duplicate", "reject") as server:
        server.send(SAME, OTHER)
        said = server.wait_said("refused")
        assert said == (
            "1.2.3 from SCRIPTED@127.0.0.1 refused (0111H): "
            f"{out}/1.2.3.dcm: is there already, and is kept as it is"
        )


# The exit code tells the truth

EXITS = {
    "nothing has come": ((), [], 0, "0 stored"),
    "all is stored": ((), [SAME], 0, "1 stored, 0.0 MB"),
    "it was there": ((), [SAME, SAME], 0, "1 stored, 1 known already, 0.0 MB"),
    "one is refused": (
        ("--on-duplicate", "reject"),
        [SAME, OTHER],
        9,
        "1 stored, 1 refused, 0.0 MB",
    ),
    "all are refused": (("--min-free", "999T"), [SAME], 9, "0 stored, 1 refused"),
    "a program has failed": (
        ("--on-file", "false"),
        [SAME],
        9,
        "1 stored, 1 program failed, 0.0 MB",
    ),
}
"""Options, what is sent, the exit code, and what is said in the end."""


@pytest.mark.parametrize("case", EXITS)
def test_exit_codes(case: str, out: Path) -> None:
    options, sent, code, summary = EXITS[case]
    with receiving(out, "--idle-exit", 0.5, *options) as server:
        if sent:
            server.send(*sent)
        assert server.ended() == code
    assert server.summary == summary


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_whoever_ends_it_need_not_care(out: Path, number: int, code: int) -> None:
    with receiving(out, "--on-duplicate", "reject") as server:
        server.send(SAME, OTHER)
        assert server.stop(number) == code
    assert server.summary == "1 stored, 1 refused, 0.0 MB"

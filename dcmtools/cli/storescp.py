"""The command ``storescp``: receive objects that others send."""

import os
import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dcmtools import config
from dcmtools.cli._events import EventFormat
from dcmtools.cli._options import Settings
from dcmtools.cli._reception import Reception
from dcmtools.dataset.naming import Layout, Names
from dcmtools.dataset.placing import Duplicates
from dcmtools.errors import UsageError
from dcmtools.net.access import DEFAULT_MAX_PDU, LARGEST_PDU, SMALLEST_PDU, untold
from dcmtools.net.admission import Rules
from dcmtools.net.fault_injection import Faults
from dcmtools.net.hooks import Hook
from dcmtools.net.scp import Receiver
from dcmtools.net.sop_classes import named_syntaxes
from dcmtools.net.storage import Storage
from dcmtools.output.emit import Output

if TYPE_CHECKING:
    import ssl

_SCRIPT = """\
dcmtools storescp 0 -od incoming -f ndjson --idle-exit 5 >events &
until [ -s events ]; do sleep 0.1; done
port=$(sed -n '1s/.*"port": \\([0-9]*\\).*/\\1/p' events)
dcmtools store localhost:$port study
wait $!"""
EXAMPLES = (
    ("Receive into a folder until Ctrl-C.", "dcmtools storescp 11112 -od incoming"),
    (
        "In a script: on any free port, until nobody has been there for 5 seconds.",
        _SCRIPT,
    ),
    (
        "Sort by patient and study, and take what two modalities send and nobody else.",
        "dcmtools storescp -od archive --sort patient --allow-calling CT1 --allow-calling MR1",
    ),
    (
        "Choose the names of files.",
        "dcmtools storescp -od archive --name '{Modality}/{StudyDate}/{SOPInstanceUID}.dcm'",
    ),
    (
        "Run a program on each study, once nothing of it has come for 60 seconds.",
        "dcmtools storescp -od archive --sort study --on-study 'notify #p #a' --study-timeout 60",
    ),
    (
        "Require TLS, and certificates of one authority.",
        "dcmtools storescp 2762 -od incoming --tls-cert ws1.pem --tls-key ws1.key --tls-ca ca.pem",
    ),
    (
        "Test what a sender does when every tenth object is refused.",
        "dcmtools storescp -od incoming --fault status=A700:every=10",
    ),
)

_PORT = 11112
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([kmgt]?)b?")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def _seconds(value: float | None) -> float | None:
    if value is not None:
        try:
            config.check_seconds(value)
        except ValueError as error:
            raise typer.BadParameter(f"{error}.") from error
    return value


class Classes(StrEnum):
    """Which SOP classes are taken."""

    STORAGE = "storage"
    ANY = "any"


def storescp(
    context: typer.Context,
    port: Annotated[
        int, typer.Argument(metavar="PORT", min=0, max=65535, help="0 for any that is free.")
    ] = _PORT,
    folder: Annotated[
        Path,
        typer.Option(
            "-od",
            "--output-dir",
            metavar="DIR",
            help="Where the files go.",
            show_default="the current one",
        ),
    ] = Path(),
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="TEMPLATE",
            help="What they are called: a path with keywords in braces, which stay below DIR.",
        ),
    ] = None,
    sort: Annotated[
        Layout | None,
        typer.Option(
            "--sort", help="All in one folder, or by study, or by patient.", show_default="flat"
        ),
    ] = None,
    on_duplicate: Annotated[
        Duplicates,
        typer.Option("--on-duplicate", help="What becomes of an object whose name is taken."),
    ] = Duplicates.SKIP_IDENTICAL,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="TS,...",
            help="The transfer syntaxes to take, those preferred first; by default every one.",
        ),
    ] = None,
    sop_classes: Annotated[
        Classes,
        typer.Option(
            "--sop-classes", help="Take objects of storage and private SOP classes, or of any."
        ),
    ] = Classes.STORAGE,
    aet: Annotated[
        str | None,
        typer.Option("--aet", "-aet", metavar="AET", help="Our AE title; the default is DCMTOOLS."),
    ] = None,
    check_called: Annotated[
        bool, typer.Option("--check-called", help="Reject who calls us by another AE title.")
    ] = False,
    allow_calling: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-calling", metavar="AET", help="An AE title that may call; repeatable."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="CIDR",
            help="An address or network that may call; repeatable.",
        ),
    ] = None,
    bind: Annotated[
        str,
        typer.Option("--bind", metavar="ADDRESS", help="The address to listen on; all by default."),
    ] = "",
    max_associations: Annotated[
        int,
        typer.Option(
            "--max-associations",
            metavar="N",
            min=1,
            max=10_000,
            help="How many there may be at once.",
        ),
    ] = 50,
    max_pdu: Annotated[
        int,
        typer.Option(
            "--max-pdu",
            "-pdu",
            metavar="BYTES",
            min=SMALLEST_PDU,
            max=LARGEST_PDU,
            help="The longest PDU to receive.",
        ),
    ] = DEFAULT_MAX_PDU,
    idle_timeout: Annotated[
        float,
        typer.Option(
            "--idle-timeout",
            metavar="SECONDS",
            callback=_seconds,
            help="End an association on which nothing is asked for so long.",
        ),
    ] = 300.0,
    min_free: Annotated[
        str,
        typer.Option(
            "--min-free",
            metavar="SIZE",
            help="Refuse objects (A700H) while less is free on the disk: 500M, 10G.",
        ),
    ] = "0",
    fsync: Annotated[
        bool,
        typer.Option(
            "--fsync/--no-fsync",
            help="Acknowledge an object only once it is on stable storage.",
        ),
    ] = True,
    on_file: Annotated[
        str | None,
        typer.Option(
            "--on-file", metavar="CMD", help="A program to run on each object that is stored."
        ),
    ] = None,
    on_study: Annotated[
        str | None,
        typer.Option("--on-study", metavar="CMD", help="A program to run on each study."),
    ] = None,
    study_timeout: Annotated[
        float,
        typer.Option(
            "--study-timeout",
            metavar="SECONDS",
            callback=_seconds,
            help="How long nothing of a study has come when it is taken to be complete.",
        ),
    ] = 30.0,
    format: Annotated[  # noqa: A002 - the name of the option
        EventFormat, typer.Option("-f", "--format", help="How to write events, one a line.")
    ] = EventFormat.TEXT,
    max_files: Annotated[
        int | None,
        typer.Option(
            "--max-files",
            metavar="N",
            min=1,
            help="End once so many have come and the associations that are open then have ended.",
        ),
    ] = None,
    idle_exit: Annotated[
        float | None,
        typer.Option(
            "--idle-exit",
            metavar="SECONDS",
            callback=_seconds,
            help="End when nobody has been connected for so long, the first one included.",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", metavar="FILE", help="Require TLS; our certificate, in PEM."),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(
            "--tls-key", metavar="FILE", help="Its private key, where it is not in the same file."
        ),
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            "--tls-ca", metavar="FILE", help="Require certificates that these authorities signed."
        ),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="FAULT",
            help="Misbehave, to test a sender: status=HHHH, abort, close, noreply, delay=SECONDS"
            " or reject, with :once, :at=N, :after=N or :every=N; repeatable.",
        ),
    ] = None,
) -> None:
    """Receive objects that others send (C-STORE), and store them as they are, bit for bit.

    Every storage SOP class is taken, private ones too, in every transfer syntax. An object is
    acknowledged once it is complete under its name, on stable storage. What happens is written to
    stdout, an event a line; the first one tells the port. In the programs to run, which no shell
    sees, #p stands for the folder, #f for the file, #a and #c for the calling and the called AE
    title, #r for the calling host; DCM_ variables of the environment tell more.

    SIGTERM and Ctrl-C end it in good order: nobody is let in any more, associations that are open
    and programs that run come to their end, within a minute, and what stands still is cut off. A
    second one ends it at once. With --idle-exit or --max-files the exit code is 9 where an object
    was refused or a program has failed.
    """
    settings = context.ensure_object(Settings)
    rules = Rules(
        aet=_aet("--aet", config.load(os.environ).aet if aet is None else aet),
        check_called=check_called,
        calling=frozenset(_aet("--allow-calling", each) for each in allow_calling or ()),
        networks=tuple(_network(each) for each in allow_host or ()),
        syntaxes=named_syntaxes("--accept", accept),
        any_class=sop_classes is Classes.ANY,
        most=max_associations,
        max_pdu=max_pdu,
    )
    faults = Faults.parse(fault or ())
    programs = _hook(on_file, "--on-file"), _hook(on_study, "--on-study")
    tls = _tls(tls_cert, tls_key, tls_ca)
    names = _names(name, sort)
    least = _size(min_free)
    with Output() as output:
        reception = Reception(
            settings.talk("storescp"),
            output,
            format,
            folder,
            programs=programs,
            study_timeout=study_timeout,
            max_files=max_files,
            idle_exit=idle_exit,
        )
        receiver = Receiver(
            Storage(folder, names, duplicates=on_duplicate, durable=fsync, min_free=least),
            rules,
            port,
            host=bind,
            told=reception.told,
            tls=tls,
            idle=idle_timeout,
            faults=faults,
            trace=settings.talk("storescp").detail if settings.wants_detail else untold,
        )
        reception.run(receiver, bind)
    raise typer.Exit(reception.finish())


def _aet(option: str, text: str) -> str:
    try:
        return config.check_aet(text)
    except ValueError as error:
        raise UsageError(option, str(error)) from error


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        hint = "Write 10.0.0.5, 10.0.0.0/8 or fd00::/8."
        raise UsageError("--allow-host", f"'{text}' is no address or network", hint) from error


def _hook(text: str | None, option: str) -> Hook | None:
    return None if text is None else Hook.parse(text, option)


def _names(name: str | None, sort: Layout | None) -> Names:
    if name is not None and sort is not None:
        raise UsageError("--name", "does not go with --sort, which is a name of its own")
    if name is None:
        return Names.of(sort or Layout.FLAT)
    try:
        return Names.parse(name)
    except UsageError as error:
        raise UsageError(f"--name '{name}'", _within(error, name), error.hint) from error


def _within(error: UsageError, whole: str) -> str:
    """Say what is wrong with a part of a text; the part too, unless the reason has it."""
    return error.why if error.what == whole or error.what in error.why else str(error)


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        hint = "Write a number of bytes, or one with k, M, G or T: 500M, 1.5G."
        raise UsageError("--min-free", f"'{text}' is no size", hint)
    return int(float(match[1]) * _UNITS[match[2]])


def _tls(cert: Path | None, key: Path | None, ca: Path | None) -> "ssl.SSLContext | None":
    if cert is None:
        if key is not None or ca is not None:
            option = "--tls-ca" if key is None else "--tls-key"
            hint = "A receiver that speaks TLS has a certificate of its own."
            raise UsageError(option, "goes with --tls-cert", hint)
        return None
    from dcmtools.net.tls import server_context  # noqa: PLC0415 - ssl costs its own users only

    return server_context(cert, key, ca)

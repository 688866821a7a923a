"""The command ``store``: send objects to a peer."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dcmtools.cli._batch import operands
from dcmtools.cli._network import NetworkCommand, PeerArgument, access
from dcmtools.cli._options import (
    FailFast,
    FilesFrom,
    Null,
    Recurse,
    Report,
    Settings,
    check_distinct,
    seconds,
)
from dcmtools.cli._sending import Changes, Sending
from dcmtools.errors import UsageError
from dcmtools.net.dispatch import Policy
from dcmtools.net.plan import Transcode
from dcmtools.net.sop_classes import named_syntaxes

COMMAND = NetworkCommand

EXAMPLES = (
    ("Send a file.", "dcmtools store PACS@pacs.example.org:104 ct.dcm"),
    ("Send a folder on four associations.", "dcmtools store pacs study -j 4"),
    (
        "Send very many over a bad line, and go on after whatever has ended it.",
        "dcmtools store pacs archive --resume archive.journal --retries 10 --retry-delay 30",
    ),
    (
        "See what would be sent, in which presentation contexts.",
        "dcmtools store pacs study --dry-run",
    ),
    (
        "Send for a test, as another patient and with new UIDs.",
        "dcmtools store test study --set PatientID=TEST1 --set 'PatientName=Test^One' --new-uids",
    ),
    (
        "Send what a medium lists, and keep account of each file.",
        "dcmtools store pacs /media/cdrom --dicomdir --report sent.ndjson",
    ),
    (
        "Have the peer confirm that it keeps what it has got; it reports to us at port 11112.",
        "dcmtools store pacs study --commit --commit-listen 11112",
    ),
)

_DIMSE = 120.0  # seconds to wait for a peer to store an object
_COMMIT = 60.0  # seconds to wait for a report


class Warnings(StrEnum):
    """What a warning of the peer counts as."""

    OK = "ok"
    FAIL = "fail"


def store(
    context: typer.Context,
    peer: PeerArgument,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Files and folders.")
    ] = None,
    jobs: Annotated[
        int,
        typer.Option("-j", "--jobs", metavar="N", min=1, max=64, help="Associations to use."),
    ] = 1,
    retries: Annotated[
        int,
        typer.Option(
            "--retries",
            metavar="N",
            min=0,
            help="How often to try again what fails by the network, or by a peer that is full.",
        ),
    ] = 0,
    retry_delay: Annotated[
        float,
        typer.Option(
            "--retry-delay",
            metavar="SECONDS",
            callback=seconds,
            help="How long to wait before that.",
        ),
    ] = 10.0,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", metavar="FILE", help="Note in FILE what has arrived, and skip what has."
        ),
    ] = None,
    transcode: Annotated[
        Transcode,
        typer.Option(
            "--transcode",
            help="When to encode objects anew, uncompressed: never, where the peer does not take"
            " them as they are, or always.",
        ),
    ] = Transcode.LOSSLESS,
    propose: Annotated[
        str | None,
        typer.Option(
            "--propose", metavar="TS,...", help="Propose these transfer syntaxes for all too."
        ),
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="TAGPATH=VALUE", help="Send with this value; repeatable."),
    ] = None,
    new_uids: Annotated[
        bool,
        typer.Option(
            "--new-uids", help="Send with new study, series and instance UIDs, references too."
        ),
    ] = False,
    dicomdir: Annotated[
        bool, typer.Option("--dicomdir", help="Send the files that a DICOMDIR lists too.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "-n", "--dry-run", help="Say what would be sent on which associations; send nothing."
        ),
    ] = False,
    commit: Annotated[
        bool,
        typer.Option("--commit", help="Ask the peer to confirm that it keeps what it has got."),
    ] = False,
    commit_wait: Annotated[
        float,
        typer.Option(
            "--commit-wait",
            metavar="SECONDS",
            callback=seconds,
            help="How long to wait for its report.",
        ),
    ] = _COMMIT,
    commit_listen: Annotated[
        int | None,
        typer.Option(
            "--commit-listen",
            metavar="PORT",
            min=0,
            max=65535,
            help="Listen on PORT for a peer that reports on an association of its own.",
        ),
    ] = None,
    warnings: Annotated[
        Warnings, typer.Option("--warnings", help="What a warning of the peer counts as.")
    ] = Warnings.OK,
    files_from: FilesFrom = None,
    null: Null = False,
    recurse: Recurse = True,
    report: Report = None,
    fail_fast: FailFast = False,
) -> None:
    """Send objects to a peer, as many as there are (C-STORE).

    Files are sent as they are, bit for bit, all on one association where that has room for their
    presentation contexts. What is no DICOM is passed over in folders; what is damaged or cut short
    is not sent. One that fails keeps none of the others away. Where the peer does not take the
    transfer syntax of a file, it is sent uncompressed, which loses nothing. The command may also be
    called send.
    """
    if commit_listen is not None and not commit:
        raise UsageError("--commit-listen", "goes with --commit")
    log_file = context.ensure_object(Settings).log_file
    check_distinct(resume=resume, report=report, log_file=log_file)
    items = operands(paths or (), files_from, null=null, recurse=recurse)
    sending = Sending(
        context,
        access(context, peer, dimse_timeout=_DIMSE, identify=not dry_run),
        Policy(jobs, retries, retry_delay, fail_fast),
        Changes(transcode, named_syntaxes("--propose", propose), tuple(assign or ()), new_uids),
        resume=None if dry_run and not _is_there(resume) else resume,
        warnings_fail=warnings is Warnings.FAIL,
        report=report,
    )
    with sending:
        if commit and not dry_run:
            sending.will_commit(commit_wait, commit_listen)
        sending.look_at(items, dicomdir=dicomdir)
        if dry_run:
            sending.explain()
        else:
            sending.send()
        code = sending.finish()
    raise typer.Exit(code)


def _is_there(path: Path | None) -> bool:
    return path is not None and os.path.exists(path)  # noqa: PTH110 - never raises

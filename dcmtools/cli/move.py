"""The command ``move``: have a peer send objects to another, or to us."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dcmtools.cli._network import PeerArgument
from dcmtools.cli._query import RetrieveCommand
from dcmtools.cli._retrieve import (
    Associations,
    OutputFolder,
    Requests,
    Retrieval,
    SkipExisting,
    Sort,
    Verify,
)
from dcmtools.config import check_aet
from dcmtools.dataset.naming import Layout, Names
from dcmtools.errors import UsageError
from dcmtools.net.admission import Rules
from dcmtools.net.connect import local_address
from dcmtools.net.move import Mover
from dcmtools.net.scp import Receiver
from dcmtools.net.storage import Storage

COMMAND = RetrieveCommand

EXAMPLES = (
    ("Have a study sent to a workstation.", "dcmtools move pacs --study 1.2.3 --to WORKSTATION1"),
    (
        "Have it sent here: the peer knows the AE title WS1 as this host with port 11112.",
        "dcmtools move pacs --study 1.2.3 --aet WS1 --listen 11112 -od study",
    ),
    (
        "Send on what a query finds.",
        "dcmtools find pacs --date -7d -f tsv | dcmtools move pacs --study - --to ARCHIVE",
    ),
    (
        "See that all has come.",
        "dcmtools move pacs --accession A1 --aet WS1 --listen 11112 -od a1 --verify",
    ),
)


def move(
    context: typer.Context,
    peer: PeerArgument,
    to: Annotated[
        str | None,
        typer.Option("--to", "-aem", metavar="AET", help="The AE title to move to."),
    ] = None,
    listen: Annotated[
        int | None,
        typer.Option(
            "--listen",
            metavar="PORT",
            min=0,
            max=65535,
            help="Move to us: receive on PORT while we move; 0 for any that is free.",
        ),
    ] = None,
    folder: OutputFolder = Path(),
    sort: Sort = Layout.FLAT,
    skip_existing: SkipExisting = False,
    verify: Verify = False,
    jobs: Associations = 1,
    report: Requests = None,
) -> None:
    """Have a peer send objects to another, or to us (C-MOVE).

    They go to the AE title that --to names, or with --listen to us. The peer looks the AE title up
    in its own configuration; with --listen it has to lead to this host and port. What is asked
    for is named as in find: what are not unique keys, such as names and dates, is looked up first.
    The peer may be quiet for as long as it takes, while the connection lives. Where nothing at all
    is moved the exit code is 10.
    """
    if (to is None) == (listen is None):
        raise UsageError("--to AET or --listen PORT", "one of the two is needed")
    if to is not None and (skip_existing or folder != Path()):
        raise UsageError("--to", "nothing comes here, so that -od and --skip-existing mean nothing")
    with Retrieval(context, peer, "moved", arrives=to is None, report=report) as run:
        run.destination = destination = _checked(to) or run.access.calling_aet
        with _receiver(run, listen, folder, sort) as receiver:
            units = run.units(folder if skip_existing else None)
            run.run(partial(Mover, run.access, run.model, destination), units, jobs)
            if receiver is not None:
                run.settle(receiver)
        if verify:
            run.verify()
        code = run.finish()
    raise typer.Exit(code)


def _checked(aet: str | None) -> str | None:
    try:
        return aet and check_aet(aet)
    except ValueError as error:
        raise UsageError("--to", str(error)) from error


@contextmanager
def _receiver(
    run: Retrieval, port: int | None, folder: Path, sort: Layout
) -> Iterator[Receiver | None]:
    """Receive while the peer moves, where that is to us."""
    if port is None:
        yield None
        return
    aet, trace = run.access.calling_aet, run.access.trace
    storage = Storage(folder, Names.of(sort))
    rules = Rules(aet=aet)
    with Receiver(storage, rules, port, told=run.happened, trace=trace) as receiver:
        host = local_address(run.access.peer)
        run.talk.summary(
            f"listening as {aet} on {host}:{receiver.port}; the peer must map {aet} to this address"
        )
        yield receiver

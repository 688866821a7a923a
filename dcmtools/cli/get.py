"""The command ``get``: retrieve objects on the association on which they are asked for."""

from functools import partial
from itertools import chain
from pathlib import Path

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
    ahead,
)
from dcmtools.dataset.naming import Layout, Names
from dcmtools.net.get import Getter
from dcmtools.net.storage import Storage

COMMAND = RetrieveCommand

EXAMPLES = (
    ("Get a study.", "dcmtools get PACS@pacs.example.org:104 --study 1.2.3 -od study"),
    ("Get what belongs to an accession number.", "dcmtools get pacs --accession A1 -od a1"),
    (
        "Get what a query finds.",
        "dcmtools find pacs --date today -f ndjson | dcmtools get pacs --study - -od today",
    ),
    (
        "Get what is not there yet, on four associations, and see that all has come.",
        "dcmtools get pacs --patient-id 4711 -od 4711 --skip-existing --verify -j 4",
    ),
    (
        "Keep account of each request.",
        "dcmtools get pacs --study 1.2.3 -od study --sort study --report study.ndjson",
    ),
)

_LOOK_AHEAD = 64  # units whose SOP classes are looked up before the first is retrieved


def get(
    context: typer.Context,
    peer: PeerArgument,
    folder: OutputFolder = Path(),
    sort: Sort = Layout.FLAT,
    skip_existing: SkipExisting = False,
    verify: Verify = False,
    jobs: Associations = 1,
    report: Requests = None,
) -> None:
    """Retrieve objects on the association on which they are asked for (C-GET).

    The peer needs no way back to us, but has to offer C-GET; where it does not, see move. What is
    asked for is named as in find: what are not unique keys, such as names and dates, is looked up
    first. Objects are written as they come, bit for bit, each under its SOP Instance UID. No file
    that is there is overwritten: another object of the same name gets _2 behind it. Where nothing
    at all is retrieved the exit code is 10.
    """
    with Retrieval(context, peer, "retrieved", arrives=True, report=report) as run:
        storage = Storage(folder, Names.of(sort))
        first, rest = ahead(run.units(folder if skip_existing else None), _LOOK_AHEAD)
        first = run.resolver.with_classes(first)
        start = partial(
            Getter,
            run.access,
            run.model,
            storage,
            [uid for unit in first for uid in unit.classes],
            on_stored=run.stored,
            left=run.resolver.left,
        )
        run.run(start, chain(first, rest), jobs)
        if verify:
            run.verify()
        code = run.finish()
    raise typer.Exit(code)

"""The command ``peers``: list the peers of the configuration, and whether they answer."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from enum import StrEnum
from os import environ
from typing import Annotated, NamedTuple

import typer

from dcmtools.cli._network import NetworkCommand, configured_peers
from dcmtools.cli._tour import (
    A_PEER,
    REASON_WIDTH,
    STATES,
    TIME_WIDTH,
    End,
    Target,
    Tour,
    all_peers,
    milliseconds,
    targets,
)
from dcmtools.config import config_path
from dcmtools.dataset.delimited import table_row
from dcmtools.errors import ExitCode
from dcmtools.escape import escape
from dcmtools.net.echo import Echo, Echoer
from dcmtools.output.emit import Output, is_terminal, terminal_width

EXAMPLES = (
    ("List the peers of the configuration.", "dcmtools peers"),
    ("See which of them answer.", "dcmtools peers --check"),
    (
        "Name those that do not.",
        "dcmtools peers --check -f json | jq -r '.[] | select(.state == \"failed\") | .name'",
    ),
)
COMMAND = NetworkCommand

_COLUMNS = {
    "name": "Name",
    "aet": "AE title",
    "address": "Address",
    "tls": "TLS",
    "calling_aet": "Calling AE title",
}
_CHECKED = {"state": "State", "seconds": "Time", "reason": "Reason"}
"""The columns by name, with their headings in a table."""


class PeersFormat(StrEnum):
    """The formats of the list."""

    TABLE = "table"
    TSV = "tsv"
    JSON = "json"


class _Listed(NamedTuple):
    """A peer of the list and, where it was asked, what it answered."""

    target: Target
    echo: Echo | None = None
    end: End | None = None

    def cells(self, write: Callable[[float], str]) -> list[str]:
        """Give the cells of a row; `write` writes a time."""
        known = self.target.access
        peer = known.peer
        address = peer.label.removeprefix(f"{peer.aet}@")
        tls = "no" if peer.tls is None else "yes"
        cells = [peer.name, peer.aet, address, tls, known.calling_aet]
        if self.end is not None:
            time = write(self.echo.seconds) if self.echo else ""
            cells += ["failed" if self.end.error else "ok", time, self.end.reason]
        return [*map(escape, cells)]

    @property
    def record(self) -> dict[str, object]:
        """All that is known of it, for JSON."""
        known = self.target.access
        peer = known.peer
        record: dict[str, object] = {
            "name": peer.name,
            "aet": peer.aet,
            "host": peer.host,
            "port": peer.port,
            "tls": peer.tls is not None,
            "calling_aet": known.calling_aet,
        }
        if self.end is not None:
            record |= self.end.record
        if self.echo is not None:
            record["seconds"] = round(self.echo.seconds, 6)
            record["implementation"] = self.echo.implementation
        return record


def _listed(tour: Tour, found: Sequence[Target], *, check: bool) -> Generator[_Listed]:
    """Give the peers of the list, echoed where that is wanted."""
    if not check:
        yield from map(_Listed, found)
        return
    events = tour.go(Echoer)
    with closing(events):
        echo = None
        for event in events:
            if isinstance(event, Echo):
                tour.note(event)
                echo = event
            else:
                yield _Listed(event.target, echo, event)
                echo = None


def _json(listed: Iterable[_Listed]) -> Iterator[str]:
    """Write an array; only when all is known, so that it is never cut."""
    from json import dumps  # noqa: PLC0415 - only this format needs it

    lines = ",\n".join(dumps(each.record) for each in listed)
    yield f"[\n{lines}\n]\n" if lines else "[]\n"


def _tsv(listed: Iterable[_Listed], *, check: bool) -> Iterator[str]:
    yield table_row([*_COLUMNS, *(_CHECKED if check else ())], "\t")
    for each in listed:
        yield table_row(each.cells("{:.6f}".format), "\t")


def _table(
    listed: Iterable[_Listed], found: Sequence[Target], *, check: bool, color: bool
) -> Iterator[str]:
    from dcmtools.output.table import Column, draw  # noqa: PLC0415 - a pipe needs no rich

    plain = [_Listed(each).cells(milliseconds) for each in found]
    headings = _COLUMNS.values()
    columns = [
        Column(heading, whole=heading == "Address", room=max(map(len, cells), default=0))
        for heading, *cells in zip(headings, *plain, strict=True)
    ]
    if check:
        state, time, reason = _CHECKED.values()
        columns += [
            Column(state, room=max(map(len, STATES))),
            Column(time, right=True, room=TIME_WIDTH),
            Column(reason, whole=True, room=REASON_WIDTH),
        ]
    rows = (each.cells(milliseconds) for each in listed)
    return draw(rows, columns, terminal_width(), color=color, styles=STATES, known=True)


def _pieces(
    listed: Iterable[_Listed],
    shape: PeersFormat,
    found: Sequence[Target],
    *,
    check: bool,
    color: bool,
) -> Iterator[str]:
    """Put the list into the format that is wanted."""
    if shape is PeersFormat.JSON:
        return _json(listed)
    if shape is PeersFormat.TSV:
        return _tsv(listed, check=check)
    return _table(listed, found, check=check, color=color)


def peers(
    context: typer.Context,
    format: Annotated[  # noqa: A002 - the name of the option
        PeersFormat | None,
        typer.Option(
            "-f",
            "--format",
            help="How to print the list; table on a terminal, else tsv.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Send each an echo, and tell what comes of it.")
    ] = False,
) -> None:
    """List the peers of the configuration, and whether they answer.

    Listed are the name of each peer, its AE title, where it listens, whether it speaks TLS, and the
    AE title by which we call it. With --check each gets an echo, all at the same time, and the list
    tells which answer, how fast, and why the others do not. The exit status is then 9 where some
    fail, or all in different ways; where all fail alike it is that of the failure; where there are
    no peers it is 5. JSON is one array.
    """
    names = all_peers(context) if check else list(configured_peers(context))
    found = targets(context, names, identify=check)
    tour = Tour(context, found, alone=False)
    shape = format or (PeersFormat.TABLE if is_terminal() else PeersFormat.TSV)
    if not names:
        tour.talk.warning(f"no peers are configured in {config_path(environ)}")
        tour.talk.warning(f"hint: Write there a line such as {A_PEER}")
    with Output() as output, closing(_listed(tour, found, check=check)) as listed:
        for piece in _pieces(listed, shape, found, check=check, color=tour.color):
            output.write(piece)
            output.flush()
    raise typer.Exit(tour.finish() if check else ExitCode.OK)

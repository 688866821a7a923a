"""The command ``echo``: ask peers whether they answer, how fast, and what they offer."""

from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from typing import Annotated, Protocol, TypeVar

import typer

from dcmtools.cli._echoes import EchoFormat, EchoReport
from dcmtools.cli._network import NetworkCommand
from dcmtools.cli._options import seconds
from dcmtools.cli._tour import Target, Tour, all_peers, targets
from dcmtools.errors import DcmtoolsError, UsageError
from dcmtools.net.echo import Echoer
from dcmtools.output.emit import Output

EXAMPLES = (
    ("See whether a peer answers.", "dcmtools echo PACS@pacs.example.org:104"),
    ("See whether all peers of the configuration do.", "dcmtools echo --all"),
    ("Measure ten round trips on one association.", "dcmtools echo pacs --repeat 10"),
    ("Watch the line, an echo a second.", "dcmtools echo pacs --repeat 1000 --interval 1"),
    ("Wait for a peer that is starting, up to a minute.", "dcmtools echo pacs --wait 60"),
    ("List what a peer accepts.", "dcmtools echo pacs --probe"),
    (
        "List the SOP classes that it accepts in JPEG 2000.",
        "dcmtools echo pacs --probe | grep JPEG2000Lossless",
    ),
)
COMMAND = NetworkCommand

_T = TypeVar("_T")
_T_contra = TypeVar("_T_contra", contravariant=True)


def _targets(context: typer.Context, peers: list[str], *, all_too: bool) -> list[Target]:
    if not peers and not all_too:
        hint = "Write AET@HOST:PORT or HOST:PORT, or --all for the peers of the configuration."
        raise UsageError("PEER", "is missing", hint)
    return targets(context, [*peers, *(all_peers(context) if all_too else ())])


def _check(*, repeat: int, interval: float, probe: bool) -> None:
    """Refuse what does not go together."""
    if interval and repeat == 1:
        raise UsageError("--interval", "goes with --repeat")
    if probe and repeat > 1:
        raise UsageError("--probe", "does not go with --repeat")


class _Report(Protocol[_T_contra]):
    """What makes text of what comes of peers."""

    def pieces(self, events: Iterator[_T_contra]) -> Iterator[str]:
        """Give the text of all, as it comes."""

    def last_words(self) -> str:
        """Give what is still to be said where not all has come."""


def _print(events: Generator[_T], report: _Report[_T]) -> None:
    """Print all, as it comes."""
    with Output() as output, closing(events):
        try:
            for piece in report.pieces(events):
                output.write(piece)
                output.flush()
        except (DcmtoolsError, KeyboardInterrupt):
            output.write(report.last_words())
            output.flush()
            raise


def _probe(tour: Tour, shape: EchoFormat, wait: float) -> None:
    """Ask peers what they offer, and print it."""
    from dcmtools.cli._offers import OfferReport  # noqa: PLC0415 - an echo needs none of this
    from dcmtools.net.probe import Prober  # noqa: PLC0415

    offers = tour.go(partial(Prober, wait=wait, retried=tour.retried, progress=tour.show))
    _print(offers, OfferReport(tour, shape))


def echo(
    context: typer.Context,
    peers: Annotated[
        list[str] | None,
        typer.Argument(metavar="PEER...", help="AET@HOST:PORT, or a name; one or more."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Go to all peers of the configuration.")
    ] = False,
    format: Annotated[  # noqa: A002 - the name of the option
        EchoFormat,
        typer.Option("-f", "--format", help="How to print the results."),
    ] = EchoFormat.TEXT,
    repeat: Annotated[
        int,
        typer.Option(
            "--repeat",
            metavar="N",
            min=1,
            help="Send N echoes on one association, and tell what they took.",
            show_default=False,
        ),
    ] = 1,
    interval: Annotated[
        float,
        typer.Option(
            "--interval",
            metavar="SECONDS",
            callback=seconds,
            help="From one echo of --repeat to the next; without it there is no pause.",
            show_default=False,
        ),
    ] = 0.0,
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            callback=seconds,
            help="How long a peer may take to come up.",
            show_default=False,
        ),
    ] = 0.0,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe", help="List the SOP classes that are accepted, with transfer syntaxes."
        ),
    ] = False,
) -> None:
    """Ask peers whether they answer, how fast, and what they offer.

    PEER is AET@HOST:PORT, HOST:PORT or the name of a peer in the configuration. A line tells the
    time from connecting to the answer. With --repeat all echoes go over one association: the first
    line includes connecting, the others tell the round trip alone, and the last one sums up the
    round trips as ping does.

    Several peers are asked at the same time, and printed in their order: as lines in a pipe, as a
    table on a terminal. One that fails is such a line too; -v adds what can be done about it. The
    exit status is then 9 where some fail, or all in different ways; where all fail alike it is that
    of the failure. Times are best taken of one peer alone.

    --wait tries again while a peer refuses the connection, is silent, or rejects the association
    for now. --probe proposes every SOP class of the standard with the common transfer syntaxes.
    JSON is an object a line: one for each echo, for each failure among several peers, and at the
    end of --repeat one that sums up, with the key "echoes".
    """
    _check(repeat=repeat, interval=interval, probe=probe)
    found = _targets(context, peers or [], all_too=every)
    tour = Tour(context, found, alone=len(found) == 1 and not every)
    if probe:
        _probe(tour, format, wait)
    else:
        often = partial(Echoer, count=repeat, interval=interval)
        echoes = tour.go(partial(often, wait=wait, retried=tour.retried))
        _print(echoes, EchoReport(tour, format, count=repeat))
    raise typer.Exit(tour.finish())

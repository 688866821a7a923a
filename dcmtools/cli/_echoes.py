"""Write what comes of echoes: lines and JSON as they come, or a table, a row for each peer."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Protocol

from dcmtools.cli._tour import REASON_WIDTH, STATES, TIME_WIDTH, End, Tour, milliseconds
from dcmtools.escape import escape
from dcmtools.net.echo import Echo, RoundTrips
from dcmtools.output.emit import is_terminal, terminal_width

_TIMES_WIDTH = len("99.999/99.999/99.999/99.999")


class EchoFormat(StrEnum):
    """The formats of the results."""

    TEXT = "text"
    JSON = "json"


class _Writer(Protocol):
    """What writes the results in a format, each with its newline."""

    def echo(self, echo: Echo) -> str:
        """Write of an echo that was answered."""

    def end(self, end: End) -> str:
        """Write why a peer failed, "" where it did not."""

    def statistics(self, peer: str, trips: RoundTrips) -> str:
        """Write what many echoes took."""


class _Text:
    """Writes lines."""

    def __init__(self, count: int) -> None:
        self._count = count

    def echo(self, echo: Echo) -> str:
        number = f" {echo.number}/{self._count}" if self._count > 1 else ""
        return f"{escape(echo.peer)} ok {milliseconds(echo.seconds)}{number}\n"

    def end(self, end: End) -> str:
        return end.line

    def statistics(self, peer: str, trips: RoundTrips) -> str:
        answered = f"{trips.count}/{self._count} answered"
        association = f"association {milliseconds(trips.association_seconds)}"
        return f"{escape(peer)} {answered}, {association}, min/avg/max/mdev = {_times(trips)} ms\n"


class _Json:
    """Writes JSON, an object a line."""

    def echo(self, echo: Echo) -> str:
        return self._record(
            echo.peer,
            state="ok",
            number=echo.number,
            seconds=round(echo.seconds, 6),
            association_seconds=round(echo.association_seconds, 6),
            status=f"{echo.status.code:04X}",
            implementation=echo.implementation,
        )

    def end(self, end: End) -> str:
        return self._record(end.target.label, **end.record) if end.error else ""

    def statistics(self, peer: str, trips: RoundTrips) -> str:
        return self._record(
            peer,
            echoes=trips.count,
            association_seconds=round(trips.association_seconds, 6),
            minimum_seconds=round(trips.minimum, 6),
            average_seconds=round(trips.average, 6),
            maximum_seconds=round(trips.maximum, 6),
            deviation_seconds=round(trips.deviation, 6),
        )

    @staticmethod
    def _record(peer: str, **values: object) -> str:
        from json import dumps  # noqa: PLC0415 - only this format needs it

        return dumps({"peer": peer, **values}) + "\n"


class EchoReport:
    """What is printed of echoes.

    Parameters
    ----------
    tour : Tour
        Where the echoes come from; it is told of each.
    shape : EchoFormat
        The format.
    count : int
        How many echoes each peer is to answer.
    """

    def __init__(self, tour: Tour, shape: EchoFormat, *, count: int) -> None:
        self._tour = tour
        self._drawn = shape is EchoFormat.TEXT and is_terminal() and not tour.alone
        self._writer: _Writer = _Json() if shape is EchoFormat.JSON else _Text(count)
        self._count = count
        self._peer, self._trips = "", RoundTrips()  # of the peer under way

    def pieces(self, events: Iterator[Echo | End]) -> Iterator[str]:
        """Give the text of all, as it comes."""
        if self._drawn:
            yield from self._table(events)
            return
        for event in events:
            if isinstance(event, Echo):
                self._take(event)
                yield self._writer.echo(event)
            else:
                yield self._writer.end(event) + self.last_words()
                self._trips = RoundTrips()

    def last_words(self) -> str:
        """Write the statistics of the peer under way, "" where there are none."""
        if self._drawn or self._count == 1 or not self._trips.count:
            return ""
        return self._writer.statistics(self._peer, self._trips)

    def _table(self, events: Iterator[Echo | End]) -> Iterator[str]:
        from dcmtools.output.table import Column, draw  # noqa: PLC0415 - a pipe needs no rich

        once = [Column("Time", right=True, room=TIME_WIDTH)]
        often = [
            Column("Echoes", right=True),
            Column("Association", right=True, room=TIME_WIDTH),
            Column("min/avg/max/mdev ms", whole=True, room=_TIMES_WIDTH),
        ]
        columns = [
            Column("Peer", room=max(map(len, self._tour.labels))),
            Column("State", room=max(map(len, STATES))),
            *(once if self._count == 1 else often),
            Column("Reason", whole=True, room=REASON_WIDTH),
        ]
        rows, color = self._rows(events), self._tour.color
        return draw(rows, columns, terminal_width(), color=color, styles=STATES, known=True)

    def _rows(self, events: Iterator[Echo | End]) -> Iterator[Sequence[str]]:
        seconds = 0.0
        for event in events:
            if isinstance(event, Echo):
                self._take(event)
                seconds = event.seconds
                continue
            trips, self._trips = self._trips, RoundTrips()
            state = "ok" if event.error is None else "failed"
            cells = [milliseconds(seconds)] if self._count == 1 else _cells(trips)
            shown = cells if trips.count else [""] * len(cells)
            yield escape(event.target.label), state, *shown, escape(event.reason)

    def _take(self, echo: Echo) -> None:
        self._tour.note(echo)
        self._peer = echo.peer
        self._trips.add(echo)


def _times(trips: RoundTrips) -> str:
    """Write the minimum, average, maximum and deviation in milliseconds, as ping does."""
    found = trips.minimum, trips.average, trips.maximum, trips.deviation
    return "/".join(f"{seconds * 1000:.3f}" for seconds in found)


def _cells(trips: RoundTrips) -> list[str]:
    return [str(trips.count), milliseconds(trips.association_seconds), _times(trips)]

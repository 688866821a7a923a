"""Write what peers offer: the SOP classes that they accept, with the transfer syntaxes of each."""

from collections.abc import Iterable, Iterator

from dcmtools.cli._echoes import EchoFormat
from dcmtools.cli._tour import End, Tour
from dcmtools.dataset.dictionary import uid_keyword
from dcmtools.escape import escape
from dcmtools.net.probe import Probe
from dcmtools.output.emit import terminal_width

_INDENT = "    "


class OfferReport:
    """What is printed of offers.

    Parameters
    ----------
    tour : Tour
        Where they come from.
    shape : EchoFormat
        The format. In text there is a line for each SOP class, which starts with the peer where
        there are many; on a terminal lines that do not fit are broken.
    """

    def __init__(self, tour: Tour, shape: EchoFormat) -> None:
        self._tour = tour
        self._written = self._record if shape is EchoFormat.JSON else self._lines

    def pieces(self, events: Iterable[Probe | End]) -> Iterator[str]:
        """Give the text of all, as it comes."""
        for event in events:
            if isinstance(event, Probe):
                self._note(event)
            yield self._written(event)

    def last_words(self) -> str:
        """Give nothing: what is not complete is not told."""
        return ""

    def _note(self, found: Probe) -> None:
        if found.offers:
            count = f"{len(found.offers)} SOP classes"
            self._tour.talk.step(f"{found.peer}: {found.implementation} accepts {count}")
        else:
            self._tour.talk.warning(f"{found.peer}: accepts no SOP class of the standard")

    def _record(self, event: Probe | End) -> str:
        from json import dumps  # noqa: PLC0415 - only this format needs it

        if isinstance(event, End):
            record = {"peer": event.target.label, **event.record}
            return dumps(record) + "\n" if event.error else ""
        classes = [
            {**_named(uid), "transfer_syntaxes": [_named(syntax) for syntax in syntaxes]}
            for uid, syntaxes in event.offers.items()
        ]
        record = {"peer": event.peer, "implementation": event.implementation}
        return dumps({**record, "sop_classes": classes}) + "\n"

    def _lines(self, event: Probe | End) -> str:
        if isinstance(event, End):
            return event.line
        peer = "" if self._tour.alone else f"{escape(event.peer)}  "
        rows = [
            (peer + _name(uid), " ".join(map(_name, syntaxes)))
            for uid, syntaxes in event.offers.items()
        ]
        column = max((len(name) for name, _ in rows), default=0)
        lines = [f"{name:{column}}  {syntaxes}" for name, syntaxes in rows]
        width = terminal_width()
        if width and max(map(len, lines), default=0) > width:
            lines = [_broken(*row, width, color=self._tour.color) for row in rows]
        return "".join(f"{line}\n" for line in lines)


def _broken(name: str, syntaxes: str, width: int, *, color: bool) -> str:
    """Write the transfer syntaxes below their SOP class."""
    from textwrap import fill  # noqa: PLC0415 - only a terminal needs it

    from dcmtools.output.paint import paint  # noqa: PLC0415

    below = fill(
        syntaxes,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{paint(name, 'bold', color=color)}\n{below}"


def _name(uid: str) -> str:
    """Name a UID in a line, where a keyword is a word of its own."""
    return uid_keyword(uid) or uid


def _named(uid: str) -> dict[str, str]:
    return {"uid": uid, "keyword": uid_keyword(uid)}

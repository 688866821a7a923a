"""Query a peer: C-FIND (PS3.4 Annex C, K and others), answers as they come, any number of queries.

A query can be stopped at any time, by a limit, by Ctrl-C or because nobody reads on: the peer is
then told so, and has a moment to end in good order.
"""

from collections.abc import Generator
from contextlib import suppress
from time import monotonic
from typing import Protocol, Self

from dcmtools.dataset.answers import Answer
from dcmtools.dataset.query import Query
from dcmtools.errors import DcmtoolsError, StatusError
from dcmtools.net.access import Access
from dcmtools.net.association import Association
from dcmtools.net.command import DATA_SET_FOLLOWS, MEDIUM, Command, CommandField
from dcmtools.net.messages import Message
from dcmtools.net.negotiation import IMPLICIT_LITTLE_ENDIAN, Proposal
from dcmtools.net.status import OPTIONAL_KEYS, PENDING, Category, Status

_PATIENCE = 2.0  # seconds to end a query: nothing is lost with it, and somebody waits

_EXTENDED = ("relational queries", "combined date-time matching", "fuzzy matching of names")
"""Bytes of the extended negotiation, in order (PS3.4 Tables C.5-1 and K.5-1)."""


class Encodable(Protocol):
    """What can be asked: `dcmtools.dataset.query.Query` is one."""

    def encode(self, *, implicit: bool) -> bytes:
        """Encode the identifier, with implicit or explicit VR little endian."""


class Finder:
    """An association to query on; use it in a ``with`` block.

    Where the association is lost, the next query opens a new one.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    sop_class : str
        The UID of the SOP class that finds.
    charset : str
        The Specific Character Set to assume in answers that name none.
    relational, datetime, fuzzy : bool
        What to ask for in extended negotiation (PS3.4 C.5.1.1): keys of any level, dates and times
        matched together, names that sound or look alike.

    Raises
    ------
    ConnectionFailedError, AssociationError
        The peer cannot be reached, or does not offer this.

    Attributes
    ----------
    warnings : list of str
        What the peer does not do as it should, each once.
    """

    def __init__(  # noqa: PLR0913 - options of a query
        self,
        access: Access,
        sop_class: str,
        *,
        charset: str = "",
        relational: bool = False,
        datetime: bool = False,
        fuzzy: bool = False,
    ) -> None:
        self.warnings: list[str] = []
        self._access = access
        self._sop_class = sop_class
        self._charset = charset
        self._wanted = relational, datetime, fuzzy
        self._open()

    def _open(self) -> None:
        wanted, sop_class = self._wanted, self._sop_class
        extended = {sop_class: bytes(wanted)} if any(wanted) else None
        self._association = Association(self._access, [Proposal(sop_class)], extended=extended)
        with self._association.released_on_error():
            self._context = self._association.accepted(sop_class)
        answer = self._association.extended.get(sop_class, b"")
        for place, name in enumerate(_EXTENDED):
            if wanted[place] and answer[place : place + 1] != b"\1":
                self._warn(f"the peer does not offer {name}")

    def __enter__(self) -> Self:
        """Do nothing; the association is open."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Release the association."""
        self._association.__exit__(kind, error, trace)

    def find(self, query: Encodable, *, limit: int | None = None) -> Generator[Answer]:
        """Ask, and give the answers as they come.

        Parameters
        ----------
        query : Encodable
            What to ask.
        limit : int, optional
            After how many answers the peer is told to stop.

        Yields
        ------
        Answer
            Each match.

        Raises
        ------
        StatusError
            The peer answers with a failure, after as many matches as were given.
        ConnectionFailedError, AssociationError
            The association is lost.
        """
        if not self._association.is_open:
            self._open()
        context = self._context
        implicit = context.transfer_syntax == IMPLICIT_LITTLE_ENDIAN
        number = self._association.next_message_id()
        command = Command(
            CommandField.C_FIND_RQ,
            number,
            sop_class=self._sop_class,
            priority=MEDIUM,
            data_set=DATA_SET_FOLLOWS,
        )
        identifier = query.encode(implicit=implicit)
        given = 0
        ended = False
        try:
            self._association.send(context, command, identifier)
            while given != limit:
                answer = self._response_to(number)
                status = answer.command.status or 0
                if status not in (PENDING, OPTIONAL_KEYS):
                    ended = True
                    self._judge(Status.of(answer.command))
                    return
                if status == OPTIONAL_KEYS:
                    self._warn("the peer does not support some of the keys, and ignores them")
                if not answer.data:
                    self._warn("the peer sent a match without content")
                    continue
                given += 1
                yield Answer(answer.data, implicit=implicit, charset=self._charset)
        finally:
            if not ended:
                self._stop(number)

    def _response_to(self, number: int) -> Message:
        """Wait for a response; what still comes to an earlier query is passed over."""
        while True:
            answer = self._association.receive()
            command = answer.command
            is_late = 0 < (command.responding_to or 0) < number
            if not is_late or command.field != CommandField.C_FIND_RSP:
                self._association.check_response(command, number, CommandField.C_FIND_RSP)
                return answer
            self._warn("the peer went on with responses after the last one")

    def _judge(self, status: Status) -> None:
        if status.category is Category.WARNING:
            self._warn(f"the peer warns: {status.text}")
        elif status.category is not Category.SUCCESS:
            raise StatusError(self._association.label, f"answered {status.text}", status.hint)

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def _stop(self, number: int) -> None:
        """Cancel the query, and wait a moment for its end; what still comes is dropped."""
        association = self._association
        try:
            with suppress(DcmtoolsError), association.patience(_PATIENCE):
                if association.is_open:
                    association.cancel(self._context, number)
                deadline = monotonic() + _PATIENCE
                while association.owes_answer and monotonic() < deadline:
                    association.receive()
        finally:  # a second Ctrl-C waits no longer
            if association.owes_answer:
                association.abort()


def find(access: Access, query: Query, *, limit: int | None = None) -> Generator[Answer]:
    """Ask one query on an association of its own; see `Finder.find` for what it raises.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    query : Query
        What to ask; `dcmtools.build_query` makes one.
    limit : int, optional
        After how many answers the peer is told to stop.

    Yields
    ------
    Answer
        Each match.
    """
    with Finder(access, query.model.find) as finder:
        yield from finder.find(query, limit=limit)

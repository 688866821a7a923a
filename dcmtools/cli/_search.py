"""Run the queries of `find`: what they find, what goes wrong, and what that makes of the whole."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic

import typer

from dcmtools.cli._network import access
from dcmtools.cli._options import Settings
from dcmtools.cli._query import STDIN, asked, text_lines, the_query
from dcmtools.dataset.answers import Answer
from dcmtools.dataset.incoming import open_folder
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query import Query, build_query
from dcmtools.dataset.query_columns import terminal_columns
from dcmtools.dataset.query_keys import Key
from dcmtools.dataset.query_match import Matcher
from dcmtools.dataset.query_tables import KeyTable, read_key_table
from dcmtools.errors import (
    AssociationError,
    ConnectionFailedError,
    DcmtoolsError,
    ExitCode,
    InputError,
    StatusError,
    UsageError,
)
from dcmtools.net.find import Finder
from dcmtools.net.storage import write_answer

_DIMSE_TIMEOUT = 120.0
"""Seconds: a busy archive may search that long before it has a first match."""
_MOST_TOLD = 50
"""Oddities of answers, each told once: a peer can make up any number."""
_MOST_LOSSES = 2
"""Associations lost in a row after which a peer is taken to be gone."""


class Search:
    """One run of the command: its queries, and an account of what they found.

    Parameters
    ----------
    context : typer.Context
        That of the command.
    files : sequence of str
        Query files.
    only : bool
        Whether no return keys are added.
    each : str, optional
        A table of keys, ``-`` for standard input: a query a row.
    limit : int, optional
        How many matches of a query are enough.
    folder : Path, optional
        Where matches are written to.

    Raises
    ------
    UsageError
        What is asked for means nothing, or cannot be sent.
    InputError
        A query file or the table cannot be read.
    OutputError
        There can be no files in the folder.
    """

    def __init__(
        self,
        context: typer.Context,
        files: Sequence[str],
        *,
        only: bool,
        each: str | None,
        limit: int | None,
        folder: Path | None,
    ) -> None:
        if each == STDIN and STDIN in files:
            raise UsageError("--each -", "is standard input, which is a query file too")
        self._context = context
        self._talk = context.ensure_object(Settings).talk("find")
        self._table = _table(each)
        paths = () if self._table is None else self._table.paths
        self._own = the_query(context, files, only=True, first=map(Key, paths))
        if not self._own.model.find:
            raise UsageError(self._own.model.name, "can be retrieved but not queried")
        self._query = self._own if only else _completed(self._own)
        self._query.encode(implicit=True)  # what cannot be sent is told before anybody is asked
        self._limit = limit
        self._folder = None if folder is None else open_folder(folder)
        self._started = monotonic()
        self._asked = self._found = self._damaged = 0
        self._failures: list[ExitCode] = []
        self._told: set[str] = set()

    @property
    def columns(self) -> tuple[TagPath, ...]:
        """The columns of a table for programs: all that is asked for."""
        return self._query.columns

    def terminal_columns(self, width: int) -> tuple[TagPath, ...]:
        """Choose the columns of a table on a terminal of that width."""
        return terminal_columns(self._query, self._own.columns, width)

    def finder(self, peer: str, *, relational: bool, datetime: bool, fuzzy: bool) -> Finder:
        """Open an association with a peer; see `dcmtools.net.find.Finder`."""
        return Finder(
            access(self._context, peer, dimse_timeout=_DIMSE_TIMEOUT),
            self._query.model.find,
            charset=asked(self._context).assume_charset,
            relational=relational,
            datetime=datetime,
            fuzzy=fuzzy,
        )

    def answers(self, finder: Finder) -> Generator[Answer]:
        """Ask all queries and give what is found; one of many that fails stops no other.

        Raises
        ------
        DcmtoolsError
            There is one query, and it has failed before anything was found.
        """
        level = self._query.level
        where = f"{self._query.model.name}, level {level}" if level else self._query.model.name
        self._talk.step(f"asking in {where}")
        losses = 0
        for query in self._queries():
            self._asked += 1
            try:
                yield from self._matches(finder, query)
                losses = 0
            except (StatusError, UsageError, InputError) as error:
                self._failed(error)
            except (AssociationError, ConnectionFailedError) as error:
                self._failed(error)
                losses += 1
            if losses == _MOST_LOSSES:
                self._talk.error("the rest of the table is not asked for")
                return

    def _queries(self) -> Iterator[Query | DcmtoolsError]:
        """Give the query of each row, or what is wrong with the row."""
        if self._table is None:
            yield self._query
            return
        while True:
            found: Query | DcmtoolsError
            try:
                row = next(self._table.rows, None)
                if row is None:
                    return
                found = self._of_row(row)
            except (UsageError, InputError) as error:
                found = error
            yield found

    def _of_row(self, row: Sequence[str]) -> Query:
        paths = self._table.paths if self._table else ()
        keys = [Key(path, value) for path, value in zip(paths, row, strict=True)]
        return build_query(
            [*self._query.keys, *keys],
            model=self._query.model,
            level=self._query.level,
            only=True,
            charset=self._query.charset,
        )

    def _matches(self, finder: Finder, query: Query | DcmtoolsError) -> Iterator[Answer]:
        """Ask a query, give what is found, and say what is odd about it."""
        if isinstance(query, DcmtoolsError):
            raise query
        matcher, before = Matcher(query), self._found
        try:
            with closing(finder.find(query, limit=self._limit)) as answers:
                for answer in answers:
                    self._take(answer, query, matcher)
                    yield answer
        except StatusError as error:
            raise _explained(error, query) from error
        finally:
            for text in finder.warnings:
                self._warn(text)
        self._talk.step(f"{self._place}{_counted(self._found - before, 'match', 'matches')}")

    def _take(self, answer: Answer, query: Query, matcher: Matcher) -> None:
        """Count a match, say what is wrong with it, and write it where that is wanted."""
        self._found += 1
        self._damaged += answer.damage is not None
        for problem in answer.problems:
            self._warn(f"match {self._found}: {problem}", once=problem.reason)
        if answer.damage is None:
            for path in matcher.unmatched(answer):
                self._warn(f"the peer ignores {path}: there are matches with other values")
            for path in matcher.unanswered(answer):
                self._warn(f"the peer ignores {path}: there are matches without it")
        if self._folder is not None:
            write_answer(answer, self._folder / f"rsp{self._found:04}.dcm", query.model.find)

    def _failed(self, error: DcmtoolsError) -> None:
        """Count a query that failed; the only one, if it was in vain, is the failure of all."""
        if self._table is None and not self._found:
            raise error
        self._failures.append(error.exit_code)
        hint = "" if error.hint in self._told else error.hint
        self._told.add(error.hint)
        self._talk.error(f"{self._place}{error}", hint)

    @property
    def _place(self) -> str:
        return "" if self._table is None else f"row {self._asked}: "

    def _warn(self, text: str, *, once: str = "") -> None:
        once = once or text
        if once in self._told or len(self._told) > _MOST_TOLD:
            return
        self._told.add(once)
        if len(self._told) > _MOST_TOLD:
            text = "there is more that is odd, and it is not told"
        self._talk.warning(f"warning: {text}")

    def finish(self, *, fail_empty: bool) -> ExitCode:
        """Say how it went, and give the exit code."""
        failed = len(self._failures)
        if self._table is not None:
            parts = [
                _counted(self._asked, "query", "queries"),
                _counted(self._found, "match", "matches"),
                *([f"{failed} failed"] if failed else []),
            ]
            self._talk.summary(f"{', '.join(parts)} in {monotonic() - self._started:.1f} s")
        elif not self._found:
            self._talk.summary("no matches")
        if failed and failed == self._asked and not self._found:
            return self._failures[0]
        if failed or self._damaged:
            return ExitCode.PARTIAL
        return ExitCode.EMPTY if fail_empty and not self._found else ExitCode.OK


def _table(each: str | None) -> KeyTable | None:
    """Read the head of a table of keys."""
    if each is None:
        return None
    return read_key_table(text_lines(each), name="standard input" if each == STDIN else each)


def _explained(error: StatusError, query: Query) -> StatusError:
    """Add to a failure what is wanting in the query (PS3.4 C.4.1.2.1)."""
    missing = " and ".join(map(str, query.missing_unique_keys))
    if not missing:
        return error
    hint = f"At this level it may want one {missing}, unless it agrees to --relational."
    return StatusError(error.what, error.why, f"{error.hint} {hint}".lstrip())


def _completed(own: Query) -> Query:
    """Add the useful attributes of the level."""
    return build_query(own.keys, model=own.model, level=own.level, charset=own.charset)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"

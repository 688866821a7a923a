"""Turn the answers of a query into text: cells of a table, JSON, XML, and streams of them.

An answer is the identifier of a C-FIND response (PS3.4 C.4.1.1.3.2): a small data set in memory,
made by a peer that need not be trusted. Whatever its bytes are, something is shown and nothing
raises; what is wrong with it can be asked for. It is walked once, however much is asked.

A column is a tag path, and its cell what stands at that place and no other: `PatientID` is not the
one that an item of Other Patient IDs Sequence holds. Several hits, as from several items, are
joined by ``|``, as in the tables of a dump.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.bulk import Bulk, ModelOptions
from dcmtools.dataset.charset import SURROGATE
from dcmtools.dataset.delimited import DELIMITERS, table_row
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    Element,
    Problem,
)
from dcmtools.dataset.json import json_document
from dcmtools.dataset.path import EXACT, TagPath
from dcmtools.dataset.scan import Scanner
from dcmtools.dataset.select import without_group_lengths
from dcmtools.dataset.source import BytesSource
from dcmtools.dataset.text import value_of
from dcmtools.dataset.xml import PROLOG, xml_blocks
from dcmtools.escape import escape


class AnswerFormat(StrEnum):
    """The formats of answers."""

    TABLE = "table"
    TSV = "tsv"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    XML = "xml"


class _Index(NamedTuple):
    """The elements of an answer by tag."""

    own: dict[int, Element]
    """Of the data set itself; where one is there twice, the first."""
    nested: dict[int, list[Element]]
    """Of the items of sequences, in the order of the answer."""


class Answer:
    """One answer to a query.

    Parameters
    ----------
    raw : bytes
        The identifier, encoded in little endian.
    implicit : bool
        Whether it is encoded with implicit VR, by the transfer syntax of its presentation context.
    charset : str
        The Specific Character Set to assume where the answer names none, as PS3.3 C.12.1.1.2
        spells it, several values separated by a backslash.

    Attributes
    ----------
    elements : list of Element
        The elements in order, sequences and items included; `load` reads their values.
    """

    __slots__ = ("_found", "_index", "charset", "elements", "implicit", "raw")

    def __init__(self, raw: bytes, *, implicit: bool, charset: str = "") -> None:
        self.raw = raw
        self.implicit = implicit
        self.charset = charset
        encoding = IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE
        scanner = Scanner(BytesSource(raw), 0, encoding, charset=charset.encode())
        self.elements = list(scanner)
        self._found = scanner.problems
        self._index: _Index | None = None

    def load(self, element: Element) -> bytes:
        """Read the value of an element of this answer that is no sequence."""
        if element.value is not None:
            return element.value
        return self.raw[element.value_offset : element.value_offset + element.length]

    def values(self, columns: Sequence[TagPath]) -> list[str]:
        """Print the cells of a row, control characters escaped.

        Parameters
        ----------
        columns : sequence of TagPath
            The places of the values; a sequence without an item number stands for all its items.

        Returns
        -------
        list of str
            A cell for each column, "" where the answer has no value there.
        """
        own, nested = self._by_tag()
        cells = []
        for path in columns:
            tag = path.plain_tag
            if tag is None:
                hits = _hits(path, self.elements, nested)
                cells.append("|".join([value_of(element, self.load, None) for element in hits]))
            else:
                element = own.get(tag)
                cells.append("" if element is None else value_of(element, self.load, None))
        return cells

    def value(self, tag: int) -> str:
        """Print the value of an attribute of the data set itself as a cell, "" when missing.

        Parameters
        ----------
        tag : int
            Group and element, ``0xggggeeee``.
        """
        element = self._by_tag().own.get(tag)
        return "" if element is None else value_of(element, self.load, None)

    def has(self, tag: int) -> bool:
        """Tell whether an attribute is in the data set itself, with a value or without one."""
        return tag in self._by_tag().own

    def json(self, *, simple: bool = False) -> str:
        """Print the answer as one JSON object, on one line.

        Parameters
        ----------
        simple : bool
            Whether to write keywords and plain values in place of the DICOM JSON model (PS3.18
            Annex F).
        """
        options = ModelOptions(simple=simple, bulk=Bulk.INLINE)
        return json_document(without_group_lengths(self.elements), self.load, options)

    def xml(self) -> str:
        """Print the answer as a document in the Native DICOM Model (PS3.19 Annex A.1)."""
        options = ModelOptions(bulk=Bulk.INLINE)
        return "".join(xml_blocks(without_group_lengths(self.elements), self.load, options))

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the answer; offsets are bytes from its start."""
        if self.raw.isascii():
            return self._found
        return [*self._found, *_undecodable(self.elements)]

    @property
    def damage(self) -> Problem | None:
        """The first problem that means data is missing or in doubt; None while all is whole."""
        return next((problem for problem in self._found if problem.damage), None)

    def _by_tag(self) -> _Index:
        if self._index is None:
            self._index = index = _Index({}, {})
            for element in self.elements:
                tag, vr, _, _, _, _, level = element
                if not vr or tag == ITEM:
                    continue
                if level.parent is None:
                    index.own.setdefault(tag, element)
                else:
                    index.nested.setdefault(tag, []).append(element)
        return self._index


def _hits(
    path: TagPath, elements: Iterable[Element], nested: dict[int, list[Element]]
) -> Iterator[Element]:
    """Find what a path names that is not one standard attribute of the data set itself."""
    *above, last = path.nodes
    if above and last.mask == EXACT:
        elements = nested.get(last.tag, ())
    for element in elements:
        tag, vr, _, _, _, _, level = element
        if not vr or tag == ITEM or level.depth != len(above):
            continue  # before the way down is looked at, which may be long
        if path.matches(tag, level.creator(tag), level.steps() if above else ()):
            yield element


def _undecodable(elements: Iterable[Element]) -> Iterator[Problem]:
    """Find text with bytes that its character set does not know; they are shown as escapes."""
    for tag, vr, _, offset, _, raw, level in elements:
        if vr not in values.TEXT_VRS or raw is None or raw.isascii():
            continue
        if SURROGATE.search(values.text(raw, vr, level.charset)):
            named = level.charset.decode("ascii", "replace").strip(" \0")
            kind = f"in {named!r}" if named else "in ASCII, and no Specific Character Set is named"
            yield Problem(offset, f"{describe(tag)} is no text {kind}", damage=False)


# Columns


class AnswerColumn(NamedTuple):
    """A column of a table of answers, as `dcmtools.output.table` draws it."""

    heading: str
    whole: bool
    """Whether its values are never cut, as a UID is worth nothing without its end."""
    right: bool
    """Whether it holds numbers."""
    room: int
    """The characters that a long value takes, as far as the VR tells."""


_ROOM = {"UI": 64, "PN": 28, "LO": 24, "SH": 16, "AE": 16, "CS": 8, "DA": 8, "TM": 6, "DT": 14}
_LONG_TEXT_ROOM = 32
_NUMBERS = {"IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD"}


def answer_columns(paths: Sequence[TagPath]) -> list[AnswerColumn]:
    """Describe the columns of a table for people: short headings, and how values look.

    Parameters
    ----------
    paths : sequence of TagPath
        The columns. A heading is the last keyword of its path, or the whole path where two
        columns end the same.
    """
    ends = [str(path.nodes[-1]) for path in paths]
    count = Counter(ends)
    columns = []
    for path, end in zip(paths, ends, strict=True):
        tag = path.nodes[-1].tag
        entry = None if tag & PRIVATE_GROUP else dictionary.lookup(tag)
        vr = entry.vr if entry else ""
        heading = escape(end if count[end] == 1 else str(path))
        room = _LONG_TEXT_ROOM if vr in values.SINGLE_TEXT_VRS else _ROOM.get(vr, 0)
        columns.append(AnswerColumn(heading, vr == "UI", vr in _NUMBERS, room))
    return columns


# Streams


def render(
    answers: Iterable[Answer],
    format: AnswerFormat,  # noqa: A002 - what the option is called
    columns: Sequence[TagPath] = (),
    *,
    simple: bool = False,
) -> Iterator[str]:
    """Print answers one by one, as they come.

    A document is never left half-written: where `answers` raises, what is open is closed before
    the exception goes on.

    Parameters
    ----------
    answers : iterable of Answer
        The answers; nothing is kept of one that was printed.
    format : AnswerFormat
        ``csv`` and ``tsv`` start with a row of the column paths, also where there are no answers;
        ``json`` is one array; ``ndjson`` is an object a line; ``xml`` is one document, in which
        each answer is a Native DICOM Model below the root ``responses``, since the model has one
        root a data set; the name is the one that DCMTK's ``findscu -Xs`` uses. ``table`` has no
        text of its own: `dcmtools.output.table` draws it from `Answer.values`.
    columns : sequence of TagPath
        The columns of ``csv`` and ``tsv``.
    simple : bool
        In JSON, whether to write keywords and plain values.

    Yields
    ------
    str
        The start of a document or table, then what is to be written for each answer, then the end.

    Raises
    ------
    ValueError
        The format is ``table``.
    """
    if format is AnswerFormat.TABLE:
        raise ValueError("a table is drawn, not rendered")
    if format in DELIMITERS:
        return _table(answers, DELIMITERS[format], columns)
    if format is AnswerFormat.NDJSON:
        return (f"{answer.json(simple=simple)}\n" for answer in answers)
    if format is AnswerFormat.JSON:
        return _enclosed("[", _array_members(answers, simple=simple), "\n]\n")
    documents = (answer.xml().removeprefix(PROLOG) for answer in answers)
    return _enclosed(f'{PROLOG}<responses type="C-FIND">\n', documents, "</responses>\n")


def _table(answers: Iterable[Answer], delimiter: str, columns: Sequence[TagPath]) -> Iterator[str]:
    yield table_row(map(str, columns), delimiter)
    for answer in answers:
        yield table_row(answer.values(columns), delimiter)


def _array_members(answers: Iterable[Answer], *, simple: bool) -> Iterator[str]:
    separator = "\n"
    for answer in answers:
        yield separator + answer.json(simple=simple)
        separator = ",\n"


def _enclosed(start: str, members: Iterable[str], end: str) -> Iterator[str]:
    """Put members between a start and an end, which comes also where they fail."""
    yield start
    try:
        yield from members
    except GeneratorExit:  # nobody reads on
        raise
    except BaseException:  # Ctrl-C too
        yield end
        raise
    yield end

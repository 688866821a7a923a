"""Show what a file holds: choose the elements and the format, and say what could not be read."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from dcmtools.dataset import dictionary
from dcmtools.dataset.bulk import DEFAULT_BULK_SIZE, Bulk, ModelOptions, is_bulk
from dcmtools.dataset.delimited import DELIMITERS, table_row
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import ENCODING_NAMES, Element, Problem
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.select import (
    first_values,
    selected,
    to_depth,
    without_group_lengths,
    without_private,
)
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED
from dcmtools.dataset.text import TextOptions, text_blocks, value_of
from dcmtools.errors import NotDicomError
from dcmtools.escape import escape

if TYPE_CHECKING:
    from dcmtools.dataset.rows import ElementRow

_META_GROUP = 0x0002
_META_HEADING = "\n# Dicom-Meta-Information-Header\n# Used TransferSyntax: ExplicitVRLittleEndian\n"


class Format(StrEnum):
    """The formats of a dump."""

    TEXT = "text"
    TREE = "tree"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    TSV = "tsv"
    XML = "xml"
    VALUE = "value"


TABLES = (Format.CSV, Format.TSV, Format.VALUE)
"""The formats that give one value for each path, and read no further than they must."""

_MODELS = (Format.JSON, Format.NDJSON, Format.XML)


@dataclass(frozen=True, slots=True)
class DumpOptions:
    """What to show of a file, and how.

    Parameters
    ----------
    format : Format
        The format.
    paths : tuple of TagPath
        The elements to show; empty for all.
    simple : bool
        In JSON, whether to write keywords and plain values.
    bulk : Bulk or None
        What becomes of bulk data; None for what suits the format.
    bulk_size : int
        The bytes above which a binary value is bulk data.
    private : bool
        Whether private elements are shown.
    meta : bool or None
        Whether the file meta group is shown; None for what suits the format: the models of the
        standard leave it out.
    depth : int or None
        The depth of the sequences whose items are still shown; None for all.
    width : int
        The most characters of a value in text; 0 for all.
    filename : bool
        Whether the name of the file is shown.
    uid_names : bool
        Whether text shows well-known UIDs by their keyword.
    charset : str
        The Specific Character Set to assume where the data set names none.
    max_inflated : int
        The most bytes that a deflated data set may inflate to.
    """

    format: Format = Format.TEXT
    paths: tuple[TagPath, ...] = ()
    simple: bool = False
    bulk: Bulk | None = None
    bulk_size: int = DEFAULT_BULK_SIZE
    private: bool = True
    meta: bool | None = None
    depth: int | None = None
    width: int = 0
    filename: bool = False
    uid_names: bool = True
    charset: str = ""
    max_inflated: int = DEFAULT_MAX_INFLATED


@dataclass(slots=True)
class Dump:
    """A dump of one file; iterate to get the text, then ask what was found.

    Parameters
    ----------
    path : Path
        The file; ``-`` is standard input.
    options : DumpOptions
        What to show, and how.
    named : bool
        Whether the user named the file: a DICOMDIR that was only met on a walk is no input.

    Attributes
    ----------
    problems : list of Problem
        What is wrong with the part that was read.
    notes : list of str
        What the dump leaves out, though it was asked for.
    hits : int
        How many elements a selection gave, with those around and inside them; 0 for none.
    transfer_syntax : str
        The Transfer Syntax UID, "" when the file gives none.
    encoding : str
        How the data set is encoded, in words.
    """

    path: Path
    options: DumpOptions = field(default_factory=DumpOptions)
    named: bool = True
    problems: list[Problem] = field(default_factory=list, init=False)
    hits: int = field(default=0, init=False)
    transfer_syntax: str = field(default="", init=False)
    encoding: str = field(default="", init=False)
    notes: list[str] = field(default_factory=list, init=False)

    def __iter__(self) -> Iterator[str]:
        """Give the text of the dump piece by piece.

        Raises
        ------
        InputError
            The file cannot be read, or is no DICOM file (`NotDicomError`).
        """
        with self._opened() as file:
            if self.options.format in TABLES:
                yield self._table(file)
            elif self.options.format in _MODELS:
                yield from self._model(file)
            else:
                yield from self._text(file)

    def rows(self) -> "Iterator[ElementRow]":
        """Give the elements one by one, for a view that draws them; raises as iterating does."""
        from dcmtools.dataset.rows import element_rows  # noqa: PLC0415 - each its own format

        options = self.options
        with self._opened() as file:
            walk = self._elements(file, meta=options.meta is not False, ancestors=True)
            yield from element_rows(walk, file.value, self._bulk_size)

    @contextmanager
    def _opened(self) -> Iterator[DicomFile]:
        options = self.options
        with DicomFile(
            self.path, charset=options.charset, max_inflated=options.max_inflated
        ) as file:
            self.problems, self.notes, self.hits = [], [], 0
            self.transfer_syntax = file.header.transfer_syntax
            self.encoding = ENCODING_NAMES[file.header.encoding]
            if file.header.is_directory and not self.named:
                raise NotDicomError(str(self.path), "is a DICOMDIR, read only where it is named")
            yield file
            self.problems = file.problems

    @property
    def _bulk_size(self) -> int | None:
        return None if self.options.bulk is Bulk.INLINE else self.options.bulk_size

    def _elements(self, file: DicomFile, *, meta: bool, ancestors: bool) -> Iterator[Element]:
        """Walk what is to be shown."""
        options = self.options
        walk: Iterable[Element] = chain(file.meta if meta else (), file.elements())
        if not options.private:
            walk = without_private(walk)
        if options.paths:
            walk = selected(walk, options.paths, ancestors=ancestors)
        if options.depth is not None:
            walk = to_depth(walk, options.depth)
        return self._counted(walk) if options.paths else iter(walk)

    def _counted(self, elements: Iterable[Element]) -> Iterator[Element]:
        for element in elements:
            self.hits += 1
            yield element

    def _shows(self, element: Element) -> bool:
        """Tell whether the options leave an element of a table in."""
        options, level = self.options, element.level
        if options.depth is not None and level.depth > options.depth:
            return False
        if options.meta is False and element.tag >> 16 == _META_GROUP:
            return False
        tags = (element.tag, *(step.tag for step in level.steps())) if not options.private else ()
        return not any(tag & PRIVATE_GROUP for tag in tags)

    @property
    def _name(self) -> str:
        return escape(str(self.path))

    def _text(self, file: DicomFile) -> Iterator[str]:
        options = self.options
        text = TextOptions(options.uid_names, options.width, self._bulk_size)
        title = f"# {self._name}\n" if options.filename else ""
        if options.paths or options.meta is False:
            walk = self._elements(file, meta=options.meta is not False, ancestors=False)
            if not options.paths:
                title += "\n# Dicom-Data-Set\n"
            for block in text_blocks(walk, file.value, text):
                yield title + block
                title = ""
            return
        yield f"{title}\n# Dicom-File-Format\n"
        if file.meta:
            yield _META_HEADING
            yield from text_blocks(file.meta, file.value, text)
        uid = file.header.transfer_syntax
        syntax = dictionary.uid_keyword(uid) or escape(uid) or ENCODING_NAMES[file.header.encoding]
        yield f"\n# Dicom-Data-Set\n# Used TransferSyntax: {syntax}\n"
        yield from text_blocks(self._elements(file, meta=False, ancestors=False), file.value, text)

    def _model(self, file: DicomFile) -> Iterator[str]:
        from dcmtools.dataset.json import json_document, string  # noqa: PLC0415

        options = self.options
        meta = options.meta
        if meta is None:
            meta = any(path.nodes[0].tag >> 16 == _META_GROUP for path in options.paths)
        walk = self._elements(file, meta=meta, ancestors=True)
        if not options.paths:
            walk = without_group_lengths(walk)
        uri = self.path.absolute().as_uri() if file.is_addressable else ""
        bulk = options.bulk or Bulk.URI
        if bulk is Bulk.URI and not uri:
            bulk = Bulk.OMIT
            walk = self._noting_bulk(walk)
        model = ModelOptions(options.simple, bulk, options.bulk_size, uri, self.notes)
        if options.format is Format.XML:
            from dcmtools.dataset.xml import xml_blocks  # noqa: PLC0415

            yield from self._noting_replaced(xml_blocks(walk, file.value, model), "\ufffd")
            return
        (document,) = self._noting_replaced([json_document(walk, file.value, model)], r"\ufffd")
        if options.filename:
            name = os.fsencode(self.path).decode("utf-8", "backslashreplace")
            document = f'{{"file":{string(name)},"dataset":{document}}}'
        yield document + "\n" if options.format is Format.NDJSON else document

    def _noting_bulk(self, elements: Iterable[Element]) -> Iterator[Element]:
        """Note that bulk data is left out, since no URI leads to it."""
        missing = False
        for element in elements:
            missing = missing or is_bulk(element.vr, element.length, self.options.bulk_size)
            yield element
        if missing:
            self.notes.append("bulk data is left out, since no URI leads to it")

    def _noting_replaced(self, documents: Iterable[str], mark: str) -> Iterator[str]:
        """Note that there are bytes which are no text, and which the models cannot hold."""
        replaced = False
        for document in documents:
            replaced = replaced or mark in document
            yield document
        if replaced:
            self.notes.append("bytes that are no text in its character set are shown as U+FFFD")

    def _table(self, file: DicomFile) -> str:
        options = self.options
        found = [
            [
                value_of(element, file.value, self._bulk_size)
                for element in filter(self._shows, hits)
            ]
            for hits in first_values(file, options.paths)
        ]
        self.hits = sum(map(len, found))
        if options.format is Format.VALUE:
            return "".join(f"{value}\n" for values in found for value in values)
        row = [self._name] if options.filename else []
        return table_row(
            [*row, *("|".join(values) for values in found)], DELIMITERS[options.format]
        )


def table_head(options: DumpOptions) -> str:
    """Write the first row of a table: the names of its columns."""
    row = ["file"] if options.filename else []
    return table_row([*row, *map(str, options.paths)], DELIMITERS[options.format])


def dump(path: str | Path, *paths: str, options: DumpOptions | None = None) -> Dump:
    """Show what a file holds.

    Parameters
    ----------
    path : str or Path
        The file.
    *paths : str
        Tag paths of the elements to show; none for all.
    options : DumpOptions, optional
        What else to show, and how.

    Returns
    -------
    Dump
        An iterable of text; what is wrong with the file is in its `problems` afterwards.

    Raises
    ------
    UsageError
        A tag path means nothing.
    """
    from dataclasses import replace  # noqa: PLC0415 - only for callers of the library

    options = options or DumpOptions()
    if paths:
        chosen = tuple(TagPath.parse(text, wildcards=True) for text in paths)
        options = replace(options, paths=chosen)
    return Dump(Path(path), options)

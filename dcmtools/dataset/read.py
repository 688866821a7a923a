"""Open a DICOM file and walk it; know afterwards whether the walk reached the end, and why not.

This is the reader of every command. A file that was not read to its end is never to be written
anew: ask `DicomFile.damage` once the elements are exhausted.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import Element, Problem
from dcmtools.dataset.header import looks_like_dicom, read_header
from dcmtools.dataset.scan import Scanner
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED, FileSource


class DicomFile:
    """A DICOM file that is open for reading; close it, or use it in a ``with`` block.

    Parameters
    ----------
    path : Path
        The file; ``-`` is standard input.
    charset : str
        The Specific Character Set to assume where the data set names none, as PS3.3 C.12.1.1.2
        spells it, several values separated by a backslash.
    max_inflated : int
        The most bytes that a deflated data set may inflate to.
    glance : bool
        Whether only the beginning of a deflated data set is wanted.

    Raises
    ------
    InputError
        The file cannot be read.
    NotDicomError
        The content is not DICOM.

    Attributes
    ----------
    path : Path
        The file.
    header : Header
        The file meta group, the transfer syntax and the encoding.
    charset : bytes
        The Specific Character Set that is assumed.
    """

    def __init__(
        self,
        path: Path,
        *,
        charset: str = "",
        max_inflated: int = DEFAULT_MAX_INFLATED,
        glance: bool = False,
    ) -> None:
        self.path = path
        self._file = FileSource(path, looks_like_dicom)
        try:
            self.header = read_header(self._file, str(path), max_inflated, glance=glance)
        except BaseException:
            self._file.close()
            raise
        self.charset = charset.encode()
        self._scanner: Scanner | None = None
        self._late: list[Problem] = []

    def __enter__(self) -> Self:
        """Do nothing; the file is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return self._file.size

    @property
    def before(self) -> FileSource:
        """The bytes of the file itself, in which a data set that is deflated is not inflated."""
        return self._file

    @property
    def status(self) -> os.stat_result | None:
        """What the operating system said of the file when it was opened; None of a pipe."""
        return self._file.status if self._file.is_regular else None

    @property
    def is_addressable(self) -> bool:
        """Tell whether an offset leads to a value that others can read in the file itself."""
        header = self.header
        return self._file.is_regular and not header.deflated and not header.encoding.big_endian

    @property
    def meta(self) -> list[Element]:
        """The elements of the file meta group."""
        return self.header.meta

    def elements(self) -> Iterator[Element]:
        """Walk the data set in file order, sequences and items included."""
        header = self.header
        self._scanner = Scanner(header.source, header.start, header.encoding, charset=self.charset)
        return iter(self._scanner)

    def value(self, element: Element) -> bytes:
        """Read the value of an element of this file that is no sequence.

        Where the file has become shorter since it was opened, what is left of the value is given,
        and that is damage.
        """
        if element.value is not None:
            return element.value
        in_meta = any(element is member for member in self.header.meta)
        source = self._file if in_meta else self.header.source
        raw = source.read(element.value_offset, element.length)
        if len(raw) < element.length:
            why = f"{describe(element.tag)} is cut: the file has become shorter"
            self._late.append(Problem(element.value_offset, why))
        return raw

    @property
    def end(self) -> int:
        """The offset in `header.source` behind what was walked; what follows is no data set."""
        return self._scanner.position if self._scanner else self.header.start

    @property
    def problems(self) -> list[Problem]:
        """What is wrong in the part that was read so far."""
        found = self._scanner.problems if self._scanner else []
        return [*self.header.problems, *found, *self._late]

    @property
    def damage(self) -> Problem | None:
        """The first problem that means data is missing or in doubt; None while all is whole."""
        return next((problem for problem in self.problems if problem.damage), None)


def open_dicom(
    path: str | Path, *, charset: str = "", max_inflated: int = DEFAULT_MAX_INFLATED
) -> DicomFile:
    """Open a DICOM file; see `DicomFile` for the parameters and errors."""
    return DicomFile(Path(path), charset=charset, max_inflated=max_inflated)

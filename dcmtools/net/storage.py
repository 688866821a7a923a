"""Receive composite objects into a folder (C-STORE as SCP, PS3.4 Annex B).

The bytes of a data set go to disk as they come, whatever their size and whatever they are; the
answer is a success only once the object is complete under its name, on stable storage.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import IO
from uuid import uuid4

from dcmtools.dataset.answers import Answer
from dcmtools.dataset.elements import Element
from dcmtools.dataset.header import read_header
from dcmtools.dataset.incoming import incoming, open_folder, place
from dcmtools.dataset.part10 import file_start
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.select import first_values
from dcmtools.dataset.source import BytesSource
from dcmtools.dataset.text import value_of
from dcmtools.errors import DcmtoolsError, OutputError, reason
from dcmtools.net.command import RESPONSE, Command
from dcmtools.net.negotiation import (
    EXPLICIT_LITTLE_ENDIAN,
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    IMPLICIT_LITTLE_ENDIAN,
    Context,
)
from dcmtools.net.status import SUCCESS

OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
INVALID_INSTANCE = 0x0117
MISSING_ATTRIBUTE = 0x0120
NOT_SUPPORTED = 0x0122

Receive = Callable[[Callable[[memoryview], object]], object]
"""Receives a data set to its end, and gives its pieces to what it is called with."""

_UID = re.compile(r"[0-9][0-9.]{0,63}")
_LONGEST_UID = 1024  # characters: more than 64 make no UID, but may be kept under a hash
_IDENTIFIERS = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
"""SOP class, SOP instance, study and series."""
_PATHS = tuple(TagPath.parse(f"{tag:08x}") for tag in _IDENTIFIERS)
_LONGEST_COMMENT = 64  # characters (PS3.7 Table E.1-1: LO)
_HEAD = 1 << 16  # bytes of a deflated data set that are looked at
_MOST_INFLATED = 1100 * _HEAD  # and what they can become at most
_LOOKED_AT = 1 << 20  # bytes of what they become


class Layout(StrEnum):
    """Where an object goes within the folder."""

    FLAT = "flat"
    STUDY = "study"


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of an object that was received.

    Parameters
    ----------
    sop_instance_uid : str
        As the command has it.
    status : int
        The status to answer with: 0 where it is on stable storage.
    path : Path or None
        The file.
    size : int
        The bytes of its data set.
    known : bool
        Whether the same object was there already.
    renamed : bool
        Whether another object had its name, so that it has got a number.
    error : DcmtoolsError or None
        Why it was not stored.
    """

    sop_instance_uid: str
    status: int
    path: Path | None = None
    size: int = 0
    known: bool = False
    renamed: bool = False
    error: DcmtoolsError | None = None

    def response(self, request: Command) -> Command:
        """Make the C-STORE-RSP that says so."""
        return Command(
            request.field | RESPONSE,
            responding_to=request.message_id,
            sop_class=request.sop_class,
            sop_instance=request.sop_instance,
            status=self.status,
            error_comment=None if self.error is None else self.error.why[:_LONGEST_COMMENT],
        )


class Storage:
    """A folder that objects are received into.

    Parameters
    ----------
    folder : Path
        The folder; it is made where it is not there.
    layout : Layout
        Whether all files lie in it, or a folder for each study and series.

    Raises
    ------
    OutputError
        There can be no file in it.
    """

    def __init__(self, folder: Path, layout: Layout = Layout.FLAT) -> None:
        self.folder = open_folder(folder)
        self.layout = layout

    def store(self, context: Context, command: Command, receive: Receive) -> Stored:
        """Receive an object; whatever happens here, its data set is received to the end.

        Parameters
        ----------
        context : Context
            The presentation context of the request.
        command : Command
            The C-STORE-RQ.
        receive : callable
            Receives the data set; what it raises is the caller's.
        """
        instance, sop_class = command.sop_instance or "", command.sop_class or ""
        refusal = _refusal(context, command)
        if refusal is not None:
            if command.has_data:
                receive(lambda _: None)
            return refusal
        sink = _Sink()
        try:
            with incoming(self.folder) as file:
                implementation = IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
                syntax = context.transfer_syntax
                file.write(file_start(sop_class, instance, syntax, implementation=implementation))
                sink.file = file
                receive(sink)
                if sink.failure is not None:
                    raise sink.failure
                file.flush()
                return self._placed(file, command, sink.size)
        except OSError as error:
            if sink.file is None:  # nothing was received yet, and what comes must go somewhere
                receive(lambda _: None)
            failure = OutputError(str(self.folder), reason(error))
            return Stored(instance, OUT_OF_RESOURCES, error=failure)

    def _placed(self, file: IO[bytes], command: Command, size: int) -> Stored:
        instance = command.sop_instance or ""
        try:
            found = _identifiers(Path(file.name))
        except DcmtoolsError as error:
            return Stored(instance, CANNOT_UNDERSTAND, error=error)
        if (found[0], found[1]) != (command.sop_class, instance):
            why = f"the data set is of another object, {found[1]!r}"
            return Stored(instance, DOES_NOT_MATCH, error=OutputError(instance, why))
        target = self.path_of(instance, study=found[2], series=found[3])
        path, known = place(file, target, size)
        return Stored(instance, SUCCESS, path, size, known, renamed=path != target)

    def path_of(self, instance: str, *, study: str = "", series: str = "") -> Path:
        """Give the file that an object is to have; no UID can lead out of the folder."""
        name = f"{safe_name(instance)}.dcm"
        if self.layout is Layout.FLAT:
            return self.folder / name
        return self.folder / safe_name(study) / safe_name(series) / name


def _refusal(context: Context, command: Command) -> Stored | None:
    """Look at a request before its data set; None where there is nothing wrong with it."""
    instance, sop_class = command.sop_instance or "", command.sop_class or ""
    if not instance or not sop_class or not command.has_data:
        status, why = MISSING_ATTRIBUTE, "the request has no UID or no data set"
    elif sop_class != context.abstract_syntax:
        status, why = NOT_SUPPORTED, "the request is not of the SOP class of its context"
    elif max(len(instance), len(sop_class)) > _LONGEST_UID:
        status, why = INVALID_INSTANCE, "the request has a UID that is none"
    else:
        return None
    return Stored(instance, status, error=OutputError(instance or "object", why))


class _Sink:
    """Writes what comes until writing fails, and then lets it go."""

    def __init__(self) -> None:
        self.file: IO[bytes] | None = None
        self.failure: OSError | None = None
        self.size = 0

    def __call__(self, part: memoryview) -> None:
        self.size += len(part)
        if self.failure is None and self.file is not None:
            try:
                self.file.write(part)
            except OSError as error:
                self.failure = error


def safe_name(uid: str) -> str:
    """Make a file name of a UID; what is no UID (PS3.5 9.1) is named by its hash."""
    if _UID.fullmatch(uid):
        return uid
    return sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _identifiers(path: Path) -> list[str]:
    """Read SOP class, instance, study and series out of a file; "" for each that is not there."""
    with path.open("rb") as file:
        head = BytesSource(file.read(_HEAD))
    header = read_header(head, str(path), _MOST_INFLATED)
    if header.deflated:  # whatever it would inflate to as a whole
        answer = Answer(header.source.read(0, _LOOKED_AT), implicit=False)
        return [answer.value(tag) for tag in _IDENTIFIERS]
    with DicomFile(path) as dicom:
        return [_own_value(dicom, hits) for hits in first_values(dicom, _PATHS)]


def _own_value(file: DicomFile, hits: list[Element]) -> str:
    """Print the first value that is not in a sequence, and not longer than any UID."""
    for element in hits:
        if not element.level.depth and element.length <= _LONGEST_UID:
            return value_of(element, file.value, None)
    return ""


def known_instances(folder: Path) -> set[str]:
    """List the SOP Instance UIDs of the objects that a folder holds already, by its files."""
    found = set()
    for path in folder.rglob("*.dcm"):
        with suppress(DcmtoolsError, OSError):
            if path.is_file():
                found.add(_identifiers(path)[1])
    return found - {""}


def write_answer(answer: Answer, path: Path, sop_class_uid: str) -> Path:
    """Write the answer to a query as a file, and give the name that it has got.

    Parameters
    ----------
    answer : Answer
        The answer.
    path : Path
        The file; where that is there already and holds something else, a number is added.
    sop_class_uid : str
        The SOP class of the query, for the file meta group.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    syntax = IMPLICIT_LITTLE_ENDIAN if answer.implicit else EXPLICIT_LITTLE_ENDIAN
    uid = f"2.25.{uuid4().int}"
    implementation = IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
    try:
        with incoming(path.parent) as file:
            file.write(file_start(sop_class_uid, uid, syntax, implementation=implementation))
            file.write(answer.raw)
            # Whoever loses it asks again.
            return place(file, path, len(answer.raw), durable=False)[0]
    except OSError as error:
        raise OutputError(str(path), reason(error)) from error

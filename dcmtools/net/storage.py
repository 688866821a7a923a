"""Receive composite objects into a folder (C-STORE as SCP, PS3.4 Annex B).

The bytes of a data set go to disk as they come, whatever they are; the answer is a success only
once the object is known to be whole and has its name, on stable storage unless that is not wanted.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from uuid import uuid4

from dcmtools.dataset.answers import Answer
from dcmtools.dataset.incoming import Incoming, incoming, open_folder
from dcmtools.dataset.naming import (
    CALLED_AET,
    CALLING_AET,
    REMOTE_HOST,
    TRANSFER_SYNTAX,
    Key,
    Layout,
    Names,
)
from dcmtools.dataset.part10 import file_start
from dcmtools.dataset.placing import Duplicates, Placed, TakenError, Tree, place
from dcmtools.dataset.received import (
    PATIENT_ID,
    SERIES,
    SOP_CLASS,
    SOP_INSTANCE,
    STUDY,
    instance_of,
    look_through,
)
from dcmtools.errors import DcmtoolsError, InputError, OutputError, reason
from dcmtools.escape import escape
from dcmtools.net.command import RESPONSE, Command
from dcmtools.net.negotiation import (
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    Context,
)
from dcmtools.net.status import SUCCESS

OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
DUPLICATE_INSTANCE = 0x0111
INVALID_INSTANCE = 0x0117
MISSING_ATTRIBUTE = 0x0120
NOT_SUPPORTED = 0x0122

Receive = Callable[[Callable[[memoryview], object]], object]
"""Receives a data set to its end, and gives its pieces to what it is called with."""

_IDENTIFIERS = frozenset({SOP_CLASS, SOP_INSTANCE, PATIENT_ID, STUDY, SERIES})
_LONGEST_UID = 1024  # characters: more than 64 make no UID, but may be kept under a hash
_LONGEST_COMMENT = 64  # characters (PS3.7 Table E.1-1: LO)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of an object that was received.

    Parameters
    ----------
    sop_instance_uid : str
        As the command has it.
    status : int
        The status to answer with: 0 where it is stored.
    path : Path or None
        The file.
    size : int
        The bytes of its data set.
    known : bool
        Whether the same object was there already.
    renamed : bool
        Whether its name was taken, so that it has got a number.
    error : DcmtoolsError or None
        Why it was not stored.
    sop_class, transfer_syntax : str
        The UIDs, as the command and the presentation context have them.
    patient_id, study, series : str
        Patient ID, Study and Series Instance UID of the data set, control characters escaped; ""
        for each that it does not have.
    doubt : str
        Why it could not be looked into though it is stored, as it came: its transfer syntax is
        none of the standard's.
    """

    sop_instance_uid: str
    status: int
    path: Path | None = None
    size: int = 0
    known: bool = False
    renamed: bool = False
    error: DcmtoolsError | None = None
    sop_class: str = ""
    transfer_syntax: str = ""
    patient_id: str = ""
    study: str = ""
    series: str = ""
    doubt: str = ""

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
    """A folder that objects are received into, by any number of threads at once.

    Parameters
    ----------
    folder : Path
        The folder; it is made where it is not there.
    names : Names, optional
        How the files are named; where it is not given, after their SOP Instance UIDs.
    duplicates : Duplicates
        What becomes of an object whose name is taken.
    durable : bool
        Whether a success means that the object is on stable storage.
    min_free : int
        The bytes that must be free for an object to be received at all.

    Raises
    ------
    OutputError
        There can be no file in it.
    """

    def __init__(
        self,
        folder: Path,
        names: Names | None = None,
        *,
        duplicates: Duplicates = Duplicates.SKIP_IDENTICAL,
        durable: bool = True,
        min_free: int = 0,
    ) -> None:
        self.folder = open_folder(folder)
        self._names = Names.of(Layout.FLAT) if names is None else names
        self._tags = _IDENTIFIERS | self._names.tags
        self._tree = Tree(folder, durable=durable)
        self._duplicates = duplicates
        self._durable = durable
        self._min_free = min_free

    def store(  # noqa: PLR0913 - an object, how it comes, and what its name may tell
        self,
        context: Context,
        command: Command,
        receive: Receive,
        *,
        calling_aet: str = "",
        called_aet: str = "",
        host: str = "",
    ) -> Stored:
        """Receive an object; whatever happens here, its data set is received to the end.

        Parameters
        ----------
        context : Context
            The presentation context of the request.
        command : Command
            The C-STORE-RQ.
        receive : callable
            Receives the data set; what it raises is the caller's.
        calling_aet, called_aet : str
            The AE titles of the association, for the name.
        host : str
            The address of the peer, for the name.
        """
        refusal = _refusal(context, command) or self._full(context, command)
        if refusal is not None:
            if command.has_data:
                receive(lambda _: None)
            return refusal
        syntax = context.transfer_syntax
        given: dict[Key, str] = {
            CALLING_AET: calling_aet,
            CALLED_AET: called_aet,
            REMOTE_HOST: host,
            TRANSFER_SYNTAX: syntax,
            SOP_CLASS: _bare(command.sop_class),
            SOP_INSTANCE: _bare(command.sop_instance),
        }
        start = file_start(given[SOP_CLASS], given[SOP_INSTANCE], syntax)
        sink = _Sink()
        try:
            with incoming(self.folder) as file:
                file.write(start)
                sink.file = file
                receive(sink)
                if sink.failure is not None:
                    raise sink.failure
                return self._kept(context, command, file, len(start), given)
        except OSError as error:
            if sink.file is None:  # nothing was received yet, and what comes must go somewhere
                receive(lambda _: None)
            failure = OutputError(str(self.folder), reason(error))
            return _refused(context, command, OUT_OF_RESOURCES, failure)

    def _full(self, context: Context, command: Command) -> Stored | None:
        """Refuse what there is too little room for, whatever its size."""
        if not self._min_free:
            return None
        try:
            free = disk_usage(self.folder).free
        except OSError as error:
            failure = OutputError(str(self.folder), reason(error))
        else:
            if free >= self._min_free:
                return None
            failure = OutputError(
                str(self.folder),
                f"has {free} bytes free, and {self._min_free} must be",
                "Make room there, or ask for less.",
            )
        return _refused(context, command, OUT_OF_RESOURCES, failure)

    def _kept(
        self,
        context: Context,
        command: Command,
        file: Incoming,
        start: int,
        given: dict[Key, str],
    ) -> Stored:
        """Look at what has come, and give it its name."""
        instance, syntax = command.sop_instance or "", context.transfer_syntax
        try:
            content = look_through(file, start, syntax, self._tags)
        except InputError as error:
            failure: DcmtoolsError = InputError(escape(instance), error.why)
            return _refused(context, command, CANNOT_UNDERSTAND, failure)
        found = content.values
        if not content.doubt and any(
            found.get(tag) != given[tag] for tag in (SOP_CLASS, SOP_INSTANCE)
        ):
            why = f"the data set is of another object, {found.get(SOP_INSTANCE, '')!r}"
            return _refused(context, command, DOES_NOT_MATCH, OutputError(escape(instance), why))
        try:
            name = self._names.path(given | dict(found.items()))
            placed = self._placed(file, name, file.size - start)
        except TakenError as error:
            return _refused(context, command, DUPLICATE_INSTANCE, error)
        except OutputError as error:
            return _refused(context, command, OUT_OF_RESOURCES, error)
        return Stored(
            instance,
            SUCCESS,
            placed.path,
            file.size - start,
            placed.known,
            placed.renamed,
            sop_class=given[SOP_CLASS],
            transfer_syntax=syntax,
            patient_id=escape(found.get(PATIENT_ID, "")),
            study=escape(found.get(STUDY, "")),
            series=escape(found.get(SERIES, "")),
            doubt=content.doubt,
        )

    def _placed(self, file: Incoming, name: str, size: int) -> Placed:
        """Give a file its name; where somebody has taken its folder away, make that again."""
        target = self.folder / name
        try:
            return self._place(file, target, size)
        except FileNotFoundError:
            self._tree.forget()
            return self._place(file, target, size)

    def _place(self, file: Incoming, target: Path, size: int) -> Placed:
        self._tree.enter(target.parent)
        return place(file, target, size, duplicates=self._duplicates, durable=self._durable)


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
    return _refused(context, command, status, OutputError(escape(instance) or "object", why))


def _refused(context: Context, command: Command, status: int, error: DcmtoolsError) -> Stored:
    return Stored(
        command.sop_instance or "",
        status,
        error=error,
        sop_class=command.sop_class or "",
        transfer_syntax=context.transfer_syntax,
    )


def _bare(uid: str | None) -> str:
    """Leave out the padding of a UID."""
    return (uid or "").strip(" \0")


class _Sink:
    """Writes what comes until writing fails, and then lets it go."""

    def __init__(self) -> None:
        self.file: Incoming | None = None
        self.failure: OSError | None = None

    def __call__(self, part: memoryview) -> None:
        if self.failure is None and self.file is not None:
            try:
                self.file.write(part)
            except OSError as error:
                self.failure = error


def known_instances(folder: Path) -> set[str]:
    """List the SOP Instance UIDs of the objects that a folder holds already, by its files."""
    found = set()
    for path in folder.rglob("*.dcm"):
        with suppress(DcmtoolsError, OSError):
            if path.is_file():
                found.add(instance_of(path))
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
    try:
        with incoming(path.parent) as file:
            file.write(file_start(sop_class_uid, uid, syntax))
            file.write(answer.raw)
            # Whoever loses it asks again.
            return place(file, path, len(answer.raw), durable=False).path
    except OSError as error:
        raise OutputError(str(path), reason(error)) from error

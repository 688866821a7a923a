"""Be an archive in memory that a test can have any habits: C-FIND, C-GET and C-MOVE by a script.

Real archives differ in which presentation context they send an object, in what they answer where
nothing matches, and in what they know of SOP classes; `Archive` does as it is told.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode

from tests.factories import EXPLICIT, IMPLICIT, element
from tests.net.steps import (
    SUB_OPERATIONS_FAILED,
    accept,
    answer,
    associate,
    counts,
    failed_instances,
    find,
    pending,
    serve,
)
from tests.net.wire import C_FIND, C_GET, C_MOVE, CT, Instance, proposals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.net.scripted import Connection, Step

LEVELS = ("PATIENT", "STUDY", "SERIES", "IMAGE")
KEYS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
UNABLE, UNKNOWN_DESTINATION, ALL_FAILED = 0xC000, 0xA801, 0xA702


class Object(NamedTuple):
    """An object of the archive, and where in it."""

    patient: str
    study: str
    series: str
    instance: Instance

    @property
    def path(self) -> tuple[str, str, str, str]:
        """The unique keys from the top down."""
        return self.patient, self.study, self.series, self.instance.sop_instance_uid


def make(  # noqa: PLR0913 - an object has that many sides
    uid: str,
    study: str = "1.2",
    series: str = "1.2.1",
    patient: str = "P1",
    *,
    sop_class: str = CT,
    syntax: str = EXPLICIT,
    size: int = 100,
) -> Object:
    """Make a small object; its bytes are explicit VR little endian whatever its syntax."""
    values = {0x00080016: sop_class, 0x00080018: uid, 0x0020000D: study, 0x0020000E: series}
    data = b"".join(
        element(tag, "UI", value.encode() + b"\0" * (len(value) % 2))
        for tag, value in values.items()
    )
    data += element(0x7FE00010, "OW", bytes([len(uid)]) * (size - size % 2))
    return Object(patient, study, series, Instance(sop_class, uid, syntax, data))


@dataclass
class Archive:
    """An archive.

    Parameters
    ----------
    objects : sequence of Object
        What it has.
    first_context : bool
        Send each object in the first accepted context of its SOP class, and let it fail where that
        has another transfer syntax, as DCMTK does; otherwise look for the right one, as Orthanc.
    needs_all : bool
        Answer C000 to the whole request where a SOP class has no context, as Orthanc does.
    nothing : int
        The status where nothing matches.
    knows_classes : bool
        Answer SOPClassesInStudy and SOPClassUID.
    destinations : dict of str to (str, int)
        Host and port by AE title, for C-MOVE.
    lost : set of str
        SOP Instance UIDs that cannot be sent.
    """

    objects: Sequence[Object]
    first_context: bool = False
    needs_all: bool = False
    nothing: int = 0
    knows_classes: bool = True
    destinations: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    accepted: Step = field(default_factory=accept)
    queries: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """The level and the keys of each C-FIND, C-GET and C-MOVE, prefixed by the operation."""

    def script(self) -> list[Step]:
        """Give the script for a connection."""
        handlers = {C_FIND: find(self.matches), C_GET: self._get, C_MOVE: self._move}
        return serve(handlers, self.accepted)

    def matches(self, c: Connection) -> Iterator[Dataset]:
        """Answer a C-FIND."""
        level, query = self._query(c, "find")
        depth = LEVELS.index(level)
        for path in dict.fromkeys(each.path[: depth + 1] for each in self._selected(query)):
            below = [each for each in self.objects if each.path[: depth + 1] == path]
            yield self._match(level, query, path, below)

    def _match(
        self, level: str, query: Dataset, path: tuple[str, ...], below: Sequence[Object]
    ) -> Dataset:
        match = Dataset()
        match.QueryRetrieveLevel = level
        for keyword, value in zip(KEYS, (*path, *[""] * 3), strict=False):
            if keyword in query and value:
                setattr(match, keyword, value)
        if "PatientName" in query:
            match.PatientName = path[0]
        classes = list(dict.fromkeys(each.instance.sop_class_uid for each in below))
        known = {
            "SOPClassesInStudy": classes if self.knows_classes else [],
            "SOPClassUID": classes[0] if self.knows_classes else "",
            "NumberOfStudyRelatedInstances": len(below),
        }
        for keyword, value in known.items():
            if keyword in query:
                setattr(match, keyword, value)
        return match

    def _query(self, c: Connection, operation: str) -> tuple[str, Dataset]:
        assert c.message is not None
        syntax = c.contexts[c.message.context_id].transfer_syntaxes[0]
        query = decode(BytesIO(c.message.data or b""), syntax == IMPLICIT, is_little_endian=True)
        level = str(query.QueryRetrieveLevel)
        asked = {
            each.keyword: _text(each.value)
            for each in query
            if each.keyword != "QueryRetrieveLevel"
        }
        self.queries.append((f"{operation} {level}", asked))
        return level, query

    def _selected(self, query: Dataset) -> list[Object]:
        found = list(self.objects)
        for place, keyword in enumerate(KEYS):
            wanted = _text(query.get(keyword, "")).split("\\")
            if wanted != [""]:
                found = [o for o in found if any(fnmatchcase(o.path[place], w) for w in wanted)]
        return found

    def _get(self, c: Connection) -> None:
        c.response(None)
        _, query = self._query(c, "get")
        self._send(c, c, self._selected(query), {})

    def _move(self, c: Connection) -> None:
        command = c.response(None)
        assert c.message is not None
        _, query = self._query(c, "move")
        aet = str(c.message.command["MoveDestination"])
        if aet not in self.destinations:
            answer(UNKNOWN_DESTINATION)(c)
            return
        chosen = self._selected(query)
        if not chosen:
            self._send(c, c, chosen, {})
            return
        origin: dict[str, object] = {
            "MoveOriginatorApplicationEntityTitle": c.read_request().pdu.calling_ae_title,
            "MoveOriginatorMessageID": command["MessageIDBeingRespondedTo"],
        }
        with socket.create_connection(self.destinations[aet], 10) as sock:
            out = associate(sock, proposals([o.instance for o in chosen]), called=aet)
            self._send(c, out, chosen, origin)
            out.sock.sendall(bytes.fromhex("05000000000400000000"))

    def _send(
        self,
        c: Connection,
        out: Connection,
        chosen: Sequence[Object],
        origin: Mapping[str, object],
    ) -> None:
        if not chosen:
            answer(self.nothing, **counts(None, 0, 0, 0))(c)
            return
        classes = {found.abstract_syntax for found in out.contexts.values()}
        if self.needs_all and {o.instance.sop_class_uid for o in chosen} - classes:
            answer(UNABLE, **counts(None, 0, 0, 0))(c)
            return
        completed, failed = 0, []
        for number, one in enumerate(chosen):
            pending(len(chosen) - number, completed, len(failed), 0)(c)
            if c.canceled_by_now():
                remaining = len(chosen) - number
                answer(0xFE00, **counts(remaining, completed, len(failed), 0))(c)
                return
            number_of_context = self._context_for(out, one.instance)
            reply = None
            if number_of_context and one.instance.sop_instance_uid not in self.lost:
                reply = out.store(one.instance, context_id=number_of_context, **origin)
            if reply is not None and reply.command["Status"] == 0:
                completed += 1
            else:
                failed.append(one.instance.sop_instance_uid)
        status = SUB_OPERATIONS_FAILED if failed else 0
        if failed and not completed:
            status = ALL_FAILED
        data = failed_instances(*failed) if failed else None
        answer(status, data=data, **counts(None, completed, len(failed), 0))(c)

    def _context_for(self, out: Connection, one: Instance) -> int | None:
        if not self.first_context:
            return out.context_for(one)
        first = next((p for p in out.contexts.values() if p[1] == one.sop_class_uid), None)
        return first.context_id if first and first[2] == (one.transfer_syntax,) else None


def _text(value: object) -> str:
    if value is None:
        return ""
    return "\\".join(map(str, value)) if hasattr(value, "append") else str(value)

"""Write what happens at a receiver as lines: short ones for people, or NDJSON for programs.

Whatever a peer calls itself, and whatever it sends, an event is one line, and that of one event.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from dcmtools.dataset.dictionary import uid_keyword
from dcmtools.escape import escape
from dcmtools.net.arrivals import Arrival
from dcmtools.net.happenings import Happening, Kind
from dcmtools.net.studies import Study

_ONLY_WITH: dict[str, tuple[Kind, ...]] = {
    "called_aet": (Kind.ASSOCIATION, Kind.REJECTED),
    "status": (Kind.REFUSED,),
    "study_instance_uid": (),
    "series_instance_uid": (),
}
"""What a line for people has only where it tells something new."""
_NAMED = ("sop_class_uid", "transfer_syntax_uid")
"""What a line for people has a name of."""


class EventFormat(StrEnum):
    """How events are written."""

    TEXT = "text"
    NDJSON = "ndjson"


def listening_line(aet: str, host: str, port: int, folder: Path, shape: EventFormat) -> str:
    """Write the first event: where a receiver listens, "" for all addresses, and stores."""
    record = {"aet": aet, "host": host or "*", "port": port, "path": str(folder)}
    return _line("listening", record, shape)


def event_line(event: Happening, shape: EventFormat) -> str:
    """Write what has happened as a line, with its end."""
    record = {
        "association": event.association,
        "calling_aet": event.calling_aet,
        "called_aet": event.called_aet,
        "host": event.host,
        "implementation": event.implementation,
        **({} if event.arrival is None else _of_arrival(event.arrival)),
        "objects": event.objects if event.ends else None,
        "reason": event.why,
    }
    if shape is EventFormat.TEXT:
        record = dict(_for_people(event.kind, record))
    return _line(event.kind, record, shape)


def study_line(study: Study, path: Path, shape: EventFormat) -> str:
    """Write that a study is complete as a line, with its end; the path is that of its folder."""
    record = {
        "calling_aet": study.calling_aet,
        "called_aet": study.called_aet,
        "host": study.host,
        "study_instance_uid": study.uid,
        "path": str(path),
        "files": study.files,
        "size": study.size,
    }
    return _line("study", record, shape)


def _of_arrival(arrival: Arrival) -> dict[str, Any]:
    stored = arrival.stored
    # An object that is not answered at all, as a fault on request may have it, has no status.
    answered = stored.status or stored.error is None
    return {
        "status": f"{stored.status:04X}" if answered else None,
        "path": None if stored.path is None else str(stored.path),
        "renamed": stored.renamed or None,
        "size": None if stored.path is None else stored.size,
        "sop_class_uid": stored.sop_class,
        "sop_instance_uid": stored.sop_instance_uid,
        "study_instance_uid": stored.study,
        "series_instance_uid": stored.series,
        "transfer_syntax_uid": stored.transfer_syntax,
    }


def _for_people(kind: Kind, record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Choose what somebody wants to see who looks at many lines."""
    for name, value in record.items():
        if name in _NAMED and value:
            yield name.removesuffix("_uid"), uid_keyword(value) or value
        elif name == "sop_instance_uid" and value in (record.get("path") or ""):
            continue
        elif kind in _ONLY_WITH.get(name, (kind,)):
            yield name, value


def _line(event: str, record: dict[str, Any], shape: EventFormat) -> str:
    """Write the names and values of an event as a line; what has no value is left out."""
    now = datetime.now(UTC)
    kept = {name: value for name, value in record.items() if value not in (None, "")}
    if shape is EventFormat.NDJSON:
        time = now.isoformat(timespec="milliseconds")
        return json.dumps({"event": event, "time": time, **kept}) + "\n"
    words = "".join(f" {name}={_word(value)}" for name, value in kept.items())
    return f"{now.astimezone():%Y-%m-%dT%H:%M:%S} {event}{words}\n"


def _word(value: Any) -> str:  # noqa: ANN401 - of a record
    if isinstance(value, bool):
        return json.dumps(value)
    text = escape(str(value))
    return json.dumps(text, ensure_ascii=False) if set(' "=') & set(text) else text

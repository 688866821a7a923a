"""Files to send with ``store`` in tests, peers that take them, and what they have got."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.factories import element, part10, write
from tests.net.steps import answer, serve
from tests.net.wire import C_STORE, CT, Message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.net.scripted import Connection, Script, Scripted, Step

SC = "1.2.840.10008.5.1.4.1.1.7"
PRIVATE = "1.2.826.0.1.3680043.8.498.77"
ROOT = "1.2.826.0.1.3680043.8.498"
WARNING, NO_ROOM = 0xB000, 0xA700


def uid(number: int) -> str:
    """Give the SOP Instance UID of an object by its number."""
    return f"{ROOT}.{number}"


def data_set(number: int, *, sop_class: str = CT, size: int = 100) -> bytes:
    """Make the data set of an object, explicit VR little endian."""
    values = {
        0x00080016: sop_class,
        0x00080018: uid(number),
        0x0020000D: f"{ROOT}.1.1",
        0x0020000E: f"{ROOT}.1.2",
    }
    head = b"".join(
        element(tag, "UI", value.encode() + b"\0" * (len(value) % 2))
        for tag, value in values.items()
        if tag < 0x00100000
    )
    head += element(0x00100010, "PN", b"Doe^Jane") + element(0x00100020, "LO", b"PID-1 ")
    head += b"".join(
        element(tag, "UI", value.encode() + b"\0" * (len(value) % 2))
        for tag, value in values.items()
        if tag > 0x00100000
    )
    return head + element(0x7FE00010, "OW", bytes([number % 256]) * size)


def make(folder: Path, number: int, *, sop_class: str = CT, size: int = 100) -> Path:
    """Write an object; its name has its number."""
    folder.mkdir(parents=True, exist_ok=True)
    content = part10(data_set(number, sop_class=sop_class, size=size))
    return write(folder / f"{number:04}.dcm", content)


def taker(
    statuses: Mapping[str, int] | None = None, usual: int = 0, accepted: Step | None = None
) -> Script:
    """Answer each C-STORE with a status: that of its SOP Instance UID, or the usual one."""

    def step(c: Connection) -> None:
        assert c.message is not None
        instance = c.message.command["AffectedSOPInstanceUID"]
        answer((statuses or {}).get(instance, usual))(c)

    return serve({C_STORE: step}, accepted)


def stored(peer: Scripted) -> list[Message]:
    """Give the C-STORE-RQs that a peer has got, in order."""
    return [each for each in peer.messages if each.command_field == C_STORE]


def instances(peer: Scripted) -> list[str]:
    """Give the SOP Instance UIDs that a peer has got, in order."""
    return [each.command["AffectedSOPInstanceUID"] for each in stored(peer)]


def records(report: Path) -> list[dict[str, object]]:
    """Read a report; what differs from run to run is taken out."""
    found = [json.loads(line) for line in report.read_text().splitlines()]
    for each in found:
        assert each.pop("seconds", 0) >= 0
    return found

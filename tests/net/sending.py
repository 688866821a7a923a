"""Send objects to peers in tests: the files, the way to a peer, and what became of each."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from dcmtools.config import Peer
from dcmtools.dataset.outgoing import Outgoing, look_at
from dcmtools.net.access import Access
from dcmtools.net.dispatch import Dispatch, Event, Policy
from dcmtools.net.parcel import Treatment
from dcmtools.net.plan import Leg, Transcode, plan
from dcmtools.net.store import Sent
from tests.factories import EXPLICIT, element, part10
from tests.net.hostile import padded
from tests.net.steps import accept
from tests.net.wire import C_STORE, CT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tests.net.scripted import Connection, Scripted, Step
    from tests.net.wire import Message

DEADLINE = 20.0
"""Seconds that nothing may take."""


def make(
    path: Path, uid: str, size: int = 0, *, sop_class: str = CT, syntax: str = EXPLICIT
) -> Path:
    """Write a file of an object with `size` random bytes of pixel data."""
    data = element(0x00080016, "UI", padded(sop_class)) + element(0x00080018, "UI", padded(uid))
    if size:
        data += element(0x7FE00010, "OW", os.urandom(size))
    path.write_bytes(part10(data, syntax))
    return path


def objects(folder: Path, count: int, size: int = 0, first: int = 1) -> list[Outgoing]:
    """Make so many objects, the UIDs of which are 1.2.1, 1.2.2 and so on."""
    numbers = range(first, first + count)
    return [look_at(make(folder / f"{n:06}.dcm", f"1.2.{n}", size)) for n in numbers]


def data_of(outgoing: Outgoing) -> bytes:
    """Give the data set of a file, as it is to be sent: with an even length."""
    with outgoing.path.open("rb") as file:
        file.seek(outgoing.start)
        return file.read(outgoing.size) + b"\0" * (outgoing.size % 2)


def access(peer: Scripted | int, *, dimse: float | None = DEADLINE, acse: float = 10.0) -> Access:
    """Tell how to reach a peer on this machine."""
    port = peer if isinstance(peer, int) else peer.port
    return Access(Peer("peer", "127.0.0.1", port, "PEER"), acse_timeout=acse, dimse_timeout=dimse)


def leg(items: Iterable[Outgoing], transcode: Transcode = Transcode.LOSSLESS) -> Leg:
    """Plan the one association that objects need."""
    kinds = [(each.sop_class, each.transfer_syntax) for each in items]
    (only,) = plan(kinds, transcode=transcode)
    return only


def dispatch(
    way: Access,
    items: Sequence[Outgoing],
    policy: Policy | None = None,
    treatment: Treatment | None = None,
    *,
    acknowledged: Callable[[Sent], None] = lambda _: None,
) -> Dispatch:
    """Make ready to send objects that need one kind of association."""
    policy, treatment = policy or Policy(retry_delay=0), treatment or Treatment()
    return Dispatch(way, [(leg(items), items)], treatment, policy, acknowledged=acknowledged)


def ran(running: Dispatch) -> list[Event]:
    """Send, and give all that has happened."""
    with closing(running.run()) as events:
        return list(events)


def fates(events: Iterable[Event]) -> dict[str, Sent]:
    """Give what became of each object, by its UID; there must be one thing for each."""
    sent = [each for each in events if isinstance(each, Sent)]
    found = {each.sop_instance: each for each in sent}
    assert len(found) == len(sent)
    return found


def arrived(events: Iterable[Event]) -> list[str]:
    """List the UIDs of what the peer says it has."""
    return sorted(uid for uid, each in fates(events).items() if each.arrived)


def instance_of(message: Message) -> str:
    """Give the SOP Instance UID of a request."""
    return str(message.command["AffectedSOPInstanceUID"])


def received(peer: Scripted) -> list[str]:
    """List the UIDs of what a peer has got whole, in the order of their coming."""
    return [instance_of(each) for each in peer.messages if each.command_field == C_STORE]


def answering(
    status: Callable[[str, int], int | Step | Sequence[Step]] = lambda _uid, _number: 0,
    accepted: Step | None = None,
) -> list[Step]:
    """Accept, and answer each object with what a function says of it.

    Parameters
    ----------
    status : callable
        Gets the UID and how many objects have come on this association before; gives a status, or
        what is to be done instead of an answer.
    accepted : Step
        What accepts the association.
    """

    def step(c: Connection) -> None:
        number = 0
        while True:
            message = c.wait_request()
            what = status(instance_of(message), number)
            number += 1
            if isinstance(what, int):
                c.send_message(message.context_id, c.response(what))
                continue
            for one in [what] if callable(what) else what:
                one(c)

    return [accepted or accept(), step]

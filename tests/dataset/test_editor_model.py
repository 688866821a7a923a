"""Hold random sequences of operations against a model that is encoded by other means.

The model is nothing but nested dictionaries; what an operation means is written down here once
more, by the words of the manual. The result must be the encoding of the model, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import pack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmtools.errors import InputError
from tests.dataset.operating import done
from tests.factories import BIG, EXPLICIT, IMPLICIT, UNDEFINED

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVES = {0x00080060: "Modality", 0x00100020: "PatientID", 0x00400007: "00400007"}
SEQUENCES = {0x00081115: "ReferencedSeriesSequence", 0x00400275: "RequestAttributesSequence"}
VRS = {0x00080060: "CS", 0x00100020: "LO", 0x00400007: "LO"}
GROUP = 0x0009
CREATORS = ("ACME", "OTHER")
ELEMENTS = (0x01, 0x02)
PRIVATE_VR = "LO"


@dataclass
class Sequence:
    """The items of a sequence, each with whether a delimiter ends it; and whether one ends it."""

    items: list[tuple[bool, Data]] = field(default_factory=list)
    delimited: bool = False


@dataclass
class Data:
    """A data set: values and sequences by tag, and which groups have a group length."""

    members: dict[int, str | Sequence] = field(default_factory=dict)
    counted: frozenset[int] = frozenset()

    def walk(self) -> Iterator[Data]:
        """Give it and all items at every depth."""
        yield self
        for member in list(self.members.values()):
            if isinstance(member, Sequence):
                for _, each in member.items:
                    yield from each.walk()

    def blocks(self, name: str) -> list[int]:
        """List the blocks of a private creator."""
        tags = range(GROUP << 16 | 0x10, GROUP << 16 | 0x100)
        return [tag & 0xFF for tag in tags if self.members.get(tag) == name]

    def in_block(self, number: int) -> list[int]:
        """List what a block holds."""
        return [tag for tag in self.members if tag >> 8 == (GROUP << 8 | number)]

    def private(self, name: str, element: int) -> list[int]:
        """List the elements of a private creator."""
        tags = [GROUP << 16 | block << 8 | element for block in self.blocks(name)]
        return [tag for tag in tags if tag in self.members]


def encoded(data: Data, syntax: str) -> bytes:
    order = ">" if syntax == BIG else "<"

    def head(tag: int, vr: str, length: int) -> bytes:
        start = pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
        if syntax == IMPLICIT or not vr:
            return start + pack(f"{order}I", length)
        if vr == "SQ":
            return start + b"SQ" + pack(f"{order}HI", 0, length)
        return start + vr.encode() + pack(f"{order}H", length)

    def held(tag: int, vr: str, end: int, content: bytes, *, delimited: bool) -> bytes:
        if delimited:
            return head(tag, vr, UNDEFINED) + content + head(end, "", 0)
        return head(tag, vr, len(content)) + content

    groups: dict[int, bytes] = {}
    for tag, member in sorted(data.members.items()):
        if isinstance(member, str):
            value = member.encode() + b" " * (len(member) % 2)
            raw = head(tag, VRS.get(tag, PRIVATE_VR), len(value)) + value
        else:
            items = b"".join(
                held(0xFFFEE000, "", 0xFFFEE00D, encoded(each, syntax), delimited=delimited)
                for delimited, each in member.items
            )
            raw = held(tag, "SQ", 0xFFFEE0DD, items, delimited=member.delimited)
        groups[tag >> 16] = groups.get(tag >> 16, b"") + raw
    counted = {group: head(group << 16, "UL", 4) for group in data.counted}
    for group in data.counted:
        groups.setdefault(group, b"")
    return b"".join(
        counted[group] + pack(f"{order}I", len(raw)) + raw if group in counted else raw
        for group, raw in sorted(groups.items())
    )


# What an operation means


class MissingError(Exception):
    """There is nothing of what the operation names."""


Step = tuple[int, "int | str"]
Leaf = int | tuple[str, int]


def reached(data: Data, steps: list[Step], *, make: bool) -> list[Data]:
    """Follow a path down to the data sets that hold what its last node names."""
    found = [data]
    for tag, number in steps:
        below = []
        for each in found:
            if tag not in each.members and make:
                if number == "*":
                    raise MissingError
                each.members[tag] = Sequence()
            sequence = each.members.get(tag)
            if not isinstance(sequence, Sequence):
                continue
            if number == "*":
                below += [one for _, one in sequence.items]
                continue
            assert isinstance(number, int)
            while make and len(sequence.items) <= number:
                sequence.items.append((False, Data()))
            below += [one for _, one in sequence.items[number : number + 1]]
        found = below
    return found


def named(data: Data, leaf: Leaf) -> list[int]:
    if isinstance(leaf, int):
        return [leaf] if leaf in data.members else []
    return data.private(*leaf)


def insert(data: Data, steps: list[Step], leaf: Leaf, value: str) -> None:
    for each in reached(data, steps, make=True):
        if not isinstance(leaf, int) and not named(each, leaf):
            name, element = leaf
            blocks = each.blocks(name)
            if not blocks:
                used = {tag & 0xFF for tag in each.members if tag >> 8 == GROUP << 8}
                used |= {tag >> 8 & 0xFF for tag in each.members if tag >> 16 == GROUP}
                blocks = [next(block for block in range(0x10, 0x100) if block not in used)]
                each.members[GROUP << 16 | blocks[0]] = name
            each.members[GROUP << 16 | blocks[0] << 8 | element] = value
        for tag in named(each, leaf) or ([leaf] if isinstance(leaf, int) else []):
            each.members[tag] = value


def drop(holders: list[Data], leaf: Leaf) -> list[tuple[Data, int]]:
    thinned = []
    for each in holders:
        for tag in named(each, leaf):
            del each.members[tag]
            if tag >> 16 == GROUP:
                thinned.append((each, tag >> 8 & 0xFF))
    return thinned


class Model:
    """A data set to which operations are done."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self._thinned: list[tuple[Data, int]] = []

    def apply(self, action: str, steps: list[Step], leaf: Leaf | None, value: str) -> None:
        """Do one operation, or raise `MissingError`."""
        everywhere = list(self.data.walk())
        if action == "ep":
            for each in everywhere:
                private = [tag for tag in each.members if tag >> 16 & 1]
                for tag in private:
                    del each.members[tag]
                each.counted -= {GROUP}
            return
        if leaf is None:
            self._erase_container(steps)
            return
        holders = everywhere if action in ("ea", "ma") else []
        if action == "i":
            insert(self.data, steps, leaf, value)
            return
        holders = holders or reached(self.data, steps, make=False)
        if not any(named(each, leaf) for each in holders):
            raise MissingError
        if action in ("e", "ea"):
            self._thinned += drop(holders, leaf)
            return
        for each in holders:
            for tag in named(each, leaf):
                each.members[tag] = value

    def _erase_container(self, steps: list[Step]) -> None:
        """Erase a sequence, or items of one."""
        *above, (tag, number) = steps
        done = False
        for each in reached(self.data, above, make=False):
            sequence = each.members.get(tag)
            if not isinstance(sequence, Sequence):
                continue
            if number == "":
                del each.members[tag]
                done = True
                continue
            first = 0 if number == "*" else int(number)
            last = len(sequence.items) if number == "*" else first + 1
            done = done or bool(sequence.items[first:last])
            del sequence.items[first:last]
        if not done:
            raise MissingError

    def end(self) -> None:
        """Take away the creators of blocks that have become empty."""
        for data, block in self._thinned:
            if not data.in_block(block):
                data.members.pop(GROUP << 16 | block, None)


# What is drawn

words = st.text("ABC", max_size=7)


def data_sets(depth: int) -> st.SearchStrategy[Data]:
    leaf = st.tuples(st.sampled_from(sorted(LEAVES)), words)
    members: st.SearchStrategy[tuple[int, str | Sequence]] = leaf
    if depth:
        each = st.tuples(st.booleans(), data_sets(depth - 1))
        sequence = st.builds(Sequence, st.lists(each, max_size=3), st.booleans())
        members = leaf | st.tuples(st.sampled_from(sorted(SEQUENCES)), sequence)
    block = st.tuples(
        st.sampled_from([0x10, 0x11, 0x20]),
        st.sampled_from(CREATORS),
        st.lists(st.tuples(st.sampled_from(ELEMENTS), words), min_size=1, max_size=2),
    )
    counted = st.frozensets(st.sampled_from([0x0008, 0x0009, 0x0010, 0x0040]), max_size=2)
    return st.builds(made, st.lists(members, max_size=5), st.lists(block, max_size=2), counted)


def made(
    members: list[tuple[int, str | Sequence]],
    blocks: list[tuple[int, str, list[tuple[int, str]]]],
    counted: frozenset[int],
) -> Data:
    data = Data(dict(members))
    for block, name, owned in blocks:
        data.members[GROUP << 16 | block] = name
        for element, value in owned:
            data.members[GROUP << 16 | block << 8 | element] = value
    data.counted = counted & {tag >> 16 for tag in data.members}
    return data


steps = st.lists(
    st.tuples(st.sampled_from(sorted(SEQUENCES)), st.sampled_from([0, 0, 1, 2, "*"])), max_size=2
)
leaves: st.SearchStrategy[Leaf] = st.sampled_from(sorted(LEAVES)) | st.tuples(
    st.sampled_from(CREATORS), st.sampled_from(ELEMENTS)
)
containers = st.tuples(
    st.just("e"),
    st.builds(
        lambda above, tag, number: [*above, (tag, number)],
        steps,
        st.sampled_from(sorted(SEQUENCES)),
        st.sampled_from([0, 1, "*", ""]),
    ),
    st.none(),
    st.just(""),
)
operations: st.SearchStrategy[tuple[str, list[Step], Leaf | None, str]] = (
    st.tuples(st.sampled_from(["i", "i", "m", "e"]), steps, leaves, words)
    | st.tuples(st.sampled_from(["ea", "ma"]), st.just([]), leaves, words)
    | containers
    | st.just(("ep", [], None, ""))
)


def line_of(action: str, above: list[Step], leaf: Leaf | None, value: str) -> str:
    nodes = [SEQUENCES[tag] + (f"[{number}]" if number != "" else "") for tag, number in above]
    if isinstance(leaf, int):
        nodes.append(LEAVES[leaf])
    elif leaf is not None:
        nodes.append(f'({GROUP:04x},"{leaf[0]}",{leaf[1]:02x})')
    return f"{action} {'.'.join(nodes)}{f'={value}' if action in ('i', 'm', 'ma') else ''}".strip()


@settings(max_examples=200)
@given(data_sets(2), st.lists(operations, max_size=6), st.sampled_from([EXPLICIT, IMPLICIT, BIG]))
def test_operations_give_what_the_model_gives(
    data: Data, drawn: list[tuple[str, list[Step], Leaf | None, str]], syntax: str
) -> None:
    body = encoded(data, syntax)
    lines = [line_of(*each) for each in drawn]
    model = Model(data)
    try:
        for each in drawn:
            model.apply(*each)
    except MissingError:
        with pytest.raises(InputError):
            done(body, *lines, syntax=syntax, vr=PRIVATE_VR)
        return
    model.end()
    assert done(body, *lines, syntax=syntax, vr=PRIVATE_VR) == encoded(model.data, syntax), lines


@settings(max_examples=100)
@given(data_sets(2), st.lists(operations, max_size=6))
def test_what_is_missing_may_be_ignored(
    data: Data, drawn: list[tuple[str, list[Step], Leaf | None, str]]
) -> None:
    body = encoded(data, EXPLICIT)
    lines = [line_of(*each) for each in drawn if each[0] != "i"]
    model = Model(data)
    for each in drawn:
        if each[0] == "i":
            continue
        try:
            model.apply(*each)
        except MissingError:
            continue
    model.end()
    made_of_it = done(body, *lines, vr=PRIVATE_VR, ignore_missing=True)
    assert made_of_it == encoded(model.data, EXPLICIT), lines

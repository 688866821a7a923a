"""Hold edits of data sets of any shape against a model that is encoded by other means.

The model knows values and how each length is written. What an edit gives must be, byte for byte,
the encoding of the model with the same change: all lengths around it, and group lengths, agree.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from struct import pack
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcmtools.dataset.edit import edited, parse_assignment
from dcmtools.dataset.new_uids import NewUids
from dcmtools.dataset.read import DicomFile
from tests.factories import part10, write

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG = "1.2.840.10008.1.2.2"

LEAVES = {
    0x00080060: ("CS", "Modality"),
    0x00080070: ("LO", "Manufacturer"),
    0x00081155: ("UI", "ReferencedSOPInstanceUID"),
    0x00100010: ("PN", "PatientName"),
    0x00100020: ("LO", "PatientID"),
    0x0020000D: ("UI", "StudyInstanceUID"),
    0x00280009: ("AT", "FrameIncrementPointer"),
    0x00280010: ("US", "Rows"),
    0x0040A160: ("UT", "TextValue"),
}
SEQUENCES = {
    0x00081115: "ReferencedSeriesSequence",
    0x00081140: "ReferencedImageSequence",
    0x00400275: "RequestAttributesSequence",
    0x0040A730: "ContentSequence",
}
TAGS = {name: tag for tag, (_, name) in LEAVES.items()} | {
    name: tag for tag, name in SEQUENCES.items()
}
KNOWN = {"1.2.3", "1.2.4.55555"}


@dataclass(frozen=True)
class Items:
    """A sequence, and whether delimiters end it and each of its items."""

    delimited: bool = False
    items: tuple[tuple[bool, "Data"], ...] = ()


@dataclass(frozen=True)
class Data:
    """A data set: values as text, sequences, and the groups that have a group length."""

    members: dict[int, str | Items] = field(default_factory=dict)
    counted: frozenset[int] = frozenset()


def encoded_value(tag: int, value: str, order: str) -> bytes:
    vr, _ = LEAVES[tag]
    each = value.split("\\") if value else []
    if vr == "US":
        return b"".join(pack(f"{order}H", int(one)) for one in each)
    if vr == "AT":
        return b"".join(pack(f"{order}HH", int(one[:4], 16), int(one[4:], 16)) for one in each)
    return value.encode() + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)


def encoded(data: Data, syntax: str) -> bytes:
    order = ">" if syntax == BIG else "<"

    def head(tag: int, vr: str, length: int) -> bytes:
        start = pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
        if syntax == IMPLICIT or not vr:
            return start + pack(f"{order}I", length)
        if vr in ("SQ", "UT"):
            return start + vr.encode() + pack(f"{order}HI", 0, length)
        return start + vr.encode() + pack(f"{order}H", length)

    def held(tag: int, vr: str, end: int, content: bytes, *, delimited: bool) -> bytes:
        if delimited:
            return head(tag, vr, 0xFFFFFFFF) + content + head(end, "", 0)
        return head(tag, vr, len(content)) + content

    groups: dict[int, bytes] = {}
    for tag, member in sorted(data.members.items()):
        if isinstance(member, str):
            value = encoded_value(tag, member, order)
            raw = head(tag, LEAVES[tag][0], len(value)) + value
        else:
            items = b"".join(
                held(0xFFFEE000, "", 0xFFFEE00D, encoded(item, syntax), delimited=delimited)
                for delimited, item in member.items
            )
            raw = held(tag, "SQ", 0xFFFEE0DD, items, delimited=member.delimited)
        groups[tag >> 16] = groups.get(tag >> 16, b"") + raw
    return b"".join(
        head(group << 16, "UL", 4) + pack(f"{order}I", len(raw)) + raw
        if group in data.counted
        else raw
        for group, raw in groups.items()
    )


def assigned(data: Data, steps: list[tuple[int, int]], tag: int, value: str) -> Data:
    """Set a value in a model."""
    if not steps:
        return replace(data, members={**data.members, tag: value})
    (sequence, index), *rest = steps
    old = data.members.get(sequence, Items())
    assert isinstance(old, Items)
    items = list(old.items)
    while index >= len(items):
        items.append((False, Data()))
    delimited, item = items[index]
    items[index] = delimited, assigned(item, rest, tag, value)
    return replace(data, members={**data.members, sequence: replace(old, items=tuple(items))})


def renamed(data: Data, new: Callable[[str], str]) -> Data:
    """Replace the known UIDs in a model."""
    members: dict[int, str | Items] = {}
    for tag, member in data.members.items():
        if isinstance(member, Items):
            items = tuple((delimited, renamed(item, new)) for delimited, item in member.items)
            members[tag] = replace(member, items=items)
        elif LEAVES[tag][0] == "UI":
            uids = member.split("\\")
            members[tag] = "\\".join(new(uid) if uid in KNOWN else uid for uid in uids)
        else:
            members[tag] = member
    return replace(data, members=members)


# What is drawn

words = st.text("ABC ", max_size=9).map(str.strip)
uids = st.sampled_from(["", "1.2.3", "1.2.4.55555", "1.2.999", "1.2.840.10008.5.1.4.1.1.2"])
VALUES = {
    "CS": words,
    "LO": words,
    "PN": words,
    "UT": words,
    "UI": uids,
    "US": st.lists(st.integers(0, 65535).map(str), max_size=1).map("\\".join),
    "AT": st.lists(st.sampled_from(["00100020", "00280010"]), max_size=3).map("\\".join),
}
leaves = st.sampled_from(sorted(LEAVES)).flatmap(
    lambda tag: st.tuples(st.just(tag), VALUES[LEAVES[tag][0]])
)


def data_sets(depth: int) -> st.SearchStrategy[Data]:
    members: st.SearchStrategy[tuple[int, str | Items]] = leaves
    if depth:
        item = st.tuples(st.booleans(), data_sets(depth - 1))
        items = st.builds(Items, st.booleans(), st.lists(item, max_size=3).map(tuple))
        members = leaves | st.tuples(st.sampled_from(sorted(SEQUENCES)), items)
    counted = st.frozensets(st.sampled_from([0x0008, 0x0010, 0x0028, 0x0040]))
    return st.builds(data_set, st.lists(members, max_size=6).map(dict), counted)


def data_set(members: dict[int, str | Items], counted: frozenset[int]) -> Data:
    """Count only groups that are there."""
    return Data(members, counted & {tag >> 16 for tag in members})


steps = st.tuples(st.sampled_from(sorted(SEQUENCES)), st.integers(0, 2))
assignments = st.tuples(st.lists(steps, max_size=3), leaves).filter(
    lambda drawn: bool(drawn[0]) or drawn[1][0] != 0x0020000D or bool(drawn[1][1])
)


def text_of(above: list[tuple[int, int]], tag: int, value: str) -> str:
    path = "".join(f"{SEQUENCES[sequence]}[{index}]." for sequence, index in above)
    return f"{path}{LEAVES[tag][1]}={value}"


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    data_sets(3),
    st.lists(assignments, max_size=4),
    st.booleans(),
    st.sampled_from([EXPLICIT, IMPLICIT, BIG]),
)
def test_an_edit_gives_what_the_model_gives(
    data: Data,
    drawn: list[tuple[list[tuple[int, int]], tuple[int, str]]],
    replaces: bool,  # noqa: FBT001 - drawn
    syntax: str,
) -> None:
    uids = NewUids(b"x")
    for uid in KNOWN:
        uids.know(uid)
    study = data.members.get(0x0020000D)
    own = {study} if isinstance(study, str) else set()
    if own - KNOWN and replaces:
        data = replace(data, members={**data.members, 0x0020000D: "1.2.3"})
    model = renamed(data, uids) if replaces else data
    for above, (tag, value) in drawn:
        model = assigned(model, above, tag, value)
    with TemporaryDirectory() as folder:
        path = write(Path(folder, "in.dcm"), part10(encoded(data, syntax), syntax))
        texts = [text_of(above, tag, value) for above, (tag, value) in drawn]
        with DicomFile(path) as file:
            result = edited(file, map(parse_assignment, texts), uids if replaces else None)
            assert result.read() == encoded(model, syntax)


@pytest.mark.interop
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
@pytest.mark.parametrize("delimited", [False, True])
def test_dcmtk_reads_the_result(
    tmp_path: Path,
    syntax: str,
    delimited: bool,  # noqa: FBT001 - a parameter
    program: Callable[[str], str],
) -> None:
    inner = Items(delimited, ((delimited, Data({0x00100020: "1"})),))
    middle = Data({0x0040A730: inner, 0x00080060: "CT"}, frozenset({0x0008, 0x0040}))
    data = Data({0x00081115: Items(delimited, ((delimited, middle),)), 0x00100010: "A"})
    path = write(tmp_path / "in.dcm", part10(encoded(data, syntax), syntax))
    texts = [
        "ReferencedSeriesSequence[0].ContentSequence[0].PatientID=LONGER THAN BEFORE",
        "ReferencedSeriesSequence[0].ContentSequence[1].TextValue=new",
        "ReferencedSeriesSequence[1].Modality=MR",
        "RequestAttributesSequence.Rows=7",
    ]
    with DicomFile(path) as file:
        raw = edited(file, map(parse_assignment, texts)).read()
    result = write(tmp_path / "out.dcm", part10(raw, syntax))
    command = [program("dcmdump"), "+L", "-q", str(result)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr
    for value in ("LONGER THAN BEFORE", "new", "MR"):
        assert f"[{value}]" in done.stdout
    assert "US 7 " in done.stdout

"""Show that a tree may be edited in any order, and gives back what was not touched as it was."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.tree import Tree, read_tree
from dcmtools.errors import InputError
from tests.dataset.operating import OTHER_SEQUENCE, SEQUENCE, TEXT, lo, sq
from tests.factories import UNDEFINED, element, part10, write

if TYPE_CHECKING:
    from collections.abc import Iterator

ID = 0x00100020
BODY = (
    lo(0x00080060, "M")
    + sq(OTHER_SEQUENCE, sq(SEQUENCE, lo(TEXT, "A"), lo(TEXT, "B")))
    + lo(ID, "P")
    + sq(SEQUENCE, lo(TEXT, "C"))
)


@contextmanager
def tree_of(body: bytes) -> Iterator[Tree]:
    with TemporaryDirectory() as folder:
        path = write(Path(folder, "a.dcm"), part10(body))
        with DicomFile(path) as file:
            yield read_tree(file)


def test_all_elements_are_walked_and_know_where_they_are() -> None:
    with tree_of(BODY) as tree:
        assert [str(node.path) for node in tree.walk()] == [
            "Modality",
            "ReferencedSeriesSequence",
            "ReferencedSeriesSequence[0].RequestAttributesSequence",
            (
                "ReferencedSeriesSequence[0].RequestAttributesSequence[0]"
                ".ScheduledProcedureStepDescription"
            ),
            (
                "ReferencedSeriesSequence[0].RequestAttributesSequence[1]"
                ".ScheduledProcedureStepDescription"
            ),
            "PatientID",
            "RequestAttributesSequence",
            "RequestAttributesSequence[0].ScheduledProcedureStepDescription",
        ]
        assert not tree.edited().is_changed
        assert tree.edited().read() == BODY


def test_what_is_erased_is_not_walked_any_more() -> None:
    with tree_of(BODY) as tree:
        met = []
        for node in tree.walk():
            met.append(node.tag)
            if node.tag == OTHER_SEQUENCE:
                node.erase()
            if node.tag == ID and node.owner is tree.root:
                tree.root.add(0x7FE00010, "OB", b"x")
                node.set(b"Q")
        assert met == [0x00080060, OTHER_SEQUENCE, ID, SEQUENCE, TEXT]
        assert tree.edited().read() == (
            lo(0x00080060, "M")
            + lo(ID, "Q")
            + sq(SEQUENCE, lo(TEXT, "C"))
            + element(0x7FE00010, "OB", b"x\0")
        )


def test_what_is_set_to_what_it_was_is_no_change() -> None:
    with tree_of(BODY) as tree:
        for node in tree.walk():
            if node.items is None:
                node.set(node.raw)
        tree.root.add(0x00100040, "CS", b"F").erase()
        assert not tree.edited().is_changed
        assert tree.edited().read() == BODY


def test_items_are_added_and_erased_in_any_order() -> None:
    with tree_of(BODY) as tree:
        (sequence,) = tree.root.find(SEQUENCE)
        assert sequence.items is not None
        first = sequence.items[0]
        for value in (b"D ", b"E "):
            sequence.add_item().add(TEXT, "LO", value)
        first.erase()
        assert [item.index for item in sequence.items] == [0, 1]
        sequence.items[0].erase()
        sequence.items[0].find(TEXT)[0].set(b"LONGER")
        assert tree.edited().read().endswith(lo(ID, "P") + sq(SEQUENCE, lo(TEXT, "LONGER")))
        with pytest.raises(TypeError):
            tree.root.erase()


def test_what_is_in_something_erased_does_not_count() -> None:
    """Change things inside, before and after what holds them goes."""
    with tree_of(BODY) as tree:
        (outer,) = tree.root.find(OTHER_SEQUENCE)
        assert outer.items is not None
        (inner,) = outer.items[0].find(SEQUENCE)
        assert inner.items is not None
        one, other = inner.items
        one.find(TEXT)[0].set(b"LONGER THAN IT WAS")
        outer.erase()
        other.find(TEXT)[0].set(b"LONGER THAN IT WAS")
        other.erase()
        inner.add_item().add(TEXT, "LO", b"x")
        assert tree.edited().read() == lo(0x00080060, "M") + lo(ID, "P") + sq(
            SEQUENCE, lo(TEXT, "C")
        )


def test_creators_are_known_as_they_are_now() -> None:
    private = lo(0x00090010, "ACME") + lo(0x00091001, "x")
    with tree_of(private) as tree:
        creator, node = tree.walk()
        assert node.creator == "ACME"
        creator.set(b"OTHER")
        assert node.creator == "OTHER"
        assert str(node.path) == '(0009,"OTHER",01)'
        creator.erase()
        assert node.creator == ""
        tree.root.add(0x00090010, "LO", b"THIRD")
        assert node.creator == "THIRD"


def test_damage_is_no_matter_of_editing(tmp_path: Path) -> None:
    for body in (BODY[:-3], BODY + element(SEQUENCE, "SQ", b"", UNDEFINED)):
        path = write(tmp_path / "a.dcm", part10(body))
        with DicomFile(path) as file, pytest.raises(InputError, match="is damaged"):
            read_tree(file)

"""Hold what the reference makes of the adversary's folder against it, with and without one row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmtools.deid.options import Clean, Options, Retain
from dcmtools.deid.verify import Verified, verify
from tests.deid.adversary import Folder, Made, make_folder
from tests.deid.coding import Elements
from tests.deid.facts import OPTIONS, row_of, table
from tests.deid.reference import Reference, Settings

KEPT = frozenset(map(str, Retain))
TOGETHER = frozenset(OPTIONS) - {"dates-shifted", "descriptors", "structured"}
"""Descriptors left out: the reference keeps bytes then, which nobody can clean. With structured it
has no rules for content items below one that an option keeps."""
CHOICES = [frozenset[str](), frozenset({"dates-shifted"}), frozenset({"structured"}), TOGETHER]
BATCHES = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Make the adversary's folder."""
    return make_folder(tmp_path_factory.mktemp("adversary") / "in")


def judged(folder: Folder, made: Made, settings: Settings, output: Path) -> Verified:
    """De-identify an object by the reference and verify that."""
    output.write_bytes(Reference(made, settings).write())
    chosen = settings.options
    retain = frozenset(Retain(option) for option in chosen & KEPT)
    clean = frozenset(Clean(option) for option in chosen - KEPT)
    return verify(folder.root / made.path, output, Options(retain, clean))


def rows_in(elements: Elements, depth: int = 0) -> Iterator[tuple[str, int]]:
    """List the rows that an object fills, outside of what another row takes away."""
    for element in elements:
        row = row_of(element.tag)
        if row is not None and not element.private:
            yield row.tag, depth
        elif not element.private:
            for item in element.items or ():
                yield from rows_in(item, depth + 1)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("options", CHOICES, ids=lambda each: "+".join(sorted(each)))
def test_right_outputs_pass(
    folder: Folder, tmp_path: Path, options: frozenset[str], *, last: bool
) -> None:
    for made in folder.objects:
        found = judged(folder, made, Settings(options, last=last), tmp_path / "out.dcm")
        assert found == Verified(), made.path


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_row_that_is_left_out_is_found(
    folder: Folder, tmp_path: Path, batch: int, depth: int
) -> None:
    where: dict[str, Made] = {}
    for made in folder.objects:
        for row, at in rows_in(made.body):
            if at >= depth:
                where.setdefault(row, made)
    assert len(where) > len(table()) - 5
    missed = [
        row
        for row in sorted(where)[batch::BATCHES]
        if judged(
            folder, where[row], Settings(off=frozenset({row}), off_from=depth), tmp_path / "out.dcm"
        )
    ]
    assert not missed

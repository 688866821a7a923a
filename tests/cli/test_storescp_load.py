"""Many small objects on several associations; `tests.bench.load` does this 100 000 times."""

from pathlib import Path

from tests.bench.load import load

COUNT, ASSOCIATIONS = 2000, 8


def test_none_is_lost_and_none_is_doubled(tmp_path: Path) -> None:
    found = load(tmp_path, COUNT, ASSOCIATIONS)
    assert (found.acknowledged, found.stored) == (COUNT, COUNT)
    assert (found.duplicates, found.wrong, found.missing, found.extra) == (0, 0, 0, 0)
    start, end = found.samples[0], found.samples[-1]
    assert end.memory - start.memory < 30
    assert max(each.descriptors for each in found.samples) <= start.descriptors + 3 * ASSOCIATIONS

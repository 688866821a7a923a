"""Faults on request: what they are called, and when they are due."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from dcmtools.errors import UsageError
from dcmtools.net.fault_injection import Fault, FaultKind, Faults

ABORT = Fault(FaultKind.ABORT)


def due(*texts: str, count: int = 12) -> list[int]:
    """Give the numbers of the objects that a fault is due for."""
    faults = Faults.parse(texts)
    return [number for number in range(1, count + 1) if faults.for_object()]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("status=A700", Fault(FaultKind.STATUS, status=0xA700)),
        ("status=0000", Fault(FaultKind.STATUS, status=0)),
        ("status=b00f", Fault(FaultKind.STATUS, status=0xB00F)),
        ("abort", ABORT),
        ("close", Fault(FaultKind.CLOSE)),
        ("noreply", Fault(FaultKind.NO_REPLY)),
        ("delay=2", Fault(FaultKind.DELAY, seconds=2)),
        ("delay=0.25", Fault(FaultKind.DELAY, seconds=0.25)),
    ],
)
def test_each_action_for_objects_is_known(text: str, fault: Fault) -> None:
    faults = Faults.parse([text])
    assert [faults.for_object() for _ in range(3)] == [fault] * 3
    assert faults.for_association() is None


def test_associations_are_counted_for_themselves() -> None:
    faults = Faults.parse(["reject:at=2"])
    assert [faults.for_object() for _ in range(3)] == [None] * 3
    assert [faults.for_association() for _ in range(3)] == [None, Fault(FaultKind.REJECT), None]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("abort", list(range(1, 13))),
        ("abort:once", [1]),
        ("abort:at=1", [1]),
        ("abort:at=5", [5]),
        ("abort:after=9", [10, 11, 12]),
        ("abort:every=1", list(range(1, 13))),
        ("abort:every=5", [5, 10]),
        ("abort:every=0005", [5, 10]),
        ("abort:every=13", []),
    ],
)
def test_it_is_due_when_it_was_asked_for(text: str, numbers: list[int]) -> None:
    assert due(text) == numbers


def test_no_fault_is_due_where_none_was_asked_for() -> None:
    assert Faults().for_object() is None
    assert Faults.parse([]).for_association() is None


def test_the_first_that_is_due_counts_and_the_others_count_on() -> None:
    faults = Faults.parse(["abort:every=2", "close:every=3", "noreply:at=6"])
    kinds = [fault and str(fault.kind) for fault in (faults.for_object() for _ in range(7))]
    assert kinds == [None, "abort", "close", "abort", None, "abort", None]


def test_objects_are_counted_over_all_threads() -> None:
    faults = Faults.parse(["abort:every=10", "reject:after=500"])

    def ask(_: int) -> tuple[Fault | None, Fault | None]:
        return faults.for_object(), faults.for_association()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(2000)))
    assert Counter(each for each, _ in found) == {ABORT: 200, None: 1800}
    assert Counter(each for _, each in found)[None] == 500


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is no ACTION"),
        ("explode", "'explode' is no ACTION"),
        ("ABORT", "'ABORT' is no ACTION"),
        (":once", "'' is no ACTION"),
        ("abort=1", "abort takes no value"),
        ("abort=", "abort takes no value"),
        ("status", "'' is no status"),
        ("status=", "'' is no status"),
        ("status=A7", "'A7' is no status"),
        ("status=A700H", "'A700H' is no status"),
        ("status=+A70", "is no status"),
        ("status=١٢٣٤", "is no status"),
        ("delay", "'' is no number of seconds"),
        ("delay=-1", "'-1' is no number of seconds"),
        ("delay=nan", "'nan' is no number of seconds"),
        ("delay=1e9", "'1e9' is no number of seconds"),
        ("abort:", "'' is no WHEN"),
        ("abort:never", "'never' is no WHEN"),
        ("abort:once=1", "'once=1' is no WHEN"),
        ("abort:at", "'' is no number from 1"),
        ("abort:at=0", "'0' is no number from 1"),
        ("abort:after=-1", "'-1' is no number from 1"),
        ("abort:every=1.5", "'1.5' is no number from 1"),
        ("abort:every=10000000000", "is no number from 1"),
        ("abort:at=1:at=2", "'1:at=2' is no number from 1"),
        ("abort:at=٣", "is no number from 1"),
    ],
)
def test_what_means_nothing_is_refused_with_the_grammar(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        Faults.parse(["close:once", text])
    assert caught.value.what == "--fault"
    assert why in caught.value.why
    assert f"'{text}'" in caught.value.why
    for word in ("status=HHHH", "delay=SECONDS", "reject", "every=N", "once"):
        assert word in caught.value.hint

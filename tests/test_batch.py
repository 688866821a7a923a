"""Show that a batch keeps the order, loses nothing and tells the truth, whatever an item does."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmtools.batch import Item, Outcome, Status, attempt, run
from dcmtools.dataset.files import Operand
from dcmtools.errors import DcmtoolsError, ExitCode, InputError, NotDicomError
from dcmtools.outcomes import Tally

LONG = 1 << 25  # characters: more than a worker hands over


def work(item: Item) -> Iterator[str | Outcome]:
    """Do what the name of the item says."""
    path = item.path
    yield f"begin {path}\n"
    match path.name:
        case "foreign":
            raise NotDicomError(str(path), "is not a DICOM file")
        case "unreadable":
            raise InputError(str(path), "permission denied", "Ask for it.")
        case "greedy":
            raise MemoryError
        case "bug":
            raise KeyError("surprise")
        case "damaged":
            yield Outcome(path, Status.DAMAGED, ("it is cut",), hits=1)
            return
        case "long":
            yield "x" * LONG
        case "fatal" if os.getpid() != PARENT:
            os.kill(os.getpid(), signal.SIGKILL)
        case _:
            pass
    yield f"end {path}\n"
    yield Outcome(path, Status.DONE, hits=2)


PARENT = os.getpid()
BUG_LINE = (
    Path(__file__).read_text().splitlines().index('            raise KeyError("surprise")') + 1
)


def items(*names: str, named: bool = True) -> list[Operand]:
    return [Operand(Path(name), named) for name in names]


def numbered(count: int, **others: str) -> list[Operand]:
    """List items 0, 1, 2 ...; ``_7="bug"`` puts another in the place of number 7."""
    return items(*(others.get(f"_{number}", str(number)) for number in range(count)))


def text(pieces: list[str | Outcome]) -> str:
    return "".join(piece for piece in pieces if isinstance(piece, str))


def outcomes(pieces: list[str | Outcome]) -> list[Outcome]:
    return [piece for piece in pieces if isinstance(piece, Outcome)]


# One item


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("a", Outcome(Path("a"), Status.DONE, hits=2)),
        ("damaged", Outcome(Path("damaged"), Status.DAMAGED, ("it is cut",), hits=1)),
        ("foreign", Outcome(Path("foreign"), Status.FAILED, ("is not a DICOM file",))),
        (
            "unreadable",
            Outcome(Path("unreadable"), Status.FAILED, ("permission denied",), hint="Ask for it."),
        ),
        ("greedy", Outcome(Path("greedy"), Status.FAILED, ("there is not enough memory for it",))),
        (
            "bug",
            Outcome(
                Path("bug"),
                Status.FAILED,
                (f"unexpected KeyError at test_batch.py:{BUG_LINE}",),
                hint="This is a bug in dcmtools; report it.",
                unexpected=True,
            ),
        ),
    ],
)
def test_whatever_an_item_does_ends_in_one_outcome(name: str, outcome: Outcome) -> None:
    pieces = list(attempt(*items(name), work))
    assert pieces[0] == f"begin {name}\n"
    assert outcomes(pieces) == [outcome]
    assert pieces[-1] is outcomes(pieces)[0]


def test_what_was_only_met_on_a_walk_and_is_no_dicom_is_skipped() -> None:
    (outcome,) = outcomes(list(attempt(*items("foreign", named=False), work)))
    assert outcome.status is Status.SKIPPED
    assert outcome.reasons == ("is not a DICOM file",)


def test_a_walk_does_not_excuse_what_cannot_be_read() -> None:
    (outcome,) = outcomes(list(attempt(*items("unreadable", named=False), work)))
    assert outcome.status is Status.FAILED


def test_an_operand_with_an_error_is_not_worked_on() -> None:
    error = InputError("folder", "permission denied")
    pieces = list(attempt(Operand(Path("folder"), named=False, error=error), work))
    assert pieces == [Outcome(Path("folder"), Status.FAILED, ("permission denied",))]


@pytest.mark.parametrize("signal_", [KeyboardInterrupt, GeneratorExit, SystemExit])
def test_what_ends_the_program_is_not_swallowed(signal_: type[BaseException]) -> None:
    def stopped(item: Item) -> Iterator[str | Outcome]:
        raise signal_
        yield Outcome(item.path, Status.DONE)

    with pytest.raises(signal_):
        list(attempt(*items("a"), stopped))


# Many items


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_nothing_is_nothing(jobs: int) -> None:
    assert list(run([], work, jobs=jobs)) == []


@pytest.mark.parametrize("jobs", [2, 3, 7])
@pytest.mark.parametrize("count", [1, 15, 16, 17, 300])
def test_parallel_work_gives_the_same_in_the_same_order(count: int, jobs: int) -> None:
    mixture = {"_3": "bug", "_4": "damaged", "_16": "foreign", "_200": "unreadable"}
    operands = numbered(count, **mixture)
    alone, together = list(run(operands, work)), list(run(operands, work, jobs=jobs))
    assert text(together) == text(alone)
    assert outcomes(together) == outcomes(alone)
    assert [outcome.path for outcome in outcomes(alone)] == [item.path for item in operands]


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_outcome_follows_the_output_of_its_item(jobs: int) -> None:
    so_far = ""
    for piece in run(numbered(40), work, jobs=jobs):
        if isinstance(piece, Outcome):
            assert so_far == f"begin {piece.path}\nend {piece.path}\n"
            so_far = ""
        else:
            so_far += piece


def test_output_too_long_to_hand_over_is_whole_and_in_its_place() -> None:
    operands = numbered(20, _5="long")
    pieces = list(run(operands, work, jobs=2))
    assert text(pieces) == text(list(run(operands, work)))
    assert len(outcomes(pieces)) == 20


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("bad", ["damaged", "foreign", "unreadable", "bug"])
def test_fail_fast_stops_behind_the_first_that_is_bad(jobs: int, bad: str) -> None:
    found = outcomes(list(run(numbered(100, _20=bad), work, jobs=jobs, fail_fast=True)))
    assert [outcome.path.name for outcome in found] == [*map(str, range(20)), bad]


@pytest.mark.parametrize("jobs", [1, 2])
def test_fail_fast_does_not_stop_at_what_is_skipped(jobs: int) -> None:
    operands = [*items("foreign", named=False), *numbered(3)]
    found = outcomes(list(run(operands, work, jobs=jobs, fail_fast=True)))
    assert [outcome.status for outcome in found] == [Status.SKIPPED, *[Status.DONE] * 3]


@pytest.mark.parametrize("jobs", [1, 2])
def test_items_are_taken_only_as_the_work_goes(jobs: int) -> None:
    taken = 0

    def endless() -> Iterator[Operand]:
        nonlocal taken
        while True:
            taken += 1
            yield Operand(Path(str(taken)))

    pieces = run(endless(), work, jobs=jobs)
    next(pieces)
    assert taken <= 200 * jobs
    pieces.close()  # type: ignore[attr-defined]


# Workers that die


@pytest.mark.parametrize("place", [0, 17, 299])
def test_an_item_that_kills_its_worker_is_the_only_one_lost(place: int) -> None:
    operands = numbered(300, **{f"_{place}": "fatal"})
    found = outcomes(list(run(operands, work, jobs=2)))
    assert [outcome.path for outcome in found] == [item.path for item in operands]
    bad = [outcome for outcome in found if outcome.status is not Status.DONE]
    assert bad == [Outcome(Path("fatal"), Status.FAILED, ("the process that worked on it died",))]


def test_several_items_may_kill_their_workers() -> None:
    operands = numbered(200, _0="fatal", _1="fatal", _50="fatal", _199="fatal")
    found = outcomes(list(run(operands, work, jobs=2)))
    assert [outcome.path for outcome in found] == [item.path for item in operands]
    assert sum(outcome.status is Status.FAILED for outcome in found) == 4
    assert sum(outcome.status is Status.DONE for outcome in found) == 196


def test_workers_that_only_die_end_the_batch_with_a_reason() -> None:
    everything_kills = [Operand(Path("fatal")) for _ in range(100)]
    with pytest.raises(DcmtoolsError, match="die whatever they work on"):
        list(run(everything_kills, work, jobs=2))


def test_workers_that_die_while_they_wait_cost_nothing() -> None:
    operands = numbered(300)
    pieces = run(operands, work, jobs=2)
    first = next(pieces)
    for worker in multiprocessing.active_children():
        worker.kill()
        worker.join()
    found = outcomes([first, *pieces])
    assert [outcome.path for outcome in found] == [item.path for item in operands]
    assert {outcome.status for outcome in found} == {Status.DONE}


# The account


@pytest.mark.parametrize(
    ("counts", "code", "line"),
    [
        ("", ExitCode.INPUT, "0 read"),
        ("done", ExitCode.OK, "1 read"),
        ("done done skipped", ExitCode.OK, "2 read, 1 skipped"),
        ("skipped", ExitCode.INPUT, "0 read, 1 skipped"),
        ("failed", ExitCode.INPUT, "0 read, 1 failed"),
        ("failed failed skipped", ExitCode.INPUT, "0 read, 2 failed, 1 skipped"),
        ("done failed", ExitCode.PARTIAL, "1 read, 1 failed"),
        ("damaged", ExitCode.PARTIAL, "0 read, 1 damaged"),
        ("done damaged", ExitCode.PARTIAL, "1 read, 1 damaged"),
        ("damaged failed", ExitCode.PARTIAL, "0 read, 1 damaged, 1 failed"),
        ("failed done skipped damaged", ExitCode.PARTIAL, "1 read, 1 damaged, 1 failed, 1 skipped"),
    ],
)
def test_the_tally_tells_the_truth(counts: str, code: ExitCode, line: str) -> None:
    tally = Tally("read")
    for status in counts.split():
        tally.add(Outcome(Path("a"), Status(status), hits=3))
    assert tally.exit_code is code
    assert str(tally) == line
    assert tally.hits == 3 * len(counts.split())


def test_a_failure_keeps_its_words() -> None:
    error = DcmtoolsError("a.dcm", "is odd", "Look at it.")
    assert (str(error), error.hint) == ("a.dcm: is odd", "Look at it.")

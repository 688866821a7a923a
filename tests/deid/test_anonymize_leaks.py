"""Show that ``anonymize`` leaves nothing of whom the adversary's folder is about, and no less."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from time import monotonic

import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from dcmtools.cli.main import app
from dcmtools.deid import tables
from tests.deid.adversary import Folder, make_folder
from tests.deid.facts import ALL_RETAINED, OPTIONS, table
from tests.deid.leaks import check, contents
from tests.deid.planting import PEOPLE, canaries_in, needles

PARTIAL = 9
CLEAN = frozenset(("descriptors", "structured", "graphics"))
BASIC: frozenset[str] = frozenset()
EVERYTHING = (ALL_RETAINED, ALL_RETAINED - {"dates-shifted"} | {"dates"})
CHOICES = [BASIC, *(frozenset((option,)) for option in OPTIONS), *EVERYTHING]
BATCHES = 8
ELSEWHERE = frozenset(
    (
        "00020003",  # follows the SOP Instance UID
        "00100020",  # is never left as it was
        "50xxxxxx",  # goes with its group
        "60xx3000",
        "60xx4000",
        "FFFCFFFC",  # padding is not written
        "00081110",  # references, whose UIDs are replaced wherever they stay
        "00081111",
        "00081140",
        "00082112",
        "0008009C",  # names of people, which go wherever they are
        "0040A075",
        "0040A123",
        "00700084",
        "0072006A",
        "300600A6",
        "300E0008",
    )
)
"""Rows that other rules see to as well, so that nothing leaks without them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Make the adversary's folder."""
    return make_folder(tmp_path_factory.mktemp("adversary") / "in")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Give a key."""
    return key_file(tmp_path / "key", "one")


def key_file(path: Path, name: str) -> Path:
    """Write a key."""
    path.write_bytes(sha256(name.encode()).digest())
    path.chmod(0o600)
    return path


def name_of(options: frozenset[str]) -> str:
    """Name a set of options."""
    return "+".join(sorted(options)) or "basic"


def arguments(options: frozenset[str]) -> Iterator[str]:
    """Say options as the command line does."""
    for flag, chosen in (("--retain", options - CLEAN), ("--clean", options & CLEAN)):
        if chosen:
            yield from (flag, ",".join(sorted(chosen)))


def anonymize(folder: Folder, outputs: Path, key: Path, *more: str) -> None:
    """De-identify the folder; the junk in it makes the run a partial one."""
    line = ["anonymize", str(folder.root), "-o", str(outputs), "--key-file", str(key), *more]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == PARTIAL, result.output


def possible(folder: Folder) -> range:
    """Say how many outputs there may be: those with bytes behind them may be refused."""
    least = sum(not made.refusable for made in folder.objects)
    return range(least, len(folder.objects) + 1)


def contents_of(root: Path) -> dict[Path, bytes]:
    """Read all files below a folder."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root): path.read_bytes() for path in files}


@pytest.mark.parametrize("options", CHOICES, ids=name_of)
def test_every_row_is_right_and_nothing_survives(
    folder: Folder, tmp_path: Path, key: Path, options: frozenset[str]
) -> None:
    report_file = tmp_path / "report.jsonl"
    anonymize(folder, tmp_path / "out", key, "--report", str(report_file), *arguments(options))
    report = check(folder, tmp_path / "out", options)
    assert not report.findings, str(report)
    assert report.right_rows() == set(table())
    assert len(report.right_rows()) == 653


def test_report_holds_no_identity(folder: Folder, tmp_path: Path, key: Path) -> None:
    report = tmp_path / "report.jsonl"
    anonymize(folder, tmp_path / "out", key, "--report", str(report))
    content = report.read_bytes()
    assert content.count(b"\n") >= len(folder.objects)
    words = needles(word for person in PEOPLE for word in (*person.words(), *person.places()))
    assert not [word for needle, word in words.items() if needle in content.lower()]
    assert not [each for each in canaries_in(content) if each.startswith(("zq", "1.2.826"))]


def test_junk_is_not_an_output(folder: Folder, tmp_path: Path, key: Path) -> None:
    outputs, quarantine = tmp_path / "out", tmp_path / "quarantine"
    anonymize(folder, outputs, key, "--quarantine", str(quarantine))
    assert len(contents_of(outputs)) in possible(folder)


@pytest.mark.parametrize("options", [BASIC, ALL_RETAINED - {"uids"}], ids=name_of)
def test_jobs_and_runs_make_the_same_tree(
    folder: Folder, tmp_path: Path, key: Path, options: frozenset[str]
) -> None:
    for name, jobs in (("one", "1"), ("two", "2"), ("again", "1")):
        anonymize(folder, tmp_path / name, key, "-j", jobs, *arguments(options))
    tree = contents_of(tmp_path / "one")
    assert len(tree) in possible(folder)
    assert contents_of(tmp_path / "two") == tree
    assert contents_of(tmp_path / "again") == tree


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_and_resumed_run_makes_the_same_tree(
    folder: Folder, tmp_path: Path, key: Path, jobs: str
) -> None:
    anonymize(folder, tmp_path / "whole", key)
    whole = contents_of(tmp_path / "whole")
    outputs = tmp_path / "killed"
    line = ["anonymize", str(folder.root), "-o", str(outputs), "--key-file", str(key), "-j", jobs]
    with subprocess.Popen([sys.executable, "-m", "dcmtools", *line, "-q"]) as running:
        deadline = monotonic() + 60
        while running.poll() is None and len(list(outputs.rglob("*.dcm"))) < 3:
            assert monotonic() < deadline
        running.kill()
    done = {path: content for path, content in contents_of(outputs).items() if path in whole}
    assert done.items() <= whole.items(), "a part was under a final name"
    assert 3 <= len(done) < len(whole)
    anonymize(folder, outputs, key, "--resume", "-j", jobs)
    assert contents_of(outputs) == whole
    assert not check(folder, outputs).findings


def identifiers(outputs: Path) -> set[str]:
    """Gather UIDs, pseudonyms and the names of files."""
    found = set()
    for path in sorted(outputs.rglob("*.dcm")):
        found.add(path.stem)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = dcmread(path)
            for element in data.iterall():
                if element.VR == "UI":
                    values = element.value if element.VM > 1 else [element.value]
                    found.update(map(str, values))
            found.update((str(data.PatientID), str(data.PatientName)))
    standard = ("1.2.840.10008.", "1.2.826.0.1.3680043.9.5.")
    return {each for each in found if each and not each.startswith(standard)}


def test_another_key_has_no_identifier_in_common(folder: Folder, tmp_path: Path, key: Path) -> None:
    other = key_file(tmp_path / "other", "two")
    anonymize(folder, tmp_path / "one", key)
    anonymize(folder, tmp_path / "two", other)
    one, two = identifiers(tmp_path / "one"), identifiers(tmp_path / "two")
    assert len(one) == len(two)
    assert len(one) > 500
    assert not one & two


def test_no_key_file_is_a_key_of_its_own(folder: Folder, tmp_path: Path) -> None:
    runner = CliRunner()
    for name in ("one", "two"):
        line = ["anonymize", str(folder.root), "-o", str(tmp_path / name)]
        assert runner.invoke(app, line).exit_code == PARTIAL
        assert not check(folder, tmp_path / name).findings
    assert not identifiers(tmp_path / "one") & identifiers(tmp_path / "two")


@pytest.mark.parametrize("batch", range(BATCHES))
def test_rows_switched_off_are_found(
    folder: Folder, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    off = frozenset(list(table())[batch::BATCHES]) - ELSEWHERE
    rows = dict(tables.attributes())
    for tag in off:
        rows[int(tag, 16)] = rows[int(tag, 16)]._replace(basic="K", options=())
    monkeypatch.setattr(tables, "attributes", lambda: rows)
    anonymize(folder, tmp_path / "out", key, "--no-verify", "-j", "1")
    report = check(folder, tmp_path / "out")
    assert off - report.wrong_rows() == set()
    assert report.wrong_rows() - off <= ELSEWHERE  # they follow others


def test_outputs_tell_nothing_in_any_encoding(folder: Folder, tmp_path: Path, key: Path) -> None:
    """Search once more, by nothing but words and bytes, without any idea of what is where."""
    anonymize(folder, tmp_path / "out", key)
    words = needles(word for person in PEOPLE for word in (*person.words(), *person.places()))
    for path, content in contents_of(tmp_path / "out").items():
        for place, part in contents(content):
            lowered = part.lower()
            assert b"1.2.826.0.1.3680043.9.7777" not in part, (path, place)
            assert not [word for needle, word in words.items() if needle in lowered], (path, place)
            assert not [each for each in canaries_in(part) if each.startswith("zq")], (path, place)

"""Show that no file of the corpus, real or crafted, makes ``dump`` stumble or hide anything."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dcmtools.batch import Status, attempt
from dcmtools.cli.dump import _DumpWork
from dcmtools.dataset.dump import DumpOptions, Format
from dcmtools.dataset.files import Operand
from dcmtools.dataset.path import TagPath
from tests.factories import corpus

pytestmark = pytest.mark.corpus

PATHS = tuple(map(TagPath.parse, ("SOPInstanceUID", "PatientID", "CodeValue")))
MOST_MEMORY = 500 << 20
DEEPEST = 200  # the nesting that parsers of JSON and XML are known to bear


def listed() -> Iterator[object]:
    """List the corpus while tests are collected; a fixture could not make a test of each file."""
    found = corpus()
    for path in sorted(found.iterdir()) if found else ():
        if path.is_file():
            yield pytest.param(path, id=path.name)


FILES = list(listed())


def dumped(path: Path, **options: object) -> tuple[str, Status]:
    """Dump a file as the command does; an exception it did not foresee fails the test."""
    work = _DumpWork(DumpOptions(**options), columns=80)  # type: ignore[arg-type]
    *pieces, outcome = attempt(Operand(path), work)
    assert not isinstance(outcome, str)
    assert not any("unexpected" in reason for reason in outcome.reasons), outcome
    assert (outcome.status is Status.DONE) == (not outcome.reasons)
    return "".join(map(str, pieces)), outcome.status


def depth(document: str) -> int:
    """Measure the nesting of brackets outside strings."""
    level = deepest = 0
    outside = "".join(document.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    for char in outside:
        level += (char in "[{") - (char in "]}")
        assert level >= 0
        deepest = max(deepest, level)
    assert level == 0
    return deepest


def test_there_is_a_corpus(corpus_files: list[Path]) -> None:
    assert corpus_files


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("bulk_size", [1024, 0])
def test_text_and_tree(path: Path, bulk_size: int) -> None:
    text, status = dumped(path, format=Format.TEXT, bulk_size=bulk_size)
    tree, tree_status = dumped(path, format=Format.TREE, bulk_size=bulk_size)
    assert status is tree_status
    for shown in (text, tree):
        assert all(line.isprintable() for line in shown.split("\n"))
        assert (shown == "") == (status is Status.FAILED)
    assert all(len(line) <= 80 for line in tree.split("\n"))


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("form", [Format.JSON, Format.NDJSON])
@pytest.mark.parametrize("simple", [False, True])
def test_json(path: Path, form: Format, *, simple: bool) -> None:
    document, status = dumped(path, format=form, simple=simple)
    if status is Status.FAILED:
        assert document == ""
    elif depth(document) < DEEPEST:
        assert isinstance(json.loads(document), dict)
    assert document.count("\n") == (form is Format.NDJSON and status is not Status.FAILED)


@pytest.mark.parametrize("path", FILES)
def test_xml(path: Path) -> None:
    document, status = dumped(path, format=Format.XML)
    if status is Status.FAILED:
        assert document == ""
    elif depth(dumped(path, format=Format.JSON)[0]) < DEEPEST:
        assert ET.fromstring(document).tag.endswith("}NativeDicomModel")
    assert document.count("<Item ") == document.count("</Item>")


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("form", [Format.CSV, Format.TSV, Format.VALUE])
def test_tables(path: Path, form: Format) -> None:
    table, status = dumped(path, format=form, paths=PATHS)
    if form is not Format.VALUE:
        assert table.count("\n") == (status is not Status.FAILED)
    assert all(line.replace("\t", "").isprintable() for line in table.split("\n"))


@pytest.mark.parametrize("path", FILES)
def test_a_selection_is_part_of_the_whole(path: Path) -> None:
    whole = dumped(path, format=Format.TEXT)[0].split("\n")
    chosen = dumped(path, format=Format.TEXT, paths=PATHS)[0].split("\n")
    assert {line.strip() for line in chosen} <= {line.strip() for line in whole}


@pytest.mark.parametrize(
    "options",
    [["-f", "text"], ["-f", "json"], ["-f", "csv", "-P", "PatientID"], ["-j", "1"]],
    ids=" ".join,
)
def test_the_whole_corpus_in_one_run(corpus_files: list[Path], options: list[str]) -> None:
    """Run in a child of a child, so that only this run counts for the peak of memory."""
    program = (
        "import resource, subprocess, sys; ran = subprocess.run(sys.argv[1:]);"
        " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr);"
        " sys.exit(ran.returncode)"
    )
    command = [sys.executable, "-m", "dcmtools", "dump", corpus_files[0].parent, *options]
    with Path(os.devnull).open("wb") as nowhere:
        ran = subprocess.run(
            [sys.executable, "-c", program, *command],
            stdout=nowhere,
            stderr=subprocess.PIPE,
            check=False,
        )
    *said, peak = ran.stderr.decode().splitlines()
    assert ran.returncode == 9
    assert all(line.startswith("dcmtools dump: ") for line in said)
    assert not any("unexpected" in line or "died" in line for line in said)
    assert int(peak) << (0 if sys.platform == "darwin" else 10) < MOST_MEMORY

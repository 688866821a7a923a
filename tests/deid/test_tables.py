"""Show that the tables that ship are those of the standard, and that reading them costs little."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dcmtools.dataset.dictionary import lookup
from dcmtools.deid import _generate, _generate_types, iods, tables
from dcmtools.errors import ExitCode

SOURCES = ("ps315_e1_1.tsv", "ps315_e3_4_1_content_items.tsv", "ps315_safe_private.tsv")
CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
RT_PLAN = "1.2.840.10008.5.1.4.1.1.481.5"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ECG = "1.2.840.10008.5.1.4.1.1.9.1.1"
PRIVATE = "1.2.276.0.7230010.3.1.0.1"
NEWER = {
    **dict.fromkeys((0x00081301, 0x00081302, 0x00081303, 0x00081304, 0x00100011), "SQ"),
    **dict.fromkeys((0x00100014, 0x00100015, 0x00100041, 0x00100043, 0x00100044), "SQ"),
    **dict.fromkeys((0x00100046,), "SQ"),
    **dict.fromkeys((0x0040A034, 0x0040A035, 0x0040B034, 0x0040B036), "DT"),
    **dict.fromkeys((0x00100012, 0x0040B03B), "LT"),
    **dict.fromkeys((0x00100013, 0x00100016, 0x00100042, 0x00100045), "UT"),
    **dict.fromkeys((0x00100047, 0x0040E012), "UR"),
    **dict.fromkeys((0x0040B03F, 0x3004007F), "LO"),
    0x00102162: "UC",
}


@pytest.fixture
def folder() -> Path:
    """Find the folder of the standard's tables, beside the corpus."""
    corpus = os.environ.get("DCMTOOLS_CORPUS")
    found = Path(corpus).parent if corpus else None
    if found is None or not all((found / name).is_file() for name in SOURCES):
        pytest.skip("DCMTOOLS_CORPUS names no folder with the tables of the standard beside it")
    return found


@pytest.mark.corpus
def test_the_tables_are_made_from_those_of_the_standard(folder: Path) -> None:
    command = [sys.executable, "-m", "dcmtools.deid._generate", str(folder), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, "", "")


@pytest.mark.corpus
def test_what_is_out_of_date_is_named_and_then_written(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(_generate, "DATA", tmp_path)
    assert _generate.main([str(folder), "--check"]) == ExitCode.FAILURE
    assert "attributes.tsv is out of date" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert _generate.main([str(folder)]) == ExitCode.OK
    assert {path.name for path in tmp_path.iterdir()} == set(_generate.MADE)
    assert _generate.main([str(folder), "--check"]) == ExitCode.OK


@pytest.mark.parametrize("arguments", [[], ["folder", "--write"], ["--check", "folder"]])
def test_the_generator_wants_a_folder(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _generate.main(arguments) == ExitCode.USAGE
    assert "FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("attributes.tsv", "PS3.15 Table E.1-1, edition 2026d"),
        ("content_items.tsv", "PS3.15 Table E.3.4-1, edition 2026d"),
        ("safe_private.tsv", "PS3.15 Table E.3.10-1, editions 2020 and 2025b"),
        ("methods.tsv", "PS3.16 CID 7050"),
        ("types.tsv", "PS3.3, about edition 2024e"),
    ],
)
def test_each_table_says_of_which_edition_it_is(name: str, named: str) -> None:
    assert tables.edition(name).startswith(named)


def test_the_tables_are_whole() -> None:
    assert len(tables.attributes()) == 657 - len(_generate.NOT_ATTRIBUTES)
    assert len(tables.content_items()) == 214
    assert len(tables.safe_private()) == 193
    assert len(tables.methods()) == 13


def test_all_are_read_in_less_than_five_milliseconds() -> None:
    readers = (tables.attributes, tables.safe_private, tables.methods, iods._table)

    def read() -> float:
        for each in readers:
            each.cache_clear()
        start = time.perf_counter()
        for each in readers:
            each()
        return time.perf_counter() - start

    assert min(read() for _ in range(20)) < 0.005


def test_attributes_newer_than_the_dictionary_have_a_vr_and_a_keyword() -> None:
    newer = {tag for tag in tables.attributes() if lookup(tag) is None}
    assert newer == NEWER.keys()
    for tag, vr in NEWER.items():
        assert tables.vr_of(tag) == vr, f"{tag:08x}"
        assert tables.keyword_of(tag)


def test_all_other_attributes_have_the_vr_of_the_dictionary() -> None:
    for tag, row in tables.attributes().items():
        entry = lookup(tag)
        if entry is not None:
            assert (row.name, row.vr) == (entry.keyword, entry.vr)
            assert tables.vr_of(tag) == entry.vr
    assert tables.vr_of(0x00280010) == "US"
    assert tables.vr_of(0x0008FFF0) == ""
    assert tables.keyword_of(0x0008FFF0) == ""


@pytest.mark.parametrize(
    ("tag", "sop_class", "sequence", "type_"),
    [
        (0x00080023, SR, 0, "1"),
        (0x00080023, CT, 0, "2"),
        (0x00080023, PRIVATE, 0, "1"),
        (0x00081070, RT_STRUCTURE_SET, 0, "2"),
        (0x00081070, CT, 0, "3"),
        (0x00081070, PRIVATE, 0, "3"),
        (0x00080080, CT, 0, "3"),
        (0x00080080, CT, 0x00081072, "1"),
        (0x00181000, ENHANCED_CT, 0, "1"),
        (0x00181000, CT, 0, "3"),
        (0x300A0006, RT_PLAN, 0, "2"),
        (0x300A0006, CT, 0, "3"),
        (0x00700082, GSPS, 0, "1"),
        (0x00700082, CT, 0, "3"),
        (0x0040B020, ECG, 0, "1"),
        (0x00081111, SR, 0, "2"),
        (0x00081140, GSPS, 0x00081115, "1"),
        (0x00082112, ENHANCED_CT, 0x00089124, "2"),
        (0x00081140, CT, 0, "3"),
        (0x300A00B2, RT_PLAN, 0x300A00B0, "2"),
        (0x00080080, RT_PLAN, 0x300A0206, "3"),
        (0x00080080, CT, 0x300A0206, "2"),
        (0x00280010, CT, 0, "3"),
    ],
)
def test_types_are_those_of_the_iods(tag: int, sop_class: str, sequence: int, type_: str) -> None:
    assert iods.type_of(tag, sop_class, sequence) == type_


def test_the_iods_of_all_usual_sop_classes_are_known() -> None:
    for sop_class in (CT, SR, GSPS, RT_STRUCTURE_SET, RT_PLAN, ENHANCED_CT, ECG):
        assert iods.is_known(sop_class)
    assert iods.is_known("1.2.840.10008.5.1.4.1.1.6")
    assert not iods.is_known(PRIVATE)
    assert not iods.is_known("")


def test_types_are_gathered_from_modules(tmp_path: Path) -> None:
    attribute = {"keyword": "OperatorsName", "type": "3", "path": []}
    nested = {"keyword": "InstitutionName", "path": ["OperatorIdentificationSequence"]}
    sources = (
        {"1.2.3": "one", "1.2.4": "two", "1.2.5": "three"},
        {"one": [{"key": "a"}, {"key": "b"}], "two": [{"key": "a"}], "three": [{"key": "gone"}]},
        {
            "a": [attribute, {**nested, "type": "1C"}, {**attribute, "keyword": "Rows"}],
            "b": [{**attribute, "type": "2C"}, {**attribute, "keyword": "StudyTime", "type": "2"}],
        },
    )
    for name, content in zip(_generate_types.SOURCES, sources, strict=True):
        (tmp_path / name).write_text(json.dumps(content))
    rows = {
        "OperatorsName": {"tag": "00081070", "basic": "X/Z/D"},
        "InstitutionName": {"tag": "00080080", "basic": "X/Z/D"},
        "StudyTime": {"tag": "00080030", "basic": "Z"},
        "Rows": {"tag": "00280010", "basic": "X"},
    }
    made = _generate_types.types(tmp_path, rows).splitlines()
    assert [line for line in made if not line.startswith("#")] == [
        "IOD\t0\tone\t1.2.3",
        "IOD\t1\tthree\t1.2.5",
        "IOD\t2\ttwo\t1.2.4",
        "TYPE\t00080080\t00081072\t1\t*",
        "TYPE\t00081070\t-\t2\t*",
        "TYPE\t00081070\t-\t2\t0",
    ]

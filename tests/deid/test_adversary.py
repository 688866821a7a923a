"""Show that the checker of de-identification finds what it has to, and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from tests.deid.adversary import Folder, make_folder
from tests.deid.coding import Element
from tests.deid.facts import ALL_RETAINED, OPTIONS, table
from tests.deid.leaks import Report, check
from tests.deid.planting import attribute
from tests.deid.reference import Reference, Settings, deidentify

BATCHES = 12
CHOICES = [
    frozenset(),
    *(frozenset((option,)) for option in OPTIONS),
    ALL_RETAINED,
    ALL_RETAINED - {"dates-shifted"} | {"dates"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Make the adversary's folder."""
    return make_folder(tmp_path_factory.mktemp("adversary") / "in")


def name_of(options: frozenset[str]) -> str:
    """Name a set of options."""
    return "+".join(sorted(options)) or "basic"


def judged(folder: Folder, outputs: Path, settings: Settings) -> Report:
    """De-identify by the reference and check that."""
    report = check(folder, deidentify(folder, outputs, settings), settings.options)
    rmtree(outputs)
    return report


def test_folder_is_the_same_each_time(folder: Folder, tmp_path: Path) -> None:
    assert make_folder(tmp_path / "again").hashes == folder.hashes


def test_every_row_is_planted(folder: Folder, tmp_path: Path) -> None:
    report = judged(folder, tmp_path / "out", Settings())
    assert len(table()) == 653
    assert set(report.judged) == set(table())
    scarce = {row for row, count in report.judged.items() if count < 4}
    assert not scarce


def test_untouched_copy_is_all_leaks(folder: Folder, tmp_path: Path) -> None:
    copytree(folder.root, tmp_path / "copy")
    report = check(folder, tmp_path / "copy")
    assert set(table()) - report.wrong_rows() == set()
    assert not report.right_rows()
    beside = {"FILES", "IDENTITY", "META", "METHOD", "OVERLAY", "PRIVATE", "UNKNOWN", "BYTES"}
    assert beside <= report.rules(), beside - report.rules()


@pytest.mark.parametrize("options", CHOICES, ids=name_of)
def test_right_outputs_have_no_findings(
    folder: Folder, tmp_path: Path, options: frozenset[str]
) -> None:
    report = judged(folder, tmp_path / "out", Settings(options))
    assert not report.findings, str(report)
    assert len(report.right_rows()) == 653


def test_the_last_of_several_actions_is_as_right(folder: Folder, tmp_path: Path) -> None:
    report = judged(folder, tmp_path / "out", Settings(last=True))
    assert not report.findings, str(report)


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("batch", range(BATCHES))
def test_rows_left_out_are_found_and_no_others(
    folder: Folder, tmp_path: Path, batch: int, depth: int
) -> None:
    off = frozenset(list(table())[batch::BATCHES])
    if depth:  # these are at the top only
        off -= {"00020003", "FFFCFFFC"}
    report = judged(folder, tmp_path / "out", Settings(off=off, off_from=depth))
    assert off - report.wrong_rows() == set()
    assert report.wrong_rows() - off == set()


def kept(_: Reference, each: Element) -> Iterator[Element]:
    """Do nothing to an element."""
    yield each


def other_pixels(self: Reference, each: Element) -> Iterator[Element]:
    """Change a bit of the pixels."""
    if each.tag == 0x7FE00010 and isinstance(each.value, bytes) and each.fragments is None:
        yield replace(each, value=b"\xff" + each.value[1:])
    else:
        yield from UNLISTED(self, each)


def without(self: Reference, each: Element) -> Iterator[Element]:
    """Lose the body part."""
    if each.tag != 0x00180015:
        yield from UNLISTED(self, each)


def two_byte(self: Reference, each: Element) -> Iterator[Element]:
    """Hide a name in text of two bytes a letter."""
    name = self.person.name("").split("^")[0].encode("utf-16-le")
    yield replace(each, value=name) if each.tag == 0x00181020 else each


def lying(self: Reference) -> list[Element]:
    """Claim that dates were kept."""
    change = attribute("LongitudinalTemporalInformationModified", "UNMODIFIED")
    return [change, *(each for each in METHOD(self) if each.tag != change.tag)]


UNLISTED, METHOD = Reference._unlisted, Reference._method
FAULTS: dict[str, tuple[str, Callable[..., object], str]] = {
    "private elements": ("_safe", lambda *_: True, "PRIVATE"),
    "unknown attributes": ("_unknown", kept, "UNKNOWN"),
    "overlays": ("_unknown", kept, "OVERLAY"),
    "identity in texts": ("_scrub", lambda _, text: text, "IDENTITY"),
    "identity in two bytes": ("_unlisted", two_byte, "IDENTITY"),
    "unlisted UIDs": ("_uids", lambda _, value: value, "OTHER"),
    "one bit of the pixels": ("_unlisted", other_pixels, "PIXELS"),
    "an attribute lost": ("_unlisted", without, "OTHER"),
    "one pseudonym for all": ("_pseudonym", lambda *_: "P1", "PATIENT"),
    "no pseudonym": ("_pseudonym", lambda *_: "", "PATIENT"),
    "two pseudonyms": ("_pseudonym", lambda self, _: f"P{self.made.number}", "PATIENT"),
    "a lie about dates": ("_method", lying, "METHOD"),
    "UIDs of each file": (
        "_new_uids",
        lambda self, _: f"2.25.{self.made.number}",
        "0020000D",
    ),
    "one UID for all": ("_new_uids", lambda *_: "2.25.1", "00080018"),
    "no valid UID": ("_new_uids", lambda *_: "2.25.01", "00080018"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_other_rules_left_out_are_found(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    name, wrong, rule = FAULTS[fault]
    monkeypatch.setattr(Reference, name, wrong)
    report = judged(folder, tmp_path / "out", Settings())
    assert rule in report.rules() | report.wrong_rows()


def test_dates_that_move_differently_are_found(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reference, "_shift", lambda self: timedelta(days=self.made.number))
    report = judged(folder, tmp_path / "out", Settings(frozenset(("dates-shifted",))))
    assert {"00080020", "00080012", "00189074"} <= report.wrong_rows()


def test_dates_that_do_not_move_are_found(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reference, "_shift", lambda _: timedelta())
    report = judged(folder, tmp_path / "out", Settings(frozenset(("dates-shifted",))))
    assert "00080020" in report.wrong_rows()


def test_content_items_left_out_are_found(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reference, "_content", lambda _, items, __: iter(items))
    report = judged(folder, tmp_path / "out", Settings(frozenset(("structured",))))
    items = {finding.path for finding in report.findings if finding.row == "SR"}
    assert len(items) > 200


def tail(one: Path, _: Folder) -> None:
    """Write behind the data set."""
    one.write_bytes(one.read_bytes() + b"Zq800003xV")


def preamble(one: Path, _: Folder) -> None:
    """Keep a preamble."""
    one.write_bytes(b"Zq800004xV".ljust(128) + one.read_bytes()[128:])


def telling_name(one: Path, _: Folder) -> None:
    """Name a file after its patient."""
    one.rename(one.with_name("yamada 1.dcm"))


def lost(one: Path, _: Folder) -> None:
    """Have no output."""
    one.unlink()


def directory(one: Path, folder: Folder) -> None:
    """Copy what is to be skipped."""
    (one.parent / "1").write_bytes((folder.root / "DICOMDIR").read_bytes())


def text(one: Path, folder: Folder) -> None:
    """Copy what is no DICOM file."""
    (one.parent / "1").write_bytes((folder.root / "Mustermann.txt").read_bytes())


def twice(one: Path, _: Folder) -> None:
    """Have two outputs of one object."""
    (one.parent / "twice.dcm").write_bytes(one.read_bytes())


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        (tail, "BYTES"),
        (preamble, "META"),
        (telling_name, "IDENTITY"),
        (lost, "FILES"),
        (directory, "FILES"),
        (text, "IDENTITY"),
        (twice, "FILES"),
    ],
)
def test_faults_of_files_are_found(
    folder: Folder, tmp_path: Path, fault: Callable[[Path, Folder], None], rule: str
) -> None:
    outputs = deidentify(folder, tmp_path / "out", Settings())
    fault(outputs / "0.dcm", folder)
    assert rule in check(folder, outputs).rules()


def test_a_repeated_tag_is_found(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clean(self: Reference, elements: tuple[Element, ...], depth: int) -> tuple[Element, ...]:
        last = {each.tag: each for each in elements}
        return tuple(
            new
            for each in elements
            for new in (
                (each,) if last[each.tag] is not each else self._element(each, elements, depth)
            )
        )

    monkeypatch.setattr(Reference, "clean", clean)
    report = judged(folder, tmp_path / "out", Settings())
    assert {"00081010", "00101001"} == report.wrong_rows()


def test_changed_inputs_are_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in")
    outputs = deidentify(folder, tmp_path / "out", Settings())
    (folder.root / "empty.dcm").write_bytes(b"x")
    assert check(folder, outputs).rules() == {"INPUT"}

"""Show that of no file of the corpus ``modify`` changes a byte that it was not asked to change.

What is in a file is read by a parser that knows the encodings and nothing else (PS3.5 7 and A).
"""

from __future__ import annotations

import subprocess
import zlib
from struct import calcsize, unpack_from
from typing import TYPE_CHECKING, NamedTuple

import pytest
from typer.testing import CliRunner, Result

from dcmtools.cli.main import app
from tests.conftest import need
from tests.factories import DEFLATED, LONG_VRS, UNDEFINED, corpus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.corpus

VALUE = b"ANOTHER PATIENT "
PATIENT_ID, GROUP_LENGTH, DIRECTORY = 0x00100020, 0x00100000, 0x00041220
ITEM_END, SEQUENCE_END = 0xFFFEE00D, 0xFFFEE0DD
SHORT_VRS = (
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "PN", "SH", "SL", "SS",
    "ST", "TM", "UI", "UL", "US",
)  # fmt: skip


class Truth(NamedTuple):
    """What is known of a file of the corpus."""

    kind: str
    """``read``: every reader reads it. ``read-lenient``: some do. ``either``: it may be refused."""
    is_read_by_dcmtk: bool


def truths() -> dict[str, Truth]:
    folder = corpus()
    if folder is None:
        return {}
    lines = (folder.parent / "dicom-truth.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines[1:]]
    return {row[0]: Truth(row[1], row[3] == "0") for row in rows}


TRUTHS = truths()
ON_PURPOSE = {
    "crafted__5f70bf18__zeros_1k.dcm": "zeros are no data set",
    "crafted__6bd95a80__item_len_huge.dcm": "the item is longer than its sequence",
}
"""What is refused although there are programs that read it."""


class Body:
    """An encoded data set, or the rest of one.

    Parameters
    ----------
    content : bytes
        The bytes.
    is_big, is_explicit : bool
        How they are encoded.
    """

    def __init__(self, content: bytes, *, is_big: bool, is_explicit: bool) -> None:
        self.content = content
        self.is_explicit = is_explicit
        self.order = ">" if is_big else "<"

    def number(self, code: str, at: int) -> int:
        """Read a number; there must be one."""
        number: int = unpack_from(self.order + code, self.content, at)[0]
        return number

    def tag(self, at: int) -> int:
        """Read a tag."""
        return self.number("H", at) << 16 | self.number("H", at + 2)

    def head(self, at: int, *, is_explicit: bool) -> tuple[int, int, str]:
        """Read the head of an element; give where its value is, its length, and its VR."""
        vr = self.content[at + 4 : at + 6].decode("latin-1")
        if not is_explicit or self.number("H", at) == 0xFFFE:
            return at + 8, self.number("I", at + 4), ""
        if vr in LONG_VRS or (
            vr not in SHORT_VRS and vr.isupper() and not self.number("H", at + 6)
        ):
            return at + 12, self.number("I", at + 8), vr
        return at + 8, self.number("H", at + 6), vr

    def end(self, at: int, *, is_explicit: bool) -> int:
        """Find the end of an element."""
        value, length, vr = self.head(at, is_explicit=is_explicit)
        if length != UNDEFINED:
            assert value + length <= len(self.content)
            return value + length
        if vr == "UN":  # implicit VR little endian, whatever is around it
            inside = Body(self.content, is_big=False, is_explicit=False)
            return inside._end_of_items(value, is_explicit=False)
        return self._end_of_items(value, is_explicit=is_explicit)

    def _end_of_items(self, at: int, *, is_explicit: bool) -> int:
        while self.tag(at) != SEQUENCE_END:
            value, length, _ = self.head(at, is_explicit=False)
            if length != UNDEFINED:
                at = value + length
                continue
            at = value
            while self.tag(at) != ITEM_END:
                at = self.end(at, is_explicit=is_explicit)
            at += 8
        return at + 8

    def elements(self) -> Iterator[tuple[int, bytes]]:
        """List the elements of the data set itself, each with all its bytes, and then the rest."""
        at = 0
        while at + calcsize("<HHI") <= len(self.content):
            end = self.end(at, is_explicit=self.is_explicit)
            yield self.tag(at), self.content[at:end]
            at = end
        yield 0xFFFFFFFF, self.content[at:]


class Parsed(NamedTuple):
    """A file: what comes before its data set, and the elements of that."""

    before: bytes
    elements: list[tuple[int, bytes]]
    order: str
    is_explicit: bool


def parse(path: Path) -> Parsed:
    """Take a file apart, by what is there and not by what its file meta says of it."""
    content = path.read_bytes()
    start = content.find(b"DICM", 0, 132) + 4 if b"DICM" in (content[:4], content[128:132]) else 0
    start = 0 if is_element(content) else start
    syntax = ""
    while content[start : start + 2] == b"\2\0":
        is_explicit = content[start + 4 : start + 6].isalpha()
        rest = Body(content[start:], is_big=False, is_explicit=is_explicit)
        value, _, _ = rest.head(0, is_explicit=is_explicit)
        end = rest.end(0, is_explicit=is_explicit)
        if rest.tag(0) == 0x00020010:
            syntax = rest.content[value:end].decode().rstrip("\0 ")
        start += end
    body = content[start:]
    if syntax == DEFLATED:
        body = inflated(body)
    is_big = body[:1] == b"\0" != body[1:2]
    found = Body(body, is_big=is_big, is_explicit=is_element(body))
    return Parsed(content[:start], list(found.elements()), found.order, found.is_explicit)


def is_element(content: bytes) -> bool:
    """Tell whether bytes begin with an element that says its VR."""
    return content[4:6].decode("latin-1") in (*SHORT_VRS, *LONG_VRS)


def inflated(body: bytes) -> bytes:
    """Inflate what is deflated, with or without a header, and give what is not as it is."""
    for bits in (-zlib.MAX_WBITS, zlib.MAX_WBITS | 32):
        inflater = zlib.decompressobj(bits)
        try:
            return inflater.decompress(body) + inflater.unused_data.strip(b"\0")
        except zlib.error:
            continue
    return body


def is_sorted(parsed: Parsed) -> bool:
    """Tell whether the elements are in ascending order."""
    tags = [tag for tag, _ in parsed.elements]
    return tags == sorted(tags)


def modify(*words: object) -> Result:
    """Run ours, in this process."""
    options = ["modify", "--no-fsync", "-i", f"PatientID={VALUE.decode()}"]
    ran = CliRunner().invoke(app, [*options, *map(str, words)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "Traceback" not in ran.stderr
    assert "unexpected" not in ran.stderr
    return ran


def length_is_wrong(parsed: Parsed) -> bool:
    """Tell whether there is a group length that is not that of the group of Patient ID."""
    lengths = [raw for tag, raw in parsed.elements if tag == GROUP_LENGTH]
    size = sum(len(raw) for tag, raw in parsed.elements if tag >> 16 == 0x0010 and tag & 0xFFFF)
    return any(unpack_from(parsed.order + "I", raw, len(raw) - 4)[0] != size for raw in lengths)


@pytest.fixture(scope="module")
def modified(tmp_path_factory: pytest.TempPathFactory, corpus_files: list[Path]) -> Path:
    """Modify the whole corpus in one run, into a folder."""
    folder = tmp_path_factory.mktemp("modified")
    ran = modify(corpus_files[0].parent, "-o", folder)
    assert ran.exit_code == 9
    return folder


def written(modified: Path, name: str) -> Path:
    """Give the file that was made of one; skip what was refused and may be."""
    path = modified / name
    if not path.exists() and (TRUTHS[name].kind != "read" or name in ON_PURPOSE):
        pytest.skip(ON_PURPOSE.get(name, "was refused, which it may be"))
    return path


def is_directory(path: Path) -> bool:
    """Tell whether a file is a DICOMDIR, whose records say at which byte others are."""
    return "DICOMDIR" in path.name and DIRECTORY in dict(parse(path).elements)


@pytest.mark.parametrize("name", sorted(TRUTHS))
def test_nothing_else_is_changed(name: str, modified: Path, corpus_files: list[Path]) -> None:
    original = corpus_files[0].with_name(name)
    if is_directory(original):
        assert not (modified / name).exists()
        return
    result = written(modified, name)
    before, after = parse(original), parse(result)
    assert after.before == before.before
    ours = [raw for tag, raw in after.elements if tag == PATIENT_ID]
    theirs = [raw for tag, raw in before.elements if tag == PATIENT_ID] or [b"    LO"]
    assert len(ours) == len(theirs)
    assert all(raw.endswith(VALUE) for raw in ours)
    if after.is_explicit:
        assert [raw[4:6] for raw in ours] == [raw[4:6].replace(b"UN", b"LO") for raw in theirs]
    changed = (PATIENT_ID, GROUP_LENGTH)
    assert [each for each in after.elements if each[0] not in changed] == [
        each for each in before.elements if each[0] not in changed
    ]
    assert is_sorted(after) == is_sorted(before)
    assert length_is_wrong(before) or not length_is_wrong(after)


@pytest.mark.interop
def test_dcmtk_reads_what_it_has_read(modified: Path) -> None:
    """Give them all to one call, which says which file each line is of."""
    names = [name for name, truth in TRUTHS.items() if truth.is_read_by_dcmtk]
    files = [str(modified / name) for name in names if (modified / name).exists()]
    command = [need("dcmdump"), "-q", "+F", "+P", "PatientID", *files]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    _, *each = ran.stdout.decode("latin-1").split("# dcmdump (")
    shown = [text.splitlines() for text in each]
    assert [lines[0].partition(": ")[2] for lines in shown] == files
    wanted = f"[{VALUE.decode().strip()}]"
    assert [lines[0] for lines in shown if not any(wanted in line for line in lines)] == []


def test_what_can_be_read_is_modified(modified: Path, corpus_files: list[Path]) -> None:
    names = {path.name for path in modified.rglob("*")}
    wanted = {
        path.name
        for path in corpus_files
        if TRUTHS[path.name].kind == "read" and not is_directory(path)
    }
    assert sorted(wanted - names) == sorted(ON_PURPOSE)
    assert len(names) >= 250


def test_to_modify_it_again_changes_nothing(modified: Path, tmp_path: Path) -> None:
    again = modify(modified, "-o", tmp_path)
    assert again.exit_code == 0
    for path in sorted(modified.iterdir()):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name

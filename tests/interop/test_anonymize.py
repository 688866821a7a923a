"""Show that other toolkits take what ``anonymize`` makes, as they took what it was made of."""

from __future__ import annotations

import json
import re
import subprocess
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pydicom.data
import pytest
from pydicom import dcmread

from tests.cli.anonymizing import anonymize, key_file, records
from tests.conftest import need
from tests.interop.peers import Destinations, OrthancPeer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydicom import FileDataset

pytestmark = [pytest.mark.interop, pytest.mark.corpus]

PATIENCE = 20  # seconds
TOLD = ("MediaStorage", "TransferSyntax", "Dimensions", "Photometric", "PixelRep", "BitsAlloc")
SMALL = 1 << 20  # bytes
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
CHOICES = {
    "basic": (),
    "most": (
        "--retain", "uids,device,institution,patient,dates-shifted,safe-private",
        "--clean", "descriptors,structured,graphics",
    ),
}  # fmt: skip


class Made(NamedTuple):
    """A file and the output that was made of it."""

    source: Path
    output: Path


@pytest.fixture(scope="module")
def sources(corpus_files: list[Path]) -> list[Path]:
    """List the corpus and the files that come with pydicom."""
    package = Path(pydicom.data.__file__).parent / "test_files"
    return [*corpus_files, *sorted(path for path in package.rglob("*") if path.is_file())]


@pytest.fixture(scope="module", params=CHOICES)
def made(
    request: pytest.FixtureRequest, sources: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> list[Made]:
    """De-identify all of them under some options."""
    folder = tmp_path_factory.mktemp(request.param)
    listed = folder / "list"
    listed.write_bytes(b"\0".join(str(path).encode() for path in sources))
    report, out = folder / "report", folder / "out"
    words = ["--files-from", listed, "-0", "-o", out, "--report", report, "-j", 2]
    ran = anonymize(*words, "--key-file", key_file(folder), *CHOICES[request.param])
    assert ran.exit_code == 9
    found = zip(sources, records(report), strict=True)
    pairs = [Made(source, out / str(told["output"])) for source, told in found if told["output"]]
    assert len(pairs) > 300
    return pairs


def read(path: Path) -> FileDataset | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = dcmread(path, force=True)
            json.dumps([str(element.tag) for element in data.iterall()])
        except Exception:  # noqa: BLE001 - whatever it is, it cannot read the file
            return None
        return data


def kinds(pairs: list[Made]) -> dict[tuple[str, str], Made]:
    """Choose the smallest of each SOP Class in each transfer syntax, none that was made to try."""
    found: dict[tuple[str, str], Made] = {}
    for pair in sorted(pairs, key=lambda pair: pair.source.stat().st_size):
        data = read(pair.output)
        if data is not None and not pair.source.name.startswith("crafted"):
            syntax = data.file_meta.get("TransferSyntaxUID")
            found.setdefault((str(data.get("SOPClassUID")), str(syntax)), pair)
    assert len(found) > 60
    return found


def unread(pairs: list[Made], reads: Callable[[Path], bool], jobs: int = 2) -> list[str]:
    """List the outputs that a toolkit does not read, though it reads what they were made of."""
    with ThreadPoolExecutor(jobs) as pool:
        outputs = dict.fromkeys(pair.output for pair in pairs)
        bad = {
            path for path, well in zip(outputs, pool.map(reads, outputs), strict=True) if not well
        }
    assert len(bad) < len(outputs) / 4
    return [pair.source.name for pair in pairs if pair.output in bad and reads(pair.source)]


def ran(*words: str | Path) -> tuple[int, str]:
    """Run a program; what takes too long has failed."""
    try:
        done = subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return -1, ""
    return done.returncode, (done.stdout + done.stderr).decode("latin-1")


def test_dcmtk_reads_all(made: list[Made]) -> None:
    program = need("dcmdump")
    assert unread(made, lambda path: ran(program, "-q", path)[0] == 0) == []


def test_gdcm_reads_all(made: list[Made]) -> None:
    program = need("gdcmdump")
    chosen = [pair for pair in made if pair.source.name.startswith("crafted")]
    chosen += kinds(made).values()
    assert unread(chosen, lambda path: ran(program, path)[0] == 0) == []


def test_gdcm_says_the_same_of_images(made: list[Made]) -> None:
    program = need("gdcminfo")
    shown = [(*kind, pair) for kind, pair in kinds(made).items() if pixels(pair.output)]
    images = [*{syntax: pair for _, syntax, pair in shown}.values()]
    images += {sop_class: pair for sop_class, _, pair in shown}.values()
    assert len(images) > 20

    def told(path: Path) -> list[str]:
        code, text = ran(program, path)
        image, _, _ = text.partition("Group  ")  # of overlays, which go
        found = [line for line in image.splitlines() if line.startswith(TOLD)]
        return found if code == 0 else []

    with ThreadPoolExecutor(2) as pool:
        after = list(pool.map(told, [pair.output for pair in images]))
        before = list(pool.map(told, [pair.source for pair in images]))
    assert sum(bool(each) for each in after) > 20
    assert {
        pair.source.name: (was, now)
        for pair, was, now in zip(images, before, after, strict=True)
        if was and was != now
    } == {}


@cache
def pixels(path: Path) -> dict[int, bytes]:
    """Give the pixel data of a file as they stand there; nothing where it cannot be read."""
    data = read(path)
    items = [(tag, data.get_item(tag)) for tag in PIXELS] if data is not None else []
    return {
        tag: item.value.rstrip(b"\0")
        for tag, item in items
        if item is not None and isinstance(item.value, bytes)
    }


def test_pydicom_reads_all(made: list[Made]) -> None:
    """It warns, which no two threads can be kept from at once."""
    assert unread(made, lambda path: bool(read(path)), jobs=1) == []


def test_pixel_data_are_the_same_bit_for_bit(made: list[Made]) -> None:
    compared = [pair for pair in made if pixels(pair.source)]
    assert len(compared) > 200
    different = [pair for pair in compared if pixels(pair.output) != pixels(pair.source)]
    assert [pair.source.name for pair in different] == []


def test_dicom3tools_finds_no_new_error(made: list[Made]) -> None:
    """It looks at an object of each SOP Class."""
    program = need("dciodvfy")

    def errors(path: Path) -> set[str]:
        _, text = ran(program, "-new", path)
        lines = [line for line in text.splitlines() if line.startswith("Error")]
        return {re.sub(r"\[\d+\]|<[^>]*>", "", line) for line in lines}

    classes = {sop_class: pair for (sop_class, _), pair in kinds(made).items()}
    assert len(classes) > 30
    found = {
        pair.source.name: errors(pair.output) - errors(pair.source) for pair in classes.values()
    }
    assert {name: new for name, new in found.items() if new} == {}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    """Give an Orthanc of its own, which is empty."""
    destinations = Destinations()
    with OrthancPeer(tmp_path_factory.mktemp("fresh") / "orthanc", destinations) as peer:
        yield peer
    destinations.close()


def test_orthanc_accepts_all(made: list[Made], fresh: OrthancPeer) -> None:
    def accepts(path: Path) -> bool:
        return fresh.ask("/instances", path.read_bytes()) is not None

    small = [
        pair
        for pair in made
        if pair.output.stat().st_size < SMALL and "nest_1500" not in pair.source.name  # it dies
    ]
    assert len(small) > 250
    assert unread(small, accepts) == []

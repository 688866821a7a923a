"""Edit files with DCMTK's `dcmodify` and with ours, and read what both have made with pydicom.

Encodings that say the same are not told apart: lengths of sequences and items, and group lengths.
"""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement
from typer.testing import CliRunner

from dcmtools.cli.main import app
from tests.conftest import need
from tests.factories import corpus, write
from tests.interop.edit_scripts import MADE, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydicom import Dataset

META = ("00020002", "00020003", "00020010")
"""The file meta elements that `dcmodify` does not write anew whatever is edited."""
PADDING = "fffcfffc"


class Found(NamedTuple):
    """An element: where it is, its VR and the bytes of its value; for a sequence its items."""

    path: str
    vr: str
    value: bytes


class Ran(NamedTuple):
    """How a program ended, and what it has said."""

    code: int
    said: str


def source(name: str, folder: Path) -> Path:
    """Put a copy of a file into a folder of its own."""
    folder.mkdir()
    if name in MADE:
        return write(folder / "in.dcm", MADE[name])
    found = get_testdata_file(name, download=False)
    if found is None:
        files = corpus()
        if files is None:
            pytest.skip("DCMTOOLS_CORPUS names no folder of files")
        (found,) = map(str, files.glob(f"*__{name}"))
    return write(folder / "in.dcm", Path(str(found)).read_bytes())


def with_files(words: Iterable[str], folder: Path) -> list[str]:
    """Put the names of the files in `VALUES` into the words of a script."""
    names = {name: write(folder / name, content) for name, content in VALUES.items()}
    return [word.format(**names) if "{" in word else word for word in words]


def dcmodify(words: Iterable[str], *files: Path, backup: bool = False) -> Ran:
    """Edit files with `dcmodify`."""
    command = [need("dcmodify"), *([] if backup else ["-nb"]), *words, *map(str, files)]
    ran = subprocess.run(command, capture_output=True, check=False)
    return Ran(ran.returncode, ran.stderr.decode())


def modify(words: Iterable[str], *files: Path, backup: bool = False) -> Ran:
    """Edit files with ours, in this process."""
    options = ["--no-fsync", *([] if backup else ["-nb"])]
    ran = CliRunner().invoke(app, ["modify", *options, *words, *map(str, files)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "Traceback" not in ran.stderr
    return Ran(ran.exit_code, ran.stderr)


def read(path: Path) -> list[Found]:
    """List the file meta and all elements at every depth, in the order of the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that pydicom finds wrong
        data = dcmread(path, force=True)
        return [*_elements(data.file_meta, ""), *_elements(data, "")]


def _elements(data: Dataset, above: str) -> Iterator[Found]:
    raws = [(tag, data.get_item(tag)) for tag in data.keys()]  # noqa: SIM118 - in file order
    for tag, raw in raws:  # to look at a sequence makes pydicom look at other elements too
        path = f"{above}{int(tag):08x}"
        if isinstance(raw, RawDataElement):
            vr = raw.VR or (dictionary_VR(tag) if dictionary_has_tag(tag) else "UN")
            if vr != "SQ":
                yield Found(path, vr, raw.value or b"")
                continue
        element = data[tag]
        if element.VR != "SQ":  # in fragments, or pydicom has looked at it
            is_raw = isinstance(element.value, bytes)
            yield Found(path, element.VR, element.value if is_raw else str(element.value).encode())
            continue
        yield Found(path, "SQ", b"%d items" % len(element.value))
        for number, item in enumerate(element.value):
            yield from _elements(item, f"{path}[{number}].")


def comparable(path: Path, before: Iterable[Found]) -> list[Found]:
    """List what both programs are to agree on, in ascending order.

    Parameters
    ----------
    path : Path
        The file.
    before : iterable of Found
        What it held before: `dcmodify` adds what is missing in the file meta group.
    """
    known = {found.path for found in before if found.path in META}
    return sorted(
        found
        for found in read(path)
        if not found.path.endswith("0000")
        and (not found.path.startswith("0002") or found.path in known)
        and found.path != PADDING
    )


def is_sorted(path: Path) -> bool:
    """Tell whether the elements of the data set of a file are in ascending order."""
    names = [found.path for found in read(path)]
    return names == sorted(names)


def value(found: Iterable[Found], path: str) -> bytes | None:
    """Give the value at a path, which a VR may follow; None where there is none."""
    name, _, vr = path.partition(" ")
    values = [each.value for each in found if each.path == name and vr in ("", each.vr)]
    return values[0] if values else None

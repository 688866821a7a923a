r"""What `dcmdump` shows, file by file: the same elements, in the same order, with the same values.

This holds for every file of the corpus that DCMTK reads without error.

What differs on purpose:

- A data set that is not in ascending order is shown as it stands; DCMTK sorts it and drops doubles.
- An odd length is shown as it is; DCMTK pads the value.
- UN that holds items is shown as the sequence it is; DCMTK shows its bytes.
- A private element of an implicit data set has the VR of the dictionary; DCMTK knows others.
- An item that is longer than its sequence is cut there, with an error; DCMTK takes what follows in.
- Bytes that the character set does not know are shown as ``\xNN``; DCMTK prints them.
- A file of zeros is not DICOM.
"""

import subprocess
from pathlib import Path

import pytest

from dcmtools.dataset.bulk import Bulk
from dcmtools.dataset.dump import Dump, DumpOptions
from tests.conftest import need
from tests.interop.dcmtk_text import Line, parse, same_value

pytestmark = [pytest.mark.interop, pytest.mark.corpus]

ON_PURPOSE = {
    "crafted__5f70bf18__zeros_1k.dcm": "zeros are no data set",
    "crafted__6bd95a80__item_len_huge.dcm": "the item is longer than its sequence",
    "crafted__7bb805f9__tag_ffff.dcm": "DCMTK leaves out (ffff,ffff)",
    "crafted__94e1ffa6__ts_ge_private.dcm": "DCMTK turns the bytes of the pixel data",
    "crafted__ec809eae__deflate_bomb_192m.dcm": "192 MiB of values; tested elsewhere",
}


def dcmdump(file: Path, *options: str) -> str | None:
    done = subprocess.run(
        [need("dcmdump"), "-q", "+L", "-Un", *options, file], capture_output=True, check=False
    )
    encoding = "utf-8" if options else "latin-1"
    return None if done.returncode else done.stdout.decode(encoding, "surrogateescape")


def differences(theirs: list[Line], utf8: list[Line], ours: Dump) -> list[tuple[object, ...]]:
    mine = parse("".join(ours))
    if any("order" in problem.reason or "twice" in problem.reason for problem in ours.problems):
        theirs = sorted(theirs, key=lambda line: line.tag)
        mine = sorted({line.tag: line for line in mine}.values(), key=lambda line: line.tag)
        theirs = list({line.tag: line for line in theirs}.values())
    charsets = {line.value.strip("[]") for line in theirs if line.tag == "0008,0005"} - {""}
    converted = iter(line.value for line in utf8 if line.tag != "0008,0005")
    found: list[tuple[object, ...]] = []
    waiting = iter(mine)
    for their in theirs:
        text = next(converted, None) if their.tag != "0008,0005" else None
        our = next(waiting, None)
        if our is None or (our.indent, our.tag) != (their.indent, their.tag):
            return [*found, (their, our)]
        if our.vr == "SQ" and their.vr == "UN":
            while our and (our.indent, our.tag) != (their.indent, "fffe,e0dd"):
                our = next(waiting, None)
            continue
        if their.vr == "UN" and our.vr != "UN" and int(our.tag[:4], 16) % 2:
            continue
        odd = our.length.isdigit() and int(our.length) % 2
        if odd and int(their.length) == int(our.length) + 1:
            continue
        same = (our.vr, our.length) == (their.vr, their.length) and same_value(
            their, our, text, charsets
        )
        if not same or (our.vm != their.vm and text is None):
            found.append((their, our, text))
    return [*found, *((None, rest) for rest in waiting)]


def test_the_same_elements_and_values_as_dcmdump(corpus_files: list[Path]) -> None:
    compared = elements = 0
    wrong = {}
    options = DumpOptions(uid_names=False, bulk=Bulk.INLINE)
    for file in corpus_files:
        theirs = dcmdump(file)
        if file.name in ON_PURPOSE or theirs is None:
            continue
        lines = parse(theirs)
        found = differences(lines, parse(dcmdump(file, "+U8") or ""), Dump(file, options))
        if found:
            wrong[file.name] = found[:3]
        compared += 1
        elements += len(lines)
    assert not wrong, "\n".join(f"{name}: {found}" for name, found in wrong.items())
    assert compared >= 280
    assert elements >= 45_000

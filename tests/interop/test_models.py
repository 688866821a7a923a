"""JSON and XML against DCMTK and pydicom, on every file of the corpus that they take.

What differs on purpose: what `test_dcmdump` lists, and

- numbers that are no numbers (NaN, infinity) are strings; `dcm2json` refuses them;
- a private attribute has the block ``00`` in both XML models, and no keyword in either;
- bulk data in XML is a URI into the file here, and a random UUID there.
"""

import json
import math
import subprocess
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dcmtools.dataset.bulk import Bulk
from dcmtools.dataset.dump import Dump, DumpOptions, Format
from dcmtools.errors import DcmtoolsError
from tests.conftest import need
from tests.interop.test_dcmdump import ON_PURPOSE

pytestmark = [pytest.mark.interop, pytest.mark.corpus]

DEEP = ("crafted__812da703__nest_1500_defined.dcm", "crafted__254aab24__nest_20000_unclosed.dcm",
        "orthanc-tests__1afad4dd__2026-05-06-Deeply-Nested-Sequence.dcm")  # fmt: skip
"""Nested deeper than the parsers of JSON and XML go."""

NOT_FOR_PYDICOM = {
    "crafted__cb223864__nest_12_badvalue.dcm": "takes the odd bytes of an UN for numbers",
    "crafted__a5e0e181__un_known_scalar.dcm": "cannot make a DS of an UN",
    "pydicom-data__28c4a610__explicit_VR-UN.dcm": "cannot make an IS of an UN",
    "pydicom__d12583df__badVR.dcm": "cannot take a string for an IS",
    "pydicom__2f83e3a2__rtdose_rle.dcm": "cannot make an IS of an UN",
    "pydicom__f4e7a3b7__rtdose_rle_1frame.dcm": "cannot make an IS of an UN",
}
NOT_FOR_DCMTK = {
    "crafted__0a2bd985__meta_implicit.dcm": "reads the meta group as part of the data set",
    "crafted__6d2f4f7f__meta_grouplen_long.dcm": "reads the data set as part of the meta group",
    "crafted__b7bd7cec__meta_grouplen_short.dcm": "reads the meta group as part of the data set",
    "crafted__7bb07b11__uid_badchars.dcm": "drops spaces in UIDs",
}
NOT_FOR_DCM2XML = {
    "crafted__cb223864__nest_12_badvalue.dcm": "reads 3 bytes as two numbers of 2",
    "dicognito__e919fed2__global_patient_id_implicit_vr.dcm": "has no such private dictionary",
    "dicom-test-fil__1a198559__03.dcm": "has no such private dictionary",
    "pydicom__025ea791__priv_SQ.dcm": "does not look into UN",
    "pydicom__d12583df__badVR.dcm": "cannot take a string for an IS",
    "pydicom__2f83e3a2__rtdose_rle.dcm": "does not look into UN",
    "pydicom__f4e7a3b7__rtdose_rle_1frame.dcm": "does not look into UN",
    "pydicom__09f033e0__UN_sequence.dcm": "masks the block of an element without creator",
    "pydicom__72f1cb0e__waveform_ecg.dcm": "masks the block of an element without creator",
}

_INLINE = DumpOptions(format=Format.JSON, bulk=Bulk.INLINE)


def by_program(*command: str | Path) -> bytes | None:
    done = subprocess.run([need(str(command[0])), *command[1:]], capture_output=True, check=False)
    return None if done.returncode else done.stdout


def readable(file: Path, options: DumpOptions) -> str | None:
    """Give the dump of a whole file that is no special case, else None."""
    if file.name in ON_PURPOSE or file.name in DEEP:
        return None
    dump = Dump(file, options)
    try:
        text = "".join(dump)
    except DcmtoolsError:
        return None
    usual = all(not p.damage and "order" not in p.reason for p in dump.problems)
    return text if usual else None


def number(value: object) -> object:
    try:
        return float(value.rstrip("\0") if isinstance(value, str) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return value


def close(a: object, b: object) -> bool:
    return (
        isinstance(a, float)
        and isinstance(b, float)
        and math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-40)
    )


def same_values(vr: str, theirs: list[Any], ours: list[Any]) -> bool:
    if vr in ("DS", "IS", "FL", "FD"):
        pairs = list(zip(map(number, theirs), map(number, ours), strict=False))
        return len(theirs) == len(ours) and all(a == b or close(a, b) for a, b in pairs)
    return list(filter(None, map(plain, theirs))) == list(filter(None, map(plain, ours)))


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Leave out what others leave out or add: ``^`` behind names, padding behind text."""
    if isinstance(value, dict):
        parts = {group: text.rstrip("^ ") for group, text in value.items()}
        return {group: text for group, text in parts.items() if text} or None
    return value.rstrip("\0 ") if isinstance(value, str) else value


def different(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """List the attributes that differ, those in sequences too."""
    unknown = {tag for tag, member in ours.items() if member["vr"] == "UN"}
    found = list((theirs.keys() ^ ours.keys()) - unknown)
    for tag in theirs.keys() & ours.keys():
        their, our = theirs[tag], ours[tag]
        if (their["vr"] == "UN") != (our["vr"] == "UN"):
            continue  # holds items, is in a dictionary, or is no whole number of values
        if our["vr"] == "SQ" == their["vr"]:
            pairs = zip(their.get("Value", []), our.get("Value", []), strict=False)
            found += [f"{tag}.{inner}" for a, b in pairs for inner in different(a, b)]
            if len(their.get("Value", [])) != len(our.get("Value", [])):
                found.append(tag)
        elif tag == "00080005":
            continue  # DCMTK leaves it alone in sequences, where the text is UTF-8 too
        elif tag == "7FE00010" and "InlineBinary" not in their:
            continue  # DCMTK leaves encapsulated pixel data out
        elif "InlineBinary" in our:
            whole = our["InlineBinary"][:-4]  # DCMTK pads an odd length
            if not their.get("InlineBinary", "").startswith(whole):
                found.append(tag)
        elif (their["vr"] != our["vr"] and our["vr"] != "UN") or not same_values(
            our["vr"], their.get("Value", []), our.get("Value", [])
        ):
            found.append(f"{tag} {their} {our}")
    return found


def test_json_agrees_with_dcm2json(corpus_files: list[Path]) -> None:
    compared, wrong = 0, {}
    for file in corpus_files:
        if file.name in NOT_FOR_DCMTK:
            continue
        ours, theirs = readable(file, _INLINE), by_program("dcm2json", "-q", "-fc", file)
        if ours is None or theirs is None:
            continue
        try:
            document = json.loads(theirs)
        except UnicodeDecodeError:
            continue  # DCMTK writes bytes that are no text in the character set as they are
        found = different(document, json.loads(ours))
        compared += 1
        if found:
            wrong[file.name] = found
    assert not wrong, "\n".join(f"{name}: {found}"[:1000] for name, found in wrong.items())
    assert compared >= 130  # dcm2json refuses encapsulated pixel data


def test_json_goes_through_pydicom_and_back(corpus_files: list[Path]) -> None:
    compared, wrong = 0, {}
    for file in corpus_files:
        text = readable(file, _INLINE)
        if text is None or file.name in NOT_FOR_PYDICOM:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that are not as the standard asks
            try:
                data = Dataset.from_json(text)
            except ValueError as e:
                raise AssertionError(file.name) from e
            again = json.loads(data.to_json(suppress_invalid_tags=True))
        found = different(again, json.loads(text))
        compared += 1
        if found:
            wrong[file.name] = found
    assert not wrong, "\n".join(f"{name}: {found}"[:1000] for name, found in wrong.items())
    assert compared >= 250


def test_values_are_those_that_pydicom_reads(corpus_files: list[Path]) -> None:
    """Values are formatted from their bytes; pydicom turns each into an object first."""
    compared, wrong = 0, {}
    for file in corpus_files:
        text = readable(file, _INLINE)
        if text is None:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                document = dcmread(file, force=True).to_json(suppress_invalid_tags=True)
        except Exception:  # noqa: BLE001, S112 - it raises what it likes for values that are wrong
            continue
        # Attributes that one of the two leaves out are compared with dcmdump's; bytes that are no
        # text are Latin-1 to pydicom, and it leaves an escape sequence of GB2312 in the text.
        found = [
            line
            for line in different(json.loads(document), json.loads(text))
            if " " in line and "\ufffd" not in line and "\\x1b" not in line
        ]
        compared += 1
        if found:
            wrong[file.name] = found
    assert not wrong, "\n".join(f"{name}: {found}"[:1000] for name, found in wrong.items())
    assert compared >= 250


def flat(element: ET.Element, path: str = "") -> list[tuple[str, str]]:
    """List the leaves of a document with their paths, without name space, keywords and bulk."""
    found = []
    for child in element:
        name = child.tag.rpartition("}")[2]
        what = child.get("tag") or child.get("number") or ""
        here = f"{path}/{name}{what}"
        if name == "DicomAttribute":
            here += child.get("privateCreator", "")
        if name not in ("BulkData", "InlineBinary"):
            if child.text and child.text.strip():
                found.append((here, child.text.strip()))
            found += flat(child, here)
    return found


def test_xml_agrees_with_dcm2xml(corpus_files: list[Path]) -> None:
    compared, wrong = 0, {}
    for file in corpus_files:
        ours = readable(file, DumpOptions(format=Format.XML))
        if file.name in (*NOT_FOR_DCM2XML, *NOT_FOR_DCMTK):
            continue
        theirs = by_program("dcm2xml", "-q", "-nat", "+M", file)
        if ours is None or theirs is None:
            continue
        try:
            their_document = ET.fromstring(theirs)
        except ET.ParseError:
            continue  # DCMTK writes control characters, which XML does not allow
        a, b = flat(their_document), flat(ET.fromstring(ours))
        found = [
            (x, y)
            for x, y in zip(a, b, strict=False)
            if x != y and not close(number(x[1]), number(y[1])) and (x[1] + y[1]).isascii()
        ]
        compared += 1
        if found or len(a) != len(b):
            wrong[file.name] = [len(a), len(b), *found[:3]]
    assert not wrong, "\n".join(f"{name}: {found}"[:600] for name, found in wrong.items())
    assert compared >= 200

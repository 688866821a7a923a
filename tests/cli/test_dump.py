"""Show the command ``dump`` as its users meet it: options, formats, messages, exit codes."""

import base64
import csv
import errno
import io
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import pack
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from dcmtools.cli.main import app
from tests.factories import (
    BODY,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    item,
    part10,
    write,
)

MODEL = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
PIXELS = bytes(range(8))
AWKWARD = 'a,"b";\t\n\r\x1b[2J\x00\x85\u202eé|c'
SHOWN = r'a,"b";\x09\x0a\x0d\x1b[2J\x00\x85\u202eé|c'

SAMPLE = part10(
    element(0x00080005, "CS", b"ISO_IR 192")
    + element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0")
    + element(
        0x00081140,
        "SQ",
        item(
            element(0x00081155, "UI", b"1.2.3\0")
            + element(0x00400275, "SQ", item(element(0x00321060, "LO", b"deep")))
        )
        + item(element(0x00081155, "UI", b"1.2.4\0")),
    )
    + element(0x00090010, "LO", b"ACME")
    + element(0x00091001, "LO", b"secret")
    + element(0x00100010, "PN", "Müller^Jürgen=山田".encode())
    + element(0x00100020, "LO", b"PID-1 ")
    + element(0x00180050, "DS", b"1.5 ")
    + element(0x00200013, "IS", b"x1")
    + element(0x00280010, "US", pack("<H", 4))
    + element(0x7FE00010, "OW", PIXELS)
)
META_TEXT = r"""
# Dicom-File-Format

# Dicom-Meta-Information-Header
# Used TransferSyntax: ExplicitVRLittleEndian
(0002,0000) UL 42                                       #   4, 1 FileMetaInformationGroupLength
(0002,0001) OB 00\01                                    #   2, 1 FileMetaInformationVersion
(0002,0010) UI =ExplicitVRLittleEndian                  #  20, 1 TransferSyntaxUID
"""
SAMPLE_TEXT = r"""
# Dicom-Data-Set
# Used TransferSyntax: ExplicitVRLittleEndian
(0008,0005) CS [ISO_IR 192]                             #  10, 1 SpecificCharacterSet
(0008,0016) UI =CTImageStorage                          #  26, 1 SOPClassUID
(0008,1140) SQ (Sequence with explicit length #=2)      #  76, 1 ReferencedImageSequence
  (fffe,e000) na (Item with explicit length #=2)          #  46, 1 Item
    (0008,1155) UI [1.2.3]                                  #   6, 1 ReferencedSOPInstanceUID
    (0040,0275) SQ (Sequence with explicit length #=1)      #  20, 1 RequestAttributesSequence
      (fffe,e000) na (Item with explicit length #=1)          #  12, 1 Item
        (0032,1060) LO [deep]                                   #   4, 1 RequestedProcedureDescription
      (fffe,e00d) na (ItemDelimitationItem for re-encoding)   #   0, 0 ItemDelimitationItem
    (fffe,e0dd) na (SequenceDelimitationItem for re-encod.) #   0, 0 SequenceDelimitationItem
  (fffe,e00d) na (ItemDelimitationItem for re-encoding)   #   0, 0 ItemDelimitationItem
  (fffe,e000) na (Item with explicit length #=1)          #  14, 1 Item
    (0008,1155) UI [1.2.4]                                  #   6, 1 ReferencedSOPInstanceUID
  (fffe,e00d) na (ItemDelimitationItem for re-encoding)   #   0, 0 ItemDelimitationItem
(fffe,e0dd) na (SequenceDelimitationItem for re-encod.) #   0, 0 SequenceDelimitationItem
(0009,0010) LO [ACME]                                   #   4, 1 PrivateCreator
(0009,1001) LO [secret]                                 #   6, 1 Unknown Tag & Data
(0010,0010) PN [Müller^Jürgen=山田]                       #  22, 1 PatientName
(0010,0020) LO [PID-1]                                  #   6, 1 PatientID
(0018,0050) DS [1.5]                                    #   4, 1 SliceThickness
(0020,0013) IS [x1]                                     #   2, 1 InstanceNumber
(0028,0010) US 4                                        #   2, 1 Rows
(7fe0,0010) OW 0100\0302\0504\0706                      #   8, 1 PixelData
"""  # noqa: E501 - as it is printed
SAMPLE_JSON = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
    "00081140": {
        "vr": "SQ",
        "Value": [
            {
                "00081155": {"vr": "UI", "Value": ["1.2.3"]},
                "00400275": {
                    "vr": "SQ",
                    "Value": [{"00321060": {"vr": "LO", "Value": ["deep"]}}],
                },
            },
            {"00081155": {"vr": "UI", "Value": ["1.2.4"]}},
        ],
    },
    "00090010": {"vr": "LO", "Value": ["ACME"]},
    "00091001": {"vr": "LO", "Value": ["secret"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jürgen", "Ideographic": "山田"}]},
    "00100020": {"vr": "LO", "Value": ["PID-1"]},
    "00180050": {"vr": "DS", "Value": [1.5]},
    "00200013": {"vr": "IS", "Value": ["x1"]},
    "00280010": {"vr": "US", "Value": [4]},
    "7FE00010": {"vr": "OW", "InlineBinary": "AAECAwQFBgc="},
}
META_JSON = {  # without group lengths, which PS3.18 Annex F leaves out
    "00020001": {"vr": "OB", "InlineBinary": "AAE="},
    "00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]},
}
SAMPLE_SIMPLE = {
    "SpecificCharacterSet": "ISO_IR 192",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
    "ReferencedImageSequence": [
        {
            "ReferencedSOPInstanceUID": "1.2.3",
            "RequestAttributesSequence": [{"RequestedProcedureDescription": "deep"}],
        },
        {"ReferencedSOPInstanceUID": "1.2.4"},
    ],
    "(0009,0010)": "ACME",
    '(0009,"ACME",01)': "secret",
    "PatientName": "Müller^Jürgen=山田",
    "PatientID": "PID-1",
    "SliceThickness": 1.5,
    "InstanceNumber": "x1",
    "Rows": 4,
    "PixelData": "AAECAwQFBgc=",
}
CUT = part10(BODY + element(0x00100030, "DA", b"2000", length=100))
JUNK = b"this is a letter, not an image\n"


class Run(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str


def dump(*arguments: str | Path, stdin: bytes | None = None) -> Run:
    """Run the command in this process."""
    result = CliRunner().invoke(app, ["dump", *map(str, arguments)], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Run(result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode())


def command(*arguments: str | Path | bytes) -> list[str | Path | bytes]:
    return [sys.executable, "-m", "dcmtools", *arguments]


def process(
    *arguments: str | Path | bytes, stdin: bytes = b"", before: tuple[str, ...] = (), **env: str
) -> Run:
    """Run the program in a process of its own."""
    ran = subprocess.run(
        [*before, *command(*arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        env=os.environ | env,
    )
    return Run(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test, so that the names in the output are short and known."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "LINES", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sample() -> Path:
    return write(Path("sample.dcm"), SAMPLE)


def patient(number: int, *more: bytes) -> bytes:
    return part10(element(0x00100020, "LO", f"ID{number:06d}".encode()) + b"".join(more))


def folder(name: str, **files: bytes) -> Path:
    """Make a folder; ``b__c=...`` is the file c in the folder b."""
    for file, content in files.items():
        path = Path(name, *file.split("__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, content)
    return Path(name)


def directory() -> bytes:
    """Give a DICOMDIR."""
    meta = element(0x00020002, "UI", b"1.2.840.10008.1.3.10") + element(
        0x00020010, "UI", b"1.2.840.10008.1.2.1\0"
    )
    start = bytes(128) + b"DICM" + element(0x00020000, "UL", pack("<I", len(meta)))
    return start + meta + element(0x00041130, "CS", b"DISK")


# Text


def test_text_is_the_layout_that_parsers_of_dcmdump_know(sample: Path) -> None:
    assert dump(sample) == (0, META_TEXT + SAMPLE_TEXT, "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("-P", "SOPClassUID"),
            "(0008,0016) UI =CTImageStorage                          #  26, 1 SOPClassUID\n",
        ),
        (
            ("-P", "SOPClassUID", "-Un"),
            "(0008,0016) UI [1.2.840.10008.5.1.4.1.1.2]              #  26, 1 SOPClassUID\n",
        ),
        (
            ("-P", "PatientName", "--width", "10"),
            "(0010,0010) PN [Müller...                               #  22, 1 PatientName\n",
        ),
        (
            ("-P", "PatientID", "--width", "7"),
            "(0010,0020) LO [PID-1]                                  #   6, 1 PatientID\n",
        ),
        (
            ("-P", "PixelData", "--bulk-size", "7"),
            "(7fe0,0010) OW (not loaded)                             #   8, 1 PixelData\n",
        ),
        (
            ("-P", "PixelData", "--bulk-size", "8"),
            "(7fe0,0010) OW 0100\\0302\\0504\\0706                      #   8, 1 PixelData\n",
        ),
        (
            ("-P", "PixelData", "--bulk-size", "7", "--bulk", "inline"),
            "(7fe0,0010) OW 0100\\0302\\0504\\0706                      #   8, 1 PixelData\n",
        ),
        (("-P", "StudyDate"), ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_text_of_single_elements(sample: Path, arguments: tuple[str, ...], expected: str) -> None:
    assert dump(sample, *arguments) == (0, expected, "")


def test_a_value_cannot_forge_a_line_or_change_a_terminal() -> None:
    body = element(0x00080005, "CS", b"ISO_IR 192") + element(0x00100020, "LO", AWKWARD.encode())
    ran = dump(write(Path("a.dcm"), part10(body)), "-P", "PatientID")
    assert ran.out.startswith(f"(0010,0020) LO [{SHOWN}]")
    assert ran.out.count("\n") == 1


def test_the_file_meta_group_can_be_left_out_of_text(sample: Path) -> None:
    lines = SAMPLE_TEXT.replace("# Used TransferSyntax: ExplicitVRLittleEndian\n", "")
    assert dump(sample, "--no-meta") == (0, lines, "")


def tags(text: str) -> list[str]:
    """List the tags of the elements in text, without items and delimiters."""
    return re.findall(r"^ *\(((?!fffe)[0-9a-f,]{9})\)", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["PatientID"], ["0010,0020"]),
        (["ReferencedSOPInstanceUID"], ["0008,1155", "0008,1155"]),
        (["RequestedProcedureDescription"], ["0032,1060"]),
        (["Rows", "PatientID"], ["0010,0020", "0028,0010"]),
        (["PatientID", "PatientID"], ["0010,0020"]),
        (["(0010,00x0)"], ["0010,0010", "0010,0020"]),
        (["0010xxxx"], ["0010,0010", "0010,0020"]),
        (["(0009,xxxx)"], ["0009,0010", "0009,1001"]),
        (['(0009,"ACME",01)'], ["0009,1001"]),
        (['(0009,"OTHER",01)'], []),
        (["ReferencedImageSequence[0].ReferencedSOPInstanceUID"], ["0008,1155"]),
        (["ReferencedImageSequence[1].*"], ["0008,1155"]),
        (["ReferencedImageSequence[2].*"], []),
        (["ReferencedImageSequence[*].ReferencedSOPInstanceUID"], ["0008,1155", "0008,1155"]),
        (["ReferencedImageSequence.ReferencedSOPInstanceUID"], ["0008,1155", "0008,1155"]),
        (["RequestAttributesSequence"], ["0040,0275", "0032,1060"]),
        (["TransferSyntaxUID"], ["0002,0010"]),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_selection(sample: Path, paths: list[str], expected: list[str]) -> None:
    options = [part for path in paths for part in ("-P", path)]
    assert tags(dump(sample, *options).out) == expected


@pytest.mark.parametrize("option", ["-P", "--path", "+P"])
def test_spellings_of_the_selection(sample: Path, option: str) -> None:
    assert tags(dump(sample, option, "PatientID").out) == ["0010,0020"]


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ("--no-private", ["0009,0010", "0009,1001"]),
        ("--depth 0", ["0008,1155", "0040,0275", "0032,1060", "0008,1155"]),
        ("--depth 1", ["0032,1060"]),
        ("--depth 2", []),
        ("--no-meta", ["0002,0000", "0002,0001", "0002,0010"]),
    ],
)
def test_what_is_left_out(sample: Path, options: str, missing: list[str]) -> None:
    whole, left = tags(dump(sample).out), tags(dump(sample, *options.split()).out)
    assert left == [tag for tag in whole if tag not in missing]
    assert len(left) + len(missing) == len(whole)


@pytest.mark.parametrize("form", [["--value"], ["-f", "csv", "-H"]], ids=" ".join)
@pytest.mark.parametrize(
    ("option", "path"), [("--no-private", '(0009,"ACME",01)'), ("--no-meta", "TransferSyntaxUID")]
)
def test_tables_leave_out_the_same(sample: Path, form: list[str], option: str, path: str) -> None:
    secrets = ("secret", "1.2.840.10008.1.2.1")
    assert not any(secret in dump(sample, *form, option, "-P", path).out for secret in secrets)


def test_a_charset_is_assumed_only_where_none_is_named() -> None:
    plain = write(Path("plain.dcm"), part10(element(0x00100010, "PN", b"M\xfcller")))
    assert dump(plain, "--value", "-P", "PatientName").out == "M\\xfcller\n"
    assumed = ("--assume-charset", "ISO_IR 100", "--value", "-P", "PatientName")
    assert dump(plain, *assumed).out == "Müller\n"
    assert dump(write(Path("sample.dcm"), SAMPLE), *assumed).out == "Müller^Jürgen=山田\n"


def test_selecting_in_a_deep_file_takes_little_memory() -> None:
    """Show that the cost of a small, hostile file is not its depth times its items."""
    leaf = element(0x00100020, "LO", b"ID")
    opening = element(0x00081140, "SQ", b"", UNDEFINED) + item(b"", UNDEFINED)
    closing = ITEM_END + SEQUENCE_END
    wide = element(0x00400275, "SQ", item(leaf) * 4000)
    write(Path("deep"), part10(opening * 1900 + wide + closing * 1900))
    ran = subprocess.run(
        command("dump", "deep", "-P", "PatientID"),
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29)),
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.count(b"[ID]") == 4000


# JSON


def test_json_is_the_model_of_the_standard(sample: Path) -> None:
    ran = dump(sample, "-f", "json")
    assert (ran.code, json.loads(ran.out), ran.err) == (0, SAMPLE_JSON, "")
    assert ran.out.endswith("}\n")


def test_json_shows_the_file_meta_group_on_request(sample: Path) -> None:
    assert json.loads(dump(sample, "-f", "json", "--meta").out) == META_JSON | SAMPLE_JSON


def test_simple_json_has_keywords_and_plain_values(sample: Path) -> None:
    for options in (["-f", "json", "--simple"], ["--simple"]):
        assert json.loads(dump(sample, *options).out) == SAMPLE_SIMPLE


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("PatientID", {"00100020": {"vr": "LO", "Value": ["PID-1"]}}),
        ("StudyDate", {}),
        ("TransferSyntaxUID", {"00020010": META_JSON["00020010"]}),
        (
            "ReferencedImageSequence[1].ReferencedSOPInstanceUID",
            {
                "00081140": {
                    "vr": "SQ",
                    "Value": [{}, {"00081155": {"vr": "UI", "Value": ["1.2.4"]}}],
                }
            },
        ),
    ],
)
def test_json_keeps_the_place_of_what_is_selected(
    sample: Path, path: str, expected: object
) -> None:
    assert json.loads(dump(sample, "-f", "json", "-P", path).out) == expected


def test_json_to_a_depth_has_empty_items(sample: Path) -> None:
    document = json.loads(dump(sample, "-f", "json", "--depth", "0").out)
    assert document["00081140"] == {"vr": "SQ", "Value": [{}, {}]}


@pytest.mark.parametrize(
    ("bulk", "expected"),
    [
        ("omit", {"vr": "OW"}),
        ("inline", {"vr": "OW", "InlineBinary": base64.b64encode(PIXELS).decode()}),
    ],
)
def test_what_becomes_of_bulk_data(sample: Path, bulk: str, expected: object) -> None:
    out = dump(sample, "-f", "json", "--bulk", bulk, "--bulk-size", "7").out
    assert json.loads(out) == SAMPLE_JSON | {"7FE00010": expected}


def pointed_at(uri: str) -> bytes:
    """Read what a URI of bulk data points at."""
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("file", "")
    place = {key: int(value) for key, (value,) in parse_qs(parts.query).items()}
    content = Path(os.fsdecode(unquote(parts.path, errors="surrogateescape"))).read_bytes()
    return content[place["offset"] : place["offset"] + place["length"]]


@pytest.mark.parametrize("name", ["a.dcm", "a b?c#d%20e&f.dcm", "Müller.dcm", "b\udcff.dcm"])
@pytest.mark.parametrize("options", [[], ["--bulk", "uri"]], ids=["default", "asked for"])
def test_a_uri_points_at_the_bytes(name: str, options: list[str]) -> None:
    out = dump(write(Path(name), SAMPLE), "-f", "json", "--bulk-size", "7", *options).out
    attribute = json.loads(out)["7FE00010"]
    assert attribute["vr"] == "OW"
    assert pointed_at(attribute["BulkDataURI"]) == PIXELS


def test_a_uri_in_xml_points_at_the_bytes(sample: Path) -> None:
    root = ET.fromstring(dump(sample, "-f", "xml", "--bulk-size", "7").out)
    (bulk,) = root.iter(f"{MODEL}BulkData")
    assert pointed_at(bulk.attrib["uri"]) == PIXELS


def test_standard_input_has_no_uri(sample: Path) -> None:
    ran = process("dump", "-", "-f", "json", "--bulk-size", "7", stdin=sample.read_bytes())
    assert (ran.code, json.loads(ran.out)) == (0, SAMPLE_JSON | {"7FE00010": {"vr": "OW"}})
    assert ran.err == "dcmtools dump: -: warning: bulk data is left out, since no URI leads to it\n"


def test_ndjson_is_a_line_a_file_with_its_name(sample: Path) -> None:
    other = write(Path("other.dcm"), part10(BODY))
    lines = dump(sample, other, "-f", "ndjson").out.splitlines()
    documents = [json.loads(line) for line in lines]
    assert [document["file"] for document in documents] == ["sample.dcm", "other.dcm"]
    assert documents[0]["dataset"] == SAMPLE_JSON


def test_ndjson_without_names_is_a_data_set_a_line(sample: Path) -> None:
    assert json.loads(dump(sample, "-f", "ndjson", "-H").out) == SAMPLE_JSON


def test_json_of_many_files_is_one_array(sample: Path) -> None:
    other = write(Path("other.dcm"), SAMPLE)
    ran = dump(sample, other, "-f", "json")
    assert json.loads(ran.out) == [
        {"file": "sample.dcm", "dataset": SAMPLE_JSON},
        {"file": "other.dcm", "dataset": SAMPLE_JSON},
    ]
    assert json.loads(dump(sample, other, "-f", "json", "-H").out) == [SAMPLE_JSON] * 2


@pytest.mark.parametrize("names", [["junk"], ["junk", "none"], ["folder"]], ids=" ".join)
def test_json_of_nothing_is_whole_or_not_there(names: list[str]) -> None:
    write(Path("junk"), JUNK)
    folder("folder", junk=JUNK)
    ran = dump(*names, "-f", "json")
    assert ran.code == 3
    assert ran.out == "" or json.loads(ran.out) == []


@pytest.mark.parametrize("text", [AWKWARD, "\udcff", 'back\\slash"'])
def test_json_of_awkward_names(text: str) -> None:
    name = text.replace("\0", "")
    (record,) = dump(write(Path(name), SAMPLE), "-f", "ndjson").out.splitlines()
    assert json.loads(record)["file"] == name.replace("\udcff", "\\xff")


# Tables


def test_csv_keeps_awkward_values_in_their_cells() -> None:
    body = element(0x00080005, "CS", b"ISO_IR 192") + element(0x00100020, "LO", AWKWARD.encode())
    write(Path('b,"c.dcm'), part10(body + element(0x00200010, "SH", b"=1+1")))
    ran = dump('b,"c.dcm', "-f", "csv", "-P", "PatientID", "-P", "StudyID", "-P", "PatientName")
    assert (ran.code, ran.err) == (0, "")
    assert list(csv.reader(io.StringIO(ran.out, newline=""))) == [
        ["file", "PatientID", "StudyID", "PatientName"],
        ['b,"c.dcm', SHOWN, "=1+1", ""],
    ]
    assert ran.out.count("\n") == 2


def test_tsv_is_delimited_by_tabs(sample: Path) -> None:
    ran = dump(sample, "-f", "tsv", "-P", "PatientName", "-P", "(0010,0020)")
    assert ran.out == "file\tPatientName\tPatientID\nsample.dcm\tMüller^Jürgen=山田\tPID-1\n"


def test_a_table_has_a_row_for_each_file_that_is_read(sample: Path) -> None:
    write(Path("junk"), JUNK)
    other = write(Path("other.dcm"), patient(7))
    ran = dump(sample, "junk", other, "-f", "csv", "-H", "-P", "PatientID", "-P", "Rows")
    assert (ran.code, ran.out) == (9, "PatientID,Rows\nPID-1,4\nID000007,\n")


def test_several_values_of_a_path_share_a_cell(sample: Path) -> None:
    out = dump(sample, "-f", "csv", "-H", "-P", "ReferencedSOPInstanceUID").out
    assert out == "ReferencedSOPInstanceUID\n1.2.3|1.2.4\n"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["PatientID"], "PID-1\n"),
        (["ReferencedSOPInstanceUID"], "1.2.3\n1.2.4\n"),
        (["Rows", "PatientID"], "4\nPID-1\n"),
        (["SOPClassUID"], "1.2.840.10008.5.1.4.1.1.2\n"),
        (["TransferSyntaxUID"], "1.2.840.10008.1.2.1\n"),
        (["ReferencedImageSequence[1].ReferencedSOPInstanceUID"], "1.2.4\n"),
        (['(0009,"ACME",01)'], "secret\n"),
        (["StudyDate"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bare_values(sample: Path, paths: list[str], expected: str) -> None:
    options = [part for path in paths for part in ("-P", path)]
    assert dump(sample, "--value", *options) == (0, expected, "")
    assert dump(sample, "-f", "value", *options) == (0, expected, "")


def test_bare_values_of_many_files_have_no_names() -> None:
    folder("study", a=patient(1), b=patient(2))
    assert dump("study", "--value", "-P", "PatientID").out == "ID000001\nID000002\n"


# XML


def test_xml_is_the_native_model(sample: Path) -> None:
    ran = dump(sample, "-f", "xml")
    assert (ran.code, ran.err) == (0, "")
    root = ET.fromstring(ran.out)
    assert root.tag == f"{MODEL}NativeDicomModel"
    found = {node.attrib["tag"]: node for node in root}
    assert list(found) == [
        "00080005",
        "00080016",
        "00081140",
        "00090010",
        "00090001",
        "00100010",
        "00100020",
        "00180050",
        "00200013",
        "00280010",
        "7FE00010",
    ]
    assert found["00100020"].attrib == {"tag": "00100020", "vr": "LO", "keyword": "PatientID"}
    assert found["00090001"].attrib["privateCreator"] == "ACME"
    assert [node.text for node in found["00100020"]] == ["PID-1"]
    assert found["7FE00010"].findtext(f"{MODEL}InlineBinary") == "AAECAwQFBgc="
    items = found["00081140"].findall(f"{MODEL}Item")
    assert [node.attrib for node in items] == [{"number": "1"}, {"number": "2"}]
    assert [node.text for node in items[1].iter(f"{MODEL}Value")] == ["1.2.4"]
    groups = {
        group.tag.removeprefix(MODEL): [part.text for part in group]
        for group in found["00100010"][0]
    }
    assert groups == {"Alphabetic": ["Müller", "Jürgen"], "Ideographic": ["山田"]}


def test_xml_holds_any_value() -> None:
    body = element(0x00080005, "CS", b"ISO_IR 192") + element(
        0x00104000, "LT", b"<a>&'\"]]>\xff\xef\xbf\xbe" + AWKWARD.encode()
    )
    ran = dump(write(Path("a.dcm"), part10(body)), "-f", "xml")
    root = ET.fromstring(ran.out)
    assert root[1][0].text is not None
    assert root[1][0].text.startswith("<a>&'\"]]>\ufffd")


# What is refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sample.dcm", "-P", "PatientNam"], "PatientName"),
        (["sample.dcm", "-P", ""], "tag path"),
        (["sample.dcm", "-P", "Rows[0]"], "item number"),
        (["sample.dcm", "-f", "csv"], "-P"),
        (["sample.dcm", "-f", "tsv"], "-P"),
        (["sample.dcm", "--value"], "-P"),
        (["sample.dcm", "sample.dcm", "-f", "xml"], "one file"),
        (["sample.dcm", "-f", "yaml"], "yaml"),
        (["sample.dcm", "-f", "text", "--simple"], "--simple"),
        (["sample.dcm", "--bulk", "some"], "some"),
        (["sample.dcm", "--bulk-size", "-1"], "-1"),
        (["sample.dcm", "--depth", "-1"], "-1"),
        (["sample.dcm", "--width", "x"], "x"),
        (["sample.dcm", "-j", "-1"], "-1"),
        (["sample.dcm", "--assume-charset", "klingon"], "klingon"),
        (["sample.dcm", "--assume-charset", "\udcff"], "--assume-charset"),
        (["sample.dcm", "--color", "sometimes"], "sometimes"),
        (["sample.dcm", "--nonsense"], "--nonsense"),
        ([], "PATH"),
    ],
    ids=lambda value: ascii(" ".join(value)) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_is_refused(sample: Path, arguments: list[str], words: str) -> None:
    assert sample.exists()
    ran = dump(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


@pytest.mark.parametrize(
    "name",
    ["none", "sample.dcm/inside", "n" * 300, "n" * 5000, "dangling", "circle"],
    ids=["missing", "a file named as folder", "long", "longer", "dangling link", "circular link"],
)
def test_what_is_not_there_is_no_input(sample: Path, name: str) -> None:
    Path("dangling").symlink_to("nowhere")
    Path("circle").symlink_to("circle")
    assert sample.exists()
    ran = dump(name)
    assert (ran.code, ran.out) == (3, "")
    assert re.fullmatch(r"dcmtools dump: .*: [a-z ]+\n", ran.err)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (JUNK, "is not a DICOM file"), (bytes(1024), "is not a DICOM file")],
    ids=["empty", "text", "zeros"],
)
def test_junk_that_is_named_is_no_input(content: bytes, words: str) -> None:
    write(Path("junk"), content)
    assert dump("junk") == (3, "", f"dcmtools dump: junk: {words}\n")


def test_a_name_with_nul_is_an_ordinary_error() -> None:
    write(Path("list"), b"a\0b\n")
    ran = dump("--files-from", "list")
    assert ran.code == 3
    assert "bug" not in ran.err


def permitted() -> tuple[str, ...]:
    """Give what starts a program that permissions bind, even when the tests run as root."""
    if os.geteuid():
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv")
    return ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def test_a_file_that_may_not_be_read_is_no_input(sample: Path) -> None:
    sample.chmod(0)
    ran = process("dump", sample, before=permitted())
    assert ran == (3, "", "dcmtools dump: sample.dcm: permission denied\n")


def test_a_folder_that_may_not_be_read_is_not_passed_over() -> None:
    folder("study", a=patient(1), closed__b=patient(2), d=patient(3))
    Path("study/closed").chmod(0)
    ran = process("dump", "study", "--value", "-P", "PatientID", before=permitted())
    Path("study/closed").chmod(0o700)
    assert (ran.code, ran.out) == (9, "ID000001\nID000003\n")
    assert "dcmtools dump: study/closed: permission denied\n" in ran.err


def test_a_file_in_a_closed_folder_is_no_input() -> None:
    folder("closed", a=patient(1)).chmod(0)
    ran = process("dump", "closed/a", before=permitted())
    Path("closed").chmod(0o700)
    assert ran == (3, "", "dcmtools dump: closed/a: permission denied\n")


# Damage


def test_of_a_damaged_file_what_can_be_read_is_shown() -> None:
    ran = dump(write(Path("cut.dcm"), CUT))
    assert ran.code == 9
    assert tags(ran.out) == [
        *("0002,0000", "0002,0001", "0002,0010"),
        *("0008,0016", "0008,0018", "0010,0010", "0010,0020"),
    ]
    assert ran.err == (
        "dcmtools dump: cut.dcm: damaged: PatientBirthDate (0010,0030) has a length of 100 bytes"
        f" where 4 are left, at byte {len(CUT) - 12}\n"
    )


@pytest.mark.parametrize("form", ["json", "ndjson", "xml", "tree"])
def test_the_document_of_a_damaged_file_is_whole(form: str) -> None:
    cut = part10(BODY + element(0x00400275, "SQ", item(BODY, length=900), length=1000))
    ran = dump(write(Path("cut.dcm"), cut), "-f", form)
    assert ran.code == 9
    if form == "xml":
        ET.fromstring(ran.out)
    elif form != "tree":
        assert json.loads(ran.out)
    assert ran.err.startswith("dcmtools dump: cut.dcm: damaged: ")


def test_a_warning_leaves_the_exit_code_alone() -> None:
    body = element(0x00100020, "LO", b"PID-1 ") + element(0x00100010, "PN", b"Doe^Jane")
    ran = dump(write(Path("a.dcm"), part10(body)))
    assert ran.code == 0
    assert re.fullmatch(r"dcmtools dump: a\.dcm: warning: PatientName .*ascending.*\n", ran.err)
    assert dump("a.dcm", "-q").err == ""


# Many files


def test_each_of_many_files_is_named(sample: Path) -> None:
    other = write(Path("other.dcm"), SAMPLE)
    whole = META_TEXT + SAMPLE_TEXT
    ran = dump(sample, other)
    assert (ran.code, ran.out) == (0, f"# sample.dcm\n{whole}# other.dcm\n{whole}")
    assert re.fullmatch(r"dcmtools dump: 2 read in \d+\.\d s\n", ran.err)
    assert dump(sample, other, "-H").out == whole + whole


def test_only_files_with_a_hit_are_named(sample: Path) -> None:
    other = write(Path("other.dcm"), patient(1))
    out = dump(sample, other, "-P", "Rows").out
    assert out.splitlines()[0] == "# sample.dcm"
    assert len(out.splitlines()) == 2


def study() -> Path:
    """Make a folder of files and of all that is met beside them."""
    path = folder(
        "study",
        b=patient(2),
        c__a=patient(3),
        c__e__f=patient(4),
        d=patient(5),
        a=patient(1),
        DICOMDIR=directory(),
        readme=JUNK,
        c__nothing=b"",
    )
    os.mkfifo(path / "pipe")
    (path / "loop").symlink_to(".")
    return path


def test_a_link_to_nowhere_on_a_walk_is_an_error(sample: Path) -> None:
    Path("folder").mkdir()
    sample.rename("folder/sample.dcm")
    Path("folder/dangling").symlink_to("nowhere")
    ran = dump("folder", "--value", "-P", "PatientID")
    assert ran.code == 9
    assert "dcmtools dump: folder/dangling: no such file or directory\n" in ran.err


def test_a_folder_is_walked_in_order_and_what_is_no_dicom_is_counted() -> None:
    ran = dump(study(), "--value", "-P", "PatientID")
    assert ran.code == 0
    assert ran.out.split() == [f"ID00000{number}" for number in (1, 2, 3, 4, 5)]
    assert re.fullmatch(r"dcmtools dump: 5 read, 3 skipped in \d+\.\d s\n", ran.err)


def test_a_walk_can_stay_in_the_folder() -> None:
    ran = dump(study(), "--no-recurse", "--value", "-P", "PatientID")
    assert ran.out.split() == [f"ID00000{number}" for number in (1, 2, 5)]


def test_what_is_skipped_is_told_on_request() -> None:
    lines = dump(study(), "-v", "--value", "-P", "PatientID").err.splitlines()
    assert lines[:3] == [
        "dcmtools dump: study/DICOMDIR: skipped: is a DICOMDIR, read only where it is named",
        "dcmtools dump: study/a: read",
        "dcmtools dump: study/b: read",
    ]
    assert "dcmtools dump: study/readme: skipped: is not a DICOM file" in lines
    assert len(lines) == 9


def test_a_dicomdir_is_read_where_it_is_named() -> None:
    ran = dump(study() / "DICOMDIR", "--value", "-P", "FileSetID")
    assert ran == (0, "DISK\n", "")


def test_a_folder_without_dicom_is_no_input() -> None:
    ran = dump(folder("letters", a=JUNK, b=JUNK))
    assert (ran.code, ran.out) == (3, "")
    assert re.fullmatch(r"dcmtools dump: 0 read, 2 skipped in \d+\.\d s\n", ran.err)


def test_an_empty_folder_is_no_input() -> None:
    Path("empty").mkdir()
    assert dump("empty") == (3, "", "dcmtools dump: there is nothing to read\n")


def test_a_file_called_like_standard_input_is_a_file() -> None:
    write(Path("-"), patient(1))
    for operand in (".", "./-"):
        ran = process("dump", operand, "--value", "-P", "PatientID", stdin=patient(2))
        assert (ran.code, ran.out) == (0, "ID000001\n")


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("names", "code", "numbers"),
    [
        ("a b", 0, [1, 2]),
        ("a junk", 9, [1]),
        ("none a", 9, [1]),
        ("a cut", 9, [1]),
        ("cut", 9, []),
        ("junk none", 3, []),
        ("cut junk", 9, []),
        ("junk cut a none b", 9, [1, 2]),
        ("a folder", 0, [1, 3]),
        ("folder", 0, [3]),
        ("junk folder", 9, [3]),
    ],
)
def test_the_exit_code_of_a_mixture(names: str, code: int, numbers: list[int], jobs: str) -> None:
    folder(".", a=patient(1), b=patient(2), junk=JUNK, cut=part10(CUT[-12:]))
    folder("folder", a=patient(3), junk=JUNK)
    ran = dump(*names.split(), "-j", jobs, "--value", "-P", "PatientID")
    assert (ran.code, ran.out) == (code, "".join(f"ID{number:06d}\n" for number in numbers))


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"a\nb\n", []),
        (b"a\r\n\r\nb", []),
        (b"a\0b\0", ["-0"]),
        (b"a\0b", ["--null"]),
    ],
)
def test_names_come_from_a_list(content: bytes, options: list[str]) -> None:
    folder(".", a=patient(1), b=patient(2))
    select_ = ("--value", "-P", "PatientID")
    expected = (0, "ID000001\nID000002\n")
    write(Path("list"), content)
    assert dump("--files-from", "list", *options, *select_)[:2] == expected
    assert dump("--files-from", "-", *options, *select_, stdin=content)[:2] == expected


def test_a_list_joins_the_operands_and_may_name_folders() -> None:
    folder(".", c=patient(3), list=b"study\n")
    folder("study", a=patient(1), b=patient(2))
    out = dump("c", "--files-from", "list", "--value", "-P", "PatientID").out
    assert out.split() == ["ID000003", "ID000001", "ID000002"]


def test_names_with_newlines_come_from_a_list_with_nul() -> None:
    write(Path("a\nb"), patient(1))
    write(Path("list"), b"a\nb\0")
    ran = dump("--files-from", "list", "-0", "--value", "-P", "PatientID")
    assert (ran.code, ran.out) == (0, "ID000001\n")


def test_a_list_that_is_not_there_is_no_input() -> None:
    ran = dump("--files-from", "no\x1bne")
    assert (ran.code, ran.out) == (3, "")
    assert "\x1b" not in ran.err


def test_standard_input_is_read() -> None:
    ran = process("dump", "-", "--value", "-P", "PatientID", stdin=patient(1))
    assert ran == (0, "ID000001\n", "")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_standard_input_is_one_of_many(jobs: str) -> None:
    write(Path("a"), patient(2))
    options = ("-j", jobs, "--value", "-P", "PatientID")
    ran = process("dump", "-", "a", *options, stdin=patient(1))
    assert (ran.code, ran.out) == (0, "ID000001\nID000002\n")


def test_fail_fast_stops_at_the_first_failure() -> None:
    folder("study", a=patient(1), b=CUT, c=patient(3))
    ran = dump("study", "--fail-fast", "-f", "json", "-P", "PatientID")
    assert ran.code == 9
    assert [Path(record["file"]).name for record in json.loads(ran.out)] == ["a", "b"]


def test_no_hit_is_an_error_on_request(sample: Path) -> None:
    for form in (["-f", "text"], ["-f", "json"], ["--value"], ["-f", "csv"], ["-f", "tree"]):
        assert dump(sample, *form, "-P", "StudyDate").code == 0
        assert dump(sample, *form, "-P", "StudyDate", "--fail-empty").code == 10
        assert dump(sample, *form, "-P", "PatientID", "--fail-empty").code == 0


def test_all_of_a_file_is_not_nothing(sample: Path) -> None:
    assert dump(sample, "--fail-empty").code == 0


def test_a_failure_outranks_an_empty_selection(sample: Path) -> None:
    assert dump(sample, "none", "-P", "StudyDate", "--fail-empty").code == 9


def test_the_report_has_a_record_for_each_file() -> None:
    folder("study", a=patient(1), b=CUT, c=JUNK)
    dump("study", "none\n", "--report", "report", "-P", "PatientID")
    records = [json.loads(line) for line in Path("report").read_text("utf-8").splitlines()]
    assert [(record["file"], record["status"]) for record in records] == [
        ("study/a", "done"),
        ("study/b", "damaged"),
        ("study/c", "skipped"),
        ("none\n", "failed"),
    ]
    assert records[0]["reasons"] == records[0]["warnings"] == []
    assert "length of 100 bytes" in records[1]["reasons"][0]


@pytest.mark.parametrize("option", ["--report", "--log-file"])
@pytest.mark.parametrize("file", ["none/file", "."])
def test_a_report_that_cannot_be_written_is_said_before_the_work(
    sample: Path, option: str, file: str
) -> None:
    ran = dump(sample, option, file)
    assert (ran.code, ran.out) == (4, "")
    assert re.fullmatch(rf"dcmtools dump: {re.escape(file)}: [a-z ]+\n", ran.err)


def test_a_report_on_a_full_disk_is_an_error(sample: Path) -> None:
    ran = process("dump", sample, "--report", "/dev/full")
    assert ran.code == 4
    assert ran.err == "dcmtools dump: /dev/full: no space left on device\n"


def test_the_log_has_all_that_is_said_and_more() -> None:
    folder("study", a=patient(1), b=CUT)
    ran = process("dump", "-q", "study", "--log-file", "log", "-P", "PatientID")
    lines = Path("log").read_text("utf-8").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} dcmtools dump: ", x) for x in lines)
    said = [line.partition("dcmtools dump: ")[2] for line in lines]
    how = "explicit VR little endian, transfer syntax 1.2.840.10008.1.2.1"
    assert said[:2] == ["study/a: read", f"study/a: {how}"]
    assert f"dcmtools dump: {said[2]}\n" == ran.err
    assert said[3] == f"study/b: {how}"
    assert said[4].startswith("1 read, 1 damaged in ")


# What is said


@pytest.mark.parametrize("arguments", [["-q", "dump"], ["dump", "-q"], ["dump", "--quiet"]])
def test_quiet_says_only_errors(arguments: list[str]) -> None:
    folder(".", a=patient(1), junk=JUNK)
    ran = process(*arguments, "a", "junk")
    assert (ran.code, ran.err) == (9, "dcmtools dump: junk: is not a DICOM file\n")


@pytest.mark.parametrize("arguments", [["-v", "dump"], ["dump", "-v"], ["--verbose", "dump"]])
def test_verbose_says_what_is_done(arguments: list[str]) -> None:
    write(Path("a"), patient(1))
    assert process(*arguments, "a").err == "dcmtools dump: a: read\n"


def test_twice_verbose_says_how() -> None:
    write(Path("a"), patient(1))
    how = "explicit VR little endian, transfer syntax 1.2.840.10008.1.2.1"
    told = process("dump", "-vv", "a").err
    assert told == f"dcmtools dump: a: read\ndcmtools dump: a: {how}\n"


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "a\udcffb", "a\u202eb", "a\x85b"])
def test_awkward_names_are_escaped(name: str) -> None:
    shown = re.escape(name.encode("unicode_escape").decode().replace("\\n", "\\x0a"))
    shown = shown.replace("udcff", "xff")
    write(Path(name), CUT)
    ran = dump(name, name)
    assert not any(char in ran.out + ran.err.replace("\n", "") for char in "\x1b\u202e\x85")
    assert re.match(rf"# {shown}\n\n# Dicom-File-Format\n", ran.out)
    assert re.match(rf"dcmtools dump: {shown}: damaged: ", ran.err)
    assert len(ran.err.splitlines()) == 3
    assert re.match(rf"dcmtools dump: {shown}x: no such file or directory\n$", dump(name + "x").err)


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_output_is_utf8_whatever_the_locale(sample: Path, locale: str) -> None:
    env = {"LC_ALL": locale, "LANG": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ran = process("dump", sample, **env)
    assert ran == (0, META_TEXT + SAMPLE_TEXT, "")


def test_messages_survive_any_locale() -> None:
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ran = process("dump", b"M\xc3\xbcller\xff", **env)
    assert ran.code == 3
    assert re.fullmatch(r"dcmtools dump: M.*ller.*: no such file or directory\n", ran.err)


# Where the output goes


def many(count: int) -> Path:
    """List many files; some are damaged, some are no DICOM."""
    folder("many", **{f"{number:04d}": patient(number, BODY) for number in range(count)})
    for number in range(7, count, 50):
        write(Path("many", f"{number:04d}"), patient(number, CUT[-12:]))
        write(Path("many", f"{number + 1:04d}"), JUNK)
    return Path("many")


@pytest.mark.parametrize(
    "options",
    [
        ["-f", "text"],
        ["-f", "tree"],
        ["-f", "json"],
        ["-f", "ndjson", "--simple"],
        ["-f", "csv", "-P", "PatientID"],
        ["--value", "-P", "PatientName"],
        ["-P", "PatientID", "-v"],
    ],
    ids=" ".join,
)
def test_more_processes_give_the_same_bytes(options: list[str]) -> None:
    many(300)
    one, two, default = (
        process("dump", "many", "none", *options, *jobs) for jobs in (["-j", "1"], ["-j", "2"], [])
    )
    assert one.code == two.code == default.code == 9
    assert one.out == two.out == default.out
    said = [re.sub(r"in \d+\.\d s", "in T", ran.err) for ran in (one, two, default)]
    assert said[0] == said[1] == said[2]
    assert ", 1 failed, 6 skipped in T" in said[0]


@contextmanager
def started(*arguments: str | Path, **streams: object) -> Iterator[subprocess.Popen[bytes]]:
    """Start the program, and do not leave it running."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command(*arguments), **(pipes | streams)) as running:  # type: ignore[call-overload]
        try:
            yield running
        finally:
            running.kill()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_reader_may_go_early(jobs: str) -> None:
    with started("dump", many(300), "-q", "-j", jobs) as running:
        assert running.stdout.readline() == b"# many/0000\n"
        running.stdout.close()
        errors = running.stderr.read().decode().splitlines()
        assert running.wait() == 0
    assert all(re.match("dcmtools dump: many/[0-9]{4}: damaged: ", line) for line in errors)


@pytest.mark.parametrize(
    "arguments",
    [["dump", "sample.dcm"], ["dump", "sample.dcm", "-f", "json"], ["--version"], ["--help"]],
    ids=" ".join,
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_an_error_in_one_line(
    sample: Path, arguments: list[str], unbuffered: str
) -> None:
    assert sample.exists()
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            command(*arguments),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )
    assert ran.returncode == 4
    assert re.fullmatch(rb"dcmtools[ a-z]*: standard output: no space left on device\n", ran.stderr)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_fits_only_in_part_is_an_error(sample: Path, unbuffered: str) -> None:
    size = len(dump(sample).out.encode())
    with Path("out").open("wb") as out:
        ran = subprocess.run(
            command("dump", sample),
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size - 9, size - 9)),
        )
    assert Path("out").stat().st_size < size
    assert ran.returncode == 4
    assert ran.stderr == b"dcmtools dump: standard output: file too large\n"


def test_closed_streams_are_no_reason_to_stumble(sample: Path) -> None:
    program = f"{sys.executable} -m dcmtools dump"
    ran = subprocess.run(f"{program} {sample} >&-", shell=True, capture_output=True, check=False)  # noqa: S602
    assert ran.returncode == 4
    assert ran.stderr.count(b"\n") == 1
    write(Path("cut"), CUT)
    ran = subprocess.run(f"{program} cut 2>&-", shell=True, capture_output=True, check=False)  # noqa: S602
    assert ran.returncode == 9
    assert b"PatientName" in ran.stdout


# Interruptions


def test_ctrl_c_while_reading_a_pipe(sample: Path) -> None:
    with started("dump", "-v", sample, "-", stdin=subprocess.PIPE) as running:
        assert running.stderr.readline() == b"dcmtools dump: sample.dcm: read\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130
        assert running.stderr.read() == b"dcmtools dump: interrupted\n"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_in_a_batch(jobs: str) -> None:
    with started("dump", "-q", many(2000), "-f", "ndjson", "-j", jobs) as running:
        assert running.stdout.readline().startswith(b'{"file":"many/0000"')
        running.send_signal(signal.SIGINT)
        _, err = running.communicate()
    assert running.returncode == 130
    assert err.splitlines()[-1] == b"dcmtools dump: interrupted"
    assert b"Traceback" not in err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_while_nobody_reads_the_output(jobs: str) -> None:
    reading, writing = os.pipe()
    arguments = ("dump", "-q", many(2000), "-f", "ndjson", "-j", jobs)
    with started(*arguments, stdout=writing) as running:
        while select.select([], [writing], [], 0)[1]:  # there is room in the pipe
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
    os.close(reading)
    os.close(writing)


def children(pid: int) -> list[int]:
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # a thread may just have ended
            found += map(int, listed.read_text().split())
    return found


def test_workers_end_with_a_parent_that_is_killed() -> None:
    with started("dump", "-q", many(2000), "-f", "ndjson", "-j", "2") as running:
        assert running.stdout.readline()
        workers = [os.pidfd_open(pid) for pid in children(running.pid)]
        running.kill()
        assert len(workers) >= 2
        for worker in workers:
            ended, _, _ = select.select([worker], [], [], 30)
            os.close(worker)
            assert ended


def kill_reader(pipe: Path, running: subprocess.Popen[bytes]) -> None:
    """Wait until a worker reads a named pipe and kill it, or until the program ends."""
    with pipe.open("rb+", buffering=0):  # never blocks, and lets whoever reads wait for us
        while running.poll() is None:
            for pid in children(running.pid):
                with suppress(OSError):
                    if pipe in [fd.readlink() for fd in Path(f"/proc/{pid}/fd").iterdir()]:
                        os.kill(pid, signal.SIGKILL)
                        return


@pytest.mark.parametrize("place", [0, 100, 299])
def test_a_worker_that_is_killed_loses_only_what_it_worked_on(place: int, tmp_path: Path) -> None:
    names = [f"many/{number:04d}" for number in range(300)]
    folder("many", **{f"{number:04d}": patient(number) for number in range(300)})
    pipe = tmp_path / names[place]
    pipe.unlink()
    os.mkfifo(pipe)
    write(Path("list"), "\n".join(names).encode())
    options = ("-j", "2", "-f", "ndjson", "-P", "PatientID")
    with (
        Path("out").open("wb") as out,
        Path("err").open("wb") as err,
        started("dump", "--files-from", "list", *options, stdout=out, stderr=err) as ran,
    ):
        while ran.poll() is None:
            kill_reader(pipe, ran)
        assert ran.returncode == 9
    said = Path("err").read_text("utf-8").splitlines()
    assert said[0] == f"dcmtools dump: {names[place]}: the process that worked on it died"
    assert said[1].startswith("dcmtools dump: 299 read, 1 failed in ")
    del names[place]
    records = [json.loads(line) for line in Path("out").read_text("utf-8").splitlines()]
    assert [record["file"] for record in records] == names


# The terminal


Terminal = Callable[..., str]


@pytest.fixture
def terminal() -> Terminal:
    """Give the function that runs the program on a terminal of 60 columns."""

    def run(*arguments: str | Path, columns: int = 60, **env: str) -> str:
        main, side = pty.openpty()
        termios.tcsetwinsize(side, (24, columns))
        with subprocess.Popen(
            command(*arguments), stdout=side, env=os.environ | {"TERM": "xterm-256color"} | env
        ) as running:
            os.close(side)
            shown = b""
            try:
                while chunk := os.read(main, 1 << 16):
                    shown += chunk
            except OSError as error:  # this is how a terminal says that nobody writes any more
                assert error.errno == errno.EIO  # noqa: PT017
            os.close(main)
        assert running.returncode == 0
        return shown.decode().replace("\r\n", "\n")

    return run


SEQUENCES = re.compile(r"\x1b\[[0-9;]*m")


def test_a_terminal_shows_a_tree_in_colour(sample: Path, terminal: Terminal) -> None:
    shown = terminal("dump", sample, columns=200)
    assert SEQUENCES.search(shown)
    plain = re.sub(" +\n", "\n", SEQUENCES.sub("", shown))
    uid = "1.2.840.10008.5.1.4.1.1.2"
    assert "\x1b" not in plain
    assert plain.splitlines()[3:15] == [
        "(0008,0005) CS SpecificCharacterSet               ISO_IR 192",
        f"(0008,0016) UI SOPClassUID                        {uid} (CTImageStorage)",
        "(0008,1140) SQ ReferencedImageSequence",
        "│  item 0",
        "│  │  (0008,1155) UI ReferencedSOPInstanceUID     1.2.3",
        "│  │  (0040,0275) SQ RequestAttributesSequence",
        "│  │  │  item 0",
        "│  │  │  │  (0032,1060) LO RequestedProcedureDescription deep",
        "│  item 1",
        "│  │  (0008,1155) UI ReferencedSOPInstanceUID     1.2.4",
        "(0009,0010) LO PrivateCreator                     ACME",
        "(0009,1001) LO Unknown Tag & Data                 secret",
    ]


@pytest.mark.parametrize("columns", [20, 53, 60, 61])
def test_lines_are_cut_to_the_width(terminal: Terminal, columns: int) -> None:
    body = element(0x00080005, "CS", b"ISO_IR 192") + element(
        0x00104000, "LT", ("山" * 100).encode()
    )
    shown = terminal("dump", write(Path("a"), part10(body)), columns=columns, NO_COLOR="1")
    wide = shown.count("山", shown.index("PatientComments")) if "PatientComments" in shown else 0
    line = shown.splitlines()[-1]
    assert line.endswith("…")
    assert len(line) + wide <= columns
    assert len(line) + wide >= min(columns, 50) - 2


@pytest.mark.parametrize(
    ("options", "env", "coloured"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),
        (["--color", "never"], {}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["-f", "text"], {}, False),
        (["-f", "json"], {}, False),
    ],
)
def test_colour_on_a_terminal(
    sample: Path, terminal: Terminal, options: list[str], env: dict[str, str], *, coloured: bool
) -> None:
    assert bool(SEQUENCES.search(terminal("dump", sample, *options, **env))) is coloured


def test_colour_in_a_pipe_only_when_it_is_asked_for(sample: Path) -> None:
    plain = dump(sample, "-f", "tree").out
    coloured = dump(sample, "-f", "tree", "--color", "always").out
    assert "\x1b" not in plain
    assert SEQUENCES.search(coloured)
    assert SEQUENCES.sub("", coloured) == plain


def test_a_pipe_cuts_nothing() -> None:
    body = element(0x00104000, "LT", b"x" * 1000)
    write(Path("a"), part10(body))
    for form in ("text", "tree"):
        assert "x" * 1000 in process("dump", "a", "-f", form, COLUMNS="40").out


def test_a_tree_cannot_be_forged(terminal: Terminal) -> None:
    body = element(0x00080005, "CS", b"ISO_IR 192") + element(0x00100020, "LO", AWKWARD.encode())
    write(Path("a\x1b[2J"), part10(body))
    shown = terminal("dump", "a\x1b[2J", "a\x1b[2J", columns=200)
    plain = SEQUENCES.sub("", shown)
    assert "\x1b" not in plain
    assert "a\\x1b[2J\n" in plain
    assert f"PatientID                          {SHOWN}\n" in plain

r"""List edits that DCMTK's `dcmodify` and our ``modify`` are both given, in the words of both.

A file is one of pydicom's test files by its name, one of `MADE`, or one of the corpus by the end
of its name. ``{four}`` and the like in a script stand for the files of `VALUES`.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, NamedTuple

from tests.factories import BODY, ITEM_END, SEQUENCE_END, UNDEFINED, element, item, part10

if TYPE_CHECKING:
    from collections.abc import Mapping

CT = "CT_small.dcm"  # explicit, private blocks, a sequence of two items with PatientID
MR = "MR_small.dcm"
IMPLICIT = "MR_small_implicit.dcm"
BIG = "MR_small_bigendian.dcm"
DEFLATED = "image_dfl.dcm"
REPORT = "reportsi.dcm"  # sequences in sequences, of undefined length
JPEG = "JPEG2000.dcm"  # encapsulated
RLE = "SC_rgb_rle.dcm"  # encapsulated, ISO_IR 192
ECG = "waveform_ecg.dcm"
LIVER = "liver_1frame.dcm"
STRUCT = "rtstruct.dcm"
CORPUS_LENGTHS = "group_lengths.dcm"

EVERY_ENCODING = (CT, IMPLICIT, BIG, DEFLATED, REPORT, JPEG, RLE, ECG, LIVER, STRUCT)

_ITEMS = (
    pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, UNDEFINED)
    + item(element(0x00401001, "SH", b"AB"), UNDEFINED)
    + ITEM_END
    + item(element(0x00401001, "SH", b"CD") + element(0x00401002, "LO", b"WHY "))
    + SEQUENCE_END
)
MADE = {
    "items": part10(BODY + _ITEMS),
    "lengths": part10(element(0x00080000, "UL", b"\x99\0\0\0") + BODY),
    "other vr": part10(BODY + element(0x00280010, "LO", b"12")),
    "unknown": part10(BODY + element(0x00189998, "UN", b"ab") + element(0x00189999, "LO", b"ab")),
    "known": part10(BODY + element(0x00280011, "UN", b"\1\0")),
    "unsigned": part10(BODY + element(0x00280103, "US", b"\0\0")),
    "signed": part10(BODY + element(0x00280103, "US", b"\1\0")),
    "odd": part10(BODY + element(0x00104000, "LT", b"odd")),
    "twice": part10(BODY + element(0x00100020, "LO", b"SECOND")),
    "no identity": part10(element(0x00100010, "PN", b"Doe^Jane")),
}
VALUES = {"none": b"", "three": b"abc", "four": b"abcd", "pixels": bytes(range(64)) * 2}


class Script(NamedTuple):
    """An edit with which both programs make the same data set of each of some files."""

    name: str
    words: tuple[str, ...]
    files: tuple[str, ...] = (CT,)


def _same(name: str, *words: str, files: tuple[str, ...] = (CT,)) -> Script:
    return Script(name, words, files)


SEQUENCE = "OtherPatientIDsSequence"  # what CT has, with two items
ABSENT = "RequestAttributesSequence"  # what it has not

SAME = (
    # replace and create
    _same("replace", "-i", "PatientID=LONGER THAN BEFORE", files=EVERY_ENCODING),
    _same("create", "-i", "PatientComments=new", files=EVERY_ENCODING),
    _same("create first", "-i", "ImageType=ORIGINAL\\PRIMARY", files=(IMPLICIT, BIG, STRUCT)),
    _same("create behind the pixels", "-i", "DigitalSignaturesSequence=", files=(CT, JPEG)),
    _same("modify", "-m", "PatientID=1", files=EVERY_ENCODING),
    _same("modify by tag", "-m", "(0010,0020)=TAG"),
    _same("modify by tag without brackets", "-m", "0010,0020=TAG"),
    _same("long names", "--insert", "PatientComments=A", "--modify", "PatientID=B", "--erase",
          "PatientSex", "--erase-private"),
    _same("long names for all", "--modify-all", "PatientID=B", "--erase-all", "TypeOfPatientID"),
    _same("empty", "-i", "PatientID=", files=(CT, IMPLICIT, BIG)),
    _same("create empty", "-i", "PatientComments="),
    _same("no equals sign", "-i", "PatientComments", "-m", "PatientID"),
    _same("modify to empty", "-m", "PatientName="),
    _same("empty number", "-i", "Rows="),
    _same("equals signs", "-i", "PatientComments=a=b=c"),
    _same("person name groups", "-i", "PatientName=A^B^C=D^E=F"),
    _same("odd text", "-i", "StudyDescription=odd"),
    _same("odd UID", "-i", "FrameOfReferenceUID=1.2.345"),
    _same("text with spaces", "-i", "PatientComments=two  spaces, and a comma"),
    _same("backslash in text of one value", "-i", "PatientComments=a\\nb\\c"),
    _same("quotes", "-i", 'InstitutionName="quoted"'),
    _same("looks like an option", "-i", "StudyDescription=-e PatientID"),
    _same("several values", "-i", "ImageType=DERIVED\\SECONDARY\\AXIAL\\OTHER", files=(CT, BIG)),
    _same("empty value among others", "-i", "OtherPatientNames=A\\\\B"),
    _same("UTF-8", "-i", "PatientName=Müller^Jürgen", files=(RLE,)),
    _same("the character set first", "-i", "SpecificCharacterSet=ISO_IR 192", "-i",
          "PatientName=Müller^Jürgen=山田"),
    _same("the character set last", "-i", "PatientName=Müller^Jürgen=山田", "-i",
          "SpecificCharacterSet=ISO_IR 192"),
    # numbers
    _same("US", "-i", "Rows=258", files=(CT, IMPLICIT, BIG, DEFLATED)),
    _same("several US", "-i", "AcquisitionMatrix=1\\2\\3\\65535", files=(CT, BIG)),
    _same("US or SS", "-i", "SmallestImagePixelValue=5", files=("unsigned",)),
    _same("UL", "-i", "RegionLocationMinX0=70000", files=(CT, IMPLICIT, BIG)),
    _same("SL", "-i", "ReferencePixelX0=-7", files=(CT, IMPLICIT, BIG)),
    _same("SS", "-i", "TagAngleSecondAxis=-32768", files=(CT, BIG)),
    _same("FD", "-i", "DiffusionBValue=1.5", files=(CT, IMPLICIT, BIG)),
    _same("FL", "-i", "RecommendedDisplayFrameRateInFloat=0.1", files=(CT, IMPLICIT, BIG)),
    _same("UV", "-i", "SelectorUVValue=18446744073709551615", files=(CT, BIG)),
    _same("SV", "-i", "SelectorSVValue=-5", files=(CT, BIG)),
    _same("AT", "-i", "FrameIncrementPointer=(0018,1063)", files=(CT, IMPLICIT, BIG)),
    _same("several AT", "-i", "FrameIncrementPointer=(0018,1063)\\(0018,1065)", files=(CT, BIG)),
    _same("DS and IS", "-i", "SliceThickness=1.25e-3", "-i", "InstanceNumber=-12"),
    _same("dates and times", "-i", "StudyDate=20240229", "-i", "StudyTime=235960.123", "-i",
          "AcquisitionDateTime=20260131083000+0100", "-i", "PatientAge=042Y"),
    _same("UT and UR", "-i", "TextValue=long text", "-i", "RetrieveURL=http://a/b?c=d"),
    # bytes
    _same("OB as hex", "-i", "EncapsulatedDocument=01\\02\\ff\\00", files=(CT, IMPLICIT, BIG)),
    _same("OW as hex", "-i", "RedPaletteColorLookupTableData=0102\\00ff", files=(CT, BIG)),
    _same("overlay", "-i", "(6002,3000)=0001", "-i", "(6002,0010)=5"),
    _same("text from a file", "-if", "PatientComments={four}"),
    _same("bytes from a file", "-if", "EncapsulatedDocument={four}", files=(CT, BIG)),
    _same("words from a file", "-if", "RedPaletteColorLookupTableData={four}", files=(CT, BIG)),
    _same("pixels from a file", "-mf", "PixelData={pixels}", files=(CT, MR, IMPLICIT, BIG)),
    _same("nothing from a file", "-if", "EncapsulatedDocument={none}"),
    _same("modify from a file", "-mf", "PatientID={four}"),
    _same("a file and then a value", "-if", "PatientComments={four}", "-i", "PatientComments=x"),
    _same("a value and then a file", "-i", "PatientComments=x", "-if", "PatientComments={four}"),
    # sequences
    _same("into an item", "-i", f"{SEQUENCE}[0].PatientName=A"),
    _same("into the next item", "-i", f"{SEQUENCE}[2].PatientName=A"),
    _same("into an item behind a gap", "-i", f"{SEQUENCE}[4].PatientName=A"),
    _same("into a new sequence", "-i", f"{ABSENT}[0].RequestedProcedureID=A", files=EVERY_ENCODING),
    _same("into a new sequence behind a gap", "-i", f"{ABSENT}[2].RequestedProcedureID=A"),
    _same("two levels of new", "-i",
          f"{ABSENT}[0].ScheduledProtocolCodeSequence[1].CodeValue=A", files=(CT, IMPLICIT, BIG)),
    _same("several into one new item", "-i", f"{ABSENT}[0].RequestedProcedureID=A", "-i",
          f"{ABSENT}[0].ScheduledProcedureStepID=B", "-i",
          f"{ABSENT}[1].RequestedProcedureID=C", files=(CT, IMPLICIT, BIG)),
    _same("an empty sequence", "-i", f"{ABSENT}=", files=(CT, IMPLICIT, BIG)),
    _same("an empty item", "-i", f"{ABSENT}[0]=", files=(CT, BIG)),
    _same("modify in an item", "-m", f"{SEQUENCE}[1].PatientID=A"),
    _same("modify in all items", "-m", f"{SEQUENCE}[*].PatientID=A"),
    _same("insert into all items", "-i", f"{SEQUENCE}[*].IssuerOfPatientID=A"),
    _same("insert into those without", "-e", f"{SEQUENCE}[0].PatientID", "-i",
          f"{SEQUENCE}[*].PatientID=A"),
    _same("modify where it is", "-e", f"{SEQUENCE}[0].PatientID", "-m",
          f"{SEQUENCE}[*].PatientID=A"),
    _same("modify in undefined lengths", "-m", f"{ABSENT}[0].RequestedProcedureID=LONGER", "-m",
          f"{ABSENT}[1].RequestedProcedureID=X", files=("items",)),
    _same("wildcards at every level", "-m",
          "ContentSequence[*].ConceptNameCodeSequence[*].CodeMeaning=Q", files=(REPORT,)),
    _same("insert by wildcard", "-i", "ContentSequence[*].TextValue=Q", files=(REPORT,)),
    _same("by numbers, deep", "-i", "(0040,a043)[0].(0008,0104)=Q", files=(REPORT,)),
    # erase
    _same("erase", "-e", "PatientName", files=EVERY_ENCODING),
    _same("erase several", "-e", "PatientName", "-e", "PatientID", "-e", "PatientSex"),
    _same("erase the pixels", "-e", "PixelData", files=(CT, JPEG, DEFLATED)),
    _same("erase the character set", "-e", "SpecificCharacterSet"),
    _same("erase a sequence", "-e", SEQUENCE),
    _same("erase an item", "-e", f"{SEQUENCE}[0]"),
    _same("erase the last item", "-e", f"{SEQUENCE}[1]"),
    _same("erase one item after another", "-e", f"{SEQUENCE}[0]", "-e", f"{SEQUENCE}[0]"),
    _same("erase all items", "-e", f"{SEQUENCE}[*]"),
    _same("erase in an item", "-e", f"{SEQUENCE}[1].PatientID"),
    _same("erase in all items", "-e", f"{SEQUENCE}[*].PatientID"),
    _same("erase all that an item holds", "-e", f"{ABSENT}[0].RequestedProcedureID",
          files=("items",)),
    _same("erase an item of undefined length", "-e", f"{ABSENT}[0]", files=("items",)),
    _same("items move up", "-e", f"{ABSENT}[0]", "-m", f"{ABSENT}[0].RequestedProcedureID=ZZ",
          files=("items",)),
    _same("erase by wildcard", "-e",
          "ContentSequence[*].ConceptNameCodeSequence[0].CodeMeaning", files=(REPORT,)),
    # everywhere
    _same("erase all", "-ea", "PatientID"),
    _same("erase all deep down", "-ea", "CodeMeaning", files=(REPORT, JPEG, LIVER)),
    _same("erase all sequences in sequences", "-ea", "ConceptNameCodeSequence", files=(REPORT,)),
    _same("modify all", "-ma", "PatientID=A"),
    _same("modify all deep down", "-ma", "CodeMeaning=Q", files=(REPORT, JPEG, LIVER)),
    _same("modify all to empty", "-ma", "PatientID="),
    _same("all and then one", "-ma", "PatientID=Q", "-i", f"{SEQUENCE}[0].PatientID=R"),
    _same("one and then all", "-i", f"{SEQUENCE}[0].PatientID=R", "-ma", "PatientID=Q"),
    _same("a new one is one of all", "-i", f"{ABSENT}[0].PatientID=R", "-ma", "PatientID=Q"),
    _same("all UIDs of references", "-ma", "ReferencedSOPInstanceUID=1.2.3", files=(JPEG, LIVER)),
    # private
    _same("modify a private element", "-m", "(0009,1001)=A"),
    _same("replace a private element", "-i", "(0009,1001)=A"),
    _same("erase a private element", "-e", "(0009,1001)"),
    _same("a known private element in another block", "-i", "(0009,0011)=GEMS_IDEN_01", "-i",
          "(0009,1101)=A"),
    _same("a private block in an item", "-i", f"{SEQUENCE}[0].(0009,0010)=GEMS_IDEN_01", "-i",
          f"{SEQUENCE}[0].(0009,1001)=A"),
    _same("erase private", "-ep", files=(CT, MR, IMPLICIT, BIG, REPORT, LIVER)),
    _same("erase private in items", "-i", f"{SEQUENCE}[0].(0009,0010)=GEMS_IDEN_01", "-i",
          f"{SEQUENCE}[0].(0009,1001)=A", "-ep"),
    _same("erase private twice", "-ep", "-ep"),
    _same("erase private and then insert", "-ep", "-i", "(0009,0010)=GEMS_IDEN_01", "-i",
          "(0009,1001)=A"),
    _same("no private to erase", "-ep", files=("items",)),
    # what the file says
    _same("the VR of the file stays", "-m", "Rows=13", files=("other vr",)),
    _same("a VR that only the file knows", "-m", "(0018,9999)=zz", files=("unknown",)),
    _same("bytes that only the file knows", "-m", "(0018,9998)=01\\02", files=("unknown",)),
    _same("group lengths", "-i", "PatientID=LONGER THAN IT WAS", "-i", "StudyID=1", "-i",
          "AccessionNumber=A", files=("lengths", CORPUS_LENGTHS)),
    _same("insert into a group that has a length, and erase", "-i", "AccessionNumber=A", "-i",
          "Modality=CT", "-e", "AccessionNumber", files=("lengths", CORPUS_LENGTHS)),
    # UIDs
    _same("the SOP Instance UID", "-i", "SOPInstanceUID=1.2.3.4", files=EVERY_ENCODING),
    _same("the SOP Class UID", "-m", "SOPClassUID=1.2.840.10008.5.1.4.1.1.4"),
    _same("all SOP Instance UIDs", "-ma", "SOPInstanceUID=1.2.3"),
    _same("a SOP Instance UID in an item", "-i", f"{ABSENT}[0].SOPInstanceUID=1.2.3.4"),
    # what is missing
    _same("modify what is missing", "-imt", "-m", "PatientComments=A", "-m", "PatientID=B"),
    _same("erase what is missing", "-imt", "-e", "PatientComments", "-e", f"{SEQUENCE}[7]", "-e",
          f"{ABSENT}[0].CodeValue", "-m", "PatientID=B"),
    _same("all of what is missing", "-imt", "-ea", "CodeValue", "-ma", "CodeMeaning=A", "-mf",
          "CodeMeaning={four}", "-m", "PatientID=B"),
)  # fmt: skip

_KINDS = ("PatientComments=1", "", "PatientComments=2")
_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def _ordered(order: tuple[int, ...]) -> tuple[str, ...]:
    words: list[str] = []
    for number in order:
        words += ["-i", _KINDS[number]] if _KINDS[number] else ["-e", "PatientComments"]
    return tuple(words)


ORDERS = tuple(_ordered(order) for order in _ORDERS)
"""``-i A=1 -e A -i A=2`` in every order; to erase first what is not there is an error."""

REFUSED = (
    _same("modify what is missing", "-m", "PatientComments=A"),
    _same("modify from a file what is missing", "-mf", "PatientComments={four}"),
    _same("what is missing before what is there", "-m", "PatientComments=A", "-m", "PatientID=Y"),
    _same("what is missing behind what is there", "-m", "PatientID=Y", "-m", "PatientComments=A"),
    _same("erase what is missing", "-m", "PatientID=Y", "-e", "PatientComments"),
    _same("erase a missing item", "-e", f"{SEQUENCE}[7]"),
    _same("modify in a missing item", "-m", f"{SEQUENCE}[5].PatientID=A"),
    _same("modify what no item has", "-m", f"{SEQUENCE}[*].PatientName=A"),
    _same("erase all of what is missing", "-ea", "PatientComments"),
    _same("modify all of what is missing", "-ma", "PatientComments=A"),
    _same("all items of a missing sequence", "-i", f"{ABSENT}[*].RequestedProcedureID=A"),
    _same("a value for a sequence", "-i", f"{SEQUENCE}=abc"),
    _same("a value for a sequence that is there", "-m", f"{SEQUENCE}=abc"),
    _same("a value for all sequences", "-ma", f"{SEQUENCE}=A"),
    _same("a file for a sequence", "-if", f"{SEQUENCE}={{four}}"),
    _same("an item of no sequence", "-i", "PatientID[0].PatientName=A"),
    _same("no keyword", "-i", "NoSuchWord=1", "-m", "PatientID=Y"),
    _same("a keyword in small letters", "-i", "patientid=A"),
    _same("a negative item", "-i", f"{SEQUENCE}[-1].PatientID=A"),
    _same("an item that is no number", "-i", f"{SEQUENCE}[x].PatientID=A"),
    _same("no path", "-i", "=1"),
    _same("no number", "-i", "Rows=abc"),
    _same("no file", "-if", "EncapsulatedDocument=no-such-file"),
    _same("a file of an odd length for words", "-if",
          "RedPaletteColorLookupTableData={three}"),
    _same("encapsulated pixel data", "-m", "PixelData=0001", files=(JPEG,)),
    _same("a private element without its creator", "-i", "(0031,1001)=A"),
    _same("another block of a group", "-i", "(0009,1199)=A"),
    _same("a command", "-i", "(0000,0100)=1"),
    _same("a group that there is not", "-i", "(0001,0010)=x"),
    _same("an item as an element", "-i", "(fffe,e000)=5"),
    _same("the last group", "-i", "(ffff,ffff)=5"),
    _same("cut short", "-i", "PatientID=A", files=("MR_truncated.dcm", "rtplan_truncated.dcm")),
)  # fmt: skip
"""Edits that both refuse, without having written anything."""


Values = "Mapping[str, bytes | None]"
REFUSES: dict[str, bytes | None] = {}
"""What a program makes of a file that it refuses to write."""


class Difference(NamedTuple):
    """An edit of which the two programs do not make the same, on purpose.

    Parameters
    ----------
    name, reason : str
        What it is, and why ours does it otherwise.
    words : tuple of str
        The edit, for both.
    theirs, ours : mapping of str to bytes or None
        The values that there are then, by path, None for what is not there; or `REFUSES`.
    file : str
        What is edited.
    """

    name: str
    reason: str
    words: tuple[str, ...]
    theirs: Mapping[str, bytes | None]
    ours: Mapping[str, bytes | None]
    file: str = CT


def _checked(name: str, word: str, path: str, theirs: bytes, file: str = CT) -> Difference:
    reason = "dcmodify takes what the VR cannot hold"
    return Difference(name, reason, ("-i", word), {path: theirs}, REFUSES, file)


def _taken(name: str, reason: str, words: tuple[str, ...], **ours: bytes | None) -> Difference:
    values = {path.removeprefix("x"): value for path, value in ours.items()}
    return Difference(name, reason, words, REFUSES, values)


_UID = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"

ON_PURPOSE = (
    _checked("no date", "StudyDate=notadate", "00080020", b"notadate"),
    _checked("no day", "PatientBirthDate=2026-13-01", "00100030", b"2026-13-01"),
    _checked("no time", "StudyTime=9999", "00080030", b"9999"),
    _checked("no number", "SliceThickness=thick", "00180050", b"thick "),
    _checked("too many digits", "SliceThickness=1.23456789012345678", "00180050",
             b"1.23456789012345678 "),
    _checked("too large", "InstanceNumber=99999999999999", "00200013", b"99999999999999"),
    _checked("overflow", "Rows=70000", "00280010", pack("<H", 70000 & 0xFFFF)),
    _checked("below zero", "Rows=-1", "00280010", b"\xff\xff"),
    _checked("a number with a tail", "Rows=12abc", "00280010", pack("<H", 12)),
    _checked("a hex number", "Rows=0x10", "00280010", pack("<H", 0)),
    _checked("two values for one", "Rows=1\\2", "00280010", pack("<2H", 1, 2)),
    _checked("small letters in a code", "Modality=ct", "00080060", b"ct"),
    _checked("no UID", "StudyInstanceUID=1.2.abc", "0020000d", b"1.2.abc\0"),
    _checked("no age", "PatientAge=5", "00101010", b"5 "),
    _checked("too long", f"PatientID={'x' * 100}", "00100020", b"x" * 100),
    _checked("a URI with a space", "RetrieveURL=http://a b", "00081190", b"http://a b"),
    _checked("text for bytes", "EncapsulatedDocument=abc", "00420011", b"\xbc\0"),
    Difference(
        "characters", "dcmodify writes the bytes of the shell into any character set",
        ("-i", "PatientName=Müller"), {"00100010": b"M\xc3\xbcller "}, {"00100010": b"M\xfcller"},
    ),
    Difference(
        "no such characters", "the same, where the character set has none of them",
        ("-i", "PatientName=山田"), {"00100010": "山田".encode()}, REFUSES,
    ),
    Difference(
        "signed", "dcmodify takes US where the pixels say SS", ("-i", "SmallestImagePixelValue=-5"),
        {"00280106 US": pack("<h", -5)}, {"00280106 SS": pack("<h", -5)}, "signed",
    ),
    Difference(
        "an unknown element", "dcmodify takes a text for hex digits; ours wants a VR",
        ("-i", "(0008,9999)=A"), {"00089999 UN": b"\x0a\0"}, REFUSES,
    ),
    Difference(
        "a known element whose VR the file does not say", "the dictionary knows it",
        ("-m", "Columns=13"), {"00280011 UN": b"\x13\0"}, {"00280011 US": pack("<H", 13)}, "known",
    ),
    Difference(
        "a wildcard in a tag", "dcmodify takes the digits before it",
        ("-i", "(0010,002x)=A"), {"00100002": b"\x0a\0"}, REFUSES,
    ),
    Difference(
        "a creator that owns elements", "what it owns would be nobody's", ("-e", "(0009,0010)"),
        {"00090010": None, "00091001": b"GE_GENESIS_FF "}, REFUSES,
    ),
    Difference(
        "no identity left", "dcmodify makes up another one in the file meta group only",
        ("-e", "SOPInstanceUID"), {"00080018": None}, REFUSES,
    ),
    Difference(
        "a path for all", "dcmodify looks at the last element of the path only",
        ("-ma", f"{SEQUENCE}[0].PatientID=A"), {"00100020": b"A "}, REFUSES,
    ),
    Difference(
        "the last element of a block", "nothing is left that the creator could own",
        ("-e", "(0011,1010)"), {"00110010": b"GEMS_PATI_01"}, {"00110010": None},
    ),
    Difference(
        "file meta", "what is not touched stays as it is", ("-i", "PatientID=A"),
        {"00020016": None, "00020012": b"1.2.276.0.7230010.3.0.3.6.7\0"},
        {"00020016": b"CLUNIE1 ", "00020012": b"1.3.6.1.4.1.5962.2"},
    ),
    Difference(
        "padding behind the data set", "what is not touched stays as it is", ("-i", "PatientID=A"),
        {"fffcfffc": None}, {"fffcfffc": b"\x0a\0\xfe\0"},
    ),
    Difference(
        "an odd length", "what is not touched stays as it is", ("-i", "PatientID=A"),
        {"00104000": b"odd\0"}, {"00104000": b"odd"}, "odd",
    ),
    Difference(
        "file meta of another object", "it was not asked for",
        ("-i", "PatientID=A"), {"00020003": b"1.2.777.777.77.7.7777.7777.20030903150023\0"},
        {"00020003": b"1.2.999.999.99.9.9999.9999.20030903150023\0"}, "rtplan.dcm",
    ),
    Difference(
        "no file meta", "what is not there was not asked for", ("-i", "PatientID=A"),
        {"00020010": b"1.2.840.10008.1.2"}, {"00020010": None}, STRUCT,
    ),
    Difference(
        "a group length", "it is counted and not set", ("-i", "(0008,0000)=5"),
        {"00100020": b"1CT1"}, REFUSES,
    ),
    Difference(
        "encapsulated pixel data", "dcmodify says that it cannot, and that it has",
        ("-if", "PixelData={four}"), {"00100020": b"8NM1"}, REFUSES, JPEG,
    ),
    _taken("eight digits", "one grammar of paths everywhere", ("-i", "00100020=A"),
           x00100020=b"A "),
    _taken("spaces around the path", "they are no part of it", ("-i", " PatientID =A"),
           x00100020=b"A "),
    _taken("a sequence emptied", "to empty what is there is to modify it",
           ("-m", f"{SEQUENCE}="), x00101002=b"0 items"),
    _taken("an element of the file meta group", "those that say nothing of the encoding are free",
           ("-m", "(0002,0016)=ME"), x00020016=b"ME"),
    Difference(
        "no item", "a sequence without a number means its first item",
        ("-i", f"{SEQUENCE}.PatientID=A"), REFUSES,
        {"00101002[0].00100020": b"A ", "00101002[1].00100020": b"1234ABCD"},
    ),
    _taken("a tag by its keyword", "AT takes what a path takes",
           ("-i", "FrameIncrementPointer=FrameTime"), x00280009=pack("<HH", 0x18, 0x1063)),
    _taken("a private element by its creator", "the block is found",
           ("-m", '(0009,"GEMS_IDEN_01",01)=A'), x00091001=b"A "),
    _taken("an odd file", "it is padded, as a value is", ("-if", "PatientComments={three}"),
           x00104000=b"abc "),
)  # fmt: skip

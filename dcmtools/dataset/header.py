"""Find out what a file is: preamble, file meta group, transfer syntax, and how the rest is encoded.

The content decides, not the name of the file nor what its header says of itself: where the two
disagree, what can be read is read, with a warning (PS3.10 section 7, PS3.5 section 10).
"""

import zlib
from dataclasses import dataclass, field, replace
from itertools import chain

from dcmtools.dataset.element_header import (
    ITEM_HEADER,
    LONG,
    LONGEST_HEADER,
    TAGS,
    explicit_header,
)
from dcmtools.dataset.elements import (
    ENCODING_NAMES,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_BIG,
    IMPLICIT_LITTLE,
    ITEM,
    LONG_VRS,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    Element,
    Encoding,
    Problem,
)
from dcmtools.dataset.scan import Scanner
from dcmtools.dataset.source import WINDOW, BytesSource, Inflated, Source
from dcmtools.errors import InputError, NotDicomError

PREAMBLE = 128
_PREFIX = b"DICM"
_GROUP_LENGTH = 0x00020000
_MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
_TRANSFER_SYNTAX_UID = 0x00020010
_MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"

IMPLICIT = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.20", "1.2.840.113619.5.2"})
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_STANDARD = "1.2.840.10008.1.2."
"""Where the standard's transfer syntaxes are, those included that are too new for a dictionary."""
DEFLATED = frozenset(
    {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}
)
_CANDIDATES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_BIG)
_TRIAL_ELEMENTS = 4
_MOST_OF_A_WINDOW = 1100 * WINDOW  # bytes that a window can inflate to
_TRIAL_GROUPS = range(0x0004, 0x7FE1)


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the data set of a file, and how to read what follows.

    Parameters
    ----------
    meta : list of Element
        The file meta group, empty where there is none.
    transfer_syntax : str
        The Transfer Syntax UID (0002,0010) as the file gives it, "" when it gives none.
    source : Source
        Where the data set is read from: the file, or the inflated bytes.
    start : int
        The offset of the data set in `source`.
    encoding : Encoding
        How the data set is encoded.
    deflated : bool
        Whether `source` holds inflated bytes, so that offsets are none of the file.
    offset : int
        Where the data set begins in the file, or its deflated stream.
    problems : list of Problem
        What is wrong so far.
    """

    meta: list[Element]
    transfer_syntax: str
    source: Source
    start: int
    encoding: Encoding
    deflated: bool = False
    problems: list[Problem] = field(default_factory=list)
    offset: int = 0

    @property
    def is_directory(self) -> bool:
        """Tell whether the file is a DICOMDIR (PS3.10 8.6)."""
        return _uid(self.meta, _MEDIA_STORAGE_SOP_CLASS_UID) == _MEDIA_STORAGE_DIRECTORY


def read_header(source: Source, name: str, max_inflated: int, *, glance: bool = False) -> Header:
    """Read what stands before the data set.

    Parameters
    ----------
    source : Source
        The file.
    name : str
        What to call it in errors.
    max_inflated : int
        The most bytes that a deflated data set may inflate to.
    glance : bool
        Whether only the beginning of a deflated data set is wanted; then nobody is told that the
        rest is missing.

    Raises
    ------
    NotDicomError
        The content is not DICOM.
    InputError
        A deflated data set is no such thing or is too large.
    """
    head = source.window(0, PREAMBLE + 10)[1][: PREAMBLE + 10]
    if not head:
        raise NotDicomError(name, "is empty")
    start = _meta_start(head)
    if start is None:
        return _without_meta(source, name, start=0)
    problems: list[Problem] = []
    meta, end = _read_meta(source, start, problems)
    if not meta:
        return _without_meta(source, name, start)
    uid = _uid(meta, _TRANSFER_SYNTAX_UID)
    if any(problem.damage for problem in problems):
        end = source.size
    if uid in DEFLATED:
        header = Header(meta, uid, source, end, EXPLICIT_LITTLE, problems=problems, offset=end)
        if glance and source.size > end + WINDOW:
            return _glanced(source, name, header)
        return _deflated(source, name, max_inflated, header)
    declared = IMPLICIT_LITTLE if uid in IMPLICIT else EXPLICIT_LITTLE
    if uid == _BIG_ENDIAN:
        declared = EXPLICIT_BIG
    if not uid:
        problems.append(Problem(start, "there is no Transfer Syntax UID", damage=False))
    elif uid not in IMPLICIT and not uid.startswith(_STANDARD):
        why = f"the Transfer Syntax UID {uid!r} is not known"
        problems.append(Problem(start, why, damage=False, value=repr(uid)))
    encoding = _check(source, end, declared, problems)
    return Header(meta, uid, source, end, encoding, problems=problems, offset=end)


def looks_like_dicom(head: bytes) -> bool:
    """Tell by its first bytes whether something may be a DICOM file."""
    source = BytesSource(head)
    fitting = (_fits(source, 0, candidate) for candidate in _CANDIDATES)
    return _meta_start(head) is not None or any(fitting)


def _meta_start(head: bytes) -> int | None:
    """Find the file meta group by what stands before it, None where nothing points to one."""
    if head[PREAMBLE : PREAMBLE + 4] == _PREFIX:
        return PREAMBLE + 4
    if head.startswith(_PREFIX):
        return 4
    return 0 if head.startswith(b"\x02\x00") else None


def _read_meta(source: Source, start: int, problems: list[Problem]) -> tuple[list[Element], int]:
    """Read the file meta group to where it really ends, whatever its length says."""
    vr = source.read(start + 4, 2)
    explicit = vr in SHORT_VRS or vr in LONG_VRS
    scanner = Scanner(source, start, EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE, meta=True)
    meta = list(scanner)
    problems += scanner.problems
    if meta and not explicit:
        why = "the file meta group is encoded with implicit VR"
        problems.append(Problem(start, why, damage=False))
    first = meta[0] if meta else None
    if first and first.tag == _GROUP_LENGTH and first.value and len(first.value) == 4:  # noqa: PLR2004
        length = int.from_bytes(first.value, "little")
        real = scanner.position - first.value_offset - 4
        if length != real and not scanner.problems:
            why = f"the file meta group says it is {length} bytes long and is {real}"
            problems.append(Problem(first.offset, why, damage=False))
    return meta, scanner.position


def _uid(meta: list[Element], tag: int) -> str:
    value = next((element.value for element in meta if element.tag == tag), None)
    return (value or b"").decode("ascii", "replace").strip("\0 ")


def _without_meta(source: Source, name: str, start: int) -> Header:
    """Read a data set that stands alone, as before PS3.10 and in query files."""
    for place in dict.fromkeys((start, 0)):  # "DICM" may stand in a value by chance
        fitting = (candidate for candidate in _CANDIDATES if _fits(source, place, candidate))
        encoding = next(fitting, None)
        if encoding is not None:
            return Header([], "", source, place, encoding, offset=place)
    raise NotDicomError(name, "is not a DICOM file")


def _deflated(source: Source, name: str, max_inflated: int, header: Header) -> Header:
    start, problems = header.start, header.problems
    try:
        inflated = Inflated(source, start, name, max_inflated)
    except zlib.error as error:
        if not _fits(source, start, EXPLICIT_LITTLE):
            raise InputError(name, f"the data set cannot be inflated ({error})") from error
        why = "the transfer syntax says deflated, the data set is not"
        problems.append(Problem(start, why, damage=False))
        return header
    rest = source.size - inflated.end
    if inflated.flaw:
        problems.append(Problem(source.size, inflated.flaw))
    elif tail := source.read(inflated.end, min(rest, WINDOW)).strip(b"\0"):
        checksum = tail.ljust(8, b"\0") == inflated.checksum
        kind = "bytes of a checksum" if checksum else "foreign bytes"
        what = f"{rest} {kind} follow the deflated data set"
        problems.append(Problem(inflated.end, what, damage=not checksum))
    elif rest > 1:  # PS3.5 A.5: one null byte may pad the stream to an even length
        what = f"{rest} zero bytes follow the deflated data set"
        problems.append(Problem(inflated.end, what, damage=False))
    encoding = _check(inflated, 0, EXPLICIT_LITTLE, problems)
    return replace(header, source=inflated, start=0, encoding=encoding, deflated=True)


def _glanced(source: Source, name: str, header: Header) -> Header:
    """Read the beginning of a deflated data set, without a word on how it goes on."""
    beginning = BytesSource(source.read(0, header.start + WINDOW))
    problems = list(header.problems)
    found = _deflated(beginning, name, _MOST_OF_A_WINDOW, header)
    return replace(found, problems=problems)


def _check(source: Source, start: int, declared: Encoding, problems: list[Problem]) -> Encoding:
    """Hold what the header declares against the first elements."""
    if start >= source.size or _fits(source, start, declared, declared=True):
        return declared
    fitting = (other for other in _CANDIDATES if _fits(source, start, other))
    rare = (
        other
        for other in (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
        if _fits(source, start, other, declared=True)
    )
    real = next(chain(fitting, rare), declared)
    if real is not declared:
        announced, found = ENCODING_NAMES[declared], ENCODING_NAMES[real]
        why = f"the header announces {announced}, the data set is {found}"
        problems.append(Problem(start, why, damage=False))
    return real


def _fits(source: Source, start: int, encoding: Encoding, *, declared: bool = False) -> bool:
    """Tell whether the first elements make sense in an encoding.

    What the header declares needs less to be believed: any group, a single element. An element
    with a VR that is none speaks against explicit VR only where it is not alone.
    """
    big = encoding.big_endian
    base, block = source.window(start, LONGEST_HEADER * _TRIAL_ELEMENTS)
    left, at, last = source.size - start, start - base, -1
    seen = odd = 0
    while seen + odd < _TRIAL_ELEMENTS and left >= ITEM_HEADER:
        header = block[at : at + LONGEST_HEADER]
        if len(header) < min(LONGEST_HEADER, left):
            break  # behind the window
        if not header.strip(b"\0") and seen:
            break  # zeros behind the data set
        group, number = TAGS[big](header)
        tag = group << 16 | number
        if tag <= last or not (declared or group in _TRIAL_GROUPS):
            return False
        if encoding.implicit:
            vr, length, size = "", LONG[big](header, 4)[0], ITEM_HEADER
        else:
            vr, length, size = explicit_header(header, left, big_endian=big)
        if length == UNDEFINED:
            return _is_item(block[at + size : at + size + 4], encoding, vr)
        if length > left - size:
            return False
        odd += vr == "??"
        seen += vr != "??"
        at, left, last = at + size + length, left - size - length, tag
    return seen > odd and (declared or seen > 1 or left == 0)


def _is_item(following: bytes, encoding: Encoding, vr: str) -> bool:
    """Tell whether an undefined length is followed by what must follow it."""
    if len(following) < 4:  # noqa: PLR2004 - behind the window
        return True
    # PS3.5 6.2.2: what an UN holds is little endian wherever it is
    group, number = TAGS[encoding.big_endian and vr != "UN"](following)
    return group << 16 | number in (ITEM, SEQUENCE_END)

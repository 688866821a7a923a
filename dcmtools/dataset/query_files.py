"""Take the keys of a query out of a DICOM file, such as `dump2dcm` makes them for `findscu`."""

from collections.abc import Iterator
from pathlib import Path

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.charset import SURROGATE
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import ITEM, SPECIFIC_CHARACTER_SET, Element
from dcmtools.dataset.path import EXACT, Node, TagPath, format_tag
from dcmtools.dataset.query_keys import Key
from dcmtools.dataset.read import DicomFile, open_dicom
from dcmtools.dataset.text import printed_numbers
from dcmtools.errors import InputError

_OWNED = 0xFFFF00FF
_FIRST_GROUP = 0x0008
_LAST_BLOCK = 0xFF  # of private elements, PS3.5 7.8.1
_UNKNOWN_VRS = frozenset({"UN", "??"})


def read_query_file(path: str | Path, *, charset: str = "") -> tuple[Key, ...]:
    """Read the keys of a query file.

    Parameters
    ----------
    path : str or Path
        The file; ``-`` is standard input.
    charset : str
        The Specific Character Set to assume where the file names none.

    Returns
    -------
    tuple of Key
        A key for each element, in file order, those of sequences by their path; a sequence without
        elements is a key itself. Group lengths and what is before group 0008 are left out. Text is
        decoded; Specific Character Set (0008,0005) is a key too, so that the query is sent in the
        set of the file.

    Raises
    ------
    InputError
        The file cannot be read, or was not read to its end; or a value in it cannot be a key: a
        binary one, text that is not in its character set, a sequence of several items.
    NotDicomError
        The content is not DICOM.
    """
    with open_dicom(path, charset=charset) as file:
        if file.header.is_directory:
            raise InputError(str(path), "is a DICOMDIR, which holds no keys")
        keys = tuple(_keys(file))
        if file.damage is not None:
            raise InputError(str(path), f"is damaged: {file.damage}", "Make the query file anew.")
    return keys


def _keys(file: DicomFile) -> Iterator[Key]:
    empty: Key | None = None  # a sequence that has shown no element so far
    for element in file.elements():
        tag, level = element.tag, element.level
        if tag == ITEM and level.index and level.parent is not None:
            why = f"{describe(level.sequence)} has several items, and a query has one in each"
            raise InputError(str(file.path), why)
        if not element.vr or _is_left_out(element):
            continue
        if empty is not None and level.depth < len(empty.path.nodes):
            yield empty
        empty = None
        path = _path(element)
        if element.vr == "SQ":
            empty = Key(path)
        else:
            yield Key(path, _value(file, element), _own_vr(element))
    if empty is not None:
        yield empty


def _is_left_out(element: Element) -> bool:
    """Tell whether an element is none of a query, or only reserves a block, as paths do too."""
    tag, number = element.tag, element.tag & 0xFFFF
    if not number or tag >> 16 < _FIRST_GROUP:
        return True
    if element.level.depth and tag == SPECIFIC_CHARACTER_SET:
        return True
    return bool(tag & PRIVATE_GROUP) and number <= _LAST_BLOCK


def _path(element: Element) -> TagPath:
    steps = [(step.tag, step.creator) for step in element.level.steps()]
    steps.append((element.tag, element.level.creator(element.tag)))
    return TagPath(tuple(_node(tag, creator) for tag, creator in steps))


def _node(tag: int, creator: str) -> Node:
    return Node(tag & _OWNED, _OWNED, creator) if creator else Node(tag, EXACT)


def _own_vr(element: Element) -> str:
    """Give the VR that only the file tells."""
    tag, vr = element.tag, element.vr
    creator = element.level.creator(tag)
    entry = dictionary.lookup_private(creator, tag) if creator else dictionary.lookup(tag)
    return vr if entry is None and vr not in _UNKNOWN_VRS else ""


def _value(file: DicomFile, element: Element) -> str:
    vr, level = element.vr, element.level
    if not element.length:
        return ""
    if vr in values.BINARY_VRS - _UNKNOWN_VRS or element.is_container:
        raise _refused(file, element, "is binary, which cannot be matched")
    raw = file.value(element)
    if vr in values.TEXT_VRS or vr in _UNKNOWN_VRS:
        found = values.text(raw, vr, level.charset)
        if SURROGATE.search(found):
            raise _refused(file, element, "has bytes that are not text in its character set")
        return found
    big_endian = level.encoding.big_endian
    if values.is_cut(raw, vr):
        raise _refused(file, element, f"has {len(raw)} bytes, which are not whole numbers")
    if vr == "AT":
        return "\\".join(map(format_tag, values.tags(raw, big_endian=big_endian)))
    return "\\".join(printed_numbers(vr, raw, big_endian=big_endian))


def _refused(file: DicomFile, element: Element, why: str) -> InputError:
    hint = (
        "A query file holds what is to be matched, and empty elements for what is to be returned."
    )
    return InputError(str(file.path), f"{describe(element.tag)} {why}", hint)

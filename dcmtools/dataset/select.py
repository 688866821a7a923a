"""Choose elements by tag path, and leave out private ones or those too deep.

A path of one node names the element wherever it occurs. For one value a file (`first_values`), it
means the element of the data set itself, and what sequences hold only where there is none: then
the file is read no further than to the last attribute that is asked for.
"""

from collections.abc import Iterable, Iterator, Sequence

from dcmtools.dataset import dictionary
from dcmtools.dataset.charset import is_known
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.element_header import LONG, LONGEST_HEADER, SHORT
from dcmtools.dataset.elements import (
    ITEM,
    ITEM_END,
    LONG_VRS,
    SEQUENCE_END,
    SHORT_VRS,
    SPECIFIC_CHARACTER_SET,
    Element,
    Level,
)
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.read import DicomFile


def selected(
    elements: Iterable[Element], paths: Sequence[TagPath], *, ancestors: bool = False
) -> Iterator[Element]:
    """Choose the elements that a path names, sequences with all they hold.

    Parameters
    ----------
    elements : iterable of Element
        A whole walk.
    paths : sequence of TagPath
        What to choose.
    ancestors : bool
        Whether to give the sequences above an element too, with all their items up to its own, so
        that the place of each is kept.
    """
    inside = 0  # sequences open below a chosen one
    pixels = False  # in encapsulated pixel data that is not chosen
    pending: list[Element] = []
    opened: list[int] = []  # the place in `pending` of each sequence that is open, -1 once given
    for element in elements:
        starts = element.is_container
        if inside:
            yield element
            inside += 1 if starts else -1 if element.tag == SEQUENCE_END else 0
            continue
        if element.is_fragment or (element.tag == SEQUENCE_END and pixels):
            pixels = element.is_fragment
            continue
        if element.vr == "":
            if not ancestors:
                continue
            if element.tag != SEQUENCE_END:
                pending.append(element)
                continue
            place = opened.pop()
            if place < 0:
                yield from pending
                yield element
                pending.clear()
            else:
                del pending[place:]
            continue
        if any(_names(path, element) for path in paths):
            yield from pending
            pending.clear()
            opened = [-1] * len(opened)
            yield element
            inside = int(starts)
        elif starts and element.vr != "SQ":
            pixels = True
        elif starts and ancestors:
            opened.append(len(pending))
            pending.append(element)


def _names(path: TagPath, element: Element) -> bool:
    """Tell whether a path names an element; one of a single node does so at any depth."""
    tag, level, above = element.tag, element.level, len(path.nodes) - 1
    if above and level.depth != above:
        return False  # before the way down is looked at, which may be long
    creator = level.creator(tag)
    return path.matches(tag, creator, level.steps() if above else (), anywhere=True)


def without_private(elements: Iterable[Element]) -> Iterator[Element]:
    """Leave out private elements and all they hold."""
    hidden = 0  # sequences open below a private one
    for element in elements:
        if hidden:
            hidden += 1 if element.is_container else -1 if element.tag == SEQUENCE_END else 0
        elif element.vr and element.tag & PRIVATE_GROUP:
            hidden = int(element.is_container)
        else:
            yield element


def without_group_lengths(elements: Iterable[Element]) -> Iterator[Element]:
    """Leave out group lengths (PS3.5 7.2), which the models of the standard do not hold."""
    return (
        element
        for element in elements
        if element.tag & 0xFFFF or not element.vr or element.is_container
    )


def to_depth(elements: Iterable[Element], depth: int) -> Iterator[Element]:
    """Leave out what items hold that are nested deeper than `depth`; the items stay, empty."""
    return (
        element
        for element in elements
        if element.level.depth <= depth
        or (element.level.depth == depth + 1 and element.tag in (ITEM, ITEM_END))
    )


# One value a file


def first_values(file: DicomFile, paths: Sequence[TagPath]) -> list[list[Element]]:
    """Find what each path names: the element of the data set itself, else those in sequences.

    Parameters
    ----------
    file : DicomFile
        The file; it is read no further than needed.
    paths : sequence of TagPath
        What to find.

    Returns
    -------
    list of list of Element
        The elements for each path, in file order.
    """
    plain = [path.plain_tag for path in paths]
    if None not in plain:
        skimmed = _skim(file, {tag for tag in plain if tag is not None})
        if skimmed is not None:
            return [[skimmed[tag]] for tag in plain if tag is not None]
    return _walk(file, paths)


def _walk(file: DicomFile, paths: Sequence[TagPath]) -> list[list[Element]]:
    own: list[list[Element]] = [[] for _ in paths]
    nested: list[list[Element]] = [[] for _ in paths]
    last = max(path.last_tag for path in paths)
    for element in _chain(file):
        if element.vr == "" or element.is_fragment:
            continue
        level = element.level
        if not level.depth and element.tag > last and all(own):
            break
        for number, path in enumerate(paths):
            if _names(path, element):
                found = own if not level.depth or len(path.nodes) > 1 else nested
                found[number].append(element)
    return [mine or others for mine, others in zip(own, nested, strict=True)]


def _chain(file: DicomFile) -> Iterator[Element]:
    yield from file.meta
    yield from file.elements()


_short, _long = SHORT[False], LONG[False]
_HEADERS: dict[bytes, tuple[int, str, bool]] = {}
_MOST_HEADERS = 50_000


def _skim(file: DicomFile, wanted: set[int]) -> dict[int, Element] | None:
    """Find attributes of the data set itself by the lengths of those before them.

    Gives up, with None, at whatever is not plain, in order and inside the first window.
    """
    header = file.header
    implicit, big = header.encoding
    if big or header.problems:
        return None
    found = {element.tag: element for element in header.meta if element.tag in wanted}
    targets = wanted - found.keys()
    final = max(targets, default=0)
    level = Level(header.encoding)
    level.charset = file.charset
    base, block = header.source.window(header.start, 1)
    at, bound, last = header.start - base, len(block), -1
    room = bound - LONGEST_HEADER
    while last < final and at <= room:
        key = block[at : at + 6]
        tag, vr, long_form = _HEADERS.get(key) or _header(key)
        if implicit:
            value_at = at + 8
            behind = value_at + _long(block, at + 4)[0]
        elif long_form:
            value_at = at + 12
            behind = value_at + _long(block, at + 8)[0]
        else:
            value_at = at + 8
            behind = value_at + _short(block, at + 6)[0]
        if tag <= last or behind > bound or not (vr or implicit):
            return None
        if tag in targets or tag == SPECIFIC_CHARACTER_SET:
            value = block[value_at:behind]
            if tag == SPECIFIC_CHARACTER_SET:
                level.charset = value if value.strip(b" \0") else file.charset
                if not is_known(value):
                    return None  # the walk warns of it
            if implicit:
                entry = dictionary.lookup(tag)
                vr = entry.vr if entry else "UN"
            if vr in ("SQ", "UN") or " " in vr:
                return None
            if tag in targets:
                length = behind - value_at
                found[tag] = Element(tag, vr, length, base + at, base + value_at, value, level)
        last, at = tag, behind
    doubled = at <= room and _header(block[at : at + 6])[0] == last
    return found if len(found) == len(wanted) and not doubled else None


def _header(key: bytes) -> tuple[int, str, bool]:
    """Read tag and VR of a header and remember them, the common ones."""
    tag = int.from_bytes(key[:2], "little") << 16 | int.from_bytes(key[2:4], "little")
    vr = key[4:]
    known = vr in SHORT_VRS or vr in LONG_VRS
    entry = (tag, vr.decode() if known else "", vr in LONG_VRS)
    if known and len(_HEADERS) < _MOST_HEADERS:
        _HEADERS[key] = entry
    return entry

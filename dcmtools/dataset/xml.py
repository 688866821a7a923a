"""Print a data set in the Native DICOM Model (PS3.19 Annex A.1), an XML document."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape as escape_markup  # xml.sax imports the whole of urllib
from re import Match
from re import compile as pattern

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.bulk import Bulk, ModelOptions, is_bulk
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import ITEM, ITEM_END, Element
from dcmtools.dataset.json import PERSON_NAME_GROUPS
from dcmtools.dataset.text import Load, printed_numbers
from dcmtools.escape import escape

_FORBIDDEN = pattern("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_UNSEEN = pattern("[\r\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n'
"""What a document starts with, before its root."""

_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def xml_blocks(elements: Iterable[Element], load: Load, options: ModelOptions) -> Iterator[str]:
    """Write one data set as one XML document, an attribute a piece.

    Parameters
    ----------
    elements : iterable of Element
        A walk, or a selection with its ancestors.
    load : Load
        Reads the values that the elements do not carry.
    options : ModelOptions
        What becomes of bulk data.
    """
    opened: list[Element] = []
    yield (
        f"{PROLOG}"
        '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"'
        ' xml:space="preserve">\n'
    )
    for element in elements:
        tag, vr, length, _, _, value, level = element
        if not vr:
            if tag == ITEM:
                yield f'<Item number="{level.index + 1}">\n'
            elif tag == ITEM_END:
                yield "</Item>\n"
            else:
                first = opened.pop()
                if first.vr != "SQ":
                    yield _bulk(first, element.offset - first.value_offset, load, options)
                yield "</DicomAttribute>\n"
        elif tag == ITEM:
            continue
        elif element.is_container:
            opened.append(element)
            yield _start(element)
        elif is_bulk(vr, length, options.bulk_size):
            yield f"{_start(element)}{_bulk(element, length, load, options)}</DicomAttribute>\n"
        else:
            raw = load(element) if value is None else value
            yield f"{_start(element)}{''.join(_values(element, raw))}</DicomAttribute>\n"
    yield "</NativeDicomModel>\n"


def _start(element: Element) -> str:
    tag, level = element.tag, element.level
    cut = element.value is not None and values.is_cut(element.value, element.vr)
    vr = "UN" if element.vr == "??" or cut else element.vr
    creator = level.creator(tag) if tag & PRIVATE_GROUP else ""
    if creator:  # the block is a matter of the file, not of the model
        owner = f' privateCreator="{escape_markup(escape(creator))}"'
        return f'<DicomAttribute tag="{tag & 0xFFFF00FF:08X}" vr="{vr}"{owner}>\n'
    entry = None if tag & PRIVATE_GROUP else dictionary.lookup(tag)
    keyword = f' keyword="{entry.keyword}"' if entry and entry.keyword else ""
    return f'<DicomAttribute tag="{tag:08X}" vr="{vr}"{keyword}>\n'


def _values(element: Element, raw: bytes) -> Iterator[str]:
    vr, level = element.vr, element.level
    big_endian = level.encoding.big_endian
    if not raw:
        return
    if vr in values.BINARY_VRS or values.is_cut(raw, vr):
        yield _inline(raw, vr, big_endian=big_endian)
        return
    if vr == "PN":
        for number, name in enumerate(values.texts(raw, vr, level.charset), 1):
            yield f'<PersonName number="{number}">\n{_person_name(name)}</PersonName>\n'
        return
    if vr == "AT":
        printed = [f"{tag:08X}" for tag in values.tags(raw, big_endian=big_endian)]
    elif values.is_number(vr):
        printed = printed_numbers(vr, raw, big_endian=big_endian)
    else:
        printed = values.texts(raw, vr, level.charset)
    for number, text in enumerate(printed, 1):
        if text:
            yield f'<Value number="{number}">{_markup(text)}</Value>\n'


def _markup(text: str) -> str:
    """Escape text for XML; what it cannot hold, some control characters among it, is U+FFFD."""
    if text.isprintable():
        return escape_markup(text)
    return _UNSEEN.sub(_reference, escape_markup(_FORBIDDEN.sub("\ufffd", text)))


def _reference(match: Match[str]) -> str:
    return f"&#{ord(match[0])};"


def _person_name(name: str) -> str:
    groups = zip(PERSON_NAME_GROUPS, name.split("="), strict=False)
    return "".join(
        f"<{label}>\n{_components(group)}</{label}>\n" for label, group in groups if group
    )


def _components(group: str) -> str:
    parts = zip(_COMPONENTS, group.split("^"), strict=False)
    return "".join(f"<{label}>{_markup(part)}</{label}>\n" for label, part in parts if part)


def _inline(raw: bytes, vr: str, *, big_endian: bool) -> str:
    turned = values.little_endian(raw, vr) if big_endian else raw
    return f"<InlineBinary>{b64encode(turned).decode()}</InlineBinary>\n"


def _bulk(element: Element, length: int, load: Load, options: ModelOptions) -> str:
    if options.bulk is Bulk.OMIT:
        return ""
    if options.bulk is Bulk.URI:
        return f'<BulkData uri="{escape_markup(options.uri_of(element, length))}"/>\n'
    raw = load(element._replace(length=length))
    big_endian = element.level.encoding.big_endian
    return _inline(raw, element.vr, big_endian=big_endian)

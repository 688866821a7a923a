"""Print data sets in the DICOM JSON model (PS3.18 Annex F), or as plain keywords and values.

The document is put together piece by piece from the walk, so that neither the depth nor the size
of a data set can exhaust anything. Text is UTF-8, and Specific Character Set says so.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii
from math import isfinite, isnan
from re import compile as pattern

from dcmtools.dataset import values
from dcmtools.dataset.bulk import Bulk, ModelOptions, is_bulk
from dcmtools.dataset.charset import SURROGATE
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED,
    Element,
)
from dcmtools.dataset.path import EXACT, Node, format_tag
from dcmtools.dataset.text import Load
from dcmtools.escape import escape

PERSON_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

_INTEGER = pattern(r"[-+]?[0-9]{1,40}")
_REAL = pattern(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,5})?")
_NUMBER = pattern(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_MOST_REMEMBERED = 80


def json_document(elements: Iterable[Element], load: Load, options: ModelOptions) -> str:
    """Write one data set as one JSON object, on one line.

    Parameters
    ----------
    elements : iterable of Element
        A walk, or a selection with its ancestors.
    load : Load
        Reads the values that the elements do not carry.
    options : ModelOptions
        How values are written.
    """
    return "".join(_pieces(elements, load, options))


def _pieces(elements: Iterable[Element], load: Load, options: ModelOptions) -> Iterator[str]:
    simple = options.simple
    member = _simple_member if simple else _model_member
    seen: list[set[str]] = [set()]
    opened: list[Element] = []
    skipped = 0  # sequences open below an element that is there twice
    yield "{"
    for element in elements:
        tag, vr, length, _, _, value, level = element
        if skipped:
            skipped += 1 if element.is_container else -1 if tag == SEQUENCE_END else 0
            continue
        if not vr:
            if tag == ITEM:
                yield "{" if not level.index else ",{"
                seen.append(set())
            elif tag == ITEM_END:
                yield "}"
                seen.pop()
            else:
                first = opened.pop()
                length = element.offset - first.value_offset
                if first.vr != "SQ":
                    yield _reference(first, length, load, options)
                else:
                    yield "]" if simple else "]}"
            continue
        if tag == ITEM:
            continue
        key = _key(tag, level.creator(tag) if tag & PRIVATE_GROUP else "", simple)
        if simple and key in seen[-1]:
            key = format_tag(tag)  # a creator may have two blocks
        if key in seen[-1]:
            options.notes.append(f"{describe(tag)} is left out where it is there twice")
            skipped = int(element.is_container)
            continue
        comma = "," if seen[-1] else ""
        seen[-1].add(key)
        if vr == "SQ":
            opened.append(element)
            yield f"{comma}{encode_basestring(key)}:" + ("[" if simple else '{"vr":"SQ","Value":[')
        elif length == UNDEFINED:
            opened.append(element)
            yield f"{comma}{encode_basestring(key)}:"
        elif is_bulk(vr, length, options.bulk_size) and options.bulk is not Bulk.INLINE:
            yield f"{comma}{encode_basestring(key)}:{_reference(element, length, load, options)}"
        else:
            raw = load(element) if value is None else value
            render = member if len(raw) <= _MOST_REMEMBERED else member.__wrapped__
            charset = level.charset
            yield comma + render(key, tag, vr, raw, charset, level.encoding.big_endian)
    yield "}"


@lru_cache(maxsize=8192)
def _key(tag: int, creator: str, simple: bool) -> str:  # noqa: FBT001 - positional for the cache
    if not simple:
        return f"{tag:08X}"
    if creator:
        return escape(str(Node(tag & 0xFFFF00FF, 0xFFFF00FF, creator)))
    return str(Node(tag, EXACT))


@lru_cache(maxsize=1 << 15)
def _model_member(  # noqa: PLR0913, PLR0917 - all that a member depends on
    key: str,
    tag: int,
    vr: str,
    raw: bytes,
    charset: bytes,
    big_endian: bool,  # noqa: FBT001 - positional for the sake of the cache
) -> str:
    vr = "UN" if vr == "??" or values.is_cut(raw, vr) else vr
    if not raw:
        return f'"{key}":{{"vr":"{vr}"}}'
    if vr in values.BINARY_VRS:
        return f'"{key}":{{"vr":"{vr}","InlineBinary":"{_base64(vr, raw, big_endian)}"}}'
    if tag == SPECIFIC_CHARACTER_SET:
        return f'"{key}":{{"vr":"CS","Value":["ISO_IR 192"]}}'
    tokens = [_name_token(name) for name in values.texts(raw, vr, charset)] if vr == "PN" else None
    if tokens is None:
        tokens = _tokens(vr, raw, charset, big_endian)
    if not tokens:
        return f'"{key}":{{"vr":"{vr}"}}'
    return f'"{key}":{{"vr":"{vr}","Value":[{",".join(tokens)}]}}'


@lru_cache(maxsize=1 << 15)
def _simple_member(  # noqa: PLR0913, PLR0917
    key: str,
    tag: int,  # noqa: ARG001 - the same call as for the model
    vr: str,
    raw: bytes,
    charset: bytes,
    big_endian: bool,  # noqa: FBT001
) -> str:
    name = encode_basestring(key)
    vr = "UN" if values.is_cut(raw, vr) else vr
    if not raw:
        return f"{name}:null"
    if vr in values.BINARY_VRS:
        return f'{name}:"{_base64(vr, raw, big_endian)}"'
    tokens = _tokens(vr, raw, charset, big_endian) or ["null"]
    return f"{name}:{tokens[0]}" if len(tokens) == 1 else f"{name}:[{','.join(tokens)}]"


def _tokens(vr: str, raw: bytes, charset: bytes, big_endian: bool) -> list[str]:  # noqa: FBT001
    """Write each value of an element as JSON (PS3.18 Table F.2.3-1)."""
    if vr == "AT":
        return [f'"{tag:08X}"' for tag in values.tags(raw, big_endian=big_endian)]
    if vr in ("FL", "FD"):
        return [_float(number, vr) for number in values.numbers(raw, vr, big_endian=big_endian)]
    if values.is_number(vr):
        return [str(number) for number in values.numbers(raw, vr, big_endian=big_endian)]
    numeric = vr in ("DS", "IS")
    return [
        (_decimal(text, vr) if numeric else string(text)) if text else "null"
        for text in values.texts(raw, vr, charset)
    ]


def string(text: str) -> str:
    """Write a JSON string that changes nothing on a terminal.

    Bytes that the character set does not know become U+FFFD: an escape of ours would hold a
    backslash, which ends a value in DICOM.
    """
    if text.isprintable():
        return encode_basestring(text)
    return encode_basestring_ascii(SURROGATE.sub("\ufffd", text))


def _decimal(text: str, vr: str) -> str:
    """Write the number of an IS or DS; what is none becomes a string."""
    if vr == "IS":
        return str(int(text)) if _INTEGER.fullmatch(text) else string(text)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text.removeprefix("+"))
    spelt = sign + (digits.lstrip("0") if digits[:2].isdigit() else digits)
    if not _REAL.fullmatch(text) or not isfinite(float(text)):
        return string(text)
    return spelt if _NUMBER.fullmatch(spelt) else repr(float(text))


def _float(number: float, vr: str) -> str:
    if isfinite(number):
        return values.single(number) if vr == "FL" else repr(number)
    return '"NaN"' if isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'


def _name_token(name: str) -> str:
    """Write a person name by its component groups (PS3.5 6.2.1.2)."""
    groups = name.split("=")[: len(PERSON_NAME_GROUPS)]
    members = [
        f'"{label}":{string(group)}'
        for label, group in zip(PERSON_NAME_GROUPS, groups, strict=False)
        if group
    ]
    return f"{{{','.join(members)}}}" if members else "null"


def _base64(vr: str, raw: bytes, big_endian: bool) -> str:  # noqa: FBT001
    return b64encode(values.little_endian(raw, vr) if big_endian else raw).decode()


def _reference(element: Element, length: int, load: Load, options: ModelOptions) -> str:
    """Write bulk data as `ModelOptions.bulk` says."""
    kind = "InlineBinary"
    if options.bulk is Bulk.OMIT:
        content = ""
    elif options.bulk is Bulk.URI:
        content, kind = options.uri_of(element, length), "BulkDataURI"
    else:
        content = b64encode(load(element._replace(length=length))).decode()
    if options.simple:
        return f'"{content}"' if content else "null"
    if not content:
        return f'{{"vr":"{element.vr}"}}'
    return f'{{"vr":"{element.vr}","{kind}":{encode_basestring(content)}}}'

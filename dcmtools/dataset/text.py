"""Print elements line by line, in the layout that `dcmdump` made known.

``(gggg,eeee) VR [value]   # length, VM Keyword``, two spaces a level, one element a line, whatever
its value holds. A line depends on nothing but the element, so lines are remembered: the files of a
series repeat most of theirs.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.bulk import DEFAULT_BULK_SIZE, is_bulk
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import ITEM, SEQUENCE_END, UNDEFINED, Element
from dcmtools.dataset.path import format_tag
from dcmtools.escape import escape

NOT_LOADED = "(not loaded)"

_BLOCK = 256
_WIDEST_MARGIN = 256  # columns: no eye follows sequences deeper, and the output would be all margin
_VALUE_WIDTH = 40


@dataclass(frozen=True, slots=True)
class TextOptions:
    """What a value looks like.

    Parameters
    ----------
    uid_names : bool
        Whether a UID that the standard defines is shown as ``=Keyword``.
    width : int
        The most characters of a value; 0 for all.
    bulk_size : int or None
        The bytes above which a binary value is only named; None to print it whole.
    """

    uid_names: bool = True
    width: int = 0
    bulk_size: int | None = DEFAULT_BULK_SIZE


Load = Callable[[Element], bytes]
"""Reads a value from the file: `DicomFile.value`."""


def text_blocks(elements: Iterable[Element], load: Load, options: TextOptions) -> Iterator[str]:
    """Print elements, some hundred lines at a time.

    Parameters
    ----------
    elements : iterable of Element
        The elements; what a sequence holds follows it.
    load : Load
        Reads the values that the elements do not carry.
    options : TextOptions
        What values look like.

    Yields
    ------
    str
        Whole lines, each with its newline.
    """
    lines: list[str] = []
    opened: list[tuple[int, Element, str]] = []
    counts = [0]
    margin = ""
    uid_names, width, bulk_size = options.uid_names, options.width, options.bulk_size
    for element in elements:
        tag, vr, length, _, _, value, level = element
        if not vr:
            if tag == ITEM:
                counts[-1] += 1
                opened.append((len(lines), element, margin))
                counts.append(0)
                lines.append("")
                margin = (margin + "  ")[:_WIDEST_MARGIN]
            else:
                at, first, margin = opened.pop()
                lines[at] = margin + _opening(first, counts.pop())
                lines.append(margin + _ending(element))
            continue
        if not opened and len(lines) > _BLOCK:
            lines.append("")
            yield "\n".join(lines)
            lines.clear()
        counts[-1] += 1
        if vr == "SQ" or length == UNDEFINED:
            opened.append((len(lines), element, margin))
            counts.append(0)
            lines.append("")
            margin = (margin + "  ")[:_WIDEST_MARGIN]
            continue
        if value is None or (vr in values.BINARY_VRS and bulk_size is not None):
            if is_bulk(vr, length, bulk_size):
                value = None
            elif value is None:
                value = load(element)
        creator = level.creator(tag) if tag & PRIVATE_GROUP else ""
        render = _line if value is None or len(value) <= _VALUE_WIDTH * 2 else _fresh_line
        line = render(
            tag,
            vr,
            length,
            value,
            level.charset,
            level.encoding.big_endian,
            creator,
            uid_names,
            width,
        )
        lines.append(margin + line if margin else line)
    if lines:
        lines.append("")
        yield "\n".join(lines)


def _fresh_line(  # noqa: PLR0913, PLR0917 - all that a line depends on
    tag: int,
    vr: str,
    length: int,
    value: bytes | None,
    charset: bytes,
    big_endian: bool,  # noqa: FBT001 - positional for the sake of the cache
    creator: str,
    uid_names: bool,  # noqa: FBT001
    width: int,
) -> str:
    if value is None:
        shown, count = NOT_LOADED, 1
    else:
        shown, count = value_text(vr, value, charset, big_endian=big_endian, uid_names=uid_names)
    if width and len(shown) > width:
        shown = shown[: max(width - 3, 0)] + "..."
    if tag == ITEM:
        vr = "pi"
    label = name(tag, creator)
    return f"{format_tag(tag)} {vr} {shown:<{_VALUE_WIDTH}} # {length:3d},{count:2d} {label}"


_line = lru_cache(maxsize=1 << 15)(_fresh_line)


def value_of(element: Element, load: Load, bulk_size: int | None) -> str:
    """Print the bare value of one element, as a cell of a table: no brackets, no names of UIDs."""
    _, vr, length, _, _, value, level = element
    if element.is_container:
        return "(sequence)" if vr == "SQ" else NOT_LOADED
    if is_bulk(vr, length, bulk_size):
        return NOT_LOADED
    raw = load(element) if value is None else value
    if not raw:
        return ""
    if vr in values.TEXT_VRS:
        return escape(values.text(raw, vr, level.charset))
    big_endian = level.encoding.big_endian
    return value_text(vr, raw, level.charset, big_endian=big_endian, uid_names=False)[0]


def name(tag: int, creator: str) -> str:
    """Give the keyword of an attribute, or what is printed in its place."""
    entry = dictionary.lookup(tag)
    if entry is None and creator:
        entry = dictionary.lookup_private(creator, tag)
    if tag == ITEM:
        return "Item"
    return (entry and (entry.keyword or entry.name)) or "Unknown Tag & Data"


def value_text(
    vr: str, raw: bytes, charset: bytes, *, big_endian: bool, uid_names: bool
) -> tuple[str, int]:
    """Print a value.

    Parameters
    ----------
    vr : str
        The VR.
    raw : bytes
        The whole value.
    charset : bytes
        The Specific Character Set in force.
    big_endian : bool
        Whether binary values are.
    uid_names : bool
        Whether a UID that the standard defines is shown as ``=Keyword``.

    Returns
    -------
    tuple of str and int
        The value and its multiplicity.
    """
    if not raw:
        return values.NO_VALUE, 0 if vr not in values.BINARY_VRS else 1
    if vr in values.TEXT_VRS:
        decoded = values.text(raw, vr, charset)
        if not decoded:
            return values.NO_VALUE, 0
        count = 1 if vr in values.SINGLE_TEXT_VRS else decoded.count("\\") + 1
        known = dictionary.uid_keyword(decoded) if uid_names and vr == "UI" else ""
        return f"={known}" if known else f"[{escape(decoded)}]", count
    if values.is_cut(raw, vr):
        return raw.hex("\\"), 1
    if vr == "AT":
        found = values.tags(raw, big_endian=big_endian)
        return "\\".join(map(format_tag, found)), len(found)
    if vr == "OW":
        words = values.numbers(raw, "US", big_endian=big_endian)
        rest = f"\\{raw[-1]:02x}" if len(raw) % 2 else ""
        return "\\".join([f"{word:04x}" for word in words]) + rest, 1
    if values.is_number(vr):
        printed = printed_numbers(vr, raw, big_endian=big_endian)
        return "\\".join(printed), 1 if vr in values.BINARY_VRS else len(printed)
    return raw.hex("\\"), 1


def printed_numbers(vr: str, raw: bytes, *, big_endian: bool) -> list[str]:
    """Print binary numbers, each in the fewest digits that give it back."""
    found = values.numbers(raw, vr, big_endian=big_endian)
    if vr in ("FL", "OF"):
        return [values.single(number) for number in found]
    if vr in ("FD", "OD"):
        return [repr(number).removesuffix(".0") for number in found]
    return [str(number) for number in found]


def _opening(element: Element, count: int) -> str:
    """Print the line of a sequence, an item or encapsulated pixel data."""
    undefined = element.length == UNDEFINED
    how = "undefined" if undefined else "explicit"
    length = "u/l" if undefined else f"{element.length:3d}"
    if element.tag == ITEM:
        shown, vr, keyword = f"(Item with {how} length #={count})", "na", "Item"
    else:
        keyword = name(element.tag, element.level.creator(element.tag))
        vr = element.vr
        shown = (
            f"(Sequence with {how} length #={count})"
            if vr == "SQ"
            else f"(PixelSequence #={count})"
        )
    return f"{format_tag(element.tag)} {vr} {shown:<{_VALUE_WIDTH}} # {length}, 1 {keyword}"


def _ending(element: Element) -> str:
    sequence = element.tag == SEQUENCE_END
    keyword = "SequenceDelimitationItem" if sequence else "ItemDelimitationItem"
    shown = f"({keyword})"
    if element.offset == element.value_offset:  # no bytes: a length implies the end
        shown = f"({keyword} for re-encod{'.)' if sequence else 'ing)'}"
    return f"{format_tag(element.tag)} na {shown:<{_VALUE_WIDTH}} #   0, 0 {keyword}"

"""Describe elements one by one for a view that draws them itself, such as the tree."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dcmtools.dataset import dictionary
from dcmtools.dataset.bulk import is_bulk
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.elements import ITEM, ITEM_END, SEQUENCE_END, Element
from dcmtools.dataset.path import format_tag
from dcmtools.dataset.text import NOT_LOADED, Load, name, value_of

_LONGEST = 1024  # characters: no terminal is that wide


class ElementRow(NamedTuple):
    """An element, an item or a fragment, as a person reads it.

    `depth` counts what it is inside of, an item as one more; `tag` is "" for an item; `missing`
    says that `value` is no value but stands in the place of one.
    """

    depth: int
    tag: str
    vr: str
    label: str
    value: str
    private: bool = False
    missing: bool = False


def element_rows(
    elements: Iterable[Element], load: Load, bulk_size: int | None
) -> Iterator[ElementRow]:
    """Describe elements.

    Parameters
    ----------
    elements : iterable of Element
        A walk, or a selection with its ancestors.
    load : Load
        Reads the values that the elements do not carry.
    bulk_size : int or None
        The bytes above which a binary value is only named; None for all.
    """
    depth = 0
    for element in elements:
        tag, vr, length = element.tag, element.vr, element.length
        if tag in (SEQUENCE_END, ITEM_END):
            depth -= 1
        elif tag == ITEM and not vr:
            yield ElementRow(depth, "", "", f"item {element.level.index}", "")
            depth += 1
        elif tag == ITEM:
            yield ElementRow(depth, "", "", f"fragment, {length} bytes", "")
        else:
            yield _row(element, depth, load, bulk_size)
            depth += element.is_container


def _row(element: Element, depth: int, load: Load, bulk_size: int | None) -> ElementRow:
    tag, vr, length = element.tag, element.vr, element.length
    private = bool(tag & PRIVATE_GROUP)
    label = name(tag, element.level.creator(tag))
    if element.is_container:
        value, missing = "" if vr == "SQ" else "encapsulated", True
    elif is_bulk(vr, length, bulk_size):
        value, missing = f"{length} bytes", True
    else:
        value, missing = value_of(element, load, bulk_size)[:_LONGEST], False
        known = dictionary.uid_keyword(value) if vr == "UI" else ""
        if known:
            value = f"{value} ({known})"
        if not value or value == NOT_LOADED:
            value, missing = value or "(empty)", True
    return ElementRow(depth, format_tag(tag), vr, label, value, private, missing)

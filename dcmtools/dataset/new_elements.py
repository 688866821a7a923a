"""Make the elements that an edit puts into a data set, with the sequences and items around them.

The VR is that which the file has already, else that of the dictionary, and where that leaves a
choice the data set decides (PS3.5 A.1).
"""

from dcmtools.dataset import dictionary
from dcmtools.dataset.assignments import Target, Wanted
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.element_bytes import encode_element, encode_item
from dcmtools.dataset.elements import PIXEL_REPRESENTATION, Element, Encoding, Level
from dcmtools.dataset.new_values import check, encode
from dcmtools.errors import UsageError

_UNSURE = ("UN", "??")


def new_element(
    target: Target, level: Level, siblings: Wanted, existing: Element | None = None
) -> bytes:
    """Encode an element with its new value, or a sequence with new items.

    Parameters
    ----------
    target : Target
        What is wanted.
    level : Level
        The data set that holds it.
    siblings : Wanted
        What else is to be set there.
    existing : Element, optional
        The element whose place it takes.

    Raises
    ------
    UsageError
        The element cannot be made, or not have the value in this data set.
    """
    tag = target.node.tag if existing is None else existing.tag
    if existing is None and (target.node.creator or tag & PRIVATE_GROUP):
        why = f"{target.node} is private, and is not there; only what is there can be set"
        raise UsageError(str(target.path), why)
    if target.items:
        if existing is None and dictionary.lookup(tag) is None:
            why = f"{target.node} is not there, and the dictionary does not know it"
            raise UsageError(str(target.path), why)
        items = new_items(target, 0, level.encoding, level)
        return encode_element(tag, "SQ", items, level.encoding)
    vr, vm = _vr(target, tag, level, siblings, existing)
    value, encoding = target.value or "", level.encoding
    check(target.path, vr, vm, value)
    raw = encode(target.path, vr, value, level.charset, big_endian=encoding.big_endian)
    return encode_element(tag, vr, raw, encoding)


def new_items(target: Target, count: int, encoding: Encoding, level: Level) -> bytes:
    """Encode the items that a sequence does not have yet.

    Parameters
    ----------
    target : Target
        What is wanted in the sequence.
    count : int
        The items that there are.
    encoding : Encoding
        How items are encoded.
    level : Level
        The data set that holds the sequence.

    Raises
    ------
    UsageError
        An item would leave a gap, or something in it cannot be made.
    """
    content = b""
    for number in sorted(number for number in target.items if number >= count):
        if number != count:
            why = f"{target.node} has {count} items here, and the next is [{count}]"
            raise UsageError(str(target.path), why)
        wanted = target.items[number]
        inside = Level(encoding, level, target.node.tag, number)
        elements = [new_element(each, inside, wanted) for each in wanted.all()]
        content += encode_item(b"".join(elements), encoding)
        count += 1
    return content


def _vr(
    target: Target, tag: int, level: Level, siblings: Wanted, existing: Element | None
) -> tuple[str, str]:
    """Choose the VR; give the VM too, "" where it is not known."""
    creator = level.creator(tag)
    entry = dictionary.lookup_private(creator, tag) if creator else dictionary.lookup(tag)
    known = entry is not None and entry.vr not in _UNSURE
    if existing is not None and existing.vr not in _UNSURE:
        return existing.vr, entry.vm if entry else ""
    if entry is None or not known:
        there = "has no VR that is known" if existing is not None else "is not there"
        raise UsageError(str(target.path), f"{there}, and the dictionary does not know it")
    choices = entry.vr.replace("_", " or ").split(" or ")
    if len(choices) == 1 or "US" not in choices:
        return choices[-1], entry.vm
    representation = siblings.standard.get(PIXEL_REPRESENTATION)
    signed = level.signed if representation is None else representation.value == "1"
    return "SS" if signed and "SS" in choices else "US", entry.vm

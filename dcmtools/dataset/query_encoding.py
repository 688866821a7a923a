"""Encode the keys of a query: what each value becomes by its VR, and what is refused.

Nothing is corrected and nothing is lost: text is encoded in the character set of the query or not
at all, numbers must be in the range of their VR, and values that are matched as text (dates,
integer strings, UIDs ...) go out as they are, wildcards, ranges and lists included.
"""

from collections.abc import Iterable

from dcmtools.dataset import dictionary, new_numbers, values
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.new_text import check_characters, check_controls, encoded
from dcmtools.dataset.path import EXACT, Node, TagPath
from dcmtools.dataset.pydicom_bridge import Encodable, encode_data_set
from dcmtools.dataset.query_keys import Key
from dcmtools.errors import UsageError

_LONGEST = 0xFFFE  # bytes, of a value whose length takes two of them in explicit VR
_FIRST_BLOCK, _LAST_BLOCK = 0x10, 0xFF  # of private elements, PS3.5 7.8.1


def encode_keys(keys: Iterable[Key], charset: str, *, implicit: bool) -> bytes:
    """Encode keys as a data set in little endian.

    Parameters
    ----------
    keys : iterable of Key
        The keys, each path once; Specific Character Set (0008,0005) is one of them if it is to be
        sent. Elements of the same sequence go into its one item, and with a private creator into a
        block of its own.
    charset : str
        The Specific Character Set to encode text in, as PS3.3 C.12.1.1.2 spells it.
    implicit : bool
        Whether VRs are left out.

    Raises
    ------
    UsageError
        A value cannot be encoded.
    """
    members = _members([(key.path.nodes, key) for key in keys], charset)
    return encode_data_set(members, implicit=implicit)


def _members(placed: list[tuple[tuple[Node, ...], Key]], charset: str) -> tuple[Encodable, ...]:
    """Encode the elements of one data set: the nodes that still lead to each key, and the key."""
    blocks = _blocks(placed)
    found: dict[int, tuple[Node, list[tuple[tuple[Node, ...], Key]]]] = {}
    for (node, *rest), key in placed:
        tag = node.tag | blocks[node.tag >> 16, node.creator] << 8 if node.creator else node.tag
        found.setdefault(tag, (node, []))[1].append((tuple(rest), key))
    creators = {group << 16 | block: creator for (group, creator), block in blocks.items()}
    elements = [
        Encodable(tag, "LO", _text(TagPath((Node(tag),)), "LO", creator, charset))
        for tag, creator in creators.items()
    ]
    for tag, (node, inside) in found.items():
        if tag in creators:
            continue
        owner = node.creator or creators.get(tag >> 16 << 16 | (tag >> 8 & 0xFF), "")
        nested = [(rest, key) for rest, key in inside if rest]
        if nested:
            elements.append(Encodable(tag, "SQ", item=_members(nested, charset)))
        else:
            _, key = inside[-1]
            vr = _vr(tag, owner, key)
            elements.append(Encodable(tag, vr, _value(key.path, vr, key.value, charset)))
    return tuple(elements)


def _blocks(placed: list[tuple[tuple[Node, ...], Key]]) -> dict[tuple[int, str], int]:
    """Give each private creator a block of its group, or the one that a key names it for."""
    blocks: dict[tuple[int, str], int] = {}
    for nodes, key in placed:
        tag = nodes[0].tag
        if len(nodes) == 1 and nodes[0].mask == EXACT and _is_creator(tag) and key.value:
            blocks.setdefault((tag >> 16, key.value), tag & 0xFF)
    taken = {(group, block) for (group, _), block in blocks.items()}
    taken |= {
        (node.tag >> 16, node.tag >> 8 & 0xFF)
        for (node, *_), _ in placed
        if node.mask == EXACT and node.tag & PRIVATE_GROUP
    }
    for (node, *_), key in placed:
        owner = (node.tag >> 16, node.creator)
        if node.creator and owner not in blocks:
            free = range(_FIRST_BLOCK, _LAST_BLOCK + 1)
            block = next((block for block in free if (owner[0], block) not in taken), None)
            if block is None:
                raise UsageError(str(key.path), f"group {owner[0]:04x} has no free block")
            blocks[owner] = block
            taken.add((owner[0], block))
    return blocks


def _is_creator(tag: int) -> bool:
    return bool(tag & PRIVATE_GROUP) and _FIRST_BLOCK <= tag & 0xFFFF <= _LAST_BLOCK


def _vr(tag: int, creator: str, key: Key) -> str:
    """Choose the VR of an attribute; where the dictionary allows several, by the value."""
    entry = dictionary.lookup_private(creator, tag) if creator else dictionary.lookup(tag)
    vr = entry.vr if entry else key.vr or "UN"
    choices = vr.replace("_", " or ").split(" or ")  # a private one is spelled OB_OW
    if len(choices) == 1:
        return vr
    if "US" not in choices:
        return "OW"
    return "SS" if "SS" in choices and "-" in key.value else "US"


def _value(path: TagPath, vr: str, value: str, charset: str) -> bytes | list[int] | list[float]:
    if not value:
        return b""
    if vr == "SQ":
        hint = f"Name an element of its item: {path}[0].Element=VALUE."
        raise UsageError(str(path), "is a sequence and has no value itself", hint)
    if vr in new_numbers.WHOLE_VRS:
        return [_integer(path, vr, number) for number in value.split("\\")]
    if vr in new_numbers.REAL_VRS:
        return [_real(path, vr, number) for number in value.split("\\")]
    if vr == "AT":
        return [_tag(path, name) for name in value.split("\\")]
    if vr in values.TEXT_VRS or vr == "UN":
        return _text(path, vr, value, charset)
    hint = "Name it without a value, to have it returned."
    raise UsageError(str(path), f"is binary ({vr}) and cannot be matched", hint)


def _integer(path: TagPath, vr: str, text: str) -> int:
    number = new_numbers.integer(vr, text)
    if number is None:
        raise _not_a_number(path, vr, text)
    return number


def _real(path: TagPath, vr: str, text: str) -> float:
    number = new_numbers.real(vr, text)
    if number is None:
        raise _not_a_number(path, vr, text)
    return number


def _not_a_number(path: TagPath, vr: str, text: str) -> UsageError:
    hint = f"VR {vr} has {new_numbers.wanted_numbers(vr)}."
    return UsageError(str(path), f"'{text}' is not a value that it can have", hint)


def _tag(path: TagPath, text: str) -> int:
    try:
        return new_numbers.tag(text)
    except ValueError as error:
        raise UsageError(str(path), f"'{text}' is not a tag", str(error)) from error


def _text(path: TagPath, vr: str, value: str, charset: str) -> bytes:
    try:
        check_controls(vr, value)
    except ValueError as error:
        raise UsageError(str(path), str(error)) from error
    if value.isascii():
        raw = value.encode()
    elif vr in values.CHARSET_VRS or vr == "UN":
        raw = _encoded(path, vr, value, charset)
    else:
        raise UsageError(str(path), f"'{value}' has characters that VR {vr} does not know")
    raw += b"" if len(raw) % 2 == 0 else b"\0" if vr == "UI" else b" "
    if len(raw) > _LONGEST and vr not in ("UC", "UN", "UR", "UT"):
        why = f"has a value of {len(raw)} bytes, and VR {vr} holds {_LONGEST}"
        raise UsageError(str(path), why, "Ask for less at a time.")
    return raw


def _encoded(path: TagPath, vr: str, value: str, charset: str) -> bytes:
    try:
        check_characters(value)
    except ValueError as error:
        raise UsageError(str(path), f"'{value}' {error}") from error
    try:
        return encoded(value, charset, person_name=vr == "PN")
    except ValueError as error:
        hint = "Without a character set the query is in UTF-8, which has all characters."
        raise UsageError(str(path), str(error), hint) from error

r"""Decide how the text of a whole data set gets into another character set.

Text means the same before and after, at every depth, or nothing is changed. What is spelt the same
in both sets, plain ASCII above all, keeps its bytes. In the sets of JIS X 0201 the bytes 5C and 7E
are the yen sign and the overline (PS3.5 6.1.2, ISO-IR 14), but for the 5C between values.
"""

import re
from collections.abc import Iterator

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.charset import SURROGATE, decode, is_known, names
from dcmtools.dataset.element_bytes import LONGEST_SHORT
from dcmtools.dataset.elements import SHORT_VRS, SPECIFIC_CHARACTER_SET, UNDEFINED
from dcmtools.dataset.tree import DataSet, Node, Tree, is_creator
from dcmtools.errors import InputError, UsageError

_UNSURE = ("UN", "??")
_ALONE = ("ISO_IR 192", "GB18030", "GBK")
_NEVER_FIRST = tuple(f"ISO 2022 IR {number}" for number in (58, 87, 149, 159))
_EXTENSION = "ISO 2022 "

_ROMAN = ("ISO_IR 13", "ISO 2022 IR 13")
"""The sets whose initial G0 is ISO-IR 14, not ASCII (PS3.3 Table C.12-2, C.12-3)."""

_TO_ROMAN = b"\x1b(J"
_ROMAN_SIGNS = {0x5C: "\u00a5", 0x7E: "\u203e"}
_ROMAN_BYTES = re.compile(rb"[\x1b\\~]")
"""What ASCII text is looked at more closely for."""

_MARKS = re.compile(rb"\x1b\(.|\x1b\$(?:\(.|[^()])|[\\\r\n\t\f^=~]", re.DOTALL)
"""What designates another G0 (PS3.5 6.1.2.5), what ends that, and the overline."""

_PADDING = (" ", "\0")


def recode(tree: Tree, charset: str) -> None:
    r"""Put all text of a data set into another character set, and say so in (0008,0005).

    Text is what has the VR SH, LO, ST, LT, UC, UT or PN, in the file or, where that does not say,
    in the dictionary. Items that name a character set of their own name the new one.

    Parameters
    ----------
    tree : Tree
        The data set.
    charset : str
        The terms of the standard, such as ``ISO_IR 192`` or ``ISO 2022 IR 6\ISO 2022 IR 87``
        (PS3.3 C.12.1.1.2). With ``ISO_IR 6`` or "" the data set names none.

    Raises
    ------
    UsageError
        The standard has no such character set.
    InputError
        Some text cannot be read, or not be written in the new set, or gets too long. Nothing is
        changed then.
    """
    terms = check_charset(charset)
    new = b"" if terms in ([""], ["ISO_IR 6"]) else "\\".join(terms).encode()
    recoded = [(node, _recoded(node, vr, new)) for node, vr in _texts(tree)]
    for node in list(tree.walk()):
        if node.tag != SPECIFIC_CHARACTER_SET:
            continue
        if new:
            node.set(new, "CS")
        else:
            node.erase()
    if new and not tree.root.find(SPECIFIC_CHARACTER_SET):
        tree.root.add(SPECIFIC_CHARACTER_SET, "CS", new)
    for node, raw in recoded:  # a private creator is read anew, in the new set
        if raw is not None:
            node.set(raw)


def check_charset(charset: str) -> list[str]:
    """See that text can be put into a character set, and give its terms as the standard has them.

    Raises
    ------
    UsageError
        The standard has no such character set, or not in this combination.
    """
    hint = "ISO_IR 192 (UTF-8), ISO_IR 100 (Latin-1), GB18030 and ISO_IR 6 (ASCII) are."
    raw = charset.encode("ascii", "replace")
    terms = names(raw)
    if not is_known(raw):
        raise UsageError(charset, "is not a Specific Character Set", hint)
    if len(terms) > 1:
        if not all(term.startswith(_EXTENSION) or not term for term in terms):
            which = next(term for term in terms if term and not term.startswith(_EXTENSION))
            hint = "" if which in _ALONE else f"Write {which.replace('ISO_IR', 'ISO 2022 IR')}."
            raise UsageError(charset, f"has {which}, which does not combine with others", hint)
        if not all(terms[1:]):
            raise UsageError(charset, "has an empty value that is not the first")
    if terms[0] in _NEVER_FIRST:
        hint = f"Write \\{charset}."
        raise UsageError(charset, f"has {terms[0]} first, which only extends another set", hint)
    return terms


def reads_differently(tree: Tree, old: bytes, new: bytes) -> bool:
    """Tell whether text of the file would read differently if another set were named for it.

    Parameters
    ----------
    tree : Tree
        The data set; what was set does not count, nor do items that name a set of their own.
    old, new : bytes
        What (0008,0005) has and would have, in the data set of the file.
    """
    return any(
        _read(node.raw, vr, old) != _read(node.raw, vr, new)
        for node, vr in _texts(tree)
        if node.is_as_read and not _has_own_charset(node.owner)
    )


def _has_own_charset(data_set: DataSet) -> bool:
    """Tell whether an item, or one around it, names its character set."""
    while (sequence := data_set.sequence) is not None:
        if any(node.raw.strip(b" \0") for node in data_set.find(SPECIFIC_CHARACTER_SET)):
            return True
        data_set = sequence.owner
    return False


def _texts(tree: Tree) -> Iterator[tuple[Node, str]]:
    """Find all text, with the VR that it really has."""
    for node in tree.walk():
        vr = node.vr
        if vr in _UNSURE:
            vr = _known_vr(node)
        if vr in values.CHARSET_VRS and node.length not in (0, UNDEFINED):
            yield node, vr


def _known_vr(node: Node) -> str:
    if is_creator(node.tag):
        return "LO"
    creator = node.creator
    look_up = dictionary.lookup_private
    entry = look_up(creator, node.tag) if creator else dictionary.lookup(node.tag)
    return entry.vr if entry is not None else "UN"


def _recoded(node: Node, vr: str, new: bytes) -> bytes | None:
    """Give the text of an element in another character set; None where it can stay as it is."""
    from dcmtools.dataset.pydicom_bridge import encode_text  # noqa: PLC0415 - ASCII needs it not

    raw, old = node.raw, node.owner.charset
    if raw.isascii() and not _ROMAN_BYTES.search(raw):
        return None
    text = _read(raw, vr, old)
    if SURROGATE.search(text) or ("\x1b" in text and _is_extended(old)):
        raise InputError(str(node.path), f"has text that cannot be read in {_shown(old)}")
    if _read(raw, vr, new) == text:
        return None
    unwritable = f"has text that cannot be written in {_shown(new)}"
    try:
        coded = encode_text(text, names(new), person_name=vr == "PN")
    except ValueError as error:
        raise InputError(str(node.path), unwritable) from error
    if _read(coded, vr, new) != text:
        raise InputError(str(node.path), unwritable)
    if len(coded) % 2:
        coded = coded[:-1] if text[-1:] in _PADDING else coded + b" "
    too_long = len(coded) > LONGEST_SHORT and node.vr.encode() in SHORT_VRS
    if too_long and not node.owner.encoding.implicit:
        why = f"gets {len(coded)} bytes long, and VR {node.vr} holds at most {LONGEST_SHORT}"
        raise InputError(str(node.path), why)
    return coded


def _read(raw: bytes, vr: str, charset: bytes) -> str:
    """Decode text as `decode` does, but with the yen sign and the overline where they are."""
    initial = names(charset)[0] in _ROMAN
    roman: list[int] = []
    if initial or _TO_ROMAN in raw:
        roman = _in_roman(raw, vr, initial=initial)
    if not roman:
        return decode(raw, charset, person_name=vr == "PN")
    marks = [code for code in range(0x01, 0x09) if code not in raw]
    if len(marks) < len(_ROMAN_SIGNS):  # no text has so many control characters
        return raw.decode("ascii", "surrogateescape")
    signs = dict(zip(_ROMAN_SIGNS, marks, strict=False))
    marked = bytearray(raw)
    for at in roman:
        marked[at] = signs[raw[at]]
    text = decode(bytes(marked), charset, person_name=vr == "PN")
    return text.translate({signs[code]: sign for code, sign in _ROMAN_SIGNS.items()})


def _in_roman(raw: bytes, vr: str, *, initial: bool) -> list[int]:
    """Find where text has a yen sign or an overline of ISO-IR 14."""
    delimiters = b"\r\n\t\f\\^=" if vr == "PN" else b"\r\n\t\f\\"
    found = []
    is_roman, is_single = initial, True
    for match in _MARKS.finditer(raw):
        mark = match[0]
        if mark.startswith(b"\x1b"):
            is_roman, is_single = mark == _TO_ROMAN, mark.startswith(b"\x1b(")
        elif is_roman and (mark == b"~" or (mark == b"\\" and vr in values.SINGLE_TEXT_VRS)):
            found.append(match.start())
        elif is_single and mark in delimiters:
            is_roman = initial
    return found


def _is_extended(charset: bytes) -> bool:
    terms = names(charset)
    return len(terms) > 1 or terms[0].startswith(_EXTENSION)


def _shown(charset: bytes) -> str:
    return "/".join(filter(None, names(charset))) or "ASCII"

"""Decide what a new value must be like by its VR and VM, and encode it (PS3.5 Table 6.2-1).

Nothing is corrected and nothing is lost: what does not fit is refused. Text is encoded in the
character set of the data set or not at all.
"""

import re
from datetime import date
from math import isfinite
from struct import pack

from dcmtools.dataset import values
from dcmtools.dataset.charset import decode
from dcmtools.dataset.element_bytes import LONGEST_SHORT
from dcmtools.dataset.elements import SHORT_VRS
from dcmtools.dataset.json import SURROGATE
from dcmtools.dataset.path import TagPath
from dcmtools.errors import UsageError

_INTEGERS = {
    "US": ("H", 0, 0xFFFF),
    "SS": ("h", -0x8000, 0x7FFF),
    "UL": ("I", 0, 0xFFFFFFFF),
    "SL": ("i", -0x80000000, 0x7FFFFFFF),
    "UV": ("Q", 0, 0xFFFFFFFFFFFFFFFF),
    "SV": ("q", -0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
    "US or SS": ("", -0x8000, 0xFFFF),
}
"""How numbers are packed, the smallest and the largest."""

_REALS = {"FL": ("f", 3.4028234663852886e38), "FD": ("d", float("inf"))}  # IEEE 754
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_LAYOUT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")  # PS3.5 6.1.3

_DAY = r"(?P<month>0[1-9]|1[0-2])((?P<day>0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3])([0-5][0-9](([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?"
_FORMS = {
    "AE": (r"(?=.*[^ ])[ -\[\]-~]{1,16}", "up to 16 ASCII characters, not only spaces"),
    "AS": (r"[0-9]{3}[DWMY]", "an age such as 042Y, 006M, 003W or 010D"),
    "CS": (r"[A-Z0-9 _]{1,16}", "up to 16 capital letters, digits, spaces and underscores"),
    "DA": (rf"(?P<year>[0-9]{{4}}){_DAY})", "a day of the calendar such as 20260131"),
    "DS": (rf"(?=.{{1,16}}\Z) *{_REAL.pattern} *", "a number such as 1.5 in up to 16 characters"),
    "DT": (
        rf"(?P<year>[0-9]{{4}})({_DAY}({_CLOCK})?)?)?([+-](0[0-9]|1[0-4])[0-5][0-9])?",
        "a date and time such as 20260131083000+0100",
    ),
    "IS": (r"(?=.{1,12}\Z) *[+-]?[0-9]+ *", "a whole number of 32 bits in up to 12 characters"),
    "TM": (_CLOCK, "a time such as 0830, 083000 or 083000.5"),
    "UI": (
        r"(?=.{1,64}\Z)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+",
        "a UID: numbers without leading zeros, dots between them, up to 64 characters",
    ),
    "UR": (r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", "a URI, without spaces"),
}
"""What one value looks like, and how to say that."""

_PATTERNS = {vr: re.compile(pattern) for vr, (pattern, _) in _FORMS.items()}
_MOST_CHARACTERS = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240}
_MOST_OF_NAME = 64  # characters of a component group
_NAME_GROUPS, _NAME_COMPONENTS = 3, 5
_VM = re.compile(r"(\d+)(?:-(?:(\d+)|(\d*)n))?")


def check(path: TagPath, vr: str, vm: str, value: str) -> None:
    r"""Refuse a value that an element cannot have.

    Parameters
    ----------
    path : TagPath
        What to call the element in errors.
    vr : str
        Its VR; as the dictionary has it, where it depends on the data set.
    vm : str
        Its VM as in PS3.6, ``1``, ``1-n``, ``2-2n``; "" where it is not known.
    value : str
        The value, several ones with backslashes between them; "" is none, which is let through.

    Raises
    ------
    UsageError
        The element has a VR whose values cannot be written as text, or cannot have the value.
    """
    if vr == "SQ":
        hint = f"Name an element of its item: {path}[0].Element=VALUE."
        raise UsageError(str(path), "is a sequence and has no value itself", hint)
    if vr not in values.TEXT_VRS and vr not in _INTEGERS and vr not in _REALS and vr != "AT":
        choices = vr.replace("_", " or ").split(" or ")
        if "US" not in choices:
            raise UsageError(str(path), f"is binary ({vr}) and cannot be set")
        vr = "US or SS" if "SS" in choices else "US"
    if not value:
        return
    if SURROGATE.search(value):
        raise UsageError(str(path), f"'{value}' has bytes that are not text")
    each = [value] if vr in values.SINGLE_TEXT_VRS else value.split("\\")
    _check_multiplicity(path, vm, len(each))
    for one in each:
        _check_one(path, vr, one)


def _check_multiplicity(path: TagPath, vm: str, count: int) -> None:
    match = _VM.fullmatch(vm)
    if match is None:
        return
    least, most, step = int(match[1]), match[2], match[3]
    if step is not None:
        fits = count >= least and count % int(step or 1) == 0
    else:
        fits = least <= count <= int(most or least)
    if not fits:
        raise UsageError(str(path), f"is to get {count} values, and has a VM of {vm}")


def _check_one(path: TagPath, vr: str, value: str) -> None:
    if vr in _INTEGERS:
        _integer(path, vr, value)
    elif vr in _REALS:
        _real(path, vr, value)
    elif vr == "AT":
        _tag(path, value)
    elif vr in values.CHARSET_VRS:
        _check_text(path, vr, value)
    elif value and not _is_formed(vr, value):
        raise _refused(path, vr, value, f"VR {vr} is {_FORMS[vr][1]}.")


def _is_formed(vr: str, value: str) -> bool:
    match = _PATTERNS[vr].fullmatch(value)
    if match is None:
        return False
    if vr in ("DA", "DT"):
        try:
            date(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1))
        except ValueError:
            return False
    return vr != "IS" or -0x80000000 <= int(value) <= 0x7FFFFFFF  # noqa: PLR2004 - 32 bits


def _check_text(path: TagPath, vr: str, value: str) -> None:
    layout = vr in ("LT", "ST", "UT")
    control = (_CONTROL_BUT_LAYOUT if layout else _CONTROL).search(value)
    if control:
        why = f"has a control character, U+{ord(control[0]):04X}, which VR {vr} cannot hold"
        raise UsageError(str(path), why)
    most = _MOST_CHARACTERS.get(vr)
    if most is not None and len(value) > most:
        why = f"is to get {len(value)} characters, and VR {vr} holds {most}"
        raise UsageError(str(path), why)
    if vr == "PN":
        groups = value.split("=")
        if (
            len(groups) > _NAME_GROUPS
            or max(map(len, groups)) > _MOST_OF_NAME
            or max(group.count("^") for group in groups) >= _NAME_COMPONENTS
        ):
            hint = (
                f"A name has up to {_NAME_GROUPS} groups with = between them, each with up to "
                f"{_MOST_OF_NAME} characters and {_NAME_COMPONENTS} components with ^ between them."
            )
            raise _refused(path, vr, value, hint)


def encode(path: TagPath, vr: str, value: str, charset: bytes, *, big_endian: bool) -> bytes:
    r"""Encode a value that `check` has let through.

    Parameters
    ----------
    path : TagPath
        What to call the element in errors.
    vr : str
        Its VR, one that does not depend on the data set any more.
    value : str
        The value, several ones with backslashes between them.
    charset : bytes
        The Specific Character Set (0008,0005) in force, b"" where there is none.
    big_endian : bool
        Whether numbers are.

    Returns
    -------
    bytes
        The value, padded to an even length.

    Raises
    ------
    UsageError
        The value is too long, or the character set cannot hold it.
    """
    order = ">" if big_endian else "<"
    each = value.split("\\") if value else []
    if vr in _INTEGERS:
        code = _INTEGERS[vr][0]
        raw = b"".join(pack(order + code, _integer(path, vr, one)) for one in each)
    elif vr in _REALS:
        code = _REALS[vr][0]
        raw = b"".join(pack(order + code, _real(path, vr, one)) for one in each)
    elif vr == "AT":
        tags = (_tag(path, one) for one in each)
        raw = b"".join(pack(f"{order}HH", tag >> 16, tag & 0xFFFF) for tag in tags)
    else:
        raw = value.encode() if value.isascii() else _encoded(path, vr, value, charset)
        raw += (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
    if len(raw) > LONGEST_SHORT and vr.encode() in SHORT_VRS:
        why = f"is to get a value of {len(raw)} bytes, and VR {vr} holds {LONGEST_SHORT}"
        raise UsageError(str(path), why)
    return raw


def _integer(path: TagPath, vr: str, text: str) -> int:
    _, least, most = _INTEGERS[vr]
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is None or not least <= number <= most:
        hint = f"VR {vr} has whole numbers from {least} to {most}."
        raise _refused(path, vr, text, hint)
    return number


def _real(path: TagPath, vr: str, text: str) -> float:
    number = float(text) if _REAL.fullmatch(text) else None
    if number is None or not isfinite(number) or abs(number) > _REALS[vr][1]:
        raise _refused(path, vr, text, f"VR {vr} has numbers such as 1.5 or -2e3.")
    return number


def _tag(path: TagPath, text: str) -> int:
    hint = "Its values are tags: (gggg,eeee) or a keyword."
    try:
        (node,) = TagPath.parse(text).nodes
    except (UsageError, ValueError) as error:
        raise _refused(path, "AT", text, hint) from error
    if node.creator:
        raise _refused(path, "AT", text, "Write a private tag as (gggg,eeee).")
    return node.tag


def _refused(path: TagPath, vr: str, text: str, hint: str) -> UsageError:
    return UsageError(str(path), f"'{text}' is not a value that VR {vr} can have", hint)


def _encoded(path: TagPath, vr: str, value: str, charset: bytes) -> bytes:
    """Encode text that is not ASCII, and see that it can be read back."""
    from dcmtools.dataset.pydicom_bridge import encode_text  # noqa: PLC0415 - little text needs it

    person_name = vr == "PN"
    names = [name.strip() for name in charset.decode("ascii", "replace").strip("\0 ").split("\\")]
    shown = "/".join(filter(None, names)) or "ASCII, since it names no other"
    hint = f"The text of this data set is in {shown}."
    try:
        raw = encode_text(value, names, person_name=person_name)
    except ValueError as error:
        raise UsageError(str(path), str(error), hint) from error
    if decode(raw, charset, person_name=person_name) != value:
        raise UsageError(str(path), f"'{value}' cannot be written in {shown}", hint)
    return raw

"""Decide what a new value must be like by its VR and VM, and encode it (PS3.5 Table 6.2-1).

Nothing is corrected and nothing is lost: what does not fit is refused. Text is encoded in the
character set of the data set or not at all.
"""

import re
from dataclasses import replace
from pathlib import Path
from struct import pack

from dcmtools.dataset import new_binary, new_numbers, values
from dcmtools.dataset.charset import names
from dcmtools.dataset.element_bytes import LONGEST_SHORT
from dcmtools.dataset.elements import SHORT_VRS
from dcmtools.dataset.new_forms import FormError, check_form, check_text
from dcmtools.dataset.new_rules import STRICT, Rules
from dcmtools.dataset.new_text import check_characters, encoded
from dcmtools.dataset.path import TagPath
from dcmtools.errors import UsageError

__all__ = ["STRICT", "Rules", "check", "encode", "from_file"]

_VM = re.compile(r"(\d+)(?:-(?:(\d+)|(\d*)n))?")


def check(path: TagPath, vr: str, vm: str, value: str, rules: Rules = STRICT) -> None:
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
        Bytes are hexadecimal digits, see `dcmtools.dataset.new_binary.from_hex`.
    rules : Rules
        How strict to be. What only `encode` can know is not refused here.

    Raises
    ------
    UsageError
        The element has a VR whose values cannot be written as text, or cannot have the value.
    """
    if vr == "SQ":
        hint = f"Name an element of its item: {path}[0].Element=VALUE."
        raise UsageError(str(path), "is a sequence and has no value itself", hint)
    choices, (vr, *others) = vr, _choices(vr)
    if new_binary.is_binary(vr) and not rules.binary:
        raise UsageError(str(path), f"is binary ({choices}) and cannot be set")
    if not value:
        return
    _check_characters(path, value, rules)
    each = [value] if vr in values.SINGLE_TEXT_VRS else value.split("\\")
    if rules.validate and not new_binary.is_binary(vr):
        _check_multiplicity(path, vm, len(each))
    if new_binary.is_binary(vr) and others:
        _check_either(path, value, rules)
    elif vr not in values.TEXT_VRS:
        _binary(path, vr, value, rules, big_endian=False)
    elif rules.validate:
        for one in each:
            _check_one(path, vr, one, rules)


def _choices(vr: str) -> list[str]:
    """List the VRs of a dictionary entry: the one that is checked, and what else it may be."""
    choices = vr.replace("_", " or ").split(" or ")  # a private one is spelled OB_OW
    if len(choices) > 1 and "US" in choices:
        return ["US or SS" if "SS" in choices else "US"]
    return choices


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
        given = "1 value is" if count == 1 else f"{count} values are"
        raise UsageError(str(path), f"has a VM of {vm}, and {given} given")


def _check_one(path: TagPath, vr: str, value: str, rules: Rules) -> None:
    try:
        if vr in values.CHARSET_VRS:
            check_text(vr, value, rules)
        elif value:
            check_form(vr, value, rules)
    except FormError as error:
        raise UsageError(str(path), str(error), error.hint) from error


def _check_characters(path: TagPath, value: str, rules: Rules) -> None:
    try:
        check_characters(value)
    except ValueError as error:
        raise UsageError(str(path), f"{rules.quoted(value)} {error}") from error


def _check_either(path: TagPath, value: str, rules: Rules) -> None:
    """Refuse what is neither bytes nor words, where the data set decides which they are."""
    try:
        _binary(path, "OB", value, rules, big_endian=False)
    except UsageError:
        _binary(path, "OW", value, rules, big_endian=False)


def encode(  # noqa: PLR0913 - all that an encoded value depends on
    path: TagPath, vr: str, value: str, charset: bytes, *, big_endian: bool, rules: Rules = STRICT
) -> bytes:
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
    rules : Rules
        The same as for `check`.

    Returns
    -------
    bytes
        The value, padded to an even length.

    Raises
    ------
    UsageError
        The value is too long, or the character set cannot hold it.
    """
    if not value:
        return b""
    if vr in values.TEXT_VRS:
        _check_characters(path, value, rules)
        raw = value.encode() if value.isascii() else _encoded(path, vr, value, charset, rules)
        raw += (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
    else:
        raw = _binary(path, vr, value, rules, big_endian=big_endian)
    _check_length(path, vr, raw)
    return raw


def from_file(  # noqa: PLR0913 - all that an encoded value depends on
    path: TagPath,
    vr: str,
    vm: str,
    file: Path,
    charset: bytes,
    *,
    big_endian: bool,
    rules: Rules = STRICT,
) -> bytes:
    """Make a value from the content of a file.

    Text is read in UTF-8, without the end of its last line, and then as if it had been typed.
    Binary values, numbers too, are the bytes of the file, which is in little endian.

    Parameters
    ----------
    path, vr, vm, charset, big_endian, rules
        As for `check` and `encode`. That a VR is binary is no reason to refuse it here.
    file : Path
        The file, of up to `dcmtools.dataset.new_binary.MOST_OF_FILE` bytes.

    Returns
    -------
    bytes
        The value, padded to an even length.

    Raises
    ------
    InputError
        The file cannot be read as what the VR asks for.
    UsageError
        The element cannot have the value. What is in the file is not repeated.
    """
    if vr in values.TEXT_VRS or vr == "SQ":
        rules = replace(rules, source=str(file))
        value = new_binary.read_text(file) if vr != "SQ" else ""
        check(path, vr, vm, value, rules)
        return encode(path, vr, value, charset, big_endian=big_endian, rules=rules)
    raw = new_binary.read_binary(file, vr, big_endian=big_endian)
    if rules.validate and raw and not new_binary.is_binary(vr):
        size = 4 if vr == "AT" else new_binary.WORD_SIZES[vr]
        _check_multiplicity(path, vm, len(raw) // size)
    _check_length(path, vr, raw)
    return raw


def _check_length(path: TagPath, vr: str, raw: bytes) -> None:
    if len(raw) > LONGEST_SHORT and vr.encode() in SHORT_VRS:
        why = f"is to get a value of {len(raw)} bytes, and VR {vr} holds at most {LONGEST_SHORT}"
        raise UsageError(str(path), why)


def _binary(path: TagPath, vr: str, value: str, rules: Rules, *, big_endian: bool) -> bytes:
    """Encode numbers, tags or bytes; refuse what is none of the VR."""
    if vr in new_numbers.INTEGERS or vr in new_numbers.REALS:
        numbers = [_number(path, vr, one, rules) for one in value.split("\\")]
        return new_binary.from_numbers(vr, numbers, big_endian=big_endian)
    if vr == "AT":
        tags = [_tag(path, one, rules) for one in value.split("\\")]
        order = ">" if big_endian else "<"
        return b"".join(pack(f"{order}HH", tag >> 16, tag & 0xFFFF) for tag in tags)
    try:
        raw = new_binary.from_hex(vr, value, big_endian=big_endian)
    except ValueError as error:
        why = f"{rules.quoted(value)} is not a binary value ({vr} is {error})"
        raise UsageError(str(path), why) from error
    return raw + b"\0" * (len(raw) % 2)


def _number(path: TagPath, vr: str, text: str, rules: Rules) -> int | float:
    read = new_numbers.integer if vr in new_numbers.INTEGERS else new_numbers.real
    number = read(vr, text)
    if number is None:
        wanted = new_numbers.wanted_numbers(vr)
        why = f"{rules.quoted(text)} is not a value that VR {vr} can have ({wanted})"
        raise UsageError(str(path), why)
    return number


def _tag(path: TagPath, text: str, rules: Rules) -> int:
    try:
        return new_numbers.tag(text)
    except ValueError as error:
        why = f"{rules.quoted(text)} is not a tag (AT is (gggg,eeee) or a keyword)"
        raise UsageError(str(path), why, str(error)) from error


def _encoded(path: TagPath, vr: str, value: str, charset: bytes, rules: Rules) -> bytes:
    """Encode text that is not ASCII."""
    if vr not in values.CHARSET_VRS:
        why = f"{rules.quoted(value)} has characters that VR {vr} does not know"
        raise UsageError(str(path), f"{why}, which is in ASCII")
    terms = names(charset)
    shown = "/".join(filter(None, terms)) or "ASCII, since the data set names no character set"
    hint = rules.charset_hint or f"The text of this data set is in {shown}."
    why = f"{rules.quoted(value)} cannot be written in {shown}"
    try:
        return encoded(value, "\\".join(terms), person_name=vr == "PN")
    except UnicodeError as error:
        raise UsageError(str(path), why, hint) from error
    except ValueError as error:
        detail = "" if rules.source else f": {error}"
        raise UsageError(str(path), why + detail, hint) from error

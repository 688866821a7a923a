"""Decide which characters new text may have, and encode it in a character set or not at all."""

import re

from dcmtools.dataset.charset import SURROGATE, decode

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_LAYOUT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")  # PS3.5 6.1.3


def check_controls(vr: str, value: str) -> None:
    """Refuse control characters, but for the layout of running text.

    Raises
    ------
    ValueError
        There is one; the message is for people and goes on from the name of the element.
    """
    pattern = _CONTROL_BUT_LAYOUT if vr in ("LT", "ST", "UT") else _CONTROL
    if control := pattern.search(value):
        why = f"has a control character, U+{ord(control[0]):04X}, which VR {vr} cannot hold"
        raise ValueError(why)


def check_characters(value: str) -> None:
    """Refuse what was typed or read as bytes that are no text.

    Raises
    ------
    ValueError
        As in `check_controls`.
    """
    if SURROGATE.search(value):
        raise ValueError("has bytes that are not text")


def encoded(value: str, charset: str, *, person_name: bool = False) -> bytes:
    """Encode text, and see that it can be read back.

    Parameters
    ----------
    value : str
        The whole value, several ones with backslashes between them.
    charset : str
        The Specific Character Set (0008,0005), "" for ASCII.
    person_name : bool
        Whether ``^`` and ``=`` end a code extension too.

    Raises
    ------
    UnicodeError
        What would be written would read as something else; the message is for people.
    ValueError
        The character set is not known, or has not all characters; the message is for people.
    """
    from dcmtools.dataset.pydicom_bridge import encode_text  # noqa: PLC0415 - little text needs it

    names = [name.strip() for name in charset.split("\\")]
    raw = encode_text(value, names, person_name=person_name)
    if decode(raw, charset.encode(), person_name=person_name) != value:
        raise UnicodeError(f"'{value}' cannot be written in {charset}")
    return raw

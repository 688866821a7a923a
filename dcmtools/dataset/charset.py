r"""Decode text in the character sets of PS3.3 C.12.1.1.2.

Text that is plain ASCII, or in one of the sets below, is decoded directly; what needs code
extensions goes to pydicom, which is only imported then. Nothing is ever lost: a byte that the
character set does not know becomes a lone surrogate, which `dcmtools.escape` shows as ``\xNN``.
"""

import re
from functools import lru_cache

SURROGATE = re.compile("[\ud800-\udfff]")
"""A byte that could not be decoded."""

_ESC = b"\x1b"
_CODECS = {
    b"ISO_IR 13": "shift_jis",
    b"ISO_IR 100": "latin-1",
    b"ISO_IR 101": "iso8859_2",
    b"ISO_IR 109": "iso8859_3",
    b"ISO_IR 110": "iso8859_4",
    b"ISO_IR 126": "iso8859_7",
    b"ISO_IR 127": "iso8859_6",
    b"ISO_IR 138": "iso8859_8",
    b"ISO_IR 144": "iso8859_5",
    b"ISO_IR 148": "iso8859_9",
    b"ISO_IR 166": "tis_620",
    b"ISO_IR 192": "utf-8",
    b"GB18030": "gb18030",
    b"GBK": "gbk",
}
"""Python's codecs for the sets that need no code extensions (PS3.3 Table C.12-2, C.12-5)."""

_EXTENSIONS = {b"ISO_IR 6", b"ISO 2022 IR 6", b"ISO 2022 GBK"} | {
    b"ISO 2022 IR %d" % number
    for number in (13, 58, 87, 100, 101, 109, 110, 126, 127, 138, 144, 148, 149, 159, 166, 203)
}
"""The sets that may be extended, and those that extend them (PS3.3 Table C.12-3, C.12-4)."""


def decode(raw: bytes, charset: bytes, *, person_name: bool = False) -> str:
    """Decode the whole value of a text element.

    Parameters
    ----------
    raw : bytes
        The value, multiple values with their backslashes.
    charset : bytes
        The value of Specific Character Set (0008,0005) in force.
    person_name : bool
        Whether ``^`` and ``=`` end a code extension too (PS3.5 6.1.2.5.3).

    Returns
    -------
    str
        The text; undecodable bytes are lone surrogates, U+DC80 to U+DCFF.
    """
    codec = _codec(charset, extended=_ESC in raw)
    if codec is None:
        return _decode_extended(raw, charset, person_name=person_name)
    return raw.decode(codec, "surrogateescape")


@lru_cache(maxsize=64)
def _codec(charset: bytes, *, extended: bool) -> str | None:
    """Name the codec of a text, by its first character set; None where it switches to others."""
    terms = [_normal(name) for name in charset.rstrip(b"\0 ").split(b"\\")]
    first = terms[0].replace(b"ISO 2022 IR", b"ISO_IR")
    if extended and (len(terms) > 1 or first != terms[0]):
        return None
    return _CODECS.get(first, "ascii")


def _normal(name: bytes) -> bytes:
    """Forgive the spellings that are seen: ``ISO-IR 100``, ``ISO IR 100``, ``ISO_IR_100``."""
    name = name.strip(b" \0").upper()
    match = re.fullmatch(rb"ISO[-_ ](IR|2022)[-_ ](?:IR[-_ ])?(\d+)", name)
    if match is None:
        return name
    return (b"ISO_IR " if match[1] == b"IR" else b"ISO 2022 IR ") + match[2]


def _decode_extended(raw: bytes, charset: bytes, *, person_name: bool) -> str:
    """Decode text with code extensions (ISO 2022) by pydicom."""
    from dcmtools.dataset.pydicom_bridge import decode_text  # noqa: PLC0415 - few files need it

    return decode_text(raw, names(charset), person_name=person_name)


def names(charset: bytes) -> list[str]:
    """Name the character sets of a Specific Character Set, in the terms of the standard."""
    return [_normal(name).decode("ascii", "replace") for name in charset.split(b"\\")]


@lru_cache(maxsize=64)
def is_known(charset: bytes) -> bool:
    """Tell whether the standard defines every character set in a Specific Character Set."""
    terms = [_normal(name) for name in charset.rstrip(b"\0 ").split(b"\\")]
    return all(not name or name in _CODECS or name in _EXTENSIONS for name in terms)

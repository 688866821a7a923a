"""Encode single elements and items in any encoding (PS3.5 7.1, 7.5), for splicing into a file.

The bytes around them stay as they are, so that no data set is ever encoded anew as a whole.
"""

from struct import pack

from dcmtools.dataset.elements import ITEM, LONG_VRS, Encoding

LONGEST_SHORT = 0xFFFE
"""Bytes of the longest value whose length takes two bytes in explicit VR."""


def encode_element(tag: int, vr: str, value: bytes, encoding: Encoding) -> bytes:
    """Encode an element.

    Parameters
    ----------
    tag : int
        Group and element, ``0xggggeeee``.
    vr : str
        Its VR. Where the value is too long for it in explicit VR, UN stands in the file (PS3.5
        6.2.2).
    value : bytes
        Its value, of even length, in the byte order of `encoding`.
    encoding : Encoding
        How the data set around it is encoded.
    """
    order = _order(encoding)
    group, number = tag >> 16, tag & 0xFFFF
    if encoding.implicit:
        return pack(f"{order}HHI", group, number, len(value)) + value
    code = vr.encode()
    if code not in LONG_VRS and len(value) > LONGEST_SHORT:
        code = b"UN"
    if code in LONG_VRS:
        return pack(f"{order}HH2sHI", group, number, code, 0, len(value)) + value
    return pack(f"{order}HH2sH", group, number, code, len(value)) + value


def encode_item(content: bytes, encoding: Encoding) -> bytes:
    """Encode an item of a sequence, with a defined length, around elements that are encoded."""
    order = _order(encoding)
    return pack(f"{order}HHI", ITEM >> 16, ITEM & 0xFFFF, len(content)) + content


def encode_length(length: int, encoding: Encoding) -> bytes:
    """Encode a length, or another number, of four bytes."""
    return pack(f"{_order(encoding)}I", length)


def _order(encoding: Encoding) -> str:
    return ">" if encoding.big_endian else "<"

"""Decide what tells that pixel data have lost something, and what a file says of it then.

The standard wants it known for ever (PS3.3 C.7.6.1.1.5): that there was a loss, by which methods,
and how much smaller each of them made the image.
"""

from dcmtools.dataset.element_bytes import encode_element, encode_item
from dcmtools.dataset.elements import EXPLICIT_LITTLE

LOSSY_IMAGE_COMPRESSION = 0x00282110
LOSSY_IMAGE_COMPRESSION_RATIO = 0x00282112
LOSSY_IMAGE_COMPRESSION_METHOD = 0x00282114

ALWAYS = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81))
"""Transfer syntaxes in which nothing is without a loss; others may be used without one."""

RATIO_SIZE = 8
"""Characters of a ratio that is not known yet."""

_JPEG_2000 = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (*range(90, 94), *range(201, 204)))
_HIGH_THROUGHPUT = "1.2.840.10008.1.2.4.20"
_METHODS = {".50": "ISO_10918_1", ".51": "ISO_10918_1", ".81": "ISO_14495_1"}
_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ (ISO/IEC 15444-1 A.4.1, A.5.1)
_CODING_STYLE = b"\xff\x52"
_TRANSFORMATION = 13  # its offset from the marker (ISO/IEC 15444-1 Tables A.12 and A.15)
MAIN_HEADER = 1 << 16
"""Bytes of a JPEG 2000 image in which the coding style is told."""

_CODING_SCHEME = "DCM"
_LOSSY_COMPRESSION = "113040", "Lossy Compression"
_PREDECESSOR = "121320", "Uncompressed predecessor"
"""Codes of PS3.16 Annex D."""


def has_lost(syntax: str, head: bytes) -> bool:
    """Tell whether compressed pixel data have lost something for certain.

    JPEG 2000 tells by its wavelet: what was made with the reversible one may be whole, and then
    the data set says what it is.

    Parameters
    ----------
    syntax : str
        The UID of the transfer syntax.
    head : bytes
        The beginning of the first frame.
    """
    if syntax in ALWAYS:
        return True
    if syntax not in _JPEG_2000:
        return False
    at = head.find(_CODING_STYLE, max(head.find(_CODESTREAM), 0) + len(_CODESTREAM))
    return at >= 0 and head[at + _TRANSFORMATION : at + _TRANSFORMATION + 1] == b"\0"


def method_of(syntax: str) -> str:
    """Name the method of compression of a lossy transfer syntax (PS3.3 C.7.6.1.1.5.1)."""
    if syntax.startswith(_HIGH_THROUGHPUT):
        return "ISO_15444_15"
    return _METHODS.get(syntax[-3:], "ISO_15444_1")


def ratio_text(before: int, after: int) -> str:
    """Write how many times smaller something has become, in at most `RATIO_SIZE` characters."""
    ratio = before / max(after, 1)
    return f"{ratio:.{2 if ratio < 1000 else 0}f}"[:RATIO_SIZE]  # noqa: PLR2004 - of room


def coded(code: tuple[str, str]) -> bytes:
    """Encode an item that holds a code of DICOM, in explicit VR little endian."""
    value, meaning = code
    texts = (
        (0x00080100, "SH", value),
        (0x00080102, "SH", _CODING_SCHEME),
        (0x00080104, "LO", meaning),
    )
    return _item(b"".join(_text(*each) for each in texts))


def derivation_code() -> bytes:
    """Encode the item of Derivation Code Sequence that tells of the loss."""
    return coded(_LOSSY_COMPRESSION)


def source_item(sop_class_uid: str, sop_instance_uid: str, *, is_whole: bool) -> bytes:
    """Encode the item of Source Image Sequence that names what was compressed.

    Parameters
    ----------
    sop_class_uid, sop_instance_uid : str
        Of the object.
    is_whole : bool
        Whether it had lost nothing before.
    """
    content = _text(0x00081150, "UI", sop_class_uid) + _text(0x00081155, "UI", sop_instance_uid)
    if is_whole:
        purpose = coded(_PREDECESSOR)
        content += encode_element(0x0040A170, "SQ", purpose, EXPLICIT_LITTLE)
    return _item(content)


def _item(content: bytes) -> bytes:
    return encode_item(content, EXPLICIT_LITTLE)


def _text(tag: int, vr: str, text: str) -> bytes:
    raw = text.encode()
    raw += (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
    return encode_element(tag, vr, raw, EXPLICIT_LITTLE)

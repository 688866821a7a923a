"""Turn the bytes of a value into what it means, by its VR (PS3.5 section 6.2).

Numbers become numbers and text becomes text; nothing is validated and nothing raises: a value that
is not what its VR asks for is given as far as it goes.
"""

from functools import cache
from struct import Struct, unpack

from dcmtools.dataset.charset import decode

NO_VALUE = "(no value available)"

SINGLE_TEXT_VRS = frozenset({"LT", "ST", "UR", "UT"})
"""Text in which a backslash is a character, not a delimiter."""

CHARSET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Text in the Specific Character Set; other text is in the default repertoire."""

TEXT_VRS = CHARSET_VRS | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}

BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "??"})

_FORMATS = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q",
    "FL": "f", "FD": "d", "OF": "f", "OD": "d", "OL": "I", "OV": "Q",
}  # fmt: skip


def text(raw: bytes, vr: str, charset: bytes) -> str:
    """Decode a text value whole, without the padding at its end.

    Parameters
    ----------
    raw : bytes
        The value.
    vr : str
        One of `TEXT_VRS`.
    charset : bytes
        The Specific Character Set in force.
    """
    raw = raw.rstrip(b"\0 ")
    if vr in CHARSET_VRS:
        return decode(raw, charset, person_name=vr == "PN")
    return raw.decode("ascii", "surrogateescape")


def texts(raw: bytes, vr: str, charset: bytes) -> list[str]:
    """Decode a text value into its values, each without padding (PS3.5 6.4)."""
    whole = text(raw, vr, charset)
    if not whole:
        return []
    if vr in SINGLE_TEXT_VRS:
        return [whole]
    return [
        value.strip(" \0") if vr != "UC" else value.rstrip(" \0") for value in whole.split("\\")
    ]


def numbers(raw: bytes, vr: str, *, big_endian: bool) -> tuple[int, ...] | tuple[float, ...]:
    """Read the numbers of a binary value; bytes that are too few for one more are left out.

    Parameters
    ----------
    raw : bytes
        The value.
    vr : str
        US, SS, UL, SL, UV, SV, FL, FD, OF, OD, OL or OV.
    big_endian : bool
        Whether the value is.
    """
    code = _FORMATS[vr]
    count = len(raw) // _size(code)
    return unpack(f"{'>' if big_endian else '<'}{count}{code}", raw[: count * _size(code)])


def little_endian(raw: bytes, vr: str) -> bytes:
    """Turn a big endian binary value around, word by word (PS3.5 7.3)."""
    size = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}.get(vr, 1)
    whole = len(raw) // size * size
    turned = bytearray(raw)
    for byte in range(size):
        turned[byte:whole:size] = raw[size - 1 - byte : whole : size]
    return bytes(turned)


def tags(raw: bytes, *, big_endian: bool) -> list[int]:
    """Read the tags of an AT value."""
    halves = numbers(raw[: len(raw) // 4 * 4], "US", big_endian=big_endian)
    return [
        int(group) << 16 | int(number)
        for group, number in zip(halves[::2], halves[1::2], strict=True)
    ]


def is_number(vr: str) -> bool:
    """Tell whether `numbers` reads a VR."""
    return vr in _FORMATS


def is_cut(raw: bytes, vr: str) -> bool:
    """Tell whether a binary value has bytes too few or too many for whole numbers."""
    size = 4 if vr == "AT" else _size(_FORMATS[vr]) if vr in _FORMATS else 1
    return len(raw) % size != 0


def single(value: float) -> str:
    """Print a number of 4 bytes in the fewest digits that give it back."""
    if value % 1 == 0 and abs(value) < 1 << 30:
        return f"{value:.0f}"
    for digits in range(6, 9):
        shorter = f"{value:.{digits}g}"
        if _SINGLE.pack(float(shorter)) == _SINGLE.pack(value):
            return shorter
    return f"{value:.9g}"


@cache
def _size(code: str) -> int:
    return Struct(f"<{code}").size


_SINGLE = Struct("<f")

r"""Decide how binary values are written as text, and how a file becomes a value.

Bytes and 16 bit words are written in hexadecimal digits, the words as the numbers they are in any
byte order; what holds longer words is written as its numbers, in decimal. A file holds numbers in
little endian, whatever the data set is in.
"""

import re
from os import fstat
from pathlib import Path
from struct import pack

from dcmtools.dataset import new_numbers, values
from dcmtools.errors import InputError, reason

WORD_SIZES = {
    "US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4,
    "UV": 8, "SV": 8, "FD": 8, "OD": 8, "OV": 8,
}  # fmt: skip
"""The bytes that the byte order turns around (PS3.5 7.3); single bytes for all other VRs."""

MOST_OF_FILE = 1 << 30
"""The bytes of the largest file that becomes a value: it is held in memory."""

_VALUES_ARE_NUMBERS = frozenset({"US or SS", "AT"}) | new_numbers.WHOLE_VRS | new_numbers.REAL_VRS
_SHAPES = {
    1: "two hexadecimal digits for each byte, such as 00ff10 or 00\\ff\\10",
    2: "four hexadecimal digits for each number of 16 bits, such as 00ff\\1000",
}
_BLOCK = 1 << 20


def from_hex(vr: str, text: str, *, big_endian: bool = False) -> bytes:
    r"""Read bytes or 16 bit words from hexadecimal digits.

    Digits may follow each other, or have backslashes or spaces between them; between two of those,
    one value may go without its leading zeros: ``1\2`` is two values.

    Parameters
    ----------
    vr : str
        OB, OW or UN.
    text : str
        The digits, without ``0x``.
    big_endian : bool
        Whether the words are to be.

    Raises
    ------
    ValueError
        They are not digits, or too few or too many; the message says what would be right.
    """
    size = 2 if vr == "OW" else 1
    width = 2 * size
    pattern = re.compile(rf"[0-9A-Fa-f]{{1,{width}}}|(?:[0-9A-Fa-f]{{{width}}})+")
    pieces = re.split(r"\s*\\\s*|\s+", text.strip())
    if not all(map(pattern.fullmatch, pieces)):
        raise ValueError(_SHAPES[size])
    raw = bytes.fromhex("".join(piece.zfill(width) for piece in pieces))
    return raw if size == 1 or big_endian else turned(raw, size)


def from_numbers(vr: str, numbers: list[int | float], *, big_endian: bool) -> bytes:
    """Pack numbers that the VR can have."""
    code = new_numbers.CODES[vr]
    return pack(f"{'>' if big_endian else '<'}{len(numbers)}{code}", *numbers)


def turned(raw: bytes, size: int) -> bytes:
    """Turn words around, each of `size` bytes, which there must be whole."""
    swapped = bytearray(len(raw))
    for byte in range(size):
        swapped[byte::size] = raw[size - 1 - byte :: size]
    return bytes(swapped)


def read_binary(file: Path, vr: str, *, big_endian: bool) -> bytes:
    """Read a value of a binary VR from a file, padded to an even length.

    Raises
    ------
    InputError
        The file cannot be read, is too large, or has no whole numbers of the VR.
    """
    raw = read_bytes(file)
    size = WORD_SIZES.get(vr, 1)
    whole = 4 if vr == "AT" else size
    if len(raw) % whole:
        why = f"has {len(raw)} bytes, and {vr} takes {whole} for each value"
        raise InputError(str(file), why)
    if big_endian and size > 1:
        raw = turned(raw, size)
    return raw + b"\0" * (len(raw) % 2)


def read_text(file: Path) -> str:
    """Read a value of a text VR from a file, without the end of its last line.

    Raises
    ------
    InputError
        The file cannot be read, is too large, or is not in UTF-8.
    """
    try:
        text = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = f"is not text in UTF-8, at byte {error.start}"
        raise InputError(str(file), why) from error
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def read_bytes(file: Path) -> bytes:
    """Read a file that becomes a value.

    Raises
    ------
    InputError
        It cannot be read, or is too large.
    """
    pieces: list[bytes] = []
    try:
        with file.open("rb") as stream:
            size = fstat(stream.fileno()).st_size
            while size <= MOST_OF_FILE and (piece := stream.read(_BLOCK)):
                pieces.append(piece)
                size = max(size, len(pieces) * _BLOCK)  # a pipe does not say
    except (OSError, ValueError) as error:
        raise InputError(str(file), reason(error)) from error
    if size > MOST_OF_FILE:
        why = f"is larger than {MOST_OF_FILE >> 20} MiB, the most for one value"
        raise InputError(str(file), why)
    return b"".join(pieces)


def is_binary(vr: str) -> bool:
    """Tell whether values of a VR are one string of bytes or words, not text or numbers."""
    return vr not in values.TEXT_VRS and vr not in _VALUES_ARE_NUMBERS

"""Decide which text is a number or a tag that a binary VR can have (PS3.5 Table 6.2-1).

Digits are those of ASCII, and nothing is rounded into range: what is no such number is none.
"""

import re
from math import inf, isfinite

from dcmtools.dataset.path import TagPath
from dcmtools.errors import UsageError

INTEGERS = {
    "US": (0, 0xFFFF),
    "SS": (-0x8000, 0x7FFF),
    "UL": (0, 0xFFFFFFFF),
    "SL": (-0x80000000, 0x7FFFFFFF),
    "UV": (0, 0xFFFFFFFFFFFFFFFF),
    "SV": (-0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
    "OL": (0, 0xFFFFFFFF),
    "OV": (0, 0xFFFFFFFFFFFFFFFF),
    "US or SS": (-0x8000, 0xFFFF),
}
"""The smallest and the largest whole number of each VR, and of the choice that a data set makes."""

_LARGEST_SINGLE = 3.4028234663852886e38  # IEEE 754 binary32
REALS = {"FL": _LARGEST_SINGLE, "FD": inf, "OF": _LARGEST_SINGLE, "OD": inf}
"""The largest of the other numbers of each VR."""

CODES = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "OL": "I", "OV": "Q",
    "US or SS": "i", "FL": "f", "FD": "d", "OF": "f", "OD": "d",
}  # fmt: skip
"""How numbers are packed, in the letters of `struct`; a choice is only checked."""

WHOLE_VRS = frozenset({"US", "SS", "UL", "SL", "UV", "SV"})
REAL_VRS = frozenset({"FL", "FD"})
"""The VRs whose values are numbers, each; those of OL, OV, OF and OD are one string of them."""

REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


def integer(vr: str, text: str) -> int | None:
    """Read a whole number; None where the text is none that the VR can have."""
    least, most = INTEGERS[vr]
    number = int(text) if _INTEGER.fullmatch(text) else None
    return number if number is not None and least <= number <= most else None


def real(vr: str, text: str) -> float | None:
    """Read a number; None where the text is none that the VR can have."""
    number = float(text) if REAL.fullmatch(text) else None
    fits = number is not None and isfinite(number) and abs(number) <= REALS[vr]
    return number if fits else None


def wanted_numbers(vr: str) -> str:
    """Say which numbers a VR has."""
    if vr in INTEGERS:
        least, most = INTEGERS[vr]
        return f"whole numbers from {least} to {most}"
    return "numbers such as 1.5 or -2e3"


def tag(text: str) -> int:
    """Read a value of VR AT.

    Raises
    ------
    ValueError
        It is none; the message says what would be.
    """
    try:
        (node,) = TagPath.parse(text).nodes
    except (UsageError, ValueError) as error:
        raise ValueError("Its values are tags: (gggg,eeee) or a keyword.") from error
    if node.creator:
        raise ValueError("Write a private tag as (gggg,eeee).")
    return node.tag

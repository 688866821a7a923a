"""Decide which words tell who a patient is, and whether an output still says one of them.

The words are the values of names, identifiers, birth dates, addresses, telephones and institutions
of the input. They are searched for in every text of the output, whatever the case, between
characters that are no letters and digits.

What is no evidence: fewer than four letters or digits (two where they are not ASCII, as in Chinese
names; six of an address or institution), words that name nobody, which `data/common_words.txt` has,
and what an option or a recipe keeps at another place. A word that the input has in Manufacturer
(0008,0070) or Manufacturer's Model Name (0008,1090) too is one of the maker and is no evidence
either, unless it is an identifier or a name of the patient.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path

from dcmtools.dataset.charset import decode
from dcmtools.dataset.elements import Element
from dcmtools.dataset.values import CHARSET_VRS, SINGLE_TEXT_VRS

_PATIENT_IDS = frozenset({0x00100020, 0x00101000})
PATIENT = _PATIENT_IDS | {0x00100010, 0x00101001, 0x00101005}
"""Names and identifiers of the patient."""
_OTHER_IDS = frozenset({0x00080050, 0x00101090, 0x00380010, 0x00402016, 0x00402017})
"""Accession Number, Medical Record Locator, Admission ID, Placer and Filler Order Numbers."""
_PLACES = frozenset(
    {
        *(0x00080080, 0x00080081, 0x00080092, 0x00080094, 0x00101040, 0x00102154, 0x00102155),
        *(0x00102299, 0x0040A353, 0x0040A354),
    }
)
"""Institutions, addresses and telephones."""
BIRTH_DATES = frozenset({0x00100030})
_NUMBERS = _PATIENT_IDS | _OTHER_IDS
MAKERS = frozenset({0x00080070, 0x00081090})
IDENTITY = PATIENT | _OTHER_IDS | _PLACES | BIRTH_DATES
"""Attributes that tell who it is, besides all that have the VR PN."""

TEXT_VRS = CHARSET_VRS | {"AE", "CS", "UR"}
"""VRs whose values can say a word."""
_LEAST, _LEAST_WIDE, _LEAST_BINARY, _LEAST_PLACE = 4, 2, 6, 6
_COMPONENTS = 3
"""Family, given and middle name; prefix and suffix are words such as Dr (PS3.5 6.2.1.1)."""
_ESCAPE = b"\x1b"
_PADDING = " \0"
_DAY = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")


def text(element: Element, value: bytes) -> str:
    """Decode the value of an element that is text, in lower case."""
    if is_plain(value):
        return value.decode().lower()
    charset = element.level.charset
    decoded = decode(value, charset, person_name=element.vr == "PN")
    return unicodedata.normalize("NFC", decoded).casefold()


def is_plain(value: bytes) -> bool:
    """Tell whether bytes are ASCII, and do not switch to another character set by an escape."""
    return value.isascii() and _ESCAPE not in value


def pieces(value: bytes, vr: str) -> list[bytes]:
    """Split a value into its values, without padding and empty ones."""
    if vr in SINGLE_TEXT_VRS or b"\\" not in value:
        one = value.strip(b" \0")
        return [one] if one else []
    return [one for each in value.split(b"\\") if (one := each.strip(b" \0"))]


def words_of(element: Element, value: bytes, vr: str) -> Iterator[str]:
    """Give the words by which an element of `IDENTITY`, or a PN, tells who it is."""
    whole = text(element, value)
    tag = element.tag
    if tag in BIRTH_DATES:
        yield from _days(whole)
        return
    for each in whole.split("\\"):
        if vr == "PN":
            for group in each.split("="):
                for component in group.split("^")[:_COMPONENTS]:
                    yield from _evidence(component, _LEAST)
        elif tag in _PLACES:
            yield from _evidence(each, _LEAST_PLACE)
        elif any(map(str.isdigit, each)) or tag not in _NUMBERS:
            yield from _evidence(each, _LEAST)


def _evidence(word: str, least: int) -> Iterator[str]:
    word = " ".join(word.strip(_PADDING).split())
    letters = sum(map(str.isalnum, word))
    least = least if word.isascii() else _LEAST_WIDE
    if letters >= least and not _nobody().issuperset(re.findall(r"\w+", word)):
        yield word


@cache
def _nobody() -> frozenset[str]:
    """Read the words that name nobody, or stand where a name is not known."""
    lines = Path(__file__).with_name("data").joinpath("common_words.txt").read_text("utf-8")
    words = (line.casefold().split() for line in lines.splitlines() if line[:1] != "#")
    return frozenset(chain(*words, ("xxx", "xxxx", "0000", "00000000")))


def _days(value: str) -> Iterator[str]:
    """Give the ways in which a birth date is written."""
    match = _DAY.fullmatch(value.strip(_PADDING))
    if match:
        year, month, day = match.groups()
        if (year, month, day) == ("2000", "01", "01") or year in {"0000", "1900"}:
            return
        yield from (f"{year}{sign}{month}{sign}{day}" for sign in ("", "-", ".", "/"))
        yield from (f"{day}{sign}{month}{sign}{year}" for sign in (".", "/"))


def said(words: Iterable[str], content: str) -> list[str]:
    """Give the words that a text, in lower case, says between other characters than its own."""
    return [word for word in words if word in content and says(word, content)]


def says(word: str, content: str) -> bool:
    """Tell whether a text says a word and not a longer one that it is a part of."""
    if not word.isascii():
        return word in content
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", content) is not None


def said_in_bytes(words: Iterable[str], content: bytes) -> list[str]:
    """Give the words, of those that bytes do not hold by chance, that bytes hold as ASCII."""
    lowered = content.lower()
    return [
        word
        for word in words
        if len(word) >= _LEAST_BINARY and word.isascii() and word.encode() in lowered
    ]

"""Search the texts of an output, as `verify` does, for words and UIDs of the input.

All texts are searched at once, and one by one only where something is found.
"""

import re
from collections.abc import Iterator

from dcmtools.dataset.elements import Element
from dcmtools.dataset.source import WINDOW, Source
from dcmtools.deid.verify_input import Gathered
from dcmtools.deid.verify_rules import keyword
from dcmtools.deid.verify_walk import Large
from dcmtools.deid.verify_words import (
    MAKERS,
    PATIENT,
    TEXT_VRS,
    is_plain,
    said,
    said_in_bytes,
    says,
    text,
)

PIXELS = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Pixel data of all kinds, and what tells where its frames are (PS3.3 C.7.6.3)."""
_BYTES = frozenset({"OB", "OW", "UN", "??"})
SEARCHED = TEXT_VRS | _BYTES
"""VRs of what is searched, pixel data left out."""
_UID = re.compile(rb"[0-2](?:\.[0-9]+){4,}")
_OVERLAP = 256  # bytes by which the pieces of a large value overlap
_HAS_UID = "has a UID of the input in its text"


class Texts:
    """The texts of an output.

    Parameters
    ----------
    gathered : Gathered
        What was found in the input.
    """

    def __init__(self, gathered: Gathered) -> None:
        self._input = gathered
        self._texts: list[Element] = []
        self._bytes: list[Element] = []

    def add(self, element: Element, vr: str) -> None:
        """Add an element that is in memory, given its true VR."""
        if vr in TEXT_VRS:
            self._texts.append(element)
        elif vr in _BYTES and element.tag not in PIXELS:
            self._bytes.append(element)

    def findings(self) -> Iterator[tuple[Element, str]]:
        """Search all that was added; give each element with something in it, and what."""
        values = b"\n".join([element.value or b"" for element in self._texts])
        if is_plain(values):
            whole = values.decode().lower()
        else:
            whole = "\n".join(text(each, each.value or b"") for each in self._texts)
        found = self._unless_made(said(self._input.words, whole))
        uids = self._input.uids.intersection(_UID.findall(values))
        for element in self._texts if found or uids else ():
            value = element.value or b""
            content = text(element, value)
            for why in self._named([word for word in found if says(word, content)]):
                yield element, why
            if not uids.isdisjoint(_UID.findall(value)):
                yield element, _HAS_UID
        for element in self._bytes:
            words = said_in_bytes(self._input.words, element.value or b"")
            for why in self._named(self._unless_made(words)):
                yield element, why

    def in_large(self, source: Source, element: Element, place: Large) -> Iterator[str]:
        """Search a value that is not in memory, a piece at a time; give what is found."""
        is_text = element.vr in TEXT_VRS
        for start in range(0, place.length, WINDOW):
            count = min(WINDOW + _OVERLAP, place.length - start)
            content = source.read(place.offset + start, count)
            if is_text:
                found = said(self._input.words, text(element, content))
            else:
                found = said_in_bytes(self._input.words, content)
            yield from self._named(self._unless_made(found))
            if is_text and not self._input.uids.isdisjoint(_UID.findall(content)):
                yield _HAS_UID

    def _named(self, words: list[str]) -> list[str]:
        """Say of which attributes words are."""
        tags = sorted({self._input.words[word] for word in words})
        return [f"says what the input has in {keyword(tag) or 'a name'}" for tag in tags]

    def _unless_made(self, words: list[str]) -> list[str]:
        """Leave out what is the name of a maker too, unless it is of the patient."""
        if not words:
            return words
        values = (value for tag, value in self._input.had if tag in MAKERS)
        makers = "\n".join(value.decode("latin-1").lower() for value in values)
        return [
            word for word in words if self._input.words[word] in PATIENT or not says(word, makers)
        ]

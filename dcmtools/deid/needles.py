"""Search texts for the identity of a patient, in whatever spelling.

The same patient comes with hundreds of files: what is to be searched for is made once. Most files
have nothing, and are done after a few looks for plain substrings.
"""

import re
from functools import cached_property, lru_cache

from dcmtools.deid.identifying import Identity
from dcmtools.deid.spellings import fold, spelled

_RARE = 6  # digits of a number that is not met by chance


class Needles:
    """What is searched for.

    Parameters
    ----------
    identities : frozenset of Identity
        The true values.

    Attributes
    ----------
    words : tuple of str
        The spellings, folded, the longest first.
    """

    def __init__(self, identities: frozenset[Identity]) -> None:
        found = dict(pair for identity in identities for pair in spelled(identity))
        self.words = tuple(sorted(found, key=lambda word: (-len(word), word)))
        self._expressions = [found[word] for word in self.words]
        self._rare = [word for word in self.words if len(word) >= _RARE or not word.isdigit()]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(self._expressions))

    def are_in(self, folded: str) -> bool:
        """Tell whether a folded text has any of them."""
        found = [word for word in self.words if word in folded]
        return bool(found) and self._pattern.search(folded) is not None

    def are_in_numbers(self, folded: str) -> bool:
        """Tell the same of numbers, among which any short one may be."""
        found = [word for word in self._rare if word in folded]
        return bool(found) and any(
            len(match[0]) >= _RARE or not match[0].isdigit()
            for match in self._pattern.finditer(folded)
        )

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Find where they are in a text: the first character of each, and that behind it."""
        folded, places = text.lower(), None
        if not text.isascii():
            pieces = [fold(each) for each in text]
            folded = "".join(pieces)
            places = [at for at, piece in enumerate(pieces) for _ in piece]
        found = [match.span() for match in self._pattern.finditer(folded)] if self.words else []
        if places is None:
            return found
        return [(places[start], places[end - 1] + 1) for start, end in found]


@lru_cache(maxsize=256)
def needles_of(identities: frozenset[Identity]) -> Needles:
    """Give what is searched for; see `Needles`."""
    return Needles(identities)

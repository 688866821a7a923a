r"""Decide what a text that is cleaned loses: action C (PS3.15 E.3.4, E.3.5).

Besides the identity of the patient that is what looks like one: dates, times of day, long numbers,
telephone numbers, addresses on the net, and names behind a title or a word that announces them.
What is left says what was done and found: ``nodule 5 mm, T2 sag 3/8``. That no other name is in it
cannot be promised.
"""

import re

from dcmtools.deid.needles import Needles

_MONTH = r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zä]*"
_YEAR = r"(?:19|20)\d\d"
_NAMED = r"[^\W\d_][\w'\u2019-]+"
_SUSPECT = re.compile(
    rf"""
      (?i:[a-z]+://\S+ | www\.\S+ | [\w.+-]+@[\w-]+(?:\.[\w-]+)+)
    | \b{_YEAR}([-./ ])\d\d?\1\d\d?\b                    # 2019-03-14
    | \b\d\d?([-./ ])\d\d?\2{_YEAR}\b                    # 14.03.2019
    | \b\d\d([./-])\d\d\3\d\d\b                          # 14.03.19
    | (?i:\b\d\d?(?:st|nd|rd|th|\.)?[\s-]*{_MONTH}[\s.,-]*{_YEAR}\b)
    | (?i:\b{_MONTH}[\s.]*\d\d?(?:st|nd|rd|th)?[\s,]+{_YEAR}\b)
    | (?i:\b(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?:\.\d+)?(?:\s?[ap]m)?\b)
    | \+\d[\d ()/-]{{6,}}\d                              # +49 30 7312468
    | \b0\d{{2,4}}[ /-]\d{{4,}}
    | (?<![\w.])[\w-]*\d{{5,}}[\w-]*                     # MRN-471199
    | (?<!\w)(?:Dr|DR\.|dr|Prof|PROF|Mr|Mrs|MRS|Ms|Miss|MISS|Herrn?|HERRN?|Frau|FRAU|Mme|Sra?|Dott)
      \.?\s+(?:(?:Dr|Prof|med|von|van|de)\.?\s+)*{_NAMED}(?:\s+[^\W\d_a-z][\w'\u2019-]+)?
    | (?i:\b(?:name|patient|pat|pt|dob|mrn|born|ssn|by)\s*[:=]\s*[^\s,;]+(?:[ ]*,[ ]*{_NAMED})?)
    """,
    re.VERBOSE,
)
_EMPTIED = re.compile(r"\(\s*\)|\[\s*\]|\{\s*\}")
_SPACES = re.compile(r"[ \t]{2,}")
_LEFT_OVER = " \0,;:-_/^="


def cleaned(text: str, needles: Needles, *, only_needles: bool = False) -> str:
    """Take out of a text what identifies.

    Parameters
    ----------
    text : str
        The text; one value.
    needles : Needles
        The identity of the patient.
    only_needles : bool
        Whether only that is taken out.

    Returns
    -------
    str
        The text itself where there is nothing to take out; "" where nothing is left.
    """
    spans = needles.spans(text)
    if not only_needles:
        spans += [match.span() for match in _SUSPECT.finditer(text)]
    if not spans:
        return text
    pieces, at = [], 0
    for start, end in sorted(spans):
        if start > at:
            pieces.append(text[at:start])
        at = max(at, end)
    left = _EMPTIED.sub(" ", " ".join([*pieces, text[at:]]))
    left = _SPACES.sub(" ", left).strip(_LEFT_OVER)
    # What was apart may have come together.
    return left if not needles.spans(left) else ""

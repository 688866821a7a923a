"""Decide how an identity may be spelled elsewhere, and when a spelling is no coincidence.

Case, accents and the width of characters do not count. Short words count only as whole words, and
words of which every scanner is full, such as parts of the body, do not count at all.
"""

import re
from collections.abc import Iterator
from functools import cache
from unicodedata import combining, normalize
from unicodedata import name as unicode_name

from dcmtools.deid.identifying import Identity, Kind
from dcmtools.deid.tables import lines

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_LEAST_WORD = 3
_LEAST_ADDRESS_WORD = 6
_LEAST_PLACE_WORD = 5
_ALONE = 8  # letters of a word that is found within others too
_LEAST_NUMBER = 4
_LEAST_DIGITS = 6  # of a number that is one among numbers
_LEAST_PART = 6
_LEAST_PHONE = 6
_FIRST_IDEOGRAPH = "\u2e80"
_JAMO = "\u1100", "\u11ff"
"""The parts that a syllable of Hangul is folded to, two or three."""
_SEPARATORS = re.compile(r"[\s,.;:_/()\[\]\"*]+")
_PARTS = re.compile(r"[,;\r\n^]+")
_DIGITS = re.compile(r"\d+")
_DAY = re.compile(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)")
_MONTH = re.compile(r"(\d{4})[.-]?(\d\d)?")
_LETTER = r"[^\W\d_]"
_VOICED = "\u3099\u309a"
"""The marks that make another letter of a kana."""
_HEPBURN = (
    ("sy", "sh"), ("ty", "ch"), ("zy", "j"), ("dy", "j"), ("si", "shi"), ("ti", "chi"),
    ("tu", "tsu"), ("hu", "fu"), ("zi", "ji"), ("di", "ji"), ("du", "zu"),
)  # fmt: skip
_TRANSCRIBED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})


def fold(text: str) -> str:
    """Leave out of a text what does not make it another one: case, accents, width."""
    text = text.casefold()
    if text.isascii():
        return text
    return "".join(
        [each for each in normalize("NFKD", text) if each in _VOICED or not combining(each)]
    )


@cache
def _common_words() -> frozenset[str]:
    return frozenset(fold(word) for line in lines("common_words.txt") for word in line.split())


def spelled(identity: Identity) -> Iterator[tuple[str, str]]:
    """Give the spellings of an identity, folded, each with a regular expression for it."""
    kind, text = identity
    text = text.strip(" \0")
    for whole in {text, text.lower().translate(_TRANSCRIBED)}:
        folded = fold(whole).strip()
        if folded in _common_words() or folded in _MARKS:
            continue
        if kind is Kind.NAME:
            yield from _name(folded)
        elif kind in (Kind.NUMBER, Kind.SHORT_NUMBER):
            yield from _number(folded, kind)
        elif kind in (Kind.DATE, Kind.BIRTH_DATE):
            yield from _date(folded, kind)
        elif kind is Kind.PHONE:
            yield from _phone(folded)
        else:
            yield from _place(folded, kind)


def _name(text: str) -> Iterator[tuple[str, str]]:
    for group in text.split("="):
        components = [" ".join(each.split()) for each in group.split("^")[:3]]
        yield from _whole_name([part for part in components[:2] if part])
        parts = [part for part in components if part and part not in _common_words()]
        for part in parts:
            for word in (part, *_SEPARATORS.split(part), *re.split(r"[-'\u2019]", part)):
                yield from _word(word.strip("-'\u2019 "), _LEAST_WORD)


def _whole_name(parts: list[str]) -> Iterator[tuple[str, str]]:
    """Spell a name whole, for its parts may be too short to be looked for by themselves."""
    for first, second in ((parts[:1], parts[1:2]), (parts[1:2], parts[:1])):
        if not first or not second:
            return
        for between in ("", " ", ", ", ",", "^", "_", "-", "."):
            joined = between.join(first + second)
            if len(joined) - len(between) > _LEAST_WORD or _is_ideographic(joined):
                yield joined, _bounded(joined, _LETTER)


def _word(word: str, least: int) -> Iterator[tuple[str, str]]:
    if word in _common_words():
        return
    if _is_ideographic(word):
        for romanized in _romanized(word):
            yield from _word(romanized, least)
        if len(word) > (1 if word[0] >= _FIRST_IDEOGRAPH else _LEAST_WORD):
            yield word, re.escape(word)
    elif any(each.isdigit() for each in word):
        yield from _number(word, Kind.NUMBER)
    elif len(word) >= least:
        yield word, re.escape(word) if len(word) >= _ALONE else _bounded(word, _LETTER)


def _is_ideographic(word: str) -> bool:
    """Tell a word of a script in which words are short, and nothing stands between them."""
    return bool(word) and all(
        each >= _FIRST_IDEOGRAPH or _JAMO[0] <= each <= _JAMO[1] for each in word
    )


def _romanized(word: str) -> Iterator[str]:
    """Write kana in Latin letters, as Unicode names them and by Hepburn; nothing for others."""
    latin = ""
    for each in normalize("NFKC", word):
        kind, _, sound = unicode_name(each, "").rpartition(" ")
        if not kind.startswith(("KATAKANA LETTER", "HIRAGANA LETTER")):
            return
        if kind.endswith("SMALL") and sound.startswith("Y"):  # KI and a small YA are KYA
            latin = latin[:-1]
        latin += sound.lower()
    hepburn = latin
    for plain, written in _HEPBURN:
        hepburn = hepburn.replace(plain, written)
    yield from {latin, hepburn, hepburn.replace("ou", "o").replace("uu", "u")}


def _number(text: str, kind: Kind) -> Iterator[tuple[str, str]]:
    least = _LEAST_NUMBER if kind is Kind.NUMBER else _LEAST_DIGITS
    for one in text.split("\\"):
        whole = one.strip()
        if not any(each.isdigit() for each in whole):
            yield from _word(whole, _LEAST_PLACE_WORD)
            continue
        forms = {whole, re.sub(r"[\s._/-]", "", whole)}
        forms |= {digits for digits in _DIGITS.findall(whole) if len(digits) >= _LEAST_DIGITS}
        forms |= {each.lstrip("0") for each in forms if len(each.lstrip("0")) >= _LEAST_DIGITS}
        for form in forms:
            if len(form) >= least:
                yield form, _bounded(form, r"\d" if form.isdigit() else r"[^\W_]")


def _date(text: str, kind: Kind) -> Iterator[tuple[str, str]]:
    if kind is Kind.BIRTH_DATE:
        yield from _part_of_a_date(text)
    for match in _DAY.finditer(text):
        year, month, day = match.groups()
        name = _MONTHS[int(month) - 1] if 0 < int(month) <= len(_MONTHS) else "-"
        lone = str(int(day))
        forms = [f"{year}{month}{day}"]
        for between in "-./ ":
            forms += [f"{year}{between}{month}{between}{day}"]
            forms += [f"{day}{between}{month}{between}{year}"]
            forms += [f"{month}{between}{day}{between}{year}"]
            forms += [f"{lone}{between}{int(month)}{between}{year}"]
            forms += [f"{int(month)}{between}{lone}{between}{year}"]
        for written in (name, name[:3]):
            for one in {day, lone}:
                forms += [f"{one}{between}{written}{between}{year}" for between in ("-", " ", "")]
                forms += [f"{one}. {written} {year}", f"{written} {one}, {year}"]
                forms += [f"{written} {one} {year}"]
        if kind is Kind.BIRTH_DATE:
            for between in "./-":
                forms += [f"{day}{between}{month}{between}{year[2:]}"]
                forms += [f"{month}{between}{day}{between}{year[2:]}"]
        for form in dict.fromkeys(forms):
            yield form, _bounded(form, r"\d")


def _part_of_a_date(text: str) -> Iterator[tuple[str, str]]:
    """Look for any date of the year, and of the month, of birth where no more is known of it."""
    match = _MONTH.fullmatch(text.strip())
    if match:
        year, month = match[1], match[2] or r"\d\d?"
        between = r"[-./ ]"
        yield (
            year,
            (
                rf"(?<!\d)(?:{year}{between}?{month}{between}?\d\d?"
                rf"|\d\d?{between}{month}{between}{year}|{month}{between}\d\d?{between}{year})(?!\d)"
            ),
        )


def _phone(text: str) -> Iterator[tuple[str, str]]:
    for one in re.split(r"[\\\r\n;]", text):
        whole = one.strip()
        digits = "".join(_DIGITS.findall(whole))
        if len(digits) < _LEAST_PHONE:
            continue
        yield whole, re.escape(whole)
        for form in {digits, *(run for run in _DIGITS.findall(whole) if len(run) >= _LEAST_PHONE)}:
            yield form, _bounded(form, r"\d")


def _place(text: str, kind: Kind) -> Iterator[tuple[str, str]]:
    whole = " ".join(text.replace("\\", " ").split())
    least = _LEAST_PLACE_WORD if kind is Kind.INSTITUTION else _LEAST_ADDRESS_WORD
    for part in (whole, *(part.strip() for part in _PARTS.split(text))):
        if len(part) >= _LEAST_PART and not part.isdigit():
            words = _SEPARATORS.split(part)
            if not _common_words().issuperset(words):
                yield part, _bounded(part, r"[^\W_]")
    for word in _SEPARATORS.split(text.replace("\\", " ")):
        if not any(each.isdigit() for each in word):
            yield from _word(word.strip("-'\u2019 "), least)


def _bounded(text: str, neighbour: str) -> str:
    """Match a text where it is not part of a longer word or number."""
    return f"(?<!{neighbour}){re.escape(text)}(?!{neighbour})"


_MARKS = ("", "-", "--", "?", "n/a", "na", "xxx", "xxxx", "0", "000", "0000", "00000000")

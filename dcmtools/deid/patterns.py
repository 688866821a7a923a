"""Decide which regular expressions a recipe may use, and on how long a text.

Python's expressions try all ways to match, and a value that comes with a file could be made so
that this takes for ever. Where a repeat repeats another there are ways without number: that is
refused. Otherwise they are as many as there are ways to divide the text among the repeats, so the
more of them, the shorter the text.
"""

import re
import warnings
from functools import lru_cache

from dcmtools.errors import InputError, UsageError

_TOKEN = re.compile(
    r"""
    (?P<class> \[ \^? \]? (?: [^\]\\] | \\. )* \] )
    | (?P<escape> \\. )
    | (?P<comment> \(\?\# [^)]* \) )
    | (?P<verbose> \(\? [a-zA-Z]*x )
    | (?P<open> \( (?: \? [a-zA-Z-]* [<>=!:]* )? )
    | (?P<close> \) )
    | (?P<repeat> (?: [*+?] | \{ [0-9]* ,? [0-9]* \} ) [?+]? )
    | (?P<either> \| )
    """,
    re.VERBOSE | re.DOTALL,
)
_FIXED = re.compile(r"\{[0-9]+\}[?+]?")
_LONGEST = (1 << 20, 10240, 1024, 256, 128, 64)
"""The most characters of a text by the number of repeats: some hundred million ways at most."""

_HINT = "Write a class such as [a-z ]+ for what repeats, or several rules."


def compiled(text: str) -> re.Pattern[str]:
    """Compile an expression.

    Raises
    ------
    UsageError
        It is none, or one that can take for ever.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            pattern = re.compile(text)
        except (re.error, Warning, OverflowError, RecursionError) as exc:
            raise UsageError(text, f"is not a regular expression: {exc}") from exc
    if _repeats(text) >= len(_LONGEST):
        raise UsageError(text, f"has more than {len(_LONGEST) - 1} repeats", _HINT)
    return pattern


def replaced(pattern: re.Pattern[str], replacement: str, text: str, what: str) -> str:
    r"""Replace whatever an expression matches.

    Parameters
    ----------
    pattern : re.Pattern
        What `compiled` gave.
    replacement : str
        What stands there instead; ``\1`` and ``\g<name>`` are groups of the pattern.
    text : str
        One value.
    what : str
        What to call the element in errors.

    Raises
    ------
    InputError
        The text is longer than the expression may be tried on.
    """
    most = _LONGEST[_repeats(pattern.pattern)]
    if len(text) > most:
        why = f"has {len(text)} characters, and its pattern may be tried on {most}"
        raise InputError(what, why, "Use fewer of * + {} in the pattern, or another action.")
    return pattern.sub(replacement, text)


@lru_cache(maxsize=256)
def _repeats(text: str) -> int:
    """Count what repeats, and refuse a repeat of what has repeats or alternatives in it."""
    count = 0
    varied = [False]  # of each open group, whether it matches texts of more than one shape
    closed = False  # whether the group that has just been closed does
    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup, match[0]
        if kind == "verbose":
            raise UsageError(text, "has the flag x", "Write it without blanks and comments.")
        if kind == "open":
            varied.append(False)
        elif kind == "close":
            closed = varied.pop()
            varied[-1] |= closed
            continue
        elif kind == "either":
            varied[-1] = True
        elif kind == "repeat":
            is_optional = token.startswith("?")
            if closed and not is_optional and text[match.start() - 1] == ")":
                raise UsageError(text, "repeats what varies in itself", _HINT)
            if not _FIXED.fullmatch(token):
                varied[-1] = True
                count += not is_optional
        closed = False
    return count

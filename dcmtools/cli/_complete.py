"""Answer the shell: the words that only the program knows, for ``dcmtools __complete KIND PREFIX``.

Whatever goes wrong, nothing is said: a message would land in the line that is being typed.
"""

import os
from collections.abc import Callable
from contextlib import suppress


def complete(arguments: list[str]) -> None:
    """Print the words that a prefix can become, one a line.

    Parameters
    ----------
    arguments : list of str
        The kind of word, ``keywords`` or ``peers``, and what is typed of it. An unknown kind has
        no words.
    """
    with suppress(Exception, KeyboardInterrupt):
        kind, prefix = [*arguments, "", ""][:2]
        words = "".join(f"{word}\n" for word in _KINDS[kind](prefix))
        # Not sys.stdout: its bytes may stand for no text here, and at exit it would be flushed
        # into a pipe that the shell may have closed.
        with open(1, "wb", closefd=False) as stdout:
            stdout.write(os.fsencode(words))


def _keywords(prefix: str) -> list[str]:
    """Complete the last node of a tag path; what is before it stays."""
    from dcmtools.dataset.dictionary import keywords_starting  # noqa: PLC0415

    above, dot, node = prefix.rpartition(".")
    if above.count('"') % 2:  # the dot is part of the name of a private creator
        return []
    return [f"{above}{dot}{keyword}" for keyword in keywords_starting(node)]


def _peers(prefix: str) -> list[str]:
    """Complete the name of a peer in the configuration."""
    from dcmtools.config import peer_names  # noqa: PLC0415

    return [name for name in peer_names(os.environ) if name.startswith(prefix)]


_KINDS: dict[str, Callable[[str], list[str]]] = {"keywords": _keywords, "peers": _peers}

"""Decide which characters must not reach a terminal, a log or a line as they are."""

import re

_UNSAFE = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def escape(text: str) -> str:
    r"""Show control characters and undecodable bytes as ``\xNN`` or ``\uNNNN``.

    Bidirectional controls and line separators count as control characters: a value must not be
    able to forge a line or to change what a terminal shows.
    """
    return text if text.isprintable() else _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - surrogateescape, PEP 383
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte

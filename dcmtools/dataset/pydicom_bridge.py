"""Ask pydicom for what is its work and not on a hot path; the only place that imports it.

Importing pydicom takes longer than most commands run, and it imports numpy merely because numpy is
installed. The program, which knows that a command touches no pixels, calls `leave_numpy_out`
first; a library must not, since the choice holds for the whole process.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_TEXT_DELIMITERS = set(b"\r\n\t\f\\")
_PERSON_NAME_DELIMITERS = {*_TEXT_DELIMITERS, *b"^="}


_TO_GB2312 = "\x1b$)A"
_numpy_is_left_out = False


def leave_numpy_out() -> None:
    """Have pydicom imported without numpy, if it is imported at all."""
    global _numpy_is_left_out  # noqa: PLW0603 - it is a choice for the process
    _numpy_is_left_out = True


def _pydicom() -> ModuleType:
    if _numpy_is_left_out and "pydicom" not in sys.modules and "numpy" not in sys.modules:
        sys.modules["numpy"] = None  # type: ignore[assignment] # makes its import fail
        try:
            import pydicom  # noqa: PLC0415
        finally:
            del sys.modules["numpy"]
    import pydicom.charset  # noqa: PLC0415
    import pydicom.config  # noqa: PLC0415

    return pydicom


@contextmanager
def _strict() -> Iterator[None]:
    """Have pydicom raise where it would warn and replace characters."""
    config = _pydicom().config
    mode = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.RAISE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.settings.reading_validation_mode = mode


def decode_text(raw: bytes, charsets: list[str], *, person_name: bool) -> str:
    """Decode text with code extensions (PS3.5 6.1.2.5).

    Parameters
    ----------
    raw : bytes
        The value of the element.
    charsets : list of str
        The values of Specific Character Set (0008,0005).
    person_name : bool
        Whether the delimiters of person names end a code extension too.

    Returns
    -------
    str
        The text; where it cannot be decoded, ASCII with lone surrogates for all other bytes.
    """
    charset = _pydicom().charset
    delimiters = _PERSON_NAME_DELIMITERS if person_name else _TEXT_DELIMITERS
    with _strict():
        try:
            text: str = charset.decode_bytes(raw, charset.convert_encodings(charsets), delimiters)
        except (LookupError, ValueError):
            return raw.decode("ascii", "surrogateescape")
    return text.replace(_TO_GB2312, "")  # Python's codec leaves the escape sequence there

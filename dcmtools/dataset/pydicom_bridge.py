"""Ask pydicom for what is its work and not on a hot path; the only place that imports it.

Importing pydicom takes longer than most commands run, and it imports numpy merely because numpy is
installed. The program, which knows that a command touches no pixels, calls `leave_numpy_out`
first; a library must not, since the choice holds for the whole process.
"""

import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import RLock
from types import ModuleType
from typing import NamedTuple

_TEXT_DELIMITERS = set(b"\r\n\t\f\\")
_PERSON_NAME_DELIMITERS = {*_TEXT_DELIMITERS, *b"^="}


_TO_GB2312 = "\x1b$)A"
_JIS_X_0201 = "shift_jis"
_numpy_is_left_out = False


def leave_numpy_out() -> None:
    """Have pydicom imported without numpy, if it is imported at all."""
    global _numpy_is_left_out  # noqa: PLW0603 - it is a choice for the process
    _numpy_is_left_out = True


def load_pydicom() -> None:
    """Import pydicom, without numpy where that was asked for."""
    _pydicom()


def _pydicom() -> ModuleType:
    with _settings:  # two threads that import it at once find it half made
        if _numpy_is_left_out and "pydicom" not in sys.modules and "numpy" not in sys.modules:
            sys.modules["numpy"] = None  # type: ignore[assignment] # makes its import fail
            try:
                import pydicom  # noqa: PLC0415
            finally:
                del sys.modules["numpy"]
        import pydicom.charset  # noqa: PLC0415
        import pydicom.config  # noqa: PLC0415

    return pydicom


_settings = RLock()
"""Whoever holds it may change what holds for all threads: what pydicom and warnings are set to."""


@contextmanager
def quiet() -> Iterator[None]:
    """Leave untold what pydicom warns of, within a ``with`` block."""
    with _settings, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _strict() -> Iterator[None]:
    """Have pydicom raise where it would warn and replace characters."""
    config = _pydicom().config
    with quiet():
        mode = config.settings.reading_validation_mode
        config.settings.reading_validation_mode = config.RAISE
        try:
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


def encode_text(text: str, charsets: list[str], *, person_name: bool) -> bytes:
    """Encode text, with code extensions where the character sets need them (PS3.5 6.1.2.5).

    Parameters
    ----------
    text : str
        The whole value; a backslash, and the end of a line, end a code extension.
    charsets : list of str
        The values of Specific Character Set (0008,0005), as the standard spells them.
    person_name : bool
        Whether ``^`` and ``=`` end a code extension too.

    Raises
    ------
    ValueError
        The sets cannot hold the text, or one of them is not known; the message is for people.
    """
    charset = _pydicom().charset
    try:
        codecs = [charset.python_encoding[name] for name in charsets]
    except KeyError as error:
        raise ValueError(f"text cannot be encoded in '{error.args[0]}'") from error
    # pydicom takes the default repertoire, which is ASCII, for Latin-1, but can escape to it.
    known = codecs if codecs[0] != charset.default_encoding else ["ascii", *codecs[1:]]
    stray = [char for char in text if not any(_holds(charset, codec, char) for codec in known)]
    if stray:
        raise ValueError(f"'{stray[0]}' is not a character of {'/'.join(charsets) or 'ASCII'}")
    if codecs == [_JIS_X_0201]:  # pydicom takes its two halves for sets that are not used together
        return b"".join(map(charset.custom_encoders[_JIS_X_0201], text))
    pieces = re.split(r"([\\^=\r\n\t\f])" if person_name else r"([\\\r\n\t\f])", text)
    return b"".join([charset.encode_string(piece, codecs) for piece in pieces if piece])


def _holds(charset: ModuleType, codec: str, char: str) -> bool:
    try:
        charset.custom_encoders.get(codec, lambda text: text.encode(codec))(char)
    except UnicodeError:
        return False
    return True


class Encodable(NamedTuple):
    """An element that can be encoded."""

    tag: int
    vr: str
    value: bytes | list[int] | list[float] = b""
    """Numbers and tags as numbers, all else encoded already and of even length."""
    item: "tuple[Encodable, ...]" = ()
    """What the one item of a sequence holds, nothing for a sequence without items."""


def encode_data_set(elements: Iterable[Encodable], *, implicit: bool) -> bytes:
    """Encode a data set in little endian (PS3.5 section 7).

    Parameters
    ----------
    elements : iterable of Encodable
        The elements, in any order; their values are not checked.
    implicit : bool
        Whether VRs are left out.

    Returns
    -------
    bytes
        The elements in ascending order; all lengths are defined.
    """
    config = _pydicom().config
    from pydicom.dataelem import DataElement, RawDataElement  # noqa: PLC0415
    from pydicom.filebase import DicomBytesIO  # noqa: PLC0415
    from pydicom.filewriter import write_data_element  # noqa: PLC0415
    from pydicom.tag import BaseTag, ItemTag  # noqa: PLC0415

    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, implicit
    for tag, vr, value, members in sorted(elements, key=lambda element: element.tag):
        if members:
            item = DicomBytesIO()
            item.is_little_endian = True
            content = encode_data_set(members, implicit=implicit)
            item.write_tag(ItemTag)
            item.write_UL(len(content))
            value = item.getvalue() + content  # noqa: PLW2901 - the value of a sequence
        element: DataElement | RawDataElement
        if isinstance(value, bytes):
            # Written as it is: a wildcard in a date or a number is no mistake here.
            how = {"is_implicit_VR": implicit, "is_little_endian": True}
            element = RawDataElement(BaseTag(tag), vr, len(value), value, 0, **how)
        else:
            element = DataElement(tag, vr, value, validation_mode=config.IGNORE)
        write_data_element(stream, element)
    return stream.getvalue()

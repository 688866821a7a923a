"""Decide what of a file can be sent as an object, and as what (PS3.4 Annex B, PS3.10 section 7).

The data set says what the object is, and how it is really encoded says in which transfer syntax it
can go; what the header says of both is held against it. What is sent are the bytes of the data set
as they stand in the file, and nothing that follows them.
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from sys import intern

from dcmtools.dataset.dictionary import uid_keyword
from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import (
    ENCODING_NAMES,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    PIXEL_DATA,
    Element,
)
from dcmtools.dataset.header import DEFLATED, IMPLICIT, Header
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query_models import is_uid
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.received import SERIES, SOP_CLASS, SOP_INSTANCE, STUDY, Check, own_value
from dcmtools.dataset.select import first_values
from dcmtools.dataset.source import STDIN, Inflated
from dcmtools.errors import InputError, NotDicomError
from dcmtools.escape import escape

_PLAIN = {
    IMPLICIT_LITTLE: "1.2.840.10008.1.2",
    EXPLICIT_LITTLE: "1.2.840.10008.1.2.1",
    EXPLICIT_BIG: "1.2.840.10008.1.2.2",
}
"""The transfer syntax of what is not compressed, by how it is encoded (PS3.5 section 10)."""
_TAGS = (SOP_CLASS, SOP_INSTANCE, STUDY, SERIES)
_PATHS = tuple(TagPath.parse(f"{tag:08x}") for tag in _TAGS)
_NAMES = {SOP_CLASS: "SOP Class UID (0008,0016)", SOP_INSTANCE: "SOP Instance UID (0008,0018)"}
_IN_META = {SOP_CLASS: 0x00020002, SOP_INSTANCE: 0x00020003}
_FOUND = frozenset({SOP_CLASS, SOP_INSTANCE, PIXEL_DATA})
_ONCE = frozenset({*_TAGS, PIXEL_DATA})
"""What a data set has once; where it is there again, another one has begun."""
_FOREIGN_GROUPS = (0x0000, 0x0002)  # of commands and file meta groups, PS3.5 7.1
_MOST_SHOWN = 80  # characters of a value that is no UID


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file as it can be sent.

    Parameters
    ----------
    path : Path
        The file.
    sop_class, sop_instance : str
        The UIDs of the object, by its data set.
    study, series : str
        The UIDs of what it belongs to, "" where it does not say.
    transfer_syntax : str
        That in which its data set really is.
    start, size : int
        The bytes of the file that are to be sent: where they begin, and how many there are.
    warnings : tuple of str
        What is wrong with the file that does no harm; known once it has been checked.
    """

    path: Path
    sop_class: str
    sop_instance: str
    study: str
    series: str
    transfer_syntax: str
    start: int
    size: int
    warnings: tuple[str, ...] = ()


def look_at(path: Path) -> Outgoing:
    """Look at the beginning of a file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    NotDicomError
        It is not DICOM, or a DICOMDIR.
    InputError
        It cannot be read, or not be sent.
    """
    if path == STDIN:
        raise InputError("-", "standard input cannot be sent", "Write it to a file first.")
    _refuse_stream(path)
    with DicomFile(path, glance=True) as file:
        if file.header.is_directory:
            hint = "With --dicomdir the files that it lists are sent."
            raise NotDicomError(str(path), "is a DICOMDIR", hint)
        _refuse_damage(path, file.header.problems)
        own = [own_value(hits) for hits in first_values(file, _PATHS)]
        sop_class, sop_instance, study, series = own
        syntax = _syntax(path, file.header)
        for tag, uid in ((SOP_CLASS, sop_class), (SOP_INSTANCE, sop_instance)):
            _check_uid(path, tag, uid, file.header)
        start = file.header.offset
        size = file.size - start
    return Outgoing(path, intern(sop_class), sop_instance, study, series, syntax, start, size)


def check(outgoing: Outgoing) -> Outgoing:
    """Read a file to its end, before any of it is sent.

    Returns
    -------
    Outgoing
        The same, without what follows the data set, and with what is wrong but does no harm.

    Raises
    ------
    InputError
        It cannot be read, something is missing or in doubt, or it is not what it was.
    """
    path = outgoing.path
    with DicomFile(path) as file:
        header = file.header
        walk = Check(header.source, header.start, header.encoding)
        found = walk.find(_FOUND)
        problems = [*header.problems, *walk.problems]
        _refuse_damage(path, problems)
        if walk.problems:  # a second data set is never in order behind the first
            _refuse_second(file)
        known = {SOP_CLASS: outgoing.sop_class, SOP_INSTANCE: outgoing.sop_instance}
        if any(
            own_value([found[tag]]) != uid for tag, uid in known.items() if tag in found
        ) or not (known.keys() <= found.keys() and header.offset == outgoing.start):
            raise InputError(str(path), "has become another object since it was looked at")
        size = _size(file, walk.position)
    warnings = [str(problem) for problem in problems]
    warnings += _about_pixels(path, outgoing.transfer_syntax, found.get(PIXEL_DATA))
    if isinstance(header.source, Inflated) and not header.source.is_raw:
        warnings.append("the deflated data set has a wrapper of zlib or gzip, which few can read")
    if size % 2 and not header.deflated:  # PS3.5 A.5: that of a deflated one is no flaw
        warnings.append(f"the data set has an odd length of {size} bytes, and is sent with a zero")
    return replace(outgoing, size=size, warnings=tuple(warnings))


def _size(file: DicomFile, end: int) -> int:
    """Count the bytes to send: without the zeros that may follow the data set."""
    header = file.header
    return (header.source.end if isinstance(header.source, Inflated) else end) - header.offset


def _refuse_stream(path: Path) -> None:
    """Refuse what can be read only once, or has no end; whatever else is wrong shows later."""
    with suppress(OSError, ValueError):
        mode = os.stat(path).st_mode  # noqa: PTH116 - a path object's own costs more than the call
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise InputError(str(path), "is no regular file", "Write it to a file first.")


def _refuse_damage(path: Path, problems: Iterable[object]) -> None:
    for problem in problems:
        if getattr(problem, "damage", False):
            hint = "It is not sent, for what is missing or in doubt would be lost unnoticed."
            raise InputError(str(path), f"is damaged: {problem}", hint)


def _refuse_second(file: DicomFile) -> None:
    """Refuse what another data set may follow, with no preamble to tell where it begins."""
    seen: set[int] = set()
    for element in file.elements():
        tag = element.tag
        if element.level.depth or not element.vr:
            continue
        if tag in seen:
            why = f"has a second {describe(tag)}, at byte {element.offset}"
        elif tag >> 16 in _FOREIGN_GROUPS:
            why = f"has {describe(tag)} in its data set, at byte {element.offset}"
        else:
            seen |= _ONCE & {tag}
            continue
        hint = "What begins there may be another file, and of another patient."
        raise InputError(str(file.path), why, hint)


def _check_uid(path: Path, tag: int, uid: str, header: Header) -> None:
    """See that an object says what it is, and that its header says the same."""
    if not uid:
        raise InputError(str(path), f"has no {_NAMES[tag]}, without which it cannot be sent")
    if not is_uid(uid):
        raise InputError(str(path), f"has a {_NAMES[tag]} that is none: '{_shown(uid)}'")
    meta = next((each for each in header.meta if each.tag == _IN_META[tag]), None)
    named = "" if meta is None else (meta.value or b"").decode("ascii", "replace").strip(" \0")
    if named not in ("", uid):
        hint = "Which of the two it is nobody can tell; dcmtools dump shows both."
        why = f"the file meta group names another {_NAMES[tag][:-12]} than the data set"
        raise InputError(str(path), why, hint)


def _shown(text: str) -> str:
    return escape(text[:_MOST_SHOWN]) + ("..." if len(text) > _MOST_SHOWN else "")


def _syntax(path: Path, header: Header) -> str:
    """Tell in which transfer syntax a data set really is."""
    announced, encoding = header.transfer_syntax, header.encoding
    plain = _PLAIN.get(encoding)
    if plain is None:
        why = f"is encoded as {ENCODING_NAMES[encoding]}, which no transfer syntax is"
        raise InputError(str(path), why)
    if not announced or (announced in DEFLATED and not header.deflated):
        return plain
    if announced in _PLAIN.values():
        return plain
    if not is_uid(announced):
        why = f"has a Transfer Syntax UID (0002,0010) that is none: '{_shown(announced)}'"
        raise InputError(str(path), why)
    declared = IMPLICIT_LITTLE if announced in IMPLICIT else EXPLICIT_LITTLE
    if encoding != declared:
        named = uid_keyword(announced) or announced
        why = f"announces {named}, and is encoded as {ENCODING_NAMES[encoding]}"
        raise InputError(str(path), why, "In which of the two its pixels are nobody can tell.")
    return intern(announced)


def _about_pixels(path: Path, syntax: str, pixels: Element | None) -> list[str]:
    """Hold the form of the pixel data against the transfer syntax (PS3.5 Annex A)."""
    if pixels is None:
        return []
    plain = syntax in _PLAIN.values() or syntax in DEFLATED
    if pixels.is_container and plain:
        named = uid_keyword(syntax) or syntax
        raise InputError(str(path), f"has encapsulated pixel data, which {named} has not")
    keyword = uid_keyword(syntax)
    if not pixels.is_container and not plain and keyword and pixels.length:
        return [f"its pixel data is not encapsulated, as {keyword} wants it"]
    return []

"""Decide under which name within a folder an object is stored.

A template such as ``{PatientID}/{SeriesInstanceUID}/{InstanceNumber}.dcm`` makes it of values that
strangers have sent: whatever they are, the name has as many parts as the template, none of them
leads up or hides a file, and every system can have it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from hashlib import sha256
from string import Formatter

from dcmtools.dataset import dictionary
from dcmtools.dataset.path import EXACT, TagPath, format_tag
from dcmtools.errors import UsageError

UNKNOWN = "unknown"
"""What stands where a value is missing or would be ``.`` or ``..``."""

CALLING_AET, CALLED_AET, REMOTE_HOST, TRANSFER_SYNTAX = SPECIALS = (
    "CallingAET",
    "CalledAET",
    "RemoteHost",
    "TransferSyntaxUID",
)
"""What a name can hold besides elements of the data set."""

Key = int | str
"""What a value is asked for by: a tag, or one of `SPECIALS`."""

_LONGEST_VALUE = 64  # characters
_LONGEST_NAME = 240  # bytes of the 255 that file systems have: a number may come behind it
_HASH = 16  # hexadecimal digits that tell long values apart
_UID = re.compile(r"[0-9][0-9.]{0,63}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_UNFIT = re.compile(r"[\0-\x1f\x7f\\:]")  # in what the user writes; elsewhere than here they lead
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.IGNORECASE | re.DOTALL)
_VALUELESS = frozenset({"SQ", "OB", "OD", "OF", "OL", "OV", "OW", "OB or OW", "OB_OW"})
_NO_DATA_SET = (0x0000, 0x0002)  # groups of commands and file meta information
_EXAMPLE = "Write it like {PatientID}/{StudyInstanceUID}/{SOPInstanceUID}.dcm."


class Layout(StrEnum):
    """Where an object goes within the folder, in a word."""

    FLAT = "flat"
    STUDY = "study"
    PATIENT = "patient"


TEMPLATES = {
    Layout.FLAT: "{SOPInstanceUID}.dcm",
    Layout.STUDY: "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm",
    Layout.PATIENT: "{PatientID}/{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm",
}


@dataclass(frozen=True, slots=True)
class _Field:
    """A place in a template where a value goes."""

    key: Key
    hashed: bool = False
    """Whether what is no UID is named by its hash."""

    def __call__(self, values: Mapping[Key, str]) -> str:
        value = values.get(self.key, "")
        return safe_name(value) if self.hashed else safe_value(value)


@dataclass(frozen=True, slots=True)
class Names:
    """How objects are named; make it by `parse` or `of`.

    Parameters
    ----------
    parts : tuple
        The folders and, last, the file: each the texts and fields that it is put together of.
    """

    parts: tuple[tuple[str | _Field, ...], ...]

    @classmethod
    def of(cls, layout: Layout) -> "Names":
        """Give the names of a layout; in these, what should be a UID and is none is hashed."""
        return cls(tuple(_split(TEMPLATES[layout], hashed=True)))

    @classmethod
    def parse(cls, template: str) -> "Names":
        """Read a template.

        Parameters
        ----------
        template : str
            A relative path with ``/`` between its parts. In braces stand elements of the data
            set, by keyword or tag, or one of `SPECIALS`; ``{{`` and ``}}`` are braces.

        Raises
        ------
        UsageError
            It could lead out of the folder, or names what no object has.
        """
        parts = tuple(_split(template))
        for part in parts:
            first = part[0] if part else ""
            if not first:
                raise UsageError(template, "has a part without a name", _EXAMPLE)
            if isinstance(first, str) and first[0] in ".-":
                why = f"has a part that begins with '{first[0]}'"
                raise UsageError(template, why, _EXAMPLE)
        return cls(parts)

    @property
    def tags(self) -> frozenset[int]:
        """The elements of the data set that the names depend on."""
        fields = (field for part in self.parts for field in part if isinstance(field, _Field))
        return frozenset(field.key for field in fields if isinstance(field.key, int))

    @property
    def specials(self) -> frozenset[str]:
        """Those of `SPECIALS` that the names depend on."""
        fields = (field for part in self.parts for field in part if isinstance(field, _Field))
        return frozenset(field.key for field in fields if isinstance(field.key, str))

    def path(self, values: Mapping[Key, str]) -> str:
        """Name an object.

        Parameters
        ----------
        values : mapping of int or str to str
            The values by tag, or by the name that `SPECIALS` gives them. Any text will do.

        Returns
        -------
        str
            A relative path with ``/`` between its parts, which are no longer than 240 bytes each.
        """
        return "/".join(
            [
                _component(
                    "".join([each if isinstance(each, str) else each(values) for each in part])
                )
                for part in self.parts
            ]
        )


def _split(template: str, *, hashed: bool = False) -> Iterator[tuple[str | _Field, ...]]:
    """Give the parts of a template."""
    part: list[str | _Field] = []
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as error:
        raise UsageError(template, f"is no template: {error}", _EXAMPLE) from error
    for literal, name, form, conversion in pieces:
        if unfit := _UNFIT.search(literal):
            raise UsageError(template, f"has a {unfit[0]!r} in it", _EXAMPLE)
        first, *others = literal.split("/")
        part += [first] if first else []
        for other in others:
            yield tuple(part)
            part = [other] if other else []
        if name is not None:
            if form or conversion:
                raise UsageError(template, f"has a format behind '{name}'", _EXAMPLE)
            part.append(_field(name, hashed=hashed))
    yield tuple(part)


def _field(name: str, *, hashed: bool) -> _Field:
    """Find out what a field asks for."""
    if name in SPECIALS:
        return _Field(name)
    if near := get_close_matches(name, SPECIALS, n=1, cutoff=0.8):
        why = f"'{name}' is not a keyword of the dictionary"
        raise UsageError(name, why, f"Did you mean {near[0]}?")
    path = TagPath.parse(name)
    node = path.nodes[0]
    if len(path.nodes) > 1 or node.mask != EXACT:
        raise UsageError(name, "is no element of the data set itself", _EXAMPLE)
    entry = dictionary.lookup(node.tag)
    vr = entry.vr if entry else ""
    if vr in _VALUELESS or node.tag >> 16 in _NO_DATA_SET:
        why = f"is {format_tag(node.tag)}, which has no value that can be in a name"
        raise UsageError(name, why, _EXAMPLE)
    return _Field(node.tag, hashed=hashed and vr == "UI")


def safe_value(value: str) -> str:
    """Make a piece of a file name of a value that a stranger has sent.

    Letters, digits, ``.``, ``_`` and ``-`` stay, anything else becomes ``_``, and so does what
    would hide the file or look like an option at its start. What is longer than 64 characters is
    cut and gets a hash, so that two values that only begin alike have two names.
    """
    if _PLAIN.fullmatch(value):
        return value
    if value in ("", ".", ".."):
        return UNKNOWN
    safe = _UNSAFE.sub("_", value)
    if safe[0] in ".-":
        safe = f"_{safe[1:]}"
    return safe if len(safe) <= _LONGEST_VALUE else _cut(safe, value, _LONGEST_VALUE)


def safe_name(uid: str) -> str:
    """Make a file name of a UID; what is no UID (PS3.5 9.1) is named by its hash."""
    return uid if _UID.fullmatch(uid) else _hash(uid)[:32]


def _component(name: str) -> str:
    """Make a name that every file system can have."""
    if _RESERVED.fullmatch(name):  # devices, on Windows
        name = f"_{name}"
    if name[-1] in ". ":  # which Windows leaves out
        name = f"{name[:-1]}_"
    raw = name.encode("utf-8", "replace")
    if len(raw) <= _LONGEST_NAME:
        return name
    stem, dot, suffix = name.rpartition(".")
    end = f"{dot}{suffix}" if stem and suffix.isalpha() and len(suffix) < _HASH else ""
    room = _LONGEST_NAME - len(end.encode()) - _HASH - 1
    return f"{raw[:room].decode('utf-8', 'ignore')}_{_hash(name)[:_HASH]}{end}"


def _cut(safe: str, whole: str, length: int) -> str:
    return f"{safe[: length - _HASH - 1]}_{_hash(whole)[:_HASH]}"


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

"""Decide what a map remembers, so that the way back can be gone: original values by new ones.

A map is text, one JSON object a line. It says each thing once: UIDs by themselves, the patient and
the dates by series, and by instance where one differs from what its series has. A last line that
was cut by the end of a run is ignored.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from dcmtools.errors import InputError, reason

KIND = "dcmtools anonymize"
START = f'{{"map": "{KIND}"'.encode()
"""What a map begins with."""
VERSION = 1

_LONGEST_LINE = 1 << 24  # bytes: a foreign file may have no lines
_HINT = "Name what anonymize --map has written."


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What has become of the identity in one file; it can be sent to other processes.

    Parameters
    ----------
    patient_id : str
        The new Patient ID (0010,0020).
    patient_name : str
        The new Patient's Name (0010,0010).
    series, instance : str
        The new Series Instance UID (0020,000E) and SOP Instance UID (0008,0018), "" for none.
    uids : tuple of tuple of str and str
        Original and new UIDs, at all depths; that of the SOP instance also where it has stayed.
    texts : tuple of tuple of int and str
        Tag and original value of elements of the data set itself that are to be put back, such as
        Patient ID, its issuer, Patient's Name and Accession Number; an empty value is "", and what
        was missing is left out.
    shift : int
        The days by which dates were moved, 0 for none.
    shifted : tuple of int
        The tags of the elements whose dates were moved, at all depths.
    """

    patient_id: str
    patient_name: str = ""
    series: str = ""
    instance: str = ""
    uids: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[int, str], ...] = ()
    shift: int = 0
    shifted: tuple[int, ...] = ()


class Originals(NamedTuple):
    """What a map has for a series or an instance."""

    patient_id: str
    """The new Patient ID."""
    patient_name: str
    """The new Patient's Name."""
    texts: dict[int, str]
    """The original values by tag."""
    shift: int
    """The days by which dates were moved."""
    shifted: frozenset[int]
    """The tags of the elements whose dates were moved."""


@dataclass(slots=True)
class Mapping:
    """A map that was read.

    Parameters
    ----------
    name : str
        What to call it in errors.
    uids : dict of str to str
        Original UIDs by new ones.
    originals : dict of tuple of str and str to Originals
        What belongs to ``("series", UID)`` and ``("instance", UID)``, by the new UIDs.
    """

    name: str
    uids: dict[str, str] = field(default_factory=dict)
    originals: dict[tuple[str, str], Originals] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a map.

        Raises
        ------
        InputError
            The file cannot be read, or is no map.
        """
        mapping = cls(str(path))
        try:
            with path.open("rb") as file:
                check_head(str(path), file.readline(_LONGEST_LINE))
                for number, line in enumerate(file, 2):
                    if line.endswith(b"\n") and not mapping._take(decoded(line)):
                        raise InputError(str(path), f"line {number} is not of a map", _HINT)
        except (OSError, ValueError) as error:
            raise InputError(str(path), reason(error), _HINT) from error
        return mapping

    def find(self, series: str, instance: str) -> Originals | None:
        """Find what belongs to an instance, by its new UIDs; None where the map has nothing.

        An instance of a series that the map knows has to be known itself.
        """
        if instance and instance not in self.uids:
            return None
        own = self.originals.get(("instance", instance))
        return own or self.originals.get(("series", series))

    def _take(self, found: object) -> bool:
        """Take what a line says; tell whether it says anything."""
        if not isinstance(found, dict):
            return False
        match found:
            case {"uid": str(new), "was": str(old)}:
                self.uids[new] = old
                return _can_be_written(old)
            case {"series": str(uid)}:
                level = "series"
            case {"instance": str(uid)}:
                level = "instance"
            case _:
                return False
        try:
            # What two inputs with one SOP Instance UID have is that of the first.
            self.originals.setdefault((level, uid), _originals(found))
        except (AttributeError, KeyError, TypeError, ValueError):
            return False
        return True


def _originals(found: dict[str, Any]) -> Originals:
    texts = {int(tag, 16): str(text) for tag, text in found["was"].items()}
    shifted = frozenset(int(tag, 16) for tag in found["shifted"])
    names = str(found["patient"]), str(found["name"])
    return Originals(*names, texts, int(found["shift"]), shifted)


def _can_be_written(uid: str) -> bool:
    """Tell whether a UID is ASCII, or bytes that are not as they were read."""
    try:
        uid.encode("ascii", "surrogateescape")
    except UnicodeError:
        return False
    return True


def head(key: str, options: str) -> bytes:
    """Write the first line of a map.

    Parameters
    ----------
    key : str
        The fingerprint of the key, which must be the same in all runs that write the map.
    options : str
        What else must be the same.
    """
    return _line({"map": KIND, "version": VERSION, "key": key, "options": options})


def check_head(name: str, line: bytes) -> None:
    """See that a first line is that of a map.

    Raises
    ------
    InputError
        It is not, or is that of a later version.
    """
    found = decoded(line)
    if not isinstance(found, dict) or found.get("map") != KIND:
        raise InputError(name, "is no map", _HINT)
    if found.get("version") != VERSION:
        why = f"is a map of version {found.get('version')}, and this program knows {VERSION}"
        raise InputError(name, why, "Use the program that has written it.")


def lines(record: FileRecord) -> tuple[list[bytes], bytes, bytes]:
    """Write what a record says.

    Returns
    -------
    tuple of list of bytes, bytes and bytes
        A line for each UID; then what it says about its series and about its instance, the same
        but for the UID, of which one is needed: b"" where there is no such UID.
    """
    uids = [_line({"uid": new, "was": old}) for old, new in dict.fromkeys(record.uids)]
    said = {
        "patient": record.patient_id,
        "name": record.patient_name,
        "was": {f"{tag:08x}": text for tag, text in sorted(record.texts)},
        "shift": record.shift,
        "shifted": [f"{tag:08x}" for tag in sorted(set(record.shifted))],
    }
    series = _line({"series": record.series} | said) if record.series else b""
    instance = _line({"instance": record.instance} | said) if record.instance else b""
    return uids, series, instance


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values).encode() + b"\n"


def decoded(line: bytes) -> object:
    """Read a line, None where it is none."""
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found

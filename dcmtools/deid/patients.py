"""Read which patient gets which identifier, where the user says so in a CSV file.

The file is checked whole before anything is written: two patients must not become one, and no
identifier may stay. Errors name lines, not what stands in them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dcmtools.deid.identity import PatientIdentity, Pseudonym, normal
from dcmtools.errors import ConfigError, InputError, reason

_COLUMNS = {
    "old": "old", "patient_id": "old", "issuer": "issuer", "new": "new", "new_id": "new",
    "new_name": "name",
}  # fmt: skip
"""The columns that a file may have, and what they mean."""

_HEADER_HINT = "Begin it with the line old,new or patient_id,new_id,new_name."
_LONGEST = 64  # characters of LO, and of a component group of PN
_GROUPS, _COMPONENTS = 3, 5  # of PN, at most
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


@dataclass(frozen=True, slots=True)
class PatientMap:
    """The identifiers that patients get.

    Parameters
    ----------
    name : str
        What to call it in errors.
    given : dict
        The pseudonym by Patient ID and issuer, an issuer of "" for those that are not listed.
    """

    name: str
    given: dict[tuple[str, str], Pseudonym]

    def pseudonym(self, identity: PatientIdentity, file: str) -> Pseudonym:
        """Look up what a patient is called instead.

        Parameters
        ----------
        identity : PatientIdentity
            The patient.
        file : str
            The file that is of that patient, for errors.

        Raises
        ------
        InputError
            The map does not know the patient.
        """
        if identity.kind != "id":
            hint = "Give it one first, or leave --patient-map out."
            raise InputError(file, f"has no Patient ID, by which {self.name} goes", hint)
        number, issuer = identity.parts
        found = self.given.get((number, issuer)) or self.given.get((number, ""))
        if found is None:
            hint = "Add its patient there, or leave --patient-map out."
            raise InputError(file, f"its Patient ID is not in {self.name}", hint)
        return found


def load_patient_map(path: Path) -> PatientMap:
    """Read a patient map.

    Parameters
    ----------
    path : Path
        A CSV file in UTF-8. Its first line names the columns: ``old`` or ``patient_id``, ``new``
        or ``new_id``, and if wanted ``new_name`` (else the new identifier is the name too) and
        ``issuer`` (else the issuer of a Patient ID does not count).

    Raises
    ------
    ConfigError
        The file cannot be read, is not such a file, or is not unambiguous.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        hint = "Name a CSV file with the columns old,new."
        raise ConfigError(str(path), reason(error), hint) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "is not UTF-8 text", "Save it as UTF-8.") from error
    rows = _rows(path, text)
    columns = _columns(path, next(rows, (1, []))[1])
    checked = _Checked(str(path))
    for line, row in rows:
        if len(row) != len(columns):
            why = f"line {line} has {len(row)} fields, and the first has {len(columns)}"
            raise ConfigError(str(path), why, 'Put text that has a comma into "quotes".')
        checked.add(line, dict(zip(columns, row, strict=True)))
    checked.finish()
    return PatientMap(str(path), checked.given)


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Split the text into rows that are not empty, each with the number of its first line."""
    import csv  # noqa: PLC0415 - few runs have a map

    reader = csv.reader(StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for row in reader:
            if any(field.strip() for field in row):
                yield line, [field.strip(" ") for field in row]
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(str(path), f"line {line} is not CSV: {error}") from error


def _columns(path: Path, header: list[str]) -> list[str]:
    names = [name.lower() for name in header]
    columns = [_COLUMNS.get(name, "") for name in names]
    if "" in columns or len(set(columns)) < len(columns) or not {"old", "new"} <= set(columns):
        raise ConfigError(str(path), "line 1 does not name its columns", _HEADER_HINT)
    return columns


class _Checked:
    """What is good so far."""

    def __init__(self, file: str) -> None:
        self.given: dict[tuple[str, str], Pseudonym] = {}
        self._file = file
        self._lines: dict[tuple[str, str], int] = {}
        self._old: dict[str, int] = {}
        self._new: dict[str, tuple[tuple[str, str], int]] = {}

    def add(self, line: int, row: dict[str, str]) -> None:
        """Check one row and take it."""
        patient = normal(row["old"]), normal(row.get("issuer", ""))
        new = row["new"]
        if not patient[0]:
            raise self._wrong(line, "has no old identifier")
        if not new:
            raise self._wrong(line, "has no new identifier")
        if len(new) > _LONGEST or _CONTROL.search(new):
            why = f"has a new identifier that is no LO: up to {_LONGEST} characters, no backslash"
            raise self._wrong(line, f"{why} and no control characters")
        name = row.get("name", "") or new
        if not _is_name(name):
            raise self._wrong(line, "has a new name that is no PN")
        pseudonym = Pseudonym(new, name)
        first = self._lines.setdefault(patient, line)
        if self.given.setdefault(patient, pseudonym) != pseudonym:
            raise self._wrong(line, f"has the old identifier of line {first}, with another new one")
        other, at = self._new.setdefault(normal(new), (patient, line))
        if other != patient:
            hint = "Two patients would become one. Give each its own."
            raise self._wrong(line, f"has the new identifier of line {at}", hint)
        self._old.setdefault(patient[0], line)

    def finish(self) -> None:
        """See that no new identifier is that of a patient."""
        for new, (_, line) in self._new.items():
            if new in self._old:
                why = f"has a new identifier that is an old one in line {self._old[new]}"
                raise self._wrong(line, why, "What is new must not point to a patient.")

    def _wrong(self, line: int, why: str, hint: str = "Correct it there.") -> ConfigError:
        return ConfigError(self._file, f"line {line} {why}", hint)


def _is_name(name: str) -> bool:
    groups = name.split("=")
    return (
        len(groups) <= _GROUPS
        and max(map(len, groups)) <= _LONGEST
        and max(group.count("^") for group in groups) < _COMPONENTS
        and not _CONTROL.search(name)
        and bool(name.strip("^= "))
    )

"""Put a query together: its level, what it asks for, and the identifier that a peer is sent.

A query is what C-FIND, C-MOVE and C-GET have in common: a model, a level, and keys (PS3.4 C.4.1,
C.4.2, C.4.3, K.4.1, CC.2.8). Nothing here needs a network.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from dcmtools.dataset import dictionary
from dcmtools.dataset.charset import is_known
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.query_dates import normal_date
from dcmtools.dataset.query_keys import Criteria, Key, criteria_keys, parse_key, universal
from dcmtools.dataset.query_levels import (
    CHARSET_PATH,
    LEVEL_PATH,
    infer_level,
    return_keys,
    unique_key,
)
from dcmtools.dataset.query_models import STUDY_ROOT, Model, QueryLevel, is_uid
from dcmtools.errors import UsageError

_DATE_VRS = ("DA", "DT")
_UTF_8 = "ISO_IR 192"


@dataclass(frozen=True, slots=True)
class Query:
    """A query; `build_query` makes one that is complete.

    Parameters
    ----------
    model : Model
        What is queried.
    level : QueryLevel or None
        The level, None for a model without levels.
    keys : tuple of Key
        What to match and what to return, each path once, in the order of the columns of a table.
        Query/Retrieve Level and Specific Character Set are not among them.
    charset : str
        The Specific Character Set to encode text in, several values separated by backslashes; ""
        for ASCII, and UTF-8 where a value needs it.
    retrieves : bool
        Whether it is the identifier of a C-MOVE or C-GET, which names no character set without
        need (PS3.4 C.4.2.1.4); in that of a C-FIND it is a return key.
    """

    model: Model
    level: QueryLevel | None
    keys: tuple[Key, ...]
    charset: str = ""
    retrieves: bool = False

    @property
    def columns(self) -> tuple[TagPath, ...]:
        """The attributes as columns of a table of what is found.

        The keys of the user come first, in their order, then those added. A sequence whose
        elements are keys is no column itself.
        """
        paths = [key.path for key in self.keys]
        inside = {path.nodes[:end] for path in paths for end in range(1, len(path.nodes))}
        return tuple(path for path in paths if path.nodes not in inside)

    @property
    def missing_unique_keys(self) -> tuple[TagPath, ...]:
        """The unique keys of the levels above which are not given with one single value.

        A peer need not answer such a query unless it has agreed to relational queries (PS3.4
        C.4.1.2.1, C.4.1.3.2.1).
        """
        if self.level is None:
            return ()
        given = {key.path for key in self.keys if key.value and not _matches_many(key.value)}
        above = map(unique_key, self.model.above(self.level))
        return tuple(path for path in above if path not in given)

    def value(self, path: TagPath) -> str | None:
        """Give the value of a key, None where the query does not have it."""
        return next((key.value for key in self.keys if key.path == path), None)

    def encode(self, *, implicit: bool) -> bytes:
        """Encode the identifier in little endian.

        Parameters
        ----------
        implicit : bool
            Whether VRs are left out, by the transfer syntax of the presentation context.

        Returns
        -------
        bytes
            The data set, with Query/Retrieve Level where the model has levels and Specific
            Character Set, empty where all is ASCII and no set was asked for.

        Raises
        ------
        UsageError
            A value cannot be encoded: it is not of its VR, or the character set does not have one
            of its characters.
        """
        from dcmtools.dataset.query_encoding import encode_keys  # noqa: PLC0415 - needs pydicom

        charset = self.charset or ("" if all(map(_is_ascii, self.keys)) else _UTF_8)
        keys = list(self.keys)
        if charset or not self.retrieves:
            keys.append(Key(CHARSET_PATH, charset))
        if self.level is not None:
            keys.append(Key(LEVEL_PATH, self.level))
        return encode_keys(keys, charset, implicit=implicit)


def _is_ascii(key: Key) -> bool:
    return key.value.isascii() and all(node.creator.isascii() for node in key.path.nodes)


def _matches_many(value: str) -> bool:
    return any(mark in value for mark in "*?\\")


def build_query(  # noqa: PLR0913 - each of them is an option of its own
    keys: Iterable[Key | str] = (),
    *,
    model: Model = STUDY_ROOT,
    level: QueryLevel | None = None,
    criteria: Criteria | None = None,
    only: bool = False,
    charset: str = "",
    today: date | None = None,
) -> Query:
    """Make a query of keys, and complete it.

    Parameters
    ----------
    keys : iterable of Key or str
        What to match and to return, ``PATH=VALUE`` where it is text. Of several with the same path
        the last one counts, at the place of the first. Query/Retrieve Level (0008,0052) sets the
        level, Specific Character Set (0008,0005) the character set, unless `level` and `charset`
        do. A lone ``*`` becomes empty. In dates (DA, DT) what `dcmtools.dataset.query_dates` reads
        may be written: ``today``, ``-7d``, ``2026-01-01..2026-01-31``.
    model : Model
        What to query.
    level : QueryLevel or None
        The level; None for the lowest level that a key belongs to, which in Patient Root is
        PATIENT where all belong to patients, and in Study Root is never above STUDY.
    criteria : Criteria, optional
        More keys, by short names; they count more than `keys`.
    only : bool
        Whether nothing is asked for but the keys. Otherwise the useful attributes of the level are
        added as return keys.
    charset : str
        The Specific Character Set to encode text in.
    today : datetime.date, optional
        The day that relative dates count from, by default today's of the local time zone.

    Raises
    ------
    UsageError
        A key or date means nothing, the model does not have the level or one of the criteria, or
        the character set is not known.
    """
    today = today or datetime.now().astimezone().date()
    given: dict[TagPath, Key] = {}
    for key in keys:
        known = parse_key(key) if isinstance(key, str) else key
        given[known.path] = _normal(known, today)
    named = given.pop(LEVEL_PATH, None)
    if level is None and named is not None and named.value:
        level = _named_level(named.value, model)
    set_by_key = given.pop(CHARSET_PATH, None)
    charset = _checked_charset(charset or (set_by_key.value if set_by_key else ""))
    if level is not None and level not in model.levels:
        levels = ", ".join(model.levels)
        hint = f"It has {levels}." if levels else "Leave the level out."
        raise UsageError(level, f"is not a level of {model.name}", hint)
    for key in _criteria(criteria, model, level, given, today):
        given[key.path] = key
    level = level or infer_level(given, model)
    if not only:
        for path in return_keys(model, level):
            given.setdefault(path, Key(path))
    return Query(model, level, tuple(given.values()), charset)


def _normal(key: Key, today: date) -> Key:
    value = universal(key.value)
    node = key.path.nodes[-1]
    entry = None if node.creator else dictionary.lookup(node.tag)
    if value and entry is not None and entry.vr in _DATE_VRS:
        value = normal_date(value, entry.vr, today)
    if value and entry is not None and entry.vr == "UI" and not set("*?") & set(value):
        wrong = [uid for uid in value.split("\\") if not is_uid(uid.strip(" \0"))]
        if wrong:
            hint = "A UID is made of digits and dots, 64 characters at most."
            raise UsageError(str(key.path), f"'{wrong[0]}' is not a UID", hint)
    return replace(key, value=value)


def _named_level(name: str, model: Model) -> QueryLevel:
    try:
        return QueryLevel(name.strip().upper())
    except ValueError as error:
        levels = ", ".join(model.levels or QueryLevel)
        raise UsageError(name, "is not a level of a query", f"Levels are {levels}.") from error


def _checked_charset(charset: str) -> str:
    charset = charset.strip().upper()
    if not charset.isascii() or not is_known(charset.encode()):
        hint = (
            "Write a term of PS3.3 C.12.1.1.2: ISO_IR 192 (UTF-8), ISO_IR 100 (Latin-1), GB18030."
        )
        raise UsageError(charset, "is not a character set of DICOM", hint)
    return charset


def _criteria(
    criteria: Criteria | None,
    model: Model,
    level: QueryLevel | None,
    given: Iterable[TagPath],
    today: date,
) -> list[Key]:
    """Turn criteria into keys; what the modality is called depends on the level of all others."""
    if criteria is None:
        return []
    if level is None and model.levels:
        others = criteria_keys(replace(criteria, modality=None), model, None, today)
        level = infer_level([*given, *(key.path for key in others)], model)
    return criteria_keys(criteria, model, level, today)

"""Find out what is to be retrieved: from keys of any kind to the unique ones that a request needs.

A C-MOVE or C-GET names what it wants by unique keys alone, one for each level from the root down
(PS3.4 C.4.2.2.1). Everything else, a name, a date, an accession number, is looked up by C-FIND.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from threading import RLock
from typing import Self

from dcmtools.dataset.answers import Answer
from dcmtools.dataset.query import Query
from dcmtools.dataset.query_keys import Key
from dcmtools.dataset.query_levels import keyword_path, unique_key
from dcmtools.dataset.query_match import Matcher
from dcmtools.dataset.query_models import Model, QueryLevel
from dcmtools.errors import AssociationError, NotOfferedError, StatusError
from dcmtools.net.access import Access
from dcmtools.net.find import Finder
from dcmtools.net.retrieve import Unit

_PATIENT_ID = 0x00100020
_STUDY = 0x0020000D
_SERIES = 0x0020000E
_SOP_CLASS = 0x00080016
_SOP_INSTANCE = 0x00080018
_SOP_CLASSES_IN_STUDY = 0x00080062
_NUMBER_OF_INSTANCES = 0x00201208
_TIMEOUT = 120.0  # seconds for each answer to a query, where the user does not say otherwise
_MOST_INSTANCES = 500  # in one request: a list of UIDs is a value of 64 KiB at most


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that a peer has."""

    patient_id: str
    study: str
    series: str
    uid: str
    sop_class: str


class Resolver:
    """Looks up what is to be retrieved, for any thread; use it in a ``with`` block.

    The association is opened when there is something to look up, and anew where the peer has closed
    it since.

    Parameters
    ----------
    access : Access
        The peer and how to reach it. A retrieval may take its time, but a query has an end: where
        no limit is set for responses there is one of two minutes.
    model : Model
        The information model.
    charset : str
        The Specific Character Set to assume in answers that name none.
    """

    def __init__(self, access: Access, model: Model, *, charset: str = "") -> None:
        self._access = replace(access, dimse_timeout=access.dimse_timeout or _TIMEOUT)
        self._model = model
        self._charset = charset
        self._lock = RLock()
        self._finder: Finder | None = None

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Release the association."""
        if self._finder is not None:
            self._finder.__exit__(kind, error, trace)

    def units(self, query: Query) -> list[Unit]:
        """Give the units that a query stands for, each once.

        Parameters
        ----------
        query : Query
            What is asked for. Where it has nothing but the unique keys that a request needs, no
            peer is asked.

        Raises
        ------
        DcmtoolsError
            The peer cannot be asked.
        """
        direct = direct_units(query)
        if direct is not None:
            return direct
        with self._lock:
            return list(self._found(query))

    def exists(self, unit: Unit) -> bool:
        """Tell whether the peer has anything of a unit, as far as can be told."""
        keys = self._keys(unit, unit.level)
        if unit.level is QueryLevel.IMAGE:
            keys.append(_wanted(unit))
        try:
            with self._lock:
                return bool(list(self._ask(unit.level, keys)))
        except (NotOfferedError, StatusError):
            return True

    def left(self, unit: Unit, known: set[str]) -> list[Unit]:
        """Give what is left of a unit when some instances have come; none where nothing is.

        Where the peer cannot be asked it is the unit itself.
        """
        try:
            instances = self.instances(unit)
        except (NotOfferedError, StatusError):
            return [unit]
        return list(_grouped(each for each in instances if each.uid not in known))

    def instances(self, unit: Unit) -> list[Instance]:
        """List the instances of a unit, level by level, as every peer understands it."""
        found = []
        with self._lock:
            for series in list(self._series(unit)):
                keys = [
                    *self._keys(series, QueryLevel.SERIES),
                    _wanted(unit),
                    Key(keyword_path("SOPClassUID")),
                ]
                for answer in self._ask(QueryLevel.IMAGE, keys):
                    uid, sop_class = answer.value(_SOP_INSTANCE), answer.value(_SOP_CLASS)
                    if uid:
                        patient, study = series.patient_id, series.study
                        found.append(Instance(patient, study, series.series, uid, sop_class))
        return found

    def with_classes(self, units: Iterable[Unit]) -> list[Unit]:
        """Find out the SOP classes of the objects of units, where the peer tells them."""
        try:
            return [replace(unit, classes=self._classes(unit)) for unit in units]
        except (NotOfferedError, StatusError):
            return list(units)  # it may retrieve all the same

    def _classes(self, unit: Unit) -> tuple[str, ...]:
        if unit.classes:
            return unit.classes
        keys = self._keys(unit, QueryLevel.STUDY)
        if unit.level is QueryLevel.PATIENT:
            keys.append(Key(unique_key(QueryLevel.STUDY)))
        keys.append(Key(keyword_path("SOPClassesInStudy")))
        with self._lock:
            classes = {
                uid: None
                for answer in self._ask(QueryLevel.STUDY, keys)
                for uid in _uids(answer, _SOP_CLASSES_IN_STUDY)
            }
        if not classes:
            classes = {each.sop_class: None for each in self.instances(unit) if each.sop_class}
        return tuple(classes)

    def without(self, unit: Unit, known: set[str]) -> tuple[list[Unit], int]:
        """Leave out the instances that are known.

        Returns
        -------
        tuple of list of Unit and int
            What is left, the unit itself where nothing is known of it; and how many instances
            were left out.
        """
        instances = self.instances(unit)
        missing = [each for each in instances if each.uid not in known]
        if len(missing) == len(instances):
            return [unit], 0
        return list(_grouped(missing)), len(instances) - len(missing)

    def _found(self, query: Query) -> Iterator[Unit]:
        """Ask for all that match."""
        level = query.level or self._model.levels[0]
        asked = {key.path for key in query.keys}
        wanted = [unique_key(each) for each in (*self._model.above(level), level)]
        more = {
            QueryLevel.STUDY: ("SOPClassesInStudy", "NumberOfStudyRelatedInstances"),
            QueryLevel.IMAGE: ("SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID"),
        }.get(level, ())
        wanted += [keyword_path(keyword) for keyword in more]
        keys = [*query.keys, *(Key(path) for path in dict.fromkeys(wanted) if path not in asked)]
        answers = self._matching(query, self._ask(level, keys, charset=query.charset))
        if level is QueryLevel.IMAGE:
            yield from _grouped(map(_instance, answers))
            return
        yield from dict.fromkeys(filter(None, [self._unit(level, each) for each in answers]))

    def _matching(self, query: Query, answers: Iterable[Answer]) -> Iterator[Answer]:
        """Leave out what a peer finds because it ignores a key: that is of others.

        Raises
        ------
        StatusError
            It does not even answer a key, so that nobody can tell what is of whom.
        """
        matcher = Matcher(query)
        unique = [unique_key(level) for level in self._model.levels]
        for answer in answers:
            ignored = [str(path) for path in matcher.unanswered(answer) if path not in unique]
            if ignored:
                what = f"does not support {' and '.join(ignored)}, and finds more than is asked for"
                hint = "Leave the key out, or find the UIDs and give those."
                raise StatusError(self._access.peer.label, what, hint)
            if not matcher.unmatched(answer):
                yield answer

    def _unit(self, level: QueryLevel, answer: Answer) -> Unit | None:
        expected = answer.value(_NUMBER_OF_INSTANCES)
        unit = Unit(
            level,
            patient_id=answer.value(_PATIENT_ID),
            study=answer.value(_STUDY) if level.depth >= QueryLevel.STUDY.depth else "",
            series=answer.value(_SERIES) if level is QueryLevel.SERIES else "",
            classes=_uids(answer, _SOP_CLASSES_IN_STUDY),
            expected=int(expected) if expected.isdecimal() else None,
        )
        needed = {
            QueryLevel.PATIENT: unit.patient_id,
            QueryLevel.STUDY: unit.study,
            QueryLevel.SERIES: unit.series,
        }
        return unit if needed[level] else None

    def _series(self, unit: Unit) -> Iterator[Unit]:
        """Give the series of a unit, each as a unit."""
        if unit.series:
            yield unit
            return
        studies = [unit]
        if unit.level is QueryLevel.PATIENT:
            keys = [*self._keys(unit, QueryLevel.PATIENT), Key(unique_key(QueryLevel.STUDY))]
            answers = self._ask(QueryLevel.STUDY, keys)
            studies = [replace(unit, study=answer.value(_STUDY)) for answer in answers]
        for study in studies:
            keys = [*self._keys(study, QueryLevel.STUDY), Key(unique_key(QueryLevel.SERIES))]
            uids = [answer.value(_SERIES) for answer in self._ask(QueryLevel.SERIES, keys)]
            for uid in filter(None, uids):
                yield replace(study, level=QueryLevel.SERIES, series=uid)

    def _keys(self, unit: Unit, level: QueryLevel) -> list[Key]:
        """Give the unique keys of a unit from the root of the model down to a level."""
        values = {
            QueryLevel.PATIENT: unit.patient_id,
            QueryLevel.STUDY: unit.study,
            QueryLevel.SERIES: unit.series,
        }
        levels = (*self._model.above(level), level)
        return [Key(unique_key(each), values[each]) for each in levels if values.get(each)]

    def _ask(
        self, level: QueryLevel, keys: Iterable[Key], *, charset: str = ""
    ) -> Iterator[Answer]:
        """Ask; all answers are to be taken before the next question, on the same association."""
        query = Query(self._model, level, tuple(keys), charset)
        if self._finder is None:
            self._finder = Finder(self._access, self._model.find, charset=self._charset)
            yield from self._finder.find(query)
            return
        answers = self._finder.find(query)
        try:
            first = next(answers, None)
        except AssociationError:  # the peer has closed it while nothing was asked
            answers = self._finder.find(query)
            first = next(answers, None)
        if first is not None:
            yield first
            yield from answers


def direct_units(query: Query) -> list[Unit] | None:
    """Give the units of a query that names them by unique keys; None where one must be looked up.

    Parameters
    ----------
    query : Query
        What is asked for.
    """
    level = query.level
    if level is None:
        return None
    values = {key.path: key.value for key in query.keys if key.value}
    levels = (*query.model.above(level), level)
    paths = {each: unique_key(each) for each in levels}
    wild = any(character in value for value in values.values() for character in "*?")
    if values.keys() != set(paths.values()) or wild:
        return None
    if any("\\" in values[paths[each]] for each in levels[:-1]):
        return None
    texts = {each: values[path] for each, path in paths.items()}
    above = Unit(
        level,
        patient_id=texts.get(QueryLevel.PATIENT, ""),
        study=texts.get(QueryLevel.STUDY, ""),
        series=texts.get(QueryLevel.SERIES, ""),
    )
    last = dict.fromkeys(texts[level].split("\\"))
    if level is QueryLevel.PATIENT:
        return [above]  # a Patient ID may hold anything
    if level is QueryLevel.IMAGE:
        return [replace(above, instances=part) for part in _parts(tuple(last))]
    if level is QueryLevel.STUDY:
        return [replace(above, study=uid) for uid in last]
    return [replace(above, series=uid) for uid in last]


def _wanted(unit: Unit) -> Key:
    """Make the key for the instances of a unit, all where it names none."""
    return Key(unique_key(QueryLevel.IMAGE), "\\".join(unit.instances))


def _instance(answer: Answer) -> Instance:
    tags = (_PATIENT_ID, _STUDY, _SERIES, _SOP_INSTANCE, _SOP_CLASS)
    return Instance(*map(answer.value, tags))


def _grouped(instances: Iterable[Instance]) -> Iterator[Unit]:
    """Put instances of a series together."""
    ordered = sorted(instances, key=_series_of)
    for (patient, study, series), members in groupby(ordered, key=_series_of):
        group = list(members)
        classes = tuple(dict.fromkeys(each.sop_class for each in group if each.sop_class))
        for part in _parts(tuple(dict.fromkeys(each.uid for each in group if each.uid))):
            yield Unit(QueryLevel.IMAGE, patient, study, series, part, classes, len(part))


def _series_of(instance: Instance) -> tuple[str, str, str]:
    return instance.patient_id, instance.study, instance.series


def _parts(uids: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for at in range(0, len(uids), _MOST_INSTANCES):
        yield uids[at : at + _MOST_INSTANCES]


def _uids(answer: Answer, tag: int) -> tuple[str, ...]:
    return tuple(uid for uid in answer.value(tag).split("\\") if uid)

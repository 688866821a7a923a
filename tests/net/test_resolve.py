"""From what is asked for to the unique keys of requests: what is looked up, and what is not."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset

from dcmtools.config import Peer
from dcmtools.dataset.query import build_query
from dcmtools.dataset.query_keys import Criteria
from dcmtools.dataset.query_models import PATIENT_ROOT, STUDY_ROOT, Model, QueryLevel
from dcmtools.errors import AssociationError, ConnectionFailedError, NotOfferedError, StatusError
from dcmtools.net import resolve
from dcmtools.net.access import Access
from dcmtools.net.resolve import Instance, Resolver, direct_units
from dcmtools.net.retrieve import Unit
from tests.net.archive import Archive, make
from tests.net.scripted import Script, Scripted
from tests.net.steps import accept, answer, close, find, hang, serve, wait_request
from tests.net.wire import C_FIND, CT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcmtools.dataset.query import Query

MR = "1.2.840.10008.5.1.4.1.1.4"
PATIENT, STUDY, SERIES, IMAGE = (
    QueryLevel.PATIENT,
    QueryLevel.STUDY,
    QueryLevel.SERIES,
    QueryLevel.IMAGE,
)
OBJECTS = [
    make("1.1.1", "1.0", "1.1", "P1"),
    make("1.1.2", "1.0", "1.1", "P1"),
    make("1.2.1", "1.0", "1.2", "P1", sop_class=MR),
    make("2.1.1", "2.0", "2.1", "P1"),
    make("3.1.1", "3.0", "3.1", "P2"),
]


def query(*keys: str, model: Model = STUDY_ROOT, **criteria: Any) -> Query:  # noqa: ANN401
    return build_query(keys, model=model, criteria=Criteria(**criteria), only=True)


@contextmanager
def resolving(
    script: Script,
    model: Model = STUDY_ROOT,
    **settings: Any,  # noqa: ANN401
) -> Iterator[tuple[Resolver, Scripted]]:
    with Scripted(script) as peer:
        access = Access(Peer("peer", "127.0.0.1", peer.port), **settings)
        with Resolver(access, model) as resolver:
            yield resolver, peer


@pytest.fixture
def archive() -> Archive:
    return Archive(OBJECTS)


# What needs no question


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (query(study=("1.0",)), [Unit(STUDY, study="1.0")]),
        (query(study=("1.0", "2.0", "1.0")), [Unit(STUDY, study="1.0"), Unit(STUDY, study="2.0")]),
        (query(study=("1.0",), series=("1.1",)), [Unit(SERIES, study="1.0", series="1.1")]),
        (
            query(study=("1.0",), series=("1.1", "1.2")),
            [Unit(SERIES, study="1.0", series="1.1"), Unit(SERIES, study="1.0", series="1.2")],
        ),
        (
            query(study=("1.0",), series=("1.1",), instance=("4.1", "4.2")),
            [Unit(IMAGE, study="1.0", series="1.1", instances=("4.1", "4.2"))],
        ),
        (query(model=PATIENT_ROOT, patient_id="P\\1"), [Unit(PATIENT, "P\\1")]),
        (query(model=PATIENT_ROOT, patient_id="P1", study=("1.0",)), [Unit(STUDY, "P1", "1.0")]),
        (query("PatientName", study=("1.0",)), [Unit(STUDY, study="1.0")]),
    ],
)
def test_unique_keys_are_enough(asked: Query, expected: list[Unit]) -> None:
    assert direct_units(asked) == expected


@pytest.mark.parametrize(
    "asked",
    [
        query(accession="A1"),
        query(patient_id="P1"),
        query(study=("1.0",), patient_id="P1"),
        query(series=("1.1",)),
        query(instance=("1.1.1",)),
        query("StudyInstanceUID=1.*"),
        query("StudyInstanceUID=?"),
        query(study=("1.0", "2.0"), series=("1.1",)),
        query(model=PATIENT_ROOT, study=("1.0",)),
        query(model=PATIENT_ROOT, patient_id="P*"),
        query("PatientName=X", study=("1.0",)),
    ],
)
def test_all_else_is_looked_up(asked: Query) -> None:
    assert direct_units(asked) is None


def test_a_long_list_is_cut() -> None:
    uids = tuple(f"1.{number}" for number in range(1201))
    found = direct_units(query(study=("1.0",), series=("1.1",), instance=uids))
    assert found is not None
    assert [len(unit.instances) for unit in found] == [500, 500, 201]
    assert tuple(uid for unit in found for uid in unit.instances) == uids


def test_nobody_is_asked_without_need() -> None:
    with resolving(hang()) as (resolver, peer):
        assert resolver.units(query(study=("1.0",))) == [Unit(STUDY, study="1.0")]
        assert peer.requests == []


# What is looked up


def test_studies_of_a_patient(archive: Archive) -> None:
    with resolving(archive.script()) as (resolver, _):
        assert resolver.units(query(patient_id="P1")) == [
            Unit(STUDY, "P1", "1.0", classes=(CT, MR), expected=3),
            Unit(STUDY, "P1", "2.0", classes=(CT,), expected=1),
        ]
    level, keys = archive.queries[0]
    assert level == "find STUDY"
    assert keys == {
        "SpecificCharacterSet": "",
        "PatientID": "P1",
        "StudyInstanceUID": "",
        "SOPClassesInStudy": "",
        "NumberOfStudyRelatedInstances": "",
    }


def test_a_patient_by_name(archive: Archive) -> None:
    with resolving(archive.script(), PATIENT_ROOT) as (resolver, _):
        found = resolver.units(query(model=PATIENT_ROOT, patient_name="X*"))
    assert found == [Unit(PATIENT, "P1"), Unit(PATIENT, "P2")]


def test_a_series_without_its_study(archive: Archive) -> None:
    with resolving(archive.script()) as (resolver, _):
        assert resolver.units(query(series=("1.2",))) == [Unit(SERIES, study="1.0", series="1.2")]
    with resolving(archive.script(), PATIENT_ROOT) as (resolver, _):
        found = resolver.units(query(model=PATIENT_ROOT, series=("1.2",)))
    assert found == [Unit(SERIES, "P1", "1.0", "1.2")]


def test_instances_without_their_series(archive: Archive) -> None:
    asked = "1.1.2", "3.1.1", "1.1.1"
    with resolving(archive.script()) as (resolver, _):
        assert resolver.units(query(instance=asked)) == [
            Unit(IMAGE, "", "1.0", "1.1", ("1.1.1", "1.1.2"), (CT,), 2),
            Unit(IMAGE, "", "3.0", "3.1", ("3.1.1",), (CT,), 1),
        ]
    with resolving(archive.script(), PATIENT_ROOT) as (resolver, _):
        assert resolver.units(query(model=PATIENT_ROOT, instance=asked)) == [
            Unit(IMAGE, "P1", "1.0", "1.1", ("1.1.1", "1.1.2"), (CT,), 2),
            Unit(IMAGE, "P2", "3.0", "3.1", ("3.1.1",), (CT,), 1),
        ]


def test_each_is_given_once_and_only_what_has_a_key() -> None:
    one = match(PatientID="P", StudyInstanceUID="1.0")
    with resolving(serve({C_FIND: find([one, one, match(PatientID="P")])})) as (resolver, _):
        assert resolver.units(query(patient_id="P")) == [Unit(STUDY, "P", "1.0")]


def test_what_is_of_others_is_not_retrieved() -> None:
    """A peer that ignores a key finds the data of all patients."""
    own = match(PatientID="P", StudyInstanceUID="1.0")
    other = match(PatientID="Q", StudyInstanceUID="2.0")
    with resolving(serve({C_FIND: find([other, own, other])})) as (resolver, _):
        assert resolver.units(query(patient_id="P")) == [Unit(STUDY, "P", "1.0")]
    nobody = match(StudyInstanceUID="3.0")
    script = serve({C_FIND: find([own, nobody])})
    with resolving(script) as (resolver, peer):
        with pytest.raises(StatusError, match="does not support PatientID") as told:
            resolver.units(query(patient_id="P"))
        assert "find the UIDs" in told.value.hint
        assert len(peer.requests) == 1


def match(**elements: object) -> Dataset:
    data = Dataset()
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return data


def test_counts_that_are_none() -> None:
    answers = [
        match(PatientID="P", StudyInstanceUID="1.0", NumberOfStudyRelatedInstances="7"),
        match(PatientID="P", StudyInstanceUID="2.0", NumberOfStudyRelatedInstances=""),
    ]
    answers[1].add_new(0x00201208, "LO", "many")
    with resolving(serve({C_FIND: find(answers)})) as (resolver, _):
        found = resolver.units(query(patient_id="P"))
    assert [unit.expected for unit in found] == [7, None]


def test_a_failure_is_raised() -> None:
    script = serve({C_FIND: find([], final=0xA700)})
    with resolving(script) as (resolver, _), pytest.raises(StatusError, match="A700"):
        resolver.units(query(patient_id="P"))


# What is there


def test_instances_of_a_unit(archive: Archive) -> None:
    first = [
        Instance("", "1.0", "1.1", "1.1.1", CT),
        Instance("", "1.0", "1.1", "1.1.2", CT),
        Instance("", "1.0", "1.2", "1.2.1", MR),
    ]
    with resolving(archive.script()) as (resolver, peer):
        assert resolver.instances(Unit(STUDY, study="1.0")) == first
        assert resolver.instances(Unit(SERIES, study="1.0", series="1.2")) == first[2:]
        one = Unit(IMAGE, study="1.0", series="1.1", instances=("1.1.2", "1.1.3"))
        assert resolver.instances(one) == first[1:2]
        assert resolver.instances(Unit(STUDY, study="9.0")) == []
        assert len(peer.requests) == 1
    with resolving(archive.script(), PATIENT_ROOT) as (resolver, _):
        found = resolver.instances(Unit(PATIENT, "P1"))
    assert [each.uid for each in found] == ["1.1.1", "1.1.2", "1.2.1", "2.1.1"]
    assert {each.patient_id for each in found} == {"P1"}


def test_whether_there_is_anything(archive: Archive) -> None:
    with resolving(archive.script()) as (resolver, _):
        assert resolver.exists(Unit(STUDY, study="1.0"))
        assert not resolver.exists(Unit(STUDY, study="9.0"))
        assert resolver.exists(Unit(SERIES, study="1.0", series="1.2"))
        assert not resolver.exists(Unit(SERIES, study="2.0", series="1.2"))
        assert resolver.exists(Unit(IMAGE, study="1.0", series="1.1", instances=("9.0", "1.1.1")))
        assert not resolver.exists(Unit(IMAGE, study="1.0", series="1.1", instances=("9.0",)))
    for script in ([accept(refuse=3)], serve({C_FIND: find([], final=0xC000)})):
        with resolving(script) as (resolver, _):
            assert resolver.exists(Unit(STUDY, study="9.0"))


def test_what_is_left(archive: Archive) -> None:
    study = Unit(STUDY, study="1.0")
    with resolving(archive.script()) as (resolver, _):
        assert resolver.left(study, {"1.1.1", "9.0"}) == [
            Unit(IMAGE, "", "1.0", "1.1", ("1.1.2",), (CT,), 1),
            Unit(IMAGE, "", "1.0", "1.2", ("1.2.1",), (MR,), 1),
        ]
        assert resolver.left(study, {"1.1.1", "1.1.2", "1.2.1"}) == []
        assert resolver.left(Unit(STUDY, study="9.0"), set()) == []
    with resolving([accept(refuse=3)]) as (resolver, _):
        assert resolver.left(study, {"1.1.1"}) == [study]


def test_what_is_known_is_left_out(archive: Archive) -> None:
    study = Unit(STUDY, study="1.0")
    with resolving(archive.script()) as (resolver, _):
        assert resolver.without(study, set()) == ([study], 0)
        assert resolver.without(study, {"3.1.1"}) == ([study], 0)
        assert resolver.without(study, {"1.1.1", "1.2.1"}) == (
            [Unit(IMAGE, "", "1.0", "1.1", ("1.1.2",), (CT,), 1)],
            2,
        )
        assert resolver.without(study, {"1.1.1", "1.1.2", "1.2.1"}) == ([], 3)
        nothing = Unit(STUDY, study="9.0")
        assert resolver.without(nothing, {"1.1.1"}) == ([nothing], 0)


# SOP classes


@pytest.mark.parametrize("knows_classes", [True, False])
def test_classes(archive: Archive, knows_classes: bool) -> None:  # noqa: FBT001 - a parameter
    archive.knows_classes = knows_classes
    units = [
        Unit(STUDY, study="1.0"),
        Unit(SERIES, study="2.0", series="2.1"),
        Unit(STUDY, study="9.0"),
    ]
    with resolving(archive.script()) as (resolver, _):
        found = [unit.classes for unit in resolver.with_classes(units)]
    assert found == ([(CT, MR), (CT,), ()] if knows_classes else [(), (), ()])


def test_classes_of_a_patient(archive: Archive) -> None:
    with resolving(archive.script(), PATIENT_ROOT) as (resolver, _):
        [found] = resolver.with_classes([Unit(PATIENT, "P1")])
    assert found.classes == (CT, MR)


def test_classes_from_the_instances_where_studies_do_not_tell() -> None:
    def matches(c: Any) -> list[Dataset]:  # noqa: ANN401
        level = archive._query(c, "find")[0]
        if level == "STUDY":
            return [match(StudyInstanceUID="1.0")]
        if level == "SERIES":
            return [match(SeriesInstanceUID="1.1"), match(SeriesInstanceUID="1.2")]
        return [match(SOPInstanceUID="1.1.1", SOPClassUID=CT)]

    archive = Archive(OBJECTS)
    with resolving(serve({C_FIND: find(matches)})) as (resolver, _):
        [found] = resolver.with_classes([Unit(STUDY, study="1.0")])
    assert found.classes == (CT,)


def test_known_classes_are_not_asked_for() -> None:
    units = [Unit(STUDY, study="1.0", classes=(CT,))]
    with resolving(hang()) as (resolver, peer):
        assert resolver.with_classes(units) == units
        assert peer.requests == []


@pytest.mark.parametrize(
    "script", [[accept(refuse=3)], serve({C_FIND: find([], final=0xC000)})], ids=["no", "fails"]
)
def test_without_classes_it_goes_on(script: Script) -> None:
    units = [Unit(STUDY, study="1.0")]
    with resolving(script) as (resolver, _):
        assert resolver.with_classes(units) == units


# The association


def test_an_association_that_was_closed_meanwhile_is_opened_anew(archive: Archive) -> None:
    once = [accept(), find(archive.matches), close()]
    with Scripted(once, once, archive.script()) as peer:
        access = Access(Peer("peer", "127.0.0.1", peer.port))
        with Resolver(access, STUDY_ROOT) as resolver:
            for _ in range(3):
                assert len(resolver.units(query(patient_id="P1"))) == 2
        assert len(peer.requests) == 3


def test_a_peer_that_closes_again_and_again_is_given_up() -> None:
    with resolving([accept(), wait_request(), close()]) as (resolver, peer):
        with pytest.raises(AssociationError, match="closed"):
            resolver.units(query(patient_id="P1"))
        with pytest.raises(AssociationError, match="closed"):
            resolver.units(query(patient_id="P1"))
        assert len(peer.requests) == 3


def test_a_query_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retrieval has none, while the connection lives."""
    assert resolve._TIMEOUT == 120
    monkeypatch.setattr(resolve, "_TIMEOUT", 0.2)
    silent = [accept(), wait_request(), hang()]
    for limit, seconds in ((None, r"0\.2 s"), (0.1, r"0\.1 s")):
        with (
            resolving(silent, dimse_timeout=limit) as (resolver, _),
            pytest.raises(ConnectionFailedError, match=seconds),
        ):
            resolver.units(query(patient_id="P1"))


def test_not_offered() -> None:
    with resolving([accept(refuse=3)]) as (resolver, _), pytest.raises(NotOfferedError):
        resolver.units(query(patient_id="P1"))


def test_threads_ask_one_after_the_other(archive: Archive) -> None:
    found: list[int] = []
    with resolving(archive.script()) as (resolver, peer):

        def ask() -> None:
            for _ in range(20):
                found.append(len(resolver.instances(Unit(STUDY, study="1.0"))))
                found.append(len(resolver.units(query(patient_id="P1"))) + 1)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(peer.requests) == 1
    assert found == [3] * 240


def test_the_answer_to_a_question_is_not_an_answer(archive: Archive) -> None:
    """A status that is neither pending nor a success ends it."""
    with resolving(serve({C_FIND: answer(0xFE00)})) as (resolver, _), pytest.raises(StatusError):
        resolver.units(query(patient_id="P1"))
    assert archive.queries == []

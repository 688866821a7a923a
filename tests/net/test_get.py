"""C-GET: what comes, in which contexts it is asked for, and what is done about what fails."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE, evt

from dcmtools.config import Peer
from dcmtools.dataset.query_models import STUDY_ROOT, QueryLevel
from dcmtools.errors import AssociationError, NotOfferedError, OutputError
from dcmtools.net import retrieve
from dcmtools.net.access import Access
from dcmtools.net.crew import Crew
from dcmtools.net.get import Getter
from dcmtools.net.negotiation import Context, Proposal
from dcmtools.net.resolve import Resolver
from dcmtools.net.retrieve import Counts, Retrieved, Unit
from dcmtools.net.sop_classes import (
    common_compressed_syntaxes,
    contexts_alone,
    is_storage,
    retrieval_contexts,
    storage_classes,
)
from dcmtools.net.status import Status
from dcmtools.net.storage import Storage, Stored
from tests.factories import EXPLICIT, IMPLICIT, JPEG
from tests.net import wire
from tests.net.archive import Archive, Object, make
from tests.net.scripted import Script, Scripted
from tests.net.steps import (
    abort,
    accept,
    answer,
    close,
    get,
    hang,
    pending,
    serve,
    store,
    wait_cancel,
    wait_request,
)
from tests.net.wire import C_GET, CT, STUDY_FIND, STUDY_GET, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SYNTAXES = (EXPLICIT, IMPLICIT, *common_compressed_syntaxes())
MR, SR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.88.11"
STUDY = Unit(QueryLevel.STUDY, study="1.2")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "in")


@contextmanager
def getting(
    *scripts: Script,
    storage: Storage,
    classes: Sequence[str] = (),
    looks_up: bool = True,
    told: list[Stored] | None = None,
) -> Iterator[tuple[Getter, Scripted]]:
    with ExitStack() as stack:
        peer = stack.enter_context(Scripted(*scripts))
        access = Access(Peer("peer", "127.0.0.1", peer.port), dimse_timeout=None)
        resolver = stack.enter_context(Resolver(access, STUDY_ROOT))
        more: Any = {"left": resolver.left} if looks_up else {}
        found = [] if told is None else told
        getter = Getter(access, STUDY_ROOT, storage, classes, on_stored=found.append, **more)
        with getter:
            yield getter, peer


def got(storage: Storage) -> dict[str, Instance]:
    """Read what has come; a file under another name than its UID is found by that name."""
    return {path.stem: Instance.read(path) for path in storage.folder.iterdir()}


def expected(objects: Sequence[Object]) -> dict[str, Instance]:
    return {each.instance.sop_instance_uid: each.instance for each in objects}


def retrieved(
    archive: Archive,
    storage: Storage,
    unit: Unit = STUDY,
    **settings: Any,  # noqa: ANN401
) -> tuple[Retrieved, Scripted]:
    with getting(archive.script(), storage=storage, **settings) as (getter, peer):
        done = getter.retrieve(unit, lambda _: None)
    return done, peer


def gets(archive: Archive) -> list[dict[str, str]]:
    return [keys for operation, keys in archive.queries if operation.startswith("get ")]


def asked_to_get(peer: Scripted) -> int:
    """Count the associations for C-GET."""
    return sum(request.proposed[0].abstract_syntax == STUDY_GET for request in peer.requests)


# What comes as it is


@pytest.mark.parametrize("classes", [(CT,), ()], ids=["known", "unknown"])
def test_every_common_syntax_comes_bit_for_bit(storage: Storage, classes: tuple[str, ...]) -> None:
    """Where the peer sends each object in the context of its syntax."""
    syntaxes = SYNTAXES if classes else SYNTAXES[:9]
    objects = [make(f"1.2.1.{n}", syntax=syntax) for n, syntax in enumerate(syntaxes, 1)]
    told: list[Stored] = []
    done, peer = retrieved(Archive(objects), storage, classes=classes, told=told)
    assert got(storage) == expected(objects)
    count = len(objects)
    assert (done.status, done.counts) == (Status(0), Counts(0, count, 0, 0))
    assert (done.failed_instances, done.error) == ((), None)
    assert list(done.stored) == told
    assert len(told) == count
    assert asked_to_get(peer) == 1


@pytest.mark.parametrize("accepted", [SYNTAXES, SYNTAXES[:6], SYNTAXES[:2]])
def test_a_peer_that_uses_the_first_context_of_a_class(
    storage: Storage, accepted: Sequence[str]
) -> None:
    """What it could not send in that, uncompressed, it can on associations without that."""
    first = [each for each in accepted if each != IMPLICIT]
    objects = [make(f"1.2.1.{n}", syntax=syntax) for n, syntax in enumerate(first, 1)]
    objects += [make("1.2.1.99", sop_class=SR)]
    archive = Archive(objects, first_context=True, accepted=accept(syntaxes=accepted))
    done, peer = retrieved(archive, storage, classes=(CT, SR))
    assert got(storage) == expected(objects)
    assert (done.status, done.counts) == (Status(0), Counts(0, len(objects), 0, 0))
    assert asked_to_get(peer) == len(first)
    assert [request.roles[CT] for request in peer.requests if CT in request.roles] == [
        (0, 1)
    ] * len(first)


def test_what_has_helped_comes_first(storage: Storage) -> None:
    rle = "1.2.840.10008.1.2.5"
    objects = [
        make(f"1.{study}.1.{n}", f"1.{study}", f"1.{study}.1", syntax=syntax)
        for study in (2, 3)
        for n, syntax in enumerate((EXPLICIT, rle))
    ]
    archive = Archive(objects, first_context=True, accepted=accept(syntaxes=SYNTAXES))
    units = [Unit(QueryLevel.STUDY, study=f"1.{n}") for n in (2, 3)]
    counts = []
    with getting(archive.script(), storage=storage, classes=(CT,)) as (getter, peer):
        for unit in units:
            before = asked_to_get(peer)
            assert getter.retrieve(unit, lambda _: None).status == Status(0)
            counts.append(asked_to_get(peer) - before)
    assert got(storage) == expected(objects)
    assert counts[0] > 2
    assert counts[1] == 2


def test_only_what_is_missing_is_asked_for_again(storage: Storage) -> None:
    objects = [make("1.2.1.1"), make("1.2.1.2", syntax=JPEG), make("1.2.2.1", series="1.2.2")]
    archive = Archive(objects, first_context=True)
    done, _ = retrieved(archive, storage, classes=(CT,))
    assert done.counts.completed == 3
    assert gets(archive) == [
        {"StudyInstanceUID": "1.2"},
        {
            "StudyInstanceUID": "1.2",
            "SeriesInstanceUID": "1.2.1",
            "SOPInstanceUID": "1.2.1.2",
        },
    ]


@pytest.mark.parametrize("looks_up", [True, False])
def test_what_has_come_is_not_stored_again(
    storage: Storage,
    looks_up: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A peer may send it in another syntax the second time, and then it is another file."""

    class Converting(Archive):
        def _context_for(self, out: Any, one: Instance) -> int | None:  # noqa: ANN401
            if one.sop_instance_uid == "1.2.1.1":
                return next((n for n, found in out.contexts.items() if found[1] == CT), None)
            return super()._context_for(out, one)

    objects = [make("1.2.1.1"), make("1.2.1.2", syntax=JPEG)]
    archive = Converting(objects, first_context=True)
    done, _ = retrieved(archive, storage, classes=(CT,), looks_up=looks_up)
    assert got(storage) == expected(objects)
    assert (done.status, done.counts) == (Status(0), Counts(0, 2, 0, 0))


def test_a_peer_that_picks_contexts_is_not_asked_again(storage: Storage) -> None:
    """What it has not sent it cannot send, in whatever context."""
    objects = [make("1.2.1.1"), make("1.2.1.2", syntax=JPEG), make("1.2.1.3")]
    archive = Archive(objects, lost=frozenset({"1.2.1.3"}))
    done, peer = retrieved(archive, storage, classes=(CT,))
    assert got(storage) == expected(objects[:2])
    assert done.status == Status(0xB000)
    assert (done.counts, done.failed_instances) == (Counts(0, 2, 1, 0), ("1.2.1.3",))
    others = [request.proposed for request in peer.requests if asked_to_get(peer)]
    assert all(JPEG not in syntaxes for _, _, syntaxes in others[-1])


def test_what_cannot_come_at_all_is_a_failure(storage: Storage) -> None:
    objects = [make("1.2.1.1", syntax=JPEG)]
    archive = Archive(objects, accepted=accept(syntaxes=(EXPLICIT,)))
    done, _ = retrieved(archive, storage, classes=(CT,))
    assert (done.status, done.failed) == (Status(0xA702), True)
    assert (done.counts, done.failed_instances) == (Counts(0, 0, 1, 0), ("1.2.1.1",))
    assert got(storage) == {}


# More classes than one association has room for


@pytest.mark.parametrize("first_context", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_a_study_of_all_classes_there_are(
    storage: Storage,
    first_context: bool,  # noqa: FBT001
    known: bool,  # noqa: FBT001
) -> None:
    classes = storage_classes()
    objects = [make(f"1.2.1.{n}", sop_class=uid) for n, uid in enumerate(classes, 1)]
    archive = Archive(objects, first_context=first_context, accepted=accept(syntaxes=SYNTAXES[:2]))
    done, peer = retrieved(archive, storage, classes=classes if known else ())
    assert len(objects) > 200
    assert got(storage) == expected(objects)
    assert (done.status, done.counts) == (Status(0), Counts(0, len(objects), 0, 0))
    assert max(len(request.proposed) for request in peer.requests) == 128
    assert asked_to_get(peer) == (2 if known else 3)


def test_a_peer_that_sends_nothing_without_all_contexts(storage: Storage) -> None:
    """As Orthanc does; a way is found by the classes of the unit, and else piece by piece."""
    odd = storage_classes()[-1]
    objects = [make("1.2.1.1"), make("1.2.1.2", sop_class=odd)]
    archive = Archive(objects, needs_all=True)
    done, _ = retrieved(archive, storage, classes=(CT,))
    assert got(storage) == expected(objects[1:]) | expected(objects[:1])
    assert done.status == Status(0)
    unit = Unit(QueryLevel.STUDY, study="1.2", classes=(CT, odd))
    done, _ = retrieved(archive, storage, unit, classes=(CT,))
    assert (done.status, done.counts.completed) == (Status(0), 2)


def test_nothing_there_is_not_asked_for_again(storage: Storage) -> None:
    for nothing in (0, 0xC000):
        archive = Archive([], nothing=nothing)
        done, peer = retrieved(archive, storage, classes=(CT,))
        assert (done.status, done.counts) == (Status(nothing), Counts(0, 0, 0, 0))
        assert asked_to_get(peer) == 1


def test_the_association_is_kept_where_its_contexts_are_enough(storage: Storage) -> None:
    objects = [make(f"1.{n}.1.1", f"1.{n}", f"1.{n}.1") for n in range(2, 12)]
    with getting(Archive(objects).script(), storage=storage, classes=(CT,)) as (getter, peer):
        for n in range(2, 12):
            unit = Unit(QueryLevel.STUDY, study=f"1.{n}", classes=(CT,))
            assert getter.retrieve(unit, lambda _: None).counts.completed == 1
        assert len(peer.requests) == 1
    assert got(storage) == expected(objects)


# Contexts


def test_what_is_proposed() -> None:
    [first, *others] = retrieval_contexts((CT, SR), 127)
    assert [(p.abstract_syntax, p.transfer_syntaxes) for p in first[:4]] == [
        (CT, (EXPLICIT, IMPLICIT)),
        (SR, (EXPLICIT, IMPLICIT)),
        (CT, (IMPLICIT,)),
        (SR, (IMPLICIT,)),
    ]
    assert all(proposal.scp for part in (first, *others) for proposal in part)
    compressed = {p.transfer_syntaxes[0] for p in first if p.abstract_syntax == CT}
    assert compressed == set(SYNTAXES)
    assert [p.transfer_syntaxes for p in first if p.abstract_syntax == SR] == [
        (EXPLICIT, IMPLICIT),
        (IMPLICIT,),
        ("1.2.840.10008.1.2.1.99",),
    ]
    rest = {p.abstract_syntax for part in others for p in part}
    assert rest == set(storage_classes()) - {CT, SR}


@pytest.mark.parametrize(
    "classes", [["../evil", "", "1" * 200, "CT", STUDY_FIND, "1.2.3\n", CT], [STUDY_GET]]
)
def test_classes_that_are_none(storage: Storage, classes: list[str]) -> None:
    """A peer says which there are, and may say anything."""
    objects = [make("1.2.1.1")]
    done, peer = retrieved(Archive(objects), storage, classes=classes)
    assert got(storage) == expected(objects)
    proposed = {each.abstract_syntax for each in peer.requests[0].proposed[1:]}
    assert all(map(is_storage, proposed))
    assert done.status == Status(0)


def test_a_private_class(storage: Storage) -> None:
    objects = [make("1.2.1.1", sop_class="1.3.12.2.1107.5.9.1")]
    done, _ = retrieved(Archive(objects), storage, classes=["1.3.12.2.1107.5.9.1"])
    assert got(storage) == expected(objects)
    assert done.status == Status(0)


def test_storage_classes() -> None:
    assert len(set(storage_classes())) == len(storage_classes()) > 200
    assert storage_classes()[:2] == (CT, MR)
    for uid in ("1.2.840.10008.1.20.1", "1.2.840.10008.1.3.10", STUDY_GET, "1.2.840.10008.1.1"):
        assert uid not in storage_classes()
        assert not is_storage(uid)


def test_contexts_that_are_accepted_but_not_used() -> None:
    rle = "1.2.840.10008.1.2.5"
    wanted = [
        (CT, (EXPLICIT, IMPLICIT), EXPLICIT),
        (MR, (EXPLICIT, IMPLICIT), ""),
        (MR, (JPEG,), JPEG),
        (CT, (IMPLICIT,), IMPLICIT),
        (CT, (rle,), rle),
        (CT, (JPEG,), JPEG),
        (SR, (EXPLICIT,), EXPLICIT),
        (CT, ("1.2.840.10008.1.2.4.90",), ""),
    ]
    proposals = [Proposal(uid, syntaxes, scp=True) for uid, syntaxes, _ in wanted]
    contexts = [
        Context(2 * n + 3, uid, syntax, 0 if syntax else 4, scp=True)
        for n, (uid, _, syntax) in enumerate(wanted)
    ]
    alone = contexts_alone(proposals, contexts, ())
    classes = {syntax: [p.abstract_syntax for p in found] for syntax, found in alone.items()}
    assert classes[JPEG] == [CT]  # MR has it for its first context
    assert classes[rle] == [CT, MR]
    assert classes["1.2.840.10008.1.2.4.90"] == [MR]
    assert classes["1.2.840.10008.1.2.4.91"] == [CT, MR]
    assert classes["1.2.840.10008.1.2.1.99"] == [CT, MR, SR]
    assert all(p.transfer_syntaxes == (s,) and p.scp for s, found in alone.items() for p in found)
    assert contexts_alone(proposals, contexts, contexts[:1]) == alone
    picked = contexts_alone(proposals, contexts, contexts[4:5])
    assert JPEG not in picked
    assert [p.abstract_syntax for p in picked[rle]] == [MR]


def test_not_offered(storage: Storage) -> None:
    with Scripted([accept(refuse={STUDY_GET: 3})]) as peer:
        access = Access(Peer("peer", "127.0.0.1", peer.port))
        with pytest.raises(NotOfferedError, match="StudyRoot"):
            Getter(access, STUDY_ROOT, storage)
        peer.wait(lambda peer: peer.endings)
        assert peer.endings[0] == "release"


# What is wrong with an object

ONE, TWO = make("1.2.1.1").instance, make("1.2.1.2").instance


def run(
    *steps: Any,  # noqa: ANN401
    storage: Storage,
    classes: Sequence[str] = (CT,),
) -> tuple[Retrieved, Scripted]:
    script = [accept(syntaxes=(EXPLICIT, JPEG)), wait_request(), *steps]
    with getting(script, storage=storage, classes=classes, looks_up=False) as (getter, peer):
        done = getter.retrieve(STUDY, lambda _: None)
    return done, peer


def statuses(peer: Scripted) -> list[int]:
    return [each.command["Status"] for each in peer.messages if each.command_field == 0x8001]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AffectedSOPInstanceUID": "9.9"}, 0xA900),
        ({"AffectedSOPInstanceUID": None}, 0x0120),
        ({"AffectedSOPInstanceUID": "../../evil"}, 0xA900),
        ({"AffectedSOPInstanceUID": b"1.2\0.3 "}, 0xA900),
        ({"AffectedSOPInstanceUID": "1" * 2000}, 0x0117),
        ({"AffectedSOPClassUID": MR}, 0x0122),
    ],
)
def test_what_is_refused_is_not_asked_for_again(
    storage: Storage, changes: dict[str, object], code: int
) -> None:
    done, peer = run(
        store(ONE, **changes), store(TWO), pending(None, 1, 1, 0, status=0xB000), storage=storage
    )
    assert statuses(peer) == [code, 0]
    assert got(storage) == {"1.2.1.2": TWO}
    assert (done.status, done.counts) == (Status(0xB000), Counts(0, 1, 1, 0))
    assert len(peer.requests) == 1
    assert [each.status for each in done.stored] == [code, 0]


def test_objects_without_content(storage: Storage) -> None:
    def bare(c: Any) -> None:  # noqa: ANN401
        command = {"AffectedSOPClassUID": CT, "CommandField": 1, "MessageID": 7, "Priority": 0}
        c.send_message(3, {**command, "AffectedSOPInstanceUID": "1.2.1.1"})
        assert c.read_message().command["Status"] == 0x0120

    done, peer = run(bare, store(ONE._replace(data=b"")), answer(), storage=storage)
    assert statuses(peer) == [0x0120, 0xA900] or statuses(peer) == [0x0120, 0xC000]
    assert got(storage) == {}
    assert done.counts == Counts(0, 0, 1, 0)


def test_the_same_object_twice(storage: Storage) -> None:
    done, _ = run(store(ONE), store(ONE), pending(None, 2, 0, 0, status=0), storage=storage)
    assert got(storage) == {"1.2.1.1": ONE}
    assert [each.known for each in done.stored] == [False, True]
    assert done.counts == Counts(0, 2, 0, 0)


def test_two_objects_of_one_uid(storage: Storage) -> None:
    other = make("1.2.1.1", size=300).instance
    done, _ = run(store(ONE), store(other), answer(), storage=storage)
    assert got(storage) == {"1.2.1.1": ONE, "1.2.1.1_2": other}
    assert [each.renamed for each in done.stored] == [False, True]


def test_an_object_on_a_context_that_is_none(storage: Storage) -> None:
    for number, pattern in ((99, "context 99"), (1, "")):
        done, _ = run(store(ONE, context_id=number, wait=False), hang(), storage=storage)
        if pattern:
            assert isinstance(done.error, AssociationError)
            assert pattern in str(done.error)
            break
    assert got(storage) == {}


def test_an_object_on_the_context_of_the_request(storage: Storage) -> None:
    done, peer = run(store(ONE, context_id=1), answer(), storage=storage)
    assert statuses(peer) == [0x0122]
    assert got(storage) == {}
    assert done.counts.failed == 1


def test_an_echo_in_between_is_no_reason_to_die_without_a_word(storage: Storage) -> None:
    def echo(c: Any) -> None:  # noqa: ANN401
        c.send_message(1, {"CommandField": 0x30, "MessageID": 7, "AffectedSOPClassUID": CT})

    done, _ = run(store(ONE), echo, hang(), storage=storage)
    assert "C-ECHO-RQ" in str(done.error)
    assert done.counts.completed == 1


# Losses and ends


@pytest.mark.parametrize(
    "ending",
    [
        abort(),
        [close()],
        [store(TWO, layout=wire.pieces(32, last=False), wait=False), *abort()],
        [store(TWO, layout=wire.pieces(32, last=False), wait=False), close()],
    ],
    ids=["abort", "close", "abort amid", "close amid"],
)
def test_what_has_come_before_a_loss_is_told(storage: Storage, ending: list[Any]) -> None:
    done, _ = run(pending(2, 0, 0, 0), store(ONE), *ending, storage=storage)
    assert isinstance(done.error, AssociationError)
    assert (done.status, done.counts.completed) == (None, 1)
    assert [each.sop_instance_uid for each in done.stored] == ["1.2.1.1"]
    assert got(storage) == {"1.2.1.1": ONE}


def test_a_loss_in_a_later_turn_keeps_what_came_before(storage: Storage) -> None:
    objects = [make("1.2.1.1"), make("1.2.1.2", syntax=JPEG)]
    archive = Archive(objects, first_context=True)
    scripts = [archive.script(), archive.script(), [accept(), wait_request(), close()]]
    with getting(*scripts, storage=storage, classes=(CT,)) as (getter, _):
        done = getter.retrieve(STUDY, lambda _: None)
    assert isinstance(done.error, AssociationError)
    assert (done.counts.completed, done.counts.failed) == (1, 1)
    assert got(storage) == expected(objects[:1])


def test_a_full_disk_ends_in_good_order(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer is told of it, and to stop; then the association is released."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    script = [
        accept(),
        wait_request(),
        store(ONE),
        pending(3, 0, 1, 0),
        wait_cancel(),
        store(TWO),
        answer(0xFE00),
    ]
    with getting(script, storage=storage, classes=(CT,)) as (getter, peer):
        with pytest.raises(OutputError, match="no space left"):
            getter.retrieve(STUDY, lambda _: None)
        getter.__exit__(None, None, None)
        assert statuses(peer) == [0xA700, 0xA700]
        peer.wait(lambda peer: peer.endings)
        assert peer.endings[0] == "release"
    assert list(storage.folder.iterdir()) == []


def test_a_stall_amid_an_object_has_an_end(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcmtools.net.get.MID_DATA", 0.2)
    half = store(ONE, layout=wire.pieces(32, last=False), wait=False)
    done, _ = run(half, hang(), storage=storage)
    assert "0.2 s" in str(done.error)
    assert list(storage.folder.iterdir()) == []
    assert retrieve.MID_DATA == 60


def test_it_is_cancelled_from_elsewhere(storage: Storage) -> None:
    begun = threading.Event()

    def endless(c: Any) -> None:  # noqa: ANN401
        number = 0
        pending(9, 0, 0, 0)(c)
        while not c.canceled_by_now():
            number += 1
            c.store(make(f"1.2.1.{number}").instance)
            begun.set()
        answer(0xFE00)(c)

    script = serve({C_GET: endless})
    with Scripted(script) as peer:
        access = Access(Peer("peer", "127.0.0.1", peer.port), dimse_timeout=None)
        crew = Crew(lambda: Getter(access, STUDY_ROOT, storage, (CT,)), [STUDY, STUDY], 2)
        with closing(crew.run()) as events:
            next(events)
            assert begun.wait(10)
        peer.wait(lambda peer: peer.endings.count("release") == 2)
    assert all(path.suffix == ".dcm" for path in storage.folder.iterdir())


def test_no_turn_begins_after_a_cancel(storage: Storage) -> None:
    objects = [make("1.2.1.1"), make("1.2.1.2", syntax=JPEG)]
    archive = Archive(objects, first_context=True)
    with getting(archive.script(), storage=storage, classes=(CT,)) as (getter, peer):
        done = getter.retrieve(STUDY, lambda counts: counts.remaining or getter.cancel())
        assert asked_to_get(peer) == 1
    assert done.counts == Counts(0, 1, 1, 0)


def test_instances_after_the_end_are_nobodys(storage: Storage) -> None:
    done, _ = run(
        store(ONE), pending(None, 1, 0, 0, status=0), store(TWO, wait=False), storage=storage
    )
    assert done.status == Status(0)
    assert got(storage) == {"1.2.1.1": ONE}


@pytest.mark.parametrize("layout", [wire.together, wire.pieces(1), wire.pieces(7, packed=True)])
def test_however_it_is_cut(storage: Storage, layout: wire.Layout) -> None:
    done, _ = run(get([ONE, TWO], layout=layout), storage=storage)
    assert got(storage) == {"1.2.1.1": ONE, "1.2.1.2": TWO}
    assert done.counts.completed == 2


# An archive of pynetdicom's


def test_an_archive_of_pynetdicom(storage: Storage) -> None:
    """It encodes what it sends; each arrives in the syntax that it has there."""
    objects = [
        make(f"1.2.1.{n}", syntax=syntax)
        for n, syntax in enumerate((EXPLICIT, IMPLICIT, JPEG, "1.2.840.10008.1.2.5"), 1)
    ]
    data = [dataset(each.instance) for each in objects]

    def handle(_: evt.Event) -> Iterator[Any]:
        yield len(data)
        yield from ((0xFF00, each) for each in data)

    ae = AE(ae_title="PYNET")
    ae.maximum_pdu_size = 0
    ae.add_supported_context(STUDY_GET)
    for syntax in (EXPLICIT, IMPLICIT, JPEG, "1.2.840.10008.1.2.5"):
        ae.add_supported_context(CT, syntax, scu_role=False, scp_role=True)
    for each in ae.supported_contexts:
        if each.abstract_syntax == CT:
            each.scu_role, each.scp_role = False, True
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_GET, handle)])
    try:
        access = Access(Peer("peer", "127.0.0.1", server.socket.getsockname()[1]))
        with Getter(access, STUDY_ROOT, storage, (CT,)) as getter:
            done = getter.retrieve(STUDY, lambda _: None)
    finally:
        server.shutdown()
    assert (done.status, done.counts) == (Status(0), Counts(0, 4, 0, 0))
    syntaxes = {uid: each.transfer_syntax for uid, each in got(storage).items()}
    assert syntaxes == {uid: each.transfer_syntax for uid, each in expected(objects).items()}


def dataset(instance: Instance) -> Dataset:
    """Make a data set of pynetdicom's of an object in explicit VR little endian."""
    from pydicom.encaps import encapsulate  # noqa: PLC0415
    from pydicom.filereader import read_dataset  # noqa: PLC0415

    stream = DicomBytesIO(instance.data)
    data = read_dataset(stream, is_implicit_VR=False, is_little_endian=True)
    whole = Dataset()
    whole.update(data)
    whole.ensure_file_meta()
    whole.file_meta.TransferSyntaxUID = instance.transfer_syntax
    if instance.transfer_syntax not in (EXPLICIT, IMPLICIT):
        whole.PixelData = encapsulate([whole.PixelData])
        whole["PixelData"].VR = "OB"
    return whole

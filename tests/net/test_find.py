"""Show how a query goes on an association: what is sent, what comes back, and how it ends."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from struct import pack
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.dsutils import decode

from dcmtools.config import Peer
from dcmtools.dataset.query import Query, build_query
from dcmtools.dataset.query_models import PATIENT_ROOT, STUDY_ROOT, WORKLIST
from dcmtools.errors import (
    AssociationError,
    ConnectionFailedError,
    NotOfferedError,
    StatusError,
    UsageError,
)
from dcmtools.net import find as net_find
from dcmtools.net.access import Access
from dcmtools.net.find import Finder
from dcmtools.net.storage import write_answer
from tests.factories import EXPLICIT, IMPLICIT, element
from tests.net import wire
from tests.net.scripted import Connection, Script, Scripted, Step
from tests.net.steps import (
    abort,
    accept,
    answer,
    close,
    find,
    hang,
    serve,
    studies,
    study,
    wait_cancel,
    wait_for,
    wait_request,
)
from tests.net.wire import C_CANCEL, C_FIND, STUDY_FIND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dcmtools.dataset.answers import Answer

QUERY = build_query(["PatientName=Doe*", "StudyDate"], only=True)
NAME, PATIENT_ID, UID = 0x00100010, 0x00100020, 0x0020000D


def access(peer: Scripted, **attributes: Any) -> Access:  # noqa: ANN401 - fields of Access
    """Tell how to reach a scripted peer."""
    known = Peer("", peer.host, peer.port, peer.aet)
    return Access(known, **{"acse_timeout": 10.0, "dimse_timeout": 10.0, **attributes})


@contextmanager
def finding(*scripts: Script, **options: Any) -> Iterator[tuple[Finder, Scripted]]:  # noqa: ANN401
    """Open an association with a scripted peer."""
    with (
        Scripted(*scripts) as peer,
        Finder(access(peer), STUDY_ROOT.find, **options) as finder,
    ):
        yield finder, peer


def names(answers: Iterator[Answer]) -> list[str]:
    """Take all answers."""
    return [each.value(NAME) for each in answers]


def identifier(message: wire.Message, *, implicit: bool) -> Dataset:
    """Decode what a peer was asked, by a codec that is not ours."""
    assert message.data
    return decode(BytesIO(message.data), implicit, is_little_endian=True)


def extended(sop_class: str, answer_bytes: bytes) -> bytes:
    """Encode a SOP class extended negotiation sub-item (PS3.7 Table D.3-11)."""
    uid = sop_class.encode()
    return wire.item(0x56, pack(">H", len(uid)) + uid + answer_bytes)


# What is sent and what comes back


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_a_query_is_asked_and_answered_in_either_syntax(syntax: str) -> None:
    matches = [study("1"), study("2", PatientName="Müller^Jörg")]
    with finding(serve({C_FIND: find(matches)}, accept(syntaxes=[syntax]))) as (finder, peer):
        found = list(finder.find(QUERY))
        assert [each.value(NAME) for each in found] == ["Doe^Jane1", "Müller^Jörg"]
        assert [each.implicit for each in found] == [syntax == IMPLICIT] * 2
        assert not any(each.problems for each in found)
    (message,) = peer.messages
    assert message.command == {
        "CommandGroupLength": len(message.raw) - 12,
        "AffectedSOPClassUID": STUDY_FIND,
        "CommandField": C_FIND,
        "MessageID": 1,
        "Priority": 0,
        "CommandDataSetType": message.command["CommandDataSetType"],
    }
    assert message.command["CommandDataSetType"] != wire.NO_DATA
    asked = identifier(message, implicit=syntax == IMPLICIT)
    assert {each.keyword: each.value for each in asked} == {
        "SpecificCharacterSet": "",
        "StudyDate": "",
        "QueryRetrieveLevel": "STUDY",
        "PatientName": "Doe*",
    }
    assert peer.endings[0] == "release"


def test_only_the_class_of_the_model_is_proposed_in_both_syntaxes() -> None:
    with Scripted(serve({C_FIND: find([])})) as peer:
        for model in (STUDY_ROOT, PATIENT_ROOT, WORKLIST):
            with Finder(access(peer), model.find) as finder:
                assert names(finder.find(build_query(model=model))) == []
    assert [request.proposed for request in peer.requests] == [
        (wire.Proposed(1, model.find, (EXPLICIT, IMPLICIT)),)
        for model in (STUDY_ROOT, PATIENT_ROOT, WORKLIST)
    ]
    assert [m.command["AffectedSOPClassUID"] for m in peer.messages] == [
        each.find for each in (STUDY_ROOT, PATIENT_ROOT, WORKLIST)
    ]


def test_many_queries_go_over_one_association() -> None:
    with finding(serve({C_FIND: find(studies(3))})) as (finder, peer):
        for _ in range(5):
            assert names(finder.find(QUERY)) == ["Doe^Jane0000001", "Doe^Jane0000002",
                                                 "Doe^Jane0000003"]  # fmt: skip
        assert finder.warnings == []
    assert len(peer.requests) == 1
    assert [each.message_id for each in peer.messages] == [1, 2, 3, 4, 5]
    assert peer.endings[0] == "release"


def test_answers_are_given_as_they_come() -> None:
    more = threading.Event()
    slow = [find([study("1")], final=None), wait_for(more), find([study("2")])]
    with finding(serve({C_FIND: slow})) as (finder, _), closing(finder.find(QUERY)) as answers:
        assert next(answers).value(NAME) == "Doe^Jane1"
        more.set()
        assert names(answers) == ["Doe^Jane2"]


@pytest.mark.parametrize(
    "layout",
    [wire.together, wire.pieces(1), wire.pieces(7, packed=True), wire.pieces(2)],
    ids=["one PDU", "single bytes", "packed", "pairs"],
)
def test_messages_come_in_pieces_of_any_size(layout: wire.Layout) -> None:
    with finding(serve({C_FIND: find([study("1"), study("2")], layout=layout)})) as (finder, _):
        assert names(finder.find(QUERY)) == ["Doe^Jane1", "Doe^Jane2"]


def test_a_query_that_cannot_be_encoded_leaves_the_association_as_it_is() -> None:
    with finding(serve({C_FIND: find([study("1")])})) as (finder, peer):
        bad = build_query(["PatientName=山"], charset="ISO_IR 100", only=True)
        with pytest.raises(UsageError, match="山"):
            names(finder.find(bad))
        assert names(finder.find(QUERY)) == ["Doe^Jane1"]
    assert len(peer.requests) == len(peer.messages) == 1


def test_the_character_set_of_answers_that_name_none_is_the_callers() -> None:
    unnamed = study("1", SpecificCharacterSet=None, PatientName="Doe")
    raw = element(0x00100010, "PN", "Müller".encode("latin-1"))
    script = serve({C_FIND: find([unnamed, raw])}, accept(syntaxes=[EXPLICIT]))
    with finding(script) as (finder, _):
        assert names(finder.find(QUERY)) == ["Doe", r"M\xfcller"]
    with finding(script, charset="ISO_IR 100") as (finder, _):
        assert names(finder.find(QUERY)) == ["Doe", "Müller"]


# How it ends


@pytest.mark.parametrize(
    ("status", "text", "hint"),
    [
        (0xA700, "A700H, refused: out of resources", "try again later"),
        (0xA900, "A900H, the identifier does not match the SOP class", "unique keys"),
        (0xC000, "C000H, unable to process", "could not process"),
        (0xC4FF, "C4FFH, unable to process", "could not process"),
        (0x0122, "0122H, refused: SOP class not supported", "another model"),
        (0x0124, "0124H, refused: not authorized", "AE title"),
        (0x0110, "0110H, processing failure", ""),
        (0xFE00, "FE00H, cancelled", ""),
        (0x1234, "1234H, a status that the standard does not define here", ""),
        (0xFFFF, "FFFFH, a status that the standard does not define here", ""),
    ],
)
def test_a_failure_comes_after_the_matches(status: int, text: str, hint: str) -> None:
    with finding(serve({C_FIND: find(studies(2), final=status)})) as (finder, peer):
        answers = finder.find(QUERY)
        assert [next(answers).value(PATIENT_ID) for _ in range(2)] == ["P0000001", "P0000002"]
        with pytest.raises(StatusError) as caught:
            next(answers)
        assert str(caught.value) == f"{peer.address}: answered {text}"
        assert hint in caught.value.hint
        assert bool(hint) == bool(caught.value.hint)
    assert len(peer.messages) == 1
    assert peer.endings[0] == "release"


def test_a_failure_tells_what_the_peer_says_of_it() -> None:
    failure = answer(0xA900, ErrorComment="no such\x1bkey", OffendingElement=[NAME, UID])
    with finding(serve({C_FIND: failure})) as (finder, _), pytest.raises(StatusError) as caught:
        names(finder.find(QUERY))
    assert "PatientName (0010,0010), StudyInstanceUID (0020,000d)" in str(caught.value)
    assert r"'no such\x1bkey'" in str(caught.value)


@pytest.mark.parametrize("status", [0xB000, 0xB123, 0x0001, 0x0107, 0x0116])
def test_a_warning_at_the_end_is_no_failure(status: int) -> None:
    with finding(serve({C_FIND: find(studies(1), final=status)})) as (finder, _):
        assert len(names(finder.find(QUERY))) == 1
        (warning,) = finder.warnings
        assert warning.startswith(f"the peer warns: {status:04X}H")


def test_keys_that_a_peer_does_not_support_are_told_once() -> None:
    with finding(serve({C_FIND: find(studies(3), status=0xFF01)})) as (finder, _):
        for _ in range(2):
            assert len(names(finder.find(QUERY))) == 3
        assert finder.warnings == ["the peer does not support some of the keys, and ignores them"]


def test_a_match_without_content_counts_for_nothing() -> None:
    matches = [None, study("1"), b"", study("2"), None]
    with finding(serve({C_FIND: find(matches)})) as (finder, _):
        assert names(finder.find(QUERY)) == ["Doe^Jane1", "Doe^Jane2"]
        assert finder.warnings == ["the peer sent a match without content"]
        assert names(finder.find(QUERY, limit=2)) == ["Doe^Jane1", "Doe^Jane2"]


def test_bytes_that_are_no_identifier_are_an_answer_all_the_same() -> None:
    garbage = bytes(range(10, 250)) * 3
    with finding(serve({C_FIND: find([garbage, study("1")])})) as (finder, _):
        bad, good = finder.find(QUERY)
    assert bad.damage is not None
    assert good.damage is None
    assert good.value(NAME) == "Doe^Jane1"


def test_elements_in_the_wrong_order_are_found() -> None:
    raw = element(0x0020000D, "UI", b"1.2\0") + element(0x00100010, "PN", b"Doe ")
    with finding(serve({C_FIND: find([raw])}, accept(syntaxes=[EXPLICIT]))) as (finder, _):
        (found,) = finder.find(QUERY)
    assert (found.value(NAME), found.value(UID)) == ("Doe", "1.2")
    assert "not in ascending order" in found.problems[0].reason
    assert found.damage is None


def test_responses_after_the_last_do_not_disturb_the_next_query() -> None:
    late = [find([study("1")]), answer(0xFF00, data=study("9")), answer(0)]
    with finding(serve({C_FIND: late})) as (finder, peer):
        for _ in range(3):
            assert names(finder.find(QUERY)) == ["Doe^Jane1"]
        assert finder.warnings == ["the peer went on with responses after the last one"]
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        ({"MessageIDBeingRespondedTo": 4711}, "answered to message 4711, which is not under way"),
        ({"MessageIDBeingRespondedTo": 0}, "answered to message 0, which is not under way"),
        ({"MessageIDBeingRespondedTo": None}, "answered to message None"),
        ({"CommandField": 0x8021}, "answered with C-MOVE-RSP where C-FIND-RSP must come"),
        ({"Status": None}, "answered without a status"),
    ],
)
def test_a_response_to_something_else_ends_the_association(
    elements: dict[str, Any], why: str
) -> None:
    with finding(serve({C_FIND: [answer(0, **elements), hang()]})) as (finder, peer):
        with pytest.raises(AssociationError, match=why):
            names(finder.find(QUERY))
        peer.wait(lambda it: it.endings)
    assert peer.endings[0] == "abort"


def test_a_peer_that_is_silent_is_given_up_in_time() -> None:
    script = serve({C_FIND: [find(studies(1), final=None), hang()]})
    with Scripted(script) as peer:
        started = monotonic()
        with Finder(access(peer, dimse_timeout=0.3), STUDY_ROOT.find) as finder:
            answers = finder.find(QUERY)
            assert next(answers).value(PATIENT_ID) == "P0000001"
            with pytest.raises(ConnectionFailedError, match="no response"):
                next(answers)
        assert monotonic() - started < 5
        peer.wait(lambda it: it.endings)
    assert peer.endings[0] == "abort"


# Associations


def test_a_peer_that_does_not_offer_the_class_is_released() -> None:
    with Scripted([accept(refuse=3)]) as peer:
        with pytest.raises(NotOfferedError, match="StudyRootQueryRetrieveInformationModelFind"):
            Finder(access(peer), STUDY_ROOT.find)
        peer.wait(lambda it: it.endings)
    assert peer.endings[0] == "release"


def test_the_query_after_a_lost_association_opens_a_new_one() -> None:
    dying = serve({C_FIND: [find([study("1")], final=None), *abort(0, 0)]})
    closing_ = serve({C_FIND: [find([study("2")], final=None), close()]})
    alive = serve({C_FIND: find([study("3")])})
    with finding(dying, closing_, alive) as (finder, peer):
        for number in (1, 2):
            answers = finder.find(QUERY)
            assert next(answers).value(NAME) == f"Doe^Jane{number}"
            with pytest.raises(AssociationError):
                next(answers)
        assert names(finder.find(QUERY)) == ["Doe^Jane3"]
        assert names(finder.find(QUERY)) == ["Doe^Jane3"]
    assert len(peer.requests) == 3
    assert [each.message_id for each in peer.messages] == [1, 1, 1, 2]


def test_a_peer_that_is_gone_is_told_by_the_next_query() -> None:
    with Scripted(serve({C_FIND: abort(0, 0)})) as peer:
        finder = Finder(access(peer), STUDY_ROOT.find)
        with pytest.raises(AssociationError):
            names(finder.find(QUERY))
    with finder, pytest.raises(ConnectionFailedError, match="refused"):
        names(finder.find(QUERY))


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"relational": True}, b"\1\0\0"),
        ({"datetime": True}, b"\0\1\0"),
        ({"fuzzy": True}, b"\0\0\1"),
        ({"relational": True, "fuzzy": True}, b"\1\0\1"),
        ({"relational": True, "datetime": True, "fuzzy": True}, b"\1\1\1"),
        ({}, None),
    ],
)
def test_extended_negotiation(options: dict[str, bool], sent: bytes | None) -> None:
    agreeing = accept(items=extended(STUDY_FIND, b"\1\1\1"))
    with finding(serve({C_FIND: find([])}, agreeing), **options) as (finder, peer):
        assert names(finder.find(QUERY)) == []
        assert finder.warnings == []
    asked = peer.requests[0].pdu.user_information
    assert asked is not None
    items = {
        str(each.sop_class_uid): each.service_class_application_information
        for each in asked.ext_neg
    }
    assert items == ({} if sent is None else {STUDY_FIND: sent})


@pytest.mark.parametrize(
    ("answered", "refused"),
    [
        (None, ["relational queries", "combined date-time matching", "fuzzy matching of names"]),
        (b"", ["relational queries", "combined date-time matching", "fuzzy matching of names"]),
        (b"\1", ["combined date-time matching", "fuzzy matching of names"]),
        (b"\0\1\0", ["relational queries", "fuzzy matching of names"]),
        (b"\1\1\0\1\1", ["fuzzy matching of names"]),
        (b"\1\1\1\1\1", []),
    ],
)
def test_what_a_peer_does_not_agree_to_is_told(answered: bytes | None, refused: list[str]) -> None:
    items = b"" if answered is None else extended(STUDY_FIND, answered)
    wanted = {"relational": True, "datetime": True, "fuzzy": True}
    with finding(serve({}, accept(items=items)), **wanted) as (finder, _):
        assert finder.warnings == [f"the peer does not offer {name}" for name in refused]


# Enough


def canceled(peer: Scripted) -> list[int]:
    """Give the messages that a peer was asked to stop."""
    return [
        each.command["MessageIDBeingRespondedTo"]
        for each in peer.messages
        if each.command_field == C_CANCEL
    ]


@pytest.mark.parametrize("limit", [1, 3])
def test_after_the_limit_the_peer_is_told_to_stop(limit: int) -> None:
    script = [find(studies(3), final=None), wait_cancel(), answer(0xFE00)]
    with finding(serve({C_FIND: script})) as (finder, peer):
        for number in (1, 2):
            found = [each.value(PATIENT_ID) for each in finder.find(QUERY, limit=limit)]
            assert found == [f"P{n:07}" for n in range(1, limit + 1)]
            assert canceled(peer) == list(range(1, number + 1))
    assert len(peer.requests) == 1
    assert peer.endings[0] == "release"
    cancel = peer.messages[1].command
    assert cancel.keys() == {
        "CommandGroupLength", "CommandField", "MessageIDBeingRespondedTo", "CommandDataSetType",
    }  # fmt: skip
    assert cancel["CommandDataSetType"] == wire.NO_DATA


def test_fewer_matches_than_the_limit_need_no_cancel() -> None:
    with finding(serve({C_FIND: find(studies(3))})) as (finder, peer):
        assert len(names(finder.find(QUERY, limit=4))) == 3
    assert canceled(peer) == []


@pytest.mark.parametrize("final", [0x0000, 0xFE00, 0xA700])
def test_it_does_not_matter_how_a_canceled_query_ends(final: int) -> None:
    script = [find(studies(2), final=None), wait_cancel(), find(studies(5), final=final)]
    with finding(serve({C_FIND: script})) as (finder, peer):
        assert len(names(finder.find(QUERY, limit=1))) == 1
        assert len(names(finder.find(QUERY, limit=2))) == 2
    assert canceled(peer) == [1, 2]
    assert peer.endings[0] == "release"


def test_whoever_leaves_early_has_the_peer_told() -> None:
    script = [find(studies(3), final=None), wait_cancel(), answer(0xFE00)]
    with finding(serve({C_FIND: script})) as (finder, peer):
        with closing(finder.find(QUERY)) as answers:
            next(answers)
        assert canceled(peer) == [1]
        answers = finder.find(QUERY)
        next(answers)
        with pytest.raises(KeyboardInterrupt):
            answers.throw(KeyboardInterrupt())
        assert canceled(peer) == [1, 2]
    assert peer.endings[0] == "release"


def endless(c: Connection) -> None:
    """Send matches as long as somebody takes them, whatever is said."""
    command = c.response(0xFF00)
    assert c.message is not None
    data = c.encoded(c.message.context_id, study("1"))
    while True:
        c.send_message(c.message.context_id, command, data)


@pytest.mark.parametrize("step", [endless, hang()], ids=["sends on", "is silent"])
def test_a_peer_that_does_not_stop_is_left(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_find, "_PATIENCE", 0.3)
    first = serve({C_FIND: [find(studies(2), final=None), step]})
    second = serve({C_FIND: find([study("2")])})
    with finding(first, second) as (finder, peer):
        started = monotonic()
        assert len(names(finder.find(QUERY, limit=1))) == 1
        assert monotonic() - started < 5
        assert names(finder.find(QUERY, limit=9)) == ["Doe^Jane2"]
    assert len(peer.requests) == 2
    if step is not endless:  # that one never looks
        assert canceled(peer) == [1]
        assert peer.endings[0] == "abort"


def test_a_second_interrupt_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    script = serve({C_FIND: [find(studies(2), final=None), hang()]})
    with finding(script) as (finder, peer):
        answers = finder.find(QUERY)
        next(answers)

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(finder._association, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            answers.close()
        peer.wait(lambda it: it.endings)
    assert canceled(peer) == [1]
    assert peer.endings[0] == "abort"


def test_after_an_interrupt_of_the_caller_amid_a_query_nothing_stays_open() -> None:
    script = serve({C_FIND: [find(studies(2), final=None), wait_cancel(), answer(0xFE00)]})
    with suppress(KeyboardInterrupt), finding(script) as (finder, peer):
        answers = finder.find(QUERY)
        with closing(answers):
            next(answers)
            raise KeyboardInterrupt
    assert canceled(peer) == [1]
    assert peer.endings[0] == "release"


# What is told and written


def test_what_is_told_of_an_association_holds_no_values() -> None:
    lines: list[str] = []
    with (
        Scripted(serve({C_FIND: find(studies(2))})) as peer,
        Finder(access(peer, trace=lines.append), STUDY_ROOT.find) as finder,
    ):
        assert len(names(finder.find(QUERY))) == 2
    told = "\n".join(lines)
    assert "C-FIND-RQ 1" in told
    assert "C-FIND-RSP to 1, status FF00H" in told
    assert "Doe" not in told
    assert "P0000001" not in told


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_an_answer_is_written_as_a_file_that_others_read(tmp_path: Path, syntax: str) -> None:
    script = serve({C_FIND: find([study("1")])}, accept(syntaxes=[syntax]))
    with finding(script) as (finder, _):
        (found,) = finder.find(QUERY)
    path = write_answer(found, tmp_path / "a.dcm", STUDY_FIND)
    data = dcmread(path)
    assert data.file_meta.MediaStorageSOPClassUID == STUDY_FIND
    assert data.file_meta.TransferSyntaxUID == syntax
    assert data.PatientName == "Doe^Jane1"
    assert path.read_bytes().endswith(found.raw)


def test_nobody_waits_for_the_disk_to_keep_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr("os.fsync", waits.append)
    with finding(serve({C_FIND: find([study("1")])})) as (finder, _):
        for found in finder.find(QUERY):
            write_answer(found, tmp_path / "a.dcm", STUDY_FIND)
    assert waits == []


# A peer that is a program of others


@contextmanager
def archive(handler: Callable[[evt.Event], Any]) -> Iterator[Scripted]:
    """Serve by pynetdicom; give what `access` needs to reach it."""
    entity = AE("PYNETDICOM")
    for model in (STUDY_ROOT, PATIENT_ROOT, WORKLIST):
        entity.add_supported_context(model.find)
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, handler)]
    )
    assert server is not None
    place = Scripted()
    place.port = server.socket.getsockname()[1]
    try:
        yield place
    finally:
        server.shutdown()


def test_a_server_of_pynetdicom_understands_and_is_understood() -> None:
    asked: list[Dataset] = []

    def handler(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        asked.append(event.identifier)
        yield from ((0xFF00, study(str(number))) for number in range(20))
        yield 0xB000 if len(asked) > 1 else 0x0000, None

    with archive(handler) as peer, Finder(access(peer), STUDY_ROOT.find) as finder:
        for warnings in (0, 1):
            assert names(finder.find(QUERY)) == [f"Doe^Jane{n}" for n in range(20)]
            assert len(finder.warnings) == warnings
    assert [each.PatientName for each in asked] == ["Doe*"] * 2


def test_a_server_of_pynetdicom_is_canceled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_find, "_PATIENCE", 20.0)
    seen: list[bool] = []

    def handler(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield from ((0xFF00, study(str(number))) for number in range(3))
        deadline = monotonic() + 10
        while not (canceled := event.is_cancelled) and monotonic() < deadline:
            threading.Event().wait(0.01)  # its reactor needs the time
        seen.append(canceled)
        yield 0xFE00, None

    with archive(handler) as peer, Finder(access(peer), STUDY_ROOT.find) as finder:
        assert names(finder.find(QUERY, limit=2)) == ["Doe^Jane0", "Doe^Jane1"]
        assert seen == [True]


def test_a_worklist_of_pynetdicom_is_asked_by_nested_keys() -> None:
    asked: list[Dataset] = []

    def handler(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        asked.append(event.identifier)
        step = Dataset()
        step.Modality = "CT"
        item = study("1", QueryRetrieveLevel=None)
        item.ScheduledProcedureStepSequence = [step]
        yield 0xFF00, item

    query = build_query(["ScheduledProcedureStepSequence.Modality=CT"], model=WORKLIST)
    with archive(handler) as peer, Finder(access(peer), WORKLIST.find) as finder:
        (found,) = finder.find(query)
    (keys,) = asked
    assert "QueryRetrieveLevel" not in keys
    assert keys.ScheduledProcedureStepSequence[0].Modality == "CT"
    assert found.values(query.columns[:1]) == ["CT"]


class Unread(Query):
    """A query that nobody may ask."""

    def encode(self, *, implicit: bool) -> bytes:
        """Fail."""
        raise AssertionError(implicit)


def test_nothing_is_sent_before_the_first_answer_is_asked_for() -> None:
    with finding(serve({C_FIND: [wait_request()]})) as (finder, peer):
        finder.find(Unread(STUDY_ROOT, None, ())).close()
    assert peer.messages == []
    assert peer.endings[0] == "release"

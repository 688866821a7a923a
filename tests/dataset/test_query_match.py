"""Show which answers are told from those that a key asks for."""

import pytest

from dcmtools.dataset.answers import Answer
from dcmtools.dataset.query import build_query
from dcmtools.dataset.query_match import Matcher
from tests.factories import element, item

ID, DATE, NAME, MODALITIES = 0x00100020, 0x00080020, 0x00100010, 0x00080061


def answer(tag: int, vr: str, value: bytes) -> Answer:
    """Make an answer with one attribute."""
    return Answer(element(tag, vr, value + b" " * (len(value) % 2)), implicit=False)


def unmatched(key: str, found: Answer) -> list[str]:
    """Name the keys that an answer has other values for."""
    return [str(path) for path in Matcher(build_query([key], only=True)).unmatched(found)]


@pytest.mark.parametrize(
    ("key", "value", "matches"),
    [
        ("PatientID=P1", b"P1", True),
        ("PatientID=P1", b" P1 ", True),
        ("PatientID=P1", b"p1", True),
        ("PatientID=P1", b"P2", False),
        ("PatientID=P1", b"P11", False),
        ("PatientID=P1", b"", True),
        ("PatientID=P*", b"Q1", False),
        ("PatientID=P*", b"p", True),
        ("PatientID=*1", b"Q1", True),
        ("PatientID=*1", b"Q2", False),
        ("PatientID=P?", b"Q1", False),
        ("PatientID=P?", b"P1", True),
        ("PatientID=P?", b"P12", False),
        ("PatientID=P.*", b"P.x", True),
        ("PatientID=P.*", b"Pxx", False),
        ("PatientID", b"Q1", True),
        ("PatientID=Ü", b"Q1", True),
        ("PatientID=P1", b"\xff\xff", False),
    ],
)
def test_whole_values(key: str, value: bytes, matches: bool) -> None:  # noqa: FBT001
    assert unmatched(key, answer(ID, "LO", value)) == ([] if matches else ["PatientID"])


@pytest.mark.parametrize(
    ("key", "value", "matches"),
    [
        ("StudyDate=20260102", b"20260102", True),
        ("StudyDate=20260102", b"20260103", False),
        ("StudyDate=20260102-20260104", b"20260102", True),
        ("StudyDate=20260102-20260104", b"20260104", True),
        ("StudyDate=20260102-20260104", b"20260105", False),
        ("StudyDate=20260102-", b"20260101", False),
        ("StudyDate=20260102-", b"20260102", True),
        ("StudyDate=20260102-", b"20991231", True),
        ("StudyDate=-20260102", b"20260103", False),
        ("StudyDate=-20260102", b"19991231", True),
        ("StudyDate=20260102", b"2026.01.03", True),
        ("StudyDate=20260102", b"", True),
        ("StudyDate=2026*", b"20250101", True),
    ],
)
def test_days(key: str, value: bytes, matches: bool) -> None:  # noqa: FBT001
    assert unmatched(key, answer(DATE, "DA", value)) == ([] if matches else ["StudyDate"])


def test_one_of_several_values_is_enough_on_either_side() -> None:
    assert unmatched("ModalitiesInStudy=MR", answer(MODALITIES, "CS", b"CT\\MR")) == []
    assert unmatched("ModalitiesInStudy=US", answer(MODALITIES, "CS", b"CT\\MR")) != []
    uids = r"StudyInstanceUID=1.2\1.3"
    assert unmatched(uids, answer(0x0020000D, "UI", b"1.3\0")) == []
    assert unmatched(uids, answer(0x0020000D, "UI", b"1.4\0")) == ["StudyInstanceUID"]


def test_names_may_be_alike_and_are_not_judged() -> None:
    assert unmatched("PatientName=Doe", answer(NAME, "PN", b"DOE^JANE")) == []


def test_what_an_item_of_a_sequence_has_is_not_judged() -> None:
    key = "RequestAttributesSequence.RequestedProcedureID=1"
    nested = element(0x00400275, "SQ", item(element(0x00401001, "SH", b"2 ")))
    assert unmatched(key, Answer(nested, implicit=False)) == []


def test_an_answer_without_the_attribute_does_not_support_it_as_a_key() -> None:
    found = answer(NAME, "PN", b"Doe ")
    assert unmatched("PatientID=P1", found) == []
    nested = "RequestAttributesSequence.RequestedProcedureID=1"
    keys = ["PatientID=P1", "StudyDate", "StudyID=*", "Modality=CT", "PatientName=X", nested]
    matcher = Matcher(build_query(keys, only=True))
    assert [str(path) for path in matcher.unanswered(found)] == ["PatientID", "Modality"]
    empty = Answer(element(ID, "LO", b"") + element(0x00080060, "CS", b""), implicit=False)
    assert [str(path) for path in matcher.unanswered(empty)] == ["PatientName"]


def test_private_and_unknown_attributes_are_not_judged() -> None:
    assert unmatched("(0011,1001)=1", answer(0x00111001, "LO", b"2 ")) == []

"""What a status amounts to, in words, and what can be done about it."""

from collections.abc import Mapping
from struct import pack

import pytest
from pynetdicom import status as theirs

from dcmtools.net.command import Command
from dcmtools.net.status import (
    CANCEL,
    OPTIONAL_KEYS,
    PENDING,
    SUCCESS,
    Category,
    Service,
    Status,
    category,
)

TABLES: Mapping[str, Mapping[int, tuple[str, str]]] = {
    name: table for name, table in vars(theirs).items() if name.endswith("_STATUS")
}
QUERY = ("GENERAL_STATUS", "QR_FIND", "QR_MOVE", "QR_GET", "MODALITY_WORKLIST")


def test_all_tables_of_pynetdicom_are_found() -> None:
    assert len(TABLES) >= 15


@pytest.mark.parametrize("name", TABLES)
def test_categories_are_those_of_the_standard(name: str) -> None:
    for code, (kind, _) in TABLES[name].items():
        assert category(code).value == kind.lower(), f"{code:04X}"


def test_every_number_has_a_category_and_words() -> None:
    for code in range(0x10000):
        known = theirs.code_to_category(code).lower()
        found = category(code).value
        assert found == known or (known, found) == ("unknown", "failure"), f"{code:04X}"
        status = Status(code)
        assert status.category is category(code)
        assert status.text.startswith(f"{code:04X}H, ")
        assert len(status.text) > len("0000H, ")


def test_only_one_number_is_success() -> None:
    assert [code for code in range(0x10000) if category(code) is Category.SUCCESS] == [SUCCESS]
    pending = [code for code in range(0x10000) if category(code) is Category.PENDING]
    assert pending == [PENDING, OPTIONAL_KEYS]
    assert [code for code in range(0x10000) if category(code) is Category.CANCEL] == [CANCEL]


@pytest.mark.parametrize("name", [name for name in TABLES if name.startswith(QUERY)])
def test_every_status_of_queries_has_words_of_its_own(name: str) -> None:
    """Only the ranges of PS3.7 Annex C share theirs."""
    for code in TABLES[name]:
        if code >> 12 != 0xC:
            words = Status(code).text.partition(", ")[2]
            assert words not in ("refused", "a warning"), f"{code:04X}"
            assert "does not define" not in words, f"{code:04X}"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0x0000, "0000H, success"),
        (0xA801, "A801H, refused: move destination unknown"),
        (0xA7FF, "A7FFH, refused"),
        (0xC123, "C123H, unable to process"),
        (0xB123, "B123H, a warning"),
        (0x1234, "1234H, a status that the standard does not define here"),
        (0xFFFF, "FFFFH, a status that the standard does not define here"),
    ],
)
def test_a_status_has_words(code: int, text: str) -> None:
    assert Status(code).text == text


def test_what_the_peer_adds_is_told() -> None:
    response = Command(
        0x8020,
        status=0xA900,
        error_comment="no such key",
        offending_element=pack("<HHHH", 0x0010, 0x0010, 0x0029, 0x1010),
    )
    status = Status.of(response)
    assert status.elements == (0x00100010, 0x00291010)
    text = "A900H, the identifier does not match the SOP class: PatientName (0010,0010), "
    assert status.text.startswith(text)
    assert "(0029,1010)" in status.text
    assert status.text.endswith(": 'no such key'")


@pytest.mark.parametrize("comment", ["\x1b[2J\x07", "a\nb", "\u202e"])
def test_what_the_peer_adds_does_no_harm(comment: str) -> None:
    assert Status(0xC000, comment).text.isprintable()


@pytest.mark.parametrize("raw", [b"", b"\0", b"\x10\0\x20"])
def test_an_offending_element_may_be_cut(raw: bytes) -> None:
    assert Status.of(Command(0x8020, status=0xA900, offending_element=raw)).elements == ()


def test_no_status_is_taken_for_0() -> None:
    assert Status.of(Command(0x8020)) == Status(0)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (0xA801, "destination added"),
        (0xA701, "narrow"),
        (0xA702, "cannot send to the destination"),
        (0xA900, "level"),
        (0xB000, "log"),
        (0xB001, "narrow"),
        (0x0122, "another model"),
        (0x0124, "right"),
        (0xC001, "log"),
        (0xCFFF, "log"),
    ],
)
def test_a_hint_says_what_can_be_done(code: int, word: str) -> None:
    assert word in Status(code).hint.lower()


@pytest.mark.parametrize("code", [SUCCESS, PENDING, CANCEL, 0x1234, 0xB123])
def test_where_nothing_helps_there_is_no_hint(code: int) -> None:
    assert Status(code).hint == ""


# Storage and storage commitment


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x0000, "success"),
        (0x0111, "duplicate SOP instance"),
        (0x0117, "invalid object instance"),
        (0x0122, "refused: SOP class not supported"),
        (0x0124, "refused: not authorized"),
        (0xA700, "refused: out of resources"),
        (0xA7FF, "refused: out of resources"),
        (0xA801, "refused"),
        (0xA900, "the data set does not match the SOP class"),
        (0xA9FF, "the data set does not match the SOP class"),
        (0xAA00, "refused"),
        (0xB000, "coercion of data elements"),
        (0xB001, "a warning"),
        (0xB006, "elements discarded"),
        (0xB007, "the data set does not match the SOP class"),
        (0xC000, "cannot understand"),
        (0xCFFF, "cannot understand"),
        (0x1234, "a status that the standard does not define here"),
    ],
)
def test_a_status_of_storage_has_words_of_its_own(code: int, words: str) -> None:
    assert Status(code, service=Service.STORAGE).text == f"{code:04X}H, {words}"


def test_every_status_of_storage_that_pynetdicom_knows_has_words() -> None:
    for code in theirs.STORAGE_SERVICE_CLASS_STATUS:
        words = Status(code, service=Service.STORAGE).text.partition(", ")[2]
        assert words not in ("refused", "a warning", "unable to process"), f"{code:04X}"
        assert "does not define" not in words, f"{code:04X}"


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (0x0110, "log"),
        (0x0111, "already"),
        (0x0117, "Instance UID"),
        (0x0122, "SOP class"),
        (0x0124, "right"),
        (0xA700, "later"),
        (0xA7FF, "later"),
        (0xA900, "dump"),
        (0xA9FF, "dump"),
        (0xB000, "changed"),
        (0xB006, "left out"),
        (0xC000, "log"),
        (0xC123, "log"),
    ],
)
def test_a_hint_for_storage_says_what_can_be_done(code: int, word: str) -> None:
    assert word in Status(code, service=Service.STORAGE).hint


@pytest.mark.parametrize("code", [SUCCESS, 0x0105, 0x1234, 0xA801, 0xAA00, 0xB001, 0xB0FF])
def test_where_nothing_helps_storage_there_is_no_hint(code: int) -> None:
    assert Status(code, service=Service.STORAGE).hint == ""


@pytest.mark.parametrize(
    ("code", "words", "hint"),
    [
        (0x0110, "processing failure", "log"),
        (0x0112, "no such SOP instance", "send it again"),
        (0x0119, "class-instance conflict", "another SOP class"),
        (0x0122, "referenced SOP class not supported", "SOP class"),
        (0x0131, "duplicate transaction UID", "transaction UID"),
        (0x0213, "resource limitation", "later"),
        (0x4711, "a status that the standard does not define here", ""),
    ],
)
def test_a_failure_of_commitment_has_words_and_a_hint(code: int, words: str, hint: str) -> None:
    status = Status(code, service=Service.COMMITMENT)
    assert status.text == f"{code:04X}H, {words}"
    assert hint in status.hint
    assert bool(status.hint) is bool(hint)
    assert status.category is Category.FAILURE


def test_the_service_is_kept() -> None:
    response = Command(0x8001, status=0xB000, error_comment="PatientID")
    status = Status.of(response, Service.STORAGE)
    assert status.text == "B000H, coercion of data elements: 'PatientID'"
    assert status.category is Category.WARNING

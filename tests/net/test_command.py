"""Command sets: as pydicom encodes and decodes them, and what is wrong with those of a peer."""

from dataclasses import asdict
from io import BytesIO
from struct import pack
from time import monotonic
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pynetdicom.dimse_messages import _COMMAND_SET_KEYWORDS
from pynetdicom.dsutils import encode

from dcmtools.net.command import (
    DATA_SET_FOLLOWS,
    NO_DATA_SET,
    Command,
    CommandField,
    decode_command,
    encode_command,
)
from dcmtools.net.connection import ProtocolError
from tests.net.wire import command_set, element

KEYWORDS = {
    "field": "CommandField",
    "message_id": "MessageID",
    "responding_to": "MessageIDBeingRespondedTo",
    "sop_class": "AffectedSOPClassUID",
    "sop_instance": "AffectedSOPInstanceUID",
    "priority": "Priority",
    "data_set": "CommandDataSetType",
    "status": "Status",
    "move_destination": "MoveDestination",
    "remaining": "NumberOfRemainingSuboperations",
    "completed": "NumberOfCompletedSuboperations",
    "failed": "NumberOfFailedSuboperations",
    "warning": "NumberOfWarningSuboperations",
    "originator_aet": "MoveOriginatorApplicationEntityTitle",
    "originator_message_id": "MoveOriginatorMessageID",
    "error_comment": "ErrorComment",
    "offending_element": "OffendingElement",
    "requested_sop_class": "RequestedSOPClassUID",
    "requested_sop_instance": "RequestedSOPInstanceUID",
    "event_type": "EventTypeID",
    "action_type": "ActionTypeID",
}
"""Of the parts of a `Command`, as pydicom has them."""

UID, CT = "1.2.826.0.1.3680043.8.498.1", "1.2.840.10008.5.1.4.1.1.2"

numbers = st.integers(0, 0xFFFF)
uids = st.from_regex(r"[12](\.(0|[1-9][0-9]{0,8})){1,6}", fullmatch=True)
titles = st.from_regex(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?", fullmatch=True)
comments = st.from_regex(r"[!-\[\]-~]([ -\[\]-~]{0,62}[!-\[\]-~])?", fullmatch=True)
tags = st.lists(st.integers(1, 0xFFFFFFFF), min_size=1, max_size=5)
commands = st.builds(
    Command,
    numbers,
    message_id=st.none() | numbers,
    responding_to=st.none() | numbers,
    sop_class=st.none() | uids,
    sop_instance=st.none() | uids,
    priority=st.none() | numbers,
    data_set=numbers,
    status=st.none() | numbers,
    move_destination=st.none() | titles,
    remaining=st.none() | numbers,
    completed=st.none() | numbers,
    failed=st.none() | numbers,
    warning=st.none() | numbers,
    originator_aet=st.none() | titles,
    originator_message_id=st.none() | numbers,
    error_comment=st.none() | comments,
    offending_element=st.none() | tags.map(lambda found: b"".join(map(_tag, found))),
    requested_sop_class=st.none() | uids,
    requested_sop_instance=st.none() | uids,
    event_type=st.none() | numbers,
    action_type=st.none() | numbers,
)


def _tag(number: int) -> bytes:
    return pack("<HH", number >> 16, number & 0xFFFF)


def as_dataset(command: Command) -> Dataset:
    """Say the same in a data set of pydicom's."""
    dataset = Dataset()
    for name, value in asdict(command).items():
        if name == "offending_element" and value:
            pairs = [value[at : at + 4] for at in range(0, len(value), 4)]
            value = [int.from_bytes(p[:2] + p[2:], "little") for p in pairs]  # noqa: PLW2901
            value = [(each & 0xFFFF) << 16 | each >> 16 for each in value]  # noqa: PLW2901
        if value is not None:
            setattr(dataset, KEYWORDS[name], value)
    return dataset


def by_pydicom(command: Command) -> bytes:
    """Encode it with pydicom, and put the group length before it, as pynetdicom does."""
    body = encode(as_dataset(command), is_implicit_vr=True, is_little_endian=True)
    assert body is not None
    return pack("<HHII", 0, 0, 4, len(body)) + body


def read_by_pydicom(raw: bytes) -> Dataset:
    """Decode it with pydicom, without its group length."""
    dataset = dcmread(BytesIO(raw[12:]), force=True)
    assert int.from_bytes(raw[8:12], "little") == len(raw) - 12
    return Dataset(dict(dataset.items()))


def test_every_part_has_its_element() -> None:
    assert KEYWORDS.keys() == asdict(Command(0)).keys()
    known = set().union(*_COMMAND_SET_KEYWORDS.values())
    assert set(KEYWORDS.values()) <= known


@given(commands)
def test_it_is_encoded_as_pydicom_does(command: Command) -> None:
    assert encode_command(command) == by_pydicom(command)


@given(commands)
def test_what_pydicom_encodes_is_decoded(command: Command) -> None:
    assert decode_command(by_pydicom(command)) == command


@given(commands)
def test_pydicom_decodes_what_is_encoded(command: Command) -> None:
    found = read_by_pydicom(encode_command(command))
    assert [each.tag for each in found] == [each.tag for each in as_dataset(command)]
    for each in as_dataset(command):
        assert found[each.tag].value == each.value


def test_text_that_is_not_ascii_is_replaced() -> None:
    comment = decode_command(encode_command(Command(1, error_comment="für 太郎"))).error_comment
    assert comment == "f?r ??"
    raw = command_set({"CommandField": 1, "ErrorComment": "kein Platz für \x1b[2J".encode()})
    assert decode_command(raw).error_comment == "kein Platz f\\xc3\\xbcr \x1b[2J"


def test_a_number_that_is_none_is_an_error_of_the_caller() -> None:
    with pytest.raises(Exception, match="65535"):
        encode_command(Command(1, message_id=65536))


@pytest.mark.parametrize("padding", [b"", b"\0", b" ", b"\0\0", b"  \0"])
def test_padding_does_not_count(padding: bytes) -> None:
    raw = command_set(
        {
            "AffectedSOPClassUID": CT.encode() + padding,
            "CommandField": 1,
            "MoveDestination": b" STORE" + padding,
            "ErrorComment": b"disk full" + padding,
        }
    )
    command = decode_command(raw)
    assert command.sop_class == CT
    assert command.move_destination == "STORE"
    assert command.error_comment == "disk full"


def test_empty_elements_count_as_none() -> None:
    raw = command_set({"CommandField": 0x8030, "Status": b"", "ErrorComment": b"", "Priority": b""})
    assert decode_command(raw) == Command(0x8030)


def test_unknown_and_retired_elements_are_passed_over() -> None:
    more = {
        "CommandLengthToEnd": 4711,
        "ErrorID": 5,
        "AttributeIdentifierList": [0x00100010],
    }
    raw = command_set({"CommandField": 0x8030, "Status": 0, **more})
    assert decode_command(raw + pack("<HHI", 0, 0x9999, 3) + b"???") == Command(0x8030, status=0)


@pytest.mark.parametrize("length", [0, 1, 4711, 0xFFFFFFFF])
def test_the_group_length_is_of_no_account(length: int) -> None:
    raw = encode_command(Command(0x8030, status=0))
    assert decode_command(raw[:8] + pack("<I", length) + raw[12:]) == Command(0x8030, status=0)
    assert decode_command(raw[12:]) == Command(0x8030, status=0)


def test_the_order_of_elements_is_of_no_account() -> None:
    raw = element("Status", 0) + element("CommandField", 0x8030)
    assert decode_command(raw) == Command(0x8030, status=0)


# What is wrong

FIELD = element("CommandField", 0x8030)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(8),
        encode_command(Command(1, status=0))[:-14] + bytes(3),
        element("Status", 0),
        element("CommandField", b""),
        element("CommandField", b"\x30"),
        element("CommandField", b"\x30\x80\0"),
        element("CommandField", [0x8030, 0]),
        FIELD + element("Status", b"\0\0\0\0"),
        FIELD + element("Status", b"\0"),
        FIELD + FIELD,
        FIELD + element("Status", 0) + element("Status", 0xA700),
        FIELD + element("Status", b"") + element("Status", 0) * 2,
        FIELD + pack("<HHI", 0, 0x0900, 0xFFFFFFFF) + bytes(2),
        FIELD + pack("<HHI", 0, 0x0900, 3) + bytes(2),
        FIELD + pack("<HHI", 0, 0x0902, 0x10001) + bytes(0x10001),
        FIELD + pack("<HHI", 2, 0x0010, 2) + b"1\0",
        FIELD + pack("<HHI", 0x0800, 0, 2) + b"1\0",
        FIELD + b"\0",
        FIELD + bytes(7),
        # Explicit VR, little and big endian
        bytes.fromhex("0000 0000 554c 0400 38000000 0000 0001 5553 0200 3080"),
        bytes.fromhex("0000 0000 554c 0004 00000038 0000 0100 5553 0002 8030"),
        # Implicit VR, big endian
        bytes.fromhex("0000 0000 00000004 0000000a 0000 0100 00000002 8030"),
    ],
)
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^sent a command set that"):
        decode_command(raw)


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: FIELD + tail))
@example(b"\0" * 100)
def test_garbage_is_read_or_refused(raw: bytes) -> None:
    _read_or_refused(raw)


@given(commands, st.data())
def test_damage_is_read_or_refused(command: Command, data: st.DataObject) -> None:
    raw = bytearray(encode_command(command))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refused(bytes(raw))


@given(commands, st.data())
def test_what_is_cut_is_refused_but_between_elements(command: Command, data: st.DataObject) -> None:
    raw = encode_command(command)
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    command_cut = _read_or_refused(cut)
    if command_cut is not None:
        values: dict[str, Any] = asdict(command)
        for name, value in asdict(command_cut).items():
            assert value in (values[name], None) or name == "data_set"


def _read_or_refused(raw: bytes) -> Command | None:
    try:
        return decode_command(raw)
    except ProtocolError:
        return None


def test_the_longest_command_set_is_read_in_no_time() -> None:
    raw = FIELD + pack("<HHI", 0, 0x0111, 0) * 32_000
    began = monotonic()
    assert decode_command(bytearray(raw)) == Command(0x8030)
    assert monotonic() - began < 2


# What is told of it


@pytest.mark.parametrize(
    ("field", "name", "responds"),
    [
        (CommandField.C_ECHO_RQ, "C-ECHO-RQ", False),
        (CommandField.C_FIND_RSP, "C-FIND-RSP", True),
        (CommandField.C_CANCEL_RQ, "C-CANCEL-RQ", False),
        (CommandField.N_EVENT_REPORT_RQ, "N-EVENT-REPORT-RQ", False),
        (0x8130, "N-ACTION-RSP", True),
        (0x0131, "command 0131H", False),
        (0x8131, "command 8131H", True),
    ],
)
def test_it_is_named(field: int, name: str, *, responds: bool) -> None:
    assert Command(field).name == name
    assert Command(field).is_response is responds


def test_every_command_field_is_that_of_pynetdicom() -> None:
    from pynetdicom.dimse_messages import _MESSAGE_TYPES  # noqa: PLC0415 - private

    theirs = {name.upper().replace("-", "_"): code for code, (name, _) in _MESSAGE_TYPES.items()}
    for each in CommandField:
        assert theirs[each.name] == each


def test_it_tells_what_it_is_about() -> None:
    assert str(Command(0x0030, 7)) == "C-ECHO-RQ 7"
    assert str(Command(0x0FFF, responding_to=8)) == "C-CANCEL-RQ 8"
    assert str(Command(0x8020, responding_to=8, status=0xFF00)) == "C-FIND-RSP to 8, status FF00H"
    assert str(Command(0x8030, responding_to=8, status=0)) == "C-ECHO-RSP to 8, status 0000H"
    assert str(Command(0x8030)) == "C-ECHO-RSP to None, no status"


@pytest.mark.parametrize(
    ("kind", "follows"),
    [(NO_DATA_SET, False), (DATA_SET_FOLLOWS, True), (0, True), (0x0102, True), (0xFFFF, True)],
)
def test_a_data_set_follows_unless_it_says_none(kind: int, *, follows: bool) -> None:
    assert Command(0x8020, data_set=kind).has_data is follows


def test_the_keywords_are_in_group_0000() -> None:
    for each in as_dataset(Command(1, 2, status=0, offending_element=b"\x10\0\x20\0")):
        assert each.tag.group == 0
        assert keyword_for_tag(each.tag) in KEYWORDS.values()

"""Show how operations are written, and what is refused before any file is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.operations import (
    SHORT_NAMES,
    Action,
    Operation,
    check_vr,
    parse_operation,
    read_script,
)
from dcmtools.errors import UsageError

RULES = Rules(binary=True)
LOOSE = Rules(validate=False, binary=True)
ON_VALUES = (Action.INSERT, Action.MODIFY, Action.MODIFY_ALL)


def parse(action: Action, text: str, vr: str = "") -> Operation:
    return parse_operation(action, text, vr=vr, rules=RULES)


def script(*lines: str) -> list[Operation]:
    return list(read_script("\n".join(lines), "edits.txt", rules=RULES))


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("PatientID=A", "PatientID", "A"),
        ("PatientID=", "PatientID", ""),
        ("PatientID", "PatientID", ""),
        ("PatientID =A", "PatientID", "A"),
        ("0010,0020=A", "PatientID", "A"),
        ("(0010,0020)=A", "PatientID", "A"),
        ("00100020=A", "PatientID", "A"),
        ("PatientComments=a=b=c", "PatientComments", "a=b=c"),
        ("PatientName=A^B=C=D", "PatientName", "A^B=C=D"),
        ('(0009,"A=B",01)=x=y', '(0009,"A=B",01)', "x=y"),
        ('(0009,"A=B",01)', '(0009,"A=B",01)', ""),
        ("PatientComments=line\nline", "PatientComments", "line\nline"),
    ],
)
def test_a_value_stands_behind_the_first_equals_sign(text: str, path: str, value: str) -> None:
    operation = parse(Action.INSERT, text)
    assert (str(operation.path), operation.value) == (path, value)


@pytest.mark.parametrize("action", [each for each in Action if each is not Action.ERASE_PRIVATE])
def test_an_operation_can_be_printed(action: Action) -> None:
    erases = action in (Action.ERASE, Action.ERASE_ALL)
    operation = parse(action, "PatientID" if erases else "PatientID=A=B")
    assert operation.operand == ("PatientID" if erases else "PatientID=A=B")
    assert parse(action, operation.operand) == operation


def test_a_value_may_come_from_a_file() -> None:
    operation = parse(Action.INSERT_FROM, "PixelData=some dir/a=b")
    assert operation.source == Path("some dir/a=b")
    for text in ("PixelData", "PixelData="):
        with pytest.raises(UsageError, match="names no file"):
            parse(Action.MODIFY_FROM, text)


@pytest.mark.parametrize("action", [Action.ERASE, Action.ERASE_ALL])
def test_what_is_erased_has_no_value(action: Action) -> None:
    with pytest.raises(UsageError) as caught:
        parse(action, "PatientID=A")
    assert caught.value.hint == "Write PatientID."
    assert str(parse(action, "(60xx,3000)").path) == "(60xx,3000)"


@pytest.mark.parametrize("action", ON_VALUES)
@pytest.mark.parametrize("text", ["(0010,00xx)=A", "*=A"])
def test_what_is_set_is_one_element(action: Action, text: str) -> None:
    with pytest.raises(UsageError, match="wildcard"):
        parse(action, text)


@pytest.mark.parametrize(
    ("action", "text", "why"),
    [
        (Action.INSERT, "", "is not a tag path"),
        (Action.INSERT, "=A", "is not a tag path"),
        (Action.INSERT, "PatientIDD=A", "is not a keyword"),
        (Action.INSERT, "patientid=A", "is not a keyword"),
        (Action.INSERT, "(0000,0900)=0", "is not an attribute of a data set"),
        (Action.ERASE, "(0004,1220)", "is not an attribute of a data set"),
        (Action.INSERT, "(fffe,e000)=0", "is not an attribute of a data set"),
        (Action.INSERT, "(0010,0000)=12", "is a group length"),
        (Action.INSERT, "(0009,0001)=12", "is no private element"),
        (Action.INSERT, "PatientID[0].Modality=CT", "PatientID is not a sequence"),
        (Action.ERASE, "(0010,xxxx).Modality", "has a wildcard for a sequence"),
        (Action.MODIFY, "RequestAttributesSequence[0]=", "ends with an item number"),
        (Action.INSERT, "RequestAttributesSequence[0]=A", "is an item"),
        (Action.INSERT, "RequestAttributesSequence=A", "is a sequence"),
        (Action.ERASE_ALL, "RequestAttributesSequence[0]", "is a path into a sequence"),
        (Action.MODIFY_ALL, "RequestAttributesSequence[0].Rows=1", "is a path into a sequence"),
        (Action.INSERT, "RequestAttributesSequence[-1].Rows=1", "cannot be read"),
        (Action.INSERT, "TransferSyntaxUID=1.2.840.10008.1.2", "says how the file is encoded"),
        (Action.ERASE, "TransferSyntaxUID", "says how the file is encoded"),
        (Action.INSERT, "(0002,0000)=4", "says how the file is encoded"),
        (Action.INSERT, "MediaStorageSOPInstanceUID=1.2", "follows the data set"),
        (Action.ERASE, "MediaStorageSOPClassUID", "follows the data set"),
        (Action.INSERT, "SpecificCharacterSet=LATIN9", "is not a Specific Character Set"),
        (Action.INSERT, "StudyInstanceUID=", "identifies the object"),
        (Action.MODIFY_ALL, "SOPInstanceUID", "identifies the object"),
        (Action.INSERT, r"SOPInstanceUID=1.2\1.3", "needs one value"),
        (Action.INSERT, "StudyDate=2026-13-01", "is not a date"),
        (Action.INSERT, "Rows=-1", "US"),
        (Action.INSERT, "Rows=1.5", "US"),
        (Action.INSERT, "PixelData=xyz", "PixelData"),
    ],
)
def test_what_no_file_can_take_is_refused(action: Action, text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(action, text)
    assert why in str(caught.value)


def test_a_near_keyword_is_proposed() -> None:
    with pytest.raises(UsageError) as caught:
        parse(Action.INSERT, "PatientsName=A")
    assert "PatientName" in caught.value.hint


def test_deep_paths_have_an_end() -> None:
    deep = "ContentSequence[0]." * 64
    with pytest.raises(UsageError, match="more than 64 nodes"):
        parse(Action.INSERT, f"{deep}CodeValue=A")
    assert parse(Action.INSERT, f"{deep[19:]}CodeValue=A").path is not None


def test_what_is_not_validated_is_let_through() -> None:
    for text in ("StudyDate=notadate", r"Rows=1\2", "PatientSex=" + 99 * "x", "SOPInstanceUID="):
        assert parse_operation(Action.INSERT, text, rules=LOOSE).path is not None
    for text in ("Rows=x", "TransferSyntaxUID=1.2", "SpecificCharacterSet=LATIN9"):
        with pytest.raises(UsageError):
            parse_operation(Action.INSERT, text, rules=LOOSE)


def test_a_vr_is_for_what_nobody_knows() -> None:
    assert parse(Action.INSERT, "(0010,9999)=1", "US").vr == "US"
    with pytest.raises(UsageError, match="70000"):
        parse(Action.INSERT, "(0010,9999)=70000", "US")
    assert parse(Action.INSERT, "PatientID=70000", "US").value == "70000"


def test_vrs_are_those_of_the_standard() -> None:
    assert [check_vr(vr) for vr in ("LO", "lo", "sq", "UV")] == ["LO", "LO", "SQ", "UV"]
    for vr in ("ZZ", "", "LOO", "??"):
        with pytest.raises(UsageError, match="is not a VR") as caught:
            check_vr(vr)
        assert " LO " in caught.value.hint


# Scripts


def test_an_operation_has_three_names() -> None:
    for action in Action:
        operand = " PatientID" if action in (Action.ERASE, Action.ERASE_ALL) else " PatientID=1"
        text = "" if action is Action.ERASE_PRIVATE else operand
        names = action.value, SHORT_NAMES[action]
        assert (
            len({f"{each.operand}" for each in script(*(f"{name}{text}" for name in names))}) == 1
        )
        lines = [f"{dashes}{name}{text}" for name in names for dashes in ("", "-", "--")]
        assert {each.action for each in script(*lines)} == {action}


def test_a_script_has_comments_and_empty_lines() -> None:
    found = script(
        "# edits",
        "",
        "  insert  PatientID = A B  ",
        "\t-m\tPatientName=A#B\r",
        "erase-private",
        " ",
    )
    assert [(each.action, each.operand) for each in found] == [
        (Action.INSERT, "PatientID= A B"),
        (Action.MODIFY, "PatientName=A#B"),
        (Action.ERASE_PRIVATE, ""),
    ]


def test_only_a_newline_ends_a_line() -> None:
    values = [each.value for each in script("i PatientComments=a\fb\u2028c")]
    assert values == ["a\fb\u2028c"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("foo PatientID", "'foo' is no operation"),
        ("PatientID=1", "'PatientID=1' is no operation"),
        ("insert", "insert needs a tag path"),
        ("ep PatientID", "ep takes nothing"),
        ("erase PatientID=1", "has a value"),
        ("insert StudyDate=x", "is not a date"),
    ],
)
def test_an_error_in_a_script_names_its_line(line: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        script("# comment", "", "ep", line)
    assert str(caught.value).startswith("edits.txt:4: ")
    assert why in str(caught.value)

"""Show what can be set in passing, and what cannot and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset.edit import parse_assignment
from dcmtools.dataset.operations import Operation
from dcmtools.errors import UsageError


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("PatientID=X", "PatientID", "X"),
        ("PatientID=", "PatientID", ""),
        ("00100020=a=b", "PatientID", "a=b"),
        ("(0010,0020)= x ", "PatientID", " x "),
        ('(0029,"A=B",01)=C=D', '(0029,"A=B",01)', "C=D"),
        (
            "RequestAttributesSequence[3].(0040,1001)=7",
            "RequestAttributesSequence[3].RequestedProcedureID",
            "7",
        ),
        ("LongStringWith", None, None),
    ],
)
def test_an_assignment_is_read(text: str, path: str | None, value: str | None) -> None:
    if path is None or value is None:
        with pytest.raises(UsageError, match="is not an assignment"):
            parse_assignment(text)
        return
    read = parse_assignment(text)
    assert (str(read.path), read.value) == (path, value)
    assert parse_assignment(read.operand) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("PatientIDD=1", "is not a keyword"),
        ("=1", "is not a tag path"),
        ("*=1", "wildcard"),
        ("(0010,xxxx)=1", "wildcard"),
        ("RequestAttributesSequence[*].RequestedProcedureID=1", "wildcard"),
        ("RequestAttributesSequence=1", "is a sequence"),
        ("RequestAttributesSequence[0]=1", "is an item, and has no value"),
        ("PatientID[0].PatientName=1", "PatientID is not a sequence"),
        ("TransferSyntaxUID=1.2.3", "says how the file is encoded"),
        ("AffectedSOPClassUID=1.2.3", "not an attribute of a data set"),
        ("FileSetID=1", "not an attribute of a data set"),
        ("(fffe,e000)=1", "not an attribute of a data set"),
        ("(0008,0000)=1", "group length"),
        ("(0009,0010)=ACME", "to whom private elements belong"),
        ("SpecificCharacterSet=ISO_IR 192", "in which characters"),
        ("SOPClassUID=1.2.3", "of which kind"),
        ("SOPInstanceUID=", "needs a value"),
        ("StudyInstanceUID=", "needs a value"),
        ("SeriesInstanceUID=1.2\\1.3", "needs one value"),
        ("PixelData=1", "is binary"),
        ("RedPaletteColorLookupTableData=1", "is binary"),
        ("StudyDate=notadate", "is not a date"),
        ("PatientName=a\\b", "VM of 1"),
        ("PixelSpacing=1", "VM of 2"),
        ("PatientID=\udcff", "not text"),
    ],
)
def test_what_cannot_be_set_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_assignment(text)


def test_a_keyword_that_is_none_comes_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignment("PatientNam=X")
    assert "PatientName" in caught.value.hint


@given(st.text(), st.text())
def test_no_text_makes_more_than_a_refusal(path: str, value: str) -> None:
    for text in (path, f"{path}={value}", f"PatientName={value}", f"StudyDate={value}"):
        try:
            read = parse_assignment(text)
        except UsageError:
            continue
        assert isinstance(read, Operation)
        assert parse_assignment(read.operand) == read

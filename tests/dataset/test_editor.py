"""Show what each operation does to a data set, and that all else stays as it is, byte for byte."""

from __future__ import annotations

from itertools import permutations
from struct import pack
from typing import TYPE_CHECKING

import pytest

from dcmtools.dataset.editor import Editor, Manner
from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.tree import read_tree
from dcmtools.errors import DcmtoolsError, InputError, UsageError
from tests.dataset.operating import (
    OTHER_SEQUENCE,
    RULES,
    SEQUENCE,
    TEXT,
    done,
    lo,
    operations,
    sq,
)
from tests.factories import (
    BIG,
    BODY,
    IMPLICIT,
    ITEM_END,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    part10,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

ID, COMMENTS = 0x00100020, 0x00104000
ROWS, SIGNED, SMALLEST = 0x00280010, 0x00280103, 0x00280106
PLAIN = lo(ID, "A")
LOOSE = Rules(validate=False, binary=True)


def us(tag: int, number: int, order: str = "<") -> bytes:
    return element(tag, "US", pack(f"{order}H", number))


# Order


def test_operations_are_done_one_after_the_other() -> None:
    assert done(PLAIN, "i PatientID=B", "i PatientID=C") == lo(ID, "C")
    assert done(PLAIN, "e PatientID", "i PatientID=C") == lo(ID, "C")
    assert done(PLAIN, "i PatientID=C", "e PatientID") == b""
    assert done(PLAIN, "e PatientID", "i PatientID=C", "m PatientID=D") == lo(ID, "D")
    with pytest.raises(InputError, match="PatientID: is not there"):
        done(PLAIN, "e PatientID", "m PatientID=D", "i PatientID=C")


@pytest.mark.parametrize("order", list(permutations(("i 1", "e", "i 2"))), ids=str)
def test_the_permutations_of_inserting_and_erasing(order: tuple[str, ...]) -> None:
    lines = [f"i PatientID={each[2:]}" if each[0] == "i" else "e PatientID" for each in order]
    if order[0] == "e":
        with pytest.raises(InputError):
            done(b"", *lines)
        return
    expected = b"" if order[-1] == "e" else lo(ID, order[-1][2:])
    assert done(b"", *lines) == expected


def test_each_operation_meets_what_the_ones_before_have_left() -> None:
    body = sq(SEQUENCE, lo(TEXT, "A"), lo(TEXT, "B"))
    name = "RequestAttributesSequence"
    first, second = f"e {name}[0]", f"m {name}[0].ScheduledProcedureStepDescription=Q"
    assert done(body, first, second) == sq(SEQUENCE, lo(TEXT, "Q"))
    assert done(body, second, first) == sq(SEQUENCE, lo(TEXT, "B"))
    assert done(body, first, first) == sq(SEQUENCE)
    with pytest.raises(InputError):
        done(body, first, first, first)


def test_the_same_sequence_is_emptied_and_filled_again() -> None:
    body = sq(SEQUENCE, lo(TEXT, "A")) + lo(0x00401001, "x")
    name = "RequestAttributesSequence"
    again = f"i {name}[0].ScheduledProcedureStepDescription=Q"
    expected = sq(SEQUENCE, lo(TEXT, "Q")) + lo(0x00401001, "x")
    assert done(body, f"e {name}", again) == expected
    assert done(body, f"m {name}=", again) == expected
    assert done(body, f"e {name}[*]", again) == expected
    assert done(body, f"e {name}[0]", again) == expected


def test_what_has_gone_need_not_be_possible() -> None:
    latin = element(0x00080005, "CS", b"ISO_IR 100")
    assert done(latin, "i PatientID=山", "e PatientID") == latin
    assert done(latin, "i PatientID=山", "i PatientID=B") == latin + lo(ID, "B")
    path = "RequestAttributesSequence[0].ScheduledProcedureStepDescription"
    for last in ("RequestAttributesSequence", "RequestAttributesSequence[0]"):
        made = done(latin, f"i {path}=山", f"e {last}")
        assert made == latin + (sq(SEQUENCE) if last.endswith("]") else b"")


def test_a_character_set_holds_for_what_was_set_before() -> None:
    latin = element(0x00080005, "CS", b"ISO_IR 100")
    body = latin + PLAIN
    expected = element(0x00080005, "CS", b"ISO_IR 192") + lo(ID, "山", "utf-8")
    for lines in permutations(("i PatientID=山", "i SpecificCharacterSet=ISO_IR 192")):
        assert done(body, *lines) == expected
    with pytest.raises(UsageError) as caught:
        done(body, "i PatientID=山")
    assert "ISO_IR 100" in str(caught.value)
    assert caught.value.hint == "--charset utf8"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_pixel_representation_holds_for_what_was_set_before(order: tuple[int, int]) -> None:
    lines = ("i PixelRepresentation=1", "i SmallestImagePixelValue=-5")
    made = done(us(SIGNED, 0), *(lines[number] for number in order))
    assert made == us(SIGNED, 1) + element(SMALLEST, "SS", pack("<h", -5))
    with pytest.raises(UsageError, match="US"):
        done(us(SIGNED, 0), lines[1])


# Insert and modify


def test_a_new_element_goes_where_its_tag_says() -> None:
    body = lo(0x00080070, "M") + lo(ID, "A") + us(ROWS, 1)
    assert done(body, "i PatientSex=F", "i Columns=2") == (
        lo(0x00080070, "M")
        + lo(ID, "A")
        + element(0x00100040, "CS", b"F ")
        + us(ROWS, 1)
        + us(0x00280011, 2)
    )


def test_modify_makes_nothing() -> None:
    with pytest.raises(InputError, match="PatientSex: is not there") as caught:
        done(PLAIN, "m PatientSex=F")
    assert "--ignore-missing" in caught.value.hint
    assert done(PLAIN, "m PatientSex=F", "m PatientID=B", ignore_missing=True) == lo(ID, "B")
    path = "RequestAttributesSequence[1].ScheduledProcedureStepDescription"
    for body in (PLAIN, PLAIN + sq(SEQUENCE, lo(TEXT, "A"))):
        with pytest.raises(InputError, match="is not there"):
            done(body, f"m {path}=B")
        assert done(body, f"m {path}=B", ignore_missing=True) == body


def test_values_may_be_empty() -> None:
    assert done(PLAIN, "i PatientID=") == lo(ID, "")
    assert done(PLAIN, "m PatientID") == lo(ID, "")
    assert done(b"", "i PatientID") == lo(ID, "")


def test_sequences_and_items_are_made_and_gaps_filled() -> None:
    path = "RequestAttributesSequence[2].ScheduledProcedureStepDescription"
    assert done(b"", f"i {path}=A") == sq(SEQUENCE, b"", b"", lo(TEXT, "A"))
    assert done(sq(SEQUENCE, lo(TEXT, "0")), f"i {path}=A") == sq(
        SEQUENCE, lo(TEXT, "0"), b"", lo(TEXT, "A")
    )
    assert done(b"", "i RequestAttributesSequence") == sq(SEQUENCE)
    assert done(b"", "i RequestAttributesSequence[1]") == sq(SEQUENCE, b"", b"")
    there = sq(SEQUENCE, lo(TEXT, "A"))
    assert done(there, "i RequestAttributesSequence") == there
    assert done(there, "i RequestAttributesSequence[0]") == there
    nested = "ReferencedSeriesSequence[0].RequestAttributesSequence[1].PatientID"
    assert done(b"", f"i {nested}=A") == sq(OTHER_SEQUENCE, sq(SEQUENCE, b"", PLAIN))


def test_no_item_number_means_the_first_item() -> None:
    body = sq(SEQUENCE, lo(TEXT, "A"), lo(TEXT, "B"))
    made = done(body, "m RequestAttributesSequence.ScheduledProcedureStepDescription=Q")
    assert made == sq(SEQUENCE, lo(TEXT, "Q"), lo(TEXT, "B"))


def test_a_star_means_every_item() -> None:
    body = sq(SEQUENCE, lo(TEXT, "A"), b"", lo(TEXT, "B"))
    path = "RequestAttributesSequence[*].ScheduledProcedureStepDescription"
    assert done(body, f"i {path}=Q") == sq(SEQUENCE, *[lo(TEXT, "Q")] * 3)
    assert done(body, f"m {path}=Q") == sq(SEQUENCE, lo(TEXT, "Q"), b"", lo(TEXT, "Q"))
    assert done(body, f"e {path}") == sq(SEQUENCE, b"", b"", b"")
    assert done(sq(SEQUENCE), f"i {path}=Q") == sq(SEQUENCE)
    with pytest.raises(InputError, match="there is no RequestAttributesSequence"):
        done(b"", f"i {path}=Q")
    with pytest.raises(InputError, match="is not there"):
        done(sq(SEQUENCE, b""), f"m {path}=Q")


def test_very_many_items_are_a_slip_of_the_finger() -> None:
    with pytest.raises(InputError, match="at once"):
        done(b"", "i RequestAttributesSequence[500].PatientID=A")


def test_modify_all_reaches_every_depth() -> None:
    deep = sq(OTHER_SEQUENCE, sq(SEQUENCE, PLAIN, lo(TEXT, "x")))
    assert done(deep + PLAIN, "ma PatientID=LONGER") == (
        sq(OTHER_SEQUENCE, sq(SEQUENCE, lo(ID, "LONGER"), lo(TEXT, "x"))) + lo(ID, "LONGER")
    )
    with pytest.raises(InputError, match="is not there"):
        done(deep, "ma PatientSex=F")
    assert done(deep, "ma PatientSex=F", ignore_missing=True) == deep
    assert done(deep, "ma RequestAttributesSequence=") == sq(OTHER_SEQUENCE, sq(SEQUENCE))


def test_what_is_a_sequence_has_no_value() -> None:
    private = lo(0x00090010, "ACME") + sq(0x00091001, PLAIN)
    with pytest.raises(InputError, match="is a sequence"):
        done(private, 'm (0009,"ACME",01)=A')
    with pytest.raises(UsageError, match="is a sequence"):
        done(b"", "i RequestAttributesSequence=A")
    for line in (
        "i PatientID[0].PatientSex=F",
        "m PatientID[0].PatientSex=F",
        "e PatientID[0].Rows",
    ):
        with pytest.raises(UsageError, match="is not a sequence"):
            done(PLAIN, line)


def test_a_value_goes_by_the_vr_of_the_file() -> None:
    assert done(element(ROWS, "LO", b"7 "), "m Rows=13") == element(ROWS, "LO", b"13")
    assert done(element(ROWS, "UN", b"7 "), "m Rows=13") == us(ROWS, 13)


def test_what_nobody_knows_needs_a_vr() -> None:
    with pytest.raises(InputError) as caught:
        done(b"", "i (0010,9999)=1")
    assert caught.value.hint == "--vr VR"
    assert done(b"", "i (0010,9999)=1", vr="US") == us(0x00109999, 1)
    assert done(b"", "i PatientID=1", vr="US") == lo(ID, "1")
    assert done(element(0x00109999, "UN", b"12"), "m (0010,9999)=01ff") == element(
        0x00109999, "UN", b"\1\xff"
    )
    assert done(implicit(0x00109999, b"12"), "m (0010,9999)=515", vr="US", syntax=IMPLICIT) == (
        implicit(0x00109999, b"\3\2")
    )
    assert done(implicit(0x00109999, b"12"), "m (0010,9999)=5", syntax=IMPLICIT) == (
        implicit(0x00109999, b"\5\0")  # as bytes
    )
    odd = b"\x10\0\x99\x99??\2\x0012"
    with pytest.raises(InputError, match="no VR that is known"):
        done(odd, "m (0010,9999)=5")
    assert done(odd, "m (0010,9999)=5", vr="LO") == lo(0x00109999, "5")


def test_binary_values_are_bytes_and_words() -> None:
    pixels = 0x7FE00010
    assert done(b"", "i PixelData=0001ff00") == element(pixels, "OW", b"\1\0\0\xff")
    assert done(b"", r"i PixelData=01\02", vr="OB")[:8] == element(pixels, "OW", b"")[:8]
    assert done(element(pixels, "OB", b"12"), r"m PixelData=01\02\03") == element(
        pixels, "OB", b"\1\2\3\0"
    )
    assert done(b"", r"i FrameIncrementPointer=(0018,1063)\PatientID") == element(
        0x00280009, "AT", pack("<4H", 0x18, 0x1063, 0x10, 0x20)
    )
    marked = done(b"", 'i (7019,"TOSHIBA_MEC_OT3",80)=0001')
    assert marked == lo(0x70190010, "TOSHIBA_MEC_OT3") + element(0x70191080, "OW", b"\1\0")


def test_values_come_from_files(tmp_path: Path) -> None:
    words = write(tmp_path / "words", b"\1\0\2\0")
    odd, none = write(tmp_path / "odd", b"abc"), write(tmp_path / "none", b"")
    assert done(b"", f"if PixelData={words}") == element(0x7FE00010, "OW", b"\1\0\2\0")
    assert done(PLAIN, f"mf PatientID={odd}") == lo(ID, "abc")
    assert done(PLAIN, f"mf PatientID={none}") == lo(ID, "")
    big = done(b"", f"if PixelData={words}", syntax=BIG)
    assert big == b"\x7f\xe0\0\x10OW\0\0\0\0\0\4\0\1\0\2"
    with pytest.raises(InputError, match="is not there"):
        done(b"", f"mf PatientID={odd}")
    with pytest.raises(InputError, match="no such file"):
        done(PLAIN, f"mf PatientID={tmp_path}/nothing")


def test_pixel_data_in_fragments_is_no_value(tmp_path: Path) -> None:
    fragments = element(0x7FE00010, "OB", b"", UNDEFINED) + item() + item(b"\1\2") + SEQUENCE_END
    words = write(tmp_path / "words", b"\1\0\2\0")
    for line in ("m PixelData=0001", "m PixelData=", f"mf PixelData={words}", "ma PixelData=00"):
        with pytest.raises(InputError, match="in fragments") as caught:
            done(PLAIN + fragments, line, syntax=JPEG)
        assert "--decompress" in caught.value.hint
    assert done(PLAIN + fragments, "e PixelData", syntax=JPEG) == PLAIN
    for lines in (["i PixelData=0001"], ["e PixelData", f"if PixelData={words}"]):
        body = PLAIN + (fragments if len(lines) > 1 else b"")
        with pytest.raises(InputError, match="has to be in fragments"):
            done(body, *lines, syntax=JPEG)
    icon = "IconImageSequence[0].PixelData"  # which may be a value all the same
    made = done(PLAIN, f"i {icon}=0001", syntax=JPEG)
    assert made == PLAIN + sq(0x00880200, element(0x7FE00010, "OW", b"\1\0"))


def test_values_are_checked() -> None:
    for line, said in (
        ("i StudyDate=2026-13-01", "StudyDate: '2026-13-01' is not a date"),
        (r"i Rows=1\2", "VM of 1, and 2 values"),
        ("i Rows=70000", "70000"),
        ("i StudyInstanceUID=1.02", "1.02"),
        ("i PatientID=" + 65 * "x", "64"),
    ):
        with pytest.raises(UsageError) as caught:
            done(PLAIN, line)
        assert said in str(caught.value)
    loose = done(b"", "i StudyDate=notadate", rules=LOOSE)
    assert loose == element(0x00080020, "DA", b"notadate")
    with pytest.raises(UsageError):
        done(b"", "i Rows=70000", rules=LOOSE)  # which cannot be encoded


# Erasing


def test_erasing_takes_elements_items_and_what_they_hold() -> None:
    body = PLAIN + sq(SEQUENCE, lo(TEXT, "A"), lo(TEXT, "B")) + lo(0x00401001, "x")
    rest = PLAIN, lo(0x00401001, "x")
    name = "RequestAttributesSequence"
    assert done(body, f"e {name}") == rest[0] + rest[1]
    assert done(body, f"e {name}[0]") == rest[0] + sq(SEQUENCE, lo(TEXT, "B")) + rest[1]
    assert done(body, f"e {name}[1]") == rest[0] + sq(SEQUENCE, lo(TEXT, "A")) + rest[1]
    assert done(body, f"e {name}[*]") == rest[0] + sq(SEQUENCE) + rest[1]
    assert done(body, f"e {name}[1].ScheduledProcedureStepDescription") == (
        rest[0] + sq(SEQUENCE, lo(TEXT, "A"), b"") + rest[1]
    )
    for path in ("PatientSex", f"{name}[2]", f"{name}[2].Modality", f"{name}[0].Modality"):
        with pytest.raises(InputError, match="is not there"):
            done(body, f"e {path}")
        assert done(body, f"e {path}", ignore_missing=True) == body


def test_erase_all_reaches_every_depth() -> None:
    deep = sq(OTHER_SEQUENCE, sq(SEQUENCE, PLAIN, lo(TEXT, "x")))
    assert done(deep + PLAIN, "ea PatientID") == sq(
        OTHER_SEQUENCE, sq(SEQUENCE, b"", lo(TEXT, "x"))
    )
    assert done(deep + PLAIN, "ea RequestAttributesSequence") == sq(OTHER_SEQUENCE, b"") + PLAIN
    with pytest.raises(InputError, match="is not there"):
        done(deep, "ea PatientSex")


def test_wildcards_name_what_is_erased() -> None:
    body = lo(0x00100020, "A") + lo(0x00101000, "B") + sq(SEQUENCE, PLAIN) + us(ROWS, 1)
    assert done(body, "e (0010,xxxx)") == sq(SEQUENCE, PLAIN) + us(ROWS, 1)
    assert done(body, "ea (0010,00xx)") == lo(0x00101000, "B") + sq(SEQUENCE, b"") + us(ROWS, 1)
    emptied = lo(0x00100020, "A") + lo(0x00101000, "B") + sq(SEQUENCE, b"") + us(ROWS, 1)
    assert done(body, "e RequestAttributesSequence[*].*") == emptied
    with pytest.raises(InputError, match="is not there"):
        done(body, "e (60xx,3000)")
    for line in ("i (0010,00xx)=A", "m (0010,xxxx)=A", "ma *=A"):
        with pytest.raises(UsageError, match="wildcard"):
            done(body, line)


def test_all_copies_of_an_element_are_meant() -> None:
    twice = lo(ID, "A") + lo(ID, "B") + us(ROWS, 1)
    assert done(twice, "m PatientID=C") == lo(ID, "C") * 2 + us(ROWS, 1)
    assert done(twice, "i PatientID=C") == lo(ID, "C") * 2 + us(ROWS, 1)
    assert done(twice, "e PatientID") == us(ROWS, 1)


@pytest.mark.parametrize(
    "line",
    ["e SOPInstanceUID", "ea SOPInstanceUID", "e (0008,xxxx)", "ea (0008,001x)", "i SOPClassUID="],
)
def test_an_object_keeps_what_says_which_it_is(line: str) -> None:
    with pytest.raises(UsageError, match="identifies the object"):
        done(BODY, line)
    assert done(BODY, line, rules=LOOSE) != BODY


def test_what_a_reference_names_may_go() -> None:
    uid = element(0x00080018, "UI", b"1.2.3.4\0")
    assert done(PLAIN + sq(SEQUENCE, uid), "ea SOPInstanceUID") == PLAIN + sq(SEQUENCE, b"")


def test_what_identifies_an_object_may_be_another() -> None:
    uid = element(0x00080018, "UI", b"1.2.3.4\0")
    made = done(BODY, "e SOPInstanceUID", "i SOPInstanceUID=1.2.999")
    assert made == BODY.replace(uid, element(0x00080018, "UI", b"1.2.999\0"))


# Private blocks


def creator(block: int, name: str = "ACME", group: int = 0x0009) -> bytes:
    return lo(group << 16 | block, name)


def owned(block: int, number: int, value: str, group: int = 0x0009) -> bytes:
    return lo(group << 16 | block << 8 | number, value)


ACME = creator(0x10) + owned(0x10, 1, "A") + owned(0x10, 2, "B")


def test_a_private_element_is_found_in_the_block_of_its_creator() -> None:
    body = creator(0x11, "OTHER") + creator(0x42) + owned(0x11, 1, "X") + owned(0x42, 1, "A")
    after = creator(0x11, "OTHER") + creator(0x42) + owned(0x11, 1, "X")
    for action in ("i", "m", "ma"):
        assert done(body, f'{action} (0009,"ACME",01)=Q') == after + owned(0x42, 1, "Q")
    assert done(body, 'i (0009,"ACME",02)=Q', vr="LO") == body + owned(0x42, 2, "Q")
    with pytest.raises(InputError, match="is not there"):
        done(body, 'm (0009,"acme",01)=Q')


@pytest.mark.parametrize(
    ("before", "block", "behind"),
    [
        (b"", 0x10, b""),
        (creator(0x10, "OTHER"), 0x11, b""),
        (b"", 0x10, creator(0x11, "OTHER")),
        (b"", 0x11, owned(0x10, 1, "nobody's")),
        (b"".join(creator(number, f"C{number}") for number in range(0x10, 0xFF)), 0xFF, b""),
    ],
    ids=["none", "taken", "gap", "orphan", "last"],
)
def test_a_block_is_reserved(before: bytes, block: int, behind: bytes) -> None:
    made = done(before + behind, 'i (0009,"ACME",05)=Q', vr="LO")
    assert made == before + creator(block) + behind + owned(block, 5, "Q")


def test_all_elements_of_a_block_can_be_named() -> None:
    for number in (0x00, 0x0F, 0x10, 0xFF):
        made = done(b"", f'i (0009,"ACME",{number:02x})=Q', vr="LO")
        assert made == creator(0x10) + owned(0x10, number, "Q")
        assert done(made, f'm (0009,"ACME",{number:02x})=Q') == made
        assert done(made, f'e (0009,"ACME",{number:02x})') == b""


def test_no_block_is_left() -> None:
    body = b"".join(creator(number, f"C{number}") for number in range(0x10, 0x100))
    with pytest.raises(InputError, match="all private blocks of group 0009 are taken"):
        done(body, 'i (0009,"ACME",05)=Q', vr="LO")


def test_two_creators_of_one_group_and_two_blocks_of_one_creator() -> None:
    both = done(b"", 'i (0009,"ACME",01)=A', 'i (0009,"OTHER",01)=B', vr="LO")
    assert both == creator(0x10) + creator(0x11, "OTHER") + owned(0x10, 1, "A") + owned(
        0x11, 1, "B"
    )
    body = creator(0x10) + creator(0x11) + owned(0x10, 1, "A") + owned(0x11, 1, "B")
    assert done(body, 'm (0009,"ACME",01)=Q') == body.replace(b"A ", b"Q ").replace(b"B ", b"Q ")
    assert done(body, 'e (0009,"ACME",01)') == b""
    assert done(body, "e (0009,1101)") == creator(0x10) + owned(0x10, 1, "A")
    added = done(body, 'i (0009,"ACME",02)=Q', vr="LO")
    assert added == creator(0x10) + creator(0x11) + owned(0x10, 1, "A") + owned(
        0x10, 2, "Q"
    ) + owned(0x11, 1, "B")


def test_a_creator_goes_with_the_last_that_it_owns() -> None:
    assert done(ACME, 'e (0009,"ACME",01)') == creator(0x10) + owned(0x10, 2, "B")
    for lines in (
        ['e (0009,"ACME",01)', 'e (0009,"ACME",02)'],
        ["e (0009,1001)", "e (0009,1002)"],
        ["e (0009,10xx)"],
        ["e (0009,xxxx)"],
        ["ea (0009,xxxx)"],
        ["ep"],
        ["e (0009,1001)", 'ea (0009,"ACME",02)'],
    ):
        assert done(PLAIN + ACME, *lines) == PLAIN, lines


def test_a_block_that_is_filled_again_keeps_its_creator() -> None:
    lines = ["e (0009,1001)", "e (0009,1002)", 'i (0009,"ACME",03)=C']
    assert done(ACME, *lines, vr="LO") == creator(0x10) + owned(0x10, 3, "C")


def test_a_creator_does_not_go_alone() -> None:
    for line in ("e (0009,0010)", "ea (0009,0010)", "e (0009,00xx)"):
        with pytest.raises(InputError, match="owns elements"):
            done(ACME, line)
    assert done(creator(0x10) + PLAIN, "e (0009,0010)") == PLAIN
    assert done(ACME, "e (0009,1001)", "e (0009,1002)", "e (0009,0010)", ignore_missing=True) == b""


def test_blocks_are_those_of_their_item() -> None:
    body = creator(0x10) + owned(0x10, 1, "A") + sq(SEQUENCE, creator(0x20) + owned(0x20, 1, "B"))
    path = 'RequestAttributesSequence[0].(0009,"ACME",01)'
    assert done(body, f"m {path}=Q") == body.replace(b"B ", b"Q ")
    assert done(body, f"e {path}") == creator(0x10) + owned(0x10, 1, "A") + sq(SEQUENCE, b"")
    assert done(body, 'ea (0009,"ACME",01)') == sq(SEQUENCE, b"")
    assert done(body, "ep") == sq(SEQUENCE, b"")
    made = done(body, 'i RequestAttributesSequence[1].(0009,"ACME",01)=Q', vr="LO")
    items = creator(0x20) + owned(0x20, 1, "B"), creator(0x10) + owned(0x10, 1, "Q")
    assert made == creator(0x10) + owned(0x10, 1, "A") + sq(SEQUENCE, *items)


def test_a_private_sequence_is_entered_and_made() -> None:
    inside = creator(0x10) + sq(0x00091001, PLAIN)
    assert done(inside, 'm (0009,"ACME",01)[0].PatientID=B') == creator(0x10) + sq(
        0x00091001, lo(ID, "B")
    )
    line = 'i (0009,"ACME",01)[0].PatientID=A'
    assert done(b"", line, vr="SQ") == inside
    with pytest.raises(InputError, match="the dictionary does not know it"):
        done(b"", line)


def test_the_block_of_a_bare_tag_must_have_an_owner() -> None:
    with pytest.raises(InputError, match="nobody has reserved its block") as caught:
        done(PLAIN, "i (0009,1001)=A", vr="LO")
    assert caught.value.hint == 'Name its creator: (0009,"CREATOR",01).'
    assert done(b"", "i (0009,0010)=ACME", "i (0009,1001)=A", vr="LO") == creator(0x10) + owned(
        0x10, 1, "A"
    )
    orphan = owned(0x10, 1, "A")
    assert done(orphan, "m (0009,1001)=B") == owned(0x10, 1, "B")
    assert done(orphan, "e (0009,1001)") == b""


@pytest.mark.parametrize("name", ["x" * 65, "A\\B"])
def test_a_creator_is_a_single_long_string(name: str) -> None:
    with pytest.raises(UsageError):
        done(b"", f'i (0009,"{name}",01)=A', vr="LO")


def test_a_private_dictionary_knows_vrs() -> None:
    made = done(b"", 'i (0009,"GEMS_IDEN_01",01)=FULL')
    assert made == creator(0x10, "GEMS_IDEN_01") + owned(0x10, 1, "FULL")
    with pytest.raises(InputError, match="does not know"):
        done(b"", 'i (0011,"GEMS_IDEN_01",99)=FULL')


# Encodings


def test_big_endian_and_implicit_data_sets_are_edited_as_they_are() -> None:
    big = b"\0\x28\0\x10US\0\2\1\2"
    assert done(big, "i Columns=258", syntax=BIG) == big + b"\0\x28\0\x11US\0\2\1\2"
    assert done(implicit(ROWS, b"\1\2"), "i Columns=513", syntax=IMPLICIT) == implicit(
        ROWS, b"\1\2"
    ) + implicit(0x00280011, b"\1\2")


def test_undefined_lengths_stay_undefined() -> None:
    inner = item(lo(TEXT, "A"), UNDEFINED) + ITEM_END
    body = element(SEQUENCE, "SQ", b"", UNDEFINED) + inner + inner + SEQUENCE_END + PLAIN[:0]
    longer = item(lo(TEXT, "LONGER"), UNDEFINED) + ITEM_END
    path = "RequestAttributesSequence[1]"
    assert done(body, f"m {path}.ScheduledProcedureStepDescription=LONGER") == body.replace(
        inner + SEQUENCE_END, longer + SEQUENCE_END
    )
    assert done(body, f"e {path}") == body.replace(inner + SEQUENCE_END, SEQUENCE_END)
    assert done(body, "i RequestAttributesSequence[2].PatientID=A") == body.replace(
        SEQUENCE_END, item(PLAIN) + SEQUENCE_END
    )


def test_group_lengths_are_counted_anew_where_they_are() -> None:
    counted = element(0x00100000, "UL", pack("<I", len(PLAIN))) + PLAIN
    after = element(0x00100000, "UL", pack("<I", len(lo(ID, "LONGER")))) + lo(ID, "LONGER")
    assert done(counted + us(ROWS, 1), "m PatientID=LONGER", "i Columns=2") == (
        after + us(ROWS, 1) + us(0x00280011, 2)
    )
    assert done(counted, "e (0010,0000)") == PLAIN


def test_an_editor_that_failed_has_written_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "in.dcm", part10(BODY))
    before = path.read_bytes()
    with DicomFile(path) as file:
        editor = Editor(read_tree(file), None, Manner(RULES))
        with pytest.raises(DcmtoolsError):
            editor.apply(operations("i PatientID=B", "m PatientSex=F"))
    assert path.read_bytes() == before


def test_many_elements_are_edited_in_little_time() -> None:
    body = creator(0x10) + b"".join(
        element(tag, "LO", b"") for tag in range(0x00091000, 0x00091100)
    )
    body += b"".join(element(tag, "LO", b"") for tag in range(0x00111000, 0x0011C000))
    assert done(body, "ep") == b""
    assert len(done(body, "ea (0011,xxxx)")) == 256 * 8 + len(creator(0x10))

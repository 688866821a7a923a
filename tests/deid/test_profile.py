"""Show that each row of the standard's tables becomes the rule that its columns say."""

import csv
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from dcmtools.dataset.dictionary import _attributes
from dcmtools.dataset.path import TagPath
from dcmtools.deid import profile as profile_module
from dcmtools.deid.actions import Action
from dcmtools.deid.options import Clean, Options, Retain
from dcmtools.deid.profile import PATIENT_ID, Profile, safe_private
from dcmtools.deid.unlisted import DEFINITIONS
from dcmtools.errors import UsageError

DATA = Path(profile_module.__file__).parent / "data"
CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
RT_PLAN = "1.2.840.10008.5.1.4.1.1.481.5"
COLUMNS = {
    "rtn_uids": Retain.UIDS,
    "rtn_dev_id": Retain.DEVICE,
    "rtn_inst_id": Retain.INSTITUTION,
    "rtn_pat_chars": Retain.PATIENT,
    "rtn_long_full": Retain.DATES,
    "rtn_long_modif": Retain.DATES_SHIFTED,
    "clean_desc": Clean.DESCRIPTORS,
    "clean_struct": Clean.STRUCTURED,
    "clean_graph": Clean.GRAPHICS,
}
EVERY_OPTION = [*Retain, *Clean]
REMOVE, EMPTY, DUMMY, UID = Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.UID
RESOLVED = {
    "X": (DUMMY, EMPTY, REMOVE),
    "Z": (DUMMY, EMPTY, EMPTY),
    "D": (DUMMY, DUMMY, DUMMY),
    "U": (UID, UID, UID),
    "Z/D": (DUMMY, EMPTY, EMPTY),
    "X/Z": (DUMMY, EMPTY, REMOVE),
    "X/D": (DUMMY, DUMMY, REMOVE),
    "X/Z/D": (DUMMY, EMPTY, REMOVE),
    "X/Z/U*": (UID, EMPTY, REMOVE),
}
"""What each code comes to for Type 1, 2 and 3."""


def rows(name: str) -> list[dict[str, str]]:
    text = (DATA / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


ROWS = rows("attributes.tsv")


def options(*chosen: Retain | Clean) -> Options:
    retain = frozenset(each for each in chosen if isinstance(each, Retain))
    clean = frozenset(each for each in chosen if isinstance(each, Clean))
    return Options(retain, clean)


def action(tag: int, sop_class: str = CT, *sequences: int, under: Profile) -> Action | None:
    rule = under.rule(tag, sop_class=sop_class, sequences=sequences)
    return rule.action if rule else None


def wanted(row: dict[str, str], columns: set[str], type_: int) -> Action:
    """Read a row by the letter: what its columns lead to for an attribute of a type."""
    codes = {column: row[column] for column in columns if row[column]}
    basic = RESOLVED[row["basic"]][type_ - 1]
    if basic is DUMMY and row["vr"] == "UI":
        basic = UID
    if int(row["tag"], 16) == PATIENT_ID:
        basic = DUMMY
    if codes.get("rtn_long_modif") == "C" and row["vr"] in ("DA", "DT", "TM"):
        return Action.SHIFT
    if "K" in codes.values():
        return Action.KEEP
    if "C" in codes.values():
        return basic if row["vr"] in ("OB", "OW", "UN") else Action.CLEAN
    return basic


def every_subset(row: dict[str, str]) -> Iterator[set[str]]:
    """Go through all options that the row has a column for, in all combinations there are."""
    filled = [column for column in COLUMNS if row[column]]
    for count in range(len(filled) + 1):
        for chosen in combinations(filled, count):
            if not {"rtn_long_full", "rtn_long_modif"} <= set(chosen):
                yield set(chosen)


@pytest.mark.parametrize("type_", [1, 2, 3])
def test_every_row_under_every_option_and_all_combinations(
    type_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_module, "type_of", lambda *_: str(type_))
    tried = 0
    profiles: dict[frozenset[str], Profile] = {}
    for row in ROWS:
        for columns in every_subset(row):
            chosen = (COLUMNS[column] for column in columns)
            key = frozenset(columns)
            profile = profiles.setdefault(key, Profile(options(*chosen)))
            rule = profile.rule(int(row["tag"], 16), sop_class=CT)
            assert rule is not None
            assert rule.action is wanted(row, columns, type_), (row, columns)
            assert row["keyword"] in rule.row
            tried += 1
    assert tried > 1100


@pytest.mark.parametrize("option", EVERY_OPTION)
def test_an_option_changes_the_rows_of_its_column_alone(option: Retain | Clean) -> None:
    basic, profile = Profile(Options()), Profile(options(option))
    column = next((name for name, each in COLUMNS.items() if each is option), "")
    for row in ROWS:
        tag = int(row["tag"], 16)
        found = profile.rule(tag, sop_class=CT)
        assert found is not None
        if not column or not row[column]:
            assert found == basic.rule(tag, sop_class=CT)
        else:
            assert found.code == row[column]


def test_all_options_together() -> None:
    chosen = [each for each in EVERY_OPTION if each is not Retain.DATES]
    profile = Profile(options(*chosen))
    columns = set(COLUMNS) - {"rtn_long_full"}
    for row in ROWS:
        rule = profile.rule(int(row["tag"], 16), sop_class="")
        assert rule is not None
        if any(row[column] for column in columns):
            assert rule.action is wanted(row, columns, 3), row
        else:
            assert rule.code == row["basic"]


@pytest.mark.parametrize(
    ("tag", "sop_class", "sequences", "result"),
    [
        (0x00080023, SR, (), DUMMY),
        (0x00080023, CT, (), EMPTY),
        (0x00081070, RT_STRUCTURE_SET, (), EMPTY),
        (0x00081070, CT, (), REMOVE),
        (0x00700082, GSPS, (), DUMMY),
        (0x00700083, GSPS, (), DUMMY),
        (0x00700082, CT, (), REMOVE),
        (0x300A0006, RT_PLAN, (), DUMMY),
        (0x300A0006, CT, (), REMOVE),
        (0x300A00B2, RT_PLAN, (0x300A00B0,), EMPTY),
        (0x00081140, GSPS, (0x00081115,), UID),
        (0x00081140, CT, (), REMOVE),
        (0x00082112, SEGMENTATION, (0x52009230, 0x00089124), EMPTY),
        (0x00100020, CT, (), DUMMY),
        (0x00100010, CT, (), EMPTY),
        (0x006A0003, CT, (), UID),
    ],
)
def test_the_iod_decides(
    tag: int, sop_class: str, sequences: tuple[int, ...], result: Action
) -> None:
    assert action(tag, sop_class, *sequences, under=Profile(Options())) is result


def test_the_rule_says_why() -> None:
    rule = Profile(Options()).rule(0x00700082, sop_class=GSPS)
    assert rule is not None
    assert rule.code == "X"
    assert rule.row == (
        "Table E.1-1, (0070,0082) PresentationCreationDate, column Basic Profile: X; Type 1 here"
    )


def test_every_uid_is_replaced_but_those_of_definitions() -> None:
    basic, kept = Profile(Options()), Profile(options(Retain.UIDS))
    listed = {int(row["tag"], 16): row for row in ROWS}
    for tag, entry in _attributes().items():
        if entry[0] != "UI" or tag >> 16 <= 0x0006:
            continue
        found, retained = action(tag, under=basic), action(tag, under=kept)
        if tag in DEFINITIONS:
            assert (found, retained) == (None, None)
        elif tag not in listed or listed[tag]["rtn_uids"]:
            assert (found, retained) == (UID, Action.KEEP), f"{tag:08x}"
        else:
            assert (found, retained) == (UID, UID), f"{tag:08x}"
    assert action(0x00200242, under=basic) is UID
    assert action(0x0008010C, under=basic) is None
    assert action(0x00080117, under=basic) is None


@pytest.mark.parametrize("vr", ["DA", "DT", "TM", "PN"])
def test_no_date_and_no_name_of_the_dictionary_stays(vr: str) -> None:
    gone = {REMOVE, EMPTY, DUMMY}
    profile = Profile(Options())
    found = {tag: action(tag, under=profile) for tag, row in _attributes().items() if row[0] == vr}
    assert len(found) > 10
    assert {tag for tag, each in found.items() if each not in gone} == set()


def test_no_unlisted_date_stays_where_dates_are_shifted_and_none_goes_where_they_are_kept() -> None:
    shifted, kept = (Profile(options(each)) for each in (Retain.DATES_SHIFTED, Retain.DATES))
    assert action(0x0008041F, under=shifted) is Action.SHIFT
    assert action(0x0008041F, under=kept) is Action.KEEP


@pytest.mark.parametrize("tag", [0x00180024, 0x00283003, 0x00420010, 0x00700081])
def test_free_text_that_is_not_listed_is_treated_as_a_descriptor(tag: int) -> None:
    assert action(tag, under=Profile(Options())) in (REMOVE, EMPTY)
    assert action(tag, under=Profile(options(Clean.DESCRIPTORS))) is Action.CLEAN


def test_a_type_2_text_stays_as_an_element() -> None:
    assert action(0x00700081, GSPS, under=Profile(Options())) is EMPTY


def test_the_meaning_of_a_code_is_cleaned() -> None:
    assert action(0x00080104, CT, 0x00082218, under=Profile(Options())) is Action.CLEAN


@pytest.mark.parametrize("tag", [0x50000010, 0x50023000, 0x60000010, 0x60003000, 0x601E4000])
def test_whole_groups_of_curves_and_overlays_go(tag: int) -> None:
    assert action(tag, under=Profile(Options())) is REMOVE
    assert action(tag, under=Profile(options(Clean.GRAPHICS))) is Action.CLEAN
    assert action(tag, under=Profile(options(Clean.PIXELS))) is REMOVE


@pytest.mark.parametrize(
    "tag",
    [
        0x00080000,  # group length
        0x50000000,
        0x0008FFF0,  # unknown
        0x7FE10010,  # private
        0x00090010,
        0xFFFCFFFC,  # padding
        0x00020016,  # in a data set
        0x00000600,
        0x00041500,
    ],
)
@pytest.mark.parametrize("chosen", [(), (Retain.UIDS, Clean.DESCRIPTORS, Clean.GRAPHICS)])
def test_what_has_no_place_goes(tag: int, chosen: tuple[Retain | Clean, ...]) -> None:
    assert action(tag, under=Profile(options(*chosen))) is REMOVE


@pytest.mark.parametrize("tag", [0x00080016, 0x00080060, 0x00180015, 0x00280010, 0x7FE00010])
def test_what_nothing_is_said_of_stays(tag: int) -> None:
    assert action(tag, under=Profile(Options())) is None


def test_within_a_dummy_all_that_is_said_is_a_dummy() -> None:
    profile = Profile(Options())
    inside = (0x0040A730, 0x0040A168)
    for tag in (0x00080100, 0x00080102, 0x00080104, 0x0040A160, 0x0040A30A, 0x0040A161):
        assert action(tag, SR, *inside, under=profile) is DUMMY
        assert action(tag, SR, 0x0040A043, under=profile) in (None, Action.CLEAN)
    assert action(0x0040A040, SR, *inside, under=profile) is None
    assert action(0x00081155, SR, *inside, under=profile) is UID
    assert action(0x00081150, SR, *inside, under=profile) is None


def test_within_a_cleaned_sequence_nothing_becomes_a_dummy_for_that() -> None:
    profile = Profile(options(Clean.STRUCTURED))
    assert action(0x0040A730, SR, under=profile) is Action.CLEAN
    assert action(0x0040A160, SR, 0x0040A730, under=profile) is None
    assert action(0x0040A123, SR, 0x0040A730, under=profile) is DUMMY


def test_every_safe_private_element_is_known_in_any_block() -> None:
    profile = Profile(options(Retain.SAFE_PRIVATE))
    for row in rows("safe_private.tsv"):
        tag, creator = int(row["tag"], 16), row["creator"]
        for block in (0x10, 0x42, 0xFF):
            assert safe_private(creator, tag | block << 8)
            rule = profile.rule(tag | block << 8, sop_class=CT, creator=creator)
            assert rule is not None
            words = row["vr"] in ("", "LO", "LT", "SH", "SQ")
            assert rule.action is (
                UID if row["vr"] == "UI" else Action.CLEAN if words else Action.KEEP
            )
        assert not safe_private(f"{creator}X", tag | 0x1000)
        assert not safe_private(creator, tag | 0x0100)
        assert safe_private(f"{creator} ", tag | 0x1000)
        assert safe_private(creator, tag & 0xFFFF0000 | 0x10)
        assert action(tag | 0x1000, under=profile) is REMOVE


def test_private_elements_are_safe_only_if_that_is_asked_for() -> None:
    tag, creator = 0x0019100C, "SIEMENS MR HEADER"
    rule = Profile(Options()).rule(tag, sop_class=CT, creator=creator)
    assert rule is not None
    assert rule.action is REMOVE
    assert not safe_private(creator, 0x0019100B)
    assert not safe_private(creator, 0x00180010)
    assert not safe_private("ANOTHER", 0x00190010)


def test_a_safe_private_uid_is_kept_with_the_uids() -> None:
    profile = Profile(options(Retain.SAFE_PRIVATE, Retain.UIDS))
    rule = profile.rule(0x00991002, sop_class=CT, creator="NQHeader")
    assert rule is not None
    assert rule.action is Action.KEEP


def test_every_content_item_under_every_option() -> None:
    items = rows("content_items.tsv")
    assert len(items) == 214
    names = [column for column in COLUMNS if column in items[0]]
    dates = {"DATE": "DA", "DATETIME": "DT", "TIME": "TM"}
    references = ("COMPOSITE", "IMAGE", "UIDREF", "WAVEFORM")
    for item in items:
        key = (item["code"], item["scheme"], item["value_type"])
        vr = dates.get(item["value_type"], "UI" if item["value_type"] in references else "UT")
        row = {"tag": "0", "vr": vr, "basic": item["basic"]}
        row |= {name: item[name] for name in names} | dict.fromkeys(set(COLUMNS) - set(names), "")
        for columns in every_subset(row):
            profile = Profile(options(*(COLUMNS[column] for column in columns)))
            rule = profile.content_item(*key)
            assert rule is not None
            assert rule.action is wanted(row, columns, 1 if "/" in item["basic"] else 3), item


def test_a_content_item_that_is_not_listed_has_no_rule() -> None:
    profile = Profile(options(Clean.STRUCTURED))
    assert profile.content_item("121071", "99LOCAL", "TEXT") is None
    assert profile.content_item("121071", "DCM", "NUM") is None


def test_dates_are_not_both_kept_and_shifted() -> None:
    with pytest.raises(UsageError, match="both kept and shifted"):
        options(Retain.DATES, Retain.DATES_SHIFTED)


def test_options_are_read_from_lists() -> None:
    found = Options.parse(["uids, device", "dates"], ["descriptors"])
    assert found == options(Retain.UIDS, Retain.DEVICE, Retain.DATES, Clean.DESCRIPTORS)
    assert Options.parse() == Options()
    with pytest.raises(UsageError, match="--retain colour: is not an option"):
        Options.parse(["uids,colour"])


def test_methods_say_what_was_done_and_no_more() -> None:
    assert [method.code for method in Options().methods()] == ["113100"]
    everything = options(*(each for each in EVERY_OPTION if each is not Retain.DATES))
    codes = [method.code for method in everything.methods()]
    assert codes == ["113100", *map(str, range(113103, 113106)), *map(str, range(113107, 113113))]
    assert options(Clean.PIXELS).methods() == Options().methods()
    applied = Options().methods(regions_applied=True)
    assert [tuple(method) for method in applied] == [
        ("113100", "DCM", "Basic Application Confidentiality Profile"),
        ("113101", "DCM", "Clean Pixel Data Option"),
    ]
    dated = [method.code for method in options(Retain.DATES).methods()]
    assert dated == ["113100", "113106"]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [((), "REMOVED"), ((Retain.DATES,), "UNMODIFIED"), ((Retain.DATES_SHIFTED,), "MODIFIED")],
)
def test_what_became_of_dates_is_said(chosen: tuple[Retain, ...], said: str) -> None:
    assert options(*chosen).temporal_information == said


def test_rules_are_remembered_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_module, "_MOST", 50)
    profile = Profile(Options())
    first = profile.rule(0x00100010, sop_class=CT)
    assert profile.rule(0x00100010, sop_class=CT) is first
    assert profile.rules(CT)[0x00100010] is first
    for number in range(500):
        profile.rule(number << 16 | 0x0203, sop_class=CT)
        profile.rule(0x00190000 | number, sop_class=CT, creator=f"CREATOR {number}")
        profile.rule(0x00100010, sop_class=CT, sequences=(number,))
    assert len(profile.rules(CT)) <= 50
    assert len(profile._places) <= 50
    assert len(profile._private) <= 50
    assert profile.rule(0x00100010, sop_class=CT) == first


def explained(path: str, sop_class: str = "", *chosen: Retain | Clean) -> list[str]:
    return list(Profile(options(*chosen)).explain(TagPath.parse(path), sop_class))


def test_an_attribute_is_explained() -> None:
    assert explained("OperatorsName", RT_STRUCTURE_SET) == [
        "OperatorsName (0008,1070): empty",
        "  Table E.1-1, (0008,1070) OperatorsName, column Basic Profile: X/Z/D; Type 2 here",
    ]
    assert explained("OperatorsName")[2] == (
        "  by its type in the IOD: Type 1: dummy, Type 2: empty, Type 3: remove"
    )
    assert explained("Rows") == [
        "Rows (0028,0010): keep",
        "  no row; it stays unless it holds what identifies the patient",
    ]


def test_a_nested_attribute_is_explained_by_all_above_it() -> None:
    sequence = "ReferencedImageSequence"
    assert explained(f"{sequence}[0].ReferencedSOPInstanceUID", CT) == [
        f"{sequence} (0008,1140): remove",
        f"  Table E.1-1, (0008,1140) {sequence}, column Basic Profile: X/Z/U*; Type 3 here",
        "  and all that it holds with it",
    ]
    lines = explained("ContentSequence[0].TextValue", SR)
    assert lines[2] == "TextValue (0040,a160): dummy"
    assert "within a sequence that is replaced by a dummy" in lines[3]


def test_a_private_element_is_explained() -> None:
    path = '(0019,"SIEMENS MR HEADER",0c)'
    assert explained(path, CT)[0] == f"{path}: remove"
    assert explained(path, CT, Retain.SAFE_PRIVATE)[0] == f"{path}: keep"

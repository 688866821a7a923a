"""Show what a recipe may say, which rule counts for an element, and on which line an error is."""

import pickle
import tomllib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dcmtools.dataset.conditions import Condition, meets_tree
from dcmtools.dataset.path import Step, TagPath
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.tree import read_tree
from dcmtools.deid import recipe as recipes
from dcmtools.deid.keys import Key
from dcmtools.deid.options import Clean, Options, Retain
from dcmtools.deid.patterns import compiled, replaced
from dcmtools.deid.recipe import TEMPLATES, Recipe, relaxation, template
from dcmtools.deid.recipe_rules import Context, RecipeAction, RecipeRule
from dcmtools.deid.regions import Region, decide
from dcmtools.deid.toml_lines import Where, toml_lines
from dcmtools.errors import ConfigError, InputError, UsageError
from tests.factories import make_ct

STUDY_DESCRIPTION = 0x00081030
STATION = 0x00081010
PATIENT_ID = 0x00100020
KEY = Key(b"a key that is known to all who read this")
OLD = "the value as it came"

CLINIC = r"""# a recipe
retain = ["uids"]
clean = [
    "descriptors",  # [[rule]] in a comment
]

[[rule]]
path = "StudyDescription"
action = "set"
value = "Trial 17"
when = ["Modality=CT", "Rows>2"]

[[rule]]
paths = ["SeriesDescription", "(0029,\"ACME\",01)"]
action = "replace"
pattern = 'Dr\. \w+'
with = '''
physician'''

[[rule]]
path = "StudyDescription"
action = "keep"
when = "Modality=MR"

[[region]]
x = 0
y = 10
w = 640
h = 40
when = "Modality=US"

[[region]]
x = 5
y = 6
"""


def one(*lines: str) -> RecipeRule:
    """Read a recipe with one rule."""
    (rule,) = Recipe.parse("\n".join(["[[rule]]", *lines])).rules
    return rule


def everything(_: Sequence[Condition]) -> bool:
    return True


def steps_to(*steps: Step) -> Callable[[], Sequence[Step]]:
    return lambda: steps


def context(**values: str) -> Context:
    return Context(KEY, lambda keyword: values.get(keyword, ""))


def new(rule: RecipeRule, vr: str, value: str = OLD, **values: str) -> str | None:
    return rule.new_value(vr, value, context(**values), "the element")


# Reading


def test_a_recipe_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_bytes(b"\xef\xbb\xbf" + CLINIC.encode())  # as Notepad saves it
    recipe = Recipe.load(path)
    assert recipe.retain == (Retain.UIDS,)
    assert recipe.clean == (Clean.DESCRIPTORS,)
    first, second, third = recipe.rules
    assert (first.action, second.action, third.action) == ("set", "replace", "keep")
    assert first.when == (Condition.parse("Modality=CT"), Condition.parse("Rows>2"))
    assert list(map(str, second.paths)) == ["SeriesDescription", '(0029,"ACME",01)']
    assert second.replacement == "physician"
    assert third.when == (Condition.parse("Modality=MR"),)
    conditions = (Condition.parse("Modality=US"),)
    assert recipe.regions == (Region(0, 10, 640, 40, conditions), Region(5, 6, None, None))
    assert decide(recipe.regions, lambda given: not given) == ((5, 6, None, None),)
    assert Options.parse(recipe.retain, recipe.clean).columns == {"rtn_uids", "clean_desc"}


def test_an_empty_recipe_says_nothing() -> None:
    assert Recipe.parse("") == Recipe()
    assert Recipe.parse("retain = []\nclean = []") == Recipe()
    assert Recipe().chosen(everything).rule_for(PATIENT_ID) is None


def test_a_recipe_goes_to_other_processes() -> None:
    recipe = Recipe.parse(CLINIC)
    recipe.chosen(everything)
    again: Recipe = pickle.loads(pickle.dumps(recipe))  # noqa: S301 - made here
    assert again == recipe
    rule = again.chosen(everything).rule_for(STUDY_DESCRIPTION)
    assert rule is not None
    assert rule.action is RecipeAction.KEEP


def rule(*lines: str) -> str:
    return "\n".join(["# first line", "[[rule]]", *lines, ""])


STATION_RULE = 'path = "StationName"'

WRONG = [
    ('\n\nretian = ["uids"]', 3, "retian: is an unknown key", "retain"),
    ('retain = [\n"uids",\n"dated"]', 3, "retain: 'dated' is not an option", "dates"),
    ('retain = ["dates",\n"dates-shifted"]', 1, "retain: has both", "Choose"),
    ("retain = 5", 1, "retain: must be a text or a list", '["one", "two"]'),
    ('clean = ["all", "pixels"]', 1, "clean: 'all' is not an option", "descriptors"),
    ("clean = [[1]]", 1, "clean: '[1]' is not an option", "Known are"),
    ("rule = 5", 1, "rule: must be an array of tables", "[[rule]]"),
    ('[rule]\npath = "StationName"', 1, "rule: must be an array of tables", "[[rule]]"),
    ("rule = [\n1]", 2, "rule: must be a table", ""),
    (rule('action = "keep"'), 2, "rule: must have either path or paths", "path ="),
    (
        rule(STATION_RULE, 'paths = ["StationName"]', 'action = "keep"'),
        2,
        "rule: must have either path or paths",
        "path =",
    ),
    (rule(STATION_RULE), 2, "rule: has no action", "set, remove, empty, keep, hash, replace"),
    (rule(STATION_RULE, 'action = "delete"'), 4, "rule.action: 'delete' is not an action", ""),
    (rule(STATION_RULE, 'action = "remov"'), 4, "'remov' is not an action", "'remove'"),
    (rule(STATION_RULE, "action = 1"), 4, "rule.action: '1' is not an action", "Known are"),
    (rule(STATION_RULE, 'action = "keep"', "", 'wen = "Rows"'), 6, "rule.wen: is an", "'when'"),
    (rule(STATION_RULE, 'action = "set"'), 2, "rule: has no value, which 'set' needs", ""),
    (rule(STATION_RULE, 'action = "replace"'), 2, "rule: has no pattern, which", ""),
    (rule(STATION_RULE, 'action = "keep"', 'value = "1"'), 5, "is only for action = 'set'", ""),
    (rule(STATION_RULE, 'action = "hash"', 'with = "1"'), 5, "only for action = 'replace'", ""),
    (rule(STATION_RULE, 'action = "set"', "value = 7"), 5, "rule.value: must be a text", "quotes"),
    (rule('path = "StatonName"', 'action = "keep"'), 3, "'StatonName' is not a key", "StationName"),
    (rule("paths = []", 'action = "keep"'), 3, "rule.paths: must be a text or a list", ""),
    (
        rule("paths = [", '"StationName", # one', '"Modalty"]', 'action = "keep"'),
        5,
        "rule.paths: Modalty: 'Modalty' is not a keyword",
        "Modality",
    ),
    (rule(STATION_RULE, 'action = "keep"', 'when = "Rows>"'), 5, "rule.when: Rows>: compares", "!"),
    (
        rule(STATION_RULE, 'action = "keep"', 'when = ["Rows",', '"Rows>x"]'),
        6,
        "rule.when: Rows>x: 'x' is not a number",
        "PATH<NUMBER",
    ),
    (
        rule('path = "StudyDate"', 'action = "set"', 'value = "2026-13-01"'),
        3,
        "rule.path: StudyDate: '2026-13-01' is not",
        "",
    ),
    (rule(STATION_RULE, 'action = "set"', f'value = "{"a" * 17}"'), 3, "StationName: ", ""),
    (rule('path = "Modality"', 'action = "set"', r"value = 'A\B'"), 3, "Modality: ", ""),
    (rule('path = "(0008,10xx)"', 'action = "hash"'), 3, "has a wildcard", "paths = [...]"),
    (rule('path = "StudyDate"', 'action = "hash"'), 3, "VR DA, which cannot hold a hash", ""),
    (rule('path = "ConceptNameCodeSequence"', 'action = "hash"'), 3, "cannot hold a hash", ""),
    (
        rule('path = "FrameOfReferenceUID"', 'action = "replace"', 'pattern = "1"'),
        3,
        "VR UI, which cannot be changed by a pattern",
        "",
    ),
    (rule('path = "TransferSyntaxUID"', 'action = "keep"'), 3, "not an attribute of a data", ""),
    (rule('path = "00080000"', 'action = "remove"'), 3, "is a group length or private", ""),
    (rule('path = "00290010"', 'action = "remove"'), 3, "is a group length or private", ""),
    (rule('path = "PatientIdentityRemoved"', 'action = "remove"'), 3, "no rule changes it", ""),
    (rule('path = "DeidentificationMethod"', 'action = "keep"'), 3, "no rule changes it", ""),
    (rule('path = "SpecificCharacterSet"', 'action = "empty"'), 3, "no rule changes it", ""),
    (rule('path = "SOPClassUID"', 'action = "set"', 'value = "1.2"'), 3, "no rule changes", ""),
    (rule('path = "SOPInstanceUID"', 'action = "remove"'), 3, "identifies the object", ""),
    (rule('path = "StudyInstanceUID"', 'action = "set"', 'value = "1.2"'), 3, "identifies", ""),
    (rule('path = "PatientID"', 'action = "empty"'), 3, "must tell patients apart", ""),
    (rule('path = "PatientID"', 'action = "set"', 'value = "X"'), 3, "--patient-map", ""),
    (rule('path = "PatientID"', 'action = "set"', 'value = "{StudyDate}"'), 3, "apart", ""),
    (rule(STATION_RULE, 'action = "set"', 'value = "{Staton}"'), 5, "'Staton' is not", "Station"),
    (rule(STATION_RULE, 'action = "set"', 'value = "{Rows}"'), 5, "'Rows' is no attribute", "{{"),
    (rule(STATION_RULE, 'action = "set"', 'value = "{PatientID!r}"'), 5, "has a format", "{{"),
    (rule(STATION_RULE, 'action = "set"', 'value = "{PatientID"'), 5, "is no template", "{{"),
    (
        rule(STATION_RULE, 'action = "set"', 'value = "{PatientID}"')
        + rule('path = "InstitutionName"', 'action = "set"', 'value = "{StationName}"'),
        10,
        "rule.value: 'StationName' is made of other values itself",
        "Name what it is made of.",
    ),
    (rule(STATION_RULE, 'action = "replace"', 'pattern = "(a+)+"'), 5, "repeats what varies", "cl"),
    (rule(STATION_RULE, 'action = "replace"', 'pattern = "("'), 5, "is not a regular expr", ""),
    (rule(STATION_RULE, 'action = "replace"', 'pattern = "[[a]"'), 5, "is not a regular expr", ""),
    (
        rule(STATION_RULE, 'action = "replace"', 'pattern = "a"', r"with = '\1'"),
        6,
        r"rule.with: '\1' cannot be used",
        r"'\1'",
    ),
    (
        rule(STATION_RULE, 'action = "replace"', 'pattern = "a"', r"with = '\g<b>'"),
        6,
        r"rule.with: '\g<b>' cannot be used",
        r"'\1'",
    ),
    ("[[region]]\nx = 1\nw = 3", 1, "region: has no y", "pixels"),
    ("[[region]]\nx = -1\ny = 1", 2, "region.x: must be a whole number from 0", ""),
    ("[[region]]\nx = 1\ny = 1\nw = 0", 4, "region.w: must be a whole number from 1", ""),
    ("[[region]]\nx = true\ny = 1", 2, "region.x: must be a whole number", ""),
    ("[[region]]\nx = 1\ny = 65536", 3, "to 65535", ""),
    ("[[region]]\nx = 1\ny = 6\nwidth = 5", 4, "region.width: is an unknown key", ""),
    ("retain = [\n\n", 1, "is not valid TOML: ", "Correct"),
    ("a = 1\nb = = 2", 2, "is not valid TOML: invalid value, at column 5", "Correct"),
]


@pytest.mark.parametrize(("text", "line", "why", "hint"), WRONG)
def test_an_error_names_its_line(text: str, line: int, why: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe.parse(text, "clinic.toml")
    assert caught.value.what == f"clinic.toml:{line}"
    assert why in caught.value.why
    assert hint in caught.value.hint
    assert caught.value.hint


def test_an_error_reads_well() -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe.parse(CLINIC.replace('"keep"', '"kep"'), "clinic.toml")
    assert str(caught.value) == "clinic.toml:22: rule.action: 'kep' is not an action"
    assert caught.value.hint == "Did you mean 'keep'?"


@pytest.mark.parametrize("content", [b"retain = ['\xff']", None, b"a = " + b"[" * 5000])
def test_what_is_no_text_or_no_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "clinic.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Recipe.load(path)
    assert caught.value.what.startswith(str(path))


# Lines


def test_the_lines_of_a_text_that_tries_everything() -> None:
    text = '''top."a \\"b".c = """
[no.table]
key = 1 \\""" """
'lit = eral' = \'\'\'
[[nor.this]]\'\'\'
list = [ 1, # ] comment
  "]", [
  {a = 1, b.c = ["}",
    2]}] , ]
[ table . "dotted.key" ]
when = 1979-05-27 07:32:00 # = "
[[ array ]]
one = 1
[array.sub]
two = """quotes""\\
"""""
[[array.more]]
[[array]]
one = true
[array.sub]
two = { }
[[array.more]]
[[array.more]]
x = ""
y = \'\'
z = [""]
'''
    expected: dict[Where, int] = {
        ("top", 'a "b', "c"): 1,
        ("lit = eral",): 4,
        ("list",): 6,
        ("list", 0): 6,
        ("list", 1): 7,
        ("list", 2): 7,
        ("list", 2, 0): 8,
        ("list", 2, 0, "a"): 8,
        ("list", 2, 0, "b", "c"): 8,
        ("list", 2, 0, "b", "c", 0): 8,
        ("list", 2, 0, "b", "c", 1): 9,
        ("table", "dotted.key"): 10,
        ("table", "dotted.key", "when"): 11,
        ("array", 0): 12,
        ("array", 0, "one"): 13,
        ("array", 0, "sub"): 14,
        ("array", 0, "sub", "two"): 15,
        ("array", 0, "more", 0): 17,
        ("array", 1): 18,
        ("array", 1, "one"): 19,
        ("array", 1, "sub"): 20,
        ("array", 1, "sub", "two"): 21,
        ("array", 1, "more", 0): 22,
        ("array", 1, "more", 1): 23,
        ("array", 1, "more", 1, "x"): 24,
        ("array", 1, "more", 1, "y"): 25,
        ("array", 1, "more", 1, "z"): 26,
        ("array", 1, "more", 1, "z", 0): 26,
    }
    content = tomllib.loads(text)
    assert toml_lines(text) == expected
    assert toml_lines(text.replace("\n", "\r\n")) == expected
    for where in expected:
        value: Any = content
        for step in where:
            value = value[step]  # there is nothing at a wrong place


# Which rule counts


def test_the_last_rule_counts_and_conditions_decide_which_are_there(tmp_path: Path) -> None:
    recipe = Recipe.parse(CLINIC)
    for modality, action in ("CT", "set"), ("MR", "keep"), ("US", None):
        with DicomFile(make_ct(tmp_path / "a.dcm", Modality=modality)) as file:
            choice = recipe.chosen(partial(meets_tree, read_tree(file)))
        found = choice.rule_for(STUDY_DESCRIPTION)
        assert (found and found.action) == action
        assert choice.rule_for(0x0008103E) is recipe.rules[1]
        assert choice.rule_for(STATION) is None


def test_conditions_that_end_alike_share_their_rules() -> None:
    recipe = Recipe.parse(CLINIC)
    assert recipe.chosen(everything) is recipe.chosen(everything)
    assert recipe.chosen(lambda _: False) is not recipe.chosen(everything)


PATHS = [
    ("StationName", STATION, "", (), True),
    ("StationName", STATION, "", (Step(0x00400275, "", 3),), True),
    ("StationName", STUDY_DESCRIPTION, "", (), False),
    ("RequestAttributesSequence.StationName", STATION, "", (), False),
    ("RequestAttributesSequence.StationName", STATION, "", (Step(0x00400275, "", 3),), True),
    ("RequestAttributesSequence[2].StationName", STATION, "", (Step(0x00400275, "", 3),), False),
    ("RequestAttributesSequence.StationName", STATION, "", (Step(0x00400260, "", 0),), False),
    ('(0029,"ACME",01)', 0x00291001, "ACME", (), True),
    ('(0029,"ACME",01)', 0x0029AB01, "ACME", (), True),
    ('(0029,"ACME",01)', 0x00291001, "OTHER", (), False),
    ('(0029,"ACME",10)', 0x00290010, "", (), False),
    ("(0008,10xx)", STATION, "", (), True),
    ("(0008,10xx)", 0x00080050, "", (), False),
    ("*", STATION, "", (Step(0x00400275, "", 3),), True),
    ("*", 0x00290010, "", (), False),
    ("*", 0x00080000, "", (), False),
    ("(0008,xxxx)", 0x00080005, "", (), False),
    ("(0008,xxxx)", 0x00080018, "", (), False),
    ("(0010,xxxx)", PATIENT_ID, "", (), False),
    ("(0010,xxxx)", 0x00100021, "", (), True),
    ("(0012,xxxx)", 0x00120063, "", (), False),
]


@pytest.mark.parametrize(("path", "tag", "creator", "steps", "named"), PATHS)
def test_what_a_path_names(
    path: str, tag: int, creator: str, steps: tuple[Step, ...], *, named: bool
) -> None:
    recipe = Recipe((), (), (one(f"path = '{path}'", 'action = "empty"'),))
    choice = recipe.chosen(everything)
    for _ in range(2):  # the second time by heart
        assert (choice.rule_for(tag, creator, steps_to(*steps)) is not None) is named


def test_the_way_is_only_asked_for_where_a_path_has_one() -> None:
    def asked() -> Sequence[Step]:
        raise AssertionError

    choice = Recipe.parse(CLINIC).chosen(everything)
    assert choice.rule_for(STUDY_DESCRIPTION, "", asked) is not None
    assert choice.rule_for(STATION, "", asked) is None


def test_what_is_set_is_added_where_it_is_absent() -> None:
    text = rule('paths = ["StationName", "ClinicalTrialSiteID"]', 'action = "set"', 'value = "A"')
    text += rule('path = "StationName"', 'action = "set"', 'value = "B"')
    text += rule('path = "StudyDescription"', 'action = "remove"')
    recipe = Recipe.parse(text)
    assert recipe.chosen(everything).additions == (
        (TagPath.parse("StationName"), recipe.rules[1]),
        (TagPath.parse("ClinicalTrialSiteID"), recipe.rules[0]),
    )


# What it does


def test_remove_empty_keep() -> None:
    assert new(one(STATION_RULE, 'action = "remove"'), "SH") is None
    assert new(one(STATION_RULE, 'action = "empty"'), "SH") == ""
    assert new(one(STATION_RULE, 'action = "keep"'), "SH") == OLD


def test_set_takes_new_values() -> None:
    made = one(STATION_RULE, 'action = "set"', 'value = "{{S}}-{PatientID}/{StudyDate}."')
    assert new(made, "SH", PatientID="N1") == "{S}-N1/."
    own = one('path = "PatientID"', 'action = "set"', 'value = "SITE-{PatientID}"')
    assert new(own, "LO", PatientID="N1") == "SITE-N1"
    assert new(one(STATION_RULE, 'action = "set"', 'value = ""'), "SH") == ""


def test_hash_tells_values_apart_and_nothing_else() -> None:
    made = one(STATION_RULE, 'action = "hash"')
    first, other = new(made, "SH", "CT1"), new(made, "SH", "CT2")
    assert first
    assert other
    assert first != other
    assert len(first) == 16
    assert new(made, "SH", " CT1 ") == first
    assert new(made, "LO", r"CT1\\CT2") == rf"{first}\\{other}"
    assert new(made, "LT", r"CT1\CT2") not in (rf"{first}\{other}", None)
    assert new(made, "SH", "") == ""
    assert new(made, "DA", "20260102") == ""
    assert made.new_value("SH", "CT1", Context(Key(b"some other key of 16"), str), "") != first


def test_replace_works_on_each_value() -> None:
    made = one(STATION_RULE, 'action = "replace"', r"pattern = '(Dr)\. \w+'", r"with = '\1. N.N.'")
    assert new(made, "LO", r"by Dr. Who\Dr. Dolittle, Dr. No") == r"by Dr. N.N.\Dr. N.N., Dr. N.N."
    assert new(made, "LO", "nobody") == "nobody"
    assert new(made, "US", "Dr. Who") == ""
    assert new(one(STATION_RULE, 'action = "replace"', "pattern = 'a'"), "LT", "banana") == "bnn"


def test_a_value_that_is_too_long_for_a_pattern_is_not_let_through() -> None:
    made = one(STATION_RULE, 'action = "replace"', "pattern = 'a+b+c'")
    assert new(made, "LT", "a" * 1024) == "a" * 1024
    with pytest.raises(InputError) as caught:
        new(made, "LT", "a" * 1025)
    assert str(caught.value).startswith("the element: has 1025 characters")
    assert new(one(STATION_RULE, 'action = "replace"', "pattern = 'ab'"), "LT", "ab" * 9999) == ""


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        (r"(?:Dr|Prof)\.? \w+(?: \w+)?", True),
        (r"(?i)dr\. \w{1,20}", True),
        (r"[]a+*]*x", True),
        (r"[^]a+]+(x\))*", True),
        (r"(?P<year>\d{4})-\d\d", True),
        (r"(?:ab)+", True),
        (r"(?i:ab)+", True),
        (r"(?<=a)b*", True),
        (r"\(a+\)+", True),
        (r"(a|b)c", True),
        (r"x*y*z*v*w*", True),
        (r"x*y*z*v*w*u*", False),
        (r"(a+){3}", False),
        (r"(a|a)*", False),
        (r"((a+))*", False),
        (r"(a?)+?", False),
        (r"(?>a+)+", False),
        (r"(?:(a)|(b)){2,}", False),
        (r"(?x) a # +", False),
        (r"a{99999999999}", False),
    ],
)
def test_patterns_that_may_be_used(pattern: str, *, fits: bool) -> None:
    if fits:
        assert replaced(compiled(pattern), "", "", "") == ""
        return
    with pytest.raises(UsageError):
        compiled(pattern)


# What it keeps


def test_what_a_recipe_keeps_against_the_profile_is_told() -> None:
    text = rule('paths = ["StationName", "Modality", "(0008,10xx)"]', 'action = "keep"')
    text += rule("path = '(0029,\"ACME\",01)'", 'action = "replace"', 'pattern = "secret"')
    text += rule('path = "StudyDescription"', 'action = "hash"')
    text += rule('path = "StationName"', 'action = "keep"')
    recipe = Recipe.parse(text)

    def changes(tag: int, creator: str) -> bool:
        return tag == STATION or creator == "ACME"

    assert recipe.relaxes(changes) == (
        "keep StationName",
        "keep (0008,10xx)",
        'replace (0029,"ACME",01)',
    )
    assert relaxation(recipe.rules[2], changes) == ()
    assert not Recipe.parse(rule('path = "Modality"', 'action = "keep"')).relaxes(changes)


# Those that come with the program


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_recipes_of_the_package_are_right(name: str) -> None:
    text = template(name)
    recipe = Recipe.parse(text, name)
    assert recipe.rules
    Options.parse(recipe.retain, recipe.clean)
    assert f"dcmtools anonymize --recipe {name}.toml" in text
    assert max(map(len, text.splitlines())) <= 100
    assert sum(line.startswith("#") for line in text.splitlines()) >= len(recipe.rules)


def test_what_the_comments_of_a_recipe_offer_is_right_too() -> None:
    text = template("sharing")
    offer = "\n".join(
        line.removeprefix("# ")
        for line in text.splitlines()
        if line.startswith(("# [[", "# x =", "# y =", "# w =", "# h =", "# when ="))
    )
    assert len(Recipe.parse(offer).regions) == 1


def test_no_recipe_of_the_package_is_forgotten() -> None:
    folder = Path(recipes.__file__).with_name("templates")
    assert sorted(path.stem for path in folder.iterdir()) == sorted(TEMPLATES)
    with pytest.raises(UsageError) as caught:
        template("../recipe")
    assert "trial" in caught.value.hint

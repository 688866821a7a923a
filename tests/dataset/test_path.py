"""Show the grammar of tag paths: what parses, how it prints, and which elements it names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset import dictionary
from dcmtools.dataset.path import EXACT, Node, Step, TagPath, format_tag
from dcmtools.errors import UsageError

PATIENT_NAME = 0x00100010
CONTENT_SEQUENCE = 0x0040A730
CONCEPT_NAME_SEQUENCE = 0x0040A043
CODE_VALUE = 0x00080100
PRIVATE_BLOCK = 0xFFFF00FF


@pytest.mark.parametrize(
    "text",
    [
        "PatientName",
        "(0010,0010)",
        "( 0010 , 0010 )",
        "0010,0010",
        "00100010",
    ],
)
def test_every_spelling_of_a_tag_names_the_same_element(text: str) -> None:
    path = TagPath.parse(text)
    assert path == TagPath((Node(PATIENT_NAME),))
    assert str(path) == "PatientName"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("(0040,A730)", CONTENT_SEQUENCE),
        ("0040,a730", CONTENT_SEQUENCE),
        ("0040A730", CONTENT_SEQUENCE),
        ("abcdef01", 0xABCDEF01),
        ("ABCD,EF01", 0xABCDEF01),
        ("cafebabe", 0xCAFEBABE),
        ("(FFFF,FFFF)", 0xFFFFFFFF),
        ("00000000", 0),
    ],
)
def test_hexadecimal_digits_have_no_case_and_are_never_taken_for_a_keyword(
    text: str, tag: int
) -> None:
    assert TagPath.parse(text) == TagPath((Node(tag),))


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        (
            "ContentSequence[0].ConceptNameCodeSequence[12].CodeValue",
            (
                Node(CONTENT_SEQUENCE, item=0),
                Node(CONCEPT_NAME_SEQUENCE, item=12),
                Node(CODE_VALUE),
            ),
        ),
        (
            "ContentSequence[*].CodeValue",
            (Node(CONTENT_SEQUENCE, item="*"), Node(CODE_VALUE)),
        ),
        ("ContentSequence.CodeValue", (Node(CONTENT_SEQUENCE), Node(CODE_VALUE))),
        (
            "(0040,a730)[0].0040,a043.00080100",
            (Node(CONTENT_SEQUENCE, item=0), Node(CONCEPT_NAME_SEQUENCE), Node(CODE_VALUE)),
        ),
        (
            '(0029,"ACME 1.0",10)[3].PatientName',
            (Node(0x00290010, PRIVATE_BLOCK, "ACME 1.0", 3), Node(PATIENT_NAME)),
        ),
    ],
)
def test_a_path_leads_through_sequences_and_their_items(text: str, nodes: tuple[Node, ...]) -> None:
    path = TagPath.parse(text)
    assert path == TagPath(nodes)
    assert TagPath.parse(str(path)) == path


@pytest.mark.parametrize(
    "creator",
    [
        "ACME",
        "ACME 1.1",
        "SIEMENS CSA HEADER",
        "A.B[0].C",
        "A[*]",
        "(0029,0010)",
        "a,b",
        " leading and trailing ",
        "99_ACME-\\",
        "Füße",
    ],
)
def test_a_creator_may_hold_anything_but_a_quote(creator: str) -> None:
    text = f'(0029,"{creator}",1f)'
    path = TagPath.parse(text)
    assert path == TagPath((Node(0x0029001F, PRIVATE_BLOCK, creator),))
    assert str(path) == text


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("*", Node(0, 0)),
        ("xxxxxxxx", Node(0, 0)),
        ("(xxxx,XXXX)", Node(0, 0)),
        ("(0010,xxxx)", Node(0x00100000, 0xFFFF0000)),
        ("0010,xxxx", Node(0x00100000, 0xFFFF0000)),
        ("0010xxxx", Node(0x00100000, 0xFFFF0000)),
        ("60xx,3000", Node(0x60003000, 0xFF00FFFF)),
        ("(60XX,3000)", Node(0x60003000, 0xFF00FFFF)),
        ("xxxx0010", Node(0x00000010, 0x0000FFFF)),
    ],
)
def test_wildcards_stand_for_digits_and_for_whole_tags_where_they_are_allowed(
    text: str, node: Node
) -> None:
    path = TagPath.parse(text, wildcards=True)
    assert path == TagPath((node,))
    assert TagPath.parse(str(path), wildcards=True) == path
    with pytest.raises(UsageError, match="wildcard"):
        TagPath.parse(text)


def test_a_wildcard_may_stand_for_a_sequence() -> None:
    path = TagPath.parse("*[0].CodeValue", wildcards=True)
    assert path == TagPath((Node(0, 0, item=0), Node(CODE_VALUE)))
    assert str(path) == "*[0].CodeValue"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "PatientName.",
        ".PatientName",
        "ContentSequence..CodeValue",
        "ContentSequence[0]CodeValue",
        "ContentSequence[].CodeValue",
        "ContentSequence[-1].CodeValue",
        "ContentSequence[x].CodeValue",
        "ContentSequence[0][1].CodeValue",
        "ContentSequence[0]",
        "ContentSequence[*]",
        "PatientName ",
        " PatientName",
        "PatientName\n",
        "PatientName=Doe",
        "Patient Name",
        "0010",
        "0010,001",
        "0010,00100",
        "0010001",
        "001000100",
        "0010-0010",
        "(0010,0010",
        "0010,0010)",
        "(00100010)",
        "(0010,001g)",
        '(0029,"",10)',
        '(0029,"ACME,10)',
        '(0029,"ACME",1010)',
        '(0029,"ACME",1)',
        "(0029,ACME,10)",
        '(0010,"ACME",10)',
        '(00xx,"ACME",10)',
        "NoSuchKeyword",
        "GenericGroupLength",
        "PrivateCreator",
        "patientname",
        "(\u0660\u0660\u0661\u0660,\u0660\u0660\u0661\u0660)",
    ],
)
@pytest.mark.parametrize("wildcards", [False, True])
def test_what_is_no_path_is_a_usage_error(text: str, *, wildcards: bool) -> None:
    with pytest.raises(UsageError) as caught:
        TagPath.parse(text, wildcards=wildcards)
    assert caught.value.what
    assert caught.value.why


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("PatientNmae", "PatientName"),
        ("patientname", "PatientName"),
        ("PATIENTID", "PatientID"),
        ("StudyInstanceUid", "StudyInstanceUID"),
        ("Modalty", "Modality"),
        ("ContentSequence[0].CodeValu", "CodeValue"),
        ("ContentSeqence[0].CodeValue", "ContentSequence"),
    ],
)
def test_an_unknown_keyword_is_answered_with_the_nearest_one(wrong: str, right: str) -> None:
    with pytest.raises(UsageError) as caught:
        TagPath.parse(wrong)
    assert right in caught.value.hint


def test_a_keyword_like_no_other_is_answered_with_the_grammar() -> None:
    with pytest.raises(UsageError) as caught:
        TagPath.parse("Qqqqqqqqqqqqqqq")
    assert "(gggg,eeee)" in caught.value.hint


def test_an_item_number_of_any_length_is_read_or_refused() -> None:
    text = f"ContentSequence[{'9' * 5000}].CodeValue"
    try:
        path = TagPath.parse(text)
    except UsageError:
        return
    assert str(path) == text


# Printing


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (0x00100010, "PatientName"),
        (0x00104321, "(0010,4321)"),
        (0x60003000, "(6000,3000)"),
        (0x00290010, "(0029,0010)"),
        (0x00080000, "(0008,0000)"),
    ],
)
def test_a_tag_is_printed_as_its_keyword_if_that_names_it_alone(tag: int, text: str) -> None:
    assert str(TagPath((Node(tag),))) == text


def test_every_keyword_of_the_dictionary_is_a_path() -> None:
    for keyword in dictionary.keywords_starting(""):
        assert str(TagPath.parse(keyword)) == keyword


def test_a_tag_is_printed_in_lower_case() -> None:
    assert format_tag(0x0040A730) == "(0040,a730)"


TAGS = st.integers(0, 0xFFFFFFFF) | st.sampled_from(
    [dictionary.keyword_tag(keyword) or 0 for keyword in dictionary.keywords_starting("")]
)
ITEMS = st.none() | st.just("*") | st.integers(0, 10**9 - 1)
CREATORS = st.text(st.characters(exclude_characters='"'), min_size=1)
DIGIT_MASKS = st.lists(st.sampled_from([0x0, 0xF]), min_size=8, max_size=8).map(
    lambda digits: int("".join(f"{digit:x}" for digit in digits), 16)
)


@st.composite
def nodes(draw: st.DrawFn, *, wildcards: bool, last: bool) -> Node:
    item = None if last else draw(ITEMS)
    kind = draw(
        st.sampled_from(["tag", "creator", "wildcard"] if wildcards else ["tag", "creator"])
    )
    tag = draw(TAGS)
    if kind == "creator":
        return Node((tag | 0x10000) & 0xFFFF00FF, PRIVATE_BLOCK, draw(CREATORS), item)
    mask = draw(DIGIT_MASKS) if kind == "wildcard" else EXACT
    return Node(tag & mask, mask, item=item)


@st.composite
def paths(draw: st.DrawFn, *, wildcards: bool) -> TagPath:
    above = draw(st.lists(nodes(wildcards=wildcards, last=False), max_size=4))
    return TagPath((*above, draw(nodes(wildcards=wildcards, last=True))))


@given(paths(wildcards=False))
def test_parsing_what_was_printed_gives_the_path_again(path: TagPath) -> None:
    assert TagPath.parse(str(path)) == path


@given(paths(wildcards=True))
def test_parsing_a_printed_path_with_wildcards_gives_it_again(path: TagPath) -> None:
    assert TagPath.parse(str(path), wildcards=True) == path


PATH_PIECES = [
    "PatientName",
    "ContentSequence",
    "0010",
    "00100010",
    "ACME",
    *'xX*[](),.09"_g \n\0\u0663\u00b2',
]
PATH_LIKE = st.lists(st.sampled_from(PATH_PIECES), max_size=12).map("".join)


@given(text=st.text() | PATH_LIKE, wildcards=st.booleans())
def test_any_text_is_a_path_or_a_usage_error(text: str, *, wildcards: bool) -> None:
    try:
        path = TagPath.parse(text, wildcards=wildcards)
    except UsageError:
        return
    assert TagPath.parse(str(path), wildcards=wildcards) == path


# Matching


FIRST_CONTENT = Step(CONTENT_SEQUENCE, "", 0)
SECOND_CONTENT = Step(CONTENT_SEQUENCE, "", 1)
FIRST_CONCEPT = Step(CONCEPT_NAME_SEQUENCE, "", 0)
PRIVATE_STEP = Step(0x00291110, "ACME", 0)


@pytest.mark.parametrize(
    ("text", "tag", "steps", "named"),
    [
        ("CodeValue", CODE_VALUE, [], True),
        ("CodeValue", PATIENT_NAME, [], False),
        ("CodeValue", CODE_VALUE, [FIRST_CONTENT], False),
        ("ContentSequence.CodeValue", CODE_VALUE, [FIRST_CONTENT], True),
        ("ContentSequence.CodeValue", CODE_VALUE, [SECOND_CONTENT], True),
        ("ContentSequence[*].CodeValue", CODE_VALUE, [SECOND_CONTENT], True),
        ("ContentSequence[1].CodeValue", CODE_VALUE, [SECOND_CONTENT], True),
        ("ContentSequence[1].CodeValue", CODE_VALUE, [FIRST_CONTENT], False),
        ("ContentSequence[0].CodeValue", CODE_VALUE, [FIRST_CONCEPT], False),
        ("ContentSequence[0].CodeValue", CODE_VALUE, [], False),
        ("ContentSequence[0].CodeValue", CODE_VALUE, [FIRST_CONTENT, FIRST_CONCEPT], False),
        ("ContentSequence[0].CodeValue", CODE_VALUE, [FIRST_CONCEPT, FIRST_CONTENT], False),
        (
            "ContentSequence[0].ConceptNameCodeSequence[0].CodeValue",
            CODE_VALUE,
            [FIRST_CONTENT, FIRST_CONCEPT],
            True,
        ),
        ('(0029,"ACME",10).CodeValue', CODE_VALUE, [PRIVATE_STEP], True),
        ('(0029,"OTHER",10).CodeValue', CODE_VALUE, [PRIVATE_STEP], False),
        ("*.CodeValue", CODE_VALUE, [FIRST_CONTENT], True),
        ("*[1].CodeValue", CODE_VALUE, [FIRST_CONTENT], False),
        ("*.CodeValue", CODE_VALUE, [FIRST_CONTENT, FIRST_CONCEPT], False),
        ("ContentSequence.*", CODE_VALUE, [FIRST_CONTENT], True),
        ("*", PATIENT_NAME, [], True),
        ("*", PATIENT_NAME, [FIRST_CONTENT], False),
        ("0010,xxxx", PATIENT_NAME, [], True),
        ("0010,xxxx", CODE_VALUE, [], False),
    ],
)
def test_a_path_names_an_element_by_the_sequences_that_lead_to_it(
    text: str, tag: int, steps: list[Step], *, named: bool
) -> None:
    assert TagPath.parse(text, wildcards=True).matches(tag, steps=steps) is named


@pytest.mark.parametrize("steps", [[], [FIRST_CONTENT], [SECOND_CONTENT, FIRST_CONCEPT]])
def test_anywhere_lets_a_path_of_one_node_match_at_any_depth(steps: list[Step]) -> None:
    assert TagPath.parse("CodeValue").matches(CODE_VALUE, steps=steps, anywhere=True)
    assert not TagPath.parse("CodeValue").matches(PATIENT_NAME, steps=steps, anywhere=True)


def test_anywhere_does_not_move_a_path_that_starts_with_a_sequence() -> None:
    path = TagPath.parse("ConceptNameCodeSequence.CodeValue")
    assert path.matches(CODE_VALUE, steps=[FIRST_CONCEPT], anywhere=True)
    assert not path.matches(CODE_VALUE, steps=[FIRST_CONTENT, FIRST_CONCEPT], anywhere=True)


@pytest.mark.parametrize(
    ("tag", "creator", "named"),
    [
        (0x00291010, "ACME", True),
        (0x0029FF10, "ACME", True),
        (0x00291010, "OTHER", False),
        (0x00291010, "", False),
        (0x00291011, "ACME", False),
        (0x00311010, "ACME", False),
    ],
)
def test_a_creator_names_its_element_in_whatever_block_it_reserved(
    tag: int, creator: str, *, named: bool
) -> None:
    assert TagPath.parse('(0029,"ACME",10)').matches(tag, creator) is named


def test_a_number_names_a_private_element_whoever_owns_it() -> None:
    assert TagPath.parse("(0029,1010)").matches(0x00291010, "ACME")
    assert TagPath.parse("(0029,1010)").matches(0x00291010)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("PatientName", PATIENT_NAME),
        ("ContentSequence[0].PatientName", CONTENT_SEQUENCE),
        ("(0010,xxxx)", 0x0010FFFF),
        ("60xx,3000", 0x60FF3000),
        ('(0029,"ACME",10)', 0x0029FF10),
        ("*", 0xFFFFFFFF),
    ],
)
def test_no_element_above_the_last_tag_can_match(text: str, last: int) -> None:
    assert TagPath.parse(text, wildcards=True).last_tag == last


@given(paths(wildcards=True), st.integers(0, 0xFFFFFFFF))
def test_the_last_tag_is_the_highest_that_the_first_node_names(path: TagPath, tag: int) -> None:
    first = path.nodes[0]
    assert first.matches(path.last_tag, first.creator)
    if first.matches(tag, first.creator):
        assert tag <= path.last_tag

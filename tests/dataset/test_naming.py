"""Names of received files: what a template says, and what no value can do to it."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset.naming import (
    CALLED_AET,
    CALLING_AET,
    REMOTE_HOST,
    SPECIALS,
    TEMPLATES,
    TRANSFER_SYNTAX,
    UNKNOWN,
    Key,
    Layout,
    Names,
    safe_name,
    safe_value,
)
from dcmtools.dataset.received import PATIENT_ID, SERIES, SOP_INSTANCE, STUDY
from dcmtools.errors import UsageError

VALUES: dict[Key, str] = {
    PATIENT_ID: "PID-1",
    STUDY: "1.2.3",
    SERIES: "1.2.3.4",
    SOP_INSTANCE: "1.2.3.4.5",
    0x00080060: "CT",
    0x00200013: "7",
    0x00091001: "private",
    CALLING_AET: "MODALITY1",
    CALLED_AET: "ARCHIVE",
    REMOTE_HOST: "fe80::1%eth0",
    TRANSFER_SYNTAX: "1.2.840.10008.1.2.1",
}

HOSTILE = [
    "../../evil",
    "/etc/passwd",
    "..",
    ".",
    "1.2.3/../../x",
    "1.2\\..\\x",
    "C:\\x",
    "-rf",
    ".hidden",
    "1.2.3\n",
    "a b",
    "CON",
    "1" * 65,
    "1." * 100,
    "1.2.3\x1b[2J",
    "~root",
    "$(id)",
    "\u0661.2",
]


# What a template says


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{SOPInstanceUID}.dcm", "1.2.3.4.5.dcm"),
        ("{SOPInstanceUID}", "1.2.3.4.5"),
        (
            "{PatientID}/{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm",
            "PID-1/1.2.3/1.2.3.4/1.2.3.4.5.dcm",
        ),
        ("{Modality}{InstanceNumber}", "CT7"),
        ("in/{Modality}-{InstanceNumber}_x.dcm", "in/CT-7_x.dcm"),
        ("{0010,0020}/{(0020,000d)}/{00080018}", "PID-1/1.2.3/1.2.3.4.5"),
        ("{0009,1001}", "private"),
        ("{CallingAET}/{CalledAET}/{RemoteHost}", "MODALITY1/ARCHIVE/fe80__1_eth0"),
        ("{TransferSyntaxUID}.x", "1.2.840.10008.1.2.1.x"),
        ("{{{Modality}}}", "{CT}"),
        ("{{PatientID}}", "{PatientID}"),
        ("{StudyDate}/{Modality}", f"{UNKNOWN}/CT"),
        ("always the same", "always the same"),
        ("M\u00fcller/{Modality}", "M\u00fcller/CT"),
    ],
)
def test_a_template(template: str, path: str) -> None:
    assert Names.parse(template).path(VALUES) == path


def test_what_it_needs() -> None:
    names = Names.parse("{PatientID}/{CallingAET}/{Modality}{PatientID}/{0009,1001}")
    assert names.tags == {PATIENT_ID, 0x00080060, 0x00091001}
    assert Names.parse("x{CallingAET}").tags == frozenset()


@pytest.mark.parametrize(
    "template",
    [
        "",
        "/",
        "/{PatientID}",
        "//x",
        "{PatientID}/",
        "{PatientID}//x",
        "..",
        "../{PatientID}",
        "{PatientID}/../x",
        "{PatientID}/..",
        "./x",
        ".{PatientID}",
        ".dcmtools-{PatientID}.part",
        "-{PatientID}",
        "{Modality}/-x",
        "a\\b",
        "C:x",
        "a\0b",
        "a\nb",
        "\x7f",
        "{",
        "}",
        "{PatientID",
        "PatientID}",
        "{}",
        "{0}",
        "{ PatientID }",
        "{PatientID!r}",
        "{PatientID:>10}",
        "{PatientID:{Modality}}",
        "{PatientID.__class__}",
        "{PatientID[0]}",
        "{OtherPatientIDsSequence[0].PatientID}",
        "{OtherPatientIDsSequence.PatientID}",
        "{OtherPatientIDsSequence}",
        "{PixelData}",
        "{0010,00xx}",
        "{*}",
        '{(0009,"ACME",01)}',
        "{0002,0010}",
        "{MediaStorageSOPInstanceUID}",
        "{CommandField}",
        "{NoSuchKeyword}",
        "{os.sep}",
    ],
)
def test_no_template(template: str) -> None:
    with pytest.raises(UsageError):
        Names.parse(template)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("PatientId", "PatientID"),
        ("SOPInstanceUId", "SOPInstanceUID"),
        ("CallingAE", "CallingAET"),
        ("TransferSyntax", "TransferSyntaxUID"),
    ],
)
def test_a_slip_gets_the_nearest_keyword(wrong: str, right: str) -> None:
    with pytest.raises(UsageError) as caught:
        Names.parse(f"{{{wrong}}}.dcm")
    assert caught.value.hint.startswith("Did you mean ")
    assert right in caught.value.hint


def test_the_layouts_are_templates() -> None:
    for layout, template in TEMPLATES.items():
        assert Names.of(layout).path(VALUES) == Names.parse(template).path(VALUES)
    assert [Names.of(layout).path(VALUES) for layout in Layout] == [
        "1.2.3.4.5.dcm",
        "1.2.3/1.2.3.4/1.2.3.4.5.dcm",
        "PID-1/1.2.3/1.2.3.4/1.2.3.4.5.dcm",
    ]


# What values can do


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("", UNKNOWN),
        (".", UNKNOWN),
        ("..", UNKNOWN),
        ("...", "_.."),
        (".hidden", "_hidden"),
        ("-rf", "_rf"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("a/b\\c", "a_b_c"),
        ("Doe^Jane", "Doe_Jane"),
        ("M\u00fcller", "M_ller"),
        ("a\0b\x1b[2J\n", "a_b__2J_"),
        ("x" * 64, "x" * 64),
    ],
)
def test_a_value(value: str, name: str) -> None:
    assert safe_value(value) == name


def test_long_values_that_begin_alike_have_two_names() -> None:
    one, other = safe_value("x" * 64 + "1"), safe_value("x" * 64 + "2")
    assert len(one) == len(other) == 64
    assert one != other
    assert one[:47] == other[:47] == "x" * 47


@pytest.mark.parametrize("device", ["CON", "con", "nul.dcm", "Com1", "LPT9.x.y", "aux"])
def test_no_name_is_a_device_of_windows(device: str) -> None:
    assert Names.parse("{PatientID}").path({PATIENT_ID: device}) == f"_{device}"
    assert Names.parse("{PatientID}.dcm").path({PATIENT_ID: device}) == f"_{device}.dcm"
    assert Names.parse("x{PatientID}").path({PATIENT_ID: device}) == f"x{device}"


def test_no_name_ends_with_what_windows_leaves_out() -> None:
    assert Names.parse("{PatientID}").path({PATIENT_ID: "a."}) == "a_"
    assert Names.parse("{PatientID} /x").path({PATIENT_ID: "a"}) == "a_/x"


def test_a_name_that_is_too_long_is_cut_and_keeps_its_suffix() -> None:
    names = Names.parse("{PatientID}{PatientID}{PatientID}{PatientID}{Modality}.dcm")
    one = names.path({PATIENT_ID: "x" * 64, 0x00080060: "1"})
    other = names.path({PATIENT_ID: "x" * 64, 0x00080060: "2"})
    assert len(one) == len(other) == 240
    assert one != other
    assert one.endswith(".dcm")
    wide = Names.parse("\u00fc" * 300).path({})
    assert len(wide.encode()) <= 240


ANY = st.text(st.characters(codec=None), max_size=400) | st.sampled_from(HOSTILE)
PIECES = st.sampled_from(
    [
        *(f"{{{name}}}" for name in ("PatientID", "StudyInstanceUID", "0009,1001", *SPECIALS)),
        "x",
        "/",
        ".",
        "{{",
        "\u00fc",
        "y" * 100,
    ]
)


@given(
    st.lists(PIECES, min_size=1, max_size=12).map("".join),
    st.dictionaries(st.sampled_from([PATIENT_ID, STUDY, 0x00091001, *SPECIALS]), ANY),
)
def test_no_value_leads_out_of_the_folder(template: str, values: dict[Key, str]) -> None:
    try:
        names = Names.parse(template)
    except UsageError:
        return
    path = names.path(values)
    parts = path.split("/")
    assert len(parts) == template.count("/") + 1
    for part in parts:
        assert part not in ("", ".", "..")
        assert part[0] not in ".-"
        assert 0 < len(part.encode()) <= 255
        assert set(part) <= set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-{\u00fc"
        )
        assert not PureWindowsPath(part).is_reserved()
    for kind in (PurePosixPath, PureWindowsPath):
        below = kind("in") / path
        assert below.parts == ("in", *parts)
    assert Path("/in", path).resolve().is_relative_to("/in")


@given(ANY, st.sampled_from(Layout))
def test_no_uid_leads_out_of_a_layout(value: str, layout: Layout) -> None:
    keys: tuple[Key, ...] = (PATIENT_ID, STUDY, SERIES, SOP_INSTANCE)
    path = Names.of(layout).path(dict.fromkeys(keys, value))
    *folders, file = path.split("/")
    uids = [*folders[-2:], file.removesuffix(".dcm")]
    assert set(uids) == {safe_name(value)}


@given(ANY)
def test_a_uid_names_itself_and_all_else_is_hashed(uid: str) -> None:
    name = safe_name(uid)
    assert 0 < len(name) <= 64
    if name == uid:
        assert name[0] in "0123456789"
        assert set(name) <= set("0123456789.")
    else:
        assert len(name) == 32
        assert set(name) <= set("0123456789abcdef")


def test_two_uids_have_two_names() -> None:
    assert len({safe_name(uid) for uid in HOSTILE}) == len(HOSTILE)
    assert len({safe_value(uid) for uid in HOSTILE if len(uid) > 2}) == len(HOSTILE) - 2

"""Show that look-ups agree with pydicom, whose tables they read without importing it."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import datadict
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries
from pydicom._uid_dict import UID_dictionary

import dcmtools
from dcmtools.dataset import dictionary
from dcmtools.dataset.dictionary import Entry


def as_entry(found: tuple[str, str, str, str, str]) -> Entry:
    vr, vm, name, retired, keyword = found
    return Entry(vr, vm, name, bool(retired), keyword)


def test_every_attribute_of_the_standard_is_found() -> None:
    assert len(DicomDictionary) > 5000
    for tag in DicomDictionary:
        assert dictionary.lookup(tag) == as_entry(datadict.get_entry(tag)), f"{tag:08x}"


def test_every_keyword_leads_to_its_tag() -> None:
    for tag in DicomDictionary:
        keyword = datadict.keyword_for_tag(tag)
        if keyword:
            assert dictionary.keyword_tag(keyword) == datadict.tag_for_keyword(keyword)


@pytest.mark.parametrize("digits", ["00", "02", "1e", "fe"])
def test_every_repeating_group_is_found_by_any_of_its_tags(digits: str) -> None:
    for pattern in RepeatersDictionary:
        tag = int(pattern.replace("xx", digits).replace("x", "1"), 16)
        assert dictionary.lookup(tag) == as_entry(datadict.get_entry(tag)), pattern


@pytest.mark.parametrize(
    ("tag", "keyword"),
    [
        (0x60003000, "OverlayData"),
        (0x60FE3000, "OverlayData"),
        (0x60020010, "OverlayRows"),
        (0x50020010, "NumberOfPoints"),
        (0x50FE3000, "CurveData"),
        (0x00203100, "SourceImageIDs"),
        (0x002031FF, "SourceImageIDs"),
    ],
)
def test_an_attribute_of_a_repeating_group_has_the_keyword_of_all(tag: int, keyword: str) -> None:
    entry = dictionary.lookup(tag)
    assert entry is not None
    assert entry.keyword == keyword


@pytest.mark.parametrize("tag", [0x60013000, 0x50031010, 0x00104321, 0x00290001, 0x00291010])
def test_what_the_standard_does_not_define_is_not_found(tag: int) -> None:
    assert dictionary.lookup(tag) is None


@pytest.mark.parametrize(
    ("tag", "keyword", "vr"),
    [
        (0x00080000, "GenericGroupLength", "UL"),
        (0x7FE00000, "GenericGroupLength", "UL"),
        (0x00090000, "PrivateGroupLength", "UL"),
        (0x00090010, "PrivateCreator", "LO"),
        (0x60FF00FF, "PrivateCreator", "LO"),
    ],
)
def test_group_lengths_and_private_creators_are_known_in_every_group(
    tag: int, keyword: str, vr: str
) -> None:
    entry = dictionary.lookup(tag)
    assert entry is not None
    assert (entry.keyword, entry.vr, entry.vm) == (keyword, vr, "1")


@pytest.mark.parametrize("keyword", ["", "NoSuchKeyword", "patientname", "GenericGroupLength"])
def test_a_word_that_is_no_keyword_has_no_tag(keyword: str) -> None:
    assert dictionary.keyword_tag(keyword) is None


# Private elements


def pydicom_entry(creator: str, tag: int) -> tuple[str, str, str, bool] | None:
    try:
        vr, vm, name, retired = datadict.get_private_entry(tag, creator)
    except KeyError:
        return None
    return vr, vm, name, bool(retired)


@pytest.mark.parametrize("block", ["10", "ff"])
def test_every_private_element_is_found_in_whatever_block_it_stands(block: str) -> None:
    assert len(private_dictionaries) > 300
    different = []
    for creator, elements in private_dictionaries.items():
        for pattern in elements:
            tag = int(pattern.replace("xx", block), 16)
            entry = dictionary.lookup_private(creator, tag)
            found = entry[:4] if entry else None
            expected = pydicom_entry(creator, tag)
            if found != expected:
                different.append((creator, pattern, found, expected))
    assert not different


@pytest.mark.parametrize(
    ("creator", "tag"),
    [
        ("SIEMENS CSA HEADER", 0x002910FE),
        ("SIEMENS CSA HEADER", 0x00311010),
        ("NO SUCH CREATOR", 0x00291010),
        ("", 0x00291010),
    ],
)
def test_a_private_element_that_nobody_lists_is_not_found(creator: str, tag: int) -> None:
    assert dictionary.lookup_private(creator, tag) is None
    assert pydicom_entry(creator, tag) is None


def test_a_private_element_gets_a_keyword_from_its_name() -> None:
    entry = dictionary.lookup_private("SIEMENS CSA HEADER", 0x00291010)
    assert entry == Entry("OB", "1", "CSA Image Header Info", False, "CSAImageHeaderInfo")  # noqa: FBT003


# Words and UIDs


def test_keywords_are_listed_by_their_beginning_in_any_case() -> None:
    found = dictionary.keywords_starting("patientn")
    assert found == sorted(found)
    assert "PatientName" in found
    assert all(keyword.startswith("PatientN") for keyword in found)
    assert dictionary.keywords_starting("zzz") == []


def test_the_nearest_keyword_comes_first() -> None:
    assert dictionary.nearest_keywords("PatientNmae")[0] == "PatientName"
    assert dictionary.nearest_keywords("sopinstanceuid")[0] == "SOPInstanceUID"
    assert dictionary.nearest_keywords("qqqqqqqq") == []
    assert len(dictionary.nearest_keywords("PatientNam", count=1)) == 1


def test_every_uid_of_the_standard_has_a_keyword_or_a_name() -> None:
    assert len(UID_dictionary) > 400
    for uid, (name, *_, keyword) in UID_dictionary.items():
        assert dictionary.uid_keyword(uid) == (keyword or name)
    assert dictionary.uid_keyword("1.2.3.4") == ""


# What pydicom must go on to provide


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("_dicom_dict", "DicomDictionary"),
        ("_dicom_dict", "RepeatersDictionary"),
        ("_private_dict", "private_dictionaries"),
        ("_uid_dict", "UID_dictionary"),
    ],
)
def test_the_tables_are_where_pydicom_keeps_them(module: str, attribute: str) -> None:
    script = f"""
from dcmtools.dataset import dictionary
assert dictionary._table({module!r}, {attribute!r})
import pydicom
from pydicom import {module}
assert dictionary._table.__wrapped__({module!r}, {attribute!r}) is {module}.{attribute}
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_looking_things_up_imports_neither_pydicom_nor_numpy() -> None:
    script = """
import sys
from dcmtools.dataset import dictionary
assert dictionary.lookup(0x00100010).keyword == "PatientName"
assert dictionary.lookup(0x60003000).keyword == "OverlayData"
assert dictionary.lookup_private("SIEMENS CSA HEADER", 0x00291010).vr == "OB"
assert dictionary.uid_keyword("1.2.840.10008.1.2.1") == "ExplicitVRLittleEndian"
assert dictionary.nearest_keywords("PatientNmae")
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"pydicom", "numpy"}, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_without_pydicom_the_error_names_it() -> None:
    script = """
from dcmtools.dataset import dictionary
try:
    dictionary.lookup(0x00100010)
except ModuleNotFoundError as error:
    assert error.name == "pydicom"
else:
    raise AssertionError
"""
    folder = Path(dcmtools.__file__).parents[1]
    subprocess.run([sys.executable, "-S", "-c", script], check=True, cwd=folder)

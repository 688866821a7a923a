"""Show by what patients are known, and which maps of patients are taken and which refused."""

import pickle
from pathlib import Path

import pytest

from dcmtools.dataset.read import open_dicom
from dcmtools.dataset.tree import read_tree
from dcmtools.deid.identity import PatientIdentity, identify, identity_of
from dcmtools.deid.patients import PatientMap, load_patient_map
from dcmtools.errors import ConfigError, InputError
from tests.factories import element, make_ct, part10, write


def identity(path: Path) -> PatientIdentity:
    with open_dicom(path) as file:
        return identity_of(read_tree(file))


def test_padding_and_the_encoding_of_an_accent_make_no_other_patient() -> None:
    assert identify("PID-1 ") == identify(" PID-1\0") == PatientIdentity("id", ("PID-1", ""))
    assert identify("Zo\u00e9") == identify("Zoe\u0301")
    assert identify("", name="Doe^Jane^^", birth_date="1970.01.02") == identify(
        "", name=" Doe^Jane ", birth_date="19700102"
    )


def test_what_may_be_two_patients_is_two() -> None:
    found = [
        identify("pid-1"), identify("PID-1"), identify("PID 1"), identify("PID1"),
        identify("0PID1"), identify("PID-1", "A"), identify("PID-1", "B"), identify("PID-1A", ""),
        identify("", name="Doe^Jane", birth_date="19700102"),
        identify("", name="Doe^Jane", birth_date="19700103"),
        identify("", name="DOE^JANE", birth_date="19700102"),
        identify("", study_instance_uid="1.2.3"),
    ]  # fmt: skip
    assert None not in found
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("name", "day"), [("Doe", ""), ("", "19700102"), ("Doe", "1970"), ("^", "19700102")]
)
def test_a_name_or_a_birth_date_alone_is_not_enough(name: str, day: str) -> None:
    found = identify(" ", "HOSP", name, day, "1.2.3")
    assert found == PatientIdentity("study", ("1.2.3",))
    assert identify("", "HOSP", name, day) is None


def test_a_file_says_by_itself_whose_it_is(tmp_path: Path) -> None:
    ct = make_ct(tmp_path / "a.dcm", PatientID="Zo\u00e9 ", IssuerOfPatientID="HOSP")
    assert identity(ct) == PatientIdentity("id", ("Zo\u00e9", "HOSP"))
    ct = make_ct(tmp_path / "b.dcm", PatientID="", PatientBirthDate="19700102")
    assert identity(ct) == PatientIdentity("name", ("Doe^Jane", "19700102"))
    ct = make_ct(tmp_path / "c.dcm", PatientID=None, StudyInstanceUID="1.2.3")
    assert identity(ct) == PatientIdentity("study", ("1.2.3",))
    ct = make_ct(tmp_path / "d.dcm", PatientID="", StudyInstanceUID="", SOPInstanceUID="1.2.4")
    assert identity(ct) == PatientIdentity("instance", ("1.2.4",))


def test_a_second_patient_id_counts_where_the_first_is_empty(tmp_path: Path) -> None:
    body = element(0x00100020, "LO", b"") + element(0x00100020, "LO", b"B ")
    assert identity(write(tmp_path / "a", part10(body))) == PatientIdentity("id", ("B", ""))


def test_files_without_any_identifier_stand_for_themselves(tmp_path: Path) -> None:
    found = [
        identity(write(tmp_path / "a", part10(element(0x00080060, "CS", modality))))
        for modality in (b"CT", b"MR", b"CT")
    ]
    assert found[0] == found[2] != found[1]
    assert found[0].kind == "values"


def load(tmp_path: Path, text: str | bytes) -> PatientMap:
    content = text if isinstance(text, bytes) else text.encode()
    return load_patient_map(write(tmp_path / "map.csv", content))


@pytest.mark.parametrize(
    "text",
    [
        "old,new\nPID-1,S1\nPID-2,S2\n",
        "\ufeffold,new\r\nPID-1,S1\r\n\r\nPID-2,S2",
        "Old, New\nPID-1, S1\n PID-1,S1\nPID-2 ,S2\n",
        'patient_id,new_id\n"PID-1","S1"\nPID-2,S2\n,\n',
        "new,old\nS1,PID-1\nS2,PID-2\n",
    ],
)
def test_maps_that_are_taken(tmp_path: Path, text: str) -> None:
    found = load(tmp_path, text)
    for number, new in ("PID-1", "S1"), ("PID-2", "S2"):
        assert found.pseudonym(PatientIdentity("id", (number, "")), "f") == (new, new)
        assert found.pseudonym(PatientIdentity("id", (number, "HOSP")), "f") == (new, new)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - made a moment ago


def test_names_and_issuers(tmp_path: Path) -> None:
    text = (
        "patient_id,issuer,new_id,new_name\n"
        '1,A,S1,"One^Subject"\n'
        "1,B,S2,\n"
        '"Zo\u00e9, 1",,S3,Three\n'
    )
    found = load(tmp_path, text)
    assert found.pseudonym(PatientIdentity("id", ("1", "A")), "f") == ("S1", "One^Subject")
    assert found.pseudonym(PatientIdentity("id", ("1", "B")), "f") == ("S2", "S2")
    assert found.pseudonym(PatientIdentity("id", ("Zo\u00e9, 1", "X")), "f") == ("S3", "Three")
    with pytest.raises(InputError):
        found.pseudonym(PatientIdentity("id", ("1", "")), "f")


def test_a_patient_who_is_not_in_the_map_is_not_named(tmp_path: Path) -> None:
    found = load(tmp_path, "old,new\nPID-1,S1\n")
    with pytest.raises(InputError) as caught:
        found.pseudonym(PatientIdentity("id", ("SECRET-7", "HOSP")), "a.dcm")
    assert caught.value.what == "a.dcm"
    assert caught.value.why == f"its Patient ID is not in {tmp_path / 'map.csv'}"
    assert "SECRET" not in f"{caught.value}{caught.value.hint}"
    with pytest.raises(InputError, match="has no Patient ID"):
        found.pseudonym(PatientIdentity("name", ("PID-1", "")), "a.dcm")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1 does not name its columns"),
        ("PID-1,S1\n", "line 1 does not name its columns"),
        ("old\nPID-1\n", "line 1 does not name its columns"),
        ("old;new\nPID-1;S1\n", "line 1 does not name its columns"),
        ("old,new,old\nA,B,C\n", "line 1 does not name its columns"),
        ("old,new,age\nA,B,C\n", "line 1 does not name its columns"),
        ("old,new\nA,B\nC\n", "line 3 has 1 fields, and the first has 2"),
        ("old,new\nA,B,C\n", "line 2 has 3 fields, and the first has 2"),
        ("old,new\n,B\n", "line 2 has no old identifier"),
        ("old,new\nA, \n", "line 2 has no new identifier"),
        ("old,new\nA,B\nA,C\n", "line 3 has the old identifier of line 2, with another new one"),
        ("old,new\nA,B\n\n'A',C\nD,B\n", "line 5 has the new identifier of line 2"),
        ("old,new\n'A',B\nZo\u00e9,X\nZoe\u0301,Y\n",
         "line 4 has the old identifier of line 3, with another new one"),
        ("old,new\nA,A\n", "line 2 has a new identifier that is an old one in line 2"),
        ("old,new\nA,B\nB,C\n", "line 2 has a new identifier that is an old one in line 3"),
        ("patient_id,new_id,new_name\nA,B,a^b^c^d^e^f\n", "line 2 has a new name that is no PN"),
        ("patient_id,new_id,new_name\nA,B,^\n", "line 2 has a new name that is no PN"),
        ("patient_id,new_id,new_name\nA,B,N\nA,B,M\n",
         "line 3 has the old identifier of line 2, with another new one"),
        (b"old,new\nA,\xff\n", "is not UTF-8 text"),
        ("old,new\nA,B\n".encode("utf-16"), "is not UTF-8 text"),
    ],
)  # fmt: skip
def test_maps_that_are_refused(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.what == str(tmp_path / "map.csv")
    assert caught.value.why == why


@pytest.mark.parametrize("new", ["x" * 65, "a\\b", '"a\nb"', "a\x1bb", "a\x85b"])
def test_new_identifiers_that_are_no_lo(tmp_path: Path, new: str) -> None:
    with pytest.raises(ConfigError, match="line 2 has a new identifier that is no LO"):
        load(tmp_path, f"old,new\nA,{new}\n")


@pytest.mark.parametrize("text", ['old,new\nA,B\n"A,B\n', 'old,new\nA,B\n"A"x,B\n'])
def test_what_is_no_csv(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="line 3 is not CSV"):
        load(tmp_path, text)


def test_a_line_separator_in_a_field_is_no_new_line(tmp_path: Path) -> None:
    found = load(tmp_path, "old,new\nA\u2028B,S1\n")
    assert found.pseudonym(PatientIdentity("id", ("A\u2028B", "")), "f").patient_id == "S1"


@pytest.mark.parametrize("name", ["none.csv", ".", "a\0b"])
def test_a_map_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        load_patient_map(tmp_path / name)

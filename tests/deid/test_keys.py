"""Show that a key gives the same values for ever, and that another one has none of them."""

import hmac
import os
import pickle
import subprocess
import sys
from pathlib import Path
from string import ascii_uppercase, digits
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset.new_values import check
from dcmtools.dataset.path import TagPath
from dcmtools.deid.identity import PatientIdentity, identify
from dcmtools.deid.keys import LONGEST_SHIFT, Key, check_max_shift, check_root
from dcmtools.errors import ConfigError, UsageError

SECRET = b"0123456789abcdef0123456789abcdef"
KEY = Key(SECRET)
OTHER = Key(SECRET[::-1])
ROOT = "1.2.826.0.1.3680043.8.498.12345678"


def patient(number: str, issuer: str = "") -> PatientIdentity:
    found = identify(number, issuer)
    assert found is not None
    return found


# Whoever has kept a key relies on these: they are never to change.
def test_known_uids() -> None:
    assert KEY.uid("1.2.3") == "2.25.249340182867708810581847200660679961248"
    new = KEY.uid("1.2.3", "1.2.826.0.1.3680043")
    assert new == "1.2.826.0.1.3680043.881908098468403859465525485003937839093"
    assert KEY.uid("1.2.3", ROOT) == f"{ROOT}.78403859465525485003937839093"


def test_known_patients() -> None:
    named = PatientIdentity("name", ("Doe^Jane", "19700102"))
    study = PatientIdentity("study", ("1.2.3",))
    of = [patient("PID-1"), patient("PID-1", "HOSP"), named, study]
    assert [(KEY.pseudonym(one), KEY.shift(one), KEY.shift(one, 30)) for one in of] == [
        (("P3TASEM2BB5H1MBE",) * 2, -1747, -27),
        (("GM3X7CD06HY9B9YT",) * 2, -3340, -20),
        (("BSKANMHMP3GM6K7T",) * 2, -240, -20),
        (("NNB41H03J8SBM656",) * 2, -2128, -18),
    ]


def test_known_tokens() -> None:
    assert KEY.fingerprint == "4c68947b2e9e2b21"
    assert KEY.token("dummy", "00400512", "Box-1") == "W0Y2Y0GDEG2P732R"


def test_the_digest_is_hmac_sha256_as_openssl_has_it() -> None:
    # printf 'uid\0\0\0\0\0051.2.3' | openssl dgst -sha256 -hmac KEY
    known = "bb952c25d7037f80be6d2a28e9822aa06a1b76a93bf5d88ca5b1f8f9d50677f5"
    assert KEY.digest("uid", "1.2.3").hex() == known
    message = b"uid\0\0\0\0\0051.2.3"
    assert hmac.new(SECRET, message, "sha256").hexdigest() == known


def test_another_key_has_nothing_in_common() -> None:
    uids = [f"1.2.{number}" for number in range(2000)]
    assert not {KEY.uid(uid) for uid in uids} & {OTHER.uid(uid) for uid in uids}
    assert not {KEY.uid(uid, ROOT) for uid in uids} & {OTHER.uid(uid, ROOT) for uid in uids}
    patients = [patient(str(number)) for number in range(2000)]
    ours, theirs = ({key.pseudonym(one) for one in patients} for key in (KEY, OTHER))
    assert len(ours) == len(theirs) == 2000
    assert not ours & theirs
    same = sum(KEY.shift(one) == OTHER.shift(one) for one in patients)
    assert same < 10  # one in 3650 by chance
    assert KEY.fingerprint != OTHER.fingerprint


def test_a_value_of_one_kind_tells_nothing_about_another() -> None:
    kinds = ("uid", "patient", "shift", "dummy")
    assert len({KEY.digest(kind, "1.2.3") for kind in kinds}) == len(kinds)
    assert KEY.digest("patient", "ab", "c") != KEY.digest("patient", "a", "bc")
    assert KEY.digest("patient", "a") != KEY.digest("patient", "a", "")
    assert KEY.pseudonym(PatientIdentity("id", ("1", ""))) != KEY.pseudonym(
        PatientIdentity("name", ("1", ""))
    )


def test_a_process_of_its_own_gives_the_same() -> None:
    code = (
        "import sys, pickle\n"
        "key = pickle.loads(sys.stdin.buffer.read())\n"
        "print(key.uid('1.2.3'), key.token('a', 'b'))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(KEY),
        env=environment,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().split() == [KEY.uid("1.2.3"), KEY.token("a", "b")]


def test_the_secret_is_in_no_text() -> None:
    for text in (repr(KEY), str(KEY)):
        assert SECRET.decode() not in text
        assert SECRET.hex() not in text


@given(st.text(max_size=70), st.sampled_from(["", "1.2", "1.2.826.0.1.3680043", ROOT, "2.25"]))
def test_a_new_uid_is_valid_whatever_the_old_one_is(old: str, root: str) -> None:
    root = root and check_root(root)
    new = KEY.uid(old, root)
    check(TagPath.parse("SOPInstanceUID"), "UI", "1", new)
    assert new.startswith((root or "2.25") + ".")
    assert new == KEY.uid(old, root)
    if not root:
        assert len(new) <= 44
        assert UUID(int=int(new[5:])).version == 4
        assert UUID(int=int(new[5:])).variant == "specified in RFC 4122"
    else:
        digits_left = len(new) - len(root) - 1
        assert 29 <= digits_left <= 39


def test_padding_makes_no_other_uid() -> None:
    assert len({KEY.uid(uid) for uid in ("1.2.3", "1.2.3\0", " 1.2.3 ", "1.2.3\0\0")}) == 1
    assert KEY.uid("1.2.3") != KEY.uid("1.2.30")
    assert KEY.uid("not a uid") != KEY.uid("not a UID")
    assert KEY.uid("\udcff") != KEY.uid("\udcfe")


def test_uids_are_the_same_however_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmtools.deid.keys._MOST_KNOWN", 10)
    key = Key(SECRET)
    for _ in range(2):
        assert [key.uid(f"1.{n}") for n in range(25)] == [KEY.uid(f"1.{n}") for n in range(25)]
        assert len(key._uids) <= 10


@given(st.text(min_size=1, max_size=64), st.text(max_size=64), st.integers(1, LONGEST_SHIFT))
def test_a_pseudonym_fits_and_a_shift_is_in_range(number: str, issuer: str, most: int) -> None:
    identity = PatientIdentity("id", (number, issuer))
    patient_id, name = KEY.pseudonym(identity)
    assert len(patient_id) == 16
    assert set(patient_id) <= set(ascii_uppercase + digits)
    assert patient_id[0] in ascii_uppercase
    assert name
    assert -most <= KEY.shift(identity, most) <= -1


def test_shifts_use_the_whole_range() -> None:
    shifts = {KEY.shift(patient(str(number)), 5) for number in range(200)}
    assert shifts == {-1, -2, -3, -4, -5}


def test_a_random_key_is_another_each_time() -> None:
    assert Key.random().uid("1.2.3") != Key.random().uid("1.2.3")


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_the_end_of_the_line_is_no_part_of_a_key(tmp_path: Path, end: bytes) -> None:
    key = Key.load(write(tmp_path / "key", SECRET + end))
    assert key.uid("1.2.3") == KEY.uid("1.2.3")
    assert not key.warning


def test_a_key_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    key = Key.load(write(tmp_path / "key", SECRET, 0o644))
    assert key.warning == f"{tmp_path / 'key'}: others can read the key; chmod 600 it"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "has 0 bytes, and a key has at least 16"),
        (SECRET[:15] + b"\n", "has 15 bytes, and a key has at least 16"),
        (bytes(64), "repeats the same bytes, which is no secret"),
        (b"abc" * 20, "repeats the same bytes, which is no secret"),
        (SECRET * 200, "has more than 4096 bytes, which is no key"),
    ],
)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Key.load(write(tmp_path / "key", content))
    assert caught.value.why == why
    assert caught.value.hint == "Make one with: head -c 32 /dev/urandom | base64 > FILE"


@pytest.mark.parametrize("name", ["none", ".", "a\0b"])
def test_a_key_that_cannot_be_read_is_explained(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        Key.load(tmp_path / name)


def test_a_file_without_end_is_no_key() -> None:
    with pytest.raises(ConfigError, match="more than 4096 bytes"):
        Key.load(Path("/dev/urandom"))


@pytest.mark.parametrize(
    ("root", "given"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.3.", "1.2.3"),
        ("2.25", ""),
        ("2.999", "2.999"),
        ("1.2.840.100080", "1.2.840.100080"),
    ],
)
def test_roots(root: str, given: str) -> None:
    assert check_root(root) == given


@pytest.mark.parametrize(
    "root",
    ["", ".", "1", "1..2", "1.02", "3.1", "1.a", "1.2\n", "1.40", "1.2.840.10008",
     "1.2.840.10008.5", "2.25.17", "1.2.826.0.1.3680043.8.498.123456789"],
)  # fmt: skip
def test_what_is_no_root(root: str) -> None:
    with pytest.raises(UsageError):
        check_root(root)


def test_the_most_days() -> None:
    assert check_max_shift(1) == 1
    for days in (0, -1, LONGEST_SHIFT + 1):
        with pytest.raises(UsageError):
            check_max_shift(days)

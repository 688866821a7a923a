"""Show that new UIDs are valid, that equal ones stay equal, and which are left alone."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset.new_uids import NewUids

CT = "1.2.840.10008.5.1.4.1.1.2"

uids = st.from_regex(r"[12](\.(0|[1-9][0-9]{0,5})){1,9}", fullmatch=True)


@given(st.binary(max_size=20), uids)
def test_a_new_uid_is_a_uuid_under_2_25(salt: bytes, old: str) -> None:
    new = NewUids(salt)(old)
    root, number = new[:5], new[5:]
    assert root == "2.25."
    assert str(int(number)) == number
    assert len(new) <= 44
    uuid = UUID(int=int(number))
    assert uuid.version == 4
    assert uuid.variant == "specified in RFC 4122"


def test_the_same_salt_gives_the_same_uids_and_another_one_others() -> None:
    assert NewUids(b"a")("1.2.3") == NewUids(b"a")("1.2.3")
    assert NewUids(b"a")("1.2.3") != NewUids(b"b")("1.2.3")
    assert NewUids(b"a")("1.2.3") != NewUids(b"a")("1.2.4")


@pytest.mark.parametrize("padded", ["1.2.3\0", "1.2.3 ", " 1.2.3", "1.2.3\0\0"])
def test_padding_means_nothing(padded: str) -> None:
    new = NewUids(b"a")
    assert new(padded) == new("1.2.3")
    new.know(padded)
    assert "1.2.3" in new
    assert padded in new


def test_only_what_is_known_is_replaced() -> None:
    new = NewUids(b"a")
    new.know("1.2.3")
    new.know("1.2.4")
    known, other = new("1.2.3").encode(), new("1.2.4").encode()
    assert new.translated(b"1.2.3\0") == known
    assert new.translated(b"1.2.5\\1.2.3") == b"1.2.5\\" + known
    assert new.translated(b"1.2.3 \\1.2.4\0") == known + b"\\" + other
    for value in (b"", b"1.2.30\0", b"1.2", b"\\", b"\xff"):
        assert new.translated(value) is value


def test_what_the_standard_defines_is_never_known() -> None:
    new = NewUids(b"a")
    new.know(CT)
    new.know("")
    new.know("\0")
    assert not new.learn(CT.encode() + b"\0")
    value = CT.encode()
    assert new.translated(value) is value


def test_learning_tells_whether_something_was_new() -> None:
    new = NewUids(b"a")
    assert new.learn(b"1.2.3\\1.2.4 ")
    assert not new.learn(b"1.2.4\0")
    assert "1.2.3" in new

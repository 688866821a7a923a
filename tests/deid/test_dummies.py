"""Show that dummies are valid for every VR and VM, and tell nothing."""

import pytest

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.new_values import check
from dcmtools.dataset.path import TagPath
from dcmtools.deid.dummies import dummy
from dcmtools.deid.keys import Key

KEY = Key(b"0123456789abcdef0123456789abcdef")
OTHER = Key(b"fedcba9876543210fedcba9876543210")
OLD = b"Doe^Jane"


def every_attribute() -> list[tuple[int, dictionary.Entry]]:
    entries = [(tag, dictionary.lookup(tag)) for tag in dictionary._attributes()]
    return [(tag, entry) for tag, entry in entries if entry and len(entry.vr) == 2]


def test_every_attribute_of_the_dictionary_gets_a_valid_value() -> None:
    seen = set()
    for tag, (vr, vm, _, _, keyword) in every_attribute():
        if vr == "SQ" or not keyword:
            continue
        seen.add(vr)
        new = dummy(tag, vr, OLD, KEY)
        assert new, keyword
        assert OLD not in new
        if vr in values.TEXT_VRS:
            if vm != "1" and vr == "UI":
                continue  # has as many as there were
            check(TagPath.parse(keyword), vr, vm, new.decode("ascii"))
        elif values.is_number(vr) and vr not in values.BINARY_VRS:
            assert not values.is_cut(new, vr)
            count = len(values.numbers(new, vr, big_endian=False))
            least = int(vm.partition("-")[0])
            assert count == least, keyword
    assert seen >= {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT",
                    "OB", "PN", "SH", "SL", "SS", "ST", "TM", "UC", "UI", "UL", "UR",
                    "US", "UT"}  # fmt: skip


@pytest.mark.parametrize("vr", ["OB", "OD", "OF", "OL", "OV", "OW", "UN", "??"])
def test_binary_values_are_whole_words_of_zeros(vr: str) -> None:
    new = dummy(0x00091001, vr, b"\1\2\3", KEY)
    assert new
    assert not any(new)
    assert len(new) % 2 == 0
    assert not values.is_cut(new, vr)


def test_only_identifiers_and_uids_differ_as_the_true_ones_do() -> None:
    names = {"ContainerIdentifier": True, "DeviceSerialNumber": True, "DetectorID": True}
    names |= {"OperatorsName": False, "StationName": False, "ProtocolName": False}
    for keyword, differ in names.items():
        tag = dictionary.keyword_tag(keyword)
        assert tag is not None
        entry = dictionary.lookup(tag)
        assert entry is not None
        one, same, two, other = (
            dummy(tag, entry.vr, old, key)
            for old, key in [(b"A1", KEY), (b"A1 ", KEY), (b"A2", KEY), (b"A1", OTHER)]
        )
        assert one == same
        assert (one != two) == differ
        assert (one != other) == differ


def test_uids_are_those_of_the_key() -> None:
    tag = 0x006A0003
    assert dummy(tag, "UI", b"1.2.3\0", KEY) == KEY.uid("1.2.3").encode()
    assert dummy(tag, "UI", b"1.2\\1.3", KEY, "1.9").decode() == (
        f"{KEY.uid('1.2', '1.9')}\\{KEY.uid('1.3', '1.9')}"
    )

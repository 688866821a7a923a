"""Show what is a region, what is none, and which objects get which."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset.conditions import Condition, meets
from dcmtools.dataset.read import DicomFile
from dcmtools.deid.regions import Region, decide
from dcmtools.errors import UsageError
from tests.factories import make_ct


def test_a_region_is_a_place_a_size_and_conditions() -> None:
    region = Region.parse("1,2,640,40@Modality=US@Rows>100")
    assert region.rectangle == (1, 2, 640, 40)
    assert region.conditions == (Condition.parse("Modality=US"), Condition.parse("Rows>100"))
    assert Region.parse("0,0,*,*") == Region(0, 0, None, None)


@given(
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.none() | st.integers(1, 65535),
    st.none() | st.integers(1, 65535),
    st.sampled_from([(), ("Modality=US",), ("!PatientName", "Rows<=9")]),
)
def test_a_region_can_be_printed_and_read_again(
    x: int, y: int, width: int | None, height: int | None, conditions: tuple[str, ...]
) -> None:
    region = Region(x, y, width, height, tuple(map(Condition.parse, conditions)))
    assert Region.parse(str(region)) == region


@pytest.mark.parametrize(
    "text",
    [
        "", "1,2,3", "1,2,3,4,5", "-1,0,1,1", "0,0,0,4", "0,0,4,0", "a,b,c,d", "*,0,1,1",
        "0.5,0,1,1", "0,0,1,1@", "0,0,1,1@NoSuchKeyword=1", "0,0,1,1@Rows>x", "1,1,1,\u0661",
        "100000,0,1,1", "0,0,1,1;Modality=US",
    ],
)  # fmt: skip
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Region.parse(text)


def test_an_object_gets_the_regions_whose_conditions_it_meets(tmp_path: Path) -> None:
    regions = [
        Region.parse("0,0,9,9@Modality=CT@Rows<=8"),
        Region.parse("1,1,9,9@Modality=US"),
        Region.parse("2,2,9,9"),
        Region.parse("3,3,9,9@Modality=CT@Rows>8"),
        Region.parse("2,2,9,9@Modality=CT"),
    ]
    with DicomFile(make_ct(tmp_path / "ct.dcm", Modality="CT", Rows=8)) as file:

        def holds(conditions: Sequence[Condition]) -> bool:
            return meets(file, conditions)

        assert decide(regions, holds) == ((0, 0, 9, 9), (2, 2, 9, 9))
        assert decide(regions[1:2], holds) == ()

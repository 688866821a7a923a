"""Find what a content item of a structured report is about, and where its value is (PS3.3 C.17.3).

Acquisition contexts and the preparation of specimens have content items too.
"""

from dcmtools.dataset.tree import DataSet, Tree
from dcmtools.dataset.values import text

CONCEPT_NAME = 0x0040A043
VALUE_TYPE = 0x0040A040
VALUES = frozenset(
    {
        0x00081199,  # ReferencedSOPSequence
        0x0040A120,  # DateTime
        0x0040A121,  # Date
        0x0040A122,  # Time
        0x0040A123,  # PersonName
        0x0040A124,  # UID
        0x0040A160,  # TextValue
        0x0040A168,  # ConceptCodeSequence
        0x0040A300,  # MeasuredValueSequence
        0x0040A30A,  # NumericValue
    }
)
"""The attributes that hold the value of a content item."""
_CODES = (0x00080100, 0x00080119, 0x00080120)  # CodeValue, LongCodeValue, URNCodeValue
_SCHEME = 0x00080102
_REFERENCED_CONTENT_ITEM_IDENTIFIER = 0x0040DB73


def concept(item: DataSet) -> tuple[str, str, str] | None:
    """Give code, coding scheme and value type of a content item; None where it is none."""
    names = item.find(CONCEPT_NAME)
    if not names or not names[0].items:
        return None
    code = names[0].items[0]
    value = next((found for tag in _CODES if (found := _first(code, tag))), "")
    return value, _first(code, _SCHEME), _first(item, VALUE_TYPE)


def has_references(tree: Tree) -> bool:
    """Tell whether content items point to others by their position (PS3.3 C.17.3.2.5)."""
    return any(node.tag == _REFERENCED_CONTENT_ITEM_IDENTIFIER for node in tree.walk())


def _first(data_set: DataSet, tag: int) -> str:
    found = data_set.find(tag)
    return text(found[0].raw, "SH", data_set.charset).strip(" \0") if found else ""

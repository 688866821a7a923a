"""Decide which values are bulk data, and what may become of them."""

from enum import StrEnum

from dcmtools.dataset.values import BINARY_VRS

DEFAULT_BULK_SIZE = 1024
"""The bytes above which a binary value is bulk data unless the user says otherwise."""

MAX_TEXT = 1 << 24
"""The bytes above which even text is bulk data; no attribute is that long."""


class Bulk(StrEnum):
    """What becomes of bulk data."""

    OMIT = "omit"
    URI = "uri"
    INLINE = "inline"


def is_bulk(vr: str, length: int, bulk_size: int | None) -> bool:
    """Tell whether a value is bulk data; with a `bulk_size` of None there is none."""
    if bulk_size is None or vr in ("", "SQ"):
        return False
    return length > bulk_size if vr in BINARY_VRS else length > MAX_TEXT

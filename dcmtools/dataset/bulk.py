"""Decide which values are bulk data, and what may become of them."""

from dataclasses import dataclass, field
from enum import StrEnum

from dcmtools.dataset.elements import Element
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


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How the JSON and the XML model are written.

    Parameters
    ----------
    simple : bool
        Whether to write keywords and plain values in place of the JSON model.
    bulk : Bulk
        What becomes of binary values longer than `bulk_size`.
    bulk_size : int
        In bytes.
    uri : str
        The URI of the file, for `Bulk.URI`.
    notes : list of str
        Gets a note of everything that is left out.
    """

    simple: bool = False
    bulk: Bulk = Bulk.URI
    bulk_size: int = DEFAULT_BULK_SIZE
    uri: str = ""
    notes: list[str] = field(default_factory=list)

    def uri_of(self, element: Element, length: int) -> str:
        """Give the URI of a value in the file; `length` is in bytes."""
        return f"{self.uri}?offset={element.value_offset}&length={length}"


def is_bulk(vr: str, length: int, bulk_size: int | None) -> bool:
    """Tell whether a value is bulk data; with a `bulk_size` of None there is none."""
    if bulk_size is None or vr in ("", "SQ"):
        return False
    return length > bulk_size if vr in BINARY_VRS else length > MAX_TEXT

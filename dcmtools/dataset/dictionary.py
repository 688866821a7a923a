"""Look up attributes and UIDs: the one place that knows where pydicom keeps its tables.

pydicom's data dictionary is the only one there is here. Importing the pydicom package costs more
than reading a file does, so its table modules, which import nothing themselves, are loaded
directly. They are private to pydicom; `tests/dataset/test_dictionary.py` fails when they move.
"""

import sys
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types import ModuleType

PRIVATE_GROUP = 0x10000
"""The bit of a tag that makes its group odd, and so the element private (PS3.5 7.8)."""


class Entry(NamedTuple):
    """What the dictionary says about an attribute (PS3.6 section 6)."""

    vr: str
    vm: str
    name: str
    retired: bool
    keyword: str


@cache
def _table(module: str, attribute: str) -> dict[Any, Any]:
    loaded: ModuleType | None = sys.modules.get(f"pydicom.{module}")
    if loaded is None:
        package = PathFinder.find_spec("pydicom")
        if package is None or not package.submodule_search_locations:
            message = "pydicom is not installed"
            raise ModuleNotFoundError(message, name="pydicom")
        location = Path(package.submodule_search_locations[0], f"{module}.py")
        spec = spec_from_file_location(f"{__name__}.{module}", location)
        if spec is None or spec.loader is None:
            message = f"pydicom has no table {module}"
            raise ImportError(message)
        loaded = module_from_spec(spec)
        spec.loader.exec_module(loaded)
    table: dict[Any, Any] = getattr(loaded, attribute)
    return table


def _attributes() -> dict[int, tuple[str, ...]]:
    return _table("_dicom_dict", "DicomDictionary")


@cache
def _repeaters() -> list[tuple[int, int, tuple[str, ...]]]:
    """List the repeating groups (50xx, 60xx ...) as value, mask and entry."""
    return [
        (
            int(pattern.replace("x", "0"), 16),
            int("".join("0" if digit == "x" else "f" for digit in pattern), 16),
            entry,
        )
        for pattern, entry in _table("_dicom_dict", "RepeatersDictionary").items()
    ]


@cache
def _keywords() -> dict[str, int]:
    return {entry[4]: tag for tag, entry in _attributes().items() if entry[4]}


@lru_cache(maxsize=8192)
def lookup(tag: int) -> Entry | None:
    """Find a tag that the standard defines; for private tags see `lookup_private`.

    Parameters
    ----------
    tag : int
        Group and element, ``0xggggeeee``.

    Returns
    -------
    Entry or None
        None when the standard does not know the tag. Group lengths and private creators, which
        PS3.5 7.2 and 7.8.1 define for every group, are answered too.
    """
    found = _attributes().get(tag)
    if found is None and not tag & PRIVATE_GROUP:
        found = next((entry for value, mask, entry in _repeaters() if tag & mask == value), None)
    if found is not None:
        vr, vm, name, retired, keyword = found
        return Entry(vr, vm, name, bool(retired), keyword)
    element = tag & 0xFFFF
    if element == 0:
        private = bool(tag & PRIVATE_GROUP)
        keyword = "PrivateGroupLength" if private else "GenericGroupLength"
        return Entry("UL", "1", "Group Length", retired=True, keyword=keyword)
    if tag & PRIVATE_GROUP and 0x10 <= element <= 0xFF:  # noqa: PLR2004 - PS3.5 7.8.1
        return Entry("LO", "1", "Private Creator", retired=False, keyword="PrivateCreator")
    return None


@lru_cache(maxsize=8192)
def lookup_private(creator: str, tag: int) -> Entry | None:
    """Find a private element by its creator, in whatever block the creator reserved."""
    elements = _table("_private_dict", "private_dictionaries").get(creator)
    if not elements:
        return None
    group, element = tag >> 16, tag & 0xFFFF
    keys = (
        f"{group:04X}{element:04X}",
        f"{group:04X}xx{element & 0xFF:02X}",
        f"{group >> 8:02X}xxxx{element & 0xFF:02X}",
    )
    found = next((elements[key] for key in keys if key in elements), None)
    if found is None:
        return None
    vr, vm, name, retired = found
    keyword = "".join(word[:1].upper() + word[1:] for word in _words(name))
    return Entry(vr, vm, name, bool(retired), keyword)


def _words(name: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in name).split()


def keyword_tag(keyword: str) -> int | None:
    """Give the tag of a keyword, or None."""
    return _keywords().get(keyword)


def keywords_starting(prefix: str) -> list[str]:
    """List the keywords with a prefix, in any case, sorted."""
    prefix = prefix.lower()
    return sorted(keyword for keyword in _keywords() if keyword.lower().startswith(prefix))


def nearest_keywords(word: str, count: int = 3) -> list[str]:
    """List the keywords that look most like a word, the best first."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

    by_lower = {keyword.lower(): keyword for keyword in _keywords()}
    close = get_close_matches(word.lower(), by_lower, n=count, cutoff=0.7)
    return [by_lower[match] for match in close]


@lru_cache(maxsize=1024)
def uid_keyword(uid: str) -> str:
    """Give the keyword of a UID that PS3.6 Annex A defines, its name where it has none, or ""."""
    found = _table("_uid_dict", "UID_dictionary").get(uid)
    return (found[4] or found[0]) if found else ""


@cache
def sop_classes() -> dict[str, str]:
    """Map the UIDs of all SOP classes of PS3.6 Table A-1 to their keywords, retired ones too."""
    return _of_kind("SOP Class")


@cache
def meta_sop_classes() -> dict[str, str]:
    """Map the UIDs of all Meta SOP classes of PS3.6 Table A-1 to their keywords."""
    return _of_kind("Meta SOP Class")


@cache
def transfer_syntaxes() -> dict[str, str]:
    """Map the UIDs of all transfer syntaxes of PS3.6 Table A-1 to their keywords."""
    return _of_kind("Transfer Syntax")


def _of_kind(wanted: str) -> dict[str, str]:
    return {
        uid: keyword
        for uid, (_, kind, _, _, keyword) in _table("_uid_dict", "UID_dictionary").items()
        if kind == wanted
    }

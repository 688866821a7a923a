"""Decide what the options of the Basic Profile are called, and which of them go together."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeVar

from dcmtools.deid.tables import methods
from dcmtools.errors import UsageError


class Retain(StrEnum):
    """What is kept that the Basic Profile takes away (PS3.15 E.3.6 to E.3.11)."""

    UIDS = "uids"
    DEVICE = "device"
    INSTITUTION = "institution"
    PATIENT = "patient"
    DATES = "dates"
    """Retain Longitudinal Temporal Information With Full Dates."""
    DATES_SHIFTED = "dates-shifted"
    """Retain Longitudinal Temporal Information With Modified Dates."""
    SAFE_PRIVATE = "safe-private"


class Clean(StrEnum):
    """What is cleaned that the Basic Profile takes away (PS3.15 E.3.1 to E.3.5)."""

    DESCRIPTORS = "descriptors"
    STRUCTURED = "structured"
    GRAPHICS = "graphics"
    PIXELS = "pixels"


COLUMNS: dict[Retain | Clean, str] = {
    Retain.UIDS: "rtn_uids",
    Retain.DEVICE: "rtn_dev_id",
    Retain.INSTITUTION: "rtn_inst_id",
    Retain.PATIENT: "rtn_pat_chars",
    Retain.DATES: "rtn_long_full",
    Retain.DATES_SHIFTED: "rtn_long_modif",
    Retain.SAFE_PRIVATE: "rtn_safe_priv",
    Clean.DESCRIPTORS: "clean_desc",
    Clean.STRUCTURED: "clean_struct",
    Clean.GRAPHICS: "clean_graph",
    Clean.PIXELS: "clean_pixel",
}
"""The key of each option in the tables; Table E.1-1 has no column for the pixels."""
BASIC = "basic"
_Option = TypeVar("_Option", Retain, Clean)


class Method(NamedTuple):
    """A code of CID 7050, for De-identification Method Code Sequence (0012,0064)."""

    code: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Options:
    """The options under which the Basic Profile is applied.

    Parameters
    ----------
    retain : frozenset of Retain
        What is kept.
    clean : frozenset of Clean
        What is cleaned instead of taken away.

    Raises
    ------
    UsageError
        Dates are to be kept both as they are and shifted.
    """

    retain: frozenset[Retain] = frozenset()
    clean: frozenset[Clean] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what cannot both be done."""
        if {Retain.DATES, Retain.DATES_SHIFTED} <= self.retain:
            raise UsageError(
                f"--retain {Retain.DATES},{Retain.DATES_SHIFTED}",
                "dates cannot be both kept and shifted",
                f"Choose {Retain.DATES} or {Retain.DATES_SHIFTED}.",
            )

    @classmethod
    def parse(cls, retain: Iterable[str] = (), clean: Iterable[str] = ()) -> "Options":
        """Read lists of options as a user writes them: ``uids,device``.

        Raises
        ------
        UsageError
            A word is not an option, or two of them exclude each other.
        """
        return cls(_read("--retain", Retain, retain), _read("--clean", Clean, clean))

    @property
    def columns(self) -> frozenset[str]:
        """The keys of the columns that are looked at before the one of the Basic Profile."""
        asked: frozenset[Retain | Clean] = self.retain | self.clean
        return frozenset(COLUMNS[option] for option in asked)

    @property
    def temporal_information(self) -> str:
        """The value of Longitudinal Temporal Information Modified (0028,0303), PS3.3 C.12.1."""
        if Retain.DATES in self.retain:
            return "UNMODIFIED"
        return "MODIFIED" if Retain.DATES_SHIFTED in self.retain else "REMOVED"

    def methods(self, *, regions_applied: bool = False) -> tuple[Method, ...]:
        """Name what is done to an object, in the order of the codes.

        Parameters
        ----------
        regions_applied : bool
            Whether regions of its pixels were blanked. The Clean Pixel Data Option is claimed only
            then: to ask for it does nothing to pixels by itself.
        """
        claimed = {BASIC, *self.columns} - {COLUMNS[Clean.PIXELS]}
        if regions_applied:
            claimed.add(COLUMNS[Clean.PIXELS])
        return tuple(Method(*method) for key, *method in methods() if key in claimed)


def _read(flag: str, kind: type[_Option], lists: Iterable[str]) -> frozenset[_Option]:
    words = [word.strip() for each in lists for word in each.split(",") if word.strip()]
    known = [str(option) for option in kind]
    for word in words:
        if word not in known:
            raise UsageError(f"{flag} {word}", "is not an option", f"Choose {', '.join(known)}.")
    return frozenset(kind(word) for word in words)

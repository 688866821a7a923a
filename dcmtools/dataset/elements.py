"""Name the pieces a data set is read as: elements, the levels that hold them, and problems.

The reader turns a file into one flat stream of `Element`, in file order, sequences and items
included, so that no depth of nesting costs more than memory for the levels themselves.
"""

from dataclasses import dataclass
from typing import NamedTuple

from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.path import Step

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
PIXEL_REPRESENTATION = 0x00280103
PIXEL_DATA = 0x7FE00010

SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
"""Value representations with a length of two bytes (PS3.5 Table 7.1-2)."""

LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""Value representations with two reserved bytes and a length of four (PS3.5 Table 7.1-1)."""


class Encoding(NamedTuple):
    """How a data set is encoded: what a transfer syntax says about it (PS3.5 section 10)."""

    implicit: bool
    big_endian: bool


EXPLICIT_LITTLE = Encoding(implicit=False, big_endian=False)
EXPLICIT_BIG = Encoding(implicit=False, big_endian=True)
IMPLICIT_LITTLE = Encoding(implicit=True, big_endian=False)
IMPLICIT_BIG = Encoding(implicit=True, big_endian=True)

ENCODING_NAMES = {
    EXPLICIT_LITTLE: "explicit VR little endian",
    EXPLICIT_BIG: "explicit VR big endian",
    IMPLICIT_LITTLE: "implicit VR little endian",
    IMPLICIT_BIG: "implicit VR big endian",
}
"""What the encodings are called in messages."""


class Level:
    """A data set: the one of the file or an item of a sequence.

    Parameters
    ----------
    encoding : Encoding
        How its elements are encoded; items of an UN element differ from their data set.
    parent : Level, optional
        The data set whose sequence holds this item.
    sequence : int
        The tag of that sequence.
    index : int
        The number of the item in it, counted from 0.

    Attributes
    ----------
    depth : int
        0 for the data set of the file, one more for each sequence above.
    charset : bytes
        The value of Specific Character Set (0008,0005) in force, b"" when there is none.
    signed : bool
        Whether Pixel Representation (0028,0103) in force is 1.
    creators : dict of int to str
        The private creators by block, ``0xggggbb``.
    """

    __slots__ = (
        "charset", "creators", "depth", "encoding", "index", "parent", "sequence", "signed",
    )  # fmt: skip

    def __init__(
        self, encoding: Encoding, parent: "Level | None" = None, sequence: int = 0, index: int = 0
    ) -> None:
        self.encoding = encoding
        self.parent = parent
        self.sequence = sequence
        self.index = index
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.charset: bytes = b"" if parent is None else parent.charset
        self.signed: bool = parent is not None and parent.signed
        self.creators: dict[int, str] = {}

    def creator(self, tag: int) -> str:
        """Give the private creator that owns a tag, "" when nobody does or it is not private."""
        if not tag & PRIVATE_GROUP:
            return ""
        return self.creators.get((tag >> 8) & 0xFFFFFF, "")

    def steps(self) -> list[Step]:
        """List the sequences that lead here, from the data set of the file downwards."""
        steps = []
        level = self
        while level.parent is not None:
            above = level.parent
            steps.append(Step(level.sequence, above.creator(level.sequence), level.index))
            level = above
        return steps[::-1]


class Element(NamedTuple):
    """One piece of a data set, as it stands in the file.

    Sequences are followed by their items: an `ITEM`, what it holds, an `ITEM_END`; and by a
    `SEQUENCE_END`. Encapsulated pixel data is followed by its fragments, each an `ITEM` with VR
    OB, and by a `SEQUENCE_END`. Ends that the file only implies by a length are
    in the stream too; they take no bytes.
    """

    tag: int
    vr: str
    """Two letters; "SQ" for every sequence; "" for items and ends; "??" when the file's is none."""
    length: int
    """In bytes, as the file says; `UNDEFINED` where a delimiter ends it."""
    offset: int
    """Of the tag, in bytes from the start of the file (of the inflated data, when deflated)."""
    value_offset: int
    """Of the first byte of the value, counted like `offset`."""
    value: bytes | None
    """None where the value is long and has to be asked for, and where there is none."""
    level: Level

    @property
    def is_container(self) -> bool:
        """Tell whether items or fragments follow, up to a `SEQUENCE_END`."""
        return self.vr == "SQ" or (self.length == UNDEFINED and self.vr != "")

    @property
    def is_fragment(self) -> bool:
        """Tell a fragment of encapsulated pixel data from an item of a sequence."""
        return self.tag == ITEM and bool(self.vr)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file.

    Parameters
    ----------
    offset : int
        Where, in bytes from the start of what was read.
    reason : str
        What, in words.
    damage : bool
        Whether data is missing or in doubt, so that the file must not be written anew.
        Otherwise everything was read and the problem is only worth a warning.
    value : str
        What of the reason stands in the file, "" for nothing.
    """

    offset: int
    reason: str
    damage: bool = True
    value: str = ""

    def __str__(self) -> str:
        """Print the reason and the place."""
        return f"{self.reason}, at byte {self.offset}"

    @property
    def without_value(self) -> str:
        """The reason and the place, for those who must not see what stands in the file."""
        reason = self.reason.replace(f" {self.value}", "") if self.value else self.reason
        return f"{reason}, at byte {self.offset}"

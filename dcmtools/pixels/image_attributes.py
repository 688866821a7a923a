"""Read what describes an image, in its data set and in functional groups, in one walk of the file.

Only what pictures depend on is kept. Values are what strangers wrote: a number that is none is as
if it were not there.
"""

import math
from dataclasses import dataclass, field
from struct import calcsize, unpack

from dcmtools.dataset.elements import PIXEL_DATA, SEQUENCE_END, Element, Level
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError

PIXEL_DATA_TAGS = {PIXEL_DATA: 0, 0x7FE00008: 32, 0x7FE00009: 64}
"""Pixel Data, Float and Double Float Pixel Data, and the bits of a floating-point value."""

MODALITY_LUT_SEQUENCE = 0x00283000
VOI_LUT_SEQUENCE = 0x00283010
PIXEL_MEASURES_SEQUENCE = 0x00289110
FRAME_VOI_LUT_SEQUENCE = 0x00289132
PIXEL_VALUE_TRANSFORMATION_SEQUENCE = 0x00289145
SHARED_GROUPS_SEQUENCE = 0x52009229
PER_FRAME_GROUPS_SEQUENCE = 0x52009230
_SEQUENCES = {
    MODALITY_LUT_SEQUENCE, VOI_LUT_SEQUENCE, PIXEL_MEASURES_SEQUENCE, FRAME_VOI_LUT_SEQUENCE,
    PIXEL_VALUE_TRANSFORMATION_SEQUENCE, SHARED_GROUPS_SEQUENCE, PER_FRAME_GROUPS_SEQUENCE,
}  # fmt: skip
SERIES_INSTANCE_UID, SERIES_NUMBER, INSTANCE_NUMBER = 0x0020000E, 0x00200011, 0x00200013
IMAGER_PIXEL_SPACING, NOMINAL_PIXEL_SPACING = 0x00181164, 0x00182010
_OTHERS = {
    IMAGER_PIXEL_SPACING, NOMINAL_PIXEL_SPACING, SERIES_INSTANCE_UID, SERIES_NUMBER,
    INSTANCE_NUMBER,
}  # fmt: skip
_GROUPS = {0x0028, 0x2050, 0x7FE0, *range(0x6000, 0x6020, 2)}
_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "OW": "H"}


class Attributes:
    """What a data set or an item says about images.

    Parameters
    ----------
    file : DicomFile
        The file that it is read from.

    Attributes
    ----------
    elements : dict
        The elements by tag; of those that are there twice the first.
    sequences : dict
        The items of sequences by tag.
    """

    def __init__(self, file: DicomFile) -> None:
        self._file = file
        self.elements: dict[int, Element] = {}
        self.sequences: dict[int, list[Attributes]] = {}

    def __contains__(self, tag: int) -> bool:
        """Tell whether an attribute has a value."""
        return tag in self.elements and self.elements[tag].length > 0

    def item(self, index: int, sequence: int) -> "Attributes":
        """Give an item of a sequence, and make it where it has not been met yet."""
        items = self.sequences[sequence]
        while len(items) <= index:
            items.append(Attributes(self._file))
        return items[index]

    def first(self, sequence: int) -> "Attributes | None":
        """Give the first item of a sequence, None where there is none."""
        return next(iter(self.sequences.get(sequence, ())), None)

    def raw(self, tag: int) -> bytes:
        """Give the bytes of a value, none where there is no such attribute."""
        element = self.elements.get(tag)
        return self._file.value(element) if element else b""

    def is_big_endian(self, tag: int) -> bool:
        """Tell the order of bytes in a value."""
        return self.elements[tag].level.encoding.big_endian

    def text(self, tag: int) -> str:
        """Give a value as text without padding, only the first of several."""
        return self.raw(tag).decode("latin-1").split("\\")[0].strip(" \0")

    def numbers(self, tag: int) -> list[float]:
        """Give the values of an attribute, none at all where one is no number."""
        element = self.elements.get(tag)
        if element is None:
            return []
        raw = self.raw(tag)
        form = _FORMATS.get(element.vr)
        found: list[float] = []
        try:
            if form is None:
                found = [float(text) for text in raw.decode("ascii").strip(" \0").split("\\")]
            else:
                count = len(raw) // calcsize(form)
                order = ">" if element.level.encoding.big_endian else "<"
                found = list(unpack(f"{order}{count}{form}", raw[: count * calcsize(form)]))
        except ValueError:
            return []
        return found if all(map(math.isfinite, found)) else []

    def number(self, tag: int) -> float | None:
        """Give the first value of an attribute, None where it is no number."""
        return next(iter(self.numbers(tag)), None)

    def integer(self, tag: int, default: int) -> int:
        """Give the first value of an attribute as a whole number."""
        value = self.number(tag)
        return default if value is None else int(value)


@dataclass(slots=True)
class ImageFile:
    """An image: its pixel data, where they are, and what describes them.

    Parameters
    ----------
    file : DicomFile
        The file, which has been walked to its end and is open.
    attributes : Attributes
        What describes the image.
    pixels : Element
        The pixel data.
    fragments : list of tuple of int and int
        Where the fragments of encapsulated pixel data are, in bytes: offset of the value and
        length. The first of them is the Basic Offset Table (PS3.5 A.4).
    """

    file: DicomFile
    attributes: Attributes
    pixels: Element
    fragments: list[tuple[int, int]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the file is called in messages."""
        return str(self.file.path)


class NoImageError(InputError):
    """A DICOM file that is whole, and has no pixel data."""


def read_image(file: DicomFile) -> ImageFile:
    """Walk a file to its end and find the image in it.

    Raises
    ------
    InputError
        It is damaged, or has pixel data twice.
    NoImageError
        It has none.
    """
    name = str(file.path)
    root = Attributes(file)
    levels: dict[Level | None, Attributes] = {}
    pixels: Element | None = None
    fragments: list[tuple[int, int]] = []
    inside = False  # the encapsulated pixel data of the image
    for element in file.elements():
        tag, level = element.tag, element.level
        if inside and (element.is_fragment or tag == SEQUENCE_END):
            inside = element.is_fragment
            if inside:
                fragments.append((element.value_offset, element.length))
            continue
        if not element.vr:
            continue
        known = root if not level.depth else levels.get(level)
        if known is None:
            above = root if level.depth == 1 else levels.get(level.parent)
            if above is None or level.sequence not in above.sequences:
                continue
            known = levels[level] = above.item(level.index, level.sequence)
        if tag in PIXEL_DATA_TAGS and not level.depth:
            if pixels is not None:
                raise InputError(name, "has pixel data twice")
            pixels, inside = element, element.is_container
        elif element.vr == "SQ" and tag in _SEQUENCES:
            known.sequences.setdefault(tag, [])
        elif not element.is_container and (tag >> 16 in _GROUPS or tag in _OTHERS):
            known.elements.setdefault(tag, element)
    if file.damage is not None:
        raise InputError(name, f"is damaged: {file.damage}")
    if pixels is None:
        raise NoImageError(name, "has no pixel data")
    return ImageFile(file, root, pixels, fragments)

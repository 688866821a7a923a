"""Walk an object once and find all that decides how it is written anew.

What pixel data there are, at whatever depth; what describes them; where an attribute is or would
have to be. What would have to be guessed is refused later, by whoever needs it.
"""

from dcmtools.dataset.element_header import describe, implicit_vr
from dcmtools.dataset.elements import (
    PIXEL_DATA,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    UNDEFINED,
    Element,
    Encoding,
    Level,
)
from dcmtools.dataset.part10 import file_start
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.pixels.decoding import (
    NUMBER_OF_FRAMES,
    NUMBERS,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    Image,
    decoder_of,
    options_of,
)
from dcmtools.pixels.fragments import OFFSET_TABLES, TOTAL_LENGTH
from dcmtools.pixels.lossy import (
    LOSSY_IMAGE_COMPRESSION,
    LOSSY_IMAGE_COMPRESSION_METHOD,
    LOSSY_IMAGE_COMPRESSION_RATIO,
    MAIN_HEADER,
    has_lost,
)

NATIVE = tuple(f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".2", ".1.99"))
"""Uncompressed transfer syntaxes."""

IMAGE_TYPE = 0x00080008
DERIVATION_DESCRIPTION = 0x00082111
SOURCE_IMAGE_SEQUENCE = 0x00082112
DERIVATION_CODE_SEQUENCE = 0x00089215
_PLACES = (
    IMAGE_TYPE, SOP_INSTANCE_UID, DERIVATION_DESCRIPTION, SOURCE_IMAGE_SEQUENCE,
    DERIVATION_CODE_SEQUENCE, PHOTOMETRIC_INTERPRETATION, PLANAR_CONFIGURATION,
    LOSSY_IMAGE_COMPRESSION, LOSSY_IMAGE_COMPRESSION_RATIO, LOSSY_IMAGE_COMPRESSION_METHOD,
    *OFFSET_TABLES,
)  # fmt: skip
_DESCRIBING = {*NUMBERS, *OFFSET_TABLES, TOTAL_LENGTH, PHOTOMETRIC_INTERPRETATION, NUMBER_OF_FRAMES}
_ODD_VRS = ("OB", "OW", "??")
_WORD = 16


def is_compressed(syntax: str) -> bool:
    """Tell whether a transfer syntax compresses pixel data."""
    return syntax not in ("", *NATIVE)


class Survey:
    """What a first walk over a file finds that decides how to write it.

    Parameters
    ----------
    file : DicomFile
        The file.

    Raises
    ------
    InputError
        The file is damaged, or its transfer syntax cannot be decoded.

    Attributes
    ----------
    encapsulated, native : list of Image
        Pixel data, in the order of the file.
    places : dict of int to Element
        For attributes that may be set in the data set itself, by tag: the element, or the one
        before which it is to be.
    compressed : bool
        Whether the transfer syntax is one of those that compress pixel data.
    """

    def __init__(self, file: DicomFile) -> None:
        self.file = file
        self.path = str(file.path)
        self.syntax = file.header.transfer_syntax
        self.encapsulated: list[Image] = []
        self.native: list[Image] = []
        self.places: dict[int, Element] = {}
        self._uids: dict[int, bytes] = {}
        self._only_explicit = ""  # names a sequence that has the VR of a value
        self._head = b""  # of the first frame in the data set itself
        self._walk()
        self.refuse_damage()
        self.compressed = is_compressed(self.syntax)

    def _walk(self) -> None:
        described: dict[Level, dict[int, Element]] = {}
        image: Image | None = None
        waiting = list(_PLACES)
        for element in self.file.elements():
            tag, level = element.tag, element.level
            if element.is_fragment and image is not None:
                self._add_fragment(image, element)
            elif tag in _DESCRIBING:
                described.setdefault(level, {})[tag] = element
            elif tag == PIXEL_DATA:
                attributes = described.get(level, {})
                image = Image(element, attributes, options_of(self.file, attributes), fragments=-1)
                found = self.encapsulated if element.length == UNDEFINED else self.native
                found.append(image)
            elif tag in (SOP_CLASS_UID, SOP_INSTANCE_UID) and not level.depth:
                self._uids[tag] = element.value or b""
            elif element.vr in _ODD_VRS and element.length and implicit_vr(tag, level) == "SQ":
                self._only_explicit = describe(tag)
            if element.vr and not level.depth and not element.is_fragment:
                while waiting and waiting[0] <= tag:
                    self.places[waiting.pop(0)] = element
                if tag in _PLACES:
                    self.places[tag] = element

    def _add_fragment(self, image: Image, element: Element) -> None:
        image.fragments += 1
        if image.fragments:  # the first one is a table
            image.size += element.length
        if image.fragments == 1 and not image.pixels.level.depth:
            count = min(element.length, MAIN_HEADER)
            self._head = self.file.header.source.read(element.value_offset, count)

    def refuse_damage(self) -> None:
        """Refuse a file of which something is missing or in doubt.

        Raises
        ------
        InputError
            It is damaged.
        """
        damage = self.file.damage
        if damage is not None:
            raise InputError(self.path, f"is damaged: {damage}")

    def check_pixels(self) -> None:
        """See that pixel data are encapsulated where the transfer syntax says so, and can be read.

        Raises
        ------
        InputError
            They are not, or nothing can decode them.
        """
        if self.compressed:
            decoder_of(self.syntax, self.path)
        elif self.encapsulated:
            why = "its pixel data are encapsulated, and no transfer syntax says how"
            raise InputError(self.path, why)
        self.check_kinds()

    def check_kinds(self) -> None:
        """See that pixel data are encapsulated where the transfer syntax compresses.

        Raises
        ------
        InputError
            They are not, or there are two at one place.
        """
        own = (image for image in self.native if not image.pixels.level.depth)
        if self.compressed and any(own):  # an icon may be native where the image is not
            raise InputError(self.path, "its pixel data are not encapsulated as they must be")
        if len({image.pixels.level for image in self.encapsulated}) < len(self.encapsulated):
            raise InputError(self.path, "has pixel data twice")

    @property
    def image(self) -> Image | None:
        """The pixel data of the object itself, None where it has none.

        Raises
        ------
        InputError
            It has them twice.
        """
        found = [
            image for image in (*self.encapsulated, *self.native) if not image.pixels.level.depth
        ]
        if len(found) > 1:
            raise InputError(self.path, "has pixel data twice")
        return found[0] if found else None

    @property
    def has_lost(self) -> bool:
        """Whether its compressed pixel data have lost something for certain."""
        return bool(self._head) and has_lost(self.syntax, self._head)

    def obstacle(self, target: Encoding) -> str:
        """Say why the data set cannot be encoded so, "" where it can.

        The order of bytes in words that are longer than 16 bits, of bits in words, and of words
        that are said to be bytes is not the same in all programs that read big endian.
        """
        if target.implicit and self._only_explicit:
            return f"{self._only_explicit} is no sequence, as which it is read without a VR"
        widths = [image.options.get("bits_allocated", 0) for image in self.encapsulated]
        in_doubt = target.big_endian and any(width > _WORD for width in widths)
        for image in self.native:
            pixels, bits = image.pixels, image.options.get("bits_allocated", 0)
            swapped = pixels.level.encoding.big_endian != target.big_endian
            plain = (8, _WORD) if pixels.vr == "OW" else (1, 8)
            in_doubt |= swapped and pixels.length > 0 and bits not in plain
        why = "programs differ about the order of bytes in its big endian pixel data"
        return why if in_doubt else ""

    def uid(self, tag: int) -> str:
        """Give SOP Class UID or SOP Instance UID: that of the data set, else of the meta group."""
        meta = {element.tag: element.value or b"" for element in self.file.meta}
        in_meta = {SOP_CLASS_UID: 0x00020002, SOP_INSTANCE_UID: 0x00020003}[tag]
        raw = self._uids.get(tag) or meta.get(in_meta, b"")
        return raw.decode("ascii", "replace").strip("\0 ")

    def kept_start(self, syntax: str) -> bytes:
        """Encode what stands before the data set; the program that made the object stays named."""
        meta = {element.tag: element.value or b"" for element in self.file.meta}
        class_uid, version = (
            meta.get(tag, b"").decode("ascii", "replace").strip("\0 ")
            for tag in (0x00020012, 0x00020013)
        )
        sop = self.uid(SOP_CLASS_UID), self.uid(SOP_INSTANCE_UID)
        return file_start(*sop, syntax, implementation=(class_uid, version))

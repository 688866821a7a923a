"""Find the pixel data of an object and what describes them, for writing black over a part.

What would have to be guessed is refused: two pixel data, an attribute that is there twice, colours
that nobody knows, fewer or many more bytes than the attributes ask for.
"""

from dataclasses import dataclass, field

from dcmtools.dataset.element_header import describe
from dcmtools.dataset.elements import PIXEL_DATA, SEQUENCE_END, UNDEFINED, Element
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.escape import escape
from dcmtools.pixels.black import Cells, black, darkest, samples_of
from dcmtools.pixels.decoding import (
    NUMBER_OF_FRAMES,
    NUMBERS,
    PHOTOMETRIC_INTERPRETATION,
    Image,
    options_of,
)
from dcmtools.pixels.fragments import OFFSET_TABLES, TOTAL_LENGTH
from dcmtools.pixels.lossy import LOSSY_IMAGE_COMPRESSION
from dcmtools.pixels.rectangles import Layout

_FLOATS = {0x7FE00008: 32, 0x7FE00009: 64}
"""Float and Double Float Pixel Data, and the bits of a value (PS3.3 C.7.6.24)."""

_HIGH_BIT = 0x00280102
_DESCRIPTOR = 0x00281101
_TABLES = {"red": 0x00281201, "green": 0x00281202, "blue": 0x00281203}
_DESCRIBING = {
    *NUMBERS, *OFFSET_TABLES, TOTAL_LENGTH, PHOTOMETRIC_INTERPRETATION, NUMBER_OF_FRAMES,
    _HIGH_BIT, _DESCRIPTOR, *_TABLES.values(), LOSSY_IMAGE_COMPRESSION,
}  # fmt: skip
_STALE = (0x00080001, 0x00280000, 0x7FE00000)
_OVERLAYS, _OVERLAY_BIT_POSITION = 0x6000, 0x0102
_SUBSAMPLED = ("YBR_FULL_422", "YBR_PARTIAL_422")
_BYTE = 8


@dataclass(slots=True)
class Picture:
    """The pixel data of an object.

    Parameters
    ----------
    image : Image
        The pixel data and what describes them, as decoders want it.
    end : int
        The offset behind the pixel data.
    table : int
        The bytes of the Basic Offset Table.
    first : Element or None
        The first fragment.
    behind : Element or None
        Lossy Image Compression, or the element that is behind its place.
    stale : list of Element
        Group lengths and the like, which are not right any more once other lengths have changed.
    overlaid : bool
        Whether bits of the pixel data that hold no values may hold an overlay, as was allowed
        before 2004 (PS3.5-2004 8.1.2).
    nested : bool
        Whether items of sequences have pixel data too, as Icon Image Sequence (0088,0200) has.
    """

    image: Image
    end: int = 0
    table: int = 0
    first: Element | None = None
    behind: Element | None = None
    stale: list[Element] = field(default_factory=list)
    overlaid: bool = False
    nested: bool = False

    @property
    def compressed(self) -> bool:
        """Tell whether the pixel data are encapsulated."""
        return self.image.pixels.length == UNDEFINED


def find_picture(file: DicomFile) -> Picture:
    """Walk an object to its end and find its pixel data.

    Raises
    ------
    InputError
        The file is damaged, or has no pixel data, or more than one could be meant.
    """
    name = str(file.path)
    described: dict[int, Element] = {}
    found: Picture | None = None
    behind = None
    stale: list[Element] = []
    overlaid = nested = False
    open_pixels = False  # whether fragments are those of the picture
    for element in file.elements():
        tag, depth = element.tag, element.level.depth
        if tag in (PIXEL_DATA, *_FLOATS) and element.vr:
            nested |= depth > 0
            open_pixels = not depth
            if not depth:
                if found is not None:
                    raise InputError(name, "has pixel data twice")
                found = Picture(Image(element, described, fragments=-1))
                found.end = element.value_offset + element.length
        elif element.is_fragment or tag == SEQUENCE_END:
            if open_pixels and found is not None and found.compressed:
                open_pixels = _add_fragment(found, element)
        elif not depth and element.vr:
            if tag in _DESCRIBING and described.setdefault(tag, element) is not element:
                raise InputError(name, f"has {describe(tag)} twice")
            if tag in _STALE:
                stale.append(element)
            is_position = tag >> 16 & ~0xFF == _OVERLAYS and tag & 0xFFFF == _OVERLAY_BIT_POSITION
            overlaid |= is_position and any(element.value or b"")
        if behind is None and tag >= LOSSY_IMAGE_COMPRESSION and element.vr and not depth:
            behind = element
    if file.damage is not None:
        raise InputError(name, f"is damaged: {file.damage}")
    if found is None:
        raise InputError(name, "has no pixel data to be blackened")
    found.behind, found.stale, found.overlaid, found.nested = behind, stale, overlaid, nested
    found.image.options = options_of(file, described)
    return found


def _add_fragment(picture: Picture, element: Element) -> bool:
    """Count a fragment; tell whether more may follow."""
    if element.tag == SEQUENCE_END:
        picture.end = element.value_offset
        return False
    image = picture.image
    image.fragments += 1
    if not image.fragments:
        picture.table = element.length
        return True
    picture.first = picture.first or element
    image.size += element.length
    return True


def layout_of(file: DicomFile, picture: Picture) -> Layout:
    """Decide how the pixel data are laid out when they are native.

    Raises
    ------
    InputError
        What describes them is missing, unknown or contradicts itself.
    """
    name = str(file.path)
    image = picture.image
    options, attributes = image.options, image.attributes
    numbers = {"rows": 0, "columns": 0, "samples_per_pixel": 1, **options}
    for key in ("rows", "columns", "number_of_frames"):
        if numbers[key] < 1:
            raise _unclear(name, f"{key.replace('_', ' ')} is {numbers[key]}")
    size = numbers["rows"], numbers["columns"], numbers["number_of_frames"]
    encoding = image.pixels.level.encoding
    bits = _FLOATS.get(image.pixels.tag)
    if bits is not None:  # any number may be black; nothing is 0
        return Layout(*size, black=(bytes(bits // _BYTE),))
    bits, samples = numbers.get("bits_allocated", 0), numbers["samples_per_pixel"]
    if bits != 1 and (not bits or bits % _BYTE or bits > 64):  # noqa: PLR2004 - bits
        raise _unclear(name, f"Bits Allocated is {bits}")
    photometric = _colours(options.get("photometric_interpretation", ""))
    if samples_of(photometric) != samples or (bits == 1 and samples > 1):
        what = escape(photometric) or "none"
        raise _unclear(name, f"Photometric Interpretation is {what}, with {samples} samples")
    stored = options.get("bits_stored", bits)
    high = attributes.get(_HIGH_BIT)
    order = "big" if encoding.big_endian else "little"
    high_bit = int.from_bytes((high.value or b"")[:2], order) if high else stored - 1  # type: ignore[arg-type] # a literal
    signed = options.get("pixel_representation") == 1
    cells = Cells(bits, stored, high_bit, signed, picture.overlaid)
    dark = _darkest(file, attributes, signed=signed) if photometric == "PALETTE COLOR" else 0
    # A single bit takes a byte here.
    values = black(photometric, cells, dark)
    made = tuple(value.to_bytes(-(-bits // _BYTE), order) for value in values)  # type: ignore[arg-type] # a literal
    planar = samples > 1 and options.get("planar_configuration") == 1
    return Layout(*size, made, planar=planar, bits=bits == 1)


def _colours(photometric: str) -> str:
    """Tell what decoders make of JPEG 2000 colours, which no native pixel data have."""
    return "RGB" if photometric in ("YBR_ICT", "YBR_RCT") else photometric


def _darkest(file: DicomFile, attributes: dict[int, Element], *, signed: bool) -> int:
    descriptor = attributes.get(_DESCRIPTOR)
    if descriptor is None:
        return 0
    tables = {
        name: file.value(attributes[tag]) for name, tag in _TABLES.items() if tag in attributes
    }
    order = ">" if descriptor.level.encoding.big_endian else "<"
    return darkest(file.value(descriptor), tables, order, signed=signed)


def native_layout(file: DicomFile, picture: Picture) -> Layout:
    """Decide how native pixel data are laid out, and check that they are as long as that.

    Raises
    ------
    InputError
        As in `layout_of`; or they are too short, or so long that there may be more frames than
        the file says.
    """
    name = str(file.path)
    layout = layout_of(file, picture)
    length = picture.image.pixels.length
    photometric = picture.image.options.get("photometric_interpretation", "")
    if photometric == "YBR_PARTIAL_420":
        raise _unclear(name, "Photometric Interpretation is YBR_PARTIAL_420")
    # Some say that they are subsampled and are not; their length tells.
    if photometric in _SUBSAMPLED and length < layout.size:
        if layout.columns % 2 or layout.planar:
            raise _unclear(name, f"Photometric Interpretation is {photometric}")
        shape = layout.rows, layout.columns, layout.frames
        layout = Layout(*shape, layout.black, subsampled=True)
    frame = layout.size // layout.frames or 1
    if length < layout.size or length - layout.size >= max(frame, 2):
        why = f"it has {length} bytes, and its attributes ask for {layout.size}"
        raise _unclear(name, why)
    return layout


def _unclear(name: str, why: str) -> InputError:
    return InputError(name, f"its pixel data cannot be blackened: {why}")

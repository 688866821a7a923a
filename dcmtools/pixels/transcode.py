"""Decide what becomes of one object that is encoded anew, and do it, in a process of its own.

The result is in an uncompressed transfer syntax and holds the same data: pixels are decompressed,
never compressed, and all other values are copied. What cannot be read to its end is refused, and
so is what would have to be guessed.
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

from dcmtools.dataset.element_header import describe, implicit_vr
from dcmtools.dataset.elements import (
    ENCODING_NAMES,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    PIXEL_DATA,
    UNDEFINED,
    Element,
    Encoding,
    Level,
)
from dcmtools.dataset.part10 import file_start
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.pixels.decoding import (
    EXTENDED_OFFSET_TABLE,
    EXTENDED_OFFSET_TABLE_LENGTHS,
    LOSSY,
    NUMBER_OF_FRAMES,
    NUMBERS,
    PHOTOMETRIC_INTERPRETATION,
    Image,
    decode,
    decoder_of,
    limit_memory,
    syntax_name,
)
from dcmtools.pixels.encoding import Changes, Given, write

TARGETS = {
    "1.2.840.10008.1.2.1": EXPLICIT_LITTLE,
    "1.2.840.10008.1.2": IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
}
"""The transfer syntaxes in which objects can be encoded."""

_DEFLATED = "1.2.840.10008.1.2.1.99"
_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018
_TABLES = (EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS)
_TOTAL_LENGTH = 0x7FE00003  # Encapsulated Pixel Data Value Total Length
_DESCRIBING = {*NUMBERS, *_TABLES, _TOTAL_LENGTH, PHOTOMETRIC_INTERPRETATION, NUMBER_OF_FRAMES}
_LOSSY_IMAGE_COMPRESSION = 0x00282110
_ODD_VRS = ("OB", "OW", "??")
_WORD = 16


def transcode(path: Path, syntaxes: Sequence[str], out: BinaryIO) -> tuple[str, str]:
    """Write the object of a file in one of several transfer syntaxes, as a whole file.

    Parameters
    ----------
    path : Path
        The file.
    syntaxes : sequence of str
        The transfer syntaxes to choose from, the best first.
    out : file
        Where to write.

    Returns
    -------
    tuple of str and str
        The transfer syntax of the result, and what was done, in words.

    Raises
    ------
    InputError
        It cannot be read, is damaged, or cannot be encoded in any of them.
    OSError
        It cannot be written.
    """
    limit_memory(None)
    with DicomFile(path) as file, ExitStack() as stack:
        survey = _Survey(file)
        syntax = survey.choice(syntaxes)
        changes, note = survey.changes(stack)
        out.write(survey.file_start(syntax))
        write(file, TARGETS[syntax], changes, out)
        survey.refuse_damage()  # the file may have changed meanwhile
        return syntax, note


class _Survey:
    """What a first walk over a file finds that decides how to write it.

    Raises
    ------
    InputError
        The file is damaged, or its transfer syntax cannot be decoded.
    """

    def __init__(self, file: DicomFile) -> None:
        self._file = file
        self._path = str(file.path)
        self._uids: dict[int, bytes] = {}
        self._images: list[Image] = []
        self._native: list[tuple[Element, int]] = []  # pixel data, and Bits Allocated
        self._only_explicit = ""  # names a sequence that has the VR of a value
        self._lossy: Element | None = None  # Lossy Image Compression, or what is behind its place
        self._walk()
        self.refuse_damage()
        syntax = file.header.transfer_syntax
        self._compressed = syntax not in ("", _DEFLATED, *TARGETS)
        if self._compressed:
            decoder_of(syntax, self._path)
        elif self._images:
            why = "its pixel data are encapsulated, and no transfer syntax says how"
            raise InputError(self._path, why)

    def _walk(self) -> None:
        described: dict[Level, dict[int, Element]] = {}
        image: Image | None = None
        for element in self._file.elements():
            tag, level = element.tag, element.level
            if element.is_fragment and image is not None:
                image.fragments += 1
                image.size += element.length
            elif tag in _DESCRIBING:
                described.setdefault(level, {})[tag] = element
            elif tag == PIXEL_DATA:
                attributes = described.get(level, {})
                image = Image(element, attributes, self._options(attributes), fragments=-1)
                if element.length == UNDEFINED:
                    self._images.append(image)
                else:
                    bits = image.options.get("bits_allocated", 0)
                    self._native.append((element, bits))
            elif tag in (_SOP_CLASS, _SOP_INSTANCE) and not level.depth:
                self._uids[tag] = element.value or b""
            elif element.vr in _ODD_VRS and element.length and implicit_vr(tag, level) == "SQ":
                self._only_explicit = describe(tag)
            behind = tag >= _LOSSY_IMAGE_COMPRESSION and element.vr and not level.depth
            if behind and self._lossy is None:
                self._lossy = element

    def _options(self, attributes: dict[int, Element]) -> dict[str, Any]:
        """Give what describes an image as pydicom's decoders take it."""
        options: dict[str, Any] = {"number_of_frames": 1}
        for tag, element in attributes.items():
            value = element.value or b""
            order = "big" if element.level.encoding.big_endian else "little"
            if tag in NUMBERS and len(value) > 1:
                options[NUMBERS[tag]] = int.from_bytes(value[:2], order)  # type: ignore[arg-type] # a literal
            elif tag == PHOTOMETRIC_INTERPRETATION:
                options["photometric_interpretation"] = value.decode("latin-1").strip(" \0")
            elif tag == NUMBER_OF_FRAMES:
                with suppress(ValueError):  # it stays 1, which the fragments will confirm or not
                    options["number_of_frames"] = int(value.strip(b" \0")) or 1
        if all(tag in attributes for tag in _TABLES):
            tables = [self._file.value(attributes[tag]) for tag in _TABLES]
            options["extended_offsets"] = tuple(tables)
        return options

    def refuse_damage(self) -> None:
        damage = self._file.damage
        if damage is not None:
            raise InputError(self._path, f"is damaged: {damage}")

    def choice(self, syntaxes: Sequence[str]) -> str:
        """Choose the first transfer syntax that can be reached."""
        possible = [each for each in syntaxes if each in TARGETS]
        if not possible:
            raise InputError(self._path, "is wanted in no transfer syntax that can be written")
        whys = [self._obstacle(TARGETS[each]) for each in possible]
        if all(whys):
            raise InputError(self._path, whys[0])
        return possible[whys.index("")]

    def _obstacle(self, target: Encoding) -> str:
        """Say why the data set cannot be encoded so, "" where it can.

        The order of bytes in words that are longer than 16 bits, of bits in words, and of words
        that are said to be bytes is not the same in all programs that read big endian.
        """
        if target.implicit and self._only_explicit:
            return f"{self._only_explicit} is no sequence, as which it is read without a VR"
        widths = [image.options.get("bits_allocated", 0) for image in self._images]
        in_doubt = target.big_endian and any(width > _WORD for width in widths)
        for element, bits in self._native:
            swapped = element.level.encoding.big_endian != target.big_endian
            plain = (8, _WORD) if element.vr == "OW" else (1, 8)
            in_doubt |= swapped and element.length > 0 and bits not in plain
        why = "programs differ about the order of bytes in its big endian pixel data"
        return why if in_doubt else ""

    def changes(self, stack: ExitStack) -> tuple[Changes, str]:
        """Decide what is written in place of what, and say it in words."""
        header = self._file.header
        changes = Changes({}, {}, {})
        if not self._compressed:
            deflated = "deflated " if header.deflated else ""
            return changes, f"encoded anew from {deflated}{ENCODING_NAMES[header.encoding]}"
        done = "decompressed" if self._images else "encoded anew"
        note = f"{done} from {syntax_name(header.transfer_syntax)}"
        for element, _ in self._native:
            if not element.level.depth:  # an icon may be native where the image is not
                raise InputError(self._path, "its pixel data are not encapsulated as they must be")
        if len({image.pixels.level for image in self._images}) < len(self._images):
            raise InputError(self._path, "has pixel data twice")
        for image in self._images:
            content = stack.enter_context(self._file.path.open("rb"))
            decoded = decode(image, header.transfer_syntax, self._path, content)
            changes.pixels[image.pixels.offset] = decoded.frames
            changes.elements.update(decoded.elements)
            for tag in (*_TABLES, _TOTAL_LENGTH):
                if tag in image.attributes:
                    changes.elements[image.attributes[tag].offset] = ()
            if decoded.colour and not image.pixels.level.depth:
                note += f", {decoded.colour}"
        if header.transfer_syntax in LOSSY and self._images and self._lossy is not None:
            self._tell_loss(self._lossy, changes)
        return changes, note

    def _tell_loss(self, place: Element, changes: Changes) -> None:
        """Keep it known that there has been a loss, once the transfer syntax does not tell it."""
        given = Given(_LOSSY_IMAGE_COMPRESSION, "CS", b"01")  # PS3.3 C.7.6.1.1.5
        if place.tag == _LOSSY_IMAGE_COMPRESSION:
            changes.elements[place.offset] = (given,)
        else:
            changes.added[place.offset] = given

    def file_start(self, syntax: str) -> bytes:
        """Encode what stands before the data set."""
        meta = {element.tag: element.value or b"" for element in self._file.meta}
        sop_class = self._uids.get(_SOP_CLASS) or meta.get(0x00020002, b"")
        sop_instance = self._uids.get(_SOP_INSTANCE) or meta.get(0x00020003, b"")
        implementation = meta.get(0x00020012, b""), meta.get(0x00020013, b"")
        uids = [
            raw.decode("ascii", "replace").strip("\0 ")
            for raw in (sop_class, sop_instance, *implementation)
        ]
        return file_start(uids[0], uids[1], syntax, implementation=(uids[2], uids[3]))

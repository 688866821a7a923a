"""Write black over compressed pixel data: decode a frame, blacken it, compress it, and so on.

What is decided here is what the result is compressed in, what describes it then, and where its
fragments are. Everything else of the file is copied.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO

from dcmtools.dataset.element_bytes import encode_element, encode_length
from dcmtools.dataset.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE, PIXEL_DATA, Element
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.pixels.compressing import LOSSLESS, Compressor, NotLosslessError, transformed
from dcmtools.pixels.decoding import (
    PHOTOMETRIC_INTERPRETATION,
    Image,
    decoder_of,
    syntax_name,
)
from dcmtools.pixels.encoding import Frames, Given
from dcmtools.pixels.fragments import (
    OFFSET_TABLES,
    TOTAL_LENGTH,
    FragmentWriter,
    NoRoomError,
)
from dcmtools.pixels.frames import Decoded, decode, photometric_given
from dcmtools.pixels.lossy import LOSSY_IMAGE_COMPRESSION, MAIN_HEADER, has_lost
from dcmtools.pixels.picture import Picture, layout_of
from dcmtools.pixels.rectangles import blackened, runs
from dcmtools.pixels.rewriting import Piece, new_syntax, removal, replacement, rewrite

NATIVE = {EXPLICIT_LITTLE: "1.2.840.10008.1.2.1", IMPLICIT_LITTLE: "1.2.840.10008.1.2"}
"""Uncompressed transfer syntaxes."""


class Compressed:
    """An object with compressed pixel data that is written again.

    Parameters
    ----------
    file : DicomFile
        The file; it has been walked to its end without damage.
    picture : Picture
        Its pixel data.
    covered : dict
        What is to be black, as `dcmtools.pixels.rectangles.spans` gives it.
    stack : ExitStack
        What closes the files that are opened here.

    Raises
    ------
    InputError
        The pixel data cannot be decoded.
    """

    def __init__(
        self,
        file: DicomFile,
        picture: Picture,
        covered: dict[int, list[tuple[int, int]]],
        stack: ExitStack,
    ) -> None:
        self._file = file
        self._name = str(file.path)
        self._picture = picture
        self._covered = covered
        self._stack = stack
        self._syntax = file.header.transfer_syntax
        self._encoding = picture.image.pixels.level.encoding
        if self._syntax in ("", *NATIVE.values()) or self._encoding not in NATIVE:
            why = "its pixel data are encapsulated, and no transfer syntax says how"
            raise InputError(self._name, why)
        decoder_of(self._syntax, self._name)

    def write(self, out: BinaryIO) -> tuple[str, str]:
        """Write the file; give the transfer syntax of the result, and what was done, in words."""
        lossy = self._is_lossy()
        said = ", which was lossy" if lossy else ""
        if self._syntax in LOSSLESS:
            try:
                syntax = self._write_compressed(out, lossy=lossy)
            except (NotLosslessError, NoRoomError):
                out.seek(0)
                out.truncate()
            else:
                return syntax, f"compressed anew in {syntax_name(syntax)}{said}"
        colour = self._write_native(out, lossy=lossy)
        changed = f", {colour}" if colour else ""
        note = f"decompressed from {syntax_name(self._syntax)}{said}{changed}"
        return NATIVE[self._encoding], note

    # Compressed again

    def _write_compressed(self, out: BinaryIO, *, lossy: bool) -> str:
        image = self._picture.image
        options = {**image.options}
        if options.get("samples_per_pixel", 1) > 1:
            options["planar_configuration"] = 0  # as encoders want it; it is none of the file
        decoded = self._decoded(replace(image, options=options))
        colours = options["photometric_interpretation"]
        target = LOSSLESS[self._syntax]
        new = transformed(target, "RGB") if colours in ("YBR_ICT", "YBR_RCT") else colours
        compressor = Compressor(target, {**image.options, "photometric_interpretation": new})
        pieces = self._common_pieces(lossy=lossy)
        if target != self._syntax:
            pieces += new_syntax(self._file, target)
        if new != colours:
            place = image.attributes[PHOTOMETRIC_INTERPRETATION]
            pieces.append(replacement(place, self._element(photometric_given(new))))
        writer = FragmentWriter(out, options["number_of_frames"], basic=self._picture.table > 0)
        for tag in (*OFFSET_TABLES, TOTAL_LENGTH):
            element = image.attributes.get(tag)
            if element is not None:
                reserved = self._reserved(element, writer, out)
                pieces.append(replacement(element, b"")._replace(new=reserved))
        start = image.pixels.value_offset
        frames = map(compressor.compress_safely, self._blackened(decoded, options))
        new_pixels = writer.written(frames)
        pieces.append(Piece(start, self._picture.end - start, new_pixels))
        rewrite(self._file, pieces, out)
        writer.fill_tables()
        return target

    def _reserved(self, element: Element, writer: FragmentWriter, out: BinaryIO) -> Iterator[bytes]:
        """Write an element with a value that is not known yet."""
        size = writer.value_size(element.tag)
        whole = self._element(Given(element.tag, element.vr, bytes(size)))
        writer.reserve(element.tag, out.tell() + len(whole) - size)
        yield whole

    # Native

    def _write_native(self, out: BinaryIO, *, lossy: bool) -> str:
        image = self._picture.image
        decoded = self._decoded(image)
        pieces = self._common_pieces(lossy=lossy)
        pieces += new_syntax(self._file, NATIVE[self._encoding])
        at = {element.offset: element for element in image.attributes.values()}
        for offset, given in decoded.elements.items():
            pieces.append(replacement(at[offset], b"".join(map(self._element, given))))
        for tag in (*OFFSET_TABLES, TOTAL_LENGTH):
            if tag in image.attributes:
                pieces.append(removal(image.attributes[tag]))
        start = image.pixels.offset
        new = self._native_pixels(decoded, image)
        pieces.append(Piece(start, self._picture.end - start, new))
        rewrite(self._file, pieces, out)
        return decoded.colour

    def _native_pixels(self, decoded: Decoded, image: Image) -> Iterator[bytes]:
        frames: Frames = decoded.frames
        length = frames.length + frames.length % 2
        header = encode_element(PIXEL_DATA, frames.vr, b"", self._encoding)
        yield header[:-4] + encode_length(length, self._encoding)
        yield from self._blackened(decoded, image.options)
        yield b"\0" * (frames.length % 2)

    # Both

    def _decoded(self, image: Image) -> Decoded:
        content = self._stack.enter_context(self._file.path.open("rb"))
        return decode(image, self._syntax, self._name, content)

    def _blackened(self, decoded: Decoded, options: dict[str, object]) -> Iterator[bytes]:
        """Decode frame by frame and write black over each."""
        now = dict(options)
        for given in (each for pair in decoded.elements.values() for each in pair):
            if given.tag == PHOTOMETRIC_INTERPRETATION:
                now["photometric_interpretation"] = given.value.decode().strip()
        picture = replace(self._picture, image=replace(self._picture.image, options=now))
        layout = replace(layout_of(self._file, picture), frames=1)
        each = runs(layout, self._covered)
        for frame in decoded.frames.frames:
            yield from blackened([frame], layout, each)

    def _common_pieces(self, *, lossy: bool) -> list[Piece]:
        pieces = [removal(element) for element in self._picture.stale]
        place = self._picture.behind
        if lossy and place is not None:  # PS3.3 C.7.6.1.1.5
            new = self._element(Given(LOSSY_IMAGE_COMPRESSION, "CS", b"01"))
            if place.tag == LOSSY_IMAGE_COMPRESSION:
                pieces.append(replacement(place, new))
            else:
                pieces.append(Piece(place.offset, 0, [new]))
        return pieces

    def _element(self, given: Given) -> bytes:
        return encode_element(given.tag, given.vr, given.value, self._encoding)

    def _is_lossy(self) -> bool:
        """Tell whether the pixel data have lost something for certain."""
        first = self._picture.first
        if first is None:
            return False
        count = min(first.length, MAIN_HEADER)
        return has_lost(self._syntax, self._file.header.source.read(first.value_offset, count))

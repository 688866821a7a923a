"""Write black over rectangles of every frame of an object; all other pixels stay what they are.

Native pixel data are not decoded: the bytes of the rectangles are replaced. Compressed ones are
decoded, and compressed again as they were where that is possible without a loss; else they become
native, or JPEG 2000 Lossless if they were JPEG 2000. What was lossy stays known to be.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dcmtools.dataset.elements import PIXEL_DATA, Element
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.pixels.compressed import NATIVE, Compressed
from dcmtools.pixels.decoding import limit_memory
from dcmtools.pixels.picture import Picture, find_picture, layout_of, native_layout
from dcmtools.pixels.rectangles import Layout, Rectangle, blackened, runs, spans, widened
from dcmtools.pixels.rewriting import Piece, chunks, rewrite

_UNCOMPRESSED = ("", *NATIVE.values(), "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
_BYTE, _WORD = 8, 16


class Result(NamedTuple):
    """What became of an object.

    `Blackened` in dcmtools/pixels/blackener.py says what the fields mean.
    """

    transfer_syntax: str
    note: str
    has_copies: bool


def blacken(path: Path, rectangles: Sequence[Rectangle], out: BinaryIO) -> Result:
    """Write a file again with black rectangles.

    Parameters
    ----------
    path : Path
        The file.
    rectangles : sequence of Rectangle
        The rectangles, in every frame.
    out : file
        Where to write; it has to be able to seek.

    Raises
    ------
    InputError
        It cannot be read, is damaged, has no pixel data or such that cannot be decoded; or a
        rectangle is outside of the image.
    OSError
        It cannot be written.
    """
    with ExitStack() as stack:
        stack.callback(limit_memory, None)
        file = stack.enter_context(DicomFile(path))
        picture = find_picture(file)
        if picture.compressed:
            layout = layout_of(file, picture)
            covered = spans(rectangles, layout.rows, layout.columns, str(path))
            syntax, how = Compressed(file, picture, covered, stack).write(out)
            note = f"{_said(rectangles, layout.frames)}, {how}"
        else:
            syntax, note = _write_native(file, picture, rectangles, out)
        if file.damage is not None:  # it may have changed meanwhile
            raise InputError(str(path), f"is damaged: {file.damage}")
    return Result(syntax, note, picture.nested)


def _write_native(
    file: DicomFile, picture: Picture, rectangles: Sequence[Rectangle], out: BinaryIO
) -> tuple[str, str]:
    name, pixels, syntax = str(file.path), picture.image.pixels, file.header.transfer_syntax
    if syntax not in _UNCOMPRESSED and pixels.tag == PIXEL_DATA:
        # Private transfer syntaxes may have native pixel data in an order of their own.
        raise InputError(name, "its pixel data are not encapsulated as they must be")
    layout = native_layout(file, picture)
    covered = spans(rectangles, layout.rows, layout.columns, name)
    note = _said(rectangles, layout.frames)
    if layout.subsampled:
        before, covered = covered, widened(covered)
        if covered != before:
            note += ", widened to whole pairs of columns, which share their colour"
    if _order_is_in_doubt(pixels, layout):
        raise InputError(name, "programs differ about the order of bytes in its pixel data")
    swapped = pixels.level.encoding.big_endian and pixels.vr == "OW" and len(layout.black[0]) == 1
    each = runs(layout, covered)
    old = chunks(file.header.source, name, pixels.value_offset, pixels.length)
    new = _without_rest(blackened(old, layout, each, swapped=swapped), layout.size)
    rewrite(file, [Piece(pixels.value_offset, pixels.length, new)], out)
    return syntax, note


def _order_is_in_doubt(pixels: Element, layout: Layout) -> bool:
    """Tell whether it is not clear where a cell is, or how black is written there.

    Only in big endian, where programs have never agreed about words with bits, about words longer
    than 16 bits, and about words that are said to be bytes.
    """
    if not pixels.level.encoding.big_endian:
        return False
    if layout.bits:
        return pixels.vr != "OB"
    bits = len(layout.black[0]) * _BYTE
    plain = bits == _BYTE or (bits == _WORD and pixels.vr == "OW")
    return not plain and any(len(set(cell)) > 1 for cell in layout.black)


def _without_rest(new: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Clear what follows the last frame; it is no pixel, but may be a part of more of them."""
    at = 0
    for data in new:
        keep = max(size - at, 0)
        at += len(data)
        yield data if at <= size else data[:keep] + bytes(len(data) - keep)


def _said(rectangles: Sequence[Rectangle], frames: int) -> str:
    what = "1 region" if len(rectangles) == 1 else f"{len(rectangles)} regions"
    return f"{what} blackened" + (f" in {frames} frames" if frames > 1 else "")

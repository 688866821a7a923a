"""Write a file again with some of its bytes replaced, in bounded memory; the others stay.

Unlike an edited data set (dcmtools/dataset/splices.py), what is new may be far too long to be held,
and is made while it is written.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from dcmtools.dataset.element_bytes import encode_element
from dcmtools.dataset.elements import Element
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.source import Source
from dcmtools.errors import InputError

CHUNK = 1 << 20
_GROUP_LENGTH = 0x00020000
_TRANSFER_SYNTAX = 0x00020010


class Piece(NamedTuple):
    """Bytes that take the place of others; none of either are an insertion or a removal."""

    offset: int
    length: int
    new: Iterable[bytes]


def chunks(source: Source, name: str, offset: int, length: int) -> Iterator[bytes]:
    """Read a part of a file in pieces of an even size.

    Raises
    ------
    InputError
        The file has become shorter.
    """
    done = 0
    while done < length:
        count = min(CHUNK, length - done)
        data = source.read(offset + done, count)
        if len(data) < count:
            raise InputError(name, "has become shorter")
        yield data
        done += count


def rewrite(file: DicomFile, pieces: Iterable[Piece], out: BinaryIO) -> None:
    """Write a file up to the end of its data set, with what is replaced.

    Parameters
    ----------
    file : DicomFile
        The file; it has been walked to its end without damage.
    pieces : iterable of Piece
        What is replaced, no byte twice. Insertions at one offset come in the order given, before
        what replaces something there.
    out : file
        Where to write.
    """
    header = file.header
    extent = range(header.start if header.deflated else 0, file.end)
    data = _spliced(header.source, str(file.path), extent, pieces)
    if not header.deflated:
        out.writelines(data)
        return
    with file.path.open("rb") as raw:
        out.write(raw.read(header.offset))
    deflating = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    start = out.tell()
    out.writelines(map(deflating.compress, data))
    out.write(deflating.flush())
    out.write(b"\0" * ((out.tell() - start) % 2))  # PS3.5 A.5


def _spliced(source: Source, name: str, extent: range, pieces: Iterable[Piece]) -> Iterator[bytes]:
    at = extent.start
    for piece in sorted(pieces, key=lambda one: (one.offset, one.length > 0)):
        yield from chunks(source, name, at, piece.offset - at)
        yield from piece.new
        at = piece.offset + piece.length
    yield from chunks(source, name, at, extent.stop - at)


def removal(element: Element) -> Piece:
    """Leave out an element that holds no others."""
    return replacement(element, b"")


def replacement(element: Element, new: bytes) -> Piece:
    """Write bytes in place of an element that holds no others."""
    return Piece(element.offset, element.value_offset + element.length - element.offset, [new])


def new_syntax(file: DicomFile, uid: str) -> list[Piece]:
    """Name another transfer syntax in the file meta group, which has to name one.

    Parameters
    ----------
    file : DicomFile
        The file.
    uid : str
        The UID of the transfer syntax.
    """
    value = uid.encode() + b"\0" * (len(uid) % 2)
    meta = {element.tag: element for element in file.meta}
    old = meta[_TRANSFER_SYNTAX]
    pieces = [replacement(old, encode_element(old.tag, "UI", value, old.level.encoding))]
    length = meta.get(_GROUP_LENGTH)
    if length is not None and length.value is not None:
        total = int.from_bytes(length.value, "little") + len(value) - old.length
        pieces.append(Piece(length.value_offset, 4, [total.to_bytes(4, "little")]))
    return pieces

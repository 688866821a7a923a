"""Read files for comparison: every element, its VR and its bytes, in the order of the file."""

from pathlib import Path

from dcmtools.dataset.read import DicomFile

Line = tuple[int, int, str, bytes]
"""Depth, tag, VR and value without padding of an element."""

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG = "1.2.840.10008.1.2.2"
PIXEL_DATA = 0x7FE00010
LENGTH_TO_END = 0x00080001
TRAILING_PADDING = 0xFFFCFFFC


def lines(path: Path) -> list[Line]:
    """List the elements of an undamaged file but group lengths, which change with the encoding."""
    with DicomFile(path) as file:
        listed = [
            (
                element.level.depth,
                element.tag,
                element.vr,
                b"" if element.is_container else file.value(element).rstrip(b" \0"),
            )
            for element in file.elements()
            if element.vr and element.tag & 0xFFFF and not element.is_fragment
        ]
        assert file.damage is None
        return listed


def syntax_of(path: Path) -> str:
    """Give the transfer syntax that the file names."""
    with DicomFile(path) as file:
        assert not file.problems
        return file.header.transfer_syntax

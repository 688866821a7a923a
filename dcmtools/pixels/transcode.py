"""Decide what becomes of one object that is encoded anew for a peer, in a process of its own.

The result is in an uncompressed transfer syntax and holds the same data: pixels are decompressed,
never compressed, and all other values are copied. What cannot be read to its end is refused, and
so is what would have to be guessed.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from dcmtools.dataset.elements import (
    ENCODING_NAMES,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
)
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.pixels.decoding import Image, limit_memory, syntax_name
from dcmtools.pixels.derivation import Derivation
from dcmtools.pixels.encoding import Changes, write
from dcmtools.pixels.fragments import OFFSET_TABLES, TOTAL_LENGTH
from dcmtools.pixels.frames import Decoded, decode
from dcmtools.pixels.survey import Survey

TARGETS = {
    "1.2.840.10008.1.2.1": EXPLICIT_LITTLE,
    "1.2.840.10008.1.2": IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
}
"""The transfer syntaxes in which objects can be encoded."""


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
        survey = Survey(file)
        survey.check_pixels()
        syntax = _choice(survey, syntaxes)
        changes = Changes({}, {}, {}, {})
        note = decompress(survey, changes, stack)
        out.write(survey.kept_start(syntax))
        write(file, TARGETS[syntax], changes, out)
        survey.refuse_damage()  # the file may have changed meanwhile
        return syntax, note


def _choice(survey: Survey, syntaxes: Sequence[str]) -> str:
    """Choose the first transfer syntax that can be reached."""
    possible = [each for each in syntaxes if each in TARGETS]
    if not possible:
        raise InputError(survey.path, "is wanted in no transfer syntax that can be written")
    whys = [survey.obstacle(TARGETS[each]) for each in possible]
    if all(whys):
        raise InputError(survey.path, whys[0])
    return possible[whys.index("")]


def decompress(survey: Survey, changes: Changes, stack: ExitStack) -> str:
    """Decide what is written in place of encapsulated pixel data, and say it in words.

    Parameters
    ----------
    survey : Survey
        The object.
    changes : Changes
        What is written in place of what; it is added to.
    stack : ExitStack
        What closes the files that are opened here.

    Raises
    ------
    InputError
        The pixel data cannot be decoded.
    """
    header = survey.file.header
    if not survey.compressed:
        deflated = "deflated " if header.deflated else ""
        return f"encoded anew from {deflated}{ENCODING_NAMES[header.encoding]}"
    done = "decompressed" if survey.encapsulated else "encoded anew"
    note = f"{done} from {syntax_name(header.transfer_syntax)}"
    for image in survey.encapsulated:
        decoded = make_native(survey, image, changes, stack)
        if decoded.colour and not image.pixels.level.depth:
            note += f", {decoded.colour}"
    Derivation(survey, changes).keep_loss()
    return note


def make_native(survey: Survey, image: Image, changes: Changes, stack: ExitStack) -> Decoded:
    """Decide what is written in place of one encapsulated pixel data.

    Parameters
    ----------
    survey : Survey
        The object.
    image : Image
        The pixel data.
    changes, stack : Changes and ExitStack
        As in `decompress`.

    Raises
    ------
    InputError
        They cannot be decoded.
    """
    content = stack.enter_context(survey.file.path.open("rb"))
    decoded = decode(image, survey.syntax, survey.path, content)
    changes.pixels[image.pixels.offset] = decoded.frames
    changes.elements.update(decoded.elements)
    drop_tables(image, changes)
    return decoded


def drop_tables(image: Image, changes: Changes) -> None:
    """Leave out what says where fragments are that will be there no more."""
    for tag in (*OFFSET_TABLES, TOTAL_LENGTH):
        if tag in image.attributes:
            changes.elements[image.attributes[tag].offset] = ()

"""Convert an object to another transfer syntax, in a process of its own: nothing else changes.

Values are copied byte by byte; what describes pixel data follows them. Pixel data that are in the
transfer syntax already are copied too, so that no loss is ever made twice.
"""

import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NotRequired, TypedDict

from dcmtools.dataset.elements import (
    EXPLICIT_LITTLE,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    Encoding,
)
from dcmtools.dataset.header import Header
from dcmtools.dataset.part10 import file_start
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.syntaxes import inflated_syntax
from dcmtools.errors import InputError
from dcmtools.pixels.compressing import LOSSLESS
from dcmtools.pixels.compression import Compression
from dcmtools.pixels.decoding import limit_memory, syntax_name
from dcmtools.pixels.encoding import Changes, Frames, write
from dcmtools.pixels.fragments import NoRoomError
from dcmtools.pixels.frame_crew import crew_size, shared_work
from dcmtools.pixels.frame_work import Difference, Recipe
from dcmtools.pixels.survey import Survey, is_compressed
from dcmtools.pixels.transcode import TARGETS, decompress
from dcmtools.pixels.verifying import peak_ratio, verified

EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
ENCODINGS = {**TARGETS, DEFLATED: EXPLICIT_LITTLE, **dict.fromkeys(LOSSLESS, EXPLICIT_LITTLE)}
"""The transfer syntaxes that can be written, and how data sets are encoded in them."""


class Conversion(TypedDict):
    """What is wanted, in words that can be passed on to another process."""

    syntax: str
    """The UID of a transfer syntax; "" to decompress what is compressed, and no more."""
    ratio: float
    quality: float
    """How much may be lost; nothing where both are 0."""
    verify: bool
    jobs: int
    """How many processes may work on the frames of the object."""
    max_inflated: int


class Converted(TypedDict):
    """What became of an object."""

    transfer_syntax: str
    sop_instance_uid: str
    note: str
    warnings: list[str]
    frames: NotRequired[int]
    """How many were compared, where that was wanted and there are any."""
    largest: NotRequired[int]
    psnr: NotRequired[float]
    """How much they differ, where they do: the largest difference of two samples, and the peak
    signal-to-noise ratio in decibel."""


def convert(path: Path, wanted: Conversion, result: Path, out: BinaryIO) -> Converted:
    """Write an object in another transfer syntax, as a whole file.

    Parameters
    ----------
    path : Path
        The file.
    wanted : Conversion
        What is wanted.
    result : Path
        The name of the file that is written, by which it can be read again.
    out : file
        The same file; it has to be able to seek.

    Raises
    ------
    InputError
        It cannot be read, is damaged, cannot be encoded so, or is not the same afterwards.
    OSError
        It cannot be written.
    """
    limit_memory(None)
    with DicomFile(path, max_inflated=wanted["max_inflated"]) as file, ExitStack() as stack:
        survey = Survey(file)
        conversion = _Converting(survey, wanted, out, stack)
        conversion.write()
        out.flush()
        survey.refuse_damage()  # the file may have changed meanwhile
        converted = Converted(
            transfer_syntax=conversion.target,
            sop_instance_uid=conversion.sop_instance_uid,
            note=conversion.note,
            warnings=[str(problem) for problem in file.problems],
        )
        if wanted["verify"]:
            recipe = conversion.recipe
            found = verified(survey, result, recipe, wanted["jobs"], stack)
            converted["frames"] = found.frames
            if found.difference.largest:
                _tell_difference(survey, found.difference, recipe, converted)
        return converted


def _tell_difference(
    survey: Survey, difference: Difference, recipe: Recipe, converted: Converted
) -> None:
    """Say how much is lost, where that is what was wanted."""
    if not (recipe["ratio"] or recipe["quality"]) or not recipe["syntax"]:
        why = f"is not the same afterwards: samples differ by up to {difference.largest}"
        raise InputError(survey.path, why, "This is a bug in dcmtools, or in a codec; report it.")
    image = survey.image
    converted["largest"] = difference.largest
    converted["psnr"] = peak_ratio(difference, image.options["bits_stored"] if image else 0)


def target_of(header: Header, syntax: str, *, has_pixels: bool) -> str:
    """Decide in which transfer syntax an object is written.

    Parameters
    ----------
    header : Header
        What stands before its data set.
    syntax : str
        The UID of the transfer syntax that is wanted; "" to decompress what is compressed.
    has_pixels : bool
        Whether there is something that can be compressed.
    """
    if not syntax:
        own = DEFLATED if header.deflated else inflated_syntax(header)
        return EXPLICIT if is_compressed(header.transfer_syntax) else own or EXPLICIT
    return syntax if syntax not in LOSSLESS or has_pixels else EXPLICIT


class _Converting:
    """The conversion of one object.

    Attributes
    ----------
    target : str
        The UID of the transfer syntax of the result.
    sop_instance_uid : str
        The SOP Instance UID of the result.
    note : str
        What is done, in words.
    recipe : Recipe
        What is done to the frames.
    """

    def __init__(self, survey: Survey, wanted: Conversion, out: BinaryIO, stack: ExitStack) -> None:
        self._survey, self._out = survey, out
        self._changes = Changes({}, {}, {}, {})
        self.sop_instance_uid = survey.uid(SOP_INSTANCE_UID)
        has_pixels = survey.image is not None
        self.target = target_of(survey.file.header, wanted["syntax"], has_pixels=has_pixels)
        obstacle = survey.obstacle(self._encoding)
        if obstacle:
            raise InputError(survey.path, obstacle)
        self._compression: Compression | None = None
        compresses = self.target in LOSSLESS and self.target != survey.syntax
        self.recipe = Recipe(
            path=survey.path,
            max_inflated=wanted["max_inflated"],
            syntax=self.target if compresses else "",
            ratio=wanted["ratio"] if compresses else 0.0,
            quality=wanted["quality"] if compresses else 0.0,
            compared="",
        )
        if self.target == survey.syntax and survey.compressed:
            survey.check_kinds()
            self.note = f"copied, as it is in {syntax_name(self.target)} already"
            return
        survey.check_pixels()
        jobs = 1 if survey.file.header.deflated else wanted["jobs"]  # each would inflate it
        if compresses:
            compression = Compression(survey, self.recipe, self._changes, out, jobs, stack)
            self._compression, self.note = compression, compression.note
            self.sop_instance_uid = compression.sop_instance_uid
            return
        self.note = decompress(survey, self._changes, stack)
        self._share_frames(jobs, stack)
        if self.target != wanted["syntax"] and wanted["syntax"]:
            self.note += f", as it has no pixel data for {syntax_name(wanted['syntax'])}"

    def _share_frames(self, jobs: int, stack: ExitStack) -> None:
        """Have several processes decompress an image that has much to be decompressed."""
        image = self._survey.image
        if image is None or image.pixels.offset not in self._changes.pixels:
            return
        pixels, count = self._changes.pixels[image.pixels.offset], image.options["number_of_frames"]
        crew = crew_size(jobs, count, image.native_size)
        if crew > 1 and isinstance(pixels, Frames):
            shared = shared_work(self.recipe, count, crew, stack)
            self._changes.pixels[image.pixels.offset] = pixels._replace(frames=shared)

    @property
    def _encoding(self) -> Encoding:
        return ENCODINGS.get(self.target, EXPLICIT_LITTLE)

    def write(self) -> None:
        """Write the result."""
        out = self._out
        out.write(file_start(self._survey.uid(SOP_CLASS_UID), self.sop_instance_uid, self.target))
        file = self._survey.file
        if self.target == DEFLATED:
            deflating = _Deflating(out)
            write(file, self._encoding, self._changes, deflating)  # type: ignore[arg-type] # as much of one as is needed
            deflating.finish()
            return
        try:
            write(file, self._encoding, self._changes, out)
            if self._compression is not None:
                self._compression.finish()
        except NoRoomError as error:
            why = "a compressed frame is longer than a fragment can be"
            raise InputError(self._survey.path, why) from error


class _Deflating:
    """Writes a raw deflated stream (PS3.5 A.5)."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._size = 0
        self._stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)

    def write(self, data: bytes) -> None:
        """Deflate what comes next."""
        self._put(self._stream.compress(data))

    def finish(self) -> None:
        """Write the rest, and a byte behind it where the length is odd."""
        self._put(self._stream.flush())
        self._out.write(bytes(self._size % 2))

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._size += len(data)

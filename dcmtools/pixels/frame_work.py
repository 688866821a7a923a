"""Decide what is done to each frame of an image, whichever process does it: compress or compare.

Frames are worked on apart from each other, so that many processes can share those of one image.
"""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from dcmtools.dataset.elements import UNDEFINED
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.escape import escape
from dcmtools.pixels.compressing import Compressor, Loss, NotLosslessError, transformed
from dcmtools.pixels.decoding import Image, syntax_name
from dcmtools.pixels.frames import FrameDecoder, native
from dcmtools.pixels.native_frames import NativeFrames
from dcmtools.pixels.survey import Survey

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]

_BYTE = 8


class Recipe(TypedDict):
    """What is done to the frames of a file, in words that can be passed on to another process."""

    path: str
    max_inflated: int
    """The most bytes that a deflated data set may inflate to."""
    syntax: str
    """The transfer syntax to compress in; "" to leave frames native."""
    ratio: float
    quality: float
    """How much may be lost, as in `dcmtools.pixels.compressing.Loss`; nothing where both are 0."""
    compared: str
    """The file whose frames are compared with these; "" to compare nothing."""


def image_of(survey: Survey) -> Image:
    """Give the image of an object that has to have one.

    Raises
    ------
    InputError
        It has none, or two.
    """
    image = survey.image
    if image is None:
        raise InputError(survey.path, "has no pixel data")
    return image


def source_of(survey: Survey, stack: ExitStack) -> FrameDecoder | NativeFrames:
    """Give what reads the frames of an object, whatever they are in.

    Parameters
    ----------
    survey : Survey
        The object.
    stack : ExitStack
        What closes the files that are opened here.

    Raises
    ------
    InputError
        They cannot be read.
    """
    image = image_of(survey)
    if image.pixels.length != UNDEFINED:
        return NativeFrames(survey.file, image)
    content = stack.enter_context(survey.file.path.open("rb"))
    return FrameDecoder(image, survey.syntax, survey.path, content)


class FrameWork:
    """Encodes frames of an image anew.

    Parameters
    ----------
    survey : Survey
        The object.
    recipe : Recipe
        What is done.
    stack : ExitStack
        What closes the files that are opened here.

    Raises
    ------
    InputError
        The frames cannot be read, or the transfer syntax cannot hold such an image.

    Attributes
    ----------
    before, photometric : str
        The Photometric Interpretation of the frames as they are read, and of the result.
    """

    def __init__(self, survey: Survey, recipe: Recipe, stack: ExitStack) -> None:
        self._path, self._syntax = survey.path, recipe["syntax"]
        self._options = image_of(survey).options
        self._source = source_of(survey, stack)
        self.before = self.photometric = self._source.photometric
        self._compressor: Compressor | None = None
        if self._syntax:
            self.photometric = transformed(self._syntax, self.before)
            options = {**self._options, "photometric_interpretation": self.photometric}
            loss = Loss(recipe["ratio"], recipe["quality"])
            lossless = not (loss.ratio or loss.quality)
            if not lossless and self.before == "PALETTE COLOR":
                raise self._refusal("entries of a palette are not like others that are near them")
            try:
                self._compressor = Compressor(self._syntax, options, None if lossless else loss)
            except NotLosslessError as error:
                raise self._refusal(error.why, error.hint) from error

    def __call__(self, number: int) -> bytes:
        """Give a frame as it is written.

        Raises
        ------
        InputError
            It cannot be decoded, or the transfer syntax cannot hold it.
        """
        frame = self._source.frame(number)
        if self._compressor is None:
            return native(frame, self._options)
        try:
            return self._compressor.compress(frame)
        except NotLosslessError as error:
            raise self._refusal(error.why, "RLE Lossless takes more kinds of images.") from error

    def _refusal(self, why: str, hint: str = "") -> InputError:
        what = f"cannot be compressed in {syntax_name(self._syntax)}"
        return InputError(self._path, f"{what}: {escape(why)}", hint)


@dataclass(slots=True)
class Difference:
    """How much frames differ from others.

    Parameters
    ----------
    largest : int
        The largest difference of two samples.
    squares : float
        The sum of the squares of all differences.
    samples : int
        How many samples there are.
    """

    largest: int = 0
    squares: float = 0.0
    samples: int = 0

    def add(self, other: bytes) -> None:
        """Take the difference of more frames into account, as `FrameComparison` gives it."""
        largest, squares, samples = json.loads(other)
        self.largest = max(self.largest, largest)
        self.squares += squares
        self.samples += samples


class FrameComparison:
    """Compares frames of an image with those of another one.

    Parameters
    ----------
    survey, other : Survey
        The objects.
    stack : ExitStack
        What closes the files that are opened here.

    Raises
    ------
    InputError
        They cannot be decoded, or are not of the same kind.
    """

    def __init__(self, survey: Survey, other: Survey, stack: ExitStack) -> None:
        self._source, self._result = source_of(survey, stack), source_of(other, stack)
        one, two = self._source.photometric, self._result.photometric
        if one != two:
            why = f"has {escape(two)} where {escape(one)} is to be"
            raise InputError(survey.path, f"its result {why}")
        self._options = image_of(survey).options

    def __call__(self, number: int) -> bytes:
        """Compare a frame; give a text for `Difference`."""
        one, two = self._source.frame(number), self._result.frame(number)
        found = self._difference(one, two)
        unused = self._options["bits_allocated"] - self._options["bits_stored"]
        if found[0] and self._options["pixel_representation"] and unused > 0:
            # The sign may reach the bits that hold no value, or not.
            found = self._difference((one << unused) >> unused, (two << unused) >> unused)
        return json.dumps([*found, one.size]).encode()

    @staticmethod
    def _difference(one: "Numbers", two: "Numbers") -> tuple[int, float]:
        import numpy as np  # noqa: PLC0415 - slow, and not always needed

        if np.array_equal(one, two):
            return 0, 0.0
        apart = np.abs(one.astype(np.float64) - two.astype(np.float64))
        return max(int(apart.max()), 1), float(np.square(apart).sum())


def work_of(recipe: Recipe, stack: ExitStack) -> FrameWork | FrameComparison:
    """Make what a recipe says, in a process that knows nothing else.

    Parameters
    ----------
    recipe : Recipe
        What is done.
    stack : ExitStack
        What closes the files that are opened here.

    Raises
    ------
    InputError
        A file cannot be read.
    """
    survey = _surveyed(recipe["path"], recipe, stack)
    if recipe["compared"]:
        return FrameComparison(survey, _surveyed(recipe["compared"], recipe, stack), stack)
    return FrameWork(survey, recipe, stack)


def _surveyed(path: str, recipe: Recipe, stack: ExitStack) -> Survey:
    file = DicomFile(Path(path), max_inflated=recipe["max_inflated"])
    return Survey(stack.enter_context(file))

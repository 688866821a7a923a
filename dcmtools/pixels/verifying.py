"""Decode what was written and what it was made of, and compare every frame of the two."""

import math
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from dcmtools.dataset.elements import UNDEFINED, Element
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.pixels.encoding import WIDTHS, byteswapped
from dcmtools.pixels.frame_crew import crew_size, worked
from dcmtools.pixels.frame_work import Difference, FrameComparison, Recipe
from dcmtools.pixels.rewriting import chunks
from dcmtools.pixels.survey import Survey


@dataclass(slots=True)
class Verified:
    """What a comparison has shown.

    Parameters
    ----------
    frames : int
        How many frames were compared; 0 where there are no pixel data.
    difference : Difference
        How much they differ.
    """

    frames: int = 0
    difference: Difference = field(default_factory=Difference)


def verified(survey: Survey, result: Path, recipe: Recipe, jobs: int, stack: ExitStack) -> Verified:
    """Compare the frames of an object with those of what was made of it.

    Parameters
    ----------
    survey : Survey
        The object.
    result : Path
        The file that was made of it.
    recipe : Recipe
        What was done to its frames.
    jobs : int
        How many processes may work on frames.
    stack : ExitStack
        What closes the files that are opened here.

    Raises
    ------
    InputError
        The result cannot be read or decoded, or is of another kind.
    """
    image = survey.image
    if image is None:
        return Verified()
    file = DicomFile(result, max_inflated=recipe["max_inflated"])
    other = Survey(stack.enter_context(file))
    made = other.image
    frames: int = image.options["number_of_frames"]
    if made is None:
        raise InputError(survey.path, "its result has no pixel data")
    both_native = UNDEFINED not in (image.pixels.length, made.pixels.length)
    if both_native:
        if not _is_same(survey, image.pixels, other, made.pixels):
            raise InputError(survey.path, "its pixel data are not the same afterwards")
        return Verified(frames)
    comparison = FrameComparison(survey, other, stack)
    asked: Recipe = {**recipe, "compared": str(result)}
    crew = crew_size(jobs, frames, image.native_size)
    found = Verified(frames)
    for difference in worked(comparison, asked, frames, crew, stack):
        found.difference.add(difference)
    return found


def _is_same(survey: Survey, one: Element, other: Survey, two: Element) -> bool:
    """Tell whether native pixel data are the same but for the order of bytes in words."""
    if one.length + one.length % 2 != two.length:
        return False
    big, other_big = (each.level.encoding.big_endian and each.vr != "UN" for each in (one, two))
    width = WIDTHS.get(two.vr if one.vr == "??" else one.vr, 1) if big != other_big else 1
    before = chunks(survey.file.header.source, survey.path, one.value_offset, one.length)
    after = chunks(other.file.header.source, other.path, two.value_offset, one.length)
    return all(byteswapped(each, width) == more for each, more in zip(before, after, strict=True))


def peak_ratio(difference: Difference, bits: int) -> float:
    """Give the peak signal-to-noise ratio of samples of so many bits, in decibel."""
    mean = difference.squares / max(difference.samples, 1)
    return 10 * math.log10(((1 << bits) - 1) ** 2 / mean) if mean else math.inf

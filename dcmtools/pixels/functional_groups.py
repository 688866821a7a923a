"""Find what holds for one frame: of the frame itself, shared by all, or of the data set.

An Enhanced multi-frame image says in functional groups what other images say in their data set
(PS3.3 C.7.6.16).
"""

from dcmtools.pixels.image_attributes import (
    IMAGER_PIXEL_SPACING,
    NOMINAL_PIXEL_SPACING,
    PER_FRAME_GROUPS_SEQUENCE,
    PIXEL_MEASURES_SEQUENCE,
    SHARED_GROUPS_SEQUENCE,
    Attributes,
)

_PIXEL_SPACING, _PIXEL_ASPECT_RATIO = 0x00280030, 0x00280034
_MOST_OBLONG = 20  # times as long as wide: what is more is no pixel, but a mistake


def describing(image: Attributes, frame: int, macro: int) -> Attributes:
    """Give what describes a frame in one respect.

    Parameters
    ----------
    image : Attributes
        The data set of the image.
    frame : int
        The number of the frame, from 0.
    macro : int
        The tag of the sequence that a functional group has for it, such as Frame VOI LUT
        Sequence (0028,9132).

    Returns
    -------
    dcmtools.pixels.image_attributes.Attributes
        The item of that sequence for the frame, else the one for all frames, else the data set.
    """
    frames = image.sequences.get(PER_FRAME_GROUPS_SEQUENCE, [])
    groups = frames[frame] if frame < len(frames) else None
    for group in (groups, image.first(SHARED_GROUPS_SEQUENCE)):
        found = group and group.first(macro)
        if found:
            return found
    return image


def spacing(image: Attributes, frame: int) -> tuple[float, float] | None:
    """Give the distances between the pixels of a frame.

    Parameters
    ----------
    image : Attributes
        The data set of the image.
    frame : int
        The number of the frame, from 0.

    Returns
    -------
    tuple of float and float, or None
        Between rows and between columns, in mm (PS3.3 10.7.1.3), None where that is not told.
    """
    measures = describing(image, frame, PIXEL_MEASURES_SEQUENCE)
    for where, tag in (
        (measures, _PIXEL_SPACING),
        (image, _PIXEL_SPACING),
        (image, IMAGER_PIXEL_SPACING),
        (image, NOMINAL_PIXEL_SPACING),
    ):
        given = where.numbers(tag)
        if len(given) > 1 and min(given[:2]) > 0:
            return given[0], given[1]
    return None


def aspect_ratio(image: Attributes, frame: int) -> float:
    """Give the height of a pixel divided by its width.

    Pixel Aspect Ratio (0028,0034) is asked first: it is there only where pixels are not square
    (PS3.3 C.7.6.3.1.7). What cannot be a pixel is taken for a square one.
    """
    given = image.numbers(_PIXEL_ASPECT_RATIO)
    vertical, horizontal = given if len(given) == 2 else (0, 0)  # noqa: PLR2004 - two sides
    if min(vertical, horizontal) <= 0:
        vertical, horizontal = spacing(image, frame) or (1, 1)
    ratio = vertical / horizontal
    return ratio if 1 / _MOST_OBLONG <= ratio <= _MOST_OBLONG else 1.0

"""Read what parts of pictures the user wants to be black, and decide which of them an object gets.

The parts are given by the user alone: ``--region 0,0,640,40@Modality=US``. What an object says of
its own picture, as in Sequence of Ultrasound Regions (0018,6011), is not looked at.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcmtools.dataset.conditions import Condition
from dcmtools.errors import UsageError

if TYPE_CHECKING:
    from dcmtools.pixels.rectangles import Rectangle

_REGION = re.compile(r"(\d{1,5}),(\d{1,5}),(\d{1,5}|\*),(\d{1,5}|\*)", re.ASCII)
_GRAMMAR = (
    "Write X,Y,WIDTH,HEIGHT in pixels from the top left, which is 0,0, with * for a width or "
    "height to the edge; then, if only some objects are meant, @CONDITION: 0,0,*,40@Modality=US."
)
_TO_THE_EDGE = "*"


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture that is to be black; make it by `parse`.

    Parameters
    ----------
    x, y : int
        Its left column and its top row in pixels, counted from 0 at the top left.
    width, height : int or None
        Its size in pixels; None: to the edge.
    conditions : tuple of Condition
        What an object must meet for the region to be meant, all of them.
    """

    x: int
    y: int
    width: int | None
    height: int | None
    conditions: tuple[Condition, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Read a region.

        Parameters
        ----------
        text : str
            ``X,Y,WIDTH,HEIGHT``, followed by any number of ``@CONDITION``.

        Raises
        ------
        UsageError
            It is none, or it is empty, or a condition is none.
        """
        place, *conditions = text.split("@")
        match = _REGION.fullmatch(place.strip())
        if match is None:
            raise UsageError(text or "empty region", "is not a region", _GRAMMAR)
        width, height = (None if size == _TO_THE_EDGE else int(size) for size in match.groups()[2:])
        if 0 in (width, height):
            raise UsageError(text, "is a region without a pixel", _GRAMMAR)
        parsed = tuple(Condition.parse(each) for each in conditions)
        return cls(int(match[1]), int(match[2]), width, height, parsed)

    def __str__(self) -> str:
        """Print the region; parsing the result gives the region again."""
        sizes = (_TO_THE_EDGE if size is None else size for size in (self.width, self.height))
        place = ",".join(map(str, (self.x, self.y, *sizes)))
        return "@".join([place, *map(str, self.conditions)])

    @property
    def rectangle(self) -> "Rectangle":
        """The region as `dcmtools.pixels.blackener.Blackener` wants it."""
        return self.x, self.y, self.width, self.height


def decide(
    regions: Iterable[Region], meets: Callable[[Sequence[Condition]], bool]
) -> tuple["Rectangle", ...]:
    """Decide what is to be black in an object.

    Parameters
    ----------
    regions : iterable of Region
        What the user wants.
    meets : callable
        Tells whether the object meets all of some conditions, as it does where there are none.

    Returns
    -------
    tuple of Rectangle
        Column, row, width and height; () where nothing is. Overlaps are no matter.
    """
    wanted = [each.rectangle for each in regions if meets(each.conditions)]
    return tuple(dict.fromkeys(wanted))

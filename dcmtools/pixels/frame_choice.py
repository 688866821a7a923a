"""Choose frames of an image by their numbers: ``3``, ``1-10``, ``1,5,9``, ``all``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from dcmtools.errors import InputError, UsageError

Thing = TypeVar("Thing")

_RANGE = re.compile(r"(\d{1,9})(-(\d{1,9})?)?")


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """Which frames are wanted.

    Parameters
    ----------
    ranges : tuple of tuple of int and int
        The first and the last, counted from 1; 0 for the last that there is.
    """

    ranges: tuple[tuple[int, int], ...] = ((1, 0),)

    @property
    def is_one(self) -> bool:
        """Tell whether there can be only one."""
        return len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1]

    def of(self, count: int, name: str) -> list[int]:
        """List the frames of an image.

        Parameters
        ----------
        count : int
            How many it has.
        name : str
            What to call the file in errors.

        Returns
        -------
        list of int
            Their numbers from 1, in the order in which they are wanted.

        Raises
        ------
        InputError
            One is not there.
        """
        chosen: list[int] = []
        for first, last in self.ranges:
            if max(first, last) > count:
                has = "1 frame" if count == 1 else f"{count} frames"
                raise InputError(name, f"has {has}, and frame {max(first, last)} is wanted")
            chosen += range(first, (last or count) + 1)
        return list(dict.fromkeys(chosen))


def spread(given: Sequence[Thing], most: int) -> list[Thing]:
    """Take as many of a sequence as wanted, at even distances, the first one always."""
    if not most or len(given) <= most:
        return list(given)
    return [given[number * len(given) // most] for number in range(most)]


ALL = FrameChoice()
FIRST = FrameChoice(((1, 1),))


def parse_frames(text: str) -> FrameChoice:
    """Read a choice of frames.

    Parameters
    ----------
    text : str
        Numbers from 1 and ranges, with commas between them; a range without an end reaches to the
        last frame. Or ``all``.

    Raises
    ------
    UsageError
        It is none.
    """
    if text.strip().lower() == "all":
        return ALL
    ranges = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first = int(match[1]) if match else 0
        last = int(match[3] or 0) if match and match[2] else first
        if not first or (match and match[3] and last < first):
            hint = "Frames count from 1: 3, 1-10, 5-, 1,5,9 or all."
            raise UsageError("--frame", f"'{part.strip()}' is no frame and no range", hint)
        ranges.append((first, last))
    return FrameChoice(tuple(ranges))

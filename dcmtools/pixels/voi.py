"""Decide what of the values of an image is shown, from black to white (PS3.3 C.11.2).

A window is a centre and a width and one of three functions; a VOI LUT is a table; and where the
image has neither, the values that are there decide.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dcmtools.pixels.image_attributes import Attributes

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]

LINEAR, LINEAR_EXACT, SIGMOID = "LINEAR", "LINEAR_EXACT", "SIGMOID"
_FUNCTIONS = (LINEAR, LINEAR_EXACT, SIGMOID)
_WINDOW_CENTER, _WINDOW_WIDTH, _FUNCTION = 0x00281050, 0x00281051, 0x00281056
_NARROWEST = 1e-30
_STEEPEST = 700.0  # the exponent above which a float has no room


@dataclass(frozen=True, slots=True)
class Window:
    """A window: what is shown as black, as white, and how it goes between them.

    Parameters
    ----------
    center, width : float
        In the units of the values, as they are after the modality LUT.
    function : str
        LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1.2 and C.11.2.1.3).
    origin : str
        Where it is from, in a word for the user: ``file``, ``given`` or ``auto``.
    """

    center: float
    width: float
    function: str = LINEAR
    origin: str = "given"

    @property
    def is_valid(self) -> bool:
        """Tell whether the width is one that the function can have."""
        return self.width >= 1 if self.function == LINEAR else self.width > 0

    def shown(self, values: Floats) -> Floats:
        """Give for values how bright they are, from 0.0 to 1.0."""
        if self.function == SIGMOID:
            exponent = np.clip(-4 * (values - self.center) / self.width, -_STEEPEST, _STEEPEST)
            return np.asarray(1 / (1 + np.exp(exponent)))
        if self.function == LINEAR_EXACT:
            return np.asarray(np.clip((values - self.center) / self.width + 0.5, 0.0, 1.0))
        center, width = self.center - 0.5, self.width - 1
        if not width:
            return (values > center).astype(np.float64)
        return np.asarray(np.clip((values - center) / width + 0.5, 0.0, 1.0))

    def __str__(self) -> str:
        """Print centre and width as they are typed: ``40,400``; and a function that is a curve."""
        function = f" {self.function}" if self.function == SIGMOID else ""
        return f"{self.center:.10g},{self.width:.10g}{function}"


def window_of(described: Attributes) -> Window | None:
    """Read the first window of a data set or a functional group; None where there is none."""
    center, width = described.number(_WINDOW_CENTER), described.number(_WINDOW_WIDTH)
    if center is None or width is None:
        return None
    window = Window(center, width, function_of(described), "file")
    return window if window.is_valid else None


def function_of(described: Attributes) -> str:
    """Read the VOI LUT Function of a data set or a functional group, LINEAR where it names none."""
    function = described.text(_FUNCTION).upper()
    return function if function in _FUNCTIONS else LINEAR


def automatic(lowest: float, highest: float, *, whole: bool) -> Window:
    """Make a window from the least to the greatest value.

    Parameters
    ----------
    lowest, highest : float
        The values.
    whole : bool
        Whether values are whole numbers.
    """
    if whole:
        return Window((lowest + highest + 1) / 2, highest - lowest + 1, LINEAR, "auto")
    width = max(highest - lowest, _NARROWEST)
    return Window((lowest + highest) / 2, width, LINEAR_EXACT, "auto")

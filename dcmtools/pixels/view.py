"""Say how an image is to be shown, in terms that a child process can be told."""

import math
import re
from dataclasses import dataclass
from typing import Any

from dcmtools.errors import UsageError

AUTO, FILE = "auto", "file"
DEFAULT_MAX_FRAME_BYTES = 1 << 29
"""The bytes that a frame may take unless the user says otherwise."""

_BOX = re.compile(r"(\d{1,5})(?:[xX](\d{1,5}))?")
_LONGEST = 1 << 14  # pixels


@dataclass(frozen=True, slots=True)
class View:
    """How an image is to be shown.

    Parameters
    ----------
    window : tuple of float and float, or str
        Centre and width of a window, to which the VOI LUT Function of the file is applied; ``auto``
        for one of the values that are there, ``file`` for that of the file, "" for that of the file
        where it has one.
    deep : bool
        Whether grey has 16 bits.
    overlays : bool
        Whether overlays are drawn.
    box : tuple of int and int, or None
        Width and height in pixels that a picture is made to fit in; None for the pixels that
        there are.
    max_frame_bytes : int
        The most bytes that a frame may take.
    """

    window: tuple[float, float] | str = ""
    deep: bool = False
    overlays: bool = False
    box: tuple[int, int] | None = None
    max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES


def read_window(text: str | None) -> tuple[float, float] | str:
    """Read what ``--window`` says.

    Returns
    -------
    tuple of float and float, or str
        Centre and width, or ``auto``, ``file``, "".

    Raises
    ------
    UsageError
        It is none of them.
    """
    if text is None:
        return ""
    if text.lower() in (AUTO, FILE):
        return text.lower()
    parts = text.split(",")
    try:
        center, width = map(float, parts)
    except ValueError:
        center = width = math.nan
    if not (math.isfinite(center) and math.isfinite(width) and width >= 1):
        why = f"'{text}' is no window"
        raise UsageError("--window", why, "Give auto, file, or centre and width: 40,400.")
    return center, width


def read_box(text: str | None) -> tuple[int, int] | None:
    """Read what ``--size`` says: ``WIDTHxHEIGHT``, or one number for both.

    Raises
    ------
    UsageError
        It is no size, or one that is too large.
    """
    if text is None:
        return None
    match = _BOX.fullmatch(text.strip())
    width = int(match[1]) if match else 0
    height = int(match[2] or width) if match else 0
    if not 0 < min(width, height) <= max(width, height) <= _LONGEST:
        why = f"'{text}' is no size of a picture"
        raise UsageError("--size", why, f"Give WIDTHxHEIGHT or N, up to {_LONGEST} pixels.")
    return width, height


def view_of(told: dict[str, Any]) -> View:
    """Make a view of what a parent process has told, a dictionary of its fields in JSON."""
    window, box = told["window"], told["box"]
    fields = dict(told)
    fields["window"] = window if isinstance(window, str) else tuple(window)
    fields["box"] = tuple(box) if box else None
    return View(**fields)

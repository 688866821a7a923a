"""Turn stored values into a picture: modality LUT, VOI LUT or window, presentation (PS3.4 N.2).

Values of up to 16 bits are not computed one by one: what becomes of each possible value is put
into a table, and the table is applied.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dcmtools.errors import InputError
from dcmtools.pixels.colour import from_palette, to_rgb
from dcmtools.pixels.display_luts import Table, read_palette, read_table
from dcmtools.pixels.functional_groups import aspect_ratio, describing, spacing
from dcmtools.pixels.image_attributes import (
    FRAME_VOI_LUT_SEQUENCE,
    MODALITY_LUT_SEQUENCE,
    PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
    VOI_LUT_SEQUENCE,
    Attributes,
    ImageFile,
)
from dcmtools.pixels.overlays import draw, overlays
from dcmtools.pixels.pixel_layout import MONOCHROME, PALETTE, layout_of
from dcmtools.pixels.stored_values import FrameReader, StoredFrame
from dcmtools.pixels.view import AUTO, FILE, View
from dcmtools.pixels.voi import Window, automatic, function_of, window_of

Numbers = np.ndarray[Any, np.dtype[Any]]

_INTERCEPT, _SLOPE = 0x00281052, 0x00281053
_SHAPE = 0x20500020
_PADDING, _PADDING_LIMIT = 0x00280120, 0x00280121
_FLOAT_PADDING, _DOUBLE_PADDING = 0x00280122, 0x00280123
_FLOAT_PADDING_LIMIT, _DOUBLE_PADDING_LIMIT = 0x00280124, 0x00280125
_TABLED = 16  # bits of a value, up to which a table is made of all of them


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame as it is shown.

    Parameters
    ----------
    pixels : numpy.ndarray
        Rows and columns, or those and RGB; `numpy.uint8`, or `numpy.uint16` for 16 bits of grey.
    aspect : float
        The height of a pixel divided by its width.
    spacing : tuple of float and float, or None
        Between rows and between columns, in mm.
    window : str
        What is shown, in words: ``window 40,400 (file)``; "" for colours.
    """

    pixels: Numbers
    aspect: float
    spacing: tuple[float, float] | None
    window: str


@dataclass(frozen=True, slots=True)
class _Modality:
    """What turns stored values into those of the modality (PS3.3 C.11.1)."""

    slope: float = 1.0
    intercept: float = 0.0
    table: Table | None = None

    def values(self, stored: Numbers) -> Numbers:
        if self.table is not None:
            return self.table.look_up(stored).astype(np.float64)
        return stored.astype(np.float64) * self.slope + self.intercept

    @property
    def is_whole(self) -> bool:
        return self.table is not None or (self.slope.is_integer() and self.intercept.is_integer())

    @property
    def is_plain(self) -> bool:
        return self.table is None and (self.slope, self.intercept) == (1.0, 0.0)


class Renderer:
    """Makes pictures of the frames of an image.

    Parameters
    ----------
    image : ImageFile
        The image.
    view : View
        How it is to be shown.

    Raises
    ------
    InputError
        It cannot be decoded, or what describes it contradicts itself.
    """

    def __init__(self, image: ImageFile, view: View) -> None:
        self._image = image
        self._view = view
        self.layout = layout_of(image, view.max_frame_bytes)
        self._reader = FrameReader(image, self.layout)
        self._table: tuple[tuple[object, ...], Numbers] | None = None

    def stored(self, frame: int) -> StoredFrame:
        """Give the values of a frame, from 0, as they are stored."""
        return self._reader.read(frame)

    def values(self, frame: int) -> Numbers:
        """Give the values of a frame after the modality LUT; colours as RGB.

        Values that are stored as whole numbers and are not rescaled stay that.
        """
        stored = self._reader.read(frame)
        try:
            if self.layout.photometric not in MONOCHROME:
                return self._colours(stored)
            modality = self._modality(frame)
            if modality.is_plain:
                return stored.values
            values = modality.values(stored.values)
        except ValueError as error:
            raise InputError(self._image.name, str(error)) from error
        whole = modality.is_whole and not self.layout.floating
        kind = np.float64 if self.layout.allocated > _TABLED else np.float32
        return values.astype(np.int32 if whole and kind is np.float32 else kind)

    def picture(self, frame: int) -> Picture:
        """Make a picture of a frame.

        Parameters
        ----------
        frame : int
            Its number, from 0.

        Raises
        ------
        InputError
            It cannot be decoded, or not be shown as asked for.
        """
        stored, given = self._reader.read(frame), self._image.attributes
        shown = ""
        try:
            if self.layout.photometric in MONOCHROME:
                pixels, shown = self._grey(stored, frame)
            else:
                pixels = self._colours(stored)
            if self._view.overlays:
                pixels = pixels if pixels.flags.writeable else pixels.copy()
                for overlay in overlays(given, frame, stored.cells):
                    draw(pixels, overlay, np.iinfo(pixels.dtype).max)
        except ValueError as error:
            raise InputError(self._image.name, str(error)) from error
        return Picture(pixels, aspect_ratio(given, frame), spacing(given, frame), shown)

    def _colours(self, stored: StoredFrame) -> Numbers:
        if self.layout.photometric == PALETTE:
            palette = read_palette(self._image.attributes, signed=self.layout.signed)
            return from_palette(stored.values, palette)
        return to_rgb(stored.values, stored.photometric, self.layout.stored)

    # Grey

    def _grey(self, stored: StoredFrame, frame: int) -> tuple[Numbers, str]:
        """Give the brightness of pixels, and say what decides it."""
        modality = self._modality(frame)
        voi = self._voi(stored.values, modality, frame)
        inverse = self._is_inverse
        shown = f"VOI LUT ({FILE})" if isinstance(voi, Table) else f"window {voi} ({voi.origin})"
        if self.layout.stored > _TABLED or self.layout.floating:
            return self._brightness(stored.values, modality, voi, inverse=inverse), shown
        lowest = -(1 << (self.layout.stored - 1)) if self.layout.signed else 0
        if isinstance(voi, Window) and modality.table is None:
            key: tuple[object, ...] = (modality, voi, inverse)
            if self._table and self._table[0] == key:
                return self._looked_up(stored.values, self._table[1], lowest), shown
        domain = np.arange(lowest, lowest + (1 << self.layout.stored))
        table = self._brightness(domain, modality, voi, inverse=inverse)
        if isinstance(voi, Window) and modality.table is None:
            self._table = key, table
        return self._looked_up(stored.values, table, lowest), shown

    @staticmethod
    def _looked_up(values: Numbers, table: Numbers, lowest: int) -> Numbers:
        """Apply a table that begins with the lowest value; a codec may give values outside."""
        if not lowest:
            return table.take(values, mode="clip")
        return table.take(values.astype(np.int32) - lowest, mode="clip")

    def _brightness(
        self, values: Numbers, modality: _Modality, voi: Window | Table, *, inverse: bool
    ) -> Numbers:
        meant = modality.values(values)
        if isinstance(voi, Table):
            bright: Numbers = voi.look_up(meant) / float((1 << voi.bits) - 1)
        else:
            bright = voi.shown(meant)
        bright = np.nan_to_num(1 - bright if inverse else bright)
        most, kind = (65535, np.uint16) if self._view.deep else (255, np.uint8)
        return (bright * most + 0.5).astype(kind)

    @property
    def _is_inverse(self) -> bool:
        """Tell whether what is little is bright (PS3.3 C.7.6.3.1.2 and C.11.4)."""
        shape = self._image.attributes.text(_SHAPE).upper()
        return self.layout.photometric == "MONOCHROME1" or shape == "INVERSE"

    def _modality(self, frame: int) -> _Modality:
        given = self._image.attributes
        described = describing(given, frame, PIXEL_VALUE_TRANSFORMATION_SEQUENCE)
        if described is given:  # where there are both, which must not be, the table says more
            table = read_table(given, MODALITY_LUT_SEQUENCE, signed=self.layout.signed)
            if table is not None:
                return _Modality(table=table)
        slope, intercept = described.number(_SLOPE), described.number(_INTERCEPT)
        return _Modality(1.0 if slope is None else slope, intercept or 0.0)

    def _voi(self, values: Numbers, modality: _Modality, frame: int) -> Window | Table:
        wanted = self._view.window
        described = describing(self._image.attributes, frame, FRAME_VOI_LUT_SEQUENCE)
        if not isinstance(wanted, str):
            return Window(*wanted, function_of(described))
        if wanted != AUTO:
            found = self._own_voi(described, modality)
            if found is not None:
                return found
            if wanted == FILE:
                hint = "--window auto shows all values that are there."
                raise InputError(self._image.name, "has no window of its own", hint)
        return self._automatic(values, modality)

    def _own_voi(self, described: Attributes, modality: _Modality) -> Window | Table | None:
        """Read the window of a file, and if it has none its VOI LUT."""
        window = window_of(described)
        if window is not None:
            return window
        least = modality.slope * -1 if self.layout.signed else 0
        negative = modality.table is None and (least < 0 or modality.intercept < 0)
        return read_table(described, VOI_LUT_SEQUENCE, signed=negative)

    def _automatic(self, values: Numbers, modality: _Modality) -> Window:
        """Show all values that are there, but those that fill up the picture."""
        if self.layout.stored == 1:
            return automatic(0, 1, whole=True)
        used = values[~padding] if (padding := self._padding(values)) is not None else values
        used = used if used.size else values
        if self.layout.floating:
            used = used[np.isfinite(used)]
            used = used if used.size else np.zeros(1)
        if modality.table is not None:
            meant = modality.values(used)
        else:
            meant = modality.values(np.array([used.min(), used.max()]))
        whole = modality.is_whole and not self.layout.floating
        return automatic(float(meant.min()), float(meant.max()), whole=whole)

    def _padding(self, values: Numbers) -> Numbers | None:
        """Tell which pixels only fill up the picture (PS3.3 C.7.5.1.1.2); None where none do."""
        given = self._image.attributes
        tags = (_PADDING, _PADDING_LIMIT)
        if self.layout.floating:
            double = self.layout.allocated == 64  # noqa: PLR2004 - bits
            tags = (
                (_DOUBLE_PADDING, _DOUBLE_PADDING_LIMIT)
                if double
                else (_FLOAT_PADDING, _FLOAT_PADDING_LIMIT)
            )
        first = given.number(tags[0])
        if first is None:
            return None
        limit = given.number(tags[1])
        ends = [first, first if limit is None else limit]
        if not self.layout.floating:  # the VR may not say whether they are signed
            ends = [self._as_stored(end) for end in ends]
        return np.asarray((values >= min(ends)) & (values <= max(ends)))

    def _as_stored(self, value: float) -> int:
        """Give a number the sign that pixels have."""
        cell = int(value) & ((1 << self.layout.stored) - 1)
        sign = 1 << (self.layout.stored - 1)
        return cell - 2 * sign if self.layout.signed and cell & sign else cell

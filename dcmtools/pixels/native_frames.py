"""Read the frames of native pixel data, to be compressed.

What would have to be guessed is refused: how many there are, what their colours are, in which order
the bytes of a word are.
"""

from typing import TYPE_CHECKING, Any

from dcmtools.dataset.element_header import describe
from dcmtools.dataset.read import DicomFile
from dcmtools.errors import InputError
from dcmtools.escape import escape
from dcmtools.pixels.black import samples_of
from dcmtools.pixels.decoding import (
    NUMBERS,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    Image,
)
from dcmtools.pixels.encoding import byteswapped

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]

_SUBSAMPLED = "YBR_FULL_422"
_COLOURS = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", _SUBSAMPLED)
_BYTE, _WORD = 8, 16
_MOST_BITS = 64
_PAIR = 2  # pixels that share their colour, and samples of a pixel then


class NativeFrames:
    """Reads frames, in any order.

    Parameters
    ----------
    file : DicomFile
        The file.
    image : Image
        Its native pixel data.

    Raises
    ------
    InputError
        What describes them is missing, contradicts itself, or is nothing that is compressed.

    Attributes
    ----------
    photometric : str
        The Photometric Interpretation of the frames that are given.
    """

    def __init__(self, file: DicomFile, image: Image) -> None:
        self._file, self._image, self._name = file, image, str(file.path)
        options = image.options
        self._check()
        bits = options["bits_allocated"]
        self._samples: int = options["samples_per_pixel"]
        colours: str = options["photometric_interpretation"]
        pixels = options["rows"] * options["columns"]
        width, frames = bits // _BYTE, options["number_of_frames"]
        whole = pixels * self._samples * width
        length = image.pixels.length
        # Some say that they are subsampled and are not; their length tells.
        self._shared = colours == _SUBSAMPLED and length < whole * frames
        if self._shared and (options["columns"] % _PAIR or options.get("planar_configuration")):
            raise self._refusal(f"they are {colours}, and no pairs of pixels")
        self._size = pixels * _PAIR * width if self._shared else whole
        excess = length - self._size * frames
        if excess < 0 or excess >= max(self._size, _PAIR):
            wanted = self._size * frames
            raise self._refusal(f"there are {length} bytes, and {wanted} are asked for")
        self.photometric = "YBR_FULL" if colours == _SUBSAMPLED else colours
        kind = "i" if options["pixel_representation"] else "u"
        big = image.pixels.level.encoding.big_endian
        self._swapped = big and image.pixels.vr == "OW" and width == 1
        self._dtype = f"{'>' if big else '<'}{kind}{width}"
        self._result = f"<{kind}{width}"

    def _check(self) -> None:
        options, image = self._image.options, self._image
        for tag in (PHOTOMETRIC_INTERPRETATION, *NUMBERS):
            given = image.attributes.get(tag)
            if tag != PLANAR_CONFIGURATION and not (given and given.length):
                raise self._refusal(f"{describe(tag)} is not given")
        bits, colours = options["bits_allocated"], options["photometric_interpretation"]
        if bits % _BYTE or not 0 < bits <= _MOST_BITS:
            raise self._refusal(f"Bits Allocated is {bits}")
        if not 0 < options["bits_stored"] <= bits:
            raise self._refusal(f"{options['bits_stored']} bits are stored in {bits}")
        samples = options["samples_per_pixel"]
        if colours not in _COLOURS or samples_of(colours) != samples:
            raise self._refusal(f"they are {escape(colours)} with {samples} samples per pixel")
        if image.frame_size < 1 or options["number_of_frames"] < 1:
            raise self._refusal("there are none")
        big, word = image.pixels.level.encoding.big_endian, image.pixels.vr == "OW"
        if big and (bits > _WORD or (bits > _BYTE and not word)):
            raise self._refusal("programs differ about the order of their bytes")

    def frame(self, number: int) -> "Numbers":
        """Read a frame.

        Parameters
        ----------
        number : int
            Its number, from 0.

        Returns
        -------
        numpy.ndarray
            Rows and columns, and samples where there are several, in little endian.

        Raises
        ------
        InputError
            The file has become shorter.
        """
        import numpy as np  # noqa: PLC0415 - slow, and not always needed

        options = self._image.options
        cells = np.frombuffer(self._bytes(number * self._size), self._dtype)
        cells = cells.astype(self._result, copy=False)
        rows, columns = options["rows"], options["columns"]
        if self._shared:
            pairs = cells.reshape(rows, columns // _PAIR, 4)
            pixels = np.empty((rows, columns, 3), cells.dtype)
            pixels[:, 0::2] = pairs[:, :, [0, 2, 3]]  # Y Y CB CR (PS3.3 C.7.6.3.1.2)
            pixels[:, 1::2] = pairs[:, :, [1, 2, 3]]
            return pixels
        if self._samples == 1:
            return cells.reshape(rows, columns)
        if options.get("planar_configuration") == 1:
            return cells.reshape(self._samples, rows, columns).transpose(1, 2, 0)
        return cells.reshape(rows, columns, self._samples)

    def _bytes(self, start: int) -> bytes:
        """Read the bytes of a frame; in words whose bytes are turned round, turn them back."""
        pixels, size = self._image.pixels, self._size
        begin, end = start, start + size
        if self._swapped:
            begin, end = begin - begin % 2, min(end + end % 2, pixels.length)
        read = self._file.header.source.read
        raw = read(pixels.value_offset + begin, end - begin)
        if len(raw) < end - begin:
            raise InputError(self._name, "has become shorter")
        if self._swapped:
            raw = byteswapped(raw, 2)
        return raw[start - begin : start - begin + size]

    def _refusal(self, why: str) -> InputError:
        return InputError(self._name, f"its pixel data cannot be compressed: {why}")

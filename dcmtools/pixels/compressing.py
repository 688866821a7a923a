"""Compress frames, and refuse what would not be the same afterwards where nothing may be lost.

pydicom and its plugins encode, and RLE is ours. There are encoders for few transfer syntaxes, and
some of those cannot keep what some images have, such as overlays in bits that hold no values.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcmtools.pixels import rle
from dcmtools.pixels.decoding import RLE_LOSSLESS

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]

JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
LOSSLESS = {
    RLE_LOSSLESS: RLE_LOSSLESS,
    JPEG_LS: JPEG_LS,
    JPEG_2000_LOSSLESS: JPEG_2000_LOSSLESS,
    JPEG_2000: JPEG_2000_LOSSLESS,
}
"""In which transfer syntax pixel data of another are compressed without a loss."""

_TRANSFORMED = {JPEG_2000_LOSSLESS: "YBR_RCT", JPEG_2000: "YBR_ICT"}
"""What the colours of RGB are called once JPEG 2000 has transformed them (PS3.5 8.2.4)."""

_SMALLEST = 32  # rows and columns for the six resolutions that the encoder makes of an image
_DEEPEST = {JPEG_LS: 16, JPEG_2000: 16, JPEG_2000_LOSSLESS: 24}  # bits that encoders can take
_BYTE = 8


class NotLosslessError(Exception):
    """A frame would not be the same any more, or there is no encoder that takes it.

    Parameters
    ----------
    why : str
        The reason, in words.
    hint : str, optional
        What the user can do about it.
    """

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Loss:
    """How much may be lost.

    Parameters
    ----------
    ratio : float
        How many times smaller the pixel data are to be; 0 where `quality` decides.
    quality : float
        How much of the signal there is to the noise that comes with the loss, in decibel (PSNR).
    """

    ratio: float = 0.0
    quality: float = 0.0


def transformed(syntax: str, colours: str) -> str:
    """Give the Photometric Interpretation that RGB, or another one, has in a transfer syntax."""
    return _TRANSFORMED.get(syntax, colours) if colours == "RGB" else colours


class Compressor:
    """Compresses the frames of one image.

    Parameters
    ----------
    syntax : str
        The UID of the transfer syntax of the result.
    options : dict
        What describes the image, as pydicom's decoders want it; colours as the result is to have
        them.
    loss : Loss, optional
        How much may be lost; nothing by default.

    Raises
    ------
    NotLosslessError
        There is no encoder, or none that takes such an image.

    Attributes
    ----------
    transfer_syntax : str
        The UID of the transfer syntax of the result.
    """

    def __init__(self, syntax: str, options: dict[str, Any], loss: Loss | None = None) -> None:
        from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415 - slow, not always needed

        self.transfer_syntax = syntax
        self._loss = loss
        self._encoder = self._found_encoder()
        self._decoder = get_decoder(syntax)
        self._transforms = options["photometric_interpretation"] in _TRANSFORMED.values()
        names = ("rows", "columns", "samples_per_pixel", "bits_allocated", "bits_stored")
        self._options = {name: options[name] for name in (*names, "pixel_representation")}
        self._options["photometric_interpretation"] = options["photometric_interpretation"]
        self._options["number_of_frames"] = 1
        if options["samples_per_pixel"] > 1:
            self._options["planar_configuration"] = 0
        if syntax == RLE_LOSSLESS:  # it compresses bytes, whatever they hold
            self._options["bits_stored"] = options["bits_allocated"]
        self._check()

    def _found_encoder(self) -> Any:  # noqa: ANN401 - pydicom's, which is loaded late
        from pydicom.pixels.encoders.base import get_encoder  # noqa: PLC0415 - as above

        if self.transfer_syntax == RLE_LOSSLESS:
            return None
        try:
            encoder = get_encoder(self.transfer_syntax)
        except NotImplementedError as error:
            raise NotLosslessError("there is no encoder") from error
        if not encoder.is_available:
            hint = "pip install 'dcmtools[jpegls]' adds one."
            raise NotLosslessError("no encoder is installed", hint)
        return encoder

    def _check(self) -> None:
        """Refuse what the encoder would refuse in words of its own."""
        options = self._options
        stored, allocated = options["bits_stored"], options["bits_allocated"]
        if not 0 < stored <= allocated or allocated % _BYTE:
            raise NotLosslessError(f"{stored} bits stored in {allocated} are none")
        deepest = _DEEPEST.get(self.transfer_syntax, allocated)
        if stored > deepest:
            raise NotLosslessError(f"it can take {deepest} bits, and these are {stored}")
        smallest = min(options["rows"], options["columns"])
        if self.transfer_syntax in _TRANSFORMED and smallest < _SMALLEST:
            why = f"the encoder wants {_SMALLEST} rows and columns at least"
            raise NotLosslessError(why)

    def compress(self, frame: "Numbers") -> bytes:
        """Compress a frame.

        Parameters
        ----------
        frame : numpy.ndarray
            Rows and columns of samples in little endian, those of a pixel side by side; of
            colours that JPEG 2000 transforms, RGB.

        Returns
        -------
        bytes
            Of even length.

        Raises
        ------
        NotLosslessError
            It cannot be compressed so.
        """
        if self.transfer_syntax == RLE_LOSSLESS:
            try:
                return rle.compress(frame)
            except ValueError as error:
                raise NotLosslessError(str(error)) from error
        return self._encoded(self._extended(frame))

    def compress_safely(self, frame: bytes) -> bytes:
        """Compress a frame, and make sure of it: it is decoded again and compared.

        Parameters
        ----------
        frame : bytes
            Its samples, as in `compress`.

        Raises
        ------
        NotLosslessError
            It cannot be compressed, or is not the same when it is decoded again.
        """
        pixels = self._numbers(frame)
        made = self.compress(pixels)
        if not (self._extended(self._decoded(made, pixels)) == self._extended(pixels)).all():
            raise NotLosslessError("it is not the same when it is decoded again")
        return made

    def _encoded(self, pixels: "Numbers") -> bytes:
        more: dict[str, Any] = {}
        if self.transfer_syntax in _TRANSFORMED:
            more["use_mct"] = self._transforms
        if self._loss is not None:
            # The encoder counts the bits that are stored, and not those that are allocated.
            stored = self._options["bits_stored"] / self._options["bits_allocated"]
            ratio = max(self._loss.ratio * stored, 1.0) if self._loss.ratio else 0.0
            rates = {"j2k_cr": ratio, "j2k_psnr": self._loss.quality}
            more |= {name: [value] for name, value in rates.items() if value}
        try:
            made = bytes(self._encoder.encode(pixels, **self._options, **more))
        except MemoryError:
            raise
        except Exception as error:  # plugins raise what they like
            said = str(error).strip().split("\n")[-1].strip()
            raise NotLosslessError(f"the encoder gave up: {said}") from error
        return made + b"\0" * (len(made) % 2)

    def _decoded(self, made: bytes, pixels: "Numbers") -> "Numbers":
        from pydicom.encaps import encapsulate  # noqa: PLC0415 - slow, and not always needed

        options = self._options
        try:
            if self.transfer_syntax == RLE_LOSSLESS:
                shape = options["rows"], options["columns"], options["samples_per_pixel"]
                again = rle.decompress(made, shape, options["bits_allocated"])
                return again.view(pixels.dtype)
            again, _ = self._decoder.as_array(
                encapsulate([made], has_bot=False),
                raw=True,
                index=0,
                **{**options, "correct_unused_bits": False},
            )
        except MemoryError:
            raise
        except Exception as error:  # plugins raise what they like
            raise NotLosslessError("it cannot be decoded again") from error
        return again.astype(pixels.dtype, copy=False)

    def _numbers(self, frame: bytes) -> "Numbers":
        import numpy as np  # noqa: PLC0415 - slow, and not always needed

        options = self._options
        kind = "i" if options["pixel_representation"] else "u"
        dtype = np.dtype(f"<{kind}{options['bits_allocated'] // _BYTE}")
        shape = [options["rows"], options["columns"], options["samples_per_pixel"]]
        return np.frombuffer(frame, dtype).reshape(shape if shape[2] > 1 else shape[:2])

    def _extended(self, pixels: "Numbers") -> "Numbers":
        """Have the sign reach the bits that hold no value, as it may have or not."""
        stored = self._options["bits_stored"]
        unused = self._options["bits_allocated"] - stored
        if unused <= 0:
            return pixels
        if not self._options["pixel_representation"]:
            if int(pixels.max()) >> stored:
                raise NotLosslessError("there is something in bits that hold no value")
            return pixels
        extended: Numbers = (pixels << unused) >> unused
        mask = (1 << stored) - 1
        if ((pixels != extended) & (pixels != (extended & mask))).any():
            raise NotLosslessError("there is something in bits that hold no value")
        return extended

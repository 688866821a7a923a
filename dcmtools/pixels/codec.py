"""Decode single frames, each by what is best at it, and say in a line when one cannot be decoded.

RLE is decoded here, JPEG of 8 bits by Pillow, all else by pydicom and its plugins. Some of those do
not mind that an image is cut; here it is refused.
"""

from typing import TYPE_CHECKING, Any

from dcmtools.errors import InputError
from dcmtools.escape import escape
from dcmtools.pixels import jpeg, rle
from dcmtools.pixels.decoding import RLE_LOSSLESS, decoder_of, failure, missing_decoder

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]

_PLUGINS = "pyjpegls", "pylibjpeg"  # the strictest first; others take fewer kinds of images
_BYTE = 8


class Codec:
    """Decodes frames of one transfer syntax.

    Parameters
    ----------
    syntax : str
        The UID of the transfer syntax.
    path : str
        What to call the file in errors.

    Raises
    ------
    InputError
        Nothing can decode it, or what can is not installed.
    """

    def __init__(self, syntax: str, path: str) -> None:
        self._decoder = decoder_of(syntax, path)
        self._syntax, self._path = syntax, path
        available = self._decoder.available_plugins
        self._plugin = next((name for name in _PLUGINS if name in available), "")

    def decode(self, code: bytes, options: dict[str, Any]) -> "tuple[Numbers, str]":
        """Decode a frame.

        Parameters
        ----------
        code : bytes
            The compressed frame.
        options : dict
            What describes it, as pydicom's decoders want it.

        Returns
        -------
        tuple of numpy.ndarray and str
            Rows and columns, and samples where there are several, as the codec gives them; and
            their colours, which are those of the options unless the codec has turned them.

        Raises
        ------
        InputError
            It cannot be decoded.
        """
        colours: str = options["photometric_interpretation"]
        shape = options["rows"], options["columns"], options["samples_per_pixel"]
        try:
            if self._syntax == RLE_LOSSLESS:
                return rle.decompress(code, shape, options["bits_allocated"]), colours
            if self._syntax in jpeg.ALL:
                jpeg.check_end(code)
            if self._syntax in jpeg.SYNTAXES and options["bits_allocated"] == _BYTE:
                return jpeg.components(code, shape), colours
            return self._by_pydicom(code, options)
        except (InputError, MemoryError):
            raise
        except Exception as error:  # plugins raise what they like
            # pydicom names each plugin; some are named, but have said nothing.
            lines = [line.strip() for line in str(error).splitlines()]
            said = next((line for line in lines if line and not line.endswith(":")), "")
            said = said or "the decoder gave up, as it does without the memory that it wants"
            raise failure(self._path, self._syntax, escape(said)) from error

    def _by_pydicom(self, code: bytes, options: dict[str, Any]) -> "tuple[Numbers, str]":
        from pydicom.encaps import encapsulate  # noqa: PLC0415 - slow, and not always needed

        if self._syntax in jpeg.SYNTAXES:
            if not self._plugin:  # Pillow is there, and takes 8 bits
                raise missing_decoder(self._syntax, self._path, "of more than 8 bits ")
            code = jpeg.mended(code)
        given = {
            **options,
            "number_of_frames": 1,
            # How samples follow each other is told by the codec alone: the attribute is about
            # native pixel data (PS3.5 8.2). Bits that are not used may hold an overlay, and stay.
            "planar_configuration": 0,
            "correct_unused_bits": False,
            "decoding_plugin": self._plugin,
        }
        pixels, described = self._decoder.as_array(
            encapsulate([code], has_bot=False), raw=True, index=0, **given
        )
        return pixels, str(described["photometric_interpretation"])

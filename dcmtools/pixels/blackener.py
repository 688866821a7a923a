"""Have regions of the pixels of files blackened by child processes.

They decode and compress what strangers have made; see dcmtools/pixels/worker.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dcmtools.pixels.rectangles import Rectangle
from dcmtools.pixels.worker import Workers


@dataclass(frozen=True, slots=True)
class Blackened:
    """A file with black rectangles.

    Parameters
    ----------
    path : Path
        A whole file that is to be removed once it is open; what is left when the `Blackener` ends
        is removed then. Preamble, file meta group and data set are those of the file byte for
        byte, but for the pixel data, and where those were compressed for what describes them,
        Lossy Image Compression (0028,2110), the Transfer Syntax UID and group lengths. What
        followed the data set is not there.
    transfer_syntax : str
        The UID of its transfer syntax, "" where the file names none.
    note : str
        What was done, in words: ``1 region blackened in 3 frames, compressed anew in RLE
        Lossless``.
    has_copies : bool
        Whether items of sequences have pixel data of their own, which are not blackened: a small
        copy of the picture in Icon Image Sequence (0088,0200). Whoever writes the object has to
        leave them out, the sequence or the element; it may be in the transfer syntax that the
        file had.
    """

    path: Path
    transfer_syntax: str
    note: str
    has_copies: bool


class Blackener(Workers):
    """Writes black over rectangles of images; to be used in a ``with`` block.

    Several threads may share it. Nothing is started before the first object.

    Parameters
    ----------
    folder : Path, optional
        Where to make the private folder for the results; where temporary files are when not given.
    """

    def blacken(self, path: Path, rectangles: Sequence[Rectangle]) -> Blackened:
        """Write a file again with black rectangles in every frame.

        Parameters
        ----------
        path : Path
            The file.
        rectangles : sequence of Rectangle
            Column, row, width and height in pixels, from the top left, which is 0, 0; None for a
            width or height to the edge. What is outside of the image is cut off.

        Returns
        -------
        Blackened
            The result. All other pixels are what they were; those of lossy compressed images are
            what a decoder makes of them.

        Raises
        ------
        InputError
            It cannot be read to its end, has no pixel data or such that cannot be decoded, a
            rectangle is outside of the image, or the process that worked on it died.
        """
        result, answer = self._ask(path, {"path": "", "result": "", "rectangles": [*rectangles]})
        copies = answer.get("has_copies", False)
        return Blackened(result, answer["transfer_syntax"], answer["note"], copies)

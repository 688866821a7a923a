"""Have objects converted to other transfer syntaxes by child processes; see worker.py.

What is there already, and where a result goes, is decided here and without numpy. The result is
written by a child, and gets its name here once it is whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from dcmtools.dataset.elements import PIXEL_DATA, SOP_INSTANCE_UID
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.rewrite import Destination, output
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED
from dcmtools.errors import InputError, NotDicomError, OutputError, UsageError
from dcmtools.pixels.compressing import JPEG_2000
from dcmtools.pixels.converting import ENCODINGS, EXPLICIT, Conversion, target_of
from dcmtools.pixels.derivation import new_uid
from dcmtools.pixels.rewriting import chunks
from dcmtools.pixels.worker import Workers

NAMES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": EXPLICIT,
    "big": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "rle": "1.2.840.10008.1.2.5",
    "j2k": JPEG_2000,
    "j2k-lossless": "1.2.840.10008.1.2.4.90",
    "htj2k-lossless": "1.2.840.10008.1.2.4.201",
    "jpegls": "1.2.840.10008.1.2.4.80",
}
"""The transfer syntaxes that people name, with their UIDs."""

_MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003


def syntax_named(text: str) -> str:
    """Give the UID of a transfer syntax that can be written.

    Parameters
    ----------
    text : str
        One of `NAMES`, or a UID.

    Raises
    ------
    UsageError
        It is none, or cannot be written.
    """
    uid = NAMES.get(text.lower(), text)
    if uid in ENCODINGS:
        return uid
    if uid in NAMES.values():
        raise UsageError(text, "cannot be written: no library that is used has an encoder for it")
    names = ", ".join(name for name, each in NAMES.items() if each in ENCODINGS)
    why = "is no transfer syntax that can be written"
    raise UsageError(text, why, f"Give one of {names}, or its UID.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What objects are to become.

    Parameters
    ----------
    transfer_syntax : str
        The UID of a transfer syntax; "" to decompress what is compressed, and no more.
    ratio : float
        For lossy JPEG 2000: how many times smaller pixel data are to be.
    quality : float
        For lossy JPEG 2000, instead of a ratio: the peak signal-to-noise ratio, in decibel.
    verify : bool
        Whether all frames of the result are decoded and compared.
    """

    transfer_syntax: str
    ratio: float = 0.0
    quality: float = 0.0
    verify: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of an object.

    Parameters
    ----------
    transfer_syntax : str
        The UID of its transfer syntax.
    sop_instance_uid : str
        Its SOP Instance UID: another one where something was lost.
    note : str
        What was done, in words.
    warnings : tuple of str
        What is wrong with the file that did no harm.
    frames : int
        How many frames were compared, where that was wanted.
    largest : int
        The largest difference of two samples.
    psnr : float
        The peak signal-to-noise ratio in decibel, where there are differences.
    """

    transfer_syntax: str
    sop_instance_uid: str
    note: str
    warnings: tuple[str, ...] = ()
    frames: int = 0
    largest: int = 0
    psnr: float = 0.0


class Converter(Workers):
    """Converts objects to other transfer syntaxes; to be used in a ``with`` block.

    Several threads may share it. Nothing is started before the first object.

    Parameters
    ----------
    jobs : int
        How many objects are worked on at a time; 0 chooses.
    max_inflated : int
        The most bytes that a deflated data set may inflate to.
    """

    def __init__(self, jobs: int = 0, max_inflated: int = DEFAULT_MAX_INFLATED) -> None:
        super().__init__(most=jobs)
        self._max_inflated = max_inflated

    def end(self) -> None:
        """End the processes, whatever they are doing; what is asked of them fails."""
        self.__exit__(None, None, None)

    def convert(  # noqa: PLR0913 - what is wanted, and where and how
        self,
        path: Path,
        target: Path,
        wanted: Wanted,
        where: Destination | None = None,
        *,
        root: Path | None = None,
        resume: bool = False,
        jobs: int = 1,
    ) -> Converted | None:
        """Convert the object of a file.

        Parameters
        ----------
        path : Path
            The file; ``-`` is standard input.
        target : Path
            The output.
        wanted : Wanted
            What it is to become.
        where : Destination, optional
            Whether an output that is there may be replaced, and whether to wait until it is on
            stable storage; by default not, and yes.
        root : Path, optional
            A folder that the target must not leave by any link.
        resume : bool
            Whether an output that is there, and is what would be written, is left alone.
        jobs : int
            How many processes may work on the frames of the object.

        Returns
        -------
        Converted or None
            None where the output was there already.

        Raises
        ------
        NotDicomError
            It is no DICOM file, or a DICOMDIR.
        InputError
            It cannot be read to its end, decoded or encoded so; or it is not the same afterwards,
            where that was to be verified; or the process that worked on it died.
        OutputError
            The output cannot be written, or is there already.
        """
        conversion = Conversion(
            syntax=wanted.transfer_syntax,
            ratio=wanted.ratio,
            quality=wanted.quality,
            verify=wanted.verify,
            jobs=jobs,
            max_inflated=self._max_inflated,
        )
        with DicomFile(path, max_inflated=self._max_inflated, glance=True) as file:
            if file.header.is_directory:
                why = "is a DICOMDIR, whose records point to bytes in it"
                raise NotDicomError(str(path), why, "It is made anew from its files.")
            if resume and self._is_there(file, target, wanted):
                return None
            status = file.status
            with (
                _reachable(file) as real,
                output(status, target, where or Destination(), root) as new,
            ):
                request = {"path": "", "result": new.name, "conversion": conversion}
                try:
                    _, answer = self._ask(real, request)  # type: ignore[arg-type] # it is one
                except InputError as error:
                    raise InputError(str(path), error.why, error.hint) from error
                except OutputError as error:
                    raise OutputError(str(target), error.why) from error
        told = answer["converted"]
        return Converted(**{**told, "warnings": tuple(told["warnings"])})  # type: ignore[arg-type] # as told

    def _is_there(self, file: DicomFile, target: Path, wanted: Wanted) -> bool:
        """Tell whether an output is there already, and whole."""
        source = file.header.transfer_syntax
        try:
            with DicomFile(target, max_inflated=self._max_inflated) as there:
                depths = {
                    element.level.depth for element in there.elements() if element.tag == PIXEL_DATA
                }
                if there.damage is not None:
                    return False
                syntax = target_of(file.header, wanted.transfer_syntax, has_pixels=0 in depths)
                found, uid = there.header.transfer_syntax, _instance(there)
        except InputError:
            return False
        expected = _instance(file)
        if (wanted.ratio or wanted.quality) and syntax == JPEG_2000 != source:
            expected = new_uid(expected, syntax, wanted.ratio, wanted.quality)
        return found == syntax and uid == expected


def _instance(file: DicomFile) -> str:
    """Give the SOP Instance UID: that of the data set, else of the file meta group."""
    raw = b""
    for element in file.elements():
        if element.tag >= SOP_INSTANCE_UID and not element.level.depth:
            raw = (element.value or b"") if element.tag == SOP_INSTANCE_UID else b""
            break
    meta = {element.tag: element.value or b"" for element in file.meta}
    raw = raw or meta.get(_MEDIA_STORAGE_SOP_INSTANCE_UID, b"")
    return raw.decode("ascii", "replace").strip("\0 ")


@contextmanager
def _reachable(file: DicomFile) -> Iterator[Path]:
    """Give a file that other processes can open: of a pipe, a copy."""
    if file.status is not None:
        yield file.path
        return
    source = file.before
    with NamedTemporaryFile(prefix="dcmtools-") as copy:
        for chunk in chunks(source, str(file.path), 0, source.size):
            copy.write(chunk)
        copy.flush()
        yield Path(copy.name)

"""Say in a data set that its pixel data have lost something, before or by what is done to them.

What was said before stays; of every loss there is a method and a ratio, in their order (PS3.3
C.7.6.1.1.5). An object that loses something becomes another one, and names the one that it was.
"""

from collections.abc import Callable

from dcmtools.dataset.elements import SOP_CLASS_UID, SOP_INSTANCE_UID
from dcmtools.dataset.new_uids import NewUids
from dcmtools.errors import InputError
from dcmtools.pixels.encoding import Changes, Given
from dcmtools.pixels.lossy import (
    LOSSY_IMAGE_COMPRESSION,
    LOSSY_IMAGE_COMPRESSION_METHOD,
    LOSSY_IMAGE_COMPRESSION_RATIO,
    RATIO_SIZE,
    derivation_code,
    method_of,
    ratio_text,
    source_item,
)
from dcmtools.pixels.survey import (
    DERIVATION_CODE_SEQUENCE,
    DERIVATION_DESCRIPTION,
    IMAGE_TYPE,
    SOURCE_IMAGE_SEQUENCE,
    Survey,
)

_LONGEST_DESCRIPTION = 1024  # characters of a short text (PS3.5 Table 6.2-1)


def new_uid(uid: str, syntax: str, ratio: float, quality: float) -> str:
    """Give the SOP Instance UID of what an object becomes with a loss.

    It is always the same for the same object and loss, so that what is there already can be told
    from what is not, in another run as well.

    Parameters
    ----------
    uid : str
        The SOP Instance UID of the object.
    syntax : str
        The UID of the transfer syntax that it is converted to.
    ratio, quality : float
        How much may be lost, as in `dcmtools.pixels.compressing.Loss`.
    """
    return NewUids(f"dcmtools convert {syntax} {ratio:g} {quality:g} ".encode())(uid)


class Derivation:
    """What is said of losses in the result of a conversion.

    Parameters
    ----------
    survey : Survey
        The object.
    changes : Changes
        What is written in place of what; it is added to.
    """

    def __init__(self, survey: Survey, changes: Changes) -> None:
        self._survey, self._changes = survey, changes

    def keep_loss(self) -> None:
        """Keep it known that there has been a loss, once the transfer syntax does not tell it."""
        if not self._survey.has_lost:
            return
        self._put(LOSSY_IMAGE_COMPRESSION, "CS", b"01")
        ratios, methods = self._told()
        if not self._value(LOSSY_IMAGE_COMPRESSION_METHOD):
            self._put(LOSSY_IMAGE_COMPRESSION_RATIO, "DS", ratios)
            self._put(LOSSY_IMAGE_COMPRESSION_METHOD, "CS", methods)

    def tell_loss(self, syntax: str, how: str, uid: str, placed: Callable[[int], None]) -> None:
        """Say that the result is derived from the object with a loss, and is another one.

        Parameters
        ----------
        syntax : str
            The UID of the transfer syntax of the result.
        how : str
            How much may be lost, in words.
        uid : str
            The SOP Instance UID of the result.
        placed : callable
            Is told where the ratio is to be written that is not known yet, in `RATIO_SIZE` bytes.

        Raises
        ------
        InputError
            The object has no SOP Instance UID.
        """
        survey = self._survey
        old = survey.uid(SOP_INSTANCE_UID)
        if not old:
            raise InputError(survey.path, "has no SOP Instance UID, and the result is to name it")
        self._put(SOP_INSTANCE_UID, "UI", uid.encode())
        types = self._value(IMAGE_TYPE).split(b"\\")
        if types[0]:
            self._put(IMAGE_TYPE, "CS", b"\\".join([b"DERIVED", *types[1:]]))
        said = self._value(DERIVATION_DESCRIPTION)
        text = (said + b"; " if said else b"") + f"Lossy compression in JPEG 2000, {how}".encode()
        if len(text) <= _LONGEST_DESCRIPTION:
            self._put(DERIVATION_DESCRIPTION, "ST", text)
        self._append(DERIVATION_CODE_SEQUENCE, derivation_code())
        source = source_item(survey.uid(SOP_CLASS_UID), old, is_whole=not survey.has_lost)
        self._append(SOURCE_IMAGE_SEQUENCE, source)
        self._put(LOSSY_IMAGE_COMPRESSION, "CS", b"01")
        ratios, methods = (told + b"\\" if told else b"" for told in self._told())
        self._put(
            LOSSY_IMAGE_COMPRESSION_RATIO,
            "DS",
            ratios + b" " * RATIO_SIZE,
            lambda place: placed(place + len(ratios)),
        )
        self._put(LOSSY_IMAGE_COMPRESSION_METHOD, "CS", methods + method_of(syntax).encode())

    def _told(self) -> tuple[bytes, bytes]:
        """Give ratios and methods of losses before, as the data set or the pixel data tell."""
        survey, image = self._survey, self._survey.image
        methods = self._value(LOSSY_IMAGE_COMPRESSION_METHOD)
        if methods or not survey.has_lost or image is None:
            return self._value(LOSSY_IMAGE_COMPRESSION_RATIO), methods
        ratio = ratio_text(image.native_size, image.size)
        return ratio.encode(), method_of(survey.syntax).encode()

    def _value(self, tag: int) -> bytes:
        """Give the value of an element, none where there is no such element."""
        place = self._survey.places.get(tag)
        if place is None or place.tag != tag or place.is_container:
            return b""
        return self._survey.file.value(place).strip(b" \0")

    def _put(
        self, tag: int, vr: str, value: bytes, placed: Callable[[int], None] | None = None
    ) -> None:
        value += (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
        # There is always an element to put it before: the pixel data.
        self._changes.put(self._survey.places[tag], Given(tag, vr, value, placed))

    def _append(self, tag: int, item: bytes) -> None:
        """Put an item behind those of a sequence, or make one that holds it."""
        place = self._survey.places[tag]
        if place.tag == tag and place.vr == "SQ":
            self._changes.items[place.offset] = item
        else:
            self._changes.put(place, Given(tag, "SQ", item))

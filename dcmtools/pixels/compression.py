"""Decide what is written in place of pixel data that are compressed, and what describes them then.

Photometric Interpretation and Planar Configuration follow the codec (PS3.5 8.2); the tables of
offsets are those of the new fragments.
"""

from contextlib import ExitStack
from functools import partial
from typing import BinaryIO

from dcmtools.dataset.elements import SOP_INSTANCE_UID
from dcmtools.pixels.decoding import (
    PLANAR_CONFIGURATION,
    RLE_LOSSLESS,
    syntax_name,
)
from dcmtools.pixels.derivation import Derivation, new_uid
from dcmtools.pixels.encoding import Changes, Encapsulated, Given
from dcmtools.pixels.fragments import LARGEST_OFFSET, OFFSET_TABLES, FragmentWriter
from dcmtools.pixels.frame_crew import crew_size, worked
from dcmtools.pixels.frame_work import FrameWork, Recipe, image_of
from dcmtools.pixels.frames import photometric_given
from dcmtools.pixels.lossy import RATIO_SIZE, ratio_text
from dcmtools.pixels.survey import Survey
from dcmtools.pixels.transcode import drop_tables, make_native

_MOST_GROWTH = 1.25  # of a frame that is compressed
_MOST_HEADERS = 1 << 10  # bytes that a compressed frame has in any case


class Compression:
    """The compression of the pixel data of one object.

    Parameters
    ----------
    survey : Survey
        The object.
    recipe : Recipe
        What is done to its frames.
    changes : Changes
        What is written in place of what; it is added to.
    out : file
        Where it is written; it has to be able to seek.
    jobs : int
        How many processes may work on frames.
    stack : ExitStack
        What ends those, and closes the files that are opened here.

    Raises
    ------
    InputError
        The pixel data cannot be decoded, or compressed so.

    Attributes
    ----------
    sop_instance_uid : str
        The SOP Instance UID of the result.
    note : str
        What is done, in words.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what is compressed, how, and where to
        self,
        survey: Survey,
        recipe: Recipe,
        changes: Changes,
        out: BinaryIO,
        jobs: int,
        stack: ExitStack,
    ) -> None:
        self._out = out
        self._survey, self._recipe, self._changes = survey, recipe, changes
        self._image = image_of(survey)
        self._ratio_place = -1
        self.sop_instance_uid = survey.uid(SOP_INSTANCE_UID)
        work = FrameWork(survey, recipe, stack)
        for image in survey.encapsulated:  # icons
            if image.pixels.level.depth:
                make_native(survey, image, changes, stack)
        frames: int = self._image.options["number_of_frames"]
        size = self._image.native_size
        self._basic = size * _MOST_GROWTH + frames * _MOST_HEADERS <= LARGEST_OFFSET
        self._writer = FragmentWriter(out, frames, basic=self._basic)
        made = worked(work, recipe, frames, crew_size(jobs, frames, size), stack)
        changes.pixels[self._image.pixels.offset] = Encapsulated(self._writer, made)
        self._describe(work)
        self.note = f"compressed in {syntax_name(recipe['syntax'])}"
        if survey.encapsulated:
            self.note += f", from {syntax_name(survey.syntax)}"

    def _describe(self, work: FrameWork) -> None:
        options, recipe = self._image.options, self._recipe
        if work.photometric != options["photometric_interpretation"]:
            self._put(photometric_given(work.photometric))
        if options["samples_per_pixel"] > 1:
            planar = options.get("planar_configuration")
            # Of RLE, whose samples are apart, it says how they are to be native (PS3.5 8.2.2).
            wanted = (planar or 0) if recipe["syntax"] == RLE_LOSSLESS else 0
            if planar != wanted:
                self._put(Given(PLANAR_CONFIGURATION, "US", bytes([wanted, 0])))
        drop_tables(self._image, self._changes)
        if not self._basic:
            for tag in OFFSET_TABLES:
                value = bytes(self._writer.value_size(tag))
                self._put(Given(tag, "OV", value, partial(self._writer.reserve, tag)))
        ratio, quality = recipe["ratio"], recipe["quality"]
        derivation = Derivation(self._survey, self._changes)
        if not (ratio or quality):
            derivation.keep_loss()
            return
        uid = new_uid(self.sop_instance_uid, recipe["syntax"], ratio, quality)
        how = f"ratio {ratio:g}" if ratio else f"PSNR {quality:g} dB"
        derivation.tell_loss(recipe["syntax"], how, uid, self._keep_ratio_place)
        self.sop_instance_uid = uid

    def _keep_ratio_place(self, place: int) -> None:
        self._ratio_place = place

    def _put(self, given: Given) -> None:
        self._changes.put(self._survey.places[given.tag], given)

    def finish(self) -> None:
        """Write what is known once all frames are written.

        Raises
        ------
        NoRoomError
            A frame is further from the first than a Basic Offset Table can say.
        """
        self._writer.fill_tables()
        if self._ratio_place >= 0:
            ratio = ratio_text(self._image.native_size, self._writer.size)
            end = self._out.tell()
            self._out.seek(self._ratio_place)
            self._out.write(ratio.encode().ljust(RATIO_SIZE))
            self._out.seek(end)

"""Work on the files of ``image``: have pictures made of each, several files at a time."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread, current_thread, main_thread

from dcmtools.batch import Item, Outcome, Status
from dcmtools.cli._batch import Batch, Pieces
from dcmtools.cli._options import Settings
from dcmtools.dataset.outputs import Planned
from dcmtools.output.terminal import Way
from dcmtools.pixels.artist import Artist, Drawn, NoPictureError, Target
from dcmtools.pixels.frame_choice import FrameChoice
from dcmtools.pixels.kinds import Kind
from dcmtools.pixels.view import View

_MOST_JOBS = 4


class ImageBatch(Batch):
    """One run of ``image``: a batch that has what makes pictures.

    Parameters
    ----------
    settings : Settings
        The options of all commands.
    report : Path or None
        A file that gets a line of JSON about each file.
    artist : Artist
        What makes pictures.
    jobs : int
        How many files to work on at a time; 0 chooses.
    fail_fast : bool
        Whether to stop at the first file that fails.
    many : bool
        Whether there are, or may be, several files.
    """

    def __init__(
        self,
        settings: Settings,
        report: Path | None,
        artist: Artist,
        *,
        jobs: int,
        fail_fast: bool,
        many: bool,
    ) -> None:
        super().__init__("image", "exported", settings, report)
        self.artist = artist
        self.color = settings.stdout_color
        self.many = many
        self._threads = jobs or min(os.cpu_count() or 1, _MOST_JOBS)
        self._fail_fast = fail_fast
        self.talk = settings.talk("image")

    def work(self, items: Sequence[Item], work: "PictureWork") -> None:
        """Work on files; a process for each that is under way does it."""
        threads = min(self._threads, max(len(items), 1))
        fast, through = self._fail_fast, work.through
        with _stoppable(self.artist):
            for _ in self.run(
                items, work, jobs=1, threads=threads, fail_fast=fast, through=through
            ):
                pass


@dataclass(slots=True)
class PictureWork:
    """Make pictures of one file: the work of a batch."""

    artist: Artist
    view: View
    kind: Kind
    frames: FrameChoice
    drawn: list[Drawn] = field(default_factory=list)

    def __call__(self, item: Item) -> Iterator[str | Outcome]:
        """Make the pictures, then give the outcome."""
        try:
            drawn = self._draw(item)
        except NoPictureError as error:
            if item.named:
                raise
            yield Outcome(item.path, Status.SKIPPED, (error.why,))
            return
        detail = f"{len(drawn.frames)} of {drawn.of} frames"
        detail += f", {drawn.window}" if drawn.window else ""
        warnings = tuple(self._warnings(drawn))
        yield Outcome(item.path, Status.DONE, warnings=warnings, detail=detail, result=drawn)

    def through(self, pieces: Pieces) -> Pieces:
        """Keep what was drawn."""
        for piece in pieces:
            if isinstance(piece, Outcome) and isinstance(piece.result, Drawn):
                self.drawn.append(piece.result)
            yield piece

    def _draw(self, item: Item) -> Drawn:
        raise NotImplementedError

    def _warnings(self, drawn: Drawn) -> Iterator[str]:
        yield from _shallow(drawn)


def _shallow(drawn: Drawn) -> Iterator[str]:
    if drawn.shallow:
        yield "is in colour, which has 8 bits"


@dataclass(slots=True)
class FileWork(PictureWork):
    """Write pictures to files."""

    overwrite: bool = False
    durable: bool = True
    chosen: bool = False

    def _draw(self, item: Item) -> Drawn:
        if not isinstance(item, Planned) or item.target is None:
            raise TypeError(item)
        target = Target(item.target, item.root, self.overwrite, self.durable)
        return self.artist.write(item.path, self.view, target, self.kind, self.frames)

    def _warnings(self, drawn: Drawn) -> Iterator[str]:
        yield from _shallow(drawn)
        if not self.chosen and len(drawn.frames) < drawn.of:
            yield f"has {drawn.of} frames, and this is the first; --frame names others"


@dataclass(slots=True)
class PixelWork(PictureWork):
    """Get the pixels of pictures, as RGB or as files."""

    way: Way = Way.BLOCKS
    most: int = 0

    def _draw(self, item: Item) -> Drawn:
        if self.way in (Way.KITTY, Way.ITERM2):
            return self.artist.encode(item.path, self.view, self.kind, self.frames)
        return self.artist.rgb(item.path, self.view, self.frames, self.most)


@contextmanager
def _stoppable(artist: Artist) -> Iterator[None]:
    """Have Ctrl-C end the processes, for what waits for them would wait until they are done."""
    usual = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or usual is not signal.default_int_handler:
        yield
        return

    def stop(*_: object) -> None:
        Thread(target=artist.end).start()  # what is interrupted may hold the lock that it needs
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)

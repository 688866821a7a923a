"""Decide what the options of ``anonymize`` mean together, and run the batch."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dcmtools import config
from dcmtools.batch import Outcome, Status
from dcmtools.cli._anonymizing import AnonymizeWork, Publisher, end_work
from dcmtools.cli._batch import Batch
from dcmtools.cli._options import Settings
from dcmtools.dataset.files import Operand
from dcmtools.dataset.incoming import open_folder
from dcmtools.dataset.naming import TRANSFER_SYNTAX, Layout, Names
from dcmtools.dataset.path import TagPath
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED, STDIN
from dcmtools.dataset.staging import Staging
from dcmtools.deid.burned_in import BurnedIn
from dcmtools.deid.keys import Key, check_max_shift, check_root
from dcmtools.deid.map_file import MapFile
from dcmtools.deid.options import Options
from dcmtools.deid.patients import load_patient_map
from dcmtools.deid.plan import Plan
from dcmtools.deid.profile import Profile
from dcmtools.deid.recipe import Recipe
from dcmtools.deid.regions import Region
from dcmtools.errors import ExitCode, UsageError
from dcmtools.output.emit import Output

_PIXELS = "pixels are not looked at: what is written into pictures stays, and so do faces"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say; see the help of ``anonymize``."""

    output: Path | None
    retain: tuple[str, ...]
    clean: tuple[str, ...]
    recipe: Path | None
    key_file: Path | None
    patient_map: Path | None
    max_shift: int
    name: str | None
    uid_root: str
    map_file: Path | None
    regions: tuple[str, ...]
    on_burned_in: BurnedIn
    dry_run: bool
    diff: bool
    verify: bool
    quarantine: Path | None
    resume: bool
    overwrite: bool
    fsync: bool

    def read_recipe(self) -> Recipe:
        """Read the recipe, an empty one where none is wanted."""
        return Recipe() if self.recipe is None else Recipe.load(self.recipe)

    def options(self, recipe: Recipe) -> Options:
        """Give the options of the profile, those of the recipe included."""
        return Options.parse((*self.retain, *recipe.retain), (*self.clean, *recipe.clean))

    def plan(self) -> Plan:
        """Say what is done to every file."""
        recipe = self.read_recipe()
        return Plan(
            key=Key.random() if self.key_file is None else Key.load(self.key_file),
            options=self.options(recipe),
            recipe=recipe,
            patients=None if self.patient_map is None else load_patient_map(self.patient_map),
            max_shift=check_max_shift(self.max_shift),
            uid_root=check_root(self.uid_root) if self.uid_root else "",
            regions=(*map(Region.parse, self.regions), *recipe.regions),
            burned_in=self.on_burned_in,
        )

    def names(self) -> Names:
        """Say what outputs are called."""
        if self.name is None:
            return Names.of(Layout.PATIENT)
        names = Names.parse(self.name)
        for special in sorted(names.specials - {TRANSFER_SYNTAX}):
            raise UsageError(self.name, f"{special} is of an association, and here is none")
        return names

    def check(self) -> None:
        """Refuse what does not go together.

        Raises
        ------
        UsageError
            It does not.
        """
        if self.dry_run:
            if self.map_file is not None or self.quarantine is not None:
                option = "--map" if self.map_file is not None else "--quarantine"
                raise UsageError(option, "does not go with --dry-run, which writes nothing")
            return
        if self.output is None:
            raise UsageError("-o", "is missing", "Name the folder that outputs go to.")
        if self.quarantine is not None and _Within(self.output)(self.quarantine):
            hint = "Keep what is not as it should be apart from what is."
            raise UsageError(str(self.quarantine), f"lies in {self.output}", hint)
        if self.resume and self.key_file is None:
            why = "needs --key-file: with another key, everything would get other names"
            raise UsageError("--resume", why)
        if not (self.resume or self.overwrite) and _has_content(self.output):
            hint = "Name a new folder; --resume goes on in it, --overwrite replaces what is there."
            raise UsageError(str(self.output), "is not empty", hint)


def _has_content(folder: Path) -> bool:
    return folder.is_dir() and any(not each.name.startswith(".") for each in folder.iterdir())


def explain(asked: Asked, path: str | None) -> str:
    """Say what becomes of an element under the options."""
    recipe = asked.read_recipe()
    wanted = TagPath.parse(path or "")
    lines = (*Profile(asked.options(recipe)).explain(wanted), *recipe.explain(wanted))
    return "".join(f"{line}\n" for line in lines)


class Run:
    """One run of ``anonymize``.

    Parameters
    ----------
    asked : Asked
        What the options say.
    settings : Settings
        The options of all commands.
    report : Path or None
        A file that gets a line of JSON about each file, which does not name it.

    Raises
    ------
    DcmtoolsError
        An option, or a file that one names, is not as it should be.
    """

    def __init__(self, asked: Asked, settings: Settings, report: Path | None) -> None:
        asked.check()
        self._asked = asked
        self._settings = settings
        self._plan = asked.plan()
        self._names = asked.names()
        verb = "would be anonymized" if asked.dry_run else "anonymized"
        self._batch = Batch("anonymize", verb, settings, report, self._describe)
        self._number = 0

    def _describe(self, outcome: Outcome) -> dict[str, object]:
        """Describe a file without naming it, since names of files name patients."""
        self._number += 1
        output, root = outcome.result, self._asked.output
        name = str(output.relative_to(root)) if isinstance(output, Path) and root else None
        return {
            "number": self._number,
            "status": outcome.status,
            "output": name,
            "reasons": outcome.reasons,
            "warnings": outcome.warnings,
        }

    def go(
        self, items: Sequence[Operand], names: Sequence[str], *, jobs: int, fail_fast: bool
    ) -> ExitCode:
        """De-identify the files."""
        asked, talk = self._asked, self._settings.talk("anonymize")
        if self._plan.key.warning:
            talk.warning(self._plan.key.warning)
        items = list(_outside(items, names, asked.output))
        with ExitStack() as stack, Output() as out:
            staging = through = None
            if asked.output is not None and not asked.dry_run:
                staging, through = self._publisher(stack, asked.output)
            work = AnonymizeWork(
                self._plan,
                self._names,
                staging,
                asked.verify,
                asked.diff,
                self._settings.stdout_color,
                config.load(os.environ).max_inflated or DEFAULT_MAX_INFLATED,
            )
            stack.callback(end_work)
            pieces = self._batch.run(
                items, work, jobs=jobs, fail_fast=fail_fast, through=through or iter
            )
            for piece in pieces:
                out.write(piece) if piece else out.flush()
        if self._batch.tally.counts[Status.DONE] and not self._plan.regions:
            talk.warning(f"note: {_PIXELS}")
        return self._batch.finish(summary=True)

    def _publisher(self, stack: ExitStack, output: Path) -> tuple[Path, Publisher]:
        asked = self._asked
        quarantine = asked.quarantine
        if quarantine is not None:
            is_new = not quarantine.exists()
            open_folder(quarantine)
            if is_new:
                quarantine.chmod(0o700)
        staging = stack.enter_context(
            Staging(output, durable=asked.fsync, overwrite=asked.overwrite)
        )
        map_file = None
        if asked.map_file is not None:
            folders = [output] if quarantine is None else [output, quarantine]
            options = " ".join(sorted([*self._plan.options.retain, *self._plan.options.clean]))
            map_file = stack.enter_context(
                MapFile(
                    asked.map_file,
                    self._plan.key,
                    options,
                    resume=asked.resume,
                    outside=folders,
                )
            )
        return staging.folder, Publisher(staging, quarantine, map_file)


def _outside(
    items: Sequence[Operand], names: Sequence[str], output: Path | None
) -> Iterator[Operand]:
    """Leave out what lies in the folder of outputs, as the outputs of a run before.

    Raises
    ------
    UsageError
        An input that the user named lies there, where an output could take its place.
    """
    if output is None:
        yield from items
        return
    is_within = _Within(output)
    why, hint = f"lies in {output}, where outputs go", "Name another folder with -o."
    for name in names:
        if os.path.isdir(name) and is_within(Path(name)):  # noqa: PTH112 - it is text
            raise UsageError(name, why, hint)
    for item in items:
        if item.path == STDIN or not is_within(item.path):
            yield item
        elif item.named:
            raise UsageError(str(item.path), why, hint)


class _Within:
    """Tells whether files lie in a folder, at any depth and through any links."""

    def __init__(self, folder: Path) -> None:
        self._root = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118 - with a / behind
        self._real = lru_cache(maxsize=1 << 12)(os.path.realpath)

    def __call__(self, path: Path) -> bool:
        if path.is_symlink() or path.name in ("", ".."):
            real = os.path.realpath(path)
        else:
            real = os.path.join(self._real(path.parent), path.name)  # noqa: PTH118 - it is text
        return real.startswith(self._root) or os.path.join(real, "") == self._root  # noqa: PTH118

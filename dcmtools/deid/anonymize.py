"""De-identify a file from its bytes to an output that was held against it: what a run does to each.

This knows no other files, so that any engine can map it over many of them.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from dcmtools.dataset.files import PART_PREFIX, PART_SUFFIX
from dcmtools.dataset.placing import TakenError, sync
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.rewrite import rewrite
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED, STDIN
from dcmtools.deid.deidentify import Deidentified, deidentify, rectangles
from dcmtools.deid.plan import Plan
from dcmtools.deid.recipe_rules import RecipeAction
from dcmtools.deid.verify import Allowed, verify
from dcmtools.errors import InputError, NotDicomError, OutputError, reason

if TYPE_CHECKING:
    from dcmtools.dataset.path import TagPath
    from dcmtools.pixels.blackener import Blackened, Blackener


@dataclass(frozen=True, slots=True)
class Case:
    """A file and what is to become of it; get it by `deidentified`.

    Parameters
    ----------
    made : Deidentified
        What is to become of it.
    warnings : tuple of str
        What the user should know; none has a value of the file.
    note : str
        What was done to its pixels, "" for nothing.
    """

    made: Deidentified
    warnings: tuple[str, ...]
    note: str
    _file: DicomFile
    _source: DicomFile
    _plan: Plan
    _is_black: bool

    def write(self, output: Path, *, durable: bool = True) -> None:
        """Write the output, which is not there yet."""
        made = self.made
        rewrite(self._source, made.meta, made.body, output, deflated=made.deflated, durable=durable)

    def failures(self, output: Path) -> tuple[str, ...]:
        """Hold the output against the file; see `dcmtools.deid.verify.verify`."""
        plan = self._plan
        allowed = Allowed(
            _named(plan, kept=True),
            _named(plan, kept=False),
            regions=self._is_black,
            patient_id=self.made.patient_id if plan.patients is not None else "",
        )
        return verify(self._file, output, plan.options, allowed).failures


def _named(plan: Plan, *, kept: bool) -> "tuple[TagPath, ...]":
    """List what the recipe keeps, or what its other rules name."""
    rules = (rule for rule in plan.recipe.rules if (rule.action is RecipeAction.KEEP) is kept)
    return tuple(path for rule in rules for path in rule.paths)


@contextmanager
def deidentified(
    path: Path,
    plan: Plan,
    blackener: "Blackener | None" = None,
    *,
    max_inflated: int = DEFAULT_MAX_INFLATED,
) -> Iterator[Case]:
    """De-identify a file, and keep it open as long as the block lasts.

    Parameters
    ----------
    path : Path
        The file.
    plan : Plan
        What is done.
    blackener : Blackener or None
        What makes regions of the pixels black; a plan with regions needs one.
    max_inflated : int
        The most bytes that a deflated data set may inflate to.

    Raises
    ------
    NotDicomError
        The file is a DICOMDIR, or not DICOM at all.
    InputError
        See `dcmtools.deid.deidentify.deidentify`.
    """
    with ExitStack() as stack:
        file = source = stack.enter_context(DicomFile(path, max_inflated=max_inflated))
        if file.header.is_directory:
            raise NotDicomError(str(path), "is a DICOMDIR, which is not copied")
        black: Blackened | None = None
        wanted = rectangles(file, plan)
        if wanted and path == STDIN:
            raise InputError(
                str(path), "has no name, by which its pixels are got at", "Name a file."
            )
        if wanted and blackener is not None:
            black = blackener.blacken(path, wanted)
            stack.callback(black.path.unlink, missing_ok=True)
            source = stack.enter_context(DicomFile(black.path, max_inflated=max_inflated))
            with suppress(OSError):  # it tells who the patient is, and has no name any more
                black.path.unlink()
        try:
            made = deidentify(source, plan, black)
        except InputError as error:
            if black is not None and error.what == str(black.path):
                error.what = str(path)  # the user knows nothing of the other one
            raise
        note, warnings = "" if black is None else black.note, made.warnings
        if source.header.transfer_syntax != file.header.transfer_syntax:
            warnings += (note,)
        yield Case(made, warnings, note, file, source, plan, black is not None)


@dataclass(frozen=True, slots=True)
class Anonymized:
    """An output.

    Parameters
    ----------
    path : Path
        The output.
    patient_id : str
        The new Patient ID (0010,0020).
    study, series, sop_instance : str
        The new UIDs, "" for none.
    warnings : tuple of str
        What the user should know; none has a value of the file.
    """

    path: Path
    patient_id: str
    study: str
    series: str
    sop_instance: str
    warnings: tuple[str, ...]


def anonymize(path: str | Path, output: str | Path, plan: Plan) -> Anonymized:
    """De-identify a file (PS3.15 Annex E), and hold the output against it.

    Parameters
    ----------
    path : str or Path
        The file, which is only read.
    output : str or Path
        The name of the output, which is not there yet.
    plan : Plan
        What is done. The same file and plan give the same bytes.

    Returns
    -------
    Anonymized
        The output, on stable storage.

    Raises
    ------
    InputError
        The file cannot be read to its end, or must not be de-identified so.
    OutputError
        The output cannot be written, is there already, or is not as it should be; then there is
        none.
    """
    from dcmtools.pixels.blackener import Blackener  # noqa: PLC0415 - for a plan with regions

    target = Path(output)
    staged = target.with_name(f"{PART_PREFIX}{token_hex(8)}{PART_SUFFIX}")
    with Blackener() as blackener, deidentified(Path(path), plan, blackener) as case:
        try:
            case.write(staged)
            if failures := case.failures(staged):
                raise OutputError(str(target), f"is not as it should be: {failures[0]}")
            os.link(staged, target)
            sync(target.parent)
        except FileExistsError as error:
            raise TakenError(str(target), "is there already") from error
        except OSError as error:
            raise OutputError(str(target), reason(error)) from error
        finally:
            with suppress(OSError):
                staged.unlink()
        made = case.made
        return Anonymized(
            target, made.patient_id, made.study, made.series, made.sop_instance, case.warnings
        )

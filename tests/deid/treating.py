"""De-identify a file in a test, and read what comes of it by pydicom."""

import warnings
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset

from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.rewrite import rewrite
from dcmtools.deid.deidentify import Deidentified, deidentify
from dcmtools.deid.keys import Key
from dcmtools.deid.options import Options
from dcmtools.deid.plan import Plan
from dcmtools.deid.recipe import Recipe
from tests.factories import make_ct

KEY = Key(b"a key that is known to all who read this")


def plan(*options: str, recipe: str = "", **more: Any) -> Plan:  # noqa: ANN401 - fields of a plan
    """Make a plan; options are named as on the command line, those to clean with a + before."""
    chosen = Options.parse(
        [each for each in options if each[0] != "+"],
        [each[1:] for each in options if each[0] == "+"],
    )
    rules = Recipe.parse(recipe)
    chosen = Options(chosen.retain | set(rules.retain), chosen.clean | set(rules.clean))
    return Plan(**({"key": KEY, "options": chosen, "recipe": rules} | more))


def written(path: Path, wanted: Plan) -> tuple[Path, tuple[str, ...]]:
    """De-identify a file; give the output and the warnings."""
    target = path.with_name(f"{path.stem}-out.dcm")
    with DicomFile(path) as file:
        done: Deidentified = deidentify(file, wanted)
        deflated = done.deflated
        rewrite(file, done.meta, done.body, target, deflated=deflated, overwrite=True)
    return target, done.warnings


def treated(path: Path, *options: str, **more: Any) -> FileDataset:  # noqa: ANN401 - as `plan`
    """De-identify a file and read the output."""
    target, _ = written(path, plan(*options, **more))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = dcmread(target)
        data.decode()
    return data


def treated_ct(folder: Path, *options: str, recipe: str = "", **attributes: Any) -> FileDataset:  # noqa: ANN401
    """De-identify a CT image with attributes."""
    with warnings.catch_warnings():  # of values that are invalid on purpose
        warnings.simplefilter("ignore")
        path = make_ct(folder / "in.dcm", **attributes)
    return treated(path, *options, recipe=recipe)


def item(**attributes: Any) -> Dataset:  # noqa: ANN401 - values of attributes by keyword
    """Make an item."""
    data = Dataset()
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    return data

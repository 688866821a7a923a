"""Say what a run of de-identification is to do: all that a result depends on besides the file.

A plan can be sent to other processes; there the same file becomes the same, byte for byte.
"""

from dataclasses import dataclass

from dcmtools.deid.burned_in import BurnedIn
from dcmtools.deid.keys import DEFAULT_MAX_SHIFT, Key
from dcmtools.deid.options import Options
from dcmtools.deid.patients import PatientMap
from dcmtools.deid.recipe import Recipe
from dcmtools.deid.regions import Region

_BASIC, _NO_RECIPE = Options(), Recipe()


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is done to every file of a run.

    Parameters
    ----------
    key : Key
        What makes UIDs, pseudonyms and shifts.
    options : Options
        The options of the profile, those of the recipe included.
    recipe : Recipe
        Its rules go on top of the profile; its options and regions are not looked at here.
    patients : PatientMap or None
        The identifiers that are given; None where the key makes them.
    max_shift : int
        The most days by which dates move; see `Key.shift`.
    uid_root : str
        What new UIDs begin with; see `Key.uid`.
    regions : tuple of Region
        What is to be black, those of the recipe included.
    burned_in : BurnedIn
        What becomes of an object whose picture may show text.
    """

    key: Key
    options: Options = _BASIC
    recipe: Recipe = _NO_RECIPE
    patients: PatientMap | None = None
    max_shift: int = DEFAULT_MAX_SHIFT
    uid_root: str = ""
    regions: tuple[Region, ...] = ()
    burned_in: BurnedIn = BurnedIn.WARN

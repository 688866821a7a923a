"""Read a recipe: a TOML file with options and rules that go on top of the profile.

Everything in it is checked before the first file is touched, and what is wrong is named with its
line. Recipes to start from come with the package.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dcmtools.dataset.conditions import Condition
from dcmtools.dataset.path import EXACT, Step, TagPath
from dcmtools.deid.options import Clean, Retain
from dcmtools.deid.recipe_choice import Choice
from dcmtools.deid.recipe_reader import Reader
from dcmtools.deid.recipe_rules import RecipeAction, RecipeRule
from dcmtools.deid.regions import Region
from dcmtools.errors import ConfigError, UsageError, reason

_MOST_CHOICES = 256  # that are remembered; each is a set of rules that count together

TEMPLATES = ("research", "sharing", "trial", "teaching")
"""The recipes that come with the package."""


@dataclass(frozen=True)
class Recipe:
    """What a recipe says; get it by `load`. It may go to other processes.

    Parameters
    ----------
    retain : tuple of Retain
        Options of the profile; those of the command line are added.
    clean : tuple of Clean
        Likewise.
    rules : tuple of RecipeRule
        The rules in the order of the file.
    regions : tuple of Region
        The regions, likewise; those of the command line are added.
    """

    retain: tuple[Retain, ...] = ()
    clean: tuple[Clean, ...] = ()
    rules: tuple[RecipeRule, ...] = ()
    regions: tuple[Region, ...] = ()
    _choices: dict[tuple[bool, ...], Choice] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def load(cls, path: Path) -> "Recipe":
        """Read a recipe.

        Raises
        ------
        ConfigError
            The file cannot be read, or holds what is not valid.
        """
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as exc:
            raise ConfigError(str(path), reason(exc), "Make it a readable file.") from exc
        except UnicodeDecodeError as exc:
            raise ConfigError(str(path), "is not UTF-8 text", "Save it as UTF-8.") from exc
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str = "recipe") -> "Recipe":
        """Read the text of a recipe; `name` is what to call it in errors. See `load`."""
        values = Reader(text, name).recipe()
        return cls(
            values.get("retain", ()),
            values.get("clean", ()),
            values.get("rule", ()),
            values.get("region", ()),
        )

    def chosen(self, meets: Callable[[Sequence[Condition]], bool]) -> Choice:
        """Give the rules that count for a data set.

        Parameters
        ----------
        meets : callable
            Tells whether the data set, as it came, meets conditions:
            ``partial(meets_tree, tree)``.
        """
        met = tuple([not rule.when or meets(rule.when) for rule in self.rules])
        choice = self._choices.get(met)
        if choice is None:
            choice = Choice(rule for rule, counts in zip(self.rules, met, strict=True) if counts)
            if len(self._choices) < _MOST_CHOICES:
                self._choices[met] = choice
        return choice

    def explain(self, path: TagPath) -> Iterator[str]:
        """Say which rules name an element, a line each; of those that count the last decides.

        Parameters
        ----------
        path : TagPath
            The path of the element, without wildcards; where it names no item, the first is meant.
        """
        *above, last = path.nodes
        steps = [
            Step(node.tag, node.creator, node.item if isinstance(node.item, int) else 0)
            for node in above
        ]
        for rule in self.rules:
            if Choice([rule]).rule_for(last.tag, last.creator, lambda: steps) is not None:
                conditions = " and ".join(map(str, rule.when))
                yield f"  but by the recipe: {rule.action}{conditions and f', where {conditions}'}"

    def relaxes(self, changes: Callable[[int, str], bool]) -> tuple[str, ...]:
        """List what the recipe keeps, at least in part, although the profile would not.

        Parameters
        ----------
        changes : callable
            Tells whether the profile, with its options, removes or changes an element, by its tag
            and its private creator or "".

        Returns
        -------
        tuple of str
            RecipeAction and path, as ``keep StationName``, without values; a path with wildcards is
            always taken for one that the profile changes.
        """
        return tuple(
            dict.fromkeys(line for rule in self.rules for line in relaxation(rule, changes))
        )


def relaxation(rule: RecipeRule, changes: Callable[[int, str], bool]) -> tuple[str, ...]:
    """List what one rule keeps although the profile would not; see `Recipe.relaxes`."""
    if rule.action not in (RecipeAction.KEEP, RecipeAction.REPLACE):
        return ()
    lasts = [(path, path.nodes[-1]) for path in rule.paths]
    return tuple(
        f"{rule.action} {path}"
        for path, last in lasts
        if (last.mask != EXACT and not last.creator) or changes(last.tag, last.creator)
    )


def template(name: str) -> str:
    """Give the text of a recipe that comes with the package.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    if name not in TEMPLATES:
        hint = f"There are {', '.join(TEMPLATES)}."
        raise UsageError(name, "is not a recipe that comes with the program", hint)
    return Path(__file__).with_name("templates").joinpath(f"{name}.toml").read_text("utf-8")

"""Decide which rule of a recipe counts for an element, and quickly: each file has hundreds.

A path of one node names the attribute at any depth, as it does where elements are chosen for a
dump; a sequence on the way without an item number means all of its items. Of several rules for an
element the last counts. A wildcard does not reach what no rule may name.
"""

from collections.abc import Callable, Iterable, Sequence

from dcmtools.dataset.path import Step, TagPath
from dcmtools.deid.recipe_rules import RecipeAction, RecipeRule, objection

_MOST_TAGS = 1 << 16  # that are remembered; files of strangers may have any


class Choice:
    """The rules that count for one data set, by what they name.

    Parameters
    ----------
    rules : iterable of RecipeRule
        The rules in the order of the recipe, those left out whose conditions are not met.
    """

    def __init__(self, rules: Iterable[RecipeRule]) -> None:
        self._named = [(path, rule) for rule in rules for path in rule.paths][::-1]
        self._by_tag: dict[int, tuple[tuple[TagPath, RecipeRule], ...]] = {}

    def rule_for(
        self, tag: int, creator: str = "", steps: Callable[[], Sequence[Step]] = tuple
    ) -> RecipeRule | None:
        """Find the rule for an element: the last that names it, None where none does.

        Parameters
        ----------
        tag : int
            Group and element.
        creator : str
            The private creator of its block, or "".
        steps : callable
            Gives the sequences that hold it, from the data set downwards; it is only asked where
            a path says more than the element itself.
        """
        named = self._by_tag.get(tag)
        if named is None:
            named = self._remembered(tag)
        for path, rule in named:
            way = steps() if len(path.nodes) > 1 else ()
            if path.matches(tag, creator, way, anywhere=True):
                return rule
        return None

    def _remembered(self, tag: int) -> tuple[tuple[TagPath, RecipeRule], ...]:
        """Leave out the rules that cannot be for a tag, and what is not open to wildcards."""
        if len(self._by_tag) >= _MOST_TAGS:
            self._by_tag.clear()
        named = tuple(
            (path, rule)
            for path, rule in self._named
            if tag & path.nodes[-1].mask == path.nodes[-1].tag
            and not objection(tag, bool(path.nodes[-1].creator), rule)
        )
        self._by_tag[tag] = named
        return named

    @property
    def additions(self) -> tuple[tuple[TagPath, RecipeRule], ...]:
        """What is set even where it is absent, in the order of the recipe, the last rule for each.

        A path of one node is added to the data set itself, one with sequences to the items that
        are there.
        """
        found = {path: rule for path, rule in self._named[::-1] if rule.action is RecipeAction.SET}
        return tuple(found.items())

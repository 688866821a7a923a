"""Check the TOML text of a recipe, and say on which line something is wrong."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

from dcmtools.dataset import dictionary
from dcmtools.dataset.conditions import Condition
from dcmtools.dataset.path import TagPath
from dcmtools.deid.options import Clean, Retain
from dcmtools.deid.patterns import compiled
from dcmtools.deid.recipe_rules import RecipeAction, RecipeRule
from dcmtools.deid.regions import Region
from dcmtools.deid.toml_lines import Where, toml_lines
from dcmtools.deid.value_templates import ValueTemplate
from dcmtools.errors import ConfigError, UsageError

_LARGEST = 65535  # Rows and Columns are US
_ERROR_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_Check = Callable[[Where, Any], Any]
_Option = TypeVar("_Option", Retain, Clean)


class Reader:
    """The values of a recipe, checked; what is wrong is a ConfigError that names its line."""

    def __init__(self, text: str, name: str) -> None:
        import tomllib  # noqa: PLC0415 - most runs have no recipe

        self._name = name
        try:
            self.content = tomllib.loads(text)
            self._lines = toml_lines(text)
        except (ValueError, RecursionError) as exc:
            raise _no_toml(name, text, str(exc)) from exc

    def recipe(self) -> dict[str, Any]:
        """Check it all."""
        checks: dict[str, _Check] = {
            "retain": partial(self.words, Retain),
            "clean": partial(self.words, Clean),
            "rule": partial(self.tables, self.rule),
            "region": partial(self.tables, self.region),
        }
        values = self.table((), self.content, checks)
        if {Retain.DATES, Retain.DATES_SHIFTED}.issubset(values.get("retain", ())):
            why = f"has both '{Retain.DATES}' and '{Retain.DATES_SHIFTED}'"
            self.fail(("retain",), why, "Choose one of them.")
        self._check_order(values.get("rule", ()))
        return values

    def _check_order(self, rules: Sequence[RecipeRule]) -> None:
        """Refuse values that are made of values that are made of others."""
        made = {
            path.nodes[-1].tag
            for rule in rules
            if rule.value is not None and rule.value.keywords
            for path in rule.paths
        }
        for number, rule in enumerate(rules):
            own = {path.nodes[-1].tag for path in rule.paths}
            for keyword in rule.value.keywords if rule.value is not None else ():
                tag = dictionary.keyword_tag(keyword)
                if tag in made and tag not in own:
                    why = f"'{keyword}' is made of other values itself"
                    self.fail(("rule", number, "value"), why, "Name what it is made of.")

    def fail(self, where: Where, why: str, hint: str = "") -> NoReturn:
        """Raise a ConfigError for a value."""
        line = 0
        for end in range(len(where), 0, -1):
            line = line or self._lines.get(where[:end], 0)
        label = ".".join(part for part in where if isinstance(part, str))
        what = f"{self._name}:{line}" if line else self._name
        raise ConfigError(what, f"{label}: {why}" if label else why, hint or "Correct it there.")

    def table(self, where: Where, entries: object, checks: dict[str, _Check]) -> dict[str, Any]:
        """Check the values of a table by its keys."""
        if not isinstance(entries, dict):
            self.fail(where, "must be a table")
        values = {}
        for key, value in entries.items():
            if key not in checks:
                self.fail((*where, key), "is an unknown key", _nearest(key, checks))
            values[key] = checks[key]((*where, key), value)
        return values

    def tables(self, read: _Check, where: Where, value: object) -> tuple[Any, ...]:
        """Check an array of tables."""
        if not isinstance(value, list):
            self.fail(where, "must be an array of tables", f"Begin each with [[{where[-1]}]].")
        return tuple(read((*where, number), each) for number, each in enumerate(value))

    def words(self, options: type[_Option], where: Where, value: object) -> tuple[_Option, ...]:
        """Check a list of options of the profile, which may be empty."""
        word = partial(self.word, tuple(options), "an option of the profile")
        return tuple(
            options(each) for each in (self.each(word, where, value) if value != [] else ())
        )

    def word(self, known: Sequence[str], kind: str, where: Where, value: object) -> str:
        """Check one of some words."""
        if value not in known:
            self.fail(where, f"'{value}' is not {kind}", _nearest(str(value), known))
        return str(value)

    def each(self, read: _Check, where: Where, value: object) -> list[Any]:
        """Check a list, which may be left out around a single text."""
        if isinstance(value, str):
            return [read(where, value)]
        if not isinstance(value, list) or not value:
            self.fail(where, "must be a text or a list of texts", 'Write ["one", "two"].')
        return [read((*where, number), one) for number, one in enumerate(value)]

    def text(self, where: Where, value: object) -> str:
        """Check that a value is text."""
        if not isinstance(value, str):
            self.fail(where, "must be a text", "Put it in quotes.")
        return value

    def read(self, parse: Callable[[str], Any], where: Where, value: object) -> Any:  # noqa: ANN401 - what `parse` gives
        """Have a text read by what refuses it with a UsageError."""
        text = self.text(where, value)
        try:
            return parse(text)
        except UsageError as exc:
            self.fail(where, str(exc), exc.hint)

    def conditions(self, where: Where, value: object) -> tuple[Condition, ...]:
        """Check one condition, or a list of those that must all be met."""
        return tuple(self.each(partial(self.read, Condition.parse), where, value))

    def number(self, least: int, where: Where, value: object) -> int:
        """Check a number of pixels."""
        if type(value) is not int or not least <= value <= _LARGEST:
            self.fail(where, f"must be a whole number from {least} to {_LARGEST}")
        return value

    def region(self, where: Where, value: object) -> Region:
        """Check a region."""
        place, extent = partial(self.number, 0), partial(self.number, 1)
        checks: dict[str, _Check] = {"x": place, "y": place, "w": extent, "h": extent}
        values = self.table(where, value, checks | {"when": self.conditions})
        if missing := [key for key in ("x", "y") if key not in values]:
            hint = "Write x, y, w and h in pixels; without w or h it goes up to the edge."
            self.fail(where, f"has no {' and no '.join(missing)}", hint)
        width, height = values.get("w"), values.get("h")
        return Region(values["x"], values["y"], width, height, values.get("when", ()))

    def rule(self, where: Where, value: object) -> RecipeRule:
        """Check a rule."""
        wild = partial(TagPath.parse, wildcards=True)
        checks: dict[str, _Check] = {
            "path": partial(self.read, wild),
            "paths": partial(self.each, partial(self.read, wild)),
            "action": partial(self.word, tuple(RecipeAction), "an action"),
            "value": partial(self.read, ValueTemplate.parse),
            "pattern": partial(self.read, compiled),
            "with": self.text,
            "when": self.conditions,
        }
        values = self.table(where, value, checks)
        if ("path" in values) == ("paths" in values):
            self.fail(where, "must have either path or paths", 'Write path = "StudyDescription".')
        if "action" not in values:
            self.fail(where, "has no action", f"Actions are {', '.join(RecipeAction)}.")
        action = RecipeAction(values["action"])
        for key, owner in _KEYS_OF_ACTIONS.items():
            if key in values and action is not owner:
                self.fail((*where, key), f"is only for action = '{owner}', not '{action}'")
        for key in {RecipeAction.SET: ("value",), RecipeAction.REPLACE: ("pattern",)}.get(
            action, ()
        ):
            if key not in values:
                self.fail(where, f"has no {key}, which '{action}' needs")
        pattern, replacement = values.get("pattern"), values.get("with", "")
        if pattern is not None:
            try:
                pattern.sub(replacement, "")
            except (re.error, IndexError) as exc:
                hint = r"Write with = '\1' for the first group of the pattern."
                self.fail((*where, "with"), f"'{replacement}' cannot be used: {exc}", hint)
        paths = (values["path"],) if "path" in values else tuple(values["paths"])
        when = values.get("when", ())
        rule = RecipeRule(paths, action, when, values.get("value"), pattern, replacement)
        self._check_paths(where, rule, single="path" in values)
        return rule

    def _check_paths(self, where: Where, rule: RecipeRule, *, single: bool) -> None:
        for number, path in enumerate(rule.paths):
            try:
                rule.check(path)
            except UsageError as exc:
                key: Where = ("path",) if single else ("paths", number)
                self.fail((*where, *key), str(exc), exc.hint)


_KEYS_OF_ACTIONS = {
    "value": RecipeAction.SET,
    "pattern": RecipeAction.REPLACE,
    "with": RecipeAction.REPLACE,
}


def _nearest(word: str, known: Sequence[str] | dict[str, _Check]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

    near = get_close_matches(word.lower(), known, 1)
    return f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(known)}."


def _no_toml(name: str, text: str, problem: str) -> ConfigError:
    place = _ERROR_PLACE.search(problem)
    line, column = 0, ""
    if place is not None:
        problem = problem[: place.start()]
        line = int(place[1] or text.rstrip("\n").count("\n") + 1)
        column = f", at column {place[2]}" if place[2] else ", at the end"
    why = f"is not valid TOML: {problem[:1].lower()}{problem[1:]}{column}"
    return ConfigError(f"{name}:{line}" if line else name, why, "Correct it there.")

"""Keep the order in which options of several kinds stand on the command line.

The parser groups what is given by option; an edit is done in the order in which it was typed.
"""

from collections.abc import Iterator
from typing import Any

from dcmtools.cli._options import Command


class OrderedCommand(Command):
    """A command that knows the order of its options."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(*arguments, **attributes)
        self._given: list[tuple[str, str]] = []

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's
        """Parse the command line, and note which option follows which."""
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        left = {name: iter(each) for name, each in values.items() if isinstance(each, list)}
        self._given = []
        for parameter in order:
            name = str(parameter.name)
            following: Iterator[str] | None = left.get(name)
            self._given.append((name, next(following, "") if following else ""))
        return super().parse_args(ctx, args)

    def given(self, *names: str) -> Iterator[tuple[str, str]]:
        """Give options of these names as they stand, each with its value, "" for a flag."""
        return ((name, value) for name, value in self._given if name in names)

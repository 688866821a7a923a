"""Decide how the manual and the completions see the program: its commands, options and operands."""

import re
import sys
from collections.abc import Iterable

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from dcmtools.cli.main import ALIASES, app


def program() -> TyperGroup:
    """Give the program as Typer sees it."""
    group = typer.main.get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError(group)
    return group


def commands(group: TyperGroup) -> dict[str, TyperCommand]:
    """List the commands of the program by name, sorted; hidden ones are left out."""
    context = typer.Context(group)
    each = {name: group.get_command(context, name) for name in sorted(group.list_commands(context))}
    found = {name: it for name, it in each.items() if isinstance(it, TyperCommand)}
    return {name: command for name, command in found.items() if not command.hidden}


def all_names(group: TyperGroup) -> dict[str, TyperCommand]:
    """List the commands of the program by all their names, sorted."""
    found = commands(group)
    others = {name: found[command] for name, command in ALIASES.items() if command in found}
    return dict(sorted((found | others).items()))


def options(group: TyperGroup, command: TyperCommand | None = None) -> list[TyperOption]:
    """List the options of a command, or of the program itself, with ``--help`` at the end.

    Hidden ones are left out.
    """
    context = typer.Context(group, **group.context_settings)
    if command:
        context = typer.Context(command, parent=context)
    parameters = (command or group).get_params(context)
    return [each for each in parameters if isinstance(each, TyperOption) and not each.hidden]


def operands(command: TyperCommand) -> list[TyperArgument]:
    """List the operands of a command."""
    return [each for each in command.params if isinstance(each, TyperArgument)]


def choices(parameter: TyperOption | TyperArgument) -> tuple[str, ...]:
    """List the words that a parameter can be, nothing when it can be more."""
    if re.fullmatch(r"[\[<].*\|.*[]>]", parameter.metavar or ""):
        return tuple((parameter.metavar or "")[1:-1].split("|"))
    return tuple(str(choice) for choice in getattr(parameter.type, "choices", ()))


def spellings(names: Iterable[str]) -> list[str]:
    """Put the short names of an option first; those of ``--help`` come in no order at all."""
    return sorted(names, key=lambda name: name.startswith("--"))


def metavar(parameter: TyperOption | TyperArgument) -> str:
    """Name the value of a parameter, "" for an option that has none."""
    if isinstance(parameter, TyperOption) and (parameter.is_flag or parameter.count):
        return ""
    return (parameter.metavar or str(parameter.name).upper()).removesuffix("...")


def examples(command: TyperCommand) -> tuple[tuple[str, str], ...]:
    """List the examples of a command: what each does, and the command line."""
    found: tuple[tuple[str, str], ...]
    found = getattr(sys.modules[command.callback.__module__], "EXAMPLES", ())
    return found

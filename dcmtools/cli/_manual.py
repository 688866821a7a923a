"""Decide what the manual pages say: mdoc(7) made from the commands themselves.

What a command, an option or an exit code means stands where it is defined and is only set here;
what concerns all commands is written out below.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from dcmtools import __version__
from dcmtools.cli._manual_text import ABOUT, ENVIRONMENT, FILES, PEERS, SEE_ALSO, TAG_PATHS
from dcmtools.cli._tree import (
    choices,
    commands,
    examples,
    metavar,
    operands,
    options,
    spellings,
)
from dcmtools.errors import ExitCode

VERSION_DATE = "November 24, 2026"
"""The day of this version of the manual, so that making the pages twice gives the same."""

_LITERAL = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
)
_LINE = 66  # columns of an example, so that it fits a terminal with its indentation


def pages(group: TyperGroup) -> dict[str, str]:
    """Make the manual pages.

    Parameters
    ----------
    group : TyperGroup
        The program.

    Returns
    -------
    dict of str to str
        The mdoc source by the name of its file.
    """
    made = {"dcmtools.1": _joined(_main_page(group))}
    for name, command in commands(group).items():
        made[f"dcmtools-{name}.1"] = _joined(_command_page(group, name, command))
    return made


def _joined(parts: Iterable[str]) -> str:
    return "\n".join(part.strip("\n") for part in parts if part) + "\n"


def _main_page(group: TyperGroup) -> Iterator[str]:
    yield from _head("dcmtools", group.help or "")
    yield ".Nm\n.Op Ar option ...\n.Ar command\n.Op Ar argument ..."
    yield ".Nm\n.Fl \\-help | Fl \\-version"
    yield ".Sh DESCRIPTION" + ABOUT
    yield ".Sh COMMANDS\n.Bl -tag -width Ds"
    for name, command in commands(group).items():
        yield f".It Xr dcmtools-{name} 1\n{_prose(_summary(command.help or ''))}"
    yield ".El\n.Sh OPTIONS\nBefore the name of the command and after it:"
    yield from _option_list(_global_options(group))
    yield ".Pp\nInstead of a command:"
    own = [each for each in options(group) if each not in _global_options(group)]
    yield from _option_list(own)
    yield ".Sh PEERS" + PEERS
    yield ".Sh TAG PATHS" + TAG_PATHS
    yield ".Sh ENVIRONMENT" + ENVIRONMENT + ".Sh FILES" + FILES
    yield ".Sh EXIT STATUS\nA script can rely on these numbers:"
    yield from _exit_status()
    yield ".Sh EXAMPLES"
    first = [each for command in commands(group).values() for each in examples(command)[:3]]
    yield from _example_list(first)
    yield ".Pp\nThe page of each command has more."
    yield ".Sh SEE ALSO"
    yield from _references(commands(group))
    yield SEE_ALSO


def _command_page(group: TyperGroup, name: str, command: TyperCommand) -> Iterator[str]:
    text = command.help or ""
    known = _known([*options(group, command), *operands(command)])
    yield from _head(f"dcmtools-{name}", text)
    yield f'.Nm "dcmtools {name}"\n.Op Ar option ...'
    for operand in operands(command):
        many = " ..." if operand.nargs != 1 else ""
        optional = "" if operand.required else "Op "
        yield f".{optional}Ar {_argument(metavar(operand))}{many}"
    yield ".Sh DESCRIPTION"
    yield "\n.Pp\n".join(_prose(each, known) for each in text.split("\n\n"))
    if operands(command):
        yield ".Pp\nThe operands:\n.Bl -tag -width Ds"
        for operand in operands(command):
            yield f".It Ar {_argument(metavar(operand))}\n{_prose(operand.help or '', known)}"
        yield ".El"
    shared = {each.name for each in _global_options(group)}
    own = [each for each in options(group, command) if each.name not in shared]
    yield ".Sh OPTIONS"
    yield from _option_list(own, known)
    yield ".Sh GLOBAL OPTIONS\nThese may also stand before the name of the command:"
    yield from _option_list(_global_options(group))
    yield ".Sh EXIT STATUS\nAs for all commands; see\n.Xr dcmtools 1 ."
    yield from _exit_status()
    yield ".Sh EXAMPLES"
    yield from _example_list(examples(command))
    yield ".Sh SEE ALSO"
    yield ".Xr dcmtools 1" + (" ," if len(commands(group)) > 1 else "")
    yield from _references(other for other in commands(group) if other != name)


def _head(name: str, text: str) -> Iterator[str]:
    """Begin a page, down to where its synopsis starts."""
    summary = _summary(text).rstrip(".")
    if summary[1:2].islower():
        summary = summary[0].lower() + summary[1:]
    yield '.\\" Made by "python -m dcmtools.cli._generate"; changes belong there.'
    yield f".Dd {VERSION_DATE}\n.Dt {name.upper()} 1\n.Os dcmtools {__version__}"
    yield f".Sh NAME\n.Nm {name}\n.Nd {summary}\n.Sh SYNOPSIS"


def _summary(text: str) -> str:
    """Give the first paragraph of a help text."""
    return " ".join(text.partition("\n\n")[0].split())


def _global_options(group: TyperGroup) -> list[TyperOption]:
    """List the options that every command has too, ``--help`` among them."""
    everywhere = [{each.name for each in options(group, each)} for each in commands(group).values()]
    return [each for each in options(group) if all(each.name in names for names in everywhere)]


def _references(names: Iterable[str]) -> Iterator[str]:
    yield " ,\n".join(f".Xr dcmtools-{name} 1" for name in names)


def _option_list(
    listed: Iterable[TyperOption], known: Mapping[str, str] | None = None
) -> Iterator[str]:
    yield ".Bl -tag -width Ds"
    for option in listed:
        names = [
            _name(name) for name in [*spellings(option.opts), *spellings(option.secondary_opts)]
        ]
        yield f".It {' , '.join(names)}{_value(option)}"
        own = {**(known or {}), **_known([option])}
        own |= {choice: f"Cm {_argument(choice)}" for choice in choices(option)}
        yield _prose(" ".join([option.help or "", *_facts(option)]), own)
    yield ".El"


def _name(option: str) -> str:
    """Set the name of an option."""
    macro, rest = ("Fl", option[1:]) if option.startswith("-") else ("Cm", option)
    return f"{macro} {_argument(rest)}"


def _value(option: TyperOption) -> str:
    """Set what follows the names of an option."""
    if listed := choices(option):
        return " " + " | ".join(f"Cm {_argument(choice)}" for choice in listed)
    value = metavar(option)
    return f" Ar {_argument(value)}" if value else ""


def _facts(option: TyperOption) -> Iterator[str]:
    """Say what an option does not say of itself but what its definition knows."""
    if option.multiple and "repeat" not in (option.help or ""):
        yield "It may be repeated."
    least, most = getattr(option.type, "min", None), getattr(option.type, "max", None)
    if metavar(option) and (least or most is not None):
        bounds = [f"at least {least}" if least else "", f"at most {most}" if most else ""]
        yield f"It is {' and '.join(filter(None, bounds))}."
    if option.is_flag and option.secondary_opts and option.default is not None:
        default = option.opts if option.default else option.secondary_opts
        yield f"The default is {default[0]}."
    elif metavar(option) and option.show_default and option.default not in (None, ""):
        yield f"The default is {option.default}."
    if metavar(option).startswith("TAGPATH"):
        yield "For how to write TAGPATH see dcmtools(1)."
    if option.envvar:
        yield f"Without it, {option.envvar} is used."


def _known(parameters: Iterable[TyperOption | TyperArgument]) -> dict[str, str]:
    """Map words to the macro that they have in running text: options and their values."""
    words = {"-": "Fl", "NO_COLOR": "Ev NO_COLOR", "dcmtools(1)": "Xr dcmtools 1"}
    for each in parameters:
        if metavar(each):
            words[metavar(each)] = f"Ar {_argument(metavar(each))}"
        if isinstance(each, TyperOption):
            words |= {name: _name(name) for name in (*each.opts, *each.secondary_opts)}
            if each.count:
                words |= {name * 2: _name(name) for name in each.opts}
                words |= {f"{n}{n[1]}": f"Fl {n[1] * 2}" for n in each.opts if n[1] != "-"}
    return words


def _prose(text: str, known: Mapping[str, str] | None = None) -> str:
    """Set running text: a sentence a line, and words that are known in their macro."""
    macros = known or {}
    lines: list[str] = []
    for sentence in re.split(r"(?<=[.:!?])\s+(?=[A-Z])", " ".join(text.split())):
        plain: list[str] = []
        for word in sentence.split(" "):
            core = word.rstrip(".,;:")
            if core in macros:
                lines += _wrapped(plain)
                lines.append(" ".join([f".{macros[core]}", *word[len(core) :]]))
                plain = []
            else:
                plain.append(word)
        lines += _wrapped(plain)
    return "\n".join(lines)


def _wrapped(words: list[str]) -> list[str]:
    """Break text into lines, none of which reads as a request."""
    text = " ".join(words).replace("\\", r"\e").replace("~", r"\(ti").replace("^", r"\(ha")
    lines = textwrap.wrap(text, 80, break_long_words=False, break_on_hyphens=False)
    return [rf"\&{line}" if line.startswith((".", "'")) else line for line in lines]


def _argument(word: str) -> str:
    """Protect a word from being read as a macro or a delimiter on a macro line."""
    protected = word.translate(_LITERAL)
    return rf"\&{protected}" if re.fullmatch(r"%?[A-Z][a-z]|[.,:;()\[\]?!|]", word) else protected


def _exit_status() -> Iterator[str]:
    yield '.Bl -tag -width "130 INTERRUPTED"'
    for code in ExitCode:
        number = str(int(code)).rjust(3).replace(" ", r"\0")
        yield f".It {number} {code.name}\n{_prose(code.description)}"
    yield ".El"


def _example_list(listed: Iterable[tuple[str, str]]) -> Iterator[str]:
    for number, (text, line) in enumerate(listed):
        start = ".Pp\n" if number else ""
        yield f"{start}{_prose(text.rstrip('.'))}:\n.Bd -literal -offset indent"
        parts = (part for each in line.splitlines() for part in _folded(each))
        yield "\n".join(part.translate(_LITERAL) for part in parts)
        yield ".Ed"


def _folded(line: str) -> list[str]:
    """Break a long command line where the shell lets it go on in the next."""
    if len(line) <= _LINE:
        return [line]
    breaks = [found.start() for found in re.finditer(r" (?=-\w|--\w|[|>] )", line)]
    begin = len(line) - len(line.lstrip())
    fitting = [at for at in breaks if begin < at < _LINE and not (line.count("'", 0, at) % 2)]
    if not fitting:
        return [line]
    return [f"{line[: fitting[-1]]} \\", *_folded("    " + line[fitting[-1] + 1 :])]

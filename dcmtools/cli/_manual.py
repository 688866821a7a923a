"""Decide what the manual pages say: mdoc(7) made from the commands themselves.

What a command, an option or an exit code means stands where it is defined and is only set here;
what concerns all commands is written out below.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from dcmtools import __version__
from dcmtools.cli._tree import (
    choices,
    commands,
    examples,
    metavar,
    operands,
    options,
    spellings,
)
from dcmtools.config import Config
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED
from dcmtools.errors import ExitCode

VERSION_DATE = "November 23, 2026"
"""The day of this version of the manual, so that making the pages twice gives the same."""

_LITERAL = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
)
_LINE = 66  # columns of an example, so that it fits a terminal with its indentation

_ABOUT = r"""
.Nm
shows what DICOM files hold and what is wrong with them.
Each task is a command with a page of its own, listed under
.Sx COMMANDS .
.Pp
Results go to standard output and nothing else does: messages, progress and the
summary of a batch go to standard error.
On a terminal the output may be drawn and coloured; in a pipe it is plain, and
never cut to the width of a window.
Control characters in values are escaped everywhere.
.Pp
Operands are files and folders.
A folder is walked, folders within it too, in sorted order.
Content decides whether a file is DICOM, never its name: other files that a walk
meets are passed over and counted, but a file that was named and is not DICOM is
an error.
A file that fails does not stop the others.
What happened to it is said, and the exit status tells that the work was done in
part.
"""

_TAG_PATHS = r"""
A tag path names an element, and is written the same way wherever one is asked
for:
.Pp
.D1 Ar element
.D1 Ar sequence Ns \&. Ns Ar element
.D1 Ar sequence Ns \&[ Ns Ar item Ns \&]. Ns Ar element
.Pp
with as many sequences as there are on the way to the element.
Each of them, and the element, is one of
.Bl -tag -width Ds
.It Ar Keyword
as in the DICOM data dictionary:
.Ql PatientName .
.It Pq Ar gggg , Ns Ar eeee
the tag, group and element in hexadecimal:
.Ql (0010,0010) .
The parentheses may be left out, and the comma with them:
.Ql 00100010 .
.It Pq Ar gggg , Ns Qo Ns Ar CREATOR Ns Qc , Ns Ar ee
a private element by the name of its private creator, in whatever block of the
group it lies:
.Ql (0009,\(dqACME 1.1\(dq,01) .
.El
.Pp
An
.Ar item
is the number of an item of the sequence, counted from 0, or
.Ql *
for all of them.
Where something is read, a sequence without a number stands for all of its
items.
Where a command says that it takes wildcards,
.Ql x
stands for any digit of a tag and
.Ql *
for any element.
.Pp
Parentheses, brackets and asterisks mean something to the shell, so quote such a
path.
Keywords, after a
.Ql \&.
too, are completed by the shell where completion is installed; see
.Sx FILES .
"""

_ENVIRONMENT = rf"""
A variable that is empty counts as not set.
.Bl -tag -width Ds
.It Ev DCMTOOLS_CONFIG
The configuration file to use instead of the usual one.
It has to exist.
.It Ev DCMTOOLS_AET
The AE title of this side, for commands that connect to a peer.
The default is {Config().aet}.
.It Ev DCMTOOLS_TIMEOUT
The seconds to wait for a peer, for commands that connect to one.
The default is {Config().timeout:g}.
.It Ev DCMTOOLS_MAX_INFLATED
The most bytes that a deflated data set may inflate to, as a guard against files
made to fill the memory.
The default is {DEFAULT_MAX_INFLATED}.
.It Ev NO_COLOR
Whatever its value, no colour is used unless
.Fl \-color Cm always
is given.
.It Ev XDG_CONFIG_HOME
The folder of configuration files, if it is an absolute path; otherwise
.Pa \(ti/.config .
.El
.Pp
An option outranks the variable, and a variable what the configuration file
says.
"""

_FILES = r"""
.Bl -tag -width Ds
.It Pa $XDG_CONFIG_HOME/dcmtools/config.toml
The configuration,
.Pa \(ti/.config/dcmtools/config.toml
where the variable is not set, and
.Pa %APPDATA%\edcmtools\econfig.toml
on Windows.
There need not be one.
It is TOML, all of it optional but the host and port of a peer.
An unknown key is an error.
.Bd -literal
aet = "WORKSTATION1"      # the AE title of this side
timeout = 30.0            # seconds
max_inflated = 1073741824 # bytes

[peers.pacs]
host = "pacs.example.org"
port = 2762
aet = "PACS"              # the AE title of the peer
timeout = 60.0            # with this peer
calling_aet = "WS1"       # towards this peer
tls = { ca = "ca.pem", cert = "ws1.pem", key = "ws1.key" }
.Ed
.Pp
Where TLS needs no files of its own,
.Ql tls = true
is enough.
Their paths start at the folder of the configuration file.
.It Pa share/bash\-completion/completions/dcmtools
.It Pa share/zsh/site\-functions/_dcmtools
.It Pa share/fish/vendor_completions.d/dcmtools.fish
Completion for the shells, below the folder that the program was installed to.
.El
"""

_SEE_ALSO = r"""
.Pp
Of the DICOM standard,
.Lk https://www.dicomstandard.org/current :
PS3.5 Data Structures and Encoding, PS3.6 Data Dictionary, PS3.10 Media Storage
and File Format.
"""


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
    yield ".Sh DESCRIPTION" + _ABOUT
    yield ".Sh COMMANDS\n.Bl -tag -width Ds"
    for name, command in commands(group).items():
        yield f".It Xr dcmtools-{name} 1\n{_prose(_summary(command.help or ''))}"
    yield ".El\n.Sh OPTIONS\nBefore the name of the command and after it:"
    yield from _option_list(_global_options(group))
    yield ".Pp\nInstead of a command:"
    own = [each for each in options(group) if each not in _global_options(group)]
    yield from _option_list(own)
    yield ".Sh TAG PATHS" + _TAG_PATHS
    yield ".Sh ENVIRONMENT" + _ENVIRONMENT + ".Sh FILES" + _FILES
    yield ".Sh EXIT STATUS\nA script can rely on these numbers:"
    yield from _exit_status()
    yield ".Sh EXAMPLES"
    first = [each for command in commands(group).values() for each in examples(command)[:3]]
    yield from _example_list(first)
    yield ".Pp\nThe page of each command has more."
    yield ".Sh SEE ALSO"
    yield from _references(commands(group))
    yield _SEE_ALSO


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
    if metavar(option) == "TAGPATH":
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
        yield "\n".join(part.translate(_LITERAL) for part in _folded(line))
        yield ".Ed"


def _folded(line: str) -> list[str]:
    """Break a long command line where the shell lets it go on in the next."""
    if len(line) <= _LINE:
        return [line]
    breaks = [found.start() for found in re.finditer(r" (?=-\w|--\w|[|>] )", line)]
    fitting = [at for at in breaks if at < _LINE and not (line.count("'", 0, at) % 2)]
    if not fitting:
        return [line]
    return [f"{line[: fitting[-1]]} \\", *_folded("    " + line[fitting[-1] + 1 :])]

"""Define the options that commands share, each in one place."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from dcmtools.config import check_seconds
from dcmtools.errors import OutputError, UsageError, reason
from dcmtools.output.emit import is_terminal
from dcmtools.output.talk import DETAIL, QUIET, Talk


class Color(StrEnum):
    """When to use colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(slots=True)
class Settings:
    """What the options of all commands say.

    Parameters
    ----------
    verbosity : int
        From `dcmtools.output.talk.QUIET` to `DETAIL`.
    log_file : Path or None
        A file that gets all that is said.
    color : Color
        When to use colour.
    """

    verbosity: int = 0
    log_file: Path | None = None
    color: Color = Color.AUTO
    _talks: dict[str, Talk] = field(default_factory=dict, init=False, repr=False, compare=False)

    def talk(self, command: str) -> Talk:
        """Give the voice of a command, always the same: a log file is opened once."""
        if command not in self._talks:
            self._talks[command] = Talk(f"dcmtools {command}", self.verbosity, self.log_file)
        return self._talks[command]

    @property
    def wants_detail(self) -> bool:
        """Whether anybody is told how things are done."""
        return self.verbosity >= DETAIL or self.log_file is not None

    @property
    def stdout_color(self) -> bool:
        """Whether data on stdout is to be coloured."""
        from os import environ  # noqa: PLC0415

        if self.color is not Color.AUTO:
            return self.color is Color.ALWAYS
        return is_terminal() and not environ.get("NO_COLOR")


_CHARSETS = {
    "utf8": "ISO_IR 192",
    "utf-8": "ISO_IR 192",
    "latin1": "ISO_IR 100",
    "latin-1": "ISO_IR 100",
}
"""What people type, and what the standard calls it."""


def charset_named(text: str) -> str:
    """Give the standard's term for what people call a character set, else what they have typed."""
    return _CHARSETS.get(text.lower(), text)


def is_dicom(path: Path) -> bool:
    """Tell whether a file that is to be written is one that must not be lost."""
    try:
        with path.open("rb") as file:
            return file.read(132).endswith(b"DICM")
    except (OSError, ValueError):
        return False


def seconds(context: typer.Context, option: typer.CallbackParam, value: float) -> float:
    """Check a number of seconds that an option gives; 0 is for none."""
    try:
        return check_seconds(value) if value else 0.0
    except ValueError as error:
        raise typer.BadParameter(f"{error}.", context, option) from error


def open_report(path: Path | None) -> IO[str] | None:
    """Open a file that gets a line of JSON about each item, where one is wanted.

    Raises
    ------
    UsageError
        It is a DICOM file.
    OutputError
        It cannot be written.
    """
    if path is None:
        return None
    if is_dicom(path):
        raise UsageError(str(path), "is a DICOM file and would be overwritten")
    try:
        return path.open("w", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise OutputError(str(path), reason(error)) from error


def check_distinct(**files: Path | None) -> None:
    """See that files that are written are not one and the same.

    Parameters
    ----------
    **files : Path or None
        Each by the name of its option, with ``_`` for ``-``.

    Raises
    ------
    UsageError
        Two are.
    """
    seen: dict[Path, str] = {}
    for name, path in files.items():
        if path is None:
            continue
        option = f"--{name.replace('_', '-')}"
        other = seen.setdefault(path.absolute(), option)
        if other != option:
            raise UsageError(option, f"is the same file as {other}: {path}")


def _keep(context: typer.Context, option: Any, value: Any) -> None:  # noqa: ANN401
    settings = context.ensure_object(Settings)
    if option.name == "verbose" and value:
        settings.verbosity = value
    elif option.name == "quiet" and value:
        settings.verbosity = QUIET
    elif option.name == "log_file" and value:
        if is_dicom(Path(value)):
            raise typer.BadParameter(f"{value} is a DICOM file.", context, option)
        settings.log_file = Path(value)
    elif option.name == "color" and value:
        if value not in list(Color):
            choices = ", ".join(Color)
            raise typer.BadParameter(f"'{value}' is not one of {choices}.", context, option)
        settings.color = Color(value)


def global_options() -> list[TyperOption]:
    """Make the options that may stand before and after the name of a command."""
    shared: dict[str, Any] = {"expose_value": False, "callback": _keep}
    return [
        TyperOption(
            param_decls=["-v", "--verbose"],
            count=True,
            help="Say what is being done; -vv how.",
            **shared,
        ),
        TyperOption(
            param_decls=["-q", "--quiet"], is_flag=True, help="Say nothing but errors.", **shared
        ),
        TyperOption(
            param_decls=["--log-file"], metavar="FILE", help="Write messages to FILE too.", **shared
        ),
        TyperOption(
            param_decls=["--color"],
            metavar="[auto|always|never]",
            help="When to use colour; NO_COLOR is heeded.",
            **shared,
        ),
    ]


class Command(TyperCommand):
    """A command that takes the global options too."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **attributes)
        self.params += global_options()


FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from", metavar="FILE", help="Read the names of files from FILE, - for stdin."
    ),
]
Null = Annotated[
    bool, typer.Option("-0", "--null", help="Names in --files-from end with NUL, not newline.")
]
Recurse = Annotated[
    bool, typer.Option("--recurse/--no-recurse", "+r/-r", help="Walk folders within folders too.")
]
Jobs = Annotated[
    int,
    typer.Option("-j", "--jobs", metavar="N", min=0, max=256, help="Processes to use; 0 chooses."),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        readable=False,
        help="Write a line of JSON about each file to FILE.",
    ),
]
Simple = Annotated[bool, typer.Option("--simple", help="JSON with keywords and plain values.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first file that fails.")]

"""Put the program together: its commands, the options of all of them, the one error handler."""

import sys
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from dcmtools import __version__
from dcmtools.cli._options import Command, Settings, global_options
from dcmtools.dataset.pydicom_bridge import leave_numpy_out
from dcmtools.errors import DcmtoolsError, ExitCode, OutputError
from dcmtools.output.emit import ClosedPipeError
from dcmtools.output.talk import SILENT, Talk

COMMANDS = {
    "anonymize": "Take out of files who the patient is (PS3.15 Annex E).",
    "convert": "Write files in another transfer syntax; only the encoding changes.",
    "dump": "Show what DICOM files hold, as text, tree, JSON, tables or XML.",
    "echo": "Ask peers whether they answer, how fast, and what they offer.",
    "find": "Ask a peer what it has: studies, series, images, worklists.",
    "get": "Retrieve objects on the association on which they are asked for (C-GET).",
    "image": "Make pictures of images: PNG, JPEG, TIFF, NumPy, or in the terminal.",
    "modify": "Edit the headers of files: insert, modify, erase, and nothing else changes.",
    "move": "Have a peer send objects to another, or to us (C-MOVE).",
    "peers": "List the peers of the configuration, and whether they answer.",
    "reidentify": "Put the original identity back, where a map of it was kept.",
    "store": "Send objects to a peer, as many as there are (C-STORE).",
    "storescp": "Receive objects that others send (C-STORE), and store them.",
}
"""The commands, each with what the first line of its help says, so that listing loads none."""


ALIASES = {"send": "store"}
"""Other names of commands."""


class Program(TyperGroup):
    """The group of all commands, each of which is loaded when it is run.

    What a command raises it turns into a line and an exit code.
    """

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - typer's own signature
        super().__init__(**attributes)
        self.params += global_options()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - click's
        """List the names of the commands."""
        return list(dict.fromkeys([*COMMANDS, *self.commands]))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002
        """Load a command; None where there is none of this name."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in self.commands and name in COMMANDS:
            self.commands[name] = _loaded(name)
        return self.commands.get(name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002
        """List the commands in the help."""
        with formatter.section("Commands"):
            others = {name: f"Another name of {command}." for name, command in ALIASES.items()}
            formatter.write_dl(sorted((COMMANDS | others).items()))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's context is private to typer
        """Run a command."""
        command = f"dcmtools {next(iter(ctx._protected_args), '')}".rstrip()  # noqa: SLF001
        settings = ctx.ensure_object(Settings)
        try:
            return super().invoke(ctx)
        except DcmtoolsError as error:
            _explain(error, command, settings)
            raise typer.Exit(error.exit_code) from error
        except ClosedPipeError:
            raise typer.Exit(ExitCode.OK) from None
        except KeyboardInterrupt:
            sys.stderr.write(f"{command}: interrupted\n")
            raise typer.Exit(ExitCode.INTERRUPTED) from None


def _loaded(name: str) -> TyperCommand:
    """Make a command of the function that its module has under its own name."""
    module = import_module(f"dcmtools.cli.{name}")
    examples = "\n".join(
        "\n  ".join([f"\b\n{text}", *line.splitlines()]) + "\n" for text, line in module.EXAMPLES
    )
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    kind = getattr(module, "COMMAND", Command)
    single.command(name, cls=kind, epilog=examples)(getattr(module, name))
    command = typer.main.get_command(single)
    if not isinstance(command, TyperCommand):
        raise TypeError(command)
    return command


def _explain(error: DcmtoolsError, command: str, settings: Settings) -> None:
    Talk(command, settings.verbosity).failure(error)
    with suppress(OutputError):  # the log may be what failed
        Talk(command, SILENT, settings.log_file).failure(error)


app = typer.Typer(
    name="dcmtools",
    cls=Program,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's own signature
    if wanted:
        sys.stdout.write(f"dcmtools {__version__}\n")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read, check and move DICOM data from the command line."""
    leave_numpy_out()

"""Put the program together: its commands, the options of all of them, the one error handler."""

import sys
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dcmtools import __version__
from dcmtools.cli import dump
from dcmtools.cli._options import Command, Settings, global_options
from dcmtools.dataset.pydicom_bridge import leave_numpy_out
from dcmtools.errors import DcmtoolsError, ExitCode, OutputError
from dcmtools.output.emit import ClosedPipeError
from dcmtools.output.talk import SILENT, Talk


class Program(TyperGroup):
    """The group of all commands; turns what they raise into a line and an exit code."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - typer's own signature
        super().__init__(**attributes)
        self.params += global_options()

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
app.command("dump", cls=Command, epilog=dump.EPILOG)(dump.dump)


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

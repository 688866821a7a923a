"""Start the program: ``dcmtools`` and ``python -m dcmtools``.

Completion and ``--version`` are answered from here, before the command line is put together.
"""

import gc
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the program and exit with its code; what it printed is on its way then."""
    try:  # what is imported outside of it could be interrupted with a traceback
        _run()
        code: str | int | None = 0
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:  # before there was a command to tell
        code = _INTERRUPTED
    except OSError as error:  # the help could not be printed
        if error.filename is not None:
            raise
        code = _failed_output(error)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = _failed_output(error)
    _give_up_stderr()
    gc.freeze()  # all goes with the process; to search it for garbage first takes 30 ms
    sys.exit(code)


def _run() -> None:
    if sys.argv[1:2] == ["__complete"]:
        from dcmtools.cli._complete import complete  # noqa: PLC0415 - each costs only its own users

        complete(sys.argv[2:])
    elif sys.argv[1:] == ["--version"]:
        from dcmtools import __version__  # noqa: PLC0415

        sys.stdout.write(f"dcmtools {__version__}\n")
    else:
        from dcmtools.cli.main import app  # noqa: PLC0415

        app(prog_name="dcmtools")


def _failed_output(error: OSError) -> int:
    from dcmtools.output.emit import ClosedPipeError, output_failure  # noqa: PLC0415
    from dcmtools.output.talk import NORMAL, Talk  # noqa: PLC0415

    failure = output_failure(error)
    if isinstance(failure, ClosedPipeError):
        return 0
    Talk("dcmtools", NORMAL).failure(failure)
    return failure.exit_code


def _give_up_stderr() -> None:
    """Let what nobody reads go, or the interpreter would end with an exit code of its own."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        from dcmtools.output.emit import drop_output  # noqa: PLC0415

        drop_output(2)


if __name__ == "__main__":
    main()

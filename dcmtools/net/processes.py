"""Decide how a program is started and ended, so that it neither has nor holds what is ours."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

Process = subprocess.Popen[bytes]


def start(argv: Sequence[str], environment: Mapping[str, str]) -> Process:
    """Start a program without a shell.

    It has no stdin, our stderr for its stdout too, as our own stdout is data, and no other file or
    connection of ours. It is the first of a session and a process group of its own: Ctrl-C at our
    terminal does not reach it, and `end` reaches those that it has started.

    Parameters
    ----------
    argv : sequence of str
        The path of the program, and its arguments.
    environment : mapping of str to str
        All of its environment.

    Raises
    ------
    OSError, ValueError
        It cannot be started, or not with these arguments.
    """
    # Without a stderr of ours, its descriptor may be a connection.
    talk = subprocess.DEVNULL if sys.__stderr__ is None else 2
    return subprocess.Popen(  # noqa: S603 - the user has named the program; no shell looks at it
        argv,
        stdin=subprocess.DEVNULL,
        stdout=talk,
        stderr=talk,
        env=environment,
        close_fds=True,
        start_new_session=True,
    )


def end(process: Process, *, force: bool) -> None:
    """Tell a program that has not ended yet, and those that it has started, to do so.

    Parameters
    ----------
    process : Process
        What `start` has given.
    force : bool
        Whether it is not asked.
    """
    if process.poll() is not None:
        return
    with suppress(OSError):  # it has ended just now
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)


def describe_status(status: int) -> str:
    """Say how a program has ended: with an exit status, or by a signal, where it is negative."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # one of those that have none
        name = f"signal {-status}"
    return f"was ended by {name}"

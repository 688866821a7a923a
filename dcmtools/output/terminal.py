"""Find out how a terminal can show a picture, and how large: by what it says of itself."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from select import select
from shutil import get_terminal_size
from struct import unpack
from time import monotonic

_TTY = "/dev/tty"
_PATIENCE = 0.3  # seconds for a terminal to answer
_CELL = (10, 20)  # pixels of a character, where nobody says
_REPORT = re.compile(rb"\x1b\[\?([\d;]*)c")  # Primary Device Attributes
_SIXEL = b"4"
_KEPT_LINES = 3  # for the caption and the prompt


class Way(StrEnum):
    """A way to show a picture."""

    BLOCKS = "blocks"
    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"


def way_of_terminal(environ: Mapping[str, str]) -> Way:
    """Choose the best way that a terminal says it has.

    Parameters
    ----------
    environ : mapping
        The environment, in which terminals leave their names.
    """
    inner = "TMUX" in environ or environ.get("TERM", "").startswith("screen")
    program = environ.get("TERM_PROGRAM", "").lower()
    if not inner:
        if "KITTY_WINDOW_ID" in environ or environ.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
            return Way.KITTY
        if program in ("iterm.app", "wezterm") or environ.get("LC_TERMINAL") == "iTerm2":
            return Way.ITERM2
    return Way.SIXEL if _SIXEL in _attributes() else Way.BLOCKS


def _attributes() -> list[bytes]:
    """Ask the terminal what it can do; nothing where there is none that answers in time."""
    with suppress(ImportError, OSError):
        import termios  # noqa: PLC0415 - Windows has none
        import tty  # noqa: PLC0415

        terminal = os.open(_TTY, os.O_RDWR | os.O_NOCTTY)
        try:
            former = termios.tcgetattr(terminal)
            try:
                tty.setcbreak(terminal)
                os.write(terminal, b"\x1b[c")
                return _answered(terminal)
            finally:
                termios.tcsetattr(terminal, termios.TCSADRAIN, former)
        except termios.error:
            return []
        finally:
            os.close(terminal)
    return []


def _answered(terminal: int) -> list[bytes]:
    answer, until = b"", monotonic() + _PATIENCE
    while (left := until - monotonic()) > 0:
        if not select([terminal], [], [], left)[0]:
            break
        answer += os.read(terminal, 64)
        if match := _REPORT.search(answer):
            return match[1].split(b";")
    return []


def room(way: Way) -> tuple[int, int]:
    """Give the width and the height in pixels that there are for a picture.

    Parameters
    ----------
    way : Way
        The way in which it is shown; a half block has two pixels, one above the other.
    """
    columns, lines = get_terminal_size()
    lines = max(lines - _KEPT_LINES, 2)
    if way is Way.BLOCKS:
        return columns, 2 * lines
    wide, high = _cell()
    return columns * wide, lines * high


def _cell() -> tuple[int, int]:
    with suppress(ImportError, OSError):
        import fcntl  # noqa: PLC0415 - Windows has none
        import termios  # noqa: PLC0415

        answer = fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8))
        rows, columns, width, height = unpack("HHHH", answer)
        if min(rows, columns, width, height) > 0:
            return max(width // columns, 1), max(height // rows, 1)
    return _CELL

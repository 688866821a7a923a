"""Draw pictures in a terminal: half blocks in 24-bit colour, or by a protocol of the terminal.

A half block is a character with the upper half in one colour and the lower in another, so that it
shows two pixels. The protocols of kitty, iTerm2 and sixel show every pixel.
"""

import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator

_UPPER_HALF = "▀"
_RAMP = " ░▒▓█"
_KITTY_PIECE = 4096  # characters of base64 in one escape sequence
_BAND = 6  # rows of a line of sixels
_GREYS = 64
_LEVELS = (6, 7, 6)  # of red, green and blue
_REPEATED = re.compile(r"(.)\1{3,}", re.DOTALL)
_ESC = "\x1b"
_ST = f"{_ESC}\\"


def half_blocks(rgb: bytes, width: int, *, color: bool) -> Iterator[str]:
    """Draw a picture with half blocks.

    Parameters
    ----------
    rgb : bytes
        The pixels, row by row, three bytes each.
    width : int
        How many are in a row; each takes a column.
    color : bool
        Whether colours may be used; else characters that are more or less dense are.

    Yields
    ------
    str
        Lines, each of which shows two rows.
    """
    row = width * 3
    for at in range(0, len(rgb), 2 * row):
        upper, lower = rgb[at : at + row], rgb[at + row : at + 2 * row]
        line = _coloured(upper, lower) if color else _dense(upper, lower)
        yield line + "\n"


def _coloured(upper: bytes, lower: bytes) -> str:
    parts, before = [], None
    for at in range(0, len(upper), 3):
        top, bottom = upper[at : at + 3], lower[at : at + 3]
        if (top, bottom) != before:
            before = top, bottom
            below = "48;2;{};{};{}".format(*bottom) if bottom else "49"
            parts.append("{}[38;2;{};{};{};{}m".format(_ESC, *top, below))
        parts.append(_UPPER_HALF)
    return "".join(parts) + f"{_ESC}[0m"


def _dense(upper: bytes, lower: bytes) -> str:
    line = []
    for at in range(0, len(upper), 3):
        both = upper[at : at + 3] + lower[at : at + 3]
        line.append(_RAMP[sum(both) * len(_RAMP) // (len(both) * 256)])
    return "".join(line).rstrip()


def kitty(png: bytes) -> str:
    """Give what has kitty, and terminals that do as it does, show a PNG file."""
    text = b64encode(png).decode("ascii")
    pieces = [text[at : at + _KITTY_PIECE] for at in range(0, len(text), _KITTY_PIECE)]
    shown = []
    for number, piece in enumerate(pieces):
        head = "a=T,f=100,q=2," if not number else ""
        more = int(number < len(pieces) - 1)
        shown.append(f"{_ESC}_G{head}m={more};{piece}{_ST}")
    return "".join(shown) + "\n"


def iterm2(png: bytes) -> str:
    """Give what has iTerm2, and terminals that do as it does, show a PNG file."""
    text = b64encode(png).decode("ascii")
    return f"{_ESC}]1337;File=inline=1;size={len(png)};preserveAspectRatio=1:{text}\a\n"


def sixels(rgb: bytes, width: int) -> str:
    """Give what has a terminal with sixels show a picture.

    Parameters
    ----------
    rgb : bytes
        The pixels, row by row, three bytes each.
    width : int
        How many are in a row.
    """
    red, green, blue = rgb[0::3], rgb[1::3], rgb[2::3]
    grey = red == green == blue
    if grey:
        colours = red.translate(bytes(value * _GREYS // 256 for value in range(256)))
    else:
        levels = [[value * count // 256 for value in range(256)] for count in _LEVELS]
        _, greens, blues = _LEVELS
        scaled = [
            part.translate(bytes(table))
            for part, table in zip((red, green, blue), levels, strict=True)
        ]
        colours = bytes((r * greens + g) * blues + b for r, g, b in zip(*scaled, strict=True))
    used = sorted(set(colours))
    height = len(colours) // width
    palette = "".join(f"#{colour};2;{_percent(colour, grey=grey)}" for colour in used)
    bands = "-".join(
        _band(colours[at : at + width * _BAND], width)
        for at in range(0, len(colours), width * _BAND)
    )
    return f'{_ESC}Pq"1;1;{width};{height}{palette}{bands}{_ST}\n'


def _percent(colour: int, *, grey: bool) -> str:
    if grey:
        return ";".join([str(round(colour * 100 / (_GREYS - 1)))] * 3)
    _, greens, blues = _LEVELS
    parts = colour // blues // greens, colour // blues % greens, colour % blues
    shares = zip(parts, _LEVELS, strict=True)
    return ";".join(str(round(part * 100 / (count - 1))) for part, count in shares)


def _band(colours: bytes, width: int) -> str:
    """Draw six rows, one colour after the other over each other."""
    planes: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(b"?" * width))
    for at, colour in enumerate(colours):
        planes[colour][at % width] += 1 << at // width
    lines = (
        f"#{colour}{_REPEATED.sub(_repeat, plane.decode('ascii').rstrip('?'))}"
        for colour, plane in planes.items()
    )
    return "$".join(lines)


def _repeat(match: re.Match[str]) -> str:
    return f"!{len(match[0])}{match[1]}"

"""Show what terminals get: that what they are told to draw is the picture, pixel by pixel."""

import os
import pty
import re
import select
import threading
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from dcmtools.output.terminal import Way, way_of_terminal
from dcmtools.output.terminal_picture import half_blocks, iterm2, kitty, sixels

RNG = np.random.default_rng(5)
COLOURS = RNG.integers(0, 256, (7, 9, 3), np.uint8)
SGR = re.compile(r"\x1b\[([\d;]*)m|(▀)")


def read_blocks(lines: list[str], width: int) -> np.ndarray:  # type: ignore[type-arg] - of numbers
    """Do what a terminal does with half blocks; -1 is its own background."""
    rows = []
    for line in lines:
        assert line.endswith("\x1b[0m\n")
        fore = back = (-1, -1, -1)
        upper, lower = [], []
        for codes, block in SGR.findall(line):
            if block:
                upper.append(fore)
                lower.append(back)
                continue
            numbers = [int(code) for code in codes.split(";")]
            while numbers and numbers != [0]:
                kind = numbers[0]
                if kind == 49:
                    back, numbers = (-1, -1, -1), numbers[1:]
                    continue
                assert numbers[1] == 2
                colour = (numbers[2], numbers[3], numbers[4])
                fore, back = (colour, back) if kind == 38 else (fore, colour)
                numbers = numbers[5:]
        assert len(upper) == width
        rows += [upper, lower]
    return np.array(rows)


@pytest.mark.parametrize("height", [6, 7])
def test_half_blocks_show_two_rows_a_line(height: int) -> None:
    pixels = COLOURS[:height]
    lines = list(half_blocks(pixels.tobytes(), 9, color=True))
    shown = read_blocks(lines, 9)
    assert np.array_equal(shown[:height], pixels)
    assert (shown[height:] == -1).all()


def test_a_colour_is_told_once_where_it_stays() -> None:
    (line,) = half_blocks(bytes(3 * 40 * 2), 40, color=True)
    assert line.count("\x1b[") == 2


def test_without_colour_what_is_bright_is_dense() -> None:
    row = bytes(value for value in (0, 60, 120, 180, 255) for _ in range(3))
    assert list(half_blocks(row + row, 5, color=False)) == [" ░▒▓█\n"]


def png(pixels: "np.ndarray") -> bytes:  # type: ignore[type-arg] - of numbers
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_kitty_gets_the_file_in_pieces() -> None:
    data = png(RNG.integers(0, 256, (60, 60, 3), np.uint8))
    text = kitty(data)
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert "".join(f"\x1b_G{head};{piece}\x1b\\" for head, piece in pieces) + "\n" == text
    assert len(pieces) > 2
    assert pieces[0][0] == "a=T,f=100,q=2,m=1"
    assert [head for head, _ in pieces[1:]] == ["m=1"] * (len(pieces) - 2) + ["m=0"]
    assert all(len(piece) <= 4096 for _, piece in pieces)
    assert b64decode("".join(piece for _, piece in pieces)) == data


def test_iterm2_gets_the_file() -> None:
    data = png(COLOURS)
    match = re.fullmatch(r"\x1b\]1337;File=inline=1;size=(\d+);[^:]*:([^\a]*)\a\n", iterm2(data))
    assert match is not None
    assert int(match[1]) == len(data)
    assert b64decode(match[2]) == data


def read_sixels(text: str) -> np.ndarray:  # type: ignore[type-arg] - of numbers
    """Do what a terminal does with sixels; give colours in percent."""
    match = re.fullmatch(r'\x1bPq"1;1;(\d+);(\d+)(.*)\x1b\\\n', text, re.DOTALL)
    assert match is not None
    width, height = int(match[1]), int(match[2])
    screen = np.full((-(-height // 6) * 6, width, 3), -1)
    palette: dict[int, list[int]] = {}
    colour = x = band = 0
    for define, number, repeat, char in re.findall(
        r"#(\d+;2;\d+;\d+;\d+)|#(\d+)|(?:!(\d+))?([?-~$-])", match[3]
    ):
        if define:
            key, _, *parts = map(int, define.split(";"))
            palette[key] = parts
        elif number:
            colour = int(number)
        elif char == "$":
            x = 0
        elif char == "-":
            x, band = 0, band + 1
        else:
            end = x + int(repeat or 1)
            for bit in range(6):
                if ord(char) - 63 >> bit & 1:
                    screen[band * 6 + bit, x:end] = palette[colour]
            x = end
    assert (screen[height:] == -1).all()
    return screen[:height]


@pytest.mark.parametrize("grey", [False, True])
def test_sixels_are_the_picture(*, grey: bool) -> None:
    pixels = np.kron(COLOURS, np.ones((2, 6, 1), np.uint8))
    if grey:
        pixels = np.repeat(pixels[..., :1], 3, 2)
    shown = read_sixels(sixels(pixels.tobytes(), pixels.shape[1]))
    assert shown.shape == pixels.shape
    assert shown.min() >= 0
    assert np.abs(shown / 100 * 255 - pixels).max() <= (4 if grey else 52)


# Which way


@pytest.mark.parametrize(
    ("environ", "way"),
    [
        ({"KITTY_WINDOW_ID": "1"}, Way.KITTY),
        ({"TERM": "xterm-kitty"}, Way.KITTY),
        ({"TERM_PROGRAM": "iTerm.app"}, Way.ITERM2),
        ({"TERM_PROGRAM": "WezTerm"}, Way.ITERM2),
        ({"LC_TERMINAL": "iTerm2"}, Way.ITERM2),
        ({"TERM": "xterm-kitty", "TMUX": "here"}, Way.BLOCKS),
        ({"TERM": "screen", "TERM_PROGRAM": "iTerm.app"}, Way.BLOCKS),
        ({}, Way.BLOCKS),
    ],
)
def test_terminals_are_known_by_their_names(
    environ: dict[str, str], way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcmtools.output.terminal._TTY", "/nowhere")
    assert way_of_terminal(environ) is way


@pytest.mark.parametrize(
    ("answer", "way"),
    [(b"\x1b[?62;4;22c", Way.SIXEL), (b"\x1b[?1;2c", Way.BLOCKS), (b"", Way.BLOCKS)],
)  # fmt: skip
def test_a_terminal_is_asked_for_sixels(
    answer: bytes, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setattr("dcmtools.output.terminal._TTY", os.ttyname(theirs))

    def terminal() -> None:
        asked = b""
        while not asked.endswith(b"\x1b[c") and select.select([ours], [], [], 10)[0]:
            asked += os.read(ours, 16)
        os.write(ours, answer)

    thread = threading.Thread(target=terminal)
    thread.start()
    try:
        assert way_of_terminal({}) is way
    finally:
        thread.join()
        os.close(ours)
        os.close(theirs)

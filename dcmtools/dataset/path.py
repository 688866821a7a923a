"""Read and print tag paths, the one grammar by which every command names an element.

``{sequence[item].}*element``, where a node is a keyword, ``(gggg,eeee)``, ``gggg,eeee``,
``ggggeeee`` or, private, ``(gggg,"CREATOR",ee)``; an item is a number from 0 or ``*``.
Where a command allows wildcards, ``x`` stands for any digit of a tag and ``*`` for any element.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dcmtools.dataset import dictionary
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.errors import UsageError

EXACT = 0xFFFFFFFF

_NODE = re.compile(
    r"""
    (?: (?P<keyword> [A-Za-z_][A-Za-z0-9_]* ) (?![,A-Za-z0-9_])
      | (?P<any> \* )
      | \( \s* (?P<group>[0-9A-Fa-fxX]{4}) \s*,\s* (?P<element>[0-9A-Fa-fxX]{4}) \s* \)
      | \( \s* (?P<owned>[0-9A-Fa-f]{4}) \s*,\s* "(?P<creator>[^"]+)" \s*,\s*
           (?P<byte>[0-9A-Fa-f]{2}) \s* \)
      | (?P<bare_group>[0-9A-Fa-fxX]{4}) ,? (?P<bare_element>[0-9A-Fa-fxX]{4})
    )
    (?: \[ (?P<item> [0-9]{1,9} | \* ) \] )?
    """,
    re.VERBOSE,
)
_EIGHT_DIGITS = re.compile(r"[0-9A-Fa-fxX]{8}(?![A-Za-z0-9_])")
_FORMS = (
    'a keyword, (gggg,eeee) or (gggg,"CREATOR",ee); '
    "an item number stands behind a sequence: Sequence[0].Element"
)


class Step(NamedTuple):
    """One sequence on the way from the data set down to an element."""

    tag: int
    creator: str
    item: int
    """The item of the sequence that holds what follows, counted from 0."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a path: which tags it names and, for a sequence, which of its items.

    Parameters
    ----------
    tag : int
        Group and element, ``0xggggeeee``. With a creator the block byte is 0.
    mask : int
        The bits of `tag` that must agree; fewer than all only with wildcards.
    creator : str
        The private creator, or "" for an element that is named by its number.
    item : int, "*" or None
        The item of the sequence, counted from 0; all items; or not said.
    """

    tag: int
    mask: int = EXACT
    creator: str = ""
    item: int | Literal["*"] | None = None

    def matches(self, tag: int, creator: str) -> bool:
        """Tell whether the node names an element; `creator` is the owner of its private block."""
        return (tag & self.mask) == self.tag and (not self.creator or creator == self.creator)

    def __str__(self) -> str:
        """Print the node as the grammar spells it."""
        if self.creator:
            name = f'({self.tag >> 16:04x},"{self.creator}",{self.tag & 0xFF:02x})'
        elif self.mask == 0:
            name = "*"
        elif self.mask != EXACT:
            digits = "".join(
                "x" if mask == "0" else digit
                for digit, mask in zip(f"{self.tag:08x}", f"{self.mask:08x}", strict=True)
            )
            name = f"({digits[:4]},{digits[4:]})"
        else:
            entry = dictionary.lookup(self.tag)
            known = entry is not None and dictionary.keyword_tag(entry.keyword) == self.tag
            name = entry.keyword if entry and known else format_tag(self.tag)
        return name if self.item is None else f"{name}[{self.item}]"


@dataclass(frozen=True, slots=True)
class TagPath:
    """A path to one element, or with wildcards to several."""

    nodes: tuple[Node, ...]

    @classmethod
    def parse(cls, text: str, *, wildcards: bool = False, items: bool = False) -> "TagPath":
        """Read a path.

        Parameters
        ----------
        text : str
            The path as the user wrote it.
        wildcards : bool
            Whether ``*`` and ``x`` may stand for tags and digits.
        items : bool
            Whether the path may end with an item number, and then name that item.

        Raises
        ------
        UsageError
            The text is no path, or names a keyword that the dictionary does not know.
        """
        nodes: list[Node] = []
        position = 0
        while True:
            match = _NODE.match(text, position)
            if match is None:
                raise UsageError(text or "empty tag path", "is not a tag path", f"Write {_FORMS}.")
            nodes.append(_node(match, text, wildcards=wildcards))
            position = match.end()
            if position == len(text):
                break
            if text[position] != ".":
                why = f"cannot be read from '{text[position:]}' on"
                raise UsageError(text, why, f"Write {_FORMS}.")
            position += 1
        if nodes[-1].item is not None and not items:
            raise UsageError(text, "ends with an item number", "Name an element of the item.")
        return cls(tuple(nodes))

    def __str__(self) -> str:
        """Print the path; parsing the result gives the path again."""
        return ".".join(str(node) for node in self.nodes)

    def matches(
        self, tag: int, creator: str = "", steps: Sequence[Step] = (), *, anywhere: bool = False
    ) -> bool:
        """Tell whether the path names an element.

        Parameters
        ----------
        tag : int
            Group and element of the element.
        creator : str
            The private creator of its block, or "".
        steps : sequence of Step
            The sequences that hold it, from the data set downwards.
        anywhere : bool
            Whether a path of one node names the element at any depth.
        """
        *above, last = self.nodes
        if not last.matches(tag, creator):
            return False
        if anywhere and not above:
            return True
        return len(above) == len(steps) and all(
            node.matches(step.tag, step.creator)
            and (node.item is None or node.item in ("*", step.item))
            for node, step in zip(above, steps, strict=True)
        )

    @property
    def plain_tag(self) -> int | None:
        """The tag of a path that is one standard attribute, None for every other path."""
        node = self.nodes[0]
        plain = len(self.nodes) == 1 and node.mask == EXACT and not node.tag & PRIVATE_GROUP
        return node.tag if plain else None

    @property
    def last_tag(self) -> int:
        """The highest tag of the data set itself under which the path can match."""
        first = self.nodes[0]
        return first.tag | (~first.mask & EXACT)


def format_tag(tag: int) -> str:
    """Print a tag as ``(gggg,eeee)``."""
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"


def _node(match: re.Match[str], text: str, *, wildcards: bool) -> Node:
    item = match["item"]
    number = "*" if item == "*" else None if item is None else int(item)
    if match["creator"]:
        group = int(match["owned"], 16)
        if not group & 1:
            raise UsageError(text, f"group {group:04x} is even and has no private creators")
        tag = group << 16 | int(match["byte"], 16)
        return Node(tag, 0xFFFF00FF, match["creator"], number)  # type: ignore[arg-type]
    keyword = match["keyword"]
    if keyword and not _EIGHT_DIGITS.match(keyword):
        return Node(_keyword(keyword, text), item=number)  # type: ignore[arg-type]
    digits = (
        "xxxxxxxx"
        if match["any"]
        else keyword
        or (match["group"] or match["bare_group"]) + (match["element"] or match["bare_element"])
    ).lower()
    if "x" in digits and not wildcards:
        raise UsageError(text, "has a wildcard, and only one element can be named here")
    mask = int("".join("0" if digit == "x" else "f" for digit in digits), 16)
    return Node(int(digits.replace("x", "0"), 16), mask, item=number)  # type: ignore[arg-type]


def _keyword(keyword: str, text: str) -> int:
    tag = dictionary.keyword_tag(keyword)
    if tag is None:
        near = dictionary.nearest_keywords(keyword)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Write {_FORMS}."
        raise UsageError(text, f"'{keyword}' is not a keyword of the dictionary", hint)
    return tag

"""Search what is kept for the identity of the patient, and take it out: the rules are not enough.

Names get into fields where nobody expects them. All that stays is searched: text, numbers that are
written as text, and short binary values, private ones and those of items included.
"""

import re
from collections.abc import Callable, Iterable

from dcmtools.dataset.charset import decode
from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.new_text import encoded
from dcmtools.dataset.tree import Node, is_creator
from dcmtools.dataset.values import CHARSET_VRS, SINGLE_TEXT_VRS, TEXT_VRS, text
from dcmtools.deid.clean import cleaned
from dcmtools.deid.needles import Needles
from dcmtools.deid.spellings import fold
from dcmtools.deid.tables import keyword_of, vr_of

FREE_TEXT = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
"""Text from which words can be taken, so that the rest still says something."""

_NUMBERS = frozenset({"DS", "IS"})
_TIMES = frozenset({"DA", "DT", "TM"})
_UNSEARCHED = frozenset({"SQ", "UI"})
_TIME = re.compile(rb"[0-9.:+\-\\ \0]*")
_LEAST, _MOST = 4, 1 << 16  # bytes of a binary value that is searched
_MOST_TEXT = 1 << 24  # bytes of a text that is searched
_ESCAPE = b"\x1b"
_UNSURE = ("UN", "??")

Dummy = Callable[[Node, str], bytes]


class SafetyNet:
    """What is kept of one file, and the search through it.

    Parameters
    ----------
    dummy : callable
        Makes the dummy of an element, given its VR.
    is_cut : bool
        Whether words are taken out of free text; otherwise the whole value is replaced.

    Attributes
    ----------
    kept : dict of bytes to list of Node
        The elements that are kept, by the character set that they are in.
    cleaning : list of Node
        Those whose text is to be cleaned, and is kept in so far.
    found : dict of str to None
        The keywords of those in which something was found; no values.
    """

    def __init__(self, dummy: Dummy, *, is_cut: bool) -> None:
        self._dummy = dummy
        self._is_cut = is_cut
        self.kept: dict[bytes, list[Node]] = {}
        self.cleaning: list[tuple[Node, bytes]] = []
        self.found: dict[str, None] = {}

    def group(self, charset: bytes) -> list[Node]:
        """Give the list to which what is kept in a character set is to be added."""
        return self.kept.setdefault(charset, [])

    def search(self, needles: Needles, uids: Iterable[str]) -> None:
        """Search all that is kept, and take out what is found.

        Parameters
        ----------
        needles : Needles
            The identity of the patient.
        uids : iterable of str
            UIDs that were replaced, and must not be in texts either.
        """
        for node, charset in self.cleaning:
            self._clean(node, charset, needles)
        old_uids = tuple(uids)
        for charset, nodes in self.kept.items():
            self._search(nodes, charset, needles, old_uids)

    # Cleaning

    def _clean(self, node: Node, charset: bytes, needles: Needles) -> None:
        vr = _vr(node)
        if node.length > _MOST_TEXT:
            node.set(self._dummy(node, vr), vr)
            return
        old = text(node.raw, vr, charset)
        new = _each(old, vr, lambda one: cleaned(one, needles))
        if new != old:
            self._put(node, vr, new, charset)

    def _put(self, node: Node, vr: str, new: str, charset: bytes) -> None:
        """Write what is left of a text; a dummy where that is nothing, for it may be needed."""
        if new.strip("\\ "):
            try:
                raw = new.encode() if new.isascii() else encoded(new, _named(charset))
            except ValueError:
                pass
            else:
                node.set(raw, vr)
                return
        node.set(self._dummy(node, vr), vr)

    # Searching

    def _search(
        self, nodes: list[Node], charset: bytes, needles: Needles, uids: tuple[str, ...]
    ) -> None:
        texts: list[Node] = []
        numbers: list[Node] = []
        binaries: list[Node] = []
        for node in nodes:
            vr = node.vr
            if vr in _UNSURE:
                vr = _vr(node)
            if vr in _NUMBERS:
                numbers.append(node)
            elif vr in TEXT_VRS:
                if vr == "UI" or (vr in _TIMES and _TIME.fullmatch(node.raw)):
                    continue
                if node.length > _MOST_TEXT:
                    self._replace(node, vr, charset, needles)
                else:
                    texts.append(node)
            elif vr not in _UNSEARCHED and _LEAST <= node.length <= _MOST:
                binaries.append(node)
        raws = [node.raw for node in texts]
        if needles.are_in(_joined(raws, charset)):
            for node in texts:
                self._try(node, charset, needles)
        blob = b"\n".join([node.raw for node in numbers])
        if needles.are_in_numbers(fold(blob.decode("latin-1"))):
            for node in numbers:
                if needles.are_in_numbers(fold(node.raw.decode("latin-1"))):
                    self._replace(node, _vr(node), charset, needles)
        for node in binaries:
            raw = node.raw
            if needles.are_in(_as_text(raw)) or needles.are_in(_as_text(raw.replace(b"\0", b""))):
                self._take_out(node)
        self._search_uids(texts, b"\n".join(raws), uids)

    def _search_uids(self, texts: list[Node], blob: bytes, uids: tuple[str, ...]) -> None:
        for uid in uids:
            raw = uid.encode("ascii", "surrogateescape")
            if raw in blob:
                for node in texts:
                    if not node.is_erased and raw in node.raw:
                        self._say(node)
                        node.set(self._dummy(node, _vr(node)), _vr(node))

    def _try(self, node: Node, charset: bytes, needles: Needles) -> None:
        vr = _vr(node)
        if needles.spans(_text(node.raw, vr, charset)):
            self._replace(node, vr, charset, needles)

    def _replace(self, node: Node, vr: str, charset: bytes, needles: Needles) -> None:
        """Replace those values of an element that have something in them, or the words."""
        self._say(node)
        if is_creator(node.tag):
            for other in node.owner.nodes:
                if other.tag >> 8 == (node.tag >> 16) << 8 | node.tag & 0xFF:
                    other.erase()
            node.erase()
            return
        if node.length > _MOST_TEXT:
            node.set(self._dummy(node, vr), vr)
            return
        old = _text(node.raw, vr, charset)
        if self._is_cut and vr in FREE_TEXT:
            self._put(node, vr, _each(old, vr, lambda one: cleaned(one, needles)), charset)
            return
        stand_in = self._dummy(node, vr).decode("latin-1")
        if "\\" in stand_in:  # as many values as the attribute needs at least
            node.set(stand_in.encode("latin-1"), vr)
            return
        self._put(node, vr, _each(old, vr, lambda one: _whole(one, stand_in, needles)), charset)

    def _take_out(self, node: Node) -> None:
        self._say(node)
        if node.tag & PRIVATE_GROUP:
            node.erase()
        else:
            node.set(self._dummy(node, node.vr))

    def _say(self, node: Node) -> None:
        self.found[keyword_of(node.tag) or "a private element"] = None


def _whole(value: str, stand_in: str, needles: Needles) -> str:
    return stand_in if needles.spans(value) else value


def _each(whole: str, vr: str, change: Callable[[str], str]) -> str:
    if vr in SINGLE_TEXT_VRS or "\\" not in whole:
        return change(whole)
    return "\\".join([change(each) for each in whole.split("\\")])


def _joined(raws: list[bytes], charset: bytes) -> str:
    r"""Fold many values at once; those with code extensions have to be read one by one."""
    blob = b"\n".join(raws)
    if _ESCAPE in blob:
        return fold("\n".join([decode(raw, charset) for raw in raws]))
    if blob.isascii():
        return blob.decode("ascii").lower()
    return fold(decode(blob, charset))


def _as_text(raw: bytes) -> str:
    return raw.decode("latin-1").lower()


def _text(raw: bytes, vr: str, charset: bytes) -> str:
    """Read a text as the search does: what has a VR of ASCII alone may have more in it."""
    return text(raw, vr if vr in CHARSET_VRS else "LO", charset)


def _named(charset: bytes) -> str:
    return charset.decode("ascii", "replace").strip("\0 ")


def _vr(node: Node) -> str:
    """Give the VR of an element, that of the dictionary where the file does not say."""
    return node.vr if node.vr not in _UNSURE else vr_of(node.tag).split(" or ")[0] or node.vr

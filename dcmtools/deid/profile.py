"""Decide what becomes of each element: the Basic Profile of PS3.15 Annex E under its options.

The rule of an element is that of its row in Table E.1-1. What the table does not list, `unlisted`
decides; what that does not know either has no rule and stays, subject to the search for identities.
"""

from collections.abc import Iterator
from dataclasses import replace

from dcmtools.dataset.dictionary import PRIVATE_GROUP
from dcmtools.dataset.path import TagPath, format_tag
from dcmtools.deid import tables
from dcmtools.deid.actions import NAMES, Action, Rule, act, decide
from dcmtools.deid.iods import is_known, type_of
from dcmtools.deid.options import Clean, Options, Retain
from dcmtools.deid.tables import Row, keyword_of, vr_of
from dcmtools.deid.unlisted import (
    CURVES,
    DEFINITIONS,
    out_of_place,
    repeating_group,
    unlisted,
)

PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
_BLOCK = 0xFFFF00FF
"""The bits of a private tag that do not say in which block it is."""
_FIRST_BLOCK = 0x1000
_CREATORS = range(0x10, 0x100)
_MOST = 8192
"""How many rules and places are remembered; a hostile file could ask for any number."""
_SAID = frozenset(
    {"AE", "AS", "DA", "DS", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UN", "UR", "UT"}
)
"""The VRs of what an item of a sequence says that becomes a dummy; CS and IS give it its form."""
_MEASURED = frozenset({0x0040A161, 0x0040A162, 0x0040A163})
"""Numbers of a measurement that are not DS: floating point, and of a rational (PS3.3 C.18.1)."""
_SAFE_AS_IT_IS = frozenset({"CS", "DS", "FD", "FL", "IS", "OB", "SL", "SS", "UL", "US"})
"""The VRs of safe private elements in which there are no words to clean."""
_VALUE_TYPES = {
    **dict.fromkeys(("COMPOSITE", "IMAGE", "UIDREF", "WAVEFORM"), "UI"),
    "DATE": "DA",
    "DATETIME": "DT",
    "TIME": "TM",
    "CONTAINER": "SQ",
}
"""The VR of what matters in a content item, by its value type; text for all others."""


class Rules(dict[int, Rule | None]):
    """The rules of the elements at one place of an object, by tag; what is missing is worked out.

    For the many elements of many files: ``rules = profile.rules(sop_class, sequences)`` once for a
    data set or item, then ``rules[tag]``. Private elements of a known creator are asked for by
    `Profile.rule`.
    """

    def __init__(self, profile: "Profile", sop_class: str, sequences: tuple[int, ...]) -> None:
        super().__init__()
        self._profile = profile
        self._sop_class = sop_class
        self._sequence = sequences[-1] if sequences else 0
        self.in_dummy = profile.is_dummy(sop_class, sequences)
        """Whether a sequence above has become a dummy, and all that is said here with it."""

    def __missing__(self, tag: int) -> Rule | None:
        """Work out the rule of a tag."""
        if len(self) >= _MOST:
            self.clear()
        rule = self._profile.find(tag, self._sop_class, self._sequence, in_dummy=self.in_dummy)
        self[tag] = rule
        return rule


class Profile:
    """The Basic Profile under options.

    Parameters
    ----------
    options : Options
        What is kept and cleaned.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._columns = options.columns
        self._places: dict[tuple[str, tuple[int, ...]], Rules] = {}
        self._private: dict[tuple[int, str], Rule] = {}

    def rules(self, sop_class: str, sequences: tuple[int, ...] = ()) -> Rules:
        """Give the rules at one place of an object.

        Parameters
        ----------
        sop_class : str
            The SOP Class UID of the object, or "".
        sequences : tuple of int
            The tags of the sequences from the data set down to the item.
        """
        key = (sop_class, sequences)
        found = self._places.get(key)
        if found is None:
            if len(self._places) >= _MOST:
                self._places.clear()
            found = self._places[key] = Rules(self, sop_class, sequences)
        return found

    def rule(
        self, tag: int, *, sop_class: str, sequences: tuple[int, ...] = (), creator: str = ""
    ) -> Rule | None:
        """Give the rule of an element.

        Parameters
        ----------
        tag : int
            Group and element, ``0xggggeeee``.
        sop_class : str
            The SOP Class UID of the object, or "".
        sequences : tuple of int
            The tags of the sequences from the data set down to the element.
        creator : str
            The private creator of its block; for the element that reserves the block, its value.

        Returns
        -------
        Rule or None
            None when nothing is said of it: it stays, subject to the search for identities.
        """
        if not tag & PRIVATE_GROUP:
            return self.rules(sop_class, sequences)[tag]
        key = (tag, creator)
        found = self._private.get(key)
        if found is None:
            if len(self._private) >= _MOST:
                self._private.clear()
            found = self._private[key] = self._private_rule(tag, creator)
        return found

    def is_dummy(self, sop_class: str, sequences: tuple[int, ...]) -> bool:
        """Tell whether a sequence or one above it becomes a dummy."""
        if not sequences:
            return False
        *above, tag = sequences
        rules = self.rules(sop_class, tuple(above))
        rule = rules[tag]
        return rules.in_dummy or (rule is not None and rule.action is Action.DUMMY)

    def find(self, tag: int, sop_class: str, sequence: int, *, in_dummy: bool) -> Rule | None:
        """Work out the rule of an element that is not of a known private creator.

        Parameters
        ----------
        tag : int
            Group and element.
        sop_class : str
            The SOP Class UID of the object, or "".
        sequence : int
            The innermost sequence that holds the element, 0 for none.
        in_dummy : bool
            Whether a sequence above it becomes a dummy.
        """
        row = tables.attributes().get(tag)
        where = f"Table E.1-1, {format_tag(tag)}"
        if row is not None:
            rule = decide(
                row, self._columns, type_of(tag, sop_class, sequence), f"{where} {row.name}"
            )
            if tag == PATIENT_ID:
                return Rule(rule.code, Action.DUMMY, f"{rule.row}; never left empty")
            return rule
        if tag & PRIVATE_GROUP:
            return self._private_rule(tag, "")
        why = out_of_place(tag)
        if why:
            return Rule("X", Action.REMOVE, f"not in Table E.1-1: {why}")
        if repeating_group(tag):
            return self._graphics(tag)
        extra = unlisted().get(tag)
        if extra is not None:
            what = f"not in Table E.1-1, treated like what is: {extra.keyword} is {extra.why}"
            row = Row(extra.keyword, extra.vr, extra.basic, extra.options)
            rule = decide(row, self._columns, type_of(tag, sop_class, sequence), what)
            return self._in_dummy(tag) if in_dummy and rule.action is Action.CLEAN else rule
        return self._by_vr(tag, in_dummy=in_dummy)

    def _by_vr(self, tag: int, *, in_dummy: bool) -> Rule | None:
        vr = vr_of(tag)
        if not vr:
            why = "an element that no dictionary knows"
            return Rule("X", Action.REMOVE, f"not in Table E.1-1: {why}")
        if vr == "UI" and tag not in DEFINITIONS:
            if Retain.UIDS in self.options.retain:
                return Rule("K", Action.KEEP, f"not in Table E.1-1: a UID; {NAMES['rtn_uids']}")
            return Rule("U", Action.UID, "not in Table E.1-1: a UID, which may be of an instance")
        return self._in_dummy(tag) if in_dummy and (vr in _SAID or tag in _MEASURED) else None

    def _in_dummy(self, tag: int) -> Rule:
        why = f"{keyword_of(tag)} is what an item says"
        return Rule("D", Action.DUMMY, f"within a sequence that is replaced by a dummy: {why}")

    def _graphics(self, tag: int) -> Rule:
        curve = repeating_group(tag) == CURVES
        row = "(50xx,xxxx) Curve Data" if curve else "(60xx,3000) Overlay Data"
        why = f"Table E.1-1, {row}, for the whole group, column"
        if Clean.GRAPHICS in self.options.clean:
            return Rule("C", Action.CLEAN, f"{why} {NAMES['clean_graph']}: C")
        return Rule("X", Action.REMOVE, f"{why} {NAMES['basic']}: X")

    def _private_rule(self, tag: int, creator: str) -> Rule:
        row = "Table E.1-1, Private Attributes, column"
        retain = self.options.retain
        vr = safe_vr(creator, tag) if Retain.SAFE_PRIVATE in retain else None
        if vr is None:
            return Rule("X", Action.REMOVE, f"{row} {NAMES['basic']}: X")
        why = f"{row} {NAMES['rtn_safe_priv']}: C; in Table E.3.10-1"
        if vr == "UI":
            return Rule("C", Action.KEEP if Retain.UIDS in retain else Action.UID, f"{why}, a UID")
        return Rule("C", Action.KEEP if vr in _SAFE_AS_IT_IS else Action.CLEAN, why)

    def content_item(self, code: str, scheme: str, value_type: str) -> Rule | None:
        """Give the rule of a content item of an SR document, for Clean Structured Content.

        Parameters
        ----------
        code, scheme : str
            Code Value and Coding Scheme Designator of its concept name.
        value_type : str
            Its Value Type (0040,A040).

        Returns
        -------
        Rule or None
            None when Table E.3.4-1 does not list it. An item with the code X/D gets a dummy: the
            template of the document may need it. A dummy of references is new UIDs.
        """
        row = tables.content_items().get((code, scheme, value_type))
        if row is None:
            return None
        what = f"Table E.3.4-1, ({code}, {scheme}) {row.name}, {value_type}"
        row = row._replace(vr=_VALUE_TYPES.get(value_type, "UT"))
        return decide(row, self._columns, "1" if "/" in row.basic else "3", what)

    def explain(self, path: TagPath, sop_class: str = "") -> Iterator[str]:
        """Say what becomes of an element, a line for each thing that decides it.

        Parameters
        ----------
        path : TagPath
            The path of the element, without wildcards.
        sop_class : str
            The SOP Class UID of the object. Without it all types are gone through.
        """
        sequences: tuple[int, ...] = ()
        for node in path.nodes:
            tag = node.tag | _FIRST_BLOCK if node.creator else node.tag
            rule = self.rule(tag, sop_class=sop_class, sequences=sequences, creator=node.creator)
            if rule is not None and path.nodes == (node,) and tag == PATIENT_NAME:
                rule = Rule(rule.code, Action.DUMMY, f"{rule.row}; the pseudonym instead")
            name, number = str(replace(node, item=None)), format_tag(tag)
            if not node.creator and name != number:
                name = f"{name} {number}"
            yield f"{name}: {rule.action if rule else Action.KEEP}"
            if rule is None:
                yield "  no row; it stays unless it holds what identifies the patient"
                sequences += (tag,)
                continue
            yield f"  {rule.row}"
            if not is_known(sop_class) and "/" in rule.code and tag != PATIENT_ID:
                by_type = (f"Type {each}: {act(rule.code, each, vr_of(tag))}" for each in "123")
                yield f"  by its type in the IOD: {', '.join(by_type)}"
            if rule.action in {Action.REMOVE, Action.EMPTY} and node is not path.nodes[-1]:
                yield "  and all that it holds with it"
                return
            sequences += (tag,)


def safe_vr(creator: str, tag: int) -> str | None:
    """Give the VR of a private element of PS3.15 Table E.3.10-1, in whatever block it is.

    The element that reserves a block for a creator with safe elements in the group is safe itself.

    Returns
    -------
    str or None
        "" where the table does not tell the VR; None where the element is not in it.
    """
    group, element = tag >> 16, tag & 0xFFFF
    creator = creator.strip(" \0")
    if element in _CREATORS:
        safe = any(name == creator and each >> 16 == group for name, each in tables.safe_private())
        return "LO" if safe else None
    if element >> 8 not in _CREATORS:
        return None
    return tables.safe_private().get((creator, tag & _BLOCK))


def safe_private(creator: str, tag: int) -> bool:
    """Tell whether a private element may stay under Retain Safe Private (PS3.15 E.3.10).

    Parameters
    ----------
    creator : str
        The private creator of its block.
    tag : int
        Group and element, in any block.
    """
    return safe_vr(creator, tag) is not None

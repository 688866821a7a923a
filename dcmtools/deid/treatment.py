"""Do to each element of a data set what its rule says; keep in mind what is left to be searched.

One walk through the tree, a data set before its items. What identifies is harvested on the way out,
also from what is thrown away whole.
"""

import re
from collections.abc import Sequence

from dcmtools.dataset.dictionary import PRIVATE_GROUP, lookup_private
from dcmtools.dataset.elements import PIXEL_DATA
from dcmtools.dataset.tree import DataSet, Node, Tree, is_creator
from dcmtools.deid.actions import Action, Rule
from dcmtools.deid.content_items import VALUES, concept, has_references
from dcmtools.deid.harvest import Harvest
from dcmtools.deid.identifying import kind_of
from dcmtools.deid.identity import PATIENT_ID, PATIENT_NAME
from dcmtools.deid.iods import CONDITIONS, NO_SEQUENCE, OPTIONAL, type_of
from dcmtools.deid.options import Clean, Options, Retain
from dcmtools.deid.places import Place, Places
from dcmtools.deid.profile import safe_vr
from dcmtools.deid.recipe_choice import Choice
from dcmtools.deid.recipe_in_tree import RecipeInTree
from dcmtools.deid.recipe_rules import RecipeAction
from dcmtools.deid.references import drop_doubles
from dcmtools.deid.safety_net import FREE_TEXT, SafetyNet
from dcmtools.deid.substitutes import OWN_UIDS, Substitutes
from dcmtools.deid.tables import vr_of
from dcmtools.deid.unlisted import CURVES, DEFINITIONS, repeating_group

_UNSURE = ("UN", "??")
_TIMES = ("DA", "DT", "TM")
_RUNNING_TEXT = ("LT", "ST", "UC", "UT")
_TIMEZONE = 0x00080201
_OFFSET = re.compile(rb"[+-]\d{4}[ \0]*")
_OVERLAY_TYPE = 0x40
_REGION_OF_INTEREST = b"R"
_KEEP = Rule("K", Action.KEEP, "")
_UID = Rule("U", Action.UID, "")
_DUMMY = Rule("D", Action.DUMMY, "")
_KEEPING = (Action.KEEP, Action.CLEAN, Action.SHIFT)
_SAID = frozenset(
    {"AE", "AS", "DA", "DS", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UN", "UR", "UT"}
)
"""The VRs of what an item says that becomes a dummy, also where an option would keep it."""


class Treatment:
    """What is done to one file.

    Parameters
    ----------
    tree : Tree
        The data set, which is edited.
    options : Options
        What is kept and cleaned.
    places : Places
        The rules for its SOP Class.
    substitutes : Substitutes
        What makes new values.
    choice : Choice or None
        The rules of the recipe that count for it.

    Attributes
    ----------
    net : SafetyNet
        What is kept.
    harvest : Harvest
        What identifies the patient.
    own_uids : list of str
        The UIDs of the object itself, its study and its series, where they were replaced.
    recipe : RecipeInTree
        What the recipe does.
    """

    def __init__(
        self,
        tree: Tree,
        options: Options,
        places: Places,
        substitutes: Substitutes,
        choice: Choice | None,
    ) -> None:
        self._tree = tree
        self._options = options
        self._places = places
        self._substitutes = substitutes
        self._waiting: list[tuple[DataSet, Place]] = []
        self._has_references: bool | None = None
        self._kept: list[Node] = []
        self._charset = b""
        self.own_uids: list[str] = []
        self.net = SafetyNet(substitutes.dummy, is_cut=Clean.DESCRIPTORS in options.clean)
        self.harvest = Harvest(tree.root, options)
        self.recipe = RecipeInTree(tree, choice, substitutes.key)

    def run(self) -> None:
        """Walk through the data set."""
        self._waiting.append((self._tree.root, self._places.root))
        while self._waiting:
            data_set, place = self._waiting.pop()
            self._charset = data_set.charset
            self._kept = self.net.group(self._charset)
            rule = self._content_rule(data_set) if place.is_clean else None
            if rule is None or not self._is_dropped(data_set, rule):
                self._data_set(data_set, place, rule)

    def _data_set(self, data_set: DataSet, place: Place, content: Rule | None) -> None:
        rules, kept, chosen = place.rules, self._kept, self.recipe.is_there
        in_dummy = rules.in_dummy
        drop_doubles(data_set)
        private: list[Node] = []
        for node in data_set.all_nodes:
            tag = node.tag
            if node.is_erased:
                continue
            if tag & PRIVATE_GROUP:
                private.append(node)
                continue
            if chosen and self._by_recipe(node, place):
                continue
            rule = rules[tag]
            if in_dummy and rule is not None and rule.action in _KEEPING:
                rule = _UID if node.vr == "UI" else _DUMMY if node.vr in _SAID else rule
            if content is not None and tag in VALUES:
                self._content(node, content, place)
            elif rule is not None:
                self._apply(node, rule, place)
            elif node.items is not None:
                self._descend(node, place.child(tag))
            elif node.vr == "UI" and tag not in DEFINITIONS and not self._keeps_uids:
                self._uid(node, "UI")
            elif node.vr == "PN":
                self._dummy(node, "PN")
            elif node.is_encapsulated and tag != PIXEL_DATA:
                node.erase()
            elif node.vr in _UNSURE and vr_of(tag) == "SQ":
                self._unread(node, Action.KEEP, place)
            elif place.is_clean and node.vr in _RUNNING_TEXT:
                self.net.cleaning.append((node, self._charset))
                kept.append(node)
            else:
                kept.append(node)
        if private:
            self._private(data_set, private, place)

    @property
    def _keeps_uids(self) -> bool:
        return Retain.UIDS in self._options.retain

    # By the rule

    def _apply(self, node: Node, rule: Rule, place: Place) -> None:
        action = rule.action
        if node.items is not None:
            self._sequence(node, action, place)
            return
        if action is Action.REMOVE:
            self._remove(node)
            return
        vr = node.vr
        if vr in _UNSURE:
            vr = self._known_vr(node)
            if vr == "SQ":
                self._unread(node, action, place)
                return
        if action is Action.KEEP:
            self._keep(node, vr)
        elif action is Action.EMPTY:
            self._empty(node, vr)
        elif action is Action.DUMMY:
            self._dummy(node, vr)
        elif action is Action.UID:
            self._uid(node, vr)
        elif action is Action.SHIFT:
            self._shift(node, vr, place)
        else:
            self._clean(node, vr, place)

    def _remove(self, node: Node) -> None:
        conditions = CONDITIONS.get(node.tag)
        if conditions and any(node.owner.find(tag) for tag in conditions):
            self._empty(node, node.vr)
            return
        self.harvest.take(node, node.vr)
        node.erase()

    def _keep(self, node: Node, vr: str) -> None:
        """Keep a value, subject to the search; a name that is kept on purpose is no accident."""
        if vr != "PN":
            self._kept.append(node)

    def _empty(self, node: Node, vr: str) -> None:
        if node.tag == PATIENT_NAME and node.owner is self._tree.root:
            self._dummy(node, vr)
            return
        self.harvest.take(node, vr)
        if node.length:
            node.set(b"", vr)

    def _dummy(self, node: Node, vr: str) -> None:
        self.harvest.take(node, vr)
        if node.owner is self._tree.root and node.tag in (PATIENT_ID, PATIENT_NAME):
            pseudonym = self._substitutes.subject.pseudonym
            is_id = node.tag == PATIENT_ID
            new = pseudonym.patient_id if is_id else pseudonym.patient_name
            self.recipe.write(node, "LO" if is_id else "PN", new)
        elif node.length:
            node.set(self._substitutes.dummy(node, vr), vr)

    def _uid(self, node: Node, vr: str) -> None:
        if node.length:
            old = node.raw
            if node.tag in OWN_UIDS and node.owner is self._tree.root:
                self.own_uids.append(old.decode("ascii", "surrogateescape").strip(" \0"))
            node.set(self._substitutes.uid(node.tag, old), vr)

    def _shift(self, node: Node, vr: str, place: Place) -> None:
        if vr not in ("DA", "DT"):
            self._kept.append(node)
            return
        self.harvest.take(node, vr)
        new = self._substitutes.shift(node.tag, vr, node.raw)
        if new is None:
            self._blank(node, vr, place)
        elif new:
            node.set(new, vr)

    def _blank(self, node: Node, vr: str, place: Place) -> None:
        """Take a value away, and put a dummy there where one has to be."""
        is_needed = self._type(node, place) == "1"
        node.set(self._substitutes.dummy(node, vr) if is_needed else b"", vr)

    def _type(self, node: Node, place: Place) -> str:
        sequence = place.sequences[-1] if place.sequences else NO_SEQUENCE
        return type_of(node.tag, self._places.sop_class, sequence)

    def _clean(self, node: Node, vr: str, place: Place) -> None:
        if repeating_group(node.tag) and not self._is_region(node):
            node.erase()
        elif node.tag == _TIMEZONE:
            if node.length and not _OFFSET.fullmatch(node.raw):
                self._blank(node, vr, place)
        elif vr in FREE_TEXT:
            self.net.cleaning.append((node, self._charset))
            self._kept.append(node)
        elif vr == "PN":
            self._dummy(node, vr)
        elif vr == "UI":
            self._uid(node, vr)
        elif vr in _TIMES:
            if Retain.DATES_SHIFTED in self._options.retain:
                self._shift(node, vr, place)
            else:
                self._blank(node, vr, place)
        else:
            self._kept.append(node)

    @staticmethod
    def _is_region(node: Node) -> bool:
        """Tell a region of interest from graphics, which may be text, as curves may too."""
        if repeating_group(node.tag) == CURVES:
            return False
        types = node.owner.find(node.tag & ~0xFFFF | _OVERLAY_TYPE)
        return bool(types) and all(each.raw.strip(b" \0") == _REGION_OF_INTEREST for each in types)

    # Sequences

    def _sequence(self, node: Node, action: Action, place: Place) -> None:
        vr = "SQ" if node.tag & PRIVATE_GROUP else vr_of(node.tag)
        if action is Action.REMOVE or (action is Action.CLEAN and repeating_group(node.tag)):
            self.harvest.take_items(node)
            node.erase()
        elif action is Action.EMPTY:
            self.harvest.take_items(node)
            if node.items:
                node.set(b"")
        elif vr not in ("SQ", "") and action is not Action.KEEP:
            node.set(self._substitutes.dummy(node, vr.split(" or ")[0]), vr.split(" or ")[0])
            if node.tag == PATIENT_ID:
                self._dummy(node, "LO")
        else:
            self._descend(node, place.child(node.tag, is_clean=action is Action.CLEAN))

    def _descend(self, node: Node, place: Place) -> None:
        self._waiting += [(item, place) for item in node.items or ()]

    def _unread(self, node: Node, action: Action, place: Place) -> None:
        """Take away a sequence that could not be read as one."""
        if self._type(node, place) == OPTIONAL and action in (Action.REMOVE, Action.KEEP):
            node.erase()
        else:
            node.set(b"", "SQ")

    def _known_vr(self, node: Node) -> str:
        """Give the VR of an element whose VR the file does not say."""
        tag = node.tag
        if not tag & PRIVATE_GROUP:
            return vr_of(tag).split(" or ")[0] or node.vr
        creator = node.creator
        entry = lookup_private(creator, tag)
        return safe_vr(creator, tag) or (entry.vr if entry else "") or node.vr

    # Private elements

    def _private(self, data_set: DataSet, private: Sequence[Node], place: Place) -> None:
        chosen, keeps = self.recipe.is_there, Retain.SAFE_PRIVATE in self._options.retain
        if not chosen and not keeps:
            for node in private:
                if node.vr == "PN":
                    self.harvest.take(node, "PN")
                node.erase()
            return
        creators = [node for node in private if is_creator(node.tag)]
        tags = [node.tag for node in creators]
        for node in private:
            tag = node.tag
            if is_creator(tag):
                continue
            reserver = tag & ~0xFFFF | (tag >> 8) & 0xFF
            creator = data_set.creator(tag) if tags.count(reserver) == 1 else ""
            if chosen and creator and self._by_recipe(node, place):
                continue
            rule = self._places.profile.rule(
                tag, sop_class=self._places.sop_class, sequences=(), creator=creator
            )
            self._apply(node, rule or _KEEP, place)
        used = {node.tag >> 8 for node in private if not node.is_erased}
        for node in creators:
            if (node.tag >> 16) << 8 | node.tag & 0xFF not in used:
                node.erase()
            elif chosen:
                self._kept.append(node)

    # Recipe

    def _by_recipe(self, node: Node, place: Place) -> bool:
        """Do what the recipe says; tell whether it says anything."""
        rule = self.recipe.rule_for(node)
        if rule is None:
            return False
        if rule.action is RecipeAction.KEEP:
            if node.items is not None:
                self._descend(node, place.child(node.tag))
            else:
                self.recipe.keep(node, kind_of(node.tag, node.vr))
                if node.length == 0 and node.tag == PATIENT_ID:
                    self._dummy(node, "LO")
                self._keep(node, node.vr)
            return True
        vr = self._known_vr(node) if node.vr in _UNSURE else node.vr
        if node.items is not None:
            self.harvest.take_items(node)
        else:
            self.harvest.take(node, vr)
        self.recipe.do(node, rule, vr)
        if rule.action is RecipeAction.REPLACE:
            of_profile = None if node.tag & PRIVATE_GROUP else place.rules[node.tag]
            if of_profile is not None and of_profile.action is Action.CLEAN and vr in FREE_TEXT:
                self.net.cleaning.append((node, self._charset))
            self._kept.append(node)
        return True

    # Content items

    def _content_rule(self, item: DataSet) -> Rule | None:
        said = concept(item)
        return self._places.profile.content_item(*said) if said else None

    def _is_dropped(self, item: DataSet, rule: Rule) -> bool:
        """Take a content item away with all below it, if it has to go and nothing points to it."""
        sequence = item.sequence
        if rule.action is not Action.REMOVE or sequence is None:
            return False
        if self._has_references is None:
            self._has_references = has_references(self._tree)
        if self._has_references:
            return False
        for node in item.all_nodes:
            if node.items is None:
                self.harvest.take(node, node.vr)
            else:
                self.harvest.take_items(node)
        item.erase()
        if not sequence.items:
            sequence.erase()
        return True

    def _content(self, node: Node, rule: Rule, place: Place) -> None:
        """Treat the value of a content item."""
        if rule.action in (Action.REMOVE, Action.DUMMY, Action.EMPTY):
            if node.items is not None:
                self._descend(node, place.child(node.tag, is_dummy=True))
            else:
                self._apply(node, _UID if node.vr == "UI" else _DUMMY, place)
        elif rule.action is Action.UID and node.vr != "UI" and node.items is None:
            self._apply(node, _DUMMY, place)
        else:
            self._apply(node, rule, place)

"""Gather what a file says of the identity of its patient, from what is about to go."""

from dcmtools.dataset.tree import DataSet, Node
from dcmtools.dataset.values import text
from dcmtools.deid.identifying import PUT_BACK, Identity, Kind, kind_of
from dcmtools.deid.identity import ISSUER_OF_PATIENT_ID
from dcmtools.deid.options import Options, Retain

_LONGEST = 1024  # bytes of an identity


class Harvest:
    """What identifies the patient of one file.

    Parameters
    ----------
    root : DataSet
        The data set of the file.
    options : Options
        An institution that is kept is no secret anywhere.

    Attributes
    ----------
    identities : set of Identity
        The true values.
    originals : dict of int to str
        Those of elements of the data set itself that a map remembers, by tag.
    """

    def __init__(self, root: DataSet, options: Options) -> None:
        self._root = root
        self._keeps_institution = Retain.INSTITUTION in options.retain
        self.identities: set[Identity] = set()
        self.originals: dict[int, str] = {}

    def take(self, node: Node, vr: str) -> None:
        """Take what an element says; `vr` is the VR that its value really has."""
        tag = node.tag
        kind = kind_of(tag, vr)
        if (kind is None and tag != ISSUER_OF_PATIENT_ID) or node.length > _LONGEST:
            return
        if kind is Kind.INSTITUTION and self._keeps_institution:
            return
        value = text(node.raw, vr if vr == "PN" else "LO", node.owner.charset).strip()
        if node.owner is self._root and (kind is None or kind in PUT_BACK):
            self.originals.setdefault(tag, value)
        if not value or kind is None:
            return
        if kind is Kind.NAME:
            self.identities.update(Identity(kind, each) for each in value.split("\\"))
        else:
            self.identities.add(Identity(kind, value))

    def take_items(self, node: Node) -> None:
        """Take what all items of a sequence say, at every depth."""
        waiting = list(node.items or ())
        while waiting:
            for each in waiting.pop().all_nodes:
                if each.items is None:
                    self.take(each, each.vr)
                else:
                    waiting += each.items

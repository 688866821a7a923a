"""Remember which rules hold at which place of an object, for the many files that are alike."""

from dcmtools.deid.profile import Profile, Rules

_MOST = 8192  # places; a hostile file has any number


class Place:
    """The data set of a file, or the items of a sequence in it.

    Parameters
    ----------
    places : Places
        What it is one of.
    sequences : tuple of int
        The tags of the sequences that lead here.
    is_clean : bool
        Whether a sequence above is cleaned.
    is_dummy : bool
        Whether all that is said here becomes a dummy, whatever the profile says of the sequences.

    Attributes
    ----------
    rules : Rules
        The rules that hold here.
    """

    __slots__ = ("_children", "_places", "is_clean", "is_dummy", "rules", "sequences")

    def __init__(
        self, places: "Places", sequences: tuple[int, ...], *, is_clean: bool, is_dummy: bool
    ) -> None:
        self._places = places
        self._children: dict[tuple[int, bool, bool], Place] = {}
        self.sequences = sequences
        self.is_clean = is_clean
        self.is_dummy = is_dummy
        self.rules = places.rules(sequences, is_dummy=is_dummy)

    def child(self, tag: int, *, is_clean: bool = False, is_dummy: bool = False) -> "Place":
        """Give the place of the items of a sequence here."""
        key = tag, is_clean or self.is_clean, is_dummy or self.is_dummy
        found = self._children.get(key)
        if found is None:
            sequences = (*self.sequences, tag)
            found = Place(self._places, sequences, is_clean=key[1], is_dummy=key[2])
            if self._places.has_room():
                self._children[key] = found
        return found


class Places:
    """The places in objects of one SOP Class.

    Parameters
    ----------
    profile : Profile
        What gives the rules.
    sop_class : str
        The SOP Class UID.

    Attributes
    ----------
    root : Place
        The data set itself.
    """

    def __init__(self, profile: Profile, sop_class: str) -> None:
        self.profile = profile
        self.sop_class = sop_class
        self._count = 0
        self.root = Place(self, (), is_clean=False, is_dummy=False)

    def rules(self, sequences: tuple[int, ...], *, is_dummy: bool) -> Rules:
        """Give the rules at a place."""
        if not is_dummy:
            return self.profile.rules(self.sop_class, sequences)
        rules = Rules(self.profile, self.sop_class, sequences)
        rules.in_dummy = True
        return rules

    def has_room(self) -> bool:
        """Count a place that is to be remembered, and tell whether it may be."""
        self._count += 1
        return self._count <= _MOST

"""Decide how strict new values are checked, and how much of a value an error repeats."""

from dataclasses import dataclass

_LONGEST_QUOTE = 64  # characters; whoever has typed more knows it by its beginning


@dataclass(frozen=True, slots=True)
class Rules:
    """What new values are held to.

    Parameters
    ----------
    validate : bool
        Whether values must be what their VR and VM ask for; otherwise only what cannot be encoded
        at all is refused.
    binary : bool
        Whether binary values (OB, OW, UN ...) may be given as text.
    charset_hint : str
        What to do about text that the character set cannot hold; "" to name only that set.
    source : str
        What to call the file that the value is from; "" where it was typed. What is in a file is
        not repeated in errors.
    """

    validate: bool = True
    binary: bool = False
    charset_hint: str = ""
    source: str = ""

    def quoted(self, value: str) -> str:
        """Name a value in an error."""
        if self.source:
            return f"a value in {self.source}"
        if len(value) > _LONGEST_QUOTE:
            return f"'{value[:_LONGEST_QUOTE]}...'"
        return f"'{value}'"

    def proposed(self, value: str) -> str:
        """Propose another value in a hint; "" for none."""
        return f"Write '{value}'." if value and not self.source else ""


STRICT = Rules()
"""What holds where nothing else is said."""

"""Put the value that a rule sets together of texts and of new values: ``TRIAL-{PatientID}``."""

from collections.abc import Callable
from dataclasses import dataclass
from string import Formatter

from dcmtools.dataset import dictionary, values
from dcmtools.dataset.path import TagPath
from dcmtools.errors import UsageError


@dataclass(frozen=True, slots=True)
class ValueTemplate:
    """A value that is put together of texts and new values; make it by `parse`.

    Parameters
    ----------
    parts : tuple of (str, str)
        Each a text and the keyword whose value follows it, "" for none.
    """

    parts: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> "ValueTemplate":
        """Read a template.

        Parameters
        ----------
        text : str
            The value; in braces stand attributes by keyword, ``{{`` and ``}}`` are braces.

        Raises
        ------
        UsageError
            It is no template, or names what no data set has a text for.
        """
        example = "Write it like TRIAL-{PatientID}; {{ and }} are braces."
        try:
            pieces = list(Formatter().parse(text))
        except ValueError as exc:
            raise UsageError(text, f"is no template: {exc}", example) from exc
        for _, keyword, form, conversion in pieces:
            if keyword is None:
                continue
            tag = TagPath.parse(keyword).plain_tag
            entry = None if tag is None else dictionary.lookup(tag)
            if entry is None or entry.keyword != keyword or entry.vr not in values.TEXT_VRS:
                raise UsageError(text, f"'{keyword}' is no attribute with a text", example)
            if form or conversion:
                raise UsageError(text, f"has a format behind '{keyword}'", example)
        return cls(tuple((literal, keyword or "") for literal, keyword, _, _ in pieces))

    @property
    def keywords(self) -> tuple[str, ...]:
        """The attributes whose new values are in it."""
        return tuple(keyword for _, keyword in self.parts if keyword)

    def filled(self, value: Callable[[str], str]) -> str:
        """Put the new values in."""
        return "".join([text + (value(keyword) if keyword else "") for text, keyword in self.parts])

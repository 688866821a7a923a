"""Tell in which transfer syntax a data set really is, and how one that is deflated is without that.

The file meta group may lie; how the data set was read does not (PS3.5 section 10 and Annex A).
"""

from dcmtools.dataset.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
)
from dcmtools.dataset.header import Header

_STANDARD = "1.2.840.10008.1.2."
INFLATED = {
    "1.2.840.10008.1.2.1.99": "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.4.95": "1.2.840.10008.1.2.4.94",
    "1.2.840.10008.1.2.4.205": "1.2.840.10008.1.2.4.204",
}
"""The transfer syntaxes that are deflated, and what they are without that (PS3.5 A.5, A.6)."""

_ENCODINGS = {
    "1.2.840.10008.1.2.1": EXPLICIT_LITTLE,
    "1.2.840.10008.1.2": IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
    "1.2.840.10008.1.20": IMPLICIT_LITTLE,
    "1.2.840.113619.5.2": IMPLICIT_LITTLE,
}
"""How the data set is in a transfer syntax; in all that are not here, as in the first."""


def inflated_syntax(header: Header) -> str:
    """Give the transfer syntax in which a data set really is, once it is not deflated.

    Parameters
    ----------
    header : Header
        What stands before it.

    Returns
    -------
    str
        The UID; "" where it is encoded as no transfer syntax has it.
    """
    uid = INFLATED.get(header.transfer_syntax, header.transfer_syntax)
    if uid and header.encoding == _ENCODINGS.get(uid, EXPLICIT_LITTLE):
        return uid
    return next((name for name, each in _ENCODINGS.items() if each == header.encoding), "")


def is_compressed(transfer_syntax: str) -> bool:
    """Tell whether pixel data is in fragments in a transfer syntax of the standard (PS3.5 A.4)."""
    plain = (*_ENCODINGS, *INFLATED)
    return transfer_syntax.startswith(_STANDARD) and transfer_syntax not in plain

"""Decide which UIDs become new ones, and which: the same old UID always becomes the same new one.

Only what is known to be the UID of a study, series or instance of the run is replaced. What the
standard defines (SOP classes, transfer syntaxes, well-known instances) never is.
"""

from hashlib import sha256
from uuid import UUID

_STANDARD = "1.2.840.10008."
_PADDING = "\0 "


class NewUids:
    """The new UIDs of a run; it may be used by several threads.

    Parameters
    ----------
    salt : bytes
        What makes the new UIDs differ from those of other runs; the same salt gives the same UIDs
        again.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._known: set[str] = set()

    def know(self, uid: str) -> None:
        """Have a UID replaced wherever it is; UIDs that the standard defines stay as they are."""
        uid = uid.strip(_PADDING)
        if uid and not uid.startswith(_STANDARD):
            self._known.add(uid)

    def __contains__(self, uid: str) -> bool:
        """Tell whether a UID is to be replaced."""
        return uid.strip(_PADDING) in self._known

    def __call__(self, uid: str) -> str:
        """Give the new UID of an old one, known or not.

        Parameters
        ----------
        uid : str
            The old UID; spaces and NUL around it mean nothing.

        Returns
        -------
        str
            A UUID under 2.25, 44 characters at most (PS3.5 B.2). A hash under a random salt is
            as good as random numbers, so its version is 4 (RFC 9562 5.4).
        """
        old = uid.strip(_PADDING).encode("utf-8", "surrogatepass")
        return f"2.25.{UUID(bytes=sha256(self._salt + old).digest()[:16], version=4).int}"

    def learn(self, value: bytes) -> bool:
        """Know the UIDs of a value; tell whether that made a difference."""
        before = len(self._known)
        for uid in value.decode("ascii", "surrogateescape").split("\\"):
            self.know(uid)
        return len(self._known) > before

    def translated(self, value: bytes) -> bytes:
        r"""Replace what is known in the value of an element, without padding it.

        Parameters
        ----------
        value : bytes
            UIDs with backslashes between them, with or without padding.

        Returns
        -------
        bytes
            The value with new UIDs; the very same where none is known.
        """
        uids = value.decode("ascii", "surrogateescape").split("\\")
        if not any(uid in self for uid in uids):
            return value
        new = "\\".join(self(uid) if uid in self else uid for uid in uids)
        return new.rstrip(_PADDING).encode("ascii", "surrogateescape")

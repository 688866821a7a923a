"""Decide what takes the place of an identity: all of it by HMAC-SHA256 (RFC 2104) under one key.

The same key gives the same values for ever, in every process; `tests/deid/test_keys.py` holds them
fast. Without the key nothing can be enumerated, as the plain hash of a Patient ID can. No random
number and no clock has a part in it but in a new key.
"""

import os
import re
from hmac import digest
from pathlib import Path
from secrets import token_bytes
from typing import Self

from dcmtools.deid.identity import PatientIdentity, Pseudonym
from dcmtools.errors import ConfigError, UsageError, reason

DEFAULT_MAX_SHIFT = 3650
"""Days: ten years, so that neither the season nor the year of a date is told."""
LONGEST_SHIFT = 36_500
"""Days: a century."""

_LEAST, _MOST = 16, 4096  # bytes of a key
_LEAST_VARIETY = 4  # different bytes; a random key of 16 has about as many as bytes
_SIZE = 32
_HINT = "Make one with: head -c 32 /dev/urandom | base64 > FILE"
_PADDING = " \0"
_MOST_KNOWN = 1 << 17  # UIDs that are remembered

_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
_CHARACTERS = "0123456789" + _LETTERS
"""No I, L, O and U, so that what is read aloud is not misheard, and no word comes out."""
_TOKEN = 16  # characters: what SH and CS hold

_UID = re.compile(r"([01]\.[1-3]?[0-9]|2\.(0|[1-9][0-9]*))(\.(0|[1-9][0-9]*))*")
_LONGEST_UID = 64
_DIGITS = 29, 39  # decimal digits of 96 and of 128 bits
_UUID_ROOT = "2.25"
_FIXED_BITS = 0xF000 << 64 | 0xC000 << 48
_VERSION_4 = 0x4000 << 64 | 0x8000 << 48
"""The bits of version and variant, and what they are in a UUID of version 4 (RFC 9562 5.4)."""
_STANDARD_ROOT = "1.2.840.10008"


class Key:
    """A secret, and what it makes of identities; it can be sent to other processes.

    Parameters
    ----------
    secret : bytes
        The key.
    warning : str
        What is to be said to the user about it.
    """

    def __init__(self, secret: bytes, warning: str = "") -> None:
        self._secret = secret
        self.warning = warning
        self._uids: dict[tuple[str, str], str] = {}

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        """Pickle the secret alone."""
        return type(self), (self._secret,)

    @classmethod
    def random(cls) -> Self:
        """Make a key that nobody has had or will have."""
        return cls(token_bytes(_SIZE))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key from a file: all its bytes, but for the line ends that follow them.

        Raises
        ------
        ConfigError
            The file cannot be read, or what it holds is too short or too long or no secret.
        """
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read(_MOST + 1)  # what is named may have no end
        except (OSError, ValueError) as error:
            raise ConfigError(str(path), reason(error), _HINT) from error
        secret = content.rstrip(b"\r\n")
        if len(secret) < _LEAST:
            why = f"has {len(secret)} bytes, and a key has at least {_LEAST}"
            raise ConfigError(str(path), why, _HINT)
        if len(content) > _MOST:
            raise ConfigError(str(path), f"has more than {_MOST} bytes, which is no key", _HINT)
        if len(set(secret)) < _LEAST_VARIETY:
            raise ConfigError(str(path), "repeats the same bytes, which is no secret", _HINT)
        # A pipe shows others nothing, and Windows has no such modes.
        exposed = os.name != "nt" and mode & 0o077 and path.is_file()
        warning = f"{path}: others can read the key; chmod 600 it" if exposed else ""
        return cls(secret, warning)

    def digest(self, kind: str, *parts: str) -> bytes:
        """Give the 32 bytes of the HMAC-SHA256 of values.

        Parameters
        ----------
        kind : str
            What they are for: the same values of another kind have nothing in common with them.
        *parts : str
            The values; where one ends and the next begins counts.
        """
        message = kind.encode() + b"\0"
        for part in parts:
            value = part.encode("utf-8", "surrogatepass")
            message += len(value).to_bytes(4, "big") + value
        return digest(self._secret, message, "sha256")

    def token(self, kind: str, *parts: str) -> str:
        """Give what stands for values: 16 characters, a letter and then letters and digits.

        It is a valid value of LO, SH, CS, UC and PN, and has 79 bits.
        """
        number = int.from_bytes(self.digest(kind, *parts)[:16], "big")
        number, first = divmod(number, len(_LETTERS))
        text = _LETTERS[first]
        for _ in range(_TOKEN - 1):
            number, at = divmod(number, len(_CHARACTERS))
            text += _CHARACTERS[at]
        return text

    def uid(self, old: str, root: str = "") -> str:
        """Give the new UID of an old one.

        Parameters
        ----------
        old : str
            The old one, valid or not; spaces and NUL around it mean nothing. Whether it is one
            that stays, as those of the standard do, is the callers' to decide.
        root : str
            What it begins with, as `check_root` gives it; "" for 2.25.

        Returns
        -------
        str
            A UUID under 2.25, 44 characters at most (PS3.5 B.2); its version is 4 (RFC 9562 5.4),
            since a keyed hash is as good as random numbers. Or the root and at least 29 digits,
            64 characters at most.
        """
        old = old.strip(_PADDING)
        new = self._uids.get((old, root))
        if new is None:
            if len(self._uids) >= _MOST_KNOWN:
                self._uids.clear()
            new = self._uids[old, root] = self._new_uid(old, root)
        return new

    def _new_uid(self, old: str, root: str) -> str:
        value = self.digest("uid", old)
        if not root:
            number = int.from_bytes(value[:16], "big")  # as UUID would, in a fifth of its time
            return f"{_UUID_ROOT}.{number & ~_FIXED_BITS | _VERSION_4}"
        digits = min(_LONGEST_UID - len(root) - 1, _DIGITS[1])
        least = 10 ** (digits - 1)  # the first digit is no 0 (PS3.5 9.1)
        return f"{root}.{least + int.from_bytes(value, 'big') % (9 * least)}"

    def pseudonym(self, identity: PatientIdentity) -> Pseudonym:
        """Give what a patient is called instead: a `token`, as Patient ID and as name."""
        token = self.token("patient", identity.kind, *identity.parts)
        return Pseudonym(token, token)

    def shift(self, identity: PatientIdentity, max_days: int = DEFAULT_MAX_SHIFT) -> int:
        """Give the days by which all dates of a patient move.

        Parameters
        ----------
        identity : PatientIdentity
            The patient.
        max_days : int
            The most days, 1 to `LONGEST_SHIFT`.

        Returns
        -------
        int
            From ``-max_days`` to -1: into the past, so that no date is in the future.
        """
        value = self.digest("shift", identity.kind, *identity.parts)
        return -1 - int.from_bytes(value[:8], "big") % max_days

    @property
    def fingerprint(self) -> str:
        """What tells this key from others, and nothing about it: 16 hexadecimal digits."""
        return self.digest("fingerprint").hex()[:16]


def check_root(root: str) -> str:
    """Check what new UIDs are to begin with, and give it as `Key.uid` takes it.

    Raises
    ------
    UsageError
        It is no UID, or too long for a hash behind it, or the standard's own.
    """
    root = root.removesuffix(".")
    longest = _LONGEST_UID - 1 - _DIGITS[0]
    if not _UID.fullmatch(root):
        hint = "Write numbers with dots between them, such as 1.2.826.0.1.3680043."
        raise UsageError("--uid-root", f"'{root}' is no UID", hint)
    if len(root) > longest:
        why = f"has {len(root)} characters, and {longest} leave room for what makes UIDs differ"
        raise UsageError("--uid-root", why)
    if f"{root}.".startswith(f"{_STANDARD_ROOT}."):
        raise UsageError("--uid-root", f"{root} belongs to the standard", "Take your own root.")
    if f"{root}.".startswith(f"{_UUID_ROOT}.") and root != _UUID_ROOT:
        raise UsageError("--uid-root", f"{root} is a UUID, and nothing follows one")
    return "" if root == _UUID_ROOT else root


def check_max_shift(days: int) -> int:
    """Check the most days that dates may move, and give it.

    Raises
    ------
    UsageError
        It is out of range.
    """
    if not 1 <= days <= LONGEST_SHIFT:
        raise UsageError("--max-shift", f"is 1 to {LONGEST_SHIFT} days, not {days}")
    return days

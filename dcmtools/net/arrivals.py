"""Say what is known of an object that a receiver has taken in."""

from dataclasses import dataclass

from dcmtools.net.storage import Stored


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object, and who has sent it.

    Parameters
    ----------
    stored : Stored
        What became of it.
    calling_aet : str
        The AE title of the sender, as it calls itself.
    called_aet : str
        The AE title that it has called the receiver by.
    host : str
        The address of the sender.
    """

    stored: Stored
    calling_aet: str
    called_aet: str
    host: str

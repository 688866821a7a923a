"""Say what stands before a data set that we put into a file (PS3.10 section 7)."""

from struct import pack

from dcmtools import __version__

IMPLEMENTATION_CLASS_UID = "2.25.81712600422931512753402587393585185858"
IMPLEMENTATION_VERSION_NAME = f"DCMTOOLS_{__version__.replace('.', '')}"[:16]
IMPLEMENTATION = IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
"""What writes files and negotiates here (PS3.7 D.3.3.2)."""

PREAMBLE = bytes(128)
"""All zeros: what a sender might put there could make the file pass for another kind."""


def file_start(
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax: str,
    *,
    implementation: tuple[str, str] = IMPLEMENTATION,
) -> bytes:
    """Encode what stands before the data set: preamble, prefix and file meta group.

    Parameters
    ----------
    sop_class_uid, sop_instance_uid : str
        Of the object.
    transfer_syntax : str
        The UID of the transfer syntax in which the data set follows.
    implementation : tuple of str and str
        The class UID and the version name of the program that writes the file.

    Returns
    -------
    bytes
        Explicit VR little endian, with its group length (PS3.10 Table 7.1-1).
    """
    class_uid, version = implementation
    group = (
        pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\0\1"
        + _element(0x0002, "UI", sop_class_uid)
        + _element(0x0003, "UI", sop_instance_uid)
        + _element(0x0010, "UI", transfer_syntax)
        + _element(0x0012, "UI", class_uid)
        + _element(0x0013, "SH", version)
    )  # fmt: skip
    return PREAMBLE + b"DICM" + pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group


def _element(number: int, vr: str, value: str) -> bytes:
    raw = value.encode("ascii", "replace")
    raw += (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
    return pack("<HH2sH", 2, number, vr.encode(), len(raw)) + raw

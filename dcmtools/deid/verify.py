"""Decide whether an output may be believed: open it again and hold it against its input.

The rules are read here a second time, from the tables alone (`verify_rules`), by code that shares
nothing with what wrote the output and needs no key. What is looked at:

- An attribute with a row is absent, empty, changed, moved or kept as the row says under the
  options, at every depth; no value of it stands at a place that was changed or added.
- No UID of the input is left but those of classes, syntaxes and codes.
- No text says a name, an identifier, a birth date, an address, a telephone or an institution of
  the input; what is evidence, `verify_words` says. A value that another attribute, which is kept,
  had in the input already is no leak there for any other attribute: that a station is called what
  its maker is called identifies neither.
- Preamble, file meta group, what follows the data set, pixel data, and what the output says of its
  own de-identification.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dcmtools.dataset.charset import decode
from dcmtools.dataset.elements import SOP_CLASS_UID, SOP_INSTANCE_UID, SPECIFIC_CHARACTER_SET
from dcmtools.dataset.path import TagPath, format_tag
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED, Inflated
from dcmtools.deid.options import Options
from dcmtools.deid.verify_input import Gathered, gather
from dcmtools.deid.verify_output import Output
from dcmtools.deid.verify_rules import Reading, known_methods, method_codes
from dcmtools.deid.verify_walk import preamble_is_clean
from dcmtools.errors import DcmtoolsError

_MOST = 50
_META = frozenset(
    {0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013}
)
"""File meta information that says what the object is and who wrote it (PS3.10 Table 7.1-1)."""
_MEDIA_STORAGE_CLASS, _MEDIA_STORAGE_INSTANCE = 0x00020002, 0x00020003
_PATIENT_GROUP = 0x0010
_PATIENT_ID = 0x00100020
_CODE_VALUE = 0x00080100
_FATES = ("UNMODIFIED", "MODIFIED", "REMOVED")
_IDENTITY_REMOVED, _METHOD, _TEMPORAL = 0x00120062, 0x00120063, 0x00280303


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an output may have besides what the options say.

    Parameters
    ----------
    kept : tuple of TagPath
        What a recipe keeps. A path of one node names the element at any depth. What is kept is not
        searched for elsewhere.
    changed : tuple of TagPath
        What other rules of a recipe name: it may be absent or have any value.
    regions : bool
        Whether regions of the pixels were blanked.
    patient_id : str
        The new Patient ID of a patient map, "" for any.
    """

    kept: tuple[TagPath, ...] = ()
    changed: tuple[TagPath, ...] = ()
    regions: bool = False
    patient_id: str = ""

    @property
    def paths(self) -> tuple[TagPath, ...]:
        """All that a recipe names."""
        return self.kept + self.changed


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found wrong in an output.

    Parameters
    ----------
    failures : tuple of str
        The path of an element, or the part of the file, and what is wrong with it. None holds a
        value of the input.
    """

    failures: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.failures


_NOTHING = Allowed()


def verify(
    original: Path | DicomFile,
    output: Path | DicomFile,
    options: Options,
    allowed: Allowed = _NOTHING,
) -> Verified:
    """Hold an output against its input.

    Parameters
    ----------
    original : Path or DicomFile
        The input.
    output : Path or DicomFile
        What was made of it.
    options : Options
        The options of the profile.
    allowed : Allowed
        What else was asked for.

    Returns
    -------
    Verified
        True where nothing is wrong. An output that cannot be read is wrong.

    Raises
    ------
    InputError
        The input cannot be read.
    """
    if isinstance(original, Path):
        with DicomFile(original) as opened:
            return verify(opened, output, options, allowed)
    if isinstance(output, Path):
        try:
            limit = max(DEFAULT_MAX_INFLATED, 2 * original.header.source.size)
            again = DicomFile(output, max_inflated=limit)
        except DcmtoolsError as error:
            return Verified((f"the output cannot be read: {error.why}",))
        with again:
            return verify(original, again, options, allowed)
    return Verified(tuple(_failures(original, output, options, allowed)[:_MOST]))


@lru_cache(maxsize=8)
def _reading(options: Options) -> Reading:
    return Reading(options)


def _failures(
    original: DicomFile, output: DicomFile, options: Options, allowed: Allowed
) -> list[str]:
    reading = _reading(options)
    gathered = gather(original, reading, allowed.kept)
    walked = Output(reading, gathered, allowed.paths, regions=allowed.regions)
    walked.check(original, output)
    return [
        *_frame(original, output, allowed),
        *_object(walked, gathered.sop_class, output),
        *_patient(walked, allowed),
        *_claims(walked, gathered, options, allowed),
        *walked.failures,
    ]


def _frame(original: DicomFile, output: DicomFile, allowed: Allowed) -> list[str]:
    """Look at what is around the data set."""
    found = []
    if output.damage is not None:
        found.append(f"the output is damaged: {output.damage.reason}")
    if not preamble_is_clean(output.before):
        found.append("the preamble is not 128 zero bytes")
    source = output.header.source
    behind = source.size - output.end
    if isinstance(source, Inflated):
        behind += max(0, output.size - source.end - 1)
    if behind > 0:
        found.append("bytes follow the data set")
    found += [
        f"{format_tag(element.tag)}: does not belong in the file meta group"
        for element in output.meta
        if element.tag not in _META
    ]
    syntax = original.header.transfer_syntax
    is_plain = bool(syntax) and not original.header.problems and not allowed.regions
    if is_plain and output.header.transfer_syntax != syntax:
        found.append("the transfer syntax is not that of the input")
    return found


def _object(walked: Output, sop_class: str, output: DicomFile) -> list[str]:
    """Look whether the file meta group names the object that follows, and its class is the same."""
    found = []
    meta = {element.tag: _plain(element.value) for element in output.meta}
    if _plain(walked.root.get(SOP_CLASS_UID)) != sop_class:
        found.append("SOPClassUID: is not that of the input")
    if meta.get(_MEDIA_STORAGE_CLASS, "") != sop_class:
        found.append("MediaStorageSOPClassUID: is not that of the data set")
    if meta.get(_MEDIA_STORAGE_INSTANCE, "") != _plain(walked.root.get(SOP_INSTANCE_UID)):
        found.append("MediaStorageSOPInstanceUID: is not that of the data set")
    return found


def _patient(walked: Output, allowed: Allowed) -> list[str]:
    """Look whether there is a Patient ID, and the one that was asked for."""
    new = walked.root.get(_PATIENT_ID)
    if new is None and not any(tag >> 16 == _PATIENT_GROUP for tag in walked.root):
        return []
    if not _plain(new):
        return ["PatientID: is empty or missing"]
    charset = walked.root.get(SPECIFIC_CHARACTER_SET, b"")
    if allowed.patient_id and decode(new or b"", charset).strip(" \0") != allowed.patient_id:
        return ["PatientID: is not that of the patient map"]
    return []


def _claims(walked: Output, gathered: Gathered, options: Options, allowed: Allowed) -> list[str]:
    """Look whether the output says truthfully what was done to it (PS3.15 E.1.1, E.3).

    What an earlier de-identification did stays true.
    """
    found = []
    removed = _plain(walked.root.get(_IDENTITY_REMOVED))
    if removed != "YES" and not (removed == "NO" and allowed.kept):
        found.append("PatientIdentityRemoved: is not YES")
    if not _plain(walked.root.get(_METHOD)):
        found.append("DeidentificationMethod: is empty or missing")
    claimed = set(walked.method_codes)
    asked = method_codes(options, regions=allowed.regions)
    if asked - claimed:
        found.append("DeidentificationMethodCodeSequence: lacks a code of what was done")
    more = (claimed & known_methods()) - asked
    if more and more - gathered.values(_CODE_VALUE):
        found.append("DeidentificationMethodCodeSequence: claims what was not done")
    said = _plain(walked.root.get(_TEMPORAL))
    if said != options.temporal_information:
        earlier = gathered.values(_TEMPORAL).intersection(_FATES)
        if said != max([*earlier, options.temporal_information], key=_FATES.index):
            found.append("LongitudinalTemporalInformationModified: does not agree with the options")
    return found


def _plain(value: bytes | None) -> str:
    return (value or b"").decode("latin-1").strip(" \0")

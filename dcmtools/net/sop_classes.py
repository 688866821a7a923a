"""Decide which storage SOP classes and transfer syntaxes are proposed and taken, in which order.

An association has room for 128 presentation contexts, and there are more storage SOP classes than
that, each with a dozen transfer syntaxes: what is met most comes first.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import cache

from dcmtools.dataset.dictionary import sop_classes, transfer_syntaxes
from dcmtools.dataset.query_models import is_uid
from dcmtools.errors import UsageError
from dcmtools.net.negotiation import (
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    Context,
    Proposal,
)

_MOST_ASSOCIATIONS = 4  # on which what is known to be there is proposed
_IMAGES = 8  # SOP classes whose images are met most, and often compressed

UNCOMPRESSED = (EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN)

_COMMON = """
    CTImageStorage MRImageStorage ComputedRadiographyImageStorage
    DigitalXRayImageStorageForPresentation UltrasoundImageStorage
    UltrasoundMultiFrameImageStorage SecondaryCaptureImageStorage
    DigitalMammographyXRayImageStorageForPresentation BreastTomosynthesisImageStorage
    PositronEmissionTomographyImageStorage NuclearMedicineImageStorage
    XRayAngiographicImageStorage XRayRadiofluoroscopicImageStorage EnhancedCTImageStorage
    EnhancedMRImageStorage BasicTextSRStorage EnhancedSRStorage ComprehensiveSRStorage
    Comprehensive3DSRStorage XRayRadiationDoseSRStorage KeyObjectSelectionDocumentStorage
    GrayscaleSoftcopyPresentationStateStorage ColorSoftcopyPresentationStateStorage
    EncapsulatedPDFStorage RTImageStorage RTDoseStorage RTStructureSetStorage RTPlanStorage
    RTIonPlanStorage RTBeamsTreatmentRecordStorage SegmentationStorage
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    MultiFrameTrueColorSecondaryCaptureImageStorage VLPhotographicImageStorage
    VLEndoscopicImageStorage VideoEndoscopicImageStorage OphthalmicPhotography8BitImageStorage
    OphthalmicTomographyImageStorage TwelveLeadECGWaveformStorage GeneralECGWaveformStorage
    MammographyCADSRStorage SpatialRegistrationStorage RawDataStorage
    DigitalXRayImageStorageForProcessing DigitalMammographyXRayImageStorageForProcessing
    EnhancedPETImageStorage ParametricMapStorage VLWholeSlideMicroscopyImageStorage
    XRay3DAngiographicImageStorage EnhancedXAImageStorage VLMicroscopicImageStorage
    DigitalIntraOralXRayImageStorageForPresentation EncapsulatedCDAStorage
    IntravascularOpticalCoherenceTomographyImageStorageForPresentation
""".split()  # noqa: SIM905 - one a line would fill the screen

_COMPRESSED = """
    JPEGBaseline8Bit JPEGLosslessSV1 JPEG2000Lossless JPEG2000 JPEGLSLossless RLELossless
    JPEGExtended12Bit JPEGLSNearLossless JPEGLossless DeflatedExplicitVRLittleEndian
    ExplicitVRBigEndian MPEG4HP41 MPEG2MPML HTJ2KLossless HTJ2K HTJ2KLosslessRPCL HEVCMP51
    MPEG4HP41BD MPEG2MPHL
""".split()  # noqa: SIM905 - one a line would fill the screen

_FOR_ALL = (IMPLICIT_LITTLE_ENDIAN, "1.2.840.10008.1.2.1.99")
_PIXELS = ("Image", "Photography", "Tomography", "Segmentation", "Map", "Dose", "RawData")
"""What stands in the keywords of SOP classes that have pixel data."""
_NOT_STORED = ("StorageCommitment", "MediaStorageDirectory")


@cache
def storage_classes() -> tuple[str, ...]:
    """List the UIDs of all storage SOP classes, those met most first."""
    found = {
        keyword: uid
        for uid, keyword in sop_classes().items()
        if "Storage" in keyword and not keyword.startswith(_NOT_STORED)
    }
    common = [found[keyword] for keyword in _COMMON]
    return (*common, *(uid for uid in found.values() if uid not in common))


@cache
def common_compressed_syntaxes() -> tuple[str, ...]:
    """List the UIDs of the transfer syntaxes that are met beyond the uncompressed two."""
    found = {keyword: uid for uid, keyword in transfer_syntaxes().items()}
    return tuple(found[keyword] for keyword in _COMPRESSED)


def named_syntaxes(option: str, text: str | None) -> tuple[str, ...]:
    """Read a list of transfer syntaxes, separated by commas: UIDs, or keywords of the standard.

    Parameters
    ----------
    option : str
        Where the list comes from, for errors.
    text : str or None
        The list; None for none.

    Raises
    ------
    UsageError
        One is no transfer syntax.
    """
    known = {keyword.lower(): uid for uid, keyword in transfer_syntaxes().items()}
    found = []
    for name in (text or "").split(",") if text is not None else ():
        wanted = name.strip()
        uid = known.get(wanted.lower(), wanted)
        if not is_uid(uid):
            near = get_close_matches(wanted.lower(), known, 3)
            keywords = transfer_syntaxes()
            hint = f"Did you mean {' or '.join(keywords[known[each]] for each in near)}?"
            if not near:
                hint = "Write keywords or UIDs, with commas between: JPEGBaseline8Bit,RLELossless."
            raise UsageError(option, f"'{wanted}' is no transfer syntax", hint)
        found.append(uid)
    return tuple(dict.fromkeys(found))


def is_storage(sop_class: str) -> bool:
    """Tell whether a SOP class may be one of objects that can be stored; private ones may."""
    return sop_class not in _others() and is_uid(sop_class)


@cache
def _others() -> frozenset[str]:
    """List the UIDs of all SOP classes of the standard that are not for storage."""
    return frozenset(sop_classes()) - frozenset(storage_classes())


def retrieval_contexts(classes: Iterable[str], room: int) -> list[list[Proposal]]:
    """Choose the presentation contexts in which objects are to come back (C-GET).

    Parameters
    ----------
    classes : iterable of str
        The SOP classes of the objects as far as they are known, those that matter most first.
    room : int
        The presentation contexts that there may be on an association.

    Returns
    -------
    list of list of Proposal
        For one association after the other. First, for each class that is known, one with the
        uncompressed transfer syntaxes, then one for each syntax alone: a peer takes one of each
        context, and so could not send an object as it is where all were in one. Where no class is
        known those met most stand for them. Last come all others, uncompressed.
    """
    known = tuple(dict.fromkeys(filter(is_storage, classes)))
    images = known or storage_classes()[:_IMAGES]
    first = known or storage_classes()[: len(_COMMON)]
    alone = (IMPLICIT_LITTLE_ENDIAN, *common_compressed_syntaxes())
    wanted = [Proposal(each, UNCOMPRESSED, scp=True) for each in first]
    wanted += [
        Proposal(each, (syntax,), scp=True)
        for syntax in alone
        for each in images
        if _goes_with(each, syntax)
    ]
    wanted = wanted[: room * _MOST_ASSOCIATIONS if known else room]
    others = [
        Proposal(each, UNCOMPRESSED, scp=True) for each in storage_classes() if each not in first
    ]
    return [*_parts(wanted, room), *_parts(others, room)]


def _goes_with(sop_class: str, syntax: str) -> bool:
    """Tell whether objects of a SOP class may be in a transfer syntax, as far as is known."""
    keyword = sop_classes().get(sop_class, "Image")
    has_pixels = not keyword.endswith("SRStorage") and any(each in keyword for each in _PIXELS)
    return has_pixels or syntax in _FOR_ALL


def contexts_alone(
    proposals: Sequence[Proposal], contexts: Sequence[Context], used: Container[Context]
) -> dict[str, list[Proposal]]:
    """Choose contexts for what has failed, to be proposed on associations of their own.

    There are peers that send all objects of a SOP class in the first context of that class, and
    say of those that are in another transfer syntax that they have failed. And what nobody knew of
    had no contexts for all transfer syntaxes.

    Parameters
    ----------
    proposals : sequence of Proposal
        What was proposed.
    contexts : sequence of Context
        What became of each.
    used : container of Context
        Those in which something has come.

    Returns
    -------
    dict of str to list of Proposal
        By transfer syntax, the likely ones first, with the SOP classes that the peer has accepted.
    """
    first: dict[str, Context] = {}
    for each in contexts:
        if not each.result:
            first.setdefault(each.abstract_syntax, each)
    chooses = any(each in used and first[each.abstract_syntax] is not each for each in contexts)
    tried = {
        (proposal.abstract_syntax, *proposal.transfer_syntaxes): context
        for proposal, context in zip(proposals, contexts, strict=True)
    }
    chosen = {}
    for syntax in common_compressed_syntaxes():
        classes = []
        for sop_class, best in first.items():
            before = tried.get((sop_class, syntax))
            unused = before is not None and not before.result and before is not best
            if (before is None and _goes_with(sop_class, syntax)) or (unused and not chooses):
                classes.append(sop_class)
        if classes:
            chosen[syntax] = [Proposal(each, (syntax,), scp=True) for each in classes]
    return chosen


def _parts(proposals: list[Proposal], room: int) -> Iterator[list[Proposal]]:
    for at in range(0, len(proposals), room):
        yield proposals[at : at + room]

"""dcmtools: DICOM on the command line, and the functions behind it.

The public names are loaded when they are first used, so that importing the package costs nothing.
"""

TYPE_CHECKING = False  # as typing's own, which would have to be imported
if TYPE_CHECKING:
    from dcmtools.config import Peer
    from dcmtools.dataset.answers import Answer
    from dcmtools.dataset.dump import DumpOptions, dump
    from dcmtools.dataset.modify import modify
    from dcmtools.dataset.path import TagPath
    from dcmtools.dataset.query import Query, build_query
    from dcmtools.dataset.read import open_dicom
    from dcmtools.deid.anonymize import Anonymized, anonymize
    from dcmtools.deid.keys import Key
    from dcmtools.deid.options import Clean, Options, Retain
    from dcmtools.deid.plan import Plan
    from dcmtools.errors import DcmtoolsError, ExitCode
    from dcmtools.net.access import Access
    from dcmtools.net.consign import Unsent, store
    from dcmtools.net.dispatch import Policy
    from dcmtools.net.echo import Echo, echo
    from dcmtools.net.find import find
    from dcmtools.net.journal import Journal
    from dcmtools.net.parcel import Treatment
    from dcmtools.net.store import Sent
    from dcmtools.pixels.worker import Transcoder

__version__ = "0.1.0"

__all__ = [
    "Access",
    "Anonymized",
    "Answer",
    "Clean",
    "DcmtoolsError",
    "DumpOptions",
    "Echo",
    "ExitCode",
    "Journal",
    "Key",
    "Options",
    "Peer",
    "Plan",
    "Policy",
    "Query",
    "Retain",
    "Sent",
    "TagPath",
    "Transcoder",
    "Treatment",
    "Unsent",
    "__version__",
    "anonymize",
    "build_query",
    "dump",
    "echo",
    "find",
    "modify",
    "open_dicom",
    "store",
]

_HOMES = {
    "Access": "dcmtools.net.access",
    "Anonymized": "dcmtools.deid.anonymize",
    "Answer": "dcmtools.dataset.answers",
    "Clean": "dcmtools.deid.options",
    "DcmtoolsError": "dcmtools.errors",
    "DumpOptions": "dcmtools.dataset.dump",
    "Echo": "dcmtools.net.echo",
    "ExitCode": "dcmtools.errors",
    "Journal": "dcmtools.net.journal",
    "Key": "dcmtools.deid.keys",
    "Options": "dcmtools.deid.options",
    "Peer": "dcmtools.config",
    "Plan": "dcmtools.deid.plan",
    "Policy": "dcmtools.net.dispatch",
    "Query": "dcmtools.dataset.query",
    "Retain": "dcmtools.deid.options",
    "Sent": "dcmtools.net.store",
    "TagPath": "dcmtools.dataset.path",
    "Transcoder": "dcmtools.pixels.worker",
    "Treatment": "dcmtools.net.parcel",
    "Unsent": "dcmtools.net.consign",
    "anonymize": "dcmtools.deid.anonymize",
    "build_query": "dcmtools.dataset.query",
    "dump": "dcmtools.dataset.dump",
    "echo": "dcmtools.net.echo",
    "find": "dcmtools.net.find",
    "modify": "dcmtools.dataset.modify",
    "open_dicom": "dcmtools.dataset.read",
    "store": "dcmtools.net.consign",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415 - not before it is needed

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)

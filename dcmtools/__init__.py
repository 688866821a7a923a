"""dcmtools: DICOM on the command line, and the functions behind it.

The public names are loaded when they are first used, so that importing the package costs nothing.
"""

TYPE_CHECKING = False  # as typing's own, which would have to be imported
if TYPE_CHECKING:
    from dcmtools.dataset.dump import DumpOptions, dump
    from dcmtools.dataset.path import TagPath
    from dcmtools.dataset.read import open_dicom
    from dcmtools.errors import DcmtoolsError, ExitCode

__version__ = "0.1.0"

__all__ = [
    "DcmtoolsError",
    "DumpOptions",
    "ExitCode",
    "TagPath",
    "__version__",
    "dump",
    "open_dicom",
]

_HOMES = {
    "DcmtoolsError": "dcmtools.errors",
    "DumpOptions": "dcmtools.dataset.dump",
    "ExitCode": "dcmtools.errors",
    "TagPath": "dcmtools.dataset.path",
    "dump": "dcmtools.dataset.dump",
    "open_dicom": "dcmtools.dataset.read",
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

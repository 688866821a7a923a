"""Decide what a program that is run on a file or a study is told, and make it harmless.

Most of it strangers have chosen. No shell sees it; what a program, or the system before it, could
take for something else than a value is changed here.
"""

import os
import re
import sys
from typing import TYPE_CHECKING, cast

from dcmtools.escape import escape
from dcmtools.net.arrivals import Arrival
from dcmtools.net.studies import Study

if TYPE_CHECKING:
    from pathlib import Path

_OWN = re.compile(
    "DCM_(PATH|FOLDER|FILES?|CALL(ING|ED)_AET|HOST|PATIENT_ID|TRANSFER_SYNTAX_UID"
    "|SOP_CLASS_UID|(SOP|STUDY|SERIES)_INSTANCE_UID)"
)
_SPECIAL = ("-", "+", "@")  # what options, those of DCMTK too, and files of options begin with
_LONGEST = 1024  # characters of a value


def placeholders(of: Arrival | Study) -> dict[str, str]:
    """Give what stands for a file that was stored, or a study, in the arguments of a program.

    They are those of DCMTK's storescp: ``p`` for the folder, an absolute path, ``f`` for the name
    of the file, "" for a study, ``a`` and ``c`` for the calling and the called AE title, ``r`` for
    the calling host. An AE title that begins with ``-``, ``+`` or ``@`` has ``_`` instead, so that
    it is no option; the environment has it as it is.
    """
    path = _path(of)
    is_study = isinstance(of, Study)
    return {
        "p": str(path if is_study else path.parent),
        "f": "" if is_study else path.name,
        "a": _no_option(_harmless(of.calling_aet)),
        "c": _no_option(_harmless(of.called_aet)),
        "r": _harmless(of.host),
    }


def environment(of: Arrival | Study) -> dict[str, str]:
    """Give the environment of a program on a file or a study: ours, and what is told of that.

    For both there are DCM_FOLDER, DCM_CALLING_AET, DCM_CALLED_AET, DCM_HOST, DCM_PATIENT_ID and
    DCM_STUDY_INSTANCE_UID; for a file DCM_PATH (all of it), DCM_FILE (its name), DCM_SOP_CLASS_UID,
    DCM_SOP_INSTANCE_UID, DCM_SERIES_INSTANCE_UID and DCM_TRANSFER_SYNTAX_UID too; for a study
    DCM_FILES, how many have been stored. Control characters are escaped in all but paths, which
    are as they are; other values are cut after 1024 characters.
    """
    path = _path(of)
    values = {"CALLING_AET": of.calling_aet, "CALLED_AET": of.called_aet, "HOST": of.host}
    if isinstance(of, Study):
        places = {"FOLDER": str(path)}
        values |= {
            "STUDY_INSTANCE_UID": of.uid,
            "PATIENT_ID": of.patient_id,
            "FILES": str(of.files),
        }
    else:
        stored = of.stored
        places = {"PATH": str(path), "FOLDER": str(path.parent), "FILE": path.name}
        values |= {
            "SOP_CLASS_UID": stored.sop_class,
            "SOP_INSTANCE_UID": stored.sop_instance_uid,
            "STUDY_INSTANCE_UID": stored.study,
            "SERIES_INSTANCE_UID": stored.series,
            "PATIENT_ID": stored.patient_id,
            "TRANSFER_SYNTAX_UID": stored.transfer_syntax,
        }
    told = places | {name: _harmless(value) for name, value in values.items()}
    # What is not told here, variables of whoever runs us must not tell.
    ours = {name: value for name, value in os.environ.items() if not _OWN.fullmatch(name)}
    return ours | {f"DCM_{name}": value for name, value in told.items()}


def _path(of: Arrival | Study) -> "Path":
    """Give the file or the folder."""
    path = of.folder if isinstance(of, Study) else cast("Path", of.stored.path)
    return path.absolute()


def _harmless(value: str) -> str:
    """Make a value one that every program can be given, in any locale."""
    encoding = sys.getfilesystemencoding()
    return escape(value[:_LONGEST]).encode(encoding, "backslashreplace").decode(encoding)


def _no_option(value: str) -> str:
    return f"_{value[1:]}" if value.startswith(_SPECIAL) else value

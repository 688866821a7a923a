"""Decide what is said of a picture before it is let through: burned-in text, a face, overlays.

No pixel is looked at; see `burned_in` for what is known all the same.
"""

from collections.abc import Mapping

from dcmtools.dataset.tree import DataSet, Tree
from dcmtools.deid import burned_in
from dcmtools.deid.burned_in import BurnedIn
from dcmtools.deid.plan import Plan
from dcmtools.deid.references import PIXELS
from dcmtools.errors import InputError

_OVERLAYS = range(0x6000, 0x6100, 2)
_OVERLAY_BIT_POSITION, _OVERLAY_DATA = 0x0102, 0x3000


class BurnedInError(InputError):
    """An object that may show text, and is not to be written for that.

    Parameters
    ----------
    what, why, hint : str
        As for all errors.
    is_skipped : bool
        Whether it counts as skipped, not as failed.
    """

    def __init__(self, what: str, why: str, hint: str = "", *, is_skipped: bool = False) -> None:
        super().__init__(what, why, hint)
        self.is_skipped = is_skipped


def risks(tree: Tree, plan: Plan, *, is_black: bool) -> list[str]:
    """Warn of what the picture may show, or refuse the file for it.

    Parameters
    ----------
    tree : Tree
        The data set, as it came.
    plan : Plan
        What is done where it may show text.
    is_black : bool
        Whether regions of it were made black, so that its text is seen to.

    Returns
    -------
    list of str
        Clauses that follow the name of the file, without its values.

    Raises
    ------
    BurnedInError
        It may show text, and is not to be written then.
    """
    root = tree.root
    values: dict[int, str] = {}
    has_pixels = False
    for node in root.nodes:
        if node.tag in burned_in.TAGS and node.items is None:
            values.setdefault(node.tag, node.raw.decode("latin-1"))
        has_pixels |= node.tag in PIXELS
    warnings = []
    if has_pixels and not is_black and (risk := _text_risk(values)):
        if plan.burned_in is not BurnedIn.WARN:
            hint = "Blacken it with --region, or let it through with --on-burned-in warn."
            is_skipped = plan.burned_in is BurnedIn.SKIP
            raise BurnedInError(str(tree.file.path), risk, hint, is_skipped=is_skipped)
        warnings.append(risk)
    if risk := burned_in.face_risk(values, has_pixels=has_pixels):
        warnings.append(risk)
    if has_pixels and _has_embedded_overlay(root):
        warnings.append("has an overlay within its pixel data, which stays there")
    return warnings


def _text_risk(values: Mapping[int, str]) -> str | None:
    return burned_in.text_risk(values, has_pixels=True)


def _has_embedded_overlay(root: DataSet) -> bool:
    """Tell whether unused bits of the pixel data are an overlay (PS3.3 C.9.2, retired)."""
    tags = {node.tag for node in root.nodes if node.tag >> 16 in _OVERLAYS and node.length}
    return any(
        tag & 0xFFFF == _OVERLAY_BIT_POSITION and tag & ~0xFFFF | _OVERLAY_DATA not in tags
        for tag in tags
    )

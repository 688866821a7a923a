"""Decide what stands in place of an encapsulated document: an empty one of the same kind.

A document is whatever another program has made; nobody here can look for names in it (PS3.15 Table
E.1-1 has D for it). What is put there can be opened by what opens the kind.
"""

_PDF_PARTS = (
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>",
)
_CDA = b"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
<title>Removed by de-identification</title>
</ClinicalDocument>
"""
_TEXTS = {
    "model/obj": b"# removed by de-identification\n",
    "model/mtl": b"# removed by de-identification\n",
    "text/xml": _CDA,
    "application/xml": _CDA,
}
_STORAGE = "1.2.840.10008.5.1.4.1.1.104."
_KINDS = {
    "1": "application/pdf",
    "2": "text/xml",
    "3": "model/stl",
    "4": "model/obj",
    "5": "model/mtl",
}
"""The kind of document by the last number of the SOP Class (PS3.4 Table B.5-1)."""


def empty_document(sop_class: str, mime_type: str) -> bytes:
    """Make a document that says nothing.

    Parameters
    ----------
    sop_class : str
        The SOP Class UID of the object, which tells of which kind its document is.
    mime_type : str
        MIME Type of Encapsulated Document (0042,0012), which tells it where the class does not.

    Returns
    -------
    bytes
        The document; two zero bytes for a kind that is not known.
    """
    number = sop_class.removeprefix(_STORAGE)
    kind = _KINDS.get(number) or mime_type.lower()
    if kind == "application/pdf":
        return _pdf()
    if kind == "model/stl":  # a header of 80 bytes, and the number of triangles
        return bytes(80 + 4)
    return _TEXTS.get(kind, b"\0\0")


def _pdf() -> bytes:
    """Write one blank page (ISO 32000-1 7.5)."""
    text = b"%PDF-1.4\n"
    offsets = []
    for number, part in enumerate(_PDF_PARTS, 1):
        offsets.append(len(text))
        text += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(_PDF_PARTS) + 1
    return (
        text
        + b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
        + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(text))
    )

"""Write the tables of `data/` from the standard's, or tell which of them are out of date.

``python -m dcmtools.deid._generate FOLDER [--check]``

FOLDER holds the tables of PS3.15 and PS3.16 as facts: ``ps315_e1_1.tsv``,
``ps315_e3_4_1_content_items.tsv``, ``ps315_safe_private.tsv`` and ``cid7050.tsv``. The types that
attributes have in the IODs of PS3.3 come from three other files: ``sop_class_iod_map.json``,
``iod_module_map.json`` and ``module_attribute_map.json``, in the form in which the package
highdicom distributes them. Where those are not in FOLDER, ``types.tsv`` stays as it is.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from dcmtools.deid import _generate_types
from dcmtools.errors import ExitCode

DATA = Path(__file__).parent / "data"
OPTIONS = (
    *("rtn_safe_priv", "rtn_uids", "rtn_dev_id", "rtn_inst_id", "rtn_pat_chars"),
    *("rtn_long_full", "rtn_long_modif", "clean_desc", "clean_struct", "clean_graph"),
)
"""The columns of Table E.1-1 after the Basic Profile."""
CONTENT_OPTIONS = {
    "retain_uids": "rtn_uids",
    "retain_device_identity": "rtn_dev_id",
    "retain_institution_identity": "rtn_inst_id",
    "retain_patient_characteristics": "rtn_pat_chars",
    "retain_longitudinal_full_dates": "rtn_long_full",
    "retain_longitudinal_modified_dates": "rtn_long_modif",
    "clean_descriptors": "clean_desc",
}
"""The columns of Table E.3.4-1 after the Basic Profile, and what they are called in E.1-1."""
NOT_ATTRIBUTES = ("PRIVATE", "50xxxxxx", "60xx3000", "60xx4000")
"""The rows of Table E.1-1 that are about more than one tag; `unlisted.py` knows them."""

Table = list[dict[str, str]]


def attributes(rows: Table) -> str:
    """Make ``attributes.tsv`` from Table E.1-1."""
    columns = ("tag", "keyword", "vr", "basic", *OPTIONS)
    about = "PS3.15 Table E.1-1, edition 2026d: what becomes of each attribute."
    return _table(about, columns, (row for row in rows if row["tag"] not in NOT_ATTRIBUTES))


def content_items(rows: Table) -> str:
    """Make ``content_items.tsv`` from Table E.3.4-1."""
    about = "PS3.15 Table E.3.4-1, edition 2026d: what becomes of content items of SR documents."
    named = [{CONTENT_OPTIONS.get(key, key): cell for key, cell in row.items()} for row in rows]
    columns = ("code", "scheme", "value_type", "meaning", "basic", *CONTENT_OPTIONS.values())
    return _table(about, columns, named)


def safe_private(rows: Table) -> str:
    """Make ``safe_private.tsv`` from Table E.3.10-1."""
    about = "PS3.15 Table E.3.10-1, editions 2020 and 2025b: private attributes that are safe."
    columns = ("tag", "creator", "vr", "meaning")
    return _table(
        about,
        columns,
        (
            {
                "tag": row["tag"].strip("()").replace(",", "").lower().replace("xx", "00"),
                "creator": row["private_creator"],
                "vr": row["vr"],
                "meaning": row["meaning"],
            }
            for row in rows
        ),
    )


def methods(rows: Table) -> str:
    """Make ``methods.tsv`` from CID 7050."""
    about = "PS3.16 CID 7050, De-identification Method: the code of each option."
    return _table(about, ("option_key", "code", "scheme", "meaning"), rows)


MADE: dict[str, tuple[str, Callable[[Table], str]]] = {
    "attributes.tsv": ("ps315_e1_1.tsv", attributes),
    "content_items.tsv": ("ps315_e3_4_1_content_items.tsv", content_items),
    "safe_private.tsv": ("ps315_safe_private.tsv", safe_private),
    "methods.tsv": ("cid7050.tsv", methods),
}
"""The source and the maker of each table."""


def wanted(folder: Path) -> dict[str, str]:
    """Make all tables for which a folder has the sources: the content by the name."""
    made = {name: make(_rows(folder / source)) for name, (source, make) in MADE.items()}
    if all((folder / name).is_file() for name in _generate_types.SOURCES):
        rows = _rows(folder / "ps315_e1_1.tsv")
        listed = {row["keyword"]: row for row in rows if row["tag"] not in NOT_ATTRIBUTES}
        made["types.tsv"] = _generate_types.types(folder, listed)
    return made


def _rows(path: Path) -> Table:
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    columns = head.split("\t")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]


def _table(about: str, columns: tuple[str, ...], rows: Iterator[dict[str, str]] | Table) -> str:
    lines = ["\t".join(row[column] for column in columns) for row in rows]
    made_by = "# Made by dcmtools.deid._generate; not to be edited."
    return "\n".join([f"# {about}", made_by, "\t".join(columns), *lines, ""])


def main(arguments: list[str]) -> int:
    """Write what is out of date, or with ``--check`` only name it; give the exit code."""
    folder, *rest = arguments or [""]
    if not folder or rest not in ([], ["--check"]):
        sys.stderr.write("usage: python -m dcmtools.deid._generate FOLDER [--check]\n")
        return ExitCode.USAGE
    stale = False
    for name, text in wanted(Path(folder)).items():
        path = DATA / name
        if path.is_file() and path.read_bytes() == text.encode():
            continue
        stale = True
        if rest:
            sys.stdout.write(f"{name} is out of date\n")
        else:
            path.write_bytes(text.encode())
            sys.stdout.write(f"{name} written\n")
    return ExitCode.FAILURE if rest and stale else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

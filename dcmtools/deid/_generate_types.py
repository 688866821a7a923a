"""Make `data/types.tsv`: the type of each attribute, by IOD and sequence, where it decides a rule.

A compound code of Table E.1-1 is resolved by the type that the attribute has in the IOD, and the
code X would break an IOD in which the attribute is Type 1 or 2. Only those attributes are in the
table, and only where their type is not 3.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dcmtools.dataset.dictionary import keyword_tag
from dcmtools.deid.unlisted import unlisted

SOURCES = ("sop_class_iod_map.json", "iod_module_map.json", "module_attribute_map.json")
SUCCESSORS = {
    "1.2.840.10008.5.1.4.1.1.3": "1.2.840.10008.5.1.4.1.1.3.1",
    "1.2.840.10008.5.1.4.1.1.5": "1.2.840.10008.5.1.4.1.1.20",
    "1.2.840.10008.5.1.4.1.1.6": "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.12.3": "1.2.840.10008.5.1.4.1.1.12.1",
    "1.2.840.10008.5.1.4.1.1.77.1": "1.2.840.10008.5.1.4.1.1.77.1.4",
    "1.2.840.10008.5.1.4.1.1.88.1": "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.88.2": "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.88.3": "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.88.4": "1.2.840.10008.5.1.4.1.1.88.33",
}
"""Retired SOP Classes whose IODs PS3.3 no longer has, and the class whose types they are given."""
_ABOUT = """\
# PS3.3, about edition 2024e: the types of attributes whose rule depends on them.
# Made by dcmtools.deid._generate from the tables of highdicom 0.28.2; not to be edited.
# IOD lines: number, name, SOP Class UIDs. TYPE lines: tag, sequence that holds it (- for none),
# type, IODs; * for every other IOD, and without a sequence for those that are not known.
# Where modules of an IOD differ the stricter type stands. Type 1C counts as 1 and 2C as 2, because
# the attribute is there; where the code is X alone they count as 3.
"""
_STRICT = ("1", "2", "3")

Attributes = Mapping[tuple[str, ...], set[str]]
"""The types of an attribute in one IOD, by the keywords of the sequences that lead to it."""


def types(folder: Path, rows: Mapping[str, Mapping[str, str]]) -> str:
    """Make the table.

    Parameters
    ----------
    folder : Path
        Where the files of `SOURCES` are.
    rows : mapping
        The rows of Table E.1-1 by keyword.
    """
    sop_classes, modules, attributes = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in SOURCES
    )
    for retired, successor in SUCCESSORS.items():
        if successor in sop_classes:
            sop_classes[retired] = sop_classes[successor]
    iods = sorted(set(sop_classes.values()))
    codes = {keyword: row["basic"] for keyword, row in rows.items()}
    codes |= {row.keyword: row.basic for row in unlisted().values()}
    tags = {keyword: row["tag"].lower() for keyword, row in rows.items()}
    lines = [
        f"IOD\t{number}\t{iod}\t{' '.join(sorted(u for u, i in sop_classes.items() if i == iod))}"
        for number, iod in enumerate(iods)
    ]
    found = defaultdict[str, dict[str, Attributes]](dict)
    for iod in iods:
        for keyword, places in _attributes(modules[iod], attributes).items():
            found[keyword][iod] = places
    for keyword in sorted(codes.keys() & found.keys(), key=lambda each: _tag(each, tags)):
        by_parent = _by_parent(codes[keyword], iods, found[keyword])
        for parent, numbers in sorted(by_parent.items()):
            above = _tag(parent, tags) if parent else "-"
            if _decides(codes[keyword], set(numbers.values())):
                lines += _lines(f"TYPE\t{_tag(keyword, tags)}\t{above}", parent, numbers)
    return _ABOUT + "\n".join([*lines, ""])


def _attributes(
    modules: Iterable[Mapping[str, str]],
    tables: Mapping[str, list[dict[str, object]]],
) -> dict[str, dict[tuple[str, ...], set[str]]]:
    """Gather the types of each attribute in all modules of an IOD."""
    found: dict[str, dict[tuple[str, ...], set[str]]] = defaultdict(lambda: defaultdict(set))
    for module in modules:
        for row in tables.get(module["key"], ()):
            path = row["path"]
            keywords = tuple(map(str, path)) if isinstance(path, list) else ()
            found[str(row["keyword"])][keywords].add(str(row["type"]))
    return found


def _tag(keyword: str, newer: Mapping[str, str]) -> str:
    tag = keyword_tag(keyword)
    return newer[keyword] if tag is None else f"{tag:08x}"


def _by_parent(
    code: str, iods: list[str], places: Mapping[str, Attributes]
) -> dict[str, dict[int, str]]:
    """Find the types of one attribute, for each sequence that may hold it, by number of the IOD."""
    by_parent: dict[str, dict[int, str]] = defaultdict(dict)
    for number, iod in enumerate(iods):
        for path, raw in places.get(iod, {}).items():
            parent = path[-1] if path else ""
            known = by_parent[parent].get(number, "3")
            by_parent[parent][number] = min(known, *(_counted(each, code) for each in raw))
    return by_parent


def _lines(start: str, parent: str, numbers: Mapping[int, str]) -> Iterator[str]:
    counts = Counter(numbers.values())
    usual = max(_STRICT, key=lambda each: (counts[each], -_STRICT.index(each)))
    yield f"{start}\t{usual}\t*"
    # without a sequence, a known IOD that is not named does not have the attribute
    unsaid = usual if parent else "3"
    for each in _STRICT:
        named = [str(number) for number, found in numbers.items() if found == each != unsaid]
        if named:
            yield f"{start}\t{each}\t{' '.join(named)}"


def _counted(raw: str, code: str) -> str:
    if code == "X":
        return raw if raw in _STRICT else "3"
    return raw[0] if raw[0] in _STRICT else "3"


def _decides(code: str, found: set[str]) -> bool:
    """Tell whether the types make a difference to what a code leads to."""
    if code == "Z":
        return "1" in found
    return found != {"3"} and (code == "X" or "/" in code)

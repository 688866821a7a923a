"""Edit files and take the results apart, to see that only what was to change has changed."""

from pathlib import Path

from dcmtools.dataset.edit import Edited, edited, parse_assignment
from dcmtools.dataset.elements import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED
from dcmtools.dataset.new_uids import NewUids
from dcmtools.dataset.read import DicomFile
from tests.factories import part10, write

Content = list[tuple[str, bytes]]


def data_set(path: Path) -> bytes:
    """Give the bytes of the data set of a file, inflated, and without what follows it."""
    with DicomFile(path) as file:
        for _ in file.elements():
            pass
        return file.header.source.read(file.header.start, file.end - file.header.start)


def edited_bytes(path: Path, *assignments: str, uids: NewUids | None = None) -> bytes:
    """Edit a file; give the bytes of its data set."""
    with DicomFile(path) as file:
        result = edited(file, map(parse_assignment, assignments), uids)
        raw = result.read()
        assert len(raw) == result.size
        return raw


def saved(path: Path, *assignments: str, uids: NewUids | None = None) -> Path:
    """Edit a file; write the result into another one beside it."""
    with DicomFile(path) as file:
        result = edited(file, map(parse_assignment, assignments), uids)
        return write(path.with_name("edited.dcm"), part10(result.read(), result.transfer_syntax))


def identity(path: Path, *assignments: str, uids: NewUids | None = None) -> Edited:
    """Edit a file; give the result, which cannot be read any more."""
    with DicomFile(path) as file:
        return edited(file, map(parse_assignment, assignments), uids)


def content(path: Path) -> Content:
    """List what a file holds, all but what an edit is allowed to correct.

    Those are the lengths of sequences and items, and the values of group lengths. Each is named
    by where it is, and has the bytes with which it is encoded.
    """
    found: Content = []
    with DicomFile(path) as file:
        for element in file.elements():
            above = "".join(f"{step.tag:08x}[{step.item}]." for step in element.level.steps())
            name = f"{above}{element.tag:08x}"
            size = element.value_offset - element.offset
            if element.tag in (ITEM_END, SEQUENCE_END) and not size:
                continue  # only a length says so
            if element.is_container or not element.vr:
                size -= 0 if element.length == UNDEFINED else 4
            elif element.tag & 0xFFFF:
                size += element.length
            found.append((name, file.header.source.read(element.offset, size)))
        assert file.damage is None
    return found


def without(found: Content, *names: str) -> Content:
    """Leave out what is named, and what is in it."""
    return [(name, raw) for name, raw in found if not name.startswith(names)]


def wrong_group_lengths(path: Path) -> list[str]:
    """Name the group lengths that do not tell where their group ends."""
    wrong = []
    open_groups: dict[int, tuple[int, int, str]] = {}  # by level: the group and its end
    with DicomFile(path) as file:
        big = file.header.encoding.big_endian
        for element in file.elements():
            if element.tag in (ITEM, SEQUENCE_END):
                continue
            key, group, end = id(element.level), element.tag >> 16, element.offset
            known = open_groups.get(key)
            if known and group != known[0]:
                del open_groups[key]
                wrong += [known[2]] * (known[1] != end)
            if not element.tag & 0xFFFF:
                size = int.from_bytes(file.value(element), "big" if big else "little")
                end = element.value_offset + element.length + size
                open_groups[key] = group, end, f"{element.tag:08x} at {element.offset}"
        return wrong + [name for _, stop, name in open_groups.values() if stop != file.end]

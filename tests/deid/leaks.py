"""Look at what a de-identification made of the adversary's folder, by pydicom alone."""

import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydicom import dcmread
from pydicom.dataset import FileDataset

from tests.deid.adversary import NOBODY, Folder, Made, hashes
from tests.deid.facts import OPTIONS, SOP_CLASSES, table
from tests.deid.judging import Judge, Judged, text_of
from tests.deid.planting import PEOPLE, ROOT, canaries_in, needles

LONGITUDINAL = 0x00280303
JUNK_CANARIES = frozenset(f"zq80000{digit}xv" for digit in range(1, 6))


class Finding(NamedTuple):
    """Something that is not as it has to be; `row` is a tag of the table, or the name of a rule."""

    row: str
    kind: str
    file: str
    path: str
    why: str


@dataclass
class Report:
    """What was found, and which rows were looked at."""

    findings: list[Finding] = field(default_factory=list)
    judged: Counter[str] = field(default_factory=Counter)

    def wrong_rows(self) -> set[str]:
        """Give the rows of the table with a finding."""
        return {finding.row for finding in self.findings} & set(table())

    def right_rows(self) -> set[str]:
        """Give the rows that were looked at somewhere, and right everywhere."""
        return set(self.judged) - self.wrong_rows()

    def rules(self) -> set[str]:
        """Give the rules beside the table with a finding."""
        return {finding.row for finding in self.findings} - set(table())

    def __str__(self) -> str:
        """Show the first findings of each row."""
        shown, seen = [], Counter[str]()
        for finding in self.findings:
            seen[finding.row] += 1
            if seen[finding.row] <= 2:
                shown.append(" | ".join(finding))
        return "\n".join((f"{len(self.right_rows())} rows right", *shown[:80]))


def _read(path: Path) -> FileDataset | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = dcmread(path)
            return data if len(data) else None
        except Exception:  # noqa: BLE001 - whatever it is, the output cannot be read
            return None


def _number(data: FileDataset) -> int:
    item = data.get_item(0x00200013)
    text = text_of(item)
    return int(text) if text.isdigit() else -1


class _Check:
    """One comparison of outputs with the folder that they were made of."""

    def __init__(self, folder: Folder, outputs: Path, options: frozenset[str]) -> None:
        self.folder, self.outputs, self.options = folder, outputs, options
        self.report = Report()
        self.wrong: dict[str, set[str]] = defaultdict(set)
        self.uids: dict[str, list[Judged]] = defaultdict(list)
        self.shifts: dict[str, list[Judged]] = defaultdict(list)
        self.everything: set[str] = set()
        words = [word for person in PEOPLE for word in person.words()]
        words += [person.echoes("")[4].split()[1].strip(",") for person in PEOPLE]
        if "institution" not in options:
            words += [word for person in PEOPLE for word in person.places()]
        self.needles = needles(iter(words))
        self.births = {person.birth_date for person in PEOPLE}

    def add(self, row: str, kind: str, file: object, path: str, why: str) -> None:
        self.report.findings.append(Finding(row, kind, str(file), path, why))
        self.wrong[str(file)].add(row)

    def run(self) -> Report:
        """Check all there is."""
        if hashes(self.folder.root) != self.folder.hashes:
            self.add("INPUT", "WRONG", self.folder.root, "", "the inputs are not as they were")
        by_number = {made.number: made for made in self.folder.objects}
        found: dict[int, tuple[Path, FileDataset]] = {}
        for path in sorted(self.outputs.rglob("*")):
            if not path.is_file():
                continue
            data = _read(path)
            number = _number(data) if data is not None else -1
            if data is None or number not in by_number or number in found:
                self.add("FILES", "WRONG", path, "", "an output that no object of the folder makes")
                self._sweep(path, frozenset(), {})
            else:
                found[number] = path, data
        for number, made in by_number.items():
            if number not in found and not made.refusable:
                self.add("FILES", "LOST", made.path, "", "has no output")
        judges = {
            number: self._judge(by_number[number], *found[number]) for number in sorted(found)
        }
        for judge in judges.values():
            self.everything.update(judge.planted)
        for number, judge in judges.items():
            self._sweep(found[number][0], frozenset(judge.may), judge.planted)
        self._consistent_uids()
        self._consistent_dates()
        self._patients(found, by_number)
        return self.report

    def _judge(self, made: Made, path: Path, data: FileDataset) -> Judge:
        judge = Judge(made, data, self.options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            judge.run()
            self._meta(made, path, data)
            self._method(path, data)
        for judged in judge.bad:
            self.add(judged.row, judged.kind, path.name, judged.path, judged.why)
        self.report.judged.update(judge.rows)
        for judged in judge.uids:
            self.uids[judged.old].append(judged)
        # Who has no Patient ID is somebody else for all that is known.
        who = str(made.at.number) if made.at.number in NOBODY else made.at.person.patient_id
        for judged in judge.shifts:
            self.shifts[who].append(judged)
        return judge

    def _meta(self, made: Made, path: Path, data: FileDataset) -> None:
        """Look at preamble and file meta group: nothing in them comes from the input."""
        meta = data.file_meta
        if data.preamble != bytes(128):
            self.add("META", "LEAK", path.name, "preamble", "is not 128 zero bytes")
        old = {element.tag: element for element in made.meta}
        for tag in (0x00020013, 0x00020016, 0x00020017, 0x00020018, 0x00020026, 0x00020102):
            item = meta.get_item(tag)
            if item is not None and text_of(item) == text_of(old[tag]):
                self.add("META", "LEAK", path.name, f"{tag:08X}", "is that of the input")
        if str(meta.get("ImplementationClassUID", ROOT)).startswith(ROOT):
            self.add("META", "WRONG", path.name, "00020012", "is not that of the program")
        if meta.get("TransferSyntaxUID") != made.at.syntax.uid:
            self.add("META", "WRONG", path.name, "00020010", "the transfer syntax has changed")
        if meta.get("MediaStorageSOPClassUID") != SOP_CLASSES[made.at.kind]:
            self.add("META", "WRONG", path.name, "00020002", "is not the SOP Class")
        row, new = "00020003", str(meta.get("MediaStorageSOPInstanceUID", ""))
        self.report.judged[row] += 1
        if new.startswith(ROOT) != ("uids" in self.options):
            kind = "LOST" if "uids" in self.options else "LEAK"
            self.add(row, kind, path.name, row, "is the UID of the input, or should be")
        elif new != text_of(data.get_item(0x00080018)) and not self._left(made, data):
            self.add(row, "WRONG", path.name, row, "is not the SOP Instance UID of the data set")

    @staticmethod
    def _left(made: Made, data: FileDataset) -> bool:
        """Tell whether the data set has its old UID still, which is told by another row."""
        return text_of(data.get_item(0x00080018)) == made.at.sop_instance_uid

    def _method(self, path: Path, data: FileDataset) -> None:
        """Look whether the output says truthfully what was done to it."""
        expected = {"113100", *(OPTIONS[option][1] for option in self.options)}
        if text_of(data.get_item(0x00120062)) != "YES":
            self.add("METHOD", "WRONG", path.name, "PatientIdentityRemoved", "is not YES")
        if not text_of(data.get_item(0x00120063)):
            self.add("METHOD", "WRONG", path.name, "DeidentificationMethod", "is missing")
        codes = data.get("DeidentificationMethodCodeSequence", [])
        found = {str(item.get("CodeValue")) for item in codes}
        schemes = {str(item.get("CodingSchemeDesignator")) for item in codes}
        if found != expected or schemes != {"DCM"}:
            self.add(
                "METHOD", "WRONG", path.name, "codes", f"{sorted(found)}, not {sorted(expected)}"
            )
        change = text_of(data.get_item(LONGITUDINAL))
        kept = "UNMODIFIED" if "dates" in self.options else "REMOVED"
        wanted = "MODIFIED" if "dates-shifted" in self.options else kept
        if change != wanted:
            self.add(
                "METHOD", "WRONG", path.name, "LongitudinalTemporal", f"{change}, not {wanted}"
            )

    def _consistent_uids(self) -> None:
        """Look whether each UID became one other, and no two became the same."""
        new_to_old: dict[str, str] = {}
        for old, all_judged in self.uids.items():
            best = Counter(judged.new for judged in all_judged).most_common(1)[0][0]
            for judged in all_judged:
                if judged.new != best:
                    why = f"{old} became {best} elsewhere"
                    self.add(judged.row, "WRONG", judged.file, judged.path, why)
            if new_to_old.setdefault(best, old) != old:
                why = f"{old} and {new_to_old[best]} became one UID"
                self.add(all_judged[0].row, "WRONG", all_judged[0].file, all_judged[0].path, why)

    def _consistent_dates(self) -> None:
        """Look whether all dates of a patient were moved by the same number of days."""
        for shifts in self.shifts.values():
            days = Counter(judged.new for judged in shifts).most_common(1)[0][0]
            for judged in shifts:
                if judged.new != days:
                    why = f"moved by {judged.new} days, others by {days}"
                    self.add(judged.row, "WRONG", judged.file, judged.path, why)

    def _patients(
        self, found: dict[int, tuple[Path, FileDataset]], by_number: dict[int, Made]
    ) -> None:
        """Look whether patients have pseudonyms: one each, none the same, none empty."""
        pseudonyms = defaultdict(set)
        for number, (path, data) in found.items():
            new = text_of(data.get_item(0x00100020))
            old = next(text_of(e) for e in by_number[number].body if e.tag == 0x00100020)
            if not new:
                self.add("PATIENT", "WRONG", path.name, "00100020", "is empty")
            if old and new != old:
                pseudonyms[old].add(new)
        for old, names in pseudonyms.items():
            others = [names_ for other, names_ in pseudonyms.items() if other != old]
            if len(names) > 1 or any(names & other for other in others):
                self.add("PATIENT", "WRONG", "", "00100020", f"{old} became {sorted(names)}")

    def _sweep(self, path: Path, may: frozenset[str], planted: dict[str, set[str]]) -> None:
        """Search every byte of a file, and its name, for what may not be there."""
        name = str(path.relative_to(self.outputs)).encode()
        for place, content in (("name", name), *contents(path.read_bytes())):
            seen = set(canaries_in(content))
            for value in sorted(seen & (self.everything | JUNK_CANARIES) - may):
                self._surviving(value, path, place, planted.get(value, set()))
            for birth in sorted(seen & self.births):
                self.add("IDENTITY", "LEAK", path.name, place, birth)
            lowered = content.lower()
            for needle, word in self.needles.items():
                if needle in lowered:
                    self.add("IDENTITY", "LEAK", path.name, place, word)

    def _surviving(self, value: str, path: Path, place: str, owners: Iterable[str]) -> None:
        if "dates" in " ".join(self.options) and value.isdigit() and len(value) == 8:
            return  # a date that was moved may be a day that another date was
        owners = set(owners)
        if not owners & self.wrong[path.name]:
            for row in owners or {"BYTES"}:
                self.add(row, "LEAK", path.name, place, f"{value} is in the bytes")


def contents(data: bytes) -> list[tuple[str, bytes]]:
    """Give a file's bytes, what is deflated in it, and the text that two-byte encodings hide."""
    found = [("bytes", data)]
    if b"1.2.840.10008.1.2.1.99" in data[:1000]:
        length = int.from_bytes(data[140:144], "little")
        found.append(("deflated", zlib.decompressobj(-15).decompress(data[144 + length :])))
    return [*found, ("two-byte text", found[-1][1].replace(b"\0", b""))]


def check(folder: Folder, outputs: Path, options: Iterable[str] = ()) -> Report:
    """Compare the outputs of a de-identification with the adversary's folder.

    Parameters
    ----------
    folder : Folder
        The folder as it was made.
    outputs : Path
        The folder with the outputs, and nothing else.
    options : Iterable of str
        The options of the profile, as the command line names them.

    Returns
    -------
    Report
        What is not as it has to be.
    """
    return _Check(folder, outputs, frozenset(options)).run()

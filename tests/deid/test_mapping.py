"""Show that a map says each thing once, survives its writer, and is seen by nobody else."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dcmtools.deid.keys import Key
from dcmtools.deid.map_file import MapFile
from dcmtools.deid.mapping import FileRecord, Mapping, Originals
from dcmtools.errors import InputError, OutputError, UsageError
from tests.factories import make_ct

KEY = Key(b"0123456789abcdef0123456789abcdef")
OTHER = Key(b"fedcba9876543210fedcba9876543210")
TEXTS = ((0x00100010, "Doe^Jane"), (0x00100020, "PID-1"), (0x00080050, ""))


def record(number: int, **others: object) -> FileRecord:
    values: dict[str, object] = {
        "patient_id": "NEWID",
        "patient_name": "NEWNAME",
        "series": "2.25.1",
        "instance": f"2.25.9{number}",
        "uids": ((f"1.2.9{number}", f"2.25.9{number}"), ("1.2.1", "2.25.1")),
        "texts": TEXTS,
        "shift": -5,
        "shifted": (0x00080020, 0x00080023),
    }
    return FileRecord(**(values | others))  # type: ignore[arg-type] # by name


def originals(**others: object) -> Originals:
    dates = frozenset((0x00080020, 0x00080023))
    return Originals("NEWID", "NEWNAME", dict(TEXTS), -5, dates)._replace(**others)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "map"
    odd = ((0x00100010, "Zo\u00e9\u2028\n\udcff"),)
    with MapFile(path, KEY) as map_file:
        map_file.add(record(1))
        map_file.add(pickle.loads(pickle.dumps(record(2))))  # noqa: S301 - made a moment ago
        map_file.add(record(3, texts=odd, shift=0, shifted=()))
        map_file.add(record(4, series="", uids=(("a\udcff", "2.25.94"),)))
    found = Mapping.load(path)
    assert found.uids == {
        "2.25.1": "1.2.1", "2.25.91": "1.2.91", "2.25.92": "1.2.92", "2.25.93": "1.2.93",
        "2.25.94": "a\udcff",
    }  # fmt: skip
    assert found.find("2.25.1", "2.25.91") == found.find("2.25.1", "2.25.92") == originals()
    differs = originals(texts=dict(odd), shift=0, shifted=frozenset())
    assert found.find("2.25.1", "2.25.93") == differs
    assert found.find("", "2.25.94") == originals()
    assert found.find("2.25.1", "2.25.95") is None
    assert found.find("2.25.2", "") is None


def test_the_same_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "map"
    with MapFile(path, KEY) as map_file:
        for number in (1, 2, 1, 2):
            map_file.add(record(number))
        before = path.read_bytes()
        map_file.add(record(2))
        assert path.read_bytes() == before
    assert len(before.splitlines()) == 5  # the head, three UIDs, the series
    with MapFile(path, KEY, resume=True) as map_file:
        map_file.add(record(1))
        map_file.add(record(2, shift=-6))
        map_file.add(record(2, shift=-6))
    after = path.read_bytes()
    assert after.startswith(before)
    assert len(after.splitlines()) == 6
    assert Mapping.load(path).find("2.25.1", "2.25.92") == originals(shift=-6)
    assert Mapping.load(path).find("2.25.1", "2.25.91") == originals()


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "map"
    before = os.umask(0)
    try:
        MapFile(path, KEY).__exit__(None)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    MapFile(path, KEY, resume=True).__exit__(None)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_key_is_not_in_it(tmp_path: Path) -> None:
    with MapFile(tmp_path / "map", KEY) as map_file:
        map_file.add(record(1))
    content = (tmp_path / "map").read_bytes()
    assert KEY._secret not in content
    assert KEY._secret.hex().encode() not in content


def test_it_does_not_lie_among_the_files_that_are_given_away(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(out / "deep")
    (tmp_path / "there").symlink_to(out)
    (tmp_path / "file").symlink_to(out / "map")
    inside = [out / "map", out / "deep" / "map", tmp_path / "link" / "map", tmp_path / "file"]
    inside += [out / "deep" / ".." / "map", tmp_path / "a" / ".." / "out" / "map"]
    for path in inside:
        for folder in out, tmp_path / "there", tmp_path / "x" / ".." / "out":
            with pytest.raises(UsageError, match="lies in"):
                MapFile(path, KEY, outside=[tmp_path / "elsewhere", folder])
    with pytest.raises(UsageError, match="lies in"):  # also before the folder is made
        MapFile(tmp_path / "new" / "map", KEY, outside=[tmp_path / "new"])
    assert not list(out.rglob("map"))
    MapFile(tmp_path / "outer", KEY, outside=[out]).__exit__(None)
    MapFile(tmp_path / "out.map", KEY, outside=[out]).__exit__(None)


def test_what_is_there_stays(tmp_path: Path) -> None:
    ct = make_ct(tmp_path / "ct.dcm")
    text = tmp_path / "text"
    text.write_bytes(b"mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    for path in ct, text:
        before = path.read_bytes()
        with pytest.raises(UsageError, match="is there already"):
            MapFile(path, KEY)
        with pytest.raises(UsageError, match="is no map"):
            MapFile(path, KEY, resume=True)
        assert path.read_bytes() == before
    with pytest.raises(UsageError, match="is there already"):
        MapFile(link, KEY)
    with pytest.raises(OutputError):
        MapFile(link, KEY, resume=True)
    assert not (tmp_path / "target").exists()
    for path in tmp_path, tmp_path / "none" / "map", tmp_path / "a\0b":
        with pytest.raises((OutputError, UsageError)):
            MapFile(path, KEY, resume=True)


def test_another_key_or_other_options_do_not_go_on(tmp_path: Path) -> None:
    path = tmp_path / "map"
    with MapFile(path, KEY, "max-shift 30") as map_file:
        map_file.add(record(1))
    before = path.read_bytes()
    for key, options in (OTHER, "max-shift 30"), (KEY, "max-shift 31"):
        with pytest.raises(UsageError, match="another key or other options"):
            MapFile(path, key, options, resume=True)
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
def test_one_run_writes_it(tmp_path: Path) -> None:
    with (
        MapFile(tmp_path / "map", KEY),
        pytest.raises(OutputError, match="in use by another run"),
    ):
        MapFile(tmp_path / "map", KEY, resume=True)


@pytest.mark.parametrize("left", [1, 10, 90, 200, -40, -1])
def test_a_line_that_was_cut_is_ignored_and_written_again(tmp_path: Path, left: int) -> None:
    path = tmp_path / "map"
    with MapFile(path, KEY) as map_file:
        map_file.add(record(1))
        map_file.add(record(2))
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    with MapFile(path, KEY, resume=True) as map_file:
        map_file.add(record(1))
        map_file.add(record(2))
    assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())
    path.write_bytes(whole[:-1])
    found = Mapping.load(path)
    assert "2.25.91" in found.uids
    assert "2.25.92" not in found.uids


WRITER = """
import sys
from pathlib import Path
from dcmtools.deid.keys import Key
from dcmtools.deid.map_file import MapFile
from tests.deid.test_mapping import KEY, record
with MapFile(Path(sys.argv[1]), KEY, resume=True) as map_file:
    number = 0
    while True:
        map_file.add(record(number))
        number += 1
        if number == 200:
            print("go on", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_killed_run_leaves_a_map(tmp_path: Path) -> None:
    path = tmp_path / "map"
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"go on\n"
            process.send_signal(signal.SIGKILL)
        found = Mapping.load(path)
        for number in range(200):
            assert found.uids[f"2.25.9{number}"] == f"1.2.9{number}"
            assert found.find("2.25.1", f"2.25.9{number}") == originals()
    lines = path.read_bytes().splitlines()
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"mine\n", b"[1]\n", b'{"map": "other", "version": 1}\n',
        b'{"map": "dcmtools anonymize", "version": 2}\n', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_map_is_not_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "map").write_bytes(content)
    with pytest.raises(InputError, match="map"):
        Mapping.load(tmp_path / "map")


@pytest.mark.parametrize(
    "line",
    [
        b"mine", b"7", b"{}", b'{"uid": "1.2"}', b'{"uid": 1, "was": "1.2"}', b'{"series": "1.2"}',
        b'{"uid": "1.2", "was": "\\u00e9"}', b'{"uid": "1.2", "was": "\\ud800"}',
        b'{"series": "1", "patient": "", "name": "", "was": {"x": ""}, "shift": 0, "shifted": []}',
        b'{"series": "1", "patient": "", "name": "", "was": [], "shift": 0, "shifted": []}',
        b'{"series": "1", "patient": "", "name": "", "was": {}, "shift": "x", "shifted": []}',
        b'{"series": "1", "patient": "", "name": "", "was": {}, "shift": 0, "shifted": [1]}',
    ],
)  # fmt: skip
def test_a_line_that_is_not_of_a_map_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "map"
    MapFile(path, KEY).__exit__(None)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(InputError, match="line 2 is not of a map"):
        Mapping.load(path)


FULL = """
import resource, signal, sys
from pathlib import Path
from dcmtools.deid.map_file import MapFile
from dcmtools.errors import OutputError
from tests.deid.test_mapping import KEY, record
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    with MapFile(Path(sys.argv[1]), KEY) as map_file:
        for number in range(1000):
            map_file.add(record(number))
except OutputError as error:
    print(error.why, number)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limits")
def test_a_full_disk_is_told_and_what_was_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "map"
    command = [sys.executable, "-c", FULL, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    why, _, number = done.stdout.strip().rpartition(" ")
    assert why == "file too large"
    assert len(Mapping.load(path).uids) == int(number) + 1


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with names")
def test_a_pipe_is_no_map(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is no file"):
        MapFile(tmp_path / "pipe", KEY, resume=True)


def test_a_map_that_cannot_be_read(tmp_path: Path) -> None:
    for path in tmp_path, tmp_path / "none", tmp_path / "a\0b":
        with pytest.raises(InputError):
            Mapping.load(path)

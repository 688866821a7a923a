"""What was broken once: each case came from somebody who tried to."""

import json
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path
from struct import pack

import pytest

from tests.factories import BODY, SEQUENCE_END, element, item, make_ct, part10, write

DUMP = (sys.executable, "-m", "dcmtools", "dump")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def dump(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*DUMP, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def many(count: int) -> Path:
    first = make_ct(Path("first"), PatientComments="x" * 5000)
    folder = Path("many")
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:04}").hardlink_to(first)
    return folder


@pytest.mark.parametrize("attempt", range(6))
def test_a_parallel_run_whose_reader_leaves_ends(attempt: int) -> None:
    folder = many(400)
    with subprocess.Popen(
        [*DUMP, "-q", folder, "-f", "ndjson", "-j", "2"], stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        for _ in range(attempt * 20 + 1):
            running.stdout.readline()
        running.stdout.close()
        assert running.wait(30) == 0


def test_a_parallel_run_that_fails_early_ends() -> None:
    folder = many(400)
    (folder / "0001").unlink()
    (folder / "0001").write_bytes(part10(BODY)[:-3])
    ran = dump(folder, "--fail-fast", "-j", "4", "-f", "ndjson")
    assert ran.returncode == 9


def test_more_processes_than_work_cost_nothing() -> None:
    ran = dump(make_ct(Path("ct")), "--value", "-P", "PatientID", "-j", "256")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "PID-1\n", "")


@pytest.mark.parametrize("descriptors", range(6, 16))
def test_no_file_is_lost_where_descriptors_run_out(descriptors: int) -> None:
    folder = many(300)
    limited = f"ulimit -n {descriptors}; exec {' '.join(DUMP)} {folder} --value -P PatientID -j 2"
    ran = subprocess.run(
        ["bash", "-c", limited], capture_output=True, text=True, check=False, timeout=60
    )
    rows, failed = ran.stdout.count("PID-1"), ran.stderr.count("too many open files")
    assert "Traceback" not in ran.stderr
    assert (rows == 300) == (ran.returncode == 0)
    assert ran.returncode not in (0, 9) or rows + failed == 300


def test_an_odd_first_element_does_not_change_the_encoding() -> None:
    odd = element(0x00080005, "  ", b"ISO_IR 100")
    body = odd + BODY + element(0x7FE00010, "OW", bytes(200_000))
    ran = dump(write(Path("odd"), part10(body)), "--value", "-P", "PatientID")
    assert (ran.returncode, ran.stdout) == (0, "PID-1\n")


def test_zeros_behind_a_short_data_set_do_not_change_the_encoding() -> None:
    content = part10(element(0x00100010, "PN", b"A ")) + bytes(300_000)
    ran = dump(write(Path("short"), content), "--value", "-P", "PatientName")
    assert (ran.returncode, ran.stdout) == (0, "A\n")


def test_a_circle_of_links_is_one_bad_entry() -> None:
    Path("study").mkdir()
    make_ct(Path("study/a"))
    Path("study/circle").symlink_to("circle")
    ran = dump("study", "--value", "-P", "PatientID")
    assert (ran.returncode, ran.stdout) == (9, "PID-1\n")
    assert "study/circle: too many levels of symbolic links" in ran.stderr


def test_json_tells_of_elements_that_are_there_twice() -> None:
    body = BODY + element(0x00100010, "PN", b"SECOND") + element(0x00100020, "LO", b"ID2 ")
    ran = dump(write(Path("twice"), part10(body)), "-f", "json")
    assert ran.returncode == 0
    for keyword in ("PatientName (0010,0010)", "PatientID (0010,0020)"):
        assert f"{keyword} is left out where it is there twice" in ran.stderr


def test_simple_json_keeps_both_blocks_of_a_creator() -> None:
    body = b"".join(
        (
            element(0x00090010, "LO", b"ACME"),
            element(0x00090011, "LO", b"ACME"),
            element(0x00091001, "LO", b"one "),
            element(0x00091101, "LO", b"two "),
        )
    )
    document = json.loads(dump(write(Path("two"), part10(body)), "--simple").stdout)
    assert document['(0009,"ACME",01)'] == "one"
    assert document["(0009,1101)"] == "two"


def test_deep_and_wide_is_not_all_margin() -> None:
    content = b""
    for _ in range(1500):
        content += element(0x00081140, "SQ", b"", 0xFFFFFFFF) + item(length=0xFFFFFFFF)
    content += element(0x00100020, "LO", b"ID") * 5000
    ran = dump(write(Path("deep"), part10(content)), "-f", "text")
    assert ran.returncode == 9
    assert len(ran.stdout) < 10_000_000


def test_a_file_that_shrinks_while_it_is_read_is_damaged() -> None:
    from dcmtools.dataset.dump import Dump, DumpOptions, Format  # noqa: PLC0415
    from dcmtools.dataset.read import open_dicom  # noqa: PLC0415

    path = make_ct(Path("ct"), PixelData=bytes(400_000))
    with open_dicom(path) as file:
        elements = list(file.elements())
        os.truncate(path, 100_000)
        assert len(file.value(elements[-1])) < 400_000
        assert file.damage is not None
    assert Dump(path, DumpOptions(format=Format.JSON)).path == path


@pytest.mark.parametrize("option", ["--report", "--log-file"])
def test_no_dicom_file_is_overwritten(option: str) -> None:
    path = make_ct(Path("ct"))
    before = path.read_bytes()
    ran = dump(path, option, path)
    assert ran.returncode == 2
    assert path.read_bytes() == before


@pytest.mark.parametrize("option", ["--report", "--log-file"])
def test_a_full_disk_under_the_talk_is_told(option: str) -> None:
    ran = dump(make_ct(Path("ct")), option, "/dev/full", "-f", "json")
    assert ran.returncode == 4
    assert "Traceback" not in ran.stderr
    assert "/dev/full: no space left on device" in ran.stderr


def test_an_array_of_json_is_whole_where_the_report_fails() -> None:
    make_ct(Path("a"))
    make_ct(Path("b"))
    ran = dump("a", "b", "-f", "json", "--report", "/dev/full")
    assert (ran.returncode, len(json.loads(ran.stdout))) == (4, 2)


@pytest.mark.parametrize("milliseconds", [20, 40, 60, 80, 100, 120])
def test_ctrl_c_at_the_start_has_no_traceback(milliseconds: int) -> None:
    path = make_ct(Path("ct"))
    with subprocess.Popen([*DUMP, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        try:
            running.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)
        _, errors = running.communicate()
    assert b"dcmtools/" not in errors  # the interpreter itself may still be starting


def test_numbers_that_are_none_are_strings() -> None:
    body = element(0x00200013, "IS", b"007\\1.5\\+-5\\+5 ")
    body += element(0x00201041, "DS", b"1e400\\+1.50\\.5\\-00.5\\1,5 ")
    document = json.loads(dump(write(Path("n"), part10(body)), "-f", "json").stdout)
    assert document["00200013"]["Value"] == [7, "1.5", "+-5", 5]
    assert document["00201041"]["Value"] == ["1e400", 1.5, 0.5, -0.5, "1,5"]


@pytest.mark.parametrize("vr", ["PN", "LO", "DA"])
def test_a_blank_value_is_no_value(vr: str) -> None:
    document = json.loads(
        dump(write(Path("b"), part10(element(0x00100010, vr, b"  "))), "-f", "json").stdout
    )
    assert document == {"00100010": {"vr": vr}}


def test_a_thousand_flaws_are_a_few_lines() -> None:
    broken = item(BODY, 0xFFFFFFFF) * 1000
    body = element(0x00081140, "SQ", broken, 0xFFFFFFFF) + SEQUENCE_END
    ran = dump(write(Path("broken"), part10(body)))
    assert ran.returncode == 9
    assert len(ran.stderr.splitlines()) < 30


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_group_length_that_is_a_sequence_stays_whole(form: str) -> None:
    body = element(0x00080000, "SQ", item(BODY)) + element(0x00100020, "LO", b"PID-1 ")
    ran = dump(write(Path("g"), part10(body)), "-f", form)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "PID-1" in ran.stdout


def test_what_is_behind_a_damaged_sequence_is_shown() -> None:
    damaged = element(0x00081140, "SQ", b"no items here !!")
    ran = dump(write(Path("d"), part10(damaged + element(0x00100020, "LO", b"behind"))))
    assert ran.returncode == 9
    assert "[behind]" in ran.stdout


@pytest.mark.parametrize("size", [(1 << 20) + 37, (1 << 20) + 64, (1 << 21) + 99])
def test_a_whole_deflated_data_set_is_whole(size: int) -> None:
    deflate = zlib.compressobj(wbits=-15)
    body = BODY + element(0x7FE00010, "OW", bytes(size - size % 2))
    content = part10(deflate.compress(body) + deflate.flush(), "1.2.840.10008.1.2.1.99")
    ran = dump(write(Path("deflated"), content), "-P", "PixelData")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_pipe_has_no_uri() -> None:
    make_ct(Path("ct"), PixelData=bytes(4000))
    command = f"{' '.join(DUMP)} -f json <(cat ct)"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert "file:" not in ran.stdout


@pytest.mark.parametrize("endless", ["yes", "cat /dev/zero"])
def test_an_endless_pipe_is_no_dicom(endless: str) -> None:
    command = f"{endless} | {' '.join(DUMP)} -"
    ran = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (3, "dcmtools dump: -: is not a DICOM file\n")


def test_a_long_pipe_is_read_whole() -> None:
    make_ct(Path("ct"), PixelData=bytes(3_000_000))
    command = f"cat ct | {' '.join(DUMP)} - -P PixelData"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "3000000, 1 PixelData" in ran.stdout


def test_standard_input_has_no_uri_even_from_a_file() -> None:
    path = make_ct(Path("ct"), PixelData=bytes(4000))
    with path.open("rb") as stream:
        ran = subprocess.run(
            [*DUMP, "-", path, "-f", "json", "-j", "2"],
            stdin=stream,
            capture_output=True,
            text=True,
            check=False,
        )
    first, second = json.loads(ran.stdout)
    assert first["dataset"]["7FE00010"] == {"vr": "OW"}
    assert second["dataset"]["7FE00010"]["BulkDataURI"].startswith(path.absolute().as_uri())


def test_bulk_data_in_big_endian_has_no_uri() -> None:
    body = pack(">HH2sH", 0x0010, 0x0020, b"LO", 4) + b"ID-1"
    body += pack(">HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 4000) + bytes(4000)
    path = write(Path("big"), part10(body, "1.2.840.10008.1.2.2"))
    ran = dump(path, "-f", "json")
    assert json.loads(ran.stdout)["7FE00010"] == {"vr": "OW"}
    assert "no URI leads to it" in ran.stderr


def test_an_empty_character_set_does_not_undo_the_assumed_one() -> None:
    body = element(0x00080005, "CS", b"") + element(0x00100010, "PN", "Müller ".encode())
    path = write(Path("m"), part10(body))
    for extra in ((), ("-P", "OtherPatientIDs")):
        ran = dump(path, "--value", "-P", "PatientName", "--assume-charset", "utf8", *extra)
        assert ran.stdout == "Müller\n"


def test_a_selection_holds_no_pixels() -> None:
    fragments = b"".join(item(bytes(60_000)) for _ in range(500))
    body = BODY + element(0x7FE00010, "OB", fragments, 0xFFFFFFFF) + SEQUENCE_END
    path = write(Path("frames"), part10(body, "1.2.840.10008.1.2.4.50"))
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, *DUMP, str(path), "-f", "json", "-P", "PatientID"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 45_000  # KiB; the fragments are 30 MB


def test_a_group_of_meta_can_be_left_out_everywhere() -> None:
    path = make_ct(Path("ct"))
    for form in ("json", "xml", "text"):
        ran = dump(path, "-f", form, "-P", "TransferSyntaxUID", "--no-meta")
        assert "1.2.840.10008.1.2.1" not in ran.stdout


def test_xml_keeps_characters_that_are_seldom_seen() -> None:
    text = "a\u200f\ufeff\x85\u2028z"
    body = element(0x00080005, "CS", b"ISO_IR 192") + element(0x00104000, "LT", text.encode())
    ran = dump(write(Path("x"), part10(body)), "-f", "xml")
    assert "a&#8207;&#65279;&#133;&#8232;z" in ran.stdout


def test_a_long_meta_value_of_a_deflated_file_is_its_own() -> None:
    from dcmtools.dataset.read import open_dicom  # noqa: PLC0415

    deflate = zlib.compressobj(wbits=-15)
    private = element(0x00020102, "OB", b"m" * 70_000)
    uid = element(0x00020010, "UI", b"1.2.840.10008.1.2.1.99")
    meta = element(0x00020000, "UL", pack("<I", len(uid + private))) + uid + private
    data = deflate.compress(BODY + element(0x7FE00010, "OW", b"x" * 90_000)) + deflate.flush()
    path = write(Path("meta"), bytes(128) + b"DICM" + meta + data)
    with open_dicom(path) as file:
        assert file.value(file.meta[-1]) == b"m" * 70_000

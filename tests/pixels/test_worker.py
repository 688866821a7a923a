"""Show what becomes of the processes and files: crashes, the end of the parent, several threads."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import pytest

from dcmtools.errors import InputError
from dcmtools.pixels import serving
from dcmtools.pixels.worker import Transcoder
from tests.factories import make_ct
from tests.pixels.reading import EXPLICIT, IMPLICIT, lines
from tests.pixels.test_transcode import compressed, encapsulated, make_image

posix = pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")
DEADLINE = 30  # seconds
JPEG_2000 = "1.2.840.10008.1.2.4.90"


def wait_until(is_so: Callable[[], bool]) -> None:
    end = monotonic() + DEADLINE
    while not is_so():
        assert monotonic() < end
        sleep(0.01)  # between two looks


def child(transcoder: Transcoder) -> int:
    """Give the process ID of the only child."""
    (worker,) = transcoder._workers
    return worker._process.pid


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that nobody waits for has ended too."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # no /proc here, or it has ended just now
        return sys.platform != "linux"
    return state != "Z"


def run(program: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


def test_nothing_is_started_or_made_before_it_is_needed(folder: Path) -> None:
    with Transcoder(folder) as transcoder:
        assert not transcoder._workers
        assert list(folder.iterdir()) == []


def test_results_lie_in_a_private_folder_that_is_removed(folder: Path, ct: Path) -> None:
    with Transcoder(folder) as transcoder:
        made = transcoder.transcode(ct, [IMPLICIT])
        (private,) = folder.iterdir()
        assert made.path.parent == private
        if os.name == "posix":
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
            assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
        pid = child(transcoder)
    assert list(folder.iterdir()) == []
    assert not runs(pid)


def test_the_process_is_used_again_after_a_refusal(transcoder: Transcoder, tmp_path: Path) -> None:
    ct = make_ct(tmp_path / "ct.dcm")
    transcoder.transcode(ct, [IMPLICIT])
    pid = child(transcoder)
    with pytest.raises(InputError):
        transcoder.transcode(tmp_path / "none.dcm", [IMPLICIT])
    transcoder.transcode(ct, [IMPLICIT])
    assert child(transcoder) == pid


def test_a_refusal_leaves_no_file(folder: Path, tmp_path: Path) -> None:
    source = compressed(make_image(tmp_path / "a.dcm", 3), tmp_path / "b.dcm", JPEG_2000)
    content = source.read_bytes()
    last = content.rindex(b"\xff\x4f\xff\x51")  # the first two frames are whole
    source.write_bytes(content[:last] + b"\0" * 40 + content[last + 40 :])
    with Transcoder(folder) as transcoder:
        with pytest.raises(InputError, match="cannot be decompressed"):
            transcoder.transcode(source, [EXPLICIT])
        (private,) = folder.iterdir()
        assert list(private.iterdir()) == []


@pytest.mark.parametrize("named", [True, False])
def test_a_file_has_its_name_when_it_is_whole_or_where_there_is_no_other_way(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    if named:
        monkeypatch.setattr(serving, "_UNNAMED", 0)
    elif not serving._UNNAMED:
        pytest.skip("only Linux has files without names")
    path = folder / "result"
    with serving._result(str(path)) as out:
        out.write(b"whole")
        assert path.exists() == named
    assert path.read_bytes() == b"whole"
    path.unlink()

    def fail() -> None:
        with serving._result(str(path)) as out:
            out.write(b"half")
            raise InputError("", "")

    with pytest.raises(InputError):
        fail()
    assert list(folder.iterdir()) == []


@posix
@pytest.mark.parametrize("stopped", [True, False])
def test_a_process_that_dies_costs_one_object(folder: Path, ct: Path, *, stopped: bool) -> None:
    with Transcoder(folder) as transcoder, ThreadPoolExecutor(1) as pool:
        transcoder.transcode(ct, [IMPLICIT]).path.unlink()
        pid = child(transcoder)
        if stopped:  # it dies while it has the object
            os.kill(pid, signal.SIGSTOP)
            pending = pool.submit(transcoder.transcode, ct, [IMPLICIT])
            wait_until(lambda: not transcoder._idle)
            os.kill(pid, signal.SIGKILL)
        else:  # it has died before
            os.kill(pid, signal.SIGKILL)
            pending = pool.submit(transcoder.transcode, ct, [IMPLICIT])
        with pytest.raises(InputError, match="the process that worked on it died"):
            pending.result(DEADLINE)
        (private,) = folder.iterdir()
        assert list(private.iterdir()) == []
        made = transcoder.transcode(ct, [EXPLICIT])
        assert lines(made.path) == lines(ct)
        assert child(transcoder) != pid


@posix
@pytest.mark.parametrize("ends", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_without_the_parent_there_is_neither_process_nor_file(
    folder: Path, ct: Path, ends: str
) -> None:
    program = f"""if True:
        import os, signal, sys
        from pathlib import Path
        from dcmtools.pixels.worker import Transcoder
        transcoder = Transcoder(Path(sys.argv[2]))
        made = transcoder.transcode(Path(sys.argv[1]), ["1.2.840.10008.1.2"])
        (worker,) = transcoder._workers
        print(worker._process.pid, made.path.exists(), flush=True)
        {ends}
    """
    pid, existed = run(program, ct, folder).stdout.split()
    assert existed == "True"
    wait_until(lambda: not list(folder.iterdir()))
    wait_until(lambda: not runs(int(pid)))


@posix
def test_the_process_is_out_of_reach_of_control_c(folder: Path, ct: Path) -> None:
    with Transcoder(folder) as transcoder:
        transcoder.transcode(ct, [IMPLICIT])
        assert os.getpgid(child(transcoder)) != os.getpgrp()


@posix
def test_the_end_stops_what_is_under_way(folder: Path, ct: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with Transcoder(folder) as transcoder:
            transcoder.transcode(ct, [IMPLICIT])
            os.kill(child(transcoder), signal.SIGSTOP)
            pending = pool.submit(transcoder.transcode, ct, [IMPLICIT])
            wait_until(lambda: not transcoder._idle)
        with pytest.raises(InputError):
            pending.result(DEADLINE)
        with pytest.raises(InputError, match="is not encoded anew any more"):
            transcoder.transcode(ct, [IMPLICIT])
    assert list(folder.iterdir()) == []


def test_several_threads_share_it(folder: Path, tmp_path: Path) -> None:
    native = [make_image(tmp_path / f"{n}.dcm", 2, InstanceNumber=n) for n in range(12)]
    sources = [compressed(each, each.with_suffix(".rle"), JPEG_2000) for each in native]
    with Transcoder(folder) as transcoder, ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda path: transcoder.transcode(path, [EXPLICIT]), sources))
        assert [lines(each.path) for each in made] == list(map(lines, native))
        assert 1 <= len(transcoder._workers) <= (os.cpu_count() or 1)
    assert list(folder.iterdir()) == []


def test_codecs_make_no_noise_and_the_parent_needs_no_numpy(folder: Path, tmp_path: Path) -> None:
    bad = encapsulated(tmp_path / "bad.dcm", b"\xff\x4f\xff\x51junk", syntax=JPEG_2000)
    good = compressed(make_image(tmp_path / "a.dcm"), tmp_path / "b.dcm", JPEG_2000)
    program = """if True:
        import sys
        from pathlib import Path
        from dcmtools.dataset.pydicom_bridge import leave_numpy_out, load_pydicom
        from dcmtools.errors import InputError
        from dcmtools.pixels.worker import Transcoder
        leave_numpy_out()
        load_pydicom()
        with Transcoder(Path(sys.argv[3])) as transcoder:
            try:
                transcoder.transcode(Path(sys.argv[1]), ["1.2.840.10008.1.2.1"])
            except InputError as error:
                print("refused")
            print(transcoder.transcode(Path(sys.argv[2]), ["1.2.840.10008.1.2.1"]).note)
        assert "numpy" not in sys.modules
    """
    ran = run(program, bad, good, folder)
    assert ran.stderr == ""
    *_, name = ran.stdout.partition("refused\n")
    assert name == "decompressed from JPEG 2000 Image Compression (Lossless Only)\n"


def test_modules_in_the_current_folder_are_not_taken(
    folder: Path, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit", encoding="ascii")
    monkeypatch.chdir(tmp_path)
    with Transcoder(folder) as transcoder:
        made = transcoder.transcode(Path(ct.name), [IMPLICIT])  # a relative path
        assert made.path.exists()


def test_a_folder_that_is_not_there_is_said(ct: Path, tmp_path: Path) -> None:
    with (
        Transcoder(tmp_path / "none") as transcoder,
        pytest.raises(InputError, match="no process can be started to work on it: no such"),
    ):
        transcoder.transcode(ct, [IMPLICIT])

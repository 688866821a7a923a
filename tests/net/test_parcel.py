"""What is sent of a file, in which context, and what of it is left behind: nothing."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dcmtools.dataset.edit import parse_assignment
from dcmtools.dataset.new_uids import NewUids
from dcmtools.dataset.outgoing import Outgoing, check, look_at
from dcmtools.errors import DcmtoolsError, InputError, NotOfferedError
from dcmtools.net import parcel
from dcmtools.net.negotiation import Context
from dcmtools.net.parcel import Ready, Stamp, Treatment
from dcmtools.net.plan import Transcode
from dcmtools.pixels.worker import Transcoder
from tests.factories import DEFLATED, EXPLICIT, IMPLICIT, JPEG, element, make_ct, part10
from tests.net.sending import data_of, make
from tests.net.wire import CT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MR = "1.2.840.10008.5.1.4.1.1.4"
RLE = "1.2.840.10008.1.2.5"


@pytest.fixture(autouse=True)
def _nothing_open() -> Iterator[None]:
    """See that no descriptor is left."""
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names
    yield
    assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208 - names


@pytest.fixture
def ct(tmp_path: Path) -> Outgoing:
    """Make an object."""
    return look_at(make(tmp_path / "ct.dcm", "1.2.3", 300))


def contexts(*accepted: str, refused: Sequence[str] = (), sop_class: str = CT) -> list[Context]:
    """Make contexts of a SOP class, of which some were accepted."""
    found = [Context(1, MR, EXPLICIT, 0), Context(3, sop_class, "", 3)]
    found += [Context(5 + 2 * n, sop_class, each, 0) for n, each in enumerate(accepted)]
    return found + [Context(99, sop_class, "", 4) for _ in refused]


def content(ready: Ready) -> bytes:
    """Read the whole data set that is to be sent."""
    buffer = bytearray(ready.body.size)
    assert ready.body.fill([memoryview(buffer)], 0) == ready.body.size
    return bytes(buffer)


def test_a_file_goes_as_it_is_in_its_own_context(ct: Outgoing) -> None:
    with closing(Ready(ct, contexts(IMPLICIT, EXPLICIT), Treatment())) as ready:
        assert (ready.context.id, ready.context.transfer_syntax) == (7, EXPLICIT)
        assert content(ready) == data_of(ct)
        assert ready.sop_instance == "1.2.3"
        assert (ready.note, ready.warnings) == ("", ())
        assert ready.stamp == Stamp.of(ct.path)


def test_what_follows_the_data_set_is_not_sent(ct: Outgoing) -> None:
    with ct.path.open("ab") as file:
        file.write(bytes(64))
    before = look_at(ct.path)
    with closing(Ready(before, contexts(EXPLICIT), Treatment())) as ready:
        assert content(ready) == data_of(ct)
        assert ready.warnings


def test_it_can_be_sent_though_its_name_is_gone(ct: Outgoing) -> None:
    expected = data_of(ct)
    with closing(Ready(ct, contexts(EXPLICIT), Treatment())) as ready:
        ct.path.unlink()
        assert content(ready) == expected


@pytest.mark.parametrize("transcode", Transcode)
def test_a_context_that_was_not_accepted(ct: Outgoing, transcode: Transcode) -> None:
    with pytest.raises(NotOfferedError, match="does not accept it in ExplicitVRLittleEndian"):
        Ready(ct, contexts(refused=[EXPLICIT]), Treatment(transcode))
    with pytest.raises(NotOfferedError, match="not proposed"):
        Ready(ct, [], Treatment(transcode))
    with pytest.raises(NotOfferedError) as caught:
        Ready(ct, contexts(JPEG), Treatment(transcode))
    assert "--transcode lossless" in caught.value.hint


# Encoded anew


@dataclass
class Made:
    """What a test has encoded."""

    path: Path
    note: str = "encoded by a test"


class Encoder:
    """Encodes by a test, and notes what for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, ...]] = []
        self.content = b""

    def __call__(self, path: Path, syntaxes: Sequence[str]) -> Made:
        """Write a file in the first of them."""
        self.asked.append(tuple(syntaxes))
        made = make(self.folder / f"made-{path.name}", "1.2.3", 500, syntax=syntaxes[0])
        self.content = data_of(look_at(made))
        return Made(made)


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    """Have something that encodes."""
    return Encoder(tmp_path)


@pytest.fixture
def compressed(tmp_path: Path) -> Outgoing:
    """Make an object that is said to be in RLE."""
    return look_at(make(tmp_path / "rle.dcm", "1.2.3", syntax=RLE))


@pytest.mark.parametrize(
    ("transcode", "accepted", "asked"),
    [
        (Transcode.LOSSLESS, [RLE, EXPLICIT], []),
        (Transcode.LOSSLESS, [EXPLICIT], [(EXPLICIT,)]),
        (Transcode.ALWAYS, [RLE, EXPLICIT], [(EXPLICIT,)]),
    ],
)
def test_when_it_is_encoded_anew(
    compressed: Outgoing,
    encoder: Encoder,
    transcode: Transcode,
    accepted: list[str],
    asked: list[tuple[str, ...]],
) -> None:
    with closing(Ready(compressed, contexts(*accepted), Treatment(transcode, encoder))) as ready:
        assert encoder.asked == asked
        assert content(ready) == (encoder.content if asked else data_of(compressed))
        assert ready.context.transfer_syntax == (EXPLICIT if asked else RLE)
        assert ready.note == ("encoded by a test" if asked else "")
        assert ready.stamp == Stamp.of(compressed.path)
        assert list(encoder.folder.glob("made-*")) == []  # it is open, and has no name any more


def test_never_is_never(compressed: Outgoing, encoder: Encoder) -> None:
    with pytest.raises(NotOfferedError, match="RLELossless"):
        Ready(compressed, contexts(EXPLICIT), Treatment(Transcode.NEVER, encoder))
    assert encoder.asked == []


def test_a_failure_leaves_no_file(
    compressed: Outgoing, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> Outgoing:
        raise InputError("it", "is none")

    monkeypatch.setattr(parcel, "look_at", fail)
    with pytest.raises(InputError, match="is none"):
        Ready(compressed, contexts(EXPLICIT), Treatment(encode=encoder))
    assert encoder.asked == [(EXPLICIT,)]
    assert list(encoder.folder.glob("made-*")) == []


def test_the_transcoder_of_the_program_gives_what_is_wanted(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "implicit.dcm", syntax=IMPLICIT)
    with Transcoder(tmp_path) as transcoder:
        treatment = Treatment(encode=transcoder.transcode)
        with closing(Ready(look_at(path), contexts(EXPLICIT), treatment)) as ready:
            assert ready.context.transfer_syntax == EXPLICIT
            assert ready.note
            assert element(0x00100020, "LO", b"PID-1 ") in content(ready)
            assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]


# Changed


def test_values_are_changed_on_the_way(tmp_path: Path) -> None:
    path = make_ct(tmp_path / "ct.dcm")
    before, outgoing = path.read_bytes(), look_at(path)
    treatment = Treatment(assignments=(parse_assignment("PatientID=TEST"),))
    with closing(Ready(outgoing, contexts(EXPLICIT), treatment)) as ready:
        assert ready.sop_instance == outgoing.sop_instance
        sent = content(ready)
    assert element(0x00100020, "LO", b"TEST") in sent
    assert sent.endswith(bytes(range(32)))
    assert path.read_bytes() == before


def test_a_new_uid_is_that_of_the_request(tmp_path: Path) -> None:
    outgoing, uids = look_at(make_ct(tmp_path / "ct.dcm")), NewUids(b"salt")
    uids.know(outgoing.sop_instance)
    with closing(Ready(outgoing, contexts(EXPLICIT), Treatment(uids=uids))) as ready:
        assert ready.sop_instance == uids(outgoing.sop_instance) != outgoing.sop_instance
        assert ready.sop_instance.encode() in content(ready)
        assert outgoing.sop_instance.encode() not in content(ready)


def test_what_is_deflated_is_not_so_once_it_is_changed(tmp_path: Path) -> None:
    outgoing = look_at(make_ct(tmp_path / "ct.dcm", syntax=DEFLATED))
    treatment = Treatment(assignments=(parse_assignment("PatientID=TEST"),))
    with closing(Ready(outgoing, contexts(DEFLATED, EXPLICIT), treatment)) as ready:
        assert ready.context.transfer_syntax == EXPLICIT
        assert element(0x00100020, "LO", b"TEST") in content(ready)
    with closing(Ready(outgoing, contexts(DEFLATED, EXPLICIT), Treatment())) as ready:
        assert ready.context.transfer_syntax == DEFLATED
        assert content(ready) == data_of(outgoing)


# Files that change


@pytest.mark.parametrize("changes", [False, True])
def test_a_file_that_is_replaced_while_it_is_looked_through(
    ct: Outgoing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: object
) -> None:
    other = make(tmp_path / "other.dcm", "1.2.3", 300)
    os.utime(other, ns=(1, 1))

    def replaced(outgoing: Outgoing) -> Outgoing:
        checked = check(outgoing)
        other.replace(ct.path)
        return checked

    monkeypatch.setattr(parcel, "check", replaced)
    wanted = (parse_assignment("PatientID=TEST"),) if changes else ()
    with pytest.raises(InputError, match="is being changed"):
        Ready(ct, contexts(EXPLICIT), Treatment(assignments=wanted))


def test_a_file_that_goes_while_it_is_looked_through(
    ct: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(outgoing: Outgoing) -> Outgoing:
        checked = check(outgoing)
        ct.path.unlink()
        return checked

    monkeypatch.setattr(parcel, "check", gone)
    with pytest.raises(InputError, match="no such file"):
        Ready(ct, contexts(EXPLICIT), Treatment())


@pytest.mark.parametrize("size", [0, 100, 200, 400])
def test_a_file_that_was_cut_is_not_sent(ct: Outgoing, size: int) -> None:
    os.truncate(ct.path, size)
    with pytest.raises(DcmtoolsError):
        Ready(ct, contexts(EXPLICIT), Treatment())


def test_another_object_under_the_same_name_is_not_sent(ct: Outgoing) -> None:
    make(ct.path, "1.2.4", 300)
    with pytest.raises(InputError, match="another object"):
        Ready(ct, contexts(EXPLICIT), Treatment())


def test_a_file_that_holds_nothing_more_than_its_uids(tmp_path: Path) -> None:
    raw = element(0x00080016, "UI", CT.encode() + b"\0") + element(0x00080018, "UI", b"1.22")
    path = tmp_path / "small.dcm"
    path.write_bytes(part10(raw, EXPLICIT))
    with closing(Ready(look_at(path), contexts(EXPLICIT), Treatment())) as ready:
        assert content(ready) == raw

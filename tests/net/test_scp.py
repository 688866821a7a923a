"""The receiver: it stores what comes, as it comes, whoever sends it.

What it does about those who mean no good is in `test_serving` and `tests.cli.test_storescp_faults`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from pynetdicom import AE

from dcmtools.errors import ConnectionFailedError
from dcmtools.net.admission import Rules
from dcmtools.net.negotiation import load_codecs
from dcmtools.net.scp import Receiver
from dcmtools.net.storage import Stored
from tests.conftest import need
from tests.factories import EXPLICIT, IMPLICIT, JPEG, make_ct
from tests.interop.objects import make_archive
from tests.net import wire
from tests.net.hostile import (
    DEADLINE,
    ECHO,
    STORE_CT,
    Running,
    association,
    echo,
    first_word,
    instance,
    status,
)
from tests.net.wire import AC, CT, STUDY_FIND, VERIFICATION, Instance, Proposed, request_pdu

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """See that no thread and no descriptor is left when the receiver has stopped."""
    load_codecs()
    threads = set(threading.enumerate())
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    yield
    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) <= descriptors  # noqa: PTH208


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "in") as running:
        yield running


# What it is for


def test_objects_are_stored_and_told(receiver: Running) -> None:
    one, two = instance("1.1", 200_000), instance("1.2")
    with association(receiver.address) as c:
        assert status(c.store(one)) == 0
        assert echo(c) == 0
        assert status(c.store(two)) == 0
        assert echo(c) == 0
    assert [receiver.data(uid) for uid in ("1.1", "1.2")] == [one.data, two.data]
    folder = receiver.storage.folder
    assert receiver.stored == [
        Stored(
            each.sop_instance_uid,
            0,
            folder / f"{each.sop_instance_uid}.dcm",
            len(each.data),
            sop_class=CT,
            transfer_syntax=EXPLICIT,
        )
        for each in (one, two)
    ]


def test_many_at_once(tmp_path: Path) -> None:
    """All are open at the same time, and all store at the same time."""
    count = 60
    begin = threading.Barrier(count)
    found: list[int] = []
    with Running(tmp_path, most=count) as receiver:
        sent = [instance(f"1.{number}", 20_000) for number in range(count)]

        def send(number: int) -> None:
            with association(receiver.address) as c:
                begin.wait(DEADLINE)
                found.append(status(c.store(sent[number])))

        threads = [threading.Thread(target=send, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [0] * count
        assert all(receiver.data(each.sop_instance_uid) == each.data for each in sent)


def test_one_thing_is_told_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0
    pause = threading.Event()

    def told(_: object) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        pause.wait(0.001)
        inside -= 1

    def send(receiver: Running, number: int) -> None:
        with association(receiver.address) as c:
            assert status(c.store(instance(f"1.{number}"))) == 0

    with Running(tmp_path, told=told) as receiver:
        threads = [threading.Thread(target=send, args=(receiver, each)) for each in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 1


def test_a_port_that_is_taken(receiver: Running) -> None:
    with pytest.raises(ConnectionFailedError, match="cannot listen"):
        Receiver(receiver.storage, Rules("X"), receiver.port, host="127.0.0.1")


# What it offers


def results(receiver: Running, *proposed: Proposed, items: bytes = b"") -> list[wire.Result]:
    kind, body = first_word(receiver.address, request_pdu("ANY", "SCU", proposed, 16384, items))
    assert kind == AC
    return list(wire.accepted_contexts(body))


def test_what_it_accepts(receiver: Running) -> None:
    found = results(
        receiver,
        Proposed(1, CT, (JPEG, EXPLICIT)),
        Proposed(3, CT, ("no syntax",)),
        Proposed(5, STUDY_FIND, (IMPLICIT,)),
        Proposed(7, "1.3.12.2.1107.5.9.1", (EXPLICIT,)),
        Proposed(9, VERIFICATION, (IMPLICIT,)),
    )
    assert [(each.context_id, each.result) for each in found] == [
        *((1, 0), (3, 4), (5, 3), (7, 0), (9, 0))
    ]
    assert [each.transfer_syntax for each in found if not each.result] == [JPEG, EXPLICIT, IMPLICIT]


def test_it_is_no_scu(receiver: Running) -> None:
    asked = results(receiver, STORE_CT, ECHO, items=wire.role(CT, 0, 1))
    assert [each.result for each in asked] == [3, 0]


def test_all_contexts_there_can_be(receiver: Running) -> None:
    proposed = [Proposed(number, CT, (EXPLICIT,)) for number in range(1, 256, 2)]
    assert [each.result for each in results(receiver, *proposed)] == [0] * 128


# Programs of others


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_archive(tmp_path_factory.mktemp("archive")).files


def received(receiver: Running) -> dict[str, Instance]:
    found = [Instance.read(path) for path in receiver.storage.folder.iterdir()]
    return {each.sop_instance_uid: each for each in found}


def sent(archive: dict[str, Path], *syntaxes: str) -> dict[str, Instance]:
    found = {uid: Instance.read(path) for uid, path in archive.items()}
    return {
        u: each for u, each in found.items() if not syntaxes or each.transfer_syntax in syntaxes
    }


@pytest.mark.interop
def test_dcmsend_sends_every_syntax(receiver: Running, archive: dict[str, Path]) -> None:
    """All but implicit: of an uncompressed file it changes the encoding as it likes."""
    expected = {u: i for u, i in sent(archive).items() if i.transfer_syntax != IMPLICIT}
    files = [archive[uid] for uid in expected]
    ran = subprocess.run(
        [need("dcmsend"), "-v", "-dn", "127.0.0.1", str(receiver.port), *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert received(receiver) == expected
    assert len({each.transfer_syntax for each in expected.values()}) == 4


@pytest.mark.interop
@pytest.mark.parametrize(
    ("option", "syntaxes"),
    [
        ("-xe", (EXPLICIT,)),
        ("-xi", (IMPLICIT,)),
        ("-xy", (JPEG,)),
        ("-xr", ("1.2.840.10008.1.2.5",)),
        ("-xd", ("1.2.840.10008.1.2.1.99",)),
    ],
)
def test_storescu_of_dcmtk(
    receiver: Running, archive: dict[str, Path], option: str, syntaxes: tuple[str, ...]
) -> None:
    expected = sent(archive, *syntaxes)
    files = [archive[uid] for uid in expected]
    ran = subprocess.run(
        [need("storescu"), option, "127.0.0.1", str(receiver.port), *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert received(receiver) == expected


@pytest.mark.interop
def test_echoscu_of_dcmtk(receiver: Running) -> None:
    command = [need("echoscu"), "--repeat", "5", "127.0.0.1", str(receiver.port)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_storescu_of_pynetdicom(receiver: Running, archive: dict[str, Path]) -> None:
    expected = sent(archive, EXPLICIT)
    files = [archive[uid] for uid in expected]
    ran = subprocess.run(
        [sys.executable, "-m", "pynetdicom", "storescu", "-cx", "127.0.0.1", str(receiver.port)]
        + [str(path) for path in files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert received(receiver) == expected


def test_an_entity_of_pynetdicom(receiver: Running, tmp_path: Path) -> None:
    ae = AE(ae_title="PYNET")
    ae.add_requested_context(VERIFICATION)
    ae.add_requested_context(CT, EXPLICIT)
    found = ae.associate("127.0.0.1", receiver.port)
    assert found.is_established
    file = make_ct(tmp_path / "ct.dcm", SOPInstanceUID="1.2.3")
    assert found.send_c_echo().Status == 0
    assert found.send_c_store(file).Status == 0
    assert found.send_c_echo().Status == 0
    found.release()
    assert receiver.data("1.2.3") == Instance.read(file).data
    assert receiver.has(0)
    assert receiver.kinds == ["association", "echo", "stored", "echo", "released"]
    assert {each.calling_aet for each in receiver.happenings} == {"PYNET"}

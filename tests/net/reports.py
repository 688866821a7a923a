"""Make reports on storage commitment, and listen for those that a peer opens an association for."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Self

from pydicom.dataset import Dataset

from dcmtools.net.commitment import STORAGE_COMMITMENT, CommitmentReports
from dcmtools.net.connection import Connection, WireError
from dcmtools.net.messages import Messages
from dcmtools.net.negotiation import Context, Request, decode_request, encode_acceptance
from tests.net.scripted import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcmtools.net.command import Command

INSTANCE = "1.2.840.10008.1.20.1.1"
MAX_PDU = 16384


def references(pairs: Sequence[tuple[str, str]], reason: int | None = None) -> list[Dataset]:
    """Make the items of a sequence of SOP classes and instances, with a failure reason or not."""
    items = []
    for sop_class, uid in pairs:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        if reason is not None:
            item.FailureReason = reason
        items.append(item)
    return items


def report_on(request: Dataset, failed: Mapping[str, int] | None = None) -> Dataset:
    """Report that all is committed that was asked for but what has failed."""
    failed = failed or {}
    asked = [
        (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
        for item in request.ReferencedSOPSequence
    ]
    data = Dataset()
    data.TransactionUID = request.TransactionUID
    data.ReferencedSOPSequence = references([pair for pair in asked if pair[1] not in failed])
    items = [references([pair], failed[pair[1]])[0] for pair in asked if pair[1] in failed]
    if items:
        data.FailedSOPSequence = items
    return data


class Listening:
    """Takes associations for reports, one after the other, in a ``with`` block.

    Parameters
    ----------
    reports : CommitmentReports
        What takes the reports.
    port : int
        Where to listen; 0 for any free port.

    Attributes
    ----------
    requests : list of Request
        The associations that were asked for.
    responses : list of Command
        What was answered.
    """

    def __init__(self, reports: CommitmentReports, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.responses: list[Command] = []
        self._reports = reports
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._thread = Thread(target=self._listen, name="reports", daemon=True)
        self._open: Connection | None = None

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop, whatever is going on."""
        self._listener.shutdown(socket.SHUT_RDWR)
        if self._open is not None:
            self._open.shut()
        self._thread.join(PATIENCE)
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                self._open = Connection(self._listener.accept()[0], MAX_PDU)
                with suppress(WireError):
                    self._serve(self._open)
                self._open.close()

    def _serve(self, connection: Connection) -> None:
        request = decode_request(bytes(connection.receive(PATIENCE).content))
        self.requests.append(request)
        contexts = {
            number: Context(
                number, each.abstract_syntax, each.transfer_syntaxes[0], 0, scp=each.scp
            )
            for number, each in request.proposals.items()
            if each.abstract_syntax == STORAGE_COMMITMENT
        }
        answer = encode_acceptance(request, list(contexts.values()), max_pdu=MAX_PDU)
        connection.send(answer, PATIENCE)
        messages = Messages(connection, request.max_pdu)
        while True:
            number, command = messages.receive_command(PATIENCE)
            response = self._reports(messages, contexts[number], command)
            self.responses.append(response)
            messages.send(number, response)

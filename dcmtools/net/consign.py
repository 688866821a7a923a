"""Send files to a peer, however many there are: look at them, plan the associations, send them.

All files are looked at before the first is sent, for the presentation contexts are made from what
there is, and new UIDs are for all references between them.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dcmtools.dataset.dicomdir import is_dicomdir, referenced_files
from dcmtools.dataset.files import Operand, find_files
from dcmtools.dataset.outgoing import Outgoing, look_at
from dcmtools.errors import DcmtoolsError
from dcmtools.net.access import Access
from dcmtools.net.dispatch import Dispatch, Event, Policy
from dcmtools.net.journal import Journal
from dcmtools.net.parcel import Treatment
from dcmtools.net.plan import Kind, Leg, plan
from dcmtools.net.status import Category
from dcmtools.net.store import Sent

__all__ = ["Consignment", "Event", "Policy", "Sent", "Treatment", "Unsent", "store"]


@dataclass(frozen=True, slots=True)
class Unsent:
    """A file of which nothing is sent.

    Parameters
    ----------
    path : Path
        The file, or the folder.
    error : DcmtoolsError or None
        Why; a `NotDicomError` where it is no DICOM. None where it has arrived in a run before.
    named : bool
        Whether it was named, and not only met on a walk.
    outgoing : Outgoing or None
        What has arrived before.
    """

    path: Path
    error: DcmtoolsError | None = None
    named: bool = True
    outgoing: Outgoing | None = None


class Consignment:
    """What is to be sent to a peer.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    treatment : Treatment
        What is done to objects on their way. What gives new UIDs is told which ones there are.
    policy : Policy
        How hard to try.
    propose : sequence of str
        Transfer syntaxes to propose for all.
    journal : Journal or None
        What remembers which objects have arrived.
    warnings_fail : bool
        Whether what the peer has warned of is left out of the journal, to be sent again.

    Attributes
    ----------
    outgoing : list of Outgoing
        The files that are to be sent.
    """

    def __init__(  # noqa: PLR0913 - each may be left out
        self,
        access: Access,
        treatment: Treatment | None = None,
        policy: Policy | None = None,
        *,
        propose: Sequence[str] = (),
        journal: Journal | None = None,
        warnings_fail: bool = False,
    ) -> None:
        self.outgoing: list[Outgoing] = []
        self._access = access
        self._treatment = treatment or Treatment()
        self._policy = policy or Policy()
        self._propose = propose
        self._journal = journal
        self._warnings_fail = warnings_fail
        self._untold: dict[int, Outgoing] = {}
        self._dispatch: Dispatch | None = None

    def look_at(
        self, items: Iterable[Operand], *, dicomdir: bool = False
    ) -> Iterator[Outgoing | Unsent]:
        """Look at the beginning of files, and add those that can be sent.

        Parameters
        ----------
        items : iterable of Operand
            The files.
        dicomdir : bool
            Whether the files that a DICOMDIR lists are sent too. Then each file is sent once, by
            whatever ways it was found.

        Yields
        ------
        Outgoing or Unsent
            What is there of each file.
        """
        for item in _expanded(items) if dicomdir else items:
            found = self._looked_at(item)
            if isinstance(found, Outgoing):
                self.outgoing.append(found)
            yield found

    def loads(self, outgoing: Iterable[Outgoing]) -> list[tuple[Leg, list[Outgoing]]]:
        """Distribute objects over associations, by the presentation contexts that they need."""
        items = list(outgoing)
        kinds: list[Kind] = [(each.sop_class, each.transfer_syntax) for each in items]
        transcode = self._treatment.transcode
        legs = plan(dict.fromkeys(kinds), transcode=transcode, propose=self._propose)
        loads: list[tuple[Leg, list[Outgoing]]] = [(leg, []) for leg in legs]
        homes = {kind: load for leg, load in loads for kind in leg.kinds}
        for kind, each in zip(kinds, items, strict=True):  # in their order, whatever they are
            homes[kind].append(each)
        return loads

    def send(self) -> Generator[Event]:
        """Send everything, and tell of each object; to be closed where it is left early.

        Raises
        ------
        DcmtoolsError
            Something has failed that no object could be told of with.
        """
        self._untold = {id(each): each for each in self.outgoing}
        loads = self.loads(self.outgoing)
        self._dispatch = Dispatch(
            self._access, loads, self._treatment, self._policy, acknowledged=self._acknowledged
        )
        with closing(self._dispatch.run()) as events:
            for event in events:
                self._note(event)
                yield event

    def rest(self) -> Iterator[Event]:
        """Tell of the rest once `send` was left early: what has still happened, and what not."""
        for event in () if self._dispatch is None else self._dispatch.late:
            self._note(event)
            yield event
        for outgoing in self._untold.values():
            yield Sent(outgoing, outgoing.sop_instance, attempts=0)

    def sop_instance_of(self, outgoing: Outgoing) -> str:
        """Give the SOP Instance UID that an object gets on its way."""
        uids, uid = self._treatment.uids, outgoing.sop_instance
        return uids(uid) if uids is not None and uid in uids else uid

    def _looked_at(self, item: Operand) -> Outgoing | Unsent:
        if item.error is not None:
            return Unsent(item.path, item.error, item.named)
        try:
            outgoing = look_at(item.path)
        except DcmtoolsError as error:
            return Unsent(item.path, error, item.named)
        if self._treatment.uids is not None:
            for uid in (outgoing.study, outgoing.series, outgoing.sop_instance):
                self._treatment.uids.know(uid)
        if self._journal is not None and self._journal.holds(outgoing):
            return Unsent(item.path, None, item.named, outgoing)
        return outgoing

    def _note(self, event: Event) -> None:
        if isinstance(event, Sent):
            self._untold.pop(id(event.outgoing), None)

    def _acknowledged(self, sent: Sent) -> None:
        warned = sent.status is not None and sent.status.category is Category.WARNING
        if self._journal is not None and not (warned and self._warnings_fail):
            self._journal.add(sent)


def _expanded(items: Iterable[Operand]) -> Iterator[Operand]:
    """Give the files that DICOMDIRs list in their places, and each file once."""
    seen: set[Path] = set()
    for item in items:
        if item.error is not None or not is_dicomdir(item.path):
            listed = [item]
        else:
            listed = list(_listed(item.path))
        for each in listed:
            if each.error is None:
                place = each.path.resolve()
                if place in seen:
                    continue
                seen.add(place)
            yield each


def _listed(path: Path) -> Iterator[Operand]:
    """Give the files that a DICOMDIR lists."""
    try:
        for found in referenced_files(path):
            if isinstance(found, DcmtoolsError):
                yield Operand(path, error=found)
            else:
                yield Operand(found)
    except DcmtoolsError as error:
        yield Operand(path, error=error)


def store(  # noqa: PLR0913 - each may be left out
    access: Access,
    paths: Iterable[str | Path],
    treatment: Treatment | None = None,
    policy: Policy | None = None,
    *,
    propose: Sequence[str] = (),
    journal: Journal | None = None,
    recurse: bool = True,
    dicomdir: bool = False,
) -> Generator[Event | Unsent]:
    """Send files to a peer (C-STORE), bit for bit where nothing else is asked for.

    Parameters
    ----------
    access : Access
        The peer and how to reach it.
    paths : iterable of str or Path
        Files, and folders to look through; sorted within a folder.
    treatment : Treatment, optional
        What is done to objects on their way. To have one decompressed that the peer does not take
        as it is, its `encode` must be there: the `transcode` of a `Transcoder` is.
    policy : Policy, optional
        How hard to try, and on how many associations.
    propose : sequence of str
        UIDs of transfer syntaxes to propose for all.
    journal : Journal or None
        What remembers which objects have arrived, so that another run leaves them out.
    recurse : bool
        Whether folders within folders are looked through too.
    dicomdir : bool
        Whether the files that a DICOMDIR lists are sent too.

    Yields
    ------
    Unsent
        First, each file of which nothing is sent, and why.
    Sent
        Each object, as soon as it is known what became of it: `Sent.arrived` tells whether the
        peer has it. What fails does not keep the others from being sent.
    Again, Fewer
        Something is tried again, or an association was not to be had.

    Raises
    ------
    DcmtoolsError
        Something has failed that no object could be told of with, as a journal that cannot be
        written.

    Examples
    --------
    >>> access = Access(Peer("pacs", "pacs.example.org", 104, "PACS"))  # doctest: +SKIP
    >>> for each in store(access, ["study"]):  # doctest: +SKIP
    ...     if isinstance(each, Sent) and not each.arrived:
    ...         print(each.outgoing.path, each.error or each.status.text)
    """
    consignment = Consignment(access, treatment, policy, propose=propose, journal=journal)
    items = find_files(map(str, paths), recurse=recurse)
    for found in consignment.look_at(items, dicomdir=dicomdir):
        if isinstance(found, Unsent):
            yield found
    with closing(consignment.send()) as events:
        yield from events

"""Decide who may have an association with a receiver, and in which presentation contexts.

What is asked for is answered with the reason that the standard has for it (PS3.8 9.3.3, 9.3.4), so
that the other side can tell what to change.
"""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from dcmtools.dataset.query_models import is_uid
from dcmtools.net.access import DEFAULT_MAX_PDU
from dcmtools.net.echo import VERIFICATION
from dcmtools.net.negotiation import (
    ACCEPTED,
    APPLICATION_CONTEXT,
    NO_ABSTRACT_SYNTAX,
    NO_TRANSFER_SYNTAX,
    Context,
    Proposal,
    Request,
)
from dcmtools.net.sop_classes import UNCOMPRESSED, is_storage

_STANDARD = "1.2.840.10008."
"""Where the standard's transfer syntaxes are, those included that are too new for a dictionary."""

_PERMANENT, _TRANSIENT = 1, 2
_USER, _ACSE, _PRESENTATION = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Rejection:
    """An association that is rejected (PS3.8 Table 9-21), and why in words."""

    result: int
    source: int
    reason: int
    why: str


CROWDED = Rejection(_TRANSIENT, _PRESENTATION, 2, "there are as many associations as there may be")
ON_REQUEST = Rejection(_TRANSIENT, _PRESENTATION, 2, "as --fault asks for")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a receiver takes from whom.

    Parameters
    ----------
    aet : str
        Our AE title.
    check_called : bool
        Whether whoever calls us something else is rejected.
    calling : collection of str
        The AE titles that may call; all where it is empty.
    networks : tuple of networks
        Where they may be; anywhere where it is empty.
    syntaxes : tuple of str
        The transfer syntaxes to take, those preferred first; where it is empty each is taken as
        it is proposed, so that objects come as the sender has them.
    any_class : bool
        Whether objects are taken whatever their SOP class, and not of those for storage and of
        private ones alone.
    stores : bool
        Whether objects are taken at all.
    services : collection of str
        SOP classes beside those for storage that are answered, whoever wants to be the SCP.
    most : int
        The associations there may be at once.
    max_pdu : int
        The bytes of the longest P-DATA-TF PDU to take.
    """

    aet: str
    check_called: bool = False
    calling: Collection[str] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    syntaxes: tuple[str, ...] = ()
    any_class: bool = False
    stores: bool = True
    services: Collection[str] = ()
    most: int = 50
    max_pdu: int = DEFAULT_MAX_PDU

    def refusal(self, request: Request, host: str) -> Rejection | None:
        """Say why an association is not to be had; None where it is.

        Parameters
        ----------
        request : Request
            What is asked for.
        host : str
            The address that asks.
        """
        if not request.protocol_version & 1:
            return Rejection(_PERMANENT, _ACSE, 2, "the protocol version is not supported")
        if request.application_context != APPLICATION_CONTEXT:
            return Rejection(_PERMANENT, _USER, 2, "the application context is not DICOM's")
        if self.networks and not self._is_near(host):
            return Rejection(_PERMANENT, _USER, 1, "nobody may call from this address")
        if self.calling and request.calling_aet not in self.calling:
            return Rejection(_PERMANENT, _USER, 3, "the calling AE title is not allowed")
        if self.check_called and request.called_aet != self.aet:
            return Rejection(_PERMANENT, _USER, 7, f"we are called {self.aet}")
        return None

    def answers(self, request: Request) -> list[Context]:
        """Decide about the presentation contexts that are proposed."""
        return [self._answer(number, each) for number, each in request.proposals.items()]

    def _answer(self, number: int, proposal: Proposal) -> Context:
        wanted = proposal.abstract_syntax
        service = wanted in self.services
        known = service if proposal.scp else service or self._is_taken(wanted)
        syntax = self._chosen(proposal.transfer_syntaxes, plain=service)
        result = ACCEPTED if known else NO_ABSTRACT_SYNTAX
        if not result and not syntax:
            result = NO_TRANSFER_SYNTAX
        scp = proposal.scp and not result
        return Context(number, wanted, "" if result else syntax, result, scp)

    def _is_taken(self, sop_class: str) -> bool:
        if sop_class == VERIFICATION:
            return True
        return self.stores and (is_storage(sop_class) or (self.any_class and is_uid(sop_class)))

    def _chosen(self, proposed: tuple[str, ...], *, plain: bool) -> str:
        """Choose a transfer syntax, "" where none will do; a plain one where we are to read it."""
        if plain:
            return next((each for each in UNCOMPRESSED if each in proposed), "")
        if self.syntaxes:
            return next((each for each in self.syntaxes if each in proposed), "")
        usable = [each for each in proposed if is_uid(each)]
        # What is private is taken as it is, but of that nobody can tell what is in it.
        standard = (each for each in usable if each.startswith(_STANDARD))
        return next(standard, usable[0] if usable else "")

    def _is_near(self, host: str) -> bool:
        address = ip_address(host.partition("%")[0])
        return any(address in network for network in self.networks)

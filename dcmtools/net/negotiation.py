"""Negotiate associations with pynetdicom's codecs (PS3.8 9.3, PS3.7 D.3); its one importer.

pynetdicom encodes and decodes A-ASSOCIATE PDUs. What a peer sends is not trusted to be decodable:
whatever its codecs raise is a protocol error of the peer.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from dcmtools.dataset.dictionary import uid_keyword
from dcmtools.dataset.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dcmtools.dataset.pydicom_bridge import load_pydicom, quiet
from dcmtools.dataset.query_models import is_uid
from dcmtools.errors import ConfigError, UsageError
from dcmtools.escape import escape
from dcmtools.net.connection import ProtocolError
from dcmtools.net.items import significant

if TYPE_CHECKING:
    from dcmtools.net.identity import Identity

EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"

MOST_CONTEXTS = 128
"""Presentation contexts that an association can have: their IDs are odd bytes (PS3.8 9.3.2.2)."""

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

ACCEPTED, USER_REJECTION, NO_REASON, NO_ABSTRACT_SYNTAX, NO_TRANSFER_SYNTAX = range(5)
RESULTS = {
    USER_REJECTION: "rejected by the peer",
    NO_REASON: "rejected without a reason",
    NO_ABSTRACT_SYNTAX: "abstract syntax not supported",
    NO_TRANSFER_SYNTAX: "transfer syntaxes not supported",
}
"""Results of presentation contexts in words (PS3.8 Table 9-18)."""


class Proposal(NamedTuple):
    """A presentation context that is proposed."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...] = (EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN)
    scp: bool = False
    """Whether the requestor wants to be the SCP, as C-GET needs it (PS3.7 D.3.3.4)."""


class Context(NamedTuple):
    """A presentation context after the negotiation."""

    id: int
    abstract_syntax: str
    transfer_syntax: str
    """The one that was accepted, "" where the context was not."""
    result: int
    """As in PS3.8 Table 9-18; 0 for accepted."""
    scp: bool = False
    """Whether the requestor is the SCP."""

    def __str__(self) -> str:
        """Say what became of it: ``CTImageStorage: abstract syntax not supported``."""
        if self.result:
            outcome = RESULTS.get(self.result, f"result {self.result}")
        else:
            outcome = _named(self.transfer_syntax)
        return f"{_named(self.abstract_syntax)}: {outcome}"


def _named(uid: str) -> str:
    return uid_keyword(uid) or escape(uid)


@dataclass(frozen=True, slots=True)
class Request:
    """What an A-ASSOCIATE-RQ says.

    Parameters
    ----------
    called_aet, calling_aet : str
        The AE titles.
    proposals : dict of int to Proposal
        The presentation contexts by ID.
    max_pdu : int
        The bytes of the longest P-DATA-TF PDU that the requestor takes; 0 for any.
    application_context : str
        The application context name, "" where there is none.
    protocol_version : int
        A bit for each version that the requestor knows, of which the lowest is the only one.
    implementation : str
        The name or the UID that the requestor gives its implementation.
    """

    called_aet: str
    calling_aet: str
    proposals: Mapping[int, Proposal]
    max_pdu: int
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = 1
    implementation: str = ""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What an A-ASSOCIATE-AC says.

    Parameters
    ----------
    contexts : tuple of Context
        One for each proposal, in their order.
    max_pdu : int
        The bytes of the longest P-DATA-TF PDU that the acceptor takes; 0 for any.
    identified : bool
        Whether it has answered to the user identity.
    implementation : str
        The name or the UID that it gives itself.
    extended : dict of str to bytes
        Its answers to extended negotiation by SOP class.
    """

    contexts: tuple[Context, ...]
    max_pdu: int
    identified: bool
    implementation: str
    extended: Mapping[str, bytes] = field(default_factory=dict)


@cache
def _pynetdicom() -> tuple[ModuleType, ModuleType, ModuleType]:
    """Import pynetdicom: its PDUs, their primitives, and presentation contexts."""
    load_pydicom()  # first, so that it comes without numpy where that was asked for
    from pynetdicom import pdu, pdu_primitives, presentation  # noqa: PLC0415

    return pdu, pdu_primitives, presentation


def load_codecs() -> None:
    """Import pynetdicom now, so that it does not take time when time is measured or short."""
    _pynetdicom()


def encode_request(  # noqa: PLR0913 - a request has that many parts
    called_aet: str,
    calling_aet: str,
    proposals: Sequence[Proposal],
    *,
    max_pdu: int,
    identity: "Identity | None" = None,
    extended: Mapping[str, bytes] | None = None,
) -> bytes:
    """Encode an A-ASSOCIATE-RQ PDU (PS3.8 9.3.2).

    Parameters
    ----------
    called_aet, calling_aet : str
        The AE titles, 1 to 16 characters.
    proposals : sequence of Proposal
        The presentation contexts, 1 to 128; they get the IDs 1, 3, 5 and so on.
    max_pdu : int
        The bytes of the longest P-DATA-TF PDU that we take; 0 for any.
    identity : Identity, optional
        Who we say we are.
    extended : dict of str to bytes, optional
        Service class application information by SOP class (PS3.7 D.3.3.5).

    Raises
    ------
    UsageError
        What is proposed is no UID.
    ConfigError
        The user identity is too long.
    """
    if not 1 <= len(proposals) <= MOST_CONTEXTS:
        raise ValueError(f"an association has 1 to {MOST_CONTEXTS} presentation contexts")
    for each in proposals:
        for uid in (each.abstract_syntax, *each.transfer_syntaxes):
            if not is_uid(uid):
                raise UsageError(repr(uid), "is no UID, and cannot be proposed")
    pdu, primitives, _ = _pynetdicom()
    information = _ourselves(max_pdu)
    for sop_class in dict.fromkeys(each.abstract_syntax for each in proposals if each.scp):
        information.append(_role(sop_class, scu=False))
    for sop_class, content in (extended or {}).items():
        negotiation = primitives.SOPClassExtendedNegotiation()
        negotiation.sop_class_uid = sop_class
        negotiation.service_class_application_information = content
        information.append(negotiation)
    if identity is not None:
        information.append(_user(identity))
    request = primitives.A_ASSOCIATE()
    request.application_context_name = APPLICATION_CONTEXT
    request.called_ae_title, request.calling_ae_title = called_aet, calling_aet
    request.user_information = information
    with quiet():
        request.presentation_context_definition_list = [
            _presentation_context(2 * number + 1, each) for number, each in enumerate(proposals)
        ]
        try:
            encoded: bytes = pdu.A_ASSOCIATE_RQ(request).encode()
        except struct.error as error:
            hint = "The user information of an association holds 64 KiB."
            raise ConfigError("user identity", "is too long", hint) from error
    return encoded


def decode_acceptance(raw: bytes, proposals: Sequence[Proposal]) -> Acceptance:
    """Decode an A-ASSOCIATE-AC PDU (PS3.8 9.3.3).

    A context that is not answered counts as rejected without a reason, and one that is accepted
    with a transfer syntax which was not proposed as not supported: neither can be used.

    Raises
    ------
    ProtocolError
        It cannot be decoded.
    """
    return _decoded("A-ASSOCIATE-AC", lambda: _acceptance(raw, proposals))


def _acceptance(raw: bytes, proposals: Sequence[Proposal]) -> Acceptance:
    pdu = _pynetdicom()[0].A_ASSOCIATE_AC()
    pdu.decode(significant(raw))
    answers = {item.context_id: item for item in pdu.presentation_context}
    user = pdu.user_information
    roles = user.role_selection if user else {}
    contexts = []
    for number, proposal in enumerate(proposals):
        answer = answers.get(2 * number + 1)
        syntax = str(answer.transfer_syntax or "") if answer else ""
        result = answer.result if answer else NO_REASON
        if result == ACCEPTED and syntax not in proposal.transfer_syntaxes:
            result = NO_TRANSFER_SYNTAX
        role = roles.get(proposal.abstract_syntax)
        scp = proposal.scp and role is not None and bool(role.scp_role)
        if result == ACCEPTED and proposal.scp and not scp:
            result = USER_REJECTION
        syntax = syntax if result == ACCEPTED else ""
        contexts.append(Context(2 * number + 1, proposal.abstract_syntax, syntax, result, scp))
    if user is None:
        return Acceptance(tuple(contexts), 0, identified=False, implementation="")
    name = str(user.implementation_version_name or user.implementation_class_uid or "")
    extended = {str(item.uid): bytes(item.app_info or b"") for item in user.ext_neg}
    identified = user.user_identity is not None
    return Acceptance(tuple(contexts), user.maximum_length or 0, identified, name, extended)


def decode_request(raw: bytes) -> Request:
    """Decode an A-ASSOCIATE-RQ PDU (PS3.8 9.3.2).

    Raises
    ------
    ProtocolError
        It cannot be decoded, or has presentation context IDs that are none.
    """
    return _decoded("A-ASSOCIATE-RQ", lambda: _request(raw))


def _request(raw: bytes) -> Request:
    pdu = _pynetdicom()[0].A_ASSOCIATE_RQ()
    pdu.decode(significant(raw))
    user = pdu.user_information
    roles = user.role_selection if user else {}
    proposals: dict[int, Proposal] = {}
    for item in pdu.presentation_context:
        abstract = str(item.abstract_syntax or "")
        role = roles.get(abstract)
        scp = role is not None and bool(role.scp_role) and not role.scu_role
        syntaxes = tuple(str(syntax) for syntax in item.transfer_syntax if syntax)
        number = int(item.context_id or 0)
        if not number & 1 or number in proposals:
            raise ProtocolError(f"sent an A-ASSOCIATE-RQ PDU with a context ID of {number}")
        proposals[number] = Proposal(abstract, syntaxes, scp)
    name = (user.implementation_version_name or user.implementation_class_uid) if user else ""
    return Request(
        pdu.called_ae_title.strip(),
        pdu.calling_ae_title.strip(),
        proposals,
        max_pdu=(user.maximum_length or 0) if user else 0,
        application_context=str(pdu.application_context_name or ""),
        protocol_version=int(pdu.protocol_version),
        implementation=str(name or ""),
    )


def encode_acceptance(request: Request, contexts: Sequence[Context], *, max_pdu: int) -> bytes:
    """Encode the A-ASSOCIATE-AC PDU that answers a request (PS3.8 9.3.3).

    Parameters
    ----------
    request : Request
        The request.
    contexts : sequence of Context
        What becomes of each presentation context of the request. The role of the SCP is granted
        for the SOP classes of those that are accepted with it; it must have been asked for.
    max_pdu : int
        The bytes of the longest P-DATA-TF PDU that we take.
    """
    pdu, primitives, presentation = _pynetdicom()
    answer = primitives.A_ASSOCIATE()
    answer.application_context_name = APPLICATION_CONTEXT
    answer.called_ae_title, answer.calling_ae_title = request.called_aet, request.calling_aet
    granted = dict.fromkeys(
        each.abstract_syntax for each in contexts if each.scp and each.result == ACCEPTED
    )
    roles = [_role(sop_class, scu=False) for sop_class in granted]
    answer.user_information = [*_ourselves(max_pdu), *roles]
    with quiet():
        results = []
        for context in contexts:
            result = presentation.PresentationContext()
            result.context_id = context.id
            result.result = context.result
            proposed = request.proposals[context.id].transfer_syntaxes
            # Of no significance where it is not accepted, but there it must be (PS3.8 9.3.3.2).
            syntaxes = (context.transfer_syntax, *proposed, IMPLICIT_LITTLE_ENDIAN)
            result.add_transfer_syntax(next(filter(None, syntaxes)))
            results.append(result)
        answer.presentation_context_definition_results_list = results
        encoded: bytes = pdu.A_ASSOCIATE_AC(answer).encode()
    return encoded


def encode_rejection(result: int, source: int, reason: int) -> bytes:
    """Encode an A-ASSOCIATE-RJ PDU; the numbers are those of PS3.8 Table 9-21."""
    return bytes((3, 0, 0, 0, 0, 4, 0, result, source, reason))


def _presentation_context(number: int, proposal: Proposal) -> Any:  # noqa: ANN401 - untyped there
    context = _pynetdicom()[2].PresentationContext()
    context.context_id = number
    context.abstract_syntax = proposal.abstract_syntax
    for syntax in proposal.transfer_syntaxes:
        context.add_transfer_syntax(syntax)
    return context


def _ourselves(max_pdu: int) -> list[Any]:
    """Make the user information that must always be there (PS3.7 D.3.3)."""
    primitives = _pynetdicom()[1]
    length = primitives.MaximumLengthNotification()
    length.maximum_length_received = max_pdu
    implementation = primitives.ImplementationClassUIDNotification()
    implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = primitives.ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return [length, implementation, version]


def _role(sop_class: str, *, scu: bool) -> Any:  # noqa: ANN401
    role = _pynetdicom()[1].SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid = sop_class
    role.scu_role, role.scp_role = scu, True
    return role


def _user(identity: "Identity") -> Any:  # noqa: ANN401
    user = _pynetdicom()[1].UserIdentityNegotiation()
    user.user_identity_type = identity.kind
    user.primary_field, user.secondary_field = identity.primary, identity.secondary
    user.positive_response_requested = identity.response
    return user


_T = TypeVar("_T")


def _decoded(name: str, decode: Callable[[], _T]) -> _T:
    try:
        with quiet():
            return decode()
    except ProtocolError:
        raise
    except Exception as error:  # codecs meet every malformed PDU there is, each in its own way
        raise ProtocolError(f"sent an {name} PDU that cannot be read") from error

"""What is used of pynetdicom is still there and does what it did; a new series has to be looked at.

Its codecs are no documented interface of it. They are used in one module, and in the one series
that `pyproject.toml` allows. When it moves, these tests say what has to be looked after.
"""

import ast
import inspect
import logging
import subprocess
import sys
import tomllib
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import requires, version
from pathlib import Path
from struct import pack

import pydicom.config
import pynetdicom
import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from pynetdicom import pdu, pdu_items, pdu_primitives, presentation

import dcmtools
from dcmtools.dataset.pydicom_bridge import decode_text
from dcmtools.net import negotiation
from tests.net import wire
from tests.net.wire import CT, VERIFICATION, item

PACKAGE = Path(dcmtools.__file__).parent
SOURCE = Path(negotiation.__file__).read_text(encoding="utf-8")
MODULES = {"pdu": pdu, "primitives": pdu_primitives, "presentation": presentation}


USED: dict[type, set[str]] = {
    pdu.A_ASSOCIATE_AC: {"decode", "encode", "presentation_context", "user_information"},
    pdu.A_ASSOCIATE_RQ: {
        "decode",
        "encode",
        "presentation_context",
        "user_information",
        "called_ae_title",
        "calling_ae_title",
    },
    pdu_items.PresentationContextItemAC: {"context_id", "result", "transfer_syntax"},
    pdu_items.PresentationContextItemRQ: {"context_id", "abstract_syntax", "transfer_syntax"},
    pdu_items.UserInformationItem: {
        "maximum_length",
        "implementation_class_uid",
        "implementation_version_name",
        "role_selection",
        "ext_neg",
        "user_identity",
    },
    pdu_items.SCP_SCU_RoleSelectionSubItem: {"scu_role", "scp_role", "uid"},
    pdu_items.SOPClassExtendedNegotiationSubItem: {"uid", "app_info"},
    pdu_primitives.A_ASSOCIATE: {
        "application_context_name",
        "called_ae_title",
        "calling_ae_title",
        "presentation_context_definition_list",
        "presentation_context_definition_results_list",
        "user_information",
    },
    pdu_primitives.MaximumLengthNotification: {"maximum_length_received"},
    pdu_primitives.ImplementationClassUIDNotification: {"implementation_class_uid"},
    pdu_primitives.ImplementationVersionNameNotification: {"implementation_version_name"},
    pdu_primitives.SCP_SCU_RoleSelectionNegotiation: {"sop_class_uid", "scu_role", "scp_role"},
    pdu_primitives.SOPClassExtendedNegotiation: {
        "sop_class_uid",
        "service_class_application_information",
    },
    pdu_primitives.UserIdentityNegotiation: {
        "user_identity_type",
        "primary_field",
        "secondary_field",
        "positive_response_requested",
    },
    presentation.PresentationContext: {
        "context_id",
        "abstract_syntax",
        "add_transfer_syntax",
        "result",
    },
}
"""The classes that are used, and what is used of each."""


def used() -> set[tuple[str, str]]:
    """Find the classes that `negotiation` takes out of pynetdicom, each after its module."""
    found = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if not isinstance(node, ast.Attribute) or not node.attr[0].isupper():
            continue
        place = ast.unparse(node.value)
        if place in MODULES:
            found.add((place, node.attr))
        elif place.startswith("_pynetdicom()["):
            found.add(([*MODULES][int(place[-2])], node.attr))
    return found


def test_one_module_imports_pynetdicom() -> None:
    importers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            modules = [getattr(node, "module", None) or "", *names]
            if isinstance(node, (ast.Import, ast.ImportFrom)) and any(
                name.split(".")[0] == "pynetdicom" for name in modules
            ):
                importers.add(path.relative_to(PACKAGE).as_posix())
    assert importers == {"net/negotiation.py"}


def test_its_range_of_versions_is_one_series() -> None:
    declared = [Requirement(line) for line in requires("dcmtools") or []]
    specifier = next(each.specifier for each in declared if each.name == "pynetdicom")
    assert {str(each) for each in specifier} == {">=3.0.4", "<3.1"}
    assert specifier.contains(Version(version("pynetdicom")))
    for other in ("3.0.3", "3.1.0", "4.0"):
        assert not specifier.contains(other)
    pyproject = PACKAGE.parent / "pyproject.toml"
    if pyproject.exists():
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        assert "pynetdicom>=3.0.4,<3.1" in project["dependencies"]


def test_all_that_is_used_is_there() -> None:
    names = used()
    assert {
        ("pdu", "A_ASSOCIATE_RQ"),
        ("pdu", "A_ASSOCIATE_AC"),
        ("primitives", "A_ASSOCIATE"),
        ("primitives", "MaximumLengthNotification"),
        ("primitives", "UserIdentityNegotiation"),
        ("presentation", "PresentationContext"),
    } <= names
    for module, name in names:
        assert inspect.isclass(getattr(MODULES[module], name)), f"{module}.{name}"


@pytest.mark.parametrize(("kind", "attributes"), USED.items())
def test_each_class_has_what_is_used_of_it(kind: type, attributes: set[str]) -> None:
    assert attributes <= {name for name, _ in inspect.getmembers(kind)} | set(vars(kind()))


def test_no_class_is_used_that_is_not_looked_after() -> None:
    assert {name for _, name in used()} <= {kind.__name__ for kind in USED}


def test_it_decodes_answers_as_ever() -> None:
    uid = pack(">H", len(CT)) + CT.encode()
    items = wire.role(CT, 0, 1) + item(0x56, uid + b"\1\0") + wire.identity_response(b"yes")
    results = [wire.Result(1, 0, "1.2.840.10008.1.2"), wire.Result(3, 3, "")]
    found = pdu.A_ASSOCIATE_AC()
    found.decode(wire.accept_pdu("PACS", "WS1", results, 16384, items))
    contexts = [(each.context_id, each.result) for each in found.presentation_context]
    assert contexts == [(1, 0), (3, 3)]
    assert str(found.presentation_context[0].transfer_syntax) == "1.2.840.10008.1.2"
    user = found.user_information
    assert user.maximum_length == 16384
    assert (user.role_selection[CT].scu_role, user.role_selection[CT].scp_role) == (0, 1)
    assert [(str(each.uid), each.app_info) for each in user.ext_neg] == [(CT, b"\1\0")]
    assert user.user_identity is not None


def test_it_decodes_requests_as_ever() -> None:
    proposed = [wire.Proposed(1, VERIFICATION, ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1"))]
    found = pdu.A_ASSOCIATE_RQ()
    found.decode(wire.request_pdu("PACS", "WS1", proposed, 16384))
    assert (found.called_ae_title, found.calling_ae_title) == ("PACS", "WS1")
    context = found.presentation_context[0]
    assert (context.context_id, context.abstract_syntax) == (1, VERIFICATION)
    assert [str(each) for each in context.transfer_syntax] == [*proposed[0].transfer_syntaxes]


@pytest.mark.parametrize("name", ["pynetdicom", "pydicom"])
def test_its_log_goes_nowhere_by_itself(name: str) -> None:
    handlers = logging.getLogger(name).handlers
    assert any(isinstance(each, logging.NullHandler) for each in handlers)


def test_threads_leave_what_holds_for_all_of_them_as_it_was() -> None:
    settings = pydicom.config.settings
    before = settings.reading_validation_mode, [*warnings.filters]
    raw = wire.accept_pdu("PACS", "WS1", [wire.Result(1, 0, "abc")], 16384, b"")

    def work(number: int) -> None:
        for _ in range(300):
            if number % 2:
                decode_text(b"\xff", ["ISO_IR 192"], person_name=False)
            else:
                negotiation.decode_acceptance(raw, [negotiation.Proposal(CT)])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert (settings.reading_validation_mode, [*warnings.filters]) == before


def test_it_is_imported_only_when_it_is_needed() -> None:
    code = (
        "import sys, dcmtools.net.negotiation, dcmtools.net.association, dcmtools.net.connect;"
        "print([name for name in ('pydicom', 'pynetdicom', 'ssl', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_it_is_the_one_that_is_installed() -> None:
    assert pynetdicom.__version__ == version("pynetdicom")

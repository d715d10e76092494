"""What a scenario asks for by name. A project of its own may override any of them, `target` above all.

`from conformance.run.fixtures import *` in a conftest makes them known there; they are not known to other test runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from conformance.checks.capabilities import Capabilities
from conformance.checks.checks import Checks
from conformance.checks.verdict import Case
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.steps import Steps, tags_in
from conformance.client.transport import TransportError
from conformance.config.description import Hosts
from conformance.config.options import MARKER
from conformance.config.settings import Settings
from conformance.errors import ConfigurationError
from conformance.run import github
from conformance.run.actors import Clients, Places, Variant, unsupported
from conformance.run.current import current_run
from conformance.run.run import CASE
from conformance.targets.base import Target

__all__ = [
    "another_repository",
    "capabilities",
    "case",
    "check",
    "client",
    "clients",
    "content",
    "given",
    "hosts",
    "place",
    "repository",
    "settings",
    "target",
    "variant",
]


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Settings:
    """The settings of the run."""
    return current_run(pytestconfig).settings


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """What is tested, started."""
    try:
        return current_run(pytestconfig).target()
    except ConfigurationError as error:
        pytest.exit(f"conformance: {error}", returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def capabilities(pytestconfig: pytest.Config, target: Target) -> Capabilities:
    """The optional abilities of the target, asked for as they are needed."""
    run = current_run(pytestconfig)
    client = Client(target.transport(), case="probe", authenticator=target.authenticator(target.writer))
    pattern = target.description.places["default"]
    return Capabilities(
        client,
        run.content("probe"),
        new_name=lambda label: pattern.replace("{}", run.unique(label)),
        absent=target.description.absent,
    )


@pytest.fixture
def case(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, target: Target, capabilities: Capabilities
) -> Case:
    """The state of this scenario; skips it as unsupported when a capability that it needs is absent."""
    case: Case = request.node.stash[CASE]
    current_run(pytestconfig).describe(case, target)
    for marker in request.node.iter_markers(MARKER):
        needs = marker.kwargs.get("needs", ())
        for name in [needs] if isinstance(needs, str) else needs:
            _need(case, target, capabilities, name)
    return case


@pytest.fixture
def check(case: Case) -> Checks:
    """The checks, bound to the requirements of this scenario."""
    return Checks(case)


@pytest.fixture
def clients(request: pytest.FixtureRequest, case: Case, target: Target) -> Clients:
    """Makes clients by who they are: `clients("reader")`; through a socket when the scenario is marked so."""
    wire = any(marker.kwargs.get("wire") for marker in request.node.iter_markers(MARKER))
    return Clients(target, case, wire)


@pytest.fixture
def client(clients: Clients) -> Client:
    """A client of whoever may do everything, whose every exchange is recorded."""
    return clients()


@pytest.fixture
def given(client: Client, case: Case, target: Target, capabilities: Capabilities) -> Steps:
    """The preparations, all of which push."""
    _need(case, target, capabilities, "push")
    return Steps(client)


@pytest.fixture
def content(request: pytest.FixtureRequest, pytestconfig: pytest.Config, case: Case) -> Content:
    """Content that the seed of the run and the name of the scenario make."""
    return current_run(pytestconfig).content(case.id)


@pytest.fixture
def hosts(target: Target) -> Hosts:
    """What is at which host of the target."""
    return target.description.hosts


@pytest.fixture
def place(request: pytest.FixtureRequest, pytestconfig: pytest.Config, target: Target) -> Iterator[Places]:
    """Makes names of repositories by what they are for: `place("public")`."""
    made: list[str] = []
    yield Places(target, _new_part(request, pytestconfig), made.append)
    for name in made:
        _tidy(target, name)


@pytest.fixture
def repository(place: Places) -> str:
    """The name of a repository that no other scenario uses."""
    return place()


@pytest.fixture
def another_repository(place: Places) -> str:
    """The name of a second repository of this scenario."""
    return place()


@pytest.fixture
def variant(request: pytest.FixtureRequest, pytestconfig: pytest.Config, target: Target, case: Case) -> Iterator[Any]:
    """Makes a fake of the scenario's own with other settings: `variant(ecosystem="read-only")`."""
    with ExitStack() as stack:

        def make(**settings: Any) -> Variant:
            try:
                changed: Any = stack.enter_context(target.variant(**settings))
            except LookupError as error:
                unsupported(str(error))
            places = Places(changed, _new_part(request, pytestconfig), lambda name: None)
            return Variant(changed, Clients(changed, case), places)

        yield make


def _new_part(request: pytest.FixtureRequest, config: pytest.Config) -> Callable[[], str]:
    name = request.node.originalname.removeprefix("test_")
    return lambda: current_run(config).unique(name)


def _need(case: Case, target: Target, capabilities: Capabilities, name: str) -> None:
    answer = capabilities.ask(name)
    case.capabilities[name] = "present" if answer.present else f"absent: {answer.reason}"
    if answer.present:
        return
    if name in target.description.required:
        case.miss(name, answer.reason)
    unsupported(f"{name}: {answer.reason}")


def _tidy(target: Target, name: str) -> None:
    """Delete what a scenario left in a repository on a shared server, as far as that works; never a failure.

    That is its package, where there is an API for packages, unless other scenarios use it, too; else what has a tag.
    """
    if not target.shared:
        return
    client = Client(target.transport(), case="tidy", authenticator=target.authenticator(target.writer))
    try:
        if target.description.hosts.web:
            if name not in target.description.places.values():
                github.tidy(target, name)
            return
        for tag in tags_in(client.list_tags(name)):
            digest = client.head_manifest(name, tag).header("Docker-Content-Digest")
            if digest:
                client.delete_manifest(name, digest)
    except TransportError:
        return

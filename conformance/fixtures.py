"""What a scenario asks for by name. A project of its own may override any of them, `target` above all.

`from conformance.fixtures import *` in a conftest makes them known there; they are not known to other test runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.capabilities import Capabilities
from conformance.checks import Checks
from conformance.client import Client
from conformance.content import Content
from conformance.options import ConfigurationError
from conformance.plugin import MARKER, current_run
from conformance.run import CASE, UNSUPPORTED
from conformance.settings import Settings
from conformance.steps import Steps, tags_in
from conformance.targets import Target
from conformance.transport import TransportError
from conformance.verdict import Case

__all__ = [
    "another_repository",
    "capabilities",
    "case",
    "check",
    "client",
    "content",
    "given",
    "repository",
    "settings",
    "target",
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
    client = Client(target.transport(), case="probe", authorization=target.authorization)
    return Capabilities(client, run.content("probe"), prefix=run.repository("capability"))


@pytest.fixture
def case(request: pytest.FixtureRequest, capabilities: Capabilities) -> Case:
    """The state of this scenario; skips it as unsupported when a capability that it needs is absent."""
    case: Case = request.node.stash[CASE]
    for marker in request.node.iter_markers(MARKER):
        needs = marker.kwargs.get("needs", ())
        for name in [needs] if isinstance(needs, str) else needs:
            _need(case, capabilities, name)
    return case


@pytest.fixture
def check(case: Case) -> Checks:
    """The checks, bound to the requirements of this scenario."""
    return Checks(case)


@pytest.fixture
def client(request: pytest.FixtureRequest, case: Case, target: Target) -> Client:
    """A client whose every exchange is recorded; through a socket when the scenario is marked so."""
    wire = any(marker.kwargs.get("wire") for marker in request.node.iter_markers(MARKER))
    return Client(
        target.transport(wire=wire), case=case.id, authorization=target.authorization, on_exchange=case.record
    )


@pytest.fixture
def given(client: Client, case: Case, capabilities: Capabilities) -> Steps:
    """The preparations, all of which push."""
    _need(case, capabilities, "push")
    return Steps(client)


@pytest.fixture
def content(request: pytest.FixtureRequest, pytestconfig: pytest.Config, case: Case) -> Content:
    """Content that the seed of the run and the name of the scenario make."""
    return current_run(pytestconfig).content(case.id)


@pytest.fixture
def repository(pytestconfig: pytest.Config, request: pytest.FixtureRequest, target: Target) -> Iterator[str]:
    """The name of a repository that no other scenario uses."""
    name = current_run(pytestconfig).repository(request.node.originalname.removeprefix("test_"))
    yield name
    _tidy(target, name)


@pytest.fixture
def another_repository(pytestconfig: pytest.Config, request: pytest.FixtureRequest, target: Target) -> Iterator[str]:
    """The name of a second repository of this scenario."""
    name = current_run(pytestconfig).repository(f"{request.node.originalname.removeprefix('test_')} 2")
    yield name
    _tidy(target, name)


def _need(case: Case, capabilities: Capabilities, name: str) -> None:
    answer = capabilities.ask(name)
    case.capabilities[name] = "present" if answer.present else f"absent: {answer.reason}"
    if not answer.present:
        pytest.skip(f"{UNSUPPORTED}{name}: {answer.reason}")


def _tidy(target: Target, name: str) -> None:
    """Delete the tagged manifests of a repository on a shared server, as far as that works; never a failure."""
    if not target.shared:
        return
    client = Client(target.transport(), case="tidy", authorization=target.authorization)
    try:
        for tag in tags_in(client.list_tags(name)):
            digest = client.head_manifest(name, tag).header("Docker-Content-Digest")
            if digest:
                client.delete_manifest(name, digest)
    except TransportError:
        return

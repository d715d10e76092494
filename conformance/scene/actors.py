"""The clients of a target by identity, and the names of its repositories by purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import pytest

from conformance.client.client import Client
from conformance.client.credentials import Authenticator, Bearer
from conformance.client.identity import Identity
from conformance.client.steps import Steps
from conformance.config.description import Hosts

if TYPE_CHECKING:
    from conformance.checks.verdict import Case
    from conformance.targets.base import Target
    from conformance.targets.fakes import InProcessFake

UNSUPPORTED = "unsupported: "
NOT_APPLICABLE = "not applicable: "


def unsupported(reason: str) -> NoReturn:
    """Skip the scenario as unsupported: the target lacks an optional capability and answered with a legal refusal."""
    pytest.skip(f"{UNSUPPORTED}{reason}")


def not_applicable(reason: str) -> NoReturn:
    """Skip the scenario as not applicable: its subject does not occur at this target."""
    pytest.skip(f"{NOT_APPLICABLE}{reason}")


def unconfigured(reason: str) -> NoReturn:
    """Skip the scenario, which needs something that the run was not given."""
    pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Clients:
    """Make clients of a target, whose exchanges are recorded in the case of the scenario."""

    target: Target
    case: Case
    wire: bool = False

    def __call__(self, identity: str = "writer", *, at: str = "") -> Client:
        """Make a client that authenticates as an identity, by Basic or tokens as the target asks.

        `at` is the base URL of another host of the target. The scenario is skipped without the identity.
        """
        return self._client(at, self.target.authenticator(self.find(identity)))

    def upfront(self, identity: str, *, at: str) -> Client:
        """Make a client that sends Basic credentials in every request, since an API may answer 404 instead of 401."""
        found = self.find(identity)
        return self._client(at, Authenticator(found, preemptive=not found.anonymous))

    def silent(self, *, at: str = "") -> Client:
        """Make a client that never authenticates by itself."""
        return self._client(at, None)

    def bearing(self, token: str, *, scheme: str = "Bearer") -> Client:
        """Make a client that sends this token, valid or not, and gets no other."""
        return self._client("", Bearer(token, scheme))

    def unwatched(self) -> Client:
        """Make a client for servers beside the registry, such as a token service, without the passive checks."""
        return Client(self.target.transport(wire=self.wire), case=self.case.id, allowance=self.case.allowance)

    def find(self, identity: str) -> Identity:
        """Find an identity by its name; the scenario is skipped without it."""
        found = self.target.writer if identity == "writer" else self.target.description.identity(identity)
        if found is None:
            unconfigured(f"the identity {identity} is not configured for the target")
        return found

    def _client(self, at: str, authenticator: Authenticator | None) -> Client:
        return Client(
            self.target.transport(wire=self.wire),
            case=self.case.id,
            base_url=at,
            authenticator=authenticator,
            on_exchange=self.case.record,
            allowance=self.case.allowance,
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Make names of repositories by purpose. `made` is called with each, to tidy up later."""

    target: Target
    new_part: Callable[[], str]
    made: Callable[[str], object]

    def __call__(self, name: str = "default") -> str:
        """Name a repository in a place of the target: a new one, or the only one of a place without `{}`.

        The scenario is skipped without the place.
        """
        pattern = self.target.description.places.get(name)
        if pattern is None:
            unconfigured(f"the place {name} is not configured for the target")
        repository = pattern.replace("{}", self.new_part())
        self.made(repository)
        return repository


@dataclass(frozen=True, slots=True)
class Variant:
    """A fake that the scenario started with other settings; `need` asks for what the target can do."""

    target: InProcessFake
    clients: Clients
    place: Places
    need: Callable[[str], object]

    @property
    def client(self) -> Client:
        """A client of the writer."""
        return self.clients()

    @property
    def given(self) -> Steps:
        """The preparations, as the writer."""
        return Steps(self.client, self.need)

    @property
    def hosts(self) -> Hosts:
        """The hosts of the fake."""
        return self.target.description.hosts

    def configure(self, *, registry: str = "", **settings: str | bool | float) -> None:
        """Change settings while it runs, of the registry named `registry` or else of that of the target."""
        self.target.running.configure(registry=registry, **settings)

    def migrate(self) -> tuple[str, ...]:
        """Move all images of the Docker registry to the Container registry, or none; return the names in conflict."""
        return self.target.migrate()

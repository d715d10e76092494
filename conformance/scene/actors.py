"""What a scenario acts through: clients of a target by who they are, and repositories by what they are for."""

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


def unsupported(reason: str) -> NoReturn:
    """End the scenario: the target legally does not have what it is about, or was not told what it needs."""
    pytest.skip(f"{UNSUPPORTED}{reason}")


@dataclass(frozen=True, slots=True)
class Clients:
    """Makes clients of a target whose every exchange is recorded in the scenario's case."""

    target: Target
    case: Case
    wire: bool = False

    def __call__(self, identity: str = "writer", *, at: str = "") -> Client:
        """A client that authenticates as an identity of the target, by Basic or tokens, whatever is asked of it.

        `at` is the base URL of another host of the target. Unsupported where there is nobody of that name.
        """
        return self._client(at, self.target.authenticator(self.find(identity)))

    def upfront(self, identity: str, *, at: str) -> Client:
        """The same with Basic credentials in every request: an API may hide what it has instead of asking for them."""
        found = self.find(identity)
        return self._client(at, Authenticator(found, preemptive=not found.anonymous))

    def silent(self, *, at: str = "") -> Client:
        """A client that never authenticates, so that the answers to that can be seen; headers may do it by hand."""
        return self._client(at, None)

    def bearing(self, token: str, *, scheme: str = "Bearer") -> Client:
        """A client that sends this token, whatever it is worth, and gets no other."""
        return self._client("", Bearer(token, scheme))

    def unwatched(self) -> Client:
        """A client of what is no registry, such as a token service: the checks of every exchange leave it out."""
        return Client(self.target.transport(wire=self.wire), case=self.case.id)

    def find(self, identity: str) -> Identity:
        """Somebody by name. Unsupported where there is nobody of that name."""
        found = self.target.writer if identity == "writer" else self.target.description.identity(identity)
        if found is None:
            unsupported(f"the target knows nobody called {identity}")
        return found

    def _client(self, at: str, authenticator: Authenticator | None) -> Client:
        return Client(
            self.target.transport(wire=self.wire),
            case=self.case.id,
            base_url=at,
            authenticator=authenticator,
            on_exchange=self.case.record,
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Names of repositories by what they are for. `made` is told each, so that it can be tidied up."""

    target: Target
    new_part: Callable[[], str]
    made: Callable[[str], object]

    def __call__(self, name: str = "default") -> str:
        """A repository in a place of the target that no other scenario uses, or the one that the place is.

        Unsupported where the target has no such place.
        """
        pattern = self.target.description.places.get(name)
        if pattern is None:
            unsupported(f"the target has no place called {name}")
        repository = pattern.replace("{}", self.new_part())
        self.made(repository)
        return repository


@dataclass(frozen=True, slots=True)
class Variant:
    """A fake of the scenario's own, with settings that the target does not have."""

    target: InProcessFake
    clients: Clients
    place: Places

    @property
    def client(self) -> Client:
        """A client as the writer."""
        return self.clients()

    @property
    def given(self) -> Steps:
        """Preparations as the writer."""
        return Steps(self.client)

    @property
    def hosts(self) -> Hosts:
        """What is at which host."""
        return self.target.description.hosts

    def configure(self, *, registry: str = "", **settings: str | bool | float) -> None:
        """Change settings while it runs; of two registries, `registry` names one, else it is that of the target."""
        self.target.running.configure(registry=registry, **settings)

    def migrate(self) -> tuple[str, ...]:
        """Move all images of the Docker registry to the Container registry, or none; gives the names that clash."""
        return self.target.migrate()
